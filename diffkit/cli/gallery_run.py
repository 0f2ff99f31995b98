"""The gallery's scripts, run in processes of their own.

Each page has a process to itself: pages run side by side, none sees what another left behind (so a
picture does not depend on its neighbours), and one that fails, or even kills its process, leaves
the others alone.  On Linux the processes are forked from one that has imported the large libraries
already.  What comes back is plain data, and what was drawn is kept
(:mod:`diffkit.plots.render_cache`), so that a run that was stopped goes on where it was.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from diffkit.cli.shared import writing
from diffkit.errors import DiffkitError, InputError
from diffkit.plots.rendered import ALWAYS, FORMATS, Rendered, render, rendered

__all__ = ["Result", "Stopped", "Work", "find_scripts", "run_page", "run_pages", "scripts_folder"]

PRELOADED = (
    *("numpy", "scipy.special", "scipy.linalg", "sympy", "mpmath", "numba", "optree"),
    *("matplotlib.pyplot", "matplotlib.backends.backend_svg", "PIL.GifImagePlugin"),
)
"""What the process that others are forked from imports: large libraries, none of diffkit's own."""

MANY = 8  # fewer pages import what they need sooner than all of that is imported

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
PAUSE = 5.0  # seconds to wait for a process that was told to end


@dataclass(frozen=True)
class Work:
    """What is to be done with each script.

    ``numbers=False`` reads the page only; ``formats`` of the pictures go to the folder
    ``pictures``; ``cache`` is the folder of what is kept (None: nothing is read or kept), and
    ``fresh`` draws in any case.
    """

    numbers: bool = True
    pictures: Path | None = None
    formats: tuple[str, ...] = ALWAYS
    cache: Path | None = None
    fresh: bool = False


@dataclass
class Result:
    """What came of a script; ``error`` is one line, empty if it ran.

    ``stepper`` is the explanation that readers step through, as JSON, empty if there is none.
    """

    path: Path
    page: dict[str, Any] = field(default_factory=dict)
    lesson: str = ""
    claims: list[dict[str, Any]] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    formats: tuple[str, ...] = ()
    moves: bool = False
    stepper: str = ""
    seconds: float = 0.0
    cached: bool = False
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


class Stopped(Exception):
    """The run was interrupted; ``results`` are those of the pages that were done."""

    def __init__(self, results: list[Result]) -> None:
        super().__init__("interrupted")
        self.results = results


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
    lengths: Mapping[Path, float] | None = None,
) -> list[Result]:
    """Run all scripts in processes of their own; the results are in the order of ``scripts``.

    Parameters
    ----------
    scripts, work
        What to run, and what to do.
    jobs
        How many run at once; one per core if None.
    finished
        Called with each result as it comes.
    lengths
        The seconds that scripts take, where that is known: long ones begin first.

    Raises
    ------
    Stopped
        On Ctrl-C, with the results that there are.
    """
    results: dict[Path, Result] = {}
    known = lengths or {}
    queue = sorted(scripts, key=lambda path: -known.get(path, 0.0))
    try:
        for result in _side_by_side(queue, work, jobs or os.cpu_count() or 1):
            results[result.path] = result
            finished(result)
    except KeyboardInterrupt:
        raise Stopped([results[path] for path in scripts if path in results]) from None
    return [results[path] for path in scripts]


def _side_by_side(queue: Sequence[Path], work: Work, jobs: int) -> Iterator[Result]:
    """The results as they come, with at most ``jobs`` processes at a time."""
    context, waiting = _context(len(queue)), list(reversed(queue))
    running: dict[Connection, tuple[Path, Any]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                path = waiting.pop()
                ours, theirs = context.Pipe(duplex=False)
                with _one_thread():
                    process = context.Process(target=_in_process, args=(theirs, path, work))
                    process.start()
                theirs.close()
                running[ours] = path, process
            for ready in wait(list(running)):
                assert isinstance(ready, Connection)
                path, process = running.pop(ready)
                yield _received(ready, path)
                process.join(PAUSE)
    finally:
        for _, process in running.values():
            process.terminate()
            process.join(PAUSE)


def _context(pages: int) -> Any:
    """How processes begin: forked from one that is prepared, where that is safe and pays."""
    if sys.platform != "linux":
        return get_context("spawn")
    context = get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED) if pages >= MANY else [])
    return context


@contextmanager
def _one_thread() -> Iterator[None]:
    """Processes that begin in this block leave BLAS one thread: the cores are taken by pages."""
    before = {name: os.environ.get(name) for name in ONE_THREAD}
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _received(pipe: Connection, path: Path) -> Result:
    with pipe:
        try:
            return pipe.recv()
        except (EOFError, OSError):
            return Result(path, error="its process ended unexpectedly")


def _in_process(pipe: Connection, path: Path, work: Work) -> None:
    """Draw without a window and by our own settings, keep standard output clean, end on Ctrl-C."""
    import matplotlib

    os.dup2(2, 1)  # what a script prints goes to standard error
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    matplotlib.rcdefaults()  # what a matplotlibrc says is the user's, not the picture's
    matplotlib.use("Agg")
    with pipe:
        pipe.send(run_page(path, work))


def run_page(path: Path, work: Work) -> Result:
    """Load one script and do the work; an error becomes part of the result."""
    result = Result(path)
    began = time.perf_counter()
    try:
        _run_page(result, work)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        result.page = written(path)
        result.error = _one_line(error, path)
        result.traceback = traceback.format_exc()
        result.seconds = time.perf_counter() - began
    return result


def written(path: Path) -> dict[str, Any]:
    """The particulars of a page, as far as they can be read without running its script."""
    from diffkit.plots.pages import written_page

    with suppress(SyntaxError, OSError):
        return written_page(path)
    return {}


def _run_page(result: Result, work: Work) -> None:
    from diffkit.plots.pages import load_page

    if not work.numbers:
        loaded = load_page(result.path)
        result.page, result.lesson = loaded.page.to_dict(), loaded.lesson
        return
    formats = formats_of(written(result.path).get("name") or result.name, work)
    if work.cache is None:
        page = render(result.path, formats)
    else:
        page = rendered(result.path, formats, work.cache, fresh=work.fresh)
    fill(result, page, work)


def fill(result: Result, page: Rendered, work: Work) -> Result:
    """Take over what was rendered, and write its pictures where they are wanted."""
    result.page, result.lesson = page.page.to_dict(), page.lesson
    result.claims = [claim.to_dict() for claim in page.claims]
    result.sentences = [claim.sentence for claim in page.claims]
    result.seconds, result.cached, result.moves = page.seconds, page.cached, page.moves
    result.stepper = page.stepper
    if work.pictures is not None:
        result.formats = formats_of(result.name, work)
        with writing():
            page.write(work.pictures, result.name, result.formats)
    return result


def formats_of(name: str, work: Work) -> tuple[str, ...]:
    """The formats that a page is written in: those asked for, and those that it has already.

    >>> formats_of("ulps", Work(pictures=Path("no such folder"), formats=("svg",)))
    ('svg',)
    """
    if work.pictures is None:
        return ()
    there = [suffix for suffix in FORMATS if (work.pictures / f"{name}.{suffix}").is_file()]
    return tuple(suffix for suffix in FORMATS if suffix in work.formats or suffix in there)


def _one_line(error: BaseException, path: Path) -> str:
    """The error, and the line of the script that led to it."""
    text = error.one_line if isinstance(error, DiffkitError) else str(error)
    trace = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in trace if Path(frame.filename).resolve() == path.resolve()]
    where = f" (at {path.name}:{frames[-1].lineno})" if frames else ""
    return " ".join(f"{type(error).__name__}: {text}{where}".split())
