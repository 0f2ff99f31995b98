"""Singular, deficient and tied matrices: right numbers where there are any, our words elsewhere."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.capture.capturing import trace
from diffkit.comparison.rules_trial import difference
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines.interpret import run
from diffkit.errors import (
    InputError,
    KinkWarning,
    LinearAlgebraError,
    NotAnalyticError,
    ShapeError,
    UnsupportedError,
)

L: Any = np.linalg
ENGINES = ("interpret", "machine")
RANK_1 = np.outer([1.0, 2.0, 3.0], [1.0, 0.0, 2.0])
ZERO, EYE = np.zeros((3, 3)), np.eye(3)
CLOSE = 1e-11


def near(got: Any, wanted: Any) -> None:
    np.testing.assert_allclose(got, wanted, rtol=0, atol=CLOSE)


def quietly(f: Callable[..., Any], *x: Any, **options: Any) -> Any:
    """A gradient that must not warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return dk.grad(f, **options)(*x)


# Determinants of singular matrices ----------------------------------------------------------------


@pytest.mark.parametrize("a", [ZERO, RANK_1, np.diag([1.0, 2.0, 0.0]), np.ones((2, 2)),
                               np.array([[0.0]]), np.diag([0.0, 0.0, 2.0, 3.0])])  # fmt: skip
@pytest.mark.parametrize("engine", ENGINES)
def test_determinants_of_singular_matrices_to_the_third_order(a: Any, engine: str) -> None:
    """Cofactors by minors: row i and column j taken out."""
    minors = [[(-1) ** (i + j) * L.det(np.delete(np.delete(a, i, 0), j, 1))
               for j in range(len(a))] for i in range(len(a))]  # fmt: skip
    near(quietly(L.det, a, engine=engine), minors)
    near(quietly(L.det, a, method="forward", engine=engine), minors)
    near(dk.grad(L.det, method="complex", engine=engine)(a), minors)

    def second(a: Any) -> Any:
        return np.sum(np.sin(dk.grad(lambda b: np.sum(dk.grad(L.det)(b) ** 3 + b))(a)))

    graph = gradient_graph(trace(second, a))
    direction = np.round(np.random.default_rng(1).normal(size=a.shape), 2)
    exact = difference(graph, [a], [0], [direction])[0]
    near(np.vdot(run(graph, [a])[1], direction), exact)


def test_logarithms_of_singular_determinants_have_no_derivative() -> None:
    assert trace(lambda a: L.slogdet(a)[1], RANK_1)(ZERO) == -np.inf
    with pytest.raises(LinearAlgebraError, match="singular"):
        dk.grad(lambda a: L.slogdet(a)[1])(RANK_1)


# Norms --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [None, "fro", "nuc", 2, -2, 1, -1, np.inf, -np.inf])
@pytest.mark.parametrize("engine", ENGINES)
def test_matrix_norms_at_zero(order: Any, engine: str) -> None:
    near(quietly(lambda a: L.norm(a, order), ZERO, engine=engine), ZERO)


@pytest.mark.parametrize("order", [None, 1, 2, 3, 2.5, 0.5, 0, -1, -2.5, np.inf, -np.inf])
@pytest.mark.parametrize("engine", ENGINES)
def test_vector_norms_at_zero_and_with_a_zero(order: Any, engine: str) -> None:
    def f(x: Any) -> Any:
        return L.norm(x, order)

    near(quietly(f, np.zeros(3), engine=engine), 0.0)
    slope = quietly(f, np.array([1.0, 0.0, 2.0]), engine=engine)
    assert np.isfinite(slope).all() and slope[1] == 0.0
    if order in (3, 2.5, 2):
        near(slope, np.array([1.0, 0.0, 2.0]) ** (order - 1) / f([1.0, 0.0, 2.0]) ** (order - 1))


def test_ties_share_evenly() -> None:
    near(quietly(lambda a: L.norm(a, 2), EYE), EYE / 3)
    u, _, vt = L.svd(RANK_1)
    near(quietly(lambda a: L.norm(a, "nuc"), RANK_1), np.outer(u[:, 0], vt[0]))


# Repeated eigenvalues -----------------------------------------------------------------------------


Q = L.qr(np.array([[1.0, 2.0, 0.0], [0.5, -1.0, 3.0], [2.0, 0.0, 1.0]]))[0]
REPEATED = Q @ np.diag([1.0, 1.0, 4.0]) @ Q.T


@pytest.mark.parametrize("a", [EYE, REPEATED])
@pytest.mark.parametrize("engine", ENGINES)
def test_symmetric_functions_of_repeated_eigenvalues(a: Any, engine: str) -> None:
    """Σ sin λ = tr sin A, whose gradient is cos A; the lower triangle is read."""
    w, v = L.eigh(a)
    whole = (v * np.cos(w)) @ v.T
    lower = np.tril(2 * whole) - np.diag(np.diag(whole))
    for f in (lambda a: np.sum(np.sin(L.eigvalsh(a))), lambda a: np.sum(np.sin(L.eigh(a)[0]))):
        near(quietly(f, a, engine=engine), lower)
        near(quietly(f, a, method="forward", engine=engine), lower)
    near(quietly(lambda a: np.sum(L.svd(a)[1] ** 2), a, engine=engine), 2 * a)


@pytest.mark.parametrize("engine", ENGINES)
def test_vectors_of_repeated_eigenvalues_warn(engine: str) -> None:
    for f in (lambda a: np.sum(L.eigh(a)[1] ** 3), lambda a: np.sum(L.svd(a)[0] ** 3)):
        for a in (EYE, REPEATED):
            with pytest.warns(KinkWarning, match="equal or 0") as caught:
                slope = dk.grad(f, engine=engine)(a)
            assert np.isfinite(slope).all()
            assert caught[0].filename == __file__


def test_the_exponential_is_right_at_ties() -> None:
    exact = difference(trace(lambda a: np.sum(np.sin(dk.scipy.linalg.expm(a))), EYE), [EYE], [0],
                       [RANK_1])[0]  # fmt: skip
    slope = quietly(lambda a: np.sum(np.sin(dk.scipy.linalg.expm(a))), EYE)
    near(np.vdot(slope, RANK_1), exact)


# Rank ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_pseudo_inverse_of_constant_rank(engine: str) -> None:
    """Along a direction that keeps the rank, the derivative is that of x ↦ (x Bᵀ)⁺."""
    b = np.array([1.0, 0.0, 2.0])

    def f(x: Any) -> Any:
        return np.sum(np.sin(L.pinv(x[:, None] * b)))

    with pytest.warns(KinkWarning, match="full rank"):
        slope = dk.grad(f, engine=engine)(np.array([1.0, 2.0, 3.0]))

    def smooth(x: Any) -> Any:
        return np.sum(np.sin(b[:, None] * x / (np.sum(b * b) * np.sum(x * x))))

    near(slope, dk.grad(smooth)(np.array([1.0, 2.0, 3.0])))


def test_ranks_are_integers_without_a_derivative() -> None:
    for a, rank in ((EYE, 3), (RANK_1, 1), (ZERO, 0), (np.ones(2), 1)):
        found = trace(L.matrix_rank, a)(a)
        assert found == rank == L.matrix_rank(a) and np.asarray(found).dtype.kind == "i"
    near(quietly(lambda a: L.matrix_rank(a) * np.sum(a), RANK_1), np.ones((3, 3)))


# Refusals -----------------------------------------------------------------------------------------


def solve_it(a: Any) -> Any:
    return np.sum(L.solve(a, np.ones(3)))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("f", "words"),
    [
        (solve_it, "singular"),
        (lambda a: np.sum(L.inv(a)), "singular"),
        (lambda a: np.sum(L.cholesky(a)), "positive definite"),
        (lambda a: np.sum(dk.scipy.linalg.solve_triangular(a, np.ones(3))), "diagonal has a 0"),
        (lambda a: L.cond(a, 1), "singular"),
    ],
)
def test_singular_matrices_name_the_line(f: Any, words: str, engine: str) -> None:
    graph = trace(f, EYE)
    for call in (lambda: graph(ZERO, engine=engine), lambda: dk.grad(f, engine=engine)(ZERO)):
        with pytest.raises(LinearAlgebraError, match=words) as caught:
            call()
        assert "test_linalg_degenerate.py" in str(caught.value.where)
        assert isinstance(caught.value, L.LinAlgError) and caught.value.hint


def test_a_runner_survives_a_singular_matrix() -> None:
    graph = trace(solve_it, EYE)
    for _ in range(3):
        with pytest.raises(LinearAlgebraError):
            graph(ZERO, engine="machine")
        assert graph(2 * EYE, engine="machine") == 1.5


@pytest.mark.parametrize(
    ("f", "error", "words"),
    [
        (lambda a: L.det(a[:2]), ShapeError, "no square matrices"),
        (lambda a: L.inv(a[0]), ShapeError, "no square matrices"),
        (lambda a: L.svdvals(a[0]), ShapeError, "no matrices"),
        (lambda a: L.solve(a, np.ones(4)), ShapeError, "do not fit"),
        (lambda a: L.solve(a, np.ones((2, 4, 3))[:, :2]), ShapeError, "do not fit"),
        (lambda a: L.lstsq(a, np.ones(4)), ShapeError, "right sides"),
        (lambda a: L.tensorsolve(a, np.ones(2)), ShapeError, "square system"),
        (lambda a: L.tensorinv(a, 0), ShapeError, "no inverse"),
        (lambda a: L.norm(a[None], 2), ShapeError, "not over 3 axes"),
        (lambda a: L.norm(a, "max"), UnsupportedError, "order 'max'"),
        (lambda a: L.norm(a[0], "fro"), UnsupportedError, "order 'fro'"),
        (lambda a: L.svd(a[:2]), UnsupportedError, "full_matrices=True"),
        (lambda a: L.svd(a, hermitian=True), UnsupportedError, "hermitian=True"),
        (lambda a: L.qr(a, "raw"), UnsupportedError, "mode='raw'"),
        (lambda a: L.qr(a[:, :2], "complete"), UnsupportedError, "mode='complete'"),
        (lambda a: L.eigh(a, "X"), InputError, "UPLO"),
        (lambda a: L.eig(a), UnsupportedError, r"np\.linalg\.eig cannot be traced"),
        (lambda a: L.eigvals(a), UnsupportedError, "eigvalsh"),
        (lambda a: L.pinv(a, rcond=a[0, 0]), UnsupportedError, "tolerance"),
        (lambda a: L.multi_dot([a]), InputError, "two arrays"),
        (lambda a: L.multi_dot([a, a[0], a]), ShapeError, "no chain"),
        (lambda a: np.cross(a[0, :2], a[0]), ShapeError, "three components"),
        (lambda a: L.outer(a, a), ShapeError, "not both vectors"),
        (lambda a: dk.scipy.linalg.solve(a, a, assume_a="banded"), UnsupportedError, "banded"),
    ],
)
def test_refusals(f: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        trace(f, EYE)
    assert "test_linalg_degenerate.py" in str(caught.value.where)


def test_methods_that_do_not_apply_say_so() -> None:
    def f(a: Any) -> Any:
        return np.sum(L.eigvalsh(a))

    with pytest.raises(NotAnalyticError, match="eigvalsh"):
        dk.grad(f, method="complex")(EYE)
    with pytest.raises(UnsupportedError, match="no formula"):
        dk.grad(f, method="symbolic")(EYE)


@pytest.mark.parametrize("f", [
    L.det, lambda a: np.sum(L.inv(a)), lambda a: np.sum(L.cholesky(a)), lambda a: L.slogdet(a)[1],
    lambda a: np.sum(L.solve(a, np.ones(2))), L.norm,
    lambda a: np.sum(dk.scipy.linalg.solve_triangular(a, np.ones(2))),
])  # fmt: skip
def test_formulas(f: Any) -> None:
    a = np.array([[2.0, 1.0], [0.5, 3.0]])
    near(dk.grad(f, method="symbolic")(a), dk.grad(f)(a))


def test_printed_code_runs() -> None:
    def f(a: Any) -> Any:
        s = dk.scipy.linalg
        x = s.solve_triangular(a, np.ones(3), 1) + s.solve_triangular(a, np.ones(3), 0, True, True)
        rest = L.solve(a, x) + L.svdvals(a) + L.eigvalsh(a) + L.pinv(a)[0] + L.qr(a)[0][0]
        return np.sum(rest) + L.slogdet(a)[1] + L.det(a) + np.sum(L.cholesky(a))

    a = 4 * EYE + RANK_1 + RANK_1.T
    space: dict[str, Any] = {}
    exec(trace(f, a).to_source(), space)
    near(space["f"](a), f(a))


# SciPy's originals --------------------------------------------------------------------------------


def test_originals_name_dk_scipy() -> None:
    scipy_linalg = pytest.importorskip("scipy.linalg")
    special = pytest.importorskip("scipy.special")
    for f, words in (
        (lambda a: scipy_linalg.solve(a, np.ones(3)), r"dk\.scipy\.linalg\.solve,"),
        (lambda a: scipy_linalg.cho_factor(a)[0], r"dk\.scipy\.linalg\.cho_factor"),
        (lambda a: scipy_linalg.cho_solve((a, True), np.ones(3)), r"dk\.scipy\.linalg\.cho_solve"),
        (scipy_linalg.expm, r"dk\.scipy\.linalg\.expm"),
        (scipy_linalg.cholesky, r"dk\.scipy\.linalg\.cholesky"),
        (lambda a: scipy_linalg.eigh(a)[0], r"write np\.linalg\.eigh"),
        (lambda a: scipy_linalg.lu_factor(a)[0], "functions of NumPy and dk.scipy"),
        (special.logsumexp, r"dk\.scipy\.special\.logsumexp"),
        (special.log_softmax, r"dk\.scipy\.special\.log_softmax"),
    ):
        with pytest.raises(UnsupportedError, match=words) as caught:
            dk.grad(lambda a, f=f: np.sum(f(a)))(2 * EYE)
        assert "cannot be traced" in str(caught.value) and caught.value.where


def test_dk_scipy_has_no_other_parts() -> None:
    with pytest.raises(AttributeError, match=r"dk\.scipy\.linalg and dk\.scipy\.special"):
        _ = dk.scipy.optimize
    assert dir(dk.scipy) == ["linalg", "special"]
