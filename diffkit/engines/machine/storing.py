"""Where the machine's object code lies, and how a damaged file is told from a whole one.

One file per family of kernels,

    <cache folder>/machine/<family>-<hash>.kernels

    a line that names the format · SHA-256 of the rest · then, for each object file, its length
    in 8 bytes and its content

A file is written under a temporary name and renamed, so a reader sees all of it or none; what a
full disk or a crash left half written fails its checksum, is removed and built again.  A family is
several object files where several processes compiled it.  The name says what the code was made
from (``machine/fingerprint.py``); files of other names are stale and may be removed at any time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import struct
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from diffkit.engines.cache import DAYS_KEPT, SECONDS_PER_DAY, cache_folder
from diffkit.engines.machine.fingerprint import fingerprint
from diffkit.engines.machine.kernels import FAMILIES

__all__ = [
    "clear",
    "clear_stale",
    "family_path",
    "folder",
    "is_writable",
    "packed",
    "prune",
    "read",
    "specialised_path",
    "store",
    "stored",
    "stored_info",
    "unpacked",
    "write",
]

_FORMAT = b"diffkit kernels 1\n"
_LENGTH = struct.Struct("<Q")
_SUFFIX = ".kernels"


def folder() -> Path:
    """The folder of the machine's object code; it need not exist."""
    return cache_folder() / "machine"


def family_path(family: str) -> Path:
    """Where the object code of a family lies, or would lie."""
    return folder() / f"{family}-{fingerprint(family)}{_SUFFIX}"


def packed(objects: Sequence[bytes]) -> bytes:
    """Object files as the content of one file.

    >>> unpacked(packed([b"one", b""]))
    [b'one', b'']
    """
    body = b"".join(_LENGTH.pack(len(content)) + content for content in objects)
    return _FORMAT + hashlib.sha256(body).digest() + body


def unpacked(content: bytes) -> list[bytes] | None:
    """The object files of a file's content; None where it is not what was written.

    >>> unpacked(packed([b"one"])[:-1]) is None
    True
    """
    start = len(_FORMAT) + hashlib.sha256().digest_size
    body = content[start:]
    if content[:start] != _FORMAT + hashlib.sha256(body).digest():
        return None
    objects, place = [], 0
    while place < len(body):
        begin = place + _LENGTH.size
        place = begin + _LENGTH.unpack_from(body, place)[0]
        objects.append(body[begin:place])
    return objects


def specialised_path(key: str) -> Path:
    """Where the object code of one graph lies, or would lie."""
    return cache_folder() / "specialised" / f"{key}{_SUFFIX}"


def stored(family: str) -> list[bytes] | None:
    """The object files of a family from disk; None where they are missing or damaged."""
    return read(family_path(family))


def read(path: Path) -> list[bytes] | None:
    """The object files of a file; None where it is missing or damaged (then it is removed)."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    objects = unpacked(content)
    if objects is None:
        with contextlib.suppress(OSError):
            path.unlink()
    else:
        _mark_as_used(path)
    return objects


def _mark_as_used(path: Path) -> None:
    """Let the date of a file follow its use, a day behind."""
    with contextlib.suppress(OSError):
        if time.time() - path.stat().st_mtime > SECONDS_PER_DAY:
            os.utime(path)


def store(family: str, objects: Sequence[bytes]) -> bool:
    """Keep a family's object files on disk; False where that is impossible."""
    return write(family_path(family), objects)


def write(path: Path, objects: Sequence[bytes]) -> bool:
    """Keep object files on disk; False where that is impossible."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, scratch = tempfile.mkstemp(prefix=".new-", dir=path.parent)
    except OSError:
        return False
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(packed(objects))
        os.replace(scratch, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(scratch)
        return False
    return True


def is_writable() -> bool:
    """Whether files can be made in the folder, tried by making one."""
    try:
        folder().mkdir(parents=True, exist_ok=True)
        handle, scratch = tempfile.mkstemp(prefix=".new-", dir=folder())
        os.close(handle)
        os.unlink(scratch)
    except OSError:
        return False
    return True


# What there is, and removing it ------------------------------------------------------------------


def _files() -> list[Path]:
    try:
        return sorted(path for path in folder().iterdir() if path.is_file())
    except OSError:
        return []


def _stale_files() -> list[Path]:
    """Object code that no longer matches, and what interrupted writers left behind."""
    current = {family_path(family).name for family in FAMILIES}
    old = time.time() - SECONDS_PER_DAY
    code = [path for path in _files() if path.suffix in (_SUFFIX, ".o")]
    left = [path for path in _files() if path.name.startswith(".new-") and _used(path) < old]
    return [path for path in code if path.name not in current] + left


def _used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # another process removed it
        return 0.0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # another process removed it
        return 0


def stored_info() -> dict[str, Any]:
    """What is kept: ``{"families": {name: bytes or None}, "bytes", "stale": {"files", "bytes"}}``.

    >>> sorted(stored_info())
    ['bytes', 'families', 'stale']
    """
    paths = {family: family_path(family) for family in FAMILIES}
    families = {name: _size(path) if path.is_file() else None for name, path in paths.items()}
    stale = _stale_files()
    return {
        "families": families,
        "bytes": sum(map(_size, _files())),
        "stale": {"files": len(stale), "bytes": sum(map(_size, stale))},
    }


def clear() -> tuple[int, int]:
    """Remove all object code; returns how many files and bytes there were.

    Kernels that are loaded already go on working.
    """
    found = [path for path in _files() if path.suffix in (_SUFFIX, ".o")]
    count, size = len(found), sum(map(_size, found))
    shutil.rmtree(folder(), ignore_errors=True)
    return count, size


def clear_stale() -> tuple[int, int]:
    """Remove object code that no longer matches; returns how many files and bytes."""
    return _removed(_stale_files())


def prune() -> tuple[int, int]:
    """Remove files that nothing used for ninety days; returns how many files and bytes."""
    oldest = time.time() - DAYS_KEPT * SECONDS_PER_DAY
    return _removed([path for path in _files() if _used(path) < oldest])


def _removed(paths: Sequence[Path]) -> tuple[int, int]:
    count = size = 0
    for path in paths:
        bytes_there = _size(path)
        with contextlib.suppress(OSError):
            path.unlink()
            count, size = count + 1, size + bytes_there
    return count, size
