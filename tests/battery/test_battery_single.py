"""Short floats: trials in float32, whose results are float32 and right to its precision."""

from __future__ import annotations

from typing import Any

import algebra
import chances
import edges
import numpy as np
import optimisation
import physics
import pytest
import shapes
import signals
from trial import Trial, gradient_of, largest, true_gradient

# Functions that bring no double-precision arrays of their own, and are well conditioned.
NAMES = {
    algebra: "quadratic_form rayleigh_quotient frobenius_norm determinant log_determinant "
    "linear_equations power_of_the_inverse trace_of_a_power condition_number spectral_norm",
    chances: "unbiased_variance standard_deviations skewness kurtosis inequality "
    "gamma_family geometric_and_harmonic_mean",
    edges: "squared_norm_at_zero hypotenuse_on_an_axis cube_of_absolute_value product_with_a_zero "
    "log_sum_of_large_numbers maximum_without_ties sinc_at_zero",
    optimisation: "rosenbrock beale wood",
    physics: "kepler_energy eccentricity enzyme_kinetics double_pendulum interferometer",
    shapes: "laplacian_stencil trapezoids parts_of_a_sum",
    signals: "energy_of_all_frequencies",
}
TRIALS = [
    trial
    for module, names in NAMES.items()
    for trial in module.trials.trials
    if trial.name in names.split()
]
SINGLE = 2e-5
"""Over the largest entry of the gradient: 170 roundings of float32."""


def short(argument: Any) -> Any:
    """An argument in float32, if it is of floats."""
    array = np.asarray(argument)
    if array.dtype.kind != "f":
        return argument
    return array.astype(np.float32) if array.ndim else np.float32(argument)


def test_every_name_has_a_trial() -> None:
    assert len(TRIALS) == sum(len(names.split()) for names in NAMES.values())


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.name)
@pytest.mark.parametrize("engine", ["interpret", "machine"])
def test_float32_in_and_out(trial: Trial, engine: str) -> None:
    arguments = tuple(short(argument) for argument in trial.args)
    expected = true_gradient(trial, arguments)
    methods = ["reverse", "forward"] if engine == "interpret" else ["reverse"]
    for method in methods:
        found = gradient_of(trial, arguments, method, engine)
        for got, wanted in zip(found, expected, strict=True):
            assert got.dtype == np.float32, method
            error = np.max(np.abs(got.astype(float) - wanted), initial=0.0)
            assert error <= SINGLE * largest(expected), (method, got, wanted)
