"""A raw loss curve measures the scale of the weights, not the function
====================================================================

Multiply one layer of a net of rectifiers by 10 and divide the next by 10: the net computes exactly
what it did before.  But walk from its weights in a random direction, and the loss climbs quite
differently, since a step of the same length is now small for one layer and huge for the next.
Filter normalisation makes every filter of the direction as long as that filter of the net; then
both curves are one, to the last digit.  Only such curves may be compared.

By how much a raw curve changes is itself no property of the net: it depends on the direction drawn,
on how far one walks and on the scale.  On the right are a hundred directions and seven scales: at a
scale of 10 the largest factor between the two curves lies anywhere between 2.6 and 650, with a
median of 22.  A single factor, 9.3 for the direction on the left or 14.8 for another net and
direction, tells what was drawn by lot; the normalised curves have a factor of 1 at every scale.
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
from diffkit.plots.style import INK, muted, use_style
from diffkit.plots.training import ACCENT

SOURCE = "Li et al. 2018, section 4; Dinh et al. 2017"
PAGE = Page(
    name="landscape",
    chapter="Gradient descent and learning rates",
    title="A raw loss curve measures the scale of the weights, not the function",
    concepts=("loss landscape", "filter normalisation", "sharpness"),
    question="Two papers show loss curves, one sharp, one flat. What do you ask first?",
    try_this=(
        "_, params, _ = trained(); "
        "dk.signal.filter_normalised(dk.signal.random_direction(params), params)"
    ),
    source=SOURCE,
    alt="Left: along a raw random direction two loss curves of one and the same function "
    "differ. Middle: with filter-normalised directions they lie on one another. Right: the "
    "factor between raw curves grows with the scale and varies widely between directions.",
)

FACTOR = 10.0
SCALES = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
DIRECTIONS, FEW = 100, 17  # directions of the sweep, and places along each
AT = np.linspace(-1.0, 1.0, 41)
SEED, EPOCHS, RATE = 3, 60, 0.01
HEADINGS = (
    "a raw direction: two curves", "filter by filter: one", "by how much, for any direction"
)  # fmt: skip


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
    return trained()[1] if kind == "trained" else scaled_by(FACTOR)


def scaled_by(factor: float) -> Any:
    """The same function: the second layer times a factor, the third over it."""
    params = trained()[1]
    scaled = {name: dict(layer) for name, layer in params.items()}
    scaled["dense2"] = {key: factor * value for key, value in params["dense2"].items()}
    scaled["dense3"]["w"] = params["dense3"]["w"] / factor
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


def largest_factor(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """By how much two curves differ where they differ most, along the last axis."""
    return np.max(np.maximum(one / other, other / one), axis=-1)


@cache
def factors(normalised: bool) -> np.ndarray:
    """The largest factor between the curves of scaled and trained net: (scales, directions)."""
    found = np.stack([many_curves(scale, normalised) for scale in SCALES])
    return largest_factor(found, found[0])


def many_curves(scale: float, normalised: bool) -> np.ndarray:
    """The loss along every direction of the sweep, (directions, places)."""
    w1, b1, w2, b2, w3, b3 = stepped(scaled_by(scale), normalised)
    _, _, (x, y) = trained()
    h = np.maximum(0.0, np.maximum(0.0, x @ w1 + b1) @ w2 + b2)
    scores = h @ w3 + b3
    chosen = np.take_along_axis(scores, y.reshape(1, -1, 1), axis=2)[:, :, 0]
    losses = np.logaddexp.reduce(scores, axis=2) - chosen
    return losses.mean(axis=1).reshape(DIRECTIONS, FEW)


def stepped(params: Any, normalised: bool) -> list[np.ndarray]:
    """Every array of the parameters at all places along all directions, places first."""
    found = []
    ways = [dk.signal.random_direction(params, seed) for seed in range(DIRECTIONS)]
    if normalised:
        ways = [dk.signal.filter_normalised(way, params) for way in ways]
    at = np.linspace(-1.0, 1.0, FEW)
    for layer in ("dense1", "dense2", "dense3"):
        for key in ("w", "b"):
            steps = np.stack([way[layer][key] for way in ways])
            shape = (DIRECTIONS * FEW, -1, params[layer][key].shape[-1])
            moved = params[layer][key] + np.multiply.outer(at, steps).swapaxes(0, 1)
            found.append(moved.reshape(shape))
    return found


def numbers() -> list[Claim]:
    """One function, two ways to write it."""
    at_ten = factors(False)[SCALES.index(FACTOR)]
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
              float(largest_factor(raw, raw_other)), 1.5, "this net and direction"),
        Claim("landscape", "log₁₀ of it for 100 directions: least, median and largest",
              [0.41, 1.34, 2.81], [float(v) for v in np.log10(quantiles(at_ten))], 0.3, "this net"),
        Claim("landscape", "filter-normalised: largest factor of 100 directions and 7 scales", 1.0,
              float(factors(True).max()), 1e-11, SOURCE),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """One raw direction, the same one normalised, and many."""
    with use_style(dark):
        figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11.6, 4.05))
        middle.sharey(left)
        panel(left, False, dark)
        panel(middle, True, dark)
        sweep_panel(right, dark)
        left.set_ylabel("loss")
        for axes, words in zip((left, middle, right), HEADINGS, strict=True):
            axes.set_title(words, fontsize=10, fontweight="normal")
        figure.suptitle(PAGE.title, x=0.01, ha="left", fontweight="bold")
    return figure


def quantiles(found: np.ndarray) -> np.ndarray:
    """The least, the median and the largest along the last axis."""
    return np.quantile(found, (0.0, 0.5, 1.0), axis=-1)


def panel(axes: Axes, normalised: bool, dark: bool) -> None:
    """Both nets along one direction."""
    axes.set_yscale("log")
    axes.grid(False, which="minor")
    axes.plot(AT, curve("trained", normalised), color=ACCENT[dark], linewidth=5, alpha=0.45)
    axes.plot(AT, curve("scaled", normalised), color=INK[dark], linewidth=1.6)
    axes.plot(0, curve("trained", normalised)[len(AT) // 2], "o", color=INK[dark], markersize=6)
    axes.set(xlim=(-1, 1), xlabel="distance α along the direction", xticks=[-1, -0.5, 0, 0.5, 1])
    if normalised:
        axes.text(0.97, 0.93, "both nets,\nto the last digit", transform=axes.transAxes,
                  color=muted(dark), fontsize=9.5, ha="right", va="top")  # fmt: skip
        return
    axes.text(0.97, 0.3, "as trained", color=ACCENT[dark], ha="right", va="top")
    axes.text(0.97, 4.6, "one layer × 10,\nthe next / 10", color=INK[dark], ha="right")


def sweep_panel(axes: Axes, dark: bool) -> None:
    """The largest factor against the scale: all directions, raw and normalised."""
    low, middle, high = quantiles(factors(False))
    axes.fill_between(SCALES, low, high, color=INK[dark], alpha=0.15, linewidth=0)
    axes.plot(SCALES, middle, color=INK[dark], marker="o", markersize=5)
    axes.plot(SCALES, factors(True).max(axis=1), color=ACCENT[dark], marker="D", markersize=5)
    axes.set(xscale="log", yscale="log", xlim=(1, 100), xlabel="scale of the layer",
             ylabel="largest factor between the curves")  # fmt: skip
    axes.grid(False, which="minor")
    axes.text(
        1.15, 2500, "raw: all 100 directions,\nand their median", color=INK[dark], fontsize=9.5
    )
    axes.text(95, 1.4, "filter by filter: 1", color=ACCENT[dark], ha="right", fontsize=9.5)


if __name__ == "__main__":
    show(draw)
