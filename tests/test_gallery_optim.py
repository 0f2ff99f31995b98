"""The pictures of learning rates and optimizers: their numbers hold, and they draw in both lights.

The expected numbers stand here a second time, so that a script cannot change its own claim.
"""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from gallery_pages import got, page

import diffkit as dk
from diffkit.plots.optim import plot_range_test, plot_schedules


def claims(name: str) -> dict[str, Any]:
    """What a page computed, by the first words of its claims."""
    return got(name)


def test_closed_forms_are_recurrences() -> None:
    found = [v for k, v in claims("schedules").items() if k.startswith("closed form minus")]
    assert found and max(found) < 1e-12


def test_one_per_cent_decides() -> None:
    found = claims("learning-rate")
    assert found["2/λmax from the Hessian"] == pytest.approx(0.02)
    assert found["factor per update at 0.0199"] == pytest.approx(0.99, abs=1e-6)
    assert found["factor per update at 0.0201"] == pytest.approx(1.01, abs=1e-6)


def test_the_contraction_of_the_best_rate() -> None:
    found = claims("contraction")
    assert found["factor per update at the best rate, κ = 100"] == 0.98020
    assert found["updates per digit at κ = 100"] == pytest.approx(115.1, abs=0.1)


def test_curvature_is_worth_many_updates() -> None:
    lbfgs, newton = claims("optimizer-paths")["updates of L-BFGS and Newton-CG"]
    assert newton <= lbfgs <= 10
    assert page("optimizer-paths").module.arrival("gradient descent") > 5 * lbfgs


def test_the_range_test_breaks_where_the_quadratic_does() -> None:
    module = page("range-test").module
    assert 0.02 < module.quadratic().breaks_at < 0.02 * module.RATIO


# Pictures of one's own ---------------------------------------------------------------------------


@pytest.mark.parametrize("dark", (False, True))
def test_schedules_and_range_tests_draw_themselves(dark: bool) -> None:
    few = dk.optim.schedules.ALL_SCHEDULES[:7]
    figure = plot_schedules(few, 50, dark=dark)
    assert len([axes for axes in figure.axes if axes.axison]) == 7
    plt.close(figure)
    found = dk.lr_range_test(lambda w, x: np.mean((w - x) ** 2), 3.0, (np.ones(5),), 1e-3, 10.0,
                             30, restart=True, curvature=True)  # fmt: skip
    own = found.plot(dark=dark)
    assert "train" in own.get_title(loc="left")
    figure, axes = plt.subplots()
    assert plot_range_test(found, axes, dark=dark) is figure
    plt.close("all")
