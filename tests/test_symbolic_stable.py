"""The symbolic method keeps the digits that the other methods keep, or says that it lost them.

Every primitive is differentiated at points near the ends of the range of floating point and near
its kinks, and held against reverse mode and a truth of many digits.
"""

from __future__ import annotations

import inspect
import itertools
import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import mpmath as mp
import numpy as np
import pytest
import sympy as sp

import diffkit as dk
from diffkit.capture.capturing import trace
from diffkit.capture.from_sympy import from_sympy
from diffkit.differentiate.formula_calculus import formulas
from diffkit.differentiate.symbolic import derivative_expressions
from diffkit.engines.interpret import run
from diffkit.errors import DomainWarning, NotAnalyticError
from diffkit.graph.ir import Graph
from diffkit.graph.primitive import REGISTRY, Elementwise
from diffkit.lazy import forms

METHODS = ("symbolic", "finite", "complex", "forward", "reverse")
EXACT = ("symbolic", "complex", "forward", "reverse")
POSITIVE = (1e-300, 1e-100, 1e-20, 1e-8, 0.3, 0.99999998765, 1.0, 1.00000001234, 5.0, 20.0, 40.0,
            709.0, 745.0, 800.0, 1e20, 1e200, 1.7e308)  # fmt: skip
PAIRED = (1e-200, 1e-20, 0.5, 2.0, 800.0, 1e20, 1e200)
SELECTIONS = ("mask", "where", "clip", "probe", "alias")
TOLERANCE = 1e-9


def slopes(f: Any, *args: Any, method: str) -> np.ndarray:
    """The derivatives by all arguments, one after another."""
    found = dk.grad(f, argnums=tuple(range(len(args))), method=method)(*args)
    return np.concatenate([np.ravel(part) for part in found])


# Every primitive at extreme points ----------------------------------------------------------------


def elementwise() -> Iterator[tuple[str, Callable[..., Any], int]]:
    """Every operation on numbers, times a variable, with how many operands it has."""
    for name, op in sorted(REGISTRY.items()):
        if not isinstance(op, Elementwise) or op.result == "bool" or name in SELECTIONS:
            continue
        if getattr(op, "in_python", False):  # tests/test_special_functions.py
            continue
        parameters = inspect.signature(op.sympy).parameters
        for n in (-2, -1, 2, 7) if "n" in parameters else (None,):
            options = {} if n is None else {"n": n}
            yield f"{name} {n or ''}", _times(op, options), len(parameters) - len(options)


def _times(op: Any, options: dict[str, int]) -> Callable[..., Any]:
    return lambda *x: op(*x[:-1], **options) * x[-1]


def points(count: int) -> Iterator[tuple[float, ...]]:
    """Points of so many coordinates, of either sign, and a factor."""
    sizes = POSITIVE if count == 1 else PAIRED
    signed = [0.0, *sizes, *(-size for size in sizes)]
    for point in itertools.product(signed, repeat=count):
        yield (*point, 2.0)


def precise_slope(graph: Graph, point: tuple[float, ...], place: int) -> float:
    """A central difference of 900 digits."""
    with mp.workdps(900):
        x = [mp.mpf(number) for number in point]
        step = mp.mpf(10) ** -330 * (max(1, abs(x[place])))
        step = min(step, abs(x[place]) * mp.mpf(10) ** -100) if x[place] else step
        up, down = [
            run(graph, [*x[:place], x[place] + s, *x[place + 1 :]], domain="mpmath")[0]
            for s in (step, -step)
        ]
        return float((up - down) / (2 * step))


def close(a: float, b: float) -> bool:
    """Equal, both NaN, or equal to nine digits."""
    if a == b or (math.isnan(a) and math.isnan(b)):
        return True
    return abs(a - b) <= max(TOLERANCE * abs(b), 4 * 5e-324)


@pytest.mark.parametrize(("f", "count"), [case[1:] for case in elementwise()],
                         ids=[case[0] for case in elementwise()])  # fmt: skip
@pytest.mark.filterwarnings("ignore::diffkit.errors.DomainWarning")
def test_a_primitive_at_extreme_points(f: Callable[..., Any], count: int) -> None:
    """Where symbolic and reverse mode differ, reverse mode is not nearer to the truth."""
    for point in points(count):
        got = slopes(f, *point, method="symbolic")
        other = slopes(f, *point, method="reverse")
        graph = trace(f, *point)
        for place in range(count + 1):
            if close(got[place], other[place]):
                continue
            truth = precise_slope(graph, point, place)
            assert close(got[place], truth) or not close(other[place], truth), (point, place)


# What was lost, and is kept -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "point", "expected"),
    [
        (lambda x, y: np.expm1(x) * y, (1e-20, 2.0), (2.0, 1e-20)),
        (lambda x, y: np.log1p(x) * y, (1e-20, 2.0), (2.0, 1e-20)),
        (np.hypot, (1e200, 1e200), (math.sqrt(0.5), math.sqrt(0.5))),
        (np.hypot, (0.0, 1e-200), (0.0, 1.0)),
        (np.arctan2, (1e-200, 1e-200), (5e199, -5e199)),
        (lambda x, y: np.logaddexp(0, x) * y, (800.0, 2.0), (2.0, 800.0)),
        (lambda x, y: np.logaddexp(x, y), (-1e4, 1e4), (0.0, 1.0)),
        (lambda x, y: np.arctan(x * y / np.maximum(y, 0.5)), (-1e200, 1e-100), (5e-301, -0.5)),
        (lambda x, y: np.power(x, y), (1e-200, 2.0), (2e-200, 0.0)),
        (lambda x, y: np.power(x, y), (0.0, 2.0), (0.0, 0.0)),
        (lambda x, y: x / y, (1e-200, 1e-200), (1e200, -1e200)),
        (lambda x, y: np.rint(x) * y, (0.49999999999999994, 1.0), (0.0, 0.0)),
        (lambda x, y: np.remainder(x, y), (1.0, 0.1), (1.0, -9.0)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", EXACT)
def test_digits_are_kept(f: Any, point: Any, expected: Any, method: str) -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        got = slopes(f, *point, method=method)
    if method == "complex" and told:
        assert "lost its digits" in str(told[0].message)
        return
    assert not told
    np.testing.assert_allclose(got, expected, rtol=4e-14, atol=1e-300)


@pytest.mark.parametrize("size", [800.0, 1e4])
@pytest.mark.parametrize("method", METHODS)
def test_losses_at_large_logits(method: str, size: float) -> None:
    scores, label = np.array([[0.0, size, -size]]), np.array([0])
    got = dk.grad(lambda z: dk.losses.cross_entropy(z, label), method=method)(scores)
    np.testing.assert_allclose(got, [[-1.0, 1.0, 0.0]], atol=1e-8)
    logits, target = np.array([-size, size]), np.array([1.0, 0.0])
    got = dk.grad(lambda z: dk.losses.bce_with_logits(z, target), method=method)(logits)
    np.testing.assert_allclose(got, [-0.5, 0.5], atol=1e-8)


def test_softmax_of_large_logits() -> None:
    def second(z: Any) -> Any:
        return dk.nets.softmax(z)[1] + dk.nets.log_softmax(z)[0]

    z = np.array([1e4, 1e4 + 1, -1e4])
    symbolic, reverse = (dk.grad(second, method=m)(z) for m in ("symbolic", "reverse"))
    np.testing.assert_allclose(symbolic, reverse, rtol=1e-14, atol=1e-300)
    assert np.isfinite(symbolic).all()


def test_second_derivatives_are_stable_too() -> None:
    second = dk.derivative(dk.parse("softplus(x)"), order=2, method="symbolic")
    expected = math.exp(-700)
    assert float(second(700.0)) == pytest.approx(expected, rel=1e-14)
    length = dk.derivative(lambda x: np.hypot(x, 4e200), order=2, method="symbolic")
    assert float(length(3e200)) == pytest.approx(1.28e-201, rel=1e-14)
    assert float(length(0.0)) == pytest.approx(2.5e-201, rel=1e-14)


def test_a_quotient_is_divided_twice() -> None:
    """The square of 1 + e⁴⁰⁰ is infinite; reverse mode underflows here to 0."""
    sigmoid = dk.grad(lambda x: 1 / (1 + np.exp(-x)), method="symbolic")
    assert float(sigmoid(-400.0)) == pytest.approx(math.exp(-400), rel=1e-13)


def test_the_gradient_of_a_length_is_zero_at_the_origin() -> None:
    assert slopes(np.hypot, 0.0, 0.0, method="symbolic").tolist() == [0.0, 0.0]
    assert slopes(np.arctan2, 0.0, 0.0, method="symbolic").tolist() == [0.0, 0.0]


# Ties ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", EXACT)
@pytest.mark.parametrize("extreme", [np.max, np.min])
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_ties_of_an_array_share_evenly(extreme: Any, axis: int | None, method: str) -> None:
    x = np.array([[2.0, 2.0], [2.0, 5.0], [2.0, -1.0]])
    got = dk.grad(lambda x: np.sum(extreme(x, axis=axis)), method=method)(x)
    best = np.broadcast_to(extreme(x, axis=axis, keepdims=True), x.shape)
    ties = np.sum(x == best, axis=axis, keepdims=True)
    np.testing.assert_allclose(got, (x == best) / ties, rtol=1e-15)


@pytest.mark.parametrize("method", EXACT)
def test_nested_maxima_share_tie_by_tie(method: str) -> None:
    got = slopes(lambda a, b, c: np.maximum(np.maximum(a, b), c), 2.0, 2.0, 2.0, method=method)
    assert got.tolist() == [0.25, 0.25, 0.5]


# NaN ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("f", [np.max, np.min, lambda x: np.maximum(x[0], x[1]),
                               lambda x: np.minimum(x[0], x[1]) * 2,
                               lambda x: np.sum(np.clip(x[1:], 0.0, 1.0)) + np.exp(x[0]) * x[1]],
                         ids=["max", "min", "maximum", "minimum", "clip"])  # fmt: skip
@pytest.mark.parametrize("x", [np.array([1.0, np.nan]), np.array([np.nan, np.nan])])
def test_nan_stays_nan_in_every_method(f: Any, x: np.ndarray, method: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a NaN that the user passed and can see needs no warning
        assert np.isnan(dk.grad(f, method=method)(x)).all()


@pytest.mark.parametrize("f", [
    lambda x: np.nan_to_num(np.log(x), neginf=3.0),
    lambda x: np.where(np.isinf(np.log(x)), 7.0, np.log(x)),
    lambda x: np.where(np.isfinite(1 / x), 1 / x, 7.0),
    lambda x: np.where((np.log(x) > -np.inf) & (x < 5.0), np.log(x), 3.0),
    lambda x: np.where(np.isposinf(x) | (x < 0.0), 0.0, x**2),
], ids=["nan_to_num", "isinf", "isfinite", "greater", "isposinf"])  # fmt: skip
@pytest.mark.parametrize("x", [-np.inf, -1.0, 0.0, 2.0, np.inf, np.nan])
def test_comparisons_with_infinity_are_asked_and_not_settled(f: Any, x: float) -> None:
    """To SymPy every real number is finite, and so x < ∞ certain."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of log at 0
        found, expected = (dk.value_and_grad(f, method=m)(x) for m in ("symbolic", "reverse"))
    np.testing.assert_array_equal(found, expected)


def test_nan_of_one_row_stays_in_its_row() -> None:
    x = np.array([[1.0, 2.0], [np.nan, 3.0]])
    got = dk.grad(lambda x: np.sum(np.max(x, axis=1)))(x)
    np.testing.assert_array_equal(got, [[0.0, 1.0], [np.nan, np.nan]])
    direction = dk.jvp(lambda x: np.max(x, axis=1), (x,), (np.ones((2, 2)),))[1]
    np.testing.assert_array_equal(direction, [1.0, np.nan])


@pytest.mark.parametrize("method", EXACT)
def test_nan_that_is_hidden_is_told(method: str) -> None:
    with pytest.warns(DomainWarning, match="took the NaN for a number") as told:
        assert dk.grad(dk.parse("relu(x)"), method=method)(np.nan)["x"] == 0.0
    assert len(told) == 1


@pytest.mark.parametrize("method", METHODS)
def test_nan_born_inside_is_told_once(method: str) -> None:
    with pytest.warns(DomainWarning, match="a NaN was born in log") as told:
        got = dk.grad(lambda x: np.max(np.log(x)), method=method)(np.array([1.0, -2.0]))
    assert np.isnan(got).all() and len(told) == 1


# What cannot be kept is told ----------------------------------------------------------------------


def test_formula_that_leaves_the_range_is_told() -> None:
    square = dk.grad(dk.parse("(x*y)**2"), method="symbolic")
    with pytest.warns(DomainWarning, match=r"gives 0, and its value is 2\.0e-200"):
        square(1e200, 1e-200)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert square(0.0, 2.0) == {"x": 0.0, "y": 0.0}
        dk.grad(dk.parse("exp(-x**2)"), method="symbolic")(40.0)  # 0 by underflow, and rightly so


# The functions themselves -------------------------------------------------------------------------

x, y = sp.symbols("x y", real=True)
TWINS = [
    forms.expm1(x), forms.log1p(x), forms.logistic(x), forms.softplus(x), forms.cbrt(x),
    forms.hypot(x, y), forms.direction(x, y), forms.arctan2(x, y), forms.arcsin(x),
    forms.arccos(x), forms.arctan(x), forms.arctanh(x), forms.arcsinh(x), forms.lorentz(x),
    forms.xlogy(x, y), forms.power(x, y), forms.maximum(x, y), forms.minimum(x, y),
    forms.wins(x, y), forms.logsumexp(x, y, 2 * x), forms.largest(x, y, x * y),
    forms.smallest(x, y, x * y), forms.softmax_weight(y, forms.logsumexp(x, y)),
    forms.tie_share(y, forms.largest(x, y, y)), forms.rint(x), forms.remainder(x, y),
    forms.floor_divide(x, y),
]  # fmt: skip


def at(expr: Any) -> float:
    """The value at x = 0.3, y = 0.7."""
    return float(expr.subs([(x, sp.Rational(3, 10)), (y, sp.Rational(7, 10))]).evalf(30))


@pytest.mark.parametrize("expr", TWINS, ids=lambda expr: type(expr).__name__)
def test_a_stable_function_is_its_textbook_formula(expr: Any) -> None:
    textbook = expr.doit()
    assert not textbook.has(forms.Stable)
    assert not expr.rewrite(sp.exp).has(forms.Stable)
    assert at(expr) == pytest.approx(at(textbook), rel=1e-15)
    names = [symbol.name for symbol in sorted(expr.free_symbols, key=str)]
    graph = from_sympy(expr)
    assert float(graph(*[{"x": 0.3, "y": 0.7}[n] for n in names])) == pytest.approx(
        at(textbook), rel=1e-14
    )
    for symbol in (x, y):
        slope = sp.diff(textbook, symbol)
        if not slope.has(sp.Derivative, sp.Subs):
            assert at(sp.diff(expr, symbol)) == pytest.approx(at(slope), rel=1e-14, abs=1e-15)


def test_stable_functions_print_for_people() -> None:
    assert str(sp.diff(forms.softplus(x), x, 2)) == "logistic(-x)*logistic(x)"
    assert sp.latex(forms.hypot(x, y)) == r"\operatorname{hypot}{\left(x,y \right)}"
    assert str(forms.softplus(x).doit()) == "log(exp(x) + 1)"


def test_stable_functions_have_digits_of_their_own() -> None:
    assert float(forms.expm1(sp.Float("1e-20", 30)).evalf(30)) == 1e-20
    assert float(forms.softplus(sp.Integer(800)).evalf(30)) == 800.0


def test_formulas_for_reading_stay_those_of_the_textbook() -> None:
    graph = dk.parse("softplus(x) + expm1(x)")
    X = sp.Symbol("x")
    assert graph.to_sympy() == sp.log(1 + sp.exp(X)) + sp.exp(X) - 1
    assert derivative_expressions(graph)["x"] == sp.exp(X) / (1 + sp.exp(X)) + sp.exp(X)
    assert formulas(graph, stable=True)[1][0].has(forms.Stable)


# The complex step ---------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1e-80, 1e-92, 1e-100, 1e-150, 1e-200, 1e-290, 1e-305])
@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (np.log, lambda x: 1 / x),
        (np.sqrt, lambda x: 0.5 / np.sqrt(x)),
        (np.cbrt, lambda x: 1 / (3 * np.cbrt(x) ** 2)),
        (lambda x: np.hypot(x, 2 * x), lambda x: math.sqrt(5)),
        (lambda x: np.sin(x) + x**3, lambda x: 1.0),
        (lambda x: x**3, lambda x: 3 * x**2),
    ],
    ids=["log", "sqrt", "cbrt", "hypot", "sin", "cube"],
)
def test_complex_step_near_zero(f: Any, slope: Any, size: float) -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        got = float(dk.grad(f, method="complex")(size))
    if told:
        assert size < 1e-280 or slope(size) < 1e-190
        assert "lost its digits" in str(told[0].message)
        return
    assert got == pytest.approx(slope(size), rel=1e-14, abs=1e-190)


def test_complex_step_fits_the_smallest_argument() -> None:
    got = dk.grad(lambda x, y: np.log(x + y), method="complex")(0.0, 1e-100)
    assert float(got) == pytest.approx(1e100, rel=1e-14)
    assert float(dk.grad(lambda x: x**3, method="complex")(0.0)) == pytest.approx(0.0, abs=1e-190)


def test_complex_step_refuses_what_no_step_fits() -> None:
    with pytest.raises(NotAnalyticError, match="no step is small"):
        dk.grad(np.log, method="complex")(1e-320)
