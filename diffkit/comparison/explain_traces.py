"""A trace for a picture: one row per variable, with value, tangent, adjoint and what it sends back.

The layout is that of tables 2 and 3 in Baydin et al. 2018, *Automatic differentiation in machine
learning: a survey*.  The numbers are those of ``explain_sweeps.py``; the formulas beside them are
those of ``explain_rules.py``, by SymPy wherever they are short.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from diffkit.comparison.explain_rules import rule_of
from diffkit.comparison.explain_sweeps import Sweeps, sweeps_at
from diffkit.comparison.explain_text import DOT, filled, with_accent
from diffkit.comparison.explain_words import constant_or_name
from diffkit.errors import InputError
from diffkit.graph.drawing import formula_text
from diffkit.graph.ir import INPUT, LITERAL, Graph

__all__ = ["TraceRow", "input_values", "sweeps_of", "tangent_formula", "trace_rows"]


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


def _sweeps(graph: Graph, leaves: Sequence[Any], seed: int) -> Sweeps:
    """Both sweeps: input ``seed`` moves at speed 1, the first output sends back 1."""
    start, end = graph.input_nodes[seed], graph.output_nodes[0]
    moving = [node for node in graph.input_nodes if graph.columns.avals[node].is_float]
    cotangents: list[Any] = [None] * len(graph.output_nodes)
    cotangents[0] = _ones(graph, end)
    return sweeps_at(graph, leaves, moving, {start: _ones(graph, start)}, cotangents)


def _ones(graph: Graph, node: int) -> Any:
    aval = graph.columns.avals[node]
    return np.ones(aval.shape, aval.dtype)[()]


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
    sweeps = _sweeps(graph, values, seed)
    nodes = [*graph.input_nodes, *graph.equation_nodes()]
    return (
        {node: sweeps.values[node] for node in nodes},
        {node: sweeps.tangent(node) for node in nodes},
        {node: sweeps.adjoint(node) for node in nodes},
    )


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
    sweeps = _sweeps(graph, input_values(graph, values), seed)
    sent: dict[int, list[tuple[int, Any]]] = {}
    for amount in sweeps.amounts:
        sent.setdefault(amount.node, []).append((amount.operand, amount.amount))
    rows = []
    for node in [*graph.input_nodes, *graph.equation_nodes()]:
        is_input = graph.columns.operations[node] is INPUT
        rows.append(
            TraceRow(
                node,
                graph.names[node],
                "" if is_input else formula_text(graph, node),
                sweeps.values[node],
                sweeps.tangent(node),
                "" if is_input else tangent_formula(graph, node),
                sweeps.adjoint(node),
                tuple(sent.get(node, ())),
            )
        )
    return rows


def tangent_formula(graph: Graph, node: int) -> str:
    """The rule v̇ = Σ (∂v/∂u) u̇ of one equation, by SymPy where its derivative is short.

    >>> import diffkit as dk
    >>> graph = dk.parse("x*y")
    >>> tangent_formula(graph, graph.output_nodes[0])
    'ẋ·y + ẏ·x'
    """
    columns, names = graph.columns, graph.names
    operands = columns.operands[node]
    moves = [columns.operations[n] is not LITERAL and columns.avals[n].is_float for n in operands]
    words = {str(k): constant_or_name(graph, n) for k, n in enumerate(operands)}
    words |= {f"d{k}": with_accent(names[n], DOT) for k, n in enumerate(operands) if moves[k]}
    return filled(rule_of(graph, node, moves).tangent, words | {"y": names[node]})
