"""One derivative written in several forms by SymPy, within a budget of seconds for all together.

The derivative is taken once (twice if the stable kind is asked for), and each form rewrites it.
Rewriting may take from milliseconds to forever: ``factor`` and ``simplify`` try things.  So the
cheap forms come first, and each form may use half of the seconds that are left, the last one all;
one that does not end in its share is refused.  What was found, or given up, is kept with the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from diffkit.differentiate.budget import OPERATIONS, Budget
from diffkit.differentiate.formula_calculus import in_form
from diffkit.differentiate.formula_sizes import (
    formula_cells,
    formula_sizes,
    graph_tree_operations,
    scalar_operations,
)
from diffkit.differentiate.formulas import replaced, with_constants
from diffkit.differentiate.symbolic import derivatives, graph_of
from diffkit.errors import DiffkitError, UnsupportedError
from diffkit.graph.ir import Graph
from diffkit.lazy import sp

__all__ = ["FORMS", "Form", "Sizes", "Written", "own_sizes", "written_forms"]

LEAST_SHARE = 0.05
"""Seconds that every form may take, also when the others have used up the budget."""

OWN_SECONDS = 1.0
"""Seconds for the elimination of common subexpressions in the function's own formula."""

# What SymPy raises where it does not know how to go on.
SYMPY_FAILS = (
    ArithmeticError, AttributeError, KeyError, NotImplementedError, TypeError, ValueError,
)  # fmt: skip

Sizes = dict[str, int | None]


@dataclass(frozen=True)
class Form:
    """A way to write a derivative: SymPy's rewriting, and how it is evaluated."""

    name: str
    rewriting: str
    eliminate: bool = False
    stable: bool = False


FORMS: dict[str, Form] = {
    form.name: form
    for form in (
        Form("raw", "raw"),
        Form("simplified", "simplify"),
        Form("factored", "factor"),
        Form("horner", "horner"),
        Form("expanded", "expand"),
        Form("cse", "raw", eliminate=True),
        Form("stable", "raw", eliminate=True, stable=True),
    )
}

CHEAP_FIRST = ("raw", "cse", "stable", "horner", "expanded", "factored", "simplified")


@dataclass(frozen=True)
class Written:
    """Formulas by variable as people read them, their sizes, and the graph that evaluates them."""

    expressions: dict[str, Any]
    sizes: Sizes
    graph: Graph


def written_forms(
    forms: Sequence[str], graph: Graph, names: Sequence[str], order: int, seconds: float
) -> dict[str, Written | DiffkitError]:
    """The derivatives by these variables in each form, or the error that says why there is none.

    Raises
    ------
    InputError
        When ``seconds`` is not positive.

    >>> import diffkit as dk
    >>> found = written_forms(("expanded",), dk.parse("(x - 1)**3"), ["x"], 1, 2.0)
    >>> found["expanded"].expressions, found["expanded"].sizes["tree"]
    ({'x': 3*x**2 - 6*x + 3}, 5)
    """
    Budget(seconds=seconds)  # refuses what is not positive
    end, found = perf_counter() + seconds, {}
    waiting = sorted(forms, key=CHEAP_FIRST.index)
    for place, name in enumerate(waiting):

        def limits(last: bool = place + 1 == len(waiting)) -> Budget:
            left = end - perf_counter()
            return Budget(seconds=round(max(left if last else left / 2, LEAST_SHARE), 2))

        found[name] = _written(FORMS[name], graph, (tuple(names), order, seconds), limits)
    return found


# The variables, the order, and the seconds for all forms.
Task = tuple[tuple[str, ...], int, float]


def _written(
    form: Form, graph: Graph, task: Task, limits: Callable[[], Budget]
) -> Written | DiffkitError:
    names, order, _ = task

    def derived(budget: Budget) -> Any:
        budget.spend(graph_tree_operations(graph))  # before SymPy holds anything that swells
        return derivatives(graph, names, order, budget, stable=form.stable)

    base = _kept(graph, ("derivatives", form.stable, *task), limits(), derived)
    if isinstance(base, DiffkitError):
        return base
    return _kept(graph, ("form", form.name, *task), limits(),
                 lambda budget: _rewritten(form, graph, *base))  # fmt: skip


def _kept(graph: Graph, key: Any, limits: Budget, work: Callable[[Budget], Any]) -> Any:
    """The result of the work, or its error, kept with the graph."""
    if key not in graph.cache:
        try:
            graph.cache[key] = limits.run(lambda: work(limits))
        except DiffkitError as error:
            graph.cache[key] = error
        except SYMPY_FAILS as error:
            reason = f"SymPy cannot write it ({type(error).__name__}: {error})"
            graph.cache[key] = UnsupportedError(reason)
    return graph.cache[key]


def _rewritten(form: Form, graph: Graph, symbols: list[Any], by_symbol: dict[Any, Any]) -> Written:
    named = {
        symbol: in_form(expr if form.stable else with_constants(expr), form.rewriting, symbol)
        for symbol, expr in by_symbol.items()
    }
    sizes, derived = graph_of(graph, symbols, list(named.values()), eliminate=form.eliminate)
    plain = {symbol: sp.Symbol(symbol.name) for symbol in formula_cells(symbols)}
    return Written(
        {symbol.name: replaced(expr, plain) for symbol, expr in named.items()}, sizes, derived
    )


def own_sizes(graph: Graph) -> Sizes | None:
    """The sizes of the function's own formula; counted on the graph alone where the tree explodes.

    None for a function without a formula.
    """
    if "formula sizes" not in graph.cache:
        tree = graph_tree_operations(graph)
        try:
            graph.cache["formula sizes"] = (
                formula_sizes(graph, seconds=OWN_SECONDS)
                if tree <= OPERATIONS
                else {"tree": tree, "shared": scalar_operations(graph), "cse": None}
            )
        except DiffkitError:
            graph.cache["formula sizes"] = None
    return graph.cache["formula sizes"]
