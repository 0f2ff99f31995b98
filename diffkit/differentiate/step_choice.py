"""The step of a difference, its value and an honest error, from the function alone.

The error of a stencil with weights wᵢ for the derivative of order d is modelled as

    error(h) ≈ σ √Σwᵢ² / hᵈ  +  |C f⁽ᵈ⁺ᵖ⁾(x)| hᵖ,   least at   hᵈ⁺ᵖ = d σ √Σwᵢ² / (p |C f⁽ᵈ⁺ᵖ⁾|),

with the noise σ of the function (``noise.py``) and a derivative of order d + p that is itself taken
from differences.  A model may be wrong: beyond a kink or a pole the values say nothing of the
point.  So the steps are walked from the smallest, whose value is right within its noise, to larger
ones, as long as each value agrees with all before within their noise; no step beyond is trusted.

Reading on: Gill, Murray, Saunders & Wright 1983, *Computing forward-difference intervals for
numerical optimization*; Moré & Wild 2012, *Estimating derivatives of noisy simulations*; Lepskii
1991, *Asymptotically minimax adaptive estimation I*, for the walk.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import count
from math import floor, isfinite, ldexp, log2, nan

import numpy as np

from diffkit.differentiate.noise import Line, Noise, noise_around
from diffkit.differentiate.stencils import Stencil, stencil, stencil_of

__all__ = [
    "LIKELY",
    "WIDER_TABLEAU",
    "StepChoice",
    "choose_step",
    "difference",
    "jump_at",
    "kink_at",
]

CERTAIN = 4.0  # deviations of noise within which values must agree
LIKELY = 3.0  # deviations of noise in the estimated error
COARSE = 4  # powers of two from one step to the next before the walk is refined
LARGEST = 2  # powers of two of the length of f beyond which no step is tried
MOST_ORDER = 24  # the highest derivative that is taken for the model
FINER = 8  # powers of two below the largest step where that derivative's walk begins
EPS = 2.0**-52
WIDER_TABLEAU = 32.0  # times the best step of a stencil, where a tableau of it may begin
# A jump stays as high when the way to it shrinks by so much; a root shrinks to a sixteenth.
CLOSER, STAYS = 256.0, 0.5
KINKED = 10.0  # times their errors by which slopes of two sides differ at a kink


@dataclass(frozen=True)
class StepChoice:
    """A stencil with its step at a point: value, estimated error, and the model behind them.

    ``rounding`` and ``truncation`` are the coefficients of the model; ``truncation`` is None where
    noise hides it.  ``largest`` is the largest step whose value agrees with those of all smaller
    ones, ``best`` where the model has its minimum.  ``refused`` says why there is no value.
    """

    stencil: Stencil
    step: float
    value: float
    error: float
    rounding: float
    truncation: float | None
    largest: float
    settled: bool = True
    refused: str | None = None

    def predicted(self, h: float | np.ndarray) -> np.ndarray:
        """The error of the model at steps h."""
        steps = np.asarray(h, dtype=float)
        curve = self.rounding / steps**self.stencil.derivative
        return curve + (self.truncation or 0.0) * steps**self.stencil.accuracy

    @property
    def best(self) -> float:
        """The step at which the model is least; the largest trusted one where it has no least."""
        return _model_step(self.stencil, self.rounding, self.truncation, self.largest)


def difference(row: Stencil, line: Line, h: float) -> float:
    """h⁻ᵈ Σ wᵢ (f(kᵢ h) − f(0)), NaN where it is not finite.

    The weights sum to 0; near values are subtracted exactly, so that only the noise of f counts.

    >>> line = Line(lambda t: (1.0 + t) ** 2, 1.0)
    >>> difference(stencil(2), line, 0.25)
    2.0
    """
    total, base = 0.0, line(0.0)
    with np.errstate(all="ignore"):
        for offset, weight in row.active:
            total += weight * (line(offset * h) - base)
        found = np.float64(total) / h**row.derivative
    return float(found) if isfinite(found) else nan


def choose_step(line: Line, row: Stencil, noise: Noise) -> StepChoice:
    """The step, value and error of a stencil at t = 0 of a line whose noise is known.

    Source: see the module's essay.

    >>> from diffkit.differentiate.noise import noise_of
    >>> line = Line(lambda t: np.exp(1.0 + t), 1.0)
    >>> choice = choose_step(line, stencil(2), noise_of(line))
    >>> abs(choice.value - np.e) <= choice.error < 1e-9
    True
    """
    rounding = noise.level * row.noise_gain
    largest, settled = _walk(line, row, rounding, line.grain)
    if largest is None:
        told = "no step has finite values on its sides"
        return StepChoice(row, nan, nan, nan, rounding, None, nan, False, told)
    truncation = _truncation(line, row, noise.level, largest)
    step = _model_step(row, rounding, truncation, largest)
    step = min(ldexp(1.0, round(log2(step))), largest)
    value = difference(row, line, step)
    if not isfinite(value):
        told = "the difference is too large a number"
        return StepChoice(row, step, nan, nan, rounding, truncation, largest, False, told)
    choice = StepChoice(row, step, value, nan, rounding, truncation, largest, settled)
    return replace(choice, error=_error(line, choice, noise))


def _model_step(row: Stencil, rounding: float, truncation: float | None, largest: float) -> float:
    d, p = row.derivative, row.accuracy
    if not truncation or not rounding:
        return largest
    best = (d * rounding / (p * truncation)) ** (1 / (d + p))
    return best if 0 < best < largest else largest


def _walk(line: Line, row: Stencil, rounding: float, first: float) -> tuple[float | None, bool]:
    """The largest step that agrees with all smaller ones, and whether two agreed at all."""
    low, high = -np.inf, np.inf
    largest, steps = None, 0
    start = floor(log2(first))
    top = floor(log2(line.length)) + LARGEST

    def agrees(h: float) -> bool:
        nonlocal low, high
        value = difference(row, line, h)
        room = CERTAIN * (rounding / h**row.derivative + EPS * abs(value))
        if not (value - room <= high and value + room >= low):
            return False
        low, high = max(low, value - room), min(high, value + room)
        return True

    for exponent in count(start, COARSE):
        if exponent > top:
            break
        h = ldexp(1.0, exponent)
        if not isfinite(difference(row, line, h)) and largest is None:
            continue
        if not agrees(h):
            break
        largest, steps = h, steps + 1
    if largest is None:
        return None, False
    for _ in range(COARSE - 1):
        if 2 * largest > ldexp(1.0, top) or not agrees(2 * largest):
            break
        largest, steps = 2 * largest, steps + 1
    return largest, steps > 1


def _truncation(line: Line, row: Stencil, noise: float, largest: float) -> float | None:
    """|C f⁽ᵈ⁺ᵖ⁾(x)|, from the differences of that order; None where noise hides it."""
    n = row.derivative + row.accuracy
    if n > MOST_ORDER - 2:
        return None
    high = _sided(row, n)
    rounding = noise * high.noise_gain
    found, _ = _walk(line, high, rounding, max(ldexp(largest, -FINER), line.grain))
    if found is None:
        return None
    value = abs(difference(high, line, found))
    if not value > LIKELY * rounding / found**n:
        return None
    return abs(row.error_constant) * value


def _sided(row: Stencil, n: int) -> Stencil:
    """Differences of order n on the side where the row is."""
    if min(row.offsets) >= 0:
        return stencil_of(tuple(range(n + 1)), n)
    if max(row.offsets) <= 0:
        return stencil_of(tuple(range(-n, 1)), n)
    return stencil(2, n)


def _error(line: Line, choice: StepChoice, noise: Noise) -> float:
    """Noise, truncation by the model or by another step, whichever is more, and the last digit."""
    row, step = choice.stencil, choice.step
    ends = {min(row.offsets) * step, max(row.offsets) * step} - {0.0}
    level = max(noise_around(line, end, noise) for end in ends)
    wobble = LIKELY * level * row.noise_gain / step**row.derivative
    model = (choice.truncation or 0.0) * step**row.accuracy
    inside = 2 * step <= choice.largest
    other = difference(row, line, 2 * step if inside or not choice.settled else step / 2)
    seen = abs(other - choice.value)
    if inside:
        seen /= 2.0**row.accuracy - 1.0  # Richardson: what is left at the shorter step
    bias = max(model, seen if isfinite(seen) else 0.0)
    return float(wobble + bias + EPS * abs(choice.value))


def kink_at(line: Line, noise: Noise) -> tuple[float, float] | None:
    """The slopes to the left and right of t = 0 where they differ by more than their errors.

    >>> from diffkit.differentiate.noise import noise_of
    >>> line = Line(abs, 0.0)
    >>> kink_at(line, noise_of(line))
    (-1.0, 1.0)
    """
    left, right = (choose_step(line, stencil_of(points), noise) for points in ((-1, 0), (0, 1)))
    if left.refused or right.refused or not (left.settled and right.settled):
        return None
    gap = abs(right.value - left.value)
    return (left.value, right.value) if gap > KINKED * (left.error + right.error) else None


def jump_at(line: Line, noise: Noise) -> bool:
    """Whether the function jumps at t = 0, on one side of it or on both.

    >>> from diffkit.differentiate.noise import noise_of
    >>> [jump_at(line, noise_of(line)) for line in (Line(np.floor, 0.0), Line(abs, 0.0))]
    [True, False]
    """
    base, near = line(0.0), CLOSER * line.grain
    for side in (-1.0, 1.0):
        low, high = (abs(line(side * h) - base) for h in (near, CLOSER * near))
        if low > max(KINKED * noise.level, STAYS * high):
            return True
    return False
