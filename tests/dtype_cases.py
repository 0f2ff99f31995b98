"""Calls whose dtype NumPy decides by a rule of its own: a table of functions and arguments.

Each is tried with float32, with integers, and in every memory layout (``test_dtypes.py``).  What
NumPy's rules look at is which operands are Python's numbers, NumPy's scalars or arrays, so those
are what varies here.  Reading on: NEP 50, *Promotion rules for Python scalars*.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["CASES", "MATRICES"]

Case = tuple[Callable[..., Any], tuple[Any, ...]]

V = np.array([0.4, 1.2, 2.0, 0.7, 0.3])
W = np.array([1.0, 2.0, 0.5])
A = np.linspace(-1.3, 1.7, 12).reshape(3, 4)
M = np.array([[2.1, -0.3, 0.2], [-0.4, 1.7, 0.5], [0.3, 0.1, 1.4]])
S = M @ M.T
DOUBLES = np.array([1.0, 2.0, 3.0, 4.0, 5.0])

PAIRS = (
    np.add, np.subtract, np.multiply, np.divide, np.power, np.maximum, np.minimum, np.fmax,
    np.fmin, np.hypot, np.arctan2, np.logaddexp, np.logaddexp2, np.mod, np.fmod, np.copysign,
    np.heaviside, np.float_power, np.divmod, np.less,
)  # fmt: skip
OTHERS: dict[str, Any] = {
    "a float": 1.5, "an int": 2, "a float64": np.float64(1.5), "a float32": np.float32(1.5),
    "an int64": np.int64(2), "an array": DOUBLES, "integers": np.arange(1, 6),
    "short integers": np.arange(1, 6, dtype=np.int16), "a list": [1, 2, 3, 4, 5],
    "truth values": np.array([True, False, True, True, True]), "0-d": np.array(1.5),
}  # fmt: skip


def _pairs() -> dict[str, Case]:
    found: dict[str, Case] = {}
    for ufunc in PAIRS:
        for words, other in OTHERS.items():
            name = f"{ufunc.__name__} with {words}"
            found[name] = (lambda x, f=ufunc, other=other: f(x, other)), (V,)
            found[f"{name} first"] = (lambda x, f=ufunc, other=other: f(other, x)), (V,)
            found[f"{name} of a number"] = (lambda x, f=ufunc, other=other: f(x, other)), (0.7,)
    return found


def _quantiles() -> dict[str, Case]:
    methods: Any = ("linear", "lower", "midpoint", "hazen", "inverted_cdf", "averaged_inverted_cdf")
    found: dict[str, Case] = {}
    for function, top in ((np.quantile, 1), (np.percentile, 100), (np.nanquantile, 1),
                          (np.nanpercentile, 100)):  # fmt: skip
        levels: dict[str, Any] = {
            "a float": 0.3 * top, "a list": [0.3 * top, 0.5 * top], "an int": top,
            "a float64": np.float64(0.3 * top), "float32s": np.array([0.5 * top], np.float32),
        }  # fmt: skip
        for method in methods:
            for words, q in levels.items():
                if words != "an int" or top == 100:
                    name = f"{function.__name__} {method} at {words}"
                    found[name] = (
                        (lambda x, f=function, q=q, method=method: f(x, q, method=method)),
                        (V,),
                    )
    return found


def _ranges() -> dict[str, Case]:
    found: dict[str, Case] = {}
    for function in (np.linspace, np.logspace, np.geomspace):
        name = function.__name__
        found |= {
            f"{name} to a float": ((lambda a, f=function: f(a, 2.0, 4)), (0.7,)),
            f"{name} from an int": ((lambda b, f=function: f(1, b, 4)), (0.7,)),
            f"{name} between": ((lambda a, b, f=function: f(a, b, 4)), (0.7, 1.9)),
            f"{name} of rows": ((lambda a, f=function: f(a, 2 * a, 4)), (W,)),
            f"{name} to a float64": ((lambda a, f=function: f(a, np.float64(2), 4)), (0.7,)),
            f"{name} as float64": ((lambda a, f=function: f(a, 2.0, 4, dtype=float)), (0.7,)),
        }
    return found


def _changed(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def call(x: Any) -> Any:
        y = x.copy()
        change(y)
        return y

    return call


MADE: dict[str, Case] = {
    "array with a float": (lambda x: np.array([x[0], 1.0, x[1]]), (V,)),
    "array with an int": (lambda x: np.array([x[0], 1, x[1]]), (V,)),
    "array with a float32": (lambda x: np.array([x[0], np.float32(1.0)]), (V,)),
    "array of rows": (lambda x: np.array([x, 2 * x]), (V,)),
    "array with a row": (lambda x: np.array([x, [1.0, 2.0, 3.0, 4.0, 5.0]]), (V,)),
    "stack with a float": (lambda x: np.stack([x[0], 1.0]), (V,)),
    "hstack with a float": (lambda x: np.hstack([x, 1.0]), (V,)),
    "append a float": (lambda x: np.append(x, 1.0), (V,)),
    "insert a float": (lambda x: np.insert(x, 1, 2.5), (V,)),
    "full": (lambda x: np.full(3, x[0]), (V,)),
    "full_like": (lambda x: np.full_like(x, 2.5), (V,)),
    "choose": (lambda x: np.choose([0, 1, 0, 1, 1], [x, 1.0]), (V,)),
    "select": (lambda x: np.select([x > 1, x > 0.5], [x, x**2], default=0.5), (V,)),
    "where": (lambda x: np.where(x > 0.5, x, 1.0), (V,)),
    "where, doubles": (lambda x: np.where(x > 0.5, x, DOUBLES), (V,)),
    "piecewise": (lambda x: np.piecewise(x, [x < 1], [0.5, lambda v: v * 2.0]), (V,)),
    "clip": (lambda x: np.clip(x, 0, 1.5), (V,)),
    "clip, doubles": (lambda x: np.clip(x, DOUBLES / 9, None), (V,)),
    "in place": (_changed(lambda y: y.__iadd__(1.5)), (V,)),
    "add.at": (_changed(lambda y: np.add.at(y, [0, 0], 1.5)), (V,)),
    "union1d": (lambda x: np.union1d(x, [9.0]), (V,)),
    "intersect1d": (lambda x: np.intersect1d(x, np.append(x[:2], 9.0)), (V,)),
}
REDUCED: dict[str, Case] = {
    **{f"{f.__name__} of a table": (f, (A,)) for f in (
        np.sum, np.prod, np.mean, np.var, np.std, np.median, np.cov, np.corrcoef, np.ptp,
        np.cumsum, np.cumprod, np.nansum, np.nanmean, np.nanvar, np.nanstd, np.nanmax, np.nanmedian,
    )},
    "sum as float64": (lambda x: np.sum(x, dtype=np.float64), (A,)),
    "sum from 1": (lambda x: np.sum(x, initial=1.0), (A,)),
    "sum from a float64": (lambda x: np.sum(x, initial=np.float64(1.0)), (A,)),
    "max from 0.5": (lambda x: np.max(x, initial=0.5), (A,)),
    "average": (lambda x: np.average(x, weights=[1, 2, 3], axis=0), (A,)),
    "average by x": (lambda x: np.average(x, weights=x * x, returned=True), (A,)),
    "average of integers": (lambda x: np.average(np.arange(5), weights=x), (V,)),
    "cov as float32": (lambda x: np.cov(x, dtype=np.float32), (A,)),
    "corrcoef as float32": (lambda x: np.corrcoef(x, dtype=np.float32), (A,)),
    "vecdot": (lambda x: np.vecdot(x, x), (W,)),
    "histogram": (lambda x: np.histogram(x, 3, weights=x), (V,)),
    "edges in a range": (lambda x: np.histogram_bin_edges(x, 3, range=(0, 4)), (V,)),
    "logaddexp.reduce": (np.logaddexp.reduce, (V,)),
}  # fmt: skip
SLOPES: dict[str, Case] = {
    "gradient": (np.gradient, (V,)),
    "gradient, a step": (lambda x: np.gradient(x, 0.5), (V,)),
    "gradient, places": (lambda x: np.gradient(x, DOUBLES), (V,)),
    "gradient, int places": (lambda x: np.gradient(x, [0, 1, 3, 4, 6]), (V,)),
    "gradient by the step": (lambda h: np.gradient(DOUBLES, h), (0.5,)),
    "diff": (lambda x: np.diff(x, prepend=0.0, append=[1.0, 2.0]), (V,)),
    "trapezoid": (lambda x: np.trapezoid(x, dx=0.5), (V,)),
    "trapezoid, places": (lambda x: np.trapezoid(x, DOUBLES), (V,)),
    "interp": (lambda x: np.interp(x, [0.0, 1.0, 3.0], [1.0, 2.0, 5.0]), (V,)),
    "convolve": (lambda x: np.convolve(x, [1.0, 2.0]), (V,)),
    "unwrap": (lambda x: np.unwrap(x, period=1.5), (V,)),
    "polyval": (lambda x: np.polyval([1.0, 2.0, 3.0], x), (V,)),
    "polydiv": (lambda p: np.polydiv(p, p[:2]), (V,)),
    "polydiv by a list": (lambda p: np.polydiv(p, [1.0, 2.0]), (V,)),
    "polyint": (lambda p: np.polyint(p, k=1.0), (V,)),
    "poly": (np.poly, (V,)),
    "vander": (lambda x: np.vander(x, 3, increasing=True), (V,)),
    "linspace and step": (lambda a: np.linspace(a, 2.0, 4, retstep=True), (0.7,)),
    "logspace by base": (lambda b: np.logspace(0.5, 2.0, 4, base=b), (0.7,)),
    "ldexp": (lambda x: np.ldexp(x, np.arange(5)), (V,)),
    "round": (lambda x: np.round(10 * x, 1), (V,)),
    "powers": (lambda x: (x**2, x**0.5, 2**x, x ** np.array([2]), x ** np.float64(2)), (V,)),
    "emath": (lambda x: (np.emath.power(x, 2), np.emath.sqrt(x), np.emath.logn(2, x)), (V,)),
    "complex": (lambda x: np.abs(np.exp(1j * x) + np.complex128(1j)), (V,)),
    "complex64": (lambda x: np.abs(x * np.array([1j] * 5, np.complex64)), (V,)),
    **{f"np.fft.{f.__name__}": (lambda x, f=f: np.abs(f(x)), (V,)) for f in (
        np.fft.fft, np.fft.ifft, np.fft.rfft, np.fft.irfft, np.fft.hfft, np.fft.fftshift,
    )},
}  # fmt: skip
L: Any = np.linalg
MATRICES: dict[str, Case] = {
    **{f"np.linalg.{f.__name__}": (f, (S,)) for f in (
        L.inv, L.det, L.slogdet, L.eigh, L.eigvalsh, L.cholesky, L.svd, L.svdvals, L.qr, L.pinv,
        L.cond, L.matrix_norm, L.matrix_rank,
    )},
    **{f"norm {order}": (lambda a, order=order: L.norm(a, order), (S,))
       for order in (None, 1, 2, -2, np.inf, "nuc")},
    "solve": (lambda a: L.solve(a, [1.0, 2.0, 3.0]), (M,)),
    "lstsq": (lambda a: L.lstsq(a, a[0]), (M,)),
    "matrix_power": (lambda a: L.matrix_power(a, -2), (M,)),
    "poly of a matrix": (np.poly, (S,)),
    "matmul": (lambda a: a @ np.eye(3), (M,)),
    "einsum": (lambda a: np.einsum("ij,j", a, [1.0, 2.0, 3.0]), (M,)),
    "kron": (lambda a: np.kron(a, [1.0, 2.0]), (M,)),
    "trace": (lambda a: np.trace(a, dtype=np.float64), (M,)),
    "diag": (lambda a: np.diag(a) + np.tril(a) @ np.triu(a)[0], (M,)),
    "reshape": (lambda a: np.reshape(a, (4, 3), order="F") * a.T, (A,)),
    "ravel": (lambda a: np.ravel(a, order="F") + a.flatten("C"), (A,)),
    "sort": (lambda a: np.sort(a, axis=0) * np.take(a, [1, 0, 1], axis=0), (A,)),
    "index": (lambda a: a[::-1, 1::2] * a[[0, 2, 1]][:, :2], (A,)),
    "convolution": (lambda a: a[:-1, :-1] * 2.0 + a[1:, 1:], (A,)),
}  # fmt: skip
CASES: dict[str, Case] = {
    **_pairs(), **_quantiles(), **_ranges(), **MADE, **REDUCED, **SLOPES, **MATRICES,
}  # fmt: skip
