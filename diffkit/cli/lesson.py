"""``diffkit lesson NAME``: a hand-out of a chapter, as one HTML file or as a Jupyter notebook.

A lesson has questions to begin with, the chapter's pictures with the numbers that prove them, its
formulas, a few lines of code, exercises with solutions, and sources.  What the gallery has drawn
before is used, so that a lesson takes seconds after ``diffkit gallery``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from diffkit.cli.candidates import lessons as lesson_names
from diffkit.cli.candidates import named
from diffkit.cli.shared import choose, on_terminal, suggest, write_json, write_rows, writing
from diffkit.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from diffkit.cli.lesson_pictures import Script
    from diffkit.cli.lessons import Lesson

__all__ = ["lesson"]

EXAMPLES = """\b
Examples:
  diffkit lesson --list
  diffkit lesson derivatives --open
  diffkit lesson kinks losses --out handouts
  diffkit lesson descent --notebook
  diffkit lesson --all

Solutions are folded away on the screen and stand on the last pages on paper: print the
page from the browser.

Exit codes: 0 done, 1 a picture failed or a number did not hold, 2 the input was wrong, 130
stopped with Ctrl-C (what was drawn is kept: the same command goes on from there)."""


@click.command(epilog=EXAMPLES)
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=named(lesson_names))
@click.option("--all", "every", is_flag=True, help="All lessons.")
@click.option("--list", "list_only", is_flag=True, help="List the lessons and write nothing.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("lessons"),
    show_default=True,
    help="Folder for NAME.html or NAME.ipynb.",
)
@click.option("--notebook", is_flag=True, help="Write Jupyter notebooks instead of pages.")
@click.option("--dark", is_flag=True, help="Let the pages open in their dark form.")
@click.option("--open", "open_pages", is_flag=True, help="Show what was written in the browser.")
@click.option("--json", "as_json", is_flag=True, help="With --list: print JSON.")
def lesson(
    names: tuple[str, ...],
    every: bool,
    list_only: bool,
    out: Path,
    notebook: bool,
    dark: bool,
    open_pages: bool,
    as_json: bool,
) -> None:
    """Write the hand-out of a chapter of the gallery, with exercises and solutions.

    NAME is that of --list, or the chapter's name or number.
    """
    if as_json and not list_only:
        raise InputError("--json goes with --list", hint="diffkit lesson --list --json")
    lessons = _chosen(names, every or list_only)
    if list_only:
        _list(lessons, as_json)
        return
    _prepare(out)
    held = True
    for each in lessons:
        path, all_held = _write_notebook(each, out, dark) if notebook else _write(each, out, dark)
        held &= all_held
        click.echo(path)
        if open_pages:
            _show(path)
    suggest(f"jupyter lab {out}" if notebook else f"diffkit lesson {lessons[0].name} --notebook")
    raise click.exceptions.Exit(0 if held else 1)


def _chosen(names: tuple[str, ...], every: bool) -> list[Lesson]:
    from diffkit.cli.lessons import LESSONS, lesson_named

    if not names and not every:
        raise InputError("which lesson?", hint=f"there are {', '.join(LESSONS)}; or --all.")
    wanted = [choose(_of_chapter(name), LESSONS, "lesson") for name in names] or LESSONS
    return [lesson_named(name) for name in dict.fromkeys(wanted)]


def _of_chapter(name: str) -> str:
    """The lesson of a chapter that is named or numbered; any other name as it is."""
    from diffkit.cli.lessons import LESSONS
    from diffkit.plots.chapters import CHAPTERS

    known = {
        word: lesson
        for chapter, lesson in zip(CHAPTERS, LESSONS, strict=True)
        for word in (chapter.name.lower(), str(chapter.number))
    }
    return known.get(name.strip().lower().lstrip("0"), name.strip().lower())


# -- the list -------------------------------------------------------------------------------------


def _list(lessons: list[Lesson], as_json: bool) -> None:
    rows = [_row(each) for each in lessons]
    if as_json:
        write_json({"schema": 1, "lessons": rows})
    elif on_terminal():
        _print_table(rows)
        suggest(f"diffkit lesson {lessons[0].name} --open")
    else:
        header = ("name", "chapter", "pictures", "exercises", "opening")
        write_rows(
            header,
            ([row[key] if key != "pictures" else len(row[key]) for key in header] for row in rows),
        )


def _row(each: Lesson) -> dict[str, Any]:
    from diffkit.cli.gallery_run import written

    return {
        "name": each.name,
        "chapter": each.chapter.name,
        "opening": each.chapter.opening,
        "pictures": [written(path).get("name", path.stem) for path in each.scripts()],
        "exercises": len(each.exercises),
    }


def _print_table(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("name", style="bold")
    table.add_column("chapter")
    table.add_column("pictures", justify="right")
    table.add_column("exercises", justify="right")
    for row in rows:
        table.add_row(row["name"], row["chapter"], str(len(row["pictures"])), str(row["exercises"]))
    Console().print(table)


# -- writing --------------------------------------------------------------------------------------


def _prepare(out: Path) -> None:
    """Make the folder, or say why nothing can be written there."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot write to {out}: {error.strerror}", hint="give another folder with --out."
        ) from None


def _save(path: Path, text: str) -> Path:
    with writing():
        path.write_text(text, encoding="utf-8")
    return path


def _write(each: Lesson, out: Path, dark: bool) -> tuple[Path, bool]:
    from diffkit.cli.lesson_page import lesson_page
    from diffkit.cli.lesson_pictures import draw

    scripts = each.scripts()
    with _progress(each.name, len(scripts)) as finished:
        drawn = draw(scripts, finished)
    path = _save(out / f"{each.name}.html", lesson_page(each, drawn, dark))
    _tell(each, drawn)
    return path, _held(each) and all(script.held for script in drawn)


def _write_notebook(each: Lesson, out: Path, dark: bool) -> tuple[Path, bool]:
    from diffkit.cli.lesson_notebook import lesson_notebook

    path = _save(out / f"{each.name}.ipynb", lesson_notebook(each, dark))
    _tell(each, [])
    return path, _held(each)


def _held(each: Lesson) -> bool:
    return all(claim.held for claim in each.claims)


def _tell(each: Lesson, drawn: list[Script]) -> None:
    """One line on standard error for everything that failed or did not hold."""
    for script in drawn:
        if script.page is None:
            click.echo(f"{script.path.name} failed: {script.error}", err=True)
        elif not script.held:
            click.echo(f"{script.path.name}: a number did not hold", err=True)
    for claim in each.claims:
        if not claim.held:
            click.echo(
                f"{each.name}: exercise {claim.name}: {claim.claim} is {claim.got}, "
                f"not {claim.expected}",
                err=True,
            )


@contextmanager
def _progress(name: str, pages: int) -> Iterator[Callable[[int], None]]:
    """A bar on standard error, if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description} {task.completed} of {task.total} pictures"),
        *(BarColumn(bar_width=24), TimeElapsedColumn()),
    )
    hidden = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
        task = bar.add_task(name, total=pages)
        yield lambda done: bar.update(task, completed=done)


def _show(path: Path) -> None:
    import webbrowser

    if not webbrowser.open(path.resolve().as_uri()):
        click.echo(f"there is no browser to open {path}", err=True)
