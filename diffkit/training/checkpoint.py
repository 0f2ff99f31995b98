"""Checkpoints: a file from which a training goes on, whole at every moment.

    write to a second file  →  fsync  →  rename over the first  →  fsync the folder

A rename replaces a file at once (POSIX ``rename``), and a file that was synchronised is on the disk
before it gets its name.  So whatever ends the process, and whenever, there is the checkpoint from
before or the one from after, and never half of one (Pillai et al. 2014, *All file systems are not
created equal: on the complexity of crafting crash-consistent applications*).

What grows with the training, its history, stands in a journal beside it (``journal.py``).

The file is an NPZ archive of plain arrays, uncompressed: the first, ``header``, is JSON text as
bytes, with the version of the format.  Nothing in it can run, no array is larger than the file, and
every entry has a checksum, so that a damaged file is known as such.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from diffkit.errors import CheckpointError
from diffkit.training.journal import read_journal

__all__ = [
    "Checkpoint",
    "checkpoint_file",
    "could_be_written",
    "mark_of",
    "read_checkpoint",
    "write_checkpoint",
]

FORMAT = "diffkit checkpoint"
VERSION = 2
READ = (1, 2)  # the first had the history within
FILE_NAME = "checkpoint.npz"
HEADER = "header"
SUFFIX = ".npy"
PART = ".part"  # the second file, which a process that was killed may leave behind
FIRST_DATE = (1980, 1, 1, 0, 0, 0)  # of the ZIP format: equal content gives equal bytes


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint says: a header of plain JSON, and the arrays it names."""

    header: dict[str, Any]
    arrays: dict[str, np.ndarray]


def checkpoint_file(path: Any) -> Path:
    """The file of a path: the path itself if it ends in ``.npz``, else ``checkpoint.npz`` in it.

    Raises
    ------
    CheckpointError
        When it is no path.

    >>> checkpoint_file("runs/first").as_posix()
    'runs/first/checkpoint.npz'
    """
    try:
        file = Path(path)
    except TypeError:
        raise CheckpointError(
            f"a checkpoint is kept at a path, not at {path!r:.40}",
            hint='name a folder, as in checkpoint="runs/first".',
        ) from None
    return file if file.suffix == ".npz" else file / FILE_NAME


# Writing ------------------------------------------------------------------------------------------


def write_checkpoint(file: Path, header: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
    """Replace the checkpoint by a new one, which is there whole or not at all.

    Raises
    ------
    CheckpointError
        When the file cannot be written; the one from before stays as it was.
    """
    part = file.with_name(file.name + PART)
    said = {"format": FORMAT, "version": VERSION, **header, "arrays": sorted(arrays)}
    text = json.dumps(said, allow_nan=False).encode()
    with could_be_written(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            with part.open("wb") as stream:
                _write_archive(stream, {HEADER: np.frombuffer(text, np.uint8), **arrays})
                stream.flush()
                os.fsync(stream.fileno())
            _rename(part, file)
        except OSError:  # on a full disk, half a file would take the last room
            part.unlink(missing_ok=True)
            raise
        _synchronise_folder(file.parent)


def _rename(part: Path, file: Path) -> None:
    try:
        part.replace(file)
    except FileNotFoundError:  # it was there a moment ago
        raise CheckpointError(
            f"another training writes to {file}, too", hint="give every training its own folder."
        ) from None


def mark_of(file: Path) -> tuple[int, int, int] | None:
    """What tells one writing of a file from the next; None where there is no file.

    >>> mark_of(Path("nowhere.npz")) is None
    True
    """
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


@contextmanager
def could_be_written(file: Path) -> Iterator[None]:
    """Say in one sentence where a checkpoint cannot be written.

    Raises
    ------
    CheckpointError
        In place of an error of the system.
    """
    try:
        yield
    except OSError as error:
        raise CheckpointError(
            f"cannot write the checkpoint {file}: {error.strerror}",
            hint="choose a folder you may write to, with room in it.",
        ) from None


def _write_archive(stream: Any, arrays: Mapping[str, np.ndarray]) -> None:
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            entry = io.BytesIO()
            np.lib.format.write_array(entry, np.asarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(name + SUFFIX, FIRST_DATE), entry.getbuffer())


def _synchronise_folder(folder: Path) -> None:
    """Make the new name last, too; not all systems open folders."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # pragma: no cover (Windows)
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# Reading ------------------------------------------------------------------------------------------


def read_checkpoint(path: Any) -> Checkpoint:
    """The checkpoint at a path: a run's folder, or the file itself.

    Raises
    ------
    CheckpointError
        When there is none, it is damaged, it is something else, or a newer diffkit wrote it.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = checkpoint_file(folder)
    ...     write_checkpoint(file, {"epoch": 3}, {"w": np.arange(2.0)})
    ...     found = read_checkpoint(folder)
    >>> found.header["epoch"], found.arrays["w"].tolist()
    (3, [0.0, 1.0])
    """
    file = checkpoint_file(path)
    try:
        with zipfile.ZipFile(file) as archive:
            header = _header(archive, file)
            arrays = {name: _read(archive, name) for name in header["arrays"]}
        if header.get("journal", {}).get("bytes"):
            header = read_journal(file, header)
        return Checkpoint(header, arrays)
    except CheckpointError:
        raise
    except (FileNotFoundError, NotADirectoryError) as error:
        if file.is_file():
            lost = Path(error.filename).name
            raise CheckpointError(
                f"the history {lost} that belongs to {file} is not there",
                hint="keep the two files together.",
            ) from None
        raise CheckpointError(
            f"there is no checkpoint at {file}",
            hint="it is written by dk.train(..., checkpoint=path).",
        ) from None
    except Exception as error:  # a damaged archive can fail in many ways
        raise CheckpointError(
            f"{file} is damaged, or no checkpoint: {type(error).__name__}: {error}",
            hint="start the training again.",
        ) from None


def _header(archive: zipfile.ZipFile, file: Path) -> dict[str, Any]:
    if HEADER + SUFFIX not in archive.namelist():
        raise CheckpointError(
            f"{file} is an archive, but no checkpoint of diffkit",
            hint="weights alone are read by diffkit.training.load_weights.",
        )
    header = json.loads(_read(archive, HEADER).tobytes().decode())
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise CheckpointError(f"{file} is no checkpoint of diffkit", hint="check the path.")
    if header["version"] not in READ:
        raise CheckpointError(
            f"{file} has format {header['version']!r:.20}, and this diffkit reads {VERSION}",
            hint="use the version of diffkit that wrote it.",
        )
    return header


def _read(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """One array; its checksum is compared, and it cannot be larger than the file."""
    entry = archive.getinfo(name + SUFFIX)
    if entry.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{name} is compressed, as no checkpoint is")
    with archive.open(entry) as stream:
        content = io.BytesIO(stream.read())
    if np.lib.format.read_magic(content) != (1, 0):
        raise ValueError(f"{name} has another array format")
    shape, in_columns, dtype = np.lib.format.read_array_header_1_0(content)
    if dtype.hasobject or in_columns:
        raise ValueError(f"{name} is no plain array")
    return np.frombuffer(content.read(), dtype).reshape(shape).copy()
