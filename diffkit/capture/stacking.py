"""Arrays built from traced numbers: ``np.array([t, 1.0, u])`` as one traced array.

``np.array`` passes both of NumPy's protocols by and asks each element for ``__array__``, so it
makes an object array whose cells are scalar tracers.  The next operation that meets it stacks
the cells again: one reshape each and one concatenate.  When the cells are all elements of one
array, in order, as after ``np.asarray(x)``, the array itself is taken.

Reading on: NEP 30, *Duck typing for NumPy arrays*, on why ``np.asarray`` cannot be overridden.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from diffkit.capture.tracing import Tracer, cast_to, here, lift
from diffkit.errors import ShapeError
from diffkit.graph.arena import Arena
from diffkit.primitives.shaping import concatenate, reshape

__all__ = ["stack_cells"]


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
        whole = _read_in_order(arena, cells, shape)
        if whole is not None:
            return reshape(whole, shape=shape) if whole.shape != shape else whole
    else:
        cells, shape = list(value), (len(value),)
    rows = [lift(arena, _plain_cell(cell)) for cell in cells]  # a Python float is a float64 here
    inner = rows[0].shape
    for row in rows:
        if row.shape != inner:
            raise ShapeError(
                f"an array cannot be made of parts with shapes {inner} and {row.shape}",
                where=here(),
                hint="give every part the same shape, or use np.concatenate.",
            )
    return reshape(_joined(rows), shape=(*shape, *inner))


def _plain_cell(cell: Any) -> Any:
    """NumPy scalars out of object arrays, as they were before they went in."""
    return cell[()] if isinstance(cell, np.ndarray) and cell.ndim == 0 else cell


def _joined(rows: Sequence[Tracer]) -> Tracer:
    dtype = np.result_type(*(row.dtype for row in rows))
    flat = [reshape(cast_to(row, dtype), shape=(row.size,)) for row in rows]
    return flat[0] if len(flat) == 1 else concatenate(*flat, axis=0)


def _read_in_order(arena: Arena, cells: Sequence[Any], shape: tuple[int, ...]) -> Tracer | None:
    """The array whose elements these are, one by one, if they are (``np.asarray(x)``)."""
    bases = {_element_of(arena, cell, place) for place, cell in enumerate(cells)}
    base = bases.pop() if len(bases) == 1 else None
    if base is None:
        return None
    if arena.avals[base].shape != (prod(shape),):
        return None
    if arena.operations[base].name == "reshape":
        whole = arena.operands[base][0]
        if arena.avals[whole].shape == shape:
            base = whole
    return Tracer(arena, base, arena.avals[base])


def _element_of(arena: Arena, cell: Any, place: int) -> int | None:
    """The node of the array that this cell is element ``place`` of, if it is one."""
    if not isinstance(cell, Tracer) or cell.arena is not arena:
        return None
    operation = arena.operations[cell.node]
    if operation.name != "getitem" or operation.kwargs["index"] != (place,):
        return None
    return arena.operands[cell.node][0]
