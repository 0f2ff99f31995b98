"""Covariance, correlation, histograms, and reductions that leave NaN out.

Covariance is a product of centred rows, C = (X − x̄) W (X − x̄)ᵀ / n; correlation divides by the
standard deviations.  A histogram counts, and counts have no derivative; but the weights, the
density's widths and the edges that depend on the numbers have one.  Where a NaN counts as missing,
it is replaced by the reduction's neutral value first, so that it gets no derivative.

Reading on: Chan, Golub & LeVeque 1983, *Algorithms for computing the sample variance*.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from diffkit.capture.numpy_functions.elementwise import is_nan, safe_sqrt
from diffkit.capture.numpy_functions.joining import concatenate
from diffkit.capture.numpy_functions.reductions import given, max_, min_, prod_, var
from diffkit.capture.numpy_functions.tables import (
    delivered,
    implements,
    reduced_axes,
    refused_option,
    traced,
    whole_number,
)
from diffkit.capture.settling import settled
from diffkit.capture.tracing import Tracer, cast_to, here
from diffkit.errors import DtypeError, InputError, ShapeError
from diffkit.primitives import arithmetic as ops
from diffkit.primitives import indexing, ordering, piecewise, shaping

__all__ = ["cov"]

SEQUENCES = (list, tuple, np.ndarray, Tracer)


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
    ddof = correction if given(correction) else ddof
    spread, none = _spread_of_numbers(a, axis, dtype, ddof, keepdims, where, mean)
    return delivered(piecewise.where(none, np.nan, spread), out)


def _spread_of_numbers(
    a: Any, axis: Any, dtype: Any, ddof: Any, keepdims: Any, where: Any, mean: Any
) -> tuple[Any, Any]:
    """The variance of the elements that are numbers, and where there are too few of them."""
    (a,) = traced(a)
    axis = reduced_axes(axis, a.ndim, "np.nanvar")
    numbers = ops.logical_not(is_nan(a))
    if given(where) and where is not True:
        numbers = ops.logical_and(numbers, where)
    spread = var(piecewise.where(is_nan(a), 0, a), axis, dtype, None, ddof, keepdims,
                 where=numbers, mean=mean)  # fmt: skip
    count = np.sum(numbers, axis=axis, keepdims=given(keepdims) and bool(keepdims))
    return spread, ops.less_equal(count, ddof)


@implements(np.nanstd)
def nanstd(
    a: Any, axis: Any = None, dtype: Any = None, out: Any = None, ddof: Any = 0,
    keepdims: Any = None, *, where: Any = None, mean: Any = None, correction: Any = None,
) -> Any:  # fmt: skip
    """Standard deviation over axes of the elements that are numbers."""
    ddof = correction if given(correction) else ddof
    spread, none = _spread_of_numbers(a, axis, dtype, ddof, keepdims, where, mean)
    return delivered(piecewise.where(none, np.nan, safe_sqrt(spread, gaps=True)), out)


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
    products: Any = np.dot(centred, weighted.T)
    return np.squeeze(cast_to(products * share, products.dtype))


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
    if places.size and places.min() < 0:
        raise InputError(
            f"np.bincount: {places.min()} is negative, and bins count from 0", where=here(),
            hint="shift the numbers, or leave the negative ones out.",
        )  # fmt: skip
    if whole_number(minlength, "minlength of np.bincount") < 0:
        raise InputError(f"np.bincount: minlength is {minlength}", where=here(),
                         hint="give 0 or more.")  # fmt: skip
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
        edges: Any = bins if isinstance(bins, Tracer) else np.asarray(bins)
        if not bool(settled(np.all(edges[:-1] <= edges[1:]))):
            raise InputError(f"{what}: the edges of the bins fall somewhere", where=here(),
                             hint="sort them: each edge is at least the one before.")  # fmt: skip
        return edges
    if np.ndim(bins):
        raise ShapeError(f"{what}: the edges of the bins have {np.ndim(bins)} axes", where=here(),
                         hint="give one row of edges, or their number.")  # fmt: skip
    count = whole_number(bins, f"the number of bins of {what}")
    if count < 1:
        raise InputError(f"{what}: there cannot be {count} bins", where=here(),
                         hint="give 1 or more.")  # fmt: skip
    low, high = _outer_edges(a, span, what)
    edges = traced(np.linspace(low, high, count + 1), a)[0]
    ends = [end.dtype if isinstance(end, Tracer) else end for end in (low, high)]
    kind = np.result_type(*ends, a.dtype)
    return cast_to(edges, kind) if kind.kind == "f" else edges


def _outer_edges(a: Tracer, span: Any, what: str) -> Any:
    """The ends of all bins together: as given or those of the numbers, a guard watching them.

    Raises
    ------
    InputError
        When they are not finite, or the wrong way round.
    """
    if span is not None:
        low, high = span
    else:
        low, high = (np.min(a), np.max(a)) if a.size else (0.0, 1.0)
    finite = np.logical_and(np.isfinite(low), np.isfinite(high))
    if not bool(settled(np.logical_and(finite, np.less_equal(low, high)))):
        raise InputError(
            f"{what}: the range of the bins is not finite, or ends before it begins",
            where=here(),
            hint="give range=(low, high) with low < high; numbers outside of it are left out.",
        )
    return (low - 0.5, high + 0.5) if bool(settled(np.equal(low, high))) else (low, high)


def _placed(row: Any, edges: Any) -> tuple[Any, Any]:
    """The bin of every number, and whether it lies in one at all; the last bin is closed."""
    count = edges.shape[0] - 1
    place = ordering.searchsorted(edges, row, side="right") - 1
    place = np.where(ops.equal(row, edges[-1]), count - 1, place)
    return np.clip(place, 0, count - 1), (row >= edges[0]) & (row <= edges[-1])


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
    place, inside = _placed(row, edges)
    if weights is None:
        heights: Any = cast_to(inside, np.int64)
    else:
        heights = np.where(inside, np.reshape(traced(weights, a)[0], -1), 0)
        heights = cast_to(heights, np.float64) if heights.dtype.kind == "b" else heights
    total = indexing.scatter_add(heights, place, index=(("array", 1),), shape=(count,))
    if density:
        total = total / np.diff(edges) / np.sum(total)
    return total, edges


def _columns(sample: Any) -> list[Any]:
    """The variables of a sample: the columns of a table, or the members of a list."""
    if isinstance(sample, (list, tuple)):
        lifted = traced(*sample)
        kind = np.result_type(*(one.dtype for one in lifted))
        return [np.reshape(cast_to(one, kind), -1) for one in lifted]  # type: ignore[arg-type]
    (table,) = traced(sample)
    rows = table if table.ndim == 2 else np.reshape(table, (-1, 1))
    return [rows[:, k] for k in range(rows.shape[1])]


@implements(np.histogramdd)
def histogramdd(
    sample: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    """How many points (or how much weight) fall into each cell of a grid, and its edges."""
    columns = _columns(sample)
    each: Any = list(bins) if isinstance(bins, SEQUENCES) else [bins] * len(columns)
    spans = [None] * len(columns) if range is None else list(range)
    if not len(each) == len(spans) == len(columns):
        raise ShapeError(
            f"np.histogramdd: {len(each)} bins and {len(spans)} ranges "
            f"for {len(columns)} variables",
            where=here(),
            hint="give one for all, or one for each variable.",
        )
    edges: list[Any] = [traced(_edges(x, count, span, "np.histogramdd"), x)[0]
                        for x, count, span in zip(columns, each, spans, strict=True)]  # fmt: skip
    cell, inside = _placed(columns[0], edges[0])
    for x, ends in zip(columns[1:], edges[1:], strict=True):
        place, within = _placed(x, ends)
        cell, inside = cell * (ends.shape[0] - 1) + place, inside & within
    heights: Any = 1.0 if weights is None else np.reshape(traced(weights, columns[0])[0], -1)
    heights = cast_to(piecewise.where(inside, heights, 0.0), np.float64)
    shape = tuple(ends.shape[0] - 1 for ends in edges)
    total: Any = indexing.scatter_add(heights, cell, index=(("array", 1),), shape=(prod(shape),))
    total = np.reshape(total, shape)
    if density:
        widths = [np.diff(ends) for ends in edges]
        for k, width in enumerate(widths):
            total = total / np.reshape(width, (-1, *(1,) * (len(widths) - k - 1)))
        total = total / np.sum(heights)
    return total, edges


@implements(np.histogram2d)
def histogram2d(
    x: Any, y: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> Any:
    """How many points of a plane (or how much weight) fall into each cell, and both edges."""
    if isinstance(bins, SEQUENCES) and len(bins) > 2:  # type: ignore[arg-type]
        bins = [bins, bins]
    total, edges = histogramdd([x, y], bins, range, density, weights)
    return total, edges[0], edges[1]
