"""Borders around arrays: ``np.pad`` in every mode.

Constants are written around the array; edges, reflections and wraps move the array's own elements;
ramps, means, medians and extremes are computed axis after axis, as NumPy does, so that a corner
comes from borders that are there already.

Reading on: NumPy's reference, *numpy.pad*.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.capture.numpy_functions.joining import concatenate
from diffkit.capture.numpy_functions.shaping import asked, moved
from diffkit.capture.numpy_functions.tables import implements, plain_integers, traced
from diffkit.capture.tracing import Tracer, cast_to, here, lift
from diffkit.errors import UnsupportedError

__all__ = ["pad"]

MOVING = ("edge", "reflect", "symmetric", "wrap")
STATISTICS: dict[str, Callable[..., Any]] = {
    "maximum": np.max, "minimum": np.min, "mean": np.mean, "median": np.median,
}  # fmt: skip


@implements(np.pad)
def pad(array: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> Any:
    """A border around the array: constants, its own elements, ramps, or statistics."""
    (a,) = traced(array, *([options["constant_values"]] if "constant_values" in options else []))[
        :1
    ]
    if mode == "constant":
        return _constant(a, pad_width, **options)
    if mode in MOVING[1:3] and options.get("reflect_type") == "odd":
        return _odd(a, pad_width, mode == "symmetric")
    if mode in MOVING:
        return moved(np.pad)(a, pad_width, mode, **options)
    if mode in STATISTICS:
        lengths = options.get("stat_length")
        return _by_axis(a, pad_width, lengths, lambda *args: _statistic(STATISTICS[mode], *args))
    if mode == "linear_ramp":
        return _by_axis(a, pad_width, options.get("end_values", 0), _ramps)
    if mode == "empty":
        return _constant(a, pad_width)
    raise UnsupportedError(
        f"np.pad: mode={mode!r} is not supported while tracing",
        where=here(),
        hint='use "constant", "edge", "reflect", "symmetric", "wrap", "linear_ramp", "mean", '
        '"median", "maximum" or "minimum".',
    )


def _pairs(value: Any, ndim: int, what: str) -> list[tuple[Any, Any]]:
    """A number, a pair, or a pair for each axis, as a pair for each axis."""
    if isinstance(value, dict):
        return [value.get(k, value.get(k - ndim, (0, 0))) for k in range(ndim)]
    if isinstance(value, Tracer):
        return [(value, value)] * ndim
    table = asked(np.broadcast_to, np.asarray(plain_integers(value, what)), (ndim, 2))
    return [tuple(row) for row in table.tolist()]


def _constant(a: Tracer, pad_width: Any, constant_values: Any = 0) -> Tracer:
    if isinstance(constant_values, Tracer) and constant_values.ndim == 0:
        border = lift(a.arena, np.zeros(np.pad(np.zeros(a.shape), pad_width).shape, a.dtype))
        border[...] = constant_values
    else:
        values = np.asarray(constant_values)
        border = lift(a.arena, asked(np.pad, np.zeros(a.shape, a.dtype), pad_width,
                                     constant_values=values))  # fmt: skip
    places = asked(np.pad, np.arange(a.size).reshape(a.shape), pad_width, constant_values=-1)
    inside = np.argwhere(places >= 0)
    if a.ndim == 0:
        return a
    if inside.size:
        low, high = inside.min(axis=0), inside.max(axis=0) + 1
        border[tuple(slice(i, j) for i, j in zip(low.tolist(), high.tolist(), strict=True))] = a
    return border


def _odd(a: Tracer, pad_width: Any, symmetric: bool) -> Any:
    """Reflections about the edges, upside down: aₖ₊ₛ = 2aₖ − aₖ₋ₛ, and so on beyond them.

    With the period p (n, or n − 1 where the edge itself is not repeated) and j = q p + r it is
    aᵣ + q D for even q and 2aₙ₋₁ − aₙ₋₁₋ᵣ + (q − 1) D for odd q, where D = aₙ₋₁ − a₀.
    """
    for axis, (before, after) in enumerate(_pairs(pad_width, a.ndim, "a width of np.pad")):
        size = a.shape[axis]
        period = max(size if symmetric else size - 1, 1)
        turns, rest = np.divmod(np.arange(-int(before), size + int(after)), period)
        if size == 1:
            turns, rest = turns * 0, rest * 0
        elif not symmetric:  # the last element itself is a₍ₙ₋₁₎, not its own reflection
            last = (turns == 1) & (rest == 0)
            turns, rest = np.where(last, 0, turns), np.where(last, period, rest)
        odd = turns % 2
        column = (-1, *(1,) * (a.ndim - axis - 1))
        sign, twice, drifts = (
            part.astype(a.dtype).reshape(column) for part in (1 - 2 * odd, 2 * odd, turns - odd)
        )
        first, last_ = np.take(a, [0], axis), np.take(a, [size - 1], axis)  # type: ignore[arg-type]
        places = np.where(odd == 1, size - 1 - rest, rest)
        a = np.take(a, places, axis) * sign + last_ * twice + (last_ - first) * drifts  # type: ignore[arg-type]
    return a


def _by_axis(a: Tracer, pad_width: Any, settings: Any, borders: Callable[..., Any]) -> Tracer:
    """One axis after the other: what ``borders`` gives, joined to both ends."""
    widths = _pairs(pad_width, a.ndim, "a width of np.pad")
    options = _pairs(settings, a.ndim, "an option of np.pad") if settings is not None else []
    for axis, width in enumerate(widths):
        before, after = borders(a, axis, width, options[axis] if options else (None, None))
        a = concatenate([cast_to(before, a.dtype), a, cast_to(after, a.dtype)], axis)
    return a


def _statistic(
    function: Callable[..., Any], a: Any, axis: int, width: Any, lengths: Any
) -> tuple[Any, Any]:
    """A statistic of the elements (or of those next to each end), repeated."""
    found = []
    for last, (count, length) in enumerate(zip(width, lengths, strict=True)):
        size = a.shape[axis]
        part = slice(None) if length is None else slice(size - length, None) if last else \
            slice(None, length)  # fmt: skip
        value = function(a[(*(slice(None),) * axis, part)], axis=axis, keepdims=True)
        if a.dtype.kind in "iu":
            value = np.round(value)
        shape = (*a.shape[:axis], count, *a.shape[axis + 1 :])
        found.append(np.broadcast_to(value, shape))
    return found[0], found[1]


def _ramps(a: Any, axis: int, width: Any, ends: Any) -> tuple[Any, Any]:
    """Straight lines from the end values to the edges."""
    edges = (a[(*(slice(None),) * axis, 0)], a[(*(slice(None),) * axis, -1)])
    before, after = (
        np.linspace(end, edge, int(count), endpoint=False, axis=axis)
        for end, edge, count in zip(ends, edges, width, strict=True)
    )
    return before, np.flip(after, axis)
