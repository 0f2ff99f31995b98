"""The pictures of single concepts: their numbers hold, and they draw in light and dark.

The expected numbers stand here a second time, so that a script cannot change its own claim.
"""

from __future__ import annotations

import math
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from gallery_pages import got, page

from diffkit.plots.concepts import simplex_grid, to_plane
from diffkit.plots.style import save

MOST_BYTES = 600_000  # of a picture in a page that a phone loads

# The numbers of the sources, once more -----------------------------------------------------------


def test_broadcasting_adds_exactly() -> None:
    found = got("broadcasting")
    assert found["adjoint of the row: sums down the columns"] == [6.0, 6.0, 8.0]
    assert found["adjoint of the column: sums along the rows"] == [3.0, 4.0, 5.0, 8.0]
    assert found["difference from the sum, 100 pairs of shapes"] == 0.0


def test_the_steepest_direction_is_that_of_the_gradient() -> None:
    gradient = page("gradient").module.gradient()
    angle = math.degrees(math.atan2(gradient[1], gradient[0]))
    assert got("gradient")["best of 3,600 directions, in degrees"] == pytest.approx(angle, abs=0.05)
    rise = got("gradient")["steepest rise: ‖g‖"]
    assert rise == pytest.approx(math.hypot(*gradient), rel=1e-6)


def test_slopes_of_the_difference_quotients() -> None:
    found = got("secants")
    for name, order in {"forward": 1, "central": 2, "five-point": 4}.items():
        measured = found[f"slope of log error against log h, {name}"]
        assert measured == pytest.approx(order, abs=0.02)


def test_first_losses_are_logarithms_of_the_number_of_classes() -> None:
    found = got("losses")
    assert round(found["cross-entropy of 3 equal scores"], 4) == 1.0986
    assert round(found["cross-entropy of 10 equal scores"], 4) == 2.3026


def test_softmax_stretches_by_a_half_at_most() -> None:
    found = got("softmax")
    assert found["largest ‖J‖₂ of 400 and one Jacobians"] == pytest.approx(0.5, abs=1e-15)
    assert found["differences of scores are stretched at most by"] <= 0.5
    corner = page("softmax").module.norms(np.eye(3))
    assert np.all(corner == 0.0)


def test_a_painted_mesh_is_an_image_in_an_svg(tmp_path: Path) -> None:
    figure = page("softmax").draw()
    path = save(figure, tmp_path / "softmax.svg")
    plt.close(figure)
    assert b"<image" in path.read_bytes()
    assert path.stat().st_size < MOST_BYTES


def test_a_gap_of_800_breaks_the_naive_form_only() -> None:
    module = page("cross-entropy").module
    assert module.of_gap(module.naive, 800) == -math.inf
    assert module.of_gap(module.stable, 800) == -800.0
    assert got("cross-entropy")["largest whole gap at which the naive form is finite"] == 709


def test_the_convolution_of_the_picture() -> None:
    module = page("convolution").module
    assert module.output()[module.WINDOW] == 4.0
    assert module.adjoints()[1].tolist() == [[-1, 3, 6], [0, 4, 8], [0, 4, 8]]
    assert set(got("convolution").values()) == {0.0}


def test_three_conventions_give_three_slopes() -> None:
    slopes = [value for claim, value in got("kink-sum").items() if "identity at 0" in claim]
    assert slopes == [[0.0, 1.0, 2.0]] * 4


def test_a_branch_hides_the_slope_from_all_that_follow_it() -> None:
    found = got("branch")
    assert found["slope at 3 by symbolic, forward, reverse, complex step"] == [0.0] * 4
    assert found["SymPy's derivative of the Piecewise at 3"] == 0.0
    assert found["slope at 3 by central differences"] == pytest.approx(6.0, abs=1e-8)


def test_reverse_mode_is_cheap_with_ten_inputs() -> None:
    found = got("price-and-digits")
    assert found["reverse mode over the function, dearest of six"] <= 5.0
    assert found["reverse over forward mode with ten inputs, dearest of three"] <= 0.1


# The triangle ------------------------------------------------------------------------------------


def test_the_triangles_fill_the_simplex() -> None:
    points, triangles = simplex_grid(7)
    corners = to_plane(points)[triangles]
    (ax, ay), (bx, by) = (corners[:, 1] - corners[:, 0]).T, (corners[:, 2] - corners[:, 0]).T
    areas = (ax * by - ay * bx) / 2
    assert len(triangles) == 7**2
    assert np.all(areas > 0)
    assert areas.sum() == pytest.approx(math.sqrt(3) / 4)
    assert np.allclose(points.sum(axis=1), 1.0)
