"""Batching: a function of one example becomes a function of many, as a graph.

    vmap f : (x₁, …, x_B) ↦ (f(x₁), …, f(x_B)),   one graph, each operation once for all B

Like a derivative, it is a sweep over the graph that adds equations: wherever a value depends on
an argument that differs between examples, its counterpart carries the examples along axis 0, and
the primitive's ``batch`` method says how to compute it.  What all examples share is computed
once.  Since the result is a graph, ``vmap(grad(f))`` gives a gradient per example, ``grad`` of a
``vmap`` is taken as of any function, and a ``vmap`` within a ``vmap`` has two axes of examples.

Reading on: Bradbury et al. 2018, *JAX: composable transformations of Python+NumPy programs*,
and *autodidax* in its documentation, part 1, on vectorised batching.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from diffkit.capture.capturing import inline, outputs_of
from diffkit.capture.tracing import Tracer, lift
from diffkit.differentiate.api import Differentiable, _transformed
from diffkit.differentiate.calls import arena_of, dispatch
from diffkit.differentiate.directional import _outputs
from diffkit.differentiate.examples import Axes, Examples, flat_out_axes
from diffkit.differentiate.function import function_of
from diffkit.engines.calling import runner_of, warn_of_nan
from diffkit.errors import DataDependentError, InputError, LeakedTracerError, RuleError, ShapeError
from diffkit.graph.arena import Arena
from diffkit.graph.avals import aval
from diffkit.graph.ir import Graph, Guard, Operation
from diffkit.graph.primitive import Linear
from diffkit.graph.sources import place_of
from diffkit.primitives.indexing import getitem
from diffkit.primitives.shaping import moved, spread

__all__ = ["batch_nodes", "batched_graph", "vmap"]

FIRST = getitem.operation({"index": (0,)})


# The sweep --------------------------------------------------------------------------------------


def batch_nodes(
    arena: Arena, examples: dict[int, int], roots: Sequence[int], size: int
) -> dict[int, int]:
    """The batched counterparts of what the roots need, given those of the mapped inputs.

    Keys are nodes of one example, values nodes with the examples along axis 0.  A node that is
    no key is the same for all examples.
    """
    end = max(roots, default=-1) + 1
    needed = arena._reachable(roots)
    found = dict(examples)
    for node in range(min(examples, default=end), end):
        if needed[node] and node not in found:
            operands = arena.operands[node]
            if any(operand in found for operand in operands):
                found[node] = _batched(arena, node, found, size)
    return found


def _batched(arena: Arena, node: int, found: dict[int, int], size: int) -> int:
    """Add the batched counterpart of one equation, under its line and name."""
    operation, of, source = arena.operations[node], arena.avals[node], arena.sources[node]
    wanted = aval((size, *of.shape), of.dtype)
    if not size:
        return arena.literal(np.zeros(wanted.shape, wanted.dtype))
    operands = arena.operands[node]
    batched = tuple([operand in found for operand in operands])
    tracers = [_tracer(arena, found.get(operand, operand)) for operand in operands]
    outside, before = arena.source, len(arena)
    arena.source = (f"vmap of {operation.name}", source)
    try:
        y = operation.primitive.batch(batched, *tracers, size=size, **operation.kwargs)
    finally:
        arena.source = outside
    y = lift(arena, y)
    if y.aval is not wanted:
        raise RuleError(
            f"{operation.name}: its batch gives {y.aval}, but {size} examples of {of} are {wanted}",
            hint="the examples must come first, with the shape and dtype of a single result.",
        )
    if y.node >= before:
        _describe(arena, node, y.node, found)
    return y.node


def _describe(arena: Arena, node: int, new: int, found: dict[int, int]) -> None:
    """Give a counterpart the line and the name of the equation it stands for."""
    arena.sources[new] = arena.sources[node]
    if node in arena.repeated:
        arena.repeated[new] = set(arena.repeated[node])
    if node in arena.relations:
        primal, suffix = arena.relations[node]
        arena.relations[new] = (found.get(primal, primal), suffix)


def _tracer(arena: Arena, node: int) -> Tracer:
    return Tracer(arena, node, arena.avals[node])


def _examples_first(x: Tracer, axis: int) -> Tracer:
    return moved(x, (axis, *(i for i in range(x.ndim) if i != axis)))


def _placed(arena: Arena, node: int, found: dict[int, int], axis: int | None, size: int) -> Tracer:
    """An output with its examples along the axis asked for."""
    y = _tracer(arena, found.get(node, node))
    if axis is None and node in found:
        raise InputError(
            "vmap: out_axes is None for a result that differs between the examples",
            hint="give the axis along which the examples should come, for example 0.",
        )
    if axis is None:
        return y
    if node not in found:
        return spread(y, axes=(axis,), sizes=(size,))
    others = tuple(range(1, y.ndim))
    return moved(y, (*others[:axis], 0, *others[axis:]))


def _refuse_branches(guards: Iterable[Guard], found: dict[int, int]) -> None:
    """One graph serves all examples, so no branch may depend on the example."""
    for guard in guards:
        if guard.node in found:
            raise DataDependentError(
                "vmap: a branch depends on a value that differs between the examples, and one "
                "graph serves them all",
                where=place_of(guard.source) or None,
                hint="write np.where(condition, a, b), which chooses for each example.",
            )


# Graph to graph ---------------------------------------------------------------------------------


def batched_graph(
    graph: Graph,
    in_axes: Sequence[int | None],
    size: int,
    out_axes: Sequence[int | None] | None = None,
) -> Graph:
    """The graph of ``size`` examples at once, from the graph of one.

    ``in_axes`` has one axis per input and ``out_axes`` one per output (0 by default), counted from
    0; None stands for what all examples share.

    Raises
    ------
    DataDependentError
        When a branch depends on a value that differs between the examples.
    InputError
        When ``out_axes`` is None for a result that differs between the examples.

    >>> import numpy as np, diffkit as dk
    >>> one = dk.trace(lambda w, x: x @ w, np.ones((3, 2)), np.ones(3))
    >>> batched_graph(one, (None, 0), 5).outputs[0].aval
    f64[5,2]
    """
    out_axes = (0,) * len(graph.output_nodes) if out_axes is None else tuple(out_axes)
    key = ("vmap", tuple(in_axes), size, out_axes)
    if key not in graph.cache:
        graph.cache[key] = _batched_graph(graph, in_axes, size, out_axes)
    return graph.cache[key]


def _batched_graph(
    graph: Graph, in_axes: Sequence[int | None], size: int, out_axes: Sequence[int | None]
) -> Graph:
    arena = Arena.of(graph)
    arena.source = ("vmap", None)
    examples: dict[int, int] = {}
    inputs = list(graph.input_nodes)
    for place, (node, axis) in enumerate(zip(graph.input_nodes, in_axes, strict=True)):
        if axis is not None:
            of = arena.avals[node]
            shape = (*of.shape[:axis], size, *of.shape[axis:])
            inputs[place] = arena.new_input(aval(shape, of.dtype))
            examples[node] = _examples_first(_tracer(arena, inputs[place]), axis).node
    roots = [*graph.output_nodes, *(guard.node for guard in graph.guards)]
    found = batch_nodes(arena, examples, roots, size)
    _refuse_branches(graph.guards, found)
    outputs = [
        _placed(arena, node, found, axis, size).node
        for node, axis in zip(graph.output_nodes, out_axes, strict=True)
    ]
    return arena.freeze(
        inputs,
        outputs,
        names=graph.input_names,
        in_tree=graph.in_tree,
        out_tree=graph.out_tree,
        title=f"vmap of {graph.title}" if graph.title else "",
        keywords=graph.keywords,
    )


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
    shapes = [graph.columns.avals[node].shape for node in graph.output_nodes]
    placed = flat_out_axes(out_axes, graph.out_tree, shapes, call.size)
    batched = batched_graph(graph, call.axes, call.size, placed)
    outputs = runner_of(batched, engine)(leaves)
    warn_of_nan(batched, leaves, outputs)
    return _outputs(graph.out_tree, outputs)


# One call within a capture ----------------------------------------------------------------------


class _OneExample(Linear):
    """What is left of one example's input once all examples have been mapped: nothing to read."""

    name, linear_in, joint = "one_example", (0,), True

    def value(self, x: Any) -> Any:
        raise LeakedTracerError(
            "vmap: a value of a single example was kept and used outside the mapped function",
            hint="return it from the function that dk.vmap is given.",
        )

    def shape(self, *avals: Any, **params: Any) -> Any:
        return self.value(avals)

    def transpose(self, ct: Any, *x: Any, **params: Any) -> Any:
        return self.value(x)


ONE_EXAMPLE = Operation.of(_OneExample(), ())


def _traced(call: Examples, out_axes: Axes) -> Any:
    """Run the function once on tracers of one example, and batch what it wrote down.

    The function may use traced values of its surroundings: they are shared by all examples.
    """
    arena = arena_of(call.leaves)
    examples: dict[int, int] = {}
    leaves, guards = [], len(arena.guards)
    for leaf, axis in zip(call.leaves, call.axes, strict=True):
        whole = lift(arena, leaf)
        if axis is None:
            leaves.append(whole)
            continue
        whole = _examples_first(whole, axis)
        leaves.append(_one_example(whole))
        examples[leaves[-1].node] = whole.node
    outputs, out_tree = _run(call, arena, leaves)
    roots = [*outputs, *(guard.node for guard in arena.guards[guards:])]
    found = batch_nodes(arena, examples, roots, call.size)
    _refuse_branches(arena.guards[guards:], found)
    placed = flat_out_axes(out_axes, out_tree, [arena.avals[n].shape for n in outputs], call.size)
    results = [
        _placed(arena, node, found, axis, call.size)
        for node, axis in zip(outputs, placed, strict=True)
    ]
    for node in examples:
        arena.operations[node] = ONE_EXAMPLE
    return _outputs(out_tree, results)


def _one_example(whole: Tracer) -> Tracer:
    """An input of one example, never shared; its value, if a branch asks, is the first one's."""
    arena, of = whole.arena, aval(whole.shape[1:], whole.dtype)
    if whole.shape[0]:
        node = arena.emit_fresh(FIRST, (whole.node,), of)
    else:
        node = arena.new_input(of)
        arena.examples[node] = np.zeros(of.shape, of.dtype)
    return Tracer(arena, node, of)


def _run(call: Examples, arena: Arena, leaves: Sequence[Tracer]) -> tuple[list[int], Any]:
    """The nodes and the tree of the results for one example."""
    graph = call.function.graph
    if graph is not None:
        return [t.node for t in inline(graph, leaves)], graph.out_tree
    args, kwargs = call.arguments(leaves)
    result = call.function.f(*args, **kwargs)  # type: ignore[operator]
    return outputs_of(arena, result, call.function.f)
