"""``diffkit explain``: expressions and files of the user's own, as tables, pages, JSON and text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.cli.main import DONE, WRONG_INPUT, main
from diffkit.cli.shared import parse_point

MODEL = '''"""A file that diffkit has never seen."""
import numpy as np

import diffkit as dk

SCALE = 2.0


def scaled(factor):
    def inner(x):
        return factor * x

    return inner


def loss(w, b=0.5, rows=3):
    total = b
    for k in range(rows):
        score = w @ np.array([1.0, k]) + b
        if score > 0:
            total = total + scaled(SCALE)(np.tanh(score))
        else:
            total = total - score
    return total


def recurrent(w, xs):
    return dk.scan(lambda c, x: (np.tanh(w * c + x), None), 0.0, xs)[0]


def net(w1, w2, x):
    hidden = np.maximum(x @ w1, 0.0)
    logits = hidden @ w2
    return np.log(np.sum(np.exp(logits))) - logits[0]


def broken(x):
    return x + undefined_name


def counts(n):
    return n > 2


def keyword(x, *, scale):
    return x * scale
'''


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "model.py"
    path.write_text(MODEL, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return path


def explained(capsys: Any, *words: str) -> str:
    """What the command prints, which must succeed."""
    assert main(["explain", *words]) == DONE
    out, err = capsys.readouterr()
    assert err == ""
    return out


def refused(capsys: Any, *words: str) -> str:
    """The one line of an error."""
    assert main(["explain", *words]) == WRONG_INPUT
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    return err.strip()


# Expressions -------------------------------------------------------------------------------------


def test_an_expression_in_a_pipe_is_tab_separated_with_full_precision(run: Any) -> None:
    done = run("explain", "log(x1)+x1*x2-sin(x2)", "--at", "x1=2,x2=5")
    assert (done.returncode, done.stderr) == (DONE, "")
    header, *rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert header[:6] == ["sweep", "step", "variable", "formula", "arithmetic", "value"]
    found = {(row[0], row[2]): float(row[5]) for row in rows}
    assert found["adjoint", "x2_bar"] == 1.7163378145367738
    assert found["adjoint", "x1_bar"] == found["tangent", "e_dot"] == 5.5
    assert "1*5 + 0*2 = 5" in {row[4] for row in rows}


@pytest.mark.parametrize("width", [80, 120])
def test_tables_of_any_width(capsys: Any, width: int) -> None:
    out = explained(capsys, "log(x1)+x1*x2-sin(x2)", "--at", "2,5", "--width", str(width))
    assert "1·5 + 0·2 = 5" in out and "−0.28366 + 1·2 = 1.7163" in out
    assert max(map(len, out.splitlines())) <= width + 8  # accents take no room
    assert ("0.6931471805599453" in out) == (width == 120)


def test_one_sweep_at_a_time_and_few_rows(capsys: Any) -> None:
    out = explained(capsys, "sin(x)*x", "--at", "x=1", "--mode", "adjoint", "--width", "80")
    assert "reverse mode" in out and "forward mode" not in out
    words = ("sin(sin(sin(sin(x))))", "--at", "1", "--limit", "2", "--width", "80")
    assert explained(capsys, *words).count("3 more rows") == 3


def test_json_is_that_of_the_library(capsys: Any) -> None:
    found = json.loads(explained(capsys, "x*y", "--at", "x=2,y=5", "--direction", "y", "--json"))
    assert found == dk.explain(dk.parse("x*y"), x=2.0, y=5.0, direction="y", title="x*y").to_dict()
    assert found["direction"] == {"x": 0.0, "y": 1.0}


def test_a_page_is_written_and_nothing_else_printed(capsys: Any, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    assert main(["explain", "x*y", "--at", "1,2", "--html", str(path)]) == DONE
    out, err = capsys.readouterr()
    assert out == "" and err == f"wrote {path}\n"
    page = path.read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>") and "1·2 + 0·1 = 2" in page


# Files of the user's own -------------------------------------------------------------------------


def test_a_function_with_a_loop_branches_and_a_closure(model: Path, capsys: Any) -> None:
    out = explained(capsys, "model.py:loss", "--at", "w=[0.5,-1]", "--width", "80")
    assert "branch taken: True" in out and "branch taken: False" in out
    assert "model.py:21  total = total + scaled(SCALE)(np.tanh(score))" in out
    assert "model.py:11  return factor * x" in out
    found = json.loads(explained(capsys, "model.py:loss", "--at", "[0.5,-1],0.5", "--json"))
    namespace: dict[str, Any] = {}
    exec(compile(MODEL, "model.py", "exec"), namespace)  # the test's own text
    exact = dk.grad(namespace["loss"])(np.array([0.5, -1.0]))
    np.testing.assert_allclose(found["gradient"]["w"]["value"], exact, rtol=1e-15)


def test_a_scan_and_a_net(model: Path, capsys: Any) -> None:
    out = explained(capsys, "model.py:recurrent", "--at", "0.5,[1,2,3,4]", "--width", "100")
    assert "4 steps of" in out and out.count("step 2") == 3
    words = ("--at", "[[1,2],[0.5,-1]],[[1,0],[0,1]]", "--at", "x=[1,2]", "--wrt", "w1,w2")
    found = json.loads(explained(capsys, "model.py:net", *words, "--json"))
    assert found["wrt"] == ["w1", "w2"]
    assert {"matmul", "maximum"} <= {node["primitive"] for node in found["nodes"]}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model.py:broken", "--at", "1"], "'undefined_name' is not defined (at model.py:"),
        (["model.py:los", "--at", "1"], "did you mean loss?"),
        (["model.py"], "name the function, as in model.py:scaled"),
        (["missing.py:f", "--at", "1"], "there is no file missing.py"),
        (["model.py:counts", "--at", "1"], "has no derivative"),
        (["model.py:keyword", "--at", "1"], "cannot be given by position"),
        (["model.py:loss"], "no value for the parameter w"),
        (["model.py:loss", "--at", "w=[1,2],z=1"], "no parameter of loss named 'z'"),
        (["model.py:loss", "--at", "w=[1,2,3]"], "model.py:19"),
        (["x*y", "--at", "1"], "no value for y"),
        (["x*y", "--at", "1,2,3"], "more than 2 values, but the variables are x, y"),
        (["x*y", "--at", "1,two"], "is not a number"),
        (["x", "--at", "[1,2]"], "x has the shape (2,)"),
        (["3"], "no argument was given"),
        (["x +", "--at", "1"], "ParseError"),
        (["x*y", "--at", "1,2", "--mode", "adjiont"], "did you mean adjoint?"),
        (["x*y", "--at", "1,2", "--direction", "z"], "names no input"),
        (["x*y", "--at", "1,2", "--wrt", "z"], "there are x, y"),
        (["x*y", "--at", "1,2", "--html", "none/a.html"], "cannot be written"),
        (["x*y", "--at", "1,2", "--width", "3"], "not in the range"),
        ([], "Missing argument"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_input_is_one_line(model: Path, capsys: Any, words: list[str], message: str) -> None:
    assert message in refused(capsys, *words)


def test_values_without_names_take_the_names_in_order() -> None:
    assert parse_point(["2,5"], ["x1", "x2"]) == {"x1": 2.0, "x2": 5.0}
    assert parse_point(["x1=2,5"], ["x1", "x2"]) == {"x1": 2.0, "x2": 5.0}
    assert parse_point(["2", "x2=5"], ["x1", "x2"]) == {"x1": 2.0, "x2": 5.0}
    with pytest.raises(dk.errors.InputError, match="not name=value"):
        parse_point(["x1"], ["x1", "x2"])


def test_help_has_examples(capsys: Any) -> None:
    assert main(["explain", "--help"]) == DONE
    text = capsys.readouterr().out
    assert "diffkit explain model.py:loss" in text and "--direction" in text
