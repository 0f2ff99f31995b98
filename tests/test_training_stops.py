"""Why a training stops before its end: it ran away, its loss draws numbers, or Ctrl-C."""

from __future__ import annotations

import json
import signal
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.cli.main import main
from diffkit.errors import DivergenceWarning, InputError, InterruptedTrainingWarning
from diffkit.optim.optimizers import SGD, Adam
from diffkit.training.checking import DIVERGED, RAN_AWAY
from diffkit.training.weights import load_weights

RNG = np.random.default_rng(11)
X = RNG.normal(size=(12, 4))
Y = np.arange(12) % 3
NET = dk.nets.mlp([4, 5, 3], activation="tanh")
LOSS = NET.with_loss(dk.losses.cross_entropy)


# Running away ----------------------------------------------------------------------------------


def test_a_saturated_net_that_sits_at_a_huge_loss_has_diverged() -> None:
    """tanh is flat out there, so the loss never reaches the bound for a single step."""
    with pytest.warns(DivergenceWarning, match="diverged in epoch 1 "):
        run = dk.train(LOSS, NET.init(0), (X, Y), optimizer=dk.optim.sgd(1e3), batch_size=3,
                       epochs=5)  # fmt: skip
    bad, losses = run.diverged, run.history["loss"]
    assert max(losses) < DIVERGED * max(1.0, losses[0])
    assert bad is not None and bad.epoch == 0 and bad.step == 3 == len(losses) - 1
    assert bad.layer is not None and bad.layer.startswith("dense")
    assert run.history["epoch_loss"] == [bad.loss] == pytest.approx([np.mean(losses)])
    assert bad.loss > RAN_AWAY * max(1.0, losses[0])


@pytest.mark.parametrize(("height", "stops"), ((0.9, False), (1.1, True)))
def test_the_bound_for_an_epoch(height: float, stops: bool) -> None:
    """The losses are the data: 2, then what makes the mean a share of 1e3 times 2."""
    later = 2 * height * RAN_AWAY * 2 - 2
    data = (np.array([2.0, later]),)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DivergenceWarning)
        run = dk.train(lambda w, x: np.mean(x) + 0.0 * w, 1.0, data, order=[[0], [1]], epochs=3)
    assert (run.diverged is not None) == stops
    assert len(run.history["epoch_loss"]) == (1 if stops else 3)


@pytest.mark.parametrize("words", ((), ("--schedule", "constant", "--activation", "tanh")))
def test_a_rate_that_is_far_too_large_is_no_success(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("sklearn")
    settings = ("--rate", "1e3", "--optimizer", "sgd", "--epochs", "2", "--l2", "0")
    assert main(["train", "digits", "--model", "mlp", *settings, *words]) == 1
    stderr = capsys.readouterr().err
    assert stderr.count("\n") == 1 and "the training diverged in epoch 1" in stderr


# Random numbers --------------------------------------------------------------------------------


def test_a_loss_that_draws_random_numbers_is_refused() -> None:
    """The graph would hold the first draw, and dropout would always drop the same."""

    def dropout(w: Any, x: Any) -> Any:
        return np.mean((x * (np.random.random(x.shape) < 0.5)) @ w)

    words = r"not deterministic: two evaluations .* differ \(.+ vs .+\)\n.*draw .* with dk\.random"
    with pytest.raises(InputError, match=words):
        dk.train(dropout, np.ones(4), (X,))


def test_random_numbers_in_the_data_or_with_a_seed_are_fine() -> None:
    def noisy(w: Any, x: Any, noise: Any) -> Any:
        return np.mean(((x + noise) @ w) ** 2) + np.random.default_rng(0).normal()

    run = dk.train(noisy, np.ones(4), (X, RNG.normal(size=X.shape)), batch_size=4)
    assert len(run.history["loss"]) == 3


# Ctrl-C ----------------------------------------------------------------------------------------


class Pressed(SGD):
    """Gradient descent during whose update number 7 somebody presses Ctrl-C."""

    def update(self, gradients: Any, state: Any, params: Any, t: int) -> tuple[Any, Any]:
        if t == 7:
            signal.raise_signal(signal.SIGINT)
        return super().update(gradients, state, params, t)


def test_ctrl_c_gives_the_run_so_far(tmp_path: Path) -> None:
    # an update of one's own is made by the interpreter, and bits are compared
    options: dict[str, Any] = {
        "batch_size": 4, "record": ("loss", "signal"), "engine": "interpret",
    }  # fmt: skip
    with pytest.warns(InterruptedTrainingWarning, match="interrupted; Run.2 of 9 epochs") as caught:
        run = dk.train(LOSS, NET.init(0), (X, Y), optimizer=Pressed(0.1), epochs=9, **options)
    assert caught[0].filename == __file__
    assert run.interrupted and run.diverged is None and "interrupted" in repr(run)
    whole = dk.train(LOSS, NET.init(0), (X, Y), optimizer=dk.optim.sgd(0.1), epochs=9, **options)
    assert not whole.interrupted and "interrupted" not in repr(whole)
    assert run.history["loss"] == whole.history["loss"][:7]
    assert run.history["accuracy"] == whole.history["accuracy"][:2]
    assert np.array_equal(run.signal.table(), whole.signal.table()[:7])
    saved = json.loads((run.save(tmp_path) / "config.json").read_text(encoding="utf-8"))
    assert saved["interrupted"] is True
    assert repr(load_weights(tmp_path, NET.init(1))) == repr(run.params)


def test_what_is_half_recorded_is_dropped() -> None:
    """Ctrl-C between two entries of one row must not leave columns of different lengths."""
    run = dk.train(LOSS, NET.init(0), (X, Y), epochs=3, record=("loss", "signal"))
    run.history["loss"].append(0.5)
    run.history["epoch_loss"].append(0.5)
    run.signal.steps.append(3)
    run.signal.rows["activation"].append([1.0, 1.0])
    run.interrupt()
    assert {len(column) for column in run.history.values()} == {3}
    assert {len(rows) for rows in run.signal.rows.values()} == {3} == {len(run.signal.steps)}


def test_ctrl_c_on_the_command_line_saves_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    update = Adam.update

    def pressed(self: Adam, gradients: Any, state: Any, params: Any, t: int) -> tuple[Any, Any]:
        if t == 60:
            signal.raise_signal(signal.SIGINT)
        return update(self, gradients, state, params, t)

    monkeypatch.setattr(Adam, "update", pressed)
    assert main(["train", "two-moons", "--out", str(tmp_path / "r")]) == 130
    done = capsys.readouterr()
    assert done.err.count("\n") == 1 and "train: interrupted in epoch" in done.err
    assert "updates\t60\n" in done.out
    config = json.loads((tmp_path / "r" / "config.json").read_text(encoding="utf-8"))
    history = json.loads((tmp_path / "r" / "history.json").read_text(encoding="utf-8"))
    assert config["interrupted"] is True and len(history["loss"]) == 60
    assert (tmp_path / "r" / "weights.npz").exists() and (tmp_path / "r" / "curves.png").exists()
