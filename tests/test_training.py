"""The training loop: batches, gradients, divergence, bad input, the learning signal, files."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from trained import LABELS, LOSS, NET, X, bowl, fit, quiet_train, same_bits, watched

import diffkit as dk
from diffkit.errors import DivergenceWarning, DtypeError, InputError, ShapeError
from diffkit.optim import ALL_OPTIMIZERS, Optimizer
from diffkit.training.batches import Batches
from diffkit.training.signal import Signal

# Batches ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", (1, 2, 3, 4, 7, 11, None))
def test_an_epoch_shows_every_row_once(size: int | None) -> None:
    batches = Batches(11, size, epochs=2, seed=5)
    for number in range(2):
        shown = list(batches.epoch(number))
        assert len(shown) == batches.per_epoch
        assert sorted(np.concatenate(shown)) == list(range(11))
        assert [len(batch) for batch in shown[:-1]] == [size] * (len(shown) - 1)
    assert batches.total == 2 * batches.per_epoch


def test_the_order_is_new_in_every_epoch_and_the_same_for_a_seed() -> None:
    orders = [
        np.concatenate(list(Batches(50, 10, 3, seed).epoch(n))).tolist()
        for seed, n in ((1, 0), (1, 1), (2, 0), (1, 0))
    ]
    assert orders[0] == orders[3]
    assert len({tuple(order) for order in orders}) == 3


def test_a_given_order_is_kept() -> None:
    order = [[3, 1], [0, 2, 4], [5]]
    seen = [batch.tolist() for batch in Batches(6, None, 1, 0, order).epoch(0)]
    assert seen == order


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"batch_size": 12}, "batch_size 12 is larger than the data"),
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": -1}, "batch_size"),
        ({"batch_size": 2.0}, "batch_size"),
        ({"batch_size": True}, "batch_size"),
        ({"epochs": 0}, "epochs"),
        ({"epochs": 1.5}, "epochs"),
        ({"seed": -1}, "seed"),
        ({"seed": None}, "seed"),
        ({"order": []}, "order"),
        ({"order": [[]]}, "order"),
        ({"order": [0, 1]}, "order"),
        ({"order": [[0.5]]}, "order"),
        ({"order": [[0, 11]]}, "row 11"),
        ({"order": [[0, -1]]}, "row -1"),
        ({"order": "01"}, "order"),
        ({"order": [[0, 1], [2]], "batch_size": 1}, "order has a batch of 2 rows"),
        ({"order": [[0], [1, 2]], "batch_size": 2}, "order has a batch of 1 rows"),
        ({"order": [[0, 1], [2, 3, 4]], "batch_size": 2}, "order has a batch of 3 rows"),
        ({"record": ("loss", "weights")}, "weights"),
        ({"signal_every": 0}, "signal_every"),
        ({"optimizer": 0.1}, "optimizer"),
        ({"signal": "forward", "record": ("signal",)}, "backward sweep"),
        ({"signal": "backwards"}, "backwards"),
    ],
)
def test_wrong_settings_are_refused(options: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match) as caught:
        dk.train(LOSS, NET.init(0), (X, LABELS), **options)
    assert caught.value.hint


# Training --------------------------------------------------------------------------------------


def test_one_update_of_everything_is_gradient_descent() -> None:
    start = NET.init(3)
    bars = dk.grad(LOSS)(start, X, LABELS)
    run = dk.train(LOSS, start, (X, LABELS), optimizer=dk.optim.sgd(0.2))
    for name in ("dense1", "dense2", "dense3"):
        assert np.array_equal(run.params[name]["w"], start[name]["w"] - 0.2 * bars[name]["w"])
    assert run.history["loss"] == [float(LOSS(start, X, LABELS))]
    assert start["dense1"]["b"].any() == False  # noqa: E712  the start is not changed


def test_the_mean_of_single_example_gradients_is_the_full_gradient() -> None:
    params = NET.init(1)
    full = dk.grad(LOSS)(params, X, LABELS)
    singles = [dk.grad(LOSS)(params, X[i : i + 1], LABELS[i : i + 1]) for i in range(len(X))]
    for name in full:
        for key in ("w", "b"):
            mean = np.mean([single[name][key] for single in singles], axis=0)
            assert np.allclose(mean, full[name][key], rtol=1e-13, atol=1e-16)


@pytest.mark.parametrize("optimizer", ALL_OPTIMIZERS, ids=repr)
@pytest.mark.parametrize("batch_size", (1, 4, None))
def test_same_seed_same_bits(optimizer: Optimizer, batch_size: int | None) -> None:
    runs = [
        dk.train(LOSS, NET.init(0), (X, LABELS), optimizer=optimizer, batch_size=batch_size,
                 epochs=3, seed=4)
        for _ in range(2)
    ]  # fmt: skip
    assert same_bits(runs[0].params, runs[1].params)
    assert runs[0].history == runs[1].history
    assert runs[0].history["loss"][-1] != runs[0].history["loss"][0]


def test_recording_changes_nothing() -> None:
    options: dict[str, Any] = {"batch_size": 4, "epochs": 2, "seed": 1}
    plain = dk.train(LOSS, NET.init(0), (X, LABELS), **options)
    watched = dk.train(LOSS, NET.init(0), (X, LABELS), record=("loss", "signal"), **options)
    assert same_bits(plain.params, watched.params)
    assert plain.history == watched.history


def test_every_row_as_its_own_batch_in_a_given_order_is_stochastic_descent() -> None:
    order = [[2], [0], [1]]
    x, y = X[:3], X[:3, 0]
    w = np.zeros(3)
    run = dk.train(fit, w, (x, y), optimizer=dk.optim.sgd(0.1), order=order, batch_size=1)
    for (i,) in order:
        w = w - 0.1 * 2 * (x[i] @ w - y[i]) * x[i]
    assert np.allclose(run.params, w, rtol=1e-14)


@pytest.mark.parametrize("method", ("forward", "complex", "symbolic", "finite"))
def test_any_method_gives_the_signal(method: str) -> None:
    options: dict[str, Any] = {"optimizer": dk.optim.sgd(0.1), "epochs": 3}
    data = (X[:4], X[:4, 0])
    reverse = dk.train(fit, np.zeros(3), data, **options)
    other = dk.train(fit, np.zeros(3), data, signal=method, **options)
    assert np.allclose(other.params, reverse.params, rtol=1e-7)


def test_one_row_is_enough() -> None:
    run = dk.train(fit, np.zeros(3), (X[:1], X[:1, 0]), optimizer=dk.optim.sgd(0.1), epochs=400)
    assert run.history["loss"][-1] < 1e-6 * run.history["loss"][0]


def test_a_schedule_spans_the_training() -> None:
    optimizer = dk.optim.sgd(dk.schedules.cosine(0.4))
    run = dk.train(fit, np.zeros(3), (X, X[:, 0]), optimizer=optimizer, batch_size=4, epochs=2)
    expected = 0.2 * (1 + np.cos(np.pi * np.arange(6) / 6))
    assert np.allclose(run.history["rate"], expected, rtol=1e-14)


def test_history_has_updates_and_epochs() -> None:
    held_out = (X[:4], LABELS[:4])
    run = dk.train(LOSS, NET.init(0), (X, LABELS), batch_size=4, epochs=5, validation=held_out)
    lengths = {name: len(values) for name, values in run.history.items()}
    assert lengths == {"loss": 15, "rate": 15} | dict.fromkeys(
        ("epoch_loss", "accuracy", "validation_loss", "validation_accuracy"), 5
    )
    weights = np.array([4, 4, 3] * 5)
    means = np.sum((weights * run.history["loss"]).reshape(5, 3), axis=1) / 11
    assert np.allclose(run.history["epoch_loss"], means, rtol=1e-14)
    assert run.history["validation_loss"][-1] == float(LOSS(run.params, *held_out))
    assert run.history["accuracy"][-1] == NET.accuracy(run.params, X, LABELS)


def test_a_regression_has_no_accuracy() -> None:
    net = dk.nets.mlp([3, 4, 1])
    run = dk.train(net.with_loss(dk.losses.mse), net.init(0), (X, X[:, :1]))
    assert "accuracy" not in run.history


def test_l2_shrinks_the_weights() -> None:
    options: dict[str, Any] = {"optimizer": dk.optim.adam(0.05), "epochs": 60}
    sizes = []
    for l2 in (0.0, 1e-2, 1.0):
        loss = NET.with_loss(dk.losses.cross_entropy, l2=l2)
        params = dk.train(loss, NET.init(0), (X, LABELS), **options).params
        sizes.append(sum(float(np.sum(layer["w"] ** 2)) for layer in params.values()))
    assert sizes[0] > 1.5 * sizes[1] > 3 * sizes[2]


def test_digits_are_learned_quickly() -> None:
    pytest.importorskip("sklearn")
    x, x_test, y, y_test = dk.datasets.digits().split()
    net = dk.nets.softmax_classifier(64, 10)
    run = dk.train(
        net.with_loss(dk.losses.cross_entropy), net.init(0), (x, y),
        optimizer=dk.optim.adam(0.02), batch_size=32, epochs=12,
    )  # fmt: skip
    assert net.accuracy(run.params, x_test, y_test) >= 0.95
    assert abs(run.history["loss"][0] - np.log(10)) < 1e-12  # zero weights: ln C


# Divergence ------------------------------------------------------------------------------------


def test_rates_below_two_over_the_largest_eigenvalue_converge() -> None:
    """2/λmax = 0.02: 0.0199 converges, 0.0201 diverges."""
    data = (np.zeros(1),)
    options: dict[str, Any] = {"epochs": 1200}
    good = dk.train(bowl, np.ones(3), data, optimizer=dk.optim.sgd(0.0199), **options)
    bad = quiet_train(bowl, np.ones(3), data, optimizer=dk.optim.sgd(0.0201), **options)
    assert good.diverged is None and np.linalg.norm(good.params) < 1e-4
    assert abs(good.params[2] - (1 - 0.0199 * 100) ** 1200) < 1e-12
    assert bad.diverged is not None and abs(bad.params[2]) > 30
    assert bad.diverged.layer == "params" and 0 < bad.diverged.epoch < 1200


@pytest.mark.parametrize("record", (("loss",), ("loss", "signal")))
def test_divergence_names_layer_and_epoch(record: tuple[str, ...]) -> None:
    loss = dk.nets.mlp([3, 5, 2], activation="relu").with_loss(dk.losses.mse)
    target = np.stack([X[:, 0], X[:, 1]], axis=1)
    with pytest.warns(DivergenceWarning, match=r"diverged in epoch \d+ .*at dense[12]") as caught:
        run = dk.train(loss, loss.net.init(0), (X, target), optimizer=dk.optim.sgd(50.0),
                       epochs=60, record=record)  # fmt: skip
    bad = run.diverged
    assert bad is not None and bad.layer is not None and bad.layer.startswith("dense")
    assert bad.step == bad.epoch == len(run.history["loss"]) - 1 < 59
    assert caught[0].filename == __file__
    assert "smaller learning rate" in str(bad)


def test_a_nan_on_the_way_is_found_where_it_is_born() -> None:
    """log h turns into a NaN when w crosses 0; the layer after it is the first that shows it."""

    def loss(w: Any, x: Any) -> Any:
        h = dk.probe("before", w + 0.0 * x)
        return np.sum(dk.probe("logarithm", np.log(h)))

    with pytest.warns(DivergenceWarning, match="at logarithm"):
        run = dk.train(loss, 1.0, (np.zeros(1),), optimizer=dk.optim.sgd(0.3), epochs=30)
    assert run.diverged is not None and run.diverged.epoch == len(run.history["loss"]) > 1
    assert np.isnan(run.diverged.loss) and np.isfinite(run.params)


def test_an_overflowing_update_is_found_at_once() -> None:
    rate = dk.optim.sgd(1e308)
    run = quiet_train(fit, np.full(3, 9.0), (1e3 * X, X[:, 0]), optimizer=rate)
    assert run.diverged is not None and run.diverged.step == 0
    assert np.array_equal(run.params, np.full(3, 9.0))  # the last that was good


# Data ------------------------------------------------------------------------------------------


def with_nan() -> np.ndarray:
    x = X.copy()
    x[6, 1] = np.nan
    return x


@pytest.mark.parametrize(
    ("data", "error", "match"),
    [
        (X, InputError, "tuple of arrays"),
        ((), InputError, "tuple of arrays"),
        ((X, LABELS[:-1]), InputError, "different lengths: 11, 10"),
        ((X[:0], LABELS[:0]), InputError, "no data"),
        ((with_nan(), LABELS), InputError, "row 6"),
        (([[1.0, 2.0, 3.0], [4.0]], [0, 1]), InputError, "rows of different lengths"),
        ((np.full((11, 3), "a"), LABELS), InputError, "not numbers"),
        ((X, 3), InputError, "single number"),
        ((X, LABELS + 1), InputError, "label 3 .* out of range for 3 classes"),
        ((X, LABELS - 1), InputError, "label -1"),
        ((X, LABELS + 0.5), DtypeError, "integers"),
        ((X, np.zeros(11, int)), InputError, "one class only"),
        ((X[:, :2], LABELS), ShapeError, "dense1 expects 3 features"),
    ],
)
def test_bad_data_is_refused(data: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        dk.train(LOSS, NET.init(0), data, epochs=1)


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({}, "no parameters"),
        ({"w": None}, "parameter w is None"),
        ({"w": "abc"}, "parameter w"),
        ({"a": {"w": np.array([1.0, np.inf])}}, r"parameter a\.w holds"),
    ],
)
def test_bad_parameters_are_refused(params: Any, match: str) -> None:
    with pytest.raises(InputError, match=match):
        dk.train(lambda p, x: np.sum(x), params, (X,))


def test_bad_validation_is_named() -> None:
    with pytest.raises(InputError, match=r"validation\[0\] holds"):
        dk.train(LOSS, NET.init(0), (X, LABELS), validation=(with_nan(), LABELS))


def test_a_loss_that_is_no_scalar_is_refused() -> None:
    with pytest.raises(ShapeError, match="scalar"):
        dk.train(lambda w, x: w * x, 1.0, (np.ones(3),))


def test_a_loss_that_branches_is_refused() -> None:
    def loss(w: Any, x: Any) -> Any:
        return np.sum(x) * w if w > 0 else w

    with pytest.raises(ShapeError, match=r"np\.where") as caught:
        dk.train(loss, 1.0, (np.ones(3),))
    assert "branches" in str(caught.value)


# The learning signal ---------------------------------------------------------------------------


def test_shapes_of_the_signal() -> None:
    signal = watched().signal
    assert signal.layers == ["dense1", "dense2", "dense3"]
    assert signal.parameters == [f"dense{i}.{key}" for i in (1, 2, 3) for key in "bw"]
    assert signal.steps == list(range(12))
    for quantity in Signal.LAYER_QUANTITIES:
        assert signal.table(quantity).shape == (12, 3)
    for quantity in Signal.PARAMETER_QUANTITIES:
        assert signal.table(quantity).shape == (12, 6)
    assert watched(every=5).signal.steps == [0, 5, 10]
    with pytest.raises(InputError, match="cotangent"):
        signal.table("adjoint")


def test_the_signal_is_that_of_probes() -> None:
    run = dk.train(LOSS, NET.init(0), (X, LABELS), record=("signal",), optimizer=dk.optim.sgd(0.1))
    value, bars, probes = dk.value_and_grad(LOSS, probes=True)(NET.init(0), X, LABELS)
    assert run.history["loss"] == [float(value)]
    expected = [float(np.linalg.norm(probes[name].cotangent)) for name in run.signal.layers]
    assert np.allclose(run.signal.table("cotangent")[0], expected, rtol=1e-15)
    expected = [float(np.linalg.norm(probes[name].value)) for name in run.signal.layers]
    assert np.allclose(run.signal.table("activation")[0], expected, rtol=1e-15)
    gradients = [float(np.linalg.norm(bars[f"dense{i}"][key])) for i in (1, 2, 3) for key in "bw"]
    assert np.allclose(run.signal.table("gradient")[0], gradients, rtol=1e-15)
    assert np.allclose(run.signal.table("update")[0], 0.1 * np.array(gradients), rtol=1e-12)


def test_slope_of_a_signal_that_halves_per_layer() -> None:
    signal = Signal()
    signal.steps, signal.layers = [0], ["a", "b", "c", "d"]
    signal.rows["cotangent"] = [[1.0, 2.0, 4.0, 8.0]]
    assert abs(signal.slope() - 0.5) < 1e-14
    signal.rows["cotangent"] = [[1.0, 0.0, 4.0, 8.0]]
    with pytest.raises(InputError, match="positive norm"):
        signal.slope()


# The built-in cases of the comparison ------------------------------------------------------------


@pytest.mark.parametrize("name", ("mlp-digits", "cnn-digits"))
def test_the_cases_are_the_nets(name: str) -> None:
    """The cases are written in plain NumPy; dk.nets must give the same loss and gradient."""
    pytest.importorskip("sklearn")
    from diffkit.comparison.cases import CASES

    case = CASES[name]
    w1, b1, w2, b2, pixels, labels = case.args
    if name == "mlp-digits":
        net, first = dk.nets.mlp([64, 16, 10], activation="tanh"), "dense1"
    else:
        net, first = dk.nets.cnn((8, 8, 1), channels=(4,), classes=10), "conv1"
    params = {first: {"w": w1, "b": b1}, list(net.param_shapes)[-1]: {"w": w2, "b": b2}}
    loss = net.with_loss(dk.losses.cross_entropy)
    value, bars = dk.value_and_grad(loss)(params, pixels / 16, labels)
    expected, parts = dk.value_and_grad(case.function, argnums=case.argnums)(*case.args)
    assert abs(float(value) - float(expected)) < 1e-14
    assert np.allclose(bars[first]["w"], parts[0], rtol=1e-10, atol=1e-16)
    assert np.allclose(bars[first]["b"], parts[1], rtol=1e-10, atol=1e-16)
