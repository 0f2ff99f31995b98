"""Formulas with NaN or infinite constants, and long products: the right number or a refusal."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import diffkit as dk
from diffkit.differentiate.budget import Budget
from diffkit.differentiate.formula_calculus import LONG_PRODUCT, differentiated
from diffkit.differentiate.symbolic import derivative_expressions
from diffkit.errors import UnsupportedError

NAN, INF = np.nan, np.inf


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x * NAN, lambda x: x + NAN, lambda x: x**NAN,
        lambda x: x + INF, lambda x: x - INF, lambda x: np.exp(-INF * x),
        lambda x: np.sum(x * np.array([1.0, NAN])),
    ],
)  # fmt: skip
def test_a_formula_that_would_lose_its_variable_is_refused(f):
    """SymPy takes x + ∞ for ∞, whose derivative is 0, and cannot compare NaN at all."""
    with pytest.raises(UnsupportedError, match="no formula to differentiate") as caught:
        dk.grad(f, method="symbolic")(1.5)
    assert caught.value.hint == 'use method="reverse".'
    report = dk.compare(f, 1.5, methods=["symbolic", "reverse"])
    assert "no formula to differentiate" in str(report["symbolic"].refused)


def test_a_comparison_with_nan_is_refused_too():
    with pytest.raises(UnsupportedError, match=r"NaN|nan") as caught:
        dk.grad(lambda x: np.maximum(x, NAN), method="symbolic")(1.5)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (lambda x: np.where(x > 0, x * x, NAN), 3.0),
        (lambda x: np.where(np.isnan(x), NAN, x * x), 3.0),
        (lambda x: np.minimum(x * x, INF), 3.0),
        (lambda x: np.clip(x * x, -INF, 9.0), 3.0),
        (lambda x: np.where(x > 0, x * x, INF) * 2.0, 6.0),
    ],
)
def test_constants_that_are_only_selected_or_compared_are_fine(f, slope):
    assert dk.grad(f, method="symbolic")(1.5) == slope


def test_a_division_by_zero_is_said_as_such():
    with pytest.raises(UnsupportedError, match="divides by zero"):
        derivative_expressions(dk.parse("x/(y - y)"))


@pytest.mark.parametrize("length", [LONG_PRODUCT - 1, LONG_PRODUCT, 3 * LONG_PRODUCT])
def test_the_product_rule_is_sympys(length):
    x = sp.symbols(f"x:{length}", real=True)
    for formula in (
        sp.Mul(*x),
        sp.Mul(*x, sp.sin(x[0]), sp.exp(x[1]) + x[0]),
        sp.Mul(*x) + sp.Mul(*x[1:]) * sp.cos(x[0]) + x[0] ** 2,
        sp.sin(sp.Mul(*x)),
    ):
        for symbol in x[:2]:
            assert sp.expand(differentiated(formula, symbol) - sp.diff(formula, symbol)) == 0


def test_a_product_of_many_numbers_stays_far_below_the_budget():
    """Each of 120 derivatives of a product takes a few thousand steps and not n² of them."""
    product = dk.trace(np.prod, np.linspace(1.0, 1.1, 120))
    found = derivative_expressions(product, budget=Budget(seconds=5.0))
    assert len(found) == 120
    assert all(len(formula.args) == 119 for formula in found.values())
