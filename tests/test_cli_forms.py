"""``diffkit derive --forms``: one derivative in several forms, at a point or along a range."""

from __future__ import annotations

import json
from typing import Any

import pytest

from diffkit.cli.main import DONE, WRONG_INPUT, main

POLYNOMIAL = "(x-1)**7"


def rows_of(text: str) -> dict[str, dict[str, str]]:
    """The rows of tab-separated text by form."""
    header, *lines = [line.split("\t") for line in text.splitlines()]
    return {line[0]: dict(zip(header, line, strict=True)) for line in lines}


def test_a_range_into_a_pipe(capsys: Any) -> None:
    words = ["derive", POLYNOMIAL, "--forms", "--from", "0.9", "--to", "1.1", "--points", "20"]
    assert main(words) == DONE
    rows = rows_of(capsys.readouterr().out)
    assert rows["raw"]["derivative"] == "7*(x - 1)**6"
    assert rows["horner"]["tree"] == "12"
    assert float(rows["expanded"]["max_relative"]) > 1e6 * float(rows["raw"]["max_relative"])


def test_a_point_as_json(capsys: Any) -> None:
    assert main(["derive", "softplus(x)*y", "--forms", "--at", "x=800,y=2", "--json"]) == DONE
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == 1
    assert found["at"] == {"x": 800.0, "y": 2.0}
    assert found["truth"] == {"x": 2.0, "y": 800.0}
    assert found["forms"]["stable"]["derivative"]["x"] == "y*logistic(x)"
    assert found["forms"]["stable"]["value"] == {"x": 2.0, "y": 800.0}
    assert found["forms"]["raw"]["max_ulp"] is None
    assert "not a polynomial" in found["forms"]["horner"]["refused"]


def test_a_table_on_a_terminal(capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("diffkit.cli.derive_forms.on_terminal", lambda: True)
    monkeypatch.setattr("diffkit.cli.shared.on_terminal", lambda: True)
    words = ["derive", "where(x != 0, sin(x)/x, 1)", "--forms", "--at", "x=0", "--order", "2"]
    assert main(words) == DONE
    text = capsys.readouterr().out
    assert "max ulp" in text
    assert "formula and limit differ" in " ".join(text.split())
    assert "next: diffkit derive" in text


def test_latex_of_one_variable_over_a_range(capsys: Any) -> None:
    words = ["derive", "x*sin(x*y)", "--forms", "--wrt", "x", "--at", "y=2", "--from", "-1"]
    assert main([*words, "--to", "1", "--points", "5", "--latex"]) == DONE
    rows = rows_of(capsys.readouterr().out)
    assert r"\cos" in rows["raw"]["derivative"]
    assert {row["variable"] for row in rows.values()} == {"x"}


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["x*y", "--forms"], "no value for x, y"),
        (["x*y", "--forms", "--at", "x=1"], "no value for y"),
        (["x*y", "--forms", "--at", "z=1"], "no variable in the expression named 'z'"),
        (["x*y", "--forms", "--from", "0", "--to", "1"], "a range is of one variable"),
        (["x", "--forms", "--at", "x=1", "--from", "0", "--to", "1"], "a range is of one variable"),
        (["x", "--forms", "--from", "1", "--to", "0"], "from one number up to another"),
        (["x", "--forms", "--from", "1"], "from one number up to another"),
        (["x", "--forms", "--at", "x=1", "--points", "5"], "--points needs a range"),
        (["x", "--at", "x=1"], "add --forms"),
        (["x/0", "--forms", "--at", "x=1"], "divides by zero"),
    ],
)
def test_bad_words_are_explained(capsys: Any, words: list[str], reason: str) -> None:
    assert main(["derive", *words]) == WRONG_INPUT
    assert reason in capsys.readouterr().err
