"""Which entries of a Jacobian can differ from zero: index sets pushed through the graph.

    S(φ(u, v)) = S(u) ∪ S(v)      S(A u)ᵢ = ∪ { S(u)ⱼ : Aᵢⱼ ≠ 0 }

Every element of every value carries the set of inputs it depends on; the sets of one value are
the rows of a sparse Boolean matrix.  Elementwise operations unite rows, movements of data gather
them, sums and products with matrices unite those that meet.  What is not known exactly is taken
too large and never too small: an operation without a rule makes each of its results depend on
all that its operands depend on.  Values at which an entry vanishes by chance are not looked at.

Reading on: Griewank & Walther 2008, chapter 7; Walther 2008, *Computing sparse Hessians with
automatic differentiation*.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, TypeAlias

import numpy as np

from diffkit.errors import UnsupportedError
from diffkit.graph.avals import Aval
from diffkit.graph.ir import LITERAL, Graph
from diffkit.graph.primitive import Elementwise
from diffkit.primitives.contraction import parse_subscripts

__all__ = ["MOST_ENTRIES", "jacobian_pattern"]

# A pattern with more entries than this (about a hundred megabytes) is refused: nothing is gained
# from such a matrix over a dense one, and it may not fit.
MOST_ENTRIES = 20_000_000

Pattern: TypeAlias = Any  # scipy.sparse.csr_array of truth values, one row per element

_REDUCING = ("sum", "prod", "max", "min", "logsumexp")
_MIXING_ALONG = (
    "cumsum", "softmax", "cumprod", "cummax", "cummin", "sort", "tied_mean", "recurrence",
)  # fmt: skip
_MOVING = ("getitem", "reshape", "transpose", "spread", "flip", "windows")


def jacobian_pattern(graph: Graph, output: int, wrt: int) -> Pattern:
    """The pattern ∂y/∂x of one output and one input, over their elements in C order.

    Returns a Boolean ``scipy.sparse.csr_array`` with sorted indices.

    Raises
    ------
    UnsupportedError
        When the pattern has more entries than :data:`MOST_ENTRIES`.
    """
    root, source = graph.output_nodes[output], graph.input_nodes[wrt]
    walk = _Walk(graph, source, root)
    found = walk.pattern_of(root)
    found.sort_indices()
    return found


class _Walk:
    """The patterns of all nodes between one input and one output."""

    def __init__(self, graph: Graph, source: int, root: int) -> None:
        from scipy.sparse import csr_array, eye_array

        self.graph, self.columns = graph, graph.columns
        self.csr: Any = csr_array
        self.count = self.columns.avals[source].size
        self.found: dict[int, Pattern] = {}
        if self.columns.avals[source].is_float:
            self.found[source] = csr_array(eye_array(self.count, dtype=bool, format="csr"))
        needed = self._needed(root)
        last = self._last_use(needed, root)
        for node in graph.equation_nodes():
            if node <= root and needed[node] and self.columns.avals[node].is_float:
                self._propagate(node)
                for operand in self.columns.operands[node]:
                    if last[operand] <= node and operand != source:
                        self.found.pop(operand, None)

    def _needed(self, root: int) -> bytearray:
        needed = bytearray(len(self.columns))
        needed[root] = 1
        for node in range(root, -1, -1):
            if needed[node]:
                for operand in self.columns.operands[node]:
                    needed[operand] = 1
        return needed

    def _last_use(self, needed: bytearray, root: int) -> list[int]:
        last = [0] * len(self.columns)
        for node in range(root + 1):
            if needed[node]:
                for operand in self.columns.operands[node]:
                    last[operand] = node
        last[root] = len(self.columns)
        return last

    def pattern_of(self, node: int) -> Pattern:
        """The rows of one node; none where it does not move."""
        if node in self.found:
            return self.found[node]
        return self.csr((self.columns.avals[node].size, self.count), dtype=np.bool_)

    def _propagate(self, node: int) -> None:
        operation, operands = self.columns.operations[node], self.columns.operands[node]
        moving = [k for k, operand in enumerate(operands) if operand in self.found]
        moving = [k for k in moving if k not in operation.primitive.inert]
        if not moving:
            return
        rule = _RULES.get(operation.name)
        if rule is None and isinstance(operation.primitive, Elementwise):
            rule = _elementwise
        found = rule(self, node, moving) if rule is not None else None
        self.found[node] = self._all(node, moving) if found is None else found
        self._check(self.found[node].nnz, node)

    def _check(self, entries: int, node: int) -> None:
        if entries > MOST_ENTRIES:
            raise UnsupportedError(
                f"sparsity: {self.columns.operations[node].name} fills the pattern with "
                f"{entries:,} entries, more than {MOST_ENTRIES:,}",
                hint="the matrix is not sparse: leave out sparse=True.",
            )

    # What the rules are made of ---------------------------------------------------------------

    def literal(self, node: int) -> np.ndarray | None:
        """The value of a constant."""
        if self.columns.operations[node] is LITERAL:
            return np.asarray(self.columns.values[node])
        return None

    def aval(self, node: int) -> Aval:
        """The shape and dtype of a node."""
        return self.columns.avals[node]

    def gathered(self, rows: Pattern, places: np.ndarray) -> Pattern:
        """Rows at these places, none where the place is −1."""
        places = places.reshape(-1)
        if (places >= 0).all():
            same = places.size == rows.shape[0] and (places == np.arange(places.size)).all()
            return rows if same else rows[places]
        here = np.flatnonzero(places >= 0)
        entry = np.ones(here.size, np.bool_)
        mover = self.csr((entry, (here, places[here])), shape=(places.size, rows.shape[0]))
        return mover @ rows

    def united(self, rows: Pattern, groups: np.ndarray, count: int) -> Pattern:
        """For each of ``count`` groups the union of the rows that belong to it."""
        entry = np.ones(rows.shape[0], np.bool_)
        places = groups.reshape(-1), np.arange(rows.shape[0])
        return self.csr((entry, places), shape=(count, rows.shape[0])) @ rows

    def union(self, patterns: Sequence[Pattern]) -> Pattern:
        """The union of patterns of one shape."""
        distinct = list({id(p): p for p in patterns}.values())
        total = distinct[0]
        for other in distinct[1:]:
            total = total + other
        return total

    def _all(self, node: int, moving: Sequence[int]) -> Pattern:
        """Every result depends on all that any operand depends on."""
        rows = [self.found[self.columns.operands[node][k]] for k in moving]
        one = self.union([self.united(p, np.zeros(p.shape[0], np.int64), 1) for p in rows])
        size = self.aval(node).size
        self._check(one.nnz * size, node)
        return one[np.zeros(size, np.int64)]


Rule: TypeAlias = Callable[[_Walk, int, Sequence[int]], "Pattern | None"]


def _places(shape: tuple[int, ...]) -> np.ndarray:
    return np.arange(prod(shape)).reshape(shape)


def _elementwise(walk: _Walk, node: int, moving: Sequence[int]) -> Pattern:
    """The union of the operands, each broadcast to the result."""
    shape, operands = walk.aval(node).shape, walk.columns.operands[node]
    parts = []
    for k in moving:
        places = np.broadcast_to(_places(walk.aval(operands[k]).shape), shape)
        active = _active(walk, node, k)
        if active is not None:
            places = np.where(np.broadcast_to(active, shape), places, -1)
        parts.append(walk.gathered(walk.found[operands[k]], places))
    return walk.union(parts)


def _active(walk: _Walk, node: int, k: int) -> np.ndarray | None:
    """Where an operand counts at all, if a constant says so."""
    name, operands = walk.columns.operations[node].name, walk.columns.operands[node]
    if name in ("mul", "mask") and len(operands) == 2:
        other = walk.literal(operands[1 - k])
        return None if other is None else other != 0
    if name == "where":
        condition = walk.literal(operands[0])
        if condition is not None and k:
            return condition.astype(bool) if k == 1 else ~condition.astype(bool)
    return None


def _moved(walk: _Walk, node: int, moving: Sequence[int]) -> Pattern | None:
    """A movement of data: the operation itself, on the places of its operand."""
    operation, operands = walk.columns.operations[node], walk.columns.operands[node]
    arrays = [walk.literal(operand) for operand in operands[1:]]
    if any(array is None for array in arrays):
        return None
    numbered = _places(walk.aval(operands[0]).shape) + 1  # 0 is what padding adds
    places = np.asarray(operation.primitive.value(numbered, *arrays, **operation.kwargs)) - 1
    return walk.gathered(walk.found[operands[0]], places)


def _scattered(walk: _Walk, node: int, moving: Sequence[int]) -> Pattern | None:
    """Where each element is added: the place that its transpose, reading, finds there."""
    operation, operands = walk.columns.operations[node], walk.columns.operands[node]
    arrays = [walk.literal(operand) for operand in operands[1:]]
    if any(array is None for array in arrays):
        return None
    from diffkit.primitives.indexing import getitem

    shape = operation.kwargs["shape"]
    places = getitem.value(_places(shape), *arrays, index=operation.kwargs["index"])
    return walk.united(walk.found[operands[0]], np.asarray(places), prod(shape))


def _concatenated(walk: _Walk, node: int, moving: Sequence[int]) -> Pattern:
    operation, operands = walk.columns.operations[node], walk.columns.operands[node]
    starts = np.cumsum([0, *(walk.aval(operand).size for operand in operands)])
    numbered = [
        _places(walk.aval(operand).shape) + start
        for operand, start in zip(operands, starts, strict=False)
    ]
    from scipy.sparse import vstack

    stacked = vstack([walk.pattern_of(operand) for operand in operands], format="csr")
    return walk.gathered(stacked, np.concatenate(numbered, **operation.kwargs))


def _groups(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[np.ndarray, int]:
    """For every element the number of its group, all along some axes, and how many there are."""
    kept = tuple(1 if axis in axes else n for axis, n in enumerate(shape))
    return np.broadcast_to(_places(kept), shape), prod(kept)


def _axes_of(walk: _Walk, node: int) -> tuple[int, ...]:
    params = walk.columns.operations[node].kwargs
    axes = params["axes"] if "axes" in params else params["axis"]
    return axes if isinstance(axes, tuple) else (axes,)


def _reduced(walk: _Walk, node: int, moving: Sequence[int]) -> Pattern:
    operand = walk.columns.operands[node][0]
    groups, count = _groups(walk.aval(operand).shape, _axes_of(walk, node))
    return walk.united(walk.found[operand], groups, count)


def _mixed_along(walk: _Walk, node: int, moving: Sequence[int]) -> Pattern | None:
    """Every result depends on everything along its axes."""
    operands, shape = walk.columns.operands[node], walk.aval(node).shape
    if any(walk.aval(operands[k]).shape != shape for k in moving):
        return None
    groups, count = _groups(shape, _axes_of(walk, node))
    rows = walk.union([walk.found[operands[k]] for k in moving])
    united = walk.united(rows, groups, count)
    walk._check(united.nnz * max(1, prod(shape) // max(count, 1)), node)
    return walk.gathered(united, groups)


def _einsum(walk: _Walk, node: int, moving: Sequence[int]) -> Pattern:
    terms, out = parse_subscripts(walk.columns.operations[node].kwargs["subscripts"])
    return _contracted(walk, node, moving, terms, out)


def _contracted(
    walk: _Walk, node: int, moving: Sequence[int], terms: Sequence[str], out: str
) -> Pattern:
    """Unite along the letters that the result has not, then spread along those it has alone."""
    operands, shape = walk.columns.operands[node], walk.aval(node).shape
    parts = []
    for k in moving:
        term, of = terms[k], walk.aval(operands[k])
        summed = tuple(axis for axis, letter in enumerate(term) if letter not in out)
        groups, count = _groups(of.shape, summed)
        united = walk.united(walk.found[operands[k]], groups, count)
        kept = [letter for letter in term if letter in out]
        sizes = [n for n, letter in zip(of.shape, term, strict=True) if letter in out]
        order = sorted(range(len(kept)), key=lambda axis, kept=kept: out.index(kept[axis]))
        places = _places(tuple(sizes)).transpose(order)
        missing = tuple(axis for axis, letter in enumerate(out) if letter not in kept)
        parts.append(walk.gathered(united, np.broadcast_to(np.expand_dims(places, missing), shape)))
    return walk.union(parts)


def _matmul(walk: _Walk, node: int, moving: Sequence[int]) -> Pattern | None:
    """A product of matrices; the zeros of a constant factor are used."""
    operands, shape = walk.columns.operands[node], walk.aval(node).shape
    first, second = (walk.aval(operand).shape for operand in operands)
    if len(moving) == 1 and len(first) == len(second) == 2:
        constant = walk.literal(operands[1 - moving[0]])
        if constant is not None:
            return _by_constant(walk, walk.found[operands[moving[0]]], constant, shape, moving[0])
    lead = "abcdefgh"[: len(shape) - 2]
    terms = [lead[len(lead) - len(s) + 2 :] + ends for s, ends in ((first, "ij"), (second, "jk"))]
    if any(1 in s[:-2] for s in (first, second)) or len(lead) + 2 != len(shape):
        return None
    return _contracted(walk, node, moving, terms, lead + "ik")


def _by_constant(
    walk: _Walk, rows: Pattern, constant: np.ndarray, shape: tuple[int, ...], which: int
) -> Pattern | None:
    from scipy.sparse import eye_array, kron

    entries = walk.csr(constant != 0)
    if entries.nnz * shape[1 - which] > MOST_ENTRIES:
        return None
    if which == 0:  # Y = X B: row (i, k) unites the rows (i, j) where B[j, k] ≠ 0
        mover = kron(eye_array(shape[0], dtype=bool), entries.T, format="csr")
    else:  # Y = A X: row (i, k) unites the rows (j, k) where A[i, j] ≠ 0
        mover = kron(entries, eye_array(shape[1], dtype=bool), format="csr")
    return walk.csr(mover) @ rows


def _same(walk: _Walk, node: int, moving: Sequence[int]) -> Pattern:
    return walk.found[walk.columns.operands[node][0]]


def _nowhere(walk: _Walk, node: int, moving: Sequence[int]) -> Pattern:
    """A derivative that is zero wherever it exists."""
    return walk.csr((walk.aval(node).size, walk.count), dtype=np.bool_)


_RULES: dict[str, Rule] = {
    **dict.fromkeys(_MOVING, _moved),
    **dict.fromkeys(_REDUCING, _reduced),
    **dict.fromkeys(_MIXING_ALONG, _mixed_along),
    **dict.fromkeys(("sign", "floor", "ceil", "trunc", "rint"), _nowhere),
    "cast": _same,
    "concatenate": _concatenated,
    "einsum": _einsum,
    "matmul": _matmul,
    "scatter_add": _scattered,
}
