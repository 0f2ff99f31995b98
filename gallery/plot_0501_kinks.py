"""At a kink every library makes a choice of its own
==================================================

Left and right of a kink the slopes differ, and a program must still return one number.  diffkit
declares it: the mean of the two slopes where two branches tie, 0 for the rectifier and at the tip
of a norm.  The short thick line has this slope, the dotted ones those of JAX, PyTorch and autograd.
None of them is wrong, since no derivative exists; but a NaN among them goes through a net and
leaves no weight untouched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf, isfinite

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.comparison.peer_kinks import LIBRARIES, answer_at, declared_kinks
from diffkit.graph.primitive import Kink
from diffkit.plots.concepts import draw_tangent
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, muted, use_style
from diffkit.plots.training import ACCENT

PAGE = Page(
    name="kinks",
    chapter="Kinks and traps",
    title="At a kink every library makes a choice of its own",
    concepts=("derivative", "kink", "subgradient"),
    question="max(x, 0) − max(−x, 0) is x: which choice at 0 gives its slope, 1?",
    try_this='diffkit compare "abs(x)" --at x=0',
    source="Bertoin et al. 2021; measured by docs/measure_kinks.py",
    alt="Six kinks, drawn as graphs: a short thick line through each has the slope that diffkit "
    "declares, dotted lines those of other libraries, which are named below with their "
    "choices.",
)
REACH = 1.0  # of every panel, left and right of the kink
TANGENT = 0.34  # half the width of the short line


@dataclass(frozen=True)
class Panel:
    """A function near its kink: the operation, words, and the curve over t = x − x₀."""

    name: str
    words: str
    curve: Callable[[np.ndarray], np.ndarray]


PANELS = (
    Panel("abs", "|x| at 0", np.abs),
    Panel("relu", "relu(x) at 0", lambda t: np.maximum(t, 0)),
    Panel("maximum", "max(x, y) at a tie", lambda t: np.maximum(t, 0)),
    Panel("clip", "clip(x, 0, 1) at 0", lambda t: np.clip(t, 0, 1)),
    Panel("hypot", "√(x² + y²) at the origin", np.abs),
    Panel("floor", "⌊x⌋ at 1", lambda t: np.floor(t + 1) - 1),
)


def kink_of(name: str) -> Kink:
    """The first declared kink of an operation."""
    return next(kink for found, kink in declared_kinks() if found == name)


def between() -> float:
    """The share of kinks with two finite slopes at which diffkit's lies between them."""
    held = []
    for _, kink in declared_kinks():
        slopes = [slope for slope in kink.slopes if slope is not None and isfinite(slope)]
        if len(slopes) == len(kink.slopes):
            held.append(min(slopes) <= kink.declared <= max(slopes))
    return sum(held) / len(held)


def silent(library: str) -> float:
    """How many of the panels a library answers with NaN."""
    found = [answer_at(panel.name, kink_of(panel.name), library) for panel in PANELS]
    return float(sum(slope is not None and slope != slope for slope in found))


def numbers() -> list[Claim]:
    """Declared choices, and what follows from them."""
    identity = dk.grad(lambda x: np.maximum(x, 0.0) - np.maximum(-x, 0.0))
    nans = sum(kink.declared != kink.declared for _, kink in declared_kinks())
    return [
        Claim("kinks", "share of kinks with two finite slopes between which diffkit's lies", 1.0,
              between(), 0.0, "a subgradient of a convex function does"),
        Claim("kinks", "NaN among diffkit's choices", 0.0, float(nans), 0.0,
              "declared beside each operation"),
        Claim("kinks", "max(x, 0) − max(−x, 0) = x: slope at 0", 1.0, float(identity(0.0)), 0.0,
              "the function is x"),
        Claim("kinks", "hypot(x, 0) at 0 by diffkit", 0.0,
              float(dk.grad(lambda x: np.hypot(x, 0.0))(0.0)), 0.0,
              "the only slope that both signs allow"),
        Claim("kinks", "panels that autograd answers with NaN", 1.0, silent("autograd"), 0.0,
              "measured, autograd 1.9"),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """Six kinks, each with its slopes."""
    with use_style(dark):
        figure, grid = plt.subplots(2, 3, figsize=(8.8, 4.6))
        figure.set_layout_engine("constrained", hspace=0.07, wspace=0.04)
        for panel, axes in zip(PANELS, grid.flat, strict=True):
            draw_panel(axes, panel, dark)
        figure.suptitle(PAGE.title, x=0.005, ha="left", fontweight="bold")
        figure.text(0.995, 0.985, "thick: diffkit's slope; dotted: another library's", fontsize=9,
                    ha="right", va="top", color=muted(dark))  # fmt: skip
    return figure


def draw_panel(axes: Axes, panel: Panel, dark: bool) -> None:
    """A curve, diffkit's tangent at the kink, and the slopes of the others."""
    t = np.linspace(-REACH, REACH, 401)[:-1]
    left, right = t[t < 0], t[t >= 0]
    for side in (left, right):
        axes.plot(side, panel.curve(side), color=INK[dark], linewidth=1.4)
    kink = kink_of(panel.name)
    height = float(panel.curve(np.zeros(1))[0])
    draw_tangent(axes, (0.0, height), kink.declared, TANGENT, ACCENT[dark])
    low = float(panel.curve(left[-1:])[0])
    if low < height - REACH / 2:  # a jump: the lower end is open
        axes.plot(0.0, low, "o", color=INK[dark], mfc=axes.get_facecolor(), mew=1.4, markersize=5)
    axes.set_title(panel.words, loc="left", fontsize=10, fontweight="normal", pad=3)
    for slope in other_slopes(panel.name, kink):
        draw_tangent(axes, (0.0, height), slope, TANGENT, muted(dark), linewidth=1.6,
                     linestyle=":", zorder=4)  # fmt: skip
    axes.set(xlim=(-REACH, REACH), ylim=(-1.66, 1.1), xticks=[], yticks=[])
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.text(-0.95, -1.24, f"diffkit {slope_text(kink.declared)}", color=ACCENT[dark], fontsize=9)
    axes.text(-0.95, -1.6, others(panel.name, kink), color=muted(dark), fontsize=8.5)


def other_slopes(name: str, kink: Kink) -> list[float]:
    """The finite slopes of other libraries that are not diffkit's, each once."""
    found = [answer_at(name, kink, library) for library in LIBRARIES]
    return sorted({s for s in found if s is not None and isfinite(s) and s != kink.declared})


def others(name: str, kink: Kink) -> str:
    """The slopes of the other libraries in one line."""
    found = [(library, answer_at(name, kink, library)) for library in LIBRARIES]
    known = [f"{lib} {slope_text(slope)}" for lib, slope in found if slope is not None]
    return "   ".join(known)


def slope_text(slope: float) -> str:
    """A slope in a few characters."""
    if slope != slope:
        return "NaN"
    if abs(slope) == inf:
        return "∞" if slope > 0 else "−∞"
    return {0.5: "½"}.get(slope, f"{slope:g}".replace("-", "−"))


if __name__ == "__main__":
    show(draw)
