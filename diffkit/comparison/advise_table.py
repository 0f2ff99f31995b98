"""Advice for the eyes and for programs: a table of 80 columns, HTML, and plain data.

The recommended method stands first.  Costs and errors that were not measured carry a ``~``; JSON
says so in ``"measured"`` and ``"error_from"``, and has ``null`` where a number is not known.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from diffkit.comparison.rendering import METHOD_MARKS, UNKNOWN_MARK, plain_text, seconds_text
from diffkit.comparison.serial import SCHEMA, plain

if TYPE_CHECKING:
    from diffkit.comparison.advise import Advice
    from diffkit.comparison.advise_costs import Candidate

__all__ = ["AdviceTable", "advice_dict", "advice_html", "advice_rows"]

HEADERS = ("method", "error", "ops", "first", "again", "total")


class AdviceTable:
    """The table of an advice: ``rich`` prints it in colour, ``print`` plainly."""

    def __init__(self, advice: Advice) -> None:
        self.advice = advice

    def __rich_console__(self, console: Any, options: Any) -> Any:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        advice = self.advice
        yield Text(heading(advice), style="bold")
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
        table.add_column(HEADERS[0], no_wrap=True)
        for header in HEADERS[1:]:
            table.add_column(header, justify="right", no_wrap=True)
        for candidate, cells in zip(advice.candidates, advice_rows(advice), strict=True):
            name, marker, colour, _ = _mark(candidate)
            best = candidate.method == advice.method
            shown = Text(f"{marker} {name}", style=f"bold {colour}" if best else colour)
            table.add_row(shown, *cells[1:])
        yield table
        reasons = Table.grid(padding=(0, 1, 0, 0))
        for reason in advice.reasons:
            reasons.add_row("·", Text(reason))
        yield reasons
        yield Text(f"errors against {advice.reference}; ~ predicted, not measured", style="dim")

    def __str__(self) -> str:
        return plain_text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return advice_html(self.advice)


def heading(advice: Advice) -> str:
    """The recommendation in a line."""
    times = "once" if advice.repeats == 1 else f"{advice.repeats:,} times"
    return f"{advice.title}, {advice.want} {times}: {advice.call}"


def _mark(candidate: Candidate) -> tuple[str, str, str, str]:
    name, *rest = METHOD_MARKS.get(candidate.method, UNKNOWN_MARK)
    return (name or candidate.method, rest[0], rest[1], rest[2])


def advice_rows(advice: Advice) -> list[list[str]]:
    """The cells of the table, a row for each candidate."""
    return [_cells(candidate, advice.repeats) for candidate in advice.candidates]


def _cells(candidate: Candidate, repeats: int) -> list[str]:
    name = _mark(candidate)[0]
    if candidate.refused is not None:
        return [name, "refused", "–", "–", "–", "–"]
    about = "" if candidate.measured else "~"
    rule = "" if candidate.error_measured else "~"
    error = "kink" if candidate.unreliable else f"{rule}{candidate.error:.0e}"
    error = "0" if candidate.error == 0 and not candidate.unreliable else error
    times = (candidate.first, candidate.again, candidate.total(repeats))
    operations = "–" if candidate.operations is None else f"{candidate.operations:,}"
    return [name, error, operations, *(f"{about}{seconds_text(time)}" for time in times)]


def _is_accurate(candidate: Candidate, advice: Advice) -> bool:
    """Whether a method reaches the accuracy: none does where the recommended one does not."""
    trusted = advice.accurate and candidate.unreliable is None
    return trusted and candidate.error <= advice.accuracy


def advice_dict(advice: Advice) -> dict[str, Any]:
    """The advice as plain data, by the contract of schema 1."""
    rows = {}
    for candidate in advice.candidates:
        entry = {
            "sweeps": candidate.sweeps, "operations": candidate.operations,
            "first": candidate.first, "again": candidate.again,
            "total": candidate.total(advice.repeats), "measured": candidate.measured,
            "rel_error": candidate.error, "error_measured": candidate.error_measured,
            "error_from": candidate.error_from, "accurate": _is_accurate(candidate, advice),
            "unreliable": candidate.unreliable, "notes": candidate.notes,
        }  # fmt: skip
        refused = {"refused": candidate.refused}
        rows[candidate.method] = plain(entry if candidate.refused is None else refused)
    return {
        "schema": SCHEMA, "function": advice.title, "want": advice.want, "method": advice.method,
        "engine": advice.engine, "call": advice.call, "reasons": list(advice.reasons),
        "inputs": advice.inputs, "outputs": advice.outputs, "operations": advice.operations,
        "repeats": advice.repeats, "accuracy": advice.accuracy, "reference": advice.reference,
        "methods": rows, "missing": advice.missing, "interrupted": advice.interrupted,
        "accurate": advice.accurate,
    }  # fmt: skip


def advice_html(advice: Advice) -> str:
    """The advice as an HTML table, with the colours of the pictures."""
    left, right = ' style="text-align:left"', ' style="text-align:right"'
    heads = "".join(f"<th{right}>{escape(header)}</th>" for header in HEADERS[1:])
    rows = [f"<tr><th{left}>{HEADERS[0]}</th>{heads}</tr>"]
    for candidate, cells in zip(advice.candidates, advice_rows(advice), strict=True):
        _, marker, _, colour = _mark(candidate)
        first = f'<td{left}><span style="color:{colour}">{marker}</span> {escape(cells[0])}</td>'
        rows.append(f"<tr>{first}{''.join(f'<td{right}>{escape(c)}</td>' for c in cells[1:])}</tr>")
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in advice.reasons)
    small = f"errors against {escape(advice.reference)}; ~ predicted, not measured"
    return (
        f"<div><b>{escape(heading(advice))}</b><table>{''.join(rows)}</table>"
        f"<ul>{reasons}</ul><small>{small}</small></div>"
    )
