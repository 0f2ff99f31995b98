"""Indexing and shaping: entries picked, moved, padded, repeated, summed along, and put in order.

What each function of NumPy means is in its reference, *Array manipulation routines*, *Indexing
routines* and *Sorting, searching, and counting*.  Every result enters a sum with unequal weights,
so that a wrong place shows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from trial import TrialSet

trials = TrialSet("NumPy's reference")
V = np.array([0.7, -1.3, 2.1, 0.4, -0.6])
M = np.array([[0.5, -1.1, 2.0, 0.3], [1.7, 0.9, -0.4, 1.2], [-0.8, 0.6, 1.4, -1.5]])
NO_ORDER = ("symbolic",)  # the order of symbols is not known
C = np.array([[0.4, -0.2], [1.1, 0.8]])


def weighed(y: Any) -> Any:
    """Σ wₖ sin yₖ with w = 1, 2, 3, …"""
    flat = np.ravel(y)
    return np.sum(np.arange(1, flat.size + 1) * np.sin(flat))


# Picking ------------------------------------------------------------------------------------------


@trials.at(M)
def fancy_index(m: Any) -> Any:
    return weighed(m[[2, 0, 2], [1, 3, 1]])


@trials.at(M)
def fancy_index_beside_slice(m: Any) -> Any:
    return weighed(m[::-1, [0, 0, 3]])


@trials.at(M)
def fancy_index_between_backward_slices(m: Any) -> Any:
    return weighed(m.reshape(3, 2, 2)[::-1, [0, 1, 1], ::-1])


@trials.at(M)
def open_mesh(m: Any) -> Any:
    return weighed(m[np.ix_([2, 0], [1, 3])])


@trials.at(M)
def static_mask(m: Any) -> Any:
    return weighed(m[np.eye(3, 4, dtype=bool)])


@trials.at(V)
def mask_of_positive(v: Any) -> Any:
    return weighed(v[v > 0])


@trials.at(M, refuses=NO_ORDER)
def along_the_argsort(m: Any) -> Any:
    return weighed(np.take_along_axis(m, np.argsort(m, axis=1), axis=1))


@trials.at(M)
def taken(m: Any) -> Any:
    return weighed(np.take(m, [3, 0, 3], axis=1)) + weighed(m.take([0, 5, 5]))


@trials.at(V)
def selected_by_cases(v: Any) -> Any:
    return weighed(np.select([v > 1, v > 0], [v**3, v], default=np.exp(v)))


@trials.at(V)
def pieces(v: Any) -> Any:
    return weighed(np.piecewise(v, [v < 0, v >= 1], [np.cos, lambda x: x**3, 0.5]))


@trials.at(M)
def chosen(m: Any) -> Any:
    return weighed(np.choose([2, 0, 1, 0], m))


@trials.at(V)
def compressed(v: Any) -> Any:
    return weighed(np.compress([True, False, True, True], v)) + weighed(np.extract(v < 0, v))


@trials.at(M)
def diagonals(m: Any) -> Any:
    return weighed(np.diag(m, 1)) + weighed(np.diagonal(m, -1)) + np.trace(m, 2)


@trials.at(M)
def triangles(m: Any) -> Any:
    return weighed(np.tril(m, -1)) + weighed(np.triu(m, 1) ** 2)


@trials.at(V)
def symmetric_from_triangle(v: Any) -> Any:
    full = np.zeros((2, 2))
    upper = np.array([[v[0], v[1]], [0.0, v[2]]])
    return weighed(full + upper + np.triu(upper, 1).T)


@trials.at(V)
def last_and_ellipsis(v: Any) -> Any:
    return weighed(v[..., None, -3:] * v[:2, np.newaxis])


# Moving -------------------------------------------------------------------------------------------


@trials.at(M)
def padded_by_reflection(m: Any) -> Any:
    return weighed(np.pad(m, ((1, 0), (2, 1)), mode="reflect"))


@trials.at(M)
def padded_by_symmetry(m: Any) -> Any:
    return weighed(np.pad(m, 1, mode="symmetric"))


@trials.at(V)
def padded_by_edges_and_wrapping(v: Any) -> Any:
    return weighed(np.pad(v, (2, 1), "edge")) + weighed(np.pad(v, 3, "wrap"))


@trials.at(V, 0.6)
def padded_by_a_value(v: Any, edge: Any) -> Any:
    return weighed(np.pad(v, (1, 2), constant_values=edge))


@trials.at(M)
def rolled(m: Any) -> Any:
    return weighed(np.roll(m, (1, -2), axis=(0, 1)))


@trials.at(M)
def turned_and_flipped(m: Any) -> Any:
    return weighed(np.rot90(m)) + weighed(np.flip(m, 1) ** 2)


@trials.at(M, source="Laplace's operator by five points")
def laplacian_stencil(m: Any) -> Any:
    around = np.roll(m, 1, 0) + np.roll(m, -1, 0) + np.roll(m, 1, 1) + np.roll(m, -1, 1)
    return np.sum((around - 4 * m) ** 2)


@trials.at(C, np.array([[1.0, -0.5, 0.3]]))
def kronecker_product(a: Any, b: Any) -> Any:
    return weighed(np.kron(a, b))


@trials.at(C, C + 1)
def blocks(a: Any, b: Any) -> Any:
    return weighed(np.block([[a, b], [b.T, np.zeros((2, 2))]]))


@trials.at(V)
def tiled_and_repeated(v: Any) -> Any:
    return weighed(np.tile(v, (2, 2))) + weighed(np.repeat(v, [1, 0, 2, 3, 1]))


@trials.at(V[:3], V[3:])
def mesh(x: Any, y: Any) -> Any:
    rows, columns = np.meshgrid(x, y)
    return weighed(np.exp(-rows * columns))


@trials.at(V)
def windows(v: Any) -> Any:
    return weighed(np.lib.stride_tricks.sliding_window_view(v, 3).max(axis=1))


@trials.at(M)
def split_and_stacked(m: Any) -> Any:
    left, right = np.hsplit(m, 2)
    return weighed(np.stack([left, right], axis=-1)) + weighed(np.vstack([right, left]))


@trials.at(M)
def axes_moved(m: Any) -> Any:
    cube = np.expand_dims(m, 0).reshape(2, 3, 2, order="F")
    return weighed(np.moveaxis(cube, 0, -1)) + weighed(cube.swapaxes(0, 2))


@trials.at(V)
def inserted_and_deleted(v: Any) -> Any:
    return weighed(np.delete(np.insert(v, 2, v[0] * v[1]), 4))


# Products -----------------------------------------------------------------------------------------


@trials.at(M, C)
def einsum_trace_form(m: Any, c: Any) -> Any:
    return np.einsum("ij,kj,ik->", m[:2], m[1:], c)


@trials.at(C)
def einsum_diagonal(c: Any) -> Any:
    return weighed(np.einsum("ii->i", c)) + np.einsum("ii", c) ** 2


@trials.at(M)
def einsum_ellipsis(m: Any) -> Any:
    return weighed(np.einsum("...j,...j->...", m, m))


@trials.at(M, C)
def tensor_product_over_axes(m: Any, c: Any) -> Any:
    return weighed(np.tensordot(m.reshape(3, 2, 2), c, axes=([2, 1], [0, 1])))


@trials.at(V[:3], V[2:])
def cross_product(a: Any, b: Any) -> Any:
    return weighed(np.cross(a, b))


@trials.at(M)
def batched_products(m: Any) -> Any:
    cube = m.reshape(3, 2, 2)
    return weighed(cube @ np.swapaxes(cube, 1, 2))


# Along an axis ------------------------------------------------------------------------------------


@trials.at(M)
def cumulative_sums(m: Any) -> Any:
    return weighed(np.cumsum(m, axis=1)) + weighed(np.cumsum(m))


@trials.at(V)
def cumulative_products(v: Any) -> Any:
    return weighed(np.cumprod(v))


@trials.at([0.7, 0.0, 2.1, 0.0, -0.6], source="a product with two zeros")
def cumulative_products_past_zero(v: Any) -> Any:
    return weighed(np.cumprod(v))


@trials.at(V, refuses=NO_ORDER)
def running_maximum(v: Any) -> Any:
    return weighed(np.maximum.accumulate(v))


@trials.at(M)
def differences(m: Any) -> Any:
    return weighed(np.diff(m, n=2, axis=1)) + weighed(np.diff(m, axis=0, prepend=0.0))


@trials.at(V, source="unequal steps, Fornberg 1988")
def numerical_gradient(v: Any) -> Any:
    return weighed(np.gradient(v**2, np.array([0.0, 0.5, 0.7, 1.5, 2.0]), edge_order=2))


@trials.at(V, [0.0, 0.5, 0.7, 1.5, 2.0])
def trapezoids(y: Any, x: Any) -> Any:
    return np.trapezoid(y**2, x)


@trials.at([0.3, 1.2, 1.9], V, refuses=NO_ORDER)
def interpolated(x: Any, values: Any) -> Any:
    return weighed(np.interp(x, [0.0, 0.5, 0.7, 1.5, 2.0], values))


@trials.at(V, [0.5, -0.2, 0.9])
def convolved(signal: Any, kernel: Any) -> Any:
    return weighed(np.convolve(signal, kernel, "same")) + weighed(np.convolve(signal, kernel))


@trials.at(V, [0.5, -0.2, 0.9])
def correlated(signal: Any, kernel: Any) -> Any:
    return weighed(np.correlate(signal, kernel, "full"))


@trials.at([1.0, -0.5, 0.3, 2.0], 0.7)
def polynomial_values(coefficients: Any, x: Any) -> Any:
    return np.polyval(coefficients, x) * np.polyval(np.polyder(coefficients), x)


@trials.at(M)
def parts_of_a_sum(m: Any) -> Any:
    return np.sum(m**2, where=M > 0) + np.mean(m, axis=(0, 1)) * np.max(m, initial=1.9)


# In order -----------------------------------------------------------------------------------------


@trials.at(M, refuses=NO_ORDER)
def sorted_columns(m: Any) -> Any:
    return weighed(np.sort(m, axis=0))


@trials.at(M, refuses=NO_ORDER)
def middle_values(m: Any) -> Any:
    return weighed(np.median(m, axis=1)) + np.median(m)


@trials.at(V, refuses=NO_ORDER)
def quantiles(v: Any) -> Any:
    return weighed(np.quantile(v, [0.1, 0.55, 0.9])) + np.percentile(v, 30, method="nearest")


@trials.at(V, refuses=NO_ORDER)
def partitioned(v: Any) -> Any:
    return np.partition(v, 2)[2] * np.partition(v, 1)[:2].sum()


@trials.at(
    V, source="the sum of the three greatest, Boyd & Vandenberghe 2004, §3.2.3", refuses=NO_ORDER
)
def sum_of_the_greatest(v: Any) -> Any:
    return np.sum(v[np.argsort(v)[-3:]] ** 2)


@trials.at(V, source="Gini 1912", refuses=NO_ORDER)
def gini_coefficient(v: Any) -> Any:
    wealth = np.sort(np.exp(v))
    ranks = np.arange(1, 6)
    return 2 * np.sum(ranks * wealth) / (5 * np.sum(wealth)) - 6 / 5


@trials.at(V, refuses=NO_ORDER)
def places_of_extremes(v: Any) -> Any:
    return v[np.argmax(v)] * v[v.argmin()] + np.ptp(v) ** 2
