"""A raw loss curve measures the scale of the weights, not the function
====================================================================

Multiply one layer of a net of rectifiers by 10 and divide the next by 10: the net computes exactly
what it did before.  But walk from its weights in a random direction, and the loss climbs quite
differently, since a step of the same length is now small for one layer and huge for the next.
Filter normalisation makes every filter of the direction as long as that filter of the net; then
both curves are one, to the last digit.  Only such curves may be compared.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.pages import Claim, Page
from diffkit.plots.style import INK, muted, use_style
from diffkit.plots.training import ACCENT

SOURCE = "Li et al. 2018, section 4; Dinh et al. 2017"
PAGE = Page(
    name="landscape",
    chapter="Gradient descent and learning rates",
    title="A raw loss curve measures the scale of the weights, not the function",
    concepts=("loss landscape", "filter normalisation", "sharpness"),
    question="Two papers show loss curves, one sharp, one flat. What do you ask first?",
    try_this="dk.signal.filter_normalised(dk.signal.random_direction(params), params)",
    source=SOURCE,
)

FACTOR = 10.0
AT = np.linspace(-1.0, 1.0, 41)
SEED, EPOCHS, RATE = 3, 60, 0.01


@cache
def trained() -> tuple[Any, Any, tuple[np.ndarray, np.ndarray]]:
    """A small net of rectifiers that has learned the moons."""
    data = dk.datasets.two_moons(150, noise=0.15, seed=0)
    net = dk.nets.mlp([2, 16, 16, 2], activation="relu")
    loss = net.with_loss(dk.losses.cross_entropy)
    run = dk.train(loss, net.init(0), (data.x, data.y), optimizer=dk.optim.adam(RATE),
                   batch_size=25, epochs=EPOCHS)  # fmt: skip
    return loss, run.params, (data.x, data.y)


def params_of(kind: str) -> Any:
    """The weights as trained, or the same function with one layer scaled up and the next down."""
    params = trained()[1]
    if kind == "trained":
        return params
    scaled = {name: dict(layer) for name, layer in params.items()}
    scaled["dense2"] = {key: FACTOR * value for key, value in params["dense2"].items()}
    scaled["dense3"]["w"] = params["dense3"]["w"] / FACTOR
    return scaled


@cache
def curve(kind: str, normalised: bool) -> np.ndarray:
    """The loss along one random direction."""
    loss, _, data = trained()
    params = params_of(kind)
    direction = dk.signal.random_direction(params, SEED)
    if normalised:
        direction = dk.signal.filter_normalised(direction, params)
    return dk.signal.landscape(loss, params, data, direction, AT)


def numbers() -> list[Claim]:
    """One function, two ways to write it."""
    loss, _, data = trained()
    values = [float(loss(params_of(kind), *data)) for kind in ("trained", "scaled")]
    same, other = (curve(kind, True) for kind in ("trained", "scaled"))
    raw, raw_other = (curve(kind, False) for kind in ("trained", "scaled"))
    return [
        Claim("landscape", "loss of the scaled net minus that of the trained one", 0.0,
              values[1] - values[0], 1e-15, "a rectifier is homogeneous"),
        Claim("landscape", "filter-normalised curves: largest relative difference", 0.0,
              float(np.max(np.abs(other / same - 1))), 1e-13, SOURCE),
        Claim("landscape", "raw curves: largest factor between them", 9.3,
              float(np.max(np.maximum(raw / raw_other, raw_other / raw))), 1.5,
              "this net and direction"),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """Raw on the left, normalised on the right."""
    with use_style(dark):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.2, 4.05), sharey=True)
        panel(left, False, dark)
        panel(right, True, dark)
        left.set_ylabel("loss")
        left.set_title("a raw direction: two curves", fontsize=10, fontweight="normal")
        right.set_title("filter by filter: one", fontsize=10, fontweight="normal")
        figure.suptitle(PAGE.title, x=0.01, ha="left", fontweight="bold")
    return figure


def panel(axes: Axes, normalised: bool, dark: bool) -> None:
    """Both nets along one direction."""
    axes.set_yscale("log")
    axes.grid(False, which="minor")
    axes.plot(AT, curve("trained", normalised), color=ACCENT[dark], linewidth=5, alpha=0.45)
    axes.plot(AT, curve("scaled", normalised), color=INK[dark], linewidth=1.6)
    axes.plot(0, curve("trained", normalised)[len(AT) // 2], "o", color=INK[dark], markersize=6)
    axes.set(xlim=(-1, 1), xlabel="distance α along the direction", xticks=[-1, -0.5, 0, 0.5, 1])
    if normalised:
        axes.text(0.02, 0.04, "both nets, to the last digit", transform=axes.transAxes,
                  color=muted(dark), fontsize=9)  # fmt: skip
        return
    axes.text(0.97, 0.3, "as trained", color=ACCENT[dark], ha="right", va="top")
    axes.text(0.97, 4.6, "one layer × 10,\nthe next / 10", color=INK[dark], ha="right")


if __name__ == "__main__":
    draw()
    plt.show()
