"""Smoothing pulls back what is too sure; focal loss lets go of what is right
==========================================================================

Cross-entropy pulls the score of the right class with 1 − p: hard while it is wrong, and softly for
ever after, so that scores go on growing.  Two repairs tilt this line.  Label smoothing shares
ε among the classes, so that of two the right one is asked for 1 − ε/2 in place of 1: past that the
pull turns round.  Focal loss multiplies by (1 − p)ᵞ: examples that are nearly right hardly count,
so that a thousand easy ones do not drown a hard one.
"""

from __future__ import annotations

from functools import cache

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, METHODS_STYLE, muted, use_style
from diffkit.plots.training import ACCENT

SOURCE = "Szegedy et al. 2016; Lin et al. 2017"
PAGE = Page(
    name="tilted-losses",
    chapter="Losses",
    title="Smoothing pulls back what is too sure; focal loss lets go of what is right",
    concepts=("loss", "cross-entropy", "label smoothing", "focal loss"),
    question="Which of the three would you take if one label in twenty were wrong?",
    try_this="dk.grad(dk.losses.Focal(gamma=5.0))(np.array([[2.0, 0.0]]), np.array([0]))",
    source=SOURCE,
    alt="Pull on the right score against its probability. Cross-entropy is a straight falling "
    "line; smoothed, it lies lower and crosses zero before one; focal loss starts above it and "
    "ends close to zero.",
)

SMOOTHING, GAMMA = 0.2, 2.0
LABEL = np.array([0])
PROBABILITIES = np.linspace(0.01, 0.99, 99)
LOSSES = {
    "cross-entropy": dk.losses.cross_entropy,
    "smoothed": dk.losses.CrossEntropy(label_smoothing=SMOOTHING),
    "focal": dk.losses.Focal(gamma=GAMMA),
}


def pull_at(name: str, p: float) -> float:
    """How strongly the loss raises the right one of two scores, at its probability."""
    scores = np.array([[np.log(p / (1 - p)), 0.0]])
    return -float(dk.grad(LOSSES[name])(scores, LABEL)[0, 0])


@cache
def pulls(name: str) -> np.ndarray:
    """The pull at all probabilities."""
    return np.array([pull_at(name, float(p)) for p in PROBABILITIES])


def numbers() -> list[Claim]:
    """The lines, against their formulas."""
    p = PROBABILITIES
    factor = (1 - p) ** GAMMA - GAMMA * p * (1 - p) ** (GAMMA - 1) * np.log(p)
    expected = {
        "cross-entropy": 1 - p, "smoothed": 1 - SMOOTHING / 2 - p, "focal": factor * (1 - p),
    }  # fmt: skip
    worst = [float(np.abs(pulls(name) - line).max()) for name, line in expected.items()]
    return [
        Claim("tilted-losses", "pull minus 1 − p, 1 − ε/2 − p and the focal one, largest", 1e-14,
              max(worst), 0.0, SOURCE, at_most=True),
        Claim("tilted-losses", "smoothed: pull at p = 1 − ε/2, where it turns round", 0.0,
              pull_at("smoothed", 1 - SMOOTHING / 2), 1e-15, "two classes share ε"),
        Claim("tilted-losses", "focal over cross-entropy at p = 0.9", 0.029,
              pull_at("focal", 0.9) / pull_at("cross-entropy", 0.9), 0.0005,
              "(1 − p)² − 2p(1 − p) ln p"),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """The pull of each loss against the probability of the right class."""
    with use_style(dark):
        figure, axes = plt.subplots(figsize=(8.0, 4.4))
        axes.set(xlim=(0, 1), ylim=(-0.24, 1.25), xlabel="probability p of the right class",
                 ylabel="pull on its score, −∂L/∂z")  # fmt: skip
        axes.axhline(0.0, color=muted(dark), linewidth=1)
        orange = METHODS_STYLE["reverse"]
        plot(axes, "cross-entropy", INK[dark], (0.36, 0.685), "cross-entropy: 1 − p", INK[dark])
        plot(axes, "smoothed", ACCENT[dark], (0.02, 0.5),
             "smoothing ε = 0.2:\nturns round at 1 − ε/2", ACCENT[dark])  # fmt: skip
        plot(axes, "focal", orange.colour(dark), (0.4, 0.1), "focal, γ = 2:\nlets go",
             orange.text_colour(dark))  # fmt: skip
        turn = 1 - SMOOTHING / 2
        axes.plot(turn, 0.0, "o", color=ACCENT[dark], markersize=7)
        low = turn <= PROBABILITIES
        axes.fill_between(PROBABILITIES[low], pulls("smoothed")[low], 0.0, color=ACCENT[dark],
                          alpha=0.25, linewidth=0)  # fmt: skip
        axes.annotate("pulled back", (0.955, -0.05), (0.8, -0.1), color=ACCENT[dark], fontsize=9.5,
                      ha="center", va="center")  # fmt: skip
        axes.set_title(PAGE.title)
    return figure


def plot(
    axes: Axes, name: str, colour: str, place: tuple[float, float], words: str, ink: str
) -> None:
    """A line and its words."""
    axes.plot(PROBABILITIES, pulls(name), color=colour)
    side = "right" if name == "focal" else "left"
    axes.text(*place, words, color=ink, fontsize=9.5, ha=side)


if __name__ == "__main__":
    show(draw)
