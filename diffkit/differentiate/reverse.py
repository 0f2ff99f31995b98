"""Reverse mode: the gradient of a scalar at the price of a few evaluations.

One backward sweep gives ∂y/∂xⱼ for every input at once: ops(f, ∇f) ≤ 5 ops(f), whatever the
number of inputs (Griewank & Walther 2008, section 4.6, the cheap gradient principle).  What deep
learning calls backpropagation is this sweep (Rumelhart, Hinton & Williams 1986).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np

from diffkit.capture.tracing import Tracer
from diffkit.differentiate.chunks import WIDE_CHUNK, Chunked, checked_chunk, group_places
from diffkit.differentiate.method import Captured, JacobianResult, Method
from diffkit.differentiate.sweeps import pull_back
from diffkit.engines.calling import runner_of, warn_of_nan
from diffkit.errors import ShapeError
from diffkit.graph.arena import Arena
from diffkit.graph.avals import Aval, aval
from diffkit.graph.ir import LITERAL, Graph
from diffkit.graph.shifts import graph_roots, hold_shifts
from diffkit.primitives.piecewise import mask

__all__ = ["Reverse", "chunked_pullback", "gradient_graph", "pullback_graph"]


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
        hold_shifts(arena, graph_roots(graph))
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
    constant = bool(avals) and graph.columns.operations[graph.output_nodes[0]] is LITERAL
    check_one_scalar(avals, graph.title or "the function", constant)
    return graph.output_nodes[0]


def check_one_scalar(avals: Sequence[Aval], name: str, constant: bool = False) -> None:
    """Refuse outputs that are not one scalar float, in the words of ``grad``.

    A ``constant`` may be a whole number, as in ``9 if x == 3 else x * x``.
    """
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
    if not (avals[0].is_float or (constant and avals[0].dtype.kind == "i")):
        raise ShapeError(
            f"grad needs a float output, but {name} returns {avals[0]}",
            hint="its derivative is zero wherever it exists; return a float.",
        )


def _or_zeros(arena: Arena, bars: Sequence[int | None], nodes: Sequence[int]) -> list[int]:
    """The cotangents, with literal zeros where nothing flows."""
    outputs = []
    for node, bar in zip(nodes, bars, strict=True):
        of = arena.avals[node]
        zero = np.zeros(of.shape, of.dtype)[()]
        outputs.append(arena.literal(zero) if bar is None else bar)
    return outputs


def _finished(graph: Graph, arena: Arena, outputs: list[int], inputs: list[int]) -> Graph:
    names = list(graph.input_names)
    names += [f"y{i}_bar" for i in range(len(inputs) - len(names))]
    # a formula made from text works on arrays too, and so does its gradient
    keywords = graph.keywords and len(inputs) == len(graph.input_nodes)
    return arena.freeze(inputs, outputs, names=names, title=f"∇{graph.title}", keywords=keywords)


def pullback_graph(graph: Graph, wrt: Sequence[int] | None = None, switched: bool = False) -> Graph:
    """The graph of the values and the pullback ȳ ↦ x̄ = Jᵀ ȳ.

    The inputs are those of the graph and one cotangent per output; the outputs are the values,
    then one cotangent per ``wrt``.  With ``switched`` a cotangent is given as a condition, 1
    where it holds and a selected 0 elsewhere: a 0 of the seed then stays 0 where a partial
    derivative is infinite.
    """
    wrt = float_inputs(graph) if wrt is None else tuple(wrt)
    key = ("pullback", wrt, switched)
    if key not in graph.cache:
        arena = Arena.of(graph)
        hold_shifts(arena, graph_roots(graph))
        avals = [arena.avals[node] for node in graph.output_nodes]
        inputs = [arena.new_input(aval(y.shape, np.bool_) if switched else y) for y in avals]
        seeds = inputs
        if switched:
            seeds = [switched_seed(arena, *pair) for pair in zip(inputs, avals, strict=True)]
        targets = [graph.input_nodes[i] for i in wrt]
        bars = _or_zeros(arena, _pull_all(arena, graph, seeds, targets), targets)
        inputs = [*graph.input_nodes, *inputs]
        graph.cache[key] = _finished(graph, arena, [*graph.output_nodes, *bars], inputs)
    return graph.cache[key]


def switched_seed(arena: Arena, switch: int, of: Aval) -> int:
    """A seed that is 1 where the condition ``switch`` holds, and a selected 0 elsewhere."""
    condition = Tracer(arena, switch, arena.avals[switch])
    return mask(condition, np.ones(of.shape, of.dtype)[()]).node


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

    Parameters
    ----------
    chunk
        How many cotangents one run takes (``differentiate/chunks.py``); None for the automatic
        choice.  It bounds the memory and changes nothing else.

    Raises
    ------
    InputError
        When ``chunk`` is not a positive whole number.

    Source: Linnainmaa 1976; Griewank & Walther 2008, chapter 3.

    >>> Reverse()
    Reverse()
    """

    name: ClassVar[str] = "reverse"

    def __init__(self, chunk: int | None = None) -> None:
        self.chunk = checked_chunk(chunk)

    def __repr__(self) -> str:
        return f"Reverse(chunk={self.chunk})" if self.chunk else "Reverse()"

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
        out = [graph.columns.avals[node] for node in graph.output_nodes]
        seeds = [np.zeros(y.shape, y.dtype)[()] for y in out]
        count = sweeps = sum(y.size for y in out if y.is_float)
        values, blocks = self._chunks(graph, leaves, wrt, engine)
        flat = [block for row in blocks for block in row]
        if any(np.isnan(block).any() for block in flat):
            # a 0 of the seed met an infinite partial derivative, perhaps: 0·∞ is NaN
            swept = pullback_graph(graph, wrt, switched=True)
            values, blocks = self._chunks(graph, leaves, wrt, "interpret", switched=True)
            seeds = [np.zeros(y.shape, np.bool_)[()] for y in out]
            sweeps += count
            flat = [block for row in blocks for block in row]
        warn_of_nan(swept, [*leaves, *seeds], [*values, *flat])
        return JacobianResult(values, blocks, sweeps, sweeps * swept.flops(), swept)

    def _chunks(
        self,
        graph: Graph,
        leaves: Sequence[Any],
        wrt: tuple[int, ...],
        engine: str,
        switched: bool = False,
    ) -> tuple[list[Any], list[list[np.ndarray]]]:
        """The values, and the Jacobian blocks by output and input."""
        out = [graph.columns.avals[node] for node in graph.output_nodes]
        into = [graph.columns.avals[graph.input_nodes[j]] for j in wrt]
        blocks = [[np.zeros(y.shape + x.shape) for x in into] for y in out]
        sizes = [y.size if y.is_float else 0 for y in out]
        values: dict[int, Any] = {}
        for group in group_places(sizes, self.chunk or WIDE_CHUNK):
            chunked = chunked_pullback(graph, group, wrt, engine, self.chunk, switched)
            found, rows = chunked.rows_by_place(leaves)
            values.update(zip(group, found.values, strict=True))
            for i, row in zip(group, rows, strict=True):
                blocks[i] = row
        if len(values) < len(out):
            values = dict(enumerate(runner_of(graph, engine)(leaves)))
        return [values[i] for i in range(len(out))], blocks


def chunked_pullback(
    graph: Graph,
    outputs: Sequence[int],
    wrt: Sequence[int],
    engine: str = "auto",
    chunk: int | None = None,
    switched: bool = False,
) -> Chunked:
    """The pullback of some outputs on chunks of cotangents, ready to run."""
    if len(outputs) < len(graph.output_nodes):
        key = ("outputs", tuple(outputs))
        if key not in graph.cache:
            graph.cache[key] = Arena.of(graph).freeze(
                graph.input_nodes, [graph.output_nodes[i] for i in outputs], names=graph.input_names
            )
        graph = graph.cache[key]
    swept = pullback_graph(graph, tuple(wrt), switched)
    return Chunked(
        swept, len(graph.input_nodes), len(outputs), partial(runner_of, engine=engine), chunk
    )
