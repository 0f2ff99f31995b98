"""Chained backwards on the graph, a formula is reverse mode
==========================================================

Differentiate a net as a formula and eliminate common parts afterwards, and the formula stays
several functions large, more with every layer: 7.9 times the net 2-4-4-4-1.  Differentiate the
same net symbolically *on its shared graph*, from the last equation to the first, with local
derivatives that SymPy takes, and there is nothing to eliminate: what comes out is the graph of
reverse mode, operation for operation.  Swell belongs to trees, not to symbols (Laue 2019).
"""

from __future__ import annotations

from functools import cache

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.comparison.cases import CASES
from diffkit.comparison.swell import Swell
from diffkit.comparison.swell_families import FAMILIES
from diffkit.differentiate.equivalence import Equivalence, equivalence, normal_form
from diffkit.differentiate.scalars import scalar_graph
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import colour_of, muted, style_of, use_style
from diffkit.plots.swell import plot_swell

SOURCE = "Laue 2019, arXiv:1904.02990"
PAGE = Page(
    name="equivalence",
    chapter="Automatic differentiation",
    title="Chained backwards on the graph, a formula is reverse mode",
    concepts=("symbolic differentiation", "expression swell", "backward propagation"),
    question="What does elimination afterwards not find that the backward sweep has for free?",
    try_this="diffkit swell tanh-net",
    source=SOURCE,
    alt="Left: operations of the gradient over those of the net; the written-out formula climbs "
    "steeply with depth, eliminated afterwards it grows slowly, reverse mode stays flat. "
    "Right: for many functions a ring, the symbolic sweep, encloses a diamond, reverse "
    "mode.",
)

LAYERS = (1, 2, 3)
SMOOTH_CASES = ("baydin", "rosenbrock", "squire-trapp", "cancelled-cosine", "quadratic-root",
                "naive-variance", "hilbert", "rump", "wilkinson")  # fmt: skip
GROWING = {
    "logistic": (2, 4, 8, 16, 64, 256),
    "speelpenning": (2, 5, 20, 80),
    "helmholtz": (1, 3, 8, 20, 50),
    "tanh-net": (1, 2, 4, 8, 16),
}
MARK = 7.5


@cache
def net() -> Swell:
    """The tanh net 2-4-…-4-1 by its weights."""
    return dk.swell("tanh-net", LAYERS, ("tree", "joint", "symbolic", "reverse"))


@cache
def pairs() -> list[tuple[int, Equivalence]]:
    """Operations of the function, and both sweeps, for every function of the right picture."""
    subjects = [(CASES[name].function, *CASES[name].args) for name in SMOOTH_CASES]
    wrt = [CASES[name].argnums for name in SMOOTH_CASES]
    for name, sizes in GROWING.items():
        subjects += [FAMILIES[name].of(n) for n in sizes]
        wrt += [FAMILIES[name].argnums(n) for n in sizes]
    graphs = [dk.trace(*subject) for subject in subjects]
    own = [normal_form(scalar_graph(graph)).operations()["total"] for graph in graphs]
    return [(f, equivalence(graph, w)) for f, graph, w in zip(own, graphs, wrt, strict=True)]


def numbers() -> list[Claim]:
    """The counterexample of the design, and the equivalence for every function shown."""
    counts, last = net(), LAYERS[-1]
    found = [pair for _, pair in pairs()]
    own = counts.function[last]
    return [
        Claim("equivalence", "net 2-4-4-4-1: operations of (net − t)²", 102, own, 0.0,
              "counted"),
        Claim("equivalence", "its derivative by 57 weights, as a tree", 60463,
              counts["tree"][last].operations or 0, 0.0, "sympy.diff, sympy.count_ops"),
        Claim("equivalence", "value and derivative, differentiated, then eliminated", 810,
              counts["joint"][last].operations or 0, 0.0, "sympy.cse"),
        Claim("equivalence", "the same over the function", 7.9, counts["joint"][last].over, 0.05,
              "sympy.cse"),
        Claim("equivalence", "symbolic on the shared graph, over the function", 2.4,
              counts["symbolic"][last].over, 0.05, SOURCE),
        Claim("equivalence", "functions whose two sweeps count different operations", 0,
              sum(pair.symbolic != pair.reverse for pair in found), 0.0, SOURCE),
        Claim("equivalence", "functions whose two sweeps are the same equations", len(found),
              sum(pair.identical for pair in found), 0.0, SOURCE),
    ]  # fmt: skip


def same_operations(axes: Axes, dark: bool) -> None:
    """Both sweeps of every function: one mark lies in the other."""
    own = np.array([f for f, _ in pairs()])
    symbolic = np.array([pair.symbolic["total"] for _, pair in pairs()])
    reverse = np.array([pair.reverse["total"] for _, pair in pairs()])
    axes.set(xscale="log", yscale="log", xlim=(1.4, 9000), ylim=(1.4, 30000))
    ends = np.array([1.4, 9000.0])
    for factor in (1, 5):
        axes.plot(ends, factor * ends, color=muted(dark), linewidth=1.0, linestyle=(0, (4, 3)),
                  zorder=0.5)  # fmt: skip
    axes.plot(own, symbolic, linestyle="none", marker="o", markersize=MARK + 3, fillstyle="none",
              markeredgewidth=1.5, color=colour_of("symbolic", dark))  # fmt: skip
    axes.plot(own, reverse, linestyle="none", marker="D", markersize=MARK - 3,
              color=colour_of("reverse", dark))  # fmt: skip
    remark = {"color": muted(dark), "fontsize": 9, "va": "center"}
    axes.text(480, 330, "f itself", **remark)
    axes.text(30, 210, "five times f", ha="right", **remark)
    words = f"{len(own)} functions, {int((symbolic == reverse).sum())} times the same"
    axes.text(0.04, 0.95, words, transform=axes.transAxes, color=muted(dark), fontsize=9.5,
              va="top")  # fmt: skip
    axes.text(60, 22, "◯ symbolic on the graph", color=style_of("symbolic").text_colour(dark),
              fontsize=9.5)  # fmt: skip
    axes.text(60, 11, "◆ reverse mode", color=style_of("reverse").text_colour(dark), fontsize=9.5)
    axes.set_xticks([10, 100, 1000], ["10", "100", "1,000"])
    axes.set_yticks([10, 100, 1000, 10000], ["10", "100", "1,000", "10,000"])
    axes.minorticks_off()
    axes.set_xlabel("operations of f")
    axes.set_ylabel("operations of value and gradient")


def draw(dark: bool = False) -> Figure:
    """Left: one net that gets deeper.  Right: many functions, both sweeps."""
    with use_style(dark):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4.2), width_ratios=(1, 1))
        plot_swell(net(), axes=left, dark=dark, over=True, title=PAGE.title)
        left.set_yticks([1, 10, 100, 1000], ["1", "10", "100", "1,000"])
        left.minorticks_off()
        left.set_xlabel("hidden layers of the tanh net 2-4-…-4-1")
        same_operations(right, dark)
    return figure


if __name__ == "__main__":
    show(draw)
