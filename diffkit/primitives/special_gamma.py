"""The gamma function and its relatives, elementwise.

    Γ′ = Γ ψ,    (log |Γ|)′ = ψ,    ψ⁽ⁿ⁾′ = ψ⁽ⁿ⁺¹⁾,    P(a, x)′ = x^(a−1) e^(−x) / Γ(a).

1/Γ is entire: its slope at 0, −1, −2, … is (−1)ⁿ n!, where Γ and ψ have poles; it is taken by
reflection left of ½.  Reading on: *NIST Digital Library of Mathematical Functions*, §§ 5, 8.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.graph.primitive import Kink, primitive
from diffkit.lazy import mp, sp, special
from diffkit.primitives.arithmetic import equal, less, less_equal, logical_and, logical_or, neg
from diffkit.primitives.complex_forms import complex_gamma, complex_rgamma
from diffkit.primitives.constants import ONE_OVER_PI, PI
from diffkit.primitives.domains import Domain, positive, reals
from diffkit.primitives.piecewise import floor, where
from diffkit.primitives.special import xlogy
from diffkit.primitives.special_base import INF, SpecialFunction, continuation, like, no_slope
from diffkit.primitives.transcendental import cos, exp, sin

__all__ = [
    "beta", "beta_density", "betainc", "betaincc", "betaln", "between", "binom", "digamma",
    "digamma_step", "gamma", "gamma_density", "gammainc", "gammaincc", "gammaln", "loggamma",
    "poch", "polygamma", "positive_last", "rgamma",
]  # fmt: skip


def _off_gamma_poles(*x: Any) -> Any:
    return (np.asarray(x[0]) > 0) | (np.floor(x[0]) != x[0])


off_gamma_poles = Domain("x ≠ 0, −1, −2, …", _off_gamma_poles, (0.2, 4.0))
between = Domain("0 < x < 1", lambda *x: (np.asarray(x[-1]) > 0) & (np.asarray(x[-1]) < 1),
                 (0.05, 0.95))  # fmt: skip
positive_last = Domain("x > 0", lambda *x: np.asarray(x[-1]) >= 0, (0.2, 3.0))


@primitive
class gamma(SpecialFunction):
    """Gamma function, with derivative Γ(x) ψ(x)."""

    domain = off_gamma_poles
    kinks = (Kink(at=(0.0,), slopes=(None, None), declared=-INF, note="a pole"),)
    analytic = continuation(_off_gamma_poles, complex_gamma)

    def sympy(self, x: Any) -> Any:
        return sp.gamma(x)

    def mpmath(self, x: Any) -> Any:
        """mpmath's."""
        return mp.gamma(x)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: y * digamma(x),)


@primitive
class gammaln(SpecialFunction):
    """log |Γ(x)|, with derivative ψ(x)."""

    domain = off_gamma_poles
    kinks = (Kink(at=(0.0,), slopes=(None, None), declared=-INF, note="a pole"),)

    def sympy(self, x: Any) -> Any:
        return sp.log(sp.Abs(sp.gamma(x)))

    def mpmath(self, x: Any) -> Any:
        """The real part of the complex function."""
        return mp.re(mp.loggamma(x))

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: digamma(x),)


@primitive
class loggamma(SpecialFunction):
    """log Γ(x) for x > 0 (NaN below, where it is complex), with derivative ψ(x)."""

    domain = positive
    kinks = (Kink(at=(0.0,), slopes=(None, None), declared=-INF, note="a pole"),)
    analytic = continuation(lambda x: np.asarray(x) > 0)

    def sympy(self, x: Any) -> Any:
        return sp.loggamma(x)

    def mpmath(self, x: Any) -> Any:
        """mpmath's."""
        return mp.loggamma(x)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: digamma(x),)


@primitive
class digamma(SpecialFunction):
    """ψ = Γ′/Γ, with the polygamma function of order 1 as derivative."""

    domain = off_gamma_poles
    kinks = (Kink(at=(0.0,), slopes=(None, None), declared=INF, note="a pole"),)
    analytic = continuation(_off_gamma_poles)

    def sympy(self, x: Any) -> Any:
        return sp.digamma(x)

    def mpmath(self, x: Any) -> Any:
        """mpmath's."""
        return mp.digamma(x)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: polygamma(x, n=1),)


@primitive
class polygamma(SpecialFunction):
    """The n-th derivative of ψ (n ≥ 1), whose derivative is the next one."""

    domain = positive

    def value(self, x: Any, *, n: int) -> Any:
        """SciPy's; it has none left of 0, where the reflection formula is not worth its digits."""
        return like(x, special.polygamma(n, x))

    def sympy(self, x: Any, *, n: int) -> Any:
        return sp.polygamma(n, x)

    def mpmath(self, x: Any, *, n: int) -> Any:
        """mpmath's."""
        return mp.polygamma(n, x)

    def partials(self, y: Any, x: Any, *, n: int) -> Any:
        return (lambda: polygamma(x, n=n + 1),)


# ψ(x) ~ log x − 1/(2x) − Σ B₂ₖ/(2k x²ᵏ); with six terms below 10⁻¹⁶ from x = 16 on (DLMF 5.11.2).
FAR = 16
BERNOULLI_TERMS = (1 / 12, -1 / 120, 1 / 252, -1 / 240, 1 / 132, -691 / 32760)


def _digamma_step(a: Any, b: Any) -> Any:
    """ψ(a + b) − ψ(a) for positive a and a + b, in terms that are multiples of b each."""
    with np.errstate(all="ignore"):
        c = a + b
        near = sum(b / ((a + i) * (c + i)) for i in range(FAR))
        far_a, far_c = a + FAR, c + FAR
        u, v = 1 / (far_a * far_a), 1 / (far_c * far_c)
        powers, tail = np.ones_like(u), 0.0  # uᵏ − vᵏ = (u − v)(uᵏ⁻¹ + … + vᵏ⁻¹)
        for k, term in enumerate(BERNOULLI_TERMS):
            tail = tail + term * powers
            powers = powers * u + v ** (k + 1)
        gap = (b / far_a / far_c) * (1 / far_a + 1 / far_c)
        return near + np.log1p(b / far_a) + b / far_a / far_c / 2 + gap * tail


@primitive
class digamma_step(SpecialFunction):
    """ψ(a + b) − ψ(a), which does not cancel for small b; between two poles, the limit along a."""

    domain, scipy = positive, None

    def value(self, a: Any, b: Any) -> Any:
        """Terms that are multiples of b; SciPy's difference where a or a + b is negative.

        Between two poles of ψ the infinities cancel, and ψ(1 − a − b) − ψ(1 − a) is left.
        """
        a, b = np.asarray(a), np.asarray(b)
        poles = ~_off_gamma_poles(a) & ~_off_gamma_poles(a + b)
        a, b = np.where(poles, 1 - a, a), np.where(poles, -b, b)
        plain = special.psi(a + b) - special.psi(a)
        inside = (a > 0) & (a + b > 0)
        positive_a, positive_b = np.where(inside, a, 1.0), np.where(inside, b, 1.0)
        y = np.where(inside, _digamma_step(positive_a, positive_b), plain)
        return like(np.result_type(a, b).type(0), y)

    def sympy(self, a: Any, b: Any) -> Any:
        return sp.digamma(a + b) - sp.digamma(a)

    def mpmath(self, a: Any, b: Any) -> Any:
        """The difference, with the digits that it loses."""
        if all(x <= 0 and mp.isint(x) for x in (a, a + b)):
            a, b = 1 - a, -b
        with mp.workdps(2 * mp.mp.dps):
            return mp.digamma(a + b) - mp.digamma(a)

    def partials(self, y: Any, a: Any, b: Any) -> Any:
        return lambda: polygamma(a + b, n=1) - polygamma(a, n=1), lambda: polygamma(a + b, n=1)


def _is_pole(x: Any) -> Any:
    """Whether x is 0, −1, −2, …"""
    return logical_and(less_equal(x, 0.0), equal(floor(x), x))


def _rgamma_slope(x: Any) -> Any:
    """(1/Γ)′: −ψ/Γ, and by reflection, Γ(1 − x)(cos πx − ψ(1 − x) sin πx/π), left of ½."""
    left = less(x, 0.5)
    mirrored = 1.0 - where(left, x, 0.25)
    turned = cos(PI * x) - digamma(mirrored) * sin(PI * x) * ONE_OVER_PI
    right = where(left, 1.0, x)
    return where(left, gamma(mirrored) * turned, neg(digamma(right) * rgamma(right)))


@primitive
class rgamma(SpecialFunction):
    """1/Γ(x), entire: 0 at the poles of Γ, with a slope of (−1)ⁿ n! there."""

    domain = reals
    analytic = continuation(form=complex_rgamma)

    def sympy(self, x: Any) -> Any:
        return 1 / sp.gamma(x)

    def mpmath(self, x: Any) -> Any:
        """mpmath's."""
        return mp.rgamma(x)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: _rgamma_slope(x),)


@primitive
class beta(SpecialFunction):
    """B(a, b) = Γ(a)Γ(b)/Γ(a + b)."""

    domain = positive

    def sympy(self, a: Any, b: Any) -> Any:
        return sp.gamma(a) * sp.gamma(b) / sp.gamma(a + b)

    def mpmath(self, a: Any, b: Any) -> Any:
        """mpmath's."""
        return mp.beta(a, b)

    def partials(self, y: Any, a: Any, b: Any) -> Any:
        return (
            lambda: neg(y * digamma_step(a, b)),
            lambda: neg(y * digamma_step(b, a)),
        )


@primitive
class betaln(SpecialFunction):
    """log |B(a, b)|."""

    domain = positive

    def sympy(self, a: Any, b: Any) -> Any:
        return sp.log(sp.Abs(sp.gamma(a) * sp.gamma(b) / sp.gamma(a + b)))

    def mpmath(self, a: Any, b: Any) -> Any:
        """The logarithms of three gamma functions."""
        return mp.re(mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b))

    def partials(self, y: Any, a: Any, b: Any) -> Any:
        return lambda: neg(digamma_step(a, b)), lambda: neg(digamma_step(b, a))


@primitive
class binom(SpecialFunction):
    """The binomial coefficient Γ(n + 1)/(Γ(k + 1) Γ(n − k + 1)) of real numbers.

    Where it is 0, at the poles of Γ, the slope is that of 1/Γ.
    """

    domain = positive

    def sympy(self, n: Any, k: Any) -> Any:
        return sp.gamma(n + 1) / (sp.gamma(k + 1) * sp.gamma(n - k + 1))

    def mpmath(self, n: Any, k: Any) -> Any:
        """mpmath's."""
        return mp.binomial(n, k)

    def partials(self, y: Any, n: Any, k: Any) -> Any:
        rest = n - k + 1.0

        def by_n() -> Any:
            turned = digamma(n + 1.0) * rgamma(rest) + _rgamma_slope(rest)
            zero = gamma(n + 1.0) * rgamma(k + 1.0) * turned
            return where(_is_pole(rest), zero, y * digamma_step(rest, k))

        def by_k() -> Any:
            turned = _rgamma_slope(k + 1.0) * rgamma(rest) - rgamma(k + 1.0) * _rgamma_slope(rest)
            zero = gamma(n + 1.0) * turned
            poles = logical_or(_is_pole(rest), _is_pole(k + 1.0))
            return where(poles, zero, y * digamma_step(k + 1.0, n - 2.0 * k))

        return by_n, by_k


@primitive
class poch(SpecialFunction):
    """The rising factorial Γ(z + m)/Γ(z)."""

    domain = positive

    def sympy(self, z: Any, m: Any) -> Any:
        return sp.gamma(z + m) / sp.gamma(z)

    def mpmath(self, z: Any, m: Any) -> Any:
        """mpmath's."""
        return mp.rf(z, m)

    def partials(self, y: Any, z: Any, m: Any) -> Any:
        def by_z() -> Any:
            zero = gamma(z + m) * (digamma(z + m) * rgamma(z) + _rgamma_slope(z))
            return where(_is_pole(z), zero, y * digamma_step(z, m))

        return by_z, lambda: y * digamma(z + m)


# Incomplete functions ---------------------------------------------------------------------------


def gamma_density(a: Any, x: Any) -> Any:
    """x^(a−1) e^(−x) / Γ(a)."""
    return exp(xlogy(a - 1.0, x) - x - gammaln(a))


@primitive
class gammainc(SpecialFunction):
    """P(a, x), the regularised lower incomplete gamma function, for x ≥ 0."""

    domain = positive_last

    def sympy(self, a: Any, x: Any) -> Any:
        return sp.lowergamma(a, x) / sp.gamma(a)

    def mpmath(self, a: Any, x: Any) -> Any:
        """mpmath's."""
        return mp.gammainc(a, 0, x, regularized=True)

    def partials(self, y: Any, a: Any, x: Any) -> Any:
        return no_slope("gammainc", "a"), lambda: gamma_density(a, x)


@primitive
class gammaincc(SpecialFunction):
    """Q(a, x) = 1 − P(a, x), accurate where it is small."""

    domain = positive_last

    def sympy(self, a: Any, x: Any) -> Any:
        return sp.uppergamma(a, x) / sp.gamma(a)

    def mpmath(self, a: Any, x: Any) -> Any:
        """mpmath's."""
        return mp.gammainc(a, x, mp.inf, regularized=True)

    def partials(self, y: Any, a: Any, x: Any) -> Any:
        return no_slope("gammaincc", "a"), lambda: neg(gamma_density(a, x))


def beta_density(a: Any, b: Any, x: Any) -> Any:
    """x^(a−1) (1 − x)^(b−1) / B(a, b)."""
    return exp(xlogy(a - 1.0, x) + xlogy(b - 1.0, 1.0 - x) - betaln(a, b))


def _mp_betainc(a: Any, b: Any, low: Any, high: Any) -> Any:
    return mp.betainc(a, b, low, high, regularized=True)


@primitive
class betainc(SpecialFunction):
    """I_x(a, b), the regularised incomplete beta function, for 0 ≤ x ≤ 1."""

    domain = between

    def sympy(self, a: Any, b: Any, x: Any) -> Any:
        return sp.betainc_regularized(a, b, 0, x)

    def mpmath(self, a: Any, b: Any, x: Any) -> Any:
        """mpmath's."""
        return _mp_betainc(a, b, 0, x)

    def partials(self, y: Any, a: Any, b: Any, x: Any) -> Any:
        name = "betainc"
        return no_slope(name, "a"), no_slope(name, "b"), lambda: beta_density(a, b, x)


@primitive
class betaincc(SpecialFunction):
    """1 − I_x(a, b), accurate where it is small."""

    domain = between

    def sympy(self, a: Any, b: Any, x: Any) -> Any:
        return sp.betainc_regularized(a, b, x, 1)

    def mpmath(self, a: Any, b: Any, x: Any) -> Any:
        """mpmath's."""
        return _mp_betainc(a, b, x, 1)

    def partials(self, y: Any, a: Any, b: Any, x: Any) -> Any:
        name = "betaincc"
        return no_slope(name, "a"), no_slope(name, "b"), lambda: neg(beta_density(a, b, x))
