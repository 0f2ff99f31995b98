"""The n-th derivative four ways: what it costs, and how many digits are left.

    symbolic      differentiate the formula n times, share its common parts, run it
    forward       nest forward mode n times: every level repeats the chain rule of those below
    taylor        n coefficients of one power series, O(n²) operations
    finite        a stencil of order n (Fornberg 1988): its rounding error grows like ε/hⁿ

``compare_orders`` holds each of them, order by order, against derivatives of the value graph in
mpmath, computed with two precisions: where both agree, that is the truth, and it uses no rule of
ours.  Reading on: Griewank & Walther 2008, *Evaluating Derivatives*, chapter 13.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import factorial, nan
from typing import Any

import numpy as np

from diffkit.comparison.accuracy import summarize
from diffkit.comparison.cost import measure
from diffkit.comparison.orders_truth import over_mpmath, true_orders
from diffkit.comparison.rendering import _count_text, _ulp_text, plain_text, seconds_text
from diffkit.comparison.report import TIME_BUDGET
from diffkit.comparison.serial import SCHEMA, plain
from diffkit.differentiate.budget import OPERATIONS, Budget
from diffkit.differentiate.formula_sizes import graph_tree_operations
from diffkit.differentiate.forward import pushforward_graph
from diffkit.differentiate.higher import derivative
from diffkit.differentiate.stencils import stencil
from diffkit.differentiate.symbolic import SHARE_OF_TREES, derivative_expressions
from diffkit.differentiate.taylor import taylor_graph
from diffkit.engines.calling import runner_of
from diffkit.errors import (
    BudgetError,
    DiffkitError,
    DiffkitWarning,
    DtypeError,
    InputError,
    ShapeError,
)
from diffkit.graph.arena import Arena
from diffkit.graph.ir import Graph
from diffkit.graph.notebook import as_table
from diffkit.lazy import mp

__all__ = ["METHODS", "OrderComparison", "OrderReport", "compare_orders"]

METHODS = ("symbolic", "forward", "taylor", "finite")
# A formula that takes longer than this is given up, and those of higher order with it.
SYMBOLIC_SECONDS = 5.0
# Equations of a nested pushforward; each order takes about twice those of the one before.
MOST_EQUATIONS, GROWTH = 100_000, 2
ACCURACY = 2  # of the stencils: the error of truncation is O(h²)


@dataclass
class OrderReport:
    """One method at one order: the value, its error, and what it cost.

    ``operations`` are the declared floating-point operations of one answer, ``time`` its seconds
    of processor time; both are what a second call costs, when the graphs are there.
    """

    method: str
    order: int
    value: float = nan
    max_ulp: float = nan
    rel_error: float = nan
    operations: int = 0
    evaluations: int = 0
    time: float = nan
    refused: str | None = None


@dataclass
class OrderComparison:
    """All methods at all orders; see :func:`compare_orders`."""

    title: str
    at: float
    orders: tuple[int, ...]
    truths: dict[int, Any]
    reports: dict[str, dict[int, OrderReport]]
    notes: list[str] = field(default_factory=list)

    def __getitem__(self, name: str) -> dict[int, OrderReport]:
        return self.reports[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.reports)

    def table(self) -> Any:
        """Error, operations and time against the order: for ``print`` and ``rich.print``."""
        return OrderTable(self)

    def to_dict(self) -> dict[str, Any]:
        """The comparison as plain numbers, lists and dicts; NaN and infinities are None."""
        return {
            "schema": SCHEMA,
            "function": self.title,
            "at": plain(self.at),
            "orders": list(self.orders),
            "truth": {str(n): plain(float(self.truths[n])) for n in self.orders},
            "methods": {
                name: {str(n): _entry(report) for n, report in by_order.items()}
                for name, by_order in self.reports.items()
            },
            "note": "; ".join(["null stands for NaN or an infinity", *self.notes]),
        }

    def to_json(self, indent: int | None = 2) -> str:
        """The comparison as JSON of full precision."""
        import json

        return json.dumps(self.to_dict(), indent=indent, allow_nan=False, ensure_ascii=False)

    def __str__(self) -> str:
        return str(self.table())

    _repr_html_ = as_table

    def __repr__(self) -> str:
        return f"<OrderComparison of {self.title}: orders {self.orders[0]} to {self.orders[-1]}>"


def _entry(report: OrderReport) -> dict[str, Any]:
    if report.refused is not None:
        return {"refused": report.refused}
    names = ("value", "max_ulp", "rel_error", "operations", "evaluations", "time")
    return {name: plain(getattr(report, name)) for name in names}


def compare_orders(
    f: Callable[..., Any] | Graph,
    x: float,
    orders: Iterable[int] = range(1, 7),
    methods: Sequence[str] = METHODS,
    engine: str = "auto",
    title: str | None = None,
) -> OrderComparison:
    """Compute f⁽ⁿ⁾(x) by every method for every order n, and hold it against the truth.

    ``f`` takes and returns one number; ``orders`` are positive.  A method that cannot go on says
    why, and the others do.

    Raises
    ------
    InputError
        For an unknown method or an order below 1.
    ShapeError
        When ``f`` does not map one number to one number.
    DtypeError
        When ``x`` is no real number.

    Source: Griewank & Walther 2008, chapter 13; Fornberg 1988 for the stencils.

    >>> import numpy as np, diffkit as dk
    >>> report = dk.compare_orders(np.exp, 0.0, orders=(1, 4), methods=("forward", "taylor"))
    >>> report["taylor"][4].value, report["taylor"][4].max_ulp
    (1.0, 0.0)
    """
    wanted = _checked_orders(orders)
    for method in methods:
        if method not in WAYS:
            raise InputError(
                f"unknown method {method!r} for higher orders", hint=f"use {', '.join(METHODS)}."
            )
    point = _number(x)
    graph = _captured(f, point)
    truths = true_orders(over_mpmath(graph), point, max(wanted))
    name = title or graph.title or getattr(f, "__name__", "f")
    notes = [f"no truth for order {n}: it is no number, or too hard to find" for n in wanted
             if mp.isnan(truths[n])]  # fmt: skip
    reports = {
        method: _by_order(WAYS[method], method, graph, point, wanted, truths, engine)
        for method in methods
    }
    return OrderComparison(
        name, float(point), wanted, {n: truths[n] for n in wanted}, reports, notes
    )


def _number(x: Any) -> Any:
    """A point as float64; the shapes of arrays are checked where the function is captured."""
    if np.asarray(x).dtype.kind not in "fiub":
        raise DtypeError(
            f"compare_orders: the point {x!r} is no real number",
            hint="give one number, such as 0.5.",
        )
    return np.float64(x)


def _checked_orders(orders: Iterable[int]) -> tuple[int, ...]:
    wanted = tuple(orders)
    whole = all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) for n in wanted)
    if not wanted or not whole or min(wanted) < 1:
        raise InputError(
            f"orders={wanted!r} are not orders of derivatives", hint="use range(1, 7)."
        )
    return tuple(int(n) for n in wanted)


def _captured(f: Callable[..., Any] | Graph, x: Any) -> Graph:
    from diffkit.differentiate.function import function_of

    bound = function_of(f).bind((x,), {})
    graph = bound.graph_for(bound.leaves)
    avals = [graph.columns.avals[node] for node in (*graph.input_nodes, *graph.output_nodes)]
    if len(avals) != 2 or any(of.shape for of in avals):
        raise ShapeError(
            f"compare_orders needs a function of one number with one number as its result, not "
            f"{', '.join(map(repr, avals))}",
            hint="fix the other arguments: lambda t: f(x + t * v).",
        )
    return graph


# The ways -----------------------------------------------------------------------------------------

# A call that gives f⁽ⁿ⁾(x), its operations, and how often it runs the function (or its stand-in).
Prepared = tuple[Callable[[], Any], int, int]


def _symbolic(graph: Graph, x: Any, n: int, engine: str) -> Prepared:
    from diffkit.capture.from_sympy import from_sympy

    name = graph.input_names[0]
    explodes = graph_tree_operations(graph) > OPERATIONS
    budget = Budget(seconds=SYMBOLIC_SECONDS * (SHARE_OF_TREES if explodes else 1))
    formula = derivative_expressions(graph, [name], n, budget=budget, stable=True)[name]
    slope = from_sympy(formula)
    run, leaves = runner_of(slope, engine), [x] * len(slope.input_nodes)
    return lambda: run(leaves)[0], slope.flops(), 1


def _forward(graph: Graph, x: Any, n: int, engine: str) -> Prepared:
    for order in range(1, n + 1):
        equations = GROWTH * len(graph.columns.operations)
        if equations > MOST_EQUATIONS:
            raise BudgetError(
                f"forward gave up at order {order}, for about {equations:,} equations",
                hint="Taylor mode grows with the square of the order alone.",
            )
        graph = _slope_graph(graph)
    run = runner_of(graph, engine)
    return lambda: run([x])[0], graph.flops(), 1


def _slope_graph(graph: Graph) -> Graph:
    """f′ as a graph of x alone: the pushforward of the direction 1."""
    if "slope alone" not in graph.cache:
        swept = pushforward_graph(graph, (0,))
        arena = Arena()
        place = {swept.input_nodes[0]: arena.new_input(swept.columns.avals[swept.input_nodes[0]])}
        place[swept.input_nodes[1]] = arena.literal(np.float64(1.0))
        place |= {node: arena.literal(value) for node, value in swept.columns.values.items()}
        for node in swept.equation_nodes():
            operands = tuple([place[i] for i in swept.columns.operands[node]])
            place[node] = arena.emit(swept.columns.operations[node], operands, None)
        graph.cache["slope alone"] = arena.freeze(
            [place[swept.input_nodes[0]]], [place[swept.output_nodes[1]]], names=graph.input_names
        )
    return graph.cache["slope alone"]


def _taylor(graph: Graph, x: Any, n: int, engine: str) -> Prepared:
    series = taylor_graph(graph, n, (0,))
    run, leaves, number = runner_of(series, engine), [x, np.float64(1.0)], float(factorial(n))
    return lambda: run(leaves)[n] * number, series.flops() + 1, 1


def _finite(graph: Graph, x: Any, n: int, engine: str) -> Prepared:
    points = len(stencil(ACCURACY, n).active)
    slope = derivative(graph, n, "finite", engine)
    combining = 2 * points + 1
    return lambda: slope(x), points * graph.flops() + combining, points


WAYS: dict[str, Callable[[Graph, Any, int, str], Prepared]] = {
    "symbolic": _symbolic,
    "forward": _forward,
    "taylor": _taylor,
    "finite": _finite,
}


def _by_order(
    way: Callable[[Graph, Any, int, str], Prepared], method: str, graph: Graph, x: Any,
    orders: Sequence[int], truths: dict[int, Any], engine: str,
) -> dict[int, OrderReport]:  # fmt: skip
    found: dict[int, OrderReport] = {}
    reason: str | None = None
    for n in sorted(orders):
        if reason is None:
            found[n] = _report(way, method, graph, x, n, truths[n], engine)
            reason = found[n].refused
        else:  # what was too much at one order is not tried at the next
            found[n] = OrderReport(method, n, refused=reason)
    return {n: found[n] for n in orders}


def _report(
    way: Callable[[Graph, Any, int, str], Prepared], method: str, graph: Graph, x: Any, n: int,
    truth: Any, engine: str,
) -> OrderReport:  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DiffkitWarning)
        try:
            call, operations, evaluations = way(graph, x, n, engine)
            timing = measure(call, TIME_BUDGET)
        except DiffkitError as error:
            return OrderReport(method, n, refused=error.one_line)
    value = float(np.asarray(timing.result))
    errors = None
    if not mp.isnan(truth):
        errors = summarize([np.asarray(value)], [np.array(truth, dtype=object)])
    return OrderReport(
        method, n, value,
        nan if errors is None else errors.max_ulp,
        nan if errors is None else errors.rel_error,
        operations, evaluations, timing.seconds,
    )  # fmt: skip


# The table ----------------------------------------------------------------------------------------

QUANTITIES: tuple[tuple[str, Callable[[OrderReport], str]], ...] = (
    ("error in ulp", lambda report: _ulp_text(report.max_ulp)),
    ("operations", lambda report: _count_text(report.operations)),
    ("time", lambda report: seconds_text(report.time)),
)


class OrderTable:
    """The tables of a comparison of orders: ``rich`` prints them in colour, ``print`` plainly."""

    def __init__(self, comparison: OrderComparison) -> None:
        self.comparison = comparison

    def __rich_console__(self, console: Any, options: Any) -> Any:
        from rich.text import Text

        comparison = self.comparison
        yield Text(f"derivatives of {comparison.title} at {comparison.at!r}", style="bold")
        for title, show in QUANTITIES:
            yield self._one(title, show)
        for line in [*_refusals(comparison), *comparison.notes]:
            yield Text(line, style="dim")

    def _one(self, title: str, show: Callable[[OrderReport], str]) -> Any:
        from rich import box
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD, padding=(0, 2, 0, 0), pad_edge=False, show_edge=False)
        table.add_column(title, no_wrap=True, min_width=len(QUANTITIES[0][0]))
        for name in self.comparison:
            table.add_column(name, justify="right", no_wrap=True, min_width=9)
        for n in self.comparison.orders:
            row = [self.comparison[name][n] for name in self.comparison]
            cells = ["–" if report.refused is not None else show(report) for report in row]
            table.add_row(f"n = {n}", *cells)
        return table

    def __str__(self) -> str:
        return plain_text(self)

    __repr__ = __str__


def _refusals(comparison: OrderComparison) -> list[str]:
    lines = []
    for name in comparison:
        refused = [r for r in comparison[name].values() if r.refused is not None]
        if refused:
            first = min(refused, key=lambda report: report.order)
            lines.append(f"{name} from n = {first.order}: {first.refused}")
    return lines
