"""A secant turns into the tangent, and a better secant turns faster
=================================================================

A derivative is the limit of the slopes of secants.  Halve the distance h between the two points
and the secant's slope is twice as close to the tangent's; put the two points on either side and it
is four times as close; combine four points and it is sixteen times as close.  On logarithmic axes
the errors are straight lines, of slope 1, 2 and 4.
"""

from __future__ import annotations

from functools import cache

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.differentiate.finite import derivative_errors
from diffkit.differentiate.stencils import stencil
from diffkit.plots.concepts import draw_tangent
from diffkit.plots.curves import slope
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, METHODS_STYLE, label_lines, use_style
from diffkit.plots.training import ACCENT

PAGE = Page(
    name="secants",
    chapter="Derivatives",
    title="A secant turns into the tangent, and a better secant turns faster",
    concepts=("derivative", "secant", "finite differences"),
    question="How many digits do you gain by halving h, with each of the three?",
    try_this="dk.derivative(np.sin, method=dk.methods.Finite(accuracy=4, step=0.1))(0.6)",
    source="Taylor's theorem",
    alt="Left: the sine curve with three secants through one point, turning towards the tangent "
    "as the second point comes nearer. Right: error against distance on logarithmic axes, "
    "three straight lines, steeper for the central and steepest for the five-point "
    "quotient.",
)

AT = 0.6
SLOPE = float(np.cos(AT))
DISTANCES = (1.8, 0.9, 0.45)
REACH = (2.0, 1.2, 1.03)  # of the secants, so that their labels have room
STEPS = 2.0 ** -np.arange(0, 7)  # halved each time; rounding is far below
NAMES = {1: "forward", 2: "central", 4: "five-point"}
LINES = {1: ":", 2: "-.", 4: (0, (5, 1.5))}
GAINS = {1: "2 ×", 2: "4 ×", 4: "16 ×"}
SMALL = 3  # the last halvings, where the leading term of the error rules


def secant(h: float) -> float:
    """The slope of the secant from the point to h further."""
    return float((np.sin(AT + h) - np.sin(AT)) / h)


@cache
def errors(accuracy: int) -> np.ndarray:
    """The errors of the difference quotient of this accuracy, at all steps."""
    return derivative_errors(np.sin, AT, STEPS, stencil(accuracy), SLOPE)


def numbers() -> list[Claim]:
    """The three slopes on logarithmic axes, and what halving gains."""
    claims = [
        Claim("secants", f"slope of log error against log h, {name}", float(accuracy),
              slope(STEPS[-SMALL:], errors(accuracy)[-SMALL:]), 0.02, PAGE.source)
        for accuracy, name in NAMES.items()
    ]  # fmt: skip
    gains = [float(errors(n)[-2] / errors(n)[-1]) for n in NAMES]
    claims.append(Claim("secants", "halving h gains a factor of", (2.0, 4.0, 16.0), gains, 0.1,
                        PAGE.source))  # fmt: skip
    claims.append(Claim("secants", "slope of the tangent", SLOPE, float(dk.derivative(np.sin)(AT)),
                        1e-15, "cos 0.6"))  # fmt: skip
    return claims


def draw(dark: bool = False) -> Figure:
    """The secants, and their errors."""
    with use_style(dark):
        figure, (left, right) = plt.subplots(
            1, 2, figsize=(9.4, 4.1), gridspec_kw={"width_ratios": (1.15, 1.0)}
        )
        curve_panel(left, dark)
        error_panel(right, dark)
        left.set_title(PAGE.title)
    return figure


def curve_panel(axes: Axes, dark: bool) -> None:
    """The curve, three secants, and the tangent that they turn into."""
    x = np.linspace(-0.1, 3.0, 300)
    finite = METHODS_STYLE["finite"]
    axes.plot(x, np.sin(x), color=INK[dark])
    labels = []
    for h, reach, alpha in zip(DISTANCES, REACH, (0.45, 0.7, 1.0), strict=True):
        ends = np.array([-0.25, reach])
        axes.plot(AT + ends, np.sin(AT) + secant(h) * ends, color=finite.colour(dark),
                  linewidth=1.5, alpha=alpha)  # fmt: skip
        axes.plot(AT + h, np.sin(AT + h), finite.marker, color=finite.colour(dark), alpha=alpha)
        labels.append((AT + reach, np.sin(AT) + secant(h) * reach, f"h = {h:g}: {secant(h):.3f}",
                       finite.text_colour(dark)))  # fmt: skip
    middle = 0.2  # of the tangent, beyond the point
    draw_tangent(axes, (AT + middle, np.sin(AT) + middle * SLOPE), SLOPE, 0.75, ACCENT[dark])
    labels.append((AT + 0.95, np.sin(AT) + 0.95 * SLOPE, f"tangent: {SLOPE:.3f}", ACCENT[dark]))
    axes.plot(AT, np.sin(AT), "o", color=INK[dark], markersize=7, zorder=4)
    axes.set(xlim=(-0.1, 3.4), ylim=(0, 1.5), xlabel="x", ylabel="sin x")
    label_lines(axes, labels)


def error_panel(axes: Axes, dark: bool) -> None:
    """Errors on logarithmic axes: straight lines."""
    finite = METHODS_STYLE["finite"]
    for accuracy, name in NAMES.items():
        found = errors(accuracy)
        axes.plot(STEPS, found, color=finite.colour(dark), linestyle=LINES[accuracy],
                  marker=finite.marker, markersize=5)  # fmt: skip
        words = f"{name}: slope {accuracy},\nhalving h gains {GAINS[accuracy]}"
        axes.annotate(words, (STEPS[-1], found[-1]), xytext=(-9, 0), ha="right", va="center",
                      textcoords="offset points", fontsize=9,
                      color=finite.text_colour(dark))  # fmt: skip
    axes.set(xscale="log", yscale="log", xlim=(STEPS[-1] / 24, 1.4))
    axes.set_xticks([1, 1 / 4, 1 / 16, 1 / 64], ["1", "1/4", "1/16", "1/64"])
    axes.minorticks_off()
    axes.set_xlabel("distance h")
    axes.set_ylabel("error of the slope")


if __name__ == "__main__":
    show(draw)
