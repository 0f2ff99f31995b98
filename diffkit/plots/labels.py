"""Words beside points: on the first side where they cover no other word, no marker and no curve.

    right · left · above · below · aslant · the same farther away, with a thin line to the point

Every side is tried in that order.  A word that finds none free takes the side with the least
below it: words and markers count most, then the edges of the axes, then curves.  The general
problem is hard (Formann & Wagner 1991, *A packing problem with applications to lettering of
maps*); for a handful of points, trying a few sides each is as good as anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.plots.style import POINTS_PER_INCH

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["LABEL_SIZE", "dots", "label_points"]

LABEL_SIZE = 9.5
WIDTH, HEIGHT = 0.62, 1.3  # of a letter and of a line of text, in font sizes
MARKER = 6.0  # half the side of a marker, in typographic points like all that follows
NEAR = (
    (10, 0, "left"), (-10, 0, "right"), (0, 15, "center"), (0, -17, "center"),
    (10, 15, "left"), (10, -15, "left"), (0, 29, "center"), (-10, 15, "right"),
    (-10, -15, "right"),
)  # fmt: skip
FAR = tuple(  # a line leads from there to the point
    (dx * r, dy * r, align)
    for r in (30, 45, 60, 80)
    for dx, dy, align in (
        (0, 1, "center"), (0, -1, "center"), (0.7, 0.7, "left"), (0.7, -0.7, "left"),
        (-0.7, 0.7, "right"), (-0.7, -0.7, "right"),
    )
)  # fmt: skip
SIDES = NEAR + FAR
MIRRORED = {"left": "right", "center": "center", "right": "left"}
Rectangle = tuple[float, float, float, float]


def dots(x: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Single points as a curve to keep off, without what lies between them.

    >>> dots([1.0], [2.0])[0].tolist()
    [1.0, 1.0, nan]
    """
    gap = np.full(np.shape(x), np.nan)
    return np.stack([x, x, gap], axis=-1).ravel(), np.stack([y, y, gap], axis=-1).ravel()


def label_points(
    axes: Axes,
    labels: Sequence[tuple[float, float, str, str]],
    *,
    curves: Sequence[tuple[Any, Any]] = (),
    effects: Sequence[Any] = (),
    size: float = LABEL_SIZE,
    leftward: bool = False,
) -> None:
    """Write words beside points, on the first side where they cover nothing.

    Parameters
    ----------
    axes
        With its final limits and scales: they decide what overlaps.
    labels
        (x, y, text, colour) of each, in data coordinates.
    curves
        The xs and ys of curves to keep off, in data coordinates; NaN interrupts them.
    effects
        Of the letters, such as :func:`diffkit.plots.style.halo`.
    size
        Of the letters, in typographic points.
    leftward
        Whether to try the left side of a point before the right one.
    """
    sides = [(-dx, dy, MIRRORED[align]) for dx, dy, align in SIDES] if leftward else SIDES
    scale = axes.figure.dpi / POINTS_PER_INCH
    places = [axes.transData.transform((x, y)) / scale for x, y, _, _ in labels]
    taken = [(x - MARKER, y - MARKER, x + MARKER, y + MARKER) for x, y in places]
    lines = _segments(axes, curves, scale)
    frame: Rectangle = tuple(axes.bbox.extents / scale)  # type: ignore[assignment]
    for (at_x, at_y, text, colour), (x, y) in zip(labels, places, strict=True):
        boxes = [_box(side, x, y, text, size) for side in sides]
        weights = [(sum(_overlap(box, other) for other in taken), _beyond(box, frame),
                    _cuts(box, lines)) for box in boxes]  # fmt: skip
        best = weights.index(min(weights))  # the first of equals
        taken.append(boxes[best])
        dx, dy, align = sides[best]
        leader = {"arrowstyle": "-", "color": colour, "linewidth": 0.8, "shrinkB": MARKER}
        axes.annotate(
            text, (at_x, at_y), xytext=(dx, dy), textcoords="offset points", color=colour,
            ha=align, va="center", fontsize=size, path_effects=list(effects) or None,
            arrowprops=leader if best >= len(NEAR) else None, annotation_clip=False,
        )  # fmt: skip


def _box(side: tuple[float, float, str], x: float, y: float, text: str, size: float) -> Rectangle:
    """What a text at this side of a point covers: left, bottom, right, top."""
    dx, dy, align = side
    rows = text.split("\n")
    wide, high = max(map(len, rows)) * size * WIDTH, len(rows) * size * HEIGHT
    left = x + dx - wide * {"left": 0.0, "center": 0.5, "right": 1.0}[align]
    return left, y + dy - high / 2, left + wide, y + dy + high / 2


def _overlap(one: Rectangle, other: Rectangle) -> bool:
    """Whether two rectangles have a point in common."""
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _beyond(box: Rectangle, frame: Rectangle) -> int:
    """Over how many edges of the axes a word goes; beyond the right one there is room."""
    return (box[0] < frame[0]) + (box[1] < frame[1]) + (box[3] > frame[3])


def _segments(axes: Axes, curves: Sequence[tuple[Any, Any]], scale: float) -> np.ndarray:
    """The pieces of all curves, (n, 2 ends, 2 coordinates) in typographic points."""
    found = [np.empty((0, 2, 2))]
    for x, y in curves:
        xy = np.stack(np.broadcast_arrays(np.asarray(x, float), np.asarray(y, float)), axis=-1)
        with np.errstate(all="ignore"):  # off the domain of an axis there is nothing to cover
            ends = axes.transData.transform(xy) / scale
        found.append(np.stack([ends[:-1], ends[1:]], axis=1))
    pieces = np.concatenate(found)
    return pieces[np.isfinite(pieces).all(axis=(1, 2))]


def _cuts(box: Rectangle, pieces: np.ndarray) -> int:
    """How many pieces of curves have a point in a rectangle (Liang & Barsky 1984)."""
    start, way = pieces[:, 0], pieces[:, 1] - pieces[:, 0]
    low, high = np.array(box[:2]) - start, np.array(box[2:]) - start
    with np.errstate(divide="ignore", invalid="ignore"):
        enter, leave = np.minimum(low / way, high / way), np.maximum(low / way, high / way)
    still, inside = way == 0, (low <= 0) & (high >= 0)
    enter = np.where(still, np.where(inside, 0.0, np.inf), enter).max(axis=1, initial=0.0)
    leave = np.where(still, np.where(inside, 1.0, -np.inf), leave).min(axis=1, initial=1.0)
    return int(np.sum(enter <= leave))
