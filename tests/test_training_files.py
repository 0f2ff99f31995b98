"""Runs on disk: what is saved comes back, and a hostile file does nothing."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trained import NET, X, fit, quiet_train, same_bits, watched

import diffkit as dk
from diffkit.errors import InputError
from diffkit.training.signal import Signal, parameter_names
from diffkit.training.weights import load_weights, save_weights


def test_a_run_is_saved_and_its_weights_come_back(tmp_path: Path) -> None:
    run = watched()
    folder = run.save(tmp_path / "runs" / "first")
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json", "history.json", "signal.json", "weights.npz"
    ]  # fmt: skip
    assert same_bits(load_weights(folder, NET.init(9)), run.params)
    documents = {
        name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("config", "history", "signal")
    }
    assert all(document["schema"] == 1 for document in documents.values())
    assert documents["history"]["loss"] == run.history["loss"]
    assert documents["config"]["updates"] == 12 and documents["config"]["seed"] == 0
    again = Signal.from_dict(documents["signal"])
    assert np.array_equal(again.table("update"), run.signal.table("update"))


def test_saving_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    files = [watched().save(tmp_path / name) / "weights.npz" for name in ("a", "b")]
    assert files[0].read_bytes() == files[1].read_bytes()
    with np.load(files[0], allow_pickle=False) as saved:  # an ordinary NPZ file
        assert sorted(saved.files) == sorted(parameter_names(NET.init(0)))


def test_a_diverged_run_is_saved_without_nan(tmp_path: Path) -> None:
    run = quiet_train(fit, np.ones(3), (X, X[:, 0]), optimizer=dk.optim.sgd(1e9), epochs=9)
    text = (run.save(tmp_path) / "config.json").read_text(encoding="utf-8")
    assert "diverged in epoch" in json.loads(text)["diverged"]
    assert "NaN" not in text and "Infinity" not in text


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(InputError, match="cannot write the run"):
        watched().save(tmp_path / "taken")


def corrupt(file: Path, kind: str) -> None:
    """An NPZ file that someone else could have made."""
    good: dict[str, Any] = {"w": np.ones(3)}
    if kind == "text":
        file.write_text("not an archive")
    elif kind == "empty":
        file.write_bytes(b"")
    elif kind == "half":
        np.savez(file, **good)
        file.write_bytes(file.read_bytes()[:90])
    elif kind == "pickle":
        np.savez(file, w=np.array([{"a": 1}, None, 2], dtype=object))
    elif kind == "npy":
        with file.open("wb") as stream:
            np.save(stream, np.ones(3))
    elif kind == "huge":  # a header that promises 8 exabytes
        header = "{'descr': '<f8', 'fortran_order': False, 'shape': (1152921504606846976,), }"
        text = header.ljust(117) + "\n"
        with zipfile.ZipFile(file, "w") as archive:
            body = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()
            archive.writestr("w.npy", body)
    elif kind == "garbage":
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr("w.npy", b"\x00" * 64)
    else:
        arrays = {
            "shape": {"w": np.ones(4)},
            "dtype": {"w": np.array(["a", "b", "c"])},
            "complex": {"w": np.ones(3, complex)},
            "missing": {"v": np.ones(3)},
            "extra": good | {"v": np.ones(3)},
        }
        np.savez(file, **arrays[kind])


KINDS = ("text", "empty", "half", "pickle", "npy", "huge", "garbage", "shape", "dtype", "complex")


@pytest.mark.parametrize("kind", (*KINDS, "missing", "extra"))
def test_hostile_weights_are_refused(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "weights.npz"
    corrupt(file, kind)
    with pytest.raises(InputError) as caught:
        load_weights(file, {"w": np.zeros(3)})
    assert "weights" in str(caught.value) and caught.value.hint


def test_absent_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no weights at"):
        load_weights(tmp_path, {"w": np.zeros(3)})


@pytest.mark.parametrize("name", ("file", "allow_pickle", "a/b", "ü"))
def test_any_name_of_a_parameter_can_be_saved(tmp_path: Path, name: str) -> None:
    params = {name: np.arange(3.0)}
    file = save_weights(tmp_path / "weights.npz", params)
    assert same_bits(load_weights(file, {name: np.zeros(3)}), params)


def test_a_run_is_saved_to_a_path_only() -> None:
    for path in (None, 3, ["runs"]):
        with pytest.raises(InputError, match="saved to a path") as caught:
            watched().save(path)  # type: ignore[arg-type]
        assert "run.save(" in str(caught.value.hint)
