"""The seven forms of a derivative whose operations ``dk.swell`` counts, as a table.

Each form is a function of one :class:`Subject`, a function written out in scalars with the inputs
it is differentiated by.  What the forms mean is told in ``comparison/swell.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from diffkit.differentiate.budget import Budget
from diffkit.differentiate.equivalence import normal_form
from diffkit.differentiate.formula_calculus import differentiated
from diffkit.differentiate.formula_sizes import tree_operations
from diffkit.differentiate.formulas import input_symbols, outputs_over
from diffkit.differentiate.forward import pushforward_graph
from diffkit.differentiate.reverse import gradient_graph, scalar_output
from diffkit.differentiate.scalars import scalar_graph
from diffkit.differentiate.symbolic_reverse import scalar_inputs, symbolic_reverse
from diffkit.errors import BudgetError
from diffkit.graph.ir import Graph
from diffkit.lazy import sp

__all__ = ["FORMS", "METHODS", "Subject"]

# A forward difference takes a step, a difference and a quotient for every input.
DIFFERENCE_OPERATIONS = 3


class Subject:
    """One function of a family, in scalars, with the inputs it is differentiated by."""

    def __init__(self, graph: Graph, wrt: Sequence[int]) -> None:
        scalar_output(graph)
        self.graph, self.wrt = graph, tuple(wrt)
        self.scalars = scalar_graph(graph)
        self.places = scalar_inputs(graph, wrt)
        self.inputs = len(self.places)
        self.operations = _total(self.scalars)
        self.formula: tuple[Any, list[Any]] | None = None
        self.gave_up: BudgetError | None = None

    def formulas(self, budget: Budget) -> tuple[Any, list[Any]]:
        """SymPy's formula of the value, and of the derivative by every input; tried once."""
        if self.gave_up is not None:
            raise BudgetError(self.gave_up.message, hint=self.gave_up.hint)
        if self.formula is None:
            symbols = input_symbols(self.scalars, real=True)
            (value,) = outputs_over(self.scalars, symbols)
            value = sp.sympify(value)
            budget.spend(tree_operations([value]) * max(self.inputs, 1))
            chosen = [symbols[place] for place in self.places]
            self.formula = value, [differentiated(value, symbol) for symbol in chosen]
        return self.formula


def _total(graph: Graph) -> int:
    """The operations of a graph in normal form, the same for every way it was made."""
    return normal_form(graph).operations()["total"]


def _tree(subject: Subject, budget: Budget) -> int:
    return tree_operations(subject.formulas(budget)[1])


def _cse(subject: Subject, budget: Budget) -> int:
    return _eliminated(subject.formulas(budget)[1])


def _joint(subject: Subject, budget: Budget) -> int:
    value, slopes = subject.formulas(budget)
    return _eliminated([value, *slopes])


def _eliminated(expressions: Sequence[Any]) -> int:
    replacements, reduced = sp.cse(expressions)
    return tree_operations([*(part for _, part in replacements), *reduced])


def _symbolic(subject: Subject, budget: Budget) -> int:
    return _total(symbolic_reverse(subject.graph, subject.wrt))


def _reverse(subject: Subject, budget: Budget) -> int:
    return _total(gradient_graph(subject.scalars, subject.places))


def _forward(subject: Subject, budget: Budget) -> int:
    swept = pushforward_graph(subject.scalars, subject.places)
    return max(subject.inputs, 1) * _total(swept)


def _finite(subject: Subject, budget: Budget) -> int:
    return (subject.inputs + 1) * subject.operations + DIFFERENCE_OPERATIONS * subject.inputs


FORMS: dict[str, Callable[[Subject, Budget], int]] = {
    "tree": _tree,
    "cse": _cse,
    "joint": _joint,
    "symbolic": _symbolic,
    "reverse": _reverse,
    "forward": _forward,
    "finite": _finite,
}

METHODS = tuple(FORMS)
