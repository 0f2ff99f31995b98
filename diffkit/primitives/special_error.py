"""The error function's family and the normal distribution, elementwise.

    erfcx x = e^(x²) erfc x,    erfcx′ = 2x erfcx x − 2/√π,
    D(x) = e^(−x²) ∫₀ˣ e^(t²) dt,    D′ = 1 − 2x D,    (log Φ)′ = √(2/π) / erfcx(−x/√2).

Both differences cancel where x is large; from |x| = 16 on the slopes are taken from the
asymptotic series Σ (±1)ⁿ (2n + 1)!! / (2x²)ⁿ instead, whose eleventh term is below 10⁻¹⁶ there.
Reading on: *NIST Digital Library of Mathematical Functions*, 7.10 and 7.12.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.graph.primitive import Kink, primitive
from diffkit.lazy import mp, sp
from diffkit.primitives.arithmetic import greater, neg
from diffkit.primitives.constants import (
    HALF_SQRT_PI,
    MINUS_SQRT_HALF,
    ONE_OVER_SQRT_PI,
    SQRT_2_OVER_PI,
    SQRT_2_PI,
    TWO_OVER_SQRT_PI,
)
from diffkit.primitives.domains import Domain, inside_unit, reals
from diffkit.primitives.piecewise import abs_, where
from diffkit.primitives.special_base import INF, SpecialFunction, continuation, horner
from diffkit.primitives.transcendental import exp

__all__ = ["dawsn", "erfcinv", "erfcx", "erfi", "erfinv", "log_ndtr", "ndtri"]

# Where the series takes over, and its coefficients (2n + 1)!!.
FAR = 16.0
ODD_FACTORIALS = (
    1.0, 3.0, 15.0, 105.0, 945.0, 10395.0, 135135.0, 2027025.0, 34459425.0, 654729075.0,
    13749310575.0,
)  # fmt: skip
ALTERNATING = tuple((-1.0) ** n * c for n, c in enumerate(ODD_FACTORIALS))

zero_to_two = Domain("0 < x < 2", lambda *x: (np.asarray(x[0]) > 0) & (np.asarray(x[0]) < 2),
                     (0.05, 1.95))  # fmt: skip
probabilities = Domain(
    "0 < p < 1", lambda *x: (np.asarray(x[0]) > 0) & (np.asarray(x[0]) < 1), (0.05, 0.95)
)


def _far_slope(x: Any, coefficients: tuple[float, ...]) -> Any:
    """−Σ cₙ uⁿ / x² with u = 1/(2x²)."""
    inverse = 1.0 / x
    square = inverse * inverse
    return neg(square * horner(coefficients, 0.5 * square))


@primitive
class erfcx(SpecialFunction):
    """e^(x²) erfc x, which falls like 1/x where erfc underflows."""

    domain = reals
    analytic = continuation()

    def sympy(self, x: Any) -> Any:
        return sp.exp(x**2) * sp.erfc(x)

    def mpmath(self, x: Any) -> Any:
        """The product, whose exponents have no bound in mpmath."""
        return mp.exp(x * x) * mp.erfc(x)

    def partials(self, y: Any, x: Any) -> Any:
        def slope() -> Any:
            far = greater(x, FAR)
            series = _far_slope(where(far, x, FAR), ALTERNATING) * ONE_OVER_SQRT_PI
            return where(far, series, 2.0 * x * y - TWO_OVER_SQRT_PI)

        return (slope,)


@primitive
class erfi(SpecialFunction):
    """The imaginary error function −i erf(ix), with derivative 2/√π · e^(x²)."""

    domain = reals
    analytic = continuation()

    def sympy(self, x: Any) -> Any:
        return sp.erfi(x)

    def mpmath(self, x: Any) -> Any:
        """mpmath's."""
        return mp.erfi(x)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: TWO_OVER_SQRT_PI * exp(x * x),)


@primitive
class dawsn(SpecialFunction):
    """Dawson's integral e^(−x²) ∫₀ˣ e^(t²) dt, with derivative 1 − 2x D."""

    domain = reals
    analytic = continuation()

    def sympy(self, x: Any) -> Any:
        return sp.sqrt(sp.pi) / 2 * sp.exp(-(x**2)) * sp.erfi(x)

    def mpmath(self, x: Any) -> Any:
        """By the imaginary error function."""
        return mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x)

    def partials(self, y: Any, x: Any) -> Any:
        def slope() -> Any:
            far = greater(abs_(x), FAR)
            series = 0.5 * _far_slope(where(far, x, FAR), ODD_FACTORIALS)
            return where(far, series, 1.0 - 2.0 * x * y)

        return (slope,)


@primitive
class erfinv(SpecialFunction):
    """The inverse of erf, with derivative √π/2 · e^(y²)."""

    domain = inside_unit
    kinks = (
        Kink(at=(-1.0,), slopes=(None, None), declared=INF, note="erf(−∞) = −1"),
        Kink(at=(1.0,), slopes=(None, None), declared=INF, note="erf ∞ = 1"),
    )

    def sympy(self, x: Any) -> Any:
        return sp.erfinv(x)

    def mpmath(self, x: Any) -> Any:
        """mpmath's, which stops at ±1."""
        return mp.sign(x) * mp.inf if abs(x) == 1 else mp.erfinv(x)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: HALF_SQRT_PI * exp(y * y),)


@primitive
class erfcinv(SpecialFunction):
    """The inverse of erfc, with derivative −√π/2 · e^(y²)."""

    domain = zero_to_two
    kinks = (
        Kink(at=(0.0,), slopes=(None, None), declared=-INF, note="erfc ∞ = 0"),
        Kink(at=(2.0,), slopes=(None, None), declared=-INF, note="erfc(−∞) = 2"),
    )

    def sympy(self, x: Any) -> Any:
        return sp.erfinv(1 - x)

    def mpmath(self, x: Any) -> Any:
        """By the inverse of erf, with the digits that 1 − x takes."""
        if not 0 < x < 2:
            return mp.inf if x == 0 else -mp.inf if x == 2 else mp.nan
        with mp.workdps(mp.mp.dps + max(0, -int(mp.log10(x)))):
            return mp.erfinv(1 - x)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: neg(HALF_SQRT_PI * exp(y * y)),)


@primitive
class log_ndtr(SpecialFunction):
    """log Φ(x) of the normal distribution, finite where Φ(x) underflows."""

    domain = reals
    analytic = continuation()

    def sympy(self, x: Any) -> Any:
        return sp.log(sp.erfc(-x / sp.sqrt(2)) / 2)

    def mpmath(self, x: Any) -> Any:
        """The logarithm itself; mpmath's exponents have no bound."""
        return mp.log(mp.erfc(-x / mp.sqrt(2)) / 2)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: SQRT_2_OVER_PI / erfcx(x * MINUS_SQRT_HALF),)


@primitive
class ndtri(SpecialFunction):
    """The quantile Φ⁻¹(p) of the normal distribution, with derivative √(2π) e^(y²/2)."""

    domain = probabilities
    kinks = (
        Kink(at=(0.0,), slopes=(None, None), declared=INF, note="Φ(−∞) = 0"),
        Kink(at=(1.0,), slopes=(None, None), declared=INF, note="Φ(∞) = 1"),
    )

    def sympy(self, p: Any) -> Any:
        return sp.sqrt(2) * sp.erfinv(2 * p - 1)

    def mpmath(self, p: Any) -> Any:
        """By the inverse of erfc, which keeps small p."""
        return -mp.sqrt(2) * erfcinv.mpmath(2 * p)

    def partials(self, y: Any, p: Any) -> Any:
        return (lambda: SQRT_2_PI * exp(0.5 * y * y),)
