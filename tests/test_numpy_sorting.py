"""Sorting, medians, quantiles, sets and settled conditions are NumPy's, with right derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from surface import A, B, P, S, V, W, agree_with_numpy, gradients

import diffkit as dk
from diffkit.errors import UnsupportedError

NAN = np.nan
GAPS = np.array([[0.4, NAN, -1.2, 2.0], [1.0, 0.3, NAN, NAN], [0.1, 0.9, 0.5, -0.4]])
METHODS = [
    "linear", "lower", "higher", "midpoint", "nearest", "inverted_cdf", "averaged_inverted_cdf",
    "closest_observation", "interpolated_inverted_cdf", "hazen", "weibull", "median_unbiased",
    "normal_unbiased",
]  # fmt: skip

CASES: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "sort": (np.sort, (B,)),
    "sort axis 0": (lambda x: np.sort(x, axis=0), (B,)),
    "sort all": (lambda x: np.sort(x, axis=None), (B,)),
    "sorted by argsort": (lambda x: x[np.argsort(x)], (V,)),
    "take_along argsort": (lambda x: np.take_along_axis(x, np.argsort(x, axis=1), 1), (B,)),
    "descending": (lambda x: np.sort(x)[::-1] * S, (V,)),
    "argsort": (lambda x: np.argsort(x, axis=0), (B,)),
    "partition": (lambda x: np.partition(x, 2)[2], (V,)),
    "argpartition": (lambda x: x[np.argpartition(x, 1)[1]], (V,)),
    "lexsort": (lambda x, y: x[np.lexsort((x, np.round(y)))], (V, V[::-1])),
    "searchsorted": (lambda x, y: np.searchsorted(x, y, side="right"), (S, V)),
    "searchsorted sorter": (lambda x, y: np.searchsorted(x, y, sorter=np.argsort(x)), (V, S)),
    "digitize": (lambda x: np.digitize(x, [-1.0, 0.0, 0.5]), (V,)),
    "digitize falling": (lambda x: np.digitize(x, [0.5, 0.0, -1.0], right=True), (V,)),
    "unique": (lambda x: np.unique(np.round(x, 1) + x * 0 + x), (V,)),
    "unique counts": (lambda x: np.unique(x, return_counts=True), ([2.0, 1.0, 2.0, 1.0],)),
    "unique everything": (lambda x: np.unique(x, True, True, True), ([2.0, 1.0, 2.0, NAN],)),
    "unique_values": (lambda x: np.unique_values(x), (V,)),
    "unique_counts": (lambda x: tuple(np.unique_counts(x)), (V,)),
    "unique_inverse": (lambda x: tuple(np.unique_inverse(x)), (B,)),
    "unique_all": (lambda x: tuple(np.unique_all(x)), (V,)),
    "isin": (lambda x: np.isin(x, [0.4, 2.0]), (V,)),
    "union1d": (np.union1d, (V, W)),
    "intersect1d": (lambda x: np.intersect1d(x, [0.4, 2.0, 9.0]) * x[:2], (V,)),
    "setdiff1d": (lambda x: np.setdiff1d(x, [0.4, 2.0, 9.0]), (V,)),
    "setxor1d": (lambda x: np.setxor1d(x, [0.4, 2.0, 9.0]), (V,)),
    "trim_zeros": (lambda x: np.trim_zeros(np.where(np.abs(x) > 0.5, x, 0.0)), (V,)),
    "extract": (lambda x: np.extract(x > 0, x * x), (B,)),
    "compress": (lambda x: np.compress(x[:, 0] > -0.5, x, axis=0), (B,)),
    "compress method": (lambda x: x.compress([True, False, True], axis=0), (B,)),
    "nonzero": (lambda x: x[np.nonzero(x > 0)] ** 2, (B,)),
    "flatnonzero": (lambda x: x.ravel()[np.flatnonzero(x > 0)] ** 2, (B,)),
    "argwhere": (lambda x: np.argwhere(x > 0), (B,)),
    "where alone": (lambda x: x[np.where(x > 0)] ** 2, (B,)),
    "mask index": (lambda x: x[x > 0] ** 2, (B,)),
    "row mask index": (lambda x: x[x[:, 0] > -0.5] ** 2, (B,)),
    "median": (np.median, (V,)),
    "median even": (lambda x: np.median(x, axis=1), (B,)),
    "median axes": (lambda x: np.median(x, axis=(0, 1), keepdims=True), (B,)),
    "nanmedian": (lambda x: np.nanmedian(np.where(B > 0.5, NAN, x), axis=1), (B,)),
    "percentile": (lambda x: np.percentile(x, 30.0, axis=0), (B,)),
    "percentiles": (lambda x: np.percentile(x, [10.0, 50.0, 90.0], axis=1, keepdims=True), (B,)),
    "quantile table": (lambda x: np.quantile(x, [[0.1, 0.5], [0.7, 1.0]]), (V,)),
    "quantile by q": (lambda x, q: np.quantile(x, q), (V, 0.63)),
    "nanpercentile": (lambda x: np.nanpercentile(np.where(B > 0.5, NAN, x), 40, axis=1), (B,)),
    "iqr": (lambda x: np.subtract(*np.percentile(x, [75, 25])), (V,)),
}  # fmt: skip


# Here equal elements meet, or the result is a plain array.
KINKED = {"unique counts", "unique everything", "union1d", "intersect1d", "setdiff1d", "setxor1d"}


@pytest.mark.parametrize("name", CASES)
def test_value_and_derivative(name: str) -> None:
    f, args = CASES[name]
    agree_with_numpy(f, *args, smooth=name not in KINKED)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("q", [0.0, 0.2, 0.37, 0.5, 1.0])
def test_every_quantile_method(method: Any, q: float) -> None:
    agree_with_numpy(lambda x: np.quantile(x, q, method=method, axis=1), B, machine=False)
    agree_with_numpy(lambda x: np.nanquantile(x, q, method=method), V, smooth=False)


@pytest.mark.parametrize("f", [np.median, np.nanmedian, np.nanmax, np.nanmin])
def test_missing_numbers(f: Callable[..., Any]) -> None:
    agree_with_numpy(lambda x: f(x, axis=1), GAPS, smooth=False)
    agree_with_numpy(f, GAPS, smooth=False)
    if f is not np.median:
        _, (x_bar,) = gradients(lambda x: np.sum(f(x, axis=1)), GAPS)
        assert np.all(np.isfinite(x_bar))
        assert np.all(x_bar[np.isnan(GAPS)] == 0)


def test_equal_elements_share_evenly() -> None:
    x = np.array([1.0, 2.0, 1.0, 1.0])
    _, (x_bar,) = gradients(lambda x: np.sort(x)[0], x)
    _, (by_min,) = gradients(lambda x: np.min(x), x)
    np.testing.assert_array_equal(x_bar, by_min)
    _, (by_median,) = gradients(np.median, x)
    np.testing.assert_allclose(by_median, [1 / 3, 0, 1 / 3, 1 / 3], rtol=1e-15)


def test_another_order_is_sorted_again() -> None:
    gradient = dk.grad(lambda x: np.sum(np.sort(x) * np.arange(3.0)))
    np.testing.assert_array_equal(gradient(np.array([3.0, 1.0, 2.0])), [2, 0, 1])
    np.testing.assert_array_equal(gradient(np.array([1.0, 3.0, 2.0])), [0, 2, 1])


def test_another_condition_is_captured_again() -> None:
    gradient = dk.grad(lambda x: np.sum(x[x > 0] ** 2) + np.unique(x).size * x[0])
    np.testing.assert_array_equal(gradient(np.array([1.0, -1.0, 2.0])), [5, 0, 4])
    np.testing.assert_array_equal(gradient(np.array([-1.0, -1.0, 2.0])), [2, 0, 4])


def test_sort_in_place() -> None:
    def f(x: Any) -> Any:
        y = x.copy()
        y.sort()
        return y * np.arange(5.0)

    agree_with_numpy(f, V)


@pytest.mark.parametrize("method", ["forward", "finite", "complex"])
def test_methods_agree_on_a_sort(method: str) -> None:
    f = lambda x: np.sum(np.sort(np.sin(x)) * np.arange(5.0)) + np.median(x) ** 2  # noqa: E731
    wanted = dk.grad(f)(V)
    np.testing.assert_allclose(dk.grad(f, method=method)(V), wanted, rtol=1e-8)


def test_second_derivative_of_a_sorted_sum() -> None:
    hessian = dk.hessian(lambda x: np.sum(np.sort(x) ** 3 * W))(np.array([2.0, 1.0, 3.0]))
    np.testing.assert_allclose(hessian, np.diag([6 * 2.0 * 2.0, 6.0, 6 * 3.0 * -0.5]))


def test_sort_refuses_symbols() -> None:
    with pytest.raises(UnsupportedError, match="order of symbols"):
        dk.grad(lambda x: np.sort(x)[0], method="symbolic")(V)


def test_float32_and_positive() -> None:
    x = P.astype(np.float32)
    for f in (np.sort, np.median, lambda x: np.percentile(x, 20.0)):
        agree_with_numpy(f, x, rtol=1e-6, smooth=False)
    assert np.asarray(dk.grad(np.median)(x)).dtype == np.float32
    agree_with_numpy(np.sort, A.astype(int), smooth=False)
