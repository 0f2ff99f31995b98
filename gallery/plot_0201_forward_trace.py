"""Forward mode needs one sweep for each input
============================================

Forward mode walks through the program once and keeps a tangent beside every value: each line
v = φ(u) gets the line v̇ = φ′(u)·u̇.  Setting ẋ₁ = 1 gives ∂y/∂x₁ at the end; for ∂y/∂x₂ the
same walk is done again with ẋ₂ = 1.  The rules on the right are SymPy's derivatives of the
lines, the numbers are diffkit's: ln x₁ + x₁x₂ − sin x₂ at (2, 5).
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import use_style
from diffkit.plots.traces import plot_trace_table, trace_rows

SOURCE = "Baydin et al. 2018, table 2"
PAGE = Page(
    name="forward-trace",
    chapter="Automatic differentiation",
    title="Forward mode needs one sweep for each input",
    concepts=("forward propagation", "automatic differentiation", "chain rule"),
    question="How many sweeps would a function with a thousand inputs need?",
    try_this="dk.jvp(f, (2.0, 5.0), (1.0, 0.0))",
    source=SOURCE,
    alt="A table with one row for each line of a program: its value, its chain rule, and its "
    "tangents for two seeds, filled from top to bottom. The last row holds the value and "
    "both derivatives.",
)

POINT = (2.0, 5.0)


def f(x1, x2):
    """The example of the survey, one operation a line."""
    v1 = np.log(x1)
    v2 = x1 * x2
    v3 = np.sin(x2)
    v4 = v1 + v2
    y = v4 - v3
    return y


def numbers() -> list[Claim]:
    """Every number of the survey's table, and both derivatives."""
    graph = dk.trace(f, *POINT)
    first, second = (trace_rows(graph, POINT, seed) for seed in (0, 1))
    values = [round(float(row.value), 3) for row in first]
    tangents = [float(row.tangent) for row in first]
    return [
        Claim("forward-trace", "the value of each line", [2, 5, 0.693, 10, -0.959, 10.693, 11.652],
              values, 1e-12, SOURCE),
        Claim("forward-trace", "the tangents with respect to x1", [1, 0, 0.5, 5, 0, 5.5, 5.5],
              tangents, 0.0, SOURCE),
        Claim("forward-trace", "the derivative with respect to x2", 1.716337814536773,
              float(second[-1].tangent), 1e-15, "2 − cos 5"),
    ]  # fmt: skip


def stepper() -> dict:
    """The values, then the tangents for ẋ₁ = 1, to be stepped through."""
    return dk.explain(f, *POINT).to_dict() | {"start": {"sweep": "tangent"}}


def draw(dark: bool = False) -> Figure:
    """The table of lines, values and tangents."""
    graph = dk.trace(f, *POINT)
    with use_style(dark):
        figure, axes = plt.subplots()
        plot_trace_table(graph, POINT, seeds=(0, 1), axes=axes, dark=dark)
        axes.set_title(PAGE.title)
    return figure


if __name__ == "__main__":
    show(draw)
