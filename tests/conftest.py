"""What all tests share: no windows, and a fixture that runs the command line.

Hypothesis has three profiles, chosen by ``HYPOTHESIS_PROFILE``; see ``strategies.py``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

os.environ.setdefault("MPLBACKEND", "Agg")

# Compiled code goes to a folder of the test session, and not to the user's own cache.
_CACHE = tempfile.TemporaryDirectory(prefix="diffkit-")
os.environ.setdefault("DIFFKIT_CACHE_DIR", _CACHE.name)

ROOT = Path(__file__).resolve().parents[1]
RunCommand = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the checkout."""
    return ROOT


@pytest.fixture
def run(tmp_path: Path) -> RunCommand:
    """Runs ``python -m diffkit`` in an empty folder, as a real process with piped output."""

    def run_command(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-W", "error::SyntaxWarning", "-m", "diffkit", *words],
            cwd=tmp_path,
            env=os.environ | {"PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(ROOT)} | environment,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
        )

    return run_command
