"""Reading and scattering: views where an index is basic, tables of offsets where it has arrays.

    y[b, i, a] = x[before b + at i + after a]

The slices in front of the index arrays, the arrays, and the slices behind them are three tables of
byte offsets.  Arrays that are constants give their table now, and a view if it advances by equal
steps; arrays that are computed give it at run time, where their numbers are checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from diffkit.engines.machine.builder import Builder, rule
from diffkit.engines.machine.memory import Value
from diffkit.graph.ir import LITERAL

__all__ = ["gathered", "offsets_of", "sliced"]

_GATHERED = (8, 4, 1)  # itemsizes with a kernel
_SCATTERED = ("f8", "f4", "i8", "i4")
Axes = list[tuple[int, int]]  # sizes and strides in bytes


def sliced(value: Value, index: tuple[Any, ...]) -> Value | None:
    """The view that a basic index selects; None where it is not basic."""
    found = _Selection(value, index)
    if found.arrays:
        return None
    axes = [*found.before, *found.after]
    return value.viewed([n for n, _ in axes], [s for _, s in axes], found.offset)


class _Selection:
    """An index taken apart: axes before and after the index arrays, and what they index."""

    def __init__(self, value: Value, index: tuple[Any, ...]) -> None:
        self.before: Axes = []
        self.after: Axes = []
        self.arrays: list[tuple[int, int, int]] = []  # operand, size, stride
        self.offset = 0
        sides = self._sides(index)
        axis = 0
        for part, side in zip(index, sides, strict=True):
            if part is None:
                side.append((1, 0))
                continue
            self._take(part, value.shape[axis], value.strides[axis], side)
            axis += 1
        rest = list(zip(value.shape[axis:], value.strides[axis:], strict=True))
        self.after += rest

    @property
    def lowest(self) -> int:
        """The least offset in front of the index arrays; negative where a slice goes backwards."""
        return sum((size - 1) * stride for size, stride in self.before if stride < 0)

    def _sides(self, index: tuple[Any, ...]) -> list[Axes]:
        """For each part the side its axis stands on, by NumPy's rule for mixed indices."""
        if not any(isinstance(part, tuple) and part[0] == "array" for part in index):
            return [self.before] * len(index)
        chosen = [i for i, part in enumerate(index) if not _keeps_axis(part)]
        together = chosen[-1] - chosen[0] == len(chosen) - 1
        first = chosen[0] if together else 0
        return [self.before if i < first else self.after for i in range(len(index))]

    def _take(self, part: Any, size: int, stride: int, side: Axes) -> None:
        if not isinstance(part, tuple):
            self.offset += (int(part) % size) * stride
        elif part[0] == "array":
            self.arrays.append((part[1], size, stride))
        else:
            start, stop, step = slice(*part[1:]).indices(size)
            count = len(range(start, stop, step))
            side.append((count, stride * step))
            self.offset += start * stride if count else 0


def _keeps_axis(part: Any) -> bool:
    return part is None or (isinstance(part, tuple) and part[0] == "slice")


def offsets_of(axes: Axes) -> np.ndarray:
    """The byte offsets of all elements over some axes, in C order."""
    found = np.zeros((), np.int64)
    for size, stride in axes:
        found = found[..., None] + np.arange(size, dtype=np.int64) * stride
    return found.reshape(-1)


# Tables ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Tables:
    """The operands and lengths of a gather or scatter, but for source and target."""

    before: Value
    at: Value
    after: Value
    sizes: tuple[int, int, int, int]  # of the three tables, and numbers in a run


def _tables(builder: Builder, found: _Selection, at: Value, item: int) -> _Tables:
    axes, run = list(found.after), 1
    while axes and (axes[-1][0] == 1 or axes[-1][1] == run * item):
        run *= axes.pop()[0]
    after = offsets_of(axes)
    # from the lowest on, since the kernel takes a negative place for one outside of the array
    before = builder.literal(offsets_of(found.before) - found.lowest)
    none = builder.literal(np.zeros(1, np.int64))
    if len(after) == 1 and run == 1:  # the longest table is the inner one
        return _Tables(before, none, at, (before.size, 1, at.size, 1))
    return _Tables(before, at, builder.literal(after), (before.size, at.size, len(after), run))


def _constant(builder: Builder, node: int) -> np.ndarray | None:
    """The value of an index array that is a constant."""
    if builder.columns.operations[node] is LITERAL:
        return np.asarray(builder.columns.values[node])
    return None


def _known_offsets(
    found: _Selection, arrays: Sequence[np.ndarray | None], shape: tuple[int, ...]
) -> np.ndarray | None:
    """The table of constant index arrays; None where one is not, or is out of range."""
    table = np.zeros(shape, np.int64)
    for operand, size, stride in found.arrays:
        numbers = arrays[operand - 1]
        if numbers is None or ((numbers < -size) | (numbers >= size)).any():
            return None
        table += np.where(numbers < 0, numbers + size, numbers) * stride
    return table


def _steps(table: np.ndarray) -> tuple[int, ...] | None:
    """The strides of a table of offsets that advances by equal steps along each axis."""
    if table.size == 0:
        return None
    origin = (0,) * table.ndim
    steps = []
    for axis, size in enumerate(table.shape):
        following = (*origin[:axis], 1, *origin[axis + 1 :])
        steps.append(int(table[following] - table[origin]) if size > 1 else 0)
    even = offsets_of(list(zip(table.shape, steps, strict=True))) + table[origin]
    return tuple(steps) if np.array_equal(even, table.reshape(-1)) else None


def _computed_offsets(
    builder: Builder, nodes: Sequence[int], found: _Selection, shape: tuple[int, ...]
) -> Value | None:
    """A row that checks computed index arrays and turns them into a table."""
    words: list[Any] = []
    certain = all(
        _is_within(builder, nodes[operand - 1], size) for operand, size, _ in found.arrays
    )
    for operand, size, stride in found.arrays:
        if builder.aval(nodes[operand - 1]).dtype != np.int64 or size == 0:
            return None
        numbers = builder.memory(nodes[operand - 1]).broadcast(shape)
        words += [builder.made_dense(numbers), size, stride]
    table = builder.temporary(shape, np.int64)
    builder.row("index_offsets", table, table.size, len(found.arrays), *words, certain=certain)
    return table


def _is_within(builder: Builder, node: int, size: int) -> bool:
    """Whether an index array lies in range whatever it holds: np.clip with constants for bounds."""
    if builder.columns.operations[node].name != "clip":
        return False
    low, high = (_constant(builder, bound) for bound in builder.operands(node)[1:])
    return low is not None and high is not None and bool(low.min() >= 0 and high.max() < size)


# Rules -------------------------------------------------------------------------------------------


@rule("getitem")
def getitem(builder: Builder, node: int) -> bool | None:
    """A basic index is a view; one with arrays gathers."""
    source, *nodes = builder.operands(node)
    index, out = builder.params(node)["index"], builder.aval(node)
    if not nodes:
        found = sliced(builder.memory(source), index)
        assert found is not None
        builder.view(node, found)
        return None
    value = builder.numbers(source)
    if value.dtype.itemsize not in _GATHERED or out.size == 0:
        return False
    if any(stride < 0 for stride in value.strides):
        value = builder.made_dense(value)
    return _gather(builder, node, value, nodes)


def _gather(builder: Builder, node: int, value: Value, nodes: Sequence[int]) -> bool | None:
    found = _Selection(value, builder.params(node)["index"])
    shape = _arrays_shape(builder, nodes)
    start = value.viewed((), (), found.offset + found.lowest)
    known = _known_offsets(found, [_constant(builder, x) for x in nodes], shape)
    steps = None if known is None else _steps(known)
    if known is not None and steps is not None:
        axes = [*found.before, *zip(shape, steps, strict=True), *found.after]
        first = found.offset + int(known.reshape(-1)[0])
        builder.view(node, value.viewed([n for n, _ in axes], [s for _, s in axes], first))
        return None
    at = builder.literal(known) if known is not None else None
    at = at or _computed_offsets(builder, nodes, found, shape)
    if at is None:
        return False
    tables = _tables(builder, found, at, value.dtype.itemsize)
    _emit(builder, f"gather_{value.dtype.itemsize}", start, tables, builder.result(node))
    return None


def _arrays_shape(builder: Builder, nodes: Sequence[int]) -> tuple[int, ...]:
    return np.broadcast_shapes(*(builder.aval(node).shape for node in nodes))


def _emit(builder: Builder, kernel: str, source: Value, tables: _Tables, target: Value) -> None:
    builder.row(kernel, source, tables.before, tables.at, tables.after, target, *tables.sizes)


def gathered(
    builder: Builder,
    source: Value,
    before: np.ndarray,
    at: np.ndarray,
    after: np.ndarray,
    run: int = 1,
) -> Value:
    """A new array by three tables; the table ``at`` may have negative offsets, which give 0."""
    sizes = (len(before), len(at), len(after), run)
    tables = _Tables(builder.literal(before), builder.literal(at), builder.literal(after), sizes)
    target = builder.temporary(sizes, source.dtype)
    _emit(builder, f"gather_{source.dtype.itemsize}", source, tables, target)
    return target


@rule("scatter_add")
def scatter_add(builder: Builder, node: int) -> bool | None:
    """Zeros, and the operand added (or, with a basic index, put) in the places it was read from."""
    source, *nodes = builder.operands(node)
    index, out = builder.params(node)["index"], builder.aval(node)
    if nodes and (out.dtype.str[1:] not in _SCATTERED or builder.aval(source).size == 0):
        return False
    operand = builder.numbers(source)
    if not nodes:
        from diffkit.engines.machine.rules.pieces import put

        put(builder, node, ((operand, index),))
        return None
    frame = builder.wanted.get(node) or builder.temporary(out.shape, out.dtype)
    if _scatter(builder, nodes, operand, frame, index) is False:
        return False
    builder.state[node] = frame
    return None


def _scatter(
    builder: Builder, nodes: Sequence[int], operand: Value, frame: Value, index: tuple[Any, ...]
) -> bool | None:
    found = _Selection(frame, index)
    shape = _arrays_shape(builder, nodes)
    known = _known_offsets(found, [_constant(builder, x) for x in nodes], shape)
    at = builder.literal(known) if known is not None else None
    at = at or _computed_offsets(builder, nodes, found, shape)
    if at is None:
        return False
    tables = _tables(builder, found, at, frame.dtype.itemsize)
    target = frame.viewed((), (), found.offset + found.lowest)
    builder.fill(frame)
    _emit(builder, f"scatter_{frame.width}", builder.made_dense(operand), tables, target)
    return None
