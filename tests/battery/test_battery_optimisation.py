"""Test functions of optimisation, by every method."""

from __future__ import annotations

import optimisation
import optimisation_more
import pytest
from trial import Trial, run_trial

TRIALS = [*optimisation.trials.trials, *optimisation_more.trials.trials]


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.name)
def test_every_method_gives_the_derivative(trial: Trial) -> None:
    run_trial(trial)
