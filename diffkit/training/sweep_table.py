"""A sweep in rows and columns: a table for the terminal, and CSV.

The table has a row for each setting, with mean ± standard deviation over the seeds; the best mean
of each measure is bold.  The CSV has a line for each trial, with nothing rounded.
"""

from __future__ import annotations

import csv
from html import escape
from io import StringIO
from math import isnan
from typing import TYPE_CHECKING, Any

from diffkit.comparison.rendering import plain_text, seconds_text

if TYPE_CHECKING:
    from diffkit.training.sweep import Setting, Sweep

__all__ = ["SweepTable", "csv_text"]

DIGITS = ".4g"
NOTHING = "–"
BETWEEN = " · "  # settings that share a column
MOST_FAILURES = 3  # that are told below a table


class SweepTable:
    """The table of a sweep: ``rich`` prints it in colour, ``print`` plainly."""

    def __init__(self, sweep: Sweep) -> None:
        self.sweep = sweep

    @property
    def header(self) -> list[str]:
        """Settings, measures, and the time of a trial."""
        return [*self.sweep.varied, *self.sweep.measures, "time"]

    def rows(self) -> list[list[str]]:
        """The cells, as text."""
        return [self._cells(setting) for setting in self.sweep.settings]

    def _cells(self, setting: Setting) -> list[str]:
        left = [_label(setting.settings.get(name)) for name in self.sweep.varied]
        time = sum(trial.seconds for trial in setting.trials) / len(setting.trials)
        return [*left, *(_cell(setting, name) for name in self.sweep.measures), seconds_text(time)]

    def best_cells(self) -> set[tuple[int, int]]:
        """Row and column of the best mean of each measure."""
        found, settings = set(), self.sweep.settings
        for place, name in enumerate(self.sweep.measures, len(self.sweep.varied)):
            if any(not isnan(setting.mean(name)) for setting in settings):
                found.add((settings.index(self.sweep.best(name)), place))
        return found

    def notes(self) -> list[str]:
        """What all rows share, and what is missing, in words."""
        failed, names = self.sweep.failed, self.sweep.varied
        first = self.sweep.trials[0].settings if self.sweep.trials else {}
        shared = {name: value for name, value in first.items() if name not in names}
        lines = [f"all with {_words(shared)}"] if shared else []
        lines += [
            f"{_words(t.settings)}, seed {t.seed}: {t.failed}" for t in failed[:MOST_FAILURES]
        ]
        if len(failed) > MOST_FAILURES:
            lines.append(f"and {len(failed) - MOST_FAILURES} more failed")
        if self.sweep.waiting:
            lines.append(f"{self.sweep.waiting} trials were not reached")
        return lines

    def __rich_console__(self, console: Any, options: Any) -> Any:
        from rich.text import Text

        yield self._table(self._needed() > options.max_width)
        for line in self.notes():
            yield Text(line, style="dim")

    def _needed(self) -> int:
        """How many columns of a terminal the table takes in one line for each setting."""
        columns = zip(self.header, *self.rows(), strict=True)
        return sum(max(map(len, column)) + len("  ") for column in columns) - len("  ")

    def _table(self, narrow: bool) -> Any:
        """A column for each setting; where it is narrow, one for all of them, and none for time."""
        from rich import box
        from rich.table import Table
        from rich.text import Text

        settings, best = len(self.sweep.varied), self.best_cells()
        last = settings + len(self.sweep.measures)
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
        if narrow:
            table.add_column(BETWEEN.join(self.header[:settings]))
            for name in self.header[settings:last]:
                table.add_column(name.replace("_", "\n"), justify="right", no_wrap=True)
        for place, name in enumerate([] if narrow else self.header):
            table.add_column(name, justify="left" if place < settings else "right")
        for k, row in enumerate(self.rows()):
            cells = [Text(cell, "bold" if (k, j) in best else "") for j, cell in enumerate(row)]
            one = [Text(BETWEEN.join(row[:settings])), *cells[settings:last]]
            table.add_row(*(one if narrow else cells))
        return table

    def __str__(self) -> str:
        return plain_text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        best = self.best_cells()
        head = "".join(f"<th>{escape(name)}</th>" for name in self.header)
        body = "".join(
            "<tr>" + "".join(_html(cell, (k, j) in best) for j, cell in enumerate(row)) + "</tr>"
            for k, row in enumerate(self.rows())
        )
        notes = "".join(f"<p>{escape(line)}</p>" for line in self.notes())
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{notes}"


def _html(cell: str, best: bool) -> str:
    text = escape(cell)
    return f"<td><b>{text}</b></td>" if best else f"<td>{text}</td>"


def _label(label: Any) -> str:
    return NOTHING if label is None else str(label)


def _words(settings: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_label(label)}" for name, label in settings.items())


def _cell(setting: Setting, measure: str) -> str:
    """Mean ± deviation; the mean alone of one seed."""
    mean = setting.mean(measure)
    if isnan(mean):
        return NOTHING
    text = format(mean, DIGITS)
    return text if len(setting.trials) == 1 else f"{text} ± {setting.spread(measure):.1g}"


def csv_text(sweep: Sweep) -> str:
    """One line for each trial; an empty cell where there is no number."""
    stream = StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*sweep.names, "seed", *sweep.measures, "seconds", "failed"])
    for trial in sweep.trials:
        measures = [trial.measures.get(name) for name in sweep.measures]
        cells = [None if value is None or isnan(value) else repr(value) for value in measures]
        left = [trial.settings.get(name) for name in sweep.names]
        writer.writerow([*left, trial.seed, *cells, repr(trial.seconds), trial.failed])
    return stream.getvalue()
