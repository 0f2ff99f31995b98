"""Hyperbolic functions and their inverses, elementwise.

    y = tanh x: y′ = 1 − y²,      y = arsinh x: y′ = 1/√(1 + x²).

Roots of sums of squares are formed so that they neither overflow nor cancel.
Costs: Note [Costs] in ``transcendental.py``; complex values: ``complex_forms.py``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.graph.primitive import Elementwise, Kink, primitive
from diffkit.lazy import forms, sp
from diffkit.primitives.complex_forms import continued
from diffkit.primitives.domains import above_one, inside_unit, reals
from diffkit.primitives.roots import hypot, sqrt

__all__ = ["arccosh", "arcsinh", "arctanh", "cosh", "sinh", "tanh"]

INF = float("inf")


@primitive
class sinh(Elementwise):
    """Hyperbolic sine, with derivative cosh x."""

    value, domain, kinks, flops = np.sinh, reals, (), 14
    analytic, emit = True, "sinh({0})"

    def sympy(self, x: Any) -> Any:
        return sp.sinh(x)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: cosh(x),)


@primitive
class cosh(Elementwise):
    """Hyperbolic cosine, with derivative sinh x."""

    value, domain, kinks, flops = np.cosh, reals, (), 14
    analytic, emit = True, "cosh({0})"

    def sympy(self, x: Any) -> Any:
        return sp.cosh(x)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: sinh(x),)


@primitive
class tanh(Elementwise):
    """Hyperbolic tangent; the derivative 1 − y² needs the output alone.

    Where |y| is near 1 the difference cancels: the absolute error stays near 2·10⁻¹⁶, the
    relative error grows like e^(2|x|).
    """

    value, domain, kinks, flops = np.tanh, reals, (), 12
    analytic, emit = True, "tanh({0})"

    def sympy(self, x: Any) -> Any:
        return sp.tanh(x)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: 1.0 - y * y,)


@primitive
class arcsinh(Elementwise):
    """Inverse hyperbolic sine, with derivative 1/√(1 + x²), formed without overflow."""

    value, domain, kinks, flops = np.arcsinh, reals, (), 16
    analytic, emit = True, "arcsinh({0})"

    def sympy(self, x: Any) -> Any:
        return sp.asinh(x)

    def stable(self, x: Any) -> Any:
        return forms.arcsinh(x)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: 1.0 / hypot(x, 1.0),)


@primitive
class arccosh(Elementwise):
    """Inverse hyperbolic cosine, with derivative 1/(√(x − 1) √(x + 1)), infinite at 1."""

    value, domain, flops, emit = np.arccosh, above_one, 16, "arccosh({0})"
    kinks = (Kink(at=(1.0,), slopes=(None, None), declared=INF, note="a vertical tangent"),)
    analytic = continued(np.arccosh, np.arccosh, lambda a: a > 1)

    def sympy(self, x: Any) -> Any:
        return sp.acosh(x)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: 1.0 / (sqrt(x - 1.0) * sqrt(x + 1.0)),)


@primitive
class arctanh(Elementwise):
    """Inverse hyperbolic tangent, with derivative 1/((1 − x)(1 + x))."""

    value, domain, flops, emit = np.arctanh, inside_unit, 16, "arctanh({0})"
    kinks = (
        Kink(at=(-1.0,), slopes=(None, None), declared=INF, note="arctanh(−1) = −∞"),
        Kink(at=(1.0,), slopes=(None, None), declared=INF, note="arctanh 1 = ∞"),
    )
    analytic = continued(np.arctanh, np.arctanh, lambda a: np.abs(a) < 1)

    def sympy(self, x: Any) -> Any:
        return sp.atanh(x)

    def stable(self, x: Any) -> Any:
        return forms.arctanh(x)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: 1.0 / ((1.0 - x) * (1.0 + x)),)
