"""Kinks and edges of domains, at the point or within a step of it.

How near is near?  A step of the automatic finite difference, taken in the inputs, moves an
operand x of an equation by ẋ; a kink at c is |x − c| / |ẋ| steps away.  Within two of them a
difference mixes the slopes of both sides, and a derivative holds for a very small neighbourhood.
What the value does not depend on (a branch that is not selected, a factor of 0) does not count.

Reading on: Note [Kinks] in ``primitives/piecewise.py``; Griewank & Walther 2008, chapter 14.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from diffkit.comparison.diagnose_finding import Finding, found_at
from diffkit.comparison.diagnose_point import Point

__all__ = ["places"]

NEAR = 2.0  # steps: Richardson's extrapolation looks that far
STEEP = 0.1  # of a quotient, its change in a step near a pole

# Operation → the distance of its operands from its kink, and what happens there.
Distance = Callable[..., Any]
KINKS: dict[str, tuple[Distance, Distance, str]] = {
    "relu": (lambda x: x, lambda x: x, "its slope is 0 below and 1 above; 0 is declared"),
    "abs": (lambda x: x, lambda x: x, "its slope is −1 below and 1 above; 0 is declared"),
    "maximum": (lambda a, b: a - b, lambda a, b: a - b, "a tie shares the slope evenly"),
    "minimum": (lambda a, b: a - b, lambda a, b: a - b, "a tie shares the slope evenly"),
    "sign": (lambda x: x, lambda x: x, "it jumps"),
    "floor": (lambda x: x - np.rint(x), lambda x: x, "it jumps"),
    "ceil": (lambda x: x - np.rint(x), lambda x: x, "it jumps"),
    "trunc": (lambda x: x - np.rint(x), lambda x: x, "it jumps"),
    "rint": (lambda x: x - np.floor(x) - 0.5, lambda x: x, "it jumps"),
}
EDGES: dict[str, tuple[Distance, Distance, str]] = {
    **dict.fromkeys(("log", "log2", "log10"), (lambda x: x, lambda x: x, "log 0 is −∞")),
    "log1p": (lambda x: 1 + x, lambda x: x, "log 0 is −∞"),
    "sqrt": (lambda x: x, lambda x: x, "its slope is infinite at 0"),
    "cbrt": (lambda x: x, lambda x: x, "its slope is infinite at 0"),
    "power": (lambda x, p: x, lambda x, p: x, "it ends at 0"),
    "xlogy": (lambda a, b: b, lambda a, b: b, "log 0 is −∞"),
    "div": (lambda a, b: b, lambda a, b: b, "it has a pole at 0"),
    **dict.fromkeys(("arcsin", "arccos", "arctanh"),
                    (lambda x: 1 - np.abs(x), lambda x: x, "it ends at ±1")),
    "arccosh": (lambda x: x - 1, lambda x: x, "it ends at 1"),
    "tan": (lambda x: np.cos(x), lambda x: x, "it has a pole there"),
}  # fmt: skip
COMPARISONS = ("less", "less_equal", "greater", "greater_equal")
LOGICAL = ("logical_and", "logical_or", "logical_not", "cast")


def places(point: Point) -> Iterator[Finding]:
    """The kinks and edges at the point or near it, one finding for each line and operation."""
    found: dict[tuple[str, str, str], tuple[int, float, int, int]] = {}
    for node, kind, nearest, count in _all(point):
        key = (kind, point.place(node)[0], point.operation(node))
        before = found.get(key)
        if before is None or nearest < before[1]:
            total = count + (before[2] if before else 0)
            found[key] = node, nearest, total, np.size(point.state[node])
    for (kind, _, name), (node, nearest, count, size) in found.items():
        yield _told(point, node, kind, name, nearest, count, size)


def _told(
    point: Point, node: int, kind: str, name: str, nearest: float, count: int, size: int
) -> Finding:
    table = EDGES if kind == "domain edge" else KINKS
    what = table[name][2] if name in table else "the derivative is that of the branch taken"
    many = f" ({count:,} of {size:,} elements)" if size > 1 else ""
    if nearest == 0.0:
        told = f"{name} is exactly at its {'edge' if table is EDGES else 'kink'}{many}: {what}"
    else:
        place = "edge" if table is EDGES else "kink"
        told = f"{name} is {nearest:.2g} finite-difference steps from its {place}{many}: {what}"
    kind = "near kink" if kind == "kink" and nearest > 0.0 else kind
    severity = "careful" if nearest == 0.0 or kind == "domain edge" else "note"
    return found_at(point, node, kind, severity, told)


def _all(point: Point) -> Iterator[tuple[int, str, float, int]]:
    """Equation, kind, distance in steps of its nearest element, and how many are near."""
    tested: set[int] = set()
    for node in sorted(point.errors.of_value):
        name = point.operation(node)
        for kind, table in (("kink", KINKS), ("domain edge", EDGES)):
            if name in table and _moves(point, node):
                far, fast, counts = _operands(point, node, *table[name][:2])
                yield from _near(point, node, kind, far, fast, counts & _is_steep(point, node))
        if name in ("max", "min"):
            yield from _near(point, node, "kink", *_gap(point, node))
        elif name == "clip":
            yield from _clipped(point, node)
        elif name in ("where", "mask"):
            yield from _branches(point, node, tested)
    for guard in point.graph.guards:
        if point.operation(guard.node) in COMPARISONS:
            far, fast, _ = _operands(point, guard.node, np.subtract, np.subtract)
            yield from _near(point, guard.node, "kink", far, fast, True)


def _moves(point: Point, node: int) -> bool:
    return bool(np.any(point.counts(node)))


def _operands(point: Point, node: int, distance: Distance, speed: Distance) -> tuple[Any, Any, Any]:
    """How far an equation's operands are from the place, how fast they move, and what counts."""
    operands = point.columns.operands[node]
    with np.errstate(all="ignore"):
        far = np.abs(distance(*(np.asarray(point.state[n], dtype=float) for n in operands)))
        dots = [_dots(point, operands, move) for move in range(len(point.moves))]
        fast = np.max([np.abs(speed(*dot)) + np.zeros_like(far) for dot in dots], axis=0)
    return far, fast, point.counts(node)


def _is_steep(point: Point, node: int) -> Any:
    """Whether a quotient changes much in a step; (sin x)/x does not, however small x is."""
    if point.operation(node) != "div":
        return True
    y = np.abs(np.asarray(point.state[node], dtype=float))
    return point.speed(node) > STEEP * y


def _dots(point: Point, operands: tuple[int, ...], move: int) -> list[Any]:
    dots = point.moves[move]
    return [
        np.asarray(dots[n], dtype=float) if n in dots else np.zeros(np.shape(point.state[n]))
        for n in operands
    ]


def _near(
    point: Point, node: int, kind: str, far: Any, fast: Any, counts: Any
) -> Iterator[tuple[int, str, float, int]]:
    with np.errstate(all="ignore"):
        steps = np.where((fast > 0) & np.isfinite(far), far / fast, np.inf)
    steps = np.where(counts, steps, np.inf)
    near = steps < NEAR
    if near.any():
        yield node, kind, float(steps.min()), int(near.sum())


def _gap(point: Point, node: int) -> tuple[Any, Any, Any]:
    """The extreme element against the next one that moves in another way."""
    (operand,) = point.columns.operands[node]
    axes = tuple(point.columns.operations[node].kwargs["axes"])
    x = np.asarray(point.state[operand], dtype=float)
    kept = tuple(a for a in range(x.ndim) if a not in axes)
    shape = np.shape(point.state[node])

    def rows(array: Any) -> Any:
        return np.transpose(array, kept + axes).reshape(*shape, -1)

    flat = rows(x) if point.operation(node) == "max" else -rows(x)
    nothing = np.full(shape, np.inf), np.zeros(shape), np.zeros(shape, bool)
    if flat.shape[-1] < 2:
        return nothing
    order = np.argsort(-flat, axis=-1, kind="stable")[..., :2]
    top = np.take_along_axis(flat, order, -1)
    speeds = []
    for dots in point.moves:
        if operand in dots:
            pair = np.take_along_axis(rows(np.asarray(dots[operand], dtype=float)), order, -1)
            speeds.append(np.abs(pair[..., 0] - pair[..., 1]))
    if not speeds:
        return nothing
    return top[..., 0] - top[..., 1], np.max(speeds, axis=0), point.counts(node)


def _clipped(point: Point, node: int) -> Iterator[tuple[int, str, float, int]]:
    for bound in (1, 2):

        def gap(*operands: Any, bound: int = bound) -> Any:
            return operands[0] - operands[bound]

        yield from _near(point, node, "kink", *_operands(point, node, gap, gap))


def _branches(point: Point, node: int, tested: set[int]) -> Iterator[tuple[int, str, float, int]]:
    """Comparisons that choose between branches of which the value depends on one."""
    waiting = [point.columns.operands[node][0]]
    while waiting:
        condition = waiting.pop()
        name = point.operation(condition)
        if name in LOGICAL:
            waiting += point.columns.operands[condition]
        elif name in COMPARISONS and condition not in tested:
            tested.add(condition)
            far, fast, _ = _operands(point, condition, np.subtract, np.subtract)
            found = next(_near(point, condition, "kink", far, fast, True), None)
            if found is not None and _differs(point, node):
                yield found


def _differs(point: Point, node: int) -> bool:
    """Whether the branches of a selection differ, in value or in what moves them."""
    operands = point.columns.operands[node][1:]
    values = [np.asarray(point.state[n], dtype=float) for n in operands]
    if len(values) < 2 or not np.allclose(*values, rtol=1e-9, atol=0):
        return _moves(point, node)
    dots = [_dots(point, operands, move) for move in range(len(point.moves))]
    return any(not np.allclose(p, q, rtol=1e-5, atol=0) for p, q in dots)
