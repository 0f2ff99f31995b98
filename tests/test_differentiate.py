"""The interface: what a user calls, on arguments of every kind, nested and repeated."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.differentiate.reverse import gradient_graph
from diffkit.errors import GuardError

METHODS = ("symbolic", "finite", "complex", "forward", "reverse")
EXACT = ("symbolic", "complex", "forward", "reverse")
# Finite differences with an automatic step: about ε^⅔ of the third derivative.
LOOSE = 1e-7


def baydin(x1: Any, x2: Any) -> Any:
    """ln x₁ + x₁x₂ − sin x₂, the example of Baydin et al. 2018."""
    return np.log(x1) + x1 * x2 - np.sin(x2)


def rosenbrock(x: Any) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def tolerance(method: str) -> float:
    return LOOSE if method == "finite" else 4 * np.finfo(float).eps


# grad and value_and_grad ------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_grad_of_baydin(method: str) -> None:
    x1_bar, x2_bar = dk.grad(baydin, argnums=(0, 1), method=method)(2.0, 5.0)
    assert x1_bar == pytest.approx(5.5, rel=tolerance(method))
    assert x2_bar == pytest.approx(2 - math.cos(5.0), rel=tolerance(method))


@pytest.mark.parametrize("method", METHODS)
def test_grad_of_one_argument_has_its_shape(method: str) -> None:
    x = np.array([0.5, -0.25, 1.5])
    found = dk.grad(rosenbrock, method=method)(x)
    expected = np.array(
        [
            -400 * x[0] * (x[1] - x[0] ** 2) - 2 * (1 - x[0]),
            200 * (x[1] - x[0] ** 2) - 400 * x[1] * (x[2] - x[1] ** 2) - 2 * (1 - x[1]),
            200 * (x[2] - x[1] ** 2),
        ]
    )
    assert found.shape == x.shape
    assert np.allclose(found, expected, rtol=1e-6 if method == "finite" else 1e-14)


def test_argnums_as_number_and_as_tuple() -> None:
    assert dk.grad(baydin, argnums=1)(2.0, 5.0) == dk.grad(baydin, argnums=(1,))(2.0, 5.0)[0]
    both = dk.grad(baydin, argnums=(1, 0))(2.0, 5.0)
    assert isinstance(both, tuple)
    assert both == dk.grad(baydin, argnums=(0, 1))(2.0, 5.0)[::-1]


def test_value_and_grad() -> None:
    value, (x1_bar, x2_bar) = dk.value_and_grad(baydin, argnums=(0, 1))(2.0, 5.0)
    assert value == pytest.approx(11.652071455223084, rel=1e-15)
    assert (x1_bar, x2_bar) == dk.grad(baydin, argnums=(0, 1))(2.0, 5.0)


@pytest.mark.parametrize("method", ("reverse", "forward", "complex", "finite"))
def test_trees_of_arguments(method: str) -> None:
    def loss(params: dict, scale: Any) -> Any:
        hidden = np.tanh(params["w"] @ params["x"][0] + params["b"])
        return scale * np.sum(hidden * params["x"][1])

    params = {
        "w": np.array([[0.5, -0.25], [0.75, 0.1]]),
        "b": np.array([0.1, -0.2]),
        "x": [np.array([0.3, 0.7]), (np.float64(1.5))],
    }
    found = dk.grad(loss, method=method)(params, 2.0)
    assert set(found) == {"w", "b", "x"}
    assert isinstance(found["x"], list)
    assert found["w"].shape == (2, 2) and found["b"].shape == (2,)
    slope = 1 - np.tanh(params["w"] @ params["x"][0] + params["b"]) ** 2
    assert np.allclose(found["b"], 2.0 * 1.5 * slope, rtol=1e-6)
    hidden = np.tanh(params["w"] @ params["x"][0] + params["b"])
    assert np.allclose(found["x"][1], 2.0 * hidden.sum(), rtol=1e-6)


def test_static_arguments_choose_the_graph() -> None:
    def powered(x: Any, kind: str, square: bool = False) -> Any:
        y = np.sin(x) if kind == "sin" else np.cos(x)
        return y * y if square else y

    assert dk.grad(powered)(0.5, "sin") == np.cos(0.5)
    assert dk.grad(powered)(0.5, "cos") == -np.sin(0.5)
    assert dk.grad(powered)(0.5, "sin", square=True) == pytest.approx(np.sin(1.0), rel=1e-15)


def test_float32_stays_float32() -> None:
    x = np.array([0.5, 1.5], dtype=np.float32)
    found = dk.grad(lambda x: np.sum(np.sin(x) * 2.0))(x)
    assert found.dtype == np.float32
    assert np.allclose(found, 2 * np.cos(x), rtol=1e-6)


def test_a_graph_is_accepted_in_place_of_a_function() -> None:
    graph = dk.trace(baydin, 2.0, 5.0)
    assert dk.grad(graph)(2.0, 5.0) == dk.grad(baydin)(2.0, 5.0)


def test_a_graph_from_text_gives_all_derivatives_by_name() -> None:
    graph = dk.parse("log(x1) + x1*x2 - sin(x2)")
    found = dk.grad(graph)(x1=2.0, x2=5.0)
    assert found["x1"] == 5.5
    assert found["x2"] == pytest.approx(1.7163378145367738, rel=1e-15)


def test_methods_with_options() -> None:
    finite = dk.methods.Finite(accuracy=6)
    assert dk.grad(np.sin, method=finite)(0.5) == pytest.approx(np.cos(0.5), rel=1e-10)


# derivative, jacobian, hessian ------------------------------------------------------------------


@pytest.mark.parametrize("order", (1, 2, 3, 4))
def test_derivatives_of_any_order(order: int) -> None:
    found = dk.derivative(np.sin, order=order)(0.75)
    assert found == pytest.approx(math.sin(0.75 + order * math.pi / 2), rel=1e-14)


@pytest.mark.parametrize("method", ("symbolic", "forward", "reverse"))
def test_second_derivative_by_every_graph_method(method: str) -> None:
    found = dk.derivative(lambda x: np.exp(2 * x) * x, order=2, method=method)(0.5)
    assert found == pytest.approx((4 + 4 * 0.5) * math.exp(1.0), rel=1e-14)


@pytest.mark.parametrize("method", METHODS)
def test_jacobian_of_a_vector_function(method: str) -> None:
    def spherical(p: Any) -> Any:
        r, theta = p[0], p[1]
        return np.array([r * np.cos(theta), r * np.sin(theta), r * r])

    p = np.array([1.5, 0.5])
    expected = [
        [math.cos(0.5), -1.5 * math.sin(0.5)],
        [math.sin(0.5), 1.5 * math.cos(0.5)],
        [3.0, 0.0],
    ]
    found = dk.jacobian(spherical, method=method)(p)
    assert found.shape == (3, 2)
    assert np.allclose(found, expected, rtol=LOOSE, atol=1e-9)


def test_hessian_is_symmetric_and_right() -> None:
    x = np.array([0.5, -0.25, 1.5])
    hessian = dk.hessian(rosenbrock)(x)
    expected = np.zeros((3, 3))
    for i in range(2):
        expected[i, i] += 1200 * x[i] ** 2 - 400 * x[i + 1] + 2
        expected[i + 1, i + 1] += 200
        expected[i, i + 1] -= 400 * x[i]
        expected[i + 1, i] -= 400 * x[i]
    assert np.allclose(hessian, expected, rtol=1e-13)
    assert np.allclose(hessian, hessian.T, rtol=1e-15)


def test_hvp_is_the_hessian_times_the_vector() -> None:
    x, v = np.array([0.5, -0.25, 1.5]), np.array([1.0, -2.0, 0.5])
    assert np.allclose(dk.hvp(rosenbrock, x, v), dk.hessian(rosenbrock)(x) @ v, rtol=1e-13)


# jvp, vjp, linearize -------------------------------------------------------------------------


def test_jvp_vjp_and_linearize_agree() -> None:
    def f(x: Any, w: Any) -> Any:
        return np.tanh(x @ w)

    x, w = np.array([[0.5, -1.0]]), np.array([[0.25, 1.0], [-0.5, 0.75]])
    x_dot, w_dot = np.array([[1.0, 0.5]]), np.array([[0.0, 1.0], [2.0, -1.0]])
    y, y_dot = dk.jvp(f, (x, w), (x_dot, w_dot))
    same, pullback = dk.vjp(f, x, w)
    assert np.array_equal(y, f(x, w)) and np.array_equal(y, same)
    y_bar = np.array([[1.0, -0.5]])
    x_bar, w_bar = pullback(y_bar)
    assert x_bar.shape == x.shape and w_bar.shape == w.shape
    assert np.vdot(y_bar, y_dot) == pytest.approx(
        np.vdot(x_bar, x_dot) + np.vdot(w_bar, w_dot), rel=1e-14
    )
    again, pushforward = dk.linearize(f, x, w)
    assert np.array_equal(again, y)
    assert np.allclose(pushforward(x_dot, w_dot), y_dot, rtol=1e-15)
    assert np.allclose(pushforward(2 * x_dot, 2 * w_dot), 2 * y_dot, rtol=1e-15)


# Nesting ---------------------------------------------------------------------------------------


def test_no_perturbation_confusion() -> None:
    """d/dx [x · d/dy (x + y)] = 1 (Siskind & Pearlmutter 2005 get 2 from confused tangents)."""
    for outer in ("forward", "reverse"):
        for inner in ("forward", "reverse"):

            def product(x: Any, inner: str = inner) -> Any:
                return x * dk.derivative(lambda y: x + y, method=inner)(1.0)

            assert dk.derivative(product, method=outer)(1.0) == 1.0


def test_inner_derivative_at_the_outer_variable() -> None:
    """d/dx [d/dy (x·y²) at y = x] = d/dx 2x² = 4x."""
    nested = dk.grad(lambda x: dk.grad(lambda y: x * y**2)(x))
    assert nested(1.5) == 6.0


@pytest.mark.parametrize("outer", ("forward", "reverse"))
@pytest.mark.parametrize("inner", ("forward", "reverse"))
def test_nested_modes(outer: str, inner: str) -> None:
    second = dk.grad(dk.grad(lambda x: np.exp(x) * np.sin(x), method=inner), method=outer)
    assert second(0.5) == pytest.approx(2 * math.exp(0.5) * math.cos(0.5), rel=1e-14)


def test_jacobian_of_grad_is_the_hessian() -> None:
    x = np.array([0.5, -0.25, 1.5])
    nested = dk.jacobian(dk.grad(rosenbrock), method="forward")(x)
    assert np.allclose(nested, dk.hessian(rosenbrock)(x), rtol=1e-13)


def test_gradient_step_can_be_differentiated() -> None:
    """d/dη of f(x − η f′(x)) for f = x²: x²(1 − 2η)² → −4x²(1 − 2η)."""

    def after_step(rate: Any) -> Any:
        x = 1.5
        return (x - rate * dk.grad(lambda z: z * z)(x)) ** 2

    assert dk.grad(after_step)(0.1) == pytest.approx(-4 * 1.5**2 * 0.8, rel=1e-14)


# No stale answers --------------------------------------------------------------------------------


def test_closure_over_an_array_that_changes() -> None:
    weights = np.array([1.0, 2.0, 3.0])
    gradient = dk.grad(lambda x: np.sum(weights * x))
    x = np.ones(3)
    assert np.array_equal(gradient(x), [1, 2, 3])
    weights[1] = 20.0
    assert np.array_equal(gradient(x), [1, 20, 3])


def test_closure_over_a_number_that_changes() -> None:
    factor = 2.0

    def f(x: Any) -> Any:
        return factor * x

    gradient = dk.grad(f)
    assert gradient(1.0) == 2.0
    factor = 5.0
    assert gradient(1.0) == 5.0


SCALE = 3.0


def test_global_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    def f(x: Any) -> Any:
        return SCALE * x

    gradient = dk.grad(f)
    assert gradient(1.0) == 3.0
    monkeypatch.setattr(sys.modules[__name__], "SCALE", 7.0)
    assert gradient(1.0) == 7.0


def test_attribute_and_container_that_change() -> None:
    class Model:
        rate = 2.0

    settings = {"power": 2}
    model = Model()
    gradient = dk.grad(lambda x: model.rate * x ** settings["power"])
    assert gradient(3.0) == 12.0
    model.rate = 3.0
    assert gradient(3.0) == 18.0
    settings["power"] = 3
    assert gradient(3.0) == 81.0


def test_result_is_not_changed_by_later_calls() -> None:
    gradient = dk.grad(lambda x: np.sum(x * x))
    first = gradient(np.array([1.0, 2.0]))
    gradient(np.array([5.0, 6.0]))
    assert np.array_equal(first, [2.0, 4.0])


def test_arguments_are_not_changed() -> None:
    x = np.array([1.0, 2.0])
    before = x.tobytes()
    for method in METHODS:
        dk.grad(rosenbrock, method=method)(x)
    assert x.tobytes() == before


def test_shapes_may_change_between_calls() -> None:
    gradient = dk.grad(lambda x: np.sum(x**2))
    for n in (1, 3, 2):
        assert np.array_equal(gradient(np.arange(n, dtype=float)), 2.0 * np.arange(n))
    assert gradient(3.0) == 6.0


# Branches ----------------------------------------------------------------------------------------


def branching(x: Any) -> Any:
    if x > 0:
        return np.sin(x)
    return x * x


@pytest.mark.parametrize("method", METHODS)
def test_branches_are_captured_again(method: str) -> None:
    gradient = dk.grad(branching, method=method)
    assert gradient(0.5) == pytest.approx(np.cos(0.5), rel=LOOSE)
    assert gradient(-0.5) == pytest.approx(-1.0, rel=LOOSE)
    assert gradient(0.75) == pytest.approx(np.cos(0.75), rel=LOOSE)


def test_bare_graph_refuses_the_other_branch() -> None:
    graph = dk.trace(branching, 0.5)
    assert graph(0.75) == pytest.approx(np.sin(0.75), rel=1e-15)
    with pytest.raises(GuardError, match="would go the other way") as caught:
        graph(-1.0)
    assert "test_differentiate.py" in str(caught.value)
    with pytest.raises(GuardError):
        dk.grad(graph)(-1.0)


def test_loop_whose_length_depends_on_the_value() -> None:
    def newton_root(x: Any) -> Any:
        guess = x
        while abs(guess * guess - x) > 1e-12:
            guess = 0.5 * (guess + x / guess)
        return guess

    for x in (2.0, 3.0, 100.0):
        assert dk.grad(newton_root)(x) == pytest.approx(0.5 / math.sqrt(x), rel=1e-9)


def test_many_branches_do_not_give_wrong_answers() -> None:
    def steps(x: Any) -> Any:
        for bound in range(20):
            if x < bound:
                return bound * x
        return x

    gradient = dk.grad(steps)
    for bound in [*range(1, 20), *range(1, 20)]:
        assert gradient(bound - 0.5) == bound


# Long chains ---------------------------------------------------------------------------------


def test_chain_of_100_000_operations() -> None:
    """Captured, printed, checked, differentiated and run, with no recursion error."""
    steps = 50_000

    def chain(x: Any) -> Any:
        for k in range(steps):
            x = x * 0.99999 + (1e-7 if k % 2 else -1e-7)
        return x

    graph = dk.trace(chain, 1.0)
    assert graph.check().operations()["total"] == 2 * steps
    assert len(str(graph).splitlines()) < 200  # abridged
    assert repr(graph)
    expected = pytest.approx(0.99999**steps, rel=1e-10)
    value, slope = gradient_graph(graph).check()(1.0)
    assert value == graph(1.0)
    assert slope == expected
    assert dk.grad(graph, method="forward")(1.0) == expected
