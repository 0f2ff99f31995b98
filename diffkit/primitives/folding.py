"""Python loops that capture has written out, folded into loops again.

    mul, sub, mul,  mul, sub, mul,  …      →      scan[body, T](x, …)

A graph of 3·10⁵ equations costs seconds to differentiate and to plan; as one equation whose
parameter is the graph of one step it costs a millisecond.  ``graph/periods.py`` finds where a
graph repeats itself, ``folding_plans.py`` says what is carried, and here the graph is written
anew.  Rows that steps read are stacked (literals, slices of an array, results of another loop),
and results that are read step by step, stacked ones too, come out of the loop's own rows.

Values keep every bit: a step has the same operations in the same order.  Derivatives agree up to
the order in which contributions to one cotangent are added.  What a branch asked for (a guard), a
probe, and stretches that ``folding_safety.py`` refuses stay as they are.

Reading on: Allen & Kennedy 2001, *Optimizing Compilers for Modern Architectures*, on loop
rerolling; decision record 0013.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from diffkit.graph.arena import Arena
from diffkit.graph.avals import Aval
from diffkit.graph.collecting import collector_paused
from diffkit.graph.ir import INPUT, LITERAL, Graph, Guard, Operation
from diffkit.graph.periods import Stream, stretches
from diffkit.primitives.control import Loop
from diffkit.primitives.control_bodies import Node
from diffkit.primitives.folding_plans import Plan, assign_results, planned
from diffkit.primitives.folding_safety import MOVEMENT, Selections
from diffkit.primitives.folding_steps import Built, Step, set_sources
from diffkit.primitives.indexing import getitem
from diffkit.primitives.shaping import concatenate, flip, reshape, reshaped

__all__ = ["FEWEST_EQUATIONS", "folded"]

# Smaller graphs stay as the user wrote them: to plan them costs less than a millisecond or two.
FEWEST_EQUATIONS = 512
# A loop stands for at least this many equations; a loop of loops is written with fewer.
FEWEST_FOLDED, FEWEST_FOLDED_AGAIN = 128, 32
# Stacked rows may take this many bytes, and be made of one piece for so many steps.
MOST_STACKED_BYTES = 2**26
STEPS_PER_PIECE, FEW_PIECES = 8, 8
# Loops of loops are folded from the inside out, so many times.
MOST_ROUNDS = 3


def folded(graph: Graph) -> Graph:
    """The graph with its equal steps folded into loops; the graph itself where there are none.

    Inputs, outputs, guards and their order stay; values are the same, bit by bit.

    >>> import diffkit as dk
    >>> def logistic(x):
    ...     for _ in range(1000):
    ...         x = 3.5 * x * (1.0 - x)
    ...     return x
    >>> graph = dk.trace(logistic, 0.3)
    >>> len(graph.equations), len(graph.folded().equations)
    (3000, 5)
    """
    if "folded" not in graph.cache:
        graph.cache["folded"] = _folded(graph)
    return graph.cache["folded"]


@collector_paused()
def _folded(graph: Graph) -> Graph:
    if len(graph.columns) < FEWEST_EQUATIONS or graph.keywords:
        return graph
    found = graph
    for round_ in range(MOST_ROUNDS):
        again = _once(found, FEWEST_FOLDED_AGAIN if round_ else FEWEST_FOLDED)
        if again is found:
            break
        found = again
    if found is not graph:
        kinds = set(graph.columns.operations) - {INPUT, LITERAL}
        found.cache["unfolded operations"] = kinds  # for those who ask what the function is made of
    return found


def _once(graph: Graph, fewest: int) -> Graph:
    """One round: every stretch that repeats itself becomes a loop."""
    operations = graph.columns.operations
    named = [node for node, operation in enumerate(operations) if operation.name == "probe"]
    stream = Stream(graph, [*named, *(guard.node for guard in graph.guards)])
    found = [planned(stream, stretch) for stretch in stretches(stream, fewest)]
    plans = [plan for plan in found if plan is not None and _computes(stream, plan)]
    if not plans:
        return graph
    plans = assign_results(stream, plans)
    selections = Selections(stream)
    plans = [plan for plan in plans if selections.allow(plan)]
    return _Folding(graph, stream, plans).run() if plans else graph


def _computes(stream: Stream, plan: Plan) -> bool:
    """Whether a step does more than move data."""
    nodes = stream.nodes[plan.stretch.start : plan.stretch.start + plan.stretch.period]
    operations = stream.graph.columns.operations
    return any(operations[node].name not in MOVEMENT for node in nodes.tolist())


@dataclass(slots=True)
class _Run:
    """Places, and the elements of one equation's stacked results that they are.

    ``built`` is the loop, None for what is computed elsewhere.
    """

    built: Built | None
    equation: int
    first: int
    end: int
    places: list[int]


class _Folding:
    """A graph written anew, with loops in it."""

    def __init__(self, graph: Graph, stream: Stream, plans: Sequence[Plan]) -> None:
        self.graph, self.stream, self.columns = graph, stream, graph.columns
        self.arena = Arena()
        self.place: dict[int, int] = {}  # node → node of the new graph
        self.plans = {plan.stretch.start: plan for plan in plans}
        self.built: list[Built] = []
        self.within = np.full(len(stream), -1)  # place → which of ``built`` computes it

    def run(self) -> Graph:
        graph = self.graph
        for node in graph.input_nodes:
            self.place[node] = self.arena.new_input(self.columns.avals[node])
        place, count = 0, len(self.stream)
        while place < count:
            plan = self.plans.get(place)
            if plan is not None and self.build(plan):
                place = plan.stretch.end
                continue
            if not self.waits(place):
                self.emit(place)
            place += 1
        if not self.built:
            return graph
        return self.finish()

    def finish(self) -> Graph:
        graph = self.graph
        return self.arena.freeze(
            [self.place[node] for node in graph.input_nodes],
            [self.node_of(node) for node in graph.output_nodes],
            guards=[Guard(self.node_of(g.node), g.outcome, g.source) for g in graph.guards],
            names=graph.input_names,
            in_tree=graph.in_tree,
            out_tree=graph.out_tree,
            title=graph.title,
        )

    # Values of the old graph ---------------------------------------------------------------------

    def node_of(self, node: int) -> int:
        """The new node of an old one."""
        return self.value(int(self.stream.place[node]))

    def value(self, place: int) -> int:
        """The new node of a place of the stream, or of what was taken out of it."""
        node = int(self.stream.nodes[place]) if place >= 0 else -1 - place
        found = self.place.get(node)
        if found is None:
            found = self.place[node] = self._value(node, place)
        return found

    def _value(self, node: int, place: int) -> int:
        if place >= 0 and self.within[place] >= 0:
            return self.built[self.within[place]].value(place).index
        if self.columns.operations[node] is LITERAL:
            return self.arena.literal(self.columns.values[node])
        operands = tuple([self.node_of(operand) for operand in self.columns.operands[node]])
        return self.arena.emit(self.columns.operations[node], operands, self.columns.sources[node])

    def waits(self, place: int) -> bool:
        """Whether an equation is made only if somebody asks: a part of a loop's result."""
        return place >= 0 and self.within[place] < 0 and self.part(place) is not None

    def part(self, place: int) -> tuple[int, int, int] | None:
        """What a place is of a result of a loop: its place, the first element and their number.

        None where it is not neighbouring elements of one result.
        """
        reads: list[tuple[int, ...]] = []
        while place >= 0 and self.within[place] < 0:
            operation = self.columns.operations[self.stream.nodes[place]]
            if operation.name == "getitem" and _reads_element(operation, self.operand_aval(place)):
                reads.append(operation.kwargs["index"])
            elif operation.name != "reshape" or len(reads) > 0:
                return None
            place = int(self.stream.flat[self.stream.starts[place]])
        if place < 0:
            return None
        shape = self.aval(place).shape
        if not reads:
            return place, 0, self.aval(place).size
        if len(reads) > 1:
            return None
        index = tuple([i % size for i, size in zip(reads[0], shape, strict=True)])
        return place, int(np.ravel_multi_index(index, shape)), 1

    def operand_aval(self, place: int) -> Any:
        """The abstract value of the first operand."""
        return self.aval(int(self.stream.flat[self.stream.starts[place]]))

    def emit(self, place: int) -> None:
        """An equation outside all loops."""
        node = int(self.stream.nodes[place])
        operation, source = self.columns.operations[node], self.columns.sources[node]
        operands = self.stream.flat[self.stream.starts[place] : self.stream.starts[place + 1]]
        if operation.name == "concatenate" and operation.kwargs["axis"] == 0:
            pieces = self.pieces(operands.tolist())
            if len(pieces) == 1:
                self.place[node] = pieces[0].index
                return
            moved = tuple([piece.index for piece in pieces])
        else:
            moved = tuple([self.value(operand) for operand in operands.tolist()])
        self.place[node] = self.arena.emit(operation, moved, source)
        lines = self.graph.repeated.get(node)
        if lines:
            self.arena.repeated.setdefault(self.place[node], set()).update(lines)

    # Stacking ------------------------------------------------------------------------------------

    def pieces(self, places: Sequence[int], rows: bool = False) -> list[Node]:
        """Arrays to be joined along axis 0; neighbouring results of one loop are one piece.

        With ``rows`` each place is one row of the joined array.
        """
        of = self.aval(places[0])
        inner = of.shape if rows else of.shape[1:]
        found: list[Node] = []
        for run in self.runs(places):
            if run.built is not None and len(run.places) > 1:
                held = len(run.places) if rows else sum(self.aval(p).shape[0] for p in run.places)
                part = run.built.elements(run.equation, run.first, run.end)
                found.append(reshaped(part, (held, *inner)))
                continue
            single = [Node(self.arena, self.value(place)) for place in run.places]
            found += [reshape(x, shape=(1, *x.shape)) for x in single] if rows else single
        return found

    def aval(self, place: int) -> Any:
        """The abstract value at a place."""
        return self.columns.avals[self.stream.nodes[place] if place >= 0 else -1 - place]

    def runs(self, places: Sequence[int]) -> list[_Run]:
        """Places that are neighbouring elements of the results of one equation, together."""
        found: list[_Run] = []
        for place in places:
            run = self.origin(place)
            last = found[-1] if found else run
            follows = run.built is not None and last is not run and (
                (last.built, last.equation, last.end) == (run.built, run.equation, run.first)
            )  # fmt: skip
            if follows:
                last.end = run.end
                last.places.append(place)
            else:
                found.append(run)
        return found

    def origin(self, place: int) -> _Run:
        """The loop and equation that a place is a result of, and which elements of all steps."""
        part = self.part(place) if place >= 0 else None
        if part is None:
            return _Run(None, 0, 0, 0, [place])
        whole, first, count = part
        built = self.built[self.within[whole]]
        step, q = built.plan.of_place(whole)
        if q not in built.rows:
            return _Run(None, 0, 0, 0, [place])
        first += step * self.aval(whole).size
        return _Run(built, q, first, first + count, [place])

    def stacked(self, places: Sequence[int]) -> Node | None:
        """One row per step, as one array; None where that costs too much."""
        of = self.aval(places[0])
        if len(places) * of.size * of.dtype.itemsize > MOST_STACKED_BYTES:
            return None
        if places[0] < 0:
            nodes = [-1 - place for place in places]
            if self.columns.operations[nodes[0]] is LITERAL:
                rows = np.array([self.columns.values[node] for node in nodes], of.dtype)
                return Node(self.arena, self.arena.literal(rows))
            return self.read_rows(nodes)
        if any(self.aval(place) is not of for place in places):
            return None
        runs = self.runs(places)
        pieces = sum(1 if run.built is not None else len(run.places) for run in runs)
        if pieces > max(FEW_PIECES, len(places) // STEPS_PER_PIECE):
            return None
        parts = self.pieces(places, rows=True)
        return parts[0] if len(parts) == 1 else concatenate(*parts, axis=0)

    def read_rows(self, nodes: Sequence[int]) -> Node:
        """The rows ``x[i]``, ``x[j]``, … of one array: a slice, where they are equally spaced."""
        base = int(self.stream.rows_of[nodes[0]])
        x = Node(self.arena, self.node_of(base))
        indices = np.array([self.columns.operations[node].kwargs["index"] for node in nodes])
        sizes = x.shape[: indices.shape[1]]
        indices %= np.array(sizes)
        moves = np.diff(indices, axis=0)
        turning = np.flatnonzero((moves != 0).any(axis=0))
        if len(turning) == 1 and (moves == moves[0]).all():
            axis = int(turning[0])
            return _slice(x, indices[0].tolist(), axis, int(moves[0, axis]), len(nodes))
        flat = np.ravel_multi_index(tuple(indices.T), sizes)
        rows = reshaped(x, (prod(sizes), *x.shape[indices.shape[1] :]))
        return getitem(rows, flat, index=(("array", 1),))

    # Loops ---------------------------------------------------------------------------------------

    def build(self, plan: Plan) -> bool:
        """Write a stretch down as a loop; False where its rows cost too much."""
        first, step = len(self.arena), Step(self.graph, self.stream, plan)
        rows: list[Any] = []
        for places in step.rows:
            rows.append(self.stacked(places))
            if rows[-1] is None:
                return False
        start = [Node(self.arena, self.value(plan.initial(carried))) for carried in plan.carries]
        constants = [Node(self.arena, self.value(place)) for place in step.constants]
        wired = step.wired()
        loop = Loop(wired.operands(start, rows, constants), wired.body, plan.stretch.steps)
        self.within[plan.stretch.start : plan.stretch.end] = len(self.built)
        self.built.append(Built(plan, loop))
        set_sources(self.arena, first, step.source)
        return True


def _reads_element(operation: Operation, of: Aval) -> bool:
    """Whether an equation reads one element: an integer for every axis."""
    index = operation.kwargs["index"]
    return len(index) == len(of.shape) and all(type(part) is int for part in index)


def _slice(x: Node, index: list[Any], axis: int, step: int, count: int) -> Node:
    """Equally spaced rows of an array, from the one at ``index`` on."""
    first = index[axis] if step > 0 else index[axis] + (count - 1) * step
    index[axis] = ("slice", first, first + (count - 1) * abs(step) + 1, abs(step))
    whole = index == [("slice", 0, x.shape[0], 1)]
    rows = x if whole else getitem(x, index=tuple(index))
    return rows if step > 0 else flip(rows, axes=(0,))
