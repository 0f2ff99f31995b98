"""A budget of seconds for what is measured: what was not reached says so, and the rest is kept.

    left = budget − seconds spent,      a run is refused where nothing is left

A report of a slow function is cut short, never silently: each part that is not there carries the
reason, in the same words everywhere.  Symbolic work has a budget of another kind, which stops it
from outside (``differentiate/budget.py``); here it is asked between runs.

Reading on: ``comparison/many_rows.py``, the budget of a row of many.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from time import perf_counter

from diffkit.errors import InputError

__all__ = ["INTERRUPTED", "OutOfTime", "Spending", "Watched"]

INTERRUPTED = "interrupted"


class OutOfTime(Exception):
    """Raised instead of a run for which no seconds are left."""


class Spending:
    """Seconds that may be spent from now on.

    Raises
    ------
    InputError
        If they are not positive.

    >>> spending = Spending(3600.0)
    >>> spending.reason() is None, spending.words
    (True, 'not reached within the budget of 3600 s')
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = checked(seconds)
        self.start = perf_counter()

    @property
    def left(self) -> float:
        """The seconds that are left; not positive where there are none."""
        return self.seconds - (perf_counter() - self.start)

    @property
    def words(self) -> str:
        """What is said of that which was not reached."""
        return not_reached(self.seconds)

    def reason(self, needed: float = 0.0) -> str | None:
        """Why there is no time for something of so many seconds; None where there is."""
        left = self.left
        if left <= 0:
            return self.words
        return f"{self.words}: it would take about {needed:.3g} s" if needed > left else None


class Watched:
    """A function of one number whose runs are timed, and refused when its seconds are used up.

    >>> square = Watched(lambda t: t * t, 10.0)
    >>> square(3.0), square.runs, square.affords(1)
    (9.0, 1, True)
    """

    def __init__(self, f: Callable[[float], float], seconds: float) -> None:
        self.f, self.seconds = f, checked(seconds)
        self.runs, self.spent, self.quickest = 0, 0.0, inf
        self.refusing = True

    def __call__(self, t: float) -> float:
        if self.refusing and self.spent >= self.seconds:
            raise OutOfTime
        start = perf_counter()
        try:
            return self.f(t)
        finally:
            took = perf_counter() - start
            self.runs, self.spent = self.runs + 1, self.spent + took
            self.quickest = min(self.quickest, took)

    def affords(self, runs: int) -> bool:
        """Whether so many more runs fit into what is left."""
        return not self.runs or self.spent + runs * self.quickest <= self.seconds


def checked(seconds: float) -> float:
    """The seconds of a budget, if they are some."""
    if not (isinstance(seconds, (int, float)) and seconds > 0):
        raise InputError(
            f"a budget of seconds is positive, not {seconds!r}", hint="e.g. budget_seconds=10."
        )
    return float(seconds)


def not_reached(seconds: float) -> str:
    """What is said of that which a budget did not reach."""
    return f"not reached within the budget of {seconds:g} s"
