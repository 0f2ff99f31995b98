"""A dozen pictures, pixel by pixel against those that were looked at and found good.

Baselines in ``tests/images`` are small (50 dots per inch); they are drawn anew by
``pytest tests/test_gallery_images.py -n0 --mpl-generate-path=tests/images``, and looked at again.
The fonts come with Matplotlib.  The tolerance is a root mean square of grey levels, of 255: edges
that are smoothed otherwise stay below it; one thin line that is missing makes 2.5 to 11.
"""

from __future__ import annotations

import pytest
from gallery_pages import page
from matplotlib.figure import Figure

TOLERANCE = 2.0
DPI = 50
CHOSEN = {  # name → whether on a dark page
    "secants": False, "stencils": True, "complex-step": False, "forward-trace": True,
    "adjoint-sweep": False, "broadcasting": True, "swell": False, "branch": True,
    "kink-sum": False, "losses": True, "softmax": False, "contraction": True,
}  # fmt: skip


@pytest.mark.mpl_image_compare(
    baseline_dir="images", tolerance=TOLERANCE, style="default", savefig_kwargs={"dpi": DPI}
)
@pytest.mark.parametrize("name", CHOSEN)
def test_picture(name: str) -> Figure:
    return page(name).draw(dark=CHOSEN[name])
