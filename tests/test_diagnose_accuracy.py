"""The predicted digits agree with measured ones, within a factor of ten.

The error analysis predicts the error of the value and of the largest entry of the gradient in
rounding units; measured is the largest error over points nearby against numbers of 120 digits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from diagnose_battery import PLANTED
from diagnose_clean import CLEAN

import diffkit as dk
from diffkit.comparison.arguments import arguments_of
from diffkit.comparison.cases import CASES
from diffkit.comparison.conditioning import MOST_ENTRIES, Conditioning, digits_of
from diffkit.comparison.diagnose_point import Point
from diffkit.comparison.rounding_model import half_ulps, unit_roundoff
from diffkit.lazy import mp

POINTS, SPREAD = 24, 1e-3  # nearby points, and how far they are, relatively
SMALL_SPREADS = {"one_pass_variance": 1e-7}  # a larger one would change the variance itself
FACTOR = 10.0
ALL_DIGITS = 2.0**53
WITHOUT = {
    # exact, infinite, at a kink, or without any digit nearby
    "tiny_product", "sigmoid_by_hand", "length_at_the_origin", "hinge", "root_at_zero",
    "nearly_a_pole", "nearly_at_a_kink", "branch", "angle_near_its_end", "rump", "dead_net",
    "arcsinh_of_nothing", "needle_triangle",
}  # fmt: skip
KINDS = ("cancellation", "saturation", "exploding", "vanishing", "ill-conditioned")
MEASURED = [
    *((p.name, p.function, p.args) for p in PLANTED if p.kind in KINDS and p.name not in WITHOUT),
    *((f"clean {k}", *CLEAN[k]) for k in range(len(CLEAN))),
    *((n, CASES[n].function, CASES[n].arguments())
      for n in ("baydin", "logistic-map", "rosenbrock", "helmholtz")),
]  # fmt: skip


def point_of(function: Any, args: Any) -> Point:
    found = arguments_of(function, args, {}, None)
    graph = found.bound.graph_for(found.leaves)
    return Point(graph, found.leaves, found.wrt, found.names)


def nearby(point: Point, spread: float) -> list[list[Any]]:
    """The point and others around it, all entries moved by themselves."""
    rng = np.random.default_rng(5)
    places = [point.leaves]
    for _ in range(POINTS):
        moved = list(point.leaves)
        for k in point.wrt:
            x = np.asarray(point.leaves[k])
            moved[k] = (x * (1 + spread * rng.uniform(-1, 1, size=x.shape))).astype(x.dtype)[()]
        places.append(moved)
    return places


def measured(point: Point, spread: float) -> tuple[float, float]:
    """The largest errors of value and gradient nearby, in rounding units."""
    worst = [0.0, 0.0]
    for leaves in nearby(point, spread):
        truth = point.truth_at(leaves)
        assert truth is not None
        value, entries = point.results_of(point.value_graph, leaves)
        with mp.workdps(60):
            sizes = [abs(t) for t in truth.entries]
            largest = max(sizes)
            together = len(sizes) > MOST_ENTRIES
            errors = [
                abs(mp.mpf(float(g)) - t) / (largest if together else max(s, largest / 10**12))
                for g, t, s in zip(entries, truth.entries, sizes, strict=True)
                if largest
            ]
            if truth.value:
                worst[0] = max(worst[0], float(abs(mp.mpf(value) - truth.value) / abs(truth.value)))
            worst[1] = max(worst[1], *(float(e) for e in errors))
    return worst[0] * ALL_DIGITS, worst[1] * ALL_DIGITS


@pytest.mark.parametrize("name, function, args", MEASURED, ids=[row[0] for row in MEASURED])
def test_predicted_losses_are_measured_ones(name: str, function: Any, args: Any) -> None:
    found = dk.diagnose(function, *args)
    errors = measured(point_of(function, args), SMALL_SPREADS.get(name, SPREAD))
    for what, seen in zip(("value", "gradient"), errors, strict=True):
        # an error below a rounding unit is none, and one of all digits is not told further
        predicted = min(max(found.units[what], 1.0), ALL_DIGITS)
        seen = min(max(seen, 1.0), ALL_DIGITS)
        assert 1 / FACTOR <= predicted / seen <= FACTOR, (what, predicted, seen)


def test_enough_losses_are_measured() -> None:
    assert sum(p.kind == "cancellation" for p in PLANTED) >= 20
    assert len(MEASURED) >= 40


def test_the_worst_case_bounds_the_expected_one() -> None:
    graph = dk.trace(lambda x: np.sum(x**3) - np.sum(x), np.linspace(0.1, 1.0, 7))
    for loss in Conditioning(graph, [np.linspace(0.1, 1.0, 7)], [0]).losses():
        assert loss.worst >= loss.formula > 0.0


def test_moves_are_exact_and_sums_are_not() -> None:
    x = np.array([1.0, -1.0 + 1e-9, 3.0])
    graph = dk.trace(lambda x: np.sum(np.flip(x)[:2] * 2.0), x)
    state = Conditioning(graph, [x], [0]).state
    errors = {
        graph.columns.operations[n].name: np.max(half_ulps(graph.columns, n, state))
        for n in graph.equation_nodes()
    }
    assert errors.pop("sum") > 0.0
    assert set(errors.values()) == {0.0}


def test_close_numbers_are_subtracted_exactly() -> None:
    graph = dk.trace(lambda x, y: x - y, 1.5, 1.2)
    (node,) = graph.equation_nodes()
    near = {0: np.float64(1.5), 1: np.float64(1.2), node: np.float64(1.5) - np.float64(1.2)}
    far = {0: np.float64(1.5), 1: np.float64(1e-9), node: np.float64(1.5) - np.float64(1e-9)}
    assert half_ulps(graph.columns, node, near) == 0.0
    assert half_ulps(graph.columns, node, far) == pytest.approx(1.5 * unit_roundoff(np.float64))


def test_digits_of_a_factor() -> None:
    assert digits_of(1e3) == pytest.approx(3.0)
    assert digits_of(0.5) == 0.0 == digits_of(float("nan"))
    assert digits_of(1e30) == 16.0 and digits_of(1e30, 4) == 7.2
