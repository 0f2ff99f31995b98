"""What ``diffkit gallery`` prints: the list of pages, the checked numbers, the pictures.

Each has three forms, as everywhere on the command line: a table for a person at a terminal,
tab-separated text for a pipe, JSON on request.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from diffkit.cli.shared import on_terminal, suggest, write_json, write_rows, writing

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from diffkit.cli.gallery_run import Result

__all__ = ["name_failures", "tell_stopped", "write_checks", "write_list", "write_pictures"]

WIDEST = 120  # of the table of numbers: longer lines are hard to follow
GOT, MARK, GAP = 13, 1, 2  # characters of columns whose width is given, and between columns
LIST_KEYS = ("name", "chapter", "title", "concepts")
CLAIM_KEYS = ("name", "claim", "expected", "got", "tolerance", "source", "held")
# Claims that bind on one side only: the sign before them, the same in words, the tolerance's sign.
BOUNDS = {"at_most": ("≤ ", "at most", "+"), "at_least": ("≥ ", "at least", "−")}
PICTURE_KEYS = ("name", "held", "seconds", "cached", "picture", "error")


# -- the list -------------------------------------------------------------------------------------


def write_list(results: Sequence[Result], as_json: bool) -> None:
    """Every page with its chapter and title; as JSON also what its numbers claim."""
    from diffkit.plots.pages import written_claims

    known = [result for result in results if not result.error]
    if as_json:
        write_json(
            [
                {key: result.page[key] for key in LIST_KEYS}
                | {"numbers": written_claims(result.path)}
                for result in known
            ]
        )
    elif on_terminal():
        _print_list(known)
        suggest(f"diffkit gallery --only {known[0].name}" if known else "diffkit gallery")
    else:
        write_rows(
            ["name", "chapter", "title"],
            [(result.name, result.page["chapter"], result.page["title"]) for result in known],
        )


def _print_list(results: Sequence[Result]) -> None:
    """The pages under the names of their chapters, which ``--chapter`` takes by number too."""
    from diffkit.plots.chapters import CHAPTERS

    numbers = {chapter.name: f"{chapter.number} " for chapter in CHAPTERS}
    width = max((len(result.name) for result in results), default=0)
    for chapter, pages in _by_chapter(results):
        _console().print(_text(numbers.get(chapter, "") + chapter, "bold"))
        table = _grid()
        table.add_column(width=width, no_wrap=True)
        table.add_column()
        for result in pages:
            table.add_row("", _text(result.name), _text(result.page["title"]))
        _console().print(table)


def _by_chapter(results: Sequence[Result]) -> list[tuple[str, list[Result]]]:
    grouped = groupby(results, key=lambda result: result.page.get("chapter") or "not read")
    return [(chapter, list(pages)) for chapter, pages in grouped]


# -- the numbers ----------------------------------------------------------------------------------


def write_checks(results: Sequence[Result], as_json: bool) -> None:
    """Every claim, with whether it held."""
    rows = [row for result in results for row in _claims(result)]
    if as_json:
        write_json([{key: row[key] for key in (*CLAIM_KEYS, *BOUNDS)} for row in rows])
    elif on_terminal():
        _print_checks(results)
        held = sum(row["held"] for row in rows)
        click.echo(f"{held} of {len(rows)} numbers held, on {len(results)} pages")
        suggest("diffkit gallery")
    else:
        shown = [row | {"expected": _in_words(row)} for row in rows]
        write_rows(CLAIM_KEYS, [[row[key] for key in CLAIM_KEYS] for row in shown])


def _claims(result: Result) -> list[dict[str, Any]]:
    """The claims of a page; a page that failed has one, which did not hold."""
    if not result.error:
        return result.claims
    failed = dict.fromkeys(CLAIM_KEYS) | {"name": result.name, "claim": "the page runs"}
    return [failed | {"source": result.error, "held": False} | dict.fromkeys(BOUNDS, False)]


def _in_words(claim: dict[str, Any]) -> Any:
    """What was expected, a bound with its words."""
    words = [words for key, (_, words, _) in BOUNDS.items() if claim[key]]
    return f"{words[0]} {claim['expected']}" if words else claim["expected"]


def _print_checks(results: Sequence[Result]) -> None:
    """For each page what is claimed, what came out, what it should be, and who says so."""
    console = _console()
    width = min(console.width, WIDEST)
    heading = _claim_table(width)
    heading.add_row("", *(_text(word, "bold") for word in ("claim", "got", "claimed", "source")))
    console.print(heading)
    for result in results:
        console.print(_text(f"\n{result.name} · {result.page.get('title') or 'failed'}", "bold"))
        table = _claim_table(width)
        for claim in result.claims:
            _add_claim(table, claim)
        console.print(table)
        if result.error:
            console.print(_mark(False) + _text(f" {result.error}"))
    console.print()


def _claim_table(width: int) -> Table:
    """An empty table whose columns stand at the same places on every page."""
    words = width - MARK - GOT - 4 * GAP
    claimed = words // 4
    source = words // 4
    table = _grid()
    table.width = width
    table.add_column(width=words - claimed - source, overflow="fold")
    table.add_column(width=GOT, justify="right", overflow="fold")
    table.add_column(width=claimed, justify="right", overflow="fold")
    table.add_column(width=source, style="dim", overflow="fold")
    return table


def _add_claim(table: Table, claim: dict[str, Any]) -> None:
    held = claim["held"]
    table.add_row(
        _mark(held),
        _text(claim["claim"]),
        _text(shown(claim["got"]), "" if held else "bold red"),
        _text(bound(claim)),
        _text(claim["source"]),
    )


def shown(value: Any) -> str:
    """A number, or several, as a person reads it.

    >>> shown([4, 0.123456789, None])
    '4, 0.123457, not finite'
    """
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value))
    if value is None:
        return "not finite"
    return f"{int(value):,}" if float(value).is_integer() else f"{value:.6g}"


def bound(claim: dict[str, Any]) -> str:
    """What a number should be.

    >>> bound({"expected": 2.0, "tolerance": 0.05, "at_most": False, "at_least": False})
    '2 ± 0.05'
    >>> bound({"expected": 1.0, "tolerance": 0.0, "at_most": True, "at_least": False})
    '≤ 1'
    """
    signs = [(before, after) for key, (before, _, after) in BOUNDS.items() if claim[key]]
    relation, sign = signs[0] if signs else ("", "±")
    margin = f" {sign} {shown(claim['tolerance'])}" if claim["tolerance"] else ""
    return f"{relation}{shown(claim['expected'])}{margin}"


# -- the pictures ---------------------------------------------------------------------------------


def write_pictures(results: Sequence[Result], out: Path, dark: bool, as_json: bool) -> Path:
    """Write the index of all that stands in ``out``, print a line for each of these pages.

    Returns the path of the index.
    """
    from diffkit.cli.gallery_folder import all_pages, record
    from diffkit.cli.gallery_index import write_index

    pages = all_pages(results, out)
    with writing():
        index = write_index(pages, out, dark)
        record(pages, out)
    if as_json:
        write_json([_picture(result, out) for result in results])
    elif on_terminal():
        _print_pictures(results, index, len(pages))
    else:
        rows = [_picture(result, out) for result in results]
        write_rows(PICTURE_KEYS, [[row[key] for key in PICTURE_KEYS] for row in rows])
    return index


def _print_pictures(results: Sequence[Result], index: Path, pages_there: int) -> None:
    for chapter, pages in _by_chapter(results):
        _console().print(_text(chapter, "bold"))
        table = _grid()
        table.add_column(overflow="fold")
        table.add_column(justify="right", no_wrap=True)
        for result in pages:
            took = "kept" if result.cached else f"{result.seconds:.1f} s"
            title = result.page.get("title") or f"{result.name} failed"
            table.add_row(_mark(result.held), _text(title), _text(took, "dim"))
        _console().print(table)
    held = sum(claim["held"] for result in results for claim in result.claims)
    claims = sum(len(result.claims) for result in results)
    kept = sum(result.cached for result in results)
    drawn = len(results) - kept
    what = f"{drawn} page{'' if drawn == 1 else 's'} drawn, {kept} kept"
    click.echo(f"\n{held} of {claims} numbers held; {what}")
    others = pages_there - len(results)
    beside = f" (all {pages_there} pages that stand there)" if others else ""
    click.echo(f"open {index}{beside}")
    suggest("diffkit gallery --check")


def _picture(result: Result, out: Path) -> dict[str, Any]:
    suffix = result.formats[0] if result.formats else "png"
    return {
        "name": result.name,
        "held": result.held,
        "seconds": result.seconds,
        "cached": result.cached,
        "picture": None if result.error else str(out / f"{result.name}.{suffix}"),
        "error": result.error,
    }


# -- what went wrong ------------------------------------------------------------------------------


def name_failures(results: Sequence[Result]) -> None:
    """One line on standard error for each page that failed or whose numbers did not hold."""
    for result in results:
        if result.error:
            click.echo(f"{result.path.name} failed: {result.error}", err=True)
        for claim in result.claims:
            if not claim["held"]:
                name = result.path.name
                click.echo(f"{name}: did not hold: {claim['claim']}: {_gap(claim)}", err=True)


def _gap(claim: dict[str, Any]) -> str:
    """What was claimed and what came out, with all digits."""
    bounded = any(claim[key] for key in BOUNDS)
    margin = f" ± {claim['tolerance']}" if claim["tolerance"] and not bounded else ""
    wanted = _in_words(claim) if bounded else f"expected {claim['expected']}"
    return f"{wanted}{margin}, got {claim['got']}"


def tell_stopped(done: int, pages: int, kept: bool) -> None:
    """Say on standard error what a run that was stopped leaves, and how to go on."""
    then = "the same command goes on from there" if kept else "nothing was kept, as with --check"
    click.echo(f"stopped: {done} of {pages} pages are done; {then}.", err=True)


# -- helpers --------------------------------------------------------------------------------------


def _grid() -> Table:
    """A table without lines that begins with the column of the marks."""
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, GAP, 0, 0))
    table.add_column(width=MARK)
    return table


def _mark(held: bool) -> Text:
    return _text("✓", "green") if held else _text("✗", "bold red")


def _text(words: str, style: str = "") -> Text:
    """Words as they are: square brackets are no markup."""
    from rich.text import Text

    return Text(words, style=style)


def _console() -> Any:
    from rich.console import Console

    return Console(highlight=False)
