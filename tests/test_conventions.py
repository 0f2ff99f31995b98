"""Kinks, edges and conventions: where a derivative does not exist, the declared one comes out.

Note [Kinks] in ``diffkit/primitives/piecewise.py`` says which and why.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import DomainWarning, ShapeError


@pytest.mark.parametrize("method", ("forward", "reverse"))
def test_kink_identity(method: str) -> None:
    """relu(x) − relu(−x) = x: relu′(0) = 0 makes its derivative at 0 come out as 0, ½ as 1."""
    from diffkit.primitives.piecewise import relu

    def zero_at_kink(x: Any) -> Any:
        return relu(x) - relu(-x)

    def half_at_kink(x: Any) -> Any:  # np.maximum shares a tie evenly, Note [Kinks]
        return np.maximum(x, 0.0) - np.maximum(-x, 0.0)

    assert dk.grad(zero_at_kink, method=method)(0.0) == 0.0
    assert dk.grad(half_at_kink, method=method)(0.0) == 1.0
    for x in (-0.5, 0.5):
        assert dk.grad(zero_at_kink, method=method)(x) == 1.0


@pytest.mark.parametrize("method", ("forward", "reverse"))
def test_declared_derivatives_at_kinks(method: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert dk.grad(np.abs, method=method)(0.0) == 0.0
        assert dk.grad(np.sqrt, method=method)(0.0) == np.inf
        assert dk.grad(lambda x: np.max(x), method=method)(np.array([1.0, 2.0, 2.0])).tolist() == [
            0.0,
            0.5,
            0.5,
        ]


@pytest.mark.parametrize("method", ("forward", "reverse"))
def test_where_does_not_let_the_other_branch_in(method: str) -> None:
    def safe_log(x: Any) -> Any:
        return np.sum(np.where(x > 0, np.log(x), 0.0))

    with warnings.catch_warnings():
        warnings.simplefilter("error", DomainWarning)
        found = dk.grad(safe_log, method=method)(np.array([0.0, 2.0, -1.0]))
    assert found.tolist() == [0.0, 0.5, 0.0]


@pytest.mark.parametrize("method", ("forward", "reverse", "symbolic", "complex"))
def test_a_branch_at_one_point_has_the_derivative_of_the_branch(method: str) -> None:
    """`9 if x == 3 else x*x` has derivative 0 at 3 for every tracing method."""

    def patched(x: Any) -> Any:
        return 9.0 if x == 3 else x * x

    assert dk.grad(patched, method=method)(3.0) == 0.0
    assert dk.grad(patched, method=method)(2.0) == 4.0


def test_xlogy_at_zero() -> None:
    from scipy.special import xlogy

    assert dk.grad(lambda y: xlogy(0.0, y))(2.0) == 0.0
    assert dk.grad(lambda y: xlogy(0.0, y))(0.0) == 0.0
    assert dk.grad(lambda x: xlogy(x, 2.0))(1.5) == math.log(2.0)


def test_negative_base_with_integer_exponent() -> None:
    for exponent in (2, 3, 3.0, np.int64(3)):
        found = dk.grad(lambda x, n=exponent: x**n)(-1.5)
        assert found == pytest.approx(float(exponent) * (-1.5) ** (float(exponent) - 1))


@pytest.mark.parametrize("x", (-1.5, 1.5))
def test_complex_step_selects_by_the_real_part(x: float) -> None:
    """The modulus of a complex number is not analytic; the branch that the real part takes is."""
    assert dk.grad(np.abs, method="complex")(x) == np.sign(x)
    assert dk.grad(lambda x: np.maximum(x, 0.0), method="complex")(x) == float(x > 0)


def test_derivative_of_an_array_needs_a_function_of_its_elements() -> None:
    assert np.array_equal(dk.derivative(np.square)(np.array([1.0, 3.0])), [2.0, 6.0])
    with pytest.raises(ShapeError, match="mixes them"):
        dk.derivative(np.sum)(np.ones(3))
