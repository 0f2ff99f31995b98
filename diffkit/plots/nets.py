"""Pictures of what a net has learned: decision boundaries, filters, saliency, paths.

A filter and a saliency map have signs, so they are drawn with a diverging pair around zero,
blue for negative and red for positive; the two are not the colours of any method.  Saliency is
the gradient of a class score with respect to the pixels (Simonyan, Vedaldi & Zisserman 2014,
*Deep inside convolutional networks*): which pixel would change the answer most.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.plots.style import INK, muted

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure, SubFigure

__all__ = [
    "CLASSES",
    "diverging",
    "grid_of_scores",
    "one_sided",
    "panel_words",
    "plot_boundary",
    "plot_grey",
    "plot_image",
    "plot_levels",
    "plot_map",
    "side_by_side",
]

# Two classes, and the signs of filters: told apart by colour-blind readers (after RdBu of
# Brewer 2003, moved away from the blue and the orange of the methods).
CLASSES = {False: ("#2B6CB0", "#C0392B"), True: ("#6FB1F0", "#F2867A")}
MIDDLE = {False: "#FFFFFF", True: "#14181D"}
SIZES = {False: "#96650A", True: "#E8B93B"}  # the accent of diffkit's pictures
RESOLUTION = 160  # points of a grid along each side
PALE = 1.1  # probabilities 0 and 1 have 0.5/1.1 of the full colour, so that points stand out
MARGIN = 0.35  # of the plane beyond the data


def diverging(dark: bool = False) -> Colormap:
    """Blue, the background, red: for values with a sign.

    >>> diverging()([0.5])[0, :3].tolist()
    [1.0, 1.0, 1.0]
    """
    from matplotlib.colors import LinearSegmentedColormap

    low, high = CLASSES[dark]
    return LinearSegmentedColormap.from_list("signs", [low, MIDDLE[dark], high], N=257)


def one_sided(dark: bool = False, colour: str | None = None) -> Colormap:
    """From the background to a colour, the accent if none is given: for values from zero upwards.

    >>> [float(part) for part in one_sided()(0.0)[:3]]
    [1.0, 1.0, 1.0]
    """
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("sizes", [MIDDLE[dark], colour or SIZES[dark]], N=256)


def grid_of_scores(
    score: Callable[[np.ndarray], np.ndarray], x: np.ndarray, resolution: int = RESOLUTION
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A score on a grid around points of the plane: the two axes and the values on the grid."""
    low, high = x.min(axis=0) - MARGIN, x.max(axis=0) + MARGIN
    first, second = (np.linspace(low[i], high[i], resolution) for i in (0, 1))
    points = np.stack(np.meshgrid(first, second), axis=-1).reshape(-1, 2)
    return first, second, np.asarray(score(points)).reshape(resolution, resolution)


def plot_boundary(
    probability: Callable[[np.ndarray], np.ndarray],
    x: np.ndarray,
    y: np.ndarray,
    axes: Axes,
    *,
    dark: bool = False,
    size: float = 7.0,
) -> None:
    """The probability of class 1 over the plane, the line where it is ½, and the data.

    ``probability`` takes points ``(n, 2)`` and returns ``(n,)``; ``x`` is ``(m, 2)`` and ``y``
    has labels 0 and 1.
    """
    first, second, p = grid_of_scores(probability, x)
    axes.imshow(p, cmap=diverging(dark), vmin=0.5 - PALE, vmax=0.5 + PALE, origin="lower",
                extent=(first[0], first[-1], second[0], second[-1]),
                interpolation="bilinear")  # fmt: skip
    if p.min() < 0.5 < p.max():
        axes.contour(first, second, p, levels=[0.5], colors=INK[dark], linewidths=1.6)
    for label, colour in enumerate(CLASSES[dark]):
        chosen = x[y == label]
        axes.scatter(chosen[:, 0], chosen[:, 1], s=size, color=colour, edgecolors=MIDDLE[dark],
                     linewidths=0.35, zorder=3)  # fmt: skip
    bare(axes)


def plot_image(
    image: np.ndarray, axes: Axes, *, dark: bool = False, limit: float | None = None
) -> None:
    """A small image with signs: red positive, blue negative, the background zero."""
    limit = float(np.abs(image).max()) if limit is None else limit
    axes.imshow(image, cmap=diverging(dark), vmin=-limit, vmax=limit, interpolation="nearest")
    bare(axes)


def plot_grey(image: np.ndarray, axes: Axes, *, dark: bool = False, most: float = 1.0) -> None:
    """A small image of brightness from 0 to ``most``: ink on the background."""
    axes.imshow(image, cmap=one_sided(dark, INK[dark]), vmin=0.0, vmax=most,
                interpolation="nearest")  # fmt: skip
    bare(axes)


def plot_map(
    found: np.ndarray, axes: Axes, *, dark: bool = False, most: float | None = None
) -> None:
    """A feature map behind a rectifier: the background is zero, the accent colour ``most``."""
    most = float(found.max()) if most is None else most
    axes.imshow(found, cmap=one_sided(dark), vmin=0.0, vmax=most or 1.0, interpolation="nearest")
    bare(axes)


def side_by_side(figure: Figure, widths: tuple[float, float]) -> tuple[SubFigure, SubFigure]:
    """Two parts of a figure with grids of their own, of these relative widths."""
    left, right = np.ravel(np.asarray(figure.subfigures(1, 2, width_ratios=widths)))
    return left, right


def panel_words(axes: Axes, words: str, *, dark: bool = False, colour: str | None = None) -> None:
    """A remark above the left edge of a panel, which may be wider than the panel."""
    remark = axes.annotate(words, (0, 1), xycoords="axes fraction", xytext=(0, 5), fontsize=10,
                           textcoords="offset points", color=colour or muted(dark),
                           annotation_clip=False)  # fmt: skip
    remark.set_in_layout(False)  # else a long remark would widen its panel's column,
    axes.set_title(" ", fontsize=10)  # which is why its line is reserved like this


def plot_levels(
    value: Callable[[np.ndarray], np.ndarray],
    axes: Axes,
    limits: Sequence[float],
    levels: Sequence[float],
    *,
    dark: bool = False,
    resolution: int = RESOLUTION,
) -> Any:
    """The level lines of a function of the plane within (left, right, bottom, top)."""
    left, right, bottom, top = limits
    first, second = np.linspace(left, right, resolution), np.linspace(bottom, top, resolution)
    points = np.stack(np.meshgrid(first, second), axis=-1).reshape(-1, 2)
    heights = np.asarray(value(points)).reshape(resolution, resolution)
    colour = {False: "#B8BFC7", True: "#48525D"}[dark]
    axes.grid(False)
    return axes.contour(first, second, heights, levels=list(levels), colors=colour,
                        linewidths=0.8)  # fmt: skip


def bare(axes: Axes) -> None:
    """No ticks, no grid, no spines: for images and maps."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_aspect("equal")
