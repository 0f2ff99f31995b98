"""An explanation for a terminal: three tables below one another, from 40 columns up.

Each of the user's lines stands once, dimmed, above the steps that it takes.  A step is an
assignment on the left and its numbers on the right, or on the next line where both do not fit;
where there is room the result stands in full precision at the right edge.  Forward and reverse
mode have the colours of the pictures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.comparison.explain_rows import Row, Writer, adjoint_rows, primal_rows, tangent_rows
from diffkit.comparison.explain_text import BAR, DOT, exact_text, moving_name
from diffkit.comparison.rendering import METHOD_MARKS, plain_text
from diffkit.graph.printing import abridged

if TYPE_CHECKING:
    from rich.text import Text

    from diffkit.comparison.explaining import Explanation

__all__ = ["ExplanationTable", "closing_lines", "heading_of", "left_out", "point_text", "titles"]

WIDTH = 80
LIMIT = 60
"""Rows of a table unless told otherwise; the middle of a longer one is left out."""

INDENT = "  "
DEEPER = "      "
WIDEST_LEFT = 0.45
"""The part of the width that assignments may take before their numbers move to the next line."""

FULL_PRECISION = 100
"""The least width at which results stand in full precision at the right edge."""

VALUE_WIDTH = 24
STEP_ROWS = 8
_GIVEN = ("seed", "input", "does not move")  # what the inputs of a step of a loop are, from outside
_STYLES = {"primal": "bold", "tangent": METHOD_MARKS["forward"][2],
           "adjoint": METHOD_MARKS["reverse"][2]}  # fmt: skip
_MARKS = {"primal": "▼", "tangent": METHOD_MARKS["forward"][1],
          "adjoint": METHOD_MARKS["reverse"][1]}  # fmt: skip


def titles(explanation: Explanation) -> dict[str, str]:
    """What stands above each table."""
    seeds = [moving_name(explanation.graph.names[n], BAR) for n in explanation.sweeps.seeds]
    back = f"from {', '.join(seeds)} back to the inputs"
    back = back if seeds else "the result does not depend on the inputs"
    return {
        "primal": "primal: values, from the inputs down",
        "tangent": f"tangent (forward mode): {explanation.point.direction}",
        "adjoint": f"adjoint (reverse mode): {back}",
    }


def point_text(explanation: Explanation) -> str:
    """The point in words: ``x1 = 2, x2 = 5``; arrays by their type."""
    graph, values = explanation.graph, explanation.sweeps.values
    parts = []
    for node in graph.input_nodes:
        value = values[node]
        shown = repr(graph.columns.avals[node]) if np.ndim(value) else exact_text(value)
        parts.append(f"{graph.names[node]} = {shown}")
    return ", ".join(parts)


def heading_of(explanation: Explanation) -> str:
    """The function and the point."""
    return f"{explanation.title}  at {point_text(explanation)}"


def closing_lines(explanation: Explanation, modes: Sequence[str]) -> list[str]:
    """What the sweeps found: the gradient, the directional derivative, and that both agree."""
    graph, sweeps, point = explanation.graph, explanation.sweeps, explanation.point
    lines = []
    if "adjoint" in modes:
        parts = [f"{moving_name(graph.names[n], BAR)} = {exact_text(sweeps.adjoint(n))}"
                 for n in point.wrt]  # fmt: skip
        lines.append(f"gradient: {', '.join(parts)}")
    if "tangent" in modes:
        outputs = [n for n in graph.output_nodes if n in sweeps.moves]
        parts = [f"{moving_name(graph.names[n], DOT)} = {exact_text(sweeps.tangent(n))}"
                 for n in dict.fromkeys(outputs)]  # fmt: skip
        lines.append(f"derivative along the direction: {', '.join(parts) or '0'}")
    if "tangent" in modes and "adjoint" in modes:
        forward, back = map(exact_text, explanation.identity())
        lines.append(f"by the forward sweep {forward}, by the reverse sweep {back}")
    return lines


class ExplanationTable:
    """The tables of an explanation: ``rich`` prints them in colour, ``print`` plainly."""

    def __init__(self, explanation: Explanation, modes: Sequence[str], limit: int | None) -> None:
        self.explanation = explanation
        self.modes = [modes] if isinstance(modes, str) else list(modes)
        self.limit = LIMIT if limit is None else limit

    def __rich_console__(self, console: Any, options: Any) -> Any:
        from rich.text import Text

        width = options.max_width
        yield from _wrapped(Text(heading_of(self.explanation), style="bold"), width)
        for mode in self.modes:
            yield Text("")
            title = f"{_MARKS[mode]} {titles(self.explanation)[mode]}"
            yield from _wrapped(Text(title, style=_STYLES[mode]), width)
            yield from self._table(mode, width)
        yield Text("")
        for place, line in enumerate(closing_lines(self.explanation, self.modes)):
            yield from _wrapped(Text(line, style="dim" if place else "bold"), width)

    def _table(self, mode: str, width: int) -> Iterator[Text]:
        from rich.text import Text

        rows = self.explanation.rows(mode)
        head, hidden, tail = abridged(rows, self.limit)  # type: ignore[type-var]
        shown: list[Any] = [*head, *tail]
        left = _left_width(shown, width)
        line = ""
        for place, row in enumerate(shown):
            if hidden and place == len(head):
                yield Text(f"{INDENT}{left_out(hidden)}", style="dim")
            if row.line != line and row.line and not row.line.startswith("character"):
                heading = Text(f"{row.line}  {row.text}".rstrip(), style="dim", no_wrap=True)
                heading.truncate(width, overflow="ellipsis")
                yield heading
            line = row.line
            yield from _row_lines(row, left, width, _STYLES[mode], INDENT)
            loop = row.node if mode != "adjoint" else row.via
            following = shown[place + 1].via if place + 1 < len(shown) else None
            if loop in self.explanation.loops and (mode != "adjoint" or following != loop):
                yield from self._loop(loop, mode, width)
        if not rows:
            yield Text(f"{INDENT}nothing moves here", style="dim")

    def _loop(self, node: int, mode: str, width: int) -> Iterator[Text]:
        """The first steps of a loop, below its row."""
        from rich.text import Text

        steps = self.explanation.loops[node]
        if mode == "adjoint" and not steps[0].reversible:
            yield Text(f"{INDENT * 2}too many steps to follow the adjoints back", style="dim")
            return
        for step in steps:
            yield Text(f"{INDENT * 2}step {step.number}", style="dim")
            rows = step_rows(step, mode)
            left = _left_width(rows[:STEP_ROWS], width)
            for row in rows[:STEP_ROWS]:
                yield from _row_lines(row, left, width, _STYLES[mode], INDENT * 3)
            if len(rows) > STEP_ROWS:
                yield Text(f"{INDENT * 3}{left_out(len(rows) - STEP_ROWS)}", style="dim")
        yield Text(f"{INDENT * 2}…", style="dim")

    def __str__(self) -> str:
        return plain_text(self)

    __repr__ = __str__


def left_out(count: int) -> str:
    """What stands in place of rows that are not shown.

    >>> left_out(1), left_out(1200)
    ('… 1 more row …', '… 1,200 more rows …')
    """
    return f"… {count:,} more row{'' if count == 1 else 's'} …"


def step_rows(step: Any, mode: str) -> list[Row]:
    """The rows of one step of a loop."""
    writer = Writer(step.sweeps)
    if mode == "primal":
        rows = primal_rows(writer)
    else:
        moving = mode == "tangent"
        rows = tangent_rows(writer, step.tangents) if moving else adjoint_rows(writer)
        rows = rows if moving or step.reversible else []
    return [replace(row, note="given") if row.note in _GIVEN else row for row in rows]


def _left_width(rows: Sequence[Row], width: int) -> int:
    """The column where numbers begin: after the assignments that are not unusually long."""
    from rich.cells import cell_len

    most = int(width * WIDEST_LEFT)
    lengths = [cell_len(row.left) for row in rows]
    return max((length for length in lengths if length <= most), default=most) + 2


def _wrapped(text: Text, width: int, indent: str = DEEPER) -> Iterator[Text]:
    """A text on as many lines as it takes, the later ones indented."""
    from rich.console import Console
    from rich.text import Text

    console = Console(width=width)
    first, *_ = lines = list(text.wrap(console, width))
    yield first
    if len(lines) > 1:
        rest = text[len(first.plain) :]
        rest = Text(rest.plain.strip(), style=text.style)
        for line in rest.wrap(console, max(width - len(indent), 10)):
            yield Text(indent, style=text.style).append_text(line)


def _row_lines(row: Row, left: int, width: int, style: str, indent: str) -> Iterator[Text]:
    """A row of a table: one line, or more where its parts do not fit side by side."""
    from rich.cells import cell_len
    from rich.text import Text

    name, _, formula = row.left.partition(" = ")
    first = Text(indent).append(name, style=style)
    first.append(f" = {formula}" if formula else "")
    numbers = _numbers(row)
    room = width - len(indent) - left
    beside = cell_len(row.left) <= left - 2
    if beside and numbers.cell_len <= room:
        first.append(" " * (left - cell_len(row.left)))
        yield _with_value(first.append_text(numbers), row, width)
    else:
        yield from _wrapped(first, width)
        for line in _wrapped(numbers, width - len(DEEPER), ""):
            yield Text(DEEPER).append_text(line)
    if row.summary is not None and row.arithmetic:
        before = " " * (len(indent) + left) if beside else DEEPER
        entry = Text(row.arithmetic, style="dim")
        for line in _wrapped(entry, width - len(before), INDENT):
            yield Text(before).append_text(line)


def _numbers(row: Row) -> Text:
    from rich.text import Text

    numbers = Text(row.right)
    note = row.note.replace("output", "").strip(", ")
    if note and note != "input":
        numbers.append(f"   {note}", style="dim italic")
    return numbers


def _with_value(line: Text, row: Row, width: int) -> Text:
    """The result in full precision at the right edge, where there is room and more to say."""
    if width < FULL_PRECISION or np.ndim(row.value):
        return line
    full = exact_text(row.value)
    shown = row.right.rpartition("= ")[2]
    gap = width - line.cell_len - len(full)
    if full != shown and gap >= 2:
        line.append(" " * gap + full, style="dim")
    return line
