"""The pictures about nets and training: their numbers hold, and they draw in light and dark.

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

pytest.importorskip("sklearn", reason="the digits come with scikit-learn")

GALLERY = Path(__file__).resolve().parents[1] / "gallery"
SCRIPTS = {
    "cost": "plot_11_cost",
    "net-methods": "plot_12_net_methods",
    "curves": "plot_13_curves",
    "signal": "plot_14_signal",
    "depth": "plot_15_depth",
    "paths": "plot_16_paths",
    "filters": "plot_17_filters",
    "boundary": "plot_18_boundary",
}


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
@pytest.mark.parametrize("dark", (False, True))
def test_the_page_draws(name: str, dark: bool) -> None:
    figure = page(name).draw(dark=dark)
    figure.canvas.draw()
    assert figure.axes[0].get_title(loc="left") == page(name).page.title
    assert page(name).page.name == name
    assert to_hex(figure.get_facecolor()) == ("#14181d" if dark else "#ffffff")
    plt.close(figure)


def test_runs_of_the_helmholtz_energy() -> None:
    found = got("cost")
    assert found["runs of f, forward difference: n + 1, n = 50"] == 51
    assert found["runs of f, central difference: 2n + 1, n = 50"] == 101
    assert found["sweeps of forward mode: n, n = 50"] == 50
    assert found["sweeps of reverse mode: 1, n = 50"] == 1
    assert found["operations of reverse mode over those of f, largest over n"] < 2.2


def test_signal_through_thirty_layers() -> None:
    found = got("depth")
    assert 0.231 <= found["sigmoid: factor per layer"] <= 0.25
    assert 0.5 < found["rectifier, He: first over last layer"] < 2
    assert 2e-5 < 1e-5 * found["rectifier, 1/n: first over last layer, ×10⁵ (theory 4.3)"] < 9e-5


def test_single_examples_point_the_same_way_on_average() -> None:
    found = got("paths")
    assert found["mean of the single gradients minus the full one, relative"] < 1e-14
    assert abs(found["slope of the gradient's variance over the batch size"] + 1) < 0.03


def test_nets_learn_the_digits() -> None:
    found = got("curves")
    assert found["softmax: mistakes on the test"] <= 0.05
    assert found["MLP: mistakes on the test"] <= 0.03
    assert found["CNN: mistakes on the test"] <= 0.02


def test_gradients_of_nets_agree_between_methods() -> None:
    errors = [value for claim, value in got("net-methods").items() if "relative error" in claim]
    assert len(errors) == 2 and max(errors) < 1e-14
