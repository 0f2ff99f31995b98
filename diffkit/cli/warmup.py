"""``diffkit warmup``: compile the machine's kernels, once per computer.

Each kernel is compiled by Numba and kept as object code (``engines/machine/warming.py``), over all
cores; a bar counts kernels.  A second run finds everything in place and says so.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import click

from diffkit.cli.shared import SCHEMA, on_terminal, suggest, write_json
from diffkit.engines.machine import storing
from diffkit.engines.machine.background import lower_priority
from diffkit.engines.machine.warming import FamilyBuilt, KernelBegun, Report, WarmUp, warm_up
from diffkit.errors import InputError

__all__ = ["readable_size", "warmup"]

EXAMPLES = """\b
Examples:
  diffkit warmup
  diffkit warmup --json
  DIFFKIT_CACHE_DIR=/tmp/diffkit diffkit warmup

The kernels go to the cache folder, DIFFKIT_CACHE_DIR or the user's own. Until they are there,
programs run on the interpreter and have them compiled in the background, once; DIFFKIT_WARMUP=0
turns that off."""

HEADER = ("family", "kernels", "bytes", "seconds")


@click.command(epilog=EXAMPLES)
@click.option("--json", "as_json", is_flag=True, help="Print JSON: what was compiled, and where.")
@click.option("--background", is_flag=True, hidden=True)
def warmup(as_json: bool, background: bool) -> None:
    """Compile the machine's kernels, so that nothing waits for a compiler later."""
    if background:
        lower_priority()
        warm_up()
        return
    if not storing.is_writable():
        raise InputError(
            f"cannot write to {storing.folder()}",
            hint="set DIFFKIT_CACHE_DIR to a folder that can be written.",
        )
    done = warm_up() if as_json else _with_bar() if sys.stderr.isatty() else _in_lines()
    if as_json:
        write_json(_document(done))
    elif on_terminal():
        click.echo(_sentence(done))
        suggest("diffkit cache info")
    elif not done.built:
        click.echo(_sentence(done), err=True)


def _in_lines() -> WarmUp:
    """One tab-separated line per family, when it is complete."""
    begun = time.perf_counter()
    rows: list[tuple[Any, ...]] = []

    def report(event: KernelBegun | FamilyBuilt) -> None:
        if isinstance(event, FamilyBuilt):
            seconds = round(time.perf_counter() - begun, 1)
            new = [] if rows else [HEADER]
            rows.append((event.family, event.kernels, event.bytes, seconds))
            for row in (*new, rows[-1]):
                click.echo("\t".join(map(str, row)))
            sys.stdout.flush()

    return warm_up(report)


def _with_bar() -> WarmUp:
    """A bar on standard error that counts kernels."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        *(TextColumn("compiling"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()),
        TextColumn("{task.description}", style="dim"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        return warm_up(_moving(bar, bar.add_task("", total=None)))


def _moving(bar: Any, task: Any) -> Report:
    def report(event: KernelBegun | FamilyBuilt) -> None:
        if isinstance(event, KernelBegun):
            told = f"{event.family}: {event.kernel}"
            bar.update(task, completed=event.place - 1, total=event.total, description=told)

    return report


def _sentence(done: WarmUp) -> str:
    where = storing.folder()
    if not done.built:
        size = sum(len(content) for objects in done.objects.values() for content in objects)
        return f"nothing to do: {readable_size(size)} of kernels are in {where}"
    kernels = sum(family.kernels for family in done.built)
    size = sum(family.bytes for family in done.built)
    return (
        f"compiled {kernels} kernels of {len(done.built)} families in {done.seconds:.1f} s; "
        f"{readable_size(size)} are in {where}"
    )


def _document(done: WarmUp) -> dict[str, Any]:
    built = {family.family: family for family in done.built}
    return {
        "schema": SCHEMA,
        "folder": str(storing.folder()),
        "seconds": done.seconds,
        "compiled": sum(family.kernels for family in done.built),
        "kept": done.kept,
        "families": {
            name: {
                "bytes": sum(map(len, objects)),
                "compiled": built[name].kernels if name in built else 0,
            }
            for name, objects in done.objects.items()
        },
    }


def readable_size(size: float) -> str:
    """A number of bytes for people.

    >>> readable_size(345_678)
    '346 kB'
    """
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
