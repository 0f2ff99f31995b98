"""Reductions of a dense array seen as (outer, count, inner), over the middle axis.

    y[o, j] = Σₖ x[o, k, j],      and likewise Π, max, min, running sums, places of extremes

Along contiguous numbers (inner = 1) a sum is compensated (``kernels/sums.py``) and an extreme is
kept in several lanes; otherwise the loop over ``inner`` is the one that vectorises, and numbers
are added in the order in which NumPy adds them.  A NaN is the extreme of whatever it is among,
as in NumPy.  Integers are added and multiplied as 64-bit numbers that wrap around.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

from diffkit.engines.machine.kernels.abi import FLAGS, KERNEL
from diffkit.engines.machine.kernels.sums import long_sum
from diffkit.engines.machine.kernels.writing import in_widths

__all__ = ["generated"]

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

_PROD = """
def prod_T(row, table):
    x, y = T(operand(table, row[2])), T(operand(table, row[3]))
    outer, count, inner = row[4], row[5], row[6]
    one = number(1)
    if inner == 1:
        for o in range(outer):
            total = one
            for k in range(o * count, (o + 1) * count):
                total *= x[k]
            y[o] = total
        return
    for o in range(outer):
        for j in range(inner):
            y[o * inner + j] = one
        for k in range(count):
            start = (o * count + k) * inner
            for j in range(inner):
                y[o * inner + j] *= x[start + j]
"""

_EXTREME = """
def max_T(row, table):
    x, y = T(operand(table, row[2])), T(operand(table, row[3]))
    outer, count, inner = row[4], row[5], row[6]
    if inner == 1:
        for o in range(outer):
            y[o] = largest(x, o * count, count)
        return
    for o in range(outer):
        start = o * count * inner
        for j in range(inner):
            y[o * inner + j] = x[start + j]
        for k in range(1, count):
            for j in range(inner):
                v, best = x[start + k * inner + j], y[o * inner + j]
                y[o * inner + j] = v if (v > best or v != v) else best
"""

# Running sums in the order in which they run; the first number stays as it is (−0.0 too).
_CUMSUM = """
def cumsum_T(row, table):
    x, y = T(operand(table, row[2])), T(operand(table, row[3]))
    outer, count, inner = row[4], row[5], row[6]
    if count == 0:
        return
    for o in range(outer):
        start = o * count * inner
        for j in range(inner):
            y[start + j] = x[start + j]
        for i in range(start + inner, start + count * inner):
            y[i] = y[i - inner] + x[i]
"""

# The first of equals wins, and a NaN before all numbers.
_PLACE = """
def argmax_T(row, table):
    x, y = T(operand(table, row[2])), i8(operand(table, row[3]))
    outer, count, inner = row[4], row[5], row[6]
    for o in range(outer):
        for j in range(inner):
            start = o * count * inner + j
            best, place = x[start], 0
            for k in range(1, count):
                v = x[start + k * inner]
                if v > best or (v != v and best == best):
                    best, place = v, k
            y[o * inner + j] = place
"""

# Lanes of an extreme along contiguous numbers.
_LANES = 8


@njit(**FLAGS)
def larger(best: Any, v: Any) -> Any:
    """The larger of two; NaN if either is NaN."""
    return v if (v > best or v != v) else best


@njit(**FLAGS)
def smaller(best: Any, v: Any) -> Any:
    """The smaller of two; NaN if either is NaN."""
    return v if (v < best or v != v) else best


def _along(better: Any) -> Any:
    """The extreme of contiguous numbers, in eight lanes that LLVM makes vectors of."""

    @njit(**FLAGS)
    def extreme(x: Any, start: Any, count: Any) -> Any:
        done = 1
        best = x[start]
        if count >= 2 * _LANES:
            b0, b1, b2, b3 = best, x[start + 1], x[start + 2], x[start + 3]
            b4, b5, b6, b7 = x[start + 4], x[start + 5], x[start + 6], x[start + 7]
            done = count - count % _LANES
            for i in range(start + _LANES, start + done, _LANES):
                b0 = better(b0, x[i])
                b1 = better(b1, x[i + 1])
                b2 = better(b2, x[i + 2])
                b3 = better(b3, x[i + 3])
                b4 = better(b4, x[i + 4])
                b5 = better(b5, x[i + 5])
                b6 = better(b6, x[i + 6])
                b7 = better(b7, x[i + 7])
            first = better(better(b0, b1), better(b2, b3))
            best = better(first, better(better(b4, b5), better(b6, b7)))
        for i in range(start + done, start + count):
            best = better(best, x[i])
        return best

    return extreme


def generated() -> dict[str, Callable[..., None]]:
    """The reductions, by name.

    >>> "sum_f8" in generated() and "argmin_i8" in generated()
    True
    """
    scope = {"long_sum": long_sum, "largest": _along(larger), "smallest": _along(smaller)}
    least = _EXTREME.replace("max_T", "min_T").replace("v > best", "v < best")
    least = least.replace("largest", "smallest")
    first = _PLACE.replace("argmax_T", "argmin_T").replace("v > best", "v < best")
    templates = (_SUM, _PROD, _EXTREME, least, _CUMSUM, _PLACE, first)
    found: dict[str, Callable[..., None]] = {}
    for template in templates:
        found |= in_widths(template.lstrip(), KERNEL, scope, ("f8", "f4", "i8"))
    return found
