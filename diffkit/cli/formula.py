"""``diffkit formula``: a function and its gradient as formulas of matrix calculus.

The formulas are those of ``dk.matrix_formula``: Unicode on a terminal, LaTeX, NumPy code that runs,
or JSON with all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from diffkit.cli.candidates import functions, variables
from diffkit.cli.shared import (
    ExpressionCommand,
    choose,
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
    from diffkit.comparison.matrix_formula import MatrixFormulas

__all__ = ["formula"]

EXAMPLES = """\b
Examples:
  diffkit formula model.py:loss --at "w=[0.5,-1],X=[[1,2],[3,4]],y=[1,0]"
  diffkit formula model.py:loss --at "[0.5,-1],[[1,2],[3,4]],[1,0]" --wrt w
  diffkit formula model.py:loss --at "[0.5,-1],[[1,2],[3,4]],[1,0]" --source
  diffkit formula "log(1+exp(x*y))" --at 1,2 --json"""


@click.command(cls=ExpressionCommand, epilog=EXAMPLES)
@click.argument("function", shell_complete=functions)
@click.option("--at", metavar="POINT", multiple=True, help="Values, as x=1,y=pi/3 or 1,[2,3].")
@click.option("--wrt", metavar="NAMES", shell_complete=variables,
              help="Arguments to differentiate by [all that are floats].")  # fmt: skip
@click.option("--latex", is_flag=True, help="Print LaTeX.")
@click.option("--source", is_flag=True, help="Print NumPy code that runs.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON with every form.")
def formula(
    function: str,
    at: tuple[str, ...],
    wrt: str | None,
    latex: bool,
    source: bool,
    as_json: bool,
) -> None:
    """Print FUNCTION and its gradient as formulas of matrices.

    FUNCTION is file.py:name for a function of your own, or an expression such as "sin(x*y)".
    """
    from diffkit.comparison.matrix_formula import matrix_formula

    subject = subject_of(function, at)
    with working("deriving"), user_errors(subject.path, f"calling {function}"):
        found = matrix_formula(subject.function, *subject.arguments, **subject.options)
        if wrt is not None:
            found = matrix_formula(
                subject.function,
                *subject.arguments,
                argnums=_places(found, wrt),
                **subject.options,
            )
    if as_json:
        write_json(found.to_dict())
    elif latex or source:
        click.echo(found.latex if latex else found.source.rstrip())
    elif on_terminal():
        click.echo(str(found))
        click.echo(f"  (the printed code agrees with the graph to {found.check():.1e})")
        suggest(again("formula", function, at, "--source"))
    else:
        lines = [*found.values, *found.gradients.values()]
        write_rows(["line", "formula"], [*((x.label(), x.text) for x in lines), *_where(found)])


def _where(found: MatrixFormulas) -> list[tuple[str, str]]:
    pairs = [line.partition(" = ") for line in found.where]
    return [(name, text) for name, _, text in pairs]


def _places(found: MatrixFormulas, wrt: str) -> list[int]:
    """The numbers of the arguments that are asked for by name."""
    known = list(found.graph.input_names)[: len(found.leaves)]
    names = [choose(name.strip(), list(found.gradients), "argument") for name in wrt.split(",")]
    return [known.index(name) for name in dict.fromkeys(names)]
