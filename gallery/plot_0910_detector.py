"""Four numbers find the shape: half of the boxes overlap it by seven tenths
===========================================================================

A tiny net looks at an image and says seven numbers: left, top, right and bottom of a box, and a
score for each of three kinds of shape.  One loss pulls at all of them: the distance of the edges
and the cross-entropy of the kind.  What counts in the end is the overlap of the box with the true
one, intersection over union, where a pixel too far on each side of a small shape already costs
half.  The images are not picked by hand: they stand at evenly spaced ranks, from the worst to the
best.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

import diffkit as dk
from diffkit.nets.overlap import box_iou
from diffkit.plots.nets import panel_words, plot_grey, side_by_side
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, muted, use_style
from diffkit.plots.training import ACCENT

SOURCE = "Szegedy, Toshev & Erhan 2013; Girshick 2015"
PAGE = Page(
    name="detector",
    chapter="Convolution and CNNs",
    title="Four numbers find the shape: half of the boxes overlap it by seven tenths",
    concepts=("CNN", "detection", "intersection over union", "loss"),
    question="How does a net point at something?",
    try_this="dk.nets.tiny_detector().summary()",
    source=SOURCE,
    alt="Ten noisy images of shapes, each with the true box and the one found, from the worst "
    "overlap to the best: the poor ones, most of them small, are one or two pixels off. At "
    "the right, the overlap against epoch: its median and the middle half of the images.",
)

SEEN, UNSEEN, SIDE, EDGES = 900, 100, 16, 4
EPOCHS, BATCH, RATE = 30, 20, 0.01
LABEL = 12  # epochs that a label at the right stands under
RANKS = (0.02, 0.12, 0.22, 0.34, 0.45, 0.56, 0.67, 0.78, 0.88, 0.98)  # from worst to best
NET = dk.nets.tiny_detector()
MISS = NET.with_loss(dk.losses.detection.using(box_weight=4.0))


def loss(params: Any, images: Any, truth: Any) -> Any:
    """A plain function: nothing else is measured on the training images after every epoch."""
    return MISS(params, images, truth)


@cache
def unseen() -> Any:
    """Images the net has not seen."""
    return dk.datasets.shapes(UNSEEN, seed=1)


@cache
def answers() -> list[np.ndarray]:
    """What it says of them, before training and after every epoch."""
    data = dk.datasets.shapes(SEEN, seed=0).detection()
    found = [np.asarray(NET(NET.init(0), unseen().x))]
    dk.train(
        loss, NET.init(0), (data.x, data.y), batch_size=BATCH, epochs=EPOCHS,
        optimizer=dk.optim.adam(dk.schedules.one_cycle(RATE)),
        on_epoch=lambda run: found.append(np.asarray(NET(run.params, unseen().x))),
    )  # fmt: skip
    return found


@cache
def overlaps() -> np.ndarray:
    """The IoU of every unseen image after every epoch: (epochs + 1, images)."""
    return np.stack([box_iou(said[:, :EDGES], unseen().boxes) for said in answers()])


def kind_right() -> float:
    """The share of unseen images whose kind is said rightly at the end."""
    return float(np.mean(answers()[-1][:, EDGES:].argmax(axis=1) == unseen().labels))


def pixel_off() -> float:
    """The overlap of a box of 5 × 5 pixels with one that is a pixel larger on each side."""
    return float(box_iou([[1.0, 1.0, 6.0, 6.0]], [[0.0, 0.0, 7.0, 7.0]])[0])


def numbers() -> list[Claim]:
    """Overlaps before and after, kinds, and what a pixel costs."""
    mean_box = np.broadcast_to(unseen().boxes.mean(axis=0), unseen().boxes.shape)
    return [
        Claim("detector", "median overlap at the end", 0.73, float(np.median(overlaps()[-1])), 0.08,
              "this training"),
        Claim("detector", "median overlap of the mean box, which looks at nothing, at most", 0.35,
              float(np.median(box_iou(mean_box, unseen().boxes))), 0.0, "the base line",
              at_most=True),
        Claim("detector", "share of kinds right at the end", 0.93, kind_right(), 0.0,
              "this training", at_least=True),
        Claim("detector", "overlap of 5 × 5 pixels with 7 × 7 around it", 25 / 49, pixel_off(),
              1e-15, "one pixel too far on each side"),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """Ten images from the worst to the best; the overlap over the training."""
    ranked = np.argsort(overlaps()[-1])
    chosen = [int(ranked[int(rank * UNSEEN)]) for rank in RANKS]
    with use_style(dark):
        figure = plt.figure(figsize=(10.6, 4.4))
        left, right = side_by_side(figure, (1.7, 1))
        axes = left.subplots(2, len(RANKS) // 2)
        for ax, place in zip(axes.flat, chosen, strict=True):
            plot_grey(unseen().x[place, :, :, 0], ax, dark=dark, most=1.8)
            outline(ax, unseen().boxes[place], INK[dark], "-")
            outline(ax, answers()[-1][place, :EDGES], ACCENT[dark], (0, (3, 1.2)))
            ax.set_xlabel(f"IoU {overlaps()[-1][place]:.2f}", fontsize=10, color=INK[dark])
        panel_words(axes[0, 0], "the true box", dark=dark, colour=INK[dark])
        panel_words(axes[0, 1], "the box found", dark=dark, colour=ACCENT[dark])
        panel_words(axes[0, 2], "ten of 100 unseen images, worst to best", dark=dark)
        curve(right.subplots(), dark)
        figure.suptitle(PAGE.title, x=0.005, ha="left", fontsize=12, fontweight="bold")
    return figure


def outline(axes: Axes, box: np.ndarray, colour: str, line: Any) -> None:
    """A box, given by its edges as shares of the image."""
    left, top, right, bottom = SIDE * np.asarray(box) - 0.5
    axes.add_patch(Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor=colour,
                             linewidth=2.2, linestyle=line))  # fmt: skip


def curve(axes: Axes, dark: bool) -> None:
    """The median overlap and the middle half against the epochs."""
    low, middle, high = np.quantile(overlaps(), (0.25, 0.5, 0.75), axis=1)
    epochs = np.arange(len(middle))
    axes.fill_between(epochs, low, high, color=ACCENT[dark], alpha=0.25, linewidth=0)
    axes.plot(epochs, middle, color=ACCENT[dark])
    axes.text(EPOCHS, float(middle[-1]) + 0.015, "median", color=ACCENT[dark], ha="right",
              va="bottom")  # fmt: skip
    axes.text(EPOCHS, float(low[-LABEL:].min()) - 0.02, "half of the images\nare in the band",
              ha="right", va="top", color=muted(dark), fontsize=9.5)  # fmt: skip
    axes.set(xlim=(0, EPOCHS), ylim=(0, 1), xlabel="epoch", ylabel="overlap, IoU")


if __name__ == "__main__":
    show(draw)
