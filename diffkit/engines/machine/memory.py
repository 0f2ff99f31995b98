"""Where values live while a program runs: buffers, and strided views of them.

A :class:`Buffer` is a piece of memory with a life from the first row that touches it to the last;
a :class:`Value` is an array in it: an offset, sizes and strides in bytes.  Reshaped, transposed,
sliced, reversed and broadcast arrays are other views of the same buffer and cost nothing
(van der Walt, Colbert & Varoquaux 2011, *The NumPy array*).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np

__all__ = ["Buffer", "Value", "contiguous_strides", "reshaped_strides"]


class Buffer:
    """A piece of memory: of the workspace, the outputs, a literal or an argument."""

    __slots__ = ("array", "first", "kept", "last", "nbytes", "offset", "slot")

    def __init__(self, slot: int, nbytes: int, offset: int = 0) -> None:
        self.slot, self.nbytes, self.offset = slot, nbytes, offset
        self.first = self.last = -1  # rows
        self.kept = False  # keeps its place for the whole program
        self.array: Any = None  # the array behind a literal


def contiguous_strides(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """The strides of an array in C order.

    >>> contiguous_strides((2, 3), 8)
    (24, 8)
    """
    strides, step = [], itemsize
    for size in reversed(shape):
        strides.append(step)
        step *= max(size, 1)
    return tuple(reversed(strides))


@dataclass(frozen=True, slots=True)
class Value:
    """An array in a buffer.  ``truth`` says that its numbers stand for truth values (1.0, 0.0)."""

    buffer: Buffer
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: np.dtype[Any]
    truth: bool = False

    @staticmethod
    def dense(buffer: Buffer, shape: tuple[int, ...], dtype: Any, offset: int = 0) -> Value:
        """An array in C order."""
        dtype = np.dtype(dtype)
        return Value(buffer, offset, shape, contiguous_strides(shape, dtype.itemsize), dtype)

    @property
    def size(self) -> int:
        """The number of elements."""
        return prod(self.shape)

    @property
    def width(self) -> str:
        """The kind of number as kernels name it, for example ``f8``; truth values are ``u1``."""
        return "u1" if self.dtype == np.bool_ else self.dtype.str[1:]

    @property
    def is_dense(self) -> bool:
        """Whether it lies in C order without gaps."""
        step = self.dtype.itemsize
        for size, stride in zip(reversed(self.shape), reversed(self.strides), strict=True):
            if size != 1 and stride != step:
                return self.size == 0
            step *= size
        return True

    @property
    def is_single(self) -> bool:
        """Whether all lanes are one number in memory."""
        pairs = zip(self.shape, self.strides, strict=True)
        return all(size == 1 or stride == 0 for size, stride in pairs)

    def viewed(self, shape: Any, strides: Any, offset: int = 0) -> Value:
        """Another view of the same bytes; ``offset`` counts from this one."""
        return replace(
            self, shape=tuple(shape), strides=tuple(strides), offset=self.offset + offset
        )

    def broadcast(self, shape: tuple[int, ...]) -> Value:
        """The view that repeats this array to a larger shape."""
        if shape == self.shape:
            return self
        extra = len(shape) - len(self.shape)
        strides = [0] * extra + [
            0 if mine == 1 and wanted != 1 else stride
            for mine, wanted, stride in zip(self.shape, shape[extra:], self.strides, strict=True)
        ]
        return self.viewed(shape, strides)

    def as_bytes(self) -> Value:
        """The same memory as bytes, with one axis more."""
        byte = np.dtype(np.uint8)
        shape, strides = (*self.shape, self.dtype.itemsize), (*self.strides, byte.itemsize)
        return replace(self, shape=shape, strides=strides, dtype=byte)

    def collapsed(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Sizes and strides with axes of size 1 dropped and neighbours merged (at least one)."""
        axes: list[tuple[int, int]] = []
        for size, stride in zip(self.shape, self.strides, strict=True):
            if size == 1:
                continue
            if axes and axes[-1][1] == size * stride:
                axes[-1] = (axes[-1][0] * size, stride)
            else:
                axes.append((size, stride))
        axes = axes or [(1, self.dtype.itemsize)]
        return tuple(size for size, _ in axes), tuple(stride for _, stride in axes)

    def reshaped(self, shape: tuple[int, ...]) -> Value | None:
        """The view with another shape, or None where that needs a copy."""
        strides = reshaped_strides(self, shape)
        return None if strides is None else self.viewed(shape, strides)


def reshaped_strides(value: Value, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The strides under which the same bytes have another shape; None if there are none."""
    if value.is_dense:
        return contiguous_strides(shape, value.dtype.itemsize)
    sizes, strides = value.collapsed()
    found: list[int] = []
    axis, inside = 0, 1  # the axis of the collapsed value, and what is still to be split of it
    for size in shape:
        if size == 1:
            found.append(0)
            continue
        if inside == 1:
            if axis == len(sizes):
                return None
            inside, step, axis = sizes[axis], strides[axis] * sizes[axis], axis + 1
        if inside % size:
            return None
        inside //= size
        step //= size
        found.append(step)
    return tuple(found) if axis == len(sizes) and inside == 1 else None
