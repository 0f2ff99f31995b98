"""Which engine trains, and why; and other signals than the backward sweep on the machine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trained import quiet_train, same_bits
from trained_twice import CLOSE, assert_same, both, train

import diffkit as dk
from diffkit.engines.machine import loading
from diffkit.engines.machine.builder import RULES
from diffkit.engines.machine.threads import most_threads, set_threads, threads
from diffkit.optim.optimizers import SGD, Optimizer
from diffkit.training import looped, swapped_graphs
from diffkit.training.run import Run
from diffkit.training.stepwise import Training

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
        {"signal": "complex"},
        {"order": [list(range(k + 1)) for k in range(looped.MOST_SIZES + 1)], "batch_size": None},
    ],
    ids=("update alone", "branches", "complex step", "many sizes"),
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
    assert run.one_by_one is not None and run.describe()["one_by_one"] == run.one_by_one
    assert reference.one_by_one is None  # nothing else was asked for


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


# Other signals -----------------------------------------------------------------------------------

SIGNALS = ("forward", "finite", "forward-gradient", "spsa")
NOISY = {"finite": 1e-6, "spsa": 1e-6}  # differences of values that agree to rounding


@pytest.mark.parametrize("dtype", CLOSE)
@pytest.mark.parametrize("signal", SIGNALS)
def test_other_signals_run_on_the_machine(signal: str, dtype: Any) -> None:
    fast, slow = both(dtype, signal=signal, optimizer=SGD(0.01, 0.5), record=("ratios",))
    close = max(CLOSE[dtype], NOISY.get(signal, 0.0)) * (100 if dtype == np.float32 else 1)
    assert_same(fast, slow, close)
    assert fast.cost == slow.cost and fast.one_by_one is None


def line(signal: Any, engine: str = "machine", **options: Any) -> Run:
    """Two numbers to learn, from eight points."""
    x = np.linspace(-1, 1, 8)
    fit = lambda w, x, y: np.mean((np.tanh(w[0] * x) + w[1] - y) ** 2)  # noqa: E731
    settings = {"batch_size": 2, "epochs": 3, "optimizer": SGD(0.1)} | options
    return quiet_train(fit, np.array([0.5, 0.1]), (x, 2 * x), signal=signal, engine=engine,
                       **settings)  # fmt: skip


METHODS = (
    dk.methods.Symbolic(),
    dk.methods.Finite(accuracy=1, step=1e-6),
    dk.methods.Finite(accuracy=4, step=1e-3, relative=True),
    dk.methods.ForwardGradient(samples=3, directions="rademacher", seed=4),
    dk.methods.SPSA(samples=2, step=1e-4, seed=4),
)


@pytest.mark.parametrize("method", METHODS, ids=repr)
def test_methods_with_settings_run_on_the_machine(method: Any) -> None:
    fast, slow = line(method), line(method, "interpret")
    assert fast.engine == "machine"
    assert_same(fast, slow, 1e-6)
    if not swapped_graphs.draws_directions(method):
        assert_same(fast, line("reverse"), 1e-4)


def test_a_draw_is_that_of_numpy_by_hand() -> None:
    """One update by SPSA and one by the forward gradient, from their own directions."""
    w, x = np.array([0.5, 0.1]), np.linspace(-1, 1, 8)
    fit = lambda w: np.mean((np.tanh(w[0] * x) + w[1] - 2 * x) ** 2)  # noqa: E731
    for name, method in (("spsa", dk.methods.SPSA(seed=0)),
                         ("forward-gradient", dk.methods.ForwardGradient(seed=0))):  # fmt: skip
        key = dk.random.fold_in(swapped_graphs.key_of_directions(method, 0), 0)
        signs = 2.0 * dk.random.bernoulli(key, 0.5, 2) - 1.0
        v = signs if name == "spsa" else dk.random.normal(key, 2)
        step = w - 0.1 * (dk.grad(fit)(w) @ v) * v
        found = line(name, epochs=1, batch_size=None).params
        assert found == pytest.approx(step, rel=1e-7)


@pytest.mark.parametrize("signal", SIGNALS)
def test_same_bits_on_one_thread_and_more_and_when_it_is_resumed(
    signal: str, tmp_path: Path
) -> None:
    before, found = threads(), []
    for count in (1, most_threads()):
        set_threads(count)
        found.append(train("machine", signal=signal, epochs=1).params)
    set_threads(before)
    assert same_bits(*found)

    class Killed(Exception):
        pass

    def kill(run: Run) -> None:
        if len(run.history["epoch_loss"]) == 2:
            raise Killed

    net = dk.nets.mlp([1, 3, 1])
    data, loss = (np.ones((4, 1)), np.ones((4, 1))), net.with_loss(dk.losses.mse)
    asked: dict[str, Any] = {"signal": signal, "epochs": 3, "engine": "machine"}
    with pytest.raises(Killed):
        dk.train(loss, net.init(0), data, checkpoint=tmp_path, on_epoch=kill, **asked)
    again = dk.resume(tmp_path, data=data, on_epoch=lambda run: None)
    assert again.engine == "machine"
    assert same_bits(again.params, dk.train(loss, net.init(0), data, **asked).params)


def test_directions_beyond_one_group_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = line("forward")
    monkeypatch.setattr(swapped_graphs, "LANES", 1)
    assert_same(line(dk.methods.Forward(chunk=3)), whole, 1e-12)


def test_dropout_and_directions_draw_from_keys_of_their_own() -> None:
    layers = [dk.nets.dense(4), dk.nets.dropout(0.5), dk.nets.dense(1)]
    net = dk.nets.sequential(layers, (2,))
    data = np.ones((6, 2)), np.ones((6, 1))
    fast, slow = [
        quiet_train(net.with_loss(dk.losses.mse), net.init(0), data, signal="forward-gradient",
                    epochs=4, engine=engine, optimizer=SGD(0.01))
        for engine in ("machine", "interpret")
    ]  # fmt: skip
    assert fast.engine == "machine"
    assert_same(fast, slow, 1e-9)


REFUSED = (
    ("complex", "complex numbers"),
    (dk.methods.Finite(step="estimated"), "estimated anew"),
    (dk.methods.Finite(richardson=True), "extrapolated"),
    (dk.methods.SPSA(seed=np.random.default_rng(0)), "Generator"),
    (dk.methods.SPSA(samples=99, seed=0), "more than 16 samples"),
)


@pytest.mark.parametrize(("method", "why"), REFUSED, ids=[why for _, why in REFUSED])
def test_what_is_no_graph_says_why(method: Any, why: str) -> None:
    run = line(method, epochs=1)
    assert run.one_by_one is not None and why in run.one_by_one
    assert len(run.history["loss"]) == 4
