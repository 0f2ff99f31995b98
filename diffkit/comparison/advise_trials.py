"""Trying the methods: what they give, how far off it is, and how long it takes.

Every method that is predicted to answer soon is called once from nothing, as a user would call it,
and its answer is held against central differences of 40 digits (``engines/precise.py``), which
know none of the rules, or for many inputs against a certified reverse sweep of as many digits.
Where these would take too long, reverse mode is the reference; where the methods then contradict
each other, a longer time is spent on the truth.

    error = max |v − t| / max |t|        (max |v| where all t are 0)

A method that was not tried has the error of its kind as a rule, until ``measure_claim`` tries it
for being chosen by that rule alone, or ``estimate_untried`` gives it what the others have here.

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

from diffkit.comparison.advise_costs import MEASURED, OTHERS, RULE, Candidate
from diffkit.comparison.advise_problem import Problem, matrix_of, numbers_in
from diffkit.comparison.spending import INTERRUPTED, Spending
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines.precise import (
    DIFFERENCE_FLOPS,
    MOST_SCALARS,
    REVERSE_RUNS,
    true_derivatives,
)
from diffkit.errors import DiffkitError, DiffkitWarning, KinkWarning

__all__ = ["Trials", "estimate_untried", "measure_claim", "time_finalists", "try_methods"]

TRIAL_SECONDS = 0.25  # a method that is predicted to need longer is not tried
WORTH_ASKING = 2.0  # times the least cost of the others, up to which SymPy is asked
TRUTH_FLOPS = 40_000  # some 5 µs each in mpmath
DOUBTFUL_FLOPS = 10 * TRUTH_FLOPS  # where the methods contradict each other
CONTRADICTION = 1e-6  # differences smooth functions keep, between finite differences and the others
TRUTH_DIGITS = 40
DIFFERENCES, SWEEP = "central differences", "a certified reverse sweep"
ROUNDING = 64  # rounding errors assumed for an exact method whose error was not measured
EXACT = ("reverse", "forward", "symbolic", "complex", "sparse", "hvp", "hessian")
FINITE_ERROR = 2 / 3  # of the digits remain with central differences (Numerical Recipes, §5.7)
TIMING_SECONDS, MOST_ROUNDS = 0.25, 5
AGAIN_SECONDS, FEWEST_AGAIN = 2e-3, 3

UNKNOWN = "nothing: no derivative is known here, so errors are those as a rule"

Answers = dict[str, np.ndarray]


@dataclass
class Trials:
    """What the trials gave: the reference of the errors, and the methods that were not tried.

    ``truth`` is what the reference stands for, and ``unknown`` says that it has no number here.
    """

    reference: str = "nothing: errors are those that the methods have as a rule"
    missing: dict[str, str] = field(default_factory=dict)
    interrupted: bool = False
    answers: Answers = field(default_factory=dict)
    truth: Any = None
    unknown: bool = False


def try_methods(problem: Problem, candidates: Sequence[Candidate], spending: Spending) -> Trials:
    """Run what answers soon while there is time, and fill in errors and first times.

    What is not reached keeps its prediction.  Ctrl-C ends the trials.
    """
    found = Trials()
    for candidate in sorted(candidates, key=lambda c: c.method == "symbolic"):
        if not _is_worth_trying(problem, candidate, candidates):
            continue
        _attempt(problem, candidate, found, spending)
    _judge_all(problem, candidates, found, spending)
    return found


def _attempt(
    problem: Problem, candidate: Candidate, found: Trials, spending: Spending, needed: float = 0.0
) -> None:
    """Try a method if there is time, and note why where there is none."""
    reason = INTERRUPTED if found.interrupted else spending.reason(needed)
    try:
        if reason is None:
            _try(problem, candidate, found.answers, spending)
    except KeyboardInterrupt:
        found.interrupted, reason = True, INTERRUPTED
    if reason is not None:
        found.missing[candidate.method] = reason


def _judge_all(
    problem: Problem, candidates: Sequence[Candidate], found: Trials, spending: Spending
) -> None:
    try:
        if not found.interrupted:
            found.truth, found.reference = _reference(problem, found.answers, TRUTH_FLOPS)
        _judge_each(problem, candidates, found)
        if _is_doubtful(problem, candidates, found) and spending.reason() is None:
            found.truth, found.reference = _reference(problem, found.answers, DOUBTFUL_FLOPS)
            _judge_each(problem, candidates, found)
    except KeyboardInterrupt:
        found.interrupted = True
        _judge_each(problem, candidates, found)
    tried = [c for c in candidates if found.answers.get(c.method, np.zeros(0)).size]
    held = [c for c in tried if found.answers[c.method] is not found.truth]
    if found.truth is not None and held and not any(c.error_measured for c in held):
        found.unknown, found.reference = True, UNKNOWN


def _judge_each(problem: Problem, candidates: Sequence[Candidate], found: Trials) -> None:
    for candidate in candidates:
        _judge(problem, candidate, found.answers.get(candidate.method), found.truth)


def _is_doubtful(problem: Problem, candidates: Sequence[Candidate], found: Trials) -> bool:
    """Whether the reference is a method that the others contradict: then all may be wrong."""
    if not any(answer is found.truth for answer in found.answers.values()):
        return False
    seen = [c for c in candidates if c.error_measured]
    exact = any(c.error > ROUNDING * problem.eps for c in seen if c.method in EXACT)
    return exact or any(c.error > max(CONTRADICTION, problem.eps**FINITE_ERROR) for c in seen)


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


def _reference(problem: Problem, answers: Answers, flops: int) -> tuple[Any, str]:
    """What answers are held against, and its name; the truth where it takes no more operations."""
    work, how = _truth_work(problem)
    if work <= flops:
        try:
            call = problem.call
            truth = true_derivatives(
                problem.target, call.leaves, call.wrt, TRUTH_DIGITS, gradient_graph
            )
            if problem.want == "hvp":
                product = _true_product(problem, truth)
                if np.isfinite(product).all():
                    return product, f"{how}, {TRUTH_DIGITS} digits"
            elif truth.certified or how == DIFFERENCES:
                return truth, f"{how}, {TRUTH_DIGITS} digits"
        except (DiffkitError, ArithmeticError):
            pass
    for name in ("reverse", "hvp", "forward"):
        if name in answers:
            return answers[name], f"{name} mode in floating point" if name != "hvp" else name
    return None, Trials.reference


def _true_product(problem: Problem, truth: Any) -> np.ndarray:
    """The true Hessian times the direction; NaN beside kinks of the gradient."""
    sizes = [int(np.size(problem.call.leaves[place])) for place in problem.call.wrt]
    total = sum(sizes) ** 2
    numbers = _true_numbers(truth, np.full(total, np.nan), problem.call.wrt)
    return matrix_of(numbers, sizes) @ problem.direction


def _truth_work(problem: Problem) -> tuple[int, str]:
    """The operations of many digits that the truth takes, and how it is found."""
    flops = problem.target.flops()
    work = flops * (4 * problem.inputs + 1)
    if problem.want == "gradient" and (problem.inputs > MOST_SCALARS or work > DIFFERENCE_FLOPS):
        return flops * REVERSE_RUNS, SWEEP
    return work, DIFFERENCES


def _judge(
    problem: Problem, candidate: Candidate, answer: np.ndarray | None, reference: Any
) -> None:
    """The error of a candidate: measured, or the rule's."""
    exact = candidate.method in EXACT
    candidate.error = problem.eps * ROUNDING if exact else problem.eps**FINITE_ERROR
    candidate.error_from = RULE
    if answer is None or reference is None or answer is reference:
        return
    if isinstance(reference, np.ndarray):
        found = _relative(answer, reference) if reference.shape == answer.shape else nan
        if exact:  # both have rounding errors of their own
            found = max(found, problem.eps * ROUNDING)
    else:
        found = _relative(answer, _true_numbers(reference, answer, problem.call.wrt))
    if not np.isnan(found):
        candidate.error, candidate.error_from = found, MEASURED


def measure_claim(problem: Problem, claim: Candidate, found: Trials, spending: Spending) -> bool:
    """Measure a method that was not tried yet; whether it was now tried, or refused.

    It may take what is left of the budget, for its accuracy is all that speaks for it.
    """
    if claim.measured or claim.method in found.missing:
        return False
    _attempt(problem, claim, found, spending, claim.first)
    _judge(problem, claim, found.answers.get(claim.method), found.truth)
    return claim.measured or claim.refused is not None


def estimate_untried(candidates: Sequence[Candidate], found: Trials) -> None:
    """Errors of methods that were not measured: no less than the first exact one has here.

    All of them evaluate the same function, so what rounding does to it, it does to them too.  The
    complex step comes last, for it fails in ways of its own.  The reference itself is as doubtful
    as the method that comes nearest to it.
    """
    known = [c.error for c in candidates if c.error_measured and c.method in EXACT]  # by preference
    if not known or found.unknown:
        return
    for candidate in candidates:
        if candidate.error_measured or candidate.refused is not None:
            continue
        is_reference = candidate.method in found.answers
        others = min(known) if is_reference else known[0]
        if others > candidate.error:
            candidate.error, candidate.error_from = others, OTHERS


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
