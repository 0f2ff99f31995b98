"""In which order copies walk their axes: the fewest axes, the longest runs.

Two arrays of one shape are copied element by element in any order, so the axes may be sorted by
the strides of the target and neighbours merged where both arrays allow it; then the target is
written from its first byte to its last.  A source whose runs go along another axis is read in
squares (a transposition), so that axis comes last but one.

Reading on: Frigo et al. 1999, *Cache-oblivious algorithms*, section 3 (matrix transposition).
"""

from __future__ import annotations

from collections.abc import Iterable

from diffkit.engines.machine.memory import Value

__all__ = ["Axis", "common_axes", "copy_axes"]

Axis = tuple[int, int, int]  # size, and the strides in bytes of source and target


def common_axes(axes: Iterable[Axis]) -> list[Axis]:
    """The same walk over fewer axes: sizes of 1 dropped, neighbours merged.

    >>> common_axes([(2, 24, 24), (3, 8, 8), (1, 0, 0)])
    [(6, 8, 8)]
    """
    found: list[Axis] = []
    for size, a, b in axes:
        if size == 1:
            continue
        if found and found[-1][1] == size * a and found[-1][2] == size * b:
            found[-1] = (found[-1][0] * size, a, b)
        else:
            found.append((size, a, b))
    return found


def copy_axes(source: Value, target: Value) -> list[Axis]:
    """The axes of a copy between two arrays of one shape, in the best order (at least one)."""
    axes = [axis for axis in zip(source.shape, source.strides, target.strides, strict=True)
            if axis[0] != 1]  # fmt: skip
    axes = common_axes(sorted(axes, key=lambda axis: -abs(axis[2])))
    if not axes:
        return [(1, source.dtype.itemsize, target.dtype.itemsize)]
    runs = min(range(len(axes)), key=lambda k: (abs(axes[k][1]) or _NEVER, -k))
    if runs < len(axes) - 2:
        axes.insert(len(axes) - 1, axes.pop(runs))
    return axes


_NEVER = 1 << 62  # a stride of 0 makes no run
