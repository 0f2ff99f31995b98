"""A graph of arrays as a graph of single numbers: every element of every equation, once.

    y = W x   →   y₀ = W₀₀·x₀ + W₀₁·x₁,  y₁ = W₁₀·x₀ + W₁₁·x₁

A node becomes an array of node numbers of the new graph.  Moving data (reading, stacking,
reshaping, transposing) moves these numbers and costs nothing; an elementwise operation becomes
one equation per element; sums and products of matrices are written out by NumPy itself, whose
object arrays call ``+`` and ``*`` of traced scalars.  The new graph is hash-consed as every
graph is, so what two elements share exists once.

On such a graph an operation is an operation: formulas, forward mode and reverse mode can be
counted in the same unit, as Laue 2019 (*On the equivalence of automatic and symbolic
differentiation*) needs it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import reduce
from math import inf
from typing import Any

import numpy as np

from diffkit.capture.tracing import Tracer, lift
from diffkit.differentiate.formula_sizes import scalar_operations
from diffkit.errors import BudgetError, DiffkitError, UnsupportedError
from diffkit.graph.arena import Arena
from diffkit.graph.avals import aval
from diffkit.graph.ir import LITERAL, Graph
from diffkit.graph.primitive import Elementwise, Linear
from diffkit.graph.sources import place_of
from diffkit.primitives.piecewise import maximum, minimum
from diffkit.primitives.transcendental import exp, log

__all__ = ["MAX_SCALARS", "scalar_graph"]

MAX_SCALARS = 200_000
"""Scalar operations up to which a graph is written out; each takes some 5 µs."""

# Operations that move elements without computing: they act on node numbers as on any integers.
MOVES = ("concatenate", "flip", "getitem", "reshape", "spread", "transpose")


def scalar_graph(graph: Graph) -> Graph:
    """The same computation on scalars: one input per element, one equation per element.

    Inputs are named as in formulas (x0, x1, … or W_0_1); a graph of scalars comes back with the
    same equations.

    Raises
    ------
    BudgetError
        When it would have more than ``MAX_SCALARS`` operations.
    UnsupportedError
        For an operation that is not written out here, such as a matrix factorization.

    Source: Griewank & Walther 2008, chapter 2, where the evaluation trace is one of scalars.

    >>> import numpy as np, diffkit as dk
    >>> graph = dk.trace(lambda x: np.sum(x[1:] * x[:-1]), np.ones(4))
    >>> scalar_graph(graph).operations()
    {'add': 2, 'mul': 3, 'total': 5}
    """
    if "scalars" not in graph.cache:
        size = scalar_operations(graph)
        if size > MAX_SCALARS:
            raise BudgetError(
                f"written out, the graph would have {size:,} operations (at most {MAX_SCALARS:,})",
                hint="take smaller arrays.",
            )
        graph.cache["scalars"] = _Writer(graph).graph()
    return graph.cache["scalars"]


class _Writer:
    """One walk over a graph; ``cells[node]`` is an array of nodes of the new arena."""

    def __init__(self, graph: Graph) -> None:
        self.of = graph
        self.columns = graph.columns
        self.arena = Arena()
        self.cells: dict[int, np.ndarray] = {}

    def graph(self) -> Graph:
        columns, names = self.columns, []
        for node, name in zip(self.of.input_nodes, self.of.input_names, strict=True):
            found = columns.avals[node]
            scalar = aval((), found.dtype)
            fresh = [self.arena.new_input(scalar) for _ in range(found.size)]
            self.cells[node] = np.array(fresh, dtype=np.intp).reshape(found.shape)
            names += _element_names(name, found.shape)
        for node, value in columns.values.items():
            self.cells[node] = self._literals(value)
        wanted = self.arena_wants()
        for node in self.of.equation_nodes():
            if wanted[node]:
                self.arena.source = columns.sources[node]
                self.cells[node] = self._written(node)
        self.arena.source = None
        inputs = [int(n) for node in self.of.input_nodes for n in self.cells[node].flat]
        outputs = [int(n) for node in self.of.output_nodes for n in self.cells[node].flat]
        return self.arena.freeze(inputs, outputs, names=names, title=self.of.title)

    def arena_wants(self) -> bytearray:
        """Which nodes the outputs need; guards do not count, since they compute nothing."""
        wanted = bytearray(len(self.columns))
        stack = list(self.of.output_nodes)
        while stack:
            node = stack.pop()
            if not wanted[node]:
                wanted[node] = 1
                stack += self.columns.operands[node]
        return wanted

    def _literals(self, value: Any) -> np.ndarray:
        array = np.asarray(value)
        nodes = [self.arena.literal(item) for item in array.reshape(-1)]
        return np.array(nodes, dtype=np.intp).reshape(array.shape)

    # One equation --------------------------------------------------------------------------

    def _written(self, node: int) -> np.ndarray:
        operation, out = self.columns.operations[node], self.columns.avals[node]
        operands = self.columns.operands[node]
        if operation.name in ("alias", "probe"):
            return self.cells[operands[0]]
        if isinstance(operation.primitive, Elementwise) or operation.name == "cast":
            return self._elementwise(node)
        if operation.name in MOVES:
            moved: list[Any] = [self.cells[operand] for operand in operands]
            if operation.name == "getitem":
                moved[1:] = [self._constant(node, operand) for operand in operands[1:]]
            result = operation.primitive.value(*moved, **operation.kwargs)
            return np.asarray(result, dtype=np.intp).reshape(out.shape)
        tracers = [self._tracers(self.cells[operand]) for operand in operands]
        form = SCALAR_FORMS.get(operation.name)
        if form is not None:
            result = form(*tracers, **operation.kwargs)
        else:
            result = self._linear(node, tracers)
        return self._nodes(result, out.dtype).reshape(out.shape)

    def _elementwise(self, node: int) -> np.ndarray:
        operation, shape = self.columns.operations[node], self.columns.avals[node].shape
        operands = [self.cells[operand] for operand in self.columns.operands[node]]
        spread = [np.broadcast_to(cells, shape).reshape(-1).tolist() for cells in operands]
        emit, source = self.arena.emit, self.columns.sources[node]
        nodes = [emit(operation, parts, source) for parts in zip(*spread, strict=True)]
        return np.array(nodes, dtype=np.intp).reshape(shape)

    def _linear(self, node: int, tracers: list[np.ndarray]) -> Any:
        """Sums of products, which NumPy writes out over objects."""
        operation = self.columns.operations[node]
        if isinstance(operation.primitive, Linear):
            with suppress(DiffkitError):
                return operation.primitive.value(*tracers, **operation.kwargs)
        raise self._refusal(node, "is not written out in scalars")

    def _constant(self, node: int, operand: int) -> Any:
        if self.columns.operations[operand] is not LITERAL:
            raise self._refusal(node, "reads at places that are computed")
        return self.columns.values[operand]

    def _tracers(self, cells: np.ndarray) -> np.ndarray:
        """An object array of tracers for these nodes."""
        made = np.empty(cells.size, dtype=object)
        for place, node in enumerate(cells.reshape(-1).tolist()):
            made[place] = Tracer(self.arena, node, self.arena.avals[node])
        return made.reshape(cells.shape)

    def _nodes(self, result: Any, dtype: np.dtype[Any]) -> np.ndarray:
        """The nodes of an object array; plain numbers (zeros of a scatter) become literals."""
        parts = list(result.flat) if isinstance(result, np.ndarray) else [result]
        plain = [part if isinstance(part, Tracer) else dtype.type(part) for part in parts]
        return np.array([lift(self.arena, part).node for part in plain], dtype=np.intp)

    def _refusal(self, node: int, why: str) -> UnsupportedError:
        return UnsupportedError(
            f"{self.columns.operations[node].name} {why}",
            where=place_of(self.columns.sources[node]) or None,
            hint="count the operations of the graph itself: graph.operations().",
        )


def _element_names(name: str, shape: tuple[int, ...]) -> list[str]:
    between = "" if len(shape) == 1 else "_"
    places = ["_".join(map(str, index)) for index in np.ndindex(shape)] if shape else [""]
    return [f"{name}{between if place else ''}{place}" for place in places]


# Reductions that are no sums, by their elements ---------------------------------------------------


def _along(combine: Callable[[list[Any]], Any], of_nothing: float) -> Callable[..., Any]:
    """A reduction over axes that combines the cells of every row."""

    def reduced(x: np.ndarray, axes: tuple[int, ...], held: bool = False) -> np.ndarray:
        kept = [axis for axis in range(x.ndim) if axis not in axes]
        shape = tuple(x.shape[axis] for axis in kept)
        length = x.size // max(int(np.prod(shape)), 1)
        rows = x.transpose([*kept, *axes]).reshape(int(np.prod(shape)), length)
        made = np.empty(len(rows), dtype=object)
        for place, row in enumerate(rows):
            made[place] = combine(list(row)) if row.size else of_nothing
        return made.reshape(shape)

    return reduced


def _softmax(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    weights = np.frompyfunc(exp, 1, 1)(x)
    return weights / np.sum(weights, axis=axes, keepdims=True)


SCALAR_FORMS: dict[str, Callable[..., Any]] = {
    "cumprod": lambda x, axis: np.cumprod(x, axis=axis),
    "logsumexp": _along(lambda cells: log(reduce(lambda a, b: a + b, map(exp, cells))), -inf),
    "max": _along(lambda cells: reduce(maximum, cells), -inf),
    "min": _along(lambda cells: reduce(minimum, cells), inf),
    "prod": _along(lambda cells: reduce(lambda a, b: a * b, cells), 1.0),
    "softmax": _softmax,
}
