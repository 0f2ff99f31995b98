"""A budget of operations and seconds, so that symbolic work gives up and never hangs.

Operations are estimated before the work starts.  Time is harder: a single call into SymPy may
take minutes, and SymPy has no hook to stop it.  So a second thread watches the clock, and at
the deadline it raises an exception inside the working thread (CPython's
``PyThreadState_SetAsyncExc``; it is delivered between bytecodes, and SymPy is bytecode).

Note [Deadlines].  The exception derives from BaseException, so that no ``except Exception`` on
the way holds it; Python still swallows exceptions inside finalizers, so it is raised again and
again until the worker has stopped, and what a finalizer swallowed is not reported.  The worker
may be interrupted anywhere, also while it stops the clock, so stopping can be repeated and
holds no lock that an interruption could leave locked.

Note [Imports].  Work may be the first to need SymPy, whose import takes seconds from a slow disk.
An import that is cut short leaves a package without its parts, for all that comes later in the
process (``module 'sympy' has no attribute 'core'``).  So the deadline waits until the worker is in
no import, and starts anew when it fell into one: what was imported is not this work's alone.
Imports around the work do not count: a module may derive something while it is imported itself.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from diffkit.errors import BudgetError, InputError

__all__ = ["OPERATIONS", "SECONDS", "Budget"]

OPERATIONS = 50_000
"""Operations of formulas to differentiate; SymPy was seen to take 0.1 to 0.5 ms for each."""

SECONDS = 10.0
"""Seconds that one symbolic derivative may take."""

INTERRUPT_AGAIN = 0.05
"""Seconds between interruptions; one of them may fall into a finalizer."""

IMPORTING = "<frozen importlib._bootstrap>"
"""The file that the frames of an import in progress say they are of."""

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
        alarm = _Alarm(self.seconds)
        try:
            try:
                alarm.watcher.start()
                return work()
            finally:
                alarm.stop()
        except _DeadlinePassed:
            alarm.stop()  # the first attempt may have been interrupted
            raise BudgetError(
                f"symbolic gave up after {self.seconds:g} s (the budget of seconds)",
                hint='raise budget_seconds, or use method="reverse".',
            ) from None
        except (RecursionError, MemoryError):
            raise BudgetError(
                "symbolic gave up: the formula is too deep for SymPy, whose walks are recursive",
                hint='use method="reverse", whose walks are iterative.',
            ) from None


class _Alarm:
    """Raises in the thread that made it once its seconds are over; see Note [Deadlines]."""

    def __init__(self, seconds: float) -> None:
        self.seconds = min(seconds, threading.TIMEOUT_MAX)
        self.worker = threading.get_ident()
        self.watcher = threading.Thread(target=self.watch, name="diffkit-deadline", daemon=True)
        self.bell = threading.Lock()
        self.bell.acquire()  # released to wake the watcher
        self.fired = self.stopped = False
        self.report = sys.unraisablehook

    def watch(self) -> None:
        """Wait for the bell; when it does not ring in time, interrupt the worker until it does."""
        if self._rings(self.seconds):
            return
        if _is_importing(self.worker):
            while _is_importing(self.worker):
                if self._rings(INTERRUPT_AGAIN):
                    return
            if self._rings(self.seconds):
                return
        self.fired = True
        self.report, sys.unraisablehook = sys.unraisablehook, self.unraisable
        while not self.stopped:
            if not _is_importing(self.worker):
                _raise_in(self.worker, _DeadlinePassed)
            if self._rings(INTERRUPT_AGAIN):
                break
        if sys.unraisablehook == self.unraisable:
            sys.unraisablehook = self.report

    def _rings(self, seconds: float) -> bool:
        return self.bell.acquire(timeout=seconds)

    def unraisable(self, swallowed: Any) -> None:
        """Report what a finalizer swallowed, unless it is our own interruption."""
        if swallowed.exc_type is not _DeadlinePassed:
            self.report(swallowed)

    def stop(self) -> None:
        """End the watch; afterwards no exception is on its way.  May be repeated."""
        self.stopped = True
        if self.bell.locked():
            self.bell.release()
        if self.fired:
            self.watcher.join()
            _raise_in(self.worker, None)


def _is_importing(thread: int) -> bool:
    """Whether what a thread does within a budget is an import; see Note [Imports]."""
    frame = sys._current_frames().get(thread)
    while frame is not None and frame.f_code is not Budget.run.__code__:
        if frame.f_code.co_filename == IMPORTING:
            return True
        frame = frame.f_back
    return False


def _raise_in(thread: int, exception: type[BaseException] | None) -> None:
    """Raise in another thread, or (None) take back what was not yet delivered."""
    raised = None if exception is None else ctypes.py_object(exception)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), raised)


def _shown(count: int) -> str:
    """A count that may have hundreds of digits."""
    text = f"{count:,}"
    return text if len(text) <= len("1,000,000,000,000") else f"10^{len(str(count)) - 1}"
