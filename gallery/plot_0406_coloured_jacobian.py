"""Three sweeps give a Jacobian of any width, if each row meets three columns
===========================================================================

A Jacobian by forward mode costs a sweep for each column.  But the rods of a lattice, the cells of a
heat equation and most constraints touch their neighbours only, and then columns that share no row
can be asked for in one sweep: their entries arrive in different places and are sorted out
afterwards.  Finding which columns may go together is colouring a graph.  A chain of cells has three
colours, however long it is; what is zero is read off the expression graph, not guessed from values.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

import diffkit as dk
from diffkit.plots.pages import Claim, Page, show
from diffkit.plots.style import INK, muted, use_style
from diffkit.plots.training import ACCENT

SOURCE = "Curtis, Powell & Reid 1974; Gebremedhin, Manne & Pothen 2005"
PAGE = Page(
    name="coloured-jacobian",
    chapter="Cost",
    title="Three sweeps give a Jacobian of any width, if each row meets three columns",
    concepts=("Jacobian", "sparsity", "forward mode"),
    question="How many colours does a square grid need whose cells touch four neighbours?",
    try_this="print(dk.sparsity(heat, np.ones(12)))",
    source=SOURCE,
    alt="Left: a square matrix, zero but for its three middle diagonals, its columns in three "
    "alternating colours. Middle: the same entries pushed together into three columns. Right: "
    "a sweep for each column grows with the width, a sweep for each colour stays at three.",
)

SHOWN = 18  # cells of the picture
SIZES = (8, 32, 128, 512)


def heat(x: Any) -> Any:
    """One step of a heat equation on a rod with cold ends and a source of its own."""
    padded = np.concatenate([[0.0], x, [0.0]])
    return x + 0.1 * (padded[2:] - 2 * x + padded[:-2]) + 0.01 * np.sin(x)


@cache
def found(size: int) -> Any:
    """The pattern and its colours."""
    return dk.sparsity(heat, np.ones(size))


@cache
def difference() -> float:
    """Sorted out of three sweeps, against the whole matrix."""
    x = np.linspace(0.0, 1.0, SIZES[1])
    whole = dk.jacobian(heat)(x)
    return float(np.abs(dk.jacobian(heat, sparse=True)(x).toarray() - whole).max())


def shared_rows(size: int) -> int:
    """Rows in which two columns of one colour meet: there must be none."""
    table = pattern(size)
    groups = [table[:, colours(size) == c] for c in range(colours(size).max() + 1)]
    return sum(int((group.sum(axis=1) > 1).sum()) for group in groups)


def pattern(size: int) -> np.ndarray:
    """Where an entry can differ from zero."""
    rows = found(size).pattern
    return np.asarray(rows.toarray() if hasattr(rows, "toarray") else rows, dtype=bool)


def colours(size: int) -> np.ndarray:
    """The colour of each column."""
    return np.asarray(found(size).coloring)


def numbers() -> list[Claim]:
    """Colours, and that the matrix is right."""
    return [
        Claim("coloured-jacobian", "sweeps by colours, 8, 32, 128 and 512 columns", [3] * 4,
              [int(found(n).colors) for n in SIZES], 0.0, SOURCE),
        Claim("coloured-jacobian", "entries that can differ from zero, of 512²", 3 * 512 - 2,
              int(found(512).nnz), 0.0, "three diagonals"),
        Claim("coloured-jacobian", "rows in which two columns of one colour meet", 0,
              shared_rows(128), 0.0, "what makes it a colouring"),
        Claim("coloured-jacobian", "sorted out of three sweeps minus the whole matrix, largest",
              1e-15, difference(), 0.0, "rounding", at_most=True),
    ]  # fmt: skip


def draw(dark: bool = False) -> Figure:
    """The pattern, its columns pushed together, and the sweeps."""
    with use_style(dark):
        figure, (left, middle, right) = plt.subplots(
            1, 3, figsize=(9.6, 4.1), width_ratios=[1.25, 0.42, 1.25]
        )
        table, colour = pattern(SHOWN), colours(SHOWN)
        cells(left, table, colour, dark)
        pushed = np.stack([table[:, colour == c].any(axis=1) for c in range(3)], axis=1)
        cells(middle, pushed, np.arange(3), dark)
        left.set_xlabel(f"{SHOWN} columns: a sweep each")
        middle.set_xlabel("3 colours:\n3 sweeps")
        sweeps(right, dark)
        figure.suptitle(PAGE.title, x=0.01, ha="left", fontsize=12, fontweight="bold")
    return figure


def cells(axes: Axes, table: np.ndarray, colour: np.ndarray, dark: bool) -> None:
    """A table of entries, each in the colour of its column."""
    ground = np.array(to_rgb(axes.get_facecolor()))
    inks = np.array([to_rgb(ink) for ink in (ACCENT[dark], INK[dark], muted(dark))])
    image = np.where(table[..., None], inks[colour][None], 0.93 * ground + 0.07 * (1 - ground))
    axes.imshow(image, aspect="equal", interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.set_xticks(np.arange(-0.5, table.shape[1]), minor=True)
    axes.set_yticks(np.arange(-0.5, table.shape[0]), minor=True)
    axes.grid(True, which="minor", color=tuple(ground), linewidth=1)
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_visible(False)
    axes.set_axisbelow(False)


def sweeps(axes: Axes, dark: bool) -> None:
    """How many sweeps each way takes."""
    axes.plot(SIZES, SIZES, color=INK[dark], marker="o", markersize=5)
    axes.plot(SIZES, [found(n).colors for n in SIZES], color=ACCENT[dark], marker="s")
    axes.set(xscale="log", yscale="log", xlabel="columns of the Jacobian", ylabel="sweeps",
             ylim=(1.6, 900), xlim=(6.5, 640))  # fmt: skip
    axes.set_xticks(SIZES, [str(n) for n in SIZES])
    axes.set_yticks([3, 10, 100, 500], ["3", "10", "100", "500"])
    axes.minorticks_off()
    axes.text(100, 165, "a sweep for each\ncolumn", color=INK[dark], fontsize=9.5, ha="right")
    axes.text(500, 3.5, "a sweep for each colour", color=ACCENT[dark], fontsize=9.5,
              ha="right")  # fmt: skip


if __name__ == "__main__":
    show(draw)
