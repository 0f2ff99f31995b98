"""The tutorials and how-to pages keep their form: what a reader is promised on every page.

That their examples run is tested in ``test_docs.py``.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from test_docs import BLOCK, DOCS, PAGES, ROOT, name_of

import diffkit
from diffkit.plots.pages import written_page

TUTORIALS = sorted((DOCS / "tutorials").glob("*.md"))
TEXTS = {name_of(page): page.read_text(encoding="utf-8") for page in PAGES}
PICTURE = re.compile(r"^```\{picture\} (\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([\w./-]+\.md)(?:#[\w-]+)?\)")
FOLDED = re.compile(
    r"^\*\*[^*]+\*\*\n\n<details><summary>Solution</summary>\n\n.+?\n\n</details>\n",
    re.MULTILINE | re.DOTALL,
)
FEWEST_BLOCKS, FEWEST_QUESTIONS = 8, 3


def gallery_names() -> set[str]:
    """The names of the pages of the gallery."""
    return {written_page(path)["name"] for path in (ROOT / "gallery").glob("plot_*.py")}


@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_a_tutorial_keeps_its_promises(page: Path) -> None:
    """It opens with what the reader can do, runs, shows, asks, answers, and says where to go on."""
    text = TEXTS[name_of(page)]
    opening = text.split("\n\n")[1].replace("\n", " ")
    assert opening.startswith("After ten minutes with this page you can ")
    assert len(BLOCK.findall(text)) >= FEWEST_BLOCKS
    assert len(FOLDED.findall(text)) == text.count("<details>") >= FEWEST_QUESTIONS
    assert PICTURE.search(text) and "$$" in text
    last = text.split("\n## ")[-1]
    assert last.startswith("Where to go on\n")
    assert {"../vocabulary.md", "../auto_gallery/index"} & set(re.findall(r"\(([^)]+)\)", last))
    assert "api.md" in last or "methods-reference" in last


def test_pictures_are_pages_of_the_gallery() -> None:
    shown = {name: PICTURE.findall(text) for name, text in TEXTS.items()}
    names = {picture for found in shown.values() for picture, _ in found}
    assert names and names <= gallery_names()
    assert all(caption.strip() for found in shown.values() for _, caption in found)


@pytest.mark.parametrize("name", TEXTS)
def test_links_lead_to_pages(name: str) -> None:
    folder = (DOCS / f"{name}.md").parent
    for target in LINK.findall(TEXTS[name]):
        assert (folder / target).is_file(), target


def test_every_verb_has_a_how_to_page() -> None:
    """Each public function is called, or shown by its command, on a page that is no reference."""
    how_to = "\n".join(
        text for name, text in TEXTS.items() if "/" not in name and name not in ("api", "index")
    )
    functions = [name for name in diffkit.__all__ if inspect.isfunction(getattr(diffkit, name))]
    assert {"compare", "jvp", "parse", "sweep"} <= set(functions)
    missing = [name for name in functions if not re.search(rf"\bdk\.{name}\b", how_to)]
    assert missing == []
