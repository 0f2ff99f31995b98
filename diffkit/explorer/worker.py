"""What runs in SymPy's process: derivatives as formulas, and how large they are.

Questions come as lines of JSON and are answered as lines of JSON; text goes through ``dk.parse``,
here as in the server.  A signal interrupts the question that is being answered, the end of the
input ends the process.

Reading on: ``sympy_process.py`` is the other end.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import nullcontext
from importlib import import_module
from typing import Any, TextIO

from diffkit.errors import BudgetError
from diffkit.explorer import api_formulas
from diffkit.explorer.answers import told
from diffkit.explorer.expressions import Own

__all__ = ["ADDRESS_SPACE", "answered", "main", "serve"]

ADDRESS_SPACE = 2 << 30
"""Bytes that the process may map; SymPy, NumPy and LLVM take a quarter of them at the start."""

Question = Callable[[Any, Own | None, float], Any]
QUESTIONS: dict[str, Question] = {
    "compare": api_formulas.compare,
    "derive": api_formulas.derive,
    "swell": api_formulas.swell,
}


class Interrupted(BaseException):
    """Raised when nobody waits for the answer any more."""


class _Attention:
    """Whether a question is being answered: only then does the signal mean anything."""

    busy = False

    def heard(self, number: int, frame: Any) -> None:
        """Give the question up."""
        if self.busy:
            raise Interrupted


def limit_memory() -> None:
    """Bound the address space, where the system can."""
    try:
        import resource
    except ImportError:  # Windows: the server's seconds are the limit
        return
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    wanted = ADDRESS_SPACE if most == resource.RLIM_INFINITY else min(ADDRESS_SPACE, most)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, most))


def answered(question: dict[str, Any], own: Own | None) -> dict[str, Any]:
    """The answer to a question, or why there is none.

    >>> answered({"what": "derive", "body": {"text": "x**2"}, "seconds": 5.0}, None)["answer"]
    {'derivative': {'x': '2*x'}, 'latex': {'x': '2 x'}}
    """
    try:
        work = QUESTIONS[question["what"]]
        with own.telling() if own is not None else nullcontext():
            return {"answer": work(question["body"], own, question["seconds"])}
    except Exception as error:
        status, document = told(error)
        memory = isinstance(error, MemoryError) or "too deep for SymPy" in str(error)
        exhausted = isinstance(error, BudgetError | MemoryError) and memory
        return {"status": status, "exhausted": exhausted, **document}


def main(questions: TextIO, answers: TextIO, own: Own | None = None) -> None:
    """Answer until the input ends."""
    attention = _Attention()
    signal.signal(signal.SIGINT, attention.heard)
    for line in questions:
        try:
            attention.busy = True
            found = answered(json.loads(line), own)
            attention.busy = False
        except Interrupted:
            attention.busy = False
            found = {"status": 499, "error": "interrupted"}
        answers.write(json.dumps(found, allow_nan=False) + "\n")
        answers.flush()


def serve(own: Own | None = None) -> None:
    """Answer the questions of standard input, in bounded memory."""
    limit_memory()
    import_module("sympy")  # before the first question, whose seconds are its own
    output, sys.stdout = sys.stdout, sys.stderr  # what a user's function prints is no answer
    try:
        main(sys.stdin, output, own)
    except BrokenPipeError:  # the server has gone: nobody reads, and nothing is left to write
        os._exit(0)


if __name__ == "__main__":
    serve()
