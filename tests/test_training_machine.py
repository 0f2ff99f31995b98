"""Whole epochs on the machine: the same trainings as update by update, and the same reports."""

from __future__ import annotations

import ctypes
import itertools
import json
import signal as signals
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trained import bowl, quiet_train, same_bits
from trained_twice import CLOSE, PARAMS, RNG, X, Y, assert_same, both, train

import diffkit as dk
from diffkit.engines.machine import loading, looping
from diffkit.errors import InterruptedTrainingWarning
from diffkit.optim.optimizers import ALL_OPTIMIZERS, SGD, Adam, Optimizer
from diffkit.optim.schedules import ALL_SCHEDULES, Schedule
from diffkit.training import looped

# Agreement ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("optimizer", ALL_OPTIMIZERS, ids=repr)
def test_machine_and_interpreter_agree(optimizer: Optimizer, dtype: Any) -> None:
    fast, slow = both(dtype, optimizer=optimizer)
    assert_same(fast, slow, CLOSE[dtype])
    assert len(fast.history["loss"]) == 3 * 5  # the last of 5 batches has a single row


@pytest.mark.parametrize("optimizer", (SGD(0.1, 0.9), Adam(0.1)), ids=repr)
@pytest.mark.parametrize("schedule", ALL_SCHEDULES, ids=repr)
def test_machine_and_interpreter_agree_on_rates(optimizer: Optimizer, schedule: Schedule) -> None:
    dtype = np.float64
    fast, slow = both(dtype, optimizer=replace(optimizer, rate=schedule))
    assert_same(fast, slow, CLOSE[dtype])
    assert len(fast.history["loss"]) == 3 * 5  # the last of 5 batches has a single row


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("size", (1, 11, 32, 33, None))
def test_batches_of_all_sizes(size: int | None, dtype: Any) -> None:
    fast, slow = both(dtype, batch_size=size, record=("loss", "signal"), optimizer=SGD(0.02, 0.5))
    assert_same(fast, slow, CLOSE[dtype])


@pytest.mark.parametrize("every", (1, 2, 4, 100))
def test_the_signal_is_recorded(every: int) -> None:
    fast, slow = both(record=("loss", "signal"), signal_every=every)
    assert_same(fast, slow, CLOSE[np.float64])
    assert fast.signal.layers == slow.signal.layers == ["hidden"]
    assert fast.signal.parameters == slow.signal.parameters == ["b1", "b2", "w1", "w2"]


@pytest.mark.parametrize(
    "options",
    (
        {"order": [[3, 1], [0, 2, 4], [5, 6, 7], [8]], "batch_size": None},
        {"order": np.array([RNG.permutation(33) for _ in range(3)])},
        {"validation": (X[:5], Y[:5])},
    ),
    ids=("batches", "orders", "validation"),
)
def test_given_orders_and_validation(options: dict[str, Any]) -> None:
    assert_same(*both(**options), CLOSE[np.float64])


def test_one_order_per_epoch_is_cut_into_batches() -> None:
    orders = np.array([RNG.permutation(33) for _ in range(2)])
    batches = [rows for order in orders for rows in np.split(order, [8, 16, 24, 32])]
    cut = train("interpret", epochs=2, order=orders)
    listed = train("interpret", epochs=1, batch_size=None, order=[b.tolist() for b in batches])
    assert same_bits(cut.params, listed.params)
    assert cut.describe()["order"] == "given" and cut.describe()["batch_size"] == 8


def test_nets_with_labels_and_accuracy() -> None:
    net = dk.nets.mlp([4, 5, 3], activation="tanh")
    objective, labels = net.with_loss(dk.losses.cross_entropy), Y.argmax(1)
    fast, slow = [
        quiet_train(objective, net.init(0), (X, labels), batch_size=8, epochs=2, engine=engine,
                    record=("loss", "signal"))
        for engine in ("machine", "interpret")
    ]  # fmt: skip
    assert_same(fast, slow, CLOSE[np.float64])
    assert len(fast.history["accuracy"]) == 2


def test_scalar_parameters_stay_scalars() -> None:
    x = np.linspace(-1, 1, 20)
    fit = lambda w, x, y: np.mean((w * x - y) ** 2)  # noqa: E731
    fast, slow = [
        dk.train(fit, 0.0, (x, 3 * x), epochs=9, engine=engine)
        for engine in ("machine", "interpret")
    ]
    assert fast.engine == "machine" and type(fast.params) is type(slow.params)
    assert fast.params == pytest.approx(float(slow.params), rel=1e-12)


# Determinism -------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", ALL_OPTIMIZERS, ids=repr)
def test_same_seed_same_bits(optimizer: Optimizer) -> None:
    one, two = (train("machine", optimizer=optimizer, seed=5) for _ in range(2))
    assert same_bits(one.params, two.params) and one.history == two.history
    other = train("machine", optimizer=optimizer, seed=6)
    assert not same_bits(one.params, other.params)


def test_calls_of_any_length_give_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = train("machine", record=("loss", "signal"))
    monkeypatch.setattr(looped, "CALL_FLOPS", 1)
    monkeypatch.setattr(looped, "MOST_AHEAD", 2)
    parts = train("machine", record=("loss", "signal"))
    assert same_bits(whole.params, parts.params) and whole.history == parts.history
    assert whole.signal.to_dict() == parts.signal.to_dict()


def test_recording_changes_nothing_and_parameters_are_not_touched() -> None:
    before = {name: value.copy() for name, value in PARAMS.items()}
    plain, watched = train("machine"), train("machine", record=("loss", "signal"))
    assert_same(plain, replace(watched, signal=plain.signal), 1e-13)
    assert all(np.array_equal(PARAMS[name], before[name]) for name in before)
    kept = {name: value.copy() for name, value in plain.params.items()}
    train("machine")
    assert same_bits(plain.params, kept)  # a later training does not write to its memory


# Divergence --------------------------------------------------------------------------------------


def falls_off(w: Any, x: Any) -> Any:
    """A logarithm whose argument becomes negative on the way."""
    return np.sum(np.log(dk.probe("inside", w))) + 0.0 * np.sum(x)


@pytest.mark.parametrize(
    ("f", "params", "options"),
    [
        (bowl, np.ones(3), {"optimizer": SGD(0.5)}),
        (bowl, np.ones(3), {"optimizer": SGD(1e308)}),
        (falls_off, np.full(3, 0.7), {"optimizer": SGD(0.3), "record": ("signal",)}),
        (lambda w, x: w * np.mean(x), 1.0, {"optimizer": SGD(1e200), "epochs": 99}),
        (lambda w, x: np.mean(x) * np.sqrt(w), 0.0, {"epochs": 3}),
    ],
    ids=("bound", "overflow", "domain", "run away", "first step"),
)
def test_divergence_is_reported_alike(f: Any, params: Any, options: dict[str, Any]) -> None:
    settings = {"batch_size": 2, "epochs": 60} | options
    fast, slow = [
        quiet_train(f, params, (np.ones(8),), engine=engine, **settings)
        for engine in ("machine", "interpret")
    ]
    assert fast.engine == "machine" and slow.engine == "interpret"
    assert fast.diverged is not None and str(fast.diverged) == str(slow.diverged)
    assert_same(fast, slow, 1e-9)


def test_the_flag_sees_every_number_that_is_not_finite() -> None:
    for dtype, place, bad in itertools.product(CLOSE, (0, 5, 30), (np.nan, np.inf, -np.inf)):
        w = np.full(31, 1.5, dtype)
        x = np.zeros((4, 31), dtype)
        x[3, place] = 1.0
        huge = np.finfo(dtype).max if np.isinf(bad) else 1.0
        sign = -1.0 if bad < 0 else 1.0
        hurt = lambda w, x: np.sum(w * x)  # noqa: E731
        run = quiet_train(hurt, w * dtype(sign), (x * dtype(huge),), engine="machine",
                          order=[[0], [1], [2], [3]], optimizer=SGD(1e38))  # fmt: skip
        assert run.engine == "machine"
        assert (run.diverged is not None) == bool(np.isinf(bad))
        assert len(run.history["loss"]) == (3 if np.isinf(bad) else 4)


# Interruption ------------------------------------------------------------------------------------


@pytest.mark.parametrize("moment", ("before", "after"))
def test_ctrl_c_keeps_what_was_done(
    moment: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Ctrl-C during the third call, which is over when Python hears of it."""
    enter, calls = looping.StepLoop.run, itertools.count(1)

    def pressed(self: looping.StepLoop) -> None:
        last = next(calls) == 3
        if moment == "before" and last:
            signals.raise_signal(signals.SIGINT)
        enter(self)
        if moment == "after" and last:
            signals.raise_signal(signals.SIGINT)

    whole = train("machine", batch_size=11, epochs=5, record=("loss", "signal"))
    monkeypatch.setattr(looping.StepLoop, "run", pressed)
    with pytest.warns(InterruptedTrainingWarning, match="of 5 epochs"):
        run = train("machine", batch_size=11, epochs=5, record=("loss", "signal"))
    monkeypatch.undo()
    updates = 6 if moment == "before" else 9
    assert run.interrupted and len(run.history["loss"]) == len(run.history["rate"]) == updates
    assert run.history["loss"] == whole.history["loss"][:updates]
    assert run.signal.steps == list(range(updates))
    short = train("machine", batch_size=11, epochs=updates // 3)
    assert_same(replace(short, signal=run.signal), replace(run, history=short.history), 1e-13)
    saved = json.loads((run.save(tmp_path) / "config.json").read_text(encoding="utf-8"))
    assert saved["interrupted"] is True and saved["engine"] == "machine"


# The loop itself ---------------------------------------------------------------------------------


def test_one_call_makes_a_whole_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """One for the whole batches of an epoch, one for the smaller batch at its end."""
    calls: list[int] = []
    run = looping.StepLoop.run
    monkeypatch.setattr(
        looping.StepLoop, "run", lambda self: calls.append(len(self.order)) or run(self)
    )
    train("machine", epochs=4)
    assert calls == [4, 1] * 4


def test_a_second_training_builds_no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[Any] = []
    assembled = looping.assembled
    monkeypatch.setattr(looping, "assembled", lambda b: built.append(b) or assembled(b))
    first = train("machine", epochs=1)
    count = len(built)
    second = train("machine", epochs=1)
    assert len(built) == count and same_bits(first.params, second.params)
    train("machine", epochs=1, optimizer=SGD(0.1, 0.95))  # another constant, another program
    assert len(built) > count


def test_the_entry_is_one_function_pointer() -> None:
    address = loading.kernels().address["run_steps"]
    words = np.zeros(10, np.int64)
    words[4], words[5] = 7, 7  # nothing left to do
    words[2] = words[6] = words.ctypes.data
    run = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(address)
    assert run(words.ctypes.data) == 7


def test_no_warning_of_numpy_comes_out_of_a_training() -> None:
    with warnings.catch_warnings(action="error"):
        train("machine", record=("loss", "signal"))
