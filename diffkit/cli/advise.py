"""``diffkit advise``: which method for this function, at this point, so many times?

The recommendation and the measurements behind it are those of ``dk.advise``.
"""

from __future__ import annotations

import click

from diffkit.cli.candidates import functions
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

__all__ = ["advise"]

EXAMPLES = """\b
Examples:
  diffkit advise "sin(x*y)+exp(x)" --at x=1,y=2
  diffkit advise "log(x1)+x1*x2-sin(x2)" --at 2,5 --repeats 1000
  diffkit advise model.py:loss --at "w=[0.5,-1],b=0" --accuracy 12
  diffkit advise model.py:residuals --at "[1,2,3]" --want jacobian
  diffkit advise "x*exp(-x**2)" --at 0.5 --json

Exit codes: 0 done, 2 the input was wrong, 130 stopped by Ctrl-C (what was measured is printed)."""

INTERRUPTED = 130  # as after SIGINT in a shell (cli/main.py)

WANTS = ("gradient", "jacobian", "hessian", "hvp")
COLUMNS = (
    "method", "rel_error", "error_from", "accurate", "operations", "first", "again", "total",
    "measured", "refused",
)  # fmt: skip


@click.command(cls=ExpressionCommand, epilog=EXAMPLES)
@click.argument("function", shell_complete=functions)
@click.option("--at", metavar="POINT", multiple=True, help="Values, as x=1,y=pi/3 or 1,[2,3].")
@click.option(
    "--repeats",
    type=click.IntRange(1),
    metavar="N",
    default=1,
    show_default=True,
    help="How many derivatives will be taken.",
)
@click.option(
    "--accuracy",
    type=click.FloatRange(0, min_open=True),
    metavar="NUMBER",
    default=1e-8,
    show_default=True,
    help="Largest relative error, or (from 1 on) a number of digits.",
)
@click.option("--want", type=click.Choice(WANTS), metavar="WHAT", default=WANTS[0],
              show_default=True, help=f"Which derivative: {', '.join(WANTS)}.")  # fmt: skip
@click.option("--budget", type=click.FloatRange(0, min_open=True), metavar="SECONDS",
              help="For trying the methods [10].")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON with full precision.")
def advise(
    function: str,
    at: tuple[str, ...],
    repeats: int,
    accuracy: float,
    want: str,
    budget: float | None,
    as_json: bool,
) -> int | None:
    """Recommend a method for a derivative of FUNCTION, with the measurements behind it.

    FUNCTION is an expression such as "sin(x*y)", or file.py:name for a function of your own.
    """
    from diffkit.comparison.advise import advise as ask
    from diffkit.differentiate.budget import SECONDS

    subject = subject_of(function, at)
    with working("trying the methods"), user_errors(subject.path, f"calling {function}"):
        advice = ask(
            subject.function, *subject.arguments, repeats=repeats, accuracy=accuracy, want=want,
            budget_seconds=budget or SECONDS,
        )  # fmt: skip
    if as_json:
        write_json(advice.to_dict())
    elif on_terminal():
        from rich.console import Console

        Console(highlight=False).print(advice.table())
        suggest(again(_next(want, advice.accurate), function, at))
    else:
        rows = advice.to_dict()["methods"].items()
        write_rows(COLUMNS, [[name, *(row.get(c) for c in COLUMNS[1:])] for name, row in rows])
    return INTERRUPTED if advice.interrupted else None


def _next(want: str, accurate: bool) -> str:
    """The command that is useful next; a Jacobian is shown, for the others want one number."""
    if want == "jacobian":
        return "explain"
    return "compare" if accurate else "diagnose"
