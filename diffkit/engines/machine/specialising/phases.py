"""Which loops run together: straight-line code, whole loops, and passes over blocks of lanes.

Loops over long arrays are cut into blocks that stay in the first cache, and a block goes through
all loops before the next one begins.  A loop that reads x[i + s] of what an earlier loop writes
runs behind it by s lanes, its *skew*:

    block t:   loop A on lanes tB … (t+1)B,   loop L on lanes tB − d … (t+1)B − d,   d ≥ d_A + s

so slices x[1:] and x[:−1] and their cotangents are one pass over memory (loop skewing: Wolf & Lam
1991, *A data locality optimizing algorithm*).  Loops over the same lanes that exchange lanes only
with themselves become one body, and what passes between them stays in registers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from diffkit.engines.machine.specialising.pieces import (
    ITEMSIZE,
    Loop,
    Piece,
    Place,
    Recurrence,
    Sum,
)

__all__ = ["BLOCK", "Body", "Lanes", "Phase", "Straight", "phases_of"]

# Loops of at most so many lanes run whole: all their arrays fit in the first two caches.
WHOLE_LANES = 2048
# Lanes that a loop may run behind another.
MOST_SKEW = 512
# Blocks are multiples of the block in which the machine's sums are added (kernels/sums.py).
BLOCK = 512


@dataclass(slots=True)
class Straight:
    """Loops of one lane: straight-line code."""

    pieces: list[Loop] = field(default_factory=list)


@dataclass(slots=True)
class Body:
    """Loops in one, or a sum; ``skew`` is how many lanes it runs behind."""

    pieces: list[Piece]
    skew: int = 0

    @property
    def lanes(self) -> int:
        """How many lanes it runs over."""
        return self.pieces[0].lanes

    @property
    def columns(self) -> int:
        """The length of a row, 0 for lanes in a line."""
        first = self.pieces[0]
        return first.columns if isinstance(first, Loop) else 0

    @property
    def is_loop(self) -> bool:
        """Whether it is loops over lanes, and not a sum or a recurrence."""
        return isinstance(self.pieces[0], Loop)

    @property
    def is_sum(self) -> bool:
        """Whether it is a sum."""
        return isinstance(self.pieces[0], Sum)


@dataclass(slots=True)
class Lanes:
    """Bodies over lanes: each whole after the other, or block by block."""

    whole: bool
    bodies: list[Body] = field(default_factory=list)

    @property
    def pieces(self) -> list[Piece]:
        """All loops and sums."""
        return [piece for body in self.bodies for piece in body.pieces]

    def add(self, piece: Piece) -> bool:
        """Take a piece in behind all others, where that is possible."""
        if self.whole != _runs_whole(piece):
            return False
        skew = 0 if self.whole else self._skew(piece)
        if skew is None:
            return False
        body = self._body_for(piece, skew) if isinstance(piece, Loop) else None
        if body is None:
            self.bodies.append(Body([piece], skew))
        else:
            body.pieces.append(piece)
        return True

    def _skew(self, piece: Piece) -> int | None:
        """How far a piece runs behind in blocks; None where blocks do not serve."""
        lanes = [body.lanes for body in self.bodies]
        if lanes and not max(lanes) // 2 <= piece.lanes <= 2 * min(lanes):
            return None
        skew = 0
        for body in self.bodies:
            for a, b in _conflicts(body.pieces, piece):
                shift = _shift(a, b)
                if shift is None or body.is_sum:
                    return None
                skew = max(skew, body.skew + shift)
        return skew if skew <= MOST_SKEW else None

    def _body_for(self, piece: Loop, skew: int) -> Body | None:
        """The body that a loop can be part of: behind it, nothing touches what it touches."""
        found = None
        for body in self.bodies:
            conflicts = list(_conflicts(body.pieces, piece))
            alike = (body.lanes, body.columns, body.skew) == (piece.lanes, piece.columns, skew)
            if body.is_loop and alike and all(a == b for a, b in conflicts):
                found = body if found is None or conflicts else found
            elif conflicts:
                found = None
        return found


Phase = Straight | Lanes


def phases_of(pieces: Iterable[Piece]) -> list[Phase]:
    """Some pieces, in order, as phases that run one after the other."""
    phases: list[Phase] = []
    for piece in pieces:
        first = next(
            (k for k in reversed(range(len(phases))) if _touches(phases[k].pieces, piece)), -1
        )
        later = phases[max(first, 0) :]
        if piece.lanes == 1 and isinstance(piece, Loop):
            straight = next((phase for phase in later if isinstance(phase, Straight)), None)
            if straight is None:
                straight = Straight()
                phases.insert(first + 1, straight)
            straight.pieces.append(piece)
        elif not any(isinstance(phase, Lanes) and phase.add(piece) for phase in later):
            phases.append(Lanes(_runs_whole(piece), [Body([piece])]))
    return phases


def _runs_whole(piece: Piece) -> bool:
    if piece.lanes <= WHOLE_LANES or isinstance(piece, Recurrence):
        return True
    if isinstance(piece, Loop) and piece.columns > 0:
        return True
    return isinstance(piece, Sum) and not piece.source.is_dense


# Conflicts ---------------------------------------------------------------------------------------


def _pairs(first: Iterable[Place], second: Sequence[Place]) -> Iterator[tuple[Place, Place]]:
    for a in first:
        for b in second:
            if a.buffer is b.buffer:
                yield a, b


def _conflicts(earlier: Iterable[Piece], later: Piece) -> Iterator[tuple[Place, Place]]:
    """Pairs of places in one buffer of which at least one is written."""
    reads, writes = list(later.reads()), list(later.writes())
    for piece in earlier:
        yield from _pairs(piece.writes(), reads)
        yield from _pairs(piece.writes(), writes)
        yield from _pairs(piece.reads(), writes)


def _touches(earlier: Iterable[Piece], later: Piece) -> bool:
    return next(_conflicts(earlier, later), None) is not None


def _shift(a: Place, b: Place) -> int | None:
    """By how many lanes b must run behind a, so that each element is met by a first.

    Lane i of b is the element of lane i + shift of a.
    """
    if not (a.is_dense and b.is_dense) or ITEMSIZE[a.width] != ITEMSIZE[b.width]:
        return None
    return b.element - a.element
