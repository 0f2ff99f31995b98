"""Logits, entropies, power transformations and other relatives of exp and log, elementwise.

    logit′ = 1/(x(1 − x)),     KL(x, y) = x log(x/y) − x + y,     boxcox(x, λ) = (x^λ − 1)/λ.

Quotients that are 0/0 at the origin are integrals without a hole there, and so are all of their
derivatives:

    (eˣ − 1)/x = ∫₀¹ e^(xt) dt,       log(1 + x)/x = ∫₀¹ dt/(1 + xt).

Reading on: Box & Cox 1964, *An analysis of transformations*; Higham 2002, section 1.14.1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.graph.primitive import Kink, primitive
from diffkit.lazy import mp, sp, special
from diffkit.primitives.arithmetic import (
    equal,
    less,
    logical_and,
    logical_or,
    neg,
    not_equal,
    power,
)
from diffkit.primitives.complex_forms import continued, from_parts
from diffkit.primitives.constants import DEGREE, LN10
from diffkit.primitives.domains import Domain, above_minus_one, positive, reals
from diffkit.primitives.piecewise import abs_, where
from diffkit.primitives.special_base import INF, SpecialFunction, like
from diffkit.primitives.special_error import probabilities
from diffkit.primitives.transcendental import log, log1p, sin

__all__ = [
    "boxcox", "boxcox1p", "cosdg", "cosm1", "exp10", "exprel", "kl_div", "log1prel", "logit",
    "rel_entr", "sindg",
]  # fmt: skip

FAR = 1000.0  # where Kummer's function has overflowed, or has its limit; SciPy's may never end
both_positive = Domain(
    "x₁ ≥ 0 and x₂ > 0",
    lambda *x: (np.asarray(x[0]) >= 0) & (np.asarray(x[1]) > 0),
    (0.2, 3.0),
)


def everywhere(x: Any) -> Any:
    """The whole real line."""
    return np.isfinite(x)


@primitive
class logit(SpecialFunction):
    """log(p/(1 − p)), the inverse of the logistic function."""

    domain = probabilities
    kinks = (
        Kink(at=(0.0,), slopes=(None, None), declared=INF, note="log 0 = −∞"),
        Kink(at=(1.0,), slopes=(None, None), declared=INF, note="log ∞ = ∞"),
    )
    analytic = continued(
        lambda p: special.logit(p),
        lambda z: np.log(z) - np.log(1 - z),
        lambda p: (p > 0) & (p < 1),
    )

    def sympy(self, p: Any) -> Any:
        return sp.log(p / (1 - p))

    def mpmath(self, p: Any) -> Any:
        """−∞ and ∞ at the ends, NaN outside."""
        return -mp.inf if p == 0 else mp.inf if p == 1 else mp.log(p / (1 - p))

    def partials(self, y: Any, p: Any) -> Any:
        return (lambda: 1.0 / (p * (1.0 - p)),)


# Entropies --------------------------------------------------------------------------------------


def _log_ratio(x: Any, y: Any) -> Any:
    """log(x/y), with all its digits where x is near y; −∞ where x is 0, whatever y is."""
    zero, lost = equal(x, 0.0), _both_zero(x, y)
    apart = x - y
    near = logical_and(less(abs_(apart), 0.5 * y), not_equal(x, 0.0))
    close = log1p(where(near, apart / y, 0.0))
    far = log(where(logical_or(near, zero), 1.0, x / y))
    # the difference has the right slope by y, which −∞ alone would not have
    edge = where(lost, -INF, log(x) - log(where(lost, 1.0, y)))
    return where(zero, edge, where(near, close, far))


def _both_zero(x: Any, y: Any) -> Any:
    return logical_and(equal(x, 0.0), equal(y, 0.0))


@primitive
class rel_entr(SpecialFunction):
    """x log(x/y), 0 where x = 0 ≤ y, and ∞ outside the domain."""

    domain = both_positive
    kinks = (Kink(at=(0.0, 1.0), slopes=(None, None), declared=-INF, note="log 0 = −∞"),)

    def sympy(self, x: Any, y: Any) -> Any:
        inside: Any = sp.And(sp.Gt(x, 0), sp.Gt(y, 0))  # type: ignore[arg-type]
        return sp.Piecewise((x * sp.log(x / y), inside), (0, sp.Eq(x, 0)), (sp.oo, True))

    def mpmath(self, x: Any, y: Any) -> Any:
        """The cases of SciPy."""
        if x > 0 and y > 0:
            return x * mp.log(x / y)
        return mp.mpf(0) if x == 0 and y >= 0 else mp.inf if x == x and y == y else mp.nan

    def partials(self, value: Any, x: Any, y: Any) -> Any:
        return (
            lambda: _log_ratio(x, y) + 1.0,
            lambda: where(_both_zero(x, y), 0.0, neg(x / y)),
        )


@primitive
class kl_div(SpecialFunction):
    """x log(x/y) − x + y, y where x = 0 ≤ y, and ∞ outside the domain."""

    domain = both_positive
    kinks = (Kink(at=(0.0, 1.0), slopes=(None, None), declared=-INF, note="log 0 = −∞"),)

    def sympy(self, x: Any, y: Any) -> Any:
        inside: Any = sp.And(sp.Gt(x, 0), sp.Gt(y, 0))  # type: ignore[arg-type]
        return sp.Piecewise((x * sp.log(x / y) - x + y, inside), (y, sp.Eq(x, 0)), (sp.oo, True))

    def mpmath(self, x: Any, y: Any) -> Any:
        """The cases of SciPy."""
        if x > 0 and y > 0:
            return x * mp.log(x / y) - x + y
        return y if x == 0 and y >= 0 else mp.inf if x == x and y == y else mp.nan

    def partials(self, value: Any, x: Any, y: Any) -> Any:
        return (
            lambda: _log_ratio(x, y),
            lambda: where(_both_zero(x, y), 1.0, (y - x) / y),
        )


# Power transformations --------------------------------------------------------------------------


def _mp_boxcox(log_x: Any, lmbda: Any) -> Any:
    if lmbda == 0:
        return log_x
    if log_x == -mp.inf:
        return -1 / lmbda if lmbda > 0 else -mp.inf
    return mp.expm1(lmbda * log_x) / lmbda


def _boxcox_by_lmbda(log_x: Any, lmbda: Any) -> Any:
    """∂/∂λ (e^(λL) − 1)/λ = L² ∫₀¹ t e^(λLt) dt, and 1/λ² where x = 0."""
    zero = equal(log_x, -INF)
    finite = where(zero, 0.0, log_x)
    inside = finite * finite * exprel(lmbda * finite, k=1)
    return where(zero, 1.0 / (lmbda * lmbda), inside)


@primitive
class boxcox(SpecialFunction):
    """(x^λ − 1)/λ, and log x for λ = 0."""

    domain = positive

    def sympy(self, x: Any, lmbda: Any) -> Any:
        return sp.Piecewise((sp.log(x), sp.Eq(lmbda, 0)), ((x**lmbda - 1) / lmbda, True))

    def mpmath(self, x: Any, lmbda: Any) -> Any:
        """Without the cancellation of x^λ − 1."""
        return _mp_boxcox(-mp.inf if x == 0 else mp.log(x), lmbda)

    def partials(self, y: Any, x: Any, lmbda: Any) -> Any:
        return lambda: power(x, lmbda - 1.0), lambda: _boxcox_by_lmbda(log(x), lmbda)


@primitive
class boxcox1p(SpecialFunction):
    """((1 + x)^λ − 1)/λ, and log(1 + x) for λ = 0, accurate for small x."""

    domain = above_minus_one

    def sympy(self, x: Any, lmbda: Any) -> Any:
        powers = ((1 + x) ** lmbda - 1) / lmbda
        return sp.Piecewise((sp.log(1 + x), sp.Eq(lmbda, 0)), (powers, True))

    def mpmath(self, x: Any, lmbda: Any) -> Any:
        """Without the cancellations."""
        return _mp_boxcox(-mp.inf if x == -1 else mp.log1p(x), lmbda)

    def partials(self, y: Any, x: Any, lmbda: Any) -> Any:
        return lambda: power(1.0 + x, lmbda - 1.0), lambda: _boxcox_by_lmbda(log1p(x), lmbda)


# Quotients without a hole -----------------------------------------------------------------------


@primitive
class exprel(SpecialFunction):
    """∫₀¹ tᵏ e^(xt) dt: (eˣ − 1)/x for k = 0, whose derivatives are the following k."""

    domain = reals

    def value(self, x: Any, *, k: int = 0) -> Any:
        """SciPy's, and Kummer's function; far on the left k!/|x|ᵏ⁺¹."""
        if not k:
            return special.exprel(x)
        x = np.asarray(x)
        near = special.hyp1f1(k + 1, k + 2, np.clip(x, -FAR, FAR)) / (k + 1)
        size = np.maximum(np.abs(x), 1)
        left = np.prod([j / size for j in range(1, k + 1)], axis=0) / size
        return like(x, np.where(x < -FAR, left, near))

    def sympy(self, x: Any, *, k: int = 0) -> Any:
        if k:
            return sp.hyper((k + 1,), (k + 2,), x) / (k + 1)
        return sp.Piecewise(((sp.exp(x) - 1) / x, sp.Ne(x, 0)), (1, True))

    def mpmath(self, x: Any, *, k: int = 0) -> Any:
        """Kummer's function."""
        if mp.isinf(x):
            return mp.mpf(0) if x < 0 else mp.inf
        return mp.hyp1f1(k + 1, k + 2, x) / (k + 1)

    def partials(self, y: Any, x: Any, *, k: int = 0) -> Any:
        return (lambda: exprel(x, k=k + 1),)


@primitive
class log1prel(SpecialFunction):
    """∫₀¹ tᵏ/(1 + xt)^(k+1) dt: log(1 + x)/x for k = 0, with derivative −(k + 1) times the next."""

    domain, scipy = above_minus_one, None

    def value(self, x: Any, *, k: int = 0) -> Any:
        """Gauss's function with its argument moved to x/(1 + x) (Pfaff) where x is large."""
        x = np.asarray(x)
        far = x > 1
        z = np.where(far, x, 1)
        moved = special.hyp2f1(k + 1, 1, k + 2, z / (1 + z)) * (1 + z) ** -(k + 1.0)
        near = special.hyp2f1(k + 1, k + 1, k + 2, -np.where(far, 0, x))
        return like(x, np.where(far, moved, near) / (k + 1))

    def sympy(self, x: Any, *, k: int = 0) -> Any:
        if k:
            return sp.hyper((k + 1, k + 1), (k + 2,), -x) / (k + 1)
        return sp.Piecewise((sp.log(1 + x) / x, sp.Ne(x, 0)), (1, True))

    def mpmath(self, x: Any, *, k: int = 0) -> Any:
        """Gauss's function."""
        return mp.hyp2f1(k + 1, k + 1, k + 2, -x) / (k + 1)

    def partials(self, y: Any, x: Any, *, k: int = 0) -> Any:
        return (lambda: -(k + 1.0) * log1prel(x, k=k + 1),)


@primitive
class cosm1(SpecialFunction):
    """cos x − 1, accurate near 0."""

    domain = reals
    analytic = continued(lambda x: special.cosm1(x), lambda z: -2 * np.sin(z / 2) ** 2, everywhere)

    def sympy(self, x: Any) -> Any:
        return sp.cos(x) - 1

    def mpmath(self, x: Any) -> Any:
        """Without the cancellation."""
        return -2 * mp.sin(x / 2) ** 2

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: neg(sin(x)),)


@primitive
class exp10(SpecialFunction):
    """10ˣ, with derivative y ln 10."""

    domain = reals
    analytic = continued(lambda x: special.exp10(x), lambda z: np.exp(float(LN10) * z), everywhere)

    def sympy(self, x: Any) -> Any:
        return sp.Integer(10) ** x

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: y * LN10,)


def _complex_sindg(z: Any) -> Any:
    """sin(x + iy) = sin x cosh y + i cos x sinh y."""
    x, y = np.real(z), float(DEGREE) * np.imag(z)
    return from_parts(special.sindg(x) * np.cosh(y), special.cosdg(x) * np.sinh(y))


def _complex_cosdg(z: Any) -> Any:
    """cos(x + iy) = cos x cosh y − i sin x sinh y."""
    x, y = np.real(z), float(DEGREE) * np.imag(z)
    return from_parts(special.cosdg(x) * np.cosh(y), -special.sindg(x) * np.sinh(y))


@primitive
class sindg(SpecialFunction):
    """The sine of an angle in degrees, exact at multiples of 30."""

    domain = reals
    analytic = continued(lambda x: special.sindg(x), lambda z: _complex_sindg(z), everywhere)

    def sympy(self, x: Any) -> Any:
        return sp.sin(sp.pi * x / 180)

    def mpmath(self, x: Any) -> Any:
        """By half-turns."""
        return mp.sinpi(x / 180)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: DEGREE * cosdg(x),)


@primitive
class cosdg(SpecialFunction):
    """The cosine of an angle in degrees, exact at multiples of 60."""

    domain = reals
    analytic = continued(lambda x: special.cosdg(x), lambda z: _complex_cosdg(z), everywhere)

    def sympy(self, x: Any) -> Any:
        return sp.cos(sp.pi * x / 180)

    def mpmath(self, x: Any) -> Any:
        """By half-turns."""
        return mp.cospi(x / 180)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: neg(DEGREE * sindg(x)),)
