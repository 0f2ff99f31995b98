"""Formulas there and back: assumptions, any order, sizes that explode, pieces and their edges."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import sympy as sp

import diffkit as dk
from diffkit.differentiate.budget import Budget
from diffkit.differentiate.formula_sizes import formula_sizes, graph_tree_operations
from diffkit.differentiate.function import function_of
from diffkit.differentiate.symbolic import Symbolic, derivative_expressions
from diffkit.errors import BudgetError, InputError

x, y = sp.symbols("x y")
p = sp.Symbol("p", positive=True)
n = sp.Symbol("n", integer=True)
r, s = sp.symbols("r s", real=True)


def logistic(steps: int) -> Any:
    """x ↦ lₙ with l₁ = x and lₙ₊₁ = 4 lₙ (1 − lₙ)."""

    def iterate(x: Any) -> Any:
        for _ in range(steps - 1):
            x = 4 * x * (1 - x)
        return x

    return iterate


# There and back -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "expression",
    [
        sp.log(p) + sp.sqrt(p**3),
        sp.exp(-p * r) / (1 + p),
        sp.Abs(r) * sp.sign(s - r),
        (-1) ** n * p,
        sp.Max(r, s) - sp.Min(r, p),
        sp.Piecewise((r**2, r < s), (p, True)),
        sp.besselj(2, p) + sp.gamma(p),
        r * s / (r**2 + 1),
    ],
)
def test_symbols_keep_what_they_are_assumed_to_be(expression: sp.Expr) -> None:
    back = dk.from_sympy(expression).to_sympy()
    assert back == expression
    kept = {str(symbol): symbol.assumptions0 for symbol in back.free_symbols}
    assert kept == {str(symbol): symbol.assumptions0 for symbol in expression.free_symbols}


def test_whole_numbers_are_computed_with_as_they_are() -> None:
    graph = dk.from_sympy(sp.cos(sp.pi * n) * 3)
    assert str(graph.to_sympy()) == "3*(-1)**n"
    assert [float(graph(n=float(k))) for k in (0, 1, 2, 7)] == [3, -3, 3, -3]


def test_assumptions_may_be_given_when_a_graph_becomes_a_formula() -> None:
    graph = dk.parse("sqrt(x**2) + log(x*y)")
    assert graph.to_sympy({"x": sp.Symbol("x", positive=True)}).has(sp.sqrt) is False
    assert graph.to_sympy().has(sp.sqrt(x**2))
    assert graph.to_sympy([p, "b"]).free_symbols == {p, sp.Symbol("b")}
    with pytest.raises(InputError, match="no input 'z'"):
        graph.to_sympy({"z": p})


def test_the_elements_of_an_array_take_its_assumptions() -> None:
    graph = dk.trace(lambda v: np.sum(np.sqrt(v * v)), np.ones(2))
    assert str(graph.to_sympy([sp.Symbol("v", positive=True)])) == "v0 + v1"
    assert str(graph.to_sympy()) == "sqrt(v0**2) + sqrt(v1**2)"


def test_a_derivative_goes_round_and_has_the_same_value() -> None:
    expression = sp.exp(-(p**2)) * sp.sin(r * p) / (1 + r**2)
    graph = dk.from_sympy(expression)
    slopes = dk.grad(graph)(p=0.7, r=1.3)
    for symbol in (p, r):
        formula = sp.diff(graph.to_sympy(), symbol)
        again = dk.from_sympy(formula)(p=0.7, r=1.3)
        assert float(again) == pytest.approx(float(slopes[symbol.name]), rel=1e-14)


# Any order ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1, 2, 7, 20])
def test_derivatives_of_any_order(order: int) -> None:
    hermite = derivative_expressions(dk.parse("exp(-x**2)"), "x", order)["x"]
    expected = (-1) ** order * sp.hermite(order, x) * sp.exp(-(x**2))
    assert sp.expand(hermite - expected) == 0
    sine = derivative_expressions(dk.parse("sin(2*x)"), "x", order)["x"]
    assert sine == sp.diff(sp.sin(2 * x), x, order)


def test_a_high_order_of_a_polynomial_ends() -> None:
    graph = dk.parse("x**60 + x")
    assert derivative_expressions(graph, "x", 60) == {"x": math.factorial(60)}
    assert derivative_expressions(graph, "x", 61) == {"x": 0}


def test_an_order_that_swells_gives_up() -> None:
    graph = dk.parse("exp(sin(x)*cos(x**2))/(1 + x**2)")
    with pytest.raises(BudgetError, match="gave up"):
        derivative_expressions(graph, "x", 12, budget=Budget(operations=2_000, seconds=30.0))


# Sizes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [2, 5, 20, 60, 200])
def test_the_tree_of_a_graph_is_counted_and_not_built(steps: int) -> None:
    """A step is two products and a difference, and uses its operand twice: T = 3 (2ⁿ⁻¹ − 1)."""
    graph = dk.trace(logistic(steps), 0.2)
    assert graph_tree_operations(graph) == 3 * (2 ** (steps - 1) - 1)
    assert graph.operations()["total"] == 3 * (steps - 1)


def test_the_formula_of_sixty_steps_has_its_exact_size() -> None:
    """SymPy writes 16x(1 − x)(…) for two steps: 5·2ⁿ⁻² − 2, checked where it can be walked."""
    for steps in (5, 8):
        formula = dk.trace(logistic(steps), 0.2).to_sympy()
        assert sp.count_ops(formula) == 5 * 2 ** (steps - 2) - 2 == formula_sizes(formula)["tree"]
    sizes = formula_sizes(dk.trace(logistic(60), 0.2), seconds=0.2)
    assert sizes["tree"] == 5 * 2**58 - 2
    assert sizes["cse"] is None
    assert (sizes["shared"] or 0) < 5_000


# Pieces and kinks ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "point", "slope"),
    [
        ("where(x < 1, x**2, 2*x - 1)", 1.0, 2.0),
        ("where(x >= 0, x, -x)", 0.0, 1.0),
        ("max(x, x**2, 0)", 0.0, 0.25),  # ties share: ½ of x against 0, of that ½ against x²
        ("abs(x)*x", 0.0, 0.0),
        ("relu(x) - relu(-x)", 0.0, 0.0),
        ("max(x, 0) - max(-x, 0)", 0.0, 1.0),
        ("where(x == 3, 9, x*x)", 3.0, 0.0),
    ],
)
def test_formulas_of_pieces_have_the_declared_derivative(
    text: str, point: float, slope: float
) -> None:
    graph = dk.parse(text)
    bound = function_of(graph).bind((point,), {})
    formula = Symbolic().jacobian(bound, bound.leaves, [0])
    assert float(formula.blocks[0][0]) == float(dk.grad(graph)(x=point)["x"])
    assert float(formula.blocks[0][0]) == pytest.approx(slope)


def test_the_formula_of_pieces_is_pieces() -> None:
    graph = dk.parse("where(x < 0, -x, x**3)")
    formula = derivative_expressions(graph)["x"]
    assert formula == sp.Piecewise((-1, x < 0), (3 * x**2, True))
    assert dk.from_sympy(formula).to_sympy() == formula
