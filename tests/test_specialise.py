"""The compiled engine: compiled = interpreted, kept on disk, and readable.

A compiled function may differ from NumPy's by an ulp or two where the C library and NumPy's own
vector code round differently (sin, exp, …); everything else must agree to the last bit.
"""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.capture.capturing import capture
from diffkit.capture.tracing import Tracer
from diffkit.differentiate.forward import pushforward_graph
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines import cache, specialise
from diffkit.engines.emitting import NUMBA, NUMPY, writable
from diffkit.engines.interpret import run
from diffkit.engines.source import _WRITERS, to_source
from diffkit.engines.specialise import kernel_of, kernel_source, specialised_runner
from diffkit.errors import EngineError, InputError, ShapeError
from diffkit.graph.arena import Arena
from diffkit.graph.avals import aval
from diffkit.graph.ir import Graph
from diffkit.graph.primitive import REGISTRY, Elementwise

ULPS_PER_OPERATION = 2
ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(autouse=True, scope="module")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """All tests of this module share one cache, and never touch the user's."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(cache.FOLDER_VARIABLE, str(folder))
        yield folder


def agree(graph: Graph, leaves: list[Any], ulps: int = 8) -> list[Any]:
    """Run a graph on both engines; shapes, dtypes and numbers must agree."""
    before = [np.array(leaf) for leaf in leaves]
    compiled, interpreted = specialised_runner(graph)(leaves), run(graph, leaves)
    for got, wanted in zip(compiled, interpreted, strict=True):
        got, wanted = np.asarray(got), np.asarray(wanted)
        assert (got.shape, got.dtype) == (wanted.shape, wanted.dtype)
        if wanted.dtype.kind == "f":
            np.testing.assert_array_max_ulp(got, wanted, ulps, wanted.dtype)
        else:
            np.testing.assert_array_equal(got, wanted)
    for leaf, copy in zip(leaves, before, strict=True):
        np.testing.assert_array_equal(leaf, copy)
    return compiled


def logistic_map(x: Any) -> Any:
    for _ in range(8):
        x = 4 * x * (1 - x)
    return x


def rosenbrock(x: Any) -> Any:
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def stacked(x: Any) -> Any:
    y = np.stack([x[0] * x[1], np.sin(x[1]), x[0]])
    return np.sum(y**2) * np.max(y)


COLUMN = np.linspace(0.1, 2, 90).reshape(30, 3)
FUNCTIONS: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    "baydin": (lambda x, y: np.log(x) + x * y - np.sin(y), [2.0, 5.0]),
    "logistic map": (logistic_map, [0.2]),
    "product of elements": (lambda x: x[0] * x[1], [np.array([2.0, 3.0])]),
    "rosenbrock": (rosenbrock, [np.array([1.2, 0.3, -0.4, 0.5])]),
    "speelpenning": (np.prod, [np.array([1.2, 0.3, -0.4, 0.5])]),
    "stacked": (stacked, [np.array([0.7, -0.2])]),
    "lanes": (lambda x: np.sum(np.tanh(x) * np.exp(x)), [COLUMN]),
    "two loops": (lambda x: np.log(np.sum(np.exp(x))), [COLUMN]),
    "scalar and lanes": (lambda a, x: np.mean((a * x - 1.0) ** 2), [0.5, COLUMN]),
    "broadcast": (lambda x, b: np.sum(np.sin(x + b)), [COLUMN, np.array([0.1, 0.2, 0.3])]),
    "constants": (lambda x: np.sum(x * np.arange(90.0).reshape(30, 3)), [COLUMN]),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_gradient_is_compiled_to_the_same_numbers(name: str) -> None:
    f, leaves = FUNCTIONS[name]
    agree(gradient_graph(capture(f, leaves)), leaves)


@pytest.mark.parametrize("name", ["baydin", "stacked", "two loops"])
def test_forward_mode_is_compiled_to_the_same_numbers(name: str) -> None:
    f, leaves = FUNCTIONS[name]
    graph = pushforward_graph(capture(f, leaves), tuple(range(len(leaves))))
    agree(graph, [*leaves, *(np.ones_like(leaf)[()] for leaf in leaves)])


def test_arrays_come_out_in_their_shape_from_a_loop() -> None:
    leaves = [np.linspace(-2, 2, 12).reshape(3, 4)]
    graph = capture(lambda x: (np.sqrt(np.abs(x)), x > 0, x), leaves)
    assert [y.shape for y in agree(graph, leaves, 0)] == [(3, 4)] * 3


def test_strided_reversed_and_read_only_inputs() -> None:
    graph = capture(lambda x: np.sum(x * x - 2.0) + x * 0.0, [np.zeros((4, 3))])
    base = np.arange(24.0).reshape(4, 6)
    frozen = np.arange(12.0).reshape(4, 3)
    frozen.setflags(write=False)
    for leaf in (base[:, ::2], base[::-1, 3:], frozen, np.asfortranarray(frozen)):
        agree(graph, [leaf], 0)


def test_outputs_that_need_no_code_and_inputs_that_are_not_used() -> None:
    graph = capture(lambda x, y: (x, 3.0, x), [np.arange(3.0), 2.0])
    leaves = [np.arange(3.0), 2.0]
    same, constant, _ = agree(graph, leaves)
    same[0] = 99.0
    assert leaves[0][0] == 0.0 and constant == 3.0


# Special values ------------------------------------------------------------------------------

SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, np.inf, -np.inf, np.nan, 5e-324, -750.0, 750.0, 3.7]
POWERS = [{"n": n} for n in (-2, -1, 0, 1, 2, 3, 4, 5)]
# NumPy refuses these for booleans; integers are rounded to themselves.
NO_BOOLEANS = ("alias", "floor_divide", "neg", "remainder", "rint", "sign", "sub")


def every_elementwise_operation(kinds: list[Any]) -> tuple[Graph, list[str]]:
    """One graph with an output for each operation: three operands and a condition."""
    arena = Arena()
    inputs = [arena.new_input(kind) for kind in kinds]
    *x, condition = (Tracer(arena, n, k) for n, k in zip(inputs, kinds, strict=True))
    outputs, names = [], []
    for name, primitive in sorted(REGISTRY.items()):
        if not isinstance(primitive, Elementwise) or name == "probe":  # the identity, with a name
            continue
        if (kinds[0].dtype.kind == "b" and name in NO_BOOLEANS) or (
            kinds[0].dtype.kind == "i" and name == "rint"
        ):
            continue
        arity = len(inspect.signature(primitive.sympy).parameters) - (name == "integer_power")
        operands = [condition, *x[: arity - 1]] if primitive.inert else x[:arity]
        for params in POWERS if name == "integer_power" else [{}]:
            outputs.append(primitive(*operands, **params).node)
            names.append(f"{name} {params}")
    return arena.freeze(inputs, outputs), names


@pytest.mark.parametrize("dtype", ["f8", "f4", "i4", "bool"])
def test_every_operation_on_special_values(dtype: str) -> None:
    points = np.array(SPECIAL)
    if dtype[0] in "ib":
        points = np.nan_to_num(points, posinf=9, neginf=-9).clip(-9, 9)
    leaves: list[Any] = [
        grid.ravel().astype(dtype) for grid in np.meshgrid(points, points, points, indexing="ij")
    ]
    leaves.append(leaves[0] > 0)
    graph, names = every_elementwise_operation([aval(x.shape, x.dtype) for x in leaves])
    compiled, interpreted = specialised_runner(graph)(leaves), run(graph, leaves)
    for name, got, wanted in zip(names, compiled, interpreted, strict=True):
        assert got.dtype == wanted.dtype, name
        if got.dtype.kind != "f":
            np.testing.assert_array_equal(got, wanted, name)
            continue
        np.testing.assert_array_equal(np.isnan(got), np.isnan(wanted), name)
        numbers = ~np.isnan(wanted)
        signs = np.signbit(got) == np.signbit(wanted)
        assert signs[numbers].all(), name
        np.testing.assert_array_max_ulp(
            got[numbers], wanted[numbers], ULPS_PER_OPERATION, got.dtype
        )


def test_float32_is_never_promoted_inside() -> None:
    kinds = [aval((), "f4")] * 3 + [aval((), "bool")]
    graph, _ = every_elementwise_operation(kinds)
    function: Any = specialise._compiled(kernel_of(graph))
    returned = function.nopython_signatures[0].return_type
    assert {str(kind) for kind in returned} == {"float32", "bool"}


def test_a_sum_has_numpys_order_to_the_last_bit() -> None:
    rng = np.random.default_rng(1)
    graph = capture(lambda x: np.sum(x * 3.0), [np.zeros(1001)])
    agree(graph, [rng.normal(size=1001) * 10.0 ** rng.integers(-8, 8, 1001)], 0)
    for size in (1, 7, 8, 17, 64):  # unrolled: the indexing keeps these out of the loop
        x = rng.normal(size=size)
        agree(capture(lambda x: np.sum(x[::-1][::-1] * 1.5), [x]), [x], 0)


def test_signs_of_zero_survive_unrolling() -> None:
    graph = gradient_graph(capture(lambda x: x[0] * x[1], [np.ones(2)]))
    _, bar = agree(graph, [np.array([-0.0, 3.0])], 0)
    wanted = run(graph, [np.array([-0.0, 3.0])])[1]
    assert np.signbit(bar).tolist() == np.signbit(wanted).tolist()


# What cannot be compiled -----------------------------------------------------------------------


@pytest.mark.parametrize("size", [3, 30])
def test_an_operation_without_a_compiled_form_is_named_with_its_line(size: int) -> None:
    x = np.ones((size, size))
    with pytest.raises(EngineError, match="matmul") as caught:
        capture(lambda x: np.sum(np.tanh(x @ x)), [x]).compile()
    assert "test_specialise.py" in str(caught.value) and "interpret" in str(caught.value)


def test_the_operation_at_fault_is_named_and_not_its_reader() -> None:
    with pytest.raises(EngineError, match="sum does not work element by element"):
        capture(lambda x: np.exp(np.sum(x, axis=1)), [np.ones((30, 30))]).compile()


def test_a_graph_that_would_compile_for_minutes_is_refused() -> None:
    def long(x: Any) -> Any:
        for _ in range(1500):
            x = x * x - 0.5
        return x

    with pytest.raises(EngineError, match="2,000"):
        capture(long, [0.5]).compile()


def test_shapes_that_do_not_fit_are_refused_before_memory_is_touched() -> None:
    graph = capture(lambda x: np.sum(x * x), [np.ones(100)])
    with pytest.raises(ShapeError, match="shape"):
        specialised_runner(graph)([np.ones(3)])


# Public face ----------------------------------------------------------------------------------


def test_compile_is_called_like_the_graph() -> None:
    graph = dk.parse("x*y + sin(x)")
    compiled = graph.compile()
    assert compiled(x=2.0, y=3.0) == graph(x=2.0, y=3.0)


def test_an_elementwise_graph_runs_over_arrays_of_any_shape() -> None:
    runner = specialised_runner(dk.parse("x*y + 1"))
    x, y = np.arange(6.0).reshape(2, 3), np.arange(3.0)
    np.testing.assert_array_equal(runner([x, y])[0], x * y + 1)
    np.testing.assert_array_equal(runner([x, 2.0])[0], x * 2.0 + 1)
    assert runner([2.0, 3.0]) == [7.0]


# The cache --------------------------------------------------------------------------------------

_SECOND_PROCESS = """
import diffkit as dk
from diffkit.engines import specialise
graph = dk.parse("x*y + tanh(x)")
function = specialise._compiled(specialise.kernel_of(graph))
hits, misses = function.stats.cache_hits, function.stats.cache_misses
print(sum(hits.values()), sum(misses.values()), float(graph.compile()(x=2.0, y=3.0)))
"""


def test_a_second_process_compiles_nothing(tmp_path: Path) -> None:
    found = []
    environment = os.environ | {cache.FOLDER_VARIABLE: str(tmp_path), "PYTHONPATH": str(ROOT)}
    for _ in range(2):
        found.append(
            subprocess.run(
                [sys.executable, "-c", _SECOND_PROCESS],
                env=environment, capture_output=True, text=True, check=True, timeout=120,
            ).stdout.split()
        )  # fmt: skip
    (hits, misses, value), (hits_again, misses_again, value_again) = found
    assert (hits, misses) == ("0", "1")
    assert (hits_again, misses_again) == ("1", "0")
    assert value == value_again == repr(6.0 + float(np.tanh(2.0)))


def test_an_unwritable_cache_compiles_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv(cache.FOLDER_VARIABLE, str(tmp_path / "file" / "cache"))
    assert dk.parse("x*x + 41").compile()(x=1.0) == 42.0
    assert cache.cache_info()["kernels"] == 0


def test_damaged_files_are_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.FOLDER_VARIABLE, str(tmp_path))
    source = kernel_source(kernel_of(dk.parse("x*x + 17")))
    first, on_disk = cache.load_source(source, "name")
    assert on_disk and first.kernel(1.0) == 18.0
    for path in tmp_path.rglob("*.nb?"):
        path.write_bytes(b"damaged")
    (tmp_path / "specialised" / "name" / "kernel.py").write_text("damaged")
    again, on_disk = cache.load_source(source, "name")
    assert on_disk and again.kernel(2.0) == 21.0


def test_many_writers_leave_one_whole_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.FOLDER_VARIABLE, str(tmp_path))
    source = "x = 1\n" * 5000
    with ThreadPoolExecutor(8) as pool:
        paths = list(pool.map(lambda _: cache._write(source, "name"), range(40)))
    assert set(paths) == {tmp_path / "specialised" / "name" / "kernel.py"}
    assert paths[0] is not None and paths[0].read_text() == source
    assert [path.name for path in (tmp_path / "specialised").iterdir()] == ["name"]


def test_the_cache_is_counted_and_cleared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.FOLDER_VARIABLE, str(tmp_path))
    cache._write("x = 1\n", "one")
    cache._write("x = 2\n", "two")
    info = cache.cache_info()
    assert (info["kernels"], info["folder"]) == (2, str(tmp_path)) and info["bytes"] == 12
    assert cache.clear_cache() == 2
    assert cache.cache_info()["kernels"] == 0


def test_the_name_depends_on_the_librarys_kernels() -> None:
    assert cache.source_hash("a", "b") != cache.source_hash("a", "c")
    assert cache.source_hash("a", "bc") != cache.source_hash("ab", "c")
    assert "def select(" in specialise._library_text()[0]


# Source for people --------------------------------------------------------------------------------


def softmax_loss(w: Any, b: Any) -> Any:
    z = np.linspace(-1, 1, 20).reshape(5, 4) @ w + b
    m = z.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(z - m).sum(axis=1)) + m[:, 0]
    return np.mean(log_sum - z[np.arange(5), np.array([0, 1, 2, 1, 0])])


def many_operations(x: Any, y: Any) -> Any:
    smooth = 1 / (1 + np.exp(-x)) + np.logaddexp(x, 0) + np.hypot(x, y) + np.arctan2(x, y)
    kinked = np.where(x > 0, np.log(x), 0) * y**x + np.abs(x) ** -1 + np.clip(x, 0, 1)
    return smooth + kinked + np.maximum(x, 0) * np.sign(y) + x**3 + dk.parse("erf(x)")(x=x)


def moves(x: Any) -> Any:
    y = np.concatenate([x, x.T], axis=0).reshape(-1)[2:17:2]
    return np.sum(y) + np.prod(x[0]) + np.sum(np.cumsum(x, axis=1) * x[::-1]) + np.min(x)


PRINTED: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    **{name: FUNCTIONS[name] for name in ("rosenbrock", "two loops", "broadcast")},
    "softmax loss": (softmax_loss, [np.ones((4, 3)) * 0.1, np.zeros(3)]),
    "many operations": (many_operations, [np.float64(1.5), np.float64(0.5)]),
    "moves in float32": (moves, [np.arange(9, dtype=np.float32).reshape(3, 3)]),
    "einsum": (lambda x: np.sum(np.einsum("ij,kj->ik", x, x)), [np.arange(6.0).reshape(2, 3)]),
}


@pytest.mark.parametrize("name", PRINTED)
def test_printed_code_gives_the_numbers_of_the_graph(name: str) -> None:
    f, leaves = PRINTED[name]
    graph = gradient_graph(capture(f, leaves))
    space: dict[str, Any] = {}
    exec(to_source(graph, name="printed"), space)
    for got, wanted in zip(space["printed"](*leaves), run(graph, leaves), strict=True):
        np.testing.assert_array_equal(got, wanted)
        assert np.asarray(got).dtype == np.asarray(wanted).dtype


def test_printed_numba_code_runs_as_it_stands() -> None:
    graph = gradient_graph(dk.parse("x*y + sin(x)"))
    space: dict[str, Any] = {}
    exec(to_source(graph, name="fused", target="numba"), space)
    assert list(space["fused"](2.0, 3.0)) == run(graph, [np.float64(2.0), np.float64(3.0)])


def test_every_primitive_has_a_text_in_numpy_and_elementwise_ones_in_numba() -> None:
    for name, primitive in REGISTRY.items():
        # others, such as a user's own, are called through the registry
        printed = name in _WRITERS or name == "scatter_add" or writable(primitive.bare, NUMPY)
        assert printed, name
        if isinstance(primitive, Elementwise):
            assert writable(primitive.bare, NUMBA), name


def test_names_and_lines_of_the_user_are_printed() -> None:
    def f(angle: Any) -> Any:
        sine = np.sin(angle)
        return sine * sine

    text = to_source(capture(f, [1.0]))
    assert "sine = np.sin(angle)" in text and "# test_specialise.py:" in text


def test_a_branch_that_was_taken_is_asserted() -> None:
    text = to_source(capture(lambda x: x * x if x > 0 else -x, [1.0]))
    assert "assert bool(" in text and "the branch taken" in text


def test_constants_keep_their_bits() -> None:
    values = np.array([0.1, -0.0, np.nan, np.inf, 1e-310, 1 / 3, 2.0])
    graph = capture(lambda x: x * values, [np.ones(7)])
    space: dict[str, Any] = {}
    exec(to_source(graph), space)
    assert space["constant"].tobytes() == values.tobytes()


def test_a_bad_name_or_target_is_refused() -> None:
    graph = dk.parse("x")
    with pytest.raises(InputError, match="import os; f"):
        to_source(graph, name="import os; f")
    with pytest.raises(InputError, match="fortran"):
        to_source(graph, target="fortran")
