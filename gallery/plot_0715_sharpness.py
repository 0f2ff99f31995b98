"""With full batches, the sharpness settles at 2/η
===============================================

On a quadratic, gradient descent converges only where the largest eigenvalue of the Hessian is below
2/η.  A net is no quadratic, and it does something stranger: with full batches and a rate that is
too large for where it starts, the first steps throw it out of the sharp valley; afterwards the
sharpness creeps up again until it meets 2/η, and stays there while the loss goes on falling.  This
is the edge of stability.  The sharpness comes from Lanczos' method, by Hessian products alone.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.signal import loose_grid, plot_sharpness
from diffkit.plots.style import INK, muted, use_style
from diffkit.plots.training import ACCENT

SOURCE = "Cohen et al. 2021, section 3"
PAGE = Page(
    name="sharpness",
    chapter="Gradient descent and learning rates",
    title="With full batches, the sharpness settles at 2/η",
    concepts=("learning rate", "Hessian", "sharpness", "edge of stability"),
    question="What would the sharpness do if the rate were halved on the way?",
    try_this='trained(0.5).signal.measured("sharpness")[-1], 2 / 0.5',
    source=SOURCE,
    alt="Above: the largest eigenvalue of the Hessian over the updates, for two rates, each "
    "settling on its dashed line of two over the rate. Below: the loss, which goes on "
    "falling.",
)

ROWS, HIDDEN, CLASSES = 300, 16, 10
RATES = (0.8, 1.0)
UPDATES, EVERY = 1600, 20
SETTLED = 600  # updates after which it has settled


@cache
def data() -> tuple[np.ndarray, np.ndarray]:
    """Three hundred digits, with targets of zeros and a one."""
    found = dk.datasets.digits()
    return found.x[:ROWS], np.eye(CLASSES)[found.y[:ROWS]]


@cache
def trained(rate: float) -> Any:
    """Gradient descent with all examples, and the sharpness of every twentieth update."""
    net = dk.nets.mlp([64, HIDDEN, CLASSES])
    return dk.train(
        net.with_loss(dk.losses.mse), net.init(0), data(), optimizer=dk.optim.sgd(rate),
        epochs=UPDATES, record=("loss", "sharpness"), signal_every=EVERY,
    )  # fmt: skip


def late(rate: float) -> np.ndarray:
    """The sharpness over its edge, once it has settled."""
    signal = trained(rate).signal
    steps = np.array(signal.measured("step"))
    values = np.array(signal.measured("sharpness")) / np.array(signal.measured("edge"))
    return values[steps >= SETTLED]


def numbers() -> list[Claim]:
    """Where the sharpness settles."""
    first = trained(RATES[1]).signal.measured("sharpness")[0]
    losses = np.array(trained(RATES[1]).history["loss"])
    return [
        Claim("sharpness", "λ · η/2 after the first 600 updates, mean, by rate", [1.0, 1.0],
              [float(np.mean(late(rate))) for rate in RATES], 0.04, SOURCE),
        Claim("sharpness", "largest distance of λ · η/2 from 1, then", 0.15,
              float(max(np.max(np.abs(late(rate) - 1)) for rate in RATES)), 0.0, SOURCE,
              at_most=True),
        Claim("sharpness", "λ at the start, above both edges", 5.22, first, 0.1,
              "so the first steps are unstable"),
        Claim("sharpness", "the loss at the end over that at update 600", 0.6,
              float(losses[-1] / losses[SETTLED]), 0.0, "it falls on at the edge", at_most=True),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """Sharpness above, loss below."""
    with use_style(dark):
        figure, (upper, lower) = plt.subplots(
            2, 1, figsize=(7.6, 5.4), sharex=True, height_ratios=(1.5, 1)
        )
        sharpness_panel(upper, dark)
        loss_panel(lower, dark)
        figure.align_ylabels()
        upper.set_title(PAGE.title)
    return figure


def colours(dark: bool) -> dict[float, str]:
    """A colour for each rate."""
    return dict(zip(RATES, (INK[dark], ACCENT[dark]), strict=True))


def sharpness_panel(axes: Axes, dark: bool) -> None:
    """λ_max and 2/η."""
    for rate, colour in colours(dark).items():
        plot_sharpness(trained(rate).signal, axes, dark=dark, colour=colour)
        axes.text(UPDATES * 1.01, 2 / rate, f"2/η for η = {rate:g}", color=colour, va="center",
                  fontsize=9)  # fmt: skip
    axes.annotate("start", (0, trained(RATES[1]).signal.measured("sharpness")[0]), (60, 4.95),
                  color=muted(dark), fontsize=9, va="center")  # fmt: skip
    axes.set(xlim=(0, UPDATES), ylim=(0, 5.5), xlabel="", ylabel="largest eigenvalue λ")


def loss_panel(axes: Axes, dark: bool) -> None:
    """The loss falls on."""
    axes.set_yscale("log")
    loose_grid(axes)
    for rate, colour in colours(dark).items():
        axes.plot(trained(rate).history["loss"], color=colour, linewidth=1.0)
    axes.set(xlabel="update", ylabel="loss")


if __name__ == "__main__":
    show(draw)
