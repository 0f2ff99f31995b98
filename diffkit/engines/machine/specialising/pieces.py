"""What rows compute, in a form that code can be written from: loops over lanes, and sums.

    loop    for i < lanes:   v₀ ← x[i];  v₁ ← φ(v₀, …);  …;  y[i] ← vₖ
    sum     s ← Σᵢ x[i]

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

__all__ = ["Apply", "Loop", "Piece", "Place", "Read", "Step", "Sum", "Write"]

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


Piece: TypeAlias = "Loop | Sum"
