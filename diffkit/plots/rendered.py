"""A page of the gallery, rendered: its pictures as bytes, its numbers, and whether they held.

:func:`rendered` is the one door for whoever shows pages (the command ``diffkit gallery``, the
documentation): it draws a script once per computer and afterwards reads what is kept
(:mod:`diffkit.plots.render_cache`).  A picture is a function of its script, the library, the data
and the versions of what draws, so the same input gives the same bytes; PNG and SVG are always
drawn, in that order, since saving a figure may settle its layout.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from diffkit.errors import InputError
from diffkit.plots.pages import Claim, LoadedPage, Page, load_page

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ALWAYS", "FORMATS", "Rendered", "render", "rendered", "write_whole"]

FORMATS = ("png", "svg", "pdf")
ALWAYS = ("png", "svg")
MODES = {"light": False, "dark": True}
STEPPER = "stepper.json"
"""The file with what readers step through, in no mode."""


@dataclass(frozen=True)
class Rendered:
    """What came of a script: its page, lesson, claims, and files by mode and format.

    ``files`` holds the bytes of ``"light.png"``, ``"dark.svg"``, …, and of ``"light.gif"`` and
    ``"dark.gif"`` if the page moves, and ``"stepper.json"`` if it can be stepped through;
    ``seconds`` is what it took when it was computed, and ``cached`` says whether that was in an
    earlier run.

    >>> page = Page("a", "Cost", "A title", (), "Why?", "", "")
    >>> Rendered(page, "", (Claim("a", "one", 1, 1, 0.0, ""),), {"light.gif": b""}, 0.1).moves
    True
    """

    page: Page
    lesson: str
    claims: tuple[Claim, ...]
    files: Mapping[str, bytes]
    seconds: float
    cached: bool = False

    @property
    def moves(self) -> bool:
        """Whether the picture moves."""
        return "light.gif" in self.files

    @property
    def stepper(self) -> str:
        """The explanation that readers step through, as JSON; empty if there is none."""
        return self.files.get(STEPPER, b"").decode()

    @property
    def held(self) -> bool:
        """Whether every claim held."""
        return all(claim.held for claim in self.claims)

    def has(self, formats: Sequence[str]) -> bool:
        """Whether the still pictures of these formats are there."""
        return all(f"{mode}.{name}" in self.files for mode in MODES for name in formats)

    def write(self, folder: str | Path, stem: str, formats: Sequence[str] = FORMATS) -> list[Path]:
        """Write the pictures as ``stem.png``, ``stem-dark.png``, …; returns the paths.

        Parameters
        ----------
        folder
            A folder that exists.
        stem
            How the names of the light files begin; those of the dark ones go on with ``-dark``.
        formats
            The still formats that are wanted; a moving picture is always written.
        """
        written = []
        for name, content in self.files.items():
            mode, _, suffix = name.partition(".")
            if mode in MODES and (suffix == "gif" or suffix in formats):
                path = Path(folder) / f"{stem}{'-dark' if MODES[mode] else ''}.{suffix}"
                write_whole(path, content)
                written.append(path)
        return written


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: where the disk is full, what stood there stays.

    Raises
    ------
    OSError
        If it cannot be written, naming the file.

    >>> with TemporaryDirectory() as folder:
    ...     write_whole(Path(folder) / "a.txt", b"whole")
    ...     [path.name for path in Path(folder).iterdir()]
    ['a.txt']
    """
    scratch = path.with_name(f".new-{os.getpid()}-{path.name}")
    try:
        scratch.write_bytes(content)
        os.replace(scratch, path)
    except OSError as error:
        with suppress(OSError):
            scratch.unlink()
        raise OSError(error.errno, error.strerror, str(path)) from None


def rendered(
    script: str | Path,
    formats: Sequence[str] = ALWAYS,
    cache: str | Path | None = None,
    *,
    fresh: bool = False,
) -> Rendered:
    """A script's page with pictures and numbers: what is kept if it is current, else drawn now.

    Parameters
    ----------
    script
        The path of a script ``plot_*.py``; where it lies does not matter.
    formats
        Of :data:`FORMATS`; none means that the numbers are enough.
    cache
        The folder of what is kept; ``gallery`` in diffkit's cache folder if None.
    fresh
        Whether to draw in any case (and keep that).

    Raises
    ------
    InputError
        If a format is not known, or the script is missing or incomplete.

    >>> from diffkit.cli.gallery_run import scripts_folder
    >>> page = rendered(scripts_folder() / "plot_0204_broadcasting.py", formats=())
    >>> page.page.name, page.held
    ('broadcasting', True)
    """
    from diffkit.plots import render_cache

    folder = Path(cache) if cache is not None else render_cache.default_folder()
    _check(formats)
    kept = None if fresh else render_cache.load(folder, Path(script))
    if kept is not None and kept.has(formats):
        return kept
    with render_cache.watching() as used:
        new = render(script, formats)
    if kept is not None:
        new = replace(new, files={**kept.files, **new.files})
    render_cache.keep(folder, Path(script), new, used)
    return new


def render(script: str | Path, formats: Sequence[str] = ALWAYS) -> Rendered:
    """Run a script now: its numbers, and its pictures unless ``formats`` is empty.

    Raises
    ------
    InputError
        If a format is not known, or the script is missing or incomplete.

    >>> from diffkit.cli.gallery_run import scripts_folder
    >>> len(render(scripts_folder() / "plot_0204_broadcasting.py", formats=()).claims) >= 3
    True
    """
    _check(formats)
    began = time.perf_counter()
    loaded = load_page(script)
    claims = tuple(loaded.numbers())
    files = dict(_drawn(loaded, formats)) if formats else {}
    if loaded.stepper:
        files[STEPPER] = json.dumps(loaded.stepper(), ensure_ascii=False).encode()
    return Rendered(loaded.page, loaded.lesson, claims, files, time.perf_counter() - began)


def _check(formats: Sequence[str]) -> None:
    for name in formats:
        if name not in FORMATS:
            raise InputError(
                f"{name!r} is no format of a picture", hint=f"there are {', '.join(FORMATS)}."
            )


def _drawn(loaded: LoadedPage, formats: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """The name and the bytes of each file, light and dark."""
    suffixes = [name for name in FORMATS if name in ALWAYS or name in formats]
    with TemporaryDirectory() as folder:
        for mode, dark in MODES.items():
            path = Path(folder) / mode
            for file in _saved(loaded.draw(dark=dark), path, suffixes, dark):
                yield file.name, file.read_bytes()
            if loaded.frames:
                file = _animated(loaded.frames, path.with_suffix(".gif"), dark)
                yield file.name, file.read_bytes()


def _saved(figure: Figure, path: Path, suffixes: Iterable[str], dark: bool) -> list[Path]:
    import matplotlib.pyplot as plt

    from diffkit.plots.style import save

    paths = [save(figure, path.with_suffix(f".{suffix}"), dark=dark) for suffix in suffixes]
    plt.close(figure)
    return paths


def _animated(frames: Callable[..., Any], path: Path, dark: bool) -> Path:
    from diffkit.plots.animation import save_animation

    return save_animation(frames(dark=dark), path, dark=dark)
