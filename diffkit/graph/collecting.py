"""Work that makes many small objects, with Python's garbage collector paused.

A graph of 10⁵ operations is as many tuples, all of which stay alive.  The cyclic collector would
walk over them again and again as their number grows, for a third of the time, and find nothing:
they hold no cycles.  Reading on: the ``gc`` module, "generational collection".
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collector_paused"]


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause the garbage collector, also as a decorator; nested uses do no harm.

    >>> with collector_paused():
    ...     gc.isenabled()
    False
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
