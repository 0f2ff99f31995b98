"""A graph as a picture: SVG and HTML, with no library behind them.

Every variable is a box that says how it is computed (``h = x @ w``), so that operands cannot be
confused; inputs are at the top, the outputs have a bold frame, constants stand inside the
box that uses them.  Hovering tells shape, dtype and the user's line.  Colours follow the
theme of a notebook, or else the reader's light or dark setting.  The layout is in
``graph/layout.py``.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from diffkit.graph.ir import INPUT, LITERAL
from diffkit.graph.layout import Layout, layered
from diffkit.graph.notebook import themed
from diffkit.graph.printing import abridged, atom_text, operation_text, to_text
from diffkit.graph.sources import line_of

if TYPE_CHECKING:
    from diffkit.graph.ir import Graph

__all__ = ["MOST_NODES", "Box", "boxes_of", "formula_text", "to_html", "to_svg"]

MOST_NODES = 100  # more boxes than this do not help a reader
CHARACTER = 7.3  # width of one character of the 12-pixel monospace font, in pixels
SMALL_CHARACTER = 6.1  # the same for the 10-pixel font
PADDING = 11.0
LINE = 17.0
MARGIN = 14.0
MOST_CHARACTERS = 40

# Primitives that are written between their operands.
INFIX = {
    "add": "+", "sub": "−", "mul": "·", "div": "/", "power": "^", "matmul": "@",
    "less": "<", "less_equal": "≤", "greater": ">", "greater_equal": "≥",
    "equal": "=", "not_equal": "≠", "logical_and": "∧", "logical_or": "∨",
}  # fmt: skip
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

LIGHT = """--paper: #FFFFFF; --ink: #1A1A1A; --soft: #5B6470; --line: #8A949E;
  --box: #F6F8FA; --rim: #B8C1CA; --in: #E3EDF8; --in-rim: #1F5FA8; --out-rim: #1A1A1A;"""
DARK = """--paper: #14181D; --ink: #F2F2F2; --soft: #A9B3BD; --line: #75808B;
  --box: #20262D; --rim: #4A545F; --in: #1B3350; --in-rim: #3D8BEB; --out-rim: #F2F2F2;"""
STYLE = """
.dk-graph .paper { fill: var(--paper); }
.dk-graph text { font: 12px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace;
  fill: var(--ink); text-anchor: middle; }
.dk-graph .name { font-weight: 700; }
.dk-graph .kind { font-size: 10px; fill: var(--soft); }
.dk-graph rect.box { fill: var(--box); stroke: var(--rim); }
.dk-graph .input rect.box { fill: var(--in); stroke: var(--in-rim); }
.dk-graph .output rect.box { stroke: var(--out-rim); stroke-width: 2.2; }
.dk-graph .hidden rect.box { fill: none; stroke-dasharray: 4 4; }
.dk-graph .edge { fill: none; stroke: var(--line); stroke-width: 1.3; }
.dk-graph .tip { fill: var(--line); }
""".strip()


@dataclass(frozen=True)
class Box:
    """One node of the picture: its texts, its role and its size in pixels."""

    name: str
    formula: str
    kind: str
    tooltip: str
    role: str  # "input", "equation", "output" or "hidden"
    node: int  # −1 for the box that stands for the hidden equations

    @property
    def size(self) -> tuple[float, float]:
        """Width and height that hold the texts."""
        characters = len(self.title)
        width = max(characters * CHARACTER, len(self.kind) * SMALL_CHARACTER)
        return width + 2 * PADDING, LINE * (2 if self.kind else 1) + PADDING

    @property
    def title(self) -> str:
        """The first line of the box."""
        return f"{self.name} = {self.formula}" if self.formula and self.name else (
            self.name or self.formula
        )  # fmt: skip


def _short(text: str, most: int = MOST_CHARACTERS) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def formula_text(graph: Graph, node: int) -> str:
    """The right-hand side of an equation, as a person writes it: ``x1 · x2``, ``sin(x2)``.

    >>> import diffkit as dk
    >>> graph = dk.parse("sin(x)*y")
    >>> [formula_text(graph, node) for node in graph.equation_nodes()]
    ['sin(x)', 'a · y']
    """
    operation = graph.columns.operations[node]
    atoms = [_short(atom_text(graph, operand)) for operand in graph.columns.operands[node]]
    if operation.name in INFIX and len(atoms) == 2:
        return f" {INFIX[operation.name]} ".join(atoms)
    if operation.name == "neg":
        return f"−{atoms[0]}"
    if operation.name == "integer_power":
        return f"{atoms[0]}{str(operation.kwargs['n']).translate(_SUPERSCRIPTS)}"
    if operation.name == "transpose" and operation.kwargs["axes"] == (1, 0):
        return f"{atoms[0]}ᵀ"
    return _short(f"{operation_text(operation)}({', '.join(atoms)})")


def _box(graph: Graph, node: int) -> Box:
    columns = graph.columns
    aval = columns.avals[node]
    is_input = columns.operations[node] is INPUT
    role = "output" if node in graph.output_nodes else "input" if is_input else "equation"
    formula = "" if is_input else formula_text(graph, node)
    line = line_of(columns.sources[node])
    name = graph.names[node]
    what = "" if is_input else f" = {operation_text(columns.operations[node])}"
    tooltip = f"{name}:{aval}{what}" + (f"\n{line}" if line else "")
    return Box(name, formula, repr(aval) if aval.shape else "", tooltip, role, node)


def boxes_of(graph: Graph, limit: int = MOST_NODES) -> tuple[list[Box], list[tuple[int, int]]]:
    """The boxes of a picture, in topological order, and its edges as pairs of box numbers.

    Beyond ``limit`` the equations in the middle become one box that says how many they are.
    """
    columns = graph.columns
    nodes = [*graph.input_nodes, *graph.equation_nodes()]
    head, hidden, tail = abridged(nodes, limit)
    boxes = [_box(graph, node) for node in head]
    place = {node: number for number, node in enumerate(head)}
    middle = len(boxes)
    if hidden:
        text = f"… {hidden:,} more nodes …"
        boxes.append(Box("", text, "", f"{hidden:,} nodes are not drawn", "hidden", -1))
        for number, node in enumerate(tail, start=middle + 1):
            boxes.append(_box(graph, node))
            place[node] = number
    edges = set()
    for node in nodes:
        for operand in columns.operands[node]:
            if columns.operations[operand] is not LITERAL:
                edge = (place.get(operand, middle), place.get(node, middle))
                if edge[0] != edge[1]:
                    edges.add(edge)
    return boxes, sorted(edges)


def to_svg(graph: Graph, limit: int = MOST_NODES) -> str:
    """The graph as an SVG picture (text), following the reader's light or dark setting.

    Parameters
    ----------
    graph
        Any graph; beyond ``limit`` nodes the middle is left out, and the picture says so.
    limit
        The largest number of boxes.

    >>> import diffkit as dk
    >>> to_svg(dk.parse("x*y")).startswith("<svg")
    True
    """
    boxes, edges = boxes_of(graph, limit)
    layout = layered([box.size for box in boxes], edges)
    width, height = layout.width + 2 * MARGIN, layout.height + 2 * MARGIN
    label = escape(_label(graph), quote=True)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="dk-graph" role="img" '
        f'aria-label="{label}" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="{-MARGIN:.0f} {-MARGIN:.0f} {width:.0f} {height:.0f}">',
        f"<title>{label}</title>",
        f"<style>{themed('.dk-graph', LIGHT, DARK)}\n{STYLE}</style>",
        f'<rect class="paper" x="{-MARGIN:.0f}" y="{-MARGIN:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" rx="6"/>',
    ]
    parts += [_edge_svg(layout, boxes, edge) for edge in edges]
    parts += [_box_svg(box, *layout.centres[number]) for number, box in enumerate(boxes)]
    return "\n".join([*parts, "</svg>"])


def _label(graph: Graph) -> str:
    inputs = ", ".join(graph.input_names[:6]) + (", …" if len(graph.input_names) > 6 else "")
    count = graph.operations()["total"]
    title = f" of {graph.title}" if graph.title else ""
    return f"Expression graph{title}: {count:,} operations on {inputs or 'no inputs'}"


def _edge_svg(layout: Layout, boxes: list[Box], edge: tuple[int, int]) -> str:
    points = list(layout.routes[edge])
    start, end = boxes[edge[0]], boxes[edge[1]]
    lane = _lane(layout, edge, end)
    points[0] = (points[0][0], points[0][1] + start.size[1] / 2)
    points[-1] = (lane, points[-1][1] - end.size[1] / 2 - 6)
    path = f"M{points[0][0]:.1f},{points[0][1]:.1f}"
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        middle = (y0 + y1) / 2
        path += f" C{x0:.1f},{middle:.1f} {x1:.1f},{middle:.1f} {x1:.1f},{y1:.1f}"
    x, y = points[-1]
    tip = f"{x - 3.5:.1f},{y:.1f} {x + 3.5:.1f},{y:.1f} {x:.1f},{y + 6:.1f}"
    return f'<path class="edge" d="{path}"/><polygon class="tip" points="{tip}"/>'


def _lane(layout: Layout, edge: tuple[int, int], end: Box) -> float:
    """Where an edge enters its box: side by side with the others, in their order."""
    centre = layout.centres[edge[1]][0]
    arriving = sorted(
        (route[-2][0], pair[0]) for pair, route in layout.routes.items() if pair[1] == edge[1]
    )
    rank = [start for _, start in arriving].index(edge[0])
    spread = min(26.0, (end.size[0] - 2 * PADDING) / len(arriving))
    return centre + (rank - (len(arriving) - 1) / 2) * spread


def _box_svg(box: Box, x: float, y: float) -> str:
    width, height = box.size
    top = y - height / 2
    baseline = top + PADDING / 2 + LINE * 0.75
    if box.name and box.formula:
        text = f'<tspan class="name">{escape(box.name)}</tspan> = {escape(box.formula)}'
    else:
        text = f'<tspan class="{"name" if box.name else "kind"}">{escape(box.title)}</tspan>'
    lines = [f'<text x="{x:.1f}" y="{baseline:.1f}">{text}</text>']
    if box.kind:
        below = baseline + LINE - 2
        lines.append(f'<text class="kind" x="{x:.1f}" y="{below:.1f}">{escape(box.kind)}</text>')
    radius = height / 2 if box.role == "input" else 6
    return (
        f'<g class="{box.role}"><title>{escape(box.tooltip)}</title>'
        f'<rect class="box" x="{x - width / 2:.1f}" y="{top:.1f}" width="{width:.1f}" '
        f'height="{height:.1f}" rx="{radius:.1f}"/>{"".join(lines)}</g>'
    )


def to_html(graph: Graph, limit: int = MOST_NODES) -> str:
    """The graph for a notebook: its picture, and its text form below a fold.

    >>> import diffkit as dk
    >>> "<details" in to_html(dk.parse("x*y"))
    True
    """
    return (
        '<div class="dk-graph-view" style="max-width: 100%">'
        f'<div style="overflow-x: auto">{to_svg(graph, limit)}</div>'
        f"<details><summary>{escape(_label(graph))}</summary>"
        f'<pre style="overflow-x: auto">{escape(to_text(graph))}</pre></details></div>'
    )
