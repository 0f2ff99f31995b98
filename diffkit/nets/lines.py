"""The user's line for everything a net does.

Equations remember the line that made them.  Inside a net that would be a line of diffkit's own;
what a reader looks for is the line that called the net, so all its equations and errors get

    source = the innermost line outside diffkit.

Reading on: ``capture/numpy_functions``, where NumPy's functions do the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from diffkit.capture.capturing import active_arena
from diffkit.capture.tracing import user_source
from diffkit.errors import DiffkitError
from diffkit.graph.sources import place_of

__all__ = ["users_line"]


@contextmanager
def users_line() -> Iterator[None]:
    """While a function is being captured, let equations and errors carry the caller's line.

    >>> with users_line():
    ...     pass
    """
    arena = active_arena()
    if arena is None or arena.source is not None:
        yield
        return
    arena.source = user_source()
    try:
        yield
    except DiffkitError as error:
        error.where = error.where or place_of(arena.source) or None
        raise
    finally:
        arena.source = None
