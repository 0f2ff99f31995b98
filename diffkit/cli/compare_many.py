"""``diffkit compare`` over many cases: one report, resumed where it was stopped.

The rows are those of ``dk.compare_many``.  A finished row is kept at once, so Ctrl-C loses nothing
but the row that was under way; what is there is written, and the exit code is 130.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from diffkit.cli.shared import choose, on_terminal, suggest
from diffkit.errors import InputError

if TYPE_CHECKING:
    from diffkit.comparison.many import ManyComparison

__all__ = ["FORMATS", "STOPPED", "write_report"]

FORMATS = ("table", "html", "json", "csv", "md")
SUFFIXES = {".html": "html", ".htm": "html", ".json": "json", ".csv": "csv", ".md": "md"}
STOPPED = 130  # as after SIGINT in a shell (cli/main.py)


def write_report(
    case: str | None,
    options: dict[str, Any],
    *,
    every: bool,
    sizes: str | None,
    dtype: str | None,
    form: str | None,
    out: str | None,
    resume: str | None,
    budget: float | None,
) -> int | None:
    """Compare many cases, write the report, and give the exit code.

    Raises
    ------
    InputError
        For words that do not fit together, and for files that cannot be written.
    """
    from diffkit.comparison.many import ROW_SECONDS, compare_many
    from diffkit.comparison.many_rows import DTYPES

    if every == (case is not None):
        raise InputError(
            "give --all or --case, not both" if every else "no case was given",
            hint="--all, or --case rosenbrock,hilbert; see diffkit compare --list.",
        )
    if "digits" in options:
        raise InputError("the truth of a report has its own digits", hint="leave --digits out.")
    report = compare_many(
        None if case is None else _case_names(case),
        options.get("methods"),
        _sizes(sizes),
        [choose(name, DTYPES, "dtype") for name in _words(dtype or DTYPES[0])],
        resume,
        progress=sys.stderr.isatty(),
        budget_seconds=budget or ROW_SECONDS,
    )
    _write(report, form or SUFFIXES.get(Path(out or "").suffix, ""), out)
    if report.interrupted:
        again = f"--resume {resume} goes on from here" if resume else "--resume FILE keeps rows"
        click.echo(f"diffkit: stopped after {len(report)} rows; hint: {again}", err=True)
        return STOPPED
    return None


def _words(text: str) -> list[str]:
    return list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


def _case_names(text: str) -> list[str]:
    from diffkit.comparison.cases import CASES

    hint = "see diffkit compare --list."
    return [choose(name, CASES, "case", hint=hint) for name in _words(text)]


def _sizes(text: str | None) -> list[int]:
    try:
        return [int(word) for word in _words(text or "")]
    except ValueError:
        raise InputError(f"--sizes {text!r} are no whole numbers", hint="--sizes 2,10") from None


def _write(report: ManyComparison, form: str, out: str | None) -> None:
    """The report to a file or to standard output; a table for a terminal, else CSV."""
    text = _text(report, form or ("table" if on_terminal() and out is None else "csv"))
    if out is not None:
        _replace(Path(out), text)
        click.echo(f"wrote {out}", err=True)
    elif text:
        click.echo(text.rstrip("\n"))
    else:
        from rich.console import Console

        Console(highlight=False).print(report.table())
        suggest("diffkit compare --all --resume rows.jsonl --out report.html")


def _text(report: ManyComparison, form: str) -> str:
    """The report as text; empty for a table in colour."""
    if form == "table":
        return "" if on_terminal() else f"{report}\n"
    writers = {"html": report.to_html, "csv": report.to_csv, "md": report.to_markdown}
    return writers[form]() if form in writers else report.to_json() + "\n"


def _replace(path: Path, text: str) -> None:
    """Write a file as a whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise InputError(
            f"{path} cannot be written: {error.strerror or error}",
            hint="--out report.html writes into the current folder.",
        ) from None
