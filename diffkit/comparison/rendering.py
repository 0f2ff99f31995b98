"""A comparison for the eyes: a terminal table of 80 columns, and HTML for notebooks.

Correct digits are plain and wrong ones underlined and red, each digit judged by the truth;
every method has its colour and marker, the same as in the pictures.  A derivative of up to a
few numbers is printed in full; a larger one is a bar of correct digits.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from html import escape
from io import StringIO
from math import isfinite, isnan
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.comparison.accuracy import correct_digits, first_wrong_place, rounded
from diffkit.comparison.shades import shades_for

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from diffkit.comparison.report import Comparison, MethodReport

    # Name, derivative, and the numbers by their header.
    Row = tuple[Text, Text, dict[str, str]]

__all__ = [
    "METHOD_MARKS", "ReportTable", "number_parts", "plain_text", "seconds_text", "to_html",
]  # fmt: skip

WIDTH = 80
# More components than this are summarised by a bar.
MOST_PRINTED = 4
BAR_DIGITS = 16
DIGITS_PER_BLOCK = 2
WRONG_STYLE = "red underline"

# Method → (name, marker, colour in a terminal, colour in HTML): the palette of the pictures.  A
# notebook may be light or dark and does not say which, so HTML has shades of it that are read on
# both (contrast 3 and more on white and on black), and ink is the colour of the text around.
_SHADES = shades_for(os.environ)
METHOD_MARKS: dict[str, tuple[str, str, str, str]] = {
    "symbolic": ("symbolic", "●", _SHADES["symbolic"], "inherit"),
    "finite": ("finite diff.", "▼", _SHADES["finite"], "#B5508A"),
    "complex": ("complex step", "▲", _SHADES["complex"], "#00916A"),
    "forward": ("forward", "■", _SHADES["forward"], "#3D82D6"),
    "reverse": ("reverse", "◆", _SHADES["reverse"], "#D55E00"),
}
UNKNOWN_MARK = ("", "○", "default", "inherit")
HEADERS: tuple[str, ...] = ("max ulp", "ops", "runs", "time", "× f")
# A bar for each printed number, where a wide terminal has room for it.
RIGHT_DIGITS = "right digits"
# What a narrow terminal leaves out, the first one first, so that no number is cut.
DISPENSABLE = (RIGHT_DIGITS, "time", "× f", "runs")
COLUMN_GAP = 2
BAR_HEADER = "digits: worst, median"

TIME_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
# Counts beyond this are written with a power of ten.
LARGEST_COUNT = 9_999_999


class ReportTable:
    """The table of a comparison: ``rich`` prints it in colour, ``print`` plainly."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison

    def __rich_console__(self, console: Any, options: Any) -> Any:
        from rich.text import Text

        yield Text(_heading(self.comparison), style="bold")
        rows = _rows(self.comparison)
        kept = _fitting_headers(rows, options.max_width)
        yield _table(_what(self.comparison), rows, kept, options.max_width)
        if hidden := [header for header in HEADERS if header not in kept]:
            yield Text(f"not shown at this width: {', '.join(hidden)}", style="dim")
        for line in _remarks(self.comparison):
            yield Text(line, style="dim")

    def __str__(self) -> str:
        return plain_text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return to_html(self.comparison)


def plain_text(renderable: Any, width: int = WIDTH) -> str:
    """What a terminal of this width shows, without colours.

    >>> from rich.text import Text
    >>> plain_text(Text("3 ulps", style="bold"))
    '3 ulps'
    """
    from rich.console import Console

    stream = StringIO()
    # In a notebook rich would show its own light picture of it and leave the text empty.
    console = Console(
        file=stream, width=width, color_system=None, highlight=False, force_jupyter=False
    )
    console.print(renderable)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


# Numbers ---------------------------------------------------------------------------------------


def number_parts(value: float, truth: Any) -> tuple[str, str, str]:
    """A printed number as (right digits, wrong digits, exponent).

    >>> from diffkit.lazy import mp
    >>> number_parts(9.067, mp.mpf("9.066"))
    ('9.06', '7', '')
    >>> number_parts(-1.5e-30, mp.mpf("-1.5e-30"))
    ('-1.5', '', 'e-30')
    """
    text = repr(float(value))
    if not isfinite(value):
        same = rounded(truth) == value or isnan(rounded(truth))
        return (text, "", "") if same else ("", text, "")
    mantissa, _, exponent = text.partition("e")
    cut = _cut(mantissa, first_wrong_place(value, truth))
    return mantissa[:cut], mantissa[cut:], f"e{exponent}" if exponent else ""


def _cut(mantissa: str, right: int) -> int:
    """Where the digits after the first ``right`` significant ones begin."""
    seen, started = 0, False
    for place, character in enumerate(mantissa):
        started = started or character in "123456789"
        if character.isdigit() and started:
            if seen == right:
                return place
            seen += 1
    return len(mantissa)


def seconds_text(seconds: float) -> str:
    """A time with a unit and three digits.

    >>> seconds_text(1.234e-5)
    '12.3 µs'
    """
    if not isfinite(seconds):
        return "–"
    for unit, name in TIME_UNITS:
        if seconds >= unit:
            return f"{seconds / unit:.3g} {name}"
    return f"{seconds / 1e-9:.3g} ns"


def _ulp_text(ulp: float) -> str:
    if not isfinite(ulp):
        return "∞" if ulp > 0 else "–"
    return f"{ulp:.2f}" if ulp < 100 else f"{ulp:.1e}".replace("e+0", "e").replace("e+", "e")


def _count_text(count: int) -> str:
    return f"{count:,}" if count <= LARGEST_COUNT else f"{count:.2e}"


def _ratio_text(ratio: float) -> str:
    return "–" if not isfinite(ratio) else f"{ratio:.3g}" if ratio < 1000 else f"{ratio:,.0f}"


def _size(comparison: Comparison) -> int:
    return sum(block.size for block in comparison.true_blocks)


# The terminal ----------------------------------------------------------------------------------


def _heading(comparison: Comparison) -> str:
    size = _size(comparison)
    what = "" if size <= MOST_PRINTED else f", {size:,} partial derivatives"
    return f"{comparison.title}{what}"


def _labels(comparison: Comparison) -> list[str]:
    """A name for every printed component, e.g. ``x1`` or ``w[0]``."""
    labels = []
    for name, block in zip(comparison.arguments.names, comparison.true_blocks, strict=True):
        for index in np.ndindex(block.shape):
            labels.append(name + (f"[{','.join(map(str, index))}]" if index else ""))
    return labels


def _fitting_headers(rows: Sequence[Row], width: int) -> list[str]:
    """The number columns that fit beside the method and the digits, in ``width`` columns."""
    kept = [header for header in (RIGHT_DIGITS, *HEADERS) if header in rows[0][2]]
    for header in DISPENSABLE:
        if _cell_width(rows) + _other_width(rows, kept) <= width:
            break
        if header in kept:
            kept.remove(header)
    return kept


def _cell_width(rows: Sequence[Row]) -> int:
    """The width of the printed derivatives, whatever stands above them."""
    return max(line.cell_len for _, cell, _ in rows for line in cell.split())


def _other_width(rows: Sequence[Row], headers: Sequence[str]) -> int:
    """The width of the method and number columns, with the gap that each has beside it."""
    widths = [max(name.cell_len for name, _, _ in rows)]
    for header in headers:
        lines = [line for _, _, figures in rows for line in figures[header].split("\n")]
        widths.append(max(map(len, [header, *lines])))
    return sum(width + COLUMN_GAP for width in widths)


def _table(what: str, rows: Sequence[Row], headers: Sequence[str], width: int) -> Table:
    """The table with these number columns; long labels of the derivative give way to them."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    table.add_column("method", no_wrap=True)
    heading = Text(what, no_wrap=True)
    room = max(width - _other_width(rows, headers), _cell_width(rows))
    heading.truncate(room, overflow="ellipsis")
    table.add_column(heading, overflow="fold")
    for header in headers:
        justify = "left" if header == RIGHT_DIGITS else "right"
        table.add_column(header, justify=justify, no_wrap=True)
    for name, cell, figures in rows:
        table.add_row(name, cell, *(figures[header] for header in headers))
    return table


def _what(comparison: Comparison) -> str:
    """The heading of the derivatives: their names, or what the bars mean."""
    few = _size(comparison) <= MOST_PRINTED
    return f"∂/∂{', '.join(_labels(comparison))}" if few else BAR_HEADER


def _rows(comparison: Comparison) -> list[Row]:
    """What stands in the table: the truth, then each method."""
    from rich.text import Text

    few = _size(comparison) <= MOST_PRINTED
    headers = (*HEADERS, RIGHT_DIGITS) if few else HEADERS
    rows = [(Text("  truth"), _true_cell(comparison, few), dict.fromkeys(headers, ""))]
    for report in comparison.methods.values():
        cell, figures = Text("refused, see below", style="dim"), dict.fromkeys(headers, "–")
        if report.refused is None:
            cell = _cell(report, few)
            figures |= dict(zip(HEADERS, _figures(report), strict=True))
            if few:
                bars = (_digit_bar(correct_digits(*pair)) for pair in _pairs(report))
                figures[RIGHT_DIGITS] = "\n".join(bars)
        rows.append((_name_text(report), cell, figures))
    return rows


def _figures(report: MethodReport) -> list[str]:
    return [
        _ulp_text(report.max_ulp),
        _count_text(report.operations),
        _count_text(report.evaluations),
        seconds_text(report.time),
        _ratio_text(report.time_over_f),
    ]


def _mark(report: MethodReport) -> tuple[str, str, str, str]:
    name, marker, dark, light = METHOD_MARKS.get(report.method, UNKNOWN_MARK)
    return (name if report.name == report.method and name else report.name), marker, dark, light


def _name_text(report: MethodReport) -> Text:
    from rich.text import Text

    name, marker, colour, _ = _mark(report)
    return Text(f"{marker} {name}", style=colour)


def _true_cell(comparison: Comparison, few: bool) -> Text:
    from rich.text import Text

    if not few:
        return Text(f"{comparison.truth.digits} digits")
    blocks = comparison.true_blocks
    return Text("\n".join(repr(rounded(t)) for block in blocks for t in block.reshape(-1)))


def _cell(report: MethodReport, few: bool) -> Text:
    from rich.text import Text

    pairs = _pairs(report)
    if not few:
        return Text(_bar(pairs))
    cell = Text()
    for place, (value, truth) in enumerate(pairs):
        right, wrong, exponent = number_parts(value, truth)
        cell.append(("\n" if place else "") + right)
        cell.append(wrong, style=WRONG_STYLE)
        cell.append(exponent)
    return cell


def _pairs(report: MethodReport) -> list[tuple[float, Any]]:
    return [
        (float(value), truth)
        for block, exact in zip(report.blocks, report.truths, strict=True)
        for value, truth in zip(block.reshape(-1), exact.reshape(-1), strict=True)
    ]


def _digit_bar(digits: float) -> str:
    """The correct digits of one number as a bar of blocks and half blocks, and as a number."""
    if isnan(digits):
        return "–"
    shown = min(digits, float(BAR_DIGITS))
    full, rest = divmod(round(shown), DIGITS_PER_BLOCK)
    bar = "█" * full + "▌" * bool(rest)
    return f"{bar:·<{BAR_DIGITS // DIGITS_PER_BLOCK}} {shown:4.1f}"


def _bar(pairs: list[tuple[float, Any]]) -> str:
    """The worst as a bar of full blocks, continued to the median by lighter ones."""
    found = [correct_digits(value, truth) for value, truth in pairs]
    digits = [min(count, BAR_DIGITS) for count in found if not isnan(count)]
    if not digits:
        return "undefined"
    worst, middle = min(digits), float(np.median(digits))
    full = int(worst / DIGITS_PER_BLOCK)
    bar = "█" * full + "▒" * max(round(middle / DIGITS_PER_BLOCK) - full, 0)
    return f"{bar:·<{BAR_DIGITS // DIGITS_PER_BLOCK}} {worst:4.1f} {middle:4.1f}"


def _remarks(comparison: Comparison) -> list[str]:
    truth = comparison.truth
    state = "" if truth.certified else " (not certified)"
    flops, time = _count_text(comparison.f_operations), seconds_text(comparison.f_time)
    lines = [
        f"f itself: {flops} operations, {time}",
        f"truth: {truth.how}{state}",
        *(f"  {note}" for note in truth.notes),
    ]
    shared: dict[str, list[str]] = {}
    for report in comparison.methods.values():
        if report.refused is not None:
            shared.setdefault(f"refused: {report.refused}", []).append(_mark(report)[0])
        for note in report.notes:
            shared.setdefault(note, []).append(_mark(report)[0])
    return lines + [f"{', '.join(names)}: {note}" for note, names in shared.items()]


# HTML ------------------------------------------------------------------------------------------

_CELL = 'style="text-align:right;padding:2px 8px"'
_LEFT = 'style="text-align:left;padding:2px 8px;font-family:monospace"'
_WRONG = 'style="color:#D93A3A;text-decoration:underline"'


def to_html(comparison: Comparison) -> str:
    """The comparison as an HTML table, with the colours of the pictures."""
    few = _size(comparison) <= MOST_PRINTED
    what = _what(comparison)
    heads = "".join(f"<th {_CELL}>{escape(header)}</th>" for header in HEADERS)
    true_cell = escape(str(_true_cell(comparison, few))).replace("\n", "<br>")
    rows = [
        f"<tr><th {_LEFT}>method</th><th {_LEFT}>{escape(what)}</th>{heads}</tr>",
        f"<tr><td {_LEFT}>truth</td><td {_LEFT}>{true_cell}</td>"
        f'<td colspan="{len(HEADERS)}"></td></tr>',
    ]
    rows += [_html_row(report, few) for report in comparison.methods.values()]
    remarks = "<br>".join(escape(line) for line in _remarks(comparison))
    return (
        f"<div><b>{escape(_heading(comparison))}</b><table>{''.join(rows)}</table>"
        f"<small>{remarks}</small></div>"
    )


def _html_row(report: MethodReport, few: bool) -> str:
    name, marker, _, colour = _mark(report)
    first = f'<td {_LEFT}><span style="color:{colour}">{marker}</span> {escape(name)}</td>'
    if report.refused is not None:
        span = len(HEADERS) + 1
        return f'<tr>{first}<td colspan="{span}">refused: {escape(report.refused)}</td></tr>'
    pairs = _pairs(report)
    shown = "<br>".join(_html_number(*pair) for pair in pairs) if few else escape(_bar(pairs))
    figures = "".join(f"<td {_CELL}>{escape(text)}</td>" for text in _figures(report))
    return f"<tr>{first}<td {_LEFT}>{shown}</td>{figures}</tr>"


def _html_number(value: float, truth: Any) -> str:
    right, wrong, exponent = number_parts(value, truth)
    marked = f"<span {_WRONG}>{wrong}</span>" if wrong else ""
    return f"{right}{marked}{exponent}"
