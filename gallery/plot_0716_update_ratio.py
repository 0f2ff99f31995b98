"""A weight should change by a thousandth to a hundredth of itself per update
==========================================================================

Whether a learning rate is right can be read off long before the loss says so: divide the norm of
each update by the norm of the weights it changes.  The usual advice is a thousandth; this small net
learns well up to a hundredth.  Far below, it hardly moves; far above, every step throws away what
the steps before it learned.  With plain gradient descent the ratio is η‖g‖/‖W‖, so the last layer,
which is nearest to the loss and has the smallest weights, moves most.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.signal import loose_grid, plot_ratios
from diffkit.plots.style import muted, use_style

SOURCE = "a rule of thumb; Karpathy 2016, notes of the course CS231n, on babysitting a training"
PAGE = Page(
    name="update-ratio",
    chapter="Gradient descent and learning rates",
    title="A weight should change by a thousandth to a hundredth of itself per update",
    concepts=("learning rate", "update", "gradient", "learning signal"),
    question="Which layer would you give a rate of its own?",
    try_this='trained(0.3).signal.table("ratio"), right(0.3)',
    source=SOURCE,
    alt="Size of each update relative to the weights, in three panels: far below the usual band "
    "with a rate that is too low, inside it with a good one, and above it with one that is "
    "too high.",
)

RATES = {0.003: "too slow", 0.1: "about right", 0.9: "too fast"}
EPOCHS, BATCH = 5, 32
LAYERS = ("dense1.w", "dense2.w", "dense3.w")


@cache
def trained(rate: float) -> Any:
    """A net of rectifiers on the digits, by plain stochastic gradient descent."""
    x, x_test, y, y_test = dk.datasets.digits().split()
    net = dk.nets.mlp([64, 48, 48, 10], activation="relu")
    return dk.train(
        net.with_loss(dk.losses.cross_entropy), net.init(0), (x, y), validation=(x_test, y_test),
        optimizer=dk.optim.sgd(rate), batch_size=BATCH, epochs=EPOCHS, record=("loss", "ratios"),
    )  # fmt: skip


def middle(rate: float) -> float:
    """The median ratio of all weight matrices and updates."""
    signal = trained(rate).signal
    columns = [signal.parameters.index(name) for name in LAYERS]
    return float(np.nanmedian(signal.table("ratio")[:, columns]))


def right(rate: float) -> float:
    """The share of test digits that are right at the end."""
    return trained(rate).history["validation_accuracy"][-1]


def numbers() -> list[Claim]:
    """Ratios, and what was learned."""
    slow, good, fast = RATES
    table = {name: trained(good).signal.table(name) for name in ("ratio", "gradient", "weight")}
    with np.errstate(divide="ignore", invalid="ignore"):  # biases start at zero
        gap = table["ratio"] / (good * table["gradient"] / table["weight"]) - 1
    return [
        Claim("update-ratio", "ratio over η‖g‖/‖W‖, largest deviation from 1", 0.0,
              float(np.nanmax(np.abs(gap[np.isfinite(gap)]))), 1e-9, "plain gradient descent"),
        Claim("update-ratio", "median ratio at the three rates, powers of ten",
              [-3.75, -2.15, -1.4], [float(np.log10(middle(rate))) for rate in RATES], 0.2,
              "this training"),
        Claim("update-ratio", "test digits wrong at the middle rate", 0.08, 1 - right(good), 0.0,
              "this training", at_most=True),
        Claim("update-ratio", "test digits wrong at the other two rates", [0.7, 0.75],
              [1 - right(slow), 1 - right(fast)], 0.1, "this training"),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """The ratio of every layer, at three rates."""
    with use_style(dark):
        figure, panels = plt.subplots(1, 3, figsize=(9.6, 3.9), sharey=True)
        for axes, (rate, words) in zip(panels, RATES.items(), strict=True):
            plot_ratios(trained(rate).signal, axes, names=LAYERS, dark=dark)
            loose_grid(axes)
            axes.set_title(f"η = {rate:g}, {words}:\n{right(rate):.0%} of the test digits right",
                           fontsize=10, fontweight="normal")  # fmt: skip
            axes.set(xlim=(0, trained(rate).signal.steps[-1]), ylim=(1e-5, 3))
        for axes in panels[1:]:
            axes.set_ylabel("")
        panels[0].text(0.97, 0.66, "usual: 10⁻³ to 10⁻²", transform=panels[0].transAxes, ha="right",
                       color=muted(dark), fontsize=9)  # fmt: skip
        panels[1].text(0.97, 0.05, "first layer faint, last in colour", ha="right", fontsize=9,
                       transform=panels[1].transAxes, color=muted(dark))  # fmt: skip
        figure.suptitle(PAGE.title, x=0.01, ha="left", fontweight="bold")
    return figure


if __name__ == "__main__":
    show(draw)
