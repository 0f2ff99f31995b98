"""A push against the gradient fools the net; noise of the same length does not
============================================================================

How far is the right score of a net ahead of the next best?  Take the derivative by every pixel and
change all pixels a little against it: to us the picture stays the digit it was, and the net says
something else.  Nine digits in ten fall to a push of length 1, as long as from paper to ink in a
single pixel.  A random change of that length loses one in a hundred: in 64 dimensions a
random direction has next to nothing of the one that matters.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.learned import SIDE, learned_digits, unseen_digits
from diffkit.plots.nets import panel_words, plot_grey, plot_image, side_by_side
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, use_style
from diffkit.plots.training import ACCENT

SOURCE = "Szegedy et al. 2014; Goodfellow, Shlens & Szegedy 2015"
PAGE = Page(
    name="fooled",
    chapter="Convolution and CNNs",
    title="A push against the gradient fools the net; noise of the same length does not",
    concepts=("CNN", "saliency", "gradient", "adversarial example"),
    question="Which small change makes the net call this 4 something else?",
    try_this="net = dk.nets.cnn(); params = net.init(0); x = np.ones((1, 64)); "
    "g = dk.grad(lambda x: net(params, x)[0, 3])(x); net(params, x - g / np.linalg.norm(g))[0, 3]",
    source=SOURCE,
    alt="Five digits; below each the change of its pixels in red and blue, and below that the "
    "sum, which a reader still recognises but the net calls another digit. At the right, "
    "the share of digits right against the length of the change: it falls below a tenth for "
    "the gradient's direction and hardly falls for random ones of the same length.",
)

CLASSES, PUSH = 10, 1.0
LENGTHS = np.linspace(0.0, 2.0, 11)
SHOWN = (0, 3, 4, 8, 9)
TRIALS = 5


def margin(x: Any, label: Any) -> Any:
    """The score of the class over the largest other one, summed over the images."""
    learned = learned_digits()
    scores = learned.net(learned.params, x)
    own = label[:, None] == np.arange(CLASSES)
    others = np.max(np.where(own, -np.inf, scores), axis=1)
    return np.sum(np.sum(np.where(own, scores, 0.0), axis=1) - others)


@cache
def directions() -> np.ndarray:
    """The direction in which each unseen digit loses its margin fastest, of length 1."""
    gradient = dk.grad(margin)(*unseen_digits())
    return -gradient / np.linalg.norm(gradient, axis=1, keepdims=True)


@cache
def noise() -> tuple[np.ndarray, ...]:
    """Random directions of length 1."""
    rng = np.random.default_rng(0)
    found = [rng.normal(size=directions().shape) for _ in range(TRIALS)]
    return tuple(d / np.linalg.norm(d, axis=1, keepdims=True) for d in found)


def answers(change: np.ndarray) -> np.ndarray:
    """What the net says of the unseen digits after a change of their pixels."""
    learned = learned_digits()
    return np.asarray(learned.net.predict(learned.params, unseen_digits()[0] + change))


def right(length: float, ways: tuple[np.ndarray, ...]) -> float:
    """The share right after a change of this length, mean over the ways."""
    labels = unseen_digits()[1]
    return float(np.mean([np.mean(answers(length * way) == labels) for way in ways]))


def overlap() -> float:
    """The mean absolute cosine between a random direction and the gradient's."""
    return float(np.mean([np.abs((way * directions()).sum(axis=1)) for way in noise()]))


def numbers() -> list[Claim]:
    """The push, noise of the same length, and why."""
    return [
        Claim("fooled", f"share right after a push of {PUSH} against the gradient", 0.1,
              right(PUSH, (directions(),)), 0.0, SOURCE, at_most=True),
        Claim("fooled", "share right after random changes of the same length", 0.95,
              right(PUSH, noise()), 0.0, SOURCE, at_least=True),
        Claim("fooled", "mean |cosine| of a random direction and the gradient's",
              float(np.sqrt(2 / (np.pi * SIDE**2))), overlap(), 0.01, "√(2/πn) for n = 64"),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """Digit, change and sum; the share right against the length."""
    x, y = unseen_digits()
    chosen = [int(np.flatnonzero(y == label)[0]) for label in SHOWN]
    said = answers(PUSH * directions())
    with use_style(dark):
        figure = plt.figure(figsize=(10.6, 5.3))
        left, side = side_by_side(figure, (1.25, 1))
        axes = left.subplots(3, len(SHOWN))
        for row, (top, middle, below) in zip(chosen, axes.T, strict=True):
            image, change = (a[row].reshape(SIDE, SIDE) for a in (x, PUSH * directions()))
            plot_grey(image, top, dark=dark)
            plot_image(change, middle, dark=dark, limit=0.5)
            plot_grey(image + change, below, dark=dark)
            below.set_xlabel(f"“{said[row]}”", fontsize=12, color=ACCENT[dark], fontweight="bold")
        words = ("digits it has not seen",
                 "a change of length 1: red adds ink, blue takes it away",
                 "their sum, and what the net says of it")  # fmt: skip
        for ax, remark in zip(axes[:, 0], words, strict=True):
            panel_words(ax, remark, dark=dark)
        curves(side.subplots(), dark)
        figure.suptitle(PAGE.title, x=0.005, ha="left", fontsize=12, fontweight="bold")
    return figure


def curves(axes: Axes, dark: bool) -> None:
    """The share right against the length of the change."""
    for ways, colour, marker, words, place in (
        (noise(), INK[dark], "o", "random directions", (1.1, 98)),
        ((directions(),), ACCENT[dark], "D", "against\nthe gradient", (0.75, 50)),
    ):
        values = [100 * right(float(length), ways) for length in LENGTHS]
        axes.plot(LENGTHS, values, color=colour, marker=marker, markersize=5, clip_on=False)
        axes.text(*place, words, color=colour, fontsize=10)
    axes.set(xlim=(0, LENGTHS[-1]), ylim=(0, 105), xlabel="length of the change, ‖Δx‖",
             ylabel="digits right, %")  # fmt: skip


if __name__ == "__main__":
    show(draw)
