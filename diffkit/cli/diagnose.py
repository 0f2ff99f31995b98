"""``diffkit diagnose``: what spoils a function at a point, on which line, and what cures it.

The findings are those of ``dk.diagnose``.  The exit code is 1 where something is wrong, so that a
script can ask.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from diffkit.cli.candidates import functions
from diffkit.cli.main import DONE, FAILED
from diffkit.cli.shared import (
    ExpressionCommand,
    on_terminal,
    suggest,
    user_errors,
    working,
    write_json,
    write_rows,
)
from diffkit.cli.subjects import subject_of
from diffkit.cli.words import again

if TYPE_CHECKING:
    from diffkit.comparison.diagnose import Diagnosis

__all__ = ["diagnose"]

EXAMPLES = """\b
Examples:
  diffkit diagnose "(1-cos(x))/x**2" --at x=1e-5
  diffkit diagnose "log(exp(x)+exp(y))" --at 800,1
  diffkit diagnose model.py:loss --at "w=[0.5,-1],b=0" --json

Exit codes: 0 nothing wrong, 1 value or gradient cannot be used, 2 the input was wrong."""

COLUMNS = ("severity", "kind", "line", "digits_lost", "message", "remedy")


@click.command(cls=ExpressionCommand, epilog=EXAMPLES)
@click.argument("function", shell_complete=functions)
@click.option("--at", metavar="POINT", multiple=True, help="Values, as x=1,y=pi/3 or 1,[2,3].")
@click.option("--json", "as_json", is_flag=True, help="Print JSON with full precision.")
def diagnose(function: str, at: tuple[str, ...], as_json: bool) -> int:
    """Find what spoils FUNCTION or its gradient at a point, by line.

    FUNCTION is an expression such as "log(1+x)/x", or file.py:name for a function of your own.
    """
    from diffkit.comparison.diagnose import diagnose as diagnose_function

    subject = subject_of(function, at)
    with working("diagnosing"), user_errors(subject.path, f"calling {function}"):
        found = diagnose_function(subject.function, *subject.arguments, **subject.options)
    _write(found, as_json)
    if not as_json:
        suggest(again("explain", function, at))
    return DONE if found.ok else FAILED


def _write(found: Diagnosis, as_json: bool) -> None:
    """The findings as JSON, as a table for a terminal, or as tab-separated text."""
    if as_json:
        write_json(found.to_dict())
    elif on_terminal():
        from rich.console import Console

        Console(highlight=False).print(found.table())
    else:
        rows = [finding.to_dict() for finding in found.findings]
        write_rows(COLUMNS, [[row[column] for column in COLUMNS] for row in rows])
