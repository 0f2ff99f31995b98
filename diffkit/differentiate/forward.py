"""Forward mode: the derivative along one direction at the price of about one evaluation more.

Every value carries its tangent, ẏ = J ẋ, with no memory beyond the present (Wengert 1964).  The
whole Jacobian takes one sweep per input, so forward mode suits few inputs and many outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from diffkit.differentiate.method import Captured, JacobianResult, Method
from diffkit.differentiate.reverse import float_inputs
from diffkit.differentiate.sweeps import push_forward
from diffkit.engines.calling import runner_of, warn_of_nan
from diffkit.graph.arena import Arena
from diffkit.graph.ir import Graph

__all__ = ["Forward", "pushforward_graph"]


def pushforward_graph(graph: Graph, wrt: Sequence[int] | None = None) -> Graph:
    """The graph of the values and the pushforward ẋ ↦ ẏ = J ẋ.

    The inputs are those of the graph and one tangent per ``wrt`` (positions of inputs); the
    outputs are the values, then one tangent per output.
    """
    wrt = float_inputs(graph) if wrt is None else tuple(wrt)
    key = ("pushforward", wrt)
    if key not in graph.cache:
        arena = Arena.of(graph)
        nodes = [graph.input_nodes[i] for i in wrt]
        dots = [arena.new_input(arena.avals[node]) for node in nodes]
        found = push_forward(arena, dict(zip(nodes, dots, strict=True)), graph.output_nodes)
        tangents = []
        for node, y_dot in zip(graph.output_nodes, found, strict=True):
            aval = arena.avals[node]
            zero = np.zeros(aval.shape, aval.dtype)[()]
            tangents.append(arena.literal(zero) if y_dot is None else y_dot)
        graph.cache[key] = arena.freeze(
            [*graph.input_nodes, *dots],
            [*graph.output_nodes, *tangents],
            names=[*graph.input_names, *(f"{graph.input_names[i]}_dot" for i in wrt)],
            title=f"jvp of {graph.title}" if graph.title else "",
        )
    return graph.cache[key]


class Forward(Method):
    """Forward-mode automatic differentiation: one sweep for each element of each input.

    Source: Wengert 1964; Griewank & Walther 2008, chapter 3.
    """

    name: ClassVar[str] = "forward"

    def jacobian(
        self, function: Captured, leaves: Sequence[Any], wrt: Sequence[int], engine: str = "auto"
    ) -> JacobianResult:
        """The values and Jacobian blocks, column by column."""
        graph = function.graph_for(leaves)
        swept = pushforward_graph(graph, wrt)
        run = runner_of(swept, engine)
        n_out = len(graph.output_nodes)
        zeros = [np.zeros_like(leaves[j])[()] for j in wrt]
        values: list[Any] | None = None
        count = 0
        by_input: list[list[list[np.ndarray]]] = []
        for place, j in enumerate(wrt):
            columns: list[list[np.ndarray]] = [[] for _ in range(n_out)]
            for element in range(np.size(leaves[j])):
                x_dot = np.zeros(np.size(leaves[j]), np.asarray(leaves[j]).dtype)
                x_dot[element] = 1
                moved = x_dot.reshape(np.shape(leaves[j]))[()]
                outputs = run([*leaves, *zeros[:place], moved, *zeros[place + 1 :]])
                values = outputs[:n_out]
                count += 1
                for column, y_dot in zip(columns, outputs[n_out:], strict=True):
                    column.append(np.asarray(y_dot))
            by_input.append(columns)
        if values is None:
            values = runner_of(graph, engine)(leaves)
        blocks = [
            [
                _column_block(by_input[place][i], np.shape(values[i]), np.shape(leaves[j]))
                for place, j in enumerate(wrt)
            ]
            for i in range(n_out)
        ]
        flat = [block for row in blocks for block in row]
        warn_of_nan(swept, [*leaves, *map(np.ones_like, zeros)], [*values, *flat])
        return JacobianResult(list(values), blocks, count, count * swept.flops(), swept)


def _column_block(
    columns: list[np.ndarray], out: tuple[int, ...], into: tuple[int, ...]
) -> np.ndarray:
    if not columns:
        return np.zeros(out + into)
    return np.stack(columns, axis=-1).reshape(out + into)
