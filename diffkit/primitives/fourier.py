"""Discrete Fourier transforms, as real linear maps of pairs (Re z, Im z) along the last axis.

    F z = Σⱼ zⱼ e^(−2πijk/n),        Fᵀ on pairs = the transform with the other sign,

since F is symmetric and the transpose of a complex number as a 2 × 2 matrix is its conjugate.  A
real signal has half a spectrum; its transform and the sum over half a spectrum,

    (H x)ₖ = Σⱼ xⱼ e^(−2πijk/n),  0 ≤ k ≤ n/2,        (S z)ⱼ = Σₖ Re(zₖ e^(2πijk/n)),

are transposes of each other, so a derivative costs what its transform costs.  Scaling, padding and
the doubling of half a spectrum are ordinary arithmetic at capture.  Values are NumPy's (pocketfft);
over objects they are sums with exact roots of unity.

Reading on: Van Loan 1992, *Computational Frameworks for the Fast Fourier Transform*.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log2
from typing import Any

import numpy as np

from diffkit.graph.avals import Aval, aval
from diffkit.graph.primitive import Linear, primitive
from diffkit.lazy import mp, sp

__all__ = ["dft", "half_dft", "half_dft_sum"]

# Operations of one complex transform of n numbers: 5 n log₂ n (Van Loan, section 1.4).
FLOPS_PER_LEVEL = 5


def _float(x: Aval) -> Any:
    return x.dtype if x.dtype.kind == "f" and x.dtype.itemsize > 2 else np.dtype(np.float64)


def _transform_flops(count: int, n: int) -> int:
    return int(FLOPS_PER_LEVEL * count * log2(max(n, 2)))


class _Transform(Linear):
    """What the three share: floats of 4 or 8 bytes, and parts of complex operands apart."""

    linear_in, joint = (0,), True

    def dtypes(self, avals: Sequence[Aval]) -> tuple[np.dtype[Any], ...] | None:
        dtype = _float(avals[0])
        return None if avals[0].dtype == dtype else (dtype,)

    def value(self, x: Any, **params: Any) -> Any:
        """NumPy's transform; over the complex step's numbers that of each part."""
        x = np.asarray(x)
        if x.dtype == object:
            return self.exactly(x, **params)
        if x.dtype.kind == "c":
            return self.numeric(x.real, **params) + 1j * self.numeric(x.imag, **params)
        return self.numeric(x, **params)

    def numeric(self, x: Any, **params: Any) -> Any:
        """The transform of floats."""
        raise NotImplementedError

    def exactly(self, x: Any, **params: Any) -> Any:
        """The transform of objects, by sums."""
        raise NotImplementedError


def _pairs(z: Any) -> Any:
    return np.stack([z.real, z.imag], axis=-1)


def _complex(x: Any) -> Any:
    z = np.empty(x.shape[:-1], np.result_type(x.dtype, np.complex64))
    z.real, z.imag = x[..., 0], x[..., 1]
    return z


# Sums with exact roots of unity -------------------------------------------------------------------


def _roots(x: Any, n: int) -> tuple[list[Any], list[Any]]:
    """cos and sin of 2πk/n for every k, as mpmath or SymPy numbers, whichever x holds."""
    if any(isinstance(item, mp.mpf) for item in x.flat):
        angles = [mp.mpf(2 * k) / n for k in range(n)]
        return [mp.cospi(a) for a in angles], [mp.sinpi(a) for a in angles]
    angles = [2 * sp.pi * k / n for k in range(n)]
    return [sp.cos(a) for a in angles], [sp.sin(a) for a in angles]


def _matrices(x: Any, rows: int, columns: int, n: int) -> tuple[Any, Any]:
    """cos and sin of 2πjk/n as matrices of objects."""
    cosines, sines = _roots(x, n)
    c, s = (np.empty((rows, columns), dtype=object) for _ in range(2))
    for k in range(rows):
        for j in range(columns):
            c[k, j], s[k, j] = cosines[j * k % n], sines[j * k % n]
    return c, s


def _along(matrix: Any, x: Any, axis: int) -> Any:
    """A matrix applied along an axis."""
    return np.moveaxis(np.tensordot(matrix, x, axes=(1, axis)), 0, axis)


# The primitives -----------------------------------------------------------------------------------


@primitive
class dft(_Transform):
    """The unscaled transform of pairs over axes; ``sign`` is that of the exponent, −1 or +1."""

    axis_params = ("axes",)

    def shape(self, x: Aval, *, axes: tuple[int, ...], sign: int) -> Any:
        return aval(x.shape, _float(x))

    def numeric(self, x: Any, *, axes: tuple[int, ...], sign: int) -> Any:
        """NumPy's transform, whose inverse is scaled unless told otherwise."""
        if x.size == 0:
            return np.zeros(x.shape, x.dtype if x.dtype.kind == "f" else np.float64)
        z = _complex(x)
        if sign < 0:
            return _pairs(np.fft.fftn(z, axes=axes))
        return _pairs(np.fft.ifftn(z, axes=axes, norm="forward"))

    def exactly(self, x: Any, *, axes: tuple[int, ...], sign: int) -> Any:
        """One axis after another."""
        re, im = x[..., 0], x[..., 1]
        for axis in axes:
            n = re.shape[axis]
            c, s = _matrices(x, n, n, n)
            s = s * sign
            re, im = (
                _along(c, re, axis) - _along(s, im, axis),
                (_along(s, re, axis) + _along(c, im, axis)),
            )
        return np.stack([re, im], axis=-1)

    def transpose(
        self, ct: Any, x: Any, *, axes: tuple[int, ...], sign: int
    ) -> tuple[Callable[[], Any] | None, ...]:
        return (lambda: dft(ct, axes=axes, sign=-sign),)

    def flops(self, out: Aval, avals: Sequence[Aval], *, axes: tuple[int, ...], sign: int) -> int:
        n = 1
        for axis in axes:
            n *= out.shape[axis]
        return _transform_flops(out.size // 2, n)


@primitive
class half_dft(_Transform):
    """The first half of the spectrum of a real signal along an axis, as pairs."""

    axis_params = ("axis",)

    def shape(self, x: Aval, *, axis: int) -> Any:
        shape = list(x.shape)
        shape[axis] = shape[axis] // 2 + 1
        return aval((*shape, 2), _float(x))

    def numeric(self, x: Any, *, axis: int) -> Any:
        """NumPy's transform."""
        return _pairs(np.fft.rfft(x, axis=axis))

    def exactly(self, x: Any, *, axis: int) -> Any:
        """A matrix of cosines and one of sines."""
        n = x.shape[axis]
        c, s = _matrices(x, n // 2 + 1, n, n)
        return np.stack([_along(c, x, axis), -_along(s, x, axis)], axis=-1)

    def transpose(self, ct: Any, x: Any, *, axis: int) -> tuple[Callable[[], Any] | None, ...]:
        return (lambda: half_dft_sum(ct, axis=axis, n=x.shape[axis]),)

    def flops(self, out: Aval, avals: Sequence[Aval], *, axis: int) -> int:
        return _transform_flops(avals[0].size // 2, avals[0].shape[axis])


@primitive
class half_dft_sum(_Transform):
    """Σₖ Re(zₖ e^(2πijk/n)) over half a spectrum of pairs, for j from 0 to n − 1."""

    axis_params = ("axis",)

    def shape(self, x: Aval, *, axis: int, n: int) -> Any:
        shape = list(x.shape[:-1])
        shape[axis] = n
        return aval(tuple(shape), _float(x))

    def numeric(self, x: Any, *, axis: int, n: int) -> Any:
        """NumPy's inverse transform, which counts all but the first and the middle one twice."""
        z = _complex(x)
        weights = np.full(z.shape[axis], 0.5, z.real.dtype)
        weights[0] = 1
        if n % 2 == 0:
            weights[-1] = 1
        z = z * weights.reshape([-1 if k == axis else 1 for k in range(z.ndim)])
        return np.fft.irfft(z, n=n, axis=axis, norm="forward")

    def exactly(self, x: Any, *, axis: int, n: int) -> Any:
        """A matrix of cosines and one of sines."""
        c, s = _matrices(x, n, x.shape[axis], n)
        return _along(c, x[..., 0], axis) - _along(s, x[..., 1], axis)

    def transpose(
        self, ct: Any, x: Any, *, axis: int, n: int
    ) -> tuple[Callable[[], Any] | None, ...]:
        return (lambda: half_dft(ct, axis=axis),)

    def flops(self, out: Aval, avals: Sequence[Aval], *, axis: int, n: int) -> int:
        return _transform_flops(out.size // 2, n)
