"""Movement: filling, copying between layouts, and the loads and stores of tapes.

An array is an address and a stride in bytes per axis; a transposed, sliced, reversed or
broadcast array is other strides over the same bytes (van der Walt, Colbert & Varoquaux 2011,
*The NumPy array*).  A load walks lanes in C order and copies runs along the last axis; a copy
walks in the order its rule found best (``machine/layout.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from diffkit.engines.machine.kernels.abi import (
    KERNEL,
    OPERATION,
    kernel,
    operand,
    row_address,
    u1,
)
from diffkit.engines.machine.kernels.vectors import copied
from diffkit.engines.machine.kernels.walking import lane_offset, word_behind
from diffkit.engines.machine.kernels.writing import (
    FLOATS,
    NUMBERS,
    WIDTHS,
    from_text,
    in_widths,
)

__all__ = ["fill", "generated"]

# Sizes of items in bytes, and the integer that carries such an item unchanged.
CARRIERS = {"8": "i8", "4": "i4", "1": "u1"}
ITEMSIZES = {"f8": 8, "i8": 8, "f4": 4, "i4": 4, "u1": 1}
# Numbers in a side of the squares of a transposition: its rows fill two cache lines of 64 bytes.
SQUARE = 16


# b is the address of [axes, sizes …, strides …], and c the lane where the block begins.  The last
# three axes are walked by counting; a row that repeats (a stride of 0) is copied from the lanes
# that are filled already.
_LOAD = """
def load_W_S(d, a, b, c, n):
    lanes = W(d)
    axes = i8(b)[0]
    sizes, strides = b + 8, b + 8 * (axes + 1)
    inner, stride = i8(sizes)[axes - 1], i8(strides)[axes - 1]
    middles, middle_stride = word_behind(sizes, axes, 2, 1), word_behind(strides, axes, 2, 0)
    thirds, third_stride = word_behind(sizes, axes, 3, 1), word_behind(strides, axes, 3, 0)
    row = c // inner
    column = c - row * inner
    plane = row // middles
    middle = row - plane * middles
    outer = plane // thirds
    third = plane - outer * thirds
    start = a + lane_offset(sizes, strides, axes - 3, outer)
    done = 0
    while True:
        source = start + third * third_stride + middle * middle_stride + column * stride
        count = min(inner - column, n - done)
        if stride == ITEM:
            CONTIGUOUS
        elif stride == 0:
            x = S(source)
            for i in range(count):
                lanes[done + i] = CAST0
        else:
            for i in range(count):
                x = S(source + i * stride)
                lanes[done + i] = CAST0
        if middle_stride == 0 and column == 0:
            whole = min((middles - middle) * inner, n - done)
            while count < whole:
                more = min(count, whole - count)
                copied(d + done * SIZE, d + (done + count) * SIZE, more * SIZE)
                count += more
            middle = middles - 1
        done += count
        if done >= n:
            break
        column = 0
        middle += 1
        if middle >= middles:
            middle = 0
            third += 1
            if third == thirds:
                third = 0
                outer += 1
                start = a + lane_offset(sizes, strides, axes - 3, outer)
"""
_SAME = "copied(source, d + done * SIZE, count * SIZE)"
_OTHER = """x = S(source)
            for i in range(count):
                lanes[done + i] = CAST"""

_SPLAT = """
def splat_W_S(d, a, b, c, n):
    d = W(d)
    x = S(a)
    value = CAST0
    for i in range(n):
        d[i] = value
"""

_STORE = """
def store_W_S(d, a, b, c, n):
    d = S(d)
    a = W(a)
    for i in range(n):
        d[i] = BACK
"""

# Behind source and target: axes, sizes …, strides of the source …, of the target ….
_COPY = """
def copy_N(row, table):
    source, target, axes = operand(table, row[2]), operand(table, row[3]), row[4]
    sizes = row_address(row) + 40
    reads, writes = sizes + 8 * axes, sizes + 16 * axes
    inner, read, write = i8(sizes)[axes - 1], i8(reads)[axes - 1], i8(writes)[axes - 1]
    middles, thirds = word_behind(sizes, axes, 2, 1), word_behind(sizes, axes, 3, 1)
    outer = 1
    for k in range(axes - 3):
        outer *= i8(sizes)[k]
    by_x, by_y = word_behind(reads, axes, 2, 0), word_behind(writes, axes, 2, 0)
    side = SQUARE if abs(by_x) < abs(read) else max(inner, middles)
    for o in range(outer):
        x = source + lane_offset(sizes, reads, axes - 3, o)
        y = target + lane_offset(sizes, writes, axes - 3, o)
        for t in range(thirds):
            if read == ITEM and write == ITEM:
                for j in range(middles):
                    copied(x + j * by_x, y + j * by_y, inner * ITEM)
            else:
                for j in range(0, middles, side):
                    for k in range(0, inner, side):
                        count = min(side, inner - k)
                        for m in range(j, min(j + side, middles)):
                            a, b = x + m * by_x + k * read, y + m * by_y + k * write
                            for i in range(count):
                                S(b + i * write)[0] = S(a + i * read)[0]
            x += word_behind(reads, axes, 3, 0)
            y += word_behind(writes, axes, 3, 0)
"""

# The same with y += x, axis by axis in the order given: places that are met twice add up.
_ADD = """
def add_into_T(row, table):
    source, target, axes = operand(table, row[2]), operand(table, row[3]), row[4]
    sizes = row_address(row) + 40
    reads, writes = sizes + 8 * axes, sizes + 16 * axes
    inner, read, write = i8(sizes)[axes - 1], i8(reads)[axes - 1], i8(writes)[axes - 1]
    middles = word_behind(sizes, axes, 2, 1)
    by_x, by_y = word_behind(reads, axes, 2, 0), word_behind(writes, axes, 2, 0)
    outer = 1
    for k in range(axes - 2):
        outer *= i8(sizes)[k]
    for o in range(outer):
        a = source + lane_offset(sizes, reads, axes - 2, o)
        b = target + lane_offset(sizes, writes, axes - 2, o)
        for j in range(middles):
            if read == ITEM and write == ITEM:
                x, y = T(a), T(b)
                for i in range(inner):
                    y[i] += x[i]
            else:
                for i in range(inner):
                    T(b + i * write)[0] += T(a + i * read)[0]
            a += by_x
            b += by_y
"""


def _filled(template: str, width: str, source: str) -> str:
    number = NUMBERS[width]
    back = f"{NUMBERS[source]}(a[i] != {number}(0))" if source == "u1" else (
        f"{NUMBERS[source]}(a[i])"
    )  # fmt: skip
    changes = {
        "load_W_S": f"load_{width}_{source}", "splat_W_S": f"splat_{width}_{source}",
        "store_W_S": f"store_{width}_{source}", "CONTIGUOUS": _SAME if width == source else _OTHER,
        "SIZE": str(ITEMSIZES[width]), "W(": f"{width}(", "S(": f"{source}(",
        "CAST0": f"{number}(x[0])", "CAST": f"{number}(x[i])", "BACK": back,
        "ITEM": str(ITEMSIZES[source]),
    }  # fmt: skip
    for old, new in changes.items():
        template = template.replace(old, new)
    return template


def generated() -> dict[str, Callable[..., None]]:
    """Loads, splats and stores between all widths, and the copies by size of item."""
    found: dict[str, Callable[..., None]] = {}
    scope = {"lane_offset": lane_offset, "word_behind": word_behind, "copied": copied,
             "row_address": row_address}  # fmt: skip
    for width in WIDTHS:
        for source in NUMBERS:
            for template in (_LOAD, _SPLAT, _STORE):
                text = _filled(template, width, source).lstrip()
                name = text.split("def ", 1)[1].split("(", 1)[0]
                found[name] = from_text(name, text, OPERATION, scope)
    for size, carrier in CARRIERS.items():
        name = f"copy_{size}"
        text = _COPY.replace("copy_N", name).replace("S(", f"{carrier}(").replace("ITEM", size)
        text = text.replace("SQUARE", str(SQUARE))
        found[name] = from_text(name, text.lstrip(), KERNEL, scope)
    for width in FLOATS:
        text = _ADD.replace("ITEM", str(ITEMSIZES[width])).lstrip()
        found |= in_widths(text, KERNEL, scope, (width,))
    return found


@kernel()
def fill(row: Any, table: Any) -> None:
    """Set bytes to zero: target, number of bytes."""
    target = u1(operand(table, row[2]))
    for i in range(row[3]):
        target[i] = 0
