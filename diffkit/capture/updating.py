"""Assignment to traced arrays as a functional update.

Writing makes a new array,

    y[i] = v   →   y' = where(m, v, y),   m = "i writes here",

in which the overwritten elements get no derivative and v gets theirs; where an element is
written twice the last one wins, as in NumPy.  Which elements an index means is read off an
array of positions 0, 1, 2, …; each written element then gathers the value that was stored
there last.  Reading on: NumPy's user guide, *Assigning values to indexed arrays*.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from diffkit.capture.indexing import Rearranged, as_index, concrete, gather, read
from diffkit.capture.settling import settled
from diffkit.capture.tracing import Tracer, cast_to, here, lift, lift_all, user_source
from diffkit.errors import DataDependentError, DiffkitError, MutationError, ShapeError
from diffkit.graph.avals import Aval
from diffkit.primitives import arithmetic as ops
from diffkit.primitives import piecewise
from diffkit.primitives.indexing import scatter_add
from diffkit.primitives.shaping import reshape

__all__ = ["added_at", "reshaped_in_place", "updated"]


def reshaped_in_place(tracer: Tracer, shape: Any) -> None:
    """What ``y.shape = (2, 3)`` does: the same elements in rows of another length.

    Raises
    ------
    MutationError
        When the array is a view of another one, or has views.
    ShapeError
        When the number of elements would change.

    >>> import diffkit as dk
    >>> def f(x):
    ...     y = x * 2.0
    ...     y.shape = (2, -1)
    ...     return y[0] * y[1]
    >>> dk.trace(f, np.arange(4.0))(np.arange(4.0))
    array([ 0., 12.])
    """
    views = [child for child in getattr(tracer, "children", ()) if child() is not None]
    if views or getattr(tracer, "viewed", None) is not None:
        raise MutationError(
            f"the shape of a traced {tracer.aval} that shares its memory cannot be assigned",
            where=here(),
            hint="write y = y.reshape(shape), or y = y.copy() first.",
        )
    new: Any = np.reshape(tracer, shape)  # type: ignore[call-overload]
    tracer.node, tracer.aval = new.node, new.aval


def updated(tracer: Tracer, index: Any, value: Any) -> Tracer:
    """The array that ``tracer[index] = value`` would leave, in the tracer's dtype.

    Raises
    ------
    ShapeError
        When the value does not fit the place.
    DataDependentError
        When which element is written last depends on traced numbers.

    >>> import diffkit as dk
    >>> def f(x):
    ...     y = np.zeros_like(x)
    ...     y[1:] = x[:-1]
    ...     return y
    >>> dk.trace(f, np.arange(3.0))(np.arange(3.0))
    array([0., 0., 1.])
    """
    arena = tracer.arena
    outer = arena.source
    arena.source = outer or user_source()
    try:
        return _updated(tracer, index, value)
    except DiffkitError as error:
        error.where = error.where or here()
        raise
    finally:
        arena.source = outer


def _updated(tracer: Tracer, index: Any, value: Any) -> Tracer:
    value = cast_to(lift_all(tracer.arena, [value, tracer])[0], tracer.dtype)
    if isinstance(index, Rearranged):
        return index.backward(value)
    if isinstance(index, Tracer) and index.dtype == bool:
        return _masked_update(tracer, index, value)
    spec, arrays = concrete(tracer, index)
    if any(isinstance(array, Tracer) for array in arrays):
        return _traced_update(tracer, spec, arrays, value)
    return _constant_update(tracer, spec, arrays, value)


def _misfit(value: Tracer, shape: tuple[int, ...], of: Aval) -> ShapeError:
    return ShapeError(
        f"assignment: {value.aval} does not fit the place of shape {shape} in {of}",
        where=here(),
        hint="the value must broadcast to the shape that the index selects.",
    )


def _fitted(value: Tracer, shape: tuple[int, ...], of: Aval) -> Tracer:
    """A value without leading axes of size 1 that the place does not have."""
    extra = value.ndim - len(shape)
    if extra > 0 and all(size == 1 for size in value.shape[:extra]):
        value = reshape(value, shape=value.shape[extra:])
    try:
        fits = np.broadcast_shapes(value.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise _misfit(value, shape, of)
    return value


def _constant_update(
    tracer: Tracer, spec: tuple[Any, ...], arrays: Sequence[Any], value: Tracer
) -> Tracer:
    shape = tracer.shape
    positions = np.arange(tracer.size).reshape(shape)[as_index(spec, arrays)]
    value = _fitted(value, positions.shape, tracer.aval)
    if positions.size == 0:
        return Tracer(tracer.arena, tracer.node, tracer.aval)
    written_by = np.full(tracer.size, -1)
    written_by[positions.reshape(-1)] = np.arange(positions.size)  # the last one wins
    written = (written_by >= 0).reshape(shape)
    if positions.shape == shape and np.array_equal(written_by, np.arange(tracer.size)):
        whole: Any = np.broadcast_to(value, shape)
        return whole
    untouched = _whole_tail(spec, shape)
    if value.ndim <= untouched:
        return piecewise.where(written, value, tracer)
    # each written element takes the element of the value that was written there last
    source = np.arange(value.size).reshape(value.shape)
    source = np.broadcast_to(source, positions.shape).reshape(-1)
    chosen = source[np.maximum(written_by, 0)].reshape(shape)
    return piecewise.where(written, gather(value, chosen), tracer)


def _whole_tail(spec: Sequence[Any], shape: Sequence[int]) -> int:
    """How many last axes the index selects whole (those the specification leaves out)."""
    return len(shape) - sum(1 for item in spec if item is not None)


def _masked_update(tracer: Tracer, mask: Tracer, value: Tracer) -> Tracer:
    """y[m] = v for a traced condition: v may vary along the axes that m does not have."""
    extra = tracer.ndim - mask.ndim
    if extra < 0 or mask.shape != tracer.shape[: mask.ndim]:
        raise ShapeError(
            f"assignment: the condition {mask.aval} does not fit {tracer.aval}",
            where=here(),
            hint="a condition must have the shape of the array's first axes.",
        )
    while value.ndim and value.ndim > extra and value.shape[0] == 1:
        value = reshape(value, shape=value.shape[1:])
    if value.ndim > extra:  # how much of the value goes where depends on the condition
        spec, arrays = concrete(tracer, settled(mask))
        return _constant_update(tracer, spec, arrays, value)
    value = _fitted(value, tracer.shape[mask.ndim :], tracer.aval)
    spread_mask = reshape(mask, shape=mask.shape + (1,) * extra)
    return piecewise.where(spread_mask, value, tracer)


def _traced_update(
    tracer: Tracer, spec: tuple[Any, ...], arrays: Sequence[Any], value: Tracer
) -> Tracer:
    """y[i] = v for traced integers i: the place is found when the graph runs."""
    shape = tracer.shape
    selected = read(tracer, as_index(spec, arrays)).shape
    value = _fitted(value, selected, tracer.aval)
    ones = np.ones(selected, dtype=np.int64)
    lifted = lift(tracer.arena, ones)
    count = scatter_add(lifted, *arrays, index=spec, shape=shape)
    written = ops.greater(count, 0)
    if value.ndim == 0:
        return piecewise.where(written, value, tracer)
    if prod(np.broadcast_shapes(*(array.shape for array in arrays))) != 1:
        raise DataDependentError(
            "assignment: which element is written last depends on traced indices",
            where=here(),
            hint="write one element at a time, or use np.where with a condition.",
        )
    placed = scatter_add(np.broadcast_to(value, selected), *arrays, index=spec, shape=shape)
    return piecewise.where(written, placed, tracer)


def added_at(tracer: Tracer, index: Any, value: Any) -> Tracer:
    """The array that ``np.add.at(tracer, index, value)`` would leave: repeated places add up.

    Raises
    ------
    ShapeError
        When the value does not fit the place.
    """
    value = cast_to(lift_all(tracer.arena, [value, tracer])[0], tracer.dtype)
    spec, arrays = concrete(tracer, index)
    selected = read(tracer, as_index(spec, arrays)).shape
    value = np.broadcast_to(_fitted(value, selected, tracer.aval), selected)
    return ops.add(tracer, scatter_add(value, *arrays, index=spec, shape=tracer.shape))
