"""``diffkit gradcheck``: is this gradient right, and if not, why?

The gradient is one that somebody wrote: formulas, one for each variable, or a function in a file;
or that of a method of diffkit.  The verdict with its cause and its evidence is that of
``dk.gradcheck``.  The exit code is 1 where the gradient is wrong, so that a script can ask.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from diffkit.cli.candidates import functions
from diffkit.cli.main import DONE, FAILED
from diffkit.cli.shared import (
    ExpressionCommand,
    choose,
    load_function,
    on_terminal,
    split_at_commas,
    suggest,
    user_errors,
    working,
    write_json,
    write_rows,
)
from diffkit.cli.subjects import subject_of
from diffkit.cli.words import again
from diffkit.errors import InputError

if TYPE_CHECKING:
    from diffkit.comparison.gradcheck import GradCheck

__all__ = ["gradcheck"]

EXAMPLES = """\b
Examples:
  diffkit gradcheck "x**2*y" --grad "2*x*y, x**2" --at x=3,y=4
  diffkit gradcheck "sin(x)/x" --grad "cos(x)/x - sin(x)/x**2" --at 0.5
  diffkit gradcheck model.py:loss --grad model.py:slopes --at "[0.5,-1]"
  diffkit gradcheck model.py:loss --at "[0.5,-1]" --json

Exit codes: 0 the gradient is right, 1 it is wrong, 2 the input was wrong."""

WRONG_RULE = "wrong rule"  # the cause that says that the formula itself is wrong
COLUMNS = ("ok", "cause", "line", "error", "evidence")


@click.command(cls=ExpressionCommand, epilog=EXAMPLES)
@click.argument("function", shell_complete=functions)
@click.option("--grad", metavar="GRADIENT", shell_complete=functions,
              help="Formulas with commas between, file.py:name or a method [reverse].")  # fmt: skip
@click.option("--at", metavar="POINT", multiple=True, help="Values, as x=1,y=pi/3 or 1,[2,3].")
@click.option("--tolerance", type=click.FloatRange(0, min_open=True), metavar="NUMBER",
              help="Largest error over the largest entry [by dtype, 1e-6].")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON with full precision.")
def gradcheck(
    function: str, grad: str | None, at: tuple[str, ...], tolerance: float | None, as_json: bool
) -> int:
    """Check a gradient of FUNCTION at a point, and say what is wrong with it.

    FUNCTION is an expression such as "sin(x*y)", or file.py:name for a function of your own.
    """
    from diffkit.comparison.gradcheck import gradcheck as check

    subject = subject_of(function, at)
    claimed, path = _claimed(grad, subject.function)
    doing = f"calling {function}"
    with (
        working("checking"),
        user_errors(subject.path, doing),
        user_errors(path, f"calling {grad}"),
    ):
        verdict = check(subject.function, *subject.arguments, grad=claimed, tolerance=tolerance)
    _write(verdict, as_json)
    if not as_json:
        suggest(_next(verdict, function, at, subject.path))
    return DONE if verdict.ok else FAILED


def _next(verdict: GradCheck, function: str, at: Sequence[str], path: Path | None) -> str:
    """What helps next: how the gradient comes about, what it should be, or what spoils it."""
    if verdict.ok:
        return again("explain", function, at)
    if verdict.cause != WRONG_RULE:
        return again("diagnose", function, at)
    return again("derive", function, ()) if path is None else again("formula", function, at)


def _claimed(text: str | None, function: Any) -> tuple[Any, Path | None]:
    """The gradient that is checked, and the file that it comes from."""
    if text is None:
        return None, None
    loaded = load_function(text)
    if loaded is not None:
        return loaded
    from diffkit.differentiate.methods import DEFAULT_METHODS
    from diffkit.graph.ir import Graph

    if text.strip() in DEFAULT_METHODS:
        return text.strip(), None
    if not isinstance(function, Graph):
        known = [*DEFAULT_METHODS, "file.py:name"]
        return choose(text.strip(), known, "method or function of a file"), None
    return _formulas([part.strip() for part in split_at_commas(text)], function.input_names), None


def _formulas(texts: Sequence[str], names: Sequence[str]) -> Callable[..., Any]:
    """A function that computes the formulas, one for each variable."""
    from diffkit.capture.parsing import parse

    if len(texts) != len(names):
        raise InputError(
            f"--grad has {len(texts)} formula{'s' * (len(texts) != 1)}, but the variables are "
            f"{', '.join(names)}",
            hint="give one formula for each, in this order, with commas between.",
        )
    graphs = [parse(text) for text in texts]
    for graph in graphs:
        for name in graph.input_names:
            choose(name, names, "variable in the expression")

    def gradient(*values: Any) -> Any:
        point = dict(zip(names, values, strict=True))
        parts = [graph(**{name: point[name] for name in graph.input_names}) for graph in graphs]
        return parts[0] if len(parts) == 1 else tuple(parts)

    return gradient


def _write(verdict: GradCheck, as_json: bool) -> None:
    """The verdict as JSON, in words for a terminal, or as a row of tab-separated text."""
    if as_json:
        write_json(verdict.to_dict())
    elif on_terminal():
        from rich.console import Console
        from rich.padding import Padding
        from rich.text import Text

        console = Console(highlight=False)
        head = "✓ right" if verdict.ok else f"✗ wrong: {verdict.cause}"
        console.print(Text(head, style="bold green" if verdict.ok else "bold red"))
        lines = [f"at {verdict.line}"] if verdict.line else []
        for line in (*lines, *verdict.evidence):
            console.print(Padding(Text(line), (0, 0, 0, 2)))
    else:
        row = verdict.to_dict() | {"evidence": "; ".join(verdict.evidence)}
        write_rows(COLUMNS, [[row[column] for column in COLUMNS]])
