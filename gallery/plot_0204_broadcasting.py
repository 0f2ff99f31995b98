"""Broadcasting copies numbers, and its derivative adds them up
============================================================

A row of 3 and a column of 4 give a table of 4 × 3: NumPy copies each along the axis that it lacks.
Backwards every copy sends its own adjoint home, and what arrives at one number is added, as
wherever a value is used more than once.  So the vector-Jacobian product of a broadcast is a sum
over the copied axes, exactly: no approximation, and no special rule for each pair of shapes.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.concepts import draw_arrow, draw_cells, frame_cells
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, METHODS_STYLE, muted, use_style
from diffkit.plots.training import ACCENT

PAGE = Page(
    name="broadcasting",
    chapter="Automatic differentiation",
    title="Broadcasting copies numbers, and its derivative adds them up",
    concepts=("tensors", "broadcasting", "backward propagation"),
    question="What is the derivative of a bias that 1,000 examples share?",
    try_this="y, pullback = dk.vjp(np.add, np.ones(3), np.ones((4, 1)))",
    source="NumPy, broadcasting rules; Griewank & Walther 2008, section 3.2",
    alt="A row and a column of numbers are copied to a table and added; beside it, the adjoints "
    "of the table are summed along each row and down each column, back to the shapes of the "
    "column and the row.",
)

ROW = np.array([1.0, 2.0, 3.0])
COLUMN = np.array([[10.0], [20.0], [30.0], [40.0]])
Y_BAR = np.array([[1.0, 0.0, 2.0], [3.0, 1.0, 0.0], [0.0, 4.0, 1.0], [2.0, 1.0, 5.0]])
SHAPES = ((), (1,), (3,), (4, 1), (1, 3), (4, 3), (2, 1, 3), (2, 4, 1), (1, 1, 1), (2, 4, 3))
FRAME = (14.5, 8.2)  # cells of each side of the picture
LARGEST = 50  # of the whole numbers that are added: their sums are exact


def summed_to(y_bar: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The sum over the axes that broadcasting copied, in plain NumPy."""
    padded = (1,) * (y_bar.ndim - len(shape)) + shape
    copied = tuple(axis for axis, size in enumerate(padded) if size != y_bar.shape[axis])
    return y_bar.sum(axis=copied).reshape(shape)


@cache
def adjoints() -> tuple[np.ndarray, np.ndarray]:
    """What arrives at the row and at the column when the adjoint of the table is given."""
    _, pullback = dk.vjp(lambda a, b: a + b, ROW, COLUMN)
    a_bar, b_bar = pullback(Y_BAR)
    return np.asarray(a_bar), np.asarray(b_bar)


def largest_difference() -> float:
    """The largest difference between the adjoint and the sum, over all pairs of shapes."""
    rng = np.random.default_rng(0)
    worst = 0.0
    for left in SHAPES:
        for right in SHAPES:
            worst = max(worst, difference(left, right, rng))
    return worst


def difference(left: tuple[int, ...], right: tuple[int, ...], rng: Any) -> float:
    """The same for one pair."""
    y, pullback = dk.vjp(lambda a, b: a + b, np.ones(left), np.ones(right))
    y_bar = rng.integers(-LARGEST, LARGEST, np.shape(y)).astype(float)
    pairs = zip(pullback(y_bar), (left, right), strict=True)
    return max(float(np.max(np.abs(found - summed_to(y_bar, s)))) for found, s in pairs)


def numbers() -> list[Claim]:
    """Sums, for the picture and for all pairs of shapes."""
    a_bar, b_bar = adjoints()
    y_dot = ROW + 0 * COLUMN  # the tangent of the table when the row moves by itself
    return [
        Claim("broadcasting", "adjoint of the row: sums down the columns",
              Y_BAR.sum(axis=0).tolist(), a_bar.ravel().tolist(), 0.0, PAGE.source),
        Claim("broadcasting", "adjoint of the column: sums along the rows",
              Y_BAR.sum(axis=1).tolist(), b_bar.ravel().tolist(), 0.0, PAGE.source),
        Claim("broadcasting", f"difference from the sum, {len(SHAPES) ** 2} pairs of shapes", 0.0,
              largest_difference(), 0.0, "whole numbers: sums are exact"),
        Claim("broadcasting", "⟨ȳ, J ẋ⟩ − ⟨Jᵀȳ, ẋ⟩", 0.0,
              float(np.sum(Y_BAR * y_dot) - np.sum(a_bar * ROW)), 0.0, "transposition"),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """Forward: copies; backward: sums."""
    with use_style(dark):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.4, 3.2))
        forward(left, dark)
        backward(right, dark)
        left.set_title(PAGE.title)
    return figure


def forward(axes: Axes, dark: bool) -> None:
    """The row and the column become a table."""
    frame_cells(axes, *FRAME)
    first = np.arange(4)[:, None] > 0
    draw_cells(axes, np.broadcast_to(ROW, (4, 3)), (0.6, 2.2), colour=ACCENT[dark],
               ghost=first, fill=np.where(first, 0.07, 0.3), dark=dark)  # fmt: skip
    second = np.arange(3)[None] > 0
    draw_cells(axes, np.broadcast_to(COLUMN, (4, 3)), (5.4, 2.2), colour=muted(dark),
               ghost=second, fill=np.where(second, 0.07, 0.35), dark=dark)  # fmt: skip
    draw_cells(axes, ROW + COLUMN, (10.6, 2.2), colour=INK[dark], fill=0.05, dark=dark)
    for x, sign in ((4.5, "+"), (9.5, "=")):
        axes.text(x, 4.2, sign, fontsize=15, ha="center", va="center")
    draw_arrow(axes, (0.25, 3.2), (0.25, 6.2), ACCENT[dark])
    draw_arrow(axes, (6.4, 6.6), (8.4, 6.6), muted(dark))
    words(axes, ((2.1, "a  (3,)"), (6.9, "b  (4, 1)"), (12.1, "y  (4, 3)")), INK[dark])
    axes.text(0.6, 6.75, "copied down", color=ACCENT[dark], fontsize=9, va="center")
    axes.text(7.4, 7.3, "copied across", color=muted(dark), fontsize=9, va="center", ha="center")
    axes.text(0.3, 0.35, "forward: y = a + b", fontsize=10, va="center")


def backward(axes: Axes, dark: bool) -> None:
    """The adjoint of the table goes home as two sums."""
    reverse = METHODS_STYLE["reverse"]
    orange, text = reverse.colour(dark), reverse.text_colour(dark)
    a_bar, b_bar = adjoints()
    frame_cells(axes, *FRAME)
    draw_cells(axes, Y_BAR, (1.4, 2.2), colour=orange, fill=Y_BAR / 12, dark=dark)
    draw_cells(axes, a_bar.reshape(1, 3), (1.4, 7.1), colour=orange, fill=0.3, dark=dark)
    draw_cells(axes, b_bar.reshape(4, 1), (6.2, 2.2), colour=orange, fill=0.3, dark=dark)
    for column in range(3):
        draw_arrow(axes, (1.9 + column, 6.25), (1.9 + column, 7.05), text, width=1.3)
    for row in range(4):
        draw_arrow(axes, (4.5, 2.7 + row), (6.1, 2.7 + row), text, width=1.3)
    words(axes, ((2.9, "ȳ  (4, 3)"), (6.7, "b̄  (4, 1)")), text)
    axes.text(4.7, 7.6, "ā  (3,)  sum down each column", color=text, fontsize=9.5, va="center")
    axes.text(7.6, 4.2, "sum along each row", color=text, fontsize=9.5, va="center")
    axes.text(
        0.3, 0.35, "backward: adjoints of the copies add", color=text, fontsize=10, va="center"
    )


def words(axes: Axes, places: tuple[tuple[float, str], ...], colour: str) -> None:
    """Names and shapes above the blocks."""
    for x, text in places:
        axes.text(x, 1.75, text, ha="center", va="center", fontsize=9.5, color=colour)


if __name__ == "__main__":
    show(draw)
