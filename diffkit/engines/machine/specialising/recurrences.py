"""Loops over single numbers, with everything that is carried in registers.

    x₀;   for t < T:   save xₜ (every k-th);   xₜ₊₁ ← φ(xₜ, row t);   row t ← ψ(…)

The machine keeps the numbers of such a loop in cells and interprets six words for each operation
(``machine/kernels/scalar_loops.py``).  Here the words become instructions in the same order: a
cell that a step changes is a φ of the loop (Cytron et al. 1991), one that no step changes is
loaded once, and what is left of memory is the rows that are read, saved and written.  Where only
every k-th carry is saved, the loop is one over segments with a loop over k steps inside.

Reading on: ``machine/rules/scalar_loops.py``, which writes the words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from diffkit.engines.machine.builder import Row
from diffkit.engines.machine.memory import Value
from diffkit.engines.machine.specialising.code import Code
from diffkit.engines.machine.specialising.operations import MEMORY_TYPES, applied
from diffkit.engines.machine.specialising.pieces import ITEMSIZE, Operation, Place, Recurrence
from diffkit.engines.machine.words import SWITCHED

__all__ = ["RecurrenceCode", "recurrence"]

# Items of a row: kernel, steps, k, cells, bytes of a cell, and how many there are of operations and
# of each list; then six words per operation, and the lists.
_COUNTS, _OPERATION = 5, 6
# Words of an entry of each list: where cells are filled from, rows, saved carries, results,
# copies, and where cells are kept after the loop.
_SIZES = (2, 3, 3, 3, 2, 2)
_COPIES = 4

Cells = dict[int, str]


def recurrence(row: Row, width: str) -> Recurrence | None:
    """The loop that a row ``scan_scalars_<width>`` is; None where it stays a row."""
    _, length, every = row.items[:3]
    operations, *counts = row.items[_COUNTS : _COUNTS + 1 + len(_SIZES)]
    words = iter(row.items[_COUNTS + 1 + len(_SIZES) :])
    done = [_operation(list(islice(words, _OPERATION)), width) for _ in range(operations)]
    lists = [
        [tuple(islice(words, size)) for _ in range(count)]
        for size, count in zip(_SIZES, counts, strict=True)
    ]
    starts, rows, saves, results, _, ends = (_places(entries, width) for entries in lists)
    copies = [(to, source) for to, source in lists[_COPIES]]
    found = Recurrence(length, every, width, done, starts, rows, saves, results, copies, ends)
    return found if length > 0 and _is_whole(found) else None


def _operation(words: Sequence[Any], width: str) -> Operation:
    number, address, result, *operands = words
    name = SWITCHED[number - 1] if number else address.removesuffix(f"_{width}")
    return name, result, tuple(operands)


def _places(entries: Sequence[tuple[Any, ...]], width: str) -> list[tuple[int, Place]]:
    """Cells with their places; those that are read or written in many steps have a stride."""
    return [
        (cell, Place(value.buffer, value.offset, width, *(stride or (0,))))
        for cell, value, *stride in entries
        if isinstance(value, Value)
    ]


def _is_whole(loop: Recurrence) -> bool:
    """Whether every cell is filled before it is read, and what is saved is what was carried."""
    filled = {cell for cell, _ in loop.starts}
    read = {cell for cell, _ in loop.rows}
    return filled.issuperset(cell for cell, _ in (*loop.saves, *loop.ends)) and not (filled & read)


class RecurrenceCode:
    """The code of one recurrence while it is written."""

    def __init__(self, code: Code, loop: Recurrence) -> None:
        self.code, self.loop = code, loop
        self.kind = MEMORY_TYPES[loop.width]

    def write(self) -> None:
        """Fill the cells, run the steps, keep what is left."""
        code, loop = self.code, self.loop
        cells = {cell: code.load(loop.width, code.address(place)) for cell, place in loop.starts}
        moving = (*loop.rows, *loop.saves, *loop.results)
        self.starts = {place: code.address(place) for _, place in moving}
        if loop.every > 1 and loop.saves:
            cells = self._segments(cells)
        else:
            cells = self._steps("0", str(loop.length), cells, loop.saves)
        for cell, place in loop.ends:
            code.store(loop.width, cells[cell], code.address(place))

    def _segments(self, cells: Cells) -> Cells:
        """Segments of ``every`` steps, before each of which carries are saved."""
        code, loop = self.code, self.loop

        def segment(number: str, carried: Cells) -> Cells:
            for cell, place in loop.saves:
                code.store(loop.width, carried[cell], self._address(place, number))
            begin = code.emit(f"mul nuw nsw i64 {number}, {loop.every}")
            after = code.emit(f"add nuw nsw i64 {begin}, {loop.every}")
            end = code.emit(f"call i64 @llvm.smin.i64(i64 {after}, i64 {loop.length})")
            return self._steps(begin, end, carried, ())

        return self._carried("0", str(-(-loop.length // loop.every)), cells, segment)

    def _steps(
        self, begin: str, end: str, cells: Cells, saves: Sequence[tuple[int, Place]]
    ) -> Cells:
        """The steps from one to another; answers the cells after the last."""
        code, loop = self.code, self.loop

        def step(number: str, carried: Cells) -> Cells:
            now = dict(carried)
            for cell, place in loop.rows:
                now[cell] = code.load(loop.width, self._address(place, number))
            for cell, place in saves:
                code.store(loop.width, now[cell], self._address(place, number))
            for name, result, operands in loop.operations:
                # operands that an operation does not have are cell 0, filled or not
                values = [now.get(cell, "0.0") for cell in operands]
                now[result] = applied(code.emit, name, loop.width, values)
            for cell, place in loop.results:
                code.store(loop.width, now[cell], self._address(place, number))
            for cell, source in loop.copies:
                now[cell] = now[source]
            return now

        return self._carried(begin, end, cells, step)

    def _carried(
        self, begin: str, end: str, cells: Cells, body: Callable[[str, Cells], Cells]
    ) -> Cells:
        """A loop whose changed cells are φ; answers the cells behind it."""
        code = self.code
        before = code.label
        names = {cell: code.name() for cell in cells if cell in self.loop.changed()}
        found: Cells = {}

        def round_of(number: str) -> None:
            spot = len(code.lines)
            after = body(number, {**cells, **names})
            found.update({cell: after[cell] for cell in cells})
            code.lines[spot:spot] = [
                f"  {name} = phi {self.kind} [ {cells[cell]}, %{before} ], "
                f"[ {found[cell]}, %{code.label} ]"
                for cell, name in names.items()
            ]

        code.loop(begin, end, round_of, serial=True)
        return found

    def _address(self, place: Place, number: str) -> str:
        """The address of a row at a step."""
        code, start = self.code, self.starts[place]
        if place.step == ITEMSIZE[place.width]:
            return code.emit(f"getelementptr {self.kind}, ptr {start}, i64 {number}")
        offset = code.emit(f"mul nsw i64 {number}, {place.step}")
        return code.emit(f"getelementptr i8, ptr {start}, i64 {offset}")
