"""Where on an interval a function of one number has kinks and jumps, found from its slopes.

Between two points at which the slope differs much, the half with the larger difference is kept
again and again: at a kink the difference stays, elsewhere it halves.

    |f′(b) − f′(a)| → |f′(x₀+) − f′(x₀−)|  as b − a → 0

Source: bisection on the jump of the derivative; Griewank & Walther 2008, chapter 14, for what a
declared slope at a kink means.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from diffkit.plots.canvas import numbers_at

__all__ = ["Kink", "find_kinks"]

HALVINGS = 44  # from a step of the grid down to about 1e-13 of it
SUSPECT = 0.02  # of the range of slopes: a smaller difference between neighbours is not looked at
STAYS = 0.2  # of the first difference must be left at the end
DIGITS = 10  # of a place, to which it is rounded: kinks are where the user wrote a number
MOST = 24  # kinks that are looked for, the largest first


@dataclass(frozen=True)
class Kink:
    """A place where the slope or the value jumps: both slopes, the declared one, the values.

    ``jump`` says that the value itself jumps.
    """

    x: float
    left: float
    right: float
    declared: float
    height: float
    below: float
    above: float
    jump: bool


def find_kinks(
    f: Callable[..., Any],
    slope: Callable[..., Any],
    low: float,
    high: float,
    points: int,
) -> list[Kink]:
    """The kinks and jumps between ``low`` and ``high``, from left to right.

    >>> [kink.x for kink in find_kinks(np.abs, np.sign, -1.0, 2.0, 50)]
    [0.0]
    """
    x = np.linspace(low, high, points)
    pairs = np.stack([numbers_at(slope, x), numbers_at(f, x)])
    spans = [float(np.ptp(row[np.isfinite(row)])) if np.isfinite(row).any() else 0.0
             for row in pairs]  # fmt: skip
    moves = np.abs(np.diff(pairs, axis=1))
    odd = np.zeros(points - 1)
    for row, span in zip(moves, spans, strict=True):
        if span > 0:
            odd = np.maximum(odd, np.where(np.isfinite(row), row, 0.0) / span)
    found: dict[float, Kink] = {}
    for place in np.argsort(-odd, kind="stable")[:MOST]:
        if odd[place] < SUSPECT:
            break
        kink = _narrowed(f, slope, float(x[place]), float(x[place + 1]), high - low, spans)
        if kink is not None and low < kink.x < high:
            found.setdefault(kink.x, kink)
    return [found[key] for key in sorted(found)]


def _narrowed(
    f: Callable[..., Any],
    slope: Callable[..., Any],
    a: float,
    b: float,
    span: float,
    spans: list[float],
) -> Kink | None:
    """The kink between two points, or None where slope and value turn out to be continuous."""

    def seen(x: float) -> np.ndarray:
        return np.array([numbers_at(slope, [x])[0], numbers_at(f, [x])[0]])

    def gap(one: np.ndarray, other: np.ndarray) -> float:
        parts = np.abs(one - other) / np.array([s or 1.0 for s in spans])
        return float(np.max(np.where(np.isfinite(parts), parts, 0.0)))

    left, right = seen(a), seen(b)
    first = gap(left, right)
    for _ in range(HALVINGS):
        middle = (a + b) / 2
        if not a < middle < b or b - a < 1e-12 * span:
            break
        here = seen(middle)
        if gap(left, here) >= gap(here, right):
            b, right = middle, here
        else:
            a, left = middle, here
    if gap(left, right) < STAYS * first:
        return None
    digits = DIGITS - int(np.floor(np.log10(span)))
    x = round((a + b) / 2, digits) + 0.0
    aside = 1e-7 * span  # far enough for both slopes, near enough not to see their curvature
    before, after, at = seen(x - aside), seen(x + aside), seen(x)
    if gap(before, after) < STAYS * first:
        return None
    steep = np.nansum(np.abs([before[0], after[0]])) + 1e-3 * spans[1] / span
    jump = bool(abs(after[1] - before[1]) > 4 * aside * steep)
    return Kink(x, float(before[0]), float(after[0]), float(at[0]), float(at[1]),
                float(before[1]), float(after[1]), jump)  # fmt: skip
