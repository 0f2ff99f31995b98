"""One slope from five values of many digits, and what it says about the point.

    c(h) = (f(x + h) − f(x − h)) / 2h,    f′(x) = (4 c(h) − c(2h)) / 3 + O(h⁴)

(Richardson 1911).  The difference of c(h) and c(2h) tells whether the digits are there: the
values are blurred (``engines/blurred.py``), so that noise does not agree.

Note [Kinks in the truth].  At a kink the central difference is the mean of the two slopes.
Slopes from the left and the right whose gap does not shrink with h are a kink, slopes that
grow as h shrinks are infinite, and where one side is undefined a one-sided slope is taken; all
three are said in ``Slope.note``.  The caller is ``engines/differences.py``.

Note [Nothing strange at first sight].  A step that is too long makes a kink of √(x² + 10⁻¹⁰⁰), a
jump of tanh(10⁸⁰x) and an infinite slope of sin(exp(80)); so does noise.  What is unusual is
therefore a suspicion, ``settled`` being False, and has a ``trace``: numbers that the same
kink, jump or power of h gives at every step.  ``confirmed`` compares the traces of two steps, of
which the shorter is below the reciprocal of any double.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil, log2
from typing import Any

import numpy as np

from diffkit.lazy import mp

__all__ = [
    "AGREEMENT_DIGITS",
    "BITS_PER_DIGIT",
    "MOST_DIGITS",
    "SMOOTH",
    "Slope",
    "confirmed",
    "noted",
    "power_of_two",
    "slope_of",
    "step_for",
    "vanishes",
]

MOST_DIGITS = 800  # of those who ask: h² f‴ is then below the smallest double
# c(h) and c(2h) agree to this many digits, four more than a double can show.
AGREEMENT_DIGITS = 20
# Below 2^this, 10^−330, no double is left but zero.
VANISHING = -1096
# A gap between left and right slopes, relative to them, that is worth a second look.
VISIBLE_GAP = 1e-6
# A smooth gap halves with h and a smooth slope stays: half way to what a kink would do.
GAP_PERSISTS, SLOPE_GROWS = 0.75, 1.1
# From 2h to h a vertical tangent as steep as |x|^(1/100) loses this part of its rise; a jump none.
JUMP_PERSISTS = 0.995
# The digits to which the traces of one kink, or one power of h, agree at two steps.
TRACE_DIGITS = 6
# A power law shows between h and 2h from |h|^(1/700) on.
POWER_SHOWS = 1e-3

BITS_PER_DIGIT = log2(10)

SMOOTH, ONE_SIDED, KINK, JUMP, INFINITE, UNDEFINED = (
    "smooth", "one-sided", "kink", "jump", "infinite", "undefined"
)  # fmt: skip
INFINITE_NOTE = "the slope is infinite here"


@dataclass(slots=True)
class Slope:
    """A slope, whether its digits have settled, and what is unusual about it.

    ``sides`` are the slopes from the left and the right where they differ: any number between
    them is a derivative that a rule may declare.  ``near`` and ``far`` are the slopes with h and
    2h; for ``kind`` and ``trace`` see Note [Nothing strange at first sight].
    """

    value: Any
    settled: bool = True
    note: str = ""
    sides: tuple[Any, Any] | None = None
    kind: str = SMOOTH
    trace: tuple[Any, ...] = ()
    near: Any = 0
    far: Any = 0

    @property
    def suspected(self) -> bool:
        """Whether it looks unusual, which another step is to confirm."""
        return not self.settled and self.kind != SMOOTH

    def agrees_to(self, digits: int) -> bool:
        """Whether the slopes of a smooth point with h and 2h agree to so many digits."""
        room = power_of_two(0, digits) * abs(self.value)
        return self.kind == SMOOTH and bool(abs(self.near - self.far) <= room)


def slope_of(y: Any, displaced: Sequence[Any], h: Any) -> Slope:
    """The slope from f(x) and the four values f(x − 2h), f(x − h), f(x + h), f(x + 2h).

    See Note [Kinks in the truth].

    >>> values = [mp.mpf(k * k) for k in (-2, -1, 1, 2)]
    >>> slope_of(mp.mpf(0), values, mp.mpf(1)).value
    mpf('0.0')
    """
    ll, left, right, rr = displaced
    if isinstance(y, (bool, np.generic)):
        return Slope(mp.mpf(0))
    if not mp.isfinite(y):
        return _suspected(UNDEFINED, mp.nan, "the value itself is not finite")
    sides = [mp.isfinite(ll) and mp.isfinite(left), mp.isfinite(right) and mp.isfinite(rr)]
    if not all(sides):
        return _one_sided(y, left, ll, -h) if sides[0] else _one_sided(y, right, rr, h)
    near, far = (right - left) / (2 * h), (rr - ll) / (4 * h)
    # a short step may leave differences of a size that no slope of a double makes
    if vanishes(near) and all(vanishes((value - y) / h) for value in displaced):
        return Slope(mp.mpf(0))
    rise = max(abs(right - y), abs(y - left))
    # noise grows, too: beside an even kink it is all there is, and elsewhere a suspicion
    if abs(near) > SLOPE_GROWS * abs(far) and abs(right - left) > VISIBLE_GAP * rise:
        return _growing(near, far, right - left, rr - ll)
    if _is_kink(y, ll, left, right, rr, rise):
        sides = (2 * (y - left) - (y - ll) / 2) / h, (2 * (right - y) - (rr - y) / 2) / h
        gaps = (left - 2 * y + right) / h, (ll - 2 * y + rr) / (2 * h)
        found = _suspected(KINK, mp.mpf(0) if vanishes(near) else near, "", sides)
        return replace(found, sides=sides, near=gaps[0], far=gaps[1])
    value = (4 * near - far) / 3
    if vanishes(value):
        return Slope(mp.mpf(0))
    settled = abs(near - far) <= power_of_two(0, AGREEMENT_DIGITS) * abs(value)
    return Slope(value, settled, near=near, far=far)


def vanishes(value: Any) -> bool:
    """Whether no double but zero is as small.

    >>> vanishes(mp.mpf(10) ** -400), vanishes(mp.mpf(10) ** -300)
    (True, False)
    """
    return value == 0 or mp.mag(value) < VANISHING


def _suspected(kind: str, value: Any, note: str, trace: tuple[Any, ...] = ()) -> Slope:
    return Slope(value, settled=False, note=note, kind=kind, trace=trace)


def _growing(near: Any, far: Any, inner: Any, outer: Any) -> Slope:
    """A slope that grows as h shrinks; from jumps, ``inner`` and ``outer`` are the same rise."""
    value = mp.sign(near) * mp.inf
    if abs(inner) > JUMP_PERSISTS * abs(outer):
        note = "a jump: there is no slope, and a rule may declare any"
        return replace(_suspected(JUMP, value, note, (inner,)), sides=(-mp.inf, mp.inf))
    found = _suspected(INFINITE, value, INFINITE_NOTE, _ratio(near, far))
    return replace(found, near=near, far=far)


def _is_kink(y: Any, ll: Any, left: Any, right: Any, rr: Any, rise: Any) -> bool:
    gap, wide = abs(left - 2 * y + right), abs(ll - 2 * y + rr) / 2
    return gap > 0 and gap > VISIBLE_GAP * rise and gap > GAP_PERSISTS * wide


def _one_sided(y: Any, near: Any, far: Any, h: Any) -> Slope:
    if not (mp.isfinite(near) and mp.isfinite(far)):
        return _suspected(UNDEFINED, mp.nan, "an isolated point: no slope from either side")
    first, second = (near - y) / h, (far - y) / (2 * h)
    if vanishes(first) and vanishes(second):
        first = second = mp.mpf(0)
    if abs(first) > SLOPE_GROWS * abs(second):
        value = mp.sign(first) * mp.inf
        found = _suspected(INFINITE, value, INFINITE_NOTE, _ratio(first, second))
    else:
        note = "the edge of the domain: a one-sided slope is shown"
        found = _suspected(ONE_SIDED, 2 * first - second, note)
    return replace(found, near=first, far=second)


def _ratio(near: Any, far: Any) -> tuple[Any, ...]:
    return (near / far,) if far else ()


# Two steps -------------------------------------------------------------------------------------


def confirmed(before: Slope, now: Slope) -> Slope | None:
    """What two steps agree on, the shorter one last; None where they do not.

    See Note [Nothing strange at first sight].

    >>> one, other = _suspected(KINK, 2, "", (1, 3)), _suspected(KINK, 2, "", (1, 5))
    >>> confirmed(one, one).settled, confirmed(one, other)
    (True, None)
    """
    if before.kind != now.kind:
        return None
    if now.kind in (SMOOTH, ONE_SIDED):
        return _limit(before, now)
    size = max((abs(b) for b in now.trace), default=mp.mpf(0))  # one slope of a kink may be 0
    room = power_of_two(0, TRACE_DIGITS) * size
    if not all(abs(a - b) <= room for a, b in zip(before.trace, now.trace, strict=True)):
        return _cusp(before, now) if now.kind == KINK else None
    return replace(now, settled=True, note=noted(now))


def noted(slope: Slope) -> str:
    """The note of a slope; that of a kink takes minutes where it is far beyond the doubles.

    >>> noted(Slope(2.0, kind=KINK, sides=(mp.mpf(1), mp.mpf(3))))
    'a kink: the slopes are 1.0 and 3.0, and their mean is shown'
    """
    if slope.kind != KINK or slope.sides is None:
        return slope.note
    if any(mp.mag(side) > -VANISHING for side in slope.sides if side):
        return "a kink: the slopes are beyond all doubles"
    slopes = " and ".join(mp.nstr(side, 6) for side in slope.sides)
    return f"a kink: the slopes are {slopes}, and their mean is shown"


def _cusp(before: Slope, now: Slope) -> Slope | None:
    """A kink whose gap is a power of h: a cusp, or none at all, as in |x|^1.1."""
    if not (before.far and now.far):
        return None
    was, ratio = before.near / before.far, now.near / now.far
    if not _agree(was, ratio, TRACE_DIGITS) or abs(ratio - 1) <= POWER_SHOWS:
        return None
    if ratio > 1:
        return replace(now, settled=True, note="a cusp: the slopes are infinite on either side")
    if vanishes(now.value):
        return Slope(mp.mpf(0))
    return Slope(now.value) if _agree(before.value, now.value, AGREEMENT_DIGITS) else None


def _limit(before: Slope, now: Slope) -> Slope | None:
    """The limit of slopes that have not settled: a number, 0 or infinity as their powers of h.

    In x log x they grow by the same for every halving of h.
    """
    if now.kind == ONE_SIDED:
        if before.value == now.value == 0 or _agree(before.value, now.value, AGREEMENT_DIGITS):
            return replace(now, settled=True)
        if vanishes(now.value):
            return replace(now, value=mp.mpf(0), settled=True)
    if not (before.near and before.far and now.near and now.far):
        return None
    was, ratio = before.near / before.far, now.near / now.far
    grows = _agree(before.near - before.far, now.near - now.far, TRACE_DIGITS)
    powers = _agree(was, ratio, TRACE_DIGITS) and ratio > 0 and abs(ratio - 1) > POWER_SHOWS
    if powers and ratio < 1:
        return replace(now, value=mp.mpf(0), settled=True)
    if powers or grows:
        value = mp.sign(now.near) * mp.inf
        return replace(now, value=value, settled=True, note=INFINITE_NOTE)
    return None


def _agree(a: Any, b: Any, digits: int) -> bool:
    return bool(abs(a - b) <= power_of_two(0, digits) * abs(b)) and b != 0


# Steps -----------------------------------------------------------------------------------------


def step_for(x: Any, digits: float) -> Any:
    """The step h ≈ 10^(−digits) · min(|x|, 1), a power of two; 10^(−digits) at 0.

    The scale of a function is that of x near 0, as that of 1/x is, but not far from it: sin(x)
    turns as fast at 10⁴⁰ as at 1.
    """
    exponent = mp.frexp(x)[1] if mp.isfinite(x) and x != 0 else 0
    return power_of_two(min(int(exponent), 0), digits)


def power_of_two(exponent: int, digits: float) -> Any:
    """2^exponent · 10^(−digits), rounded down to a power of two."""
    return mp.ldexp(mp.mpf(1), exponent - ceil(digits * BITS_PER_DIGIT))
