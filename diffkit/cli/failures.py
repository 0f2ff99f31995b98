"""How an error is told: in one line for a program, laid out with a caret for a person.

Whoever reads a log wants a line; whoever sits at the terminal wants to see the place.  So standard
error gets one line where it is a pipe or a file, and on a terminal the sentence is wrapped between
words, the text that was typed stands below it with a caret under the character that is meant, and
the hint has a line of its own:

    ParseError: '(' was never closed
      sin(x
         ^
      hint: add the closing bracket.
"""

from __future__ import annotations

import difflib
import os
import re
import shutil
import sys
import textwrap
from dataclasses import dataclass

import click

from diffkit.errors import DiffkitError, InputError, ParseError

__all__ = ["Failure", "failure_of", "one_line", "tell"]

MOST_WIDTH = 100
"""Sentences longer than this are hard to read, however wide the terminal is."""

NARROWEST = 20
CARET_WINDOW = 72
"""So many characters of a long text are shown around the caret."""

NOT_OF = re.compile(r"'(?P<given>[^']*)' is not one of (?P<known>'.*')")
"""How click complains of a choice."""


@dataclass(frozen=True)
class Failure:
    """An error in its parts: who complains, of what, where in which text, and the remedy."""

    head: str
    sentence: str
    where: str = ""
    hint: str = ""
    text: str = ""
    position: int = 0

    @property
    def line(self) -> str:
        """The error as a single line.

        >>> Failure("ParseError", "invalid syntax", hint="write x*y.", text="x y", position=2).line
        'ParseError: invalid syntax (at character 3); hint: write x*y.'
        """
        place = f"character {self.position + 1}" if self.text else self.where
        at = f" (at {place})" if place else ""
        hint = f"; hint: {self.hint}" if self.hint else ""
        return f"{self.head}: {self.sentence}{at}{hint}"

    def layout(self, width: int, coloured: bool = False) -> str:
        """The error for a terminal: wrapped between words, with a caret under the text.

        >>> print(Failure("ParseError", "invalid syntax", text="x y", position=2).layout(80))
        ParseError: invalid syntax
          x y
            ^
        """
        width = max(min(width, MOST_WIDTH), NARROWEST)
        lines = _wrapped(f"{self.head}: {self.sentence}", width, "")
        if coloured:
            lines[0] = click.style(self.head, fg="red", bold=True) + lines[0][len(self.head) :]
        if self.where:
            lines += _wrapped(f"at {self.where}", width, "  ")
        if self.text:
            shown, caret = _with_caret(self.text, self.position, min(CARET_WINDOW, width - 2))
            mark = click.style("^", fg="red", bold=True) if coloured else "^"
            lines += [f"  {shown}", f"  {' ' * caret}{mark}"]
        if self.hint:
            lines += _wrapped(f"hint: {self.hint}", width, "  ")
        return "\n".join(lines)


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent + "  " * bool(indent),
        break_on_hyphens=False,
    )


def _with_caret(text: str, position: int, window: int) -> tuple[str, int]:
    """The part of the text around a position, cut ends as …, and the column of the position."""
    text = text.expandtabs(1).replace("\n", " ")
    if len(text) <= window:
        return text, position
    start = min(max(position - window // 2, 0), len(text) - window + 1)
    shown = text[start : start + window]
    shown = "…" + shown[1:] if start else shown
    return (shown[:-1] + "…" if start + window < len(text) else shown), position - start


def tell(error: Exception) -> None:
    """Write the error to standard error, in the form that suits who reads it."""
    failure = failure_of(error)
    if not sys.stderr.isatty():
        click.echo(failure.line, err=True)
        return
    plain = os.environ.get("NO_COLOR", "") != "" or os.environ.get("TERM", "") in ("", "dumb")
    width = shutil.get_terminal_size().columns
    click.echo(failure.layout(width, coloured=not plain), err=True)


def failure_of(error: Exception) -> Failure:
    """The parts of any error that a command may end with.

    >>> failure_of(click.NoSuchOption("--ordr", possibilities=["--order", "--to"])).hint
    'did you mean --order?'
    """
    if isinstance(error, click.UsageError):
        return _usage(error)
    if isinstance(error, click.ClickException):
        return Failure("diffkit", one_line(error.format_message()))
    if isinstance(error, ParseError):
        head = "InputError" if isinstance(error, InputError) else "ParseError"
        return Failure(head, one_line(error.message), hint=error.hint or "",
                       text=error.text, position=error.position)  # fmt: skip
    if isinstance(error, DiffkitError):
        where = " ".join((error.where or "").split())
        message = " ".join(error.message.split())
        return Failure(type(error).__name__, message, where, error.hint or "")
    if isinstance(error, MemoryError):
        return Failure("out of memory", one_line(str(error)), hint="choose smaller sizes.")
    return Failure(
        f"unexpected {type(error).__name__}",
        one_line(str(error)),
        hint="this is a bug of diffkit; report it with what "
        "`DIFFKIT_TRACEBACK=1 diffkit …` prints.",
    )


def _usage(error: click.UsageError) -> Failure:
    """What was wrong with the words of the command, with the nearest right word."""
    path = error.ctx.command_path if error.ctx else "diffkit"
    hint = f"see {path} --help."
    if isinstance(error, click.NoSuchOption):
        near = _nearest(error.option_name, error.possibilities or ())
        return Failure(path, f"No such option '{error.option_name}'", hint=near or hint)
    message = " ".join(error.format_message().split())
    if (found := NOT_OF.search(message)) is not None:
        near = _nearest(found["given"], re.findall(r"'([^']*)'", found["known"]))
        return Failure(path, message[: found.end()], hint=near or hint)
    sentence, _, proposed = message.partition("; hint: ")
    return Failure(path, sentence.rstrip("."), hint=proposed or hint)


def _nearest(given: str, known: object) -> str:
    """A question that proposes the nearest known word; nothing if none is near."""
    words = [str(word) for word in known] if isinstance(known, list | tuple) else []
    near = difflib.get_close_matches(given, words, n=1)
    return f"did you mean {near[0]}?" if near else ""


def one_line(text: str) -> str:
    """The text as one line without its full stop.

    >>> one_line("two\\n  lines.")
    'two lines'
    """
    return " ".join(text.split()).rstrip(".")
