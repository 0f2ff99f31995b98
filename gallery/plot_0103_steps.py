"""Smaller steps help, until they don't
=====================================

A difference quotient has two errors.  Truncation falls with the step h, as h, h², h⁴ or h⁶,
depending on the stencil; rounding rises as ε/h, because the subtraction cancels more and more
digits.  Their sum has a minimum, and no step is good enough to give all digits.  The complex
step, Im f(x + ih)/h, subtracts nothing: its truncation falls as h² too, until it reaches the
last digit, and there it stays, even at a step of 10⁻¹⁰⁰.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from diffkit.differentiate.complex_step import complex_step_errors
from diffkit.differentiate.finite import derivative_errors
from diffkit.differentiate.stencils import stencil
from diffkit.plots.curves import Curve, best_step, plot_step_errors, slope
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import METHODS_STYLE, use_style

SOURCE = "Baydin et al. 2018, figure 3 (step size), l4 of the logistic map at 0.2"
PAGE = Page(
    name="steps",
    chapter="Derivatives",
    title="Smaller steps help, until they don't",
    concepts=("derivative", "finite differences", "complex step", "rounding"),
    question="Which step would you take if you did not know the answer?",
    try_this="diffkit compare --case logistic-map",
    source=SOURCE,
    alt="Error of the derivative against the step on logarithmic axes: the lines of four "
    "difference quotients fall to a lowest point and rise again, making a V, while the "
    "complex step falls to the rounding floor and stays there.",
)

AT = 0.2
TRUE_SLOPE = Fraction(708288, 78125)
EPS = 2.0**-52
ULP = float(np.spacing(float(TRUE_SLOPE)))
STEPS = np.logspace(-16, 0, 13 * 16 + 1)
TINY_STEP = 1e-100
ACCURACIES = (1, 2, 4, 6)
# Where truncation rules, away from the minimum and from the size of x itself.
TRUNCATION = {1: (1e-6, 1e-4), 2: (1e-4, 1e-2), 4: (1e-3, 1e-2)}
BEST = {1: (7e-9, 1.5e-9), 2: (2.4e-11, 4e-7), 4: (2e-13, 5e-5)}
NAMES = {1: "forward", 2: "central", 4: "five-point", 6: "seven-point"}
ABOUT = 0.5  # the best error is the least of many noisy ones


def l4(x):
    """The fourth iterate of the logistic map l1 = x, multiplied out as in the survey."""
    return 64 * x * (1 - x) * (1 - 2 * x) ** 2 * (1 - 8 * x + 8 * x * x) ** 2


@cache
def errors(accuracy: int) -> np.ndarray:
    """The absolute error at every step, for the stencil of this accuracy."""
    return derivative_errors(l4, AT, STEPS, stencil(accuracy), TRUE_SLOPE)


def slope_of(accuracy: int) -> float:
    """The measured order of a stencil where truncation rules."""
    low, high = TRUNCATION[accuracy]
    chosen = (low <= STEPS) & (high >= STEPS)
    return slope(STEPS[chosen], errors(accuracy)[chosen])


def numbers() -> list[Claim]:
    """Orders, best errors and the complex step at 1e-100."""
    claims = []
    for accuracy in TRUNCATION:
        claims.append(
            Claim("steps", f"order of the {NAMES[accuracy]} difference", float(accuracy),
                  slope_of(accuracy), 0.05, "Taylor's theorem")
        )  # fmt: skip
    for accuracy, (error, step) in BEST.items():
        found_step, found = best_step(STEPS, errors(accuracy), window=1)
        name = NAMES[accuracy]
        claims += [
            Claim("steps", f"best error of the {name} difference", error, found, error * ABOUT,
                  SOURCE),
            Claim("steps", f"its step h ({name})", step, found_step, step * ABOUT, SOURCE),
        ]  # fmt: skip
    claims.append(
        Claim("steps", "doubles between the complex step at h = 1e-100 and the derivative",
              1.0, complex_ulps(), 0.0, "Squire & Trapp 1998", at_most=True)
    )  # fmt: skip
    return claims


def complex_ulps() -> float:
    """How many doubles lie between the complex step at 1e-100 and the derivative.

    The derivative is that at the double nearest to 0.2, which is not 1/5.
    """
    slope_there, x = Fraction(1), Fraction(AT)
    for _ in range(3):
        slope_there, x = 4 * slope_there * (1 - 2 * x), 4 * x * (1 - x)
    found = complex(l4(complex(AT, TINY_STEP))).imag / TINY_STEP
    return abs(found - float(slope_there)) / ULP


# Line styles tell the stencils of one method apart; labels stand where there is room.
LINES = {1: ":", 2: "-.", 4: (0, (5, 1.5)), 6: "-"}
LABELS = (
    ((1e-6, 6e-3), "forward\nerror ~ h", "right"),
    ((6.5e-5, 2.5e-7), "central\n~ h²", "left"),
    ((8.5e-6, 1.6e-9), "five-point\n~ h⁴", "left"),
    ((1.3e-2, 1e-9), "seven-point\n~ h⁶", "left"),
    ((1e-12, 4e-2), "rounding ~ ε/h", "left"),
)


def draw(dark: bool = False) -> Figure:
    """Errors against the step, with the best steps of theory marked."""
    complex_errors = complex_step_errors(l4, AT, list(STEPS), TRUE_SLOPE)
    curves = [Curve("complex step", "complex", STEPS, complex_errors)]
    for accuracy in ACCURACIES:
        options = {"linestyle": LINES[accuracy]}
        curves.append(Curve(NAMES[accuracy], "finite", STEPS, errors(accuracy), options))
    marks = [(EPS**0.5, "√ε"), (EPS ** (1 / 3), "∛ε")]
    with use_style(dark):
        figure, axes = plt.subplots()
        plot_step_errors(curves, floor=ULP, marks=marks, axes=axes, dark=dark)
        axes.set_xlim(STEPS[0] / 2, 1.0)
        axes.set_ylim(ULP / 30, 30.0)
        colour = METHODS_STYLE["finite"].text_colour(dark)
        for (x, y), text, side in LABELS:
            axes.text(x, y, text, color=colour, fontsize=9, ha=side, va="center")
        axes.text(STEPS[0], ULP * 9, "complex step: right to the last digit\nfor every "
                  "h below 10⁻⁹, and for 10⁻¹⁰⁰", fontsize=9, va="bottom", ha="left",
                  color=METHODS_STYLE["complex"].text_colour(dark))  # fmt: skip
        axes.text(STEPS[0], ULP / 6, "rounding floor: less than one ulp", fontsize=8.5, va="center",
                  color=axes.xaxis.get_ticklabels()[0].get_color(), alpha=0.8)  # fmt: skip
        axes.set_xlabel("step h")
        axes.set_ylabel("absolute error of l₄′(0.2)")
        axes.set_title(PAGE.title, pad=18)
    return figure


if __name__ == "__main__":
    show(draw)
