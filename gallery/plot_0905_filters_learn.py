"""A filter turns in its first epoch and then only grows
=====================================================

A moving picture.  Sixteen filters of 3 × 3 weights begin as noise too faint to be seen, yet this
noise says which of them will become which edge.  The learning signal comes back from the scores
through two layers and two poolings and turns them: after one epoch of twelve, at an eighth of
their size, they point almost where they will point at the end.  The other eleven make them larger.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diffkit.plots.animation import last_frame
from diffkit.plots.learned import learned_digits, unseen_digits
from diffkit.plots.nets import panel_words, plot_image, side_by_side
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, muted, use_style
from diffkit.plots.training import ACCENT

PAGE = Page(
    name="filters-learn",
    chapter="Convolution and CNNs",
    title="A filter turns in its first epoch and then only grows",
    concepts=("CNN", "filter", "training", "learning signal"),
    question="When in a training do the filters become what they are?",
    try_this="diffkit train digits --model cnn --epochs 12 --out run",
    source="Zeiler & Fergus 2014, section 4.1",
    alt="Moving: sixteen faint squares of noise become red and blue edges and strokes. Beside "
    "them two curves over twelve epochs: the likeness to the final filters, 0.66 at first "
    "and 0.88 after one epoch, and their size, an eighth after one epoch.",
)

MARKED = (0, 1, 3)  # epochs that the numbers are about


@cache
def likeness() -> np.ndarray:
    """The mean cosine between each filter and what it will be, before and after every epoch."""
    learned = learned_digits()
    units = [_unit(learned.filters(epoch)) for epoch in range(len(learned.course))]
    return np.array([(unit * units[-1]).sum(axis=(1, 2)).mean() for unit in units])


def _unit(filters: np.ndarray) -> np.ndarray:
    return filters / np.linalg.norm(filters, axis=(1, 2), keepdims=True)


@cache
def sizes() -> np.ndarray:
    """The size of all filters together over their last one."""
    learned = learned_digits()
    found = [np.linalg.norm(learned.filters(epoch)) for epoch in range(len(learned.course))]
    return np.array(found) / found[-1]


def right(epoch: int) -> float:
    """The share of unseen digits that the net has right after an epoch."""
    learned = learned_digits()
    return float(learned.net.accuracy(learned.course[epoch], *unseen_digits()))


def numbers() -> list[Claim]:
    """Directions settle before sizes do."""
    return [
        Claim("filters-learn", "cosine to the final filters before training, and after 1 and 3",
              [0.66, 0.88, 0.98], [float(v) for v in likeness()[list(MARKED)]], 0.08,
              "this training"),
        Claim("filters-learn", "size over the final one before training, and after 1 and 3",
              [0.08, 0.12, 0.77], [float(v) for v in sizes()[list(MARKED)]], 0.1, "this training"),
        Claim("filters-learn", "share of unseen digits right before and at the end", [0.1, 0.975],
              [right(0), right(-1)], 0.05, "ten classes; this training"),
    ]  # fmt: skip


def frames(dark: bool = False, moments: Sequence[int] | None = None) -> Iterator[Figure]:
    """One frame for each epoch: the filters, their likeness and their size."""
    learned = learned_digits()
    epochs = range(len(learned.course))
    limit = float(np.abs(learned.filters()).max())
    with use_style(dark):
        figure = plt.figure(figsize=(9.6, 4.5))
        left, side = side_by_side(figure, (1, 1.05))
        axes, curves = left.subplots(4, 4), side.subplots()
        figure.suptitle(PAGE.title, x=0.005, ha="left", fontsize=12, fontweight="bold")
        dots = plot_course(curves, dark)
        for moment in epochs if moments is None else moments:
            for ax, kernel in zip(axes.flat, learned.filters(moment), strict=True):
                ax.clear()
                plot_image(kernel, ax, dark=dark, limit=limit)
            words = f"after {moment} epoch{'s' * (moment > 1)}" if moment else "before training"
            panel_words(axes[0, 0], f"{words}: {right(moment):.1%} of new digits right", dark=dark)
            for dot, values in zip(dots, (likeness(), sizes()), strict=True):
                dot.set_data([moment], [values[moment]])
            yield figure


def plot_course(axes: Axes, dark: bool) -> list:
    """Both curves, labelled; the dots that will move along them."""
    dots = []
    for values, colour, words, place in (
        (likeness(), ACCENT[dark], "direction: cosine to the final filters", (5.3, 0.88)),
        (sizes(), INK[dark], "size, over the final one", (2.3, 0.58)),
    ):
        axes.plot(values, color=colour)
        axes.text(*place, words, color=colour, fontsize=10, va="top")
        dots += axes.plot([], [], "o", color=colour, markersize=9, clip_on=False)
    axes.axhline(1.0, color=muted(dark), linewidth=0.8)
    axes.set(xlim=(0, len(sizes()) - 1), ylim=(0, 1.04), xlabel="epoch",
             ylabel="of what they become")  # fmt: skip
    return dots


def draw(dark: bool = False) -> Figure:
    """The last frame."""
    return last_frame(frames(dark, [len(learned_digits().course) - 1]))


if __name__ == "__main__":
    show(draw)
