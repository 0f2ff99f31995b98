"""``diffkit train`` as a real process: run folders, errors in one line, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import RunCommand

import diffkit as dk
from diffkit.cli.main import main
from diffkit.training.preparing import prepared
from diffkit.training.weights import load_weights

QUICK = ("--epochs", "2")
PNG = b"\x89PNG\r\n\x1a\n"
FILES = ["checkpoint.history", "checkpoint.npz", "config.json", "curves.png", "history.json",
         "report.html", "signal.json", "signal.png", "weights.npz"]  # fmt: skip


def test_a_run_folder_of_the_digits(run: RunCommand, tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    done = run("train", "digits", "--model", "cnn", "--channels", "4", *QUICK, "--out", "r",
               "--json", "--seed", "3")  # fmt: skip
    assert done.returncode == 0 and done.stderr == "", done.stderr
    report = json.loads(done.stdout)
    assert report["schema"] == 1 and report["test_examples"] == 360
    assert report["updates"] == 90 and report["diverged"] is None
    assert report["parameters"] == 3 * 3 * 4 + 4 + 64 * 10 + 10
    assert report["test_accuracy"] > 0.5  # after two short epochs
    folder = tmp_path / "r"
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert all((folder / name).read_bytes().startswith(PNG) for name in FILES if "png" in name)
    documents = [json.loads((folder / name).read_text()) for name in FILES if "json" in name]
    assert [document["schema"] for document in documents] == [1, 1, 1]
    config, history, signal = documents
    assert config["data"] == "digits" and config["test_accuracy"] == report["test_accuracy"]
    assert len(history["validation_loss"]) == 2
    assert signal["layers"] == ["conv1", "pool1", "flatten1", "dense1"]
    net = dk.nets.cnn((8, 8, 1), (4,), 10)
    params = load_weights(folder, net.init(0))
    _, x_test, _, y_test = dk.datasets.digits().split()
    assert net.accuracy(params, x_test, y_test) == report["test_accuracy"]


def test_images_are_sequences_to_an_rnn(run: RunCommand) -> None:
    pytest.importorskip("sklearn")
    done = run("train", "digits", "--model", "rnn", "--cell", "lstm", "--hidden", "6,6",
               "--epochs", "1", "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["net"].startswith("Net([8, 8] → lstm1: 6 at every step → lstm2: 6")
    assert report["test_accuracy"] > 0.1


def test_sequences_and_a_deep_linear_net(run: RunCommand, tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(60, 5, 2))
    np.savez(tmp_path / "own.npz", x=x, y=(x[:, -1, 0] > 0).astype(int))
    for model, start in (("rnn", "Net([5, 2] → gru1: 32"), ("deep-linear", "Net([10] → dense1: 8")):
        hidden = ("--hidden", "8,8") if model == "deep-linear" else ()
        done = run("train", "own.npz", "--model", model, *hidden, "--epochs", "30", "--json")
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        assert report["net"].startswith(start) and report["training_accuracy"] > 0.8


def test_more_of_the_signal_is_recorded_where_it_is_asked_for(
    run: RunCommand, tmp_path: Path
) -> None:
    words = ("train", "two-moons", *QUICK, "--record", "noise, cosine", "--out")
    assert run(*words, "r").returncode == 0 and run(*words[:-3], "--out", "plain").returncode == 0
    saved = json.loads((tmp_path / "r" / "signal.json").read_text())
    assert [row["epoch"] for row in saved["between"]] == [0, 1, 2]
    assert all(row["noise_scale"] > 0 and row["cosine_batch"] <= 1 for row in saved["between"])
    weights = [(tmp_path / name / "weights.npz").read_bytes() for name in ("r", "plain")]
    assert weights[0] == weights[1]  # looking changes nothing
    rows = [line.split("\t") for line in run("signal", "r").stdout.splitlines()]
    measured = {row[1]: row[2:4] for row in rows if row[0] == "measured"}
    first, last = (saved["between"][k]["noise_scale"] for k in (0, -1))
    assert measured["noise_scale"] == [str(first), str(last)]


def test_the_last_fifth_can_be_the_test(run: RunCommand, tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(50, 3))
    np.savez(tmp_path / "own.npz", x=x, y=(x[:, 0] > 0).astype(int))
    done = run("train", "own.npz", "--split", "last", "--out", "r", *QUICK, "--json")
    report = json.loads(done.stdout)
    assert (report["training_examples"], report["test_examples"]) == (40, 10)
    assert run("resume", "r").returncode == 0  # with the same parts
    found = prepared({"data": str(tmp_path / "own.npz"), "split": "last"})
    mean, spread = x[:40].mean(axis=0), x[:40].std(axis=0)
    np.testing.assert_allclose(found.test[0], (x[40:] - mean) / spread, rtol=1e-12)


@pytest.mark.parametrize("model", ("softmax", "mlp"))
def test_same_seed_same_weights(run: RunCommand, tmp_path: Path, model: str) -> None:
    words = ("train", "spirals", "--model", model, *QUICK)
    for name in ("a", "b"):
        assert run(*words, "--out", name).returncode == 0
    weights = [(tmp_path / name / "weights.npz").read_bytes() for name in ("a", "b")]
    assert weights[0] == weights[1]


@pytest.mark.parametrize("optimizer", ("gd", "sgd", "momentum", "nesterov", "adam"))
def test_every_optimizer(run: RunCommand, optimizer: str) -> None:
    done = run("train", "two-moons", "--optimizer", optimizer, "--batch-size", "full", *QUICK)
    assert done.returncode == 0 and done.stderr == ""
    rows = dict(line.split("\t") for line in done.stdout.splitlines())
    assert rows["updates"] == "2" and 0 <= float(rows["test_accuracy"]) <= 1


@pytest.mark.parametrize("schedule", ("constant", "step", "exponential", "cosine"))
def test_every_schedule(run: RunCommand, schedule: str) -> None:
    done = run("train", "xor", "--schedule", schedule, "--rate", "0.05", "--hidden", "8",
               "--epochs", "150", "--json")  # fmt: skip
    report = json.loads(done.stdout)
    assert report["training_accuracy"] == 1.0 and report["test_examples"] == 0


def test_a_file_of_ones_own(run: RunCommand, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 4, 4))
    y = (x.mean(axis=(1, 2)) > 0).astype(int)
    np.savez(tmp_path / "own.npz", x=x, y=y)
    lines = [",".join([*(f"{v:.4f}" for v in row.ravel()), "ab"[c]])
             for row, c in zip(x, y, strict=True)]  # fmt: skip
    (tmp_path / "own.csv").write_text("\n".join(lines))
    for name in ("own.npz", "own.csv"):
        for model in ("cnn", "softmax"):
            done = run("train", name, "--model", model, "--epochs", "15", "--json")
            assert done.returncode == 0, done.stderr
            assert json.loads(done.stdout)["training_accuracy"] > 0.7


def test_points_in_the_plane_get_a_boundary(run: RunCommand, tmp_path: Path) -> None:
    assert run("train", "two-moons", *QUICK, "--out", "moons").returncode == 0
    assert (tmp_path / "moons" / "boundary.png").read_bytes().startswith(PNG)


def test_a_divergence_is_reported_and_kept(run: RunCommand, tmp_path: Path) -> None:
    done = run("train", "two-moons", "--optimizer", "sgd", "--schedule", "constant", "--rate",
               "1e8", "--out", "bad")  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "diverged in epoch 1" in done.stderr
    assert "diverged" in json.loads((tmp_path / "bad" / "config.json").read_text())["diverged"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nothing",), "no data set 'nothing'"),
        (("missing.csv",), "no file"),
        (("two-moons", "--model", "rnn"), "an RNN needs sequences or images"),
        (("two-moons", "--cell", "gru"), "--cell means nothing to --model mlp"),
        (("two-moons", "--model", "rnn", "--hidden", "4,8"), "layers of different sizes"),
        (("two-moons", "--record", "beauty"), "'beauty' is not of loss, signal"),
        (("two-moons", "--split", "first"), "split"),
        (("two-moons", "--model", "cnn"), "a CNN needs images"),
        (("two-moons", "--rate", "0"), "positive number"),
        (("two-moons", "--rate", "-0.1"), "positive number"),
        (("two-moons", "--rate", "nan"), "positive number"),
        (("two-moons", "--batch-size", "5000"), "larger than the data"),
        (("two-moons", "--batch-size", "0"), "batch-size"),
        (("two-moons", "--epochs", "0"), "epochs"),
        (("two-moons", "--hidden", "4,-2"), "hidden"),
        (("two-moons", "--activation", "swirl"), "no activation"),
        (("two-moons", "--l2", "-1"), "l2"),
        (("two-moons", "--seed", "-1"), "seed"),
        (("two-moons", "--channels", "4"), "--channels means nothing to --model mlp"),
        (("xor", "--model", "softmax", "--hidden", "4"), "--hidden means nothing"),
        (("two-moons", "--out", "taken"), "taken"),
        (("ragged.csv",), "ragged.csv"),
        (("pickle.npz",), "pickle.npz"),
        (("one.csv",), "one class"),
    ],
)
def test_wrong_input_ends_with_one_line(
    tmp_path: Path,
    words: tuple[str, ...],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("a file")
    (tmp_path / "ragged.csv").write_text("1,2,a\n3,b\n")
    (tmp_path / "one.csv").write_text("1,2,a\n3,4,a\n5,6,a\n" * 5)
    np.savez(tmp_path / "pickle.npz", x=np.array([{}, None], dtype=object), y=np.arange(2))
    code = main(["train", *words, *(() if "--epochs" in words else QUICK)])
    printed = capsys.readouterr()
    assert code == 2, printed.err
    assert printed.out == "" and printed.err.count("\n") == 1
    assert message in printed.err and "hint" in printed.err


def test_wrong_input_of_a_real_process(run: RunCommand) -> None:
    done = run("train", "two-moons", "--rate", "-1")
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and "learning rate" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("split", "model", "goal"),
    [
        ("stratified", "softmax", 0.95), ("stratified", "mlp", 0.975), ("stratified", "cnn", 0.987),
        ("last", "softmax", 0.89), ("last", "mlp", 0.91), ("last", "cnn", 0.95),
    ],
)  # fmt: skip
def test_the_defaults_learn_the_digits(
    run: RunCommand, split: str, model: str, goal: float
) -> None:
    """The median of five seeds; the last fifth, unshuffled, is harder."""
    pytest.importorskip("sklearn")
    found = []
    for seed in range(5):
        words = ("--model", model, "--split", split, "--seed", str(seed), "--json")
        done = run("train", "digits", *words)
        found.append(json.loads(done.stdout)["test_accuracy"])
    assert float(np.median(found)) >= goal
