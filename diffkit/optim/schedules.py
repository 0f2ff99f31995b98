"""Learning-rate schedules: the rate as a function of the step.

    η(t),   t = 0, 1, 2, …  counts updates.

A schedule is a value: call it with a step (a number or an array of steps).  Schedules that need
the length of the training (cosine, one-cycle) take it from ``dk.train`` when it is not given.
Any function of the step is a schedule too: ``adam(lambda t: 0.1 / (1 + t))``.
Names and formulas follow PyTorch's ``torch.optim.lr_scheduler``, with t in updates.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from diffkit.errors import InputError

__all__ = [
    "ALL_SCHEDULES",
    "Rate",
    "Schedule",
    "as_schedule",
    "constant",
    "cosine",
    "exponential",
    "one_cycle",
    "step",
]

# Smith & Topin 2018, *Super-convergence*, with PyTorch's defaults: start at 1/25 of the peak,
# rise for 30 % of the training, end at 1/10⁴ of the start.
ONE_CYCLE_START, ONE_CYCLE_RISE, ONE_CYCLE_END = 25.0, 0.3, 1e4


def is_number(value: Any) -> bool:
    """Whether a setting is a finite real number.

    >>> is_number(0.9), is_number("0.9"), is_number(float("inf"))
    (True, False, False)
    """
    real = isinstance(value, (int, float, np.floating, np.integer)) and not isinstance(value, bool)
    return real and bool(np.isfinite(value))


def check_rate(rate: Any, name: str = "the learning rate") -> float:
    """A rate as a positive finite float.

    Raises
    ------
    InputError
        When it is not positive and finite.
    """
    if isinstance(rate, bool) or not isinstance(rate, (int, float, np.floating, np.integer)):
        raise InputError(f"{name} is a {type(rate).__name__}, not a number", hint="try 0.1.")
    if not is_number(rate) or rate <= 0:
        raise InputError(
            f"{name} must be a positive number, not {rate!r}",
            hint="a zero rate learns nothing and a negative one climbs; try 0.1.",
        )
    return float(rate)


def _check_count(count: Any, name: str) -> None:
    whole = isinstance(count, (int, np.integer)) and not isinstance(count, bool)
    if count is not None and (not whole or count < 1):
        raise InputError(
            f"{name} must be a whole number of at least 1, not {count!r}",
            hint="count in updates; an epoch has one for each batch.",
        )


@dataclass(frozen=True)
class Schedule:
    """The base of all schedules: a callable of the step."""

    rate: float

    def __post_init__(self) -> None:
        check_rate(self.rate)

    def __call__(self, step: Any) -> Any:
        """The rate at a step, or at an array of steps; a traced step gives a traced rate."""
        if hasattr(step, "bind_primitive"):
            return self.formula(step * 1.0)
        steps = np.asarray(step)
        found = self.formula(steps.astype(float))
        return float(found) if steps.ndim == 0 else np.asarray(found) + np.zeros(steps.shape)

    def formula(self, t: Any) -> Any:
        """The rate at float steps."""
        raise NotImplementedError

    def for_steps(self, total: int) -> Schedule:
        """The schedule for a training of ``total`` updates, where it was left open."""
        return self


@dataclass(frozen=True)
class Constant(Schedule):
    """η(t) = η₀."""

    def formula(self, t: Any) -> Any:
        return self.rate + 0.0 * t


@dataclass(frozen=True)
class Step(Schedule):
    """η(t) = η₀ γ^⌊t/s⌋."""

    every: int = 100
    factor: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_count(self.every, "every")
        check_rate(self.factor, "the factor")

    def formula(self, t: Any) -> Any:
        return self.rate * self.factor ** np.floor(t / self.every)


@dataclass(frozen=True)
class Exponential(Schedule):
    """η(t) = η₀ γᵗ."""

    factor: float = 0.99

    def __post_init__(self) -> None:
        super().__post_init__()
        check_rate(self.factor, "the factor")

    def formula(self, t: Any) -> Any:
        return self.rate * self.factor**t


@dataclass(frozen=True, repr=False)
class OfStep(Schedule):
    """η(t) = f(t) with a function of the user's own; every rate it gives is checked."""

    rate: float = field(init=False)  # that of the first step, as with all schedules
    function: Callable[[Any], Any]

    def __post_init__(self) -> None:
        object.__setattr__(self, "rate", self.at(0))

    def __repr__(self) -> str:
        return f"OfStep({self.name})"

    @property
    def name(self) -> str:
        """The function's own name; its address would differ from run to run."""
        return getattr(self.function, "__name__", type(self.function).__name__)

    def __call__(self, step: Any) -> Any:
        """The rate at a step, or at an array of steps; a traced step gives a traced rate."""
        if hasattr(step, "bind_primitive"):
            return self.formula(step)
        steps = np.asarray(step)
        rates = np.array([self.at(t) for t in steps.ravel().tolist()], dtype=float)
        return float(rates[0]) if steps.ndim == 0 else rates.reshape(steps.shape)

    def formula(self, t: Any) -> Any:
        return self.function(t)

    def at(self, t: float) -> float:
        """The rate at one step, as a positive finite float.

        Raises
        ------
        InputError
            When the function gives anything else, or fails.
        """
        try:
            rate = self.function(t)
        except (TypeError, ArithmeticError) as error:
            raise InputError(
                f"the learning rate {self.name} fails at step {t}: {error}",
                hint="a schedule is a function of the step, which counts from 0.",
            ) from error
        if isinstance(rate, np.ndarray) and not rate.ndim:
            rate = rate[()]
        return check_rate(rate, f"the learning rate {self.name} at step {t}")


@dataclass(frozen=True)
class _OfLength(Schedule):
    """A schedule that spans the whole training."""

    steps: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_count(self.steps, "steps")

    def for_steps(self, total: int) -> Schedule:
        return self if self.steps is not None else replace(self, steps=max(1, total))

    @property
    def length(self) -> int:
        """The number of updates.

        Raises
        ------
        InputError
            When it was left open.
        """
        if self.steps is None:
            raise InputError(
                f"{type(self).__name__.lower()} needs to know how many updates there will be",
                hint="give steps=…; dk.train fills it in by itself.",
            )
        return self.steps


@dataclass(frozen=True)
class Cosine(_OfLength):
    """η(t) = η_min + ½(η₀ − η_min)(1 + cos πt/T)."""

    minimum: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (is_number(self.minimum) and 0 <= self.minimum <= self.rate):
            raise InputError(
                f"the minimum of cosine is {self.minimum!r}, not a number from 0 to {self.rate:g}",
                hint="it is the rate at the end.",
            )

    def formula(self, t: Any) -> Any:
        share = np.minimum(t, self.length) / self.length
        return self.minimum + 0.5 * (self.rate - self.minimum) * (1 + np.cos(np.pi * share))


@dataclass(frozen=True)
class OneCycle(_OfLength):
    """Cosine rise from η/25 to the peak η over the first 30 %, then cosine fall to η/(25·10⁴).

    As in PyTorch the peak is at t = 0.3 T − 1, between two updates where that is no whole
    number, and the last of the T updates, t = T − 1, has the final rate.
    """

    def formula(self, t: Any) -> Any:
        start, end = self.rate / ONE_CYCLE_START, self.rate / ONE_CYCLE_START / ONE_CYCLE_END
        last, top = self.length - 1.0, ONE_CYCLE_RISE * self.length - 1.0
        t = np.minimum(t, last)
        rising = _cosine_between(start, self.rate, t / top)
        falling = _cosine_between(self.rate, end, (t - top) / (last - top))
        return np.where(t <= top, rising, falling)[()]


def _cosine_between(start: float, end: float, share: Any) -> Any:
    return end + 0.5 * (start - end) * (1 + np.cos(np.pi * share))


def constant(rate: float) -> Schedule:
    """A rate that never changes, η(t) = η₀.

    >>> constant(0.1)(7)
    0.1
    """
    return Constant(rate)


def step(rate: float, every: int, factor: float = 0.1) -> Schedule:
    """A rate that falls by a factor every so many updates, η(t) = η₀ γ^⌊t/s⌋ (PyTorch's StepLR).

    >>> step(1.0, every=10, factor=0.5)(25)
    0.25
    """
    return Step(rate, every, factor)


def exponential(rate: float, factor: float) -> Schedule:
    """A rate that falls by a factor at every update, η(t) = η₀ γᵗ (PyTorch's ExponentialLR).

    >>> exponential(1.0, 0.5)(3)
    0.125
    """
    return Exponential(rate, factor)


def cosine(rate: float, steps: int | None = None, minimum: float = 0.0) -> Schedule:
    """A rate that follows half a cosine down to ``minimum`` (Loshchilov & Hutter 2017, SGDR).

    ``steps`` is the number of updates; ``dk.train`` fills it in.

    >>> cosine(1.0, steps=100)(50)
    0.5
    """
    return Cosine(rate, steps, minimum)


def one_cycle(peak: float, steps: int | None = None) -> Schedule:
    """A rate that rises to a peak and falls far below its start (Smith & Topin 2018).

    ``steps`` is the number of updates; ``dk.train`` fills it in.

    >>> one_cycle(1.0, steps=100)(29)
    1.0
    """
    return OneCycle(peak, steps)


Rate = float | Schedule | Callable[[Any], Any]


def as_schedule(rate: Rate) -> Schedule:
    """A number as a constant schedule, a function of the step as a schedule.

    Raises
    ------
    InputError
        When it is neither a positive number nor a schedule, or the function's rate at the first
        step is not a positive number.

    >>> as_schedule(lambda t: 0.1 / (1 + t))(4)
    0.02
    """
    if isinstance(rate, Schedule):
        return rate
    return OfStep(rate) if callable(rate) else Constant(check_rate(rate))


def _inverse(t: Any) -> Any:
    return 0.1 / (1 + t)


# One of each kind; every test of schedules runs over this list.
ALL_SCHEDULES: tuple[Schedule, ...] = (
    Constant(0.1),
    Step(0.1, 30, 0.5),
    Exponential(0.1, 0.97),
    Cosine(0.1, 100, 0.001),
    OneCycle(0.1, 100),
    OfStep(_inverse),
)
