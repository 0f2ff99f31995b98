"""``np.linalg``: equations, determinants and factors, in terms of a few primitives.

The primitives (``primitives/linalg*.py``) take matrices with any number of axes in front; here
vectors become columns, packed factors are taken apart, and options are worked out:

    inv(A) = solve(A, I),   A⁻ⁿ = inv(A)ⁿ,   lstsq(A, b) = pinv(A) b,   s(A) from the svd

Norms and condition numbers are in ``norms.py``.  Reading on: NumPy's reference, *Linear algebra*.
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np

from diffkit.capture.numpy_functions.full_factors import FullFactor
from diffkit.capture.numpy_functions.tables import (
    axis_of,
    implements,
    plain_integers,
    refused_option,
    same,
    traced,
)
from diffkit.capture.tracing import Tracer, cast_to, here, lift
from diffkit.errors import InputError, ShapeError
from diffkit.primitives import arithmetic as ops
from diffkit.primitives import (
    linalg,
    linalg_determinants,
    linalg_factors,
    linalg_least_squares,
    shaping,
)
from diffkit.primitives.contraction import mT

__all__ = ["EighResult", "QRResult", "SVDResult", "SlogdetResult", "inv", "singular_values"]

_NO_VALUE = getattr(np, "_NoValue", None)
RCOND = 1e-15  # NumPy's own default for the pseudo-inverse


class EighResult(NamedTuple):
    """What ``np.linalg.eigh`` gives."""

    eigenvalues: Any
    eigenvectors: Any


class SVDResult(NamedTuple):
    """What ``np.linalg.svd`` gives."""

    U: Any
    S: Any
    Vh: Any


class QRResult(NamedTuple):
    """What ``np.linalg.qr`` gives."""

    Q: Any
    R: Any


class SlogdetResult(NamedTuple):
    """What ``np.linalg.slogdet`` gives."""

    sign: Any
    logabsdet: Any


def _matrices(what: str, a: Any, square: bool = False) -> Tracer:
    """A traced array of matrices.

    Raises
    ------
    ShapeError
        For vectors and scalars, and where they are not square but must be.
    """
    (a,) = traced(a)
    if a.ndim < 2 or (square and a.shape[-1] != a.shape[-2]):
        kind = "square matrices" if square else "matrices"
        raise ShapeError(
            f"{what}: {a.aval} holds no {kind}",
            where=here(),
            hint="the last two axes are rows and columns; np.diag makes a matrix of a vector.",
        )
    return a


def _column(b: Tracer) -> Tracer:
    return shaping.reshape(b, shape=(*b.shape, 1))


def _without_column(x: Tracer) -> Tracer:
    return shaping.reshape(x, shape=x.shape[:-1])


# Equations ----------------------------------------------------------------------------------------


@implements(np.linalg.solve)
def solve(a: Any, b: Any) -> Any:
    """The x of a x = b; b is a vector only if it has one dimension, as in NumPy 2."""
    a, b = traced(a, b)
    _matrices("np.linalg.solve", a, square=True)
    if b.ndim == 1:
        return _without_column(linalg.solve(a, _column(b)))
    return linalg.solve(a, b)


@implements(np.linalg.inv)
def inv(a: Any) -> Any:
    """The inverse, as the solution of A X = I."""
    a = _matrices("np.linalg.inv", a, square=True)
    return linalg.solve(a, np.eye(a.shape[-1], dtype=_float(a)))


def _float(a: Tracer) -> Any:
    return a.dtype if a.dtype.kind == "f" else np.dtype(np.float64)


@implements(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """The x with tensordot(a, x, x.ndim) = b."""
    a, b = traced(a, b)
    if axes is not None:
        moved = [axis_of(k, a.ndim, "np.linalg.tensorsolve") for k in axes]
        a = np.transpose(a, [k for k in range(a.ndim) if k not in moved] + moved)
    shape = a.shape[b.ndim :]
    if prod(shape) != b.size:
        raise ShapeError(
            f"np.linalg.tensorsolve: {a.aval} is no square system for {b.aval}",
            where=here(),
            hint="the first axes of a must be those of b, and the others have as many elements.",
        )
    x = solve(np.reshape(a, (b.size, b.size)), np.reshape(b, (b.size,)))
    return np.reshape(x, shape)


@implements(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Any:
    """The inverse of a tensor, whose first ``ind`` axes count the rows."""
    (a,) = traced(a)
    head, tail = a.shape[:ind], a.shape[ind:]
    if ind <= 0 or prod(head) != prod(tail):
        raise ShapeError(
            f"np.linalg.tensorinv: {a.aval} has no inverse for ind={ind}",
            where=here(),
            hint="the first `ind` axes must have as many elements as the others.",
        )
    return np.reshape(inv(np.reshape(a, (prod(head), prod(tail)))), (*tail, *head))


@implements(np.linalg.matrix_power)
def matrix_power(a: Any, n: int) -> Any:
    """A square matrix multiplied by itself: square and multiply; of the inverse for n < 0."""
    a = _matrices("np.linalg.matrix_power", a, square=True)
    n = int(plain_integers(n, "an exponent of np.linalg.matrix_power"))
    if n < 0:
        a, n = inv(a), -n
    if n == 0:
        return lift(a.arena, np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape).copy())
    result: Any = None
    while n:
        if n & 1:
            result = same(a) if result is None else result @ a
        n >>= 1
        a = a @ a if n else a
    return result


# Determinants -------------------------------------------------------------------------------------


@implements(np.linalg.det)
def det(a: Any) -> Any:
    """The determinant; its gradient is that of the polynomial, right for singular matrices."""
    return linalg_determinants.det(_matrices("np.linalg.det", a, square=True))


@implements(np.linalg.slogdet)
def slogdet(a: Any) -> SlogdetResult:
    """The sign of the determinant, a constant, and the logarithm of its absolute value."""
    both = linalg_determinants.slogdet(_matrices("np.linalg.slogdet", a, square=True))
    return SlogdetResult(both[..., 0], both[..., 1])


# Factors ------------------------------------------------------------------------------------------


@implements(np.linalg.cholesky)
def cholesky(a: Any, /, *, upper: bool = False) -> Any:
    """The lower (or upper) triangle L of a = L Lᵀ; only that triangle of a is read."""
    a = _matrices("np.linalg.cholesky", a, square=True)
    return mT(linalg.cholesky(mT(a))) if upper else linalg.cholesky(a)


def _symmetric(what: str, a: Any, uplo: str) -> Tracer:
    """Matrices whose lower triangle is to be read."""
    a = _matrices(what, a, square=True)
    if uplo.upper() not in ("L", "U"):
        raise InputError(f"{what}: UPLO must be 'L' or 'U', not {uplo!r}", where=here())
    return mT(a) if uplo.upper() == "U" else a


@implements(np.linalg.eigh)
def eigh(a: Any, UPLO: str = "L") -> EighResult:
    """Eigenvalues of symmetric matrices in ascending order, and their eigenvectors."""
    a = _symmetric("np.linalg.eigh", a, UPLO)
    # two operations: the values alone have a derivative where they are equal
    return EighResult(linalg_factors.eigvalsh(a), linalg_factors.eigh(a)[..., 1:, :])


@implements(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: str = "L") -> Any:
    """Eigenvalues of symmetric matrices in ascending order."""
    return linalg_factors.eigvalsh(_symmetric("np.linalg.eigvalsh", a, UPLO))


def singular_values(a: Any) -> Any:
    """The singular values of matrices, in descending order."""
    return linalg_factors.svdvals(a)


@implements(np.linalg.svdvals)
def svdvals(x: Any, /) -> Any:
    """The singular values, in descending order."""
    return singular_values(_matrices("np.linalg.svdvals", x))


@implements(np.linalg.svd)
def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    """The singular values and the orthogonal factors; of a square one only what is determined."""
    a = _matrices("np.linalg.svd", a)
    if hermitian:
        raise refused_option("np.linalg.svd", "hermitian=True")
    rows, columns = a.shape[-2:]
    if not compute_uv:
        return singular_values(a)
    packed = linalg_factors.svd(a)
    u, vh = packed[..., :rows, :], mT(packed[..., rows + 1 :, :])
    if full_matrices and rows > columns:
        u = FullFactor(u, -1)
    if full_matrices and rows < columns:
        vh = FullFactor(vh, -2)
    return SVDResult(u, singular_values(a), vh)


@implements(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    """The orthogonal factor Q and the triangle R of a = Q R."""
    a = _matrices("np.linalg.qr", a)
    rows, columns = a.shape[-2:]
    if mode not in ("reduced", "r", "complete") or (mode == "complete" and rows > columns):
        raise refused_option("np.linalg.qr", f"mode={mode!r} for {a.aval}", "write mode='reduced'.")
    packed = linalg_least_squares.qr(a[..., :rows] if rows < columns else a)
    q, r = packed[..., :rows, :], packed[..., rows:, :]
    if rows < columns:  # the other columns of R are those of A in the basis Q
        r = np.concatenate([r, mT(q) @ cast_to(a, q.dtype)[..., rows:]], axis=-1)
    return r if mode == "r" else QRResult(q, r)


# Rank and least squares ---------------------------------------------------------------------------


def _relative(what: str, rcond: Any, rtol: Any, a: Tracer, default: float) -> float:
    """Below which part of the largest singular value the others count as 0."""
    if rcond is not None and rtol is not None and rtol is not _NO_VALUE:
        raise InputError(f"{what}: give rcond or rtol, not both", where=here())
    if rcond is None and rtol is not _NO_VALUE:
        rcond = max(a.shape[-2:]) * np.finfo(_float(a)).eps if rtol is None else rtol
    rcond = default if rcond is None else rcond
    if isinstance(rcond, Tracer) or np.ndim(rcond):
        raise refused_option(what, "an array as the tolerance", "give one plain number.")
    return float(rcond)


@implements(np.linalg.pinv)
def pinv(
    a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = _NO_VALUE
) -> Any:  # fmt: skip
    """The pseudo-inverse, with the derivative at constant rank."""
    a = _matrices("np.linalg.pinv", a)
    if hermitian:
        raise refused_option("np.linalg.pinv", "hermitian=True")
    return linalg_least_squares.pinv(a, rcond=_relative("np.linalg.pinv", rcond, rtol, a, RCOND))


@implements(np.linalg.matrix_rank)
def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    """How many singular values are not 0: an integer, without a derivative."""
    (a,) = traced(A)
    if a.ndim < 2:
        found: Any = np.any(ops.not_equal(a, 0))
        return cast_to(found, np.int64)
    s = singular_values(a)
    if tol is None:
        tol = s[..., :1] * _relative("np.linalg.matrix_rank", rtol, None if rtol is None
                                     else _NO_VALUE, a, 0.0)  # fmt: skip
    else:
        tol = np.asarray(tol)[..., None] if np.ndim(tol) else tol
    return np.count_nonzero(ops.greater(s, tol), axis=-1)


@implements(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Any = None) -> tuple[Any, Any, Any, Any]:
    """The x of least length that minimises ‖b − a x‖, the residuals, the rank, singular values.

    The residuals are given for every rank where a has more rows than columns.
    """
    a, b = traced(a, b)
    _matrices("np.linalg.lstsq", a)
    if a.ndim != 2 or b.ndim not in (1, 2) or a.shape[0] != b.shape[0]:
        raise ShapeError(
            f"np.linalg.lstsq: {a.aval} and {b.aval} are no matrix and its right sides",
            where=here(),
            hint="a is one matrix, and b has one row (or number) for each row of a.",
        )
    rcond = np.finfo(_float(a)).eps * max(a.shape) if rcond is None else rcond
    sides = _column(b) if b.ndim == 1 else b
    x = linalg_least_squares.pinv(a, rcond=float(rcond)) @ sides
    rows, columns = a.shape
    left = np.sum((sides - a @ x) ** 2, axis=0) if rows > columns else np.zeros_like(x[0, :0])
    s = singular_values(a)
    rank = cast_to(np.count_nonzero(ops.greater(s, s[:1] * rcond)), np.int32)  # type: ignore[arg-type]
    return (_without_column(x) if b.ndim == 1 else x), left, rank, s
