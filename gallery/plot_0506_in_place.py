"""Written in place, a tape forgets: the slope is silently wrong
=============================================================

A tape that keeps references to arrays, as a first draft of autodiff does, never hears of ``y *=
0``: NumPy overwrites the numbers that the way back will read, and a second name or a view of an
array writes into the first. The value is right and the slope is not, without a word. diffkit
records a write as a new value, seen by every alias and view, so its slope is that of what NumPy
computed; where a traced number would vanish in a plain array, it refuses and names the line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, METHODS_STYLE, muted, use_style
from diffkit.plots.training import ACCENT

SOURCE = "Paszke et al. 2017, Automatic differentiation in PyTorch, on in-place operations"
PAGE = Page(
    name="in-place",
    chapter="Kinks and traps",
    title="Written in place, a tape forgets: the slope is silently wrong",
    concepts=("automatic differentiation", "reverse mode", "aliasing", "trace"),
    question="Which of your own arrays have two names?",
    try_this="dk.trace(alias, X)",
    source=SOURCE,
    alt="Three programs that write in place, with their slopes: diffkit lies on the finite "
    "differences, while a tape of references says zero, a third, or misses a jump. The fourth "
    "panel shows a program that diffkit refuses, and its words.",
)

X = np.linspace(0.0, 3.0, 61)
HALF = len(X) // 2


class Taped:
    """An array on a naive tape: ``pull`` hands a cotangent on, reading arrays by reference."""

    def __init__(self, value: np.ndarray, pull: Callable[[Any], None]) -> None:
        self.value, self.pull = value, pull

    def sin(self) -> Taped:
        """What ``np.sin`` calls."""
        return Taped(np.sin(self.value), lambda bar: self.pull(bar * np.cos(self.value)))

    def __mul__(self, other: Taped) -> Taped:
        def pull(bar: Any) -> None:
            self.pull(bar * other.value)
            other.pull(bar * self.value)

        return Taped(self.value * other.value, pull)

    def __imul__(self, factor: float) -> Taped:
        self.value *= factor  # NumPy writes, and nothing is recorded
        return self

    def __getitem__(self, index: slice) -> Taped:
        return Taped(self.value[index], self.pull)


def cleared(x: Any) -> Any:
    """A buffer is cleared when it has been used."""
    y = np.sin(x)
    s = y * y
    y *= 0.0
    return s


def alias(x: Any) -> Any:
    """A second name."""
    y = np.sin(x)
    z = y
    z *= 3.0
    return y


def view(x: Any) -> Any:
    """A part."""
    y = np.sin(x)
    part = y[:HALF]
    part *= 3.0
    return y


def stored(x: Any) -> Any:
    """A plain array that a traced number is put into."""
    y = np.zeros(len(X))
    y[0] = x[0]
    return y


PROGRAMS = {
    cleared: "y = np.sin(x)\ns = y * y\ny *= 0     # a buffer is cleared\nreturn s",
    alias: "y = np.sin(x)\nz = y      # another name\nz *= 3\nreturn y",
    view: "y = np.sin(x)\npart = y[:half]  # a view\npart *= 3\nreturn y",
}


def taped(program: Callable[[Any], Any]) -> np.ndarray:
    """The slope at every point, by the naive tape."""
    x_bar = np.zeros_like(X)

    def receive(bar: Any) -> None:
        nonlocal x_bar
        x_bar = x_bar + bar

    program(Taped(X.copy(), receive)).pull(np.ones_like(X))
    return x_bar


def slope(program: Callable[[Any], Any], method: str = "reverse") -> np.ndarray:
    """The slope at every point, by diffkit: the outputs do not mix the points."""
    return dk.grad(lambda x: np.sum(program(x)), method=method)(X)


def gap(found: Callable[[Any], np.ndarray], program: Callable[[Any], Any]) -> float:
    """The largest distance of a slope from finite differences."""
    return float(np.max(np.abs(found(program) - slope(program, "finite"))))


def refusal() -> str:
    """What diffkit says to a store into a plain array."""
    try:
        slope(stored)
    except dk.errors.MutationError as error:
        return error.message
    return ""


def numbers() -> list[Claim]:
    """How far tape and diffkit are from the neighbours."""
    values = max(
        float(np.max(np.abs(program(Taped(X.copy(), lambda bar: None)).value - program(X.copy()))))
        for program in PROGRAMS
    )
    before = X.copy()
    dk.grad(lambda x: np.sum(alias(x) + cleared(x)))(before)
    return [
        Claim("in-place", "value on the tape minus NumPy's, largest", 0.0, values, 0.0,
              "the same operations"),
        Claim("in-place", "error of the tape's slope: cleared, alias, view", [1.0, 2.0, 2.0],
              [gap(taped, program) for program in PROGRAMS], 2e-3, SOURCE),
        Claim("in-place", "error of diffkit's slope, largest of the three", 1e-8,
              max(gap(slope, program) for program in PROGRAMS), 0.0, "finite differences",
              at_most=True),
        Claim("in-place", "stores into a plain array that are refused", 1,
              int("plain array y" in refusal()), 0.0, "MutationError"),
        Claim("in-place", "change of the caller's array", 0.0,
              float(np.max(np.abs(before - X))), 0.0, "arguments are copied"),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """Three programs that go wrong on a tape, and one that cannot be followed."""
    with use_style(dark):
        figure, grid = plt.subplots(2, 2, figsize=(9.2, 5.9))
        for axes, (program, code) in zip(grid.flat, PROGRAMS.items(), strict=False):
            panel(axes, program, code, dark)
        label(grid[0, 0], dark)
        for axes in grid[:, 0]:
            axes.set_ylabel("slope")
        for axes in (grid[1, 0], grid[0, 1]):
            axes.set_xlabel("x")
        refused(grid[1, 1], dark)
        figure.suptitle(PAGE.title, x=0.01, ha="left", fontweight="bold")
    return figure


def panel(axes: Axes, program: Callable[[Any], Any], code: str, dark: bool) -> None:
    """The slopes by the neighbours, by diffkit and by the tape, above them the program."""
    reverse, finite = METHODS_STYLE["reverse"], METHODS_STYLE["finite"]
    for part in (slice(0, HALF), slice(HALF, None)) if program is view else (slice(None),):
        axes.plot(X[part], slope(program)[part], color=reverse.colour(dark), linewidth=4.5)
        axes.plot(X[part], slope(program, "finite")[part], color=finite.colour(dark),
                  linestyle=finite.line)  # fmt: skip
    axes.plot(X, taped(program), color=ACCENT[dark], linestyle=(0, (4, 2)))
    axes.text(0.33, 0.97, code, transform=axes.transAxes, family="monospace", fontsize=9.5,
              va="top", color=INK[dark])  # fmt: skip
    low, high = axes.get_ylim()  # above the curves stands the program
    axes.set_ylim(low, high + 0.7 * (high - low))
    axes.set_yticks([tick for tick in (-3, -1, 0, 1, 3) if low < tick < high])


def label(axes: Axes, dark: bool) -> None:
    """Which line is which, once."""
    reverse, finite = METHODS_STYLE["reverse"], METHODS_STYLE["finite"]
    axes.text(0.1, 1.15, "diffkit", color=reverse.text_colour(dark), fontsize=9.5)
    axes.text(0.1, -0.8, "finite differences: the same", color=finite.text_colour(dark),
              fontsize=9.5)  # fmt: skip
    axes.text(1.75, 0.1, "the tape of references", color=ACCENT[dark], fontsize=9.5)


def refused(axes: Axes, dark: bool) -> None:
    """The program that cannot be followed, and diffkit's words."""
    import textwrap

    axes.set_axis_off()
    code = "y = np.zeros(61)   # a plain array\ny[0] = x[0]\nreturn y"
    axes.text(0.06, 0.95, code, family="monospace", fontsize=9.5, va="top", color=INK[dark])
    words = textwrap.fill(f"MutationError: {refusal()}", 42)
    axes.text(0.06, 0.66, "diffkit says:", fontsize=9.5, va="top", color=muted(dark))
    axes.text(0.06, 0.57, words, family="monospace", fontsize=9.5, va="top",
              color=METHODS_STYLE["reverse"].text_colour(dark))  # fmt: skip
    axes.text(0.06, 0.36, "and names the line, and what to write instead.", fontsize=9.5, va="top",
              color=muted(dark))  # fmt: skip


if __name__ == "__main__":
    show(draw)
