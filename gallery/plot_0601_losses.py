"""Squared error pulls without bound, the other losses by 1 at most
================================================================

A loss turns a score into one number; its slope is what flows back.  Squared error pulls the harder
the larger the error, so one outlier rules; absolute error and Huber's loss pull with 1 at the most;
cross-entropy pulls with at most 1 too, and lets go of an example that is right.  The hinge lets go
altogether, at a margin.  Scores of 0 say "every class is equally likely", and cross-entropy is then
ln C for C classes: the first number that a training should print.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, METHODS_STYLE, muted, use_style

PAGE = Page(
    name="losses",
    chapter="Losses",
    title="Squared error pulls without bound, the other losses by 1 at most",
    concepts=("loss", "logit", "cross-entropy", "learning signal"),
    question="Which loss would you take for data with a few wild outliers?",
    try_this="dk.grad(dk.losses.huber())(np.array([-4.0]), np.array([1.0]))",
    source="the definitions; Huber 1964, Cortes & Vapnik 1995",
    alt="Six losses against the score, each with its slope: the slope of the squared error "
    "grows without bound, those of the other five stay between minus one and one.",
)

SCORES = np.linspace(-4.0, 4.0, 401)
CLASSES = 10
JUMP = 0.25  # between neighbouring scores: no line is drawn across it


def one_of(classes: int) -> Callable[[Any], Any]:
    """Cross-entropy when the right class of so many has score z, and the others 0."""

    def cross_entropy(z: Any) -> Any:
        scores = np.stack([z] + [0.0 * z] * (classes - 1))
        return dk.losses.cross_entropy(scores[None], np.array([0]))

    return cross_entropy


def against_one(loss: Any) -> Callable[[Any], Any]:
    """A loss of the score z when the target is 1."""
    return lambda z: loss(np.stack([z]), np.ones(1))


LOSSES: dict[str, Callable[[Any], Any]] = {
    "squared error": against_one(dk.losses.mse),
    "absolute error": against_one(dk.losses.mae),
    "Huber": against_one(dk.losses.huber()),
    "binary cross-entropy": against_one(dk.losses.bce_with_logits),
    "cross-entropy, 10 classes": one_of(CLASSES),
    "hinge": against_one(dk.losses.hinge),
}


@cache
def curves(name: str) -> tuple[np.ndarray, np.ndarray]:
    """The loss and its slope at all scores, by reverse mode."""
    both = dk.value_and_grad(LOSSES[name])
    pairs = [both(z) for z in SCORES]
    return tuple(np.array(found, dtype=float) for found in zip(*pairs, strict=True))  # type: ignore[return-value]


def initial(classes: int) -> float:
    """The cross-entropy of scores that are all zero: a classifier that has learned nothing."""
    labels = np.arange(2 * classes) % classes
    return float(dk.losses.cross_entropy(np.zeros((labels.size, classes)), labels))


def numbers() -> list[Claim]:
    """Initial cross-entropies, and the strongest pull of each loss."""
    pulls = {name: float(np.max(np.abs(curves(name)[1]))) for name in LOSSES}
    others = [pull for name, pull in pulls.items() if name != "squared error"]
    two, binary = (dk.value_and_grad(f) for f in (one_of(2), LOSSES["binary cross-entropy"]))
    gap = np.max(np.abs([np.subtract(two(z), binary(z)) for z in SCORES[::20]]))
    return [
        Claim("losses", "cross-entropy of 3 equal scores", 1.0986, initial(3), 5e-5, "ln 3"),
        Claim("losses", "cross-entropy of 10 equal scores", 2.3026, initial(10), 5e-5, "ln 10"),
        Claim("losses", "pull of squared error at z = −4", 10.0, pulls["squared error"], 0.0,
              "2 (1 − z)"),
        Claim("losses", "strongest pull of the other five", 1.0, max(others), 0.0, "their slopes",
              at_most=True),
        Claim("losses", "pull of cross-entropy at equal scores, 10 classes", 0.9,
              -float(np.interp(0.0, SCORES, curves("cross-entropy, 10 classes")[1])), 1e-12,
              "1 − 1/C"),
        Claim("losses", "cross-entropy of two classes minus the binary one", 1e-15, float(gap), 0.0,
              "the same formula", at_most=True),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """Six losses, each with its slope."""
    with use_style(dark):
        figure, grid = plt.subplots(2, 3, figsize=(9.4, 4.9), sharex=True, sharey=True)
        for place, (name, axes) in enumerate(zip(LOSSES, grid.flat, strict=True)):
            panel(axes, name, dark)
            if place >= 3:
                axes.set_xlabel("score z (target 1)")
        label_first(grid[0, 0], dark)
        mark_initial(grid[1, 1], dark)
        figure.suptitle(PAGE.title, x=0.01, ha="left", fontweight="bold")
    return figure


def panel(axes: Axes, name: str, dark: bool) -> None:
    """One loss in ink, its slope in the colour of reverse mode."""
    loss, slope = curves(name)
    reverse = METHODS_STYLE["reverse"]
    axes.axhline(0.0, color=muted(dark), linewidth=0.8)
    axes.plot(SCORES, loss, color=INK[dark])
    jumps = np.abs(np.diff(slope, append=slope[-1])) > JUMP
    axes.plot(SCORES, np.where(jumps, np.nan, slope), color=reverse.colour(dark))
    axes.set(xlim=(SCORES[0], SCORES[-1]), ylim=(-3.2, 5.4), yticks=[-2, 0, 2, 4])
    axes.set_title(name, fontsize=10, fontweight="normal", pad=4)


def label_first(axes: Axes, dark: bool) -> None:
    """Which line is which, once."""
    axes.text(-0.9, 4.5, "loss", color=INK[dark], fontsize=9.5)
    axes.text(0.15, -2.5, "slope", color=METHODS_STYLE["reverse"].text_colour(dark), fontsize=9.5)


def mark_initial(axes: Axes, dark: bool) -> None:
    """Equal scores."""
    axes.plot(0, initial(CLASSES), "o", color=INK[dark], markersize=7)
    axes.text(0.3, initial(CLASSES) + 0.25, f"ln 10 = {initial(CLASSES):.4f}", fontsize=9)


if __name__ == "__main__":
    show(draw)
