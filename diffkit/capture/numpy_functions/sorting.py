"""Sorting, and what follows from an order: ranks, places, sets of different values.

``np.sort`` is a primitive, whose derivative moves with the permutation; the order itself
(``np.argsort``) is an array of integers, and ``x[np.argsort(x)]`` is a gather.  How many different
values an array has decides a shape, so the pattern of repeats is settled while capturing
(``capture/settling.py``); equal values share their derivative evenly.

Reading on: ``primitives/ordering.py``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.capture.numpy_functions.elementwise import is_nan
from diffkit.capture.numpy_functions.joining import concatenate
from diffkit.capture.numpy_functions.tables import (
    axis_of,
    delivered,
    implements,
    is_whole_scalar,
    plain_integers,
    refused_option,
    same,
    traced,
)
from diffkit.capture.settling import settled
from diffkit.capture.tracing import Tracer, cast_to, here
from diffkit.errors import DtypeError, ShapeError, UnsupportedError
from diffkit.primitives import arithmetic as ops
from diffkit.primitives import ordering, shaping

__all__ = ["flattened", "sort"]


def flattened(a: Tracer, axis: Any, what: str, scalars: bool = False) -> tuple[Tracer, int]:
    """The array and the axis to work along; all elements in one row for the axis None.

    With ``scalars`` a number is a row of one element along its axis 0 or −1.
    """
    if axis is None or (scalars and is_whole_scalar(axis, a.ndim)):
        return shaping.reshape(a, shape=(a.size,)), 0
    return a, axis_of(axis, a.ndim, what)


# Orders -----------------------------------------------------------------------------------------


@implements(np.sort)
def sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Any:
    """The elements along an axis in ascending order."""
    a, one = flattened(traced(a)[0], axis, "np.sort")
    return ordering.sort(a, axis=one)


@implements(np.argsort)
def argsort(
    a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> Any:
    """The places of the elements in ascending order; equal ones keep theirs."""
    a, one = flattened(traced(a)[0], axis, "np.argsort", scalars=True)
    return ordering.argsort(a, axis=one)


def _check_places(kth: Any, size: int, what: str) -> None:
    """Refuse places that a row of this size does not have.

    Raises
    ------
    DtypeError, ShapeError
        For places that are not whole, or not there.
    """
    places = np.atleast_1d(plain_integers(kth, f"the places of {what}"))
    if places.dtype.kind not in "iub":
        raise DtypeError(
            f"{what}: the places {kth!r:.40} are not whole numbers", where=here(), hint="give ints."
        )
    outside = places[(places < -size) | (places >= size)]
    if size and outside.size:
        raise ShapeError(
            f"{what}: there is no place {outside[0]} among {size} elements",
            where=here(),
            hint=f"kth runs from {-size} to {size - 1}.",
        )


@implements(np.partition)
def partition(
    a: Any, kth: Any, axis: Any = -1, kind: Any = "introselect", order: Any = None
) -> Any:
    """The elements so that the kth stands in its sorted place: all of them sorted."""
    a, one = flattened(traced(a)[0], axis, "np.partition")
    _check_places(kth, a.shape[one], "np.partition")
    return ordering.sort(a, axis=one)


@implements(np.argpartition)
def argpartition(
    a: Any, kth: Any, axis: Any = -1, kind: Any = "introselect", order: Any = None
) -> Any:
    """The places of a partition: those of the sorted elements."""
    a, one = flattened(traced(a)[0], axis, "np.argpartition")
    _check_places(kth, a.shape[one], "np.argpartition")
    return ordering.argsort(a, axis=one)


@implements(np.lexsort)
def lexsort(keys: Any, axis: int = -1) -> Any:
    """The order by several keys, of which the last one counts most."""
    rows = traced(*keys) if isinstance(keys, (list, tuple)) else list(traced(keys)[0])
    one = axis_of(axis, rows[0].ndim, "np.lexsort")
    order = ordering.argsort(rows[0], axis=one)
    for key in rows[1:]:
        again = ordering.argsort(ordering.along(key, order, one), axis=one)
        order = ordering.along(order, again, one)
    return order


@implements(np.searchsorted)
def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    """The places at which numbers would be inserted into a sorted row."""
    a, v = traced(a, v)
    if sorter is not None:
        a = a[sorter]
    return ordering.searchsorted(a, v, side=side)


@implements(np.digitize)
def digitize(x: Any, bins: Any, right: bool = False) -> Any:
    """The numbers of the bins that values fall into."""
    x, bins = traced(x, bins)
    rising = bins.size < 2 or bool(settled(ops.less_equal(bins[0], bins[-1])))
    if rising:
        return ordering.searchsorted(bins, x, side="left" if right else "right")
    places = ordering.searchsorted(bins[::-1], x, side="right" if right else "left")
    return bins.size - places


# Sets -------------------------------------------------------------------------------------------


def _first_of_each(y: Tracer, equal_nan: bool) -> np.ndarray:
    """Where a sorted row has a value for the first time."""
    later, earlier = y[1:], y[:-1]
    differ = ops.not_equal(later, earlier)
    if equal_nan:
        both = ops.logical_and(is_nan(later), is_nan(earlier))
        differ = ops.logical_and(differ, ops.logical_not(both))
    return np.concatenate([np.ones(min(y.size, 1), dtype=bool), settled(differ)])


@implements(np.unique)
def unique(
    ar: Any, return_index: bool = False, return_inverse: bool = False,
    return_counts: bool = False, axis: Any = None, *, equal_nan: bool = True, sorted: bool = True,
) -> Any:  # fmt: skip
    """The different values in ascending order; places and counts are plain integers."""
    (ar,) = traced(ar)
    if axis is not None and ar.ndim > 1:
        raise refused_option("np.unique", "axis=", "give one row of numbers at a time.")
    row = shaping.reshape(ar, shape=(ar.size,))
    y = ordering.sort(row, axis=0)
    first = _first_of_each(y, equal_nan)
    values = y[np.flatnonzero(first)]
    if not (return_index or return_inverse or return_counts):
        return values
    order = settled(ordering.argsort(row, axis=0))
    inverse = np.empty(row.size, dtype=np.intp)
    inverse[order] = np.cumsum(first) - 1
    counts = np.bincount(inverse, minlength=values.size)
    asked = (return_index, return_inverse, return_counts)
    found = (order[first], inverse.reshape(ar.shape), counts)
    return (values, *(part for part, wanted in zip(found, asked, strict=True) if wanted))


def _unique_as(function: Any, **options: Any) -> Any:
    """One of the array-API forms of ``np.unique``, with its own named tuple."""
    kind = type(function(np.zeros(1)))

    def composition(x: Any, /) -> Any:
        return kind(*unique(x, **options, equal_nan=False))

    composition.__name__ = function.__name__
    return composition


implements(np.unique_values)(lambda x: unique(x, equal_nan=False))
implements(np.unique_counts)(_unique_as(np.unique_counts, return_counts=True))
implements(np.unique_inverse)(_unique_as(np.unique_inverse, return_inverse=True))
implements(np.unique_all)(
    _unique_as(np.unique_all, return_index=True, return_inverse=True, return_counts=True)
)


@implements(np.isin)
def is_in(
    element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False, *,
    kind: Any = None,
) -> Any:  # fmt: skip
    """Which elements are equal to one of the others."""
    element, tests = traced(element, test_elements)
    column = shaping.reshape(element, shape=(*element.shape, 1))
    row = shaping.reshape(tests, shape=(tests.size,))
    found: Any = np.any(ops.equal(column, row), axis=-1)
    return ops.logical_not(found) if invert else found


@implements(np.union1d)
def union(ar1: Any, ar2: Any) -> Any:
    """The different values of two arrays together."""
    return unique(concatenate(traced(ar1, ar2), None))


@implements(np.intersect1d)
def intersection(
    ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False
) -> Any:
    """The different values that both arrays have; their derivative is the first array's."""
    if return_indices:
        raise refused_option("np.intersect1d", "return_indices=")
    ar1, ar2 = traced(ar1, ar2)
    values = unique(cast_to(ar1, np.result_type(ar1.dtype, ar2.dtype)))
    return values[settled(is_in(values, ar2))]


@implements(np.setdiff1d)
def difference(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    """The different values of the first array that the second does not have."""
    ar1, ar2 = traced(ar1, ar2)
    values = shaping.reshape(ar1, shape=(ar1.size,)) if assume_unique else unique(ar1)
    return values[settled(is_in(values, ar2, invert=True))]


@implements(np.setxor1d)
def exclusive(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    """The different values that only one of the arrays has."""
    ar1, ar2 = traced(ar1, ar2)
    return sort(concatenate([difference(ar1, ar2), difference(ar2, ar1)], 0))


@implements(np.sort_complex)
def sort_complex(a: Any) -> Any:
    """Refused: its result is complex."""
    raise UnsupportedError(
        "np.sort_complex cannot be traced: its result is complex",
        where=here(),
        hint="use np.sort for real numbers.",
    )


@implements(np.trim_zeros)
def trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> Any:
    """The part between the first and the last element that is not zero."""
    (filt,) = traced(filt)
    filled = settled(ops.not_equal(filt, 0))
    axes = range(filt.ndim) if axis is None else (axis_of(axis, filt.ndim, "np.trim_zeros"),)
    index: list[Any] = [slice(None)] * filt.ndim
    for one in axes:
        places = np.flatnonzero(filled.any(axis=tuple(k for k in range(filt.ndim) if k != one)))
        if not places.size:
            index[one] = slice(0, 0)
            continue
        start = int(places[0]) if "f" in trim.lower() else 0
        stop = int(places[-1]) + 1 if "b" in trim.lower() else filt.shape[one]
        index[one] = slice(start, stop)
    return same(filt[tuple(index)])


@implements(np.extract)
def extract(condition: Any, arr: Any) -> Any:
    """The elements where a condition holds, in one row."""
    (arr,) = traced(arr, condition)[:1]
    chosen = np.flatnonzero(settled(condition))
    return shaping.reshape(arr, shape=(arr.size,))[chosen]


@implements(np.compress)
def compress(condition: Any, a: Any, axis: Any = None, out: Any = None) -> Any:
    """The slices along an axis where a condition holds."""
    a, one = flattened(traced(a, condition)[0], axis, "np.compress")
    chosen = np.flatnonzero(settled(condition))
    return delivered(a[(slice(None),) * one + (chosen,)], out)


# Where something holds --------------------------------------------------------------------------


def _filled(a: Any) -> np.ndarray:
    (a,) = traced(a)
    return settled(a if a.dtype == bool else ops.not_equal(a, 0))


@implements(np.nonzero)
def nonzero(a: Any) -> Any:
    """The places of the elements that are not zero, as plain integers."""
    return np.nonzero(_filled(a))


@implements(np.flatnonzero)
def flatnonzero(a: Any) -> Any:
    """The places in one row of the elements that are not zero."""
    return np.flatnonzero(_filled(a))


@implements(np.argwhere)
def argwhere(a: Any) -> Any:
    """The places of the elements that are not zero, one row for each."""
    return np.argwhere(_filled(a))
