"""What a command is about: an expression or a function of the user's own file, and its point.

An expression is parsed, never evaluated; ``file.py:name`` is the user's own code, and it is
imported.  A point is given by name, ``--at x=1,y=2``, or in the order of the variables,
``--at 1,2``.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from diffkit.cli.shared import choose, load_function, parse_point
from diffkit.errors import InputError

__all__ = ["Subject", "subject_of"]


@dataclass
class Subject:
    """A function, its arguments, and the user's file if it comes from one."""

    function: Callable[..., Any]
    arguments: Sequence[Any]
    path: Path | None = None
    options: dict[str, Any] = field(default_factory=dict)


def subject_of(function: str, at: Sequence[str]) -> Subject:
    """The expression or the function of a file that the words of a command name.

    Raises
    ------
    InputError
        If there is no such file or function, or a value is missing or left over.
    ParseError
        If the text is no expression.

    >>> subject_of("x*y", ["x=1,y=2"]).arguments
    [1.0, 2.0]
    """
    loaded = load_function(function)
    if loaded is not None:
        own, path = loaded
        return Subject(own, _arguments(own, _point(own, at)), path)
    if (file := function.strip().rstrip(":")).endswith(".py"):
        raise no_function_named(Path(file))
    from diffkit.capture.parsing import parse

    text = function.strip()
    graph = parse(text)
    values = _values(graph.input_names, parse_point(at, graph.input_names))
    return Subject(graph, values, None, {"title": text})


def no_function_named(path: Path) -> InputError:
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


def _values(names: Sequence[str], point: dict[str, Any]) -> list[Any]:
    """The values of an expression's variables, in their order."""
    for name in point:
        choose(name, names, "variable in the expression")
    missing = [name for name in names if name not in point]
    if missing:
        example = ",".join(f"{name}={1 + index}" for index, name in enumerate(names))
        raise InputError(f"no value for {', '.join(missing)}", hint=f"add --at {example}, say.")
    return [point[name] for name in names]


def _parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):
        raise InputError(
            f"{getattr(function, '__name__', 'the function')} does not tell its parameters",
            hint="wrap it, as in def f(x): return …",
        ) from None


def _positional(function: Callable[..., Any]) -> list[str]:
    """The names of the parameters that may be given by position."""
    plain = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [parameter.name for parameter in _parameters(function) if parameter.kind in plain]


def _point(function: Callable[..., Any], at: Sequence[str]) -> dict[str, Any]:
    """The values of ``--at`` by parameter; those of ``*a`` have no name that could be given."""
    names = _positional(function)
    variadic = [p for p in _parameters(function) if p.kind is p.VAR_POSITIONAL]
    try:
        return parse_point(at, names)
    except InputError as error:
        nameless = "not name=value" in error.message or "more than" in error.message
        if not variadic or not nameless:
            raise
        raise InputError(
            f"{error.message}, and the parameter {variadic[0]} takes no values from --at",
            hint="take a function with plain parameters, such as def f(x, y).",
        ) from None


def _arguments(function: Callable[..., Any], point: dict[str, Any]) -> list[Any]:
    """The values of a Python function's parameters, in their order, with its own defaults."""
    parameters = {parameter.name: parameter for parameter in _parameters(function)}
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
                hint="take a function with plain parameters, such as def f(x, y).",
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
