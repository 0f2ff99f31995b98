"""What a request may cost: sizes, seconds and rates, and how each of them is kept.

A page that is left open must not become a way to fill the memory or to keep the processor busy, so
everything that comes from outside has a bound, and what is beyond it gets a sentence and a status:

    413  too large      429  too many      408  took too long      503  too much is waiting

Numbers are computed in a thread, which cannot be killed; an alarm raises inside it when its seconds
are over (``differentiate/budget.py``), and what a C library would do in one go is kept small
beforehand.  SymPy works in a process of its own, which can be killed (``sympy_process.py``).

Reading on: Tanenbaum & Wetherall 2011, *Computer Networks*, section 5.4.2, for the token bucket.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from time import monotonic
from typing import Generic, TypeVar

from diffkit.differentiate.budget import Budget
from diffkit.errors import BudgetError, DiffkitError

__all__ = [
    "MAX_BODY", "MAX_TEXT", "NUMERIC_SECONDS", "SYMBOLIC_SECONDS", "Lately", "Refusal",
    "TokenBucket", "TooSlow", "within",
]  # fmt: skip

MAX_BODY = 64 * 1024
"""Bytes of a request's body."""

MAX_TEXT = 4_000
"""Characters of an expression that a page may send."""

MAX_VARIABLES = 100
MAX_OPERATIONS = 2_000
"""Equations of an expression; one of these sizes is answered within the seconds."""

NUMERIC_SECONDS = 3.0
"""Seconds that numbers may take; slower ones are refused."""

SYMBOLIC_SECONDS = 5.0
"""Seconds that SymPy may take before it gives up by itself."""

REQUESTS_PER_SECOND = 300.0
"""A slider moves sixty times a second, with three questions each."""

BURST = 600.0

MOST_WAITING = 64
"""Questions that wait for their turn; more are turned away."""

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
Result = TypeVar("Result")


class Refusal(Exception):
    """A request that is not answered: its status, why, and what to do.

    >>> Refusal(429, "too many requests", "wait a second.").status
    429
    """

    def __init__(self, status: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.hint = status, message, hint


class TooSlow(BudgetError):
    """Numbers that were not there within their seconds."""


class TokenBucket:
    """So many requests per second, and a few more at once.

    >>> bucket = TokenBucket(rate=1.0, burst=2.0, clock=lambda: 0.0)
    >>> [bucket.take() for _ in range(3)]
    [True, True, False]
    """

    def __init__(
        self,
        rate: float = REQUESTS_PER_SECOND,
        burst: float = BURST,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self.rate, self.burst, self.clock = rate, burst, clock
        self.tokens, self.last = burst, clock()

    def take(self) -> bool:
        """Take a token if there is one."""
        now = self.clock()
        self.tokens = min(self.burst, self.tokens + (now - self.last) * self.rate)
        self.last = now
        if self.tokens < 1.0:
            return False
        self.tokens -= 1.0
        return True


class Lately(Generic[Key, Value]):
    """The values that were made lately: the one that was not asked for longest goes first.

    >>> squares = Lately(lambda x: x * x, most=2)
    >>> [squares(x) for x in (1, 2, 3, 1)], len(squares)
    ([1, 4, 9, 1], 2)
    """

    def __init__(self, make: Callable[[Key], Value], most: int) -> None:
        self.make, self.most = make, most
        self.kept: OrderedDict[Key, Value] = OrderedDict()

    def __call__(self, key: Key) -> Value:
        if key in self.kept:
            self.kept.move_to_end(key)
            return self.kept[key]
        value = self.kept[key] = self.make(key)
        while len(self.kept) > self.most:
            self.kept.popitem(last=False)
        return value

    def __len__(self) -> int:
        return len(self.kept)


def within(seconds: float, work: Callable[[], Result]) -> Result:
    """The result of ``work()``, interrupted when its seconds are over.

    Raises
    ------
    TooSlow
        When they are, or when it nests too deep or takes more memory than there is.

    >>> within(5.0, lambda: 6 * 7)
    42
    """
    own: list[DiffkitError] = []

    def told() -> Result | None:
        try:
            return work()
        except DiffkitError as error:
            own.append(error)
        return None

    try:
        found = Budget(seconds=seconds).run(told)
    except BudgetError:
        raise TooSlow(
            f"this takes longer than {seconds:g} s here, or more memory than it may",
            hint="simplify it, or ask diffkit from Python, which waits.",
        ) from None
    if own:
        raise own[0]
    return found  # pyright: ignore[reportReturnType]
