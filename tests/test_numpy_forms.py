"""NumPy's functions beside the plain call: options, views, complex operands, full factors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special
from surface import A, P, V, W, agree_with_numpy, gradients

import diffkit as dk
from diffkit.errors import DiffkitError, InputError, MutationError, UnsupportedError

M = np.array([[2.1, -0.3, 0.2], [-0.4, 1.7, 0.5], [0.3, 0.1, 1.4]])
TALL = np.array([[1.0, 2.0], [0.5, -1.0], [3.0, 0.1]])
BATCH = np.stack([M, M.T + 1.0])
# Members of the singular value decomposition are unique up to signs, which squares forget.
FACTORS: dict[str, tuple[Callable[[Any], Any], np.ndarray]] = {
    "values": (lambda a: np.linalg.svd(a).S, TALL),
    "first columns": (lambda a: np.linalg.svd(a)[0][:, :2] ** 2, TALL),
    "a column": (lambda a: np.linalg.svd(a).U[..., 1] ** 2, TALL),
    "first rows": (lambda a: np.linalg.svd(a).Vh[:2] ** 2, TALL.T),
    "a row": (lambda a: np.linalg.svd(a).Vh[0] ** 2, TALL.T),
    "the other factor": (lambda a: np.linalg.svd(a).Vh ** 2, TALL),
    "shapes": (lambda a: np.linalg.svd(a).S * np.linalg.svd(a).U.shape[0], TALL),
    "many": (lambda a: np.linalg.svd(a)[0][..., :2] ** 2, np.stack([TALL, 2 * TALL[::-1] + 1])),
}
COMPLEX: dict[str, tuple[Callable[[Any], Any], np.ndarray]] = {
    "inv": (lambda a: np.linalg.inv(a + 1j * a.T), M),
    "inv of many": (lambda a: np.linalg.inv(a + 1j), BATCH),
    "solve": (lambda a: np.linalg.solve(a + 1j * a.T, [1.0, 2.0, -1.0]), M),
    "solve, complex side": (lambda a: np.linalg.solve(M, a[0] + 1j * a[1]), M),
    "solve, many sides": (lambda a: np.linalg.solve(a + 1j * a.T, a + 2j), M),
    "solve, many": (lambda a: np.linalg.solve(a + 1j, M), BATCH),
    "prod": (lambda x: np.prod(x + 1j), V),
    "prod of a table": (lambda a: np.prod(a + 1j), A),
    "prod of rows": (lambda a: (a + 1j).prod(axis=1), A),
    "prod of columns": (lambda a: np.prod(a + 1j, axis=0, keepdims=True), A),
    "full_like": (lambda x: np.full_like(x, x[0] + 1j, dtype=complex), V),
}


@pytest.mark.parametrize("mode", ["reflect", "symmetric"])
def test_reflections_upside_down(mode: Any) -> None:
    for x in (V, A, V[:1], V[:2], (10 * V).astype(int)):
        for width in (1, (3, 0), 4, 9):
            agree_with_numpy(
                lambda x, width=width: np.pad(x, width, mode, reflect_type="odd"), x, rtol=1e-12
            )


@pytest.mark.parametrize("name", FACTORS)
def test_full_factors_as_far_as_they_are_determined(name: str) -> None:
    f, a = FACTORS[name]
    agree_with_numpy(f, a, rtol=1e-12)


@pytest.mark.parametrize(
    "use",
    [
        lambda u, a: u @ a, lambda u, a: a.T @ u, lambda u, a: np.sum(u), lambda u, a: u.T,
        lambda u, a: np.sin(u), lambda u, a: 2.0 * u, lambda u, a: a[0, 0] * u, lambda u, a: u,
        lambda u, a: u[:, 2], lambda u, a: u[:, -1], lambda u, a: u[0], lambda u, a: u[:, 1:],
    ],
)  # fmt: skip
def test_what_is_not_determined_is_refused(use: Callable[[Any, Any], Any]) -> None:
    with pytest.raises(UnsupportedError, match=r"np\.linalg\.svd: the square factor") as caught:
        dk.grad(lambda a: np.sum(use(np.linalg.svd(a)[0], a)))(TALL)
    assert caught.value.where and caught.value.hint == "write full_matrices=False."


@pytest.mark.parametrize("name", COMPLEX)
def test_complex_operands(name: str) -> None:
    f, x = COMPLEX[name]
    agree_with_numpy(lambda x: (np.real(f(x)), np.imag(f(x))), x, rtol=1e-12, tolerance=1e-6)


def test_complex_forms_that_are_refused() -> None:
    for f in (lambda a: np.linalg.det(a + 1j), lambda a: np.prod(a + 1j, axis=(0, 1)),
              lambda a: np.sort(a + 1j), lambda a: np.linalg.inv((a + 1j)[0])):  # fmt: skip
        with pytest.raises(DiffkitError) as caught:
            dk.grad(lambda a, f=f: np.sum(np.real(f(a))))(M)
        assert caught.value.where and caught.value.hint


def test_the_characteristic_polynomial() -> None:
    agree_with_numpy(np.poly, M, rtol=1e-13)
    agree_with_numpy(np.poly, np.array([[0.0, 1.0], [-1.0, 0.0]]), rtol=1e-13)  # eigenvalues ±i


def test_quantiles_with_weights() -> None:
    weights = np.array([1.0, 2.0, 0.0, 3.0])
    for q in (0.0, 0.2, 0.5, 1.0, [0.1, 0.6]):
        for function in (np.quantile, np.nanquantile):
            options: Any = {"weights": weights, "method": "inverted_cdf"}
            agree_with_numpy(lambda x, f=function, q=q, o=options: f(x, q, **o), V[:4])
        agree_with_numpy(lambda a, q=q, o=options: np.quantile(a, q, axis=1, **o), A)
        agree_with_numpy(
            lambda a, q=q: np.quantile(a, q, axis=0, weights=P, method="inverted_cdf"), A
        )
    x = np.array([0.5, np.nan, 0.9, 0.3])
    agree_with_numpy(lambda x: np.nanquantile(x, 0.4, **options), x, smooth=False)
    assert np.isnan(dk.trace(lambda x: np.quantile(x, 0.4, **options), x)(x))
    slope = dk.grad(lambda x, w: np.percentile(x, 50, weights=w, method="inverted_cdf"), (0, 1))
    by_x, by_w = slope(V[:4], weights)
    assert by_x.tolist() == [1, 0, 0, 0] and by_w.tolist() == [0, 0, 0, 0]
    with pytest.raises(InputError, match="inverted_cdf"):
        dk.grad(lambda x: np.quantile(x, 0.5, weights=weights))(V[:4])


def test_a_view_shares_its_memory() -> None:
    def f(x: Any) -> Any:
        y = np.copy(x)
        z = y.view()
        z[0] = 5.0
        y[1] = x[2] * 3.0
        return y * z

    agree_with_numpy(f, W)
    with pytest.raises(UnsupportedError, match=r"x\.view"):
        dk.grad(lambda x: np.sum(x.view(np.int64)))(W)


def test_a_shape_can_be_assigned() -> None:
    def f(x: Any) -> Any:
        y = x * 2.0
        y.shape = (2, -1)
        y[0] = y[1] ** 2
        return y

    x = np.arange(6.0)
    value = dk.trace(f, x)(x)
    np.testing.assert_array_equal(value, [[36.0, 64.0, 100.0], [6.0, 8.0, 10.0]])
    np.testing.assert_array_equal(gradients(lambda x: np.sum(f(x)), x)[1][0],
                                  [0.0, 0.0, 0.0, 26.0, 34.0, 42.0])  # fmt: skip

    def shared(x: Any) -> Any:
        y = x * 2.0
        z = y[1:]
        y.shape = (2, 3)
        return np.sum(y) + np.sum(z)

    with pytest.raises(MutationError, match="shares its memory") as caught:
        dk.grad(shared)(x)
    assert caught.value.hint is not None and "reshape" in caught.value.hint


def test_special_values_of_special_functions() -> None:
    assert special.agm(0.0, 0.0) == dk.trace(special.agm, 0.0, 0.0)(0.0, 0.0) == 0.0
    for x, y in ((0.0, 0.0), (-2.0, 2.0), (0.0, 3.0), (1.0 + 1e-12, 2.0), (2.0, -1.5)):
        found = dk.trace(special.powm1, x, y)(x, y)
        np.testing.assert_allclose(found, special.powm1(x, y), rtol=1e-14)
    agree_with_numpy(lambda x: special.round(3 * x), V)
