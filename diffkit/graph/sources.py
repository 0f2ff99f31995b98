"""Where in the user's code an equation came from.

Capture stores a position as ``(code object, bytecode offset)``, which costs a few tens of
nanoseconds; files, lines and variable names are worked out only when someone looks.  An
equation that a derivative made wraps the position of the equation it came from:
``("vjp of tanh", position)``.
"""

from __future__ import annotations

import dis
import linecache
import os
from functools import lru_cache
from types import CodeType
from typing import Any, TypeAlias

__all__ = ["Source", "assigned_name", "file_and_line", "line_of", "note_of", "place_of", "text_of"]

# None, (code, offset), or (note, Source) for equations made by a derivative.
Source: TypeAlias = "tuple[Any, Any] | None"


def _innermost(source: Source) -> tuple[CodeType, int] | None:
    while source is not None and isinstance(source[0], str):
        source = source[1]
    return source


def note_of(source: Source) -> str:
    """How a derivative made the equation, e.g. ``"vjp of tanh"``; empty for the user's own."""
    notes = []
    while source is not None and isinstance(source[0], str):
        notes.append(source[0])
        source = source[1]
    return ", ".join(notes)


@lru_cache(maxsize=65536)
def _line_number(code: CodeType, offset: int) -> int:
    for start, end, line in code.co_lines():
        if start <= offset < end and line is not None:
            return line
    return code.co_firstlineno


def file_and_line(source: Source) -> tuple[str, int] | None:
    """The file name and line number of the user's code, or None."""
    position = _innermost(source)
    if position is None:
        return None
    return position[0].co_filename, _line_number(*position)


def text_of(source: Source) -> str:
    """The text of the user's line, or an empty string."""
    found = file_and_line(source)
    return linecache.getline(*found).strip() if found else ""


def _shown_file(path: str) -> str:
    """A file's name; ``cell`` for a cell of a notebook, whose file has a number for a name."""
    folder, name = os.path.split(path)
    return "cell" if os.path.basename(folder).startswith("ipykernel_") else name


def line_of(source: Source) -> str:
    """``file.py:14`` or ``file.py:14 (vjp of tanh)``; empty when nothing is known."""
    found = file_and_line(source)
    note = note_of(source)
    place = f"{_shown_file(found[0])}:{found[1]}" if found else ""
    return f"{place} ({note})" if place and note else place or note


def place_of(source: Source) -> str:
    """``file.py:14    h = x @ w``, for error messages."""
    line, text = line_of(source), text_of(source)
    return f"{line}    {text}" if text else line


@lru_cache(maxsize=4096)
def _stores(code: CodeType) -> dict[int, str]:
    """Bytecode offset of an instruction → the variable its result is stored into at once."""
    found: dict[int, str] = {}
    previous: int | None = None
    for instruction in dis.get_instructions(code):
        if instruction.opname.startswith("STORE_") and previous is not None:
            name = instruction.argval
            name = name[0] if isinstance(name, tuple) else name
            if instruction.opname not in ("STORE_SUBSCR", "STORE_ATTR", "STORE_SLICE"):
                found[previous] = str(name)
        previous = None if instruction.opname == "CACHE" else instruction.offset
    return found


def assigned_name(source: Source) -> str | None:
    """The user's variable that the result was stored into, if the line is ``name = …``."""
    if source is None or isinstance(source[0], str):
        return None
    return _stores(source[0]).get(source[1])
