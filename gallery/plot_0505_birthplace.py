"""A NaN is born in one example of one line, and ends in every weight
==================================================================

Sixteen points are moved by a matrix, and the loss is their mean distance from the origin.  One of
them lies on the origin already.  Forwards nothing is wrong: a distance of zero is a good number.
Backwards the slope of the square root at zero is infinite; infinity times the zero beside it is a
NaN; and because a weight adds up what arrives from all examples, one NaN is enough for each of
them.  So a training ends with weights that are all NaN, and the line to blame is far away.  diffkit
names it, since it looks at every line when the first NaN appears.
"""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

import diffkit as dk
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, METHODS_STYLE, muted, use_style
from diffkit.plots.training import ACCENT

PAGE = Page(
    name="birthplace",
    chapter="Kinks and traps",
    title="A NaN is born in one example of one line, and ends in every weight",
    concepts=("NaN", "backward propagation", "gradient"),
    question="Would a larger batch have been safer?",
    try_this="print(dk.diagnose(distance, WEIGHTS, POINTS))",
    source="Goldberg 1991, IEEE arithmetic; the declared slope of the root at 0",
    alt="A grid with a row for each example. In the three forward columns all cells are good; in "
    "the backward columns one row holds an infinity, then a NaN, and beside them all four weights "
    "are NaN. With the remedy every cell is good.",
)

EXAMPLES, CULPRIT = 16, 5
WEIGHTS = np.array([[1.0, -0.5], [0.25, 0.75]])
POINTS = np.random.default_rng(2).normal(size=(EXAMPLES, 2))
POINTS[CULPRIT] = 0.0
FORWARDS, BACKWARDS = ("z", "s", "r"), ("r", "s", "z")
GOOD, INFINITE, NAN = range(3)
HEADINGS = {
    "as written": "as written: z = xW, s = Σz², r = √s",
    "with the remedy": "r = where(s > 0, √where(s > 0, s, 1), 0)",
}

NOTES = {
    "as written": "1/√0 = ∞\n∞ · 0 = NaN\na sum with\na NaN is NaN",
    "with the remedy": "grey: a finite\nnumber",
}


def distance(w: Any, x: Any) -> Any:
    """The mean distance from the origin."""
    z = dk.probe("z", x @ w)
    s = dk.probe("s", np.sum(z * z, axis=1))
    r = dk.probe("r", np.sqrt(s))
    return np.mean(r)


def remedied(w: Any, x: Any) -> Any:
    """The same, with an argument of the root that is never zero."""
    z = dk.probe("z", x @ w)
    s = dk.probe("s", np.sum(z * z, axis=1))
    r = dk.probe("r", np.where(s > 0, np.sqrt(np.where(s > 0, s, 1.0)), 0.0))
    return np.mean(r)


@cache
def run(name: str) -> tuple[Any, np.ndarray, tuple[str, ...]]:
    """What the probes saw, the gradient by the weights, and the warnings."""
    f = {"as written": distance, "with the remedy": remedied}[name]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        _, slope, seen = dk.value_and_grad(f, probes=True)(WEIGHTS, POINTS)
    return seen, slope, tuple(str(warning.message) for warning in said)


def kinds(values: np.ndarray) -> np.ndarray:
    """Whether each example is good, infinite or NaN."""
    rows = np.asarray(values).reshape(EXAMPLES, -1)
    return np.where(np.isnan(rows).any(1), NAN, np.where(np.isinf(rows).any(1), INFINITE, GOOD))


def columns(name: str) -> np.ndarray:
    """A column for each line, forwards and then backwards."""
    seen = run(name)[0]
    values = [seen[line].value for line in FORWARDS]
    return np.stack(
        [kinds(v) for v in [*values, *(seen[line].cotangent for line in BACKWARDS)]], axis=1
    )


def numbers() -> list[Claim]:
    """Where it is good, and where it is not."""
    table, slope, said = columns("as written"), run("as written")[1], run("as written")[2]
    others = np.delete(POINTS, CULPRIT, axis=0)
    without = dk.grad(remedied)(WEIGHTS, others) * len(others) / EXAMPLES
    return [
        Claim("birthplace", "examples that are not good forwards", 0,
              int((table[:, :3] != GOOD).sum()), 0.0, "a distance of 0 is a number"),
        Claim("birthplace", "infinite, then NaN, in s̄ and z̄", [1, 1],
              [int((table[:, 4] == INFINITE).sum()), int((table[:, 5] == NAN).sum())], 0.0,
              "∞ · 0 is NaN"),
        Claim("birthplace", "weights of four whose gradient is NaN", 4, int(np.isnan(slope).sum()),
              0.0, "a sum with a NaN"),
        Claim("birthplace", "warnings that say where it was born", 1,
              sum("born" in words for words in said), 0.0, "a NaN never comes silently"),
        Claim("birthplace", "with the remedy: gradient minus that of the others, largest", 1e-15,
              float(np.abs(run("with the remedy")[1] - without).max()), 0.0,
              "the culprit adds nothing", at_most=True),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """Both programs, line by line and example by example."""
    with use_style(dark):
        figure, panels = plt.subplots(1, 2, figsize=(9.4, 4.6))
        for axes, name in zip(panels, HEADINGS, strict=True):
            panel(axes, name, dark)
        figure.suptitle(PAGE.title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    return figure


def panel(axes: Axes, name: str, dark: bool) -> None:
    """A row for each example, a column for each line, and the weights at the end."""
    for column, cells in enumerate(columns(name).T):
        for row, kind in enumerate(cells):
            cell(axes, column + 0.6 * (column > 2), row, int(kind), dark)
    kinds_of_weights = np.where(np.isnan(run(name)[1].ravel()), NAN, GOOD)
    for place, kind in enumerate(kinds_of_weights):
        cell(axes, 7.6, CULPRIT - 1 + place, int(kind), dark)
    orange = METHODS_STYLE["reverse"].text_colour(dark)
    for column, line in enumerate(FORWARDS):
        axes.text(column + 0.5, -0.5, line, ha="center", color=INK[dark])
    for column, line in enumerate(BACKWARDS):
        axes.text(column + 4.1, -0.5, f"{line}\u0304", ha="center", color=orange)
    axes.text(8.1, CULPRIT - 1.5, "W\u0304", ha="center", color=orange)
    axes.annotate("", (7.5, CULPRIT + 1), (6.7, CULPRIT + 1), arrowprops={
        "arrowstyle": "-|>", "color": muted(dark)})  # fmt: skip
    axes.text(6.75, CULPRIT + 5, NOTES[name], color=muted(dark), fontsize=9, va="top")
    axes.text(1.5, -1.7, "forwards", ha="center", color=muted(dark), fontsize=9)
    axes.text(5.1, -1.7, "backwards", ha="center", color=muted(dark), fontsize=9)
    axes.set(xlim=(-0.2, 9), ylim=(EXAMPLES + 0.2, -2.4), xticks=[], yticks=[])
    axes.set_ylabel("16 examples", color=muted(dark))
    axes.set_title(HEADINGS[name], fontsize=10.5, fontweight="normal")
    axes.spines[:].set_visible(False)
    axes.grid(False)


def cell(axes: Axes, x: float, y: float, kind: int, dark: bool) -> None:
    """One value: pale if it is good, and named if it is not."""
    ink = (muted(dark), ACCENT[dark], METHODS_STYLE["reverse"].colour(dark))[kind]
    box = Rectangle((x + 0.05, y + 0.07), 0.9, 0.86, color=ink, alpha=1.0 if kind else 0.22,
                    linewidth=0)  # fmt: skip
    axes.add_patch(box)
    if kind:
        axes.text(x + 0.5, y + 0.52, ("", "∞", "NaN")[kind], ha="center", va="center", fontsize=8,
                  fontweight="bold", color=INK[not dark])  # fmt: skip


if __name__ == "__main__":
    show(draw)
