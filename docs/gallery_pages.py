"""What stands on a page of the gallery: the picture, light and dark, and the numbers that hold.

Sphinx-Gallery runs a script ``gallery/plot_*.py`` and asks :func:`scrape` for its pictures.
"""

from pathlib import Path
from typing import Any

from sphinx.errors import ExtensionError
from sphinx.util.rst import escape

PICTURE = """
.. image:: /{path}
   :alt: {alt}
   :class: only-{mode}{motion}
"""
STILL, MOVING = " still-picture", " moving-picture"  # docs/_static/diffkit.css shows one of them


def scrape(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """The reStructuredText of a page's pictures and numbers; nothing for other blocks.

    Raises ExtensionError, which stops the build, when a number does not hold.
    """
    from matplotlib import pyplot

    pyplot.close("all")  # what the script itself has shown
    script = block_vars["example_globals"]
    if "PAGE" not in script:
        return ""
    page, claims = script["PAGE"], script["numbers"]()
    broken = [claim.sentence for claim in claims if not claim.held]
    if broken:
        raise ExtensionError(f"{block_vars['src_file']}: does not hold: {'; '.join(broken)}")
    return "\n".join([*_pictures(script, block_vars, gallery_conf), *_caption(page, claims)])


def _pictures(script: Any, block_vars: dict[str, Any], gallery_conf: Any) -> list[str]:
    from matplotlib import pyplot

    from diffkit.plots.animation import save_animation
    from diffkit.plots.style import save

    moves = "frames" in script
    shown = []
    for mode in ("light", "dark"):
        path, dark = Path(next(block_vars["image_path_iterator"])), mode == "dark"
        files = {save(script["draw"](dark=dark), path, dark=dark): STILL if moves else ""}
        pyplot.close("all")
        if moves:
            moving = save_animation(
                script["frames"](dark=dark), path.with_suffix(".gif"), dark=dark
            )
            files[moving] = MOVING
        for file, motion in files.items():
            relative = file.relative_to(gallery_conf["src_dir"]).as_posix()
            title = script["PAGE"].title
            shown.append(PICTURE.format(path=relative, alt=title, mode=mode, motion=motion))
    return shown


def _caption(page: Any, claims: list[Any]) -> list[str]:
    numbers = [f"* {escape(claim.sentence)} *({escape(claim.source)})*" for claim in claims]
    command = page.try_this.startswith("diffkit ")
    attempt = f"``{page.try_this}``" if command else escape(page.try_this)
    return [
        "", "**The numbers, computed by this script:**", "", *numbers, "",
        f"**Question.** {escape(page.question)}", "", f"**Try this.** {attempt}", "",
    ]  # fmt: skip
