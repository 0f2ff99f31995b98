"""Indexing: reading elements of an array, and its exact transpose, scattering with addition.

Reading y = x[index] copies elements, so it is linear; its transpose adds every cotangent back to
where the element was read,

    x̄[index] += ȳ,

and an element that was read twice receives both.  An index is a hashable tuple: integers,
``("slice", start, stop, step)``, None for a new axis, and ``("array", k)`` for the integer array
that is the k-th operand (counted from 1).  NumPy's rules for mixing them apply.
Reading on: NumPy's user guide, *Indexing on ndarrays*.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit.errors import DtypeError, InputError, ShapeError, UnsupportedError
from diffkit.graph.avals import Aval, aval
from diffkit.graph.primitive import Linear, aligned, primitive

__all__ = ["getitem", "scatter_add", "slice_of"]

# Operands 1, 2, … are index arrays; NumPy arrays have at most 64 axes.
INDEX_OPERANDS = tuple(range(1, 65))
WHOLE = ("slice", None, None, None)


def slice_of(x: Any, axis: int, start: int | None, stop: int | None, step: int = 1) -> Any:
    """The part ``start:stop:step`` of x along one axis.

    >>> slice_of(np.arange(6).reshape(2, 3), 1, 0, 2)
    array([[0, 1],
           [3, 4]])
    """
    index = (*[WHOLE] * axis, ("slice", start, stop, step))
    return getitem(x, index=index)


def _integers(array: Any) -> Any:
    """An index array as integers, whatever number domain the graph runs over."""
    array = np.asarray(array)
    if array.dtype.kind in "iu":
        return array
    return (array.real if array.dtype.kind == "c" else array).astype(np.intp)


def _resolved(index: tuple[Any, ...], arrays: Sequence[Any]) -> tuple[Any, ...]:
    """The index as NumPy takes it."""
    parts: list[Any] = []
    for part in index:
        if not isinstance(part, tuple):
            parts.append(part)
        elif part[0] == "slice":
            parts.append(slice(*part[1:]))
        else:
            parts.append(_integers(arrays[part[1] - 1]))
    return tuple(parts)


def _has_arrays(index: tuple[Any, ...]) -> bool:
    return any(isinstance(part, tuple) and part[0] == "array" for part in index)


class _Axes:
    """Where the axes of index arrays come to stand, in one example and in a batch of them.

    NumPy puts the axes of index arrays where the first of them stands in the index; but in front
    of all others, when a slice or a new axis comes between them.  (Integers among index arrays
    count as such.)
    """

    def __init__(self, index: tuple[Any, ...], arrays: Sequence[Any], batched: Sequence[bool]):
        chosen = [i for i, part in enumerate(index) if not _keeps_axis(part)]
        together = chosen == list(range(chosen[0], chosen[-1] + 1)) if chosen else True
        self.count = max((x.ndim - b for x, b in zip(arrays, batched, strict=True)), default=0)
        self.apart = bool(arrays) and not together
        self.start = chosen[0] if arrays and together else 0

    def whole_read(self, ndim: int) -> tuple[int, ...]:
        """Behind a whole axis of examples: where they stand when they should be axis 0."""
        front = self.count if self.apart else 0
        return (front, *(axis for axis in range(ndim) if axis != front))

    def shared(self, ndim: int) -> tuple[int, ...]:
        """The same array read by the indices of each example, whose axis should be axis 0."""
        return (self.start, *(axis for axis in range(ndim) if axis != self.start))

    def numbered(self, ndim: int) -> tuple[int, ...]:
        """Read by example numbers: (examples, index arrays, others) as one example has them."""
        arrays = tuple(range(1, 1 + self.count))
        others = tuple(range(1 + self.count, ndim))
        return (0, *others[: self.start], *arrays, *others[self.start :])


def _every(size: int) -> tuple[str, int, int, int]:
    """A whole axis, spelled as capture spells it, so that equal reads are one equation."""
    return ("slice", 0, size, 1)


def _keeps_axis(part: Any) -> bool:
    """Whether a part of an index leaves an axis (a slice) or makes one (None)."""
    return part is None or (isinstance(part, tuple) and part[0] == "slice")


def _numbered(
    index: tuple[Any, ...], arrays: Sequence[Any], batched: Sequence[bool], size: int
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The index with the number of the example in front, and its index arrays."""
    fitted = aligned(batched, arrays)
    numbers = np.arange(size).reshape(size, *(1,) * (max(x.ndim for x in fitted) - 1))
    behind = [
        ("array", part[1] + 1) if isinstance(part, tuple) and part[0] == "array" else part
        for part in index
    ]
    return (("array", 1), *behind), (numbers, *fitted)


def _in_order(x: Any, axes: tuple[int, ...]) -> Any:
    return x if axes == tuple(range(len(axes))) else np.transpose(x, axes)


def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(axes.index(axis) for axis in range(len(axes)))


def _read_shape(
    name: str, shape: tuple[int, ...], index: tuple[Any, ...], arrays: Sequence[Aval]
) -> tuple[int, ...]:
    """The shape of ``x[index]``, found on a stand-in without memory."""
    for array in arrays:
        if array.dtype.kind == "b":
            raise UnsupportedError(
                f"{name}: a boolean index {array} would give a result of unknown shape",
                hint="use np.where(condition, x, 0), or an integer index of fixed length.",
            )
        if array.dtype.kind not in "iu":
            raise DtypeError(
                f"{name}: an index must be integers, not {array}",
                hint="convert it with .astype(int).",
            )
    stand_in = np.broadcast_to(np.zeros((), np.bool_), shape)
    zeros = [np.broadcast_to(np.zeros((), np.intp), array.shape) for array in arrays]
    try:
        return np.shape(stand_in[_resolved(index, zeros)])
    except (IndexError, ValueError) as error:
        raise ShapeError(
            f"{name}: {error} (the array has shape {shape})",
            hint="indices count from 0; negative ones from the end.",
        ) from None


def _outside(name: str, error: IndexError) -> InputError:
    return InputError(f"{name}: {error}", hint="check the values of the index array.")


@primitive
class getitem(Linear):
    """Reading, y = x[index], for basic and integer-array indices."""

    linear_in, joint, inert = (0,), True, INDEX_OPERANDS

    def value(self, x: Any, *arrays: Any, index: tuple[Any, ...]) -> Any:
        try:
            return np.asarray(x)[_resolved(index, arrays)]
        except IndexError as error:
            raise _outside("getitem", error) from None

    def shape(self, x: Aval, *arrays: Aval, index: tuple[Any, ...]) -> Any:
        return _read_shape("getitem", x.shape, index, arrays)

    def transpose(self, ct: Any, x: Any, *arrays: Any, index: tuple[Any, ...]) -> Any:
        def added_back() -> Any:
            return scatter_add(ct, *arrays, index=index, shape=x.shape)

        return (added_back, *[None] * len(arrays))

    def batch(self, batched: Any, x: Any, *arrays: Any, size: int, index: tuple[Any, ...]) -> Any:
        axes = _Axes(index, arrays, batched[1:])
        if not any(batched[1:]):
            found = getitem(x, *arrays, index=(_every(size), *index))
            return _in_order(found, axes.whole_read(found.ndim))
        if not batched[0]:
            found = getitem(x, *aligned(batched[1:], arrays), index=index)
            return _in_order(found, axes.shared(found.ndim))
        index, arrays = _numbered(index, arrays, batched[1:], size)
        found = getitem(x, *arrays, index=index)
        return _in_order(found, axes.numbered(found.ndim))


@primitive
class scatter_add(Linear):
    """Zeros of a given shape with y[index] += x, where elements met twice add up."""

    linear_in, joint, inert = (0,), True, INDEX_OPERANDS

    def value(self, x: Any, *arrays: Any, index: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
        x = np.asarray(x)
        out = np.zeros(shape, x.dtype)
        try:
            if _has_arrays(index):
                np.add.at(out, _resolved(index, arrays), x)
            else:
                out[_resolved(index, ())] = x
        except IndexError as error:
            raise _outside("scatter_add", error) from None
        return out[()]

    def shape(self, x: Aval, *arrays: Aval, index: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
        target = _read_shape("scatter_add", shape, index, arrays)
        if target != x.shape:
            raise ShapeError(
                f"scatter_add: {x} does not fit the indexed part, {aval(target, x.dtype)}",
                hint="broadcast the values to the shape of the indexed part first.",
            )
        return shape

    def transpose(
        self, ct: Any, x: Any, *arrays: Any, index: tuple[Any, ...], shape: tuple[int, ...]
    ) -> Any:
        return (lambda: getitem(ct, *arrays, index=index), *[None] * len(arrays))

    def batch(
        self, batched: Any, x: Any, *arrays: Any, size: int, index: Any, shape: tuple[int, ...]
    ) -> Any:
        axes, shape = _Axes(index, arrays, batched[1:]), (size, *shape)
        if not any(batched[1:]):
            x = _in_order(x, _inverse(axes.whole_read(x.ndim)))
            return scatter_add(x, *arrays, index=(_every(size), *index), shape=shape)
        x = x if batched[0] else np.broadcast_to(x, (size, *x.shape))
        x = _in_order(x, _inverse(axes.numbered(x.ndim)))
        index, arrays = _numbered(index, arrays, batched[1:], size)
        return scatter_add(x, *arrays, index=index, shape=shape)

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return avals[0].size if _has_arrays(params["index"]) else 0
