"""SymPy in a process of its own: it may take seconds and memory, and it can be killed.

A formula can grow without end (nested powers, gamma functions of large numbers), and no limit
within Python stops a multiplication of numbers with millions of digits.  So SymPy runs beside the
server, a question at a time, as a line of JSON in and a line out.  It has three limits:

    its own seconds         it gives up by itself, and goes on with the next question
    the server's seconds    it is killed, and a new one is started
    its address space       it runs out of memory, says so, and is replaced

Reading on: ``worker.py`` is what runs there; POSIX ``setrlimit``.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from time import monotonic, sleep
from typing import Any

from diffkit.explorer.lanes import Lane, ended
from diffkit.explorer.limits import SYMBOLIC_SECONDS, Refusal

__all__ = ["SymPyProcess"]

GRACE_SECONDS = 2.0
"""What SymPy gets beyond its own seconds before it is killed: to import, and to print."""

START_SECONDS = 30.0
"""What importing SymPy may take at the first question, on a slow computer."""

QUESTIONS = 500
"""After so many questions a fresh process takes over, so that caches do not grow for ever."""

AGAIN_SECONDS = 0.05
"""Between two interruptions."""

CLOSING_SECONDS = 1.0
"""How long the end waits until the process is gone."""

WORKER = ("-m", "diffkit.explorer.worker")

GAVE_UP = "SymPy gave up after {:g} s"
DIED = "SymPy's process ended before it answered"
HINT = "the numbers do not need the formula; a smaller expression has one."


class SymPyProcess(Lane):
    """The lane in front of the process; a question is ``(what, body)``."""

    def __init__(self, words: Sequence[str] = WORKER, seconds: float = SYMBOLIC_SECONDS) -> None:
        self.words, self.seconds = [sys.executable, *words], seconds
        self.process: subprocess.Popen[str] | None = None
        self.asked = 0
        self.started = 0
        super().__init__("diffkit-sympy")

    def answer(self, question: tuple[str, Any]) -> Any:
        """The answer of the process.

        Raises
        ------
        Refusal
            With the status and the words of the process, or when it had to be killed.
        """
        if self.process is None or self.process.poll() is not None or self.asked >= QUESTIONS:
            self._start()
        what, body = question
        limit = self.seconds + GRACE_SECONDS + (START_SECONDS if self.asked == 0 else 0.0)
        self.asked += 1
        began = monotonic()
        line = self._exchanged({"what": what, "body": body, "seconds": self.seconds}, limit)
        if not line:
            self._end()
            if monotonic() - began < limit:  # it was not the bell: somebody else killed it
                raise Refusal(408, DIED, "ask again; a new one is started.")
            raise Refusal(408, GAVE_UP.format(self.seconds), HINT)
        found = json.loads(line)
        if found.get("exhausted"):
            self._end()
        if "error" in found:
            raise WorkerRefusal(found)
        return found["answer"]

    def forget(self, future: Future[Any]) -> None:
        """Interrupt the process if it is at this question, so that the next is not kept waiting."""
        super().forget(future)
        if future is self.answering:
            threading.Thread(target=self._interrupt, args=(future,), daemon=True).start()

    def _interrupt(self, future: Future[Any]) -> None:
        """Interrupt until the question is given up: the first signal may come before it does."""
        while self._interrupted(future):
            sleep(AGAIN_SECONDS)

    def _interrupted(self, future: Future[Any]) -> bool:
        """Send the signal while the question is at hand; whether it was."""
        with self.changing:
            process = self.process
            if future is not self.answering or process is None or process.poll() is not None:
                return False
            if self.asked < 2:  # it may not listen to signals yet: its first question is short
                return True
            if os.name == "posix":
                process.send_signal(signal.SIGINT)
            else:
                process.kill()
            return True

    @property
    def pid(self) -> int | None:
        """The process's number; None while there is none."""
        return None if self.process is None else self.process.pid

    def close(self) -> None:
        """Kill the process and end the thread."""
        super().close()
        process = self.process
        if process is not None:
            process.kill()
        if self.thread is not threading.current_thread():
            self.thread.join(CLOSING_SECONDS)

    def left(self) -> None:
        """End the process with the lane."""
        self._end()

    def _start(self) -> None:
        self._end()
        # the process computes one thing at a time, and threads would take address space
        environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "DIFFKIT_WARMUP": "0"}
        self.process = subprocess.Popen(
            self.words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment,
            encoding="utf-8", start_new_session=True,
        )  # fmt: skip
        self.asked, self.started = 0, self.started + 1
        if self.closed:
            self._end()
            raise ended()

    def _exchanged(self, question: dict[str, Any], limit: float) -> str:
        """A line in, a line out; empty when the process died or had to be killed."""
        process = self.process
        assert process is not None and process.stdin is not None and process.stdout is not None
        bell = threading.Timer(limit, process.kill)
        bell.daemon = True
        bell.start()
        try:
            process.stdin.write(json.dumps(question) + "\n")
            process.stdin.flush()
            return process.stdout.readline()
        except OSError:
            return ""
        finally:
            bell.cancel()

    def _end(self) -> None:
        process, self.process = self.process, None
        if process is None:
            return
        process.kill()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:  # what was not written yet has nowhere to go
                    continue
        process.wait()


class WorkerRefusal(Refusal):
    """What the process says instead of an answer, with its position in the text."""

    def __init__(self, found: dict[str, Any]) -> None:
        super().__init__(found["status"], found["error"], found.get("hint") or "")
        self.position: int | None = found.get("position")
