"""The complex step on the machine: as accurate as the interpreter, measured against the truth."""

from __future__ import annotations

import math
from typing import Any

import mpmath as mp
import numpy as np
import pytest

import diffkit as dk
from diffkit.capture.capturing import capture
from diffkit.differentiate.complex_step import ComplexStep
from diffkit.engines.interpret import run
from diffkit.engines.machine import complex_runs, loading
from diffkit.engines.machine.complex_runs import complex_runner, is_worth_while
from diffkit.graph.primitive import REGISTRY

STEP = 1e-100
DIGITS = 130  # of the truth: what 1e-100 moves stands behind the hundredth digit
POINTS = {
    "cos": (-9.0, 9.0), "exp": (-5.0, 5.0), "log": (0.01, 20.0), "sin": (-9.0, 9.0),
    "sqrt": (0.01, 20.0), "tanh": (-3.0, 3.0),
}  # fmt: skip
MOST_ULPS, MOST_MEAN_ULPS = 4.0, 0.8  # of a function's slope
SUM_ULPS = 2.0
WHISKER = 0.25  # ulps by which the median may exceed the interpreter's


def ulps(exact: Any, got: float) -> float:
    """The distance in units in the last place of the exact number."""
    return float(abs(mp.mpf(float(got)) - exact) / mp.mpf(2) ** (mp.frexp(exact)[1] - 53))


def moved(x: np.ndarray) -> Any:
    return x + 1j * STEP * np.linspace(0.5, 1.5, x.size).reshape(x.shape)


@pytest.mark.parametrize("name", POINTS)
def test_slopes_of_functions_against_the_truth(name: str) -> None:
    x = moved(np.random.default_rng(0).uniform(*POINTS[name], 200))
    graph = capture(lambda x: REGISTRY[name](x), [x.real])
    (y,) = complex_runner(graph, 0)([x])
    with mp.workdps(DIGITS):
        exact = [getattr(mp, name)(mp.mpc(z.real, z.imag)).imag for z in x]
        errors = [ulps(e, got) for e, got in zip(exact, y.imag, strict=True)]
    assert max(errors) <= MOST_ULPS and np.mean(errors) <= MOST_MEAN_ULPS


@pytest.mark.parametrize("count", [1, 7, 63, 64, 65, 1000, 20_000])
def test_sums_are_compensated(count: int) -> None:
    generator = np.random.default_rng(count)
    z = generator.uniform(0, 1, (2, count)) + 1j * STEP * generator.uniform(0, 1, (2, count))
    graph = capture(lambda x: np.sum(x, axis=1), [z.real])
    (y,) = complex_runner(graph, 0)([z])
    for row, total in zip(z, y, strict=True):
        assert ulps(mp.mpf(math.fsum(row.real)), total.real) <= SUM_ULPS
        assert ulps(mp.mpf(math.fsum(row.imag)), total.imag) <= SUM_ULPS


@pytest.mark.parametrize("special", [np.inf, -np.inf, np.nan])
def test_sums_of_special_numbers(special: float) -> None:
    z = moved(np.linspace(0, 1, 300))
    z[5] = special
    graph = capture(lambda x: np.sum(x), [z.real])
    (y,) = complex_runner(graph, 0)([z])
    np.testing.assert_equal(y.real, special)
    assert y.imag == pytest.approx(np.sum(z.imag), rel=1e-14)


def loss(w: Any, b: Any, x: Any, y: Any) -> Any:
    z = np.tanh(x @ w + b)
    z = z - np.max(z, axis=1, keepdims=True)
    return np.mean(np.log(np.sum(np.exp(z), axis=1)) - np.sum(y * z, axis=1))


def test_a_loss_is_as_accurate_as_by_the_interpreter() -> None:
    generator = np.random.default_rng(1)
    w, b, x = (generator.normal(size=shape) for shape in ((5, 4), (4,), (150, 5)))
    y = np.eye(4)[generator.integers(0, 4, 150)]
    compared = {
        engine: dk.compare(loss, w, b, x, y, argnums=(0, 1), methods=["complex"], engine=engine)
        for engine in ("machine", "interpret")
    }
    machine, interpreted = (compared[name]["complex"] for name in ("machine", "interpret"))
    assert machine.errors.median_ulp <= interpreted.errors.median_ulp + WHISKER
    for got, exact in zip(machine.blocks, interpreted.blocks, strict=True):
        np.testing.assert_allclose(got, exact, rtol=1e-12, atol=1e-16)


def agrees(function: Any, *values: Any) -> Any:
    """The program of a function by its first argument, which agrees with the interpreter."""
    leaves = [np.asarray(value) for value in values]
    graph = capture(function, leaves)
    leaves = [moved(leaves[0]), *leaves[1:]]
    runner = complex_runner(graph, 0)
    for got, wanted in zip(runner(leaves), run(graph, leaves, domain="complex"), strict=True):
        np.testing.assert_allclose(np.real(got), np.real(wanted), rtol=1e-13, atol=1e-14)
        np.testing.assert_allclose(np.imag(got), np.imag(wanted), rtol=1e-12, atol=1e-113)
    return runner.program


MATRICES = np.random.default_rng(2).normal(size=(3, 4, 5))
PRODUCTS = {
    "both": lambda x: x[0] @ x[1].T,
    "both in a batch": lambda x: x @ (2 * x).transpose(0, 2, 1),
    "real first": lambda x: MATRICES[0].T @ x[1],
    "real first, columns": lambda x: MATRICES[0] @ x[1].T,
    "real second": lambda x: x @ MATRICES[1].T,
    "one batch for all": lambda x: x[0].T @ MATRICES,
    "vectors": lambda x: x[0, 0] @ x[1, 1],
    "one column": lambda x: x[0] @ x[0, 0],
}


@pytest.mark.parametrize("way", PRODUCTS)
def test_products_need_no_python(way: str) -> None:
    assert not agrees(PRODUCTS[way], MATRICES).callbacks


def test_reductions_need_no_python() -> None:
    def reductions(x: Any) -> Any:
        extremes = np.max(x, axis=1), np.min(x, axis=(0, 2)), np.max(x, axis=2)
        products = np.prod(x, axis=0), np.prod(x[0, 0]), np.prod(x, axis=1)
        return (*extremes, *products, np.sum(x, axis=2), np.sum(x, axis=0))

    ties = np.array([[[1.0, 1.0, 0.5], [2.0, 1.0, 0.5]]])
    for x in (MATRICES, ties):
        assert not agrees(reductions, x).callbacks


def test_a_product_that_overflows_is_numpys() -> None:
    z = moved(np.array([np.inf, 2.0, 1e300]))
    graph = capture(lambda x: np.prod(x), [z.real])
    (got,), (wanted,) = complex_runner(graph, 0)([z]), run(graph, [z], domain="complex")
    np.testing.assert_equal(got, wanted)


@pytest.mark.parametrize("stride", [(1, 1), (2, 1)])
def test_convolutions_need_no_python(stride: tuple[int, int]) -> None:
    from diffkit.primitives.convolution import conv2d

    generator = np.random.default_rng(3)
    images, k = generator.normal(size=(2, 6, 5, 3)), generator.normal(size=(3, 2, 3, 5))
    params: Any = {"stride": stride, "padding": ((1, 0), (0, 1))}
    assert not agrees(lambda x, k: conv2d(x, k, **params), images, k).callbacks
    assert not agrees(lambda k, x: conv2d(x, k, **params), k, images).callbacks


# Which engine "auto" takes -----------------------------------------------------------------------


def programs_asked_for(monkeypatch: pytest.MonkeyPatch, f: Any, *args: Any, **options: Any) -> int:
    """How many programs of the machine a complex step asks for."""
    loading.kernels()
    asked: list[int] = []
    real = complex_runs.complex_runner
    monkeypatch.setattr(
        complex_runs, "complex_runner", lambda g, place: (asked.append(place), real(g, place))[1]
    )
    dk.jacobian(f, method="complex", **options)(*args)
    return len(asked)


def test_the_machine_runs_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.linspace(0.1, 1, 5)
    assert programs_asked_for(monkeypatch, lambda x: np.sum(x * x), x) == 1
    assert programs_asked_for(monkeypatch, lambda x: np.sum(x * x), x, engine="interpret") == 0
    assert programs_asked_for(monkeypatch, lambda x: np.sum(x * x), x.astype("f4")) == 0


def test_the_machine_is_left_alone_where_python_would_do_the_work() -> None:
    x = np.linspace(0.1, 1, 5)
    python = capture(lambda x: np.tan(x) + np.sinh(x), [x])
    kernels = capture(lambda x: np.sin(x) + np.exp(x), [x])
    assert not is_worth_while(complex_runner(python, 0))
    assert is_worth_while(complex_runner(kernels, 0))


def test_elements_that_need_other_steps_are_found_among_many() -> None:
    """Underflow, no slope, an enormous slope and ordinary ones, in one Jacobian."""
    c = np.array([1e-250, 0.0, 1e200, 3.0])
    for engine in ("interpret", "machine"):
        got = dk.jacobian(lambda x: c * x * x, method="complex", engine=engine)(np.ones(4))
        np.testing.assert_allclose(np.diag(got), 2 * c, rtol=1e-12)
        assert got.flags.c_contiguous and np.array_equal(got, np.diag(np.diag(got)))


def test_the_step_is_told_and_runs_are_counted() -> None:
    graph = dk.parse("x*y")
    found = dk.compare(graph, methods=[ComplexStep(1e-30)], x=2.0, y=3.0)["complex"]
    assert found.evaluations == 3
