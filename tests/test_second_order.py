"""Second derivatives: the Hessian in chunks, its products, Gauss–Newton, third order, repeats."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.differentiate import repeats
from diffkit.differentiate.curvature import gauss_newton_graph, hessian_product_graph
from diffkit.errors import DiffkitError, DomainWarning, InputError, ShapeError

RNG = np.random.default_rng


def rosenbrock(x: Any) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def net(x: Any) -> Any:
    w, v = np.reshape(x[:12], (4, 3)), x[12:15]
    data = np.linspace(-1, 1, 20).reshape(5, 4)
    z = np.tanh(data @ w) @ v
    return np.log(np.sum(np.exp(z))) + 0.1 * np.sum(w**2)


def recurrent(x: Any) -> Any:
    return dk.scan(lambda c, a: (np.tanh(c * a + 0.5), None), x[0], x)[0] * x[1]


SCALAR = [rosenbrock, net, recurrent]


def rosenbrock_hessian(x: np.ndarray) -> np.ndarray:
    """By hand."""
    n = x.size
    h = np.zeros((n, n))
    for i in range(n - 1):
        h[i, i] += 1200 * x[i] ** 2 - 400 * x[i + 1] + 2
        h[i + 1, i + 1] += 200
        h[i, i + 1] = h[i + 1, i] = -400 * x[i]
    return h


# The Hessian ------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["interpret", "machine"])
def test_the_hessian_of_rosenbrock(engine: str) -> None:
    x = RNG(0).normal(size=30)
    found = dk.hessian(rosenbrock, engine=engine)(x)
    np.testing.assert_allclose(found, rosenbrock_hessian(x), rtol=1e-14, atol=1e-12)


@pytest.mark.parametrize("f", SCALAR, ids=lambda f: f.__name__)
def test_hessians_do_not_depend_on_the_chunk(f: Callable[..., Any]) -> None:
    x = RNG(1).normal(size=15)
    whole = dk.hessian(f)(x)
    np.testing.assert_allclose(whole, whole.T, rtol=1e-12, atol=1e-13)
    for chunk in (1, 4, 100):
        for method in (dk.methods.Forward(chunk=chunk), dk.methods.Reverse(chunk=chunk)):
            found = dk.hessian(f, method=method)(x)
            np.testing.assert_allclose(found, whole, rtol=1e-13, atol=1e-14)


def test_hessians_of_trees_and_several_arguments() -> None:
    def f(a: Any, tree: dict[str, Any]) -> Any:
        return a**2 * np.sum(tree["w"] ** 3) + a * tree["b"]

    a, tree = 2.0, {"w": np.arange(1.0, 20.0), "b": 3.0}
    found = dk.hessian(f, argnums=(0, 1))(a, tree)
    assert found[0][0] == 2 * np.sum(tree["w"] ** 3)
    np.testing.assert_array_equal(found[0][1]["w"], 2 * a * 3 * tree["w"] ** 2)
    np.testing.assert_array_equal(found[1]["w"][0], found[0][1]["w"])
    np.testing.assert_array_equal(found[1]["w"][1]["w"], np.diag(a**2 * 6 * tree["w"]))
    assert found[1]["b"][0] == found[0][1]["b"] == 1.0
    assert found[1]["w"][1]["b"].shape == (19,)


def test_a_hessian_that_is_not_a_number_warns_and_says_where() -> None:
    with pytest.warns(DomainWarning):
        found = dk.hessian(lambda x: np.sum(np.sqrt(x) * x[0]))(np.array([0.0, 1.0]))
    assert not np.isfinite(found[0, 0])


def test_products_agree_with_the_hessian_on_all_engines() -> None:
    for f in SCALAR:
        x, v = RNG(2).normal(size=(2, 15))
        for engine in ("interpret", "machine"):
            found = dk.hvp(f, x, v, engine=engine)
            np.testing.assert_allclose(found, dk.hessian(f)(x) @ v, rtol=1e-11, atol=1e-12)


def test_a_product_is_one_graph_that_shares_the_gradient() -> None:
    graph = dk.trace(net, np.ones(15))
    product = hessian_product_graph(graph, (0,)).check()
    assert product.operations()["tanh"] == 1
    assert (
        product.operations()["total"]
        < 5 * dk.trace(dk.grad(net), np.ones(15)).operations()["total"]
    )


def test_products_have_the_tree_of_the_argument() -> None:
    x = {"a": np.array([1.0, 2.0]), "b": 3.0}
    found = dk.hvp(lambda t: np.sum(t["a"] ** 2) * t["b"], x, {"a": np.ones(2), "b": 1.0})
    np.testing.assert_array_equal(found["a"], [8.0, 10.0])
    assert found["b"] == 6.0
    assert dk.hvp(lambda x: x**3, 2.0, 1.0) == 12.0


# Third order and batches --------------------------------------------------------------------------


def test_third_order_by_nesting() -> None:
    assert dk.derivative(lambda x: x**5, order=3)(2.0) == 240.0
    x = RNG(3).normal(size=6)
    third = dk.jacobian(dk.hessian(rosenbrock))(x)
    wanted = np.zeros((6, 6, 6))
    for i in range(5):
        wanted[i, i, i] = 2400 * x[i]
        wanted[i, i, i + 1] = wanted[i, i + 1, i] = wanted[i + 1, i, i] = -400
    np.testing.assert_allclose(third, wanted, rtol=1e-13, atol=1e-11)


def test_third_order_agrees_with_differences_of_the_hessian() -> None:
    x = RNG(4).normal(size=15)
    step = 1e-5 * np.eye(15)[2]
    third = dk.jacobian(dk.hessian(net))(x)[..., 2]
    differences = (dk.hessian(net)(x + step) - dk.hessian(net)(x - step)) / 2e-5
    np.testing.assert_allclose(third, differences, rtol=1e-6, atol=1e-8)


def test_everything_maps_over_points() -> None:
    points, v = RNG(5).normal(size=(2, 4, 15))
    hessians = dk.vmap(dk.hessian(net))(points)
    products = dk.vmap(lambda x, v: dk.hvp(net, x, v))(points, v)
    curved = dk.vmap(lambda x, v: dk.gauss_newton_product(np.sin, x, v))(points, v)
    for k in range(4):
        np.testing.assert_allclose(hessians[k], dk.hessian(net)(points[k]), rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(products[k], hessians[k] @ v[k], rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(curved[k], np.cos(points[k]) ** 2 * v[k], rtol=1e-14)


# Gauss–Newton -------------------------------------------------------------------------------------


def model(x: Any) -> Any:
    return np.tanh(np.reshape(x[:12], (3, 4)) @ x[:4]) * x[12:15]


def soft(z: Any) -> Any:
    return np.log(np.sum(np.exp(z))) + 0.5 * z[0] * z[1]


@pytest.mark.parametrize("engine", ["interpret", "machine"])
@pytest.mark.parametrize("loss", [None, soft], ids=["squares", "soft"])
def test_the_gauss_newton_product(loss: Any, engine: str) -> None:
    x, v = RNG(6).normal(size=(2, 15))
    j, z = dk.jacobian(model)(x), model(x)
    curvature = np.eye(3) if loss is None else dk.hessian(loss)(z)
    found = dk.gauss_newton_product(model, x, v, loss, engine=engine)
    np.testing.assert_allclose(found, j.T @ curvature @ j @ v, rtol=1e-12, atol=1e-14)


def test_gauss_newton_is_the_hessian_of_a_loss_of_a_linear_model() -> None:
    a = RNG(7).normal(size=(3, 5))
    x, v = RNG(8).normal(size=(2, 5))
    found = dk.gauss_newton_product(lambda x: a @ x, x, v, soft)
    np.testing.assert_allclose(found, dk.hvp(lambda x: soft(a @ x), x, v), rtol=1e-12)


def test_gauss_newton_of_trees() -> None:
    def outputs(t: Any) -> Any:
        return {"p": t["a"] * t["b"], "q": np.sin(t["a"]), "n": np.argmax(t["a"])}

    def loss(z: Any) -> Any:
        return np.sum(z["p"] ** 2) + np.sum(z["q"] * z["p"])

    x = {"a": np.array([0.3, 0.7]), "b": 2.0}
    v = {"a": np.array([1.0, -1.0]), "b": 0.5}
    z_dot = dk.jvp(outputs, (x,), (v,))[1]
    z = outputs(x)
    p_bar = 2 * z_dot["p"] + z_dot["q"]
    found = dk.gauss_newton_product(outputs, x, v, loss)
    np.testing.assert_allclose(found["b"], np.sum(p_bar * x["a"]), rtol=1e-14)
    wanted = p_bar * x["b"] + z_dot["p"] * np.cos(x["a"])
    np.testing.assert_allclose(found["a"], wanted, rtol=1e-14)
    assert z["n"] == 1


def test_gauss_newton_is_one_graph() -> None:
    graph, loss = dk.trace(model, np.ones(15)), dk.trace(soft, np.ones(3))
    product = gauss_newton_graph(graph, (0,), loss).check()
    assert product.operations()["tanh"] == 1
    assert gauss_newton_graph(graph, (0,), loss) is product


def test_gauss_newton_can_be_differentiated() -> None:
    v = RNG(9).normal(size=15)

    def length(x: Any) -> Any:
        return np.sum(dk.gauss_newton_product(model, x, v, soft) * v)

    x = RNG(10).normal(size=15)
    step = 1e-6 * np.eye(15)[3]
    slope = (length(x + step) - length(x - step)) / 2e-6
    np.testing.assert_allclose(dk.grad(length)(x)[3], slope, rtol=1e-6)


# Repeated calls -----------------------------------------------------------------------------------


def test_repeated_calls_are_never_stale() -> None:
    scale = np.array([1.0])
    x, v = np.array([1.0, 2.0]), np.array([1.0, 1.0])

    def f(x: Any) -> Any:
        return np.sum(x**3) * scale[0]

    hessian = dk.hessian(f, engine="machine")
    for value in (1.0, 1.0, 2.0, 3.0, 1.0):
        scale[0] = value
        for _ in range(2):
            wanted = 6 * x * value
            np.testing.assert_array_equal(dk.hvp(f, x, v, engine="machine"), wanted)
            np.testing.assert_array_equal(hessian(x), np.diag(wanted))
            found = dk.gauss_newton_product(f, x, v, engine="machine")
            slope = 3 * x**2 * value
            np.testing.assert_allclose(found, slope * (slope @ v), rtol=1e-15)


def test_repeated_calls_take_other_shapes_and_kinds() -> None:
    hessian = dk.hessian(lambda x: np.sum(x**3), engine="machine")
    for _ in range(2):
        for x in (np.ones(2), np.ones(3), np.ones(2, np.float32), np.ones((2, 2)), np.ones(2, int)):
            found = hessian(x)
            assert found.shape == x.shape * 2
            assert found.dtype == (np.float32 if x.dtype == np.float32 else np.float64)
        assert dk.hessian(lambda x: x**3)(2.0) == 12.0


def test_a_repeated_call_does_not_capture_again() -> None:
    seen = []

    def f(x: Any) -> Any:
        seen.append(1)
        return np.sum(x**3)

    quiet = dk.trace(lambda x: np.sum(x**3), np.ones(2))
    x = np.array([1.0, 2.0])
    for _ in range(3):
        dk.hvp(quiet, x, x, engine="machine")
    entry = repeats.repeats_of("hvp", "machine", quiet)
    assert len(entry.calls) == 1
    count = len(seen)
    dk.hvp(f, x, x, engine="machine")
    assert len(seen) > count  # what a function appends cannot be watched, so it runs every time


def test_few_functions_are_kept_alive() -> None:
    for k in range(3 * repeats.MOST_FUNCTIONS):
        assert dk.hvp(lambda x, k=k: k * x**2, 1.0, 1.0) == 2 * k
    assert len(repeats._recent) <= repeats.MOST_FUNCTIONS


def test_a_method_is_recognised_whenever_it_is_looked_up() -> None:
    class Model:
        def loss(self, x: Any) -> Any:
            return np.sum(x**2)

    model = Model()
    first = repeats.repeats_of("hvp", "auto", model.loss)
    assert repeats.repeats_of("hvp", "auto", model.loss) is first
    assert repeats.repeats_of("hvp", "auto", Model().loss) is not first


def test_a_branch_is_taken_anew() -> None:
    def f(x: Any) -> Any:
        return np.sum(x**2) if x[0] > 0 else np.sum(x**3)

    hessian = dk.hessian(f, engine="machine")
    for x in ([1.0, 2.0], [-1.0, 2.0], [1.0, 2.0]):
        wanted = 2 * np.eye(2) if x[0] > 0 else np.diag(6 * np.array(x))
        np.testing.assert_array_equal(hessian(np.array(x)), wanted)
        np.testing.assert_array_equal(dk.hvp(f, np.array(x), np.ones(2)), wanted @ np.ones(2))


# Bad input ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", [dk.hvp, dk.gauss_newton_product])
def test_vectors_of_other_shapes_are_refused(verb: Any) -> None:
    with pytest.raises(ShapeError, match="tangent"):
        verb(rosenbrock, np.ones(3), np.ones(4))
    with pytest.raises(InputError):
        verb(rosenbrock, np.ones(3), {"a": np.ones(3), "b": 1.0})


def test_what_is_no_scalar_is_refused() -> None:
    for attempt in (
        lambda: dk.hvp(np.sin, np.ones(3), np.ones(3)),
        lambda: dk.hessian(np.sin)(np.ones(3)),
        lambda: dk.gauss_newton_product(np.sin, np.ones(3), np.ones(3), np.cos),
        lambda: dk.gauss_newton_product(np.argmax, np.ones(3), np.ones(3)),
    ):
        with pytest.raises(ShapeError) as caught:
            attempt()
        assert "\n" not in str(caught.value).split("hint")[0].strip()


def test_what_is_no_function_is_refused() -> None:
    no_function: Any = 3.0
    for verb in (dk.hvp, dk.gauss_newton_product):
        with pytest.raises(DiffkitError, match="function"):
            verb(no_function, 1.0, 1.0)
