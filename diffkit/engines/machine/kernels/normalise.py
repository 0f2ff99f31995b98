"""Log-sum-exp and softmax of a dense array seen as (outer, count, inner), over the middle axis.

    y = t + log Σₖ e^(xₖ − t),      pₖ = e^(xₖ − t) / Σⱼ e^(xⱼ − t),      t = max x

Subtracting the largest number keeps the exponentials from overflowing (Blanchard, Higham & Higham
2021, *Accurately computing the log-sum-exp and softmax functions*).  Where t is infinite there is
nothing to subtract: log-sum-exp takes t = 0 (and −∞ comes out where all are −∞), softmax gives the
whole to the numbers that are +∞, and 0 to all where all are −∞.  A NaN makes all results NaN.

Exponentials are taken over many rows at once, so that short rows are vectorised too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

from diffkit.engines.elementary import exp, log
from diffkit.engines.machine.kernels.abi import FLAGS, KERNEL
from diffkit.engines.machine.kernels.sums import long_sum
from diffkit.engines.machine.kernels.writing import in_widths

__all__ = ["generated"]


@njit(**FLAGS)
def largest(x: Any, start: Any, count: Any, step: Any, least: Any) -> Any:
    """The largest of numbers that lie ``step`` apart, ``least`` of none; NaN if one is."""
    best = least
    for k in range(count):
        v = x[start + k * step]
        best = v if (v > best or v != v) else best
    return best


@njit(**FLAGS)
def finite_or_zero(top: Any, zero: Any) -> Any:
    """A number, or 0 where it is infinite."""
    return zero if top - top != zero and top == top else top


# Row: x, y, scratch for the exponentials, outer, count, inner, rows of count numbers per block.
_LOGSUMEXP = """
def logsumexp_T(row, table):
    x, y, e = T(operand(table, row[2])), T(operand(table, row[3])), T(operand(table, row[4]))
    outer, count, inner, rows = row[5], row[6], row[7], row[8]
    zero, least = number(0), number(-np.inf)
    lanes = outer * inner
    for begin in range(0, lanes, rows):
        many = min(rows, lanes - begin)
        for r in range(many):
            o = (begin + r) // inner
            start = o * count * inner + (begin + r) - o * inner
            top = finite_or_zero(largest(x, start, count, inner, least), zero)
            y[begin + r] = top
            if inner == 1:
                for k in range(count):
                    e[r * count + k] = x[start + k] - top
            else:
                for k in range(count):
                    e[r * count + k] = x[start + k * inner] - top
        for i in range(many * count):
            e[i] = exp(e[i])
        for r in range(many):
            e[r] = long_sum(e, r * count, count, zero)
        for r in range(many):
            y[begin + r] = log(e[r]) + y[begin + r]
"""

# Row: as above.
_SOFTMAX = """
def softmax_T(row, table):
    x, y, e = T(operand(table, row[2])), T(operand(table, row[3])), T(operand(table, row[4]))
    outer, count, inner, rows = row[5], row[6], row[7], row[8]
    zero, one, least = number(0), number(1), number(-np.inf)
    lanes = outer * inner
    for begin in range(0, lanes, rows):
        many = min(rows, lanes - begin)
        for r in range(many):
            o = (begin + r) // inner
            start = o * count * inner + (begin + r) - o * inner
            top = largest(x, start, count, inner, least)
            if finite_or_zero(top, zero) == top or top != top:
                if inner == 1:
                    for k in range(count):
                        e[r * count + k] = x[start + k] - top
                else:
                    for k in range(count):
                        e[r * count + k] = x[start + k * inner] - top
            else:
                for k in range(count):
                    v = x[start + k * inner]
                    e[r * count + k] = zero if v > zero and v == top else least
        for i in range(many * count):
            e[i] = exp(e[i])
        for r in range(many):
            o = (begin + r) // inner
            start = o * count * inner + (begin + r) - o * inner
            total = long_sum(e, r * count, count, zero)
            total = one if total == zero else total
            if inner == 1:
                for k in range(count):
                    y[start + k] = e[r * count + k] / total
            else:
                for k in range(count):
                    y[start + k * inner] = e[r * count + k] / total
"""


def generated() -> dict[str, Callable[..., None]]:
    """The two functions, by name.

    >>> sorted(generated())
    ['logsumexp_f4', 'logsumexp_f8', 'softmax_f4', 'softmax_f8']
    """
    scope = {"exp": exp, "log": log, "long_sum": long_sum, "largest": largest,
             "finite_or_zero": finite_or_zero}  # fmt: skip
    found = in_widths(_LOGSUMEXP.lstrip(), KERNEL, scope)
    return found | in_widths(_SOFTMAX.lstrip(), KERNEL, scope)
