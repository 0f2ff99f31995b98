"""Piecewise functions: all kinks live here.

Note [Kinks].  At a kink the derivative does not exist, and a tracing method must choose.  Ours
are declared once, beside the operation: relu′(0) = 0, |x|′(0) = 0, ties of max and min share
evenly.  Selection is never a product: ``mask(m, x)`` is x where m holds and exactly 0
elsewhere, so an infinity that is not selected cannot turn into a NaN (the problem is described
in the JAX FAQ, "gradients contain NaN where using where").  Reading on: Griewank & Walther
2008, chapter 14.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.graph.primitive import Elementwise, Kink, Selected, primitive
from diffkit.lazy import forms, mp, sp
from diffkit.primitives.arithmetic import (
    equal,
    greater,
    greater_equal,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    not_equal,
)
from diffkit.primitives.complex_forms import from_parts
from diffkit.primitives.domains import reals

__all__ = ["abs_", "clip", "floor", "mask", "maximum", "minimum", "relu", "sign", "where"]


def _selected(wins: Any, a: Any, b: Any) -> Any:
    """One of two complex operands by their real parts; a tie shares the imaginary part.

    A NaN among the real parts becomes both parts of the result.
    """
    first, second = wins(np.real(a), np.real(b)), wins(np.real(b), np.real(a))
    middle, tie = (np.real(a) + np.real(b)) / 2, np.real(a) == np.real(b)
    shared = from_parts(middle, np.where(tie, (np.imag(a) + np.imag(b)) / 2, np.nan))
    return np.where(first, a, np.where(second, b, shared))[()]


def _real_select(wins: Any) -> Any:
    """The complex form of a selection between two operands."""
    return lambda self, a, b: _selected(wins, a, b)


@primitive
class mask(Elementwise):
    """Selection, y = x where the condition holds and exactly 0 elsewhere."""

    domain, kinks, flops = reals, (), 1
    floating, analytic, inert, emit = False, True, (0,), "select({0}, {1}, 0.0)"

    def value(self, m: Any, x: Any) -> Any:
        x = np.asarray(x)
        return np.where(m, x, x.dtype.type(0) if x.dtype != object else 0)[()]

    def sympy(self, m: Any, x: Any) -> Any:
        return sp.Piecewise((x, m), (0, True))

    def mpmath(self, m: Any, x: Any) -> Any:
        """x or 0."""
        return x if m else mp.mpf(0)

    def partials(self, y: Any, m: Any, x: Any) -> Any:
        return None, lambda: Selected(m)


@primitive
class where(Elementwise):
    """Selection, y = a where the condition holds and b elsewhere."""

    domain, kinks, flops = reals, (), 1
    floating, analytic, inert, emit = False, True, (0,), "select({0}, {1}, {2})"

    def value(self, m: Any, a: Any, b: Any) -> Any:
        return np.where(m, a, b)[()]

    def sympy(self, m: Any, a: Any, b: Any) -> Any:
        return sp.Piecewise((a, m), (b, True))

    def mpmath(self, m: Any, a: Any, b: Any) -> Any:
        """a or b."""
        return a if m else b

    def partials(self, y: Any, m: Any, a: Any, b: Any) -> Any:
        return None, lambda: Selected(m), lambda: Selected(logical_not(m))


def _half_where(tie: Any, like: Any) -> Any:
    """½ at a tie and 1 elsewhere, in the dtype of ``like``."""
    number = like.dtype.type
    return where(tie, number(0.5), number(1.0))


def _shared(loses: Any, y: Any, a: Any, b: Any) -> Selected:
    """The derivative of y by a: 1 if it wins, ½ at a tie, and NaN where y is."""
    number = a.dtype.type
    slope = where(equal(a, b), number(0.5), where(equal(y, y), number(1.0), number(np.nan)))
    return Selected(logical_not(loses(a, b)), slope)


@primitive
class maximum(Elementwise):
    """The larger of two; a tie shares the derivative evenly."""

    value, domain, flops = np.maximum, reals, 1
    kinks = (
        Kink(at=(1.0, 1.0), wrt=0, slopes=(0.0, 1.0), declared=0.5),
        Kink(at=(1.0, 1.0), wrt=1, slopes=(0.0, 1.0), declared=0.5),
    )
    floating, analytic, emit = False, _real_select(np.greater), "maximum({0}, {1})"

    def sympy(self, a: Any, b: Any) -> Any:
        return sp.Max(a, b)

    def stable(self, a: Any, b: Any) -> Any:
        return forms.maximum(a, b)

    def mpmath(self, a: Any, b: Any) -> Any:
        """The selected operand; a NaN wins."""
        return a if a >= b or a != a else b

    def partials(self, y: Any, a: Any, b: Any) -> Any:
        return lambda: _shared(less, y, a, b), lambda: _shared(less, y, b, a)


@primitive
class minimum(Elementwise):
    """The smaller of two; a tie shares the derivative evenly."""

    value, domain, flops = np.minimum, reals, 1
    kinks = (
        Kink(at=(1.0, 1.0), wrt=0, slopes=(1.0, 0.0), declared=0.5),
        Kink(at=(1.0, 1.0), wrt=1, slopes=(1.0, 0.0), declared=0.5),
    )
    floating, analytic, emit = False, _real_select(np.less), "minimum({0}, {1})"

    def sympy(self, a: Any, b: Any) -> Any:
        return sp.Min(a, b)

    def stable(self, a: Any, b: Any) -> Any:
        return forms.minimum(a, b)

    def mpmath(self, a: Any, b: Any) -> Any:
        """The selected operand; a NaN wins."""
        return a if a <= b or a != a else b

    def partials(self, y: Any, a: Any, b: Any) -> Any:
        return lambda: _shared(greater, y, a, b), lambda: _shared(greater, y, b, a)


@primitive
class relu(Elementwise):
    """Rectifier, y = max(x, 0), with relu′(0) = 0."""

    domain, flops = reals, 1
    kinks = (Kink(at=(0.0,), slopes=(0.0, 1.0), declared=0.0),)
    floating, emit = False, "maximum({0}, 0.0)"

    def value(self, x: Any) -> Any:
        return np.maximum(x, np.asarray(x).dtype.type(0))

    def analytic(self, x: Any) -> Any:
        """The branch is chosen by the real part."""
        return np.where(np.real(x) > 0, x, 0)[()]

    def sympy(self, x: Any) -> Any:
        return sp.Max(x, 0)

    def mpmath(self, x: Any) -> Any:
        """x or 0; a NaN stays."""
        return mp.mpf(0) if x <= 0 else x

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: Selected(greater(x, 0.0)),)


@primitive
class abs_(Elementwise):
    """Absolute value, with derivative sign(x), so 0 at 0."""

    value, domain, flops = np.absolute, reals, 1
    kinks = (Kink(at=(0.0,), slopes=(-1.0, 1.0), declared=0.0),)
    floating, emit = False, "abs({0})"

    def analytic(self, x: Any) -> Any:
        """±x by the sign of the real part, and 0 at 0: the modulus would not be analytic."""
        return np.where(np.real(x) > 0, x, np.where(np.real(x) < 0, -x, np.abs(np.real(x))))[()]

    def sympy(self, x: Any) -> Any:
        return sp.Abs(x)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: Selected(not_equal(x, 0.0), sign(x)),)


class Staircase(Elementwise):
    """A piecewise constant function: its derivative is 0 wherever it exists."""

    domain, flops, floating = reals, 1, False

    def analytic(self, x: Any) -> Any:
        """Constant around the real part."""
        return self.value(np.real(x)) + 0j

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: 0,)


@primitive
class sign(Staircase):
    """The sign of x: −1, 0 or 1."""

    value, emit, takes_bool = np.sign, "sign({0})", False
    kinks = (Kink(at=(0.0,), slopes=(None, None), declared=0.0, note="a jump"),)

    def sympy(self, x: Any) -> Any:
        return sp.sign(x)


@primitive
class floor(Staircase):
    """The largest integer not above x."""

    value, emit = np.floor, "floor({0})"
    kinks = (Kink(at=(1.0,), slopes=(None, 0.0), declared=0.0, note="a jump"),)

    def sympy(self, x: Any) -> Any:
        return sp.floor(x)


@primitive
class clip(Elementwise):
    """x held between two bounds; the derivative is 1 inside, ½ at a bound, 0 outside."""

    domain, flops = reals, 2
    kinks = (
        Kink(at=(0.0, 0.0, 1.0), slopes=(0.0, 1.0), declared=0.5),
        Kink(at=(1.0, 0.0, 1.0), slopes=(1.0, 0.0), declared=0.5),
    )
    floating, emit = False, "minimum(maximum({0}, {1}), {2})"

    def value(self, x: Any, low: Any, high: Any) -> Any:
        return np.minimum(np.maximum(x, low), high)

    def analytic(self, x: Any, low: Any, high: Any) -> Any:
        """The branch is chosen by the real parts."""
        return _selected(np.less, _selected(np.greater, x, low), high)

    def sympy(self, x: Any, low: Any, high: Any) -> Any:
        return sp.Min(sp.Max(x, low), high)

    def stable(self, x: Any, low: Any, high: Any) -> Any:
        return forms.minimum(forms.maximum(x, low), high)

    def mpmath(self, x: Any, low: Any, high: Any) -> Any:
        """x, or the bound it crossed; a NaN stays."""
        held = low if x < low else x
        return high if held > high else held

    def partials(self, y: Any, x: Any, low: Any, high: Any) -> Any:
        def inner() -> Any:
            edge = logical_or(equal(x, low), equal(x, high))
            number = x.dtype.type
            slope = where(edge, number(0.5), where(equal(y, y), number(1.0), number(np.nan)))
            return Selected(logical_not(logical_or(less(x, low), greater(x, high))), slope)

        def by_low() -> Any:
            wins = logical_and(less_equal(x, low), less(low, high))
            return Selected(wins, _half_where(equal(x, low), x))

        def by_high() -> Any:
            wins = greater_equal(maximum(x, low), high)
            return Selected(wins, _half_where(equal(maximum(x, low), high), x))

        return inner, by_low, by_high
