"""Multiplying by zero does not remove a NaN; selecting does
=========================================================

The square root is wanted for positive x, and zero elsewhere.  Written as a product with a mask, the
NaN of √x is still there: 0 · NaN is NaN, in the value and in the derivative.  Written with
``np.where``, the value is right everywhere.  Its derivative in most libraries is not: they multiply
the derivative of the branch not taken by zero.  diffkit selects backwards too, so the branch that
is not taken sends nothing.  To be safe in every library, ask twice: choose a harmless argument
first, and the result afterwards.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, METHODS_STYLE, muted, use_style

SOURCE = "JAX, frequently asked questions: gradients contain NaN where using where"
PAGE = Page(
    name="masked-nan",
    chapter="Kinks and traps",
    title="Multiplying by zero does not remove a NaN; selecting does",
    concepts=("automatic differentiation", "NaN", "mask"),
    question="Which of the three would you write in code that others run with another library?",
    try_this="dk.grad(selected)(-1.0), dk.grad(asked_twice)(-1.0)",
    source=SOURCE,
    alt="Three panels with the square root on the right and its slope. Multiplied by a mask, the "
    "left half is a shaded field of NaN; selected once or asked twice, value and slope are zero "
    "there.",
)

LEFT = (-2.0, -1.0, -0.5)
POINTS = np.linspace(-2.0, 3.0, 501)
MOST = 2.6  # of the picture; the slope is infinite at zero
CODE = {
    "multiplied": "(x > 0) * np.sqrt(x)",
    "selected": "np.where(x > 0, np.sqrt(x), 0)",
    "asked twice": "np.where(x > 0,\n  np.sqrt(np.where(x > 0, x, 1)), 0)",
}
OTHERS = {  # their slopes at −1, measured; JAX explains them in its frequently asked questions
    "multiplied": "JAX and PyTorch: NaN, too",
    "selected": "JAX and PyTorch: NaN",
    "asked twice": "JAX and PyTorch: 0, too",
}


def multiplied(x: Any) -> Any:
    """A product with a mask."""
    return (x > 0) * np.sqrt(x)


def selected(x: Any) -> Any:
    """A choice of the result."""
    return np.where(x > 0, np.sqrt(x), 0)


def asked_twice(x: Any) -> Any:
    """A choice of the argument, and of the result."""
    return np.where(x > 0, np.sqrt(np.where(x > 0, x, 1.0)), 0)


FORMS: dict[str, Callable[[Any], Any]] = {
    "multiplied": multiplied, "selected": selected, "asked twice": asked_twice,
}  # fmt: skip


@cache
def seen(name: str) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Values and slopes at all points, and what diffkit said."""
    with warnings.catch_warnings(record=True) as said, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        values = FORMS[name](POINTS)
        slopes = dk.grad(lambda x: np.sum(FORMS[name](x)))(POINTS)
    return values, slopes, tuple(str(warning.message) for warning in said)


def birthplaces(name: str) -> set[str]:
    """The lines in which a NaN was born, as the warnings have them."""
    words = [said for said in seen(name)[2] if "born" in said]
    return {said.rpartition(" at ")[2].partition(" ")[0] for said in words}


def numbers() -> list[Claim]:
    """How many slopes are NaN, and what the others are."""
    left, right = POINTS < 0, POINTS > 0
    expected = {"multiplied": (int(left.sum()), "0 · NaN is NaN"),
                "selected": (0, "what is not taken sends nothing"),
                "asked twice": (0, "√1 is a number")}  # fmt: skip
    slopes = {name: seen(name)[1] for name in FORMS}
    truth = 0.5 / np.sqrt(POINTS[right])
    worst = max(float(np.max(np.abs(s[right] / truth - 1))) for s in slopes.values())
    return [
        *(Claim("masked-nan", f"slopes on the left that are NaN, {name}", wanted,
                int(np.isnan(slopes[name][left]).sum()), 0.0, why)
          for name, (wanted, why) in expected.items()),
        Claim("masked-nan", "selected: largest slope on the left", 0.0,
              float(np.abs(slopes["selected"][left]).max()), 0.0, "it is not taken"),
        Claim("masked-nan", "slopes on the right against 1/(2√x), all three, relative", 1e-15,
              worst, 0.0, "rounding", at_most=True),
        Claim("masked-nan", "lines named as birthplaces of a NaN: multiplied, selected", [1, 0],
              [len(birthplaces(name)) for name in ("multiplied", "selected")], 0.0,
              "a NaN never comes silently"),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """Value and slope of the three ways."""
    with use_style(dark):
        figure, panels = plt.subplots(1, 3, figsize=(9.6, 4.0), sharey=True)
        for axes, name in zip(panels, FORMS, strict=True):
            panel(axes, name, dark)
        orange = METHODS_STYLE["reverse"].text_colour(dark)
        panels[1].text(2.95, 1.85, "value", color=INK[dark], ha="right", fontsize=9.5)
        panels[1].text(2.95, 0.46, "slope", color=orange, ha="right", fontsize=9.5)
        panels[0].set_ylabel("value and slope")
        figure.suptitle(PAGE.title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    return figure


def panel(axes: Axes, name: str, dark: bool) -> None:
    """One way to write it: where it is a number, and where it is none."""
    values, slopes, _ = seen(name)
    orange = METHODS_STYLE["reverse"]
    axes.plot(POINTS, values, color=INK[dark])
    axes.plot(POINTS, np.where(slopes > MOST, np.nan, slopes), color=orange.colour(dark))
    if np.isnan(slopes[0]):
        axes.axvspan(POINTS[0], 0.0, color=orange.colour(dark), alpha=0.14, linewidth=0)
        axes.text(-1.0, 0.9, "NaN", color=orange.text_colour(dark), fontsize=17, ha="center",
                  fontweight="bold")  # fmt: skip
        axes.text(-1.0, 0.6, "value and slope", color=orange.text_colour(dark), ha="center",
                  fontsize=9)  # fmt: skip
    else:
        axes.text(-1.0, 0.12, "slope 0", color=orange.text_colour(dark), ha="center", fontsize=9.5)
    axes.set_title(f"{name}:", fontsize=10.5, fontweight="normal", pad=34)
    axes.text(0.0, 1.03, CODE[name], transform=axes.transAxes, family="monospace", fontsize=8.2,
              va="bottom", color=muted(dark))  # fmt: skip
    axes.text(0.03, 0.02, OTHERS[name], transform=axes.transAxes, fontsize=8.5, color=muted(dark))
    axes.set(xlim=(-2, 3), ylim=(-0.55, MOST), xlabel="x")


if __name__ == "__main__":
    show(draw)
