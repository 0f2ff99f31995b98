"""Orthogonal factors and the pseudo-inverse: what least squares are solved with.

    A = Q R:    Ȧ R⁻¹ = Q̇ + Q Ṙ R⁻¹,   of which Qᵀ Q̇ is antisymmetric and Ṙ R⁻¹ a triangle

The reduced factors are packed, Q above R (``linalg_packing.py``).  The pseudo-inverse has the
derivative at constant rank, for where the rank changes it jumps.

Reading on: Walter & Lehmann 2010, *Algorithmic differentiation of linear algebra functions with
application in optimum experimental design*; Golub & Pereyra 1973, *The differentiation of
pseudo-inverses and nonlinear least squares problems whose variables separate*.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit.errors import ShapeError
from diffkit.graph.avals import Aval
from diffkit.graph.primitive import Other, primitive
from diffkit.lazy import mp
from diffkit.primitives import linalg_objects as objects
from diffkit.primitives.contraction import matmul, mT
from diffkit.primitives.linalg import float_dtypes, mirrored, triangle, triangular_solve
from diffkit.primitives.linalg_determinants import SINGULAR_VALUES
from diffkit.primitives.linalg_packing import check_matrix, lapack_svd, rows_of, stacked
from diffkit.primitives.linalg_ties import warn_of_kink

__all__ = ["pinv", "qr"]

RANK = (
    "pinv: a matrix has not full rank, and small changes of it would make the pseudo-inverse "
    "jump; its derivative is the one with the rank held constant"
)
DEPENDENT = (
    "qr: a column of a matrix is a combination of the others up to rounding; the factors have no "
    "derivative there, and what they give is rounding, too"
)
HOUSEHOLDER = 4  # Q and R, operations per m n² (Golub & Van Loan 2013, section 5.2.2)


# Orthogonal factors -------------------------------------------------------------------------------


@primitive
class qr(Other):
    """The reduced factors of A = Q R, one above the other, of matrices no wider than high."""

    def dtypes(self, avals: Sequence[Aval]) -> Any:
        return float_dtypes("qr", avals)

    def value(self, a: Any) -> Any:
        q, r = np.linalg.qr(a)
        sizes = np.abs(np.diagonal(r, axis1=-2, axis2=-1))
        rounding = max(np.shape(a)[-2:]) * np.finfo(r.dtype).eps
        if sizes.size and (sizes.min(axis=-1) <= rounding * sizes.max(axis=-1)).any():
            warn_of_kink(DEPENDENT)
        return np.concatenate([q, r], axis=-2)

    def generic(self, a: Any) -> Any:
        objects.refuse_symbols("qr", a)
        rows, columns = np.shape(a)[-2:]

        def packed(m: Any) -> Any:
            return np.concatenate(objects.factors_qr(m))

        return objects.over_matrices(packed, (2,), (rows + columns, columns), a)

    def shape(self, a: Aval) -> Any:
        rows, columns = check_matrix("qr", a)
        if rows < columns:
            raise ShapeError(
                f"qr: {a} holds matrices that are wider than high",
                hint="factor their first columns, and multiply the others by Qᵀ.",
            )
        return (*a.shape[:-2], rows + columns, columns)

    def jvp(self, y: Any, x: Sequence[Any], x_dot: Sequence[Any]) -> Any:
        rows = x[0].shape[-2]
        q, r = rows_of(y, 0, rows), rows_of(y, rows, None)
        moved = mT(_upper_solve(r, mT(x_dot[0])))  # Ȧ R⁻¹
        inner = matmul(mT(q), moved)
        below = triangle(inner, strict=True)
        stretch = inner - (below - mT(below))
        return stacked(moved - matmul(q, stretch), matmul(stretch, r))

    def vjp(self, ct: Any, y: Any, a: Any) -> Any:
        def qr_pullback() -> Any:
            rows = a.shape[-2]
            q, r = rows_of(y, 0, rows), rows_of(y, rows, None)
            q_bar, r_bar = rows_of(ct, 0, rows), triangle(rows_of(ct, rows, None), lower=False)
            inner = matmul(r, mT(r_bar)) - matmul(mT(q_bar), q)
            return mT(_upper_solve(r, mT(q_bar + matmul(q, mirrored(inner))), transposed=False))

        return (qr_pullback,)

    def batch(self, batched: Any, a: Any, size: int) -> Any:
        return qr(a)

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return HOUSEHOLDER * avals[0].size * avals[0].shape[-1]


def _upper_solve(r: Any, b: Any, transposed: bool = True) -> Any:
    return triangular_solve(r, b, lower=False, transposed=transposed, unit=False)


# Pseudo-inverse -----------------------------------------------------------------------------------


@primitive
class pinv(Other):
    """The pseudo-inverse P of A; singular values below ``rcond`` times the largest count as 0.

    With the rank held constant Ṗ = −P Ȧ P + P Pᵀ Ȧᵀ (I − A P) + (I − P A) Ȧᵀ Pᵀ P (Golub &
    Pereyra 1973).  Where the rank changes it jumps: a :class:`KinkWarning` says so.
    """

    def dtypes(self, avals: Sequence[Aval]) -> Any:
        return float_dtypes("pinv", avals)

    def value(self, a: Any, rcond: float) -> Any:
        if np.size(a):
            s = lapack_svd("pinv", a, compute_uv=False)
            if (s[..., -1:] <= rcond * s[..., :1]).any():
                warn_of_kink(RANK)
        return np.linalg.pinv(a, rcond)

    def generic(self, a: Any, rcond: float) -> Any:
        objects.refuse_symbols("pinv", a)
        rows, columns = np.shape(a)[-2:]

        def inverse(m: Any) -> Any:
            u, s, v = objects.factors_svd(m)
            least = rcond * s[0]
            weights = np.array([1 / x if x > least else mp.mpf(0) for x in s], dtype=object)
            return (v * weights) @ u.T

        return objects.over_matrices(inverse, (2,), (columns, rows), a)

    def shape(self, a: Aval, rcond: float) -> Any:
        rows, columns = check_matrix("pinv", a)
        return (*a.shape[:-2], columns, rows)

    def jvp(self, y: Any, x: Sequence[Any], x_dot: Sequence[Any], rcond: float) -> Any:
        return _pinv_moved(x[0], y, x_dot[0])

    def vjp(self, ct: Any, y: Any, a: Any, rcond: float) -> Any:
        def pinv_pullback() -> Any:
            p, ct_t = y, mT(ct)
            a_bar = -matmul(matmul(mT(p), ct), mT(p))
            first = matmul(matmul(ct_t, p), mT(p))  # of P Pᵀ Ȧᵀ (I − A P)
            second = matmul(mT(p), matmul(p, ct_t))  # of (I − P A) Ȧᵀ Pᵀ P
            a_bar = a_bar + (first - matmul(a, matmul(p, first)))
            return a_bar + (second - matmul(matmul(second, p), a))

        return (pinv_pullback,)

    def batch(self, batched: Any, a: Any, size: int, rcond: float) -> Any:
        return pinv(a, rcond=rcond)

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return SINGULAR_VALUES * avals[0].size * min(avals[0].shape[-2:])


def _pinv_moved(a: Any, p: Any, a_dot: Any) -> Any:
    back = mT(a_dot)
    first = matmul(matmul(p, mT(p)), back)
    second = matmul(back, matmul(mT(p), p))
    moved = first - matmul(matmul(first, a), p) - matmul(p, matmul(a_dot, p))
    return moved + (second - matmul(p, matmul(a, second)))
