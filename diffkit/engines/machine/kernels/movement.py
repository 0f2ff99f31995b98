"""Movement: filling, copying between layouts, and the loads and stores of tapes.

An array is an address and a stride in bytes per axis; a transposed, sliced, reversed or
broadcast array is other strides over the same bytes (van der Walt, Colbert & Varoquaux 2011,
*The NumPy array*).  A load walks lanes in C order and copies runs along the last axis.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

from diffkit.engines.machine.kernels.abi import (
    FLAGS,
    KERNEL,
    OPERATION,
    i8,
    kernel,
    operand,
    row_address,
    u1,
)
from diffkit.engines.machine.kernels.writing import NUMBERS, WIDTHS, from_text

__all__ = ["fill", "generated"]

# Itemsizes in bytes and the integer that carries such an item unchanged.
ITEMS = {"8": "i8", "4": "i4", "1": "u1"}


@njit(**FLAGS)
def lane_offset(shape: Any, strides: Any, axes: Any, lane: Any) -> Any:
    """The byte offset of a lane; ``shape`` and ``strides`` are addresses of ``axes`` words."""
    found = 0
    for k in range(axes - 1, -1, -1):
        size = i8(shape)[k]
        found += (lane % size) * i8(strides)[k]
        lane //= size
    return found


# b is the address of [axes, sizes …, strides …], and c the lane where the block begins.
_LOAD = """
def load_W_S(d, a, b, c, n):
    d = W(d)
    axes = i8(b)[0]
    inner = i8(b)[axes]
    stride = i8(b)[2 * axes]
    outer = c // inner
    column = c - outer * inner
    done = 0
    while done < n:
        start = a + lane_offset(b + 8, b + 8 * (axes + 1), axes - 1, outer) + column * stride
        count = min(inner - column, n - done)
        if stride == ITEM:
            x = S(start)
            for i in range(count):
                d[done + i] = CAST
        elif stride == 0:
            x = S(start)
            for i in range(count):
                d[done + i] = CAST0
        else:
            for i in range(count):
                x = S(start + i * stride)
                d[done + i] = CAST0
        done += count
        outer += 1
        column = 0
"""

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

# [rank, sizes …, source strides …, target strides …] behind source and target.
_COPY = """
def copy_N(row, table):
    source, target, axes = operand(table, row[2]), operand(table, row[3]), row[4]
    sizes = row_address(row) + 40
    lanes = 1
    for k in range(axes - 1):
        lanes *= i8(sizes)[k]
    inner = i8(sizes)[axes - 1]
    from_stride = i8(sizes)[2 * axes - 1]
    to_stride = i8(sizes)[3 * axes - 1]
    for lane in range(lanes):
        x = source + lane_offset(sizes, sizes + 8 * axes, axes - 1, lane)
        y = target + lane_offset(sizes, sizes + 16 * axes, axes - 1, lane)
        if from_stride == ITEM and to_stride == ITEM:
            for i in range(inner):
                S(y)[i] = S(x)[i]
        else:
            for i in range(inner):
                S(y + i * to_stride)[0] = S(x + i * from_stride)[0]
"""


def _filled(template: str, width: str, source: str) -> str:
    item = {"f8": 8, "i8": 8, "f4": 4, "i4": 4, "u1": 1}[source]
    number = NUMBERS[width]
    back = f"{NUMBERS[source]}(a[i] != {number}(0))" if source == "u1" else (
        f"{NUMBERS[source]}(a[i])"
    )  # fmt: skip
    changes = {
        "load_W_S": f"load_{width}_{source}", "splat_W_S": f"splat_{width}_{source}",
        "store_W_S": f"store_{width}_{source}", "W(": f"{width}(", "S(": f"{source}(",
        "CAST0": f"{number}(x[0])", "CAST": f"{number}(x[i])", "BACK": back, "ITEM": str(item),
    }  # fmt: skip
    for old, new in changes.items():
        template = template.replace(old, new)
    return template


def generated() -> dict[str, Callable[..., None]]:
    """Loads, splats and stores between all widths, and the copies by size of item."""
    found: dict[str, Callable[..., None]] = {}
    scope = {"lane_offset": lane_offset, "row_address": row_address}
    for width in WIDTHS:
        for source in NUMBERS:
            for template in (_LOAD, _SPLAT, _STORE):
                text = _filled(template, width, source).lstrip()
                name = text.split("def ", 1)[1].split("(", 1)[0]
                found[name] = from_text(name, text, OPERATION, scope)
    for size, carrier in ITEMS.items():
        name = f"copy_{size}"
        text = _COPY.replace("copy_N", name).replace("S(", f"{carrier}(").replace("ITEM", size)
        found[name] = from_text(name, text.lstrip(), KERNEL, scope)
    return found


@kernel()
def fill(row: Any, table: Any) -> None:
    """Set bytes to zero: target, number of bytes."""
    target = u1(operand(table, row[2]))
    for i in range(row[3]):
        target[i] = 0
