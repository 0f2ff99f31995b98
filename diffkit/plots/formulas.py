"""Formulas of matrices with their shapes beside them: every line, and what is multiplied in it.

A matrix is a rectangle of its own rows and columns, so that it can be seen that a product fits,
and that a gradient has the shape of what it is the gradient of.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

from diffkit.plots.style import INK, METHODS_STYLE, muted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from diffkit.comparison.matrix_formula import MatrixFormulas
    from diffkit.comparison.matrix_terms import Term

__all__ = ["plot_formulas"]

ROW = 1.0  # height of a line
TALLEST = 0.86  # of a line, for the longest axis
THINNEST = 0.07  # of a line, for an axis of size 1
GAP = 0.2
SHAPES_AT = 6.3
SIZES_AT = 10.6
FACE = {False: "#E9EDF2", True: "#26303A"}


def plot_formulas(found: MatrixFormulas, axes: Axes, dark: bool = False) -> None:
    """Draw the lines of a formula in the order in which they are computed.

    Lines of the function are in ink, lines of the reverse sweep in its colour.

    >>> import diffkit as dk, matplotlib.pyplot as plt, numpy as np
    >>> found = dk.matrix_formula(lambda A, x: x @ A @ x, np.eye(2), np.ones(2))
    >>> figure, axes = plt.subplots()
    >>> plot_formulas(found, axes)
    >>> len(axes.texts) > 3
    True
    >>> plt.close(figure)
    """
    lines = _lines(found)
    size = max((max(t.shape, default=1) for _, _, t, _ in lines), default=1)
    reverse = METHODS_STYLE["reverse"].text_colour(dark)
    for place, (label, text, term, back) in enumerate(lines):
        y = -place * ROW
        colour = reverse if back else INK[dark]
        axes.text(0.9, y, label, ha="right", va="center", fontsize=12, color=colour)
        axes.text(1.02, y, f"= {text}", ha="left", va="center", fontsize=12, color=colour)
        _shapes(axes, term, y, size, colour, dark)
    axes.set(xlim=(-0.2, SIZES_AT), ylim=(-(len(lines) - 0.45) * ROW, 0.5 * ROW))
    axes.set_aspect("equal", adjustable="box", anchor="NW")  # a square matrix is a square
    axes.axis("off")


def _lines(found: MatrixFormulas) -> list[tuple[str, str, Term, bool]]:
    """Label, text and term of every line, and whether it belongs to the reverse sweep."""
    writer = found.writer()
    parts = [
        (writer.style.name(name), writer.line(term), term, name.startswith("delta"))
        for term, name in found.names.texts.items()
    ]
    values = [(line.label(), line.text, line.term, False) for line in found.values]
    gradients = [(x.label(), x.text, x.term, True) for x in reversed(found.gradients.values())]
    forward = [part for part in parts if not part[3]]
    back = [part for part in parts if part[3]]
    return [*forward, *values, *_in_order(back, gradients)]


def _in_order(back: Sequence[Any], gradients: Sequence[Any]) -> list[Any]:
    """Each cotangent, and after it the gradients that need no later one."""
    from diffkit.comparison.matrix_naming import ordered

    left, done, placed = list(gradients), set(), []
    cotangents = {part[2] for part in back}
    for part in [*back, None]:
        if part is not None:
            placed.append(part)
            done.add(part[2])
        ready = [x for x in left if not (cotangents & set(ordered([x[2]]))) - done]
        placed += ready
        left = [x for x in left if x not in ready]
    return placed


def _product(term: Term) -> tuple[str, list[tuple[int, ...]]]:
    """The shapes of the factors of a product of matrices in a line, and the sign before them.

    "=" where the line is the product, "←" where it is made of it element by element.
    """
    sign, stack = "=", [term]
    while stack:
        inner = stack.pop()
        if inner.op == "dot" and inner.shape == term.shape and term.shape:
            return sign, [arg.shape for arg in inner.args]
        arrays = [arg for arg in inner.args if arg.shape == term.shape]
        sign = sign if inner.op == "mul" and len(arrays) == 1 else "←"
        stack += reversed(arrays)
    return sign, []


def _shapes(axes: Axes, term: Term, y: float, size: int, colour: str, dark: bool) -> None:
    """The rectangle of the result, and those of the factors of a product."""
    x = _rectangle(axes, SHAPES_AT, y, term.shape, size, colour, dark)
    sign, factors = _product(term)
    for number, shape in enumerate(factors):
        axes.text(x + GAP, y, "·" if number else sign, ha="center", va="center",
                  fontsize=16 if number else 11, color=muted(dark))  # fmt: skip
        x = _rectangle(axes, x + 2 * GAP, y, shape, size, muted(dark), dark)
    axes.text(SIZES_AT, y, "×".join(map(str, term.shape)) or "a number", ha="right", va="center",
              fontsize=9, color=muted(dark))  # fmt: skip


def _rectangle(
    axes: Axes, x: float, y: float, shape: tuple[int, ...], size: int, colour: str, dark: bool
) -> float:
    """Draw one matrix with its left edge at x; gives its right edge."""
    from matplotlib.patches import Rectangle

    rows, columns = (*(1, 1, *shape)[-2:],) if len(shape) != 1 else (1, prod(shape))
    height, width = (max(TALLEST * n / size, THINNEST) for n in (rows, columns))
    axes.add_patch(
        Rectangle((x, y - height / 2), width, height, facecolor=FACE[dark], edgecolor=colour,
                  linewidth=1.2)
    )  # fmt: skip
    return x + width
