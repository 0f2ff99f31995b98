"""The pictures of a lesson: what the gallery has drawn already, and the rest drawn side by side.

:func:`draw` is for the command; :func:`picture` is for a notebook, where the page of the gallery is
shown under the cell that names it, with its numbers.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

from diffkit.cli.gallery_markup import png_size
from diffkit.plots.rendered import Rendered, rendered

__all__ = ["NotebookPicture", "Script", "data_address", "draw", "picture"]

SCREEN = 2  # pixels of a picture for one of the page, so that it is sharp on dense screens


@dataclass(frozen=True)
class Script:
    """A script of the gallery with what came of it: its page, or in one line why there is none."""

    path: Path
    page: Rendered | None
    error: str = ""

    @property
    def held(self) -> bool:
        """Whether it was drawn, and all its numbers held."""
        return self.page is not None and self.page.held


def draw(
    scripts: Sequence[Path], finished: Callable[[int], None] = lambda done: None
) -> list[Script]:
    """The pages of these scripts, in order; what is not kept is drawn, one script per core.

    ``finished`` is told, now and then, how many are there.

    Raises
    ------
    KeyboardInterrupt
        On Ctrl-C; the pages that were drawn are kept.
    """
    from diffkit.cli.gallery_run import Result, Stopped, Work, run_pages
    from diffkit.plots import render_cache

    folder = render_cache.default_folder()
    kept = {path: page for path in scripts if (page := render_cache.load(folder, path))}
    kept = {path: page for path, page in kept.items() if page.has(("png", "svg"))}
    missing = [path for path in scripts if path not in kept]
    finished(len(kept))
    done: list[Result] = []

    def told(result: Result) -> None:
        done.append(result)
        finished(len(kept) + len(done))

    with TemporaryDirectory() as pictures:
        work = Work(pictures=Path(pictures), cache=folder)
        try:
            results = run_pages(missing, work, finished=told)
        except Stopped:
            raise KeyboardInterrupt from None
    failed = {result.path: result.error for result in results if result.error}
    return [
        Script(path, None, failed[path])
        if path in failed
        else Script(path, kept.get(path) or rendered(path))
        for path in scripts
    ]


def data_address(content: bytes, kind: str = "image/png") -> str:
    """Bytes as an address that holds them, so that no file is needed beside the page.

    >>> data_address(b"hello", "text/plain")
    'data:text/plain;base64,aGVsbG8='
    """
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


class NotebookPicture:
    """A page of the gallery as a notebook shows it: picture, then numbers with their marks."""

    def __init__(self, page: Rendered, dark: bool = False) -> None:
        self.page, self.dark = page, dark

    def __repr__(self) -> str:
        held = sum(claim.held for claim in self.page.claims)
        return f"<Picture {self.page.page.name!r}, {held} of {len(self.page.claims)} numbers held>"

    def _repr_html_(self) -> str:
        content = self.page.files["dark.png" if self.dark else "light.png"]
        width = png_size(content)[0] // SCREEN
        image = (
            f'<img src="{data_address(content)}" alt="{escape(self.page.page.alt)}" '
            f'style="width:{width}px;max-width:100%;height:auto;border-radius:6px">'
        )
        items = "".join(
            f"<li>{'✓' if claim.held else '✗'} {escape(claim.sentence)}</li>"
            for claim in self.page.claims
        )
        style = "list-style:none;padding:0;margin:0.4em 0;opacity:0.85;font-size:90%"
        return f'<figure style="margin:0">{image}<ul style="{style}">{items}</ul></figure>'


def picture(name: str, dark: bool | None = None) -> NotebookPicture:
    """A page of the gallery by its name, for a notebook; drawn now if it is not kept.

    Parameters
    ----------
    name
        The name of a page, as ``diffkit gallery --list`` prints it.
    dark
        Whether the notebook is dark; by default as ``dk.plots.set_theme`` made it.

    Raises
    ------
    InputError
        If no page has this name.

    >>> picture("broadcasting")
    <Picture 'broadcasting', ... numbers held>
    """
    from diffkit.cli.gallery_run import find_scripts, written
    from diffkit.cli.shared import choose
    from diffkit.plots.style import is_dark

    names = {written(path).get("name", path.stem): path for path in find_scripts()}
    chosen = choose(name, names, "page", hint="see diffkit gallery --list.")
    return NotebookPicture(rendered(names[chosen]), is_dark() if dark is None else dark)
