"""The two sweeps of automatic differentiation as tables: value, tangent and adjoint of each line.

    forward:  v̇ᵢ = Σⱼ (∂vᵢ/∂vⱼ) v̇ⱼ,  from the inputs down
    reverse:  v̄ⱼ = Σᵢ v̄ᵢ (∂vᵢ/∂vⱼ),  from the output up

The layout is that of tables 2 and 3 in Baydin et al. 2018, *Automatic differentiation in machine
learning: a survey*.  The numbers come from diffkit's own sweeps; the formulas beside them are
SymPy's derivatives of each operation, an independent witness.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.differentiate.sweeps import pull_back, push_forward
from diffkit.engines.interpret import run, run_all
from diffkit.errors import InputError
from diffkit.graph.arena import Arena
from diffkit.graph.drawing import formula_text
from diffkit.graph.ir import INPUT, LITERAL, Graph
from diffkit.graph.primitive import Elementwise
from diffkit.plots.style import colour_of, muted, style_of, use_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["TraceRow", "input_values", "plot_trace_table", "sweeps_of", "trace_rows"]

TOP_ROWS = 1.0  # the table's head, in rows
SIGNIFICANT = 5


@dataclass(frozen=True)
class TraceRow:
    """One line of the trace: a variable, how it is computed, and its three numbers."""

    node: int
    name: str
    formula: str
    value: Any
    tangent: Any
    tangent_formula: str
    adjoint: Any
    contributions: tuple[tuple[int, Any], ...]  # operand node, v̄ᵢ ∂vᵢ/∂vⱼ


def input_values(graph: Graph, values: Sequence[Any] | Mapping[str, Any]) -> list[Any]:
    """The values of a graph's inputs, given in order or by name, as arrays of their dtype.

    Raises
    ------
    InputError
        When an input is missing or there are too many.
    """
    names = graph.input_names
    given = dict(values) if isinstance(values, Mapping) else dict(zip(names, values, strict=False))
    if len(values) != len(names) or set(given) != set(names):
        raise InputError(
            f"the graph has {len(names)} inputs ({', '.join(names)}), but {len(values)} values "
            "were given",
            hint="give one value for each input, in order or by name.",
        )
    avals = [graph.columns.avals[node] for node in graph.input_nodes]
    return [
        np.asarray(given[name], aval.dtype)[()] for name, aval in zip(names, avals, strict=True)
    ]


def _frozen(graph: Graph, arena: Arena, found: Sequence[int | None]) -> Graph:
    """A graph with the same inputs whose outputs are these nodes; zero where None."""
    zero = arena.literal(0.0)
    outputs = [zero if node is None else node for node in found]
    return arena.freeze(graph.input_nodes, outputs, guards=())


def sweeps_of(
    graph: Graph, values: Sequence[Any], seed: int = 0
) -> tuple[dict[int, Any], dict[int, Any], dict[int, Any]]:
    """Value, tangent and adjoint of every variable of a graph with one output.

    ``seed`` is the input whose tangent is 1 (the others' are 0); the output's adjoint is 1.

    Returns
    -------
    tuple of dict
        v, v̇ and v̄ by node number.
    """
    nodes = [*graph.input_nodes, *graph.equation_nodes()]
    state = run_all(graph, values)
    forward = Arena.of(graph)
    start = graph.input_nodes[seed]
    tangents = push_forward(forward, {start: forward.literal(_ones(state[start]))}, nodes)
    v_dot = run(_frozen(graph, forward, tangents), values)
    backward = Arena.of(graph)
    end = graph.output_nodes[0]
    adjoints = pull_back(backward, {end: backward.literal(_ones(state[end]))}, nodes)
    v_bar = run(_frozen(graph, backward, adjoints), values)
    return (
        {node: state[node] for node in nodes},
        dict(zip(nodes, v_dot, strict=True)),
        dict(zip(nodes, v_bar, strict=True)),
    )


def _ones(value: Any) -> Any:
    return np.ones_like(np.asarray(value))[()]


def contributions(graph: Graph, node: int, state: Mapping[int, Any], bar: Any) -> list[Any]:
    """What one equation sends back to each of its operands, v̄ᵢ ∂vᵢ/∂vⱼ."""
    columns = graph.columns
    operands = columns.operands[node]
    arena = Arena()
    inputs = [arena.new_input(columns.avals[operand]) for operand in operands]
    out = arena.emit(columns.operations[node], tuple(inputs), None)
    cotangent = arena.new_input(columns.avals[node])
    found = pull_back(arena, {out: cotangent}, inputs)
    zero = arena.literal(0.0)
    single = arena.freeze([*inputs, cotangent], [zero if n is None else n for n in found])
    return run(single, [*(state[operand] for operand in operands), bar])


def trace_rows(
    graph: Graph, values: Sequence[Any] | Mapping[str, Any], seed: int = 0
) -> list[TraceRow]:
    """The lines of the evaluation trace, inputs first, with tangents and adjoints.

    Parameters
    ----------
    graph
        With one output.
    values
        Of the inputs, in order or by name.
    seed
        The position of the input that the tangents are taken by.

    >>> import diffkit as dk
    >>> rows = trace_rows(dk.parse("x*y"), {"x": 2.0, "y": 5.0})
    >>> [(row.name, float(row.value), float(row.adjoint)) for row in rows]
    [('x', 2.0, 5.0), ('y', 5.0, 2.0), ('a', 10.0, 1.0)]
    """
    leaves = input_values(graph, values)
    v, v_dot, v_bar = sweeps_of(graph, leaves, seed)
    state = {**graph.columns.values, **v}
    rows = []
    for node in v:
        is_input = graph.columns.operations[node] is INPUT
        sent = [] if is_input else contributions(graph, node, state, v_bar[node])
        rows.append(
            TraceRow(
                node,
                graph.names[node],
                "" if is_input else formula_text(graph, node),
                v[node],
                v_dot[node],
                "" if is_input else tangent_formula(graph, node),
                v_bar[node],
                tuple(zip(graph.columns.operands[node], sent, strict=True)),
            )
        )
    return rows


def tangent_formula(graph: Graph, node: int) -> str:
    """The rule v̇ = Σ (∂v/∂u) u̇ of one elementwise equation, written by SymPy.

    >>> import diffkit as dk
    >>> graph = dk.parse("x*y")
    >>> tangent_formula(graph, graph.output_nodes[0])
    'ẋ·y + ẏ·x'
    """
    import sympy as sp

    columns = graph.columns
    operation, operands = columns.operations[node], columns.operands[node]
    if not isinstance(operation.primitive, Elementwise):
        return f"{operation.name} of tangents"
    symbols = [
        sp.sympify(np.asarray(columns.values[n]).item())
        if columns.operations[n] is LITERAL
        else sp.Symbol(graph.names[n], real=True)
        for n in operands
    ]
    form = operation.primitive.sympy(*symbols, **operation.kwargs)
    terms = []
    for n in dict.fromkeys(n for n in operands if columns.operations[n] is not LITERAL):
        symbol = sp.Symbol(graph.names[n], real=True)
        partial, moving = sp.diff(form, symbol), with_accent(graph.names[n], DOT)
        if partial != 0:
            terms.append(_term(partial, moving))
    return " + ".join(terms).replace("+ −", "− ") or "0"


def _term(partial: Any, moving: str) -> str:
    import sympy as sp

    if partial == 1:
        return moving
    if partial == -1:
        return f"−{moving}"
    if partial.is_Pow and partial.exp == -1:
        return f"{moving} / {partial.base}"
    text = sp.sstr(partial).replace("**2", "²").replace("*", "·").replace("-", "−")
    return f"{moving}·({text})" if partial.is_Add else f"{moving}·{text}"


DOT = "\N{COMBINING DOT ABOVE}"
BAR = "\N{COMBINING MACRON}"


def with_accent(name: str, accent: str) -> str:
    """A name with an accent on its first letter: v1 → v̇1.

    >>> with_accent("x", DOT) == "ẋ"
    True
    """
    import unicodedata

    return unicodedata.normalize("NFC", name[:1] + accent) + name[1:]


def number_text(value: Any, digits: int = SIGNIFICANT) -> str:
    """A number for a table: a few significant digits; arrays show their norm as ‖·‖.

    >>> number_text(11.652071455223084), number_text(2.0)
    ('11.652', '2')
    """
    array = np.asarray(value)
    if array.size != 1:
        return f"‖{np.linalg.norm(array.astype(float)):.{digits - 1}g}‖"
    return f"{float(array.reshape(())):.{digits}g}".replace("-", "−")


def pretty(text: str) -> str:
    """Names as they are set in print: digits after letters become subscripts, v1 → v₁.

    What stands in angle brackets, the type of a constant, stays as it is.

    >>> pretty("log(x1) + 2·y"), pretty("x1 @ <f64[3,2]>")
    ('log(x₁) + 2·y', 'x₁ @ <f64[3,2]>')
    """

    def lowered(found: re.Match[str]) -> str:
        word = found.group()
        return word if word.startswith("<") else word.replace("_", "").translate(_SUBSCRIPTS)

    return _INDEX.sub(lowered, text)


_INDEX = re.compile(r"<[^<>]*>|(?<=[^\W\d_])[\u0300-\u036f]?_?\d+\b")
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


# The table as a figure -------------------------------------------------------------------------


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
