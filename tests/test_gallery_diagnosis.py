"""The picture about diagnosis: its numbers hold, and it draws."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_hex

from diffkit.plots.pages import LoadedPage, load_page

SCRIPT = Path(__file__).resolve().parents[1] / "gallery" / "plot_24_diagnosis.py"


@pytest.fixture(scope="module")
def page() -> LoadedPage:
    return load_page(SCRIPT)


def test_every_claim_holds(page: LoadedPage) -> None:
    claims = {claim.claim: claim for claim in page.numbers()}
    assert [claim.sentence for claim in claims.values() if not claim.held] == []
    assert claims["digits that 1 − cos x costs at 0.01"].expected == pytest.approx(4.30103)
    assert claims["digits that the logarithm costs at 0.01"].expected == pytest.approx(5.07918)
    assert claims["predicted error: power of x"].expected == -4.0


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_draws(page: LoadedPage, dark: bool) -> None:
    figure = page.draw(dark=dark)
    figure.canvas.draw()
    assert figure.axes[0].get_title(loc="left") == page.page.title
    assert to_hex(figure.get_facecolor()) == ("#14181d" if dark else "#ffffff")
    plt.close(figure)
