"""Loops in specialised programs: carries in registers, bit for bit the machine.

Loops as people write them and ``dk.scan``, forward and backward and twice; every layout of rows,
saved carries and checkpoints; and what the machine sees at its edges: NaN and infinities.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from machine_cases import SPECIAL, assert_same
from test_machine_scan import CARRIES, EXAMPLES, leaves_of
from test_scan import kept, logistic  # noqa: F401  (a fixture)
from written_loops import LOOPS

import diffkit as dk
from diffkit.capture.trees import flatten
from diffkit.differentiate.forward import pushforward_graph
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines.machine.program import program_of
from diffkit.engines.machine.running import machine_runner
from diffkit.engines.machine.specialising import programs, switching
from diffkit.engines.machine.specialising.programs import (
    code_of,
    specialised_program,
    specialised_program_runner,
)
from diffkit.engines.machine.specialising.switching import steps_times_operations
from diffkit.errors import EngineError
from diffkit.graph.ir import Graph


def agree(graph: Graph, leaves: list[Any]) -> list[Any]:
    """The results of a specialised program, which are those of the machine."""
    got = specialised_program_runner(graph)(leaves)
    assert_same(got, machine_runner(graph)(leaves))
    return got


def both(f: Callable[..., Any], *args: Any) -> None:
    """Value, gradient and tangent."""
    graph, leaves = dk.trace(f, *args), leaves_of(args)
    agree(graph, leaves)
    tangents = [np.ones_like(leaf)[()] for leaf in leaves]
    agree(pushforward_graph(graph), [*leaves, *tangents])
    if len(graph.output_nodes) == 1 and graph.columns.avals[graph.output_nodes[0]].shape == ():
        agree(gradient_graph(graph), leaves)


def has_loops_left(graph: Graph) -> bool:
    """Whether the machine runs a loop over single numbers."""
    names = [str(getattr(row, "items", "?")[0]) for row in specialised_program(graph).rows]
    return any(name.startswith("scan_scalars") for name in names)


@pytest.mark.parametrize("name", LOOPS)
def test_python_loops(name: str) -> None:
    f, *args = LOOPS[name]
    leaves = leaves_of(args)
    graph = dk.trace(f, *args).folded()
    agree(graph, leaves)
    agree(gradient_graph(graph, tuple(range(len(leaves)))), leaves)
    tangents = [np.full_like(leaf, 0.5)[()] for leaf in leaves]
    agree(pushforward_graph(graph), [*leaves, *tangents])


@pytest.mark.parametrize("name", EXAMPLES)
def test_scans(name: str, kept: int) -> None:  # noqa: F811
    f, args = EXAMPLES[name]
    both(f, *args)


@pytest.mark.parametrize("name", ("logistic", "float32", "nested"))
def test_second_derivatives(name: str, kept: int) -> None:  # noqa: F811
    f, args = EXAMPLES[name]
    once = dk.trace(lambda *x: sum(np.sum(g) for g in flatten(dk.grad(f)(*x))[0]), *args)
    agree(gradient_graph(once), leaves_of(args))
    agree(pushforward_graph(once), [*leaves_of(args), *leaves_of(args)])


@pytest.mark.parametrize("length", (1, 2, 3, 4, 5, 17, 5000))
def test_lengths_and_checkpoints(length: int, kept: int) -> None:  # noqa: F811
    graph = gradient_graph(dk.trace(lambda r: logistic(r, length), 3.2))
    agree(graph, [np.float64(3.2)])


@pytest.mark.parametrize("reverse", (False, True))
@pytest.mark.parametrize("length", (1, 2, 10))
@pytest.mark.parametrize("name", CARRIES)
def test_no_carry_is_overwritten_before_it_is_read(
    name: str,
    length: int,
    reverse: bool,
    kept: int,  # noqa: F811
) -> None:
    step, start = CARRIES[name]
    both(lambda xs: dk.scan(step, start, xs, reverse=reverse), np.linspace(-1, 2, length))


def filtered(xs: Any) -> Any:
    """Two carries, a sum and a row; comparisons, a selection and functions in its step."""

    def step(carry: Any, x: Any) -> Any:
        a, b = carry
        a = np.where(x > b, a * 0.5 + x, np.maximum(a, x) - np.exp(-(b**2)))
        return (a, np.tanh(b + a) / 3.0), a * x

    (a, b), ys = dk.scan(step, (0.5 * xs[0], 1.0 * xs[1]), xs)
    return a * b + np.sum(ys)


@pytest.mark.parametrize("dtype", ("f8", "f4"))
@pytest.mark.parametrize("layout", (slice(None), slice(None, None, -1), slice(None, None, 3)))
def test_rows_of_any_layout(layout: slice, dtype: str) -> None:
    x = np.random.default_rng(0).normal(size=600).astype(dtype)
    graph = dk.trace(lambda x: filtered(x[layout]), x)
    for made in (graph, gradient_graph(graph)):
        agree(made, [x])
    assert not has_loops_left(gradient_graph(graph))


@pytest.mark.parametrize("dtype", ("f8", "f4"))
@pytest.mark.parametrize("number", SPECIAL)
def test_special_numbers_are_carried(number: float, dtype: str) -> None:
    x = np.linspace(-1.0, 2.0, 40).astype(dtype)
    graph = gradient_graph(dk.trace(filtered, x))
    for place in (0, 1, 20, 39):
        x[place] = number
        agree(graph, [x])


def test_a_step_calls_the_machines_functions() -> None:
    def f(x: Any) -> Any:
        for _ in range(300):
            x = np.sin(x) ** 1.5 + np.arctan2(x, 2.0) * np.log1p(x * x)
        return x

    graph = gradient_graph(dk.trace(f, 0.7).folded())
    agree(graph, [np.float64(0.7)])
    assert not has_loops_left(graph)


def test_what_nothing_reads_is_not_saved() -> None:
    """The carries of the backward loop are saved by the machine, and read by nobody."""
    graph = gradient_graph(dk.trace(lambda r: logistic(r, 1000), 3.2))
    code = code_of(graph)
    backward = code[code.rindex("phi double") :]
    stored = backward[: backward.index("br i1")].count("store double")
    assert stored == 0
    agree(graph, [np.float64(3.2)])


def test_threads_share_a_program() -> None:
    graph = gradient_graph(dk.trace(lambda r: logistic(r, 3000), 3.2))
    runner, starts = specialised_program_runner(graph), np.linspace(2.5, 3.9, 24)
    wanted = [machine_runner(graph)([r]) for r in starts]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda r: runner([r]), starts))
    for got, want in zip(found, wanted, strict=True):
        assert_same(got, want)


def test_repeated_calls_are_remembered() -> None:
    """The second call of a gradient is a native one, as with the machine."""

    def f(x: Any) -> Any:
        for _ in range(600):
            x = 3.0 * x * (1.0 - x)
        return x

    x = np.array(0.3)
    plain = dk.value_and_grad(f, engine="machine")(x)
    specialised = dk.value_and_grad(f, engine="specialise")
    calls = _remembered(specialised)
    assert not calls
    assert_same(specialised(x), plain)
    assert len(calls) == 1
    assert_same(calls[0](x), plain)
    assert_same(specialised(x), plain)


# Long loops are specialised whatever runs them ----------------------------------------------------


def looped(x: Any) -> Any:
    for _ in range(600):
        x = 2.9 * x * (1.0 - x)
    return x


ANY = -1_000_000  # as a bound: every loop is long


def operations(graph: Graph) -> int:
    return steps_times_operations(program_of(graph).rows)


def test_long_loops_are_specialised_and_short_ones_are_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x = np.array(0.3)
    plain = dk.value_and_grad(looped, engine="machine")(x)
    graph = gradient_graph(dk.trace(looped, x).folded())
    assert 600 * 8 <= operations(graph) <= 600 * 10
    most = operations(graph) - switching.LONGER_PER_WORD * len(program_of(graph).words)
    monkeypatch.setattr(switching, "LONG_LOOPS", most + 1)
    assert machine_runner(graph).program is program_of(graph)
    monkeypatch.setattr(switching, "LONG_LOOPS", most)
    graph = gradient_graph(dk.trace(looped, x).folded())
    assert machine_runner(graph).program is graph.cache["specialised program"]
    specialised = dk.value_and_grad(lambda x: looped(x), engine="machine")
    for _ in range(3):  # the first call, and those that are remembered
        assert_same(specialised(x), plain)
    assert len(_remembered(specialised)) == 1


def test_loops_in_loops_count(kept: int) -> None:  # noqa: F811
    graph = gradient_graph(dk.trace(lambda r: logistic(r, 400), 3.2))
    assert 400 * 5 <= operations(graph) <= 400 * 20


def test_the_switch_keeps_long_loops_on_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(switching, "LONG_LOOPS", ANY)
    monkeypatch.setenv("DIFFKIT_SPECIALISE", "0")
    graph = dk.trace(looped, 0.3).folded()
    assert machine_runner(graph).program is program_of(graph)


@pytest.mark.parametrize("error", (EngineError("no LLVM"), ImportError("no llvmlite")))
def test_without_llvm_long_loops_stay_on_the_machine(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*words: Any) -> Any:
        raise error

    monkeypatch.setattr(switching, "LONG_LOOPS", ANY)
    monkeypatch.setattr(programs, "addresses_of_code", refuse)
    graph = dk.trace(looped, 0.3).folded()
    assert machine_runner(graph).program is program_of(graph)
    assert machine_runner(graph)([0.3]) == [looped(0.3)]


def test_explain_tells_of_long_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    def f(r: Any) -> Any:
        return logistic(r, 50)

    told = "the machine runs the specialised program"
    assert told not in str(dk.engines.explain(f, 3.2, engine="machine"))
    monkeypatch.setattr(switching, "LONG_LOOPS", ANY)
    assert told in str(dk.engines.explain(f, 3.2, engine="machine"))


def _remembered(call: Any) -> list[Any]:
    names = call.__code__.co_freevars
    return dict(zip(names, call.__closure__, strict=True))["remembered"].cell_contents
