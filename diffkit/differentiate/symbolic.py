"""Symbolic differentiation: the formula of the derivative, by SymPy.

    graph → formula → d/dx → common subexpressions → graph

The value graph is run over symbols, one per scalar input, each scalar output is differentiated
with ``sympy.diff``, and SymPy's common-subexpression elimination names what the derivatives
share.  The result is a graph again, so a formula runs on the same engines as every other
method's derivative; no code is generated from text.  Each formula is derived once per graph.

The formulas are of the stable kind (``differentiate/formula_calculus.py``): log(1 + eˣ) stays
one function, softplus, which is evaluated without overflow.  For reading, as ``diffkit derive``
prints it, :func:`derivative_expressions` gives the textbook kind.

The price is expression swell (Baydin et al. 2018, section 2): SymPy walks formulas as trees,
and trees grow exponentially where graphs grow linearly.  So the work has a budget.

Kinks follow Note [Kinks]: Heaviside(0) = ½ and sign(0) = 0 give the declared derivatives of
max, min, clip and abs; ``differentiate/formula_calculus.py`` takes care of the others.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from diffkit.capture.from_sympy import SympyReader
from diffkit.capture.tracing import Tracer
from diffkit.differentiate.budget import OPERATIONS, SECONDS, Budget
from diffkit.differentiate.formula_calculus import (
    FORMS,
    differentiated,
    formulas,
    in_form,
)
from diffkit.differentiate.formula_ranges import warn_of_range
from diffkit.differentiate.formula_sizes import (
    expression_sizes,
    formula_cells,
    graph_tree_operations,
    scalar_operations,
    tree_operations,
)
from diffkit.differentiate.formulas import replaced, with_constants
from diffkit.differentiate.method import Captured, JacobianResult, Method
from diffkit.engines.calling import runner_of, warn_of_nan
from diffkit.errors import BudgetError, DtypeError, InputError, ShapeError
from diffkit.graph.arena import Arena
from diffkit.graph.avals import aval
from diffkit.graph.ir import Graph
from diffkit.lazy import sp

__all__ = [
    "FORMS", "SHARE_OF_TREES", "Symbolic", "chosen_symbols", "derivative_expressions",
    "derivatives", "graph_of",
]  # fmt: skip

# Of the seconds, what a graph gets whose tree is beyond the budget: SymPy may still collapse it
# (x + x is 2x), and shows within a tenth of the time whether it does.
SHARE_OF_TREES = 0.1


@dataclass
class Derivation:
    """The formulas of a Jacobian and the graph that evaluates them.

    ``places`` gives, for every output of the graph, its (output, wrt, flat index) in the
    blocks; ``constants`` the entries that are numbers.
    """

    graph: Graph
    places: list[tuple[int, int, int]]
    constants: dict[tuple[int, int, int], float]
    expressions: list[Any]
    sizes: dict[str, int | None]
    seconds: float = field(default=0.0)


class Symbolic(Method):
    """Symbolic differentiation by SymPy, with common-subexpression elimination and a budget.

    Parameters
    ----------
    budget_operations
        The method gives up when the formulas to differentiate, counted as trees and once per
        variable, have more operations.
    budget_seconds
        It gives up when deriving takes longer.
    form
        ``"raw"``, or a rewriting: ``"expand"``, ``"factor"``, ``"horner"``, ``"simplify"``.

    Raises
    ------
    InputError
        For a budget that is not positive or an unknown form.

    >>> Symbolic(form="factor")
    Symbolic(form='factor', budget_operations=50000, budget_seconds=10.0)
    """

    name: ClassVar[str] = "symbolic"

    def __init__(
        self,
        budget_operations: int = OPERATIONS,
        budget_seconds: float = SECONDS,
        form: str = "raw",
    ) -> None:
        if form not in FORMS:
            raise InputError(f"unknown form {form!r}", hint=f"use one of {', '.join(FORMS)}.")
        self.budget = Budget(budget_operations, budget_seconds)
        self.form = form

    def __repr__(self) -> str:
        return (
            f"Symbolic(form={self.form!r}, budget_operations={self.budget.operations}, "
            f"budget_seconds={self.budget.seconds})"
        )

    def jacobian(
        self, function: Captured, leaves: Sequence[Any], wrt: Sequence[int], engine: str = "auto"
    ) -> JacobianResult:
        """The values and all Jacobian blocks at ``leaves``, with respect to leaves ``wrt``.

        ``extra`` has ``"expressions"`` (the derivatives that are not numbers), ``"formula"``
        (their sizes: tree, shared, cse) and ``"derive_seconds"``.

        Raises
        ------
        BudgetError
            When the formulas exceed the budget; the message has their size.
        UnsupportedError
            For an operation without a SymPy form or derivative.
        """
        graph = function.graph_for(leaves)
        derivation = self.derivation(graph, tuple(wrt))
        values = function.values(leaves, engine)
        scalars = [x for leaf in leaves for x in np.asarray(leaf).reshape(-1)]
        entries = runner_of(derivation.graph, engine)(scalars)
        blocks = _blocks(derivation, entries, values, [np.asarray(leaves[j]) for j in wrt])
        warn_of_nan(graph, leaves, [*values, *entries])
        warn_of_range(derivation.graph, scalars, entries)
        return JacobianResult(
            values=values,
            blocks=blocks,
            evaluations=2,  # the function, and the graph of its derivatives
            flops=graph.flops() + derivation.graph.flops(),
            graph=derivation.graph,
            notes=_notes(values, blocks),
            extra={
                "formula": derivation.sizes,
                "expressions": derivation.expressions,
                "derive_seconds": derivation.seconds,
            },
        )

    def derivation(self, graph: Graph, wrt: tuple[int, ...]) -> Derivation:
        """The formulas of the Jacobian of a graph, derived once."""
        key = ("symbolic", wrt, self.form, self.budget.operations, self.budget.seconds)
        found = graph.cache.get(key)
        if found is None:
            try:
                found = _derive(graph, wrt, self.budget, self.form)
            except BudgetError as error:
                found = error
            graph.cache[key] = found
        if isinstance(found, BudgetError):
            raise BudgetError(found.message, hint=found.hint)
        return found


def derivative_expressions(
    graph: Graph,
    wrt: str | Sequence[str] | None = None,
    order: int = 1,
    *,
    budget: Budget | None = None,
    stable: bool = False,
) -> dict[str, Any]:
    """The derivative of a scalar graph by each of its variables, as SymPy expressions.

    ``wrt`` names inputs (all by default; an array input stands for its elements), ``order`` is
    the order of the derivative by that variable.  Textbook formulas, or ``stable`` ones that keep
    their digits when they are evaluated.

    Raises
    ------
    InputError, ShapeError
        For an unknown name, an order below 1, or a graph with more than one scalar output.
    BudgetError
        When deriving takes too long or the formula is too large to print.

    Source: ``sympy.diff``.

    >>> import diffkit as dk
    >>> derivative_expressions(dk.parse("x**2 * sin(y)"))
    {'x': 2*x*sin(y), 'y': x**2*cos(y)}
    """
    limits = budget or Budget()

    def work() -> dict[str, Any]:
        symbols, found = derivatives(graph, wrt, order, limits, stable=stable)
        plain = {symbol: sp.Symbol(symbol.name) for symbol in formula_cells(symbols)}
        return {
            symbol.name: with_constants(replaced(expr, plain)) for symbol, expr in found.items()
        }

    return limits.run(work)


def derivatives(
    graph: Graph,
    wrt: str | Sequence[str] | None,
    order: int,
    limits: Budget,
    *,
    stable: bool = False,
) -> tuple[list[Any], dict[Any, Any]]:
    """The symbols of a scalar graph's inputs, and its derivative by each of those that are chosen.

    The symbols are real, and the expressions are over them: for work that goes on, inside
    ``limits.run``; :func:`derivative_expressions` says what the arguments mean.

    Raises
    ------
    InputError, ShapeError, BudgetError
        As :func:`derivative_expressions`.
    """
    if not isinstance(order, int) or order < 1:
        raise InputError(f"the order of a derivative is 1, 2, …, not {order!r}")
    if len(graph.output_nodes) != 1 or graph.columns.avals[graph.output_nodes[0]].shape:
        raise ShapeError("only the formula of one scalar output can be derived", hint="use np.sum.")
    limits.spend(scalar_operations(graph))
    symbols, (output,) = formulas(graph, stable=stable)
    found = {}
    for symbol in chosen_symbols(graph, symbols, wrt):
        derivative = output
        for _ in range(order):
            limits.spend(tree_operations([derivative]))
            derivative = differentiated(derivative, symbol)
        limits.spend(tree_operations([derivative]))
        found[symbol] = derivative
    return symbols, found


def chosen_symbols(graph: Graph, symbols: list[Any], wrt: str | Sequence[str] | None) -> list[Any]:
    """The symbols that are named, by input or by element."""
    by_name = {name: formula_cells(x) for name, x in zip(graph.input_names, symbols, strict=True)}
    for symbol in formula_cells(symbols):
        by_name.setdefault(symbol.name, [symbol])
    names = graph.input_names if wrt is None else [wrt] if isinstance(wrt, str) else wrt
    for name in names:
        if name not in by_name:
            known = ", ".join(graph.input_names) or "none"
            raise InputError(f"there is no variable {name!r}", hint=f"the variables are {known}.")
    return [symbol for name in names for symbol in by_name[name]]


# Deriving ----------------------------------------------------------------------------------------


def _derive(graph: Graph, wrt: tuple[int, ...], budget: Budget, form: str) -> Derivation:
    for place in wrt:
        found = graph.columns.avals[graph.input_nodes[place]]
        if not found.is_float:
            name = graph.input_names[place]
            raise DtypeError(f"symbolic: {name} is {found}", hint="pass floats, e.g. 3.0 for 3.")
    budget.spend(scalar_operations(graph))
    tree = graph_tree_operations(graph)
    explodes = tree > budget.operations
    allowed = Budget(seconds=budget.seconds * SHARE_OF_TREES) if explodes else budget
    started = time.perf_counter()
    try:
        derivation = allowed.run(lambda: _derivation(graph, wrt, budget, form))
    except BudgetError:
        if explodes:
            budget.spend(tree)
        raise
    derivation.seconds = time.perf_counter() - started
    return derivation


def _derivation(graph: Graph, wrt: tuple[int, ...], budget: Budget, form: str) -> Derivation:
    symbols, outputs = formulas(graph, stable=True)
    targets = [formula_cells(symbols[place]) for place in wrt]
    cells = [formula_cells(output) for output in outputs]
    variables = sum(map(len, targets))
    budget.spend(tree_operations([cell for row in cells for cell in row]) * max(variables, 1))
    places: list[tuple[int, int, int]] = []
    constants: dict[tuple[int, int, int], float] = {}
    expressions: list[Any] = []
    for i, row in enumerate(cells):
        for j, target in enumerate(targets):
            for element, cell in enumerate(row):
                for column, symbol in enumerate(target):
                    place = (i, j, element * len(target) + column)
                    derivative = in_form(differentiated(cell, symbol), form, symbol)
                    if derivative.is_Number:
                        constants[place] = float(derivative)
                    else:
                        places.append(place)
                        expressions.append(derivative)
    sizes, derived = graph_of(graph, symbols, expressions)
    return Derivation(derived, places, constants, expressions, sizes)


# Evaluating --------------------------------------------------------------------------------------


def graph_of(
    graph: Graph, symbols: list[Any], expressions: list[Any], *, eliminate: bool = True
) -> tuple[dict[str, int | None], Graph]:
    """The sizes of these expressions, and a graph of scalar inputs that evaluates them.

    Every element of every input of ``graph`` is an input.  The graph evaluates what SymPy's
    elimination of common subexpressions leaves, or (``eliminate=False``) the expressions as
    they are written, equal parts once.
    """
    replacements, reduced = sp.cse(expressions, symbols=sp.numbered_symbols("v", cls=sp.Dummy))
    sizes = expression_sizes(expressions, [*(part for _, part in replacements), *reduced])
    if not eliminate:
        replacements, reduced = [], expressions
    arena = Arena()
    arena.source = ("derived by SymPy", None)
    avals = [graph.columns.avals[node] for node in graph.input_nodes]
    floats = [found.dtype for found in avals if found.is_float]
    dtype = np.result_type(*floats) if floats else np.dtype(float)
    known, inputs, names = {}, [], []
    for found, group in zip(avals, symbols, strict=True):
        scalar = aval((), found.dtype)
        for symbol in formula_cells(group):
            inputs.append(arena.new_input(scalar))
            names.append(symbol.name)
            known[symbol] = Tracer(arena, inputs[-1], scalar).astype(dtype)
    reader = SympyReader(arena, known, dtype)
    # SymPy puts 1/0 into the pieces of 1/‖x‖; elsewhere ``formulas`` has refused it
    reader.built[sp.zoo] = np.nan
    reader.selects = True
    for symbol, expr in replacements:
        reader.built[symbol] = reader.read(expr)
    outputs = [reader.read(expr).node for expr in reduced]
    title = f"derivative of {graph.title}" if graph.title else "derivative"
    return sizes, arena.freeze(inputs, outputs, names=names, title=title)


def _blocks(
    derivation: Derivation, entries: Sequence[Any], values: Sequence[Any], leaves: Sequence[Any]
) -> list[list[np.ndarray]]:
    """Jacobian blocks from the entries that were computed and those that are numbers."""
    outputs = [np.asarray(y) for y in values]
    blocks = [
        [np.zeros(y.size * x.size, _dtype(y.dtype, x.dtype)) for x in leaves] for y in outputs
    ]
    for (i, j, index), constant in derivation.constants.items():
        blocks[i][j][index] = constant
    for (i, j, index), entry in zip(derivation.places, entries, strict=True):
        blocks[i][j][index] = entry
    return [
        [block.reshape((*y.shape, *x.shape)) for block, x in zip(row, leaves, strict=True)]
        for row, y in zip(blocks, outputs, strict=True)
    ]


def _dtype(y: np.dtype[Any], x: np.dtype[Any]) -> np.dtype[Any]:
    return y if y.kind == "f" else x


def _notes(values: Sequence[Any], blocks: Sequence[Sequence[np.ndarray]]) -> list[str]:
    finite = all(np.isfinite(np.asarray(y)).all() for y in values)
    undefined = any(np.isnan(block).any() for row in blocks for block in row)
    if finite and undefined:
        return ["the formula of the derivative is undefined here (such as 0/0 or ∞/∞)"]
    return []
