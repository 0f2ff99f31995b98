"""Colours: which columns of a sparse matrix can be found in one sweep.

    columns j, k may share a colour   ⇔   no row has a nonzero in both      (Jacobians)

Then one product J s, with a 1 in s for every column of the colour, shows all their entries, each
in rows of its own (Curtis, Powell & Reid 1974; Coleman & Moré 1983).  A Hessian is symmetric, so
each entry need only be found in one of its two places: a *star colouring*, in which every path of
four vertices has three colours, suffices (Coleman & Moré 1984), and an arrow matrix of any size
takes two.

To colour with the fewest colours is NP-hard; both functions here are greedy and go through the
columns twice, in their order and by decreasing degree.  The colours that are forbidden to a column
are kept as the bits of one integer per row, so that the graph of columns, in which a single dense
row makes all columns neighbours, is never built: the work is one bit operation per nonzero.

Reading on: Gebremedhin, Manne & Pothen 2005, *What color is your Jacobian? Graph coloring for
computing derivatives*, SIAM Review 47.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

__all__ = ["color_columns", "color_symmetric", "star_places"]


def color_columns(pattern: Any) -> np.ndarray:
    """A colour for every column of a sparse matrix: columns of one colour share no row.

    >>> from scipy.sparse import csr_array
    >>> color_columns(csr_array(np.tri(5, k=1) * np.tri(5, k=1).T)).tolist()
    [0, 1, 2, 0, 1]
    """
    columns = pattern.tocsc()
    least = int(np.diff(pattern.tocsr().indptr).max(initial=0))
    return _best(_column_colors, columns, least)


def color_symmetric(pattern: Any) -> np.ndarray:
    """A star colouring of the columns of a symmetric matrix.

    >>> arrow = np.eye(6)
    >>> arrow[0], arrow[:, 0] = 1, 1
    >>> from scipy.sparse import csr_array
    >>> color_symmetric(csr_array(arrow)).tolist()
    [0, 1, 1, 1, 1, 1]
    """
    return _best(_star_colors, pattern.tocsc(), 1)


def _best(color: Callable[..., list[int]], columns: Any, least: int) -> np.ndarray:
    """The better of two orders; the first is enough when no order can do with fewer."""
    starts, rows = columns.indptr.tolist(), columns.indices.tolist()
    neighbours = [rows[a:b] for a, b in pairwise(starts)]
    height = columns.shape[0]
    natural = color(neighbours, range(len(neighbours)), height)
    if max(natural, default=-1) + 1 <= least:
        return np.array(natural, dtype=np.int64)
    by_degree = sorted(range(len(neighbours)), key=lambda j: -len(neighbours[j]))
    found = min(natural, color(neighbours, by_degree, height), key=lambda c: max(c, default=-1))
    return np.array(found, dtype=np.int64)


def _lowest_free(forbidden: int) -> int:
    """The lowest bit that is 0.

    >>> _lowest_free(0b1011)
    2
    """
    return (~forbidden & (forbidden + 1)).bit_length() - 1


def _column_colors(rows_of: Sequence[list[int]], order: Sequence[int], height: int) -> list[int]:
    """Greedy distance-2 colouring of columns by way of their rows (GMP 2005, algorithm 3.1)."""
    used = [0] * height
    colors = [0] * len(rows_of)
    for j in order:
        rows, forbidden = rows_of[j], 0
        for i in rows:
            forbidden |= used[i]
        color = colors[j] = _lowest_free(forbidden)
        bit = 1 << color
        for i in rows:
            used[i] |= bit
    return colors


def _star_colors(neighbours: Sequence[list[int]], order: Sequence[int], height: int) -> list[int]:
    """Greedy star colouring (GMP 2005, algorithm 4.1), with the colours around a vertex as bits."""
    around = [0] * height
    colors = [-1] * len(neighbours)
    for v in order:
        forbidden = 0
        for w in neighbours[v]:
            if w == v:
                continue
            if colors[w] < 0:
                forbidden |= around[w]
            else:
                bit = 1 << colors[w]
                forbidden |= bit | (around[w] & (bit - 1))
        colors[v] = _lowest_free(forbidden)
        bit = 1 << colors[v]
        for w in neighbours[v]:
            if w != v:
                around[w] |= bit
    return colors


def star_places(pattern: Any, colors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the entries of a symmetric matrix in CSR order stand among its products.

    Entry (i, j) is entry i of the product for the colour of j, if no other neighbour of i has that
    colour, and entry j of the product for the colour of i otherwise.  Returns the colour and the
    entry for each.
    """
    rows = np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr))
    columns = pattern.indices.astype(np.int64)
    count = int(colors.max(initial=-1)) + 1
    _, which, times = np.unique(
        rows * count + colors[columns], return_inverse=True, return_counts=True
    )
    alone = times[which] == 1
    return np.where(alone, colors[columns], colors[rows]), np.where(alone, rows, columns)
