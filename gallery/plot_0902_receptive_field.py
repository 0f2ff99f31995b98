"""Three layers see seven pixels across, and with holes fifteen
============================================================

What can one number of a feature map know about the image?  Ask its derivative: a pixel with a
derivative of zero cannot matter.  Here all filters are 3 × 3 ones, so the derivative by a pixel
counts the ways from the pixel to the output.  Three layers see 7 × 7 pixels, and most ways lead
through the middle.  The same three layers with dilations 1, 2, 4, or with strides of 2, see
15 × 15.  But three dilations of 3 reach far and see through a grid: eight pixels in nine cannot
change the output at all.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.nets.convolutional import conv2d
from diffkit.plots.nets import bare, one_sided
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, muted, use_style

SOURCE = "Luo et al. 2016; Yu & Koltun 2016"
PAGE = Page(
    name="receptive-field",
    chapter="Convolution and CNNs",
    title="Three layers see seven pixels across, and with holes fifteen",
    concepts=("convolution", "CNN", "receptive field", "dilation", "stride"),
    question="Which pixels can change one number of the third feature map?",
    try_this="k = np.ones((3, 3, 1, 1)); dk.grad(lambda x: dk.nets.convolutional.conv2d(x, k, "
    "dilation=2)[0, 2, 2, 0])(np.zeros((1, 9, 9, 1)))[0, :, :, 0]",
    source=SOURCE,
    alt="Four square maps of how often a pixel counts. Plain layers: a small square, dark in "
    "the middle. Dilated and strided ones: squares twice as wide. Dilation 3 thrice: "
    "separate dots.",
)

SIZE = 23  # pixels of the image, of which the output in the middle is asked
KERNEL = np.ones((3, 3, 1, 1))
STACKS = {  # (stride, dilation) of each of three layers
    "plain": ((1, 1), (1, 1), (1, 1)),
    "dilations 1, 2, 4": ((1, 1), (1, 2), (1, 4)),
    "strides 2, 2, 1": ((2, 1), (2, 1), (1, 1)),
    "dilations 3, 3, 3": ((1, 3), (1, 3), (1, 3)),
}


def middle(image: Any, stack: tuple[tuple[int, int], ...]) -> Any:
    """The number in the middle of the last map."""
    for stride, dilation in stack:
        image = conv2d(image, KERNEL, stride=stride, dilation=dilation)
    return image[0, image.shape[1] // 2, image.shape[2] // 2, 0]


@cache
def seen(name: str) -> np.ndarray:
    """The derivative of the middle by every pixel: the number of ways."""
    image = np.zeros((1, SIZE, SIZE, 1))
    return np.asarray(dk.grad(lambda x: middle(x, STACKS[name]))(image))[0, :, :, 0]


def formula(name: str) -> int:
    """1 + Σ (k − 1) · dilation · the strides before."""
    width, jump = 1, 1
    for stride, dilation in STACKS[name]:
        width += 2 * dilation * jump
        jump *= stride
    return width


def width(name: str) -> int:
    """Columns from the first to the last that matters."""
    columns = np.flatnonzero(seen(name).any(axis=0))
    return int(columns[-1] - columns[0] + 1)


def numbers() -> list[Claim]:
    """Widths by the formula, pixels that count, and the bell of many layers."""
    plain = seen("plain")
    offsets = np.arange(SIZE) - SIZE // 2
    variance = float((plain.sum(axis=0) * offsets**2).sum() / plain.sum())
    return [
        Claim("receptive-field", "width seen by " + "; ".join(STACKS),
              [formula(name) for name in STACKS], [width(name) for name in STACKS], 0.0,
              "1 + Σ (k − 1) · dilation · strides before"),
        Claim("receptive-field", "pixels seen by " + "; ".join(STACKS), [49, 225, 225, 49],
              [int((seen(name) > 0).sum()) for name in STACKS], 0.0, "counted"),
        Claim("receptive-field", "ways from all pixels to the output, each", [729] * len(STACKS),
              [float(seen(name).sum()) for name in STACKS], 0.0, "9 for each of three layers"),
        Claim("receptive-field", "variance of the plain ways across", 2.0, variance, 1e-12,
              "2/3 per layer: it grows as the depth, the width seen as its root, " + SOURCE),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """Four stacks and what they see."""
    with use_style(dark):
        figure, axes = plt.subplots(1, len(STACKS), figsize=(11.2, 3.75))
        for ax, name in zip(axes, STACKS, strict=True):
            panel(ax, name, dark)
        figure.suptitle(PAGE.title, x=0.005, ha="left", fontsize=12, fontweight="bold")
    return figure


def panel(axes: Axes, name: str, dark: bool) -> None:
    """The ways from every pixel, as shares of the most frequented."""
    ways = seen(name)
    axes.imshow(np.where(ways > 0, np.sqrt(ways / ways.max()), np.nan), vmin=0.0, vmax=1.0,
                cmap=one_sided(dark))  # fmt: skip
    bare(axes)
    axes.set_xticks(np.arange(-0.5, SIZE), minor=True)
    axes.set_yticks(np.arange(-0.5, SIZE), minor=True)
    axes.grid(True, which="minor", color=muted(dark), linewidth=0.25, alpha=0.5)
    axes.tick_params(which="both", length=0)
    axes.set_title(name, fontsize=11, fontweight="normal", color=INK[dark])
    count = int((ways > 0).sum())
    axes.set_xlabel(f"sees {count} pixels of {width(name)} × {width(name)}",
                    fontsize=10, color=INK[dark])  # fmt: skip


if __name__ == "__main__":
    show(draw)
