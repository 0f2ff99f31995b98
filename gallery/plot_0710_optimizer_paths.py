"""Fifteen ways down one valley: only those that learn its curvature go straight
=============================================================================

Gradient descent goes down the steepest way, which in a narrow valley is across it, so it zigzags
along the floor.  Momentum adds up what the steps have in common.  Adaptive methods give each
coordinate a rate of its own, which helps as far as the valley lies along the axes; this one does
not.  L-BFGS and Newton-CG see the curvature and are there in a handful of updates, each of which
costs several gradients.  Every path starts at the dot; the number is the count of updates until
the loss stays below a thousandth of the first.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.optim.full_batch import FullBatch
from diffkit.plots.optim import descent, draw_path, draw_valley
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, muted, use_style
from diffkit.plots.training import ACCENT

SOURCE = "Nocedal & Wright 2006; the papers in docs/optimizers.md"
PAGE = Page(
    name="optimizer-paths",
    chapter="Gradient descent and learning rates",
    title="Fifteen ways down one valley: only those that learn its curvature go straight",
    concepts=("gradient descent", "momentum", "adaptive rates", "curvature", "learning rate"),
    question="Turn the valley: which paths only turn with it, and which change?",
    try_this="trained_path(dk.optim.lbfgs(memory=1)).round(3)  # what does a short memory cost?",
    source=SOURCE,
    alt="Fifteen small maps of one narrow valley with the path of an optimizer in each: "
    "zigzags, overshooting curves and, for the methods that know the curvature, almost "
    "straight lines. A number counts the updates.",
)

KAPPA, ANGLE = 50.0, np.deg2rad(25.0)
TURN = np.array([[np.cos(ANGLE), -np.sin(ANGLE)], [np.sin(ANGLE), np.cos(ANGLE)]])
MATRIX = TURN @ np.diag([1.0, KAPPA]) @ TURN.T
START = np.array([-1.55, -0.05])
STEPS, GOAL = 400, 1e-3
SPAN = ((-1.85, 1.0), (-1.55, 0.75))
LEVELS = np.geomspace(0.004, 40, 11).tolist()
kit = dk.optim

# Rates that do well in this valley, found by trying.
SHOWN: dict[str, Any] = {
    "gradient descent": kit.gradient_descent(0.037),
    "momentum": kit.sgd(0.05, 0.6),
    "Nesterov": kit.nesterov(0.02, 0.85),
    "Adagrad": kit.adagrad(0.8),
    "RMSProp": kit.rmsprop(0.02, share=0.9),
    "RMSProp, momentum": kit.rmsprop(0.01, share=0.9, momentum=0.5),
    "Adadelta": kit.adadelta(2.0, share=0.99, eps=1e-4),
    "Adam": kit.adam(0.2),
    "Nadam": kit.nadam(0.12),
    "AMSGrad": kit.amsgrad(0.2),
    "Lion": kit.lion(0.02),
    "clipped values": kit.clip_values(kit.sgd(0.05, 0.6), 2.0),
    "clipped norm": kit.clip_norm(kit.sgd(0.05, 0.6), 2.0),
    "L-BFGS": kit.lbfgs(),
    "Newton-CG": kit.newton_cg(),
}


def valley(x: Any) -> Any:
    """½ xᵀAx for points ``(2, …)``."""
    return 0.5 * np.einsum("i...,ij,j...->...", x, MATRIX, x)


@cache
def path(name: str) -> np.ndarray:
    """All points of one optimizer."""
    optimizer = SHOWN[name]
    if isinstance(optimizer, FullBatch):
        return trained_path(optimizer)
    return descent(optimizer, lambda x: MATRIX @ x, START, STEPS)


def trained_path(optimizer: FullBatch, updates: int = 12) -> np.ndarray:
    """The points of an optimizer that asks for the loss, from a training of each length."""
    loss = lambda w, x: 0.5 * np.sum(w * (MATRIX @ w)) + 0.0 * np.sum(x)  # noqa: E731
    data = (np.zeros(1),)
    ends = [dk.train(loss, START, data, optimizer=optimizer, epochs=n).params
            for n in range(1, updates)]  # fmt: skip
    return np.array([START, *ends])


@cache
def arrival(name: str) -> int:
    """Updates until the loss stays below a thousandth of the first, or all of them."""
    losses = valley(path(name).T)
    above = np.flatnonzero(losses > GOAL * losses[0])
    return int(above[-1]) + 1


def length(name: str) -> float:
    """The length of the path over the distance from the start to the minimum."""
    steps = np.diff(path(name)[: arrival(name) + 1], axis=0)
    return float(np.linalg.norm(steps, axis=1).sum() / np.linalg.norm(START))


def numbers() -> list[Claim]:
    """Who arrives when, and how far they went."""
    counts = {name: arrival(name) for name in SHOWN}
    lion = np.abs(np.diff(path("Lion"), axis=0))
    adam = np.abs(np.diff(path("Adam"), axis=0)[0])
    return [
        Claim("optimizer-paths", "updates of momentum over those of gradient descent", 0.5,
              counts["momentum"] / counts["gradient descent"], 0.0, "Polyak 1964", at_most=True),
        Claim("optimizer-paths", "updates of L-BFGS and Newton-CG", (10.0, 3.0),
              [counts["L-BFGS"], counts["Newton-CG"]], 0.0, SOURCE, at_most=True),
        Claim("optimizer-paths", "steps of Lion, shortest and longest coordinate", (0.02, 0.02),
              [float(lion.min()), float(lion.max())], 1e-12, "the rate, always"),
        Claim("optimizer-paths", "first step of Adam, both coordinates", (0.2, 0.2),
              adam.tolist(), 1e-6, "Kingma & Ba 2015, section 2.1"),
        Claim("optimizer-paths", "all arrive within 400 updates", float(STEPS - 1),
              float(max(counts.values())), 0.0, SOURCE, at_most=True),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """A panel for each."""
    with use_style(dark):
        figure, grid = plt.subplots(3, 5, figsize=(11.0, 5.8))
        for name, axes in zip(SHOWN, grid.flat, strict=True):
            panel(axes, name, dark)
        figure.suptitle(PAGE.title, x=0.012, ha="left", fontsize=12, fontweight="bold")
        figure.text(0.992, 0.985, "number: updates to a thousandth of the loss", fontsize=9,
                    ha="right", va="top", color=muted(dark))  # fmt: skip
    return figure


def panel(axes: Axes, name: str, dark: bool) -> None:
    """One path over the valley."""
    straight = isinstance(SHOWN[name], FullBatch)
    colour = ACCENT[dark] if straight else INK[dark]
    draw_valley(axes, valley, SPAN, LEVELS, dark=dark)
    draw_path(axes, path(name)[: arrival(name) + 1], colour, dark=dark)
    axes.set_title(name, fontsize=9.5, fontweight="normal")
    axes.text(0.97, 0.05, f"{arrival(name)}", transform=axes.transAxes, ha="right", fontsize=12,
              fontweight="bold", color=INK[dark])  # fmt: skip


if __name__ == "__main__":
    show(draw)
