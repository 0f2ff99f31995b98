"""Elementary functions of compiled code: within one ulp, the same bits everywhere, vectorised.

    from diffkit.engines.elementary import exp, log, tanh      # in Numba-compiled code

Each function takes one number and keeps its type, float32 or float64.  Measured against mpmath
the error stays below 0.8 ulp in float64 (``erf``: 0.9) and 0.52 ulp in float32
(``tests/test_elementary.py``); infinities, NaN, signed zeros, overflow and gradual underflow
come out as IEEE 754 and C99 say.  The C library is as accurate but is called for one number at
a time; these formulas have no branch and no call (``engines/lane_terms.py``), so that LLVM
computes four or eight lanes at once, and the bits of a lane do not depend on its neighbours.
One number alone gains little: the way through a formula takes about as long as a call.

Only ``sin`` and ``cos`` have a second way: beyond 2³⁰ they call the C library, for that lane.

Reading on: ``engines/elementary_parts.py`` for the shared steps; Muller 2016, *Elementary
Functions*; Tang 1989, *Table-driven implementation of the exponential function*; Cody & Waite
1980, *Software Manual for the Elementary Functions*; Higham 2002, §1.14.1, on expm1 and log1p.
"""

from __future__ import annotations

import math
from typing import Any

from numba import njit

from diffkit.engines import elementary_parts as parts
from diffkit.engines import elementary_single as single
from diffkit.engines.lane_terms import (
    FLAGS,
    Real,
    absolute,
    copy_sign,
    elementary,
    fast_two_sum,
    fma,
    polynomial,
    select,
    two_sum,
)

__all__ = [
    "FARTHEST", "cos", "cos_block", "erf", "exp", "expm1", "is_near", "log", "log1p", "logistic",
    "near_cos", "near_sin", "sin", "sin_block", "softplus", "tanh",
]  # fmt: skip

# e^−746 rounds to zero and e^710 to infinity.
_LEAST, _MOST = -746.0, 710.0
# Beyond it, e^(−2x) is less than half an ulp of 1.
_TANH_IS_ONE = 22.0
# Where erf changes from one polynomial to the next, and to 1.
_ERF_ENDS = (0.8125, 1.3125, 6.0)
# Beyond it, e⁻ˣ is less than half an ulp of x.
_SOFTPLUS_IS_X = 40.0
# From it on, log(1 + y) takes k = 1.
_SQRT_2 = math.sqrt(2.0)
# Below it, x − x³/6 rounds to x.
_TINY = 2.0**-27
# Beyond it, three pieces of π/2 are not enough, and the C library is asked.
FARTHEST = 2.0**30


@elementary(single.exp)
def exp(x: Real) -> Real:
    """eˣ = 2ᵏ·eʳ.

    >>> exp(0.0), exp(1.0), exp(-1000.0), exp(1000.0)
    (1.0, 2.718281828459045, 0.0, inf)
    """
    k, r, r_low = parts.split_exp(x)
    total, rest = fast_two_sum(x.new(1.0), r)
    first, second = parts.exponent_halves(k)
    y = (total + (rest + parts.exp_tail(r, r_low))) * first * second
    return select(x > _MOST, math.inf, select(x < _LEAST, 0.0, y))


def _half_expm1(x: Real) -> tuple[Real, Real]:
    """(eˣ − 1)/2 as a large and a small term, for −50 ≤ x ≤ 710."""
    k, r, r_low = parts.split_exp(x)
    p, p_low = parts.exp_terms(r, r_low)
    half = parts.power_of_two(k, -1)  # half of 2ᵏ, which may be too large
    whole, whole_low = two_sum(half, x.new(-0.5))
    head, rest = fast_two_sum(whole, p * half)
    return head, fma(p_low, half, rest + whole_low)


@elementary(single.expm1)
def expm1(x: Real) -> Real:
    """eˣ − 1 without cancellation near 0.

    >>> expm1(1e-20), expm1(-0.0), expm1(-1000.0)
    (1e-20, -0.0, -1.0)
    """
    head, rest = _half_expm1(parts.above(parts.below(x, _MOST), -50.0))
    return select(absolute(x) < 2.0**-54, x, (head + rest) * 2.0)


@elementary(single.tanh)
def tanh(x: Real) -> Real:
    """Hyperbolic tangent, −E/(2 + E) with E = e^(−2|x|) − 1.

    >>> tanh(-0.0), tanh(1e-20), tanh(100.0)
    (-0.0, 1e-20, 1.0)
    """
    size = absolute(x)
    head, rest = _half_expm1(size * -2.0)
    n, n_low = fast_two_sum(head, rest)
    d, d_low = fast_two_sum(x.new(1.0), n)
    y = parts.quotient(n, n_low, d, d_low + n_low)
    return copy_sign(select(size > _TANH_IS_ONE, 1.0, y), x)


def _exp_of_minus(size: Real) -> tuple[Real, Real, tuple[Real, Real]]:
    """e^−size as (y + y_low) · 2ᵏ with 2ᵏ in two factors, for size ≥ 0."""
    k, r, r_low = parts.split_exp(parts.above(-size, _LEAST))
    total, rest = fast_two_sum(size.new(1.0), r)
    y, y_low = fast_two_sum(total, rest + parts.exp_tail(r, r_low))
    return y, y_low, parts.exponent_halves(k)


@elementary(single.logistic)
def logistic(x: Real) -> Real:
    """1/(1 + e⁻ˣ), which is eˣ/(1 + eˣ) for x < 0.

    >>> logistic(0.0), logistic(1000.0), logistic(-1000.0)
    (0.5, 1.0, 0.0)
    """
    y, y_low, (first, second) = _exp_of_minus(absolute(x))
    d, d_low = fast_two_sum(x.new(1.0), y * first * second)
    d_low = d_low + y_low * first * second
    negative = x < 0.0
    n, n_low = select(negative, y, 1.0), select(negative, y_low, 0.0)
    q = parts.quotient(n, n_low, d, d_low)
    return q * select(negative, first, 1.0) * select(negative, second, 1.0)


@elementary(single.erf)
def erf(x: Real) -> Real:
    """Error function, by polynomials in x², in |x| − 1, and beyond as 1 − e^(−x²)·P(1/(|x| + 2)).

    >>> erf(-0.0), erf(1.0), erf(10.0)
    (-0.0, 0.8427007929497149, 1.0)
    """
    first, second, last = _ERF_ENDS
    size, z = absolute(x), x * x
    near = fma(size, polynomial(z, parts.ERF_NEAR), size)
    u, (one, one_low) = size - 1.0, parts.ERF_ONE
    middle = fma(u, polynomial(u, parts.ERF_MIDDLE), x.new(one_low)) + one
    k, r, r_low = parts.split_exp(-z)
    tail = parts.exp_tail(r, r_low - fma(x, x, -z))  # z is a rounded square
    bell = ((r + tail) + 1.0) * parts.power_of_two(k)
    far = fma(-bell, polynomial(1.0 / (size + 2.0), parts.ERF_FAR), x.new(1.0))
    outer = select(size > last, 1.0, select(size < second, middle, far))
    return copy_sign(select(size < first, near, outer), x)


@elementary(single.log)
def log(x: Real) -> Real:
    """Natural logarithm, k·ln 2 + log m.

    >>> log(1.0), log(0.0), log(-1.0)
    (0.0, -inf, nan)
    """
    subnormal = x < 2.0**-1022
    k, m, _ = parts.split_log(select(subnormal, x * 2.0**54, x))
    head, rest = parts.log_terms(select(subnormal, k - 54.0, k), m - 1.0)
    return parts.log_edges(x, head + rest)


@elementary(single.log1p)
def log1p(x: Real) -> Real:
    """log(1 + x) without cancellation near 0.

    >>> log1p(1e-20), log1p(-0.0), log1p(-1.0), log1p(-2.0)
    (1e-20, -0.0, -inf, nan)
    """
    u, u_low = two_sum(x.new(1.0), x)
    k, m, shrink = parts.split_log(u)
    # Beyond 2⁶⁰ the rounding error of 1 + x does not count, and its scale may overflow.
    f, f_low = fast_two_sum(m - 1.0, select(u < 2.0**60, u_low * shrink, 0.0))
    head, rest = parts.log_terms(k, f, f_low)
    return copy_sign(parts.log_edges(u, head + rest), x)


@elementary(single.softplus)
def softplus(x: Real) -> Real:
    """log(1 + eˣ) = max(x, 0) + log(1 + e^−|x|).

    >>> softplus(0.0), softplus(1000.0), softplus(-1000.0)
    (0.6931471805599453, 1000.0, 0.0)
    """
    y, y_low, (first, second) = _exp_of_minus(absolute(x))
    u, u_low = fast_two_sum(x.new(1.0), y * first * second)
    halved = u > _SQRT_2
    shrink = select(halved, 0.5, 1.0)
    f, f_low = fast_two_sum(u * shrink - 1.0, u_low * shrink)
    f_low = f_low + y_low * first * second * shrink
    head, rest = parts.log_terms(select(halved, 1.0, 0.0), f, f_low)
    total, total_low = two_sum(select(x < 0.0, 0.0, x), head)
    return select(x > _SOFTPLUS_IS_X, x, total + (total_low + rest))


def _sine_and_cosine(r: Real, r_low: Real) -> tuple[Real, Real]:
    """sin and cos of r + r_low for |r| ≤ π/4."""
    z = r * r
    z_low = fma(r, r, -z)
    half = z * 0.5
    low = fma(-half, r_low, r_low)
    sine = r + fma(r * z, polynomial(z, parts.SIN), low)
    total, rest = fast_two_sum(r.new(1.0), -half)
    rest = fma(-r, r_low, fma(z_low, -0.5, rest))
    return sine, total + fma(z * z, polynomial(z, parts.COS), rest)


def _sin(x: Real) -> Real:
    k, r, r_low = parts.quarter_turns(x)
    sine = parts.quadrant(k, *_sine_and_cosine(r, r_low))
    return select(absolute(x) < _TINY, x, sine)


def _cos(x: Real) -> Real:
    k, r, r_low = parts.quarter_turns(x)
    return parts.quadrant(k + 1, *_sine_and_cosine(r, r_low))


@elementary(single.sin, beyond=FARTHEST)
def sin(x: Real) -> Real:
    """Sine; a loop around it is not vectorised, see :func:`sin_block`.

    >>> sin(-0.0), round(sin(1.0), 15), round(sin(1e300), 15)
    (-0.0, 0.841470984807897, -0.817881912115909)
    """
    return _sin(x)


@elementary(single.cos, beyond=FARTHEST)
def cos(x: Real) -> Real:
    """Cosine; a loop around it is not vectorised, see :func:`cos_block`.

    >>> cos(0.0), round(cos(1.0), 15)
    (1.0, 0.54030230586814)
    """
    return _cos(x)


@elementary(single.sin)
def near_sin(x: Real) -> Real:
    """The same bits as :func:`sin` for |x| ≤ ``FARTHEST``; meaningless beyond.

    >>> near_sin(0.0)
    0.0
    """
    return _sin(x)


@elementary(single.cos)
def near_cos(x: Real) -> Real:
    """The same bits as :func:`cos` for |x| ≤ ``FARTHEST``; meaningless beyond.

    >>> near_cos(0.0)
    1.0
    """
    return _cos(x)


@njit(**FLAGS)
def is_near(x: Any) -> Any:
    """Whether no element of a vector is beyond ``FARTHEST``.

    >>> import numpy as np
    >>> is_near(np.array([1.0, np.nan])), is_near(np.array([1.0, -1e10]))
    (True, False)
    """
    far = 0
    for i in range(x.shape[0]):
        far += abs(x[i]) > FARTHEST
    return far == 0


@njit(**FLAGS)
def sin_block(x: Any, out: Any) -> None:
    """Write the sines of a vector into another, or into itself; vectorised if all are near.

    >>> import numpy as np
    >>> x = np.array([0.0, 1e300])
    >>> sin_block(x, x)
    >>> x.round(3)
    array([ 0.   , -0.818])
    """
    if is_near(x):
        for i in range(x.shape[0]):
            out[i] = near_sin(x[i])
    else:
        for i in range(x.shape[0]):
            out[i] = sin(x[i])


@njit(**FLAGS)
def cos_block(x: Any, out: Any) -> None:
    """Write the cosines of a vector into another, or into itself; vectorised if all are near.

    >>> import numpy as np
    >>> x = np.array([0.0, 1.0])
    >>> cos_block(x, x)
    >>> x.round(3)
    array([1.  , 0.54])
    """
    if is_near(x):
        for i in range(x.shape[0]):
            out[i] = near_cos(x[i])
    else:
        for i in range(x.shape[0]):
            out[i] = cos(x[i])
