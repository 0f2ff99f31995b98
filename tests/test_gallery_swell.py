"""The pictures about swell, equivalence and cost: their numbers hold, and they draw.

The expected numbers stand here a second time, so that a script cannot change its own claim.
"""

from __future__ import annotations

import pytest
from gallery_pages import got


def test_differentiating_first_costs_eight_functions_and_the_graph_costs_two() -> None:
    found = got("equivalence")
    assert found["its derivative by 57 weights, as a tree"] == 60_463
    assert found["value and derivative, differentiated, then eliminated"] == 810
    assert round(found["the same over the function"], 1) == 7.9
    assert found["functions whose two sweeps are the same equations"] == 29


def test_reverse_mode_is_flat_in_the_number_of_substances() -> None:
    found = got("helmholtz")
    assert found["reverse mode over the function, n = 1"] == pytest.approx(45 / 16)
    assert found["reverse mode over the function, n = 50"] == pytest.approx(10_924 / 5_357)
    assert found["finite differences over the function, divided by n = 50"] < 1.05


def test_no_gradient_of_the_built_in_cases_costs_five_functions() -> None:
    pytest.importorskip("sklearn")
    found = got("cheap-gradient")
    assert found["operations of (f, ∇f) over those of f, the largest"] <= 5
    assert found["the dearest: Speelpenning's product of 10"] == pytest.approx(11 / 3)
