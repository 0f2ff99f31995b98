"""Who computes: one thread for numbers, one process for SymPy, each with a queue in front.

    request ── asks ──> queue ──> thread: numbers, within their seconds
                    └─> queue ──> thread ──> process: SymPy, killed when it goes too far

Numbers have one thread, since the many-digit truth sets one precision for the process, and Python
would not run two at once anyway.  What a slider waits for goes before what may take longer.  A page
that has stopped waiting (it asks anew at every key) is forgotten while it queues.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from itertools import count
from queue import PriorityQueue
from typing import Any

import numpy as np

from diffkit.explorer.limits import MOST_WAITING, NUMERIC_SECONDS, Refusal, TooSlow, within
from diffkit.lazy import mp

__all__ = ["FIRST", "LATER", "NOW", "Lane", "Numbers"]

DOUBLE_DIGITS = 15  # mpmath's own default

FIRST, NOW, LATER = 0, 1, 2

BUSY = "this, or what came before it, takes long and cannot be interrupted"


class Lane:
    """A thread with a queue; the most urgent question first, else the first."""

    patience = 60.0  # seconds until whoever asks is told to give up

    def __init__(self, name: str) -> None:
        self.waiting: PriorityQueue[tuple[int, int, Future[Any], Any]] = PriorityQueue()
        self.numbers = count()
        self.answering: Future[Any] | None = None
        self.changing = threading.Lock()  # held while ``answering`` changes
        self.closed = False
        self.thread = threading.Thread(target=self._answer_all, name=name, daemon=True)
        self.thread.start()

    async def ask(self, question: Any, urgency: int = NOW) -> Any:
        """The answer to a question; if the asker is cancelled, it is not answered.

        Raises
        ------
        Refusal
            When too many are waiting already.
        """
        if self.closed:
            raise ended()
        if self.waiting.qsize() >= MOST_WAITING:
            raise Refusal(503, "too many questions are waiting", "try again in a second.")
        future = self.put(question, urgency)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self.patience)
        except TimeoutError:
            self.forget(future)
            raise Refusal(503, BUSY, "simplify it, or start again.") from None
        except asyncio.CancelledError:
            self.forget(future)
            raise

    def put(self, question: Any, urgency: int = NOW) -> Future[Any]:
        """Queue a question; its answer is the future's."""
        future: Future[Any] = Future()
        self.waiting.put((urgency, next(self.numbers), future, question))
        return future

    def forget(self, future: Future[Any]) -> None:
        """Nobody waits for this answer any more."""
        future.cancel()

    def answer(self, question: Any) -> Any:
        """The answer, in the lane's thread."""
        raise NotImplementedError

    def close(self) -> None:
        """End the thread after what it is at; whoever waits is told now.  May be repeated."""
        self.closed = True
        with self.changing:
            if self.answering is not None:
                _settle(self.answering, error=ended())
        self.waiting.put((-1, next(self.numbers), Future(), None))

    def left(self) -> None:
        """What is left to do in the thread when it ends."""

    def _answer_all(self) -> None:
        while True:
            _, _, future, question = self.waiting.get()
            if question is None:
                break
            if not future.set_running_or_notify_cancel():
                continue
            with self.changing:
                self.answering = future
            try:
                found = self.answer(question)
            except Exception as error:
                _settle(future, error=error)
            except BaseException as error:  # sys.exit() in here would end the server
                _settle(future, error=RuntimeError(repr(error)))
            else:
                _settle(future, found)
            with self.changing:
                self.answering = None
            del future, question
        while not self.waiting.empty():
            _settle(self.waiting.get()[2], error=ended())
        self.left()


def ended() -> Refusal:
    """What whoever still waits is told when the explorer ends."""
    return Refusal(503, "the explorer is ending", "start it again: diffkit explore.")


def _settle(future: Future[Any], found: Any = None, error: BaseException | None = None) -> None:
    """Give a future its answer, unless it has one, or nobody waits for it."""
    with contextlib.suppress(InvalidStateError):
        if error is None:
            future.set_result(found)
        else:
            future.set_exception(error)


class Numbers(Lane):
    """The thread of numbers: a question is a function without arguments."""

    patience = 15.0

    def __init__(self, seconds: float = NUMERIC_SECONDS) -> None:
        self.seconds = seconds
        super().__init__("diffkit-numbers")

    def answer(self, question: Callable[[], Any]) -> Any:
        """What the function returns within its seconds; NaN and infinities are no news here."""
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                return within(self.seconds, question)
            except TooSlow:
                mp.mp.dps = DOUBLE_DIGITS  # where the interruption fell, it may have been higher
                raise
