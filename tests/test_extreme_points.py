"""Right numbers at extreme points, or a warning: derivatives where formulas lose their digits.

The truth is mpmath's, differenced here with hundreds of digits from mpmath's own functions, so it
shares nothing with diffkit.
"""

from __future__ import annotations

import warnings
from typing import Any

import mpmath as mp
import numpy as np
import pytest
import scipy.special

import diffkit as dk
from diffkit.errors import DomainWarning, KinkWarning

METHODS = ("symbolic", "finite", "complex", "forward", "reverse")
EXACT = ("symbolic", "forward", "reverse")
DIGITS = 900


def true_slope(f: Any, x: float) -> float:
    """The derivative by differences with 900 digits."""
    with mp.workdps(DIGITS):
        point = mp.mpf(x)
        h = mp.mpf(10) ** (-DIGITS // 3) * max(abs(point), mp.mpf(10) ** -300)
        return float((f(point + h) - f(point - h)) / (2 * h))


def quietly(f: Any, method: Any, x: Any) -> Any:
    """The gradient, with every warning of diffkit an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return dk.grad(f, method=method)(x)


@pytest.mark.parametrize("method", (*EXACT, "complex"))
@pytest.mark.parametrize("x", (-700.0, -45.0, -3.0, 0.0, 3.0, 21.0, 30.0, 45.0, 100.0, 400.0))
def test_the_logistic_function_keeps_the_digits_of_its_slope(method: str, x: float) -> None:
    def closed(t: Any) -> Any:
        return 1 / (1 + mp.exp(-t))

    if method == "complex" and abs(x) > 400:
        assert dk.grad(scipy.special.expit, method=method)(x) == 0.0  # Note [Step]: below 1e-190
        return
    found = dk.grad(scipy.special.expit, method=method)(x)
    assert found == pytest.approx(true_slope(closed, x), rel=1e-13)


@pytest.mark.parametrize("method", EXACT)
@pytest.mark.parametrize("exponent", (1e200, -1e200, 2.0**53, 2.0**53 - 1, 3.0, 4.0, 0.0))
def test_the_sign_of_a_power_of_minus_one(method: str, exponent: float) -> None:
    """(−1)ᵇ⁻¹ is −1 for every even b, and all doubles beyond 2⁵³ are even."""
    sign = -1.0 if int(exponent) % 2 == 0 else 1.0
    slopes = dk.grad(lambda p: p["x"] ** p["b"], method=method)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DomainWarning)  # the slope by b is complex
        assert slopes({"x": -1.0, "b": exponent})["x"] == sign * exponent
    assert dk.grad(lambda x: x**exponent, method=method)(-1.0) == sign * exponent


@pytest.mark.parametrize("method", EXACT)
def test_powers_of_negative_numbers_that_overflow_keep_their_slope(method: str) -> None:
    for base, expected in ((-1e200, -2e200), (-1e-170, -2e-170)):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DomainWarning)
            found = dk.grad(lambda a, b: a**b, (0, 1), method=method)(base, 2.0)
        assert found[0] == expected


@pytest.mark.parametrize("method", EXACT)
def test_zero_to_the_power_of_zero(method: str) -> None:
    """x⁰ is 1 everywhere; 0ᵇ falls from infinity over 1 to 0 at b = 0."""
    by_base, by_exponent = dk.grad(lambda a, b: a**b, (0, 1), method=method)(0.0, 0.0)
    assert (by_base, by_exponent) == (0.0, -np.inf)
    assert dk.grad(lambda x: x**x, method=method)(0.0) == -np.inf
    assert dk.grad(lambda a, b: a**b, (0, 1), method=method)(0.0, 2.0) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("name", "f", "x", "expected"),
    [
        ("log", np.log, 1e300, 1e-300),
        ("cbrt", np.cbrt, -1e300, 1e-200 / 3),
        ("hypot", lambda x: np.hypot(x, 1.0), 1e300, 1.0),
        ("sin", np.sin, 1e300, float(np.cos(1e300))),
        ("a steep power", lambda x: x**1e200, -1.0, -1e200),
        ("a steep logistic", lambda x: scipy.special.expit(x * 1e200), 0.0, 2.5e199),
        ("a steep line", lambda x: x * 1e300, 3.0, 1e300),
        ("a steep parabola", lambda x: 1e200 * x * x, 3.0, 6e200),
    ],
    ids=lambda case: case if isinstance(case, str) else "",
)
def test_the_complex_step_fits_huge_arguments_and_slopes(
    name: str, f: Any, x: float, expected: float
) -> None:
    assert quietly(f, "complex", x) == pytest.approx(expected, rel=1e-14), name


def test_the_complex_step_gives_no_number_at_the_edge_of_a_power() -> None:
    with pytest.warns(DomainWarning):
        assert np.isnan(dk.grad(lambda x: x**x, method="complex")(0.0))


# Values that overflow ----------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_a_value_that_overflowed_has_no_silent_slope(method: str) -> None:
    """np.linalg.norm squares: at 10²⁰⁰ it is infinite, and its slope would be 0 instead of 1."""
    with pytest.warns(DomainWarning):
        dk.grad(lambda x: np.linalg.norm(np.stack([x, 1.0])), method=method)(1e200)


@pytest.mark.parametrize("f", [np.exp, lambda x: 1 / (x - 800.0), lambda x: -np.log(800.0 - x)])
def test_a_value_and_a_slope_that_are_infinite_need_no_warning(f: Any) -> None:
    assert np.isinf(quietly(f, "reverse", 800.0))


# Finite differences ------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [dk.methods.Finite(), dk.methods.Finite(richardson=True)])
@pytest.mark.parametrize(
    ("f", "x"),
    [
        (np.abs, 0.0),
        (np.abs, 1e-8),
        (lambda x: np.maximum(x, 0.0), 0.0),
        (np.max, np.ones(3)),
        (np.floor, 1.0),
        (lambda x: 1 / x, 1e-8),
        (np.cbrt, 1e-8),
        (np.sin, 1e8),
    ],
    ids=["corner", "beside a corner", "relu", "tie of three", "jump", "pole", "cusp", "waves"],
)
def test_differences_tell_of_what_they_cannot_resolve(f: Any, x: Any, method: Any) -> None:
    with pytest.warns(KinkWarning, match=r"do not meet .* kink, a jump or a change faster"):
        dk.grad(f, method=method)(x)


@pytest.mark.parametrize("accuracy", (2, 4, 6))
@pytest.mark.parametrize(
    ("f", "x"),
    [
        (np.square, 0.0),
        (np.square, 1e-6),
        (lambda x: 1e6 * x * x + 3.0, 1e-7),
        (np.exp, 3.0),
        (np.cosh, 0.0),
        (lambda x: x**3, 0.0),
        (lambda x: 7.0 + 0.0 * x, 2.0),
        (lambda x: np.sum(x * x - x**4), np.zeros(3)),
    ],
)
def test_smooth_functions_raise_no_alarm(f: Any, x: Any, accuracy: int) -> None:
    quietly(f, dk.methods.Finite(accuracy), x)


def test_no_alarm_costs_no_run() -> None:
    report = dk.compare(lambda x: np.sum(np.sin(x)), np.linspace(0.1, 1.0, 5), methods=["finite"])
    assert report.to_dict()["methods"]["finite"]["evaluations"] == 2 * 5 + 1


def test_comparison_notes_what_differences_cannot_resolve() -> None:
    note = dk.compare(np.abs, 1e-8, methods=["finite"]).to_dict()["methods"]["finite"]["note"]
    assert "do not meet" in note


def test_differences_that_drown_or_leave_the_domain_say_so() -> None:
    with pytest.warns(DomainWarning, match="drowns a difference"):
        dk.grad(lambda x: x**x, method="finite")(1e-20)
    with pytest.warns(DomainWarning, match="left the domain"):
        assert dk.grad(lambda x: x**1e200, method="finite")(-1.0) == -np.inf
    assert quietly(scipy.special.entr, "finite", 1e-8) == pytest.approx(-np.log(1e-8) - 1, rel=1e-3)
