"""Removes what an earlier build made of scripts of the gallery that are gone since.

Sphinx-Gallery leaves their pages in its folder, where Sphinx finds them and warns that no index
has them.  So they are removed before Sphinx-Gallery runs, with their pictures and thumbnails.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

GALLERY = Path(__file__).resolve().parent.parent / "gallery"
MADE = re.compile(r"(plot_\w+?)(?:_\d{3}|_thumb|-light|-dark)?(?:\.\w+)+$")
"""The name of a script in that of a page, picture or thumbnail which was made of it."""


def stale(folder: Path, scripts: set[str]) -> Iterator[Path]:
    """The files below a folder that were made of a script which is not among these."""
    for file in sorted(folder.rglob("*plot_*")):
        made = MADE.search(file.name)
        if made and made[1] not in scripts and file.is_file():
            yield file


def remove_stale(app: Any) -> None:
    """Remove them."""
    folder = Path(app.srcdir) / app.config.sphinx_gallery_conf["gallery_dirs"]
    for file in stale(folder, {path.stem for path in GALLERY.glob("plot_*.py")}):
        file.unlink()


def setup(app: Any) -> dict[str, Any]:
    """Clear up before Sphinx-Gallery (priority 500) runs and Sphinx looks for pages."""
    app.connect("builder-inited", remove_stale, priority=100)
    return {"parallel_read_safe": True}
