"""``diffkit warmup``: compile the machine's kernels, once per computer.

Each kernel is compiled by Numba and kept as object code (``engines/machine/warming.py``), over all
cores; a bar counts kernels.  A second run finds everything in place and says so.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from diffkit.cli.shared import SCHEMA, on_terminal, suggest, write_json, write_rows
from diffkit.errors import InputError

if TYPE_CHECKING:
    from diffkit.engines.machine.warming import FamilyBuilt, KernelBegun, WarmUp

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
    from diffkit.engines.machine import storing, warming
    from diffkit.engines.machine.background import lower_priority

    if background:
        lower_priority()
        warming.warm_up()
        return
    if not storing.is_writable():
        raise InputError(
            f"cannot write to {storing.folder()}",
            hint="set DIFFKIT_CACHE_DIR to a folder that can be written.",
        )
    show = (_quietly if as_json else _with_bar if sys.stderr.isatty() else _in_lines)(warming)
    if as_json:
        write_json(_document(show))
    elif on_terminal():
        click.echo(_sentence(show))
        suggest("diffkit cache info")
    elif not show.built:
        click.echo(_sentence(show), err=True)


def _quietly(warming: Any) -> WarmUp:
    return warming.warm_up()


def _in_lines(warming: Any) -> WarmUp:
    """One tab-separated line per family, when it is complete."""
    import time

    begun, lines = time.perf_counter(), 0

    def report(event: KernelBegun | FamilyBuilt) -> None:
        nonlocal lines
        if isinstance(event, warming.FamilyBuilt):
            seconds = time.perf_counter() - begun
            row = (event.family, event.kernels, event.bytes, round(seconds, 1))
            write_rows(row if lines else HEADER, [row] if not lines else [])
            lines += 1
            sys.stdout.flush()

    return warming.warm_up(report)


def _with_bar(warming: Any) -> WarmUp:
    """A bar on standard error that counts kernels."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        *(TextColumn("compiling"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()),
        TextColumn("{task.description}", style="dim"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        return warming.warm_up(_moving(bar, task, warming))


def _moving(bar: Any, task: Any, warming: Any) -> Callable[[KernelBegun | FamilyBuilt], None]:
    def report(event: KernelBegun | FamilyBuilt) -> None:
        if isinstance(event, warming.KernelBegun):
            told = f"{event.family}: {event.kernel}"
            bar.update(task, completed=event.place - 1, total=event.total, description=told)

    return report


def _sentence(done: WarmUp) -> str:
    from diffkit.engines.machine import storing

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
    from diffkit.engines.machine import storing

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
