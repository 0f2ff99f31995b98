"""One backward sweep gives every derivative
=========================================

Reverse mode starts at the output with ȳ = 1 and walks back.  An edge multiplies what arrives by
the derivative of the one operation it belongs to, and where edges meet the amounts are added:
the adjoint of x₁ is 0.5 + 5 = 5.5, that of x₂ is 2 − 0.2837 = 1.7163.  One sweep, both
derivatives; with a million inputs it would still be one sweep.  The wider an edge, the more
flows back along it.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.graphs import plot_graph
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import METHODS_STYLE, use_style
from diffkit.plots.traces import trace_rows

SOURCE = "Baydin et al. 2018, table 3"
PAGE = Page(
    name="adjoint-sweep",
    chapter="Automatic differentiation",
    title="One backward sweep gives every derivative",
    concepts=("backward propagation", "automatic differentiation", "chain rule"),
    question="Why are amounts added where edges meet?",
    try_this="dk.grad(f, argnums=(0, 1))(2.0, 5.0)",
    source=SOURCE,
    alt="The graph of a small function: boxes with values and adjoints, joined by edges whose "
    "width is the amount that flows back from the output to the two inputs.",
)

POINT = (2.0, 5.0)
SIZE = (7.2, 3.25)  # inches, the form of this graph
ROOM = 44.0  # for the arrow below the graph, in points


def f(x1, x2):
    """The example of the survey, one operation a line."""
    v1 = np.log(x1)
    v2 = x1 * x2
    v3 = np.sin(x2)
    v4 = v1 + v2
    y = v4 - v3
    return y


def numbers() -> list[Claim]:
    """The value, both derivatives, and that adjoints are sums of what arrives."""
    rows = trace_rows(dk.trace(f, *POINT), POINT)
    arriving = [
        sum(float(amount) for row in rows for node, amount in row.contributions if node == x.node)
        for x in rows[:2]
    ]
    return [
        Claim("adjoint-sweep", "the value", 11.652, float(rows[-1].value), 5e-4, SOURCE),
        Claim("adjoint-sweep", "the adjoint of x1", 5.5, float(rows[0].adjoint), 0.0, SOURCE),
        Claim("adjoint-sweep", "the adjoint of x2", 1.716, float(rows[1].adjoint), 5e-4, SOURCE),
        Claim("adjoint-sweep", "sums of what arrives at x1 and x2",
              [float(rows[0].adjoint), float(rows[1].adjoint)], arriving, 1e-15,
              "the multivariate chain rule"),
    ]  # fmt: skip


def stepper() -> dict:
    """The sweep, to be stepped through."""
    return dk.explain(f, *POINT).to_dict() | {"start": {"sweep": "adjoint"}}


def draw(dark: bool = False) -> Figure:
    """The graph with values and adjoints; edges carry what flows back."""
    colour = METHODS_STYLE["reverse"].text_colour(dark)
    with use_style(dark):
        figure, axes = plt.subplots(figsize=SIZE)
        plot_graph(dk.trace(f, *POINT), POINT, axes=axes, dark=dark, across=True)
        bottom, top = axes.get_ylim()
        left, right = axes.get_xlim()
        axes.set_ylim(bottom + ROOM, top)
        height = bottom + ROOM / 2
        arrow = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.6}
        axes.annotate("", (left + ROOM, height), (right - ROOM, height), arrowprops=arrow)
        words = {"ha": "center", "va": "bottom", "color": colour, "fontsize": 9}
        middle = (left + right) / 2
        axes.text(middle, height - 4, "the sweep runs from y back to the inputs", **words)
        axes.set_title(PAGE.title)
    return figure


if __name__ == "__main__":
    show(draw)
