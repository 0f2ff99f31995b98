"""A lesson as a Jupyter notebook: the same words, and cells that draw and compute.

The file is JSON of the notebook format 4.5, written without outputs: running it is the reader's
part.  Pictures are drawn by cells (:func:`diffkit.cli.lesson_pictures.picture`), solutions are
folded away, and the code of a solution is in a cell that is hidden at first, with its numbers.

Reading on: the notebook file format, nbformat.readthedocs.io.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from diffkit.cli.gallery_run import written
from diffkit.cli.lessons import IMPORTS, Exercise, Lesson
from diffkit.plots.pages import read_title

__all__ = ["lesson_notebook"]

FORMAT = {"nbformat": 4, "nbformat_minor": 5}
HIDDEN = {"source_hidden": True, "outputs_hidden": True}  # until a reader unfolds them
KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def lesson_notebook(lesson: Lesson, dark: bool = False) -> str:
    """The text of a lesson's notebook file.

    Parameters
    ----------
    lesson
        What the hand-out adds to the pictures of its chapter.
    dark
        Whether its pictures and results are for a dark notebook.

    >>> from diffkit.cli.lessons import lesson_named
    >>> json.loads(lesson_notebook(lesson_named("cost")))["nbformat"]
    4
    """
    cells = [{"id": f"cell-{n:03d}", **cell} for n, cell in enumerate(_cells(lesson, dark), 1)]
    document = {"cells": cells, "metadata": KERNEL, **FORMAT}
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _words(*blocks: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": "\n\n".join(blocks)}


def _code(source: str, hidden: bool = False) -> dict[str, Any]:
    metadata = {"jupyter": HIDDEN, "tags": ["hide-cell"]} if hidden else {}
    return {
        "cell_type": "code",
        "metadata": metadata,
        "execution_count": None,
        "outputs": [],
        "source": source,
    }


def _cells(lesson: Lesson, dark: bool) -> Iterator[dict[str, Any]]:
    chapter = lesson.chapter
    yield _words(f"# {chapter.name}", f"*diffkit, lesson {chapter.number}.* {chapter.opening}")
    yield _words("## Before the first picture", "Think, guess, and write your guess down.",
                 _numbered(lesson.before))  # fmt: skip
    theme = '\n\ndk.plots.set_theme("dark")' if dark else ""
    yield _code(f"{IMPORTS}\nfrom diffkit.cli.lesson_pictures import picture{theme}")
    formulas = [f"$$ {formula.tex} $$\n\n{_flowing(formula.words)}" for formula in lesson.formulas]
    yield _words("## In formulas", *formulas)
    yield _words("## In a few lines", _flowing(lesson.told))
    yield _code(lesson.code)
    told = '`dk.plots.set_theme("dark")` makes them, and all that follows, dark.'
    yield _words("## In pictures", *([told] * (not dark)))
    for path in lesson.scripts():
        page, (title, text) = written(path), read_title(path)
        name = page.get("name", path.stem)
        yield _words(f"### {title}", f"> {page.get('question', '')}", text)
        yield _code(f'picture("{name}")')
    yield _words("## Exercises")
    for number, each in enumerate(lesson.exercises, 1):
        yield from _exercise(number, each)
    yield _words("## Try this", *_tries(lesson))
    yield _words("## Sources", "\n".join(f"- {source}" for source in _sources(lesson)))


def _exercise(number: int, each: Exercise) -> Iterator[dict[str, Any]]:
    yield _words(f"### {number}. {each.kind.capitalize()}", _flowing(each.question),
                 _folded("Hint", each.hint))  # fmt: skip
    yield _code("# Your answer:\n")
    yield _words(_folded("Solution", each.solved))
    yield _code(f"{each.code}\n\n\n{each.name}()", hidden=True)


def _folded(title: str, text: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{_flowing(text)}\n\n</details>"


def _flowing(text: str) -> str:
    """Paragraphs in one line each; blocks of code as they are."""
    blocks = re.split(r"\n[ ]*\n", text.strip("\n"))
    return "\n\n".join(
        block if block.startswith("    ") else " ".join(block.split()) for block in blocks
    )


def _numbered(items: Sequence[str]) -> str:
    return "\n".join(f"{number}. {_flowing(item)}" for number, item in enumerate(items, 1))


def _tries(lesson: Lesson) -> list[str]:
    """The commands to try, and the lines of Python with the script whose names they use."""
    lines = list(lesson.commands)
    for path in lesson.scripts():
        line = written(path).get("try_this")
        if line and line not in lines:
            lines += [line] if line.startswith("diffkit ") else [f"# in {path.name}", line]
    return ["```\n" + "\n".join(lines) + "\n```"]


def _sources(lesson: Lesson) -> list[str]:
    found = [written(path).get("source") for path in lesson.scripts()]
    return list(dict.fromkeys(filter(None, found)))
