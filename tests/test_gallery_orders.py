"""The pictures about higher orders and about estimators: their numbers hold, and they draw.

The expected numbers stand here a second time, so that a script cannot change its own claim.
"""

from __future__ import annotations

import pytest
from gallery_pages import got


def test_nested_forward_mode_doubles_and_taylor_mode_does_not() -> None:
    found = got("orders")
    assert found["forward mode: operations at order 10 over order 9"] == pytest.approx(2, abs=0.02)
    assert found["Taylor mode: operations at order 12 over order 6"] < 3
    assert found["forward over Taylor mode at order 10"] > 50


def test_the_estimators_have_the_length_of_the_papers() -> None:
    found = got("estimators")
    length = found["Gaussian: ‖ĝ‖² over ‖∇f‖² for n = 50 (theory n + 2)"]
    assert length == pytest.approx(52.0, abs=2.5)
    assert found["±1: the same (theory n)"] == pytest.approx(50.0, abs=2.5)
