"""Functions of linear algebra with the points they are tested at: one list feeds every test.

Matrices are far from singular, eigenvalues and singular values far from each other, and no number
lies at a kink.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import diffkit as dk

__all__ = ["ALL_CASES", "REGULAR", "SYMMETRIC", "TALL", "Case"]

L, S, SP = np.linalg, dk.scipy.linalg, dk.scipy.special

REGULAR = np.array([[2.1, -0.3, 0.2], [-0.4, 1.7, 0.5], [0.3, 0.1, 1.4]])
SYMMETRIC = REGULAR + REGULAR.T
TALL = np.array([[1.9, -0.4], [-0.3, 1.3], [-0.8, -0.6]])
VECTOR = np.array([1.0, 2.0, 3.5])
BATCH = np.stack([REGULAR, SYMMETRIC])
TENSOR = np.eye(6).reshape(2, 3, 6) + 0.1 * np.sqrt(np.arange(36.0)).reshape(2, 3, 6)
CUBE = np.arange(24.0).reshape(2, 3, 4) ** 1.1 - 9.3
PAIR = np.ones((2, 3))

INF = np.inf


@dataclass(frozen=True)
class Case:
    """A function, its arguments, and whether the complex step applies to it."""

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    analytic: bool = True

    def loss(self, *x: Any) -> Any:
        """A scalar that depends on every element of the result."""
        return np.sum(np.sin(self.function(*x)))


def _case(name: str, function: Callable[..., Any], *x: Any, analytic: bool = True) -> Case:
    return Case(name, function, x, analytic)


def _norms() -> list[Case]:
    cases = []
    for order in (None, "fro", 1, -1, INF, -INF, 2, -2, "nuc"):
        smooth = order not in (2, -2, "nuc")
        cases.append(_case(f"norm of a matrix {order}", lambda a, o=order: L.norm(a, o), TALL,
                           analytic=smooth))  # fmt: skip
        cases.append(_case(f"norms over axes {order}",
                           lambda a, o=order: L.norm(a, o, axis=(2, 0), keepdims=True), CUBE,
                           analytic=smooth))  # fmt: skip
    for order in (None, 2, 1, 0, 3, 2.5, 0.5, -1, -2.5, INF, -INF):
        cases.append(_case(f"norm of a vector {order}", lambda x, o=order: L.norm(x, o), VECTOR))
        cases.append(_case(f"norms of rows {order}", lambda a, o=order: L.norm(a, o, 1), TALL))
    return cases


def _conditions() -> list[Case]:
    return [
        _case(
            f"cond {order}", lambda a, o=order: L.cond(a, o), TALL[:2], analytic=order in (1, "fro")
        )
        for order in (None, 2, -2, 1, "fro")
    ]


ALL_CASES = (
    _case("solve, a vector", L.solve, REGULAR, VECTOR),
    _case("solve, columns", L.solve, REGULAR, TALL),
    _case("solve, a batch", L.solve, BATCH, 0.3 * TALL),
    _case("inv", L.inv, BATCH),
    _case("det", L.det, BATCH),
    _case("slogdet", lambda a: L.slogdet(-a).logabsdet, BATCH),
    _case("cholesky", L.cholesky, SYMMETRIC),
    _case("cholesky, upper", lambda a: L.cholesky(a, upper=True), SYMMETRIC),
    _case("eigh, values", lambda a: L.eigh(a)[0], SYMMETRIC, analytic=False),
    _case("eigh, vectors", lambda a: L.eigh(a).eigenvectors ** 2, SYMMETRIC, analytic=False),
    _case("eigh, upper", lambda a: L.eigh(a, "U")[1] ** 2, SYMMETRIC, analytic=False),
    _case("eigvalsh", L.eigvalsh, SYMMETRIC, analytic=False),
    _case("svd, values", lambda a: L.svd(a, compute_uv=False), TALL, analytic=False),
    _case("svd, U", lambda a: L.svd(a, full_matrices=False).U ** 2, TALL, analytic=False),
    _case("svd, V", lambda a: L.svd(a, full_matrices=False)[2] ** 2, TALL.T, analytic=False),
    _case("svd, square", lambda a: L.svd(a)[0] * L.svd(a)[2].T, REGULAR, analytic=False),
    _case("svdvals", L.svdvals, REGULAR, analytic=False),
    _case("qr", lambda a: np.concatenate(L.qr(a)), TALL, analytic=False),
    _case("qr, wide", lambda a: np.concatenate(L.qr(a), axis=1), TALL.T, analytic=False),
    _case("qr, R alone", lambda a: L.qr(a, "r"), TALL, analytic=False),
    _case("pinv", L.pinv, TALL, analytic=False),
    _case("lstsq", lambda a, b: L.lstsq(a, b)[0], TALL, VECTOR, analytic=False),
    _case("lstsq, residuals", lambda a, b: L.lstsq(a, b)[1], TALL, REGULAR, analytic=False),
    _case("matrix_power 3", lambda a: L.matrix_power(a, 3), 0.5 * REGULAR),
    _case("matrix_power −2", lambda a: L.matrix_power(a, -2), REGULAR),
    _case("multi_dot", lambda a, b: L.multi_dot([VECTOR, a, b, b.T, a]), 0.3 * REGULAR, TALL),
    _case("tensorsolve", L.tensorsolve, TENSOR, PAIR),
    _case("tensorinv", L.tensorinv, TENSOR),
    _case("cross", np.cross, VECTOR, REGULAR),
    _case("cross over axis 0", lambda a, b: L.cross(a, b, axis=0), REGULAR, SYMMETRIC),
    _case("outer", L.outer, VECTOR, 0.1 * VECTOR),
    _case("trace", lambda a: L.trace(a, offset=1), BATCH),
    _case("diagonal", L.diagonal, BATCH),
    _case("vecdot", lambda a, b: L.vecdot(a, b, axis=0), 0.3 * REGULAR, SYMMETRIC),
    _case("kron", np.kron, 0.5 * REGULAR, TALL),
    _case("matvec", lambda a, x: np.matvec(a, x) + np.vecmat(x, a), REGULAR, VECTOR),
    _case("matrix_norm", lambda a: L.matrix_norm(a, ord=1), BATCH),
    _case("vector_norm", lambda a: L.vector_norm(a, ord=3, axis=(0, 2)), BATCH),
    *_norms(),
    *_conditions(),
    _case("scipy solve", S.solve, REGULAR, VECTOR),
    _case("scipy solve, sym", lambda a, b: S.solve(a, b, assume_a="sym"), SYMMETRIC, VECTOR),
    _case("scipy solve, pos", lambda a, b: S.solve(a, b, assume_a="pos"), SYMMETRIC, VECTOR),
    _case("scipy solve, transposed", lambda a: S.solve(a, VECTOR, transposed=True), REGULAR),
    _case("solve_triangular", S.solve_triangular, REGULAR, VECTOR),
    _case("solve_triangular, lower", lambda a: S.solve_triangular(a, TALL, lower=True), REGULAR),
    _case("solve_triangular, transposed, unit",
          lambda a: S.solve_triangular(a, TALL, 1, True, True), REGULAR),
    _case("scipy cholesky", S.cholesky, SYMMETRIC),
    _case("cho_solve", lambda a, b: S.cho_solve(S.cho_factor(a), b), SYMMETRIC, VECTOR),
    _case("cho_solve, lower", lambda a: S.cho_solve(S.cho_factor(a, True), TALL), SYMMETRIC),
    _case("scipy inv", S.inv, REGULAR),
    _case("scipy det", S.det, REGULAR),
    _case("scipy norm", S.norm, TALL),
    _case("expm", S.expm, 0.3 * REGULAR),
    _case("logsumexp", lambda x: SP.logsumexp(x, axis=1, keepdims=True), REGULAR),
    _case("logsumexp, weights", lambda x, b: SP.logsumexp(x, b=b), VECTOR, VECTOR[::-1] - 1.0),
    _case("softmax", lambda x: SP.softmax(x, axis=0), REGULAR),
    _case("log_softmax", SP.log_softmax, REGULAR),
)  # fmt: skip
