"""Indexing of traced arrays, and assignment to them as a functional update.

Reading is one primitive: ``getitem[index](x, *arrays)``, whose parameter is NumPy's index made
concrete (no negative numbers, no ellipsis, no open slices), so that equal reads are one
equation.  Writing makes a new array,

    y[i] = v   →   y' = where(m, v, y),   m = "i writes here",

in which the overwritten elements get no derivative and v gets theirs; where an element is
written twice the last one wins, as in NumPy.  What an index *means* (its shape, its order) is
asked of NumPy itself, on an array of positions 0, 1, 2, …, and not worked out again here.
Reading on: NumPy's user guide, *Indexing on ndarrays*.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from diffkit.capture.tracing import Tracer, is_traced_deep, lift, lift_all, user_source
from diffkit.errors import DataDependentError, DtypeError, ShapeError, UnsupportedError
from diffkit.graph.arena import Arena
from diffkit.graph.avals import Aval, aval
from diffkit.graph.ir import Operation
from diffkit.graph.sources import place_of
from diffkit.primitives import arithmetic as ops
from diffkit.primitives import piecewise
from diffkit.primitives.indexing import getitem, scatter_add
from diffkit.primitives.shaping import concatenate, reshape

__all__ = ["Rearranged", "gather", "read", "remember_view", "stack_cells", "updated"]

_ROWS: dict[Aval, Aval] = {}


class Rearranged:
    """A view that is not an index (a transpose, a reshape): how to read it and write it back."""

    __slots__ = ("backward", "forward")

    def __init__(
        self, forward: Callable[[Tracer], Tracer], backward: Callable[[Tracer], Tracer]
    ) -> None:
        self.forward = forward
        self.backward = backward


def remember_view(base: Tracer, index: Any, found: Tracer) -> Tracer:
    """Tie a view to its base, so that in-place operations on either reach both."""
    found.view = (base, index)
    if not hasattr(base, "children"):
        base.children = []
    base.children.append(weakref.ref(found))
    return found


def _where() -> str:
    return place_of(user_source())


# Reading ---------------------------------------------------------------------------------------


def read(tracer: Tracer, index: Any) -> Tracer:
    """``tracer[index]`` with NumPy's meaning.

    Raises
    ------
    ShapeError
        For an index out of bounds or with too many parts.
    DataDependentError
        For a traced condition as index, whose result has no fixed shape.

    >>> import diffkit as dk
    >>> dk.trace(lambda x: x[1] + x[-1], np.arange(3.0)).operations()
    {'add': 1, 'getitem': 2, 'total': 3}
    """
    if index.__class__ is int and tracer.aval.ndim:
        return _read_row(tracer, index)
    if isinstance(index, Rearranged):
        return index.forward(tracer)
    spec, arrays = _concrete(tracer, index)
    if not spec:
        return Tracer(tracer.arena, tracer.node, tracer.aval)
    return getitem(tracer, *arrays, index=spec)


def _read_row(tracer: Tracer, index: int) -> Tracer:
    """x[i] for a plain integer: the common case, kept short."""
    arena, found = tracer.arena, tracer.aval
    place = index + found.shape[0] if index < 0 else index
    if not 0 <= place < found.shape[0]:
        raise _out_of_bounds(index, found)
    operation = Operation.of(getitem, (("index", (place,)),))
    operands = (tracer.node,)
    node = arena.table.get((operation, tracer.node))
    if node is None:
        row = _ROWS.get(found)
        if row is None:
            row = _ROWS[found] = aval(found.shape[1:], found.dtype)
        operation.memo[(found,)] = row
        node = arena.emit(operation, operands, arena.source or user_source())
    return Tracer(arena, node, arena.avals[node])


def gather(tracer: Tracer, positions: np.ndarray) -> Tracer:
    """The elements at constant flat positions; the result has the shape of ``positions``."""
    flat = tracer if tracer.aval.ndim == 1 else reshape(tracer, shape=(tracer.aval.size,))
    return getitem(flat, np.asarray(positions, dtype=np.int64), index=(("array", 1),))


def _out_of_bounds(index: int, of: Aval) -> ShapeError:
    size = of.shape[0]
    return ShapeError(
        f"getitem: index {index} is out of bounds for axis 0 of {of}",
        where=_where(),
        hint=f"valid indices run from {-size} to {size - 1}." if size else "the axis is empty.",
    )


# Making an index concrete --------------------------------------------------------------------------


def _concrete(tracer: Tracer, index: Any) -> tuple[tuple[Any, ...], list[Any]]:
    """The index as a hashable specification, and the index arrays it refers to."""
    of = tracer.aval
    parts = [_part(part) for part in (index if isinstance(index, tuple) else (index,))]
    _ask_numpy(of, parts)
    spec: list[Any] = []
    arrays: list[Any] = []
    axis = 0
    for part in _spelled_out(of.ndim, parts):
        if part is None:
            spec.append(None)
            continue
        size = of.shape[axis]
        if isinstance(part, slice):
            spec.append(_slice(part, size))
        elif isinstance(part, int):
            spec.append(part + size if part < 0 else part)
        else:
            arrays.append(part if isinstance(part, Tracer) else np.where(part < 0, part + size, part))
            spec.append(("array", len(arrays)))  # the operand it will be
        axis += 1
    while spec and axis and spec[-1] == ("slice", 0, of.shape[axis - 1], 1):
        spec.pop()
        axis -= 1
    return tuple(spec), arrays


def _part(part: Any) -> Any:
    """One part of the user's index as None, Ellipsis, a slice, an int, an array or a tracer.

    Raises
    ------
    DataDependentError, DtypeError, UnsupportedError
        For what cannot be an index of a traced array.
    """
    if part is None or part is Ellipsis or isinstance(part, slice):
        return part
    if isinstance(part, Tracer):
        return _traced_part(part)
    if is_traced_deep(part):
        raise UnsupportedError(
            "getitem: a list of traced numbers cannot be an index",
            where=_where(),
            hint="stack them first: np.stack([i, j]) gives a traced integer array.",
        )
    array = np.asarray(part)
    if array.dtype == bool and array.ndim == 0:
        raise UnsupportedError(
            "getitem: True and False as an index add an axis, which is not supported here",
            where=_where(),
            hint="use np.expand_dims, or np.where for a condition.",
        )
    if array.size == 0 and array.dtype != bool:
        array = array.astype(np.int64)
    if array.dtype.kind not in "iub":
        raise DtypeError(
            f"getitem: {part!r:.40} cannot be an index",
            where=_where(),
            hint="use integers, slices, None, ..., integer arrays or boolean arrays.",
        )
    return int(array) if array.ndim == 0 else array


def _traced_part(part: Tracer) -> Tracer:
    if part.dtype.kind in "iu":
        return part
    if part.dtype == bool:
        raise DataDependentError(
            "getitem: a traced condition as an index has a result of unknown size",
            where=_where(),
            hint="use np.where(condition, x, 0.0), which keeps the shape.",
        )
    raise DtypeError(
        f"getitem: a traced {part.aval} cannot be an index",
        where=_where(),
        hint="use an integer array, for example from np.argmax.",
    )


def _ask_numpy(of: Aval, parts: Sequence[Any]) -> None:
    """Let NumPy check bounds, counts and shapes, on an array without memory."""
    dummy = np.broadcast_to(np.int8(0), of.shape)
    stand_ins = [np.zeros(p.shape, np.int64) if isinstance(p, Tracer) else p for p in parts]
    try:
        dummy[tuple(stand_ins)]
    except (IndexError, ValueError) as error:
        raise ShapeError(
            f"getitem on {of}: {error}",
            where=_where(),
            hint="check the index against the shape.",
        ) from None
    except TypeError as error:
        raise DtypeError(
            f"getitem: {error}", where=_where(), hint="slice bounds must be plain integers."
        ) from None


def _spelled_out(ndim: int, parts: Sequence[Any]) -> list[Any]:
    """The parts with masks as index arrays, and the ellipsis (or the end) filled with slices."""
    plain: list[Any] = []
    for part in parts:
        masked = isinstance(part, np.ndarray) and part.dtype == bool
        plain += list(np.nonzero(part)) if masked else [part]
    used = sum(1 for part in plain if part is not None and part is not Ellipsis)
    place = next((i for i, part in enumerate(plain) if part is Ellipsis), len(plain))
    return plain[:place] + [slice(None)] * (ndim - used) + plain[place + 1 :]


def _slice(part: slice, size: int) -> tuple[Any, ...]:
    """A slice with concrete bounds; equal selections get equal bounds."""
    start, stop, step = part.indices(size)
    count = len(range(start, stop, step))
    if not count:
        return ("slice", 0, 0, 1)
    last = start + (count - 1) * step
    if step > 0:
        return ("slice", start, last + 1, step)
    # a stop before element 0 is written −(size + 1), since −1 would mean the last element
    return ("slice", start, last - 1 if last else -(size + 1), step)


def _as_index(spec: Sequence[Any], arrays: Sequence[Any]) -> tuple[Any, ...]:
    """A specification as an index NumPy understands."""
    parts: list[Any] = []
    for item in spec:
        if isinstance(item, tuple):
            parts.append(arrays[item[1] - 1] if item[0] == "array" else slice(*item[1:]))
        else:
            parts.append(item)
    return tuple(parts)


# Writing ---------------------------------------------------------------------------------------


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
    finally:
        arena.source = outer


def _updated(tracer: Tracer, index: Any, value: Any) -> Tracer:
    from diffkit.capture.numpy_functions.tables import cast_to

    value = cast_to(lift_all(tracer.arena, [value, tracer])[0], tracer.dtype)
    if isinstance(index, Rearranged):
        return index.backward(value)
    if isinstance(index, Tracer) and index.dtype == bool:
        return _masked_update(tracer, index, value)
    spec, arrays = _concrete(tracer, index)
    if any(isinstance(array, Tracer) for array in arrays):
        return _traced_update(tracer, spec, arrays, value)
    return _constant_update(tracer, spec, arrays, value)


def _misfit(value: Tracer, shape: tuple[int, ...], of: Aval) -> ShapeError:
    return ShapeError(
        f"assignment: {value.aval} does not fit the place of shape {shape} in {of}",
        where=_where(),
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
    positions = np.arange(tracer.size).reshape(shape)[_as_index(spec, arrays)]
    value = _fitted(value, positions.shape, tracer.aval)
    if positions.size == 0:
        return Tracer(tracer.arena, tracer.node, tracer.aval)
    written_by = np.full(tracer.size, -1)
    written_by[positions.reshape(-1)] = np.arange(positions.size)  # the last one wins
    written = (written_by >= 0).reshape(shape)
    if positions.shape == shape and np.array_equal(written_by, np.arange(tracer.size)):
        return np.broadcast_to(value, shape)
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
            where=_where(),
            hint="a condition must have the shape of the array's first axes.",
        )
    while value.ndim and value.ndim > extra and value.shape[0] == 1:
        value = reshape(value, shape=value.shape[1:])
    if value.ndim > extra:
        raise DataDependentError(
            f"assignment: how much of {value.aval} goes where depends on a traced condition",
            where=_where(),
            hint="write y = np.where(condition, value, y).",
        )
    value = _fitted(value, tracer.shape[mask.ndim :], tracer.aval)
    spread_mask = reshape(mask, shape=mask.shape + (1,) * extra)
    return piecewise.where(spread_mask, value, tracer)


def _traced_update(
    tracer: Tracer, spec: tuple[Any, ...], arrays: Sequence[Any], value: Tracer
) -> Tracer:
    """y[i] = v for traced integers i: the place is found when the graph runs."""
    shape = tracer.shape
    selected = read(tracer, _as_index(spec, arrays)).shape
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
            where=_where(),
            hint="write one element at a time, or use np.where with a condition.",
        )
    placed = scatter_add(np.broadcast_to(value, selected), *arrays, index=spec, shape=shape)
    return piecewise.where(written, placed, tracer)


# Arrays of traced numbers ---------------------------------------------------------------------------


def stack_cells(arena: Arena, value: Any) -> Tracer:
    """Nested lists, tuples or an object array of traced and plain numbers as one traced array.

    Raises
    ------
    ShapeError
        When the rows have different shapes.

    >>> import diffkit as dk
    >>> dk.trace(lambda x: np.sum(np.array([x, 2.0, x * x])), 3.0)(3.0)
    np.float64(14.0)
    """
    if isinstance(value, np.ndarray):
        cells, shape = list(value.flat), value.shape
        whole = _read_in_order(cells, prod(shape))
        if whole is not None:
            return reshape(whole, shape=shape) if whole.shape != shape else whole
    else:
        cells, shape = list(value), (len(value),)
    rows = lift_all(arena, [_plain_cell(cell) for cell in cells])
    inner = rows[0].shape
    for row in rows:
        if row.shape != inner:
            raise ShapeError(
                f"an array cannot be made of parts with shapes {inner} and {row.shape}",
                where=_where(),
                hint="give every part the same shape, or use np.concatenate.",
            )
    return reshape(_joined(rows), shape=(*shape, *inner))


def _plain_cell(cell: Any) -> Any:
    """NumPy scalars out of object arrays, as they were before they went in."""
    return cell.item() if isinstance(cell, np.ndarray) and cell.ndim == 0 else cell


def _joined(rows: Sequence[Tracer]) -> Tracer:
    from diffkit.capture.numpy_functions.tables import cast_to

    dtype = np.result_type(*(row.dtype for row in rows))
    flat = [reshape(cast_to(row, dtype), shape=(row.size,)) for row in rows]
    return flat[0] if len(flat) == 1 else concatenate(*flat, axis=0)


def _read_in_order(cells: Sequence[Any], count: int) -> Tracer | None:
    """The array whose elements these are, one by one, if they are (``np.asarray(x)``)."""
    base: int | None = None
    for place, cell in enumerate(cells):
        if not isinstance(cell, Tracer):
            return None
        arena = cell.arena
        operation, operands = arena.operations[cell.node], arena.operands[cell.node]
        if operation.name != "getitem" or operation.kwargs.get("index") != (place,):
            return None
        if len(operands) != 1 or (base is not None and operands[0] != base):
            return None
        base = operands[0]
    if base is None:
        return None
    found = cells[0].arena.avals[base]
    return Tracer(cells[0].arena, base, found) if found.shape == (count,) else None
