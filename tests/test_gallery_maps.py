"""The pages about many trainings: their numbers hold, and their pictures show their data."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from gallery_pages import page


def test_each_map_is_a_part_of_the_one_before() -> None:
    module = page("trainability").module
    figure = page("trainability").draw()
    for axes, found in zip(figure.axes, module.maps(), strict=True):
        (image,) = axes.images
        shown = image.get_array()
        assert shown is not None
        assert shown.shape == found.value.shape
    plt.close(figure)
    for outer, inner in zip(module.maps(), module.maps()[1:], strict=False):
        for name in ("first", "second"):
            wide, narrow = getattr(outer, name), getattr(inner, name)
            assert wide[0] < narrow[0] < narrow[-1] < wide[-1]


def test_a_smaller_rate_may_fail_where_a_larger_one_works() -> None:
    for found in page("trainability").module.maps():
        below, above = found.converged[:-1], found.converged[1:]
        assert (above & ~below).any()


def test_full_batches_stay_and_single_examples_leave() -> None:
    module = page("sgd-escape").module
    assert (module.paths(module.EXAMPLES) < module.turns()[1]).all()
    left = [module.escaped(size)[-1] for size in module.SIZES]
    assert left == sorted(left, reverse=True)
    assert left[0] > 0.5
    assert left[-1] == 0.0


def test_the_runs_are_the_update_written_out() -> None:
    module = page("sgd-escape").module
    w = module.turns()[0]
    for rows in module.batches(2)[:, 5]:
        w = w - module.RATE * (w**3 - w - module.TILT + module.tilts()[rows].mean())
    assert module.paths(2)[-1, 5] == pytest.approx(w, abs=1e-9)


def test_bias_variance_and_noise_make_the_error() -> None:
    module = page("bias-variance").module
    for degree in module.DEGREES:
        assert module.predicted(degree) == pytest.approx(module.measured(degree)[1], rel=0.02)


def test_bias_and_variance_are_those_of_many_fits() -> None:
    module = page("bias-variance").module
    weights, *_ = module.fits(6)
    predicted = module.basis(module.NEW, 6) @ weights
    bias = np.mean((predicted.mean(axis=1) - module.curve(module.NEW)) ** 2)
    assert predicted.var(axis=1).mean() == pytest.approx(module.parts(6)[1], rel=0.05)
    assert bias == pytest.approx(module.parts(6)[0], abs=1e-4)


def test_more_points_lower_the_variance_alone() -> None:
    module = page("bias-variance").module
    errors = [module.predicted(module.FIXED, count) for count in module.NUMBERS]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] > module.NOISE**2
    assert module.parts(1, 400)[0] == pytest.approx(module.parts(1, 50)[0], rel=0.1)
