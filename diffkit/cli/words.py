"""Commands as they are typed: quoted where it is needed, and continued where a line ends.

A command that is proposed is copied into a shell, whichever it is.  So words are quoted in the way
that bash, zsh and fish read alike, and a command that is wider than the terminal is broken between
words, with the backslash that lets a shell take its lines as one.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

__all__ = ["again", "continued", "hanging", "shell_words"]

# Words that no shell changes, and signs that some shell takes even between double quotes.
PLAIN_WORD = re.compile(r"[\w@%+=:,./-]+", re.ASCII)
UNSAFE_IN_QUOTES = re.compile(r'["$`\\!\n]')
WORD_IN_QUOTES = re.compile(r"""(?:"[^"]*"|'[^']*'|\S)+""")
BREAKABLE = re.compile(r"[^*/,]+[*/,]*|[*/,]+")  # a formula may be broken behind these
LEAST_ROOM = 20
CONTINUATION = " \\"


def shell_words(*words: object) -> str:
    """The words as they are typed in a shell: quoted where it is needed, and alike in all shells.

    >>> print(shell_words("diffkit", "compare", "sin(x)*y", "--at", "x=1,y=2"))
    diffkit compare "sin(x)*y" --at x=1,y=2
    """
    return " ".join(_quoted(str(word).strip()) for word in words)


def _quoted(word: str) -> str:
    if PLAIN_WORD.fullmatch(word):
        return word
    return f'"{word}"' if not UNSAFE_IN_QUOTES.search(word) else shlex.quote(word)


def again(command: str, function: str, at: Iterable[str], *options: object) -> str:
    """A command about the same function at the same point; an expression is always quoted.

    >>> print(again("explain", "x*y", ["x=1", "y=2"], "--html", "page.html"))
    diffkit explain "x*y" --at x=1 --at y=2 --html page.html
    """
    point = [word for part in at for word in ("--at", part)]
    text = function.strip()
    quoted = f'"{text}"' if PLAIN_WORD.fullmatch(text) and ".py:" not in text else _quoted(text)
    rest = shell_words(*point, *options)
    return " ".join(filter(None, ["diffkit", command, quoted, rest]))


def hanging(text: str, width: int, indent: int) -> str:
    """A text in lines of a width, broken at blanks, and where there are none behind an operator.

    >>> print(hanging("∂/∂x  a*b*sin(c) + d*e*f*g*h", 18, 6))
    ∂/∂x  a*b*sin(c) +
          d*e*f*g*h
    """
    room = max(width, indent + LEAST_ROOM)
    lines = [text[:indent]]
    for word in text[indent:].split(" "):
        blank = " " if len(lines[-1]) > indent else ""
        if len(lines[-1]) + len(blank + word) > room and blank:
            lines.append(" " * indent)
            blank = ""
        lines[-1] += blank
        for part in BREAKABLE.findall(word):
            if len(lines[-1]) + len(part) > room and len(lines[-1]) > indent:
                lines.append(" " * indent)
            lines[-1] += part
    return "\n".join(lines)


def continued(command: str, width: int, indent: int) -> str:
    r"""A command in lines of a width, broken at blanks outside quotes, that a shell takes as one.

    >>> print(continued('next: diffkit derive "x * y" --latex', 30, 6))
    next: diffkit derive "x * y" \
          --latex
    """
    lines = [""]
    for word in WORD_IN_QUOTES.findall(command):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if len(longer) <= width - len(CONTINUATION) or not lines[-1].strip():
            lines[-1] = longer
        else:
            lines.append(" " * (indent - 1) + f" {word}")
    if len(lines) > 1 and len(lines[-2]) + len(lines[-1].strip()) < width:
        last = lines.pop().strip()  # the last line needs no room for a continuation
        lines[-1] += f" {last}"
    return f"{CONTINUATION}\n".join(lines)
