"""Running products and extremes, and the linear recurrence that their derivatives are.

    h₀ = b₀,   hₖ = aₖ hₖ₋₁ + bₖ

is the *recurrence*.  The derivative of a running product yₖ = xₖ yₖ₋₁ is one,
ẏₖ = xₖ ẏₖ₋₁ + yₖ₋₁ ẋₖ, right with zeros among the factors and without a division; and the
derivative of a recurrence is a recurrence again, forwards for tangents, backwards for cotangents:

    λₖ = h̄ₖ + aₖ₊₁ λₖ₊₁,   b̄ₖ = λₖ,   āₖ = λₖ hₖ₋₁.

A running extreme shares its derivative evenly among the elements so far that are equal to it
(Note [Kinks] in ``piecewise.py``).
Reading on: Martin & Cundy 2018, *Parallelizing linear recurrent neural nets over sequence length*.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit.errors import ShapeError, UnsupportedError
from diffkit.graph.avals import Aval
from diffkit.graph.primitive import Other, primitive
from diffkit.primitives.arithmetic import cast, equal
from diffkit.primitives.complex_forms import from_parts
from diffkit.primitives.indexing import slice_of
from diffkit.primitives.piecewise import mask
from diffkit.primitives.reductions import whole_numbers
from diffkit.primitives.shaping import check_axes, common_dtypes, concatenate, flip, spread

__all__ = ["cummax", "cummin", "cumprod", "recurrence"]


def _shifted(x: Any, axis: int, first: float) -> Any:
    """x one place later along an axis, with ``first`` in front."""
    edge = tuple(1 if one == axis else size for one, size in enumerate(x.shape))
    start = np.full(edge, first, dtype=x.dtype)
    return concatenate(start, slice_of(x, axis, 0, x.shape[axis] - 1), axis=axis)


def _backwards(a: Any, ct: Any, axis: int) -> Any:
    """λₖ = ctₖ + aₖ₊₁ λₖ₊₁, from the end."""
    rates = _shifted(flip(a, axes=(axis,)), axis, 0.0)
    return flip(recurrence(rates, flip(ct, axes=(axis,)), axis=axis), axes=(axis,))


@primitive
class recurrence(Other):
    """The linear recurrence h₀ = b₀, hₖ = aₖ hₖ₋₁ + bₖ along an axis (a₀ is not used)."""

    analytic = True

    def dtypes(self, avals: Sequence[Aval]) -> Any:
        return common_dtypes(avals)

    def value(self, a: Any, b: Any, axis: int) -> Any:
        rates, terms = np.moveaxis(np.asarray(a), axis, 0), np.moveaxis(np.asarray(b), axis, 0)
        out = np.empty(terms.shape, dtype=np.result_type(rates, terms))
        out[:1] = terms[:1]
        with np.errstate(all="ignore"):
            for k in range(1, len(terms)):
                out[k] = rates[k] * out[k - 1] + terms[k]
        return np.moveaxis(out, 0, axis)

    def generic(self, a: Any, b: Any, axis: int) -> Any:
        return self.value(np.asarray(a, dtype=object), np.asarray(b, dtype=object), axis)

    def shape(self, a: Aval, b: Aval, axis: int) -> Any:
        check_axes("recurrence", b, (axis,))
        if a.shape != b.shape:
            raise ShapeError(
                f"recurrence: {a} and {b} have different shapes",
                hint="broadcast the rates and the terms to one shape first.",
            )
        return b.shape

    def jvp(self, y: Any, x: Sequence[Any], x_dot: Sequence[Any], axis: int) -> Any:
        terms = x_dot[1]
        if x_dot[0] is not None:
            moved = _shifted(y, axis, 0.0) * x_dot[0]
            terms = moved if terms is None else moved + terms
        return None if terms is None else recurrence(x[0], terms, axis=axis)

    def vjp(self, ct: Any, y: Any, a: Any, b: Any, axis: int) -> Any:
        return (
            lambda: _backwards(a, ct, axis) * _shifted(y, axis, 0.0),
            lambda: _backwards(a, ct, axis),
        )

    def batch(self, batched: Any, a: Any, b: Any, size: int, axis: int) -> Any:
        pair = (
            part if mapped else spread(part, axes=(0,), sizes=(size,))
            for part, mapped in zip((a, b), batched, strict=True)
        )
        return recurrence(*pair, axis=axis + 1)

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return 2 * out.size


@primitive
class cumprod(Other):
    """Running product along an axis; its derivative is a recurrence, right with zeros too."""

    analytic, axis_params = True, ("axis",)

    def dtypes(self, avals: Sequence[Aval]) -> Any:
        return whole_numbers(avals)

    def value(self, x: Any, axis: int) -> Any:
        return np.cumprod(x, axis=axis)

    def generic(self, x: Any, axis: int) -> Any:
        return np.cumprod(np.asarray(x, dtype=object), axis=axis)

    def shape(self, x: Aval, axis: int) -> Any:
        check_axes("cumprod", x, (axis,))
        return x.shape

    def jvp(self, y: Any, x: Sequence[Any], x_dot: Sequence[Any], axis: int) -> Any:
        return recurrence(x[0], _shifted(y, axis, 1.0) * x_dot[0], axis=axis)

    def vjp(self, ct: Any, y: Any, x: Any, axis: int) -> Any:
        return (lambda: _backwards(x, ct, axis) * _shifted(y, axis, 1.0),)

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return out.size


class Running(Other):
    """The extreme of the elements so far; those equal to it share its derivative evenly."""

    axis_params = ("axis",)
    better: Any  # the ufunc

    def value(self, x: Any, axis: int) -> Any:
        return self.better.accumulate(x, axis=axis)

    def analytic(self, x: Any, axis: int) -> Any:
        """Compared by real parts; equal ones share their imaginary parts."""
        x = np.asarray(x)
        real = self.value(x.real, axis)
        return from_parts(real, self._shared(real, x.real, x.imag, axis))

    def generic(self, x: Any, axis: int) -> Any:
        x = np.asarray(x, dtype=object)
        if any(hasattr(cell, "free_symbols") for cell in x.flat):
            raise UnsupportedError(
                f"{self.name}: which symbol is the extreme one is not known",
                hint="use another method than symbolic.",
            )
        return self.value(x, axis)

    def shape(self, x: Aval, axis: int) -> Any:
        check_axes(self.name, x, (axis,))
        return x.shape

    def _rates(self, y: Any, axis: int) -> Any:
        """1 where the extreme stays what it was, 0 where a new one begins."""
        same = equal(slice_of(y, axis, 1, None), slice_of(y, axis, 0, y.shape[axis] - 1))
        edge = tuple(1 if one == axis else size for one, size in enumerate(y.shape))
        first = np.zeros(edge, dtype=y.dtype)
        return concatenate(first, cast(same, dtype=y.dtype.str), axis=axis)

    def _shared(self, y: Any, x: Any, x_dot: Any, axis: int) -> Any:
        rates, wins = self._rates(y, axis), equal(x, y)
        count = recurrence(rates, cast(wins, dtype=y.dtype.str), axis=axis)
        return recurrence(rates, mask(wins, x_dot), axis=axis) / count

    def jvp(self, y: Any, x: Sequence[Any], x_dot: Sequence[Any], axis: int) -> Any:
        return self._shared(y, x[0], x_dot[0], axis)

    def vjp(self, ct: Any, y: Any, x: Any, axis: int) -> Any:
        def running_pullback() -> Any:
            rates, wins = self._rates(y, axis), equal(x, y)
            count = recurrence(rates, cast(wins, dtype=y.dtype.str), axis=axis)
            return mask(wins, _backwards(rates, ct / count, axis))

        return (running_pullback,)

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return out.size


@primitive
class cummax(Running):
    """The largest element so far along an axis; equal ones share the derivative evenly."""

    better = np.maximum


@primitive
class cummin(Running):
    """The smallest element so far along an axis; equal ones share the derivative evenly."""

    better = np.minimum
