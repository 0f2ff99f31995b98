"""The mean gradient hides its makers: wrong labels pull hardest
=============================================================

The gradient of a loss is the mean of one gradient for each example, and the mean is all that
training sees.  ``dk.vmap(dk.grad(loss))`` gives them one by one.  Near the minimum they cancel:
each pulls, and the sum stands still.  Those that pull hardest are worth a look: ten labels of two
hundred were swapped here, and eight of them stand among
the ten longest gradients.
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
from diffkit.plots.style import INK, muted, use_style
from diffkit.plots.training import ACCENT

SOURCE = (
    "Koh & Liang 2017, Understanding black-box predictions via influence functions, section 5.4"
)
PAGE = Page(
    name="per-example-gradients",
    chapter="Gradient descent and learning rates",
    title="The mean gradient hides its makers: wrong labels pull hardest",
    concepts=("gradient", "stochastic gradient descent", "mini-batch", "learning signal"),
    question="Why does a gradient of length zero not mean that every example is content?",
    try_this="dk.vmap(dk.grad(loss), (None, 0, 0))(weights(), *data()[:2])",
    source=SOURCE,
    alt="Left: the gradients of two hundred examples as points in the plane of two weights, most "
    "near the middle, those with swapped labels mostly far out, and their mean at zero. Right: the "
    "lengths in falling order, with eight of the swapped ones among the first ten.",
)

N, SWAPPED, DISTANCE = 200, 10, 1.6
STEPS = 40


@cache
def data() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points of two clouds, their labels, and which of these were swapped."""
    rng = np.random.default_rng(0)
    y = np.repeat([0.0, 1.0], N // 2)
    x = rng.normal(size=(N, 2)) + DISTANCE * (2 * y[:, None] - 1) * np.array([1.0, 0.6])
    wrong = np.isin(np.arange(N), rng.choice(N, SWAPPED, replace=False))
    return x, np.where(wrong, 1 - y, y), wrong


def loss(w: Any, x: Any, y: Any) -> Any:
    """Logistic regression on one example, or on many."""
    return dk.losses.bce_with_logits(x @ w, y)


def mean_loss(w: Any) -> Any:
    """The loss of all examples."""
    x, y, _ = data()
    return loss(w, x, y)


@cache
def weights() -> np.ndarray:
    """The minimum, by Newton's steps."""
    w = np.zeros(2)
    for _ in range(STEPS):
        w = w - np.linalg.solve(dk.hessian(mean_loss)(w), dk.grad(mean_loss)(w))
    return w


@cache
def gradients() -> np.ndarray:
    """The gradient of each example alone at the minimum, one per row, in one sweep."""
    x, y, _ = data()
    alone = dk.grad(lambda w, x, y: loss(w, x[None], y[None]))
    return dk.vmap(alone, (None, 0, 0))(weights(), x, y)


@cache
def found() -> np.ndarray:
    """How many of the swapped labels are among the first k by the length of the gradient."""
    order = np.argsort(-np.linalg.norm(gradients(), axis=1))
    return np.cumsum(data()[2][order])


def numbers() -> list[Claim]:
    """The mean, what cancels, and who pulls."""
    lengths = np.linalg.norm(gradients(), axis=1)
    x, y, wrong = data()
    w = weights() + 0.1
    full = dk.grad(mean_loss)(w)
    rows = dk.vmap(dk.grad(lambda w, x, y: loss(w, x[None], y[None])), (None, 0, 0))(w, x, y)
    return [
        Claim("per-example-gradients", "mean of all minus the gradient, relative", 1e-14,
              float(np.linalg.norm(rows.mean(0) - full) / np.linalg.norm(full)), 0.0,
              "differentiation is linear", at_most=True),
        Claim("per-example-gradients", "length of the mean at the minimum", 1e-14,
              float(np.linalg.norm(gradients().mean(0))), 0.0, "∇ = 0", at_most=True),
        Claim("per-example-gradients", "mean length of one example there", 0.2,
              float(lengths.mean()), 0.005, "computed here"),
        Claim("per-example-gradients", "swapped labels among the ten longest", 8,
              int(found()[SWAPPED - 1]), 0.0, "computed here"),
        Claim("per-example-gradients", "share of the swapped in the squared lengths", 0.81,
              float(np.sum(lengths[wrong] ** 2) / np.sum(lengths**2)), 0.25, "computed here"),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """Gradients in the plane of the weights, and their lengths in order."""
    with use_style(dark):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4.3))
        cloud(left, dark)
        lengths(right, dark)
        figure.suptitle(PAGE.title, x=0.01, ha="left", fontweight="bold")
    return figure


def cloud(axes: Axes, dark: bool) -> None:
    """One point for the gradient of each example, and their mean."""
    wrong, rows = data()[2], gradients()
    axes.plot(*rows[~wrong].T, "o", color=muted(dark), markersize=4, alpha=0.6)
    for x, y in rows[wrong]:
        axes.plot([0, x], [0, y], color=ACCENT[dark], linewidth=1.2)
    axes.plot(*rows[wrong].T, "o", color=ACCENT[dark], markersize=6)
    axes.plot(0, 0, "+", color=INK[dark], markersize=16, markeredgewidth=2.2)
    axes.annotate("mean: 0", (0, 0), (-0.15, -0.62), color=INK[dark], fontsize=9, ha="right",
                  arrowprops={"arrowstyle": "-", "color": INK[dark], "shrinkB": 6})  # fmt: skip
    axes.text(0.99, 0.02, "ten swapped labels", color=ACCENT[dark], fontsize=9.5, ha="right",
              transform=axes.transAxes)  # fmt: skip
    axes.set(xlabel="∂ℓ/∂w₁ of one example", ylabel="∂ℓ/∂w₂ of one example")
    axes.set_aspect("equal", "datalim")
    axes.set_title("one point for the gradient of each example", fontsize=10, fontweight="normal",
                   pad=4)  # fmt: skip


def lengths(axes: Axes, dark: bool) -> None:
    """Lengths in falling order, the swapped ones marked."""
    size = np.linalg.norm(gradients(), axis=1)
    order = np.argsort(-size)
    wrong = data()[2][order]
    rank = np.arange(1, N + 1)
    axes.vlines(rank, 0, size[order], color=muted(dark), linewidth=1.0, alpha=0.7)
    axes.vlines(rank[wrong], 0, size[order][wrong], color=ACCENT[dark], linewidth=2.0)
    first = int(found()[SWAPPED - 1])
    axes.text(SWAPPED + 4, size[order][2], f"{first} of the {SWAPPED} longest are swapped labels",
              color=ACCENT[dark], fontsize=9.5, va="center")  # fmt: skip
    axes.set_title("their lengths, in falling order", fontsize=10, fontweight="normal", pad=4)
    axes.set(xlabel="example, by its pull", ylabel="length of its gradient", xlim=(-1, N + 1))


if __name__ == "__main__":
    show(draw)
