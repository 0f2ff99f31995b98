"""One process builds, the others wait: a lock that the operating system holds.

The lock belongs to an open file and vanishes with the process, however that ends; so a lock file
that lies around is never stale, and nothing has to guess whether its owner is alive.  A process
that hangs with the lock in its hands costs the others their patience, no more: then they go on
without it, which is right, only slower (each writes whole files and the last one wins).

Reading on: ``flock(2)``; on Windows, ``msvcrt.locking``.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["exclusive"]

_STEP = 0.05  # seconds between two attempts


@contextlib.contextmanager
def exclusive(path: Path, patience: float) -> Iterator[bool]:
    """Hold the lock of a file; False where it could not be had within ``patience`` seconds."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    except OSError:
        yield False
        return
    with file:
        yield _taken(file, patience)  # closing the file gives the lock back


def _taken(file: Any, patience: float) -> bool:
    end = time.monotonic() + patience
    while True:
        try:
            _lock(file.fileno())
        except BlockingIOError:  # someone else has it
            if time.monotonic() >= end:
                return False
            time.sleep(_STEP)
        except OSError:  # a file system without locks
            return False
        else:
            return True


def _lock(handle: int) -> None:
    try:
        import fcntl
    except ImportError:
        _lock_on_windows(handle)
    else:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _lock_on_windows(handle: int) -> None:
    import msvcrt

    functions: Any = msvcrt
    try:
        functions.locking(handle, functions.LK_NBLCK, 1)
    except PermissionError as error:  # what Windows says when another process has it
        raise BlockingIOError from error
