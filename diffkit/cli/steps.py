"""``diffkit steps``: the step of a finite difference, its value, and an error to rely on.

The numbers are those of ``dk.step_size``: noise and truncation are estimated from the function,
for several stencils; the derivative itself is computed apart, to show the true errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from diffkit.cli.candidates import functions, variables
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
    from diffkit.comparison.steps import StepSize

__all__ = ["steps"]

EXAMPLES = """\b
Examples:
  diffkit steps "sin(x)*exp(x)" --at x=0.2
  diffkit steps "x*sin(y)" --at x=1,y=2 --wrt y
  diffkit steps "exp(x)" --at 1 --order 4 --accuracy 2 --accuracy 8
  diffkit steps model.py:loss --at "w=[0.5,-1],b=0" --wrt "w[0]" --peers
  diffkit steps "(1-cos(x))/x**2" --at 1e-4 --json

Exit codes: 0 done, 2 the input was wrong, 130 stopped by Ctrl-C (what was measured is printed)."""

INTERRUPTED = 130  # as after SIGINT in a shell (cli/main.py)

COLUMNS = ("stencil", "accuracy", "step", "value", "error", "true_error", "refused")
PEER_COLUMNS = ("name", "value", "error_estimate", "true_error", "evaluations", "note")


@click.command(cls=ExpressionCommand, epilog=EXAMPLES)
@click.argument("function", shell_complete=functions)
@click.option("--at", metavar="POINT", multiple=True, help="Values, as x=1,y=pi/3 or 1,[2,3].")
@click.option("--wrt", metavar="NAME", shell_complete=variables,
              help="The number that moves, as y or w[0].")  # fmt: skip
@click.option("--order", type=click.IntRange(1), metavar="N", default=1, show_default=True,
              help="Order of the derivative.")  # fmt: skip
@click.option("--accuracy", type=int, metavar="N", multiple=True,
              help="Stencils: 1 (forward) or even; repeat for several.")  # fmt: skip
@click.option("--tableau", is_flag=True, help="Show Richardson's tableau too.")
@click.option("--peers", is_flag=True, help="Ask SciPy and numdifftools too.")
@click.option("--budget", type=click.FloatRange(0, min_open=True), metavar="SECONDS",
              help="For runs of the function [10].")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON with full precision and curves.")
def steps(
    function: str,
    at: tuple[str, ...],
    wrt: str | None,
    order: int,
    accuracy: tuple[int, ...],
    tableau: bool,
    peers: bool,
    budget: float | None,
    as_json: bool,
) -> int | None:
    """Choose the step of a finite difference of FUNCTION, with value and error.

    FUNCTION is an expression such as "sin(x*y)", or file.py:name for a function of your own.
    """
    from diffkit.comparison.steps import USUAL, step_size
    from diffkit.differentiate.budget import SECONDS

    subject = subject_of(function, at)
    with working("running the function"), user_errors(subject.path, f"calling {function}"):
        found = step_size(
            subject.function, *subject.arguments, order=order, stencils=accuracy or USUAL,
            direction=wrt, budget_seconds=budget or SECONDS, **subject.options,
        )  # fmt: skip
        document = found.to_dict(curve=as_json, peers=peers)
    if as_json:
        write_json(document)
    elif on_terminal():
        _print(found, tableau, peers)
        suggest(again("compare", function, at))
    else:
        _write(document, tableau)
    return INTERRUPTED if found.interrupted else None


def _write(document: dict[str, Any], tableau: bool) -> None:
    """Tables of tab-separated text, a blank line between them: what was asked for."""
    rows = document["stencils"].items()
    write_rows(COLUMNS, [[name, *(row.get(c) for c in COLUMNS[1:])] for name, row in rows])
    made = document["richardson"]
    if tableau and made is not None:
        click.echo()
        lines = [
            [h, *(column[i - j] for j, column in enumerate(made["columns"]) if i >= j)]
            for i, h in enumerate(made["steps"])
        ]
        write_rows(["h", *(f"h^{power}" for power in made["powers"])], lines)
    if document.get("peers"):
        click.echo()
        peers = document["peers"]
        write_rows(PEER_COLUMNS, [[peer.get(c) for c in PEER_COLUMNS] for peer in peers])


def _print(found: StepSize, tableau: bool, peers: bool) -> None:
    """The table, the curve of the best stencil in characters, and what was asked for."""
    from rich.console import Console

    from diffkit.comparison.steps_table import (
        CURVE_RUNS,
        PEER_RUNS,
        TABLEAU_RUNS,
        peer_table,
        text_curve,
    )

    console = Console(highlight=False)
    console.print(found.table())
    if found.best.refused is None and found.affords(CURVE_RUNS):
        console.print(f"\n{found.best.stencil.name}: error against h, o measured, · predicted")
        console.print(text_curve(found, found.best.stencil.name), markup=False)
    if tableau and found.affords(TABLEAU_RUNS):
        console.print(found.richardson)
    if peers and found.affords(PEER_RUNS):
        console.print(peer_table(found.peers()))
