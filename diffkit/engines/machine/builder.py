"""From a graph to rows: one walk over the equations.

    equation → its rule → rows, or a view, or one more operation of an open tape

Every primitive with kernels has a rule in ``machine/rules/``; elementwise ones go to tapes; what
has no rule becomes a row for Python, where NumPy computes it on views of the same memory.  The
walk only decides what happens in which order; where things lie is decided afterwards, when it is
known how long each buffer lives (``machine/program.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeAlias

import numpy as np

from diffkit.engines.machine.bulk import CellStates, runs_of, scalar_row
from diffkit.engines.machine.layout import copy_axes
from diffkit.engines.machine.memory import Buffer, Value
from diffkit.engines.machine.tapes import Member, Tape, tape_row
from diffkit.engines.machine.words import FIRST_ARGUMENT, LITERALS, OUTPUTS, WORKSPACE
from diffkit.graph.ir import INPUT, LITERAL, Graph
from diffkit.graph.primitive import Elementwise

__all__ = ["RULES", "Builder", "Callback", "Row", "Rule", "rule"]

# A rule emits rows for an equation, or answers False: then Python computes it.
Rule: TypeAlias = "Callable[[Builder, int], bool | None]"
RULES: dict[str, Rule] = {}
# Itemsizes with a copy of their own (kernels/movement.py); others are copied byte by byte.
COPIED = (8, 4, 1)
# Dtypes that kernels load from; the rest is converted by NumPy first.
LOADABLE = ("f8", "f4", "i8", "i4", "u1")


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Register the rule of some primitives."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return register


@dataclass(frozen=True, slots=True)
class Row:
    """A row before memory is laid out: a kernel's name, then integers, operands and names."""

    items: tuple[Any, ...]
    node: int
    buffers: tuple[Buffer, ...] = ()  # scratch memory, besides the buffers of the operands
    certain: bool = False  # known never to refuse, though its kernel may (program.REFUSING)


@dataclass(frozen=True, slots=True)
class Callback:
    """A row that Python computes with NumPy."""

    function: Callable[..., Any]
    operands: tuple[Value, ...]
    result: Value
    node: int


def scalar_loop(operation: Any) -> tuple[str, frozenset[int]] | None:
    """The loop of an operation over float64, and its operands that are truth values."""
    from diffkit.engines.machine.rules.elementwise import plain_loop

    return plain_loop(operation)


class Builder:
    """The rows of a graph, while they are put together."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.columns = graph, graph.columns
        self.rows: list[Row | Callback] = []
        self.state: CellStates = CellStates()
        self.tapes: dict[tuple[int, str], Tape] = {}
        self.pieces: dict[int, Any] = {}  # arrays that are put together from pieces
        read = np.fromiter(chain.from_iterable(self.columns.operands), np.int64)
        self.remaining: list[int] = np.bincount(read, minlength=len(self.columns)).tolist()
        for node in graph.output_nodes:
            self.remaining[node] += 1
        self.readers = tuple(self.remaining)  # how many read a node in all
        self.wanted = self._wanted_outputs()
        self.node = -1
        # the first slot of the table that a loop may take, and how many loops have taken
        self.free_slot = self.most_slots = FIRST_ARGUMENT + len(graph.input_nodes)

    def _wanted_outputs(self) -> dict[int, Value]:
        """The output of each equation that is one, in memory of its own."""
        found: dict[int, Value] = {}
        for node in self.graph.output_nodes:
            if node not in found:
                aval = self.columns.avals[node]
                buffer = Buffer(OUTPUTS, aval.size * aval.dtype.itemsize)
                found[node] = Value.dense(buffer, aval.shape, aval.dtype)
        return found

    def build(self) -> list[Row | Callback]:
        """All rows, in order."""
        self._inputs_and_literals()
        start = 0
        for first, end in runs_of(self.columns, scalar_loop):
            self._equations(start, first)
            self._scalar_run(first, end)
            start = end
        self._equations(start, len(self.columns))
        self._finish()
        return self.rows

    def _equations(self, start: int, end: int) -> None:
        """The rows of the equations among some nodes, one after the other."""
        for node in range(start, end):
            if self.columns.operations[node] in (INPUT, LITERAL):
                continue
            self.node = node
            self._equation(node)
            for operand in self.columns.operands[node]:
                self.remaining[operand] -= 1

    def _scalar_run(self, first: int, end: int) -> None:
        """One row for a long run of scalar operations."""
        operations = self.columns.operations
        nodes = []
        for node in range(first, end):
            if operations[node].name == "getitem":  # a view of an argument
                self._equations(node, node + 1)
            elif operations[node] is not LITERAL:
                nodes.append(node)
        self.node = nodes[-1]
        items = scalar_row(self.columns, nodes, scalar_loop, self.state, self.memory)
        self.rows.append(Row(items, self.node))

    def _finish(self) -> None:
        """Bring all outputs to their places."""
        for node, value in self.wanted.items():
            self._finish_output(node, value)
        self._close_all()

    def _inputs_and_literals(self) -> None:
        avals = self.columns.avals
        for place, node in enumerate(self.graph.input_nodes):
            aval = avals[node]
            buffer = Buffer(FIRST_ARGUMENT + place, aval.size * aval.dtype.itemsize)
            self.state[node] = Value.dense(buffer, aval.shape, aval.dtype)
        for node, value in self.columns.values.items():
            if self.columns.operations[node] is LITERAL:
                self.state[node] = self.literal(value)

    def literal(self, value: Any) -> Value:
        """A constant in memory."""
        array = np.ascontiguousarray(value)
        buffer = Buffer(LITERALS, array.nbytes)
        buffer.array = array
        return Value.dense(buffer, np.shape(value), array.dtype)

    def _equation(self, node: int) -> None:
        operation = self.columns.operations[node]
        found = RULES.get(operation.name)
        if found is not None:
            if found(self, node) is False:
                self.callback(node)
        elif not (isinstance(operation.primitive, Elementwise) and self.elementwise(node)):
            self.callback(node)

    # What rules use ------------------------------------------------------------------------------

    def aval(self, node: int) -> Any:
        """The abstract value of a node."""
        return self.columns.avals[node]

    def operands(self, node: int) -> tuple[int, ...]:
        """The nodes an equation reads."""
        return self.columns.operands[node]

    def params(self, node: int) -> dict[str, Any]:
        """The parameters of an equation."""
        return self.columns.operations[node].kwargs

    def memory(self, node: int) -> Value:
        """A node's array in memory, with any strides; an open tape that has it is closed."""
        state = self.state[node]
        if isinstance(state, Member):
            self._close(state.tape)
            state = self.state[node]
            assert isinstance(state, Value)
        return state

    def numbers(self, node: int) -> Value:
        """A node's array in memory with its own dtype (truth values as bytes)."""
        value = self.memory(node)
        return self._as_bytes(value) if value.truth else value

    def dense(self, node: int) -> Value:
        """A node's array in memory in C order, copied if it lies otherwise."""
        return self.made_dense(self.numbers(node))

    def made_dense(self, value: Value) -> Value:
        """An array in C order, copied if it lies otherwise."""
        if value.is_dense:
            return value
        copy = self.temporary(value.shape, value.dtype)
        self.copy(value, copy)
        return copy

    def temporary(self, shape: tuple[int, ...], dtype: Any) -> Value:
        """A new array in the workspace."""
        dtype = np.dtype(dtype)
        buffer = Buffer(WORKSPACE, int(np.prod(shape, dtype=np.int64)) * dtype.itemsize)
        return Value.dense(buffer, shape, dtype)

    def result(self, node: int) -> Value:
        """A new array for an equation's result; rules write it with rows."""
        aval = self.aval(node)
        value = self.wanted.get(node) or self.temporary(aval.shape, aval.dtype)
        self.state[node] = value
        return value

    def view(self, node: int, value: Value) -> None:
        """Make an equation's result a view of memory that is there."""
        self.state[node] = value

    def row(
        self, kernel: str, *items: Any, scratch: tuple[Buffer, ...] = (), certain: bool = False
    ) -> None:
        """Emit a row; operands are values, names of kernels strings, all else integers."""
        self.rows.append(Row((kernel, *items), self.node, scratch, certain))

    def copy(self, source: Value, target: Value) -> None:
        """Emit rows that copy an array to another of the same shape and dtype."""
        if source.size == 0:
            return
        if source.dtype.itemsize not in COPIED:
            source, target = source.as_bytes(), target.as_bytes()
        axes = copy_axes(source, target)
        words = [axis[k] for k in range(3) for axis in axes]
        self.row(f"copy_{source.dtype.itemsize}", source, target, len(axes), *words)

    def fill(self, target: Value) -> None:
        """Emit a row that sets a dense array to zero."""
        self.row("fill", target, target.size * target.dtype.itemsize)

    def callback(self, node: int) -> None:
        """Have Python compute an equation."""
        operands = tuple(self.numbers(operand) for operand in self.operands(node))
        operation = self.columns.operations[node]
        result = self.result(node)
        function = operation.primitive.value
        if operation.kwargs:
            from functools import partial

            function = partial(function, **operation.kwargs)
        self.rows.append(Callback(function, operands, result, node))

    # Tapes -----------------------------------------------------------------------------------

    def elementwise(self, node: int) -> bool:
        """Add an elementwise equation to a tape; False if there is no kernel for it."""
        from diffkit.engines.machine.rules.elementwise import loop_of

        found = loop_of(self, node)
        if found is None:
            return False
        kernel, width, operands = found
        self.emit(node, kernel, width, operands)
        return True

    def emit(self, node: int, kernel: str, width: str, operands: tuple[Any, ...]) -> None:
        """Add one operation to the open tape of its number of lanes."""
        aval = self.aval(node)
        tape = self.tapes.setdefault((aval.size, width), Tape(aval.size, width))
        states = [self._operand_state(operand, aval.shape, tape) for operand in operands]
        # reading another tape's result closes that tape, but never this one
        registers = [s if isinstance(s, int) else tape.operand(s) for s in states]
        place = tape.emit(f"{kernel}_{width}", tuple(registers), node)
        truth = aval.dtype == np.bool_
        self.state[node] = Member(tape, place, aval.shape, truth)

    def _operand_state(self, operand: Any, shape: tuple[int, ...], tape: Tape) -> int | Value:
        """The register of a member of this tape, or the broadcast array in memory."""
        if isinstance(operand, Value):
            return operand.broadcast(shape)
        state = self.state[operand]
        if isinstance(state, Member) and state.tape is tape and _same_lanes(state.shape, shape):
            return state.register
        return self.memory(operand).broadcast(shape)

    def _close(self, tape: Tape) -> None:
        """Turn an open tape into a row; its results that are read elsewhere go to memory."""
        self.tapes.pop((tape.lanes, tape.width), None)
        dtype = np.dtype(tape.width)
        for _, place, _ in list(tape.instructions):
            register = tape.registers[place]
            needed = [node for node in register.nodes if self.remaining[node] > 0]
            if needed:
                self._store(tape, place, needed, dtype)
        items, scratch = tape_row(tape, dtype.itemsize)
        if tape.instructions:
            self.rows.append(Row(tuple(items), register_node(tape), (scratch,)))

    def _close_all(self) -> None:
        for tape in list(self.tapes.values()):
            self._close(tape)

    def _store(self, tape: Tape, place: int, nodes: list[int], dtype: Any) -> None:
        register = tape.registers[place]
        outputs = [node for node in nodes if node in self.wanted]
        truth = self.aval(nodes[0]).dtype == np.bool_
        first = self.wanted[outputs[0]] if outputs and not truth else None
        value = first or self.temporary((tape.lanes,), dtype)
        register.store = value
        for node in nodes:
            shape = self.aval(node).shape
            dense = Value.dense(value.buffer, shape, dtype, value.offset)
            self.state[node] = Value(dense.buffer, dense.offset, shape, dense.strides, dense.dtype,
                                     truth)  # fmt: skip

    def _as_bytes(self, value: Value) -> Value:
        """Truth values as the bytes that NumPy knows."""
        target = self.temporary(value.shape, np.bool_)
        width = value.width
        tape = Tape(value.size, width)
        register = tape.operand(value)
        place = tape.emit(f"store_{width}_u1", (register,), self.node)
        tape.registers[place].store = target
        items, scratch = tape_row(tape, value.dtype.itemsize)
        self.rows.append(Row(tuple(items), self.node, (scratch,)))
        return target

    def _finish_output(self, node: int, wanted: Value) -> None:
        """Bring an output to its place, if it was not computed there."""
        value = self.numbers(node)
        if value.buffer is not wanted.buffer:
            self.copy(value, wanted)


def register_node(tape: Tape) -> int:
    """The equation that a tape's row is named after: its last one."""
    return next(
        (tape.registers[place].nodes[-1] for _, place, _ in reversed(tape.instructions)
         if tape.registers[place].nodes), -1)  # fmt: skip


def _same_lanes(mine: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Whether a broadcast leaves the order of the lanes as it is (their number is the same)."""
    return mine == wanted or tuple(s for s in mine if s != 1) == tuple(s for s in wanted if s != 1)
