"""Special points, degenerate matrices and complex numbers, by every method."""

from __future__ import annotations

import corners
import pytest
import sympy as sp
from trial import Trial, run_trial

from diffkit.primitives import symbolic_functions


@pytest.mark.parametrize("trial", corners.trials.trials, ids=lambda trial: trial.name)
def test_every_method_gives_the_derivative(trial: Trial) -> None:
    run_trial(trial)


@pytest.mark.parametrize("name", ["power", "xlogy", "hypot"])
def test_a_formula_of_nan_has_no_sign(name: str) -> None:
    assert getattr(symbolic_functions, name)(sp.nan, sp.Integer(2)).is_extended_positive is None
