"""No step is too small for the complex step
==========================================

A central difference subtracts two nearly equal numbers: at h = 10⁻⁵ its error is least, at 10⁻¹⁶
no digit is left.  The complex step, Im f(x + ih)/h, subtracts nothing.  Its truncation falls as h²
too, reaches the last digit near 10⁻⁸, and there it stays, down to 10⁻²⁰⁰.  The function is an
example of Squire & Trapp's paper.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.differentiate.complex_step import complex_step_errors
from diffkit.differentiate.finite import derivative_errors
from diffkit.differentiate.stencils import stencil
from diffkit.engines.precise import distance, true_slope
from diffkit.plots.curves import best_step, slope
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import METHODS_STYLE, muted, use_style

SOURCE = "Squire & Trapp 1998, section 2"
PAGE = Page(
    name="complex-step",
    chapter="Derivatives",
    title="No step is too small for the complex step",
    concepts=("derivative", "complex step", "finite differences", "rounding"),
    question="Which functions of your own would break it?",
    try_this='diffkit compare "exp(x)/sqrt(sin(x)**3+cos(x)**3)" --at x=1.5',
    source=SOURCE,
    alt="Error against the step over two hundred powers of ten: the central difference falls "
    "and rises again until no digit is left, the complex step falls once and stays below "
    "one unit of the last place.",
)

AT = 1.5
POWER, QUOTIENT = 18.600812734259759, 4.0534278938986
# Powers of two, so that dividing by h rounds nothing.
NEAR, FAR = 2.0 ** np.arange(-56.0, -2.0), 2.0 ** np.arange(-664.0, -50.0, 6.0)
TINY = 2.0 ** np.arange(-664.0, -26.0, 6.0)


def quotient(x: Any) -> Any:
    """The function of the paper."""
    return np.exp(x) / np.sqrt(np.sin(x) ** 3 + np.cos(x) ** 3)


def power(x: Any) -> Any:
    """Its other example."""
    return x**4.5


@cache
def exact() -> Any:
    """The derivative of the quotient at the double 1.5, to many digits."""
    return true_slope(quotient, AT)


def ulps(f: Any, truth: Any) -> float:
    """The largest error of the complex step over all small steps, in ulps."""
    slopes = [float(dk.grad(f, method=dk.methods.ComplexStep(h))(AT)) for h in TINY]
    return max(distance(found, truth) for found in slopes) / float(np.spacing(float(truth)))


def numbers() -> list[Claim]:
    """The digits that the paper prints, and how far they are reached by every small step."""
    central = derivative_errors(quotient, AT, NEAR, stencil(2), exact())
    complex_errors = complex_step_errors(quotient, AT, NEAR, exact())
    falling = (NEAR > 1e-5) & (NEAR < 1e-2)
    return [
        Claim("complex-step", "derivative of x^4.5 at 1.5", POWER, float(true_slope(power, AT)),
              4e-15, SOURCE),
        Claim("complex-step", "derivative of eˣ/√(sin³x + cos³x) at 1.5", QUOTIENT,
              float(exact()), 5e-14, SOURCE),
        Claim("complex-step", "x^4.5: largest error for h from 1e-200 to 1e-8, in ulps", 1.0,
              ulps(power, true_slope(power, AT)), 0.0, SOURCE, at_most=True),
        Claim("complex-step", "quotient: largest error for h from 1e-200 to 1e-8, in ulps", 1.0,
              ulps(quotient, exact()), 0.0, SOURCE, at_most=True),
        Claim("complex-step", "order of the complex step", 2.0,
              slope(NEAR[falling], complex_errors[falling]), 0.02, "Taylor's theorem"),
        Claim("complex-step", "best error of the central difference, in powers of ten", -10.0,
              float(np.log10(best_step(NEAR, central)[1])), 1.0, SOURCE),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """Errors against the step: ordinary steps on the right, absurd ones on the left."""
    with use_style(dark):
        figure, (far, near) = plt.subplots(
            1, 2, figsize=(9.2, 4.3), sharey=True, gridspec_kw={"width_ratios": (1.0, 1.7)}
        )
        floor = float(np.spacing(float(exact())))
        for axes, steps in ((far, FAR), (near, NEAR)):
            panel(axes, steps, floor, dark)
        far.set(xlim=(1e-200, 1e-17), ylabel="absolute error of f′(1.5)")
        near.set(xlim=(1e-17, 0.3), ylim=(floor / 20, 50.0))
        far.set_xticks([1e-200, 1e-150, 1e-100, 1e-50])
        near.set_xticks([1e-16, 1e-12, 1e-8, 1e-4])
        near.tick_params(left=False)
        words(far, near, floor, dark)
        far.set_title(PAGE.title)
    return figure


def panel(axes: Axes, steps: np.ndarray, floor: float, dark: bool) -> None:
    """Both methods over some steps."""
    axes.set(xscale="log", yscale="log")
    axes.axhspan(floor / 1e3, floor, color=muted(dark), alpha=0.15, linewidth=0)
    central = derivative_errors(quotient, AT, steps, stencil(2), exact())
    ours = np.maximum(complex_step_errors(quotient, AT, steps, exact()), floor / 4)
    finite, step = METHODS_STYLE["finite"], METHODS_STYLE["complex"]
    axes.plot(steps, central, finite.line, color=finite.colour(dark), marker=".", markersize=4,
              linewidth=1.2)  # fmt: skip
    axes.plot(steps, ours, color=step.colour(dark), linewidth=5, alpha=0.45)
    axes.plot(steps, ours, color=step.colour(dark), linewidth=1.4, linestyle="--")
    axes.set_xlabel("step h")


def words(far: Axes, near: Axes, floor: float, dark: bool) -> None:
    """Labels at the lines."""
    finite, step = (METHODS_STYLE[name].text_colour(dark) for name in ("finite", "complex"))
    near.text(2e-12, 3e-8, "central\ndifference", color=finite, fontsize=9.5, ha="right")
    far.text(1e-194, 1.5, "central difference: 0,\nall digits are gone", color=finite, fontsize=9.5,
             va="top")  # fmt: skip
    near.text(3e-14, floor * 30, "complex step", color=step, fontsize=9.5)
    far.text(1e-194, floor * 30, "complex step: still\nright to the last digit", color=step,
             fontsize=9.5)  # fmt: skip
    near.text(0.2, floor / 3, "less than one ulp", color=muted(dark), fontsize=8.5, ha="right",
              va="center")  # fmt: skip


if __name__ == "__main__":
    show(draw)
