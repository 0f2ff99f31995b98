"""Remedies are tried before they are proposed.

Each one that matches somewhere is put into the graph; function and gradient are run again, and
held against the truth at the point and at points beside it, since a single point may be lucky.
What gains no digit is not proposed.  The best one stays, and the others are tried on top of it,
until none helps.

Reading on: ``remedies.py``, the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from diffkit.comparison.diagnose_point import Exact, Point, digits_right
from diffkit.comparison.remedies import REMEDIES
from diffkit.comparison.remedy_patterns import Remedy, Site, remedied
from diffkit.errors import DiffkitError
from diffkit.graph.ir import Graph

__all__ = ["Trial", "best_remedies"]

GAIN = 0.9  # digits that a remedy must gain of value or gradient
LOSS = 0.5  # and may lose of the other, unless that stays good
GOOD = 14.0  # of 16
ROUNDS = 4
NEIGHBOURS = (37, -91)  # ulps beside the point
# Beyond this many operations of the gradient only the point itself is tried.
MOST_NEIGHBOUR_FLOPS = 30_000


@dataclass(frozen=True)
class Trial:
    """A remedy that helps: where, and the correct digits (value, gradient) without and with it."""

    sites: tuple[Site, ...]
    before: tuple[float, float]
    after: tuple[float, float]

    @property
    def gain(self) -> float:
        """The digits that it gains of value and gradient together."""
        return sum(self.after) - sum(self.before)


class _Court:
    """The points at which remedies are judged, with their truths."""

    def __init__(self, point: Point) -> None:
        self.point = point
        self.cases: list[tuple[list[Any], Exact]] = []
        for leaves in self._places():
            truth = point.truth_at(leaves) if leaves is not point.leaves else point.truth
            if truth is not None and truth.known:
                self.cases.append((leaves, truth))
        self.itemsize = point.errors.itemsize

    def _places(self) -> list[Any]:
        near = self.point.graph.flops() <= MOST_NEIGHBOUR_FLOPS
        return [self.point.beside(ulps) for ulps in ((0, *NEIGHBOURS) if near else (0,))]

    def digits(self, graph: Graph) -> tuple[float, float]:
        """The fewest correct digits of value and gradient over the points."""
        found = [
            digits_right(*self.point.results_of(graph, leaves), truth, self.itemsize)
            for leaves, truth in self.cases
        ]
        return min(value for value, _ in found), min(gradient for _, gradient in found)


def best_remedies(point: Point) -> list[Trial]:
    """The remedies that gain digits at a point, in the order in which they were taken."""
    court = _Court(point)
    if not court.cases:
        return []
    graph = point.value_graph
    digits = court.digits(graph)
    taken: list[Trial] = []
    for _ in range(ROUNDS):
        if min(digits) >= GOOD * court.itemsize / 8:
            break
        found = _best(court, graph, digits)
        if found is None:
            break
        graph, trial = found
        taken.append(trial)
        digits = trial.after
    return taken


def _best(court: _Court, graph: Graph, digits: tuple[float, float]) -> tuple[Graph, Trial] | None:
    best: tuple[Graph, Trial] | None = None
    matching = []
    for remedy in REMEDIES:
        found = remedied(graph, [remedy])
        if found is None:
            continue
        matching.append(remedy)
        best = _better(best, _tried(court, found, digits))
    if best is None and len(matching) > 1:
        best = _together(court, graph, matching, digits)
    return best


def _together(
    court: _Court, graph: Graph, matching: list[Remedy], digits: tuple[float, float]
) -> tuple[Graph, Trial] | None:
    found = remedied(graph, matching)
    return None if found is None else _tried(court, found, digits)


def _better(a: tuple[Graph, Trial] | None, b: tuple[Graph, Trial] | None) -> Any:
    if a is None or b is None:
        return a or b
    return b if b[1].gain > a[1].gain + 0.5 else a


def _tried(
    court: _Court, found: tuple[Graph, list[Site]], before: tuple[float, float]
) -> tuple[Graph, Trial] | None:
    graph, sites = found
    try:
        after = court.digits(graph)
    except (DiffkitError, ArithmeticError, ValueError):
        return None
    good = GOOD * court.itemsize / 8
    helps = any(b >= a + GAIN for a, b in zip(before, after, strict=True))
    harms = any(b < a - LOSS and b < good for a, b in zip(before, after, strict=True))
    return (graph, Trial(tuple(sites), before, after)) if helps and not harms else None
