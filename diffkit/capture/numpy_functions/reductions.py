"""Sums, means, extremes and the other reductions, over any axes.

The primitives reduce over sorted, non-negative axes and drop them; ``axis``, ``keepdims``,
``where`` and ``initial`` are worked out here.  Statistics are their textbook formulas:

    mean = Σx/n,   var = Σ(x − mean)²/(n − ddof),   std = √var  (derivative 0 where var is 0).

Reading on: Chan, Golub & LeVeque 1983, *Algorithms for computing the sample variance*.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from math import prod as product
from typing import Any

import numpy as np

from diffkit.capture.numpy_functions.elementwise import is_nan, safe_sqrt
from diffkit.capture.numpy_functions.powers import power
from diffkit.capture.numpy_functions.tables import (
    axes_of,
    axis_of,
    delivered,
    implements,
    is_whole_scalar,
    kept,
    reduced_axes,
    traced,
)
from diffkit.capture.tracing import Tracer, cast_to, here
from diffkit.errors import InputError, ShapeError
from diffkit.primitives import arithmetic as ops
from diffkit.primitives import piecewise, reductions, shaping

__all__ = [
    "REDUCERS", "accumulate_add", "given", "log_sum_exp", "max_", "mean", "min_", "prod_", "sum_",
    "summed_dtype", "var",
]  # fmt: skip


def given(option: Any) -> bool:
    return option is not None and option is not getattr(np, "_NoValue", None)


def _shaped(result: Tracer, of: Tracer, axes: tuple[int, ...], keepdims: Any) -> Tracer:
    """The result with the reduced axes kept, if asked for."""
    if not given(keepdims) or not keepdims:
        return result
    return shaping.reshape(result, shape=kept(of.shape, axes))


def _selected(a: Tracer, where: Any, neutral: Any) -> Tracer:
    """The array with a neutral value where a reduction's ``where=`` does not hold."""
    return piecewise.where(where, a, neutral) if given(where) and where is not True else a


# Sums and products ------------------------------------------------------------------------------


def summed_dtype(a: Tracer, dtype: Any) -> Tracer:
    """NumPy adds booleans and short integers as 64-bit integers."""
    if given(dtype):
        return cast_to(a, dtype)
    if a.dtype.kind == "b" or (a.dtype.kind == "i" and a.dtype.itemsize < 8):
        return cast_to(a, np.int64)
    if a.dtype.kind == "u" and a.dtype.itemsize < 8:
        return cast_to(a, np.uint64)
    return a


def _as(total: Tracer, initial: Any) -> Any:
    """The initial value in the dtype of the result, which it does not change."""
    return cast_to(traced(initial, total)[0], total.dtype)


def _folded(
    reduce: Any, join: Callable[[Any, Any], Any], neutral: int,
    a: Any, axis: Any, dtype: Any, keepdims: Any, initial: Any, where: Any,
) -> Any:  # fmt: skip
    """A sum or a product over axes; ``join`` takes the initial value in."""
    (a,) = traced(a)
    axes = reduced_axes(axis, a.ndim, f"np.{reduce.name}")
    total = summed_dtype(_selected(a, where, neutral), dtype)
    total = _shaped(reduce(total, axes=axes) if axes else total, a, axes, keepdims)
    total = cast_to(total, dtype) if given(dtype) else total
    return join(total, _as(total, initial)) if given(initial) else total


@implements(np.sum)
def sum_(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = None,
    initial: Any = None, where: Any = None,
) -> Any:  # fmt: skip
    """Sum over axes."""
    options = axis, dtype, keepdims, initial, where
    return delivered(_folded(reductions.sum_, operator.add, 0, a, *options), out)


@implements(np.prod)
def prod_(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = None,
    initial: Any = None, where: Any = None,
) -> Any:  # fmt: skip
    """Product over axes."""
    options = axis, dtype, keepdims, initial, where
    return delivered(_folded(reductions.prod, operator.mul, 1, a, *options), out)


@implements(np.nansum)
def nansum(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = None
) -> Any:
    """Sum over axes in which NaN counts as 0."""
    (a,) = traced(a)
    return sum_(piecewise.where(is_nan(a), 0, a), axis, dtype, out, keepdims)


@implements(np.count_nonzero)
def count_nonzero(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    """How many elements are not zero."""
    (a,) = traced(a)
    return sum_(ops.not_equal(a, 0), axis, np.int64, None, keepdims)


@implements(np.any)
def any_(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = None, *, where: Any = None
) -> Any:
    """Whether any element is true."""
    (a,) = traced(a)
    chosen = _selected(ops.not_equal(a, 0), where, False)
    return delivered(ops.greater(sum_(chosen, axis, np.int64, None, keepdims), 0), out)


@implements(np.all)
def all_(
    a: Any, axis: Any = None, out: Any = None, keepdims: Any = None, *, where: Any = None
) -> Any:
    """Whether all elements are true."""
    (a,) = traced(a)
    failing = _selected(ops.equal(a, 0), where, False)
    return delivered(ops.equal(sum_(failing, axis, np.int64, None, keepdims), 0), out)


# Means and spreads ------------------------------------------------------------------------------


def _floated(a: Tracer, dtype: Any) -> Tracer:
    if given(dtype):
        return cast_to(a, dtype)
    return a if a.dtype.kind == "f" else cast_to(a, np.float64)


def _count(a: Tracer, axes: tuple[int, ...], where: Any, keepdims: Any) -> Any:
    """The number of elements that a mean divides by."""
    if given(where) and where is not True:
        chosen = np.broadcast_to(traced(where, a)[0], a.shape)
        return cast_to(sum_(chosen, axes, np.int64, None, keepdims), a.dtype)
    return float(product(a.shape[axis] for axis in axes))


@implements(np.mean)
def mean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = None, *,
    where: Any = None,
) -> Any:  # fmt: skip
    """Arithmetic mean over axes."""
    (a,) = traced(a)
    a = _floated(a, dtype)
    axes = axes_of(axis, a.ndim, "np.mean")
    total = sum_(a, axes, None, None, keepdims, None, where)
    return delivered(ops.div(total, _count(a, axes, where, keepdims)), out)


@implements(np.nanmean)
def nanmean(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = None
) -> Any:
    """Arithmetic mean over axes, of the elements that are numbers."""
    (a,) = traced(a)
    axes = reduced_axes(axis, a.ndim, "np.nanmean")
    return mean(a, axes, dtype, out, keepdims, where=ops.logical_not(is_nan(a)))


@implements(np.var)
def var(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0,
    keepdims: Any = None, *, where: Any = None, mean: Any = None, correction: Any = None,
) -> Any:  # fmt: skip
    """Variance over axes, divided by n − ddof."""
    ddof = correction if given(correction) else ddof
    (a,) = traced(a)
    a = _floated(a, dtype)
    axes = axes_of(axis, a.ndim, "np.var")
    centre = mean if given(mean) else _mean(a, axes, None, None, True, where=where)
    squares = sum_(power(a - centre, 2), axes, None, None, keepdims, None, where)
    count = _count(a, axes, where, keepdims)
    left = (
        max(count - ddof, 0.0) if isinstance(count, float) else piecewise.maximum(count - ddof, 0)
    )
    return delivered(ops.div(squares, left), out)


_mean = mean


@implements(np.std)
def std(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0,
    keepdims: Any = None, *, where: Any = None, mean: Any = None, correction: Any = None,
) -> Any:  # fmt: skip
    """Standard deviation over axes; its derivative is 0 where all elements are equal."""
    square = var(
        a, axis, dtype, None, ddof, keepdims, where=where, mean=mean, correction=correction
    )
    return delivered(safe_sqrt(square), out)


@implements(np.average)
def average(
    a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = None
) -> Any:
    """Weighted mean over axes."""
    if weights is None:
        result = mean(a, axis, None, None, keepdims)
        count = traced(a)[0].size // max(result.size, 1)
        return (result, np.full_like(result, count)) if returned else result
    lifted: Any = traced(a, weights)
    known = lifted[1].arena.values.get(lifted[1].node)
    kind = np.result_type(*(x.dtype for x in lifted), *([] if lifted[0].dtype.kind == "f"
                                                        else [np.float64]))  # fmt: skip
    a, weights = (cast_to(x, kind) for x in lifted)
    axes = axes_of(axis, a.ndim, "np.average")
    if weights.shape != a.shape:
        if weights.shape != tuple(a.shape[one] for one in axes):
            raise ShapeError(
                f"np.average: the weights {weights.aval} do not fit {a.aval} along {axis}",
                where=here(),
                hint="weights have the shape of the array, or of the axes that are averaged.",
            )
        aligned = tuple(size if one in axes else 1 for one, size in enumerate(a.shape))
        weights = np.broadcast_to(shaping.reshape(weights, shape=aligned), a.shape)
    _check_weights(known, axes if np.shape(known) == a.shape else None, kind)
    total = sum_(weights, axes, None, None, keepdims)
    result = ops.div(sum_(ops.mul(a, weights), axes, None, None, keepdims), total)
    return (result, total) if returned else result


def _check_weights(weights: Any, axes: Any, dtype: Any) -> None:
    """Refuse weights that are known to sum to 0; traced ones give NaN or infinity there.

    Raises
    ------
    InputError
        Where NumPy raises a ZeroDivisionError.
    """
    if weights is not None and not np.all(np.sum(weights, axis=axes, dtype=dtype)):
        raise InputError(
            "np.average: the weights sum to 0",
            where=here(),
            hint="give weights with a sum other than 0; np.sum(a * weights) is the plain sum.",
        )


# Extremes ---------------------------------------------------------------------------------------


def _extreme(name: str, reduce: Any, pair: Any, worst: Any) -> Any:
    def composition(
        a: Any, axis: Any = None, out: Any = None, keepdims: Any = None,
        initial: Any = None, where: Any = None,
    ) -> Any:  # fmt: skip
        (a,) = traced(a)
        axes = reduced_axes(axis, a.ndim, f"np.{name}")
        empty = any(a.shape[one] == 0 for one in axes)
        if empty and not given(initial):
            raise ShapeError(
                f"np.{name}: {a.aval} has no elements along axis {axis}, so no extreme",
                where=here(),
                hint="give initial=, the value for an empty array.",
            )
        if given(where) and where is not True:
            a = _selected(a, where, _as(a, initial) if given(initial) else worst(a.dtype))
        if empty:
            left = tuple(size for one, size in enumerate(a.shape) if one not in axes)
            best: Any = np.broadcast_to(_as(a, initial), left)
        else:
            best = reduce(a, axes=axes) if axes else a
        best = _shaped(best, a, axes, keepdims)
        return delivered(pair(best, _as(best, initial)) if given(initial) else best, out)

    composition.__name__ = name
    return composition


def _lowest(dtype: np.dtype[Any]) -> Any:
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def _highest(dtype: np.dtype[Any]) -> Any:
    return np.inf if dtype.kind == "f" else np.iinfo(dtype).max


max_ = implements(np.max, np.amax)(_extreme("max", reductions.max_, piecewise.maximum, _lowest))
min_ = implements(np.min, np.amin)(_extreme("min", reductions.min_, piecewise.minimum, _highest))


@implements(np.ptp)
def ptp(a: Any, axis: Any = None, out: Any = None, keepdims: Any = None) -> Any:
    """The range of the values, max − min."""
    return delivered(max_(a, axis, None, keepdims) - min_(a, axis, None, keepdims), out)


def _arg_extreme(name: str, reduce: Any) -> Any:
    """The first place that holds the extreme (or, as in NumPy, the first NaN)."""

    def composition(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = None) -> Any:
        (a,) = traced(a)
        axis = None if is_whole_scalar(axis, a.ndim) else axis
        whole = a if axis is not None else shaping.reshape(a, shape=(a.size,))
        one = axis_of(0 if axis is None else axis, whole.ndim, f"np.{name}")
        best = reduce(whole, one, None, True)
        there = ops.logical_or(ops.equal(whole, best), is_nan(whole))
        size = whole.shape[one]
        aligned = tuple(size if k == one else 1 for k in range(whole.ndim))
        places = np.arange(size).reshape(aligned)
        first = min_(piecewise.where(there, places, size), one)
        axes = tuple(range(a.ndim)) if axis is None else (one,)
        return delivered(_shaped(first, a, axes, keepdims), out)

    composition.__name__ = name
    return composition


argmax = implements(np.argmax)(_arg_extreme("argmax", max_))
argmin = implements(np.argmin)(_arg_extreme("argmin", min_))


# Running totals and others ----------------------------------------------------------------------


def accumulate_add(a: Any, axis: Any = 0, dtype: Any = None, out: Any = None) -> Any:
    """Running sum along one axis."""
    (a,) = traced(a)
    one = axis_of(axis, a.ndim, "np.cumsum")
    return delivered(reductions.cumsum(summed_dtype(a, dtype), axis=one), out)


def log_sum_exp(
    a: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: Any = None
) -> Any:
    """log Σ eˣ over axes, which is ``np.logaddexp.reduce``."""
    (a,) = traced(a)
    a = _floated(a, dtype)
    axes = reduced_axes(axis, a.ndim, "np.logaddexp.reduce")
    return delivered(_shaped(reductions.logsumexp(a, axes=axes), a, axes, keepdims), out)


# ufunc name → what its method ``reduce`` is
REDUCERS: dict[str, Any] = {
    "add": sum_, "multiply": prod_, "maximum": max_, "minimum": min_,
    "logical_and": all_, "logical_or": any_, "logaddexp": log_sum_exp,
}  # fmt: skip
