"""What a page asks about formulas, in SymPy's process: the derivative, and how it swells.

Each function takes the body of a request, the function of the command line and the seconds it may
take; ``worker.py`` calls it.  The numbers of the symbolic method are computed here too, since they
need the formula.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diffkit.capture.capturing import trace
from diffkit.comparison.swell import swell as count_operations
from diffkit.comparison.swell_families import iterates
from diffkit.differentiate.budget import Budget
from diffkit.differentiate.formula_calculus import FORMS, in_form
from diffkit.differentiate.formula_printing import formula_latex, formula_text
from diffkit.differentiate.formula_sizes import formula_sizes
from diffkit.differentiate.symbolic import Symbolic, derivative_expressions
from diffkit.errors import BudgetError, DiffkitError, InputError
from diffkit.explorer import api_numbers
from diffkit.explorer.expressions import Asked, Own, Typed, asked_of
from diffkit.graph.ir import Graph
from diffkit.lazy import sp

__all__ = ["compare", "derive", "swell"]

LARGEST_PRINTED = 20_000  # characters of a formula that a page can show
ITERATES = 5  # of an expression in one variable
SHARE = 0.5  # of the seconds, for the counts of the expression itself

# What is counted, in words, by the names of ``dk.swell`` and of the sizes of a formula.
COUNTED = ("tree", "shared", "cse", "symbolic", "reverse", "forward", "finite")

Body = Mapping[str, Any]


def _graph(asked: Asked, body: Body) -> Graph:
    """The graph of a typed expression, or of the function of the command line at its point."""
    if isinstance(asked, Typed):
        return asked.function
    return trace(asked.function, *asked.arguments(body.get("at") or getattr(asked, "at", {})))


def derive(body: Body, own: Own | None, seconds: float) -> dict[str, Any]:
    """The derivative by every variable, as text and as LaTeX, in a form of SymPy's.

    >>> derive({"text": "sin(x*y)"}, None, 5.0)["derivative"]
    {'x': 'y*cos(x*y)', 'y': 'x*cos(x*y)'}
    """
    form = body.get("form") or FORMS[0]
    if form not in FORMS:
        raise InputError(f"there is no form {form!r:.40}", hint=f"there are {', '.join(FORMS)}.")
    asked = asked_of(body.get("text"), own)
    budget = Budget(seconds=seconds)
    found = derivative_expressions(_graph(asked, body), budget=budget)
    _check_finite(found)
    written = budget.run(lambda: {name: _in_form(f, form, name) for name, f in found.items()})
    texts = {name: formula_text(formula) for name, formula in written.items()}
    if sum(map(len, texts.values())) > LARGEST_PRINTED:
        raise BudgetError(
            "the formula is too long to show", hint="look at its size in the tab Swell."
        )
    return {
        "derivative": texts,
        "latex": {name: formula_latex(formula) for name, formula in written.items()},
    }


def _in_form(formula: Any, form: str, name: str) -> Any:
    return in_form(formula, form, sp.Symbol(name))


def _check_finite(derivatives: Mapping[str, Any]) -> None:
    """Refuse a formula that is infinite or undefined wherever it is taken."""
    for formula in derivatives.values():
        if formula.has(sp.zoo) or formula in (sp.nan, sp.oo, -sp.oo):
            raise InputError(
                "the expression divides by zero or takes the logarithm of zero",
                hint="look for a part such as x/0 or log(0).",
            )


def compare(body: Body, own: Own | None, seconds: float) -> dict[str, Any]:
    """The comparison with the symbolic method in it, within the seconds."""
    names = api_numbers.numeric_methods(body)
    chosen = [
        Symbolic(budget_seconds=seconds) if name == api_numbers.SYMBOLIC else name for name in names
    ]
    return api_numbers.compared(body, own, chosen)


def swell(body: Body, own: Own | None, seconds: float) -> dict[str, Any]:
    """How large the derivative is, by how it is written; and of iterates of one variable.

    >>> found = swell({"text": "x*x"}, None, 5.0)
    >>> [row["operations"] for row in found["rows"] if row["what"] in ("function", "reverse")]
    [1, 2]
    """
    asked = asked_of(body.get("text"), own)
    graph = _graph(asked, body)
    title = asked.title
    forms = ("tree", "cse", "symbolic", "reverse", "forward", "finite")
    counts = count_operations({title: graph}, methods=forms, budget_seconds=seconds * SHARE)
    found = {form: counts[form][title].to_dict() for form in forms}
    found["shared"] = _shared(graph, found, seconds * SHARE)
    rows = [{"what": "function", "operations": counts.function[title]}]
    rows += [{"what": what, **found[what]} for what in COUNTED]
    return {
        "rows": rows,
        "order": [row["what"] for row in rows],
        "growth": _growth(graph, seconds * SHARE) if len(graph.input_nodes) == 1 else None,
        "note": "; ".join(counts.notes),
    }


def _shared(graph: Graph, found: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """The operations of the formula where equal parts are written once."""
    if "refused" in found["tree"]:
        return {"refused": found["tree"]["refused"]}
    derivatives = list(derivative_expressions(graph, budget=Budget(seconds=seconds)).values())
    return {"operations": formula_sizes(derivatives, seconds=seconds)["shared"]}


def _growth(graph: Graph, seconds: float) -> dict[str, Any] | None:
    """The counts of f, f∘f, f∘f∘f, …: what a loop would make of the expression."""
    if graph.operations()["total"] == 0:
        return None
    try:
        counts = count_operations(
            iterates(graph), range(1, ITERATES + 1), ("tree", "cse", "reverse", "forward"),
            title="iterates", budget_seconds=seconds,
        )  # fmt: skip
    except DiffkitError:
        return None
    return counts.to_dict()
