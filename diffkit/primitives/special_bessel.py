"""Bessel, Airy and Struve functions, elementwise, differentiable in their argument.

    J_v′ = (J_{v−1} − J_{v+1})/2,    I_v′ = (I_{v−1} + I_{v+1})/2,    K_v′ = −(K_{v−1} + K_{v+1})/2.

The scaled functions e^(−|x|) I_v and e^x K_v fall like 1/√x, and the difference that the product
rule gives loses a digit with every power of ten of x.  From x = 25 on (and v ≤ 4) their slopes
are taken from Kummer's functions,

    e^(−x) I_v(x) = (x/2)^v / Γ(v + 1) · M(v + ½, 2v + 1, −2x),
    e^x K_v(x) = √π (2x)^v U(v + ½, 2v + 1, 2x).

Along the order v there is no closed form: that slope is refused.
Reading on: *NIST Digital Library of Mathematical Functions*, chapters 9 to 11 and 13.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.graph.primitive import primitive
from diffkit.lazy import mp, sp, special
from diffkit.primitives.arithmetic import greater, less_equal, logical_and, power
from diffkit.primitives.constants import ONE_OVER_SQRT_PI, SQRT_PI
from diffkit.primitives.domains import Domain, reals
from diffkit.primitives.piecewise import abs_, sign, where
from diffkit.primitives.special_base import SpecialFunction, continuation, like, no_slope
from diffkit.primitives.special_gamma import rgamma
from diffkit.primitives.special_hypergeometric import hyp1f1, hyperu

__all__ = ["airy", "iv", "ive", "jv", "kv", "kve", "modstruve", "struve", "yv"]

# Where Kummer's functions take over, up to which order, and where only the leading term is left.
FAR, SMALL_ORDER, VERY_FAR = 25.0, 4.0, 1e15
STRUVE_FAR = 5.0
TINY = float(np.finfo(np.float64).tiny)

positive_argument = Domain("x > 0", lambda *x: np.asarray(x[-1]) > 0, (0.2, 3.0))
real_argument = Domain("x ∈ ℝ", lambda *x: np.isfinite(x[-1]), (0.2, 3.0))


def _of_order(v: Any, x: Any, name: str, *special_orders: str) -> Any:
    """SciPy's function of real order, or its more accurate ones of order 0 and 1."""
    if np.ndim(v) == 0 and v in (0, 1) and not np.iscomplexobj(x):
        return getattr(special, special_orders[int(v)])(x)
    return getattr(special, name)(v, x)


@primitive
class jv(SpecialFunction):
    """J_v(x), the Bessel function of the first kind."""

    domain = real_argument

    def value(self, v: Any, x: Any) -> Any:
        return _of_order(v, x, "jv", "j0", "j1")

    def sympy(self, v: Any, x: Any) -> Any:
        return sp.besselj(v, x)

    def mpmath(self, v: Any, x: Any) -> Any:
        """mpmath's."""
        return mp.besselj(v, x)

    def partials(self, y: Any, v: Any, x: Any) -> Any:
        return no_slope("jv", "the order"), lambda: 0.5 * (jv(v - 1.0, x) - jv(v + 1.0, x))


@primitive
class yv(SpecialFunction):
    """Y_v(x), the Bessel function of the second kind, for x > 0."""

    domain = positive_argument

    def value(self, v: Any, x: Any) -> Any:
        return _of_order(v, x, "yv", "y0", "y1")

    def sympy(self, v: Any, x: Any) -> Any:
        return sp.bessely(v, x)

    def mpmath(self, v: Any, x: Any) -> Any:
        """mpmath's."""
        return mp.bessely(v, x) if x > 0 else -mp.inf if x == 0 else mp.nan

    def partials(self, y: Any, v: Any, x: Any) -> Any:
        return no_slope("yv", "the order"), lambda: 0.5 * (yv(v - 1.0, x) - yv(v + 1.0, x))


@primitive
class iv(SpecialFunction):
    """I_v(x), the modified Bessel function of the first kind."""

    domain = real_argument

    def value(self, v: Any, x: Any) -> Any:
        """SciPy's; at subnormal x, where it has NaN, the value at 0, and x/2 for orders ±1."""
        y = _of_order(v, x, "iv", "i0", "i1")
        if np.iscomplexobj(x):
            return y
        tiny = (np.abs(x) < TINY) & (np.asarray(x) != 0) & np.isnan(y)
        if not np.any(tiny):
            return y
        there = np.where(np.abs(v) == 1, np.multiply(0.5, x), special.iv(v, 0.0))
        return like(np.result_type(v, x).type(0), np.where(tiny, there, y))

    def sympy(self, v: Any, x: Any) -> Any:
        return sp.besseli(v, x)

    def mpmath(self, v: Any, x: Any) -> Any:
        """mpmath's."""
        return mp.besseli(v, x)

    def partials(self, y: Any, v: Any, x: Any) -> Any:
        return no_slope("iv", "the order"), lambda: 0.5 * (iv(v - 1.0, x) + iv(v + 1.0, x))


@primitive
class kv(SpecialFunction):
    """K_v(x), the modified Bessel function of the second kind, for x > 0."""

    domain = positive_argument
    analytic = continuation(lambda x: x > 0)

    def value(self, v: Any, x: Any) -> Any:
        return _of_order(v, x, "kv", "k0", "k1")

    def sympy(self, v: Any, x: Any) -> Any:
        return sp.besselk(v, x)

    def mpmath(self, v: Any, x: Any) -> Any:
        """mpmath's."""
        return mp.besselk(v, x) if x > 0 else mp.inf if x == 0 else mp.nan

    def partials(self, y: Any, v: Any, x: Any) -> Any:
        return no_slope("kv", "the order"), lambda: -0.5 * (kv(v - 1.0, x) + kv(v + 1.0, x))


@primitive
class ive(SpecialFunction):
    """e^(−|x|) I_v(x), which does not overflow."""

    domain = real_argument

    def value(self, v: Any, x: Any) -> Any:
        return _of_order(v, x, "ive", "i0e", "i1e")

    def sympy(self, v: Any, x: Any) -> Any:
        return sp.exp(-sp.Abs(x)) * sp.besseli(v, x)

    def mpmath(self, v: Any, x: Any) -> Any:
        """The product, whose exponents have no bound in mpmath."""
        return mp.exp(-abs(x)) * mp.besseli(v, x)

    def partials(self, y: Any, v: Any, x: Any) -> Any:
        def slope() -> Any:
            size = abs_(x)
            far = _is_far(v, size)
            z = where(far, size, FAR)
            order = where(far, v, 0.0)
            part = power(0.5 * z, order) * rgamma(order + 1.0)
            part = part * hyp1f1(order + 1.5, 2.0 * order + 2.0, -2.0 * z) / ive(order, z)
            distant = sign(x) * y * _leading(z, order / z - part)
            near = 0.5 * (ive(v - 1.0, x) + ive(v + 1.0, x)) - sign(x) * y
            return where(far, distant, near)

        return no_slope("ive", "the order"), slope


@primitive
class kve(SpecialFunction):
    """eˣ K_v(x), which does not underflow, for x > 0."""

    domain = positive_argument

    def value(self, v: Any, x: Any) -> Any:
        return _of_order(v, x, "kve", "k0e", "k1e")

    def sympy(self, v: Any, x: Any) -> Any:
        return sp.exp(x) * sp.besselk(v, x)

    def mpmath(self, v: Any, x: Any) -> Any:
        """The product, whose exponents have no bound in mpmath."""
        return mp.exp(x) * mp.besselk(v, x) if x > 0 else mp.inf if x == 0 else mp.nan

    def partials(self, y: Any, v: Any, x: Any) -> Any:
        def slope() -> Any:
            far = _is_far(v, x)
            z = where(far, x, FAR)
            order = abs_(where(far, v, 0.0))
            part = SQRT_PI * power(2.0 * z, order) * (2.0 * order + 1.0)
            part = part * hyperu(order + 1.5, 2.0 * order + 2.0, 2.0 * z) / kve(order, z)
            near = y - 0.5 * (kve(v - 1.0, x) + kve(v + 1.0, x))
            return where(far, y * _leading(z, order / z - part), near)

        return no_slope("kve", "the order"), slope


def _is_far(v: Any, x: Any) -> Any:
    return logical_and(greater(x, FAR), less_equal(abs_(v), SMALL_ORDER))


def _leading(z: Any, rate: Any) -> Any:
    """The logarithmic slope of a scaled function; −1/(2z) where nothing else is left of it."""
    return where(greater(z, VERY_FAR), -0.5 / z, rate)


# Airy and Struve --------------------------------------------------------------------------------


@primitive
class airy(SpecialFunction):
    """Ai, Ai′, Bi or Bi′, as ``part`` is 0 to 3; Ai″ = x Ai and Bi″ = x Bi."""

    domain = reals

    def value(self, x: Any, *, part: int) -> Any:
        """One of the four that SciPy computes together."""
        return special.airy(x)[part]

    def sympy(self, x: Any, *, part: int) -> Any:
        return (sp.airyai, sp.airyaiprime, sp.airybi, sp.airybiprime)[part](x)

    def mpmath(self, x: Any, *, part: int) -> Any:
        """mpmath's."""
        return (mp.airyai, mp.airybi)[part // 2](x, derivative=part % 2)

    def partials(self, y: Any, x: Any, *, part: int) -> Any:
        if part % 2:
            return (lambda: x * airy(x, part=part - 1),)
        return (lambda: airy(x, part=part + 1),)


def _struve_series(v: Any, x: Any, sign_of_argument: int) -> Any:
    half = sp.Rational(1, 2)
    parts = (1,), (3 * half, v + 3 * half), sign_of_argument * x**2 / 4
    return 2 * (x / 2) ** (v + 1) / (sp.sqrt(sp.pi) * sp.gamma(v + 3 * half)) * sp.hyper(*parts)


def _struve_term(v: Any, x: Any) -> Any:
    """(x/2)^v / (√π Γ(v + 3/2))."""
    return power(0.5 * x, v) * rgamma(v + 1.5) * ONE_OVER_SQRT_PI


@primitive
class struve(SpecialFunction):
    """Struve's function H_v(x), for x > 0 (and x ≤ 0 where v is whole)."""

    domain = real_argument

    def sympy(self, v: Any, x: Any) -> Any:
        return _struve_series(v, x, -1)

    def mpmath(self, v: Any, x: Any) -> Any:
        """mpmath's."""
        return mp.struveh(v, x)

    def partials(self, y: Any, v: Any, x: Any) -> Any:
        def slope() -> Any:
            # the terms of the first form grow with x and cancel, the other is 0/0 at 0
            far = greater(abs_(x), STRUVE_FAR)
            z = where(far, x, STRUVE_FAR)
            near = 0.5 * (struve(v - 1.0, x) - struve(v + 1.0, x) + _struve_term(v, x))
            return where(far, struve(v - 1.0, z) - v / z * struve(v, z), near)

        return no_slope("struve", "the order"), slope


@primitive
class modstruve(SpecialFunction):
    """The modified Struve function L_v(x), for x > 0 (and x ≤ 0 where v is whole)."""

    domain = real_argument

    def sympy(self, v: Any, x: Any) -> Any:
        return _struve_series(v, x, 1)

    def mpmath(self, v: Any, x: Any) -> Any:
        """mpmath's."""
        return mp.struvel(v, x)

    def partials(self, y: Any, v: Any, x: Any) -> Any:
        def slope() -> Any:
            return 0.5 * (modstruve(v - 1.0, x) + modstruve(v + 1.0, x) + _struve_term(v, x))

        return no_slope("modstruve", "the order"), slope
