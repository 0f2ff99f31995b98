"""Exponential, trigonometric and Fresnel integrals, zeta and the inverse of w e^w, elementwise.

    Ei′ = eˣ/x,    Si′ = sin x/x,    S′ = sin(πx²/2),    ζ(s, q)′ = −s ζ(s + 1, q) (by q),
    W e^W = x:  W′ = e^(−W)/(1 + W).

sin x/x and sinh x/x are polynomials near 0, where the quotient would be 0/0 and its derivatives
would cancel.  Reading on: *NIST Digital Library of Mathematical Functions*, chapters 4, 6, 7, 25;
Corless et al. 1996, *On the Lambert W function*.
"""

from __future__ import annotations

from math import factorial
from typing import Any

import numpy as np

from diffkit.graph.primitive import Kink, primitive
from diffkit.lazy import mp, sp, special
from diffkit.primitives.arithmetic import equal, less, neg
from diffkit.primitives.complex_forms import continued
from diffkit.primitives.constants import HALF_PI
from diffkit.primitives.domains import Domain, nonzero, positive, reals
from diffkit.primitives.piecewise import abs_, where
from diffkit.primitives.special_base import (
    INF,
    SpecialFunction,
    continuation,
    horner,
    like,
    no_slope,
)
from diffkit.primitives.special_logarithmic import log1prel
from diffkit.primitives.transcendental import cos, cosh, exp, sin, sinh

__all__ = [
    "exp1", "expi", "expn", "fresnel", "lambertw", "shichi", "sici", "spence", "wrightomega",
    "zeta",
]  # fmt: skip

# sin x/x and sinh x/x as polynomials in x² for |x| < 1: the next term is below 10⁻¹⁷.
NEAR, TERMS = 1.0, 10
SINH_TERMS = tuple(1.0 / factorial(2 * n + 1) for n in range(TERMS))
SIN_TERMS = tuple((-1.0) ** n * c for n, c in enumerate(SINH_TERMS))
BRANCH_POINT = -1.0 / np.e
# SciPy's complex code loses the angle πx²/2 beyond.
MOST_FRESNEL = 1e3

positive_last = Domain("x > 0", lambda *x: np.asarray(x[-1]) > 0, (0.2, 3.0))
above_branch_point = Domain("x ≥ −1/e", lambda *x: np.asarray(x[0]) >= BRANCH_POINT, (-0.35, -0.02))


def _quotient(function: Any, terms: tuple[float, ...], x: Any) -> Any:
    """sin x/x or sinh x/x, which is 1 at 0."""
    near = less(abs_(x), NEAR)
    inside = where(near, x, 0.0)
    outside = where(near, 1.0, x)
    return where(near, horner(terms, inside * inside), function(outside) / outside)


@primitive
class expi(SpecialFunction):
    """Ei(x), the principal value of ∫ eᵗ/t dt up to x."""

    domain = nonzero
    kinks = (Kink(at=(0.0,), slopes=(None, None), declared=INF, note="a pole"),)

    def sympy(self, x: Any) -> Any:
        return sp.Ei(x)

    def mpmath(self, x: Any) -> Any:
        """mpmath's."""
        return mp.ei(x)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: exp(x) / x,)


@primitive
class exp1(SpecialFunction):
    """E₁(x) = ∫ₓ^∞ e^(−t)/t dt for x > 0."""

    domain = positive
    kinks = (Kink(at=(0.0,), slopes=(None, None), declared=-INF, note="a pole"),)
    analytic = continuation(lambda x: x > 0)

    def sympy(self, x: Any) -> Any:
        return sp.expint(1, x)

    def mpmath(self, x: Any) -> Any:
        """mpmath's."""
        return mp.e1(x) if x else mp.inf

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: neg(exp(neg(x)) / x),)


@primitive
class expn(SpecialFunction):
    """E_n(x) = ∫₁^∞ e^(−xt)/tⁿ dt for whole n ≥ 0; the slope is −E_{n−1}."""

    domain = positive_last

    def sympy(self, n: Any, x: Any) -> Any:
        return sp.expint(n, x)

    def mpmath(self, n: Any, x: Any) -> Any:
        """mpmath's."""
        return mp.expint(n, x)

    def partials(self, y: Any, n: Any, x: Any) -> Any:
        def slope() -> Any:
            first = equal(n, 0.0)
            before = exp(neg(x)) * (1.0 + x) / (x * x)  # E₋₁
            return neg(where(first, before, expn(where(first, 1.0, n - 1.0), x)))

        return no_slope("expn", "n"), slope


@primitive
class sici(SpecialFunction):
    """The sine and cosine integrals, as ``part`` is 0 or 1."""

    domain = nonzero

    def value(self, x: Any, *, part: int) -> Any:
        """One of the two that SciPy computes together."""
        return special.sici(x)[part]

    def sympy(self, x: Any, *, part: int) -> Any:
        return (sp.Si, lambda z: sp.Ci(sp.Abs(z)))[part](x)

    def mpmath(self, x: Any, *, part: int) -> Any:
        """mpmath's; SciPy's Ci is NaN left of 0."""
        return mp.si(x) if part == 0 else mp.ci(x)

    def partials(self, y: Any, x: Any, *, part: int) -> Any:
        return ((lambda: cos(x) / x) if part else (lambda: _quotient(sin, SIN_TERMS, x)),)


@primitive
class shichi(SpecialFunction):
    """The hyperbolic sine and cosine integrals, as ``part`` is 0 or 1."""

    domain = nonzero

    def value(self, x: Any, *, part: int) -> Any:
        """One of the two that SciPy computes together."""
        return special.shichi(x)[part]

    def sympy(self, x: Any, *, part: int) -> Any:
        return (sp.Shi, lambda z: sp.Chi(sp.Abs(z)))[part](x)

    def mpmath(self, x: Any, *, part: int) -> Any:
        """mpmath's."""
        return mp.shi(x) if part == 0 else mp.chi(abs(x))

    def partials(self, y: Any, x: Any, *, part: int) -> Any:
        return ((lambda: cosh(x) / x) if part else (lambda: _quotient(sinh, SINH_TERMS, x)),)


@primitive
class fresnel(SpecialFunction):
    """Fresnel's integrals S and C, as ``part`` is 0 or 1, of sin(πt²/2) and cos(πt²/2)."""

    domain = reals
    analytic = continuation(lambda x: np.abs(x) < MOST_FRESNEL)

    def value(self, x: Any, *, part: int) -> Any:
        """One of the two that SciPy computes together."""
        return special.fresnel(x)[part]

    def sympy(self, x: Any, *, part: int) -> Any:
        return (sp.fresnels, sp.fresnelc)[part](x)

    def mpmath(self, x: Any, *, part: int) -> Any:
        """mpmath's."""
        return (mp.fresnels, mp.fresnelc)[part](x)

    def partials(self, y: Any, x: Any, *, part: int) -> Any:
        return (lambda: (sin, cos)[part](HALF_PI * (x * x)),)


@primitive
class spence(SpecialFunction):
    """∫₁ᶻ log t/(1 − t) dt for z > 0, the dilogarithm of 1 − z."""

    domain = positive
    kinks = (Kink(at=(0.0,), slopes=(None, None), declared=-INF, note="log 0 = −∞"),)
    analytic = continuation(lambda x: x > 0)

    def sympy(self, z: Any) -> Any:
        return sp.polylog(2, 1 - z)

    def mpmath(self, z: Any) -> Any:
        """The dilogarithm."""
        return mp.re(mp.polylog(2, 1 - z)) if z >= 0 else mp.nan

    def partials(self, y: Any, z: Any) -> Any:
        return (lambda: neg(log1prel(z - 1.0)),)


@primitive
class zeta(SpecialFunction):
    """Hurwitz's ζ(s, q) = Σ 1/(n + q)ˢ for s > 1, differentiable in q."""

    domain = positive_last

    def sympy(self, s: Any, q: Any) -> Any:
        return sp.zeta(s, q)

    def mpmath(self, s: Any, q: Any) -> Any:
        """mpmath's."""
        return mp.zeta(s, q)

    def partials(self, y: Any, s: Any, q: Any) -> Any:
        return no_slope("zeta", "the exponent"), lambda: neg(s * zeta(s + 1.0, q))


@primitive
class lambertw(SpecialFunction):
    """The real solution of w e^w = x, on branch 0 (w ≥ −1) or −1 (w ≤ −1); NaN elsewhere."""

    domain, scipy = above_branch_point, None  # SciPy's is complex

    def value(self, x: Any, *, branch: int = 0) -> Any:
        """SciPy's complex function, where it is real."""
        w: Any = np.asarray(special.lambertw(x, branch))
        return like(x, np.where(w.imag == 0, w.real, np.nan))

    def sympy(self, x: Any, *, branch: int = 0) -> Any:
        return sp.LambertW(x, branch)

    def mpmath(self, x: Any, *, branch: int = 0) -> Any:
        """mpmath's."""
        return mp.lambertw(x, branch)

    def partials(self, y: Any, x: Any, *, branch: int = 0) -> Any:
        return (lambda: exp(neg(y)) / (1.0 + y),)


@primitive
class wrightomega(SpecialFunction):
    """The solution of w + log w = x, with derivative w/(1 + w)."""

    domain = reals
    # left of −50, where it is eˣ to the last digit, SciPy's complex form loses its way
    analytic = continued(
        lambda x: special.wrightomega(x),
        lambda z: np.where(np.real(z) < -50, np.exp(z), special.wrightomega(z)),
        lambda x: np.isfinite(x),
    )

    def sympy(self, x: Any) -> Any:
        return sp.LambertW(sp.exp(x))

    def mpmath(self, x: Any) -> Any:
        """By Lambert's function."""
        return mp.lambertw(mp.exp(x))

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: y / (1.0 + y),)
