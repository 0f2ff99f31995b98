"""A page of the gallery as an article: question, picture, numbers, lesson, what to try, code.

The picture comes in light and dark, of which the style shows one; as SVG, unless that is so large
that a phone would rather have the PNG.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from diffkit.cli.gallery_markup import (
    command,
    escaped,
    highlighted,
    identifier,
    inline,
    paragraphs,
    png_size,
)
from diffkit.cli.gallery_output import bound
from diffkit.cli.gallery_run import Result
from diffkit.explorer.static_page import stepper_part

__all__ = ["article", "images", "mark", "stepping", "title_of"]

LARGE_SVG = 600_000  # bytes: beyond, a PNG is smaller and quicker to draw
USUAL_SIZE = (1152, 648)  # pixels of a picture of 7.2 × 4.05 in at 160 dpi
MODES = (("light", ""), ("dark", "-dark"))


def article(
    result: Result, out: Path, place: str, before: Result | None, after: Result | None
) -> str:
    """One page of the gallery.

    Parameters
    ----------
    result
        What came of its script.
    out
        The folder with its pictures.
    place
        Where it stands in its chapter, as in ``3 of 7``.
    before, after
        Its neighbours in the order of reading.
    """
    name = identifier(result.name)
    question = result.page.get("question")
    parts = [
        f'<article id="{name}" aria-labelledby="{name}-title">',
        f'<p class="eyebrow">{_eyebrow(result, place)}</p>',
        f'<h2 id="{name}-title" tabindex="-1">{escaped(title_of(result))}</h2>',
        f'<p class="question">{inline(question)}</p>' if question else "",
        '<div class="columns">',
        _failure(result) if result.error else _figure(result, out),
        f'<div class="numbers">{_numbers(result)}</div>',
        f'<div class="words">{"".join(_words(result))}</div>',
        "</div>",
        stepping(result.stepper, name),
        _source(result),
        _turn(before, after),
        "</article>",
    ]
    return "\n".join(filter(None, parts))


def title_of(result: Result) -> str:
    """The title of a page, also of one that failed."""
    return result.page.get("title") or f"{result.name} (failed)"


def mark(held: bool) -> str:
    """The mark of a number or a page, with words for who does not see it."""
    if held:
        return '<span class="held" role="img" aria-label="held">✓</span>'
    return '<span class="broken" role="img" aria-label="did not hold">✗</span>'


def _eyebrow(result: Result, place: str) -> str:
    chapter = result.page.get("chapter") or "Pages that failed"
    return f'<a href="#chapter-{identifier(chapter)}">{escaped(chapter)}</a> · {place}'


def _failure(result: Result) -> str:
    """What went wrong, in place of the picture."""
    sentence = escaped(f"{result.path.name} failed: {result.error}")
    parts = [f'<div class="failure"><p class="broken">{sentence}</p>']
    if result.traceback:
        trace = html.escape(result.traceback)
        parts.append(
            "<details><summary>Traceback</summary>"
            f'<pre tabindex="0"><code>{trace}</code></pre></details>'
        )
    return "".join([*parts, "</div>"])


# -- the picture ----------------------------------------------------------------------------------


def images(result: Result, out: Path, alt: str, formats: Sequence[str]) -> list[str]:
    """The still in light and in dark, in the first of these formats that is there and not huge."""
    width, height = _size(result, out)
    shown = next((name for name in formats if _fits(result, out, name)), result.formats[0])
    size = f'width="{width}" height="{height}" loading="lazy" decoding="async"'
    name = escaped(result.name)
    return [
        f'<img class="{mode}" src="{name}{tail}.{shown}" alt="{escaped(alt)}" {size}>'
        for mode, tail in MODES
    ]


def _fits(result: Result, out: Path, name: str) -> bool:
    if name not in result.formats:
        return False
    huge = (out / f"{result.name}.{name}").stat().st_size > LARGE_SVG
    return not (huge and name == "svg" and "png" in result.formats)


def _size(result: Result, out: Path) -> tuple[int, int]:
    path = out / f"{result.name}.png"
    return png_size(path.read_bytes()) if "png" in result.formats else USUAL_SIZE


def _figure(result: Result, out: Path) -> str:
    stills = images(result, out, _alt(result), ("svg", "png"))
    shown = "".join(
        _moving(f"{escaped(result.name)}{tail}", still) if result.moves else still
        for (_, tail), still in zip(MODES, stills, strict=True)
    )
    return f'<figure>{shown}<figcaption class="files">{_files(result)}</figcaption></figure>'


def _moving(stem: str, still: str) -> str:
    """The moving picture, and the still for readers who asked for less motion."""
    wanted = "(prefers-reduced-motion: no-preference)"
    return f'<picture><source srcset="{stem}.gif" media="{wanted}">{still}</picture>'


def _files(result: Result) -> str:
    """Links to all files, and a button (it needs the script) that stops what moves."""
    names = [*result.formats, *(["gif"] if result.moves else [])]
    links = [
        f'<a href="{escaped(result.name)}{tail}.{name}">{"dark " if tail else ""}{name.upper()}</a>'
        for name in names
        for _, tail in MODES
    ]
    stop = '<button class="motion" type="button" hidden>stop</button>' if result.moves else ""
    return "".join(links) + stop


def _alt(result: Result) -> str:
    """What a reader who cannot see the picture needs: what it shows, and its numbers."""
    words = result.page.get("alt") or ". ".join([title_of(result).rstrip("."), *result.sentences])
    return words if words.endswith((".", "?", "!")) else f"{words}."


def stepping(explanation: str, name: str) -> str:
    """The graph that readers step through, from an explanation as JSON; nothing without one.

    >>> stepping("", "waves")
    ''
    """
    if not explanation:
        return ""
    part = stepper_part(json.loads(explanation), name=f"{name}-steps")
    return f'<section class="steps"><h3>Step through it</h3>{part}</section>'


# -- the words ------------------------------------------------------------------------------------


def _numbers(result: Result) -> str:
    """Every claim with its mark, its bound and, where it is not the page's own, its source."""
    claims = zip(result.claims, result.sentences, strict=True)
    page_source = result.page.get("source")
    items = [_claim(claim, sentence, page_source) for claim, sentence in claims]
    return f"<h3>The numbers</h3><ul>{''.join(items)}</ul>" if items else ""


def _claim(claim: dict[str, Any], sentence: str, page_source: str | None) -> str:
    origin = f" · {inline(claim['source'])}" if claim["source"] not in ("", page_source) else ""
    words = f"<span>{inline(sentence)}<small>claimed {bound(claim)}{origin}</small></span>"
    return f"<li>{mark(claim['held'])}{words}</li>"


def _words(result: Result) -> Iterator[str]:
    """The lesson, what to try, where it comes from, and the concepts it belongs to."""
    yield from paragraphs(result.lesson)
    page = result.page
    if page.get("try_this"):
        yield f'<p class="try"><strong>Try this.</strong> {_try(page["try_this"])}</p>'
    if page.get("source"):
        yield f'<p class="origin">Source: {inline(page["source"])}</p>'
    if page.get("concepts"):
        chips = "".join(map(chip, page["concepts"]))
        yield f'<ul class="chips" aria-label="Concepts">{chips}</ul>'


def chip(concept: str) -> str:
    """A concept, as a link to all pages that have it.

    >>> chip("kink")
    '<li><a class="chip" href="#find=kink">kink</a></li>'
    """
    from urllib.parse import quote

    return f'<li><a class="chip" href="#find={quote(concept)}">{escaped(concept)}</a></li>'


def _try(text: str) -> str:
    """What to try: a sentence, or a command of the command line."""
    return command(text) if text.startswith("diffkit ") else inline(text)


def _source(result: Result) -> str:
    code = result.path.read_text(encoding="utf-8", errors="replace")
    return (
        f"<details><summary>The script, {escaped(result.path.name)}</summary>"
        f'<pre class="code" tabindex="0"><code>{highlighted(code)}</code></pre></details>'
    )


def _turn(before: Result | None, after: Result | None) -> str:
    """Links to the neighbours."""
    links = [
        f'<a rel="{way}" href="#{identifier(page.name)}"><small>{word}</small>'
        f"{escaped(title_of(page))}</a>"
        for way, word, page in (("prev", "← before", before), ("next", "next →", after))
        if page is not None
    ]
    return f'<nav class="turn" aria-label="Neighbours">{"".join(links)}</nav>' if links else ""
