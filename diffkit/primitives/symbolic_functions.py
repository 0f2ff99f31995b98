"""Functions for formulas that keep their digits: the symbolic twins of stable primitives.

A formula is evaluated as it is written, and some textbook formulas lose everything:

    eˣ − 1 at x = 10⁻²⁰ is 0,      √(a² + b²) at 10²⁰⁰ is ∞,      log(1 + eˣ) at 800 is ∞.

NumPy has functions for these, diffkit has primitives, and here are the SymPy functions that
stand for them in the symbolic method: each is opaque to SymPy's rearranging, knows its own
derivative (``fdiff``) in a form that is as stable as itself,

    softplus′ = logistic,   logistic′(x) = logistic(x)·logistic(−x),   ∂ lse/∂xᵢ = e^(xᵢ − lse),

and is evaluated by the primitive it came from (``capture/stable_forms.py``).  ``doit()`` and
``rewrite`` give the textbook formula; ``graph.to_sympy()`` and ``diffkit derive`` print that one.

This module imports SymPy, so it is itself imported lazily, as ``diffkit.lazy.forms``.
Reading on: "Writing custom functions" in the SymPy documentation; Blanchard, Higham & Higham
2021, *Accurately computing the log-sum-exp and softmax functions*.
"""

from __future__ import annotations

from typing import Any

import sympy as sp
from mpmath.libmp.libmpf import prec_to_dps

from diffkit.graph.primitive import REGISTRY
from diffkit.primitives.arithmetic import LARGEST_ODD

__all__ = [
    "Stable", "arccos", "arcsin", "arcsinh", "arctan", "arctan2", "arctanh", "cbrt", "direction",
    "expm1", "floor_divide", "hypot", "largest", "log1p", "logistic", "logsumexp", "lorentz",
    "maximum", "minimum", "power", "remainder", "rint", "smallest", "softmax_weight", "softplus",
    "tie_share", "wins", "xlogy",
]  # fmt: skip

# SymPy's classes are made by a metaclass that type checkers do not follow.
_Function: Any = sp.Function


class Stable(_Function):
    """A function that SymPy leaves as it is, with a textbook formula for people.

    A subclass has the name of its primitive, whose ``sympy`` is the textbook formula, or
    overrides ``textbook``.

    >>> x = sp.Symbol("x", real=True)
    >>> sp.diff(softplus(x), x), softplus(x).doit()
    (logistic(x), log(exp(x) + 1))
    """

    is_extended_real = True

    def textbook(self) -> Any:
        """The same function in SymPy's own."""
        primitive: Any = REGISTRY[type(self).__name__]
        return primitive.sympy(*self.args)

    def fdiff(self, argindex: int = 1) -> Any:
        """The derivative by one argument, counted from 1; 0 for a staircase."""
        return sp.S.Zero

    def doit(self, **hints: Any) -> Any:
        """The textbook formula; also of what is inside, unless ``deep=False``."""
        # from the outside in: a softmax weight reads the log-sum-exp inside it
        outer = self.textbook()
        return outer.doit(**hints) if hints.get("deep", True) else outer

    def _eval_rewrite(self, rule: Any, args: Any, **hints: Any) -> Any:
        return self.textbook().rewrite(rule)

    def _eval_evalf(self, prec: int) -> Any:
        # of exact numbers, so that SymPy can see a cancellation coming and take more digits
        exact = self.func(*[_exact(part) for part in self.args])
        found = exact.textbook() if isinstance(exact, Stable) else exact
        return found if found is sp.nan else found.evalf(prec_to_dps(prec))  # NaN has no digits


def _exact(number: Any) -> Any:
    return sp.Rational(number) if number.is_Float else number


# Exponentials and logarithms --------------------------------------------------------------------


class expm1(Stable):
    """eˣ − 1, exact near 0."""

    def fdiff(self, argindex: int = 1) -> Any:
        """eˣ."""
        return sp.exp(self.args[0])


class log1p(Stable):
    """log(1 + x), exact near 0."""

    def fdiff(self, argindex: int = 1) -> Any:
        """1/(1 + x)."""
        return 1 / (1 + self.args[0])


class logistic(Stable):
    """1/(1 + e⁻ˣ) without overflow."""

    is_extended_nonnegative = True

    def fdiff(self, argindex: int = 1) -> Any:
        """σ(x) σ(−x), which keeps its digits where σ(x) is near 1."""
        return logistic(self.args[0]) * logistic(-self.args[0])


class softplus(Stable):
    """log(1 + eˣ) without overflow."""

    is_extended_nonnegative = True

    def fdiff(self, argindex: int = 1) -> Any:
        """The logistic function."""
        return logistic(self.args[0])


class logsumexp(Stable):
    """log Σ e^xᵢ without overflow."""

    @classmethod
    def eval(cls, *x: Any) -> Any:
        """log eˣ is x."""
        return x[0] if len(x) == 1 else None

    def textbook(self) -> Any:
        """log Σ e^xᵢ."""
        return sp.log(sum(map(sp.exp, self.args)))

    def fdiff(self, argindex: int = 1) -> Any:
        """The weight of one term."""
        return softmax_weight(self.args[argindex - 1], self)


class softmax_weight(Stable):
    """e^(x − L), with L the log-sum-exp of x and others: an element of the softmax."""

    nargs = 2
    is_extended_nonnegative = True

    @classmethod
    def eval(cls, x: Any, total: Any) -> Any:
        """All the weight, where x is alone."""
        return sp.S.One if x == total else None

    def textbook(self) -> Any:
        """eˣ / Σ e^xⱼ."""
        x, total = self.args
        if isinstance(total, logsumexp):
            return sp.exp(x) / sum(map(sp.exp, total.args))
        return sp.exp(x - total)

    def fdiff(self, argindex: int = 1) -> Any:
        """± itself."""
        return self if argindex == 1 else -self


class xlogy(Stable):
    """x₁ log x₂, and 0 where x₁ = 0."""

    nargs = 2

    def fdiff(self, argindex: int = 1) -> Any:
        """log x₂, and x₁/x₂ unless x₁ is 0."""
        a, b = self.args
        return sp.log(b) if argindex == 1 else sp.Piecewise((a / b, sp.Ne(a, 0)), (0, True))


class power(Stable):
    """x₁^x₂ where neither is a number; SymPy would write its slope by x₁ as x₂ x₁^x₂ / x₁."""

    nargs = 2

    def fdiff(self, argindex: int = 1) -> Any:
        """The cases of the primitive: negative and zero bases, zero exponents."""
        a, b = self.args
        if argindex == 1:
            even: Any = sp.And(sp.Lt(a, 0), sp.Ge(abs(b), LARGEST_ODD))  # type: ignore[arg-type]
            slopes = (0, sp.Eq(b, 0)), (b * (self / a), even), (b * power(a, b - 1), True)
            return sp.Piecewise(*slopes)
        limit: Any = sp.And(sp.Eq(a, 0), sp.Gt(b, 0))  # type: ignore[arg-type]
        return sp.Piecewise((0, limit), (self * sp.log(a), True))


# Roots and lengths ------------------------------------------------------------------------------


class cbrt(Stable):
    """The real cube root of either sign."""

    def fdiff(self, argindex: int = 1) -> Any:
        """1/(3 ∛x²)."""
        return 1 / (3 * self**2)


class hypot(Stable):
    """√(a² + b²) without overflow; its gradient is declared to be 0 at the origin."""

    nargs = 2
    is_extended_nonnegative = True

    def fdiff(self, argindex: int = 1) -> Any:
        """The cosine or sine of the angle."""
        a, b = self.args
        return direction(a, b) if argindex == 1 else direction(b, a)


class direction(Stable):
    """a/√(a² + b²), and 0 at the origin."""

    nargs = 2

    def textbook(self) -> Any:
        """The quotient, where it has a meaning."""
        length = hypot(*self.args).textbook()
        return _off_origin(self.args[0] / length, length)

    def fdiff(self, argindex: int = 1) -> Any:
        """b²/r³ and −ab/r³, by quotients that stay below 1."""
        a, b = self.args
        moved = direction(b, a) if argindex == 1 else -direction(a, b)
        return _off_origin(moved * direction(b, a) / hypot(a, b), hypot(a, b))


class arctan2(Stable):
    """The angle of the point (b, a); its gradient is declared to be 0 at the origin."""

    nargs = 2

    def fdiff(self, argindex: int = 1) -> Any:
        """(b, −a)/r², divided by r twice."""
        a, b = self.args
        part = direction(b, a) if argindex == 1 else -direction(a, b)
        return _off_origin(part / hypot(a, b), hypot(a, b))


def _off_origin(value: Any, length: Any) -> Any:
    return sp.Piecewise((value, sp.Ne(length, 0)), (0, True))


# Inverse functions ------------------------------------------------------------------------------


class arcsin(Stable):
    """The inverse sine."""

    def fdiff(self, argindex: int = 1) -> Any:
        """1/√((1 − x)(1 + x)), where 1 − x² would cancel."""
        return 1 / sp.sqrt((1 - self.args[0]) * (1 + self.args[0]))


class arccos(Stable):
    """The inverse cosine."""

    def fdiff(self, argindex: int = 1) -> Any:
        """That of the inverse sine, negated."""
        return -1 / sp.sqrt((1 - self.args[0]) * (1 + self.args[0]))


class arctan(Stable):
    """The inverse tangent."""

    def fdiff(self, argindex: int = 1) -> Any:
        """1/(1 + x²)."""
        return lorentz(self.args[0])


class lorentz(Stable):
    """1/(1 + x²), whose x SymPy would take apart: (xy)² is not x² y² where those overflow."""

    is_extended_nonnegative = True

    def textbook(self) -> Any:
        """The quotient."""
        return 1 / (1 + self.args[0] ** 2)

    def fdiff(self, argindex: int = 1) -> Any:
        """−2x/(1 + x²)²."""
        return -2 * self.args[0] * self**2


class arctanh(Stable):
    """The inverse hyperbolic tangent."""

    def fdiff(self, argindex: int = 1) -> Any:
        """1/((1 − x)(1 + x))."""
        return 1 / ((1 - self.args[0]) * (1 + self.args[0]))


class arcsinh(Stable):
    """The inverse hyperbolic sine."""

    def fdiff(self, argindex: int = 1) -> Any:
        """1/√(x² + 1), without overflow."""
        return 1 / hypot(self.args[0], sp.S.One)


class maximum(Stable):
    """The larger of two; nested ones are not flattened, since each tie shares its own slope."""

    nargs = 2

    def fdiff(self, argindex: int = 1) -> Any:
        """1 for the winner, ½ at a tie."""
        a, b = self.args
        return wins(a, b) if argindex == 1 else wins(b, a)


class minimum(Stable):
    """The smaller of two."""

    nargs = 2

    def fdiff(self, argindex: int = 1) -> Any:
        """1 for the winner, ½ at a tie."""
        a, b = self.args
        return wins(b, a) if argindex == 1 else wins(a, b)


class wins(Stable):
    """1 where a > b, ½ where they tie, 0 where a < b, and NaN where one of them is."""

    nargs = 2

    @classmethod
    def eval(cls, a: Any, b: Any) -> Any:
        """Of equal numbers; SymPy asks when it takes a selection apart."""
        if a == b and a.is_Number:
            return sp.nan if a is sp.nan else sp.S.Half
        return None

    def textbook(self) -> Any:
        """A step."""
        a, b = self.args
        return sp.Heaviside(a - b)


class Extreme(Stable):
    """The extreme element of an array; n that tie have 1/n of the slope each."""

    def fdiff(self, argindex: int = 1) -> Any:
        """The share of one element."""
        return tie_share(self.args[argindex - 1], self)


class largest(Extreme):
    """The largest element."""

    def textbook(self) -> Any:
        """SymPy's maximum."""
        return sp.Max(*self.args)


class smallest(Extreme):
    """The smallest element."""

    def textbook(self) -> Any:
        """SymPy's minimum."""
        return sp.Min(*self.args)


class tie_share(Stable):
    """1/n where x is one of n equal extreme elements, 0 where it is none."""

    nargs = 2

    def textbook(self) -> Any:
        """The count of equal elements, written out."""
        x, extreme = self.args
        if not isinstance(extreme, Extreme):
            return sp.Piecewise((1, sp.Eq(x, extreme)), (0, True))
        best = extreme.textbook()
        ties = sum(sp.Piecewise((1, sp.Eq(other, best)), (0, True)) for other in extreme.args)
        return sp.Piecewise((1 / ties, sp.Eq(x, best)), (0, True))


class rint(Stable):
    """The nearest integer."""


class floor_divide(Stable):
    """The floor of the quotient."""

    nargs = 2


class remainder(Stable):
    """a − b⌊a/b⌋, correctly rounded."""

    nargs = 2

    def fdiff(self, argindex: int = 1) -> Any:
        """1, and −⌊a/b⌋."""
        return sp.S.One if argindex == 1 else -floor_divide(*self.args)
