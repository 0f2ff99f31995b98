"""The truth: high-precision derivatives that use no rule of the library's own."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

from diffkit.capture.capturing import capture
from diffkit.comparison.accuracy import rounded, ulps
from diffkit.comparison.cases import baydin
from diffkit.comparison.report import compare
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines.precise import Truth, true_derivatives
from diffkit.errors import (
    InputError,
)
from diffkit.graph.primitive import REGISTRY


def truth_of(f, *args, digits=100) -> Truth:
    """The truth of a plain function with respect to all its arguments."""
    args = [np.float64(a) if np.ndim(a) == 0 else np.asarray(a) for a in args]
    graph = capture(f, args)
    return true_derivatives(graph, args, range(len(args)), digits)


def slope_of(f, x) -> float:
    """The rounded truth of a function of one number."""
    return rounded(truth_of(f, x).blocks[0][0].item())


# The truth -------------------------------------------------------------------------------------


def test_truth_has_sixty_digits():
    truth = truth_of(lambda x: np.exp(x) * np.sin(x), 0.7)
    with mp.workdps(90):
        x = mp.mpf(0.7)
        exact = mp.exp(x) * (mp.sin(x) + mp.cos(x))
        assert abs(truth.blocks[0][0].item() - exact) < mp.mpf(10) ** -60
    assert truth.certified and truth.digits == 100


def test_truth_uses_no_rule_of_ours(monkeypatch):
    def wrong(*_, **__):
        raise AssertionError("the truth asked a differentiation rule")

    for name in ("mul", "sin", "log", "add", "sub"):
        monkeypatch.setattr(type(REGISTRY[name]), "partials", wrong)
    truth = truth_of(baydin, 2.0, 5.0)
    assert rounded(truth.blocks[0][0].item()) == 5.5
    assert rounded(truth.blocks[0][1].item()) == 1.7163378145367738


def test_truth_of_a_wrong_rule_shows_the_error(monkeypatch):
    sine = REGISTRY["sin"]
    monkeypatch.setattr(type(sine), "partials", lambda self, y, x: (lambda: 1.001 * np.cos(x),))
    sine.bare.templates.clear()
    try:
        report = compare(lambda x: np.sin(x), 0.3, methods=["reverse", "complex"])
    finally:
        sine.bare.templates.clear()
    assert report["complex"].max_ulp <= 1
    assert report["reverse"].errors.rel_error == pytest.approx(1e-3, rel=1e-6)


@pytest.mark.parametrize(
    ("f", "x", "slope"),
    [
        (lambda x: (x * x + 1.0) - 2.0 * x, 1.0, 0.0),
        (lambda x: np.sin(x) ** 2 + np.cos(x) ** 2, 0.5, 0.0),
        (lambda x: 1.0 + np.exp(-x), 300.0, -np.exp(-300.0)),
        (lambda x: np.log(x), 1e-300, 1e300),
        (lambda x: x**3, 0.0, 0.0),
        (lambda x: x / 3.0, 0.0, 1.0 / 3.0),
    ],
    ids=["cancels", "constant", "hidden", "near zero", "flat", "at zero"],
)
def test_truth_of_hard_slopes(f, x, slope):
    assert slope_of(f, x) == pytest.approx(slope, rel=1e-15, abs=0.0)


def test_truth_at_a_kink_is_the_mean_and_says_so():
    truth = truth_of(lambda x: np.maximum(3.0 * x, x), 0.0)
    assert rounded(truth.blocks[0][0].item()) == 2.0
    assert "kink" in truth.notes[0] and "1.0 and 3.0" in truth.notes[0]


def test_smooth_points_are_not_called_kinks():
    for f in (lambda x: x * x, lambda x: x**4, lambda x: np.cos(x), lambda x: 0.0 * x):
        assert truth_of(f, 0.0).notes == []


def test_truth_of_infinite_slopes_and_edges():
    assert slope_of(np.sqrt, 0.0) == np.inf
    assert "infinite" in truth_of(np.sqrt, 0.0).notes[0]
    edge = truth_of(lambda x: np.sqrt(x) ** 3 + x, 0.0)
    assert abs(edge.blocks[0][0].item() - 1) < 1e-15
    assert "one-sided" in edge.notes[0]


def test_truth_notices_a_branch_at_the_point():
    truth = truth_of(lambda x: 9.0 + 0.0 * x if x == 3 else x * x, 3.0)
    assert rounded(truth.blocks[0][0].item()) == 0.0
    assert "branch" in truth.notes[0] and "test_truth.py" in truth.notes[0]


def test_truth_of_nan_is_nan():
    truth = truth_of(lambda x: x * x, float("nan"))
    assert mp.isnan(truth.blocks[0][0].item())


def test_reverse_truth_is_certified_and_equals_differences():
    x = np.linspace(0.3, 1.7, 250)
    graph = capture(lambda x: np.sum(np.exp(np.sin(x)) * x), (x,))
    by_reverse = true_derivatives(graph, [x], [0], gradient=gradient_graph)
    assert by_reverse.certified and "reverse" in by_reverse.how
    exact = (1 + x * np.cos(x)) * np.exp(np.sin(x))
    assert ulps(exact, by_reverse.blocks[0][0]).max() < 8


def test_a_wrong_gradient_is_not_certified():
    x = np.linspace(0.3, 1.7, 250)
    graph = capture(lambda x: np.sum(np.exp(x)), (x,))
    other = capture(lambda x: (np.sum(np.exp(x)), np.exp(x) * 1.0000001), (x,))
    truth = true_derivatives(graph, [x], [0], gradient=lambda graph, wrt: other)
    assert not truth.certified and "0 of 2" in truth.how


def test_a_small_element_that_is_wrong_is_seen_beside_large_ones():
    x, sizes = np.linspace(0.3, 1.7, 250), 10.0 ** np.linspace(0, -25, 250)
    wrong = sizes.copy()
    wrong[-1] *= 1 + 1e-6
    graph = capture(lambda x: np.sum(sizes * np.sin(x)), (x,))
    other = capture(lambda x: (np.sum(sizes * np.sin(x)), wrong * np.cos(x)), (x,))
    assert true_derivatives(graph, [x], [0], gradient=gradient_graph).certified
    truth = true_derivatives(graph, [x], [0], gradient=lambda graph, wrt: other)
    assert not truth.certified and "0 of 2" in truth.how


def test_a_cancelling_element_among_many_has_its_digits():
    x = np.linspace(0.3, 1.7, 250)
    x[0] = 1e-60
    graph = capture(lambda x: np.sum(x * x) + (1 - np.cos(x[0])) / x[0], (x,))
    truth = true_derivatives(graph, [x], [0], gradient=gradient_graph)
    assert truth.certified and truth.digits == 200 and "200 digits" in truth.how
    assert rounded(truth.blocks[0][0][0]) == 0.5  # 1 with a hundred digits


MANY = 220  # inputs, which are too many for differences


def many(f, first, rest=0.5):
    """The truth of Σf where one element is unlike the others."""
    x = np.array([first] + [rest] * (MANY - 1))
    graph = capture(lambda x: np.sum(f(x)), (x,))
    return true_derivatives(graph, [x], [0], gradient=gradient_graph)


@pytest.mark.parametrize("rest", [None, 0.5])
@pytest.mark.parametrize(
    ("f", "slope", "x"),
    [
        (np.tanh, lambda x: mp.sech(x) ** 2, 200.0),
        (lambda x: np.exp(x) - x, mp.expm1, 1e-90),
        (lambda x: np.log(np.cosh(x)) - x, lambda x: mp.tanh(x) - 1, 150.0),
        (lambda x: x - np.sin(x), lambda x: 2 * mp.sin(x / 2) ** 2, 1e-60),
        (lambda x: ((x + 1e200) - 1e200) ** 2, lambda x: 2 * x, 1.0),
        (np.log, lambda x: 1 / x, 1e100),
        (np.abs, mp.sign, 1e-120),
        (lambda x: 1 / x, lambda x: -1 / x**2, 1e-300),
    ],
)
def test_rounding_in_the_reverse_graph_is_seen(f, slope, x, rest):
    """Whether all elements are alike, or one is lost beside the others."""
    truth = many(f, x, x if rest is None else rest)
    with mp.workdps(600):
        exact = slope(mp.mpf(x))
    assert truth.certified, truth.how
    assert abs(truth.blocks[0][0][0] / exact - 1) < 1e-18


@pytest.mark.parametrize("place", [0, 25, 70, 160])
@pytest.mark.parametrize(
    "f", [lambda x: np.where(x > 0, x, 0.0), lambda x: np.where(x > 0, 1.0, 0.0) + x]
)
def test_a_kink_of_one_element_of_many_is_not_certified(f, place):
    x = np.full(MANY, 0.5)
    x[place] = 0.0
    graph = capture(lambda x: np.sum(f(x)), (x,))
    assert not true_derivatives(graph, [x], [0], gradient=gradient_graph).certified


def test_a_zero_that_is_wrong_is_not_certified():
    x, sizes = np.linspace(0.3, 1.7, 250), np.ones(250)
    sizes[7] = 1e-29
    right = sizes * (sizes == 1)
    graph = capture(lambda x: np.sum(sizes * np.sin(x)), (x,))
    other = capture(lambda x: (np.sum(sizes * np.sin(x)), right * np.cos(x)), (x,))
    assert not true_derivatives(graph, [x], [0], gradient=lambda graph, wrt: other).certified


@pytest.mark.parametrize(
    ("f", "digits"),
    [
        (lambda x: np.sum(np.sort(x) * np.arange(MANY)), 100),  # with a slope of 0
        (
            lambda x: np.sum(((x - np.mean(x)) / np.std(x)) ** 2),
            400,
        ),  # n, in fact
        (lambda x: np.sum(x * 0.0) + 1.0, 100),
        (lambda x: np.sum((x - np.linspace(0.3, 1.7, MANY)) ** 2), 100),  # at its minimum
    ],
)
def test_slopes_of_zero_among_many_are_certified(f, digits):
    x = np.linspace(0.3, 1.7, MANY)
    truth = true_derivatives(capture(f, (x,)), [x], [0], gradient=gradient_graph)
    assert truth.certified and truth.digits == digits


def test_what_is_not_finite_is_not_tried_again():
    truth = many(np.sqrt, -1.0)
    assert not truth.certified and truth.digits == 100
    assert truth.notes == ["no certificate: the value or a slope is infinite or undefined"]


def test_more_digits_are_not_tried_in_vain_at_a_kink():
    x = np.linspace(-1.0, 1.0, 251)  # 0 is among them
    graph = capture(lambda x: np.sum(np.abs(x) * x[::-1] + np.abs(x)), (x,))
    truth = true_derivatives(graph, [x], [0], gradient=gradient_graph)
    assert not truth.certified and truth.digits == 200


@pytest.mark.parametrize("digits", [5, 10_000, 50.5, None])
def test_bad_digits_are_refused(digits):
    with pytest.raises(InputError, match="digits"):
        compare(lambda x: x * x, 1.0, digits=digits)
