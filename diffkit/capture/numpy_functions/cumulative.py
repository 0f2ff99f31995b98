"""Running totals, and a ufunc's methods ``accumulate``, ``reduceat`` and ``at``.

A running sum is a linear primitive, a running product and a running extreme are primitives whose
derivative is a linear recurrence (``primitives/cumulative.py``).  ``reduceat`` reduces slices, and
``at`` is done in rounds in which every place is met at most once, so that repeated places take
effect one after the other, as in NumPy.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, reduce
from itertools import accumulate
from typing import Any

import numpy as np

from diffkit.capture.indexing import as_index, concrete
from diffkit.capture.numpy_functions.elementwise import is_nan
from diffkit.capture.numpy_functions.reductions import (
    REDUCERS,
    accumulate_add,
    given,
    summed_dtype,
)
from diffkit.capture.numpy_functions.sorting import flattened
from diffkit.capture.numpy_functions.tables import (
    axis_of,
    delivered,
    implements,
    kept,
    reduced_axes,
    traced,
)
from diffkit.capture.settling import settled
from diffkit.capture.tracing import Tracer, cast_to, here
from diffkit.capture.updating import added_at
from diffkit.errors import MutationError, ShapeError, UnsupportedError
from diffkit.primitives import cumulative, piecewise, shaping

__all__ = ["ACCUMULATORS", "at", "fold", "reduceat", "scan"]

NOT_GIVEN = getattr(np, "_NoValue", None)  # NumPy's mark: None is a choice of its own


# Folds ------------------------------------------------------------------------------------------


def fold(
    ufunc: Any, a: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: Any = False,
    initial: Any = NOT_GIVEN, where: Any = True,
) -> Any:  # fmt: skip
    """``ufunc.reduce``: one slice after the other, from the left."""
    if ufunc.nin != 2 or ufunc.nout != 1 or where is not True:
        raise _no_method(ufunc, "reduce")
    (a,) = traced(a)
    axes = reduced_axes(axis, a.ndim, f"np.{ufunc.__name__}.reduce")
    rest = tuple(k for k in range(a.ndim) if k not in axes)
    a = _as_loop_takes(a, ufunc, "reduce", axis=axes, dtype=dtype)
    rows: Any = np.transpose(a, (*axes, *rest))
    rows = np.reshape(rows, (-1, *(a.shape[k] for k in rest)))
    start = _begun(ufunc, rows, initial)
    if not start and not rows.shape[0]:
        raise ShapeError(f"np.{ufunc.__name__}.reduce of nothing", where=here(),
                         hint="give initial=.")  # fmt: skip
    result: Any = reduce(ufunc, [*start, *rows])
    if keepdims:
        result = np.reshape(result, kept(a.shape, axes))
    return delivered(result, out)


def scan(ufunc: Any, a: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
    """``ufunc.accumulate``: every result of the fold, in order."""
    if ufunc.nin != 2 or ufunc.nout != 1:
        raise _no_method(ufunc, "accumulate")
    (a,) = traced(a)
    one = axis_of(axis, a.ndim, f"np.{ufunc.__name__}.accumulate")
    a = _as_loop_takes(a, ufunc, "accumulate", axis=one, dtype=dtype)
    rows = [a[(*(slice(None),) * one, k)] for k in range(a.shape[one])]
    stacked: Any = np.stack(list(accumulate(rows, ufunc)), axis=one) if rows else a
    return delivered(stacked, out)


def _as_loop_takes(a: Tracer, ufunc: Any, method: str, **options: Any) -> Tracer:
    """The array in the dtype in which NumPy folds it, so that a single slice has it, too.

    Raises
    ------
    UnsupportedError
        When NumPy has no such fold, or none over several axes, as for a difference.
    """
    try:
        found = getattr(ufunc, method)(np.ones((1,) * a.ndim, a.dtype), **options)
    except (TypeError, ValueError) as error:
        raise UnsupportedError(
            f"np.{ufunc.__name__}.{method}: {error}",
            where=here(),
            hint="NumPy refuses it too; write it out with the ufunc itself.",
        ) from None
    kind = getattr(found, "dtype", np.dtype(object))
    if kind == np.float16:  # of truth values; half floats are not used
        kind = np.dtype(np.float64)
    return a if kind.kind == "O" else cast_to(a, kind)


def _begun(ufunc: Any, rows: Any, initial: Any) -> list[Any]:
    """What a reduction begins with, before its first slice."""
    if given(initial):
        return [np.broadcast_to(cast_to(traced(initial, rows)[0], rows.dtype), rows.shape[1:])]
    # two slices or more are the same with and without it; initial=None goes without
    if initial is None or ufunc.identity is None or rows.shape[0] > 1:
        return []
    return [np.full_like(rows, ufunc.identity, shape=rows.shape[1:])]


def _no_method(ufunc: Any, method: str) -> UnsupportedError:
    return UnsupportedError(
        f"np.{ufunc.__name__}.{method} is not supported while tracing",
        where=here(),
        hint="write it as a sum, a product or np.where of whole arrays.",
    )


# Running values ---------------------------------------------------------------------------------


def accumulate_multiply(a: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
    """Running product along one axis."""
    a = summed_dtype(traced(a)[0], dtype)
    one = axis_of(axis, a.ndim, "np.cumprod")
    return delivered(cumulative.cumprod(a, axis=one) if a.size else a, out)


def _running(primitive: Any) -> Callable[..., Any]:
    def composition(a: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
        (a,) = traced(a)
        one = axis_of(axis, a.ndim, f"np.{primitive.name}")
        return delivered(primitive(a, axis=one) if a.size else a, out)

    return composition


# ufunc name → what its method ``accumulate`` is
ACCUMULATORS: dict[str, Callable[..., Any]] = {
    "add": accumulate_add,
    "multiply": accumulate_multiply,
    "maximum": _running(cumulative.cummax),
    "minimum": _running(cumulative.cummin),
}


@implements(np.cumsum)
def cumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Running sum along one axis, or of the flattened array."""
    a, one = flattened(traced(a)[0], axis, "np.cumsum", scalars=True)
    return accumulate_add(a, one, dtype, out)


@implements(np.cumprod)
def cumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Running product along one axis, or of the flattened array."""
    a, one = flattened(traced(a)[0], axis, "np.cumprod", scalars=True)
    return accumulate_multiply(a, one, dtype, out)


def _array_api(name: str, accumulate: Callable[..., Any], neutral: int) -> Callable[..., Any]:
    """``np.cumulative_sum`` and ``np.cumulative_prod``, which may begin with the neutral value."""

    def composition(
        x: Any, /, *, axis: Any = None, dtype: Any = None, out: Any = None,
        include_initial: bool = False,
    ) -> Any:  # fmt: skip
        x = np.atleast_1d(traced(x)[0])
        if axis is None and x.ndim > 1:
            raise ShapeError(
                f"np.{name}: {x.aval} has several axes", where=here(), hint="give axis=."
            )
        one = axis_of(0 if axis is None else axis, x.ndim, f"np.{name}")
        running = accumulate(x, one, dtype)
        if include_initial:
            edge = (*x.shape[:one], 1, *x.shape[one + 1 :])
            first = np.full(edge, neutral, dtype=running.dtype)
            running = shaping.concatenate(first, running, axis=one)
        return delivered(running, out)

    composition.__name__ = name
    return composition


implements(np.cumulative_sum)(_array_api("cumulative_sum", accumulate_add, 0))
implements(np.cumulative_prod)(_array_api("cumulative_prod", accumulate_multiply, 1))


@implements(np.nancumsum)
def nancumsum(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Running sum in which NaN counts as 0."""
    (a,) = traced(a)
    return cumsum(piecewise.where(is_nan(a), 0, a), axis, dtype, out)


@implements(np.nancumprod)
def nancumprod(a: Any, axis: Any = None, dtype: Any = None, out: Any = None) -> Any:
    """Running product in which NaN counts as 1."""
    (a,) = traced(a)
    return cumprod(piecewise.where(is_nan(a), 1, a), axis, dtype, out)


# Slices and places ------------------------------------------------------------------------------


def reduceat(
    ufunc: Any, a: Any, indices: Any, axis: int = 0, dtype: Any = None, out: Any = None
) -> Any:
    """``ufunc.reduceat``: each slice from one index to the next, reduced.

    Raises
    ------
    UnsupportedError
        For ufuncs whose reduction has no composition.
    ShapeError
        For an index outside of the array.
    """
    if ufunc.nin != 2 or ufunc.nout != 1:
        raise _no_method(ufunc, "reduceat")
    # a slice of one element is that element, where a reduction would begin with the identity
    reducer = REDUCERS.get(ufunc.__name__) or partial(fold, ufunc, initial=None)
    (a,) = traced(a, indices)[:1]
    one = axis_of(axis, a.ndim, f"np.{ufunc.__name__}.reduceat")
    starts = [int(place) for place in settled(indices)]
    outside = [start for start in starts if not 0 <= start < a.shape[one]]
    if outside:
        raise ShapeError(
            f"np.{ufunc.__name__}.reduceat: there is no place {outside[0]} among "
            f"{a.shape[one]} elements along axis {one}",
            where=here(),
            hint="an index is 0 or more, and less than the length; it is not counted from the end.",
        )
    options = {} if dtype is None else {"dtype": dtype}
    before = (slice(None),) * one
    rows = []
    for start, stop in zip(starts, [*starts[1:], a.shape[one]], strict=True):
        part = a[(*before, slice(start, stop if stop > start else start + 1))]
        rows.append(reducer(part, axis=one, **options))
    stacked: Any = np.stack(rows, axis=one)
    return delivered(stacked, out)


def at(ufunc: Any, target: Any, index: Any, *values: Any) -> None:
    """``ufunc.at`` on a traced array: repeated places take effect one after the other.

    Raises
    ------
    MutationError
        When the array is a plain one.
    """
    if not isinstance(target, Tracer):
        raise MutationError(
            f"np.{ufunc.__name__}.at changes an array in place",
            where=here(),
            hint="np.add.at works on a traced array, such as np.zeros_like(x).",
        )
    if ufunc is np.add or ufunc is np.subtract:
        (value,) = values
        target.replace(added_at(target, index, value if ufunc is np.add else -value))
        return
    spec, arrays = concrete(target, index)
    plain = as_index(spec, [settled(array) for array in arrays])
    places = np.arange(target.size).reshape(target.shape)[plain]
    fitted = [np.reshape(np.broadcast_to(value, places.shape), -1) for value in values]
    flat: Any = np.reshape(target.copy(), -1)
    for chosen in _rounds(places.reshape(-1)):
        there = places.reshape(-1)[chosen]
        flat[there] = ufunc(flat[there], *(value[chosen] for value in fitted))
    target.replace(shaping.reshape(flat, shape=target.shape))


def _rounds(places: np.ndarray) -> list[np.ndarray]:
    """The positions of first occurrences, of second ones, and so on."""
    order = np.argsort(places, kind="stable")
    first = np.searchsorted(places[order], places[order])
    occurrence = np.empty(places.size, dtype=np.intp)
    occurrence[order] = np.arange(places.size) - first
    return [np.flatnonzero(occurrence == k) for k in range(int(occurrence.max(initial=-1)) + 1)]
