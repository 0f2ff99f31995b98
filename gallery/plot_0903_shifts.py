"""A convolution follows a shift exactly; pooling follows every second one
=======================================================================

Move a digit by one pixel, and the maps of a convolution move by one pixel: not nearly, but bit for
bit, for the same sums are formed somewhere else.  A pooling by 2 keeps every second pixel, so it
follows only even shifts, and two of them only multiples of four: in between the pooled maps are
other maps, not moved ones.  Flattened into a dense layer, the scores follow nothing, and averaged
over the image they do not notice.  And where ink meets the edge, the zeros beyond it are not the
ink that was there.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.learned import SIDE, unseen_digits
from diffkit.plots.nets import panel_words, plot_grey, plot_map, side_by_side
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, muted, use_style
from diffkit.plots.training import ACCENT

SOURCE = "Fukushima 1980; Zhang 2019"
PAGE = Page(
    name="shifts",
    chapter="Convolution and CNNs",
    title="A convolution follows a shift exactly; pooling follows every second one",
    concepts=("convolution", "CNN", "pooling", "padding", "equivariance"),
    question="You move the digit by one pixel. Which layers notice?",
    try_this="net = dk.nets.cnn((8, 8, 1)); np.roll(net.layers[0](net.init(0)['conv1'], "
    "np.eye(8).reshape(1, 8, 8, 1)), 1, axis=2)",
    source=SOURCE,
    alt="Left: a digit before and after a shift by one pixel, its convolved map, which moves "
    "along, and its pooled map, which changes. Right: the change against the shift: zero "
    "for the convolution, a saw that touches zero at every second pixel for one pooling and "
    "at every fourth for two, and a growing curve for dense scores.",
)

CANVAS, CORNER, MOST = 32, (12, 8), 8  # pixels; where the digit stands; the largest shift
SHOWN = 16  # pixels of the canvas that are drawn
NET = dk.nets.cnn((CANVAS, CANVAS, 1), channels=(4, 8))
PARAMS = NET.init(0)
CONV, POOLED, TWICE, SCORES = 1, 2, 4, len(NET.layers)  # layers until there
STRIDES = {CONV: 1, POOLED: 2, TWICE: 4}
SHIFTS = np.arange(MOST + 1)


def image(shift: int) -> np.ndarray:
    """A digit on an empty canvas, moved to the right."""
    x, y = unseen_digits()
    found = np.zeros((1, CANVAS, CANVAS, 1))
    row, column = CORNER[0], CORNER[1] + shift
    digit = x[int(np.flatnonzero(y == 3)[0])]
    found[0, row : row + SIDE, column : column + SIDE, 0] = digit.reshape(SIDE, SIDE)
    return found


@cache
def after(layers: int, shift: int) -> Any:
    """What the first layers make of the moved digit."""
    h = image(shift)
    for place, layer in enumerate(NET.layers[:layers]):
        h = layer(PARAMS.get(NET.names[place], {}), h)
    return np.asarray(h)


def change(layers: int, shift: int) -> float:
    """‖f(moved) − moved f‖ / ‖f‖, moved by the whole number of pixels that fits best."""
    still, found = after(layers, 0), after(layers, shift)
    stride = STRIDES.get(layers)
    moved = [still] if stride is None else [
        np.roll(still, k, axis=2) for k in {shift // stride, -(-shift // stride)}
    ]  # fmt: skip
    return float(min(np.linalg.norm(found - m) for m in moved) / np.linalg.norm(still))


def averaged() -> float:
    """How much the means of the convolution's maps change at most."""
    means = [after(CONV, int(shift)).mean(axis=(1, 2)) for shift in SHIFTS]
    return float(max(np.abs(m / means[0] - 1).max() for m in means))


def at_the_edge() -> float:
    """The same change of a convolution where the digit stands at the edge and goes around it."""
    edge = np.zeros((1, SIDE, SIDE, 1))
    edge[0, :, :, 0] = image(0)[0, 12 : 12 + SIDE, 8 : 8 + SIDE, 0]
    still, moved = (np.asarray(NET.layers[0](PARAMS["conv1"], h))
                    for h in (edge, np.roll(edge, 2, axis=2)))  # fmt: skip
    return float(np.linalg.norm(moved - np.roll(still, 2, axis=2)) / np.linalg.norm(still))


def numbers() -> list[Claim]:
    """Zeros that are exact, and what is no zero."""
    odd = [change(POOLED, int(shift)) for shift in SHIFTS[1::2]]
    return [
        Claim("shifts",
              "convolution: moved maps minus maps of the moved digit, largest of 8 shifts", 0.0,
              max(change(CONV, int(shift)) for shift in SHIFTS), 0.0, "bit for bit"),
        Claim("shifts", "one pooling: the same for even shifts", 0.0,
              max(change(POOLED, int(shift)) for shift in SHIFTS[::2]), 0.0, "bit for bit"),
        Claim("shifts", "two poolings: the same for multiples of four", 0.0,
              max(change(TWICE, int(shift)) for shift in SHIFTS[::4]), 0.0, "bit for bit"),
        Claim("shifts", "one pooling: relative change at odd shifts, least and largest",
              [0.53, 0.53], [min(odd), max(odd)], 0.1, SOURCE),
        Claim("shifts", "scores behind a dense layer: relative change at one pixel",
              0.3, change(SCORES, 1), 0.0, "this net", at_least=True),
        Claim("shifts", "averages of the maps over the image: largest relative change", 0.0,
              averaged(), 1e-14, "the same numbers, added in another order"),
        Claim("shifts", "convolution, ink at the edge, moved around it by two pixels",
              0.1, at_the_edge(), 0.0, "padding by zeros", at_least=True),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """The layers' maps before and after a shift by one; the change against the shift."""
    with use_style(dark):
        figure = plt.figure(figsize=(10.6, 4.3))
        left, right = side_by_side(figure, (1, 1.12))
        strips(left.subplots(2, 3), dark)
        curves(right.subplots(), dark)
        figure.suptitle(PAGE.title, x=0.005, ha="left", fontsize=12, fontweight="bold")
    return figure


def strips(axes: Any, dark: bool) -> None:
    """The digit, its convolved map and its pooled map; below, one pixel to the right."""
    channel = int(after(CONV, 0).max(axis=(0, 1, 2)).argmax())
    for row, shift in zip(axes, (0, 1), strict=True):
        top, start = CORNER[0] - 4, CORNER[1] - 4
        plot_grey(image(shift)[0, top : top + SHOWN, start : start + SHOWN, 0], row[0], dark=dark)
        for ax, layers in zip(row[1:], (CONV, POOLED), strict=True):
            step, side = STRIDES[layers], SHOWN // STRIDES[layers]
            rows, columns = slice(top // step, top // step + side), start // step
            found = after(layers, shift)[0, rows, columns : columns + side, channel]
            plot_map(found, ax, dark=dark, most=float(after(CONV, 0)[..., channel].max()))
    names = ("a digit", "convolved", "pooled"), ("moved by 1 pixel", "the map moves", "another map")
    for row, words in zip(axes, names, strict=True):
        for ax, word in zip(row, words, strict=True):
            panel_words(ax, word, dark=dark)
            frame(ax, dark)


def frame(axes: Axes, dark: bool) -> None:
    """A thin line around a map, so that a shift can be seen against it."""
    for spine in axes.spines.values():
        spine.set(visible=True, color=muted(dark), linewidth=0.8)


def curves(axes: Axes, dark: bool) -> None:
    """The change that no shift explains, for four depths."""
    lines = (
        (SCORES, "scores of a dense layer", muted(dark), "s", (0, (5, 2)), (3.1, 1.03)),
        (TWICE, "two poolings:\nevery fourth shift", INK[dark], "^", "-", (5.3, 0.66)),
        (POOLED, "one pooling:\nevery second shift", ACCENT[dark], "D", "-", (3.0, 0.63)),
        (CONV, "convolution: every shift", INK[dark], "o", "-", (2.55, -0.085)),
    )
    for layers, words, colour, marker, line, place in lines:
        values = [change(layers, int(shift)) for shift in SHIFTS]
        axes.plot(SHIFTS, values, color=colour, marker=marker, linestyle=line, clip_on=False)
        side = "right" if layers == SCORES else "left"
        axes.text(*place, words, color=colour, fontsize=9.5, ha=side)
    axes.set(xlim=(0, MOST), ylim=(-0.12, None), xticks=SHIFTS,
             xlabel="shift of the digit, in pixels",
             ylabel="change that no shift explains, ‖Δ‖ / ‖f‖")  # fmt: skip


if __name__ == "__main__":
    show(draw)
