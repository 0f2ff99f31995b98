"""Sharing memory: offsets in one flat workspace for values that come and go.

Free places are given out best fit first and joined with their free neighbours when they come
back (Knuth 1997, *The Art of Computer Programming* 1, section 2.5), on boundaries of a cache
line.  The planner (``engines/plan.py``) and the machine lay out their values with it.
"""

from __future__ import annotations

from bisect import insort

__all__ = ["ALIGNMENT", "Workspace", "aligned"]

# A cache line of today's processors, in bytes.
ALIGNMENT = 64


def aligned(nbytes: int) -> int:
    """A size rounded up to whole cache lines.

    >>> aligned(1), aligned(64), aligned(0)
    (64, 64, 0)
    """
    return -(-nbytes // ALIGNMENT) * ALIGNMENT


class Workspace:
    """Places of one flat memory; ``end`` are the bytes it needs.

    >>> workspace = Workspace()
    >>> first, second = workspace.allocate(100), workspace.allocate(8)
    >>> workspace.release(first, 100)
    >>> first, second, workspace.allocate(64), workspace.end
    (0, 128, 0, 192)
    """

    def __init__(self) -> None:
        self.free: list[tuple[int, int]] = []  # (size, offset), smallest first
        self.end = 0

    def allocate(self, nbytes: int) -> int:
        """The offset of a place of at least this size."""
        wanted = aligned(nbytes)
        for place, (size, offset) in enumerate(self.free):
            if size >= wanted:
                del self.free[place]
                if size > wanted:
                    insort(self.free, (size - wanted, offset + wanted))
                return offset
        # a free place may touch the end: grow it instead of starting after it
        for place, (size, offset) in enumerate(self.free):
            if offset + size == self.end:
                del self.free[place]
                self.end = offset + wanted
                return offset
        offset, self.end = self.end, self.end + wanted
        return offset

    def release(self, offset: int, nbytes: int) -> None:
        """Give a place back."""
        size = aligned(nbytes)
        joined = []
        for other in self.free:
            if other[1] + other[0] == offset:
                size, offset = size + other[0], other[1]
            elif offset + size == other[1]:
                size += other[0]
            else:
                joined.append(other)
        self.free = sorted(joined)
        if size:
            insort(self.free, (size, offset))
