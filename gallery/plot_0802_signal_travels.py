"""Sigmoids swallow the signal on its way back; rectifiers pass it on
==================================================================

A moving picture.  One example runs through two nets of six hidden layers, from left to right; then
the learning signal runs back.  The derivative of the loss by a unit is the sum, over the units that
it feeds, of their own derivative times the weight between times the slope of their activation.  The
widths of the lines show these products, and the numbers the norm of ∂L/∂a at every layer.
A sigmoid's slope is at most ¼, so less arrives at each layer; a rectifier's slope is 0 or 1, and
He's first weights make up for the zeros.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.animation import last_frame
from diffkit.plots.nets import bare
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, muted, use_style
from diffkit.plots.training import ACCENT

SOURCE = "Hochreiter 1991; Glorot & Bengio 2010; He et al. 2015"
PAGE = Page(
    name="signal-travels",
    chapter="How the learning signal flows",
    title="Sigmoids swallow the signal on its way back; rectifiers pass it on",
    concepts=("learning signal", "backward propagation", "vanishing gradient", "activation"),
    question="Which unit of the last hidden layer is told to change most?",
    try_this="diffkit signal --help",
    source=SOURCE,
    alt="Two nets drawn as units and lines, whose widths are what flows back: under sigmoids "
    "the lines thin out towards the inputs, under rectifiers they stay wide.",
)

SIZES = (2, 8, 8, 8, 8, 8, 8, 1)
COLUMNS = len(SIZES)
NETS = {"sigmoid": "sigmoid, Xavier's rule", "relu": "rectifier, He's rule"}
SEED = 4
X, Y = np.array([[0.9, -0.6]]), np.array([1])
WIDEST = 2.2  # points
DECADES = 4.0  # below the strongest product a line has no width
SLOPES = {"sigmoid": lambda a: a * (1 - a), "relu": lambda a: (a > 0) * 1.0}


@cache
def passes(name: str) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Activations and cotangents of every column, and the products between the columns."""
    net = dk.nets.mlp(list(SIZES), activation=name)
    params = net.init(SEED)
    weights = [params[layer]["w"] for layer in params]
    values = [X]
    for layer, w in params.items():
        h = values[-1] @ w["w"] + w["b"]
        values.append(h if layer == list(params)[-1] else ACTIVATIONS[name](h))
    bars = [1 / (1 + np.exp(-values[-1])) - Y]  # ∂L/∂score of the cross-entropy
    products = []
    for place in range(COLUMNS - 2, -1, -1):
        slope = SLOPES[name](values[place + 1]) if place < COLUMNS - 2 else 1.0
        products.insert(0, weights[place] * (bars[0] * slope))
        bars.insert(0, products[0].sum(axis=1)[None])
    return values, bars, products


ACTIVATIONS = {"sigmoid": lambda h: 1 / (1 + np.exp(-h)), "relu": lambda h: np.maximum(h, 0.0)}


def norms(name: str) -> np.ndarray:
    """‖∂L/∂a‖ of every column, the inputs first."""
    return np.array([np.linalg.norm(bar) for bar in passes(name)[1]])


def against_probes(name: str) -> float:
    """The largest relative difference between the pass by hand and dk.value_and_grad."""
    net = dk.nets.mlp(list(SIZES), activation=name)
    loss = net.with_loss(dk.losses.bce_with_logits)
    probes = dk.value_and_grad(loss, probes=True)(net.init(SEED), X, Y)[2]
    watched = [np.linalg.norm(probe.cotangent) for probe in probes.values()]
    return float(np.abs(norms(name)[1:] / np.array(watched) - 1).max())


def numbers() -> list[Claim]:
    """What arrives at the first hidden layer, and that the picture shows the real signal."""
    arrived = {name: norms(name)[1] / norms(name)[-2] for name in NETS}
    factor = arrived["sigmoid"] ** (1 / (COLUMNS - 3))
    return [
        Claim("signal-travels", "sigmoid: factor per layer", 0.3, factor, 0.0, SOURCE,
              at_most=True),
        Claim("signal-travels", "sigmoid: first over sixth hidden layer, ×10⁴", 20.0,
              1e4 * arrived["sigmoid"], 0.0, "five layers of at most ¼ each", at_most=True),
        Claim("signal-travels", "rectifier: decades between first and sixth hidden layer", 1.0,
              abs(float(np.log10(arrived["relu"]))), 0.0, "He et al. 2015", at_most=True),
        Claim("signal-travels", "the pass by hand against dk.value_and_grad(probes=True)", 0.0,
              max(map(against_probes, NETS)), 1e-12, "the chain rule"),
    ]  # fmt: skip


def heights(count: int) -> np.ndarray:
    """Where the units of a column stand, around zero."""
    return np.arange(count) - (count - 1) / 2


class Drawn:
    """One net on its axes; ``show(step)`` sets what has arrived."""

    def __init__(self, axes: Axes, name: str, dark: bool) -> None:
        self.values, self.bars, self.products = passes(name)
        self.colours, self.norms = (INK[dark], ACCENT[dark], muted(dark)), norms(name)
        self.lines = [axes.add_collection(LineCollection(_between(place), color=muted(dark)))
                      for place in range(COLUMNS - 1)]  # fmt: skip
        self.units = [
            axes.scatter(np.full(n, k), heights(n), s=70, zorder=3, linewidths=1.2,
                         facecolors=axes.get_facecolor(), edgecolors=muted(dark))
            for k, n in enumerate(SIZES)
        ]  # fmt: skip
        self.words = [axes.text(k, -5.3, "", ha="center", fontsize=9.5, color=ACCENT[dark],
                                fontweight="bold") for k in range(COLUMNS)]  # fmt: skip
        axes.set(xlim=(-0.4, COLUMNS - 0.6), ylim=(-5.8, 4.2))
        bare(axes)
        axes.set_aspect("auto")
        axes.annotate(NETS[name], (0, 1), xytext=(0, 2), xycoords="axes fraction", fontsize=10,
                      textcoords="offset points", color=muted(dark))  # fmt: skip

    def show(self, forward: int, back: int) -> None:
        """``forward`` columns have a value; ``back`` columns, from the right, have heard."""
        ink, accent, quiet = self.colours
        for place, line in enumerate(self.lines):
            heard = place >= COLUMNS - back
            size = _width(self.products[place], self.products[-1]) if heard else [0.4]
            line.set_linewidth(list(size))
            line.set_color(accent if heard else ink if place == forward - 2 else quiet)
            line.set_alpha(0.9 if heard or (place == forward - 2 and not back) else 0.35)
        for place, unit in enumerate(self.units):
            heard, known = place >= COLUMNS - back, place < forward
            unit.set_edgecolor(accent if heard else ink if known else quiet)
            if known:
                unit.set_facecolor(quiet if not heard else accent)
            self.words[place].set_text(_plain(self.norms[place]) if heard else "")


def _plain(number: float) -> str:
    """One digit that counts, without an exponent: 0.00003."""
    return np.format_float_positional(number, precision=1, fractional=False, trim="-")


def _between(place: int) -> list[Any]:
    """The lines from every unit of a column to every unit of the next, as the weights run."""
    left, right = heights(SIZES[place]), heights(SIZES[place + 1])
    return [[(place, a), (place + 1, b)] for a in left for b in right]


def _width(products: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Widths on a logarithmic scale: the widest for the strongest product next to the loss."""
    with np.errstate(divide="ignore"):
        decades = np.log10(np.abs(products).ravel() / np.abs(last).max())
    return WIDEST * np.clip(1 + decades / DECADES, 0.0, 1.2)


def frames(dark: bool = False) -> Iterator[Figure]:
    """Column after column forward, then column after column back."""
    with use_style(dark):
        figure, panels = plt.subplots(2, 1, figsize=(7.6, 5.8))
        nets = [Drawn(axes, name, dark) for axes, name in zip(panels, NETS, strict=True)]
        panels[0].set_title(PAGE.title, pad=22)
        panels[1].annotate("‖∂L/∂a‖ at every layer: inputs at the left, the score at the right",
                           (0, 0), xytext=(0, -10), xycoords="axes fraction", fontsize=9.5,
                           textcoords="offset points", color=muted(dark))  # fmt: skip
        steps = [(k, 0) for k in range(1, COLUMNS + 1)] + [
            (COLUMNS, k) for k in range(1, COLUMNS + 1)
        ]
        for forward, back in steps:
            for net in nets:
                net.show(forward, back)
            yield figure


def draw(dark: bool = False) -> Figure:
    """The last frame: everything has arrived."""
    return last_frame(frames(dark))


if __name__ == "__main__":
    show(draw)
