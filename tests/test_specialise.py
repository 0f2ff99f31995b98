"""The compiled engine: compiled = interpreted, kept on disk, and readable.

A compiled function may differ from NumPy's by up to two ulps where ``engines/elementary.py`` or
the C library and NumPy's own vector code round differently (sin, exp, …); everything else must
agree to the last bit.
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compiled import (
    FUNCTIONS,
    ROOT,
    ULPS_PER_OPERATION,
    agree,
)

import diffkit as dk
from diffkit.capture.capturing import capture
from diffkit.differentiate.forward import pushforward_graph
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines import cache, specialise
from diffkit.engines.emitting import ELEMENTARY
from diffkit.engines.specialise import kernel_of, kernel_source, numba_runner
from diffkit.errors import EngineError, ShapeError
from diffkit.graph.primitive import REGISTRY


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


@pytest.mark.parametrize("name", ELEMENTARY)
def test_an_elementary_function_is_within_two_ulps(name: str) -> None:
    x, function = np.linspace(0.1, 9.0, 500), REGISTRY[name]
    agree(capture(lambda x: function(x), [x]), [x], ULPS_PER_OPERATION)
    graph = capture(lambda x: function(x), [1.0])
    for a in x[::50]:
        agree(graph, [a], ULPS_PER_OPERATION)


def test_loops_have_formulas_and_straight_line_code_calls_the_c_library() -> None:
    graph = dk.parse("tanh(x) + softplus(x)")
    straight = kernel_source(kernel_of(graph))
    assert "from math import tanh" in straight and "elementary import softplus" in straight
    looped = kernel_source(kernel_of(capture(lambda x: np.tanh(x), [np.ones(100)])))
    assert "elementary import tanh" in looped and "import math" not in looped


# What cannot be compiled -----------------------------------------------------------------------


@pytest.mark.parametrize("size", [3, 30])
def test_an_operation_without_a_compiled_form_is_named_with_its_line(size: int) -> None:
    x = np.ones((size, size))
    with pytest.raises(EngineError, match="matmul") as caught:
        numba_runner(capture(lambda x: np.sum(np.tanh(x @ x)), [x]))
    assert "test_specialise.py" in str(caught.value) and "interpret" in str(caught.value)


def test_the_operation_at_fault_is_named_and_not_its_reader() -> None:
    with pytest.raises(EngineError, match="sum does not work element by element"):
        numba_runner(capture(lambda x: np.exp(np.sum(x, axis=1)), [np.ones((30, 30))]))


def test_a_graph_that_would_compile_for_minutes_is_refused() -> None:
    def long(x: Any) -> Any:
        for _ in range(1500):
            x = x * x - 0.5
        return x

    with pytest.raises(EngineError, match="2,000"):
        numba_runner(capture(long, [0.5]))


def test_shapes_that_do_not_fit_are_refused_before_memory_is_touched() -> None:
    graph = capture(lambda x: np.sum(x * x), [np.ones(100)])
    with pytest.raises(ShapeError, match="shape"):
        numba_runner(graph)([np.ones(3)])


# Public face ----------------------------------------------------------------------------------


def test_compile_is_called_like_the_graph() -> None:
    graph = dk.parse("x*y + sin(x)")
    compiled = graph.compile()
    assert compiled(x=2.0, y=3.0) == graph(x=2.0, y=3.0)


def test_an_elementwise_graph_runs_over_arrays_of_any_shape() -> None:
    runner = numba_runner(dk.parse("x*y + 1"))
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


def test_a_second_process_compiles_nothing(warm_folder: Path) -> None:
    found = []
    environment = os.environ | {cache.FOLDER_VARIABLE: str(warm_folder), "PYTHONPATH": str(ROOT)}
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


_LANES_AGAIN = """
import numpy as np, diffkit as dk
f = dk.value_and_grad(lambda x: np.sum(x * x), engine="specialise")
value, slope = f(np.linspace(0.0, 1.0, 1000))
print(float(value), float(slope.sum()))
"""


def test_a_second_process_runs_loaded_loops_over_arrays(warm_folder: Path) -> None:
    environment = os.environ | {cache.FOLDER_VARIABLE: str(warm_folder), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", _LANES_AGAIN]
    found = [
        subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True, timeout=120
        ).stdout
        for _ in range(2)
    ]
    assert found[0] == found[1] != ""


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
    assert cache.clear_cache() == (2, 12)
    assert cache.cache_info()["kernels"] == 0


def test_the_name_depends_on_the_librarys_kernels() -> None:
    assert cache.source_hash("a", "b") != cache.source_hash("a", "c")
    assert cache.source_hash("a", "bc") != cache.source_hash("ab", "c")
    assert "def select(" in specialise.library_text()[0]
