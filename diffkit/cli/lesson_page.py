"""A lesson as one HTML file: for the screen, the projector and the printer.

Pictures, style and formulas are inside, and no request leaves the computer, so the file can be
mailed or put on a stick.  There is no script, except where a graph is stepped through, and that one
is inside too.  On the screen solutions are folded away and the page follows the reader's light or
dark setting; on paper it is light, each exercise has room to write, the graphs to step through are
left out (their pictures stand above), and the solutions stand on pages of their own at the end.
The frame is in ``cli/templates``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from string import Template

from diffkit import __version__
from diffkit.cli.gallery_article import stepping
from diffkit.cli.gallery_markup import (
    command,
    escaped,
    highlighted,
    identifier,
    inline,
    paragraphs,
    png_size,
    template,
)
from diffkit.cli.lesson_formulas import mathml
from diffkit.cli.lesson_pictures import Script, data_address
from diffkit.cli.lessons import IMPORTS, Exercise, Lesson
from diffkit.explorer.static_page import stepper_script
from diffkit.plots.pages import Claim
from diffkit.plots.rendered import Rendered

__all__ = ["lesson_page"]

LINES = 4  # to write on, below each exercise on paper
LARGE_SVG = 300_000  # bytes: beyond, a PNG makes the page smaller


def lesson_page(lesson: Lesson, scripts: Sequence[Script], dark: bool = False) -> str:
    """The text of a lesson's page.

    Parameters
    ----------
    lesson
        What the hand-out adds to the pictures.
    scripts
        The pages of its chapter, drawn.
    dark
        Whether the page opens in its dark form, whatever the reader's setting.
    """
    chapter = lesson.chapter
    return Template(template("lesson.html")).substitute(
        theme=' data-theme="dark"' if dark else "",
        style=template("page.css") + template("lesson.css"),
        number=chapter.number,
        title=escaped(chapter.name),
        opening=escaped(chapter.opening),
        contents=_contents(scripts),
        before="".join(f"<li>{inline(question)}</li>" for question in lesson.before),
        formulas="\n".join(
            f"<figure>{mathml(formula.tex)}<figcaption>{inline(formula.words)}</figcaption></figure>"
            for formula in lesson.formulas
        ),
        pictures="\n".join(_picture(script) for script in scripts),
        told=inline(lesson.told),
        code=_code(f"{IMPORTS}\n\n{lesson.code}"),
        exercises="\n".join(_exercises(lesson.exercises)),
        solutions="\n".join(_solutions(lesson.exercises)),
        commands=_commands(lesson, scripts),
        sources="".join(f"<li>{source}</li>" for source in _sources(scripts)),
        version=escaped(__version__),
        name=escaped(lesson.name),
        script=stepper_script() if any(s.page and s.page.stepper for s in scripts) else "",
    )


def _contents(scripts: Sequence[Script]) -> str:
    return "".join(
        f'<li><a href="#{identifier(page.name)}">{escaped(page.title)}</a></li>'
        for page in (script.page.page for script in scripts if script.page)
    )


def _code(text: str) -> str:
    return f'<pre class="code" tabindex="0"><code>{highlighted(text).rstrip()}</code></pre>'


# -- pictures -------------------------------------------------------------------------------------


def _picture(script: Script) -> str:
    """A page of the gallery: question, picture, numbers, lesson."""
    if script.page is None:
        sentence = escaped(f"{script.path.name} failed: {script.error}")
        return f'<article><p class="broken">{sentence}</p></article>'
    page = script.page.page
    words = "".join(paragraphs(script.page.lesson))
    moves = command(f"diffkit gallery --only {page.name} --open")
    told = f'<p class="moves">It moves: {moves}</p>' if script.page.moves else ""
    return "\n".join(
        [
            f'<article id="{identifier(page.name)}">',
            f"<h3>{escaped(page.title)}</h3>",
            f'<p class="question">{inline(page.question)}</p>',
            f"<figure>{_image(script.page, 'light')}{_image(script.page, 'dark')}</figure>",
            f'<div class="beside"><div>{words}{told}</div>{_numbers(script.page.claims)}</div>',
            stepping(script.page.stepper, identifier(page.name)),
            "</article>",
        ]
    )


def _image(page: Rendered, mode: str) -> str:
    """One of the two pictures, as SVG unless that is large."""
    png, svg = page.files[f"{mode}.png"], page.files[f"{mode}.svg"]
    width, height = png_size(png)
    small = len(svg) <= LARGE_SVG
    source = data_address(svg, "image/svg+xml") if small else data_address(png)
    size = f'width="{width}" height="{height}"'
    return f'<img class="{mode}" src="{source}" alt="{escaped(page.page.alt)}" {size}>'


def _numbers(claims: Sequence[Claim]) -> str:
    items = "".join(
        f"<li>{_mark(claim.held)} {_whole(inline(claim.sentence))}</li>" for claim in claims
    )
    return f'<ul class="claims" aria-label="The numbers">{items}</ul>' if items else ""


def _mark(held: bool) -> str:
    if held:
        return '<span class="held" role="img" aria-label="held">✓</span>'
    return '<span class="broken" role="img" aria-label="did not hold">✗</span>'


# -- exercises ------------------------------------------------------------------------------------


def _text(words: str) -> str:
    return _whole("".join(paragraphs(words)))


def _whole(words: str) -> str:
    """Markup in which no line ends within a number such as 1e-12.

    >>> _whole("is 1e-12 better?")
    'is <span class="whole">1e-12</span> better?'
    """
    return re.sub(r"(?<![\w.])\d[\d.]*e-\d+", r'<span class="whole">\g<0></span>', words)


def _exercises(exercises: Sequence[Exercise]) -> Iterator[str]:
    """Question, hint and solution folded away, and lines to write on for paper."""
    for number, each in enumerate(exercises, 1):
        yield (
            f'<section class="exercise" id="exercise-{number}">'
            f'<h3><span class="place">{number}</span> <span class="kind">{each.kind}</span></h3>'
            f"{_text(each.question)}"
            f"<details><summary>Hint</summary>{_text(each.hint)}</details>"
            f"<details><summary>Solution</summary>{_solution(each)}</details>"
            f'<div class="lines" aria-hidden="true">{"<span></span>" * LINES}</div></section>'
        )


def _solutions(exercises: Sequence[Exercise]) -> Iterator[str]:
    """The solutions for paper; on the screen this part is not shown."""
    for number, each in enumerate(exercises, 1):
        yield (
            f'<section class="exercise"><h3><span class="place">{number}</span> '
            f'<span class="kind">{each.kind}</span></h3>{_solution(each)}</section>'
        )


def _solution(each: Exercise) -> str:
    held = all(claim.held for claim in each.claims)
    told = "its numbers, computed" if held else "its numbers do not come out as expected"
    return f'{_text(each.solved)}<p class="told">{_mark(held)} {told}:</p>{_code(each.code)}'


# -- the end --------------------------------------------------------------------------------------


def _commands(lesson: Lesson, scripts: Sequence[Script]) -> str:
    """The lesson's commands, then what the pages say to try, each once; names are a script's."""
    tries = {script.page.page.try_this: script.path.name for script in scripts if script.page}
    places = dict.fromkeys(lesson.commands, "") | tries
    return "".join(f"<li>{command(text)}{_place(text, name)}</li>" for text, name in places.items())


def _place(text: str, name: str) -> str:
    """Where a line of Python finds its names; a command needs none."""
    known = not name or text.startswith("diffkit ")
    return "" if known else f" <small>in&nbsp;{escaped(name)}</small>"


def _sources(scripts: Sequence[Script]) -> list[str]:
    pages = [script.page.page.source for script in scripts if script.page]
    return [inline(source) for source in dict.fromkeys(pages) if source]
