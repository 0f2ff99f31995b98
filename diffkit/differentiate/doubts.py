"""Where a difference looks smooth and is no derivative: odd singularities, and staircases.

A kink shows in the gap between left and right (``resolution.py``).  Two things leave no gap.

A singularity that is odd around x, such as ∛x, sign x or 1/x at 0: both sides are equally steep,
and only the step makes the slope.  There it is far larger than the value and grows as the step
shrinks.  So where |f′(x)| x_c > 100 |f(x)|, with x_c the length over which f changes, one more
value is looked at, a quarter of the step away; at x = 0, where most singularities are, already
where |f′(x)| x_c > |f(x)|.

A staircase with many steps inside of h, as ⌊x⌋ beyond x ≈ 10⁵: the difference is the mean slope, 1,
and the derivative is 0.  The rounding operations of the graph are run alone, where it has some.

Reading on: Note [Kinks] in ``primitives/piecewise.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import isfinite
from typing import Any

import numpy as np

from diffkit.capture.tracing import Tracer
from diffkit.differentiate.displaced import Runs
from diffkit.differentiate.resolution import ROUNDINGS, TOLERANCE
from diffkit.engines.interpret import run
from diffkit.errors import KinkWarning
from diffkit.graph.arena import Arena
from diffkit.graph.ir import Graph
from diffkit.primitives.rounding import floor_divide

__all__ = ["growing", "jumps_of", "note_doubts", "note_jumps", "stepped_over"]

# A slope, over the length x_c, beyond so many times the value is looked at twice; at x = 0, where
# most singularities are, beyond so many.
STEEP, STEEP_AT_ZERO = 100.0, 1.0
# The second look is taken at this part of the step.
CLOSER = 0.25
# Operations whose values jump at regular places.
STAIRCASES = frozenset(("ceil", "floor", "floor_divide", "remainder", "rint", "trunc"))

UNSETTLED = (
    "around x = {x:.6g} the differences do not settle: over the step h = {h:.2g} the slope is "
    "{wide:.6g}, and over a quarter of it {close:.6g}; a vertical tangent, a jump, a pole or a "
    "change faster than h lies there, and the result is no derivative "
    '(method="reverse" gives the declared one)'
)
JUMPS = (
    "around x = {x:.6g} a step of h = {h:.2g} passes over jumps of {name} on both sides, and the "
    "result is the mean slope of a staircase, no derivative "
    '(method="reverse" gives the declared one)'
)

Outputs = Sequence[Any]


def note_doubts(
    at: Callable[[float], Outputs],
    runs: Runs,
    slopes: Outputs,
    x: float,
    h: float,
    eps: float,
    length: float,
) -> None:
    """Note a singularity that leaves no gap between left and right."""
    least = STEEP if x else STEEP_AT_ZERO
    told = KinkWarning in runs.notes or not isfinite(h)
    if told or _all_gentle(slopes, runs.base, length, least):
        return
    grown = growing(at, slopes, runs.base, h, eps, length, least)
    if grown is not None:
        runs.note(KinkWarning, UNSETTLED.format(x=x, h=h, wide=grown[0], close=grown[1]))


def _all_gentle(slopes: Outputs, base: Outputs, length: float, least: float) -> bool:
    """Whether no slope is large beside its value."""
    for slope, y in zip(slopes, base, strict=True):
        if np.ndim(y) == 0:  # in Python's own numbers: this is asked for every element
            if not abs(float(slope)) * length <= least * abs(float(y)):
                return False
        else:
            with np.errstate(over="ignore"):
                gentle = np.abs(slope) * length <= least * np.abs(y)
            if not np.all(gentle):
                return False
    return True


def note_jumps(
    runs: Runs, graph: Graph, wrt: Sequence[int], step_at: Callable[[float, float], float]
) -> None:
    """Note staircases with several steps inside of h, for the leaves ``wrt``."""
    if jumps_of(graph) is None:
        return
    for place in wrt:
        leaf = np.asarray(runs.leaves[place])
        eps = float(np.finfo(leaf.dtype).eps)
        steps = [(k, float(x), step_at(float(x), eps)) for k, x in enumerate(leaf.flat)]
        displaced = (
            (x, h, runs.displaced(place, k, -h), runs.displaced(place, k, h))
            for k, x, h in steps
            if isfinite(h)
        )
        told = stepped_over(graph, runs.leaves, displaced)
        if told is not None:
            runs.note(KinkWarning, told)


def growing(
    at: Callable[[float], Outputs],
    slopes: Outputs,
    base: Outputs,
    h: float,
    eps: float,
    length: float,
    least: float = STEEP,
) -> tuple[float, float] | None:
    """The slopes over h and over a quarter of it, of one output where they grow; or None.

    ``length`` is that over which the function is taken to change.  The function is run once, and
    only where a slope is more than ``least`` times the value.

    >>> h = 2.0**-17
    >>> growing(lambda t: [np.cbrt(t)], [np.cbrt(h) / h], [0.0], h, 2.0**-52, 1.0) is None
    False
    >>> growing(lambda t: [np.sin(t)], [np.sin(h) / h], [0.0], h, 2.0**-52, 1.0) is None
    True
    """
    with np.errstate(all="ignore"):
        pairs = zip(slopes, base, strict=True)
        steep = [np.abs(slope) * length > least * np.abs(y) for slope, y in pairs]
        if not any(np.any(where) for where in steep):
            return None
        near = h * CLOSER
        rows = zip(slopes, base, at(-h), at(near), at(h), steep, strict=True)
        for slope, y, below, there, above, where in rows:
            y, there = np.asarray(y, np.float64), np.asarray(there, np.float64)
            wide, close = np.asarray((above - y) / h), np.asarray((there - y) / near)
            # of one side, so up to the gap between both it may grow where f is smooth
            gap = np.abs(wide - (y - below) / h)
            floor = gap + ROUNDINGS * eps * (np.abs(y) + np.abs(there)) / near
            grown = np.abs(close) > np.abs(wide) + TOLERANCE * np.abs(close) + floor
            bad = np.asarray(where & grown & np.isfinite(slope))
            if np.any(bad):
                place = int(np.argmax(bad))
                return float(wide.flat[place]), float(close.flat[place])
    return None


def jumps_of(graph: Graph) -> tuple[Graph, tuple[str, ...]] | None:
    """The staircases of a graph as outputs, and their names; None where it has none.

    >>> import diffkit as dk
    >>> jumps_of(dk.parse("floor(x) + sin(x)"))[1], jumps_of(dk.parse("sin(x)"))
    (('floor',), None)
    """
    if "jumps" not in graph.cache:
        graph.cache["jumps"] = _jumps_of(graph)
    return graph.cache["jumps"]


def _jumps_of(graph: Graph) -> tuple[Graph, tuple[str, ...]] | None:
    columns = graph.columns
    nodes = [n for n in graph.equation_nodes() if columns.operations[n].name in STAIRCASES]
    if not nodes:
        return None
    arena = Arena.of(graph)
    names = tuple(columns.operations[n].name for n in nodes)
    alone = [_quotient(arena, n) if columns.operations[n].name == "remainder" else n for n in nodes]
    return arena.freeze(graph.input_nodes, alone, guards=()), names


def _quotient(arena: Arena, node: int) -> int:
    """⌊a/b⌋ for a remainder of a and b, which jumps where that does."""
    operands = [Tracer(arena, operand, arena.avals[operand]) for operand in arena.operands[node]]
    return floor_divide(*operands).node


def stepped_over(
    graph: Graph,
    leaves: Sequence[Any],
    displaced: Iterable[tuple[float, float, Sequence[Any], Sequence[Any]]],
) -> str | None:
    """What to say where a staircase of the graph has other values on both sides of a step.

    ``displaced`` gives x, h, and the leaves below and above.

    >>> import diffkit as dk
    >>> told = stepped_over(dk.parse("floor(x)"), [1e6], [(1e6, 8.0, [1e6 - 8], [1e6 + 8])])
    >>> told[:64]
    'around x = 1e+06 a step of h = 8 passes over jumps of floor on b'
    """
    found = jumps_of(graph)
    if found is None:
        return None
    alone, names = found
    here = run(alone, leaves)
    for x, h, below, above in displaced:
        rows = zip(names, run(alone, below), here, run(alone, above), strict=True)
        for name, left, middle, right in rows:
            if np.any((left != middle) & (middle != right) & (left != right)):
                return JUMPS.format(x=x, h=h, name=name)
    return None
