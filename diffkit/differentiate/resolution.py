"""Whether a difference saw a smooth function; if not, it is told.

A central difference is the mean of the slopes to the right and to the left,

    r = (f(x + h) − f(x))/h,    l = (f(x) − f(x − h))/h,    |r − l| = h |f″(x)| + O(h³),

so where f is smooth, half the step gives half the gap |r − l| and the same mean.  At a kink the
gap stays, at a jump or beside a pole it grows, and where f oscillates within the step the mean
changes.  All three give an ordinary number that is wrong; here it is noticed, with the value f(x)
that is there anyway.  Only where the gap is more than a hundredth of the slope is the function run
again, with half the step.

Reading on: Note [Kinks] in ``primitives/piecewise.py``, for what the exact methods say there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

__all__ = ["DROWNED", "LEFT_THE_DOMAIN", "UNRESOLVED", "drowned", "remembered", "unresolved"]

# A gap of more than this part of the slope is looked at twice, and so large an error is told.
TOLERANCE = 0.01
# A smooth function halves the gap; a kink leaves it as it is.
SMOOTH_RATIO = 0.75
# Gaps within so many rounding errors of the values are no gaps.
ROUNDINGS = 64

UNRESOLVED = (
    "around x = {x:.6g} the differences to the left ({left:.6g}) and to the right ({right:.6g}) do "
    "not meet as the step h = {h:.2g} is halved: a kink, a jump or a change faster than h lies "
    "there, and the result is no derivative"
)
DROWNED = (
    "only a step of {h:.2g} stays inside the domain of the function, and rounding drowns a "
    "difference over it"
)
LEFT_THE_DOMAIN = (
    "a displaced point left the domain of the function: "
    "use a smaller step, or accuracy=1 where only larger x is allowed"
)

Outputs = Sequence[Any]


def remembered(at: Callable[[float], Any]) -> Callable[[float], Any]:
    """The same function of the displacement, run once for each.

    >>> calls = []
    >>> at = remembered(lambda t: calls.append(t) or [t])
    >>> at(0.5), at(0.5), calls
    ([0.5], [0.5], [0.5])
    """
    known: dict[float, Any] = {}

    def once(t: float) -> Any:
        if t not in known:
            known[t] = at(t)
        return known[t]

    return once


def unresolved(
    at: Callable[[float], Outputs],
    two_slopes: Callable[[], tuple[Outputs, Outputs]],
    base: Outputs,
    h: float,
    eps: float,
) -> tuple[float, float] | None:
    """The slopes to the left and right of one output where they contradict smoothness, or None.

    ``at`` gives the outputs at a displacement; ``two_slopes`` the slopes by the method with two
    steps, or with and without its own estimate of its error.

    >>> unresolved(lambda t: [abs(t)], lambda: ([0.0], [0.0]), [0.0], 0.5, 2.0**-52)
    (-1.0, 1.0)
    >>> unresolved(lambda t: [t * t], lambda: ([0.0], [0.0]), [0.0], 0.5, 2.0**-52) is None
    True
    """
    with np.errstate(all="ignore"):
        wide = _all_sides(at, base, h, eps)
        if not any(np.any(side.suspicious) for side in wide):
            return None
        narrow = _all_sides(at, base, h / 2, eps)
        for side, nearer, slope, finer in zip(wide, narrow, *two_slopes(), strict=True):
            kinked = nearer.gap > SMOOTH_RATIO * side.gap
            bad = side.suspicious & (kinked | _moved(slope, finer, nearer.floor))
            if np.any(bad):
                place = int(np.argmax(bad))
                return float(side.left.flat[place]), float(side.right.flat[place])
    return None


def _moved(coarse: Any, fine: Any, floor: np.ndarray) -> Any:
    """Where a central slope changes with the step by more than rounding."""
    scale = np.maximum(np.abs(coarse), np.abs(fine))
    return np.abs(fine - coarse) > TOLERANCE * scale + floor


class _Sides:
    """One-sided slopes of one output, their gap, and what rounding may do to it."""

    def __init__(self, left: np.ndarray, right: np.ndarray, floor: np.ndarray) -> None:
        self.left, self.right, self.floor = left, right, floor
        self.gap = np.abs(right - left)
        steepest = np.maximum(np.abs(left), np.abs(right))
        self.suspicious = (self.gap > TOLERANCE * steepest) & (self.gap > floor)


def _all_sides(at: Callable[[float], Outputs], base: Outputs, h: float, eps: float) -> list[_Sides]:
    rows = zip(base, at(-h), at(h), strict=True)
    return [_sides(y, below, above, h, eps) for y, below, above in rows]


def _sides(y: Any, below: Any, above: Any, h: float, eps: float) -> _Sides:
    y, below, above = (np.asarray(part, dtype=np.float64) for part in (y, below, above))
    floor = ROUNDINGS * eps * (np.abs(y) + np.maximum(np.abs(below), np.abs(above))) / h
    return _Sides(np.asarray((y - below) / h), np.asarray((above - y) / h), np.asarray(floor))


def drowned(base: Outputs, slopes: Outputs, h: float, eps: float) -> bool:
    """Whether the rounding of the values, over so small a step, is as large as the slopes.

    >>> drowned([1.0], [0.0], 1e-25, 2.0**-52), drowned([1e-6], [5e5], 1e-17, 2.0**-52)
    (True, False)
    """
    with np.errstate(all="ignore"):
        return any(
            bool(np.any(eps * np.abs(y) / h > TOLERANCE * np.abs(slope)))
            for y, slope in zip(base, slopes, strict=True)
        )
