"""Sparse Jacobians and Hessians: one sweep per colour, and every number put into its place.

    B = J S,   S the seed matrix of a colouring;   J[i, j] = B[i, colour of j]

A plan is made once for a graph: the pattern, the colours, the chunked program of the sweeps
(``chunks.py``) and, for every entry in CSR order, where it stands among the results.  A further
call is one run of the program for every chunk of colours and one gather.

Reading on: Curtis, Powell & Reid 1974, *On the estimation of sparse Jacobian matrices*; Coleman &
Moré 1984 for Hessians; Gebremedhin, Manne & Pothen 2005.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from diffkit.differentiate.calls import Argnums, Call, dispatch
from diffkit.differentiate.chunks import Prepare, batched_directions, checked_chunk, chunk_size
from diffkit.differentiate.coloring import star_places
from diffkit.differentiate.curvature import hessian_product_graph
from diffkit.differentiate.directional import Differentiable
from diffkit.differentiate.forward import fitted_graph, pushforward_graph
from diffkit.differentiate.function import function_of
from diffkit.differentiate.method import Method
from diffkit.differentiate.repeats import Answer, Repeats, bound_runner
from diffkit.differentiate.reverse import pullback_graph, scalar_output
from diffkit.differentiate.sparsity import (
    Sparsity,
    hessian_sparsity,
    jacobian_sparsity,
    one_array,
)
from diffkit.engines.calling import runner_of, warn_of_nan
from diffkit.errors import UnsupportedError
from diffkit.graph.ir import Graph

__all__ = ["Compressed", "sparse_derivative"]


class Compressed:
    """A plan to compute one sparse derivative of a graph at any arguments."""

    def __init__(
        self, graph: Graph, wrt: int, found: Sparsity, prepare: Prepare, chunk: int | None = None
    ) -> None:
        self.sparsity = found
        self.swept, self.n_values = _swept(graph, wrt, found.mode)
        self.n_fixed = len(graph.input_nodes)
        of = self.swept.columns.avals[self.swept.input_nodes[self.n_fixed]]
        result = self.swept.columns.avals[self.swept.output_nodes[-1]]
        self.width = max(1, chunk_size(found.colors, chunk))
        runs = -(-found.colors // self.width)
        seeds = np.zeros((runs * self.width, *of.shape), of.dtype)
        seeds[: found.colors] = found.seeds(of.dtype).reshape(found.colors, *of.shape)
        self.seeds = np.split(seeds, runs) if runs else []
        if self.seeds:
            many = batched_directions(self.swept, self.n_fixed, self.n_values, self.width)
            self.run = prepare(many)
        self.size, self.dtype = result.size, result.dtype
        self.places = _places(found, self.size)

    def __call__(self, leaves: Sequence[Any]) -> Any:
        """The matrix as a ``scipy.sparse.csr_array``."""
        from scipy.sparse import csr_array

        pattern = self.sparsity.pattern
        # the pattern is the plan's own: the caller may change the matrix in place
        indices, starts = pattern.indices.copy(), pattern.indptr.copy()
        return csr_array((self.entries(leaves), indices, starts), shape=pattern.shape)

    def entries(self, leaves: Sequence[Any]) -> np.ndarray:
        """The entries of the pattern, in CSR order."""
        results = [self.run([*leaves, seeds])[-1] for seeds in self.seeds]
        if not results:
            return np.zeros(0, self.dtype)
        whole = results[0] if len(results) == 1 else np.concatenate(results)
        return whole.reshape(-1)[self.places]

    def warn_of_nan(self, leaves: Sequence[Any], entries: np.ndarray) -> None:
        """Say where a NaN was born."""
        if np.isnan(entries).any() and self.seeds:
            seed = self.seeds[0].any(axis=0).astype(self.dtype)[()]
            warn_of_nan(self.swept, [*leaves, seed], [entries])


def _swept(graph: Graph, wrt: int, mode: str) -> tuple[Graph, int]:
    """The graph of one sweep, and how many of its outputs are values."""
    if mode == "symmetric":
        return hessian_product_graph(graph, (wrt,)), 0
    sweep = pullback_graph if mode == "reverse" else pushforward_graph
    return sweep(graph, (wrt,)), 1


def _places(found: Sparsity, size: int) -> np.ndarray:
    """For every entry in CSR order, its place among the results of all colours."""
    pattern = found.pattern
    rows = np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr))
    columns = pattern.indices.astype(np.int64)
    if found.mode == "symmetric":
        color, entry = star_places(pattern, found.coloring)
    elif found.mode == "forward":
        color, entry = found.coloring[columns], rows
    else:
        color, entry = found.coloring[rows], columns
    return color * size + entry


def sparse_derivative(
    f: Differentiable, argnums: Argnums, method: Method, engine: str, hessian: bool
) -> Callable[..., Any]:
    """The function behind ``jacobian(f, sparse=True)`` and ``hessian(f, sparse=True)``.

    Raises
    ------
    UnsupportedError
        For methods other than forward and reverse mode, inside a capture, and for trees.
    """
    what = "hessian" if hessian else "jacobian"
    if method.name not in ("forward", "reverse"):
        raise UnsupportedError(
            f"{what}: method {method.name!r} computes no sparse matrix",
            hint='use method="forward" or method="reverse".',
        )
    function, mode = function_of(f), "forward" if method.name == "forward" else ""
    chunk = checked_chunk(getattr(method, "chunk", None))
    repeats = Repeats([function], engine)

    def plan(graph: Graph, wrt: int, prepare: Prepare) -> Compressed:
        found = hessian_sparsity(graph, wrt) if hessian else jacobian_sparsity(graph, wrt, mode)
        return Compressed(graph, wrt, found, prepare, chunk)

    def concrete(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call = Call(function, args, kwargs, argnums)
        graph = fitted_graph(call.bound.graph_for(call.leaves), call.leaves)
        wrt = one_array(graph, call, what, outputs=not hessian)
        if hessian:
            scalar_output(graph)
        key = ("compressed", what, wrt, mode, chunk, engine)
        if key not in graph.cache:
            graph.cache[key] = plan(graph, wrt, partial(runner_of, engine=engine))
        found = graph.cache[key](call.leaves)
        graph.cache[key].warn_of_nan(call.leaves, found.data)
        if not kwargs:
            prepare = partial(bound_runner, engine=engine)
            repeats.remember(args, [graph], lambda: _again(plan(graph, wrt, prepare)))
        return found

    def traced() -> Any:
        raise UnsupportedError(
            f"{what}: a sparse matrix is no array and cannot be used inside a traced function",
            hint="leave out sparse=True there.",
        )

    def sparse_matrix(*args: Any, **kwargs: Any) -> Any:
        if repeats.calls and not kwargs and (answer := repeats(args)) is not None:
            return answer
        return dispatch((args, kwargs), traced, lambda: concrete(args, kwargs))

    return sparse_matrix


def _again(compressed: Compressed) -> Answer:
    """The matrix at further arguments; None where a number is not finite."""

    def answer(args: Sequence[Any]) -> Any:
        found = compressed(args)
        return found if np.isfinite(found.data).all() else None

    return answer
