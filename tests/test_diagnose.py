"""``dk.diagnose`` finds planted faults by kind and line, and finds nothing where nothing is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from diagnose_battery import PLANTED, Planted
from diagnose_clean import CLEAN

import diffkit as dk
from diffkit.comparison.cases import CASES
from diffkit.comparison.diagnose_finding import KINDS, SEVERITIES

WITHOUT_FAULTS = ("baydin", "logistic-map", "rosenbrock", "speelpenning", "helmholtz")
WITH_DATA = ("softmax-digits-small", "mlp-digits", "cnn-digits")


def test_the_battery_has_every_kind() -> None:
    assert len(PLANTED) >= 40
    assert {planted.kind for planted in PLANTED} == set(KINDS)
    assert len({planted.name for planted in PLANTED}) == len(PLANTED)


@pytest.mark.parametrize("planted", PLANTED, ids=lambda planted: planted.name)
def test_a_planted_fault_is_found_on_its_line(planted: Planted) -> None:
    found = dk.diagnose(planted.function, *planted.args)
    right = [x for x in found if x.kind == planted.kind and x.text.endswith("# here")]
    assert right, str(found)
    assert right[0].line.startswith("diagnose_battery.py:")
    order = [SEVERITIES.index(x.severity) for x in found]
    assert order == sorted(order)
    assert found.ok == ("wrong" not in {x.severity for x in found})
    if planted.remedy is not None:
        cured = [x for x in found if x.remedy and planted.remedy in x.remedy]
        assert cured, str(found)
        before, after = cured[0].digits or ((0.0, 0.0), (0.0, 0.0))
        assert sum(after) > sum(before)


@pytest.mark.parametrize("place", range(len(CLEAN)))
def test_clean_functions_give_no_findings(place: int) -> None:
    function, args = CLEAN[place]
    found = dk.diagnose(function, *args)
    assert found.findings == ()
    assert found.ok and found.digits["value"] > 13.0


@pytest.mark.parametrize("name", WITHOUT_FAULTS + WITH_DATA)
def test_the_cases_of_compare_give_no_findings(name: str) -> None:
    if name in WITH_DATA:
        pytest.importorskip("sklearn")
    case = CASES[name]
    assert dk.diagnose(case.function, *case.arguments(), argnums=case.argnums).findings == ()


# Whose the loss is -------------------------------------------------------------------------------


def test_a_loss_of_the_formula_is_told_from_one_of_the_problem() -> None:
    (formula,) = dk.diagnose(lambda x: np.log(1 + x), 1e-10).findings
    assert (formula.kind, formula.fault) == ("cancellation", "formula")
    assert 9.5 < formula.digits_lost < 10.5
    (problem,) = dk.diagnose(np.sin, np.pi).findings
    assert (problem.kind, problem.fault, problem.severity) == ("ill-conditioned", "problem", "note")
    assert dk.diagnose(np.sin, np.pi).digits["value"] == 16.0


def test_a_loss_of_the_gradient_alone_is_found() -> None:
    found = dk.diagnose(lambda x: np.log1p(x) / x, 1e-9)
    assert found.digits["value"] > 15.0 > 8.0 > found.digits["gradient"]
    assert "∂/∂x" in found.findings[0].message


def test_numbers_that_are_exact_are_no_loss() -> None:
    assert dk.diagnose(lambda x, y: (x + y) - x, 2.0, 0.5).ok


def test_float32_has_fewer_digits_to_lose() -> None:
    found = dk.diagnose(lambda x: np.log(1 + x), np.float32(1e-4))
    assert found.findings[0].kind == "cancellation"
    assert found.findings[0].digits_lost < 7.3
    assert found.digits["value"] < 4.0


def test_a_chaotic_map_is_ill_conditioned_and_has_a_line() -> None:
    def logistic(x: Any) -> Any:
        for _ in range(300):
            x = 3.9 * x * (1.0 - x)
        return x

    (finding,) = dk.diagnose(logistic, 0.3).findings
    assert (finding.kind, finding.severity, finding.fault) == (
        "ill-conditioned",
        "wrong",
        "problem",
    )
    assert finding.text == "x = 3.9 * x * (1.0 - x)"


def test_a_matrix_of_large_condition_is_told() -> None:
    places = np.arange(8.0)
    hilbert = 1 / (places[:, None] + places + 1)

    def solved(b: Any) -> Any:
        return np.linalg.solve(hilbert, b)[0]

    assert dk.diagnose(solved, np.arange(1.0, 9.0)).findings[0].kind == "ill-conditioned"


# Remedies ----------------------------------------------------------------------------------------


def test_a_remedy_is_proposed_only_where_it_gains_digits() -> None:
    def f(x: Any) -> Any:
        return np.log(1 + x)

    assert dk.diagnose(f, 1e-9).findings[0].remedy == "np.log1p(x)"
    assert dk.diagnose(f, 2.0).findings == ()


def test_remedies_keep_the_users_names() -> None:
    def f(weights: Any, offset: Any) -> Any:
        scores = 100.0 * weights + offset
        return np.log(np.sum(np.exp(scores)))

    found = dk.diagnose(f, np.array([9.0, 1.0]), 2.0)
    assert found.findings[0].remedy == "dk.scipy.special.logsumexp(scores)"


def test_the_remedied_text_is_right_numpy() -> None:
    x = 1e-5
    found = dk.diagnose(lambda x: (1 - np.cos(x)) / x**2, x)
    assert found.findings[0].remedy == "np.sinc(x/2/np.pi)**2/2"
    assert float(np.sinc(x / 2 / np.pi) ** 2 / 2) == pytest.approx(0.5 - x**2 / 24, rel=1e-15)


def test_without_a_better_formula_there_is_no_remedy() -> None:
    found = dk.diagnose(lambda x, y: (x * y - 1.0) * 1e9, 3.0, 1 / 3)
    assert all(finding.remedy is None for finding in found)


# Births ------------------------------------------------------------------------------------------


def test_a_birth_tells_its_operands_and_what_became_of_it() -> None:
    found = dk.diagnose(lambda x: np.sum(x * np.log(x)), np.array([0.0, 1.0]))
    message = found.findings[0].message
    assert "log(0) = -inf, then mul(0, -inf) = nan" in message
    assert message.endswith("the value becomes NaN")


def test_what_is_not_selected_is_nobodys_fault() -> None:
    def f(x: Any) -> Any:
        return np.sum(np.where(x > 0, np.log(x), 0.0))

    kinds = {finding.kind for finding in dk.diagnose(f, np.array([-1.0, 2.0]))}
    assert not kinds & {"nan", "infinity"}


def test_a_true_infinity_is_no_fault_of_the_formula() -> None:
    found = dk.diagnose(np.sqrt, 0.0)
    assert found.ok
    assert [x.kind for x in found] == ["domain edge"]


def test_nan_arguments_are_named() -> None:
    found = dk.diagnose(lambda x: np.sum(x), np.array([1.0, np.nan]))
    assert "argument x holds 1 NaN" in found.findings[0].message
    assert not found.ok


def test_a_nan_of_the_reverse_sweep_is_found() -> None:
    found = dk.diagnose(lambda x: np.sqrt(np.sum(x**2)), np.zeros(2))
    assert np.isfinite(found.value) and np.isnan(found.gradient).all()
    assert "in the reverse sweep" in found.findings[0].message


# Kinks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("away, kinds", [(0.0, ["kink"]), (1e-6, ["near kink"]), (1e-3, [])])
def test_a_kink_is_near_within_two_steps(away: float, kinds: list[str]) -> None:
    found = dk.diagnose(lambda x: np.abs(x - 1.0), 1.0 + away)
    assert [x.kind for x in found if "kink" in x.kind] == kinds


def test_a_kink_that_the_value_does_not_depend_on_does_not_count() -> None:
    assert dk.diagnose(lambda x: np.abs(x) ** 2 + x, 0.0).findings == ()
    assert dk.diagnose(lambda x: np.where(x > -1.0, x, np.abs(x - 0.5)), 0.5).findings == ()


def test_kinks_of_a_batch_are_one_finding() -> None:
    found = dk.diagnose(lambda x: np.sum(np.maximum(x, 0.0)), np.array([0.0, 0.0, 2.0]))
    assert len(found.findings) == 1
    assert "2 of 3 elements" in found.findings[0].message
