"""Nets: their gradients by every method, their shapes, first weights and the signal's depth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.capture.capturing import capture
from diffkit.capture.trees import flatten, structure_of, unflatten
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines.precise import true_derivatives
from diffkit.errors import DtypeError, InputError, ShapeError
from diffkit.nets import (
    ACTIVATIONS,
    INITIALIZERS,
    Net,
    activation,
    avg_pool,
    cnn,
    conv2d,
    dense,
    max_pool,
    mlp,
    sequential,
    softmax_classifier,
)
from diffkit.nets import (
    flatten as flatten_layer,
)
from diffkit.nets.losses import bce_with_logits, cross_entropy, hinge, huber, mse

RNG = np.random.default_rng(7)
ROUNDINGS = 1e-11  # relative, for gradients through a small net

# Every kind of net, with a loss and the shape of its inputs' targets.
NETS = {
    "softmax": (softmax_classifier(4, 3), cross_entropy),
    "mlp-tanh": (mlp([4, 3, 3]), cross_entropy),
    "mlp-relu": (mlp([4, 5, 3], "relu"), hinge),
    "mlp-sigmoid": (mlp([4, 3, 1], "sigmoid"), bce_with_logits),
    "mlp-softplus": (mlp([4, 3, 2], "softplus"), mse),
    "mlp-leaky": (mlp([4, 3, 2], "leaky_relu"), huber(0.5)),
    "cnn": (cnn((4, 4, 1), (2,), classes=2), cross_entropy),
    "cnn-mean": (
        sequential(
            [conv2d(2, 2, stride=2, activation="tanh"), avg_pool(2), flatten_layer(), dense(2)],
            (4, 4, 1),
        ),
        cross_entropy,
    ),
    "deep": (
        sequential([dense(3), activation("tanh"), dense(3, bias=False), activation("relu"),
                    dense(2)], 4),
        mse,
    ),
}  # fmt: skip


def data_for(net: Net, loss, n: int = 3):
    """Inputs and targets that fit."""
    rng = np.random.default_rng(3)
    x, outputs = rng.normal(size=(n, *net.input_shape)), net.shapes[-1][0]
    if not loss.classifies:
        return x, rng.normal(size=(n, outputs))
    return x, np.arange(n) % max(outputs, 2)


def mapped(function, *trees) -> Any:
    """A function of every leaf."""
    leaves = zip(*(flatten(tree)[0] for tree in trees), strict=True)
    return unflatten(structure_of(trees[0]), [function(*row) for row in leaves])


def randomised(net: Net) -> Any:
    """First parameters with random biases, so that none is special."""
    rng = np.random.default_rng(5)
    return mapped(lambda w: w + 0.3 * rng.normal(size=w.shape), net.init(1))


def flat(tree) -> np.ndarray:
    return np.concatenate([np.ravel(leaf) for leaf in flatten(tree)[0]])


# One gradient --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETS)
def test_gradients_agree_with_the_truth(name: str) -> None:
    net, loss = NETS[name]
    objective, params = net.with_loss(loss, l2=0.01), randomised(net)
    x, y = data_for(net, loss)
    graph = capture(objective, (params, x, y))
    leaves, wrt = flatten((params, x, y))[0], range(len(flatten(params)[0]))
    truth = true_derivatives(graph, leaves, list(wrt), digits=50, gradient=gradient_graph)
    assert truth.certified, truth.how
    expected = flat([block.astype(float) for block in truth.blocks[0]])
    for method in ("reverse", "forward", "complex"):
        value, slope = dk.value_and_grad(objective, method=method)(params, x, y)
        np.testing.assert_allclose(
            flat(slope), expected, rtol=ROUNDINGS, atol=ROUNDINGS, err_msg=method
        )
        assert np.isclose(value, float(truth.values[0][()]), rtol=1e-14)
    rough = dk.grad(objective, method="finite")(params, x, y)
    np.testing.assert_allclose(flat(rough), expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("name", ["softmax", "mlp-tanh", "mlp-sigmoid"])
def test_symbolic_agrees(name: str) -> None:
    net, loss = NETS[name]
    objective, params = net.with_loss(loss), randomised(net)
    x, y = data_for(net, loss, n=1)
    slope = dk.grad(objective, method="symbolic")(params, x, y)
    np.testing.assert_allclose(flat(slope), flat(dk.grad(objective)(params, x, y)), rtol=1e-10)


@pytest.mark.parametrize("name", NETS)
def test_plain_and_traced_nets_are_equal(name: str) -> None:
    net, loss = NETS[name]
    objective, params = net.with_loss(loss, l2=0.1), randomised(net)
    x, y = data_for(net, loss)
    graph = dk.trace(objective, params, x, y)
    assert np.isclose(graph(params, x, y), objective(params, x, y), rtol=1e-15)


def test_gradient_by_hand() -> None:
    """One hidden layer, squared error: the chain rule written out (Rumelhart et al. 1986)."""
    net, x, y = mlp([2, 3, 1]), RNG.normal(size=(4, 2)), RNG.normal(size=(4, 1))
    params = randomised(net)
    slope = dk.grad(net.with_loss(mse))(params, x, y)
    h = np.tanh(x @ params["dense1"]["w"] + params["dense1"]["b"])
    out_bar = 2 * (h @ params["dense2"]["w"] + params["dense2"]["b"] - y) / 4
    pre_bar = (out_bar @ params["dense2"]["w"].T) * (1 - h**2)
    np.testing.assert_allclose(slope["dense2"]["w"], h.T @ out_bar, rtol=1e-12)
    np.testing.assert_allclose(slope["dense1"]["w"], x.T @ pre_bar, rtol=1e-12)
    np.testing.assert_allclose(slope["dense1"]["b"], pre_bar.sum(axis=0), rtol=1e-12)


def test_weight_decay_pulls_on_weights_only() -> None:
    net, params = mlp([2, 3, 1]), randomised(mlp([2, 3, 1]))
    x, y = RNG.normal(size=(4, 2)), RNG.normal(size=(4, 1))
    with_decay, without = (dk.grad(net.with_loss(mse, l2))(params, x, y) for l2 in (0.5, 0.0))
    for name in params:
        difference = with_decay[name]["w"] - without[name]["w"]
        np.testing.assert_allclose(difference, 0.5 * params[name]["w"], rtol=1e-10)
        np.testing.assert_allclose(with_decay[name]["b"], without[name]["b"], rtol=1e-14)


def test_every_layer_is_probed_after_its_activation() -> None:
    net, x = cnn((4, 4, 1), (2,), classes=2), RNG.normal(size=(3, 4, 4, 1))
    objective, params = net.with_loss(cross_entropy), net.init(0)
    _, _, probes = dk.value_and_grad(objective, probes=True)(params, x, np.array([0, 1, 0]))
    assert set(probes) == set(net.names)
    assert np.all(probes["conv1"].value >= 0)
    assert np.array_equal(probes["dense1"].value, net(params, x))
    p = dk.nets.softmax(net(params, x))
    np.testing.assert_allclose(
        probes["dense1"].cotangent, (p - np.eye(2)[[0, 1, 0]]) / 3, atol=1e-16
    )


def test_equations_carry_the_users_line() -> None:
    net = mlp([2, 3, 1])
    loss = net.with_loss(mse, l2=0.1)
    text = str(dk.trace(loss, net.init(0), np.ones((4, 2)), np.ones((4, 1))))
    assert text.count("test_nets.py") >= 10
    for inside in ("layers.py", "losses.py", "objective.py", "models.py"):
        assert inside not in text


def test_a_function_of_ones_own_may_be_the_loss() -> None:
    net = softmax_classifier(2, 2)
    objective = net.with_loss(lambda scores, y: np.mean((scores - y) ** 4))
    x, y = np.ones((2, 2)), np.ones((2, 2))
    assert objective(net.init(0), x, y) == 1.0
    assert objective.accuracy(net.init(0), x, y) is None
    objective.check(x, y)
    with pytest.raises(InputError, match="nan at row 0, column 1"):
        objective.check(np.array([[1.0, np.nan], [1.0, 1.0]]), y)


# What a net is ---------------------------------------------------------------------------------


def test_nets_are_values() -> None:
    assert mlp([4, 3, 2]) == mlp([4, 3, 2]) != mlp([4, 3, 3])
    assert hash(cnn()) == hash(cnn())
    assert mlp([4, 3, 2]).with_loss(mse) == mlp([4, 3, 2]).with_loss(mse)
    assert repr(mlp([4, 3, 2], "relu")) == "Net([4] → dense1: 3 relu → dense2: 2)"
    with pytest.raises(AttributeError):
        mlp([4, 3, 2]).layers = ()  # type: ignore[misc]


def test_a_net_is_captured_once_for_all_parameters(monkeypatch) -> None:
    """A net and its loss are values that can be watched, so training captures them once."""
    from diffkit.differentiate import function

    captures = []
    monkeypatch.setattr(function, "capture", lambda *call: captures.append(1) or capture(*call))
    slope = dk.grad(mlp([2, 3, 1]).with_loss(huber(0.5), l2=0.1))
    for seed in range(3):
        slope(mlp([2, 3, 1]).init(seed), np.ones((2, 2)), np.full((2, 1), float(seed)))
    assert len(captures) == 1


def test_same_seed_same_bits() -> None:
    for net in (mlp([4, 3, 2]), cnn()):
        first, again, other = net.init(0), net.init(0), net.init(1)
        assert np.array_equal(flat(first), flat(again))
        assert not np.array_equal(flat(first), flat(other))
        assert np.array_equal(flat(first), flat(net.init(np.random.default_rng(0))))


@pytest.mark.parametrize(
    ("net", "parameters"),
    [
        (softmax_classifier(64, 10), 64 * 10 + 10),
        (mlp([64, 32, 10]), 64 * 32 + 32 + 32 * 10 + 10),
        (mlp([2, 4, 1]), 2 * 4 + 4 + 4 * 1 + 1),
        (cnn(), 9 * 1 * 8 + 8 + 9 * 8 * 16 + 16 + 2 * 2 * 16 * 10 + 10),
        (cnn(hidden=(32,)), 9 * 8 + 8 + 9 * 8 * 16 + 16 + 64 * 32 + 32 + 32 * 10 + 10),
    ],
)
def test_parameters_are_counted_by_formula(net: Net, parameters: int) -> None:
    assert net.parameter_count == parameters == net.summary().parameters
    assert sum(leaf.size for leaf in flatten(net.init(0))[0]) == parameters


def test_summary() -> None:
    summary = mlp([64, 32, 10], "relu").summary()
    assert [row.name for row in summary.rows] == ["dense1", "dense2"]
    assert summary.rows[0].flops == 2 * 64 * 32 + 32  # products, additions, and the rectifier
    assert summary.flops == 2 * 64 * 32 + 32 + 2 * 32 * 10
    text = str(cnn().summary())
    assert max(map(len, text.splitlines())) <= 80
    for words in ("conv2", "16 of 3×3 relu", "[batch, 2, 2, 16]", "1,168", "1,898"):
        assert words in text


def test_shapes_flow_through() -> None:
    net = cnn((9, 7, 3), (4, 5), classes=6, hidden=(11,), window=(3, 2), pool=2)
    x = RNG.normal(size=(2, 9, 7, 3))
    assert net.shapes == (
        (9, 7, 3), (9, 7, 4), (4, 3, 4), (4, 3, 5), (2, 1, 5), (10,), (11,), (6,),
    )  # fmt: skip
    params, h = net.init(0), x
    for name, layer, shape in zip(net.names, net.layers, net.shapes[1:], strict=True):
        h = layer(params.get(name, {}), h)
        assert h.shape == (2, *shape)
    assert np.array_equal(h, net(params, x))


def test_rows_of_pixels_are_images() -> None:
    net, x = cnn(), RNG.normal(size=(3, 64))
    assert np.array_equal(net(net.init(0), x), net(net.init(0), x.reshape(3, 8, 8, 1)))


def test_predictions_and_accuracy() -> None:
    net = softmax_classifier(2, 2)
    params = {"dense1": {"w": np.array([[0.0, 1.0], [0.0, 0.0]]), "b": np.zeros(2)}}
    x, y = np.array([[1.0, 0], [-1, 0], [2, 0]]), np.array([1, 0, 0])
    assert net.predict(params, x).tolist() == [1, 0, 1]
    assert net.accuracy(params, x, y) == 2 / 3
    for targets in (y, np.eye(2)[y]):
        assert net.with_loss(cross_entropy).accuracy(params, x, targets) == 2 / 3
    single = sequential([dense(1)], 2)
    params = {"dense1": {"w": np.array([[1.0], [0.0]]), "b": np.zeros(1)}}
    assert single.predict(params, x).tolist() == [1, 0, 1]
    for loss in (bce_with_logits, hinge):
        assert single.with_loss(loss).accuracy(params, x, y) == 2 / 3
    assert single.with_loss(hinge).accuracy(params, x, 2 * y - 1) == 2 / 3
    assert single.with_loss(mse).accuracy(params, x, y) is None


def test_xor_needs_a_hidden_layer() -> None:
    """Plain gradient descent: a linear model stays at ¾ at best, a 2-4-1 net gets all right."""
    data = dk.datasets.xor()

    def trained(net: Net) -> float:
        loss, params = net.with_loss(bce_with_logits), net.init(0)
        slope = dk.grad(loss)
        for _ in range(200):
            bars = slope(params, data.x, data.y)
            params = mapped(lambda w, w_bar: w - 1.0 * w_bar, params, bars)
        return net.accuracy(params, data.x, data.y)

    assert trained(sequential([dense(1)], 2)) <= 0.75
    assert trained(mlp([2, 4, 1])) == 1.0


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_work_in_nets(name: str) -> None:
    net = mlp([2, 3, 1], name)
    value, slope = dk.value_and_grad(net.with_loss(mse))(
        net.init(0), RNG.normal(size=(5, 2)), np.ones((5, 1))
    )
    assert np.isfinite(value)
    assert np.linalg.norm(slope["dense1"]["w"]) > 0


# Bad input --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: sequential([dense(16), dense(10, inputs=32)], 64), ShapeError,
         r"dense2 expects 32 features, but dense1 gives \[batch, 16\]"),
        (lambda: sequential([dense(16), conv2d(4)], 64), ShapeError,
         r"conv1 expects images .* but dense1 gives \[batch, 16\]"),
        (lambda: sequential([conv2d(4), dense(3)], (8, 8, 1)), ShapeError,
         r"dense1 expects features .* but conv1 gives \[batch, 8, 8, 4\]"),
        (lambda: sequential([conv2d(4), conv2d(4, inputs=3)], (8, 8, 1)), ShapeError,
         r"conv2 expects 3 channels, but conv1 gives \[batch, 8, 8, 4\]"),
        (lambda: sequential([max_pool(2), max_pool(5)], (8, 8, 1)), ShapeError,
         r"pool2 expects images of at least 5 × 5 pixels, but pool1 gives \[batch, 4, 4, 1\]"),
        (lambda: sequential([dense(3, inputs=5)], 4), ShapeError,
         r"dense1 expects 5 features, but the input gives \[batch, 4\]"),
        (lambda: cnn((4, 4, 1), (2, 2, 2)), ShapeError, "pool3 expects images"),
        (lambda: sequential([], 4), InputError, "one layer or more"),
        (lambda: sequential([np.tanh], 4), InputError, "one layer or more"),
        (lambda: sequential([dense(2)], ()), InputError, "input shape is empty"),
        (lambda: sequential([dense(2)], 0), InputError, "size of the input"),
        (lambda: sequential(dense(2), "ab"), InputError, "size of the input"),
        (lambda: sequential([dense(2, name="a"), dense(2, name="a")], 3), InputError, "'a'"),
        (lambda: mlp([3]), InputError, "two sizes"),
        (lambda: mlp(3), InputError, "two sizes"),
        (lambda: mlp([3, 0]), InputError, "units is 0"),
        (lambda: mlp([3, 2.5]), InputError, "units is 2.5"),
        (lambda: mlp([3, 2], "swish"), InputError, "no activation 'swish'"),
        (lambda: mlp([3, 4, 2], initializer="glorot"), InputError, "no initializer 'glorot'"),
        (lambda: activation("swish"), InputError, "no activation"),
        (lambda: conv2d(0), InputError, "channels is 0"),
        (lambda: conv2d(1, window=0), InputError, "window"),
        (lambda: conv2d(1, padding="full"), InputError, "padding"),
        (lambda: max_pool(2, stride=0), InputError, "stride"),
        (lambda: mlp([3, 2]).init(-1), InputError, "seed"),
        (lambda: mlp([3, 2]).init(None), InputError, "seed"),  # type: ignore[arg-type]
        (lambda: mlp([3, 2]).with_loss(mse, l2=-1), InputError, "l2"),
        (lambda: mlp([3, 2]).with_loss("mse"), InputError, "dk.losses"),
        (lambda: INITIALIZERS["he"](RNG, (3,)), ShapeError, "initializer"),
    ],
)  # fmt: skip
def test_bad_nets(make, error, words: str) -> None:
    with pytest.raises(error, match=words):
        make()


MLP = mlp([4, 3, 2])
PARAMS, X, Y = MLP.init(0), np.ones((6, 4)), np.arange(6) % 2


@pytest.mark.parametrize(
    ("params", "x", "error", "words"),
    [
        (PARAMS, np.ones((6, 5)), ShapeError, r"expects 4 features .* the input is \[6, 5\]"),
        (PARAMS, np.ones(4), ShapeError, "dense1 expects 4 features"),
        (mlp([4, 5, 2]).init(0), X, ShapeError, r"dense1: .* is \[4, 5\], but dense1 needs"),
        ({"dense1": PARAMS["dense1"]}, X, InputError, "lack 'w' of dense2"),
        ([1.0], X, InputError, "lack 'w' of dense1"),
    ],
)
def test_bad_calls(params, x, error, words: str) -> None:
    """Refused plain and traced."""
    with pytest.raises(error, match=words):
        MLP(params, x)
    with pytest.raises(error, match=words):
        dk.grad(MLP.with_loss(cross_entropy))(params, x, Y)


@pytest.mark.parametrize(
    ("x", "y", "error", "words"),
    [
        (X, Y[:5], ShapeError, "lengths differ"),
        (X[:0], Y[:0], InputError, "no examples"),
        (X[:, :3], Y, ShapeError, "dense1 expects 4 features"),
        (np.where(np.arange(24).reshape(6, 4) == 9, np.nan, X), Y, InputError, "row 2, column 1"),
        (X * np.inf, Y, InputError, "24 such values"),
        (X, Y + 1, InputError, "label 2 .* out of range for 2 classes"),
        (X, Y * 0 + 1, InputError, "all 6 labels are 1: there is one class only"),
        (X, Y * 1.0, DtypeError, "must be integers"),
        (X, np.full(6, np.nan), InputError, "y holds nan at row 0"),
        (X.astype(str), Y, DtypeError, "not numbers"),
        ([[1.0, 2.0], [3.0]], Y[:2], ShapeError, "ragged"),
        (1.0, Y, ShapeError, "lengths differ"),
    ],
)
def test_bad_data(x, y, error, words: str) -> None:
    with pytest.raises(error, match=words):
        MLP.with_loss(cross_entropy).check(x, y)


def test_good_data_pass() -> None:
    MLP.with_loss(cross_entropy).check(X, Y)
    MLP.with_loss(cross_entropy).check(X, np.eye(2)[Y])
    MLP.with_loss(mse).check(X.tolist(), np.ones((6, 2)))
    sequential([dense(1)], 4).with_loss(bce_with_logits).check(X, Y)
    sequential([dense(1)], 4).with_loss(hinge).check(X, 2 * Y - 1)
