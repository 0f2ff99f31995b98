"""``dk.advise`` recommends no method for an accuracy that was not measured where others failed."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.comparison import advise_help, advise_trials
from diffkit.comparison.advise import _able
from diffkit.comparison.advise_costs import MEASURED, OTHERS, RULE, Candidate
from diffkit.comparison.spending import Spending
from diffkit.errors import BudgetError

LOST = "(1-cos(x))/x**2"  # no digit is left at 10⁻⁵
AT_LOST = 1e-5
CASES = (
    (LOST, AT_LOST),
    ("sqrt(x+1)-sqrt(x)", 1e15),
    ("exp(x)-1", 1e-12),
    ("(exp(x)-1)/x", 1e-9),
    ("abs(x)", 0.0),
    ("x*0+3", 2.0),
    ("log(exp(x))", 800.0),
    ("log(cosh(x))", 800.0),
    ("sqrt(x)", 0.0),
    ("sin(x)", 1e22),
)
SMOOTH = np.linspace(-1.0, 1.0, 20)
SAME = 1.01  # times: both round the same errors in other ways


def lost(x: Any) -> Any:
    return np.sum((1 - np.cos(x)) / x**2)


def bowl(x: Any) -> Any:
    return np.sum(np.tanh(x) ** 2)


def said(advice: Any) -> str:
    return "\n".join(advice.reasons)


@pytest.mark.parametrize(("text", "x"), CASES)
def test_advice_never_contradicts_compare(text: str, x: float) -> None:
    advice = dk.advise(dk.parse(text), x=x)
    rows = dk.compare(dk.parse(text), x=x).to_dict()["methods"]
    errors = {
        name: row["rel_error"] for name, row in rows.items() if row.get("rel_error") is not None
    }
    chosen = advice[advice.method]
    assert chosen.error_measured
    if advice.accurate and advice.method in errors:
        assert errors[advice.method] <= advice.accuracy
    for name, error in errors.items():
        assert advice.accurate or error > advice.accuracy
        if advice[name].error_measured and error > advise_trials.CONTRADICTION:
            assert error / SAME <= advice[name].error <= error * SAME, name


def test_the_formula_is_measured_before_it_wins_by_its_accuracy() -> None:
    advice = dk.advise(dk.parse(LOST), x=AT_LOST)
    assert advice.method != "symbolic" and not advice.accurate
    assert advice["symbolic"].error_from == MEASURED and advice["symbolic"].error > 1000
    told = said(advice)
    assert "no method reaches 8.0 digits; the best, " in told and "no correct digit here" in told
    assert "nothing else reaches" not in told


def test_a_formula_that_is_accurate_wins_once_it_was_measured() -> None:
    advice = dk.advise(dk.parse("log(exp(x))"), x=800.0)
    assert (advice.method, advice.accurate) == ("symbolic", True)
    assert advice["symbolic"].error_measured and "the formula: all digits here" in said(advice)


def test_what_the_budget_does_not_allow_fails_with_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        Spending, "reason", lambda self, needed=0.0: "no time" if needed > 1e-2 else None
    )
    advice = dk.advise(dk.parse(LOST), x=AT_LOST)
    assert advice.method != "symbolic" and advice["symbolic"].error_from == OTHERS
    assert advice["symbolic"].error == advice["reverse"].error
    assert "only predicted: symbolic (no time)" in said(advice)
    assert "not the formula: 0.0 digits as the other exact methods here" in said(advice)


def test_a_formula_that_sympy_refuses_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    attempt = advise_trials._try

    def refusing(problem: Any, candidate: Candidate, *rest: Any) -> None:
        if candidate.method == "symbolic":
            candidate.refused = BudgetError("too large").one_line
        else:
            attempt(problem, candidate, *rest)

    monkeypatch.setattr(advise_trials, "_try", refusing)
    advice = dk.advise(dk.parse(LOST), x=AT_LOST)
    assert not advice.accurate and "not the formula: too large" in said(advice)


def test_the_remedy_is_told_where_no_method_helps() -> None:
    told = said(dk.advise(dk.parse(LOST), x=AT_LOST))
    assert "what helps: `diffkit diagnose` finds cancellation" in told
    assert "try np.sinc(x/2/np.pi)**2/2" in told
    stacked = dk.advise(lambda x: np.array([lost(x), x]), AT_LOST, want="jacobian")
    assert advise_help.ADVICE in said(stacked)


def test_more_digits_than_numbers_hold_are_told() -> None:
    told = said(dk.advise(lost, np.ones(2, np.float32), accuracy=12))
    assert "numbers of this type hold about 7 digits" in told


@pytest.mark.parametrize("size", [40, 150, 400])
def test_many_inputs_do_not_hide_what_is_lost(size: int) -> None:
    """Reverse mode is no reference where others contradict it."""
    advice = dk.advise(lost, np.full(size, AT_LOST))
    assert not advice.accurate and advice["reverse"].error > 1000
    assert "reverse mode" not in advice.reference and "no method reaches" in said(advice)


def test_a_reference_is_as_doubtful_as_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advise_trials, "TRUTH_FLOPS", 0)
    monkeypatch.setattr(advise_trials, "DOUBTFUL_FLOPS", 0)
    advice = dk.advise(lost, np.full(5, AT_LOST), accuracy=12)
    assert "reverse mode" in advice.reference and advice["reverse"].error_from == OTHERS
    assert not advice.accurate and advice["reverse"].error > 1e-12


def test_products_are_held_against_the_true_hessian() -> None:
    advice = dk.advise(lost, np.full(2, AT_LOST), want="hvp")
    assert not advice.accurate and advice["hvp"].error > 1000 and "np.sinc" in said(advice)
    wide = {"a": np.array([1.0, 2.0]), "b": np.array([0.5])}

    def product(x: Any) -> Any:
        return np.sum(x["a"] ** 3) * x["b"][0]

    for advice in (dk.advise(product, wide, want="hvp"), dk.advise(bowl, SMOOTH, want="hvp")):
        assert advice.accurate and advice["hessian"].error < 1e-12 and advice["hvp"].error < 1e-12


def test_a_point_without_a_derivative_is_told() -> None:
    for text, x in (("log(x)", -1.0), ("sin(x)/x", 0.0)):
        advice = dk.advise(dk.parse(text), x=x)
        assert not advice.accurate and advice[advice.method].error_from == RULE
        assert "no derivative is known at this point" in said(advice)
        assert "as a rule" not in said(advice)


def test_answers_of_nan_are_no_derivative_that_is_infinite() -> None:
    told = said(dk.advise(dk.parse("log(cosh(x))"), x=800.0))
    assert "no method reaches 8.0 digits; all of them give NaN or infinity here" in told
    assert "the derivative is not finite" not in told
    assert "the derivative is not finite" in said(dk.advise(dk.parse("sqrt(x)"), x=0.0))


def test_what_is_unreliable_comes_behind_unless_it_was_seen_to_be_better() -> None:
    rough = Candidate("reverse", 1, 1, 1.0, 1.0, error=1e-3)
    kinked = Candidate("finite", 1, 1, 1.0, 1.0, error=1e-6, unreliable="a kink")
    assert _able([rough, kinked], 1e-8) == ([rough], False)
    kinked.error_from = MEASURED
    assert _able([rough, kinked], 1e-8) == ([kinked], False)
    kinked.error = rough.error
    assert _able([rough, kinked], 1e-8) == ([rough], False)
    told = said(dk.advise(dk.parse("(exp(x)-1)/x"), x=1e-9, accuracy=5))
    assert "no reliable method reaches 5.0 digits; 6.0 digits here by finite" in told


# The command line --------------------------------------------------------------------------------


def test_rows_and_json_say_where_errors_are_from(run: Any) -> None:
    words = ("advise", LOST, "--at", f"x={AT_LOST}")
    found = json.loads(run(*words, "--json").stdout)
    assert found["accurate"] is False and found["method"] != "symbolic"
    assert {row["error_from"] for row in found["methods"].values()} == {MEASURED}
    assert not any(row["accurate"] for row in found["methods"].values())
    header, *rows = run("advise", "x*x", "--at", "3").stdout.splitlines()
    names = header.split("\t")
    cells = {row.split("\t")[0]: dict(zip(names, row.split("\t"), strict=True)) for row in rows}
    assert cells["reverse"]["error_from"] == MEASURED and cells["reverse"]["accurate"] == "True"
    assert cells["symbolic"]["error_from"] == RULE
