"""An expression graph as a figure, with values and adjoints on its nodes.

Without values the picture shows the structure.  With values, each node carries v and, in the
colour of reverse mode, its adjoint v̄ = ∂y/∂v; the edges carry what flows back along them,
v̄ᵢ ∂vᵢ/∂vⱼ, and are the wider the more it is: 1 + 2.2·log1p|v̄| points.  The adjoint of a node
is the sum over the edges that leave it (the multivariate chain rule; Griewank & Walther 2008,
section 3.2).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from diffkit.graph.drawing import Box, boxes_of
from diffkit.graph.ir import Graph
from diffkit.graph.layout import Layout, layered
from diffkit.plots.style import INK, colour_of, muted, style_of, use_style
from diffkit.plots.traces import BAR, TraceRow, number_text, pretty, trace_rows, with_accent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["edge_width", "plot_graph"]

MOST_BOXES = 40  # more do not fit a figure; the SVG form takes more
CHARACTER = 6.6  # width of a character of 10-point DejaVu Sans, in points
LINE = 15.0  # height of a line of text, in points
PADDING = 9.0
MOST_ACROSS = 7  # layers; more run from top to bottom
PAGE_WIDTH, PAGE_HEIGHT = 7.2, 10.0  # inches
POINTS_PER_INCH = 72.0
BOX_FILL = {False: "#F6F8FA", True: "#20262D"}
INPUT_FILL = {False: "#E3EDF8", True: "#1B3350"}
# Edge width in points: 1 + 2.2·log1p|v̄| keeps a factor of a thousand on one page.
WIDTH_BASE, WIDTH_GAIN = 1.0, 2.2


def edge_width(adjoint: Any) -> float:
    """The width of an edge along which this much flows back (norm of an array).

    >>> edge_width(0.0), round(edge_width(5.5), 2)
    (1.0, 5.12)
    """
    size = float(np.linalg.norm(np.asarray(adjoint, dtype=float)))
    return WIDTH_BASE + WIDTH_GAIN * float(np.log1p(size))


def plot_graph(
    graph: Graph,
    values: Sequence[Any] | Mapping[str, Any] | None = None,
    axes: Axes | None = None,
    *,
    dark: bool = False,
    across: bool | None = None,
    limit: int = MOST_BOXES,
) -> Axes:
    """Draw an expression graph, with values and adjoints on the nodes if values are given.

    Parameters
    ----------
    graph
        Any graph; with ``values`` it must have one scalar output.
    values
        Of the inputs, in order or by name.
    axes
        Where to draw; a new figure if left out.
    dark, across
        Background, and whether the graph runs from left to right; if left out, shallow
        graphs do and deep ones run from top to bottom.
    limit
        The largest number of boxes; beyond it the middle is left out and counted.
    """
    import matplotlib.pyplot as plt

    rows = {} if values is None else {row.node: row for row in trace_rows(graph, values)}
    boxes, edges = boxes_of(graph, limit)
    texts = [_texts(box, rows.get(box.node)) for box in boxes]
    sizes = [_size(lines) for lines in texts]
    if across is None:
        across = max(layered(sizes, edges).layers, default=0) < MOST_ACROSS
    turned = [(h, w) for w, h in sizes] if across else sizes
    layout = layered(turned, edges, gap=(24.0, 64.0) if across else (20.0, 34.0))
    with use_style(dark):
        if axes is None:
            axes = plt.figure(figsize=_page(layout, across)).add_subplot()
        _prepare(axes, layout, across)
        painter = _Painter(axes, layout, boxes, sizes, across, dark)
        for edge in edges:
            painter.edge(edge, _flow(rows, boxes, edge))
        for number, box in enumerate(boxes):
            painter.box(number, box, texts[number])
    return axes


def _page(layout: Layout, across: bool) -> tuple[float, float]:
    """A figure as wide as the page, or narrower, and as high as the graph needs."""
    width, height = layout.width, layout.height
    if across:
        width, height = height, width
    width, height = (width + 40) / POINTS_PER_INCH, (height + 60) / POINTS_PER_INCH
    shrink = min(1.0, PAGE_WIDTH / width, PAGE_HEIGHT / height)
    return max(width * shrink, PAGE_WIDTH / 2), height * shrink


def _texts(box: Box, row: TraceRow | None) -> list[str]:
    """The lines of a box: its formula, and its value and adjoint if they are known."""
    lines = [pretty(box.title)]
    if row is not None:
        adjoint = pretty(with_accent(box.name, BAR))
        lines += [number_text(row.value), f"{adjoint} = {number_text(row.adjoint)}"]
    elif box.kind:
        lines.append(box.kind)
    return lines


def _size(lines: Sequence[str]) -> tuple[float, float]:
    return max(map(len, lines)) * CHARACTER + 2 * PADDING, len(lines) * LINE + PADDING


def _flow(rows: Mapping[int, TraceRow], boxes: Sequence[Box], edge: tuple[int, int]) -> Any:
    """What flows back along an edge: the sum over equal operands; None if unknown."""
    row = rows.get(boxes[edge[1]].node)
    if row is None:
        return None
    sent = [amount for node, amount in row.contributions if node == boxes[edge[0]].node]
    return sum(sent[1:], start=sent[0]) if sent else None


def _prepare(axes: Axes, layout: Layout, across: bool) -> None:
    width, height = layout.width, layout.height
    if across:
        width, height = height, width
    axes.set_axis_off()
    axes.set_xlim(-8, width + 8)
    axes.set_ylim(height + 8, -8)
    axes.set_aspect("equal")


class _Painter:
    """Draws boxes and edges of one layout; sizes are points of a figure at natural scale."""

    def __init__(
        self,
        axes: Axes,
        layout: Layout,
        boxes: Sequence[Box],
        sizes: Sequence[tuple[float, float]],
        across: bool,
        dark: bool,
    ) -> None:
        self.axes, self.layout, self.boxes, self.sizes = axes, layout, boxes, sizes
        self.across, self.dark = across, dark
        self.scale = self._scale()

    def _scale(self) -> float:
        """How much smaller than natural the graph is drawn, so that texts still fit."""
        figure = cast("Figure", self.axes.get_figure(root=True))
        inches = figure.get_size_inches() * POINTS_PER_INCH * 0.94  # margins and the title's room
        low, high = sorted(self.axes.get_xlim()), sorted(self.axes.get_ylim())
        return float(min(inches[0] / (low[1] - low[0]), inches[1] * 0.9 / (high[1] - high[0]), 1.0))

    def place(self, point: tuple[float, float]) -> tuple[float, float]:
        """A point of the layout in data coordinates."""
        return (point[1], point[0]) if self.across else point

    def edge(self, edge: tuple[int, int], flow: Any) -> None:
        from matplotlib.patches import FancyArrowPatch, PathPatch
        from matplotlib.path import Path

        points = [self.place(point) for point in self.layout.routes[edge]]
        points[0] = self._port(points[0], self.sizes[edge[0]], +1)
        points[-1] = self._port(points[-1], self.sizes[edge[1]], -1)
        path = Path(*_curve(points, self.across))
        if flow is None:
            colour = muted(self.dark)
            style = {"arrowstyle": "-|>", "mutation_scale": 9 * self.scale, "zorder": 1}
            self.axes.add_patch(FancyArrowPatch(path=path, color=colour, linewidth=1.1, **style))
            return
        colour = colour_of("reverse", self.dark)
        width = edge_width(flow) * self.scale
        self.axes.add_patch(
            PathPatch(path, edgecolor=colour, facecolor="none", linewidth=width,
                      alpha=0.55, capstyle="butt", zorder=1)
        )  # fmt: skip
        self._label(points, number_text(flow, 4))

    def _port(
        self, centre: tuple[float, float], size: tuple[float, float], side: int
    ) -> tuple[float, float]:
        if self.across:
            return centre[0] + side * size[0] / 2, centre[1]
        return centre[0], centre[1] + side * size[1] / 2

    def _label(self, points: Sequence[tuple[float, float]], text: str) -> None:
        (x0, y0), (x1, y1) = points[-2], points[-1]
        self.axes.text(
            (x0 + x1) / 2, (y0 + y1) / 2, text, ha="center", va="center", zorder=3,
            fontsize=8.5 * self.scale, color=style_of("reverse").text_colour(self.dark),
            bbox={"boxstyle": "round,pad=0.15", "linewidth": 0, "alpha": 0.85,
                  "facecolor": self.axes.figure.get_facecolor()},
        )  # fmt: skip

    def box(self, number: int, box: Box, lines: Sequence[str]) -> None:
        from matplotlib.patches import FancyBboxPatch

        x, y = self.place(self.layout.centres[number])
        width, height = self.sizes[number]
        ink, is_input = INK[self.dark], box.role == "input"
        rim = {"input": colour_of("forward", self.dark), "output": ink}.get(
            box.role, muted(self.dark)
        )
        self.axes.add_patch(FancyBboxPatch(
            (x - width / 2, y - height / 2), width, height,
            boxstyle=f"round,pad=0,rounding_size={14 if is_input else 5}",
            facecolor=(INPUT_FILL if is_input else BOX_FILL)[self.dark], edgecolor=rim,
            linewidth=1.8 if box.role == "output" else 0.9,
            linestyle=":" if box.role == "hidden" else "-", zorder=2,
        ))  # fmt: skip
        for place, text in enumerate(lines):
            colour = ink if place < 2 else style_of("reverse").text_colour(self.dark)
            self.axes.text(
                x, y + (place - (len(lines) - 1) / 2) * LINE, text, ha="center", va="center",
                fontsize=10 * self.scale, color=colour, zorder=4,
                fontweight="bold" if place != 1 else "normal",
            )  # fmt: skip


def _curve(
    points: Sequence[tuple[float, float]], across: bool
) -> tuple[list[tuple[float, float]], list[int]]:
    """A smooth curve through the points, leaving and arriving along the flow."""
    from matplotlib.path import Path

    vertices, codes = [points[0]], [int(Path.MOVETO)]
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        if across:
            middle = (x0 + x1) / 2
            vertices += [(middle, y0), (middle, y1), (x1, y1)]
        else:
            middle = (y0 + y1) / 2
            vertices += [(x0, middle), (x1, middle), (x1, y1)]
        codes += [int(Path.CURVE4)] * 3
    return vertices, codes
