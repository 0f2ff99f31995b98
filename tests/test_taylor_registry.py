"""Every primitive has a Taylor series: against differences of its value in mpmath, and counted.

The truth uses no rule: central differences of the value graph along the direction, with Fornberg's
weights and steps so small, on numbers so long, that 20 digits of the third derivative are right.
"""

from __future__ import annotations

import warnings
from math import factorial
from typing import Any

import numpy as np
import pytest
from machine_cases import cases

from diffkit.capture.capturing import capture
from diffkit.comparison.rules import load_all_primitives
from diffkit.comparison.rules_sampling import draw_like
from diffkit.comparison.rules_trial import exactly, rounded
from diffkit.differentiate.forward import pushforward_graph
from diffkit.differentiate.stencils import fornberg
from diffkit.differentiate.taylor import taylor_graph
from diffkit.engines.interpret import run
from diffkit.errors import RuleError
from diffkit.graph.arena import Arena
from diffkit.graph.avals import aval
from diffkit.graph.ir import Graph
from diffkit.graph.primitive import REGISTRY, Primitive
from diffkit.lazy import mp

load_all_primitives()

ORDER = 3
OFFSETS = (-4, -3, -2, -1, 0, 1, 2, 3, 4)
DIGITS, STEP_EXPONENT = 90, -12
TOLERANCE = 1e-11
# Its samples have ties, where the derivative is the declared one: differences cannot tell.
AT_KINKS = ("tied_mean",)
# Their slopes select between two forms, each with functions of selected arguments: right, but
# the arguments are new ones at every level.
NOT_CLOSED = ("ive", "kve", "struve")


def moving(graph: Graph, leaves: list[Any]) -> tuple[int, ...]:
    """The positions of the inputs that carry a derivative."""
    avals = [graph.columns.avals[node] for node in graph.input_nodes]
    return tuple(i for i, of in enumerate(avals) if of.is_float)


def true_coefficients(graph: Graph, leaves: list[Any], wrt: Any, v: list[Any]) -> list[Any]:
    """c₀ … c₃ of every output along v, from values alone."""
    with mp.workdps(DIGITS):
        h = mp.mpf(10) ** STEP_EXPONENT
        along = []
        for offset in OFFSETS:
            moved = [exactly(leaf) for leaf in leaves]
            for place, d in zip(wrt, v, strict=True):
                moved[place] = moved[place] + offset * h * exactly(d)
            along.append([np.asarray(y, dtype=object) for y in run(graph, moved, domain="mpmath")])
        found = []
        for k in range(ORDER + 1):
            weights = [mp.mpf(w.numerator) / w.denominator for w in fornberg(OFFSETS, k)]
            sums = [sum(w * ys[i] for w, ys in zip(weights, along, strict=True) if w)
                    for i in range(len(along[0]))]  # fmt: skip
            found.append([rounded(np.asarray(s) / h**k / factorial(k)) for s in sums])
        return found


@pytest.mark.parametrize("name", sorted(set(REGISTRY) - set(AT_KINKS)))
def test_the_series_of_the_primitive(name):
    for graph, leaves in cases(REGISTRY[name], "f8"):
        wrt = moving(graph, leaves)
        floats = [graph.columns.avals[node].is_float for node in graph.output_nodes]
        if not wrt or not all(floats):
            continue
        v = draw_like([leaves[i] for i in wrt], np.random.default_rng(1))
        series = taylor_graph(graph, ORDER, wrt).check()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = run(series, [*leaves, *v])
            truth = true_coefficients(graph, leaves, wrt, v)
        for i in range(len(floats)):
            for k in range(ORDER + 1):
                exact, got = np.asarray(truth[k][i]), np.asarray(found[i * (ORDER + 1) + k])
                assert got.shape == graph.columns.avals[graph.output_nodes[i]].shape
                scale = np.max(np.abs(exact), initial=1.0)
                np.testing.assert_allclose(got, exact, rtol=TOLERANCE, atol=TOLERANCE * scale)


def test_ties_share_as_they_do_in_forward_mode():
    for graph, leaves in cases(REGISTRY["tied_mean"], "f8"):
        wrt = moving(graph, leaves)
        v = draw_like([leaves[i] for i in wrt], np.random.default_rng(1))
        _, first, second, _ = run(taylor_graph(graph, ORDER, wrt), [*leaves, *v])
        _, y_dot = run(pushforward_graph(graph, wrt), [*leaves, *v])
        np.testing.assert_array_equal(first, y_dot)
        np.testing.assert_array_equal(second, np.zeros_like(y_dot))


def counted(primitive: Primitive, order: int) -> int:
    """The operations of the series of a primitive's first sample."""
    for graph, leaves in cases(primitive, "f8"):
        if wrt := moving(graph, leaves):
            return taylor_graph(graph, order, wrt).operations()["total"]
    return 0


@pytest.mark.parametrize("name", sorted(set(REGISTRY) - set(NOT_CLOSED)))
def test_operations_grow_like_a_polynomial(name):
    """Twice the order costs at most 2³ times the operations: n² or n³, never 2ⁿ."""
    four, eight = (counted(REGISTRY[name], order) for order in (4, 8))
    assert eight <= 8 * four + 8


@pytest.mark.parametrize("name", ["jv", "yv", "iv", "kv"])
def test_bessel_functions_share_their_orders(name):
    """n levels down there are the orders v − n … v + n, not 2ⁿ of them."""
    order, bessel = 8, REGISTRY[name]
    for v in (0.0, 2.5):
        graph = capture(lambda x, v=v: bessel(v, x), [1.5])
        assert taylor_graph(graph, order, (0,)).operations()[name] <= 2 * order + 1
    moved = capture(lambda v, x: bessel(v - 1.0, x), [2.5, 1.5])
    # v − 1 as the user wrote it stands beside v + (−1)
    assert taylor_graph(moved, order, (1,)).operations()[name] <= 2 * order + 2


def test_an_operation_without_a_kind_is_refused_by_name():
    class Bare(Primitive):
        """An operation of no kind."""

        def value(self, x: Any) -> Any:
            return x

        def infer(self, avals: Any, params: Any) -> Any:
            return avals[0]

    Bare.name = "bare"
    bare = Bare()
    arena = Arena()
    x = arena.new_input(aval((), float))
    y = arena.emit(bare.bare, (x,), None)
    graph = arena.freeze([x], [y], names=["x"])
    with pytest.raises(RuleError, match="bare has no Taylor series"):
        taylor_graph(graph, 2, (0,))
