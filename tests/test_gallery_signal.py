"""The pictures of the learning signal: their numbers hold, and they draw in light and dark.

The numbers of the papers stand here a second time, so that a script cannot change its own claim.
"""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from gallery_pages import got, page

import diffkit as dk
from diffkit.errors import InputError
from diffkit.plots.signal import plot_histograms, plot_ratios, plot_sharpness

# The numbers of the sources, once more ------------------------------------------------------------


def test_three_ways_to_the_noise_scale_agree() -> None:
    found = got("noise-scale")
    assert found["tr Σ / ‖G‖² over all examples (closed form 11.10)"] == pytest.approx(
        11.1, rel=0.03
    )
    assert found["the estimate from two batch sizes"] == pytest.approx(11.1, rel=0.06)


def test_the_critical_point_of_tanh() -> None:
    assert got("edge-of-chaos")["critical σ_w² at σ_b² = 0.05"] == pytest.approx(1.76, abs=0.005)


def test_modes_follow_the_closed_form() -> None:
    found = got("deep-linear")["updates until half of each mode is learned"]
    strengths, start, rate = np.array([4.0, 2.5, 1.5, 0.8]), 0.01, 2e-3
    half = np.log(strengths / start - 1) / (2 * strengths * rate)
    assert np.max(np.abs(np.array(found) - half)) < 6


def test_filter_normalised_curves_are_one_and_raw_ones_are_not() -> None:
    found = got("landscape")
    assert found["filter-normalised curves: largest relative difference"] < 1e-13
    assert found["raw curves: largest factor between them"] > 3


def test_sharpness_settles_at_the_edge() -> None:
    found = got("sharpness")["λ · η/2 after the first 600 updates, mean, by rate"]
    assert found == pytest.approx([1.0, 1.0], abs=0.04)


def test_the_variance_of_batches_has_slope_minus_one() -> None:
    found = got("mini-batch-variance")
    assert found["slope of log E‖g − G‖² against log b"] == pytest.approx(-1.0, abs=0.02)
    assert found["mean of single-example gradients minus the full one"] < 1e-15


def test_fifty_steps_back() -> None:
    found = got("recurrent")
    assert found["first over last at ρ = 0.9"] == pytest.approx(5.154e-3, rel=1e-4)
    assert found["first over last at ρ = 1.1"] == pytest.approx(117.39, rel=1e-4)


def test_exact_signals_take_one_path() -> None:
    module = page("swapped-signal").module
    for name in ("forward", "complex", "finite"):
        path = module.losses(name)
        assert path == pytest.approx(module.losses("reverse")[: len(path)], rel=1e-6)


# The drawing functions, for anybody's run ---------------------------------------------------------


@pytest.fixture(scope="module")
def run() -> Any:
    x = np.random.default_rng(0).normal(size=(40, 2))
    net = dk.nets.mlp([2, 4, 2])
    return dk.train(
        net.with_loss(dk.losses.cross_entropy), net.init(0), (x, (x[:, 0] > 0).astype(int)),
        optimizer=dk.optim.sgd(0.5), epochs=4, record=("ratios", "histograms", "sharpness"),
    )  # fmt: skip


def test_drawn_histograms_are_shares(run: Any) -> None:
    _, axes = plt.subplots()
    image = plot_histograms(run.signal, axes, "dense1")
    shares = np.asarray(image.get_array()).reshape(30, 5)
    assert shares.sum(axis=0) == pytest.approx(np.ones(5))
    plot_histograms(run.signal, axes, "dense1.w", quantity="update", dark=True)
    plt.close()


def test_drawn_ratios_and_sharpness_are_those_recorded(run: Any) -> None:
    _, axes = plt.subplots()
    lines = plot_ratios(run.signal, axes)
    assert [list(line.get_ydata()) for line in lines] == [
        run.signal.table("ratio")[:, run.signal.parameters.index(name)].tolist()
        for name in ("dense1.w", "dense2.w")
    ]
    line = plot_sharpness(run.signal, axes)
    assert list(line.get_ydata()) == run.signal.measured("sharpness")
    plt.close()


def test_what_was_not_recorded_cannot_be_drawn(run: Any) -> None:
    _, axes = plt.subplots()
    with pytest.raises(InputError, match="no histograms"):
        plot_histograms(run.signal, axes, "conv1")
    with pytest.raises(InputError, match="was not recorded"):
        plot_ratios(run.signal, axes, names=["conv1.w"])
    with pytest.raises(InputError, match="was not recorded"):
        plot_ratios(type(run.signal)(), axes)
    with pytest.raises(InputError, match="not measured"):
        plot_sharpness(type(run.signal)(), axes)
    plt.close()
