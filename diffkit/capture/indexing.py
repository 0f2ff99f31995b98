"""Indexing of traced arrays.

Reading is one primitive: ``getitem[index](x, *arrays)``, whose parameter is NumPy's index made
concrete (no negative numbers, no ellipsis, no open slices), so that equal reads are one
equation.  Whether an index fits, and what it selects, is asked of NumPy itself, on an array
without memory, and not worked out again here.

Reading on: NumPy's user guide, *Indexing on ndarrays*; writing is in ``capture/updating.py``.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.capture.settling import settled
from diffkit.capture.tracing import Tracer, caller_source, here, is_traced_deep
from diffkit.errors import (
    DataDependentError,
    DiffkitError,
    DtypeError,
    ShapeError,
    UnsupportedError,
)
from diffkit.graph.avals import Aval, aval
from diffkit.graph.ir import LITERAL, Operation
from diffkit.primitives.indexing import getitem
from diffkit.primitives.shaping import reshape

__all__ = [
    "Rearranged", "as_index", "concrete", "gather", "is_viewed", "layout_of", "read",
    "remember_view",
]  # fmt: skip

_getframe = sys._getframe
_FRAMES_ABOVE = 3  # from _read_row through read and __getitem__ to the user
_WRITES_BACK = 8  # as many steps as a folded loop may look back
_ROWS: dict[Aval, Aval] = {}


class Rearranged:
    """A view that is not an index (a transpose, a reshape).

    ``forward`` reads it, ``backward`` writes it back, ``plain`` is NumPy's own view.
    """

    __slots__ = ("backward", "forward", "plain")

    def __init__(
        self,
        forward: Callable[[Tracer], Tracer],
        backward: Callable[[Tracer], Tracer],
        plain: Callable[[np.ndarray], np.ndarray],
    ) -> None:
        self.forward = forward
        self.backward = backward
        self.plain = plain


def layout_of(tracer: Tracer) -> np.ndarray:
    """An array without contents that lies in memory as NumPy's would, strides and all."""
    steps = []
    while (view := getattr(tracer, "viewed", None)) is not None:
        tracer, step = view
        steps.append(step)
    layout = np.empty(tracer.shape, np.int8)
    for step in reversed(steps):
        layout = step.plain(layout) if isinstance(step, Rearranged) else layout[step]
    return layout


def is_viewed(layout: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Whether NumPy can give an array another shape without a copy."""
    probe = layout.view()
    try:
        probe.shape = shape
    except AttributeError:
        return False
    return True


def remember_view(base: Tracer, index: Any, found: Tracer) -> Tracer:
    """Tie a view to its base, so that in-place operations on either reach both."""
    found.viewed = (base, index)
    if not hasattr(base, "children"):
        base.children = []
    base.children.append(weakref.ref(found))
    return found


def remember_basic(base: Tracer, index: Any, found: Tracer) -> None:
    """Basic indexing gives a view: later in-place operations must reach both."""
    basic = (int, np.integer, slice, type(None), type(Ellipsis))
    parts = index if isinstance(index, tuple) else (index,)
    if all(isinstance(part, basic) and not isinstance(part, bool) for part in parts):
        remember_view(base, index, found)


# Reading ----------------------------------------------------------------------------------------


def read(tracer: Tracer, index: Any) -> Tracer:
    """``tracer[index]`` with NumPy's meaning.

    Raises
    ------
    ShapeError
        For an index out of bounds or with too many parts.
    DataDependentError
        For a single traced truth value as index, whose result has no fixed shape.

    A traced condition as index is settled: it becomes a guard of the graph.

    >>> import diffkit as dk
    >>> dk.trace(lambda x: x[1] + x[-1], np.arange(3.0)).operations()
    {'add': 1, 'getitem': 2, 'total': 3}
    """
    if index.__class__ is int and tracer.aval.ndim:
        return _read_row(tracer, index)
    if isinstance(index, Rearranged):
        return index.forward(tracer)
    spec, arrays = concrete(tracer, index)
    if not spec:
        return Tracer(tracer.arena, tracer.node, tracer.aval)
    node = _written(tracer, spec) if all(part.__class__ is int for part in spec) else None
    if node is not None:
        return Tracer(tracer.arena, node, tracer.arena.avals[node])
    return getitem(tracer, *arrays, index=spec)


def _read_row(tracer: Tracer, index: int) -> Tracer:
    """x[i] for a plain integer: the common case, kept short."""
    arena, found = tracer.arena, tracer.aval
    place = index + found.shape[0] if index < 0 else index
    if not 0 <= place < found.shape[0]:
        raise _out_of_bounds(index, found)
    operation = Operation.of(getitem, (("index", (place,)),))
    node = arena.table.get((operation, tracer.node))
    if node is None and arena.operations[tracer.node].name == "where":
        node = _written(tracer, (place,))
    source = arena.source or caller_source(_getframe(_FRAMES_ABOVE))
    if node is not None:
        arena.note_repeat(node, source)
    else:
        row = _ROWS.get(found)
        if row is None:
            row = _ROWS[found] = aval(found.shape[1:], found.dtype)
        operation.memo[(found,)] = row  # spares the inference
        node = arena.emit(operation, (tracer.node,), source)
    return Tracer(arena, node, arena.avals[node])


def _written(tracer: Tracer, place: tuple[int, ...]) -> int | None:
    """The node that a write y[i] = v has put into place i, where one of the last writes did.

    A recurrence y[i] = g(y[i − 1]) then hands numbers on, not the whole array, and can be folded.
    """
    arena, node, shape = tracer.arena, tracer.node, tracer.shape
    for _ in range(_WRITES_BACK):
        if arena.operations[node].name != "where" or arena.avals[node].shape != shape:
            return None
        condition, chosen, node = arena.operands[node]
        if arena.operations[condition] is not LITERAL or arena.avals[condition].shape != shape:
            return None
        here_written = arena.values[condition][place]
        if np.all(here_written):
            part = aval(shape[len(place) :], tracer.dtype)
            return chosen if arena.avals[chosen] == part else None
        if np.any(here_written):
            return None
    return None


def gather(tracer: Tracer, positions: np.ndarray) -> Tracer:
    """The elements at constant flat positions; the result has the shape of ``positions``."""
    flat = tracer if tracer.aval.ndim == 1 else reshape(tracer, shape=(tracer.aval.size,))
    return getitem(flat, np.asarray(positions, dtype=np.int64), index=(("array", 1),))


def _out_of_bounds(index: int, of: Aval) -> ShapeError:
    size = of.shape[0]
    return ShapeError(
        f"getitem: index {index} is out of bounds for axis 0 of {of}",
        where=here(),
        hint=f"valid indices run from {-size} to {size - 1}." if size else "the axis is empty.",
    )


# Making an index concrete -----------------------------------------------------------------------


def concrete(tracer: Tracer, index: Any) -> tuple[tuple[Any, ...], list[Any]]:
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
            arrays.append(
                part if isinstance(part, Tracer) else np.where(part < 0, part + size, part)
            )
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
        return settled(part) if part.dtype == bool and part.ndim else _traced_part(part)
    if is_traced_deep(part):
        raise UnsupportedError(
            "getitem: a list of traced numbers cannot be an index",
            where=here(),
            hint="stack them first: np.stack([i, j]) gives a traced integer array.",
        )
    array = np.asarray(part)
    if array.dtype == bool and array.ndim == 0:
        raise UnsupportedError(
            "getitem: True and False as an index add an axis, which is not supported here",
            where=here(),
            hint="use np.expand_dims, or np.where for a condition.",
        )
    if array.size == 0 and array.dtype != bool:
        array = array.astype(np.int64)
    if array.dtype.kind not in "iub":
        raise DtypeError(
            f"getitem: {part!r:.40} cannot be an index",
            where=here(),
            hint="use integers, slices, None, ..., integer arrays or boolean arrays.",
        )
    return int(array) if array.ndim == 0 else array


def _traced_part(part: Tracer) -> Tracer:
    if part.dtype.kind in "iu":
        return part
    if part.dtype == bool:
        raise DataDependentError(
            "getitem: a traced truth value as an index adds an axis of unknown size",
            where=here(),
            hint="use np.where(condition, x, 0.0), which keeps the shape.",
        )
    raise DtypeError(
        f"getitem: a traced {part.aval} cannot be an index",
        where=here(),
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
            where=here(),
            hint="check the index against the shape.",
        ) from None
    except DiffkitError:
        raise  # a traced value as a slice bound says so itself
    except TypeError as error:
        raise DtypeError(
            f"getitem: {error}", where=here(), hint="slice bounds must be plain integers."
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


def as_index(spec: Sequence[Any], arrays: Sequence[Any]) -> tuple[Any, ...]:
    """A specification as an index NumPy understands."""
    parts: list[Any] = []
    for item in spec:
        if isinstance(item, tuple):
            parts.append(arrays[item[1] - 1] if item[0] == "array" else slice(*item[1:]))
        else:
            parts.append(item)
    return tuple(parts)
