"""Blank three pixels that saliency names, and half of the digits are lost
=======================================================================

Saliency is the derivative of a score by every pixel; times the pixel's ink it says, to first order,
how much of the score would go if that pixel were blank.  If this is true, blanking the pixels it
names must hurt most.  It does: without three of 64 pixels, chosen like this, the net has fewer than
half of the unseen digits right.  Without three inked pixels at random it hardly notices, and
blanking those that saliency counts against the digit does no harm at all.
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
from diffkit.plots.style import INK, muted, use_style
from diffkit.plots.training import ACCENT

SOURCE = "Simonyan, Vedaldi & Zisserman 2014; Samek et al. 2017"
PAGE = Page(
    name="saliency",
    chapter="Convolution and CNNs",
    title="Blank three pixels that saliency names, and half of the digits are lost",
    concepts=("CNN", "saliency", "gradient"),
    question="Which pixels make this a 3?",
    try_this="worth()[unseen_digits()[1] == 3][0].reshape(8, 8).round(2)",
    source=SOURCE,
    alt="Five digits, and below each a map of red and blue pixels: red on the strokes that make "
    "the digit what it is. At the right, the share of digits right against the number of "
    "blanked pixels: it falls steeply for the pixels that saliency names, slowly for random "
    "ones, and not at all for those that it counts against the digit.",
)

CLASSES, FEW, MOST = 10, 3, 16  # pixels
SHOWN = (0, 3, 4, 8, 9)
TRIALS = 3
STEP = 1e-5


def score(x: Any, label: Any) -> Any:
    """The score of a class, before the softmax, summed over the images."""
    learned = learned_digits()
    own = label[:, None] == np.arange(CLASSES)
    return np.sum(np.where(own, learned.net(learned.params, x), 0.0))


@cache
def worth() -> np.ndarray:
    """Ink times the derivative of the score of its class, for every pixel of every unseen digit."""
    x, y = unseen_digits()
    return x * dk.grad(score)(x, y)


def right_without(order: np.ndarray, count: int) -> float:
    """The share of unseen digits right when the first pixels of an order are blank."""
    x, y = unseen_digits()
    blank = x.copy()
    np.put_along_axis(blank, order[:, :count], 0.0, axis=1)
    learned = learned_digits()
    return float(learned.net.accuracy(learned.params, blank, y))


@cache
def course(kind: str) -> np.ndarray:
    """The share right without 0 … 16 pixels: named by saliency, at random, or those against."""
    x, _ = unseen_digits()
    orders = {
        "named": [np.argsort(-worth(), axis=1)],
        "against": [np.argsort(worth(), axis=1)],
        "random": [np.argsort(np.random.default_rng(k).uniform(size=x.shape) - (x > 0), axis=1)
                   for k in range(TRIALS)],
    }  # fmt: skip
    counts = range(MOST + 1)
    return np.array([np.mean([right_without(o, n) for o in orders[kind]]) for n in counts])


def differences() -> float:
    """How far the sum of the worths is from the slope of the score as all ink fades."""
    x, y = unseen_digits()
    faded = float(score(x * (1 + STEP), y) - score(x * (1 - STEP), y)) / (2 * STEP)
    return abs(faded / float(worth().sum()) - 1)


def numbers() -> list[Claim]:
    """What blanking does, and that saliency is the derivative."""
    return [
        Claim("saliency", f"share right without {FEW} pixels that saliency names, at most", 0.5,
              float(course("named")[FEW]), 0.0, SOURCE, at_most=True),
        Claim("saliency", f"share right without {FEW} inked pixels at random", 0.925,
              float(course("random")[FEW]), 0.04, "mean of three draws"),
        Claim("saliency", f"share right without the {FEW} pixels most against the digit",
              0.97, float(course("against")[FEW]), 0.0, "this net", at_least=True),
        Claim("saliency", "Σ pixel · saliency over the slope of the score in the ink, minus 1", 0.0,
              differences(), 1e-6, "Euler; by a difference"),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """Digits and what every pixel is worth; what blanking does."""
    x, y = unseen_digits()
    chosen = [int(np.flatnonzero(y == label)[0]) for label in SHOWN]
    with use_style(dark):
        figure = plt.figure(figsize=(10.6, 4.1))
        left, right = side_by_side(figure, (1.5, 1))
        axes = left.subplots(2, len(SHOWN))
        for row, (top, below) in zip(chosen, axes.T, strict=True):
            plot_grey(x[row].reshape(SIDE, SIDE), top, dark=dark)
            plot_image(worth()[row].reshape(SIDE, SIDE), below, dark=dark)
        panel_words(axes[0, 0], "digits it has not seen", dark=dark)
        panel_words(axes[1, 0], "pixel · ∂score/∂pixel: red is for the digit, blue against it",
                    dark=dark)  # fmt: skip
        curves(right.subplots(), dark)
        figure.suptitle(PAGE.title, x=0.005, ha="left", fontsize=12, fontweight="bold")
    return figure


def curves(axes: Axes, dark: bool) -> None:
    """The share right against the number of blank pixels."""
    lines = (
        ("against", "those against the digit", muted(dark), "s", (6.3, 102.0)),
        ("random", "inked pixels\nat random", INK[dark], "o", (10.6, 74.0)),
        ("named", "those that\nsaliency names", ACCENT[dark], "D", (3.6, 43.0)),
    )
    for kind, words, colour, marker, place in lines:
        axes.plot(100 * course(kind), color=colour, marker=marker, markersize=4)
        axes.text(*place, words, color=colour, fontsize=9.5)
    axes.set(xlim=(0, MOST), ylim=(0, 108), xlabel="pixels blanked, of 64",
             ylabel="digits right, %")  # fmt: skip


if __name__ == "__main__":
    show(draw)
