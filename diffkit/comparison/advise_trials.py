"""Trying the methods: what they give, how far off it is, and how long it takes.

Every method that is predicted to answer soon is called once from nothing, as a user would call it,
and its answer is held against central differences of 40 digits (``engines/precise.py``), which
know none of the rules.  Where these would take too long, reverse mode is the reference.

    error = max |v − t| / max |t|        (max |v| where all t are 0)

The candidates that may still win are then timed in turns, so that a busy computer slows all of
them alike, and the least of several times counts: noise only adds.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf, isfinite, nan
from time import process_time
from typing import Any

import numpy as np

from diffkit.comparison.advise_costs import Candidate
from diffkit.comparison.advise_problem import Problem, numbers_in
from diffkit.comparison.spending import INTERRUPTED, Spending
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines.precise import true_derivatives
from diffkit.errors import DiffkitError, DiffkitWarning, KinkWarning

__all__ = ["Trials", "time_finalists", "try_methods"]

TRIAL_SECONDS = 0.25  # a method that is predicted to need longer is not tried
WORTH_ASKING = 2.0  # times the least cost of the others, up to which SymPy is asked
TRUTH_FLOPS = 40_000  # some 5 µs each in mpmath
TRUTH_DIGITS = 40
ROUNDING = 64  # rounding errors assumed for an exact method whose error was not measured
EXACT = ("reverse", "forward", "symbolic", "complex", "sparse", "hvp", "hessian")
FINITE_ERROR = 2 / 3  # of the digits remain with central differences (Numerical Recipes, §5.7)
TIMING_SECONDS, MOST_ROUNDS = 0.25, 5
AGAIN_SECONDS, FEWEST_AGAIN = 2e-3, 3

Answers = dict[str, np.ndarray]


@dataclass
class Trials:
    """What the trials gave: the reference of the errors, and the methods that were not tried."""

    reference: str = "nothing: errors are those that the methods have as a rule"
    missing: dict[str, str] = field(default_factory=dict)
    interrupted: bool = False


def try_methods(problem: Problem, candidates: Sequence[Candidate], spending: Spending) -> Trials:
    """Run what answers soon while there is time, and fill in errors and first times.

    What is not reached keeps its prediction.  Ctrl-C ends the trials.
    """
    answers: Answers = {}
    found = Trials()
    for candidate in sorted(candidates, key=lambda c: c.method == "symbolic"):
        if not _is_worth_trying(problem, candidate, candidates):
            continue
        reason = INTERRUPTED if found.interrupted else spending.reason()
        try:
            if reason is None:
                _try(problem, candidate, answers, spending)
        except KeyboardInterrupt:
            found.interrupted, reason = True, INTERRUPTED
        if reason is not None:
            found.missing[candidate.method] = reason
    _judge_all(problem, candidates, answers, found)
    return found


def _judge_all(
    problem: Problem, candidates: Sequence[Candidate], answers: Answers, found: Trials
) -> None:
    reference: Any = None
    try:
        if not found.interrupted:
            reference, found.reference = _reference(problem, answers)
    except KeyboardInterrupt:
        found.interrupted = True
    for candidate in candidates:
        _judge(problem, candidate, answers.get(candidate.method), reference)


def _is_worth_trying(
    problem: Problem, candidate: Candidate, candidates: Sequence[Candidate]
) -> bool:
    if candidate.method == "symbolic":
        return _is_worth_asking(problem, candidate, candidates)
    return candidate.first <= TRIAL_SECONDS


def _is_worth_asking(
    problem: Problem, symbolic: Candidate, candidates: Sequence[Candidate]
) -> bool:
    """Whether SymPy, which may take seconds, is predicted to come near the others."""
    if symbolic.refused is not None:
        return False
    others = [c for c in candidates if c is not symbolic and c.refused is None]
    least = min((c.total(problem.repeats) for c in others), default=inf)
    return symbolic.total(problem.repeats) <= WORTH_ASKING * least


def _try(problem: Problem, candidate: Candidate, answers: Answers, spending: Spending) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DiffkitWarning)
        try:
            call = problem.user_call(candidate.method)
            first, found = _timed(call)
            again = _again(call, spending)
            if (
                first <= TRIAL_SECONDS and spending.left > 0
            ):  # rules and modules that were loaded by the way do not count
                first = min(first, _timed(problem.user_call(candidate.method))[0])
            candidate.first, candidate.again = first, again
        except DiffkitError as error:
            candidate.refused = error.one_line
            return
    candidate.measured = True
    answers[candidate.method] = numbers_in(found)
    candidate.finite = bool(np.isfinite(answers[candidate.method]).all())
    for warning in caught:
        told = str(warning.message)
        if issubclass(warning.category, KinkWarning) and candidate.method not in EXACT:
            candidate.unreliable = candidate.unreliable or told
        elif told not in candidate.notes:
            candidate.notes.append(told)


def _timed(call: Any) -> tuple[float, Any]:
    start = process_time()
    found = call()
    return process_time() - start, found


def _again(call: Any, spending: Spending) -> float:
    """The least time of a further call; of one where there is no time for more."""
    least, spent, count = inf, 0.0, 0
    while count < FEWEST_AGAIN or spent < AGAIN_SECONDS:
        seconds, _ = _timed(call)
        least, spent, count = min(least, seconds), spent + seconds, count + 1
        if spent > TRIAL_SECONDS or spending.left <= 0:
            break
    return least


# Errors -----------------------------------------------------------------------------------------


def _reference(problem: Problem, answers: Answers) -> tuple[Any, str]:
    """What answers are held against, and its name."""
    target, inputs = problem.target, problem.inputs
    if problem.want != "hvp" and target.flops() * (4 * inputs + 1) <= TRUTH_FLOPS:
        try:
            call = problem.call
            return (
                true_derivatives(target, call.leaves, call.wrt, TRUTH_DIGITS, gradient_graph),
                f"central differences, {TRUTH_DIGITS} digits",
            )
        except (DiffkitError, ArithmeticError):
            pass
    for name in ("reverse", "hvp", "forward"):
        if name in answers:
            return answers[name], f"{name} mode in floating point" if name != "hvp" else name
    return None, Trials.reference


def _judge(
    problem: Problem, candidate: Candidate, answer: np.ndarray | None, reference: Any
) -> None:
    """The error of a candidate: measured, or the rule's."""
    exact = candidate.method in EXACT
    candidate.error = problem.eps * ROUNDING if exact else problem.eps**FINITE_ERROR
    if answer is None or reference is None or answer is reference:
        return
    if isinstance(reference, np.ndarray):
        found = _relative(answer, reference) if reference.shape == answer.shape else nan
        if exact:  # both have rounding errors of their own
            found = max(found, problem.eps * ROUNDING)
    else:
        found = _relative(answer, _true_numbers(reference, answer, problem.call.wrt))
    if not np.isnan(found):
        candidate.error, candidate.error_measured = found, True


def _true_numbers(truth: Any, answer: np.ndarray, wrt: Sequence[int]) -> np.ndarray:
    """The truth in a row; NaN at kinks, where any slope between both sides will do."""
    from diffkit.comparison.accuracy import rounded_array

    rows, start = [], 0
    for i, blocks in enumerate(truth.blocks):
        for place, block in zip(wrt, blocks, strict=True):
            flat = rounded_array(block).reshape(-1)
            for (output, leaf, index), sides in truth.sides.items():
                if (output, leaf) == (i, place):
                    low, high = sorted(float(side) for side in sides)
                    flat[index] = np.clip(answer[start + index], low, high)
            rows.append(flat)
            start += flat.size
    return np.concatenate(rows) if rows else np.zeros(0)


def _relative(answer: np.ndarray, true: np.ndarray) -> float:
    """max |v − t| / max |t|, absolute where all t are 0; NaN where nothing is known.

    It is infinite where a number is missing.
    """
    known = ~np.isnan(true)
    if not known.any():
        return nan
    with np.errstate(invalid="ignore"):
        off = np.where(answer[known] == true[known], 0.0, np.abs(answer[known] - true[known]))
    worst = float(np.max(off)) if not np.isnan(off).any() else inf
    finite = np.abs(true[known & np.isfinite(true)])
    largest = float(np.max(finite, initial=0.0))
    return worst / (largest or 1.0) if isfinite(worst) else inf


# Times ------------------------------------------------------------------------------------------


def time_finalists(problem: Problem, finalists: Sequence[Candidate], spending: Spending) -> None:
    """Time some candidates in turns while there is time; the least of all times is kept."""
    tried = [candidate for candidate in finalists if candidate.measured]
    if len(tried) < 2:
        return
    spent = 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DiffkitWarning)
        for _ in range(MOST_ROUNDS):
            for candidate in tried:
                if spending.left <= 0:
                    return
                call = problem.user_call(candidate.method)
                first, _ = _timed(call)
                again = _again(call, spending)
                candidate.first = min(candidate.first, first)
                candidate.again = min(candidate.again, again)
                spent += first + again * FEWEST_AGAIN
            if spent > TIMING_SECONDS:
                break
