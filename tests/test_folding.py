"""Python loops are folded into loops: the same bits, the same derivatives, small graphs.

Values of a folded graph are those of the graph as captured, bit by bit, by every engine that
computes both alike.  Derivatives may add the contributions to one cotangent in another order;
here they agree to ``CLOSE`` of the largest entry.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from written_loops import LOOPS, RNG, logistic, runge_kutta, single_precision

import diffkit as dk
from diffkit.differentiate.forward import pushforward_graph
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines.machine.running import machine_runner
from diffkit.graph.ir import Graph

# A few hundred roundings of one unit in the last place.
CLOSE = 1e-12


def leaves_of(args: Any) -> list[Any]:
    return [np.asarray(arg)[()] for arg in args]


def both(f: Callable[..., Any], *args: Any) -> tuple[Graph, Graph]:
    """The graph as captured and folded; both give the same bits."""
    graph = dk.trace(f, *args)
    loops = graph.folded()
    loops.check()
    leaves = leaves_of(args)
    for plain, folded in zip(graph.run(leaves), loops.run(leaves), strict=True):
        np.testing.assert_array_equal(plain, folded)
        assert np.asarray(plain).dtype == np.asarray(folded).dtype
    return graph, loops


def folds(f: Callable[..., Any], *args: Any, equations: int = 60) -> Graph:
    """The folded graph, after all comparisons with the captured one."""
    graph, loops = both(f, *args)
    assert len(loops.equations) <= equations < len(graph.equations)
    assert loops.operations()["scan"] >= 1
    assert loops.flops() == graph.flops()
    leaves = leaves_of(args)
    for derive in (gradient_graph, pushforward_graph):
        plain, folded = derive(graph), derive(loops)
        inputs = [*leaves, *map(np.ones_like, leaves)][: len(plain.input_nodes)]
        same_within_rounding(plain.run(inputs), folded.run(inputs))
    return loops


def stays(f: Callable[..., Any], *args: Any) -> Graph:
    """A graph that is not folded is the graph itself."""
    graph = dk.trace(f, *args)
    assert graph.folded() is graph
    return graph


def same_within_rounding(expected: Any, found: Any, close: float = CLOSE) -> None:
    for a, b in zip(expected, found, strict=True):
        assert np.shape(a) == np.shape(b)
        largest = np.max(np.abs(a), initial=0.0)
        np.testing.assert_allclose(b, a, rtol=0, atol=close * (largest + 1e-300))


# Loops people write -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LOOPS)
def test_a_loop_becomes_one_equation(name: str) -> None:
    f, *args = LOOPS[name]
    folds(f, *args)


@pytest.mark.parametrize("name", LOOPS)
def test_the_machine_runs_folded_loops_as_the_interpreter_does(name: str) -> None:
    f, *args = LOOPS[name]
    loops = gradient_graph(dk.trace(f, *args).folded())
    leaves = leaves_of(args)
    same_within_rounding(loops.run(leaves), machine_runner(loops)(leaves))


def test_a_step_of_runge_kutta_is_one_body() -> None:
    loops = folds(runge_kutta, np.array([0.1, 0.2]), 2.0, equations=250)
    (loop,) = (e for e in loops.equations if e.primitive.name == "scan")
    assert loop.parameters["length"] >= 50
    assert len(loop.parameters["body"].graph.equations) <= 70


def test_single_precision_keeps_its_bits() -> None:
    graph, loops = both(single_precision, np.float32(0.3))
    assert len(loops.equations) < 10 < len(graph.equations)
    assert loops.outputs[0].aval.dtype == np.float32


def test_complex_results_of_loops_of_loops() -> None:
    def nested(x: Any) -> Any:
        for _ in range(40):
            for _ in range(40):
                x = x * 0.99 + 0.01
            x = np.sin(x)
        return x

    loops = folds(nested, 0.5, equations=130)
    assert loops.operations()["mul"] == 1600


def test_long_inner_loops_are_folded_inside_the_outer_one() -> None:
    def nested(x: Any) -> Any:
        for _ in range(20):
            for _ in range(400):
                x = x * 0.99 + 0.01
            x = np.sin(x)
        return x

    loops = folds(nested, 0.5, equations=900)
    bodies = [e.parameters["body"].graph for e in loops.equations if e.primitive.name == "scan"]
    assert any(e.primitive.name == "scan" for body in bodies for e in body.equations)


# Every method -------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["forward", "reverse", "complex", "finite", "symbolic"])
def test_every_method_differentiates_a_folded_loop(method: str) -> None:
    def newton(a: Any) -> Any:
        x = a
        for _ in range(200):
            x = x - 0.01 * (x * x - a)
        return x

    options: dict[str, Any] = {"method": method}
    if method == "symbolic":
        options["method"] = dk.methods.Symbolic(2_000, 2.0)
    exact = float(gradient_graph(dk.trace(newton, 2.0)).run([np.float64(2.0)])[1])
    try:
        found = dk.grad(newton, **options)(2.0)
    except dk.errors.BudgetError:
        assert method == "symbolic"
        return
    assert found == pytest.approx(exact, rel=1e-7 if method == "finite" else 1e-13)


def test_second_derivatives_and_directions() -> None:
    def f(x: Any) -> Any:
        return logistic(x, 200) * x

    x, h = 0.31, 1e-5
    graph = gradient_graph(dk.trace(lambda v: f(v) * 1.0, x))
    slope = lambda v: graph.run([np.float64(v)])[1]  # noqa: E731
    assert np.isfinite(slope(x))
    value, tangent = dk.jvp(f, (x,), (1.0,))
    assert value == f(x)
    assert tangent == pytest.approx(slope(x), rel=1e-10)

    def tame(v: Any) -> Any:
        for _ in range(200):
            v = np.sin(v) * 0.9 + 0.3 * v * v * 0.1
        return v

    second = dk.hessian(tame)(x)
    first = dk.grad(tame)
    assert second == pytest.approx((first(x + h) - first(x - h)) / (2 * h), rel=1e-5, abs=1e-12)


def test_slopes_of_arrays_element_by_element() -> None:
    xs = np.linspace(0.1, 0.4, 5)
    slopes = dk.derivative(lambda x: logistic(x, 200))(xs)
    each = [dk.grad(lambda x: logistic(x, 200))(x) for x in xs]
    same_within_rounding([slopes], [np.array(each)])


def test_mapped_over_examples() -> None:
    xs = np.linspace(0.1, 0.4, 5)
    found = dk.vmap(dk.grad(lambda x: logistic(x, 200)))(xs)
    same_within_rounding([found], [np.array([dk.grad(lambda x: logistic(x, 200))(x) for x in xs])])


def test_compare_is_as_before() -> None:
    report = dk.compare(lambda x: logistic(x, 200), 0.3, methods=["forward", "reverse"])
    unrolled = gradient_graph(dk.trace(lambda x: logistic(x, 200), 0.3)).run([np.float64(0.3)])
    assert report["reverse"].value == unrolled[0]
    assert report["reverse"].derivative == pytest.approx(float(unrolled[1]), rel=1e-12)


# What stays ---------------------------------------------------------------------------------------


def test_small_graphs_stay_as_they_are() -> None:
    stays(lambda x: logistic(x, 50), 0.3)


def test_a_branch_in_the_loop_keeps_it_written_out() -> None:
    def clipped(x: Any) -> Any:
        for _ in range(300):
            x = 3.7 * x * (1.0 - x)
            if x > 0.99:
                x = x * 0.5
        return x

    graph = stays(clipped, 0.3)
    assert len(graph.guards) == 300
    assert dk.grad(clipped)(0.3) == gradient_graph(graph).run([np.float64(0.3)])[1]


def test_a_loop_before_a_branch_is_folded_and_the_branch_still_guards() -> None:
    def f(x: Any) -> Any:
        y = logistic(x, 300)
        return y * 2.0 if y > 0.5 else y * 3.0

    graph, loops = both(f, 0.3)
    assert len(loops.guards) == len(graph.guards) == 1
    assert len(loops.equations) < 20
    for x in (0.1, 0.3, 0.32, 0.34, 0.36):
        slope = 2.0 if logistic(x, 300) > 0.5 else 3.0
        assert dk.grad(f)(x) == pytest.approx(slope * dk.grad(lambda v: logistic(v, 300))(x))


def test_an_early_exit_is_right_on_both_sides() -> None:
    def until(x: Any) -> Any:
        for _ in range(400):
            x = x * 0.97 + 0.001
            if x < 0.2:
                break
        return x

    for x in (0.5, 0.9, 0.21):
        plain = gradient_graph(dk.trace(until, x)).run([np.float64(x)])
        assert dk.value_and_grad(until)(x) == (plain[0], plain[1])


def test_probes_stay_visible() -> None:
    def f(x: Any) -> Any:
        for i in range(200):
            x = dk.probe(f"x{i}", np.sin(x) * 0.9)
        return x

    stays(f, 0.3)
    *_, seen = dk.value_and_grad(f, probes=True)(0.3)
    assert len(seen) == 200


def test_noise_is_not_a_loop() -> None:
    rng = np.random.default_rng(3)
    operations = [np.add, np.multiply, np.subtract, lambda a, b: np.sin(a), lambda a, b: np.tanh(b)]
    plan = [(rng.integers(5), rng.integers(10 + k), rng.integers(10 + k)) for k in range(1000)]

    def f(x: Any) -> Any:
        values = [x[i] for i in range(10)]
        for which, i, j in plan:
            values.append(operations[which](values[i], values[j]))
        return np.sum(np.array(values))

    stays(f, RNG.normal(size=10))


def test_a_selection_that_crosses_steps_keeps_its_zero() -> None:
    """0·∞ is never formed: the loop's root has an infinite slope where its result is discarded."""

    def f(x: Any) -> Any:
        y = x
        for _ in range(300):
            y = np.sqrt(y) * 1.0
        return np.where(x > 0, y, 0.0)

    graph = dk.trace(f, 0.0)
    assert graph.folded() is graph
    assert dk.grad(f)(0.0) == 0.0


def test_shapes_that_grow_are_no_loop() -> None:
    def f(x: Any) -> Any:
        for _ in range(200):
            x = np.concatenate([x * 1.1, x[:1] * 2.0])
        return np.sum(x)

    graph, loops = both(f, np.ones(2))
    assert loops is graph


def test_a_graph_from_text_stays() -> None:
    graph = dk.parse(" + ".join(["sin(x)*y"] * 20))
    assert graph.folded() is graph


# Size ---------------------------------------------------------------------------------------------


def test_a_hundred_thousand_steps_are_small() -> None:
    graph = dk.trace(lambda x: logistic(x, 100_000), 0.3)
    assert len(graph.equations) == 300_000
    loops = graph.folded()
    assert len(loops.equations) < 10
    assert len(gradient_graph(loops).equations) < 60
    assert loops.operations()["mul"] == graph.operations()["mul"]
    leaves = [np.float64(0.3)]
    assert machine_runner(loops)(leaves)[0] == logistic(0.3, 100_000)


def test_a_folded_graph_differentiates_in_little_memory() -> None:
    loops = dk.trace(lambda x: logistic(x, 20_000), 0.3).folded()
    tracemalloc.start()
    try:
        gradient_graph(loops)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2e6  # as captured, the derivative takes some 20 MB


# Random loops, which stay bounded -----------------------------------------------------------------

UNARY = (np.sin, np.tanh, np.cos, lambda v: 0.5 / (1.0 + v * v), np.negative)
BINARY = (np.add, np.subtract, lambda a, b: np.sin(a) * b, np.maximum)


def test_reading_what_a_step_has_just_written_hands_on_the_number() -> None:
    """y[i] = g(y[i − 1], y[i − 2]) in place folds as a recurrence of numbers does."""

    def filled(x: Any) -> Any:
        y = np.zeros_like(x)
        y[0], y[1] = x[0], x[1]
        for i in range(2, x.size):
            y[i] = 0.5 * y[i - 1] - 0.1 * y[i - 2] + np.sin(x[i])
        return np.sum(y * y)

    def path(x: Any) -> Any:
        y = np.zeros((200, 2)) * x[0]
        y[0] = x[:2]
        for i in range(1, 200):
            y[i, 0] = y[i - 1, 0] + 0.1 * y[i - 1, 1]
            y[i, 1] = y[i - 1, 1] - 0.1 * np.sin(y[i - 1, 0])
        return np.sum(y * y)

    x = RNG.normal(size=200)
    assert all(len(both(f, x)[1].equations) < 50 for f in (filled, path))
    graph, loops = both(filled, x)
    assert filled(x) == graph(x) == loops(x)
    same_within_rounding(
        gradient_graph(loops).run([x])[1:], [dk.grad(filled, method="finite")(x)], 1e-6
    )


@st.composite
def random_loops(draw: st.DrawFn) -> Callable[[Any, Any], Any]:
    """A loop whose step is drawn: on carries, rows, constants, the step's number and old steps."""
    carries = draw(st.integers(1, 3))
    small = st.integers(0, 1000)
    code = draw(st.lists(st.tuples(small, small, small), min_size=carries, max_size=9))
    steps = draw(st.integers(max(130, 520 // len(code)), 530))
    reads = draw(st.sampled_from(["none", "rows", "two rows", "anyhow"]))
    keeps, lag = draw(st.booleans()), draw(st.integers(1, 3))

    def loop(x: Any, w: Any) -> Any:
        state = [w[k] * (k + 1.0) for k in range(carries)]
        history, kept = [list(state)] * lag, []
        for t in range(steps):
            values = [*state, *history[-lag], w[3], np.sin(w[4])]
            if reads != "none":
                values.append(x[t] if reads != "anyhow" else x[(5 * t + 2) % 97])
            if reads == "two rows":
                values.append(x[t + 1])
            values.append(0.001 * t)
            for kind, i, j in code:
                a, b = values[i % len(values)], values[j % len(values)]
                if kind % 2:
                    values.append(UNARY[kind % len(UNARY)](a) + 0.1)
                else:
                    values.append(BINARY[kind // 2 % len(BINARY)](a, b) * 0.4)
            state = values[-carries:]
            history.append(state)
            if keeps:
                kept.append(values[-1] * 1.0)
        total = sum(state)
        return np.sum(np.array(kept)) + total if keeps else total + 0.0 * w[0]

    return loop


@settings(max_examples=25, deadline=None)
@given(random_loops(), st.integers(0, 2**32 - 1))
def test_random_loops(loop: Callable[[Any, Any], Any], seed: int) -> None:
    rng = np.random.default_rng(seed)
    args = rng.normal(size=540), rng.normal(size=5)
    graph, loops = both(loop, *args)
    leaves = leaves_of(args)
    same_within_rounding(gradient_graph(graph).run(leaves), gradient_graph(loops).run(leaves), 1e-9)
