"""The history beside a checkpoint: what is new is written, and nothing else is believed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from resumable import X, Y, begun, nothing, same_run, whole

import diffkit as dk
from diffkit.errors import CheckpointError
from diffkit.training import checkpoint as files
from diffkit.training.checkpoint import read_checkpoint, write_checkpoint
from diffkit.training.journal import Journal, journal_file

NAME = "checkpoint.history"


def resumed(folder: Path) -> Any:
    return dk.resume(folder, data=(X, Y), on_epoch=nothing)


def test_an_epoch_writes_as_much_at_the_end_as_at_the_beginning(
    tmp_path: Path, monkeypatch: Any
) -> None:
    lines: list[int] = []
    write = Journal._write
    monkeypatch.setattr(
        Journal, "_write", lambda self, line: lines.append(len(line)) or write(self, line)
    )
    fit = lambda w, x: np.mean((w - x) ** 2)  # noqa: E731
    sizes = []

    def seen(run: Any) -> None:
        sizes.append((tmp_path / files.FILE_NAME).stat().st_size)

    dk.train(fit, 0.0, (np.ones(4),), batch_size=1, epochs=60, checkpoint=tmp_path, on_epoch=seen,
             optimizer=dk.optim.sgd(0.01), record=("loss", "signal"))  # fmt: skip
    assert len(lines) == 60 and max(lines) < 1.5 * min(lines)
    assert (tmp_path / NAME).stat().st_size == sum(lines)
    assert max(sizes) < 1.05 * min(sizes)


def test_what_a_killed_process_left_behind_is_cut_off(tmp_path: Path) -> None:
    begun(tmp_path)
    with (tmp_path / NAME).open("ab") as stream:
        stream.write(b'{"history":{"loss":[1.0')
    run = resumed(tmp_path)
    assert same_run(run, whole())
    assert same_run(resumed(tmp_path), run)  # and what was written over it is whole


@pytest.mark.parametrize("harm", ("cut", "changed", "lost", "another"))
def test_a_history_that_is_not_the_one_is_refused(tmp_path: Path, harm: str) -> None:
    begun(tmp_path)
    file = tmp_path / NAME
    content = file.read_bytes()
    if harm == "lost":
        file.unlink()
    else:
        wrong = {"cut": content[:-5], "changed": content.replace(b"1", b"2", 1),
                 "another": b"[]" * len(content)}  # fmt: skip
        file.write_bytes(wrong[harm])
    with pytest.raises(CheckpointError, match="not there" if harm == "lost" else "damaged"):
        resumed(tmp_path)


def test_a_new_training_does_not_harm_the_old_one_before_it_is_there(tmp_path: Path) -> None:
    begun(tmp_path)
    old = journal_file(tmp_path / files.FILE_NAME).read_bytes()
    other = tmp_path / "other"
    begun(other, 1)
    # the moment after the first checkpoint of another training was written over it
    fit = lambda w, x: np.mean((w - x) ** 2)  # noqa: E731
    dk.train(fit, 0.0, (np.ones(4),), checkpoint=tmp_path, epochs=1)
    assert not (tmp_path / NAME).read_bytes().startswith(old[:40])
    assert len(dk.resume(tmp_path, loss=fit, data=(np.ones(4),)).history["loss"]) == 1


def test_the_first_format_is_read(tmp_path: Path, monkeypatch: Any) -> None:
    """It had the history within the checkpoint."""
    begun(tmp_path / "new")
    kept = read_checkpoint(tmp_path / "new")
    header = {key: said for key, said in kept.header.items() if key not in ("arrays", "journal")}
    monkeypatch.setattr(files, "VERSION", 1)
    write_checkpoint(tmp_path / "old" / files.FILE_NAME, header, kept.arrays)
    monkeypatch.undo()
    run = resumed(tmp_path / "old")
    assert same_run(run, whole()) and (tmp_path / "old" / NAME).is_file()
    assert same_run(resumed(tmp_path / "old"), run)
