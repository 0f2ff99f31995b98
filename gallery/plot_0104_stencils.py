"""One more point, one more order
==============================

A stencil is a row of weights.  Fornberg's recurrence gives them for any points, as exact fractions:
the five-point row is 1/12, −2/3, 0, 2/3, −1/12.  With p + 1 neighbouring points the error falls as
hᵖ, so at h = 0.1 each point is worth about a digit.  Odd orders lean to one side.  Dots are errors
in doubles, lines those without rounding; the lowest points are where a double ends.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from diffkit.differentiate.finite import derivative_errors
from diffkit.differentiate.stencils import Stencil, fornberg, stencil_of
from diffkit.lazy import mp
from diffkit.plots.curves import slope
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.steps import plot_stencil, power_text, stencil_shade
from diffkit.plots.style import label_lines, muted, style_of, use_style

SOURCE = "Fornberg 1988"
PAGE = Page(
    name="stencils",
    chapter="Derivatives",
    title="One more point, one more order",
    concepts=("derivative", "finite differences"),
    question="Why is a row of 25 points seldom worth its evaluations?",
    try_this='diffkit steps "exp(x)" --at 1 --accuracy 2 --accuracy 4 --accuracy 8',
    source=SOURCE,
    alt="Left: the weights of eight difference quotients as stems, from two to nine points. "
    "Right: their errors against the step, eight straight lines that are steeper the more "
    "points there are, until they meet a cloud of rounding errors.",
)

ORDERS = range(1, 9)
AT = 1.0
STEPS = np.logspace(-4, 0, 49)
ASYMPTOTIC = np.logspace(-4, -3, 9)
DIGITS = 60
FIVE_POINT = [Fraction(1, 12), Fraction(-2, 3), Fraction(0), Fraction(2, 3), Fraction(-1, 12)]


def row_of(order: int) -> Stencil:
    """The stencil on order + 1 neighbouring points."""
    return stencil_of(tuple(range(-(order // 2), order + 1 - order // 2)))


@cache
def exact_errors(order: int, steps: tuple[float, ...]) -> np.ndarray:
    """Errors of the derivative of exp at 1 without rounding."""
    row = row_of(order)
    with mp.workdps(DIGITS):
        found = []
        for h in map(mp.mpf, steps):
            parts = [mp.mpf(w.numerator) / w.denominator * mp.exp(AT + k * h)
                     for k, w in zip(row.offsets, row.weights, strict=True)]  # fmt: skip
            found.append(float(abs(mp.fsum(parts) / h - mp.e)))
    return np.array(found)


def worst_moment(order: int) -> float:
    """How far the stencil is from exact for polynomials up to its order, in exact arithmetic."""
    row = row_of(order)
    moments = [
        sum(w * k**n for k, w in zip(row.offsets, row.weights, strict=True)) - (n == 1)
        for n in range(order + 1)
    ]
    return float(max(abs(moment) for moment in moments))


def numbers() -> list[Claim]:
    """Slopes, the weights that the paper prints, and exactness for polynomials."""
    slopes = [slope(ASYMPTOTIC, exact_errors(p, tuple(ASYMPTOTIC))) for p in ORDERS]
    five = [float(w - v) for w, v in zip(fornberg((-2, -1, 0, 1, 2)), FIVE_POINT, strict=True)]
    return [
        Claim("stencils", "slopes of the error with 2 to 9 points", [float(p) for p in ORDERS],
              slopes, 0.01, "Taylor's theorem"),
        Claim("stencils", "five-point weights minus 1/12, −2/3, 0, 2/3, −1/12", [0.0] * 5, five,
              0.0, SOURCE),
        Claim("stencils", "error for polynomials of degree up to the order, in exact arithmetic",
              0.0, max(worst_moment(p) for p in ORDERS), 0.0, SOURCE),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """The weights as stems, and errors against the step."""
    with use_style(dark):
        figure = plt.figure(figsize=(9.6, 4.8))
        parts = figure.subfigures(1, 2, width_ratios=(1.0, 1.15))
        left, right = list(np.ravel(np.asarray(parts)))
        cells = left.subplots(4, 2, sharex=True, sharey=True)
        for p in ORDERS:
            axes = cells[(p - 1) % 4, (p - 1) // 4]
            plot_stencil(row_of(p), ax=axes, dark=dark, label=f"{p + 1} points")
            axes.set(ylim=(-1.35, 2.1), xlim=(-4.7, 4.7), yticks=[-1, 0, 1], xticks=range(-4, 5, 2))
            axes.grid(False)
        for axes in cells[-1]:
            axes.set_xlabel("offset in steps")
        left.supylabel("weight", fontsize=10)
        cells[0, 0].set_title(PAGE.title)
        errors_panel(right.subplots(), dark)
    return figure


def errors_panel(axes: Axes, dark: bool) -> None:
    """Errors of the derivative of exp at 1 against the step."""
    axes.set(xscale="log", yscale="log", xlim=(1e-4, 1.0), ylim=(1e-16, 300.0))
    labels, ink = [], style_of("finite").text_colour(dark)  # the palest shades cannot be read
    for p in ORDERS:
        colour = stencil_shade(p - 1, len(ORDERS), dark)
        axes.plot(STEPS, exact_errors(p, tuple(STEPS)), color=colour, linewidth=1.4)
        measured = derivative_errors(np.exp, AT, STEPS, row_of(p), np.e)
        axes.plot(STEPS, np.maximum(measured, 1.2e-16), ".", color=colour, markersize=3.5)
        words = f"{p + 1} points: {power_text('h', p)}"
        labels.append((1.0, exact_errors(p, (1.0,))[0], words, ink))
    label_lines(axes, labels)
    axes.text(1.2e-4, 1.3e-10, "rounding", color=muted(dark), fontsize=9)
    axes.set_xlabel("step h")
    axes.set_ylabel("absolute error of exp′(1)")


if __name__ == "__main__":
    show(draw)
