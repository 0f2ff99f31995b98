"""Micro-tapes while they are put together: which operations run together, in which registers.

A tape collects elementwise operations over equally many lanes.  It stays open while the graph is
walked, until something outside it needs one of its results; then it becomes one row, and only
results that are read elsewhere go to memory ("loop fusion"; Darte 1999, *On the complexity of
loop fusion*).  Everything else lives in vectors of a block of lanes that stay in the first cache,
shared by linear scan (Poletto & Sarkar 1999, *Linear scan register allocation*).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from diffkit.engines.machine.fusing import fuse
from diffkit.engines.machine.memory import Buffer, Value
from diffkit.engines.machine.words import WORKSPACE

__all__ = ["Inline", "Member", "Tape", "tape_row"]

# Bytes that the registers of a tape may fill: half of a first-level data cache of 32 or 48 KiB.
REGISTER_BYTES = 20 * 1024
# Lanes per block: fewer waste time on dispatching, more do not help.
LEAST_BLOCK, MOST_BLOCK = 64, 1024
# The word of the register that counts lanes instead of pointing at memory.
_LANE_COUNTER = -1


@dataclass(slots=True)
class Register:
    """A vector of lanes: where it comes from, and where it is needed."""

    value: Value | None = None  # memory that it is read from
    load: str = ""  # the kernel that fills it, if memory does not serve as it is
    once: bool = False  # filled before the first block
    store: Value | None = None  # memory that it is written to
    last: int = -1  # the last instruction that reads it
    nodes: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Member:
    """A value that so far exists in an open tape only."""

    tape: Tape
    register: int
    shape: tuple[int, ...]
    truth: bool


class Tape:
    """An open tape over ``lanes`` lanes of one width."""

    def __init__(self, lanes: int, width: str) -> None:
        self.lanes, self.width = lanes, width
        self.registers: list[Register] = [Register()]
        self.instructions: list[tuple[str, int, tuple[int, ...]]] = []
        self.read: dict[Any, int] = {}

    def operand(self, value: Value) -> int:
        """The register of an array in memory, already broadcast to the lanes."""
        key = (id(value.buffer), value.offset, value.shape, value.strides, value.dtype)
        if key not in self.read:
            self.read[key] = self._new_operand(value)
        return self.read[key]

    def _new_operand(self, value: Value) -> int:
        same = value.width == self.width
        register = Register(value=value)
        if value.is_single and (self.lanes > 1 or not same):
            register.load, register.once = f"splat_{self.width}_{value.width}", True
        elif not (same and (value.is_dense or value.is_single)):
            register.load = f"load_{self.width}_{value.width}"
        self.registers.append(register)
        return len(self.registers) - 1

    def emit(self, kernel: str, operands: tuple[int, ...], node: int) -> int:
        """Add an operation; returns the register of its result."""
        for register in operands:
            self.registers[register].last = len(self.instructions)
        self.registers.append(Register(nodes=[node]))
        place = len(self.registers) - 1
        self.instructions.append((kernel, place, operands))
        return place


# Rows --------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Layout:
    """The words of a tape's registers and instructions, as they are put together."""

    words: list[Any] = field(default_factory=list)
    steps: list[Any] = field(default_factory=list)
    once: list[Any] = field(default_factory=list)
    inside: list[Any] = field(default_factory=list)

    def add(self, word: Any, step: Any) -> int:
        self.words.append(word)
        self.steps.append(step)
        return len(self.words) - 1


class _Slots:
    """Vectors of the scratch memory, handed out and taken back."""

    def __init__(self) -> None:
        self.free: list[int] = []
        self.count = 0

    def take(self) -> int:
        return self.free.pop() if self.free else self.fresh()

    def fresh(self) -> int:
        self.count += 1
        return self.count - 1

    def give(self, slot: int) -> None:
        self.free.append(slot)


def tape_row(tape: Tape, item: int) -> tuple[list[Any], Buffer]:
    """The row of a finished tape: kernel, words and operands, and its scratch memory.

    Words are integers, operands :class:`Value`, and names of kernels strings; the program
    replaces them by numbers when memory has been laid out.
    """
    fuse(tape)
    slots, layout = _Slots(), _Layout()
    scratch = Buffer(WORKSPACE, 0)
    none = layout.add(Value.dense(scratch, (), "u1"), 0)
    counter = layout.add(_LANE_COUNTER, "block")
    used = _Used(tape, layout, slots, none, counter)
    for place, (kernel, result, operands) in enumerate(tape.instructions):
        used.instruction(place, kernel, result, operands)
    count = slots.count
    block = _block(tape.lanes, count, item)
    vector = block * item
    pointers = count * vector
    scratch.nbytes = pointers + 8 * len(layout.words)
    at = Value.dense(scratch, (), "u1", pointers)
    words = [
        Value.dense(scratch, (), "u1", word.slot * vector) if isinstance(word, _Scratch) else word
        for word in layout.words
    ]
    steps = [block * step if step != "block" else block for step in layout.steps]
    head = ["tape", tape.lanes, block, len(words), len(layout.once) // 5, len(layout.inside) // 5]
    return [*head, at, *words, *steps, *layout.once, *layout.inside], scratch


def _block(lanes: int, slots: int, item: int) -> int:
    fits = REGISTER_BYTES // (item * max(slots, 1))
    fits = min(max(fits - fits % LEAST_BLOCK, LEAST_BLOCK), MOST_BLOCK)
    return max(min(lanes, fits), 1)


@dataclass(frozen=True, slots=True)
class _Scratch:
    slot: int


@dataclass(frozen=True, slots=True)
class Inline:
    """An operand that is the address of words at the end of this row."""

    words: tuple[int, ...]


class _Used:
    """The registers as they come into use, instruction by instruction."""

    def __init__(self, tape: Tape, layout: _Layout, slots: _Slots, none: int, counter: int) -> None:
        self.tape, self.layout, self.slots = tape, layout, slots
        self.none, self.counter = none, counter
        self.place: dict[int, int] = {}
        self.slot_of: dict[int, int] = {}
        self.words_of: dict[int, int] = {}

    def instruction(self, place: int, kernel: str, result: int, operands: tuple[int, ...]) -> None:
        places = [self.source(register) for register in operands]
        target = self.target(result)
        padded = [*places, self.none, self.none, self.none][:3]
        self.layout.inside += [kernel, target, *padded]
        for register in {*operands, result}:
            ended = self.tape.registers[register].last <= place
            if ended and register in self.slot_of and not self.tape.registers[register].once:
                self.slots.give(self.slot_of.pop(register))

    def source(self, number: int) -> int:
        if number in self.place:
            return self.place[number]
        register = self.tape.registers[number]
        assert register.value is not None
        if not register.load:
            step = 0 if register.value.is_single else register.value.dtype.itemsize
            self.place[number] = self.layout.add(register.value, step)
            return self.place[number]
        self._load(number, register)
        return self.place[number]

    def _load(self, number: int, register: Register) -> None:
        assert register.value is not None
        # what is filled once must not share its vector with what a block overwrites
        slot = self.slot_of[number] = self.slots.fresh() if register.once else self.slots.take()
        self.place[number] = target = self.word_of(slot)
        source = self.layout.add(register.value, 0)
        if register.once:
            self.layout.once += [register.load, target, source, self.none, self.none]
            return
        sizes, strides = register.value.collapsed()
        shape = self.layout.add(Inline((len(sizes), *sizes, *strides)), 0)
        self.layout.inside += [register.load, target, source, shape, self.counter]

    def word_of(self, slot: int) -> int:
        """The operand that stands for a vector of the scratch memory."""
        if slot not in self.words_of:
            self.words_of[slot] = self.layout.add(_Scratch(slot), 0)
        return self.words_of[slot]

    def target(self, number: int) -> int:
        register = self.tape.registers[number]
        if register.store is not None:
            step = register.store.dtype.itemsize
            self.place[number] = self.layout.add(register.store, step)
        else:
            slot = self.slot_of[number] = self.slots.take()
            self.place[number] = self.word_of(slot)
        return self.place[number]
