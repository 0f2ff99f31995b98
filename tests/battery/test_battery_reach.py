"""How far the battery reaches: enough functions, each with a name of its own and a source."""

from __future__ import annotations

import algebra
import chances
import corners
import edges
import learning
import numpy as np
import optimisation
import optimisation_more
import physics
import pytest
import python_code
import shapes
import signals

import diffkit as dk
from diffkit.errors import CaptureError

SETS = [
    algebra, chances, corners, edges, learning, optimisation, optimisation_more, physics,
    python_code, shapes, signals,
]  # fmt: skip
TRIALS = [trial for module in SETS for trial in module.trials.trials]
FEWEST = 450


def test_there_are_enough_functions() -> None:
    places = {(trial.function.__module__, trial.name) for trial in TRIALS}
    assert len(places) == len(TRIALS) >= FEWEST


def test_each_has_a_source_and_something_to_differentiate_by() -> None:
    for trial in TRIALS:
        assert trial.source, trial.name
        assert any(np.asarray(argument).dtype.kind == "f" for argument in trial.args), trial.name


def test_few_are_beyond_a_method() -> None:
    """A method that refuses more than it did has lost something."""
    refused = {m: sum(m in trial.refuses for trial in TRIALS) for m in ("complex", "symbolic")}
    assert refused["complex"] <= 70
    assert refused["symbolic"] <= 60


def test_an_array_of_objects_in_linear_algebra_is_refused_with_a_rewrite() -> None:
    def hidden(x: float) -> float:
        return np.linalg.det(np.array([[x, 1.0], [2.0, x]]))

    with pytest.raises(CaptureError, match=r"np\.block"):
        dk.grad(hidden)(0.7)
    assert dk.grad(lambda x: np.linalg.det(np.block([[x, 1.0], [2.0, x]])))(0.7) == 1.4
