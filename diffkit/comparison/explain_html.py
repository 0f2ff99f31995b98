"""An explanation as HTML, for a notebook or a file: no script, no font and no address outside.

Arrays fold out to their numbers, and loops to their first steps.  Colours follow the
theme of a notebook, or else the reader's light or dark setting; everything is inside one element,
so that the page around it keeps its own look.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.comparison.explain_rows import Row
from diffkit.comparison.explain_table import closing_lines, heading_of, left_out, step_rows, titles
from diffkit.comparison.explain_text import exact_text
from diffkit.graph.notebook import themed
from diffkit.graph.printing import abridged

if TYPE_CHECKING:
    from diffkit.comparison.explaining import Explanation

__all__ = ["page_of", "to_html"]

LIMIT = 200
"""Rows of a table unless told otherwise; the middle of a longer one is left out."""

SHOWN_ENTRIES = 200
"""Entries of an array that fold out; of a larger one NumPy shows the corners."""

LIGHT = """--paper: #FFFFFF; --ink: #1A1A1A; --soft: #5B6470; --rule: #D5DBE1;
  --band: #F4F6F8; --tangent: #1F5FA8; --adjoint: #B34E00;"""
DARK = """--paper: #14181D; --ink: #F2F2F2; --soft: #A9B3BD; --rule: #39424C;
  --band: #1C2229; --tangent: #6AA9F4; --adjoint: #FF8A4C;"""
STYLE = """
.dk-explain { color: var(--ink); background: var(--paper); max-width: 62rem; padding: 0.6rem 1rem;
  font: 14px/1.45 system-ui, 'DejaVu Sans', sans-serif; }
.dk-explain h3 { font-size: 1.05rem; font-weight: 700; margin: 0.2rem 0 0.5rem;
  overflow-wrap: anywhere; }
.dk-explain h4 { font-size: 0.95rem; font-weight: 700; margin: 1.1rem 0 0.3rem; }
.dk-explain .tangent h4, .dk-explain .tangent .name { color: var(--tangent); }
.dk-explain .adjoint h4, .dk-explain .adjoint .name { color: var(--adjoint); }
.dk-explain .scroll { overflow-x: auto; }
.dk-explain table { border-collapse: collapse; width: 100%; margin: 0; background: none;
  border: none; color: inherit; table-layout: auto; }
.dk-explain tbody tr:nth-child(n) { background: none; }
.dk-explain td { padding: 2px 1.2rem 2px 0; text-align: left; vertical-align: top; border: none;
  font: 13px/1.5 ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; background: none;
  color: inherit; white-space: pre-wrap; }
.dk-explain td:first-child { padding-left: 1.2rem; white-space: nowrap; width: 1%; }
.dk-explain td.value { color: var(--soft); text-align: right; padding-right: 0.5rem;
  white-space: nowrap; width: 1%; }
.dk-explain tr.line td { color: var(--soft); background: var(--band); padding-left: 0.5rem;
  white-space: pre-wrap; border-top: 1px solid var(--rule); }
.dk-explain tr.line b { color: var(--ink); font-weight: 600; }
.dk-explain .name { font-weight: 700; }
.dk-explain .note { color: var(--soft); font-style: italic; }
.dk-explain details { margin: 0; }
.dk-explain summary { cursor: pointer; }
.dk-explain pre { margin: 0.2rem 0 0.4rem; color: var(--soft); background: none; border: none;
  font: inherit; overflow-x: auto; padding: 0; }
.dk-explain ul { list-style: none; margin: 0.9rem 0 0.2rem; padding: 0; color: var(--soft); }
.dk-explain ul li { overflow-wrap: anywhere; }
@media (max-width: 40rem) { .dk-explain td.value { display: none; }
  .dk-explain td:first-child { padding-left: 0.5rem; padding-right: 0.7rem; } }
""".strip().replace(".dk-explain ", ".dk-explain.dk-explain ")
"""The class stands twice, so that these outweigh the rules of a notebook for all tables."""


def to_html(explanation: Explanation, modes: Sequence[str] | str, limit: int | None = None) -> str:
    """The explanation as one element of a page."""
    modes = [modes] if isinstance(modes, str) else list(modes)
    sections = "".join(_section(explanation, mode, limit or LIMIT) for mode in modes)
    closing = "".join(f"<li>{escape(line)}</li>" for line in closing_lines(explanation, modes))
    style = f"{themed('.dk-explain', LIGHT, DARK)}\n{STYLE}"
    return (
        f'<div class="dk-explain"><style>{style}</style><h3>{escape(heading_of(explanation))}</h3>'
        f"{sections}<ul>{closing}</ul></div>"
    )


def page_of(explanation: Explanation, modes: Sequence[str], limit: int | None = None) -> str:
    """The explanation as a file of its own."""
    title = escape(explanation.title)
    ground = themed("body", "background: #FFFFFF;", "background: #14181D;")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{title}, line by line</title>"
        f"<style>body {{ margin: 0; }} {ground}"
        " body > .dk-explain { margin: 1rem auto; }</style></head>\n"
        f"<body>{to_html(explanation, modes, limit)}</body></html>\n"
    )


def _section(explanation: Explanation, mode: str, limit: int) -> str:
    rows = explanation.rows(mode)
    head, hidden, tail = abridged(rows, limit)  # type: ignore[type-var]
    shown: list[Any] = [*head, *tail]
    body = "".join(_lines(explanation, mode, shown, len(head) if hidden else -1, hidden))
    if not rows:
        body = '<tr><td class="note">nothing moves here</td></tr>'
    title = escape(titles(explanation)[mode])
    return (
        f'<section class="{mode}"><h4>{title}</h4><div class="scroll"><table>{body}</table>'
        "</div></section>"
    )


def _lines(
    explanation: Explanation, mode: str, rows: Sequence[Row], gap: int, hidden: int
) -> Iterator[str]:
    line = ""
    for place, row in enumerate(rows):
        if place == gap:
            yield f'<tr><td class="note" colspan="3">{left_out(hidden)}</td></tr>'
        if row.line != line and row.line and not row.line.startswith("character"):
            text = f"{escape(row.line)}  <b>{escape(row.text)}</b>"
            yield f'<tr class="line"><td colspan="3">{text}</td></tr>'
        line = row.line
        yield _row(row)
        loop = row.node if mode != "adjoint" else row.via
        following = rows[place + 1].via if place + 1 < len(rows) else None
        if loop in explanation.loops and (mode != "adjoint" or following != loop):
            yield _loop(explanation, loop, mode)


def _row(row: Row) -> str:
    name, _, formula = row.left.partition(" = ")
    left = f'<span class="name">{escape(name)}</span>' + (
        f" = {escape(formula)}" if formula else ""
    )
    note = row.note if row.note not in ("", "input") else ""
    noted = f'  <span class="note">{escape(note)}</span>' if note else ""
    if row.summary is None:
        return (
            f"<tr><td>{left}</td><td>{escape(row.right)}{noted}</td>"
            f'<td class="value">{escape(exact_text(row.value))}</td></tr>'
        )
    entry = f"<br>{escape(row.arithmetic)}" if row.arithmetic else ""
    with np.printoptions(threshold=SHOWN_ENTRIES, linewidth=96):
        numbers = escape(str(np.asarray(row.value)))
    folded = f"<details><summary>{escape(row.right)}{noted}</summary><pre>{numbers}</pre></details>"
    return f'<tr><td>{left}</td><td colspan="2">{folded}{entry.removeprefix("<br>")}</td></tr>'


def _loop(explanation: Explanation, node: Any, mode: str) -> str:
    """The first steps of a loop, folded."""
    parts = []
    for step in explanation.loops[node]:
        rows = "".join(_row(row) for row in step_rows(step, mode))
        parts.append(
            f"<details><summary>step {step.number}</summary><table>{rows}</table></details>"
        )
    return f'<tr><td colspan="3">{"".join(parts)}</td></tr>'
