"""Where a derivative is no single number, a comparison says so instead of scoring it."""

from __future__ import annotations

import json

import mpmath as mp
import numpy as np
import pytest

import diffkit as dk
from diffkit.comparison.undefined import fitting_truths
from diffkit.engines.precise import Truth

EXACT = ("symbolic", "complex", "forward", "reverse")


@pytest.mark.parametrize(
    ("text", "declared"), [("relu(x)", 0.0), ("abs(x)", 0.0), ("maximum(x, 0)", 0.5)]
)
def test_the_declared_choice_at_a_kink_is_not_scored(text, declared):
    report = dk.compare(dk.parse(text), 0.0)
    for name in EXACT:
        assert report[name].derivative["x"] == declared
        assert np.isnan(report[name].max_ulp) and np.isnan(report[name].errors.abs_error)
        note = report[name].notes[0]
        assert "a kink" in note and f"{declared} is the declared choice" in note
    entry = json.loads(report.to_json())["methods"]["reverse"]
    assert entry["max_ulp"] is None and entry["rel_error"] is None
    assert "kink" in entry["note"] and "\u2013" in str(report)


def test_what_lies_outside_the_two_slopes_is_an_error():
    truth = Truth([0.0], [[np.array(mp.mpf("0.5"))]], 100, True, "", [], {(0, 0, 0): (0, 1)})
    inside = fitting_truths([np.array(1.0 + 2**-52)], truth, [0])[0]
    above = fitting_truths([np.array(1.5)], truth, [0])[0]
    below = fitting_truths([np.array(-0.5)], truth, [0])[0]
    nothing = fitting_truths([np.array(np.nan)], truth, [0])[0]
    assert mp.isnan(inside.item()) and (above, below) == (1, 0) and nothing == 1


def test_the_other_elements_keep_their_errors():
    report = dk.compare(lambda x: np.sum(np.abs(x) ** 3 + np.abs(x)), np.array([0.0, 1.0, 2.0]))
    for name in EXACT:
        assert report[name].max_ulp <= 1.0 and "at 1 of 3 elements" in report[name].notes[0]
    assert report["finite"].max_ulp > 1.0


def test_a_wrong_rule_at_a_kink_is_scored(monkeypatch):
    relu = dk.parse("relu(x)").columns.operations[-1].primitive
    monkeypatch.setattr(type(relu), "partials", lambda self, y, x: (lambda: 2.0 * np.sign(y) + 3,))
    relu.bare.templates.clear()
    try:
        report = dk.compare(dk.parse("relu(x)"), 0.0, methods=["reverse"])
    finally:
        relu.bare.templates.clear()
    assert report["reverse"].errors.abs_error == 2.0 and not report["reverse"].notes


def test_a_jump_has_no_slope_and_a_vertical_tangent_an_infinite_one():
    jump = dk.compare(dk.parse("floor(x) + x"), 1.0)
    assert "a jump; 1.0 is the declared choice" in jump["reverse"].notes[0]
    assert np.isnan(jump["reverse"].max_ulp)
    steep = dk.compare(dk.parse("cbrt(x)"), 0.0, methods=["reverse"])
    assert steep["reverse"].max_ulp == 0.0 and not steep["reverse"].notes


def test_a_truth_that_is_nan_is_no_perfect_score():
    report = dk.compare(lambda x: np.log(x), -1.0)
    for name in report:
        assert np.isnan(report[name].max_ulp)
        assert "the true derivative is NaN" in report[name].notes[0]
    part = dk.compare(lambda x: np.where(x[0] > 0, np.nan, x[0]) + x[1], np.array([1.0, 2.0]))
    assert np.isnan(part["reverse"].max_ulp)


@pytest.mark.parametrize("engine", ["interpret"])
def test_large_results_show_a_bar_or_the_word(engine):
    kinks = dk.compare(lambda x: np.sum(np.abs(x)), np.zeros(8), methods=["reverse"], engine=engine)
    assert "undefined" in str(kinks).split("f itself")[0]
    some = dk.compare(lambda x: np.sum(np.abs(x)), np.r_[np.ones(7), 0.0], methods=["reverse"])
    assert "\u2588" in str(some)


# What counts as an argument -----------------------------------------------------------------------


def test_integers_are_differentiated_by_where_there_is_nothing_else():
    report = dk.compare(lambda x, y: x * x * y, 3, 2)
    assert report.true_derivative == (12.0, 9.0) and report["reverse"].max_ulp == 0.0
    mixed = dk.compare(lambda x, n: x * n, 3.0, 2, methods=["reverse"])
    assert mixed["reverse"].derivative == 2.0
    by_name = dk.compare(lambda x, n: x * n, 3.0, 2, argnums=1, methods=["reverse"])
    assert by_name["reverse"].derivative == 3.0


@pytest.mark.parametrize("argnums", [np.int64(1), np.array(1), (np.int8(1),), np.array([1])])
def test_any_integer_chooses_an_argument(argnums):
    single = np.ndim(argnums) == 0
    expected = 3.0 if single else (3.0,)
    found = dk.compare(lambda x, y: x * y, 3.0, 2.0, argnums=argnums, methods=["reverse"])
    assert found["reverse"].derivative == expected
    assert dk.grad(lambda x, y: x * y, argnums)(3.0, 2.0) == expected
    assert dk.grad(lambda t: dk.grad(lambda x, y: x * y * y, 1)(t, 2.0))(3.0) == 4.0
