"""Reshaping, transposing and broadcasting: the same numbers in another arrangement.

In NumPy most of these give a *view*: writing into ``x.T`` or ``x.reshape(-1)`` changes x.  A
traced view remembers its base and how to write itself back, so in-place operations reach both
as they would in NumPy.  Broadcasting is the ``spread`` primitive, whose transpose is a sum:
⟨ȳ, spread x⟩ = ⟨sum ȳ, x⟩.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from diffkit.capture.indexing import Rearranged, gather, is_viewed, layout_of, remember_view
from diffkit.capture.numpy_functions.tables import (
    axes_of,
    axis_of,
    converted,
    implements,
    plain_integers,
    same,
    traced,
)
from diffkit.capture.tracing import Tracer, here
from diffkit.errors import MutationError, ShapeError, UnsupportedError
from diffkit.primitives import shaping

__all__ = ["broadcast_to", "moved", "reshape", "transpose"]


def _view(base: Tracer, forward: Any, backward: Any, plain: Any) -> Tracer:
    """A view of the base made by ``forward`` and written back by ``backward``."""
    found = forward(base)
    return remember_view(base, Rearranged(forward, backward, plain), found)


def shape_of(newshape: Any, size: int, what: str = "np.reshape") -> tuple[int, ...]:
    """A shape argument as a tuple, with −1 worked out.

    Raises
    ------
    ShapeError
        When the sizes do not multiply to the number of elements.
    """
    sizes = newshape if isinstance(newshape, (tuple, list, np.ndarray)) else (newshape,)
    wanted = [operator.index(plain_integers(one, f"a size of {what}")) for one in sizes]
    known = prod(one for one in wanted if one != -1)
    if wanted.count(-1) == 1 and known and size % known == 0:
        wanted[wanted.index(-1)] = size // known
    if min(wanted, default=0) < 0 or prod(wanted) != size:
        raise ShapeError(
            f"{what}: {size} elements do not fill the shape {tuple(sizes)}",
            where=here(),
            hint="the sizes must multiply to the number of elements; one of them may be -1.",
        )
    return tuple(wanted)


@implements(np.reshape)
def reshape(
    a: Any, /, shape: Any = None, order: str = "C", *, newshape: Any = None, copy: Any = None
) -> Any:
    """The same elements in another shape, read in C or Fortran order."""
    (a,) = traced(a)
    target = shape_of(newshape if shape is None else shape, a.size)
    if order == "F":
        back = tuple(reversed(range(len(target))))
        rows = transpose(a, tuple(reversed(range(a.ndim))))
        return transpose(reshape(rows, tuple(reversed(target))), back)
    if order not in ("C", "A", "K"):
        raise UnsupportedError(
            f"np.reshape: there is no order {order!r}", where=here(), hint='use order="C".'
        )
    view = _reshaped(a, target)
    return same(view) if copy else view


def _reshaped(a: Tracer, target: tuple[int, ...]) -> Tracer:
    """A view in another shape, or a copy where NumPy has to make one."""
    shape = a.shape

    def forward(x: Tracer) -> Tracer:
        return same(x) if target == shape else shaping.reshape(x, shape=target)

    def backward(y: Tracer) -> Tracer:
        return same(y) if target == shape else shaping.reshape(y, shape=shape)

    if not is_viewed(layout_of(a), target):
        return forward(a)
    return _view(a, forward, backward, lambda plain: plain.reshape(target))


@implements(np.ravel)
def ravel(a: Any, order: str = "C") -> Any:
    """All elements in one row."""
    return reshape(a, -1, order)


@implements(np.transpose, np.permute_dims)
def transpose(a: Any, axes: Any = None) -> Any:
    """The axes in another order; reversed by default."""
    (a,) = traced(a)
    wanted = tuple(reversed(range(a.ndim))) if axes is None else axes
    wanted = tuple(axis_of(axis, a.ndim, "np.transpose") for axis in wanted)
    if sorted(wanted) != list(range(a.ndim)):
        raise ShapeError(
            f"np.transpose: {axes} does not name every axis of {a.aval} once",
            where=here(),
            hint=f"give {a.ndim} different axes.",
        )
    back = tuple(int(place) for place in np.argsort(wanted))
    if wanted == back == tuple(range(a.ndim)):
        return _view(a, same, same, lambda plain: plain[...])
    return _view(
        a,
        lambda x: shaping.transpose(x, axes=wanted),
        lambda y: shaping.transpose(y, axes=back),
        lambda plain: plain.transpose(wanted),
    )


@implements(np.matrix_transpose, np.linalg.matrix_transpose)
def matrix_transpose(x: Any, /) -> Any:
    """The last two axes exchanged."""
    (x,) = traced(x)
    if x.ndim < 2:
        raise ShapeError(f"matrix_transpose: {x.aval} is not a matrix", where=here())
    return swapaxes(x, -1, -2)


@implements(np.swapaxes)
def swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    """Two axes exchanged."""
    (a,) = traced(a)
    order = list(range(a.ndim))
    i, j = (axis_of(axis, a.ndim, "np.swapaxes") for axis in (axis1, axis2))
    order[i], order[j] = j, i
    return transpose(a, order)


@implements(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> Any:
    """Axes moved to other places."""
    (a,) = traced(a)
    return transpose(a, _order_like(a, lambda dummy: np.moveaxis(dummy, source, destination)))


@implements(np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    """One axis moved before another."""
    (a,) = traced(a)
    return transpose(a, _order_like(a, lambda dummy: np.rollaxis(dummy, axis, start)))


def _order_like(a: Tracer, movement: Callable[[np.ndarray], np.ndarray]) -> tuple[int, ...]:
    """The order of axes that NumPy's own function gives, read off an array of sizes 1 to n."""
    dummy = np.broadcast_to(np.int8(0), tuple(range(1, a.ndim + 1)))
    return tuple(size - 1 for size in asked(movement, dummy).shape)


def asked(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """What NumPy answers on plain arrays; its complaints become ours, with the user's line.

    Raises
    ------
    ShapeError
        When NumPy refuses the shapes, axes or counts.
    """
    try:
        return function(*args, **kwargs)
    except (ValueError, IndexError) as error:
        name = getattr(function, "__name__", "reshaping")
        raise ShapeError(
            f"np.{name}: {error}", where=here(), hint="check axes and sizes."
        ) from None


@implements(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> Any:
    """New axes of size 1."""
    (a,) = traced(a)
    dummy = np.broadcast_to(np.int8(0), a.shape)
    return _reshaped(a, asked(np.expand_dims, dummy, axis).shape)


@implements(np.squeeze)
def squeeze(a: Any, axis: Any = None) -> Any:
    """Axes of size 1 left out."""
    (a,) = traced(a)
    dummy = np.broadcast_to(np.int8(0), a.shape)
    return _reshaped(a, asked(np.squeeze, dummy, axis).shape)


@implements(np.atleast_1d)
def atleast_1d(*arrays: Any) -> Any:
    """At least one axis."""
    return _at_least(np.atleast_1d, arrays)


@implements(np.atleast_2d)
def atleast_2d(*arrays: Any) -> Any:
    """At least two axes."""
    return _at_least(np.atleast_2d, arrays)


@implements(np.atleast_3d)
def atleast_3d(*arrays: Any) -> Any:
    """At least three axes."""
    return _at_least(np.atleast_3d, arrays)


def _at_least(function: Any, arrays: Sequence[Any]) -> Any:
    found = []
    for a in traced(*arrays):
        shape = function(np.broadcast_to(np.int8(0), a.shape)).shape
        found.append(a if shape == a.shape else _reshaped(a, shape))
    return found[0] if len(found) == 1 else tuple(found)


# Broadcasting -----------------------------------------------------------------------------------


@implements(np.broadcast_to)
def broadcast_to(array: Any, shape: Any, subok: bool = False) -> Any:
    """The array repeated along new axes and along axes of size 1."""
    (a,) = traced(array)
    target = tuple(int(one) for one in (shape if isinstance(shape, (tuple, list)) else (shape,)))
    if target == a.shape:
        return same(a)
    return _view(
        a,
        lambda x: _repeated(x, target),
        _not_written,
        lambda plain: np.broadcast_to(plain, target),
    )


def _not_written(y: Tracer) -> Any:
    raise MutationError(
        "elements of a broadcast array share their memory, and NumPy lets nobody write to them",
        where=here(),
        hint="copy it first, with np.broadcast_to(x, shape).copy().",
    )


def _repeated(a: Tracer, target: tuple[int, ...]) -> Tracer:
    new = len(target) - a.ndim
    fits = new >= 0 and all(
        size in (1, wanted) for size, wanted in zip(a.shape, target[new:], strict=True)
    )
    if not fits:
        raise ShapeError(
            f"np.broadcast_to: {a.aval} does not broadcast to {target}",
            where=here(),
            hint="sizes must be equal or 1, counted from the last axis.",
        )
    stretched = [k for k, size in enumerate(a.shape) if size == 1 and target[new + k] != 1]
    axes = (*range(new), *(new + k for k in stretched))
    if stretched:
        rest = tuple(size for k, size in enumerate(a.shape) if k not in stretched)
        a = shaping.reshape(a, shape=rest)
    return shaping.spread(a, axes=axes, sizes=tuple(target[axis] for axis in axes))


@implements(np.broadcast_arrays)
def broadcast_arrays(*args: Any, subok: bool = False) -> Any:
    """Arrays repeated to a common shape."""
    arrays = traced(*args)
    shape = asked(np.broadcast_shapes, *(a.shape for a in arrays))
    return tuple(broadcast_to(a, shape) for a in arrays)


@implements(np.meshgrid)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    """Coordinate arrays from coordinate rows."""
    rows = traced(*xi)
    positions = asked(
        np.meshgrid, *(np.arange(row.size) for row in rows), sparse=sparse, indexing=indexing
    )
    return tuple(gather(row, place) for row, place in zip(rows, positions, strict=True))


# Movements that NumPy describes by positions ----------------------------------------------------


def moved(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that only moves elements: ask NumPy where position p ends up, and gather.

    The gather's transpose adds cotangents back to where they came from, so any such function
    has the right derivative.
    """

    def movement(a: Any, *args: Any, **kwargs: Any) -> Any:
        (a,) = traced(a)
        for option in (*args, *kwargs.values()):
            plain_integers(option, f"an argument of np.{function.__name__}")
        positions = np.arange(a.size).reshape(a.shape)
        return gather(a, asked(function, positions, *args, **kwargs))

    movement.__name__ = function.__name__
    return movement


_MOVEMENTS: tuple[Any, ...] = (
    np.roll, np.repeat, np.tile, np.delete, np.resize, np.diagonal,
    np.lib.stride_tricks.sliding_window_view,
)  # fmt: skip
for _function in _MOVEMENTS:
    implements(_function)(moved(_function))


@implements(np.flip)
def flip(m: Any, axis: Any = None) -> Any:
    """The order along axes reversed."""
    (m,) = traced(m)
    axes = axes_of(axis, m.ndim, "np.flip")
    return m[tuple(slice(None, None, -1) if k in axes else slice(None) for k in range(m.ndim))]


@implements(np.rot90)
def rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> Any:
    """A quarter turn in the plane of two axes, k times."""
    (m,) = traced(m)
    first, second = axes_of(tuple(axes), m.ndim, "np.rot90")
    if axis_of(axes[0], m.ndim, "np.rot90") == second:
        k = -k  # the other way round
    turns = k % 4
    if turns == 0:
        return m[...]
    if turns == 2:
        return flip(m, (first, second))
    if turns == 1:
        return swapaxes(flip(m, second), first, second)
    return flip(swapaxes(m, first, second), second)


@implements(np.fliplr)
def fliplr(m: Any) -> Any:
    """The order along the second axis reversed."""
    return flip(m, 1)


@implements(np.flipud)
def flipud(m: Any) -> Any:
    """The order along the first axis reversed."""
    return flip(m, 0)


@implements(np.take)
def take(a: Any, indices: Any, axis: Any = None, out: Any = None, mode: str = "raise") -> Any:
    """Elements at indices along an axis, or of the flattened array."""
    from diffkit.capture.numpy_functions.tables import delivered

    a = traced(a, indices)[0]
    flat = shaping.reshape(a, shape=(a.size,)) if axis is None else a
    one = axis_of(0 if axis is None else axis, flat.ndim, "np.take")
    index = indices if isinstance(indices, Tracer) else np.asarray(indices)
    if mode != "raise":
        last = flat.shape[one] - 1
        index = np.clip(index, 0, last) if mode == "clip" else np.mod(index, last + 1)
    return delivered(same(flat[(slice(None),) * one + (index,)]), out)


@implements(np.take_along_axis)
def take_along_axis(arr: Any, indices: Any, axis: Any = -1) -> Any:
    """Elements at indices that match the array along the other axes."""
    arr = traced(arr, indices)[0]
    one = axis_of(-1 if axis is None else axis, arr.ndim, "np.take_along_axis")
    if axis is None:
        arr, one = shaping.reshape(arr, shape=(arr.size,)), 0
    index = indices if isinstance(indices, Tracer) else np.asarray(indices)
    if index.ndim != arr.ndim:
        raise ShapeError(
            f"np.take_along_axis: indices of {index.ndim} dimensions for {arr.aval}", where=here()
        )
    parts: list[Any] = []
    for k, size in enumerate(arr.shape):
        aligned = tuple(size if j == k else 1 for j in range(arr.ndim))
        parts.append(index if k == one else np.arange(size).reshape(aligned))
    return arr[tuple(parts)]


@implements(np.astype)
def astype(x: Any, dtype: Any, /, *, copy: bool = True, device: Any = None) -> Any:
    """The array in another dtype."""
    (x,) = traced(x)
    return converted(x, dtype)
