"""The n-th derivative four ways: the table, its truth, and what each way costs."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.comparison.orders import METHODS, OrderComparison
from diffkit.differentiate.budget import Budget
from diffkit.errors import InputError, ShapeError

EXACT = ("symbolic", "forward", "taylor")


def f(x: Any) -> Any:
    """A function whose formulas swell."""
    return np.sin(np.exp(np.sin(x)) * x)


@pytest.fixture(scope="module")
def report() -> OrderComparison:
    """All methods up to order six."""
    return dk.compare_orders(f, 0.7, orders=range(1, 7))


def test_every_method_at_every_order(report):
    assert tuple(report) == METHODS
    assert all(tuple(report[name]) == tuple(range(1, 7)) for name in METHODS)
    assert all(report[name][n].refused is None for name in METHODS for n in report.orders)


def test_exact_methods_stay_within_ulps_and_differences_do_not(report):
    for name in EXACT:
        assert max(entry.max_ulp for entry in report[name].values()) < 50
    errors = [report["finite"][n].rel_error for n in report.orders]
    assert errors[0] < 1e-8
    assert errors[5] > 1e-6


def test_the_truth_needs_no_rule_of_ours():
    found = dk.compare_orders(np.exp, 1.0, orders=(1, 5, 9), methods=("taylor",))
    assert all(abs(float(truth) - np.e) < 1e-15 for truth in found.truths.values())


def test_costs_are_counted(report):
    forward = [report["forward"][n].operations for n in report.orders]
    taylor = [report["taylor"][n].operations for n in report.orders]
    steps = [after - before for before, after in pairwise(forward)]
    assert steps[-1] > steps[-2] > steps[-3] > steps[-4]
    assert forward[-1] / forward[2] > taylor[-1] / taylor[2]
    assert [report["finite"][n].evaluations for n in report.orders] == [2, 3, 4, 5, 6, 7]
    assert all(report[name][n].time > 0 for name in METHODS for n in report.orders)


def test_the_table_and_the_dict(report):
    text = str(report)
    assert max(map(len, text.splitlines())) <= 80
    for words in ("error in ulp", "operations", "time", "n = 6", "taylor"):
        assert words in text
    found = json.loads(report.to_json())
    assert found["schema"] == 1
    assert found["orders"] == [1, 2, 3, 4, 5, 6]
    assert found["methods"]["taylor"]["6"]["operations"] == report["taylor"][6].operations
    assert found["truth"]["1"] == pytest.approx(float(dk.derivative(f)(0.7)))


def test_a_method_that_gives_up_says_so_and_the_others_go_on(monkeypatch):
    monkeypatch.setattr("diffkit.comparison.orders.Budget", lambda seconds: Budget(50, seconds))
    found = dk.compare_orders(f, 0.7, orders=(1, 4, 5))
    assert found["symbolic"][1].refused is None
    assert "gave up" in str(found["symbolic"][4].refused)
    assert found["symbolic"][5].refused == found["symbolic"][4].refused
    assert found["taylor"][5].refused is None
    assert "symbolic from n = 4" in str(found)
    assert "refused" in found.to_dict()["methods"]["symbolic"]["4"]


def test_a_kink_has_no_truth():
    found = dk.compare_orders(np.abs, 0.0, orders=(1, 2), methods=("taylor",))
    assert np.isnan(found["taylor"][2].max_ulp)
    assert "no truth for order 2" in str(found)
    assert found.to_dict()["methods"]["taylor"]["2"]["max_ulp"] is None


def test_an_edge_whose_two_sides_differ_has_no_truth():
    """Central differences converge there, too: to −1/24, between −1/3 and 0."""
    edge = dk.parse("where(x > 0, sin(x)/x, 1)")
    found = dk.compare_orders(edge, 0.0, orders=(1, 2), methods=("symbolic",))
    assert float(found.truths[1]) == 0.0
    assert np.isnan(float(found.truths[2]))


def test_graphs_from_text():
    found = dk.compare_orders(dk.parse("x**3"), 2.0, orders=(1, 2, 3), methods=("taylor",))
    assert [found["taylor"][n].value for n in (1, 2, 3)] == [12, 12, 6]


def test_bad_input():
    vector: Any = np.ones(3)
    with pytest.raises(InputError, match="not orders"):
        dk.compare_orders(f, 0.7, orders=(0, 1))
    with pytest.raises(InputError, match="not orders"):
        dk.compare_orders(f, 0.7, orders=())
    with pytest.raises(InputError, match="unknown method"):
        dk.compare_orders(f, 0.7, methods=("complex",))
    with pytest.raises(ShapeError, match="one number"):
        dk.compare_orders(np.sum, vector)
