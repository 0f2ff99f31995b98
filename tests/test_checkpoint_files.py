"""The file of a checkpoint: damaged, foreign, too new, or not to be written."""

from __future__ import annotations

import errno
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from resumable import RNG, X, Y, begun, nothing, whole

import diffkit as dk
from diffkit.errors import CheckpointError, InputError
from diffkit.optim.optimizers import Adam
from diffkit.training import checkpoint as files
from diffkit.training.checkpoint import read_checkpoint, write_checkpoint


def test_no_file_no_path_no_room(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="there is no checkpoint at"):
        dk.resume(tmp_path / "nothing", data=(X, Y))
    with pytest.raises(CheckpointError, match="kept at a path, not at 3"):
        whole(checkpoint=3)
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="cannot write the checkpoint"):
        whole(checkpoint=tmp_path / "file")
    with pytest.raises(InputError, match="checkpoint_every"):
        whole(checkpoint=tmp_path, checkpoint_every=0)


def test_a_full_disk_is_left_with_the_last_checkpoint_alone(
    tmp_path: Path, monkeypatch: Any
) -> None:
    write_checkpoint(tmp_path / "c.npz", {"epoch": 1}, {})

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(CheckpointError, match="No space left on device"):
        write_checkpoint(tmp_path / "c.npz", {"epoch": 2}, {})
    assert [file.name for file in tmp_path.iterdir()] == ["c.npz"]
    assert read_checkpoint(tmp_path / "c.npz").header["epoch"] == 1


def test_a_second_file_that_another_training_took_is_said(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(files.os, "fsync", lambda descriptor: (tmp_path / "c.npz.part").unlink())
    with pytest.raises(CheckpointError, match="another training writes to"):
        write_checkpoint(tmp_path / "c.npz", {"epoch": 1}, {})


def test_two_trainings_do_not_mix_in_one_folder(tmp_path: Path) -> None:
    """The first one stops; the folder is that of the second, and can be resumed."""

    def another(run: Any) -> None:
        if len(run.history["epoch_loss"]) == 1:
            whole(checkpoint=tmp_path, seed=8)

    with pytest.raises(CheckpointError, match="replaced or removed while this training ran"):
        whole(checkpoint=tmp_path, on_epoch=another)
    assert dk.resume(tmp_path, data=(X, Y)).batches.seed == 8


def test_other_archives_and_newer_versions(tmp_path: Path, monkeypatch: Any) -> None:
    np.savez(tmp_path / "arrays.npz", w=X)
    with pytest.raises(CheckpointError, match="an archive, but no checkpoint"):
        dk.resume(tmp_path / "arrays.npz", data=(X, Y))
    (tmp_path / "text.npz").write_text("no archive")
    with pytest.raises(CheckpointError, match="damaged, or no checkpoint"):
        dk.resume(tmp_path / "text.npz", data=(X, Y))
    monkeypatch.setattr(files, "VERSION", 3)
    whole(checkpoint=tmp_path)
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match="has format 3, and this diffkit reads 2"):
        dk.resume(tmp_path, data=(X, Y))


def test_a_pickle_is_not_read(tmp_path: Path) -> None:
    header = np.frombuffer(
        json.dumps({"format": files.FORMAT, "version": 1, "arrays": ["a0"]}).encode(), np.uint8
    )
    np.savez(tmp_path / "c.npz", header=header, a0=np.array([print], dtype=object))
    with pytest.raises(CheckpointError, match="a0 is no plain array"):
        read_checkpoint(tmp_path / "c.npz")


def test_a_file_that_lacks_its_end(tmp_path: Path) -> None:
    begun(tmp_path)
    content = (tmp_path / files.FILE_NAME).read_bytes()
    for size in (0, 1, 100, len(content) // 2, len(content) - 1):
        (tmp_path / "cut.npz").write_bytes(content[:size])
        with pytest.raises(CheckpointError, match="damaged"):
            dk.resume(tmp_path / "cut.npz", data=(X, Y), on_epoch=nothing)


def test_no_flipped_bit_goes_unseen(tmp_path: Path) -> None:
    """A byte that is changed is found, or it was one of those that say nothing (dates)."""
    begun(tmp_path, optimizer=Adam(0.1))
    content = bytearray((tmp_path / files.FILE_NAME).read_bytes())
    good, found = read_checkpoint(tmp_path), 0
    for place in RNG.choice(len(content), 150, replace=False):
        content[place] ^= 0x10
        (tmp_path / "flipped.npz").write_bytes(content)
        content[place] ^= 0x10
        try:
            read = read_checkpoint(tmp_path / "flipped.npz")
        except CheckpointError:
            found += 1
        else:
            assert read.header == good.header
            assert all(np.array_equal(read.arrays[name], good.arrays[name]) for name in good.arrays)
    assert found > 100


@pytest.mark.parametrize(
    ("key", "value"),
    [("history", 3), ("history", {"dict": []}), ("epochs", "many"), ("step", 1), ("seed", None),
     ("state", {"tree": 0.0}), ("diverged", {"dict": [["odd", 1]]}), ("signal_rows", []),
     ("best", {}), ("order", {"kind": "os.system"}), ("params", {"tree": {"tuple": 1}}),
     ("optimizer", {"is": {"kind": "optim.SGD", "fields": {"rate": -1.0}}, "words": ""}),
     ("engine", "nonsense"), ("config", 3)],
)  # fmt: skip
def test_a_header_that_makes_no_sense(tmp_path: Path, key: str, value: Any) -> None:
    begun(tmp_path)
    kept = read_checkpoint(tmp_path)
    header = {name: item for name, item in kept.header.items() if name not in ("arrays", "journal")}
    write_checkpoint(tmp_path / "odd.npz", header | {key: value}, kept.arrays)
    with pytest.raises(InputError) as caught:
        dk.resume(tmp_path / "odd.npz", data=(X, Y), on_epoch=nothing)
    assert "\n" not in caught.value.message


def test_the_file_is_an_npz_of_plain_arrays(tmp_path: Path) -> None:
    begun(tmp_path)
    with np.load(tmp_path / files.FILE_NAME, allow_pickle=False) as archive:
        header = json.loads(archive["header"].tobytes().decode())
        assert all(archive[name].dtype.kind in "fiub" for name in header["arrays"])
    assert header["format"] == "diffkit checkpoint" and header["version"] == 2
    with zipfile.ZipFile(tmp_path / files.FILE_NAME) as archive:
        assert archive.testzip() is None
