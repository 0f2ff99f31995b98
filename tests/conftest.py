"""What all tests share: the cores, a warm machine, and a fixture that runs the command line.

``pytest`` spreads the tests over the cores (pytest-xdist, where it is installed); named files, a
debugger and benchmarks run in one process, and ``-n`` decides otherwise.

The machine's kernels are compiled before the first test, and kept in pytest's own cache folder:
the next run compiles only those that changed.

Hypothesis has three profiles, chosen by ``HYPOTHESIS_PROFILE``; see ``strategies.py``.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("MPLBACKEND", "Agg")

# Compiled code goes to a folder of the test session, and not to the user's own cache.  The
# processes of one session share it: they inherit this variable.
_CACHE = tempfile.TemporaryDirectory(prefix="diffkit-")
os.environ.setdefault("DIFFKIT_CACHE_DIR", _CACHE.name)
# A shell ignores interrupts for what it runs in the background; some tests interrupt themselves.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# Tests start no processes of their own accord.
os.environ["DIFFKIT_WARMUP"] = "0"

ROOT = Path(__file__).resolve().parents[1]
MOST_PROCESSES = 8  # each holds a gigabyte at the end, and waits for the collection of all tests
RunCommand = Callable[..., "subprocess.CompletedProcess[str]"]


# Over the cores -----------------------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Spread whole folders of tests over the cores, unless the command line says how."""
    if not _may_be_spread(config):
        return
    from joblib import cpu_count  # knows the limits of containers

    if (cores := cpu_count()) > 1:
        config.option.numprocesses = min(cores, MOST_PROCESSES)
        config.option.dist = "worksteal"  # neighbours stay together and share what they computed
        # The processes share the cores, so each needs one thread for its products of matrices.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _may_be_spread(config: pytest.Config) -> bool:
    option = config.option
    if not config.pluginmanager.hasplugin("xdist") or hasattr(config, "workerinput"):
        return False
    told = option.numprocesses is not None or option.dist != "no" or option.tx
    alone = option.usepdb or option.trace or option.collectonly or option.capture == "no"
    timed = getattr(option, "benchmark_enable", False)
    whole = all(Path(word).is_dir() for word in config.args)
    return whole and not (told or alone or timed)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A slow test may take long: ``faulthandler_timeout`` is for those that should not."""
    if item.get_closest_marker("slow"):
        faulthandler.cancel_dump_traceback_later()


# A warm machine -----------------------------------------------------------------------------------


def pytest_sessionstart(session: pytest.Session) -> None:
    """Take the kernels of the last session, where they fit."""
    if (kept := _kept(session.config)) is not None:
        from diffkit.engines.machine import storing

        _copy_kernels(kept, storing.folder())


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Warm the machine, once, before the first test: one process builds, the others wait."""
    if session.items and not session.config.option.collectonly:
        from diffkit.engines.machine import warming

        warming.warm_up()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Keep the kernels for the next session."""
    if (kept := _kept(session.config)) is not None:
        from diffkit.engines.machine import storing

        if {path.name for path in storing.folder().glob("*.kernels")} - set(os.listdir(kept)):
            shutil.rmtree(kept)
            _copy_kernels(storing.folder(), kept)


def _kept(config: pytest.Config) -> Path | None:
    """Where kernels outlive the session; None where another process or the user cares for them."""
    cache = getattr(config, "cache", None)
    mine = os.environ["DIFFKIT_CACHE_DIR"] == _CACHE.name and not config.option.collectonly
    return cache.mkdir("diffkit-machine") if cache and mine else None


def pytest_report_header(config: pytest.Config) -> str | None:
    """Why nothing happens at first, where the machine is cold."""
    from diffkit.engines.machine.kernels import FAMILIES
    from diffkit.engines.machine.storing import family_path

    missing = [family for family in FAMILIES if not family_path(family).is_file()]
    if missing and not config.option.collectonly:
        return "diffkit: the machine is compiled first, which takes about a minute of two cores"
    return None


def _copy_kernels(source: Path, target: Path) -> None:
    """Copy the object code that fits; a checksum finds files that were cut short."""
    from diffkit.engines.machine import storing
    from diffkit.engines.machine.kernels import FAMILIES

    target.mkdir(parents=True, exist_ok=True)
    for family in FAMILIES:
        with contextlib.suppress(OSError):
            shutil.copy2(source / storing.family_path(family).name, target)


# What was measured on the way ---------------------------------------------------------------------


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The explorer's reaction times, which no test asserts (``test_explorer_reactions.py``)."""
    reports = terminalreporter.stats.get("passed", [])
    rows = [row for report in reports for name, row in report.user_properties if name == "reaction"]
    if rows:
        terminalreporter.section("the explorer's reactions, on this computer")
        terminalreporter.write_line("\n".join(rows))


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
def warm_folder(tmp_path: Path) -> Path:
    """A cache folder of the test's own, with the machine's kernels and nothing else in it."""
    from diffkit.engines.machine import storing

    folder = tmp_path / "warm"
    _copy_kernels(storing.folder(), folder / storing.folder().name)
    return folder


@pytest.fixture
def built_in() -> None:
    """Skips where a call of compiled code cannot be a built-in function of Python."""
    from diffkit.engines.machine import native_interface
    from diffkit.engines.machine.loading import kernels

    if native_interface.interface(kernels().address["run"]) is None:
        pytest.skip("there are no native calls in this Python")


# Figures ------------------------------------------------------------------------------------------


class ClosedFigures:
    """Pyplot keeps figures until they are closed, and warns from the twenty-first on.

    A plugin, since hooks of this file would not see the doctests of the package.
    """

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_teardown(self) -> None:
        """Close what a test or an example has drawn."""
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].close("all")


def pytest_configure(config: pytest.Config) -> None:
    """Watch over all tests, those in the package's docstrings too."""
    config.pluginmanager.register(ClosedFigures(), "closed-figures")
