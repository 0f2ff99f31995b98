"""``import diffkit`` is light: nothing heavy is imported before it is needed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("sympy", "scipy", "numba", "matplotlib", "mpmath", "rich", "starlette")
LIMIT = 0.15
"""Seconds of CPU that ``import diffkit`` may take beyond NumPy."""


def python(code: str, root: Path) -> str:
    """What a fresh interpreter prints for this code, in the checkout."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize("module", ["diffkit", "diffkit.cli.main", "diffkit.capture.tracing"])
def test_import_loads_nothing_heavy(module: str, root: Path) -> None:
    code = f"import json, sys, {module}; print(json.dumps(list(sys.modules)))"
    loaded = set(json.loads(python(code, root)))
    assert module in loaded
    assert loaded.isdisjoint(HEAVY)


def test_import_takes_little_time_beyond_numpy(root: Path) -> None:
    code = (
        "import time, numpy; start = time.process_time(); import diffkit;"
        "print(time.process_time() - start)"
    )
    assert min(float(python(code, root)) for _ in range(3)) < LIMIT


def test_help_of_the_command_line_loads_nothing_heavy(root: Path) -> None:
    code = (
        "import sys; from diffkit.cli.main import main; main(['--help']);"
        "print(sorted({name.split('.')[0] for name in sys.modules}))"
    )
    printed = python(code, root)
    assert "Commands:" in printed
    assert not [name for name in HEAVY if f"'{name}'" in printed]
