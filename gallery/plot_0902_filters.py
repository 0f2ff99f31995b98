"""Push a digit against its saliency, and the net is fooled
========================================================

A convolutional net has learned the digits; its sixteen filters of 3 × 3 weights began as noise and
were changed by the learning signal alone.  On the right are digits it has never seen, and below
each its saliency: the derivative of the score of its class by every pixel.  Ink on red would raise
the score, ink on blue would lower it.  A change of the pixels against this map makes nine digits in
ten look like another class to the net; a change of the same length in a random direction hardly
ever does.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.nets import bare, plot_image
from diffkit.plots.pages import Claim, Page
from diffkit.plots.style import muted, use_style

PAGE = Page(
    name="filters",
    chapter="Convolution and CNNs",
    title="Push a digit against its saliency, and the net is fooled",
    concepts=("CNN", "convolution", "filter", "saliency", "gradient"),
    question="Which pixels would make the 3 an 8?",
    try_this="diffkit train digits --model cnn --out run",
    source="LeCun et al. 1998; Simonyan, Vedaldi & Zisserman 2014",
)

CHANNELS, CLASSES, SIDE = (16, 32), 10, 8
EPOCHS, BATCH, RATE = 20, 32, 0.01
SHOWN = (0, 3, 4, 8, 9)  # one test digit of each of these classes
PUSH = 1.2  # the length of a change of the pixels, whose values are between 0 and 1
STEP = 1e-6
TRIALS = 20
WIDTH, HEIGHT, HEAD = 9.65, 3.82, 0.63  # of the figure, and of its headings, in inches


@lru_cache(maxsize=1)
def trained() -> tuple[Any, Any]:
    """The net and its parameters."""
    x, _, y, _ = dk.datasets.digits().split()
    net = dk.nets.cnn((SIDE, SIDE, 1), CHANNELS, CLASSES)
    run = dk.train(
        net.with_loss(dk.losses.cross_entropy), net.init(0), (x, y), batch_size=BATCH,
        optimizer=dk.optim.adam(dk.schedules.one_cycle(RATE)), epochs=EPOCHS,
    )  # fmt: skip
    return net, run.params


def unseen() -> tuple[np.ndarray, np.ndarray]:
    """The digits that the net has not seen."""
    _, x, _, y = dk.datasets.digits().split()
    return x, y


def score(x: Any, label: Any) -> Any:
    """The score of a class, before the softmax, summed over the images."""
    net, params = trained()
    return np.sum(np.where(label[:, None] == np.arange(CLASSES), net(params, x), 0.0))


saliency_of = dk.grad(score)


@lru_cache(maxsize=1)
def saliency() -> np.ndarray:
    """The derivative of the score of its class by every pixel, for all test digits."""
    x, y = unseen()
    return saliency_of(x, y)


def directions() -> np.ndarray:
    """The saliency of each digit as a unit vector."""
    return saliency() / np.linalg.norm(saliency(), axis=1, keepdims=True)


def right_after(change: np.ndarray) -> float:
    """The share of test digits right after a change of their pixels."""
    net, params = trained()
    x, y = unseen()
    return net.accuracy(params, x + change, y)


def random_push() -> float:
    """The share right after changes of the same length in random directions."""
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(TRIALS):
        noise = rng.normal(size=saliency().shape)
        shares.append(right_after(PUSH * noise / np.linalg.norm(noise, axis=1, keepdims=True)))
    return float(np.mean(shares))


def directional() -> float:
    """The rise of the scores along their saliency, by a difference, over its norm."""
    x, y = unseen()
    up = float(score(x + STEP * directions(), y) - score(x - STEP * directions(), y))
    return up / (2 * STEP) / float(np.linalg.norm(saliency(), axis=1).sum())


def shift_error() -> float:
    """How far the first layer's maps of a shifted image are from the shifted maps, inside."""
    net, params = trained()
    image = np.zeros((1, SIDE, SIDE, 1))
    image[0, 2:6, 2:5, 0] = np.random.default_rng(0).uniform(size=(4, 3))
    first = net.layers[0]
    maps = first(params["conv1"], image)
    moved = first(params["conv1"], np.roll(image, 1, axis=2))
    return float(np.abs(np.roll(maps, 1, axis=2) - moved)[:, :, 1:-1].max())


def numbers() -> list[Claim]:
    """Accuracy, what saliency means, and equivariance."""
    net, params = trained()
    plain = right_after(np.zeros_like(saliency()))
    before = net.init(0)["conv1"]["w"]
    moved = np.linalg.norm(params["conv1"]["w"] - before) / np.linalg.norm(before)
    return [
        Claim("filters", "share of the test digits wrong", 0.02, 1 - plain, 0.0,
              "goal for the median of five seeds", at_most=True),
        Claim("filters", "rise of the score along its saliency over ‖saliency‖", 1.0,
              directional(), 1e-4, "the gradient is the steepest direction"),
        Claim("filters", f"right after a push of {PUSH} against the saliency", 0.25,
              right_after(-PUSH * directions()), 0.0, "Szegedy et al. 2014", at_most=True),
        Claim("filters", "wrong after a push of the same length at random", 0.05,
              1 - random_push(), 0.0, "Szegedy et al. 2014", at_most=True),
        Claim("filters", "change of the filters over their first size", 0.5, float(moved), 0.2,
              "this training"),
        Claim("filters", "shifted image against shifted maps, largest difference inside", 0.0,
              shift_error(), 0.0, "convolution commutes with shifts"),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """The filters on the left; digits and their saliency on the right."""
    _, params = trained()
    filters = params["conv1"]["w"][:, :, 0, :]
    x, y = unseen()
    chosen = [int(np.flatnonzero(y == label)[0]) for label in SHOWN]
    with use_style(dark):
        figure = plt.figure(figsize=(WIDTH, HEIGHT))
        figure.set_layout_engine("none")  # the places are computed here
        left = squares(figure, 4, 4, x=0.1, side=0.72, gap=0.07, line_gap=0.07)
        right = squares(figure, 2, len(SHOWN), x=3.55, side=1.15, gap=0.06, line_gap=0.79)
        limit = float(np.abs(filters).max())
        for i in range(filters.shape[-1]):
            axes = left[i]
            plot_image(filters[:, :, i], axes, dark=dark, limit=limit)
            if i == 0:
                axes.set_title(PAGE.title, pad=24)
                above(axes, "the 16 filters of the first layer", dark)
        for place, row in enumerate(chosen):
            axes, below = right[place], right[place + len(SHOWN)]
            axes.imshow(x[row].reshape(SIDE, SIDE), cmap="gray" if dark else "gray_r")
            bare(axes)
            plot_image(saliency()[row].reshape(SIDE, SIDE), below, dark=dark)
            if place == 0:
                above(axes, "digits it has not seen", dark)
                above(below, "∂ score of its class / ∂ pixel: red up, blue down", dark)
    return figure


def squares(
    figure: Figure, lines: int, columns: int, x: float, side: float, gap: float, line_gap: float
) -> list[Axes]:
    """Square panels of one size, hung from one line: ``x``, ``side`` and gaps in inches."""
    top = HEIGHT - HEAD
    places = [
        (x + column * (side + gap), top - side - line * (side + line_gap))
        for line in range(lines)
        for column in range(columns)
    ]
    return [
        figure.add_axes((a / WIDTH, b / HEIGHT, side / WIDTH, side / HEIGHT)) for a, b in places
    ]


def above(axes: Axes, words: str, dark: bool) -> None:
    """A remark above the left edge of a panel."""
    axes.annotate(words, (0, 1), xycoords="axes fraction", xytext=(0, 5), fontsize=9.5,
                  textcoords="offset points", color=muted(dark), annotation_clip=False)  # fmt: skip


if __name__ == "__main__":
    draw()
    plt.show()
