"""The history of a training beside its checkpoint: only what is new is ever written.

    append the new rows  →  fsync  →  replace the checkpoint, which says how long the journal is

A checkpoint is replaced whole after every epoch.  If it held the history, whose length grows with
the epochs, all epochs together would write the square of it.  So the columns that grow stand in a
file of their own, one line of JSON for each checkpoint, and the checkpoint knows the length and the
SHA-256 of what belongs to it.  What a killed process has appended beyond that length was never
promised: it is cut off when the training goes on.  Bytes within it are never written again.

This is the write-ahead log of databases (Mohan et al. 1992, *ARIES*; Pillai et al. 2014 for what
file systems promise of it).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diffkit.training.describing import described

if TYPE_CHECKING:
    from diffkit.training.run import Run

__all__ = ["Journal", "journal_file", "read_journal", "skeletons"]

SUFFIX = ".history"
# Parts of the signal that do not grow with its rows.
CONSTANT = ("schema", "layers", "parameters")

Columns = dict[str, dict[str, list[Any]]]


def journal_file(checkpoint: Path) -> Path:
    """The journal of a checkpoint.

    >>> journal_file(Path("runs/first/checkpoint.npz")).name
    'checkpoint.history'
    """
    return checkpoint.with_suffix(SUFFIX)


def _columns(run: Run) -> Columns:
    """All that grows from update to update, or from epoch to epoch."""
    signal = run.signal.to_dict()
    rows = {name: signal[name] for name in signal if name not in CONSTANT}
    return {"history": dict(run.history), "signal_rows": rows}


def skeletons(run: Run) -> dict[str, Any]:
    """History and signal as a checkpoint describes them, with their columns left empty."""
    signal = {name: [] for name in run.signal.to_dict()} | {
        name: run.signal.to_dict()[name] for name in CONSTANT
    }
    history: dict[str, list[float]] = {name: [] for name in run.history}
    return {"history": described(history), "signal_rows": described(signal)}


class Journal:
    """Writes what is new of a run's history; one of an empty run is a new one."""

    def __init__(self, checkpoint: Path, run: Run | None = None, said: Any = None) -> None:
        self.file = journal_file(checkpoint)
        self.length, self.digest = 0, hashlib.sha256()
        self.kept: dict[tuple[str, str], int] = {}
        self.mark: tuple[int, int, int] | None = None  # of the checkpoint that this one wrote
        if run is not None and said is not None:
            self.length = said["bytes"]
            if self.length:
                self.digest.update(self.file.read_bytes()[: self.length])
            self.kept = {
                (part, name): len(column)
                for part, columns in _columns(run).items()
                for name, column in columns.items()
            }

    def append(self, run: Run) -> dict[str, Any]:
        """Write the new rows to the disk; what the checkpoint has to say of the journal."""
        new: dict[str, Any] = {}
        for part, columns in _columns(run).items():
            for name, column in columns.items():
                known = self.kept.get((part, name), 0)
                if len(column) > known:
                    new.setdefault(part, {})[name] = [described(item) for item in column[known:]]
                    self.kept[part, name] = len(column)
        if new:
            line = json.dumps(new, allow_nan=False, separators=(",", ":")).encode() + b"\n"
            self._write(line)
        return {"bytes": self.length, "sha256": self.digest.hexdigest()}

    def _write(self, line: bytes) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("r+b" if self.file.exists() else "w+b") as stream:
            stream.truncate(self.length)  # what a killed process left beyond it
            stream.seek(self.length)
            stream.write(line)
            stream.flush()
            os.fsync(stream.fileno())
        self.length += len(line)
        self.digest.update(line)


def read_journal(checkpoint: Path, header: Mapping[str, Any]) -> dict[str, Any]:
    """The header with its history and signal filled in from the journal that it names.

    Raises
    ------
    ValueError, OSError
        When the journal is not the one that the header knows.
    """
    said = header["journal"]
    with journal_file(checkpoint).open("rb") as stream:
        content = stream.read(said["bytes"])
    if len(content) != said["bytes"] or hashlib.sha256(content).hexdigest() != said["sha256"]:
        raise ValueError(f"{journal_file(checkpoint).name} is not what was written with it")
    filled = {part: dict(header[part]["dict"]) for part in ("history", "signal_rows")}
    for line in content.splitlines():
        for part, columns in json.loads(line).items():
            for name, items in columns.items():
                filled[part][name].extend(items)
    return dict(header) | {
        part: {"dict": [list(pair) for pair in columns.items()]} for part, columns in filled.items()
    }
