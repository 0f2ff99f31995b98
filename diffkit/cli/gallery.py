"""``diffkit gallery``: render the pictures, check their numbers, write ``index.html``.

Every page of the gallery is a script with a lesson, a picture and numbers that must hold.  The
command runs the scripts in parallel processes, saves each picture as PNG and SVG in light and
dark, and writes one offline page that shows them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from diffkit.cli.shared import choose, on_terminal, suggest, write_json, write_rows
from diffkit.errors import InputError

if TYPE_CHECKING:
    from diffkit.cli.gallery_run import Result

__all__ = ["gallery"]

EXAMPLES = """\b
Examples:
  diffkit gallery
  diffkit gallery --list
  diffkit gallery --only ulps --out pictures
  diffkit gallery --check --json"""


@click.command(epilog=EXAMPLES)
@click.option("--only", metavar="NAME", multiple=True, help="Only this page (may be repeated).")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("gallery-out"),
    show_default=True,
    help="Folder for the pictures and index.html.",
)
@click.option("--list", "list_only", is_flag=True, help="List the pages and draw nothing.")
@click.option("--check", is_flag=True, help="Check the numbers under the pictures; draw nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--dark", is_flag=True, help="Let index.html open in its dark form.")
@click.option(
    "--scripts",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with scripts plot_*.py of your own [those of diffkit].",
)
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Processes [one per core].")
def gallery(
    only: tuple[str, ...],
    out: Path,
    list_only: bool,
    check: bool,
    as_json: bool,
    dark: bool,
    scripts: Path | None,
    jobs: int | None,
) -> None:
    """Render the gallery of pictures and check the number under each of them."""
    from diffkit.cli.gallery_run import Work

    if list_only and check:
        raise InputError("--list and --check exclude each other", hint="give one of them.")
    chosen = _chosen(only, scripts)
    if list_only:
        results = _listed(chosen, jobs)
        _write_list(results, as_json)
    elif check:
        results = _run(chosen, Work(), jobs)
        _write_checks(results, as_json)
    else:
        results = _run(chosen, Work(pictures=_prepared(out)), jobs)
        _write_pictures(results, out, dark, as_json)
    _name_failures(results)
    raise click.exceptions.Exit(0 if all(result.held for result in results) else 1)


def _chosen(only: tuple[str, ...], folder: Path | None) -> list[Path]:
    """The scripts asked for, by page name or by file name."""
    from diffkit.cli.gallery_run import find_scripts

    scripts = find_scripts(folder)
    if not scripts:
        raise InputError(f"there is no script plot_*.py in {folder}", hint="see --scripts.")
    if not only:
        return scripts
    by_name = {path.stem.removeprefix("plot_"): path for path in scripts}
    pages = {name: path for path in scripts if (name := _page_name(path))}
    names = {path.stem: path for path in scripts} | by_name | pages
    chosen = [
        names[choose(name, names, "page", hint="see diffkit gallery --list.")] for name in only
    ]
    return list(dict.fromkeys(chosen))


def _page_name(path: Path) -> str | None:
    """The name in ``PAGE = Page("name", …)``, read without running the script."""
    from diffkit.plots.pages import written_page

    with suppress(SyntaxError):  # such a script still goes by its file name
        return written_page(path).get("name")
    return None


def _prepared(out: Path) -> Path:
    """The output folder, made if needed."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write to {out}: {error.strerror}", hint="--out DIR") from error
    return out.resolve()


def _run(scripts: Sequence[Path], work: Any, jobs: int | None) -> list[Result]:
    from diffkit.cli.gallery_run import run_pages

    with _progress(len(scripts)) as advance:
        return run_pages(scripts, work, jobs, advance)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[Result], None]]:
    """A progress bar on standard error, if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("pages", total=total)

        def advance(result: Result) -> None:
            bar.update(task, advance=1, description=result.name)

        yield advance


LIST_KEYS = ("name", "chapter", "title", "concepts")


def _listed(scripts: Sequence[Path], jobs: int | None) -> list[Result]:
    """The pages as written; only a script whose particulars are computed is imported."""
    from diffkit.cli.gallery_run import Result, Work
    from diffkit.plots.pages import written_page

    pages: dict[Path, dict[str, Any]] = {}
    for path in scripts:
        with suppress(SyntaxError):  # importing the script reports the error with its line
            pages[path] = written_page(path)
    written = {path: page for path, page in pages.items() if page.keys() >= set(LIST_KEYS)}
    others = [path for path in scripts if path not in written]
    found = {path: Result(path, page) for path, page in written.items()}
    if others:
        found |= {result.path: result for result in _run(others, Work(numbers=False), jobs)}
    return [found[path] for path in scripts]


def _write_list(results: Sequence[Result], as_json: bool) -> None:
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
        from rich.table import Table

        table = Table("page", "chapter", "lesson", box=None, pad_edge=False, header_style="bold")
        for result in known:
            table.add_row(result.name, result.page["chapter"], result.page["title"])
        _console().print(table)
        suggest(f"diffkit gallery --only {known[0].name}" if known else "diffkit gallery")
    else:
        write_rows(
            ["name", "chapter", "title"],
            [(result.name, result.page["chapter"], result.page["title"]) for result in known],
        )


def _write_checks(results: Sequence[Result], as_json: bool) -> None:
    """Every claim, with whether it held."""
    rows = [row for result in results for row in _claims(result)]
    if as_json:
        write_json([{key: row[key] for key in (*CLAIM_KEYS, "at_most")} for row in rows])
    elif on_terminal():
        for result in results:
            _print_claims(result)
        held = sum(row["held"] for row in rows)
        click.echo(f"{held} of {len(rows)} numbers held")
        suggest("diffkit gallery")
    else:
        bounds = [
            f"at most {row['expected']}" if row["at_most"] else row["expected"] for row in rows
        ]
        shown = [row | {"expected": bound} for row, bound in zip(rows, bounds, strict=True)]
        write_rows(CLAIM_KEYS, [[row[key] for key in CLAIM_KEYS] for row in shown])


CLAIM_KEYS = ("name", "claim", "expected", "got", "tolerance", "source", "held")


def _claims(result: Result) -> list[dict[str, Any]]:
    """The claims of a page; a page that failed has one, which did not hold."""
    if not result.error:
        return result.claims
    failed = dict.fromkeys(CLAIM_KEYS) | {"name": result.name, "claim": "the page runs"}
    return [failed | {"source": result.error, "held": False, "at_most": False}]


def _print_claims(result: Result) -> None:
    from rich.text import Text

    console = _console()
    console.print(Text(result.page.get("title") or result.name, style="bold"))
    for claim, sentence in zip(result.claims, result.sentences, strict=True):
        mark = Text("  ✓ ", style="green") if claim["held"] else Text("  ✗ ", style="bold red")
        bound = f" (at most {claim['expected']})" if claim["at_most"] and claim["held"] else ""
        console.print(mark + Text(f"{sentence}{bound}"))
        if not claim["held"]:
            console.print(Text(f"    {_gap(claim)}"))
    if result.error:
        console.print(Text("  ✗ ", style="bold red") + Text(result.error))
    console.print()


def _write_pictures(results: Sequence[Result], out: Path, dark: bool, as_json: bool) -> None:
    """The index, and a line for each page."""
    from diffkit.cli.gallery_index import write_index

    index = write_index(results, out, dark)
    if as_json:
        write_json([_picture(result, out) for result in results])
        return
    if not on_terminal():
        rows = [_picture(result, out) for result in results]
        write_rows(PICTURE_KEYS, [[row[key] for key in PICTURE_KEYS] for row in rows])
        return
    from rich.table import Table
    from rich.text import Text

    table = Table("", "page", "lesson", box=None, pad_edge=False, header_style="bold")
    table.add_column("time", justify="right")
    for result in results:
        mark = Text("✓", style="green") if result.held else Text("✗", style="bold red")
        title = result.page.get("title") or "failed"
        table.add_row(mark, result.name, title, f"{result.seconds:.1f} s")
    _console().print(table)
    held = sum(claim["held"] for result in results for claim in result.claims)
    claims = sum(len(result.claims) for result in results)
    click.echo(f"\n{held} of {claims} numbers held; open {index}")
    suggest("diffkit gallery --check")


PICTURE_KEYS = ("name", "held", "seconds", "picture", "error")


def _picture(result: Result, out: Path) -> dict[str, Any]:
    return {
        "name": result.name,
        "held": result.held,
        "seconds": result.seconds,
        "picture": None if result.error else str(out / f"{result.name}.png"),
        "error": result.error,
    }


def _name_failures(results: Sequence[Result]) -> None:
    """One line on standard error for each page that failed or whose numbers did not hold."""
    for result in results:
        if result.error:
            click.echo(f"{result.path.name} failed: {result.error}", err=True)
        for claim in result.claims:
            if not claim["held"]:
                name = result.path.name
                click.echo(f"{name}: did not hold: {claim['claim']}: {_gap(claim)}", err=True)


def _gap(claim: dict[str, Any]) -> str:
    """What was claimed and what came out."""
    relation = "at most" if claim["at_most"] else "expected"
    margin = f" ± {claim['tolerance']}" if claim["tolerance"] and relation == "expected" else ""
    return f"{relation} {claim['expected']}{margin}, got {claim['got']}"


def _console() -> Any:
    from rich.console import Console

    return Console(highlight=False)
