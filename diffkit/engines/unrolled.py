"""Graphs of scalars and short vectors as straight-line code, one statement per operation.

A vector of static length n is n scalars.  Operations that only move data (reading an element,
stacking, reshaping, the scatter that a read leaves behind in a gradient) then cost nothing:
they are carried out on arrays of *atoms*, which are names and constants, while the code is
written.  So the gradient of x₀·x₁ with respect to the vector x is two statements.

Adding a constant +0 is dropped only where the other operand cannot be −0, since −0 + 0 is +0:
results have the interpreter's bits, signs of zeros included.  Equal expressions are computed
once and constants are folded, as everywhere in a hash-consed graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from diffkit.engines.emitting import (
    NUMBA,
    Names,
    constant,
    dtype_text,
    expression,
    narrowed,
    writable,
)
from diffkit.engines.kernels import (
    STATEMENT_LIMIT,
    Argument,
    Kernel,
    Result,
    live_nodes,
    too_long,
    unsupported,
)
from diffkit.graph.avals import aval
from diffkit.graph.ir import INPUT, LITERAL, Graph

__all__ = ["VECTOR_LIMIT", "unroll"]

VECTOR_LIMIT = 64  # elements of a vector that is unrolled; longer ones belong in a loop

# Operations that only move elements; they run on arrays of atoms as they stand.
_MOVES = ("concatenate", "flip", "getitem", "reshape", "spread", "transpose")


class Atom:
    """A scalar while code is written: a name, or a constant with its value."""

    __slots__ = ("never_negative_zero", "text", "value")

    def __init__(self, text: str, value: Any = None, never_negative_zero: bool = False) -> None:
        self.text = text
        self.value = value
        self.never_negative_zero = never_negative_zero


class Element(Atom):
    """An element of an input vector, read into a name when it is first used."""

    __slots__ = ("is_read", "node", "where")

    def __init__(self, text: str, node: int, where: tuple[int, ...]) -> None:
        super().__init__(text)
        self.node = node
        self.where = where
        self.is_read = False


def _constant_atom(value: Any) -> Atom:
    scalar = np.asarray(value)[()]
    return Atom(constant(scalar), scalar, never_negative_zero=not np.signbit(scalar * 1.0))


def _cells(found: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Atoms (one, or an object array of them) as an object array of this shape."""
    cells = np.empty(shape, dtype=object)
    cells[...] = found
    return cells


def _values(atoms: Iterable[Atom], dtype: np.dtype[Any]) -> np.ndarray:
    return np.array([atom.value for atom in atoms], dtype=dtype)


def _constant_cells(value: Any) -> np.ndarray:
    array = np.asarray(value)
    cells = np.empty(array.shape, dtype=object)
    for where in np.ndindex(array.shape):
        cells[where] = _constant_atom(array[where])
    return cells


def unroll(graph: Graph, reserved: tuple[str, ...] = ()) -> Kernel:
    """The straight-line kernel of a graph whose arrays have at most ``VECTOR_LIMIT`` elements.

    Parameters
    ----------
    graph
        A graph of elementwise operations, sums and data movement; any real dtype.
    reserved
        Names that the code must not use.

    Raises
    ------
    EngineError
        Naming the first operation that has no straight-line form.

    >>> import diffkit as dk
    >>> unroll(dk.parse("x*y + 1")).body
    ['a = x * y', 'b = a + 1.0']
    """
    return Unroller(graph, reserved).kernel


class Unroller:
    """One walk over a graph; ``atoms[node]`` is an object array in the node's shape."""

    def __init__(self, graph: Graph, reserved: tuple[str, ...]) -> None:
        self.graph = graph
        self.columns = graph.columns
        self.names = Names(reserved)
        self.base = self.names.of(graph)
        self.kernel = Kernel(wanted=list(graph.output_nodes))
        self.atoms: dict[int, Any] = {}  # object arrays of atoms
        self.known: dict[str, Atom] = {}
        self.assigned: set[str] = set()
        live = live_nodes(graph)
        self._add_arguments(set(live))
        for node in live:
            if self.columns.operations[node] is not INPUT:
                self.atoms[node] = self._node(node)
        self._add_results()

    # Arguments and results ------------------------------------------------------------------

    def _add_arguments(self, live: set[int]) -> None:
        for place, node in enumerate(self.graph.input_nodes):
            kind = self.columns.avals[node]
            if node not in live:
                continue
            self._check_size(node)
            name = self.base[node]
            self.kernel.arguments.append(
                Argument(name, kind.dtype, kind.ndim > 0, kind.shape, place=place)
            )
            cells = np.empty(kind.shape, dtype=object)
            for flat, where in enumerate(np.ndindex(kind.shape)):
                cells[where] = Element(f"{name}[{flat}]", node, where) if kind.ndim else Atom(name)
            self.atoms[node] = cells

    def _check_size(self, node: int) -> None:
        if self.columns.avals[node].size > VECTOR_LIMIT:
            why = f"is {self.columns.avals[node]}: code for single elements holds at most " \
                  f"{VECTOR_LIMIT} elements"  # fmt: skip
            raise unsupported(self.graph, node, why)

    def _add_results(self) -> None:
        kernel, places = self.kernel, {}
        inputs = {node: place for place, node in enumerate(self.graph.input_nodes)}
        for node in kernel.wanted:
            kind = self.columns.avals[node]
            if node in inputs:
                result = Result("input", inputs[node], None, kind.dtype, kind.shape)
            elif all(atom.value is not None for atom in self.atoms[node].flat):
                value = _values(self.atoms[node].flat, kind.dtype).reshape(kind.shape)[()]
                result = Result("constant", -1, value, kind.dtype, kind.shape)
            else:
                if node not in places:
                    places[node] = len(places)
                    kernel.returned.append(self._returned(node))
                result = Result("computed", places[node], None, kind.dtype, kind.shape)
            kernel.results.append(result)

    def _returned(self, node: int) -> str:
        cells, kind = self.atoms[node], self.columns.avals[node]
        if not kind.ndim:
            return self.text(cells[()])
        name = self.names.unique(f"{self.base[node]}_all")
        self.write(f"{name} = np.empty({kind.size}, {dtype_text(kind.dtype)})")
        for flat, atom in enumerate(cells.flat):
            self.write(f"{name}[{flat}] = {self.text(atom)}")
        return name

    # Statements -----------------------------------------------------------------------------

    def write(self, statement: str) -> None:
        """Append a statement."""
        self.kernel.body.append(statement)
        if len(self.kernel.body) > STATEMENT_LIMIT:
            raise too_long(len(self.kernel.body))

    def text(self, atom: Atom) -> str:
        """An atom's text; an element of an input is read when it is first used."""
        if isinstance(atom, Element) and not atom.is_read:
            name = self.name(atom.node, atom.where)
            self.write(f"{name} = {atom.text}")
            atom.text, atom.is_read = name, True
        return atom.text

    def name(self, node: int, where: tuple[int, ...]) -> str:
        """The node's own name, or one with the element's index: ``x_0``."""
        if not where:
            return self.base[node]
        return self.names.unique("_".join([self.base[node], *map(str, where)]))

    def assign(
        self, node: int, where: tuple[int, ...], text: str, never_negative_zero: bool = False
    ) -> Atom:
        """The atom of an expression; equal expressions are computed once."""
        atom = self.known.get(text)
        if atom is None:
            name = self.name(node, where)
            if name in self.assigned:  # a step of a chain
                name = self.names.unique(name)
            self.assigned.add(name)
            self.write(f"{name} = {text}")
            atom = self.known[text] = Atom(name, None, never_negative_zero)
        return atom

    # Nodes --------------------------------------------------------------------------------------

    def _node(self, node: int) -> np.ndarray:
        operation = self.columns.operations[node]
        self._check_size(node)
        if operation is LITERAL:
            return _constant_cells(self.columns.values[node])
        operands = [self.atoms[operand] for operand in self.columns.operands[node]]
        if operation.name == "alias":
            return operands[0]
        if operation.name in _MOVES:
            if operation.name == "getitem":
                operands[1:] = self._index_arrays(node)
            moved = operation.primitive.value(*operands, **operation.kwargs)
            return _cells(moved, self.columns.avals[node].shape)
        rule = _RULES.get(operation.name)
        if rule is not None:
            return rule(self, node, operands[0], **operation.kwargs)
        if not writable(operation, NUMBA):
            raise unsupported(self.graph, node, "has no compiled form here")
        return self._elementwise(node, operands)

    def _index_arrays(self, node: int) -> list[np.ndarray]:
        """The index arrays of a read or a scatter, which must be constants."""
        operands = self.columns.operands[node][1:]
        if any(self.columns.operations[i] is not LITERAL for i in operands):
            raise unsupported(self.graph, node, "has an index that is not a constant")
        return [self.columns.values[i] for i in operands]

    def _elementwise(self, node: int, operands: list[Any]) -> np.ndarray:
        shape = self.columns.avals[node].shape
        cells = np.empty(shape, dtype=object)
        spread: list[Any] = [np.broadcast_to(operand, shape) for operand in operands]
        for where in np.ndindex(shape):
            cells[where] = self.apply(node, where, [operand[where] for operand in spread])
        return cells

    def apply(self, node: int, where: tuple[int, ...], atoms: Sequence[Atom]) -> Atom:
        """One operation on scalars: folded if all are constants, written otherwise."""
        operation = self.columns.operations[node]
        out = aval((), self.columns.avals[node].dtype)
        if all(atom.value is not None for atom in atoms):
            with np.errstate(all="ignore"):
                found = operation.primitive.value(*[a.value for a in atoms], **operation.kwargs)
            return _constant_atom(np.asarray(found).astype(out.dtype)[()])
        if operation.name == "add":
            unchanged = _plus_zero(*atoms)
            if unchanged is not None:
                return unchanged
        avals = [aval((), self.columns.avals[i].dtype) for i in self.columns.operands[node]]
        text = expression(NUMBA, operation, [self.text(atom) for atom in atoms], avals, out)
        # A sum is −0 only when both terms are.
        positive = operation.name == "add" and any(atom.never_negative_zero for atom in atoms)
        return self.assign(node, where, text, positive)

    def total(self, node: int, where: tuple[int, ...], terms: Sequence[Atom]) -> Atom:
        """The sum of some scalars, added in the order in which ``numpy.sum`` adds a vector."""
        dtype = self.columns.avals[node].dtype
        if all(atom.value is not None for atom in terms):
            return _constant_atom(np.sum(_values(terms, dtype)).astype(dtype))
        positive = dtype.kind != "f" or any(atom.never_negative_zero for atom in terms)
        texts = [self.text(atom) for atom in terms]
        summed = sum_text(texts)
        if not positive:  # NumPy starts at +0
            summed = f"{constant(dtype.type(0))} + {summed}"
        return self.assign(node, where, narrowed(summed, dtype), True)


def _plus_zero(a: Atom, b: Atom) -> Atom | None:
    """The other term where one is a zero that changes nothing: x + (−0) is x, x + 0 is x or +0."""
    for x, zero in ((a, b), (b, a)):
        value = zero.value
        if value is None or value != 0:
            continue
        is_integer = np.asarray(value).dtype.kind != "f"
        if is_integer or np.signbit(value) or x.never_negative_zero:
            return x
    return None


_ACCUMULATORS = 8  # of NumPy's pairwise summation; see scalar_kernels.py


def sum_text(terms: Sequence[str]) -> str:
    """A sum in NumPy's order: from left to right, or in eight running sums from eight terms on.

    >>> sum_text(["a", "b", "c"])
    'a + b + c'
    """
    whole = len(terms) - len(terms) % _ACCUMULATORS
    if not whole:
        return " + ".join(terms)
    lanes = [" + ".join(terms[lane:whole:_ACCUMULATORS]) for lane in range(_ACCUMULATORS)]
    if whole > _ACCUMULATORS:
        lanes = [f"({lane})" for lane in lanes]
    while len(lanes) > 1:
        lanes = [f"({a} + {b})" for a, b in zip(lanes[::2], lanes[1::2], strict=True)]
    return " + ".join([*lanes, *terms[whole:]])


def _over_rows(
    self: Unroller,
    node: int,
    cells: np.ndarray,
    axes: tuple[int, ...],
    reduce: Callable[[tuple[int, ...], list[Atom]], Atom],
) -> np.ndarray:
    """A reduction: the reduced axes go last, and each row becomes one atom."""
    kept = [axis for axis in range(cells.ndim) if axis not in axes]
    shape = self.columns.avals[node].shape
    rows = cells.transpose([*kept, *axes]).reshape(*shape, -1)
    if not rows.size:
        raise unsupported(self.graph, node, "over no elements has no compiled form")
    reduced = np.empty(shape, dtype=object)
    for where in np.ndindex(shape):
        reduced[where] = reduce(where, list(rows[where]))
    return reduced


def _sum(self: Unroller, node: int, cells: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    return _over_rows(self, node, cells, axes, lambda where, terms: self.total(node, where, terms))


def _scatter_add(
    self: Unroller, node: int, cells: np.ndarray, index: Any, shape: tuple[int, ...]
) -> np.ndarray:
    """Zeros with terms added at an index; without index arrays every term has its own element."""
    from diffkit.primitives.indexing import getitem

    zero = _constant_atom(self.columns.avals[node].dtype.type(0))
    places = np.arange(np.prod(shape, dtype=int)).reshape(shape)
    arrays = self._index_arrays(node)
    places = getitem.value(places, *arrays, index=index)
    landing: dict[int, list[Atom]] = {}
    for place, atom in zip(np.ravel(places), cells.ravel(), strict=True):
        landing.setdefault(int(place), []).append(atom)
    totals = np.empty(shape, dtype=object)
    for flat, where in enumerate(np.ndindex(shape)):
        terms = landing.get(flat, [zero])
        alone = not arrays or terms == [zero]
        totals[where] = terms[0] if alone else self.total(node, where, terms)
    return totals


def _chain(template: str) -> Callable[..., np.ndarray]:
    """A reduction whose terms are combined from left to right: products and extrema."""

    def reduce(
        self: Unroller, node: int, cells: np.ndarray, axes: tuple[int, ...], held: bool = False
    ) -> np.ndarray:
        dtype = self.columns.avals[node].dtype

        def chained(where: tuple[int, ...], terms: list[Atom]) -> Atom:
            result = terms[0]
            for term in terms[1:]:
                text = template.format(self.text(result), self.text(term))
                result = self.assign(node, where, narrowed(text, dtype))
            return result

        return _over_rows(self, node, cells, axes, chained)

    return reduce


_RULES: dict[str, Callable[..., np.ndarray]] = {
    "max": _chain("maximum({0}, {1})"),
    "min": _chain("minimum({0}, {1})"),
    "prod": _chain("{0} * {1}"),
    "scatter_add": _scatter_add,
    "sum": _sum,
}
