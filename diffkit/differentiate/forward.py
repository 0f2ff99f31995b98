"""Forward mode: the derivative along one direction at the price of about one evaluation more.

Every value carries its tangent, ẏ = J ẋ, with no memory beyond the present (Wengert 1964).  The
whole Jacobian takes one sweep per input, several at a time (``chunks.py``), so forward mode suits
few inputs and many outputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from math import prod
from typing import Any, ClassVar

import numpy as np

from diffkit.differentiate.chunks import (
    WIDE_CHUNK,
    Chunked,
    checked_chunk,
    columns_last,
    group_places,
)
from diffkit.differentiate.method import Captured, JacobianResult, Method
from diffkit.differentiate.reverse import float_inputs, switched_seed
from diffkit.differentiate.sweeps import push_forward
from diffkit.engines.calling import runner_of, warn_of_nan
from diffkit.graph.arena import Arena
from diffkit.graph.avals import aval, aval_of
from diffkit.graph.ir import Graph
from diffkit.graph.shifts import graph_roots, hold_shifts

__all__ = ["Forward", "chunked_pushforward", "fitted_graph", "pushforward_graph"]


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
        hold_shifts(arena, graph_roots(graph))
        nodes = [graph.input_nodes[i] for i in wrt]
        avals = [arena.avals[node] for node in nodes]
        if switched:
            dots = [arena.new_input(aval(of.shape, np.bool_)) for of in avals]
            seeds = [switched_seed(arena, dot, of) for dot, of in zip(dots, avals, strict=True)]
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


class Forward(Method):
    """Forward-mode automatic differentiation: one sweep for each element of each input.

    Parameters
    ----------
    chunk
        How many directions one run takes (``differentiate/chunks.py``); None for the automatic
        choice.  It bounds the memory and changes nothing else.

    Raises
    ------
    InputError
        When ``chunk`` is not a positive whole number.

    Source: Wengert 1964; Griewank & Walther 2008, chapter 3; Revels et al. 2016 (chunks).

    >>> Forward(chunk=4)
    Forward(chunk=4)
    """

    name: ClassVar[str] = "forward"

    def __init__(self, chunk: int | None = None) -> None:
        self.chunk = checked_chunk(chunk)

    def __repr__(self) -> str:
        return f"Forward(chunk={self.chunk})" if self.chunk else "Forward()"

    def jacobian(
        self, function: Captured, leaves: Sequence[Any], wrt: Sequence[int], engine: str = "auto"
    ) -> JacobianResult:
        """The values and Jacobian blocks, some columns at a time.

        ``evaluations`` and ``flops`` count one sweep per column; a chunk shares the function's
        own part of them.
        """
        graph = fitted_graph(function.graph_for(leaves), leaves)
        values, blocks = self._columns(graph, leaves, wrt, engine)
        swept = pushforward_graph(graph, wrt)
        ones = [np.ones_like(leaves[j]) for j in wrt]
        flat = [block for row in blocks for block in row]
        count = sum(np.size(leaves[j]) for j in wrt)
        sweeps = count
        if any(block.dtype.kind == "f" and np.isnan(block).any() for block in flat):
            # a 0 of the seed met an infinite partial derivative, perhaps: 0·∞ is NaN
            swept = pushforward_graph(graph, wrt, switched=True)
            values, blocks = self._columns(graph, leaves, wrt, "interpret", switched=True)
            ones = [one.astype(bool) for one in ones]
            sweeps += count
            flat = [block for row in blocks for block in row]
        warn_of_nan(swept, [*leaves, *ones], [*values, *flat])
        return JacobianResult(values, blocks, sweeps, sweeps * swept.flops(), swept)

    def _columns(
        self,
        graph: Graph,
        leaves: Sequence[Any],
        wrt: Sequence[int],
        engine: str,
        switched: bool = False,
    ) -> tuple[list[Any], list[list[np.ndarray]]]:
        """The values, and the Jacobian blocks by output and input."""
        into = [np.shape(leaves[j]) for j in wrt]
        out = [graph.columns.avals[node] for node in graph.output_nodes]
        blocks = [[np.zeros(y.shape + shape) for shape in into] for y in out]
        values: list[Any] = []
        for group in group_places([prod(shape) for shape in into], self.chunk or WIDE_CHUNK):
            chosen = [wrt[k] for k in group]
            chunked = chunked_pushforward(graph, chosen, engine, self.chunk, switched)
            found, rows = chunked.rows_by_place(leaves)
            values = found.values
            for k, row in zip(group, rows, strict=True):
                for i, columns in enumerate(row):
                    blocks[i][k] = columns_last(columns, len(into[k]))
        return list(values or runner_of(graph, engine)(leaves)), blocks


def chunked_pushforward(
    graph: Graph,
    wrt: Sequence[int],
    engine: str = "auto",
    chunk: int | None = None,
    switched: bool = False,
) -> Chunked:
    """The pushforward of a graph on chunks of directions, ready to run."""
    swept = pushforward_graph(graph, tuple(wrt), switched)
    n_fixed, n_values = len(graph.input_nodes), len(graph.output_nodes)
    return Chunked(swept, n_fixed, n_values, partial(runner_of, engine=engine), chunk)


def fitted_graph(graph: Graph, leaves: Sequence[Any]) -> Graph:
    """The graph for the shapes of these leaves: a formula made from text works on arrays too."""
    avals = [graph.columns.avals[node] for node in graph.input_nodes]
    if all(np.shape(leaf) == of.shape for leaf, of in zip(leaves, avals, strict=True)):
        return graph
    arena = Arena()
    place = {
        node: arena.new_input(aval_of(leaf))
        for node, leaf in zip(graph.input_nodes, leaves, strict=True)
    }
    place |= {node: arena.literal(value) for node, value in graph.columns.values.items()}
    for node in graph.equation_nodes():
        operands = tuple([place[i] for i in graph.columns.operands[node]])
        place[node] = arena.emit(graph.columns.operations[node], operands, None)
    return arena.freeze(
        [place[node] for node in graph.input_nodes],
        [place[node] for node in graph.output_nodes],
        names=graph.input_names, title=graph.title,
    )  # fmt: skip
