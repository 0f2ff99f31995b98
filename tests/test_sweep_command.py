"""``diffkit sweep``: a grid from the command line, kept in a folder and resumed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from diffkit.cli import sweep as command
from diffkit.cli.main import DONE, FAILED, INTERRUPTED, WRONG_INPUT, main

SWEEP = ("sweep", "iris", "--model", "softmax", "--epochs", "2")
RATES = (*SWEEP, "--rate", "0.1,0.01")


def test_every_combination_is_trained_and_the_best_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*RATES, "--optimizer", "sgd,adam", "--seeds", "2", "--json"]) == DONE
    report = json.loads(capsys.readouterr().out)
    assert report["schema"] == 1
    assert len(report["trials"]) == 8
    assert report["settings"] == ["data", "model", "epochs", "rate", "optimizer"]
    assert set(report["measures"]) == {"validation_accuracy", "validation_loss", "test_accuracy"}
    means: dict[tuple[Any, ...], list[float]] = {}
    for trial in report["trials"]:
        key = (trial["settings"]["optimizer"], trial["settings"]["rate"])
        means.setdefault(key, []).append(trial["measures"]["validation_accuracy"])
    best = report["best"]
    chosen = (best["settings"]["optimizer"], best["settings"]["rate"])
    assert sum(means[chosen]) == max(map(sum, means.values()))
    assert best["validation_accuracy"] == pytest.approx(sum(means[chosen]) / 2)


def test_piped_output_has_a_row_for_each_trial(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*SWEEP, "--l2", "0,0.1", "--by", "validation_loss"]) == DONE
    header, *rows = (line.split("\t") for line in capsys.readouterr().out.splitlines())
    assert header[:5] == ["data", "model", "epochs", "l2", "seed"]
    assert [row[3] for row in rows] == ["0.0", "0.1"]


def test_a_folder_holds_the_sweep_which_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[float] = []
    trained = command.trained

    def stopping(data: str, seed: int, **settings: Any) -> dict[str, float]:
        called.append(settings["rate"])
        if len(called) == 2:
            raise KeyboardInterrupt
        return trained(data, seed, **settings)

    monkeypatch.setattr(command, "trained", stopping)
    folder = tmp_path / "runs" / "sweep"
    assert main([*RATES, "--out", str(folder)]) == INTERRUPTED
    assert "interrupted, 1 to do; what was done is in" in capsys.readouterr().err
    assert main([*RATES, "--out", str(folder), "--json"]) == DONE
    assert called == [0.1, 0.01, 0.01]
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["sweep.json", "sweep.png", "trials.csv", "trials.jsonl"]
    report = json.loads((folder / "sweep.json").read_text(encoding="utf-8"))
    assert [trial["settings"]["rate"] for trial in report["trials"]] == [0.1, 0.01]
    assert len((folder / "trials.csv").read_text(encoding="utf-8").splitlines()) == 3


def test_hidden_layers_are_given_once_for_each_choice(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["sweep", "xor", "--hidden", "4", "--hidden", "4,3", "--epochs", "2", "--json"]
    assert main(words) == DONE
    report = json.loads(capsys.readouterr().out)
    assert [trial["settings"]["hidden"] for trial in report["trials"]] == ["4", "4,3"]


def test_words_of_train_that_choose_among_nets(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sklearn")
    words = ["sweep", "digits", "--epochs", "1", "--batch", "500", "--json", "--model"]
    assert main([*words, "cnn", "--channels", "2", "--channels", "2,3"]) == DONE
    report = json.loads(capsys.readouterr().out)
    assert [trial["settings"]["channels"] for trial in report["trials"]] == ["2", "2,3"]
    assert main([*words, "rnn", "--hidden", "4", "--cell", "gru,lstm"]) == DONE
    report = json.loads(capsys.readouterr().out)
    assert [trial["settings"]["cell"] for trial in report["trials"]] == ["gru", "lstm"]


def test_where_every_training_diverges_no_setting_is_best(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*SWEEP, "--rate", "1e300", "--optimizer", "sgd", "--schedule", "constant"]
    assert main([*words, "--out", str(tmp_path / "s"), "--json"]) == FAILED
    report = json.loads(capsys.readouterr().out)
    assert report["best"] is None and report["trials"][0]["failed"] is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sweep", "nowhere"], "nowhere"),
        ([*SWEEP, "--rate", "0.1,fast"], "'fast' is not a valid float"),
        ([*SWEEP, "--rate", "0.1,0.1"], "different values"),
        ([*SWEEP, "--rate", ","], "different values"),
        ([*SWEEP, "--optimizer", "sgd,magic"], "'magic' is not one of"),
        ([*SWEEP, "--activation", "relu"], "means nothing"),
        ([*SWEEP, "--jobs", "0"], "jobs"),
        (
            [*SWEEP, "--by", "beauty"],
            "no measure 'beauty'; hint: --by is of validation_accuracy, validation_loss, "
            "test_accuracy",
        ),
    ],
)
def test_wrong_input_is_told_in_one_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == WRONG_INPUT
    output = capsys.readouterr()
    assert output.out == ""
    assert message in output.err
    assert output.err.count("\n") == 1


def test_an_unknown_measure_is_refused_before_anything_is_trained(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def trained(**_: Any) -> dict[str, float]:
        pytest.fail("a training was begun")

    monkeypatch.setattr(command, "trained", trained)
    words = ["sweep", "diabetes", "--model", "mlp", "--epochs", "1", "--by", "validation_accuracy"]
    assert main(words) == WRONG_INPUT
    assert "--by is of validation_loss, test_loss" in capsys.readouterr().err


def test_segmenters_are_compared_by_their_overlap(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["sweep", "shapes", "--model", "tiny-segmenter", "--channels", "2,2", "--epochs", "1"]
    assert main([*words, "--json"]) == DONE
    report = json.loads(capsys.readouterr().out)
    assert report["measures"] == ["validation_iou", "validation_accuracy", "validation_loss",
                                  "test_iou"]  # fmt: skip
    assert 0 < report["best"]["test_iou"] < 1


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", "--help"]) == DONE
    assert "--rate 0.01,0.1 --optimizer sgd,adam --out runs/sweep" in capsys.readouterr().out
