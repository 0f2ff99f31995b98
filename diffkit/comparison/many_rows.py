"""One row of a large comparison: a case, of one size, in one dtype, by every method, in time.

A row has a budget of seconds.  The truth is made first, and given up when half of the budget is
used; then each method is asked that is predicted to end in time.  What there was no time for is
listed as missing, so a row that was cut short never looks like a complete one.  Rows are plain
data, as a line of JSON holds them: errors and costs of each method, without the derivatives.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from diffkit.capture.trees import flatten, unflatten
from diffkit.comparison.arguments import arguments_of
from diffkit.comparison.cases import CASES, Case
from diffkit.comparison.cost import measure
from diffkit.comparison.report import (
    RUNS_PER_INPUT,
    TIME_BUDGET,
    MethodReport,
    _report,
    check_scalar,
)
from diffkit.comparison.serial import plain
from diffkit.comparison.truth_in_time import truth_in_time
from diffkit.differentiate.methods import get_method
from diffkit.errors import DiffkitError, InputError
from diffkit.graph.ir import Graph

__all__ = ["DTYPES", "Job", "Row", "jobs_of", "line_of", "run_job"]

DTYPES = ("float64", "float32")
DIGITS = 60
TRUTH_SHARE = 0.5  # of a row's seconds
MEASURED = ("max_ulp", "median_ulp", "rel_error", "abs_error")
COSTS = ("operations", "evaluations", "time", "time_over_f", "compile_time", "memory")

Row = dict[str, Any]
Cases = Sequence[Any] | Mapping[str, Any] | str | None


@dataclass(frozen=True)
class Job:
    """What one row is about; ``key`` names it among the rows of a file."""

    name: str
    case: Case
    size: int | None
    dtype: str
    methods: tuple[str, ...]
    seconds: float

    @property
    def key(self) -> str:
        """The job in one line; a function that was passed is named with a hash of its point."""
        size = "" if self.size is None else str(self.size)
        known = CASES.get(self.name) is self.case
        point = "" if known else hashlib.sha256(repr(self.case.args).encode()).hexdigest()[:8]
        return "|".join([self.name, size, self.dtype, ",".join(self.methods), point])


def jobs_of(
    cases: Cases,
    methods: Sequence[str],
    sizes: Sequence[int],
    dtypes: Sequence[str],
    seconds: float,
) -> list[Job]:
    """All rows of a comparison, in order; a case of one size only has it once.

    Raises
    ------
    InputError
        For an unknown case, method or dtype, or a size that is not a positive whole number.
    """
    for dtype in dtypes:
        if dtype not in DTYPES:
            raise InputError(f"dtype {dtype!r} is not compared", hint=f"use {', '.join(DTYPES)}.")
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, (int, np.integer)) or size < 1:
            raise InputError(f"size {size!r} is no number of elements", hint="sizes=(2, 10), say.")
    for method in methods:
        get_method(method)
    if not seconds > 0:
        raise InputError(f"a row's budget is positive, not {seconds!r}", hint="budget_seconds=60.")
    return [
        Job(name, case, size, dtype, tuple(methods), seconds)
        for name, case in named_cases(cases)
        for size in ([int(size) for size in sizes] if case.sized and sizes else [None])
        for dtype in dtypes
    ]


def named_cases(cases: Cases) -> list[tuple[str, Case]]:
    """Cases by name: built-in ones, :class:`Case` objects, or functions with their arguments.

    Raises
    ------
    InputError
        For a name that there is not, or anything else.
    """
    if cases is None:
        return list(CASES.items())
    if isinstance(cases, Mapping):
        return [(str(name), _as_case(str(name), given)) for name, given in cases.items()]
    given = [cases] if isinstance(cases, (str, Case)) else list(cases)
    return [(_name_of(case), _as_case(_name_of(case), case)) for case in given]


def _name_of(given: Any) -> str:
    if isinstance(given, str):
        return given
    if isinstance(given, Case):
        return given.title
    first = given[0] if isinstance(given, (tuple, list)) and given else given
    return getattr(first, "__name__", "") or getattr(first, "title", "") or "f"


def _as_case(name: str, given: Any) -> Case:
    if isinstance(given, Case):
        return given
    if isinstance(given, str):
        if given not in CASES:
            raise InputError(
                f"there is no case named {given!r}", hint="see dk.compare_many's cases."
            )
        return CASES[given]
    if isinstance(given, (tuple, list)) and given and callable(given[0]):
        function, *point = given
        wrt = tuple(k for k, arg in enumerate(point) if _moves(arg))
        return Case(name, function, lambda: tuple(point), wrt, "given")
    raise InputError(
        f"{given!r:.40} is no case", hint="a name, or a tuple (function, argument, …)."
    )


def _moves(argument: Any) -> bool:
    return any(np.asarray(leaf).dtype.kind == "f" for leaf in flatten(argument)[0])


# Running ----------------------------------------------------------------------------------------


def run_job(job: Job) -> Row:
    """The row of a job; what could not be done is said in ``"failed"`` or ``"missing"``."""
    start = perf_counter()
    row: Row = {"schema": 1, "key": job.key, "case": job.name, "title": job.case.title,
                "source": job.case.source, "size": job.size, "dtype": job.dtype,
                "budget": job.seconds}  # fmt: skip
    try:
        row |= _measured(job, start)
    except DiffkitError as error:
        row |= {"failed": error.one_line, "methods": {}, "missing": {}}
    except (ArithmeticError, ValueError, TypeError, LookupError) as error:
        row |= {"failed": f"{type(error).__name__}: {error}", "methods": {}, "missing": {}}
    return row | {"seconds": perf_counter() - start}


def _measured(job: Job, start: float) -> Row:
    case, methods = job.case, job.methods
    point = case.args if job.size is None or case.sized is None else case.sized(job.size)
    args = [_in_dtype(argument, job.dtype) for argument in point]
    _refuse_wide_text(case.function, job.dtype)
    arguments = arguments_of(case.function, args, {}, case.argnums or None)
    graph = arguments.bound.graph_for(arguments.leaves)
    check_scalar(graph, case.title)
    timing = measure(lambda: arguments.bound.values(arguments.leaves), TIME_BUDGET)
    truth = truth_in_time(graph, arguments.leaves, arguments.wrt, DIGITS, TRUTH_SHARE * job.seconds)
    inputs = sum(int(np.size(arguments.leaves[place])) for place in arguments.wrt)
    done: dict[str, Any] = {}
    missing: dict[str, str] = {}
    for name in methods:
        left = job.seconds - (perf_counter() - start)
        why = _too_long(name, inputs * timing.seconds, left)
        if why:
            missing[name] = why
            continue
        report = _report(name, _method(name, left), arguments, truth, "auto", timing.seconds)
        done[name] = _summary(report)
    if not truth.known:
        missing["truth"] = "; ".join(truth.notes)
    return {
        "inputs": inputs, "operations": graph.flops(), "time": timing.seconds,
        "truth": {"how": truth.how, "digits": truth.digits, "certified": truth.certified},
        "methods": done, "missing": missing,
    }  # fmt: skip


def _refuse_wide_text(function: Any, dtype: str) -> None:
    if isinstance(function, Graph) and dtype != "float64":
        raise InputError(
            f"an expression is a graph of float64 numbers, so it cannot run in {dtype}",
            hint="give a Python function for float32.",
        )


def _in_dtype(argument: Any, dtype: str) -> Any:
    """An argument with its floats in this dtype."""
    leaves, structure = flatten(argument)
    found = []
    for leaf in leaves:
        array = np.asarray(leaf)
        found.append(array.astype(dtype)[()] if array.dtype.kind == "f" else leaf)
    return unflatten(structure, found)


def _too_long(name: str, seconds_per_run: float, left: float) -> str:
    """Why there is no time for a method; empty where there is."""
    predicted = RUNS_PER_INPUT.get(name, 0) * seconds_per_run
    if left <= 0:
        return "the row's budget of seconds was used up"
    if predicted > left:
        return f"it would take about {predicted:.3g} s, and {left:.3g} s were left"
    return ""


def _method(name: str, left: float) -> Any:
    """The method; SymPy gets no more than the time that is left."""
    if name != "symbolic":
        return get_method(name)
    from diffkit.differentiate.symbolic import Symbolic

    default = Symbolic()
    return Symbolic(budget_seconds=min(default.budget.seconds, left))


def _summary(report: MethodReport) -> Row:
    if report.refused is not None:
        return {"refused": report.refused}
    entry: Row = {name: getattr(report.errors, name) for name in MEASURED}
    entry |= {name: getattr(report, name) for name in COSTS}
    if report.formula is not None:
        entry["formula"] = dict(report.formula)
    if report.notes:
        entry["note"] = "; ".join(report.notes)
    return plain(entry)


def line_of(row: Row) -> str:
    """A row as one line of JSON."""
    return json.dumps(plain(row), allow_nan=False, ensure_ascii=False) + "\n"
