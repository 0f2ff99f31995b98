"""Ready-made nets: sizes by formula, that each learns on the machine, and what they refuse."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import InputError, ShapeError
from diffkit.nets import (
    Net,
    cnn,
    deep_linear,
    mlp,
    rnn,
    sequential,
    softmax_classifier,
    tiny_detector,
    tiny_segmenter,
)
from diffkit.nets.losses import cross_entropy, detection, dice, mse

RNG = np.random.default_rng(0)
ROWS = 24
LABELS = np.arange(ROWS) % 3

# net, loss, targets
READY_MADE: dict[str, tuple[Net, Any, Any]] = {
    "softmax_classifier": (softmax_classifier(6, 3), cross_entropy, LABELS),
    "mlp": (mlp([6, 5, 3]), cross_entropy, LABELS),
    "cnn": (cnn((8, 8, 1), (3, 4), classes=3), cross_entropy, LABELS),
    "rnn": (rnn((5, 4), 6, classes=3, cell="plain", depth=2), cross_entropy, LABELS),
    "rnn, gru": (rnn((5, 4), 6, classes=3), cross_entropy, LABELS),
    "rnn, lstm": (rnn((5, 4), 6, classes=3, cell="lstm"), cross_entropy, LABELS),
    "deep_linear": (deep_linear([6, 5, 4, 3]), mse, RNG.normal(size=(ROWS, 3))),
    "tiny_segmenter": (tiny_segmenter((8, 8, 1), 4, (3, 4)), cross_entropy,
                       RNG.integers(0, 4, (ROWS, 8, 8))),
    "tiny_segmenter, dice": (tiny_segmenter((8, 8, 1), 4, (3, 4)), dice,
                             RNG.integers(0, 4, (ROWS, 8, 8))),
    "tiny_detector": (tiny_detector((8, 8, 1), 3, (3, 4), hidden=6), detection,
                      np.column_stack([RNG.uniform(size=(ROWS, 4)), LABELS])),
}  # fmt: skip


def test_the_list_has_every_ready_made_net() -> None:
    made = {name.partition(",")[0] for name in READY_MADE}
    assert made == set(dk.nets.models.__all__) - {"sequential"}


def test_the_page_names_every_layer_activation_initializer_and_net(root: Path) -> None:
    text = (root / "docs" / "nets.md").read_text(encoding="utf-8")
    classes = {name: value for name, value in vars(dk.nets).items() if isinstance(value, type)}
    kinds = {name for name, kind in classes.items() if issubclass(kind, dk.nets.Layer)} - {"Layer"}
    made = set(dk.nets.models.__all__) - {"sequential"}
    missing = [name for name in kinds | made if f"`{name}(" not in text]
    words = {*dk.nets.ACTIVATIONS, *dk.nets.INITIALIZERS}
    assert missing + [name for name in words if f"`{name}`" not in text] == []


@pytest.mark.parametrize("name", READY_MADE)
def test_every_net_learns_on_the_machine(name: str) -> None:
    net, loss, y = READY_MADE[name]
    x = np.random.default_rng(1).normal(size=(ROWS, *net.input_shape))
    run = dk.train(
        net.with_loss(loss), net.init(0), (x, y), epochs=15, batch_size=8,
        optimizer=dk.optim.adam(0.01), progress=False,
    )  # fmt: skip
    assert run.engine == "machine"  # whole epochs; else auto says interpret
    assert run.diverged is None
    assert run.history["epoch_loss"][-1] < 0.98 * run.history["epoch_loss"][0]
    assert max(map(len, str(net.summary()).splitlines())) <= 80


@pytest.mark.parametrize(
    ("net", "parameters"),
    [
        (deep_linear([8, 6, 4]), 8 * 6 + 6 * 4),
        (rnn((8, 8), 32, 10, "plain"), 8 * 32 + 32 * 32 + 32 + 32 * 10 + 10),
        (rnn((8, 8), 32, 10, "gru"), 3 * (8 * 32 + 32 * 32 + 32) + 32 + 32 * 10 + 10),
        (rnn((8, 8), 32, 10, "lstm", depth=2),
         4 * (8 * 32 + 32 * 32 + 32) + 4 * (32 * 32 + 32 * 32 + 32) + 32 * 10 + 10),
        (tiny_segmenter(), (9 * 8 + 8) + (9 * 8 * 16 + 16) + (9 * 16 * 16 + 16)
         + (4 * 16 * 8 + 8) + (9 * 8 * 4 + 4)),
        (tiny_detector(), (9 * 8 + 8) + (9 * 8 * 16 + 16) + (256 * 32 + 32) + (32 * 7 + 7)),
    ],
)  # fmt: skip
def test_parameters_by_formula(net: Net, parameters: int) -> None:
    assert net.parameter_count == net.summary().parameters == parameters


def test_a_deep_linear_net_is_a_product_of_matrices() -> None:
    net = deep_linear([5, 4, 6, 3])
    params, x = net.init(0), RNG.normal(size=(7, 5))
    w1, w2, w3 = (params[f"dense{i}"]["w"] for i in (1, 2, 3))
    np.testing.assert_allclose(net(params, x), x @ (w1 @ w2 @ w3), rtol=1e-12, atol=1e-14)
    # from orthogonal weights of one size every singular value is 1 (Saxe et al. 2014)
    square = deep_linear([6] * 9)
    jacobian = dk.jacobian(lambda x: square(square.init(0), x[None])[0])(np.ones(6))
    np.testing.assert_allclose(np.linalg.svd(jacobian)[1], 1, rtol=1e-12)


def test_a_recurrent_net_remembers_what_it_saw_first() -> None:
    """The class is the sign of the first of ten steps; the others are noise."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 10, 1))
    x[:, 0] = rng.choice([-1.0, 1.0], size=(400, 1))
    y = (x[:, 0, 0] > 0).astype(int)
    net = rnn((10, 1), 8, classes=2)
    run = dk.train(net.with_loss(cross_entropy), net.init(0), (x[:300], y[:300]), epochs=30,
                   batch_size=30, optimizer=dk.optim.adam(0.02), progress=False)  # fmt: skip
    assert net.accuracy(run.params, x[300:], y[300:]) == 1.0


def test_the_segmenter_finds_shapes() -> None:
    """On shapes that it has not seen, more of them is found than missed (Jaccard index above ½)."""
    seen, unseen = dk.datasets.shapes(120, seed=0), dk.datasets.shapes(60, seed=1)
    net = tiny_segmenter()
    run = dk.train(net.with_loss(cross_entropy), net.init(0), (seen.x, seen.y), epochs=8,
                   batch_size=10, optimizer=dk.optim.adam(0.01), progress=False)  # fmt: skip
    found = net.predict(run.params, unseen.x)
    assert found.shape == unseen.y.shape
    both = np.sum((found > 0) & (unseen.y > 0))
    assert both / np.sum((found > 0) | (unseen.y > 0)) > 0.5


def test_the_detector_finds_boxes() -> None:
    """Its edges are nearer than those of the mean box, and its classes better than guessing."""
    seen, unseen = dk.datasets.shapes(300, seed=0), dk.datasets.shapes(100, seed=1)
    targets, net = seen.detection(), tiny_detector()
    run = dk.train(net.with_loss(detection), net.init(0), (targets.x, targets.y), epochs=20,
                   batch_size=20, optimizer=dk.optim.adam(0.003), progress=False)  # fmt: skip
    found = net(run.params, unseen.x)
    guess = np.mean(np.abs(seen.boxes.mean(axis=0) - unseen.boxes))
    assert np.mean(np.abs(found[:, :4] - unseen.boxes)) < 0.7 * guess
    assert np.mean(np.argmax(found[:, 4:], axis=1) == unseen.labels) > 0.6


def test_dropout_and_batch_norm_resume_bit_for_bit(tmp_path: Path) -> None:
    """Keys are drawn per update and statistics are measured per epoch: nothing else is hidden."""
    net = sequential([dk.nets.dense(8), dk.nets.batch_norm(), dk.nets.dropout(0.2),
                      dk.nets.dense(3)], 4)  # fmt: skip
    loss, data = net.with_loss(cross_entropy), (RNG.normal(size=(ROWS, 4)), LABELS)
    options: dict[str, Any] = {"epochs": 5, "batch_size": 7, "progress": False}
    whole = dk.train(loss, net.init(0), data, **options)

    def cut(run: Any) -> None:
        if len(run.history["epoch_loss"]) == 3:
            raise KeyError("cut")

    file = tmp_path / "run.npz"
    with pytest.raises(KeyError, match="cut"):
        dk.train(loss, net.init(0), data, checkpoint=file, on_epoch=cut, **options)
    resumed = dk.resume(file, loss=loss, data=data, on_epoch=lambda run: None, progress=False)
    assert repr(resumed.params) == repr(whole.params)
    assert resumed.history == whole.history


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: rnn(cell="transformer"), InputError, "no cell 'transformer'"),
        (lambda: rnn(depth=0), InputError, "depth is 0"),
        (lambda: rnn((8, 8, 1)), ShapeError, "gru1 expects sequences"),
        (lambda: deep_linear([3]), InputError, "two sizes"),
        (lambda: deep_linear(5), InputError, "two sizes"),
        (lambda: tiny_segmenter((7, 8, 1)), ShapeError, "residual1 expects a shortcut that gives"),
        (lambda: tiny_segmenter(channels=8), InputError, "not two numbers"),
        (lambda: tiny_detector((2, 2, 1)), ShapeError, "pool2 expects images"),
        (lambda: tiny_detector(classes=0), InputError, "classes is 0"),
        (lambda: sequential([], 3), InputError, "one layer or more"),
    ],
)
def test_bad_nets(make: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()
