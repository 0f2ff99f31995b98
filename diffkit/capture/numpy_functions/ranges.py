"""Equally spaced numbers between traced ends: linspace, logspace, geomspace.

    yₖ = a + k (b − a)/(n − 1),

so ∂yₖ/∂a = 1 − k/(n − 1) and ∂yₖ/∂b = k/(n − 1).  The number of points is a plain integer, since it
decides the shape; ``np.arange`` with traced ends is refused by Python itself for that reason.

Reading on: NumPy's reference, *Array creation routines*.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from diffkit.capture.numpy_functions.joining import concatenate
from diffkit.capture.numpy_functions.tables import implements, plain_integers, together, traced
from diffkit.capture.tracing import Tracer, cast_to, here
from diffkit.errors import InputError
from diffkit.primitives import piecewise

__all__ = ["linspace"]


def _count(num: Any, what: str) -> int:
    count = operator.index(plain_integers(num, f"the number of points of {what}"))
    if count < 0:
        raise InputError(f"{what}: {count} points", where=here(), hint="give 0 or more.")
    return count


@implements(np.linspace)
def linspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, retstep: bool = False,
    dtype: Any = None, axis: int = 0, *, device: Any = None,
) -> Any:  # fmt: skip
    """Equally spaced numbers from start to stop."""
    count = _count(num, "np.linspace")
    lifted: Any = together(start, stop)
    kind = np.result_type(*(end.dtype for end in lifted), float(count))
    start, stop = (cast_to(end, kind) for end in lifted)
    intervals = count - 1 if endpoint else count
    delta = stop - start
    places = np.arange(count, dtype=kind).reshape(-1, *(1,) * delta.ndim)
    if intervals > 0:
        step: Any = delta / intervals
        flat = np.equal(step, 0.0)  # an underflow: divide last, as NumPy does
        y = piecewise.where(flat, places / intervals * delta, places * step)
    else:
        step, y = np.nan * delta, places * delta
    y = y + start
    if endpoint and count > 1:
        last = np.reshape(np.broadcast_to(stop, delta.shape), (1, *delta.shape))
        y = concatenate([y[:-1], last], 0)
    y = np.moveaxis(y, 0, axis) if axis != 0 else y
    if dtype is not None:
        y = np.floor(y) if np.dtype(dtype).kind in "iu" else y
        y = cast_to(y, dtype)
    return (y, step) if retstep else y


@implements(np.logspace)
def logspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, base: Any = 10.0,
    dtype: Any = None, axis: int = 0,
) -> Any:  # fmt: skip
    """Powers of the base with equally spaced exponents."""
    if any(isinstance(end, Tracer) for end in (start, stop)):
        start, stop = together(start, stop)
    if np.ndim(base):
        start, stop, base = traced(start, stop, base)
        shape = np.broadcast_shapes(start.shape, stop.shape, base.shape)
        start, stop = (np.broadcast_to(end, shape) for end in (start, stop))
        base = np.expand_dims(np.broadcast_to(base, shape), axis)
    exponents: Any = np.linspace(start, stop, num, endpoint, axis=axis)
    y: Any = np.power(base, exponents)
    return y if dtype is None else cast_to(y, dtype)


@implements(np.geomspace)
def geomspace(
    start: Any, stop: Any, num: Any = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> Any:
    """Numbers from start to stop with a constant ratio; both have one sign, and are not 0."""
    count = _count(num, "np.geomspace")
    lifted: Any = traced(start, stop)
    start, stop = (cast_to(end, np.float64) for end in lifted)  # as NumPy, for float32 too
    sign = np.sign(start)
    logs = linspace(np.log10(start / sign), np.log10(stop / sign), count, endpoint)
    y = sign * np.power(10.0, logs)
    shape = y.shape[1:]
    if count > 0:
        first = np.reshape(np.broadcast_to(start, shape), (1, *shape))
        y = concatenate([first, y[1:]], 0)
    if count > 1 and endpoint:
        last = np.reshape(np.broadcast_to(stop, shape), (1, *shape))
        y = concatenate([y[:-1], last], 0)
    y = np.moveaxis(y, 0, axis) if axis != 0 else y
    return y if dtype is None else cast_to(y, dtype)
