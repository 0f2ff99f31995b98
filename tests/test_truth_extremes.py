"""The truth at small, large and cancelling points: right, or not certified, but never wrong."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
import pytest

import diffkit as dk
from diffkit.capture.capturing import capture
from diffkit.capture.parsing import parse
from diffkit.comparison.accuracy import rounded
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines.blurred import Blur, bits_of
from diffkit.engines.precise import Truth, true_derivatives

EXACT_DIGITS = 1500
# Below this a slope is zero as a double, and the truth may say so.
NO_DOUBLE = 1e-330


def truth_of(text: str, x: float) -> Truth:
    """The truth of a formula in x."""
    return true_derivatives(parse(text), [np.float64(x)], [0], gradient=gradient_graph)


def slope_of(truth: Truth) -> Any:
    """The only derivative of a truth."""
    return truth.blocks[0][0].item()


Derivative = Callable[[Any], Any]


def bernoulli(x: Any) -> Any:
    return (mp.exp(x) * (x - 1) + 1) / x**2


def versine(x: Any) -> Any:
    return (x * mp.sin(x) - 2 * (1 - mp.cos(x))) / x**3


DERIVATIVES: dict[str, Derivative] = {
    "(1-cos(x))/x**2": versine,
    "(exp(x)-1)/x": bernoulli,
    "sin(x)": mp.cos,
    "tan(x)": lambda x: 1 + mp.tan(x) ** 2,
    "sin(exp(x))": lambda x: mp.cos(mp.exp(x)) * mp.exp(x),
    "log(1+exp(x))": lambda x: 1 / (1 + mp.exp(-x)),
    "1-tanh(x)": lambda x: -1 / mp.cosh(x) ** 2,
    "x-sin(x)": lambda x: 2 * mp.sin(x / 2) ** 2,
    "log(1+x)-x": lambda x: -x / (1 + x),
    "sqrt(1+x)-1": lambda x: 1 / (2 * mp.sqrt(1 + x)),
    "arctan(x)": lambda x: 1 / (1 + x * x),
    "x**3-x": lambda x: 3 * x * x - 1,
    "sqrt(1+x*x)": lambda x: x / mp.sqrt(1 + x * x),
    "x**2*sin(1/x)": lambda x: 2 * x * mp.sin(1 / x) - mp.cos(1 / x),
    "hypot(1-cos(x*x),x)": lambda x: (
        (x + (1 - mp.cos(x * x)) * mp.sin(x * x) * 2 * x) / mp.hypot(1 - mp.cos(x * x), x)
    ),
    "x+1e-60*tanh(1e80*x)": lambda x: (
        1 + mp.mpf(1e-60) * mp.mpf(1e80) / mp.cosh(mp.mpf(1e80) * x) ** 2
    ),
    "(x-1)**2-x**2": lambda x: mp.mpf(-2),
}
# Where exp(x) has no bits left to reduce.
MODERATE = ("x+1e-60*tanh(1e80*x)", "(exp(x)-1)/x", "sin(exp(x))", "log(1+exp(x))", "1-tanh(x)")


@pytest.mark.parametrize(
    ("text", "x"),
    [
        *(("(1-cos(x))/x**2", x) for x in (1e-15, 1e-20, 1e-30, 1e-60, 1e-150)),
        *(("(exp(x)-1)/x", x) for x in (1e-30, 1e-35, 1e-40, 1e-150)),
        *(("sin(x)", x) for x in (1e20, 1e40, 1e308)),
        ("tan(x)", 1e40),
        *(("sin(exp(x))", x) for x in (80.0, 700.0)),
        *(("log(1+exp(x))", x) for x in (-150.0, -300.0, -400.0, -700.0)),
        *(("1-tanh(x)", x) for x in (200.0, 350.0)),
        *(("x-sin(x)", x) for x in (1e-60, 1e-100)),
        ("log(1+x)-x", 1e-80),
        ("sqrt(1+x)-1", 1e-120),
        *(("arctan(x)", x) for x in (1e60, 1e140)),
        ("x**2*sin(1/x)", 1e-150),
        ("(x-1)**2-x**2", 2.1394328807984683e91),
        ("hypot(1-cos(x*x),x)", 6.264300383787639e142),
        ("x+1e-60*tanh(1e80*x)", 0.0),
    ],
)
def test_the_digits_fit_the_point(text: str, x: float):
    truth = truth_of(text, x)
    with mp.workdps(EXACT_DIGITS):
        exact = DERIVATIVES[text](mp.mpf(x))
        assert abs(slope_of(truth) - exact) <= abs(exact) * 1e-15
    assert truth.certified and truth.known


@pytest.mark.parametrize("text", DERIVATIVES)
def test_no_certified_truth_is_wrong(text: str):
    generator = random.Random(f"extremes of {text}")
    certified = 0
    for _ in range(24):
        largest = 2.5 if text in MODERATE else 150.0
        x = generator.choice((1, -1)) * 10 ** generator.uniform(-150.0, largest)
        with mp.workdps(EXACT_DIGITS):
            exact = DERIVATIVES[text](mp.mpf(x))
        if isinstance(exact, mp.mpc) or (x < -1 and text in ("sqrt(1+x)-1", "log(1+x)-x")):
            continue
        truth = truth_of(text, x)
        certified += truth.certified
        if truth.certified:
            with mp.workdps(EXACT_DIGITS):
                error = abs(slope_of(truth) - exact)
                assert error <= max(abs(exact) * mp.mpf("1e-15"), NO_DOUBLE), (text, x)
    assert certified >= 10


@pytest.mark.parametrize("x", [1e40, 1.5, -1e300])
def test_steps_are_flat_between_their_jumps(x: float):
    truth = truth_of("floor(x*0.7)", x)
    if not truth.sides:
        assert slope_of(truth) == 0 and truth.certified


def test_a_staircase_is_no_ramp():
    truth = truth_of("floor(x**x)", 61.584913065517185)
    assert slope_of(truth) == 0 and truth.certified


def test_a_step_at_a_whole_number_is_a_jump():
    truth = truth_of("floor(x)", 1e40)
    assert truth.notes == ["a jump: there is no slope, and a rule may declare any"]
    assert truth.sides == {(0, 0, 0): (-mp.inf, mp.inf)}


@pytest.mark.parametrize("text", ["x**x", "sqrt(x)", "x+sqrt(x)", "x**0.99-x"])
def test_slopes_that_grow_for_ever_are_infinite_or_none(text: str):
    truth = truth_of(text, 0.0)
    if truth.certified:
        assert mp.isinf(slope_of(truth)) and "infinite" in truth.notes[0]
    else:
        assert mp.isnan(slope_of(truth)) and "no truth" in truth.notes[0]


def test_the_slope_of_x_to_the_x_is_infinite_at_zero():
    truth = truth_of("x**x", 0.0)
    assert slope_of(truth) == -mp.inf and truth.certified


def test_a_round_valley_is_no_kink():
    truth = truth_of("sqrt(x*x+1e-100)", 0.0)
    assert rounded(slope_of(truth)) == 0.0 and truth.notes == [] and truth.certified
    assert rounded(slope_of(truth_of("tanh(1e80*x)", 0.0))) == 1e80


def test_kinks_beside_rounded_numbers_are_kinks():
    for text in ("1/(1+exp(-abs(x)))", "cos(log(1+exp(abs(x))))", "1+1e-60*abs(x)"):
        truth = truth_of(text, 0.0)
        assert rounded(slope_of(truth)) == 0.0 and truth.sides and "kink" in truth.notes[0]


def test_a_cusp_has_no_slope_and_a_soft_valley_has_one():
    cusp, valley = truth_of("sqrt(abs(x))", 0.0), truth_of("abs(x)**1.1", 0.0)
    assert "cusp" in cusp.notes[0] and cusp.sides and cusp.certified
    assert slope_of(valley) == 0 and not valley.notes


def test_what_does_not_settle_is_no_truth():
    truth = truth_of("sin(exp(exp(x)))", 9.0)
    assert not truth.certified and not truth.known and mp.isnan(slope_of(truth))
    assert truth.notes == ["no truth: the slope does not settle within 3,200 digits"]


def test_without_a_truth_no_method_is_condemned():
    report = dk.compare(parse("sin(exp(exp(x)))"), 9.0, methods=["forward", "reverse"])
    assert not report.truth.known and np.isnan(report["reverse"].max_ulp)
    assert "does not settle" in str(report)


def test_one_lost_slope_does_not_take_the_others():
    graph = parse("x**0.9995+y*y")
    truth = true_derivatives(graph, [np.float64(0.0), np.float64(3.0)], [0, 1])
    assert mp.isnan(truth.blocks[0][0].item()) and rounded(truth.blocks[0][1].item()) == 6.0
    assert truth.known and not truth.certified


def test_the_value_has_the_digits_of_the_slope():
    truth = truth_of("x-sin(x)", 1e-60)
    assert rounded(truth.values[0].item()) == pytest.approx(1e-180 / 6, rel=1e-15)


def test_small_elements_of_a_sum_have_their_own_slopes():
    x = np.array([1.0, 1e-30, 1e-60, 1e40])
    graph = capture(lambda x: np.sum(1.0 - np.cos(x)), (x,))
    truth = true_derivatives(graph, [x], [0], gradient=gradient_graph)
    with mp.workdps(EXACT_DIGITS):
        exact = [float(mp.sin(mp.mpf(item))) for item in x]
    assert truth.certified
    assert [rounded(item) for item in truth.blocks[0][0]] == pytest.approx(exact, rel=1e-15, abs=0)


# Blurred runs ----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["x+1", "x*x", "x**2", "x/4", "sqrt(x*x)", "maximum(x,1)", "x-x"])
def test_exact_results_are_not_blurred(text: str):
    with mp.workprec(bits_of(100)):
        x = mp.mpf(3) + mp.ldexp(1, -110)
        found = [Blur(parse(text)).run([x], 100)[0] for _ in range(2)]
        assert found[0] == found[1] == dk.engines.interpret.run(parse(text), [x], "mpmath")[0]


@pytest.mark.parametrize("text", ["exp(x)", "1+x", "cos(x)", "1/(3+x)", "sqrt(2+x)", "tanh(1/x)"])
def test_rounded_results_differ_from_run_to_run(text: str):
    blur = Blur(parse(text))
    with mp.workprec(bits_of(50)):
        one, other = (blur.run([mp.mpf(10) ** -300], 50)[0] for _ in range(2))
        assert 0 < abs(one - other) <= 4e-50 * abs(one)


@pytest.mark.parametrize(
    ("f", "x", "slope"),
    [
        (lambda x: x * np.exp(-(x**2) / 2e-80), 0.0, 1.0),
        (lambda x: (x - 1) * np.exp(-((x - 1) ** 2) / 2e-80), 1.0, 1.0),
        (lambda x: x + (x - 1) * np.exp(-1e300 * (x - 1) ** 2), 1.0, 2.0),
        (lambda x: np.where(np.abs(x) < np.finfo(float).tiny, 0.0, x), 0.0, 0.0),
        (lambda x: np.where(np.abs(x) < 1e-60, 2 * x, x), 0.0, 2.0),
        (lambda x: x - np.clip(x, -1e-60, 1e-60), 0.0, 0.0),
        (lambda x: np.maximum(x, 1e-50) * x, 1e-51, 1e-50),
        (lambda x: x * np.maximum(x, 0.0), 0.0, 0.0),
    ],
)
def test_a_needle_at_the_point_is_seen(f, x: float, slope: float):
    """The same on both sides, and other at the point: no step that is too long meets it."""
    truth = dk.compare(f, x, methods=["reverse"]).truth
    assert truth.certified and float(truth.blocks[0][0].item()) == slope


def test_the_mean_of_an_even_kink_is_zero_and_no_noise():
    truth = dk.compare(lambda x: np.hypot(x, x), 0.0, methods=["reverse"]).truth
    assert truth.blocks[0][0].item() == 0 and "a kink" in truth.notes[0]
