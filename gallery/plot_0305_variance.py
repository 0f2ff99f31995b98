"""For each digit of the mean, the short formula of a variance loses two, its gradient one
=======================================================================================

Two formulas for one number: the mean of the squares less the square of the mean, which needs one
look at the data, and the mean of the squared deviations, which needs two.  Move the data away from
zero, and in the short one two large numbers are subtracted: it loses two digits for every digit of
the mean.  Its gradient, 2xᵢ/n less twice the mean over n, subtracts numbers that are only as large
as the mean, and loses one.  A derivative may be more accurate than its function, or less: rounding
belongs to the graph, not to the formula.  Of the deviations neither loses anything.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, METHODS_STYLE, muted, use_style

SOURCE = "Chan, Golub & LeVeque 1983; Higham 2002, section 1.9"
PAGE = Page(
    name="variance",
    chapter="Accuracy",
    title="For each digit of the mean, the short formula of a variance loses two, its gradient one",
    concepts=("rounding", "cancellation", "gradient"),
    question="From which mean on may the short formula give a negative variance?",
    try_this="print(dk.diagnose(short, 1e6 + np.arange(4.0)))",
    source=SOURCE,
    alt="Relative error against the mean of the data on logarithmic axes. The value of the short "
    "formula climbs steeply, its gradient half as steeply; value and gradient of the other formula "
    "stay at the rounding error.",
)

MEANS = np.logspace(0, 9, 37)
SEEDS, SIZE = 24, 16
FITTED = (MEANS > 10) & (MEANS < 3e6)  # above, no digit of the value is left
EPSILON = np.finfo(float).eps
FLOOR = EPSILON / 4  # where an error of nothing is drawn


def short(x: Any) -> Any:
    """The mean of the squares less the square of the mean."""
    return np.mean(x * x) - np.mean(x) ** 2


def deviations(x: Any) -> Any:
    """The mean of the squared deviations."""
    d = x - np.mean(x)
    return np.mean(d * d)


def exact(x: np.ndarray) -> tuple[float, np.ndarray]:
    """Variance and gradient in fractions, rounded once."""
    values = [Fraction(float(v)) for v in x]
    mean = sum(values) / len(values)
    variance = sum((v - mean) ** 2 for v in values) / len(values)
    return float(variance), np.array([float(2 * (v - mean) / len(values)) for v in values])


@cache
def errors(formula: Callable[[Any], Any]) -> np.ndarray:
    """Relative errors of value and gradient for every mean: the median of some samples."""
    both = dk.value_and_grad(formula)
    found = np.empty((SEEDS, len(MEANS), 2))
    for seed in range(SEEDS):
        noise = np.random.default_rng(seed).normal(size=SIZE)
        for place, mean in enumerate(MEANS):
            x = mean + noise
            (value, slope), (truth, true_slope) = both(x), exact(x)
            found[seed, place, 0] = abs(value - truth) / truth
            found[seed, place, 1] = np.linalg.norm(slope - true_slope) / np.linalg.norm(true_slope)
    return np.median(found, axis=0)


def slope(quantity: int) -> float:
    """Digits that the short formula loses for each digit of the mean."""
    logs = np.log10(MEANS[FITTED]), np.log10(errors(short)[FITTED, quantity])
    return float(np.polyfit(*logs, 1)[0])


def numbers() -> list[Claim]:
    """Slopes of the lines, and the level of the others."""
    return [
        Claim("variance", "digits of the value lost per digit of the mean", 2.0, slope(0), 0.15,
              SOURCE),
        Claim("variance", "digits of its gradient lost per digit of the mean", 1.0, slope(1), 0.1,
              "2xᵢ/n − 2 mean/n"),
        Claim("variance", "mean of squared deviations: largest error of value and gradient, in ε",
              16.0, float(errors(deviations).max() / EPSILON), 0.0, SOURCE, at_most=True),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """Error of value and gradient against the mean, by both formulas."""
    with use_style(dark):
        figure, axes = plt.subplots(figsize=(8.2, 4.4))
        axes.set(xscale="log", yscale="log", xlim=(1, 1.2e9), ylim=(1e-17, 300),
                 xlabel="mean of the data, whose standard deviation is 1",
                 ylabel="relative error, median of 24 samples")  # fmt: skip
        orange = METHODS_STYLE["reverse"]
        lines(axes, 0, INK[dark])
        lines(axes, 1, orange.colour(dark))
        axes.axhline(1.0, color=muted(dark), linewidth=1, linestyle=(0, (4, 3)), zorder=0.5)
        words = (
            (3e4, 2e-5, "value: two digits\nper digit of the mean", INK[dark], "right"),
            (1.2e9, 1e-6, "gradient:\none digit", orange.text_colour(dark), "right"),
            (1.2e9, 6e-15, "mean of squared deviations: value and gradient", muted(dark), "right"),
            (1.5, 1.6, "no digit is right", muted(dark), "left"),
        )
        for x, y, text, colour, side in words:
            axes.text(x, y, text, color=colour, fontsize=9.5, ha=side, va="bottom")
        axes.set_title(PAGE.title, fontsize=11)
    return figure


def lines(axes: Axes, quantity: int, colour: str) -> None:
    """One quantity by both formulas."""
    for formula, look in ((short, "-"), (deviations, "--")):
        y = np.maximum(errors(formula)[:, quantity], FLOOR)
        axes.plot(MEANS, y, color=colour, linestyle=look, linewidth=2 if look == "-" else 1.3)


if __name__ == "__main__":
    show(draw)
