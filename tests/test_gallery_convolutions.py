"""The pictures about convolutions and images, and the new maps: numbers of their own, once more."""

from __future__ import annotations

import numpy as np
import pytest
from gallery_pages import got, page

from diffkit.nets.overlap import box_iou


def test_what_three_layers_see() -> None:
    names = "plain; dilations 1, 2, 4; strides 2, 2, 1; dilations 3, 3, 3"
    found = got("receptive-field")
    assert found[f"width seen by {names}"] == [7, 15, 15, 19]
    assert found[f"pixels seen by {names}"] == [49, 225, 225, 49]


def test_shifts_that_layers_follow_leave_no_rounding() -> None:
    pytest.importorskip("sklearn", reason="the digits come with scikit-learn")
    module = page("shifts").module
    for layers, stride in ((module.CONV, 1), (module.POOLED, 2), (module.TWICE, 4)):
        changes = [module.change(layers, shift) for shift in range(9)]
        assert [shift for shift, change in enumerate(changes) if change == 0.0] == [
            *range(0, 9, stride)
        ]


def test_first_filters_are_edges() -> None:
    pytest.importorskip("sklearn", reason="the digits come with scikit-learn")
    found = got("filters")
    assert found["share of slopes in the filters, mean"] > 1.7 * 2 / 9
    edge = np.array([[[-1.0, 0.0, 1.0]] * 3])
    assert page("filters").module.slopes(edge) == pytest.approx([1.0])


def test_a_filter_points_before_it_grows() -> None:
    pytest.importorskip("sklearn", reason="the digits come with scikit-learn")
    module = page("filters-learn").module
    assert module.likeness()[1] > 0.8 and module.sizes()[1] < 0.25
    assert module.likeness()[-1] == pytest.approx(1.0) and module.sizes()[-1] == 1.0


def test_saliency_names_the_pixels_that_matter() -> None:
    pytest.importorskip("sklearn", reason="the digits come with scikit-learn")
    module = page("saliency").module
    named, drawn, against = (module.course(kind)[3] for kind in ("named", "random", "against"))
    assert named < 0.5 < 0.85 < drawn < against


def test_a_push_of_noise_has_almost_nothing_of_the_gradient() -> None:
    pytest.importorskip("sklearn", reason="the digits come with scikit-learn")
    module = page("fooled").module
    assert np.linalg.norm(module.directions(), axis=1) == pytest.approx(1.0)
    assert module.right(1.0, (module.directions(),)) < 0.1 < 0.9 < module.right(1.0, module.noise())


def test_the_overlap_of_boxes_is_that_of_their_pixels() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        boxes = [np.concatenate([low, low + rng.integers(1, 9, 2)])
                 for low in rng.integers(0, 8, (2, 2))]  # fmt: skip
        first, second = (pixels(box) for box in boxes)
        wanted = np.sum(first & second) / np.sum(first | second)
        assert box_iou(*(box[None] for box in boxes)) == pytest.approx(wanted)


def pixels(box: np.ndarray) -> np.ndarray:
    """Which pixels of 20 × 20 a box of whole edges covers."""
    covered = np.zeros((20, 20), bool)
    left, top, right, bottom = box
    covered[top:bottom, left:right] = True
    return covered


def test_minima_are_flat_and_saddles_catch_newton() -> None:
    module = page("basins").module
    assert module.minima()[0] == pytest.approx([3.0, 2.0])
    assert np.abs(module.slopes(*module.minima().T)).max() < 1e-9
    small, large, by_newton = module.METHODS
    assert module.share(small, 4, 5) == 0.0 < module.share(by_newton, 4)
    assert module.METHODS[large][0] < 2 / module.steepest()


def test_the_map_of_depth_follows_the_critical_line() -> None:
    module = page("depth-map").module
    wanted, biases = module.line()
    assert np.all(np.diff(wanted) > 0)
    for bias in module.SAMPLES:
        assert module.crossing(bias) == pytest.approx(np.interp(bias, biases, wanted), abs=0.12)
