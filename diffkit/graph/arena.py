"""The columns of a graph while it grows, hash-consed.

An equation that is already there is not added again: the table maps (operation, operands) to
the node that holds it, so common subexpressions exist once (hash-consing; Filliâtre & Conchon
2006, *Type-safe modular hash-consing*).  A derivative extends a copy of the graph's own
columns, so it re-uses every value that the function has already computed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.errors import LeakedTracerError
from diffkit.graph.avals import Aval, aval_of
from diffkit.graph.collecting import collector_paused
from diffkit.graph.ir import INPUT, LITERAL, Columns, Graph, Guard, Operation
from diffkit.graph.irrational import meaning_of
from diffkit.graph.sources import Source

__all__ = ["SMALL_LITERAL_BYTES", "Arena"]

# Literals up to this size are shared by content, larger ones by the identity of their array.
SMALL_LITERAL_BYTES = 1024


class _Closed(dict[Any, int]):
    """The table of an arena whose capture has ended."""

    def get(self, key: Any, default: Any = None) -> Any:
        raise LeakedTracerError(
            "a traced value was used after the capture that made it had ended",
            hint="return it from the function instead of storing it in a global or an attribute.",
        )


class Arena(Columns):
    """Columns that grow; one capture, or one derivative, fills one arena."""

    __slots__ = (
        "examples",
        "guards",
        "has_alias",
        "has_masks",
        "inner",
        "keep",
        "refused",
        "relations",
        "repeated",
        "scalars",
        "source",
        "table",
        "units",
    )

    def __init__(self) -> None:
        super().__init__()
        self.table: dict[Any, int] = {}
        self.source: Source = None  # when set, every new equation inherits it
        self.guards: list[Guard] = []
        self.examples: dict[int, Any] = {}
        self.repeated: dict[int, set[Source]] = {}
        self.inner: list[int] = []  # inputs of the bodies of loops, which no output may need
        self.keep: dict[int, Any] = {}  # arrays whose id is a key must stay alive
        self.units: set[int] = set()  # literals that are exactly 1.0, for structural products
        self.scalars: dict[Any, int] = {}  # (type, Python number, dtype) → literal
        self.refused: Exception | None = None  # of a plain number that a traced value cannot give
        self.has_masks = False
        self.has_alias = False
        self.relations: dict[int, tuple[int, str]] = {}  # for names: h_bar, h_dot

    @classmethod
    @collector_paused()
    def of(cls, graph: Graph) -> Arena:
        """A growing copy of a graph's columns."""
        arena = cls()
        columns = graph.columns
        arena.operations = columns.operations.copy()
        arena.operands = columns.operands.copy()
        arena.avals = columns.avals.copy()
        arena.sources = columns.sources.copy()
        for node, operation in enumerate(arena.operations):
            if operation is not INPUT and operation is not LITERAL:
                arena.table[(operation, *arena.operands[node])] = node
                if operation.name == "mask":
                    arena.has_masks = True
                elif operation.name == "alias":
                    arena.has_alias = True
        for node, value in columns.values.items():
            arena._remember_literal(node, value)
        arena.guards = list(graph.guards)
        arena.relations = dict(graph.relations)
        arena.repeated = {node: set(lines) for node, lines in graph.repeated.items()}
        return arena

    # Growing -----------------------------------------------------------------------------

    def _append(
        self, operation: Operation, operands: tuple[int, ...], aval: Aval, source: Source
    ) -> int:
        node = len(self.operations)
        self.operations.append(operation)
        self.operands.append(operands)
        self.avals.append(aval)
        self.sources.append(source)
        return node

    def new_input(self, aval: Aval) -> int:
        """Add an input variable."""
        return self._append(INPUT, (), aval, None)

    def literal(self, value: Any) -> int:
        """The node of a constant; equal bits of equal dtype and meaning share a node.

        Arrays are copied, since the user may change them later.
        """
        array = value if isinstance(value, (np.ndarray, np.generic)) else np.asarray(value)
        key = self._literal_key(array)
        node = self.table.get(key)
        if node is not None:
            return node
        stored = array
        if isinstance(array, np.ndarray):
            self.keep[id(array)] = array
            native = array.dtype.newbyteorder("=")  # kernels read bytes as this computer's
            stored = array[()] if array.ndim == 0 else np.array(array, native, order="C")
            if isinstance(stored, np.ndarray):
                stored.setflags(write=False)
        node = self._append(LITERAL, (), aval_of(stored), None)
        self.table[key] = node
        self._remember_literal(node, stored)
        return node

    def _literal_key(self, array: Any) -> tuple[Any, ...]:
        """Bits, dtype and meaning: the ln 2 of a rule is not a user's double next to it."""
        if array.nbytes <= SMALL_LITERAL_BYTES:
            bits = ("literal", array.dtype.str, array.shape, array.tobytes())
            irrational = meaning_of(array)
            return bits if irrational is None else (*bits, irrational.name)
        # Large arrays of the same content are found by hashing their bytes once per object.
        return ("literal", array.dtype.str, array.shape, hash(array.tobytes()), id(array))

    def _remember_literal(self, node: int, value: Any) -> None:
        self.values[node] = value
        array = np.asarray(value) if meaning_of(value) is None else value
        if array.nbytes <= SMALL_LITERAL_BYTES:
            self.table[self._literal_key(array)] = node
        if array.ndim == 0 and array.dtype.kind == "f" and array == 1.0:
            self.units.add(node)

    def emit(self, operation: Operation, operands: tuple[int, ...], source: Source) -> int:
        """The node of ``operation(operands)``: found in the table, or inferred and appended."""
        key = (operation, *operands)
        node = self.table.get(key)
        if node is not None:
            self.note_repeat(node, source)
            return node
        avals = tuple([self.avals[operand] for operand in operands])
        aval = operation.memo.get(avals)
        if aval is None:
            aval = operation.primitive.infer(avals, operation.kwargs)
            operation.memo[avals] = aval
        node = self._append(operation, operands, aval, source)
        self.table[key] = node
        if operation.name == "mask":
            self.has_masks = True
        elif operation.name == "alias":
            self.has_alias = True
        return node

    def emit_fresh(self, operation: Operation, operands: tuple[int, ...], aval: Aval) -> int:
        """Append an equation that is never shared (``alias`` needs this)."""
        self.has_alias = True
        return self._append(operation, operands, aval, self.source)

    def note_repeat(self, node: int, source: Source) -> None:
        """Remember that another of the user's lines computes this node too."""
        if source is not None and source != self.sources[node]:
            self.repeated.setdefault(node, set()).add(source)

    def close(self) -> None:
        """Refuse further equations: a traced value that outlives its capture raises."""
        self.table = _Closed()

    # Finishing ---------------------------------------------------------------------------

    @collector_paused()
    def freeze(
        self,
        inputs: Sequence[int],
        outputs: Sequence[int],
        *,
        guards: Sequence[Guard] | None = None,
        **attributes: Any,
    ) -> Graph:
        """A graph of what the outputs (and guards) need, renumbered with the inputs first."""
        guards = self.guards if guards is None else guards
        live = self._reachable([*inputs, *outputs, *(guard.node for guard in guards)])
        if any(live[node] for node in self.inner):
            raise LeakedTracerError(
                "a traced value of one step of a loop was used after the loop",
                hint="return it from the step, as a part of the carry or of y.",
            )
        if self._is_compact(live, inputs):
            place = {node: node for node in range(len(live))} if self.relations else {}
            return Graph(
                self._copied(),
                inputs,
                outputs,
                guards=guards,
                repeated=self.repeated,
                relations=self._moved_relations(place),
                **attributes,
            )
        columns = Columns()
        place: dict[int, int] = {}

        def move(node: int) -> None:
            place[node] = len(columns.operations)
            columns.operations.append(self.operations[node])
            columns.operands.append(tuple([place[i] for i in self.operands[node]]))
            columns.avals.append(self.avals[node])
            columns.sources.append(self.sources[node])
            if node in self.values:
                columns.values[place[node]] = self.values[node]

        for node in inputs:
            move(node)
        self._move_live(live, place, move)
        return Graph(
            columns,
            [place[node] for node in inputs],
            [place[node] for node in outputs],
            guards=[Guard(place[g.node], g.outcome, g.source) for g in guards],
            relations=self._moved_relations(place),
            repeated={place[n]: lines for n, lines in self.repeated.items() if n in place},
            **attributes,
        )

    def _moved_relations(self, place: dict[int, int]) -> dict[int, tuple[int, str]]:
        return {
            place[node]: (place[primal], suffix)
            for node, (primal, suffix) in self.relations.items()
            if node in place and primal in place and place[node] > place[primal]
        }

    def _is_compact(self, live: bytearray, inputs: Sequence[int]) -> bool:
        """Whether every node is needed and the inputs come first: nothing to renumber."""
        return (
            live.find(0) < 0
            and len(live) == len(self.operations)
            and tuple(inputs) == tuple(range(len(inputs)))
            and not self.has_alias
        )

    def _copied(self) -> Columns:
        columns = Columns()
        columns.operations = self.operations.copy()
        columns.operands = self.operands.copy()
        columns.avals = self.avals.copy()
        columns.sources = self.sources.copy()
        columns.values = dict(self.values)
        return columns

    def _move_live(
        self, live: bytearray, place: dict[int, int], move: Callable[[int], None]
    ) -> None:
        for node, wanted in enumerate(live):
            if not wanted or node in place:
                continue
            operation = self.operations[node]
            if operation.name == "alias":
                place[node] = place[self.operands[node][0]]
            else:
                move(node)

    def _reachable(self, roots: Sequence[int]) -> bytearray:
        live = bytearray(len(self.operations))
        for node in roots:
            live[node] = 1
        for node in range(max(roots, default=-1), -1, -1):
            if live[node]:
                for operand in self.operands[node]:
                    live[operand] = 1
        return live
