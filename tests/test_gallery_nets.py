"""The pictures about nets and training: their numbers hold, and they draw in light and dark.

The expected numbers stand here a second time, so that a script cannot change its own claim.
"""

from __future__ import annotations

import pytest
from gallery_pages import got

pytest.importorskip("sklearn", reason="the digits come with scikit-learn")


def test_runs_of_the_helmholtz_energy() -> None:
    found = got("helmholtz")
    assert found["runs of f, central difference: 2n + 1, n = 50"] == 101
    assert found["sweeps of forward mode: n, n = 50"] == 50
    assert found["sweeps of reverse mode: 1, n = 50"] == 1


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
