"""``dk.vmap`` gives what a loop over the examples gives: derivatives, nets, trees, nesting.

Single operations are in ``test_vmap_primitives.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import optree
import pytest
from mapped import assert_same, loop, stacked

import diffkit as dk
from diffkit.capture.capturing import capture
from diffkit.differentiate import function
from diffkit.differentiate.batching import batched_graph
from diffkit.errors import (
    DataDependentError,
    DiffkitError,
    DomainWarning,
    InputError,
    LeakedTracerError,
    ShapeError,
)

RNG = np.random.default_rng


# Derivatives ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "net", [dk.nets.mlp([64, 32, 10], activation="tanh"), dk.nets.cnn()], ids=["mlp", "cnn"]
)
def test_gradients_per_example_over_digits(net: Any) -> None:
    data, count = dk.datasets.digits(), 6
    loss, params = net.with_loss(dk.losses.cross_entropy), net.init(0)

    def one(params: Any, x: Any, y: Any) -> Any:
        return loss(params, x[None], y[None])

    x, y = data.x[:count], data.y[:count]
    got = dk.vmap(dk.grad(one), (None, 0, 0))(params, x, y)
    slope = dk.grad(one)
    assert_same(got, stacked([slope(params, *pair) for pair in zip(x, y, strict=True)]))
    mean = optree.tree_map(lambda rows: rows.mean(axis=0), got)
    assert_same(mean, dk.grad(loss)(params, x, y))


W, X = RNG(2).normal(size=(3, 2)), RNG(3).normal(size=(4, 3))


def readout(w: Any, x: Any) -> Any:
    """A smooth scalar function of a matrix and a vector."""
    return np.sum(np.tanh(x @ w) ** 2) + x[0] * np.max(x)


@pytest.mark.parametrize(
    "f",
    [
        dk.grad(readout, argnums=(0, 1)),
        dk.value_and_grad(readout, method="forward"),
        dk.jacobian(lambda w, x: x @ w * x[:2], argnums=1),
        dk.hessian(readout, argnums=1),
        lambda w, x: dk.jvp(lambda v: readout(w, v), (x,), (x * x,)),
        lambda w, x: dk.vjp(readout, w, x)[1](2.0),
        lambda w, x: dk.hvp(lambda v: readout(w, v), x, x),
        lambda w, x: dk.linearize(readout, w, x)[1](w, x),
        lambda w, x: dk.derivative(lambda t: readout(w, t * x), order=2)(0.3),
    ],
)
def test_derivatives_map_as_a_loop(f: Callable[..., Any]) -> None:
    assert_same(dk.vmap(f, (None, 0))(W, X), loop(f, [W, X], (None, 0)))
    assert_same(dk.vmap(f)(np.stack([W, -W]), X[:2]), loop(f, [np.stack([W, -W]), X[:2]], (0, 0)))


def test_the_gradient_of_a_mapped_function() -> None:
    def total(w: Any) -> Any:
        return np.sum(dk.vmap(readout, (None, 0))(w, X))

    assert_same(dk.grad(total)(W), sum(dk.grad(readout)(W, x) for x in X))

    def with_closure(w: Any) -> Any:  # w reaches the function from outside, and is traced
        return np.sum(dk.vmap(lambda x: readout(w, x))(X))

    assert_same(dk.grad(with_closure)(W), dk.grad(total)(W))
    assert_same(dk.hessian(with_closure)(W), dk.hessian(total)(W))


def test_loops_are_mapped() -> None:
    def compound(rate: Any, start: Any) -> Any:
        return dk.scan(lambda x, step: (x * rate + step, x), start, np.arange(3.0))

    rates, starts = np.array([0.5, 2.0]), np.array([1.0, -1.0])
    for axes, args in (((0, 0), [rates, starts]), ((0, None), [rates, 1.0])):
        assert_same(dk.vmap(compound, axes)(*args), loop(compound, args, axes))
    slope = dk.grad(lambda rate, start: compound(rate, start)[0])
    assert_same(dk.vmap(slope)(rates, starts), loop(slope, [rates, starts], (0, 0)))


def test_a_selected_branch_keeps_its_gradient() -> None:
    slope = dk.grad(lambda x: np.where(x > 0, np.log(x), 0.0))
    assert dk.vmap(slope)(np.array([0.0, 2.0, -1.0])).tolist() == [0.0, 0.5, 0.0]


# Axes, trees, nesting ---------------------------------------------------------------------------


def test_axes_of_arguments_and_results() -> None:
    def f(x: Any, y: Any) -> Any:
        return x * y, x + 1.0

    x, y = RNG(0).normal(size=(3, 4)), RNG(1).normal(size=3)
    first, second = dk.vmap(f, (1, None), (-1, 0))(x, y)
    assert_same(first, x * y[:, None])
    assert_same(second, x.T + 1.0)
    assert_same(dk.vmap(f, (-1, None), (1, 1))(x, y), (x * y[:, None], x + 1.0))


def test_trees_and_prefixes() -> None:
    def f(params: Any, x: Any, scale: float = 1.0, kind: str = "sum") -> Any:
        y = params["layers"][0] @ x + params["b"]
        return {"y": y * scale if kind == "sum" else y, "b": params["b"]}

    params = {"layers": [RNG(0).normal(size=(5, 2, 3))], "b": 0.5}
    x = RNG(1).normal(size=(3, 5))
    axes = ({"layers": 0, "b": None}, 1)
    got = dk.vmap(f, axes, {"y": 1, "b": None})(params, x, scale=2.0, kind="sum")
    expected = np.stack([2 * (w @ v + 0.5) for w, v in zip(params["layers"][0], x.T, strict=True)])
    assert_same(got, {"y": expected.T, "b": np.float64(0.5)})
    spread = dk.vmap(f, axes)(params, x)
    assert spread["b"].tolist() == [0.5] * 5


def test_two_axes_of_examples() -> None:
    x, y = RNG(0).normal(size=4), RNG(1).normal(size=5)
    table = dk.vmap(dk.vmap(np.multiply, (None, 0)), (0, None))
    assert_same(table(x, y), np.outer(x, y), 0.0)

    def weighted(w: Any) -> Any:
        return np.sum(dk.vmap(lambda a: dk.vmap(lambda b: np.sin(w * a * b))(y))(x))

    xy = np.outer(x, y)
    assert_same(dk.grad(weighted)(0.3), np.sum(xy * np.cos(0.3 * xy)))
    assert_same(dk.trace(table, x, y)(x, y), np.outer(x, y), 0.0)


def test_graphs_are_mapped_too() -> None:
    graph = dk.trace(readout, W, X[0])
    expected = loop(readout, [W, X], (None, 0))
    assert_same(dk.vmap(graph, (None, 0))(W, X), expected)
    assert_same(dk.vmap(graph, (None, 0))(W, X.astype(int)).dtype, np.dtype(float))
    text, x = dk.parse("x*y + sin(x)"), np.array([0.5, 1.5])
    assert_same(dk.vmap(text)(x=x, y=x), x * x + np.sin(x), 0.0)
    assert_same(dk.vmap(text, {"y": 0})(x=2.0, y=x), 2.0 * x + np.sin(2.0), 0.0)
    assert_same(dk.vmap(text, (0, None))(x, 2.0), x * 2.0 + np.sin(x), 0.0)
    both = dk.trace(lambda v: dk.vmap(text, {"x": 0})(x=v, y=1.0), x)
    assert_same(both(x), x + np.sin(x), 0.0)


def test_no_examples_give_an_empty_result() -> None:
    def f(x: Any) -> Any:
        return np.tanh(x) @ x, np.argmax(x), 1.0

    empty = np.zeros((0, 3))
    expected = (np.zeros(0), np.zeros(0, np.intp), np.zeros(0))
    assert_same(dk.vmap(f)(empty), expected)
    assert_same(dk.trace(dk.vmap(f), empty)(empty), expected)


# One graph --------------------------------------------------------------------------------------


def test_the_graph_keeps_names_and_lines_and_computes_shared_values_once() -> None:
    def model(w: Any, x: Any) -> Any:
        scale = np.sum(w * w)
        h = np.tanh(x @ w)
        return np.sum(h) / scale

    graph = batched_graph(dk.trace(dk.grad(model), W, X[0]), (None, 0), 4)
    text = str(graph.check())
    assert "scale:f64 = sum" in text and "h:f64[4,2] = " in text
    assert "w_bar:f64[4,3,2] = " in text and "(vjp of tanh)" in text
    assert "test_vmap.py" in text and "(vmap of matmul)" in text
    assert graph.operations()["tanh"] == 1
    assert graph(W, X).shape == (4, 3, 2)


def test_a_function_is_captured_once_and_again_when_what_it_reads_changes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    captures: list[Any] = []

    def counting(*call: Any) -> Any:
        captures.append(call)
        return capture(*call)

    monkeypatch.setattr(function, "capture", counting)
    rate, x = 2.0, np.arange(3.0)
    mapped = dk.vmap(lambda x: x * rate)
    for size in (3, 2, 3):  # the graph of one example serves any number of them
        assert mapped(x[:size]).tolist() == [0.0, 2.0, 4.0][:size]
    assert len(captures) == 1
    rate = 5.0
    assert mapped(x).tolist() == [0.0, 5.0, 10.0]
    assert len(captures) == 2


def test_compiled_code_runs_the_mapped_graph() -> None:
    got = dk.vmap(lambda x, y: np.sin(x) * y, (0, None), engine="specialise")(X[0], 2.0)
    assert_same(got, np.sin(X[0]) * 2.0)


def test_a_nan_is_told() -> None:
    with pytest.warns(DomainWarning, match="a NaN was born in log"):
        assert np.isnan(dk.vmap(np.log)(np.array([1.0, -1.0]))).tolist() == [False, True]


# Refusals ---------------------------------------------------------------------------------------


def branching(w: Any, x: Any) -> Any:
    """Two branches on one comparison."""
    return w * x if w * x > 0 else -x


def test_a_branch_on_what_differs_is_refused_with_its_line() -> None:
    told = r"(?s)a branch depends on .*test_vmap.py:\d+ +return w \* x if .*hint: write np.where"
    mapped, x = dk.vmap(branching, (None, 0)), np.array([1.0, 2.0])
    graph = dk.vmap(dk.trace(branching, 1.0, 1.0), (None, 0))
    for call in (mapped, graph, lambda w, x: dk.trace(mapped, w, x)):
        with pytest.raises(DataDependentError, match=told):
            call(1.0, x)


def test_a_branch_on_what_is_shared_is_followed() -> None:
    mapped = dk.vmap(lambda w, x: w * x if w > 0 else -x, (None, 0))
    x = np.array([1.0, 2.0])
    for w, expected in ((3.0, 3.0 * x), (-3.0, -x), (2.0, 2.0 * x)):
        assert_same(mapped(w, x), expected)
        assert_same(dk.trace(mapped, w, x)(w, x), expected)


@pytest.mark.parametrize("call", [lambda f, x: dk.trace(f, x)(x), lambda f, x: dk.grad(f)(x)])
def test_a_value_of_one_example_cannot_leave(call: Callable[..., Any]) -> None:
    kept: list[Any] = []

    def total(x: Any) -> Any:
        y = dk.vmap(lambda v: (kept.append(2 * v), v * v)[1])(x)
        return np.sum(y) + kept[-1]

    with pytest.raises(LeakedTracerError, match="a value of a single example was kept"):
        call(total, np.ones(3))


@pytest.mark.parametrize(
    ("in_axes", "out_axes", "args", "error", "told"),
    [
        (0, 0, (W, X), ShapeError, r"numbers of examples: 3 in w \(axis 0\), 4 in x \(axis 0\)"),
        ((None, 2), 0, (W, X), ShapeError, r"in_axes gives axis 2 for x, .* shape \[4, 3\]"),
        ((None, -3), 0, (W, X), ShapeError, "in_axes gives axis -3 for x"),
        ((None, 0), 0, (W, 1.0), ShapeError, "x is a single number"),
        (None, 0, (W, X), InputError, "no argument has an axis of examples"),
        ((0,), 0, (W, X), InputError, "in_axes has 1 entries, but there are 2"),
        ((None, [0]), 0, (W, X), InputError, r"in_axes\[1\] = \[0\] does not fit argument 1"),
        ((None, 0.5), 0, (W, X), InputError, "in_axes.* holds 0.5, which is not an axis"),
        ((None, True), 0, (W, X), InputError, "holds True"),
        ("rows", 0, (W, X), InputError, "in_axes='rows' is not an axis"),
        ((None, 0), 1, (W, X), ShapeError, "out_axes gives axis 1 for a result"),
        ((None, 0), (0, 0), (W, X), InputError, "out_axes = .* does not fit the result"),
        ((None, 0), None, (W, X), InputError, "out_axes is None for a result that differs"),
    ],
)
def test_axes_that_do_not_fit_are_refused(
    in_axes: Any, out_axes: Any, args: Any, error: type[DiffkitError], told: str
) -> None:
    mapped = dk.vmap(lambda w, x: np.sum(w) + np.sum(x), in_axes, out_axes)
    for call in (mapped, lambda *args: dk.trace(mapped, *args)):
        with pytest.raises(error, match=told) as caught:
            call(*args)
        assert caught.value.hint


def test_variables_that_do_not_fit_are_refused() -> None:
    text = dk.parse("x*y")
    with pytest.raises(InputError, match="in_axes names 'z', but the variables are x, y"):
        dk.vmap(text, {"z": 0})(x=X[0], y=1.0)
    with pytest.raises(ShapeError, match=r"x has the shape \[3\] in each example"):
        dk.vmap(text)(x=X, y=X)
