"""Medians, quantiles and percentiles: sort, take the neighbours, interpolate.

The q-quantile of n sorted numbers stands at the place h = q(n − 1), or where another of the nine
definitions of Hyndman & Fan puts it; between the neighbours y₍ₖ₎ and y₍ₖ₊₁₎ the value is
y₍ₖ₎ + (h − k)(y₍ₖ₊₁₎ − y₍ₖ₎).  So it is differentiable by the numbers and by q.  Where a NaN counts
as missing, which elements are NaN is settled while capturing (``capture/settling.py``).  With
weights it is the first sorted number at which their running sum reaches q of the total: it moves
with that number, and not with the weights.

Reading on: Hyndman & Fan 1996, *Sample quantiles in statistical packages*.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from diffkit.capture.numpy_functions.elementwise import is_nan
from diffkit.capture.numpy_functions.tables import (
    axes_of,
    delivered,
    implements,
    kept,
    traced,
)
from diffkit.capture.settling import settled
from diffkit.capture.tracing import Tracer, cast_to, here
from diffkit.errors import InputError, ShapeError
from diffkit.primitives import ordering, piecewise

__all__ = ["median", "quantile"]

# Hyndman & Fan's α and β: the place is n q + α + q(1 − α − β) − 1.
PLACES = {
    "interpolated_inverted_cdf": (0.0, 1.0), "hazen": (0.5, 0.5), "weibull": (0.0, 0.0),
    "median_unbiased": (1 / 3, 1 / 3), "normal_unbiased": (3 / 8, 3 / 8),
}  # fmt: skip
DISCRETE = (
    "inverted_cdf", "averaged_inverted_cdf", "closest_observation", "lower", "higher", "midpoint",
    "nearest",
)  # fmt: skip
# Those that give an element of the array, whatever the dtype of q.
PICKING = ("inverted_cdf", "closest_observation", "lower", "higher", "nearest")


# Rows -------------------------------------------------------------------------------------------


def _rows(a: Any, axis: Any, what: str) -> tuple[Tracer, Tracer, tuple[int, ...]]:
    """The array, and its elements along the axes in one last axis, sorted."""
    (a,) = traced(a)
    axes = axes_of(axis, a.ndim, what)
    rest = tuple(k for k in range(a.ndim) if k not in axes)
    count = prod(a.shape[k] for k in axes)
    if not count:
        raise ShapeError(
            f"{what}: {a.aval} has no elements along axis {axis}",
            where=here(),
            hint="give an array with elements.",
        )
    rows: Any = np.reshape(np.transpose(a, (*rest, *axes)), (*(a.shape[k] for k in rest), count))
    return a, ordering.sort(rows, axis=rows.ndim - 1), axes


def _counts(y: Tracer) -> np.ndarray:
    """How many numbers each sorted row has before its NaNs."""
    return y.shape[-1] - settled(is_nan(y)).sum(axis=-1)


def _at(y: Tracer, places: Any) -> Any:
    """The elements of sorted rows at one place, or at one place for each row."""
    if isinstance(places, Tracer) or np.ndim(places) == 0:
        return y[(..., places)]
    column = np.reshape(places, (*np.shape(places), 1))
    return ordering.along(y, column, y.ndim - 1)[..., 0]


def _or_nan(result: Any, y: Tracer) -> Any:
    """The result, but NaN for rows with a NaN, which stands last."""
    last = y[..., -1]
    return piecewise.where(is_nan(last), last, result)


def _shaped(result: Any, a: Tracer, axes: tuple[int, ...], keepdims: Any, out: Any) -> Any:
    """The result with the reduced axes kept, if asked for."""
    if keepdims is True:
        front = result.shape[: result.ndim - (a.ndim - len(axes))]
        result = np.reshape(result, (*front, *kept(a.shape, axes)))
    return delivered(result, out)


# Medians ----------------------------------------------------------------------------------------


def _middle(y: Tracer, count: Any) -> Any:
    """The middle element, or the mean of the two in the middle."""
    y = y if y.dtype.kind == "f" else cast_to(y, np.float64)
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    high = np.minimum(high, y.shape[-1] - 1)
    if np.ndim(low) == 0 and low == high:
        return _at(y, int(low))
    both = (_at(y, low) + _at(y, high)) / 2
    return both if np.ndim(low) == 0 else piecewise.where(low == high, _at(y, low), both)


@implements(np.median)
def median(
    a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = False
) -> Any:
    """The middle one of the sorted numbers, or the mean of the two in the middle."""
    a, y, axes = _rows(a, axis, "np.median")
    return _shaped(_or_nan(_middle(y, y.shape[-1]), y), a, axes, keepdims, out)


@implements(np.nanmedian)
def nanmedian(
    a: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False, keepdims: Any = False
) -> Any:
    """The median of the elements that are numbers."""
    a, y, axes = _rows(a, axis, "np.nanmedian")
    return _shaped(_middle(y, _counts(y)), a, axes, keepdims, out)


# Quantiles --------------------------------------------------------------------------------------


def _continuous(method: str, n: Any, q: Any) -> Any:
    """The place between the sorted elements, from 0 to n − 1."""
    if method == "linear":
        return (n - 1) * q
    alpha, beta = PLACES[method]
    return n * q + (alpha + q * (1 - alpha - beta)) - 1


def _discrete(method: str, n: Any, q: Any) -> tuple[Any, Any]:
    """The place as (k, share of its right neighbour), the share being 0, ½ or 1."""
    if method in ("lower", "higher", "nearest", "midpoint"):
        h = (n - 1) * q
        low, high = np.floor(h), np.ceil(h)
        if method == "midpoint":
            return low, np.where(low == high, 0.0, 0.5)
        return {"lower": low, "higher": high, "nearest": np.round(h)}[method], 0.0
    h = n * q - 1 - (0.5 if method == "closest_observation" else 0.0)
    k = np.floor(h)
    exact = h - k == 0
    if method == "averaged_inverted_cdf":
        return k, np.where(exact, 0.5, 1.0)
    if method == "closest_observation":
        exact = exact & (k % 2 == 1)
    return np.maximum(k + np.where(exact, 0, 1), 0), 0.0


def _placed(method: str, n: Any, q: Any) -> tuple[Any, Any, Any]:
    """The two neighbours of the quantile, and the share of the right one."""
    if method in DISCRETE:
        k, share = _discrete(method, n, q)
    elif method == "linear" or method in PLACES:
        h = _continuous(method, n, q)
        k = np.floor(h)
        share = h - k
    else:
        known = ", ".join(["linear", *PLACES, *DISCRETE])
        raise InputError(
            f"np.quantile: there is no method {method!r}", where=here(), hint=f"use one of {known}."
        )
    low, high = (np.clip(place, 0, n - 1).astype(np.intp) for place in (k, k + 1))
    return low, high, share


def _one_quantile(y: Tracer, count: Any, q: Any, method: str) -> Any:
    low, high, part = _placed(method, count, q)
    share: Any = cast_to(part, y.dtype) if isinstance(part, Tracer) else \
        np.asarray(part, dtype=y.dtype)  # fmt: skip
    if method in PICKING:
        return _at(y, low)
    a, b = _at(y, low), _at(y, high)
    step = b - a
    # from the nearer end, as NumPy does; where both are the same infinity, a itself
    between = np.where(share >= 0.5, b - step * (1 - share), a + step * share)
    level = np.isinf(a) & (a == b)
    return piecewise.where(level, a, between)


def _check_levels(q: Any, what: str) -> None:
    if not isinstance(q, Tracer) and not np.all((np.asarray(q) >= 0) & (np.asarray(q) <= 1)):
        raise InputError(f"{what}: a level is outside of its range", where=here(),
                         hint="quantiles run from 0 to 1, percentiles from 0 to 100.")  # fmt: skip


def _quantiles(
    what: str, a: Any, q: Any, axis: Any, out: Any, method: Any, keepdims: Any, skip_nan: bool,
    wide: Any,
) -> Any:  # fmt: skip
    a = traced(a, q)[0]
    a, y, axes = _rows(a, axis, what)
    if method not in PICKING:
        y = cast_to(y, np.result_type(y.dtype, wide if y.dtype.kind == "f" else np.float64))
    count = _counts(y) if skip_nan else y.shape[-1]
    levels = np.reshape(q, -1)
    found = []
    for k in range(levels.shape[0]):
        one = _one_quantile(y, count, levels[k], method)
        found.append(one if skip_nan else _or_nan(one, y))
    result: Any = np.stack(found) if np.ndim(q) else found[0]
    if np.ndim(q) > 1:
        result = np.reshape(result, (*np.shape(q), *result.shape[1:]))
    return _shaped(result, a, axes, keepdims, out)


def _level_dtype(q: Any, scale: float) -> Any:
    """What the levels add to the dtype of the result: nothing where they are Python's numbers."""
    dtype = q.dtype if isinstance(q, Tracer) else np.asarray(q).dtype
    if type(q) in (int, float) or (scale == 1.0 and dtype.kind in "iub"):
        return np.dtype(np.float32)
    return dtype if dtype.kind == "f" else np.dtype(np.float64)


# Weights ----------------------------------------------------------------------------------------


def _weight_of_each(what: str, a: Tracer, w: Tracer, axes: tuple[int, ...]) -> Any:
    """Weights in the shape of the numbers: as given, or one for each place along the axes."""
    if w.shape == a.shape:
        return w
    if w.shape != tuple(a.shape[k] for k in axes) or len(axes) == a.ndim:
        raise ShapeError(
            f"{what}: weights {w.aval} for {a.aval}",
            where=here(),
            hint="give a weight for each number, or one for each place along the axis.",
        )
    ones = tuple(size if k in axes else 1 for k, size in enumerate(a.shape))
    return np.broadcast_to(np.reshape(w, ones), a.shape)


def _weighted(
    what: str, a: Any, q: Any, axis: Any, out: Any, method: Any, keepdims: Any, skip_nan: bool,
    weights: Any,
) -> Any:  # fmt: skip
    """The first sorted number at which the running sum of the weights reaches q of the total."""
    if method != "inverted_cdf":
        raise InputError(
            f"{what}: weights= goes with the method inverted_cdf alone, in NumPy too",
            where=here(),
            hint='add method="inverted_cdf".',
        )
    a, w = traced(a, weights, *([q] if isinstance(q, Tracer) else []))[:2]
    axes = axes_of(axis, a.ndim, what)
    order = (*(k for k in range(a.ndim) if k not in axes), *axes)
    shape = (*(a.shape[k] for k in order[: a.ndim - len(axes)]), -1)
    rows, w = (np.reshape(np.transpose(x, order), shape)
               for x in (a, _weight_of_each(what, a, w, axes)))  # fmt: skip
    ascending = np.argsort(rows, axis=-1)
    y: Any = np.take_along_axis(rows, ascending, -1)
    w = np.take_along_axis(w, ascending, -1)
    w = piecewise.where(is_nan(y), 0.0, w) if skip_nan else w
    below: Any = np.cumsum(w, axis=-1, dtype=np.float64)
    below = below / below[..., -1:]
    below = piecewise.where(below == 0, -1.0, below)  # as NumPy: no element of weight 0 comes first
    found = []
    levels = np.reshape(q, -1)
    for k in range(levels.shape[0]):
        place = np.minimum(np.sum(below < levels[k], axis=-1, keepdims=True), y.shape[-1] - 1)
        one = np.take_along_axis(y, place, -1)[..., 0]
        found.append(one if skip_nan else _or_nan(one, y))
    result: Any = np.stack(found) if np.ndim(q) else found[0]
    return _shaped(result, a, axes, keepdims, out)


def _level(name: str, scale: float, skip_nan: bool) -> Any:
    def composition(
        a: Any, q: Any, axis: Any = None, out: Any = None, overwrite_input: bool = False,
        method: Any = "linear", keepdims: Any = False, *, weights: Any = None,
        interpolation: Any = None,
    ) -> Any:  # fmt: skip
        what = f"np.{name}"
        level: Any = q if isinstance(q, Tracer) else np.asarray(q, dtype=float)
        level = level if scale == 1.0 else level / scale
        _check_levels(level, what)
        if weights is not None:
            return _weighted(what, a, level, axis, out, method, keepdims, skip_nan, weights)
        wide = _level_dtype(q, scale)
        return _quantiles(what, a, level, axis, out, method, keepdims, skip_nan, wide)

    composition.__name__ = name
    return composition


quantile = implements(np.quantile)(_level("quantile", 1.0, False))
implements(np.percentile)(_level("percentile", 100.0, False))
implements(np.nanquantile)(_level("nanquantile", 1.0, True))
implements(np.nanpercentile)(_level("nanpercentile", 100.0, True))
