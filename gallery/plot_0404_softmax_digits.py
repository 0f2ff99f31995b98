"""For 650 parameters, reverse mode is over 600 times cheaper
==========================================================

A softmax classifier has 650 parameters and one loss, here over 256 handwritten digits.  Finite
differences, the complex step and forward mode run the program once or twice for each
parameter; reverse mode runs it once, and its median error is about one unit in the last place, like
that of the other exact methods.  This is why networks are trained by backpropagation.
"""

from __future__ import annotations

from functools import lru_cache

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.comparison.cases import CASES
from diffkit.plots.comparison import plot_comparison
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import muted, use_style

CASE = CASES["softmax-digits-small"]
PAGE = Page(
    name="softmax-digits",
    chapter="Cost",
    title="For 650 parameters, reverse mode is over 600 times cheaper",
    concepts=("gradient", "softmax classifier", "cross-entropy", "automatic differentiation"),
    question="What would change with 650,000 parameters?",
    try_this="diffkit compare --case softmax-digits",
    source=CASE.source,
    alt="Error against operations of five methods on one loss. The exact methods have small "
    "errors; reverse mode lies far to the left of forward mode, and an arrow between them "
    "says how many times cheaper it is.",
)

DIGITS = 40  # of the truth: twice what a double can show
ARROW_AT = 2e4  # ulps: between the exact methods and finite differences
CHEAP_GRADIENT = 5.0  # Griewank & Walther 2008, section 4.6
METHODS = ("symbolic", "forward", "reverse", "complex", "finite")


@lru_cache(maxsize=1)
def comparison():
    """All methods on the loss, at small random weights."""
    return dk.compare(
        CASE.function, *CASE.args, methods=METHODS, argnums=CASE.argnums, digits=DIGITS
    )


def numbers() -> list[Claim]:
    """The price of the gradient by each method, and the errors of the exact ones."""
    found = comparison()
    reverse, forward = found["reverse"], found["forward"]
    price = reverse.operations / found.f_operations
    exact = [found[name] for name in ("forward", "reverse", "complex")]
    return [
        Claim("softmax-digits", "parameters", 650,
              sum(block.size for block in reverse.blocks), 0.0, "64 × 10 weights and 10 biases"),
        Claim("softmax-digits", "operations of reverse mode over those of the loss",
              CHEAP_GRADIENT, price, 0.0, "Griewank & Walther 2008, section 4.6", at_most=True),
        Claim("softmax-digits", "forward over reverse: operations", 650.0,
              forward.operations / reverse.operations, 60.0, "one sweep for each parameter"),
        Claim("softmax-digits", "median error of the exact methods, in ulps", 2.0,
              max(report.median_ulp for report in exact), 0.0, "rounding", at_most=True),
        Claim("softmax-digits", "largest relative error of the exact methods", 1e-14,
              max(report.errors.rel_error for report in exact), 0.0, "rounding", at_most=True),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """Error against operations for all methods."""
    with use_style(dark):
        figure, axes = plt.subplots()
        found = comparison()
        plot_comparison(found, axes=axes, dark=dark, title=PAGE.title)
        reverse, forward = found["reverse"].operations, found["forward"].operations
        arrow = {"arrowstyle": "<|-|>", "color": muted(dark), "linewidth": 1.2}
        axes.annotate("", (reverse, ARROW_AT), (forward, ARROW_AT), arrowprops=arrow)
        words = f"{forward / reverse:.0f} times the operations"
        middle = (reverse * forward) ** 0.5
        axes.text(middle, ARROW_AT * 2, words, ha="center", fontsize=9, color=muted(dark))
        axes.axvline(found.f_operations, ymax=0.9, color=muted(dark), linewidth=1.2)
        axes.set_xlim(left=found.f_operations / 1.6)
        axes.annotate("the loss itself", (found.f_operations, 0.62), rotation=90, fontsize=9,
                      xycoords=("data", "axes fraction"), xytext=(4, 0), va="center",
                      textcoords="offset points", color=muted(dark))  # fmt: skip
    return figure


if __name__ == "__main__":
    show(draw)
