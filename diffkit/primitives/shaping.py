"""Shaping: rearranging, repeating and joining arrays without arithmetic.

All of it is linear, and the transpose of a movement is the movement back: a permutation's is
its inverse, a concatenation's is slicing, and the transpose of repetition is a sum,

    y = spread(x, axes):   x̄ = sum(ȳ, axes).

``spread`` and ``sum`` (``reductions.py``) are exact transposes of each other.
Reading on: the linear operations of JAX in Radul et al. 2023, *You only linearize once*.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from diffkit.errors import ShapeError
from diffkit.graph.avals import Aval
from diffkit.graph.primitive import Linear, primitive
from diffkit.primitives.indexing import slice_of

__all__ = [
    "check_axes", "concatenate", "flip", "moved", "reshape", "reshaped", "spread", "transpose",
]  # fmt: skip

Axes = tuple[int, ...]


def check_axes(name: str, x: Aval, axes: Sequence[int]) -> None:
    """Refuse axes that x does not have, or has been given twice.

    Raises
    ------
    ShapeError
        Naming the operation, the axis and the array.
    """
    for axis in axes:
        if not 0 <= axis < x.ndim:
            raise ShapeError(
                f"{name}: axis {axis} does not exist in {x}",
                hint=f"{x} has {x.ndim} axes, counted from 0.",
            )
    if len(set(axes)) != len(axes):
        raise ShapeError(f"{name}: the axes {tuple(axes)} of {x} repeat", hint="name each once.")


def moved(x: Any, axes: Axes) -> Any:
    """x with its axes in this order; x itself when they are in order already."""
    return x if axes == tuple(range(len(axes))) else transpose(x, axes=axes)


def reshaped(x: Any, shape: Axes) -> Any:
    """x with this shape; x itself when it has that shape already."""
    return x if x.shape == shape else reshape(x, shape=shape)


@primitive
class reshape(Linear):
    """The same elements, in the same order, in another shape."""

    linear_in, joint = (0,), True

    def value(self, x: Any, shape: Axes) -> Any:
        return np.reshape(x, shape)[()]

    def shape(self, x: Aval, shape: Axes) -> Any:
        if prod(shape) != x.size or min(shape, default=0) < 0:
            raise ShapeError(
                f"reshape: {x} with {x.size} elements does not fit the shape {shape} "
                f"with {prod(shape)}",
                hint="the number of elements must stay the same.",
            )
        return shape

    def transpose(self, ct: Any, x: Any, shape: Axes) -> Any:
        return (lambda: reshape(ct, shape=x.shape),)

    def batch(self, batched: Any, x: Any, size: int, shape: Axes) -> Any:
        return reshape(x, shape=(size, *shape))


@primitive
class transpose(Linear):
    """The axes in another order: axis i of the result is axis ``axes[i]`` of x."""

    linear_in, joint = (0,), True

    def value(self, x: Any, axes: Axes) -> Any:
        return np.transpose(x, axes)

    def shape(self, x: Aval, axes: Axes) -> Any:
        check_axes("transpose", x, axes)
        if len(axes) != x.ndim:
            raise ShapeError(
                f"transpose: {len(axes)} axes {axes} were given for {x}",
                hint="name every axis once.",
            )
        return tuple(x.shape[axis] for axis in axes)

    def transpose(self, ct: Any, x: Any, axes: Axes) -> Any:
        back = tuple(axes.index(axis) for axis in range(len(axes)))
        return (lambda: transpose(ct, axes=back),)

    def batch(self, batched: Any, x: Any, size: int, axes: Axes) -> Any:
        return transpose(x, axes=(0, *(axis + 1 for axis in axes)))


@primitive
class spread(Linear):
    """Repetition along new axes, at positions ``axes`` of the result, of these ``sizes``."""

    linear_in, joint, axis_params = (0,), True, ("axes",)

    def value(self, x: Any, axes: Axes, sizes: Axes) -> Any:
        x = np.asarray(x)
        return np.broadcast_to(np.expand_dims(x, axes), _spread_shape(x.shape, axes, sizes))[()]

    def shape(self, x: Aval, axes: Axes, sizes: Axes) -> Any:
        top = x.ndim + len(axes)
        if list(axes) != sorted(set(axes)) or any(not 0 <= axis < top for axis in axes):
            raise ShapeError(
                f"spread: the new axes {axes} are no increasing positions in the result of {x}",
                hint=f"the result has {top} axes, counted from 0.",
            )
        if len(axes) != len(sizes) or min(sizes, default=0) < 0:
            raise ShapeError(
                f"spread: the sizes {sizes} do not fit the new axes {axes} of {x}",
                hint="give one size per new axis.",
            )
        return _spread_shape(x.shape, axes, sizes)

    def transpose(self, ct: Any, x: Any, axes: Axes, sizes: Axes) -> Any:
        # imported here, since the transpose of sum_ is spread: they need each other
        from diffkit.primitives.reductions import sum_

        return (lambda: sum_(ct, axes=axes),)


def _spread_shape(shape: Axes, axes: Axes, sizes: Axes) -> Axes:
    out = list(shape)
    for axis, size in zip(axes, sizes, strict=True):
        out.insert(axis, size)
    return tuple(out)


@primitive
class concatenate(Linear):
    """Arrays joined along an axis; each cotangent is its slice."""

    linear_in, joint = "all", True

    def dtypes(self, avals: Sequence[Aval]) -> Any:
        return common_dtypes(avals)

    def value(self, *x: Any, axis: int) -> Any:
        return np.concatenate(x, axis=axis)

    def shape(self, *avals: Aval, axis: int) -> Any:
        if not avals:
            raise ShapeError("concatenate: there is nothing to join", hint="give an array.")
        first = avals[0]
        check_axes("concatenate", first, (axis,))
        for other in avals[1:]:
            if _without(other.shape, axis) != _without(first.shape, axis):
                raise ShapeError(
                    f"concatenate: {first} and {other} differ in more than axis {axis}",
                    hint="all other sizes must be equal.",
                )
        return (
            *first.shape[:axis],
            sum(part.shape[axis] for part in avals),
            *first.shape[axis + 1 :],
        )

    def transpose(self, ct: Any, *x: Any, axis: int) -> Any:
        stops = np.cumsum([part.shape[axis] for part in x]).tolist()
        starts = [0, *stops[:-1]]
        return tuple(
            lambda start=start, stop=stop: slice_of(ct, axis, start, stop)
            for start, stop in zip(starts, stops, strict=True)
        )

    def batch(self, batched: Any, *x: Any, size: int, axis: int) -> Any:
        parts = (
            part if b else spread(part, axes=(0,), sizes=(size,))
            for part, b in zip(x, batched, strict=True)
        )
        return concatenate(*parts, axis=axis + 1)


def _without(shape: Axes, axis: int) -> tuple[Any, ...]:
    return len(shape), shape[:axis], shape[axis + 1 :]


def common_dtypes(avals: Sequence[Aval]) -> tuple[np.dtype[Any], ...] | None:
    """The dtypes that operands of one operation share, or None when they share them already."""
    if all(a.dtype == avals[0].dtype for a in avals):
        return None
    common = np.result_type(*(a.dtype for a in avals))
    return (common,) * len(avals)


@primitive
class flip(Linear):
    """The elements in reverse order along some axes; its own transpose."""

    linear_in, joint, axis_params = (0,), True, ("axes",)

    def value(self, x: Any, axes: Axes) -> Any:
        return np.flip(x, axes)

    def shape(self, x: Aval, axes: Axes) -> Any:
        check_axes("flip", x, axes)
        return x.shape

    def transpose(self, ct: Any, x: Any, axes: Axes) -> Any:
        return (lambda: flip(ct, axes=axes),)
