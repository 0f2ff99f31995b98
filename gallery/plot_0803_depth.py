"""Every layer multiplies the learning signal by the same factor
==============================================================

Thirty layers of 512 units, at their first weights: how much of the derivative of the loss arrives
at each of them?  On its way back it is multiplied, layer after layer, by one factor, which theory
knows before any training.  For sigmoids it lies below a quarter, and after thirty layers nothing
is left.  Rectifiers let half of the signal through, so weights of variance 1/n lose a factor √2 per
layer; He's rule doubles the variance and gives exactly this back.  The lines are measured, the
dashed lines behind them are the theory.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import pi, sqrt
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, muted, use_style
from diffkit.plots.training import ACCENT

PAGE = Page(
    name="depth",
    chapter="How the learning signal flows",
    title="Every layer multiplies the learning signal by the same factor",
    concepts=("learning signal", "vanishing gradient", "initialisation", "activation"),
    question="Which factor would a net of tanh have?",
    try_this="diffkit train digits --hidden 64,64,64,64 --activation sigmoid --out run",
    source="Hochreiter 1991; He et al. 2015; Schoenholz et al. 2017",
    alt="Norm of the learning signal against the layer on a logarithmic axis: three straight "
    "lines, level for rectifiers with He's weights, falling for smaller weights, and "
    "falling steeply for sigmoids, each on its dashed theory.",
)

LAYERS, WIDTH, BATCH = 30, 512, 8
SEED = 0
NODES = 80  # of the Gauss–Hermite rule
PROBABILISTS = sqrt(2 * pi)  # ∫ exp(−z²/2) dz
ITERATIONS = 60  # until the variance of a layer is that of the next


@dataclass(frozen=True)
class Case:
    """One kind of layer: activation, initializer and words."""

    activation: str
    initializer: str
    words: str


CASES = {
    "he": Case("relu", "he", "rectifier, variance 2/n (He)"),
    "lecun": Case("relu", "lecun", "rectifier, variance 1/n"),
    "sigmoid": Case("sigmoid", "lecun", "sigmoid, variance 1/n"),
}


@cache
def norms(name: str) -> np.ndarray:
    """‖∂L/∂a‖ at every layer, first to last, for a loss that is linear in the last."""
    case, rng = CASES[name], np.random.default_rng(SEED)
    layers = [dk.nets.dense(WIDTH, case.activation, initializer=case.initializer)] * LAYERS
    net = dk.nets.sequential(layers, input_shape=WIDTH)
    x, direction = rng.normal(size=(BATCH, WIDTH)), rng.normal(size=(BATCH, WIDTH))

    def loss(params: Any, x: Any) -> Any:
        return np.sum(net(params, x) * direction)

    probes = dk.value_and_grad(loss, probes=True)(net.init(SEED), x)[2]
    return np.array([np.linalg.norm(probes[layer].cotangent) for layer in net.names])


def mean(f: Any, variance: float) -> float:
    """E f(z) for a normal z of this variance, by the Gauss–Hermite rule."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    return float(weights @ f(sqrt(variance) * nodes)) / PROBABILISTS


def sigmoid(z: Any) -> Any:
    """The logistic function."""
    return 1 / (1 + np.exp(-z))


@cache
def theory(name: str) -> float:
    """The factor per layer of a wide net: √(n Var w · E φ′(z)²) with z ~ N(0, q), q = E φ(z)²."""
    if CASES[name].activation == "relu":
        return 1.0 if CASES[name].initializer == "he" else sqrt(0.5)
    q = 1.0
    for _ in range(ITERATIONS):
        q = mean(lambda z: sigmoid(z) ** 2, q)
    return sqrt(mean(lambda z: (sigmoid(z) * (1 - sigmoid(z))) ** 2, q))


def factor(name: str) -> float:
    """The measured factor per layer: the slope of a straight line through the logarithms."""
    found = norms(name)[::-1]
    return float(np.exp(np.polyfit(np.arange(LAYERS), np.log(found), 1)[0]))


def first_over_last(name: str) -> float:
    """What arrives at the first layer, of what is there at the last."""
    return float(norms(name)[0] / norms(name)[-1])


def numbers() -> list[Claim]:
    """Measured factors beside the theory."""
    half = 2 ** (-(LAYERS - 1) / 2)
    he = "He et al. 2015, section 2.2"
    return [
        Claim("depth", "sigmoid: factor per layer", 0.234, factor("sigmoid"), 0.003,
              "Hochreiter 1991; the last digit depends on width and inputs"),
        Claim("depth", "sigmoid: the same over the theory of wide layers", 1.0,
              factor("sigmoid") / theory("sigmoid"), 0.005, "Schoenholz et al. 2017, equation 6"),
        Claim("depth", "sigmoid: factor per layer, at most ¼", 0.25, factor("sigmoid"), 0.0,
              "Hochreiter 1991", at_most=True),
        Claim("depth", "rectifier, He: first over last layer", 1.2, first_over_last("he"), 0.6,
              he),
        Claim("depth", "rectifier, 1/n: first over last layer, ×10⁵ (theory 4.3)", 4.3,
              1e5 * first_over_last("lecun"), 2.5, he),
        Claim("depth", "the ratio of the two, over √½ to the 29th", 1.0,
              first_over_last("lecun") / first_over_last("he") / half, 1e-10,
              "a rectifier is homogeneous"),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """‖∂L/∂a‖ against the layer, measured and by theory."""
    colours = {"he": ACCENT[dark], "lecun": INK[dark], "sigmoid": muted(dark)}
    layers = np.arange(1, LAYERS + 1)
    with use_style(dark):
        figure, axes = plt.subplots()
        axes.set_yscale("log")
        for name, case in CASES.items():
            measured, colour = norms(name) / norms(name)[-1], colours[name]
            axes.plot(layers, theory(name) ** (LAYERS - layers), color=colour, linewidth=5,
                      alpha=0.28, linestyle=(0, (1.6, 0.7)))  # fmt: skip
            axes.plot(layers, measured, color=colour, linewidth=1.6)
            label(axes, name, case.words, colour)
        axes.set_xlim(1, LAYERS)
        axes.set_ylim(1e-19, 1e3)
        axes.set_xticks([1, 10, 20, LAYERS], ["first", "10", "20", "last"])
        axes.set_yticks([1e-18, 1e-12, 1e-6, 1])
        axes.set_xlabel("layer  (the signal comes from the right)")
        axes.set_ylabel("‖∂L/∂a‖, relative to the last layer")
        axes.set_title(PAGE.title)
    return figure


# Where each label stands, and at which end of its text.
PLACES = {"he": (1.6, 25.0), "lecun": (1.6, 2.2e-7), "sigmoid": (10.2, 3e-15)}


def label(axes: Axes, name: str, words: str, colour: str) -> None:
    """The measured factor beside that of the theory."""
    text = f"{words}: × {factor(name):.3f} per layer (theory {theory(name):.3f})"
    axes.text(*PLACES[name], text, color=colour, fontsize=9, va="center", ha="left")


if __name__ == "__main__":
    show(draw)
