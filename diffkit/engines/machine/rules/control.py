"""Loops: the graph of one step becomes rows inside the loop's own row.

    carry, xs, constants  →  the step's rows, run T times  →  one packed vector

Everything a step reads or writes has its place before the loop starts.  A row of X is a view of X
through a slot that moves on, a row of Y a part of the packed vector in the same way; a constant
is read where it is; a sum is added to where it stands in the packed vector.  A carry is written
where it is saved, or, if it is not saved after each step, to one of two blocks in turn, and after
the last step to its place among the results.

Results of another dtype belong to another equation, so the operations that only they need are
left out.  Where the step has an operation without a kernel, Python runs the loop.

Reading on: ``primitives/control.py``, Note [Packed results]; ``kernels/scanning.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit.engines.machine.builder import LOADABLE, Builder, Callback, rule
from diffkit.engines.machine.memory import Buffer, Value
from diffkit.engines.machine.nested import Nested, buffers_of
from diffkit.engines.machine.rules.scalar_loops import ScalarStep
from diffkit.engines.machine.tapes import Member, Tape, tape_row
from diffkit.engines.machine.words import CARRY_WORDS, MOVING_WORDS, WORKSPACE
from diffkit.graph.ir import Graph
from diffkit.primitives.control import CARRY, ROW, SAVED, SUM, Body, layout_of
from diffkit.primitives.control_bodies import restricted

__all__ = ["scan"]

# Numbers that tapes compute with; everything else is moved only.
_COMPUTED = ("f8", "f4", "i8")
_NOWHERE = -1  # no place of its own after the last step


@rule("scan")
def scan(builder: Builder, node: int) -> bool | None:
    """The row of a loop, with the rows of its step inside; first carry and sums are set before."""
    params = builder.params(node)
    body = params["body"]
    sums = body.results(body.outputs)[1]
    if not all(_movable(of.dtype) for of in (*body.inputs, *body.outputs)) or not all(
        of.dtype.str[1:] in _COMPUTED for of in sums
    ):
        return False
    operands = [
        _fitted(builder, builder.numbers(operand), of.dtype)
        for operand, of in zip(builder.operands(node), body.inputs, strict=True)
    ]
    loop = _Loop(builder, node, **params)
    carry, xs, constants = body.parted(operands)
    parts = carry, [_ascending(builder, x) for x in xs], constants
    if loop.emit_scalars(*parts):
        return None
    if not loop.put_together(*parts):
        return False
    loop.emit()
    return None


def _movable(dtype: Any) -> bool:
    return dtype == np.bool_ or dtype.str[1:] in LOADABLE


def _fitted(builder: Builder, value: Value, dtype: Any) -> Value:
    """An operand in the dtype that the body takes it in."""
    return value if value.dtype == dtype else _converted(builder, value, dtype)


def _ascending(builder: Builder, stacked: Value) -> Value:
    """Rows that begin at their lowest address: the offset in a slot is never negative."""
    if all(stride >= 0 for stride in stacked.strides[1:]):
        return stacked
    dense = builder.temporary(stacked.shape, stacked.dtype)
    builder.copy(stacked, dense)
    return dense


class _Loop:
    """A loop equation while its row is put together."""

    def __init__(
        self,
        builder: Builder,
        node: int,
        body: Body,
        length: int,
        every: int = 1,
        reverse: bool = False,
        output: str | None = None,
    ) -> None:
        self.builder, self.body, self.length = builder, body, length
        self.every, self.reverse, self.output = every, reverse, output or body.dtypes[0]
        self.packed = builder.result(node)
        blocks, _ = layout_of(body, length, every, self.output)
        self.blocks = {(block.role, block.place): block for block in blocks}
        self.graph = restricted(body, self._kept())
        self.slot = builder.free_slot
        self.moving: list[Any] = []
        self.carries: list[Any] = []
        self.starts: list[tuple[Value, Value]] = []  # what is copied before the loop, and where to

    def emit_scalars(
        self, carry: Sequence[Value], xs: Sequence[Value], constants: Sequence[Value]
    ) -> bool:
        """Emit the loop as one kernel if its step is single numbers; False if it is not."""
        step = ScalarStep(self.graph, self.packed.width)
        if not step.fits:
            return False
        lists = self._scalar_lists(step, carry, xs, constants)
        words = [word for entries in lists for entry in entries for word in entry]
        item = step.dtype.itemsize
        cells = Value.dense(Buffer(WORKSPACE, item * step.count), (step.count,), step.dtype)
        self.builder.row(f"scan_scalars_{step.width}", self.length, self.every, cells, item,
                         len(step.operations), *map(len, lists), *step.words(), *words)  # fmt: skip
        return True

    def _scalar_lists(
        self,
        step: ScalarStep,
        carry: Sequence[Value],
        xs: Sequence[Value],
        constants: Sequence[Value],
    ) -> list[list[tuple[Any, ...]]]:
        """The cells that are filled, read, saved, written, copied and kept, with their places."""
        carries, read, fixed = self.body.parted(step.cells(self.graph.input_nodes))
        after, terms, written = self._parted(step.cells(self.graph.output_nodes))
        totals = [step.total(term) for term in terms]
        step.shorten([*after, *written])
        moves = step.carry(carries, after, written)  # may change ``written``
        filled = [*zip(carries, carry, strict=True), *zip(fixed, constants, strict=True)]
        filled += [(cell, self.builder.literal(x)) for cell, x in step.literals.items()]
        results = [*self._blocks(CARRY), *self._blocks(SUM)]
        return [
            filled,
            self._moving(read, xs),
            self._moving(carries, self._blocks(SAVED)),
            self._moving(written, self._blocks(ROW)),
            moves,
            list(zip([*carries, *totals], results, strict=True)),
        ]

    def _moving(self, cells: Sequence[int], stacked: Sequence[Value]) -> list[tuple[Any, ...]]:
        """Cells, with the rows of the first step and the strides from row to row."""
        return [(cell, self._first_row(x), self._stride(x))
                for cell, x in zip(cells, stacked, strict=True)]  # fmt: skip

    def put_together(
        self, carry: Sequence[Value], xs: Sequence[Value], constants: Sequence[Value]
    ) -> bool:
        """Give everything its place and build the rows of the step; False if one is for Python."""
        carried = [self._carry(place, start) for place, start in enumerate(carry)]
        inputs = [*[before for before, _ in carried], *map(self._row_of, xs), *constants]
        sums, ys = self._blocks(SUM), [self._row_of(block) for block in self._blocks(ROW)]
        after, terms, rows = self._parted(self.graph.output_nodes)
        outputs = zip([*after, *rows], [*[after for _, after in carried], *ys], strict=True)
        added = zip(terms, sums, strict=True)
        step = _StepBuilder(self.graph, inputs, list(outputs), list(added), self.slot)
        self.rows = step.build()
        self.starts += [(_nothing(self.builder, total), total) for total in sums]
        self.outside = frozenset(value.buffer for value in (*constants, *sums))
        self.builder.most_slots = max(self.builder.most_slots, step.most_slots)
        return not any(isinstance(row, Callback) for row in self.rows)

    def emit(self) -> None:
        """Emit the rows before the loop, and the loop."""
        for source, target in self.starts:
            self.builder.copy(source, target)
        touched = {b for row in self.rows for b in buffers_of(row) if b.slot == WORKSPACE}
        scratch = Buffer(WORKSPACE, 0)
        nested = Nested(self.graph, tuple(self.rows), self.outside & touched, scratch)
        copied = self.every if self.every > 1 else 0
        counts = len(self.moving) // MOVING_WORDS, len(self.carries) // CARRY_WORDS
        self.builder.row("scan", self.length, copied, nested, *counts, *self.moving,
                         *self.carries)  # fmt: skip

    def _kept(self) -> list[bool]:
        """The outputs of the step that this equation needs."""
        kept = [of.dtype.str == self.output for of in self.body.outputs]
        return [True] * self.body.carries + kept[self.body.carries :]

    def _parted(self, outputs: Sequence[int]) -> tuple[list[int], list[int], list[int]]:
        """What belongs to the outputs that are kept as carry, sums and rows."""
        first = self.body.carries
        second = first + sum(self.body.results(self._kept())[1])
        return list(outputs[:first]), list(outputs[first:second]), list(outputs[second:])

    def _block(self, role: str, place: int) -> Value | None:
        """A block of the packed vector; None for a result of another dtype."""
        block = self.blocks.get((role, place))
        if block is None:
            return None
        packed, item = self.packed, self.packed.dtype.itemsize
        offset = packed.offset + block.offset * item
        return Value.dense(packed.buffer, block.shape, packed.dtype, offset)

    def _blocks(self, role: str) -> list[Value]:
        """All blocks of one role."""
        found = [self._block(*key) for key in self.blocks if key[0] == role]
        return [block for block in found if block is not None]

    def _new_slot(self) -> int:
        self.slot += 1
        return self.slot - 1

    def _first_row(self, stacked: Value) -> Value:
        """The row of the first step, and where the rows go from there."""
        count, stride = stacked.shape[0], stacked.strides[0]
        first = (count - 1) * stride if self.reverse else 0
        return stacked.viewed(stacked.shape[1:], stacked.strides[1:], first)

    def _stride(self, stacked: Value) -> int:
        return -stacked.strides[0] if self.reverse else stacked.strides[0]

    def _row_of(self, stacked: Value) -> Value:
        """The present row of an array, through a slot that moves on."""
        first, slot = self._first_row(stacked), self._new_slot()
        self.moving += [slot, first, self._stride(stacked)]
        return Value(Buffer(slot, 0), 0, first.shape, first.strides, first.dtype)

    def _carry(self, place: int, start: Value) -> tuple[Value, Value]:
        """The places of a carry before and after a step."""
        before, after = self._new_slot(), self._new_slot()
        saved, last = self._block(SAVED, place), self._block(CARRY, place)
        end = _NOWHERE if last is None else last
        if saved is not None and self.every == 1:
            first, stride = self._first_row(saved), self._stride(saved)
            self.carries += [before, after, stride, first, first, end, first, 0, 0]
        else:
            first, other = (self.builder.temporary(start.shape, start.dtype) for _ in range(2))
            copied: list[Any] = [first, 0, 0]
            if saved is not None:
                copied = [self._first_row(saved), self._stride(saved), first.buffer.nbytes]
            self.carries += [before, after, 0, first, other, end, *copied]
        self.starts.append((start, first))
        shape, dtype = start.shape, start.dtype
        return (
            Value.dense(Buffer(before, 0), shape, dtype),
            Value.dense(Buffer(after, 0), shape, dtype),
        )


def _nothing(builder: Builder, total: Value) -> Value:
    """What a sum starts from: -0.0, which added to any number leaves it as it is."""
    return builder.literal(-total.dtype.type(0)).broadcast(total.shape)


class _StepBuilder(Builder):
    """The rows of one step: inputs and outputs have their places, sums are added to."""

    def __init__(
        self,
        graph: Graph,
        inputs: Sequence[Value],
        outputs: Sequence[tuple[int, Value]],
        sums: Sequence[tuple[int, Value]],
        free_slot: int,
    ) -> None:
        self.inputs, self.outputs, self.sums = inputs, outputs, sums
        super().__init__(graph)
        self.free_slot = self.most_slots = free_slot

    def _wanted_outputs(self) -> dict[int, Value]:
        """The place where each output is computed: its first."""
        return dict(reversed(self.outputs))

    def _inputs_and_literals(self) -> None:
        super()._inputs_and_literals()
        self.state.update(zip(self.graph.input_nodes, self.inputs, strict=True))

    def _finish(self) -> None:
        """Add to the sums, bring outputs to their places, and close all tapes."""
        for node, total in self.sums:
            self._add(node, total)
        computed = {node for node, place in self.wanted.items() if self._goes_to(node, place)}
        for node, place in self.outputs:
            if node not in computed or place is not self.wanted[node]:
                self._bring(node, place)
        for node in computed:
            self._finish_output(node, self.wanted[node])
        self._close_all()

    def _goes_to(self, node: int, place: Value) -> bool:
        """Whether an output is there already, or will be when its tape is closed."""
        state = self.state[node]
        return isinstance(state, Member) or state.buffer is place.buffer

    def _add(self, node: int, total: Value) -> None:
        """Add a term to its sum."""
        tape = self._tape_for(total)
        term = self._register(node, total, tape)
        if total.size == 1:
            place = tape.emit(f"add_{total.width}", (tape.operand(total), term), node)
        else:
            place = tape.emit(f"accumulate_{total.width}", (term,), node)
        _put(tape, place, total)
        self.remaining[node] -= 1

    def _bring(self, node: int, target: Value) -> None:
        """Bring an output to one more place, by the open tape where that computes such numbers."""
        state = self.state[node]
        width = state.tape.width if isinstance(state, Member) else state.width
        if state.truth or width != target.width or width not in _COMPUTED:
            self.copy(self.numbers(node), target)
            return
        tape = self._tape_for(target)
        _put(tape, tape.emit(f"alias_{width}", (self._register(node, target, tape),), node), target)

    def _tape_for(self, target: Value) -> Tape:
        key = target.size, target.width
        return self.tapes.setdefault(key, Tape(*key))

    def _register(self, node: int, target: Value, tape: Tape) -> int:
        found = self._operand_state(node, target.shape, tape)
        return found if isinstance(found, int) else tape.operand(found)


def _put(tape: Tape, place: int, target: Value) -> None:
    """Have a tape write a register to a place of its own."""
    tape.registers[place].nodes, tape.registers[place].store = [], target


def _converted(builder: Builder, value: Value, dtype: Any) -> Value:
    """An array in another dtype of numbers."""
    target = builder.temporary(value.shape, dtype)
    tape = Tape(target.size, target.width)
    place = tape.emit(f"alias_{target.width}", (tape.operand(value),), builder.node)
    _put(tape, place, target)
    items, scratch = tape_row(tape, target.dtype.itemsize)
    builder.row(*items, scratch=(scratch,))
    return target
