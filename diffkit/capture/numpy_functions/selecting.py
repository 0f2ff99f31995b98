"""Choosing by conditions and places: select, piecewise, choose, place, put, insert.

A choice between arrays is ``where``, element by element, so a branch that is not taken never
spoils a derivative (Note [Kinks] in ``primitives/piecewise.py``).  What NumPy changes in place
changes a traced array; a plain array cannot take traced values and says so.

Reading on: NumPy's reference, *Indexing routines*.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.capture.numpy_functions.joining import concatenate
from diffkit.capture.numpy_functions.shaping import asked
from diffkit.capture.numpy_functions.sorting import flattened
from diffkit.capture.numpy_functions.tables import axis_of, delivered, implements, same, traced
from diffkit.capture.settling import settled
from diffkit.capture.tracing import Tracer, cast_to, here
from diffkit.errors import InputError, MutationError, ShapeError
from diffkit.primitives import piecewise

__all__ = ["select"]


# Choices ----------------------------------------------------------------------------------------


@implements(np.select)
def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> Any:
    """The choice of the first condition that holds."""
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ShapeError(
            f"np.select: {len(condlist)} conditions for {len(choicelist)} choices", where=here()
        )
    result = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        result = np.where(condition, choice, result)
    return result


@implements(np.choose)
def choose(a: Any, choices: Any, out: Any = None, mode: str = "raise") -> Any:
    """Elements of several arrays, by the number of the array."""
    rows = list(choices)
    number = traced(a, *rows)[0]
    count = len(rows)
    if mode == "wrap":
        number = np.mod(number, count)
    elif mode == "clip":
        number = np.clip(number, 0, count - 1)
    else:
        plain = settled(number)
        if plain.size and not (plain.min() >= 0 and plain.max() < count):
            raise InputError(
                f"np.choose: a number is not one of the {count} choices", where=here(),
                hint='use mode="clip" or mode="wrap".',
            )  # fmt: skip
    found = traced(*rows, number)[:-1]
    weak = [type(row) in (int, float) for row in rows]
    dtype = np.result_type(*(row if w else row_.dtype
                             for w, row, row_ in zip(weak, rows, found, strict=True)))  # fmt: skip
    result: Any = cast_to(found[0], dtype)
    for k in range(1, count):
        result = np.where(number == k, cast_to(found[k], dtype), result)
    shape = np.broadcast_shapes(number.shape, *(row.shape for row in found))
    whole: Any = np.broadcast_to(result, shape)
    return delivered(whole, out)


@implements(np.piecewise)
def piecewise_(x: Any, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Any:
    """Functions by conditions; each is called with all of x, and selected where it applies."""
    x = traced(x, condlist)[0]
    first = condlist if np.ndim(condlist) == 0 else condlist[0]
    single = x.ndim > 0 and not isinstance(first, list) and np.ndim(first) == 0
    conditions = [condlist] if single or np.ndim(condlist) == 0 else list(condlist)
    functions = list(funclist)
    if len(functions) - len(conditions) not in (0, 1):
        raise ShapeError(
            f"np.piecewise: {len(functions)} functions for {len(conditions)} conditions",
            where=here(),
            hint="give one for each condition, and one more for everywhere else.",
        )

    def evaluated(function: Any) -> Any:
        return function(x, *args, **kw) if callable(function) else function

    extra = len(functions) > len(conditions)
    result: Any = np.zeros_like(x)
    if extra:
        elsewhere: Any = np.broadcast_to(traced(evaluated(functions[-1]), x)[0], x.shape)
        result = cast_to(elsewhere, x.dtype)
    for condition, function in zip(conditions, functions, strict=False):
        value = cast_to(traced(evaluated(function), x)[0], x.dtype)
        result = np.where(condition, value, result)
    return result


# In place ---------------------------------------------------------------------------------------


def _target(arr: Any, name: str) -> Tracer:
    if isinstance(arr, Tracer):
        return arr
    raise MutationError(
        f"np.{name} would store traced values into a plain array",
        where=here(),
        hint="start from a traced array, such as np.zeros_like(x), or use np.where.",
    )


@implements(np.place)
def place(arr: Any, mask: Any, vals: Any) -> None:
    """The elements where a condition holds are replaced by values in turn, in place."""
    arr = _target(arr, "place")
    chosen = np.flatnonzero(settled(mask))
    if chosen.size:
        flat: Any = np.reshape(arr.copy(), -1)
        flat[chosen] = np.resize(vals, chosen.size)
        arr.replace(np.reshape(flat, arr.shape))


@implements(np.putmask)
def putmask(a: Any, mask: Any, values: Any) -> None:
    """The elements where a condition holds are replaced by those of an array of values."""
    a = _target(a, "putmask")
    values = traced(values, a)[0]
    fitted: Any = values if values.shape == a.shape else np.resize(values, a.shape)
    a.replace(piecewise.where(traced(mask, a)[0], cast_to(fitted, a.dtype), a))


@implements(np.put)
def put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    """Elements of the flattened array are replaced, in place."""
    a = _target(a, "put")
    places = settled(ind).reshape(-1)
    if mode != "raise":
        places = places % a.size if mode == "wrap" else np.clip(places, 0, a.size - 1)
    if places.size:
        flat: Any = np.reshape(a.copy(), -1)
        flat[places] = np.resize(v, places.size)
        a.replace(np.reshape(flat, a.shape))


@implements(np.put_along_axis)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: Any) -> None:
    """Elements at places that match the array along the other axes are replaced, in place."""
    arr = _target(arr, "put_along_axis")
    new, one = flattened(arr.copy(), axis, "np.put_along_axis")
    index = indices if isinstance(indices, Tracer) else np.asarray(indices)
    parts: list[Any] = []
    for k, size in enumerate(new.shape):
        aligned = tuple(size if j == k else 1 for j in range(new.ndim))
        parts.append(index if k == one else np.arange(size).reshape(aligned))
    new[tuple(parts)] = values
    arr.replace(np.reshape(new, arr.shape))


# Inserting --------------------------------------------------------------------------------------


def _where_inserted(obj: Any, size: int) -> np.ndarray:
    if isinstance(obj, slice):
        return np.arange(*obj.indices(size))
    places = settled(obj)
    return np.flatnonzero(places) if places.dtype == bool else places


@implements(np.insert)
def insert(arr: Any, obj: Any, values: Any, axis: Any = None) -> Any:
    """Values put in before given places along an axis, or into the flattened array."""
    arr = traced(arr, values, *([obj] if isinstance(obj, Tracer) else []))[0]
    whole, one = flattened(arr, axis, "np.insert")
    places = _where_inserted(obj, whole.shape[one])
    block: Any = cast_to(traced(values, arr)[0], arr.dtype)
    count = places.size
    if places.size == 1:
        block = np.reshape(block, (1,) * (whole.ndim - block.ndim) + block.shape)
        if places.ndim == 0:
            block = np.moveaxis(block, 0, one)
        count = block.shape[one]
        places = places.reshape(-1)[:1] if count == 1 else places.reshape(-1)[0]
    shape = (*whole.shape[:one], count, *whole.shape[one + 1 :])
    block = np.broadcast_to(block, shape)
    size = whole.shape[one]
    order = asked(np.insert, np.arange(size), places, size + np.arange(count))
    joined = concatenate([whole, block], one)
    return same(joined[(*(slice(None),) * one, order)])


@implements(np.unstack)
def unstack(x: Any, /, *, axis: int = 0) -> Any:
    """The slices along an axis, as a tuple."""
    (x,) = traced(x)
    one = axis_of(axis, x.ndim, "np.unstack")
    return tuple(x[(*(slice(None),) * one, k)] for k in range(x.shape[one]))


# Places from shapes -----------------------------------------------------------------------------


def _from_shape(function: Any, square: Any) -> None:
    def composition(arr: Any, k: int = 0) -> Any:
        dummy = np.broadcast_to(np.int8(0), traced(arr)[0].shape)
        return asked(function, dummy, *((k,) if square else ()))

    implements(function)(composition)


_from_shape(np.diag_indices_from, False)
_from_shape(np.tril_indices_from, True)
_from_shape(np.triu_indices_from, True)


@implements(np.unravel_index)
def unravel_index(indices: Any, shape: Any, order: Any = "C") -> Any:
    """The places along each axis of places in the flattened array, as plain integers."""
    return np.unravel_index(settled(indices), shape, order)


@implements(np.ravel_multi_index)
def ravel_multi_index(multi_index: Any, dims: Any, mode: Any = "raise", order: Any = "C") -> Any:
    """The places in the flattened array of places along each axis, as plain integers."""
    return np.ravel_multi_index(tuple(settled(one) for one in multi_index), dims, mode, order)


@implements(np.ix_)
def ix_(*args: Any) -> Any:
    """Rows of places, each along its own axis."""
    plain = [settled(one) for one in args]
    return np.ix_(*plain)


# Functions of slices ----------------------------------------------------------------------------


@implements(np.apply_along_axis)
def apply_along_axis(
    func1d: Callable[..., Any], axis: int, arr: Any, *args: Any, **kwargs: Any
) -> Any:
    """A function of one row, called with every row along an axis."""
    (arr,) = traced(arr)
    one = axis_of(axis, arr.ndim, "np.apply_along_axis")
    rows: Any = np.moveaxis(arr, one, -1)
    rest = rows.shape[:-1]
    found = [traced(func1d(rows[place], *args, **kwargs), arr)[0] for place in np.ndindex(*rest)]
    inner = found[0].shape
    stacked: Any = np.reshape(np.stack(found), (*rest, *inner))
    order = (*range(one), *range(len(rest), len(rest) + len(inner)), *range(one, len(rest)))
    return np.transpose(stacked, order)


@implements(np.apply_over_axes)
def apply_over_axes(func: Callable[..., Any], a: Any, axes: Any) -> Any:
    """A function of an array and an axis, applied to one axis after the other."""
    (a,) = traced(a)
    for axis in np.atleast_1d(axes).tolist():
        found = func(a, axis)
        if found.ndim != a.ndim:
            found = np.expand_dims(found, axis)
        a = found
    return a
