"""Special functions: the error function, its complement, and x log y.

    erf x = 2/√π ∫₀ˣ e^(−t²) dt,      erf′ x = 2/√π · e^(−x²).

Values come from SciPy, imported on first use (S. G. Johnson's Faddeeva package for complex
arguments).  Reading on: *NIST Digital Library of Mathematical Functions*, chapter 7.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.graph.primitive import Elementwise, Kink, Selected, primitive
from diffkit.lazy import forms, sp, special
from diffkit.primitives.arithmetic import neg, not_equal
from diffkit.primitives.complex_forms import continued
from diffkit.primitives.constants import TWO_OVER_SQRT_PI
from diffkit.primitives.domains import log_of_second, reals
from diffkit.primitives.transcendental import exp, log

__all__ = ["erf", "erfc", "xlogy"]


def _bell(x: Any) -> Any:
    return TWO_OVER_SQRT_PI * exp(neg(x * x))


def _with_real_part(function: Any, x: Any) -> Any:
    """SciPy's complex value, shifted onto its (more accurate) real one at Re x."""
    x = np.asarray(x)
    if x.dtype.kind != "c":
        return function(x)
    return function(x.real) + (function(x) - function(x.real + 0j))


@primitive
class erf(Elementwise):
    """Error function, with derivative 2/√π · e^(−x²)."""

    domain, kinks, flops, emit = reals, (), 20, "erf({0})"

    def value(self, x: Any) -> Any:
        return special.erf(x)

    def analytic(self, x: Any) -> Any:
        """Entire: SciPy takes complex numbers."""
        return _with_real_part(special.erf, x)

    def sympy(self, x: Any) -> Any:
        return sp.erf(x)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: _bell(x),)


@primitive
class erfc(Elementwise):
    """Complementary error function 1 − erf x, accurate for large x."""

    domain, kinks, flops, emit = reals, (), 20, "erfc({0})"

    def value(self, x: Any) -> Any:
        return special.erfc(x)

    def analytic(self, x: Any) -> Any:
        """Entire: SciPy takes complex numbers."""
        return _with_real_part(special.erfc, x)

    def sympy(self, x: Any) -> Any:
        return sp.erfc(x)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: neg(_bell(x)),)


def _real_xlogy(a: Any, b: Any) -> Any:
    return a * np.log(np.where(np.asarray(a) == 0, 1, b))


_complex_xlogy = continued(_real_xlogy, lambda a, b: a * np.log(b), lambda a, b: b > 0)


@primitive
class xlogy(Elementwise):
    """y = x₁ log x₂, and 0 wherever x₁ = 0 (as in entropies)."""

    domain, flops = log_of_second, 14
    kinks = (Kink(at=(0.0, 0.0), slopes=(None, None), declared=float("-inf"), note="log 0 = −∞"),)
    emit = "select({0} == 0.0, 0.0, {0} * log({1}))"

    def analytic(self, a: Any, b: Any) -> Any:
        """a log b for b > 0; 0 wherever a is 0 and does not move."""
        return np.where(np.asarray(a) == 0, 0, _complex_xlogy(self, a, b))[()]

    def value(self, a: Any, b: Any) -> Any:
        with np.errstate(divide="ignore", invalid="ignore"):
            return _real_xlogy(a, b)

    def sympy(self, a: Any, b: Any) -> Any:
        return sp.Piecewise((0, sp.Eq(a, 0)), (a * sp.log(b), True))

    def stable(self, a: Any, b: Any) -> Any:
        return forms.xlogy(a, b)

    def partials(self, y: Any, a: Any, b: Any) -> Any:
        return lambda: log(b), lambda: Selected(not_equal(a, 0.0), a / b)
