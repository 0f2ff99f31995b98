"""The table of remedies: formulas that lose digits or overflow, and what to write instead.

Every row is an identity of real numbers, so that it may be tried anywhere; whether it gains
digits at a point is measured there (``diagnose_trials.py``).  Rows come before more general ones.

Sources: Higham 2002, *Accuracy and stability of numerical algorithms*, sections 1.7–1.14; Kahan,
*Mathematics written in sand* (1983); Goldberg 1991, section 1.4; Hamming 1987, *Numerical methods
for scientists and engineers*, chapter 3; Blanchard, Higham & Higham 2021; the benchmarks of FPBench
(Damouche et al. 2016).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.comparison.remedies_arrays import ARRAY_REMEDIES
from diffkit.comparison.remedy_patterns import Change, Place, Remedy, formula_rule, matches
from diffkit.comparison.remedy_words import filled_text

__all__ = ["REMEDIES"]

# Name, the formula to look for, and the one to compute instead.
FORMULAS = (
    # logarithms and exponentials
    ("logaddexp", "log(exp(x) + exp(y))", "logaddexp(x, y)"),
    ("softplus", "log(1 + exp(x))", "logaddexp(0, x)"),
    ("softplus", "log1p(exp(x))", "logaddexp(0, x)"),
    ("log of sigmoid", "log(1/(1 + exp(-x)))", "-logaddexp(0, -x)"),
    ("log of sigmoid", "log(logistic(x))", "-logaddexp(0, -x)"),
    ("log of sigmoid", "log(1 - 1/(1 + exp(-x)))", "-logaddexp(0, x)"),
    ("log of sigmoid", "log(1 - logistic(x))", "-logaddexp(0, x)"),
    ("log of exp", "log(exp(x))", "x"),
    ("log of expm1", "log(exp(x) - 1)", "x + log(-expm1(-x))"),
    ("log1mexp", "log(1 - exp(x))", "log(-expm1(x))"),
    ("arctanh", "log((1 + x)/(1 - x))", "2*arctanh(x)"),
    ("arctanh", "log(1 + x) - log(1 - x)", "2*arctanh(x)"),
    ("arcsinh", "log(x + sqrt(x**2 + 1))", "arcsinh(x)"),
    ("arccosh", "log(x + sqrt(x**2 - 1))", "arccosh(x)"),
    ("log1p", "log(1 + x)", "log1p(x)"),
    ("log1p", "log(1 - x)", "log1p(-x)"),
    ("log of a quotient", "log(x + 1) - log(x)", "log1p(1/x)"),
    ("log of a quotient", "log(x) - log(y)", "log1p((x - y)/y)"),
    ("log of a quotient", "log(x/y)", "log1p((x - y)/y)"),
    ("log of a product", "log(x*y)", "log(x) + log(y)"),
    ("xlogy", "x*log(y)", "xlogy(x, y)"),
    ("expm1", "exp(x) - 1", "expm1(x)"),
    ("expm1", "1 - exp(x)", "-expm1(x)"),
    ("sinh", "exp(x) - exp(-x)", "2*sinh(x)"),
    ("tanh", "(exp(x) - exp(-x))/(exp(x) + exp(-x))", "tanh(x)"),
    ("tanh", "sinh(x)/cosh(x)", "tanh(x)"),
    ("exp of a difference", "exp(x) - exp(y)", "exp(y)*expm1(x - y)"),
    ("exp of a sum", "exp(x)*exp(y)", "exp(x + y)"),
    ("exp of a sum", "exp(x)/exp(y)", "exp(x - y)"),
    ("sigmoid", "1 - 1/(1 + exp(-x))", "sigmoid(-x)"),
    ("sigmoid", "1 - logistic(x)", "sigmoid(-x)"),
    ("sigmoid", "1/(1 + exp(-x))", "sigmoid(x)"),
    ("sigmoid", "1/(1 + exp(x))", "sigmoid(-x)"),
    ("sigmoid", "exp(x)/(1 + exp(x))", "sigmoid(x)"),
    ("sech", "1 - tanh(x)**2", "1/cosh(x)**2"),
    ("tanh near its limit", "1 - tanh(x)", "2*sigmoid(-2*x)"),
    ("tanh by sigmoid", "tanh(x)", "2*sigmoid(2*x) - 1"),
    ("erfc", "1 - erf(x)", "erfc(x)"),
    # powers
    ("compound interest", "(1 + x)**y - 1", "expm1(y*log1p(x))"),
    ("compound interest", "((1 + x)**y - 1)/x", "expm1(y*log1p(x))/x"),
    ("compound interest", "power(1 + x, y)", "exp(y*log1p(x))"),
    # trigonometry
    ("half angle", "(1 - cos(x))/sin(x)", "tan(x/2)"),
    ("half angle", "1 - cos(x)", "2*sin(x/2)**2"),
    ("half angle", "cos(x) - 1", "-2*sin(x/2)**2"),
    ("half angle", "1 - cos(x)**2", "sin(x)**2"),
    ("sums to products", "cos(x) - cos(y)", "-2*sin((x + y)/2)*sin((x - y)/2)"),
    ("sums to products", "sin(x) - sin(y)", "2*cos((x + y)/2)*sin((x - y)/2)"),
    ("sums to products", "sin(x + y) - sin(x)", "2*cos(x + y/2)*sin(y/2)"),
    ("sums to products", "cos(x + y) - cos(x)", "-2*sin(x + y/2)*sin(y/2)"),
    ("sums to products", "tan(x) - sin(x)", "tan(x)*2*sin(x/2)**2"),
    ("arc of a difference", "arctan(x + 1) - arctan(x)", "arctan2(1, 1 + x*(x + 1))"),
    ("arc of a difference", "arctan(x) - arctan(y)", "arctan2(x - y, 1 + x*y)"),
    ("arcsin", "arccos(1 - x)", "2*arcsin(sqrt(x/2))"),
    # differences of roots and quotients
    ("conjugate", "sqrt(x + y) - sqrt(x)", "y/(sqrt(x + y) + sqrt(x))"),
    ("conjugate", "sqrt(x + y) - sqrt(x - y)", "2*y/(sqrt(x + y) + sqrt(x - y))"),
    ("conjugate", "sqrt(x) - sqrt(y)", "(x - y)/(sqrt(x) + sqrt(y))"),
    ("conjugate", "1/sqrt(x) - 1/sqrt(x + 1)", "1/(sqrt(x)*sqrt(x + 1)*(sqrt(x) + sqrt(x + 1)))"),
    ("conjugate", "sqrt(1 + x) - 1", "x/(sqrt(1 + x) + 1)"),
    ("conjugate", "1 - sqrt(1 - x)", "x/(1 + sqrt(1 - x))"),
    ("conjugate", "1 - sqrt(1 + x)", "-x/(1 + sqrt(1 + x))"),
    ("conjugate", "sqrt(x**2 + y) - x", "y/(sqrt(x**2 + y) + x)"),
    ("conjugate", "x - sqrt(x**2 + y)", "-y/(x + sqrt(x**2 + y))"),
    ("conjugate", "x - sqrt(x**2 - y)", "y/(x + sqrt(x**2 - y))"),
    ("conjugate", "sqrt(x**2 - y) - x", "-y/(sqrt(x**2 - y) + x)"),
    ("conjugate", "(-b + sqrt(b**2 - 4*a*c))/(2*a)", "-2*c/(b + sqrt(b**2 - 4*a*c))"),
    ("conjugate", "(-b - sqrt(b**2 - 4*a*c))/(2*a)", "2*c/(sqrt(b**2 - 4*a*c) - b)"),
    ("conjugate", "-x + sqrt(x**2 - y)", "-y/(x + sqrt(x**2 - y))"),
    ("conjugate", "-x - sqrt(x**2 - y)", "y/(sqrt(x**2 - y) - x)"),
    ("conjugate", "-x + sqrt(x**2 + y)", "y/(x + sqrt(x**2 + y))"),
    ("common denominator", "1/(x + 1) - 2/x + 1/(x - 1)", "2/(x*(x - 1)*(x + 1))"),
    ("common denominator", "1/(x + 1) - 1/x", "-1/(x*(x + 1))"),
    ("common denominator", "1/x - 1/(x + 1)", "1/(x*(x + 1))"),
    ("common denominator", "1/x - 1/y", "(y - x)/(x*y)"),
    ("common denominator", "x/(x + 1) - (x + 1)/(x - 1)", "-(3*x + 1)/((x + 1)*(x - 1))"),
    ("cube roots", "cbrt(x + 1) - cbrt(x)",
     "1/(cbrt(x + 1)**2 + cbrt(x + 1)*cbrt(x) + cbrt(x)**2)"),
    # products
    ("difference of squares", "(x + y)**2 - x**2", "y*(2*x + y)"),
    ("difference of squares", "x**2 - y**2", "(x - y)*(x + y)"),
    ("difference of squares", "1 - x**2", "(1 - x)*(1 + x)"),
    ("sum of the small first", "(x + y) - x", "y"),
    ("sum of the small first", "(x + y) - y", "x"),
    ("hypot", "sqrt(x**2 + y**2)", "hypot(x, y)"),
    ("absolute value", "sqrt(x**2)", "abs(x)"),
    ("Kahan's triangle", "sqrt((a + b + c)/2*((a + b + c)/2 - a)*((a + b + c)/2 - b)"
     "*((a + b + c)/2 - c))", "sqrt((a + (b + c))*(c - (a - b))*(c + (a - b))*(a + (b - c)))/4"),
)  # fmt: skip


def _built(before: str, after: str, build: Any) -> Any:
    """A rule whose new formula is made by NumPy's functions, for words that text has not."""

    def rule(place: Place) -> Change | None:
        bound = matches(before, place.arena, place.node)
        if bound is None:
            return None
        covered: Any = bound.pop("")
        node = build(*(place.tracer(n) for n in bound.values())).node
        text = filled_text(after, {name: place.text(n) for name, n in bound.items()})
        return Change(node, text, frozenset(covered))

    return rule


def _sinc(x: Any) -> Any:
    return np.sinc(x / np.pi)


def _sine_excess(x: Any) -> Any:
    """x − sin x by its series (to 1e-17 below 1/2), as Horner's scheme in x²."""
    s = x * x
    series = 1 / 6 - s * (1 / 120 - s * (1 / 5040 - s * (1 / 362880 - s / 39916800)))
    return np.where(np.abs(x) < 0.5, x * s * series, x - np.sin(x))


BUILT = (
    ("sinc", "sin(x)/x", "sinc(x/pi)", _sinc),
    ("sinc", "(1 - cos(x))/x**2", "sinc(x/2/pi)**2/2", lambda x: 0.5 * _sinc(x / 2) ** 2),
    ("exprel", "(exp(x) - 1)/x", "exprel(x)", lambda x: _special("exprel")(x)),
    ("exprel", "expm1(x)/x", "exprel(x)", lambda x: _special("exprel")(x)),
    ("series", "x - sin(x)", "x**3*(1/6 - x**2*(1/120 - x**2*(1/5040 - …)))", _sine_excess),
    ("series", "sin(x) - x", "-x**3*(1/6 - x**2*(1/120 - x**2*(1/5040 - …)))",
     lambda x: -_sine_excess(x)),
)  # fmt: skip


def _special(name: str) -> Any:
    import scipy.special

    return getattr(scipy.special, name)


REMEDIES: tuple[Remedy, ...] = (
    *(Remedy(name, rule) for name, rule in ARRAY_REMEDIES),
    *(Remedy(name, _built(before, after, build)) for name, before, after, build in BUILT),
    *(Remedy(name, formula_rule(before, after)) for name, before, after in FORMULAS),
)
