"""Two kinks that cancel need the slope ½
======================================

relu(x) − relu(−x) is x, for every x: the two kinks at 0 cancel, and the slope is 1.  A program does
not see that.  It takes the slope that was declared at each kink, and adds them: with relu′(0) = 0
the answer is 0, with 1 it is 2, and only ½, the mean of the slopes on both sides, gives 1.  No
choice is right everywhere, since relu alone has no derivative there; but zero is what most
libraries return, diffkit's relu too, and a difference quotient, which knows no rule, sees 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.nets.activations import ACTIVATIONS
from diffkit.plots.concepts import draw_tangent
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, METHODS_STYLE, muted, use_style
from diffkit.plots.training import ACCENT

PAGE = Page(
    name="kink-sum",
    chapter="Kinks and traps",
    title="Two kinks that cancel need the slope ½",
    concepts=("kink", "subgradient", "automatic differentiation"),
    question="What slope does max(x, 0) + max(−x, 0), which is |x|, get from each convention?",
    try_this="dk.grad(lambda x: np.maximum(x, 0) - np.maximum(-x, 0))(0.0)",
    source="Kakade & Lee 2018; Bertoin et al. 2021",
    alt="Three panels with the line y = x, the sum of two kinks: with the slope 0 declared at "
    "the kink the short tangent is level, with one half it lies on the line, with 1 it is "
    "too steep.",
)

EXACT = ("symbolic", "forward", "reverse", "complex")
REACH = 1.0


@dataclass(frozen=True)
class Convention:
    """One way to write relu: the slope it takes at 0, as a number and in words."""

    slope: float
    words: str
    code: str
    relu: Callable[[Any], Any]

    def identity(self, x: Any) -> Any:
        """relu(x) − relu(−x), which is x."""
        return self.relu(x) - self.relu(-x)


CONVENTIONS = (
    Convention(0.0, "relu′(0) = 0", "diffkit's relu", ACTIVATIONS["relu"]),
    Convention(0.5, "relu′(0) = ½", "np.maximum(x, 0)", lambda x: np.maximum(x, 0.0)),
    Convention(1.0, "relu′(0) = 1", "np.where(x >= 0, x, 0)", lambda x: np.where(x >= 0, x, 0.0)),
)


def slopes(convention: Convention, method: str) -> float:
    """The slope of the identity at 0 by one method."""
    return float(dk.grad(convention.identity, method=method)(0.0))


def numbers() -> list[Claim]:
    """What each convention makes of one function."""
    points = np.linspace(-REACH, REACH, 41)
    values = max(float(np.max(np.abs(c.identity(points) - points))) for c in CONVENTIONS)
    claims = [
        Claim("kink-sum", "largest difference of the values from x", 0.0, values, 0.0,
              "the identity"),
        Claim("kink-sum", "relu′(0) of the three forms", [c.slope for c in CONVENTIONS],
              [float(dk.grad(c.relu)(0.0)) for c in CONVENTIONS], 0.0, "declared"),
    ]  # fmt: skip
    claims += [
        Claim("kink-sum", f"slope of the identity at 0, {METHODS_STYLE[method].label}",
              [0.0, 1.0, 2.0], [slopes(c, method) for c in CONVENTIONS], 0.0,
              "sums of declared slopes")
        for method in EXACT
    ]  # fmt: skip
    claims.append(
        Claim("kink-sum", "the same by central differences", [1.0, 1.0, 1.0],
              [slopes(c, "finite") for c in CONVENTIONS], 1e-10, "values only")
    )  # fmt: skip
    return claims


def draw(dark: bool = False) -> Figure:
    """One panel for each convention."""
    with use_style(dark):
        figure, panels = plt.subplots(1, 3, figsize=(9.0, 3.7), sharey=True)
        for axes, convention in zip(panels, CONVENTIONS, strict=True):
            panel(axes, convention, dark)
        panels[0].set_ylabel("y")
        figure.suptitle(PAGE.title, x=0.01, ha="left", fontweight="bold")
    return figure


def panel(axes: Axes, convention: Convention, dark: bool) -> None:
    """The two parts, their difference x, and the slope that the sum of rules gives."""
    x = np.linspace(-REACH, REACH, 201)
    axes.plot(x, np.maximum(x, 0), color=muted(dark), linewidth=1.4, linestyle=(0, (4, 2)))
    axes.plot(x, -np.maximum(-x, 0), color=muted(dark), linewidth=1.4, linestyle=(0, (1, 1.5)))
    axes.plot(x, x, color=INK[dark], linewidth=1.2)
    got = slopes(convention, "reverse")
    draw_tangent(axes, (0.0, 0.0), got, 0.34 / max(1.0, got / 1.5), ACCENT[dark])
    verdict = "right" if got == 1 else "wrong"
    axes.text(-0.96, 0.93, f"slope {got:g}: {verdict}", color=ACCENT[dark], fontsize=11,
              va="center", fontweight="bold")  # fmt: skip
    axes.text(0.98, -0.78, convention.code, fontsize=8.5, ha="right", family="monospace",
              color=muted(dark))  # fmt: skip
    axes.set_title(convention.words, fontsize=10, fontweight="normal", pad=5)
    axes.set(xlim=(-REACH, REACH), ylim=(-1.0, 1.1), xticks=[-1, 0, 1], yticks=[-1, 0, 1])
    axes.set_xlabel("x")
    axes.set_aspect("equal")
    if convention is CONVENTIONS[0]:
        axes.text(-0.97, 0.05, "relu(x)", color=muted(dark), fontsize=8.5)
        axes.text(0.97, -0.06, "−relu(−x)", color=muted(dark), fontsize=8.5, ha="right", va="top")


if __name__ == "__main__":
    show(draw)
