"""Checkpoints: what is resumed is what was never stopped, and nothing else is accepted."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from resumable import (
    EPOCHS,
    NET,
    RNG,
    X,
    Y,
    begun,
    nothing,
    same_run,
    whole,
)

import diffkit as dk
from diffkit.engines import set_threads
from diffkit.errors import CheckpointError, DivergenceWarning
from diffkit.optim.optimizers import (
    ALL_OPTIMIZERS,
    FULL_BATCH_OPTIMIZERS,
    SGD,
    Adam,
    Optimizer,
)
from diffkit.optim.schedules import ALL_SCHEDULES, Schedule
from diffkit.training import checkpoint as files
from diffkit.training.checkpoint import read_checkpoint
from diffkit.training.measuring import BETWEEN_EPOCHS
from diffkit.training.swapped import SIGNALS

Cut = namedtuple("Cut", "w b")  # a tree node of one's own


# The same bits -----------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ("machine", "interpret"))
@pytest.mark.parametrize("epoch", (0, 1, 4))
def test_resumed_is_uninterrupted(tmp_path: Path, engine: str, epoch: int) -> None:
    options: dict[str, Any] = {
        "engine": engine, "record": ("loss", "signal"), "signal_every": 3,
        "validation": (X[:7], Y[:7]), "optimizer": dk.optim.adam(dk.schedules.one_cycle(0.05)),
    }  # fmt: skip
    begun(tmp_path, epoch, **options)
    assert read_checkpoint(tmp_path).header["epoch"] == epoch
    run = dk.resume(tmp_path, data=(X, Y), validation=(X[:7], Y[:7]), on_epoch=nothing)
    assert same_run(run, whole(**options)) and run.engine == engine
    assert run.config == {} and run.batches.total == len(run.history["loss"])


@pytest.mark.parametrize("optimizer", (*ALL_OPTIMIZERS, *FULL_BATCH_OPTIMIZERS), ids=repr)
def test_every_optimizer(tmp_path: Path, optimizer: Optimizer) -> None:
    options: dict[str, Any] = {"optimizer": optimizer, "batch_size": None}
    begun(tmp_path, **options)
    run = dk.resume(tmp_path, data=(X, Y), on_epoch=nothing)
    assert same_run(run, whole(**options))


@pytest.mark.parametrize("engine", ("machine", "interpret"))
@pytest.mark.parametrize("schedule", ALL_SCHEDULES, ids=repr)
def test_every_schedule(tmp_path: Path, schedule: Schedule, engine: str) -> None:
    options: dict[str, Any] = {"optimizer": SGD(schedule, 0.9), "engine": engine}
    begun(tmp_path, **options)
    given = {"optimizer": options["optimizer"]} if hasattr(schedule, "function") else {}
    run = dk.resume(tmp_path, data=(X, Y), on_epoch=nothing, **given)
    assert same_run(run, whole(**options))


@pytest.mark.parametrize("signal", SIGNALS)
def test_every_signal(tmp_path: Path, signal: str) -> None:
    """Those that work by chance draw from the seed and the number of the update."""

    def fit(p: Any, x: Any, y: Any) -> Any:
        return np.mean((x @ p - y) ** 2)

    arguments = (fit, np.ones(2), (X[:6, :2], X[:6, 2]))
    options: dict[str, Any] = {"signal": signal, "epochs": 3, "batch_size": 3}
    begun(tmp_path, 1, *arguments, **options)
    run = dk.resume(tmp_path, loss=fit, data=arguments[2], on_epoch=nothing)
    other = whole(*arguments, **options)
    assert same_run(run, other) and run.cost == other.cost


@pytest.mark.parametrize("engine", ("machine", "interpret"))
def test_what_is_measured_between_epochs(tmp_path: Path, engine: str) -> None:
    options: dict[str, Any] = {
        "record": ("loss", "signal", *BETWEEN_EPOCHS), "signal_every": 5, "engine": engine,
    }  # fmt: skip
    begun(tmp_path, 3, **options)
    run = dk.resume(tmp_path, data=(X, Y), on_epoch=nothing)
    assert len(run.signal.between) > 3 and same_run(run, whole(**options))


@pytest.mark.parametrize("engine", ("machine", "interpret"))
def test_layers_with_chance_and_statistics(tmp_path: Path, engine: str) -> None:
    """Dropout draws anew at every update; batch normalisation is measured after every epoch."""
    layers = [dk.nets.dense(6), dk.nets.batch_norm(), dk.nets.dropout(0.3), dk.nets.dense(3)]
    net = dk.nets.sequential(layers, 4)
    arguments = (net.with_loss(dk.losses.cross_entropy), net.init(0), (X, Y))
    options: dict[str, Any] = {
        "engine": engine, "optimizer": dk.optim.adamw(0.05), "validation": (X[:7], Y[:7]),
    }  # fmt: skip
    begun(tmp_path, 3, *arguments, **options)
    run = dk.resume(tmp_path, data=(X, Y), validation=(X[:7], Y[:7]), on_epoch=nothing)
    assert same_run(run, whole(*arguments, **options))


@pytest.mark.parametrize("order", ("batches", "rows"))
def test_an_order_of_ones_own(tmp_path: Path, order: str) -> None:
    rows = np.stack([RNG.permutation(23) for _ in range(EPOCHS)])
    options: dict[str, Any] = {"order": rows, "batch_size": 5}
    if order == "batches":
        options = {"order": [rows[0, :9], rows[1, :4], rows[2, :9]], "batch_size": None}
    begun(tmp_path, **options)
    run = dk.resume(tmp_path, data=(X, Y), on_epoch=nothing)
    assert same_run(run, whole(**options)) and run.describe()["order"] == "given"


@pytest.mark.parametrize("dtype", (np.float32, np.float64))
def test_trees_and_dtypes(tmp_path: Path, dtype: Any) -> None:
    """Lists, tuples and numbers; what comes back has the types that went in."""
    start = [np.ones(4, dtype), (dtype(0.5), {"deep": np.zeros((2, 1), dtype)})]
    data = (X.astype(dtype), Y.astype(dtype))

    def fit(p: Any, x: Any, y: Any) -> Any:
        return np.mean((x @ p[0] + p[1][0] + np.sum(p[1][1]["deep"]) - y) ** 2)

    options: dict[str, Any] = {"optimizer": Adam(0.01)}
    begun(tmp_path, 2, fit, start, data, **options)
    run = dk.resume(tmp_path, loss=fit, data=data, on_epoch=nothing)
    assert same_run(run, whole(fit, start, data, **options))
    assert run.params[0].dtype == dtype and isinstance(run.params[1], tuple)


def test_a_tree_of_ones_own_nodes(tmp_path: Path) -> None:
    start = Cut(np.ones(4), np.zeros(()))

    def fit(p: Any, x: Any, y: Any) -> Any:
        return np.mean((x @ p.w + p.b - y) ** 2)

    begun(tmp_path, 2, fit, start, (X, Y), optimizer=SGD(0.05, 0.9))
    with pytest.raises(CheckpointError, match=r"own nodes.*\n.*params="):
        dk.resume(tmp_path, loss=fit, data=(X, Y), on_epoch=nothing)
    with pytest.raises(CheckpointError, match="2 arrays, not 1"):
        dk.resume(tmp_path, loss=fit, data=(X, Y), on_epoch=nothing, params=0.0)
    run = dk.resume(tmp_path, loss=fit, data=(X, Y), on_epoch=nothing, params=start)
    assert same_run(run, whole(fit, start, (X, Y), optimizer=SGD(0.05, 0.9)))


@pytest.mark.parametrize("engine", ("machine", "interpret"))
def test_random_numbers_and_threads(tmp_path: Path, engine: str) -> None:
    """Dropout, on two threads before and one after, and long enough rows to be shared."""
    x = RNG.normal(size=(600, 200))
    net = dk.nets.mlp([200, 60, 1])

    def fit(p: Any, x: Any, y: Any, rng: Any = None) -> Any:
        if rng is not None:
            x = np.where(dk.random.uniform(rng, x.shape) < 0.5, 2 * x, 0.0)
        return np.mean((net(p, np.tanh(x)) - y) ** 2)

    arguments = fit, net.init(0), (x, x[:, :1])
    options: dict[str, Any] = {"batch_size": 300, "epochs": 3, "engine": engine}
    before = set_threads(2)
    try:
        begun(tmp_path, 1, *arguments, **options)
        set_threads(1)
        run = dk.resume(tmp_path, loss=fit, data=arguments[2], on_epoch=nothing)
        assert same_run(run, whole(*arguments, **options))
    finally:
        set_threads(before)


def test_it_is_written_every_so_many_epochs_and_at_the_end(tmp_path: Path) -> None:
    begun(tmp_path, 3, checkpoint_every=2)
    assert read_checkpoint(tmp_path).header["epoch"] == 2
    run = dk.resume(tmp_path, data=(X, Y), on_epoch=nothing)
    assert same_run(run, whole()) and read_checkpoint(tmp_path).header["epoch"] == EPOCHS


def test_a_finished_training_comes_back_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "kept.npz"
    run = whole(checkpoint=file, config={"note": "first"})
    before = file.read_bytes()
    again = dk.resume(file, data=(X, Y))
    assert same_run(again, run) and again.config == {"note": "first"}
    assert file.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"kept.npz", "kept.history"}


def test_the_same_training_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        whole(checkpoint=tmp_path / name, record=("loss", "signal"))
    assert len({(tmp_path / name / files.FILE_NAME).read_bytes() for name in ("a", "b")}) == 1


def test_a_divergence_leaves_the_last_good_weights(tmp_path: Path) -> None:
    """At the edge of stability each update multiplies the error by −1.5; then comes the end."""

    def bowl(w: Any, x: Any) -> Any:
        return 0.5 * np.mean(x) * w * w

    data, options = (np.full(4, 2.5),), {"optimizer": SGD(1.0), "batch_size": 2, "epochs": 99}
    with pytest.warns(DivergenceWarning) as caught:
        run = dk.train(bowl, 1.0, data, checkpoint=tmp_path, **options)
    assert caught[0].filename == __file__
    assert run.diverged is not None and run.diverged.epoch == len(run.history["epoch_loss"]) - 1
    good = 1.5 ** (2 * run.diverged.epoch)  # after the epoch before
    assert abs(float(run.params)) == pytest.approx(good)
    with pytest.warns(DivergenceWarning) as caught:
        again = dk.resume(tmp_path, loss=bowl, data=data)
    assert caught[0].filename == __file__
    assert again.diverged == run.diverged and same_run(again, run)


# What must be given again ------------------------------------------------------------------------


def test_what_is_not_stored_must_be_given(tmp_path: Path) -> None:
    def mine(p: Any, x: Any, y: Any) -> Any:
        return np.mean((x @ p - y) ** 2)

    def falling(t: float) -> float:
        return 0.1 / (1 + t)

    begun(tmp_path, 2, mine, np.ones(4), (X, Y), optimizer=SGD(falling), validation=(X, Y),
          signal=dk.methods.Finite(accuracy=4))  # fmt: skip
    given: Any = {}
    for name, value, words in (
        ("data", (X, Y), r"the data \(float64 \[23, 4\], int64 \[23\]\) are not stored"),
        ("validation", (X, Y), "validation data, which are not stored"),
        ("optimizer", SGD(falling), "falling.* holds code of your own"),
        ("loss", mine, r"the loss \(mine\) is code of your own"),
        ("signal", dk.methods.Finite(accuracy=4), r"the method \(Finite .* is an object"),
        ("on_epoch", nothing, "a function after every epoch"),
    ):
        with pytest.raises(CheckpointError, match=words) as caught:
            dk.resume(tmp_path, **given)
        assert f"{name}=" in str(caught.value.hint)
        given[name] = value
    again = dk.resume(tmp_path, **given)
    assert len(again.history["epoch_loss"]) == EPOCHS
    with pytest.raises(CheckpointError, match=r"came from Finite .* not from Finite"):
        dk.resume(tmp_path, **(given | {"signal": dk.methods.Finite(accuracy=2)}))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"data": (X[:-1], Y[:-1])}, r"they are float64 \[22, 4\], int64 \[22\], not"),
        ({"data": (X + 1e-15, Y)}, "not the data of the checkpoint: their numbers differ"),
        ({"data": (X, Y.astype(np.int32))}, "int32"),
        ({"loss": NET.with_loss(dk.losses.cross_entropy)}, "computes something else"),
        ({"loss": NET.with_loss(dk.losses.cross_entropy, l2=2e-3)}, "computes something else"),
        ({"optimizer": SGD(0.2)}, r"the optimizer is SGD\(rate=.*0\.2.* but that of the"),
        ({"optimizer": 0.1}, "not an optimizer"),
    ],
)
def test_another_training_is_refused(tmp_path: Path, change: Any, words: str) -> None:
    begun(tmp_path)
    with pytest.raises(CheckpointError, match=words) as caught:
        dk.resume(tmp_path, **({"data": (X, Y), "on_epoch": nothing} | change))
    assert "\n" not in caught.value.message


def test_the_same_loss_by_other_words_is_the_same(tmp_path: Path) -> None:
    def one(p: Any, x: Any, y: Any) -> Any:
        return np.mean((x @ p - y) ** 2)

    def other(weights: Any, inputs: Any, target: Any) -> Any:
        error = inputs @ weights - target
        return np.mean(error**2)

    begun(tmp_path, 2, one, np.ones(4), (X, Y))
    run = dk.resume(tmp_path, loss=other, data=(X, Y), on_epoch=nothing)
    assert same_run(run, whole(one, np.ones(4), (X, Y)))
