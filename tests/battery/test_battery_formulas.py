"""The formulas that are not derived every time: ``pytest -m slow tests/battery``."""

from __future__ import annotations

import pytest
from test_battery_reach import TRIALS
from trial import Trial, has_formula_by_default, run_formula

REST = [trial for trial in TRIALS if not has_formula_by_default(trial)]


@pytest.mark.slow
@pytest.mark.parametrize("trial", REST, ids=lambda trial: trial.name)
def test_the_formula_gives_the_derivative(trial: Trial) -> None:
    run_formula(trial)


def test_some_formulas_are_derived_every_time() -> None:
    assert len(TRIALS) / 6 < len(TRIALS) - len(REST) < len(TRIALS) / 3
