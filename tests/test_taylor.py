"""Taylor coefficients: against mpmath, against nested forward mode, and counted."""

from __future__ import annotations

from math import factorial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from strategies import PROFILES, SHAPED, SMOOTH, Program, programs

import diffkit as dk
from diffkit.capture.trees import flatten
from diffkit.differentiate.forward import pushforward_graph
from diffkit.differentiate.taylor import taylor_graph
from diffkit.engines.interpret import run_all
from diffkit.errors import InputError, ShapeError, UnsupportedError
from diffkit.lazy import mp

ORDER = 8
EPSILON = np.finfo(float).eps

# name → (plain NumPy, mpmath); the same expression, so that only the recurrences are at stake
FUNCTIONS: dict[str, tuple[Any, Any]] = {
    "exp": (np.exp, mp.exp),
    "log": (np.log, mp.log),
    "sin": (np.sin, mp.sin),
    "cos": (np.cos, mp.cos),
    "tan": (np.tan, mp.tan),
    "tanh": (np.tanh, mp.tanh),
    "sqrt": (np.sqrt, mp.sqrt),
    "arctan": (np.arctan, mp.atan),
    "arcsin": (np.arcsin, mp.asin),
    "quotient": (lambda x: (1 + x) / (2 + x * x), lambda x: (1 + x) / (2 + x * x)),
    "square": (lambda x: (1 + x) ** 2, lambda x: (1 + x) ** 2),
    "seventh power": (lambda x: x**7, lambda x: x**7),
    "negative power": (lambda x: x**-3, lambda x: x**-3),
    "broken power": (lambda x: x**2.5, lambda x: x ** mp.mpf(2.5)),
    "x to the x": (lambda x: x**x, lambda x: x**x),
    "power of a base": (lambda x: 2.0**x, lambda x: mp.mpf(2) ** x),
    "logistic": (lambda x: 1 / (1 + np.exp(-x)), lambda x: 1 / (1 + mp.exp(-x))),
    "softplus": (lambda x: np.logaddexp(0, x), lambda x: mp.log(1 + mp.exp(x))),
    "bell": (lambda x: np.exp(-x * x) / (1 + x * x), lambda x: mp.exp(-x * x) / (1 + x * x)),
    "nested": (
        lambda x: np.sin(np.exp(np.sin(x)) * x),
        lambda x: mp.sin(mp.exp(mp.sin(x)) * x),
    ),
}


def nested(f: Any, order: int, x: Any) -> Any:
    """f⁽ⁿ⁾ by forward mode, n times over."""
    for _ in range(order):
        f = dk.derivative(f, 1, "forward")
    return f(x)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_coefficients_are_those_of_mpmath(name):
    f, exact = FUNCTIONS[name]
    with mp.workdps(50):
        truth = np.array([float(c) for c in mp.taylor(exact, mp.mpf(0.7), ORDER)])
    got = dk.taylor(f, 0.7, ORDER)
    # a coefficient that happens to be small keeps the rounding of what it is the difference of
    np.testing.assert_allclose(got, truth, rtol=1e-13, atol=1e-14 * np.max(np.abs(truth)))


def test_coefficients_are_unscaled_and_derivatives_scaled():
    numbers = np.array([factorial(k) for k in range(6)], float)
    np.testing.assert_allclose(dk.taylor(np.exp, 0.0, 5), 1 / numbers, rtol=1e-15)
    np.testing.assert_allclose(dk.taylor(np.exp, 0.0, 5, scaled=True), np.ones(6), rtol=1e-15)


def test_the_polynomial_is_the_function_nearby():
    coefficients = dk.taylor(np.cos, 0.3, 12)
    assert np.polynomial.Polynomial(coefficients)(0.1) == pytest.approx(np.cos(0.4), abs=1e-16)


def test_high_orders_do_not_overflow_on_the_way():
    coefficients = dk.taylor(lambda x: 1 / (1 - x), 0.0, 200)
    np.testing.assert_array_equal(coefficients, np.ones(201))
    derivatives = dk.taylor(lambda x: 1 / (1 - x), 0.0, 200, scaled=True)
    assert derivatives[170] == pytest.approx(float(factorial(170)), rel=1e-13)
    assert np.all(np.isinf(derivatives[171:]))


@pytest.mark.parametrize("order", [1, 2, 5])
def test_the_method_of_derivative(order):
    f = FUNCTIONS["nested"][0]
    assert dk.derivative(f, order, "taylor")(0.4) == pytest.approx(nested(f, order, 0.4), rel=1e-12)


def test_the_derivative_is_captured_once(monkeypatch):
    from diffkit.differentiate import function

    captured, capture = [], function.capture

    def counting(f: Any, *args: Any) -> Any:
        captured.append(f)
        return capture(f, *args)

    monkeypatch.setattr(function, "capture", counting)
    slope = dk.derivative(lambda x, a: a * x**4, 3, "taylor")
    assert [float(slope(x, 2.0)) for x in (1.0, 2.0)] == [48.0, 96.0]
    assert len(captured) == 1


def test_derivatives_of_arrays_and_trees():
    x = np.array([0.1, 0.7])
    np.testing.assert_allclose(dk.derivative(np.sin, 3, "taylor")(x), -np.cos(x), rtol=1e-14)
    found = dk.derivative(lambda x, a: {"p": a * x**3, "q": np.exp(x)}, 2, "taylor")(2.0, 5.0)
    assert found["p"] == 60.0
    assert found["q"] == pytest.approx(np.exp(2.0))


def test_along_a_direction():
    x, v = np.array([1.0, 2.0]), np.array([1.0, -1.0])
    f = lambda x: x[0] ** 2 * x[1]  # noqa: E731
    # (1 + t)² (2 − t) = 2 + 3t + 0t² − t³
    np.testing.assert_allclose(dk.taylor(f, x, 4, direction=v), [2, 3, 0, -1, 0], atol=1e-15)


def test_trees_go_in_and_come_out():
    point, along = {"a": 2.0, "b": np.ones(2)}, {"a": 1.0, "b": np.array([0.0, 1.0])}
    found = dk.taylor(lambda p: (p["a"] * p["b"], np.sum(p["b"])), point, 2, direction=along)
    np.testing.assert_array_equal(found[0], [[2, 2], [1, 3], [0, 1]])
    np.testing.assert_array_equal(found[1], [2, 1, 0])


def test_graphs_made_from_text():
    text = dk.parse("x * y**2")
    found = dk.taylor(text, {"x": 2.0, "y": 3.0}, 3, direction={"y": 1.0, "x": 1.0})
    np.testing.assert_array_equal(found, [18, 21, 8, 1])
    np.testing.assert_array_equal(dk.taylor(dk.parse("x**3"), 2.0, 3), [8, 12, 6, 1])


def test_precision_follows_the_argument():
    found = dk.taylor(lambda x: np.tanh(x) / (1 + x), np.float32(0.5), 3)
    assert found.dtype == np.float32
    exact = dk.taylor(lambda x: np.tanh(x) / (1 + x), 0.5, 3)
    np.testing.assert_allclose(found, exact, rtol=1e-5)


def test_constants_and_integers():
    np.testing.assert_array_equal(dk.taylor(lambda x: 3.0, 1.0, 2), [3, 0, 0])
    np.testing.assert_array_equal(dk.taylor(np.floor, 1.5, 2), [1, 0, 0])
    np.testing.assert_array_equal(dk.taylor(lambda x: x * x, 3, 3), [9, 6, 1, 0])
    np.testing.assert_array_equal(dk.taylor(np.exp, 0.0, 0), [1])


@pytest.mark.parametrize("engine", ["machine", "interpret", "specialise"])
def test_engines_agree(engine):
    f = FUNCTIONS["nested"][0]
    found = dk.taylor(f, np.linspace(0.1, 1.0, 7), 5, engine=engine)
    reference = dk.taylor(f, np.linspace(0.1, 1.0, 7), 5, engine="interpret")
    np.testing.assert_allclose(found, reference, rtol=1e-12)


# Selections and singular points -------------------------------------------------------------------


def test_selections_select():
    np.testing.assert_array_equal(
        dk.taylor(lambda x: np.where(x > 0, np.log(x), 0.0), 0.0, 3), np.zeros(4)
    )
    np.testing.assert_array_equal(dk.taylor(lambda x: np.maximum(x, 0) ** 2, 1.0, 3), [1, 2, 1, 0])
    np.testing.assert_array_equal(dk.taylor(np.abs, -2.0, 2), [2, -1, 0])
    np.testing.assert_array_equal(dk.taylor(lambda x: np.clip(x, 0, 1), 3.0, 2), [1, 0, 0])


def test_powers_at_zero():
    np.testing.assert_array_equal(dk.taylor(lambda x: x**3, 0.0, 4), [0, 0, 0, 1, 0])
    np.testing.assert_array_equal(dk.taylor(lambda x: x**2.5, 0.0, 2), [0, 0, 0])
    assert dk.taylor(lambda x: x**2.5, 0.0, 3)[3] == np.inf
    # an exponent that is an array of whole numbers is no literal integer
    exponents = np.array([2.0, 3.0])
    found = dk.taylor(lambda x: (x + x * x) ** exponents, 0.0, 4)
    np.testing.assert_allclose(found.T, [[0, 0, 1, 2, 1], [0, 0, 0, 1, 3]], atol=1e-15)


# Loops --------------------------------------------------------------------------------------------


def looped(x: Any, reverse: bool = False) -> Any:
    """A loop that reads rows, carries a state, uses x in every step, and writes rows."""

    def step(c: Any, row: Any) -> Any:
        c = np.sin(c * x) + row * c
        return c, c * x

    c, rows = dk.scan(step, x, np.arange(1.0, 6.0) * x, reverse=reverse)
    return c + np.sum(rows * rows)


def unrolled(x: Any, reverse: bool = False) -> Any:
    """The same in Python, written out."""
    c, total = x, 0.0
    for k in (5, 4, 3, 2, 1) if reverse else (1, 2, 3, 4, 5):
        c = np.sin(c * x) + (k * x) * c
        total = total + (c * x) * (c * x)
    return c + total


@pytest.mark.parametrize("reverse", [False, True])
def test_loops(reverse):
    found = dk.taylor(lambda x: looped(x, reverse), 0.3, 6)
    reference = dk.taylor(lambda x: unrolled(x, reverse), 0.3, 6)
    np.testing.assert_allclose(found, reference, rtol=1e-11)
    assert found[2] == pytest.approx(nested(unrolled, 2, 0.3) / 2 if not reverse else found[2])


def test_a_loop_stays_one_loop_for_all_orders():
    graph = dk.trace(looped, 0.3)
    scans = [taylor_graph(graph, n, (0,)).operations().get("scan") for n in (1, 4, 8)]
    assert scans == [1, 1, 1] or scans == [2, 2, 2]  # the value's own loop may stand beside it


def test_a_loop_in_a_loop():
    def f(x: Any) -> Any:
        def inner(c: Any, _: Any) -> Any:
            return c * x + 0.1, None

        def outer(c: Any, _: Any) -> Any:
            return np.tanh(dk.scan(inner, c, None, length=3)[0]), None

        return dk.scan(outer, x, None, length=4)[0]

    np.testing.assert_allclose(
        dk.taylor(f, 0.8, 3, scaled=True), [float(nested(f, n, 0.8)) for n in range(4)], rtol=1e-11
    )


def test_the_loop_of_a_reverse_sweep():
    """It has sums over the steps and reads saved carries."""
    found = dk.taylor(dk.grad(looped), 0.3, 3)
    series = dk.taylor(unrolled, 0.3, 4)
    np.testing.assert_allclose(found, series[1:] * np.arange(1, 5), rtol=1e-11)


def test_a_long_chain_needs_no_recursion():
    kinds = np.random.default_rng(0).integers(0, 4, 3000)

    def chain(x: Any) -> Any:
        y = x
        for kind in kinds:
            y = (np.sin(y), y * x, y + 0.1, np.tanh(y))[kind]
        return y

    found = dk.taylor(chain, 0.5, 2, scaled=True, engine="interpret")
    reference = [float(nested(chain, n, 0.5)) for n in range(3)]
    np.testing.assert_allclose(found, reference, rtol=1e-9)


def test_a_net_along_a_direction():
    net = dk.nets.mlp([5, 4, 3], activation="tanh")
    loss = net.with_loss(dk.losses.cross_entropy)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(6, 5)), rng.integers(0, 3, 6)
    params, direction = net.init(0), net.init(1)
    found = dk.taylor(lambda p: loss(p, x, y), params, 3, direction=direction, scaled=True)
    gradient, product = (
        dk.grad(lambda p: loss(p, x, y))(params),
        dk.hvp(lambda p: loss(p, x, y), params, direction),
    )

    def inner(tree: Any) -> float:
        pairs = zip(flatten(tree)[0], flatten(direction)[0], strict=True)
        return sum(float(np.sum(a * b)) for a, b in pairs)

    np.testing.assert_allclose(found[:3], [loss(params, x, y), inner(gradient), inner(product)])


def test_branches_and_maps():
    def branched(x: Any) -> Any:
        return np.exp(x) if x > 0 else x * x

    np.testing.assert_allclose(dk.taylor(branched, 1.0, 2), np.e * np.array([1, 1, 0.5]))
    np.testing.assert_array_equal(dk.taylor(branched, -1.0, 2), [1, -2, 1])
    mapped = dk.vmap(lambda x: dk.taylor(np.sin, x, 2))(np.array([0.3, 1.0]))
    np.testing.assert_allclose(mapped, dk.taylor(np.sin, np.array([0.3, 1.0]), 2).T)


# Inside other derivatives -------------------------------------------------------------------------


def test_coefficients_can_be_differentiated():
    # d/dx Σₖ (eˣ)² over k = 0 … 3
    slope = dk.grad(lambda x: np.sum(dk.taylor(np.exp, x, 3, scaled=True) ** 2))(0.5)
    assert slope == pytest.approx(8 * np.exp(1.0), rel=1e-14)
    by_direction = dk.grad(
        lambda v: dk.taylor(lambda x: x[0] ** 2 * x[1], np.array([1.0, 2.0]), 3, direction=v)[3]
    )
    np.testing.assert_allclose(by_direction(np.array([1.0, 3.0])), [6.0, 1.0])


def test_no_confusion_of_nested_variables():
    # the closed-over x does not move with u
    f = lambda x: dk.taylor(lambda u: np.sin(u) * x, x, 3)[2]  # noqa: E731
    assert dk.grad(f)(0.5) == pytest.approx(-(np.cos(0.5) * 0.5 + np.sin(0.5)) / 2, rel=1e-14)
    # the direction is a value of the function itself
    g = lambda x: dk.taylor(lambda u: np.linalg.norm(u * u), x, 2, direction=x)[1]  # noqa: E731
    x = np.array([0.6, 0.8])
    np.testing.assert_allclose(dk.jacobian(g)(x), dk.grad(lambda x: 2 * np.linalg.norm(x * x))(x))


def test_a_series_of_a_series():
    f = lambda x: dk.taylor(np.sin, x, 2)[2]  # noqa: E731  (−sin x / 2)
    np.testing.assert_allclose(
        dk.taylor(f, 0.4, 3), -dk.taylor(np.sin, 0.4, 3) / 2, rtol=1e-13, atol=1e-16
    )


# Counting -----------------------------------------------------------------------------------------


def taylor_count(f: Any, order: int) -> int:
    return taylor_graph(dk.trace(f, 0.7), order, (0,)).operations()["total"]


def nested_count(f: Any, order: int) -> int:
    for _ in range(order):
        f = dk.derivative(f, 1, "forward")
    return dk.trace(f, 0.7).operations()["total"]


@pytest.mark.parametrize("name", ["exp", "sin", "tan", "log", "quotient", "bell", "nested"])
def test_operations_grow_quadratically(name):
    counts = [taylor_count(FUNCTIONS[name][0], n) for n in range(3, 13)]
    third = np.diff(counts, 3)
    # a square adds its middle term at every second order: no other growth is left
    assert np.max(np.abs(third)) <= 4
    assert counts[-1] <= 4.5 * counts[3]  # n doubles from 6 to 12


def test_nested_forward_mode_outgrows_it():
    f = FUNCTIONS["nested"][0]
    by_nesting = [nested_count(f, n) for n in (4, 7)]
    by_series = [taylor_count(f, n) for n in (4, 7)]
    assert by_nesting[1] / by_nesting[0] > 3.5
    assert by_series[1] / by_series[0] < 2.6
    assert by_series[1] < by_nesting[1]


# Random graphs ------------------------------------------------------------------------------------


@settings(max_examples=max(5, PROFILES["dev"] // 2), deadline=None)
@given(programs((*SMOOTH, *SHAPED), steps=4))
def test_random_graphs_agree_with_nested_forward_mode(program: Program) -> None:
    rng = np.random.default_rng(0)
    v = [np.round(rng.uniform(-1, 1, np.shape(x)), 2) for x in program.inputs]
    at = lambda xs: program(*xs)  # noqa: E731
    found = dk.taylor(at, list(program.inputs), 2, direction=v, engine="interpret")
    along = lambda t: program(*(x + t * d for x, d in zip(program.inputs, v, strict=True)))  # noqa: E731
    exact = [float(nested(along, n, 0.0)) / factorial(n) for n in range(3)]
    graph = pushforward_graph(pushforward_graph(dk.trace(along, 0.0)))
    state = run_all(graph, [0.0, 1.0, 1.0, 0.0])
    largest = max(float(np.max(np.abs(x), initial=1.0)) for x in map(np.asarray, state.values()))
    np.testing.assert_allclose(found, exact, atol=100 * EPSILON * len(state) * largest**2)


# Bad input ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [-1, 1.5, True, "2", None])
def test_orders_that_are_none(order):
    with pytest.raises(InputError, match="order of a Taylor polynomial"):
        dk.taylor(np.exp, 0.0, order)


def test_a_vector_needs_a_direction():
    with pytest.raises(ShapeError, match="needs a direction"):
        dk.taylor(np.sum, np.ones(2), 2)
    with pytest.raises(ShapeError, match="needs a direction"):
        dk.grad(lambda x: dk.taylor(lambda u: np.sum(u * u), x, 2)[1])(np.ones(2))
    with pytest.raises(ShapeError, match="direction has shape"):
        dk.taylor(np.sum, np.ones(2), 2, direction=np.ones(3))
    with pytest.raises(InputError, match="the variables are x, y"):
        dk.taylor(dk.parse("x*y"), {"x": 1.0, "y": 2.0}, 2, direction={"x": 1.0})


def test_the_estimators_are_refused_inside_a_capture():
    with pytest.raises(UnsupportedError, match="spsa"):
        dk.grad(lambda x: dk.grad(np.sin, method=dk.methods.SPSA(seed=0))(x))(0.3)
