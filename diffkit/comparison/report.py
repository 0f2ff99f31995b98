"""One function, several derivatives, one truth.

``compare`` captures a function once, differentiates it by every method at the same point on the
same graph, and measures each against a truth of many digits that uses none of the methods:
error in ulps, operations, evaluations, memory and time.  A method that cannot do it says why,
and the others go on.

The truth is made in ``engines/precise.py``, the measures in ``comparison/accuracy.py`` and
``comparison/cost.py``, and the tables in ``comparison/rendering.py``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import nan
from typing import Any

import numpy as np

from diffkit.comparison.accuracy import (
    UNKNOWN_ERRORS,
    ErrorSummary,
    rounded,
    rounded_array,
    summarize,
)
from diffkit.comparison.arguments import Arguments, arguments_of
from diffkit.comparison.cost import measure, peak_memory
from diffkit.comparison.spending import INTERRUPTED, Spending
from diffkit.comparison.truth_in_time import no_truth, truth_in_time
from diffkit.comparison.undefined import fitting_truths, undefined_notes
from diffkit.differentiate.calls import like_argument
from diffkit.engines.precise import DIGITS, Truth
from diffkit.errors import BudgetError, DiffkitError, DiffkitWarning, DtypeError, ShapeError
from diffkit.graph.ir import Graph
from diffkit.graph.notebook import facts_html

__all__ = ["Comparison", "MethodReport", "compare"]

# Seconds of repeated runs per method: enough for a median, and five methods stay below a second.
TIME_BUDGET = 0.05
# A method that would run longer than this is refused rather than waited for.
MOST_SECONDS = 300.0
# What all methods together may take beyond the truth, unless it is said otherwise.
BUDGET_SECONDS = 30.0
# Methods whose cost grows with the number of inputs: runs of f per input, roughly.
RUNS_PER_INPUT = {"finite": 2, "complex": 4, "forward": 2, "taylor": 2}


# What a notebook shows of a method.
FACTS = ("max_ulp", "median_ulp", "operations", "evaluations", "time", "memory", "derivative")


@dataclass(repr=False)
class MethodReport:
    """What one method gave and what it cost; ``refused`` is the reason when it gave nothing.

    ``blocks`` are the derivatives by leaf, in the order of the arguments, and ``truths`` what they
    are held against, NaN where nothing binds them; ``derivative`` has the tree of the arguments.
    An error that does not exist is NaN, and a note says why.  Times are seconds, memory is bytes.
    """

    name: str
    method: str
    value: float = nan
    derivative: Any = None
    blocks: list[np.ndarray] = field(default_factory=list)
    truths: list[np.ndarray] = field(default_factory=list)
    errors: ErrorSummary = UNKNOWN_ERRORS
    operations: int = 0
    evaluations: int = 0
    time: float = nan
    time_over_f: float = nan
    compile_time: float = nan
    memory: int = 0
    formula: dict[str, int] | None = None
    notes: list[str] = field(default_factory=list)
    refused: str | None = None

    @property
    def max_ulp(self) -> float:
        """The largest error of a component, in units of its last place."""
        return self.errors.max_ulp

    @property
    def median_ulp(self) -> float:
        """The median error of the components, in units of their last place."""
        return self.errors.median_ulp

    def __repr__(self) -> str:
        found = self.refused or f"{self.max_ulp:.3g} ulps, {self.operations:,} operations"
        return f"<MethodReport of {self.name}: {found}>"

    def _repr_html_(self) -> str:
        facts = {name.replace("_", " "): getattr(self, name) for name in FACTS}
        return facts_html(self.name, {"refused": self.refused} if self.refused else facts)


@dataclass
class Comparison:
    """All methods on one function at one point; see :func:`compare`.

    ``interrupted`` says whether Ctrl-C ended it; methods that were not reached are refused.
    """

    title: str
    graph: Graph
    arguments: Arguments
    truth: Truth
    methods: dict[str, MethodReport]
    f_time: float
    f_operations: int
    interrupted: bool = False

    def __getitem__(self, name: str) -> MethodReport:
        return self.methods[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.methods)

    @property
    def true_value(self) -> float:
        """The value of the function, correctly rounded."""
        return rounded(np.asarray(self.truth.values[0], object).item())

    @property
    def true_blocks(self) -> list[np.ndarray]:
        """The true derivatives by leaf as object arrays of mpmath numbers."""
        return self.truth.blocks[0]

    @property
    def true_derivative(self) -> Any:
        """The true derivative, correctly rounded, in the tree of the arguments."""
        return self.arguments.tree_of([rounded_array(block) for block in self.true_blocks])

    def table(self) -> Any:
        """The comparison as a table: coloured by ``rich.print``, plain by ``print``."""
        from diffkit.comparison.rendering import ReportTable

        return ReportTable(self)

    def plot(self, **options: Any) -> Any:
        """Error against operations, as ``dk.plots.compare``; the axes."""
        from importlib import import_module

        return import_module("diffkit.plots").compare(self, **options)

    def to_dict(self) -> dict[str, Any]:
        """The comparison as plain numbers, lists and dicts (schema 1, see the documentation)."""
        from diffkit.comparison.serial import comparison_dict

        return comparison_dict(self)

    def to_json(self, indent: int | None = 2) -> str:
        """The comparison as JSON of full precision; NaN and infinities are null, with a note."""
        import json

        return json.dumps(self.to_dict(), indent=indent, allow_nan=False, ensure_ascii=False)

    def to_tsv(self) -> str:
        """The comparison as tab-separated text with ASCII headers and full precision."""
        from diffkit.comparison.serial import comparison_tsv

        return comparison_tsv(self)

    def __str__(self) -> str:
        return str(self.table())

    def __repr__(self) -> str:
        return f"<Comparison of {self.title}: {', '.join(self.methods)}>"

    def _repr_html_(self) -> str:
        from diffkit.comparison.rendering import to_html

        return to_html(self)


def compare(
    f: Callable[..., Any] | Graph,
    *args: Any,
    methods: Sequence[Any] | None = None,
    argnums: int | Sequence[int] | None = None,
    digits: int = DIGITS,
    engine: str = "auto",
    title: str | None = None,
    budget_seconds: float = BUDGET_SECONDS,
    timing_seconds: float = TIME_BUDGET,
    truth_seconds: float | None = None,
    **kwargs: Any,
) -> Comparison:
    """Differentiate a scalar function by every method and hold each against the truth.

    Methods that the budget does not reach are refused with the reason, and so are those after an
    interruption (Ctrl-C): what was done is kept.

    Parameters
    ----------
    f
        A plain NumPy function with one scalar result, or a graph; one made from text takes its
        variables by name.
    args, kwargs
        The point: numbers, arrays, or nested dicts, lists and tuples of them.
    methods
        Names or method objects; default symbolic, finite, complex, forward and reverse.
    argnums
        Which positional arguments to differentiate by; default all that hold floats, or all
        numbers where none does.
    digits
        The working precision of the truth.
    engine
        The engine that runs the graphs.
    title
        What to call the function in tables and pictures.
    budget_seconds
        The seconds that all methods may take together, after the function's own runs and the truth.
    timing_seconds
        The seconds of repeated runs from which a method's time is taken.
    truth_seconds
        The seconds that the truth may take; without one the methods are compared all the same, and
        their errors are NaN. By default it may take as long as it needs.

    Raises
    ------
    ShapeError
        When the result is not one number.
    DtypeError
        When no argument is a number, or the result is not floating point.
    InputError
        For unknown methods or argnums, or a budget that is not positive.

    Source: the idea of one table over all methods, Baydin et al. 2018, figures 2 and 3.

    >>> import diffkit as dk
    >>> report = dk.compare(lambda x: x * x * x, 2.0, methods=["forward", "reverse"])
    >>> float(report["reverse"].derivative), report["reverse"].max_ulp
    (12.0, 0.0)
    """
    from diffkit.differentiate.methods import DEFAULT_METHODS, get_method

    given = list(DEFAULT_METHODS if methods is None else methods)
    found = [get_method(method) for method in given]
    chosen = dict(zip(_keys(given, found), found, strict=True))
    arguments = arguments_of(f, args, kwargs, argnums)
    bound, leaves, wrt = arguments.bound, arguments.leaves, arguments.wrt
    graph = bound.graph_for(leaves)
    name = title or graph.title or getattr(f, "__name__", "f")
    check_scalar(graph, name)
    timing = measure(lambda: bound.values(leaves, engine), timing_seconds)
    try:
        truth, stopped = truth_in_time(graph, leaves, wrt, digits, truth_seconds), None
    except KeyboardInterrupt:
        truth, stopped = no_truth(leaves, wrt, digits, INTERRUPTED), INTERRUPTED
    spending = Spending(budget_seconds)
    reports = _reports(
        chosen, arguments, truth, engine, timing.seconds, spending, stopped, timing_seconds
    )
    interrupted = any(report.refused == INTERRUPTED for report in reports.values())
    return Comparison(
        name, graph, arguments, truth, reports, timing.seconds, graph.flops(), interrupted
    )


def check_scalar(graph: Graph, name: str, verb: str = "compare") -> None:
    """Refuse functions without one floating-point number as their result.

    Raises
    ------
    ShapeError, DtypeError
        Naming the function and what it returned.
    """
    avals = [graph.columns.avals[node] for node in graph.output_nodes]
    if len(avals) != 1 or avals[0].shape != ():
        found = ", ".join(map(repr, avals))
        raise ShapeError(
            f"{verb}: {name} returned {found}, but one number is compared",
            hint="return a scalar, for example np.sum(y) or y[0].",
        )
    if not avals[0].is_float:
        raise DtypeError(
            f"{verb}: {name} returned {avals[0]}, which has no derivative",
            hint="return a floating-point number.",
        )


def _predicted(name: str, arguments: Arguments, f_time: float) -> tuple[int, float]:
    """The number of inputs, and the seconds that a method will take for them."""
    inputs = sum(int(np.size(arguments.leaves[place])) for place in arguments.wrt)
    return inputs, RUNS_PER_INPUT.get(name, 0) * inputs * f_time


def _refuse_endless(name: str, arguments: Arguments, f_time: float) -> None:
    inputs, seconds = _predicted(name, arguments, f_time)
    if seconds > MOST_SECONDS:
        raise BudgetError(
            f"{name}: {inputs:,} inputs would take about {seconds:,.0f} s",
            hint="use reverse mode, whose cost does not grow with the inputs.",
        )


def _reports(
    chosen: Mapping[str, Any], arguments: Arguments, truth: Truth, engine: str, f_time: float,
    spending: Spending, stopped: str | None, timing_seconds: float,
) -> dict[str, MethodReport]:  # fmt: skip
    """A report of each method while there is time; SymPy, which may take seconds, comes last."""
    found: dict[str, MethodReport] = {}
    for key, method in sorted(chosen.items(), key=lambda pair: pair[1].name == "symbolic"):
        _, seconds = _predicted(method.name, arguments, f_time)
        reason = stopped or spending.reason(seconds if seconds <= MOST_SECONDS else 0.0)
        try:
            if reason is None:
                found[key] = _report(key, method, arguments, truth, engine, f_time, timing_seconds)
                continue
        except KeyboardInterrupt:
            reason = stopped = INTERRUPTED
        found[key] = MethodReport(key, method.name, refused=reason)
    return {key: found[key] for key in chosen}


def _keys(given: Sequence[Any], methods: Sequence[Any]) -> list[str]:
    """The names of the methods; objects that share one are told apart by their options."""
    names = [method.name for method in methods]
    keys: list[str] = []
    for text, method in zip(given, methods, strict=True):
        plain = isinstance(text, str) or names.count(method.name) == 1
        key = base = method.name if plain else repr(method)
        count = 1
        while key in keys:
            count += 1
            key = f"{base} ({count})"
        keys.append(key)
    return keys


def _report(
    key: str, method: Any, arguments: Arguments, truth: Truth, engine: str, f_time: float,
    timing_seconds: float = TIME_BUDGET,
) -> MethodReport:  # fmt: skip
    bound, leaves, wrt = arguments.bound, arguments.leaves, arguments.wrt
    try:
        _refuse_endless(method.name, arguments, f_time)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", DiffkitWarning)
            timing = measure(lambda: method.jacobian(bound, leaves, wrt, engine), timing_seconds)
    except DiffkitError as error:
        return MethodReport(key, method.name, refused=error.one_line)
    # The ratio is taken against f measured right now: the machine's speed drifts.
    f_now = measure(lambda: bound.values(leaves, engine), timing_seconds).seconds
    result = timing.result
    blocks = [
        np.asarray(like_argument(block, leaves[place]))  # what dk.grad gives
        for place, block in zip(wrt, result.blocks[0], strict=True)
    ]
    truths = fitting_truths(blocks, truth, wrt)
    undefined = undefined_notes(method.name, blocks, truth, truths) if truth.known else []
    memory = 0
    if result.graph is not None:
        memory = peak_memory(result.graph, complex_numbers=method.name == "complex")
    return MethodReport(
        key,
        method.name,
        value=float(np.asarray(result.values[0])),
        derivative=arguments.tree_of(blocks),
        blocks=blocks,
        truths=truths,
        errors=summarize(blocks, truths) if truth.known else UNKNOWN_ERRORS,
        operations=int(result.flops),
        evaluations=int(result.evaluations),
        time=timing.seconds,
        time_over_f=timing.seconds / f_now if f_now > 0 else nan,
        compile_time=timing.first_extra,
        memory=memory,
        formula=result.extra.get("formula"),
        notes=list(dict.fromkeys([*undefined, *result.notes, *(str(w.message) for w in caught)])),
    )
