"""Edges of nets and training: inputs that once gave a wrong number or a raw error."""

from __future__ import annotations

import json
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from loss_cases import ALL_CASES, IDS
from refusals import refusal

import diffkit as dk
from diffkit.errors import DivergenceWarning, DtypeError, InputError, ShapeError
from diffkit.nets import datasets
from diffkit.nets.convolutional import conv2d
from diffkit.training.run import Run

nets, losses, optim = dk.nets, dk.losses, dk.optim
RNG = np.random.default_rng(3)
X, Y = RNG.normal(size=(12, 4)), np.arange(12) % 3
NET = nets.mlp([4, 5, 3])
PARAMS = NET.init(0)
LOSS = NET.with_loss(losses.cross_entropy)


def quiet_train(*args: Any, **options: Any) -> Run:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DivergenceWarning)
        return dk.train(*args, **options)


# Nets ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", nets.ACTIVATIONS)
def test_an_activation_starts_the_same_by_name_and_as_a_function(name: str) -> None:
    """The rectifiers given as functions once started with Xavier's weights, not He's."""
    by_name = nets.mlp([4, 50, 3], activation=name).init(0)["dense1"]["w"]
    by_function = nets.mlp([4, 50, 3], activation=nets.ACTIVATIONS[name]).init(0)["dense1"]["w"]
    assert np.array_equal(by_name, by_function)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: nets.mlp([4, [5], 3]), InputError, r"units is \[5\]"),
        (lambda: nets.sequential(None, 4), InputError, "not None"),
        (lambda: nets.sequential([nets.dense], 4), InputError, "one layer or more, not <class"),
        (lambda: nets.sequential([nets.dense(3, name=5)], 4), InputError, "name is text, not 5"),
        (lambda: nets.cnn(channels=8), InputError, r"channels is 8\n.*channels=\(8,\)"),
        (lambda: nets.cnn(hidden=5), InputError, r"hidden is 5\n.*hidden=\(5,\)"),
        (lambda: nets.sequential([nets.conv2d(1, window=11, padding=1)], (8, 8, 1)), ShapeError,
         "at least 9 × 9 pixels"),
        (lambda: nets.mlp([4, 3], initializer=lambda rng, shape: np.zeros(3)).init(0), ShapeError,
         r"gave \[3\] for 'w' of shape \[4, 3\]"),
        (lambda: NET(PARAMS, X.astype(str)), DtypeError, "dense1 expects numbers"),
        (lambda: NET.with_loss(losses.huber), InputError, "huber cannot be called"),
        (lambda: NET.with_loss(lambda prediction: 0.0), InputError, "cannot be called"),
        (lambda: losses.huber("a"), InputError, "δ is 'a'"),
        (lambda: losses.mse(np.ones(2), np.array(["a", "b"])), DtypeError, "compares numbers"),
        (lambda: dk.grad(losses.cross_entropy)(np.ones((2, 3)), [0, 1]), DtypeError, r"np\.array"),
        (lambda: nets.softmax(np.ones((2, 3)), axis=(0, 1)), ShapeError, r"axis \(0, 1\)"),
    ],
)  # fmt: skip
def test_mistakes_in_nets_get_a_typed_error(make, error, words: str) -> None:
    with pytest.raises(error, match=words):
        make()


def test_an_activation_that_changes_the_shape_is_named() -> None:
    net = nets.mlp([4, 5, 3], activation=lambda h: np.sum(h, axis=1))
    words = r"dense1 gives \[2\], where the next layer expects 5 features \[batch, 5\]"
    with pytest.raises(ShapeError, match=words):
        net(net.init(0), np.ones((2, 4)))
    with pytest.raises(ShapeError, match=words):
        dk.grad(net.with_loss(losses.cross_entropy))(net.init(0), np.ones((2, 4)), Y[:2])


def test_the_whole_input_is_named_and_the_hint_fits() -> None:
    with pytest.raises(ShapeError, match=r"the input is \[12, 3\]\n.*reshape them"):
        dk.train(LOSS, PARAMS, (X[:, :3], Y))
    with pytest.raises(ShapeError, match=r"the input is \[4\]\n.*x\[None\]"):
        NET(PARAMS, X[0])


@pytest.mark.parametrize("dtype", [int, np.uint8, np.int8, np.float32, float])
def test_pooling_pads_any_numbers_without_a_warning(dtype) -> None:
    image = np.arange(16).astype(dtype).reshape(1, 4, 4, 1)
    if np.dtype(dtype).kind != "u":
        image = image - np.asarray(20, dtype)  # all below 0, which must not be what pads
    for pool in (nets.max_pool2d, nets.avg_pool2d):
        found = pool(image, 3, 2, "same")
        expected = pool(image.astype(float), 3, 2, "same")
        assert np.allclose(found, expected)
        assert found.dtype == (np.float32 if dtype is np.float32 else np.float64)


def test_softmax_of_whole_numbers() -> None:
    z = [1, 2, 3]
    assert np.allclose(nets.log_softmax(z), np.log(nets.softmax(z)))
    assert np.allclose(nets.softmax(z), nets.softmax(np.array(z, float)))


def test_a_convolution_over_nothing_is_zero() -> None:
    found = conv2d(np.ones((1, 3, 3, 0)), np.ones((2, 2, 0, 1)))
    assert (found.shape, found.sum()) == ((1, 2, 2, 1), 0.0)


# Data ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gap", ["", "?", "NA", "n/a", "null"])
def test_a_gap_in_the_first_row_does_not_make_it_a_header(tmp_path: Path, gap: str) -> None:
    """The first row of data was once taken for headings, and lost without a word."""
    file = tmp_path / "table.csv"
    file.write_text(f"1.5,{gap},a\n2,3,b\n4,5,a\n")
    with pytest.raises(InputError, match="line 1, column 1"):
        datasets.from_csv(file)


def test_an_index_column_without_a_heading_is_still_a_header(tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text(",size,kind\n0,3,b\n1,5,a\n")
    assert len(datasets.from_csv(file)) == 2


def test_a_header_of_brackets_is_no_crash(tmp_path: Path) -> None:
    header = b"(" * 3000
    member = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    file = tmp_path / "odd.npz"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x.npy", member)
        archive.writestr("y.npy", member)
    with pytest.raises(InputError, match=r"odd\.npz"):
        datasets.from_npz(file)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: datasets.standardise(np.array([[1e300], [-1e300]])), "too large to standardise"),
        (lambda: datasets.Dataset("flat", np.zeros((2, 0)), Y[:2], (), ""), "holds no features"),
        (lambda: datasets.spirals(turns="a"), "'a' turns"),  # type: ignore[arg-type]
        (lambda: datasets.spirals(turns=np.nan), "nan turns"),
    ],
)
def test_more_bad_data(call, words: str) -> None:
    with pytest.raises(InputError, match=words):
        call()


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        (losses.cross_entropy, np.eye(3)[np.zeros(12, int)]),
        (losses.cross_entropy, np.eye(3, dtype=bool)[np.zeros(12, int)]),
        (losses.bce_with_logits, np.zeros(12)),
        (losses.bce_with_logits, np.zeros(12, bool)),
        (losses.hinge, -np.ones(12)),
    ],
)
def test_one_class_only_is_seen_in_every_form_of_labels(loss, y) -> None:
    net = nets.mlp([4, 3]) if y.ndim == 2 else nets.mlp([4, 1])
    with pytest.raises(InputError, match="one class only"):
        dk.train(net.with_loss(loss), net.init(0), (X, y))


def test_equal_probabilities_are_no_single_class() -> None:
    dk.train(LOSS, PARAMS, (X, np.full((12, 3), 1 / 3)))


# Optimizers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("minimum", [-1, 0.5, np.nan, np.inf, "a"])
def test_the_minimum_of_a_cosine_is_a_rate(minimum) -> None:
    """Below 0 the training would climb at its end."""
    with pytest.raises(InputError, match="minimum of cosine"):
        dk.schedules.cosine(0.1, 10, minimum=minimum)


@pytest.mark.parametrize(
    "make",
    [
        lambda: optim.sgd(0.1, momentum="a"),  # type: ignore[arg-type]
        lambda: optim.sgd(0.1, momentum=None),  # type: ignore[arg-type]
        lambda: optim.adam(0.1, eps="a"),  # type: ignore[arg-type]
        lambda: optim.adam(0.1, eps=np.inf),
        lambda: dk.schedules.one_cycle(0.1, True),
        lambda: dk.schedules.step(0.1, True),
    ],
)
def test_settings_of_optimizers_are_numbers(make) -> None:
    with pytest.raises(InputError):
        make()


# Training --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "options", "words"),
    [
        ((X,), {}, r"data holds 1 array, but the loss takes \(params, x, y\)"),
        ((X, Y, Y), {}, "data holds 3 arrays"),
        ((X, Y), {"validation": (X,)}, "validation holds 1 array"),
        ((X, Y), {"validation": (X[:0], Y[:0])}, "no data in validation"),
        ((X, Y), {"order": [[0, [1]]]}, "list of batches"),
        ((X, Y), {"record": None}, "cannot record None"),
    ],
)
def test_data_that_do_not_fit_the_loss_are_refused(data, options, words: str) -> None:
    with pytest.raises(InputError, match=words):
        dk.train(LOSS, PARAMS, data, **options)


def test_bad_labels_of_the_validation_are_found_before_the_first_step() -> None:
    steps = []

    class Noted(type(optim.sgd(0.1))):  # type: ignore[misc]
        def update(self, *args: Any) -> Any:
            steps.append(args)
            return super().update(*args)

    with pytest.raises(InputError, match=r"label 3 .* out of range"):
        dk.train(LOSS, PARAMS, (X, Y), validation=(X, Y + 1), optimizer=Noted(0.1))
    assert not steps


def test_a_loss_that_is_no_number_is_not_blamed_on_the_rate() -> None:
    """A label out of range in a later batch, with a loss of one's own that checks nothing."""
    labels = np.where(np.arange(12) == 9, 3, Y)
    order = [range(6), range(6, 12)]

    def own(params: Any, x: Any, y: Any) -> Any:
        return losses.cross_entropy(NET(params, x), y)

    for record in ("loss", "signal"):
        run = quiet_train(own, PARAMS, (X, labels), order=order, record=record)
        assert run.diverged is not None
        assert run.diverged.layer is None
        assert "epoch 1 (update 2)" in str(run.diverged)
        assert "targets" in str(run.diverged)
        assert "rate" not in str(run.diverged)
        assert run.plot() is not None


def test_a_run_is_shown_in_a_line() -> None:
    run = dk.train(LOSS, PARAMS, (X, Y), epochs=2, validation=(X, Y))
    assert repr(run).startswith("Run(2 of 2 epochs, 2 updates, loss ")
    assert len(repr(run)) < 120


def test_a_saved_run_says_that_its_order_was_given(tmp_path: Path) -> None:
    run = dk.train(LOSS, PARAMS, (X, Y), order=[[0, 1], [2]])
    saved = json.loads((run.save(tmp_path) / "config.json").read_text())
    assert (saved["batch_size"], saved["order"]) == (None, "given")
    run = dk.train(LOSS, PARAMS, (X, Y), batch_size=5)
    assert (run.describe()["batch_size"], run.describe()["order"]) == (5, "seed")


def test_notes_of_any_kind_are_saved(tmp_path: Path) -> None:
    run = dk.train(LOSS, PARAMS, (X, Y))
    run.config = {
        "a": np.int64(3),
        "b": np.array([1.0, np.nan]),
        "c": Path("x"),
        "d": np.float32(2),
    }
    saved = json.loads((run.save(tmp_path) / "config.json").read_text())
    assert [saved[key] for key in "abcd"] == [3, [1.0, None], "x", 2.0]


# Nothing to learn from ---------------------------------------------------------------------------


@pytest.mark.parametrize(("loss", "prediction", "target"), ALL_CASES, ids=IDS)
def test_a_loss_of_no_examples_is_refused(loss: Any, prediction: Any, target: Any) -> None:
    refusal(ShapeError, lambda: loss(prediction[:0], target[:0]), "is empty")
    refusal(ShapeError, lambda: dk.grad(loss)(prediction[:0], target[:0]), "is empty")


def test_a_first_line_that_may_be_data_is_not_dropped(tmp_path: Path) -> None:
    path = tmp_path / "slip.csv"
    path.write_text("1,x,0\n2,3,1\n4,5,0\n")
    refusal(InputError, lambda: datasets.from_csv(path), "'x'", "headings", "header=True")
    assert len(datasets.from_csv(path, header=True).x) == 2
    refusal(InputError, lambda: datasets.from_csv(path, header=False), "line 1", "'x'")


@pytest.mark.parametrize("read", [datasets.from_csv, datasets.from_npz])
@pytest.mark.parametrize("thing", [None, 3, ["a.csv"]])
def test_a_file_is_named_by_its_path(read: Any, thing: Any) -> None:
    refusal(InputError, lambda: read(thing), "is not the path of a file")
