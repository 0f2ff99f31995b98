"""What was drawn is kept: entries named by script and versions, that know what they were made from.

An entry is a folder

    <cache folder>/gallery/<script>-<hash>/entry.json, light.png, dark.svg, …

The hash is that of the script's text, the versions of everything that computes or draws, and the
CPU.  Which files of the library a page rests on is not guessed: while it runs, the modules that it
imports and the files that it opens (of which PEP 578 tells) are noted, and the entry lists them
with their hashes, as a compiler lists headers.  An entry whose files have all stayed the same is
current, since a run would do the same again; any other, and one that is damaged, is drawn anew.
Folders are filled under a temporary name and renamed, so an interrupted run leaves whole entries.

Reading on: the manual of ccache, "The direct mode", which decides in this way.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import site
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from diffkit.engines.cache import DAYS_KEPT, SECONDS_PER_DAY, cache_folder, environment
from diffkit.plots.pages import Claim, Page
from diffkit.plots.rendered import Rendered

__all__ = ["clear", "default_folder", "keep", "load", "prune", "sizes", "watching"]

SCHEMA = 1
ENTRY = "entry.json"
MOST_PER_SCRIPT = 3  # the last texts of a script that are kept: a few branches of development
HASH_DIGITS = 24  # 96 bits of SHA-256: a collision is out of reach
PACKAGES = (
    *("contourpy", "fonttools", "kiwisolver", "matplotlib", "mpmath", "optree", "pillow"),
    *("scikit-learn", "scipy", "sympy"),
)
"""What computes or draws, beside those of ``engines.cache.environment``."""

PACKAGE = Path(__file__).resolve().parents[1]
_BEGAN = time.time()
_opened: dict[str, bool] | None = None  # absolute path: whether it was written


def default_folder() -> Path:
    """The folder of kept pages: ``gallery`` in diffkit's cache folder.

    >>> default_folder().name
    'gallery'
    """
    return cache_folder() / "gallery"


# -- what a page was made from --------------------------------------------------------------------


@contextlib.contextmanager
def watching() -> Iterator[dict[str, str]]:
    """Note what the block reads: a dictionary of files and hashes, filled when the block ends.

    It stays empty, and nothing can be kept, when a file changed while the block ran.
    """
    global _opened
    _listen()
    _versions()  # now: a machine that is warmed up meanwhile was cold for what is drawn
    began, before = min(time.time(), _BEGAN), set(sys.modules)
    used: dict[str, str] = {}
    outer, _opened = _opened, {}
    try:
        yield used
        paths = _modules(before) | {Path(name) for name, wrote in _opened.items() if not wrote}
    finally:
        _opened = outer
    files = sorted(path for path in paths if _counts(path))
    if all(path.stat().st_mtime <= began for path in files):
        used.update({_name(path): file_hash(path) for path in files})


@cache
def _listen() -> None:
    """Have Python tell of every file that it opens; once, since a hook stays."""
    sys.addaudithook(_note)


def _note(event: str, details: tuple[Any, ...]) -> None:
    if event != "open" or _opened is None or not isinstance(details[0], str | bytes | os.PathLike):
        return
    path, mode, flags = details
    writes = bool(set(mode or "") & set("wax+")) or bool((flags or 0) & (os.O_WRONLY | os.O_RDWR))
    name = os.path.abspath(os.fsdecode(path))
    _opened[name] = writes or _opened.get(name, False)


def _modules(before: set[str]) -> set[Path]:
    """The files of diffkit's modules that are loaded, and of others imported since ``before``."""
    files = set()
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        own = name.partition(".")[0] == "diffkit"
        if file and (own or name not in before) and not name.startswith("diffkit_gallery_"):
            files.add(Path(file))
    return files


def _counts(path: Path) -> bool:
    """Whether a file may differ while versions stay: diffkit's own files, and the user's."""
    if path.suffix == ".pyc" or not path.is_file():
        return False
    return path.is_relative_to(PACKAGE) or not any(
        path.is_relative_to(folder) for folder in _fixed_folders()
    )


@cache
def _fixed_folders() -> tuple[Path, ...]:
    """Folders whose files versions speak for, or that are no input: installed ones and caches."""
    import matplotlib

    installed = [
        sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")
    ]
    caches = [matplotlib.get_cachedir(), matplotlib.get_configdir(), str(cache_folder())]
    system = ["/proc", "/sys", "/dev"]
    named = (*installed, *site.getsitepackages(), *caches, *system)
    return tuple({Path(name).absolute() for name in named if name})


def _name(path: Path) -> str:
    """How an entry names a file: those of diffkit hold for any place where it is installed."""
    inside = path.is_relative_to(PACKAGE)
    return f"diffkit/{path.relative_to(PACKAGE).as_posix()}" if inside else str(path)


def _path(name: str) -> Path:
    return PACKAGE.parent / name if name.startswith("diffkit/") else Path(name)


def file_hash(path: Path) -> str:
    """SHA-256 of a file; empty if it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


@cache
def _known_hash(path: Path, _changed: tuple[int, int]) -> str:
    return file_hash(path)


def _hash_now(path: Path) -> str:
    """The hash of a file as it is now, computed once while its size and date stay."""
    try:
        state = path.stat()
    except OSError:
        return ""
    return _known_hash(path, (state.st_mtime_ns, state.st_size))


# -- entries --------------------------------------------------------------------------------------


def _entry_folder(folder: Path, script: Path) -> Path:
    text = "\n".join([str(SCHEMA), file_hash(script), *_versions()])
    return folder / f"{script.stem}-{hashlib.sha256(text.encode()).hexdigest()[:HASH_DIGITS]}"


@cache
def _versions() -> tuple[str, ...]:
    """All that is not files; a cold machine lets the interpreter serve, which rounds otherwise."""
    from diffkit.engines.machine import storing

    warm = all(storing.stored_info()["families"].values())
    packages = (f"{name} {_version(name)}" for name in PACKAGES)
    return (*environment(), *packages, "warm" if warm else "cold")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def load(folder: Path, script: Path) -> Rendered | None:
    """What is kept of a script, if it is whole and nothing that it was made from has changed.

    >>> load(default_folder(), Path("no such script.py")) is None
    True
    """
    place = _entry_folder(folder, script)
    try:
        entry = json.loads((place / ENTRY).read_text(encoding="utf-8"))
        current = all(_hash_now(_path(name)) == wanted for name, wanted in entry["used"].items())
        return _read(place, entry) if current else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # missing or damaged
        return None


def _read(place: Path, entry: dict[str, Any]) -> Rendered | None:
    files = {name: (place / name).read_bytes() for name in entry["files"]}
    if any(_digest(files[name]) != wanted for name, wanted in entry["files"].items()):
        return None
    with contextlib.suppress(OSError):
        os.utime(place / ENTRY)  # its date says when it was last of use
    page = Page(**entry["page"] | {"concepts": tuple(entry["page"]["concepts"])})
    claims = tuple(Claim(**claim) for claim in entry["claims"])
    return Rendered(page, entry["lesson"], claims, files, entry["seconds"], cached=True)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def keep(folder: Path, script: Path, new: Rendered, used: Mapping[str, str]) -> bool:
    """Keep a page with what :func:`watching` noted; returns whether that was possible.

    Where nothing can be written nothing is kept, silently: the next run draws again.
    """
    if not used:
        return False
    entry = {
        "page": asdict(new.page),
        "lesson": new.lesson,
        "claims": [_plain(claim) for claim in new.claims],
        "seconds": new.seconds,
        "files": {name: _digest(content) for name, content in new.files.items()},
        "used": {name: known for name, known in used.items() if _path(name) != script.absolute()},
    }
    place = _entry_folder(folder, script)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".new-", dir=folder))
    except OSError:
        return False
    try:
        for name, content in new.files.items():
            (scratch / name).write_bytes(content)
        (scratch / ENTRY).write_text(json.dumps(entry), encoding="utf-8")
        shutil.rmtree(place, ignore_errors=True)
        os.rename(scratch, place)
    except OSError:  # the disk is full, or another process was faster
        return False
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    _forget_oldest(folder, script)
    return True


def _plain(claim: Claim) -> dict[str, Any]:
    """The fields of a claim with Python's own numbers; NaN and infinities survive in JSON."""
    return asdict(claim) | {
        "expected": _number(claim.expected),
        "got": _number(claim.got),
        "tolerance": float(claim.tolerance),
    }


def _number(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_number(item) for item in value]
    return value if isinstance(value, int) else float(value)


def _entries(folder: Path, pattern: str = "*") -> list[tuple[float, Path]]:
    """The dates of last use and the folders of the entries, the newest first."""
    found = []
    for place in folder.glob(pattern) if folder.is_dir() else ():
        with contextlib.suppress(OSError):
            dated = place / ENTRY if (place / ENTRY).is_file() else place
            found.append((dated.stat().st_mtime, place))
    return sorted(found, reverse=True)


def _forget_oldest(folder: Path, script: Path) -> None:
    dash = len(script.stem) + 1
    same = [entry for entry in _entries(folder, f"{script.stem}-*")
            if len(entry[1].name) == dash + HASH_DIGITS]  # fmt: skip
    for _, place in same[MOST_PER_SCRIPT:]:
        shutil.rmtree(place, ignore_errors=True)


def prune(folder: Path) -> int:
    """Remove the entries that nothing used for ninety days; returns how many there were."""
    oldest = time.time() - DAYS_KEPT * SECONDS_PER_DAY
    old = [place for used, place in _entries(folder) if used < oldest]
    for place in old:
        shutil.rmtree(place, ignore_errors=True)
    return len(old)


def sizes(folder: Path) -> tuple[int, int]:
    """How many pages are kept, and their bytes."""
    places = [place for _, place in _entries(folder) if (place / ENTRY).is_file()]
    files = [file for place in places for file in place.iterdir()]
    return len(places), sum(file.stat().st_size for file in files)


def clear(folder: Path) -> tuple[int, int]:
    """Remove all that is kept; returns how many pages and bytes there were."""
    removed = sizes(folder)
    shutil.rmtree(folder, ignore_errors=True)
    return removed


def known_seconds(folder: Path, script: Path) -> float | None:
    """What a page took when it was drawn last, current or not; None if that is not known."""
    for _, place in _entries(folder, f"{script.stem}-*"):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            return float(json.loads((place / ENTRY).read_text(encoding="utf-8"))["seconds"])
    return None
