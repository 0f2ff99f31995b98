"""What rows compute, in a form that code can be written from: loops over lanes, and sums.

    loop    for i < lanes:   v₀ ← x[i];  v₁ ← φ(v₀, …);  …;  y[i] ← vₖ
    sum     s ← Σᵢ x[i]
    recurrence    for t < T:   cells ← φ(cells, row t)

A micro-tape of the machine is such a loop, and so are copies, fills and additions of arrays; one
lane is straight-line code.  A step of a loop is a :class:`Read`, an :class:`Apply` or a
:class:`Write`; it names its operands by their place in the list of steps (static single
assignment: Cytron et al. 1991).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from diffkit.engines.machine.memory import Buffer, Value

__all__ = ["Apply", "Loop", "Moved", "Operation", "Piece", "Place", "Read", "Recurrence", "Step",
           "Sum", "Write"]  # fmt: skip

ITEMSIZE = {"f8": 8, "i8": 8, "f4": 4, "i4": 4, "u1": 1}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the lanes of an array lie: lane i of row r at ``offset + r·outer + i·step`` bytes.

    Where ``outer`` is None all lanes lie in a line, rows behind each other.
    """

    buffer: Buffer
    offset: int
    width: str
    step: int
    outer: int | None = None

    @property
    def is_dense(self) -> bool:
        """Whether lanes follow each other without gaps, over rows too."""
        return self.step == ITEMSIZE[self.width] and self.outer is None

    @property
    def is_single(self) -> bool:
        """Whether all lanes are one number."""
        return not self.step and not self.outer

    def span(self, lanes: int) -> tuple[int, int]:
        """The bytes of its buffer from the lowest lane to the highest, in a line."""
        last = (lanes - 1) * self.step
        return self.offset + min(last, 0), self.offset + max(last, 0) + ITEMSIZE[self.width]

    @property
    def element(self) -> int:
        """The number of the first element in the buffer."""
        return self.offset // ITEMSIZE[self.width]


@dataclass(frozen=True, slots=True)
class Read:
    """Lanes from memory, as numbers of a width."""

    place: Place
    width: str


@dataclass(frozen=True, slots=True)
class Apply:
    """An operation on earlier steps; ``name`` is that of the machine's kernel without the width."""

    name: str
    width: str
    operands: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Write:
    """An earlier step to memory."""

    place: Place
    source: int
    width: str


Step: TypeAlias = "Read | Apply | Write"


@dataclass(slots=True)
class Loop:
    """A loop over lanes.  ``columns`` is the length of a row where places are rows of lanes.

    ``checks`` are steps of which a lane must be neither NaN nor infinite.
    """

    lanes: int
    steps: list[Step] = field(default_factory=list)
    columns: int = 0
    checks: list[int] = field(default_factory=list)

    def reads(self) -> Iterator[Place]:
        """Every place that is read."""
        return (step.place for step in self.steps if isinstance(step, Read))

    def writes(self) -> Iterator[Place]:
        """Every place that is written."""
        return (step.place for step in self.steps if isinstance(step, Write))

    def add(self, step: Step) -> int:
        """Append a step; returns its place."""
        self.steps.append(step)
        return len(self.steps) - 1


@dataclass(slots=True)
class Sum:
    """The sum of all lanes of an array, as the machine's kernel ``sum_<width>`` adds them."""

    lanes: int
    source: Place
    target: Place
    values: tuple[Value, Value]

    def reads(self) -> Iterator[Place]:
        """Every place that is read."""
        yield self.source

    def writes(self) -> Iterator[Place]:
        """Every place that is written."""
        yield self.target


# An operation on cells: its name, the cell of the result, and those of the operands.
Operation: TypeAlias = "tuple[str, int, tuple[int, ...]]"
# A cell and where its number comes from or goes to; in a loop lane t is that of step t.
Moved: TypeAlias = "tuple[int, Place]"


@dataclass(slots=True)
class Recurrence:
    """A loop over single numbers that lie in cells (``machine/kernels/scalar_loops.py``).

    In each step the ``rows`` are read, ``saves`` written if it is a multiple of ``every``, the
    operations done, ``results`` written, and cells copied (``copies``: to which, from which).
    """

    length: int
    every: int
    width: str
    operations: list[Operation]
    starts: list[Moved]
    rows: list[Moved]
    saves: list[Moved]
    results: list[Moved]
    copies: list[tuple[int, int]]
    ends: list[Moved]

    @property
    def lanes(self) -> int:
        """How many steps it has."""
        return self.length

    def reads(self) -> Iterator[Place]:
        """Every place that is read."""
        return (place for _, place in (*self.starts, *self.rows))

    def writes(self) -> Iterator[Place]:
        """Every place that is written."""
        return (place for _, place in (*self.saves, *self.results, *self.ends))

    @property
    def saved(self) -> int:
        """How many times a carry is saved."""
        return -(-self.length // self.every)

    def changed(self) -> set[int]:
        """The cells that a step changes."""
        found = {cell for _, cell, _ in self.operations} | {cell for cell, _ in self.copies}
        return found | {cell for cell, _ in self.rows}


Piece: TypeAlias = "Loop | Sum | Recurrence"
