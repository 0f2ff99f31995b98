"""Rows on disk: a file of JSON lines that survives an interruption at any moment.

Each finished row is one line, written by a single ``write`` to a file opened for appending, and
synced: a reader sees the whole line or none, and so do two writers (POSIX, ``O_APPEND``).  A last
line that a crash cut short is passed over, and the next row starts on a line of its own.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from diffkit.comparison.many_rows import Row, line_of
from diffkit.errors import InputError

__all__ = ["RowFile"]


class RowFile:
    """The rows in a file; those that are done need not be run again.

    ``of`` says in errors what the rows belong to.

    Raises
    ------
    InputError
        When the file cannot be read, or holds something else.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     rows = RowFile(Path(folder) / "rows.jsonl")
    ...     rows.add({"key": "a", "missing": {}, "budget": 1.0})
    ...     list(RowFile(Path(folder) / "rows.jsonl").rows)
    ['a']
    """

    def __init__(self, path: Any, of: str = "a comparison") -> None:
        self.path, self.of = Path(path), of
        self.rows: dict[str, Row] = {}
        try:
            text = self.path.read_text(encoding="utf-8") if self.path.exists() else ""
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{self.path} cannot be read: {error}") from None
        self.torn = bool(text) and not text.endswith("\n")
        for number, line in enumerate(text.splitlines(), 1):
            row = _row(line)
            if row is not None:
                self.rows[row["key"]] = row
            elif line.strip() and not _is_torn(line):
                raise self._foreign(number)

    def _foreign(self, number: int) -> InputError:
        return InputError(
            f"{self.path.name}:{number} is no row of {self.of}",
            hint="give resume a file of its own; it is made when it is not there.",
        )

    def finished(self, key: str, seconds: float) -> Row | None:
        """The row, if it is complete, or was cut short by no smaller a budget."""
        row = self.rows.get(key)
        if row is None:
            return None
        complete = not row.get("missing") and not row.get("failed")
        return row if complete or row.get("budget", 0.0) >= seconds else None

    def add(self, row: Row) -> None:
        """Append a row, at once and as a whole."""
        line = ("\n" if self.torn else "") + line_of(row)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                os.write(file, line.encode())
                os.fsync(file)
            finally:
                os.close(file)
        except OSError as error:
            raise InputError(
                f"{self.path} cannot be written: {error.strerror or error}",
                hint="choose another file for resume.",
            ) from None
        self.torn = False
        self.rows[row["key"]] = row


def _row(line: str) -> Row | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and "key" in found else None


def _is_torn(line: str) -> bool:
    """Whether a line is the beginning of a row that a crash cut short."""
    start = '{"schema": 1, "key"'
    return line.startswith(start) or start.startswith(line)
