"""What helps where no method is accurate: mostly not another method, but another formula.

All exact methods evaluate the same function, and lose the same digits where it cancels.  So a
diagnosis is taken where it is quick, and its worst finding is told, with the remedy it tried:

    (1 − cos x)/x²  at 10⁻⁵:   no digit by any method,   np.sinc(x/2/np.pi)**2/2:   all digits

Reading on: ``diagnose.py``.
"""

from __future__ import annotations

from math import log10

from diffkit.comparison.advise_problem import Problem
from diffkit.comparison.diagnose import Diagnosis, diagnose
from diffkit.comparison.spending import Spending
from diffkit.errors import DiffkitError

__all__ = ["help_for"]

QUICK_FLOPS = 4_000  # times the inputs: followed with 120 digits within a second
ADVICE = "what helps: dk.diagnose (`diffkit diagnose`) finds the line that loses the digits"


def help_for(problem: Problem, spending: Spending) -> list[str]:
    """Sentences on what to do where no method reaches the accuracy."""
    if problem.accuracy < problem.eps:
        return [f"numbers of this type hold about {-log10(problem.eps):.0f} digits"]
    if problem.want == "jacobian":  # a diagnosis is of a number and its gradient
        return [f"{ADVICE}, of one output at a time"]
    found = _diagnosis(problem, spending)
    if found is None or not found.findings:
        return [ADVICE]
    worst = found.findings[0]
    where = f" at {worst.line}" if worst.line else ""
    more = f"; try {worst.remedy}" if worst.remedy else ""
    return [f"what helps: `diffkit diagnose` finds {worst.kind}{where}{more}"]


def _diagnosis(problem: Problem, spending: Spending) -> Diagnosis | None:
    """The diagnosis of a small function while there is time."""
    work = problem.graph.flops() * (problem.inputs + 1)
    if work > QUICK_FLOPS or spending.reason() is not None:
        return None
    try:
        return diagnose(problem.f, *problem.args, argnums=problem.argnums, **problem.kwargs)
    except (DiffkitError, ArithmeticError):
        return None
