"""A group of phases as one function of LLVM code, with the calling convention of every kernel.

    i32 name(ptr, ptr, i64* row, i64* table)       # the first two: where nobody looks

The words of its row are the addresses of the machine's kernels that it calls, since these differ
from process to process; all else is in the code.  A sum over blocks adds its blocks as the
machine's kernel does, with Kahan's compensation (``kernels/sums.py``); where that ends in a NaN,
the kernel decides over the whole array, for which the group runs a second time and keeps it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

from diffkit.engines.machine.specialising.code import Code
from diffkit.engines.machine.specialising.operations import (
    MEMORY_TYPES,
    applied,
    converted,
    stored,
)
from diffkit.engines.machine.specialising.phases import BLOCK, Body, Lanes, Straight
from diffkit.engines.machine.specialising.pieces import (
    ITEMSIZE,
    Apply,
    Loop,
    Place,
    Read,
    Recurrence,
    Sum,
)
from diffkit.engines.machine.specialising.planning import Group
from diffkit.engines.machine.specialising.recurrences import RecurrenceCode
from diffkit.engines.machine.words import FOUND_NAN, OFFSET_BITS, ROW_HEAD, STATUS

__all__ = ["FUNCTION", "module_text"]

FUNCTION = "diffkit_specialised"
# Words of the row of a sum, and where they lie.
_SUM_ROW = 7
# Where the place of a lane is found: the address of lane 0, for a block.
_AddressOf = Callable[[Place], str]


def module_text(groups: Iterable[tuple[Group, Sequence[str]]]) -> str:
    """The LLVM code of groups; with each come the kernels whose addresses its row has."""
    metadata: list[str] = []
    texts = [
        _Function(group, list(kernels), metadata).text(f"{FUNCTION}_{number}")
        for number, (group, kernels) in enumerate(groups)
    ]
    return "\n".join([*texts, *(f"!{k} = {note}" for k, note in enumerate(metadata)), ""])


class _Function:
    """The function of a group while it is written."""

    def __init__(self, group: Group, kernels: list[str], metadata: list[str]) -> None:
        self.group, self.kernels, self.code = group, kernels, Code(metadata)
        self.again = ""
        self.found = self.mode = ""

    def text(self, name: str) -> str:
        """All of it."""
        code, group = self.code, self.group
        if any(window.summed for window in group.windows.values()):
            self.mode = code.cell("i64")
            code.entry.append(f"  store i64 0, ptr {self.mode}")
            self.again = code.new_label()
        code.place("start")
        for number, phase in enumerate(group.phases):
            if isinstance(phase, Straight):
                self._straight(phase)
            elif phase.whole:
                for body in phase.bodies:
                    self._whole(body)
            else:
                self._blocks(phase, group.blocks[number])
        self._finish()
        head = f"define i32 @{name}(ptr %n0, ptr %n1, ptr noalias %row, ptr noalias %table) {{"
        return "\n".join([head, "entry:", *code.entry, *code.lines, "}"])

    def _finish(self) -> None:
        code = self.code
        if self.found:
            flags = code.emit(f"load i64, ptr {self.found}")
            truth = code.emit(f"icmp ne i64 {flags}, 0")
            at = code.emit(f"getelementptr i64, ptr %table, i64 {STATUS}")
            status = code.emit(f"load i64, ptr {at}")
            flag = code.emit(f"select i1 {truth}, i64 {-FOUND_NAN}, i64 0")
            code.write(f"store i64 {code.emit(f'or i64 {status}, {flag}')}, ptr {at}")
        code.write("ret i32 0")
        if self.again:
            code.lines.append(f"{self.again}:")
            code.write(f"store i64 1, ptr {self.mode}")
            code.write("br label %start")

    def _flag(self, wrong: str) -> None:
        """Note that a result is not finite."""
        code = self.code
        if not self.found:
            self.found = code.cell("i64")
            code.entry.append(f"  store i64 0, ptr {self.found}")
        before = code.emit(f"load i64, ptr {self.found}")
        code.write(f"store i64 {code.emit(f'or i64 {before}, {wrong}')}, ptr {self.found}")

    def _is_wrong(self, value: str, width: str) -> str:
        """1 for a NaN or an infinity: x − x is not 0."""
        code, kind = self.code, MEMORY_TYPES[width]
        rest = code.emit(f"fsub {kind} {value}, {value}")
        truth = code.emit(f"fcmp une {kind} {rest}, 0.0")
        return code.emit(f"zext i1 {truth} to i64")

    # Straight-line code --------------------------------------------------------------------------

    def _straight(self, phase: Straight) -> None:
        known: dict[tuple[Place, str], str] = {}
        for loop in phase.pieces:
            wrong = self._steps(loop, known, self.code.address)
            for flag in wrong:
                self._flag(flag)

    def _steps(
        self, loop: Loop, known: dict[tuple[Place, str], str], address: _AddressOf
    ) -> list[str]:
        """The steps of one lane; answers the flags of what is checked."""
        code, values = self.code, list[str]()
        for step in loop.steps:
            if isinstance(step, Read):
                key = (step.place, step.width)
                if key not in known:
                    value = code.load(step.place.width, address(step.place))
                    known[key] = converted(code.emit, value, step.width, step.place.width)
                values.append(known[key])
            elif isinstance(step, Apply):
                operands = [values[k] for k in step.operands]
                values.append(applied(code.emit, step.name, step.width, operands))
            else:
                value = values[step.source]
                values.append(value)
                if step.place.width == step.width:
                    known[step.place, step.width] = value
                if self.group.is_kept(step.place, loop.lanes):
                    written = stored(code.emit, value, step.place.width, step.width)
                    code.store(step.place.width, written, address(step.place))
        widths = {k: step.width for k, step in enumerate(loop.steps) if isinstance(step, Read)}
        return [self._is_wrong(values[k], widths[k]) for k in loop.checks]

    # Loops ---------------------------------------------------------------------------------------

    def _whole(self, body: Body) -> None:
        piece = body.pieces[0]
        if isinstance(piece, Sum):
            source, target = self.code.address(piece.source), self.code.address(piece.target)
            self._call_sum(piece, source, target, str(piece.lanes))
        elif isinstance(piece, Recurrence):
            RecurrenceCode(self.code, self.group.needed(piece)).write()
        elif body.columns:
            self._grid(body)
        else:
            self._lanes(body, "0", str(body.lanes), self.code.address)

    def _lanes(self, body: Body, begin: str, end: str, start: _AddressOf) -> None:
        """A loop over lanes in a line; ``start`` gives the address of lane 0 of a place."""
        starts, known = self._invariant(body, start)

        def address(lane: str, place: Place) -> str:
            return self._strided(starts[place], place, lane, place.step)

        with self.code.parallel():
            self._checked_loop(body, begin, end, known, address)

    def _grid(self, body: Body) -> None:
        """A loop over rows of lanes."""
        code, columns = self.code, body.columns
        starts, known = self._invariant(body, code.address)

        def rows(row: str) -> None:
            first = code.emit(f"mul nuw nsw i64 {row}, {columns}")
            begins = {place: self._row_start(starts[place], place, row, first) for place in starts}

            def address(lane: str, place: Place) -> str:
                return self._strided(begins[place], place, lane, place.step)

            self._checked_loop(body, "0", str(columns), known, address)

        with code.parallel():
            code.loop("0", str(body.lanes // columns), rows)

    def _row_start(self, start: str, place: Place, row: str, first: str) -> str:
        if place.outer is None:
            return self._strided(start, place, first, place.step)
        return self._strided(start, place, row, place.outer)

    def _strided(self, start: str, place: Place, index: str, step: int) -> str:
        code = self.code
        if step == ITEMSIZE[place.width]:
            kind = MEMORY_TYPES[place.width]
            return code.emit(f"getelementptr {kind}, ptr {start}, i64 {index}")
        offset = code.emit(f"mul nsw i64 {index}, {step}")
        return code.emit(f"getelementptr i8, ptr {start}, i64 {offset}")

    def _invariant(
        self, body: Body, start: _AddressOf
    ) -> tuple[dict[Place, str], dict[tuple[Place, str], str]]:
        """The addresses of all places, and the numbers that all lanes share."""
        starts: dict[Place, str] = {}
        known: dict[tuple[Place, str], str] = {}
        for loop in body.pieces:
            assert isinstance(loop, Loop)
            for step in loop.steps:
                if isinstance(step, Apply) or step.place in starts:
                    continue
                if not isinstance(step, Read) and not self.group.is_kept(step.place, loop.lanes):
                    continue
                if isinstance(step, Read) and (step.place, step.width) in known:
                    continue
                address = start(step.place)
                if isinstance(step, Read) and step.place.is_single:
                    value = self.code.load(step.place.width, address)
                    known[step.place, step.width] = converted(
                        self.code.emit, value, step.width, step.place.width
                    )
                else:
                    starts[step.place] = address
        return starts, known

    def _checked_loop(
        self, body: Body, begin: str, end: str, known: dict[tuple[Place, str], str],
        address: Callable[[str, Place], str],
    ) -> None:  # fmt: skip
        """A loop over lanes; what it finds that is not finite is noted behind it."""
        code = self.code
        checks = any(loop.checks for loop in body.pieces if isinstance(loop, Loop))
        before, flag, following = code.label, code.name(), code.name()
        spot = -1

        def lane(counter: str) -> None:
            nonlocal spot
            spot = len(code.lines)
            here, wrong = dict(known), []
            for loop in body.pieces:
                assert isinstance(loop, Loop)
                wrong += self._steps(loop, here, partial(address, counter))
            if checks:
                total = flag
                for one in wrong:
                    total = code.emit(f"or i64 {total}, {one}")
                code.write(f"{following} = or i64 {total}, 0")
                phi = f"  {flag} = phi i64 [ 0, %{before} ], [ {following}, %{code.label} ]"
                code.lines.insert(spot, phi)

        code.loop(begin, end, lane)
        if checks:
            access, code.access = code.access, ""
            self._flag(following)
            code.access = access

    # Blocks --------------------------------------------------------------------------------------

    def _blocks(self, phase: Lanes, block: int) -> None:
        code = self.code
        rounds = max(-(-(body.lanes + body.skew) // block) for body in phase.bodies)
        sums = {id(body): _Sum(self, body) for body in phase.bodies if body.is_sum}

        def one(number: str) -> None:
            first = code.emit(f"mul nuw nsw i64 {number}, {block}")
            for body in phase.bodies:
                begin, end = self._bounds(first, body, block)
                with code.when(code.emit(f"icmp slt i64 {begin}, {end}")):
                    start = partial(self._start, first)
                    if body.is_sum:
                        sums[id(body)].block(begin, end, start)
                    else:
                        self._lanes(body, begin, end, start)
            self._move_windows(block)

        code.loop("0", str(rounds), one)
        for total in sums.values():
            total.finish()

    def _bounds(self, first: str, body: Body, block: int) -> tuple[str, str]:
        code = self.code
        begin = code.emit(f"sub nsw i64 {first}, {body.skew}") if body.skew else first
        end = code.emit(f"add nsw i64 {begin}, {block}")
        if body.skew:
            begin = code.emit(f"call i64 @llvm.smax.i64(i64 {begin}, i64 0)")
        return begin, code.emit(f"call i64 @llvm.smin.i64(i64 {end}, i64 {body.lanes})")

    def _start(self, first: str, place: Place) -> str:
        """The address of lane 0 of a place, seen from the window that stands at a block."""
        code, window = self.code, self.group.windows.get(place.buffer)
        if window is None:
            return code.address(place)
        item = ITEMSIZE[place.width]
        moved = code.emit(f"mul nsw i64 {first}, {-item}")
        seen = replace(place, buffer=window.buffer, offset=place.offset + window.first * item)
        start = code.emit(f"getelementptr i8, ptr {code.address(seen)}, i64 {moved}")
        if not window.summed:
            return start
        mode = code.emit(f"load i64, ptr {self.mode}")
        kept = code.emit(f"icmp ne i64 {mode}, 0")
        return code.emit(f"select i1 {kept}, ptr {code.address(place)}, ptr {start}")

    def _move_windows(self, block: int) -> None:
        """Keep what later blocks read of this one."""
        code = self.code
        for window in self.group.windows.values():
            kept = (window.elements - block) * window.item
            if kept <= 0:
                continue
            start = code.address(Place(window.buffer, 0, "u1", 1))
            end = code.emit(f"getelementptr i8, ptr {start}, i64 {block * window.item}")
            code.write(f"call void @llvm.memmove.p0.p0.i64(ptr {start}, ptr {end}, i64 {kept}, "
                       "i1 false)")  # fmt: skip

    def _call_sum(self, piece: Sum, source: str, target: str, count: str) -> None:
        """Call the machine's sum, on a row and a table of our own."""
        code = self.code
        row, table = code.cell(f"[{_SUM_ROW} x i64]"), code.cell("[2 x ptr]")
        words = {2: "0", 3: str(1 << OFFSET_BITS), 4: "1", 5: count, 6: "1"}
        for place, word in words.items():
            at = code.emit(f"getelementptr i64, ptr {row}, i64 {place}")
            code.write(f"store i64 {word}, ptr {at}")
        code.write(f"store ptr {source}, ptr {table}")
        second = code.emit(f"getelementptr ptr, ptr {table}, i64 1")
        code.write(f"store ptr {target}, ptr {second}")
        place = ROW_HEAD + self.kernels.index(f"sum_{piece.source.width}")
        at = code.emit(f"getelementptr i64, ptr %row, i64 {place}")
        kernel = code.emit(f"load ptr, ptr {at}")
        nowhere = code.cell("ptr")
        code.emit(f"call i32 {kernel}(ptr {nowhere}, ptr {nowhere}, ptr {row}, ptr {table})")


class _Sum:
    """A sum over blocks, compensated as in ``kernels/sums.py``."""

    def __init__(self, function: _Function, body: Body) -> None:
        self.function, self.code = function, function.code
        piece = body.pieces[0]
        assert isinstance(piece, Sum)
        self.piece, self.kind = piece, MEMORY_TYPES[piece.source.width]
        self.total, self.lost, self.part = (self.code.cell(self.kind) for _ in range(3))
        for cell in (self.total, self.lost):
            self.code.write(f"store {self.kind} 0.0, ptr {cell}")

    def block(self, begin: str, end: str, start: _AddressOf) -> None:
        """Add the sums of a block."""
        code, kind = self.code, self.kind
        source = start(self.piece.source)

        def part(lane: str) -> None:
            rest = code.emit(f"sub nsw i64 {end}, {lane}")
            count = code.emit(f"call i64 @llvm.smin.i64(i64 {rest}, i64 {BLOCK})")
            place = code.emit(f"getelementptr {kind}, ptr {source}, i64 {lane}")
            self.function._call_sum(self.piece, place, self.part, count)
            total, lost, found = (
                code.emit(f"load {kind}, ptr {x}") for x in (self.total, self.lost, self.part)
            )
            value = code.emit(f"fsub {kind} {found}, {lost}")
            raised = code.emit(f"fadd {kind} {total}, {value}")
            gained = code.emit(f"fsub {kind} {raised}, {total}")
            code.write(f"store {kind} {code.emit(f'fsub {kind} {gained}, {value}')}, "
                       f"ptr {self.lost}")  # fmt: skip
            code.write(f"store {kind} {raised}, ptr {self.total}")

        code.loop(begin, end, part, BLOCK)

    def finish(self) -> None:
        """Write the sum; one that is NaN is left to the machine's kernel."""
        code, piece, function = self.code, self.piece, self.function
        target = code.address(piece.target)
        total = code.emit(f"load {self.kind}, ptr {self.total}")
        code.write(f"store {self.kind} {total}, ptr {target}")
        with code.when(code.emit(f"fcmp uno {self.kind} {total}, {total}")):
            if piece.source.buffer in function.group.windows:
                mode = code.emit(f"load i64, ptr {function.mode}")
                go_on = code.new_label()
                first = code.emit(f"icmp eq i64 {mode}, 0")
                code.write(f"br i1 {first}, label %{function.again}, label %{go_on}")
                code.lines.append(f"{go_on}:")
                code.label = go_on
            function._call_sum(piece, code.address(piece.source), target, str(piece.lanes))
