"""For a net only one exact method is affordable
==============================================

The loss of a net has thousands of inputs, its parameters, and one output.  Here all methods
differentiate two losses over 32 handwritten digits and are held against a truth of 100 digits: a
multilayer perceptron with 1,210 parameters, and a convolutional net with 690.  The exact methods
agree to the last bits in both.  Reverse mode has them for the price of two or three losses; the
others pay for each parameter, and the symbolic method gives up before its formula is written.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.comparison.cases import CASES
from diffkit.plots.comparison import plot_comparison
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import muted, use_style

PAGE = Page(
    name="net-methods",
    chapter="Cost",
    title="For a net only one exact method is affordable",
    concepts=("neural network", "CNN", "gradient", "automatic differentiation", "loss"),
    question="Why is forward mode ever used?",
    try_this="diffkit compare --case cnn-digits",
    source="Baydin et al. 2018, section 3; LeCun et al. 1998",
    alt="Two panels, a multilayer perceptron and a convolutional net: error against operations. "
    "Reverse mode lies close to the loss itself; forward mode and the complex step are "
    "equally exact and lie hundreds of times further to the right.",
)

NETS = {"mlp-digits": ("MLP 64-16-10", 1210), "cnn-digits": ("CNN of 4 filters", 690)}
METHODS = ("symbolic", "forward", "reverse", "complex", "finite")
EXACT = ("forward", "reverse", "complex")
CHEAP_GRADIENT = 5.0  # Griewank & Walther 2008, section 4.6


@cache
def comparison(name: str) -> Any:
    """All methods on one net, at drawn parameters."""
    case = CASES[name]
    return dk.compare(case.function, *case.args, methods=METHODS, argnums=case.argnums)


def numbers() -> list[Claim]:
    """Parameters, prices and errors for both nets."""
    claims = []
    for name, (words, parameters) in NETS.items():
        found = comparison(name)
        price = found["reverse"].operations / found.f_operations
        ratio = found["forward"].operations / found["reverse"].operations
        source = "Griewank & Walther 2008, section 4.6"
        claims += [
            Claim("net-methods", f"{words}: parameters", parameters,
                  sum(block.size for block in found["reverse"].blocks), 0.0, "counted by hand"),
            Claim("net-methods", f"{words}: operations of reverse mode over those of the loss",
                  CHEAP_GRADIENT, price, 0.0, source, at_most=True),
            Claim("net-methods", f"{words}: forward over reverse, operations, per parameter", 1.0,
                  ratio / parameters, 0.15, "one sweep for each parameter"),
            Claim("net-methods", f"{words}: median error of the exact methods, in ulps", 2.0,
                  max(found[method].median_ulp for method in EXACT), 0.0, "rounding",
                  at_most=True),
            Claim("net-methods", f"{words}: largest relative error of the exact methods", 1e-14,
                  max(found[method].errors.rel_error for method in EXACT), 0.0, "rounding",
                  at_most=True),
        ]  # fmt: skip
    return claims


def draw(dark: bool = False) -> Figure:
    """Error against operations, for the MLP above and the CNN below."""
    with use_style(dark):
        figure, panels = plt.subplots(2, 1, figsize=(7.2, 7.2))
        for axes, (name, (words, parameters)) in zip(panels, NETS.items(), strict=True):
            found = comparison(name)
            plot_comparison(found, axes=axes, dark=dark, title=" ")
            axes.axvline(found.f_operations, ymax=0.86, color=muted(dark), linewidth=1.2)
            axes.set_xlim(left=found.f_operations / 1.6)
            axes.annotate("the loss itself", (found.f_operations, 0.5), rotation=90, fontsize=9,
                          xycoords=("data", "axes fraction"), xytext=(4, 0), va="center",
                          textcoords="offset points", color=muted(dark))  # fmt: skip
            axes.annotate(f"{words}: {parameters:,} parameters", (1, 1), fontsize=10,
                          xycoords="axes fraction", xytext=(0, 6), ha="right", va="bottom",
                          textcoords="offset points", color=muted(dark))  # fmt: skip
        panels[0].set_xlabel("")
        panels[0].set_title(PAGE.title, pad=24)
    return figure


if __name__ == "__main__":
    show(draw)
