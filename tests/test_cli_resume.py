"""``diffkit resume``, ``diffkit signal`` and the report of a run, as a person would use them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import RunCommand

import diffkit as dk
from diffkit.cli.main import main
from diffkit.training.checkpoint import read_checkpoint
from diffkit.training.signal import Signal
from diffkit.training.verdict import judge, sparkline

ROOT = Path(__file__).resolve().parents[1]
TRAIN = ("train", "two-moons", "--hidden", "8", "--epochs", "300")
SAME = ("weights.npz", "history.json", "signal.json", "curves.png", "signal.png", "boundary.png")


def diffkit(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Exit code, output and errors of a command."""
    code = main(words)
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def kill(folder: Path) -> int:
    """Begin a training as a process and kill it; the number of epochs that were saved."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    process = subprocess.Popen(
        [sys.executable, "-m", "diffkit", *TRAIN, "--out", str(folder)],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    file = folder / "checkpoint.npz"
    while process.poll() is None and not file.exists():
        time.sleep(0.001)
    time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (folder / "weights.npz").exists()  # it was killed on its way
    return read_checkpoint(folder).header["epoch"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no signal that kills at once")
def test_a_killed_run_is_finished_with_the_same_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    done = kill(tmp_path / "killed")
    assert 0 <= done < 300
    code, out, err = diffkit(capsys, "signal", str(tmp_path / "killed"))
    assert code == 0 and err == "" and (out.startswith("kind\tname") or done == 0)
    code, out, err = diffkit(capsys, "resume", str(tmp_path / "killed"), "--json")
    assert code == 0 and err == "", err
    code, whole, _ = diffkit(capsys, *TRAIN, "--out", str(tmp_path / "whole"), "--json")
    one, other = (json.loads(text) for text in (out, whole))
    differ = {key for key in one if one[key] != other[key]}
    assert differ == {"seconds", "out"} and one["epochs"] == 300
    for name in SAME:
        pair = [(tmp_path / folder / name).read_bytes() for folder in ("killed", "whole")]
        assert pair[0] == pair[1], name


def test_a_finished_run_is_told_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savetxt(tmp_path / "own.csv", np.c_[np.arange(40.0) % 7, np.arange(40) % 2], delimiter=",")
    folder, words = str(tmp_path / "r"), ("--epochs", "3", "--json", "--patience", "9")
    code, out, err = diffkit(capsys, "train", str(tmp_path / "own.csv"), *words, "--out", folder)
    assert code == 0 and err == ""
    first = json.loads(out)
    assert first["best_epoch"] is not None and first["training_examples"] == 25  # of 40: 8 and 7
    run = dk.resume(folder)  # the program needs no more than the command
    assert [*run.history["epoch_loss"]] == json.loads(
        (tmp_path / "r" / "history.json").read_text(encoding="utf-8")
    )["epoch_loss"]
    (tmp_path / "own.csv").rename(tmp_path / "moved.csv")
    code, _, err = diffkit(capsys, "resume", folder)
    assert code == 2 and "there is no file" in err and err.count("\n") == 1
    moved = ("--data", str(tmp_path / "moved.csv"))
    code, out, _ = diffkit(capsys, "resume", folder, *moved, "--json")
    again = json.loads(out)
    assert code == 0 and again == first
    (tmp_path / "moved.csv").write_text("1,0\n2,1\n" * 20)
    code, _, err = diffkit(capsys, "resume", folder, *moved)
    assert code == 2 and "not the data of the checkpoint" in err


def test_the_target_of_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"{'ab'[k % 2]},{k % 2 + 0.01 * k:.2f},{k % 5}" for k in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["kind,x,y", *lines]))
    for target in ("kind", "0"):
        words = ("train", str(tmp_path / "t.csv"), "--target", target, "--epochs", "60", "--json")
        code, out, err = diffkit(capsys, *words)
        assert code == 0, err
        assert json.loads(out)["test_accuracy"] == 1.0
    code, _, err = diffkit(capsys, "train", "xor", "--target", "x")
    assert code == 2 and "only the target of a CSV file can be chosen" in err


def test_numbers_are_learned_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x = np.linspace(-1, 1, 80)
    np.savez(tmp_path / "line.npz", x=x[:, None], y=100 + 7 * x)
    words = ("train", str(tmp_path / "line.npz"), "--regression", "--epochs", "80")
    code, out, err = diffkit(capsys, *words, "--out", str(tmp_path / "r"), "--json")
    assert code == 0, err
    report = json.loads(out)
    assert report["loss"] == "mse" and report["test_accuracy"] is None
    assert report["test_explained"] > 0.99 and report["training_explained"] > 0.99
    text = (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    assert "of the variance of unseen examples is explained" in text
    code, _, err = diffkit(capsys, *words, "--loss", "cross-entropy")
    assert code == 2 and "does not fit line, whose targets are numbers" in err


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: None, "there is no checkpoint at"),
        (lambda folder: (folder / "checkpoint.npz").write_bytes(b"PK"), "damaged"),
        (lambda folder: by_a_program(folder), "begun by a program"),
    ],
)
def test_what_cannot_be_resumed(
    tmp_path: Path, make: Any, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path)
    code, out, err = diffkit(capsys, "resume", str(tmp_path))
    assert code == 2 and out == "" and err.count("\n") == 1
    assert words in err and "hint" in err


def by_a_program(folder: Path) -> None:
    dk.train(lambda w, x: np.mean(w * x), 1.0, (np.ones(3),), checkpoint=folder)


# Signal ------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The folder of a short training."""
    words = ("train", "spirals", "--hidden", "6,5", "--epochs", "4", "--out", str(tmp_path / "r"))
    assert main(words) == 0
    capsys.readouterr()
    return tmp_path / "r"


def test_signal_prints_tables_and_json(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    saved = json.loads((folder / "signal.json").read_text(encoding="utf-8"))
    code, out, _ = diffkit(capsys, "signal", str(folder), "--json")
    document = json.loads(out)
    assert code == 0 and document["schema"] == 1 and document["steps"] == saved["steps"]
    assert [layer["name"] for layer in document["layers"]] == ["dense1", "dense2", "dense3"]
    assert document["layers"][0]["cotangent"][-1] == saved["cotangent"][-1][0]
    code, out, _ = diffkit(capsys, "signal", str(folder))
    rows = [line.split("\t") for line in out.splitlines()]
    assert (
        rows[0] == ["kind", "name", "first", "last", "verdict"] and len(rows) == 1 + 2 * 3 + 2 * 6
    )
    monkeypatch.setattr("diffkit.cli.signal.on_terminal", lambda: True)
    code, out, _ = diffkit(capsys, "signal", str(folder))
    assert code == 0 and "The signal arrives" in out and "▁" in out and "█" in out
    assert out.index("\ndense3") < out.index("\ndense1")  # as the signal travels
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize("dark", ((), ("--dark",)))
def test_signal_draws(folder: Path, dark: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for name, start in (("s.png", b"\x89PNG"), ("s.svg", b"<?xml")):
        picture = folder / name
        assert diffkit(capsys, "signal", str(folder), "--picture", str(picture), *dark)[0] == 0
        assert picture.read_bytes().startswith(start)
    code, _, err = diffkit(capsys, "signal", str(folder), "--picture", "s.txt")
    assert code == 2 and "s.txt is no name of a picture" in err


def test_signal_of_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = diffkit(capsys, "signal", str(tmp_path))
    assert code == 2 and "there is no run in" in err and err.count("\n") == 1
    (tmp_path / "signal.json").write_text('{"steps": 3}')
    code, _, err = diffkit(capsys, "signal", str(tmp_path))
    assert code == 2 and "damaged" in err


def made(activation: list[float], cotangent: list[float]) -> Signal:
    """A signal of one step."""
    found = Signal()
    found.steps, found.layers, found.parameters = [0], ["a", "b", "c"], ["w"]
    found.rows |= {"activation": [activation], "cotangent": [cotangent], "gradient": [[1.0]],
                   "update": [[1e-3]], "weight": [[1.0]]}  # fmt: skip
    return found


@pytest.mark.parametrize(
    ("activation", "cotangent", "words", "verdict"),
    [
        (
            [1.0] * 3,
            [0.5, 1.0, 2.0],
            "signal arrives: 0.25 of it at a, a factor of 0.5",
            "fine",
        ),
        ([1.0] * 3, [1e-6, 1e-3, 1.0], "the signal vanishes: 1e-06 of it reaches a", "vanishing"),
        ([1.0] * 3, [1e6, 1e3, 1.0], "the signal explodes: a gets 1e\\+06", "exploding"),
        ([0.0, 1.0, 1.0], [1.0] * 3, "does not pass a", "dead: it gives zeros"),
        ([1.0] * 3, [0.0, 1.0, 1.0], "does not pass a", "starved: no signal arrives"),
        ([1.0] * 3, [np.nan, 1.0, 1.0], "no number at a", "no number"),
    ],
)
def test_verdicts(activation: Any, cotangent: Any, words: str, verdict: str) -> None:
    found = judge(made(activation, cotangent))
    assert re.search(words, found.sentence) and found.layers[0].verdict == verdict
    assert found.parameters[0].verdict == "fine" and found.parameters[0].ratio == (1e-3,)


def test_an_update_that_is_no_number_is_not_fine() -> None:
    found = made([1.0] * 3, [1.0] * 3)
    found.rows["update"] = [[np.inf]]
    assert judge(found).parameters[0].verdict == "no number"


def test_sparklines() -> None:
    assert sparkline((1.0, 1e2, 1e7)) == "▁▃█" and sparkline(()) == ""
    assert sparkline((0.0, 1.0, np.nan, 10.0)) == "·▁·█" and sparkline((np.nan,)) == "·"
    assert sparkline((3.0, 3.0)) == "▁▁" and len(sparkline(tuple(np.arange(1, 999.0)))) == 20


# The report --------------------------------------------------------------------------------------


class Page(HTMLParser):
    """What a page refers to, and its balance of tags."""

    VOID = ("meta", "link", "img", "br")

    def __init__(self) -> None:
        super().__init__()
        self.sources: list[str] = []
        self.open: list[str] = []
        self.images: list[dict[str, Any]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.sources += [str(found[key]) for key in ("src", "href") if key in found]
        if tag == "img":
            self.images.append(found)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_report_needs_nothing_but_itself(folder: Path) -> None:
    text = (folder / "report.html").read_text(encoding="utf-8")
    page = Page()
    page.feed(text)
    assert page.open == [] and page.images
    assert all(source.startswith("data:") for source in page.sources)
    assert "http" not in text and "url(" not in text and "<script" not in text
    assert {image["class"] for image in page.images} == {"light", "dark"}
    assert all(image["alt"] and image["width"] for image in page.images)
    assert "prefers-color-scheme: dark" in text and "dense3.w" in text
    assert "spirals: " in text and str(folder) not in text


def test_the_report_of_a_divergence_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "<b>&.csv").write_text("\n".join(f"{k},{k % 3},{k % 2}" for k in range(60)))
    words = ("--optimizer", "sgd", "--schedule", "constant", "--rate", "100", "--epochs", "9")
    data = str(tmp_path / "<b>&.csv")
    code, _, err = diffkit(capsys, "train", data, *words, "--out", str(tmp_path / "r"))
    text = (tmp_path / "r" / "report.html").read_text(encoding="utf-8")
    assert code == 1 and "diverged in epoch" in err
    assert 'class="notice"' in text and "the training diverged in epoch" in text
    assert "&lt;b&gt;&amp;" in text and "<b>&" not in text


def test_a_second_run_leaves_the_first(run: RunCommand, tmp_path: Path) -> None:
    words = ("train", "two-moons", "--epochs", "1", "--out", "moons", "--seed")
    assert run(*words, "0").returncode == 0
    first = (tmp_path / "moons" / "weights.npz").read_bytes()
    done = run(*words, "1")
    assert done.returncode == 0
    assert "moons held a run: it is kept as moons.1" in done.stderr
    assert (tmp_path / "moons.1" / "weights.npz").read_bytes() == first
    assert (tmp_path / "moons" / "weights.npz").read_bytes() != first
    (tmp_path / "config.json").write_text("{}")
    refused = run(*words[:-2], ".", "--seed", "0")
    assert refused.returncode == 2 and "holds a run already" in refused.stderr
