"""The old rule loses √3 per layer, Xavier's keeps the signal
==========================================================

The rule of the eighties draws weights from ±1/√n, which gives them a third of the variance that n
inputs need; in a linear net the learning signal then shrinks by 1/√3 at every layer.  Xavier's
rule draws from ±√(6/(n + m)), and keeps it.  With tanh both lose some more, since a tanh has slopes
below 1: 0.54 per layer under the old rule and 0.82 under Xavier's, a thousand units wide.
"""

from __future__ import annotations

from functools import cache
from math import sqrt

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.signal import loose_grid
from diffkit.plots.style import INK, label_lines, muted, use_style
from diffkit.plots.training import ACCENT

SOURCE = "Glorot & Bengio 2010, equations 1 and 16"
PAGE = Page(
    name="first-weights",
    chapter="How the learning signal flows",
    title="The old rule loses √3 per layer, Xavier's keeps the signal",
    concepts=("learning signal", "initialisation", "vanishing gradient"),
    question="What is left after ten layers under each rule?",
    try_this="3**-0.5, (3**-0.5) ** 10",
    source=SOURCE,
    alt="Learning signal against the layer for two rules of first weights: level for linear "
    "layers under Xavier's rule, falling a little for tanh, and falling steeply under the "
    "old rule.",
)

LAYERS, WIDTH, BATCH = 5, 1000, 10
RULES = {"classic": "old rule", "xavier": "Xavier"}
KINDS = {"identity": "linear", "tanh": "tanh"}
EXPECTED = {("identity", "classic"): 1 / sqrt(3), ("identity", "xavier"): 1.0,
            ("tanh", "classic"): 0.54, ("tanh", "xavier"): 0.80}  # fmt: skip


@cache
def norms(activation: str, rule: str) -> np.ndarray:
    """‖∂L/∂a‖ at the inputs and at every layer, over that at the last."""
    layers = [dk.nets.dense(WIDTH, activation, initializer=rule)] * LAYERS
    net, rng = dk.nets.sequential(layers, WIDTH), np.random.default_rng(1)
    x, direction = rng.normal(size=(BATCH, WIDTH)), rng.normal(size=(BATCH, WIDTH))
    params = net.init(0)
    watched = dk.value_and_grad(lambda x: np.sum(net(params, x) * direction), probes=True)
    _, x_bar, probes = watched(x)
    found = [x_bar, *(probes[name].cotangent for name in net.names)]
    sizes = np.array([np.linalg.norm(bar) for bar in found])
    return sizes / sizes[-1]


def factor(activation: str, rule: str) -> float:
    """What is left of the signal per layer."""
    return float(norms(activation, rule)[0] ** (1 / LAYERS))


def numbers() -> list[Claim]:
    """Four factors."""
    pairs = {kind: [(kind, rule) for rule in RULES] for kind in KINDS}
    return [
        Claim("first-weights", "linear layers, factor per layer: old rule, Xavier",
              [EXPECTED[pair] for pair in pairs["identity"]],
              [factor(*pair) for pair in pairs["identity"]], 0.02, SOURCE),
        Claim("first-weights", "tanh layers: old rule, Xavier",
              [EXPECTED[pair] for pair in pairs["tanh"]],
              [factor(*pair) for pair in pairs["tanh"]], 0.02, "a thousand units, five layers"),
        Claim("first-weights", "linear: Xavier's factor over that of the old rule", sqrt(3),
              factor("identity", "xavier") / factor("identity", "classic"), 0.03,
              "three times the variance"),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """The signal through five layers, four times."""
    layers = np.arange(LAYERS + 1)
    colours = {"classic": INK[dark], "xavier": ACCENT[dark]}
    with use_style(dark):
        figure, axes = plt.subplots()
        axes.set(yscale="log", xlim=(LAYERS, 0), ylim=(0.03, 1.6))
        loose_grid(axes)
        labels = []
        for kind, words in KINDS.items():
            for rule, name in RULES.items():
                found = norms(kind, rule)
                dashes = "-" if kind == "identity" else (0, (4, 2))
                if kind == "identity":
                    theory = EXPECTED[kind, rule] ** (LAYERS - layers)
                    axes.plot(layers, theory, color=colours[rule], linewidth=6, alpha=0.25)
                axes.plot(layers, found, color=colours[rule], linestyle=dashes, marker="o",
                          markersize=4)  # fmt: skip
                text = f"{words}, {name}:\n× {factor(kind, rule):.2f} per layer"
                labels.append((0, float(found[0]), text, colours[rule]))
        axes.set_xticks(layers, ["inputs", *map(str, layers[1:-1]), "last"])
        axes.set_yticks([0.05, 0.1, 0.2, 0.5, 1.0], ["0.05", "0.1", "0.2", "0.5", "1"])
        axes.set_yticks([], minor=True)
        axes.set_xlabel("layer  (the signal runs to the right)")
        axes.set_ylabel("‖∂L/∂a‖ over that at the last layer")
        axes.text(0.02, 0.05, "wide lines: 1 and 1/√3 per layer", transform=axes.transAxes,
                  color=muted(dark), fontsize=9)  # fmt: skip
        axes.set_title(PAGE.title)
        label_lines(axes, labels)
    return figure


if __name__ == "__main__":
    show(draw)
