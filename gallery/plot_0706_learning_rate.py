"""One per cent decides: at 0.0199 it converges, at 0.0201 it explodes
===================================================================

On a quadratic every direction goes its own way: with curvature λ each update multiplies it by
1 − ηλ.  The steepest direction is the first to break, when ηλ passes 2, so the highest rate of all
is 2/λmax.  Here λ is 1, 10 and 100, and 2/λmax is 0.02.  Half a per cent below, an update leaves
0.99 of the distance from the minimum; half a per cent above, it makes 1.01 of it; at 0.02 itself
the point hops from one wall of the valley to the other, for ever.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.optim import descent
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, label_lines, muted, use_style
from diffkit.plots.training import ACCENT

SOURCE = "Goodfellow, Bengio & Courville 2016, section 4.3"
PAGE = Page(
    name="learning-rate",
    chapter="Gradient descent and learning rates",
    title="One per cent decides: at 0.0199 it converges, at 0.0201 it explodes",
    concepts=("learning rate", "gradient descent", "curvature"),
    question="Why does a rate of 0.002, ten times smaller, get less far in 1,000 updates?",
    try_this="dk.lr_range_test(lambda w, x: bowl(w), np.ones(3), (np.ones(1),), 1e-3, 1.0, "
    "restart=True, curvature=True)",
    source=SOURCE,
    alt="Left: distance from the minimum against updates for four learning rates; a rate just "
    "below the edge shrinks it, one just above makes it grow, at the edge it stays. Right: "
    "the factor per update of each direction, which passes one at the edge.",
)

CURVATURES = np.array([1.0, 10.0, 100.0])
RATES = (0.002, 0.0199, 0.02, 0.0201)
EDGE = 2 / CURVATURES.max()
STEPS = 1000


def bowl(w: Any) -> Any:
    """½ Σ λ w²."""
    return 0.5 * np.sum(CURVATURES * w * w)


@cache
def distances(rate: float) -> np.ndarray:
    """‖w‖ before and after every update."""
    path = descent(dk.optim.gradient_descent(rate), dk.grad(bowl), np.ones(3), STEPS)
    return np.linalg.norm(path, axis=1)


def factor(rate: float) -> float:
    """What the last hundred updates multiply the distance by, each."""
    found = distances(rate)
    return float((found[-1] / found[-101]) ** 0.01)


def numbers() -> list[Claim]:
    """The edge, and the factor per update on each side of it."""
    largest = float(np.linalg.eigvalsh(dk.hessian(bowl)(np.ones(3)))[-1])
    return [
        Claim("learning-rate", "2/λmax from the Hessian", 0.02, 2 / largest, 1e-15, SOURCE),
        Claim("learning-rate", "factor per update at 0.0199", 0.99, factor(0.0199), 1e-6,
              "|1 − 0.0199 · 100|"),
        Claim("learning-rate", "factor per update at 0.0201", 1.01, factor(0.0201), 1e-9,
              "|1 − 0.0201 · 100|"),
        Claim("learning-rate", "factor per update at 0.02", 1.0, factor(0.02), 1e-9, "|1 − 2|"),
        Claim("learning-rate", "distance after 1,000 updates at 0.0199", 1e-4,
              float(distances(0.0199)[-1]), 0.0, SOURCE, at_most=True),
        Claim("learning-rate", "start over the distance after 1,000 updates at 0.0201", 1e-4,
              float(distances(0.0201)[0] / distances(0.0201)[-1]), 0.0, SOURCE, at_most=True),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """Distances against updates, and the factor of each direction against the rate."""
    with use_style(dark):
        figure, (left, right) = plt.subplots(
            1, 2, figsize=(9.6, 4.2), gridspec_kw={"width_ratios": (1.25, 1.0)}
        )
        distance_panel(left, dark)
        factor_panel(right, dark)
        left.set_title(PAGE.title)
    return figure


def distance_panel(axes: Axes, dark: bool) -> None:
    """‖w‖ on a logarithmic axis: straight lines, up or down."""
    labels = []
    for rate in RATES:
        found = distances(rate)
        colour = {0.0201: ACCENT[dark], 0.002: muted(dark)}.get(rate, INK[dark])
        style = (0, (2, 1.2)) if rate == EDGE else "-"
        axes.plot(found, color=colour, linestyle=style, linewidth=2.0)
        words = {0.02: "0.02 = 2/λmax", 0.002: "η = 0.002: safe, and slow"}.get(rate, f"{rate:g}")
        labels.append((STEPS, float(found[-1]), words, colour))
    axes.set(yscale="log", xlim=(0, STEPS), xlabel="updates", ylim=(3e-6, 1e6))
    axes.set_ylabel("distance from the minimum ‖w‖")
    label_lines(axes, [label for label in labels if "slow" not in label[2]])
    *_, words, colour = labels[0]
    axes.text(470, 0.06, words, color=colour, fontsize=9)


def factor_panel(axes: Axes, dark: bool) -> None:
    """|1 − ηλ| of the three directions."""
    rates = np.linspace(0, 0.0255, 300)
    places = ((0.0118, 1.02), (0.0118, 0.75), (0.0035, 0.72))
    for curvature, place in zip(CURVATURES, places, strict=True):
        steepest = curvature == CURVATURES.max()
        colour, width = (INK[dark], 2.2) if steepest else (muted(dark), 1.4)
        axes.plot(rates, np.abs(1 - rates * curvature), color=colour, linewidth=width)
        axes.text(*place, f"λ = {curvature:g}", color=colour, fontsize=9, va="bottom")
    axes.axhspan(1.0, 1.7, color=ACCENT[dark], alpha=0.13, linewidth=0)
    axes.axvline(EDGE, color=ACCENT[dark], linewidth=1.2, linestyle=(0, (4, 3)))
    axes.text(0.0006, 1.55, "above 1 a direction explodes", color=ACCENT[dark], fontsize=9)
    axes.text(EDGE - 0.0004, 0.06, "2/λmax", color=ACCENT[dark], fontsize=9, ha="right")
    axes.set(
        xlim=(0, rates[-1]),
        ylim=(0, 1.7),
        xticks=np.arange(0, 0.0251, 0.01),
        xlabel="learning rate η",
    )
    axes.set_ylabel("factor per update |1 − ηλ|")


if __name__ == "__main__":
    show(draw)
