"""Where the shape is takes three epochs; what it is takes ten
===========================================================

A tiny net gives every pixel of an image one of four labels: ground, disc, square or triangle.  It
sees the pixels from near and, through a pooling, from farther away.  Which pixels belong to the
shape is soon known, for brightness says it.  What shape they make no single pixel can say: that
asks for its edges and corners, which the filters must first learn to look for.  The measure is the
overlap, intersection over union: right pixels over right, missed and wrongly taken ones.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.nets.overlap import mask_iou
from diffkit.plots.nets import CLASSES, MIDDLE, bare, panel_words, plot_grey, side_by_side
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, use_style
from diffkit.plots.training import ACCENT

SOURCE = "Long, Shelhamer & Darrell 2015"
PAGE = Page(
    name="segmenter",
    chapter="Convolution and CNNs",
    title="Where the shape is takes three epochs; what it is takes ten",
    concepts=("CNN", "segmentation", "intersection over union"),
    question="What does a net learn first: where something is, or what it is?",
    try_this="dk.nets.tiny_segmenter().summary()",
    source=SOURCE,
    alt="Six noisy images of a disc, a square or a triangle, their true masks in three colours, "
    "and the masks that the net draws: in the right place, the discs half in the wrong colour. "
    "At the right, overlap against "
    "epoch: shape against ground is above 0.9 after three, the right kind of shape rises "
    "slowly to three quarters.",
)

SEEN, UNSEEN, EPOCHS, BATCH, RATE = 240, 60, 14, 10, 0.01
KINDS = ("disc", "square", "triangle")
ACROSS = 6


@cache
def unseen() -> Any:
    """Images the net has not seen."""
    return dk.datasets.shapes(UNSEEN, seed=1)


@cache
def masks() -> list[np.ndarray]:
    """The masks it draws of them, before training and after every epoch."""
    data, net = dk.datasets.shapes(SEEN, seed=0), dk.nets.tiny_segmenter()
    found = [np.asarray(net.predict(net.init(0), unseen().x))]
    dk.train(
        net.with_loss(dk.losses.cross_entropy), net.init(0), (data.x, data.y), epochs=EPOCHS,
        optimizer=dk.optim.adam(dk.schedules.one_cycle(RATE)), batch_size=BATCH,
        on_epoch=lambda run: found.append(np.asarray(net.predict(run.params, unseen().x))),
    )  # fmt: skip
    return found


@cache
def overlaps() -> tuple[np.ndarray, np.ndarray]:
    """IoU of shape and ground, and of the four kinds, after every epoch."""
    right = unseen().y
    where = [shape_iou(mask, right) for mask in masks()]
    return np.array(where), np.array([mask_iou(mask, right) for mask in masks()])


def shape_iou(mask: np.ndarray, right: np.ndarray) -> float:
    """The overlap of all that is no ground, whatever it is taken for."""
    return float(np.sum((mask > 0) & (right > 0)) / np.sum((mask > 0) | (right > 0)))


def numbers() -> list[Claim]:
    """Overlaps, early and late."""
    where, what = overlaps()
    pixels = float(np.mean(masks()[-1] == unseen().y))
    return [
        Claim("segmenter", "overlap of shape and ground after 3 epochs", 0.92, float(where[3]),
              0.07, "this training"),
        Claim("segmenter", "overlap by kinds after 3 epochs, at most", 0.6, float(what[3]), 0.0,
              "this training", at_most=True),
        Claim("segmenter", "both at the end", [0.97, 0.76], [float(where[-1]), float(what[-1])],
              0.08, "this training"),
        Claim("segmenter", "share of pixels right at the end", 0.93, pixels, 0.0,
              "most pixels are ground", at_least=True),
    ]  # fmt: skip


def colours(dark: bool) -> ListedColormap:
    """Ground, disc, square, triangle."""
    low, high = CLASSES[dark]
    return ListedColormap([MIDDLE[dark], low, high, ACCENT[dark]])


def draw(dark: bool = False) -> Figure:
    """Images, truth and prediction; the overlaps over training."""
    chosen = np.concatenate([np.flatnonzero(unseen().labels == kind)[:2] for kind in range(3)])
    with use_style(dark):
        figure = plt.figure(figsize=(10.6, 4.9))
        left, right = side_by_side(figure, (1.55, 1))
        axes = left.subplots(3, ACROSS)
        for place, column in zip(chosen, axes.T, strict=True):
            plot_grey(unseen().x[place, :, :, 0], column[0], dark=dark, most=1.1)
            for ax, mask in zip(column[1:], (unseen().y, masks()[-1]), strict=True):
                ax.imshow(mask[place], cmap=colours(dark), vmin=-0.5, vmax=3.5)
                bare(ax)
        words = ("images it has not seen", "the truth", "what the net draws")
        for ax, remark in zip(axes[:, 0], words, strict=True):
            panel_words(ax, remark, dark=dark)
        shades = (*CLASSES[dark], ACCENT[dark])
        for ax, place in zip(axes[2], chosen, strict=True):
            kind = int(unseen().labels[place])
            ax.set_xlabel(KINDS[kind], fontsize=10, color=shades[kind])
        curves(right.subplots(), dark)
        figure.suptitle(PAGE.title, x=0.005, ha="left", fontsize=12, fontweight="bold")
    return figure


def curves(axes: Axes, dark: bool) -> None:
    """Both overlaps against the epochs."""
    where, what = overlaps()
    axes.plot(where, color=INK[dark], marker="o", markersize=5)
    axes.plot(what, color=ACCENT[dark], marker="D", markersize=5)
    axes.text(EPOCHS, 1.0, "where: shape or ground", color=INK[dark], ha="right", fontsize=10)
    axes.text(EPOCHS, float(what[-1]) - 0.16, "what: ground, disc,\nsquare or triangle",
              color=ACCENT[dark], ha="right", fontsize=10)  # fmt: skip
    axes.set(xlim=(0, EPOCHS), ylim=(0, 1.06), xlabel="epoch",
             ylabel="overlap on unseen images, IoU")  # fmt: skip


if __name__ == "__main__":
    show(draw)
