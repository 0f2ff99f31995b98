"""A filter slides over the image, and its gradient slides too
===========================================================

Each number of the output is the sum of one 3 × 3 window times the filter: here a filter that looks
for upright edges.  What deep learning calls convolution is cross-correlation, for the filter is not
flipped.  Backwards, the adjoint of the output takes the filter's place: slid over the same image it
gives the gradient of the filter, and only the gradient of the image is a convolution in the sense
of mathematics, with the filter turned by half a turn.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy import signal

import diffkit as dk
from diffkit.nets.convolutional import conv2d
from diffkit.plots.concepts import draw_arrow, draw_cells, frame_cells
from diffkit.plots.nets import CLASSES
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, METHODS_STYLE, muted, use_style
from diffkit.plots.training import ACCENT

PAGE = Page(
    name="convolution",
    chapter="Convolution and CNNs",
    title="A filter slides over the image, and its gradient slides too",
    concepts=("convolution", "cross-correlation", "backward propagation"),
    question="Why is every weight of a filter pulled by the whole image?",
    try_this="dk.vjp(slide, IMAGE, KERNEL)[1](np.eye(4))",
    source="Dumoulin & Visin 2016",
    alt="Above: a frame slides over an image of numbers, and times a small filter gives a map "
    "of sums. Below: the adjoint of the map slides over the same image and gives the "
    "gradient of the filter.",
)

IMAGE = np.zeros((6, 6))
IMAGE[1:5, 1:3] = 1.0
IMAGE[1:5, 3] = 2.0
KERNEL = np.array([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])  # Sobel 1968
Y_BAR = np.array([[0, 1, 0, 0], [0, 2, 0, -1], [0, 1, 0, -1], [0, 0, 0, 0]], dtype=float)
WINDOW = (1, 0)  # row and column of the output that the picture explains
STEP = 0.5  # exact for a linear function of small whole numbers


def slide(image: Any, kernel: Any) -> Any:
    """The filter at every place of one grey image."""
    images, filters = image[None, :, :, None], kernel[:, :, None, None]
    return conv2d(images, filters)[0, :, :, 0]


@cache
def output() -> np.ndarray:
    """What the filter finds."""
    return np.asarray(slide(IMAGE, KERNEL))


@cache
def adjoints() -> tuple[np.ndarray, np.ndarray]:
    """The gradients of image and filter for the adjoint of the picture."""
    _, pullback = dk.vjp(slide, IMAGE, KERNEL)
    image_bar, kernel_bar = pullback(Y_BAR)
    return np.asarray(image_bar), np.asarray(kernel_bar)


def by_differences() -> np.ndarray:
    """The filter's gradient from values alone."""
    found = np.zeros_like(KERNEL)
    for place in np.ndindex(KERNEL.shape):
        nudge = np.zeros_like(KERNEL)
        nudge[place] = STEP
        change = slide(IMAGE, KERNEL + nudge) - slide(IMAGE, KERNEL - nudge)
        found[place] = np.sum(Y_BAR * change) / (2 * STEP)
    return found


def gap(found: np.ndarray, wanted: np.ndarray) -> float:
    """The largest difference of two arrays."""
    return float(np.max(np.abs(found - wanted)))


def numbers() -> list[Claim]:
    """What is a correlation, what a convolution, and finite differences; whole numbers, exact."""
    image_bar, kernel_bar = adjoints()
    flipped = KERNEL[::-1, ::-1]
    return [
        Claim("convolution", "output minus SciPy's correlate2d", 0.0,
              gap(output(), signal.correlate2d(IMAGE, KERNEL, "valid")), 0.0, "the definition"),
        Claim("convolution", "output minus convolve2d of the flipped filter", 0.0,
              gap(output(), signal.convolve2d(IMAGE, flipped, "valid")), 0.0, "the definition"),
        Claim("convolution", "filter's gradient minus the image correlated with ȳ", 0.0,
              gap(kernel_bar, signal.correlate2d(IMAGE, Y_BAR, "valid")), 0.0, PAGE.source),
        Claim("convolution", "filter's gradient minus finite differences", 0.0,
              gap(kernel_bar, by_differences()), 0.0, "linear: any step is exact"),
        Claim("convolution", "image's gradient minus the full convolution of ȳ", 0.0,
              gap(image_bar, signal.convolve2d(Y_BAR, KERNEL, "full")), 0.0, PAGE.source),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """Forward above, backward below."""
    with use_style(dark):
        figure, (top, bottom) = plt.subplots(2, 1, figsize=(8.8, 5.9))
        forward(top, dark)
        backward(bottom, dark)
        top.set_title(PAGE.title)
    return figure


def signed(axes: Axes, table: np.ndarray, corner: tuple[float, float], dark: bool) -> None:
    """Cells whose colour says the sign and whose strength says the size."""
    low, high = CLASSES[dark]
    strength = np.abs(table) / (1.8 * max(np.abs(table).max(), 1.0))
    draw_cells(axes, table, corner, colour=high, fill=np.where(table > 0, strength, 0.0), dark=dark)
    low_fill = np.where(table < 0, strength, 0.0)
    for (row, column), fill in np.ndenumerate(low_fill):
        if fill:
            place = (corner[0] + column, corner[1] + row)
            axes.add_patch(Rectangle(place, 1, 1, facecolor=low, alpha=float(fill), linewidth=0,
                                     zorder=0.9))  # fmt: skip


def outline(axes: Axes, corner: tuple[float, float], size: tuple[int, int], colour: str) -> None:
    """A frame around cells: (columns, rows) from the corner."""
    axes.add_patch(Rectangle(corner, *size, fill=False, edgecolor=colour, linewidth=2.6, zorder=3))


def forward(axes: Axes, dark: bool) -> None:
    """Image, filter and output, with one window picked out."""
    frame_cells(axes, 23.5, 7.4)
    row, column = WINDOW
    draw_cells(axes, IMAGE, (0.3, 1.2), colour=INK[dark], fill=IMAGE / 6, dark=dark)
    signed(axes, KERNEL, (8.3, 2.7), dark)
    signed(axes, output(), (14.3, 2.2), dark)
    outline(axes, (0.3 + column, 1.2 + row), (3, 3), ACCENT[dark])
    outline(axes, (14.3 + column, 2.2 + row), (1, 1), ACCENT[dark])
    for x, sign in ((7.3, "⋆"), (12.8, "=")):
        axes.text(x, 4.2, sign, fontsize=20, ha="center", va="center")
    heads(axes, ((3.3, 0.35, "image x"), (9.8, 2.2, "filter k"), (16.3, 1.7, "output y = x ⋆ k")),
          INK[dark])  # fmt: skip
    axes.text(18.8, 3.7, window_words(), fontsize=9.5, color=ACCENT[dark], va="center")
    draw_arrow(axes, (0.3 + column + 1.5, 0.9), (0.3 + column + 3.6, 0.9), ACCENT[dark], width=1.3)


def window_words() -> str:
    """The sum of the window that is picked out, its zeros left out."""
    row, column = WINDOW
    window = IMAGE[row : row + 3, column : column + 3]
    parts = [f"{k:g}·{x:g}" for k, x in zip(KERNEL.ravel(), window.ravel(), strict=True) if k * x]
    return f"{' + '.join(parts)}\n= {output()[WINDOW]:g}"


def backward(axes: Axes, dark: bool) -> None:
    """The adjoint of the output slides over the image and gives the filter's gradient."""
    text = METHODS_STYLE["reverse"].text_colour(dark)
    _, kernel_bar = adjoints()
    frame_cells(axes, 23.5, 7.4)
    draw_cells(axes, IMAGE, (0.3, 1.2), colour=INK[dark], fill=IMAGE / 6, dark=dark)
    signed(axes, Y_BAR, (8.3, 2.2), dark)
    signed(axes, kernel_bar, (15.3, 2.7), dark)
    outline(axes, (0.3, 1.2), (4, 4), text)
    outline(axes, (15.3, 2.7), (1, 1), text)
    for x, sign in ((7.3, "⋆"), (13.8, "=")):
        axes.text(x, 4.2, sign, fontsize=20, ha="center", va="center")
    heads(axes, ((3.3, 0.7, "image x"),), INK[dark])
    heads(axes, ((10.3, 1.7, "adjoint ȳ"), (16.8, 2.2, "k̄ = x ⋆ ȳ")), text)
    axes.text(19.0, 4.2, "the filter's gradient:\nalso a correlation", fontsize=9.5, color=text,
              va="center")  # fmt: skip
    axes.text(8.3, 6.9, "and x̄ is ȳ convolved with k: the filter turned by half a turn",
              fontsize=9.5, color=muted(dark), va="center")  # fmt: skip


def heads(axes: Axes, places: tuple[tuple[float, float, str], ...], colour: str) -> None:
    """Names above the blocks."""
    for x, y, words in places:
        axes.text(x, y, words, ha="center", va="center", fontsize=10, color=colour)


if __name__ == "__main__":
    show(draw)
