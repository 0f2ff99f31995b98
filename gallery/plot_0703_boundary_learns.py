"""The loss rests while the cut is straight and falls as it bends
==============================================================

A moving picture.  On the left a net 2-16-16-1 learns to tell two moons apart: the colour is its
probability, the line is where that is one half.  On the right is the loss after as many epochs.  In
the first epochs the cut is straight, and the loss comes to rest on the level of the best straight
cut.  Then the line bends into the two gaps, and the loss falls by a factor of ten; after that the
line hardly moves, and the loss falls slowly, as the net becomes more certain.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.animation import last_frame
from diffkit.plots.nets import plot_boundary
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, muted, use_style
from diffkit.plots.training import ACCENT

PAGE = Page(
    name="boundary-learns",
    chapter="Gradient descent and learning rates",
    title="The loss rests while the cut is straight and falls as it bends",
    concepts=("neural network", "decision boundary", "training", "loss"),
    question="What does the loss do while the line is still straight?",
    try_this="diffkit train two-moons --model mlp --hidden 16,16 --out moons",
    source="Rumelhart, Hinton & Williams 1986; data after scikit-learn's make_moons",
    alt="Left: two moons of points and the curved border between the two classes. Right: the "
    "loss against the epoch rests on the level of the best straight cut, then falls.",
)

EPOCHS, BATCH, RATE, SEED = 160, 20, 0.01, 1
MOMENTS = (
    0, 1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 27, 30, 34, 40, 50, 65, 85, 115, 160,
)  # fmt: skip
STRAIGHT, BENT = 10, 40  # epochs: the cut is straight; both gaps are found
NET = dk.nets.mlp([2, 16, 16, 1], activation="tanh")
LOSS = NET.with_loss(dk.losses.bce_with_logits)
LINE = dk.nets.mlp([2, 1])


@lru_cache(maxsize=1)
def moons() -> tuple[np.ndarray, np.ndarray]:
    """The points and their moons."""
    data = dk.datasets.two_moons(200, noise=0.09, seed=SEED)
    return data.x, data.y


@lru_cache(maxsize=1)
def course() -> tuple[list[Any], np.ndarray]:
    """The parameters before training and after every epoch, and their losses on all points."""
    found = [NET.init(SEED)]
    dk.train(
        LOSS, found[0], moons(), optimizer=dk.optim.adam(dk.schedules.cosine(RATE)),
        batch_size=BATCH, epochs=EPOCHS, seed=SEED, on_epoch=lambda run: found.append(run.params),
    )  # fmt: skip
    return found, np.array([float(LOSS(params, *moons())) for params in found])


@lru_cache(maxsize=1)
def best_line() -> float:
    """The loss of the best straight cut: logistic regression."""
    loss = LINE.with_loss(dk.losses.bce_with_logits)
    run = dk.train(loss, LINE.init(0), moons(), optimizer=dk.optim.adam(0.1), epochs=300)
    return float(loss(run.params, *moons()))


def numbers() -> list[Claim]:
    """The level of a line, the drop, and the end."""
    params, losses = course()
    drops = np.log(losses[:-1] / losses[1:])
    wrong = 1 - float(NET.accuracy(params[-1], *moons()))
    return [
        Claim("boundary-learns", "loss after 10 epochs over that of the best straight cut", 1.0,
              losses[STRAIGHT] / best_line(), 0.1, "logistic regression"),
        Claim("boundary-learns", "loss after 40 epochs over loss after 10", 0.1,
              losses[BENT] / losses[STRAIGHT], 0.0, "this training", at_most=True),
        Claim("boundary-learns", "fall of log loss per epoch after the bends, over during them",
              0.5, float(drops[BENT:].mean() / drops[STRAIGHT:BENT].mean()), 0.0,
              "this training", at_most=True),
        Claim("boundary-learns", "points on the wrong side at the end", 0,
              round(wrong * len(moons()[1])), 0.0, "200 points"),
    ]  # fmt: skip


def frames(dark: bool = False, moments: Sequence[int] = MOMENTS) -> Iterator[Figure]:
    """One frame for each moment: the boundary, and the loss up to it."""
    x, y = moons()
    params, losses = course()
    with use_style(dark):
        figure, (plane, curve) = plt.subplots(
            1, 2, figsize=(8.6, 3.7), gridspec_kw={"width_ratios": (1.45, 1)}
        )
        figure.suptitle(PAGE.title, x=0.005, ha="left", fontsize=12, fontweight="bold")
        curve.axhline(best_line(), color=muted(dark), linewidth=1.2, linestyle=(0, (5, 3)))
        curve.annotate("the best straight cut", (EPOCHS, best_line()), xytext=(0, 4), ha="right",
                       textcoords="offset points", color=muted(dark), fontsize=9)  # fmt: skip
        curve.set(yscale="log", xlim=(-4, EPOCHS + 4), ylim=(losses.min() / 1.5, 1.2),
                  xlabel="epoch", ylabel="cross-entropy")  # fmt: skip
        (line,) = curve.plot([], [], color=INK[dark])
        (dot,) = curve.plot([], [], "o", color=ACCENT[dark], markersize=9)
        for moment in moments:
            plane.clear()

            def probability(points: Any, at: Any = params[moment]) -> Any:
                return 1 / (1 + np.exp(-np.asarray(NET(at, points))[:, 0]))

            plot_boundary(probability, x, y, plane, dark=dark, size=13)
            right = float(NET.accuracy(params[moment], x, y))
            epochs = "1 epoch" if moment == 1 else f"{moment} epochs"
            words = f"after {epochs}" if moment else "before training"
            plane.annotate(f"{words}: {right:.0%} right", (0, 1), xytext=(0, 5), fontsize=10,
                           xycoords="axes fraction", textcoords="offset points",
                           color=muted(dark))  # fmt: skip
            line.set_data(np.arange(moment + 1), losses[: moment + 1])
            dot.set_data([moment], [losses[moment]])
            yield figure


def draw(dark: bool = False) -> Figure:
    """The last frame."""
    return last_frame(frames(dark, MOMENTS[-1:]))


if __name__ == "__main__":
    show(draw)
