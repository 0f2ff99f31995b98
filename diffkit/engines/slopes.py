"""One slope from five values of many digits, and what it says about the point.

    c(h) = (f(x + h) − f(x − h)) / 2h,    f′(x) = (4 c(h) − c(2h)) / 3 + O(h⁴)

(Richardson 1911).  The difference of c(h) and c(2h) tells whether the digits are there.

Note [Kinks in the truth].  At a kink the central difference is the mean of the two slopes.
Slopes from the left and the right whose gap does not shrink with h are a kink, slopes that
grow as h shrinks are infinite, and where one side is undefined a one-sided slope is taken; all
three are said in ``Slope.note``.  The caller is ``engines/precise.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, log2
from typing import Any

import numpy as np

from diffkit.lazy import mp

__all__ = ["AGREEMENT_DIGITS", "MOST_DIGITS", "Slope", "power_of_two", "slope_of", "step_for"]

MOST_DIGITS = 800  # doubled at most to this: h² f‴ is then below the smallest double
# c(h) and c(2h) agree to this many digits, four more than a double can show.
AGREEMENT_DIGITS = 20
# Below this no double is left but zero.
VANISHING = "1e-330"
# Changes smaller than this power of the working precision are rounding noise.
NOISE_POWER = 0.75
# A gap between left and right slopes, relative to them, that is worth a second look.
VISIBLE_GAP = 1e-6
# A smooth gap halves with h and a smooth slope stays: half way to what a kink would do.
GAP_PERSISTS, SLOPE_GROWS = 0.75, 1.1
# From 2h to h a vertical tangent as steep as |x|^(1/100) loses this part of its rise; a jump none.
JUMP_PERSISTS = 0.995

BITS_PER_DIGIT = log2(10)


@dataclass(slots=True)
class Slope:
    """A slope, whether its digits have settled, and what is unusual about it.

    ``sides`` are the slopes from the left and the right where they differ: any number between
    them is a derivative that a rule may declare.
    """

    value: Any
    settled: bool = True
    note: str = ""
    sides: tuple[Any, Any] | None = None


def slope_of(y: Any, displaced: Sequence[Any], h: Any, digits: int) -> Slope:
    """The slope from f(x) and the four values f(x − 2h), f(x − h), f(x + h), f(x + 2h).

    See Note [Kinks in the truth]; ``digits`` is the working precision.

    >>> values = [mp.mpf(k * k) for k in (-2, -1, 1, 2)]
    >>> slope_of(mp.mpf(0), values, mp.mpf(1), 30).value
    mpf('0.0')
    """
    ll, left, right, rr = displaced
    if isinstance(y, (bool, np.generic)):
        return Slope(mp.mpf(0))
    if not mp.isfinite(y):
        return Slope(mp.nan, note="the value itself is not finite")
    sides = [mp.isfinite(ll) and mp.isfinite(left), mp.isfinite(right) and mp.isfinite(rr)]
    if not all(sides):
        return _one_sided(y, left, ll, -h) if sides[0] else _one_sided(y, right, rr, h)
    near, far = (right - left) / (2 * h), (rr - ll) / (4 * h)
    rounding = mp.mpf(10) ** (-NOISE_POWER * digits)
    noise = rounding * abs(y)
    # terms of size one may have cancelled to y = 0, as a divergence does at its minimum; what is
    # smaller than their rounding is not settled below, and seen again with more digits
    if abs(right - left) > max(noise, rounding) and abs(near) > SLOPE_GROWS * abs(far):
        if abs(right - left) > JUMP_PERSISTS * abs(rr - ll):
            note = "a jump: there is no slope, and a rule may declare any"
            return Slope(mp.sign(near) * mp.inf, note=note, sides=(-mp.inf, mp.inf))
        return Slope(mp.sign(near) * mp.inf, note="the slope is infinite here")
    if _is_kink(y, ll, left, right, rr, noise):
        sides = (2 * (y - left) - (y - ll) / 2) / h, (2 * (right - y) - (rr - y) / 2) / h
        slopes = " and ".join(mp.nstr(side, 6) for side in sides)
        note = f"a kink: the slopes are {slopes}, and their mean is shown"
        return Slope(near, note=note, sides=sides)
    value = (4 * near - far) / 3
    if near == far == 0:
        # in 1 + exp(-300) the working precision hides a slope that a double could hold
        return Slope(value, settled=y == 0 or digits >= MOST_DIGITS)
    # at x = 0 in max(x, 0)² or x^(3/2) the slope shrinks with h and never settles: it is 0
    shrinks = digits >= MOST_DIGITS and SLOPE_GROWS * abs(near) < abs(far)
    if shrinks or abs(value) < mp.mpf(VANISHING):
        return Slope(mp.mpf(0))
    return Slope(value, settled=abs(near - far) <= power_of_two(0, AGREEMENT_DIGITS) * abs(value))


def _is_kink(y: Any, ll: Any, left: Any, right: Any, rr: Any, noise: Any) -> bool:
    gap, wide = abs(left - 2 * y + right), abs(ll - 2 * y + rr) / 2
    rise = max(abs(right - y), abs(y - left))
    return gap > noise and gap > VISIBLE_GAP * rise and gap > GAP_PERSISTS * wide


def _one_sided(y: Any, near: Any, far: Any, h: Any) -> Slope:
    if not (mp.isfinite(near) and mp.isfinite(far)):
        return Slope(mp.nan, note="an isolated point: no slope from either side")
    first, second = (near - y) / h, (far - y) / (2 * h)
    if abs(first) > SLOPE_GROWS * abs(second):
        return Slope(mp.sign(first) * mp.inf, note="the slope is infinite here")
    return Slope(2 * first - second, note="the edge of the domain: a one-sided slope is shown")


def step_for(x: Any, digits: int) -> Any:
    """The step h ≈ 10^(−digits/3)·|x|, a power of two, so that x ± h is exact."""
    exponent = mp.frexp(x)[1] if mp.isfinite(x) and x != 0 else 0
    return power_of_two(int(exponent), digits / 3)


def power_of_two(exponent: int, digits: float) -> Any:
    """2^exponent · 10^(−digits), rounded down to a power of two."""
    return mp.ldexp(mp.mpf(1), exponent - ceil(digits * BITS_PER_DIGIT))
