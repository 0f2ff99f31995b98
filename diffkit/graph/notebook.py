"""How results look in a notebook: tables and texts as HTML that fits light and dark themes.

A notebook asks a result for its ``_repr_html_``.  Here are the few forms that it takes: rows under
a header, facts (name and value), a text as it is printed, and a small curve.  Colours are those of
the notebook (``inherit``, ``currentColor``), lines are half transparent, so that every theme is
right; there is no script and no address outside; and **everything** that comes from a user (names,
titles, lines of code) is escaped.  A class says how it is shown in one line:

    _repr_html_ = as_text          # or as_table, as_facts

A result with a background of its own (a graph, an explanation) takes that of :func:`themed`.

Reading on: WCAG 2.2, technique H63 (``scope`` of header cells) and H39 (captions).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from html import escape
from math import isfinite
from typing import Any

__all__ = [
    "as_facts", "as_table", "as_text", "choose_theme", "curve_svg", "facts_html", "html_of",
    "table_html", "text_html", "theme", "themed",
]  # fmt: skip

LONGEST = 160  # characters of a value among facts
WIDE, HIGH, EDGE = 220.0, 36.0, 2.0  # pixels of a small curve, and of its margin
MOST_POINTS = 200  # of a small curve
BOX = "color:inherit;background:none;overflow-x:auto;max-width:100%"
TABLE = "border-collapse:collapse;color:inherit;background:none;margin:0.2em 0"
LINE = "1px solid rgba(128,128,128,0.45)"
HEAD = f"padding:2px 10px;border:none;border-bottom:{LINE};background:none;color:inherit"
CELL = "padding:2px 10px;border:none;background:none;color:inherit;vertical-align:top"
CAPTION = (
    "caption-side:top;text-align:left;font-weight:bold;white-space:nowrap;"
    "color:inherit;padding:2px 10px"
)
NOTE = "margin:0.2em 10px;opacity:0.75;font-size:90%"
TEXT = (
    "color:inherit;background:none;border:none;margin:0;padding:2px 10px;"
    "font-family:ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;line-height:1.35"
)
# How pages say that they are light or dark: JupyterLab and what nbconvert makes, and VS Code, whose
# light theme of high contrast has the class of the dark one, too.
LIGHT_PAGES = ('[data-jp-theme-light="true"]', ".vscode-light", ".vscode-high-contrast-light")
DARK_PAGES = (
    '[data-jp-theme-light="false"]',
    ".vscode-dark",
    ".vscode-high-contrast:not(.vscode-high-contrast-light)",
)

_chosen: str | None = None


def theme() -> str | None:
    """``"light"`` or ``"dark"`` where ``dk.plots.set_theme`` chose it, or None: as the page is."""
    return _chosen


def choose_theme(name: str | None) -> None:
    """Set what :func:`theme` gives; ``dk.plots.set_theme`` does, with the style of pictures.

    >>> choose_theme("dark")
    >>> theme(), choose_theme(None)
    ('dark', None)
    """
    global _chosen
    _chosen = name


def themed(selector: str, light: str, dark: str) -> str:
    """Rules of CSS for an element: the chosen theme's, or the page's, or the reader's setting.

    >>> "prefers-color-scheme: dark" in themed(".dk-graph", "color: #1A1A1A", "color: #F2F2F2")
    True
    """
    if _chosen is not None:
        return f"{selector} {{ {dark if _chosen == 'dark' else light} }}"
    pages = {light: LIGHT_PAGES, dark: DARK_PAGES}
    return "\n".join([
        f"{selector} {{ {light} }}",
        f"@media (prefers-color-scheme: dark) {{ {selector} {{ {dark} }} }}",
        *(f"{', '.join(f'{page} {selector}' for page in known)} {{ {rules} }}"
          for rules, known in pages.items()),
    ])  # fmt: skip


def _box(inside: str) -> str:
    return f'<div style="{BOX}">{inside}</div>'


def _notes(lines: Iterable[str]) -> str:
    return "".join(f'<p style="{NOTE}">{escape(line)}</p>' for line in lines)


def _cell(text: str, right: bool, strong: bool = False) -> str:
    shown = escape(text).replace("\n", "<br>")
    side = "right" if right else "left"
    return f'<td style="{CELL};text-align:{side}">{f"<b>{shown}</b>" if strong else shown}</td>'


def table_html(
    caption: str,
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    notes: Iterable[str] = (),
    right: Sequence[bool] = (),
    strong: Iterable[tuple[int, int]] = (),
) -> str:
    """Rows under a header; ``right`` says which columns are numbers, ``strong`` which cells count.

    >>> "&lt;b&gt;" in table_html("<b>", ["n"], [["1"]])
    True
    """
    sides = list(right) + [False] * (len(header) - len(right))
    bold = set(strong)
    heads = "".join(
        f'<th scope="col" style="{HEAD};text-align:{"right" if side else "left"}">'
        f"{escape(name)}</th>"
        for name, side in zip(header, sides, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(_cell(text, sides[j], (i, j) in bold) for j, text in enumerate(row))
        + "</tr>"
        for i, row in enumerate(rows)
    )
    named = f'<caption style="{CAPTION}">{escape(caption)}</caption>' if caption else ""
    head = f"<thead><tr>{heads}</tr></thead>"
    whole = f'<table style="{TABLE}">{named}{head}<tbody>{body}</tbody></table>'
    return _box(whole + _notes(notes))


def facts_html(
    title: str, facts: Mapping[str, Any], *, notes: Iterable[str] = (), picture: str = ""
) -> str:
    """A title, names with their values, and a picture that :func:`curve_svg` made.

    >>> facts_html("run", {"loss": "<0.1>"}).count("&lt;0.1&gt;")
    1
    """
    rows = "".join(
        f'<tr><th scope="row" style="{CELL};text-align:left;font-weight:normal;opacity:0.75">'
        f"{escape(name)}</th>{_cell(_short(value), right=False)}</tr>"
        for name, value in facts.items()
    )
    named = f'<caption style="{CAPTION}">{escape(title)}</caption>'
    return _box(f'<table style="{TABLE}">{named}<tbody>{rows}</tbody></table>{picture}'
                + _notes(notes))  # fmt: skip


def _short(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def text_html(text: str) -> str:
    """A text as it is printed, in letters of one width.

    >>> text_html("a < b").count("a &lt; b")
    1
    """
    return _box(f'<pre style="{TEXT}">{escape(text)}</pre>')


def curve_svg(values: Iterable[float], label: str) -> str:
    """Numbers as a small curve; ``label`` says in words what it shows.  Nothing below two numbers.

    >>> curve_svg([1.0, 0.5, 0.25], "the loss falls")[:4]
    '<svg'
    """
    y = [float(value) for value in values if isfinite(value)]
    y = y[:: -(-len(y) // MOST_POINTS) or 1]
    if len(y) <= 1:
        return ""
    low, high = min(y), max(y)
    step, scale = (WIDE - 2 * EDGE) / (len(y) - 1), (HIGH - 2 * EDGE) / ((high - low) or 1.0)
    points = " ".join(
        f"{EDGE + step * i:.1f},{HIGH - EDGE - scale * (value - low):.1f}"
        for i, value in enumerate(y)
    )
    return (
        f'<svg role="img" aria-label="{escape(label)}" width="{WIDE:g}" height="{HIGH:g}" '
        f'viewBox="0 0 {WIDE:g} {HIGH:g}" style="margin:2px 10px">'
        f'<polyline points="{points}" fill="none" stroke="currentColor" stroke-width="1.5"/></svg>'
    )


# What rich prints --------------------------------------------------------------------------------


def html_of(renderable: Any) -> str:
    """What ``rich`` would print, tables as tables and texts as lines.

    >>> from rich.text import Text
    >>> html_of(Text("a < b")).count("a &lt; b")
    1
    """
    from rich.console import Console
    from rich.table import Table

    if hasattr(renderable, "__rich__"):
        return html_of(renderable.__rich__())
    if isinstance(renderable, Table):
        return _rich_table(renderable)
    if hasattr(renderable, "plain"):
        strong = "font-weight:bold" if "bold" in str(renderable.style) else NOTE
        line = escape(renderable.plain)
        return f'<p style="margin:0.2em 10px;{strong};color:inherit">{line}</p>'
    if hasattr(renderable, "__rich_console__"):
        console = Console(width=200, color_system=None)
        parts = renderable.__rich_console__(console, console.options)
        return _box("".join(html_of(part) for part in parts))
    return text_html(str(renderable))


def _rich_table(table: Any) -> str:
    """A table of rich by its columns; a footer is its last row."""
    columns = [(column, list(column.cells)) for column in table.columns]
    rows = [list(row) for row in zip(*(cells for _, cells in columns), strict=True)]
    if table.show_footer:
        rows.append([column.footer for column, _ in columns])
    strong = {(i, j) for i, row in enumerate(rows) for j, cell in enumerate(row) if _is_bold(cell)}
    return table_html(
        _plain(table.title or ""), [_plain(column.header) for column, _ in columns],
        [[_plain(cell) for cell in row] for row in rows],
        right=[column.justify == "right" for column, _ in columns], strong=strong,
    )  # fmt: skip


def _plain(cell: Any) -> str:
    return getattr(cell, "plain", None) or str(cell)


def _is_bold(cell: Any) -> bool:
    return "bold" in str(getattr(cell, "style", ""))


# Ready-made methods ------------------------------------------------------------------------------


def as_text(self: Any) -> str:
    """``_repr_html_`` of what prints well."""
    return text_html(str(self))


def as_table(self: Any) -> str:
    """``_repr_html_`` of what has a ``table()`` that ``rich`` prints."""
    return html_of(self.table())


def as_facts(self: Any) -> str:
    """``_repr_html_`` of a dataclass of few and short fields."""
    return facts_html(type(self).__name__, {f.name: getattr(self, f.name) for f in fields(self)})
