"""Functions of matrices: the exponential.

    e^A = I + A + A²/2! + A³/3! + …

Note [Blocks].  The derivative of an analytic function of matrices along E is a block of the same
function of a larger matrix,

    f([[A, E], [0, A]]) = [[f(A), L(A, E)], [0, f(A)]],

so the derivative of the exponential is written with the exponential, and every further one, too.
Its transpose is L(Aᵀ, ·).  Reading on: Najfeld & Havel 1995, *Derivatives of the matrix
exponential and their computation*; Mathias 1996; Higham 2008, *Functions of matrices*, section
3.2.  The value is SciPy's: Al-Mohy & Higham 2009, scaling and squaring.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit.graph.avals import Aval
from diffkit.graph.primitive import Other, primitive
from diffkit.lazy import LazyModule, mp
from diffkit.primitives import linalg_objects as objects
from diffkit.primitives.contraction import mT
from diffkit.primitives.indexing import WHOLE, getitem
from diffkit.primitives.linalg import check_square, float_dtypes
from diffkit.primitives.shaping import concatenate

__all__ = ["expm"]

PRODUCTS = 30  # operations per n³: about a dozen products and one solution (Higham 2008, 10.3)
scipy_linalg: Any = LazyModule("scipy.linalg")


@primitive
class expm(Other):
    """The exponential of square matrices."""

    def dtypes(self, avals: Sequence[Aval]) -> Any:
        return float_dtypes("expm", avals)

    def value(self, a: Any) -> Any:
        a = np.asarray(a)
        return scipy_linalg.expm(a) if a.size else np.zeros_like(a)

    analytic = value

    def generic(self, a: Any) -> Any:
        objects.refuse_symbols("expm", a)
        return objects.over_matrices(_precise, (2,), np.shape(a)[-2:], a)

    def shape(self, a: Aval) -> Any:
        check_square("expm", a)
        return a.shape

    def jvp(self, y: Any, x: Sequence[Any], x_dot: Sequence[Any]) -> Any:
        return _along(x[0], x_dot[0])

    def vjp(self, ct: Any, y: Any, a: Any) -> Any:
        return (lambda: _along(mT(a), ct),)

    def batch(self, batched: Any, a: Any, size: int) -> Any:
        return expm(a)

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return PRODUCTS * out.size * (out.shape[-1] if out.size else 0)


def _along(a: Any, e: Any) -> Any:
    """L(A, E), Note [Blocks]."""
    size, rows, columns = a.shape[-1], a.ndim - 2, a.ndim - 1
    above = concatenate(a, e, axis=columns)
    below = concatenate(np.zeros(e.shape, e.dtype), a, axis=columns)
    whole = expm(concatenate(above, below, axis=rows))
    lead = [WHOLE] * rows
    return getitem(whole, index=(*lead, ("slice", 0, size, 1), ("slice", size, None, 1)))


def _precise(a: Any) -> Any:
    """Taylor's series of A/2ᵏ to the precision at hand, squared k times."""
    size = len(a)
    largest = max((abs(item) for item in a.flat), default=mp.mpf(0))
    if not mp.isfinite(largest):
        return np.full(a.shape, mp.nan, object)
    halvings = max(int(mp.mag(largest)) + 4, 0) if largest else 0  # the magnitude of 0 is −∞
    term = total = np.array([[mp.mpf(i == j) for j in range(size)] for i in range(size)], object)
    small, k = a / mp.mpf(2) ** halvings, 0
    while any(abs(item) > mp.eps for item in term.flat):
        k += 1
        term = term @ small / k
        total = total + term
    for _ in range(halvings):
        total = total @ total
    return total
