"""Eigenvalues and singular values, with and without their vectors.

An equation has one result, so factors are packed (``linalg_packing.py``): ``eigh`` gives the
eigenvalues as row 0 and the eigenvectors below, ``svd`` U, then the row of singular values, then V.

    A = V diag(w) Vᵀ, M = Vᵀ Ȧ V:     ẇᵢ = Mᵢᵢ,     V̇ = V (F ∘ M),     Fᵢⱼ = 1/(wⱼ − wᵢ)
    A = U diag(s) Vᵀ, M = Uᵀ Ȧ V:     ṡᵢ = Mᵢᵢ,     and beside the diagonal

    UᵀU̇ + VᵀV̇ = (M + Mᵀ)/(sⱼ − sᵢ),     UᵀU̇ − VᵀV̇ = (M − Mᵀ)/(sⱼ + sᵢ)

What lies outside of the columns of U and V is divided by s.  Where gaps are 0, Note [Ties] in
``linalg_ties.py``; ``eigvalsh`` and ``svdvals`` need no gaps.

Reading on: Giles 2008 (see ``linalg.py``), sections 2.3.1 and 2.3.2; Townsend 2016,
*Differentiating the singular value decomposition*.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit.graph.avals import Aval
from diffkit.graph.primitive import Other, primitive
from diffkit.primitives import linalg_objects as objects
from diffkit.primitives.contraction import matmul, mT
from diffkit.primitives.linalg import check_square, float_dtypes, half_triangle, mirrored
from diffkit.primitives.linalg_determinants import SINGULAR_VALUES
from diffkit.primitives.linalg_packing import (
    as_row,
    check_matrix,
    diagonal_of,
    gap_weights,
    lapack_svd,
    nonzero_cotangents,
    nonzero_slopes,
    not_converged,
    on_diagonal,
    reciprocal_row,
    row_of,
    rows_of,
    stacked,
)
from diffkit.primitives.reductions import sum_

__all__ = ["eigh", "eigvalsh", "svd", "svdvals"]

# The symmetric QR algorithm with and without vectors, operations per n³ (Golub & Van Loan 2013,
# section 8.3.3), and singular values alone (figure 8.6.1).
EIGENVECTORS, EIGENVALUES, VALUES_ALONE = 9, 4 / 3, 4


# Symmetric matrices -------------------------------------------------------------------------------


@primitive
class eigh(Other):
    """Eigenvalues of symmetric matrices (row 0, ascending) above their eigenvectors.

    The lower triangle is read.
    """

    def dtypes(self, avals: Sequence[Aval]) -> Any:
        return float_dtypes("eigh", avals)

    def value(self, a: Any) -> Any:
        try:
            w, v = np.linalg.eigh(a)
        except np.linalg.LinAlgError:
            raise not_converged("eigh") from None
        return np.concatenate([w[..., None, :], v], axis=-2)

    def generic(self, a: Any) -> Any:
        objects.refuse_symbols("eigh", a)
        size = np.shape(a)[-1]

        def packed(m: Any) -> Any:
            lower = np.where(np.tri(size, dtype=bool), m, m.T)
            w, v = objects.eigenvectors(lower)
            return np.concatenate([w[None], v])

        return objects.over_matrices(packed, (2,), (size + 1, size), a)

    def shape(self, a: Aval) -> Any:
        size = check_square("eigh", a)
        return (*a.shape[:-2], size + 1, size)

    def jvp(self, y: Any, x: Sequence[Any], x_dot: Sequence[Any]) -> Any:
        w, v = row_of(y, 0), rows_of(y, 1, None)
        moved = matmul(mT(v), matmul(mirrored(x_dot[0]), v))
        v_dot = matmul(v, gap_weights(w, -1.0) * moved)
        return stacked(as_row(diagonal_of(moved)), v_dot)

    def vjp(self, ct: Any, y: Any, a: Any) -> Any:
        def eigh_pullback() -> Any:
            w, v = row_of(y, 0), rows_of(y, 1, None)
            inner = gap_weights(w, -1.0) * matmul(mT(v), rows_of(ct, 1, None))
            inner = inner + on_diagonal(row_of(ct, 0))
            a_bar = matmul(v, matmul(inner, mT(v)))
            return half_triangle(a_bar + mT(a_bar))

        return (eigh_pullback,)

    def batch(self, batched: Any, a: Any, size: int) -> Any:
        return eigh(a)

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return EIGENVECTORS * avals[0].size * avals[0].shape[-1]


@primitive
class eigvalsh(Other):
    """Eigenvalues of symmetric matrices in ascending order; the lower triangle is read."""

    def dtypes(self, avals: Sequence[Aval]) -> Any:
        return float_dtypes("eigvalsh", avals)

    def value(self, a: Any) -> Any:
        try:
            return np.linalg.eigvalsh(a)
        except np.linalg.LinAlgError:
            raise not_converged("eigvalsh") from None

    def generic(self, a: Any) -> Any:
        objects.refuse_symbols("eigvalsh", a)
        return eigh.generic(a)[..., 0, :]

    def shape(self, a: Aval) -> Any:
        check_square("eigvalsh", a)
        return a.shape[:-1]

    def jvp(self, y: Any, x: Sequence[Any], x_dot: Sequence[Any]) -> Any:
        v = rows_of(eigh(x[0]), 1, None)
        return sum_(v * matmul(mirrored(x_dot[0]), v), axes=(v.ndim - 2,))

    def vjp(self, ct: Any, y: Any, a: Any) -> Any:
        def eigvalsh_pullback() -> Any:
            v = rows_of(eigh(a), 1, None)
            # the diagonal once, the lower triangle for both
            return half_triangle(2.0 * matmul(v * as_row(ct), mT(v)))

        return (eigvalsh_pullback,)

    def batch(self, batched: Any, a: Any, size: int) -> Any:
        return eigvalsh(a)

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return round(EIGENVALUES * avals[0].size * avals[0].shape[-1])


# Singular values ----------------------------------------------------------------------------------


@primitive
class svd(Other):
    """The reduced factors of A = U diag(s) Vᵀ, one above the other: U, the row s, and V."""

    def dtypes(self, avals: Sequence[Aval]) -> Any:
        return float_dtypes("svd", avals)

    def value(self, a: Any) -> Any:
        u, s, vt = lapack_svd("svd", a, full_matrices=False)
        return np.concatenate([u, s[..., None, :], np.swapaxes(vt, -1, -2)], axis=-2)

    def generic(self, a: Any) -> Any:
        objects.refuse_symbols("svd", a)
        rows, columns = np.shape(a)[-2:]

        def packed(m: Any) -> Any:
            u, s, v = objects.factors_svd(m)
            return np.concatenate([u, s[None], v])

        out = (rows + 1 + columns, min(rows, columns))
        return objects.over_matrices(packed, (2,), out, a)

    def shape(self, a: Aval) -> Any:
        rows, columns = check_matrix("svd", a)
        return (*a.shape[:-2], rows + 1 + columns, min(rows, columns))

    def jvp(self, y: Any, x: Sequence[Any], x_dot: Sequence[Any]) -> Any:
        a_dot, rows = x_dot[0], x[0].shape[-2]
        u, s, v = _apart(y, rows)
        moved = matmul(mT(u), matmul(a_dot, v))
        both = (moved + mT(moved)) * gap_weights(s, -1.0)
        apart = (moved - mT(moved)) * gap_weights(s, 1.0)
        turn_u, turn_v = 0.5 * (both + apart), 0.5 * (both - apart)
        u_dot, v_dot = matmul(u, turn_u), matmul(v, turn_v)
        inverse = reciprocal_row(s) if rows != v.shape[-2] else None
        if rows > v.shape[-2]:
            u_dot = u_dot + _outside(u, matmul(a_dot, v)) * inverse
        if rows < v.shape[-2]:
            v_dot = v_dot + _outside(v, matmul(mT(a_dot), u)) * inverse
        return stacked(u_dot, as_row(nonzero_slopes(diagonal_of(moved), s)), v_dot)

    def vjp(self, ct: Any, y: Any, a: Any) -> Any:
        def svd_pullback() -> Any:
            rows = a.shape[-2]
            u, s, v = _apart(y, rows)
            u_bar, s_bar, v_bar = _apart(ct, rows)
            turn_u, turn_v = matmul(mT(u), u_bar), matmul(mT(v), v_bar)
            both = gap_weights(s, -1.0) * (turn_u + turn_v)
            apart = gap_weights(s, 1.0) * (turn_u - turn_v)
            inner = 0.5 * (both + mT(both) + apart - mT(apart))
            inner = inner + on_diagonal(nonzero_cotangents(s_bar, s))
            a_bar = matmul(u, matmul(inner, mT(v)))
            inverse = reciprocal_row(s) if rows != v.shape[-2] else None
            if rows > v.shape[-2]:
                a_bar = a_bar + matmul(_outside(u, u_bar) * inverse, mT(v))
            if rows < v.shape[-2]:
                a_bar = a_bar + matmul(u, mT(_outside(v, v_bar) * inverse))
            return a_bar

        return (svd_pullback,)

    def batch(self, batched: Any, a: Any, size: int) -> Any:
        return svd(a)

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return SINGULAR_VALUES * avals[0].size * min(avals[0].shape[-2:])


def _apart(packed: Any, rows: int) -> tuple[Any, Any, Any]:
    """U, s and V."""
    return rows_of(packed, 0, rows), row_of(packed, rows), rows_of(packed, rows + 1, None)


def _outside(u: Any, x: Any) -> Any:
    """(I − U Uᵀ) X: the part of X outside the columns of U."""
    return x - matmul(u, matmul(mT(u), x))


@primitive
class svdvals(Other):
    """The singular values of matrices in descending order."""

    def dtypes(self, avals: Sequence[Aval]) -> Any:
        return float_dtypes("svdvals", avals)

    def value(self, a: Any) -> Any:
        return lapack_svd("svdvals", a, compute_uv=False)

    def generic(self, a: Any) -> Any:
        objects.refuse_symbols("svdvals", a)
        return svd.generic(a)[..., np.shape(a)[-2], :]

    def shape(self, a: Aval) -> Any:
        return (*a.shape[:-2], min(check_matrix("svdvals", a)))

    def jvp(self, y: Any, x: Sequence[Any], x_dot: Sequence[Any]) -> Any:
        u, s, v = _apart(svd(x[0]), x[0].shape[-2])
        return nonzero_slopes(sum_(u * matmul(x_dot[0], v), axes=(u.ndim - 2,)), s)

    def vjp(self, ct: Any, y: Any, a: Any) -> Any:
        def svdvals_pullback() -> Any:
            u, s, v = _apart(svd(a), a.shape[-2])
            return matmul(u * as_row(nonzero_cotangents(ct, s)), mT(v))

        return (svdvals_pullback,)

    def batch(self, batched: Any, a: Any, size: int) -> Any:
        return svdvals(a)

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return VALUES_ALONE * avals[0].size * min(avals[0].shape[-2:])
