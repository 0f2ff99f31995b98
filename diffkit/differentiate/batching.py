"""Batching: a function of one example becomes a function of many, as a graph.

    vmap f : (x₁, …, x_B) ↦ (f(x₁), …, f(x_B)),   one graph, each operation once for all B

Like a derivative, it is a sweep over the graph that adds equations (``batch_sweep.py``).  Since the
result is a graph, ``vmap(grad(f))`` gives a gradient per example, ``grad`` of a ``vmap`` is taken
as of any function, and a ``vmap`` within a ``vmap`` has two axes of examples.

Reading on: Bradbury et al. 2018, *JAX: composable transformations of Python+NumPy programs*,
and *autodidax* in its documentation, part 1, on vectorised batching.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.capture.capturing import inline, outputs_of
from diffkit.capture.demands import Demands, demand_of_all, demands_of, recorded_demands
from diffkit.capture.tracing import Tracer, lift
from diffkit.differentiate.api import Differentiable, _transformed
from diffkit.differentiate.batch_sweep import (
    batch_nodes,
    batched_graph,
    examples_first,
    forget_examples,
    one_example,
    placed_output,
    refuse_branches,
)
from diffkit.differentiate.calls import arena_of, dispatch
from diffkit.differentiate.directional import _outputs
from diffkit.differentiate.examples import Axes, Examples, flat_out_axes
from diffkit.differentiate.function import function_of
from diffkit.engines.calling import runner_of, warn_of_nan
from diffkit.errors import ShapeError
from diffkit.graph.arena import Arena
from diffkit.graph.ir import Graph

__all__ = ["batch_nodes", "batched_graph", "vmap"]

# One call ---------------------------------------------------------------------------------------


def vmap(
    f: Differentiable, in_axes: Axes = 0, out_axes: Axes = 0, engine: str = "auto"
) -> Callable[..., Any]:
    """A function that maps ``f`` over an axis of its arguments, all examples in one graph.

    ``in_axes`` is the axis that counts the examples: one number for all positional arguments, or
    a tuple with one entry each, which may be nested like the argument; None marks what all
    examples share.  Keyword arguments are shared.  (A graph made from text may be given a dict
    of axes by variable.)  ``out_axes`` says in the same way where the examples come in the
    result; dtypes are those of ``f``.

    Raises
    ------
    ShapeError
        When the sizes of mapped axes differ, or an array lacks its axis.
    InputError
        When nothing is mapped, or the axes are nested otherwise than the arguments.
    DataDependentError
        When a branch of ``f`` depends on a value that differs between the examples.

    Source: Bradbury et al. 2018, *JAX: composable transformations of Python+NumPy programs*.

    >>> import numpy as np, diffkit as dk
    >>> def loss(w, x, y):
    ...     return (x @ w - y) ** 2
    >>> w, x, y = np.array([1.0, 2.0]), np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0.0, 1.0])
    >>> dk.vmap(dk.grad(loss), in_axes=(None, 0, 0))(w, x, y).tolist()  # one row per example
    [[2.0, 0.0], [0.0, 2.0]]
    """
    function = function_of(f)

    @_transformed(f, "vmap")
    def mapped(*args: Any, **kwargs: Any) -> Any:
        call = Examples(function, args, kwargs, in_axes)
        return dispatch(
            call.leaves,
            lambda: _traced(call, out_axes),
            lambda: _concrete(call, out_axes, engine),
        )

    return mapped


def _concrete(call: Examples, out_axes: Axes, engine: str) -> Any:
    args, kwargs = call.arguments(call.first())
    bound = call.function.bind(args, kwargs)
    graph = bound.graph_for(bound.leaves)
    avals = [graph.columns.avals[node] for node in graph.input_nodes]
    leaves = []
    for name, leaf, one, of in zip(
        graph.input_names, call.leaves, bound.leaves, avals, strict=True
    ):
        if np.shape(one) != of.shape:
            raise ShapeError(
                f"vmap: {name} has the shape {list(np.shape(one))} in each example, but the graph "
                f"takes {of}",
                hint="map once more, dk.vmap(dk.vmap(graph)), for another axis of examples.",
            )
        leaves.append(leaf if leaf.dtype == of.dtype else leaf.astype(of.dtype))
    _refuse_wrong(graph, call, leaves)
    shapes = [graph.columns.avals[node].shape for node in graph.output_nodes]
    placed = flat_out_axes(out_axes, graph.out_tree, shapes, call.size)
    batched = batched_graph(graph, call.axes, call.size, placed)
    outputs = runner_of(batched, engine)(leaves)
    warn_of_nan(batched, leaves, outputs)
    return _outputs(graph.out_tree, outputs)


def _refuse_wrong(graph: Graph, call: Examples, leaves: Sequence[Any]) -> None:
    """Ask of all examples what the function asks of one, as the graph was captured for the first.

    Raises
    ------
    DiffkitError
        What the function's own check raises.
    """
    demands = demands_of(graph)
    if demands is not None and call.size:
        whole = batched_graph(demands.graph, call.axes, call.size)
        Demands(whole, demands.demands).refuse(leaves, call.size)


# One call within a capture ----------------------------------------------------------------------


def _traced(call: Examples, out_axes: Axes) -> Any:
    """Run the function once on tracers of one example, and batch what it wrote down.

    The function may use traced values of its surroundings: they are shared by all examples.
    """
    arena = arena_of(call.leaves)
    examples: dict[int, int] = {}
    leaves, guards, asked = [], len(arena.guards), len(recorded_demands(arena))
    for leaf, axis in zip(call.leaves, call.axes, strict=True):
        whole = lift(arena, leaf)
        if axis is None:
            leaves.append(whole)
            continue
        whole = examples_first(whole, axis)
        leaves.append(one_example(whole))
        examples[leaves[-1].node] = whole.node
    outputs, out_tree = _run(call, arena, leaves)
    demands = recorded_demands(arena)[asked:]
    roots = [*outputs, *(one.node for one in [*arena.guards[guards:], *demands])]
    found = batch_nodes(arena, examples, roots, call.size)
    refuse_branches(arena.guards[guards:], found)
    demand_of_all(arena, asked, found, call.size)
    placed = flat_out_axes(out_axes, out_tree, [arena.avals[n].shape for n in outputs], call.size)
    results = [
        placed_output(arena, node, found, axis, call.size)
        for node, axis in zip(outputs, placed, strict=True)
    ]
    forget_examples(arena, examples)
    return _outputs(out_tree, results)


def _run(call: Examples, arena: Arena, leaves: Sequence[Tracer]) -> tuple[list[int], Any]:
    """The nodes and the tree of the results for one example."""
    graph = call.function.graph
    if graph is not None:
        return [t.node for t in inline(graph, leaves)], graph.out_tree
    args, kwargs = call.arguments(leaves)
    result = call.function.f(*args, **kwargs)  # type: ignore[operator]
    return outputs_of(arena, result, call.function.f)
