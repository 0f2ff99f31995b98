"""A choice of steps for the eyes and for programs: a table of 80 columns, a V in text, HTML, JSON.

The stencil with the least error stands out.  In the text curve ``o`` is a measured error and ``·``
the model's, both on logarithmic scales, with ``h`` under the step that is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from math import isfinite, log10
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.comparison.rendering import METHOD_MARKS, plain_text
from diffkit.comparison.serial import SCHEMA, plain
from diffkit.comparison.steps_tableau import simple_table

if TYPE_CHECKING:
    from rich.table import Table

    from diffkit.comparison.steps import StepSize
    from diffkit.comparison.steps_peers import PeerRow
    from diffkit.differentiate.step_choice import StepChoice

__all__ = ["StepTable", "peer_table", "step_dict", "step_html", "text_curve"]

HEADERS = ("stencil", "order", "step h", "derivative", "estimate", "true error")
PEER_HEADERS = ("tool", "derivative", "estimate", "true error", "runs", "")
CURVE_WIDTH, CURVE_HEIGHT = 60, 12
DIGITS = 14  # of a derivative beside those of other tools
NOTHING = 1e-60  # what differences of 100 digits leave where the derivative is exact
# Runs that Richardson's tableau, a measured curve and other tools take as a rule.
TABLEAU_RUNS, CURVE_RUNS, PEER_RUNS = 20, 250, 100
NO_TRUTH = "the function cannot be captured, so the derivative itself is not known"


class StepTable:
    """The table of a choice of steps: ``rich`` prints it in colour, ``print`` plainly."""

    def __init__(self, found: StepSize) -> None:
        self.found = found

    def __rich_console__(self, console: Any, options: Any) -> Any:
        from rich.text import Text

        found = self.found
        yield Text(heading(found), style="bold")
        table = simple_table(HEADERS)
        colour = METHOD_MARKS["finite"][2]
        for choice in found.choices:
            name, *cells = step_cells(found, choice)
            table.add_row(name, *cells, style=f"bold {colour}" if choice is found.best else "")
        yield table
        for line in remarks(found):
            yield Text(line, style="dim")

    def __str__(self) -> str:
        return plain_text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return step_html(self.found)


def heading(found: StepSize) -> str:
    """The derivative with its error, in a line."""
    name = {1: "derivative", 2: "second derivative"}.get(found.order, f"derivative {found.order}")
    along = f" along {found.direction}" if found.direction else ""
    return f"{found.title}: {name}{along} {found.derivative!r} ± {found.error:.1e}"


def step_cells(found: StepSize, choice: StepChoice) -> list[str]:
    """The cells of a stencil's row."""
    row = choice.stencil
    if choice.refused is not None:
        return [row.name, str(row.accuracy), "–", "–", "–", "–"]
    true = "–" if found.exact is None else _small(found.error_of(choice.value))
    numbers = (f"{choice.step:.1e}", f"{choice.value!r}", _small(choice.error), true)
    return [row.name, str(row.accuracy), *numbers]


def _small(error: float) -> str:
    return "0" if error < NOTHING else f"{error:.1e}"


def remarks(found: StepSize) -> list[str]:
    """What should be known beside the numbers."""
    value, noise = abs(found.line(0.0)), found.noise.level
    units = noise / float(np.spacing(value)) if value else float("nan")
    shown = f" ({units:.2g} ulps of f)" if isfinite(units) else ""
    lines = [f"noise of f {noise:.1e}{shown}; {found.evaluations} runs"]
    if found.exact is None and not found.kink and not found.jump:
        lines.append(NO_TRUTH)
    refused: dict[str, list[str]] = {}
    for choice in found.choices:
        if choice.refused is not None:
            refused.setdefault(choice.refused, []).append(choice.stencil.name)
    lines += [f"{', '.join(names)}: {reason}" for reason, names in refused.items()]
    return [*lines, *found.notes]


def peer_table(rows: Sequence[PeerRow]) -> Table:
    """Our answer and those of other tools, a row for each."""
    table = simple_table(PEER_HEADERS[:-1])
    table.add_column(PEER_HEADERS[-1])
    for row in rows:
        true = _small(row.true_error) if isfinite(row.true_error) else "–"
        numbers = [f"{row.value:.{DIGITS}g}", _small(row.error_estimate), true]
        known = isfinite(row.value)
        shown = [*numbers, str(row.evaluations)] if known else ["–"] * len(PEER_HEADERS[1:-1])
        table.add_row(row.name, *shown, row.note)
    return table


def text_curve(
    found: StepSize, name: str, width: int = CURVE_WIDTH, height: int = CURVE_HEIGHT
) -> str:
    """The V-curve of a stencil in characters: error against step, measured and predicted.

    >>> import numpy as np, diffkit as dk
    >>> print(text_curve(dk.step_size(np.exp, 1.0), "central").splitlines()[-1].split()[-1])
    h
    """
    choice = found[name]
    low, high = log10(found.line.grain) + 1, log10(found.line.length / 2)
    h = np.logspace(low, high, width)
    _, measured, predicted = found.curve(name, h)
    kept = np.concatenate([measured[measured > 0], predicted[predicted > 0]])
    if not kept.size:
        return "no errors to draw"
    bottom, top = np.floor(np.log10(kept.min())), np.ceil(np.log10(np.max(measured, initial=1e-99)))
    bottom, top = max(bottom, top - 2 * height), max(top, bottom + 1)
    grid = [[" "] * width for _ in range(height)]
    for mark, errors in (("·", predicted), ("o", measured)):
        for column, error in enumerate(errors):
            place = _row_of(error, bottom, top, height)
            if place is not None:
                grid[place][column] = mark
    ends = {0: f"1e{top:+03.0f}", height - 1: f"1e{bottom:+03.0f}"}
    lines = [f"{ends.get(i, ''):>6} │{''.join(row).rstrip()}" for i, row in enumerate(grid)]
    taken = int(np.clip((log10(choice.step) - low) / (high - low) * (width - 1), 0, width - 1))
    axis = [*("─" * width)]
    axis[taken] = "┴"
    span = f"h = {10**low:.0e}"
    under = f"{span}{' ' * max(taken - len(span), 1)}↑ {choice.step:.1e}"
    end = f"{10**high:.0e} h"
    under = under if len(under) + len(end) >= width else under + end.rjust(width - len(under))
    return "\n".join([*lines, f"{'':>6} └{''.join(axis)}", f"{'':>7} {under}"])


def _row_of(error: float, bottom: float, top: float, height: int) -> int | None:
    """The line of a text picture for an error; exact results stand at the bottom."""
    if not isfinite(error):
        return None
    level = bottom if error <= 0 else log10(error)
    if level > top:
        return None
    part = (top - max(level, bottom)) / (top - bottom)
    return min(int(part * height), height - 1)


def step_dict(found: StepSize, *, curve: bool, peers: bool) -> dict[str, Any]:
    """The choice as plain data, by the contract of schema 1."""
    entry: dict[str, Any] = {
        "schema": SCHEMA, "function": found.title, "at": found.at, "direction": found.direction,
        "order": found.order, "value": found.line(0.0), "noise": found.noise.level,
        "derivative": found.derivative, "error": found.error, "step": found.step,
        "stencil": found.best.stencil.name, "evaluations": found.evaluations,
        "exact": None if found.exact is None else float(found.exact),
        "kink": None if found.kink is None else list(found.kink),
        "jump": found.jump, "notes": list(found.notes),
        "stencils": {c.stencil.name: _entry(found, c, curve) for c in found.choices},
        "richardson": found.richardson.to_dict() if found.affords(TABLEAU_RUNS) else None,
        "missing": found.missing, "interrupted": found.interrupted,
    }  # fmt: skip
    if peers and found.affords(PEER_RUNS):
        entry["peers"] = [row.to_dict() for row in found.peers()]
    nulls = [*_nulls(entry), *(f"{n}.{k}" for n, c in entry["stencils"].items() for k in _nulls(c))]
    entry["note"] = f"null stands for NaN or an infinity in {', '.join(nulls)}" if nulls else None
    return plain(entry)


def _nulls(entry: dict[str, Any]) -> list[str]:
    """The numbers that JSON cannot hold."""
    return [k for k, v in entry.items() if isinstance(v, float) and not isfinite(v)]


def _entry(found: StepSize, choice: StepChoice, curve: bool) -> dict[str, Any]:
    if choice.refused is not None:
        return {"refused": choice.refused}
    row = choice.stencil
    entry: dict[str, Any] = {
        "offsets": list(row.offsets), "weights": [str(weight) for weight in row.weights],
        "accuracy": row.accuracy, "step": choice.step, "value": choice.value,
        "error": choice.error, "rounding": choice.rounding, "truncation": choice.truncation,
        "largest": choice.largest, "settled": choice.settled,
        "true_error": None if found.exact is None else found.error_of(choice.value),
    }  # fmt: skip
    if curve and found.affords(CURVE_RUNS):
        h, measured, predicted = found.curve(row.name)
        entry["curve"] = {"h": h, "measured": measured, "predicted": predicted}
    return entry


def step_html(found: StepSize) -> str:
    """The choice as an HTML table; the best stencil is bold."""
    colour = METHOD_MARKS["finite"][3]
    rows = [_html_row("th", HEADERS, "")]
    for choice in found.choices:
        style = f' style="font-weight:bold;color:{colour}"' if choice is found.best else ""
        rows.append(_html_row("td", step_cells(found, choice), style))
    small = "<br>".join(escape(line) for line in remarks(found))
    return (
        f"<div><b>{escape(heading(found))}</b><table>{''.join(rows)}</table>"
        f"<small>{small}</small></div>"
    )


def _html_row(tag: str, cells: Sequence[str], style: str) -> str:
    return f"<tr{style}>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"
