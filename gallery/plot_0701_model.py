"""A model is a family of functions; its width says how far they bend
===================================================================

One recipe, four widths, the same two moons.  A model with w hidden units is a function of the point
and of 4w + 1 parameters; training chooses one function of this family.  With one unit the boundary
is a line, a second one bends it a little, and three units, 13 parameters, lead it between the
moons.  More units cost more parameters, and here there is nothing left for them to do.
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
    name="model",
    chapter="Gradient descent and learning rates",
    title="A model is a family of functions; its width says how far they bend",
    concepts=("model", "parameters", "neural network", "decision boundary"),
    question="Why does the boundary need two bends, and each bend a unit more?",
    try_this="diffkit train two-moons --model mlp --hidden 2 --out narrow",
    source="Cybenko 1989; data after scikit-learn's make_moons",
    alt="Two moons of points, four times, with the regions that nets of one, two, three and "
    "thirty-two hidden units give to each: a straight border, a bent one, and two that "
    "follow the moons.",
)

WIDTHS = (1, 2, 3, 32)
EPOCHS, BATCH, RATE, SEED = 300, 20, 0.1, 1


@lru_cache(maxsize=1)
def moons() -> tuple[np.ndarray, np.ndarray]:
    """The points and their moons."""
    data = dk.datasets.two_moons(200, noise=0.09, seed=SEED)
    return data.x, data.y


@cache
def trained(width: int) -> tuple[Any, Any]:
    """The net 2-w-1 and its parameters after training."""
    net = dk.nets.mlp([2, width, 1], activation="tanh")
    run = dk.train(
        net.with_loss(dk.losses.bce_with_logits), net.init(SEED), moons(), batch_size=BATCH,
        optimizer=dk.optim.adam(dk.schedules.cosine(RATE)), epochs=EPOCHS, seed=SEED,
    )  # fmt: skip
    return net, run.params


def accuracy(width: int) -> float:
    """The share of points on their own side."""
    net, params = trained(width)
    return float(net.accuracy(params, *moons()))


def numbers() -> list[Claim]:
    """Parameters by the formula, and what each width gets right."""
    counts = [trained(width)[0].parameter_count for width in WIDTHS]
    right = [accuracy(width) for width in WIDTHS]
    return [
        Claim("model", "parameters of the widths 1, 2, 3, 32: 4w + 1",
              [4 * width + 1 for width in WIDTHS], counts, 0.0, "2w weights, w biases; w and 1"),
        Claim("model", "share right with one unit, a line", 0.87, right[0], 0.04,
              "logistic regression"),
        Claim("model", "wrong with 3 and with 32 units", [0.0, 0.0],
              [1 - right[-2], 1 - right[-1]], 0.0, "Cybenko 1989"),
        Claim("model", "share right, narrow minus next wider, largest", 0.0,
              float(-np.diff(right).min()), 0.0, "each family holds the narrower ones",
              at_most=True),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """The boundary of each width."""
    with use_style(dark):
        figure, panels = plt.subplots(2, 2, figsize=(7.2, 5.2))
        figure.suptitle(PAGE.title, x=0.005, ha="left", fontweight="bold")
        for axes, width in zip(panels.flat, WIDTHS, strict=True):
            net, params = trained(width)

            def probability(points: Any, net: Any = net, params: Any = params) -> Any:
                return 1 / (1 + np.exp(-np.asarray(net(params, points))[:, 0]))

            plot_boundary(probability, *moons(), axes, dark=dark, size=11)
            units = f"{width} hidden unit{'s' if width > 1 else ''}"
            words = f"{units}, {net.parameter_count} parameters: {accuracy(width):.0%} right"
            axes.annotate(words, (0, 1), fontsize=9.5,
                          xycoords="axes fraction", xytext=(0, 4), color=muted(dark),
                          textcoords="offset points")  # fmt: skip
    return figure


if __name__ == "__main__":
    show(draw)
