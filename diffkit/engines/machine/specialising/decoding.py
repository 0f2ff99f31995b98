"""From the machine's rows back to loops over lanes.

A row of the machine is an interpreter's instruction: registers, steps, blocks.  Here its words are
read again and become loops that name values instead of registers; so whatever the builder fused
and rewrote holds for specialised code, too.  A row that is none of these (a matrix product, a
gather, a loop over arrays) stays a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from diffkit.engines.machine.builder import Callback, Row
from diffkit.engines.machine.bulk import MOST_OPERANDS, Cells
from diffkit.engines.machine.memory import Buffer, Value
from diffkit.engines.machine.specialising.pieces import (
    ITEMSIZE,
    Apply,
    Loop,
    Piece,
    Place,
    Read,
    Sum,
    Write,
)
from diffkit.engines.machine.specialising.recurrences import recurrence
from diffkit.engines.machine.tapes import Inline
from diffkit.engines.machine.words import OUTPUTS

__all__ = ["decoded"]

_TAPE_HEAD, _INSTRUCTION = 7, 5
# Widths that lanes can be converted from and to; a float to an integer is left to the kernel.
_FLOATS = ("f8", "f4")
# A loop with one of these calls the C library for far arguments, which keeps LLVM from making
# lanes of any of it.  The machine's kernels look first whether a block has far ones at all; for
# more lanes than these that is several times faster.
_NEAR_IN_BLOCKS, FEW_LANES = ("sin", "cos"), 16


class _StaysRow(Exception):
    """The row has something that loops here cannot say."""


def decoded(row: Row | Callback, outputs: Sequence[Value]) -> list[Piece] | None:
    """The loops and sums that a row is; None where it stays a row.

    ``outputs`` are the results of the program, which the last row checks.
    """
    if not isinstance(row, Row):
        return None
    items: tuple[Any, ...] = (*row.items, 0, 0, 0)[: max(len(row.items), 4)]
    name, first, second, third, *rest = items
    kind, _, width = name.rpartition("_")
    try:
        if name == "tape":
            return [_Tape(row).loop]
        if name == "scalars":
            return [_cells(row) if isinstance(row.items[-1], Cells) else _moves(row)]
        if name == "fill":
            return _fill(first, second)
        if kind == "copy":
            return [_copy(first, second, third, rest)]
        if kind == "add_into":
            return [_add_into(width, first, second, third, rest)]
        if kind == "sum" and third == rest[1] == 1 and rest[0] > 0:
            return [_sum(first, second, rest[0])]
        if kind == "scan_scalars":
            found = recurrence(row, width)
            return None if found is None else [found]
        if kind == "check":
            return [_check(value) for value in outputs if value.size]
    except _StaysRow:
        pass
    return None


def _place(value: Value, step: int | None = None) -> Place:
    """The place of lanes that follow each other, or with a step of their own."""
    width = value.width
    if width not in ITEMSIZE:
        raise _StaysRow
    offset = value.offset
    return Place(value.buffer, offset, width, ITEMSIZE[width] if step is None else step)


def _single(place: Place) -> Place:
    return replace(place, step=ITEMSIZE[place.width], outer=None)


def _fill(target: Value, nbytes: int) -> list[Piece]:
    width = target.width if target.width in ITEMSIZE else "u1"
    lanes, rest = divmod(nbytes, ITEMSIZE[width])
    if rest or not lanes:
        raise _StaysRow
    loop = Loop(lanes)
    zero = loop.add(Apply("zero", width, ()))
    loop.add(Write(Place(target.buffer, target.offset, width, ITEMSIZE[width]), zero, width))
    return [loop]


def _line(axes: int, words: Sequence[int], item: int) -> int:
    """The number of lanes of a walk over one axis without gaps."""
    if axes != 1 or not words[0] or (words[0] > 1 and (words[1] != item or words[2] != item)):
        raise _StaysRow
    return words[0]


def _copy(source: Value, target: Value, axes: int, words: Sequence[int]) -> Loop:
    if source.width not in ITEMSIZE or source.width != target.width:
        raise _StaysRow
    loop = Loop(_line(axes, words, ITEMSIZE[source.width]))
    read = loop.add(Read(_place(source), source.width))
    loop.add(Write(_place(target), read, source.width))
    return loop


def _add_into(width: str, source: Value, target: Value, axes: int, words: Sequence[int]) -> Loop:
    loop = Loop(_line(axes, words, ITEMSIZE[width]))
    before = loop.add(Read(_place(target), width))
    more = loop.add(Read(_place(source), width))
    loop.add(Write(_place(target), loop.add(Apply("add", width, (before, more))), width))
    return loop


def _sum(source: Value, target: Value, count: int) -> Sum:
    if source.width not in _FLOATS:
        raise _StaysRow
    return Sum(count, _place(source), _place(target), (source, target))


def _check(value: Value) -> Loop:
    loop = Loop(value.size)
    if value.buffer.slot != OUTPUTS or value.width not in _FLOATS:
        raise _StaysRow
    loop.checks.append(loop.add(Read(_place(value), value.width)))
    return loop


# Straight-line code ------------------------------------------------------------------------------


class _Scalars:
    """A loop of one lane, while operations are added whose operands are cells in memory."""

    def __init__(self) -> None:
        self.loop = Loop(1)
        self.known: dict[tuple[int, int], int] = {}

    def read(self, buffer: Buffer, offset: int, width: str, source: str | None = None) -> int:
        key = (id(buffer), offset)
        if key not in self.known:
            place = Place(buffer, offset, source or width, ITEMSIZE[source or width])
            self.known[key] = self.loop.add(Read(place, width))
        return self.known[key]

    def apply(self, kernel: str, target: tuple[Buffer, int], operands: tuple[int, ...]) -> None:
        name, _, width = kernel.rpartition("_")
        value = self.loop.add(Apply(name, width, operands))
        self.known[id(target[0]), target[1]] = value
        self.loop.add(Write(Place(*target, width, ITEMSIZE[width]), value, width))


def _moves(row: Row) -> Loop:
    """A row of single numbers that are moved to their places (``rules/pieces.py``)."""
    scalars, words = _Scalars(), row.items[2:]
    for k in range(0, len(words), _INSTRUCTION):
        kernel, target, source = words[k : k + 3]
        if kernel != "alias_f8" or source.width != "f8":
            raise _StaysRow
        read = scalars.read(source.buffer, source.offset, "f8")
        scalars.apply(kernel, (target.buffer, target.offset), (read,))
    return scalars.loop


def _cells(row: Row) -> Loop:
    cells = row.items[-1]
    scalars, outside = _Scalars(), cells.outside
    if any(value.width != "f8" for value in outside):
        raise _StaysRow
    arity = _arities(cells.names)
    item = ITEMSIZE["f8"]
    for kernel, (target, *places) in zip(
        cells.kernels.tolist(), cells.places.tolist(), strict=True
    ):
        operands = []
        for place in places[: arity[kernel]]:
            if place >= 0:
                operands.append(scalars.read(cells.buffer, item * place, "f8"))
            else:
                value = outside[-1 - place]
                operands.append(scalars.read(value.buffer, value.offset, "f8"))
        scalars.apply(cells.names[kernel], (cells.buffer, item * target), tuple(operands))
    return scalars.loop


def _arities(names: Sequence[str]) -> list[int]:
    """How many operands each kernel of a run has: the others of its words mean nothing."""
    from diffkit.graph.primitive import REGISTRY, Elementwise

    found = []
    for name in names:
        operation = name.rpartition("_")[0]
        if operation.startswith("integer_power"):
            found.append(1)
            continue
        primitive: Any = REGISTRY[operation]
        assert isinstance(primitive, Elementwise) and primitive.emit is not None
        emit = primitive.emit
        found.append(max(k + 1 for k in range(MOST_OPERANDS) if f"{{{k}}}" in emit))
    return found


# Micro-tapes -------------------------------------------------------------------------------------


class _Tape:
    """A micro-tape, instruction by instruction; ``loop`` is what it computes."""

    def __init__(self, row: Row) -> None:
        items = row.items
        _, lanes, self.block, registers, once, inside = items[:6]
        if not lanes:
            raise _StaysRow
        self.scratch = row.buffers[0]
        self.words = items[_TAPE_HEAD : _TAPE_HEAD + registers]
        begin = _TAPE_HEAD + registers
        self.steps = items[begin : begin + registers]
        self.loop, self.known = Loop(lanes), {}
        self.read: dict[Any, int] = {}
        code = items[begin + registers :]
        for k in range(0, _INSTRUCTION * (once + inside), _INSTRUCTION):
            self._instruction(*code[k : k + _INSTRUCTION])

    def _instruction(self, kernel: str, target: int, *operands: int) -> None:
        parts = kernel.split("_")
        if parts[0] in ("load", "splat") and len(parts) == 3 and parts[2] in ITEMSIZE:
            shape = self.words[operands[1]] if parts[0] == "load" else None
            value = self._load(self.words[operands[0]], parts[1], shape)
        elif parts[0] == "store" and len(parts) == 3:
            if parts[2] not in (parts[1], "u1"):
                raise _StaysRow
            value = self._operand(operands[0], parts[1])
            self.loop.add(Write(_place(self.words[target]), value, parts[1]))
        else:
            name, _, width = kernel.rpartition("_")
            if name in _NEAR_IN_BLOCKS and self.loop.lanes > FEW_LANES:
                raise _StaysRow
            # register 0 stands for an operand that there is not
            found = tuple(self._operand(x, width) for x in operands if x)
            word = self.words[target]
            if name == "accumulate":  # a sum over the steps of a loop
                found, name = (self._read(Read(_place(word), width)), *found), "add"
            value = self.loop.add(Apply(name, width, found))
            if word.buffer is not self.scratch:
                self.loop.add(Write(_place(word), value, width))
        self.known[self._key(target)] = value

    def _key(self, register: int) -> Any:
        """What a register is known by: its vector, which others share one after the other."""
        word = self.words[register]
        return ("vector", word.offset) if word.buffer is self.scratch else register

    def _operand(self, register: int, width: str) -> int:
        key = self._key(register)
        if key not in self.known:
            word: Value = self.words[register]
            step = 0 if word.is_single else ITEMSIZE[width]
            self.known[key] = self._read(Read(_place(word, step), width))
        return self.known[key]

    def _read(self, step: Read) -> int:
        if self.loop.lanes == 1:  # one lane lies one way
            step = replace(step, place=_single(step.place))
        key = (id(step.place.buffer), step.place, step.width)
        if key not in self.read:
            self.read[key] = self.loop.add(step)
        return self.read[key]

    def _load(self, source: Value, width: str, shape: Inline | None) -> int:
        if source.width not in ITEMSIZE or (width == "i8" and source.width in _FLOATS):
            raise _StaysRow
        if shape is None:
            return self._read(Read(_place(source, 0), width))
        axes = shape.words[0]
        sizes, strides = shape.words[1 : 1 + axes], shape.words[1 + axes :]
        if axes == 1:
            return self._read(Read(_place(source, strides[0]), width))
        if axes != 2 or self.loop.columns not in (0, sizes[1]):
            raise _StaysRow
        self.loop.columns = sizes[1]
        outer = None if strides[0] == sizes[1] * strides[1] else strides[0]
        place = Place(source.buffer, source.offset, source.width, strides[1], outer)
        return self._read(Read(place, width))
