"""All methods agree on functions that nobody wrote: hypothesis makes them.

Tolerances are in units of rounding: every operation rounds once, by at most ε times the
largest value in the graph, and what it rounds away reaches the derivative multiplied by another
value of the graph; so the bound is ε · (operations) · (largest value)².
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import assume, given, note, settings
from strategies import KINKED, PROFILES, SHAPED, SMOOTH, Program, programs, special_numbers

import diffkit as dk
from diffkit.comparison.rules_trial import difference
from diffkit.differentiate.forward import pushforward_graph
from diffkit.differentiate.reverse import gradient_graph, pullback_graph
from diffkit.engines.interpret import run, run_all

EPSILON = np.finfo(float).eps
# Central differences with the best step lose a third of the digits (ε^⅔ ≈ 4e-11) times the
# third derivative; 1e-6 of the largest value leaves room for that.
DIFFERENCE_TOLERANCE = 1e-6
# A slope that jumps by more than JUMP between two points 2·BESIDE apart jumps at a kink.
BESIDE, JUMP = 1e-9, 1e-5
MATRIX_PRODUCTS = ("x @ MIX", "xᵀx")
EVERYTHING = (*SMOOTH, *SHAPED, *KINKED)


def flat(tree: Any) -> np.ndarray:
    """All numbers of a gradient, one after another."""
    parts = tree if isinstance(tree, (tuple, list)) else [tree]
    return np.concatenate([np.ravel(part) for part in parts])


def gradient(program: Program, method: Any) -> np.ndarray:
    """The gradient by one method, as one vector."""
    argnums = tuple(range(len(program.inputs)))
    return flat(dk.grad(program, argnums=argnums, method=method)(*program.inputs))


def rounding_bound(program: Program) -> float:
    """What rounding may do to the gradient; see the module's essay."""
    graph = gradient_graph(dk.trace(program, *program.inputs))
    state = run_all(graph, program.inputs)
    largest = max(float(np.max(np.abs(value), initial=1.0)) for value in state.values())
    sizes = sum(graph.columns.avals[node].size for node in graph.equation_nodes())
    return EPSILON * sizes * largest**2


def assert_close(got: Any, expected: Any, bound: float) -> None:
    error = float(np.max(np.abs(np.asarray(got) - np.asarray(expected)), initial=0.0))
    note(f"error {error:.3g}, bound {bound:.3g}")
    assert error <= bound


@given(programs(EVERYTHING))
def test_forward_equals_reverse(program: Program) -> None:
    bound = rounding_bound(program)
    assert_close(gradient(program, "forward"), gradient(program, "reverse"), bound)


@given(programs())
def test_complex_step_equals_reverse(program: Program) -> None:
    bound = rounding_bound(program)
    assert_close(gradient(program, "complex"), gradient(program, "reverse"), bound)


@given(programs())
def test_finite_differences_come_near(program: Program) -> None:
    exact = gradient(program, "reverse")
    scale = max(1.0, float(np.max(np.abs(exact))), abs(float(program(*program.inputs))))
    assert_close(gradient(program, "finite"), exact, DIFFERENCE_TOLERANCE * scale)


@given(programs(EVERYTHING))
def test_reverse_equals_the_truth(program: Program) -> None:
    """The truth: differences of the value graph with 50 digits, along one direction."""
    graph = dk.trace(program, *program.inputs)
    rng = np.random.default_rng(0)
    x_dot = [np.round(rng.uniform(-1, 1, np.shape(x)), 2) for x in program.inputs]

    def slope(shift: float) -> float:
        values = [np.asarray(x + shift * d) for x, d in zip(program.inputs, x_dot, strict=True)]
        return float(difference(graph, values, range(len(values)), x_dot)[0])

    before, truth, after = slope(-BESIDE), slope(0.0), slope(BESIDE)
    assume(np.ptp([before, truth, after]) <= JUMP * max(1.0, abs(after)))  # no kink, no jump
    directional = gradient(program, "reverse") @ flat(x_dot)
    assert_close([directional], [truth], rounding_bound(program))


@settings(max_examples=max(5, PROFILES["dev"] // 2))
@given(programs(tuple(SMOOTH), shapes=((),), inputs=2, steps=4))
def test_symbolic_equals_reverse_on_small_ones(program: Program) -> None:
    bound = rounding_bound(program)
    # SymPy may order the operations otherwise, at most as many of them over again
    assert_close(gradient(program, "symbolic"), gradient(program, "reverse"), 10 * bound)


@given(programs(EVERYTHING))
def test_passes_keep_the_graph_in_order(program: Program) -> None:
    graph = dk.trace(program, *program.inputs).check()
    reverse = gradient_graph(graph).check()
    forward = pushforward_graph(graph).check()
    pullback_graph(graph).check()
    pushforward_graph(reverse).check()
    assert run(reverse, program.inputs)[0] == run(forward, [*program.inputs] * 2)[0]


@given(programs([name for name in EVERYTHING if name not in MATRIX_PRODUCTS]))
def test_rewriting_keeps_every_bit(program: Program) -> None:
    graph = gradient_graph(dk.trace(program, *program.inputs))
    rewritten = graph.rewrite().check()
    before, after = run(graph, program.inputs), run(rewritten, program.inputs)
    for x, y in zip(before, after, strict=True):
        assert np.asarray(x).tobytes() == np.asarray(y).tobytes()
    assert rewritten.operations()["total"] <= graph.operations()["total"]


@given(programs(EVERYTHING))
def test_rewriting_keeps_the_value_of_matrix_products(program: Program) -> None:
    """A folded transpose has another memory layout, and BLAS then adds in another order."""
    graph = gradient_graph(dk.trace(program, *program.inputs))
    before, after = run(graph, program.inputs), run(graph.rewrite().check(), program.inputs)
    assert_close(flat(after), flat(before), rounding_bound(program))


@given(programs(steps=6))
def test_second_derivatives_agree_over_both_orders_of_the_modes(program: Program) -> None:
    """Forward over reverse and reverse over reverse give the same Hessian-vector product."""
    graph = dk.trace(program, *program.inputs)
    ones = [np.ones(np.shape(x)) for x in program.inputs]
    over_reverse = pushforward_graph(gradient_graph(graph))
    count = len(program.inputs)
    forward = flat(run(over_reverse, [*program.inputs, *ones])[-count:])
    pulled = pullback_graph(gradient_graph(graph))
    reverse = flat(run(pulled, [*program.inputs, 0.0, *ones])[-count:])
    scale = max(1.0, float(np.max(np.abs(forward))))
    assert_close(forward, reverse, rounding_bound(program) * scale)


@given(programs())
def test_capture_gives_what_numpy_gives(program: Program) -> None:
    graph = dk.trace(program, *program.inputs)
    expected = float(program(*program.inputs))
    assert_close([float(graph(*program.inputs))], [expected], rounding_bound(program))


def same_bits(x: Any, y: Any) -> bool:
    """Equal bits, signed zeros and infinities too; any NaN equals any NaN."""
    x, y = np.asarray(x), np.asarray(y)
    both_nan = np.isnan(x) & np.isnan(y)
    return x.dtype == y.dtype and bool(
        np.all(both_nan | ((x == y) & (np.signbit(x) == np.signbit(y))))
    )


@given(programs((*SMOOTH, *KINKED), steps=5, numbers=special_numbers()))
def test_nan_infinity_and_signed_zeros_come_out_as_in_numpy(program: Program) -> None:
    """Capture and rewriting change no bit of the value, and no NaN of the gradient."""
    with np.errstate(all="ignore"):
        expected = program(*program.inputs)
    graph = dk.trace(program, *program.inputs)
    assert same_bits(run(graph, program.inputs)[0], expected)
    assert same_bits(run(graph.rewrite(), program.inputs)[0], expected)
    gradient = gradient_graph(graph)
    before, after = run(gradient, program.inputs), run(gradient.rewrite(), program.inputs)
    assert all(same_bits(x, y) for x, y in zip(before, after, strict=True))
