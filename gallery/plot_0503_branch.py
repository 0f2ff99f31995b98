"""A branch taken at one point hides the slope there
=================================================

``9.0 if x == 3 else x * x`` is x² for every x, and its slope at 3 is 6.  But at 3 the program
returns a constant, and the derivative of a constant is 0: every method that follows the program
says so, SymPy's formula too.  A difference quotient asks the neighbours and finds 6.  Automatic
differentiation is exact up to rounding for the operations that were executed; what a comparison
decided is not among them.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import sympy
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.concepts import draw_tangent
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, METHODS_STYLE, label_lines, muted, use_style
from diffkit.plots.training import ACCENT

PAGE = Page(
    name="branch",
    chapter="Kinks and traps",
    title="A branch taken at one point hides the slope there",
    concepts=("automatic differentiation", "branch", "trace"),
    question="Which of your own functions compare floats with ==?",
    try_this="dk.trace(f, 3.0), dk.trace(f, 3.1)",
    source="Beck & Fischer 1994, the if-problem in automatic differentiation",
    alt="Left: a parabola with a level tangent at the point where the program branches, and "
    "beside it the slope that the neighbours have. Right: all methods agree along a line, "
    "except at that point, where all but finite differences drop to zero.",
)

AT = 3.0
POINTS = np.linspace(1.0, 5.0, 17)
FOLLOWING = ("symbolic", "forward", "reverse", "complex")
LINES = ("def f(x):", "    if x == 3:", "        return 9.0", "    return x * x")


def f(x: Any) -> Any:
    """x², with one point treated by itself."""
    if x == 3:
        return 9.0
    return x * x


def slope(method: str, x: float) -> float:
    """The derivative by one method."""
    return float(dk.grad(f, method=method)(x))


@cache
def slopes(method: str) -> np.ndarray:
    """The derivatives at all points of the picture."""
    return np.array([slope(method, float(x)) for x in POINTS])


def by_formula() -> float:
    """SymPy's derivative of the piecewise formula, at 3."""
    x = sympy.Symbol("x")
    pieces = sympy.Piecewise((9, sympy.Eq(x, 3)), (x**2, True))
    return float(sympy.diff(pieces, x).subs(x, 3))


def numbers() -> list[Claim]:
    """The slopes at the point and beside it."""
    beside = [slope(method, np.nextafter(AT, 4.0)) for method in FOLLOWING]
    return [
        Claim("branch", "f minus x², largest", 0.0, max(abs(f(x) - x * x) for x in POINTS), 0.0,
              "9 = 3²"),
        Claim("branch", "slope at 3 by symbolic, forward, reverse, complex step", [0.0] * 4,
              [slope(method, AT) for method in FOLLOWING], 0.0, PAGE.source),
        Claim("branch", "SymPy's derivative of the Piecewise at 3", 0.0, by_formula(), 0.0,
              "pieces are differentiated one by one"),
        Claim("branch", "slope at 3 by central differences", 6.0, slope("finite", AT), 1e-8,
              "the neighbours"),
        Claim("branch", "slope at the next double by all four", [6.0] * 4, beside, 1e-14, "2x"),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """The function with both slopes at 3, and the slopes along x."""
    with use_style(dark):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.2, 4.0))
        curve_panel(left, dark)
        slope_panel(right, dark)
        left.set_title(PAGE.title)
    return figure


def curve_panel(axes: Axes, dark: bool) -> None:
    """The curve has no corner; the program has a branch."""
    x = np.linspace(0.8, 5.0, 200)
    axes.plot(x, x * x, color=INK[dark])
    reverse, finite = METHODS_STYLE["reverse"], METHODS_STYLE["finite"]
    draw_tangent(axes, (AT, 9.0), slope("reverse", AT), 0.85, reverse.colour(dark))
    draw_tangent(axes, (AT, 9.0), slope("finite", AT), 0.62, finite.colour(dark))
    axes.plot(AT, 9.0, "o", color=INK[dark], markersize=7, zorder=4)
    axes.text(AT + 0.95, 9.0, "slope 0: what the\nprogram did at 3", fontsize=9.5, va="center",
              color=reverse.text_colour(dark))  # fmt: skip
    axes.text(AT + 0.55, 14.2, "slope 6: what the\nneighbours say", fontsize=9.5, va="center",
              ha="right", color=finite.text_colour(dark))  # fmt: skip
    for place, line in enumerate(LINES):
        chosen = place in (1, 2)
        axes.text(0.9, 23.6 - 1.75 * place, line, family="monospace", fontsize=9.5,
                  color=ACCENT[dark] if chosen else muted(dark))  # fmt: skip
    axes.set(xlim=(0.8, 5.2), ylim=(0, 26), xlabel="x", ylabel="f(x)")


def slope_panel(axes: Axes, dark: bool) -> None:
    """All methods agree, except at one point."""
    axes.set(xlim=(0.8, 5.2), ylim=(-1.9, 10.8), xlabel="x", ylabel="slope of f")
    sizes = {"finite": 13, "symbolic": 11, "complex": 9, "forward": 6.5, "reverse": 4}
    labels = []
    for method, size in sizes.items():
        style = METHODS_STYLE[method]
        axes.plot(POINTS, slopes(method), style.marker, color=style.colour(dark), markersize=size,
                  markerfacecolor="none" if size > 5 else style.colour(dark),
                  markeredgewidth=1.3)  # fmt: skip
        labels.append((AT, slope(method, AT), style.label, style.text_colour(dark)))
    axes.text(AT + 0.2, 5.0, labels[0][2], color=labels[0][3], fontsize=9)
    label_lines(axes, labels[1:], pad=13)
    axes.text(0.95, 10.0, "all five, everywhere else: 2x", color=muted(dark), fontsize=9.5)


if __name__ == "__main__":
    show(draw)
