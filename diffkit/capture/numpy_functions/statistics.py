"""Covariance, correlation, histograms, and reductions that leave NaN out.

Covariance is a product of centred rows, C = (X − x̄) W (X − x̄)ᵀ / n; correlation divides by the
standard deviations.  A histogram counts, and counts have no derivative; but the weights, the
density's widths and the edges that depend on the numbers have one.  Where a NaN counts as missing,
it is replaced by the reduction's neutral value first, so that it gets no derivative.

Reading on: Chan, Golub & LeVeque 1983, *Algorithms for computing the sample variance*.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.capture.numpy_functions.elementwise import is_nan, safe_sqrt
from diffkit.capture.numpy_functions.joining import concatenate
from diffkit.capture.numpy_functions.reductions import given, max_, min_, prod_, var
from diffkit.capture.numpy_functions.tables import (
    delivered,
    implements,
    refused_option,
    traced,
)
from diffkit.capture.settling import settled
from diffkit.capture.tracing import Tracer, cast_to, here
from diffkit.errors import DtypeError, ShapeError
from diffkit.primitives import arithmetic as ops
from diffkit.primitives import indexing, ordering, piecewise, shaping

__all__ = ["cov"]


# Without NaN ------------------------------------------------------------------------------------


def _nan_extreme(name: str, reduce: Any, worst: float) -> Any:
    def composition(
        a: Any, axis: Any = None, out: Any = None, keepdims: Any = None, initial: Any = None,
        where: Any = None,
    ) -> Any:  # fmt: skip
        (a,) = traced(a)
        if a.dtype.kind != "f":
            return reduce(a, axis, out, keepdims, initial, where)
        missing = is_nan(a)
        best = reduce(piecewise.where(missing, worst, a), axis, None, keepdims, initial, where)
        none: Any = np.all(missing, axis=axis, keepdims=given(keepdims) and bool(keepdims))
        return delivered(best if given(initial) else piecewise.where(none, np.nan, best), out)

    composition.__name__ = name
    return composition


implements(np.nanmax)(_nan_extreme("nanmax", max_, -np.inf))
implements(np.nanmin)(_nan_extreme("nanmin", min_, np.inf))


def _nan_place(name: str, find: Any, worst: float) -> Any:
    def composition(a: Any, axis: Any = None, out: Any = None, *, keepdims: Any = False) -> Any:
        (a,) = traced(a)
        return find(piecewise.where(is_nan(a), worst, a), axis, out, keepdims=keepdims)

    composition.__name__ = name
    return composition


implements(np.nanargmax)(_nan_place("nanargmax", np.argmax, -np.inf))
implements(np.nanargmin)(_nan_place("nanargmin", np.argmin, np.inf))


@implements(np.nanprod)
def nanprod(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: Any = None,
    initial: Any = None, where: Any = None,
) -> Any:  # fmt: skip
    """Product over axes in which NaN counts as 1."""
    (a,) = traced(a)
    return prod_(piecewise.where(is_nan(a), 1, a), axis, dtype, out, keepdims, initial, where)


@implements(np.nanvar)
def nanvar(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0,
    keepdims: Any = None, *, where: Any = None, mean: Any = None, correction: Any = None,
) -> Any:  # fmt: skip
    """Variance over axes of the elements that are numbers; NaN where there are none to spare."""
    (a,) = traced(a)
    numbers = ops.logical_not(is_nan(a))
    if given(where) and where is not True:
        numbers = ops.logical_and(numbers, where)
    ddof = correction if given(correction) else ddof
    spread = var(piecewise.where(is_nan(a), 0, a), axis, dtype, None, ddof, keepdims,
                 where=numbers, mean=mean)  # fmt: skip
    count = np.sum(numbers, axis=axis, keepdims=given(keepdims) and bool(keepdims))
    return delivered(piecewise.where(ops.less_equal(count, ddof), np.nan, spread), out)


@implements(np.nanstd)
def nanstd(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0,
    keepdims: Any = None, *, where: Any = None, mean: Any = None, correction: Any = None,
) -> Any:  # fmt: skip
    """Standard deviation over axes of the elements that are numbers."""
    spread = nanvar(a, axis, dtype, None, ddof, keepdims, where=where, mean=mean,
                    correction=correction)  # fmt: skip
    return delivered(safe_sqrt(spread), out)


# Covariance -------------------------------------------------------------------------------------


def _variables(m: Any, rowvar: bool) -> Any:
    """One variable per row."""
    if m.ndim > 2:
        raise ShapeError(f"np.cov: {m.aval} has more than two axes", where=here())
    rows = np.atleast_2d(m)
    return rows.T if not rowvar and m.ndim != 1 else rows


def _weights(fweights: Any, aweights: Any, like: Tracer) -> Any:
    given_ = [w for w in (fweights, aweights) if w is not None]
    if not given_:
        return None
    weights: list[Any] = [cast_to(traced(w, like)[0], np.float64) for w in given_]
    return weights[0] if len(weights) == 1 else weights[0] * weights[1]


@implements(np.cov)
def cov(
    m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: Any = None,
    fweights: Any = None, aweights: Any = None, *, dtype: Any = None,
) -> Any:  # fmt: skip
    """The covariances of variables, one per row (or per column, with rowvar False)."""
    found = traced(m, *(() if y is None else (y,)))
    common = np.result_type(*(part.dtype for part in found), np.float64) if dtype is None else dtype
    rows = [_variables(cast_to(part, common), rowvar) for part in found]
    x: Any = rows[0] if len(rows) == 1 else concatenate(rows, 0)
    ddof = (0 if bias else 1) if ddof is None else ddof
    w = _weights(fweights, aweights, x)
    if w is None:
        centre, total = np.mean(x, axis=1, keepdims=True), x.shape[1]
        left: Any = total - ddof
    else:
        total = np.sum(w)
        centre = np.sum(x * w, axis=1, keepdims=True) / total
        left = total - ddof * (1.0 if aweights is None else np.sum(w * aweights) / total)
    centred = x - centre
    weighted = centred if w is None else centred * w
    share = np.true_divide(1, left) if isinstance(left, Tracer) or left > 0 else np.inf
    return np.squeeze(np.dot(centred, weighted.T) * share)


@implements(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    """The correlations of variables, one per row, between −1 and 1."""
    c = cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    deviation = np.sqrt(np.diagonal(c))
    return np.clip(c / deviation[:, None] / deviation[None, :], -1, 1)


# Counts -----------------------------------------------------------------------------------------


@implements(np.bincount)
def bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Any:
    """How often each integer occurs, or the sum of the weights of its occurrences."""
    x = traced(x, weights)[0] if weights is not None else traced(x)[0]
    if x.dtype.kind not in "iub" or x.ndim != 1:
        raise DtypeError(f"np.bincount: {x.aval} is not one row of integers", where=here(),
                         hint="use np.histogram for floats.")  # fmt: skip
    places = settled(x)
    length = max(int(places.max(initial=-1)) + 1, int(minlength))
    if weights is None:
        return traced(np.bincount(places, minlength=length), x)[0]
    values = cast_to(traced(weights, x)[0], np.float64)
    if values.shape != x.shape:
        raise ShapeError(f"np.bincount: weights {values.aval} for {x.aval}", where=here())
    return indexing.scatter_add(values, places, index=(("array", 1),), shape=(length,))


def _edges(a: Tracer, bins: Any, span: Any, what: str) -> Any:
    """The edges of bins: as given, or equally spaced over the range of the numbers."""
    if isinstance(bins, str):
        raise refused_option(what, f'bins="{bins}"', "give the number of bins, or their edges.")
    if np.ndim(bins) == 1:
        return bins if isinstance(bins, Tracer) else np.asarray(bins)
    if span is not None:
        low, high = span
    else:
        low, high = (np.min(a), np.max(a)) if a.size else (0.0, 1.0)
    flat = bool(settled(traced(low, a)[0] == high))
    if flat:
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, int(bins) + 1)


@implements(np.histogram_bin_edges)
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> Any:
    """The edges of the bins of a histogram."""
    (a,) = traced(a, *(() if isinstance(bins, str) else (bins,)))[:1]
    return _edges(shaping.reshape(a, shape=(a.size,)), bins, range, "np.histogram_bin_edges")


@implements(np.histogram)
def histogram(
    a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    """How many numbers (or how much weight) fall into each bin, and the edges of the bins."""
    first = [part for part in (a, bins, weights) if isinstance(part, (Tracer, list, tuple))]
    a = traced(a, *first)[0]
    row = shaping.reshape(a, shape=(a.size,))
    edges: Any = traced(_edges(row, bins, range, "np.histogram"), a)[0]
    count = edges.shape[0] - 1
    place = ordering.searchsorted(edges, row, side="right") - 1
    place = np.where(ops.equal(row, edges[-1]), count - 1, place)
    inside = (row >= edges[0]) & (row <= edges[-1])
    if weights is None:
        heights: Any = cast_to(inside, np.int64)
    else:
        heights = np.where(inside, np.reshape(traced(weights, a)[0], -1), 0)
        heights = cast_to(heights, np.float64) if heights.dtype.kind == "b" else heights
    place = np.clip(place, 0, count - 1)
    total = indexing.scatter_add(heights, place, index=(("array", 1),), shape=(count,))
    if density:
        total = total / np.diff(edges) / np.sum(total)
    return total, edges
