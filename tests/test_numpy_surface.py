"""Ufuncs, movements, choices, ranges, polynomials and in-place functions are NumPy's."""

from __future__ import annotations

from collections.abc import Callable
from math import factorial
from typing import Any

import numpy as np
import pytest
from surface import A, B, P, S, V, W, agree_with_numpy, gradients

import diffkit as dk
from diffkit.errors import DiffkitError, MutationError, UnsupportedError

WRONG: Any = "oval"
Case = tuple[Callable[..., Any], tuple[Any, ...]]
NEAR_ZERO = np.array([0.0, 1e-9, 1e-3, -0.2, 0.31, 0.33, 2.4])
T = np.arange(24.0).reshape(2, 3, 4) / 7 - 1.63

UFUNCS: dict[str, Case] = {
    "cbrt": (np.cbrt, (A,)),
    "hypot": (np.hypot, (A, B)),
    "arctan2": (np.arctan2, (A, B)),
    "heaviside": (lambda x, z: np.heaviside(x, z), (A, B)),
    "nan_to_num": (lambda x: np.nan_to_num(x, nan=1.0), (A,)),
    "sinc": (np.sinc, (A,)),
    "sinc near 0": (np.sinc, (NEAR_ZERO,)),
    "logaddexp": (np.logaddexp, (A, B)),
    "logaddexp2": (np.logaddexp2, (A, B)),
    "exp2": (np.exp2, (A,)),
    "log2": (np.log2, (P,)),
    "fmod": (np.fmod, (3 * A, np.where(B > 0, 0.7, -0.7))),
    "fmod by b": (lambda b: np.fmod(5.3, b), (V,)),
    "remainder": (np.remainder, (3 * A, B + 2)),
    "divmod": (np.divmod, (3 * A, B + 2)),
    "float_power": (np.float_power, (P, B)),
    "copysign": (np.copysign, (A, B)),
    "ldexp": (lambda x: np.ldexp(x, [0, 1, -3, 900]), (B,)),
    "ldexp traced": (lambda x: np.ldexp(x, np.argsort(x)), (V,)),
    "frexp": (np.frexp, (3 * V,)),
    "modf": (np.modf, (3 * A,)),
    "fmax": (np.fmax, (A, B)),
    "fmin": (np.fmin, (A, B)),
    "rint": (np.rint, (A,)),
    "trunc": (np.trunc, (A,)),
    "floor": (np.floor, (A,)),
    "deg2rad": (np.deg2rad, (A,)),
    "degrees": (np.degrees, (A,)),
    "signbit": (lambda x: np.where(np.signbit(x), x, x**2), (A,)),
    "positive": (np.positive, (A,)),
    "square": (np.square, (A,)),
    "reciprocal": (np.reciprocal, (P,)),
    "fabs": (np.fabs, (A,)),
    "abs": (abs, (A,)),
    "conj": (lambda x: np.conj(x) * x.conj(), (A,)),
    "real": (lambda x: np.real(x) + x.real, (A,)),
    "imag": (lambda x: np.imag(x) + x, (A,)),
    "angle": (lambda x: np.angle(x, deg=True) + x, (A,)),
    "clip": (lambda x, low: np.clip(x, low, None), (A, 0.11)),
    "clip max": (lambda x: np.clip(x, a_min=None, a_max=0.4), (A,)),
    "clip both": (lambda x: x.clip(min=-0.5, max=0.4), (A,)),
    "round": (lambda x: round(x, 1) + x, (0.73,)),
    "python pow": (lambda x: pow(x, 3), (A,)),
    "python divmod": (lambda x: divmod(x, 0.4), (A,)),
    "python sum": (sum, (A,)),
    "python max": (lambda x: max(x[0], x[1], x[2]) ** 2, (V,)),
    "python min": (lambda x: min(list(x)) ** 2, (V,)),
    "python sorted": (lambda x: np.array(sorted(x)) ** 2, (V,)),
    "add out": (lambda x: np.add(x, 1.0, out=np.zeros_like(x)), (A,)),
    "isposinf": (np.isposinf, (A,)),
    "isneginf": (np.isneginf, (A,)),
    "isreal": (np.isreal, (A,)),
    "iscomplex": (np.iscomplex, (A,)),
    "i0": (np.i0, (A,)),
    "frompyfunc": (
        lambda x: np.frompyfunc(lambda v: v * v if v > 0 else -v, 1, 1)(x).astype(float),
        (V,),
    ),
    "vectorize": (np.vectorize(lambda v, w: v * w if v > 0 else np.sin(v)), (V, S)),
}
MOVEMENTS: dict[str, Case] = {
    "rot90": (lambda x: np.rot90(x, 3, (1, 2)), (T,)),
    "roll": (lambda x: np.roll(x, (1, 2), (0, 2)), (T,)),
    "flip": (lambda x: np.flip(x, (0, 2)), (T,)),
    "rollaxis": (lambda x: np.rollaxis(x, 2), (T,)),
    "moveaxis": (lambda x: np.moveaxis(x, (0, 1), (2, 0)), (T,)),
    "swapaxes": (lambda x: x.swapaxes(0, 2), (T,)),
    "atleast_3d": (lambda x: np.atleast_3d(x), (A,)),
    "broadcast_to": (lambda x: np.broadcast_to(x, (2, 3, 4)), (A,)),
    "broadcast_arrays": (lambda x, y: np.broadcast_arrays(x, y), (A, V[:4])),
    "array_split": (lambda x: np.array_split(x, 3), (V,)),
    "dsplit": (lambda x: np.dsplit(x, 2), (T,)),
    "hsplit": (lambda x: np.hsplit(x, [1, 3]), (A,)),
    "vsplit": (lambda x: np.vsplit(x, 3), (A,)),
    "unstack": (lambda x: np.unstack(x, axis=1), (T,)),
    "block": (lambda x, y: np.block([[x, 2 * x], [y, y]]), (A, B)),
    "tile": (lambda x: np.tile(x, (2, 1, 3)), (A,)),
    "repeat": (lambda x: np.repeat(x, [1, 0, 2], axis=0), (A,)),
    "delete": (lambda x: np.delete(x, [0, 2], axis=1), (A,)),
    "insert": (lambda x, v: np.insert(x, 1, v, axis=1), (A, W)),
    "insert many": (lambda x, v: np.insert(x, [0, 3, 3], v), (V, W)),
    "insert slice": (lambda x, v: np.insert(x, slice(0, 3), v), (V, W)),
    "insert one": (lambda x, v: np.insert(x, [2], v), (V, W)),
    "insert rows": (lambda x: np.insert(x, [1], [[1.0], [2.0], [3.0]], axis=1), (A,)),
    "append": (lambda x, v: np.append(x, v), (A, W)),
    "resize": (lambda x: np.resize(x, (3, 4)), (V,)),
    "take": (lambda x: np.take(x, [3, 0, 3], axis=1), (A,)),
    "choose": (lambda x, y: np.choose([[0, 1, 1, 0]], [x, y]), (A, B)),
    "choose wrap": (lambda x, y: np.choose([3, 1, -1, 0], [x, y], mode="wrap"), (A, B)),
    "select": (lambda x: np.select([x > 1, x > 0], [x**3, x], default=-x), (A,)),
    "piecewise": (lambda x: np.piecewise(x, [x < 0, x >= 1], [np.sin, lambda v: v**3, 0.5]), (A,)),
    "piecewise one": (lambda x: np.piecewise(x, x < 0, [-1.0, np.exp]), (V,)),
    "tril": (lambda x: np.tril(x, -1) + np.triu(x, 1), (A,)),
    "diagflat": (np.diagflat, (W,)),
    "diag": (lambda x: np.diag(x, 1), (A,)),
    "ix_": (lambda x: x[np.ix_([0, 2], [1, 3])], (A,)),
    "meshgrid": (lambda x, y: np.meshgrid(x, y, indexing="ij"), (V, W)),
    "tril_indices_from": (lambda x: x[np.tril_indices_from(x[:, :3], -1)], (A,)),
    "unravel_index": (lambda x: x[np.unravel_index(np.argmax(x), x.shape)] ** 2, (B,)),
    "ravel_multi_index": (
        lambda x: x.ravel()[np.ravel_multi_index([[0, 2], [1, 3]], x.shape)],
        (A,),
    ),
    "apply_along_axis": (lambda x: np.apply_along_axis(lambda r: r[:2] * r[-1], 1, x), (T,)),
    "apply_along number": (lambda x: np.apply_along_axis(lambda r: np.prod(r), 0, x), (T,)),
    "apply_over_axes": (lambda x: np.apply_over_axes(np.sum, x, [0, 2]), (T,)),
    "fromfunction": (lambda x: np.fromfunction(lambda i, j: x * (i + j), (2, 3)), (0.7,)),
    "emath": (lambda x: np.emath.sqrt(x) + np.emath.logn(2, x) + np.emath.power(x, 1.5), (P,)),
    "emath unit": (lambda x: np.emath.arcsin(x / 2) + np.emath.arctanh(x / 3), (A,)),
    "flat": (lambda x: sum(v * v for v in x.flat), (A,)),
    "einsum lists": (lambda x, y: np.einsum(x, [0, 1], y, [2, 1], [2, 0]), (A, B)),
    "newaxis": (lambda x: x[..., None, 1:] * x[None, :, [0, 2]][..., :1], (A,)),
    "linspace": (lambda a, b: np.linspace(a, b, 7), (0.3, 2.0)),
    "linspace rows": (lambda a, b: np.linspace(a, b, 4, endpoint=False, axis=1), (W, 2.0)),
    "linspace step": (lambda a: np.linspace(a, 2.0, 5, retstep=True), (0.3,)),
    "logspace": (lambda a, b: np.logspace(a, b, 5, base=b + 1), (0.3, 1.7)),
    "geomspace": (lambda a, b: np.geomspace(a, b, 6), (0.3, 20.0)),
    "geomspace negative": (lambda a: np.geomspace(a, -9.0, 4), (-0.3,)),
    "full_like": (lambda x, v: np.full_like(x, v), (A, 0.7)),
    "astype": (lambda x: x.astype(np.float64) * x.astype(int), (A,)),
}
PAD_MODES: list[Any] = [
    "constant", "edge", "reflect", "symmetric", "wrap", "linear_ramp", "maximum", "minimum",
    "mean", "median",
]  # fmt: skip
for _mode in PAD_MODES:
    MOVEMENTS[f"pad {_mode}"] = (lambda x, m=_mode: np.pad(x, ((1, 2), (0, 3)), m), (B,))
POLYNOMIALS: dict[str, Case] = {
    "polyval": (np.polyval, (W, A)),
    "polyadd": (np.polyadd, (V, W)),
    "polysub": (np.polysub, (W, V)),
    "polymul": (np.polymul, (V, W)),
    "polyder": (lambda p: np.polyder(p, 2), (V,)),
    "polymul zeros": (lambda p: np.polymul([0.0, 0.0, 1.0], p), (V,)),
    "polyint": (lambda p, k: np.polyint(p, 2, k), (V, W[:2])),
    "polydiv": (np.polydiv, (V, W)),
    "vander": (lambda x: np.vander(x, 4), (V,)),
    "vander up": (lambda x: np.vander(x, increasing=True), (W,)),
    "poly": (np.poly, (V,)),
    "polyfit": (lambda x, y: np.polyfit(x, y, 2), (S, V)),
    "polyfit weights": (lambda y, w: np.polyfit(S, y, 1, w=w), (V, S)),
}
ALL = {**UFUNCS, **MOVEMENTS, **POLYNOMIALS}
JUMPS = {"heaviside", "ldexp traced"}


@pytest.mark.parametrize("name", ALL)
def test_value_and_derivative(name: str) -> None:
    f, args = ALL[name]
    loose = name.startswith(("polyfit", "i0", "logspace", "geomspace"))
    agree_with_numpy(
        f, *args, rtol=1e-12 if loose else 1e-13, tolerance=1e-6, smooth=name not in JUMPS
    )


SPECIAL = [0.0, -0.0, 1.0, -1.0, 2.5, -2.5, np.inf, -np.inf, np.nan]


@pytest.mark.filterwarnings("ignore::diffkit.errors.DomainWarning", "ignore:invalid value")
@pytest.mark.parametrize("f", [np.modf, np.angle, np.sinc, np.signbit])
def test_special_values(f: Callable[..., Any]) -> None:
    for x in SPECIAL[:-1] if f is np.signbit else SPECIAL:
        agree_with_numpy(f, x, smooth=False)
        found, wanted = dk.trace(f, x)(x), f(x)
        np.testing.assert_array_equal(np.signbit(found), np.signbit(wanted))


@pytest.mark.parametrize("f", [np.fmod, np.copysign, np.remainder])
def test_special_pairs(f: Callable[..., Any]) -> None:
    for x in SPECIAL:
        for y in SPECIAL[:-1]:
            agree_with_numpy(f, x, y, smooth=False)


def test_sinc_keeps_its_digits_near_zero() -> None:
    for x in (0.0, 1e-12, 1e-4, 0.05, 0.3183, 0.3184):
        y = np.pi * x
        series = sum(
            (-1) ** k * 2 * k * y ** (2 * k - 1) / factorial(2 * k + 1) for k in range(1, 12)
        )
        np.testing.assert_allclose(dk.grad(np.sinc)(x), np.pi * series, rtol=1e-13)
    np.testing.assert_allclose(dk.derivative(np.sinc, order=2)(0.0), -(np.pi**2) / 3, rtol=1e-14)
    np.testing.assert_allclose(dk.derivative(np.sinc, order=4)(0.0), np.pi**4 / 5, rtol=1e-14)


def test_in_place_functions() -> None:
    def f(x: Any, v: Any) -> Any:
        y = np.array(x, copy=True) if isinstance(x, np.ndarray) else x.copy()
        np.place(y, x > 0.5, v)
        np.putmask(y, x < -0.8, v**2)
        np.put(y, [0, -1], v[:2])
        np.put_along_axis(y, np.array([[1], [2], [0]]), v[0], axis=1)
        np.copyto(y, v[1], where=x == x[1, 1])
        np.fill_diagonal(y, v[2])
        return y * y

    agree_with_numpy(f, A, W)


def test_sequences_of_traced_numbers() -> None:
    def f(x: Any) -> Any:
        parts = [np.array([x[0], 1.0, x[1]]), np.full(2, x[2]), np.r_[x[:2], 0.5], np.asarray(x)]
        table = np.c_[x, x**2]
        return np.concatenate(parts).sum() + np.sum(table * 1.0) ** 2

    agree_with_numpy(f, V)


@pytest.mark.parametrize(
    ("f", "word"),
    [
        (lambda x: np.roots(x), "np.roots"),
        (lambda x: np.save("x", x), "np.save"),
        (lambda x: np.nextafter(x, 9.0), "np.nextafter"),
        (lambda x: np.spacing(x), "np.spacing"),
        (lambda x: np.sort_complex(x), "sort_complex"),
        (lambda x: np.unique(np.outer(x, x), axis=0), "axis="),
        (lambda x: np.arange(x[0]), "np.arange"),
        (lambda x: np.polyfit(x, x, 1, full=True), "full="),
        (lambda x: np.linspace(0, x[0], x[1]), "fixed shape"),
        (lambda x: np.save("x", x), "np.save"),
        (lambda x: np.gcd(x, 2), "np.gcd"),
        (lambda x: np.emath.sqrt(x), "would be complex"),
        (lambda x: np.pad(x, 1, mode=WRONG), "oval"),
        (lambda x: np.choose([5], [x, x]), "np.choose"),
    ],
)
def test_refusals_name_the_function(f: Callable[..., Any], word: str) -> None:
    with pytest.raises(DiffkitError, match=word) as caught:
        dk.grad(lambda x: np.sum(f(x)))(V)
    assert caught.value.where
    assert caught.value.hint


def test_plain_arrays_cannot_take_traced_values() -> None:
    plain = np.zeros(5)
    for change in (lambda x: np.place(plain, [True], x), lambda x: np.put(plain, 0, x),
                   lambda x: np.putmask(plain, x > 0, x)):  # fmt: skip
        with pytest.raises((MutationError, UnsupportedError)):
            dk.grad(lambda x, c=change: (c(x), np.sum(x))[1])(V)


def test_kinks() -> None:
    assert gradients(lambda x: np.hypot(x, x), 0.0)[1][0] == 0
    assert gradients(lambda x: np.modf(x)[0], 2.0)[1][0] == 1
    assert gradients(lambda x: np.copysign(x, -1.0), 3.0)[1][0] == -1


def test_empty_operands_have_a_gradient() -> None:
    for f in (lambda x: np.zeros((0, 1)) * x, lambda x: np.linspace(0.0, x, 0)):
        np.testing.assert_array_equal(dk.grad(lambda x, f=f: np.sum(f(x)))(V), 0.0)
