"""The formulas of the battery's functions of arrays: the printed code gives the graph's numbers."""

from __future__ import annotations

import numpy as np
import pytest
from test_battery_reach import TRIALS
from trial import Trial

import diffkit as dk
from diffkit.comparison.matrix_formula import AGREEMENT

OF_ARRAYS = [trial for trial in TRIALS if any(np.ndim(argument) for argument in trial.args)]
UNIT = float(np.finfo(float).eps)
UNSIMPLIFIED = 5
"""At most so many are printed as the graph has them, since a shorter form would cost digits."""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("trial", OF_ARRAYS, ids=lambda trial: trial.name)
def test_the_printed_code_gives_the_numbers_of_the_graph(trial: Trial) -> None:
    found = dk.matrix_formula(trial.function, *trial.args)
    assert found.check() <= AGREEMENT * UNIT
    assert all(line.text and line.latex for line in found.gradients.values())


@pytest.mark.filterwarnings("ignore")
def test_nearly_all_are_simplified() -> None:
    assert len(OF_ARRAYS) > 300
    plain = [t.name for t in OF_ARRAYS if not dk.matrix_formula(t.function, *t.args).simplified]
    assert len(plain) <= UNSIMPLIFIED, plain
