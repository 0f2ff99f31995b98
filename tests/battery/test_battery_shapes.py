"""Indexing, shaping and sorting, by every method."""

from __future__ import annotations

import pytest
import shapes
from trial import Trial, run_trial


@pytest.mark.parametrize("trial", shapes.trials.trials, ids=lambda trial: trial.name)
def test_every_method_gives_the_derivative(trial: Trial) -> None:
    run_trial(trial)
