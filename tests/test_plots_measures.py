"""Small pictures of what was measured, and their place in the report of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.text import Text

import diffkit as dk
from diffkit.plots.measures import PANELS, SIZE, recorded_panels, save_panels
from diffkit.plots.style import use_style
from diffkit.training.measuring import BETWEEN_EPOCHS
from diffkit.training.signal import Signal
from diffkit.training.trail import TRAILED
from diffkit.training.verdict import measured_series


@pytest.fixture(scope="module")
def run() -> Any:
    data = dk.datasets.two_moons(40, noise=0.1, seed=0)
    net = dk.nets.mlp([2, 4, 2])
    return dk.train(
        net.with_loss(dk.losses.cross_entropy), net.init(0), (data.x, data.y), batch_size=10,
        epochs=3, optimizer=dk.optim.adam(0.05), record=("signal", *TRAILED, *BETWEEN_EPOCHS),
    )  # fmt: skip


def test_there_is_a_picture_for_everything_on_record(run: Any) -> None:
    found = recorded_panels(run.signal)
    assert found.keys() == PANELS.keys() | {"histogram-dense1", "histogram-dense2"}
    assert recorded_panels(Signal()) == {}


@pytest.mark.parametrize("dark", (False, True))
def test_every_title_and_label_lies_within_its_picture(run: Any, dark: bool) -> None:
    for name, panel in recorded_panels(run.signal).items():
        with use_style(dark):
            figure, axes = plt.subplots(figsize=SIZE)
            panel(run.signal, axes, dark)
            figure.canvas.draw()
            width, height = figure.canvas.get_width_height()
            written: list[Any] = [text for text in axes.get_children() if isinstance(text, Text)]
            assert axes.get_title(loc="left") in [text.get_text() for text in written]
            for text in (text for text in written if text.get_text()):
                box = text.get_window_extent()
                assert box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height, name
        plt.close(figure)


def test_the_same_bytes_again(run: Any, tmp_path: Path) -> None:
    small = Signal()
    small.between = [row | {"histograms": {}} for row in run.signal.between]
    small.between = [{k: row[k] for k in ("step", "noise_scale", "dead")} for row in small.between]
    written = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        written.append([path.read_bytes() for path in save_panels(small, tmp_path / name)])
    assert written[0] == written[1] and len(written[0]) == 2


def test_series_of_the_table(run: Any) -> None:
    found = measured_series(run.signal)
    assert len(found["sharpness"]) == 4 and len(found["successive all"]) == 11
    assert found["snr dense1.w"][-1] == run.signal.table("snr")[-1, 2]
    assert np.isfinite([number for numbers in found.values() for number in numbers]).all()
