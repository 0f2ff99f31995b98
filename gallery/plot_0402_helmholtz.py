"""Fifty inputs, and the gradient still costs two functions
========================================================

The Helmholtz energy of a mixture is the function on which reverse mode was first shown to be
cheap (Griewank 1989).  Counted for every n from 1 to 50, finite differences cost n functions,
forward mode 2n, and reverse mode between two and three, falling towards two: for each product of
the function the sweep makes two more.  The formula with its common parts found comes close to
that here; written out it costs more than either.  The dots are what reverse mode took on this
computer, in time.
"""

from __future__ import annotations

from functools import cache

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.comparison.cost import measure
from diffkit.comparison.swell import Swell
from diffkit.comparison.swell_families import mixture
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines.calling import runner_of
from diffkit.graph.ir import Graph
from diffkit.plots.pages import Claim, Page
from diffkit.plots.style import colour_of, label_lines, line_of_method, muted, style_of, use_style
from diffkit.plots.swell import HOLLOW

SOURCE = "Griewank 1989; Baydin et al. 2018, figure 6"
PAGE = Page(
    name="helmholtz",
    chapter="Cost",
    title="Fifty inputs, and the gradient still costs two functions",
    concepts=("gradient", "automatic differentiation", "cheap gradient principle"),
    question="Why does the line of reverse mode fall as n grows?",
    try_this="diffkit swell helmholtz --sizes 1,10,50 --methods reverse,forward,finite",
    source=SOURCE,
)

SIZES = tuple(range(1, 51))
FORMULA_SIZES = (1, 2, 3, 4, 6)  # larger formulas take SymPy seconds
LOWEST, HIGHEST = 1.5, 4.0  # of reverse mode, in the figure of the survey
TIMED = (1, 2, 5, 10, 20, 50)
TIME_BUDGET = 0.03  # seconds for each timed point


@cache
def counts() -> Swell:
    """The methods that run programs, for every n."""
    return dk.swell("helmholtz", SIZES, ("reverse", "forward", "finite"))


@cache
def sweeps() -> Swell:
    """Both sweeps, for some n."""
    return dk.swell("helmholtz", TIMED, ("symbolic", "reverse"))


@cache
def formulas() -> Swell:
    """The formula, written out and eliminated, for as long as SymPy is quick."""
    return dk.swell("helmholtz", FORMULA_SIZES, ("tree", "joint"))


@cache
def times() -> tuple[float, ...]:
    """Processor time of value and gradient over that of the function, on this computer."""
    found = []
    for n in TIMED:
        f, x = mixture(n)
        graph = dk.trace(f, x)
        own, both = (seconds(one, x) for one in (graph, gradient_graph(graph)))
        found.append(both / own)
    return tuple(found)


def seconds(graph: Graph, x: np.ndarray) -> float:
    """Processor time of one run."""
    run = runner_of(graph)
    return measure(lambda: run([x]), TIME_BUDGET).seconds


def over(table: Swell, form: str) -> list[float]:
    """Operations over those of the function, size by size."""
    return [table[form][size].over for size in table.sizes]


def numbers() -> list[Claim]:
    """Counted operations; of the times nothing is claimed."""
    last = SIZES[-1]
    found = {form: over(counts(), form) for form in counts()}
    return [
        Claim("helmholtz", "sizes n = 1…50 at which reverse mode is outside 1.5 to 4 functions", 0,
              sum(not LOWEST <= ratio <= HIGHEST for ratio in found["reverse"]), 0.0, SOURCE),
        Claim("helmholtz", "reverse mode over the function, n = 1", 2.81, found["reverse"][0],
              0.005, "counted"),
        Claim("helmholtz", "reverse mode over the function, n = 50", 2.04,
              found["reverse"][-1], 0.005, "each product of f becomes two"),
        Claim("helmholtz", "finite differences over the function, divided by n = 50", 1.0,
              found["finite"][-1] / last, 0.05, SOURCE),
        Claim("helmholtz", "forward mode over the function, divided by n = 50", 2.0,
              found["forward"][-1] / last, 0.1, "a product has two tangent products"),
        Claim("helmholtz", "sizes at which symbolic on the graph differs from reverse mode", 0,
              sum(a != b for a, b in zip(*map(sweeps().operations, sweeps()), strict=True)), 0.0,
              "Laue 2019"),
        Claim("helmholtz", "formula and value, common parts once, n = 6", 2.4,
              over(formulas(), "joint")[-1], 0.05, "sympy.cse"),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """Counted cost over n, and the measured times of reverse mode as small dots."""
    with use_style(dark):
        figure, axes = plt.subplots(figsize=(8.2, 4.6))
        axes.set(xscale="log", yscale="log", xlim=(0.93, 52), ylim=(0.75, 150))
        band(axes, dark)
        labels = []
        for method in ("finite", "forward", "reverse"):
            y = over(counts(), method)
            axes.plot(SIZES, y, **{**line_of_method(method, dark), "marker": "none"})
            text = f"{style_of(method).label}: {y[-1]:.3g}"
            labels.append((SIZES[-1], y[-1], text, style_of(method).text_colour(dark)))
        for form, options in (("tree", {}), ("joint", HOLLOW)):
            style = {**line_of_method("symbolic", dark), "markersize": 4, **options}
            axes.plot(FORMULA_SIZES, over(formulas(), form), **style)
        axes.plot(TIMED, times(), linestyle="none", marker=".", markersize=5,
                  color=colour_of("reverse", dark), alpha=0.7)  # fmt: skip
        axes.axhline(1.0, color=muted(dark), linewidth=1.0, linestyle=(0, (4, 3)), zorder=0.5)
        axes.set_xticks([1, 2, 5, 10, 20, 50], ["1", "2", "5", "10", "20", "50"])
        axes.set_yticks([1, 2, 5, 10, 50, 100], ["1", "2", "5", "10", "50", "100"])
        axes.minorticks_off()
        axes.set_xlabel("substances n, which are the inputs")
        axes.set_ylabel("operations of the gradient over those of f")
        axes.set_title(PAGE.title)
        label_lines(axes, labels)
    return figure


def band(axes: Axes, dark: bool) -> None:
    """Where the survey has reverse mode, in words too."""
    axes.axhspan(LOWEST, HIGHEST, color=colour_of("reverse", dark), alpha=0.1, linewidth=0)
    ink = style_of("symbolic").text_colour(dark)
    tree, joint = over(formulas(), "tree")[-1], over(formulas(), "joint")[-1]
    axes.text(FORMULA_SIZES[-1] * 0.92, tree, f"formula, written out: {tree:.0f} at n = 6",
              color=ink, fontsize=9, ha="right", va="bottom")  # fmt: skip
    axes.text(FORMULA_SIZES[-1] * 1.08, joint * 1.06, f"formula, common parts once: {joint:.1f}",
              color=ink, fontsize=9, va="bottom")  # fmt: skip
    axes.text(52, 1.13, "dots: time on this computer", color=muted(dark), fontsize=9, ha="right")
    axes.text(1.0, 0.97, "f itself", color=muted(dark), fontsize=9, va="top")


if __name__ == "__main__":
    draw()
    plt.show()
