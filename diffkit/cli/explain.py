"""``diffkit explain``: the values, tangents and adjoints of a function, line by line.

The tables are those of ``dk.explain``: on a terminal, as HTML in a file, as JSON for a stepper, or
tab-separated for a pipe.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from diffkit.cli.candidates import functions, named, variables
from diffkit.cli.shared import (
    ExpressionCommand,
    choose,
    on_terminal,
    suggest,
    user_errors,
    working,
    write_json,
)
from diffkit.cli.subjects import subject_of
from diffkit.cli.words import again
from diffkit.errors import InputError

if TYPE_CHECKING:
    from diffkit.comparison.explaining import Explanation

__all__ = ["explain"]

EXAMPLES = """\b
Examples:
  diffkit explain "log(x1)+x1*x2-sin(x2)" --at x1=2,x2=5
  diffkit explain "x*exp(-x**2)" --at 0.5 --mode adjoint
  diffkit explain model.py:loss --at "w=[0.5,-1],b=0" --direction "w[1]"
  diffkit explain model.py:loss --at "[0.5,-1],0" --html loss.html
  diffkit explain "sin(x*y)" --at 1,2 --json"""

ALL = "all"
LEAST_WIDTH, MOST_WIDTH = 40, 400


@click.command(cls=ExpressionCommand, epilog=EXAMPLES)
@click.argument("function", shell_complete=functions)
@click.option("--at", metavar="POINT", multiple=True, help="Values, as x=1,y=pi/3 or 1,[2,3].")
@click.option(
    "--mode",
    metavar="MODE",
    default=ALL,
    show_default=True,
    shell_complete=named(lambda: ["primal", "tangent", "adjoint", ALL]),
    help="primal, tangent, adjoint or all.",
)
@click.option("--direction", metavar="NAME", shell_complete=variables,
              help="What moves, as x2 or w[0,1] [the first input].")  # fmt: skip
@click.option("--wrt", metavar="NAMES", shell_complete=variables,
              help="Inputs that carry derivatives, as x,y [all floats].")  # fmt: skip
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Rows of each table [60].")
@click.option(
    "--width",
    type=click.IntRange(LEAST_WIDTH, MOST_WIDTH),
    metavar="N",
    help="Print tables of this width, also into a pipe [the terminal's].",
)
@click.option("--html", metavar="FILE", type=click.Path(dir_okay=False), help="Write a page.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON with full precision.")
def explain(
    function: str,
    at: tuple[str, ...],
    mode: str,
    direction: str | None,
    wrt: str | None,
    limit: int | None,
    width: int | None,
    html: str | None,
    as_json: bool,
) -> None:
    """Show the values, tangents and adjoints of FUNCTION, line by line.

    FUNCTION is an expression such as "sin(x*y)", or file.py:name for a function of your own.
    """
    from diffkit.comparison.explaining import MODES
    from diffkit.comparison.explaining import explain as explain_lines

    chosen: list[str] = [*MODES] if mode == ALL else [choose(mode, [*MODES, ALL], "mode")]
    subject = subject_of(function, at)
    names = None if wrt is None else [name.strip() for name in wrt.split(",")]
    with working("explaining"), user_errors(subject.path, f"calling {function}"):
        found = explain_lines(
            subject.function, *subject.arguments, direction=direction, wrt=names, **subject.options
        )
    if html is not None:
        _write_page(Path(html), found, chosen, limit)
    _write(found, chosen, limit, width, as_json, quiet=html is not None)
    if not as_json:
        page = ("explain", function, at, "--html", "explanation.html")
        suggest(again(*page) if html is None else again("compare", function, at))


def _write(
    found: Explanation,
    modes: list[str],
    limit: int | None,
    width: int | None,
    as_json: bool,
    quiet: bool,
) -> None:
    """The explanation as JSON, as tables, or as tab-separated text; nothing beside a page."""
    if as_json:
        write_json(found.to_dict())
    elif quiet and width is None:
        return
    elif width is not None or on_terminal():
        from rich.console import Console

        Console(highlight=False, width=width).print(found.table(modes, limit))
    else:
        click.echo(found.to_tsv(modes, limit))


def _write_page(path: Path, found: Explanation, modes: list[str], limit: int | None) -> None:
    from diffkit.comparison.explain_html import page_of

    try:
        path.write_text(page_of(found, modes, limit), encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {error.strerror or error}",
            hint="--html explanation.html writes into the current folder.",
        ) from None
    click.echo(f"wrote {path}", err=True)
