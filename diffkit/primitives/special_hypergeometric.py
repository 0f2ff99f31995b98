"""Hypergeometric functions and elliptic integrals, elementwise, differentiable in their argument.

    M(a, b, x)′ = a/b · M(a + 1, b + 1, x),      F(a, b; c; x)′ = ab/c · F(a + 1, b + 1; c + 1; x),
    K(m) = π/2 · F(½, ½; 1; m),                  E(m) = π/2 · F(−½, ½; 1; m).

The textbook slope of K, (E − (1 − m)K)/(2m(1 − m)), is 0/0 at m = 0; the hypergeometric one is
not.  Reading on: *NIST Digital Library of Mathematical Functions*, chapters 13, 15, 19 and 22.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from diffkit.graph.primitive import Kink, primitive
from diffkit.lazy import mp, sp, special
from diffkit.primitives.arithmetic import neg
from diffkit.primitives.constants import EIGHTH_PI, MINUS_EIGHTH_PI
from diffkit.primitives.domains import Domain
from diffkit.primitives.special_base import INF, SpecialFunction, like, no_slope
from diffkit.primitives.transcendental import sin, sqrt

__all__ = [
    "ellipe", "ellipeinc", "ellipj", "ellipk", "ellipkinc", "ellipkm1", "hyp0f1", "hyp1f1",
    "hyp2f1", "hyperu",
]  # fmt: skip

argument = Domain("x ∈ ℝ", lambda *x: np.isfinite(x[-1]), (-0.9, 0.9))
positive_argument = Domain("x > 0", lambda *x: np.asarray(x[-1]) > 0, (0.2, 3.0))
below_one = Domain("x < 1", lambda *x: np.asarray(x[-1]) < 1, (-0.9, 0.9))
modulus = Domain("m < 1", lambda *x: np.asarray(x[-1]) < 1, (-2.0, 0.9))
away_from_one = Domain("0 < p", lambda *x: np.asarray(x[-1]) > 0, (0.1, 2.0))


def _refused(function: str, *operands: str) -> Any:
    return tuple(no_slope(function, operand) for operand in operands)


@primitive
class hyp0f1(SpecialFunction):
    """₀F₁(; v; x)."""

    domain = argument

    def sympy(self, v: Any, x: Any) -> Any:
        return sp.hyper((), (v,), x)

    def mpmath(self, v: Any, x: Any) -> Any:
        """mpmath's."""
        return mp.hyp0f1(v, x)

    def partials(self, y: Any, v: Any, x: Any) -> Any:
        return *_refused("hyp0f1", "v"), lambda: hyp0f1(v + 1.0, x) / v


@primitive
class hyp1f1(SpecialFunction):
    """Kummer's function M(a, b, x)."""

    domain = argument

    def sympy(self, a: Any, b: Any, x: Any) -> Any:
        return sp.hyper((a,), (b,), x)

    def mpmath(self, a: Any, b: Any, x: Any) -> Any:
        """mpmath's."""
        return mp.hyp1f1(a, b, x)

    def partials(self, y: Any, a: Any, b: Any, x: Any) -> Any:
        return *_refused("hyp1f1", "a", "b"), lambda: a / b * hyp1f1(a + 1.0, b + 1.0, x)


@primitive
class hyperu(SpecialFunction):
    """Tricomi's function U(a, b, x) for x > 0."""

    domain = positive_argument

    def sympy(self, a: Any, b: Any, x: Any) -> Any:
        factor = sp.gamma(a) * sp.gamma(a - b + 1)
        return sp.meijerg(((1 - a,), ()), ((0, 1 - b), ()), x) / factor

    def mpmath(self, a: Any, b: Any, x: Any) -> Any:
        """mpmath's."""
        return mp.hyperu(a, b, x)

    def partials(self, y: Any, a: Any, b: Any, x: Any) -> Any:
        return *_refused("hyperu", "a", "b"), lambda: neg(a * hyperu(a + 1.0, b + 1.0, x))


@primitive
class hyp2f1(SpecialFunction):
    """Gauss's function F(a, b; c; x) for x < 1."""

    domain = below_one

    def value(self, a: Any, b: Any, c: Any, x: Any) -> Any:
        """SciPy's, moved to x/(x − 1) by Pfaff's transformation where x < −1."""
        x = np.asarray(x)
        far = x < -1
        z = np.where(far, x, -1)
        moved = special.hyp2f1(a, c - b, c, z / (z - 1)) * (1 - z) ** -np.asarray(a)
        y = np.where(far, moved, special.hyp2f1(a, b, c, np.where(far, 0, x)))
        return like(np.result_type(a, b, c, x).type(0), y)

    def sympy(self, a: Any, b: Any, c: Any, x: Any) -> Any:
        return sp.hyper((a, b), (c,), x)

    def mpmath(self, a: Any, b: Any, c: Any, x: Any) -> Any:
        """mpmath's."""
        return mp.hyp2f1(a, b, c, x)

    def partials(self, y: Any, a: Any, b: Any, c: Any, x: Any) -> Any:
        def slope() -> Any:
            return a * b / c * hyp2f1(a + 1.0, b + 1.0, c + 1.0, x)

        return *_refused("hyp2f1", "a", "b", "c"), slope


# Elliptic integrals and functions ---------------------------------------------------------------


@primitive
class ellipk(SpecialFunction):
    """K(m), the complete elliptic integral of the first kind; the parameter is m = k²."""

    domain = modulus
    kinks = (Kink(at=(1.0,), slopes=(None, None), declared=INF, note="K(1) = ∞"),)

    def sympy(self, m: Any) -> Any:
        return sp.elliptic_k(m)

    def mpmath(self, m: Any) -> Any:
        """mpmath's."""
        return mp.ellipk(m)

    def partials(self, y: Any, m: Any) -> Any:
        return (lambda: EIGHTH_PI * hyp2f1(0.5, 0.5, 2.0, m) / (1.0 - m),)


@primitive
class ellipkm1(SpecialFunction):
    """K(1 − p), accurate for small p."""

    domain = away_from_one
    kinks = (Kink(at=(0.0,), slopes=(None, None), declared=-INF, note="K(1) = ∞"),)

    def sympy(self, p: Any) -> Any:
        return sp.elliptic_k(1 - p)

    def mpmath(self, p: Any) -> Any:
        """By the arithmetic-geometric mean, which takes 1 − m as it is."""
        return mp.pi / (2 * mp.agm(1, mp.sqrt(p))) if p else mp.inf

    def partials(self, y: Any, p: Any) -> Any:
        return (lambda: MINUS_EIGHTH_PI * hyp2f1(0.5, 0.5, 2.0, 1.0 - p) / p,)


@primitive
class ellipe(SpecialFunction):
    """E(m), the complete elliptic integral of the second kind."""

    domain = modulus
    kinks = (Kink(at=(1.0,), slopes=(None, None), declared=-INF, note="a vertical tangent"),)

    def sympy(self, m: Any) -> Any:
        return sp.elliptic_e(m)

    def mpmath(self, m: Any) -> Any:
        """mpmath's."""
        return mp.ellipe(m)

    def partials(self, y: Any, m: Any) -> Any:
        return (lambda: MINUS_EIGHTH_PI * hyp2f1(0.5, 1.5, 2.0, m),)


def _radicand(phi: Any, m: Any) -> Any:
    return 1.0 - m * sin(phi) * sin(phi)


@primitive
class ellipkinc(SpecialFunction):
    """F(φ | m) = ∫₀^φ dt/√(1 − m sin²t), differentiable in φ."""

    domain = argument

    def sympy(self, phi: Any, m: Any) -> Any:
        return sp.elliptic_f(phi, m)

    def mpmath(self, phi: Any, m: Any) -> Any:
        """mpmath's."""
        return mp.ellipf(phi, m)

    def partials(self, y: Any, phi: Any, m: Any) -> Any:
        return lambda: 1.0 / sqrt(_radicand(phi, m)), no_slope("ellipkinc", "m")


@primitive
class ellipeinc(SpecialFunction):
    """E(φ | m) = ∫₀^φ √(1 − m sin²t) dt, differentiable in φ."""

    domain = argument

    def sympy(self, phi: Any, m: Any) -> Any:
        return sp.elliptic_e(phi, m)

    def mpmath(self, phi: Any, m: Any) -> Any:
        """mpmath's."""
        return mp.ellipe(phi, m)

    def partials(self, y: Any, phi: Any, m: Any) -> Any:
        return lambda: sqrt(_radicand(phi, m)), no_slope("ellipeinc", "m")


def _mp_amplitude(u: Any, m: Any) -> Any:
    turns = mp.floor(u / (2 * mp.ellipk(m)) + mp.mpf(1) / 2)
    return turns * mp.pi + (-1) ** int(turns) * mp.asin(mp.ellipfun("sn", u, m=m))


@cache
def _named(part: int) -> Any:
    """SymPy has no elliptic functions: one that stays as it is, until it is a number."""

    def number(u: Any, m: Any) -> Any:
        u, m = (mp.mpmathify(operand) for operand in (u, m))
        return _mp_elliptic(u, m, part)

    from sympy.utilities.lambdify import implemented_function

    return implemented_function(("sn", "cn", "dn", "am")[part], number)


def _mp_elliptic(u: Any, m: Any, part: int) -> Any:
    return _mp_amplitude(u, m) if part == 3 else mp.ellipfun(("sn", "cn", "dn")[part], u, m=m)


@primitive
class ellipj(SpecialFunction):
    """Jacobi's sn, cn, dn and the amplitude φ, as ``part`` is 0 to 3; differentiable in u."""

    domain = argument

    def value(self, u: Any, m: Any, *, part: int) -> Any:
        """One of the four that SciPy computes together."""
        return special.ellipj(u, m)[part]

    def sympy(self, u: Any, m: Any, *, part: int) -> Any:
        return _named(part)(u, m)

    def mpmath(self, u: Any, m: Any, *, part: int) -> Any:
        """mpmath's."""
        return _mp_elliptic(u, m, part)

    def partials(self, y: Any, u: Any, m: Any, *, part: int) -> Any:
        def of(other: int) -> Any:
            return ellipj(u, m, part=other)

        def slope() -> Any:
            if part == 3:
                return of(2)
            if part == 2:
                return neg(m * of(0) * of(1))
            return of(1) * of(2) if part == 0 else neg(of(0) * of(2))

        return slope, no_slope("ellipj", "m")
