"""Arrays that the machine puts together from pieces: gradients of slices, and concatenation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines.interpret import run
from diffkit.engines.machine.builder import Row
from diffkit.engines.machine.running import machine_runner

RNG = np.random.default_rng(5)
VECTOR, MATRIX = RNG.normal(size=9), RNG.normal(size=(6, 7))

SLICED: dict[str, tuple[Callable[[Any], Any], np.ndarray]] = {
    "neighbours": (lambda x: np.sum((x[1:] - x[:-1] ** 2) ** 2), VECTOR),
    "apart": (lambda x: np.sum(x[:2] ** 2) * np.sum(x[5:] ** 3), VECTOR),
    "three": (lambda x: np.sum(x[2:] * x[1:-1] * x[:-2]), VECTOR),
    "every second": (lambda x: np.sum(x[::2] ** 2) + np.sum(x[1::2] ** 3), VECTOR),
    "backwards": (lambda x: np.sum(x[::-1] * x[:] ** 2), VECTOR),
    "rows": (lambda x: np.sum(x[1:] * x[:-1]), MATRIX),
    "columns": (lambda x: np.sum(x[:, 1:] * x[:, :-1]), MATRIX),
    "a row and a column": (lambda x: np.sum(x[2] ** 2) + np.sum(x[:, 3] ** 2), MATRIX),
    "blocks": (lambda x: np.sum(x[1:3, 2:5] * x[3:5, :3]), MATRIX),
    "nothing": (lambda x: np.sum(x[3:3]) + np.sum(x[4:] ** 2), VECTOR),
}


@pytest.mark.parametrize("dtype", (np.float64, np.float32))
@pytest.mark.parametrize("name", SLICED)
def test_gradients_of_slices(name: str, dtype: Any) -> None:
    f, x = SLICED[name]
    x = x.astype(dtype)
    graph = gradient_graph(dk.trace(f, x), (0,))
    expected = run(graph, [x])
    for _ in range(2):  # the second call finds the memory as the first one left it
        for got, wanted in zip(machine_runner(graph)([x]), expected, strict=True):
            np.testing.assert_allclose(got, wanted, rtol=64 * np.finfo(dtype).eps, atol=1e-300)


def _beside(x: Any) -> Any:
    return np.pad(x, ((0, 0), (1, 0))) + np.pad(x[:1], ((0, 0), (0, 1)))


def _row_and_column(x: Any) -> Any:
    return np.pad(x[:1, :1], ((0, 2), (0, 0))) + np.pad(x[1:2, 1:2], ((0, 0), (0, 3)))


def _two_ranks(x: Any) -> Any:
    return np.pad(x[0], (1, 0)) + np.pad(x[1:], ((0, 1), (0, 1)))


@pytest.mark.parametrize("f", [_beside, _row_and_column, _two_ranks])
def test_pieces_of_unequal_arrays_are_broadcast(f: Any) -> None:
    def loss(x: Any) -> Any:
        return np.sum(f(x) ** 2)

    value, gradient = dk.value_and_grad(loss)(MATRIX)
    assert value == pytest.approx(loss(MATRIX), rel=1e-14)
    expected = run(gradient_graph(dk.trace(loss, MATRIX), (0,)), [MATRIX])
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-13)


def test_per_example_gradients_of_slices() -> None:
    def smooth(w: Any, x: Any) -> Any:
        return (x @ w[:2]) ** 2 + np.sum(np.diff(w) ** 2)

    w, rows = VECTOR[:3], MATRIX[:, :2]
    found = dk.vmap(dk.grad(smooth), (None, 0))(w, rows)
    one_by_one = np.stack([dk.grad(smooth)(w, row) for row in rows])
    np.testing.assert_allclose(found, one_by_one, rtol=1e-13)


def test_a_sum_of_slices_has_no_second_array() -> None:
    graph = gradient_graph(dk.trace(SLICED["neighbours"][0], VECTOR), (0,))
    rows = [row for row in machine_runner(graph).program.rows if isinstance(row, Row)]
    names = [row.items[0] for row in rows]
    assert names.count("copy_8") == names.count("add_into_f8") == 1


def test_a_piece_that_is_a_result_too_stays_itself() -> None:
    first = dk.trace(lambda x: dk.grad(lambda t: np.sum(t[1:] ** 2))(x), VECTOR)
    second = dk.trace(lambda x: dk.grad(lambda t: np.sum(t[:-1] ** 3))(x), VECTOR)

    def both(x: Any) -> Any:
        a, b = first(x), second(x)
        return a, b, a + b

    graph = dk.trace(both, VECTOR)
    for got, wanted in zip(machine_runner(graph)([VECTOR]), run(graph, [VECTOR]), strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_a_piece_that_was_read_before_stays_itself() -> None:
    slope = dk.trace(lambda x: dk.grad(lambda t: np.sum(t[1:] ** 2))(x), VECTOR)
    other = dk.trace(lambda x: dk.grad(lambda t: np.sum(t[:-1] ** 3))(x), VECTOR)

    def read_twice(x: Any) -> Any:
        a, b = slope(x), other(x)
        sines = np.sin(a)  # reads a before the sum does
        return a + b, sines

    graph = dk.trace(read_twice, VECTOR)
    for got, wanted in zip(machine_runner(graph)([VECTOR]), run(graph, [VECTOR]), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-15, atol=1e-15)


@pytest.mark.parametrize("count", (1, 3, 4, 50))
def test_single_numbers_are_joined(count: int) -> None:
    def joined(x: Any) -> Any:
        parts = [np.sin(x[i : i + 1]) for i in range(count)]
        return np.concatenate([*parts, x[:2], np.zeros(1)])

    x = RNG.normal(size=60)
    graph = dk.trace(joined, x)
    np.testing.assert_allclose(machine_runner(graph)([x])[0], run(graph, [x])[0], rtol=1e-15)


def test_signs_of_zeros_and_infinities_survive() -> None:
    x = np.array([np.inf, -np.inf, 1.0, -0.0, 2.0])
    graph = dk.trace(lambda x: np.concatenate([x[3:4], x[0:1], x[1:2], x[2:3]]), x)
    got = machine_runner(graph)([x])[0]
    assert got.tobytes() == np.array([-0.0, np.inf, -np.inf, 1.0]).tobytes()


@pytest.mark.parametrize("dtype", (np.float16, np.int16, np.uint8))
def test_items_of_other_sizes_are_copied(dtype: Any) -> None:
    x = (10 * MATRIX).astype(dtype)
    graph = dk.trace(lambda x: np.concatenate([x[::2, ::-1], x[:1]]), x)
    np.testing.assert_array_equal(machine_runner(graph)([x])[0], run(graph, [x])[0])
