"""Two lines cost nine of sixteen digits, and the cure is tried before it is proposed
==================================================================================

A rounding error of half an ulp is harmless until a line lets it count.  In log(2(1 − cos x)/x²) two
lines do: the difference 1 − cos x is much smaller than cos x, and the logarithm of a number near 1
is much smaller than that number.  The adjoint of each variable says how often its rounding error
counts in the result, so the steps of the staircase are the digits that each line costs.  Predicted
from one reverse sweep, they are the digits that are really missing.  ``dk.diagnose`` puts a better
formula into the graph, holds it against 120 digits, and proposes it if it helps.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.comparison.conditioning import Conditioning
from diffkit.comparison.diagnose import Diagnosis
from diffkit.lazy import mp
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, muted, use_style
from diffkit.plots.training import ACCENT

SOURCE = "Higham 2002, section 1.7; Linnainmaa 1976"
PAGE = Page(
    name="diagnosis",
    chapter="Accuracy",
    title="Two lines cost nine of sixteen digits, and the cure is tried before it is proposed",
    concepts=("rounding", "cancellation", "backward propagation", "adjoint"),
    question="Which of the four lines would you rewrite first?",
    try_this='diffkit diagnose "log(2*(1-cos(x))/x**2)" --at x=0.01',
    source=SOURCE,
    alt="Left: four lines of code with bars that say how often their rounding counts; arrows "
    "mark the two lines where digits are lost. Right: predicted and measured errors agree "
    "on one line, and the errors with the remedy lie far below it.",
)

X = 0.01
POINTS = np.geomspace(3e-4, 0.3, 19)
NEARBY = 1 + 1e-4 * np.linspace(-1.0, 1.0, 9)
UNIT = 2.0**-53
DIGITS = 60
LINES = ("c = np.cos(x)", "d = 1 - c", "r = 2 * d / x**2", "return np.log(r)")


def f(x: Any) -> Any:
    """A number near 1 that is a quotient of small ones, and its logarithm."""
    c = np.cos(x)
    d = 1 - c
    r = 2 * d / x**2
    return np.log(r)


def cured(x: Any) -> Any:
    """The same with what the diagnosis proposes in place of 1 − cos x."""
    d = 2 * np.sin(x / 2) ** 2
    return np.log(2 * d / x**2)


@cache
def diagnosis() -> Diagnosis:
    """What is found at the point."""
    return dk.diagnose(f, X)


@cache
def stairs() -> list[float]:
    """How often a rounding error of each line's result counts in the value, in digits."""
    graph = dk.trace(f, X)
    errors = Conditioning(graph, [np.float64(X)], [0])
    loss = next(iter(errors.losses()))
    last = {}  # the last equation of the function on each line is its result
    for node in sorted(errors.of_value):
        place = graph_line(errors, node)
        last[place] = node
    weights = [loss.bars[n] * errors.state[n] / loss.size for n in sorted(last.values())]
    return [float(np.log10(abs(weight))) for weight in weights]


def graph_line(errors: Conditioning, node: int) -> str:
    """The user's line of an equation."""
    from diffkit.comparison.remedy_patterns import place_line

    return place_line(errors.graph.columns.sources[node])


@cache
def curves() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Relative errors against x: predicted, measured, and measured of the cured formula."""
    predicted = [UNIT * dk.diagnose(f, float(x)).units["value"] for x in POINTS]
    return np.array(predicted), measured(f), measured(cured)


def measured(function: Any) -> np.ndarray:
    """The largest relative error of a few neighbours of each point, against 60 digits."""
    found = []
    for x in POINTS:
        errors = []
        for near in x * NEARBY:
            with mp.workdps(DIGITS):
                t = mp.mpf(float(near))
                true = mp.log(2 * (1 - mp.cos(t)) / t**2)
                errors.append(float(abs(mp.mpf(float(function(near))) - true) / abs(true)))
        found.append(max(errors))
    return np.array(found)


def slope(errors: np.ndarray) -> float:
    """The power of x with which an error falls, over the points where it is below 1."""
    kept = (errors < 0.1) & (POINTS < 0.1)
    return float(np.polyfit(np.log(POINTS[kept]), np.log(errors[kept]), 1)[0])


def numbers() -> list[Claim]:
    """Digits by line, and prediction against measurement."""
    steps = -np.diff(stairs())
    predicted, seen, better = curves()
    usable = seen < 0.1
    ratio = np.maximum(predicted, UNIT)[usable] / np.maximum(seen, UNIT)[usable]
    (before, _), (after, _) = next(x.digits for x in diagnosis() if x.digits)
    return [
        Claim("diagnosis", "digits that 1 − cos x costs at 0.01", float(np.log10(2 / X**2)),
              float(steps[0]), 0.01, "|c/(1 − c)| = 2/x²"),
        Claim("diagnosis", "digits that the logarithm costs at 0.01", float(np.log10(12 / X**2)),
              float(steps[2]), 0.01, "|1/log r| = 12/x²"),
        Claim("diagnosis", "predicted error: power of x", -4.0, slope(predicted), 0.05, SOURCE),
        Claim("diagnosis", "with the remedy: measured power of x", -2.0, slope(better), 0.35,
              "the logarithm's own part"),
        Claim("diagnosis", "predicted over measured error: largest factor", 10.0,
              float(np.max(np.maximum(ratio, 1 / ratio))), 0.0, "60 digits", at_most=True),
        Claim("diagnosis", "digits that the remedy gains at 0.01", 4.3, after - before, 1.0,
              "those of 1 − cos x"),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """The staircase of one point, and errors against x."""
    with use_style(dark):
        figure, (left, right) = plt.subplots(
            1, 2, figsize=(9.4, 4.1), gridspec_kw={"width_ratios": (1.0, 1.15)}
        )
        stair_panel(left, dark)
        error_panel(right, dark)
        left.set_title(PAGE.title)
    return figure


def stair_panel(axes: Axes, dark: bool) -> None:
    """How often the rounding error of each line's result counts."""
    heights = stairs()
    places = np.arange(len(heights))[::-1]
    axes.barh(places, np.maximum(heights, 0.06), height=0.42, color=muted(dark), alpha=0.45)
    for place, text in zip(places, LINES, strict=True):
        axes.text(0.1, place + 0.29, text, family="monospace", fontsize=9, va="bottom",
                  color=INK[dark])  # fmt: skip
    for k in (0, 2):
        middle = (heights[k] + heights[k + 1]) / 2
        place = places[k + 1]
        axes.annotate(
            "",
            (heights[k + 1], place),
            (heights[k], place),
            arrowprops={"arrowstyle": "->", "color": ACCENT[dark], "lw": 2.2},
        )
        axes.text(max(middle, 2.2), place - 0.18, f"costs {heights[k] - heights[k + 1]:.1f} digits",
                  color=ACCENT[dark], ha="center", va="top", fontsize=9)  # fmt: skip
    axes.set(xlim=(0, 10.5), ylim=(-0.75, len(heights) - 0.35), yticks=[])
    axes.grid(False, axis="y")
    axes.set_xlabel("amplification of a line's rounding, in powers of ten")
    axes.text(0.98, 0.98, f"at x = {X}", transform=axes.transAxes, ha="right", va="top",
              color=muted(dark), fontsize=9)  # fmt: skip


def error_panel(axes: Axes, dark: bool) -> None:
    """Prediction laid over measurement, and what the remedy leaves."""
    predicted, seen, better = curves()
    axes.plot(POINTS, predicted, color=INK[dark], linewidth=1.6)
    axes.plot(POINTS, seen, "o", color=ACCENT[dark], markersize=5)
    axes.plot(POINTS, better, "s", color=muted(dark), markersize=4)
    axes.set(xscale="log", yscale="log", xlim=(2.4e-4, 0.4), ylim=(1e-17, 30))
    axes.axhline(UNIT, color=muted(dark), linewidth=1.0, linestyle=(0, (4, 3)))
    axes.text(2.7e-4, UNIT * 0.7, "half an ulp", color=muted(dark), fontsize=8.5, va="top")
    axes.text(0.012, 2e-5, "predicted (line)", color=INK[dark], fontsize=9)
    axes.text(0.012, 2e-6, "and measured", color=ACCENT[dark], fontsize=9)
    axes.text(4.5e-4, 2e-11, "with the remedy", color=muted(dark), fontsize=9)
    axes.set_xlabel("x")
    axes.text(0.98, 0.98, "relative error of f", transform=axes.transAxes, ha="right", va="top",
              fontsize=10, color=muted(dark))  # fmt: skip


if __name__ == "__main__":
    show(draw)
