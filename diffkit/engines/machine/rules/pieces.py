"""Arrays put together from pieces: concatenation, and the cotangents of slices.

The cotangent of ``x[1:]`` and ``x[:-1]`` together is

    x̄ = put(ȳ₁, 1:) + put(ȳ₂, :-1),     put(ȳ, i) = zeros, with ȳ at i.

Written as it stands that is two arrays of zeros, two copies and a sum.  Here the pieces of a sum
are collected: the gaps are set to zero, the first piece is copied, and the others are added in
place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from diffkit.engines.machine.builder import Builder, rule
from diffkit.engines.machine.layout import common_axes
from diffkit.engines.machine.memory import Value
from diffkit.engines.machine.rules.indexing import sliced

__all__ = ["Pieces", "add", "concatenate", "put"]

_ADDED = ("f8", "f4")
# From so many single numbers on, a concatenation is one row of moves.
FEW_CELLS = 4


@dataclass(frozen=True, slots=True)
class Pieces:
    """An array of zeros with pieces put into it, and the rows that do it."""

    parts: tuple[tuple[Value, tuple[Any, ...]], ...]
    rows: tuple[Any, ...]


def put(builder: Builder, node: int, parts: tuple[tuple[Value, tuple[Any, ...]], ...]) -> None:
    """Emit the rows of an equation whose result is zeros with pieces added to it."""
    before = len(builder.rows)
    frame = builder.result(node)
    for count, (source, index) in enumerate(parts):
        place = sliced(frame, index)
        assert place is not None
        if count == 0:
            _fill_around(builder, frame, place)
            builder.copy(source, place)
        elif source.size:
            _add_into(builder, source, place)
    builder.pieces[node] = Pieces(parts, tuple(builder.rows[before:]))


def _fill_around(builder: Builder, frame: Value, place: Value) -> None:
    """Set to zero what a first piece does not cover."""
    if not (place.is_dense and place.size):
        builder.fill(frame)
        return
    item = frame.dtype.itemsize
    start = place.offset - frame.offset
    end = start + place.size * item
    for begin, stop in ((0, start), (end, frame.size * item)):
        if stop > begin:
            count = (stop - begin) // item
            builder.fill(frame.viewed((count,), (item,), begin))


def _add_into(builder: Builder, source: Value, place: Value) -> None:
    axes = zip(source.shape, source.strides, place.strides, strict=True)
    item = source.dtype.itemsize
    merged = common_axes(axes) or [(1, item, item)]
    words = [axis[k] for k in range(3) for axis in merged]
    builder.row(f"add_into_{place.width}", source, place, len(merged), *words)


@rule("add")
def add(builder: Builder, node: int) -> bool | None:
    """A sum; pieces that nobody else reads are put into one array."""
    operands = builder.operands(node)
    found = [builder.pieces.get(operand) for operand in operands]
    alike = all(builder.aval(x) == builder.aval(node) for x in operands)  # none is broadcast
    if len(set(operands)) < 2 or not alike or not all(_is_free(builder, x) for x in operands):
        return builder.elementwise(node)
    first, second = found
    assert first is not None and second is not None
    dropped = {id(row) for pieces in (first, second) for row in pieces.rows}
    builder.rows[:] = [row for row in builder.rows if id(row) not in dropped]
    put(builder, node, first.parts + second.parts)
    return None


def _is_free(builder: Builder, node: int) -> bool:
    """Whether an operand is made of pieces and only this sum reads it."""
    if node not in builder.pieces or node in builder.wanted:
        return False
    return builder.readers[node] == 1 and builder.aval(node).dtype.str[1:] in _ADDED


@rule("concatenate")
def concatenate(builder: Builder, node: int) -> None:
    """Every operand copied to its part of the result; single numbers in one row."""
    sources = [builder.numbers(operand) for operand in builder.operands(node)]
    target = builder.result(node)
    axis, start = builder.params(node)["axis"], 0
    moves: list[Any] = []
    for source in sources:
        count = source.shape[axis]
        place = target.viewed(source.shape, target.strides, start * target.strides[axis])
        if source.size == 1 and source.width == "f8" and len(sources) >= FEW_CELLS:
            moves += ["alias_f8", place, source, source, source]
        else:
            builder.copy(source, place)
        start += count
    if moves:
        builder.row("scalars", len(moves) // 5, *moves)
