"""``np.fft`` and complex values on the way from real to real: values, slopes, what is refused."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.engines.precise import true_derivatives
from diffkit.errors import (
    CaptureError,
    DataDependentError,
    DtypeError,
    InputError,
    ShapeError,
    UnsupportedError,
)

RNG = np.random.default_rng(0)
SIGNAL, EVEN, IMAGE = RNG.normal(size=5), RNG.normal(size=6), RNG.normal(size=(3, 4))
W = RNG.normal(size=5) + 1j * RNG.normal(size=5)
HALF = RNG.normal(size=4) + 1j * RNG.normal(size=4)
NORMS = ("backward", "ortho", "forward")
ROUNDING = 1e-14


def parts(z: Any) -> Any:
    """A complex result as real ones, which a function may return."""
    return np.real(z), np.imag(z)


def both(f: Callable[..., Any]) -> Callable[..., Any]:
    """A number that feels every part of a complex result, each with a weight of its own."""

    def total(x: Any) -> Any:
        re, im = parts(f(x))
        weights = np.linspace(0.5, 1.5, re.size).reshape(re.shape)
        return np.sum(weights * re**2) + np.sum((2.0 - weights) * im * np.abs(im + 3.0))

    return total


ONE_AXIS = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
MANY_AXES = ("fft2", "ifft2", "fftn", "ifftn", "rfft2", "irfft2", "rfftn", "irfftn")
SIDEWAYS: Any = "sideways"
REAL_ONLY = ("rfft", "ihfft", "rfft2", "rfftn")


def assert_right(f: Callable[..., Any], x: np.ndarray) -> None:
    """The value is NumPy's, and the gradient of a number made of it is the truth, by two modes."""
    re, im = dk.trace(lambda x: parts(f(x)), x)(x)
    scale = np.max(np.abs(f(x)), initial=1.0)
    np.testing.assert_allclose(re, np.real(f(x)), atol=ROUNDING * scale)
    np.testing.assert_allclose(im, np.imag(f(x)), atol=ROUNDING * scale)
    loss = both(f)
    truth = true_derivatives(dk.trace(loss, x), [x], [0]).blocks[0][0].astype(float)
    for method in ("reverse", "forward"):
        got = dk.grad(loss, method=method)(x)
        np.testing.assert_allclose(got, truth, atol=100 * ROUNDING * np.max(np.abs(truth)))


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("name", ONE_AXIS)
def test_transforms_of_one_axis(name: str, norm: str) -> None:
    transform = getattr(np.fft, name)
    factor = 1.0 if name in REAL_ONLY else 1.0 - 0.5j
    for x, options in ((SIGNAL, {}), (EVEN, {"n": 4}), (SIGNAL, {"n": 8}), (IMAGE, {"axis": 0})):
        assert_right(lambda x, o=options: transform(x * factor, norm=norm, **o), x)


@pytest.mark.parametrize("name", MANY_AXES)
def test_transforms_of_several_axes(name: str) -> None:
    transform = getattr(np.fft, name)
    factor = 1.0 if name in REAL_ONLY else 1.0 - 0.5j
    assert_right(lambda x: transform(x * factor), IMAGE)
    assert_right(lambda x: transform(x * factor, s=(2, 5), axes=(0, 1), norm="ortho"), IMAGE)
    assert_right(lambda x: transform(x * factor, axes=(1, 0)), IMAGE)


def test_frequencies_are_moved_and_named() -> None:
    frequencies = np.fft.rfftfreq(6)
    f = lambda x: np.sum(frequencies * np.abs(np.fft.rfft(x)) ** 2)  # noqa: E731
    g = lambda x: 0.5 * np.sum(np.abs(np.fft.fftfreq(6)) * np.abs(np.fft.fft(x)) ** 2)  # noqa: E731
    # all but the middle frequency are counted twice in the full spectrum
    middle = lambda x: 0.25 * np.abs(np.fft.fft(x)[3]) ** 2  # noqa: E731
    np.testing.assert_allclose(dk.grad(f)(EVEN), dk.grad(lambda x: g(x) + middle(x))(EVEN))
    assert_right(lambda x: np.fft.fftshift(np.fft.fft(x)), SIGNAL)
    assert_right(lambda x: np.fft.ifftshift(np.fft.fft2(x), axes=0), IMAGE)


def test_parseval_and_the_round_trip() -> None:
    power = lambda x: np.sum(np.abs(np.fft.fft(x, norm="ortho")) ** 2)  # noqa: E731
    np.testing.assert_allclose(dk.grad(power)(SIGNAL), 2 * SIGNAL, rtol=1e-14)
    np.testing.assert_allclose(dk.hessian(power)(SIGNAL), 2 * np.eye(5), atol=1e-14)
    again = dk.jacobian(lambda x: np.fft.irfft(np.fft.rfft(x), 5))(SIGNAL)
    np.testing.assert_allclose(again, np.eye(5), atol=1e-15)


def test_a_transform_costs_one_transform_back() -> None:
    graph = dk.trace(dk.grad(lambda x: np.sum(np.abs(np.fft.rfft(x)) ** 2)), EVEN)
    counts = graph.operations()
    assert counts["half_dft"] == counts["half_dft_sum"] == 1


def test_short_floats_stay_short() -> None:
    x = EVEN.astype(np.float32)
    f = lambda x: np.sum(np.fft.irfft(np.fft.rfft(x) * np.complex64(1j)) ** 3)  # noqa: E731
    assert dk.grad(f)(x).dtype == np.float32
    assert dk.trace(f, x)(x).dtype == np.float32


# Complex arithmetic -------------------------------------------------------------------------------


COMPLEX: dict[str, Callable[[Any], Any]] = {
    "sum": lambda x: x + 1j * x**2 - (2.0 - 1j),
    "product": lambda x: (x + 1j) * (W - 1j * x) * 2j,
    "quotient": lambda x: (x * W + 1.0) / (x - 2j) / (1.0 + x),
    "reciprocal": lambda x: np.reciprocal(x + 1j) + 1.0 / (W + x),
    "whole power": lambda x: (x + 1j) ** 3 + (x - 1j) ** -2 + (x + 1j) ** 0,
    "power": lambda x: (x + 2j) ** (0.3 + 1j) + 2j**x + (1.0 + x**2) ** 1j,
    "exponential": lambda x: np.exp(1j * x) - np.conj(np.exp(x * W)),
    "logarithm": lambda x: np.log(x + 1j) + np.log(W * (1.0 + x**2)),
    "root": lambda x: np.sqrt(x + 0.5j) + np.sqrt(-1.0 - x**2 - 0.1j),
    "circular": lambda x: np.sin(x + 1j) * np.cos(x * W) + np.tan(x + 0.5j),
    "hyperbolic": lambda x: np.sinh(x + 1j) * np.cosh(x * W) + np.tanh(x + 0.5j),
    "polar": lambda x: np.abs(x + 1j) * np.exp(1j * np.angle(x * W)),
    "reduction": lambda x: (x * W).sum() * np.mean(x + 1j) + np.var(x * W) + np.std(x * W),
    "matrix": lambda x: np.outer(W, x) @ (x * 1j) + np.vdot(W, x) * np.dot(x, W) * W,
    "einsum": lambda x: np.einsum("i,j->ij", x * W, x + 1j).T,
    "shapes": lambda x: np.reshape(np.concatenate([x * W, x]), (2, 5))[:, ::-1].T.ravel(),
    "stack": lambda x: np.stack([x * W, x + 0j, W]) * np.where(x > 0, x * 1j, x),
    "store": lambda x: _stored(x),
    "norm": lambda x: np.linalg.norm(x * W) + np.roll(x * W, 1),
}


def _stored(x: Any) -> Any:
    z = x * W
    z[1] = x[0] * 2j
    z[2:] = 1.0 * x[2:]
    return z


@pytest.mark.parametrize("name", COMPLEX)
def test_complex_arithmetic(name: str) -> None:
    assert_right(COMPLEX[name], SIGNAL)


@pytest.mark.parametrize("name", COMPLEX)
def test_every_method_and_engine_goes_through_complex_values(name: str) -> None:
    loss = both(COMPLEX[name])
    reverse = dk.grad(loss)(SIGNAL)
    for method, tolerance in (("complex", 1e-11), ("finite", 1e-6)):
        got = dk.grad(loss, method=method)(SIGNAL)
        np.testing.assert_allclose(got, reverse, rtol=tolerance, atol=tolerance)
    machine = dk.grad(loss, engine="machine")(SIGNAL)
    np.testing.assert_allclose(machine, dk.grad(loss, engine="interpret")(SIGNAL), rtol=1e-12)


def test_the_symbolic_method_goes_through_transforms() -> None:
    loss = lambda x: np.sum(np.abs(np.fft.fft(x * np.exp(1j * x))) ** 2)  # noqa: E731
    x = SIGNAL[:3]
    np.testing.assert_allclose(dk.grad(loss, method="symbolic")(x), dk.grad(loss)(x), rtol=1e-12)


@pytest.mark.filterwarnings("ignore::diffkit.errors.DiffkitWarning")
def test_slopes_at_zero_are_declared() -> None:
    for f in (np.abs, np.angle, lambda z: np.sqrt(z).real, lambda z: np.sqrt(z).imag):
        assert dk.grad(lambda x, f=f: f(x * (1.0 + 1j)))(0.0) == 0.0


def test_complex_constants_on_either_side() -> None:
    array = np.array([1j, 2.0])
    for f in (
        lambda x: array * x, lambda x: x * array, lambda x: np.complex128(1j) - x,
        lambda x: 1j / (x + 1.0), lambda x: array @ np.stack([x, x]), lambda x: 2j**x,
    ):  # fmt: skip
        re, im = dk.trace(lambda x, f=f: parts(f(x)), 0.7)(0.7)
        np.testing.assert_allclose(re + 1j * im, f(0.7), rtol=1e-15)
    assert dk.trace(lambda x: np.where(1j * x == 1j * x, x, 0.0), 2.0)(2.0) == 2.0


def test_writing_in_place_does_what_numpy_does() -> None:
    def f(x: Any) -> Any:
        z = x + 0j  # an array of its own: x stays
        alias, part, view = z, z.imag, z[1:3]
        z += 1j * x
        z[0] = 5j
        view *= 2.0
        z.real[4] = x[0]
        return np.sum(np.abs(alias) ** 2 * part) + np.sum(x)

    assert dk.trace(f, SIGNAL)(SIGNAL) == pytest.approx(f(SIGNAL), rel=1e-15)
    with pytest.raises(DtypeError, match="real array"):
        dk.grad(lambda x: np.sum(_added(x)))(SIGNAL)


def _added(x: Any) -> Any:
    y = 2.0 * x
    y += 1j
    return y


# What is refused ----------------------------------------------------------------------------------


REFUSED: list[tuple[type[Exception], Callable[[Any], Any]]] = [
    (CaptureError, lambda x: np.fft.fft(x)),
    (DataDependentError, lambda x: x if 1j * x[0] > 0 else -x),
    (DataDependentError, lambda x: float(1j * x[0])),
    (DataDependentError, lambda x: {1j * x: 1}),
    (UnsupportedError, lambda x: np.sort(1j * x)),
    (UnsupportedError, lambda x: np.arctan2(1j * x, x)),
    (UnsupportedError, lambda x: np.add.reduce(1j * x)),
    (UnsupportedError, lambda x: np.array([1j * x, x]).sum()),
    (UnsupportedError, lambda x: (1j * x).argmax()),
    (UnsupportedError, lambda x: np.einsum("i,i,i->", 1j * x, x, x).real),
    (DtypeError, lambda x: np.fft.rfft(1j * x)),
    (DtypeError, lambda x: (1j * x).astype(float)),
    (InputError, lambda x: np.fft.fft(x, norm=SIDEWAYS)),
    (ShapeError, lambda x: np.fft.fft(x, n=0)),
    (ShapeError, lambda x: np.fft.fft(x, axis=3)),
    (ShapeError, lambda x: np.fft.fftn(x, s=(2, 2), axes=(0,))),
]


@pytest.mark.parametrize(("kind", "f"), REFUSED)
def test_what_has_no_complex_form_is_refused(kind: type[Exception], f: Any) -> None:
    with pytest.raises(kind) as caught:
        dk.grad(f)(SIGNAL)
    assert getattr(caught.value, "hint", None)


def test_complex_arguments_are_refused_with_what_to_write() -> None:
    with pytest.raises(DtypeError, match="complex") as caught:
        dk.grad(lambda z: np.abs(z))(1j)
    assert "x + 1j * y" in str(caught.value)


def test_plain_arrays_are_numpys() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.fft.fft(SIGNAL).dtype == np.complex128


def test_printed_code_transforms_and_calls_scipy() -> None:
    special = pytest.importorskip("scipy.special")
    f = lambda x: np.abs(np.fft.rfft(special.j0(x) + special.airy(x)[0]))[1]  # noqa: E731
    space: dict[str, Any] = {}
    text = dk.trace(f, EVEN).to_source(name="printed")
    exec(text, space)  # what was printed just above, from a graph of this test
    assert "special.jv(0.0, x)" in text
    np.testing.assert_allclose(space["printed"](EVEN), f(EVEN), rtol=1e-14)
