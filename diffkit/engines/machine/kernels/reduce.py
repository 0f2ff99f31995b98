"""Reductions of a dense array seen as (outer, count, inner), over the middle axis.

    y[o, j] = Σₖ x[o, k, j]

A sum along contiguous numbers runs in blocks that the compiler may reorder (so they are
vectorised), and the blocks are added with Kahan's compensation: its error does not grow with n
(Kahan 1965; Higham 1993, *The accuracy of floating point summation*).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

from diffkit.engines.machine.kernels.abi import FLAGS, KERNEL
from diffkit.engines.machine.kernels.writing import in_widths

__all__ = ["generated"]

BLOCK = 512  # numbers added in an order of the compiler's choice


@njit(**(FLAGS | {"fastmath": {"reassoc"}}))
def block_sum(x: Any, start: Any, count: Any, zero: Any) -> Any:
    """The sum of a block, in an order that vectorises."""
    total = zero
    for i in range(start, start + count):
        total += x[i]
    return total


@njit(**FLAGS)
def long_sum(x: Any, start: Any, count: Any, zero: Any) -> Any:
    """The sum of contiguous numbers, block by block, compensated."""
    if count <= BLOCK:
        return block_sum(x, start, count, zero)
    total, lost = zero, zero
    done = 0
    while done < count:
        size = min(BLOCK, count - done)
        value = block_sum(x, start + done, size, zero) - lost
        raised = total + value
        lost = (raised - total) - value
        total = raised
        done += size
    # infinities make the compensation NaN: then the plain sum is the answer
    return total if total == total else block_sum(x, start, count, zero)


_SUM = """
def sum_T(row, table):
    x, y = T(operand(table, row[2])), T(operand(table, row[3]))
    outer, count, inner = row[4], row[5], row[6]
    zero = number(0)
    if inner == 1:
        for o in range(outer):
            y[o] = long_sum(x, o * count, count, zero)
        return
    for o in range(outer):
        for j in range(inner):
            y[o * inner + j] = zero
        for k in range(count):
            start = (o * count + k) * inner
            for j in range(inner):
                y[o * inner + j] += x[start + j]
"""

_EXTREME = """
def max_T(row, table):
    x, y = T(operand(table, row[2])), T(operand(table, row[3]))
    outer, count, inner = row[4], row[5], row[6]
    for o in range(outer):
        start = o * count * inner
        if inner == 1:
            best = x[start]
            for k in range(1, count):
                v = x[start + k]
                best = v if (v > best or v != v) else best
            y[o] = best
        else:
            for j in range(inner):
                y[o * inner + j] = x[start + j]
            for k in range(1, count):
                for j in range(inner):
                    v, best = x[start + k * inner + j], y[o * inner + j]
                    y[o * inner + j] = v if (v > best or v != v) else best
"""

_PROD = """
def prod_T(row, table):
    x, y = T(operand(table, row[2])), T(operand(table, row[3]))
    outer, count, inner = row[4], row[5], row[6]
    one = number(1)
    for o in range(outer):
        for j in range(inner):
            y[o * inner + j] = one
        for k in range(count):
            start = (o * count + k) * inner
            for j in range(inner):
                y[o * inner + j] *= x[start + j]
"""


def generated() -> dict[str, Callable[..., None]]:
    """The reductions, by name."""
    scope = {"long_sum": long_sum}
    found: dict[str, Callable[..., None]] = {}
    least = _EXTREME.replace("max_T", "min_T").replace("v > best", "v < best")
    for template in (_SUM, _EXTREME, least, _PROD):
        found |= in_widths(template.lstrip(), KERNEL, scope)
    return found
