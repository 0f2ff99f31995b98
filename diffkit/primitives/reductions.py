"""Reductions: sums, products, extrema and log-sum-exp over axes.

A reduction drops the axes it runs over (``keepdims`` is a reshape at capture), so that ``sum``
and ``spread`` are exact transposes:

    y = Σᵢ xᵢ:  x̄ᵢ = ȳ,      y = ∏ᵢ xᵢ:  x̄ᵢ = ȳ ∏_{j≠i} xⱼ,
    y = log Σᵢ exp xᵢ:  x̄ = ȳ softmax(x).

A product's derivative is right with zeros among its factors, Note [Products] in
``product_tree.py``; extrema share theirs evenly among ties, Note [Kinks] in ``piecewise.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod as product_of
from typing import Any

import numpy as np

from diffkit.errors import ShapeError, UnsupportedError
from diffkit.graph.avals import Aval, aval
from diffkit.graph.primitive import Linear, Other, primitive
from diffkit.lazy import forms, mp, sp
from diffkit.primitives.arithmetic import cast, equal, greater, less, logical_not
from diffkit.primitives.complex_forms import from_parts
from diffkit.primitives.piecewise import mask, where
from diffkit.primitives.product_tree import products_of_others
from diffkit.primitives.shaping import check_axes, flip, spread

__all__ = [
    "argmax", "argmin", "cumsum", "logsumexp", "max_", "min_", "prod", "softmax", "sum_",
]  # fmt: skip

Axes = tuple[int, ...]

# Costs per element, Note [Costs] in transcendental.py: softmax has a division more.
LOGSUMEXP_FLOPS = 15
LOG_FLOPS = 12
SOFTMAX_FLOPS = 19


def _reduced(name: str, x: Aval, axes: Axes) -> Axes:
    check_axes(name, x, axes)
    return tuple(size for axis, size in enumerate(x.shape) if axis not in axes)


def _spread_back(y: Any, x: Any, axes: Axes) -> Any:
    """y repeated along the reduced axes, in the shape of x."""
    return spread(y, axes=axes, sizes=tuple(x.shape[axis] for axis in axes)) if axes else y


def whole_numbers(avals: Sequence[Aval]) -> Any:
    """Booleans and short integers are added as 64-bit integers, as NumPy does."""
    x = avals[0].dtype
    if x.kind == "b" or (x.kind == "i" and x.itemsize < np.dtype(np.int64).itemsize):
        return (np.dtype(np.int64),)
    return None


def _over_cells(x: Any, axes: Axes, function: Callable[[list[Any]], Any]) -> Any:
    """An object array reduced over axes by a function of a list of objects."""
    x = np.asarray(x, dtype=object)
    kept = tuple(axis for axis in range(x.ndim) if axis not in axes)
    shape = tuple(x.shape[axis] for axis in kept)
    rows = np.transpose(x, kept + axes).reshape(*shape, product_of(x.shape[a] for a in axes))
    out = np.empty(shape, dtype=object)
    for place in np.ndindex(shape):
        out[place] = function(list(rows[place]))
    return out[()]


def _library(cells: Sequence[Any]) -> Any:
    """SymPy for lists with a symbolic expression, mpmath for numbers."""
    return sp if any(hasattr(cell, "free_symbols") for cell in cells) else mp


# Sums and products ------------------------------------------------------------------------------


@primitive
class sum_(Linear):
    """Sum over axes; its transpose spreads the cotangent along them."""

    linear_in, joint, axis_params = (0,), True, ("axes",)

    def dtypes(self, avals: Sequence[Aval]) -> Any:
        return whole_numbers(avals)

    def value(self, x: Any, axes: Axes) -> Any:
        return np.sum(x, axis=axes)

    def shape(self, x: Aval, axes: Axes) -> Any:
        return _reduced("sum", x, axes)

    def transpose(self, ct: Any, x: Any, axes: Axes) -> Any:
        return (lambda: _spread_back(ct, x, axes),)

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return max(avals[0].size - out.size, 0)


@primitive
class cumsum(Linear):
    """Running sum along one axis; its transpose is the running sum from the other end."""

    linear_in, joint, axis_params = (0,), True, ("axis",)

    def dtypes(self, avals: Sequence[Aval]) -> Any:
        return whole_numbers(avals)

    def value(self, x: Any, axis: int) -> Any:
        return np.cumsum(x, axis=axis)

    def shape(self, x: Aval, axis: int) -> Any:
        check_axes("cumsum", x, (axis,))
        return x.shape

    def transpose(self, ct: Any, x: Any, axis: int) -> Any:
        return (lambda: flip(cumsum(flip(ct, axes=(axis,)), axis=axis), axes=(axis,)),)

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return out.size


@primitive
class prod(Other):
    """Product over axes; its gradient is right with one zero or many, Note [Products]."""

    analytic, axis_params = True, ("axes",)

    def dtypes(self, avals: Sequence[Aval]) -> Any:
        return whole_numbers(avals)

    def value(self, x: Any, axes: Axes) -> Any:
        return np.prod(x, axis=axes)

    def generic(self, x: Any, axes: Axes) -> Any:
        return np.prod(np.asarray(x, dtype=object), axis=axes)

    def shape(self, x: Aval, axes: Axes) -> Any:
        return _reduced("prod", x, axes)

    def jvp(self, y: Any, x: Sequence[Any], x_dot: Sequence[Any], axes: Axes) -> Any:
        others = products_of_others(x[0], axes)
        return sum_(x_dot[0] if others is None else others * x_dot[0], axes=axes)

    def vjp(self, ct: Any, y: Any, x: Any, axes: Axes) -> Any:
        def product_pullback() -> Any:
            others = products_of_others(x, axes)
            y_bar = _spread_back(ct, x, axes)
            return y_bar if others is None else others * y_bar

        return (product_pullback,)

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return max(avals[0].size - out.size, 0)


# Extrema ----------------------------------------------------------------------------------------


def _extreme_cell(name: str, cells: list[Any]) -> Any:
    """The extreme one of a list of objects; NaN if one of them is."""
    if _library(cells) is sp:
        return (sp.Max if name == "max" else sp.Min)(*cells)
    for cell in cells:
        if cell != cell:  # NaN
            return cell
    return (max if name == "max" else min)(cells)


def _check_not_empty(name: str, x: Aval, axes: Axes) -> None:
    if any(x.shape[axis] == 0 for axis in axes):
        raise ShapeError(
            f"{name}: {x} has no elements along the axes {axes}",
            hint="an empty array has no extreme element.",
        )


class Extreme(Other):
    """The largest or smallest element; ties share its derivative, a held one has none."""

    axis_params = ("axes",)
    better: Any  # the ufunc
    loses: Any  # the comparison of an element with the extreme one

    def value(self, x: Any, axes: Axes, held: bool = False) -> Any:
        return self.better.reduce(x, axis=axes)

    def generic(self, x: Any, axes: Axes, held: bool = False) -> Any:
        return _over_cells(x, axes, lambda cells: _extreme_cell(self.name, cells))

    def stable(self, x: Any, axes: Axes, held: bool = False) -> Any:
        extreme = forms.largest if self.name == "max" else forms.smallest
        return _over_cells(x, axes, lambda cells: extreme(*cells))

    def analytic(self, x: Any, axes: Axes, held: bool = False) -> Any:
        """The element whose real part is extreme; a tie shares the imaginary part."""
        x = np.asarray(x)
        kept = tuple(axis for axis in range(x.ndim) if axis not in axes)
        shape = tuple(x.shape[axis] for axis in kept)
        rows: Any = np.transpose(x, kept + axes).reshape(*shape, -1)
        best = self.better.reduce(rows.real, axis=-1, keepdims=True)
        wins = rows.real == best
        with np.errstate(all="ignore"):
            shared = np.where(wins, rows.imag, 0).sum(axis=-1) / wins.sum(axis=-1)
        return from_parts(best[..., 0], shared)

    def shape(self, x: Aval, axes: Axes, held: bool = False) -> Any:
        shape = _reduced(self.name, x, axes)
        _check_not_empty(self.name, x, axes)
        return shape

    def winners(self, y: Any, x: Any, axes: Axes) -> tuple[Any, Any]:
        """Where x is the extreme element, and how many such there are along the axes.

        Where an element is NaN, all win, and their number is NaN, and so is every derivative.
        """
        wins = logical_not(self.loses(x, _spread_back(y, x, axes)))
        count = sum_(cast(wins, dtype=x.dtype.str), axes=axes)
        return wins, where(equal(y, y), count, x.dtype.type(np.nan))

    def jvp(self, y: Any, x: Any, x_dot: Any, axes: Axes, held: bool = False) -> Any:
        if held:  # no output changes with it: graph/shifts.py
            return None
        wins, count = self.winners(y, x[0], axes)
        return sum_(mask(wins, x_dot[0]), axes=axes) / count

    def vjp(self, ct: Any, y: Any, x: Any, axes: Axes, held: bool = False) -> Any:
        def extreme_pullback() -> Any:
            wins, count = self.winners(y, x, axes)
            return mask(wins, _spread_back(ct / count, x, axes))

        return (None if held else extreme_pullback,)

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return avals[0].size


@primitive
class max_(Extreme):
    """Largest element over axes; ties share the derivative evenly."""

    better, loses = np.maximum, less


@primitive
class min_(Extreme):
    """Smallest element over axes; ties share the derivative evenly."""

    better, loses = np.minimum, greater


class Place(Other):
    """The place of the extreme element along one axis: an integer, without a derivative."""

    inert, axis_params = (0,), ("axis",)
    find: Any

    def value(self, x: Any, axis: int) -> Any:
        return self.find(x, axis=axis)

    def analytic(self, x: Any, axis: int) -> Any:
        """Compared by real parts."""
        return self.find(np.real(x), axis=axis)

    def generic(self, x: Any, axis: int) -> Any:
        def place(cells: list[Any]) -> int:
            if _library(cells) is sp:
                raise UnsupportedError(
                    f"{self.name}: the place of an extreme symbol is not known",
                    hint="use max or min, or another method than symbolic.",
                )
            return cells.index(_extreme_cell("max" if self.name == "argmax" else "min", cells))

        return np.asarray(_over_cells(x, (axis,), place)).astype(np.intp)[()]

    def shape(self, x: Aval, axis: int) -> Any:
        shape = _reduced(self.name, x, (axis,))
        _check_not_empty(self.name, x, (axis,))
        return aval(shape, np.intp)

    def jvp(self, y: Any, x: Sequence[Any], x_dot: Sequence[Any], axis: int) -> Any:
        return None

    def vjp(self, ct: Any, y: Any, x: Any, axis: int) -> Any:
        return (None,)

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return avals[0].size


@primitive
class argmax(Place):
    """Place of the largest element along one axis (the first one, among ties)."""

    find = staticmethod(np.argmax)


@primitive
class argmin(Place):
    """Place of the smallest element along one axis (the first one, among ties)."""

    find = staticmethod(np.argmin)


# Log-sum-exp and its gradient -------------------------------------------------------------------


def _shift(x: Any, axes: Axes) -> Any:
    """The largest real part over the axes (kept with size 1), and 0 where it is infinite."""
    top = np.max(np.real(x), axis=axes, keepdims=True, initial=-np.inf)
    return np.where(np.isinf(top), 0, top).astype(top.dtype)


@primitive
class logsumexp(Other):
    """y = log Σ eˣ over axes, without overflow; −∞ (with gradient 0) where all x are −∞."""

    def value(self, x: Any, axes: Axes) -> Any:
        shift = _shift(x, axes)
        with np.errstate(divide="ignore", over="ignore"):
            total = np.log(np.sum(np.exp(x - shift), axis=axes))
        return (total + np.reshape(shift, np.shape(total)))[()]

    analytic, axis_params = value, ("axes",)

    def generic(self, x: Any, axes: Axes) -> Any:
        def log_sum(cells: list[Any]) -> Any:
            library = _library(cells)
            return library.log(sum(map(library.exp, cells)))

        return _over_cells(x, axes, log_sum)

    def stable(self, x: Any, axes: Axes) -> Any:
        return _over_cells(x, axes, lambda cells: forms.logsumexp(*cells))

    def dtypes(self, avals: Sequence[Aval]) -> Any:
        return None if avals[0].is_float else (np.dtype(np.float64),)

    def shape(self, x: Aval, axes: Axes) -> Any:
        return _reduced("logsumexp", x, axes)

    def jvp(self, y: Any, x: Sequence[Any], x_dot: Sequence[Any], axes: Axes) -> Any:
        return sum_(softmax(x[0], axes=axes) * x_dot[0], axes=axes)

    def vjp(self, ct: Any, y: Any, x: Any, axes: Axes) -> Any:
        return (lambda: softmax(x, axes=axes) * _spread_back(ct, x, axes),)

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return LOGSUMEXP_FLOPS * avals[0].size + LOG_FLOPS * out.size


@primitive
class softmax(Other):
    """p = eˣ / Σ eˣ over axes, the gradient of log-sum-exp; 0 where all x are −∞.

    An x of +∞ takes the whole of it (several share evenly).
    """

    def value(self, x: Any, axes: Axes) -> Any:
        x = np.asarray(x)
        top = np.max(np.real(x), axis=axes, keepdims=True, initial=-np.inf)
        with np.errstate(invalid="ignore"):
            weights = np.where(np.isinf(top), np.real(x) == np.inf, np.exp(x - top))
        total = np.sum(weights, axis=axes, keepdims=True)
        return (weights / np.where(total == 0, 1, total)).astype(x.dtype)[()]

    analytic, axis_params = value, ("axes",)

    def generic(self, x: Any, axes: Axes) -> Any:
        x = np.asarray(x, dtype=object)
        library = _library(list(x.flat))
        weights = np.asarray(np.frompyfunc(library.exp, 1, 1)(x), dtype=object)
        total = np.asarray(np.sum(weights, axis=axes, keepdims=True), dtype=object)
        return (weights / np.where(total == 0, 1, total))[()]

    def stable(self, x: Any, axes: Axes) -> Any:
        x = np.asarray(x, dtype=object)
        totals = np.asarray(logsumexp.stable(x, axes), dtype=object)
        weights = np.frompyfunc(forms.softmax_weight, 2, 1)
        return np.asarray(weights(x, np.expand_dims(totals, axes)), dtype=object)[()]

    def dtypes(self, avals: Sequence[Aval]) -> Any:
        return None if avals[0].is_float else (np.dtype(np.float64),)

    def shape(self, x: Aval, axes: Axes) -> Any:
        check_axes("softmax", x, axes)
        return x.shape

    def jvp(self, y: Any, x: Sequence[Any], x_dot: Sequence[Any], axes: Axes) -> Any:
        mean = sum_(y * x_dot[0], axes=axes)
        return y * (x_dot[0] - _spread_back(mean, x[0], axes))

    def vjp(self, ct: Any, y: Any, x: Any, axes: Axes) -> Any:
        return (lambda: y * (ct - _spread_back(sum_(y * ct, axes=axes), x, axes)),)

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return SOFTMAX_FLOPS * out.size
