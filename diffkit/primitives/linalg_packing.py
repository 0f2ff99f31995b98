"""Packed factors: several results of one operation, one above the other in one matrix.

An equation has one result, so an operation with several factors stacks their rows; they are taken
apart again where they are used.  Here are the few movements that this takes, and the weights
1/(wⱼ ± wᵢ) with which factors turn, Note [Ties] in ``linalg_ties.py``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.errors import LinearAlgebraError, ShapeError
from diffkit.graph.avals import Aval
from diffkit.primitives.arithmetic import greater, not_equal
from diffkit.primitives.indexing import WHOLE, getitem
from diffkit.primitives.linalg_ties import gap_reciprocal, off_diagonal
from diffkit.primitives.piecewise import abs_, mask, where
from diffkit.primitives.reductions import max_, sum_
from diffkit.primitives.shaping import concatenate, reshape, spread

__all__ = [
    "as_column", "as_row", "check_matrix", "diagonal_of", "gap_weights", "lapack_svd",
    "nonzero_cotangents", "nonzero_slopes", "not_converged", "on_diagonal", "reciprocal_row",
    "row_of", "rows_of", "scale_of", "stacked",
]  # fmt: skip


def check_matrix(name: str, a: Aval) -> tuple[int, int]:
    """The rows and columns of matrices.

    Raises
    ------
    ShapeError
        For vectors and scalars.
    """
    if a.ndim < 2:
        raise ShapeError(
            f"{name}: {a} holds no matrices", hint="the last two axes are rows and columns."
        )
    return a.shape[-2], a.shape[-1]


def not_converged(name: str) -> LinearAlgebraError:
    """The error for an iteration of LAPACK's that gave up, as it does with NaN."""
    return LinearAlgebraError(
        f"{name}: LAPACK's iteration did not converge",
        hint="check the matrix for NaN and infinities.",
    )


def lapack_svd(name: str, a: Any, **options: bool) -> Any:
    """What ``np.linalg.svd`` gives; refused where LAPACK gives up, or would not return at all.

    OpenBLAS was seen to iterate for ever on a matrix with an infinity.

    Raises
    ------
    LinearAlgebraError
        For matrices with NaN or infinities, and where the iteration fails.
    """
    svd: Any = np.linalg.svd
    if not np.isfinite(a).all():
        raise not_converged(name)
    try:
        return svd(a, **options)
    except np.linalg.LinAlgError:
        raise not_converged(name) from None


def rows_of(x: Any, start: int, stop: int | None) -> Any:
    """Some rows of matrices, which is how packed factors are taken apart."""
    index = (*[WHOLE] * (x.ndim - 2), ("slice", start, stop, 1))
    return getitem(x, index=index)


def row_of(x: Any, place: int) -> Any:
    """One row of matrices, as vectors."""
    return getitem(x, index=(*[WHOLE] * (x.ndim - 2), place))


def as_row(x: Any) -> Any:
    """Vectors as matrices of one row."""
    return reshape(x, shape=(*x.shape[:-1], 1, x.shape[-1]))


def as_column(x: Any) -> Any:
    """Vectors as matrices of one column."""
    return reshape(x, shape=(*x.shape, 1))


def diagonal_of(x: Any) -> Any:
    """The diagonal of square matrices."""
    size = x.shape[-1]
    return sum_(mask(np.eye(size, dtype=bool), x), axes=(x.ndim - 1,))


def on_diagonal(x: Any) -> Any:
    """Vectors as diagonal matrices."""
    size = x.shape[-1]
    return mask(np.eye(size, dtype=bool), spread(x, axes=(x.ndim,), sizes=(size,)))


def stacked(*parts: Any) -> Any:
    """Matrices with equally many columns, one above the other."""
    return concatenate(*parts, axis=parts[0].ndim - 2)


def scale_of(w: Any) -> Any:
    """The largest size of numbers, as a matrix of one cell."""
    return reshape(max_(abs_(w), axes=(w.ndim - 1,)), shape=(*w.shape[:-1], 1, 1))


def gap_weights(w: Any, sign: float) -> Any:
    """Fᵢⱼ = 1/(wⱼ + sign·wᵢ), and 0 at ties and on the diagonal."""
    size = w.shape[-1]
    if size < 2:
        return np.zeros((size, size), w.dtype)
    gaps = as_row(w) + sign * as_column(w)
    # the diagonal is no gap, so it is put out of the way of a warning
    apart = where(np.eye(size, dtype=bool), scale_of(w), gaps)
    return off_diagonal(gap_reciprocal(apart, scale_of(w)))


def nonzero_slopes(x: Any, s: Any) -> Any:
    """Slopes x of singular values s, and 0 for those of values that are 0, Note [Ties]."""
    least = scale_of(s) * (s.shape[-1] * np.finfo(s.dtype).eps)
    return reshape(mask(greater(as_row(s), least), as_row(x)), shape=x.shape)


def nonzero_cotangents(s_bar: Any, s: Any) -> Any:
    """The same, with a warning where the cotangent of a value that is 0 was used.

    A cotangent that is rounding beside the others is no use of that value.  (A tangent moves all
    values, whoever uses them, so it cannot be warned of.)
    """
    bars, scale = as_row(s_bar), scale_of(s)
    least = scale_of(s_bar) * (s.shape[-1] * np.finfo(s.dtype).eps)
    used = where(greater(abs_(bars), least), as_row(s), scale + 1.0)
    kept = mask(not_equal(gap_reciprocal(used, scale), 0.0), bars)
    return reshape(kept, shape=s_bar.shape)


def reciprocal_row(s: Any) -> Any:
    """1/s as a row, and 0 where s is 0."""
    return gap_reciprocal(as_row(s), scale_of(s))
