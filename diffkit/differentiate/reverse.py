"""Reverse mode: the gradient of a scalar at the price of a few evaluations.

One backward sweep gives ∂y/∂xⱼ for every input at once: ops(f, ∇f) ≤ 5 ops(f), whatever the
number of inputs (Griewank & Walther 2008, section 4.6, the cheap gradient principle).  What deep
learning calls backpropagation is this sweep (Rumelhart, Hinton & Williams 1986).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from diffkit.differentiate.method import Captured, JacobianResult, Method
from diffkit.differentiate.sweeps import pull_back
from diffkit.engines.calling import runner_of, warn_of_nan
from diffkit.errors import ShapeError
from diffkit.graph.arena import Arena
from diffkit.graph.avals import Aval
from diffkit.graph.ir import Graph

__all__ = ["Reverse", "gradient_graph", "pullback_graph"]


def float_inputs(graph: Graph) -> tuple[int, ...]:
    """The positions of the inputs that carry a derivative."""
    avals = graph.columns.avals
    return tuple(i for i, node in enumerate(graph.input_nodes) if avals[node].is_float)


def probe_nodes(graph: Graph) -> dict[str, int]:
    """The named nodes of a graph, in order; a name used again gets a number (``h_2``)."""
    found: dict[str, int] = {}
    for node in graph.equation_nodes():
        operation = graph.columns.operations[node]
        if operation.name == "probe":
            wanted = name = operation.kwargs["name"]
            count = 1
            while name in found:
                count += 1
                name = f"{wanted}_{count}"
            found[name] = node
    return found


def gradient_graph(graph: Graph, wrt: Sequence[int] | None = None, probes: bool = False) -> Graph:
    """The graph of the value and the gradient of a scalar function.

    ``wrt`` are positions of inputs (all float inputs by default).  The outputs are the value,
    then one cotangent per ``wrt``, shaped like the inputs; with ``probes`` also the value and the
    cotangent of each of :func:`probe_nodes`.

    Raises
    ------
    ShapeError
        When the function has no single scalar output.
    """
    wrt = float_inputs(graph) if wrt is None else tuple(wrt)
    key = ("gradient", wrt, probes)
    if key not in graph.cache:
        node = scalar_output(graph)
        arena = Arena.of(graph)
        seed = arena.literal(np.ones((), arena.avals[node].dtype)[()])
        named = list(probe_nodes(graph).values()) if probes else []
        targets = [graph.input_nodes[i] for i in wrt]
        bars = pull_back(arena, {node: seed}, targets, named)
        outputs = [node, *_or_zeros(arena, bars, [*targets, *named])]
        outputs[1 + len(targets) :] = [*named, *outputs[1 + len(targets) :]]
        graph.cache[key] = _finished(graph, arena, outputs, list(graph.input_nodes))
    return graph.cache[key]


def scalar_output(graph: Graph) -> int:
    """The node of the one scalar float output.

    Raises
    ------
    ShapeError
        When the outputs are several, or not a scalar, or not a float.
    """
    avals = [graph.columns.avals[node] for node in graph.output_nodes]
    check_one_scalar(avals, graph.title or "the function")
    return graph.output_nodes[0]


def check_one_scalar(avals: Sequence[Aval], name: str) -> None:
    """Refuse outputs that are not one scalar float, in the words of ``grad``."""
    if len(avals) != 1:
        raise ShapeError(
            f"grad needs one scalar output, but {name} returns {len(avals)} values",
            hint="return only the loss, or use dk.jacobian.",
        )
    if avals[0].shape:
        raise ShapeError(
            f"grad needs a scalar output, but {name} returns {avals[0]}",
            hint="reduce it with np.sum or np.mean, or use dk.jacobian.",
        )
    if not avals[0].is_float:
        raise ShapeError(
            f"grad needs a float output, but {name} returns {avals[0]}",
            hint="its derivative is zero wherever it exists; return a float.",
        )


def _or_zeros(arena: Arena, bars: Sequence[int | None], nodes: Sequence[int]) -> list[int]:
    """The cotangents, with literal zeros where nothing flows."""
    outputs = []
    for node, bar in zip(nodes, bars, strict=True):
        aval = arena.avals[node]
        zero = np.zeros(aval.shape, aval.dtype)[()]
        outputs.append(arena.literal(zero) if bar is None else bar)
    return outputs


def _finished(graph: Graph, arena: Arena, outputs: list[int], inputs: list[int]) -> Graph:
    names = list(graph.input_names)
    names += [f"y{i}_bar" for i in range(len(inputs) - len(names))]
    return arena.freeze(inputs, outputs, names=names, title=f"∇{graph.title}")


def pullback_graph(graph: Graph, wrt: Sequence[int] | None = None) -> Graph:
    """The graph of the values and the pullback ȳ ↦ x̄ = Jᵀ ȳ.

    The inputs are those of the graph and one cotangent per output; the outputs are the values,
    then one cotangent per ``wrt``.
    """
    wrt = float_inputs(graph) if wrt is None else tuple(wrt)
    key = ("pullback", wrt)
    if key not in graph.cache:
        arena = Arena.of(graph)
        seeds = [arena.new_input(arena.avals[node]) for node in graph.output_nodes]
        targets = [graph.input_nodes[i] for i in wrt]
        bars = _or_zeros(arena, _pull_all(arena, graph, seeds, targets), targets)
        inputs = [*graph.input_nodes, *seeds]
        graph.cache[key] = _finished(graph, arena, [*graph.output_nodes, *bars], inputs)
    return graph.cache[key]


def _pull_all(
    arena: Arena, graph: Graph, seeds: Sequence[int], wrt: Sequence[int]
) -> list[int | None]:
    from diffkit.primitives.arithmetic import add

    cotangents: dict[int, int] = {}
    for node, seed in zip(graph.output_nodes, seeds, strict=True):
        if not arena.avals[node].is_float:
            continue
        if node in cotangents:
            seed = arena.emit(add.bare, (cotangents[node], seed), None)
        cotangents[node] = seed
    return pull_back(arena, cotangents, wrt)


class Reverse(Method):
    """Reverse-mode automatic differentiation: one backward sweep per scalar output.

    Source: Linnainmaa 1976; Griewank & Walther 2008, chapter 3.
    """

    name: ClassVar[str] = "reverse"

    def jacobian(
        self, function: Captured, leaves: Sequence[Any], wrt: Sequence[int], engine: str = "auto"
    ) -> JacobianResult:
        """The values and Jacobian blocks; one sweep for each element of each output."""
        graph = function.graph_for(leaves)
        avals = [graph.columns.avals[node] for node in graph.output_nodes]
        if len(avals) == 1 and not avals[0].shape and avals[0].is_float:
            swept = gradient_graph(graph, wrt)
            value, *bars = runner_of(swept, engine)(leaves)
            warn_of_nan(swept, leaves, [value, *bars])
            return JacobianResult([value], [list(map(np.asarray, bars))], 1, swept.flops(), swept)
        return self._rows(graph, leaves, tuple(wrt), engine)

    def _rows(
        self, graph: Graph, leaves: Sequence[Any], wrt: tuple[int, ...], engine: str
    ) -> JacobianResult:
        swept = pullback_graph(graph, wrt)
        run = runner_of(swept, engine)
        avals = [graph.columns.avals[node] for node in graph.output_nodes]
        shapes = [graph.columns.avals[graph.input_nodes[j]].shape for j in wrt]
        zeros = [np.zeros(a.shape, a.dtype)[()] for a in avals]
        count, blocks = 0, []
        values = run([*leaves, *zeros])[: len(avals)] if not any(a.size for a in avals) else None
        for place, aval in enumerate(avals):
            rows: list[list[np.ndarray]] = [[] for _ in wrt]
            for element in range(aval.size if aval.is_float else 0):
                seed = np.zeros(aval.size, aval.dtype)
                seed[element] = 1
                seeds = [*zeros[:place], seed.reshape(aval.shape)[()], *zeros[place + 1 :]]
                outputs = run([*leaves, *seeds])
                values = outputs[: len(avals)]
                count += 1
                for column, bar in zip(rows, outputs[len(avals) :], strict=True):
                    column.append(np.asarray(bar))
            blocks.append([
                np.reshape(column, aval.shape + shape) if column
                else np.zeros(aval.shape + shape)
                for column, shape in zip(rows, shapes, strict=True)
            ])  # fmt: skip
        if values is None:
            values = runner_of(graph, engine)(leaves)
        flat = [block for row in blocks for block in row]
        warn_of_nan(swept, [*leaves, *zeros], [*values, *flat])
        return JacobianResult(list(values), blocks, count, count * swept.flops(), swept)
