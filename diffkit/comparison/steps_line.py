"""The line along which a step is chosen: through a point of any number of arguments.

    t ↦ f(x + t v)

For one number v is 1.  The exact derivative along the line, to compare with, comes from
many-digit differences of the captured graph, and there is none for what cannot be captured.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit.capture.trees import flatten
from diffkit.comparison.gradcheck_point import Point
from diffkit.differentiate.displaced import moved
from diffkit.differentiate.finite import float_leaf
from diffkit.differentiate.noise import Line
from diffkit.differentiate.stencils import stencil
from diffkit.engines.interpret import run
from diffkit.engines.objects import to_objects
from diffkit.engines.precise import true_derivatives
from diffkit.errors import DiffkitError, InputError
from diffkit.lazy import mp

__all__ = ["direction_of", "line_through", "true_along"]

DIGITS = 100  # of the exact derivative, and what each order of it takes from them
DIGITS_PER_ORDER = 25
AGREEMENT = 1e-17  # of two steps
MANY_STEPS = 20  # decimal digits by which the steps of the exact derivative are small


def direction_of(point: Point, direction: Any) -> tuple[list[Any], str]:
    """A tangent for each leaf (None: it does not move), and the direction's name.

    Raises
    ------
    InputError
        When there is none and several numbers could move, or it does not fit the arguments.
    """
    total = sum(point.sizes)
    names = [point.name(k) for k in range(min(total, 12))]
    if not total:
        raise InputError("step_size: the arguments have no entries", hint="give a number to move.")
    if direction is None and total == 1:
        direction, name = names[0], ""
    elif direction is None:
        raise InputError(
            f"step_size: {total} numbers could move, so a direction is needed",
            hint=f"give direction={names[0]!r} (on the command line --wrt {names[0]}), or a tree "
            "of numbers like the arguments.",
        )
    else:
        name = direction if isinstance(direction, str) else "v"
    parts = _unit(point, direction) if isinstance(direction, str) else flatten(direction)[0]
    shapes = [np.shape(point.leaves[k]) for k in point.wrt]
    if [np.shape(part) for part in parts] != shapes:
        raise InputError(
            f"step_size: the direction has shapes {[np.shape(p) for p in parts]}, the arguments "
            f"{shapes}",
            hint="give a tree of numbers like the arguments that move.",
        )
    if not any(np.any(part) for part in parts):
        raise InputError("step_size: the direction is zero", hint="give one that moves something.")
    tangents: list[Any] = [None] * len(point.leaves)
    for place, part in zip(point.wrt, parts, strict=True):
        tangents[place] = np.asarray(part, dtype=float) if np.any(part) else None
    return tangents, name


def _unit(point: Point, name: str) -> list[np.ndarray]:
    """The direction in which the number of this name moves."""
    total = sum(point.sizes)
    flat = next((k for k in range(total) if point.name(k) == name), None)
    if flat is None:
        known = ", ".join(point.name(k) for k in range(min(total, 12)))
        raise InputError(f"step_size: no number is called {name!r}", hint=f"there are {known}.")
    row = np.zeros(total)
    row[flat] = 1.0
    cuts = np.cumsum(point.sizes)[:-1]
    shapes = [np.shape(point.leaves[k]) for k in point.wrt]
    return [part.reshape(shape) for part, shape in zip(np.split(row, cuts), shapes, strict=True)]


def line_through(point: Point, tangents: Sequence[Any], scale: float) -> Line:
    """The function along the direction, by the user's own code."""
    moving = [
        (float_leaf(x, "step_size"), v)
        for x, v in zip(point.leaves, tangents, strict=True)
        if v is not None
    ]

    def at(t: float) -> float:
        pairs = zip(point.leaves, tangents, strict=True)
        return point.value([x if v is None else moved(x, v, t) for x, v in pairs])

    size = max(float(np.max(np.abs(x[v != 0]))) for x, v in moving)
    eps = max(float(np.finfo(x.dtype).eps) for x, _ in moving)
    speed = max(float(np.max(np.abs(v))) for _, v in moving)
    return Line(at, size, eps, speed, scale)


def true_along(point: Point, tangents: Sequence[Any], order: int) -> Any:
    """The derivative along the line as an mpmath number; None where it is not known."""
    if point.graph is None:
        return None
    try:
        return _first(point, tangents) if order == 1 else _higher(point, tangents, order)
    except (DiffkitError, ArithmeticError, TypeError, ValueError):
        return None


def _first(point: Point, tangents: Sequence[Any]) -> Any:
    from diffkit.differentiate.reverse import gradient_graph

    assert point.graph is not None
    wrt = [k for k, v in enumerate(tangents) if v is not None]
    truth = true_derivatives(point.graph, point.leaves, wrt, gradient=gradient_graph)
    if not truth.certified or truth.sides:
        return None
    total = mp.mpf(0)
    with mp.workdps(DIGITS):
        for place, block in zip(wrt, truth.blocks[0], strict=True):
            for slope, v in zip(block.reshape(-1), np.ravel(tangents[place]), strict=True):
                total += slope * mp.mpf(float(v))
    return total


def _higher(point: Point, tangents: Sequence[Any], order: int) -> Any:
    assert point.graph is not None
    graph, row = point.graph, stencil(4, order)
    with mp.workdps(DIGITS + DIGITS_PER_ORDER * order):
        leaves = [to_objects(leaf, "mpmath") for leaf in point.leaves]
        steps = [None if v is None else to_objects(v[()], "mpmath") for v in tangents]
        sizes = [abs(float(x)) for x in np.ravel(np.asarray(point.leaves[point.wrt[0]]))]
        h = mp.mpf(10) ** -MANY_STEPS * mp.mpf(min((s for s in sizes if s), default=1.0))

        def slope(h: Any) -> Any:
            total = mp.mpf(0)
            for offset, weight in zip(row.offsets, row.weights, strict=True):
                pairs = zip(leaves, steps, strict=True)
                at = [x if v is None else x + offset * h * v for x, v in pairs]
                y = run(graph, at, domain="mpmath")[0]
                total += mp.mpf(weight.numerator) / weight.denominator * np.ravel(y)[0]
            return total / h**order

        one, other = slope(h), slope(h / 2)
        settled = abs(one - other) <= AGREEMENT * abs(other)
    return other if settled else None
