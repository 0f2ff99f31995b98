"""Determinants, whose derivative exists for every matrix, singular ones too.

    det′(A)[Ȧ] = Σᵢⱼ C(A)ᵢⱼ Ȧᵢⱼ,     C(A) = det(A) A⁻ᵀ where that exists

Note [Determinants].  The cofactors C are polynomials, so they exist where A⁻¹ does not.  With
the singular values of A = U diag(s) Vᵀ they are

    C(A) = det(U) det(V) U diag(∏_{k≠i} sₖ) Vᵀ,

products without a division, right for every rank (matrices of two and three rows have them from
their cells).  Their derivative along E is as simple in these
coordinates: with F = Uᵀ E V and Pᵢⱼ = ∏_{k≠i,j} sₖ it is Σₖ Pᵢₖ Fₖₖ on the diagonal and −Pᵢⱼ Fⱼᵢ
beside it.  Both are primitives, and all higher derivatives are written with them: Cᵢⱼ is the
determinant of A with row i replaced by the unit vector eⱼ, which is differentiated like any other.
That takes n² matrices, so third derivatives are for small matrices.

Reading on: Golberg 1972, *The derivative of a determinant*; Stewart 1998, *On the adjugate
matrix* (the form by singular values); Giles 2008, section 2.2.4 (regular matrices).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit.graph.avals import Aval
from diffkit.graph.primitive import Other, aligned, primitive
from diffkit.lazy import mp, sp
from diffkit.primitives import linalg_objects as objects
from diffkit.primitives.arithmetic import add
from diffkit.primitives.contraction import mT
from diffkit.primitives.indexing import slice_of
from diffkit.primitives.linalg import ELIMINATION, check_square, float_dtypes, solve
from diffkit.primitives.linalg_packing import lapack_svd
from diffkit.primitives.piecewise import mask
from diffkit.primitives.reductions import sum_
from diffkit.primitives.shaping import concatenate, reshape, spread

__all__ = ["cofactor", "cofactor_along", "det", "slogdet"]

# LAPACK's singular values with vectors, in operations per n³ (Golub & Van Loan 2013, figure 8.6.1).
SINGULAR_VALUES = 22


def _as_matrices(x: Any) -> Any:
    """Numbers as matrices of one cell."""
    return reshape(x, shape=(*x.shape, 1, 1))


def _over_cells(x: Any) -> Any:
    """The sum over the last two axes."""
    return sum_(x, axes=(x.ndim - 2, x.ndim - 1))


# Determinants -------------------------------------------------------------------------------------


@primitive
class det(Other):
    """The determinant of square matrices; its derivative is right for singular ones."""

    def dtypes(self, avals: Sequence[Aval]) -> Any:
        return float_dtypes("det", avals)

    def value(self, a: Any) -> Any:
        return np.linalg.det(a)

    analytic = value

    def generic(self, a: Any) -> Any:
        return objects.over_matrices(objects.determinant, (2,), (), a)

    def shape(self, a: Aval) -> Any:
        check_square("det", a)
        return a.shape[:-2]

    def jvp(self, y: Any, x: Sequence[Any], x_dot: Sequence[Any]) -> Any:
        return _over_cells(cofactor(x[0]) * x_dot[0])

    def vjp(self, ct: Any, y: Any, a: Any) -> Any:
        return (lambda: _as_matrices(ct) * cofactor(a),)

    def batch(self, batched: Any, a: Any, size: int) -> Any:
        return det(a)

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return round(avals[0].size * avals[0].shape[-1] * ELIMINATION)


@primitive
class slogdet(Other):
    """The sign of the determinant and the logarithm of its size, side by side on a new last axis.

    The sign is constant around every regular matrix, so it carries no derivative.
    """

    def dtypes(self, avals: Sequence[Aval]) -> Any:
        return float_dtypes("slogdet", avals)

    def value(self, a: Any) -> Any:
        return np.stack(np.linalg.slogdet(a), axis=-1)

    def analytic(self, a: Any) -> Any:
        """log det = log|det| + i·(the angle of det from the real axis)."""
        sign, size = np.linalg.slogdet(a)
        side = np.sign(np.real(sign))
        angle = np.arctan2(np.imag(sign) * side, np.real(sign) * side)
        return np.stack([side + 0j, size + 1j * angle], axis=-1)

    def generic(self, a: Any) -> Any:
        return objects.over_matrices(_sign_and_log, (2,), (2,), a)

    def shape(self, a: Aval) -> Any:
        check_square("slogdet", a)
        return (*a.shape[:-2], 2)

    def jvp(self, y: Any, x: Sequence[Any], x_dot: Sequence[Any]) -> Any:
        moved = _over_cells(_inverse_transposed(x[0]) * x_dot[0])
        column = reshape(moved, shape=(*moved.shape, 1))
        return concatenate(np.zeros(column.shape, column.dtype), column, axis=moved.ndim)

    def vjp(self, ct: Any, y: Any, a: Any) -> Any:
        def slogdet_pullback() -> Any:
            of_log = slice_of(ct, ct.ndim - 1, 1, 2)
            of_log = reshape(of_log, shape=(*of_log.shape, 1))
            return of_log * _inverse_transposed(a)

        return (slogdet_pullback,)

    def batch(self, batched: Any, a: Any, size: int) -> Any:
        return slogdet(a)

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return round(avals[0].size * avals[0].shape[-1] * ELIMINATION)


def _sign_and_log(a: Any) -> Any:
    value = objects.determinant(a)
    if objects.is_symbolic(a):
        return [sp.sign(value), sp.log(sp.Abs(value))]
    return [mp.sign(value), mp.log(abs(value)) if value != 0 else -mp.inf]


def _inverse_transposed(a: Any) -> Any:
    return solve(mT(a), np.eye(a.shape[-1], dtype=a.dtype))


# Cofactors, Note [Determinants] -------------------------------------------------------------------


def _all_but_one(s: Any) -> Any:
    """Products of all other elements along the last axis."""
    ones = np.ones_like(s[..., :1])
    before = np.cumprod(np.concatenate([ones, s[..., :-1]], axis=-1), axis=-1)
    after = np.cumprod(np.concatenate([ones, s[..., :0:-1]], axis=-1), axis=-1)[..., ::-1]
    return before * after


def _all_but_two(s: Any) -> Any:
    """Pᵢⱼ, the product of all elements but two, and 0 on the diagonal."""
    size = s.shape[-1]
    rows = np.where(np.eye(size, dtype=bool), s.dtype.type(1), s[..., None, :])
    return np.where(np.eye(size, dtype=bool), s.dtype.type(0), _all_but_one(rows))


def _small_cofactors(a: Any, b: Any) -> Any:
    """Row i of the cofactors of 3 × 3 matrices: aᵢ₊₁ × bᵢ₊₂, with A = B."""
    return np.cross(np.roll(a, -1, axis=-2), np.roll(b, -2, axis=-2))


_CHECKERED = np.array([[1, -1], [-1, 1]], dtype=np.int8)


def _coordinates(a: Any) -> tuple[Any, Any, Any, Any]:
    """det(U) det(V), which is 1 or −1, and U, s, Vᵀ; NaN for matrices that are not finite."""
    finite = np.isfinite(a).all(axis=(-2, -1))
    u, s, vt = lapack_svd("cofactor", np.where(finite[..., None, None], a, a.dtype.type(0)))
    sign = np.rint(np.linalg.det(u) * np.linalg.det(vt)).astype(s.dtype)
    return np.where(finite, sign, s.dtype.type(np.nan))[..., None, None], u, s, vt


@primitive
class cofactor(Other):
    """The cofactors det(A) A⁻ᵀ of square matrices, which singular ones have too."""

    def dtypes(self, avals: Sequence[Aval]) -> Any:
        return float_dtypes("cofactor", avals)

    def value(self, a: Any) -> Any:
        a = np.asarray(a)
        if not a.size:
            return np.zeros_like(a)
        if a.shape[-1] == 1:
            return np.ones_like(a)
        if a.shape[-1] == 2:
            return a[..., ::-1, ::-1] * _CHECKERED
        if a.shape[-1] == 3:
            return _small_cofactors(a, a)
        sign, u, s, vt = _coordinates(a)
        return sign * ((u * _all_but_one(s)[..., None, :]) @ vt)

    def generic(self, a: Any) -> Any:
        return objects.over_matrices(lambda m: objects.adjugate(m).T, (2,), np.shape(a)[-2:], a)

    def shape(self, a: Aval) -> Any:
        check_square("cofactor", a)
        return a.shape

    def jvp(self, y: Any, x: Sequence[Any], x_dot: Sequence[Any]) -> Any:
        return cofactor_along(x[0], x_dot[0])

    def vjp(self, ct: Any, y: Any, a: Any) -> Any:
        # the second derivative of a scalar is symmetric, so this is the rule above
        return (lambda: cofactor_along(a, ct),)

    def batch(self, batched: Any, a: Any, size: int) -> Any:
        return cofactor(a)

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return SINGULAR_VALUES * out.size * (out.shape[-1] if out.size else 0)


@primitive
class cofactor_along(Other):
    """The derivative of the cofactors of A along E; linear in E."""

    def dtypes(self, avals: Sequence[Aval]) -> Any:
        return float_dtypes("cofactor_along", avals)

    def value(self, a: Any, e: Any) -> Any:
        a, e = np.asarray(a), np.asarray(e)
        if not e.size or not a.size:
            return np.zeros(np.broadcast_shapes(a.shape, e.shape), e.dtype)
        if a.shape[-1] == 2:
            return np.broadcast_to(
                e[..., ::-1, ::-1] * _CHECKERED, np.broadcast_shapes(a.shape, e.shape)
            )
        if a.shape[-1] == 3:
            return _small_cofactors(e, a) + _small_cofactors(a, e)
        sign, u, s, vt = _coordinates(a)
        pairs = _all_but_two(s)
        moved = np.swapaxes(u, -1, -2) @ e @ np.swapaxes(vt, -1, -2)
        beside = -pairs * np.swapaxes(moved, -1, -2)
        diagonal = (pairs @ np.diagonal(moved, axis1=-2, axis2=-1)[..., None])[..., 0]
        return sign * (u @ (beside + diagonal[..., None] * np.eye(a.shape[-1], dtype=e.dtype)) @ vt)

    def generic(self, a: Any, e: Any) -> Any:
        def along(m: Any, m_dot: Any) -> Any:
            return objects.adjugate_along(m, m_dot).T

        return objects.over_matrices(along, (2, 2), np.shape(a)[-2:], a, e)

    def shape(self, a: Aval, e: Aval) -> Any:
        check_square("cofactor_along", a)
        return np.broadcast_shapes(a.shape, e.shape)

    def jvp(self, y: Any, x: Sequence[Any], x_dot: Sequence[Any]) -> Any:
        a_dot, e_dot = x_dot
        terms = [] if e_dot is None else [cofactor_along(x[0], e_dot)]
        if a_dot is not None:
            terms.append(_third(x[0], x[1], a_dot))
        return terms[0] if len(terms) == 1 else add(*terms)

    def vjp(self, ct: Any, y: Any, a: Any, e: Any) -> Any:
        # derivatives of one scalar are symmetric in their directions
        return lambda: _third(a, e, ct), lambda: cofactor_along(a, ct)

    def batch(self, batched: Any, a: Any, e: Any, size: int) -> Any:
        return cofactor_along(*aligned(batched, (a, e)))

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return SINGULAR_VALUES * out.size * (out.shape[-1] if out.size else 0)


def _third(a: Any, e: Any, f: Any) -> Any:
    """The second derivative of the cofactors along E and F.

    Cᵢⱼ is det(Aⁱʲ), where Aⁱʲ has the unit vector eⱼ as row i; a direction has 0 there.
    """
    size = a.shape[-1]
    fixed = np.broadcast_to(np.eye(size, dtype=bool)[:, None, :, None], (size,) * 4)
    units = np.einsum("ik,jl->ijkl", np.eye(size), np.eye(size)).astype(a.dtype)

    def replaced(x: Any) -> Any:
        places = (x.ndim - 2, x.ndim - 1)
        return mask(~fixed, spread(x, axes=places, sizes=(size, size)))

    along = cofactor_along(replaced(a) + units, replaced(f))
    return _over_cells(along * replaced(e))
