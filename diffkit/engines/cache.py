"""Where generated code is kept, so that a graph is compiled once per computer.

Numba caches machine code beside a module on disk, and only for modules: a string that is
executed has nowhere to put it.  So generated source is written as a module,

    <cache folder>/specialised/<hash>/kernel.py,   with Numba's own files in __pycache__,

under a hash of everything the machine code depends on: the source, the versions of Python,
NumPy, Numba and diffkit, the CPU, and the text of the library's own kernels (a changed callee
would otherwise go on answering from old machine code).  A folder is filled under a temporary
name and renamed, which is atomic, so that several processes may write at once.  When nothing
can be written, the module lives in memory and is compiled again in the next process.

Reading on: the Numba manual, "Notes on Caching".
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import linecache
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import lru_cache
from importlib.abc import InspectLoader
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

__all__ = [
    "DAYS_KEPT",
    "SECONDS_PER_DAY",
    "cache_folder",
    "cache_info",
    "clear_cache",
    "environment",
    "load_source",
    "prune_cache",
    "source_hash",
]

FOLDER_VARIABLE = "DIFFKIT_CACHE_DIR"
DAYS_KEPT = 90  # what nothing used for so long may go
SECONDS_PER_DAY = 86_400
_KINDS = "specialised"
_FILE = "kernel.py"
# Object code of one graph lies beside the folders: <code>-<what built it>.kernels
_OBJECTS = "*.kernels"
_HASH_DIGITS = 32  # 128 bits of SHA-256: a collision is out of reach


def cache_folder() -> Path:
    """The folder for generated code; ``DIFFKIT_CACHE_DIR`` overrides the user's cache folder.

    The folder need not exist.  Its place is platformdirs' ``user_cache_path``.

    >>> cache_folder().is_absolute()
    True
    """
    chosen = os.environ.get(FOLDER_VARIABLE)
    if chosen:
        return Path(chosen).expanduser().absolute()
    import platformdirs

    return platformdirs.user_cache_path("diffkit", appauthor=False)


def cache_info() -> dict[str, Any]:
    """What is kept: ``{"folder": str, "kernels": int, "bytes": int}``.

    >>> sorted(cache_info())
    ['bytes', 'folder', 'kernels']
    """
    root = cache_folder() / _KINDS
    sizes = [_size(path) for path in root.rglob("*")] if root.is_dir() else []
    kernels = sum(1 for _ in root.glob(f"*/{_FILE}")) if root.is_dir() else 0
    kernels += len(_objects())
    return {"folder": str(cache_folder()), "kernels": kernels, "bytes": sum(sizes)}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:  # another process removed it
        return 0


def clear_cache(stale_only: bool = False, library: Sequence[str] = ()) -> tuple[int, int]:
    """Remove generated code; returns how many kernels and bytes there were.

    Kernels that are loaded already go on working.

    Parameters
    ----------
    stale_only
        Whether to keep what this version of everything would still load.
    library
        The texts that :func:`source_hash` takes.
    """
    return _removed([
        path for path in [*_folders(), *_objects()]
        if not (stale_only and _matches(path, library))
    ])  # fmt: skip


def prune_cache() -> tuple[int, int]:
    """Remove generated code that nothing used for ninety days; returns kernels and bytes."""
    oldest = time.time() - DAYS_KEPT * SECONDS_PER_DAY
    return _removed([path for path in [*_folders(), *_objects()] if _used(path) < oldest])


def _folders() -> list[Path]:
    """The folders of kernels, and those that interrupted writers left behind."""
    try:
        return [path for path in (cache_folder() / _KINDS).iterdir() if path.is_dir()]
    except OSError:
        return []


def _objects() -> list[Path]:
    """The files of object code."""
    root = cache_folder() / _KINDS
    return list(root.glob(_OBJECTS)) if root.is_dir() else []


def _used(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # another process removed it
        return time.time()


def _matches(path: Path, library: Sequence[str]) -> bool:
    if path.match(_OBJECTS):
        from diffkit.engines.machine.specialising.compiling import build_key

        return path.stem.endswith(f"-{build_key()}")
    try:
        source = (path / _FILE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        # damaged, or another process is just filling it
        return _used(path) > time.time() - SECONDS_PER_DAY
    return path.name == source_hash(source, *library)


def _removed(folders: Sequence[Path]) -> tuple[int, int]:
    size = sum(_size(path) for folder in folders for path in (folder, *folder.rglob("*")))
    count = sum((folder / _FILE).is_file() or folder.match(_OBJECTS) for folder in folders)
    for folder in folders:
        with contextlib.suppress(OSError):
            if folder.match(_OBJECTS):
                folder.unlink()
        shutil.rmtree(folder, ignore_errors=True)
    return count, size


def _mark_as_used(folder: Path) -> None:
    """Let the date of a folder follow its use, a day behind (Numba watches those of files)."""
    with contextlib.suppress(OSError):
        if time.time() - _used(folder) > SECONDS_PER_DAY:
            os.utime(folder)


def source_hash(source: str, *library: str) -> str:
    """The name of generated code: a hash of its source and of all that its machine code rests on.

    Parameters
    ----------
    source
        The text of the module.
    library
        The text of library code that is compiled into it.

    >>> source_hash("x = 1") == source_hash("x = 1") != source_hash("x = 1", "kernels")
    True
    """
    parts = [source, *library, *environment()]
    # lengths keep ("ab", "c") and ("a", "bc") apart
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH_DIGITS]


@lru_cache(maxsize=1)
def environment() -> tuple[str, ...]:
    """What all machine code depends on: versions, and the CPU with its features.

    Numba's version is read from its metadata, so that this does not import it.
    """
    from llvmlite import binding

    try:
        own = version("diffkit")
    except PackageNotFoundError:  # run from a checkout that is not installed
        own = "uninstalled"
    return (
        platform.python_version(),
        platform.machine(),
        version("numpy"),
        version("numba"),
        version("llvmlite"),
        own,
        binding.get_host_cpu_name(),
        binding.get_host_cpu_features().flatten(),
        os.environ.get("NUMBA_CPU_NAME", ""),
        os.environ.get("NUMBA_CPU_FEATURES", ""),
    )


def load_source(source: str, name: str) -> tuple[ModuleType, bool]:
    """Import generated source as a module, from disk if it can be put there.

    Parameters
    ----------
    source
        The text of the module; it reads the global ``CACHE`` to learn whether it is on disk.
    name
        Its :func:`source_hash`, which names its folder.

    Returns
    -------
    tuple
        The module, and whether it is on disk.
    """
    for _ in range(2):
        path = _write(source, name)
        if path is None:
            break
        try:
            module = _import(path, name)
        except Exception:  # whatever damaged files may raise; they are removed and made again
            shutil.rmtree(path.parent, ignore_errors=True)
        else:
            _mark_as_used(path.parent)
            return module, True
    # No place to write, for us or for Numba.  An error of the compiler itself comes out here.
    return _import_from_memory(source, name), False


def _write(source: str, name: str) -> Path | None:
    """The path of the module on disk, written if it is not there; None if it cannot be."""
    root = cache_folder() / _KINDS
    path = root / name / _FILE
    try:
        if path.is_file() and path.read_text(encoding="utf-8") == source:
            return path if os.access(path.parent, os.W_OK) else None
        root.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".new-", dir=root))
    except (OSError, UnicodeDecodeError):
        return None
    try:
        (scratch / _FILE).write_text(source, encoding="utf-8")
        if path.is_file():  # damaged: the name says what the text must be
            os.replace(scratch / _FILE, path)
        else:
            os.rename(scratch, path.parent)
    except OSError:
        # Another process was faster: its folder has the same text, unless the disk is full.
        return path if path.is_file() and path.read_text(encoding="utf-8") == source else None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return path


def _import(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(_module_name(name), path)
    if spec is None or spec.loader is None:
        raise OSError(f"cannot import {path}")
    module = importlib.util.module_from_spec(spec)
    module.__dict__["CACHE"] = True
    sys.modules[spec.name] = module  # Numba finds it by name when it loads machine code
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name]
        raise
    return module


class _MemoryLoader(InspectLoader):
    """Imports a module whose source is a string that diffkit generated."""

    def __init__(self, source: str, filename: str) -> None:
        self.source = source
        self.filename = filename

    def get_code(self, fullname: str) -> Any:
        return self.source_to_code(self.source, self.filename)

    def get_source(self, fullname: str) -> str:
        return self.source

    def is_package(self, fullname: str) -> bool:
        return False


def _import_from_memory(source: str, name: str) -> ModuleType:
    filename = f"<diffkit {name}>"
    # Registered, so that tracebacks and debuggers show the text.
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    loader = _MemoryLoader(source, filename)
    spec = importlib.util.spec_from_loader(_module_name(name), loader, origin=filename)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    module.__dict__["CACHE"] = False
    loader.exec_module(module)
    return module


def _module_name(name: str) -> str:
    return f"diffkit_kernel_{name}"
