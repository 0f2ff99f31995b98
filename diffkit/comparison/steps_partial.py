"""Measuring stencils within a budget of seconds: all of them, or what there was time for.

A whole choice of steps takes some three hundred runs (``differentiate/step_choice.py``).  Where the
first run says that these do not fit, each stencil first gets the textbook's step,

    h ≈ (σ / |f|)^(1 / (d + p)) · length,      error ≈ |D(2h) − D(h)| + noise,

a few runs of each, and what time is left goes into the whole choice.  The difference of two steps
is that of the longer one, so it errs on the safe side; a kink shows in the slopes of both sides,
whose gap shrinks with h where f is smooth.

Reading on: Press et al. 2007, *Numerical Recipes*, section 5.7, for the textbook's step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite, ldexp, log2, nan

import numpy as np

from diffkit.comparison.spending import INTERRUPTED, OutOfTime, Watched, not_reached
from diffkit.differentiate.noise import ROUNDING, Line, Noise, noise_of
from diffkit.differentiate.stencils import Stencil, stencil_of
from diffkit.differentiate.step_choice import (
    EPS,
    LIKELY,
    StepChoice,
    choose_step,
    difference,
    jump_at,
    kink_at,
)

__all__ = ["Measured", "measure_rows"]

WHOLE_RUNS = 300  # what a whole choice takes, as a rule
STAYS = 0.75  # of the gap of slopes at 2h that is left at h: 0.5 where f is smooth, 1 at a kink
FAR_BEND = 4.0  # the sum of the weights' sizes in 1, −2, 1


@dataclass
class Measured:
    """What was measured: stencils by name, as a whole or roughly, and what is missing and why."""

    noise: Noise
    whole: dict[str, StepChoice] = field(default_factory=dict)
    rough: dict[str, StepChoice] = field(default_factory=dict)
    kink: tuple[float, float] | None = None
    jump: bool = False
    waiting: list[str] = field(default_factory=lambda: ["noise", "kink", "jump"])
    stopped: str | None = None

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C ended it."""
        return self.stopped == INTERRUPTED

    def choices(self, rows: Sequence[Stencil]) -> list[StepChoice]:
        """A choice for each stencil: whole, rough, or refused with the reason."""
        found = self.rough | self.whole
        told = self.stopped or ""
        listed = [
            found.get(row.name, StepChoice(row, nan, nan, nan, nan, None, nan, False, told))
            for row in rows
        ]
        asked = {row.name for row in rows}
        return listed + [choice for name, choice in self.whole.items() if name not in asked]

    def missing(self, rows: Sequence[Stencil]) -> dict[str, str]:
        """What is not there, or only roughly, and why; empty where all was measured."""
        if self.stopped is None:
            return {}
        found = dict.fromkeys(self.waiting, self.stopped)
        for row in rows:
            if row.name not in self.whole:
                rough = f"from two steps only, the rest {self.stopped}"
                found[row.name] = rough if row.name in self.rough else self.stopped
        return found


def measure_rows(line: Line, run: Watched, rows: Sequence[Stencil], order: int) -> Measured:
    """Noise, stencils, kink and jump at t = 0 of a line whose function ``run`` is, while it may.

    Ctrl-C ends it like the end of the seconds, and keeps what was measured.
    """
    value = abs(line(0.0))
    found = Measured(Noise(ROUNDING * float(np.spacing(value)), line.grain, False))
    try:
        try:
            if not run.affords(WHOLE_RUNS):
                _roughly(line, run, rows, found)
            _wholly(line, rows, order, found)
        except OutOfTime:
            found.stopped = not_reached(run.seconds)
            if not (found.whole or found.rough):
                _rescue(line, run, rows, found)
    except KeyboardInterrupt:
        found.stopped = INTERRUPTED
    run.refusing = False
    return found


def _wholly(line: Line, rows: Sequence[Stencil], order: int, found: Measured) -> None:
    found.noise = noise_of(line)
    found.waiting.remove("noise")
    for row in rows:
        found.whole[row.name] = choose_step(line, row, found.noise)
    _one_sided(line, order, found)
    found.kink = kink_at(line, found.noise) if order == 1 else None
    found.waiting.remove("kink")
    found.jump = found.kink is None and jump_at(line, found.noise)
    found.waiting.remove("jump")


def _one_sided(line: Line, order: int, found: Measured) -> None:
    """Stencils of one side where the domain ends at the point."""
    if not any(choice.refused for choice in found.whole.values()):
        return
    sides = [range(k) for k in (order + 2, order + 4)]
    for row in [
        stencil_of(tuple(s * k for k in points), order) for s in (1, -1) for points in sides
    ]:
        if row.name not in found.whole:
            choice = choose_step(line, row, found.noise)
            if choice.refused is None:
                found.whole[row.name] = choice


def _by_need(rows: Sequence[Stencil]) -> list[Stencil]:
    """Symmetric stencils first, of few runs; then the others."""
    return sorted(rows, key=lambda row: (not row.symmetric, row.accuracy))


def _rescue(line: Line, run: Watched, rows: Sequence[Stencil], found: Measured) -> None:
    """One stencil from two steps, also where no seconds are left for it."""
    run.refusing = False
    row = _by_need(rows)[0]
    found.rough[row.name] = rough_choice(line, row, found.noise)


def _roughly(line: Line, run: Watched, rows: Sequence[Stencil], found: Measured) -> None:
    _rescue(line, run, rows, found)
    run.refusing = True
    for row in _by_need(rows)[1:]:
        found.rough[row.name] = rough_choice(line, row, found.noise)


def rough_choice(line: Line, row: Stencil, noise: Noise) -> StepChoice:
    """The textbook's step of a stencil, with the change to twice this step as its error.

    >>> from diffkit.differentiate.stencils import stencil
    >>> line = Line(lambda t: np.exp(1.0 + t), 1.0)
    >>> choice = rough_choice(line, stencil(2), Noise(1e-16, line.grain, False))
    >>> abs(choice.value - np.e) <= choice.error < 1e-8
    True
    """
    d, p, value = row.derivative, row.accuracy, abs(line(0.0))
    relative = noise.level / value if value and noise.level else EPS
    step = ldexp(1.0, round(log2(max(relative ** (1 / (d + p)) * line.length, line.grain))))
    near, far = difference(row, line, step), difference(row, line, 2 * step)
    rounding = noise.level * row.noise_gain
    if not (isfinite(near) and isfinite(far)):
        told = "no finite values on the sides of its step"
        return StepChoice(row, step, nan, nan, rounding, None, nan, False, told)
    seen = abs(far - near)
    error = LIKELY * rounding / step**d + seen + _bend(line, row, step, noise) + EPS * abs(near)
    truncation = seen / ((2.0**p - 1.0) * step**p) or None
    return StepChoice(row, step, near, float(error), rounding, truncation, 2 * step)


def _bend(line: Line, row: Stencil, h: float, noise: Noise) -> float:
    """Half the gap of the slopes of both sides, where it does not shrink with h; else 0."""
    if not (row.symmetric and row.derivative == 1):
        return 0.0
    base = line(0.0)
    near, far = (abs(line(s) - 2 * base + line(-s)) / s for s in (h, 2 * h))
    stays = near > STAYS * far + LIKELY * FAR_BEND * noise.level / h
    return near / 2 if stays else 0.0
