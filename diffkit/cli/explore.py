"""``diffkit explore``: a page on this computer where a function is differentiated while one types.

The expression is a beginning, which the page can change; ``file.py:name`` is the user's own code,
which it cannot.  The server listens on 127.0.0.1 alone, for those who have the address that is
printed here (``explorer/security.py``).
"""

from __future__ import annotations

import contextlib
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from diffkit.cli.shared import FUNCTION_TARGET, ExpressionCommand, user_errors, write_json
from diffkit.cli.subjects import subject_of
from diffkit.errors import InputError

if TYPE_CHECKING:
    from diffkit.explorer.expressions import Own

__all__ = ["explore"]

EXAMPLES = """\b
Examples:
  diffkit explore
  diffkit explore "log(x1)+x1*x2-sin(x2)" --at x1=2,x2=5
  diffkit explore model.py:loss --at "w=[0.5,-1],b=0"
  diffkit explore "x**x" --port 9000 --no-browser
  diffkit explore --no-browser --json

Ctrl-C ends it. The page is for this computer alone: its address has a secret, new at every start.

Exit codes: 0 ended, 2 the input was wrong."""

SCHEMA = 1
HIGHEST_PORT = 65_535


@click.command(cls=ExpressionCommand, epilog=EXAMPLES)
@click.argument("function", required=False)
@click.option("--at", metavar="POINT", multiple=True, help="Values, as x=1,y=pi/3.")
@click.option("--port", type=click.IntRange(0, HIGHEST_PORT), help="The port [8714 or a free one].")
@click.option("--no-browser", is_flag=True, help="Print the address and open no browser.")
@click.option("--json", "as_json", is_flag=True, help="Print the address as JSON.")
@click.option("--worker", is_flag=True, hidden=True)
def explore(
    function: str | None,
    at: tuple[str, ...],
    port: int | None,
    no_browser: bool,
    as_json: bool,
    worker: bool,
) -> None:
    """Explore FUNCTION in the browser: graph, sweeps, errors, steps, a small training.

    FUNCTION is an expression such as "sin(x*y)", to begin with, or file.py:name for a function of
    your own.
    """
    text, point, own = _subject(function, at)
    if worker:
        from diffkit.explorer.worker import serve as answer_formulas

        return answer_formulas(own)
    from diffkit.explorer import serving
    from diffkit.explorer.security import new_token
    from diffkit.explorer.server import Explorer
    from diffkit.explorer.sympy_process import WORKER, SymPyProcess

    listening = serving.bound(port)
    number, token = listening.getsockname()[1], new_token()
    words = WORKER if own is None else _worker_words(function, at)
    explorer = Explorer(token, number, own, text, point, SymPyProcess(words))
    url = serving.address(number, token, text, point)

    output = sys.stdout  # the address alone goes there, not what a user's function prints

    def started() -> None:
        with contextlib.redirect_stdout(output):
            _tell(url, number, token, as_json)
        if not no_browser:
            serving.open_browser(url)

    try:
        with contextlib.redirect_stdout(sys.stderr):
            serving.server_of(explorer.app, started, explorer.ending).run(sockets=[listening])
    except KeyboardInterrupt:
        if sys.stderr.isatty():
            click.echo("\nended", err=True)
    return None


def _worker_words(function: str | None, at: tuple[str, ...]) -> list[str]:
    """How SymPy's process is started, so that it has the user's function, too."""
    points = [word for point in at for word in ("--at", point)]
    return ["-m", "diffkit", "explore", function or "", *points, "--worker"]


def _subject(
    function: str | None, at: tuple[str, ...]
) -> tuple[str | None, dict[str, float], Own | None]:
    """The text and the point to begin with, or the user's function."""
    if function is None:
        if at:
            raise InputError("--at needs an expression", hint='diffkit explore "x*y" --at x=1,y=2')
        return None, {}, None
    named = FUNCTION_TARGET.fullmatch(function.strip()) or function.strip().endswith(".py")
    if not named and not at:
        from diffkit.explorer.expressions import parsed

        return parsed(function.strip()).title, {}, None
    return _at_a_point(function, at)


def _at_a_point(
    function: str, at: tuple[str, ...]
) -> tuple[str | None, dict[str, float], Own | None]:
    import inspect

    from diffkit.capture.capturing import trace
    from diffkit.comparison.report import check_scalar
    from diffkit.explorer.expressions import Own

    subject = subject_of(function, at)
    if subject.path is None:
        names = subject.function.input_names  # pyright: ignore[reportFunctionMemberAccess]
        values = [_number(name, x) for name, x in zip(names, subject.arguments, strict=True)]
        return function.strip(), dict(zip(names, values, strict=True)), None
    parameters = list(inspect.signature(subject.function).parameters)
    arguments = list(subject.arguments)
    telling = partial(user_errors, subject.path, f"calling {function.strip()}")
    parameters = parameters[: len(arguments)]
    own = Own(function.strip(), subject.function, arguments, parameters, subject.path, telling)
    with telling():
        subject.function(*arguments)
        check_scalar(trace(subject.function, *arguments), function.strip(), "explore")
    if not own.names:
        raise InputError("no argument holds floats", hint="give one, as in --at x=1.0")
    return None, {}, own


def _number(name: str, value: Any) -> float:
    if not isinstance(value, float):
        raise InputError(f"{name} is one number here", hint=f"--at {name}=1.5")
    return value


def _tell(url: str, port: int, token: str, as_json: bool) -> None:
    if as_json:
        write_json({"schema": SCHEMA, "url": url, "port": port, "token": token})
    elif sys.stdout.isatty():
        click.echo(f"diffkit explore: {url}\nCtrl-C ends it.")
    else:
        click.echo(url)
    sys.stdout.flush()
