"""Is symbolic differentiation on the shared graph reverse mode?  The proof for one function.

Both gradients, that of ``differentiate/symbolic_reverse.py`` and that of reverse mode, are written
into one hash-consed arena by rules 4 and 5 of Note [Normal form].  There an equation that both
need exists once, so the two are the same computation exactly when they end at the same nodes; equal
counts follow.  Where they do not, some operation has a rule that is not the textbook derivative,
and each operation can be asked alone.  Reading on: Laue 2019, *On the equivalence of automatic and
symbolic differentiation*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from diffkit.differentiate.reverse import gradient_graph
from diffkit.differentiate.scalars import scalar_graph
from diffkit.differentiate.sweeps import dependents
from diffkit.differentiate.symbolic_reverse import (
    scalar_inputs,
    swept_symbolically,
    symbolic_reverse,
)
from diffkit.graph.arena import Arena
from diffkit.graph.avals import Aval, aval
from diffkit.graph.ir import Graph, Operation
from diffkit.graph.irrational import plain
from diffkit.primitives.arithmetic import mul

__all__ = ["Equivalence", "equivalence", "normal_form"]

COMMUTATIVE = ("add", "mul")


@dataclass(frozen=True)
class Equivalence:
    """Symbolic reverse beside reverse mode, both in normal form.

    ``symbolic`` and ``reverse`` are operation counts by primitive with their ``"total"``;
    ``identical`` says that both compute every derivative by the very same equations; ``longer``
    names the operations whose local derivative SymPy and diffkit write differently.
    """

    symbolic: dict[str, int]
    reverse: dict[str, int]
    identical: bool
    longer: tuple[str, ...]

    def __bool__(self) -> bool:
        return self.symbolic == self.reverse


def equivalence(graph: Graph, wrt: Sequence[int] | None = None) -> Equivalence:
    """Whether symbolic differentiation on the shared graph is reverse mode, for this function.

    Both gradients are written in normal form into one hash-consed arena.  They are identical
    when they end at the same nodes.

    Raises
    ------
    ShapeError, UnsupportedError, BudgetError
        As :func:`symbolic_reverse`.

    Source: Laue 2019.

    >>> import numpy as np, diffkit as dk
    >>> found = equivalence(dk.trace(lambda x: np.tanh(np.sum(x * x)), np.ones(3)))
    >>> found.identical, found.symbolic["total"]
    (True, 14)
    """
    symbolic = symbolic_reverse(graph, wrt)
    scalars = scalar_graph(graph)
    places = scalar_inputs(graph, wrt)
    reverse = gradient_graph(scalars, places)
    joint, inputs, outputs = _together(symbolic, reverse)
    counts = [joint.freeze(inputs, nodes).operations() for nodes in outputs]
    return Equivalence(counts[0], counts[1], outputs[0] == outputs[1], _longer(scalars, places))


def normal_form(graph: Graph) -> Graph:
    """The graph with squares as products and every sum and product once, in whatever order.

    >>> import diffkit as dk
    >>> normal_form(dk.parse("x**2 + x*y + y*x")).operations()
    {'add': 2, 'mul': 2, 'total': 4}
    """
    arena, inputs, (outputs,) = _together(graph)
    return arena.freeze(inputs, outputs, names=graph.input_names, title=graph.title)


def _together(*graphs: Graph) -> tuple[Arena, list[int], list[list[int]]]:
    """One arena with the normal forms of graphs of the same inputs, and their output nodes."""
    arena, first = Arena(), graphs[0]
    inputs = [arena.new_input(first.columns.avals[node]) for node in first.input_nodes]
    return arena, inputs, [_in_normal_form(graph, arena, inputs) for graph in graphs]


def _in_normal_form(graph: Graph, arena: Arena, inputs: Sequence[int]) -> list[int]:
    """Write a graph into an arena by rules 4 and 5 of Note [Normal form]; its output nodes."""
    columns = graph.columns
    place = dict(zip(graph.input_nodes, inputs, strict=True))
    place |= {node: arena.literal(plain(value)) for node, value in columns.values.items()}
    for node in graph.equation_nodes():
        operation = columns.operations[node]
        operands = tuple([place[operand] for operand in columns.operands[node]])
        place[node] = _normal(arena, operation, operands)
    return [place[node] for node in graph.output_nodes]


def _normal(arena: Arena, operation: Operation, operands: tuple[int, ...]) -> int:
    if operation.name == "integer_power" and operation.kwargs["n"] == 2:
        operation, operands = mul.bare, operands * 2
    if operation.name in COMMUTATIVE:
        operands = tuple(sorted(operands))
    if operation is mul.bare and set(operands) & arena.units:
        return next((node for node in operands if node not in arena.units), operands[0])
    return arena.emit(operation, operands, None)


def _longer(scalars: Graph, places: Sequence[int]) -> tuple[str, ...]:
    """The operations of a graph whose two local derivatives have different normal forms."""
    columns = scalars.columns
    targets = [scalars.input_nodes[place] for place in places]
    moves = dependents(Arena.of(scalars), targets, len(columns))
    found = set()
    for node in scalars.equation_nodes():
        operation, operands = columns.operations[node], columns.operands[node]
        active = tuple([place for place, operand in enumerate(operands) if moves[operand]])
        if not moves[node] or not active or operation.name in found:
            continue
        if not _agrees(operation, tuple([columns.avals[operand] for operand in operands]), active):
            found.add(operation.name)
    return tuple(sorted(found))


@cache
def _agrees(operation: Operation, avals: tuple[Aval, ...], active: tuple[int, ...]) -> bool:
    """Whether both sweeps over φ(x₀, x₁, …)·w end at the same nodes."""
    arena = Arena()
    inputs = [arena.new_input(of) for of in (*avals, aval((), np.float64))]
    y = arena.emit(operation, tuple(inputs[:-1]), None)
    product = arena.emit(mul.bare, (y, inputs[-1]), None)
    graph = arena.freeze(inputs, [product])
    swept = swept_symbolically(graph, [graph.input_nodes[place] for place in active])
    _, _, (symbolic, reverse) = _together(swept, gradient_graph(graph, active))
    return symbolic == reverse
