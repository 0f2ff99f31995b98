"""Forward mode: the derivative along one direction at the price of about one evaluation more.

Every value carries its tangent, ẏ = J ẋ, with no memory beyond the present (Wengert 1964).  The
whole Jacobian takes one sweep per input, so forward mode suits few inputs and many outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from diffkit.capture.tracing import Tracer
from diffkit.differentiate.method import Captured, JacobianResult, Method
from diffkit.differentiate.reverse import float_inputs
from diffkit.differentiate.sweeps import push_forward
from diffkit.engines.calling import runner_of, warn_of_nan
from diffkit.graph.arena import Arena
from diffkit.graph.avals import Aval, aval
from diffkit.graph.ir import Graph
from diffkit.primitives.piecewise import mask

__all__ = ["Forward", "pushforward_graph"]


def pushforward_graph(
    graph: Graph, wrt: Sequence[int] | None = None, switched: bool = False
) -> Graph:
    """The graph of the values and the pushforward ẋ ↦ ẏ = J ẋ.

    The inputs are those of the graph and one tangent per ``wrt`` (positions of inputs); the
    outputs are the values, then one tangent per output.  With ``switched`` a tangent is given as
    a condition, 1 where it holds and a selected 0 elsewhere: a 0 of the seed then stays 0 where
    a partial derivative is infinite.
    """
    wrt = float_inputs(graph) if wrt is None else tuple(wrt)
    key = ("pushforward", wrt, switched)
    if key not in graph.cache:
        arena = Arena.of(graph)
        nodes = [graph.input_nodes[i] for i in wrt]
        avals = [arena.avals[node] for node in nodes]
        if switched:
            dots = [arena.new_input(aval(of.shape, np.bool_)) for of in avals]
            seeds = [_seed(arena, dot, of) for dot, of in zip(dots, avals, strict=True)]
        else:
            dots = seeds = [arena.new_input(of) for of in avals]
        found = push_forward(arena, dict(zip(nodes, seeds, strict=True)), graph.output_nodes)
        tangents = []
        for node, y_dot in zip(graph.output_nodes, found, strict=True):
            of = arena.avals[node]
            zero = np.zeros(of.shape, of.dtype)[()]
            tangents.append(arena.literal(zero) if y_dot is None else y_dot)
        graph.cache[key] = arena.freeze(
            [*graph.input_nodes, *dots],
            [*graph.output_nodes, *tangents],
            names=[*graph.input_names, *(f"{graph.input_names[i]}_dot" for i in wrt)],
            title=f"jvp of {graph.title}" if graph.title else "",
        )
    return graph.cache[key]


def _seed(arena: Arena, switch: int, of: Aval) -> int:
    condition = Tracer(arena, switch, arena.avals[switch])
    return mask(condition, np.ones(of.shape, of.dtype)[()]).node


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
        count, values, blocks = _swept(graph, swept, leaves, wrt, engine)
        ones = [np.ones_like(leaves[j]) for j in wrt]
        flat = [block for row in blocks for block in row]
        if any(block.dtype.kind == "f" and np.isnan(block).any() for block in flat):
            # a 0 of the seed met an infinite partial derivative, perhaps: 0·∞ is NaN
            swept = pushforward_graph(graph, wrt, switched=True)
            again, values, blocks = _swept(graph, swept, leaves, wrt, "interpret", np.bool_)
            ones = [one.astype(bool) for one in ones]
            count += again
            flat = [block for row in blocks for block in row]
        warn_of_nan(swept, [*leaves, *ones], [*values, *flat])
        return JacobianResult(values, blocks, count, count * swept.flops(), swept)


def _swept(
    graph: Graph,
    swept: Graph,
    leaves: Sequence[Any],
    wrt: Sequence[int],
    engine: str,
    dtype: Any = None,
) -> tuple[int, list[Any], list[list[np.ndarray]]]:
    """One run of the pushforward per column: how many, the values, and the Jacobian blocks."""
    run = runner_of(swept, engine)
    n_out = len(graph.output_nodes)
    zeros = [np.zeros_like(leaves[j], dtype=dtype)[()] for j in wrt]
    values: list[Any] | None = None
    count = 0
    by_input: list[list[list[np.ndarray]]] = []
    for place, zero in enumerate(zeros):
        columns: list[list[np.ndarray]] = [[] for _ in range(n_out)]
        for element in range(np.size(zero)):
            x_dot = np.zeros(np.size(zero), zero.dtype)
            x_dot[element] = 1
            moved = x_dot.reshape(np.shape(zero))[()]
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
            _column_block(by_input[place][i], np.shape(values[i]), np.shape(zero))
            for place, zero in enumerate(zeros)
        ]
        for i in range(n_out)
    ]
    return count, list(values), blocks


def _column_block(
    columns: list[np.ndarray], out: tuple[int, ...], into: tuple[int, ...]
) -> np.ndarray:
    if not columns:
        return np.zeros(out + into)
    return np.stack(columns, axis=-1).reshape(out + into)
