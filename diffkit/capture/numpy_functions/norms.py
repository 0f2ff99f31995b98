"""Norms, condition numbers, and products of vectors and chains of matrices.

    ‖x‖ₚ = (Σ |xᵢ|ᵖ)^(1/p),   ‖A‖₂ = s₁,   ‖A‖_* = Σ sᵢ,   cond(A) = s₁/sₙ

At 0 a norm has a kink; its declared derivative is 0 there (Note [Kinks] in
``primitives/piecewise.py``), and an element that is 0 adds 0 to every derivative.
Reading on: Golub & Van Loan 2013, *Matrix computations*, section 2.3; Cormen et al. 2009,
*Introduction to algorithms*, section 15.2, for the order of a chain of products.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.capture.numpy_functions.contraction import dot, matmul, tensordot
from diffkit.capture.numpy_functions.elementwise import safe_sqrt, vecdot
from diffkit.capture.numpy_functions.linear_algebra import inv, singular_values
from diffkit.capture.numpy_functions.powers import power
from diffkit.capture.numpy_functions.tables import (
    UFUNCS,
    axes_of,
    axis_of,
    delivered,
    demand_axes,
    implements,
    traced,
)
from diffkit.capture.tracing import Tracer, cast_to, here
from diffkit.errors import InputError, ShapeError, UnsupportedError
from diffkit.primitives import arithmetic as ops
from diffkit.primitives import piecewise, shaping

__all__ = ["cross", "norm"]

SPACE = 3  # cross products are of vectors in space


# Norms --------------------------------------------------------------------------------------------


@implements(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Norms of vectors and matrices, of every order; at 0 the declared derivative is 0.

    Raises
    ------
    ShapeError
        When an order is given for an array of more than two dimensions without axes.
    UnsupportedError
        For an order that there is none of.
    """
    (x,) = traced(x)
    x = _floating(x)
    if axis is None and ord is None:
        return safe_sqrt(np.sum(power(x, 2), keepdims=keepdims))
    axes = _axes_in_order(x, axis)
    if len(axes) == 1:
        return _vector_norm(x, ord, axes, keepdims)
    if len(axes) == 2:
        return _matrix_norm(x, "fro" if ord is None else ord, axes, keepdims)
    raise ShapeError(
        f"np.linalg.norm: an order is defined for vectors and matrices, not over {len(axes)} axes",
        where=here(),
        hint="name one axis, or a pair of axes, with axis=.",
    )


def _floating(x: Tracer) -> Tracer:
    return x if x.dtype.kind == "f" else cast_to(x, np.float64)


def _axes_in_order(x: Tracer, axis: Any) -> tuple[int, ...]:
    """Axes as they are given: the first counts the rows of a matrix."""
    if axis is None or not isinstance(axis, (tuple, list)):
        return axes_of(axis, x.ndim, "np.linalg.norm")
    axes_of(axis, x.ndim, "np.linalg.norm")  # refuses what is missing or repeated
    return tuple(axis_of(k, x.ndim, "np.linalg.norm") for k in axis)


def _no_norm(kind: str, order: Any) -> UnsupportedError:
    return UnsupportedError(
        f"np.linalg.norm: there is no {kind} norm of order {order!r}",
        where=here(),
        hint="vectors take any number; matrices None, 'fro', 'nuc', ±1, ±2, and ±np.inf.",
    )


def _vector_norm(x: Tracer, order: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    if order is None or order == 2:
        return safe_sqrt(np.sum(power(x, 2), axis=axes, keepdims=keepdims))
    if not isinstance(order, (int, float, np.integer, np.floating)):
        raise _no_norm("vector", order)
    size = piecewise.abs_(x)
    if abs(order) == np.inf:
        return (np.max if order > 0 else np.min)(size, axis=axes, keepdims=keepdims)
    if order == 0:
        return cast_to(np.sum(ops.not_equal(x, 0.0), axis=axes, keepdims=keepdims), x.dtype)
    if order == 1:
        return np.sum(size, axis=axes, keepdims=keepdims)
    total = np.sum(power(size, order), axis=axes, keepdims=keepdims)
    # a negative order makes 0 of a vector with a 0 in it, through an infinite sum
    flat = ops.equal(total, 0.0 if order > 0 else np.inf)
    return piecewise.where(flat, 0.0, ops.power(piecewise.where(flat, 1.0, total), 1.0 / order))


def _matrix_norm(x: Any, order: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    if isinstance(order, str) and order in ("f", "fro"):
        return safe_sqrt(np.sum(power(x, 2), axis=axes, keepdims=keepdims))
    if order in (1, -1, np.inf, -np.inf):
        summed, left = axes if abs(order) == 1 else axes[::-1]
        sums = np.sum(piecewise.abs_(x), axis=summed, keepdims=True)
        best = (np.max if order > 0 else np.min)(sums, axis=left, keepdims=True)
        return best if keepdims else np.squeeze(best, axis=axes)
    if order not in (2, -2, "nuc"):
        raise _no_norm("matrix", order)
    s = _sizes(singular_values(np.moveaxis(x, axes, (-2, -1))), max(x.shape[k] for k in axes))
    reduce = np.sum if order == "nuc" else np.max if order == 2 else np.min
    result = reduce(s, axis=-1)
    return np.expand_dims(result, tuple(sorted(axes))) if keepdims else result


def _sizes(s: Tracer, count: int) -> Tracer:
    """Singular values, of which those that are 0 up to rounding have the derivative 0."""
    least = s[..., :1] * (count * np.finfo(s.dtype).eps)
    return piecewise.where(ops.greater(s, least), s, 0.0)


@implements(np.linalg.vector_norm)
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """A vector norm over axes, or of the flattened array."""
    (x,) = traced(x)
    x = _floating(x)
    return _vector_norm(x, ord, axes_of(axis, x.ndim, "np.linalg.vector_norm"), keepdims)


@implements(np.linalg.matrix_norm)
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    """A norm of the matrices over the last two axes."""
    return norm(x, ord, (-2, -1), keepdims)


@implements(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Any:
    """The condition number: the largest over the smallest singular value, or by another norm.

    Raises
    ------
    LinearAlgebraError
        When it runs, for orders other than ±2 of a singular matrix.
    """
    (x,) = traced(x)
    x = _floating(x)
    if x.ndim < 2 or not x.size:
        raise ShapeError(f"np.linalg.cond: {x.aval} holds no matrices", where=here())
    if p is None or p in (2, -2):
        s = singular_values(x)
        ends = s[..., 0], s[..., -1]
        top, bottom = ends[::-1] if p == -2 else ends
        return ops.div(top, bottom)
    return norm(x, p, (-2, -1)) * norm(inv(x), p, (-2, -1))


# Chains of matrices -------------------------------------------------------------------------------


@implements(np.linalg.multi_dot)
def multi_dot(arrays: Any, *, out: Any = None) -> Any:
    """The product of a chain of matrices in the order of fewest multiplications."""
    chain = traced(*arrays)
    if len(chain) < 2:
        raise InputError("np.linalg.multi_dot: a chain has two arrays or more", where=here())
    if any(a.ndim not in ((1, 2) if k in (0, len(chain) - 1) else (2,))
           for k, a in enumerate(chain)):  # fmt: skip
        raise ShapeError(
            f"np.linalg.multi_dot: {', '.join(str(a.aval) for a in chain)} are no chain",
            where=here(),
            hint="all are matrices; the first and the last may be vectors.",
        )
    return delivered(_product(chain, _splits(chain), 0, len(chain) - 1), out)


def _product(chain: list[Tracer], splits: dict[tuple[int, int], int], i: int, j: int) -> Any:
    if i == j:
        return chain[i]
    k = splits[i, j]
    return dot(_product(chain, splits, i, k), _product(chain, splits, k + 1, j))


def _splits(chain: list[Tracer]) -> dict[tuple[int, int], int]:
    """Where each part of the chain is best divided: O(n³) by dynamic programming."""
    rows = [a.shape[0] if a.ndim == 2 else 1 for a in chain]
    rows[1:] = [a.shape[0] for a in chain[1:]]
    sizes = [*rows, chain[-1].shape[1] if chain[-1].ndim == 2 else 1]
    cost = {(i, i): 0 for i in range(len(chain))}
    splits: dict[tuple[int, int], int] = {}
    for length in range(1, len(chain)):
        for i in range(len(chain) - length):
            j = i + length
            options = [
                (cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            ]
            cost[i, j], splits[i, j] = min(options)
    return splits


# Products of vectors ------------------------------------------------------------------------------


@implements(np.cross)
def cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None
) -> Any:
    """The vector product of vectors of three components."""
    a, b = traced(a, b)
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = (
        np.moveaxis(x, axis_of(k, x.ndim, "np.cross"), -1)
        for x, k in ((a, axisa), (b, axisb))
    )  # fmt: skip
    if a.shape[-1] != SPACE or b.shape[-1] != SPACE:
        raise ShapeError(
            f"np.cross: {a.aval} and {b.aval} are no vectors of three components",
            where=here(),
            hint="for vectors in a plane write a[0] * b[1] - a[1] * b[0].",
        )
    after, before = np.array([1, 2, 0]), np.array([2, 0, 1])
    found = a[..., after] * b[..., before] - a[..., before] * b[..., after]
    return np.moveaxis(found, -1, axisc)


@implements(np.linalg.cross)
def _cross_of_linalg(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    return cross(x1, x2, axis=axis)


@implements(np.linalg.outer)
def _outer_of_linalg(x1: Any, x2: Any, /) -> Any:
    x1, x2 = traced(x1, x2)
    if x1.ndim != 1 or x2.ndim != 1:
        raise ShapeError(
            f"np.linalg.outer: {x1.aval} and {x2.aval} are not both vectors",
            where=here(),
            hint="np.outer flattens its operands.",
        )
    return np.outer(x1, x2)


@implements(np.linalg.matmul)
def _matmul_of_linalg(x1: Any, x2: Any, /) -> Any:
    return matmul(x1, x2)


@implements(np.linalg.tensordot)
def _tensordot_of_linalg(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    return tensordot(x1, x2, axes)


@implements(np.linalg.vecdot)
def _vecdot_of_linalg(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    x1, x2 = traced(x1, x2)
    demand_axes("np.linalg.vecdot", {"first vector": 1, "second vector": 1}, x1, x2)
    return vecdot(np.moveaxis(x1, axis, -1), np.moveaxis(x2, axis, -1), "np.linalg.vecdot")


@implements(np.linalg.diagonal)
def _diagonal_of_linalg(x: Any, /, *, offset: int = 0) -> Any:
    return np.diagonal(x, offset, axis1=-2, axis2=-1)


@implements(np.linalg.trace)
def _trace_of_linalg(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Any:
    return np.sum(_diagonal_of_linalg(x, offset=offset), axis=-1, dtype=dtype)


def _matrix_vector(a: Any, v: Any) -> Any:
    a, v = traced(a, v)
    demand_axes("np.matvec", {"matrix": 2, "vector": 1}, a, v)
    product = matmul(a, shaping.reshape(v, shape=(*v.shape, 1)))
    return np.squeeze(product, axis=-1)


def _vector_matrix(v: Any, a: Any) -> Any:
    v, a = traced(v, a)
    demand_axes("np.vecmat", {"vector": 1, "matrix": 2}, v, a)
    product = matmul(shaping.reshape(v, shape=(*v.shape[:-1], 1, v.shape[-1])), a)
    return np.squeeze(product, axis=-2)


UFUNCS.update(matvec=_matrix_vector, vecmat=_vector_matrix)
