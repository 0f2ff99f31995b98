"""What a net looks for first: edges, twice as often as chance
===========================================================

A convolutional net has learned the digits.  Its sixteen first filters began as faint noise, a
twelfth of what they became, so what one sees in them was put there by the learning signal.  Below
each stands the map of what it finds in one digit it has never seen: some filters answer to a left
or an upper edge of the stroke, some to its body, some to the paper beside it.  Of all patterns that
3 × 3 weights can show, two in nine are slopes, across and down; the learned filters give these
slopes twice their share.
"""

from __future__ import annotations

from functools import cache

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import signal
from scipy.fft import dctn

from diffkit.plots.learned import SIDE, learned_digits, unseen_digits
from diffkit.plots.nets import panel_words, plot_grey, plot_image, plot_map, side_by_side
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import muted, use_style

SOURCE = "LeCun et al. 1998; Zeiler & Fergus 2014"
PAGE = Page(
    name="filters",
    chapter="Convolution and CNNs",
    title="What a net looks for first: edges, twice as often as chance",
    concepts=("CNN", "convolution", "filter", "feature map"),
    question="What do the first layer's filters look for?",
    try_this="diffkit train digits --model cnn --out run",
    source=SOURCE,
    alt="A handwritten 4 at the left. Beside it sixteen filters of 3 × 3 red and blue weights, "
    "most of them dark on one side and light on the other, and below each the map of where "
    "in the digit it answers: along left, right, upper or lower edges of the strokes.",
)

DIGIT = 4
ACROSS = 8  # filters in a line
BY_CHANCE = 2 / 9  # two of the nine patterns of the cosine transform are slopes


def digit() -> np.ndarray:
    """A digit that the net has not seen."""
    x, y = unseen_digits()
    return x[int(np.flatnonzero(y == DIGIT)[0])].reshape(SIDE, SIDE)


def shares(filters: np.ndarray) -> np.ndarray:
    """How a filter's squared weights divide into the nine patterns of the cosine transform."""
    energy = np.asarray(dctn(filters, axes=(1, 2), norm="ortho")) ** 2
    return energy / energy.sum(axis=(1, 2), keepdims=True)


def slopes(filters: np.ndarray) -> np.ndarray:
    """The share of a slope, across or down, in each filter."""
    found = shares(filters)
    return found[:, 0, 1] + found[:, 1, 0]


@cache
def order() -> np.ndarray:
    """The filters from the purest edge down."""
    return np.argsort(-slopes(learned_digits().filters()))


def by_hand() -> np.ndarray:
    """The feature maps as the definition has them."""
    learned = learned_digits()
    bias = learned.params["conv1"]["b"]
    return np.maximum(0.0, [
        signal.correlate2d(digit(), kernel, mode="same") + bias[place]
        for place, kernel in enumerate(learned.filters())
    ])  # fmt: skip


def random_share() -> float:
    """The share of slopes in ten thousand random filters."""
    return float(slopes(np.random.default_rng(0).normal(size=(10_000, 3, 3))).mean())


def numbers() -> list[Claim]:
    """Edges, accuracy, and a feature map by hand."""
    learned = learned_digits()
    before, after = learned.filters(0), learned.filters()
    return [
        Claim("filters", "share of slopes in the filters, mean", 0.44, float(slopes(after).mean()),
              0.05, "this training"),
        Claim("filters", "the same for 10,000 random filters: 2/9", BY_CHANCE, random_share(),
              0.005, "two of nine patterns"),
        Claim("filters", "first size of the filters over their last, at most", 0.1,
              float(np.linalg.norm(before) / np.linalg.norm(after)), 0.0, "they began faint",
              at_most=True),
        Claim("filters", "feature maps minus SciPy's correlations, rectified, largest", 0.0,
              float(np.abs(learned.maps(digit()) - by_hand()).max()), 1e-14, "the definition"),
        Claim("filters", "share of the test digits wrong", 0.03,
              1 - float(learned.net.accuracy(learned.params, *unseen_digits())), 0.0,
              "this training, of a net that starts faint", at_most=True),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """The digit; filters in the order of their edges, and below each its map."""
    learned = learned_digits()
    filters, maps = learned.filters()[order()], learned.maps(digit())[order()]
    with use_style(dark):
        figure = plt.figure(figsize=(10.6, 5.6))
        left, right = side_by_side(figure, (1, 4.2))
        place = left.add_axes((0.06, 0.36, 0.86, 0.4))
        plot_grey(digit(), place, dark=dark)
        panel_words(place, "a digit it has\nnot seen", dark=dark)
        axes = right.subplots(4, ACROSS)
        for number, (kernel, found) in enumerate(zip(filters, maps, strict=True)):
            row, column = 2 * (number // ACROSS), number % ACROSS
            plot_image(kernel, axes[row, column], dark=dark)
            plot_map(found, axes[row + 1, column], dark=dark)
        explain(axes[:, 0], dark)
        share = f"{slopes(filters).mean():.2f} of the filters is slope; by chance {BY_CHANCE:.2f}"
        figure.text(0.995, 0.985, share, ha="right", va="top", color=muted(dark), fontsize=9)
        figure.suptitle(PAGE.title, x=0.005, ha="left", fontsize=12, fontweight="bold")
    return figure


def explain(first: list[Axes], dark: bool) -> None:
    """What the lines of panels are."""
    panel_words(
        first[0], "eight filters with most of a slope: red adds, blue takes away", dark=dark
    )
    panel_words(first[1], "where they answer in the digit", dark=dark)
    panel_words(first[2], "the other eight", dark=dark)
    panel_words(first[3], "where they answer", dark=dark)


if __name__ == "__main__":
    show(draw)
