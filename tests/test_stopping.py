"""The best epoch, early stopping, and callbacks after every epoch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trained import LABELS, LOSS, NET, X, bowl, fit, quiet_train, same_bits

import diffkit as dk
from diffkit.errors import InputError
from diffkit.training.run import Run
from diffkit.training.stopping import Best

ENGINES = ("machine", "interpret")
RNG = np.random.default_rng(2)
NOISY = (RNG.normal(size=(10, 8)), RNG.normal(size=10))  # nothing to learn but the noise
UNSEEN = (RNG.normal(size=(40, 8)), RNG.normal(size=40))


def overfitted(engine: str = "auto", **options: Any) -> Run:
    settings = {"optimizer": dk.optim.sgd(0.05), "epochs": 60, "validation": UNSEEN} | options
    return quiet_train(fit, np.zeros(8), NOISY, engine=engine, **settings)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_best_epoch_is_the_least_validation_loss(engine: str) -> None:
    whole = overfitted(engine)
    losses = whole.history["validation_loss"]
    best = whole.best
    assert best is not None and best.epoch == 1 + int(np.argmin(losses)) < 60
    assert best.value == min(losses) == fit(best.params, *UNSEEN)
    until = overfitted(engine, epochs=best.epoch)
    assert same_bits(best.params, until.params)
    assert not same_bits(best.params, whole.params) and whole.stopped is None


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("patience", (1, 7))
def test_patience(engine: str, patience: int) -> None:
    whole, run = overfitted(engine), overfitted(engine, patience=patience)
    losses = whole.history["validation_loss"]
    first = next(e for e in range(60) if e - int(np.argmin(losses[: e + 1])) == patience)
    assert run.history["validation_loss"] == losses[: first + 1]
    assert run.stopped == f"no better validation loss for {patience} epochs"
    assert run.best is not None and run.best.epoch == first + 1 - patience
    assert "stopped: no better" in repr(run)
    assert run.describe()["stopped"] == run.stopped
    assert run.describe()["best_epoch"] == run.best.epoch


def test_other_monitors() -> None:
    data = {"validation": (X, LABELS), "epochs": 12, "batch_size": 4}
    for monitor, name, pick in (
        ("accuracy", "accuracy", np.argmax),
        ("validation_accuracy", "validation_accuracy", np.argmax),
        ("loss", "epoch_loss", np.argmin),
    ):
        run = dk.train(LOSS, NET.init(0), (X, LABELS), monitor=monitor, **data)
        values = run.history[name]
        assert run.best is not None
        assert run.best.epoch == 1 + int(pick(values))  # the first of equals
    run = dk.train(LOSS, NET.init(0), (X, LABELS), patience=3, epochs=4)
    assert run.best == Best(4, run.history["epoch_loss"][-1], run.best.params if run.best else 0)
    assert dk.train(LOSS, NET.init(0), (X, LABELS)).best is None


def test_a_validation_loss_that_is_no_number_is_never_best() -> None:
    """The weight falls by about one per epoch; patience runs out where its root is a NaN."""

    def root(w: Any, x: Any) -> Any:
        return np.mean(np.sqrt(w + x))

    run = quiet_train(root, 2.5, (np.full(2, 100.0),), validation=(np.zeros(2),), epochs=9,
                      patience=2, optimizer=dk.optim.sgd(20.0))  # fmt: skip
    assert np.isnan(run.history["validation_loss"]).tolist() == [False, False, True, True]
    assert run.best is not None and run.best.epoch == 2


@pytest.mark.parametrize("engine", ENGINES)
def test_a_callback_sees_every_epoch_and_may_stop(engine: str) -> None:
    seen = []

    def on_epoch(run: Run) -> str | None:
        seen.append((len(run.history["epoch_loss"]), float(run.params[0])))
        return "stop" if len(seen) == 3 else None

    run = quiet_train(bowl, np.ones(3), (np.ones(4),), epochs=9, on_epoch=on_epoch, engine=engine,
                      optimizer=dk.optim.sgd(0.001), batch_size=2)  # fmt: skip
    assert [epoch for epoch, _ in seen] == [1, 2, 3]
    assert [w for _, w in seen] == pytest.approx([0.999**2, 0.999**4, 0.999**6])
    assert run.stopped == "on_epoch said stop" and len(run.history["loss"]) == 6
    assert float(run.params[0]) == seen[-1][1]


def test_a_stopped_training_stays_stopped(tmp_path: Path) -> None:
    run = overfitted(patience=2, checkpoint=tmp_path)
    again = dk.resume(tmp_path, loss=fit, data=NOISY, validation=UNSEEN)
    assert again.stopped == run.stopped and again.history == run.history
    assert same_bits(again.params, run.params) and again.best is not None
    assert run.best is not None and same_bits(again.best.params, run.best.params)


def test_patience_counts_over_an_interruption(tmp_path: Path) -> None:
    class KilledError(Exception):
        pass

    def kill(run: Run) -> None:
        if run.best is not None and len(run.history["epoch_loss"]) == run.best.epoch + 4:
            raise KilledError

    with pytest.raises(KilledError):
        overfitted(patience=7, checkpoint=tmp_path, on_epoch=kill)
    run = dk.resume(tmp_path, loss=fit, data=NOISY, validation=UNSEEN, on_epoch=lambda run: None)
    assert run.history == overfitted(patience=7).history


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"patience": 0}, "patience must be a whole number of at least 1, not 0"),
        ({"patience": True}, "patience must be"),
        ({"patience": 2.5}, "patience must be"),
        ({"monitor": "luck"}, "cannot monitor 'luck'"),
        ({"monitor": "validation_loss"}, "no validation loss without validation data"),
        ({"monitor": "accuracy"}, "no accuracy to monitor"),
        ({"on_epoch": 3}, "not a function of the run"),
        ({"on_epoch": lambda run: "go"}, "on_epoch gave 'go' after epoch 1"),
        ({"on_epoch": lambda run: np.ones(2)}, "on_epoch gave array"),
    ],
)
def test_wrong_input(options: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        dk.train(fit, np.zeros(8), NOISY, **options)
