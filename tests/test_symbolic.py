"""Formulas: to SymPy, their sizes, and the symbolic method with its budget."""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
import pytest
import sympy as sp

from diffkit.capture.capturing import trace
from diffkit.capture.parsing import parse
from diffkit.differentiate.budget import Budget
from diffkit.differentiate.formula_calculus import FORMS
from diffkit.differentiate.formula_sizes import formula_sizes, graph_tree_operations
from diffkit.differentiate.formulas import graph_to_latex, graph_to_sympy, replaced
from diffkit.differentiate.function import function_of
from diffkit.differentiate.method import JacobianResult
from diffkit.differentiate.reverse import Reverse
from diffkit.differentiate.symbolic import Symbolic, derivative_expressions
from diffkit.errors import (
    BudgetError,
    DomainWarning,
    DtypeError,
    InputError,
    ShapeError,
    UnsupportedError,
)

x, y = sp.symbols("x y")

# EVIDENCE: Baydin et al. 2018, expression swell of the logistic map, l₁ = x.
LOGISTIC = {2: (2, 2), 3: (21, 12), 4: (82, 27), 5: (264, 45), 6: (768, 67), 7: (2096, 93),
            8: (5472, 123)}  # fmt: skip


def jacobian(f: Any, *args: Any, wrt: Any = None, **options: Any) -> JacobianResult:
    """The symbolic Jacobian of a function or graph."""
    bound = function_of(f).bind(args, {})
    places = range(len(bound.leaves)) if wrt is None else wrt
    return Symbolic(**options).jacobian(bound, bound.leaves, places)


def logistic_map(n: int) -> Any:
    """x ↦ lₙ with lₙ₊₁ = 4 lₙ (1 − lₙ)."""

    def iterate(x: Any) -> Any:
        for _ in range(n - 1):
            x = 4 * x * (1 - x)
        return x

    return iterate


# Formulas -----------------------------------------------------------------------------------------


def test_formula_of_text() -> None:
    assert graph_to_sympy(parse("log(x)/y + pi*e**x")) == sp.log(x) / y + sp.pi * sp.exp(x)
    assert parse("x**2/3").to_sympy() == x**2 / 3


def test_formula_of_arrays_has_a_symbol_per_element() -> None:
    graph = trace(lambda W, v: W @ v, np.ones((2, 2)), np.ones(2))
    formula = graph.to_sympy()
    assert formula.shape == (2,)
    assert str(formula[1]) == "W_1_0*v0 + W_1_1*v1"
    assert str(graph.to_sympy(names=["A", "b"])[0]) == "A_0_0*b0 + A_0_1*b1"
    assert graph_to_latex(graph).startswith(r"\left[\begin{matrix}W_{0 0} v_{0}")


def test_several_outputs_give_a_list() -> None:
    graph = trace(lambda x, y: (x * y, x + y), 1.0, 2.0)
    assert graph.to_sympy() == [x * y, x + y]
    assert graph_to_latex(graph) == "x y, x + y"


def test_names_that_collide_are_refused() -> None:
    graph = trace(lambda x, x0: x.sum() * x0, np.ones(2), 1.0)
    with pytest.raises(InputError, match="share the symbol x0"):
        graph.to_sympy()
    assert graph.to_sympy(names=["a", sp.Symbol("b")]) is not None
    with pytest.raises(InputError, match="2 inputs, but 1 names"):
        graph.to_sympy(names=["a"])


def test_formulas_that_are_too_large_are_refused() -> None:
    graph = trace(lambda x: np.sum(np.sin(x)), np.ones(30_000))
    for convert in (graph_to_sympy, graph_to_latex):
        with pytest.raises(BudgetError, match="operations"):
            convert(graph)
    swollen = trace(logistic_map(20), 0.2)
    with pytest.raises(BudgetError, match="printed formula"):
        graph_to_latex(swollen)


def test_replaced_visits_shared_parts_once() -> None:
    f = sp.Function("f")
    formula, expected = x, y
    for _ in range(60):
        formula, expected = f(formula, formula), f(expected, expected)
    assert replaced(formula, {x: y}) == expected


# Sizes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", LOGISTIC)
def test_expression_swell_of_the_logistic_map(n: int) -> None:
    formula = logistic_map(n)(x)
    derivative = sp.diff(formula, x)
    sizes = formula_sizes(derivative)
    assert (sizes["tree"], sizes["cse"]) == LOGISTIC[n]
    assert sizes["tree"] == sp.count_ops(derivative)
    result = jacobian(logistic_map(n), 0.2)
    assert result.extra["formula"] == sizes


@pytest.mark.parametrize(
    "text",
    ["-x", "x - y", "-x - y", "-x/y", "1/x", "x**-2/3", "2*x/3 - 1/2", "exp(-x)*max(x, y, 1)",
     "sqrt(x)/(-y)", "-1/3", "where(x > y, x*y, -x)", "-(x + y)*2", "3/(x + y)", "tan(x)/7"],
)  # fmt: skip
def test_tree_size_is_sympys_count(text: str) -> None:
    formula = parse(text).to_sympy()
    assert formula_sizes(formula)["tree"] == sp.count_ops(formula)


def test_sizes_of_a_formula_that_could_not_be_walked() -> None:
    f = sp.Function("f")
    formula = x
    for _ in range(100):
        formula = f(formula, formula)
    assert formula_sizes(formula) == {"tree": 2**100 - 1, "shared": 100, "cse": 100}


def test_sizes_of_graphs() -> None:
    assert formula_sizes(parse("sin(x*y) + sin(x*y)**2")) == {"tree": 6, "shared": 4, "cse": 4}
    large = trace(lambda x: np.sum(np.sin(x) * x), np.ones(30_000))
    sizes = formula_sizes(large)
    assert sizes["cse"] is None
    assert sizes["tree"] == graph_tree_operations(large) >= 3 * 30_000 - 1
    assert graph_tree_operations(trace(logistic_map(200), 0.2)) > 2**199


# The method ---------------------------------------------------------------------------------------


def test_baydins_example_to_one_ulp() -> None:
    result = jacobian(parse("log(x1) + x1*x2 - sin(x2)"), 2.0, 5.0)
    first, second = (float(block) for block in result.blocks[0])
    assert abs(first - 5.5) <= np.spacing(5.5)
    assert abs(second - 1.716337814536773761) <= np.spacing(1.716337814536773)
    assert result.extra["formula"] == {"tree": 4, "shared": 4, "cse": 4}
    assert [str(e) for e in result.extra["expressions"]] == ["x2 + 1/x1", "x1 - cos(x2)"]
    assert result.graph is not None and result.graph.check() and not result.notes


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("abs(x)", [-1.0, 0.0, 2.0]),
        ("relu(x)", [-1.0, 0.0, 2.0]),
        ("relu(x - 1)*relu(1 - x)", [0.0, 1.0]),
        ("max(x, 1 - x)", [0.0, 0.5, 1.0]),
        ("min(x, 1 - x)", [0.0, 0.5, 1.0]),
        ("clip(x, 0, 1)", [-1.0, 0.0, 0.5, 1.0, 2.0]),
        ("hypot(x, 0)", [0.0, -2.0]),
        ("xlogy(x, 3) + xlogy(2, x + 1)", [0.0, 1.5]),
        ("sign(x)*x + floor(x**2)", [0.0, -1.3]),
        ("heaviside(x)*x", [0.0, 1.0]),
        ("x % 2 + x // 2 + trunc(x) + ceil(x) + rint(x)", [0.7, -3.2]),
        ("where(x > 0, log(x), 0)", [-1.0, 0.0, 2.0]),
        ("x if x > 0 else x**2", [-1.0, 0.0, 2.0]),
        ("abs(log(x))", [0.5, 1.0, 2.0]),
        ("abs(abs(log(x)) - 1)", [0.2, 2.0]),
        ("sqrt(x)", [0.0, 2.0]),
        ("cbrt(x)", [-8.0, 0.0, 3.0]),
        ("(x > 0)*x**2", [1.5]),
        ("1 if 0 < x < 1 and not x > 2 else x", [0.5, 3.0]),
        ("x**x + 2**x + e**x + x**-2", [2.0]),
        ("erf(x) - erfc(x) + log2(x) + log10(x)", [0.7]),
        ("atan2(x, 2) + atan2(2, x) + asinh(x) + acosh(1 + x) + atanh(x/4)", [1.2]),
        ("sec(x) + csc(x) + cot(x) + tan(x) + tanh(x)", [0.8]),
        ("softplus(x) + sigmoid(x) + expm1(x) + log1p(x)", [0.3]),
        ("3", [1.0]),
        ("x", [1.0]),
    ],
)
def test_symbolic_agrees_with_reverse_mode_also_at_kinks(text: str, points: list[float]) -> None:
    graph = parse(text + " + 0*x" if "x" not in text else text)
    bound = function_of(graph)
    for point in points:
        leaves = bound.bind((point,), {}).leaves
        symbolic = Symbolic().jacobian(bound.bind((point,), {}), leaves, [0])
        reverse = Reverse().jacobian(bound.bind((point,), {}), leaves, [0])
        np.testing.assert_allclose(symbolic.blocks[0][0], reverse.blocks[0][0], rtol=1e-14)
        assert symbolic.values == reverse.values


def test_blocks_of_arrays_outputs_and_chosen_arguments() -> None:
    W, b, v = np.arange(6.0).reshape(3, 2) / 7, np.array([0.1, 0.2, 0.3]), np.array([0.5, -0.4])

    def layer(W: Any, b: Any, v: Any) -> Any:
        h = np.tanh(W @ v + b)
        return h, np.sum(h * h), 3.0

    result = jacobian(layer, W, b, v, wrt=[2, 0])
    h = np.tanh(W @ v + b)
    by_v, by_w = result.blocks[0]
    np.testing.assert_allclose(by_v, (1 - h * h)[:, None] * W, rtol=1e-14)
    expected = np.einsum("i,ik,j->ikj", 1 - h * h, np.eye(3), v)
    np.testing.assert_allclose(by_w, expected, rtol=1e-14)
    assert result.blocks[1][1].shape == (3, 2)
    assert not result.blocks[2][0].any()
    assert result.evaluations == 2 and result.flops > 0


def test_float32_stays_float32_and_integers_may_stand_by() -> None:
    result = jacobian(lambda x, n: x * x * n, np.float32(1.5), np.array([2, 3]), wrt=[0])
    assert result.blocks[0][0].tolist() == [6.0, 9.0]
    assert jacobian(lambda x: np.sin(x) / 3, np.float32(1)).blocks[0][0].dtype == np.float32
    with pytest.raises(DtypeError, match="symbolic"):
        jacobian(lambda x: x * x, 3)


def test_engines_give_the_same_derivative() -> None:
    graph = parse("exp(-x*y)*sin(x)/(1 + y**2)")
    bound = function_of(graph).bind((0.7, 1.1), {})
    interpreted = Symbolic().jacobian(bound, bound.leaves, [0, 1], "interpret")
    compiled = Symbolic().jacobian(bound, bound.leaves, [0, 1], "specialise")
    np.testing.assert_allclose(compiled.blocks, interpreted.blocks, rtol=1e-15)


def test_forms_of_a_derivative_lose_digits() -> None:
    """EVIDENCE: l₄′ on (0, 1) as SymPy leaves it, and rewritten; expanding loses digits."""
    exact = sp.diff(logistic_map(4)(x), x)
    points = np.linspace(0.01, 0.99, 15)
    truth = [float(sp.N(exact.subs([(x, sp.Rational(float(p)))]))) for p in points]

    def worst(form: str) -> float:
        got = [float(jacobian(logistic_map(4), p, form=form).blocks[0][0]) for p in points]
        return max(abs(g - t) / abs(t) for g, t in zip(got, truth, strict=True))

    assert worst("raw") < 1e-12 < 10 * worst("expand")
    assert worst("raw") < worst("horner") and worst("factor") < worst("expand")


def test_undefined_formula_is_noted() -> None:
    with pytest.warns(DomainWarning, match="the derivative is NaN although the function is not"):
        result = jacobian(parse("1/(1 + exp(-x))"), -800.0)
    assert result.values[0] == 0.0
    assert np.isnan(result.blocks[0][0])
    assert "undefined" in result.notes[0]


def test_guarded_branches_are_derived_for_their_own_side() -> None:
    def branch(x: Any) -> Any:
        return x * x if x > 0 else -x

    assert float(jacobian(branch, 3.0).blocks[0][0]) == 6.0
    assert float(jacobian(branch, -3.0).blocks[0][0]) == -1.0


# Giving up ----------------------------------------------------------------------------------------


def test_budget_of_operations() -> None:
    with pytest.raises(BudgetError, match=r"symbolic gave up at [\d,]+ operations \(budget 50\)"):
        jacobian(logistic_map(8), 0.2, budget_operations=50)
    with pytest.raises(BudgetError, match="gave up at"):
        jacobian(logistic_map(20), 0.2)
    with pytest.raises(BudgetError, match=r"10\^\d+ operations"):
        jacobian(logistic_map(200), 0.2)
    data, weights = np.ones((500, 64)), np.zeros((64, 10))
    with pytest.raises(BudgetError, match="gave up at"):
        jacobian(lambda w: np.sum(np.tanh(data @ w)), weights)


def test_budget_of_seconds_interrupts_sympy() -> None:
    started = time.monotonic()
    with pytest.raises(BudgetError, match=r"gave up after 0\.3 s"):
        jacobian(logistic_map(14), 0.2, budget_seconds=0.3)
    assert time.monotonic() - started < 3.0


def test_deadline_reaches_work_that_swallows_exceptions() -> None:
    class Swallows:
        def __del__(self) -> None:
            sum(range(100))

    def work() -> None:
        while True:
            try:
                Swallows()
                sum(range(100))
            except Exception:
                raise AssertionError("an ordinary exception was raised") from None

    hook = sys.unraisablehook
    for _ in range(10):
        with pytest.raises(BudgetError, match="gave up after"):
            Budget(seconds=0.02).run(work)
    assert sys.unraisablehook is hook


def test_deadline_does_not_outlive_its_work() -> None:
    budget = Budget(seconds=0.05)
    assert budget.run(lambda: 7) == 7
    time.sleep(0.1)
    with pytest.raises(ValueError, match="mine"):
        budget.run(lambda: _raise(ValueError("mine")))
    time.sleep(0.1)


def _raise(error: Exception) -> None:
    raise error


def test_giving_up_is_remembered() -> None:
    graph = trace(logistic_map(14), 0.2)
    method = Symbolic(budget_seconds=0.2)
    started = time.monotonic()
    for _ in range(20):
        with pytest.raises(BudgetError):
            method.derivation(graph, (0,))
    assert time.monotonic() - started < 3.0


def test_deep_graphs_give_up() -> None:
    def chain(x: Any) -> Any:
        for _ in range(5000):
            x = np.sin(x)
        return x

    with pytest.raises(BudgetError, match="gave up"):
        jacobian(chain, 0.2)


@pytest.mark.parametrize(
    "options", [{"budget_operations": 0}, {"budget_seconds": -1.0}, {"form": "pretty"}]
)
def test_options_are_checked(options: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        Symbolic(**options)
    assert "raw" in FORMS


def test_horner_of_what_is_no_polynomial_is_refused_or_equal() -> None:
    graph = parse("sin(x)*exp(x)")
    try:
        got = float(jacobian(graph, 0.3, form="horner").blocks[0][0])
    except UnsupportedError as error:
        assert "horner" in error.message
    else:
        assert got == pytest.approx(np.exp(0.3) * (np.sin(0.3) + np.cos(0.3)), rel=1e-14)


# Expressions for people ---------------------------------------------------------------------------


def test_derivative_expressions() -> None:
    graph = parse("x**2*sin(y) + abs(x)")
    assert derivative_expressions(graph) == {
        "x": 2 * x * sp.sin(y) + sp.sign(x),
        "y": x**2 * sp.cos(y),
    }
    assert derivative_expressions(graph, "y", 2) == {"y": -(x**2) * sp.sin(y)}
    assert derivative_expressions(parse("x**x"), ["x"]) == {"x": x**x * (sp.log(x) + 1)}
    assert derivative_expressions(parse("sin(pi*x)")) == {"x": sp.pi * sp.cos(sp.pi * x)}


def test_derivative_expressions_of_arrays() -> None:
    graph = trace(lambda v: np.sum(v * v), np.ones(2))
    v0, v1 = sp.symbols("v0 v1")
    assert derivative_expressions(graph) == {"v0": 2 * v0, "v1": 2 * v1}
    assert derivative_expressions(graph, "v1") == {"v1": 2 * v1}


def test_derivative_expressions_refuse() -> None:
    graph = parse("x*y")
    with pytest.raises(InputError, match="no variable 'z'"):
        derivative_expressions(graph, "z")
    for order in (0, -1, 1.5):
        with pytest.raises(InputError, match="order"):
            derivative_expressions(graph, order=order)  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="scalar"):
        derivative_expressions(trace(lambda x: x * x, np.ones(2)))
    with pytest.raises(BudgetError):
        derivative_expressions(trace(logistic_map(30), 0.2))
    with pytest.raises(BudgetError):
        formula = parse("exp(sin(x)*cos(x)*tan(x))")
        derivative_expressions(formula, order=20, budget=Budget(seconds=0.5))
