"""The machine over complex numbers: as the interpreter, for values and for tiny imaginary parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from machine_cases import cases
from strategies import KINKED, SHAPED, SMOOTH, Program, programs
from test_nets import NETS, data_for

import diffkit as dk
from diffkit.capture.capturing import capture
from diffkit.capture.trees import flatten, structure_of, unflatten
from diffkit.engines.interpret import run
from diffkit.engines.machine.complex_runs import complex_runner
from diffkit.errors import NotAnalyticError
from diffkit.graph.ir import Graph
from diffkit.graph.primitive import REGISTRY

STEPS = (1e-100, 1e-20, 1e-3)
ROUNDINGS = 1e-14  # a few roundings of one operation, relative to the largest element
MANY = 1e-9  # of a graph of many operations, whose intermediate values may be larger
SPECIAL = (np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 700.0, 1e200, 1e-200)


def moved(leaf: Any, step: float) -> Any:
    """A leaf with imaginary parts of the size of a step."""
    leaf = np.asarray(leaf, complex)
    return (leaf + 1j * step * np.linspace(0.5, 1.5, leaf.size).reshape(leaf.shape))[()]


def assert_agrees(graph: Graph, leaves: Any, place: int, step: float, tolerance: float) -> None:
    """Real and imaginary parts are those of the interpreter, each to its own scale."""
    leaves = [moved(leaf, step) if k == place else leaf for k, leaf in enumerate(leaves)]
    got = complex_runner(graph, place)(leaves)
    wanted = run(graph, leaves, domain="complex")
    for x, y in zip(got, wanted, strict=True):
        assert np.shape(x) == np.shape(y)
        for part in (np.real, np.imag):
            a, b = np.asarray(part(x), float), np.asarray(part(y), float)
            finite = np.isfinite(b)
            np.testing.assert_array_equal(a[~finite], b[~finite])
            scale = np.max(np.abs(b[finite]), initial=0.0)
            assert np.max(np.abs(a[finite] - b[finite]), initial=0.0) <= tolerance * scale


ANALYTIC = [name for name in sorted(REGISTRY) if REGISTRY[name].analytic is not None]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("name", ANALYTIC)
def test_every_primitive_agrees_with_its_analytic_form(name: str, step: float) -> None:
    for graph, leaves in cases(REGISTRY[name], "f8"):
        for place, leaf in enumerate(leaves):
            if leaf.dtype == np.float64:
                assert_agrees(graph, leaves, place, step, ROUNDINGS)


@pytest.mark.parametrize("name", ["abs", "cos", "exp", "log", "relu", "sin", "sqrt", "tanh"])
@pytest.mark.parametrize("step", [0.0, 1e-100])
def test_special_numbers_of_functions(name: str, step: float) -> None:
    """Where the real part of the result is a number, so is the imaginary part, and the same."""
    for special in SPECIAL:
        graph = capture(lambda x: REGISTRY[name](x), [special])
        leaf = complex(special, step)
        (got,), (wanted,) = complex_runner(graph, 0)([leaf]), run(graph, [leaf], domain="complex")
        np.testing.assert_allclose(np.real(got), np.real(wanted), rtol=ROUNDINGS)
        if np.isfinite(np.real(wanted)):
            np.testing.assert_allclose(np.imag(got), np.imag(wanted), rtol=ROUNDINGS, atol=0)


@given(programs((*SMOOTH, *SHAPED, *KINKED)))
def test_random_graphs_agree(program: Program) -> None:
    graph = dk.trace(program, *program.inputs)
    for place in range(len(program.inputs)):
        assert_agrees(graph, program.inputs, place, 1e-100, MANY)


@pytest.mark.parametrize("name", NETS)
def test_nets_agree(name: str) -> None:
    net, loss = NETS[name]
    x, y = data_for(net, loss)
    leaves, structure = flatten(net.init(0))[0], structure_of(net.init(0))
    objective = net.with_loss(loss)
    graph = capture(lambda *w: objective(unflatten(structure, list(w)), x, y), leaves)
    for place in range(len(leaves)):
        assert_agrees(graph, leaves, place, 1e-100, MANY)


def test_log_sum_exp_of_special_rows() -> None:
    rows = np.array([[1.0, 2.0, -800.0], [-np.inf, 1.0, 2.0], [-np.inf] * 3, [np.nan, 1.0, 2.0],
                     [np.inf, 1.0, 2.0], [800.0, 799.0, 0.0]])  # fmt: skip
    for x, axis in ((rows, 1), (rows.T.copy(), 0)):
        graph = capture(lambda x, axis=axis: REGISTRY["logsumexp"](x, axes=(axis,)), [x])
        leaves = [x + 1e-100j]
        (got,), (wanted,) = complex_runner(graph, 0)(leaves), run(graph, leaves, domain="complex")
        np.testing.assert_allclose(np.real(got), np.real(wanted), rtol=ROUNDINGS)
        finite = np.isfinite(np.real(wanted))
        np.testing.assert_allclose(np.imag(got)[finite], np.imag(wanted)[finite], rtol=ROUNDINGS)


def test_common_operations_need_no_python() -> None:
    def f(w: Any, x: Any) -> Any:
        h = np.tanh(x @ w + w[0])
        return np.sum(np.where(h > 0.1, h * h, -h).T / (2 + np.exp(h.T)), axis=0)

    leaves = [np.linspace(-1, 1, 12).reshape(3, 4), np.linspace(0, 1, 15).reshape(5, 3)]
    graph = capture(f, leaves)
    for place in (0, 1):
        runner: Any = complex_runner(graph, place)
        assert not runner.program.callbacks
        assert_agrees(graph, leaves, place, 1e-100, ROUNDINGS)


def test_what_is_not_analytic_is_refused_with_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(REGISTRY["erf"], "analytic", None)
    graph = capture(lambda x: REGISTRY["erf"](x), [0.5])
    with pytest.raises(NotAnalyticError, match="erf") as caught:
        complex_runner(graph, 0)
    assert "test_machine_complex.py" in str(caught.value)


def test_arguments_stay_and_results_are_nobody_elses() -> None:
    x = np.linspace(0.1, 1, 600) + 1e-100j  # large enough to be read in place
    kept = x.copy()
    graph = capture(lambda x: (x, np.exp(x), x[::-1]), [x.real])
    runner = complex_runner(graph, 0)
    first, second = runner([x]), runner([x])
    for result in second:
        result[...] = 0
    assert np.array_equal(x, kept) and np.array_equal(first[0], kept)
    assert np.array_equal(first[2], kept[::-1])
    assert not any(np.shares_memory(result, x) for result in (*first, *second))
