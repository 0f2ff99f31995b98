"""Numbers that show a concept of the glossary, on the library itself, without pictures.

The pictures with the same numbers are in ``gallery``; ``tests/test_evidence.py`` says which.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import signal

import diffkit as dk
from diffkit.nets.activations import ACTIVATIONS
from diffkit.nets.convolutional import conv2d
from diffkit.plots.curves import slope

TRACING = ("symbolic", "complex", "forward", "reverse")


@pytest.mark.parametrize("shape", ((), (1,), (3,), (4, 1), (1, 3), (2, 1, 1), (2, 4, 1)))
def test_the_adjoint_of_broadcasting_is_a_sum(shape: tuple[int, ...]) -> None:
    target = (2, 4, 3)
    y_bar = np.random.default_rng(0).integers(-9, 9, target).astype(float)
    _, pullback = dk.vjp(lambda x: np.broadcast_to(x, target), np.ones(shape))
    padded = (1,) * (3 - len(shape)) + shape
    copied = tuple(axis for axis in range(3) if padded[axis] != target[axis])
    assert np.array_equal(pullback(y_bar)[0], y_bar.sum(axis=copied).reshape(shape))


def test_the_best_direction_is_the_gradient() -> None:
    def f(x: Any) -> Any:
        return np.exp(-(x[0] ** 2)) * np.sin(3 * x[1]) + x[0] * x[1]

    point, count = np.array([0.4, -0.3]), 3600
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    units = np.array([np.cos(angles), np.sin(angles)])
    rises = (f(point[:, None] + 1e-4 * units) - f(point[:, None] - 1e-4 * units)) / 2e-4
    gradient = dk.grad(f)(point)
    best = units[:, np.argmax(rises)]
    assert best @ gradient / np.linalg.norm(gradient) >= np.cos(np.pi / count)
    assert rises.max() == pytest.approx(np.linalg.norm(gradient), rel=1e-6)


@pytest.mark.parametrize("accuracy", (1, 2, 4))
def test_errors_of_differences_have_their_order(accuracy: int) -> None:
    steps = 2.0 ** -np.arange(3.0, 7.0)
    methods = [dk.methods.Finite(accuracy=accuracy, step=float(h)) for h in steps]
    errors = [abs(dk.derivative(np.sin, method=m)(0.6) - np.cos(0.6)) for m in methods]
    assert slope(steps, np.array(errors)) == pytest.approx(accuracy, abs=0.03)


@pytest.mark.parametrize(("classes", "expected"), ((3, 1.0986), (10, 2.3026)))
def test_the_first_cross_entropy_is_ln_c(classes: int, expected: float) -> None:
    labels = np.arange(20) % classes
    found = dk.losses.cross_entropy(np.zeros((20, classes)), labels)
    assert found == pytest.approx(np.log(classes), abs=1e-15)
    assert round(float(found), 4) == expected


def test_the_softmax_jacobian_is_at_most_a_half_with_rows_that_sum_to_zero() -> None:
    rng = np.random.default_rng(0)
    scores = [rng.normal(size=n) * size for n in (2, 3, 7) for size in (0.1, 1.0, 10.0)]
    for z in [*scores, np.array([0.0, 0.0]), np.array([0.0, 0.0, -40.0])]:
        jacobian = dk.jacobian(dk.nets.softmax)(z)
        assert np.linalg.norm(jacobian, ord=2) <= 0.5 + 1e-15
        assert np.max(np.abs(jacobian.sum(axis=1))) <= 1e-15
    assert np.linalg.norm(dk.jacobian(dk.nets.softmax)(np.zeros(2)), ord=2) == 0.5


def test_the_gradient_of_cross_entropy_is_p_minus_y() -> None:
    scores, labels = np.random.default_rng(1).normal(size=(6, 4)), np.arange(6) % 4
    wanted = (dk.nets.softmax(scores) - np.eye(4)[labels]) / 6
    assert np.allclose(dk.grad(dk.losses.cross_entropy)(scores, labels), wanted, atol=1e-16)


def test_a_gap_of_800_costs_800() -> None:
    scores = np.array([0.0, 800.0])
    with np.errstate(all="ignore"):
        powers = np.exp(scores)
        assert np.log(powers[0] / powers.sum()) == -np.inf
    assert -dk.losses.cross_entropy(scores[None], np.array([0])) == -800.0
    assert dk.nets.log_softmax(scores)[0] == -800.0


def test_a_filters_gradient_is_a_correlation() -> None:
    rng = np.random.default_rng(2)
    image, kernel = rng.integers(-3, 4, (7, 6)).astype(float), rng.integers(-3, 4, (3, 3)) * 1.0
    y_bar = rng.integers(-3, 4, (5, 4)).astype(float)

    def slide(x: Any, k: Any) -> Any:
        return conv2d(x[None, :, :, None], k[:, :, None, None])[0, :, :, 0]

    y, pullback = dk.vjp(slide, image, kernel)
    image_bar, kernel_bar = pullback(y_bar)
    assert np.array_equal(y, signal.correlate2d(image, kernel, "valid"))
    assert np.array_equal(kernel_bar, signal.correlate2d(image, y_bar, "valid"))
    assert np.array_equal(image_bar, signal.convolve2d(y_bar, kernel, "full"))
    finite = dk.grad(lambda k: np.sum(slide(image, k) * y_bar), method="finite")(kernel)
    assert np.allclose(kernel_bar, finite, rtol=1e-9)


RELUS: dict[str, tuple[float, Callable[[Any], Any]]] = {
    "relu, 0": (0.0, ACTIVATIONS["relu"]),
    "maximum, ½": (0.5, lambda x: np.maximum(x, 0.0)),
    "where, 1": (1.0, lambda x: np.where(x >= 0, x, 0.0)),
}


@pytest.mark.parametrize("name", RELUS)
@pytest.mark.parametrize("method", TRACING)
def test_the_kink_identity_gives_twice_the_convention(name: str, method: str) -> None:
    declared, relu = RELUS[name]
    assert dk.grad(relu, method=method)(0.0) == declared
    assert dk.grad(lambda x: relu(x) - relu(-x), method=method)(0.0) == 2 * declared
    assert dk.grad(lambda x: relu(x) - relu(-x), method="finite")(0.0) == pytest.approx(1.0)


@pytest.mark.parametrize("nine", [9, 9.0])
@pytest.mark.parametrize("method", TRACING)
def test_a_branch_at_one_point_hides_its_slope(method: str, nine: Any) -> None:
    def f(x: Any) -> Any:
        return nine if x == 3 else x * x

    assert dk.grad(f, method=method)(3.0) == 0.0
    assert dk.grad(f, method=method)(np.nextafter(3.0, 4.0)) == pytest.approx(6.0, rel=1e-14)
    assert dk.grad(f, method="finite")(3.0) == pytest.approx(6.0)
