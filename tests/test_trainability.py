"""Maps of trainability: every pixel is the training it stands for, and a stopped map goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import InputError
from diffkit.plots.maps import shades
from diffkit.training.side_by_side import LANES, SideBySide
from diffkit.training.trainability import Trainability, measure

RATES = ((0.1, 1e3), (0.1, 10.0))
SIDE, STEPS = 20, 40  # 400 pixels: a whole block and a part of one


def loss(w: Any, x: Any, y: Any) -> Any:
    return np.mean((np.tanh(x @ w[0]) @ w[1] - y) ** 2)


def problem(seed: int = 0) -> tuple[list[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((8, 4)), rng.standard_normal((8, 1))
    return [rng.standard_normal((4, 8)) / 2, rng.standard_normal((8, 1)) / 3], (x, y)


def mapped(**options: Any) -> Trainability:
    settings = {"rates": RATES, "shape": SIDE, "steps": STEPS, "engine": "interpret"}
    return dk.trainability(loss, *problem(), **(settings | options))


@pytest.fixture(scope="module")
def found() -> Trainability:
    return mapped()


def by_hand(rates: tuple[float, float]) -> np.ndarray:
    """The losses of one training, written out in plain NumPy."""
    (w, v), (x, y) = problem()
    losses = []
    for _ in range(STEPS):
        h = np.tanh(x @ w)
        error = h @ v - y
        losses.append(np.mean(error**2))
        bar = 2 * error / len(x)
        v_bar, w_bar = h.T @ bar, x.T @ ((bar @ v.T) * (1 - h * h))
        w, v = w - rates[0] * w_bar, v - rates[1] * v_bar
    return np.array(losses)


@pytest.mark.parametrize("engine", ["interpret", "machine"])
@pytest.mark.parametrize("rates", [(0.3, 0.2), (2.0, 0.3)])
def test_a_run_among_many_is_the_training_written_out(
    engine: str, rates: tuple[float, float]
) -> None:
    start, rows = problem()
    runs = SideBySide(loss, start, rows, [False, True], STEPS, engine)
    first, second = np.array([0.1, rates[0], 1e3]), np.array([0.1, rates[1], 1e3])
    losses = runs.losses(first, second)
    assert losses.shape == (STEPS, 3)
    np.testing.assert_allclose(losses[:, 1], by_hand(rates), rtol=1e-9)


@pytest.mark.parametrize("engine", ["interpret", "machine"])
def test_the_bits_of_a_run_do_not_depend_on_its_company(engine: str) -> None:
    start, rows = problem()
    runs = SideBySide(loss, start, rows, [False, True], STEPS, engine)
    rates = np.geomspace(0.1, 1e3, LANES)
    together = runs.losses(rates, rates[::-1])
    order = np.random.default_rng(1).permutation(LANES)
    apart = runs.losses(rates[order], rates[::-1][order])
    assert together[:, order].tobytes() == apart.tobytes()
    alone = runs.losses(rates[7:8], rates[::-1][7:8])
    assert alone[:, 0].tobytes() == together[:, 7].tobytes()


def test_pixels_stand_at_their_rates(found: Trainability) -> None:
    row, column = 4, 13
    losses = by_hand((found.first[column], found.second[row]))
    assert found.value[row, column] == pytest.approx(measure(losses[:, None])[0], rel=1e-6)
    np.testing.assert_allclose(found.first[[0, -1]], RATES[0])
    np.testing.assert_allclose(found.second[[0, -1]], RATES[1])


def test_small_rates_train_and_large_ones_do_not(found: Trainability) -> None:
    assert found.converged[0, 0]
    assert not found.converged[-1, -1]
    assert 0.1 < found.share < 0.9
    assert f"{found.share:.1%} converge" in repr(found)


def test_the_machine_colours_pixels_as_the_interpreter_does(found: Trainability) -> None:
    assert (mapped(engine="machine").converged != found.converged).sum() <= 3


@pytest.mark.parametrize("count", [1, 2])
def test_threads_change_no_bit(count: int) -> None:
    before = dk.engines.set_threads(count)
    try:
        value = mapped(engine="machine").value
    finally:
        dk.engines.set_threads(before)
    assert value.tobytes() == mapped(engine="machine").value.tobytes()


def test_the_measure_of_the_paper() -> None:
    steady = np.full(30, 0.5)
    steady[0] = 1.0
    growing = np.append(np.ones(9), np.full(21, np.inf))
    losses = np.stack([steady, growing, np.full(30, np.nan)], axis=1) * 4
    assert measure(losses) == pytest.approx([-15.5, 9 + 21e-6, 30e-6])


def test_a_quadratic_diverges_beyond_two_over_its_curvature() -> None:
    bowl = dk.trainability(
        lambda w, x: np.mean(x) * (2 * w["a"] ** 2 + w["b"] ** 2),
        {"a": 1.0, "b": 1.0}, (np.ones(3),), rates=((0.05, 20), (0.05, 20)), shape=32, steps=60,
    )  # fmt: skip
    expected = (bowl.first[None, :] < 0.5) & (bowl.second[:, None] < 1.0)
    assert (bowl.converged == expected).all()
    assert bowl.boundary.sum() == expected.sum(axis=0).max() + expected.sum(axis=1).max() - 1


# Dimension ----------------------------------------------------------------------------------------


def drawn(value: np.ndarray, found: Trainability) -> Trainability:
    first, second = (np.geomspace(1, 10, n) for n in value.shape[::-1])
    return Trainability(first, second, value, found.runs)


def test_a_straight_border_has_dimension_one(found: Trainability) -> None:
    value = np.where(np.arange(256)[:, None] < 128, -1.0, 1.0) * np.ones(256)
    assert drawn(value, found).dimension() == pytest.approx(1.0, abs=1e-12)


def test_a_border_everywhere_has_dimension_two(found: Trainability) -> None:
    value = np.where(np.indices((128, 128)).sum(axis=0) % 2, -1.0, 1.0)
    assert drawn(value, found).dimension() == pytest.approx(2.0, abs=0.01)


def test_without_a_border_there_is_no_dimension(found: Trainability) -> None:
    everywhere = drawn(-np.ones((64, 64)), found)
    assert np.isnan(everywhere.dimension())
    assert everywhere.to_dict()["dimension"] is None
    assert everywhere.share == 1.0


# Zoom and file ------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["interpret", "machine"])
def test_a_zoom_has_the_bits_of_the_map_at_the_rates_they_share(engine: str) -> None:
    whole = mapped(engine=engine, shape=17)
    window = (whole.first[[4, 12]], whole.second[[2, 10]])
    closer = whole.zoom(window)
    shared = [np.isin(fine, coarse) for fine, coarse in
              ((closer.second, whole.second), (closer.first, whole.first))]  # fmt: skip
    rows, columns = np.isin(whole.second, closer.second), np.isin(whole.first, closer.first)
    assert min(rows.sum(), columns.sum()) >= 2  # the ends, whatever the roots round to
    assert closer.value[np.ix_(*shared)].tobytes() == whole.value[np.ix_(rows, columns)].tobytes()
    np.testing.assert_allclose(closer.first[::2], whole.first[4:13], rtol=1e-14)
    again = closer.zoom((closer.first[[0, 8]], closer.second[[0, 8]]))
    assert again.value[0, 0] == whole.value[2, 4]


def test_a_zoom_is_the_map_of_its_box(found: Trainability) -> None:
    box = ((1.0, 10.0), (0.2, 2.0))
    zoomed = found.zoom(box, shape=(6, 9))
    assert zoomed.value.shape == (6, 9)
    assert zoomed.value.tobytes() == mapped(rates=box, shape=(6, 9)).value.tobytes()


def test_a_stopped_map_goes_on_with_the_blocks_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: Trainability
) -> None:
    file = tmp_path / "map.jsonl"
    computed = []
    losses = SideBySide.losses

    def counted(self: SideBySide, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        if len(computed) == 1:
            raise KeyboardInterrupt
        computed.append(len(first))
        return losses(self, first, second)

    before = dk.engines.set_threads(1)
    try:
        monkeypatch.setattr(SideBySide, "losses", counted)
        with pytest.raises(KeyboardInterrupt):
            mapped(resume=file)
    finally:
        dk.engines.set_threads(before)
    assert len(file.read_text().splitlines()) == 1
    with file.open("a") as stream:
        stream.write('{"schema": 1, "key": "torn')  # as a crash leaves it
    computed.clear()
    monkeypatch.setattr(SideBySide, "losses", lambda *a: computed.append(1) or losses(*a))
    assert mapped(resume=file).value.tobytes() == found.value.tobytes()
    assert len(computed) == 1
    computed.clear()
    assert mapped(resume=file).value.tobytes() == found.value.tobytes()
    assert computed == []


def test_a_file_knows_the_problem_it_belongs_to(tmp_path: Path) -> None:
    file = tmp_path / "map.jsonl"
    mapped(resume=file, shape=4)
    other = dk.trainability(
        loss, *problem(seed=1), rates=RATES, shape=4, steps=STEPS, engine="interpret", resume=file
    )
    assert other.value.tobytes() != mapped(shape=4).value.tobytes()
    assert len({json.loads(line)["key"] for line in file.read_text().splitlines()}) == 2


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("remember the milk\n")
    with pytest.raises(InputError, match="no row of a map of trainability"):
        mapped(resume=file)


# Arguments ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rates": ((1, 2),)}, "two ranges"),
        ({"rates": ((2, 1), (1, 2))}, "two ranges"),
        ({"rates": ((0, 1), (1, 2))}, "two ranges"),
        ({"shape": 0}, "shape of a map"),
        ({"shape": (3, 4, 5)}, "shape of a map"),
        ({"steps": 0}, "steps must be"),
        ({"steps": True}, "steps must be"),
        ({"first": 2}, "does not divide"),
        ({"first": [0, 1]}, "does not divide"),
    ],
)
def test_wrong_settings_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        mapped(**options)


def test_the_first_rate_is_for_the_layers_that_are_named() -> None:
    weights, rows = problem()
    params = {"out": {"w": weights[1]}, "hidden": {"w": weights[0]}}

    def named(p: Any, x: Any, y: Any) -> Any:
        return loss([p["hidden"]["w"], p["out"]["w"]], x, y)

    options = {"rates": RATES, "shape": 5, "steps": STEPS, "engine": "interpret"}
    found = dk.trainability(named, params, rows, first="hidden", **options)
    np.testing.assert_allclose(found.value, mapped(shape=5).value, rtol=1e-6)
    default = dk.trainability(named, params, rows, **options)
    assert np.abs(default.value - found.value).max() > 1


def test_one_array_of_parameters_has_no_two_layers() -> None:
    with pytest.raises(InputError, match="does not divide"):
        dk.trainability(lambda w, x: np.mean(w * x), np.ones(3), (np.ones(3),))


def test_a_loss_that_branches_is_refused() -> None:
    def branching(w: Any, x: Any) -> Any:
        return np.mean(x) * (w[0] if w[0] > 0 else -w[0]) + w[1] ** 2

    with pytest.raises(dk.errors.DiffkitError, match=r"branch|traced"):
        dk.trainability(branching, [1.0, 1.0], (np.ones(2),), shape=2, steps=2)


def test_a_net_of_the_library_has_a_map() -> None:
    net = dk.nets.mlp([4, 3, 3])
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((6, 4)), np.arange(6) % 3
    found = dk.trainability(
        net.with_loss(dk.losses.cross_entropy), net.init(0), (x, y), shape=3, steps=5
    )
    assert found.converged[0, 0]


# Pictures -----------------------------------------------------------------------------------------


def test_shades_are_ranks_with_the_sign_of_the_side() -> None:
    value = np.array([[-100.0, -3.0, -2.0], [0.5, 7.0, 200.0]])
    shaded = shades(value)
    assert (np.sign(shaded) == np.sign(value)).all()
    assert np.abs(shaded).min() > 0.15
    assert list(np.argsort(shaded.ravel())) == [2, 1, 0, 5, 4, 3]


@pytest.mark.parametrize("dark", [False, True])
def test_a_map_draws_its_pixels_at_their_rates(found: Trainability, dark: bool) -> None:
    axes = found.plot(dark=dark)
    (image,) = axes.images
    assert image.get_array().shape == found.value.shape
    left, right, low, high = image.get_extent()
    assert left < -1 < 3 < right
    assert low < -1 < 1 < high
    plt.close("all")


def test_a_map_as_data(found: Trainability) -> None:
    content = json.loads(json.dumps(found.to_dict()))
    assert content["schema"] == 1
    assert np.array(content["value"]).shape == (SIDE, SIDE)
    assert content["steps"] == STEPS


@pytest.mark.slow
def test_a_map_of_256_by_256_runs() -> None:
    """65,536 trainings of 250 steps: some ten seconds of CPU in all."""
    whole = mapped(shape=256, steps=250, engine="machine")
    assert whole.value.shape == (256, 256)
    assert 1.2 < whole.dimension() < 1.5
