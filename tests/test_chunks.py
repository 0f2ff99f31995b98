"""Jacobians in chunks of directions: the same numbers whatever the chunk, and bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.differentiate.batch_sweep import batched_graph
from diffkit.differentiate.chunks import (
    Directions,
    batched_directions,
    chunk_size,
    columns_last,
    group_places,
)
from diffkit.differentiate.forward import pushforward_graph
from diffkit.errors import DiffkitError, InputError
from diffkit.graph.avals import aval

RNG = np.random.default_rng
CHUNKS = (1, 2, 3, 8, 16, 100)
METHODS = {"forward": dk.methods.Forward, "reverse": dk.methods.Reverse}


def elementwise(x: Any) -> Any:
    return np.sin(x) * np.exp(-x[::-1]) + np.where(x > 0, x**2, 0.0)


def products(x: Any) -> Any:
    a = np.reshape(x[:9], (3, 3))
    return np.tanh(a @ a.T + np.eye(3)) @ x[9:12]


def solved(x: Any) -> Any:
    return np.linalg.solve(np.reshape(x[:9], (3, 3)) + 4 * np.eye(3), x[9:12])


def scanned(x: Any) -> Any:
    return dk.scan(lambda c, a: (np.sin(c + a), c * a), x[0], x)[1]


def sorted_and_pooled(x: Any) -> Any:
    return np.concatenate([np.sort(x)[:4], np.maximum(x[:3], x[3:6]), np.cumsum(x)])


FUNCTIONS = [elementwise, products, solved, scanned, sorted_and_pooled]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_the_chunk_changes_no_digit_that_counts(f: Callable[..., Any], method: str) -> None:
    x = RNG(0).normal(size=12)
    whole = dk.jacobian(f, method=METHODS[method](chunk=12))(x)
    for chunk in CHUNKS:
        found = dk.jacobian(f, method=METHODS[method](chunk=chunk))(x)
        np.testing.assert_allclose(found, whole, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("engine", ["interpret", "machine"])
@pytest.mark.parametrize("method", METHODS)
def test_elementwise_entries_do_not_depend_on_the_chunk_at_all(method: str, engine: str) -> None:
    x = RNG(1).normal(size=21)
    found = [
        dk.jacobian(elementwise, method=METHODS[method](chunk=chunk), engine=engine)(x)
        for chunk in CHUNKS
    ]
    assert all(np.array_equal(block, found[0]) for block in found)


@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_columns_and_rows_agree(f: Callable[..., Any]) -> None:
    x = RNG(2).normal(size=12)
    forward, reverse = (dk.jacobian(f, method=method)(x) for method in METHODS)
    np.testing.assert_allclose(forward, reverse, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("method", METHODS)
def test_small_arguments_share_runs_and_large_ones_do_not(method: str) -> None:
    def f(a: Any, tree: dict[str, Any], w: Any) -> Any:
        return {"y": np.sin(a * tree["b"]) * w, "z": tree["c"] @ w[:3], "n": a**2}

    args = 0.5, {"b": 2.0, "c": np.ones((2, 3))}, np.arange(20.0) / 7
    found = dk.jacobian(f, argnums=(0, 1, 2), method=method)(*args)
    assert found["y"][2].shape == (20, 20)
    assert found["z"][1]["c"].shape == (2, 2, 3)
    assert found["n"][0] == 1.0
    inner = np.cos(1.0) * 2.0 * args[2]
    np.testing.assert_allclose(found["y"][0], inner, rtol=1e-15)
    np.testing.assert_allclose(found["y"][1]["b"], np.cos(1.0) * 0.5 * args[2], rtol=1e-15)


def test_one_program_serves_all_chunks_and_its_arrays_grow_with_the_chunk_alone() -> None:
    graph = dk.trace(elementwise, np.ones(50))
    swept = pushforward_graph(graph, (0,))
    largest = max(of.size for of in swept.columns.avals)
    for width in (1, 5, 10):
        many = batched_directions(swept, 1, 1, width).check()
        assert max(of.size for of in many.columns.avals) <= width * largest
    dk.jacobian(graph, method=dk.methods.Forward(chunk=10))(np.ones(50))
    batched = [key for key in swept.cache if key[0] == "vmap"]
    assert len(batched) == 3  # the width of ten was there already


def test_what_no_direction_changes_is_computed_once() -> None:
    swept = pushforward_graph(dk.trace(lambda x: np.exp(np.sin(x)), np.ones(4)), (0,))
    many = batched_graph(swept, (None, 0), 7, (None, 0))
    assert many.outputs[0].aval == aval((4,), np.float64)
    sines = [e for e in many.equations if e.primitive.name in ("sin", "exp")]
    assert all(e.output.shape == (4,) for e in sines)


def test_the_number_of_sweeps_is_counted_one_direction_at_a_time() -> None:
    function = dk.differentiate.function.Function(elementwise)  # type: ignore[attr-defined]
    x = np.ones(20)
    bound = function.bind((x,), {})
    for method, chunk in ((dk.methods.Forward, 3), (dk.methods.Reverse, 20)):
        result = method(chunk=chunk).jacobian(bound, [x], [0])
        assert result.evaluations == 20
        assert result.graph is not None
        assert result.flops == 20 * result.graph.flops()


@pytest.mark.parametrize("method", METHODS)
def test_an_infinite_slope_stays_in_its_own_entry(method: str) -> None:
    found = dk.jacobian(lambda x: np.sqrt(x), method=method)(np.array([0.0, 1.0, 4.0]))
    assert np.array_equal(found, np.diag([np.inf, 0.5, 0.25]))


@pytest.mark.parametrize("method", METHODS)
def test_empty_arrays_and_whole_numbers(method: str) -> None:
    assert dk.jacobian(lambda x: x, method=method)(np.zeros(0)).shape == (0, 0)
    found = dk.jacobian(lambda x: (x * 2, np.argmax(x)), method=method)(np.ones(3))
    assert np.array_equal(found[0], 2 * np.eye(3))
    assert np.array_equal(found[1], np.zeros(3))


@pytest.mark.parametrize("engine", ["interpret", "machine"])
def test_a_formula_works_on_arrays(engine: str) -> None:
    x = np.array([1.0, 2.0, 3.0])
    square = dk.parse("x**2")
    found = dk.jacobian(square, method="forward", engine=engine)(x=x)
    assert np.array_equal(found["x"], np.diag(2 * x))
    assert np.array_equal(dk.hessian(square, engine=engine)(x=x)["x"]["x"], 2 * np.eye(3))
    assert np.array_equal(dk.grad(square, engine=engine)(x=x)["x"], 2 * x)
    sparse = dk.jacobian(square, sparse=True, engine=engine)(x=x)
    assert np.array_equal(sparse.toarray(), np.diag(2 * x))


@pytest.mark.parametrize("method", METHODS)
def test_float32_stays_float32(method: str) -> None:
    found = dk.jacobian(elementwise, method=method)(np.ones(5, np.float32))
    assert found.dtype == np.float32


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("chunk", [0, -1, 2.5, "8", True, np.nan])
def test_a_chunk_is_a_positive_whole_number(method: str, chunk: Any) -> None:
    with pytest.raises(InputError, match="number of directions"):
        METHODS[method](chunk=chunk)


def test_the_chunk_is_in_the_name_of_a_method() -> None:
    assert repr(dk.methods.Forward(chunk=4)) == "Forward(chunk=4)"
    assert repr(dk.methods.Reverse()) == "Reverse()"


# Inside a capture -------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_a_traced_jacobian_makes_one_sweep(method: str) -> None:
    jacobian = dk.jacobian(elementwise, method=method)
    sizes = [dk.trace(jacobian, np.ones(n)).operations()["total"] for n in (4, 16, 64)]
    assert sizes[0] == sizes[1] == sizes[2]
    for n in (5, 130):
        x = RNG(n).normal(size=n)
        traced = dk.trace(jacobian, x).check()
        np.testing.assert_allclose(traced(x), jacobian(x), rtol=1e-14)


@pytest.mark.parametrize("method", METHODS)
def test_a_jacobian_is_differentiated_again(method: str) -> None:
    x = RNG(3).normal(size=12)
    second = dk.jacobian(dk.jacobian(products, method=method), method=method)(x)
    step = 1e-5 * np.eye(12)[4]
    either = [dk.jacobian(products)(x + s * step) for s in (1, -1)]
    np.testing.assert_allclose(second[..., 4], (either[0] - either[1]) / 2e-5, atol=1e-8)


# Parts ------------------------------------------------------------------------------------------


def test_chunks_are_of_even_width() -> None:
    for count in range(1, 200):
        for chunk in (None, 1, 3, 16):
            width = chunk_size(count, chunk)
            runs = -(-count // width)
            assert width <= (chunk or 16)
            assert width * runs - count < runs


def test_unit_directions_pass_from_array_to_array() -> None:
    directions = Directions(
        (aval((2,), np.float64), aval((), np.float32), aval((2, 2), np.float64))
    )
    seeds = directions.seeds(3)
    rows = []
    for start in range(0, directions.count, 3):
        directions.mark(seeds, start, 1)
        rows.append(np.concatenate([seed.reshape(3, -1) for seed in seeds], axis=1))
        directions.mark(seeds, start, 0)
        assert not any(seed.any() for seed in seeds)
    assert np.array_equal(np.concatenate(rows)[:7], np.eye(7))
    assert not np.concatenate(rows)[7:].any()


def test_groups_hold_every_array_that_has_elements() -> None:
    assert group_places([4, 0, 100, 2], 16) == [[0, 3], [2]]
    assert group_places([0, 0], 16) == []


def test_rows_become_columns() -> None:
    rows = RNG(4).normal(size=(2, 3, 5))
    assert np.array_equal(columns_last(rows, 1), np.moveaxis(rows, 0, -1))
    assert columns_last(rows, 2).shape == (5, 2, 3)


def test_a_shared_branch_is_taken_and_one_per_direction_is_not_needed() -> None:
    def f(x: Any) -> Any:
        return x**2 if x[0] > 0 else -x

    jacobian = dk.jacobian(f, method=dk.methods.Forward(chunk=2))
    assert np.array_equal(jacobian(np.array([1.0, 2.0, 3.0])), np.diag([2.0, 4.0, 6.0]))
    assert np.array_equal(jacobian(np.array([-1.0, 2.0, 3.0])), -np.eye(3))


def test_errors_are_typed() -> None:
    with pytest.raises(DiffkitError):
        dk.jacobian(elementwise, method=dk.methods.Forward(chunk=2))("text")
