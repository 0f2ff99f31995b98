"""A straight cut bends until it fits
==================================

Two hundred points lie on two moons that reach into each other, and no straight line separates them.
A net 2-16-16-1 begins with whatever its first weights say.  In its first updates it finds the best
straight cut, as a linear classifier would; then its units turn their edges into the gaps, one bend
after the other, until every point is on its own side.  The colour is the probability that the net
gives, and the line is where it is one half.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.nets import plot_boundary
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import muted, use_style

PAGE = Page(
    name="boundary",
    chapter="Gradient descent and learning rates",
    title="A straight cut bends until it fits",
    concepts=("neural network", "decision boundary", "training", "cross-entropy"),
    question="How many bends would a net with four hidden units have?",
    try_this="diffkit train two-moons --model mlp --hidden 16,16 --out moons",
    source="Rumelhart, Hinton & Williams 1986; data after scikit-learn's make_moons",
    alt="Six stages of one training on two moons: the border between two colours starts "
    "anywhere, becomes a straight cut, bends, and ends between the moons.",
)

MOMENTS = (0, 3, 15, 22, 40, 300)  # epochs
BATCH, RATE, SEED = 20, 0.01, 1
NET = dk.nets.mlp([2, 16, 16, 1], activation="tanh")
LOSS = NET.with_loss(dk.losses.bce_with_logits)


@lru_cache(maxsize=1)
def moons() -> tuple[np.ndarray, np.ndarray]:
    """The points and their moons."""
    data = dk.datasets.two_moons(200, noise=0.09, seed=SEED)
    return data.x, data.y


@cache
def run_of(epochs: int) -> Any:
    """A training of so many epochs; each is the beginning of the longer ones."""
    return dk.train(LOSS, NET.init(SEED), moons(), optimizer=dk.optim.adam(RATE),
                    batch_size=BATCH, epochs=epochs, seed=SEED)  # fmt: skip


def params_after(epochs: int) -> Any:
    """The parameters at one moment."""
    return run_of(epochs).params if epochs else NET.init(SEED)


def accuracy(epochs: int) -> float:
    """The share of points on their own side."""
    return float(NET.accuracy(params_after(epochs), *moons()))


def best_line() -> float:
    """The share right of a linear classifier, by its own training."""
    x, y = moons()
    net = dk.nets.mlp([2, 1])
    run = dk.train(net.with_loss(dk.losses.bce_with_logits), net.init(0), (x, y),
                   optimizer=dk.optim.adam(0.1), epochs=300)  # fmt: skip
    return float(net.accuracy(run.params, x, y))


def numbers() -> list[Claim]:
    """How many points are right at each moment, and what a line could do."""
    longest, shorter = run_of(MOMENTS[-1]), run_of(MOMENTS[-2])
    per_epoch = longest.batches.per_epoch
    first = longest.history["loss"][: MOMENTS[-2] * per_epoch]
    return [
        Claim("boundary", "points on the wrong side at the end", 0,
              round((1 - accuracy(MOMENTS[-1])) * len(moons()[1])), 0.0, "200 points"),
        Claim("boundary", "share right after 3 epochs", 0.84, accuracy(MOMENTS[1]), 0.06,
              "a nearly straight cut"),
        Claim("boundary", "share right of a linear classifier", 0.87, best_line(), 0.04,
              "logistic regression"),
        Claim("boundary", "parameters of the net", 2 * 16 + 16 + 16 * 16 + 16 + 16 + 1,
              NET.parameter_count, 0.0, "weights and biases"),
        Claim("boundary", "a shorter training against the beginning of a longer one", 0.0,
              float(np.abs(np.subtract(first, shorter.history["loss"])).max()), 0.0,
              "same seed, same bits"),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """Six moments of one training."""
    x, y = moons()

    def probability(params: Any) -> Any:
        return lambda points: 1 / (1 + np.exp(-np.asarray(NET(params, points))[:, 0]))

    with use_style(dark):
        figure, panels = plt.subplots(2, 3, figsize=(8.6, 4.5))
        for axes, epochs in zip(panels.flat, MOMENTS, strict=True):
            plot_boundary(probability(params_after(epochs)), x, y, axes, dark=dark, size=11)
            words = "before training" if not epochs else f"after {epochs} epochs"
            axes.annotate(f"{words}: {accuracy(epochs):.0%} right", (0, 1), fontsize=9.5,
                          xycoords="axes fraction", xytext=(0, 4), color=muted(dark),
                          textcoords="offset points")  # fmt: skip
        panels[0, 0].set_title(PAGE.title, pad=24)
    return figure


if __name__ == "__main__":
    show(draw)
