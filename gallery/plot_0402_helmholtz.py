"""Fifty inputs, and the gradient still costs two functions
========================================================

The Helmholtz energy of a mixture is the function on which reverse mode was first shown to be
cheap (Griewank 1989).  Counted for n from 1 to 50, finite differences cost n functions, forward
mode 2n, and reverse mode between two and three, falling towards two: nearly all products of the
function have a constant of the mixture as a factor, and for each the sweep makes one more.  The
formula with its common parts found comes close to that here; written out it costs more than
either, from n = 2 on.
"""

from __future__ import annotations

from functools import cache

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.comparison.cases import helmholtz
from diffkit.comparison.swell import Swell
from diffkit.differentiate.api import differentiate_flat
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import colour_of, label_lines, line_of_method, muted, style_of, use_style
from diffkit.plots.swell import HOLLOW

SOURCE = "Griewank 1989; Baydin et al. 2018, figure 6"
PAGE = Page(
    name="helmholtz",
    chapter="Cost",
    title="Fifty inputs, and the gradient still costs two functions",
    concepts=("gradient", "automatic differentiation", "cheap gradient principle"),
    question="Which method would you take for 2 inputs, and which for 2 million?",
    try_this="diffkit swell helmholtz --sizes 1,10,50 --methods reverse,forward,finite",
    source=SOURCE,
    alt="Cost of the gradient against the number of inputs on logarithmic axes: finite "
    "differences and forward mode rise in proportion to it, and reverse mode runs flat "
    "inside a shaded band and falls a little.",
)

SIZES = (*range(1, 21), *range(25, 51, 5))  # the counts in between lie on the lines
FORMULA_SIZES = (1, 2, 3, 4, 6)  # larger formulas take SymPy seconds
LOWEST, HIGHEST = 1.5, 4.0  # of reverse mode, in the figure of the survey
SWEPT = (1, 2, 5, 10, 20, 50)  # of the sizes


@cache
def counts() -> Swell:
    """The methods that run programs, for every size."""
    return dk.swell("helmholtz", SIZES, ("reverse", "forward", "finite"))


@cache
def sweeps() -> Swell:
    """SymPy's partials, chained backwards, for some of the sizes."""
    return dk.swell("helmholtz", SWEPT, ("symbolic",))


@cache
def formulas() -> Swell:
    """The formula, written out and eliminated, for as long as SymPy is quick."""
    return dk.swell("helmholtz", FORMULA_SIZES, ("tree", "joint"))


@cache
def runs(method: str) -> int:
    """How often a method goes through the function, with the most substances."""
    x = np.linspace(1.0, 3.0, SIZES[-1])
    _, result = differentiate_flat(helmholtz, (x,), {}, method)
    return result.evaluations


def over(table: Swell, form: str) -> list[float]:
    """Operations over those of the function, size by size."""
    return [table[form][size].over for size in table.sizes]


def numbers() -> list[Claim]:
    """Counted operations, and runs of the function."""
    last = SIZES[-1]
    found = {form: over(counts(), form) for form in counts()}
    return [
        Claim("helmholtz", "sizes from 1 to 50 at which reverse mode is outside 1.5 to 4 functions",
              0, sum(not LOWEST <= ratio <= HIGHEST for ratio in found["reverse"]), 0.0, SOURCE),
        Claim("helmholtz", "reverse mode over the function, n = 1", 2.81, found["reverse"][0],
              0.005, "counted"),
        Claim("helmholtz", "reverse mode over the function, n = 50", 2.04,
              found["reverse"][-1], 0.005, "each product of f becomes two"),
        Claim("helmholtz", "finite differences over the function, divided by n = 50", 1.0,
              found["finite"][-1] / last, 0.05, SOURCE),
        Claim("helmholtz", "forward mode over the function, divided by n = 50", 2.0,
              found["forward"][-1] / last, 0.1, "a product has two tangent products"),
        Claim("helmholtz", "sizes at which symbolic on the graph differs from reverse mode", 0,
              sum(sweeps()["symbolic"][n] != counts()["reverse"][n] for n in SWEPT), 0.0,
              "Laue 2019"),
        Claim("helmholtz", "formula and value, common parts once, n = 6", 2.4,
              over(formulas(), "joint")[-1], 0.05, "sympy.cse"),
        *(Claim("helmholtz", f"{words}, n = {last}", expected, runs(method), 0.0, SOURCE)
          for words, expected, method in (
              ("runs of f, central difference: 2n + 1", 2 * last + 1, "finite"),
              ("runs of f, complex step: n + 1", last + 1, "complex"),
              ("sweeps of forward mode: n", last, "forward"),
              ("sweeps of reverse mode: 1", 1, "reverse"))),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """Counted cost over n."""
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
    words = f"reverse mode in the survey: {LOWEST:g} to {HIGHEST:g}"
    axes.text(SIZES[-1] * 0.97, HIGHEST * 0.96, words, color=style_of("reverse").text_colour(dark),
              fontsize=9, ha="right", va="top")  # fmt: skip
    axes.text(1.0, 0.97, "f itself", color=muted(dark), fontsize=9, va="top")


if __name__ == "__main__":
    show(draw)
