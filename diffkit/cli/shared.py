"""What the commands share: reading points and functions, writing JSON and tables.

Values on the command line are read by parsers of our own (numbers, expressions without variables
such as ``pi/3``, and nested lists as in JSON); Python evaluates nothing.  Output has three forms:
a table for a person at a terminal, tab-separated text with full precision for a pipe, and JSON on
request.
"""

from __future__ import annotations

import contextlib
import difflib
import importlib.util
import json
import math
import re
import shutil
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from diffkit.cli.words import continued
from diffkit.errors import DiffkitError, InputError, ParseError

__all__ = [
    "SCHEMA",
    "ExpressionCommand",
    "choose",
    "finite",
    "load_function",
    "on_terminal",
    "parse_point",
    "split_at_commas",
    "suggest",
    "user_errors",
    "working",
    "write_json",
    "write_rows",
    "writing",
]

SCHEMA = 1
"""The version of every JSON document that the commands write."""

MAX_POINT = 1_000_000
"""The longest ``--at`` text that is read, in characters."""

MAX_EXPRESSIONS = 10_000
"""The longest list with expressions in it that is read, in characters; numbers may take more."""

FUNCTION_TARGET = re.compile(r"(?P<path>.+\.py):(?P<name>[^\W\d]\w*)")


class ExpressionCommand(click.Command):
    """A command whose expression may begin with a minus sign, as in ``-x**2``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        known = {name for option in self.get_params(ctx) for name in option.opts}
        return super().parse_args(ctx, [_protected(word, known) for word in args])


def _protected(word: str, known: set[str]) -> str:
    """The word with a blank in front if it is an expression that looks like an option."""
    negative = len(word) > 1 and word[0] == "-" and word[1] != "-"
    return f" {word}" if negative and word not in known else word


def parse_point(texts: Iterable[str], names: Sequence[str] = ()) -> dict[str, Any]:
    """The values of ``--at``: floats, also as ``1/3`` or ``pi``, and arrays from nested lists.

    Values without a name take those of ``names``, in order, as in ``--at 1,2``.

    Raises
    ------
    InputError
        If a part is not ``name=value``, a name comes twice, or a value is not a number or a
        rectangular list of numbers.

    >>> parse_point(["x=1,y=[1,2]", "z=1/4"])
    {'x': 1.0, 'y': array([1., 2.]), 'z': 0.25}
    >>> parse_point(["2,5"], ["x1", "x2"])
    {'x1': 2.0, 'x2': 5.0}
    """
    point: dict[str, Any] = {}
    for text in texts:
        for part in split_at_commas(text):
            name, equals, value = (piece.strip() for piece in part.partition("="))
            if not equals and name and name not in names and len(point) < len(names):
                name, equals, value = names[len(point)], "=", name
            if not equals and name and name not in names and point.keys() >= {*names} > set():
                raise InputError(
                    f"--at gives more than {len(names)} values, but the variables are "
                    f"{', '.join(names)}",
                    hint="give one value for each, in this order, or name them: --at x=1,y=2",
                )
            if not equals or not name.isidentifier():
                raise InputError(f"--at {part.strip()!r} is not name=value", hint="--at x=1,y=2")
            if name in point:
                raise InputError(f"--at gives {name} twice", hint="give each variable once.")
            point[name] = _parse_value(name, value)
    return point


def split_at_commas(text: str) -> Iterator[str]:
    """The parts between the commas that stand outside all brackets.

    Raises
    ------
    InputError
        If the text is longer than ``MAX_POINT``.

    >>> list(split_at_commas("x=1,y=[2,3]"))
    ['x=1', 'y=[2,3]']
    """
    if len(text) > MAX_POINT:
        raise InputError(
            f"--at has {len(text):,} characters, more than {MAX_POINT:,}",
            hint="put the data in a Python file and compare file.py:function.",
        )
    depth, start = 0, 0
    for position, character in enumerate(text):
        depth += (character in "[(") - (character in "])")
        if character == "," and depth == 0:
            yield text[start:position]
            start = position + 1
    if text[start:].strip():
        yield text[start:]


def _parse_value(name: str, text: str) -> Any:
    if text.startswith("["):
        return _parse_list(name, text)
    return _parse_number(name, text)


def _parse_number(name: str, text: str) -> float:
    with contextlib.suppress(ValueError):
        return float(text)
    return _constant(name, text)


class _NoNumberError(InputError, ParseError):
    """A value of ``--at`` that is no expression, with the place where it is none."""


def _constant(name: str, text: str) -> float:
    """The number of an expression without variables, such as 1/3 or sqrt(2)*pi."""
    from diffkit.capture.parsing import parse

    sentence = f"--at {name}={_shortened(text)!r} is not a number"
    hint = f"--at {name}=1.5, {name}=pi/3 or {name}=[1,2]"
    try:
        graph = parse(text)
    except ParseError as error:
        position = len(name) + 1 + error.position
        raise _NoNumberError(
            f"{sentence} ({error.message})", text=f"{name}={text}", position=position, hint=hint
        ) from None
    except DiffkitError as error:
        raise InputError(f"{sentence} ({error.message})", hint=hint) from None
    if graph.input_names:
        raise InputError(sentence, hint=hint)
    return float(graph())


def _parse_list(name: str, text: str) -> np.ndarray:
    try:
        values = np.array(json.loads(text))
    except (ValueError, RecursionError):
        values = _list_of_expressions(name, text)
    if values.dtype.kind not in "iuf" or not values.size:
        raise InputError(
            f"--at {name}={_shortened(text)!r} is not a list of numbers with equal rows",
            hint=f"--at {name}=[1,2,3] or {name}=[[1,2],[3,4]]",
        )
    return values.astype(np.float64)


def _list_of_expressions(name: str, text: str) -> np.ndarray:
    """A nested list whose parts are expressions without variables, as in [1/3,pi]."""
    if len(text) > MAX_EXPRESSIONS:
        return np.array(None)
    try:
        return np.array(_nested(name, text))
    except (ValueError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        return np.array(None)  # ragged, or nested too deep


def _nested(name: str, text: str) -> Any:
    if text.startswith("[") and text.endswith("]"):
        return [_nested(name, part.strip()) for part in split_at_commas(text[1:-1])]
    return _parse_number(name, text)


def _shortened(text: str, width: int = 40) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def choose(name: str, known: Iterable[str], what: str, hint: str = "") -> str:
    """The name if it is known; an error that proposes the nearest one otherwise.

    Raises
    ------
    InputError
        If the name is not one of ``known``.

    >>> choose("reverse", ["forward", "reverse"], "method")
    'reverse'
    """
    names = list(known)
    if name in names:
        return name
    near = difflib.get_close_matches(name, names, n=1)
    advice = f"did you mean {near[0]}?" if near else hint or f"there are {', '.join(names)}."
    raise InputError(f"there is no {what} named {_shortened(name)!r}", hint=advice)


@contextlib.contextmanager
def writing() -> Iterator[None]:
    """What cannot be written in this block is told in a sentence.

    Raises
    ------
    InputError
        For a file that cannot be written, naming it.
    """
    try:
        yield
    except OSError as error:
        raise InputError(
            f"cannot write {error.filename or 'the file'}: {error.strerror or error}",
            hint="give another folder with --out.",
        ) from None


def load_function(target: str) -> tuple[Callable[..., Any], Path] | None:
    """The function that ``file.py:name`` stands for and its file; None if it is no such target.

    Raises
    ------
    InputError
        If the file cannot be imported or has no function of that name.
    """
    match = FUNCTION_TARGET.fullmatch(target.strip())
    if match is None:
        return None
    path, name = Path(match["path"]), match["name"]
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise InputError(f"there is no file {path}", hint="compare file.py:function --at x=1")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.resolve().parent))  # so that the file can import its neighbours
    with user_errors(path, f"importing {path.name}"):
        spec.loader.exec_module(module)
    functions = [key for key, value in vars(module).items() if callable(value)]
    return getattr(module, choose(name, functions, f"function in {path.name}")), path


@contextlib.contextmanager
def user_errors(path: Path | None, doing: str) -> Iterator[None]:
    """Turn what the user's own file raises into an error that names its line.

    What the file prints goes to standard error, so that it cannot spoil the output.
    """
    if path is None:
        yield
        return
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    except DiffkitError:
        raise
    except (Exception, SystemExit) as error:  # not what interrupts from outside
        where = _users_line(error, path)
        if where is None:
            raise
        raise InputError(f"{doing}: {type(error).__name__}: {error}", where=where) from error


def _users_line(error: BaseException, path: Path) -> str | None:
    """The last line of the user's file on the way to the error."""
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename).name == path.name:
        return f"{path.name}:{error.lineno}    {(error.text or '').strip()}"
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).resolve() == path.resolve()
    ]
    return f"{path.name}:{frames[-1].lineno}    {frames[-1].line}" if frames else None


def on_terminal() -> bool:
    """Whether standard output is a terminal (then tables and hints are printed)."""
    return sys.stdout.isatty()


@contextlib.contextmanager
def working(doing: str) -> Iterator[None]:
    """A spinner with the elapsed time on standard error, if that is a terminal."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(
        *columns,
        console=console,
        transient=True,
        disable=not console.is_terminal or console.is_dumb_terminal,
    ) as bar:
        bar.add_task(doing, total=None)
        yield


def suggest(command: str) -> None:
    """Name the next useful command, on a terminal only.

    One that is wider than the terminal is continued on the next line as shells do it.
    """
    if on_terminal():
        width = shutil.get_terminal_size().columns
        click.echo("\n" + continued(f"next: {command}", width, indent=len("next: ")))


def finite(value: Any) -> Any:
    """The value as JSON can hold it: arrays as lists, NaN and infinities as None.

    >>> finite({"y": np.array([1.0, np.inf])})
    {'y': [1.0, None]}
    """
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return finite(value.tolist())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def write_json(document: Any) -> None:
    """Write a JSON document with full precision to standard output."""
    click.echo(json.dumps(finite(document), ensure_ascii=False, indent=2, allow_nan=False))


def write_rows(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write tab-separated text: an ASCII header, then rows with full precision."""
    for row in ([*header], *rows):
        click.echo("\t".join(_cell(value) for value in row))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return repr(float(value))
    return " ".join(str(value).split())
