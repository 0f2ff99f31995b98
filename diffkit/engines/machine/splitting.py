"""Long rows in parts, so that several threads can run them (``kernels/threads.py``).

How a row is cut depends on its size alone and never on the number of threads, and every number is
computed by the same operations in the same order as without cutting: results have the same bits on
one thread and on many.  Two kinds of rows are cut: micro-tapes over many lanes, each part with
registers of its own, and products of large matrices, by rows or columns of the result.

Rows that are shorter than it takes to wake a thread stay whole, some tens of microseconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Any

from diffkit.engines.machine.builder import Callback, Row
from diffkit.engines.machine.memory import Buffer, Value
from diffkit.engines.machine.nested import Nested, buffers_of, nested_in
from diffkit.engines.machine.threads import blas_words, pool_words
from diffkit.engines.machine.words import WORKSPACE
from diffkit.graph.ir import Graph

__all__ = ["in_parts"]

# Measured on one core with AVX-512: an operation on one lane of a tape takes about 0.2 ns, an
# elementary function 2.5 ns; a thread is awake after some 10 µs, so parts of 100 µs pay.
LANE_NS, FUNCTION_NS = 0.2, 2.5
PART_NS = 100_000.0
MOST_PARTS = 8
PLAIN = frozenset({
    "add", "sub", "mul", "div", "neg", "alias", "less", "less_equal", "greater", "greater_equal",
    "equal", "not_equal", "logical_not", "where", "mask", "maximum", "minimum", "splat", "load",
    "scale", "rest", "integer",
})  # fmt: skip
# Multiply-adds of a product from which it is cut in two: packing an operand twice then costs less
# than a fiftieth (measured with OpenBLAS 0.3).  Above THREADED, OpenBLAS starts threads itself.
CUT_PRODUCT = 50_000_000
THREADED = 262_144
_WORDS_OF_TAPE = 7  # kernel, lanes, block, registers, once, inside, where addresses are kept
_INSTRUCTION = 5


def in_parts(rows: Iterable[Row | Callback], graph: Graph) -> list[Row | Callback]:
    """The same rows, the long ones in parts."""
    return [_cut(row, graph) for row in rows]


def _cut(row: Row | Callback, graph: Graph) -> Row | Callback:
    if isinstance(row, Callback):
        return row
    if nested_in(row):
        return replace(row, items=tuple(_inside(item) for item in row.items))
    kernel = row.items[0]
    if kernel == "tape":
        count = min(int(_nanoseconds(row) / PART_NS), MOST_PARTS)
        return _together(row, _tapes(row, count), graph, 0) if count > 1 else row
    if kernel in ("gemm_f8", "gemm_f4"):
        work = _multiply_adds(row)
        if work >= CUT_PRODUCT or work > THREADED * row.items[_MATRICES]:
            return _together(row, _products(row), graph, blas_words())
    return row


def _inside(item: Any) -> Any:
    """The rows of a step, the long ones in parts."""
    if not isinstance(item, Nested):
        return item
    return replace(item, rows=tuple(in_parts(item.rows, item.graph)))


def _together(row: Row, parts: list[Row], graph: Graph, blas: int) -> Row:
    if len(parts) == 1 and not blas:
        return row
    nested = [_nested(part, graph) for part in parts]
    # the second word of each part is put in by the program
    return Row(("parallel", pool_words(), blas, len(parts), *nested), row.node)


def _nested(part: Row, graph: Graph) -> Nested:
    own = set(part.buffers)
    outer = frozenset(b for b in buffers_of(part) if b.slot == WORKSPACE and b not in own)
    return Nested(graph, (part,), outer, Buffer(WORKSPACE, 0))


# Tapes -------------------------------------------------------------------------------------------


def _nanoseconds(row: Row) -> float:
    lanes, registers = row.items[1], row.items[3]
    names = row.items[_WORDS_OF_TAPE + 2 * registers :: _INSTRUCTION]
    plain = sum(str(name).split("_")[0] in PLAIN for name in names)
    return lanes * (LANE_NS * plain + FUNCTION_NS * (len(names) - plain))


def _tapes(row: Row, count: int) -> list[Row]:
    """The same tape over one range of lanes after the other."""
    lanes, block = row.items[1], row.items[2]
    blocks = -(-lanes // block)
    edges = [min(block * (blocks * k // count), lanes) for k in range(count)] + [lanes]
    return [_tape(row, start, end) for start, end in pairwise(edges) if end > start]


def _tape(row: Row, start: int, end: int) -> Row:
    items, registers = list(row.items), row.items[3]
    block = items[2]
    fresh = {id(old): Buffer(WORKSPACE, old.nbytes) for old in row.buffers}
    items[1] = end - start
    first = _WORDS_OF_TAPE
    for k in range(registers):
        step = items[first + registers + k]
        items[first + k] = _from_lane(items[first + k], start, step // block)
    moved = [
        replace(item, buffer=fresh[id(item.buffer)])
        if isinstance(item, Value) and id(item.buffer) in fresh
        else item
        for item in items
    ]
    return Row(tuple(moved), row.node, tuple(fresh.values()))


def _from_lane(word: Any, start: int, step: int) -> Any:
    """A register's word for lanes that begin at ``start``; numbers below 0 count lanes."""
    if isinstance(word, Value):
        return replace(word, offset=word.offset + start * step)
    return word - start if isinstance(word, int) else word  # a shape: lanes are counted elsewhere


# Products ----------------------------------------------------------------------------------------

# items of a product: kernel, BLAS, A, B, C, matrices, three steps from matrix to matrix, then what
# BLAS reads, columns first
_A, _B, _C, _MATRICES = 2, 3, 4, 5
_STEPS = slice(6, 9)
_HOW_B, _HOW_A, _COLUMNS, _ROWS, _INNER, _LEAD_B, _LEAD_A = 9, 10, 11, 12, 13, 15, 16
_ALIGNED = 16  # rows or columns of a part are a multiple


def _multiply_adds(row: Row) -> int:
    items = row.items
    return items[_ROWS] * items[_COLUMNS] * items[_INNER] * items[_MATRICES]


def _products(row: Row) -> list[Row]:
    """Parts of a large product: some of its matrices, or some rows or columns of one."""
    work, items = _multiply_adds(row), row.items
    count = min(work // CUT_PRODUCT + 1, MOST_PARTS) if work >= CUT_PRODUCT else 1
    if count == 1:
        return [row]
    if items[_MATRICES] > 1:
        size, axis = items[_MATRICES], _MATRICES
    else:
        axis = _ROWS if items[_ROWS] >= items[_COLUMNS] else _COLUMNS
        size = items[axis]
    unit = 1 if axis == _MATRICES else _ALIGNED
    units = -(-size // unit)
    edges = [min(unit * (units * k // count), size) for k in range(count)] + [size]
    return [_product(row, axis, start, end) for start, end in pairwise(edges) if end > start]


def _product(row: Row, axis: int, start: int, end: int) -> Row:
    items = list(row.items)
    item = items[_A].dtype.itemsize
    items[axis] = end - start
    if axis == _MATRICES:
        steps = items[_STEPS]
    elif axis == _ROWS:
        by_row = items[_LEAD_A] * item if items[_HOW_A] == ord("N") else item
        steps = [by_row, 0, items[_COLUMNS] * item]
    else:
        by_column = item if items[_HOW_B] == ord("N") else items[_LEAD_B] * item
        steps = [0, by_column, item]
    for place, step in zip((_A, _B, _C), steps, strict=True):
        items[place] = replace(items[place], offset=items[place].offset + start * step)
    return Row(tuple(items), row.node, row.buffers)
