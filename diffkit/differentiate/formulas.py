"""Graph to formula: every scalar input becomes a symbol, and the graph is run over symbols.

    graph of x ↦ f(x)   →   f(x₀, x₁, …) as SymPy expressions, one per element of the output.

The expressions share their parts, as the graph does: a formula is a graph without names for
what it uses twice.  SymPy's own walks (``xreplace``, ``count_ops``, printing) visit a shared
part once per use, so the walks here are our own.  Reading on: Laue 2019, *On the equivalence
of automatic and symbolic differentiation*; how large formulas are is counted in
``differentiate/formula_sizes.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from diffkit.capture.from_sympy import post_order
from diffkit.differentiate.budget import Budget
from diffkit.differentiate.formula_sizes import (
    MAX_SCALAR_OPERATIONS,
    formula_cells,
    formula_sizes,
    scalar_operations,
    tree_operations,
)
from diffkit.engines.interpret import run
from diffkit.errors import BudgetError, InputError, UnsupportedError
from diffkit.graph.ir import Graph
from diffkit.lazy import sp

__all__ = [
    "formula_sizes",
    "graph_to_latex",
    "graph_to_sympy",
    "input_symbols",
    "mapped",
    "outputs_over",
    "replaced",
    "with_constants",
]


# A name or a symbol for every input, or for some by the names they have.
Names = Sequence[Any] | Mapping[str, Any]


def graph_to_sympy(graph: Graph, names: Names | None = None) -> Any:
    """The formula of a graph: a SymPy expression, or an object array of them.

    A scalar input x is the symbol x; an array input has a symbol per element, x0, x1, … or
    W_0_1.  ``names`` gives other names, or symbols, whose assumptions the formula then has (those
    of an array's symbol hold for each element); a mapping does so for some inputs by name.  The
    graph of a SymPy expression has its symbols from there.  Several outputs give a list.

    Raises
    ------
    BudgetError
        When the graph has more than ``MAX_SCALAR_OPERATIONS`` scalar operations, or SymPy
        takes too long.
    UnsupportedError, InputError
        For an operation without a SymPy form; when two inputs would share a symbol.

    Source: the graph is interpreted over SymPy's symbols.

    >>> import diffkit as dk
    >>> dk.parse("x**2 * sin(y)").to_sympy()
    x**2*sin(y)
    >>> dk.parse("sqrt(x**2)").to_sympy({"x": sp.Symbol("x", positive=True)})
    x
    """
    operations = scalar_operations(graph)
    if operations > MAX_SCALAR_OPERATIONS:
        raise BudgetError(
            f"the formula would have {operations:,} operations (at most {MAX_SCALAR_OPERATIONS:,})",
            hint="take smaller arrays, or print the graph itself.",
        )
    symbols = input_symbols(graph, names, real=False)
    outputs = Budget().run(
        lambda: [mapped(with_constants, output) for output in outputs_over(graph, symbols)]
    )
    return outputs[0] if len(outputs) == 1 else outputs


def graph_to_latex(graph: Graph, names: Names | None = None) -> str:
    r"""The formula of a graph in LaTeX.

    Raises
    ------
    BudgetError, UnsupportedError
        As :func:`graph_to_sympy`, and when the printed formula would be too long.

    Source: SymPy's LaTeX printer.

    >>> import diffkit as dk
    >>> dk.parse("sqrt(x)/y").to_latex()
    '\\frac{\\sqrt{x}}{y}'
    """
    formula = graph_to_sympy(graph, names)
    size = tree_operations(formula_cells(formula))
    if size > MAX_SCALAR_OPERATIONS:
        raise BudgetError(
            f"the printed formula would have {size:,} operations",
            hint="use graph.to_text(), which names shared parts.",
        )
    parts = formula if isinstance(formula, list) else [formula]
    return Budget().run(lambda: ", ".join(sp.latex(_as_matrix(part)) for part in parts))


def _as_matrix(formula: Any) -> Any:
    if not isinstance(formula, np.ndarray):
        return formula
    return sp.Matrix(formula) if formula.ndim <= 2 else sp.Array(formula.tolist())


# Symbols and formulas -----------------------------------------------------------------------------


def input_symbols(graph: Graph, names: Names | None = None, *, real: bool) -> list[Any]:
    """A symbol for every scalar input and an object array of symbols for every array input.

    Raises
    ------
    InputError
        When the number of names is wrong, one is unknown, or two elements would share a symbol.
    """
    chosen = _chosen_names(graph, names, real)
    assumptions = {"real": True} if real else {}
    avals = [graph.columns.avals[node] for node in graph.input_nodes]
    found = [
        _symbols(name, aval.shape, assumptions) for name, aval in zip(chosen, avals, strict=True)
    ]
    cells = formula_cells(found)
    if len(set(cells)) < len(cells):
        twice = next(cell for i, cell in enumerate(cells) if cell in cells[:i])
        raise InputError(
            f"two inputs would share the symbol {twice}",
            hint="give other names: graph.to_sympy(names=[...]).",
        )
    return found


def _chosen_names(graph: Graph, names: Names | None, real: bool) -> Sequence[Any]:
    """A name or a symbol for every input."""
    if names is None:
        own = None if real else graph.cache.get("symbols")
        return graph.input_names if own is None else own
    if isinstance(names, Mapping):
        if unknown := [name for name in names if name not in graph.input_names]:
            known = ", ".join(graph.input_names) or "none"
            raise InputError(f"there is no input {unknown[0]!r}", hint=f"the inputs are {known}.")
        return [names.get(name, name) for name in graph.input_names]
    if len(names) != len(graph.input_nodes):
        raise InputError(
            f"the graph has {len(graph.input_nodes)} inputs, but {len(names)} names were given"
        )
    return tuple(names)


def _symbols(name: Any, shape: tuple[int, ...], assumptions: dict[str, bool]) -> Any:
    if not shape:
        return sp.Symbol(name, **assumptions) if isinstance(name, str) else name
    if isinstance(name, sp.Symbol):
        assumptions = name.assumptions0
    cells = np.empty(shape, dtype=object)
    between = "" if len(shape) == 1 else "_"
    for index in np.ndindex(shape):
        cells[index] = sp.Symbol(f"{name}{between}{'_'.join(map(str, index))}", **assumptions)
    return cells


def outputs_over(graph: Graph, symbols: Sequence[Any], domain: str = "sympy") -> list[Any]:
    """The outputs of a graph over SymPy objects, with sums and products left as they are.

    ``domain`` is ``"sympy"`` for textbook formulas, ``"stable"`` for those that keep their digits.

    Raises
    ------
    UnsupportedError
        For an operation without a SymPy form.
    """
    try:
        return run(graph, symbols, domain)
    except NotImplementedError:
        raise UnsupportedError(
            "an operation of the graph has no SymPy form", hint='use method="reverse".'
        ) from None


def mapped(function: Callable[[Any], Any], output: Any) -> Any:
    """The function of an expression, or of every element of an array of them."""
    if not isinstance(output, np.ndarray):
        return function(output)
    return np.frompyfunc(function, 1, 1)(output) if output.size else output


def replaced(expr: Any, substitutes: dict[Any, Any]) -> Any:
    """An expression with some parts replaced, visiting every distinct part once.

    SymPy's ``xreplace`` visits a shared part as often as it is used, which never ends on large
    derivatives.
    """
    done = dict(substitutes)
    for node in post_order([expr]):
        if node not in done:
            args = [done[part] for part in node.args]
            same = all(new is old for new, old in zip(args, node.args, strict=True))
            done[node] = node if same else node.func(*args)
    return done[expr]


def with_constants(expr: Any) -> Any:
    """π and e by name where their floats stand."""
    named = {sp.Float(float(constant)): constant for constant in (sp.pi, sp.E)}
    found = {node: named[node] for node in post_order([expr]) if node.is_Float and node in named}
    return replaced(expr, found) if found else expr
