"""Arithmetic: the four operations, powers and comparisons, elementwise with broadcasting.

The derivative of each is written once, as partial derivatives; forward and reverse mode follow:

    y = x₁·x₂:   ẏ = x₂·ẋ₁ + x₁·ẋ₂,      x̄₁ = x₂·ȳ,   x̄₂ = x₁·ȳ.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.errors import BudgetError, DtypeError
from diffkit.graph.avals import Aval, aval
from diffkit.graph.primitive import Elementwise, Kink, Linear, primitive
from diffkit.lazy import forms, mp, sp
from diffkit.primitives.complex_forms import (
    MULTIPLIED_OUT,
    complex_integer_power,
    complex_power,
    continued,
)
from diffkit.primitives.domains import Domain, nonzero, positive, reals

__all__ = [
    "add",
    "alias",
    "cast",
    "div",
    "equal",
    "greater",
    "greater_equal",
    "integer_power",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "mul",
    "neg",
    "not_equal",
    "power",
    "sub",
]


# Bits of a constant power that a formula may write out; Python prints up to 14,000 of them.
MOST_FACTOR_BITS = 10_000
# From here on every double is even, and an exponent less one is rounded.
LARGEST_ODD = 2**53


@primitive
class add(Elementwise):
    """Sum, y = x₁ + x₂."""

    value, domain, kinks, flops = np.add, reals, (), 1
    floating, analytic, emit = False, True, "{0} + {1}"

    def sympy(self, a: Any, b: Any) -> Any:
        return a + b

    def partials(self, y: Any, a: Any, b: Any) -> Any:
        return lambda: 1, lambda: 1


@primitive
class sub(Elementwise):
    """Difference, y = x₁ − x₂."""

    value, domain, kinks, flops = np.subtract, reals, (), 1
    floating, analytic, emit, takes_bool = False, True, "{0} - {1}", False

    def sympy(self, a: Any, b: Any) -> Any:
        return a - b

    def partials(self, y: Any, a: Any, b: Any) -> Any:
        return lambda: 1, lambda: -1


@primitive
class neg(Elementwise):
    """Negation, y = −x."""

    value, domain, kinks, flops = np.negative, reals, (), 1
    floating, analytic, emit, takes_bool = False, True, "-{0}", False

    def sympy(self, x: Any) -> Any:
        return -x

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: -1,)


@primitive
class mul(Elementwise):
    """Product, y = x₁ x₂."""

    value, domain, kinks, flops = np.multiply, reals, (), 1
    floating, analytic, emit = False, True, "{0} * {1}"

    def sympy(self, a: Any, b: Any) -> Any:
        return a * b

    def partials(self, y: Any, a: Any, b: Any) -> Any:
        return lambda: b, lambda: a


@primitive
class div(Elementwise):
    """Quotient, y = x₁ / x₂; ∂y/∂x₂ = −y / x₂ re-uses the output."""

    value, domain, kinks, flops = np.true_divide, nonzero, (), 4
    analytic, emit = True, "{0} / {1}"

    def sympy(self, a: Any, b: Any) -> Any:
        return a / b

    def mpmath(self, a: Any, b: Any) -> Any:
        """The quotient with IEEE 754's answers for a zero divisor."""
        if b == 0:
            return mp.nan if a == 0 or mp.isnan(a) else (mp.inf if a > 0 else -mp.inf)
        return a / b

    def partials(self, y: Any, a: Any, b: Any) -> Any:
        return lambda: div(1.0, b), lambda: neg(div(y, b))


def _formula_power(base: Any, exponent: Any) -> Any:
    """base**exponent, unless SymPy would write out the power of a constant factor for minutes."""
    exponent = sp.sympify(exponent)
    for factor in sp.Mul.make_args(sp.sympify(base)) if exponent.is_Rational else ():
        number, power = factor.as_base_exp()
        if number.is_Rational and power.is_Rational:
            digits = max(number.p.bit_length(), number.q.bit_length()) - 1
            if abs(digits * power * exponent) > MOST_FACTOR_BITS:
                raise BudgetError(
                    "a constant factor of the formula has a power too long to write out",
                    hint='divide the variable by that factor, or use method="reverse".',
                )
    return base**exponent


@primitive
class integer_power(Elementwise):
    """Power with a constant integer exponent, y = xⁿ; right for negative x too."""

    domain, kinks, flops = Domain("x ∈ ℝ (x ≠ 0 for n < 0)", nonzero.contains, (0.4, 2.0)), (), 4
    emit = "{0} ** {n}"

    def value(self, x: Any, n: int) -> Any:
        return np.square(x) if n == 2 else np.power(x, float(n) if n < 0 else n)

    def analytic(self, x: Any, n: int) -> Any:
        """The power of a complex number, right over negative real parts too."""
        large = abs(n) >= MULTIPLIED_OUT
        return complex_integer_power(x, float(n)) if large else self.value(x, n)

    def sympy(self, x: Any, n: int) -> Any:
        return _formula_power(x, n)

    def partials(self, y: Any, x: Any, n: int) -> Any:
        if n == 0:
            return (lambda: 0,)
        if n == 1:
            return (lambda: 1,)
        return (lambda: n * x if n == 2 else mul(float(n), integer_power(x, n=n - 1)),)


@primitive
class power(Elementwise):
    """Power, y = x₁^x₂; at x₁ = 0 with x₂ > 0 the derivative by x₂ is its limit, 0.

    The derivative by x₁ is x₂ x₁^(x₂ − 1), but x₂ y/x₁ for a negative base with |x₂| ≥ 2⁵³, where
    the rounded x₂ − 1 is even and gives the wrong sign.
    """

    value, domain, flops = np.power, positive, 16
    kinks = (Kink(at=(0.0, 0.5), slopes=(None, float("inf")), declared=float("inf"),
                  note="x^p with 0 < p < 1 has a vertical tangent at 0"),)  # fmt: skip
    emit = "{0} ** {1}"
    # a negative base has a real power only where the exponent is an integer; 0 to b > 1 is flat
    analytic = continued(
        np.power,
        complex_power,
        lambda a, b: (a > 0) | (b == np.floor(b)) | ((a == 0) & (b > 1)),
    )

    def sympy(self, a: Any, b: Any) -> Any:
        return _formula_power(a, b)

    def stable(self, a: Any, b: Any) -> Any:
        base, exponent = sp.sympify(a), sp.sympify(b)
        if base.is_zero and not exponent.is_number:  # SymPy's slope is 0ᵇ log 0, which is NaN
            return sp.Piecewise((0, sp.Gt(exponent, 0)), (1, sp.Eq(exponent, 0)), (sp.oo, True))
        plain = base.is_number or (exponent.is_number and abs(exponent) < LARGEST_ODD)
        return _formula_power(a, b) if plain else forms.power(a, b)

    def partials(self, y: Any, a: Any, b: Any) -> Any:
        from diffkit.primitives.piecewise import where
        from diffkit.primitives.transcendental import log

        def by_base() -> Any:
            lowered = where(equal(b, 0.0), 0.0, sub(b, 1.0))  # x⁰ is flat at 0 too
            even = logical_and(less(a, 0.0), equal(lowered, b))  # and b − 1 would be odd
            return where(even, mul(b, div(y, a)), mul(b, power(a, lowered)))

        def by_exponent() -> Any:
            flat = logical_and(equal(a, 0.0), greater(b, 0.0))
            return mul(y, log(where(flat, 1.0, a)))

        return by_base, by_exponent


@primitive
class alias(Elementwise):
    """Identity that is never shared: marks the variable a nested derivative is taken by."""

    domain, kinks, flops = reals, (), 0
    floating, analytic, emit = False, True, "{0}"

    def value(self, x: Any) -> Any:
        return x

    def sympy(self, x: Any) -> Any:
        return x

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: 1,)


@primitive
class cast(Linear):
    """Conversion to another dtype; its transpose converts back."""

    linear_in, joint, axis_params = (0,), True, ()

    def value(self, x: Any, dtype: str) -> Any:
        kind = np.asarray(x).dtype.kind
        if kind == "c" and np.dtype(dtype).kind in "biu":  # constant around the real part
            return np.asarray(np.real(x)).astype(dtype).astype(complex)[()]
        return x if kind in "Oc" else np.asarray(x).astype(dtype)[()]

    def shape(self, x: Aval, dtype: str) -> Any:
        if np.dtype(dtype) == np.float16:  # Note [Half floats] in graph/avals.py
            raise DtypeError(
                f"{x} would become float16, which is too coarse for derivatives",
                hint="write np.float32, or convert the result outside of the function.",
            )
        return aval(x.shape, dtype)

    def transpose(self, ct: Any, x: Any, dtype: str) -> Any:
        return (lambda: ct.astype(x.dtype),)


class Comparison(Elementwise):
    """A comparison: boolean, so no derivative passes through it."""

    domain, kinks, flops = reals, (), 1
    floating, result = False, "bool"

    def analytic(self, *x: Any) -> Any:
        """Complex operands are compared by their real parts."""
        return self.value(*map(np.real, x))

    def stable(self: Any, *x: Any) -> Any:
        """SymPy's relation; x < ∞ is asked of the step between both, as SymPy calls it certain."""
        sides = [sp.sympify(part) for part in x]
        if not {sp.oo, -sp.oo} & set(sides) or all(side.is_number for side in sides):
            return self.sympy(*x)
        # |u| as a length: SymPy loses the selection by sign that |u| becomes
        sides = [side.replace(sp.Abs, lambda u: forms.hypot(u, sp.S.Zero)) for side in sides]
        return self.sympy(forms.wins(*sides), sp.S.Half)

    def mpmath(self, *x: Any) -> bool:
        """The comparison itself, as a Python bool."""
        return bool(self.value(*x))

    def partials(self, y: Any, *x: Any) -> Any:
        return (None,) * len(x)


@primitive
class less(Comparison):
    """Comparison x₁ < x₂."""

    value, emit = np.less, "{0} < {1}"

    def sympy(self, a: Any, b: Any) -> Any:
        return sp.Lt(a, b)


@primitive
class less_equal(Comparison):
    """Comparison x₁ ≤ x₂."""

    value, emit = np.less_equal, "{0} <= {1}"

    def sympy(self, a: Any, b: Any) -> Any:
        return sp.Le(a, b)


@primitive
class greater(Comparison):
    """Comparison x₁ > x₂."""

    value, emit = np.greater, "{0} > {1}"

    def sympy(self, a: Any, b: Any) -> Any:
        return sp.Gt(a, b)


@primitive
class greater_equal(Comparison):
    """Comparison x₁ ≥ x₂."""

    value, emit = np.greater_equal, "{0} >= {1}"

    def sympy(self, a: Any, b: Any) -> Any:
        return sp.Ge(a, b)


def _is_nan(x: Any) -> Any:
    """Whether a formula is NaN, of which SymPy knows nothing: then it does not tie with itself."""
    x = sp.sympify(x)
    return sp.sympify(x is sp.nan) if x.is_number else sp.Ne(forms.wins(x, x), sp.S.Half)


@primitive
class equal(Comparison):
    """Comparison x₁ = x₂."""

    value, emit = np.equal, "{0} == {1}"

    def sympy(self, a: Any, b: Any) -> Any:
        return sp.Eq(a, b)

    def stable(self, a: Any, b: Any) -> Any:
        """x = x asks whether x is a number."""
        return sp.Not(_is_nan(a)) if a == b else super().stable(a, b)


@primitive
class not_equal(Comparison):
    """Comparison x₁ ≠ x₂."""

    value, emit = np.not_equal, "{0} != {1}"

    def sympy(self, a: Any, b: Any) -> Any:
        return sp.Ne(a, b)

    def stable(self, a: Any, b: Any) -> Any:
        """x ≠ x asks whether x is NaN."""
        return _is_nan(a) if a == b else super().stable(a, b)


@primitive
class logical_and(Comparison):
    """Conjunction of two conditions."""

    value, emit = np.logical_and, "({0}) & ({1})"

    def sympy(self, a: Any, b: Any) -> Any:
        return sp.And(a, b)


@primitive
class logical_or(Comparison):
    """Disjunction of two conditions."""

    value, emit = np.logical_or, "({0}) | ({1})"

    def sympy(self, a: Any, b: Any) -> Any:
        return sp.Or(a, b)


@primitive
class logical_not(Comparison):
    """Negation of a condition."""

    value, emit = np.logical_not, "not_({0})"

    def sympy(self, a: Any) -> Any:
        return sp.Not(a)
