"""``dk.explain``: what each method does with each line of a program, number by number.

    primal    v₂ = x₁ · x₂              2 · 5 = 10
    tangent   v̇₂ = ẋ₁·x₂ + ẋ₂·x₁        1·5 + 0·2 = 5
    adjoint   x̄₂ = x̄₂ + v̄₂·x₁           −0.28366 + 1·2 = 1.7163

An explanation is three tables (values, forward mode, reverse mode) over the user's own lines, for
a terminal, as HTML, and as the JSON that a stepper plays.  The layout is that of tables 2 and 3 in
Baydin et al. 2018, *Automatic differentiation in machine learning: a survey*.

Reading on: the numbers are made in ``explain_sweeps.py``, the formulas in ``explain_rules.py``, the
rows in ``explain_rows.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any

import numpy as np

from diffkit.comparison.arguments import arguments_of
from diffkit.comparison.explain_loops import LoopStep, opened
from diffkit.comparison.explain_point import Point, chosen_places, point_of
from diffkit.comparison.explain_rows import Row, Writer, adjoint_rows, primal_rows, tangent_rows
from diffkit.comparison.explain_sweeps import Sweeps, sweeps_at
from diffkit.errors import DtypeError, InputError
from diffkit.graph.ir import Graph
from diffkit.graph.sources import line_of, text_of

__all__ = ["MODES", "Explanation", "explain"]

MODES = ("primal", "tangent", "adjoint")

WIDGET = "diffkit.explorer.widget"
"""What shows an explanation in a notebook: a module of a later floor, imported by its name."""

UNFOLDED = 2_000
"""Equations up to which a Python loop is shown step by step; longer ones are folded first."""


@dataclass
class Explanation:
    """Three tables of one function at one point; see :func:`explain`."""

    title: str
    sweeps: Sweeps
    point: Point

    @property
    def graph(self) -> Graph:
        """The graph whose lines are explained."""
        return self.sweeps.graph

    @cached_property
    def writer(self) -> Writer:
        """What writes the rows."""
        return Writer(self.sweeps)

    @cached_property
    def primal(self) -> list[Row]:
        """A row per variable: how it is computed, from the inputs down."""
        return primal_rows(self.writer)

    @cached_property
    def tangent(self) -> list[Row]:
        """A row per variable that moves: its tangent, from the inputs down."""
        return tangent_rows(self.writer, self.point.tangents)

    @cached_property
    def adjoint(self) -> list[Row]:
        """A row per amount that flows back, from the outputs up, with the total after it."""
        return adjoint_rows(self.writer)

    def rows(self, mode: str) -> list[Row]:
        """The rows of ``"primal"``, ``"tangent"`` or ``"adjoint"``."""
        return {"primal": lambda: self.primal, "tangent": lambda: self.tangent,
                "adjoint": lambda: self.adjoint}[mode]()  # fmt: skip

    @cached_property
    def loops(self) -> dict[int, list[LoopStep]]:
        """The first steps of every loop, by the node of the loop."""
        nodes = self.graph.equation_nodes()
        found = {node: opened(self.sweeps, node) for node in nodes
                 if self.graph.columns.operations[node].name == "scan"}  # fmt: skip
        return {node: steps for node, steps in found.items() if steps}

    @property
    def guards(self) -> list[tuple[str, str, Any]]:
        """The branches taken: (line, its text, outcome)."""
        return [(line_of(g.source), text_of(g.source), g.outcome) for g in self.graph.guards]

    def identity(self) -> tuple[float, float]:
        """The derivative in the direction, from either sweep: Σ ȳ·ẏ and Σ x̄·ẋ, which are equal.

        Source: Griewank & Walther 2008, section 3.3.
        """
        sweeps, graph = self.sweeps, self.graph
        forward = sum(
            _inner(ct, sweeps.tangent(node))
            for node, ct in zip(graph.output_nodes, self.point.cotangents, strict=True)
            if ct is not None
        )
        back = sum(_inner(sweeps.adjoint(node), dot) for node, dot in self.point.tangents.items())
        return float(forward), float(back)

    def table(self, modes: Any = MODES, limit: int | None = None) -> Any:
        """The tables for a terminal: coloured by ``rich.print``, plain by ``print``."""
        from diffkit.comparison.explain_table import ExplanationTable

        return ExplanationTable(self, modes, limit)

    def to_dict(self) -> dict[str, Any]:
        """The explanation as plain numbers, lists and dicts (schema 1, see the documentation)."""
        from diffkit.comparison.explain_serial import explanation_dict

        return explanation_dict(self)

    def to_json(self, indent: int | None = 2) -> str:
        """The explanation as JSON of full precision; NaN and infinities are null, with a note."""
        import json

        return json.dumps(self.to_dict(), indent=indent, allow_nan=False, ensure_ascii=False)

    def to_tsv(self, modes: Any = MODES, limit: int | None = None) -> str:
        """The rows as tab-separated text with ASCII headers and full precision."""
        from diffkit.comparison.explain_serial import explanation_tsv

        return explanation_tsv(self, modes, limit)

    def to_html(self, modes: Any = MODES, limit: int | None = None) -> str:
        """The tables as a part of an HTML page that needs no network."""
        from diffkit.comparison.explain_html import to_html

        return to_html(self, modes, limit)

    def __str__(self) -> str:
        return str(self.table())

    def __repr__(self) -> str:
        counts = ", ".join(f"{len(self.rows(mode))} {mode}" for mode in MODES)
        return f"<Explanation of {self.title}: {counts} rows>"

    def _repr_html_(self) -> str:
        return self.to_html()

    def _repr_mimebundle_(self, **choice: Any) -> Any:
        """The stepper, where a notebook can run it; it chooses between that and the tables."""
        return import_module(WIDGET).mimebundle(self, **choice)

    def _display_(self) -> Any:
        """What marimo shows, which asks by this name."""
        return import_module(WIDGET).display(self)


def _inner(a: Any, b: Any) -> float:
    with np.errstate(all="ignore"):
        return float(np.sum(np.asarray(a, float) * np.asarray(b, float)))


def explain(
    f: Callable[..., Any] | Graph,
    *args: Any,
    direction: Any = None,
    wrt: Any = None,
    cotangent: Any = None,
    title: str | None = None,
    **kwargs: Any,
) -> Explanation:
    """Show the values, tangents and adjoints of a function, line by line with their arithmetic.

    Parameters
    ----------
    f
        A plain NumPy function, or a graph; results of any shape.
    args, kwargs
        The point: numbers, arrays, or nested dicts, lists and tuples of them.
    direction
        What moves in the tangent sweep: the name of an input (``"x2"``, or ``"w[0,1]"`` for one
        entry), a dict from names to tangents, or one tangent per input; by default the first
        input moves at speed 1, of an array its first entry.
    wrt
        Which arguments carry derivatives, by number or by name; by default all that hold floats.
    cotangent
        What each output sends back; by default 1, for each entry of an array.
    title
        What to call the function.

    Returns
    -------
    Explanation
        With ``.primal``, ``.tangent`` and ``.adjoint`` rows, ``.table()``, ``.to_dict()``.

    Raises
    ------
    DtypeError
        When no argument is a number.
    InputError, ShapeError
        When ``wrt``, ``direction`` or ``cotangent`` does not fit the function.

    Source: Baydin et al. 2018, tables 2 and 3.

    >>> import diffkit as dk
    >>> found = dk.explain(lambda x, y: x * y + x, 2.0, 5.0)
    >>> for row in found.adjoint:
    ...     print(row)
    b̄   = 1
    ā = b̄·1   1·1 = 1
    x̄ = b̄·1   1·1 = 1
    x̄ = x̄ + ā·y   1 + 1·5 = 6
    ȳ = ā·x   1·2 = 2
    """
    named = isinstance(wrt, str) or _are_names(wrt)
    argnums: Any = None if named else wrt
    try:
        arguments = arguments_of(f, args, kwargs, argnums)
    except InputError as error:
        error.message = error.message.replace("argnums", "wrt")
        error.hint = (error.hint or "").replace("argnums", "wrt") or None
        raise
    graph = _graph(arguments)
    places = arguments.wrt
    if named:
        places = chosen_places(graph.input_names, wrt, places)
    if not any(graph.columns.avals[node].is_float for node in graph.output_nodes):
        kinds = ", ".join(repr(graph.columns.avals[node]) for node in graph.output_nodes)
        raise DtypeError(
            f"explain: the function returned {kinds or 'nothing'}, which has no derivative",
            hint="return a floating-point number or array.",
        )
    point = point_of(graph, arguments.leaves, places, direction, cotangent)
    sweeps = sweeps_at(graph, arguments.leaves, point.wrt, point.tangents, point.cotangents)
    name = title or graph.title or getattr(f, "__name__", "f")
    return Explanation(name, sweeps, point)


def _are_names(wrt: Any) -> bool:
    return isinstance(wrt, (list, tuple)) and bool(wrt) and all(isinstance(n, str) for n in wrt)


def _graph(arguments: Any) -> Graph:
    """The graph of the call, with its Python loops step by step where they are short enough."""
    from diffkit.capture.capturing import capture
    from diffkit.engines.calling import check_guards

    bound, leaves = arguments.bound, arguments.leaves
    graph = bound.function.graph
    if graph is None:
        args, kwargs = bound.call_arguments(leaves)
        graph = capture(bound.function.f, args, kwargs)
    else:
        check_guards(graph, leaves)
    return graph.folded() if len(graph.columns) > UNFOLDED else graph
