"""``np.fft``: the transforms, with ``n=``, ``axis=`` and ``norm=``, as compositions of three.

A transform is one linear primitive of ``primitives/fourier.py`` over pairs (Re, Im); cutting or
padding to n numbers, the scale (1, 1/n or 1/√n) and the half spectrum of real signals are
arithmetic around it.  ``hfft`` and ``ihfft`` are the real transforms of the conjugate.

This module is imported when the first of them is called, as NumPy itself imports ``numpy.fft``.
Reading on: ``primitives/fourier.py``; *Discrete Fourier Transform* in NumPy's reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod, sqrt
from typing import Any

import numpy as np

from diffkit.capture.complex_values import ComplexTracer, arena_of, pair, paired
from diffkit.capture.numpy_functions.tables import axis_of, delivered, implements
from diffkit.capture.tracing import Tracer, cast_to, here, lift
from diffkit.errors import DtypeError, InputError, ShapeError
from diffkit.primitives.fourier import dft, half_dft, half_dft_sum

__all__ = ["fft", "fftn", "irfft", "irfftn", "rfft", "rfftn"]

NORMS = (None, "backward", "ortho", "forward")


# Parts ------------------------------------------------------------------------------------------


def _scale(norm: Any, count: int, inverse: bool) -> float:
    """What a transform of so many numbers is multiplied by."""
    if norm not in NORMS:
        raise InputError(
            f"np.fft: there is no norm {norm!r}",
            where=here(),
            hint='use "backward", "ortho" or "forward".',
        )
    if norm == "ortho":
        return 1.0 / sqrt(count)
    return 1.0 / count if inverse != (norm == "forward") else 1.0


def _scaled(x: Any, scale: float) -> Any:
    return x if scale == 1.0 else x * scale


def _operand(a: Any) -> Tracer | ComplexTracer:
    """The signal, lists of traced values stacked; integers of any size become float64."""
    if isinstance(a, ComplexTracer):
        return a
    arena = arena_of(a)
    re, im = pair(arena, a)
    if im is not None:
        return paired(arena, re, im)
    signal = lift(arena, re)
    return signal if signal.dtype.kind == "f" else cast_to(signal, np.float64)


def _real(a: Any, name: str) -> Tracer:
    a = _operand(a)
    if isinstance(a, ComplexTracer):
        raise DtypeError(
            f"np.fft.{name} takes a real signal, and this one is complex",
            where=here(),
            hint="use np.fft.fft, or transform z.real and z.imag apart.",
        )
    return a


def _resized(x: Any, axis: int, n: int) -> Any:
    """x cut to its first n numbers along an axis, or padded with zeros up to n."""
    size = x.shape[axis]
    if n == size:
        return x
    if n < size:
        return x[(slice(None),) * axis + (slice(0, n),)]
    return np.pad(x, [(0, n - size) if k == axis else (0, 0) for k in range(x.ndim)])


def _size(n: Any, given: int) -> int:
    """The number of points."""
    count = given if n is None else int(n)
    if count < 1:
        raise ShapeError(
            f"np.fft: a transform of {count} numbers", where=here(), hint="give at least one."
        )
    return count


def _axes(x: Any, s: Any, axes: Any) -> tuple[list[int], list[Any]]:
    """Axes as non-negative numbers, and the sizes along them (None: as they are)."""
    if axes is None:
        axes = range(-len(s), 0) if s is not None else range(x.ndim)
    found = [axis_of(axis, x.ndim, "np.fft") for axis in axes]
    sizes = [None if n in (None, -1) else n for n in (s if s is not None else [None] * len(found))]
    if len(sizes) != len(found):
        raise ShapeError(
            f"np.fft: {len(sizes)} sizes for {len(found)} axes",
            where=here(),
            hint="give one size for every axis.",
        )
    return found, sizes


def _transformed(z: Any, axes: Sequence[int], sign: int, scale: float) -> Any:
    """The complex transform over axes."""
    arena = arena_of(z)
    whole = z if isinstance(z, ComplexTracer) else paired(arena, z, None)
    if not axes:
        return whole
    pairs = np.stack([whole.re, whole.im], axis=-1)
    return _unpacked(_scaled(dft(pairs, axes=tuple(axes), sign=sign), scale))


def _unpacked(pairs: Any) -> Any:
    return ComplexTracer(pairs[..., 0], pairs[..., 1])


def _complex_nd(a: Any, s: Any, axes: Any, norm: Any, sign: int) -> Any:
    z = _operand(a)
    axes, sizes = _axes(z, s, axes)
    for axis, n in zip(axes, sizes, strict=True):
        z = _resized(z, axis, _size(n, z.shape[axis]))
    count = prod(z.shape[axis] for axis in axes)
    scale = _scale(norm, count, inverse=sign > 0)
    if len(set(axes)) == len(axes):
        return _transformed(z, sorted(axes), sign, scale)
    for axis in axes:  # an axis that is named twice is transformed twice
        z = _transformed(z, [axis], sign, 1.0)
    return _scaled(z, scale)


def _half_to_real(z: Any, axis: int, n: int) -> Any:
    """The real signal of n numbers whose half spectrum this is, unscaled."""
    half = n // 2 + 1
    z = _resized(z, axis, half)
    whole = z if isinstance(z, ComplexTracer) else paired(arena_of(z), z, None)
    weights = np.full(half, 2.0, whole.re.dtype)
    weights[0] = 1.0
    if n % 2 == 0:
        weights[-1] = 1.0
    weights = weights.reshape([-1 if k == axis else 1 for k in range(whole.ndim)])
    pairs = np.stack([whole.re * weights, whole.im * weights], axis=-1)
    return half_dft_sum(pairs, axis=axis, n=n)


# One axis ---------------------------------------------------------------------------------------


@implements(np.fft.fft)
def fft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    """The discrete Fourier transform along an axis."""
    return delivered(_complex_nd(a, [n], [axis], norm, -1), out)


@implements(np.fft.ifft)
def ifft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    """Its inverse."""
    return delivered(_complex_nd(a, [n], [axis], norm, 1), out)


@implements(np.fft.rfft)
def rfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    """Half of the transform of a real signal; the other half is its conjugate."""
    x = _real(a, "rfft")
    axis = axis_of(axis, x.ndim, "np.fft.rfft")
    n = _size(n, x.shape[axis])
    pairs = half_dft(_resized(x, axis, n), axis=axis)
    return delivered(_unpacked(_scaled(pairs, _scale(norm, n, inverse=False))), out)


@implements(np.fft.irfft)
def irfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    """The real signal of n (even unless told otherwise) numbers with this half spectrum."""
    z = _operand(a)
    axis = axis_of(axis, z.ndim, "np.fft.irfft")
    n = _size(n, 2 * (z.shape[axis] - 1))
    return delivered(_scaled(_half_to_real(z, axis, n), _scale(norm, n, inverse=True)), out)


@implements(np.fft.hfft)
def hfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    """The real spectrum of a signal that is its own conjugate read backwards."""
    z = _operand(a)
    axis = axis_of(axis, z.ndim, "np.fft.hfft")
    n = _size(n, 2 * (z.shape[axis] - 1))
    found = _half_to_real(np.conjugate(z), axis, n)
    return delivered(_scaled(found, _scale(norm, n, inverse=False)), out)


@implements(np.fft.ihfft)
def ihfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None, out: Any = None) -> Any:
    """The inverse of ``hfft``."""
    x = _real(a, "ihfft")
    axis = axis_of(axis, x.ndim, "np.fft.ihfft")
    n = _size(n, x.shape[axis])
    pairs = half_dft(_resized(x, axis, n), axis=axis)
    found = _unpacked(_scaled(pairs, _scale(norm, n, inverse=True)))
    return delivered(np.conjugate(found), out)


# Several axes -----------------------------------------------------------------------------------


@implements(np.fft.fftn)
def fftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    """The transform over several axes."""
    return delivered(_complex_nd(a, s, axes, norm, -1), out)


@implements(np.fft.ifftn)
def ifftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    """Its inverse."""
    return delivered(_complex_nd(a, s, axes, norm, 1), out)


@implements(np.fft.fft2)
def fft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Any:
    """The transform over two axes."""
    return fftn(a, s, axes, norm, out)


@implements(np.fft.ifft2)
def ifft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Any:
    """Its inverse."""
    return ifftn(a, s, axes, norm, out)


@implements(np.fft.rfftn)
def rfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    """The transform of a real array: half of it along the last axis."""
    x = _real(a, "rfftn")
    axes, sizes = _axes(x, s, axes)
    z = rfft(x, sizes[-1], axes[-1], norm)
    return delivered(_complex_nd(z, sizes[:-1], axes[:-1], norm, -1), out)


@implements(np.fft.irfftn)
def irfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None, out: Any = None) -> Any:
    """Its inverse."""
    z = _operand(a)
    axes, sizes = _axes(z, s, axes)
    return delivered(irfft(_complex_nd(z, sizes[:-1], axes[:-1], norm, 1), sizes[-1], axes[-1],
                           norm), out)  # fmt: skip


@implements(np.fft.rfft2)
def rfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Any:
    """The transform of a real array over two axes."""
    return rfftn(a, s, axes, norm, out)


@implements(np.fft.irfft2)
def irfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None, out: Any = None) -> Any:
    """Its inverse."""
    return irfftn(a, s, axes, norm, out)


# Order ------------------------------------------------------------------------------------------


def _shifted(x: Any, axes: Any, inverse: bool) -> Any:
    if axes is None:
        axes = tuple(range(x.ndim))
    axes = tuple(axis_of(axis, x.ndim, "np.fft") for axis in np.atleast_1d(axes))
    halves = [x.shape[axis] // 2 for axis in axes]
    return np.roll(x, tuple(-h for h in halves) if inverse else tuple(halves), axes)


@implements(np.fft.fftshift)
def fftshift(x: Any, axes: Any = None) -> Any:
    """The zero frequency moved to the middle."""
    return _shifted(x if isinstance(x, Tracer) else _operand(x), axes, inverse=False)


@implements(np.fft.ifftshift)
def ifftshift(x: Any, axes: Any = None) -> Any:
    """The inverse of ``fftshift`` (they differ for odd sizes)."""
    return _shifted(x if isinstance(x, Tracer) else _operand(x), axes, inverse=True)
