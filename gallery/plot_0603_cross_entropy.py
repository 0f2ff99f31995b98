"""Cross-entropy pulls by exactly what is wrong, and needs a stable form
=====================================================================

−log p makes a confident mistake expensive without limit, where the squared error (1 − p)² never
exceeds 1.  Its gradient with respect to the scores is p − y: what was said minus what was right.
Written as log(softmax(z)) it fails in floating point: from a gap of 710 between two scores on, an
exponential overflows and the answer is minus infinity.  Written as z − logsumexp(z) it is exact: a
gap of 800 costs 800.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, METHODS_STYLE, muted, use_style
from diffkit.plots.training import ACCENT

PAGE = Page(
    name="cross-entropy",
    chapter="Losses",
    title="Cross-entropy pulls by exactly what is wrong, and needs a stable form",
    concepts=("cross-entropy", "softmax classifier", "overflow"),
    question="At which score does log(softmax(z)) fail in single precision?",
    try_this="dk.losses.cross_entropy(np.array([[0.0, 800.0]]), np.array([0]))",
    source="Blanchard, Higham & Higham 2021",
    alt="Three panels: cross-entropy rises without limit where the squared error does not; the "
    "gradient of the scores is a bar chart of p minus y; and the naive logarithm drops to "
    "minus infinity where the stable one goes on along a straight line.",
)

SCORES = np.array([2.0, 0.5, 1.2, -1.0, 0.0])
RIGHT = 2
GAPS = np.arange(0, 1001)
GAP = 800
LARGEST_EXPONENT = 709  # the largest whole number whose exponential is a double


def naive(scores: Any) -> Any:
    """log(softmax(z))₀ as the formula says it."""
    powers = np.exp(scores)
    return np.log(powers[0] / np.sum(powers))


def stable(scores: Any) -> Any:
    """The same by diffkit: z₀ − logsumexp(z)."""
    return -dk.losses.cross_entropy(scores[None], np.array([0]))


def of_gap(form: Any, gap: float) -> float:
    """The logarithm of the probability of a class whose score is so much less."""
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        return float(form(np.array([0.0, float(gap)])))


@cache
def logarithms() -> tuple[np.ndarray, np.ndarray]:
    """Both forms at all gaps."""
    return tuple(np.array([of_gap(form, gap) for gap in GAPS]) for form in (naive, stable))  # type: ignore[return-value]


@cache
def pull() -> tuple[np.ndarray, np.ndarray]:
    """Probabilities and gradient at the scores of the picture."""
    gradient = dk.grad(dk.losses.cross_entropy)(SCORES[None], np.array([RIGHT]))
    return dk.nets.softmax(SCORES), np.asarray(gradient)[0]


def numbers() -> list[Claim]:
    """The gradient, and where the naive form ends."""
    p, gradient = pull()
    rough, exact = logarithms()
    return [
        Claim("cross-entropy", "gradient minus (p − y), largest", 1e-15,
              float(np.max(np.abs(gradient - (p - np.eye(len(p))[RIGHT])))), 0.0,
              "Bridle 1990", at_most=True),
        Claim("cross-entropy", "the gradient sums to", 0.0, float(gradient.sum()), 1e-15,
              "probabilities sum to 1"),
        Claim("cross-entropy", "stable form at a gap of 800", -800.0, of_gap(stable, GAP), 0.0,
              PAGE.source),
        Claim("cross-entropy", "largest whole gap at which the naive form is finite",
              LARGEST_EXPONENT, int(GAPS[np.isfinite(rough)].max()), 0.0,
              "ln of the largest double is 709.78"),
        Claim("cross-entropy", "stable form plus gap, largest error beyond 40", 0.0,
              float(np.max(np.abs(exact + GAPS)[41:])), 0.0, "log(1 + e⁻⁴¹) is below an ulp"),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """The loss, its gradient, and the two forms."""
    with use_style(dark):
        figure, (left, middle, right) = plt.subplots(
            1, 3, figsize=(10.2, 3.9), gridspec_kw={"width_ratios": (1.0, 1.1, 1.2)}
        )
        loss_panel(left, dark)
        gradient_panel(middle, dark)
        forms_panel(right, dark)
        figure.suptitle(PAGE.title, x=0.01, ha="left", fontweight="bold")
    return figure


def loss_panel(axes: Axes, dark: bool) -> None:
    """−log p against the squared error."""
    p = np.geomspace(1e-3, 1.0, 300)
    axes.plot(p, -np.log(p), color=INK[dark])
    axes.plot(p, (1 - p) ** 2, color=muted(dark), linewidth=1.6)
    axes.text(0.16, 2.5, "−log p", fontsize=10)
    axes.text(0.03, 0.14, "(1 − p)²", color=muted(dark), fontsize=9.5)
    axes.set(xlim=(0, 1), ylim=(0, 6), xticks=[0, 0.5, 1])
    axes.set_xlabel("probability p of the right class")
    axes.text(0.98, 0.97, "loss", transform=axes.transAxes, ha="right", va="top",
              color=muted(dark))  # fmt: skip


def gradient_panel(axes: Axes, dark: bool) -> None:
    """What was said, and what flows back."""
    p, gradient = pull()
    reverse = METHODS_STYLE["reverse"]
    places = np.arange(len(p))
    axes.bar(places - 0.19, p, 0.36, color=muted(dark), alpha=0.55)
    axes.bar(places + 0.19, gradient, 0.36, color=reverse.colour(dark))
    axes.axhline(0, color=muted(dark), linewidth=1.0)
    axes.text(1.75, 0.62, "p = softmax(z)", color=muted(dark), fontsize=9.5)
    axes.text(1.75, 0.5, "∂L/∂z = p − y", color=reverse.text_colour(dark), fontsize=9.5)
    axes.annotate("p − 1: pulled up", (RIGHT + 0.4, gradient[RIGHT]), xytext=(2, 4), va="bottom",
                  textcoords="offset points", fontsize=9,
                  color=reverse.text_colour(dark))  # fmt: skip
    ticks = [f"{z:g}".replace("-", "−") for z in SCORES]
    axes.set_xticks(places, [f"{t}\nright" if k == RIGHT else t for k, t in enumerate(ticks)])
    axes.set(ylim=(-0.9, 0.75), xlabel="scores z")
    axes.grid(False, axis="x")


def forms_panel(axes: Axes, dark: bool) -> None:
    """The logarithm of a small probability by both forms."""
    rough, exact = logarithms()
    finite = np.isfinite(rough)
    axes.plot(GAPS, exact, color=ACCENT[dark], linewidth=4.5, alpha=0.6)
    axes.plot(GAPS[finite], rough[finite], color=INK[dark], linewidth=1.6)
    arrow = {"arrowstyle": "-|>", "color": INK[dark], "linewidth": 1.6, "shrinkA": 0, "shrinkB": 0}
    last = GAPS[finite].max()
    axes.annotate("", (last, -1040), (last, rough[last]), arrowprops=arrow)
    axes.text(last - 25, -890, "log(softmax(z)):\n−∞ from 710 on", ha="right", fontsize=9,
              va="center")  # fmt: skip
    axes.plot(GAP, of_gap(stable, GAP), "o", color=ACCENT[dark], markersize=7)
    axes.text(990, -520, "z − logsumexp(z):\n−800 at 800", color=ACCENT[dark], fontsize=9,
              ha="right", va="bottom")  # fmt: skip
    axes.set(xlim=(0, 1000), ylim=(-1050, 0), yticks=[0, -400, -800])
    axes.set_xlabel("gap between two scores")
    axes.text(0.98, 0.97, "log p", transform=axes.transAxes, ha="right", va="top",
              color=muted(dark))  # fmt: skip


if __name__ == "__main__":
    show(draw)
