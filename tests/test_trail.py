"""What gradients say of each other from update to update, beside NumPy by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.engines.machine.threads import most_threads, set_threads, threads
from diffkit.errors import InputError
from diffkit.training.signal import Signal
from diffkit.training.trail import BETA, TRAILED, Trail

DATA = dk.datasets.two_moons(60, noise=0.1, seed=0)
NET = dk.nets.mlp([2, 3, 2])
LOSS = NET.with_loss(dk.losses.cross_entropy)
ASKED = ("loss", "successive", "snr")


def trained(**settings: Any) -> Any:
    given: dict[str, Any] = {
        "batch_size": 20, "epochs": 3, "optimizer": dk.optim.adam(0.1), "record": ASKED,
    }  # fmt: skip
    return dk.train(LOSS, NET.init(0), (DATA.x, DATA.y), **(given | settings))


def gradients_of(run: Any) -> list[np.ndarray]:
    """The gradient of every update as one vector, by walking the same path again."""
    found, params, optimizer = [], NET.init(0), run.optimizer
    state, t = optimizer.init(params), 0
    for epoch in range(run.batches.epochs):
        for rows in run.batches.epoch(epoch):
            bars = dk.grad(LOSS)(params, DATA.x[rows], DATA.y[rows])
            found.append(np.concatenate([np.ravel(bars[a][b]) for a in bars for b in ("b", "w")]))
            params, state = optimizer.update(bars, state, params, t)
            t += 1
    return found


def by_hand(gradients: list[np.ndarray], n: int) -> float:
    """The signal-to-noise ratio after n updates, from weights written out."""
    weights = BETA ** np.arange(n)[::-1]
    weights /= weights.sum()
    g = np.array(gradients[:n])
    mean, own = weights @ g, np.sum(weights**2)
    noise = (np.sum(weights @ g**2) - mean @ mean) / (1 - own)
    return float(np.sqrt(max(mean @ mean - own * noise, 0) / noise))


@pytest.mark.parametrize("engine", ("machine", "interpret"))
def test_every_update_is_that_of_numpy(engine: str) -> None:
    run = trained(engine=engine)
    g = gradients_of(run)
    assert run.engine == engine and len(g) == 9
    cosines, ratios = run.signal.table("successive"), run.signal.table("snr")
    assert run.signal.columns("snr") == ["all", *run.signal.parameters]
    assert cosines.shape == ratios.shape == (9, 5)
    assert np.isnan(cosines[0]).all() and np.isnan(ratios[0]).all()  # one gradient says nothing
    wanted = [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for a, b in zip(g[1:], g, strict=False)]
    assert cosines[1:, 0] == pytest.approx(wanted, rel=1e-9)
    assert ratios[1:, 0] == pytest.approx([by_hand(g, n) for n in range(2, 10)], rel=1e-8)
    first = [vector[:3] for vector in g]  # dense1.b
    column = run.signal.columns("snr").index("dense1.b")
    assert ratios[1:, column] == pytest.approx([by_hand(first, n) for n in range(2, 10)], rel=1e-8)


def test_the_ratio_is_that_of_the_distribution() -> None:
    """Gradients of known mean and covariance: no bias from the noise within the means."""
    rng = np.random.default_rng(0)
    mean, spread, count = np.array([0.3, -0.1]), 0.5, 4000
    trail, found = Trail(("snr",)), []
    memory = trail.init(mean)
    for t in range(count):
        memory, numbers = trail.step(memory, mean + spread * rng.normal(size=2), trail.scalars(t))
        found.append(numbers[0])
    true = np.linalg.norm(mean) / (spread * np.sqrt(2))
    squares = np.array(found[100:]) ** 2
    assert np.sqrt(squares.mean()) == pytest.approx(true, rel=0.15)


def test_equal_gradients_have_no_noise_and_point_one_way() -> None:
    trail = Trail(TRAILED)
    memory, numbers = trail.init(np.ones(3)), []
    for t in range(5):
        with np.errstate(all="ignore"):
            memory, numbers = trail.step(memory, np.ones(3), trail.scalars(t))
    assert numbers[0] == pytest.approx(1.0) and numbers[2] > 1e6


def test_recording_changes_nothing_and_thins() -> None:
    plain, whole = trained(record=("loss",)), trained()
    assert plain.history["loss"] == pytest.approx(whole.history["loss"], rel=1e-13)
    thin = trained(signal_every=4)
    assert thin.signal.steps == [0, 4, 8]
    for name in TRAILED:  # the memory moves on at every update, also where nothing is recorded
        np.testing.assert_allclose(thin.signal.table(name)[1:], whole.signal.table(name)[[4, 8]],
                                   rtol=1e-9)  # fmt: skip


@pytest.mark.parametrize("engine", ("machine", "interpret"))
@pytest.mark.parametrize("asked", [("successive",), ("snr",), ("ratios", *TRAILED)])
def test_a_resumed_training_remembers(engine: str, asked: Any, tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def kill(run: Any) -> None:
        if len(run.history["epoch_loss"]) == 2:
            raise Killed

    with pytest.raises(Killed):
        trained(on_epoch=kill, checkpoint=tmp_path, record=asked, engine=engine)
    run = dk.resume(tmp_path, data=(DATA.x, DATA.y), on_epoch=lambda run: None)
    whole = trained(record=asked, engine=engine)
    for name in run.signal.rows:
        one, other = run.signal.table(name), whole.signal.table(name)
        assert np.array_equal(one, other, equal_nan=True)  # to the last bit
    assert run.engine == engine and run.history == whole.history


def test_any_signal_can_be_trailed_and_float32_too() -> None:
    run = trained(signal="spsa", record=("ratios", *TRAILED), batch_size=None)
    assert np.isfinite(run.signal.table("successive")[1:, 0]).all()
    assert run.signal.layers == []
    small = {name: {key: w.astype(np.float32) for key, w in layer.items()}
             for name, layer in NET.init(0).items()}  # fmt: skip
    runs = [dk.train(LOSS, small, (DATA.x, DATA.y), batch_size=20, record=ASKED, engine=engine)
            for engine in ("machine", "interpret")]  # fmt: skip
    assert [one.engine for one in runs] == ["machine", "interpret"]
    for name in TRAILED:
        one, other = (found.signal.table(name) for found in runs)
        np.testing.assert_allclose(one, other, rtol=2e-3, atol=1e-3)


def test_full_batch_optimizers_are_trailed() -> None:
    run = trained(batch_size=None, optimizer=dk.optim.lbfgs())
    assert np.isfinite(run.signal.table("successive")[1:, 0]).all()


def test_it_goes_to_disk_and_back() -> None:
    kept = trained(epochs=1).signal.to_dict()
    again = Signal.from_dict(kept)
    assert again.asked == TRAILED and again.to_dict().keys() == kept.keys()
    with pytest.raises(InputError, match=r"no 'snr'"):
        trained(record=("signal",), epochs=1).signal.table("snr")


def test_one_and_two_threads_give_the_same_bits() -> None:
    before, found = threads(), []
    for count in (1, most_threads()):
        set_threads(count)
        run = trained(engine="machine", epochs=1)
        found.append([run.signal.table(name)[1:].tobytes() for name in TRAILED])
    set_threads(before)
    assert found[0] == found[1]
