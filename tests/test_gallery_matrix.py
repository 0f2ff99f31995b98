"""The picture of a net's backward pass as formulas: its numbers hold, and it draws."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pytest
from gallery_pages import known
from gallery_pages import page as page_named
from matplotlib.colors import to_hex

from diffkit.plots.pages import LoadedPage


@pytest.fixture(scope="module")
def page() -> LoadedPage:
    pytest.importorskip("sklearn")
    return page_named("matrix-formula")


def test_every_claim_holds() -> None:
    pytest.importorskip("sklearn")
    claims = {claim.claim: claim for claim in known("matrix-formula")}
    assert [claim.sentence for claim in claims.values() if not claim.held] == []
    assert claims["lines of the backward pass"].got == 6


def test_the_lines_are_the_textbook_ones(page: LoadedPage) -> None:
    found = page.module.formulas()
    assert [line.text for line in found.gradients.values()] == [
        "Xᵀδ₁/n", "δ₁ᵀ1/n", "hᵀδ₂/n", "δ₂ᵀ1/n",
    ]  # fmt: skip


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_draws(page: LoadedPage, dark: bool) -> None:
    figure = page.draw(dark=dark)
    figure.canvas.draw()
    assert figure.axes[0].get_title(loc="left") == page.page.title
    assert to_hex(figure.get_facecolor()) == ("#14181d" if dark else "#ffffff")
    words = [text.get_text() for text in figure.axes[0].texts]
    assert words.index("∂L/∂W₂") < words.index("∂L/∂W₁"), "the last layer comes first"
    plt.close(figure)
