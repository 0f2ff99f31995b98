"""Roots and lengths: square root, real cube root and hypotenuse.

    y = √x: y′ = 1/(2y),      y = ∛x: y′ = 1/(3y²),      y = √(x₁² + x₂²): ∂y/∂xᵢ = xᵢ/y.

The first two have a vertical tangent at 0; the length has a corner there, where its gradient is
declared to be 0, the centre of its subdifferential.  Costs: Note [Costs] in
``transcendental.py``; complex values: ``complex_forms.py``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.graph.primitive import Elementwise, Kink, Selected, primitive
from diffkit.lazy import forms, mp, sp
from diffkit.primitives.arithmetic import not_equal
from diffkit.primitives.complex_forms import complex_cbrt, complex_hypot, continued
from diffkit.primitives.domains import nonnegative, reals

__all__ = ["cbrt", "hypot", "sqrt"]

INF = float("inf")


@primitive
class sqrt(Elementwise):
    """Square root, with derivative 1/(2y), infinite at 0."""

    value, domain, flops, emit = np.sqrt, nonnegative, 4, "sqrt({0})"
    kinks = (Kink(at=(0.0,), slopes=(None, None), declared=INF, note="a vertical tangent"),)
    analytic = continued(np.sqrt, np.sqrt, lambda a: a > 0)

    def sympy(self, x: Any) -> Any:
        return sp.sqrt(x)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: 0.5 / y,)


@primitive
class cbrt(Elementwise):
    """Real cube root of either sign, with derivative 1/(3y²), infinite at 0."""

    value, domain, flops, emit = np.cbrt, reals, 12, "cbrt({0})"
    kinks = (Kink(at=(0.0,), slopes=(None, None), declared=INF, note="a vertical tangent"),)
    analytic = continued(np.cbrt, complex_cbrt, lambda a: a != 0)

    def sympy(self, x: Any) -> Any:
        third = sp.Rational(1, 3)
        return sp.Piecewise((x**third, x >= 0), (-((-x) ** third), True))

    def stable(self, x: Any) -> Any:
        return forms.cbrt(x)

    def mpmath(self, x: Any) -> Any:
        """The real root of either sign."""
        return mp.cbrt(x) if x >= 0 else -mp.cbrt(-x)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: 1.0 / (3.0 * (y * y)),)


@primitive
class hypot(Elementwise):
    """Length y = √(x₁² + x₂²) without overflow; its gradient is xᵢ/y, and 0 at the origin."""

    value, domain, flops, emit = np.hypot, reals, 8, "hypot({0}, {1})"
    kinks = (
        Kink(at=(0.0, 0.0), wrt=0, slopes=(-1.0, 1.0), declared=0.0),
        Kink(at=(0.0, 0.0), wrt=1, slopes=(-1.0, 1.0), declared=0.0),
    )
    analytic = continued(np.hypot, complex_hypot, lambda a, b: (a != 0) | (b != 0))

    def sympy(self, a: Any, b: Any) -> Any:
        return sp.sqrt(a**2 + b**2)

    def stable(self, a: Any, b: Any) -> Any:
        return forms.hypot(a, b)

    def partials(self, y: Any, a: Any, b: Any) -> Any:
        return (
            lambda: Selected(not_equal(y, 0.0), a / y),
            lambda: Selected(not_equal(y, 0.0), b / y),
        )
