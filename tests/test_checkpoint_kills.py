"""SIGKILL at random moments: at most one epoch is lost, and not a bit of what comes out."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

import killed_training
import numpy as np
import pytest

from diffkit.capture.trees import flatten
from diffkit.training.checkpoint import read_checkpoint
from diffkit.training.run import Run

pytestmark = pytest.mark.skipif(
    not hasattr(signal, "SIGKILL"), reason="this system has no signal that kills at once"
)

SCRIPT = Path(killed_training.__file__)
LONGEST_WAIT = 60.0  # seconds for a process to write its first checkpoint


@cache
def uninterrupted(engine: str) -> Run:
    return killed_training.begin(engine)


def same_run(one: Run, other: Run) -> bool:
    pairs = zip(flatten(one.params)[0], flatten(other.params)[0], strict=True)
    same = all(a.tobytes() == b.tobytes() for a, b in pairs)
    return (same and one.history == other.history and one.engine == other.engine
            and one.signal.to_dict() == other.signal.to_dict())  # fmt: skip


def killed(folder: Path, engine: str, wait: float, threads: int) -> tuple[list[int], bool]:
    """Start the training, kill it after a while; the epochs it said, and whether it was killed."""
    file = folder / "checkpoint.npz"
    before = file.stat().st_mtime_ns if file.exists() else None
    environment = os.environ | {
        "PYTHONPATH": str(SCRIPT.parents[1]), "DIFFKIT_THREADS": str(threads),
        "OMP_NUM_THREADS": str(threads),
    }  # fmt: skip
    process = subprocess.Popen([sys.executable, str(SCRIPT), str(folder), engine],
                               stdout=subprocess.PIPE, env=environment)  # fmt: skip
    until = time.monotonic() + LONGEST_WAIT
    while process.poll() is None and time.monotonic() < until:
        if file.exists() and file.stat().st_mtime_ns != before:
            break
        time.sleep(0.001)
    time.sleep(wait)
    process.send_signal(signal.SIGKILL)
    said = process.communicate()[0].decode()
    return [int(line) for line in said.split()], process.returncode == -signal.SIGKILL


def survives(folder: Path, engine: str, kills: int, longest: float) -> None:
    """Kill a training again and again, and compare what is left and what comes out at last."""
    rng, done, alive = np.random.default_rng(kills), 0, 0
    for threads in itertools.islice(itertools.cycle((1, 2)), kills):
        epochs, was_killed = killed(folder, engine, rng.uniform(0, longest), threads)
        header = read_checkpoint(folder).header
        assert epochs == list(range(done + 1, done + 1 + len(epochs)))  # goes on where it was
        assert header["epoch"] >= (epochs[-1] if epochs else done + 1) - 1  # loses one at most
        assert header["engine"] == engine
        done, alive = header["epoch"], alive + was_killed
    assert alive  # some were killed while they trained
    assert same_run(killed_training.go_on(folder, on_epoch=lambda run: None), uninterrupted(engine))


@pytest.mark.parametrize(("engine", "kills"), (("machine", 2), ("interpret", 1)))
def test_a_killed_training_comes_out_the_same(tmp_path: Path, engine: str, kills: int) -> None:
    survives(tmp_path, engine, kills, longest=0.15)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ("machine", "interpret"))
@pytest.mark.parametrize("round_", range(5))
def test_fifty_random_kills(tmp_path: Path, engine: str, round_: int) -> None:
    survives(tmp_path / str(round_), engine, kills=5, longest=0.1 * (1 + round_) / 2)


def test_a_kill_at_every_system_call_of_a_write(tmp_path: Path, monkeypatch: Any) -> None:
    """The process ends before each call that changes the disk: the checkpoint is old or new."""
    from diffkit.training import checkpoint

    class Killed(BaseException):
        pass

    def ends(*_: Any) -> None:
        raise Killed

    file = tmp_path / "checkpoint.npz"
    checkpoint.write_checkpoint(file, {"epoch": 1}, {"w": np.arange(5.0)})
    for owner, name in ((checkpoint, "_write_archive"), (os, "fsync"), (Path, "replace"),
                        (checkpoint, "_synchronise_folder")):  # fmt: skip
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, ends)
            with pytest.raises(Killed):
                checkpoint.write_checkpoint(file, {"epoch": 2}, {"w": np.arange(9.0)})
        found = read_checkpoint(file)
        new = name == "_synchronise_folder"
        assert (found.header["epoch"], len(found.arrays["w"])) == ((2, 9) if new else (1, 5))
