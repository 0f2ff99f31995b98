"""The gradient costs at most five functions, for every built-in case, activation, loss and net."""

from __future__ import annotations

import pytest
from performance_counts import PROBLEMS, count
from performance_goals import CHEAP_GRADIENT

from diffkit.comparison.cases import CASES


@pytest.mark.parametrize("name", PROBLEMS)
def test_cheap_gradient(name: str) -> None:
    """Declared operations of (f, ∇f) ≤ 5 × those of f (Griewank & Walther 2008, section 4.6)."""
    graph, gradient, _ = PROBLEMS[name]()
    assert 1.0 <= count(graph, gradient)["declared over"] <= CHEAP_GRADIENT


def test_no_case_is_left_out() -> None:
    assert set(CASES) <= set(PROBLEMS)
