"""Warming up: all kernels compiled, in parallel, once per computer.

Numba compiles under one lock, so the work is shared out over processes: parts of a few kernels
each, to as many workers as there are cores (``machine/build_worker.py``).  A family is written to
disk as soon as its last part is there.  One process builds and the others wait
(``machine/locking.py``); whoever comes next finds the files.

Nothing here depends on the user's program: workers are started by module name, so a script needs
no ``if __name__ == "__main__"``; and where no process can be started, or one dies, its kernels are
compiled in this process.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TypeAlias

from diffkit.engines.machine import storing
from diffkit.engines.machine.fingerprint import target_variables
from diffkit.engines.machine.kernels import FAMILIES
from diffkit.engines.machine.locking import exclusive
from diffkit.errors import DiffkitWarning, EngineError

__all__ = ["FamilyBuilt", "KernelBegun", "Report", "WarmUp", "lock_path", "warm_up"]

PATIENCE = 300.0  # seconds to wait for another process that builds: ten times what it takes
PART = 6  # kernels that a worker compiles into one object file: a few seconds at most
MOST_WORKERS = 16  # each takes 0.2 GB, and there are not many more parts than that


@dataclass(frozen=True, slots=True)
class KernelBegun:
    """A kernel is about to be compiled, the ``place``-th of ``total`` (from 1)."""

    family: str
    kernel: str
    place: int
    total: int


@dataclass(frozen=True, slots=True)
class FamilyBuilt:
    """A family is complete; ``kept`` says whether it is on disk."""

    family: str
    kernels: int
    bytes: int
    kept: bool


Report: TypeAlias = Callable[["KernelBegun | FamilyBuilt"], None]


@dataclass(frozen=True, slots=True)
class WarmUp:
    """What a warm-up came to: the object code of every family, and what was built for it."""

    objects: dict[str, list[bytes]]
    built: tuple[FamilyBuilt, ...]
    seconds: float

    @property
    def kept(self) -> bool:
        """Whether everything is on disk."""
        return all(family.kept for family in self.built)


def lock_path() -> Path:
    """The file that the process that builds has locked."""
    return storing.folder() / ".lock"


def warm_up(
    report: Report | None = None, *, patience: float = PATIENCE, families: Sequence[str] = FAMILIES
) -> WarmUp:
    """Compile whatever kernels are not on disk, and keep them there.

    Parameters
    ----------
    report
        Is told of each kernel that is begun and of each family that is complete.
    patience
        Seconds to wait for another process that builds already; then this one builds, too.
    families
        Which families.

    Raises
    ------
    EngineError
        When a kernel cannot be compiled.

    Warns
    -----
    DiffkitWarning
        When the cache folder cannot be written.
    """
    begun = time.perf_counter()
    objects, built = _stored(families), ()
    if len(objects) < len(families):
        with exclusive(lock_path(), patience):
            objects |= _stored([family for family in families if family not in objects])
            missing = [family for family in families if family not in objects]
            if missing:
                made = _Build(missing, report)
                made.run()
                objects |= {family: list(made.objects[family].values()) for family in missing}
                built = tuple(made.complete)
        _tidy(built)
    return WarmUp(objects, built, time.perf_counter() - begun)


def _stored(families: Sequence[str]) -> dict[str, list[bytes]]:
    found = {family: storing.stored(family) for family in families}
    return {family: objects for family, objects in found.items() if objects is not None}


def _tidy(built: Sequence[FamilyBuilt]) -> None:
    if all(family.kept for family in built):
        storing.prune()
        return
    warnings.warn(
        f"the machine's kernels cannot be kept in {storing.folder()}, so every process compiles "
        "them again; hint: set DIFFKIT_CACHE_DIR to a folder that can be written.",
        DiffkitWarning,
        stacklevel=2,
    )


@dataclass(frozen=True, slots=True)
class _Part:
    family: str
    place: int
    kernels: tuple[str, ...]


@dataclass
class _Build:
    """The parts of some families on their way through the workers."""

    families: Sequence[str]
    report: Report | None
    objects: dict[str, dict[int, bytes]] = field(default_factory=dict)
    complete: list[FamilyBuilt] = field(default_factory=list)
    begun: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> None:
        """Build everything, over workers as far as these go."""
        from diffkit.engines.machine.building import kernel_names

        self.kernels = {family: kernel_names(family) for family in self.families}
        self.total = sum(map(len, self.kernels.values()))
        self.objects = {family: {} for family in self.families}
        parts = list(_parts(self.kernels))
        self.waiting: SimpleQueue[_Part] = SimpleQueue()
        for part in parts:
            self.waiting.put(part)
        self.left: SimpleQueue[_Part] = SimpleQueue()
        self._over_workers(min(_cores(), len(parts), MOST_WORKERS))
        self._here()

    def _over_workers(self, count: int) -> None:
        workers = [worker for worker in (_Worker.started() for _ in range(count)) if worker]
        if not workers:
            return
        try:
            with ThreadPoolExecutor(len(workers)) as pool:
                try:
                    for finished in [pool.submit(self._serve, worker) for worker in workers]:
                        finished.result()
                except BaseException:  # an interrupt, or a kernel that cannot be compiled
                    _emptied(self.waiting)
                    for worker in workers:
                        worker.process.kill()
                    raise
        finally:
            for worker in workers:
                worker.close()

    def _serve(self, worker: _Worker) -> None:
        """Give a worker one part after the other."""
        while (part := _next(self.waiting)) is not None:
            try:
                content = worker.build(part, self._begin)
            except (OSError, ValueError):  # it died, or could not begin
                self.left.put(part)
                return
            self._done(part, content)

    def _here(self) -> None:
        """Compile in this process what no worker did."""
        from diffkit.engines.machine.building import build_objects

        for queue in (self.left, self.waiting):
            while (part := _next(queue)) is not None:
                family = part.family
                content = build_objects(family, part.kernels, lambda n, f=family: self._begin(f, n))
                self._done(part, content)

    def _begin(self, family: str, kernel: str) -> None:
        with self.lock:
            self.begun = min(self.begun + 1, self.total)
            if self.report is not None:
                self.report(KernelBegun(family, kernel, self.begun, self.total))

    def _done(self, part: _Part, content: bytes) -> None:
        family = part.family
        with self.lock:
            parts = self.objects[family]
            parts[part.place] = content
            if len(parts) < -(-len(self.kernels[family]) // PART):
                return
            objects = self.objects[family] = dict(sorted(parts.items()))
            kept = storing.store(family, list(objects.values()))
            size = sum(map(len, objects.values()))
            told = FamilyBuilt(family, len(self.kernels[family]), size, kept)
            self.complete.append(told)
            if self.report is not None:
                self.report(told)


def _parts(kernels: dict[str, list[str]]) -> list[_Part]:
    """A few kernels each, those of large families last: they fill the gaps at the end."""
    return [
        _Part(family, start, tuple(names[start : start + PART]))
        for family, names in sorted(kernels.items(), key=lambda item: len(item[1]))
        for start in range(0, len(names), PART)
    ]


def _next(queue: SimpleQueue[_Part]) -> _Part | None:
    try:
        return queue.get_nowait()
    except Empty:
        return None


def _emptied(queue: SimpleQueue[_Part]) -> None:
    while _next(queue) is not None:
        pass


def _cores() -> int:
    """The cores that this process may use, containers' limits included."""
    from joblib import cpu_count

    return cpu_count()


_WORKER = "diffkit.engines.machine.build_worker"


def _environment() -> dict[str, str]:
    """A worker's environment: it imports what this process can, and no setting changes its code."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("NUMBA_")}
    root = str(Path(__file__).parents[3])
    paths = os.pathsep.join([root, *(path for path in sys.path if path)])
    return kept | target_variables() | {"PYTHONPATH": paths, "OPENBLAS_NUM_THREADS": "1"}


class _Worker:
    """A process that compiles kernels (``machine/build_worker.py``)."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None and process.stdout is not None
        self.process, self.jobs, self.replies = process, process.stdin, process.stdout

    @classmethod
    def started(cls) -> _Worker | None:
        """A worker; None where no process can be started."""
        if getattr(sys, "frozen", False) or not sys.executable:  # no interpreter of its own
            return None
        # -P keeps the current folder out of what it imports
        words = [sys.executable, "-P", "-W", "ignore", "-m", _WORKER]
        pipe = subprocess.PIPE
        try:
            return cls(
                subprocess.Popen(
                    words, env=_environment(), stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL
                )
            )
        except (OSError, ValueError):
            return None

    def build(self, part: _Part, begin: Callable[[str, str], None]) -> bytes:
        """The object file of a part.

        Raises
        ------
        OSError, ValueError
            When the process is gone.
        EngineError
            When a kernel cannot be compiled.
        """
        job = {"family": part.family, "kernels": part.kernels}
        self.jobs.write(json.dumps(job).encode() + b"\n")
        self.jobs.flush()
        while True:
            reply = json.loads(self.replies.readline())  # a ValueError at the end of the file
            if "error" in reply:
                raise EngineError(reply["error"])
            if "bytes" in reply:
                return self._content(reply["bytes"])
            begin(part.family, reply["kernel"])

    def _content(self, count: int) -> bytes:
        content = self.replies.read(count)
        if len(content) < count:
            raise OSError("the process that compiles kernels is gone")
        return content

    def close(self) -> None:
        """Let the process end, and wait for it."""
        for stream in (self.jobs, self.replies):
            with contextlib.suppress(OSError):  # it died with a job in the pipe
                stream.close()
        self.process.wait()
