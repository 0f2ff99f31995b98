"""One example is a noisy compass; all examples are an exact one
=============================================================

A line is fitted to sixty points, and the landscape is its mean squared error over slope and
intercept.  All three paths look at the same number of examples, 480.  With the whole data set
behind every step there are eight steps, straight down the slope.  Mini-batches of eight make 64
steps of the same work and waver a little; single examples make 480 and never come to rest, because
the data disagree.  On average all three point the same way: the mean of the gradients of single
examples is the gradient of the whole.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.nets import plot_levels
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, muted, use_style
from diffkit.plots.training import ACCENT
from diffkit.training.batches import Batches

SOURCE = "Robbins & Monro 1951; Bottou, Curtis & Nocedal 2018, section 4"
PAGE = Page(
    name="paths",
    chapter="Gradient descent and learning rates",
    title="One example is a noisy compass; all examples are an exact one",
    concepts=("gradient descent", "stochastic gradient descent", "mini-batch", "loss landscape"),
    question="What would the paths look like with a rate that falls?",
    try_this="diffkit train two-moons --batch-size 1 --out run",
    source=SOURCE,
    alt="Contour lines of a loss with three paths from one start: eight straight steps with all "
    "examples, a slightly wavering path with batches of eight, and a path of single "
    "examples that never comes to rest round the minimum.",
)

N, EPOCHS, SEED, RATE = 60, 8, 3, 0.12
START = np.array([-1.2, 1.6])
SIZES = {"all 60 examples": N, "batches of 8": 8, "single examples": 1}
NOISE_SIZES = (1, 2, 4, 8, 16, 32)
DRAWS = 6000
LIMITS = (-1.65, 2.6, -1.75, 2.1)


@lru_cache(maxsize=1)
def points() -> tuple[np.ndarray, np.ndarray]:
    """Sixty points around a line of slope 1.3 and intercept −0.5."""
    rng = np.random.default_rng(SEED)
    x = rng.uniform(-1.2, 1.6, N)
    return x, 1.3 * x - 0.5 + rng.normal(0.0, 0.7, N)


def loss(w: Any, x: Any, y: Any) -> Any:
    """The mean squared error of a line."""
    return np.mean((w[0] * x + w[1] - y) ** 2)


gradient = dk.grad(loss)


@cache
def path(size: int) -> np.ndarray:
    """The parameters before and after every update."""
    x, y = points()
    optimizer, w = dk.optim.sgd(RATE), START
    found, state, batches = [w], optimizer.init(w), Batches(N, size, EPOCHS, SEED)
    for epoch in range(EPOCHS):
        for rows in batches.epoch(epoch):
            w, state = optimizer.update(gradient(w, x[rows], y[rows]), state, w, len(found) - 1)
            found.append(w)
    return np.array(found)


def trained(size: int) -> np.ndarray:
    """The end of the same path by dk.train."""
    run = dk.train(loss, START, points(), optimizer=dk.optim.sgd(RATE), batch_size=size,
                   epochs=EPOCHS, seed=SEED)  # fmt: skip
    return run.params


def minimum() -> np.ndarray:
    """The bottom of the landscape, by least squares."""
    x, y = points()
    return np.linalg.lstsq(np.stack([x, np.ones(N)], axis=1), y, rcond=None)[0]


def single_gradients(w: np.ndarray) -> np.ndarray:
    """The gradient of each example alone."""
    x, y = points()
    return np.array([gradient(w, x[i : i + 1], y[i : i + 1]) for i in range(N)])


def noise_slope() -> float:
    """The slope of the gradient's variance over the batch size, on logarithmic axes."""
    singles, rng = single_gradients(START), np.random.default_rng(SEED)
    variances = []
    for size in NOISE_SIZES:
        means = singles[rng.integers(0, N, (DRAWS, size))].mean(axis=1)
        variances.append(means.var(axis=0).sum())
    return float(np.polyfit(np.log(NOISE_SIZES), np.log(variances), 1)[0])


def numbers() -> list[Claim]:
    """The mean of the gradients, their noise, and where the paths end."""
    x, y = points()
    full, bottom = gradient(START, x, y), minimum()
    mean = single_gradients(START).mean(axis=0)
    away = {size: float(np.linalg.norm(path(size)[-1] - bottom)) for size in SIZES.values()}
    steps = [len(path(size)) - 1 for size in SIZES.values()]
    same = max(float(np.abs(path(size)[-1] - trained(size)).max()) for size in SIZES.values())
    hessian = 2 * np.array([[np.mean(x * x), np.mean(x)], [np.mean(x), 1.0]])
    matrix = np.linalg.matrix_power(np.eye(2) - RATE * hessian, EPOCHS)
    return [
        Claim("paths", "mean of the single gradients minus the full one, relative", 0.0,
              float(np.linalg.norm(mean - full) / np.linalg.norm(full)), 1e-14, "linearity"),
        Claim("paths", "slope of the gradient's variance over the batch size", -1.0,
              noise_slope(), 0.03, "independent draws: variance σ²/B"),
        Claim("paths", "steps for the same 480 examples", [8, 64, 480], steps, 0.0,
              "60 examples, 8 epochs; 7 full batches of 8 and one of 4"),
        Claim("paths", "full batch: distance from the closed form (I − ηH)ᵗ", 0.0,
              float(np.abs(path(N)[-1] - bottom - matrix @ (START - bottom)).max()), 1e-13,
              "the landscape is a quadratic"),
        Claim("paths", "left after 8 epochs, batches of 8 over full batch", 0.5,
              away[8] / away[N], 0.0, "more steps for the same work", at_most=True),
        Claim("paths", "these paths against dk.train", 0.0, same, 0.0, "same seed, same bits"),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """The landscape and the three paths."""
    x, y = points()
    colours = {1: muted(dark), 8: ACCENT[dark], N: INK[dark]}
    look = {1: (0.7, 0.0, 0.75), 8: (1.6, 2.5, 1.0), N: (2.2, 5.5, 1.0)}
    bottom = minimum()
    least = float(loss(bottom, x, y))

    def height(w: np.ndarray) -> np.ndarray:
        return np.mean((w[:, :1] * x + w[:, 1:] - y) ** 2, axis=1)

    with use_style(dark):
        figure, axes = plt.subplots(figsize=(7.2, 5.6))
        levels = least + np.array([0.03, 0.12, 0.3, 0.6, 1.1, 1.8, 2.8, 4.2, 6.0, 8.5])
        plot_levels(height, axes, LIMITS, list(levels), dark=dark)
        for size in (1, 8, N):
            width, marker, alpha = look[size]
            axes.plot(*path(size).T, color=colours[size], linewidth=width, alpha=alpha,
                      marker="o", markersize=marker, solid_joinstyle="round")  # fmt: skip
        axes.plot(*START, "o", color=INK[dark], markersize=8)
        axes.plot(*bottom, marker="+", color=INK[dark], markersize=14, markeredgewidth=2)
        axes.annotate("start", tuple(START), xytext=(-8, 8), textcoords="offset points", ha="right",
                      fontsize=9.5)  # fmt: skip
        for (place, text), size in zip(PLACES, (N, 8, 1), strict=True):
            box = {"facecolor": axes.get_facecolor(), "linewidth": 0, "pad": 2}
            axes.text(*place, text, color=colours[size], fontsize=9.5, va="center", bbox=box)
        axes.set_aspect("equal")
        axes.set(xlim=LIMITS[:2], ylim=LIMITS[2:], xlabel="slope", ylabel="intercept")
        axes.set_title(PAGE.title)
    return figure


# Where the words stand, the full batch first.
PLACES = (
    ((-0.65, 1.75), "all 60 examples:\n8 steps"),
    ((0.55, 1.2), "batches of 8:\n64 steps"),
    ((1.55, 0.35), "single examples:\n480 steps"),
)


if __name__ == "__main__":
    show(draw)
