"""A cold machine warms up in the background: once, detached, and only where that is wanted."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from diffkit.engines.cache import SECONDS_PER_DAY
from diffkit.engines.machine import background, loading, storing


@pytest.fixture
def cold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A cold machine; collects the processes that would be started."""
    started: list[list[str]] = []
    monkeypatch.setenv("DIFFKIT_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("DIFFKIT_WARMUP", raising=False)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(loading, "_LOADED", [])
    monkeypatch.setattr(background, "_ASKED", [])
    monkeypatch.setattr(background, "_start", lambda: started.append(["warmup"]))
    return started


def test_a_cold_machine_is_warmed_up_once(cold: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert not loading.is_ready() and len(cold) == 1
    assert not loading.is_ready() and len(cold) == 1
    monkeypatch.setattr(background, "_ASKED", [])  # another process
    assert not loading.is_ready() and len(cold) == 1
    long_ago = time.time() - 2 * SECONDS_PER_DAY  # the first one never came to an end
    os.utime(background.marker_path(), (long_ago, long_ago))
    monkeypatch.setattr(background, "_ASKED", [])
    assert not loading.is_ready() and len(cold) == 2


@pytest.mark.parametrize(("variable", "text"), [("DIFFKIT_WARMUP", "0"), ("CI", "true")])
def test_the_background_can_be_declined(
    cold: list[Any], monkeypatch: pytest.MonkeyPatch, variable: str, text: str
) -> None:
    monkeypatch.setenv(variable, text)
    assert not loading.is_ready() and cold == []
    assert not background.marker_path().exists()


def test_the_process_in_the_background_is_detached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIFFKIT_CACHE_DIR", str(tmp_path))
    storing.folder().mkdir()
    noting = _Noting()
    monkeypatch.setattr(subprocess, "Popen", noting)
    background._start()
    assert noting.words[-3:] == ["diffkit", "warmup", "--background"]
    assert noting.options["start_new_session"] and noting.options["cwd"] == storing.folder()


class _Noting:
    """Stands for ``Popen`` and starts nothing."""

    returncode: int | None = None

    def __call__(self, words: list[str], **options: Any) -> _Noting:
        self.words, self.options = words, options
        return self
