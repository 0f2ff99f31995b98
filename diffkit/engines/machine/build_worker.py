"""A process that compiles kernels for another one: ``python -m …machine.build_worker``.

Jobs come in as lines of JSON, ``{"family": "reduce", "kernels": ["sum_f8", …]}``.  For each
kernel a line ``{"kernel": name}`` goes out, then ``{"bytes": n}`` and n bytes of object code, or
``{"error": message}``.  The process ends with its input, so it never outlives the one that
started it by more than a job.

Why processes: Numba compiles under one lock, so threads would wait for each other; and the CPU
that Numba compiles for is read once, from the environment, which is the worker's own.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, BinaryIO

from diffkit.engines.machine.building import build_objects
from diffkit.errors import DiffkitError

__all__ = ["main"]


def main() -> None:
    """Answer jobs until there are no more."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no reply

    def say(**message: Any) -> None:
        replies.write(json.dumps(message).encode() + b"\n")
        replies.flush()

    for line in sys.stdin:
        job = json.loads(line)
        try:
            content = build_objects(job["family"], job["kernels"], lambda name: say(kernel=name))
        except DiffkitError as error:
            say(error=error.message)
        else:
            say(bytes=len(content))
            _send(replies, content)


def _send(replies: BinaryIO, content: bytes) -> None:
    replies.write(content)
    replies.flush()


if __name__ == "__main__":
    main()
