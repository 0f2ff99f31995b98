"""Each column gains two orders, until rounding takes them back
============================================================

Central differences err by a series in h², so two of them with steps h and h/2 give a third number
without the first term, and three a fourth.  The colour of a cell is the error of its number.  Down
a column the step is halved, and errors fall as h², h⁴, h⁶, …; to the right a term is eliminated.
Each long row ends in one colour: there rounding is what is left.  The frame is the entry that
``dk.step_size`` takes, which knows nothing of the errors, only how little an entry differs from
the two that it was made of.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.comparison.steps import StepSize
from diffkit.comparison.steps_tableau import Tableau
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.steps import plot_tableau
from diffkit.plots.style import INK, muted, use_style

SOURCE = "Richardson 1911; Ridders 1982"
PAGE = Page(
    name="richardson",
    chapter="Derivatives",
    title="Each column gains two orders, until rounding takes them back",
    concepts=("derivative", "finite differences", "rounding"),
    question="Why does the chosen entry not lie in the last column?",
    try_this='diffkit steps "exp(sin(x))" --at x=1.1 --tableau',
    source=SOURCE,
    alt="A triangular table of errors, coloured from large to small. Errors fall down each "
    "column and from column to column until rounding stops them; a frame marks the entry "
    "that is chosen.",
)

AT = 1.1
ORDERS = (2, 4, 6)


def f(x: Any) -> Any:
    """A function with all its derivatives."""
    return np.exp(np.sin(x))


@cache
def found() -> StepSize:
    """Steps, stencils and the tableau at the point."""
    return dk.step_size(f, AT)


def tableau() -> Tableau:
    """Richardson's tableau of central differences."""
    return found().richardson


def errors() -> np.ndarray:
    """The errors of all entries that could be chosen."""
    return np.array([found().error_of(x) for column in tableau().columns for x in column])


def numbers() -> list[Claim]:
    """Observed orders, and what extrapolation gains."""
    chosen, plain = found().error_of(tableau().value), found()["central"]
    least = float(np.spacing(tableau().value)) / 2
    return [
        *(
            Claim("richardson", f"order observed in column {j + 1}", float(order),
                  tableau().observed(j), 0.2, "Taylor's theorem")
            for j, order in enumerate(ORDERS)
        ),
        Claim("richardson", "digits gained over the best central difference", 3.5,
              float(np.log10(plain.error / max(chosen, least))), 1.5, SOURCE),
        Claim("richardson", "error of the chosen entry over its estimate", 1.0,
              chosen / tableau().error, 0.0, SOURCE, at_most=True),
        Claim("richardson", "error of the chosen entry", 1e-13, chosen, 0.0, SOURCE, at_most=True),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """The tableau, coloured by the error of each entry."""
    with use_style(dark):
        figure, axes = plt.subplots(figsize=(7.6, 4.6))
        mesh = plot_tableau(tableau(), found().exact, ax=axes, dark=dark)
        bar = figure.colorbar(mesh, ax=axes, pad=0.02)
        bar.set_label("log₁₀ of the absolute error")
        bar.outline.set_visible(False)  # type: ignore[operator]
        axes.text(0.98, 0.80, "in the frame: chosen, since\nit differs least from the\ntwo it was "
                  "made of", transform=axes.transAxes, ha="right", va="top", fontsize=9.5,
                  color=INK[dark])  # fmt: skip
        axes.text(0.98, 0.97, "derivative of exp(sin x) at 1.1\nfrom central differences",
                  transform=axes.transAxes, ha="right", va="top", fontsize=9.5,
                  color=muted(dark))  # fmt: skip
        axes.set_title(PAGE.title)
    return figure


if __name__ == "__main__":
    show(draw)
