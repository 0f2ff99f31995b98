"""Six sigmoid layers deep, the learning signal does not arrive
===============================================================

Two nets with six hidden layers learn the digits with the same steps.  The maps show what arrives at
every layer at every update: the norm of ∂L/∂a, the derivative of the loss by that layer's output.
In the net of sigmoids each layer passes on less than a quarter of it, so the first layers hear a
thousandth of what the last one hears, and the net does not get away from guessing.  In the net of
rectifiers, started with He's rule, the signal arrives everywhere, and fades only when there is
little left to learn.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import muted, use_style
from diffkit.plots.training import plot_signal

SOURCE = "Hochreiter 1991; Glorot & Bengio 2010; He et al. 2015"
PAGE = Page(
    name="signal",
    chapter="How the learning signal flows",
    title="Six sigmoid layers deep, the learning signal does not arrive",
    concepts=("learning signal", "backward propagation", "vanishing gradient", "activation"),
    question="Would a larger learning rate help the net of sigmoids?",
    try_this="diffkit train digits --hidden 64,64,64,64,64,64 --activation sigmoid --out run",
    source=SOURCE,
    alt="Two maps of the learning signal, layers against updates: in the net of sigmoids it "
    "fades to dark towards the first layer, in the net of rectifiers all layers stay "
    "bright.",
)

DEPTH, WIDTH, CLASSES = 6, 64, 10
EPOCHS, BATCH, RATE = 8, 32, 0.1
NAMES = {"sigmoid": "sigmoid, Xavier's rule", "relu": "rectifier, He's rule"}
QUARTER = 0.25  # the largest slope of the logistic function


@cache
def trained(activation: str) -> Any:
    """Plain stochastic gradient descent, with the signal on record."""
    x, x_test, y, y_test = dk.datasets.digits().split()
    net = dk.nets.mlp([64, *[WIDTH] * DEPTH, CLASSES], activation=activation)
    return dk.train(
        net.with_loss(dk.losses.cross_entropy), net.init(0), (x, y), validation=(x_test, y_test),
        optimizer=dk.optim.sgd(RATE), batch_size=BATCH, epochs=EPOCHS, record=("loss", "signal"),
    )  # fmt: skip


def first_over_last(activation: str) -> float:
    """What the first hidden layer hears at the first update, over what the last one hears."""
    row = trained(activation).signal.table("cotangent")[0]
    return float(row[0] / row[DEPTH - 1])


def probed(activation: str) -> float:
    """The largest relative difference between the first row of the map and dk.value_and_grad."""
    run = trained(activation)
    net = run.loss.net
    x, _, y, _ = dk.datasets.digits().split()
    rows = next(iter(run.batches.epoch(0)))
    probes = dk.value_and_grad(run.loss, probes=True)(net.init(0), x[rows], y[rows])[2]
    norms = np.array([np.linalg.norm(probes[name].cotangent) for name in run.signal.layers])
    return float(np.max(np.abs(run.signal.table("cotangent")[0] / norms - 1)))


def numbers() -> list[Claim]:
    """What arrives, per layer, and what is learned."""
    per_layer = {name: first_over_last(name) ** (1 / (DEPTH - 1)) for name in NAMES}
    right = {name: trained(name).history["validation_accuracy"][-1] for name in NAMES}
    return [
        Claim("signal", "sigmoid: factor per layer at the first update", QUARTER,
              per_layer["sigmoid"], 0.02, SOURCE, at_most=True),
        Claim("signal", "rectifier with He's rule: factor per layer", 1.0, per_layer["relu"], 0.2,
              "He et al. 2015"),
        Claim("signal", "sigmoid: share of the test digits right (guessing: 0.1)", 0.1,
              right["sigmoid"], 0.03, "one of ten classes"),
        Claim("signal", "rectifier: share of the test digits wrong", 0.06,
              1 - right["relu"], 0.0, "this training", at_most=True),
        Claim("signal", "map against dk.value_and_grad(probes=True)", 0.0,
              max(map(probed, NAMES)), 1e-12, "one and the same graph"),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """The norm of ∂L/∂a at every layer and update, on one scale of colours."""
    tables = [trained(name).signal.table("cotangent") for name in NAMES]
    low = min(float(table.min()) for table in tables)
    high = max(float(table.max()) for table in tables)
    with use_style(dark):
        figure, panels = plt.subplots(2, 1, figsize=(7.2, 5.6), sharex=True)
        for axes, (name, words) in zip(panels, NAMES.items(), strict=True):
            run = trained(name)
            image = plot_signal(run.signal, axes, dark=dark, title=" ", limits=(low, high),
                                bar=False)  # fmt: skip
            right = run.history["validation_accuracy"][-1]
            axes.set_xlabel("")
            axes.set_yticks([0.5, DEPTH - 0.5, DEPTH + 0.5], ["first layer", "sixth", "scores"])
            axes.annotate(f"{words}: {right:.0%} of the test digits right", (0, 1), fontsize=10,
                          xycoords="axes fraction", xytext=(0, 5), va="bottom",
                          textcoords="offset points", color=muted(dark))  # fmt: skip
        panels[1].set_xlabel("update")
        panels[0].set_title(PAGE.title, pad=24)
        colours = figure.colorbar(image, ax=panels, pad=0.02, aspect=32)
        colours.outline.set_visible(False)
        colours.ax.set_title("‖∂L/∂a‖", fontsize=10, fontweight="normal", loc="left")
    return figure


if __name__ == "__main__":
    show(draw)
