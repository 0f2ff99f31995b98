"""From a graph to terms of matrix calculus, one equation after the other.

Most primitives are read in one line: ``sub`` is a sum with a factor −1, ``spread`` is repetition,
``transpose`` of the last two axes is ᵀ.  What has no such line stays the operation that it is, with
its own name.  At the point, three things are looked up, since they shorten a formula much:
whether two sides of a maximum tie, whether labels are in range, and which rows sum to one.

The terms are in ``matrix_terms.py``; what shortens them in ``matrix_rules.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.comparison.matrix_terms import Algebra, Term
from diffkit.comparison.matrix_writing import into
from diffkit.engines.interpret import run_all
from diffkit.graph.avals import Aval
from diffkit.graph.ir import INPUT, LITERAL, Graph
from diffkit.graph.primitive import REGISTRY

__all__ = ["Reader"]

MOST_FOLDED = 4096  # elements of a constant that is computed instead of being written out
ROW_TOLERANCE = 1e-12  # of a sum of probabilities that were rounded once each

READERS: dict[str, Callable[[Reader, int, list[Term]], Term | None]] = {}


class Reader:
    """Reads a graph at a point; ``terms`` holds the term of each node."""

    def __init__(
        self, graph: Graph, leaves: Sequence[Any], algebra: Algebra, sizes: Sequence[str] = ()
    ) -> None:
        self.graph = graph
        self.algebra = algebra
        self.values = run_all(graph, leaves)
        self.floats = self._depends_on(lambda of: of.is_float)
        self.moves = self._depends_on(lambda of: True)
        self.distinct: dict[tuple[Term, Term], None] = {}  # in which no two elements are equal
        self.in_range = False  # a condition on integers alone was taken as true
        self.terms: dict[int, Term] = {}
        for node, name in zip(graph.input_nodes, graph.input_names, strict=True):
            of = graph.columns.avals[node]
            size = name in sizes
            term = algebra.size(name, of.dtype) if size else algebra.var(name, of.shape, of.dtype)
            self.terms[node] = term
        self._find_rows_of_ones()
        for node, operation in enumerate(graph.columns.operations):
            if operation is LITERAL:
                self.terms[node] = self._literal(graph.columns.values[node])
            elif operation is not INPUT:
                self.terms[node] = self._read(node)

    def _depends_on(self, wanted: Callable[[Aval], bool]) -> list[bool]:
        """For each node, whether it depends on an input of this kind."""
        columns, found = self.graph.columns, []
        for node, operation in enumerate(columns.operations):
            own = operation is INPUT and wanted(columns.avals[node])
            found.append(own or any(found[operand] for operand in columns.operands[node]))
        return found

    def _find_rows_of_ones(self) -> None:
        for node in self.graph.input_nodes:
            value = np.asarray(self.values[node])
            if value.ndim < 2 or not value.size or value.dtype.kind != "f":
                continue
            if np.all(value >= 0) and np.all(abs(value.sum(axis=-1) - 1) < ROW_TOLERANCE):
                self.algebra.ones.add(self.terms[node])

    def _literal(self, value: Any) -> Term:
        array = np.asarray(value)
        if array.ndim:
            return self.algebra.array(array)
        if array.dtype.kind == "b":
            return self.algebra.raw("true" if array else "false")
        return self.algebra.const(array[()])

    def _read(self, node: int) -> Term:
        columns = self.graph.columns
        operation, of = columns.operations[node], columns.avals[node]
        if not self.moves[node] and self.algebra.rules and of.size <= MOST_FOLDED:
            return self._literal(self.values[node])
        args = [self.terms[operand] for operand in columns.operands[node]]
        if of.dtype.kind == "b":
            known = self._known(node, args)
            if known is not None:
                return known
        reader = READERS.get(operation.name)
        if reader is not None and (of.dtype.kind == "f" or operation.name in ANY_DTYPE):
            found = reader(self, node, args)
            if found is not None and found.shape == of.shape:
                return found
            if found is not None and found.op in ("true", "false"):
                return found
        return self.algebra.apply(operation, args, of.shape, of.dtype)

    def _known(self, node: int, args: list[Term]) -> Term | None:
        """A condition that holds at every element, or at none, whatever the numbers are near."""
        if not self.algebra.rules:
            return None
        columns, value = self.graph.columns, np.asarray(self.values[node])
        name, operands = columns.operations[node].name, columns.operands[node]
        if not value.size or (value.any() and not value.all()):
            return None
        answer = self.algebra.raw("true" if value.all() else "false")
        if all(arg.op in ("true", "false") for arg in args) or (
            name == "equal" and operands[0] == operands[1]
        ):
            return answer
        if not self.floats[node]:
            self.in_range = self.in_range or bool(value.all())
            return answer if value.all() else None
        if _is_square_at_zero(args):  # Σ x² ≤ 0 where it is 0
            name = {"less_equal": "equal", "greater": "not_equal"}.get(name, name)
        if name in ("equal", "not_equal") and bool(value.any()) == (name == "not_equal"):
            self.distinct[args[0], args[1]] = None
            return answer
        return None

    def params(self, node: int) -> dict[str, Any]:
        """The parameters of an equation."""
        return self.graph.columns.operations[node].kwargs

    def operand(self, node: int, place: int) -> int:
        """The node of an operand."""
        return self.graph.columns.operands[node][place]

    def shape(self, node: int) -> tuple[int, ...]:
        """The shape of a node."""
        return self.graph.columns.avals[node].shape

    def literal(self, node: int) -> Any:
        """The value of a literal, or None."""
        return self.graph.columns.values.get(node)


def _is_square_at_zero(args: Sequence[Term]) -> bool:
    """Whether a comparison is one of a sum of squares with 0."""
    if len(args) != 2 or args[1].op != "const" or args[1].params[0] != 0:
        return False
    total = args[0].args[0] if args[0].op in ("expand", "reshape") else args[0]
    squares = total.args[0] if total.op == "sum" else total
    return squares.op == "pow" and squares.params[0] == 2


ANY_DTYPE = ("reshape", "spread", "logical_not", "equal", "logical_and", "getitem")


_reads = into(READERS)


# Arithmetic ------------------------------------------------------------------------------------


@_reads("add", "sub")
def _sum(reader: Reader, node: int, args: list[Term]) -> Term:
    sign = -1 if reader.graph.columns.operations[node].name == "sub" else 1
    second = args[1] if sign == 1 else reader.algebra.times(-1, args[1])
    return reader.algebra.plus(args[0], second)


@_reads("neg")
def _negation(reader: Reader, node: int, args: list[Term]) -> Term:
    return reader.algebra.times(-1, args[0])


@_reads("mul")
def _product(reader: Reader, node: int, args: list[Term]) -> Term:
    return reader.algebra.times(*args)


@_reads("div")
def _quotient(reader: Reader, node: int, args: list[Term]) -> Term:
    return reader.algebra.times(args[0], reader.algebra.power(args[1], -1))


@_reads("integer_power")
def _integer_power(reader: Reader, node: int, args: list[Term]) -> Term:
    return reader.algebra.power(args[0], reader.params(node)["n"])


@_reads("sqrt")
def _square_root(reader: Reader, node: int, args: list[Term]) -> Term:
    return reader.algebra.power(args[0], 0.5)


@_reads("logistic")
def _sigmoid(reader: Reader, node: int, args: list[Term]) -> Term:
    return reader.algebra.make("sigmoid", args[0])


@_reads("softplus")
def _softplus(reader: Reader, node: int, args: list[Term]) -> Term:
    return reader.algebra.make("logaddexp", reader.algebra.const(0), args[0])


@_reads("logsumexp")
def _log_sum_exp(reader: Reader, node: int, args: list[Term]) -> Term:
    return reader.algebra.make("lse", args[0], reader.params(node)["axes"])


@_reads("softmax")
def _softmax(reader: Reader, node: int, args: list[Term]) -> Term:
    return reader.algebra.make("softmax", args[0], reader.params(node)["axes"])


# Conditions ------------------------------------------------------------------------------------


@_reads("mask")
def _mask(reader: Reader, node: int, args: list[Term]) -> Term:
    return reader.algebra.make("mask", *args)


@_reads("logical_not")
def _negated(reader: Reader, node: int, args: list[Term]) -> Term | None:
    """Not x < y is x ≥ y; and x > y where no two are equal."""
    (inner,) = args
    opposite = {"less": "greater", "greater": "less"}.get(inner.name)
    if opposite is None:
        return None
    a, b = inner.args
    equal = "" if {(a, b), (b, a)} & set(reader.distinct) else "_equal"
    return reader.algebra.apply(
        REGISTRY[opposite + equal].bare, inner.args, inner.shape, np.dtype(np.bool_)
    )


@_reads("equal")
def _one_hot(reader: Reader, node: int, args: list[Term]) -> Term | None:
    """y[:, None] == arange(k), the one-hot rows of labels in range."""
    columns = reader.graph.columns
    labels, classes = columns.operands[node]
    numbers = reader.literal(classes)
    if numbers is None or np.ndim(numbers) != 1 or columns.avals[labels].dtype.kind not in "iu":
        return None
    if not np.array_equal(numbers, np.arange(len(numbers))) or args[0].op != "expand":
        return None
    values = np.asarray(reader.values[labels])
    if not reader.algebra.rules or values.min() < 0 or values.max() >= len(numbers):
        return None
    return reader.algebra.make("one_hot", args[0].args[0], len(numbers))


# Products and shapes ---------------------------------------------------------------------------


@_reads("matmul")
def _matrix_product(reader: Reader, node: int, args: list[Term]) -> Term:
    return reader.algebra.make("dot", *args)


@_reads("transpose")
def _transposed(reader: Reader, node: int, args: list[Term]) -> Term | None:
    axes = reader.params(node)["axes"]
    count = len(axes)
    swapped = (*range(count - 2), count - 1, count - 2)
    return reader.algebra.make("T", args[0]) if axes == swapped else None


@_reads("reshape")
def _reshaped(reader: Reader, node: int, args: list[Term]) -> Term | None:
    shape = reader.shape(node)
    if args[0].op in ("true", "false"):
        return args[0]
    scattered = reader.operand(node, 0)
    if _is_diagonal(reader, scattered, shape, "scatter_add"):
        inner = reader.terms[reader.operand(scattered, 0)]
        return reader.algebra.make("diag", inner)
    return reader.algebra.make("reshape", args[0], shape)


@_reads("spread")
def _spread(reader: Reader, node: int, args: list[Term]) -> Term | None:
    if args[0].op in ("true", "false"):
        return args[0]
    shape, axes = reader.shape(node), reader.params(node)["axes"]
    if args[0].is_scalar:
        return reader.algebra.make("broadcast", args[0], shape)
    return reader.algebra.make("broadcast", reader.algebra.make("expand", args[0], axes), shape)


@_reads("sum")
def _summed(reader: Reader, node: int, args: list[Term]) -> Term:
    return reader.algebra.make("sum", args[0], tuple(reader.params(node)["axes"]))


@_reads("solve")
def _solution(reader: Reader, node: int, args: list[Term]) -> Term | None:
    return reader.algebra.make("solve", *args) if args[0].shape[:-2] == args[1].shape[:-2] else None


# Indices ---------------------------------------------------------------------------------------


def _new_axes(index: tuple[Any, ...], shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Where an index of whole slices puts new axes; None for any other index."""
    axes, place = [], 0
    for position, part in enumerate(index):
        if part is None:
            axes.append(position)
            continue
        whole = isinstance(part, tuple) and part[0] == "slice" and part[3] in (None, 1)
        if not whole or part[1] not in (None, 0) or part[2] not in (None, shape[place]):
            return None
        place += 1
    return tuple(axes)


def _is_diagonal(reader: Reader, node: int, shape: tuple[int, ...], name: str) -> bool:
    """Whether an equation reads (or fills) the diagonal of a matrix that was made flat."""
    columns = reader.graph.columns
    if columns.operations[node].name != name or len(columns.operands[node]) != 2:
        return False
    places = reader.literal(reader.operand(node, 1))
    if places is None or len(shape) != 2 or shape[0] != shape[1]:
        return False
    return np.array_equal(places, np.arange(shape[0]) * (shape[0] + 1))


@_reads("getitem")
def _item(reader: Reader, node: int, args: list[Term]) -> Term | None:
    columns, index = reader.graph.columns, reader.params(node)["index"]
    if len(args) == 1:
        axes = _new_axes(index, args[0].shape)
        if axes is not None and args[0].op not in ("true", "false"):
            return reader.algebra.make("expand", args[0], axes) if axes else args[0]
    flat = reader.operand(node, 0)
    if columns.operations[flat].name == "reshape":
        matrix = reader.terms[reader.operand(flat, 0)]
        if _is_diagonal(reader, node, matrix.shape, "getitem"):
            return reader.algebra.make("diagonal", matrix)
    return None


@_reads("scatter_add")
def _scattered(reader: Reader, node: int, args: list[Term]) -> Term | None:
    """New axes taken out again; and one element of each row, which is a one-hot matrix."""
    columns, index, shape = reader.graph.columns, reader.params(node)["index"], reader.shape(node)
    if len(args) == 1 and _new_axes(index, shape):
        return reader.algebra.make("reshape", args[0], shape)
    if index != (("array", 1), ("array", 2)) or len(shape) != 2:
        return None
    rows = reader.literal(reader.operand(node, 1))
    labels = columns.avals[reader.operand(node, 2)]
    if rows is None or not np.array_equal(rows, np.arange(shape[0])) or labels.ndim != 1:
        return None
    if not reader.algebra.rules or labels.shape != rows.shape:
        return None
    one_hot = reader.algebra.make("one_hot", args[2], shape[1])
    return reader.algebra.times(one_hot, reader.algebra.make("expand", args[0], (1,)))
