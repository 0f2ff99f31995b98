"""Many functions, every method, several sizes and dtypes: one report.

    rows  =  cases × sizes × dtypes,      in every row all methods

Each row is finished, written down, and never done twice: a comparison that was stopped goes on
where it was (``many_store.py``).  A row that takes too long is cut short and says what is missing
(``many_rows.py``).  The report is a table, JSON, CSV, Markdown or HTML (``many_text.py``).

Reading on: the benchmarks of DifferentiationInterface.jl, whose rows (method, case, calls, time)
this table follows; Dalle & Hill 2025.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from diffkit.comparison.many_rows import Cases, Job, Row, jobs_of, run_job
from diffkit.comparison.many_store import RowFile
from diffkit.comparison.serial import SCHEMA, plain

__all__ = ["ManyComparison", "compare_many"]

ROW_SECONDS = 60.0


@dataclass(frozen=True)
class ManyComparison:
    """The rows of a comparison of many functions; see :func:`compare_many`.

    ``rows`` are plain dicts, ``waiting`` the keys of the rows that were not reached, and
    ``interrupted`` says whether it was stopped.
    """

    rows: tuple[Row, ...]
    methods: tuple[str, ...]
    waiting: tuple[str, ...] = ()
    interrupted: bool = False

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def missing(self) -> dict[str, dict[str, str]]:
        """What is not there and why, by row: methods without time, failures, rows not reached."""
        found: dict[str, dict[str, str]] = {}
        for row in self.rows:
            failed = {"row": row["failed"]} if row.get("failed") else {}
            if gaps := {**row.get("missing", {}), **failed}:
                found[row["key"]] = gaps
        return found | {key: {"row": "not reached"} for key in self.waiting}

    def table(self) -> Any:
        """The report as a table: coloured by ``rich.print``, plain by ``print``."""
        from diffkit.comparison.many_text import ManyTable

        return ManyTable(self)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data (schema 1)."""
        return {
            "schema": SCHEMA, "methods": list(self.methods), "rows": plain(list(self.rows)),
            "missing": self.missing, "interrupted": self.interrupted,
        }  # fmt: skip

    def to_json(self, indent: int | None = 2) -> str:
        """The report as JSON of full precision; NaN and infinities are null."""
        return json.dumps(self.to_dict(), indent=indent, allow_nan=False, ensure_ascii=False)

    def to_csv(self) -> str:
        """One line for each row and method, with a header; full precision."""
        from diffkit.comparison.many_text import csv_text

        return csv_text(self)

    def to_markdown(self) -> str:
        """The table in Markdown."""
        from diffkit.comparison.many_text import markdown_text

        return markdown_text(self)

    def to_html(self) -> str:
        """The report as a page that needs nothing else."""
        from diffkit.comparison.many_text import html_page

        return html_page(self)

    def __str__(self) -> str:
        return str(self.table())

    def __repr__(self) -> str:
        return f"<ManyComparison of {len(self.rows)} rows: {', '.join(self.methods)}>"

    def _repr_html_(self) -> str:
        from diffkit.comparison.many_text import html_table

        return html_table(self)


def compare_many(
    cases: Cases = None,
    methods: Sequence[str] | None = None,
    sizes: Sequence[int] = (),
    dtypes: Sequence[str] = ("float64",),
    resume: Any = None,
    progress: bool = False,
    budget_seconds: float = ROW_SECONDS,
) -> ManyComparison:
    """Compare methods over many functions, sizes and dtypes, and gather one report.

    An interruption (Ctrl-C) ends it with the rows that were done; the report then has
    ``interrupted`` set, and names the rows that were not reached.

    Parameters
    ----------
    cases
        Names of built-in cases, ``Case`` objects, or tuples (function, argument, …), in a sequence,
        or by name in a dict; default all built-in cases.
    methods
        Names of methods; default symbolic, finite, complex, forward and reverse.
    sizes
        Numbers of elements, or of examples, for the cases that come in any size.
    dtypes
        ``"float64"`` and ``"float32"``: the dtype of all floating-point arguments.
    resume
        A file of JSON lines.  Every finished row is appended to it at once, and rows that are in
        it are not done again.
    progress
        Whether to show a progress bar on standard error.
    budget_seconds
        The seconds for one row.

    Raises
    ------
    InputError
        For an unknown case, method, dtype or size, or a file that holds something else.

    Source: the functions of Baydin et al. 2018 and others, named with each case.

    >>> import diffkit as dk
    >>> report = dk.compare_many(["baydin"], ["forward", "reverse"], dtypes=["float64", "float32"])
    >>> [(row["case"], row["dtype"]) for row in report]
    [('baydin', 'float64'), ('baydin', 'float32')]
    >>> report.rows[0]["methods"]["reverse"]["max_ulp"] < 1
    True
    """
    from diffkit.differentiate.methods import DEFAULT_METHODS

    names = tuple(DEFAULT_METHODS if methods is None else methods)
    jobs = jobs_of(cases, names, tuple(sizes), tuple(dtypes), budget_seconds)
    file = None if resume is None else RowFile(resume)
    rows: dict[str, Row] = {}
    interrupted = False
    try:
        with _Bar(len(jobs), progress) as tell:
            for job in jobs:
                tell(job)
                rows[job.key] = _row_of(job, file)
    except KeyboardInterrupt:
        interrupted = True
    waiting = tuple(job.key for job in jobs if job.key not in rows)
    return ManyComparison(tuple(rows.values()), names, waiting, interrupted)


def _row_of(job: Job, file: RowFile | None) -> Row:
    if file is None:
        return run_job(job)
    row = file.finished(job.key, job.seconds)
    if row is None:
        row = run_job(job)
        file.add(row)
    return row


class _Bar:
    """A progress bar on standard error, or nothing."""

    def __init__(self, total: int, shown: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.progress import TimeElapsedColumn as Elapsed

        console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Elapsed())
        self.progress = Progress(*columns, console=console, transient=True, disable=not shown)
        self.task = self.progress.add_task("comparing", total=total)
        self.started = False

    def __enter__(self) -> Any:
        self.progress.start()
        return self._tell

    def __exit__(self, *exception: Any) -> None:
        self.progress.stop()

    def _tell(self, job: Job) -> None:
        """The job that begins; the one before it has ended."""
        size = "" if job.size is None else f", {job.size:,}"
        self.progress.update(
            self.task, advance=int(self.started), description=f"{job.name}{size}, {job.dtype}"
        )
        self.started = True
