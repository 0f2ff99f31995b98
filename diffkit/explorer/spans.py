"""Which characters of the text an operation is: what a page underlines.

A graph of text knows for each operation the character at which it begins (``character 5``), and
several may begin there: in ``a - b - c`` two differences and the name a.  The syntax tree says
where each ends, and of those of one kind at one place the inner one was computed first.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from diffkit.capture.parsing_text import Text
from diffkit.graph.ir import INPUT, LITERAL, Graph
from diffkit.graph.sources import line_of

__all__ = ["Span", "character_of", "spans_of"]

CHARACTER = re.compile(r"character (\d+)")

# The primitives that an operator of the text may have become; other nodes are calls.
OPERATORS: dict[type[ast.AST], tuple[str, ...]] = {
    ast.Add: ("add",),
    ast.Sub: ("sub",),
    ast.Mult: ("mul",),
    ast.Div: ("div",),
    ast.Pow: ("integer_power", "power", "exp", "square"),
    ast.FloorDiv: ("floor_divide", "floor"),
    ast.Mod: ("remainder",),
    ast.USub: ("neg",),
}


class Span(NamedTuple):
    """The first character of a part of the text, the one behind its last, and its kind."""

    start: int
    end: int
    kind: str


def spans_of(text: str, graph: Graph) -> dict[int, Span]:
    """For each equation of a graph that ``dk.parse`` made, its part of the text.

    >>> import diffkit as dk
    >>> [text[a:b] for text in ["x - y - 1"] for a, b, _ in spans_of(text, dk.parse(text)).values()]
    ['x - y', 'x - y - 1']
    """
    parts = defaultdict(list)
    for span in sorted(_parts(Text(text)), key=lambda span: span.end - span.start):
        parts[span.start].append(span)
    found: dict[int, Span] = {}
    taken: set[Span] = set()
    columns = graph.columns
    for node, operation in enumerate(columns.operations):
        if operation is INPUT or operation is LITERAL:
            continue
        start = character_of(line_of(columns.sources[node]))
        here = parts.get(start if start is not None else -1, [])
        fits = [span for span in here if operation.name in span.kind.split()]
        free = [span for span in fits if span not in taken] or fits
        calls = [span for span in here if span.kind == CALL]
        if chosen := (free or calls or here):
            found[node] = chosen[0]
            taken.add(chosen[0])
    return found


CALL = "call"


def character_of(line: str) -> int | None:
    """The character, counted from 0, of a line such as ``character 5 (vjp of sin)``.

    >>> character_of("character 5 (vjp of sin)"), character_of("loss.py:3")
    (4, None)
    """
    match = CHARACTER.match(line)
    return int(match[1]) - 1 if match else None


def _parts(text: Text) -> Iterator[Span]:
    """Every operation of the text."""
    for node in ast.walk(text.tree()):
        kinds: tuple[str, ...] = (CALL,)
        if isinstance(node, (ast.BinOp, ast.UnaryOp)):
            kinds = OPERATORS.get(type(node.op), kinds)
        elif not isinstance(node, (ast.Call, ast.Compare, ast.IfExp, ast.BoolOp)):
            continue
        end = text.position((node.end_col_offset or 1) - 1) + 1
        yield Span(text.position(node.col_offset), end, " ".join(kinds))
