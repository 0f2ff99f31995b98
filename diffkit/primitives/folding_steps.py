"""The body of a folded loop: the equations of its first step, on carry, rows and constants.

    step:   (c, x, w)   →   c′, y

A leaf (q, lag) of the carry is the result of equation q, lag steps ago, so after the step it is
the result of equation q itself, or the leaf (q, lag − 1).  Literals are part of the body,
unless they are large; other values that stay are constants.  Reading on: ``folding_plans.py``.
"""

from __future__ import annotations

from math import prod
from typing import Any

from diffkit.graph.arena import Arena
from diffkit.graph.ir import LITERAL, Graph
from diffkit.graph.periods import Stream
from diffkit.graph.sources import Source, assigned_name
from diffkit.primitives.control import CARRY, ROW, Body, Loop
from diffkit.primitives.control_bodies import Node, Wired, assembled
from diffkit.primitives.folding_plans import Plan
from diffkit.primitives.indexing import getitem
from diffkit.primitives.shaping import reshaped

__all__ = ["Built", "Step", "set_sources"]

# Larger literals are constants of the loop: bodies are compared by the bytes of theirs.
LITERAL_BYTES = 2**16


class Step:
    """One step of a stretch; ``constants`` and ``rows`` are the places it reads from outside.

    A place of ``rows`` is a list, one place per step of the loop.
    """

    def __init__(self, graph: Graph, stream: Stream, plan: Plan) -> None:
        self.graph, self.stream, self.plan = graph, stream, plan
        self.columns = graph.columns
        self.constants: list[int] = []
        self.rows: list[list[int]] = []
        self.roles: list[Any] = []  # per operand slot: (q, lag), or its column
        self.literals: dict[int, int] = {}  # column → node of a literal of the body
        self.constant_of: dict[int, int] = {}
        self.row_of: dict[int, int] = {}
        self._sort()

    def _sort(self) -> None:
        """Tell constants from rows, and find each of them once."""
        known: dict[Any, int] = {}
        for column in (slot for slot in self.plan.slots if isinstance(slot, int)):
            places = self.plan.places[:, column]
            place = int(places[0])
            if (places != place).any():
                key = places.tobytes()
                if key not in known:
                    known[key] = len(self.rows)
                    self.rows.append(places.tolist())
                self.row_of[column] = known[key]
            elif self._is_small_literal(place):
                self.literals[column] = -1 - place
            else:
                if place not in known:
                    known[place] = len(self.constants)
                    self.constants.append(place)
                self.constant_of[column] = known[place]

    def _is_small_literal(self, place: int) -> bool:
        node = -1 - place
        if place >= 0 or self.columns.operations[node] is not LITERAL:
            return False
        return self.columns.values[node].nbytes <= LITERAL_BYTES

    def wired(self) -> Wired:
        """The body, and which of the rows and constants it reads."""
        inside, plan = Arena(), self.plan
        nodes = self.stream.nodes
        first = plan.stretch.start
        carry = {
            carried: inside.new_input(self.columns.avals[nodes[first + carried[0]]])
            for carried in plan.carries
        }
        rows = [inside.new_input(self._aval(places[0])) for places in self.rows]
        constants = [inside.new_input(self._aval(place)) for place in self.constants]
        made: list[int] = []
        slots = iter(plan.slots)
        for node in nodes[first : first + plan.stretch.period].tolist():
            operands = []
            for _, slot in zip(self.columns.operands[node], slots, strict=False):
                if isinstance(slot, tuple):
                    operands.append(carry[slot] if slot[1] else made[slot[0]])
                elif slot in self.literals:
                    operands.append(inside.literal(self.columns.values[self.literals[slot]]))
                elif slot in self.row_of:
                    operands.append(rows[self.row_of[slot]])
                else:
                    operands.append(constants[self.constant_of[slot]])
            source = self.columns.sources[node]
            made.append(inside.emit(self.columns.operations[node], tuple(operands), source))
        after = [carry[q, lag - 1] if lag > 1 else made[q] for q, lag in plan.carries]
        return self._folded_inside(assembled(
            inside,
            (list(carry.values()), rows, constants),
            (after, (), [made[q] for q in plan.results]),
            _title(self.source),
            self._names(),
        ))  # fmt: skip

    @property
    def source(self) -> Source:
        """The user's position of the first equation."""
        return self.columns.sources[self.stream.nodes[self.plan.stretch.start]]

    def _folded_inside(self, wired: Wired) -> Wired:
        """The body with the loops of its own folded, where it is long."""
        from diffkit.primitives.folding import folded

        body = wired.body
        graph = folded(body.graph)
        if graph is body.graph:
            return wired
        return Wired(Body(graph, body.carries, body.rows, 0, body.name), wired.rows,
                     wired.constants)  # fmt: skip

    def _aval(self, place: int) -> Any:
        return self.columns.avals[self._node(place)]

    def _node(self, place: int) -> int:
        return int(self.stream.nodes[place]) if place >= 0 else -1 - place

    def _names(self) -> list[str]:
        first = self.plan.stretch.start
        carries = [self._name(first + q, "carry") for q, _ in self.plan.carries]
        rows = [self._name(places[0], "x") for places in self.rows]
        return [*carries, *rows, *(self._name(place, "constant") for place in self.constants)]

    def _name(self, place: int, other: str) -> str:
        """What the user calls a value: the variable it is stored into, or an argument."""
        node = self._node(place)
        base = int(self.stream.rows_of[node])
        named = dict(zip(self.graph.input_nodes, self.graph.input_names, strict=True))
        found = named.get(node if base < 0 else base) or assigned_name(self.columns.sources[node])
        return found if found and found.isidentifier() else other


def _title(source: Source) -> str:
    """The name of the function that has the loop."""
    name = getattr(source[0], "co_name", "") if source else ""
    return f"step_of_{name}" if name.isidentifier() else "step"


class Built:
    """A folded loop, and the values of the old graph that it computes."""

    def __init__(self, plan: Plan, loop: Loop) -> None:
        self.plan, self.loop = plan, loop
        self.last: list[Node] = []
        self.rows: dict[int, Node | None] = dict.fromkeys(plan.results)

    def value(self, place: int) -> Node:
        """The result of one equation in one step."""
        carried = self.plan.last_carry(place)
        if carried is not None:
            self.last = self.last or self.loop.results(CARRY)
            return self.last[self.plan.carries.index(carried)]
        step, q = self.plan.of_place(place)
        return getitem(self.stack(q), index=(step,))

    def stack(self, q: int) -> Node:
        """The results of one equation in all steps, a row per step."""
        if self.rows[q] is None:
            found = self.loop.results(ROW)
            self.rows = dict(zip(self.plan.results, found, strict=True))
        stacked = self.rows[q]
        assert stacked is not None
        return stacked

    def elements(self, q: int, first: int, end: int) -> Node:
        """Neighbouring elements of the results of one equation in all steps, flat or as stacked."""
        stack = self.stack(q)
        size = prod(stack.shape)
        if (first, end) == (0, size):
            return stack
        return getitem(reshaped(stack, (size,)), index=(("slice", first, end, 1),))


def set_sources(arena: Arena, first: int, source: Source) -> None:
    """Give the equations from ``first`` on a position, where they have none."""
    for node in range(first, len(arena)):
        if arena.sources[node] is None and arena.operations[node] is not LITERAL:
            arena.sources[node] = source
