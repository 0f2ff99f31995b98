"""The pictures about higher orders and about estimators: their numbers hold, and they draw.

The expected numbers stand here a second time, so that a script cannot change its own claim.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_hex

from diffkit.plots.pages import LoadedPage, load_page

GALLERY = Path(__file__).resolve().parents[1] / "gallery"
SCRIPTS = {"orders": "plot_21_orders", "estimators": "plot_22_estimators"}


@cache
def page(name: str) -> LoadedPage:
    """The page of this name; a script keeps what it computed, so it computes once."""
    return load_page(GALLERY / f"{SCRIPTS[name]}.py")


@cache
def got(name: str) -> dict[str, Any]:
    """What a page computed, by the words of its claims."""
    return {claim.claim: claim.got for claim in page(name).numbers()}


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_claim_of_the_page_holds(name: str) -> None:
    claims = page(name).numbers()
    assert len(claims) >= 3
    assert [claim.sentence for claim in claims if not claim.held] == []


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_draws(name: str, dark: bool) -> None:
    figure = page(name).draw(dark=dark)
    figure.canvas.draw()
    assert figure.axes[0].get_title(loc="left") == page(name).page.title
    assert page(name).page.name == name
    assert to_hex(figure.get_facecolor()) == ("#14181d" if dark else "#ffffff")
    plt.close(figure)


def test_nested_forward_mode_doubles_and_taylor_mode_does_not() -> None:
    found = got("orders")
    assert found["forward mode: operations at order 12 over order 11"] == pytest.approx(2, abs=0.02)
    assert found["Taylor mode: operations at order 12 over order 6"] < 3
    assert found["forward over Taylor mode at order 12"] > 150


def test_the_estimators_have_the_length_of_the_papers() -> None:
    found = got("estimators")
    length = found["Gaussian: ‖ĝ‖² over ‖∇f‖² for n = 50 (theory n + 2)"]
    assert length == pytest.approx(52.0, abs=2.5)
    assert found["±1: the same (theory n)"] == pytest.approx(50.0, abs=2.5)
