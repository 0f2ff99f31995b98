"""The sparsity of a derivative: its pattern, and the colours in which it can be computed.

    J s_c = Σ { J eⱼ : colour of j is c }      one sweep for all columns of a colour

``dk.sparsity`` shows what ``dk.jacobian(f, sparse=True)`` and ``dk.hessian(f, sparse=True)`` use.
The pattern comes from the graph (``patterns.py``), the colours from a greedy colouring
(``coloring.py``), and the evaluation is in ``compressed.py``.

Reading on: Coleman & Moré 1983, *Estimation of sparse Jacobian matrices and graph coloring
problems*; Griewank & Walther 2008, chapter 8.
"""

from __future__ import annotations

from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from diffkit.differentiate.calls import Argnums, Call
from diffkit.differentiate.coloring import color_columns, color_symmetric
from diffkit.differentiate.curvature import gradient_alone
from diffkit.differentiate.directional import Differentiable
from diffkit.differentiate.forward import fitted_graph
from diffkit.differentiate.function import function_of
from diffkit.differentiate.patterns import jacobian_pattern
from diffkit.differentiate.reverse import scalar_output
from diffkit.errors import UnsupportedError
from diffkit.graph.ir import Graph

__all__ = ["Sparsity", "hessian_sparsity", "jacobian_sparsity", "one_array", "sparsity"]

# The printed picture of a pattern has at most this many rows and columns.
SHOWN = 32
_CELL = 6  # pixels of one entry in a notebook


class Sparsity:
    """The pattern of a Jacobian or Hessian and a colouring of it.

    ``pattern`` is a Boolean ``scipy.sparse.csr_array`` over the elements of the output and of the
    argument in C order.  ``mode`` is ``"forward"`` (columns are coloured), ``"reverse"`` (rows)
    or ``"symmetric"`` (columns of a Hessian).  ``coloring`` has a colour for every column or row,
    and ``colors`` says how many there are.
    """

    def __init__(self, pattern: Any, mode: str, coloring: np.ndarray) -> None:
        self.pattern = pattern
        self.mode = mode
        self.coloring = coloring

    @cached_property
    def colors(self) -> int:
        """How many sweeps find all entries."""
        return int(self.coloring.max(initial=-1)) + 1

    @cached_property
    def groups(self) -> list[np.ndarray]:
        """The columns (or rows) of each colour."""
        order = np.argsort(self.coloring, kind="stable")
        ends = np.searchsorted(self.coloring[order], np.arange(1, self.colors))
        return np.split(order, ends) if self.colors else []

    @property
    def shape(self) -> tuple[int, int]:
        """The shape of the matrix."""
        return self.pattern.shape

    @property
    def nnz(self) -> int:
        """How many entries can differ from zero."""
        return int(self.pattern.nnz)

    @property
    def density(self) -> float:
        """The part of all entries that can differ from zero."""
        return self.nnz / max(1, prod(self.shape))

    def seeds(self, dtype: Any = np.float64) -> np.ndarray:
        """One direction per colour: 1 in the columns (or rows) that have it."""
        found = np.zeros((self.colors, self.coloring.size), dtype)
        found[self.coloring, np.arange(self.coloring.size)] = 1
        return found

    def to_dict(self) -> dict[str, Any]:
        """The sizes, as plain numbers."""
        return {
            "schema": 1, "shape": list(self.shape), "nnz": self.nnz, "density": self.density,
            "mode": self.mode, "colors": self.colors,
        }  # fmt: skip

    def __repr__(self) -> str:
        rows, columns = self.shape
        return f"<Sparsity {rows} × {columns}, {self.nnz} entries, {self.colors} colours>"

    def __str__(self) -> str:
        rows, columns = self.shape
        sweep = {"forward": "columns", "reverse": "rows", "symmetric": "columns, symmetric"}
        head = (
            f"{rows} × {columns}, {self.nnz:,} entries ({self.density:.3g} of all), "
            f"{self.colors} colours ({sweep[self.mode]})"
        )
        if max(rows, columns) > SHOWN:
            return head
        lines = ("".join("●" if entry else "·" for entry in row) for row in self.pattern.toarray())
        return "\n".join([head, *lines])

    def _repr_html_(self) -> str:
        rows, columns = self.shape
        if max(rows, columns) > SHOWN * 4:
            return f"<pre>{self}</pre>"
        found = self.pattern.tocoo()
        cells = "".join(
            f'<rect x="{j * _CELL}" y="{i * _CELL}" width="{_CELL}" height="{_CELL}"/>'
            for i, j in zip(found.row.tolist(), found.col.tolist(), strict=True)
        )
        width, height = columns * _CELL, rows * _CELL
        box = f'<rect width="{width}" height="{height}" fill="none" stroke="currentColor"/>'
        head = str(self).partition("\n")[0]
        return (
            f'<figure><svg width="{width}" height="{height}" role="img" aria-label="{head}" '
            f'fill="currentColor">{box}{cells}</svg><figcaption>{head}</figcaption></figure>'
        )


def sparsity(
    f: Differentiable, *args: Any, argnums: Argnums = None, hessian: bool = False, **kwargs: Any
) -> Sparsity:
    """The sparsity pattern of the Jacobian of ``f`` at these arguments, with its colours.

    The pattern is that of the expression graph: an entry outside it is zero for all values (in
    the branches taken at these).  With ``hessian`` it is that of the Hessian of a scalar-valued
    ``f``.  One argument is differentiated by, and it is one array, as is the output.

    Raises
    ------
    UnsupportedError
        For arguments or outputs that are trees, and for patterns that are nearly full.
    ShapeError
        With ``hessian``, when ``f`` does not return one float scalar.

    Source: Curtis, Powell & Reid 1974; Gebremedhin, Manne & Pothen 2005.

    >>> import numpy as np, diffkit as dk
    >>> print(dk.sparsity(lambda x: x[1:] - x[:-1] ** 2, np.ones(5)))
    4 × 5, 8 entries (0.4 of all), 2 colours (columns)
    ●●···
    ·●●··
    ··●●·
    ···●●
    """
    call = Call(function_of(f), args, kwargs, argnums)
    graph = fitted_graph(call.bound.graph_for(call.leaves), call.leaves)
    wrt = one_array(graph, call, "sparsity", outputs=not hessian)
    return hessian_sparsity(graph, wrt) if hessian else jacobian_sparsity(graph, wrt)


def one_array(graph: Graph, call: Call, what: str, outputs: bool = True) -> int:
    """The one input that moves.

    Raises
    ------
    UnsupportedError
        When several move, or the output is not one array.
    """
    if len(call.wrt) != 1:
        raise UnsupportedError(
            f"{what}: a sparse matrix has one argument to differentiate by, not {len(call.wrt)}",
            hint="put the numbers into one array and take it apart inside the function.",
        )
    if outputs and len(graph.output_nodes) != 1:
        raise UnsupportedError(
            f"{what}: a sparse matrix needs one output, not {len(graph.output_nodes)}",
            hint="join the outputs with np.concatenate.",
        )
    return call.wrt[0]


def jacobian_sparsity(graph: Graph, wrt: int, mode: str = "") -> Sparsity:
    """The pattern of a graph's Jacobian, coloured by columns or by rows, whichever needs fewer.

    ``mode`` (``"forward"`` or ``"reverse"``) decides instead.
    """
    key = ("sparsity", wrt, mode)
    if key not in graph.cache:
        pattern = jacobian_pattern(graph, 0, wrt)
        found = []
        if mode != "reverse":
            found.append(Sparsity(pattern, "forward", color_columns(pattern)))
        if mode != "forward" and not (found and _is_least(found[0])):
            found.append(Sparsity(pattern, "reverse", color_columns(pattern.T.tocsr())))
        graph.cache[key] = min(found, key=lambda one: one.colors)
    return graph.cache[key]


def _is_least(columns: Sparsity) -> bool:
    """Whether rows cannot need fewer colours: some column has that many entries."""
    tallest = int(np.diff(columns.pattern.tocsc().indptr).max(initial=0))
    return columns.colors <= tallest


def hessian_sparsity(graph: Graph, wrt: int) -> Sparsity:
    """The pattern of the Hessian of a graph with one scalar output, in a star colouring."""
    key = ("hessian sparsity", wrt)
    if key not in graph.cache:
        scalar_output(graph)
        pattern = jacobian_pattern(gradient_alone(graph, (wrt,)), 0, wrt)
        pattern = (pattern + pattern.T).tocsr()
        pattern.sort_indices()
        graph.cache[key] = Sparsity(pattern, "symmetric", color_symmetric(pattern))
    return graph.cache[key]
