"""Parts of the pictures that show a concept: cells with numbers, arrows, tangents, the simplex.

A tensor is a block of cells, and what an operation does to it is an arrow with a word.  A tangent
is a short line through a point.  Three probabilities that sum to 1 fill a triangle, each corner
one sure answer (barycentric coordinates; Aitchison 1986, *The statistical analysis of
compositional data*):

    p = (p₁, p₂, p₃)  ↦  p₁·c₁ + p₂·c₂ + p₃·c₃  with the corners c of the triangle.

Cells lie in a frame whose y axis points down, as rows of an array do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.plots.nets import bare
from diffkit.plots.style import INK, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "draw_arrow",
    "draw_cells",
    "draw_simplex",
    "draw_tangent",
    "frame_cells",
    "level_colours",
    "simplex_grid",
    "to_plane",
]

CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 0.75**0.5]])
CORNER_ROOM = 0.06  # of the triangle's names, in sides of the triangle
FILL = 0.16  # how much of its colour a cell shows behind a number
READABLE = {False: (0.0, 0.85), True: (0.4, 1.0)}  # of cividis, on each background
GHOST = 0.35  # of the numbers in cells that are copies


def frame_cells(axes: Axes, width: float, height: float) -> None:
    """An empty frame of so many cells, square, with y pointing down."""
    bare(axes)
    axes.set(xlim=(0.0, width), ylim=(height, 0.0), aspect="equal")
    axes.grid(False)


def draw_cells(
    axes: Axes,
    numbers: Any,
    corner: tuple[float, float],
    *,
    colour: str,
    fill: float | np.ndarray = FILL,
    ghost: np.ndarray | bool = False,
    dark: bool = False,
    size: float = 9.0,
) -> None:
    """A matrix as a block of unit cells, each with its number.

    Parameters
    ----------
    axes
        Framed by :func:`frame_cells`.
    numbers
        Of shape (rows, columns); integers, or numbers that are short when printed with ``:g``.
    corner
        x and y of the upper left corner.
    colour, fill
        Of the cells, and how much of it shows: one number from 0 to 1, or one for each cell.
    ghost
        Which cells are copies: their numbers are pale.
    dark, size
        The background, and the size of the numbers in points.
    """
    from matplotlib.patches import Rectangle

    table = np.asarray(numbers)
    pale = np.broadcast_to(np.asarray(ghost), table.shape)
    fills = np.broadcast_to(np.asarray(fill, dtype=float), table.shape)
    left, top = corner
    for (row, column), number in np.ndenumerate(table):
        place = (left + column, top + row)
        axes.add_patch(Rectangle(place, 1, 1, facecolor=colour, linewidth=0,
                                 alpha=float(fills[row, column])))  # fmt: skip
        axes.add_patch(Rectangle(place, 1, 1, fill=False, edgecolor=MUTED[dark], linewidth=0.6))
        axes.text(place[0] + 0.5, place[1] + 0.53, f"{number:g}".replace("-", "−"), ha="center",
                  va="center", fontsize=size, color=INK[dark],
                  alpha=GHOST if pale[row, column] else 1.0)  # fmt: skip


def draw_arrow(
    axes: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    colour: str,
    *,
    width: float = 1.8,
    bend: float = 0.0,
) -> None:
    """An arrow from ``start`` to ``end`` in data coordinates, bent by ``bend`` of its length."""
    axes.annotate(
        "", end, start, annotation_clip=False,
        arrowprops={"arrowstyle": "-|>", "color": colour, "linewidth": width, "shrinkA": 0,
                    "shrinkB": 0, "connectionstyle": f"arc3,rad={bend}"},
    )  # fmt: skip


def draw_tangent(
    axes: Axes,
    point: tuple[float, float],
    slope: float,
    half: float,
    colour: str,
    **options: Any,
) -> None:
    """A short thick line through a point with this slope, reaching ``half`` to each side in x."""
    ends = np.array([-half, half])
    line = {"linewidth": 4.0, "solid_capstyle": "round", "zorder": 3, "color": colour, **options}
    axes.plot(point[0] + ends, point[1] + slope * ends, **line)


def level_colours(count: int, dark: bool = False) -> np.ndarray:
    """Colours ``(count, 4)`` for levels from low to high, without those that the background hides.

    >>> level_colours(5).shape
    (5, 4)
    """
    from matplotlib import colormaps

    return colormaps["cividis"](np.linspace(*READABLE[dark], count))


def to_plane(p: Any) -> np.ndarray:
    """Probabilities ``(…, 3)`` as points ``(…, 2)`` of a triangle with sides of length 1.

    >>> to_plane([0.0, 1.0, 0.0]).tolist()
    [1.0, 0.0]
    """
    return np.asarray(p, dtype=float) @ CORNERS


def simplex_grid(count: int) -> tuple[np.ndarray, np.ndarray]:
    """All (i, j, k)/count with i + j + k = count, ``(m, 3)``, and triangles ``(count², 3)``.

    >>> points, triangles = simplex_grid(2)
    >>> len(points), len(triangles)
    (6, 4)
    """
    steps = [(i, j) for j in range(count + 1) for i in range(count + 1 - j)]
    place = {step: number for number, step in enumerate(steps)}
    points = np.array([(count - i - j, i, j) for i, j in steps]) / count
    upward = [(place[i, j], place[i + 1, j], place[i, j + 1]) for i, j in steps if i + j < count]
    downward = [
        (place[i + 1, j], place[i + 1, j + 1], place[i, j + 1])
        for i, j in steps
        if i + j < count - 1
    ]
    return points, np.array(upward + downward)


def draw_simplex(axes: Axes, names: Sequence[str], *, dark: bool = False) -> None:
    """The outline of the triangle of three probabilities, with names at its corners."""
    outline = CORNERS[[0, 1, 2, 0]]
    axes.plot(outline[:, 0], outline[:, 1], color=MUTED[dark], linewidth=1.0, zorder=2)
    sides = (("right", "top"), ("left", "top"), ("center", "bottom"))
    for (x, y), name, (ha, va) in zip(CORNERS, names, sides, strict=True):
        shift = CORNER_ROOM / 2 if va == "bottom" else -CORNER_ROOM / 2
        axes.text(x, y + shift, name, ha=ha, va=va, fontsize=9, color=INK[dark])
    bare(axes)
    axes.set(xlim=(-0.12, 1.12), ylim=(-0.14, 1.0), aspect="equal")
    axes.grid(False)
