"""``diffkit compare``: one function, every method, errors against a high-precision truth.

The function is an expression (parsed, never evaluated), a function in a Python file of the
user's own, or one of the built-in cases.  The comparison itself is ``dk.compare``.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from diffkit.cli.shared import (
    ExpressionCommand,
    choose,
    load_function,
    on_terminal,
    parse_point,
    suggest,
    user_errors,
    working,
    write_json,
    write_rows,
)
from diffkit.errors import InputError

if TYPE_CHECKING:
    from diffkit.comparison.report import Comparison

__all__ = ["compare"]

EXAMPLES = """\b
Examples:
  diffkit compare "sin(x*y)+exp(x)" --at x=1,y=2
  diffkit compare "log(x1)+x1*x2-sin(x2)" --at x1=2,x2=5 --json
  diffkit compare "logaddexp(x,y)" --at x=1/3,y=pi
  diffkit compare model.py:loss --at w=[0.5,-1],b=0 --methods reverse,finite
  diffkit compare --list                    the names for --case
  diffkit compare --case softmax-digits"""

DIGITS = (30, 800)
"""The decimal digits that the truth may have (``engines/precise.py``, which loads mpmath)."""


@click.command(cls=ExpressionCommand, epilog=EXAMPLES)
@click.argument("function", required=False)
@click.option("--at", metavar="POINT", multiple=True, help="Values, as x=1,y=pi/3,z=[1,2].")
@click.option("--case", metavar="NAME", help="A built-in case instead of a function; see --list.")
@click.option("--methods", metavar="NAMES", help="Methods, as reverse,finite [all].")
@click.option(
    "--digits",
    type=click.IntRange(*DIGITS),
    help="Decimal digits of the truth [chosen by the size].",
)
@click.option("--list", "list_only", is_flag=True, help="List the built-in cases.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON with full precision.")
def compare(
    function: str | None,
    at: tuple[str, ...],
    case: str | None,
    methods: str | None,
    digits: int | None,
    list_only: bool,
    as_json: bool,
) -> None:
    """Differentiate FUNCTION by every method and compare accuracy and cost.

    FUNCTION is an expression such as "sin(x*y)", or file.py:name for a function of your own.
    """
    if list_only:
        _write_cases(as_json)
        return
    subject = _subject(function, case, at)
    options = subject.options | _options(methods, digits)
    from diffkit.comparison.report import compare as compare_methods

    with working("comparing"), user_errors(subject.path, f"calling {function}"):
        comparison = compare_methods(subject.function, *subject.arguments, **options)
    _write(comparison, as_json, subject.next_command)


@dataclass
class _Subject:
    """What to differentiate, where, and the user's file if it comes from one."""

    function: Callable[..., Any]
    arguments: Sequence[Any]
    path: Path | None = None
    options: dict[str, Any] = field(default_factory=dict)
    next_command: str = "diffkit compare --list"


def _subject(function: str | None, case: str | None, at: Sequence[str]) -> _Subject:
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
    point = parse_point(at)
    loaded = load_function(function)
    if loaded is not None:
        own, path = loaded
        return _Subject(own, _arguments(own, point), path)
    if (file := function.strip().rstrip(":")).endswith(".py"):
        raise _no_function_named(Path(file))
    from diffkit.capture.parsing import parse

    graph = parse(function.strip())
    text = function.strip()
    values = _values(graph.input_names, point)
    return _Subject(graph, values, None, {"title": text}, f'diffkit derive "{text}"')


def _no_function_named(path: Path) -> InputError:
    """The error for a file without a function, which lists the functions to choose from."""
    hint = f"name the function, as in {path.name}:loss"
    if not path.is_file():
        return InputError(f"there is no file {path}", hint=f"{hint}.")
    try:
        body = ast.parse(path.read_bytes()).body
    except (SyntaxError, ValueError):
        return InputError(f"{path.name} is not a Python file", hint=f"{hint}.")
    names = [node.name for node in body if isinstance(node, ast.FunctionDef)]
    if names:
        hint = f"name the function, as in {path.name}:{names[0]}; there are {', '.join(names)}"
    return InputError(f"{path.name} is a file, not a function", hint=f"{hint}.")


def _case(name: str) -> _Subject:
    from diffkit.comparison.cases import CASES

    case = CASES[choose(name, CASES, "case", hint="see diffkit compare --list.")]
    options = {"argnums": case.argnums, "title": case.title}
    return _Subject(case.function, case.arguments(), None, options)


def _values(names: Sequence[str], point: dict[str, Any]) -> list[Any]:
    """The values of an expression's variables, in their order."""
    for name in point:
        choose(name, names, "variable in the expression")
    missing = [name for name in names if name not in point]
    if missing:
        example = ",".join(f"{name}={1 + index}" for index, name in enumerate(names))
        raise InputError(f"no value for {', '.join(missing)}", hint=f"add --at {example}, say.")
    return [point[name] for name in names]


def _arguments(function: Callable[..., Any], point: dict[str, Any]) -> list[Any]:
    """The values of a Python function's parameters, in their order, with its own defaults."""
    parameters = inspect.signature(function).parameters
    for name in point:
        choose(name, parameters, f"parameter of {getattr(function, '__name__', 'the function')}")
    found = []
    for parameter in parameters.values():
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
            found.append(_argument(parameter, point))
        elif parameter.name in point or (
            parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty
        ):
            raise InputError(
                f"the parameter {parameter} cannot be given by position",
                hint="compare a function with plain parameters, such as def f(x, y).",
            )
    return found


def _argument(parameter: inspect.Parameter, point: dict[str, Any]) -> Any:
    """The value for a parameter; a whole number where its default is one."""
    name, default = parameter.name, parameter.default
    if name not in point:
        if default is parameter.empty:
            raise InputError(f"no value for the parameter {name}", hint=f"add --at {name}=1, say.")
        return default
    value = point[name]
    counts = type(default) is int and isinstance(value, float) and value.is_integer()
    return int(value) if counts else value


def _options(methods: str | None, digits: int | None) -> dict[str, Any]:
    from diffkit.differentiate.methods import DEFAULT_METHODS

    options: dict[str, Any] = {}
    if methods is not None:
        names = dict.fromkeys(name.strip() for name in methods.split(","))
        options["methods"] = [choose(name, DEFAULT_METHODS, "method") for name in names]
    if digits is not None:
        options["digits"] = digits
    return options


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
        write_json([{"name": name, "title": title} for name, title in rows])
    elif on_terminal():
        width = max(len(name) for name, _ in rows)
        for name, title in rows:
            click.echo(f"{name:{width}}  {title}")
        suggest(f"diffkit compare --case {rows[0][0]}")
    else:
        write_rows(["name", "title"], rows)
