"""Every page of the gallery: its numbers hold, it draws light and dark, and what moves has frames.

There is one test for a page, so that one process computes it once.  What single pages must show,
with the numbers of their sources a second time, stands in the other modules named test_gallery.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import pytest
from gallery_pages import assert_claims_hold, assert_draws, page, scripts


@pytest.mark.parametrize("name", scripts())
def test_the_page_holds_and_draws(name: str) -> None:
    assert_claims_hold(name)
    for dark in (False, True):
        assert_draws(name, dark)
    if (frames := page(name).frames) is not None:
        assert next(iter(frames())).axes
        plt.close("all")
