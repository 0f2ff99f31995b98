"""A Hessian times a vector costs under two functions; the Hessian costs n
=======================================================================

The Hessian of a function of n inputs has n² entries, and a whole one costs about n functions, since
each of its columns is a sweep.  Newton's method by conjugate gradients, Lanczos' method for the
sharpness of a loss, and most of what one wants of curvature ask for less: the Hessian times one
vector.  That is the derivative of the gradient in one direction, forward mode over reverse mode:
no matrix is ever made, and the price does not depend on n.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, METHODS_STYLE, label_lines, muted, use_style
from diffkit.plots.training import ACCENT

SOURCE = "Pearlmutter 1994; Griewank & Walther 2008, section 5.1"
PAGE = Page(
    name="hessian-products",
    chapter="Cost",
    title="A Hessian times a vector costs under two functions; the Hessian costs n",
    concepts=("Hessian", "Hessian-vector product", "cheap gradient principle"),
    question="How many products does Lanczos' method take for the largest eigenvalue?",
    try_this="dk.hvp(rosenbrock, np.ones(3), np.array([1.0, 0.0, -1.0]))",
    source=SOURCE,
    alt="Operations over those of the function against the number of inputs, on logarithmic axes: "
    "the whole Hessian rises in proportion to the inputs, gradient and Hessian-vector product are "
    "level lines near one and two.",
)

SIZES = (2, 4, 8, 16, 32, 64, 128)
LARGEST = SIZES[-1]


def rosenbrock(x: Any) -> Any:
    """A curved valley in n dimensions."""
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def point(n: int) -> np.ndarray:
    """Where the derivatives are taken."""
    return np.linspace(0.5, 1.5, n)


@cache
def costs(n: int) -> dict[str, float]:
    """Operations of each derivative over those of the function."""
    x = point(n)
    own = dk.trace(rosenbrock, x).flops()
    graphs = {
        "gradient": dk.trace(dk.grad(rosenbrock), x),
        "product": dk.trace(lambda x, v: dk.hvp(rosenbrock, x, v), x, np.ones(n)),
        "Hessian": dk.trace(lambda x: dk.hessian(rosenbrock)(x), x),
    }
    return {name: graph.flops() / own for name, graph in graphs.items()}


def difference() -> float:
    """The product against the matrix times the vector, relative."""
    x = point(LARGEST)
    v = np.random.default_rng(0).normal(size=LARGEST)
    product, whole = dk.hvp(rosenbrock, x, v), dk.hessian(rosenbrock)(x) @ v
    return float(np.linalg.norm(product - whole) / np.linalg.norm(whole))


def numbers() -> list[Claim]:
    """Prices, and that both give the same."""
    products = [costs(n)["product"] for n in SIZES]
    return [
        Claim("hessian-products", "Hessian times vector over the function, largest over n", 2.0,
              max(products), 0.0, SOURCE, at_most=True),
        Claim("hessian-products", "the same, n = 128 minus n = 8", 0.0,
              products[-1] - products[2], 0.05, "it does not depend on n"),
        Claim("hessian-products", "whole Hessian over the function, divided by n = 128", 0.9,
              costs(LARGEST)["Hessian"] / LARGEST, 0.05, "a sweep for each column"),
        Claim("hessian-products", "product against matrix times vector, relative", 1e-14,
              difference(), 0.0, "rounding", at_most=True),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """Three prices against n."""
    with use_style(dark):
        figure, axes = plt.subplots(figsize=(8.0, 4.3))
        axes.set(xscale="log", yscale="log", xlim=(1.8, 140), ylim=(0.6, 200),
                 xlabel="inputs n", ylabel="operations over those of the function")  # fmt: skip
        orange = METHODS_STYLE["reverse"]
        looks = {
            "Hessian": (INK[dark], INK[dark], "whole Hessian: {:.0f}"),
            "product": (ACCENT[dark], ACCENT[dark], "Hessian times\na vector: {:.1f}"),
            "gradient": (orange.colour(dark), orange.text_colour(dark), "gradient: {:.1f}"),
        }
        labels = []
        for name, (colour, ink, words) in looks.items():
            y = [costs(n)[name] for n in SIZES]
            axes.plot(SIZES, y, color=colour, marker="o", markersize=5)
            labels.append((LARGEST, y[-1], words.format(y[-1]), ink))
        axes.plot(SIZES, SIZES, color=muted(dark), linewidth=1, linestyle=(0, (4, 3)), zorder=0.5)
        axes.text(9, 11.5, "n functions", color=muted(dark), fontsize=9, ha="right")
        axes.set_xticks(SIZES, [str(n) for n in SIZES])
        axes.set_yticks([1, 2, 10, 100], ["1", "2", "10", "100"])
        axes.minorticks_off()
        axes.set_title(PAGE.title)
        label_lines(axes, labels)
    return figure


if __name__ == "__main__":
    show(draw)
