"""Forward gradients are right on average, and √n times too long
==============================================================

One directional derivative along a random direction v, times v: no backward sweep, nothing to
remember, and on average the gradient.  But a single sample of n entries has the squared length
(n + 2)‖∇f‖², nearly all of it chance.  Averaging K of them divides that by K, so an estimate
that is to point the right way needs about as many samples as there are parameters, which is what
forward mode would have needed for the gradient itself.  Signs ±1 in place of normal numbers save
little; SPSA, which looks at two values of f instead of a derivative, pays the same.
"""

from __future__ import annotations

from functools import cache
from math import sqrt
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, colour_of, muted, use_style
from diffkit.plots.training import ACCENT

PAPER = "Baydin et al. 2022, Gradients without backpropagation"
PAGE = Page(
    name="estimators",
    chapter="Automatic differentiation",
    title="Forward gradients are right on average, and √n times too long",
    concepts=("forward gradient", "SPSA", "variance", "unbiased estimator"),
    question="Why do evolution strategies, which are the same idea, need so many workers?",
    try_this="dk.grad(lambda x: x @ x, method=dk.methods.ForwardGradient(100, seed=0))(np.ones(8))",
    source=PAPER,
    alt="Left: the squared length of one forward gradient grows in proportion to the number of "
    "parameters. Right: its error falls with the number of samples that are averaged, along "
    "parallel lines that lie higher for more parameters.",
)

SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
SAMPLES = 2048
SEED = 0
SHOWN = (10, 100, 1000)  # sizes of the right picture
AVERAGED = tuple(2**k for k in range(10))
STEP = 2.0**-17  # of SPSA, about ε^⅓
AT, MANY = 50, 8192  # inputs and samples at which the paper's factor is checked
WITHIN = 2.5  # three standard errors of its mean, 3 · √2 n/√MANY


def f(x: Any) -> Any:
    """A smooth function of n inputs, or of every row of a matrix."""
    return np.sum(np.sin(x) + 0.3 * x * x, axis=-1)


def point(n: int) -> np.ndarray:
    """Where the gradient is estimated."""
    return np.linspace(-1.0, 2.0, n) if n > 1 else np.array([0.5])


def gradient(n: int) -> np.ndarray:
    """The gradient by reverse mode."""
    return dk.grad(f)(point(n))


def directions(kind: str, n: int, count: int) -> np.ndarray:
    """Random directions, one per row: what the methods of the library draw one by one."""
    rng = np.random.default_rng(SEED)
    if kind == "gaussian":
        return rng.standard_normal((count, n))
    return 2.0 * rng.integers(0, 2, (count, n)) - 1.0


@cache
def estimates(kind: str, n: int, count: int = SAMPLES) -> np.ndarray:
    """That many estimates of the gradient, one per row: one sweep serves them all."""
    v, x = directions(kind, n, count), np.tile(point(n), (count, 1))
    if kind == "spsa":
        slopes = (f(x + STEP * v) - f(x - STEP * v)) / (2 * STEP)
    else:
        slopes = dk.jvp(f, (x,), (v,))[1]
    return slopes[:, None] * v


def unlike(kind: str, count: int = 64) -> float:
    """The largest difference from what the methods of the library give, sample by sample."""
    rng = np.random.default_rng(SEED)
    method: Any = dk.methods.SPSA(step=STEP, seed=rng)
    if kind != "spsa":
        method = dk.methods.ForwardGradient(directions=kind, seed=rng)
    sample = dk.grad(f, method=method)
    found = np.array([sample(point(AT)) for _ in range(count)])
    return float(np.max(np.abs(found - estimates(kind, AT, MANY)[:count])))


def squared_length(kind: str, n: int, count: int = SAMPLES) -> float:
    """The mean of ‖ĝ‖² over ‖∇f‖²."""
    g = gradient(n)
    return float(np.mean(np.sum(estimates(kind, n, count) ** 2, axis=1)) / (g @ g))


def distance(kind: str, n: int, count: int) -> float:
    """The root-mean-square distance of a mean of ``count`` samples from ∇f, over ‖∇f‖."""
    g = gradient(n)
    means = estimates(kind, n).reshape(-1, count, n).mean(axis=1)
    return float(np.sqrt(np.mean(np.sum((means - g) ** 2, axis=1)) / (g @ g)))


def bias(kind: str, n: int) -> float:
    """The distance of the mean of all samples from ∇f, in standard errors."""
    g, found = gradient(n), estimates(kind, n)
    return float(np.linalg.norm(found.mean(axis=0) - g)) / (
        distance(kind, n, 1) * float(np.linalg.norm(g)) / sqrt(SAMPLES)
    )


def numbers() -> list[Claim]:
    """Means and variances beside those of the paper."""
    spall = "Spall 1992; v = ±1"
    return [
        Claim("estimators", "Gaussian: ‖ĝ‖² over ‖∇f‖² for n = 50 (theory n + 2)", 52.0,
              squared_length("gaussian", AT, MANY), WITHIN, PAPER),
        Claim("estimators", "±1: the same (theory n)", 50.0,
              squared_length("rademacher", AT, MANY), WITHIN, PAPER),
        Claim("estimators", "SPSA: the same (theory n)", 50.0,
              squared_length("spsa", AT, MANY), WITHIN, spall),
        Claim("estimators", "Gaussian: distance of the mean from ∇f, in standard errors", 1.0,
              bias("gaussian", AT), 0.3, "unbiased: 1 on average"),
        Claim("estimators", "SPSA: the same", 1.0, bias("spsa", AT), 0.3, spall),
        Claim("estimators", "Gaussian, n = 1000: one sample is as far from ∇f as √(n + 1)", 1.0,
              distance("gaussian", 1000, 1) / sqrt(1001), 0.05, PAPER),
        Claim("estimators", "Gaussian, n = 100: error of 256 samples over that of one, times √256",
              1.0, distance("gaussian", 100, 256) / distance("gaussian", 100, 1) * 16, 0.1,
              "variance / K"),
        Claim("estimators", "largest difference from 64 samples of the library's methods", 0.0,
              max(map(unlike, ("gaussian", "rademacher", "spsa"))), 1e-8, "rounding"),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """Length against the number of parameters, and error against the number of samples."""
    with use_style(dark):
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.0, 4.3))
        length_panel(left, dark)
        error_panel(right, dark)
        left.set_title(PAGE.title)
    return figure


def length_panel(axes: Axes, dark: bool) -> None:
    """‖ĝ‖²/‖∇f‖² against n; points are measured, the line is the theory."""
    n = np.geomspace(1, 1000, 60)
    axes.plot(n, n + 2, color=colour_of("forward", dark), linewidth=1.6)
    axes.plot(n, n, color=ACCENT[dark], linewidth=1.6)
    for kind, colour, marker in (
        ("gaussian", colour_of("forward", dark), "s"),
        ("rademacher", ACCENT[dark], "o"),
    ):
        lengths = [squared_length(kind, size) for size in SIZES]
        axes.plot(SIZES, lengths, marker, color=colour, markersize=5)
    axes.text(1.0, 11.5, "normal v: n + 2", color=colour_of("forward", dark), fontsize=9,
              ha="left", va="bottom")  # fmt: skip
    axes.text(2.6, 1.5, "v = ±1: n", color=ACCENT[dark], fontsize=9, ha="left", va="center")
    axes.axhline(1.0, color=muted(dark), linewidth=1.0, linestyle=(0, (4, 3)), zorder=0.5)
    axes.text(1000, 1.12, "the gradient itself", color=muted(dark), fontsize=8.5, ha="right")
    axes.set(xscale="log", yscale="log", xlabel="parameters n", ylim=(0.7, 2e3))
    axes.set_xticks([1, 10, 100, 1000], ["1", "10", "100", "1000"])
    axes.set_yticks([1, 10, 100, 1000], ["1", "10", "100", "1000"])
    axes.set_ylabel("‖ĝ‖² over ‖∇f‖², one sample")


def error_panel(axes: Axes, dark: bool) -> None:
    """‖mean ĝ − ∇f‖/‖∇f‖ against the samples; points are measured, lines are √((n + 1)/K)."""
    for n, colour in zip(SHOWN, (muted(dark), colour_of("forward", dark), INK[dark]), strict=True):
        theory = [sqrt((n + 1) / count) for count in AVERAGED]
        axes.plot(AVERAGED, theory, color=colour, linewidth=1.4)
        measured = [distance("gaussian", n, count) for count in AVERAGED]
        axes.plot(AVERAGED, measured, "s", color=colour, markersize=4.5)
        axes.annotate(f"n = {n}", (AVERAGED[-1], theory[-1]), xytext=(7, 0), color=colour,
                      textcoords="offset points", va="center", fontsize=9)  # fmt: skip
    axes.axhline(1.0, color=muted(dark), linewidth=1.0, linestyle=(0, (4, 3)), zorder=0.5)
    axes.text(0.95, 0.93, "as wrong as ĝ = 0", color=muted(dark), fontsize=8.5, va="top")
    axes.set(
        xscale="log", yscale="log", xlabel="samples averaged K", xlim=(0.85, 600), ylim=(0.09, 45)
    )
    axes.set_xticks([1, 10, 100, 512], ["1", "10", "100", "512"])
    axes.set_yticks([0.1, 1, 10], ["0.1", "1", "10"])
    axes.set_ylabel("error over ‖∇f‖, normal v")


if __name__ == "__main__":
    show(draw)
