"""``dk.scipy.linalg``: the basics of ``scipy.linalg`` for traced arrays.

Like LAPACK, functions that read one triangle of a matrix have the derivative of a function of
that triangle.  Options that only spare SciPy a copy or a check (``overwrite_a``, ``check_finite``)
are accepted and change nothing.

Reading on: SciPy's reference, ``scipy.linalg``; the rules are in ``primitives/linalg.py``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.capture.numpy_functions import linear_algebra
from diffkit.capture.numpy_functions.tables import refused_option, traced
from diffkit.capture.scipy_functions.originals import like
from diffkit.capture.tracing import Tracer, here
from diffkit.errors import ShapeError
from diffkit.primitives import linalg, linalg_functions, shaping
from diffkit.primitives.contraction import mT

__all__ = [
    "cho_factor", "cho_solve", "cholesky", "det", "expm", "inv", "norm", "solve",
    "solve_triangular",
]  # fmt: skip

_GENERAL = (None, "gen", "general")
_SYMMETRIC = ("sym", "symmetric", "her", "hermitian")
_POSITIVE = ("pos", "positive definite")
_TRIANGULAR = {"upper triangular": False, "lower triangular": True}


def _square(what: str, a: Any) -> Tracer:
    (a,) = traced(a)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ShapeError(
            f"{what}: {a.aval} holds no square matrices",
            where=here(),
            hint="the last two axes are rows and columns, and must have equal sizes.",
        )
    return a


def _for_columns(solver: Any, b: Tracer) -> Any:
    """Solve for a vector as for one column."""
    if b.ndim != 1:
        return solver(b)
    found = solver(shaping.reshape(b, shape=(*b.shape, 1)))
    return shaping.reshape(found, shape=found.shape[:-1])


def _substituted(a: Any, b: Any, lower: bool, transposed: bool = False, unit: bool = False) -> Any:
    return linalg.triangular_solve(a, b, lower=bool(lower), transposed=transposed, unit=bool(unit))


@like("scipy.linalg.solve")
def solve(
    a: Any, b: Any, lower: bool = False, overwrite_a: bool = False, overwrite_b: bool = False,
    check_finite: bool = True, assume_a: Any = None, transposed: bool = False,
) -> Any:  # fmt: skip
    """The x of a x = b (or aᵀ x = b); with ``assume_a`` only one triangle of a is read.

    Shapes and dtypes are those of ``scipy.linalg.solve``.

    Raises
    ------
    LinearAlgebraError
        When it runs, for a singular matrix.

    >>> import diffkit as dk
    >>> dk.grad(lambda b: np.sum(solve(2 * np.eye(2), b)))(np.ones(2)).tolist()
    [0.5, 0.5]
    """
    a, b = traced(a, b)
    _square("scipy.linalg.solve", a)
    if assume_a in _TRIANGULAR:
        lower = _TRIANGULAR[assume_a]
        return _for_columns(lambda x: _substituted(a, x, lower, transposed), b)
    if assume_a in _POSITIVE:
        return cho_solve(cho_factor(a, lower), b)
    if assume_a in _SYMMETRIC:
        a = linalg.mirrored(a if lower else mT(a))
    elif assume_a not in _GENERAL:
        raise refused_option("scipy.linalg.solve", f"assume_a={assume_a!r}", "leave it out.")
    elif transposed:
        a = mT(a)
    return _for_columns(lambda x: linalg.solve(a, x), b)


@like("scipy.linalg.solve_triangular")
def solve_triangular(
    a: Any, b: Any, trans: Any = 0, lower: bool = False, unit_diagonal: bool = False,
    overwrite_b: bool = False, check_finite: bool = True,
) -> Any:  # fmt: skip
    """The x of a x = b, or of aᵀ x = b for ``trans`` 1 or ``"T"``, for one triangle of a.

    Shapes and dtypes are those of ``scipy.linalg.solve_triangular``.

    Raises
    ------
    LinearAlgebraError
        When it runs, for a 0 on the diagonal.

    >>> solve_triangular(np.array([[2.0, 1.0], [0.0, 4.0]]), np.array([3.0, 4.0])).tolist()
    [1.0, 1.0]
    """
    a, b = traced(a, b)
    _square("scipy.linalg.solve_triangular", a)
    transposed = trans not in (0, "N")
    return _for_columns(lambda x: _substituted(a, x, lower, transposed, unit_diagonal), b)


@like("scipy.linalg.cholesky")
def cholesky(
    a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> Any:
    """The upper triangle R of a = Rᵀ R, or the lower one; only that triangle of a is read.

    Raises
    ------
    LinearAlgebraError
        When it runs, for a matrix that is not positive definite.

    >>> cholesky(np.array([[4.0, 2.0], [2.0, 5.0]])).tolist()
    [[2.0, 1.0], [0.0, 2.0]]
    """
    a = _square("scipy.linalg.cholesky", a)
    return linalg.cholesky(a) if lower else mT(linalg.cholesky(mT(a)))


@like("scipy.linalg.cho_factor")
def cho_factor(
    a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True
) -> Any:
    """A Cholesky factor for :func:`cho_solve`, and whether it is the lower one.

    Its other triangle is 0 for traced arrays; SciPy leaves anything there.

    Raises
    ------
    LinearAlgebraError
        When it runs, for a matrix that is not positive definite.

    >>> cho_factor(np.eye(2))[1]
    False
    """
    return cholesky(a, lower), lower


@like("scipy.linalg.cho_solve")
def cho_solve(
    c_and_lower: Any, b: Any, overwrite_b: bool = False, check_finite: bool = True
) -> Any:
    """The x of a x = b, from the factor of a that :func:`cho_factor` has made.

    Raises
    ------
    LinearAlgebraError
        When it runs, for a 0 on the diagonal of the factor.

    >>> cho_solve((2 * np.eye(2), True), np.ones(2)).tolist()
    [0.25, 0.25]
    """
    factor, lower = c_and_lower
    factor, b = traced(factor, b)

    def both(x: Any) -> Any:
        half = _substituted(factor, x, lower, transposed=not lower)
        return _substituted(factor, half, lower, transposed=bool(lower))

    return _for_columns(both, b)


@like("scipy.linalg.inv")
def inv(
    a: Any, overwrite_a: bool = False, check_finite: bool = True, *, assume_a: Any = None,
    lower: bool = False,
) -> Any:  # fmt: skip
    """The inverse of square matrices.

    Raises
    ------
    LinearAlgebraError
        When it runs, for a singular matrix.

    >>> inv(2 * np.eye(2)).tolist()
    [[0.5, 0.0], [0.0, 0.5]]
    """
    a = _square("scipy.linalg.inv", a)
    return solve(a, np.eye(a.shape[-1], dtype=a.dtype), lower, assume_a=assume_a)


@like("scipy.linalg.det")
def det(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """The determinant; its gradient is right for singular matrices.

    >>> import diffkit as dk
    >>> dk.grad(det)(np.array([[1.0, 2.0], [2.0, 4.0]])).round(9).tolist()
    [[4.0, -2.0], [-2.0, 1.0]]
    """
    return linear_algebra.det(a)


@like("scipy.linalg.norm")
def norm(
    a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False, check_finite: bool = True
) -> Any:
    """The norms of ``np.linalg.norm``.

    >>> import diffkit as dk
    >>> dk.grad(norm)(np.array([3.0, 4.0])).round(9).tolist()
    [0.6, 0.8]
    """
    return np.linalg.norm(a, ord, axis, keepdims)


@like("scipy.linalg.expm")
def expm(A: Any) -> Any:
    """The exponential of square matrices, e^A = I + A + A²/2 + …

    Source: the derivative is a block of the exponential of a larger matrix (Najfeld & Havel
    1995, *Derivatives of the matrix exponential and their computation*).

    >>> expm(np.zeros((2, 2))).tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    return linalg_functions.expm(_square("scipy.linalg.expm", A))
