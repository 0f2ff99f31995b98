"""Reverse mode costs two functions, however many inputs there are
=================================================================

The Helmholtz energy of a mixture of n substances has n inputs and one output.  Finite
differences, the complex step and forward mode go through it once or twice for every input, so
their cost over that of the function grows like n.  Reverse mode goes through it once, and back
once.  The symbolic derivative keeps up in operations only after its common parts have been
found; written out, it has swollen beyond any use.  The numbers on the left are counted and hold
everywhere; the times on the right are those of this computer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

import diffkit as dk
from diffkit.comparison.cases import helmholtz
from diffkit.comparison.cost import measure
from diffkit.differentiate.api import differentiate_flat
from diffkit.differentiate.function import Function
from diffkit.plots.pages import Claim, Page
from diffkit.plots.style import METHODS_STYLE, label_lines, line_of_method, muted, use_style

SOURCE = "Griewank 1989; Baydin et al. 2018, figure 6"
PAGE = Page(
    name="cost",
    chapter="Cost",
    title="Reverse mode costs two functions, however many inputs there are",
    concepts=("gradient", "automatic differentiation", "cheap gradient principle"),
    question="Which method would you take for 2 inputs, and which for 2 million?",
    try_this="diffkit compare --case helmholtz",
    source=SOURCE,
)

SIZES = (1, 2, 3, 5, 8, 12, 20, 32, 50)
MOST_SYMBOLIC = 12  # beyond it the formula takes seconds to write
LARGEST = SIZES[-1]
METHODS = ("symbolic", "finite", "complex", "forward", "reverse")
CHEAP_GRADIENT = 5.0  # Griewank & Walther 2008, section 4.6
TOP = 420.0  # of the picture, unless a slow computer needs more
TIME_BUDGET = 0.03  # seconds for each point of the right-hand picture


def point(n: int) -> np.ndarray:
    """The amounts of the substances."""
    return np.linspace(1.0, 3.0, n) if n > 1 else np.array([1.0])


@dataclass(frozen=True)
class Cost:
    """One method at one size: runs of f, operations over those of f, time over that of f."""

    evaluations: int
    ratio: float
    time: float


@cache
def cost(method: str, n: int, accuracy: int = 2) -> Cost:
    """What the gradient costs; ``accuracy`` is that of the difference quotient."""
    x = point(n)
    chosen = dk.methods.Finite(accuracy) if method == "finite" else method
    function: Any = Function(helmholtz)  # captured once, so that only runs are timed
    flops = dk.trace(helmholtz, x).flops()
    _, result = differentiate_flat(function, (x,), {}, chosen)
    taken = measure(lambda: differentiate_flat(function, (x,), {}, chosen), TIME_BUDGET)
    return Cost(result.evaluations, result.flops / flops, taken.seconds / own_time(n))


@cache
def own_time(n: int) -> float:
    """Seconds of the function itself, by the way that every method runs it."""
    bound = Function(helmholtz).bind((point(n),), {})
    bound.graph_for(bound.leaves)
    return measure(lambda: bound.values(bound.leaves), TIME_BUDGET).seconds


def sizes(method: str) -> list[int]:
    """The numbers of inputs that a method is shown at."""
    return [n for n in SIZES if method != "symbolic" or n <= MOST_SYMBOLIC]


def numbers() -> list[Claim]:
    """Runs of the function, and operations over those of the function."""
    n = LARGEST
    flat = [cost("reverse", size).ratio for size in SIZES]
    claims = [
        Claim("cost", f"{words}, n = {n}", expected, found, 0.0, SOURCE)
        for words, expected, found in (
            ("runs of f, forward difference: n + 1", n + 1, cost("finite", n, 1).evaluations),
            ("runs of f, central difference: 2n + 1", 2 * n + 1, cost("finite", n).evaluations),
            ("runs of f, complex step: n + 1", n + 1, cost("complex", n).evaluations),
            ("sweeps of forward mode: n", n, cost("forward", n).evaluations),
            ("sweeps of reverse mode: 1", 1, cost("reverse", n).evaluations),
        )
    ]
    return [
        *claims,
        Claim("cost", "operations of reverse mode over those of f, largest over n",
              CHEAP_GRADIENT, max(flat), 0.0, "Griewank & Walther 2008, section 4.6",
              at_most=True),
        Claim("cost", "reverse mode, operations over those of f at n = 50", 2.0, flat[-1], 0.01,
              "each product of f becomes two"),
        Claim("cost", "forward mode, the same divided by n", 2.0,
              cost("forward", n).ratio / n, 0.05, "a product has two tangent products"),
        Claim("cost", "central differences, the same divided by n", 2.0,
              cost("finite", n).ratio / n, 0.05, "two runs per input"),
        Claim("cost", "complex step, the same divided by n", 4.0,
              cost("complex", n).ratio / n, 0.05, "a complex product is four real ones"),
    ]  # fmt: skip


def panel(axes: Axes, quantity: str, dark: bool) -> None:
    """One quantity of every method against n, labelled where the lines end."""
    axes.set(xscale="log", yscale="log", xlim=(0.9, 55))
    labels = []
    for method in METHODS:
        x = sizes(method)
        y = [getattr(cost(method, n), quantity) for n in x]
        style = METHODS_STYLE[method]
        axes.plot(x, y, **{**line_of_method(method, dark), "markersize": 4})
        labels.append((x[-1], y[-1], style.label, style.text_colour(dark)))
    axes.axhline(1.0, color=muted(dark), linewidth=1.0, linestyle=(0, (4, 3)), zorder=0.5)
    axes.set_xticks([1, 10, LARGEST], ["1", "10", str(LARGEST)])
    axes.minorticks_off()
    axes.set_xlabel("inputs n")
    label_lines(axes, labels, size=8.5)
    halo = withStroke(linewidth=3, foreground=axes.get_facecolor())
    for text in axes.texts:  # one that ends early stands on the others' lines
        text.set_path_effects([halo])


def draw(dark: bool = False) -> Figure:
    """Operations (counted) and times (measured) over those of the function."""
    with use_style(dark):
        figure, (left, right) = plt.subplots(1, 2, sharey=True, figsize=(8.6, 4.2))
        highest = max(max(cost(m, n).ratio, cost(m, n).time) for m in METHODS for n in sizes(m))
        left.set_ylim(0.7, max(TOP, 2 * highest))
        panel(left, "ratio", dark)
        panel(right, "time", dark)
        left.set_yticks([1, 2, 5, 10, 100], ["1", "2", "5", "10", "100"])
        left.set_ylabel("cost of the gradient over that of f")
        left.set_title(PAGE.title)
        for axes, words in ((left, "operations, counted"), (right, "time, on this computer")):
            axes.text(0.02, 0.97, words, transform=axes.transAxes, fontsize=10, va="top",
                      color=muted(dark))  # fmt: skip
    return figure


if __name__ == "__main__":
    draw()
    plt.show()
