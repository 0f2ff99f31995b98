"""Pictures of trainings: what is drawn, from which numbers, and in which words."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb

import diffkit as dk
from diffkit.errors import DivergenceWarning
from diffkit.plots.nets import CLASSES, diverging, plot_boundary, plot_image, plot_levels
from diffkit.plots.training import (
    MOST_COLUMNS,
    binned,
    finding,
    held_out_part,
    plot_signal,
    save_pictures,
)
from diffkit.training.run import Run

MOONS = dk.datasets.two_moons(60)
NET = dk.nets.mlp([2, 6, 4, 2])
LOSS = NET.with_loss(dk.losses.cross_entropy)


def trained(**options: Any) -> Run:
    data = (MOONS.x, MOONS.y)
    settings: dict[str, Any] = {"batch_size": 20, "epochs": 6, "validation": data}
    return dk.train(LOSS, NET.init(0), data, **(settings | options))


def texts(figure: Any) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


@pytest.fixture(autouse=True)
def close_figures() -> Any:
    yield
    plt.close("all")


@pytest.mark.parametrize("dark", (False, True))
def test_a_run_draws_its_curves_and_its_signal(dark: bool) -> None:
    from diffkit.plots.training import plot_run

    run = trained(record=("loss", "signal"))
    figure = plot_run(run, dark=dark)
    figure.canvas.draw()
    curves, heat = figure.axes[:2]
    assert curves.get_title(loc="left") == finding(run)
    assert "after 6 epochs" in finding(run)
    lines = [np.asarray(line.get_ydata(), float).tolist() for line in curves.lines]
    assert lines == [
        run.history["loss"], run.history["epoch_loss"], run.history["validation_loss"]
    ]  # fmt: skip
    assert [label.get_text() for label in heat.get_yticklabels()] == ["dense1", "dense2", "dense3"]
    words = "\n".join(texts(figure))
    assert "training" in words and "validation" in words and "% right" in words


def test_a_run_without_signal_has_one_panel_and_draws_where_it_is_told() -> None:
    run = trained()
    assert len(run.plot().axes) == 1
    figure, axes = plt.subplots()
    assert run.plot(axes) is figure and len(axes.lines) == 3


def test_a_diverged_run_draws_and_says_so() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DivergenceWarning)
        run = trained(optimizer=dk.optim.sgd(1e6), record=("loss", "signal"))
    run.plot().canvas.draw()
    assert re.match(r"Diverged in epoch \d at dense\d", finding(run))


def test_words_without_a_test_set() -> None:
    run = trained(validation=None)
    assert finding(run).startswith("Loss from 0.")
    assert len(run.plot().axes[0].lines) == 2


def test_the_heat_map_shows_the_recorded_norms() -> None:
    run = trained(record=("loss", "signal"))
    for quantity in ("cotangent", "update"):
        _, axes = plt.subplots()
        image = plot_signal(run.signal, axes, quantity=quantity)
        table = run.signal.table(quantity)
        assert np.allclose(np.ma.filled(image.get_array(), np.nan), table.T)
        low, high = image.get_clim()
        assert low == pytest.approx(table.min()) and high == pytest.approx(table.max())


def test_long_trainings_are_averaged_and_zeros_stay_out() -> None:
    table = np.exp(np.random.default_rng(0).normal(size=(1000, 2)))
    rows, edges = binned(table, range(0, 3000, 3))
    assert len(rows) <= MOST_COLUMNS and edges[0] == 0 and edges[-1] == 3000
    assert rows[0] == pytest.approx(np.exp(np.log(table[:4]).mean(axis=0)))
    assert (binned(np.zeros((3, 2)), range(3))[0] == 0).all()


def test_files_of_a_run_are_the_same_bytes_twice(tmp_path: Path) -> None:
    run = trained(record=("loss", "signal"))
    contents = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        paths = save_pictures(run, tmp_path / name, NET, (MOONS.x, MOONS.y))
        assert [path.name for path in paths] == ["curves.png", "signal.png", "boundary.png"]
        contents.append([path.read_bytes() for path in paths])
    assert contents[0] == contents[1]


def test_a_boundary_lies_where_the_probability_is_one_half() -> None:
    _, axes = plt.subplots()
    plot_boundary(lambda points: 1 / (1 + np.exp(-9 * points[:, 0])), MOONS.x, MOONS.y, axes)
    contour = axes.collections[0]  # the points of the two classes come after it
    vertices = np.concatenate([path.vertices for path in contour.get_paths()])
    assert np.abs(vertices[:, 0]).max() < 0.05


def test_signs_have_the_background_between_them() -> None:
    for dark, middle in ((False, (1.0, 1.0, 1.0)), (True, (0x14 / 255, 0x18 / 255, 0x1D / 255))):
        colours = diverging(dark)
        assert colours(0.5)[:3] == pytest.approx(middle, abs=1e-9)
        low, high = (to_rgb(colour) for colour in CLASSES[dark])
        assert colours(0.0)[:3] == pytest.approx(low) and colours(1.0)[:3] == pytest.approx(high)


def test_an_image_with_signs_has_symmetric_limits() -> None:
    _, axes = plt.subplots()
    plot_image(np.array([[0.0, -3.0], [1.0, 2.0]]), axes)
    assert axes.images[0].get_clim() == (-3.0, 3.0)


def test_level_lines_are_those_of_the_function() -> None:
    _, axes = plt.subplots()
    lines = plot_levels(lambda w: np.sum(w * w, axis=1), axes, (-2, 2, -2, 2), [1.0])
    vertices = np.concatenate([path.vertices for path in lines.get_paths()])
    assert np.allclose(np.linalg.norm(vertices, axis=1), 1.0, atol=1e-3)


@pytest.mark.parametrize("epochs", (1, 3, 9))
def test_no_label_lies_on_a_curve(epochs: int) -> None:
    from diffkit.plots.training import plot_run

    figure = plot_run(trained(epochs=epochs))
    figure.canvas.draw()
    axes = figure.axes[0]
    right = max(line.get_window_extent().x1 for line in axes.lines)
    assert axes.texts and all(text.get_window_extent().x0 > right for text in axes.texts)


def test_a_held_out_part_is_called_what_it_is() -> None:
    run = trained()
    assert held_out_part(run) == "validation"
    run.config = {"recipe": {"data": "digits", "choose": False}}
    assert held_out_part(run) == "test" and "test examples" in finding(run)
    run.config["recipe"]["choose"] = True
    assert held_out_part(run) == "validation" and "validation examples" in finding(run)
