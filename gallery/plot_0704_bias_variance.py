"""Too stiff misses the curve, too supple follows the noise
========================================================

Twenty-five noisy points of a curve are fitted by polynomials.  A straight line cannot bend as the
curve does, whichever points it is shown: that error is bias.  A polynomial of degree 14 bends to
every point, and would bend otherwise for other points: that is variance.  The error on new points
is bias² + variance + the noise that nobody can predict, and it is least in between.  More points
lower the variance, and leave the bias as it is.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.nets import CLASSES
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, label_lines, muted, use_style
from diffkit.plots.training import ACCENT

SOURCE = "Geman, Bienenstock & Doursat 1992; Hastie, Tibshirani & Friedman 2009, section 7.3"
PAGE = Page(
    name="bias-variance",
    chapter="Gradient descent and learning rates",
    title="Too stiff misses the curve, too supple follows the noise",
    concepts=("intuition", "overfitting", "bias", "variance"),
    question="Which of the three parts does a larger data set make smaller?",
    try_this="NOISE = 0.1  # in the script: less noise, and a higher degree is best",
    source=SOURCE,
    alt="Three panels: polynomials of low, middle and high degree through one data set; bias "
    "falling and variance rising with the degree, their sum shaped like a U; and the error "
    "on new points falling with more data.",
)

POINTS, NOISE, DEGREES, DRAWS = 25, 0.35, range(15), 2000
SHOWN = {1: "degree 1", 5: "degree 5", 14: "degree 14"}
NUMBERS = (15, 25, 50, 100, 200, 400)
FIXED = 9  # the degree over which the number of points is changed
NEW = np.linspace(-1, 1, 161)


def curve(x: np.ndarray) -> np.ndarray:
    """What is to be learned."""
    return np.sin(4 * x + 0.8) + 0.5 * x


def basis(x: np.ndarray, degree: int) -> np.ndarray:
    """Legendre polynomials up to a degree, one column for each."""
    return np.polynomial.legendre.legvander(x, degree)


def loss(w: Any, features: Any, y: Any) -> Any:
    """The mean squared error of a fit."""
    return np.mean((features @ w - y) ** 2)


@cache
def parts(degree: int, points: int = POINTS) -> tuple[float, float]:
    """Bias² and variance on new points, exactly: a fit is linear in the targets it is shown."""
    x = np.linspace(-1, 1, points)
    weights = basis(NEW, degree) @ np.linalg.pinv(basis(x, degree))
    bias = weights @ curve(x) - curve(NEW)
    return float(np.mean(bias**2)), float(NOISE**2 * np.mean(np.sum(weights**2, axis=1)))


def predicted(degree: int, points: int = POINTS) -> float:
    """Bias² + variance + noise."""
    return sum(parts(degree, points)) + NOISE**2


@cache
def fits(degree: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights fitted to each of many draws of the points, the features and the targets."""
    x, rng = np.linspace(-1, 1, POINTS), np.random.default_rng(1)
    y = curve(x)[:, None] + NOISE * rng.standard_normal((POINTS, DRAWS))
    features = basis(x, degree)
    return np.linalg.lstsq(features, y, rcond=None)[0], features, y


@cache
def measured(degree: int) -> tuple[float, float]:
    """The mean squared error on the points shown and on new ones, over all draws."""
    weights, features, y = fits(degree)
    rng = np.random.default_rng(2)
    new = curve(NEW)[:, None] + NOISE * rng.standard_normal((len(NEW), DRAWS))
    return loss(weights, features, y), loss(weights, basis(NEW, degree), new)


def slope_left(degree: int) -> float:
    """The largest derivative that is left at a fit, by reverse mode: zero at a minimum."""
    weights, features, y = fits(degree)
    return float(np.abs(dk.grad(loss)(weights[:, 0], features, y[:, 0])).max())


def numbers() -> list[Claim]:
    """The sum of the parts, the U, and what more points do."""
    errors = [predicted(degree) for degree in DEGREES]
    best = int(np.argmin(errors))
    training = [measured(degree)[0] for degree in DEGREES]
    over_points = [predicted(FIXED, count) for count in NUMBERS]
    return [
        Claim("bias-variance", "bias² + variance + noise over the measured error, minus one", 0.0,
              max(abs(errors[d] / measured(d)[1] - 1) for d in DEGREES), 0.02, SOURCE),
        Claim("bias-variance", "degree with the least error", 5, best, 1, "this curve"),
        Claim("bias-variance", "steps against the U", 0, int((np.diff(errors[: best + 1]) > 1e-4)
              .sum() + (np.diff(errors[best:]) < 0).sum()), 0, SOURCE),
        Claim("bias-variance", "degrees at which the error on the points shown rises", 0,
              int((np.diff(training) > 0).sum()), 0, "each degree contains the one before"),
        Claim("bias-variance", "numbers of points at which more raise the error", 0,
              int((np.diff(over_points) > 0).sum()), 0, SOURCE),
        Claim("bias-variance", "variance at 400 points over that at 100, times four", 1.0,
              4 * parts(FIXED, 400)[1] / parts(FIXED, 100)[1], 0.1, "variance ∝ 1/N"),
        Claim("bias-variance", "largest slope left at a fit", 0.0,
              max(map(slope_left, DEGREES)), 1e-12, "∇ = 0 at a minimum"),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """Three fits, the parts of the error over the degree, and the error over the points."""
    with use_style(dark):
        figure, axes = plt.subplots(1, 3, figsize=(11.4, 4.1), width_ratios=(1.15, 1.15, 1))
        figure.set_layout_engine("constrained", wspace=0.05)
        _fits(axes[0], dark)
        _parts(axes[1], dark)
        _more_points(axes[2], dark)
        figure.suptitle(PAGE.title, x=0.005, ha="left", fontsize=12, fontweight="bold")
    return figure


def _colours(dark: bool) -> dict[int, str]:
    blue, red = CLASSES[dark]
    return {1: blue, 5: INK[dark], 14: red}


def _fits(axes: Any, dark: bool) -> None:
    x = np.linspace(-1, 1, POINTS)
    axes.plot(x, fits(1)[2][:, 0], "o", color=muted(dark), markersize=3.5)
    labels = []
    for degree, name in SHOWN.items():
        y = basis(NEW, degree) @ fits(degree)[0][:, 0]
        axes.plot(NEW, y, color=_colours(dark)[degree])
        labels.append((1.0, float(y[-1]), name, _colours(dark)[degree]))
    axes.set_ylim(-2.2, 2.2)
    axes.set_xlabel("x")
    axes.set_title("one data set, three polynomials", fontsize=10, fontweight="normal")
    label_lines(axes, labels)


def _parts(axes: Any, dark: bool) -> None:
    blue, red = CLASSES[dark]
    bias, variance = zip(*map(parts, DEGREES), strict=True)
    lines = (
        ("error on\nnew points", [predicted(d) for d in DEGREES], INK[dark], "-"),
        ("bias²", bias, blue, "-"),
        ("variance", variance, red, "-"),
        ("noise", [NOISE**2] * len(DEGREES), muted(dark), ":"),
    )
    for _, y, colour, style in lines:
        axes.plot(DEGREES, y, color=colour, linestyle=style)
    axes.plot(DEGREES, [measured(d)[1] for d in DEGREES], "o", color=INK[dark], markersize=3.5)
    axes.set_yscale("log")
    axes.set_ylim(3e-4, 1)
    axes.set_xticks(DEGREES[::2])
    axes.set_xlabel("degree")
    axes.set_title("the parts (dots: measured)", fontsize=10, fontweight="normal")
    ends = [(DEGREES[-1], y[-1], name, colour) for name, y, colour, _ in lines if y is not bias]
    label_lines(axes, ends)
    axes.text(5.6, bias[5], "bias²", color=blue, fontsize=9, va="center")


def _more_points(axes: Any, dark: bool) -> None:
    axes.plot(NUMBERS, [predicted(FIXED, n) for n in NUMBERS], "o-", color=ACCENT[dark])
    axes.axhline(NOISE**2, color=muted(dark), linestyle=":")
    axes.text(NUMBERS[0], NOISE**2, "noise", color=muted(dark), fontsize=9, va="bottom")
    axes.set_xscale("log")
    axes.set_xticks(NUMBERS, [str(n) for n in NUMBERS])
    axes.minorticks_off()
    axes.set_xlabel("points shown")
    axes.set_title(f"error on new points, degree {FIXED}", fontsize=10, fontweight="normal")


if __name__ == "__main__":
    show(draw)
