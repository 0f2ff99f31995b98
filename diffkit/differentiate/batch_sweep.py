"""The third sweep over an arena: from one example to many.

    B(v)ᵢ = v of example i,    B(φ(v₁, v₂)) = φ_batch(B(v₁), v₂)    where v₂ is shared

Like the sweeps that differentiate (``differentiate/sweeps.py``) it only adds equations: wherever
a value depends on an input that differs between examples, its counterpart carries the examples
along axis 0, and the primitive's ``batch`` method says how to compute it.  What all examples
share stays as it is and is computed once.

``dk.vmap`` (``differentiate/batching.py``) maps a user's function with it; derivatives map their
own pushforwards and pullbacks, so that one program differentiates in many directions at once
(``differentiate/chunks.py``).  Reading on: Bradbury et al. 2018, *JAX: composable transformations
of Python+NumPy programs*, and *autodidax*, part 1, on vectorised batching.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from diffkit.capture.tracing import Tracer, lift
from diffkit.errors import DataDependentError, InputError, LeakedTracerError, RuleError
from diffkit.graph.arena import Arena
from diffkit.graph.avals import aval
from diffkit.graph.ir import Graph, Guard, Operation
from diffkit.graph.primitive import Linear
from diffkit.graph.sources import place_of
from diffkit.primitives.indexing import getitem
from diffkit.primitives.shaping import moved, spread

__all__ = [
    "batch_nodes",
    "batched_graph",
    "examples_first",
    "forget_examples",
    "one_example",
    "placed_output",
    "refuse_branches",
    "tracer_of",
]

FIRST = getitem.operation({"index": (0,)})


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
    tracers = [tracer_of(arena, found.get(operand, operand)) for operand in operands]
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


def tracer_of(arena: Arena, node: int) -> Tracer:
    return Tracer(arena, node, arena.avals[node])


def examples_first(x: Tracer, axis: int) -> Tracer:
    return moved(x, (axis, *(i for i in range(x.ndim) if i != axis)))


def placed_output(
    arena: Arena, node: int, found: dict[int, int], axis: int | None, size: int
) -> Tracer:
    """An output with its examples along the axis asked for."""
    y = tracer_of(arena, found.get(node, node))
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


def refuse_branches(guards: Iterable[Guard], found: dict[int, int]) -> None:
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
            examples[node] = examples_first(tracer_of(arena, inputs[place]), axis).node
    roots = [*graph.output_nodes, *(guard.node for guard in graph.guards)]
    found = batch_nodes(arena, examples, roots, size)
    refuse_branches(graph.guards, found)
    outputs = [
        placed_output(arena, node, found, axis, size).node
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


# Within a capture -------------------------------------------------------------------------------


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


def one_example(whole: Tracer) -> Tracer:
    """An input of one example, never shared; its value, if a branch asks, is the first one's."""
    arena, of = whole.arena, aval(whole.shape[1:], whole.dtype)
    if whole.shape[0]:
        node = arena.emit_fresh(FIRST, (whole.node,), of)
    else:
        node = arena.new_input(of)
        arena.examples[node] = np.zeros(of.shape, of.dtype)
    return Tracer(arena, node, of)


def forget_examples(arena: Arena, examples: Iterable[int]) -> None:
    """Refuse later uses of single examples, once all of them have been mapped."""
    for node in examples:
        arena.operations[node] = ONE_EXAMPLE
