"""Compiled graphs on arrays of other shapes than they were captured with.

Code is compiled for shapes.  A formula made of elementwise operations means the same for any
shapes that broadcast, so its graph is written down again for the shapes that come, and compiled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from diffkit.engines.kernels import live_nodes
from diffkit.errors import ShapeError
from diffkit.graph.arena import Arena
from diffkit.graph.avals import aval
from diffkit.graph.ir import INPUT, LITERAL, Graph
from diffkit.graph.primitive import Elementwise

__all__ = ["runner_for_shapes"]

Runner: TypeAlias = Callable[[Sequence[Any]], list[Any]]
_SHAPES_LIMIT = 16  # runners kept per graph


def runner_for_shapes(
    graph: Graph, leaves: Sequence[Any], make: Callable[[Graph], Runner]
) -> Runner:
    """A runner for leaves of other shapes: an elementwise graph works on any that broadcast.

    ``make`` gives the runner of a graph; what it gave is kept for the next call.

    Raises
    ------
    ShapeError
        When the graph is not elementwise.
    """
    shapes = tuple(np.shape(leaf) for leaf in leaves)
    runners = graph.cache.setdefault("specialised for shapes", {})
    if shapes not in runners:
        while len(runners) >= _SHAPES_LIMIT:
            runners.pop(next(iter(runners)))
        runners[shapes] = make(_with_shapes(graph, shapes))
    return runners[shapes]


def _with_shapes(graph: Graph, shapes: Sequence[tuple[int, ...]]) -> Graph:
    columns, arena = graph.columns, Arena()
    place: dict[int, int] = {}
    for node, shape in zip(graph.input_nodes, shapes, strict=True):
        place[node] = arena.new_input(aval(shape, columns.avals[node].dtype))
    for node in live_nodes(graph):
        operation = columns.operations[node]
        if operation is LITERAL:
            place[node] = arena.literal(columns.values[node])
        elif operation is not INPUT:
            if not isinstance(operation.primitive, Elementwise):
                found = ", ".join(map(str, shapes))
                raise ShapeError(
                    f"the arguments have the shapes {found}, but the compiled graph has other ones",
                    hint="capture the function again for these shapes.",
                )
            operands = tuple(place[operand] for operand in columns.operands[node])
            place[node] = arena.emit(operation, operands, columns.sources[node])
    outputs = [place[node] for node in graph.output_nodes]
    return arena.freeze(list(place[n] for n in graph.input_nodes), outputs, names=graph.input_names)
