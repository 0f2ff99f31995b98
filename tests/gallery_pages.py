"""Pages of the gallery as tests see them: found by name, loaded once, held to their claims.

The test of a page computes its numbers; a test that reads them takes what it, or another process,
has computed from the same files.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_hex

from diffkit.engines.cache import cache_folder
from diffkit.plots import render_cache
from diffkit.plots.pages import Claim, LoadedPage, load_page, written_page
from diffkit.plots.rendered import Rendered

GALLERY = Path(__file__).resolve().parents[1] / "gallery"
BACKGROUND = {False: "#ffffff", True: "#14181d"}
WORTH_KEEPING = 0.3  # seconds: what is quicker is computed again


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


def store() -> Path:
    """Where the processes of a session keep numbers for each other."""
    return cache_folder() / "gallery-tests"


def computed(name: str) -> list[Claim]:
    """The numbers of a page, computed here and kept for the other processes."""
    loaded, began = page(name), time.process_time()
    with render_cache.watching() as used:
        claims = loaded.numbers()
    if (seconds := time.process_time() - began) > WORTH_KEEPING:
        new = Rendered(loaded.page, loaded.lesson, tuple(claims), {}, seconds)
        render_cache.keep(store(), loaded.path, new, used)
    return claims


@cache
def known(name: str) -> Sequence[Claim]:
    """The numbers of a page: those that are kept, if its files are the same, else computed."""
    kept = render_cache.load(store(), scripts()[name])
    return kept.claims if kept else computed(name)


@cache
def got(name: str) -> dict[str, Any]:
    """What a page computed, by the words of its claims; several numbers are a list."""
    return {
        claim.claim: list(claim.got) if isinstance(claim.got, Sequence) else claim.got
        for claim in known(name)
    }


def assert_claims_hold(name: str) -> None:
    """A page has at least three numbers, they are its own, and they hold."""
    claims = computed(name)
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
