"""Parts of numbers: signs, fractions, remainders towards zero, powers of two, and sinc.

``fmod`` is the remainder whose sign is the dividend's, a − b·trunc(a/b), exact as NumPy's; its
derivatives are 1 and −trunc(a/b).  ``modf`` has slope 1 in the fraction and 0 in the whole part.
``sinc`` near 0 is its Taylor series: in (sin y)/y the derivative would lose all its digits there,

    sin y / y = 1 − y²/3! + y⁴/5! − …

Reading on: Higham 2002, *Accuracy and stability of numerical algorithms*, section 1.7.
"""

from __future__ import annotations

from math import factorial, pi
from typing import Any

import numpy as np

from diffkit.capture.numpy_functions.elementwise import is_nan
from diffkit.capture.numpy_functions.tables import UFUNCS, delivered, implements, together, traced
from diffkit.capture.settling import settled
from diffkit.capture.tracing import Tracer, cast_to, here
from diffkit.errors import DtypeError, UnsupportedError
from diffkit.primitives import arithmetic as ops
from diffkit.primitives import piecewise, rounding
from diffkit.primitives import transcendental as tr

__all__ = ["sign_bit"]

# From |y| = 1 on, (sin y)/y keeps its digits; below, the next term of the series is under 2⁻⁷⁵.
SERIES_BOUND = 1.0
SERIES_TERMS = 12
# 2ᵏ overflows beyond; half of the exponent at a time does not.
HALVES = 2


def _floated(x: Any) -> Any:
    (x,) = traced(x)
    return x if x.dtype.kind == "f" else cast_to(x, np.float64)


# Signs ------------------------------------------------------------------------------------------


def sign_bit(x: Any) -> Any:
    """Where x is negative, −0.0 included: 1/x tells it from 0.0."""
    (x,) = traced(x)
    if x.dtype.kind != "f":
        return ops.less(x, 0)
    zero = ops.equal(x, 0.0)
    return ops.less(piecewise.where(zero, ops.div(1.0, piecewise.where(zero, x, 1.0)), x), 0.0)


def copy_sign(a: Any, b: Any) -> Any:
    """|a| with the sign of b."""
    a, b = together(a, b)
    kind = np.result_type(a.dtype, b.dtype, np.float16)
    kind = kind if kind != np.float16 else np.dtype(np.float64)
    size = piecewise.abs_(cast_to(a, kind))
    return piecewise.where(sign_bit(b), ops.neg(size), size)


@implements(np.angle)
def angle(z: Any, deg: bool = False) -> Any:
    """The angle of real numbers: 0, or π for negative ones."""
    z = _floated(z)
    turned = piecewise.where(sign_bit(z), z.dtype.type(180.0 if deg else pi), z.dtype.type(0.0))
    return piecewise.where(is_nan(z), z, turned)


def _infinite(value: float) -> Any:
    def composition(x: Any, out: Any = None) -> Any:
        return delivered(ops.equal(_floated(x), value), out)

    return composition


implements(np.isposinf)(_infinite(np.inf))
implements(np.isneginf)(_infinite(-np.inf))


@implements(np.iscomplex)
def is_complex(x: Any) -> Any:
    """Nowhere: traced arrays are real."""
    return np.zeros(traced(x)[0].shape, dtype=bool)[()]


@implements(np.isreal)
def is_real(x: Any) -> Any:
    """Everywhere: traced arrays are real."""
    return np.ones(traced(x)[0].shape, dtype=bool)[()]


# Functions that turn complex outside of a domain -------------------------------------------------


def _inside(function: Any, real: Any, holds: Any) -> None:
    """``np.emath``: the real function, while a guard says that the numbers are in its domain."""

    def composition(*x: Any) -> Any:
        if not bool(np.all(holds(traced(*x)[-1]))):
            raise UnsupportedError(
                f"np.emath.{function.__name__} would be complex here",
                where=here(),
                hint="keep the numbers inside the real domain, or select with np.where first.",
            )
        return real(*x)

    implements(function)(composition)


for _emath, _real in ((np.emath.sqrt, np.sqrt), (np.emath.log, np.log), (np.emath.log2, np.log2),
                      (np.emath.log10, np.log10)):  # fmt: skip
    _inside(_emath, _real, lambda x: x >= 0)
for _emath, _real in ((np.emath.arcsin, np.arcsin), (np.emath.arccos, np.arccos),
                      (np.emath.arctanh, np.arctanh)):  # fmt: skip
    _inside(_emath, _real, lambda x: np.abs(x) <= 1)
_inside(np.emath.logn, lambda n, x: np.log(x) / np.log(n), lambda x: x >= 0)


@implements(np.emath.power)
def emath_power(x: Any, p: Any) -> Any:
    """Powers of numbers that are not negative."""
    x = x if isinstance(x, Tracer) else np.asarray(x)
    if not bool(np.all(ops.greater_equal(x, 0))):
        raise UnsupportedError(
            "np.emath.power would be complex here", where=here(),
            hint="keep the base from being negative.",
        )  # fmt: skip
    return np.power(x, p if isinstance(p, Tracer) else np.asarray(p))


# Remainders and fractions -----------------------------------------------------------------------


def _without_truth(a: Any, b: Any) -> list[Any]:
    """Operands in their common dtype; truth values count as the integers that NumPy takes."""
    common = np.result_type(a.dtype, b.dtype)
    return [cast_to(x, np.int8 if common.kind == "b" else common) for x in (a, b)]


def fmod(a: Any, b: Any) -> Any:
    """The remainder of a division that is rounded towards zero."""
    a, b = _without_truth(*together(a, b))
    size = piecewise.abs_(b)
    negative = sign_bit(a)
    below = ops.neg(rounding.remainder(ops.neg(a), size))
    return piecewise.where(negative, below, rounding.remainder(a, size))


def modf(x: Any) -> tuple[Any, Any]:
    """Fraction and whole part, both with the sign of x."""
    x = _floated(x)
    whole = rounding.trunc(x)
    finite = piecewise.where(ops.equal(piecewise.abs_(x), np.inf), 0.0, x)
    above = finite - rounding.trunc(finite)
    below = ops.neg(ops.neg(finite) - rounding.trunc(ops.neg(finite)))
    return piecewise.where(sign_bit(x), below, above), whole


def ldexp(x: Any, k: Any) -> Any:
    """x · 2ᵏ for integers k.

    Raises
    ------
    DtypeError
        When k is not of integers.
    """
    x, k = traced(x, k)
    if k.dtype.kind not in "iub":
        raise DtypeError(
            f"np.ldexp: the exponent {k.aval} is not of integers",
            where=here(),
            hint="use x * np.exp2(k).",
        )
    x = x if x.dtype.kind == "f" else cast_to(x, np.float64)
    if not isinstance(x.arena.values.get(k.node), (np.ndarray, np.generic)):
        k_half = rounding.floor_divide(k, HALVES)
        other = k - k_half
        halves: Any = [tr.exp2(cast_to(part, x.dtype)) for part in (k_half, other)]
    else:
        exponent = settled(k).astype(np.intp)
        half = exponent // HALVES
        halves = [np.ldexp(x.dtype.type(1.0), part) for part in (half, exponent - half)]
    return x * halves[0] * halves[1]


def frexp(x: Any) -> tuple[Any, Any]:
    """Mantissa from ½ to 1 and exponent; the exponents are plain, and a guard watches them."""
    x = _floated(x)
    exponent = np.frexp(np.asarray(x.example()))[1]
    mantissa = ldexp(x, -exponent)
    size = piecewise.abs_(mantissa)
    scaled = ops.logical_and(ops.greater_equal(size, 0.5), ops.less(size, 1.0))
    other = ops.logical_or(ops.equal(x, 0.0), ops.logical_not(ops.less(size, np.inf)))
    bool(np.all(ops.logical_or(scaled, other)))
    return mantissa, exponent[()]


UFUNCS.update({
    "signbit": sign_bit, "copysign": copy_sign, "fmod": fmod, "modf": modf, "ldexp": ldexp,
    "frexp": frexp,
})  # fmt: skip


# Sinc -------------------------------------------------------------------------------------------


@implements(np.sinc)
def sinc(x: Any) -> Any:
    """sin(πx)/(πx), and 1 at 0."""
    y = _floated(x) * pi
    near = ops.less(piecewise.abs_(y), SERIES_BOUND)
    safe = piecewise.where(near, SERIES_BOUND, y)
    square = ops.integer_power(piecewise.where(near, y, 0.0), n=2)
    series: Any = 0.0
    for k in range(SERIES_TERMS - 1, -1, -1):
        series = series * square + (-1) ** k / factorial(2 * k + 1)
    return piecewise.where(near, series, tr.sin(safe) / safe)


@implements(np.i0)
def i0(x: Any) -> Any:
    """The modified Bessel function of order 0."""
    return UFUNCS["i0"](_floated(x))
