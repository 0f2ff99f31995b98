"""Where a derivative is hard to see: a right number, or a warning, by each method for itself.

The sweep of ``test_edge_sweep.py`` is broad; here are the places that need an argument.
"""

from __future__ import annotations

import warnings
from typing import Any

import mpmath as mp
import numpy as np
import pytest
import scipy.special

import diffkit as dk
from diffkit.errors import DomainWarning, KinkWarning, LinearAlgebraError

EXACT = ("symbolic", "forward", "reverse")


def quietly(f: Any, method: Any, x: Any) -> Any:
    """The gradient, with every warning an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return dk.grad(f, method=method)(x)


# Finite differences -------------------------------------------------------------------------------


def reciprocals(x: Any) -> Any:
    return np.sum(np.divide(1.0, x, where=x != 0, out=np.zeros_like(x)))


@pytest.mark.parametrize("method", [dk.methods.Finite(), dk.methods.Finite(1)])
@pytest.mark.parametrize(
    ("f", "x"),
    [
        (np.cbrt, 0.0),
        (np.sign, 0.0),
        (lambda x: np.cbrt(x) + 20.0, 0.0),
        (lambda x: np.sign(x - 3.0), 3.0),
        (lambda x: np.sign(x) * np.abs(x) ** 0.9, 0.0),
        (reciprocals, np.array([0.0, 1.0])),
        (lambda x: np.stack([x, np.cbrt(x)])[1], 0.0),
    ],
)
def test_a_slope_that_grows_as_the_step_shrinks_is_told(f: Any, x: Any, method: Any) -> None:
    with pytest.warns(KinkWarning, match=r"do not settle.*method=\"reverse\""):
        dk.grad(f, method=method)(x)


def test_waves_that_are_odd_around_x_are_told() -> None:
    with pytest.warns(KinkWarning, match="do not settle"):
        dk.grad(lambda x: np.sin(1e6 * x), method="finite")(0.0)


def test_a_growing_slope_is_told_for_directions_and_jacobians() -> None:
    with pytest.warns(KinkWarning, match="do not settle"):
        dk.jacobian(lambda x: np.cbrt(x), method="finite")(np.array([0.0, 1.0]))
    finite = dk.methods.Finite()
    with pytest.warns(KinkWarning, match="do not settle"):
        dk.derivative(np.cbrt, method=finite)(0.0)


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (np.sin, 0.0),
        (np.tanh, 0.0),
        (lambda x: 1e6 * x, 0.0),
        (lambda x: (x - 3.0) ** 2, 3.0 + 1e-4),
        (lambda x: x**2 + 1e-3 * x, 0.0),
        (lambda x: np.floor(x) + x * x, 2.5),
        (lambda x: np.remainder(x, 2.0), 0.5),
    ],
)
def test_a_steep_smooth_function_raises_no_alarm(f: Any, x: float) -> None:
    assert quietly(f, "finite", x) == pytest.approx(dk.grad(f)(x), rel=1e-4, abs=1e-9)


@pytest.mark.parametrize("f", [np.floor, np.rint, lambda x: x % 0.5, lambda x: x // 0.5])
@pytest.mark.parametrize("x", [1e6, 1e300])
def test_a_step_over_many_jumps_is_told(f: Any, x: float) -> None:
    with pytest.warns(KinkWarning, match=r"passes over jumps of|do not meet"):
        dk.grad(f, method="finite")(x)


def test_the_second_look_is_taken_where_there_is_reason() -> None:
    def runs(f: Any, x: float) -> int:
        return dk.compare(f, x, methods=["finite"])["finite"].evaluations

    assert runs(np.exp, 1.0) == 3
    assert runs(np.sin, 0.0) == 4


def test_differences_around_an_infinite_value_are_told() -> None:
    with np.errstate(divide="ignore"):
        for verb in (dk.grad, dk.jacobian):
            with pytest.warns(DomainWarning, match="the value is infinite"):
                verb(lambda x: 1 / x, method="finite")(0.0)


def test_what_does_not_move_has_the_derivative_zero() -> None:
    """A step away from an infinity is that infinity, and from NaN it is NaN."""
    assert quietly(np.arctan, "finite", np.inf) == 0.0
    found = quietly(lambda x: np.sum(np.fmax(x, 0.0)), "finite", np.array([np.nan, 2.0]))
    assert found == pytest.approx([0.0, 1.0])


# Formulas -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", EXACT)
@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.arccos(np.clip(x, -1.0, 1.0)),
        lambda x: np.arcsin(np.minimum(x, 1.0)),
        lambda x: np.sqrt(np.maximum(1.0 - x, 0.0)),
        lambda x: np.arcsin(np.where(x < 1.0, x, 1.0)),
    ],
)
def test_what_a_selection_leaves_out_adds_nothing_however_steep(f: Any, method: Any) -> None:
    with np.errstate(divide="ignore"):
        assert dk.grad(f, method=method)(1.5) == 0.0


def test_a_zero_that_someone_wrote_is_no_selection() -> None:
    """sign(x) log x at 0 is 0 · ∞: there is no derivative, and it is told."""
    with np.errstate(all="ignore"), pytest.warns(DomainWarning):
        assert np.isnan(dk.grad(lambda x: np.sign(x) * np.log(x), method="symbolic")(0.0))


# Singular values ----------------------------------------------------------------------------------

DEFICIENT = np.array([[1.0, 2.0], [2.0, 4.0]])


@pytest.mark.parametrize("f", [
    lambda a: np.sum(np.linalg.svdvals(a)), lambda a: np.sum(np.linalg.svd(a)[1])
])  # fmt: skip
def test_a_singular_value_that_is_zero_has_a_declared_slope(f: Any) -> None:
    with pytest.warns(KinkWarning, match="a singular value that is 0"):
        found = dk.grad(f)(DEFICIENT)
    np.testing.assert_allclose(found, DEFICIENT / 5.0, rtol=1e-12)
    np.testing.assert_allclose(dk.grad(f, method="forward")(DEFICIENT), found, rtol=1e-12)


@pytest.mark.parametrize("f", [
    lambda a: np.linalg.svdvals(a)[0],
    lambda a: np.sum(np.linalg.svdvals(a) ** 2),
    lambda a: np.linalg.norm(a, 2),
])  # fmt: skip
def test_smooth_functions_of_singular_values_raise_no_alarm(f: Any) -> None:
    found = quietly(f, "reverse", DEFICIENT)
    np.testing.assert_allclose(found, quietly(f, "finite", DEFICIENT), rtol=1e-7)


@pytest.mark.parametrize("f", [np.linalg.svdvals, np.linalg.pinv, lambda a: np.linalg.svd(a)[0]])
def test_a_matrix_with_an_infinity_is_refused_at_once(f: Any) -> None:
    with pytest.raises(LinearAlgebraError, match="NaN and infinities"):
        dk.grad(lambda a: np.sum(f(a)))(np.array([[np.inf, 1.0], [1.0, 2.0]]))


def test_the_determinant_of_an_infinite_matrix_ends() -> None:
    a = np.eye(4)
    a[0, 0] = np.inf
    with np.errstate(all="ignore"), pytest.warns(DomainWarning):
        assert np.isnan(dk.grad(np.linalg.det)(a)).all()


def test_orthogonal_factors_of_dependent_columns_are_told() -> None:
    with pytest.warns(KinkWarning, match="a combination of the others"):
        dk.grad(lambda a: np.sum(np.linalg.qr(a)[1]))(np.ones((3, 2)) + 1e-17)


# Special functions --------------------------------------------------------------------------------


@pytest.mark.parametrize("method", EXACT)
@pytest.mark.parametrize(("a", "b"), [(-3.0, 2.0), (-5.0, 1.0), (-7.0, 4.0)])
def test_the_beta_function_between_poles(method: Any, a: float, b: float) -> None:
    """B(a, n) = (n − 1)!/(a (a + 1) … (a + n − 1)) is rational in a."""
    with mp.workdps(60):
        truth = mp.diff(lambda t: mp.beta(t, b), mp.mpf(a) + mp.mpf("1e-30"))
        value = mp.beta(mp.mpf(a) + mp.mpf("1e-30"), b)
        slope, log_slope = float(truth), float(truth / value)
    found = quietly(lambda x: scipy.special.beta(x, b), method, a)
    assert found == pytest.approx(slope, rel=1e-12)
    found = quietly(lambda x: scipy.special.betaln(x, b), method, a)
    assert found == pytest.approx(log_slope, rel=1e-12)


@pytest.mark.parametrize("x", [-1e5, -1e300, 1e5, 1e300])
def test_a_moment_far_out_ends(x: float) -> None:
    """SciPy's Kummer function was seen to run for ever at 1e300."""
    found = quietly(lambda t: scipy.special.boxcox(np.e, t), "reverse", x)
    assert found == (np.inf if x > 0 else pytest.approx(1.0 / x / x, rel=1e-12, abs=1e-300))


@pytest.mark.parametrize("method", EXACT)
def test_bessel_functions_of_subnormal_numbers(method: Any) -> None:
    assert quietly(scipy.special.i0, method, 1e-310) == 5e-311
    assert quietly(scipy.special.i1, method, -1e-310) == 0.5


# The complex step ---------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ["interpret", "machine"])
@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: np.linalg.norm(x) ** 2, np.zeros(3)),
        (np.linalg.norm, np.zeros(3)),
        (np.std, np.zeros(3)),
        (np.std, np.full(3, 0.45)),
        (lambda x: np.sum(scipy.special.xlogy(0.0, x)), np.zeros(3)),
        (lambda x: np.sum(x * np.log(x)), np.array([1e300, 2.0])),
        (lambda x: np.sum(scipy.special.entr(x)), np.array([1e300, 2.0])),
        (lambda x: np.sum(scipy.special.loggamma(x)), np.array([1e300, 2.0])),
        (lambda x: np.sum(np.arctan(x - 1e300)), np.array([1e300, 2.0])),
        (lambda x: np.sum(np.sin(x)), np.array([1e300, 2.0])),
        (lambda x: np.sum(scipy.special.wrightomega(x)), np.array([-1e300, -60.0, 2.0])),
        (lambda x: np.sum(scipy.special.cosdg(x)), np.array([10.0, 60.0])),
        (lambda x: np.sum(np.unwrap(x) ** 2), np.array([0.5, -1e3, 4.0])),
    ],
)
def test_the_complex_step_at_the_edges(f: Any, x: Any, engine: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = dk.grad(f, method="complex", engine=engine)(x)
    np.testing.assert_allclose(found, dk.grad(f)(x), rtol=1e-12)
