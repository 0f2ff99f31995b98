"""Forms of a derivative for the eyes and for programs: a table, HTML, JSON, separated values.

A row is a form: how large it is, what it costs, and how many digits it loses.  JSON follows the
contract of ``comparison/serial.py``: full precision, ``null`` for NaN and infinities.
"""

from __future__ import annotations

import csv
from html import escape
from io import StringIO
from math import isfinite, isnan
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.comparison.accuracy import rounded
from diffkit.comparison.rendering import _count_text, _ulp_text, plain_text, seconds_text
from diffkit.comparison.serial import SCHEMA, _point, plain

if TYPE_CHECKING:
    from diffkit.comparison.forms import FormComparison, FormReport

__all__ = ["FormTable", "forms_dict", "forms_html", "forms_lines"]

HEADERS = ("tree", "shared", "cse", "ops", "max ulp", "median", "max rel.", "time")
# A formula of a table or a page is cut off after so many characters; JSON has all of it.
FORMULA_WIDTH, HTML_WIDTH = 60, 400
# Formulas of more variables than this are not listed below the table.
MOST_VARIABLES = 3
# Points that are named where a formula is not the derivative.
MOST_NAMED = 3
MEASURED = (
    "tree", "shared", "cse", "operations", "time", "max_ulp", "median_ulp", "max_relative",
    "median_relative",
)  # fmt: skip


class FormTable:
    """The table of a comparison of forms: ``rich`` prints it in colour, ``print`` plainly."""

    def __init__(self, comparison: FormComparison) -> None:
        self.comparison = comparison

    def __rich_console__(self, console: Any, options: Any) -> Any:
        from rich.text import Text

        yield Text(_heading(self.comparison), style="bold")
        yield self._table()
        for line in _formulas(self.comparison, max(options.max_width, FORMULA_WIDTH)):
            yield Text(line, no_wrap=True, overflow="ellipsis")
        for line in _remarks(self.comparison):
            yield Text(line, style="dim")

    def _table(self) -> Any:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
        table.add_column("form", no_wrap=True)
        for header in HEADERS:
            table.add_column(header, justify="right", no_wrap=True)
        best = _most_accurate(self.comparison)
        for name, report in self.comparison.reports.items():
            style = "bold" if name == best else ""
            table.add_row(Text(name, style=style), *_cells(report))
        return table

    def __str__(self) -> str:
        return plain_text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return forms_html(self.comparison)


def _heading(comparison: FormComparison) -> str:
    points = len(comparison.problem.points)
    order = "" if comparison.order == 1 else f", order {comparison.order}"
    by = ", ".join(comparison.variables[:MOST_VARIABLES])
    more = ", …" if len(comparison.variables) > MOST_VARIABLES else ""
    where = f"{points:,} points" if points > 1 else "one point"
    return f"{comparison.title}: its derivative by {by}{more}{order}, at {where}"


def _cells(report: FormReport) -> list[str]:
    if report.refused is not None:
        return ["–"] * len(HEADERS)
    sizes = ["–" if size is None else _count_text(size) for size in report.sizes.values()]
    return [
        *sizes, _count_text(report.operations), _ulp_text(report.max_ulp),
        _ulp_text(report.median_ulp), _relative_text(report.max_relative),
        seconds_text(report.time),
    ]  # fmt: skip


def _relative_text(error: float) -> str:
    if not isfinite(error):
        return "–" if isnan(error) else "∞"
    return f"{error:.1e}" if error else "0"


def _most_accurate(comparison: FormComparison) -> str | None:
    kept = [r for r in comparison.reports.values() if not isnan(r.max_ulp) and r.refused is None]
    return min(kept, key=lambda r: r.max_ulp).name if kept else None


def _formulas(comparison: FormComparison, width: int) -> list[str]:
    """Each formula on a line, cut off where it is too long; equal ones once."""
    lines: dict[str, list[str]] = {}
    if len(comparison.variables) > MOST_VARIABLES:
        return []
    for name, report in comparison.reports.items():
        for variable, text in report.text.items():
            label = f"{variable}: " if len(comparison.variables) > 1 else ""
            if text is None:
                text = f"too long to print: {_count_text(report.sizes['tree'] or 0)} operations"
            lines.setdefault(f"{label}{text}", []).append(name)
    return [_shortened(f"{', '.join(names)}  {text}", width) for text, names in lines.items()]


def _shortened(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _remarks(comparison: FormComparison) -> list[str]:
    lines = []
    if comparison.sizes is not None:
        sizes = ", ".join(
            f"{name} {_count_text(size)}"
            for name, size in comparison.sizes.items()
            if size is not None
        )
        lines.append(f"the function itself: {sizes}")
    refused: dict[str, list[str]] = {}
    for name, report in comparison.reports.items():
        if report.refused is not None:
            refused.setdefault(report.refused, []).append(name)
    lines += [f"{', '.join(names)}: {reason}" for reason, names in refused.items()]
    return [*lines, *_differences(comparison), *comparison.notes]


def _differences(comparison: FormComparison) -> list[str]:
    """Where formulas are not the derivative, in a sentence for each point."""
    found: dict[str, list[str]] = {}
    for name, report in comparison.reports.items():
        for place in report.differs[:MOST_NAMED]:
            at = ", ".join(f"{key} = {_short(value)}" for key, value in place["at"].items())
            line = (
                f"formula and limit differ at {at}: the formula gives {place['formula']:.6g}, "
                f"∂/∂{place['variable']} is {place['derivative']:.6g}"
            )
            found.setdefault(line, []).append(name)
        if (more := len(report.differs) - MOST_NAMED) > 0:
            found.setdefault(f"formula and limit differ at {more:,} more points", []).append(name)
    return [f"{', '.join(names)}: {line}" for line, names in found.items()]


def _short(value: Any) -> str:
    return f"{float(value):.6g}" if np.ndim(value) == 0 else f"an array {np.shape(value)}"


# Programs -----------------------------------------------------------------------------------------


def forms_dict(comparison: FormComparison) -> dict[str, Any]:
    """The comparison as plain numbers, lists and dicts (schema 1)."""
    points = [comparison.problem.at(point) for point in comparison.problem.points]
    truths = np.array([[rounded(t) for t in row] for row in comparison.truths])
    return {
        "schema": SCHEMA,
        "function": comparison.title,
        "order": comparison.order,
        "variables": comparison.variables,
        "at": {key: _listed([_point(at[key]) for at in points]) for key in points[0]},
        "truth": _by_variable(comparison.variables, truths),
        "function_formula": comparison.sizes,
        "forms": {name: _entry(report) for name, report in comparison.reports.items()},
        "note": "; ".join(["null stands for NaN or an infinity", *comparison.notes]),
    }


def _listed(values: list[Any]) -> Any:
    """The value at one point, or the list of those at many."""
    return plain(values[0] if len(values) == 1 else values)


def _by_variable(names: list[str], rows: np.ndarray) -> dict[str, Any]:
    """Numbers (point, variable) by variable."""
    return {name: _listed(list(column)) for name, column in zip(names, rows.T, strict=True)}


def _entry(report: FormReport) -> dict[str, Any]:
    if report.refused is not None:
        return {"refused": report.refused}
    names = ("operations", "time", "max_ulp", "median_ulp", "max_relative", "median_relative")
    numbers = {name: getattr(report, name) for name in names}
    return {
        "derivative": report.text,
        "latex": report.latex,
        "formula": dict(report.sizes),
        **plain(numbers),
        "by_variable": plain(report.by_variable),
        "value": _by_variable(list(report.text), report.values),
        "worst": plain(report.worst),
        "differs": plain(report.differs),
    }


def forms_lines(comparison: FormComparison, delimiter: str) -> str:
    """One line for each form and variable, full precision, with a header."""
    stream = StringIO()
    writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
    writer.writerow(["form", "variable", *MEASURED, "differs", "derivative", "refused"])
    for name, report in comparison.reports.items():
        for variable in comparison.variables:
            writer.writerow([name, variable, *_line(report, variable)])
    return stream.getvalue().rstrip("\n")


def _line(report: FormReport, variable: str) -> list[Any]:
    if report.refused is not None:
        return [*[""] * (len(MEASURED) + 2), " ".join(report.refused.split())]
    numbers = {**report.sizes, "operations": report.operations, "time": report.time}
    found = numbers | report.by_variable[variable]
    differs = sum(place["variable"] == variable for place in report.differs)
    cells = [plain(found[name]) for name in MEASURED]
    return [*("" if cell is None else cell for cell in cells), differs, report.text[variable], ""]


# HTML ---------------------------------------------------------------------------------------------

_CELL = 'style="text-align:right;padding:2px 8px"'
_LEFT = 'style="text-align:left;padding:2px 8px"'


def forms_html(comparison: FormComparison) -> str:
    """The comparison as an HTML table, each formula in the tooltip of its name."""
    heads = "".join(f"<th {_CELL}>{escape(header)}</th>" for header in HEADERS)
    rows = [f"<tr><th {_LEFT}>form</th>{heads}</tr>"]
    for name, report in comparison.reports.items():
        text = "; ".join(_shortened(str(t), HTML_WIDTH) for t in report.text.values())
        title = escape(report.refused or text)
        cells = "".join(f"<td {_CELL}>{escape(cell)}</td>" for cell in _cells(report))
        rows.append(f'<tr><td {_LEFT} title="{title}">{escape(name)}</td>{cells}</tr>')
    below = "<br>".join(escape(line) for line in _remarks(comparison))
    return (
        f"<div><b>{escape(_heading(comparison))}</b><table>{''.join(rows)}</table>"
        f"<small>{below}</small></div>"
    )
