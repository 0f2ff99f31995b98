"""Physics, engineering, life and money, by every method."""

from __future__ import annotations

import physics
import pytest
from trial import Trial, run_trial


@pytest.mark.parametrize("trial", physics.trials.trials, ids=lambda trial: trial.name)
def test_every_method_gives_the_derivative(trial: Trial) -> None:
    run_trial(trial)
