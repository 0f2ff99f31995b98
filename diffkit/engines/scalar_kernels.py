"""Small functions that generated code calls on one element at a time.

A primitive's ``emit`` template uses neutral names (``tanh``, ``select``, ``maximum``).  The most
common functions are in ``engines/elementary.py``, and others are functions of Python's ``math``
that Numba compiles to calls into the C library; what is missing there, or wrong for NaN,
infinities or signed zeros, is written here:

    maximum(a, b) = a if a > b or a ≠ a else b,      since Python's max(a, b) loses NaN,
    xlogy(a, b)   = a·log b, and 0 where a = 0, whatever b is.

Every function keeps the type of its operands: constants are made with ``type(x)``, so that
float32 stays float32.  The text of this module is part of the name of all generated code
(``engines/cache.py``).  It imports Numba and is therefore imported late.

Reading on: Higham 1993, *The accuracy of floating point summation*, for the pairwise sum.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit, types

from diffkit.engines.elementary import log
from diffkit.engines.lane_terms import FLAGS
from diffkit.primitives.counting import KEY_PARITY, ROTATIONS, WORD_BITS

__all__ = [
    "FLAGS", "floor_divide", "integer_floor_divide", "integer_remainder", "lane_sum",
    "maximum", "minimum", "random_word", "remainder", "select", "sign", "vector", "xlogy",
]  # fmt: skip


# Threefry's constants as words of 64 bits: Numba would make a float of a sum with Python's
_PARITY, _WORD, _REST = np.uint64(KEY_PARITY), np.uint64(64), np.uint64(64 - WORD_BITS)
_WORDS = 2.0**WORD_BITS


def vector(scalar: Any) -> Any:
    """The Numba type of a contiguous vector of scalars that a kernel only reads.

    >>> vector(types.float64)
    Array(float64, 1, 'C', True, aligned=True)
    """
    return types.Array(scalar, 1, "C", readonly=True)


@njit(**FLAGS)
def select(condition: Any, chosen: Any, other: Any) -> Any:
    """``chosen`` where the condition holds and ``other`` elsewhere.

    >>> select(True, 1.0, 2.0)
    1.0
    """
    return chosen if condition else other


@njit(**FLAGS)
def maximum(a: Any, b: Any) -> Any:
    """The larger of two; NaN if either is NaN, as ``numpy.maximum``.

    >>> maximum(1.0, 2.0)
    2.0
    """
    return a if (a > b or a != a) else b


@njit(**FLAGS)
def minimum(a: Any, b: Any) -> Any:
    """The smaller of two; NaN if either is NaN, as ``numpy.minimum``.

    >>> minimum(1.0, 2.0)
    1.0
    """
    return a if (a < b or a != a) else b


@njit(**FLAGS)
def sign(x: Any) -> Any:
    """−1, 0 or 1, and NaN for NaN, as ``numpy.sign``.

    >>> sign(-3.0)
    -1.0
    """
    zero = type(x)(0)
    if x > zero:
        return type(x)(1)
    if x < zero:
        return type(x)(-1)
    return zero if x == zero else x


@njit(**FLAGS)
def xlogy(a: Any, b: Any) -> Any:
    """a·log b, and 0 where a = 0.

    >>> xlogy(0.0, 0.0)
    0.0
    """
    return a * log(b if a != type(a)(0) else type(b)(1))


@njit(**FLAGS)
def random_word(k: Any, m: Any, i: Any) -> Any:
    """A whole number below 2⁵³ by Threefry-2x64-20; the reference is in ``primitives/counting``.

    >>> random_word(0.0, 0.0, 0.0) == 0xC2B6E3A8C2C69865 >> 11
    True
    """
    zero, end = type(k)(0), type(k)(_WORDS)
    if not (zero <= k < end and zero <= m < end and zero <= i < end):
        return type(k)(np.nan)
    a, b = np.uint64(k), np.uint64(m)
    c = a ^ b ^ _PARITY
    x, y = _even_rounds(np.uint64(i) + a, b)
    x, y = _odd_rounds(x + b, y + c + np.uint64(1))
    x, y = _even_rounds(x + c, y + a + np.uint64(2))
    x, y = _odd_rounds(x + a, y + b + np.uint64(3))
    x, y = _even_rounds(x + b, y + c + np.uint64(4))
    return type(k)((x + c) >> _REST)


@njit(**FLAGS)
def _even_rounds(x: Any, y: Any) -> Any:
    return _four_rounds(x, y, ROTATIONS[0], ROTATIONS[1], ROTATIONS[2], ROTATIONS[3])


@njit(**FLAGS)
def _odd_rounds(x: Any, y: Any) -> Any:
    return _four_rounds(x, y, ROTATIONS[4], ROTATIONS[5], ROTATIONS[6], ROTATIONS[7])


@njit(**FLAGS)
def _four_rounds(x: Any, y: Any, first: Any, second: Any, third: Any, fourth: Any) -> Any:
    x, y = _round(x, y, np.uint64(first))
    x, y = _round(x, y, np.uint64(second))
    x, y = _round(x, y, np.uint64(third))
    return _round(x, y, np.uint64(fourth))


@njit(**FLAGS)
def _round(x: Any, y: Any, turn: Any) -> Any:
    mixed = x + y
    return mixed, ((y << turn) | (y >> (_WORD - turn))) ^ mixed


@njit(**FLAGS)
def floor_divide(a: Any, b: Any) -> Any:
    """⌊a/b⌋ of floats, as ``numpy.floor_divide``: exact where a/b alone would round up.

    >>> floor_divide(-1.0, 3.0)
    -1.0
    """
    zero, one = type(a)(0), type(a)(1)
    if b == zero:
        return a / b
    rest = np.fmod(a, b)
    quotient = (a - rest) / b
    if rest != zero and (b < zero) != (rest < zero):
        quotient -= one
    if quotient == zero:
        return type(a)(math.copysign(zero, a / b))
    whole = np.floor(quotient)
    return whole + one if quotient - whole > type(a)(0.5) else whole


@njit(**FLAGS)
def remainder(a: Any, b: Any) -> Any:
    """a − b⌊a/b⌋ of floats, with the sign of b, as ``numpy.remainder``.

    >>> remainder(-1.0, 3.0)
    2.0
    """
    zero = type(a)(0)
    rest = np.fmod(a, b)
    if rest == zero:
        return type(a)(math.copysign(zero, b))
    return rest + b if (b < zero) != (rest < zero) else rest


@njit(**FLAGS)
def integer_floor_divide(a: Any, b: Any) -> Any:
    """⌊a/b⌋ of integers, and 0 for b = 0, as NumPy.

    >>> integer_floor_divide(-1, 3)
    -1
    """
    zero = type(b)(0)
    if b < zero and b + type(b)(1) == zero:
        return type(a)(-a)  # the least integer wraps around
    return a // b if b != zero else type(a)(0)


@njit(**FLAGS)
def integer_remainder(a: Any, b: Any) -> Any:
    """a − b⌊a/b⌋ of integers, and 0 for b = 0, as NumPy.

    >>> integer_remainder(-1, 3)
    2
    """
    return a % b if b != type(b)(0) else type(a)(0)


# The two sizes of NumPy's pairwise summation (numpy/_core/src/umath/loops_utils.h.src):
# eight running sums, and blocks of 128.
_ACCUMULATORS = 8
_BLOCK = 128


@njit(**FLAGS)
def lane_sum(values: Any) -> Any:
    """The sum of a vector, added in the order in which ``numpy.sum`` adds.

    Its rounding error grows with log n, not with n (Higham 1993).

    >>> lane_sum(np.arange(5.0))
    10.0
    """
    # NumPy starts at +0, so that the sum of negative zeros is +0.
    return values.dtype.type(0) + _pairwise_sum(values, 0, values.shape[0])


# Halvings of the longest vector that a 64-bit address can count.
_DEEPEST = 64
# What an open interval waits for: to be split, or for the sum of its first or its second half.
_OPEN, _FIRST, _SECOND = 0, 1, 2


@njit(**FLAGS)
def _pairwise_sum(values: Any, start: Any, count: Any) -> Any:
    """The sum by halves.  A loop over open intervals: cached machine code must not recurse.

    (A process that loads a recursive function from Numba's cache calls an address that was never
    filled in.)
    """
    begin, size = np.empty(_DEEPEST, np.int64), np.empty(_DEEPEST, np.int64)
    waits, first = np.empty(_DEEPEST, np.int64), np.empty(_DEEPEST, values.dtype)
    top, total = 0, values.dtype.type(0)
    begin[0], size[0], waits[0] = start, count, _OPEN
    while top >= 0:
        half = size[top] // 2
        half -= half % _ACCUMULATORS
        if size[top] <= _BLOCK:
            total = _short_sum(values, begin[top], size[top])
            top -= 1
            while top >= 0 and waits[top] == _SECOND:
                total = first[top] + total
                top -= 1
        elif waits[top] == _OPEN:
            waits[top] = _FIRST
            begin[top + 1], size[top + 1], waits[top + 1] = begin[top], half, _OPEN
            top += 1
        else:
            first[top], waits[top] = total, _SECOND
            begin[top + 1], size[top + 1] = begin[top] + half, size[top] - half
            waits[top + 1] = _OPEN
            top += 1
    return total


@njit(**FLAGS)
def _short_sum(values: Any, start: Any, count: Any) -> Any:
    """The sum of at most a block."""
    if count >= _ACCUMULATORS:
        return _block_sum(values, start, count)
    total = values.dtype.type(0)
    for i in range(start, start + count):
        total += values[i]
    return total


@njit(**FLAGS)
def _block_sum(v: Any, start: int, count: int) -> Any:
    r0, r1, r2, r3 = v[start], v[start + 1], v[start + 2], v[start + 3]
    r4, r5, r6, r7 = v[start + 4], v[start + 5], v[start + 6], v[start + 7]
    whole = count - count % _ACCUMULATORS
    for i in range(start + _ACCUMULATORS, start + whole, _ACCUMULATORS):
        r0 += v[i]
        r1 += v[i + 1]
        r2 += v[i + 2]
        r3 += v[i + 3]
        r4 += v[i + 4]
        r5 += v[i + 5]
        r6 += v[i + 6]
        r7 += v[i + 7]
    total = ((r0 + r1) + (r2 + r3)) + ((r4 + r5) + (r6 + r7))
    for i in range(start + whole, start + count):
        total += v[i]
    return total
