"""Formulas swell, programs do not
================================

Differentiate the n-th iterate of the logistic map lₙ₊₁ = 4lₙ(1 − lₙ) as a formula, and its
size grows about threefold with every step.  Eliminating common subexpressions takes nearly
all of that back; automatic differentiation has a few operations per step from the start:
forward mode needs exactly 8(n − 1) operations for value and derivative together and reverse
mode two fewer, because an intermediate result has a name and is never written out twice.
"""

from __future__ import annotations

from functools import cache

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.comparison.swell import Swell
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import use_style
from diffkit.plots.swell import plot_swell

SOURCE = "Baydin et al. 2018, table 1 (expression swell)"
PAGE = Page(
    name="swell",
    chapter="Automatic differentiation",
    title="Formulas swell, programs do not",
    concepts=("symbolic differentiation", "expression swell", "automatic differentiation"),
    question="Where do the 5,472 operations go when common parts are eliminated?",
    try_this="diffkit swell logistic",
    source=SOURCE,
    alt="Operations against the number of iterates, on a logarithmic axis: the written-out "
    "formula climbs steeply, with common parts found once it climbs gently, and forward and "
    "reverse mode lie together at the bottom.",
)

SIZES = tuple(range(2, 9))
TREE = (2, 21, 82, 264, 768, 2096, 5472)
ELIMINATED = (2, 12, 27, 45, 67, 93, 123)


@cache
def counts() -> Swell:
    """The derivative of every iterate in five forms."""
    return dk.swell("logistic", SIZES, ("tree", "cse", "forward", "symbolic", "reverse"))


def numbers() -> list[Claim]:
    """The table of the survey, and the linear growth of both modes."""
    found = {form: tuple(n or 0 for n in counts().operations(form)) for form in counts()}
    linear = [8 * (n - 1) for n in SIZES]
    return [
        Claim("swell", "operations of SymPy's derivative, n = 2…8", TREE, found["tree"], 0.0,
              SOURCE),
        Claim("swell", "after eliminating common subexpressions", ELIMINATED,
              found["cse"], 0.0, "sympy.cse"),
        Claim("swell", "forward mode: 8(n − 1)", linear, found["forward"], 0.0, SOURCE),
        Claim("swell", "reverse mode: 8(n − 1) − 2", [k - 2 for k in linear],
              found["reverse"], 0.0,
              "the cotangent 1 of the output is multiplied by nothing"),
        Claim("swell", "symbolic on the shared graph: the same", found["reverse"],
              found["symbolic"], 0.0, "Laue 2019"),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """Operations against n on a logarithmic axis."""
    with use_style(dark):
        figure, axes = plt.subplots()
        plot_swell(counts(), axes=axes, dark=dark, title=PAGE.title)
        axes.set_yticks([2, 10, 100, 1000, 5000], ["2", "10", "100", "1,000", "5,000"])
        axes.minorticks_off()
        axes.set_xlabel("n, iterates of the logistic map")
    return figure


if __name__ == "__main__":
    show(draw)
