"""Joining, splitting, padding and masking whole arrays.

Everything that joins is the ``concatenate`` primitive, which is linear in all its operands
together; its transpose cuts the cotangent into the same pieces.  Splitting reads slices, which
are views, as in NumPy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.capture.numpy_functions.shaping import asked, atleast_1d, atleast_2d, moved
from diffkit.capture.numpy_functions.tables import (
    axis_of,
    delivered,
    find_arena,
    implements,
    traced,
)
from diffkit.capture.tracing import Tracer, cast_to, here, lift
from diffkit.errors import ShapeError
from diffkit.primitives import piecewise, shaping

__all__ = ["concatenate", "stack"]


def _pieces(arrays: Any, what: str, dtype: Any = None) -> list[Tracer]:
    """A sequence of arrays as tracers of one dtype.

    Raises
    ------
    ShapeError
        When the sequence is empty.
    """
    whole = arrays if isinstance(arrays, (list, tuple)) else list(arrays)
    if not whole:
        raise ShapeError(f"{what}: there is nothing to join", where=here())
    arena = find_arena(*whole)
    pieces = [lift(arena, piece) for piece in whole]  # a Python float is a float64 here
    common = np.result_type(*(piece.dtype for piece in pieces)) if dtype is None else dtype
    return [cast_to(piece, common) for piece in pieces]


@implements(np.concatenate)
def concatenate(
    arrays: Any, /, axis: Any = 0, out: Any = None, *, dtype: Any = None, casting: str = ""
) -> Any:
    """Arrays joined along an axis that they have, or flattened and joined (axis None)."""
    pieces = _pieces(arrays, "np.concatenate", dtype)
    if axis is None:
        pieces = [shaping.reshape(piece, shape=(piece.size,)) for piece in pieces]
    one = axis_of(0 if axis is None else axis, pieces[0].ndim, "np.concatenate")
    first = pieces[0]
    for piece in pieces:
        same_rest = piece.ndim == first.ndim and all(
            a == b
            for k, (a, b) in enumerate(zip(piece.shape, first.shape, strict=True))
            if k != one
        )
        if not same_rest:
            raise ShapeError(
                f"np.concatenate: {first.aval} and {piece.aval} differ outside axis {one}",
                where=here(),
                hint="all sizes but that of the joined axis must be equal.",
            )
    joined = pieces[0] if len(pieces) == 1 else shaping.concatenate(*pieces, axis=one)
    return delivered(Tracer(joined.arena, joined.node, joined.aval), out)


@implements(np.stack)
def stack(
    arrays: Any, axis: int = 0, out: Any = None, *, dtype: Any = None, casting: str = ""
) -> Any:
    """Arrays of one shape joined along a new axis."""
    pieces = _pieces(arrays, "np.stack", dtype)
    shape = pieces[0].shape
    for piece in pieces:
        if piece.shape != shape:
            raise ShapeError(
                f"np.stack: {pieces[0].aval} and {piece.aval} have different shapes", where=here()
            )
    one = axis_of(axis, len(shape) + 1, "np.stack")
    layer = (*shape[:one], 1, *shape[one:])
    layers = [shaping.reshape(piece, shape=layer) for piece in pieces]
    return concatenate(layers, one, out)


@implements(np.hstack)
def hstack(tup: Any, *, dtype: Any = None, casting: str = "") -> Any:
    """Arrays joined along the second axis (the first for one-dimensional ones)."""
    pieces = [atleast_1d(piece) for piece in _pieces(tup, "np.hstack", dtype)]
    return concatenate(pieces, 0 if pieces[0].ndim == 1 else 1)


@implements(np.vstack)
def vstack(tup: Any, *, dtype: Any = None, casting: str = "") -> Any:
    """Arrays joined as rows."""
    return concatenate([atleast_2d(piece) for piece in _pieces(tup, "np.vstack", dtype)], 0)


@implements(np.dstack)
def dstack(tup: Any) -> Any:
    """Arrays joined along the third axis."""
    return concatenate([np.atleast_3d(piece) for piece in _pieces(tup, "np.dstack")], 2)


@implements(np.column_stack)
def column_stack(tup: Any) -> Any:
    """One-dimensional arrays as the columns of a matrix; matrices joined beside them."""
    columns = [
        shaping.reshape(piece, shape=(piece.size, 1)) if piece.ndim < 2 else piece
        for piece in _pieces(tup, "np.column_stack")
    ]
    return concatenate(columns, 1)


@implements(np.block)
def block(arrays: Any) -> Any:
    """A matrix from nested lists of blocks; the innermost lists run along the last axis."""
    depth = _depth(arrays)
    ndim = max(depth, max(np.ndim(part) for part in _leaves(arrays)))
    return _block(arrays, depth, ndim)


def _depth(arrays: Any) -> int:
    return 1 + max(map(_depth, arrays), default=0) if isinstance(arrays, list) else 0


def _leaves(arrays: Any) -> list[Any]:
    return (
        [leaf for part in arrays for leaf in _leaves(part)]
        if isinstance(arrays, list)
        else [arrays]
    )


def _block(arrays: Any, depth: int, ndim: int) -> Any:
    if not isinstance(arrays, list):
        missing = ndim - np.ndim(arrays)
        return np.reshape(arrays, (1,) * missing + np.shape(arrays)) if missing > 0 else arrays
    parts = [_block(part, depth - 1, ndim) for part in arrays]
    return np.concatenate(parts, axis=-depth)


@implements(np.append)
def append(arr: Any, values: Any, axis: Any = None) -> Any:
    """Values joined to the end."""
    return concatenate(traced(arr, values), axis)


# Splitting --------------------------------------------------------------------------------------


def _split(name: str, function: Any, fixed_axis: int | None = None) -> Any:
    def composition(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
        (ary,) = traced(ary)
        along = axis if fixed_axis is None else fixed_axis
        if fixed_axis == 1 and ary.ndim == 1:
            along = 0
        one = axis_of(along, ary.ndim, f"np.{name}")
        pieces = asked(function, np.arange(ary.shape[one]), indices_or_sections)
        before = (slice(None),) * one
        bounds = [(int(p[0]), int(p[-1]) + 1) if p.size else (0, 0) for p in pieces]
        return [ary[(*before, slice(start, stop))] for start, stop in bounds]

    composition.__name__ = name
    return composition


implements(np.split)(_split("split", np.split))
implements(np.array_split)(_split("array_split", np.array_split))
implements(np.vsplit)(_split("vsplit", np.split, 0))
implements(np.hsplit)(_split("hsplit", np.split, 1))
implements(np.dsplit)(_split("dsplit", np.split, 2))


# Triangles and diagonals ------------------------------------------------------------------------


def _triangle(function: Any) -> Any:
    def composition(m: Any, k: int = 0) -> Any:
        (m,) = traced(m)
        shape = m.shape if m.ndim > 1 else m.shape * 2
        kept = function(np.ones(shape[-2:], dtype=bool), k)
        return piecewise.where(kept, m, 0)

    composition.__name__ = function.__name__
    return composition


implements(np.tril)(_triangle(np.tril))
implements(np.triu)(_triangle(np.triu))


@implements(np.diag)
def diag(v: Any, k: int = 0) -> Any:
    """The diagonal of a matrix, or the matrix with that diagonal."""
    (v,) = traced(v)
    if v.ndim == 2:
        return moved(np.diag)(v, k)
    if v.ndim != 1:
        raise ShapeError(f"np.diag: {v.aval} is neither a vector nor a matrix", where=here())
    size = v.shape[0] + abs(k)
    matrix = lift(v.arena, np.zeros((size, size), dtype=v.dtype))
    rows = np.arange(v.shape[0]) + max(-k, 0)
    matrix[rows, np.arange(v.shape[0]) + max(k, 0)] = v
    return matrix


@implements(np.diagflat)
def diagflat(v: Any, k: int = 0) -> Any:
    """The matrix whose diagonal holds all elements."""
    (v,) = traced(v)
    return diag(shaping.reshape(v, shape=(v.size,)), k)


@implements(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """The diagonal of a traced matrix overwritten, in place."""
    a, val = traced(a, val)
    on_diagonal = np.zeros(a.shape, dtype=bool)
    asked(np.fill_diagonal, on_diagonal, True, wrap)
    a[on_diagonal] = val
