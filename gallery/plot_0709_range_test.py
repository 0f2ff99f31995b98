"""A range test finds the largest stable rate without knowing λmax
===============================================================

Try many rates for a moment, from far too low to far too high, and look at the loss.  Too low:
nothing happens.  Then it falls, the faster the higher the rate, and suddenly it breaks.  On a
quadratic the break is at 2/λmax, to the width of the grid.  For a net on the digits one training
that raises its rate at every batch is enough, 240 batches in all, and the rate where the loss falls
fastest is a good one to train with.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.optim import plot_range_test
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import use_style
from diffkit.plots.training import ACCENT
from diffkit.training.range_test import RangeTest

SOURCE = "Smith 2017, section 3.3"
PAGE = Page(
    name="range-test",
    chapter="Gradient descent and learning rates",
    title="A range test finds the largest stable rate without knowing λmax",
    concepts=("learning rate", "learning-rate range test", "curvature"),
    question="Why does the net survive rates above its 2/λmax, and the quadratic does not?",
    try_this=(
        "model, loss, data = net(); "
        "print(dk.lr_range_test(loss, model.init(0), data, batch_size=32).table())"
    ),
    source=SOURCE,
    alt="Loss against the learning rate for a quadratic and for a net on digits: both fall and "
    "then break; on the quadratic at the dashed line of two over the largest curvature, in "
    "the net beyond it.",
)

CURVATURES = np.array([1.0, 10.0, 100.0])
RATES, RATIO = 121, 10 ** (3 / 120)
EPOCHS, BATCH = 3, 32


def bowl(w: Any, x: Any) -> Any:
    """½ Σ λ w²; the data play no part."""
    return 0.5 * np.sum(CURVATURES * w * w) + 0.0 * np.sum(x)


@cache
def quadratic() -> RangeTest:
    """Every rate from the same start, 100 updates each."""
    return dk.lr_range_test(bowl, np.ones(3), (np.zeros(1),), 1e-3, 1.0, RATES, restart=True,
                            updates=100, curvature=True)  # fmt: skip


@cache
def net() -> tuple[Any, Any, tuple[np.ndarray, np.ndarray]]:
    """A small net, its loss and the digits."""
    data = dk.datasets.load("digits")
    model = dk.nets.mlp([64, 32, 10])
    return model, model.with_loss(dk.losses.cross_entropy), (data.x, data.y)


@cache
def digits() -> RangeTest:
    """One sweep over the digits, the rate rising at every batch."""
    model, loss, data = net()
    return dk.lr_range_test(loss, model.init(0), data, 1e-3, 30.0, 240, batch_size=BATCH,
                            curvature=True)  # fmt: skip


@cache
def trained(share: float) -> float:
    """The last epoch's loss of a training with a share of the suggested rate."""
    model, loss, data = net()
    optimizer = dk.optim.sgd(share * digits().suggested)
    run = dk.train(loss, model.init(0), data, optimizer=optimizer, batch_size=BATCH, epochs=EPOCHS)
    return float(run.history["epoch_loss"][-1])


def numbers() -> list[Claim]:
    """Where the quadratic breaks, and how good the suggestion is."""
    found = quadratic()
    return [
        Claim("range-test", "2/λmax by Lanczos' method", 0.02, found.edge or 0.0, 1e-9, SOURCE),
        Claim("range-test", "break of the quadratic over 2/λmax, in steps of the grid", 1.0,
              float(np.log((found.breaks_at or 0.0) / 0.02) / np.log(RATIO)), 1.0,
              "it lies between two rates"),
        Claim("range-test", "digits: suggested rate over a hundredth of it, last loss", 0.5,
              trained(1.0) / trained(0.01), 0.0, "three epochs", at_most=True),
        Claim("range-test", "digits: break over the suggested rate", 30.0,
              (digits().breaks_at or np.inf) / digits().suggested, 0.0, SOURCE, at_most=True),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """The quadratic, and the digits."""
    with use_style(dark):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4.3))
        plot_range_test(quadratic(), left, dark=dark)
        plot_range_test(digits(), right, dark=dark)
        finish(left, "a quadratic, 100 updates at each rate", quadratic(), dark)
        finish(right, "a net on the digits, one batch at each rate", digits(), dark)
        figure.suptitle(PAGE.title, x=0.01, ha="left", fontweight="bold")
    return figure


def finish(axes: Axes, words: str, found: RangeTest, dark: bool) -> None:
    """What a panel shows, and where it broke."""
    bottom, top = axes.get_ylim()
    axes.set_ylim((bottom / 2, top) if axes.get_yscale() == "log" else (0.0, top))
    axes.set_title(words, fontsize=10, fontweight="normal")
    if found.breaks_at is not None:
        axes.axvspan(found.breaks_at, found.rates[-1], color=ACCENT[dark], alpha=0.13, linewidth=0)
        middle = float(np.sqrt(found.breaks_at * found.rates[-1]))
        axes.text(middle, 0.5, "breaks", color=ACCENT[dark], fontsize=10, ha="center",
                  transform=axes.get_xaxis_transform())  # fmt: skip


if __name__ == "__main__":
    show(draw)
