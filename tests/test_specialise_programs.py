"""Specialised programs: the machine's results bit for bit, kept on disk, guarded.

Every primitive of the registry and random graphs in all dtypes; fused passes with slices, sums and
infinities; files that are damaged or cannot be written; and an LLVM that does not take the code.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from machine_cases import DTYPES, all_elementwise, assert_same, cases
from strategies import KINKED, SHAPED, SMOOTH, Program, programs

import diffkit as dk
from diffkit.capture.capturing import capture
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines import specialise
from diffkit.engines.machine import storing
from diffkit.engines.machine.running import machine_runner
from diffkit.engines.machine.specialising import compiling
from diffkit.engines.machine.specialising.programs import (
    code_of,
    specialised_program,
    specialised_program_runner,
)
from diffkit.errors import DiffkitWarning
from diffkit.graph.ir import Graph
from diffkit.graph.primitive import REGISTRY


def agree(graph: Graph, leaves: list[Any]) -> list[Any]:
    """The results of a specialised program, which are those of the machine."""
    got = specialised_program_runner(graph)(leaves)
    assert_same(got, machine_runner(graph)(leaves))
    return got


def of_one_row(graph: Graph) -> bool:
    """Whether everything is compiled."""
    return len(specialised_program(graph).rows) == 1


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_primitive_has_the_machines_bits(name: str, dtype: str) -> None:
    for graph, leaves in cases(REGISTRY[name], dtype):
        agree(graph, leaves)


@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_every_operation_has_the_machines_bits_at_special_numbers(dtype: str) -> None:
    agree(*all_elementwise(dtype))


@settings(max_examples=15)
@given(programs((*SMOOTH, *SHAPED, *KINKED)))
def test_random_gradients_have_the_machines_bits(program: Program) -> None:
    leaves = list(program.inputs)
    graph = capture(program, leaves)
    agree(graph, leaves)
    agree(gradient_graph(capture(lambda *x: np.sum(program(*x)), leaves), (0,)), leaves)


# Fused passes ------------------------------------------------------------------------------------


def rosenbrock(x: Any) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


@pytest.mark.parametrize("lanes", [2, 3, 10, 513, 1000, 2049, 2050, 5000, 20481])
def test_a_pass_over_blocks_has_the_machines_bits(lanes: int) -> None:
    x = np.random.default_rng(lanes).normal(size=lanes)
    graph = gradient_graph(dk.trace(rosenbrock, x), (0,))
    agree(graph, [x])
    assert of_one_row(graph)


@pytest.mark.parametrize("number", [np.inf, np.nan, 1e200, -0.0])
def test_a_sum_over_blocks_that_is_not_finite_has_the_machines_bits(number: float) -> None:
    x = np.random.default_rng(0).normal(size=6000)
    x[4000] = number
    for f in (rosenbrock, np.sum, lambda x: np.sum(x * 2.0) + np.sum(x[3:] * x[:-3])):
        graph = gradient_graph(dk.trace(f, x), (0,))
        agree(graph, [x])


def test_slices_run_behind_each_other_by_their_shift() -> None:
    def chain(x: Any) -> Any:
        y = x[2:] * x[:-2]
        z = np.exp(y[5:] - y[:-5])
        return np.sum(z[1:] * z[:-1] + z[:-1])

    x = np.random.default_rng(1).normal(size=9000)
    graph = gradient_graph(dk.trace(chain, x), (0,))
    agree(graph, [x])
    agree(graph, [x[::-1].copy()])


def test_rows_and_columns_are_broadcast() -> None:
    rng = np.random.default_rng(2)
    x, row, column = rng.normal(size=(7, 9)), rng.normal(size=9), rng.normal(size=(7, 1))
    graph = capture(lambda x, r, c: np.tanh(x * r + c) - (x - c) * r, [x, row, column])
    agree(graph, [x, row, column])
    assert of_one_row(graph)


def test_a_long_run_of_scalars_is_one_function() -> None:
    def chain(x: Any) -> Any:
        for k in range(400):
            x = np.sin(x) * 3.7 * (1.0 - x) + k
        return x

    graph = gradient_graph(capture(chain, [np.float64(0.3)]), (0,))
    agree(graph, [np.float64(0.3)])
    assert of_one_row(graph)


def test_what_stays_in_registers_takes_no_memory() -> None:
    x = np.ones(100_000)
    graph = capture(lambda x: np.exp(np.tanh(x) * x + 1.0) - np.tanh(x * 2.0), [x])
    assert specialised_program(graph).workspace < x.nbytes
    agree(graph, [x])


def test_results_that_are_not_finite_are_told() -> None:
    graph = dk.trace(lambda x: np.sqrt(x), np.ones(5))
    _, wrong = specialised_program_runner(graph).flat([np.full(5, -1.0)])
    _, right = specialised_program_runner(graph).flat([np.full(5, 1.0)])
    assert wrong and not right


# Through the public face -------------------------------------------------------------------------


def test_tensors_are_specialised_too() -> None:
    a, b = np.random.default_rng(3).normal(size=(2, 12, 12))

    def f(a: Any, b: Any) -> Any:
        return np.sum(np.tanh(a @ b + b[0]))

    got = dk.grad(f, engine="specialise")(a, b)
    np.testing.assert_array_equal(got, dk.grad(f, engine="machine")(a, b))


def test_a_formula_works_on_arrays() -> None:
    graph = dk.parse("tanh(x) * y")
    x = np.linspace(0.0, 1.0, 5)
    np.testing.assert_allclose(graph(x=x, y=2.0, engine="specialise"), np.tanh(x) * 2.0, rtol=1e-15)


def test_the_switch_turns_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIFFKIT_SPECIALISE", "0")
    graph = dk.parse("x * y + 0.25")
    assert specialise.specialised_runner(graph)([2.0, 3.0]) == [6.25]
    assert "specialised program" not in graph.cache


def test_an_llvm_that_does_not_take_the_code_is_noted_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*words: Any) -> Any:
        raise AttributeError("no such pass")

    monkeypatch.setattr(compiling, "_optimise", refuse)
    # graphs that differ in numbers alone share their code
    monkeypatch.setattr(compiling, "_LOADED", {})
    monkeypatch.setattr(compiling.storing, "read", lambda path: None)
    monkeypatch.setattr(specialise, "_TOLD", [])
    with pytest.warns(DiffkitWarning, match="Numba instead of LLVM"):
        assert specialise.specialised_runner(dk.parse("x * y + 0.125"))([2.0, 3.0]) == [6.125]
    assert specialise.specialised_runner(dk.parse("x * y + 0.375"))([2.0, 3.0]) == [6.375]


# On disk -----------------------------------------------------------------------------------------


@pytest.fixture
def emptied(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of its own for the code of graphs, and nothing loaded."""
    monkeypatch.setattr(compiling, "_LOADED", {})
    monkeypatch.setattr(storing, "specialised_path", lambda key: tmp_path / "s" / f"{key}.kernels")
    return tmp_path / "s"


def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The code that is compiled from now on."""
    seen, build = [], compiling._compiled
    monkeypatch.setattr(compiling, "_compiled", lambda text: seen.append(text) or build(text))
    return seen


def values() -> list[Any]:
    return specialised_program_runner(dk.parse("x * y + 7"))([2.0, 3.0])


def test_code_is_compiled_once(emptied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = compiled(monkeypatch)
    assert values() == values() == [13.0]
    monkeypatch.setattr(compiling, "_LOADED", {})
    assert values() == [13.0]
    assert len(seen) == len(list(emptied.iterdir())) == 1


def test_a_damaged_file_is_built_again(emptied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = compiled(monkeypatch)
    values()
    (file,) = emptied.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    monkeypatch.setattr(compiling, "_LOADED", {})
    assert values() == [13.0]
    assert len(seen) == 2 and storing.read(file) is not None


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(
    emptied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    emptied.write_text("a file where the folder would be")
    seen = compiled(monkeypatch)
    assert values() == [13.0] and len(seen) == 1


def test_another_code_has_another_name() -> None:
    codes = [code_of(dk.parse(text)) for text in ("x*y", "x+y", "x*y*2")]
    assert len({compiling.code_key(code) for code in codes}) == len(codes)


def test_a_process_that_finds_the_code_imports_no_numba() -> None:
    text = (
        "import sys, diffkit as dk\n"
        "from diffkit.engines.machine.specialising.programs import specialised_program_runner\n"
        "specialised_program_runner(dk.parse('tanh(x)*y'))([1.0, 2.0])\n"
        "print('numba' in sys.modules)"
    )
    command = [sys.executable, "-c", text]
    found = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ})
    assert found.stdout.strip() == "False"


def test_the_switch_specialises_whatever_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(4).normal(size=3000)
    plain = dk.value_and_grad(rosenbrock)(x)
    monkeypatch.setenv("DIFFKIT_SPECIALISE", "1")
    specialised = dk.value_and_grad(lambda x: rosenbrock(x), engine="machine")
    for _ in range(3):  # the first call, and those that are remembered
        assert_same(specialised(x), plain)
    graph = capture(rosenbrock, [x])
    assert machine_runner(graph).program is graph.cache["specialised program"]
