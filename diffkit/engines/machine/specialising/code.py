"""LLVM code as text while it is written: names, labels, addresses.

Every address is a base from the table of a run plus a number that is known here, so the code has
neither offsets to look up nor shapes to ask for.  Loops over lanes are marked as having no
dependence between lanes (``llvm.loop.parallel_accesses``): it was seen to when the loop was put
together, and LLVM need not find it out.

Reading on: the LLVM language reference; "Auto-Vectorization in LLVM".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from diffkit.engines.machine.specialising.operations import MEMORY_TYPES
from diffkit.engines.machine.specialising.pieces import ITEMSIZE, Place

__all__ = ["PLAIN", "Code"]

# An address that does not move: no pointer of its own, no access group.
PLAIN = ""


class Code:
    """The lines of a function; ``metadata`` is that of all functions of a module."""

    def __init__(self, metadata: list[str]) -> None:
        self.entry: list[str] = []
        self.lines: list[str] = []
        self.metadata = metadata
        self.slots: dict[int, str] = {}
        self.count = 0
        self.access = PLAIN  # what is written behind a load or store
        self.label = "entry"

    def name(self) -> str:
        """A new name."""
        self.count += 1
        return f"%v{self.count}"

    def emit(self, instruction: str) -> str:
        """Write an instruction that has a result."""
        name = self.name()
        self.lines.append(f"  {name} = {instruction}")
        return name

    def write(self, instruction: str) -> None:
        """Write an instruction without result."""
        self.lines.append(f"  {instruction}")

    def cell(self, kind: str) -> str:
        """A variable of the function, in its entry."""
        name = self.name()
        self.entry.append(f"  {name} = alloca {kind}")
        return name

    def new_label(self) -> str:
        """A label that is not placed yet."""
        self.count += 1
        return f"b{self.count}"

    def place(self, label: str) -> None:
        """Begin a block; the block before goes on there if it has not ended."""
        last = self.lines[-1].lstrip() if self.lines else ""
        if not last.startswith(("br ", "ret ")):
            self.write(f"br label %{label}")
        self.lines.append(f"{label}:")
        self.label = label

    # Memory --------------------------------------------------------------------------------------

    def base(self, slot: int) -> str:
        """The address that a slot of the table holds."""
        if slot not in self.slots:
            name, at = self.name(), self.name()
            self.entry += [f"  {at} = getelementptr i64, ptr %table, i64 {slot}",
                           f"  {name} = load ptr, ptr {at}"]  # fmt: skip
            self.slots[slot] = name
        return self.slots[slot]

    def address(self, place: Place) -> str:
        """The address of the first lane of a place."""
        offset = place.buffer.offset + place.offset
        return self.emit(f"getelementptr i8, ptr {self.base(place.buffer.slot)}, i64 {offset}")

    def load(self, width: str, address: str) -> str:
        """A number from memory."""
        kind = MEMORY_TYPES[width]
        return self.emit(f"load {kind}, ptr {address}, align {ITEMSIZE[width]}{self.access}")

    def store(self, width: str, value: str, address: str) -> None:
        """A number to memory."""
        kind = MEMORY_TYPES[width]
        self.write(f"store {kind} {value}, ptr {address}, align {ITEMSIZE[width]}{self.access}")

    # Control -------------------------------------------------------------------------------------

    def note(self, text: str) -> str:
        """A node of metadata."""
        self.metadata.append(text)
        return f"!{len(self.metadata) - 1}"

    @contextmanager
    def parallel(self) -> Iterator[None]:
        """Loads and stores within have no dependence between the rounds of their loop."""
        group = self.note("distinct !{}")
        self.access = f", !llvm.access.group {group}"
        yield
        self.access = PLAIN

    def loop(
        self, begin: str, end: str, body: Callable[[str], None], step: int = 1, serial: bool = False
    ) -> None:
        """A loop that counts from ``begin`` to ``end``, at least one round.

        One that is ``serial`` is written as it stands: each round waits for the one before.
        """
        before, label, after = self.label, self.new_label(), self.new_label()
        self.place(label)
        counter, following = self.name(), self.name()
        at = len(self.lines)
        body(counter)
        self.write(f"{following} = add nuw nsw i64 {counter}, {step}")
        self.lines.insert(
            at, f"  {counter} = phi i64 [ {begin}, %{before} ], [ {following}, %{self.label} ]"
        )
        more = self.emit(f"icmp slt i64 {following}, {end}")
        mark = ""
        if self.access:
            group = self.access.rsplit(" ", 1)[1]
            inside = self.note(f'!{{!"llvm.loop.parallel_accesses", {group}}}')
            own = len(self.metadata)
            still = self.note('!{!"llvm.loop.unroll.disable"}')
            own += 1
            mark = f", !llvm.loop {self.note(f'distinct !{{!{own}, {inside}, {still}}}')}"
        elif serial:
            still = self.note('!{!"llvm.loop.unroll.disable"}')
            own = len(self.metadata)
            mark = f", !llvm.loop {self.note(f'distinct !{{!{own}, {still}}}')}"
        self.write(f"br i1 {more}, label %{label}, label %{after}{mark}")
        self.lines.append(f"{after}:")
        self.label = after

    @contextmanager
    def when(self, condition: str) -> Iterator[None]:
        """Code that runs where a condition holds."""
        yes, after = self.new_label(), self.new_label()
        self.write(f"br i1 {condition}, label %{yes}, label %{after}")
        self.lines.append(f"{yes}:")
        self.label = yes
        yield
        self.place(after)
