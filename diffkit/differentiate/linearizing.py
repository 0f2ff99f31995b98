"""Splitting a derivative graph: what the point fixes is computed once, the linear rest per call.

The pushforward at x is linear in ẋ and the pullback linear in ȳ.  Everything that does not
depend on them (the primal values and partial derivatives) is evaluated once and kept, and the
linear part is run for each direction (as in JAX's ``linearize``; Radul et al. 2023, *You only
linearize once*).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from diffkit.engines.calling import runner_of
from diffkit.graph.arena import Arena
from diffkit.graph.ir import LITERAL, Graph

__all__ = ["LinearPart", "split"]


class LinearPart:
    """A derivative at a fixed point, as a function of its direction alone."""

    def __init__(self, graph: Graph, kept: list[Any], values: list[Any], engine: str) -> None:
        self.graph = graph
        self.kept = kept
        self.values = values
        self._run = runner_of(graph, engine)

    def __call__(self, directions: Sequence[Any]) -> list[Any]:
        """Apply the linear map to flat directions."""
        return self._run([*self.kept, *directions])


def split(graph: Graph, leaves: Sequence[Any], n_values: int, engine: str = "auto") -> LinearPart:
    """Evaluate what ``leaves`` fix; ``graph`` has values first and derivatives after them."""
    key = ("split", n_values, len(leaves))
    if key not in graph.cache:
        graph.cache[key] = _split_graphs(graph, len(leaves), n_values)
    first, linear = graph.cache[key]
    outputs = runner_of(first, engine)(leaves)
    return LinearPart(linear, outputs[n_values:], outputs[:n_values], engine)


def _split_graphs(graph: Graph, n_fixed: int, n_values: int) -> tuple[Graph, Graph]:
    columns = graph.columns
    moving = set(graph.input_nodes[n_fixed:])
    residuals: dict[int, None] = {}
    for node in graph.equation_nodes():
        operands = columns.operands[node]
        if any(operand in moving for operand in operands):
            moving.add(node)
            for operand in operands:
                if operand not in moving and columns.operations[operand] is not LITERAL:
                    residuals[operand] = None
    for node in graph.output_nodes[n_values:]:
        if node not in moving and columns.operations[node] is not LITERAL:
            residuals[node] = None
    values = list(graph.output_nodes[:n_values])
    first = Arena.of(graph).freeze(
        graph.input_nodes[:n_fixed], [*values, *residuals], guards=(), title=graph.title
    )
    return first, _linear_graph(graph, list(residuals), moving, n_fixed, n_values)


def _linear_graph(
    graph: Graph, residuals: list[int], moving: set[int], n_fixed: int, n_values: int
) -> Graph:
    columns, arena = graph.columns, Arena()
    directions = graph.input_nodes[n_fixed:]
    place = {node: arena.new_input(columns.avals[node]) for node in [*residuals, *directions]}
    for node, value in columns.values.items():
        place[node] = arena.literal(value)
    for node in graph.equation_nodes():
        if node in moving and node not in place:
            operands = tuple([place[i] for i in columns.operands[node]])
            place[node] = arena.emit(columns.operations[node], operands, columns.sources[node])
    names = [f"r{i}" for i in range(len(residuals))] + list(graph.input_names[n_fixed:])
    inputs = [place[node] for node in [*residuals, *directions]]
    outputs = [place[node] for node in graph.output_nodes[n_values:]]
    return arena.freeze(inputs, outputs, names=names, title=f"linear part of {graph.title}")
