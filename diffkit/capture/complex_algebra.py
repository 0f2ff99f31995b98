"""Linear algebra and products of complex values, in real arithmetic.

A complex matrix A + iB acts on pairs of real vectors as the real matrix of twice the size

    ⎛ A  −B ⎞ ⎛ x ⎞
    ⎝ B   A ⎠ ⎝ y ⎠,

so an equation of complex numbers is one of real numbers, with its derivative and its pivoting.
A product along an axis multiplies halves with each other until one number is left.

Reading on: Golub & Van Loan 2013, *Matrix computations*, section 1.3; ``complex_functions.py``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.capture.complex_values import ComplexTracer, arena_of, pair
from diffkit.capture.numpy_functions.tables import axis_of
from diffkit.capture.tracing import here, lift
from diffkit.errors import ShapeError, UnsupportedError
from diffkit.graph.arena import Arena

__all__ = ["inverse", "product", "solution"]


def _parts(arena: Arena, value: Any) -> tuple[Any, Any]:
    """Both parts as traced arrays of floats."""
    re, im = pair(arena, value)
    re = lift(arena, re)
    re = re if re.dtype.kind == "f" else re.astype(np.float64)
    return re, np.zeros_like(re) if im is None else lift(arena, im)  # type: ignore[arg-type]


def _doubled(arena: Arena, a: Any, what: str) -> Any:
    """The real matrix of a complex one."""
    re, im = _parts(arena, a)
    if re.ndim < 2 or re.shape[-1] != re.shape[-2]:
        raise ShapeError(
            f"{what}: {re.shape} is not the shape of square matrices",
            where=here(),
            hint="the last two axes are rows and columns of equal length.",
        )
    rows: list[Any] = [np.concatenate([re, -im], axis=-1), np.concatenate([im, re], axis=-1)]
    return np.concatenate(rows, axis=-2)


def _halves(x: Any, size: int) -> ComplexTracer:
    return ComplexTracer(x[..., :size, :], x[..., size:, :])


def solution(a: Any, b: Any) -> Any:
    """The x of a x = b; b is a vector only if it has one dimension, as in NumPy 2."""
    arena = arena_of(a, b)
    matrix = _doubled(arena, a, "np.linalg.solve")
    re, im = _parts(arena, b)
    if re.ndim == 1:
        return solution(a, ComplexTracer(re[:, None], im[:, None]))[..., 0]
    both: Any = np.concatenate([re, im], axis=-2)
    return _halves(np.linalg.solve(matrix, both), matrix.shape[-1] // 2)


def inverse(a: Any) -> Any:
    """The inverse of complex matrices."""
    matrix: Any = np.linalg.inv(_doubled(arena_of(a), a, "np.linalg.inv"))
    size = matrix.shape[-1] // 2
    return _halves(matrix[..., :size], size)


def product(z: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The product of complex numbers along one axis, or of all of them."""
    if isinstance(axis, tuple):
        raise UnsupportedError(
            "np.prod of complex values over several axes is not supported",
            where=here(),
            hint="multiply over one axis after the other.",
        )
    shape = z.shape
    one = 0 if axis is None else axis_of(axis, z.ndim, "np.prod")
    z = np.reshape(z, -1) if axis is None else np.moveaxis(z, one, 0)
    if not z.shape[0]:
        return np.ones_like(np.sum(z, axis=0))
    while z.shape[0] > 1:
        half = z.shape[0] // 2
        halved: Any = z[:half] * z[half : 2 * half]
        z = np.concatenate([halved, z[2 * half :]]) if z.shape[0] % 2 else halved
    kept = tuple(1 if axis is None or k == one else size for k, size in enumerate(shape))
    return np.reshape(z, kept) if keepdims else z[0]
