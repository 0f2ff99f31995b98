"""One step too large, and rectifiers die for good
===============================================

A rectifier that gives 0 for every example passes no signal back, so nothing can ever bring it back
to life but a change of the layers below it.  Steps that are too large push many units there at
once, within the first epochs; in the first layer, with nothing below it but the data, they stay.
The gradient of a dead unit's weights is exactly zero, which no training can tell from "nothing left
to learn".
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, label_lines, muted, use_style
from diffkit.plots.training import ACCENT

SOURCE = "Maas, Hannun & Ng 2013, section 2.1"
PAGE = Page(
    name="dead-units",
    chapter="How the learning signal flows",
    title="One step too large, and rectifiers die for good",
    concepts=("learning signal", "activation", "dead unit", "learning rate"),
    question="Would a leaky rectifier have come back?",
    try_this='trained(1.4).signal.measured("dead")[-1], right(1.4)',
    source=SOURCE,
    alt="Share of dead units over the epochs in two hidden layers, for three learning rates: in "
    "the first it climbs and stays high with the two large rates, in the second with the largest; "
    "with the small one it stays low.",
)

RATES = (0.1, 0.7, 2.0)  # between, at 1, rounding decides how many die
EPOCHS, BATCH = 10, 32
LAYERS = {
    "dense1": "first hidden layer: none comes back",
    "dense2": "second: some do, as the first one changes",
}


@cache
def net() -> Any:
    """Two hidden layers of rectifiers."""
    return dk.nets.mlp([64, 32, 32, 10], activation="relu")


@cache
def trained(rate: float) -> Any:
    """The digits by plain stochastic gradient descent; units are counted after every epoch."""
    x, x_test, y, y_test = dk.datasets.digits().split()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dk.train(
            net().with_loss(dk.losses.cross_entropy), net().init(0), (x, y),
            validation=(x_test, y_test), optimizer=dk.optim.sgd(rate), batch_size=BATCH,
            epochs=EPOCHS, record=("loss", "dead"),
        )  # fmt: skip


def dead(rate: float, layer: str) -> list[float]:
    """The share of dead units of a layer, before the training and after every epoch."""
    return [row[layer] for row in trained(rate).signal.measured("dead")]


def silent(rate: float) -> tuple[float, float]:
    """The largest gradient of a dead unit's weights in the second layer, and of a living one's."""
    x, _, y, _ = dk.datasets.digits().split()
    run = trained(rate)
    layers = net().layers
    hidden = layers[0](run.params["dense1"], x)
    dying = np.all(np.asarray(layers[1](run.params["dense2"], hidden)) == 0, axis=0)
    g = np.abs(dk.grad(run.loss)(run.params, x, y)["dense2"]["w"])
    return float(g[:, dying].max()), float(g[:, ~dying].max())


def right(rate: float) -> float:
    """The share of test digits right at the end."""
    return trained(rate).history["validation_accuracy"][-1]


def numbers() -> list[Claim]:
    """Who dies, and what that costs."""
    dying, living = silent(RATES[1])
    ends = [dead(RATES[2], layer)[-1] for layer in LAYERS]
    revived = max(float(np.max(-np.diff(dead(rate, "dense1")))) for rate in RATES)
    return [
        Claim("dead-units", "dead at η = 0.1 after the training, share of the first layer", 0.1,
              dead(RATES[0], "dense1")[-1], 0.0, "this training", at_most=True),
        Claim("dead-units", "dead at η = 2 at the end, shares of both layers", [0.8, 1.0], ends,
              0.07, "this training"),
        Claim("dead-units", "first layer: largest fall of the share from epoch to epoch", 0.0,
              revived, 0.0, "nothing below it changes", at_most=True),
        Claim("dead-units", "largest gradient of a dead unit's weights at η = 0.7", 0.0, dying, 0.0,
              "the slope of a rectifier at rest"),
        Claim("dead-units", "largest gradient of a living unit's weights, beside it", 0.1, living,
              0.099, "this training"),
        Claim("dead-units", "test digits right at η = 0.1 and η = 2", [0.95, 0.1],
              [right(RATES[0]), right(RATES[2])], 0.03, "this training; guessing gives 0.1"),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """The share of dead units over the epochs, for each rate and layer."""
    with use_style(dark):
        figure, panels = plt.subplots(1, 2, figsize=(9.4, 4.1), sharey=True)
        for axes, (layer, words) in zip(panels, LAYERS.items(), strict=True):
            panel(axes, layer, dark)
            axes.set_title(words, fontsize=10, fontweight="normal")
        panels[0].set_ylabel("share of dead units")
        figure.suptitle(PAGE.title, x=0.01, ha="left", fontweight="bold")
    return figure


def panel(axes: Axes, layer: str, dark: bool) -> None:
    """One layer."""
    colours = (muted(dark), INK[dark], ACCENT[dark])
    labels = []
    for rate, colour in zip(RATES, colours, strict=True):
        values = dead(rate, layer)
        axes.plot(range(EPOCHS + 1), values, "o-", color=colour, markersize=4, clip_on=False)
        words = f"η = {rate:g}"
        if layer == "dense2":
            words += f":\n{right(rate):.0%} right"
        labels.append((EPOCHS, values[-1], words, colour))
    axes.set(xlim=(0, EPOCHS), ylim=(-0.03, 1.05), xlabel="epoch", yticks=[0, 0.25, 0.5, 0.75, 1])
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    label_lines(axes, labels)


if __name__ == "__main__":
    show(draw)
