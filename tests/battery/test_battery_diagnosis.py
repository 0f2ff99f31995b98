"""No false alarms: functions as users write them, at ordinary points, have no fault to diagnose."""

from __future__ import annotations

import learning
import optimisation
import optimisation_more
import pytest
import python_code
from trial import Trial

import diffkit as dk

TRIALS = [
    trial
    for module in (learning, optimisation, optimisation_more, python_code)
    for trial in module.trials.trials
    if not trial.kink
]


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.name)
def test_nothing_is_found(trial: Trial) -> None:
    assert dk.diagnose(trial.function, *trial.args).findings == ()
