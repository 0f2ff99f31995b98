"""Whole epochs on the machine: the same trainings as update by update, and the same reports."""

from __future__ import annotations

import ctypes
import itertools
import json
import signal as signals
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trained import bowl, quiet_train, same_bits

import diffkit as dk
from diffkit.capture.trees import flatten
from diffkit.engines.machine import loading, looping
from diffkit.engines.machine.builder import RULES
from diffkit.errors import InterruptedTrainingWarning
from diffkit.optim.optimizers import ALL_OPTIMIZERS, SGD, Adam, Optimizer
from diffkit.optim.schedules import ALL_SCHEDULES, Schedule
from diffkit.training import looped
from diffkit.training.run import Run
from diffkit.training.stepwise import Training

RNG = np.random.default_rng(3)
X = RNG.normal(size=(33, 4))
Y = np.eye(3)[RNG.integers(0, 3, 33)]
PARAMS = {"w1": RNG.normal(size=(4, 6)) / 2, "b1": np.zeros(6), "w2": RNG.normal(size=(6, 3)) / 2,
          "b2": np.zeros(3)}  # fmt: skip
CLOSE = {np.float64: 1e-10, np.float32: 2e-4}


def loss(params: Any, x: Any, y: Any) -> Any:
    """Cross-entropy of a small net with one hidden layer."""
    h = dk.probe("hidden", np.tanh(x @ params["w1"] + params["b1"]))
    z = h @ params["w2"] + params["b2"]
    z = z - np.max(z, axis=1, keepdims=True)
    return np.mean(np.log(np.sum(np.exp(z), axis=1)) - np.sum(y * z, axis=1))


def train(engine: str, dtype: Any = np.float64, **options: Any) -> Run:
    params = {name: value.astype(dtype) for name, value in PARAMS.items()}
    data = (X.astype(dtype), Y.astype(dtype))
    settings = {"epochs": 3, "batch_size": 8, "optimizer": SGD(0.1, 0.9)} | options
    return quiet_train(settings.pop("loss", loss), params, data, engine=engine, **settings)


def assert_same(one: Run, other: Run, close: float) -> None:
    """Histories, signals and parameters agree to rounding."""
    for name, values in other.history.items():
        assert np.allclose(one.history[name], values, rtol=close, atol=close), name
    for a, b in zip(flatten(one.params)[0], flatten(other.params)[0], strict=True):
        assert a.dtype == b.dtype and a.shape == b.shape
        assert np.allclose(a, b, rtol=close, atol=close)
    assert one.signal.steps == other.signal.steps
    for name in other.signal.rows:
        assert np.allclose(one.signal.table(name), other.signal.table(name), rtol=close, atol=close)


def both(dtype: Any = np.float64, **options: Any) -> tuple[Run, Run]:
    """The same training on the machine, which must really run it, and by the interpreter."""
    fast, slow = train("machine", dtype, **options), train("interpret", dtype, **options)
    assert fast.engine == "machine" and slow.engine == "interpret"
    return fast, slow


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


# Which engine ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Own(Optimizer):
    """An optimizer of the user's with a step and a state of its own."""

    def init(self, params: Any) -> Any:
        return {"count": np.zeros(()), "last": params}

    def step(
        self, gradients: Any, state: Any, params: Any, scalars: dict[str, Any]
    ) -> tuple[Any, Any]:
        names = params.keys()
        after = {n: params[n] - scalars["rate"] * np.clip(gradients[n], -1, 1) for n in names}
        return after, {"count": state["count"] + 1, "last": after}


class OnlyUpdate(Optimizer):
    """An optimizer of the user's with an update alone."""

    def init(self, params: Any) -> Any:
        return ()

    def update(self, gradients: Any, state: Any, params: Any, t: int) -> tuple[Any, Any]:
        rate = self.rate_at(t) if t < 7 else 0.5 * self.rate_at(t)
        return {n: params[n] - rate * gradients[n] for n in params}, state


@dataclass(frozen=True)
class Branches(SGD):
    """A step that looks at its numbers, which one graph cannot do."""

    def step(
        self, gradients: Any, state: Any, params: Any, scalars: dict[str, Any]
    ) -> tuple[Any, Any]:
        if np.sum(gradients["b1"]) > 0:
            return params, state
        return super().step(gradients, state, params, scalars)


def test_an_optimizer_of_ones_own_runs_on_the_machine() -> None:
    assert_same(*both(optimizer=Own(lambda t: 0.1 / (1 + t))), CLOSE[np.float64])


def test_gradients_that_clipping_would_hide_are_found() -> None:
    """∂√b/∂b is infinite at 0, and clipping would make it 1."""
    root = lambda p, x, y: np.sum(np.sqrt(p["b1"])) + 0.0 * np.sum(x) * np.sum(y)  # noqa: E731
    fast, slow = both(loss=root, optimizer=Own(0.1))
    assert str(fast.diverged) == str(slow.diverged) and "b1" in str(fast.diverged)


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer": OnlyUpdate(0.1)},
        {"optimizer": Branches(0.1)},
        {"signal": "forward"},
        {"order": [list(range(k + 1)) for k in range(looped.MOST_SIZES + 1)], "batch_size": None},
    ],
    ids=("update alone", "branches", "forward mode", "many sizes"),
)
def test_what_is_no_program_is_trained_update_by_update(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[int] = []
    update = Training.update
    monkeypatch.setattr(
        Training, "update", lambda self, *args: steps.append(self.step) or update(self, *args)
    )
    loading.kernels()  # warm from here on, so that "auto" would take the machine
    run, reference = train("auto", **options), train("interpret", **options)
    assert len(steps) == 2 * len(run.history["loss"])
    assert run.engine == "interpret" and same_bits(run.params, reference.params)


def test_an_operation_for_python_is_trained_update_by_update(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(RULES, "matmul")
    run = train("auto", optimizer=SGD(0.1, 0.77))  # settings of its own, so that nothing is kept
    assert run.engine == "interpret"
    steps = train("machine", optimizer=SGD(0.1, 0.77))
    assert_same(steps, run, CLOSE[np.float64])


def test_mixed_precision_is_trained_update_by_update() -> None:
    params = {"a": np.ones(2, np.float32), "b": np.ones(2)}
    f = lambda p, x: np.mean((p["a"] + p["b"] - x) ** 2)  # noqa: E731
    runs = [quiet_train(f, params, (np.zeros((4, 2)),), engine=e) for e in ("auto", "interpret")]
    assert same_bits(runs[0].params, runs[1].params)


def test_auto_takes_the_machine_only_when_it_is_warm(monkeypatch: pytest.MonkeyPatch) -> None:
    loading.kernels()
    assert train("auto").engine == "machine"
    monkeypatch.setattr(loading, "is_warm", lambda: False)
    cold = train("auto")
    assert cold.engine == "interpret" and cold.describe()["engine"] == "interpret"
    assert same_bits(cold.params, train("interpret").params)


def test_a_branch_in_the_loss_is_refused_on_every_engine() -> None:
    f = lambda w, x: np.sum(w * x) if np.sum(w) > 0 else np.sum(x)  # noqa: E731
    for engine in ("machine", "interpret"):
        with pytest.raises(dk.errors.ShapeError, match="branches on traced values"):
            dk.train(f, np.ones(2), (np.ones((3, 2)),), engine=engine)


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
