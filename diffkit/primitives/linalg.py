"""Linear equations: solving, substitution and the Cholesky factor, over the last two axes.

    solve:              A X = B          Ẋ = A⁻¹(Ḃ − Ȧ X)      B̄ = A⁻ᵀ X̄,  Ā = −B̄ Xᵀ
    triangular_solve:   T X = B          the same, of one triangle of T
    cholesky:           L Lᵀ = A         L̇ = L Φ(L⁻¹ Ȧ L⁻ᵀ)    Ā = L⁻ᵀ Φ(Lᵀ L̄) L⁻¹

Φ takes the lower triangle with half of the diagonal.  Leading axes count matrices and broadcast.
Like LAPACK, an operation that reads one triangle of a matrix has the derivative of a function of
that triangle: what it does not read has cotangent 0.

Determinants are in ``linalg_determinants.py``, eigenvalues and orthogonal factors in
``linalg_factors.py``.  Reading on: Giles 2008, *Collected matrix derivative results for forward
and reverse mode algorithmic differentiation*; Murray 2016, *Differentiation of the Cholesky
decomposition*.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit.errors import DtypeError, LinearAlgebraError, ShapeError
from diffkit.graph.avals import Aval
from diffkit.graph.primitive import Other, aligned, primitive
from diffkit.primitives import linalg_objects as objects
from diffkit.primitives.contraction import matmul, mT
from diffkit.primitives.piecewise import mask

__all__ = [
    "check_square", "cholesky", "float_dtypes", "half_triangle", "mirrored", "solve", "triangle",
    "triangular_solve",
]  # fmt: skip

SINGULAR_HINT = (
    "check that no row is a combination of others; np.linalg.lstsq and np.linalg.pinv take such "
    "matrices."
)
# An addition and a multiplication for each cell below the diagonal, and for each step.
ELIMINATION = 2 / 3
SUBSTITUTION = 2
CHOLESKY = 1 / 3


# What all operations on matrices share ------------------------------------------------------------


def float_dtypes(name: str, avals: Sequence[Aval]) -> tuple[np.dtype[Any], ...] | None:
    """One float dtype for all operands: integers become float64, as in ``np.linalg``.

    Raises
    ------
    DtypeError
        For complex operands.
    """
    common = np.result_type(*(a.dtype for a in avals))
    if common.kind == "c":
        raise DtypeError(
            f"{name}: complex matrices are not supported",
            hint="write the real and imaginary parts as one real matrix of twice the size.",
        )
    if common.kind in "iub" or common == np.float16:
        common = np.dtype(np.float64)
    return None if all(a.dtype == common for a in avals) else (common,) * len(avals)


def check_square(name: str, a: Aval) -> int:
    """The size of square matrices.

    Raises
    ------
    ShapeError
        For operands of another shape.
    """
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ShapeError(
            f"{name}: {a} holds no square matrices",
            hint="the last two axes are rows and columns, and must have equal sizes.",
        )
    return a.shape[-1]


def _system(name: str, a: Aval, b: Aval) -> tuple[int, ...]:
    """The shape of the solution of A X = B."""
    size = check_square(name, a)
    if b.ndim < 2 or b.shape[-2] != size:
        raise ShapeError(
            f"{name}: the right sides {b} do not fit the matrix {a}",
            hint=f"the matrix has {size} rows, and so must the right sides.",
        )
    try:
        head = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    except ValueError:
        raise ShapeError(
            f"{name}: the leading axes of {a} and {b} do not broadcast",
            hint="all axes but the last two must be equal or 1.",
        ) from None
    return (*head, *b.shape[-2:])


def triangle(x: Any, lower: bool = True, strict: bool = False) -> Any:
    """One triangle of matrices, with the diagonal unless ``strict``, and 0 elsewhere.

    >>> triangle(np.ones((2, 2)), lower=False)
    array([[1., 1.],
           [0., 1.]])
    """
    rows, columns = x.shape[-2:]
    below = np.tri(rows, columns, -int(strict), dtype=bool)
    above = np.tri(columns, rows, -int(strict), dtype=bool).T
    return mask(below if lower else above, x)


def half_triangle(x: Any) -> Any:
    """Φ(X): the lower triangle of square matrices with half of the diagonal.

    >>> half_triangle(np.ones((2, 2)))
    array([[0.5, 0. ],
           [1. , 0.5]])
    """
    size = x.shape[-1]
    return triangle(x * (1 - np.eye(size, dtype=x.dtype) / 2))


def mirrored(x: Any) -> Any:
    """The symmetric matrices that have the lower triangle of X.

    >>> mirrored(np.array([[1.0, 7.0], [2.0, 3.0]]))
    array([[1., 2.],
           [2., 3.]])
    """
    return triangle(x) + mT(triangle(x, strict=True))


def _minus(b_dot: Any, product: Any) -> Any:
    return -product if b_dot is None else b_dot - product


# Solving ------------------------------------------------------------------------------------------


@primitive
class solve(Other):
    """The X of A X = B, for square matrices A and right sides B with columns."""

    def dtypes(self, avals: Sequence[Aval]) -> Any:
        return float_dtypes("solve", avals)

    def value(self, a: Any, b: Any) -> Any:
        try:
            return np.linalg.solve(a, b)
        except np.linalg.LinAlgError:
            message = "solve: a matrix is singular, so the equations have no single solution"
            raise LinearAlgebraError(message, hint=SINGULAR_HINT) from None

    analytic = value

    def generic(self, a: Any, b: Any) -> Any:
        return objects.over_matrices(objects.solved, (2, 2), np.shape(b)[-2:], a, b)

    def shape(self, a: Aval, b: Aval) -> Any:
        return _system("solve", a, b)

    def jvp(self, y: Any, x: Sequence[Any], x_dot: Sequence[Any]) -> Any:
        a_dot, b_dot = x_dot
        return solve(x[0], b_dot if a_dot is None else _minus(b_dot, matmul(a_dot, y)))

    def vjp(self, ct: Any, y: Any, a: Any, b: Any) -> Any:
        def right_sides() -> Any:
            return solve(mT(a), ct)

        return lambda: -matmul(right_sides(), mT(y)), right_sides

    def batch(self, batched: Any, a: Any, b: Any, size: int) -> Any:
        return solve(*aligned(batched, (a, b)))

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        size = avals[0].shape[-1]
        factored = avals[0].size * size * ELIMINATION
        return round(factored + SUBSTITUTION * size * out.size)


def _substituted(a: Any, b: Any, lower: bool, transposed: bool, unit: bool) -> Any:
    """Substitution row by row, over numbers of any kind."""
    if transposed:
        a, lower = np.swapaxes(a, -1, -2), not lower
    size = a.shape[-1]
    head = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    y = np.array(np.broadcast_to(b, (*head, *b.shape[-2:])), dtype=np.result_type(a, b))
    for i in range(size) if lower else range(size - 1, -1, -1):
        known = slice(0, i) if lower else slice(i + 1, size)
        if known.start != known.stop:
            y[..., i, :] -= np.matmul(a[..., i : i + 1, known], y[..., known, :])[..., 0, :]
        if not unit:
            y[..., i, :] /= a[..., i, i, None]
    return y


@primitive
class triangular_solve(Other):
    """The X of T X = B or Tᵀ X = B, where T is one triangle of A (its diagonal 1 if ``unit``)."""

    def dtypes(self, avals: Sequence[Aval]) -> Any:
        return float_dtypes("triangular_solve", avals)

    def value(self, a: Any, b: Any, lower: bool, transposed: bool, unit: bool) -> Any:
        a, b = np.asarray(a), np.asarray(b)
        if not unit and (np.diagonal(a, axis1=-2, axis2=-1) == 0).any():
            message = "triangular_solve: a diagonal has a 0, so the equations have no solution"
            raise LinearAlgebraError(message, hint=SINGULAR_HINT)
        return _substituted(a, b, lower, transposed, unit)

    analytic = value

    def generic(self, a: Any, b: Any, lower: bool, transposed: bool, unit: bool) -> Any:
        return self.value(np.asarray(a, object), np.asarray(b, object), lower, transposed, unit)

    def shape(self, a: Aval, b: Aval, **params: Any) -> Any:
        return _system("triangular_solve", a, b)

    def jvp(
        self, y: Any, x: Sequence[Any], x_dot: Sequence[Any],
        lower: bool, transposed: bool, unit: bool,
    ) -> Any:  # fmt: skip
        a_dot, b_dot = x_dot
        if a_dot is not None:
            moved = triangle(a_dot, lower, strict=unit)
            b_dot = _minus(b_dot, matmul(mT(moved) if transposed else moved, y))
        return triangular_solve(x[0], b_dot, lower=lower, transposed=transposed, unit=unit)

    def vjp(
        self, ct: Any, y: Any, a: Any, b: Any, lower: bool, transposed: bool, unit: bool
    ) -> Any:
        def right_sides() -> Any:
            return triangular_solve(a, ct, lower=lower, transposed=not transposed, unit=unit)

        def matrices() -> Any:
            b_bar = right_sides()
            outer = matmul(y, mT(b_bar)) if transposed else matmul(b_bar, mT(y))
            return -triangle(outer, lower, strict=unit)

        return matrices, right_sides

    def batch(self, batched: Any, a: Any, b: Any, size: int, **params: Any) -> Any:
        return triangular_solve(*aligned(batched, (a, b)), **params)

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return avals[0].shape[-1] * out.size


# Cholesky -----------------------------------------------------------------------------------------


def _not_definite() -> LinearAlgebraError:
    return LinearAlgebraError(
        "cholesky: a matrix is not positive definite",
        hint="add a small multiple of the identity, or check that it is symmetric.",
    )


def _by_columns(a: Any) -> Any:
    """The Cholesky factor, column by column, over numbers of any kind (analytic over complex)."""
    root, factor = objects.root_of(a), np.zeros_like(a)
    symbolic = a.dtype == object and objects.is_symbolic(a)
    for j in range(a.shape[-1]):
        products = factor[..., j:, :j] * factor[..., j : j + 1, :j]
        rest = a[..., j:, j] - products.sum(axis=-1)
        if not symbolic and (_real(rest[..., 0]) <= 0).any():
            raise _not_definite()
        factor[..., j, j] = root(rest[..., 0])
        factor[..., j + 1 :, j] = rest[..., 1:] / factor[..., j, j, None]
    return factor


def _real(x: Any) -> Any:
    return np.asarray(x) if np.asarray(x).dtype == object else np.real(x)


@primitive
class cholesky(Other):
    """The lower triangle L of A = L Lᵀ, for positive definite A; its lower triangle is read."""

    def dtypes(self, avals: Sequence[Aval]) -> Any:
        return float_dtypes("cholesky", avals)

    def value(self, a: Any) -> Any:
        try:
            return np.linalg.cholesky(a)
        except np.linalg.LinAlgError:
            raise _not_definite() from None

    def analytic(self, a: Any) -> Any:
        """The factor with L Lᵀ = A, without conjugation."""
        return _by_columns(np.asarray(a))

    def generic(self, a: Any) -> Any:
        return _by_columns(np.asarray(a, dtype=object))

    def shape(self, a: Aval) -> Any:
        check_square("cholesky", a)
        return a.shape

    def jvp(self, y: Any, x: Sequence[Any], x_dot: Sequence[Any]) -> Any:
        half = _lower_solve(y, mirrored(x_dot[0]))
        return matmul(y, half_triangle(mT(_lower_solve(y, mT(half)))))

    def vjp(self, ct: Any, y: Any, a: Any) -> Any:
        def cholesky_pullback() -> Any:
            inner = half_triangle(matmul(mT(y), ct))
            half = _lower_solve(y, inner, transposed=True)
            a_bar = mT(_lower_solve(y, mT(half), transposed=True))
            return half_triangle(a_bar + mT(a_bar))

        return (cholesky_pullback,)

    def batch(self, batched: Any, a: Any, size: int) -> Any:
        return cholesky(a)

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return round(out.size * (out.shape[-1] if out.size else 0) * CHOLESKY)


def _lower_solve(factor: Any, b: Any, transposed: bool = False) -> Any:
    return triangular_solve(factor, b, lower=True, transposed=transposed, unit=False)
