"""``diffkit schedules``: how the learning rate runs under each schedule of ``diffkit train``.

On a terminal a row of bars per schedule, all on one linear scale from zero to the largest rate; in
a pipe the rates themselves, a row per update and a column per schedule.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from itertools import pairwise

import click

from diffkit.cli.candidates import named, schedule_names
from diffkit.cli.shared import SCHEMA, choose, on_terminal, suggest, write_json, write_rows
from diffkit.cli.words import hanging

__all__ = ["bars", "schedules"]

EXAMPLES = """\b
Examples:
  diffkit schedules
  diffkit schedules cosine one-cycle --rate 0.1 --updates 500
  diffkit schedules step --json
  diffkit schedules --updates 1000 > rates.tsv"""

RATE, UPDATES, MOST_UPDATES = 0.1, 100, 1_000_000
BLOCKS = " ▁▂▃▄▅▆▇█"
LEAST_BARS, MOST_BARS = 10, 60
WIDE = 55  # columns beside the names from which the largest rate is shown, too
TITLE = "rate over the updates"
NUMBER = 9  # the width of a column of numbers
COLUMNS: dict[str, Callable[[Sequence[float]], float]] = {
    "first": lambda rates: rates[0],
    "largest": max,
    "last": lambda rates: rates[-1],
}


@click.command(epilog=EXAMPLES)
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=named(schedule_names))
@click.option("--rate", type=click.FloatRange(0, min_open=True), metavar="RATE", default=RATE,
              show_default=True, help="The base rate.")  # fmt: skip
@click.option("--updates", type=click.IntRange(2, MOST_UPDATES), metavar="N", default=UPDATES,
              show_default=True, help="How many updates the training has.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON with full precision.")
def schedules(names: tuple[str, ...], rate: float, updates: int, as_json: bool) -> None:
    """Show the learning rate of each update, for the schedules of NAME or for all.

    NAME is one that `diffkit train --schedule` takes.
    """
    from diffkit.training.choices import SCHEDULES

    chosen = [choose(name, SCHEDULES, "schedule") for name in dict.fromkeys(names)] or SCHEDULES
    made = {name: SCHEDULES[name](rate, updates).for_steps(updates) for name in chosen}
    rates = {name: [float(one(step)) for step in range(updates)] for name, one in made.items()}
    if as_json:
        write_json({"schema": SCHEMA, "rate": rate, "updates": updates, "schedules": rates})
    elif on_terminal():
        _print(rates, {name for name, one in made.items() if one.watches})
        suggest(f"diffkit train digits --schedule {next(iter(rates))} --out run")
    else:
        write_rows(["update", *rates], zip(range(updates), *rates.values(), strict=True))


def bars(values: Sequence[float], width: int, top: float) -> str:
    """Numbers as a row of bars between zero and ``top``, each the mean of its neighbours.

    >>> bars([0.0, 0.5, 1.0], 3, 1.0)
    ' ▄█'
    >>> bars([1e-9, 1.0], 2, 1.0)  # nothing but zero is blank
    '▁█'
    """
    edges = [round(place * len(values) / width) for place in range(width + 1)]
    parts = [values[a:b] for a, b in pairwise(edges) if a < b]
    means = [sum(part) / len(part) for part in parts]
    highest = len(BLOCKS) - 1
    return "".join(
        BLOCKS[min(max(round(mean / top * highest), 1), highest)] if mean > 0 else BLOCKS[0]
        for mean in means
    )


def _print(rates: dict[str, list[float]], watching: set[str]) -> None:
    """A row for each schedule: its bars, and the first, the largest and the last rate."""
    columns = shutil.get_terminal_size().columns
    label = max(map(len, [*rates, "schedule"])) + 2
    room = columns - label
    kept = [name for name in COLUMNS if name != "largest" or room >= WIDE]
    width = min(room - (NUMBER + 2) * len(kept), MOST_BARS, len(next(iter(rates.values()))))
    width = max(width, LEAST_BARS)
    top = max(max(values) for values in rates.values())
    click.echo(_row("schedule", label, TITLE[:width], width, kept))
    click.echo("─" * len(_row("", label, "", width, kept)))
    for name, values in rates.items():
        numbers = [f"{COLUMNS[column](values):.3g}" for column in kept]
        click.echo(_row(name, label, bars(values, width, top), width, numbers))
    for name in sorted(watching & rates.keys()):
        note = f"{name} falls when the loss stops falling, which only a training knows"
        click.echo(hanging(note, columns, 0))


def _row(name: str, label: int, drawn: str, width: int, cells: Sequence[str]) -> str:
    return f"{name:{label}}{drawn:{width}}" + "".join(f"  {cell:>{NUMBER}}" for cell in cells)
