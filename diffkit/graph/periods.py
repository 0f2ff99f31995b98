"""Where a graph repeats itself: runs of equations that are one Python loop, written out.

    for i in range(T):  x = r·x·(1 − x)      →      mul, sub, mul,  mul, sub, mul,  …

Capture sees every step of a loop, so a loop of p operations and T steps is a stretch of p·T
equations in which equation s does what equation s − p did.  Between two steps an operand may

* move on by p equations: a value of this step, or one carried over from a step before;
* stay where it is: the same value in every step;
* move on otherwise: one *row* per step, a literal, a read ``x[i]``, or a result of another loop.

A stretch in which every operand does the same from step to step is a :class:`Stretch`.

Note [Detection].  Literals, inputs and reads of single rows are taken out first, since hash-consing
puts them anywhere.  Every equation gets a number for its operation, result and near operands; the
distance from a window of such numbers to its last occurrence is the period, wherever there is
one (a string is periodic with period p where it equals itself shifted by p: Crochemore & Rytter
1994, *Text Algorithms*, chapter 8).  Frequent distances are tried, and what they claim is
checked operand by operand.  All of it is arithmetic on whole columns, O(n log n) by one sort.

Reading on: ``primitives/folding.py`` writes the stretches down as loops.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.graph.ir import INPUT, LITERAL, Operation

if TYPE_CHECKING:
    from diffkit.graph.ir import Graph

__all__ = ["FEWEST_STEPS", "MOST_LAG", "Stream", "Stretch", "stretches"]

FEWEST_STEPS = 16
# Equations in a window: longer than most pieces that occur twice in one step; shorter where the
# graph has hardly more.
WINDOW, SHORT_WINDOW = 64, 8
# Operands nearer than this are part of an equation's number.
NEAR = 24
# Distances that are tried, the most frequent first.
MOST_PERIODS = 12
# A value is carried over at most so many steps.
MOST_LAG = 8
# A row that is read from a value computed before needs a value that is read row by row.
FEWEST_READS = 16
SHARE_OF_READS = 8

# Odd 64-bit multipliers (Knuth 1998, *The Art of Computer Programming* 3, section 6.4).
_MIX, _STEP = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD1342543DE82EF95)
# What an operand does from one step to the next, if it is not a distance in the stream.
_LEAF, _BROKEN = 2**60, 2**61


@dataclass(frozen=True, slots=True)
class Stretch:
    """``steps`` equal steps of ``period`` equations, from place ``start`` of the stream on."""

    start: int
    period: int
    steps: int

    @property
    def end(self) -> int:
        """The first place behind it."""
        return self.start + self.period * self.steps

    def later(self, places: int, steps: int) -> Stretch:
        """The same stretch begun ``places`` later, with ``steps`` steps."""
        return Stretch(self.start + places, self.period, steps)


class Stream:
    """The equations of a graph in order, without literals, inputs and reads of single rows.

    ``nodes`` are their nodes; ``place`` gives every node its place in the stream, or −1 − node
    for what was taken out; ``flat[starts[s] : starts[s + 1]]`` are the places of the operands of
    equation s.  Nodes of ``barred`` are part of no stretch.
    """

    def __init__(self, graph: Graph, barred: Iterable[int] = ()) -> None:
        columns = graph.columns
        count = len(columns)
        self.graph = graph
        codes, operations = _numbered(columns.operations, count)
        counts = np.fromiter(map(len, columns.operands), np.int64, count)
        flat = np.fromiter(chain.from_iterable(columns.operands), np.int64, int(counts.sum()))
        first = np.concatenate(([0], np.cumsum(counts)))
        outside = np.array([op is INPUT or op is LITERAL for op in operations], bool)[codes]
        outside |= counts == 0
        self.rows_of = self._reads(operations, codes, flat, first, outside)
        taken = outside | (self.rows_of >= 0)
        self.nodes = np.flatnonzero(~taken)
        self.place = -1 - np.arange(count)
        self.place[self.nodes] = np.arange(len(self.nodes))
        kept = np.repeat(~taken, counts)
        self.flat = self.place[flat[kept]]
        self.counts = counts[self.nodes]
        self.starts = np.concatenate(([0], np.cumsum(self.counts)))
        avals, _ = _numbered(columns.avals, count)
        self.avals = avals
        self.leaf_class = self._leaf_classes(operations, codes, avals)
        self.kinds = self._kinds(codes, barred)

    def _reads(
        self, operations: list[Operation], codes: Any, flat: Any, first: Any, outside: Any
    ) -> np.ndarray:
        """For reads of one row, ``x[3]``, the node that is read; −1 for all other nodes."""
        found = np.full(len(codes), -1)
        reads = np.flatnonzero(np.array([_reads_row(op) for op in operations], bool)[codes])
        if not len(reads):
            return found
        bases = flat[first[reads]]
        often = np.bincount(bases, minlength=len(codes))
        enough = max(FEWEST_READS, len(reads) // SHARE_OF_READS)
        chosen = outside[bases] | (often[bases] >= enough)
        found[reads[chosen]] = bases[chosen]
        return found

    def _leaf_classes(self, operations: list[Operation], codes: Any, avals: Any) -> np.ndarray:
        """A number for what was taken out: equal numbers can be rows of one array."""
        columns = self.graph.columns
        found = np.arange(len(codes)) + len(codes)  # an input is like nothing else
        classes: dict[Any, int] = {}
        for node in columns.values:
            found[node] = classes.setdefault(("literal", avals[node]), len(classes))
        for node in np.flatnonzero(self.rows_of >= 0).tolist():
            pattern = len(operations[codes[node]].kwargs["index"])
            key = ("read", int(self.rows_of[node]), pattern)
            found[node] = classes.setdefault(key, len(classes))
        return found

    def _kinds(self, codes: Any, barred: Iterable[int]) -> np.ndarray:
        """A number for the operation and the abstract value of every equation."""
        pairs = codes[self.nodes] * np.int64(2**24) + self.avals[self.nodes]
        pairs = pairs * np.int64(2**12) + np.minimum(self.counts, 2**12 - 1)
        kinds = np.unique(pairs, return_inverse=True)[1].reshape(-1).astype(np.int64)
        places = self.place[list(barred)] if barred else np.empty(0, np.int64)
        places = places[places >= 0]
        kinds[places] = -1 - places  # like nothing else
        return kinds

    def __len__(self) -> int:
        return len(self.nodes)

    def operands(self, stretch: Stretch) -> np.ndarray:
        """The places of all operands of a stretch, a row per step."""
        start = self.starts[stretch.start]
        width = self.starts[stretch.start + stretch.period] - start
        return self.flat[start : start + width * stretch.steps].reshape(stretch.steps, width)

    def depth(self, places: np.ndarray) -> np.ndarray:
        """The place in the stream that something needs: its own, or that of what it reads."""
        found = places.copy()
        out = places < 0
        bases = self.rows_of[-1 - places[out]]
        found[out] = np.where(bases >= 0, self.place[np.maximum(bases, 0)], -1)
        return found


def _numbered(items: list[Any], count: int) -> tuple[np.ndarray, list[Any]]:
    """A number for each item by its identity, and the items in the order of the numbers."""
    ids = np.fromiter(map(id, items), np.int64, count)
    _, first, numbers = np.unique(ids, return_index=True, return_inverse=True)
    return numbers.reshape(-1), [items[place] for place in first.tolist()]


def _reads_row(operation: Operation) -> bool:
    if operation.name != "getitem":
        return False
    index = operation.kwargs["index"]
    return bool(index) and all(type(part) is int for part in index)


# Periods ------------------------------------------------------------------------------------------


def _windows(stream: Stream, width: int) -> np.ndarray:
    """A hash of the ``width`` equations that end at each place; see Note [Detection]."""
    flat, starts = stream.flat, stream.starts
    here = np.repeat(np.arange(len(stream)), stream.counts)
    distance = here - flat
    near = np.where((flat >= 0) & (distance <= NEAR), distance, 0).astype(np.uint64)
    slot = (np.arange(len(flat)) - starts[here]).astype(np.uint64)
    with np.errstate(over="ignore"):
        mixed = (near + np.uint64(1)) * (_STEP + (slot << np.uint64(1)))
        found = np.add.reduceat(mixed, starts[:-1]) if len(stream) else mixed
        found += stream.kinds.astype(np.uint64) * _MIX
        factor, reach = _STEP, 1
        while reach < width:
            found[reach:] += found[:-reach].copy() * factor
            factor, reach = factor * factor, 2 * reach
    return found


def _periods(stream: Stream, fewest: int) -> list[int]:
    """Distances at which windows of equations come again, the most frequent first."""
    count = len(stream)
    hashes = _windows(stream, WINDOW if count >= FEWEST_STEPS * WINDOW // 2 else SHORT_WINDOW)
    order = np.argsort(hashes, kind="stable")
    same = hashes[order[1:]] == hashes[order[:-1]]
    gaps = (order[1:] - order[:-1])[same]
    gaps = gaps[gaps <= count // FEWEST_STEPS]
    if len(gaps) < fewest // 2:
        return []
    often = np.bincount(gaps)
    most = np.argsort(-often, kind="stable")[:MOST_PERIODS]
    found = [int(gap) for gap in most if often[gap] >= FEWEST_STEPS]
    return list(dict.fromkeys([*found, *(2 * gap for gap in found)]))


# Stretches ----------------------------------------------------------------------------------------


def stretches(stream: Stream, fewest: int) -> list[Stretch]:
    """Stretches of at least ``fewest`` equations that do not overlap, in order.

    >>> import diffkit as dk
    >>> def power(x):
    ...     y = x
    ...     for _ in range(100):
    ...         y = (y + 1.0) * x
    ...     return y
    >>> found, = stretches(Stream(dk.trace(power, 2.0)), 128)
    >>> found.period, found.steps
    (2, 99)
    """
    if len(stream) < fewest:
        return []
    free = np.ones(len(stream), bool)
    found: list[Stretch] = []
    for period in _periods(stream, fewest):
        for start, end in _runs(stream, period, free):
            if end - start >= max(fewest, FEWEST_STEPS * period):
                for stretch in _checked(stream, Stretch(start, period, (end - start) // period)):
                    if stretch.period * stretch.steps >= fewest:
                        free[stretch.start : stretch.end] = False
                        found.append(stretch)
    return sorted(found, key=lambda stretch: stretch.start)


def _runs(stream: Stream, period: int, free: np.ndarray) -> Iterator[tuple[int, int]]:
    """Where the operations are those of ``period`` equations before."""
    kinds = stream.kinds
    same = (kinds[period:] == kinds[:-period]) & free[period:] & free[:-period]
    for first, last in _true_runs(same):
        yield first, last + period


def _true_runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """The bounds of the runs of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _checked(stream: Stream, stretch: Stretch) -> Iterator[Stretch]:
    """The parts of a run in which every operand does the same from step to step."""
    moves = _moves(stream, stretch)
    sound = (moves != _BROKEN).all(axis=1)
    same = (moves[1:] == moves[:-1]).all(axis=1) & sound[1:] & sound[:-1]
    for first, last in _true_runs(same):
        steps = last - first + 2
        part = stretch.later(first * stretch.period, steps)
        best = _rotated(stream, part)
        if best.steps >= FEWEST_STEPS:
            yield best


def _moves(stream: Stream, stretch: Stretch) -> np.ndarray:
    """How far each operand moves between two steps: 0, the period, another distance, a leaf."""
    places = stream.operands(stretch)
    before, after = places[:-1], places[1:]
    inside = (before >= 0) & (after >= 0)
    classes = stream.leaf_class
    leaf = (before < 0) & (after < 0)
    leaf &= classes[-1 - np.minimum(before, -1)] == classes[-1 - np.minimum(after, -1)]
    return np.where(inside, after - before, np.where(leaf, _LEAF, _BROKEN))


def _rotated(stream: Stream, stretch: Stretch) -> Stretch:
    """The stretch begun where the least is carried from step to step.

    A value is live from the equation behind it to the last one that reads it.
    """
    period, last = stretch.period, stretch.later(stretch.period * (stretch.steps - 2), 2)
    before, places = stream.operands(last)
    start = last.start + period
    here = np.repeat(np.arange(start, start + period), stream.counts[start : start + period])
    distance = here - places
    moves = (places >= 0) & (places - before == period) & (distance <= MOST_LAG * period)
    reach = np.zeros(period, np.int64)  # how far ahead the result of each equation is read
    np.maximum.at(reach, (places[moves] - start) % period, distance[moves])
    avals = stream.graph.columns.avals
    sizes = [avals[node].size for node in stream.nodes[start : start + period].tolist()]
    live = np.zeros(2 * period, np.int64)
    for place, (ahead, size) in enumerate(zip((reach % period).tolist(), sizes, strict=True)):
        live[place + 1] += size
        live[place + 1 + ahead] -= size
    crossing = np.cumsum(live)
    turn = int(np.argmin(crossing[:period] + crossing[period:]))
    return stretch.later(turn, stretch.steps - 1) if turn else stretch
