"""Advice in sentences: sizes, operations, costs, what was ruled out, and where the choice turns.

The break-even count is where two straight lines meet,

    first₁ + (k − 1) again₁ = first₂ + (k − 1) again₂,

so a reader who will take more, or fewer, derivatives than were asked about sees what changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, isfinite, log10

from diffkit.comparison.advise_costs import MEASURED, OTHERS, RULE, Candidate
from diffkit.comparison.advise_problem import Problem
from diffkit.comparison.rendering import seconds_text

__all__ = ["digits_text", "reasons_for"]

NOTABLE = 1.02  # ratios below this are not worth a sentence
MOST_REPEATS = 1e9  # beyond this many repeats nothing is said to pay
IN_WORDS = {
    "reverse": "reverse mode",
    "forward": "forward mode",
    "complex": "the complex step",
    "finite": "finite differences",
    "symbolic": "the formula",
    "sparse": "a sparse matrix by colours",
    "hvp": "a product without the Hessian",
    "hessian": "the formed Hessian",
}
FROM = {MEASURED: "here", RULE: "as a rule", OTHERS: "as the other exact methods here"}
RUNS = ("finite", "complex")


def reasons_for(
    problem: Problem,
    chosen: Candidate,
    rest: Sequence[Candidate],
    accurate: bool,
    unknown: bool = False,
    helps: Sequence[str] = (),
) -> list[str]:
    """Why this candidate, in sentences; ``unknown`` says that no derivative is known here."""
    able = [c for c in rest if c.refused is None and _reaches(c, problem.accuracy)]
    found = [_sizes(problem), _operations(problem, chosen), _cost(problem, chosen, able, accurate)]
    found += [_unknown() if unknown else _error(problem, chosen, accurate), *helps]
    found += [_ruled_out(c, problem.accuracy) for c in rest if not _reaches(c, problem.accuracy)]
    found += _turns(problem, chosen, able)
    return [sentence for sentence in found if sentence]


def _reaches(candidate: Candidate, accuracy: float) -> bool:
    trusted = candidate.refused is None and candidate.unreliable is None
    return trusted and candidate.error <= accuracy


def _name(candidate: Candidate) -> str:
    return IN_WORDS[candidate.method]


def _sizes(problem: Problem) -> str:
    n, m = problem.inputs, problem.outputs
    inputs = f"{n:,} input{'s' if n != 1 else ''}"
    if problem.want in ("hessian", "hvp"):
        return f"{inputs}: the Hessian has {n:,} × {n:,} entries"
    return f"{inputs}, {m:,} output{'s' if m != 1 else ''}"


def _operations(problem: Problem, chosen: Candidate) -> str:
    own = problem.graph.flops()
    if chosen.operations is None or not own:
        return ""
    sweeps = f"{chosen.sweeps:,} {'run' if chosen.method in RUNS else 'sweep'}"
    ratio = chosen.operations / own
    return (
        f"{_name(chosen)}: {sweeps}{'s' if chosen.sweeps != 1 else ''}, "
        f"{chosen.operations:,} operations, {ratio:.3g} times the function's {own:,}"
    )


def _cost(problem: Problem, chosen: Candidate, able: Sequence[Candidate], accurate: bool) -> str:
    count = problem.repeats
    what = "1 derivative" if count == 1 else f"{count:,} derivatives"
    how = "measured" if chosen.measured else "predicted"
    told = f"{what}: {seconds_text(chosen.total(count))} ({how})"
    if not able:
        return f"{told}; nothing else reaches the accuracy" if accurate else told
    second = min(able, key=lambda c: c.total(count))
    ratio = second.total(count) / chosen.total(count)
    if ratio < NOTABLE:
        return f"{told}, the same as {_name(second)}"
    return f"{told}, {_name(second)} {ratio:.3g} times as much"


def digits_text(error: float) -> str:
    """An error as digits: ``8.3 digits``.

    >>> digits_text(1e-8), digits_text(0.0)
    ('8.0 digits', 'all digits')
    """
    if error != error:
        return "unknown"
    return "all digits" if error == 0 else f"{max(-log10(error), 0.0):.1f} digits"


def _unknown() -> str:
    return (
        "no derivative is known at this point to hold the methods against: none can be told right"
    )


def _digits(candidate: Candidate) -> str:
    """The digits of a method, and where they are from."""
    return f"{digits_text(candidate.error)} {FROM[candidate.error_from]}"


def _error(problem: Problem, chosen: Candidate, accurate: bool) -> str:
    wanted = digits_text(problem.accuracy)
    if not accurate and not isfinite(chosen.error):
        return f"no method reaches {wanted}; all of them give NaN or infinity here"
    if not chosen.finite:
        return "the derivative is not finite at this point, so no method can be told right"
    if not accurate:
        trusted = "reliable " if chosen.error <= problem.accuracy else ""
        return f"no {trusted}method reaches {wanted}; {_nearest(chosen)}"
    return f"{_name(chosen)}: {_digits(chosen)}, {wanted} are needed"


def _nearest(chosen: Candidate) -> str:
    """What the best method has where none is accurate."""
    if chosen.error >= 1:
        return f"the best, {_name(chosen)}, has no correct digit {FROM[chosen.error_from]}"
    doubt = f", though unreliable: {chosen.unreliable}" if chosen.unreliable else ""
    return f"{_digits(chosen)} by {_name(chosen)} come nearest{doubt}"


def _ruled_out(candidate: Candidate, accuracy: float) -> str:
    name = _name(candidate)
    if candidate.refused is not None:
        return f"not {name}: {candidate.refused}"
    if candidate.unreliable is not None:
        return f"not {name}: unreliable here, {candidate.unreliable}"
    return f"not {name}: {_digits(candidate)}, {digits_text(accuracy)} are needed"


def _turns(problem: Problem, chosen: Candidate, able: Sequence[Candidate]) -> list[str]:
    """Up to where another method is the cheaper one, and from where on one will be."""
    before: list[tuple[float, str]] = []
    after: list[tuple[float, str]] = []
    for other in able:
        slower = chosen.again - other.again
        if slower == 0:
            continue
        meeting = 1 + (other.first - chosen.first) / slower
        if slower < 0 and 2 < meeting <= problem.repeats:
            before.append(
                (meeting, f"up to {ceil(meeting) - 1:,} derivatives {_name(other)} would cost less")
            )
        elif slower > 0 and problem.repeats < meeting <= MOST_REPEATS:
            after.append(
                (meeting, f"from {ceil(meeting):,} derivatives on {_name(other)} will cost less")
            )
    return [sentence for _, sentence in sorted(before)[-1:] + sorted(after)[:1]]
