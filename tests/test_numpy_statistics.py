"""Running values, differences, statistics and histograms are NumPy's, with right derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from surface import A, B, P, S, V, W, agree_with_numpy, gradients

import diffkit as dk
from diffkit.errors import InputError, MutationError, ShapeError, UnsupportedError

NAN = np.nan
Z = np.array([0.5, 0.0, -1.5, 0.0, 2.0])
SEEN = B > -0.5
Q = np.array([0.35, 0.6, 1.2, 2.0])  # between the nodes of S


def gaps(x: Any) -> Any:
    """x with some elements missing."""
    return np.where(B > 0.5, NAN, x)


Case = tuple[Callable[..., Any], tuple[Any, ...]]
RUNNING: dict[str, Case] = {
    "cumsum": (np.cumsum, (B,)),
    "cumprod": (np.cumprod, (B,)),
    "cumprod axis": (lambda x: np.cumprod(x, axis=0), (B,)),
    "cumprod zeros": (np.cumprod, (Z,)),
    "cumulative_sum": (lambda x: np.cumulative_sum(x, axis=1, include_initial=True), (B,)),
    "cumulative_prod": (lambda x: np.cumulative_prod(x, include_initial=True), (V,)),
    "nancumsum": (lambda x: np.nancumsum(gaps(x), axis=1), (B,)),
    "nancumprod": (lambda x: np.nancumprod(gaps(x), axis=0), (B,)),
    "multiply.accumulate": (lambda x: np.multiply.accumulate(x, axis=1), (B,)),
    "maximum.accumulate": (lambda x: np.maximum.accumulate(x, axis=1), (B,)),
    "minimum.accumulate": (np.minimum.accumulate, (V,)),
    "add.reduceat": (lambda x: np.add.reduceat(x, [0, 3, 1]), (V,)),
    "maximum.reduceat": (lambda x: np.maximum.reduceat(x, [0, 2], axis=1), (B,)),
    "subtract.reduce": (lambda x: np.subtract.reduce(x, axis=1, keepdims=True), (B,)),
    "hypot.reduce": (lambda x: np.hypot.reduce(x, initial=1.0), (B,)),
    "divide.accumulate": (lambda x: np.divide.accumulate(x, axis=1), (P,)),
    "subtract.reduceat": (lambda x: np.subtract.reduceat(x, [0, 2]), (V,)),
    "diff": (lambda x: np.diff(x, n=2, axis=0), (B,)),
    "diff ends": (lambda x, e: np.diff(x, prepend=e, append=0.0), (B, 0.3)),
    "ediff1d": (lambda x: np.ediff1d(x, to_end=[1.0, 2.0], to_begin=x[0, 0]), (B,)),
    "gradient": (np.gradient, (V,)),
    "gradient axes": (np.gradient, (B,)),
    "gradient places": (lambda f, x: np.gradient(f, x), (V, np.sort(V**2) + S)),
    "gradient order 2": (lambda f, x: np.gradient(f, x, edge_order=2), (V, np.cumsum(S))),
    "gradient steps": (lambda f: np.gradient(f, 0.5, S[:4], edge_order=2), (B,)),
    "gradient axis": (lambda f, h: np.gradient(f, h, axis=1, edge_order=2), (B, 0.7)),
    "trapezoid": (lambda y, x: np.trapezoid(y, x), (V, S)),
    "trapezoid axis": (lambda y: np.trapezoid(y, dx=0.5, axis=0), (B,)),
    "trapezoid rows": (lambda y, x: np.trapezoid(y, x, axis=-1), (B, S[:4])),
    "interp": (np.interp, (Q, S, V)),
    "interp outside": (lambda x, f: np.interp(x, S, f, left=f[1], right=7.0), (V + 0.01, V)),
    "interp period": (lambda x: np.interp(x, S, V, period=2.0), (V + 0.07,)),
    "unwrap": (np.unwrap, (np.array([0.1, 3.0, 6.5, -2.0, 1.0]),)),
    "unwrap degrees": (lambda x: np.unwrap(100 * x, period=360, axis=0), (B,)),
    "convolve": (np.convolve, (V, W)),
    "convolve same": (lambda x, w: np.convolve(x, w, "same"), (V, W)),
    "convolve valid": (lambda x, w: np.convolve(w, x, "valid"), (V, W)),
    "correlate": (np.correlate, (V, W)),
    "correlate full": (lambda x, w: np.correlate(w, x, "full"), (V, W)),
    "correlate same": (lambda x, w: np.correlate(x, w, "same"), (V, W)),
}  # fmt: skip
STATISTICS: dict[str, Case] = {
    "sum where": (lambda x: np.sum(x, axis=1, where=SEEN, initial=2.0), (B,)),
    "prod where": (lambda x: np.prod(x, axis=(0, 1), where=SEEN, keepdims=True), (B,)),
    "mean where": (lambda x: np.mean(x, axis=0, where=SEEN), (B,)),
    "max where": (lambda x: np.max(x, axis=1, where=SEEN, initial=-9.0), (B,)),
    "max initial": (lambda x, i: np.max(x, axis=1, initial=i), (B, 0.2)),
    "min axes": (lambda x: np.min(x, axis=(0, 1), keepdims=True), (B,)),
    "ptp": (lambda x: np.ptp(x, axis=0), (B,)),
    "var": (lambda x: np.var(x, axis=(0, 1), ddof=1), (B,)),
    "var where": (lambda x: np.var(x, axis=0, where=SEEN), (B,)),
    "var mean": (lambda x: np.var(x, axis=1, mean=np.mean(x, axis=1, keepdims=True)), (B,)),
    "std": (lambda x: np.std(x, axis=1, correction=1), (B,)),
    "average": (lambda x, w: np.average(x, weights=w, axis=1, returned=True), (B, P[0])),
    "nansum": (lambda x: np.nansum(gaps(x), axis=1), (B,)),
    "nanprod": (lambda x: np.nanprod(gaps(x), axis=0), (B,)),
    "nanmean": (lambda x: np.nanmean(gaps(x), axis=1), (B,)),
    "nanvar": (lambda x: np.nanvar(gaps(x), axis=1, ddof=1), (B,)),
    "nanstd": (lambda x: np.nanstd(gaps(x), axis=1, keepdims=True), (B,)),
    "nanmax": (lambda x: np.nanmax(gaps(x), axis=1), (B,)),
    "nanmin": (lambda x: np.nanmin(gaps(x), axis=0, initial=3.0), (B,)),
    "nanargmax": (lambda x: np.nanargmax(gaps(x), axis=1), (B,)),
    "nanargmin": (lambda x: np.nanargmin(gaps(x)), (B,)),
    "cov": (np.cov, (B,)),
    "cov columns": (lambda x: np.cov(x, rowvar=False, bias=True), (B,)),
    "cov pair": (lambda x, y: np.cov(x, y, ddof=0), (V, S)),
    "cov weights": (lambda x, w: np.cov(x, aweights=w), (B, P[0])),
    "cov frequencies": (lambda x: np.cov(x, fweights=[1, 2, 3, 1]), (B,)),
    "cov scalar": (np.cov, (V,)),
    "corrcoef": (np.corrcoef, (B,)),
    "corrcoef pair": (lambda x, y: np.corrcoef(x, y)[0, 1], (V, S)),
    "bincount": (lambda w: np.bincount([0, 2, 2, 1, 0], weights=w, minlength=5), (V,)),
    "bincount traced": (lambda x: np.bincount(np.digitize(x, [0.0, 1.0]), weights=x), (V,)),
    "bincount alone": (lambda x: np.bincount(np.digitize(x, [0.0])) * x[0], (V,)),
    "histogram": (lambda x: np.histogram(x, 4), (V,)),
    "histogram edges": (lambda x, w: np.histogram(x, [-1.0, 0.0, 0.5, 2.5], weights=w), (V, S)),
    "histogram density": (lambda x: np.histogram(x, 3, density=True), (V,)),
    "histogram range": (lambda w: np.histogram(V, 3, range=(-1, 1), weights=w), (S,)),
    "histogram_bin_edges": (lambda x: np.histogram_bin_edges(x, 5), (V,)),
}  # fmt: skip


@pytest.mark.parametrize("name", RUNNING)
def test_running_values_and_differences(name: str) -> None:
    f, args = RUNNING[name]
    agree_with_numpy(f, *args)


@pytest.mark.parametrize("name", STATISTICS)
@pytest.mark.filterwarnings("ignore:Degrees of freedom")
def test_statistics(name: str) -> None:
    f, args = STATISTICS[name]
    agree_with_numpy(f, *args)


@pytest.mark.parametrize("shape", [(0,), (1,), (2,)])
def test_short_rows(shape: tuple[int, ...]) -> None:
    x = np.arange(1.0, 1.0 + np.prod(shape)).reshape(shape)
    for f in (np.cumsum, np.cumprod, np.maximum.accumulate, np.diff, np.sort, np.ediff1d):
        agree_with_numpy(f, x)


def test_running_maximum_shares_ties_evenly() -> None:
    x = np.array([1.0, 1.0, 0.0, 1.0, 2.0])
    _, (x_bar,) = gradients(lambda x: np.maximum.accumulate(x)[3], x)
    _, (by_max,) = gradients(lambda x: np.max(x[:4]), x)
    np.testing.assert_allclose(x_bar, by_max, rtol=1e-15)


def test_running_product_twice() -> None:
    hessian = dk.hessian(lambda x: np.cumprod(x)[-1])(np.array([0.0, 2.0, 0.0]))
    np.testing.assert_array_equal(hessian, [[0, 0, 2], [0, 0, 0], [2, 0, 0]])


def test_deviation_of_constants_is_flat() -> None:
    for f in (np.std, np.nanstd, lambda x: np.sqrt(np.var(x) + 1.0)):
        _, (x_bar,) = gradients(f, np.ones(3))
        np.testing.assert_array_equal(x_bar, 0.0)


@pytest.mark.parametrize("side", ["left end", "node", "right end", "flat"])
def test_interpolation_at_a_node_takes_the_slope_to_its_right(side: str) -> None:
    x, slope = {"left end": (0.0, 1.0), "node": (1.0, -2.0), "right end": (2.0, 0.0),
                "flat": (9.0, 0.0)}[side]  # fmt: skip
    f = lambda x: np.interp(x, [0.0, 1.0, 2.0], [0.0, 1.0, -1.0])  # noqa: E731
    agree_with_numpy(f, x, smooth=False)
    assert gradients(f, x)[1][0] == slope


def test_ufunc_at() -> None:
    index = np.array([0, 2, 0, 1])

    def f(x: Any, v: Any) -> Any:
        y = x * 1.0
        np.add.at(y, index, v)
        np.subtract.at(y, index, v**2)
        np.multiply.at(y, index, v)
        np.maximum.at(y, [1, 1], [0.1, 0.05])
        np.negative.at(y, [0])
        return y

    agree_with_numpy(f, V, V[:4] + 2.0)
    with pytest.raises(MutationError, match="in place"):
        dk.grad(lambda x: np.multiply.at(np.ones(3), [0], x))(1.0)


def test_histograms_of_several_variables() -> None:
    rng = np.random.default_rng(0)
    x, y, w = rng.normal(size=(3, 20))
    w, table = np.abs(w), rng.normal(size=(20, 3))
    span: Any = [[-1, 1], [-2, 2]]
    edges: Any = [-1.0, 0.0, 0.5, 1.0]
    mixed: Any = [edges, 3]
    agree_with_numpy(lambda x, w: np.histogram2d(x, y, 4, weights=w), x, w)
    agree_with_numpy(lambda x: np.histogram2d(x, y, [3, 4], density=True), x, tolerance=1e-5)
    agree_with_numpy(lambda x, w: np.histogram2d(x, y, edges, weights=w), x, w)
    agree_with_numpy(lambda x, w: np.histogram2d(x, y, mixed, weights=w), x, w)
    agree_with_numpy(lambda x, w: np.histogram2d(x, y, 3, range=span, weights=w), x, w)
    agree_with_numpy(lambda z, w: np.histogramdd(z, 3, weights=w), table, w)
    agree_with_numpy(lambda z: np.histogramdd([z[:, 0], z[:, 1]], (3, 2)), table)
    with pytest.raises(ShapeError, match="2 bins and 3 ranges for 3 variables"):
        dk.grad(lambda z: np.sum(np.histogramdd(z, [3, 3])[0]))(table)


def test_refusals() -> None:
    with pytest.raises(UnsupportedError, match="reduce"):
        dk.grad(lambda x: np.hypot.reduce(x, where=x > 0, initial=0.0))(V)
    with pytest.raises(InputError, match="inverted_cdf"):
        dk.grad(lambda x: np.quantile(x, 0.5, weights=S))(V)
    with pytest.raises(ShapeError, match="weights"):
        dk.grad(lambda x: np.quantile(x, 0.5, method="inverted_cdf", weights=S[:2]))(V)
    with pytest.raises(UnsupportedError, match='bins="auto"'):
        dk.grad(lambda x: np.histogram(x, "auto")[1][0])(V)
    with pytest.raises(ShapeError, match="too few samples"):
        dk.grad(lambda x: np.sum(np.gradient(x, edge_order=2)))(V[:2])


TRUE: dict[str, Callable[..., Any]] = {
    "sort": lambda x: np.sum(np.sort(np.sin(x)) ** 3 * S),
    "median": lambda x: np.median(np.exp(x)) ** 2,
    "quantile": lambda x: np.quantile(x, 0.37) ** 3,
    "nanmedian": lambda x: np.nanmedian(np.where(x > 1, NAN, np.exp(x))),
    "cumprod": lambda x: np.sum(np.cumprod(x) ** 2),
    "maximum.accumulate": lambda x: np.sum(np.maximum.accumulate(x) ** 3),
    "gradient": lambda x: np.sum(np.gradient(x, S, edge_order=2) ** 2),
    "interp": lambda x: np.sum(np.interp(x, [-2.0, 0.1, 3.0], [1.0, -1.0, 2.0]) ** 2),
    "corrcoef": lambda x: np.corrcoef(x, S)[0, 1],
    "std": lambda x: np.std(x, ddof=1) ** 3,
    "histogram": lambda x: np.sum(np.histogram(x, 3, density=True)[0] ** 2),
    "sinc": lambda x: np.sum(np.sinc(x / 3) ** 2),
    "fmod": lambda x: np.sum(np.fmod(5.0, x) ** 2),
    "polydiv": lambda x: np.sum(np.polydiv(x, [1.0, 0.3])[1] ** 2),
    "geomspace": lambda x: np.sum(np.geomspace(x[0], 3.0, 4) ** 2),
}  # fmt: skip
FAR = 200  # ulps: cancellation in these functions, not in their rules


@pytest.mark.parametrize("name", TRUE)
def test_error_against_the_truth_of_100_digits(name: str) -> None:
    report = dk.compare(TRUE[name], V, methods=["reverse", "forward", "complex"]).to_dict()
    for method, found in report["methods"].items():
        assert found.get("max_ulp") is not None and found["max_ulp"] < FAR, (method, found)


@pytest.mark.parametrize("method", ["forward", "finite", "complex", "symbolic"])
def test_methods_agree(method: str) -> None:
    f = lambda x: np.sum(np.cumprod(x) * W[0]) + np.std(x) + np.sum(np.gradient(x)) ** 2  # noqa: E731
    wanted = dk.grad(f)(V)
    np.testing.assert_allclose(dk.grad(f, method=method)(V), wanted, rtol=1e-8)


def test_float32_stays() -> None:
    x = A.astype(np.float32)
    for f in (np.cumprod, np.std, lambda x: np.gradient(x)[0], lambda x: np.nanmax(x, axis=0)):
        agree_with_numpy(f, x, rtol=2e-6, smooth=False)


def test_taylor_series_of_running_values() -> None:
    stacked = lambda x: np.stack([x, x**2, 1 - x])  # noqa: E731
    running = dk.taylor(lambda x: np.sum(np.maximum.accumulate(stacked(x))), 0.3, 3)
    np.testing.assert_allclose(running, [1.3, 1.0, 0.0, 0.0], atol=1e-15)
    product = dk.taylor(lambda x: np.cumprod(stacked(x))[-1], 0.3, 2)
    np.testing.assert_allclose(product, [0.0189, 3 * 0.09 - 4 * 0.027, 3 * 0.3 - 6 * 0.09])
