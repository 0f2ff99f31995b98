"""``index.html`` of the gallery: one offline page with every picture, number and source.

The page needs nothing but the pictures beside it: style and script are inlined, no request
leaves the computer.  It follows the reader's light or dark setting and has a switch.  The
frame stands in ``cli/templates``; this module fills it in, escaping all text.
"""

from __future__ import annotations

import html
import re
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from string import Template
from typing import Any

from diffkit.cli.gallery_run import Result

__all__ = ["png_size", "template", "write_index"]

TEMPLATES = Path(__file__).parent / "templates"
PNG_SIZE = slice(16, 24)
"""Where a PNG keeps its width and height (PNG specification, section 11.2.2, IHDR)."""


def write_index(results: Sequence[Result], out: Path, dark: bool = False) -> Path:
    """Write ``index.html`` for these results into ``out`` and return its path.

    ``dark`` opens the page in its dark form, whatever the reader's setting.
    """
    document = Template(template("gallery.html")).substitute(
        theme=' data-theme="dark"' if dark else "",
        style=template("gallery.css"),
        script=template("gallery.js"),
        summary=_summary(results),
        contents="\n".join(_entry(result) for result in results),
        pages="\n".join(_article(result, out) for result in results),
    )
    path = out / "index.html"
    path.write_text(document, encoding="utf-8")
    return path


def template(name: str) -> str:
    """The text of a file of ``cli/templates``."""
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _summary(results: Sequence[Result]) -> str:
    claims = [claim for result in results for claim in result.claims]
    held = sum(claim["held"] for claim in claims)
    failed = sum(bool(result.error) for result in results)
    parts = [_count(len(results), "picture"), f"{held} of {_count(len(claims), 'number')} held"]
    if failed:
        parts.append(f'<span class="broken">{_count(failed, "page")} failed</span>')
    return " · ".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _entry(result: Result) -> str:
    return (
        f'<li>{_mark(result.held)} <a href="#{_id(result)}">{html.escape(_title(result))}</a></li>'
    )


def _title(result: Result) -> str:
    return result.page.get("title") or f"{result.name} (failed)"


def _id(result: Result) -> str:
    return re.sub(r"[^\w-]", "-", result.name)


def _mark(held: bool) -> str:
    if held:
        return '<span class="held" role="img" aria-label="held">✓</span>'
    return '<span class="broken" role="img" aria-label="did not hold">✗</span>'


def _article(result: Result, out: Path) -> str:
    """A page of the gallery: picture and numbers at the left, the words at the right."""
    parts = [
        f'<article id="{_id(result)}">',
        f'<p class="eyebrow">{html.escape(_eyebrow(result.page))}</p>',
        f"<h2>{html.escape(_title(result))}</h2>",
        '<div class="columns">',
        _failure(result) if result.error else _figure(result, out),
        f'<div class="words">{"".join(_words(result))}</div>',
        f'<div class="numbers">{_numbers(result)}</div>',
        "</div>",
        _source(result),
        "</article>",
    ]
    return "\n".join(parts)


def _eyebrow(page: dict[str, Any]) -> str:
    """The chapter and the concepts, each once."""
    once: dict[str, str] = {}
    for word in [page.get("chapter", ""), *page.get("concepts", [])]:
        once.setdefault(word.lower(), word)
    return " · ".join(filter(None, once.values()))


def _failure(result: Result) -> str:
    """What went wrong, in place of the picture."""
    sentence = html.escape(f"{result.path.name} failed: {result.error}")
    parts = [f'<div><p class="broken">{sentence}</p>']
    if result.traceback:
        trace = html.escape(result.traceback)
        parts.append(
            "<details><summary>Traceback</summary>"
            f'<pre tabindex="0"><code>{trace}</code></pre></details>'
        )
    return "".join([*parts, "</div>"])


def png_size(content: bytes) -> tuple[int, int]:
    """Width and height of a PNG picture."""
    width, height = struct.unpack(">II", content[PNG_SIZE])
    return width, height


def _figure(result: Result, out: Path) -> str:
    name = html.escape(result.name, quote=True)
    alt = html.escape(_alt(result), quote=True)
    width, height = png_size((out / f"{result.name}.png").read_bytes())
    size = f'width="{width}" height="{height}" loading="lazy"'
    shown = "".join(
        _picture(stem, f'<img class="{mode}" src="{stem}.svg" alt="{alt}" {size}>', result.moves)
        for mode, stem in (("light", name), ("dark", f"{name}-dark"))
    )
    return (
        f'<figure><a href="{name}.svg">{shown}</a>'
        f'<p class="files"><a href="{name}.png">PNG</a><a href="{name}.svg">SVG</a>'
        f'<a href="{name}-dark.png">dark PNG</a><a href="{name}-dark.svg">dark SVG</a>'
        f"{_moving_files(name) if result.moves else ''}</p></figure>"
    )


def _picture(stem: str, still: str, moves: bool) -> str:
    """The still; in its place the moving picture, for readers who did not ask for less motion."""
    if not moves:
        return still
    wanted = "(prefers-reduced-motion: no-preference)"
    return f'<picture><source srcset="{stem}.gif" media="{wanted}">{still}</picture>'


def _moving_files(name: str) -> str:
    """Links to the moving pictures, and a button (it needs the script) that stops them."""
    return (
        f'<a href="{name}.gif">GIF</a><a href="{name}-dark.gif">dark GIF</a>'
        '<button class="motion" type="button" hidden>stop</button>'
    )


def _alt(result: Result) -> str:
    """What a reader who cannot see the picture needs: its finding and its numbers."""
    return ". ".join([_title(result).rstrip("."), *result.sentences]) + "."


def _numbers(result: Result) -> str:
    """Every claim with its mark, its bound and, where it is not the page's own, its source."""
    claims = zip(result.claims, result.sentences, strict=True)
    page_source = result.page.get("source")
    items = [_claim(claim, sentence, page_source) for claim, sentence in claims]
    return f"<h3>Numbers</h3><ul>{''.join(items)}</ul>" if items else ""


def _words(result: Result) -> Iterator[str]:
    """The lesson, a question, what to try, and where it comes from."""
    yield from _paragraphs(result.lesson)
    page = result.page
    if page.get("question"):
        yield f'<p class="question">{_inline(page["question"])}</p>'
    if page.get("try_this"):
        yield f'<p class="try"><strong>Try this.</strong> {_try(page["try_this"])}</p>'
    if page.get("source"):
        yield f'<p class="origin">Source: {_inline(page["source"])}</p>'


def _try(text: str) -> str:
    """What to try: a sentence, or a command of the command line."""
    return f"<code>{html.escape(text)}</code>" if text.startswith("diffkit ") else _inline(text)


def _claim(claim: dict[str, Any], sentence: str, page_source: str | None) -> str:
    relation = "at most" if claim.get("at_most") else "expected"
    detail = f"{relation} {_shown(claim['expected'])}"
    if claim["tolerance"]:
        detail += f" ± {_shown(claim['tolerance'])}" if relation == "expected" else ""
    origin = f" · {_inline(claim['source'])}" if claim["source"] not in ("", page_source) else ""
    words = f"<span>{_inline(sentence)}<small>{detail}{origin}</small></span>"
    return f"<li>{_mark(claim['held'])}{words}</li>"


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_shown, value))
    if value is None:
        return "not finite"
    return f"{int(value):,}" if float(value).is_integer() else f"{value:.6g}"


def _paragraphs(text: str) -> Iterator[str]:
    """Plain paragraphs, lists and indented blocks of a docstring, as HTML."""
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = block.splitlines()
        if not block.strip():
            continue
        if all(line.startswith("    ") for line in lines):
            yield f'<pre tabindex="0"><code>{html.escape(block)}</code></pre>'
        elif lines[0].lstrip().startswith(("- ", "* ")):
            items = re.split(r"\n?^\s*[-*] ", block, flags=re.MULTILINE)[1:]
            yield "<ul>" + "".join(f"<li>{_inline(item)}</li>" for item in items) + "</ul>"
        else:
            yield f"<p>{_inline(block.removesuffix('::'))}</p>"


def _inline(text: str) -> str:
    """Escaped text, with ``code`` and *emphasis*."""
    words = html.escape(" ".join(text.split()), quote=False)
    words = re.sub(r"``(.+?)``|`(.+?)`", lambda m: f"<code>{m[1] or m[2]}</code>", words)
    return re.sub(r"(?<![\w*])\*(\w[^*<>]*?)\*(?![\w*])", r"<em>\1</em>", words)


def _source(result: Result) -> str:
    code = result.path.read_text(encoding="utf-8")
    return (
        f"<details><summary>The script, {html.escape(result.path.name)}</summary>"
        f'<pre class="code" tabindex="0"><code>{_highlighted(code)}</code></pre></details>'
    )


def _highlighted(code: str) -> str:
    """Python code with its keywords, strings and comments marked."""
    from pygments.lexers.python import PythonLexer
    from pygments.token import Comment, Keyword, String

    kinds = ((Keyword, "k"), (String, "s"), (Comment, "c"))
    parts = []
    for token, text in PythonLexer().get_tokens(code):
        name = next((name for kind, name in kinds if token in kind), None)
        escaped = html.escape(text, quote=False)
        parts.append(f'<span class="{name}">{escaped}</span>' if name else escaped)
    return "".join(parts)
