"""Exponentials, logarithms and trigonometric functions, elementwise.

Where it costs no accuracy, a derivative is written in the output y instead of x, so that
reverse mode need not keep x:

    y = eˣ: y′ = y,   y = tan x: y′ = 1 + y²,   y = √x: y′ = 1/(2y).

Roots (``roots.py``) and hyperbolic functions (``hyperbolic.py``) can be imported from here too.

Note [Costs].  Declared floating-point operations are conventions for comparing methods, not
measurements: an addition, multiplication or comparison is 1; a division or square root 4
(about its throughput relative to an addition in A. Fog's *Instruction tables*, agner.org); an
elementary function about as many as the polynomial and the range reduction of its
double-precision code in fdlibm (Sun Microsystems 1993), 12 to 20.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.graph.primitive import Elementwise, Kink, Selected, primitive
from diffkit.lazy import forms, mp, sp
from diffkit.primitives.arithmetic import neg, not_equal
from diffkit.primitives.complex_forms import complex_arctan2, complex_log1p, continued
from diffkit.primitives.constants import LN2, LOG2_E, LOG10_E
from diffkit.primitives.domains import above_minus_one, off_origin, off_poles, positive, reals, unit
from diffkit.primitives.hyperbolic import arccosh, arcsinh, arctanh, cosh, sinh, tanh
from diffkit.primitives.roots import cbrt, hypot, sqrt

__all__ = [
    "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "cbrt", "cos",
    "cosh", "exp", "exp2", "expm1", "hypot", "log", "log1p", "log2", "log10", "logistic", "sin",
    "sinh", "softplus", "sqrt", "tan", "tanh",
]  # fmt: skip

INF = float("inf")


# Exponentials and logarithms --------------------------------------------------------------------


@primitive
class exp(Elementwise):
    """Exponential function, y = eˣ, its own derivative."""

    value, domain, kinks, flops = np.exp, reals, (), 12
    analytic, emit = True, "exp({0})"

    def sympy(self, x: Any) -> Any:
        return sp.exp(x)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: y,)


@primitive
class expm1(Elementwise):
    """y = eˣ − 1, accurate near 0; the derivative is eˣ, since y + 1 loses digits for x ≪ 0."""

    value, domain, kinks, flops = np.expm1, reals, (), 14
    analytic, emit = True, "expm1({0})"

    def sympy(self, x: Any) -> Any:
        return sp.exp(x) - 1

    def stable(self, x: Any) -> Any:
        return forms.expm1(x)

    def mpmath(self, x: Any) -> Any:
        """Without the cancellation of eˣ − 1."""
        return mp.expm1(x)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: exp(x),)


@primitive
class exp2(Elementwise):
    """Power of two, y = 2ˣ, with derivative y ln 2."""

    value, domain, kinks, flops = np.exp2, reals, (), 12
    analytic, emit = True, "exp2({0})"

    def sympy(self, x: Any) -> Any:
        return sp.Integer(2) ** x

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: y * LN2,)


@primitive
class log(Elementwise):
    """Natural logarithm, with derivative 1/x (infinite at 0, by declaration)."""

    value, domain, flops, emit = np.log, positive, 12, "log({0})"
    kinks = (Kink(at=(0.0,), slopes=(None, None), declared=INF, note="log 0 = −∞"),)
    analytic = continued(np.log, np.log, lambda a: a > 0)

    def sympy(self, x: Any) -> Any:
        return sp.log(x)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: 1.0 / x,)


@primitive
class log1p(Elementwise):
    """y = log(1 + x), accurate near 0, with derivative 1/(1 + x)."""

    value, domain, flops, emit = np.log1p, above_minus_one, 14, "log1p({0})"
    kinks = (Kink(at=(-1.0,), slopes=(None, None), declared=INF, note="log 0 = −∞"),)
    analytic = continued(np.log1p, complex_log1p, lambda a: a > -1)

    def sympy(self, x: Any) -> Any:
        return sp.log(1 + x)

    def stable(self, x: Any) -> Any:
        return forms.log1p(x)

    def mpmath(self, x: Any) -> Any:
        """Without the rounding of 1 + x."""
        return mp.log1p(x)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: 1.0 / (1.0 + x),)


@primitive
class log2(Elementwise):
    """Logarithm to base 2, with derivative log₂(e)/x."""

    value, domain, flops, emit = np.log2, positive, 12, "log2({0})"
    kinks = (Kink(at=(0.0,), slopes=(None, None), declared=INF, note="log 0 = −∞"),)
    analytic = continued(np.log2, np.log2, lambda a: a > 0)

    def sympy(self, x: Any) -> Any:
        return sp.log(x) / sp.log(2)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: LOG2_E / x,)


@primitive
class log10(Elementwise):
    """Logarithm to base 10, with derivative log₁₀(e)/x."""

    value, domain, flops, emit = np.log10, positive, 12, "log10({0})"
    kinks = (Kink(at=(0.0,), slopes=(None, None), declared=INF, note="log 0 = −∞"),)
    analytic = continued(np.log10, np.log10, lambda a: a > 0)

    def sympy(self, x: Any) -> Any:
        return sp.log(x) / sp.log(10)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: LOG10_E / x,)


@primitive
class logistic(Elementwise):
    """Logistic function, y = 1/(1 + e⁻ˣ), without overflow.

    1 − y is written logistic(−x), so that y′ = y (1 − y) keeps its digits where y is near 1.
    """

    domain, kinks, flops, emit = reals, (), 16, "logistic({0})"

    def value(self, x: Any) -> Any:
        e = np.exp(-np.abs(x))
        return (np.where(np.asarray(x) >= 0, 1, e) / (1 + e))[()]

    def analytic(self, x: Any) -> Any:
        """The same two forms, chosen by the real part."""
        right = np.real(x) >= 0
        e = np.exp(np.where(right, -x, x))
        return (np.where(right, 1, e) / (1 + e))[()]

    def sympy(self, x: Any) -> Any:
        return 1 / (1 + sp.exp(-x))

    def stable(self, x: Any) -> Any:
        return forms.logistic(x)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: y * logistic(neg(x)),)


@primitive
class softplus(Elementwise):
    """y = log(1 + eˣ) without overflow; its derivative is the logistic function."""

    domain, kinks, flops, emit = reals, (), 26, "softplus({0})"

    def value(self, x: Any) -> Any:
        return np.logaddexp(0, x)

    def analytic(self, x: Any) -> Any:
        """log(1 + eᶻ), or z + log(1 + e⁻ᶻ) where Re z ≥ 0."""
        right = np.real(x) >= 0
        tail = complex_log1p(np.exp(np.where(right, -x, x)))
        return (np.where(right, x, 0) + tail)[()]

    def sympy(self, x: Any) -> Any:
        return sp.log(1 + sp.exp(x))

    def stable(self, x: Any) -> Any:
        return forms.softplus(x)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: logistic(x),)


# Trigonometric functions and their inverses -----------------------------------------------------


@primitive
class sin(Elementwise):
    """Sine, with derivative cos x."""

    value, domain, kinks, flops = np.sin, reals, (), 12
    analytic, emit = True, "sin({0})"

    def sympy(self, x: Any) -> Any:
        return sp.sin(x)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: cos(x),)


@primitive
class cos(Elementwise):
    """Cosine, with derivative −sin x."""

    value, domain, kinks, flops = np.cos, reals, (), 12
    analytic, emit = True, "cos({0})"

    def sympy(self, x: Any) -> Any:
        return sp.cos(x)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: neg(sin(x)),)


@primitive
class tan(Elementwise):
    """Tangent, with derivative 1 + y²."""

    value, domain, kinks, flops = np.tan, off_poles, (), 14
    analytic, emit = True, "tan({0})"

    def sympy(self, x: Any) -> Any:
        return sp.tan(x)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: 1.0 + y * y,)


@primitive
class arcsin(Elementwise):
    """Inverse sine; 1 − x² is written (1 − x)(1 + x), which keeps its digits near ±1."""

    value, domain, flops, emit = np.arcsin, unit, 14, "arcsin({0})"
    kinks = (
        Kink(at=(-1.0,), slopes=(None, None), declared=INF, note="a vertical tangent"),
        Kink(at=(1.0,), slopes=(None, None), declared=INF, note="a vertical tangent"),
    )
    analytic = continued(np.arcsin, np.arcsin, lambda a: np.abs(a) < 1)

    def sympy(self, x: Any) -> Any:
        return sp.asin(x)

    def stable(self, x: Any) -> Any:
        return forms.arcsin(x)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: 1.0 / sqrt((1.0 - x) * (1.0 + x)),)


@primitive
class arccos(Elementwise):
    """Inverse cosine, with the derivative of the inverse sine negated."""

    value, domain, flops, emit = np.arccos, unit, 14, "arccos({0})"
    kinks = (
        Kink(at=(-1.0,), slopes=(None, None), declared=-INF, note="a vertical tangent"),
        Kink(at=(1.0,), slopes=(None, None), declared=-INF, note="a vertical tangent"),
    )
    analytic = continued(np.arccos, np.arccos, lambda a: np.abs(a) < 1)

    def sympy(self, x: Any) -> Any:
        return sp.acos(x)

    def stable(self, x: Any) -> Any:
        return forms.arccos(x)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: -1.0 / sqrt((1.0 - x) * (1.0 + x)),)


@primitive
class arctan(Elementwise):
    """Inverse tangent, with derivative 1/(1 + x²)."""

    value, domain, kinks, flops = np.arctan, reals, (), 14
    analytic, emit = True, "arctan({0})"

    def sympy(self, x: Any) -> Any:
        return sp.atan(x)

    def stable(self, x: Any) -> Any:
        return forms.arctan(x)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: 1.0 / (1.0 + x * x),)


@primitive
class arctan2(Elementwise):
    """Angle of the point (x₂, x₁); the gradient is (x₂, −x₁)/r², and 0 at the origin."""

    value, domain, flops, emit = np.arctan2, off_origin, 18, "arctan2({0}, {1})"
    kinks = (
        Kink(at=(0.0, 0.0), wrt=0, slopes=(None, None), declared=0.0, note="no angle"),
        Kink(at=(0.0, -1.0), wrt=0, slopes=(None, -1.0), declared=-1.0, note="a jump of 2π"),
    )
    analytic = continued(np.arctan2, complex_arctan2, lambda a, b: (a != 0) | (b != 0))

    def sympy(self, a: Any, b: Any) -> Any:
        return sp.atan2(a, b)

    def stable(self, a: Any, b: Any) -> Any:
        return forms.arctan2(a, b)

    def partials(self, y: Any, a: Any, b: Any) -> Any:
        # dividing by r twice instead of by r² cannot overflow
        def quotient(part: Any) -> Any:
            r = hypot(a, b)
            return Selected(not_equal(r, 0.0), part / r / r)

        return lambda: quotient(b), lambda: quotient(neg(a))
