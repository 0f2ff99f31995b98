"""Differences of neighbours: diff, gradient, the trapezoidal rule, interpolation, unwrapping.

All are slices and arithmetic.  ``np.gradient`` on unequal steps h₁, h₂ is the second-order formula

    f′ ≈ (h₁² f₊ + (h₂² − h₁²) f − h₂² f₋) / (h₁ h₂ (h₁ + h₂)),

differentiable by the samples and by their places.  In ``np.interp`` the segment is found by a
search, whose result is an integer; at a node the slope is the one of the segment to its right.

Reading on: Fornberg 1988, *Generation of finite difference formulas on arbitrarily spaced grids*.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.capture.numpy_functions.joining import concatenate
from diffkit.capture.numpy_functions.reductions import given
from diffkit.capture.numpy_functions.tables import axes_of, axis_of, implements, traced
from diffkit.capture.tracing import Tracer, cast_to, here
from diffkit.errors import InputError, ShapeError
from diffkit.primitives import arithmetic as ops
from diffkit.primitives import ordering, piecewise, shaping

__all__ = ["diff"]


def _part(a: Any, axis: int, start: int | None, stop: int | None) -> Any:
    return a[(*(slice(None),) * axis, slice(start, stop))]


@implements(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """Differences of neighbours, n times."""
    if n < 0:
        raise InputError(f"np.diff: n is {n}", where=here(), hint="give 0 or more.")
    ends_given = [end for end in (prepend, append) if given(end)]
    a = traced(a, *ends_given)[0]
    one = axis_of(axis, a.ndim, "np.diff")
    if ends_given:
        edge = (*a.shape[:one], 1, *a.shape[one + 1 :])
        ends = [np.broadcast_to(e, edge) if np.ndim(e) == 0 else e for e in ends_given]
        before = ends[:1] if given(prepend) else []
        a = concatenate([*before, a, *ends[len(before) :]], one)
    for _ in range(n):
        differ = ops.not_equal if a.dtype == bool else ops.sub
        a = differ(_part(a, one, 1, None), _part(a, one, None, -1))
    return a


@implements(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """Differences of neighbours in the flattened array, between given ends."""
    (ary,) = traced(ary)
    row = shaping.reshape(ary, shape=(ary.size,))
    steps = ops.sub(row[1:], row[:-1])
    ends = [None if end is None else np.reshape(end, -1) for end in (to_begin, to_end)]
    parts = [part for part in (ends[0], steps, ends[1]) if part is not None]
    return cast_to(concatenate(parts, 0), ary.dtype)


@implements(np.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    """The integral of samples by the trapezoidal rule."""
    y = traced(y, x, dx)[0] if x is not None else traced(y, dx)[0]
    one = axis_of(axis, y.ndim, "np.trapezoid")
    if x is not None:
        x = x if isinstance(x, Tracer) else np.asarray(x)
        # the axis as it was given: NumPy counts it in the array that it takes, y, x or the products
        steps = np.diff(x, axis=axis if np.ndim(x) > 1 else -1)
        aligned = tuple(-1 if k == one else 1 for k in range(y.ndim))
        dx = np.reshape(steps, aligned) if np.ndim(steps) == 1 else steps
    middle = (_part(y, one, 1, None) + _part(y, one, None, -1)) / 2.0
    return np.sum(middle * dx, axis=axis)


# Slopes -----------------------------------------------------------------------------------------


def _steps(spacing: Any, size: int, axis: int, ndim: int) -> Any:
    """A constant step, or the steps between places along this axis."""
    if np.ndim(spacing) == 0:
        return spacing
    spacing = spacing if isinstance(spacing, Tracer) else np.asarray(spacing)
    if np.ndim(spacing) != 1 or spacing.shape[0] != size:
        raise ShapeError(
            f"np.gradient: {np.shape(spacing)} places for {size} samples along axis {axis}",
            where=here(),
            hint="give one number, or one place for each sample.",
        )
    if not isinstance(spacing, Tracer) and spacing.dtype.kind in "iu":
        spacing = spacing.astype(float)  # as NumPy does, so that unsigned numbers have a sign
    steps = np.diff(spacing)
    if not isinstance(steps, Tracer) and (steps == steps[0]).all():
        return steps[0]
    return np.reshape(steps, tuple(-1 if k == axis else 1 for k in range(ndim)))


def _inner_slopes(f: Any, h: Any, axis: int) -> Any:
    """Central differences at the samples between the ends."""
    before, here_, after = (
        _part(f, axis, start, stop) for start, stop in ((None, -2), (1, -1), (2, None))
    )
    if np.ndim(h) == 0:
        return (after - before) / (2.0 * h)
    h1, h2 = _part(h, axis, None, -1), _part(h, axis, 1, None)
    a = -h2 / (h1 * (h1 + h2))
    b = (h2 - h1) / (h1 * h2)
    c = h1 / (h2 * (h1 + h2))
    return a * before + b * here_ + c * after


def _end_slope(f: Any, h: Any, axis: int, order: int, last: bool) -> Any:
    """A one-sided difference at one end, of first or second order."""
    picks = [(-1, None), (-2, -1), (-3, -2)] if last else [(0, 1), (1, 2), (2, 3)]
    samples = [_part(f, axis, start, stop) for start, stop in picks[: order + 1]]
    sign = -1 if last else 1
    equal_steps = np.ndim(h) == 0
    h1 = h if equal_steps else _part(h, axis, *picks[0])
    if order == 1:
        return sign * (samples[1] - samples[0]) / h1
    h2 = h1 if equal_steps else _part(h, axis, *picks[1])
    a = -(2.0 * h1 + h2) / (h1 * (h1 + h2))
    b = (h1 + h2) / (h1 * h2)
    c = -h1 / (h2 * (h1 + h2))
    return sign * (a * samples[0] + b * samples[1] + c * samples[2])


@implements(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Slopes of samples along each axis, by differences of second order inside."""
    f = traced(f, *varargs)[0]
    f = f if f.dtype.kind == "f" else cast_to(f, np.float64)
    if axis is None or not isinstance(axis, (tuple, list)):
        axes = axes_of(axis, f.ndim, "np.gradient")
    else:
        axes = tuple(axis_of(one, f.ndim, "np.gradient") for one in axis)
    if len(varargs) not in (0, 1, len(axes)):
        raise InputError(
            f"np.gradient: {len(varargs)} spacings for {len(axes)} axes", where=here(),
            hint="give none, one, or one for each axis.",
        )  # fmt: skip
    spacings = varargs or (1.0,)
    if len(spacings) == 1:
        spacings = spacings * len(axes)
    found = []
    for one, spacing in zip(axes, spacings, strict=True):
        if f.shape[one] < edge_order + 1 or edge_order not in (1, 2):
            raise ShapeError(
                f"np.gradient: {f.aval} has too few samples along axis {one} "
                f"for edge_order={edge_order}",
                where=here(),
                hint="edge_order is 1 (two samples or more) or 2 (three or more).",
            )
        h = _steps(spacing, f.shape[one], one, f.ndim)
        parts = [_end_slope(f, h, one, edge_order, False)]
        if f.shape[one] > 2:
            parts.append(_inner_slopes(f, h, one))
        parts.append(_end_slope(f, h, one, edge_order, True))
        found.append(cast_to(concatenate(parts, one), f.dtype))
    return found[0] if len(found) == 1 else tuple(found)


# Interpolation ----------------------------------------------------------------------------------


@implements(np.interp)
def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Any:
    """Straight lines between nodes; constant outside of them."""
    lifted: Any = traced(x, xp, fp)
    x, xp, fp = (cast_to(one, np.float64) for one in lifted)
    if xp.ndim != 1 or fp.shape != xp.shape or not xp.size:
        raise ShapeError(
            f"np.interp: the nodes {xp.aval} and their values {fp.aval} must be two rows "
            "of one length",
            where=here(),
        )
    if period is not None:
        x, xp, fp = _periodic(x, xp, fp, np.abs(period))
        left = right = None
    low = fp[0] if left is None else left
    high = fp[-1] if right is None else right
    if xp.size == 1:
        inside: Any = np.broadcast_to(fp[0], x.shape)
    else:
        found = ordering.searchsorted(xp, x, side="right") - 1
        k: Any = np.clip(found, 0, xp.size - 2)
        slope = (fp[k + 1] - fp[k]) / (xp[k + 1] - xp[k])
        at_node = ops.equal(x, xp[k])  # an infinite slope must not spoil the node itself
        inside = piecewise.where(
            at_node, fp[k] + _selected_slope(slope, x - xp[k]), slope * (x - xp[k]) + fp[k]
        )
    beyond = piecewise.where(
        ops.greater(x, xp[-1]), high, piecewise.where(ops.equal(x, xp[-1]), fp[-1], inside)
    )
    return piecewise.where(ops.less(x, xp[0]), low, beyond)


def _selected_slope(slope: Any, step: Any) -> Any:
    """slope · step, but exactly 0 (with derivative ``slope``) where the slope is infinite."""
    finite = ops.less(piecewise.abs_(slope), np.inf)
    return piecewise.where(finite, slope, 0.0) * step


def _periodic(x: Any, xp: Any, fp: Any, period: Any) -> tuple[Any, Any, Any]:
    """Places within one period, and nodes in ascending order with one more at either end."""
    x, xp = np.mod(x, period), np.mod(xp, period)
    order = np.argsort(xp)
    xp, fp = xp[order], fp[order]
    nodes = concatenate([xp[-1:] - period, xp, xp[:1] + period], 0)
    return x, nodes, concatenate([fp[-1:], fp, fp[:1]], 0)


# Unwrapping -------------------------------------------------------------------------------------


@implements(np.unwrap)
def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = 2 * np.pi) -> Any:
    """Angles without jumps of more than half a period; whole periods have no derivative."""
    (p,) = traced(p)
    one = axis_of(axis, p.ndim, "np.unwrap")
    steps = diff(p, axis=one)
    half = period / 2
    limit = half if discont is None else discont
    if np.result_type(steps.dtype, type(period)).kind in "iu":
        half, odd = divmod(period, 2)
        low, ambiguous = -half, odd == 0
        limit = period / 2 if discont is None else discont
    else:
        low, ambiguous = -half, True
    wrapped = np.mod(steps - low, period) + low
    if ambiguous:
        wrapped = np.where((wrapped == low) & (steps > 0), half, wrapped)
    turns = np.where(np.abs(steps) < limit, 0, wrapped - steps)
    later = _part(p, one, 1, None) + np.cumsum(turns, axis=one)
    return concatenate([_part(p, one, 0, 1), later], one)
