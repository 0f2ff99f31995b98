"""Four methods are right to the last digit, finite differences to ten
====================================================================

Symbolic differentiation, forward mode, reverse mode and the complex step all apply the chain
rule to the same graph, so they differ from the truth by rounding alone: about one unit in the
last place (ulp) of a double.  A central difference subtracts two nearly equal numbers, and the
digits in which they agree are gone.  Each dot is a point (x₁, x₂) at which both derivatives of
ln x₁ + x₁x₂ − sin x₂ were compared with a value of 100 digits that uses no derivative rule.
"""

from __future__ import annotations

from functools import cache, lru_cache

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.comparison.accuracy import ulps
from diffkit.engines.precise import true_derivatives
from diffkit.plots.comparison import EXACT_AT, ulp_axis
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import METHODS_STYLE, use_style

SOURCE = "Baydin et al. 2018, tables 2 and 3"
PAGE = Page(
    name="ulps",
    chapter="Accuracy",
    title="Four methods are right to the last digit, finite differences to ten",
    concepts=("derivative", "automatic differentiation", "rounding"),
    question="Why does only one method lose a third of its digits?",
    try_this='diffkit compare "log(x1)+x1*x2-sin(x2)" --at x1=2,x2=5',
    source=SOURCE,
    alt="Five clouds of dots, one for each method: the errors of symbolic, forward, reverse and "
    "complex step lie near one unit of the last place, those of finite differences hundreds "
    "of thousands of units to the right.",
)

POINT = (2.0, 5.0)
POINTS = 150
SEED = 5
METHODS = ("symbolic", "forward", "reverse", "complex", "finite")
TRUE_SLOPES = (5.5, 1.7163378145367738)  # 1/x1 + x2 and x1 - cos(x2), rounded to a double


def f(x1, x2):
    """The example of the survey."""
    return np.log(x1) + x1 * x2 - np.sin(x2)


@lru_cache(maxsize=1)
def points() -> np.ndarray:
    """Random points where neither derivative is close to zero; the first is (2, 5)."""
    sample = np.random.default_rng(SEED).uniform((1.5, 0.5), (5.0, 8.0), (POINTS, 2))
    return np.vstack([POINT, sample])


@lru_cache(maxsize=1)
def truths() -> list[list]:
    """Both derivatives at every point, to 100 digits, by differences of values only."""
    graph = dk.trace(f, *POINT)
    found = [true_derivatives(graph, list(point), (0, 1)) for point in points()]
    return [[block.item() for block in truth.blocks[0]] for truth in found]


@cache
def errors(method: str) -> np.ndarray:
    """The larger error of the two derivatives at every point, in ulps."""
    gradient = dk.grad(f, argnums=(0, 1), method=method)
    return np.array([
        max(float(ulps(slope, true)) for slope, true in zip(gradient(*point), truth, strict=True))
        for point, truth in zip(points(), truths(), strict=True)
    ])  # fmt: skip


def numbers() -> list[Claim]:
    """Both derivatives at (2, 5), and the error of each method there and everywhere."""
    slopes = [float(slope) for slope in dk.grad(f, argnums=(0, 1))(*POINT)]
    claims = [
        Claim("ulps", "the derivatives at (2, 5)", TRUE_SLOPES, slopes, 0.0, SOURCE),
    ]
    for method in METHODS[:-1]:
        label = METHODS_STYLE[method].label
        claims.append(
            Claim("ulps", f"error of {label} at (2, 5), in ulps", 1.0,
                  float(errors(method)[0]), 0.0, SOURCE, at_most=True)
        )  # fmt: skip
    exact = max(float(errors(method).max()) for method in METHODS[:-1])
    claims.append(
        Claim("ulps", f"largest error of the four methods at {POINTS} points, in ulps", 2.0,
              exact, 0.0, "rounding of one product and one sum", at_most=True)
    )  # fmt: skip
    digits = -np.log10(np.median(errors("finite")) * 2.0**-52)
    claims.append(
        Claim("ulps", "correct digits of central differences (median)", 10.4,
              float(digits), 0.6, "ε^(2/3): Press et al., Numerical Recipes, §5.7")
    )  # fmt: skip
    return claims


def draw(dark: bool = False) -> Figure:
    """One row of dots for each method, on an axis of ulps."""
    spread = np.random.default_rng(SEED).uniform(-0.26, 0.26, POINTS + 1)
    spread[0] = 0.0
    with use_style(dark):
        figure, axes = plt.subplots(figsize=(7.8, 4.05))
        ulp_axis(axes, max(errors("finite").max(), 1e6), dark, vertical=False)
        for row, method in enumerate(METHODS):
            style, found = METHODS_STYLE[method], np.maximum(errors(method), EXACT_AT)
            axes.plot(found, row + spread, linestyle="none", marker=".", markersize=5,
                      color=style.colour(dark), alpha=0.45)  # fmt: skip
            axes.plot(found[0], row, marker=style.marker, markersize=9, color=style.colour(dark),
                      markeredgecolor=figure.get_facecolor(), markeredgewidth=1.2)  # fmt: skip
            side = 4.0 if method != "finite" else found.min() / 2.2
            worst = errors(method).max()
            text = f"at most {worst:.2g}" if worst < 100 else f"up to {worst / 1e6:.1f} million"
            axes.text(side, row, f"{text} ulps", va="center", color=style.text_colour(dark),
                      ha="left" if method != "finite" else "right", fontsize=9.5)  # fmt: skip
        words = [label.get_text() for label in axes.get_xticklabels()]
        axes.set_xticks([*axes.get_xticks(), 0.5], [*words, "½"])
        axes.set_yticks(range(len(METHODS)), [METHODS_STYLE[m].label for m in METHODS])
        for tick, method in zip(axes.get_yticklabels(), METHODS, strict=True):
            tick.set_color(METHODS_STYLE[method].text_colour(dark))
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(METHODS) - 0.5, -0.5)
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("error of the derivative (ulps; large marker: at x₁ = 2, x₂ = 5)")
        axes.set_title(PAGE.title)
    return figure


if __name__ == "__main__":
    show(draw)
