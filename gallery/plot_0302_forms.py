"""'Simplified' loses three digits, and the shortest formula is among the worst
=============================================================================

Three steps of the logistic map, l₄(x) with lₙ₊₁ = 4lₙ(1 − lₙ), and its derivative: one polynomial
of degree seven, written in four ways.  They are equal as mathematics.  ``simplify`` multiplies
everything out, because that is shorter than what ``diff`` left; then terms of size 10⁵ are
added to give a number of size 1, and what was rounded in the terms stays.  Nested multiplication
(Horner) needs the fewest operations of all and cannot mend that.  The factors stay near their
zeros, and so do the digits; best is the formula that nobody would print.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.comparison.forms import FormComparison
from diffkit.plots.forms import plot_error_along, plot_size_and_error
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import muted, use_style

SOURCE = "the logistic map of Baydin et al. 2018, table 1; Higham 2002, section 5.1"
PAGE = Page(
    name="forms",
    chapter="Accuracy",
    title="'Simplified' loses three digits, and the shortest formula is among the worst",
    concepts=("derivative", "rounding", "cancellation", "expression swell"),
    question="Which of the formulas would you have chosen by looking at them?",
    try_this='diffkit derive "(x-1)**7" --forms --from 0.9 --to 1.1',
    source=SOURCE,
    alt="Left: four formulas of one derivative by length and error; the short ones have the "
    "larger errors. Right: their errors along the interval, where the expanded and the "
    "Horner form lie far above the form that differentiation left.",
)

FORMS = ("raw", "factored", "horner", "expanded", "simplified")
POINTS = np.linspace(0.01, 0.99, 197)
# Largest relative errors of the four forms; the last digits depend on the order of additions,
# the powers of ten do not.
KNOWN = {"raw": 4.4e-14, "factored": 3.3e-13, "horner": 2.9e-11, "expanded": 6.7e-11}
ORDER_OF_ADDITIONS = 0.4  # powers of ten


def l4(x: Any) -> Any:
    """Three steps of the logistic map from x."""
    for _ in range(3):
        x = 4 * x * (1 - x)
    return x


@cache
def comparison() -> FormComparison:
    """The forms of l₄′ at 197 points."""
    return dk.compare_forms(l4, POINTS, forms=FORMS, title="l₄", seconds=30.0)


def numbers() -> list[Claim]:
    """The errors of the forms, the digits between them, and their sizes."""
    report = comparison()
    errors = {name: report[name].max_relative for name in FORMS}
    lost = float(np.log10(errors["simplified"] / errors["raw"]))
    claims = [
        Claim("forms", f"power of ten of the largest relative error, {name}",
              float(np.log10(known)), float(np.log10(errors[name])), ORDER_OF_ADDITIONS, SOURCE)
        for name, known in KNOWN.items()
    ]  # fmt: skip
    return [
        *claims,
        Claim("forms", "digits that simplifying loses", 3.1, lost, 0.3, "100-digit truth"),
        Claim("forms", "operations as printed: raw, factored, Horner, expanded", [82, 22, 14, 20],
              [float(report[name].sizes["tree"] or 0) for name in KNOWN], 0.0,
              "sympy.count_ops"),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """Size against error, and the error along x."""
    with use_style(dark):
        figure, (left, right) = plt.subplots(
            1, 2, figsize=(9.4, 4.1), sharey=True, gridspec_kw={"width_ratios": (1.0, 1.45)}
        )
        plot_size_and_error(comparison(), axes=left, dark=dark)
        plot_error_along(comparison(), axes=right, dark=dark)
        left.set_title(PAGE.title)
        left.set_ylabel("relative error of l₄′ (left: the largest of 197)")
        right.text(0.02, 0.98, "at 197 points, and the running median", va="top",
                   transform=right.transAxes, color=muted(dark), fontsize=9)  # fmt: skip
    return figure


if __name__ == "__main__":
    show(draw)
