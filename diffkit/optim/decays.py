"""Schedules that fall or rise once: stairs, powers, lines and half a cosine.

    step          η₀ γ^⌊t/s⌋                    multi_step    η₀ γ^{number of milestones ≤ t}
    exponential   η₀ γᵗ                         linear        η₀ [a + (b − a) · min(t, T)/T]
    polynomial    η₀ (1 − min(t, T)/T)^p        cosine        ηmin + ½(η₀ − ηmin)(1 + cos πt/T)

The formulas are those of PyTorch's ``torch.optim.lr_scheduler``.  Reading on: Bengio 2012,
*Practical recommendations for gradient-based training of deep architectures*, section 3.1.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from diffkit.errors import InputError
from diffkit.optim.schedule import (
    LONGER,
    NOTHING,
    Constant,
    OfLength,
    Schedule,
    check_count,
    check_rate,
    check_share,
    is_number,
)

__all__ = [
    "Cosine",
    "Exponential",
    "Linear",
    "MultiStep",
    "Polynomial",
    "Step",
    "constant",
    "cosine",
    "exponential",
    "linear",
    "multi_step",
    "polynomial",
    "step",
    "warmup",
]

# Milestones that are all passed in this share of a training were meant for another unit.
EARLY = 0.25
# A rate that changes by less than this share of itself might as well be constant.
BARELY = 0.05


def within_an_epoch(period: float, total: int, per_epoch: int) -> bool:
    """Whether a period in updates is shorter than an epoch, but would do as a number of epochs."""
    return total // per_epoch > 1 and period < per_epoch and period <= total // per_epoch


@dataclass(frozen=True)
class Step(Schedule):
    """η(t) = η₀ γ^⌊t/s⌋."""

    every: int = 100
    factor: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count(self.every, "every")
        check_rate(self.factor, "the factor")

    def formula(self, t: Any) -> Any:
        return self.rate * self.factor ** np.floor(t / self.every)

    def trouble(self, total: int, per_epoch: int) -> str | None:
        falls = (total - 1) // self.every
        vanishes = self.factor < 1 and falls * np.log10(self.factor) < np.log10(NOTHING)
        if vanishes or within_an_epoch(self.every, total, per_epoch):
            return f"step(every={self.every}) changes the rate {falls} times in this training"
        if self.every > LONGER * total:
            return f"step(every={self.every}) never changes the rate in {total} updates"
        return None


@dataclass(frozen=True)
class MultiStep(Schedule):
    """η(t) = η₀ γ^{number of milestones ≤ t}."""

    milestones: tuple[int, ...] = ()
    factor: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.milestones:
            raise InputError("multi_step needs milestones", hint="for example [300, 600].")
        for milestone in self.milestones:
            check_count(milestone, "a milestone")
        check_rate(self.factor, "the factor")

    def formula(self, t: Any) -> Any:
        passed = sum(np.where(t >= milestone, 1.0, 0.0) for milestone in self.milestones)
        return self.rate * self.factor**passed

    def trouble(self, total: int, per_epoch: int) -> str | None:
        first, last = min(self.milestones), max(self.milestones)
        if within_an_epoch(last, total, per_epoch):
            return f"all milestones of multi_step, up to {last}, lie in the first epoch"
        if per_epoch > 1 and last <= min(EARLY * total, total // per_epoch):
            return f"all milestones of multi_step, up to {last}, lie early in {total} updates"
        if first > LONGER * total:
            return f"multi_step has no milestone before {first}, but there are {total} updates"
        return None


@dataclass(frozen=True)
class Exponential(Schedule):
    """η(t) = η₀ γᵗ."""

    factor: float = 0.99

    def __post_init__(self) -> None:
        super().__post_init__()
        check_rate(self.factor, "the factor")

    def formula(self, t: Any) -> Any:
        return self.rate * self.factor**t

    def trouble(self, total: int, per_epoch: int) -> str | None:
        share = 10.0 ** max(-300.0, (total - 1) * np.log10(min(self.factor, 1.0)))
        if share < NOTHING:
            return f"exponential(factor={self.factor:g}) ends at {share:.0e} of the first rate"
        if total > 1 and self.factor < 1 and share > 1 - BARELY:
            return f"exponential(factor={self.factor:g}) barely changes the rate in {total} updates"
        return None


@dataclass(frozen=True)
class Linear(OfLength):
    """η(t) = η₀ [a + (b − a) · min(t, T)/T]."""

    start: float = 1 / 3
    end: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_share(self.start, "the start of linear")
        check_share(self.end, "the end of linear")

    @property
    def settles(self) -> bool:  # type: ignore[override]
        """Whether the line falls; one that rises is a warm-up, after which most is done."""
        return self.end < self.start

    def formula(self, t: Any) -> Any:
        share = np.minimum(t, self.length) / self.length
        return self.rate * (self.start + (self.end - self.start) * share)


@dataclass(frozen=True)
class Polynomial(OfLength):
    """η(t) = η₀ (1 − min(t, T)/T)^p."""

    power: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_rate(self.power, "the power")

    def formula(self, t: Any) -> Any:
        return self.rate * (1 - np.minimum(t, self.length) / self.length) ** self.power


@dataclass(frozen=True)
class Cosine(OfLength):
    """η(t) = η_min + ½(η₀ − η_min)(1 + cos πt/T), and η_min after T."""

    minimum: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_minimum("cosine", self.minimum, self.rate)

    def formula(self, t: Any) -> Any:
        share = np.minimum(t, self.length) / self.length
        return cosine_between(self.rate, self.minimum, share)


def check_minimum(name: str, minimum: Any, rate: float) -> None:
    """Refuse a lowest rate that is not a number from 0 to the rate.

    Raises
    ------
    InputError
        Naming the schedule.
    """
    if not (is_number(minimum) and 0 <= minimum <= rate):
        raise InputError(
            f"the minimum of {name} is {minimum!r}, not a number from 0 to {rate:g}",
            hint="it is the rate at the end.",
        )


def cosine_between(start: float, end: float, share: Any) -> Any:
    """Half a cosine from ``start`` at share 0 to ``end`` at share 1."""
    return end + 0.5 * (start - end) * (1 + np.cos(np.pi * share))


def constant(rate: float, factor: float = 1.0, steps: int | None = None) -> Schedule:
    """A rate that never changes; or one multiplied by a factor for the first ``steps`` updates.

    The second form is PyTorch's ConstantLR, η₀f while t < T, then η₀.

    >>> constant(0.1)(7), constant(0.1, 0.5, steps=8)(7)
    (0.1, 0.05)
    """
    return Constant(rate, factor, steps)


def step(rate: float, every: int, factor: float = 0.1) -> Schedule:
    """A rate that falls by a factor every so many updates, η(t) = η₀ γ^⌊t/s⌋ (PyTorch's StepLR).

    >>> step(1.0, every=10, factor=0.5)(25)
    0.25
    """
    return Step(rate, every, factor)


def multi_step(rate: float, milestones: Sequence[int], factor: float = 0.1) -> Schedule:
    """A rate that falls by a factor at each milestone (PyTorch's MultiStepLR).

    >>> multi_step(1.0, [30, 80], factor=0.5)(np.array([29, 30, 80])).tolist()
    [1.0, 0.5, 0.25]
    """
    return MultiStep(rate, tuple(milestones), factor)


def exponential(rate: float, factor: float) -> Schedule:
    """A rate that falls by a factor at every update, η(t) = η₀ γᵗ (PyTorch's ExponentialLR).

    >>> exponential(1.0, 0.5)(3)
    0.125
    """
    return Exponential(rate, factor)


def linear(
    rate: float, steps: int | None = None, start: float = 1 / 3, end: float = 1.0
) -> Schedule:
    """A rate on a line from ``start`` · η₀ to ``end`` · η₀, then constant (PyTorch's LinearLR).

    >>> linear(1.0, steps=10, start=0.5)(5)
    0.75
    """
    return Linear(rate, steps, start, end)


def warmup(rate: float, steps: int, start: float = 0.01) -> Schedule:
    """A line from 1 % of the rate to the rate, to be followed by another schedule.

    Source: Goyal et al. 2017, *Accurate, large minibatch SGD*, section 2.2.

    >>> (warmup(1.0, 10) + cosine(1.0, steps=90))(np.array([0, 10, 55])).round(3).tolist()
    [0.01, 1.0, 0.5]
    """
    return Linear(rate, steps, start)


def polynomial(rate: float, steps: int | None = None, power: float = 1.0) -> Schedule:
    """A rate that falls to zero as a power of what is left (PyTorch's PolynomialLR).

    >>> polynomial(1.0, steps=10, power=2.0)(5)
    0.25
    """
    return Polynomial(rate, steps, power)


def cosine(rate: float, steps: int | None = None, minimum: float = 0.0) -> Schedule:
    """A rate that follows half a cosine down to ``minimum`` (Loshchilov & Hutter 2017, SGDR).

    ``steps`` is the number of updates; ``dk.train`` fills it in.

    >>> cosine(1.0, steps=100)(50)
    0.5
    """
    return Cosine(rate, steps, minimum)
