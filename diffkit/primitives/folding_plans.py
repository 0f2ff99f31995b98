"""What a stretch of equal steps reads and gives, as the carry, rows and constants of a loop.

An operand that moves on with the steps is a value of the same step or of the step ``lag`` before,

    place = s − distance = start + q + p·(t − lag),      0 ≤ q < p,

and each pair (q, lag) with lag ≥ 1 is a leaf of the carry: the result of equation q, lag steps
ago.  An operand that stays is a constant, every other one a row per step.  What is read behind
the loop is in the last carry or becomes a row of results; where only the last step gives it, that
step stays written out.  Reading on: ``graph/periods.py``; ``folding.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from diffkit.graph.periods import FEWEST_STEPS, MOST_LAG, Stream, Stretch

__all__ = ["Plan", "assign_results", "planned"]

Carried = tuple[int, int]  # equation of the step, lag in steps


@dataclass(slots=True)
class Plan:
    """A stretch, its operand slots, and what it hands on.

    ``slots`` has an entry per operand of a step: the pair (q, lag) of a value that moves on, or
    the column of ``places`` that a constant or a row is.
    """

    stretch: Stretch
    places: np.ndarray  # operands, a row per step
    slots: list[Carried | int]
    carries: list[Carried]
    results: list[int] = field(default_factory=list)  # equations whose results are stacked

    def initial(self, carried: Carried) -> int:
        """The place of a leaf of the carry before the first step."""
        q, lag = carried
        return self.stretch.start + q - lag * self.stretch.period

    def of_place(self, place: int) -> tuple[int, int]:
        """The step and the equation of a place."""
        return divmod(place - self.stretch.start, self.stretch.period)

    def last_carry(self, place: int) -> Carried | None:
        """The leaf of the last carry that holds a place, if one does."""
        step, q = self.of_place(place)
        carried = q, self.stretch.steps - step
        return carried if carried in self.carries else None

    def shortened(self) -> None:
        """Leave the last step out."""
        stretch = self.stretch
        self.stretch = Stretch(stretch.start, stretch.period, stretch.steps - 1)
        self.places = self.places[:-1]


def planned(stream: Stream, stretch: Stretch) -> Plan | None:
    """The plan of a stretch, begun later where its first steps differ; None if it is no loop."""
    while stretch.steps >= FEWEST_STEPS:
        places = stream.operands(stretch)
        slots, carries = _slots(stretch, places)
        plan = Plan(stretch, places, slots, carries)
        late = _too_late(stream, plan)
        if not late:
            return plan
        stretch = stretch.later(late * stretch.period, stretch.steps - late)
    return None


def _slots(stretch: Stretch, places: np.ndarray) -> tuple[list[Carried | int], list[Carried]]:
    start, period = stretch.start, stretch.period
    slots: list[Carried | int] = []
    deepest: dict[int, int] = {}
    pairs = zip(places[0].tolist(), places[1].tolist(), strict=True)
    for column, (before, after) in enumerate(pairs):
        lag, q = divmod(before - start, period)
        if before < 0 or after - before != period or -lag > MOST_LAG:
            slots.append(column)
            continue
        slots.append((q, -lag))
        deepest[q] = max(deepest.get(q, 0), -lag)
    return slots, [(q, lag) for q in sorted(deepest) for lag in range(1, deepest[q] + 1)]


def _too_late(stream: Stream, plan: Plan) -> int:
    """How many first steps must be left out, since they make what later steps read, or differ."""
    stretch = plan.stretch
    columns = [slot for slot in plan.slots if isinstance(slot, int)]
    if columns:
        deepest = int(stream.depth(plan.places[:, columns].reshape(-1)).max())
        if deepest >= stretch.start:
            return (deepest - stretch.start) // stretch.period + 1
    for carried in plan.carries:
        place = plan.initial(carried)
        made = stretch.start + carried[0]
        if place < 0 or stream.avals[stream.nodes[place]] != stream.avals[stream.nodes[made]]:
            return 1
    return 0


# What is read behind a loop -----------------------------------------------------------------------


def assign_results(stream: Stream, plans: Sequence[Plan]) -> list[Plan]:
    """Say of every plan what it hands on; those that have become too short are left out."""
    owner = np.full(len(stream), -1)
    for number, plan in enumerate(plans):
        owner[plan.stretch.start : plan.stretch.end] = number
    here = np.repeat(np.arange(len(stream)), stream.counts)
    inside = stream.flat >= 0
    read, reader = stream.flat[inside], owner[here[inside]]
    crossing = read[owner[read] != reader]
    ends = stream.place[list(stream.graph.output_nodes)]
    bases = stream.place[stream.rows_of[stream.rows_of >= 0]]
    wanted = np.unique(np.concatenate((crossing, ends[ends >= 0], bases[bases >= 0])))
    for number, plan in enumerate(plans):
        _assign(plan, wanted[owner[wanted] == number].tolist())
    return [plan for plan in plans if plan.stretch.steps >= FEWEST_STEPS]


def _assign(plan: Plan, wanted: Sequence[int]) -> None:
    rest = [place for place in wanted if plan.last_carry(place) is None]
    last = plan.stretch.steps - 1
    stacked = {q for step, q in map(plan.of_place, rest) if step < last}
    if any(plan.of_place(place)[1] not in stacked for place in rest):
        plan.shortened()
    plan.results = sorted(stacked)
