"""What each method will cost, said before it is run: operations counted, seconds predicted.

    seconds(repeats) = capture + derivation + repeats · call

Operations are exact counts of the graphs that a method runs (forward mode's are estimated for very
large graphs).  Seconds follow from them by a linear model,

    derivation = a + b · equations,      call = c + d · runs + operations / speed,

whose constants were fitted to half of the functions of the test battery on one computer
(``tests/test_advise_battery.py`` splits them); they only sort the candidates, since those that may
win are then measured.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import nan
from typing import Any

from diffkit.comparison.advise_problem import FORMED, SPARSE, Problem
from diffkit.differentiate.budget import OPERATIONS
from diffkit.differentiate.formula_sizes import graph_tree_operations, scalar_operations
from diffkit.differentiate.forward import pushforward_graph
from diffkit.differentiate.reverse import gradient_graph, pullback_graph
from diffkit.engines.calling import chosen_engine
from diffkit.errors import DiffkitError
from diffkit.graph.ir import Graph

__all__ = ["MEASURED", "OTHERS", "RULE", "Candidate", "candidates_of"]

MEASURED, RULE, OTHERS = "measured", "rule", "others"  # where an error is from

# Derivation: seconds for the graph itself, and for each of its equations.
DERIVATION = {
    "reverse": (1.0e-3, 12e-6), "forward": (0.85e-3, 90e-6), "complex": (0.7e-3, 58e-6),
    "finite": (0.3e-3, 21e-6), "symbolic": (20e-3, 0.0), SPARSE: (3e-3, 150e-6),
    "hvp": (2e-3, 100e-6), FORMED: (2e-3, 200e-6),
}  # fmt: skip
# A call: seconds for itself, and for each run or sweep.
CALL = {
    "reverse": (110e-6, 1e-6), "forward": (115e-6, 0.5e-6), "complex": (160e-6, 3e-6),
    "finite": (110e-6, 36e-6), "symbolic": (100e-6, 0.0), SPARSE: (60e-6, 1e-6),
    "hvp": (2e-6, 0.0), FORMED: (2e-6, 0.0),
}  # fmt: skip
QUICK_CALL = 1e-6  # one reverse sweep, called again with the same shapes
SPEED = 1e9  # operations per second of compiled loops
SCALAR_STEP = 7e-9  # seconds for each step of a scalar program
INTERPRETED = 3e-6  # seconds for each equation that NumPy runs
FORMULA_RATIO = 3  # operations of all derivatives after elimination over those of the function
SYMPY_SECONDS = 70e-6  # for each operation of a formula and variable
COMPLEX_COST = 4  # a complex operation in real ones
FORWARD_RATIO, REVERSE_RATIO = 2.5, 4.0  # operations of a sweep over the function's own, roughly
COUNTED_EQUATIONS = 2_000  # graphs up to which a sweep is made to count its operations

Methods = tuple[str, ...]
OFFERED: dict[str, Methods] = {
    "gradient": ("reverse", "forward", "complex", "symbolic", "finite"),
    "jacobian": ("reverse", "forward", SPARSE, "complex", "symbolic", "finite"),
    "hessian": ("reverse", SPARSE, "complex", "symbolic", "finite"),
    "hvp": ("hvp", FORMED),
}
"""The methods for each derivative, in the order in which they are preferred when costs are even."""


@dataclass
class Candidate:
    """One method: what it is predicted or measured to cost, and how accurate it is.

    ``first`` is a call that starts from nothing, ``again`` each further one, in seconds;
    ``error`` is relative to the largest entry, ``finite`` whether all entries are.  ``error_from``
    says whether the error was ``"measured"`` here, is the ``"rule"`` for such methods, or what the
    ``"others"`` have that were measured.  ``refused`` says why it is no choice at all,
    ``unreliable`` why its number cannot be trusted here.
    """

    method: str
    sweeps: int
    operations: int | None
    first: float
    again: float
    measured: bool = False
    error: float = nan
    error_from: str = RULE
    finite: bool = True
    refused: str | None = None
    unreliable: str | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def error_measured(self) -> bool:
        """Whether the error is of this method at this point."""
        return self.error_from == MEASURED

    def total(self, repeats: int) -> float:
        """Seconds for so many derivatives."""
        return self.first + (repeats - 1) * self.again


def candidates_of(problem: Problem, capture: float) -> list[Candidate]:
    """Every method for this derivative, with predicted costs; ``capture`` seconds are common."""
    offered = OFFERED[problem.want]
    if SPARSE in offered and not _is_one_array(problem):
        offered = tuple(method for method in offered if method != SPARSE)
    return [_candidate(problem, method, capture) for method in offered]


def _is_one_array(problem: Problem) -> bool:
    """Whether colours may help: one argument, one output, both of several numbers."""
    many = problem.inputs > 1 and problem.outputs > 1
    return many and len(problem.call.wrt) == 1 and len(problem.target.output_nodes) == 1


def _candidate(problem: Problem, method: str, capture: float) -> Candidate:
    target = problem.target
    equations = sum(1 for _ in target.equation_nodes())
    found = Candidate(method, _sweeps(problem, method), None, nan, nan)
    if method == "symbolic":
        _judge_formula(problem, found)
    else:
        found.operations = _operations(problem, method, found.sweeps)
    setup, per_equation = DERIVATION[method]
    each, per_sweep = CALL[method]
    if method == "reverse" and problem.is_scalar:
        each, per_sweep = QUICK_CALL, 0.0
    runs = _runs(problem, method, found.sweeps)
    interpreted = chosen_engine(problem.engine) == "interpret"
    work = (found.operations or 0) / SPEED
    work += INTERPRETED * equations * runs if interpreted else 0.0
    if method == "symbolic":
        steps = FORMULA_RATIO * scalar_operations(target)
        work = steps * (INTERPRETED if interpreted else SCALAR_STEP)
    found.again = each + per_sweep * found.sweeps + work
    found.first = capture + setup + per_equation * equations + found.again
    if method == "symbolic":
        found.first += SYMPY_SECONDS * _formula_work(problem)
    if method == FORMED:  # the matrix is made once; afterwards it is a product of n² terms
        found.first += problem.inputs * work
        found.again = each + 2 * problem.inputs**2 / SPEED
    return found


def _runs(problem: Problem, method: str, sweeps: int) -> int:
    """How many programs a call starts: sweeps share a program, displaced points do not."""
    return sweeps if method in ("finite", "complex") else 1


def _sweeps(problem: Problem, method: str) -> int:
    n, m = problem.inputs, problem.outputs
    if method == SPARSE:
        return _colours(problem)
    counts = {"forward": n, "finite": 2 * n + 1, "complex": n + 1, "symbolic": 1, "hvp": 1}
    counts["reverse"] = n if problem.want == "hessian" else m
    return counts.get(method, n)


def _colours(problem: Problem) -> int:
    """One sweep per colour of the pattern; all of them where there is no pattern."""
    from diffkit.differentiate.sparsity import hessian_sparsity, jacobian_sparsity

    place = problem.call.wrt[0]
    try:
        if problem.want == "hessian":
            return hessian_sparsity(problem.graph, place).colors
        return jacobian_sparsity(problem.graph, place).colors
    except DiffkitError:
        return min(problem.inputs, problem.outputs)


def _operations(problem: Problem, method: str, sweeps: int) -> int:
    target = problem.target
    own = target.flops()
    if method == "finite":
        return sweeps * own
    if method == "complex":
        return own * (1 + COMPLEX_COST * (sweeps - 1))
    if method == "reverse" and problem.is_scalar:
        return _swept(target, problem.call.wrt, "gradient")
    direction = "forward" if method != "reverse" or problem.want == "hessian" else "pullback"
    return sweeps * _swept(target, problem.call.wrt, direction)


def _swept(graph: Graph, wrt: Any, kind: str) -> int:
    """The operations of one sweep: counted, or estimated for very large graphs."""
    if sum(1 for _ in graph.equation_nodes()) > COUNTED_EQUATIONS:
        ratio = FORWARD_RATIO if kind == "forward" else REVERSE_RATIO
        return round(ratio * graph.flops())
    makers = {"gradient": gradient_graph, "pullback": pullback_graph, "forward": pushforward_graph}
    return makers[kind](graph, tuple(wrt)).flops()


def _formula_work(problem: Problem) -> int:
    """Operations of the formula as a tree, once per variable: what SymPy differentiates."""
    return graph_tree_operations(problem.target) * max(problem.inputs, 1)


def _judge_formula(problem: Problem, found: Candidate) -> None:
    """Refuse formulas beyond the budget, from sizes counted on the shared graph."""
    shared, work = scalar_operations(problem.target), _formula_work(problem)
    if max(shared, work) > OPERATIONS:
        shown = f"{work:,}" if work < 10**12 else f"10^{len(str(work)) - 1}"
        found.refused = (
            f"SymPy would differentiate {shown} operations ({shared:,} shared, as a tree and once "
            f"per variable); its budget is {OPERATIONS:,}"
        )
        return
    found.notes.append(f"formula of {shared:,} shared operations, {work:,} to differentiate")
