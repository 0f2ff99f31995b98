"""The stepper in a page of its own, or as part of another page: one file, no request, no server.

A page holds the drawing module once (``stepper_script``) and, for each stepper, an empty element
and the explanation as JSON beside it (``stepper_part``)::

    <div data-stepper="sweep-data" data-sweep="adjoint"></div>
    <script type="application/json" id="sweep-data">{"schema": 1, …}</script>
    …
    <script>/* static/drawing.js */; diffkitDrawing.mountAll();</script>

Everything is inlined because a browser that opens ``file://`` refuses to load modules or data from
files beside the page.  The JSON holds no ``<``, so no text of the user's can end its element (HTML
Standard, section 4.12.1.3, "Restrictions for contents of script elements").
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from diffkit.errors import InputError

__all__ = ["drawing_source", "stepper_page", "stepper_part", "stepper_script"]

STATIC = Path(__file__).parent / "static"
SWEEPS = ("primal", "tangent", "adjoint")
MODES = ("auto", "light", "dark")

PAGE_STYLE = """
:root { color-scheme: light dark; }
body { margin: 0; background: #ffffff; color: #1a1a1a; font-family: system-ui, sans-serif; }
main { max-width: 82rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.4rem; margin: 0.4rem 0 1rem; overflow-wrap: anywhere; }
@media (prefers-color-scheme: dark) {
  :root:not([data-theme="light"]) body { background: #14181d; color: #f2f2f2; } }
:root[data-theme="dark"] body { background: #14181d; color: #f2f2f2; }
""".strip()


@cache
def drawing_source() -> str:
    """The drawing module: a script that defines ``diffkitDrawing``."""
    return (STATIC / "drawing.js").read_text(encoding="utf-8")


def stepper_script() -> str:
    """The script element that a page with steppers ends with, once for all of them.

    >>> stepper_script().startswith("<script>"), stepper_script().count("</script")
    (True, 1)
    """
    return f"<script>{drawing_source()}\ndiffkitDrawing.mountAll();</script>"


def stepper_part(
    explanation: Any, *, name: str = "stepper", sweep: str | None = None, mode: str = "auto"
) -> str:
    """A stepper as part of a page that holds :func:`stepper_script` at its end.

    Parameters
    ----------
    explanation
        What ``dk.explain`` returned, or its ``to_dict()``.
    name
        Tells the steppers of a page apart; letters, digits and hyphens.
    sweep
        Where it begins: ``"primal"``, ``"tangent"`` or ``"adjoint"``; by default what the data say
        in ``{"start": {"sweep": …}}``, else the values.
    mode
        ``"light"``, ``"dark"``, or ``"auto"``: as the page and the reader's setting say.

    Raises
    ------
    InputError
        If the sweep, the mode or the name is not one of these, or there is nothing to draw.

    >>> import diffkit as dk
    >>> part = stepper_part(dk.explain(lambda x: x * x, 3.0), name="square")
    >>> 'data-stepper="square-data"' in part
    True
    """
    data = _data(explanation)
    sweep = sweep or data.get("start", {}).get("sweep", "primal")
    if sweep not in SWEEPS:
        raise InputError(f"{sweep!r} is no sweep", hint=f"there are {', '.join(SWEEPS)}.")
    if mode not in MODES:
        raise InputError(f"{mode!r} is no mode", hint=f"there are {', '.join(MODES)}.")
    if not name.replace("-", "").isalnum():
        raise InputError(f"{name!r} is no name", hint="use letters, digits and hyphens.")
    key = f"{name}-data"
    return (
        f'<div data-stepper="{key}" data-sweep="{sweep}" data-mode="{mode}"></div>\n'
        f'<script type="application/json" id="{key}">{_json(data)}</script>\n'
        "<noscript><p>Stepping through the graph needs JavaScript.</p></noscript>"
    )


def stepper_page(
    explanation: Any, *, title: str = "", sweep: str | None = None, mode: str = "auto"
) -> str:
    """A whole HTML page with one stepper, for a file that is opened or handed out.

    Parameters are those of :func:`stepper_part`; ``title`` is the function's unless given.

    Raises
    ------
    InputError
        As for :func:`stepper_part`.

    >>> import diffkit as dk
    >>> page = stepper_page(dk.explain(lambda x: x * x, 3.0), title="A square")
    >>> page.startswith("<!doctype html>"), "<h1>A square</h1>" in page
    (True, True)
    """
    data = _data(explanation)
    heading = escape(title or f"{data['function']}, step by step")
    theme = "" if mode == "auto" else f' data-theme="{escape(mode)}"'
    part = stepper_part(data, sweep=sweep, mode=mode)
    return (
        f'<!doctype html>\n<html lang="en"{theme}><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{heading}</title><link rel="icon" href="data:,"><style>{PAGE_STYLE}</style></head>'
        f"\n<body><main><h1>{heading}</h1>\n{part}\n</main>\n{stepper_script()}</body></html>\n"
    )


def _data(explanation: Any) -> Mapping[str, Any]:
    """The explanation as plain data."""
    data = explanation if isinstance(explanation, Mapping) else _asked(explanation)
    missing = [key for key in ("nodes", "edges", "forward", "reverse") if key not in data]
    if missing:
        raise InputError(
            f"the explanation lacks {', '.join(missing)}",
            hint="pass what dk.explain returns, or its to_dict().",
        )
    return data


def _asked(explanation: Any) -> Mapping[str, Any]:
    if not hasattr(explanation, "to_dict"):
        raise InputError(
            f"expected an explanation, not {type(explanation).__name__}",
            hint="pass what dk.explain returns, or its to_dict().",
        )
    return explanation.to_dict()


def _json(data: Mapping[str, Any]) -> str:
    text = json.dumps(data, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")
