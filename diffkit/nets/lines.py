"""The user's line for everything a net does.

Equations remember the line that made them.  Inside a net that would be a line of diffkit's own;
what a reader looks for is the line that called the net, so all its equations and errors get

    source = the innermost line outside diffkit.

Reading on: ``capture/numpy_functions``, where NumPy's functions do the same.
"""

from __future__ import annotations

from types import TracebackType

from diffkit.capture.capturing import active_arena
from diffkit.capture.tracing import user_source
from diffkit.errors import DiffkitError
from diffkit.graph.sources import place_of

__all__ = ["users_line"]


class users_line:
    """While a function is being captured, let equations and errors carry the caller's line.

    A class and not a generator, whose frames in ``contextlib`` would count as the user's.

    >>> with users_line():
    ...     pass
    """

    def __enter__(self) -> None:
        arena = active_arena()
        self.arena = arena if arena is not None and arena.source is None else None
        if self.arena is not None:
            self.arena.source = user_source()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.arena is None:
            return
        if isinstance(error, DiffkitError):
            error.where = error.where or place_of(self.arena.source) or None
        self.arena.source = None
