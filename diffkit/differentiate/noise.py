"""How noisy a function is, from its values alone.

A computed function is a smooth one plus noise: rounding, an iteration that was stopped, a table
in single precision.  Differences of order k of equidistant values lose what is smooth, while noise
of standard deviation σ keeps the variance σ² (2k)!/(k!)², so that

    σ ≈ √( (k!)²/(2k)! · mean (Δᵏf)² )       for every k that is high enough.

Where three neighbouring orders say the same, it is noise.  This is looked for at several spacings,
from a few rounding units of x upwards: a staircase, such as 1 − cos x below 1e-4 or a value that
was rounded to float32, looks smooth from nearby.  A fast oscillation looks like noise from afar;
a jump that is still there between neighbouring numbers tells the two apart.

Reading on: Hamming 1973, *Numerical Methods for Scientists and Engineers*, chapter 6; Moré & Wild
2011, *Estimating computational noise*, SIAM J. Sci. Comput. 33 (``ECnoise``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import frexp, isfinite, ldexp

import numpy as np

from diffkit.errors import DiffkitError

__all__ = ["Line", "Noise", "noise_around", "noise_of"]

POINTS = 7  # Moré & Wild: six or more points do
SPACING = 101  # rounding units of x; odd, so that points do not fall on round numbers
WIDER = 2**7  # from one spacing to the next
WIDEST = 2.0**-6  # of the length over which f changes: what is wider is no longer nearby
AGREEMENT = 4.0  # Moré & Wild: levels within this factor are the same
RUN = 3  # of so many orders
WINDOWS = (0, -2 * POINTS, 2 * POINTS)  # a single jump is in one of them only
KEPT = 0.5  # of the noise: what is left of a rise between neighbouring numbers if it is a jump
ROUNDING = 12**-0.5  # the deviation of numbers rounded to multiples of 1
HALVINGS = 21  # of the length of f, where the least change of a constant value is looked for
ROUNDED_TO = 2.0**-10  # the coarsest rounding of a number, that of half precision
NEARBY = 0.25  # of the way to a place: how much around it is looked at
LARGEST = 2.0**1000  # differences of larger numbers overflow
AT_ZERO = 2.0**-8  # rounding units of the scale, taken where x is 0


class Line:
    """A function of the way t from a point, each value computed once, and counted.

    ``grain`` is the smallest way that every number of the point can go; it is a power of two.

    Parameters
    ----------
    f
        The function t ↦ f(x + t v); what it raises as ``ArithmeticError`` or ``ValueError`` counts
        as NaN.
    size
        The largest |x| among the numbers that are moved.
    eps
        Their rounding unit.
    speed, scale
        The largest |v|, and the length over which f is taken to change where x is 0.

    >>> line = Line(np.exp, 1.0)
    >>> line.grain, line(0.0), line(0.0), line.count
    (4.440892098500626e-16, 1.0, 1.0, 1)
    """

    def __init__(
        self,
        f: Callable[[float], float],
        size: float,
        eps: float = 2.0**-52,
        speed: float = 1.0,
        scale: float = 1.0,
    ) -> None:
        self.f = f
        self.known: dict[float, float] = {}
        length = size if size > 0 else scale * AT_ZERO
        self.grain = max(ldexp(eps, frexp(length)[1] - frexp(speed)[1] + 1), ldexp(1.0, -1060))
        self.length = max(size, scale) / speed
        self.grain = min(self.grain, self.length)

    @property
    def count(self) -> int:
        """How often the function was run."""
        return len(self.known)

    def __call__(self, t: float) -> float:
        if t not in self.known:
            try:
                with np.errstate(all="ignore"):
                    self.known[t] = float(self.f(t))
            except (ArithmeticError, ValueError) as error:
                if isinstance(error, DiffkitError):
                    raise
                self.known[t] = float("nan")
        return self.known[t]


@dataclass(frozen=True)
class Noise:
    """The standard deviation of a function's noise, and the spacing at which it was seen.

    ``found`` is False where differences showed none: the level is then that of one rounding.
    """

    level: float
    spacing: float
    found: bool


def noise_of(line: Line) -> Noise:
    """The noise of a function near t = 0.

    Source: Moré & Wild 2011, at several spacings; see the module's essay.

    >>> wobble = Line(lambda t: np.exp(t) + 1e-6 * np.sin(1e15 * t), 1.0)
    >>> 3e-7 < noise_of(wobble).level < 3e-6
    True
    """
    best, base = Noise(0.0, line.grain, False), 0.0
    for spacing in _spacings(line):
        level = _level_at(line, spacing)
        if level is None:
            continue
        if level > AGREEMENT * base:
            if spacing > SPACING * line.grain and not _jumps(line, spacing, level):
                break  # a fast oscillation
            best, base = Noise(level, spacing, True), level
        elif level > best.level:  # the same noise; seven points may show less than there is
            best = Noise(level, best.spacing, True)
    value = line(0.0)
    floor = ROUNDING * float(np.spacing(abs(value))) if isfinite(value) else 0.0
    if not best.found and _is_tied(line, SPACING * line.grain):
        floor = max(floor, ROUNDING * _quantum(line))
    return best if best.level > floor else Noise(floor, best.spacing, best.found)


def noise_around(line: Line, at: float, noise: Noise) -> float:
    """The noise some way off, where it may be more; what it is at 0 where none is seen.

    >>> relative = Line(lambda t: (1e-3 + t) * (1 + 1e-9 * np.sin(1e20 * t)), 1e-3)
    >>> here = noise_of(relative)
    >>> 300 < noise_around(relative, 1.0, here) / here.level < 3000
    True
    """
    limit = NEARBY * abs(at) / POINTS
    spacing = max(min(noise.spacing, limit), SPACING * float(np.spacing(abs(at))))
    while spacing <= limit:
        level = _level_of([line(at + k * spacing) for k in _places()])
        if level is not None:
            return max(level, noise.level)
        spacing *= 8
    return noise.level


def _spacings(line: Line) -> Iterator[float]:
    """Spacings from a few rounding units upwards; closer ones where a staircase begins to show."""
    spacing, flat = SPACING * line.grain, False
    while spacing < WIDEST * line.length or spacing == SPACING * line.grain:
        tied = _is_tied(line, spacing)
        if not tied:
            yield from [spacing / 16, spacing, 8 * spacing] if flat else [spacing]
        flat, spacing = tied, WIDER * spacing


def _is_tied(line: Line, spacing: float) -> bool:
    """Whether most neighbouring values are the same number."""
    values = [line(k * spacing) for k in _places()]
    return bool(np.count_nonzero(np.diff(values)) < POINTS // 2)


def _quantum(line: Line) -> float:
    """The least change of a value that seems constant: what it may have been rounded to."""
    value = line(0.0)
    parts = [ldexp(1.0, -k) for k in range(1, HALVINGS)]
    parts += [1.0 - part for part in parts]  # a value at its limit changes towards x = 0
    ways = [sign * part * line.length for part in parts for sign in (1, -1)]
    changes = [abs(line(t) - value) for t in ways]
    small = [change for change in changes if 0 < change <= ROUNDED_TO * abs(value)]
    return min(small, default=0.0)


def _level_at(line: Line, spacing: float) -> float | None:
    """The noise that most windows show at this spacing; None where most show none."""
    levels = [_level_of([line((start + k) * spacing) for k in _places()]) for start in WINDOWS]
    found = sorted(level for level in levels if level is not None)
    return found[(len(found) - 1) // 2] if 2 * len(found) > len(levels) else None


def _places() -> range:
    return range(-(POINTS // 2), POINTS - POINTS // 2)


def _level_of(values: list[float]) -> float | None:
    """The noise in equidistant values, if three orders of differences agree on it."""
    table = np.array(values)
    if not np.all(np.abs(table) < LARGEST) or np.count_nonzero(np.diff(table)) < POINTS // 2:
        return None
    levels, gamma = [], 1.0
    for k in range(1, POINTS):
        table = np.diff(table)
        gamma *= 0.5 * k / (2 * k - 1)
        changes = bool(np.any(table > 0) and np.any(table < 0)) or table.size == 1
        size = float(np.max(np.abs(table))) or 1.0  # squares of very large numbers overflow
        level = size * float(np.sqrt(gamma * np.mean((table / size) ** 2)))
        levels.append(level if changes else np.nan)
    for first in range(len(levels) - RUN + 1):
        run = levels[first : first + RUN]
        if np.all(np.isfinite(run)) and 0 < max(run) <= AGREEMENT * min(run):
            return run[0]
    return None


def _jumps(line: Line, spacing: float, level: float) -> bool:
    """Whether the largest rise between two points holds a jump between neighbouring numbers."""
    places = [k * spacing for k in _places()]
    rises = [abs(line(b) - line(a)) for a, b in pairwise(places)]
    k = int(np.argmax(rises))
    low, high = places[k], places[k + 1]
    while high - low > 2 * line.grain:
        middle = low + line.grain * ((high - low) / line.grain // 2)
        if not low < middle < high:
            break
        if abs(line(middle) - line(low)) > abs(line(high) - line(middle)):
            high = middle
        else:
            low = middle
    return abs(line(high) - line(low)) > KEPT * level
