"""Every layer: its shapes, its gradients by all methods and engines, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from layer_cases import ALL_LAYERS, KEY, flat, inputs_for, mapped, net_of, randomised, weighing

import diffkit as dk
from diffkit.capture.trees import flatten, structure_of, unflatten
from diffkit.errors import InputError, ShapeError
from diffkit.nets import (
    Layer,
    attention,
    batch_norm,
    conv2d,
    conv_transpose2d,
    dense,
    dropout,
    embedding,
    global_avg_pool,
    group_norm,
    gru,
    layer_norm,
    lstm,
    max_pool,
    recurrent,
    residual,
    sequential,
)
from diffkit.nets import flatten as flatten_layer
from diffkit.nets.losses import cross_entropy

CLASSES = 3


def test_the_list_has_every_layer() -> None:
    """Whatever nets exports that is a layer stands in the list."""
    listed = {type(layer) for layer, _, _ in ALL_LAYERS.values()}
    exported = {value for value in vars(dk.nets).values() if isinstance(value, type)}
    layers = {kind for kind in exported if issubclass(kind, Layer)} - {Layer}
    assert layers == listed


@pytest.mark.parametrize("name", ALL_LAYERS)
def test_shapes_are_as_declared(name: str) -> None:
    net = net_of(name)
    params, x = randomised(net), inputs_for(name)
    assert net(params, x).shape == (3, *net.shapes[-1])
    assert net(params, x, rng=KEY).shape == (3, *net.shapes[-1])
    found = {key: value.shape for key, value in params.get(net.names[0], {}).items()}
    assert found == net.param_shapes.get(net.names[0], {})


@pytest.mark.parametrize("name", ALL_LAYERS)
def test_a_batch_of_one_is_one_row_of_a_batch(name: str) -> None:
    net = net_of(name)
    params, x = randomised(net), inputs_for(name)
    np.testing.assert_allclose(net(params, x[:1]), net(params, x)[:1], rtol=1e-12, atol=1e-14)


IN_BOTH_MODES = [
    pytest.param(name, key, id=f"{name} {'evaluated' if key is None else 'trained'}")
    for name, (layer, _, _) in ALL_LAYERS.items()
    for key in ((None, KEY) if layer.has_modes else (None,))
]


@pytest.mark.parametrize(("name", "key"), IN_BOTH_MODES)
def test_gradients_agree(name: str, key: Any) -> None:
    """Reverse, forward and complex step, and differences; machine and interpreter; plain NumPy."""
    net = net_of(name)
    weighed, params, x = weighing(net, 3), randomised(net), inputs_for(name)
    wrt = [*([0] if net.param_shapes else []), *([1] if name != "embedding" else [])]

    def slopes(method: str, engine: str = "auto") -> np.ndarray:
        found = dk.grad(weighed, argnums=wrt, method=method, engine=engine)(params, x, rng=key)
        return flat(found)

    expected = slopes("reverse", "interpret")
    size = np.abs(expected).max(initial=1e-3)
    for method in ("reverse", "forward", "complex"):
        np.testing.assert_allclose(slopes(method), expected, rtol=1e-10, atol=1e-11 * size)
    np.testing.assert_allclose(slopes("finite"), expected, rtol=1e-6, atol=1e-7 * size)
    value = dk.value_and_grad(weighed, argnums=wrt)(params, x, rng=key)[0]
    assert np.isclose(value, weighed(params, x, rng=key), rtol=1e-13)


@pytest.mark.parametrize("name", ALL_LAYERS)
def test_float32_stays_float32(name: str) -> None:
    net = net_of(name)
    params, x = randomised(net, np.float32), inputs_for(name, dtype=np.float32)
    wide = net(mapped(lambda w: w.astype(float), params), x.astype(float))
    for found in (net(params, x), dk.trace(net, params, x)(params, x)):
        assert found.dtype == (np.float32 if net.param_shapes or x.dtype.kind == "f" else x.dtype)
        np.testing.assert_allclose(found, wide, rtol=1e-4, atol=1e-5)
    assert net(params, x, rng=KEY).dtype == net(params, x).dtype


@pytest.mark.parametrize("name", ALL_LAYERS)
def test_parameters_and_operations_are_counted(name: str) -> None:
    net, (_, _, parameters) = net_of(name), ALL_LAYERS[name]
    summary = net.summary()
    assert summary.parameters == net.parameter_count == parameters
    assert sum(leaf.size for leaf in flatten(net.init(0))[0]) == parameters
    moves = ("flatten", "dropout", "activation identity")
    assert (summary.flops == 0) == (name in moves)
    assert max(map(len, str(summary).splitlines())) <= 80


@pytest.mark.parametrize("name", ALL_LAYERS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_every_layer_trains_on_the_machine(name: str, dtype: Any) -> None:
    """Whole epochs in one call, whatever the layer; the loss falls."""
    layer, shape, _ = ALL_LAYERS[name]
    net = sequential([layer, flatten_layer(name="rows"), dense(CLASSES)], shape)
    x, start = inputs_for(name, 12, dtype), mapped(lambda w: w.astype(dtype), net.init(0))
    run = dk.train(
        net.with_loss(cross_entropy, l2=1e-4), start, (x, np.arange(12) % CLASSES),
        batch_size=6, epochs=6, optimizer=dk.optim.adam(0.01), progress=False,
    )  # fmt: skip
    assert run.engine == "machine"  # whole epochs; else auto says interpret
    assert run.diverged is None
    assert run.history["epoch_loss"][-1] < run.history["epoch_loss"][0]
    assert {leaf.dtype for leaf in flatten(run.params)[0]} == {np.dtype(dtype)}


@pytest.mark.parametrize("name", ALL_LAYERS)
def test_a_gradient_for_each_example_and_second_derivatives(name: str) -> None:
    """What the learning signal is measured with: mapped gradients and Hessian-vector products."""
    layer, shape, _ = ALL_LAYERS[name]
    net = sequential([layer, flatten_layer(name="rows"), dense(CLASSES)], shape)
    loss, params = net.with_loss(cross_entropy), randomised(net)
    x, y, slope = inputs_for(name, 3), np.arange(3) % CLASSES, dk.grad(loss)
    each = dk.vmap(lambda x, y: slope(params, x[None], y[None]))(x, y)
    for i in range(3):
        alone = flat(slope(params, x[i : i + 1], y[i : i + 1]))
        np.testing.assert_allclose(flat(mapped(lambda w, i=i: w[i], each)), alone, atol=1e-13)

    rng = np.random.default_rng(2)
    along = mapped(lambda w: rng.normal(size=w.shape), params)
    curved = flat(dk.hvp(lambda p: loss(p, x, y), params, along))
    step = 1e-5
    ahead, behind = (
        unflatten(structure_of(params), [p + h * v for p, v in zip(*leaves, strict=True)])
        for h, leaves in ((h, (flatten(params)[0], flatten(along)[0])) for h in (step, -step))
    )
    expected = (flat(slope(ahead, x, y)) - flat(slope(behind, x, y))) / (2 * step)
    np.testing.assert_allclose(curved, expected, rtol=1e-5, atol=1e-6 * np.abs(curved).max())


# One by one --------------------------------------------------------------------------------------


def test_dropout_keeps_the_mean_and_leaves_out_its_share() -> None:
    x = np.ones((50, 400))
    dropped = dropout(0.3)({}, x, rng=KEY)
    assert set(np.unique(dropped)) == {0.0, 1 / 0.7}
    # 20,000 draws: five standard deviations of the share left out
    assert abs(np.mean(dropped == 0) - 0.3) < 5 * np.sqrt(0.3 * 0.7 / x.size)
    assert np.array_equal(dropped, dropout(0.3)({}, x, rng=KEY))
    assert not np.array_equal(dropped, dropout(0.3)({}, x, rng=dk.random.key(12)))


def test_two_dropouts_of_one_net_draw_apart() -> None:
    net = sequential([dropout(0.5, name="a"), dropout(0.5, name="b")], 200)
    x = np.ones((20, 200))
    both = net({}, x, rng=KEY)
    assert abs(np.mean(both != 0) - 0.25) < 5 * np.sqrt(0.25 * 0.75 / x.size)


def test_batch_norm_measures_the_data_behind_the_layers_before() -> None:
    net = sequential([dense(5, "tanh"), batch_norm(), dense(4), batch_norm()], 3)
    params, x = randomised(net), np.random.default_rng(0).normal(size=(40, 3))
    found = net.calibrated(params, x)
    for _ in range(2):  # once more changes nothing, since they are the statistics of these data
        _, _, probes = dk.value_and_grad(lambda p: np.sum(net(p, x)), probes=True)(found)
        before = {"norm1": probes["dense1"].value, "norm2": probes["dense2"].value}
        for name, h in before.items():
            np.testing.assert_allclose(found[name]["mean"], h.mean(axis=0), rtol=1e-12)
            np.testing.assert_allclose(found[name]["variance"], h.var(axis=0), rtol=1e-12)
        found = net.calibrated(found, x)
    # with the statistics of the whole data both modes are one function
    np.testing.assert_allclose(net(found, x), net(found, x, rng=KEY), rtol=1e-9, atol=1e-12)


def test_statistics_have_gradient_zero_in_training_and_are_measured_after_it() -> None:
    net = sequential([dense(5, "tanh"), residual([dense(5), batch_norm()]), dense(3)], 4)
    loss, params = net.with_loss(cross_entropy), randomised(net)
    x, y = np.random.default_rng(0).normal(size=(30, 4)), np.arange(30) % 3
    slope = dk.grad(loss)(params, x, y, rng=KEY)["residual1"]
    for key in ("mean", "variance"):
        assert np.all(slope[f"norm1.{key}"] == 0)
    run = dk.train(loss, params, (x, y), batch_size=8, epochs=3, progress=False)
    _, _, probes = dk.value_and_grad(loss, probes=True)(run.params, x, y)
    inside = run.params["residual1"]
    h = probes["dense1"].value @ inside["dense1.w"] + inside["dense1.b"]
    np.testing.assert_allclose(inside["norm1.mean"], h.mean(axis=0), rtol=1e-10)


def test_normalised_numbers_have_mean_zero_and_variance_one() -> None:
    rng = np.random.default_rng(1)
    x = 5 + 3 * rng.normal(size=(6, 4, 4, 8))
    cases = [(layer_norm(), x, (3,)), (batch_norm(), x, (0, 1, 2)),
             (group_norm(1), x, (1, 2, 3)), (group_norm(8), x, (1, 2))]  # fmt: skip
    for layer, x, axes in cases:
        params, _ = layer.init(rng, x.shape[1:])
        h = layer(params, x, rng=KEY) if layer.has_modes else layer(params, x)
        np.testing.assert_allclose(h.mean(axis=axes), 0, atol=1e-12)
        np.testing.assert_allclose(h.std(axis=axes), 1, rtol=1e-4)  # epsilon takes 1e-5 of 9


def test_a_residual_block_lets_the_signal_pass_by() -> None:
    """With weights 0 inside, h = x and x̄ = h̄ exactly (He et al. 2016)."""
    net = sequential([residual([dense(4, "relu"), dense(4)])], 4)
    params = mapped(np.zeros_like, net.init(0))
    x, h_bar = np.random.default_rng(0).normal(size=(2, 3, 4))
    y, pullback = dk.vjp(lambda x: net(params, x), x)
    assert np.array_equal(y, x)
    assert np.array_equal(np.reshape(pullback(h_bar), x.shape), h_bar)


def test_attention_rows_are_weights_and_causal_rows_look_back_only() -> None:
    layer, x = attention(3, causal=True), np.random.default_rng(0).normal(size=(2, 5, 4))
    params, _ = layer.init(np.random.default_rng(1), (5, 4))
    weights = layer.weights(params, x)
    np.testing.assert_allclose(weights.sum(axis=2), 1, rtol=1e-14)
    assert np.all(np.triu(weights, 1) == 0)
    later = np.array(x)
    later[:, 3:] += 1.0
    assert np.array_equal(layer(params, later)[:, :3], layer(params, x)[:, :3])


def test_an_embedding_is_a_product_with_one_hot_rows() -> None:
    words = np.array([[1, 4], [4, 0]])
    table = np.random.default_rng(0).normal(size=(5, 3))
    layer, large = embedding(5, 3), embedding(2000, 3)
    assert np.array_equal(layer({"w": table}, words), table[words])
    wide = np.zeros((2000, 3))
    wide[:5] = table
    for made in (layer, large):
        w = table if made is layer else wide
        slope = dk.grad(lambda w, made=made: np.sum(made({"w": w}, words) ** 2))(w)
        assert np.all(slope[[2, 3]] == 0)
        np.testing.assert_allclose(slope[[0, 1, 4]], table[[0, 1, 4]] * [[2], [2], [4]])


def test_traced_words_outside_of_the_table_read_its_ends() -> None:
    """On every engine, so that no training reads outside; plain arrays are refused instead."""
    table, words = np.arange(6.0).reshape(3, 2), np.array([[-5, 1, 9]])
    traced = dk.trace(lambda w, i: embedding(3, 2)({"w": w}, i), table, words)
    for engine in ("machine", "interpret"):
        assert np.array_equal(traced.bind(engine=engine)(table, words), table[[[0, 1, 2]]])


@pytest.mark.parametrize("make", [recurrent, gru, lstm])
def test_a_recurrent_layer_is_one_loop_whose_last_step_is_its_result(make: Any) -> None:
    x = np.random.default_rng(0).normal(size=(2, 30, 3))
    every, last = sequential([make(4, sequences=True)], (30, 3)), sequential([make(4)], (30, 3))
    params = randomised(last)
    np.testing.assert_allclose(every(params, x)[:, -1], last(params, x), rtol=1e-14)
    np.testing.assert_allclose(every(params, x)[:, 6], last_of(make, params, x[:, :7]), rtol=1e-13)
    operations = dk.trace(last, params, x).operations()
    assert operations["scan"] == 1


def last_of(make: Any, params: Any, x: np.ndarray) -> np.ndarray:
    return sequential([make(4)], x.shape[1:])(params, x)


def test_first_weights_of_recurrent_layers() -> None:
    """Each block of the memory's weights is orthogonal; the forget gate starts open."""
    params = lstm(6).init(np.random.default_rng(0), (5, 3))[0]
    for block in np.split(params["w_hidden"], 4, axis=1):
        np.testing.assert_allclose(block.T @ block, np.eye(6), atol=1e-13)
    assert params["b"].tolist() == [0.0] * 6 + [1.0] * 6 + [0.0] * 12


def test_a_transposed_convolution_is_the_transpose() -> None:
    """⟨c, conv(x, k)⟩ = ⟨convᵀ(c, kᵀ), x⟩ for the same stride and padding."""
    rng = np.random.default_rng(0)
    x, k = rng.normal(size=(2, 7, 6, 3)), rng.normal(size=(3, 2, 3, 4))
    y = dk.nets.convolutional.conv2d(x, k, (2, 3), 1)
    c = rng.normal(size=y.shape)
    extra = [(n + 2 - w) % s for n, w, s in zip((7, 6), (3, 2), (2, 3), strict=True)]
    back = dk.nets.convolutional.conv_transpose2d(c, np.swapaxes(k, 2, 3), (2, 3), 1, extra)
    assert back.shape == x.shape
    assert np.isclose(np.sum(c * y), np.sum(back * x), rtol=1e-12)


def test_a_filter_with_holes_is_the_filter_with_zeros_between() -> None:
    rng = np.random.default_rng(0)
    x, k = rng.normal(size=(2, 9, 8, 2)), rng.normal(size=(3, 2, 2, 3))
    wide = np.zeros((5, 4, 2, 3))
    wide[::2, ::3] = k
    conv = dk.nets.convolutional.conv2d
    for stride, padding in ((1, 0), (1, "same"), ((2, 1), 1), (3, ((0, 2), (1, 0)))):
        found = conv(x, k, stride, padding, dilation=(2, 3))
        np.testing.assert_allclose(found, conv(x, wide, stride, padding), rtol=1e-13, atol=1e-13)


def test_groups_are_convolutions_side_by_side() -> None:
    rng = np.random.default_rng(0)
    x, k = rng.normal(size=(2, 5, 6, 6)), rng.normal(size=(3, 3, 2, 9))
    conv = dk.nets.convolutional.conv2d
    parts = [conv(x[..., 2 * i : 2 * i + 2], k[..., 3 * i : 3 * i + 3], 2, 1) for i in range(3)]
    found = conv(x, k, 2, 1, groups=3)
    np.testing.assert_allclose(found, np.concatenate(parts, axis=3), rtol=1e-13, atol=1e-13)


def test_penalties_act_on_weights_inside_of_blocks_too() -> None:
    net = sequential([recurrent(2), residual([dense(2), batch_norm()])], (3, 2))
    params = randomised(net)
    inside, loop = params["residual1"], params["rnn1"]
    expected = sum(np.sum(w**2) for w in (inside["dense1.w"], loop["w"], loop["w_hidden"]))
    assert np.isclose(net.with_loss(cross_entropy, l2=1.0).weights(params), expected)


# What they refuse ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: dropout(1.0), InputError, "rate is 1.0"),
        (lambda: dropout("half"), InputError, "rate is 'half'"),  # type: ignore[arg-type]
        (lambda: conv2d(4, groups=3), InputError, "4 channels cannot be divided into 3 groups"),
        (lambda: conv2d(4, dilation=0), InputError, "dilation is 0"),
        (lambda: sequential([conv2d(4, groups=2)], (4, 4, 3)), ShapeError,
         r"conv1 expects channels in 2 groups of one size, but the input gives \[batch, 4, 4, 3\]"),
        (lambda: sequential([conv2d(4, 3, padding=0, dilation=4)], (8, 8, 1)), ShapeError,
         "conv1 expects images of at least 9 × 9 pixels"),
        (lambda: sequential([dense(3), conv_transpose2d(2)], 4), ShapeError,
         r"up1 expects images .*, but dense1 gives \[batch, 3\]"),
        (lambda: conv_transpose2d(2, stride=2, extra=2), InputError, "extra pixels are 2"),
        (lambda: conv_transpose2d(2, padding="full"), InputError, "padding"),
        (lambda: sequential([conv_transpose2d(2, 2, 2, 3)], (2, 2, 1)), ShapeError,
         "up1 expects images of which the padding 3 leaves something"),
        (lambda: sequential([dense(3), global_avg_pool()], 4), ShapeError, "pool1 expects images"),
        (lambda: sequential([group_norm(2)], (4, 4, 3)), ShapeError, "norm1 expects channels in 2"),
        (lambda: group_norm(0), InputError, "groups is 0"),
        (lambda: layer_norm(0), InputError, "epsilon is 0"),
        (lambda: batch_norm("tiny"), InputError, "epsilon is 'tiny'"),  # type: ignore[arg-type]
        (lambda: embedding(0, 3), InputError, "count is 0"),
        (lambda: embedding(3, 2, "glorot"), InputError, "no initializer 'glorot'"),
        (lambda: recurrent(3, "swish"), InputError, "no activation 'swish'"),
        (lambda: lstm(2.5), InputError, "units is 2.5"),  # type: ignore[arg-type]
        (lambda: lstm(2, forget_bias="open"), InputError, "forget bias"),  # type: ignore[arg-type]
        (lambda: sequential([gru(4), gru(4)], (5, 3)), ShapeError,
         r"gru2 expects sequences .*, but gru1 gives \[batch, 4\]"),
        (lambda: sequential([attention(4)], 5), ShapeError, "attention1 expects sequences"),
        (lambda: residual([]), InputError, "one layer or more"),
        (lambda: residual([np.tanh]), InputError, "one layer or more, not"),
        (lambda: sequential([residual([dense(3)])], 4), ShapeError,
         r"residual1 expects a shortcut that gives \[3\].*gives \[4\]"),
        (lambda: sequential([residual([dense(3), dense(4, inputs=5)])], 4), ShapeError,
         r"dense2 expects 5 features, but dense1 gives \[batch, 3\]"),
        (lambda: sequential([residual([max_pool(2)], dense(3))], (4, 4, 1)), ShapeError,
         r"shortcut expects features .* but the block's input gives \[batch, 4, 4, 1\]"),
    ],
)  # fmt: skip
def test_bad_layers(make: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()


@pytest.mark.parametrize("wrong", [7, -1, 1.5])
def test_words_that_are_none(wrong: float) -> None:
    net = sequential([embedding(7, 2), flatten_layer(), dense(2)], (3,))
    x = np.array([[0, 1, wrong], [3, 4, 5]])
    with pytest.raises(InputError, match=f"embedding1 expects whole numbers .* holds {wrong}"):
        net(net.init(0), x)
    with pytest.raises(InputError, match="embedding1 expects whole numbers"):
        dk.train(net.with_loss(cross_entropy), net.init(0), (x, [0, 1]), epochs=1, progress=False)
