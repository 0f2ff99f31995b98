"""Arrays as they come: Fortran order, negative strides, strided, read-only, foreign byte order.

The gradient must be the same number for number as that at a plain copy, by every method, the
argument must stay as it was, and the result must be a plain array.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import algebra
import edges
import numpy as np
import optimisation
import pytest
import python_code
import shapes
import signals
from trial import Trial, gradient_of


def _fortran(x: np.ndarray) -> np.ndarray:
    return np.asfortranarray(x)


def _backwards(x: np.ndarray) -> np.ndarray:
    return np.flip(np.flip(x).copy())


def _strided(x: np.ndarray) -> np.ndarray:
    wide = np.full([2 * n + 1 for n in x.shape], np.nan)
    view = wide[tuple(slice(1, 2 * n + 1, 2) for n in x.shape)]
    view[...] = x
    return view


def _unaligned(x: np.ndarray) -> np.ndarray:
    packed = np.zeros(x.shape, [("flag", "i1"), ("number", "f8")])
    packed["number"] = x
    return packed["number"]


def _read_only(x: np.ndarray) -> np.ndarray:
    kept = x.copy()
    kept.flags.writeable = False
    return kept


def _big_endian(x: np.ndarray) -> np.ndarray:
    return x.astype(">f8")


def _repeated(x: np.ndarray) -> np.ndarray:
    return np.broadcast_to(x, (2, *x.shape))[1]


LAYOUTS: list[Callable[[np.ndarray], np.ndarray]] = [
    _fortran, _backwards, _strided, _unaligned, _read_only, _big_endian, _repeated,
]  # fmt: skip
NAMES = {
    algebra: "several_right_sides frobenius_norm singular_determinant",
    edges: "product_with_two_zeros sum_over_nothing",
    optimisation: "rosenbrock",
    python_code: "a_slice heat_steps",
    shapes: "fancy_index_beside_slice laplacian_stencil cumulative_sums einsum_ellipsis",
    signals: "spectral_energy",
}
TRIALS = [
    trial
    for module, names in NAMES.items()
    for trial in module.trials.trials
    if trial.name in names.split()
]
METHODS = ["reverse", "forward", "complex", "finite"]


def test_every_name_has_a_trial() -> None:
    assert len(TRIALS) == sum(len(names.split()) for names in NAMES.values())


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.name)
@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__[1:])
def test_the_layout_of_an_argument_changes_nothing(
    trial: Trial, layout: Callable[[np.ndarray], np.ndarray]
) -> None:
    arguments = tuple(_laid_out(argument, layout) for argument in trial.args)
    before = [np.array(argument) for argument in arguments]
    for engine in ("interpret", "machine"):
        for method in METHODS:
            found = gradient_of(trial, arguments, method, engine)
            expected = gradient_of(trial, trial.args, method, engine)
            for got, wanted in zip(found, expected, strict=True):
                assert np.asarray(got).dtype == np.dtype("=f8")
                np.testing.assert_allclose(got, wanted, rtol=1e-14, atol=1e-14)
    for argument, copy in zip(arguments, before, strict=True):
        np.testing.assert_array_equal(argument, copy)


def _laid_out(argument: Any, layout: Callable[[np.ndarray], np.ndarray]) -> Any:
    return layout(argument) if isinstance(argument, np.ndarray) and argument.ndim else argument
