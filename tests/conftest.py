"""What all tests share: no windows, a warm machine, and a fixture that runs the command line.

The machine's kernels are compiled before the first test, and kept in pytest's own cache folder:
the next run compiles only those that changed.

Hypothesis has three profiles, chosen by ``HYPOTHESIS_PROFILE``; see ``strategies.py``.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

os.environ.setdefault("MPLBACKEND", "Agg")

# Compiled code goes to a folder of the test session, and not to the user's own cache.
_CACHE = tempfile.TemporaryDirectory(prefix="diffkit-")
os.environ.setdefault("DIFFKIT_CACHE_DIR", _CACHE.name)
# Tests start no processes of their own accord.
os.environ["DIFFKIT_WARMUP"] = "0"

ROOT = Path(__file__).resolve().parents[1]
RunCommand = Callable[..., "subprocess.CompletedProcess[str]"]


def pytest_runtestloop(session: pytest.Session) -> None:
    """Warm the machine, once, before the first test."""
    if not session.items or session.config.option.collectonly:
        return
    from diffkit.engines.machine import storing, warming

    cache = session.config.cache
    kept = None if cache is None else cache.mkdir("diffkit-machine")
    own = os.environ["DIFFKIT_CACHE_DIR"] == _CACHE.name
    begun = time.perf_counter()
    if own and kept is not None:
        _copy_kernels(kept, storing.folder())
    done = warming.warm_up()
    if own and kept is not None and done.built:
        shutil.rmtree(kept, ignore_errors=True)
        _copy_kernels(storing.folder(), kept)
    if done.built and (reporter := session.config.pluginmanager.get_plugin("terminalreporter")):
        count = sum(family.kernels for family in done.built)
        reporter.write_line(f"compiled {count} kernels in {time.perf_counter() - begun:.0f} s")


def _copy_kernels(source: Path, target: Path) -> None:
    """Copy the object code that fits; a checksum finds files that were cut short."""
    from diffkit.engines.machine import storing
    from diffkit.engines.machine.kernels import FAMILIES

    target.mkdir(parents=True, exist_ok=True)
    for family in FAMILIES:
        with contextlib.suppress(OSError):
            shutil.copy2(source / storing.family_path(family).name, target)


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


@pytest.fixture
def built_in() -> None:
    """Skips where a call of compiled code cannot be a built-in function of Python."""
    from diffkit.engines.machine import native_interface
    from diffkit.engines.machine.loading import kernels

    if native_interface.interface(kernels().address["run"]) is None:
        pytest.skip("there are no native calls in this Python")
