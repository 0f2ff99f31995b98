"""The machine agrees: with specialised code bit for bit, with the interpreter to rounding.

Every primitive of the registry and random graphs, in all dtypes, with NaN, infinities and signed
zeros, whatever the layout of the arguments; arguments are only read, and results share memory
with nobody.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from machine_cases import (
    DTYPES,
    ULPS,
    all_elementwise,
    assert_agrees,
    assert_near,
    assert_same,
    cases,
    in_dtype,
    layouts,
)
from strategies import (
    KINKED,
    OPERATIONS,
    PROFILES,
    SHAPED,
    SMOOTH,
    Program,
    programs,
    special_numbers,
)
from test_losses import ALL_CASES, IDS
from test_nets import NETS, data_for, randomised

import diffkit as dk
from diffkit.capture.capturing import capture
from diffkit.capture.trees import flatten, structure_of, unflatten
from diffkit.differentiate.forward import pushforward_graph
from diffkit.differentiate.reverse import gradient_graph, pullback_graph
from diffkit.engines.interpret import run
from diffkit.engines.machine.running import machine_runner
from diffkit.engines.specialise import specialised_runner
from diffkit.graph.primitive import REGISTRY

EPSILON = np.finfo(float).eps
EVERYTHING = (*SMOOTH, *SHAPED, *KINKED)
# Primitives that add up: their sums are rounded in another order than NumPy's.
ADDING = ("conv2d", "conv2d_filter", "conv2d_image", "einsum", "fold", "matmul", "scan", "sum",
          "cholesky", "det", "slogdet", "solve", "triangular_solve")  # fmt: skip


# The registry ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_primitive_agrees_with_the_interpreter(name: str, dtype: str) -> None:
    for graph, leaves in cases(REGISTRY[name], dtype):
        got, wanted = assert_agrees(graph, leaves), run(graph, leaves)
        for x, y in zip(got, wanted, strict=True):
            if name not in ADDING:
                assert_near(x, y, ULPS)


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_primitive_reads_every_layout(name: str) -> None:
    for graph, leaves in cases(REGISTRY[name], "f8"):
        runner = machine_runner(graph)
        wanted = runner(leaves)
        for layout in ("read-only", "big-endian", "Fortran", "every second", "backwards"):
            lying = [layouts(leaf).get(layout, leaf) for leaf in leaves]
            before = [leaf.copy() for leaf in lying]
            assert_same(runner(lying), wanted)
            assert_same(lying, before)


@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_elementwise_work_is_the_specialised_engines_bit_for_bit(dtype: str) -> None:
    graph, leaves = all_elementwise(dtype)
    assert_same(machine_runner(graph)(leaves), specialised_runner(graph)(leaves))


@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_special_numbers_come_out_as_in_numpy(dtype: str) -> None:
    """NaN where NumPy has NaN, infinities and zeros with their signs, numbers within ulps."""
    graph, leaves = all_elementwise(dtype)
    got, wanted = machine_runner(graph)(leaves), run(graph, leaves)
    for x, y in zip(got, wanted, strict=True):
        zero = y == 0
        assert_near(x, y, ULPS)
        np.testing.assert_array_equal(np.signbit(x)[zero], np.signbit(y)[zero])


LEAST = np.iinfo(np.int64).min
INTEGERS = np.array([LEAST, LEAST + 1, -(2**62), -7, -3, -1, 0, 1, 2, 5, 2**62, -(LEAST + 1)])


def whole(a: Any, b: Any) -> Any:
    """Everything that is computed in integers."""
    quotients = [a // b, a % b, abs(a), -a, np.sign(a), a**2, a**3, a + b, a - b, a * b]
    choices = [np.maximum(a, b), np.minimum(a, b), np.where(a < b, a, b), np.clip(a, -3, b)]
    return (*quotients, *choices, a == b, a <= b, (a > b) & ~(b > 0) | (a != 0), np.floor(a))


def test_integers_are_exact_and_wrap_around_as_in_numpy() -> None:
    leaves = [np.ravel(x) for x in np.meshgrid(INTEGERS, INTEGERS)]
    graph = capture(whole, leaves)
    runner = machine_runner(graph)
    assert not runner.program.callbacks
    assert_same(runner(leaves), run(graph, leaves))
    assert_same(specialised_runner(graph)(leaves), run(graph, leaves))


@pytest.mark.parametrize("target", DTYPES)
@pytest.mark.parametrize("source", DTYPES)
def test_conversions_between_dtypes(source: str, target: str) -> None:
    x = np.array([-3.75, -1.0, -0.0, 0.0, 0.5, 1.0, 2.0**30]).astype(source)
    graph = capture(lambda x: (x.astype(target), (x > 0).astype(target)), [x])
    assert_same(machine_runner(graph)([x]), [x.astype(target), (x > 0).astype(target)])


def test_sums_are_within_their_bound_of_the_exact_one() -> None:
    """Contiguous numbers are added in blocks, compensated: 4 ulps of Σ|x| for any length."""
    rng = np.random.default_rng(0)
    for count in (1, 7, 10, 511, 512, 513, 100_000):
        x = rng.normal(size=count)
        graph = capture(lambda x: np.sum(x), [x])
        exact = math.fsum(x)
        assert abs(machine_runner(graph)([x])[0] - exact) <= 4 * EPSILON * np.sum(np.abs(x))


# Random graphs -----------------------------------------------------------------------------------


@given(programs(EVERYTHING))
def test_random_graphs_and_their_derivatives_agree(program: Program) -> None:
    graph = dk.trace(program, *program.inputs)
    ones = [np.ones(np.shape(x)) for x in program.inputs]
    assert_agrees(graph, program.inputs)
    assert_agrees(gradient_graph(graph), program.inputs)
    assert_agrees(pushforward_graph(graph), [*program.inputs, *ones])
    assert_agrees(pushforward_graph(gradient_graph(graph)), [*program.inputs, *ones])


@given(programs(EVERYTHING))
def test_random_graphs_agree_in_float32(program: Program) -> None:
    inputs = [np.asarray(x, np.float32)[()] for x in program.inputs]
    graph = dk.trace(program, *inputs)
    assert_agrees(graph, inputs)
    assert_agrees(gradient_graph(graph), inputs)


@given(programs((*SMOOTH, *KINKED), steps=5, numbers=special_numbers()))
def test_random_graphs_agree_about_nan_and_infinity(program: Program) -> None:
    graph = gradient_graph(dk.trace(program, *program.inputs))
    got, wanted = machine_runner(graph)(program.inputs), run(graph, program.inputs)
    for x, y in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(np.isnan(x), np.isnan(y))


@settings(max_examples=max(4, PROFILES["dev"] // 4))
@given(programs((*SMOOTH, *KINKED), steps=6))
def test_random_elementwise_graphs_equal_specialised_ones(program: Program) -> None:
    def without_sum(*inputs: Any) -> Any:
        values = list(inputs)
        for name, operands in program.steps:
            values.append(OPERATIONS[name][1](*[values[i] for i in operands]))
        return values[-1]

    inputs = [np.full((3, 40), np.mean(x)) for x in program.inputs]
    graph = capture(without_sum, inputs)
    assert_same(machine_runner(graph)(inputs), specialised_runner(graph)(inputs))


# Arguments and results --------------------------------------------------------------------------


def blended(x: Any, y: Any) -> Any:
    """Sums, products and elementwise work over both operands."""
    return np.tanh(x @ y) * x.sum(axis=0), x + y.T, np.sum(x * x), x


@pytest.mark.parametrize("size", [3, 40])  # copied to the machine's memory, and read in place
def test_layouts_of_arguments(size: int) -> None:
    x = np.random.default_rng(0).normal(size=(size, size))
    graph = capture(blended, [x, x])
    runner = machine_runner(graph)
    wanted = runner([x, x.copy()])
    for lying in layouts(x).values():
        before = lying.copy()
        assert_same(runner([lying, lying]), wanted)
        assert_same(runner([x, lying]), wanted)
        assert_same([lying], [before])


@pytest.mark.parametrize("size", [4, 40])
def test_the_same_array_twice_and_overlapping_views(size: int) -> None:
    base = np.random.default_rng(0).normal(size=(size + 1, size))
    first, second = base[:-1], base[1:]
    graph = capture(blended, [first, second])
    runner = machine_runner(graph)
    assert_same(runner([first, second]), runner([first.copy(), second.copy()]))
    assert_same(runner([first, first.T]), runner([first.copy(), first.T.copy()]))


def test_python_numbers_and_arrays_without_axes() -> None:
    graph = capture(lambda x, y: (x * y, x - y, np.sin(x)), [2.0, 3.0])
    wanted = machine_runner(graph)([2.0, 3.0])
    for leaves in ([np.array(2.0), np.array(3.0)], [np.float64(2.0), 3], [2, np.float32(3.0)]):
        assert_same(machine_runner(graph)(leaves), wanted)
    assert [type(y) for y in wanted] == [np.float64] * 3


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 3)])
def test_arrays_without_elements(shape: tuple[int, ...]) -> None:
    def emptied(x: Any) -> Any:
        axis = len(shape) - 1
        return (np.sin(x) + x, np.sum(x), np.sum(x, axis=axis), np.prod(x, axis=0), x.T,
                np.cumsum(x, axis=0), x > 0, np.concatenate([x, x]))  # fmt: skip

    x = np.zeros(shape)
    graph = capture(emptied, [x])
    assert_same(machine_runner(graph)([x]), run(graph, [x]))


def test_empty_arrays_that_broadcast_to_another_empty_shape() -> None:
    x, y = np.zeros((0, 1)), np.zeros((1, 0))
    graph = capture(lambda x, y: (x * 2 + y * 2, np.sum(x * 2 + y)), [x, y])
    assert_same(machine_runner(graph)([x, y]), run(graph, [x, y]))


def test_products_without_an_inner_axis_are_zero() -> None:
    a, b = np.zeros((2, 0)), np.zeros((0, 3))
    graph = capture(lambda a, b: a @ b, [a, b])
    assert_same(machine_runner(graph)([a, b]), [np.zeros((2, 3))])


@pytest.mark.parametrize("size", [3, 60])
def test_results_share_memory_with_nobody(size: int) -> None:
    x = np.random.default_rng(0).normal(size=(size, size))
    graph = capture(lambda x: (x, x.T, x + 1, x[0], np.broadcast_to(x[0], x.shape)), [x])
    runner = machine_runner(graph)
    first, second = runner([x]), runner([x])
    kept = [np.array(y) for y in first]
    for result in second:
        result[...] = 99.0
    runner([2 * x])
    assert_same(first, kept)
    for k, result in enumerate(first):
        others = [x, *second, *first[:k], *first[k + 1 :]]
        assert not any(np.shares_memory(result, other) for other in others)
        assert result.flags.writeable


@pytest.mark.parametrize("size", [3, 60])
def test_two_threads_run_one_graph(size: int) -> None:
    rng = np.random.default_rng(0)
    leaves = [[rng.normal(size=(size, size)) for _ in range(2)] for _ in range(4)]
    graph = capture(blended, leaves[0])
    wanted = [machine_runner(graph)(pair) for pair in leaves]

    def repeated(start: int) -> None:
        for k in range(200):
            place = (start + k) % len(leaves)
            assert_same(machine_runner(graph)(leaves[place]), wanted[place])

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(repeated, range(2)))


# Nets -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("name", NETS)
def test_gradients_and_pushforwards_of_nets(name: str, dtype: str) -> None:
    net, loss = NETS[name]
    x, y = data_for(net, loss)
    objective = net.with_loss(loss)
    floats = [in_dtype(leaf, dtype) for leaf in flatten((randomised(net), x))[0]]
    structure = structure_of((randomised(net), x))

    def of_leaves(*leaves: Any) -> Any:
        return objective(*unflatten(structure, list(leaves)), y)

    graph = capture(of_leaves, floats)
    assert_agrees(gradient_graph(graph), floats)
    tangents = [np.ones_like(leaf) for leaf in floats]
    assert_agrees(pushforward_graph(graph), [*floats, *tangents])
    assert_agrees(pullback_graph(graph), [*floats, np.ones((), dtype)[()]])


@pytest.mark.parametrize(("loss", "prediction", "target"), ALL_CASES, ids=IDS)
def test_gradients_of_losses(loss: Any, prediction: np.ndarray, target: np.ndarray) -> None:
    graph = capture(lambda p: loss(p, target), [prediction])
    assert_agrees(gradient_graph(graph), [prediction])
    assert_agrees(pushforward_graph(graph), [prediction, np.ones_like(prediction)])
