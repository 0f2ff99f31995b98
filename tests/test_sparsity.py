"""Sparsity: patterns hold every nonzero, colours are colourings, compressed matrices are right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array, random_array
from strategies import KINKED, PROFILES, SHAPED, SMOOTH, Program, programs

import diffkit as dk
from diffkit.capture.capturing import capture
from diffkit.comparison.rules_sampling import draw_sample, samples_for
from diffkit.differentiate import patterns
from diffkit.differentiate.coloring import color_columns, color_symmetric, star_places
from diffkit.differentiate.patterns import jacobian_pattern
from diffkit.errors import DomainWarning, ShapeError, UnsupportedError
from diffkit.graph.primitive import REGISTRY

RNG = np.random.default_rng
MIX = np.array([[1.0, 0.0, 2.0], [0.0, 0.0, 1.0], [3.0, 0.0, 0.0]])


def rosenbrock(x: Any) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def tridiagonal(x: Any) -> Any:
    y = np.concatenate([[0.0], x, [0.0]])
    return np.sin(y[1:-1]) * 2 - y[:-2] * y[1:-1] - np.exp(y[2:])


def dense_row(x: Any) -> Any:
    return np.concatenate([[np.sum(x**2)], x[1:] * x[:-1]])


def dense_column(x: Any) -> Any:
    return np.sin(x[0]) * x[1:] ** 2


def by_constants(x: Any) -> Any:
    rows = np.reshape(x, (4, 3))
    return np.ravel(np.tanh(rows @ MIX) + (MIX @ rows[:3])[:1]) * np.tile([1.0, 0.0], 6)


def selected(x: Any) -> Any:
    return np.where(np.arange(12) % 2 == 0, x**2, x[::-1]) + np.maximum(x, np.roll(x, 1))


def one_by_one(x: Any) -> Any:
    return np.array([x[i] * x[(i + 3) % 12] for i in range(12)])


FUNCTIONS = [tridiagonal, dense_row, dense_column, by_constants, selected, one_by_one]
SCALAR: list[Callable[..., Any]] = [
    rosenbrock,
    lambda x: np.sum(x[0] * x**2),
    lambda x: np.sum(np.exp(x[:6] * x[6:])),
    lambda x: np.sum(x) ** 2,
    lambda x: np.sum(x),
    lambda x: dk.scan(lambda c, a: (c * a, None), x[0], x[1:4])[0],
]


# Patterns -----------------------------------------------------------------------------------------


def assert_covers(pattern: Any, matrix: np.ndarray) -> None:
    matrix = np.nan_to_num(matrix.reshape(pattern.shape), nan=1.0)
    missing = (matrix != 0) & ~pattern.toarray()
    assert not missing.any(), np.argwhere(missing)


@pytest.mark.parametrize("name", [p.name for p in REGISTRY.values()])
def test_the_pattern_of_every_operation_holds_all_its_slopes(name: str) -> None:
    primitive = REGISTRY[name]
    for sample in samples_for(primitive):
        operands = draw_sample(primitive, sample, RNG(0))
        for place, x in enumerate(operands):
            if x.dtype.kind != "f" or place in primitive.inert:
                continue

            def f(x: Any, place: int = place, sample: Any = sample, given: Any = operands) -> Any:
                return primitive(*given[:place], x, *given[place + 1 :], **sample.params)

            graph = capture(f, [x])
            if not graph.columns.avals[graph.output_nodes[0]].is_float:
                continue
            found = jacobian_pattern(graph, 0, 0)
            assert found.dtype == bool and found.has_sorted_indices
            assert_covers(found, dk.jacobian(graph, method="forward", engine="interpret")(x))


@settings(max_examples=PROFILES["ci"])
@given(programs((*SMOOTH, *SHAPED, *KINKED)))
def test_patterns_of_random_programs_hold_all_slopes(program: Program) -> None:
    arrays = [x for x in program.inputs if np.ndim(x)]
    if not arrays:
        return
    place = next(k for k, x in enumerate(program.inputs) if np.ndim(x))

    def gradient(x: Any) -> Any:
        inputs = [*program.inputs[:place], x, *program.inputs[place + 1 :]]
        return dk.grad(lambda x: program(*inputs[:place], x, *inputs[place + 1 :]))(x)

    x = program.inputs[place]
    found = dk.sparsity(gradient, x).pattern
    for at in (x, x + 0.37):
        assert_covers(found, dk.jacobian(gradient, engine="interpret")(at))
    sparse = dk.jacobian(gradient, sparse=True, engine="interpret")(x).toarray()
    wanted = dk.jacobian(gradient, engine="interpret")(x).reshape(sparse.shape)
    np.testing.assert_allclose(sparse, wanted, rtol=1e-11, atol=1e-11)


def test_patterns_are_as_small_as_the_graph_shows() -> None:
    x = RNG(0).normal(size=12)
    for f in (tridiagonal, dense_row, dense_column, one_by_one):
        found = dk.sparsity(f, x)
        some = sum(np.abs(dk.jacobian(f)(x + 0.1 * k)) for k in range(8))
        assert found.nnz == np.count_nonzero(some), f.__name__
    assert dk.sparsity(rosenbrock, x, hessian=True).nnz == 34


def test_zeros_of_constants_are_no_entries() -> None:
    x = RNG(1).normal(size=12)
    assert dk.sparsity(lambda x: x * np.array([0.0, 1.0] * 6), x).nnz == 6
    assert dk.sparsity(lambda x: MIX @ x, np.ones(3)).nnz == 4
    assert dk.sparsity(lambda x: np.reshape(x, (4, 3)) @ MIX, x).nnz == 16
    assert dk.sparsity(lambda x: np.floor(x) + np.sign(x), x).nnz == 0
    assert dk.sparsity(lambda x: np.ones(3), x).nnz == 0


def test_stacks_of_matrices_stay_apart() -> None:
    def products(x: Any) -> Any:
        a = np.reshape(x, (2, 2, 3))
        return np.ravel(a @ np.swapaxes(a, 1, 2))

    assert dk.sparsity(products, np.ones(12)).nnz == 4 * 6 * 2 - 2 * 2 * 3


def test_what_is_not_sparse_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "MOST_ENTRIES", 1000)
    with pytest.raises(UnsupportedError, match="fills the pattern"):
        dk.sparsity(lambda x: np.cumsum(x), np.ones(40))
    with pytest.raises(UnsupportedError, match="not sparse"):
        dk.jacobian(lambda x: np.sort(x) * np.sum(x), sparse=True)(np.ones(40))


# Colours ------------------------------------------------------------------------------------------


def assert_colored(pattern: Any, colors: np.ndarray) -> None:
    for color in range(colors.max() + 1):
        assert pattern[:, colors == color].sum(axis=1).max() <= 1


@given(st.integers(0, 10_000), st.integers(1, 20), st.integers(1, 20), st.floats(0, 0.5))
def test_columns_of_one_colour_share_no_row(seed: int, m: int, n: int, density: float) -> None:
    pattern = csr_array(random_array((m, n), density=density, rng=RNG(seed)) != 0).astype(int)
    colors = color_columns(pattern)
    assert set(colors) == set(range(colors.max() + 1))
    assert_colored(pattern, colors)


@given(st.integers(0, 10_000), st.integers(1, 25), st.floats(0, 0.4))
def test_symmetric_matrices_are_found_from_a_star_colouring(
    seed: int, n: int, density: float
) -> None:
    values = random_array((n, n), density=density, rng=RNG(seed)).toarray()
    matrix = values + values.T
    pattern = csr_array(matrix != 0)
    pattern.sort_indices()
    colors = color_symmetric(pattern)
    seeds = (colors[:, None] == np.arange(colors.max() + 1)).astype(float)
    color, entry = star_places(pattern, colors)
    rows = np.repeat(np.arange(n), np.diff(pattern.indptr))
    found = (matrix @ seeds)[entry, color]
    np.testing.assert_array_equal(found, matrix[rows, pattern.indices])


def test_bands_and_arrows_take_as_few_colours_as_there_can_be() -> None:
    x = np.ones(40)
    assert dk.sparsity(tridiagonal, x).colors == 3
    assert dk.sparsity(rosenbrock, x, hessian=True).colors == 3
    assert dk.sparsity(lambda x: np.sum(x[-1] * x**2), x, hessian=True).colors == 2
    assert dk.sparsity(lambda x: x**2, x).colors == 1


def test_a_dense_row_is_found_by_rows_and_a_dense_column_by_columns() -> None:
    x = np.ones(40)
    by_rows = dk.sparsity(dense_row, x)
    assert (by_rows.mode, by_rows.colors) == ("reverse", 3)
    by_columns = dk.sparsity(dense_column, x)
    assert (by_columns.mode, by_columns.colors) == ("forward", 2)


# Compressed matrices ------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["interpret", "machine"])
@pytest.mark.parametrize("method", ["forward", "reverse"])
@pytest.mark.parametrize("f", FUNCTIONS, ids=lambda f: f.__name__)
def test_sparse_jacobians_are_the_dense_ones(
    f: Callable[..., Any], method: str, engine: str
) -> None:
    jacobian = dk.jacobian(f, method=method, sparse=True, engine=engine)
    for k in range(3):  # the last ones by the remembered call
        x = RNG(k).normal(size=12)
        found = jacobian(x)
        assert isinstance(found, csr_array)
        np.testing.assert_allclose(
            found.toarray(), dk.jacobian(f, engine="interpret")(x), rtol=1e-13, atol=1e-15
        )


@pytest.mark.parametrize("engine", ["interpret", "machine"])
@pytest.mark.parametrize("place", range(len(SCALAR)))
def test_sparse_hessians_are_the_dense_ones(place: int, engine: str) -> None:
    f = SCALAR[place]
    hessian = dk.hessian(f, sparse=True, engine=engine)
    for k in range(3):
        x = RNG(k).normal(size=12)
        wanted = dk.hessian(f, engine="interpret")(x)
        np.testing.assert_allclose(hessian(x).toarray(), wanted, rtol=1e-12, atol=1e-13)


def test_more_colours_than_a_chunk_holds() -> None:
    def banded(x: Any) -> Any:
        return sum(np.sin(k * x) * np.roll(x, k) for k in range(20))

    x = RNG(5).normal(size=60)
    wanted = dk.jacobian(banded)(x)
    for chunk in (None, 1, 7, 64):
        found = dk.jacobian(banded, method=dk.methods.Forward(chunk=chunk), sparse=True)(x)
        np.testing.assert_allclose(found.toarray(), wanted, rtol=1e-13, atol=1e-14)


def test_arrays_of_any_shape_are_taken_in_c_order() -> None:
    x = RNG(6).normal(size=(3, 4))

    def f(x: Any) -> Any:
        return x[:, 1:] * x[:, :-1]

    found = dk.jacobian(f, sparse=True)(x)
    np.testing.assert_array_equal(found.toarray(), dk.jacobian(f)(x).reshape(9, 12))
    assert dk.jacobian(lambda x: x * np.ones(2), sparse=True)(3.0).toarray().tolist() == [[1], [1]]


def test_other_arguments_stay_where_they_are() -> None:
    jacobian = dk.jacobian(lambda a, x: a * x**2, argnums=1, sparse=True)
    for a in (1.0, 3.0):
        found = jacobian(a, np.array([1.0, 2.0])).toarray()
        np.testing.assert_array_equal(found, np.diag([2 * a, 4 * a]))


def test_changing_a_result_changes_no_later_one() -> None:
    jacobian = dk.jacobian(tridiagonal, sparse=True)
    x = RNG(7).normal(size=8)
    for _ in range(3):
        found = jacobian(x)
        np.testing.assert_allclose(found.toarray(), dk.jacobian(tridiagonal)(x), rtol=1e-14)
        found.data[:] = 0.0
        found.eliminate_zeros()
        found.indices[:] = 0


def test_a_pattern_follows_the_branch() -> None:
    def f(x: Any) -> Any:
        return x**2 if x[0] > 0 else x * x[0]

    jacobian = dk.jacobian(f, sparse=True)
    for x in (np.array([1.0, 2.0, 3.0]), np.array([-1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0])):
        np.testing.assert_allclose(jacobian(x).toarray(), dk.jacobian(f)(x))


def test_a_closure_that_changes_is_seen() -> None:
    weights = np.array([1.0, 0.0, 2.0])
    jacobian = dk.jacobian(lambda x: x * weights, sparse=True, engine="machine")
    for weight in (0.0, 5.0, 0.0):
        weights[1] = weight
        for _ in range(2):
            np.testing.assert_array_equal(jacobian(np.ones(3)).toarray(), np.diag(weights))


def test_a_value_that_is_not_a_number_warns() -> None:
    with pytest.warns(DomainWarning):
        found = dk.jacobian(lambda x: np.sqrt(x) * x, sparse=True)(np.array([0.0, 1.0]))
    assert found.toarray()[1, 0] == 0.0


def test_empty_and_constant_functions() -> None:
    assert dk.jacobian(lambda x: x, sparse=True)(np.zeros(0)).shape == (0, 0)
    assert dk.jacobian(lambda x: np.ones(3), sparse=True)(np.ones(2)).nnz == 0
    assert dk.hessian(np.sum, sparse=True)(np.ones(4)).nnz == 0


def test_float32_stays_float32() -> None:
    found = dk.jacobian(lambda x: x[1:] * x[:-1], sparse=True)(np.ones(4, np.float32))
    assert found.dtype == np.float32


# What one sees ------------------------------------------------------------------------------------


def test_a_sparsity_shows_itself() -> None:
    found = dk.sparsity(tridiagonal, np.ones(4))
    assert repr(found) == "<Sparsity 4 × 4, 10 entries, 3 colours>"
    lines = str(found).splitlines()
    assert lines[0] == "4 × 4, 10 entries (0.625 of all), 3 colours (columns)"
    assert lines[1:] == ["●●··", "●●●·", "·●●●", "··●●"]
    assert found._repr_html_().count("<rect") == 11
    assert len(str(dk.sparsity(tridiagonal, np.ones(400))).splitlines()) == 1
    assert "<pre>" in dk.sparsity(tridiagonal, np.ones(400))._repr_html_()
    assert found.to_dict()["colors"] == found.colors == len(found.groups) == 3
    assert [group.tolist() for group in found.groups] == [[0, 3], [1], [2]]


# Bad input ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "attempt",
    [
        lambda: dk.sparsity(lambda t: t["a"] * t["b"], {"a": np.ones(2), "b": np.ones(2)}),
        lambda: dk.sparsity(lambda x: (x, x), np.ones(2)),
        lambda: dk.jacobian(lambda x, y: x * y, argnums=(0, 1), sparse=True)(1.0, 2.0),
        lambda: dk.jacobian(lambda x: {"a": x, "b": x}, sparse=True)(np.ones(2)),
        lambda: dk.hessian(lambda x: x[0] * x[1], sparse=True)([1.0, 2.0]),
        lambda: dk.jacobian(np.sin, method="finite", sparse=True),
        lambda: dk.hessian(np.sum, method="symbolic", sparse=True),
        lambda: dk.trace(lambda x: dk.jacobian(np.sin, sparse=True)(x), np.ones(2)),
    ],
)
def test_trees_methods_and_captures_are_refused(attempt: Callable[[], Any]) -> None:
    with pytest.raises(UnsupportedError, match=r"spars|number|traced"):
        attempt()


def test_the_hessian_of_a_vector_is_refused() -> None:
    for attempt in (
        lambda: dk.sparsity(np.sin, np.ones(2), hessian=True),
        lambda: dk.hessian(np.sin, sparse=True)(np.ones(2)),
    ):
        with pytest.raises(ShapeError, match="scalar"):
            attempt()
