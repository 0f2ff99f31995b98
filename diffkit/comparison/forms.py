"""One derivative, several formulas: how large each is, and how many digits it loses.

    raw          as SymPy's ``diff`` leaves it
    simplified   ``sympy.simplify``          factored   ``sympy.factor``
    expanded     ``sympy.expand``            horner     nested multiplication, ``sympy.horner``
    cse          raw, with common subexpressions named once
    stable       written with softplus, log1p, hypot, …: what ``method="symbolic"`` evaluates

They are equal as mathematics and not as programs: an expanded polynomial adds large terms of
opposite sign, and its relative error is about ε Σ|aₖ xᵏ| / |p(x)| (Higham 2002, *Accuracy and
Stability of Numerical Algorithms*, section 5.1), where factors would have lost nothing.  So each
form is evaluated at many points and held against a truth of many digits
(``comparison/forms_points.py``); a form that SymPy cannot find in time says so.

A formula can also be another function than the derivative: SymPy differentiates the pieces of a
``Piecewise`` and leaves their edges alone (sympy/sympy issue 11402).  So where an answer is far
off, ``comparison/forms_errors.py`` evaluates the formula with 60 digits: what is still wrong there
is no rounding, and is reported as a point where formula and limit differ.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from math import nan
from typing import Any

import numpy as np

from diffkit.comparison.cost import measure
from diffkit.comparison.forms_errors import measure_errors
from diffkit.comparison.forms_points import Cell, Problem, TruthAt, cells_of, problem_of, truths_at
from diffkit.comparison.forms_writing import FORMS, Sizes, Written, own_sizes, written_forms
from diffkit.differentiate.formula_sizes import formula_cells, tree_operations
from diffkit.engines.calling import runner_of
from diffkit.engines.precise import DIGITS
from diffkit.errors import BudgetError, DiffkitError, EngineError, InputError
from diffkit.graph.ir import Graph
from diffkit.lazy import sp

__all__ = ["FORMS", "FormComparison", "FormReport", "compare_forms"]

SECONDS = 2.0
"""Seconds that SymPy may take for all forms together."""

MOST_PRINTED = 20_000
"""Operations of a formula, counted as a tree, up to which it is written out."""

TIME_BUDGET = 0.02


@dataclass
class FormReport:
    """One form of a derivative; ``refused`` is the reason where there is none.

    ``expressions`` are SymPy's by variable; ``sizes`` count their operations as a tree, with
    shared parts once, and after elimination; ``operations`` is the declared work of one
    evaluation, ``time`` its seconds.  Errors are over all points and variables: ulps as in
    ``dk.compare``, and |v − t|/|t|.  ``values`` and ``relative`` are arrays (point, variable), and
    ``differs`` lists the points at which the formula is not the derivative.
    """

    name: str
    expressions: dict[str, Any] = field(default_factory=dict)
    sizes: Sizes = field(default_factory=dict)
    graph: Graph | None = None
    operations: int = 0
    time: float = nan
    max_ulp: float = nan
    median_ulp: float = nan
    max_relative: float = nan
    median_relative: float = nan
    values: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    relative: np.ndarray = field(default_factory=lambda: np.zeros((0, 0)))
    by_variable: dict[str, dict[str, float]] = field(default_factory=dict)
    worst: dict[str, Any] | None = None
    differs: list[dict[str, Any]] = field(default_factory=list)
    refused: str | None = None

    @property
    def text(self) -> dict[str, str | None]:
        """The formulas as text, by variable; None for one that is too long to be written."""
        return {name: _printed(expr, sp.sstr) for name, expr in self.expressions.items()}

    @property
    def latex(self) -> dict[str, str | None]:
        """The formulas in LaTeX, by variable; None for one that is too long to be written."""
        return {name: _printed(expr, sp.latex) for name, expr in self.expressions.items()}


def _printed(expr: Any, printer: Callable[[Any], str]) -> str | None:
    return printer(expr) if tree_operations([expr]) <= MOST_PRINTED else None


@dataclass
class FormComparison:
    """All forms of one derivative; see :func:`compare_forms`."""

    title: str
    order: int
    variables: list[str]
    problem: Problem
    truths: np.ndarray
    sizes: Sizes | None
    reports: dict[str, FormReport]
    notes: list[str] = field(default_factory=list)

    def __getitem__(self, name: str) -> FormReport:
        return self.reports[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.reports)

    def table(self) -> Any:
        """The comparison as a table: coloured by ``rich.print``, plain by ``print``."""
        from diffkit.comparison.forms_text import FormTable

        return FormTable(self)

    def plot(self, **options: Any) -> Any:
        """Error against size, and along the points, as ``dk.plots.forms``; the figure."""
        from importlib import import_module

        return import_module("diffkit.plots").forms(self, **options)

    def to_dict(self) -> dict[str, Any]:
        """The comparison as plain numbers, lists and dicts; NaN and infinities are None."""
        from diffkit.comparison.forms_text import forms_dict

        return forms_dict(self)

    def to_json(self, indent: int | None = 2) -> str:
        """The comparison as JSON of full precision."""
        import json

        return json.dumps(self.to_dict(), indent=indent, allow_nan=False, ensure_ascii=False)

    def to_tsv(self) -> str:
        """The comparison as tab-separated text with ASCII headers and full precision."""
        from diffkit.comparison.forms_text import forms_lines

        return forms_lines(self, "\t")

    def to_csv(self) -> str:
        """The comparison as comma-separated text, one line for each form."""
        from diffkit.comparison.forms_text import forms_lines

        return forms_lines(self, ",")

    def __str__(self) -> str:
        return str(self.table())

    def __repr__(self) -> str:
        return f"<FormComparison of {self.title}: {', '.join(self.reports)}>"

    def _repr_html_(self) -> str:
        from diffkit.comparison.forms_text import forms_html

        return forms_html(self)


def compare_forms(
    f: Callable[..., Any] | Graph,
    *args: Any,
    forms: Sequence[str] = tuple(FORMS),
    variable: str | Sequence[str] | None = None,
    order: int = 1,
    seconds: float = SECONDS,
    digits: int = DIGITS,
    engine: str = "auto",
    title: str | None = None,
    **kwargs: Any,
) -> FormComparison:
    """Write a derivative in several forms and compare their sizes and their errors.

    Parameters
    ----------
    f
        A function with one scalar result, or a graph; one made from text takes its variables by
        name.
    args, kwargs
        One point, as for ``dk.compare``; or arrays of one shape on which ``f`` acts element by
        element: then every element is a point.
    forms
        Names among ``raw``, ``simplified``, ``factored``, ``horner``, ``expanded``, ``cse`` and
        ``stable``.
    variable
        The input (or inputs) to differentiate by; by default all that hold floats.
    order
        The order of the derivative, by each variable alone.
    seconds
        The time that SymPy may take for all forms together; one that takes longer than its
        share of what is left is refused.
    digits
        The working precision of the truth; for ``order`` above 1 it is chosen.
    engine
        The engine that evaluates the formulas.
    title
        What to call the function in tables and pictures.

    Raises
    ------
    InputError, ShapeError, DtypeError
        For an unknown form or variable, an order below 1, or arguments that do not fit.
    BudgetError
        When the truth at so many points would take minutes.

    Source: Higham 2002, *Accuracy and Stability of Numerical Algorithms*, chapter 5.

    >>> import numpy as np, diffkit as dk
    >>> f = dk.parse("(x - 1)**7")
    >>> report = dk.compare_forms(f, x=np.linspace(0.9, 1.1, 6), forms=("raw", "expanded"))
    >>> report["raw"].max_relative < 1e-15, report["expanded"].max_relative > 1e-9
    (True, True)
    """
    for name in forms:
        if name not in FORMS:
            raise InputError(f"there is no form {name!r}", hint=f"use {', '.join(FORMS)}.")
    problem = problem_of(f, args, kwargs, variable, title)
    chosen = _chosen_cells(problem, variable, order)
    truths = truths_at(problem, list(chosen.values()), order, digits)
    written = written_forms(forms, problem.graph, list(chosen), order, seconds)
    reports = {
        name: _report(name, written[name], problem, chosen, truths, engine) for name in forms
    }
    slopes = [[truth.slopes[cell] for cell in chosen.values()] for truth in truths]
    return FormComparison(
        problem.title, order, list(chosen), problem, np.array(slopes, object),
        own_sizes(problem.graph), reports, [*problem.notes, *_truth_notes(truths)],
    )  # fmt: skip


def _chosen_cells(
    problem: Problem, variable: str | Sequence[str] | None, order: int
) -> dict[str, Cell]:
    """The variables to differentiate by, each with its place in the arguments."""
    from diffkit.differentiate.formulas import input_symbols
    from diffkit.differentiate.symbolic import chosen_symbols

    if not isinstance(order, int) or order < 1:
        raise InputError(f"the order of a derivative is 1, 2, …, not {order!r}")
    symbols = input_symbols(problem.graph, real=True)
    place = dict(zip(formula_cells(symbols), cells_of(problem), strict=True))
    names = [problem.names[i] for i in problem.wrt] if variable is None else variable
    found = {symbol.name: place[symbol] for symbol in chosen_symbols(problem.graph, symbols, names)}
    if fixed := [name for name, (leaf, _) in found.items() if leaf not in problem.wrt]:
        raise InputError(
            f"{fixed[0]} is a whole number, so there is no derivative by it",
            hint="pass a float, e.g. 3.0 for 3.",
        )
    return found


def _truth_notes(truths: Sequence[TruthAt]) -> list[str]:
    """What is unusual about the points, each kind of note once."""
    kinds: dict[str, list[str]] = {}
    for truth in truths:
        for note in dict.fromkeys(truth.notes):
            kinds.setdefault(note.partition(":")[0], []).append(note)
    if len(truths) == 1:
        return [note for notes in kinds.values() for note in notes]
    return [f"{notes[0]} (at {len(notes):,} of {len(truths):,} points{_such(notes)})"
            for notes in kinds.values()]  # fmt: skip


def _such(notes: Sequence[str]) -> str:
    return "" if len(set(notes)) == 1 else ", with other numbers elsewhere"


# Measuring ----------------------------------------------------------------------------------------


def _report(
    name: str, written: Written | DiffkitError, problem: Problem, chosen: dict[str, Cell],
    truths: Sequence[TruthAt], engine: str,
) -> FormReport:  # fmt: skip
    if isinstance(written, DiffkitError):
        return FormReport(name, refused=_reason(written))
    scalars = [problem.scalars(point) for point in problem.points]
    try:
        runner = runner_of(written.graph, engine)
    except EngineError as error:
        return FormReport(name, refused=error.one_line)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        values = np.array([[np.asarray(y)[()] for y in runner(row)] for row in scalars])
        seconds = measure(lambda: runner(scalars[0]), TIME_BUDGET).seconds
    report = FormReport(
        name, written.expressions, written.sizes, written.graph, written.graph.flops(), seconds,
        values=values,
    )  # fmt: skip
    measure_errors(report, problem, chosen, truths)
    return report


def _reason(error: DiffkitError) -> str:
    """Why a form is refused; hints about other methods do not belong here."""
    if isinstance(error, BudgetError):
        share = "(its share of the seconds)"
        text = error.message.replace("(the budget of seconds)", share)
        return text.replace("symbolic gave up", "gave up")
    return error.message
