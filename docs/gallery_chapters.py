"""The gallery's index as a book: chapters with their openings, and pages in the order of reading.

Sphinx-Gallery runs the scripts of one flat folder and lists them; this extension writes its list
anew, chapter by chapter, with the alternative text of every picture and a thumbnail for each theme.
The table of contents follows the same order, so that "previous" and "next" lead through the book.
"""

from pathlib import Path
from typing import Any

from sphinx.util.rst import escape

from diffkit.plots.chapters import CHAPTERS, Chapter, chapter_of
from diffkit.plots.pages import read_title, written_page

GALLERY = Path(__file__).resolve().parent.parent / "gallery"
WIDTH = 480  # pixels of a thumbnail, which is shown at half of it
MODES = {"light": "001", "dark": "002"}  # as gallery_pages.scrape numbers the pictures
CHAPTER = """
.. _gallery-{slug}:

{title}
{line}

{opening}

.. container:: gallery-chapter

{cards}

.. toctree::
   :hidden:

{pages}
"""
CARD = """   .. container:: gallery-card

{pictures}
      :doc:`{title} <{stem}>`
"""
PICTURE = """      .. image:: images/thumb/{file}
         :alt: {alt}
         :class: only-{mode}
         :target: {stem}.html
"""


def place_of(script: str | Path) -> str:
    """A link to the chapter of a script."""
    chapter = chapter_of(script)
    return f":ref:`Chapter {chapter.number}: {chapter.name} <gallery-{chapter.slug}>`"


def scripts_of(chapter: Chapter) -> list[Path]:
    """The scripts of a chapter, in the order of reading."""
    return sorted(GALLERY.glob(f"plot_{chapter.number:02d}[0-9][0-9]_*.py"))


def write_index(app: Any) -> None:
    """Write the index, after Sphinx-Gallery has written its own."""
    folder = Path(app.srcdir) / app.config.sphinx_gallery_conf["gallery_dirs"]
    header = (GALLERY / "GALLERY_HEADER.rst").read_text(encoding="utf-8")
    text = header + contents() + "".join(section(chapter, folder) for chapter in CHAPTERS)
    (folder / "index.rst").write_text(text, encoding="utf-8")


def contents() -> str:
    """A line with a link to every chapter, for those who have no table of contents at the side."""
    links = (f":ref:`{chapter.name} <gallery-{chapter.slug}>`" for chapter in CHAPTERS)
    return f"\n{' · '.join(links)}\n"


def section(chapter: Chapter, folder: Path) -> str:
    """A chapter: its opening, a card for each page, and its part of the table of contents."""
    title = f"{chapter.number}. {chapter.name}"
    scripts = scripts_of(chapter)
    return CHAPTER.format(
        slug=chapter.slug, title=title, line="-" * len(title), opening=escape(chapter.opening),
        cards="\n".join(card(script, folder) for script in scripts),
        pages="\n".join(f"   {script.stem}" for script in scripts),
    )  # fmt: skip


def card(script: Path, folder: Path) -> str:
    """A thumbnail for each theme, where the page has been drawn, and its title."""
    alt = written_page(script)["alt"]
    pictures = [
        PICTURE.format(file=file.name, alt=alt, mode=mode, stem=script.stem)
        for mode, file in thumbnails(script.stem, folder / "images").items()
    ]
    title = escape(read_title(script)[0])
    return CARD.format(pictures="\n".join(pictures), title=title, stem=script.stem)


def thumbnails(stem: str, images: Path) -> dict[str, Path]:
    """The thumbnail of each theme, made from the page's pictures if there are any."""
    found = {}
    for mode, number in MODES.items():
        picture = images / f"sphx_glr_{stem}_{number}.png"
        if picture.is_file():
            found[mode] = smaller(picture, images / "thumb" / f"{stem}-{mode}.png")
    return found


def smaller(picture: Path, thumbnail: Path) -> Path:
    """The picture at the width of a thumbnail; made anew when the picture is newer."""
    from PIL import Image

    if not thumbnail.is_file() or thumbnail.stat().st_mtime < picture.stat().st_mtime:
        thumbnail.parent.mkdir(exist_ok=True)
        with Image.open(picture) as image:
            height = round(image.height * WIDTH / image.width)
            image.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS).save(thumbnail)
    return thumbnail


def setup(app: Any) -> dict[str, Any]:
    """Write the index when Sphinx-Gallery (priority 500) is done."""
    app.connect("builder-inited", write_index, priority=900)
    return {"parallel_read_safe": True}
