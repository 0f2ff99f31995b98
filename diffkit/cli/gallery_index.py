"""``index.html`` of the gallery: one offline page with every picture, number and source.

It opens on a wall of all pictures, chapter by chapter; a picture leads to its page, and one key
shows it as large as the screen, question first.  The page needs nothing but the pictures beside
it: style and script are inlined, no request leaves the computer, and without the script it is one
long document.  The frame stands in ``cli/templates``; this module fills it in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from string import Template

from diffkit import __version__
from diffkit.cli.gallery_article import article, chip, images, mark, title_of
from diffkit.cli.gallery_markup import escaped, identifier, template
from diffkit.cli.gallery_run import Result
from diffkit.explorer.static_page import stepper_script
from diffkit.plots.chapters import CHAPTERS
from diffkit.plots.rendered import write_whole

__all__ = ["write_index"]

FAILED = "Pages that failed"


def write_index(results: Sequence[Result], out: Path, dark: bool = False) -> Path:
    """Write ``index.html`` for these results into ``out`` and return its path.

    ``dark`` opens the page in its dark form, whatever the reader's setting.
    """
    chapters = _chapters(results)
    document = Template(template("gallery.html")).substitute(
        theme=' data-theme="dark"' if dark else "",
        style=template("page.css") + template("gallery.css"),
        script=template("gallery.js"),
        stepper=stepper_script() if any(result.stepper for result in results) else "",
        version=escaped(__version__),
        summary=_summary(results),
        contents="\n".join(_entry(name, pages) for name, pages in chapters),
        concepts="".join(chip(concept) for concept in _concepts(results)),
        wall="\n".join(_chapter(name, pages, out) for name, pages in chapters),
        pages="\n".join(_articles(chapters, out)),
    )
    path = out / "index.html"
    write_whole(path, document.encode())
    return path


def _chapters(results: Sequence[Result]) -> list[tuple[str, list[Result]]]:
    """The pages by chapter, as they come; those that could not even be read are the last."""
    grouped: dict[str, list[Result]] = {}
    for result in results:
        grouped.setdefault(result.page.get("chapter") or FAILED, []).append(result)
    return sorted(grouped.items(), key=lambda chapter: chapter[0] == FAILED)


def _summary(results: Sequence[Result]) -> str:
    claims = [claim for result in results for claim in result.claims]
    held = sum(claim["held"] for claim in claims)
    failed = sum(bool(result.error) for result in results)
    kind = "held" if held == len(claims) else "broken"
    parts = [
        _count(len(results), "picture"),
        f'<span class="{kind}">{held} of {_count(len(claims), "number")} held</span>',
    ]
    if failed:
        parts.append(f'<span class="broken">{_count(failed, "page")} failed</span>')
    return " · ".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _concepts(results: Sequence[Result]) -> list[str]:
    """Every concept once, the most frequent first, as it is written most often."""
    written = Counter(word for result in results for word in result.page.get("concepts", ()))
    spelling: dict[str, str] = {}
    for word, _ in written.most_common():
        spelling.setdefault(word.lower(), word)
    count = Counter(word.lower() for word in written.elements())
    return [spelling[key] for key, _ in sorted(count.items(), key=lambda item: (-item[1], item[0]))]


# -- the wall -------------------------------------------------------------------------------------


def _place(name: str) -> str:
    """The number of a chapter of diffkit's own; those of the user's scripts have none."""
    number = next((chapter.number for chapter in CHAPTERS if chapter.name == name), None)
    return f'<span class="place">{number}</span>' if number else ""


def _entry(name: str, pages: Sequence[Result]) -> str:
    """A chapter in the table of contents."""
    return (
        f'<li>{_place(name)}<a href="#chapter-{identifier(name)}">{escaped(name)}</a>'
        f' <span class="count">{len(pages)}</span></li>'
    )


def _chapter(name: str, pages: Sequence[Result], out: Path) -> str:
    """A chapter of the wall: what one can answer after it, and a card for each page."""
    opening = _opening(name)
    key = identifier(name)
    return "\n".join(
        [
            f'<section class="chapter" id="chapter-{key}" aria-labelledby="title-of-{key}">',
            f'<h2 id="title-of-{key}" tabindex="-1">{_place(name)}{escaped(name)}</h2>',
            f'<p class="opening">{escaped(opening)}</p>' if opening else "",
            '<ul class="cards">',
            *(_card(page, out) for page in pages),
            "</ul>",
            "</section>",
        ]
    )


def _opening(name: str) -> str:
    return next((chapter.opening for chapter in CHAPTERS if chapter.name == name), "")


def _card(result: Result, out: Path) -> str:
    """A small picture and the title, which lead to the page; the words it is found by."""
    page = result.page
    shown = "" if result.error else "".join(images(result, out, "", ("png", "svg")))
    words = [result.name, page.get("chapter", ""), page.get("question", ""), page.get("source", "")]
    concepts = ", ".join(page.get("concepts", ()))
    found_by = " ".join([*words, result.lesson]).lower().split()
    return (
        f'<li class="card" data-concepts="{escaped(concepts.lower())}"'
        f' data-words="{escaped(" ".join(dict.fromkeys(found_by)))}">'
        f'<a href="#{identifier(result.name)}"><span class="thumb">{shown}</span>'
        f'<span class="title">{escaped(title_of(result))}</span></a>'
        f"<p>{mark(result.held)} {_held(result)}</p></li>"
    )


def _held(result: Result) -> str:
    if result.error:
        return "failed"
    held, claims = sum(claim["held"] for claim in result.claims), len(result.claims)
    moving = " · moving" if result.moves else ""
    share = f"{held} of {_count(claims, 'number')}" if held < claims else _count(claims, "number")
    return f"{share}{moving}"


# -- the pages ------------------------------------------------------------------------------------


def _articles(chapters: Sequence[tuple[str, Sequence[Result]]], out: Path) -> list[str]:
    """All pages, each with its place in its chapter and its neighbours."""
    placed = [
        (page, f"{place} of {len(pages)}")
        for _, pages in chapters
        for place, page in enumerate(pages, 1)
    ]
    pages = [None, *(page for page, _ in placed), None]
    neighbours = zip(pages, pages[2:], strict=False)
    return [
        article(page, out, place, before, after)
        for (page, place), (before, after) in zip(placed, neighbours, strict=True)
    ]
