"""What stands on a page of the gallery: the picture, light and dark, and the numbers that hold.

Sphinx-Gallery runs a script ``gallery/plot_*.py`` and asks :func:`scrape` for its pictures.
"""

from pathlib import Path
from typing import Any

from concept_pages import linked
from gallery_chapters import place_of
from sphinx.errors import ExtensionError
from sphinx.util.rst import escape
from typography import typeset

PICTURE = """
.. image:: /{path}
   :alt: {alt}
   :class: only-{mode}{motion}
"""
ALONE = """
.. container:: picture-alone

   By itself, to zoom in: `light <{light}>`__ · `dark <{dark}>`__
"""
STILL, MOVING = " still-picture", " moving-picture"  # docs/_static/diffkit.css shows one of them


def scrape(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """The reStructuredText of a page's pictures and numbers; nothing for other blocks.

    What ``diffkit gallery`` has drawn is taken, if nothing changed since; else it is drawn now.
    Raises ExtensionError, which stops the build, when a number does not hold.
    """
    from matplotlib import pyplot

    from diffkit.plots.rendered import rendered

    pyplot.close("all")  # what the script itself has shown
    if "PAGE" not in block_vars["example_globals"]:
        return ""
    page = rendered(block_vars["src_file"], ("png",))
    broken = [claim.sentence for claim in page.claims if not claim.held]
    if broken:
        raise ExtensionError(f"{block_vars['src_file']}: does not hold: {'; '.join(broken)}")
    place = ["", place_of(block_vars["src_file"]) + ".", ""]
    return "\n".join([*place, *_pictures(page, block_vars, gallery_conf), *_caption(page)])


def _pictures(page: Any, block_vars: dict[str, Any], gallery_conf: Any) -> list[str]:
    page_folder = Path(block_vars["target_file"]).parent.relative_to(gallery_conf["src_dir"])
    above = "../" * len(page_folder.parts)
    shown, alone = [], {}
    for mode in ("light", "dark"):
        path = Path(next(block_vars["image_path_iterator"]))
        motions = {".png": STILL, ".gif": MOVING} if page.moves else {".png": ""}
        for suffix, motion in motions.items():
            file = path.with_suffix(suffix)
            file.write_bytes(page.files[mode + suffix])
            relative = file.relative_to(gallery_conf["src_dir"]).as_posix()
            alt = page.page.alt or page.page.title
            shown.append(PICTURE.format(path=relative, alt=alt, mode=mode, motion=motion))
            alone[mode] = f"{above}_images/{file.name}"
    return [*shown, ALONE.format(**alone)]


def _caption(rendered: Any) -> list[str]:
    page = rendered.page
    numbers = [_number(claim, page.source) for claim in rendered.claims]
    return [
        "", "**The numbers, computed by this script:**", "", *numbers, "",
        f"**Question.** {escape(page.question)}", "", f"**Try this.** ``{page.try_this}``", "",
        f"**Source.** {escape(page.source)}", "",
        f"**Concepts.** {linked(page.concepts)}", "",
    ]  # fmt: skip


def _number(claim: Any, of_the_page: str) -> str:
    """A number with its source, unless that is the page's own, which stands below once."""
    source = "" if claim.source == of_the_page else f" *({escape(claim.source)})*"
    return f"* {escape(typeset(claim.sentence))}{source}"
