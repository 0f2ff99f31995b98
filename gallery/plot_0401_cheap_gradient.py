"""Every gradient costs less than five functions
=============================================

Value and gradient together need at most five times the operations of the value, however many
inputs there are: the cheap gradient principle (Griewank & Walther 2008).  Every dot is one
function of diffkit's built-in cases, from the logistic map to a net that reads digits; counted
are the operations that every primitive declares.  Most pay two: a net spends nearly everything
on products of data and weights, and for each of them the sweep makes one more, for the weights;
the data need no slope.  The dearest is a product of numbers, where the sweep multiplies all the
others for every factor, and even that shares what it multiplies.
"""

from __future__ import annotations

from functools import cache

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.comparison.cases import CASES
from diffkit.differentiate.reverse import gradient_graph
from diffkit.nets.activations import ACTIVATIONS
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import colour_of, muted, style_of, use_style

SOURCE = "Griewank & Walther 2008, section 4.6"
PAGE = Page(
    name="cheap-gradient",
    chapter="Cost",
    title="Every gradient costs less than five functions",
    concepts=("gradient", "cheap gradient principle", "backward propagation"),
    question="Which function of yours would come closest to five?",
    try_this="diffkit compare --case speelpenning",
    source=SOURCE,
    alt="Six rows of diamonds, one for each function, over the cost of value and gradient: most "
    "lie near two functions, a few between two and four, and none in the shaded region "
    "beyond the bound of five.",
)

BOUND = 5.0
BATCH, NET = 8, [64, 32, 10]
PAPERS = ("baydin", "logistic-map", "rosenbrock", "speelpenning", "helmholtz", "squire-trapp")
ACTIVATED = "MLP 64-32-10,\nevery activation"
SWARM = 0.13  # distance of neighbouring dots, in rows
NEAR = 0.035  # ratios closer than this are drawn side by side


def group(name: str) -> str:
    """The row of the picture to which a case belongs."""
    if name in PAPERS:
        return "functions of papers"
    kind, _, _ = name.partition("-")
    nets = {"softmax": "softmax regression,\nevery loss", "mlp": "MLP, every loss",
            "cnn": "CNN, every loss"}  # fmt: skip
    return nets.get(kind, "ill-conditioned")


@cache
def ratios() -> dict[str, dict[str, float]]:
    """Operations of value and gradient over those of the value, by row and function."""
    found: dict[str, dict[str, float]] = {}
    for name, case in CASES.items():
        graph = dk.trace(case.function, *case.args)
        both = gradient_graph(graph, case.argnums)
        found.setdefault(group(name), {})[name] = both.flops() / graph.flops()
    for name in ACTIVATIONS:
        net = dk.nets.mlp(NET, activation=name)
        params, x = net.init(0), np.linspace(-1.0, 1.0, BATCH * NET[0]).reshape(BATCH, NET[0])
        loss = net.with_loss(dk.losses.cross_entropy)
        graph = dk.trace(loss, params, x, np.arange(BATCH))
        weights = range(len(graph.input_nodes) - 2)
        both = gradient_graph(graph, weights)
        found.setdefault(ACTIVATED, {})[name] = both.flops() / graph.flops()
    return found


def every() -> list[float]:
    """All ratios in one list."""
    return [ratio for row in ratios().values() for ratio in row.values()]


def numbers() -> list[Claim]:
    """The bound, for every function there is."""
    found, papers = every(), ratios()["functions of papers"]
    return [
        Claim("cheap-gradient", "operations of (f, ∇f) over those of f, the largest", BOUND,
              max(found), 0.0, SOURCE, at_most=True),
        Claim("cheap-gradient", "functions", len(CASES) + len(ACTIVATIONS), len(found), 0.0,
              "every built-in case, every activation"),
        Claim("cheap-gradient", "the dearest: Speelpenning's product of 10", 3.67,
              papers["speelpenning"], 0.005, "counted"),
        Claim("cheap-gradient", "median", 2.0, float(np.median(found)), 0.1,
              "each product with data becomes two"),
    ]  # fmt: skip


def heights(values: np.ndarray) -> np.ndarray:
    """Places above and below the row, so that close dots do not hide each other."""
    placed: list[tuple[float, float]] = []
    for value in values:
        near = [place for other, place in placed if abs(other - value) < NEAR]
        steps = (sign * step * SWARM for step in range(len(values)) for sign in (1, -1))
        placed.append((value, next(s for s in steps if all(abs(s - n) > SWARM / 2 for n in near))))
    return np.array([place for _, place in placed])


def row(axes: Axes, place: int, named: dict[str, float], dark: bool) -> None:
    """The dots of one row; the largest has its name."""
    names = sorted(named, key=named.__getitem__)
    values = np.array([named[name] for name in names])
    axes.plot(values, place + heights(values), linestyle="none", marker="D", markersize=5.5,
              alpha=0.85, color=colour_of("reverse", dark))  # fmt: skip
    axes.annotate(f"{names[-1]}: {values[-1]:.2f}", (values[-1], place + heights(values)[-1]),
                  xytext=(8, 0), textcoords="offset points", va="center", fontsize=9,
                  color=style_of("reverse").text_colour(dark))  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """A row for each group of functions, and the bound."""
    with use_style(dark):
        figure, axes = plt.subplots(figsize=(8.0, 4.6))
        groups = list(ratios())
        axes.set(xlim=(0.9, 5.45), ylim=(len(groups) - 0.4, -0.7))
        axes.axvspan(BOUND, 5.45, color=muted(dark), alpha=0.18, linewidth=0)
        axes.axvline(1.0, color=muted(dark), linewidth=1.0, linestyle=(0, (4, 3)), zorder=0.5)
        for place, name in enumerate(groups):
            row(axes, place, ratios()[name], dark)
        for at, words, side in ((1.03, "f itself", "left"), (4.96, "the bound", "right")):
            axes.text(at, -0.55, words, color=muted(dark), fontsize=9, ha=side, va="center")
        axes.set_yticks(range(len(groups)), groups)
        axes.grid(visible=False, axis="y")
        axes.tick_params(axis="y", length=0)
        axes.set_xticks([1, 2, 3, 4, 5])
        axes.set_xlabel("operations of value and gradient over those of the value")
        axes.set_title(PAGE.title)
    return figure


if __name__ == "__main__":
    show(draw)
