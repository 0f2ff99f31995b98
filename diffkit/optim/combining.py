"""Schedules made of schedules: one after the other, multiplied, in epochs, by a function.

    a + b             a, and b when it is over, with t = 0 where it begins
    a * b             the product of the rates
    chained(a, b)     η₀ · (a/η₀)(b/η₀): both factors on one base rate
    a.per_epoch()     a at ⌊t / updates per epoch⌋
    scaled(η₀, λ)     η₀ λ(t)
    multiplicative    η(t) = η(t − 1) · λ(t)

They are PyTorch's SequentialLR, ChainedScheduler, LambdaLR and MultiplicativeLR as values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from diffkit.errors import InputError
from diffkit.optim.schedule import (
    Schedule,
    as_schedule,
    check_count,
    check_rate,
    ends_at_nothing,
)

__all__ = [
    "Chained",
    "Multiplicative",
    "PerEpoch",
    "Product",
    "Scaled",
    "Sequential",
    "chained",
    "multiplicative",
    "scaled",
    "sequential",
]


@dataclass(frozen=True)
class _OfParts(Schedule):
    """A schedule of several others."""

    rate: float = field(init=False, repr=False)
    parts: tuple[Schedule, ...] = ()

    def __post_init__(self) -> None:
        if not self.parts or not all(isinstance(part, Schedule) for part in self.parts):
            raise InputError(
                f"{type(self).__name__.lower()} needs schedules, not {self.parts!r:.60}",
                hint="for example dk.schedules.warmup(0.1, 100) + dk.schedules.cosine(0.1).",
            )
        if any(part.watches for part in self.parts):
            raise InputError(
                "reduce_on_plateau cannot be a part of another schedule",
                hint="it goes from epoch to epoch by what it has seen.",
            )
        object.__setattr__(self, "rate", self.parts[0].rate)

    @property
    def is_formula(self) -> bool:  # type: ignore[override]
        """Whether the rates of many steps may be computed at once and in advance."""
        return all(part.is_formula for part in self.parts)


@dataclass(frozen=True)
class Product(_OfParts):
    """η(t) = Π ηᵢ(t)."""

    def formula(self, t: Any) -> Any:
        return math.prod(part(t) for part in self.parts)

    def for_steps(self, total: int, per_epoch: int | None = None) -> Schedule:
        return replace(self, parts=tuple(part.for_steps(total, per_epoch) for part in self.parts))

    @property
    def span(self) -> int | None:
        spans = [part.span for part in self.parts if part.span is not None]
        return max(spans, default=None)

    def trouble(self, total: int, per_epoch: int) -> str | None:
        return next(filter(None, (part.trouble(total, per_epoch) for part in self.parts)), None)


@dataclass(frozen=True)
class Chained(Product):
    """η(t) = η₀ Π (ηᵢ(t) / η₀): the factors of several schedules on one base rate."""

    def __post_init__(self) -> None:
        super().__post_init__()
        rates = {part.rate for part in self.parts}
        if len(rates) > 1:
            raise InputError(
                f"chained schedules share one base rate, not {sorted(rates)}",
                hint="give all the same first rate, or multiply them with *.",
            )

    def formula(self, t: Any) -> Any:
        return self.rate * math.prod(part(t) / self.rate for part in self.parts)


@dataclass(frozen=True)
class Sequential(_OfParts):
    """Each schedule in its turn, counting from 0 where it begins."""

    milestones: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        for milestone in self.milestones:
            check_count(milestone, "a milestone")
        rising = list(self.milestones) == sorted(set(self.milestones))
        if not rising or len(self.milestones) != len(self.parts) - 1:
            raise InputError(
                f"{len(self.parts)} schedules need {len(self.parts) - 1} rising milestones, "
                f"not {list(self.milestones)}",
                hint="a milestone is the update at which the next schedule begins.",
            )

    @property
    def starts(self) -> tuple[int, ...]:
        """The update at which each part begins."""
        return (0, *self.milestones)

    def formula(self, t: Any) -> Any:
        if hasattr(t, "bind_primitive"):
            return self._traced(t)
        steps = np.asarray(t, dtype=float)
        rates = np.empty(steps.shape)
        place = np.searchsorted(self.milestones, steps, side="right")
        for number, (part, start) in enumerate(zip(self.parts, self.starts, strict=True)):
            here = place == number
            if here.any():  # a part is never asked beyond its turn
                rates[here] = part(steps[here] - start)
        return rates[()]

    def _traced(self, t: Any) -> Any:
        found = self.parts[0](t)
        for part, start in zip(self.parts[1:], self.milestones, strict=True):
            found = np.where(t >= start, part(np.maximum(t - start, 0.0)), found)
        return found

    def for_steps(self, total: int, per_epoch: int | None = None) -> Schedule:
        ends = (*self.milestones, max(total, self.starts[-1] + 1))
        lengths = [end - start for start, end in zip(self.starts, ends, strict=True)]
        pairs = zip(self.parts, lengths, strict=True)
        return replace(self, parts=tuple(part.for_steps(n, per_epoch) for part, n in pairs))

    @property
    def span(self) -> int | None:
        last = self.parts[-1].span
        return None if last is None else self.starts[-1] + last

    def trouble(self, total: int, per_epoch: int) -> str | None:
        if self.starts[-1] >= total:
            return (
                f"the last of {len(self.parts)} schedules begins at update {self.starts[-1]}, "
                f"but the training has {total}"
            )
        return self.parts[-1].trouble(total - self.starts[-1], per_epoch)


def one_after_the_other(first: Schedule, then: Any) -> Schedule:
    """``first + then``.

    Raises
    ------
    InputError
        When the first one has no end.
    """
    if first.span is None:
        raise InputError(
            f"{first!r:.60} has no end, so nothing can follow it",
            hint="give it steps=…, or use sequential([a, b], milestones=[…]).",
        )
    begun = first if isinstance(first, Sequential) else Sequential((first,))
    return Sequential((*begun.parts, as_schedule(then)), (*begun.milestones, first.span))


@dataclass(frozen=True)
class PerEpoch(Schedule):
    """A schedule whose t counts epochs of so many updates."""

    rate: float = field(init=False, repr=False)
    inner: Schedule
    updates: int | None = None

    counts: ClassVar[str] = "epochs"

    def __post_init__(self) -> None:
        check_count(self.updates, "updates")
        object.__setattr__(self, "rate", self.inner.rate)

    @property
    def is_formula(self) -> bool:  # type: ignore[override]
        """Whether the rates of many steps may be computed at once and in advance."""
        return self.inner.is_formula

    def formula(self, t: Any) -> Any:
        if self.updates is None:
            raise InputError(
                "a schedule per epoch needs to know how many updates an epoch has",
                hint="write per_epoch(updates); dk.train fills it in by itself.",
            )
        return self.inner(np.floor(t / self.updates))

    def for_steps(self, total: int, per_epoch: int | None = None) -> Schedule:
        updates = self.updates or per_epoch or 1
        return PerEpoch(self.inner.for_steps(-(-total // updates), 1), updates)

    @property
    def span(self) -> int | None:
        epochs = self.inner.span
        return None if epochs is None or self.updates is None else epochs * self.updates

    def trouble(self, total: int, per_epoch: int) -> str | None:
        words = self.inner.trouble(-(-total // (self.updates or per_epoch)), 1)
        return words and words.replace("updates", "epochs")


@dataclass(frozen=True, repr=False)
class _ByFunction(Schedule):
    """A base rate and a factor that a function of the user's gives."""

    is_formula = False

    function: Callable[[Any], Any] = float

    def __post_init__(self) -> None:
        super().__post_init__()
        if not callable(self.function):
            raise InputError(
                f"{type(self).__name__.lower()} needs a function of the step, "
                f"not {self.function!r:.60}",
                hint="for example lambda t: 0.95**t; a number is a factor with *.",
            )

    def __repr__(self) -> str:
        name = getattr(self.function, "__name__", type(self.function).__name__)
        return f"{type(self).__name__}(rate={self.rate!r}, function={name})"

    def factor(self, t: float) -> float:
        """The function's value at a step, as a positive float.

        Raises
        ------
        InputError
            When it is anything else, or the function fails.
        """
        try:
            factor = self.function(t)
        except (TypeError, ArithmeticError) as error:
            raise InputError(
                f"the factor of the learning rate fails at step {t:g}: {error}",
                hint="it is a function of the step, which counts from 0.",
            ) from error
        return check_rate(factor, f"the factor of the learning rate at step {t:g}")


@dataclass(frozen=True, repr=False)
class Scaled(_ByFunction):
    """η(t) = η₀ λ(t)."""

    def trouble(self, total: int, per_epoch: int) -> str | None:
        return ends_at_nothing(self, total)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.factor(0)

    def formula(self, t: Any) -> Any:
        if hasattr(t, "bind_primitive"):
            return self.rate * self.function(t)
        steps = np.asarray(t)
        found = [self.rate * self.factor(step) for step in steps.ravel().tolist()]
        return np.reshape(found, steps.shape)[()]


@dataclass(frozen=True, repr=False)
class Multiplicative(_ByFunction):
    """η(t) = η(t − 1) λ(t), from η(0) = η₀."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.factor(1)
        object.__setattr__(self, "_known", [self.rate])

    def formula(self, t: Any) -> Any:
        if hasattr(t, "bind_primitive"):
            raise InputError(
                "multiplicative goes from step to step, so its step cannot be traced",
                hint="use scaled with a formula of the step.",
            )
        known: list[float] = self._known  # type: ignore[attr-defined]
        steps = np.asarray(t).astype(int)
        while len(known) <= steps.max(initial=0):
            known.append(known[-1] * self.factor(len(known)))
        return np.array(known)[steps]


def sequential(parts: Sequence[Schedule], milestones: Sequence[int]) -> Schedule:
    """Schedules in turn, each counting from 0 at its milestone (PyTorch's SequentialLR).

    ``a + b`` is the same where ``a`` has an end.

    >>> from diffkit.optim.schedules import constant, exponential
    >>> parts = [constant(1.0), exponential(0.5, 0.5)]
    >>> sequential(parts, milestones=[3])(np.arange(5)).tolist()
    [1.0, 1.0, 1.0, 0.5, 0.25]
    """
    return Sequential(tuple(map(as_schedule, parts)), tuple(milestones))


def chained(*parts: Schedule) -> Schedule:
    """The factors of several schedules on one base rate (PyTorch's ChainedScheduler).

    >>> from diffkit.optim.schedules import constant, exponential
    >>> both = chained(constant(0.1, 0.5, steps=2), exponential(0.1, 0.5))
    >>> both(np.arange(4)).round(6).tolist()
    [0.05, 0.025, 0.025, 0.0125]
    """
    return Chained(parts)


def scaled(rate: float, function: Callable[[Any], Any]) -> Schedule:
    """A base rate times a function of the step, η(t) = η₀ λ(t) (PyTorch's LambdaLR).

    Raises
    ------
    InputError
        When the function's value at a step is not a positive number.

    >>> scaled(0.1, lambda t: 0.5**t)(2)
    0.025
    """
    return Scaled(rate, function)


def multiplicative(rate: float, function: Callable[[Any], Any]) -> Schedule:
    """A rate multiplied at every step, η(t) = η(t − 1) λ(t) (PyTorch's MultiplicativeLR).

    Raises
    ------
    InputError
        When the function's value at a step is not a positive number, or the step is traced.

    >>> multiplicative(1.0, lambda t: t / (t + 1))(np.arange(4)).round(6).tolist()
    [1.0, 0.5, 0.333333, 0.25]
    """
    return Multiplicative(rate, function)
