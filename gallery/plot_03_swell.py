"""Formulas swell, programs do not
================================

Differentiate the n-th iterate of the logistic map lₙ₊₁ = 4lₙ(1 − lₙ) as a formula, and its
size grows about threefold with every step.  Eliminating common subexpressions brings it back to
a few operations more for each step, which is what automatic differentiation has from the start:
forward mode needs exactly 8(n − 1) operations for value and derivative together and reverse
mode two fewer, because an intermediate result has a name and is never written out twice.
"""

from __future__ import annotations

from functools import lru_cache

import matplotlib.pyplot as plt
import numpy as np
import sympy
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.differentiate.forward import pushforward_graph
from diffkit.differentiate.reverse import gradient_graph
from diffkit.plots.curves import Curve, plot_growth
from diffkit.plots.pages import Claim, Page
from diffkit.plots.style import use_style

SOURCE = "Baydin et al. 2018, table 1 (expression swell)"
PAGE = Page(
    name="swell",
    chapter="Automatic differentiation",
    title="Formulas swell, programs do not",
    concepts=("symbolic differentiation", "expression swell", "automatic differentiation"),
    question="Where do the 5,472 operations go when common parts are eliminated?",
    try_this='diffkit derive "4*x*(1-x)" --wrt x',
    source=SOURCE,
)

SIZES = tuple(range(2, 9))
TREE = (2, 21, 82, 264, 768, 2096, 5472)
ELIMINATED = (2, 12, 27, 45, 67, 93, 123)


def iterate(n: int):
    """The n-th iterate of the logistic map, l1 = x."""

    def logistic(x):
        for _ in range(n - 1):
            x = 4 * x * (1 - x)
        return x

    return logistic


@lru_cache(maxsize=1)
def formula_operations() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Operations of SymPy's derivative, as it stands and after common subexpressions."""
    x = sympy.Symbol("x")
    tree, eliminated = [], []
    for n in SIZES:
        derivative = sympy.diff(iterate(n)(x), x)
        parts, rest = sympy.cse(derivative)
        tree.append(int(sympy.count_ops(derivative)))
        eliminated.append(int(sum(sympy.count_ops(e) for e in [*rest, *(p for _, p in parts)])))
    return tuple(tree), tuple(eliminated)


@lru_cache(maxsize=1)
def program_operations() -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Operations of the forward and the reverse graph, value and derivative together."""
    graphs = [dk.trace(iterate(n), 0.2) for n in SIZES]
    forward = tuple(pushforward_graph(graph, (0,)).operations()["total"] for graph in graphs)
    reverse = tuple(gradient_graph(graph).operations()["total"] for graph in graphs)
    return forward, reverse


def numbers() -> list[Claim]:
    """The table of the survey, and the linear growth of both modes."""
    tree, eliminated = formula_operations()
    forward, reverse = program_operations()
    linear = [8 * (n - 1) for n in SIZES]
    return [
        Claim("swell", "operations of SymPy's derivative, n = 2…8", TREE, tree, 0.0, SOURCE),
        Claim("swell", "after eliminating common subexpressions", ELIMINATED, eliminated, 0.0,
              "sympy.cse"),
        Claim("swell", "forward mode: 8(n − 1)", linear, forward, 0.0, SOURCE),
        Claim("swell", "reverse mode: 8(n − 1) − 2", [k - 2 for k in linear], reverse, 0.0,
              "the cotangent 1 of the output is multiplied by nothing"),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """Operations against n on a logarithmic axis."""
    n = np.array(SIZES)
    tree, eliminated = formula_operations()
    forward, reverse = program_operations()
    hollow = {"linestyle": (0, (4, 2)), "fillstyle": "none", "markeredgewidth": 1.6}
    curves = [
        Curve(f"symbolic,\nas a formula: {tree[-1]:,}", "symbolic", n, np.array(tree)),
        Curve(f"symbolic, common\nparts once: {eliminated[-1]}", "symbolic", n,
              np.array(eliminated), hollow),
        Curve(f"forward mode: {forward[-1]}", "forward", n, np.array(forward)),
        Curve(f"reverse mode: {reverse[-1]}", "reverse", n, np.array(reverse)),
    ]  # fmt: skip
    with use_style(dark):
        figure, axes = plt.subplots()
        axes.set_yscale("log")
        axes.set_ylim(1.4, 9000)
        axes.set_xlim(1.8, 8.15)
        plot_growth(curves, axes=axes, dark=dark)
        axes.set_xticks(SIZES)
        axes.set_yticks([2, 10, 100, 1000, 5000], ["2", "10", "100", "1,000", "5,000"])
        axes.minorticks_off()
        axes.set_xlabel("n, iterates of the logistic map")
        axes.set_ylabel("operations")
        axes.set_title(PAGE.title)
    return figure


if __name__ == "__main__":
    draw()
    plt.show()
