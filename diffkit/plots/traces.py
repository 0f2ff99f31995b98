"""The forward sweep of automatic differentiation as a table in a figure.

    v̇ᵢ = Σⱼ (∂vᵢ/∂vⱼ) v̇ⱼ,  from the inputs down

The layout is that of table 2 in Baydin et al. 2018, *Automatic differentiation in machine
learning: a survey*.  The rows are made in ``comparison/explain_traces.py``; ``dk.explain`` prints
more of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from diffkit.comparison.explain_text import BAR, DOT, number_text, pretty, with_accent
from diffkit.comparison.explain_traces import (
    TraceRow,
    input_values,
    sweeps_of,
    tangent_formula,
    trace_rows,
)
from diffkit.graph.ir import Graph
from diffkit.plots.style import colour_of, muted, style_of, use_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "BAR",
    "DOT",
    "TraceRow",
    "input_values",
    "number_text",
    "plot_trace_table",
    "pretty",
    "sweeps_of",
    "tangent_formula",
    "trace_rows",
    "with_accent",
]

TOP_ROWS = 1.0  # the table's head, in rows


def plot_trace_table(
    graph: Graph,
    values: Sequence[Any] | Mapping[str, Any],
    *,
    seeds: Sequence[int] = (0,),
    axes: Axes | None = None,
    dark: bool = False,
) -> Axes:
    """The forward trace as a table: each line with its value, its rule, and its tangents.

    Parameters
    ----------
    graph
        With one scalar output.
    values
        Of the inputs, in order or by name.
    seeds
        Positions of the inputs that move with speed 1: one sweep, one column, for each.
    axes, dark
        Where to draw (a new figure if left out), and on which background.
    """
    import matplotlib.pyplot as plt

    sweeps = [trace_rows(graph, values, seed) for seed in seeds]
    with use_style(dark):
        if axes is None:
            axes = plt.figure().add_subplot()
        _draw_table(axes, graph, seeds, sweeps, dark)
    return axes


# Columns of the table, as fractions of the width.
_LINE, _VALUE, _RULE, _SWEEP, _LAST = 0.03, 0.36, 0.42, 0.16, 0.99


def _draw_table(
    axes: Axes,
    graph: Graph,
    seeds: Sequence[int],
    sweeps: Sequence[Sequence[TraceRow]],
    dark: bool,
) -> None:
    rows, count = sweeps[0], len(graph.input_nodes)
    blue = style_of("forward").text_colour(dark)
    axes.set_axis_off()
    axes.set_xlim(-0.02, 1)
    axes.set_ylim(len(rows) + 0.3, -TOP_ROWS - 0.2)
    columns = [_LAST - _SWEEP * (len(seeds) - 1 - place) for place in range(len(seeds))]
    heads = [(_LINE, "left", "line of the program", None), (_VALUE, "right", "value", None),
             (_RULE, "left", "chain rule", blue)]  # fmt: skip
    for x, seed in zip(columns, seeds, strict=True):
        dotted = with_accent(graph.input_names[seed], DOT)
        heads.append((x, "right", f"{pretty(dotted)} = 1", blue))
    for x, align, text, colour in heads:
        axes.text(x, -0.55, text, ha=align, va="center", color=colour, fontweight="bold")
    axes.plot([0.02, 1], [0, 0], color=muted(dark), linewidth=1.2)
    axes.plot([0.02, 1], [count, count], color=muted(dark), linewidth=0.6)
    for place, row in enumerate(rows):
        _draw_row(axes, row, place + 0.5, row.node in graph.output_nodes, blue)
        for x, sweep in zip(columns, sweeps, strict=True):
            weight = "bold" if row.node in graph.output_nodes else "normal"
            axes.text(x, place + 0.5, number_text(sweep[place].tangent), ha="right",
                      va="center", color=blue, fontweight=weight)  # fmt: skip
    arrow = {"arrowstyle": "-|>", "color": colour_of("forward", dark), "linewidth": 1.8}
    axes.annotate("", (0, len(rows)), (0, 0.1), arrowprops=arrow, annotation_clip=False)


def _draw_row(axes: Axes, row: TraceRow, y: float, is_output: bool, blue: str) -> None:
    weight = "bold" if is_output else "normal"
    dotted = with_accent(row.name, DOT)
    line = f"{row.name} = {row.formula}" if row.formula else row.name
    rule = f"{dotted} = {row.tangent_formula}" if row.tangent_formula else f"{dotted}  (seed)"
    style: dict[str, Any] = {"va": "center", "fontweight": weight}
    axes.text(_LINE, y, pretty(line), ha="left", **style)
    axes.text(_VALUE, y, number_text(row.value), ha="right", **style)
    axes.text(_RULE, y, pretty(rule), ha="left", color=blue, **style)
