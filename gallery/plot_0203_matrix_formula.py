"""The backward pass of a two-layer net is six lines of matrix calculus, and they run
==================================================================================

Reverse mode gives the gradient as a graph: several dozen equations, one for every operation.  Read
back as mathematics, it is what a textbook has: a δ for every layer, a product of matrices for every
weight, a sum for every bias.  Here nothing comes from a textbook.  The formulas are the graph,
shortened by identities, and printed a second time as NumPy code, which is run and gives the
gradient of the graph to rounding.  Every gradient has the shape of what it is the gradient of.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.comparison.matrix_formula import MatrixFormulas
from diffkit.plots.formulas import plot_formulas
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.steps import size_text
from diffkit.plots.style import muted, use_style

SOURCE = "Rumelhart, Hinton & Williams 1986; Giles 2008"
PAGE = Page(
    name="matrix-formula",
    chapter="Automatic differentiation",
    title="The backward pass of a two-layer net is six lines of matrix calculus, and they run",
    concepts=("backward propagation", "automatic differentiation", "gradient", "tensors"),
    question="Which line would change if tanh became a rectifier?",
    try_this="print(dk.matrix_formula(loss, *point(), argnums=(0, 1, 2, 3)).source)",
    source=SOURCE,
    alt="Eight formulas of a two-layer net, two of the forward pass and six of the backward "
    "pass, each beside rectangles that show the shapes of its matrices.",
)

ROWS, HIDDEN, CLASSES = 40, 24, 10
WEIGHTS = (0, 1, 2, 3)
STEP = 1e-200


def loss(W1: Any, b1: Any, W2: Any, b2: Any, X: Any, Y: Any) -> Any:
    """The cross-entropy of a net with one hidden layer."""
    h = np.tanh(X @ W1 + b1)
    z = h @ W2 + b2
    p = np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True)
    return -np.sum(Y * np.log(p)) / len(X)


@cache
def point() -> tuple[np.ndarray, ...]:
    """Weights from a seed, and the first handwritten digits."""
    digits = dk.datasets.digits()
    rng = np.random.default_rng(0)
    pixels, labels = digits.x[:ROWS], digits.y[:ROWS]
    first = rng.normal(size=(pixels.shape[1], HIDDEN)) / 8
    second = rng.normal(size=(HIDDEN, CLASSES)) / 5
    one_hot = np.eye(CLASSES)[labels]
    return first, np.zeros(HIDDEN), second, np.zeros(CLASSES), pixels, one_hot


@cache
def formulas() -> MatrixFormulas:
    """The formulas of the loss and its gradient by the weights."""
    return dk.matrix_formula(loss, *point(), argnums=WEIGHTS)


@cache
def along_a_direction() -> tuple[float, float]:
    """The derivative in one direction: by the printed code, and by a complex step."""
    rng = np.random.default_rng(1)
    args = point()
    directions = [rng.normal(size=args[k].shape) for k in WEIGHTS]
    gradients = formulas().run()[1:]
    printed = sum(float(np.sum(a * b)) for a, b in zip(gradients, directions, strict=True))
    moved = [args[k] + 1j * STEP * v for k, v in zip(WEIGHTS, directions, strict=True)]
    return printed, float(np.imag(loss(*moved, *args[len(WEIGHTS) :])) / STEP)


def back_lines() -> int:
    """How many lines the reverse sweep has as formulas."""
    found = formulas()
    return len(found.gradients) + sum(n.startswith("delta") for n in found.names.texts.values())


def numbers() -> list[Claim]:
    """Printed code against the graph and against a complex step; lines and equations."""
    found = formulas()
    printed, stepped = along_a_direction()
    equations = len(list(found.graph.equation_nodes()))
    return [
        Claim("matrix-formula", "printed code and graph differ at most, over the largest element",
              1e-14, found.check(), 0.0, "the code that is printed is run", at_most=True),
        Claim("matrix-formula", "printed code and complex step differ at most, relative",
              1e-12, abs(printed / stepped - 1), 0.0, "Squire & Trapp 1998", at_most=True),
        Claim("matrix-formula", "lines of the backward pass", 6, back_lines(), 0.0, SOURCE),
        Claim("matrix-formula", "equations of the graph", 30, equations, 0.0,
              "value and gradient", at_least=True),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """Every line, with the shapes that meet in it."""
    found = formulas()
    with use_style(dark):
        figure, axes = plt.subplots(figsize=(9.0, 7.0))
        plot_formulas(found, axes, dark)
        axes.set_title(PAGE.title)
        axes.text(0.0, -0.02, "Orange: the reverse sweep.  "
                  f"n = {ROWS} images of {point()[4].shape[1]} pixels; ⊙ element by element.\n"
                  "Run as printed, the lines agree with the graph to "
                  f"{size_text(found.check())} of the largest element.",
                  transform=axes.transAxes, color=muted(dark), fontsize=9, va="top")  # fmt: skip
    return figure


if __name__ == "__main__":
    show(draw)
