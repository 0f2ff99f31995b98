"""SciPy's own functions beside ours: called on plain arrays, named when a traced one came in.

SciPy converts its arguments with ``np.asarray``; for a traced array that is an array of objects,
with which a few functions work and most fail, in words about objects that the user never made.
Which function of SciPy the user had called is read off the stack: it is the outermost one that
the package offers under its own name.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from types import FrameType, TracebackType
from typing import Any

import numpy as np

from diffkit.capture.tracing import is_traced_deep
from diffkit.errors import UnsupportedError

__all__ = ["OFFERED", "called_on_stack", "called_on_the_way", "like"]

# What dk.scipy has, by SciPy's name.
OFFERED: dict[str, Callable[..., Any]] = {}
_OURS = ("linalg", "special")


def like(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a composition one of dk.scipy's: plain arguments go to SciPy's function itself."""

    def enter(composition: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(composition)
        def either(*args: Any, **kwargs: Any) -> Any:
            if any(map(is_traced_deep, (*args, *kwargs.values()))):
                return composition(*args, **kwargs)
            module, _, function = name.rpartition(".")
            return getattr(import_module(module), function)(*args, **kwargs)

        OFFERED[name] = either
        return either

    return enter


def refused(name: str) -> UnsupportedError:
    """The error for one of SciPy's own functions that a traced array was given to.

    >>> print(refused("scipy.linalg.cho_solve"))
    scipy.linalg.cho_solve cannot be traced: it needs plain numbers
      hint: write dk.scipy.linalg.cho_solve, which takes the same arguments.
    """
    numpys = name.replace("scipy", "np", 1)
    if _is_offered(name):
        hint = f"write dk.{name}, which takes the same arguments."
    elif numpys.startswith("np.linalg.") and hasattr(np.linalg, numpys.rpartition(".")[2]):
        hint = f"write {numpys}."
    else:
        hint = "write it with functions of NumPy and dk.scipy, or compute it outside the function."
    return UnsupportedError(f"{name} cannot be traced: it needs plain numbers", hint=hint)


def _is_offered(name: str) -> bool:
    for part in _OURS:
        import_module(f"diffkit.capture.scipy_functions.{part}")
    return name in OFFERED


def _public_name(frame: FrameType) -> str | None:
    """``scipy.linalg.solve`` for a frame of that function; None for SciPy's inner ones."""
    module, name = frame.f_globals.get("__name__", ""), frame.f_code.co_name
    parts = str(module).split(".")
    if parts[0] != "scipy" or len(parts) < 2 or name.startswith("_"):
        return None
    package = sys.modules.get(".".join(parts[:2]))
    return f"{'.'.join(parts[:2])}.{name}" if hasattr(package, name) else None


def called_on_stack(*, replaced: bool = False) -> UnsupportedError | None:
    """The error for the function of SciPy that is running, or None if there is none.

    With ``replaced`` only functions count that dk.scipy has, since some others work on an array
    of objects, as ``scipy.linalg.toeplitz`` does.
    """
    frames: list[FrameType] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if module not in ("diffkit", "numpy", "scipy"):
            break
        frames.append(frame)
        frame = frame.f_back
    names = [name for name in map(_public_name, reversed(frames)) if name]
    if not names or (replaced and not _is_offered(names[0])):
        return None
    return refused(names[0])


def called_on_the_way(steps: Iterable[TracebackType]) -> UnsupportedError | None:
    """The error for the function of SciPy that a traceback leads through, or None."""
    names = [name for name in (_public_name(step.tb_frame) for step in steps) if name]
    return refused(names[0]) if names else None
