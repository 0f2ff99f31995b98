"""What a schedule is: a rate as a function of the step, as a value that can be combined.

    η(t),   t = 0, 1, 2, …  counts updates.

Call a schedule with a step, an array of steps or a traced step.  Where its length was left open,
``for_steps`` fills it in for a training; ``per_epoch`` makes the same schedule count epochs.
Schedules are added (one after the other) and multiplied (``diffkit/optim/combining.py``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar

import numpy as np

from diffkit.errors import InputError
from diffkit.graph.notebook import curve_svg, facts_html

__all__ = [
    "LONGER",
    "NOTHING",
    "Constant",
    "OfLength",
    "OfStep",
    "Rate",
    "Schedule",
    "as_schedule",
    "check_count",
    "check_rate",
    "check_share",
    "check_steps",
    "ends_at_nothing",
    "is_number",
]


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


def check_count(count: Any, name: str) -> None:
    """Refuse a count that is not a whole number of at least 1 (None is a count left open).

    Raises
    ------
    InputError
        Naming the setting.
    """
    whole = isinstance(count, (int, np.integer)) and not isinstance(count, bool)
    if count is not None and (not whole or count < 1):
        raise InputError(
            f"{name} must be a whole number of at least 1, not {count!r}",
            hint="count in updates; an epoch has one for each batch.",
        )


def check_share(share: Any, name: str) -> None:
    """Refuse a share that is not a number from 0 to 1.

    Raises
    ------
    InputError
        Naming the setting.
    """
    if not (is_number(share) and 0 <= share <= 1):
        raise InputError(f"{name} must be a number from 0 to 1, not {share!r}", hint="try 0.5.")


def check_steps(steps: Any) -> None:
    """Raise an InputError for anything but numbers from 0 on, the updates that have a rate."""
    try:
        if isinstance(steps, (int, float)):  # the one of a training loop, without an array
            fits = steps >= 0
        else:
            real = not isinstance(steps, str) and not np.iscomplexobj(steps)
            fits = real and bool(np.all(np.asarray(steps) >= 0))
    except (TypeError, ValueError):  # what NumPy cannot compare with a number
        fits = False
    if not fits:
        raise InputError(
            f"a schedule has no rate at step {steps!r:.60}",
            hint="give the number of an update, counted from 0, or an array of them.",
        )


SHOWN = 200  # updates of a schedule without an end, in a notebook


@dataclass(frozen=True)
class Schedule:
    """The base of all schedules: a callable of the step."""

    # Whether the rates of many steps may be computed at once and in advance: no user's function
    # is asked for them, and nothing that is measured.
    is_formula: ClassVar[bool] = True
    # Whether ``after`` looks at what the training has measured.
    watches: ClassVar[bool] = False
    # What t counts.
    counts: ClassVar[str] = "updates"

    rate: float

    def __post_init__(self) -> None:
        check_rate(self.rate)

    def __call__(self, step: Any) -> Any:
        """The rate at a step, or at an array of steps; a traced step gives a traced rate."""
        if hasattr(step, "bind_primitive"):
            return self.formula(step * 1.0)
        check_steps(step)
        steps = np.asarray(step)
        found = self.formula(steps.astype(float))
        return float(found) if steps.ndim == 0 else np.asarray(found) + np.zeros(steps.shape)

    def __add__(self, other: Any) -> Schedule:
        """This schedule, and the other one when it is over."""
        from diffkit.optim.combining import one_after_the_other

        if not callable(other):
            hint = "add another schedule, such as constant(0.01); * scales the rate."
            raise InputError(f"a schedule cannot be followed by {other!r:.60}", hint=hint)
        return one_after_the_other(self, other)

    def __radd__(self, other: Any) -> Schedule:
        raise InputError(
            f"a schedule cannot follow {other!r:.60}, which has no end",
            hint="begin with a schedule that has one, such as warmup(0.1, 10).",
        )

    def __mul__(self, other: Any) -> Schedule:
        """The product of the rates at every step."""
        from diffkit.optim.combining import Product

        return Product((self, as_schedule(other)))

    __rmul__ = __mul__

    def formula(self, t: Any) -> Any:
        """The rate at float steps, which every kind of schedule has to define.

        Raises
        ------
        InputError
            By a schedule that does not.
        """
        raise InputError(
            f"{type(self).__name__} is no schedule yet: it does not say its rate",
            hint="define formula(self, t), the rate at step t, or pass a function of the step.",
        )

    def _repr_html_(self) -> str:
        whole = self.for_steps(self.span or SHOWN)
        steps = np.arange(whole.span or SHOWN)
        curve = "" if self.watches else curve_svg(np.ravel(whole(steps)), "the rate over updates")
        facts = {field.name: getattr(self, field.name) for field in fields(self)}
        return facts_html(type(self).__name__, facts, picture=curve)

    def for_steps(self, total: int, per_epoch: int | None = None) -> Schedule:
        """The schedule for a training of ``total`` updates, where it was left open."""
        return self

    def per_epoch(self, updates: int | None = None) -> Schedule:
        """The same schedule with t in epochs of so many updates; ``dk.train`` knows how many."""
        from diffkit.optim.combining import PerEpoch

        return PerEpoch(self, updates)

    def after(self, history: Mapping[str, Any]) -> Schedule:
        """The schedule for the next epoch, given what was measured after those before."""
        return self

    @property
    def span(self) -> int | None:
        """The number of updates after which the schedule is over; None where it has no end."""
        return None

    @property
    def cycles_momentum(self) -> bool:
        """Whether the schedule also says what the momentum is."""
        return False

    def momentum_at(self, t: Any) -> Any:
        """The momentum at a step, or at an array of steps, where the schedule cycles it.

        Raises
        ------
        InputError
            Where it does not (``cycles_momentum``).
        """
        raise InputError(
            f"{type(self).__name__} does not cycle the momentum",
            hint="dk.schedules.one_cycle and cyclic can; ask cycles_momentum first.",
        )

    def trouble(self, total: int, per_epoch: int) -> str | None:
        """In words, why the units of t look mixed up in such a training; None where they do not."""
        return None


@dataclass(frozen=True)
class Constant(Schedule):
    """η(t) = η₀ f while t < T, then η₀; with f = 1 a rate that never changes."""

    factor: float = 1.0
    steps: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_rate(self.factor, "the factor")
        check_count(self.steps, "steps")
        if self.factor != 1.0 and self.steps is None:
            raise InputError(
                "a constant with a factor needs to know for how long",
                hint="give steps=…, after which the rate is η₀.",
            )

    def formula(self, t: Any) -> Any:
        if self.steps is None:
            return self.rate + 0.0 * t
        return np.where(t < self.steps, self.rate * self.factor, self.rate)[()]

    @property
    def span(self) -> int | None:
        return self.steps


@dataclass(frozen=True, repr=False)
class OfStep(Schedule):
    """η(t) = f(t) with a function of the user's own; every rate it gives is checked."""

    is_formula: ClassVar[bool] = False

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
        check_steps(step)
        steps = np.asarray(step)
        rates = np.array([self.at(t) for t in steps.ravel().tolist()], dtype=float)
        return float(rates[0]) if steps.ndim == 0 else rates.reshape(steps.shape)

    def formula(self, t: Any) -> Any:
        return self.function(t)

    def trouble(self, total: int, per_epoch: int) -> str | None:
        return ends_at_nothing(self, total)

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
class OfLength(Schedule):
    """A schedule that spans the whole training, or ``steps`` updates of it."""

    # Whether the rate is low at the end, so that a training should not go on much longer.
    settles: ClassVar[bool] = True

    steps: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count(self.steps, "steps")

    def for_steps(self, total: int, per_epoch: int | None = None) -> Schedule:
        return self if self.steps is not None else replace(self, steps=max(1, total))

    @property
    def span(self) -> int | None:
        return self.steps

    @property
    def maker(self) -> str:
        """The name of the function that makes such a schedule."""
        return WORDS.sub("_", type(self).__name__).lower()

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
                f"{self.maker} needs to know how many updates there will be",
                hint="give steps=…; dk.train fills it in by itself.",
            )
        return self.steps

    def trouble(self, total: int, per_epoch: int) -> str | None:
        name, length = self.maker, self.length
        if length > LONGER * total:
            return f"{name}(steps={length}) is not over when the training of {total} updates ends"
        if self.settles and LONGER * length < total:
            return f"{name}(steps={length}) is over long before the training of {total} updates"
        if length < total and float(self(length)) == 0:
            return f"{name}(steps={length}) leaves the rate 0 to the last {total - length} updates"
        return None


def ends_at_nothing(schedule: Schedule, total: int) -> str | None:
    """In words, that a function of the user's falls to nothing, as one of epochs given updates."""
    try:
        share = schedule(total - 1) / schedule(0)
    except (
        Exception
    ):  # a user's function may fail in any way; the training will say, if it gets there
        return None
    if share >= NOTHING:
        return None
    name = getattr(schedule, "function", schedule)
    return f"{getattr(name, '__name__', name)} ends at {share:.0e} of its first rate"


# A rate that falls below this share of its start no longer moves a float64 weight in practice.
NOTHING = 1e-9
# Where a class's name has another word: OneCycle is made by one_cycle.
WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])")
# A schedule this many times longer or shorter than its training was meant for another unit.
LONGER = 2

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
