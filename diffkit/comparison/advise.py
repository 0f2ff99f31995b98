"""Which method should I use?  A recommendation, with the numbers behind it.

    least   seconds(method, repeats)   over the methods with   error(method) ≤ accuracy

There is no best method.  Reverse mode gives a gradient for a few evaluations, whatever the number
of inputs, but its graph has to be derived first; two runs per input may be done before that.  A
formula that SymPy derives is fast to evaluate and slow to make.  A Jacobian with few columns asks
for forward mode, one with few entries for colours.  So ``advise`` counts operations, predicts
seconds (``advise_costs.py``), tries what answers soon against a truth of 40 digits
(``advise_trials.py``), and settles small differences by measuring.

Reading on: Griewank & Walther 2008, *Evaluating Derivatives*, chapters 3, 4 and 8; Dalle & Hill
2025, *A common interface for automatic differentiation*, on choosing among back ends.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import isfinite
from time import process_time
from typing import Any

from diffkit.comparison.advise_costs import Candidate, candidates_of
from diffkit.comparison.advise_problem import Problem
from diffkit.comparison.advise_reasons import reasons_for
from diffkit.comparison.advise_trials import (
    Trials,
    estimate_untried,
    measure_claim,
    time_finalists,
    try_methods,
)
from diffkit.comparison.spending import Spending
from diffkit.differentiate.budget import SECONDS
from diffkit.engines.calling import chosen_engine
from diffkit.errors import BudgetError, InputError
from diffkit.graph.ir import Graph

__all__ = ["Advice", "advise"]

CLOSE = 2.0  # times the least cost within which candidates are measured against each other
EVEN = 1.05  # costs that differ by less are the same: then the order of preference decides
INACCURATE = 3.0  # times the least error within which methods stand when none is accurate enough
BUILDING_SECONDS = 30.0  # the machine's kernels, compiled once per computer on two cores


@dataclass(frozen=True, repr=False)
class Advice:
    """A recommended method, and why; see :func:`advise`.

    ``method`` is its name, ``engine`` the engine to run it on, ``call`` the line to write,
    ``reasons`` sentences, ``candidates`` all methods with their costs and errors, the recommended
    one first.  ``missing`` has the methods that were not measured and why, and ``interrupted``
    says whether Ctrl-C ended the measuring.  ``accurate`` says whether the method reaches the
    accuracy; where none does, the reasons say what helps.
    """

    method: str
    engine: str
    call: str
    reasons: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    title: str
    want: str
    inputs: int
    outputs: int
    operations: int
    repeats: int
    accuracy: float
    reference: str
    missing: dict[str, str] = field(default_factory=dict)
    interrupted: bool = False
    accurate: bool = True

    def __getitem__(self, method: str) -> Candidate:
        return {candidate.method: candidate for candidate in self.candidates}[method]

    def table(self) -> Any:
        """The candidates as a table: coloured by ``rich.print``, plain by ``print``."""
        from diffkit.comparison.advise_table import AdviceTable

        return AdviceTable(self)

    def to_dict(self) -> dict[str, Any]:
        """The advice as plain numbers, texts and lists (schema 1)."""
        from diffkit.comparison.advise_table import advice_dict

        return advice_dict(self)

    def __repr__(self) -> str:
        return f"<Advice for {self.title}: {self.method} on {self.engine}>"

    def __str__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        from diffkit.comparison.advise_table import advice_html

        return advice_html(self)


def advise(
    f: Callable[..., Any] | Graph,
    *args: Any,
    repeats: int = 1,
    accuracy: float = 1e-8,
    want: str = "gradient",
    argnums: int | Sequence[int] | None = None,
    engine: str = "auto",
    budget_seconds: float = SECONDS,
    **kwargs: Any,
) -> Advice:
    """Recommend a method for a derivative of ``f`` at a point, with the measurements behind it.

    ``f`` is called several times, as by a user who tries every method.  What the budget does
    not reach, and what an interruption (Ctrl-C) cut off, is predicted from the operations and the
    run that was measured.

    Parameters
    ----------
    f
        A plain NumPy function, or a graph; one made from text takes its variables by name.
    args, kwargs
        The point: numbers, arrays, or nested dicts, lists and tuples of them.
    repeats
        How many derivatives will be taken, at points of these shapes (for ``"hvp"``: products
        with the Hessian of one point).  The costs of capture and derivation are spread over them.
    accuracy
        The largest error, relative to the largest entry of the derivative; from 1 on it is a number
        of digits.
    want
        ``"gradient"``, ``"jacobian"``, ``"hessian"`` or ``"hvp"`` (a Hessian times a vector).
    argnums
        Which positional arguments to differentiate by; default all that hold floats.
    engine
        The engine that the methods are tried on.
    budget_seconds
        The seconds that trials of the methods may take, beyond the first run.

    Raises
    ------
    InputError
        For ``repeats`` below 1, an accuracy or a budget that is not positive, an unknown ``want``,
        or no argument.
    ShapeError
        When a gradient or a Hessian is wanted of more than one number.
    BudgetError
        When every method refuses.

    Source: operation counts as in Griewank & Walther 2008, sections 3.1 to 3.3.

    >>> import numpy as np, diffkit as dk
    >>> def f(x):
    ...     return np.sum(np.tanh(x) ** 2)
    >>> advice = dk.advise(f, np.linspace(-1, 1, 100), repeats=10_000)
    >>> advice.method, advice.call
    ('reverse', 'dk.grad(f)')
    """
    problem = Problem(f, args, kwargs, argnums, want, _count(repeats), _relative(accuracy), engine)
    start = process_time()
    graph = problem.graph
    capture = process_time() - start
    candidates = candidates_of(problem, capture)
    spending = Spending(budget_seconds)
    trials = try_methods(problem, candidates, spending)
    able, accurate = _settled(problem, candidates, trials, spending)
    try:
        if not trials.interrupted:
            time_finalists(problem, _close(able, problem.repeats), spending)
    except KeyboardInterrupt:
        trials.interrupted = True
    chosen = _least(able, problem.repeats)
    advised, told = _engine(problem, chosen)
    helps = [] if accurate else _help(problem, trials, spending)
    rest = [candidate for candidate in candidates if candidate is not chosen]
    rest.sort(key=lambda c: (c.refused is not None, c.total(problem.repeats)))
    return Advice(
        chosen.method, advised, problem.words(chosen.method),
        (*reasons_for(problem, chosen, rest, accurate, trials.unknown, helps), *_missing(trials),
         told), (chosen, *rest),
        graph.title or getattr(f, "__name__", "f"), want, problem.inputs, problem.outputs,
        graph.flops(), problem.repeats, problem.accuracy, trials.reference,
        trials.missing, trials.interrupted, accurate,
    )  # fmt: skip


def _settled(
    problem: Problem, candidates: Sequence[Candidate], trials: Trials, spending: Spending
) -> tuple[list[Candidate], bool]:
    """The candidates that reach the accuracy, none only because nobody looked.

    A method that was not tried, and would win over others that were tried and failed, is measured
    first; where that is not possible it fails with them.
    """
    able, accurate = _able(candidates, problem.accuracy)
    while accurate and _have_failed(candidates, problem.accuracy):
        claim = _least(able, problem.repeats)
        if claim.error_measured or not measure_claim(problem, claim, trials, spending):
            break
        able, accurate = _able(candidates, problem.accuracy)
    estimate_untried(candidates, trials)
    able, accurate = _able(candidates, problem.accuracy)
    return able, accurate and not trials.unknown


def _have_failed(candidates: Sequence[Candidate], accuracy: float) -> bool:
    return any(c.error_measured and c.error > accuracy for c in candidates)


def _help(problem: Problem, trials: Trials, spending: Spending) -> list[str]:
    """What helps where no method is accurate; Ctrl-C ends looking for it."""
    from diffkit.comparison.advise_help import help_for

    try:
        return [] if trials.interrupted else help_for(problem, spending)
    except KeyboardInterrupt:
        trials.interrupted = True
        return []


def _missing(trials: Trials) -> list[str]:
    """What was not measured, and why."""
    reasons: dict[str, list[str]] = {}
    for method, reason in trials.missing.items():
        reasons.setdefault(reason, []).append(method)
    told = [f"only predicted: {', '.join(names)} ({why})" for why, names in reasons.items()]
    return told or (["the measuring was interrupted"] if trials.interrupted else [])


def _count(repeats: Any) -> int:
    try:
        count = int(repeats)
    except (TypeError, ValueError, OverflowError):
        count = 0
    if count < 1 or count != repeats:
        raise InputError(f"repeats={repeats!r} is no number of derivatives", hint="1, 2, 3, …")
    return count


def _relative(accuracy: Any) -> float:
    """The largest relative error: given, or 10⁻ᵈ for d digits."""
    number = float(accuracy) if isinstance(accuracy, (int, float)) else float("nan")
    if not (isfinite(number) and number > 0):
        raise InputError(
            f"accuracy={accuracy!r} is neither a relative error nor a number of digits",
            hint="accuracy=1e-8, or accuracy=8 for eight digits.",
        )
    return 10.0**-number if number >= 1 else number


def _able(candidates: Sequence[Candidate], accuracy: float) -> tuple[list[Candidate], bool]:
    """The candidates that reach the accuracy; else those that come nearest to it, and False."""
    standing = [c for c in candidates if c.refused is None]
    if not standing:
        reasons = "; ".join(f"{c.method}: {c.refused}" for c in candidates)
        raise BudgetError(f"advise: every method refuses ({reasons})", hint="try a smaller input.")
    able = [c for c in standing if c.unreliable is None and c.error <= accuracy]
    if able:
        return able, True
    # What is unreliable counts here by the error that it was seen to have, behind the others.
    seen = [c for c in standing if c.unreliable is None or c.error_measured] or standing
    least = min(c.error for c in seen)
    near = [c for c in seen if c.error <= least * INACCURATE]
    return [c for c in near if c.unreliable is None] or near, False


def _close(able: Sequence[Candidate], repeats: int) -> list[Candidate]:
    least = min(c.total(repeats) for c in able)
    return [c for c in able if c.total(repeats) <= CLOSE * least]


def _least(able: Sequence[Candidate], repeats: int) -> Candidate:
    """The cheapest; among even ones the first, for candidates come in order of preference."""
    least = min(c.total(repeats) for c in able)
    return next(c for c in able if c.total(repeats) <= EVEN * least)


def _engine(problem: Problem, chosen: Candidate) -> tuple[str, str]:
    """The engine to use, and why."""
    here = chosen_engine(problem.engine)
    if problem.engine != "auto":
        return here, f"engine: {here}, as asked for"
    if here == "machine":
        return here, "engine: machine (compiled kernels are on disk, nothing to compile per graph)"
    if chosen.total(problem.repeats) > BUILDING_SECONDS:
        return "machine", "engine: machine, after `diffkit warmup` (half a minute, once)"
    return here, "engine: interpret (NumPy) until `diffkit warmup` has compiled the machine's"
