"""The best single rate still contracts only by (κ − 1)/(κ + 1)
============================================================

Gradient descent has one rate for all directions.  Raise it and the flat direction gets on faster
while the steep one begins to overshoot; the best rate, 2/(λmin + λmax), is where both shrink alike,
by (κ − 1)/(κ + 1) with κ = λmax/λmin.  At κ = 100 that is 0.98020 per update: 115 updates for each
digit.  Momentum, at its own best, contracts by (√κ − 1)/(√κ + 1): ten times fewer updates here.
"""

from __future__ import annotations

import math
from functools import cache

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.optim import descent
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, muted, use_style
from diffkit.plots.training import ACCENT

SOURCE = "Nocedal & Wright 2006, section 3.3; Polyak 1964"
PAGE = Page(
    name="contraction",
    chapter="Gradient descent and learning rates",
    title="The best single rate still contracts only by (κ − 1)/(κ + 1)",
    concepts=("gradient descent", "condition number", "momentum"),
    question="How many updates does a digit cost when κ is 10,000?",
    try_this="digits(factor(1e4, best_rate(1e4)))",
    source=SOURCE,
    alt="Left: the factor per update against the rate, a kink where a level and a steep line "
    "meet: the best rate. Right: updates per digit grow with the condition number, with "
    "half the slope under momentum.",
)

KAPPA = 100.0
KAPPAS = np.geomspace(2, 2000, 13)
STEPS = 400


def best_rate(kappa: float) -> float:
    """2/(λmin + λmax) with λmin = 1."""
    return 2 / (1 + kappa)


def theory(kappa: float) -> float:
    """(κ − 1)/(κ + 1)."""
    return (kappa - 1) / (kappa + 1)


@cache
def factor(kappa: float, rate: float) -> float:
    """The measured factor per update of gradient descent, from the two extreme directions."""
    curvatures = np.array([1.0, kappa])
    path = descent(dk.optim.gradient_descent(rate), lambda w: curvatures * w, np.ones(2), STEPS)
    sizes = np.linalg.norm(path, axis=1)
    tiny = np.flatnonzero(sizes < 1e-100)
    last = int(tiny[0]) if len(tiny) else STEPS
    first = last // 2
    return float((sizes[last] / sizes[first]) ** (1 / (last - first)))


@cache
def momentum_factor(kappa: float) -> float:
    """The same for momentum at Polyak's best: η = 4/(1 + √κ)², μ = ((√κ − 1)/(√κ + 1))²."""
    root = math.sqrt(kappa)
    optimizer = dk.optim.sgd(4 / (1 + root) ** 2, ((root - 1) / (root + 1)) ** 2)
    curvatures = np.array([1.0, kappa])
    steps = int(40 * root) + 20
    path = descent(optimizer, lambda w: curvatures * w, np.ones(2), steps)
    sizes = np.linalg.norm(path, axis=1)
    return float((sizes[-1] / sizes[steps // 2]) ** (1 / (steps - steps // 2)))


def digits(contraction: float) -> float:
    """Updates that gain a factor of ten."""
    return -1 / math.log10(contraction)


def numbers() -> list[Claim]:
    """Contraction at κ = 100, at the best rate and beside it, and for momentum."""
    rate = best_rate(KAPPA)
    around = [factor(KAPPA, rate * share) for share in (0.98, 1.005)]
    root = math.sqrt(KAPPA)
    return [
        Claim("contraction", "factor per update at the best rate, κ = 100", 0.98020,
              round(factor(KAPPA, rate), 5), 5e-6, "99/101"),
        Claim("contraction", "best rate 2/(λmin + λmax)", 2 / 101, rate, 1e-15, SOURCE),
        Claim("contraction", "the same factor minus those 2 % below and 0.5 % above", 0.0,
              float(factor(KAPPA, rate) - min(around)), 0.0, SOURCE, at_most=True),
        Claim("contraction", "updates per digit at κ = 100", 115.1, digits(factor(KAPPA, rate)),
              0.1, "1/log₁₀(101/99)"),
        Claim("contraction", "largest distance from (κ − 1)/(κ + 1), thirteen κ", 0.0,
              max(abs(factor(float(k), best_rate(float(k))) - theory(float(k))) for k in KAPPAS),
              1e-12, SOURCE),
        Claim("contraction", "factor per update of momentum, κ = 100", (root - 1) / (root + 1),
              momentum_factor(KAPPA), 0.02, "(√κ − 1)/(√κ + 1)"),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """The factor against the rate, and updates per digit against κ."""
    with use_style(dark):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.4, 4.1))
        rate_panel(left, dark)
        kappa_panel(right, dark)
        left.set_title(PAGE.title)
    return figure


def rate_panel(axes: Axes, dark: bool) -> None:
    """Two straight lines that cross at the best rate."""
    best, edge = best_rate(KAPPA), 2 / KAPPA
    rates = np.linspace(0.0185, 0.0202, 200)
    for curvature in (1.0, KAPPA):
        axes.plot(rates, np.abs(1 - rates * curvature), color=muted(dark), linewidth=1.2,
                  linestyle=(0, (4, 2)))  # fmt: skip
    axes.plot(rates, np.maximum(1 - rates, np.abs(1 - rates * KAPPA)), color=INK[dark])
    tried = np.linspace(0.01875, 0.02005, 14)
    axes.plot(tried, [factor(KAPPA, float(rate)) for rate in tried], "o", color=INK[dark],
              markersize=4.5)  # fmt: skip
    axes.plot(best, theory(KAPPA), "o", color=ACCENT[dark], markersize=10, zorder=5)
    axes.annotate(f"best: η = {best:.4f},\nfactor {theory(KAPPA):.5f}", (best, theory(KAPPA)),
                  xytext=(-34, -36), textcoords="offset points", ha="right", color=ACCENT[dark],
                  fontsize=9.5)  # fmt: skip
    axes.axhline(1.0, color=muted(dark), linewidth=1.0)
    axes.axvline(edge, color=muted(dark), linewidth=1.0, linestyle=":")
    axes.text(0.01852, 0.9838, "flat direction, λ = 1", color=muted(dark), fontsize=9)
    axes.text(
        0.01939, 0.946, "steep direction,\nλ = 100", color=muted(dark), fontsize=9, ha="right"
    )
    axes.text(edge - 1e-5, 0.927, "2/λmax ", color=muted(dark), fontsize=9, ha="right")
    axes.text(0.01852, 1.002, "diverges above", color=muted(dark), fontsize=9)
    axes.set(xlim=(rates[0], rates[-1]), ylim=(0.925, 1.015), xlabel="learning rate η",
             xticks=np.arange(0.0186, 0.0203, 0.0004))  # fmt: skip
    axes.set_ylabel("factor per update, κ = 100")


def kappa_panel(axes: Axes, dark: bool) -> None:
    """Updates for each digit, by theory (lines) and measured (dots)."""
    fine = np.geomspace(KAPPAS[0], KAPPAS[-1], 200)
    found = [digits(factor(float(k), best_rate(float(k)))) for k in KAPPAS]
    axes.plot(fine, [digits(theory(k)) for k in fine], color=INK[dark])
    axes.plot(KAPPAS, found, "o", color=INK[dark], markersize=5)
    roots = np.sqrt(fine)
    axes.plot(fine, [digits((r - 1) / (r + 1)) for r in roots], color=ACCENT[dark])
    axes.plot(KAPPAS, [digits(momentum_factor(float(k))) for k in KAPPAS], "s",
              color=ACCENT[dark], markersize=5)  # fmt: skip
    axes.plot(KAPPA, digits(theory(KAPPA)), "o", color=INK[dark], markersize=10)
    axes.annotate("115 updates per digit", (KAPPA, digits(theory(KAPPA))), xytext=(-10, 4),
                  textcoords="offset points", ha="right", color=INK[dark], fontsize=9)  # fmt: skip
    axes.text(60, 900, "gradient descent\n≈ 1.15 κ", color=INK[dark], fontsize=9.5, ha="right")
    axes.text(260, 11, "momentum\n≈ 1.15 √κ", color=ACCENT[dark], fontsize=9.5, va="top")
    axes.set(xscale="log", yscale="log", xlabel="condition number κ = λmax/λmin")
    axes.set_ylabel("updates per digit, at the best rate")


if __name__ == "__main__":
    show(draw)
