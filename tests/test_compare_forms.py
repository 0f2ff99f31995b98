"""One derivative in several forms: sizes and errors, refusals, and formulas that are another."""

from __future__ import annotations

import csv
import json
from io import StringIO
from typing import Any

import numpy as np
import pytest
import sympy as sp

import diffkit as dk
from diffkit.comparison.forms import FormComparison
from diffkit.comparison.forms_writing import FORMS
from diffkit.errors import BudgetError, DtypeError, InputError, ShapeError
from diffkit.lazy import mp

POINTS = np.linspace(0.01, 0.99, 197)
PATIENT = 60.0  # seconds: so that a busy computer refuses nothing
ALL = tuple(FORMS)


def l4(x: Any) -> Any:
    """Three steps of the logistic map."""
    for _ in range(3):
        x = 4 * x * (1 - x)
    return x


def true_slope(t: float) -> Any:
    """l₄′ by the chain rule, in mpmath."""
    value, slope = mp.mpf(t), mp.mpf(1)
    for _ in range(3):
        value, slope = 4 * value * (1 - value), 4 * slope * (1 - 2 * value)
    return slope


@pytest.fixture(scope="module")
def report() -> FormComparison:
    return dk.compare_forms(l4, POINTS, seconds=PATIENT)


# EVIDENCE: the largest relative error of l₄′ on 197 points ----------------------------------------


def as_written(expression: sp.Expr) -> float:
    """The largest relative error of a formula that Python evaluates as SymPy prints it."""
    function = sp.lambdify(sp.Symbol("x"), expression, "math")
    with mp.workdps(60):
        errors = [
            abs(mp.mpf(function(t)) - true_slope(t)) / abs(true_slope(t))
            for t in POINTS.tolist()
            if true_slope(t) != 0
        ]
        return float(max(errors))


@pytest.mark.parametrize(
    ("form", "known"),
    [(sp.sympify, 4.4e-14), (sp.factor, 3.3e-13), (sp.horner, 2.9e-11), (sp.expand, 6.7e-11)],
)
def test_rewriting_loses_digits_as_known(form: Any, known: float) -> None:
    slope = sp.diff(l4(sp.Symbol("x")), sp.Symbol("x"))
    assert as_written(form(slope)) == pytest.approx(known, rel=0.15)


def test_simplifying_is_expanding_here() -> None:
    slope = sp.diff(l4(sp.Symbol("x")), sp.Symbol("x"))
    assert sp.simplify(slope) == sp.expand(slope)
    assert np.log10(as_written(sp.simplify(slope)) / as_written(slope)) > 3


def test_the_forms_of_l4(report: FormComparison) -> None:
    errors = {name: report[name].max_relative for name in report}
    known = {"raw": 4.4e-14, "factored": 3.3e-13, "horner": 2.9e-11, "expanded": 6.7e-11}
    for name, error in known.items():
        assert error / 2.5 < errors[name] < 2.5 * error
    assert errors["simplified"] > 500 * errors["raw"]
    assert errors["raw"] < errors["factored"] < errors["horner"] < errors["expanded"]
    assert errors["cse"] < 2 * errors["raw"]


def test_sizes_and_operations(report: FormComparison) -> None:
    assert report["raw"].sizes == {"tree": 82, "shared": 36, "cse": 27}
    trees = {name: report[name].sizes["tree"] for name in report}
    assert min(trees, key=lambda name: trees[name] or 0) == "horner"
    assert report["cse"].operations == 27 < report["raw"].operations
    assert report["horner"].operations == report["horner"].sizes["tree"] == 14
    assert report.sizes == {"tree": 18, "shared": 12, "cse": 9}
    assert all(report[name].time > 0 for name in report)


def test_every_form_is_the_derivative(report: FormComparison) -> None:
    x = sp.Symbol("x")
    raw = report["raw"].expressions["x"]
    for name in report:
        assert sp.expand(report[name].expressions["x"] - raw) == 0
        assert report[name].differs == []
        assert sp.expand(sp.sympify(report[name].text["x"]) - raw) == 0
        assert "x" in str(report[name].latex["x"])
    assert report["expanded"].expressions["x"] == sp.expand(sp.diff(l4(x), x))


def test_the_truth_is_the_truth(report: FormComparison) -> None:
    with mp.workdps(40):
        found = [abs(t - true_slope(p)) for t, p in zip(report.truths[:, 0], POINTS, strict=True)]
        assert max(found) < mp.mpf(10) ** -25
    i = POINTS.tolist().index(report["expanded"].worst["at"]["x"])  # type: ignore[index]
    assert report["expanded"].relative[i, 0] == report["expanded"].max_relative


# What comes out -----------------------------------------------------------------------------------


def test_table_json_and_separated_values(report: FormComparison) -> None:
    text = str(report)
    assert max(map(len, text.splitlines())) <= 80
    assert all(name in text for name in ALL)
    assert "at 197 points" in text
    found = json.loads(report.to_json())
    assert found["schema"] == 1
    assert found["forms"]["raw"]["formula"] == {"tree": 82, "shared": 36, "cse": 27}
    assert len(found["at"]["x"]) == len(found["truth"]["x"]) == 197
    assert found["forms"]["horner"]["max_relative"] == report["horner"].max_relative
    assert found["forms"]["horner"]["value"]["x"] == report["horner"].values[:, 0].tolist()
    for separated, delimiter in ((report.to_tsv(), "\t"), (report.to_csv(), ",")):
        rows = list(csv.DictReader(StringIO(separated), delimiter=delimiter))
        assert [row["form"] for row in rows] == list(ALL)
        assert float(rows[0]["max_ulp"]) == report["raw"].max_ulp
        assert rows[0]["derivative"] == report["raw"].text["x"]
    assert "<table>" in report._repr_html_()
    assert "<Form" in repr(report)


def test_the_picture() -> None:
    plt = pytest.importorskip("matplotlib.pyplot")
    many = dk.compare_forms(
        dk.parse("(x-1)**5"), x=np.linspace(0.9, 1.05, 6), forms=("raw", "horner"), seconds=PATIENT
    )
    assert len(many.plot().axes) == 2
    assert "shortest" in many.plot(dark=True).axes[0].get_title(loc="left")
    one = dk.compare_forms(dk.parse("x*y**2"), x=0.3, y=0.7, forms=("raw",))
    assert len(one.plot(title="A title").axes) == 1
    plt.close("all")


# Variables, orders, kinds -------------------------------------------------------------------------


def test_several_variables_and_one_of_them() -> None:
    f = dk.parse("sin(x*y)/(x + y)")
    both = dk.compare_forms(f, x=1.0, y=2.0, forms=("raw", "simplified"), seconds=PATIENT)
    assert both.variables == ["x", "y"]
    assert set(both["raw"].by_variable) == {"x", "y"}
    assert both["raw"].max_ulp == max(q["max_ulp"] for q in both["raw"].by_variable.values())
    slopes = dk.grad(f)(x=1.0, y=2.0)
    assert both["raw"].values[0].tolist() == pytest.approx([slopes["x"], slopes["y"]])
    assert len(both.to_csv().splitlines()) == 1 + 2 * 2
    only = dk.compare_forms(f, x=1.0, y=2.0, forms=("raw",), variable="y")
    assert only.variables == ["y"]


def test_arrays_are_points_or_arguments() -> None:
    pointwise = dk.compare_forms(lambda a, b: a * b**2, np.array([1.0, 2.0]), 3.0, forms=("raw",))
    assert pointwise["raw"].values.tolist() == [[9.0, 6.0], [9.0, 12.0]]
    vector = dk.compare_forms(lambda v: np.sum(v**3), np.array([1.0, 2.0]), forms=("raw", "cse"))
    assert vector.variables == ["v0", "v1"]
    assert vector["cse"].values.tolist() == [[3.0, 12.0]]
    counted = dk.compare_forms(lambda x, n: x**n, 2.0, 3, forms=("raw",))
    assert counted.variables == ["x"]
    assert "by x" in counted.notes[0]


def test_branches_of_other_points_are_left_out() -> None:
    def branch(x: Any) -> Any:
        return x * x if x > 0 else -x

    found = dk.compare_forms(branch, np.array([2.0, -0.5, 3.0]), forms=("raw",))
    assert found["raw"].values.tolist() == [[4.0], [6.0]]
    assert found.to_dict()["at"] == {"x": [2.0, 3.0]}
    assert "1 of 3 points take another branch" in found.notes[0]


@pytest.mark.parametrize("order", [2, 5])
def test_higher_orders(order: int) -> None:
    found = dk.compare_forms(
        dk.parse("x**3*exp(-x)"), x=np.array([0.5, 1.5]), order=order, forms=("raw", "factored"),
        seconds=PATIENT,
    )  # fmt: skip
    x = sp.Symbol("x")
    expected = [
        float(sp.diff(x**3 * sp.exp(-x), x, order).subs(x, sp.Rational(k, 2))) for k in (1, 3)
    ]
    assert found["factored"].values[:, 0].tolist() == pytest.approx(expected)
    assert found["factored"].max_relative < 1e-14


def test_the_stable_form_survives_where_the_textbook_does_not() -> None:
    found = dk.compare_forms(dk.parse("softplus(x)"), x=800.0, forms=("raw", "stable"))
    assert found["raw"].max_ulp == np.inf
    assert found["raw"].differs == []  # with 60 digits it does not overflow: that is rounding
    assert found["stable"].max_ulp < 1
    assert found.to_dict()["forms"]["raw"]["max_ulp"] is None


# Formula and limit --------------------------------------------------------------------------------


def test_a_formula_that_is_not_the_limit_is_flagged() -> None:
    """SymPy issue 11402: the second derivative of sin(x)/x at 0 is −1/3, and SymPy says 0."""
    sinc = dk.parse("where(x != 0, sin(x)/x, 1)")
    found = dk.compare_forms(sinc, x=np.array([0.0, 1.0]), order=2, forms=("raw", "factored"),
                             seconds=PATIENT)  # fmt: skip
    for name in found:
        (place,) = found[name].differs
        assert place["at"] == {"x": 0.0}
        assert (place["variable"], place["formula"]) == ("x", 0.0)
        assert place["derivative"] == pytest.approx(-1 / 3)
    assert "formula and limit differ" in str(found)
    assert dk.compare_forms(sinc, x=0.0, forms=("raw",))["raw"].differs == []  # the first is right


def test_a_patched_point_is_flagged() -> None:
    found = dk.compare_forms(dk.parse("where(x == 3, 9, x*x)"), x=3.0, forms=("raw",))
    assert found["raw"].differs == [
        {"at": {"x": 3.0}, "variable": "x", "formula": 0.0, "derivative": 6.0}
    ]


@pytest.mark.parametrize(
    ("text", "order", "word"),
    [
        ("where(x < 0, sin(x), 0.5)", 1, "a jump"),  # SymPy issue 24127
        ("abs(x)", 1, "a kink"),
        ("where(x > 0, sin(x)/x, 1)", 2, "no derivative of order 2"),
    ],
)
def test_where_there_is_no_derivative_there_is_no_error(text: str, order: int, word: str) -> None:
    found = dk.compare_forms(dk.parse(text), x=0.0, order=order, forms=("raw",))
    assert word in " ".join(found.notes)
    assert np.isnan(found["raw"].max_ulp)
    assert found["raw"].differs == []


def test_rounding_is_not_taken_for_another_function() -> None:
    f = dk.parse("(x-1)**7")
    found = dk.compare_forms(f, x=np.array([0.9999, 1.0]), forms=("expanded",), seconds=PATIENT)
    assert found["expanded"].max_relative > 1
    assert found["expanded"].differs == []


def test_notes_of_one_kind_come_once() -> None:
    wave = dk.parse("abs(x - rint(x))*x")
    found = dk.compare_forms(wave, x=np.array([0.2, 1.0, 2.0, 3.0]), forms=("raw",))
    assert len(found.notes) == 1
    assert found.notes[0].endswith("(at 3 of 4 points, with other numbers elsewhere)")


def test_single_precision_counts_its_own_ulps() -> None:
    found = dk.compare_forms(
        lambda x: np.sin(x) / x, np.array([0.5, 1.5], np.float32), forms=("raw",)
    )
    assert found["raw"].values.dtype == np.float32
    assert found["raw"].max_ulp < 8
    assert 1e-9 < found["raw"].max_relative < 1e-6


# Refusals -----------------------------------------------------------------------------------------


def test_a_form_that_does_not_exist_says_so_and_the_others_go_on() -> None:
    found = dk.compare_forms(dk.parse("sin(x)*exp(x)"), x=0.5, forms=("raw", "horner"))
    assert "not a polynomial" in str(found["horner"].refused)
    assert found["raw"].refused is None
    assert "horner: " in str(found)
    assert found.to_dict()["forms"]["horner"] == {"refused": found["horner"].refused}


def test_an_exploding_formula_is_refused_at_once_and_counted() -> None:
    def steps(x: Any) -> Any:
        for _ in range(59):
            x = 4 * x * (1 - x)
        return x

    found = dk.compare_forms(steps, 0.2)
    assert all("gave up" in str(found[name].refused) for name in found)
    assert found.sizes == {"tree": 3 * (2**59 - 1), "shared": 177, "cse": None}


def test_a_form_that_takes_too_long_is_refused() -> None:
    def wide(x: Any, y: Any) -> Any:
        terms = [np.exp(-((x - k) ** 2)) * np.sin(k * y + 1) / (1 + x * x) for k in range(12)]
        return sum(terms)

    found = dk.compare_forms(wide, 0.3, 0.7, forms=("raw", "simplified"), seconds=0.5)
    assert "gave up after" in str(found["simplified"].refused)


def test_what_has_no_formula_is_refused_with_the_reason() -> None:
    found = dk.compare_forms(dk.parse("x/0"), x=1.0, forms=("raw",))
    assert "divides by zero" in str(found["raw"].refused)


def test_bad_input() -> None:
    f = dk.parse("x*y")
    with pytest.raises(InputError, match="no form 'pretty'"):
        dk.compare_forms(f, x=1.0, y=2.0, forms=("pretty",))
    with pytest.raises(InputError, match="no variable 'z'"):
        dk.compare_forms(f, x=1.0, y=2.0, variable="z")
    with pytest.raises(InputError, match="order"):
        dk.compare_forms(f, x=1.0, y=2.0, order=0)
    with pytest.raises(InputError, match="positive"):
        dk.compare_forms(f, x=1.0, y=2.0, seconds=0.0)
    with pytest.raises(InputError, match="no point"):
        dk.compare_forms(f, x=np.zeros(0), y=2.0)
    with pytest.raises(ShapeError, match="element by element"):
        dk.compare_forms(f, x=np.ones(2), y=np.ones(3))
    with pytest.raises(ShapeError, match="element by element"):
        dk.compare_forms(lambda v: v[:2], np.ones(3))
    with pytest.raises(ShapeError, match="mixes them"):
        dk.compare_forms(lambda v: v - np.mean(v), np.ones(3))
    with pytest.raises(DtypeError, match="nothing to differentiate by"):
        dk.compare_forms(lambda: 1.0)
    with pytest.raises(InputError, match="whole number"):
        dk.compare_forms(lambda x, n: x**n, 2.0, 3, variable="n")
    with pytest.raises(BudgetError, match="minutes"):
        dk.compare_forms(f, x=np.ones(2_000_000), y=1.0)
