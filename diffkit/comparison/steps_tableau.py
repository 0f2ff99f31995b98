"""Richardson's tableau, shown: what halving the step and eliminating powers of h gains.

    Tᵢ₀ = D(hᵢ),    Tᵢⱼ = Tᵢ,ⱼ₋₁ + (Tᵢ,ⱼ₋₁ − Tᵢ₋₁,ⱼ₋₁) / (2^pⱼ − 1),    hᵢ = h₀ / 2ⁱ

Each column has one power of h less in its error, so that it falls faster, until rounding is met.
The order that is observed in a column, log₂ of the ratio of its successive changes, says whether
the function is as smooth as the extrapolation takes it to be.

Reading on: ``differentiate/extrapolation.py``, which makes the same entries for ``Finite``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from math import isfinite, log2, nan
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.comparison.rendering import plain_text
from diffkit.comparison.serial import plain
from diffkit.differentiate.extrapolation import tableau_columns, tableau_steps
from diffkit.differentiate.noise import Line
from diffkit.differentiate.stencils import Stencil
from diffkit.differentiate.step_choice import LIKELY, difference

SHOWN = 9  # digits of a difference

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["Tableau", "simple_table", "tableau_of"]


@dataclass(frozen=True)
class Tableau:
    """Differences at halved steps and what extrapolation makes of them.

    ``columns[j][i]`` is the entry made from ``columns[j-1][i]`` and ``[i+1]``; ``changes`` are the
    distances of entries to these parents, and ``chosen`` is (row, column) of the least, the row
    counted by the smallest step that went into it.  ``error`` has that distance and the noise.
    """

    stencil: Stencil
    steps: tuple[float, ...]
    columns: tuple[tuple[float, ...], ...]
    changes: tuple[tuple[float, ...], ...]
    chosen: tuple[int, int]
    value: float
    error: float

    @property
    def powers(self) -> tuple[int, ...]:
        """The power of h that leads the error of each column."""
        by = 2 if self.stencil.symmetric else 1
        return tuple(self.stencil.accuracy + by * j for j in range(len(self.columns)))

    def orders(self, column: int) -> list[float]:
        """The orders observed from row to row of a column; NaN where nothing changes."""
        changes = [abs(b - a) for a, b in pairwise(self.columns[column])]
        return [log2(a / b) if a > 0 and b > 0 else nan for a, b in pairwise(changes)]

    def observed(self, column: int) -> float:
        """The order a column shows at its larger steps, before rounding is met: the median."""
        seen = [order for order in self.orders(column)[:3] if isfinite(order)]
        return float(np.median(seen)) if seen else nan

    def cells(self) -> list[list[str]]:
        """The rows of the printed table: step, difference, changes; the chosen one in brackets."""
        rows = []
        for i, h in enumerate(self.steps):
            row = [f"{h:.1e}", f"{self.columns[0][i]:.{SHOWN}g}"]
            for j in range(1, min(i, len(self.columns) - 1) + 1):
                text = f"{self.changes[j][i - j]:.0e}"
                row.append(f"[{text}]" if (i, j) == self.chosen else text)
            rows.append(row)
        return rows

    def headers(self) -> list[str]:
        """The heads of the columns: the leading power of h of each."""
        return ["h", "difference", *(f"h^{power}" for power in self.powers[1:])]

    def footers(self) -> list[str]:
        """The observed order under each column."""
        seen = [self.observed(j) for j in range(len(self.columns))]
        return ["order", *(f"{order:.1f}" if isfinite(order) else "" for order in seen)]

    def __rich_console__(self, console: Any, options: Any) -> Any:
        from rich.text import Text

        yield Text(f"Richardson: {self.value!r} ± {self.error:.1e} ({self.stencil.name})", "bold")
        table = simple_table(self.headers(), left=0)
        for row in self.cells():
            marked = [Text(c, style="bold green") if c.startswith("[") else c for c in row]
            table.add_row(*marked)
        table.add_row(*self.footers(), style="dim")
        yield table
        yield Text("a column holds the distances of its entries to the two they came from", "dim")

    def __str__(self) -> str:
        return plain_text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = [self.headers(), *self.cells(), self.footers()]
        cells = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows)
        return f"<table>{''.join(f'<tr>{row}</tr>' for row in cells)}</table>"

    def to_dict(self) -> dict[str, Any]:
        """The tableau as plain data."""
        seen = [self.observed(j) for j in range(len(self.columns))]
        return plain({
            "stencil": self.stencil.name, "steps": list(self.steps),
            "columns": [list(column) for column in self.columns],
            "changes": [list(column) for column in self.changes[1:]],
            "powers": list(self.powers), "orders": seen, "chosen": list(self.chosen),
            "value": self.value, "error": self.error,
        })  # fmt: skip


def simple_table(headers: Sequence[str], left: int = 1) -> Table:
    """An empty table for ``rich``: some columns of names, then columns of numbers.

    >>> [str(column.header) for column in simple_table(["name", "error"]).columns]
    ['name', 'error']
    """
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    for place, header in enumerate(headers):
        table.add_column(header, justify="left" if place < left else "right", no_wrap=True)
    return table


def tableau_of(line: Line, row: Stencil, first: float, noise: float) -> Tableau:
    """The tableau of a stencil along a line, from a first, largest step.

    Source: Ridders 1982.

    >>> from diffkit.differentiate.stencils import stencil
    >>> line = Line(lambda t: np.exp(1.0 + t), 1.0)
    >>> found = tableau_of(line, stencil(2), 0.5, 1.3e-16)
    >>> abs(found.value - np.e) <= 3 * found.error < 1e-11, round(found.observed(0), 1)
    (True, 2.0)
    """
    steps = tableau_steps(first)
    level: Sequence[float] = [difference(row, line, h) for h in steps]
    columns: list[tuple[float, ...]] = [tuple(level)]
    changes: list[tuple[float, ...]] = [()]
    for entries, distances in tableau_columns(level, row):
        columns.append(tuple(float(entry) for entry in entries))
        changes.append(tuple(float(distance) for distance in distances))
    places = [
        (changes[j][i], i + j, j)
        for j in range(1, len(columns))
        for i in range(len(columns[j]))
        if isfinite(changes[j][i])
    ]
    change, at, column = min(places, default=(nan, len(steps) - 1, 0))
    value = columns[column][at - column]
    floor = LIKELY * noise * row.noise_gain / steps[at] ** row.derivative
    error = change + floor + float(np.spacing(abs(value)))
    return Tableau(row, tuple(steps), tuple(columns), tuple(changes), (at, column), value, error)
