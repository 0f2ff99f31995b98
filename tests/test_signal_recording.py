"""The learning signal on record: ``dk.train(..., record=...)``, and trainings by another signal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import BudgetError, InputError
from diffkit.training.measuring import BETWEEN_EPOCHS, histogram
from diffkit.training.signal import Signal
from diffkit.training.swapped import SIGNALS, method_at, method_of_training

EVERYTHING = ("loss", "signal", "ratios", *BETWEEN_EPOCHS)
DATA = dk.datasets.two_moons(60, noise=0.1, seed=0)
NET = dk.nets.mlp([2, 5, 2])
LOSS = NET.with_loss(dk.losses.cross_entropy)


def trained(**settings: Any) -> Any:
    given: dict[str, Any] = {"batch_size": 20, "epochs": 3, "optimizer": dk.optim.sgd(0.5)}
    return dk.train(LOSS, NET.init(0), (DATA.x, DATA.y), **(given | settings))


@pytest.fixture(scope="module")
def recorded() -> Any:
    return trained(record=EVERYTHING)


def test_it_is_measured_at_the_start_and_after_every_epoch(recorded: Any) -> None:
    assert recorded.signal.measured("epoch") == [0, 1, 2, 3]
    assert recorded.signal.measured("step") == [0, 3, 6, 9]
    for name in ("dead", "saturated", "noise_scale", "cosine_batch", "sharpness", "rank"):
        assert len(recorded.signal.measured(name)) == 4


def test_measurements_are_those_of_dk_signal(recorded: Any) -> None:
    rows = (DATA.x, DATA.y)
    for place, params in ((0, NET.init(0)), (-1, recorded.params)):
        row = recorded.signal.between[place]
        assert row["noise_scale"] == pytest.approx(
            dk.signal.noise_scale(LOSS, params, rows).scale, rel=1e-9
        )
        assert row["sharpness"] == pytest.approx(dk.signal.sharpness(LOSS, params, rows), rel=2e-3)
        assert row["rank"]["dense1.w"] == pytest.approx(
            dk.signal.effective_rank(params["dense1"]["w"]), rel=1e-9
        )
        assert row["dead"] == dk.signal.dead_units(NET, params, DATA.x)
        assert row["saturated"] == dk.signal.saturated_units(NET, params, DATA.x)
        assert row["edge"] == 4.0


def test_histograms_count_everything(recorded: Any) -> None:
    first, *_, last = recorded.signal.measured("histograms")
    assert sum(last["activation"]["dense1"]["counts"]) == 60 * 5
    assert sum(last["weight"]["dense1.w"]["counts"]) == 10
    assert "update" not in first
    assert sum(last["update"]["dense2.b"]["counts"]) == 2


def test_the_cosine_of_successive_gradients() -> None:
    run = trained(record=("cosine",), batch_size=None, epochs=2)
    before, after = NET.init(0), run.params
    middle = trained(batch_size=None, epochs=1).params
    g = [dk.grad(LOSS)(params, DATA.x, DATA.y) for params in (before, middle, after)]
    found = run.signal.measured("cosine_successive")
    assert found[0] is None
    assert found[1:] == pytest.approx([dk.signal.cosine(*g[:2]), dk.signal.cosine(*g[1:])])
    assert run.signal.measured("cosine_batch") == pytest.approx([1.0] * 3)


def test_ratios_are_those_of_updates_and_weights(recorded: Any) -> None:
    ratio = recorded.signal.table("ratio")
    assert ratio.shape == (9, 4)
    weights = recorded.signal.parameters.index("dense1.w")
    rate, first = 0.5, recorded.signal.table("gradient")[0, weights]
    size = np.linalg.norm(NET.init(0)["dense1"]["w"])
    assert ratio[0, weights] == pytest.approx(rate * first / size, rel=1e-12)


def test_recording_does_not_change_the_training(recorded: Any) -> None:
    plain = trained()
    assert plain.history["loss"] == recorded.history["loss"]
    assert plain.signal.between == []


@pytest.mark.parametrize("name", [*BETWEEN_EPOCHS, "ratios"])
def test_each_can_be_asked_for_alone_and_says_what_it_costs(name: str) -> None:
    run = trained(record=(name,), epochs=1)
    if name == "ratios":
        assert run.signal.steps == [0, 1, 2]
        assert run.cost["signal"] == {}
        return
    assert list(run.cost["signal"]) == [name]
    assert run.cost["signal"][name] > 0
    assert run.signal.steps == []


def test_signal_every_thins_what_is_measured_between_epochs() -> None:
    run = trained(record=("sharpness",), batch_size=None, epochs=10, signal_every=4)
    assert run.signal.measured("step") == [0, 4, 8]


@pytest.mark.parametrize("engine", ("machine", "interpret"))
def test_both_engines_measure_the_same(engine: str) -> None:
    run = trained(record=EVERYTHING, engine=engine)
    assert run.engine == engine
    again = trained(record=EVERYTHING, engine=engine)
    assert run.signal.to_dict() == again.signal.to_dict()


def test_the_signal_goes_to_disk_and_back(recorded: Any, tmp_path: Path) -> None:
    kept = recorded.signal.to_dict()
    assert Signal.from_dict(kept).to_dict() == kept
    assert '"noise_scale"' in (recorded.save(tmp_path) / "signal.json").read_text()


def test_a_resumed_training_measures_what_is_left(tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def kill(run: Any) -> None:
        if len(run.history["epoch_loss"]) == 2:
            raise Killed

    asked = {"record": EVERYTHING, "checkpoint": tmp_path, "epochs": 4, "engine": "interpret"}
    with pytest.raises(Killed):
        trained(on_epoch=kill, **asked)
    run = dk.resume(tmp_path, data=(DATA.x, DATA.y), on_epoch=lambda run: None)
    whole = trained(record=EVERYTHING, epochs=4, engine="interpret")
    assert run.signal.to_dict() == whole.signal.to_dict()
    assert run.cost == whole.cost


def test_names_that_are_not_measured() -> None:
    with pytest.raises(InputError, match="cannot record 'curvature'"):
        trained(record=("curvature",))
    with pytest.raises(InputError, match="not measured between epochs"):
        trained(epochs=1).signal.measured("noise_scale")
    with pytest.raises(InputError, match="no 'speed'"):
        trained(epochs=1).signal.table("speed")


def test_a_loss_that_is_no_net_is_measured_too() -> None:
    def loss(w: Any, x: Any) -> Any:
        return np.mean(dk.probe("error", (x - w) ** 2))

    run = dk.train(loss, 0.0, (np.arange(4.0),), epochs=2, record=tuple(BETWEEN_EPOCHS))
    assert run.signal.measured("sharpness") == pytest.approx([2.0] * 3)
    assert run.signal.measured("dead") == [{}] * 3


@pytest.mark.parametrize("kind", ("cnn", "dropout", "float32"))
def test_every_kind_of_net_is_measured(kind: str) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 6, 6, 1)), np.arange(20) % 3
    net = dk.nets.cnn((6, 6, 1), (2,), 3)
    if kind == "dropout":
        layers = [dk.nets.flatten(), dk.nets.dense(5), dk.nets.dropout(0.5), dk.nets.dense(3)]
        net = dk.nets.sequential(layers, (6, 6, 1))
    params = net.init(0)
    if kind == "float32":
        params = {name: {key: w.astype(np.float32) for key, w in layer.items()}
                  for name, layer in params.items()}  # fmt: skip
    run = dk.train(net.with_loss(dk.losses.cross_entropy), params, (x, y), batch_size=10,
                   record=tuple(BETWEEN_EPOCHS))  # fmt: skip
    for name in ("noise_scale", "sharpness", "cosine_batch"):
        assert np.isfinite(run.signal.measured(name)).all()


def test_histograms_of_nothing_and_of_one_number() -> None:
    assert sum(histogram(np.array([np.nan]))["counts"]) == 0
    assert sum(histogram(3.0)["counts"]) == 1


# By another signal --------------------------------------------------------------------------------

SMALL = dk.nets.mlp([1, 2, 1])
LINE = np.linspace(-1, 1, 8)


def small_training(signal: Any, **settings: Any) -> Any:
    given: dict[str, Any] = {"batch_size": 2, "epochs": 30, "optimizer": dk.optim.sgd(0.05)}
    data = (LINE[:, None], 2 * LINE[:, None])
    loss = SMALL.with_loss(dk.losses.mse)
    return dk.train(loss, SMALL.init(0), data, signal=signal, **(given | settings))


@pytest.mark.parametrize("signal", SIGNALS)
def test_every_signal_trains_a_small_net(signal: str) -> None:
    run = small_training(signal)
    assert run.history["epoch_loss"][-1] < 0.25 * run.history["epoch_loss"][0]
    assert run.cost["operations"] == run.cost["gradient"] > 0
    assert run.history["loss"] == small_training(signal).history["loss"]


@pytest.mark.parametrize("signal", ("forward", "finite", "complex", "symbolic"))
def test_gradients_by_other_methods_take_the_same_path(signal: str) -> None:
    reverse, other = small_training("reverse"), small_training(signal)
    close = 1e-6 if signal == "finite" else 1e-12
    assert other.history["loss"] == pytest.approx(reverse.history["loss"], rel=close)
    assert other.cost["operations"] > reverse.cost["operations"]


def test_chance_is_new_at_every_update_and_that_of_the_seed() -> None:
    a, b = small_training("spsa"), small_training("spsa", seed=1)
    assert a.history["loss"] != b.history["loss"]
    method: Any = method_of_training("forward-gradient", 0)
    drawn: list[Any] = [method_at(method, update) for update in (0, 1, 0)]
    draws = [found.seed.standard_normal() for found in drawn]
    assert draws[0] == draws[2] != draws[1]


def test_a_method_of_ones_own_draws_anew_at_every_update() -> None:
    spsa = dk.methods.SPSA(seed=0)
    assert small_training(spsa).history["loss"] == small_training("spsa").history["loss"]


def test_a_guess_of_the_gradient_is_seen_in_the_cosine() -> None:
    found = trained(signal="spsa", record=("cosine",), batch_size=None, epochs=20)
    exact = trained(record=("cosine",), batch_size=None, epochs=20)
    assert min(exact.signal.measured("cosine_batch")) > 1 - 1e-12
    assert np.mean(np.abs(found.signal.measured("cosine_batch"))) < 0.6


@pytest.mark.parametrize("signal", ("forward-gradient", "spsa"))
def test_a_training_by_chance_is_resumed_bit_for_bit(signal: str, tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def kill(run: Any) -> None:
        if len(run.history["epoch_loss"]) == 3:
            raise Killed

    with pytest.raises(Killed):
        small_training(signal, on_epoch=kill, checkpoint=tmp_path, engine="interpret")
    data = (LINE[:, None], 2 * LINE[:, None])
    resumed = dk.resume(tmp_path, data=data, on_epoch=lambda run: None)
    whole = small_training(signal, engine="interpret")
    assert resumed.history["loss"] == whole.history["loss"]


def test_what_cannot_be_trained_says_so() -> None:
    with pytest.raises(BudgetError, match="gave up"):
        trained(signal="symbolic")
    with pytest.raises(InputError, match="backward sweep"):
        trained(signal="spsa", record=("signal",))
    with pytest.raises(InputError, match="unknown method 'adjoint'"):
        trained(signal="adjoint")
