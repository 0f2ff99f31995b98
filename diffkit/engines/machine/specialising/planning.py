"""What of a group's values reaches memory, and where it lies there.

A value that only its own body reads stays in a register and is written nowhere.  An array that
lives within one phase of blocks has a *window* of a block and what later loops still read of the
block before; after each block the window moves on (array contraction: Lefebvre & Feautrier 1998,
*Automatic storage management for parallel programs*).  All else is written to memory as the
machine does it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from diffkit.engines.machine.bulk import Cells
from diffkit.engines.machine.memory import Buffer, Value
from diffkit.engines.machine.nested import Nested, buffers_of
from diffkit.engines.machine.specialising.phases import BLOCK, Lanes, Phase, Straight
from diffkit.engines.machine.specialising.pieces import (
    ITEMSIZE,
    Moved,
    Piece,
    Place,
    Read,
    Recurrence,
    Sum,
    Write,
)
from diffkit.engines.machine.words import WORKSPACE

__all__ = ["Group", "Touched", "Window", "is_repeatable", "touched_by"]

# Bytes that the arrays of a block may fill: half of a first-level cache of 32 or 48 KiB.
BLOCK_BYTES = 20 * 1024
_ALL = (0, 1 << 62)


class Touched:
    """Which bytes of which buffers some rows touch."""

    def __init__(self) -> None:
        self.ranges: dict[Buffer, list[tuple[int, int]]] = {}
        self.cells: dict[Buffer, set[int]] = {}

    def add(self, buffer: Buffer, start: int, end: int) -> None:
        """Note a range of bytes."""
        if end - start <= ITEMSIZE["f8"]:
            self.cells.setdefault(buffer, set()).add(start)
        self.ranges.setdefault(buffer, [])
        if end - start > ITEMSIZE["f8"]:
            self.ranges[buffer].append((start, end))

    def add_place(self, place: Place, lanes: int) -> None:
        """Note the lanes of a place."""
        item = ITEMSIZE[place.width]
        span = lanes * item if place.is_dense else item if place.is_single else None
        start, end = (place.offset, place.offset + span) if span is not None else _ALL
        self.add(place.buffer, start, end)

    def meets(self, buffer: Buffer, start: int, end: int) -> bool:
        """Whether a range of bytes is touched."""
        if buffer not in self.ranges:
            return False
        if any(a < end and start < b for a, b in self.ranges[buffer]):
            return True
        cells = self.cells.get(buffer, ())
        if end - start <= ITEMSIZE["f8"]:
            return any(start + k in cells for k in range(1 - ITEMSIZE["f8"], end - start))
        return any(start - ITEMSIZE["f8"] < cell < end for cell in cells)


def touched_by(
    rows: Iterable[Any], cells: Buffer, others: Iterable[Buffer] = frozenset()
) -> Touched:
    """What rows touch: whole buffers, and single numbers of ``cells``; and all of ``others``."""
    found = Touched()
    for buffer in others:
        found.add(buffer, *_ALL)
    for row in rows:
        items = getattr(row, "items", (*getattr(row, "operands", ()), getattr(row, "result", None)))
        values = [x for x in items if isinstance(x, Value) and x.buffer is cells]
        for value in values:
            found.add(cells, value.offset, value.offset + value.dtype.itemsize)
        listed = any(isinstance(x, Cells | Nested) for x in items)
        for buffer in buffers_of(row):
            if buffer is not cells or listed or not values:
                found.add(buffer, *_ALL)
    return found


@dataclass(slots=True)
class Window:
    """A piece of memory that moves over an array: ``first`` elements lie before the block."""

    buffer: Buffer
    first: int
    elements: int
    item: int
    summed: bool  # a sum that comes out as NaN is done again, over the whole array


@dataclass(slots=True)
class Group:
    """Phases that become one function, and where their values lie."""

    phases: list[Phase]
    elsewhere: Touched
    repeatable: bool
    blocks: dict[int, int] = field(default_factory=dict)  # the size of a block, by phase
    windows: dict[Buffer, Window] = field(default_factory=dict)
    loaded: Touched = field(default_factory=Touched)

    def __post_init__(self) -> None:
        self._find_loads()
        for number, phase in enumerate(self.phases):
            if isinstance(phase, Lanes) and not phase.whole:
                self._plan_blocks(number, phase)

    def is_kept(self, place: Place, lanes: int) -> bool:
        """Whether a write must reach memory: something loads it, here or in another row."""
        return self._is_read(
            place.buffer, place.offset, place.offset + lanes * ITEMSIZE[place.width]
        )

    def needed(self, loop: Recurrence) -> Recurrence:
        """A recurrence without the writes of what nothing reads."""

        def kept(entries: list[Moved], lanes: int) -> list[Moved]:
            return [(cell, x) for cell, x in entries if self._is_read(x.buffer, *x.span(lanes))]

        saves, results = kept(loop.saves, loop.saved), kept(loop.results, loop.length)
        return replace(loop, saves=saves, results=results, ends=kept(loop.ends, 1))

    def _is_read(self, buffer: Buffer, start: int, end: int) -> bool:
        if buffer.slot != WORKSPACE or buffer.kept:
            return True
        return self.elsewhere.meets(buffer, start, end) or self.loaded.meets(buffer, start, end)

    def buffers(self) -> list[Buffer]:
        """Every buffer that the function touches."""
        found: dict[Buffer, None] = {}
        for phase in self.phases:
            for piece in phase.pieces:
                found.update(dict.fromkeys(place.buffer for place in piece.reads()))
                if isinstance(piece, Recurrence):
                    found.update(dict.fromkeys(x.buffer for x in self.needed(piece).writes()))
                    continue
                for place in piece.writes():
                    if self.is_kept(place, piece.lanes):
                        found[place.buffer] = None
        plain = [b for b in found if b not in self.windows or self.windows[b].summed]
        plain = [b for b in plain if b.slot != WORKSPACE or self._is_real(b)]
        return plain + [window.buffer for window in self.windows.values()]

    def _is_real(self, buffer: Buffer) -> bool:
        return buffer in self.elsewhere.ranges or buffer in self.loaded.ranges or buffer.kept

    def _find_loads(self) -> None:
        """The places that are read from memory and not from a register."""
        for phase in self.phases:
            bodies = [phase.pieces] if isinstance(phase, Straight) else (
                body.pieces for body in phase.bodies
            )  # fmt: skip
            for pieces in bodies:
                known: set[tuple[Place, str]] = set()
                for piece in pieces:
                    self._find_loads_of(piece, known)

    def _find_loads_of(self, piece: Piece, known: set[tuple[Place, str]]) -> None:
        if isinstance(piece, Sum):
            self.loaded.add_place(piece.source, piece.lanes)
            return
        if isinstance(piece, Recurrence):
            for places, count in ((piece.starts, 1), (piece.rows, piece.length)):
                for _, place in places:
                    self.loaded.add(place.buffer, *place.span(count))
            return
        for step in piece.steps:
            if isinstance(step, Read):
                if (step.place, step.width) not in known:
                    self.loaded.add_place(step.place, piece.lanes)
                known.add((step.place, step.width))
            elif isinstance(step, Write) and step.place.width == step.width:
                known.add((step.place, step.width))

    # Blocks --------------------------------------------------------------------------------------

    def _plan_blocks(self, number: int, phase: Lanes) -> None:
        arrays = {p.buffer for piece in phase.pieces for p in (*piece.reads(), *piece.writes())}
        fits = BLOCK_BYTES // (ITEMSIZE["f8"] * max(len(arrays), 1))
        block = self.blocks[number] = max(fits - fits % BLOCK, BLOCK)
        for body in phase.bodies:
            if body.is_sum:
                body.skew = -(-body.skew // block) * block
        own = [buffer for buffer in arrays if self._lives_in(phase, buffer)]
        for buffer in own:
            self._plan_window(phase, buffer, block)

    def _lives_in(self, phase: Lanes, buffer: Buffer) -> bool:
        if buffer.slot != WORKSPACE or buffer.kept or buffer in self.elsewhere.ranges:
            return False
        if buffer not in self.loaded.ranges:
            return False  # a register
        others = (p for other in self.phases if other is not phase for p in other.pieces)
        return not any(
            place.buffer is buffer
            for piece in others
            for place in (*piece.reads(), *piece.writes())
        )

    def _plan_window(self, phase: Lanes, buffer: Buffer, block: int) -> None:
        places = [
            (place, body.skew, body.is_sum)
            for body in phase.bodies for piece in body.pieces
            for place in (*piece.reads(), *piece.writes()) if place.buffer is buffer
        ]  # fmt: skip
        widths = {ITEMSIZE[place.width] for place, _, _ in places}
        summed = any(is_sum for _, _, is_sum in places)
        if len(widths) != 1 or not all(place.is_dense for place, _, _ in places):
            return
        if summed and not self.repeatable:
            return
        starts = [place.element - skew for place, skew, _ in places]
        item = widths.pop()
        elements = block + max(starts) - min(starts)
        memory = Buffer(WORKSPACE, elements * item)
        self.windows[buffer] = Window(memory, -min(starts), elements, item, summed)


def is_repeatable(pieces: Sequence[Piece], before: Touched) -> bool:
    """Whether a group may run twice: it changes nothing in place that was there before it."""
    written = {place.buffer for piece in pieces for place in piece.writes()}
    if any(buffer in before.ranges for buffer in written):
        return False
    seen: set[Buffer] = set()
    for piece in pieces:
        if any(place.buffer in written and place.buffer not in seen for place in piece.reads()):
            return False
        seen.update(place.buffer for place in piece.writes())
    return True
