"""Loops on the machine: the step's rows run in place, and agree with the interpreter."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from machine_cases import SPECIAL, assert_agrees, assert_same, elementwise_primitives
from planted import Planter, SumOfSquares, plant  # noqa: F401  (a fixture)
from test_scan import (
    SEQUENCE,
    WEIGHTS,
    kept,  # noqa: F401  (a fixture)
    logistic,
    mixed,
    nested,
    pendulum,
    recurrent,
)
from trained import quiet_train

import diffkit as dk
from diffkit.capture.trees import flatten
from diffkit.comparison.rules_sampling import samples_for
from diffkit.differentiate.forward import pushforward_graph
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines.allocation import aligned
from diffkit.engines.interpret import run
from diffkit.engines.machine.builder import Row
from diffkit.engines.machine.nested import nested_in
from diffkit.engines.machine.running import machine_runner
from diffkit.graph.ir import Graph
from diffkit.optim.optimizers import SGD
from diffkit.primitives.control import layout_of

EXAMPLES: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
    "one step": (lambda r: logistic(r, 1), (3.2,)),
    "two steps": (lambda r: logistic(r, 2), (3.2,)),
    "logistic": (lambda r: logistic(r, 20), (3.2,)),
    "float32": (lambda r: logistic(r, 20), (np.float32(3.2),)),
    "differential equation": (pendulum, (1.3,)),
    "recurrent": (recurrent, (WEIGHTS, SEQUENCE)),
    "recurrent, backwards": (lambda p, x: recurrent(p, x, reverse=True), (WEIGHTS, SEQUENCE)),
    "nested": (nested, (0.7,)),
    "several dtypes": (mixed, (WEIGHTS, SEQUENCE)),
    "several dtypes, backwards": (lambda p, x: mixed(p, x, reverse=True), (WEIGHTS, SEQUENCE)),
}


def leaves_of(args: Any) -> list[Any]:
    return [np.asarray(leaf)[()] for leaf in flatten(args)[0]]


def on_the_machine(graph: Graph, leaves: Any) -> list[Any]:
    """The results, which are those of the interpreter, with nothing left to Python."""
    assert not machine_runner(graph).program.callbacks
    return assert_agrees(graph, leaves)


def exactly(f: Callable[..., Any], *args: Any) -> list[Any]:
    """The same, bit for bit."""
    graph, leaves = dk.trace(f, *args), leaves_of(args)
    found = on_the_machine(graph, leaves)
    assert_same(found, run(graph, leaves))
    return found


# What the interpreter computes --------------------------------------------------------------------


@pytest.mark.parametrize("name", EXAMPLES)
def test_values(name: str, kept: int) -> None:  # noqa: F811
    f, args = EXAMPLES[name]
    on_the_machine(dk.trace(f, *args), leaves_of(args))


@pytest.mark.parametrize("name", EXAMPLES)
def test_gradients(name: str, kept: int) -> None:  # noqa: F811
    f, args = EXAMPLES[name]
    on_the_machine(gradient_graph(dk.trace(f, *args)), leaves_of(args))


@pytest.mark.parametrize("name", EXAMPLES)
def test_tangents(name: str, kept: int) -> None:  # noqa: F811
    f, args = EXAMPLES[name]
    leaves = leaves_of(args)
    graph = pushforward_graph(dk.trace(f, *args))
    directions = [np.ones_like(leaf)[()] for leaf in leaves]
    on_the_machine(graph, [*leaves, *directions])


@pytest.mark.parametrize("name", ("logistic", "recurrent", "nested"))
def test_second_derivatives(name: str, kept: int) -> None:  # noqa: F811
    f, args = EXAMPLES[name]
    once = dk.trace(lambda *x: sum(np.sum(g) for g in flatten(dk.grad(f)(*x))[0]), *args)
    on_the_machine(gradient_graph(once), leaves_of(args))


def test_many_examples(kept: int) -> None:  # noqa: F811
    sequences = np.stack([SEQUENCE, 2 * SEQUENCE, SEQUENCE - 1])
    mapped = dk.vmap(dk.grad(lambda x: mixed(WEIGHTS, x)))
    on_the_machine(dk.trace(mapped, sequences), [sequences])


@pytest.mark.parametrize("length", (1, 2, 3, 4, 5, 17))
def test_scalars_are_the_same_bit_for_bit(length: int, kept: int) -> None:  # noqa: F811
    exactly(lambda r: logistic(r, length), 3.2)
    exactly(dk.grad(lambda r: logistic(r, length)), 3.2)


# The carry ----------------------------------------------------------------------------------------

Step = Callable[[Any, Any], tuple[Any, Any]]
CARRIES: dict[str, tuple[Step, Any]] = {
    "changes places": (lambda c, x: ((c[1], c[0]), c[0] * x), (1.0, 2.0)),
    "stays": (lambda c, x: (c, c[0] + x), (3.0, 4.0)),
    "twice": (lambda c, x: ((c[0] + x, c[0] + x), (c[0] + x, c[0] + x)), (1.0, 2.0)),
    "is read after it was computed": (lambda c, x: ((c[0] * x, c[0] - c[1]), c[0]), (1.5, 2.5)),
    "integers": (lambda c, x: ((c[1], c[0] + c[1]), c[1]), (0, 1)),
    "truth": (lambda c, x: ((x > c[1], c[1] + x), c[0]), (True, 0.25)),
    "is a row": (lambda c, x: ((x, c[0]), c[1]), (0.0, 0.0)),
    "is constant": (lambda c, x: ((7.0, c[0] + x), c[0]), (0.0, 0.0)),
    "arrays": (lambda c, x: ((c[1][::-1], c[0] + x), c[0].sum()), (np.arange(3.0), np.ones(3))),
    "empty": (lambda c, x: ((c[0] * x, c[1] + x), c[0]), (np.zeros(0), 1.0)),
    "float32": (lambda c, x: ((c[1], c[0] * c[1]), c[0]), (np.float32(1.5), np.float32(0.3))),
}


@pytest.mark.parametrize("reverse", (False, True))
@pytest.mark.parametrize("length", (1, 2, 3, 10))
@pytest.mark.parametrize("name", CARRIES)
def test_no_carry_is_overwritten_before_it_is_read(
    name: str,
    length: int,
    reverse: bool,
    kept: int,  # noqa: F811
) -> None:
    step, start = CARRIES[name]
    exactly(lambda xs: dk.scan(step, start, xs, reverse=reverse), np.linspace(-1, 2, length))


# Rows and sums ------------------------------------------------------------------------------------


@pytest.mark.parametrize("reverse", (False, True))
def test_rows_of_any_layout_and_dtype(reverse: bool) -> None:
    """Rows are read where the array lies: transposed, backwards, every second, or repeated."""

    def f(x: Any, n: Any, s: Any) -> Any:
        xs = {"T": x.T, "back": x.T[::-1], "second": n[::2], "one": np.broadcast_to(s, (4, 3)),
              "bits": n[::2] > 3, "single": s.astype(np.float32)[0] * np.ones(4, "f4")}  # fmt: skip

        def step(c: Any, row: Any) -> tuple[Any, Any]:
            c = c + row["T"][0] * row["second"]
            return c, {**row, "c": c, "where": np.where(row["bits"], row["back"], row["T"])}

        return dk.scan(step, 0.0, xs, reverse=reverse)

    exactly(f, np.arange(20.0).reshape(5, 4), np.arange(8), np.array([1.0, -2.0, 0.5]))


def test_sums_of_negative_zeros_are_negative() -> None:
    def f(r: Any) -> Any:
        return dk.scan(lambda c, x: (c + r * x, None), 0.0, np.array([-0.0, -0.0]))[0]

    (slope,) = exactly(dk.grad(f), 2.0)
    assert np.signbit(slope)


def test_nan_and_infinities_stay() -> None:
    xs = np.array([1.0, np.inf, -np.inf, np.nan, 0.0, -0.0])
    exactly(lambda x: dk.scan(lambda c, x: (x * c, c / x), 1.0, x), xs)


def test_long_vectors_in_blocks() -> None:
    """More lanes than a block of registers holds, added up over the steps."""
    w, xs = np.linspace(0, 1, 3000), np.linspace(-1, 1, 6000).reshape(2, 3000)

    def f(w: Any, xs: Any) -> Any:
        return np.sum(dk.scan(lambda c, x: (np.sin(c * w) + x, c * x), w, xs)[0])

    graph = gradient_graph(dk.trace(f, w, xs))
    on_the_machine(graph, [w, xs])


# Single numbers ----------------------------------------------------------------------------------


def kernels_of(rows: Any) -> set[str]:
    """The kernels of a program and of the loops in it."""
    found = {row.items[0] for row in rows if isinstance(row, Row)}
    for row in rows:
        for inside in nested_in(row):
            found |= kernels_of(inside.rows)
    return found


def one_operation(primitive: Any, a: Any, b: Any) -> Any:
    operands = [a < b if k in primitive.inert else (a, b, a)[k] for k in range(arity(primitive))]
    params = {"n": 2} if primitive.name == "integer_power" else {}
    found = primitive(*operands, **params)
    return np.where(found, a, b) if primitive.result == "bool" else found


def arity(primitive: Any) -> int:
    return len(samples_for(primitive)[0].operands)


@pytest.mark.parametrize("dtype", ("f8", "f4"))
def test_operations_on_single_numbers_round_as_those_on_lanes(dtype: str) -> None:
    """Every elementwise operation at special numbers, row after row and all rows at once."""
    with np.errstate(over="ignore", under="ignore"):
        a, b = (np.ravel(x).astype(dtype) for x in np.meshgrid(SPECIAL, SPECIAL))
    alone = []
    for primitive in elementwise_primitives():
        if dict(samples_for(primitive)[0].params) and primitive.name != "integer_power":
            continue

        def rows(a: Any, b: Any, operation: Any = primitive) -> Any:
            step = lambda c, x: (c, one_operation(operation, *x))  # noqa: E731
            return dk.scan(step, np.ones((), dtype)[()], (a, b))[1]

        loop = machine_runner(dk.trace(rows, a, b))
        lanes = machine_runner(dk.trace(lambda a, b, p=primitive: one_operation(p, a, b), a, b))
        assert_same(loop([a, b]), lanes([a, b]))
        alone += [primitive.name] * (f"scan_scalars_{dtype}" in kernels_of(loop.program.rows))
    assert len(alone) > 50
    assert {"add", "mul", "where", "sin", "maximum", "less", "arctan2", "clip"} <= set(alone)


def test_a_sum_of_products_keeps_both_roundings() -> None:
    """Products are joined with the sum that reads them, but never contracted."""
    rng = np.random.default_rng(0)
    xs = rng.normal(size=(50, 4))

    def step(c: Any, x: Any) -> tuple[Any, Any]:
        p, q = x[0] * x[1], x[2] * x[3]
        return (c[1] * x[0] + x[3], -c[0] - x[1] * x[2]), (p + q, p * p - q, -(x[0] * c[0]) + q)

    def f(xs: Any) -> Any:
        return dk.scan(step, (0.5, 0.25), xs)

    exactly(f, xs)
    columns = [xs[:, k] for k in range(4)]
    graph = dk.trace(lambda *x: dk.scan(step, (0.5, 0.25), x), *columns)
    assert "scan_scalars_f8" in kernels_of(machine_runner(graph).program.rows)
    assert_same(on_the_machine(graph, columns), run(graph, columns))


# Programs -----------------------------------------------------------------------------------------


def test_a_step_without_a_kernel_is_left_to_python(plant: Planter) -> None:  # noqa: F811
    squares = plant(SumOfSquares)

    def f(x: Any) -> Any:
        def inner(c: Any, _: Any) -> tuple[Any, Any]:
            return c / squares(c), None

        def step(c: Any, _: Any) -> tuple[Any, Any]:
            return dk.scan(inner, c, length=2)[0], c + 1

        return dk.scan(step, x, length=3)[1] * 2

    x = np.arange(1.0, 4.0)
    for graph in (dk.trace(f, x), dk.trace(dk.grad(lambda x: np.sum(f(x))), x)):
        program = machine_runner(graph).program
        left = {graph.columns.operations[row.node].name for row in program.callbacks.values()}
        assert left == {"scan"}
        assert_agrees(graph, [x])


def packed_bytes(graph: Graph) -> int:
    """The memory of all packed vectors of a graph."""
    avals, operations = graph.columns.avals, graph.columns.operations
    loops = [node for node in graph.equation_nodes() if operations[node].name == "scan"]
    for node in loops:
        params = operations[node].kwargs
        output = params.get("output") or params["body"].dtypes[0]
        layout = layout_of(params["body"], params["length"], params.get("every", 1), output)
        assert avals[node].size == layout[1]
    return sum(aligned(avals[node].size * avals[node].dtype.itemsize) for node in loops)


def test_memory_grows_with_what_is_saved_alone() -> None:
    sizes = set()
    for length in (10_000, 40_000, 90_000):
        graph = dk.trace(lambda r, n=length: logistic(r, n), 2.5)
        sizes.add(machine_runner(graph).program.workspace - packed_bytes(graph))
    assert len(sizes) == 1


def test_reverse_mode_of_a_long_loop_keeps_square_roots() -> None:
    for length in (200_000, 800_000):
        graph = gradient_graph(dk.trace(lambda r, n=length: logistic(r, n), 2.5))
        program = machine_runner(graph).program
        # saved carries and their cotangents, for all segments and for the one under way
        assert program.workspace < 8 * 8 * np.sqrt(length) + 2048
        assert len(program.words) < 2_000


def test_loops_side_by_side_share_slots() -> None:
    def both(r: Any) -> Any:
        first = dk.scan(lambda c, _: (r * c, None), 1.0, length=5)[0]
        return dk.scan(lambda c, _: (r + c, None), first, length=5)[0]

    one = machine_runner(dk.trace(lambda r: logistic(r, 5), 2.0)).program
    two = machine_runner(dk.trace(both, 2.0)).program
    assert one.slots == two.slots
    exactly(both, 1.25)


def test_a_recurrent_net_is_trained_in_a_loop_of_the_machine() -> None:
    """A loop inside the loop over training steps: both have slots of the table that move on."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(20, 6, 2)), rng.normal(size=20)
    params = {"W": 0.3 * rng.normal(size=(4, 4)), "U": rng.normal(size=(2, 4)), "v": np.ones(4)}

    def loss(p: Any, x: Any, y: Any) -> Any:
        step = lambda h, row: (np.tanh(h @ p["W"] + row @ p["U"]), None)  # noqa: E731
        h = dk.scan(step, np.zeros((x.shape[0], 4)), np.swapaxes(x, 0, 1))[0]
        return np.mean((h @ p["v"] - y) ** 2)

    runs = [
        quiet_train(loss, params, (x, y), epochs=3, batch_size=5, optimizer=SGD(0.05), engine=e)
        for e in ("machine", "interpret")
    ]
    losses = [done.history["loss"] for done in runs]
    np.testing.assert_allclose(*losses, rtol=1e-12)
    for a, b in zip(*(flatten(done.params)[0] for done in runs), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_threads_run_one_loop_at_once() -> None:
    graph = gradient_graph(dk.trace(lambda r: logistic(r, 20_000), 3.0))
    runner = machine_runner(graph)
    points = np.linspace(2.5, 3.5, 8)
    wanted = [runner([r])[0] for r in points]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda r: runner([r])[0], points))
    assert_same(found, wanted)


@pytest.mark.parametrize("length", (6, 7, 9))
def test_rows_that_run_downwards_inside_the_rows_of_a_segment(
    length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gather from the end is a view with negative strides, which a slot must not begin below."""
    monkeypatch.setattr("diffkit.primitives.control.KEEP_ALL_BYTES", 0)
    downwards = np.arange(length)[::-1].copy()

    def f(x: Any, w: Any) -> Any:
        return np.sum(dk.scan(lambda h, row: (np.tanh(h * w + row), None), w, x[downwards])[0])

    leaves = [np.sin(np.arange(3.0 * length)).reshape(length, 3), np.ones(3)]
    graph = gradient_graph(dk.trace(f, *leaves))
    for expected, found in zip(run(graph, leaves), machine_runner(graph)(leaves), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-15)
