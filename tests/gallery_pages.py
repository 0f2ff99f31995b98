"""Pages of the gallery as tests see them: found by name, loaded once, held to their claims."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_hex

from diffkit.plots.pages import LoadedPage, load_page, written_page

GALLERY = Path(__file__).resolve().parents[1] / "gallery"
BACKGROUND = {False: "#ffffff", True: "#14181d"}


@cache
def scripts() -> dict[str, Path]:
    """The scripts of the gallery by the names of their pages, none of them run."""
    return {written_page(path).get("name", ""): path for path in sorted(GALLERY.glob("plot_*.py"))}


@cache
def page(name: str) -> LoadedPage:
    """The page of this name; a script keeps what it computed, so it computes once."""
    if "digits" in scripts()[name].read_text(encoding="utf-8"):
        pytest.importorskip("sklearn", reason="the digits come with scikit-learn")
    return load_page(scripts()[name])


@cache
def got(name: str) -> dict[str, Any]:
    """What a page computed, by the words of its claims."""
    return {claim.claim: claim.got for claim in page(name).numbers()}


def assert_claims_hold(name: str) -> None:
    """A page has at least three numbers, they are its own, and they hold."""
    claims = page(name).numbers()
    assert len(claims) >= 3
    assert {claim.name for claim in claims} == {name}
    assert [claim.sentence for claim in claims if not claim.held] == []


def assert_draws(name: str, dark: bool) -> None:
    """A page draws, under its title, on the right background."""
    figure = page(name).draw(dark=dark)
    figure.canvas.draw()
    titles = figure.axes[0].get_title(loc="left"), figure.get_suptitle()
    assert page(name).page.title in titles
    assert to_hex(figure.get_facecolor()) == BACKGROUND[dark]
    plt.close(figure)
