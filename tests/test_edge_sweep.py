"""No silent NaN, no wrong number, no foreign error: the coverage page at special points.

``edge_sweep.py`` says what is tried and what is a finding.  A part of the functions, every
sixteenth of the page, is tried with every run of the tests, all of them with the slow ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from edge_sweep import findings, supported

pytestmark = pytest.mark.filterwarnings("ignore")
EVERY = 16

TIES = "finite differences move one of the tied numbers, which changes nothing"
SIZES = "zeros decide how many numbers there are: a branch, captured as it went (docs/kinks.md)"
SETS = "equal elements share a slope evenly, and a moved one is no longer equal"
CANCELLED = "the formula adds numbers of 1e300 that cancel, and its digits are gone"

# (function, method) → why its findings are right as they are
DECLARED: dict[tuple[str, str], str] = {
    ("np.median", "finite"): TIES,
    ("np.nanmedian", "finite"): TIES,
    ("np.trim_zeros", "finite"): SIZES,
    ("np.polymul", "finite"): SIZES,
    ("np.intersect1d", "finite"): SETS,
    ("np.cov", "symbolic"): CANCELLED,
}


def undeclared(name: str) -> list[tuple[str, str, str]]:
    return [found for found in findings(name) if (name, found[0]) not in DECLARED]


@pytest.mark.parametrize("name", supported()[::EVERY])
def test_a_part_of_the_page_at_special_points(name: str) -> None:
    assert undeclared(name) == []


@pytest.mark.slow
@pytest.mark.parametrize("start", range(1, EVERY))
def test_the_whole_page_at_special_points(start: int) -> None:
    for name in supported()[start::EVERY]:
        assert undeclared(name) == [], name


@pytest.mark.slow
@pytest.mark.parametrize(("name", "method"), DECLARED)
def test_nothing_is_declared_for_no_reason(name: str, method: str) -> None:
    assert any(found[0] == method for found in findings(name))


# The sweep itself ---------------------------------------------------------------------------------


def _foreign(x: Any) -> Any:
    if x[0] > 1e200:
        raise ZeroDivisionError
    return np.sum(x)


def _branch(x: Any) -> Any:
    return np.sum(x) if x[0] == 0 else np.sum(x) * (1.0 + x[0])


@pytest.mark.parametrize(
    ("f", "said"),
    [(_foreign, "untyped ZeroDivisionError"), (_branch, "is not")],
    ids=["a foreign error", "two numbers"],
)
def test_the_sweep_finds_what_is_planted(f: Any, said: str) -> None:
    assert any(said in text for _, _, text in findings("planted", f))


def test_the_sweep_finds_nothing_in_a_smooth_function() -> None:
    assert not list(findings("smooth", lambda x: np.sum(np.tanh(x))))
