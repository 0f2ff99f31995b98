"""The pictures about steps: their numbers hold, and they draw."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
from gallery_pages import got

import diffkit as dk
from diffkit.plots.steps import plot_step_size


def test_numbers_of_the_papers() -> None:
    trapp = got("complex-step")
    assert trapp["derivative of x^4.5 at 1.5"] == pytest.approx(18.600812734259759, rel=1e-15)
    quotient = trapp["derivative of eˣ/√(sin³x + cos³x) at 1.5"]
    assert quotient == pytest.approx(4.0534278938986, abs=5e-14)
    assert np.round(got("stencils")["slopes of the error with 2 to 9 points"]).tolist() == [
        *range(1, 9)
    ]


def test_a_report_draws_itself() -> None:
    found = dk.step_size(lambda x: 1 / (1 + x * x), 0.5)
    figure, axes = plt.subplots()
    drawn = plot_step_size(found, ax=axes, names=("central", "five-point"))
    assert drawn is axes and axes.get_xscale() == axes.get_yscale() == "log"
    rings = [line for line in axes.lines if line.get_markerfacecolor() == "none"]
    assert [np.ravel(np.asarray(line.get_xdata())).tolist() for line in rings] == [
        [found[name].step] for name in ("central", "five-point")
    ]
    plt.close(figure)
    assert found.plot().get_xlabel() == "step h"
    plt.close("all")
