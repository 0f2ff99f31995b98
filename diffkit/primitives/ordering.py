"""Sorting: the elements in ascending order, the order itself, and places in a sorted row.

A sort is a permutation P that depends on the elements, and where no two are equal it stays the
same nearby:

    y = P x,   ẏ = P ẋ,   x̄ = Pᵀ ȳ.

Where several elements are equal, any order of them is a sort, so the derivative is a choice:
they share it evenly, y's derivative being the mean over the equal ones (Note [Kinks] in
``piecewise.py``).  So the last element of a sort has the gradient of the maximum.  The order
(``argsort``) and the places (``searchsorted``) are integers and have no derivative.
Reading on: Blondel, Teboul, Berthet & Djolonga 2020, *Fast differentiable sorting and ranking*,
section 2; for the mean as a choice, Clarke 1983, *Optimization and nonsmooth analysis*.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit.errors import ShapeError, UnsupportedError
from diffkit.graph.avals import Aval, aval
from diffkit.graph.primitive import Linear, Other, primitive
from diffkit.primitives.complex_forms import from_parts
from diffkit.primitives.indexing import getitem, scatter_add
from diffkit.primitives.shaping import check_axes, spread

__all__ = ["along", "argsort", "searchsorted", "sort", "tied_mean"]


# Reading along an axis --------------------------------------------------------------------------


def _index_along(
    shape: tuple[int, ...], places: Any, axis: int
) -> tuple[tuple[Any, ...], list[Any]]:
    """The index that reads ``places`` along one axis, beside the array's own other places."""
    arrays: list[Any] = []
    for one, size in enumerate(shape):
        aligned = tuple(size if other == one else 1 for other in range(len(shape)))
        arrays.append(places if one == axis else np.arange(size).reshape(aligned))
    return tuple(("array", k + 1) for k in range(len(shape))), arrays


def along(x: Any, places: Any, axis: int) -> Any:
    """The elements of x at integer places along an axis, as ``np.take_along_axis`` reads them.

    >>> along(np.array([[1.0, 2.0]]), np.array([[1, 0]]), 1)
    array([[2., 1.]])
    """
    index, arrays = _index_along(x.shape, places, axis)
    return getitem(x, *arrays, index=index)


def _back_along(ct: Any, x: Any, places: Any, axis: int) -> Any:
    index, arrays = _index_along(x.shape, places, axis)
    return scatter_add(ct, *arrays, index=index, shape=x.shape)


def _sorting_cost(out: Aval) -> int:
    """n comparisons for each halving of a row of n."""
    return out.size * max(out.size - 1, 0).bit_length()


def _refuse_symbols(name: str, x: Any) -> None:
    if any(hasattr(cell, "free_symbols") for cell in np.asarray(x, dtype=object).flat):
        raise UnsupportedError(
            f"{name}: the order of symbols is not known",
            hint="use another method than symbolic.",
        )


def _order_of_objects(x: np.ndarray, axis: int) -> np.ndarray:
    """The stable order of objects along an axis, NaNs last as NumPy has them."""
    rows = np.moveaxis(x, axis, -1)
    order = np.empty(rows.shape, dtype=np.intp)
    for place in np.ndindex(rows.shape[:-1]):
        row = list(rows[place])
        order[place] = sorted(range(len(row)), key=lambda k, row=row: (row[k] != row[k], row[k]))
    return np.moveaxis(order, -1, axis)


# Sorting ----------------------------------------------------------------------------------------


@primitive
class argsort(Other):
    """The places of the elements along an axis in ascending order; equal ones keep theirs."""

    inert, axis_params = (0,), ("axis",)

    def value(self, x: Any, axis: int) -> Any:
        return np.argsort(x, axis=axis, kind="stable")

    def analytic(self, x: Any, axis: int) -> Any:
        """Compared by real parts."""
        return self.value(np.real(x), axis)

    def generic(self, x: Any, axis: int) -> Any:
        _refuse_symbols("argsort", x)
        return _order_of_objects(np.asarray(x, dtype=object), axis)

    def shape(self, x: Aval, axis: int) -> Any:
        check_axes("argsort", x, (axis,))
        return aval(x.shape, np.intp)

    def jvp(self, y: Any, x: Sequence[Any], x_dot: Sequence[Any], axis: int) -> Any:
        return None

    def vjp(self, ct: Any, y: Any, x: Any, axis: int) -> Any:
        return (None,)

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return _sorting_cost(out)


@primitive
class sort(Other):
    """The elements along an axis in ascending order; equal ones share their derivative evenly."""

    axis_params = ("axis",)

    def value(self, x: Any, axis: int) -> Any:
        return np.sort(x, axis=axis)

    def analytic(self, x: Any, axis: int) -> Any:
        """Sorted by real parts; equal ones share their imaginary parts."""
        x = np.asarray(x)
        inorder = np.take_along_axis(x, argsort.analytic(x, axis), axis)
        real = np.real(inorder)
        return from_parts(real, tied_mean.value(np.imag(inorder), real, axis))

    def generic(self, x: Any, axis: int) -> Any:
        x = np.asarray(x, dtype=object)
        _refuse_symbols("sort", x)
        return np.take_along_axis(x, _order_of_objects(x, axis), axis)

    def shape(self, x: Aval, axis: int) -> Any:
        check_axes("sort", x, (axis,))
        return x.shape

    def jvp(self, y: Any, x: Sequence[Any], x_dot: Sequence[Any], axis: int) -> Any:
        inorder = along(x_dot[0], argsort(x[0], axis=axis), axis)
        return tied_mean(inorder, y, axis=axis)

    def vjp(self, ct: Any, y: Any, x: Any, axis: int) -> Any:
        def sort_pullback() -> Any:
            shared = tied_mean(ct, y, axis=axis)
            return _back_along(shared, x, argsort(x, axis=axis), axis)

        return (sort_pullback,)

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return _sorting_cost(out)


@primitive
class tied_mean(Linear):
    """Along an axis, the mean of x over each run of equal neighbours of y; its own transpose."""

    linear_in, joint, inert = (0,), True, (1,)

    def dtypes(self, avals: Sequence[Aval]) -> Any:
        return None if avals[0].dtype.kind in "fc" else (np.dtype(np.float64), avals[1].dtype)

    def value(self, x: Any, y: Any, axis: int) -> Any:
        x, y = np.asarray(x), np.asarray(y)
        rows = np.moveaxis(y.real if y.dtype.kind == "c" else y, axis, -1)
        starts = np.ones(rows.shape, dtype=bool)
        starts[..., 1:] = rows[..., 1:] != rows[..., :-1]
        if starts.all():
            return x
        number = np.cumsum(starts) - 1  # which run an element belongs to
        elements = np.moveaxis(x, axis, -1)
        means = _means_of_runs(elements.reshape(-1), number)
        return np.moveaxis(means.reshape(elements.shape), -1, axis)

    def shape(self, x: Aval, y: Aval, axis: int) -> Any:
        check_axes("tied_mean", y, (axis,))
        if x.shape != y.shape:
            raise ShapeError(
                f"tied_mean: {x} and {y} have different shapes",
                hint="give one number for each element of the sorted array.",
            )
        return x.shape

    def transpose(self, ct: Any, x: Any, y: Any, axis: int) -> Any:
        return lambda: tied_mean(ct, y, axis=axis), None

    def batch(self, batched: Any, x: Any, y: Any, size: int, axis: int) -> Any:
        pair = (
            part if b else spread(part, axes=(0,), sizes=(size,))
            for part, b in zip((x, y), batched, strict=True)
        )
        return tied_mean(*pair, axis=axis + 1)

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return 2 * out.size  # a comparison and an addition for each


def _means_of_runs(x: np.ndarray, number: np.ndarray) -> np.ndarray:
    """Each element's mean over the elements of the same number; single ones stay as they are."""
    count = np.bincount(number)
    total: Any = np.zeros(count.size, dtype=x.dtype)
    np.add.at(total, number, x)
    share = count.astype(object if x.dtype == object else total.real.dtype)
    return np.where(count[number] == 1, x, (total / share)[number])


# Places in a sorted row -------------------------------------------------------------------------


@primitive
class searchsorted(Other):
    """The places at which numbers v would be inserted into a sorted row, as integers."""

    inert = (0, 1)

    def value(self, row: Any, v: Any, side: str) -> Any:
        return np.searchsorted(row, v, side=side)  # type: ignore[call-overload]

    def analytic(self, row: Any, v: Any, side: str) -> Any:
        """Compared by real parts."""
        return self.value(np.real(row), np.real(v), side)

    def generic(self, row: Any, v: Any, side: str) -> Any:
        _refuse_symbols("searchsorted", row)
        _refuse_symbols("searchsorted", v)
        return self.value(np.asarray(row, dtype=object), np.asarray(v, dtype=object), side)

    def shape(self, row: Aval, v: Aval, side: str) -> Any:
        if row.ndim != 1:
            raise ShapeError(
                f"searchsorted: {row} is not one row of numbers",
                hint="give a sorted array of one axis.",
            )
        return aval(v.shape, np.intp)

    def jvp(self, y: Any, x: Sequence[Any], x_dot: Sequence[Any], side: str) -> Any:
        return None

    def vjp(self, ct: Any, y: Any, row: Any, v: Any, side: str) -> Any:
        return None, None

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return out.size * avals[0].size.bit_length()
