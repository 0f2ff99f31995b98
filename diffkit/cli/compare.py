"""``diffkit compare``: one function, every method, errors against a high-precision truth.

The function is an expression (parsed, never evaluated), a function in a Python file of the
user's own, or one of the built-in cases.  The comparison itself is ``dk.compare``; several cases,
sizes or dtypes, or a report in a file, are ``dk.compare_many`` (``cli/compare_many.py``).
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from diffkit.cli.candidates import case_names, dtype_names, functions, listed, method_names
from diffkit.cli.compare_many import FORMATS, STOPPED, write_report
from diffkit.cli.shared import (
    SCHEMA,
    ExpressionCommand,
    choose,
    on_terminal,
    suggest,
    user_errors,
    working,
    write_json,
    write_rows,
)
from diffkit.cli.subjects import Subject, subject_of
from diffkit.cli.words import again, hanging
from diffkit.errors import InputError

if TYPE_CHECKING:
    from diffkit.comparison.report import Comparison

__all__ = ["compare"]

EXAMPLES = """\b
Examples:
  diffkit compare "sin(x*y)+exp(x)" --at x=1,y=2
  diffkit compare "log(x1)+x1*x2-sin(x2)" --at x1=2,x2=5 --json
  diffkit compare "logaddexp(x,y)" --at x=1/3,y=pi
  diffkit compare model.py:loss --at "w=[0.5,-1],b=0" --methods reverse,finite
  diffkit compare --list
  diffkit compare --case softmax-digits
  diffkit compare --case rosenbrock,hilbert --sizes 2,8 --dtype float32
  diffkit compare --all --resume rows.jsonl --format html --out report.html"""

LIST = "diffkit compare --list"

SPOILT = 1000.0
"""Ulps that rounding alone explains seldom: beyond them something is to be diagnosed."""

DIGITS = (30, 800)
"""The decimal digits that the truth may have (``engines/precise.py``, which loads mpmath)."""


@click.command(cls=ExpressionCommand, epilog=EXAMPLES)
@click.argument("function", required=False, shell_complete=functions)
@click.option("--at", metavar="POINT", multiple=True, help="Values, as x=1,y=pi/3,z=[1,2].")
@click.option("--case", metavar="NAMES", shell_complete=listed(case_names),
              help="Built-in cases, as helmholtz,rump; see --list.")  # fmt: skip
@click.option("--all", "every", is_flag=True, help="All built-in cases.")
@click.option("--sizes", metavar="NUMBERS", help="Sizes of the cases that have any, as 2,10,50.")
@click.option("--dtype", metavar="NAMES", shell_complete=listed(dtype_names),
              help="float64, float32, or both [float64].")  # fmt: skip
@click.option("--methods", metavar="NAMES", shell_complete=listed(method_names),
              help="Methods, as reverse,finite [all].")  # fmt: skip
@click.option(
    "--digits",
    type=click.IntRange(*DIGITS),
    metavar="N",
    help="Decimal digits of the truth [chosen by the size].",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    metavar="FORM",
    help="Write one report over all rows: table, html, json, csv or md.",
)
@click.option("--out", metavar="FILE", type=click.Path(dir_okay=False), help="Where to write it.")
@click.option(
    "--resume",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Append each finished row to FILE, and do no row twice.",
)
@click.option(
    "--budget",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="For the methods [30], or for each row of a report [60].",
)
@click.option("--list", "--cases", "list_only", is_flag=True, help="List the built-in cases.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON with full precision.")
def compare(
    function: str | None,
    at: tuple[str, ...],
    case: str | None,
    methods: str | None,
    digits: int | None,
    list_only: bool,
    as_json: bool,
    **many: Any,
) -> int | None:
    """Differentiate FUNCTION by every method and compare accuracy and cost.

    FUNCTION is an expression such as "sin(x*y)", or file.py:name for a function of your own.
    """
    if list_only:
        _write_cases(as_json)
        return None
    if any(value for word, value in many.items() if word != "budget") or "," in (case or ""):
        if at or function is not None:
            raise InputError(
                "a report over many rows is made of built-in cases",
                hint="leave the function out, or call dk.compare_many from Python.",
            )
        many["form"] = many["form"] or ("json" if as_json else None)
        return write_report(case, _options(methods, digits), **many)
    subject = _subject(function, case, at)
    options = subject.options | _options(methods, digits)
    if many["budget"] is not None:
        options["budget_seconds"] = many["budget"]
    from diffkit.comparison.report import compare as compare_methods

    with working("comparing"), user_errors(subject.path, f"calling {function}"):
        comparison = compare_methods(subject.function, *subject.arguments, **options)
    _write(comparison, as_json, LIST if function is None else _next(comparison, function, at))
    return STOPPED if comparison.interrupted else None


def _subject(function: str | None, case: str | None, at: Sequence[str]) -> Subject:
    if (function is None) == (case is None):
        raise InputError(
            "give a function or a case, not both" if case else "no function was given",
            hint='diffkit compare "x*y" --at x=1,y=2, or --case NAME; see --list.',
        )
    if case is not None:
        if at:
            raise InputError("a case brings its own point", hint="leave --at out.")
        return _case(case)
    assert function is not None
    return subject_of(function, at)


def _case(name: str) -> Subject:
    from diffkit.comparison.cases import CASES

    case = CASES[choose(name, CASES, "case", hint="see diffkit compare --list.")]
    options = {"argnums": case.argnums, "title": case.title}
    return Subject(case.function, case.arguments(), None, options)


def _options(methods: str | None, digits: int | None) -> dict[str, Any]:
    from diffkit.differentiate.methods import DEFAULT_METHODS

    options: dict[str, Any] = {}
    if methods is not None:
        names = dict.fromkeys(name.strip() for name in methods.split(","))
        options["methods"] = [choose(name, DEFAULT_METHODS, "method") for name in names]
    if digits is not None:
        options["digits"] = digits
    return options


def _next(comparison: Comparison, function: str, at: Sequence[str]) -> str:
    """What helps next: to find what spoils the derivative, or to see how it comes about."""
    exact = [report for name, report in comparison.methods.items() if name != "finite"]
    spoilt = any(not report.max_ulp < SPOILT or report.notes for report in exact)
    return again("diagnose" if spoilt else "explain", function, at)


def _write(comparison: Comparison, as_json: bool, next_command: str) -> None:
    """The comparison as JSON, as a table for a terminal, or as tab-separated text."""
    if as_json:
        write_json(comparison.to_dict())
    elif on_terminal():
        from rich.console import Console

        Console(highlight=False).print(comparison.table())
        suggest(next_command)
    else:
        click.echo(comparison.to_tsv().rstrip("\n"))


def _write_cases(as_json: bool) -> None:
    from diffkit.comparison.cases import CASES

    rows = [(name, case.title) for name, case in CASES.items()]
    if as_json:
        cases = [{"name": name, "title": title} for name, title in rows]
        write_json({"schema": SCHEMA, "cases": cases})
    elif on_terminal():
        indent = max(len(name) for name, _ in rows) + 2
        width = shutil.get_terminal_size().columns
        for name, title in rows:
            click.echo(hanging(f"{name:{indent}}{title}", width, indent))
        suggest(f"diffkit compare --case {rows[0][0]}")
    else:
        write_rows(["name", "title"], rows)
