"""Matrix products of mpmath numbers through Python's integers.

A product of two mpf numbers costs microseconds, a product of two integers a tenth of one.  So
every row of A and every column of B becomes integers over one power of two,

    aᵢₖ = αᵢₖ 2^rᵢ,   bₖⱼ = βₖⱼ 2^sⱼ,   (AB)ᵢⱼ = 2^(rᵢ + sⱼ) Σₖ αᵢₖ βₖⱼ,

and the sum of products is exact; it is rounded once at the end (a long accumulator: U. Kulisch
& W. L. Miranker 1981, *Computer Arithmetic in Theory and Practice*).  Only numbers more than
the working precision and 64 bits below the largest of their row lose their tail.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.lazy import mp

__all__ = ["exact_matmul"]

# Bits kept below the working precision, so that long sums cannot reach the last digit.
GUARD_BITS = 64
# The exponent of zero: below that of any number.
LOWEST = -(1 << 62)


def exact_matmul(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The matrix product of two object arrays of mpmath numbers, rounded once per element.

    Shapes are those of ``np.matmul`` for operands of two or more dimensions.  Infinities and
    NaNs take the ordinary way.

    >>> a = np.array([[mp.mpf(1), mp.mpf("0.5")]], dtype=object)
    >>> exact_matmul(a, a.T).item()
    mpf('1.25')
    """
    if a.size == 0 or b.size == 0 or not (_all_finite(a) and _all_finite(b)):
        return np.matmul(a, b)
    left, rows = _integers(a, -1)
    right, columns = _integers(b, -2)
    products = np.matmul(left, right)
    return np.asarray(np.frompyfunc(_to_mpf, 2, 1)(products, rows + columns))


def _all_finite(cells: np.ndarray) -> bool:
    return bool(np.all(np.frompyfunc(mp.isfinite, 1, 1)(cells)))


def _parts(x: Any) -> tuple[int, int, int, int]:
    return x._mpf_ if hasattr(x, "_mpf_") else mp.mpf(x)._mpf_


def _low(x: Any) -> int:
    _, mantissa, exponent, _ = _parts(x)
    return exponent if mantissa else -LOWEST


def _top(x: Any) -> int:
    _, mantissa, exponent, bits = _parts(x)
    return exponent + bits if mantissa else LOWEST


def _integers(cells: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Integers and the exponents they share along an axis (kept with size 1)."""
    tops = np.asarray(np.frompyfunc(_top, 1, 1)(cells), np.int64).max(axis=axis, keepdims=True)
    lows = np.asarray(np.frompyfunc(_low, 1, 1)(cells), np.int64).min(axis=axis, keepdims=True)
    shared = np.maximum(lows, tops - (mp.mp.prec + GUARD_BITS))
    shared = np.where(tops == LOWEST, 0, shared)  # a row of zeros
    return np.asarray(np.frompyfunc(_to_integer, 2, 1)(cells, shared)), shared


def _to_integer(x: Any, shared: int) -> int:
    sign, mantissa, exponent, _ = _parts(x)
    shift = exponent - int(shared)
    # mantissas may be integers of gmpy2: Python's own are what np.matmul adds fastest
    number = int(mantissa) << shift if shift >= 0 else int(mantissa) >> -shift
    return -number if sign else number


def _to_mpf(number: int, exponent: int) -> Any:
    return mp.ldexp(mp.mpf(number), int(exponent))
