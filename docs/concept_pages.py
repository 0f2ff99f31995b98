"""The directive ``{in-gallery}`` lists the pages of the gallery that show a concept.

    ```{in-gallery} gradient, Jacobian
    ```

gives a link to every page with one of these words among its ``concepts``, in the order of reading.
The list is made while the book is built, so that a new page of the gallery is found without a
change here.  The first word of a concept page is its own; :func:`concept_pages` turns the table
round, for links from the gallery to the concepts.
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from pictures import gallery_link, scripts
from sphinx.util.docutils import SphinxDirective

from diffkit.plots.pages import written_page

CONCEPTS = Path(__file__).resolve().parent / "concepts"
DIRECTIVE = re.compile(r"^```\{in-gallery\} (.*)$", re.MULTILINE)


def words_of(argument: str) -> list[str]:
    """The concepts that the directive was given."""
    return [word.strip() for word in argument.split(",")]


def pages_with(words: list[str]) -> Iterator[Path]:
    """The scripts of the gallery that name one of the concepts, in the order of reading."""
    for script in scripts().values():
        if set(words) & set(written_page(script)["concepts"]):
            yield script


@cache
def concept_pages() -> dict[str, str]:
    """Word → the name of its page; a word of several belongs to the page that opens with it."""
    listed = {
        path.stem: words_of(found[1])
        for path in sorted(CONCEPTS.glob("*.md"))
        if (found := DIRECTIVE.search(path.read_text(encoding="utf-8")))
    }
    anywhere = {word: stem for stem, words in listed.items() for word in words}
    return anywhere | {words[0]: stem for stem, words in listed.items()}


def linked(words: tuple[str, ...]) -> str:
    """The words in reStructuredText, each linked to its page where it has one."""
    pages = concept_pages()
    return ", ".join(
        f":doc:`{word} </concepts/{pages[word]}>`" if word in pages else word for word in words
    )


class InGallery(SphinxDirective):
    """A list of the pages of the gallery that show one of the concepts."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self) -> list[nodes.Node]:
        """One entry for each page: its title, linked, and its chapter."""
        found = list(pages_with(words_of(self.arguments[0])))
        if not found:
            raise self.error(f"no page of the gallery shows {self.arguments[0]}")
        entries = nodes.bullet_list(classes=["in-gallery"])
        for script in found:
            self.env.note_dependency(str(script))
            page = written_page(script)
            title = gallery_link(self.env, script, nodes.inline("", page["title"]))
            chapter = nodes.inline("", page["chapter"], classes=["chapter"])
            entries += nodes.list_item("", nodes.paragraph("", "", title, nodes.Text(" "), chapter))
        return [entries]


def setup(app: Any) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("in-gallery", InGallery)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
