"""Where each V turns is known before any derivative is
====================================================

The error of a difference has two parts, and neither is told to whoever takes it: the noise of the
function and its higher derivatives.  Both can be seen in differences of the function itself.  The
dashed lines are predicted from some three hundred values of l₄, without any derivative; the points
are errors measured against the exact one.  The rings mark the steps that are taken.  On the right
the same function in single precision: its noise is found to be some 200 million times larger,
so longer steps are taken, and the model still lies on the points.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.comparison.steps import StepSize
from diffkit.plots.curves import best_step
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.steps import plot_step_size, size_text
from diffkit.plots.style import INK, METHODS_STYLE, muted, use_style

SOURCE = "Moré & Wild 2011 and 2012; l4 of Baydin et al. 2018, figure 3"
PAGE = Page(
    name="step-prediction",
    chapter="Derivatives",
    title="Where each V turns is known before any derivative is",
    concepts=("derivative", "finite differences", "rounding", "noise"),
    question="Which step would you take for a function that is computed in single precision?",
    try_this='diffkit steps "64*x*(1-x)*(1-2*x)**2*(1-8*x+8*x*x)**2" --at x=0.2',
    source=SOURCE,
    alt="Two panels of error against step, in double and in single precision. Dashed V-shaped "
    "predictions of four difference quotients run through the measured points, and rings "
    "near the tips mark the chosen steps.",
)

AT = 0.2
TRUE_SLOPE = Fraction(708288, 78125)
NAMES = ("forward", "central", "five-point", "seven-point")
# Names stand left of the arms on which truncation rises, that of the longest right of its arm.
LABELS = (("forward", 1e-5, 1.2e-2, "right"), ("central", 5e-5, 1.2e-5, "right"),
          ("five-\npoint", 2e-4, 1.5e-8, "right"), ("seven-\npoint", 4e-3, 3e-11, "left")
          )  # fmt: skip


def l4(x: Any) -> Any:
    """The fourth iterate of the logistic map l1 = x, multiplied out as in the survey."""
    return 64 * x * (1 - x) * (1 - 2 * x) ** 2 * (1 - 8 * x + 8 * x * x) ** 2


def single(x: Any) -> float:
    """The same, rounded to single precision."""
    return float(np.float32(l4(x)))


@cache
def found(precision: str) -> StepSize:
    """What the function alone tells about steps."""
    f = l4 if precision == "double" else single
    return dk.step_size(f, AT, exact=TRUE_SLOPE, title="l₄")


def best_factor(name: str) -> float:
    """Predicted over measured best step, or the inverse: the larger."""
    h, measured, _ = found("double").curve(name, np.logspace(-14, -1, 400))
    ratio = found("double")[name].best / best_step(h, measured)[0]
    return max(ratio, 1 / ratio)


def floor_factor() -> float:
    """Predicted over measured noise of l₄ in doubles: the larger ratio."""
    points = AT + 1e-6 * np.arange(1, 400)
    errors = [float(Fraction(float(l4(x))) - l4(Fraction(float(x)))) for x in points]
    ratio = found("double").noise.level / float(np.std(errors))
    return max(ratio, 1 / ratio)


def covered(precision: str) -> float:
    """The largest true error over its estimate."""
    choices = found(precision).choices
    return max(found(precision).error_of(c.value) / c.error for c in choices)


def numbers() -> list[Claim]:
    """Noise, best steps and errors: predicted against measured."""
    ratio = found("single").noise.level / found("double").noise.level
    return [
        Claim("step-prediction", "noise of l₄: predicted against measured, factor", 3.0,
              floor_factor(), 0.0, "exact arithmetic", at_most=True),
        *(
            Claim("step-prediction", f"best step ({name}): predicted against measured, factor",
                  6.0, best_factor(name), 0.0, SOURCE, at_most=True)
            for name in NAMES
        ),
        Claim("step-prediction", "noise in single over double precision, in powers of ten",
              29 * float(np.log10(2)), float(np.log10(ratio)), 0.6, "2²⁹ is the ratio of the ulps"),
        *(
            Claim("step-prediction", f"true error over its estimate, at most ({precision})",
                  1.0, covered(precision), 0.0, SOURCE, at_most=True)
            for precision in ("double", "single")
        ),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """The Vs of double and of single precision, side by side."""
    with use_style(dark):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4.3), sharey=True)
        panel(left, "double", dark)
        panel(right, "single", dark)
        left.set_title(PAGE.title)
        right.set_title("")
        right.set_ylabel("")
    return figure


def panel(axes: Axes, precision: str, dark: bool) -> None:
    """One function with its stencils."""
    plot_step_size(found(precision), names=NAMES, ax=axes, dark=dark, title=" ")
    axes.set_ylim(4e-16, 3e2)
    axes.set_xlim(1e-15 if precision == "double" else 1e-9, 0.6)
    colour = METHODS_STYLE["finite"].text_colour(dark)
    for name, x, y, side in LABELS if precision == "double" else ():
        axes.text(x, y, name, color=colour, fontsize=9, ha=side, va="center")
    axes.text(0.5, 0.97, f"l₄ in {precision} precision", transform=axes.transAxes, ha="center",
              va="top", fontsize=10, color=INK[dark])  # fmt: skip
    noise = size_text(found(precision).noise.level)
    axes.text(0.03, 0.05, f"noise {noise}, found\nin the values alone", fontsize=9,
              transform=axes.transAxes, color=muted(dark), va="bottom")  # fmt: skip
    if precision == "single":
        axes.text(0.97, 0.05, "dashed: predicted errors\nrings: the steps chosen", fontsize=9,
                  transform=axes.transAxes, color=INK[dark], va="bottom", ha="right")  # fmt: skip
    axes.set_ylabel("absolute error of l₄′(0.2)")


if __name__ == "__main__":
    show(draw)
