"""Through thirty layers the signal passes on one line only
========================================================

Every pixel is a net: thirty layers of tanh with random weights of size σ_w, to the right, and
random biases of size σ_b, upwards.  Its colour is what became of the learning signal on its way
from the last layer to the first: blue where it shrank, red where it grew, each by so many powers of
ten.  Between the two runs a band without colour, and theory draws its line without any net: there
the average square of σ_w tanh′ is 1.  The deeper the net, the narrower the band.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.maps import halo
from diffkit.plots.nets import diverging
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, use_style

SOURCE = "Poole et al. 2016; Schoenholz et al. 2017"
PAGE = Page(
    name="depth-map",
    chapter="Maps",
    title="Through thirty layers the signal passes on one line only",
    concepts=("learning signal", "vanishing gradient", "exploding gradient", "initialisation"),
    question="Which weights and biases let a deep net learn at all?",
    try_this='dk.signal.critical_weights("tanh", 0.3)',
    source=SOURCE,
    alt="A map over the sizes of weights and biases: blue at the left, where the signal "
    "vanishes, red at the right, where it explodes, and a narrow colourless band between, along "
    "which runs the line of the theory, from 1 at the lower edge to the upper right.",
)

DEPTH, WIDTH = 30, 128
ACROSS, UP = 56, 42  # pixels
WEIGHTS, BIASES = (0.8, 2.2), (0.02, 0.8)
DECADES = 4.0  # of the colours, to either side
SAMPLES = (0.1, 0.3, 0.5, 0.7)  # biases at which map and theory are compared


@cache
def drawn() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights, biases, an input and a direction, of size 1 before they are scaled."""
    rng = np.random.default_rng(3)
    weights = rng.normal(size=(DEPTH, WIDTH, WIDTH)) / WIDTH**0.5
    return weights, rng.normal(size=(DEPTH, WIDTH)), rng.normal(size=(2, WIDTH))


def score(weight_stds: Any, bias_stds: Any) -> Any:
    """A number at the end of each net, one net in each row, with probes at both ends."""
    weights, biases, (h, direction) = drawn()
    for layer in range(DEPTH):
        h = weight_stds * (np.tanh(h) @ weights[layer]) + bias_stds * biases[layer]
        if layer in (0, DEPTH - 1):
            h = dk.probe(f"h{layer}", h)
    return np.sum(h * direction)


def decades(weight_stds: np.ndarray, bias_stds: np.ndarray) -> np.ndarray:
    """log₁₀ of the signal at the first layer over that at the last, for many nets at once."""
    columns = weight_stds.reshape(-1, 1), bias_stds.reshape(-1, 1)
    probes = dk.value_and_grad(score, probes=True)(*columns)[2]
    first, last = (np.linalg.norm(probes[f"h{layer}"].cotangent, axis=1)
                   for layer in (0, DEPTH - 1))  # fmt: skip
    return np.log10(first / last).reshape(weight_stds.shape)


@cache
def the_map() -> np.ndarray:
    """Every net, rows upwards: (UP, ACROSS)."""
    return decades(*np.meshgrid(centres(WEIGHTS, ACROSS), centres(BIASES, UP)))


def centres(ends: tuple[float, float], count: int) -> np.ndarray:
    """The middles of so many pixels between two ends."""
    edges = np.linspace(*ends, count + 1)
    return (edges[1:] + edges[:-1]) / 2


def crossing(bias_std: float) -> float:
    """Where a row of the map changes its sign."""
    row = the_map()[int(np.argmin(np.abs(centres(BIASES, UP) - bias_std)))]
    return float(np.interp(0.0, row, centres(WEIGHTS, ACROSS)))


@cache
def line() -> tuple[np.ndarray, np.ndarray]:
    """The critical weights of the theory, for biases from the bottom to the top."""
    lowest, highest = np.sqrt(BIASES)
    biases = np.linspace(lowest, highest, 25) ** 2  # closer where the line bends
    return np.array([dk.signal.critical_weights("tanh", b) for b in biases]), biases


def expected(weight_std: float, bias_std: float) -> float:
    """The same as ``decades`` by the theory: (depth − 1) · log₁₀ √χ."""
    return (DEPTH - 1) * float(np.log10(dk.signal.mean_field("tanh", weight_std, bias_std).factor))


def numbers() -> list[Claim]:
    """Where the line runs, how narrow it is, and how far the corners are."""
    theory = [dk.signal.critical_weights("tanh", b) for b in SAMPLES]
    rows = [crossing(b) for b in SAMPLES]
    return [
        Claim("depth-map", "σ_w where nets of 30 layers pass the signal on, at σ_b = 0.1 … 0.7",
              theory, rows, 0.12, "the critical line, " + SOURCE),
        Claim("depth-map", "share of nets that keep it within a factor of ten", 0.35,
              float(np.mean(np.abs(the_map()) < 1)), 0.1, "this map"),
        Claim("depth-map", "powers of ten lost or won: σ_w 0.9 and 2.1 at σ_b = 0.3",
              [expected(w, 0.3) for w in (0.9, 2.1)],
              decades(np.array([0.9, 2.1]), np.array([0.3, 0.3])).tolist(), 1.2,
              "29 · log₁₀ √χ, " + SOURCE),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """The map, and the line of the theory over it."""
    with use_style(dark):
        figure, axes = plt.subplots(figsize=(7.6, 4.9))
        image = axes.imshow(the_map(), cmap=diverging(dark), vmin=-DECADES, vmax=DECADES,
                            origin="lower", extent=(*WEIGHTS, *BIASES), aspect="auto",
                            interpolation="nearest", rasterized=True)  # fmt: skip
        axes.plot(*line(), color=INK[dark], linewidth=2.2)
        axes.grid(False)
        axes.set(xlim=WEIGHTS, ylim=BIASES,
                 xlabel=r"$\sigma_w$, size of the weights (standard deviation $\sigma_w/\sqrt{n}$)",
                 ylabel=r"$\sigma_b$, size of the biases")  # fmt: skip
        for place, words in (((0.86, 0.6), "it vanishes"), ((1.9, 0.12), "it explodes")):
            axes.text(*place, words, color=INK[dark], fontsize=11, fontweight="bold",
                      path_effects=halo(dark))  # fmt: skip
        axes.text(1.43, 0.5, "theory: χ = 1", color=INK[dark], fontsize=10, rotation=47)
        bar = figure.colorbar(image, ax=axes, ticks=range(-4, 5, 2), pad=0.02, extend="both")
        bar.ax.set_yticklabels([f"$10^{{{k}}}$" for k in range(-4, 5, 2)])
        bar.set_label("signal at the first layer over the last")
        bar.outline.set_visible(False)
        axes.set_title(PAGE.title)
    return figure


if __name__ == "__main__":
    show(draw)
