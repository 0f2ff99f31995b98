"""Why a gradient is wrong: hypotheses, each with the evidence that would prove it.

*A difference with a bad step.*  If the claimed number is a difference quotient, one step reproduces
it; the error it leaves is then compared with that of other steps.
*A kink or a jump.*  Halving an interval around it again and again leaves a difference of slopes, or
of values, that does not become smaller.
*Rounding.*  At points a few rounding errors away the error is another one each time, while a wrong
formula is wrong in the same way.
*A rule.*  Every equation's derivative is compared with differences of that equation alone.

Reading on: Moler & Kahan as cited in Higham 2002, *Accuracy and stability of numerical algorithms*,
chapter 1; Griewank & Walther 2008, section 3.4 (condition of adjoints).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from diffkit.differentiate.sweeps import pull_back
from diffkit.engines.interpret import run, run_all
from diffkit.graph.arena import Arena
from diffkit.graph.ir import Graph
from diffkit.graph.sources import place_of

__all__ = [
    "Difference",
    "amplified",
    "as_difference",
    "is_rough",
    "rough_spot",
    "wrong_rules",
]

# Steps that people take: powers of ten and of two, and the textbook choices.
STEPS = sorted(
    {10.0**-k for k in range(0, 21)}
    | {2.0**-k for k in range(1, 60)}
    | {m * 10.0**-k for k in range(1, 17) for m in (2, 5)}
    | {np.finfo(float).eps ** (1 / k) for k in (2, 3, 4, 5)}
    | {float(np.finfo(np.float32).eps) ** (1 / k) for k in (2, 3)}
)
KINDS: dict[str, Callable[[Callable[[float], float], float], float]] = {
    "forward": lambda f, h: (f(h) - f(0.0)) / h,
    "backward": lambda f, h: (f(0.0) - f(-h)) / h,
    "central": lambda f, h: (f(h) - f(-h)) / (2 * h),
}
EXPLAINED = 1e-3  # a hypothesis must leave less than this part of the error
DECADE = 10.0
# A kink that is left of an interval halved this often is none of rounding.
HALVINGS = 34
NEIGHBOURS = 8
NEAR = (1.0, 0.75, 0.5)  # powers of the rounding unit: how near neighbours are
ROUGH = 0.2  # spread of the error over its size, from which it is rounding
RULE_TOLERANCE = 1e-6
RULE_STEP = 1e-5


@dataclass(frozen=True)
class Difference:
    """A difference quotient that reproduces a claimed derivative."""

    kind: str
    step: float
    error: float
    best_step: float
    best_error: float

    @property
    def cause(self) -> str:
        """Whether the step was too small or too large."""
        return "step too small" if self.step < self.best_step else "step too large"


def as_difference(
    f: Callable[[float], float], claimed: float, true: float, scale: float
) -> Difference | None:
    """The difference quotient that a claimed derivative is, if it is one."""
    error = abs(claimed - true)
    candidates = [_of_kind(kind, f, claimed, true, scale, error) for kind in KINDS]
    found = [candidate for candidate in candidates if candidate is not None]
    return min(found, key=lambda pair: pair[0])[1] if found else None


def _of_kind(
    kind: str, f: Callable[[float], float], claimed: float, true: float, scale: float, error: float
) -> tuple[float, Difference] | None:
    """The step of one kind of quotient that comes nearest, and how near it comes."""
    steps = dict.fromkeys(h for step in STEPS for h in (step, step * scale))
    with np.errstate(all="ignore"):
        values = {h: KINDS[kind](f, h) for h in steps}
    off = {h: abs(value - claimed) for h, value in values.items()}
    close = [h for h in steps if off[h] <= EXPLAINED * error]
    if not close:
        return None
    left = {h: abs(value - true) for h, value in values.items() if np.isfinite(value)}
    best = _best_step(left)
    step = _likeliest(close, off)
    return off[step], Difference(kind, step, error, best, left[best])


def _best_step(left: dict[float, float]) -> float:
    """The step around which no step leaves much; a single one may be right by luck."""

    def around(h: float) -> float:
        return max(error for other, error in left.items() if h / DECADE <= other <= h * DECADE)

    return min(left, key=around)


def _likeliest(steps: list[float], off: dict[float, float]) -> float:
    """Of the steps that reproduce a number best, the roundest: a power of ten before all others."""
    least = min(off[h] for h in steps)
    best = [h for h in steps if off[h] == least]
    return min(best, key=lambda h: (abs(np.log10(h) - round(np.log10(h))) > 1e-12, h))


def rough_spot(f: Callable[[float], float], width: float) -> tuple[str, float] | None:
    """A kink or a jump within a width of x: what it is, and how far away.

    >>> rough_spot(lambda t: abs(t - 0.3), 1.0)[0], rough_spot(lambda t: float(t > 0.3), 1.0)[0]
    ('kink', 'jump')
    >>> rough_spot(np.exp, 1.0) is None
    True
    """
    low, high = -width, width
    ends = f(low), f(high)
    slope_scale = abs(ends[1] - ends[0]) / (2 * width) + abs(f(width / 2) - f(-width / 2)) / width
    changes: list[tuple[float, float, float]] = []
    for _ in range(HALVINGS):
        points = np.linspace(low, high, 5)
        values = [f(float(t)) for t in points]
        if not np.all(np.isfinite(values)):
            return None
        bends = np.abs(np.diff(values, 2))
        gap = (high - low) / 4
        changes.append((gap, float(bends.max()), float(np.max(np.abs(np.diff(values))))))
        middle = int(np.argmax(bends)) + 1
        low, high = float(points[middle - 1]), float(points[middle + 1])
        if gap <= 4 * np.spacing(max(abs(low), abs(high))) or bends.max() == 0.0:
            break
    return _kind_of(changes, (low + high) / 2, slope_scale, ends)


def _kind_of(
    changes: list[tuple[float, float, float]],
    at: float,
    slope: float,
    ends: tuple[float, float],
) -> tuple[str, float] | None:
    """A jump keeps its height, a kink its change of slope, and a smooth curve neither."""
    values = max(abs(ends[0]), abs(ends[1]), abs(ends[1] - ends[0]))
    noise = 64 * np.finfo(float).eps * values
    first = changes[0]
    kept = [c for c in changes if c[1] > noise]
    if len(kept) < 6:
        return None
    gap, bend, height = kept[-1]
    if height > 0.2 * max(first[2], noise) and gap < 1e-3 * first[0]:
        return "jump", at
    turn = bend / gap
    early = first[1] / first[0]
    if turn > 0.2 * max(early, 1e-6 * slope) and gap < 0.05 * first[0]:
        return "kink", at
    return None


def is_rough(error_at: Callable[[float], float], error: float) -> bool:
    """Whether the error of a claim is another one nearby; takes the way from x over its size."""
    for power in NEAR:
        unit = float(np.finfo(float).eps) ** power
        found = np.array([error_at(k * unit) for k in range(1, NEIGHBOURS + 1)])
        found = found[np.isfinite(found)]
        if found.size > 2 and float(np.std(found)) > ROUGH * abs(error):
            return True
    return False


# Rules -------------------------------------------------------------------------------------------


def wrong_rules(graph: Graph, values: Any) -> Iterator[tuple[str, str]]:
    """Equations whose pullback disagrees with differences of the equation itself: line, what."""
    columns = graph.columns
    with np.errstate(all="ignore"):
        state = run_all(graph, values)
    for node in graph.equation_nodes():
        found = _disagreement(graph, node, state)
        if found:
            yield place_of(columns.sources[node]), f"{columns.operations[node].name}: {found}"


def _disagreement(graph: Graph, node: int, state: dict[int, Any]) -> str:
    columns = graph.columns
    operands, of = columns.operands[node], columns.avals[node]
    moving = [k for k, operand in enumerate(operands) if columns.avals[operand].is_float]
    if not moving or not of.is_float:
        return ""
    arena = Arena()
    inputs = [arena.new_input(columns.avals[operand]) for operand in operands]
    out = arena.emit(columns.operations[node], tuple(inputs), None)
    forward = arena.freeze(inputs, [out])
    cotangent = arena.new_input(of)
    bars = pull_back(arena, {out: cotangent}, [inputs[k] for k in moving])
    kept = [(k, bar) for k, bar in zip(moving, bars, strict=True) if bar is not None]
    rule = arena.freeze([*inputs, cotangent], [bar for _, bar in kept])
    x = [np.asarray(state[operand]) for operand in operands]
    rng = np.random.default_rng(node)
    ct = rng.normal(size=of.shape).astype(of.dtype)
    directions = {k: rng.normal(size=x[k].shape) * _sizes(x[k]) for k in moving}
    with np.errstate(all="ignore"):
        found = run(rule, [*x, ct]) if kept else []
    along = sum(
        float(np.sum(np.asarray(bar, dtype=float) * directions[k]))
        for (k, _), bar in zip(kept, found, strict=True)
    )
    return _compared(forward, x, directions, ct, along)


def _sizes(x: np.ndarray) -> np.ndarray:
    """How far each number may move: as far as it is from 0."""
    size = np.abs(np.asarray(x, dtype=float))
    return np.where(size > 0, size, 1.0)


def _compared(
    forward: Graph, x: list[np.ndarray], directions: dict[int, np.ndarray], ct: Any, along: float
) -> str:
    """What a rule says against differences with two steps, whose distance tells their error."""
    slopes, sizes = [], []
    for factor in (1.0, 0.5):
        h = factor * RULE_STEP
        ends = []
        for sign in (1.0, -1.0):
            moved = [
                np.asarray(v, dtype=float) + sign * h * directions[k] if k in directions else v
                for k, v in enumerate(x)
            ]
            with np.errstate(all="ignore"):
                ends.append(np.asarray(run(forward, moved)[0], dtype=float) * ct)
        slopes.append(float(np.sum(ends[0] - ends[1])) / (2 * h))
        sizes.append(float(np.sum(np.abs(ends[0])) + np.sum(np.abs(ends[1]))) / (2 * h))
    numeric = (4 * slopes[1] - slopes[0]) / 3
    doubt = abs(slopes[1] - slopes[0]) + np.finfo(float).eps * max(sizes) * 8
    if not np.isfinite(numeric) or not np.isfinite(doubt):
        return ""
    off = abs(along - numeric)
    if off <= RULE_TOLERANCE * max(abs(numeric), abs(along)) + 4 * doubt:
        return ""
    return f"its rule gives {along:.6g} along a direction, differences give {numeric:.6g}"


# Rounding ----------------------------------------------------------------------------------------


def amplified(graph: Graph, values: Any) -> tuple[str, str, float]:
    """The line that loses most digits: where it is, what it does, and how many.

    An equation's rounding error, half an ulp of its value v, reaches the result multiplied by the
    adjoint v̄; |v̄ v| over |y| is how often it counts.
    """
    columns = graph.columns
    nodes = [n for n in graph.equation_nodes() if columns.avals[n].is_float]
    arena = Arena.of(graph)
    end = graph.output_nodes[0]
    bars = pull_back(arena, {end: arena.literal(np.ones((), columns.avals[end].dtype)[()])}, nodes)
    reached = [(node, bar) for node, bar in zip(nodes, bars, strict=True) if bar is not None]
    swept = arena.freeze(list(graph.input_nodes), [bar for _, bar in reached])
    with np.errstate(all="ignore"):
        state, found = run_all(graph, values), run(swept, values)
    y = abs(float(np.asarray(state[end]))) or 1.0
    worst, node = 0.0, end
    for (candidate, _), bar in zip(reached, found, strict=True):
        with np.errstate(all="ignore"):
            size = np.abs(np.asarray(bar, dtype=float) * np.asarray(state[candidate], dtype=float))
        weight = float(np.max(size, initial=0.0)) / y
        if candidate != end and np.isfinite(weight) and weight > worst:
            worst, node = weight, candidate
    digits = float(np.log10(max(worst, 1.0)))
    return place_of(columns.sources[node]), columns.operations[node].name, digits
