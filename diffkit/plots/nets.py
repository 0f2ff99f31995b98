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

from diffkit.plots.style import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

__all__ = ["CLASSES", "diverging", "grid_of_scores", "plot_boundary", "plot_image", "plot_levels"]

# Two classes, and the signs of filters: told apart by colour-blind readers (after RdBu of
# Brewer 2003, moved away from the blue and the orange of the methods).
CLASSES = {False: ("#2B6CB0", "#C0392B"), True: ("#6FB1F0", "#F2867A")}
MIDDLE = {False: "#FFFFFF", True: "#14181D"}
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
                     linewidths=0.35)  # fmt: skip
    bare(axes)


def plot_image(
    image: np.ndarray, axes: Axes, *, dark: bool = False, limit: float | None = None
) -> None:
    """A small image with signs: red positive, blue negative, the background zero."""
    limit = float(np.abs(image).max()) if limit is None else limit
    axes.imshow(image, cmap=diverging(dark), vmin=-limit, vmax=limit, interpolation="nearest")
    bare(axes)


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
