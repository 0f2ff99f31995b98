"""A cold machine warms up by itself, in the background and once.

A program with ``engine="auto"`` never waits for a compiler: the interpreter serves it.  Where it
finds the machine cold, it starts

    python -m diffkit warmup --background

as a process of its own, detached and at the lowest priority, so that the next program finds the
machine warm.  A marker file in the cache folder keeps every other program from starting it again;
after a day another attempt is made, should the first have been cut short.  ``DIFFKIT_WARMUP=0``
says no, and so does ``CI``, the variable that build servers set: nobody would come back for what
was built there.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from diffkit.engines.cache import SECONDS_PER_DAY
from diffkit.engines.machine import storing
from diffkit.engines.machine.fingerprint import fingerprint
from diffkit.engines.machine.kernels import FAMILIES

__all__ = ["is_wanted", "lower_priority", "marker_path", "warm_up_in_background"]

_NO = ("0", "no", "off", "false")
_LOWEST_PRIORITY = 19  # of nice(2)
_ASKED: list[Any] = []  # once per process, the process that was started


def marker_path() -> Path:
    """The file that says that a warm-up was begun, for these kernels on this computer."""
    return storing.folder() / f".begun-{fingerprint(FAMILIES[0])}"


def warm_up_in_background() -> bool:
    """Start a warm-up unless that was done already or is not wanted; whether it was started."""
    if _ASKED or not is_wanted():
        return False
    _ASKED.append(None)
    if not _mark():
        return False
    try:
        _ASKED[0] = _start()
    except (OSError, ValueError):
        return False
    return True


def is_wanted() -> bool:
    """Whether warming up unasked is allowed here, by ``DIFFKIT_WARMUP`` and ``CI``."""
    if getattr(sys, "frozen", False) or not sys.executable:  # no interpreter to start
        return False
    return os.environ.get("DIFFKIT_WARMUP", "").lower() not in _NO and not os.environ.get("CI")


def _mark() -> bool:
    """Leave the marker; False where it is there already, or cannot be written."""
    path = marker_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file() and time.time() - path.stat().st_mtime > SECONDS_PER_DAY:
            path.unlink()
        path.open("x").close()
    except OSError:
        return False
    return True


def _start() -> subprocess.Popen[bytes]:
    root = str(Path(__file__).parents[3])
    paths = os.pathsep.join([root, *(path for path in sys.path if path)])
    nothing, windows = subprocess.DEVNULL, sys.platform == "win32"
    process = subprocess.Popen(
        [sys.executable, "-P", "-W", "ignore", "-m", "diffkit", "warmup", "--background"],
        env=os.environ | {"PYTHONPATH": paths},
        cwd=storing.folder(),  # the user may remove the current one
        stdin=nothing,
        stdout=nothing,
        stderr=nothing,
        start_new_session=True,
        creationflags=getattr(subprocess, "DETACHED_PROCESS", 0) if windows else 0,
    )
    process.returncode = 0  # nobody waits for it
    return process


def lower_priority() -> None:
    """Let every other process of this computer go first."""
    with contextlib.suppress(OSError, AttributeError):  # Windows has no nice
        os.nice(_LOWEST_PRIORITY)
