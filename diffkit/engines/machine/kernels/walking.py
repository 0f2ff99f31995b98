"""Walking over axes: where a lane lies, from sizes and strides in memory.

    offset of a lane = Σ (its index along an axis)·(stride of the axis)

Divisions find the place where a walk begins; from there on kernels count the last axes up
themselves (van der Walt, Colbert & Varoquaux 2011, *The NumPy array*).
"""

from __future__ import annotations

from typing import Any

from numba import njit

from diffkit.engines.machine.kernels.abi import FLAGS, i8

__all__ = ["lane_offset", "word_behind"]


@njit(**FLAGS)
def lane_offset(shape: Any, strides: Any, axes: Any, lane: Any) -> Any:
    """The byte offset of a lane; ``shape`` and ``strides`` are addresses of ``axes`` words."""
    found = 0
    for k in range(axes - 1, -1, -1):
        size = i8(shape)[k]
        found += (lane % size) * i8(strides)[k]
        lane //= size
    return found


@njit(**FLAGS)
def word_behind(words: Any, axes: Any, behind: Any, absent: Any) -> Any:
    """The word of the axis that comes ``behind`` places before the end; one for axes not there."""
    return i8(words)[axes - behind] if axes >= behind else absent
