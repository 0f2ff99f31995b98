"""The signal goes deep only at the edge of chaos
==============================================

In a wide net of tanh with random weights N(0, σ_w²/n) and biases N(0, σ_b²), the cotangent is
multiplied by √χ at every layer on its way back, and χ is an integral over a normal distribution.
Below the critical σ_w the net is ordered: all inputs come to look alike and the signal vanishes.
Above it is chaos: neighbours part, and the signal explodes.  Only at χ = 1 does it go through any
depth.  Dots are nets, measured; lines are the integral.
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
from diffkit.plots.signal import loose_grid
from diffkit.plots.style import INK, muted, use_style
from diffkit.plots.training import ACCENT

SOURCE = "Schoenholz et al. 2017, equations 3, 6 and 8"
PAGE = Page(
    name="edge-of-chaos",
    chapter="How the learning signal flows",
    title="The signal goes deep only at the edge of chaos",
    concepts=("learning signal", "vanishing gradient", "exploding gradient", "initialisation"),
    question="Which σ_w would you choose for a net of a hundred layers?",
    try_this='dk.signal.critical_weights("tanh", 0.05**0.5) ** 2',
    source=SOURCE,
    alt="Left: the factor per layer rises with the width of the weights and crosses one at the "
    "edge of chaos, dots of measured nets on the lines of theory. Right: the signal over "
    "the layers grows, stays or shrinks.",
)

LAYERS, WIDTH, BATCH = 16, 320, 4
BIASES = (0.05**0.5, 0.6)
WEIGHTS = (0.8, 1.1, 1.4, 1.8, 2.4, 3.0)
LINE = np.linspace(0.6, 3.2, 80)
CRITICAL = 1.76  # σ_w² at σ_b² = 0.05


@cache
def norms(weight_std: float, bias_std: float) -> np.ndarray:
    """‖∂L/∂h‖ at every layer, first to last, for inputs of the variance they would come to."""
    rng = np.random.default_rng(7)
    q = dk.signal.mean_field("tanh", weight_std, bias_std).q
    ws = rng.normal(0.0, weight_std / WIDTH**0.5, (LAYERS, WIDTH, WIDTH))
    bs = rng.normal(0.0, bias_std, (LAYERS, WIDTH))
    direction = rng.normal(size=(BATCH, WIDTH))

    def score(h: Any) -> Any:
        for layer in range(LAYERS):
            h = dk.probe(f"h{layer}", np.tanh(h) @ ws[layer] + bs[layer])
        return np.sum(h * direction)

    probes = dk.value_and_grad(score, probes=True)(rng.normal(0, q**0.5, (BATCH, WIDTH)))[2]
    return np.array([np.linalg.norm(probes[f"h{layer}"].cotangent) for layer in range(LAYERS)])


def factor(weight_std: float, bias_std: float) -> float:
    """What the cotangent is multiplied by per layer, measured."""
    found = norms(weight_std, bias_std)
    return float((found[0] / found[-1]) ** (1 / (LAYERS - 1)))


@cache
def critical(bias_std: float) -> float:
    """The σ_w at which χ = 1."""
    return dk.signal.critical_weights("tanh", bias_std)


def theory(weight_std: float, bias_std: float) -> float:
    """√χ."""
    return dk.signal.mean_field("tanh", weight_std, bias_std).factor


def numbers() -> list[Claim]:
    """Nets beside the integral, and the critical point."""
    pairs = [(factor(w, b), theory(w, b)) for w in WEIGHTS for b in BIASES]
    return [
        Claim("edge-of-chaos", "critical σ_w² at σ_b² = 0.05", CRITICAL, critical(BIASES[0]) ** 2,
              0.005, "the critical point of tanh that later papers of the authors use"),
        Claim("edge-of-chaos", "largest deviation of a net's factor from √χ", 0.0,
              max(abs(found / wanted - 1) for found, wanted in pairs), 0.06, SOURCE),
        Claim("edge-of-chaos", "factor per layer of a net at the critical point", 1.0,
              factor(critical(BIASES[0]), BIASES[0]), 0.03, SOURCE),
        Claim("edge-of-chaos", "first over last layer at σ_w = 0.8: at most √χ to the 15th, × 2",
              2 * theory(0.8, BIASES[0]) ** (LAYERS - 1),
              float(norms(0.8, BIASES[0])[0] / norms(0.8, BIASES[0])[-1]), 0.0, SOURCE,
              at_most=True),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """The factor per layer against σ_w; the signal through three nets."""
    with use_style(dark):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.2, 4.05), width_ratios=(1.15, 1))
        factor_panel(left, dark)
        depth_panel(right, dark)
        figure.suptitle(PAGE.title, x=0.01, ha="left", fontweight="bold")
    return figure


def factor_panel(axes: Axes, dark: bool) -> None:
    """√χ by theory, and measured."""
    axes.axhline(1.0, color=muted(dark), linewidth=0.9)
    for bias_std, colour in zip(BIASES, (ACCENT[dark], INK[dark]), strict=True):
        axes.plot(LINE, [theory(w, bias_std) for w in LINE], color=colour, linewidth=4, alpha=0.3)
        axes.plot(WEIGHTS, [factor(w, bias_std) for w in WEIGHTS], "o", color=colour, markersize=5)
        axes.plot([critical(bias_std)] * 2, [0.5, 1.0], color=colour, linewidth=1,
                  linestyle=(0, (2, 2)))  # fmt: skip
    axes.text(1.98, 1.27, r"$\sigma_b^2 = 0.05$", color=ACCENT[dark], ha="right")
    axes.text(2.5, 1.1, r"$\sigma_b^2 = 0.36$", color=INK[dark])
    axes.text(0.63, 1.03, "chaos: it explodes", color=muted(dark), fontsize=9)
    axes.text(3.17, 0.95, "order: it vanishes", color=muted(dark), fontsize=9, ha="right")
    axes.set(xlim=(0.6, 3.2), ylim=(0.5, 1.6),
             xlabel=r"$\sigma_w$  (weights have the standard deviation $\sigma_w/\sqrt{n}$)",
             ylabel="factor per layer, √χ")  # fmt: skip


def depth_panel(axes: Axes, dark: bool) -> None:
    """‖∂L/∂h‖ through three nets."""
    layers = np.arange(1, LAYERS + 1)
    axes.set_yscale("log")
    loose_grid(axes)
    labels = []
    cases = {"order": 0.8, "edge": critical(BIASES[0]), "chaos": 2.4}
    for words, weight_std in cases.items():
        colour = ACCENT[dark] if words == "edge" else INK[dark]
        found = norms(weight_std, BIASES[0])
        axes.plot(layers, found / found[-1], color=colour)
        labels.append(
            (1.0, found[0] / found[-1], rf"{words}, $\sigma_w = {weight_std:.2f}$", colour)
        )
    axes.set(xlim=(LAYERS, 1), ylim=(1e-3, 1e3))
    axes.set_xticks([LAYERS, 10, 5, 1], ["last", "10", "5", "first"])
    for _, y, words, colour in labels:
        axes.text(1.4, y * (0.3 if y < 0.1 else 2.2), words, color=colour, ha="right", fontsize=9)
    axes.set_xlabel("layer  (the signal runs to the right)")
    axes.set_ylabel("‖∂L/∂h‖ over that at the last")


if __name__ == "__main__":
    show(draw)
