"""The gallery's scripts, run in processes of their own.

Each page is loaded, its numbers computed and its pictures drawn in a worker process, so that
pages run side by side and one that fails, or even kills its process, leaves the others alone.
What comes back is plain data: strings and dictionaries, never figures.
"""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from diffkit.errors import DiffkitError, InputError

__all__ = ["FORMATS", "Result", "Work", "find_scripts", "run_pages", "scripts_folder"]

FORMATS = ("png", "svg")


@dataclass(frozen=True)
class Work:
    """What a worker does with a script: list, check its numbers, or render as well."""

    numbers: bool = True
    pictures: Path | None = None


@dataclass
class Result:
    """What came of a script; ``error`` is one line, empty if it ran."""

    path: Path
    page: dict[str, Any] = field(default_factory=dict)
    lesson: str = ""
    claims: list[dict[str, Any]] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    moves: bool = False
    seconds: float = 0.0
    error: str = ""
    traceback: str = ""

    @property
    def name(self) -> str:
        """The page's name; the script's, without ``plot_``, if the page could not be read."""
        return self.page.get("name") or self.path.stem.removeprefix("plot_")

    @property
    def held(self) -> bool:
        """Whether the script ran and every claim held."""
        return not self.error and all(claim["held"] for claim in self.claims)


def scripts_folder() -> Path:
    """The folder of the gallery's scripts: in the installed package, else in the checkout.

    Raises
    ------
    InputError
        If neither is there.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "_gallery", package.parent / "gallery"):
        if any(folder.glob("plot_*.py")):
            return folder
    raise InputError("the gallery's scripts are not installed", hint="reinstall diffkit.")


def find_scripts(folder: Path | None = None) -> list[Path]:
    """All scripts ``plot_*.py`` of the gallery, in the order of their names."""
    return sorted((folder or scripts_folder()).glob("plot_*.py"))


def run_pages(
    scripts: Sequence[Path],
    work: Work,
    jobs: int | None = None,
    finished: Callable[[Result], None] = lambda result: None,
) -> list[Result]:
    """Run all scripts in worker processes; the results are in the order of ``scripts``.

    ``finished`` is called with each result as it comes.  Scripts that were in a pool when a
    worker died are run again, alone, so that only the culprit is blamed.
    """
    jobs = max(1, min(jobs or os.cpu_count() or 1, len(scripts)))
    results: dict[Path, Result] = {}
    for result in _in_pool(scripts, work, jobs):
        if result is not None:
            results[result.path] = result
            finished(result)
    for path in (path for path in scripts if path not in results):
        for result in _in_pool([path], work, 1):
            results[path] = result or Result(path, error="its process ended unexpectedly")
            finished(results[path])
    return [results[path] for path in scripts]


def _in_pool(scripts: Sequence[Path], work: Work, jobs: int) -> Iterator[Result | None]:
    """The results of one pool as they come; None for a script whose worker died."""
    with ProcessPoolExecutor(jobs, get_context("spawn"), initializer=_prepare_worker) as pool:
        waiting: list[Future[Result]] = [pool.submit(run_page, path, work) for path in scripts]
        for future in as_completed(waiting):
            try:
                yield future.result()
            except BrokenProcessPool:
                yield None


def _prepare_worker() -> None:
    """Draw without a window, keep standard output clean, and end silently on Ctrl-C."""
    os.environ["MPLBACKEND"] = "Agg"
    os.dup2(2, 1)  # what a script prints goes to standard error
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def run_page(path: Path, work: Work) -> Result:
    """Load one script and do the work; an error becomes part of the result."""
    result = Result(path)
    began = time.perf_counter()
    try:
        _run_page(result, work)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        result.error = _one_line(error, path)
        result.traceback = traceback.format_exc()
    result.seconds = time.perf_counter() - began
    return result


def _run_page(result: Result, work: Work) -> None:
    from diffkit.plots.pages import load_page

    loaded = load_page(result.path)
    result.page, result.lesson = loaded.page.to_dict(), loaded.lesson
    if work.numbers:
        claims = loaded.numbers()
        result.claims = [claim.to_dict() for claim in claims]
        result.sentences = [claim.sentence for claim in claims]
    if work.pictures is not None:
        for dark in (False, True):
            _save(loaded.draw(dark=dark), work.pictures, result.name, dark)
        if loaded.frames:
            result.moves = True
            _save_moving(loaded.frames, work.pictures, result.name)


def _save_moving(frames: Callable[..., Any], folder: Path, name: str) -> None:
    from diffkit.plots.animation import save_animation

    for dark, stem in ((False, name), (True, f"{name}-dark")):
        save_animation(frames(dark=dark), folder / f"{stem}.gif", dark=dark)


def _save(figure: Any, folder: Path, name: str, dark: bool) -> None:
    import matplotlib.pyplot as plt

    from diffkit.plots.style import save

    stem = f"{name}-dark" if dark else name
    for suffix in FORMATS:
        save(figure, folder / f"{stem}.{suffix}", dark=dark)
    plt.close(figure)


def _one_line(error: BaseException, path: Path) -> str:
    """The error, and the line of the script that led to it."""
    text = error.one_line if isinstance(error, DiffkitError) else str(error)
    trace = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in trace if Path(frame.filename).resolve() == path.resolve()]
    where = f" (at {path.name}:{frames[-1].lineno})" if frames else ""
    return " ".join(f"{type(error).__name__}: {text}{where}".split())
