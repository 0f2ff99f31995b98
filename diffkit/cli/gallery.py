"""``diffkit gallery``: render the pictures, check their numbers, write ``index.html``.

Every page of the gallery is a script with a lesson, a picture and numbers that must hold.  The
command runs the scripts in parallel processes, saves each picture in light and dark, and writes
one offline page that shows them all.  What was drawn is kept: a page is drawn again when its
script, the library, its data or a version has changed, so a second run takes seconds and a run
that was stopped goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from diffkit.cli.candidates import chapters, listed, named, pages
from diffkit.cli.shared import choose, working
from diffkit.errors import InputError

if TYPE_CHECKING:
    from diffkit.cli.gallery_run import Result, Work

__all__ = ["gallery"]

EXAMPLES = """\b
Examples:
  diffkit gallery --open
  diffkit gallery --list
  diffkit gallery --only ulps --out pictures --formats svg,pdf
  diffkit gallery --chapter Cost --fresh
  diffkit gallery --check --json

Exit codes: 0 all numbers hold, 1 one does not or a script failed, 2 the input was
wrong, 130 stopped with Ctrl-C (the same command goes on from there)."""

INTERRUPTED = 130  # 128 + SIGINT, the convention of POSIX shells
MANY = 10  # so many pages are worth compiling the machine's kernels first
USUAL_SECONDS = 3.0  # of a page that was never drawn here, to tell the time left


@click.command(epilog=EXAMPLES)
@click.option("--only", metavar="NAME", multiple=True, shell_complete=named(pages),
              help="Only this page (may be repeated).")  # fmt: skip
@click.option("--chapter", metavar="NAME", multiple=True, shell_complete=named(chapters),
              help="Only this chapter, or its number.")  # fmt: skip
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("gallery-out"),
    show_default=True,
    help="Folder for the pictures and index.html.",
)
@click.option("--formats", default="png,svg", show_default=True, help="Of png, svg and pdf.",
              shell_complete=listed(lambda: ("png", "svg", "pdf")))  # fmt: skip
@click.option("--list", "list_only", is_flag=True, help="List the pages and draw nothing.")
@click.option("--check", is_flag=True, help="Compute the numbers again; draw nothing.")
@click.option("--cached", is_flag=True, help="With --check: numbers that are kept will do.")
@click.option("--fresh", is_flag=True, help="Draw everything again, whatever is kept.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--dark", is_flag=True, help="Let index.html open in its dark form.")
@click.option("--open", "open_index", is_flag=True, help="Show index.html in the browser.")
@click.option(
    "--scripts",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with scripts plot_*.py of your own [those of diffkit].",
)
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Processes [one per core].")
def gallery(
    only: tuple[str, ...],
    chapter: tuple[str, ...],
    out: Path,
    formats: str,
    list_only: bool,
    check: bool,
    cached: bool,
    fresh: bool,
    as_json: bool,
    dark: bool,
    open_index: bool,
    scripts: Path | None,
    jobs: int | None,
) -> None:
    """Render the gallery of pictures and check the number under each of them."""
    from diffkit.cli import gallery_output as output
    from diffkit.cli.gallery_run import Work
    from diffkit.plots.render_cache import default_folder

    _check_flags(list_only, check, cached, fresh)
    wanted = _formats(formats)
    chosen = _chosen(only, chapter, scripts)
    if list_only:
        results = _listed(chosen, jobs)
        output.write_list(results, as_json)
        _finish(results)
    _warm(len(chosen) if scripts is None else 0)
    if check:
        results, stopped = _run(chosen, Work(cache=default_folder() if cached else None), jobs)
        output.write_checks(results, as_json)
    else:
        work = Work(pictures=_prepared(out), formats=wanted, cache=default_folder(), fresh=fresh)
        results, stopped = _run(chosen, work, jobs)
        index = output.write_pictures(results, out, dark, as_json)
        if open_index and not stopped:
            _show(index)
    if stopped:
        output.tell_stopped(len(results), len(chosen), kept=not check)
        raise click.exceptions.Exit(INTERRUPTED)
    _finish(results)


def _finish(results: Sequence[Result]) -> None:
    """Name what failed, and end with the exit code that says whether all held."""
    from diffkit.cli.gallery_output import name_failures

    name_failures(results)
    raise click.exceptions.Exit(0 if all(result.held for result in results) else 1)


def _check_flags(list_only: bool, check: bool, cached: bool, fresh: bool) -> None:
    if list_only and check:
        raise InputError("--list and --check exclude each other", hint="give one of them.")
    if cached and not check:
        raise InputError("--cached goes with --check", hint="pictures are kept without it.")
    if fresh and (cached or list_only):
        other = "--cached" if cached else "--list"
        raise InputError(f"--fresh and {other} exclude each other", hint="give one of them.")


def _formats(text: str) -> tuple[str, ...]:
    """The formats asked for; index.html needs PNG or SVG, so PDF alone brings PNG with it."""
    from diffkit.plots.rendered import FORMATS

    names = [word.strip().lower() for word in text.split(",") if word.strip()]
    if not names:
        raise InputError("--formats names no format", hint="--formats png,svg,pdf")
    chosen = {choose(name, FORMATS, "format") for name in names}
    return tuple(name for name in FORMATS if name in chosen or (name, chosen) == ("png", {"pdf"}))


# -- which pages ----------------------------------------------------------------------------------


def _chosen(only: Sequence[str], chapters: Sequence[str], folder: Path | None) -> list[Path]:
    """The scripts asked for, by page name or by file name, and by chapter."""
    from diffkit.cli.gallery_run import find_scripts, written

    scripts = find_scripts(folder)
    if not scripts:
        raise InputError(f"there is no script plot_*.py in {folder}", hint="see --scripts.")
    pages = {path: written(path) for path in scripts}
    if chapters:
        scripts = _of_chapters(chapters, pages)
    if not only:
        return scripts
    by_file = {path.stem.removeprefix("plot_"): path for path in scripts}
    by_name = {name: path for path in scripts if (name := pages[path].get("name"))}
    names = {path.stem: path for path in scripts} | by_file | by_name
    what = f"page in chapter {', '.join(chapters)}" if chapters else "page"
    chosen = [names[choose(name, names, what, hint="see diffkit gallery --list.")] for name in only]
    return list(dict.fromkeys(chosen))


def _of_chapters(wanted: Sequence[str], pages: Mapping[Path, dict[str, Any]]) -> list[Path]:
    """The scripts of these chapters, named or numbered; case does not matter."""
    from diffkit.plots.chapters import CHAPTERS

    names = {
        page["chapter"].lower(): page["chapter"] for page in pages.values() if "chapter" in page
    }
    numbers = {str(chapter.number): chapter.name.lower() for chapter in CHAPTERS}
    given = [numbers.get(word.strip().lstrip("0"), word.strip().lower()) for word in wanted]
    hint = f"there are {', '.join(names.values())}."
    chosen = {names[choose(name, names, "chapter", hint)] for name in given}
    return [path for path, page in pages.items() if page.get("chapter") in chosen]


LIST_KEYS = ("name", "chapter", "title", "concepts")


def _listed(scripts: Sequence[Path], jobs: int | None) -> list[Result]:
    """The pages as written; only a script whose particulars are computed is imported."""
    from diffkit.cli.gallery_run import Result, Work, written

    pages = {path: written(path) for path in scripts}
    found = {
        path: Result(path, page) for path, page in pages.items() if page.keys() >= set(LIST_KEYS)
    }
    others = [path for path in scripts if path not in found]
    if others:
        results, _ = _run(others, Work(numbers=False), jobs)
        found |= {result.path: result for result in results}
    return [found[path] for path in scripts if path in found]


# -- running them ---------------------------------------------------------------------------------


def _prepared(out: Path) -> Path:
    """The output folder, made if needed."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write to {out}: {error.strerror}", hint="--out DIR") from error
    return out.resolve()


def _warm(pages: int) -> None:
    """Compile the machine's kernels first where many pages will want them."""
    from diffkit.engines.machine import background, storing

    if pages < MANY or not background.is_wanted() or not storing.is_writable():
        return
    if not all(storing.stored_info()["families"].values()):
        from diffkit.engines.machine.warming import warm_up

        with working("compiling the machine's kernels, once per computer"):
            warm_up()


def _run(scripts: Sequence[Path], work: Work, jobs: int | None) -> tuple[list[Result], bool]:
    """The results in the order of the scripts, and whether the run was stopped."""
    from diffkit.cli.gallery_run import Stopped, run_pages
    from diffkit.plots import render_cache

    kept = _kept(scripts, work)
    missing = [path for path in scripts if path not in kept]
    folder = work.cache or render_cache.default_folder()
    lengths = {path: render_cache.known_seconds(folder, path) or USUAL_SECONDS for path in missing}
    stopped = False
    try:
        with _progress(lengths) as advance:
            results = run_pages(missing, work, jobs, advance, lengths)
    except Stopped as stop:
        results, stopped = stop.results, True
    if work.cache is not None:
        render_cache.prune(work.cache)
    found = kept | {result.path: result for result in results}
    return [found[path] for path in scripts if path in found], stopped


def _kept(scripts: Sequence[Path], work: Work) -> dict[Path, Result]:
    """The results of pages that need no drawing, their pictures written."""
    from diffkit.cli.gallery_run import Result, fill, formats_of
    from diffkit.plots import render_cache

    if work.cache is None or work.fresh:
        return {}
    found = {}
    for path in scripts:
        page = render_cache.load(work.cache, path)
        if page is not None and page.has(formats_of(page.page.name, work)):
            found[path] = fill(Result(path), replace(page, cached=True), work)
    return found


@contextmanager
def _progress(lengths: Mapping[Path, float]) -> Iterator[Callable[[Result], None]]:
    """A bar on standard error with pages done and time left, if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.progress import TimeRemainingColumn as Left

    columns = (
        TextColumn("{task.fields[done]} of {task.fields[pages]} pages"),
        *(BarColumn(bar_width=24), TimeElapsedColumn(), TextColumn("left", style="dim"), Left()),
        TextColumn("{task.description}", style="dim"),
    )
    console = Console(stderr=True)
    hidden = not (console.is_terminal and lengths)
    with Progress(*columns, console=console, transient=True, disable=hidden) as bar:
        task = bar.add_task("", total=sum(lengths.values()), done=0, pages=len(lengths))
        done: list[str] = []

        def advance(result: Result) -> None:
            done.append(result.name)
            bar.update(task, advance=lengths[result.path], description=result.name, done=len(done))

        yield advance


def _show(index: Path) -> None:
    """Open the index in the browser; where there is none, its path has been printed."""
    import webbrowser

    if not webbrowser.open(index.resolve().as_uri()):
        click.echo(f"there is no browser to open {index}", err=True)
