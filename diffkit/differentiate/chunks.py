"""Derivatives in several directions at once: whole Jacobians in chunks.

    (ẋ₁, …, ẋ_K) ↦ (J ẋ₁, …, J ẋ_K)        one program for K columns
    (ȳ₁, …, ȳ_K) ↦ (Jᵀ ȳ₁, …, Jᵀ ȳ_K)      one program for K rows

The pushforward (or pullback) of a function is a graph; mapped over its directions by the sweep of
``batch_sweep.py`` it is a graph again, in which the function itself is computed once for all K
and every tangent is an array with K rows.  A Jacobian with more columns than K takes several runs
of that one program, so its memory grows with K and not with the number of columns, and its
entries do not depend on K but for the order of sums within matrix products.

Griewank & Walther 2008, section 3.1, call it vector mode; the chunks are those of Revels, Lubin &
Papamarkou 2016, *Forward-mode automatic differentiation in Julia*, where more directions than fit
the registers no longer pay.  Here the rows must fit the first caches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple

import numpy as np

from diffkit.differentiate.batch_sweep import batched_graph
from diffkit.errors import InputError
from diffkit.graph.avals import Aval
from diffkit.graph.ir import Graph

__all__ = [
    "Chunked",
    "Directions",
    "Prepare",
    "Rows",
    "checked_chunk",
    "chunk_size",
    "group_places",
    "is_finite",
]

# Directions per run: measured on elementwise functions and nets, where more than 16 rows leave
# the caches and fewer leave the primal values without company (tests/benchmarks/second_order.py).
CHUNK, WIDE_CHUNK = 8, 16
# From so many directions on the wider chunk is taken.
WIDE = 64

Prepare = Callable[[Graph], Callable[[Sequence[Any]], list[Any]]]


def checked_chunk(chunk: Any) -> int | None:
    """An option ``chunk`` as an integer, or None for the automatic choice.

    Raises
    ------
    InputError
        When it is not a positive whole number.

    >>> checked_chunk(np.int64(4)), checked_chunk(None)
    (4, None)
    """
    if chunk is None:
        return None
    if isinstance(chunk, (bool, np.bool_)) or not isinstance(chunk, (int, np.integer)) or chunk < 1:
        raise InputError(
            f"chunk={chunk!r} is not a number of directions",
            hint="use a positive whole number, or None for the automatic choice.",
        )
    return int(chunk)


def is_finite(y: Any) -> bool:
    """Whether every number of a result is finite.

    >>> is_finite(np.array([1.0, 2.0])), is_finite(np.array([1.0, np.nan])), is_finite(np.inf)
    (True, False, False)
    """
    return bool(np.isfinite(y).all())


def chunk_size(count: int, chunk: int | None = None) -> int:
    """How many directions run at once, so that all runs have (nearly) the same number.

    >>> chunk_size(3), chunk_size(20), chunk_size(100), chunk_size(100, 64)
    (3, 7, 15, 50)
    """
    most = chunk if chunk is not None else WIDE_CHUNK if count >= WIDE else CHUNK
    runs = max(1, -(-count // most))
    return -(-count // runs)


def group_places(sizes: Sequence[int], most: int) -> list[list[int]]:
    """Which arguments share their runs: small ones do, each larger one has runs of its own.

    >>> group_places([1, 1, 100, 2], 8)
    [[0, 1, 3], [2]]
    """
    small = [place for place, size in enumerate(sizes) if 0 < size < most]
    large = [[place] for place, size in enumerate(sizes) if size >= most]
    return [small, *large] if small else large


@dataclass(frozen=True)
class Directions:
    """Unit directions of several arrays, numbered through all their elements."""

    avals: tuple[Aval, ...]

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(of.size for of in self.avals)

    def seeds(self, width: int) -> list[np.ndarray]:
        """Zeros for ``width`` directions of every array."""
        return [np.zeros((width, *of.shape), of.dtype) for of in self.avals]

    def mark(self, seeds: Sequence[np.ndarray], start: int, value: int) -> None:
        """Write ``value`` where directions ``start``, ``start + 1``, … have their ones."""
        width, before = len(seeds[0]), 0
        for seed, of in zip(seeds, self.avals, strict=True):
            first = max(start, before)
            last = min(start + width, before + of.size)
            if first < last:  # ones down a diagonal: a step of one row and one column
                begin, step = (first - start) * of.size + first - before, of.size + 1
                seed.reshape(-1)[begin : begin + (last - first - 1) * step + 1 : step] = value
            before += of.size


class Rows(NamedTuple):
    """What all runs gave: the values, the derivatives, and whether the latter are finite."""

    values: list[Any]
    derivatives: list[np.ndarray]
    finite: bool


class Chunked:
    """A pushforward or pullback that runs on chunks of unit directions.

    ``swept`` takes the fixed inputs first and the directions after them, and gives ``n_values``
    outputs that no direction changes before the derivatives.
    """

    def __init__(
        self, swept: Graph, n_fixed: int, n_values: int, prepare: Prepare, chunk: int | None = None
    ) -> None:
        avals = [swept.columns.avals[node] for node in swept.input_nodes[n_fixed:]]
        self.directions = Directions(tuple(avals))
        self.n_values = n_values
        self.width = chunk_size(self.directions.count, chunk)
        self.run = prepare(batched_directions(swept, n_fixed, n_values, self.width))
        self.results = [swept.columns.avals[node] for node in swept.output_nodes[n_values:]]

    def runs(self, leaves: Sequence[Any]) -> Iterator[tuple[int, int, list[Any]]]:
        """For every run: the first direction, how many there are, and the outputs."""
        directions, count = self.directions, self.directions.count
        seeds = directions.seeds(self.width)
        inputs = [*leaves, *seeds]
        for start in range(0, count, self.width):
            directions.mark(seeds, start, 1)
            yield start, min(self.width, count - start), self.run(inputs)
            # only now: where a derivative is 1, the interpreter's result is the seed itself
            directions.mark(seeds, start, 0)

    def rows(self, leaves: Sequence[Any]) -> Rows:
        """The values, and per derivative the results of all directions along axis 0."""
        count, finite = self.directions.count, True
        values: list[Any] = []
        found = [np.empty((count, *y.shape), y.dtype) for y in self.results]
        for start, width, outputs in self.runs(leaves):
            values = outputs[: self.n_values]
            for whole, part in zip(found, outputs[self.n_values :], strict=True):
                whole[start : start + width] = part[:width]
                finite = finite and is_finite(part)
        return Rows(values, found, finite)

    def rows_by_place(self, leaves: Sequence[Any]) -> tuple[Rows, list[list[np.ndarray]]]:
        """All results, and those of ``[place][derivative]`` with the shape of both."""
        rows = self.rows(leaves)
        by_place, start = [], 0
        for of in self.directions.avals:
            by_place.append([
                part[start : start + of.size].reshape(of.shape + y.shape)
                for part, y in zip(rows.derivatives, self.results, strict=True)
            ])  # fmt: skip
            start += of.size
        return rows, by_place


def batched_directions(swept: Graph, n_fixed: int, n_values: int, width: int) -> Graph:
    """The graph of ``width`` directions at once; values that need none stay single."""
    axes = (None,) * n_fixed + (0,) * (len(swept.input_nodes) - n_fixed)
    out = (None,) * n_values + (0,) * (len(swept.output_nodes) - n_values)
    return batched_graph(swept, axes, width, out)


def columns_last(rows: np.ndarray, ndim: int) -> np.ndarray:
    """Rows of shape x.shape + y.shape as a block of shape y.shape + x.shape.

    >>> columns_last(np.zeros((2, 3, 5)), 1).shape
    (3, 5, 2)
    """
    into, out = rows.shape[:ndim], rows.shape[ndim:]
    flat = rows.reshape(prod(into), prod(out))
    return np.ascontiguousarray(flat.T).reshape(out + into)
