"""A budget of operations and seconds, so that symbolic work gives up and never hangs.

Operations are estimated before the work starts.  Time is harder: a single call into SymPy may
take minutes, and SymPy has no hook to stop it.  So the clock is watched by a second thread,
which at the deadline raises an exception inside the working thread (CPython's
``PyThreadState_SetAsyncExc``; it is delivered at the next bytecode, and SymPy is bytecode).
The exception derives from BaseException, so that no ``except Exception`` on the way holds it.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from diffkit.errors import BudgetError, InputError

__all__ = ["OPERATIONS", "SECONDS", "Budget"]

OPERATIONS = 50_000
"""Operations of formulas to differentiate; SymPy was seen to take 0.1 to 0.5 ms for each."""

SECONDS = 10.0
"""Seconds that one symbolic derivative may take."""

Result = TypeVar("Result")


class _DeadlinePassed(BaseException):
    """Raised inside the working thread when its time is up."""


class Budget:
    """How many operations and seconds a piece of symbolic work may use.

    Raises
    ------
    InputError
        If a limit is not positive.

    >>> budget = Budget(operations=10)
    >>> budget.spend(5)
    >>> budget.spend(50)
    Traceback (most recent call last):
    diffkit.errors.BudgetError: symbolic gave up at 50 operations (budget 10)
      hint: raise budget_operations, or use method="reverse".
    """

    def __init__(self, operations: int = OPERATIONS, seconds: float = SECONDS) -> None:
        if not operations > 0 or not seconds > 0:
            raise InputError("a budget is positive", hint="e.g. budget_operations=50_000.")
        self.operations = operations
        self.seconds = seconds

    def spend(self, operations: int) -> None:
        """Give up when so many operations are more than the budget."""
        if operations > self.operations:
            raise BudgetError(
                f"symbolic gave up at {_shown(operations)} operations (budget {self.operations:,})",
                hint='raise budget_operations, or use method="reverse".',
            )

    def run(self, work: Callable[[], Result]) -> Result:
        """The result of ``work()``, given up when the seconds are used.

        Raises
        ------
        BudgetError
            When time runs out, or the formulas are too deep or too large for memory.
        """
        finished, lock = threading.Event(), threading.Lock()
        worker = threading.get_ident()

        def watch() -> None:
            if finished.wait(self.seconds):
                return
            with lock:
                if not finished.is_set():
                    _raise_in(worker, _DeadlinePassed)

        watcher = threading.Thread(target=watch, name="diffkit-deadline", daemon=True)
        started = time.monotonic()
        try:
            try:
                watcher.start()
                return work()
            finally:
                with lock:  # after this, the watcher can raise no more
                    finished.set()
        except _DeadlinePassed:
            spent = time.monotonic() - started
            raise BudgetError(
                f"symbolic gave up after {spent:.1f} s (budget {self.seconds:g} s)",
                hint='raise budget_seconds, or use method="reverse".',
            ) from None
        except (RecursionError, MemoryError):
            raise BudgetError(
                "symbolic gave up: the formula is too deep for SymPy, whose walks are recursive",
                hint='use method="reverse", whose walks are iterative.',
            ) from None


def _raise_in(thread: int, exception: type[BaseException]) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(exception))


def _shown(count: int) -> str:
    """A count that may have hundreds of digits."""
    text = f"{count:,}"
    return text if len(text) <= len("1,000,000,000,000") else f"10^{len(str(count)) - 1}"
