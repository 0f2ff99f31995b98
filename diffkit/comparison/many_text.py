"""The report of many comparisons for the eyes: a terminal table, Markdown, CSV, HTML.

A cell holds two numbers of one method: the correct digits of its worst entry (relative to the
largest one), and its time over that of the function.  CSV has every number of every method.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from html import escape
from io import StringIO
from math import log10
from typing import TYPE_CHECKING, Any

from diffkit.comparison.many_rows import COSTS, MEASURED, Row
from diffkit.comparison.rendering import METHOD_MARKS, UNKNOWN_MARK, plain_text

if TYPE_CHECKING:
    from diffkit.comparison.many import ManyComparison

__all__ = ["ManyTable", "csv_text", "html_page", "html_table", "markdown_text"]

MOST_DIGITS = 17
LEFT = ("case", "size", "dtype")
LEGEND = "cells: correct digits of the worst entry, and time over that of the function"
NARROW_LEGEND = (
    "cells: correct digits of the worst entry; a wider terminal, CSV and JSON have times"
)
WIDE = 110  # columns from which digits and times stand side by side
SHORT = {"float64": "f64", "float32": "f32"}
CSV_HEADER = ("case", "size", "dtype", "inputs", "function_operations", "function_time", "method",
              *MEASURED, *COSTS, "refused", "missing", "note")  # fmt: skip


class ManyTable:
    """The table of a report: ``rich`` prints it in colour, ``print`` plainly."""

    def __init__(self, report: ManyComparison) -> None:
        self.report = report

    def __rich_console__(self, console: Any, options: Any) -> Any:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
        wide = options.max_width >= WIDE
        table.add_column(LEFT[0], overflow="fold")
        table.add_column(LEFT[1], justify="right", no_wrap=True)
        table.add_column(LEFT[2], no_wrap=True)
        for method in self.report.methods:
            name, marker, colour, _ = METHOD_MARKS.get(method, UNKNOWN_MARK)
            shown = _short(name or method)
            heading = Text(f"{marker} {shown}" if wide else shown, style=colour)
            table.add_column(heading, justify="right", no_wrap=True)
        for row in self.report:
            cells = _cells(row, self.report.methods)
            table.add_row(*(cell if wide else cell.partition(" ")[0] for cell in cells))
        yield table
        yield Text(LEGEND if wide else NARROW_LEGEND, style="dim")
        for line in _gaps(self.report):
            yield Text(line, style="dim")

    def __str__(self) -> str:
        return plain_text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_table(self.report)


def _short(name: str) -> str:
    return {"finite diff.": "finite", "complex step": "complex"}.get(name, name)


def _cells(row: Row, methods: Sequence[str]) -> list[str]:
    size = "" if row["size"] is None else f"{row['size']:,}"
    left = [row["case"], size, SHORT.get(row["dtype"], row["dtype"])]
    return left + [_cell(row, method) for method in methods]


def _cell(row: Row, method: str) -> str:
    """``15.9 1.7×``, or why there is nothing."""
    if row.get("failed"):
        return "failed"
    if method in row["missing"]:
        return "missing"
    entry = row["methods"].get(method, {"refused": ""})
    if "refused" in entry:
        return "refused"
    return f"{_digits(entry.get('rel_error'))} {_times(entry.get('time_over_f'))}"


def _digits(error: float | None) -> str:
    if error is None:
        return "–"
    found = MOST_DIGITS if error == 0 else min(max(-log10(error), 0.0), MOST_DIGITS)
    return f"{found:.1f}"


def _times(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.1f}×" if ratio < 100 else f"{ratio:,.0f}×"


def _gaps(report: ManyComparison) -> list[str]:
    """What is missing, and what refused, in a line each."""
    reached = {key: gaps for key, gaps in report.missing.items() if key not in report.waiting}
    lines = [
        f"missing in {_label(key)}: {what} ({why})"
        for key, gaps in reached.items()
        for what, why in gaps.items()
    ]
    if report.waiting:
        lines.append(f"not reached: {', '.join(map(_label, report.waiting))}")
    refused: dict[str, list[str]] = {}
    for row in report:
        for method, entry in row["methods"].items():
            if "refused" in entry:
                reason = entry["refused"].partition("; hint")[0]
                refused.setdefault(f"{method}: {reason}", []).append(row["case"])
    lines += [f"{reason} [{', '.join(dict.fromkeys(of))}]" for reason, of in refused.items()]
    return [*lines, "stopped before the end"] if report.interrupted else lines


def _label(key: str) -> str:
    """The case, its size and its dtype, from the key of a row."""
    name, size, dtype, *_ = key.rsplit("|", 4)
    return " ".join(part for part in (name, size, SHORT.get(dtype, dtype)) if part)


# Text -------------------------------------------------------------------------------------------


def csv_text(report: ManyComparison) -> str:
    """One line for each row and method; empty cells where there is no number."""
    stream = StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(CSV_HEADER)
    for row in report:
        for method in report.methods:
            writer.writerow(_csv_line(row, method))
    return stream.getvalue()


def _csv_line(row: Row, method: str) -> list[Any]:
    entry = row["methods"].get(method, {})
    missing = row.get("failed") or row.get("missing", {}).get(method)
    numbers = [entry.get(name) for name in (*MEASURED, *COSTS)]
    return [row["case"], row["size"], row["dtype"], row.get("inputs"), row.get("operations"),
            row.get("time"), method, *numbers, entry.get("refused"), missing,
            entry.get("note")]  # fmt: skip


def markdown_text(report: ManyComparison) -> str:
    """The table in Markdown, with what is missing below it."""
    heads = [*LEFT, *(_short(METHOD_MARKS.get(m, (m,))[0]) for m in report.methods)]
    rows = [heads, ["-", "-:", "-", *("-:" for _ in report.methods)]]
    rows += [_cells(row, report.methods) for row in report]
    lines = ["|" + "|".join(f" {_escaped(cell)} " for cell in row) + "|" for row in rows]
    lines[1] = "|" + "|".join(rows[1]) + "|"
    rest = [f"- {_escaped(line)}" for line in _gaps(report)]
    return "\n".join([*lines, "", f"{LEGEND[0].upper()}{LEGEND[1:]}.", *([""] if rest else []),
                      *rest, ""])  # fmt: skip


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


# HTML -------------------------------------------------------------------------------------------

_CELL = 'style="text-align:right;padding:2px 8px"'
_LEFT = 'style="text-align:left;padding:2px 8px"'


def html_table(report: ManyComparison) -> str:
    """The table alone, for a notebook."""
    heads = "".join(f"<th {_LEFT}>{head}</th>" for head in LEFT)
    for method in report.methods:
        name, marker, _, colour = METHOD_MARKS.get(method, UNKNOWN_MARK)
        shown = f'<span style="color:{colour}">{marker}</span> {escape(_short(name or method))}'
        heads += f"<th {_CELL}>{shown}</th>"
    rows = [f"<tr>{heads}</tr>", *(_html_row(row, report.methods) for row in report)]
    gaps = "<br>".join(escape(line) for line in [LEGEND, *_gaps(report)])
    return f"<div><table>{''.join(rows)}</table><small>{gaps}</small></div>"


def _html_row(row: Row, methods: Sequence[str]) -> str:
    cells = _cells(row, methods)
    about = escape(f"{row['title']}: {row['source']}")
    first = f'<td {_LEFT} title="{about}">{escape(cells[0])}</td>'
    left = "".join(f"<td {_LEFT}>{escape(cell)}</td>" for cell in cells[1 : len(LEFT)])
    right = "".join(f"<td {_CELL}>{escape(cell)}</td>" for cell in cells[len(LEFT) :])
    return f"<tr>{first}{left}{right}</tr>"


def html_page(report: ManyComparison) -> str:
    """A page that needs no network."""
    style = "body{font-family:sans-serif;margin:2em}tr:nth-child(even){background:#f4f4f4}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>Methods compared</title><style>{style}</style></head>"
        f"<body><h1>Methods compared</h1>{html_table(report)}</body></html>\n"
    )
