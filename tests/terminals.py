"""The command line as tests see it: on a terminal of 80 columns, and its output as rows."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path


def one_line(text: str) -> str:
    """The text, which must be a single line."""
    assert text.count("\n") == 1, text
    return text.strip()


def rows_of(text: str) -> list[dict[str, str]]:
    """The rows of tab-separated text by column."""
    header, *rows = [line.split("\t") for line in text.splitlines()]
    return [dict(zip(header, row, strict=True)) for row in rows]


def on_a_terminal(root: Path, *words: str, **environment: str) -> str:
    """What a command writes to a terminal of 80 columns."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "diffkit", *words],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=os.environ
        | {"PYTHONPATH": str(root), "TERM": "xterm-256color", "COLUMNS": "80"}
        | environment,
    )
    os.close(slave)
    chunks = []
    while chunk := _read(master):
        chunks.append(chunk)
    process.wait(60)
    os.close(master)
    return b"".join(chunks).decode("utf-8").replace("\r\n", "\n")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux reports the end of a pseudo-terminal as an error
        return b""
