"""Reciprocals of gaps between eigenvalues, and what to say where there is no gap.

Note [Ties].  With symmetric A = V diag(w) Vᵀ and M = Vᵀ Ȧ V,

    ẇᵢ = Mᵢᵢ,     V̇ = V (F ∘ M),     Fᵢⱼ = 1/(wⱼ − wᵢ).

Where eigenvalues are equal, their eigenvectors are any basis of a plane and have no derivative;
F = 0 is declared there, and a :class:`KinkWarning` says that it was used.  (Equal means: up to
rounding, n ε max|w|, for no digit of a smaller gap is right.)  A symmetric function of the
eigenvalues alone, such as their sum, needs no F and has its right derivative.  A single one among
equal eigenvalues has a kink, as a maximum has; its slope is that of the basis LAPACK has chosen.
A singular value that is 0 has a kink, as |x| has at 0, and its declared derivative is 0.
Functions of the whole matrix, such as V eʷ Vᵀ, do have a derivative at ties, but it cannot be had
from w and V; ``dk.scipy.linalg.expm`` has it.

Reading on: Magnus 1985, *On differentiating eigenvalues and eigenvectors*; Clarke 1990,
*Optimization and nonsmooth analysis*, section 2.8.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from types import FrameType
from typing import Any

import numpy as np

from diffkit.errors import KinkWarning
from diffkit.graph.avals import Aval
from diffkit.graph.primitive import Other, aligned, primitive
from diffkit.lazy import mp
from diffkit.primitives.linalg import float_dtypes
from diffkit.primitives.piecewise import mask

__all__ = ["gap_reciprocal", "off_diagonal", "warn_of_kink"]

DIVISION = 4  # Note [Costs] in transcendental.py

TIED = (
    "the derivative of eigenvectors or singular vectors was asked for where their eigenvalues or "
    "singular values are equal or 0, or that of a singular value that is 0: it does not exist "
    "there, and the declared value, in which these add 0, was used"
)


def warn_of_kink(message: str) -> None:
    """Warn at the user's line."""
    frame: FrameType | None = sys._getframe(1)
    level = 2  # 1 is this function
    while frame is not None and frame.f_globals.get("__name__", "").startswith("diffkit."):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, KinkWarning, stacklevel=level)


def off_diagonal(x: Any) -> Any:
    """Square matrices with 0 on the diagonal.

    >>> off_diagonal(np.ones((2, 2)))
    array([[0., 1.],
           [1., 0.]])
    """
    return mask(~np.eye(x.shape[-1], dtype=bool), x)


@primitive
class gap_reciprocal(Other):
    """1/x for gaps x between numbers up to ``scale``; 0, with a warning, where x is rounding."""

    inert = (1,)

    def dtypes(self, avals: Sequence[Aval]) -> Any:
        return float_dtypes("gap_reciprocal", avals)

    def value(self, x: Any, scale: Any) -> Any:
        x = np.asarray(x)
        least = x.shape[-1] * np.finfo(x.dtype).eps * np.asarray(scale)
        tied = np.abs(x) <= least
        if tied.any():
            warn_of_kink(TIED)
        return np.where(tied, x.dtype.type(0), 1 / np.where(tied, x.dtype.type(1), x))

    def generic(self, x: Any, scale: Any) -> Any:
        x = np.asarray(x, dtype=object)
        least = np.broadcast_to(x.shape[-1] * mp.eps * np.asarray(scale, dtype=object), x.shape)
        found = np.empty(x.shape, dtype=object)
        for place in np.ndindex(x.shape):
            found[place] = mp.mpf(0) if abs(x[place]) <= least[place] else 1 / x[place]
        return found

    def shape(self, x: Aval, scale: Aval) -> Any:
        return x.shape

    def jvp(self, y: Any, x: Sequence[Any], x_dot: Sequence[Any]) -> Any:
        return -(y * y * x_dot[0])

    def vjp(self, ct: Any, y: Any, x: Any, scale: Any) -> Any:
        return lambda: -(y * y * ct), None

    def batch(self, batched: Any, x: Any, scale: Any, size: int) -> Any:
        if not batched[0]:
            x = np.broadcast_to(x, (size, *x.shape))
        return gap_reciprocal(*aligned((True, batched[1]), (x, scale)))

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return DIVISION * out.size
