"""Every function of linear algebra: values of NumPy and SciPy, and derivatives by every method."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from linear_cases import ALL_CASES, REGULAR, SYMMETRIC, TALL, Case

import diffkit as dk
from diffkit.capture.capturing import trace
from diffkit.comparison.rules_trial import difference
from diffkit.differentiate.forward import pushforward_graph
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines.interpret import run
from diffkit.engines.machine.running import machine_runner
from diffkit.errors import NotAnalyticError

IDS = [case.name for case in ALL_CASES]
CLOSE = 1e-12  # of a derivative, relative to the largest element or to 1
SECOND = 1e-11
ROUGH = 2e-6  # finite differences of functions of large elements
RNG = np.random.default_rng


def near(got: Any, wanted: Any, tolerance: float) -> None:
    """Arrays of one shape and dtype, close relative to the largest number."""
    got, wanted = np.asarray(got), np.asarray(wanted)
    assert got.shape == wanted.shape
    scale = max(1.0, float(np.max(np.abs(wanted), initial=0.0)))
    assert float(np.max(np.abs(got - wanted), initial=0.0)) <= tolerance * scale


def directions(case: Case) -> list[np.ndarray]:
    return [np.round(RNG(0).normal(size=np.shape(x)), 2) for x in case.arguments]


@pytest.mark.parametrize("case", ALL_CASES, ids=IDS)
def test_values_are_those_of_the_original(case: Case) -> None:
    wanted = case.function(*case.arguments)
    got = trace(case.function, *case.arguments)(*case.arguments, engine="interpret")
    assert np.asarray(got).dtype == np.asarray(wanted).dtype
    near(got, wanted, CLOSE)


@pytest.mark.parametrize("case", ALL_CASES, ids=IDS)
def test_forward_mode_against_fifty_digits(case: Case) -> None:
    graph, x_dot = trace(case.loss, *case.arguments), directions(case)
    places = range(len(case.arguments))
    exact = difference(graph, case.arguments, places, x_dot)[0]
    near(run(pushforward_graph(graph), [*case.arguments, *x_dot])[1], exact, CLOSE)


@pytest.mark.parametrize("case", ALL_CASES, ids=IDS)
def test_reverse_mode_and_second_derivatives_against_fifty_digits(case: Case) -> None:
    graph, x_dot = trace(case.loss, *case.arguments), directions(case)
    gradient, places = gradient_graph(graph), range(len(case.arguments))
    exact = difference(graph, case.arguments, places, x_dot)[0]
    _, *x_bar = run(gradient, case.arguments)
    near(sum(np.vdot(a, b) for a, b in zip(x_bar, x_dot, strict=True)), exact, CLOSE)
    moved = run(pushforward_graph(gradient), [*case.arguments, *x_dot])[1 + len(x_bar) + 1 :]
    for got, wanted in zip(moved, difference(gradient, case.arguments, places, x_dot)[1:],
                           strict=True):  # fmt: skip
        near(got, wanted, SECOND)


@pytest.mark.parametrize("case", ALL_CASES, ids=IDS)
def test_finite_differences(case: Case) -> None:
    argnums = tuple(range(len(case.arguments)))
    wanted = dk.grad(case.loss, argnums, engine="interpret")(*case.arguments)
    got = dk.grad(case.loss, argnums, method="finite", engine="interpret")(*case.arguments)
    for x, y in zip(got, wanted, strict=True):
        near(x, y, ROUGH)


@pytest.mark.parametrize("case", ALL_CASES, ids=IDS)
def test_complex_step_where_there_is_an_analytic_form(case: Case) -> None:
    argnums = tuple(range(len(case.arguments)))
    complex_step = dk.grad(case.loss, argnums, method="complex", engine="interpret")
    if not case.analytic:
        with pytest.raises(NotAnalyticError, match="no analytic form"):
            complex_step(*case.arguments)
        return
    wanted = dk.grad(case.loss, argnums, engine="interpret")(*case.arguments)
    for x, y in zip(complex_step(*case.arguments), wanted, strict=True):
        near(x, y, CLOSE)


def test_the_machine_agrees_with_the_interpreter() -> None:
    """One graph with the gradients of all functions, so that it is put together once."""
    leaves = [x for case in ALL_CASES for x in case.arguments]

    def everything(*x: Any) -> Any:
        losses, used = [], 0
        for case in ALL_CASES:
            losses.append(case.loss(*x[used : used + len(case.arguments)]))
            used += len(case.arguments)
        return np.sum(np.stack(losses))

    graph = gradient_graph(trace(everything, *leaves))
    for got, wanted in zip(machine_runner(graph)(leaves), run(graph, leaves), strict=True):
        near(got, wanted, CLOSE)


@pytest.mark.parametrize("dtype", ["f4", "i8", "i4", "f2", "?"])
def test_dtypes_are_those_of_numpy(dtype: str) -> None:
    a, b = (4 * SYMMETRIC).astype(dtype), np.ones(3, dtype)
    wanted = np.float32 if dtype == "f4" else np.float64
    for f in (lambda a, b: np.linalg.solve(a, b), lambda a, b: np.linalg.inv(a),
              lambda a, b: np.linalg.norm(a, 2), lambda a, b: np.linalg.eigh(a)[0],
              lambda a, b: np.linalg.svd(a)[1], lambda a, b: np.linalg.qr(a)[1]):  # fmt: skip
        if dtype == "?":
            a = np.eye(3, dtype=bool)
        graph = trace(f, a, b)
        for engine in ("interpret", "machine"):
            assert np.asarray(graph(a, b, engine=engine)).dtype == wanted


def test_gradients_of_float32_are_float32() -> None:
    a = SYMMETRIC.astype(np.float32)
    for f in (np.linalg.det, lambda a: np.sum(np.linalg.cholesky(a)), np.linalg.cond,
              lambda a: np.linalg.slogdet(a)[1], lambda a: np.sum(np.linalg.pinv(a)),
              lambda a: np.sum(dk.scipy.linalg.expm(a / 9))):  # fmt: skip
        slope = dk.grad(f)(a)
        assert slope.dtype == np.float32
        near(slope, dk.grad(f)(a.astype(float)), 1e-5)


@pytest.mark.parametrize("engine", ["interpret", "machine"])
def test_layouts(engine: str) -> None:
    frozen = REGULAR.copy()
    frozen.setflags(write=False)
    wide = np.zeros((3, 6))
    wide[:, ::2] = REGULAR
    for f in (np.linalg.inv, np.linalg.det, lambda a: np.linalg.qr(a)[0]):
        wanted = f(REGULAR)
        for lying in (frozen, np.asfortranarray(REGULAR), wide[:, ::2], REGULAR.astype(">f8")):
            near(trace(f, REGULAR)(lying, engine=engine), wanted, CLOSE)


@pytest.mark.parametrize("engine", ["interpret", "machine"])
def test_empty_matrices(engine: str) -> None:
    none, no_batch = np.zeros((0, 0)), np.zeros((0, 3, 3))
    for f in (np.linalg.det, np.linalg.inv, lambda a: np.linalg.slogdet(a)[1],
              lambda a: np.linalg.solve(a, a), np.linalg.cholesky, np.linalg.eigvalsh):  # fmt: skip
        for a in (none, no_batch):
            wanted = f(a)
            near(trace(f, a)(a, engine=engine), wanted, 0.0)
    slope = dk.grad(lambda a: np.sum(np.linalg.det(a)))(no_batch)
    assert slope.shape == no_batch.shape


def test_plain_arrays_go_to_scipy_itself() -> None:
    scipy_linalg = pytest.importorskip("scipy.linalg")
    factor, lower = dk.scipy.linalg.cho_factor(SYMMETRIC, lower=True)
    assert lower and np.array_equal(factor, scipy_linalg.cho_factor(SYMMETRIC, lower=True)[0])
    found = dk.scipy.special.logsumexp(TALL, axis=0, return_sign=True)
    assert np.array_equal(found[1], [1.0, 1.0])


def test_mapped_over_examples() -> None:
    a, b = np.stack([REGULAR, SYMMETRIC, REGULAR.T]), np.stack([TALL[:, 0]] * 3)

    def f(a: Any, b: Any) -> Any:
        q, r = np.linalg.qr(a)
        return np.linalg.solve(a, b) @ q @ np.linalg.eigh(a)[0] + np.linalg.det(r)

    for axes in ((0, 0), (0, None), (None, 0)):
        x, y = (v if axis == 0 else v[0] for v, axis in zip((a, b), axes, strict=True))
        wanted = [f(x[k] if axes[0] == 0 else x, y[k] if axes[1] == 0 else y) for k in range(3)]
        near(dk.vmap(f, axes)(x, y), wanted, CLOSE)
    slopes = dk.vmap(dk.grad(f))(a, b)
    near(slopes[1], dk.grad(f)(a[1], b[1]), CLOSE)


def test_inside_a_loop() -> None:
    """Newton's iteration for the inverse square root, with a solution in every step."""

    def f(a: Any) -> Any:
        def step(x: Any, _: Any) -> Any:
            return 0.5 * (x + np.linalg.solve(x, a)), None

        return np.sum(np.sin(dk.scan(step, np.eye(3), None, length=6)[0]))

    for engine in ("interpret", "machine"):
        reverse = dk.grad(f, engine=engine)(SYMMETRIC)
        near(reverse, dk.grad(f, method="forward", engine=engine)(SYMMETRIC), CLOSE)
        near(reverse, dk.grad(f, method="finite", engine=engine)(SYMMETRIC), ROUGH)
