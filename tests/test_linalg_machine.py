"""Linear systems on the machine: loops for small matrices, NumPy for large ones, same numbers.

Elimination is backward stable with pivots: the solution differs from LAPACK's by a few
n ε cond(A), a determinant and Cholesky's factor by a few n ε (Higham 2002, *Accuracy and stability
of numerical algorithms*, chapters 9 and 10).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.capture.capturing import trace
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines.interpret import run
from diffkit.engines.machine.rules.linear_algebra import MOST_ROWS
from diffkit.engines.machine.running import machine_runner
from diffkit.errors import LinearAlgebraError
from diffkit.graph.ir import Graph

L: Any = np.linalg
RNG = np.random.default_rng
SIZES = (1, 2, 3, 7, 20, MOST_ROWS)
ROUNDINGS = 4  # times n ε cond(A)


def matrices(size: int, dtype: str, *batch: int) -> np.ndarray:
    """Random matrices, not far from symmetric and far from singular."""
    a = RNG(size).normal(size=(*batch, size, size)) / np.sqrt(size) + 3 * np.eye(size)
    return a.astype(dtype)


def callbacks(graph: Graph) -> int:
    return len(machine_runner(graph).program.callbacks)


def assert_near(got: Any, wanted: Any, bound: float) -> None:
    got, wanted = np.asarray(got), np.asarray(wanted)
    assert (got.shape, got.dtype) == (wanted.shape, wanted.dtype)
    scale = float(np.max(np.abs(wanted), initial=0.0))
    assert float(np.max(np.abs(got - wanted), initial=0.0)) <= bound * scale


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("size", SIZES)
def test_kernels_agree_with_lapack(size: int, dtype: str) -> None:
    a, b = matrices(size, dtype, 3), RNG(0).normal(size=(3, size, 2)).astype(dtype)
    bound = ROUNDINGS * size * float(np.finfo(dtype).eps) * float(np.max(L.cond(a)))
    substituted = dk.scipy.linalg.solve_triangular
    for f in (lambda a, b: L.solve(a, b), lambda a, b: L.solve(np.swapaxes(a, 1, 2), b),
              lambda a, b: L.slogdet(a)[1], lambda a, b: L.slogdet(-a)[0],
              lambda a, b: L.det(a / 3), lambda a, b: substituted(a, b),
              lambda a, b: substituted(a, b, 1, True, True),
              lambda a, b: L.cholesky(a @ np.swapaxes(a, 1, 2))):  # fmt: skip
        graph = trace(f, a, b)
        assert callbacks(graph) == 0
        assert_near(machine_runner(graph)([a, b])[0], run(graph, [a, b])[0], bound)


def test_large_matrices_are_left_to_numpy() -> None:
    a = matrices(MOST_ROWS + 1, "f8")
    for f, x in ((L.inv, a), (L.det, a), (L.cholesky, a @ a.T)):
        graph = trace(f, x)
        assert callbacks(graph) == 1
        np.testing.assert_array_equal(machine_runner(graph)([x])[0], run(graph, [x])[0])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((4, 4), (5, 4, 2)),
        ((5, 4, 4), (4, 2)),
        ((2, 1, 4, 4), (3, 4, 1)),
        ((3, 4, 4), (2, 1, 4, 3)),
    ],
)
def test_batches_broadcast(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    a, b = matrices(4, "f8", *first[:-2]), RNG(1).normal(size=second)

    def f(a: Any, b: Any) -> Any:
        return np.sum(np.sin(L.solve(a, b))) + np.sum(dk.scipy.linalg.solve_triangular(a, b))

    graph = gradient_graph(trace(f, a, b))
    assert callbacks(graph) == 0
    for got, wanted in zip(machine_runner(graph)([a, b]), run(graph, [a, b]), strict=True):
        assert_near(got, wanted, 1e-13)


def test_same_bits_every_time() -> None:
    a = matrices(20, "f8")
    runner = machine_runner(gradient_graph(trace(lambda a: np.sum(L.inv(a)), a)))
    first = runner([a])
    for x, y in zip(first, runner([a]), strict=True):
        np.testing.assert_array_equal(x, y)


def test_determinants_beyond_the_range_on_the_way() -> None:
    """10²⁰⁰ · 10²⁰⁰ · 10⁻³⁰⁰ overflows from the left, but the determinant does not."""
    a = np.diag([1e200, 1e200, 1e-300])
    for x in (a, np.diag([1e-200, 1e-200, 1e300])):
        graph = trace(L.det, x)
        assert_near(machine_runner(graph)([x])[0], run(graph, [x])[0], 1e-12)


@pytest.mark.parametrize("special", [np.nan, np.inf])
def test_numbers_that_are_none(special: float) -> None:
    a = matrices(3, "f8")
    a[1, 1] = special
    for f in (L.inv, L.det):
        graph = trace(f, a)
        found, wanted = machine_runner(graph)([a])[0], run(graph, [a])[0]
        assert np.isfinite(found).all() == np.isfinite(wanted).all()
    a[1, 1], a[2, 2] = 1.0, np.nan
    graph = trace(L.cholesky, a)
    np.testing.assert_array_equal(np.isnan(machine_runner(graph)([a])[0]),
                                  np.isnan(run(graph, [a])[0]))  # fmt: skip


def test_arguments_stay_as_they_are() -> None:
    a, b = matrices(5, "f8"), np.ones((5, 1))
    before = a.copy(), b.copy()
    graph = trace(lambda a, b: (L.solve(a, b), L.det(a), L.cholesky(a @ a.T)), a, b)
    machine_runner(graph)([a, b])
    np.testing.assert_array_equal(a, before[0])
    np.testing.assert_array_equal(b, before[1])


def gaussian(a: Any) -> Any:
    """−log of a density, in which all of the kernels take part."""
    factor = L.cholesky(a @ a.T + np.eye(4))
    residual = dk.scipy.linalg.solve_triangular(factor, np.ones(4), lower=True)
    return 0.5 * residual @ residual + L.slogdet(a)[1] + L.det(a) + np.sum(L.inv(a))


@pytest.mark.parametrize("engine", ["auto", "machine", "interpret"])
def test_every_engine(engine: str) -> None:
    a = matrices(4, "f8")
    gradient: Callable[..., Any] = dk.grad(gaussian, engine=engine)
    assert_near(gradient(a), dk.grad(gaussian, engine="interpret")(a), 1e-12)
    with pytest.raises(LinearAlgebraError):
        gradient(np.zeros((4, 4)))


def test_a_training_with_equations_in_its_loss() -> None:
    """Newton's correction of a small system, learned; the step is not looped, for it may refuse."""

    def loss(params: Any, x: Any, y: Any) -> Any:
        return np.mean((np.squeeze(L.solve(params + 0.1 * x[:, :, None] * x[:, None, :],
                                           x[:, :, None]), axis=-1) - y) ** 2)  # fmt: skip

    x = RNG(0).normal(size=(32, 3))
    y = np.stack([L.solve(2 * np.eye(3) + 0.1 * np.outer(row, row), row) for row in x])
    trained = dk.train(loss, np.eye(3) * 1.5, (x, y), optimizer=dk.optim.adam(0.05), batch_size=8,
                       epochs=40, seed=0, progress=False)  # fmt: skip
    assert trained.history["loss"][-1] < 1e-3 * trained.history["loss"][0]
