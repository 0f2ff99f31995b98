"""With ten inputs, reverse mode is exact for a tenth of the price
===============================================================

Six functions from papers, five methods: the price of a gradient against its error.  With one or two
inputs every method costs a few functions, and four of them agree with the truth but for rounding.
With ten inputs forward mode, the complex step and finite differences move to the right, since each
input takes a run of its own; reverse mode stays where it was, at most five times the function.  A
formula stays too, as long as its common parts are written once.  Only finite differences lie high.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.comparison.cases import CASES
from diffkit.plots.comparison import ulp_axis
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import METHODS_STYLE, muted, use_style

PAGE = Page(
    name="price-and-digits",
    chapter="Accuracy",
    title="With ten inputs, reverse mode is exact for a tenth of the price",
    concepts=("automatic differentiation", "rounding", "cheap gradient principle"),
    question="Which of the five would you take for a function of one input, and why?",
    try_this="diffkit compare --case rosenbrock",
    source="the papers of the cases: Baydin et al. 2018, Squire & Trapp 1998, Griewank 1989",
    alt="Error against price of a gradient, one marker for each function and method. With ten "
    "inputs reverse mode and the symbolic form stay left of five functions, the other "
    "methods move to the right; finite differences lie highest.",
)

FEW = ("baydin", "logistic-map", "squire-trapp")
MANY = ("rosenbrock", "speelpenning", "helmholtz")
INPUTS = 10
EXACT = ("symbolic", "forward", "reverse", "complex")
METHODS = (*EXACT, "finite")
CHEAP_GRADIENT = 5.0  # Griewank & Walther 2008, section 4.6
DIGITS = 50  # of the truth
# Where each method's name stands: beside its points of ten inputs.
LABELS = {
    "symbolic": (2.9, 190, "left"), "forward": (16.5, 240, "right"),
    "reverse": (1.28, 190, "left"), "complex": (34.0, 240, "left"), "finite": (26, 2e6, "left"),
}  # fmt: skip


@cache
def comparison(name: str) -> Any:
    """All methods on one case, with ten inputs if it can have them."""
    case = CASES[name]
    args = case.sized(INPUTS) if case.sized else case.args
    return dk.compare(case.function, *args, methods=METHODS, argnums=case.argnums, digits=DIGITS,
                      engine="interpret")  # fmt: skip


def price(name: str, method: str) -> float:
    """Operations of the gradient over those of the function."""
    return comparison(name)[method].operations / comparison(name).f_operations


def error(name: str, method: str) -> float:
    """The largest error of a derivative, in ulps."""
    return comparison(name)[method].max_ulp


def numbers() -> list[Claim]:
    """Prices and errors over the six functions."""
    every = FEW + MANY
    worst = max(error(name, method) for name in every for method in EXACT)
    least = min(error(name, "finite") for name in every)
    sweeps = [price(name, "reverse") / price(name, "forward") for name in MANY]
    return [
        Claim("price-and-digits", "reverse mode over the function, dearest of six",
              CHEAP_GRADIENT, max(price(name, "reverse") for name in every), 0.0,
              "Griewank & Walther 2008, section 4.6", at_most=True),
        Claim("price-and-digits", "reverse over forward mode with ten inputs, dearest of three",
              0.1, max(sweeps), 0.0, "one sweep instead of ten", at_most=True),
        Claim("price-and-digits", "largest error of the four exact methods, in ulps", 50.0, worst,
              0.0, "rounding of up to 435 operations", at_most=True),
        Claim("price-and-digits", "the same over the least error of finite differences", 1e-3,
              worst / least, 0.0, "they lose at least three digits more", at_most=True),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """Every method on every function."""
    with use_style(dark):
        figure, axes = plt.subplots(figsize=(7.6, 4.5))
        largest = max(error(name, "finite") for name in FEW + MANY)
        ulp_axis(axes, largest, dark)
        axes.set(xscale="log", xlim=(1.15, 150))
        for method in METHODS:
            style = METHODS_STYLE[method]
            for names, face in ((FEW, "none"), (MANY, style.colour(dark))):
                axes.plot([price(name, method) for name in names],
                          [error(name, method) for name in names], style.marker, markersize=8.5,
                          color=style.colour(dark), markerfacecolor=face, markeredgewidth=1.6,
                          linestyle="none")  # fmt: skip
            x, y, side = LABELS[method]
            axes.text(x, y, style.label, color=style.text_colour(dark), ha=side, fontsize=9.5)
        axes.axvline(CHEAP_GRADIENT, color=muted(dark), linewidth=1.0, linestyle=(0, (4, 3)))
        axes.text(CHEAP_GRADIENT * 1.04, 4e8, "5 × the function", color=muted(dark), fontsize=9,
                  va="top")  # fmt: skip
        axes.text(0.99, 0.02, "filled: ten inputs; hollow: one or two", color=muted(dark),
                  fontsize=9, ha="right", transform=axes.transAxes)  # fmt: skip
        axes.set_xticks([2, 5, 10, 20, 50, 100], ["2", "5", "10", "20", "50", "100"])
        axes.minorticks_off()
        axes.set_xlabel("operations of the gradient, over those of the function")
        axes.set_title(PAGE.title)
    return figure


if __name__ == "__main__":
    show(draw)
