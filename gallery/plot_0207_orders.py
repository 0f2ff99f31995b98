"""Nested forward mode doubles with every order; a power series grows like n²
===========================================================================

The n-th derivative of log((1 + x)/(1 − 0.3x²))·√x, four ways.  Forward mode nested n times is a
dual number whose parts are dual numbers, and every level triples the work.  On a graph that holds
equal values once it doubles: the chain rule of every lower order still stands inside that of the
next.  Taylor mode computes the coefficients of one power series order by order, n²/2 products for
each operation.  A stencil of order n is cheaper still, and useless: its rounding error grows like
ε/hⁿ, until no digit is right.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.comparison.orders import OrderComparison, compare_orders
from diffkit.differentiate.forward import pushforward_graph
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import label_lines, line_of_method, muted, style_of, use_style
from diffkit.plots.training import ACCENT

SOURCE = "Griewank & Walther 2008, chapter 13"
PAGE = Page(
    name="orders",
    chapter="Automatic differentiation",
    title="Nested forward mode doubles with every order; a power series grows like n²",
    concepts=("higher derivative", "Taylor mode", "forward mode", "finite differences"),
    question="Which way would you take for the second derivative, and which for the tenth?",
    try_this='diffkit derive "log((1+x)/(1-0.3*x**2))*sqrt(x)" --order 5',
    source=SOURCE,
    alt="Left: operations against the order of the derivative; nested forward mode rises as a "
    "straight line on a logarithmic axis, Taylor mode bends over. Right: the errors; finite "
    "differences lose all digits, the other three keep theirs.",
)

X = 0.7
HIGHEST = 12
MOST_FORWARD = 10  # each order takes twice as long as the one before
MOST_DUAL = 7  # beyond it the graph of nested dual numbers takes seconds to write
MOST_SYMBOLIC = 6  # and so does the formula
NO_DIGITS = 2.0**52  # an error of this many ulps is the number itself


def f(x: Any) -> Any:
    """A quotient, a logarithm and a root: derivatives that do not fall back on themselves."""
    return np.log((1 + x) / (1 - 0.3 * x * x)) * np.sqrt(x)


@cache
def comparison() -> OrderComparison:
    """The ways that go on to order 12."""
    return compare_orders(f, X, range(1, HIGHEST + 1), ("taylor", "finite"))


@cache
def nested() -> OrderComparison:
    """Forward mode of forward mode of …, equal values once."""
    return compare_orders(f, X, range(1, MOST_FORWARD + 1), ("forward",))


@cache
def formulas() -> OrderComparison:
    """SymPy's formulas, their common parts shared."""
    return compare_orders(f, X, range(1, MOST_SYMBOLIC + 1), ("symbolic",))


@cache
def dual_operations() -> list[int]:
    """Forward mode of forward mode of …: all parts of nested dual numbers."""
    graph, found = dk.trace(f, X), []
    for _ in range(MOST_DUAL):
        graph = pushforward_graph(graph)
        found.append(graph.flops())
    return found


SOURCES = {"forward": nested, "symbolic": formulas}


def operations(method: str) -> list[int]:
    """Operations by order."""
    source = SOURCES.get(method, comparison)()
    return [report.operations for report in source[method].values()]


def errors(method: str) -> list[float]:
    """Errors in ulps by order."""
    source = SOURCES.get(method, comparison)()
    return [report.max_ulp for report in source[method].values()]


def numbers() -> list[Claim]:
    """Counted operations, and errors against derivatives in mpmath."""
    forward, taylor, dual = operations("forward"), operations("taylor"), dual_operations()
    growth = np.diff(taylor, 3)
    return [
        Claim("orders", "forward mode: operations at order 10 over order 9", 2.0,
              forward[-1] / forward[-2], 0.03, "each level holds the one below twice"),
        Claim("orders", "nested dual numbers: operations at order 7 over order 6", 3.0,
              dual[-1] / dual[-2], 0.12, "a product of dual numbers is three products"),
        Claim("orders", "Taylor mode: largest third difference of its operations", 0.0,
              float(np.max(np.abs(growth[2:]))), 2.0, f"{SOURCE}: quadratic in n"),
        Claim("orders", "Taylor mode: operations at order 12 over order 6", 4.0,
              taylor[-1] / taylor[5], 0.0, f"{SOURCE}: less than (12/6)²", at_most=True),
        Claim("orders", "forward over Taylor mode at order 10", 52.0,
              forward[-1] / taylor[MOST_FORWARD - 1], 2.0, "both counted"),
        Claim("orders", "Taylor mode: largest error in ulp, orders 1 to 8", 20.0,
              max(errors("taylor")[:8]), 0.0, "60-digit differences", at_most=True),
        Claim("orders", "differences of order 12: digits that are right", 1.0,
              -np.log10(comparison()["finite"][HIGHEST].rel_error), 0.0, "rounding error ε/hⁿ",
              at_most=True),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """Operations and errors against the order."""
    with use_style(dark):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.0, 4.3))
        cost_panel(left, dark)
        error_panel(right, dark)
        for axes in (left, right):
            axes.set_xlabel("order n of the derivative")
            axes.set_xticks([1, 4, 8, HIGHEST])
        left.set_title(PAGE.title)
    return figure


def line(method: str, dark: bool) -> dict[str, Any]:
    """How a method is drawn; Taylor mode is the one the picture is about."""
    if method != "taylor":
        return {**line_of_method(method, dark), "markersize": 4}
    return {"color": ACCENT[dark], "marker": "p", "markersize": 5, "linewidth": 2.6}


def words(method: str, dark: bool) -> tuple[str, str]:
    """The label of a method and its colour."""
    if method == "taylor":
        return "Taylor mode", ACCENT[dark]
    style = style_of(method)
    return style.label, style.text_colour(dark)


def cost_panel(axes: Axes, dark: bool) -> None:
    """Operations, counted."""
    labels = []
    for method in ("forward", "taylor", "finite", "symbolic"):
        y = operations(method)
        axes.plot(range(1, len(y) + 1), y, **line(method, dark))
        labels.append((len(y), y[-1], *words(method, dark)))
    dual = dual_operations()
    colour = line_of_method("forward", dark)["color"]
    axes.plot(range(1, MOST_DUAL + 1), dual, color=colour, linestyle=(0, (3, 2)), linewidth=1.2)
    axes.text(MOST_DUAL, 1.35 * dual[-1], "dual numbers of dual numbers: × 3", color=colour,
              ha="center", va="bottom", fontsize=8.5)  # fmt: skip
    axes.text(8.6, 5e3, "× 2", color=colour, fontsize=8.5)
    axes.set(yscale="log", xlim=(0.6, HIGHEST + 0.4), ylim=(30, 2e5))
    label_lines(axes, labels, size=8.5)
    corner(axes, "operations, counted", dark)


def error_panel(axes: Axes, dark: bool) -> None:
    """Errors in ulps, with the line where nothing is left."""
    labels = []
    for method in ("forward", "taylor", "finite"):
        y = errors(method)
        axes.plot(range(1, len(y) + 1), y, **line(method, dark))
        labels.append((len(y), y[-1], *words(method, dark)))
    y = errors("symbolic")
    axes.plot(range(1, len(y) + 1), y, **{**line("symbolic", dark), "linewidth": 1.2})
    label, colour = words("symbolic", dark)
    axes.text(len(y), 3 * y[-1], label, color=colour, fontsize=8.5)
    axes.axhline(
        NO_DIGITS, 0.0, 0.9, color=muted(dark), linewidth=1.0, linestyle=(0, (4, 3)), zorder=0.5
    )
    axes.text(1, NO_DIGITS * 2, "no digit is right", color=muted(dark), fontsize=8.5)
    axes.set(yscale="log", xlim=(0.6, HIGHEST + 0.4), ylim=(0.1, 1e18))
    label_lines(axes, labels, size=8.5)
    corner(axes, "error in ulp", dark)


def corner(axes: Axes, text: str, dark: bool) -> None:
    """What the panel shows."""
    axes.text(0.02, 0.98, text, transform=axes.transAxes, fontsize=10, va="top", color=muted(dark))


if __name__ == "__main__":
    show(draw)
