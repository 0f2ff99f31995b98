"""The command line, through real processes: what it prints, where, and its exit codes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from terminals import on_a_terminal, one_line, rows_of

import diffkit

BAYDIN = ("log(x1)+x1*x2-sin(x2)", "--at", "x1=2,x2=5")
DONE, FAILED, WRONG_INPUT = 0, 1, 2


# -- the entry point ------------------------------------------------------------------------


def test_version_and_help(run: Any) -> None:
    assert diffkit.__version__ in run("--version").stdout
    for words in ([], ["--help"]):
        done = run(*words)
        assert done.returncode == DONE
        assert all(name in done.stdout for name in ("compare", "derive", "gallery", "Examples"))


@pytest.mark.parametrize("command", ["compare", "derive", "gallery"])
def test_every_command_has_examples(run: Any, command: str) -> None:
    done = run(command, "--help")
    assert done.returncode == DONE
    assert f"Examples:\n    diffkit {command}" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["galery"], "No such command 'galery'"),
        (["derive"], "Missing argument"),
        (["derive", "x", "--ordr", "2"], "No such option"),
        (["derive", "x", "--order", "0"], "not in the range"),
        (["derive", "x +"], "ParseError"),
        (["derive", "foo(x)"], "foo"),
        (["derive", "__import__('os').system('echo')"], "ParseError"),
        (["derive", "2"], "no variable"),
        (["derive", "x*y", "--wrt", "z"], "no variable in the expression named 'z'"),
        (["compare", "x*y", "--at", "x=1"], "no value for y"),
        (["compare", "x*y", "--at", "x=1,y=2,z=3"], "named 'z'"),
        (["compare", "x", "--at", "x"], "is not name=value"),
        (["compare", "x", "--at", "x=1", "--at", "x=2"], "twice"),
        (["compare", "x", "--at", "x=one"], "not a number"),
        (["compare", "x", "--at", "x=[[1],[2,3]]"], "equal rows"),
        (["compare", "x", "--at", "x=1", "--methods", "revers"], "did you mean reverse?"),
        (["compare"], "no function was given"),
        (["compare", "--case", "digits"], "-digits?"),
        (["compare", "--case", "softmax-digits", "--at", "x=1"], "own point"),
        (["compare", "missing.py:f", "--at", "x=1"], "no file missing.py"),
        (["derive", "x/(x-x)"], "divides by zero"),
        (["derive", "x/0"], "divides by zero"),
        (["gallery", "--only", "nothing"], "no page named 'nothing'"),
        (["gallery", "--list", "--check"], "exclude each other"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_input_is_one_line_and_exit_code_2(run: Any, words: list[str], message: str) -> None:
    done = run(*words)
    assert message in one_line(done.stderr)
    assert done.returncode == WRONG_INPUT
    assert done.stdout == ""


def test_a_traceback_comes_only_on_request(run: Any) -> None:
    assert "Traceback" not in run("derive", "x +").stderr
    assert "Traceback" in run("derive", "x +", DIFFKIT_TRACEBACK="1").stderr
    assert "Traceback" in run("--traceback", "derive", "x +").stderr


def test_hostile_text_is_refused_at_once(run: Any) -> None:
    started = time.process_time()
    for text in ("9**9**9**9", "(" * 50_000, "x.__class__", "lambda: 0", "[x for x in y]"):
        done = run("derive", text)
        assert done.returncode in (FAILED, WRONG_INPUT)
        one_line(done.stderr)
    assert time.process_time() - started < 5


def test_a_closed_pipe_is_no_error(root: Path, tmp_path: Path) -> None:
    command = f'"{sys.executable}" -m diffkit compare --list | head -n 1; echo ${{PIPESTATUS[0]}}'
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.splitlines()[-1] == "0"
    assert done.stderr == ""


# -- derive ---------------------------------------------------------------------------------


def test_derive_as_text_latex_and_json(run: Any) -> None:
    assert rows_of(run("derive", "x**x").stdout) == [
        {"variable": "x", "derivative": "x**x*(log(x) + 1)"}
    ]
    assert r"\log" in run("derive", "x**x", "--wrt", "x", "--latex").stdout
    document = json.loads(run("derive", "sin(x*y)", "--json").stdout)
    assert document["schema"] == 1
    assert document["derivative"] == {"x": "y*cos(x*y)", "y": "x*cos(x*y)"}
    assert set(document["latex"]) == {"x", "y"}


def test_derive_by_order_and_variable(run: Any) -> None:
    done = run("derive", "-x**3*y", "--wrt", "x", "--order", "2")
    assert rows_of(done.stdout) == [{"variable": "x", "derivative": "-6*x*y"}]


def test_derive_tells_eulers_number_from_a_variable(run: Any) -> None:
    document = json.loads(run("derive", "E*exp(1)*x", "--wrt", "x", "--json").stdout)
    assert document["derivative"] == {"x": "exp(1)*E"}
    assert document["latex"] == {"x": r"\mathrm{e} E"}
    assert r"\mathrm{e}^{2 x}" in run("derive", "exp(2*x)", "--latex").stdout


# -- compare --------------------------------------------------------------------------------


def test_compare_json_of_the_example_of_baydin(run: Any) -> None:
    done = run("compare", *BAYDIN, "--json")
    assert done.returncode == DONE
    document = json.loads(done.stdout)
    assert document["schema"] == 1
    assert document["at"] == {"x1": 2.0, "x2": 5.0}
    assert document["truth"]["derivative"]["x1"] == 5.5
    assert document["truth"]["derivative"]["x2"] == pytest.approx(1.716337814536773, rel=1e-15)
    assert set(document["methods"]) == {"symbolic", "finite", "complex", "forward", "reverse"}
    for name in ("symbolic", "complex", "forward", "reverse"):
        assert document["methods"][name]["max_ulp"] <= 1


def test_compare_piped_is_tab_separated(run: Any) -> None:
    done = run("compare", *BAYDIN, "--methods", "reverse,finite")
    rows = rows_of(done.stdout)
    assert [row["method"] for row in rows] == ["truth", "reverse", "finite"]
    assert float(rows[1]["max_ulp"]) <= 1
    assert done.stdout.splitlines()[0].isascii()


def test_compare_a_function_of_a_file(run: Any, tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("scale = 3.0\n")
    (tmp_path / "model.py").write_text(
        "import numpy as np\nfrom helper import scale\nprint('noise')\n"
        "def loss(w, b=0.5, power=2):\n    return np.sum(scale * w ** power) + b\n"
        "def broken(x):\n    return {}['key']\n"
    )
    done = run("compare", "model.py:loss", "--at", "w=[1,2]", "--methods", "reverse", "--json")
    assert done.returncode == DONE, done.stderr
    assert json.loads(done.stdout)["methods"]["reverse"]["derivative"][0] == [6.0, 12.0]
    for target, message in [("loss", "no value for the parameter w"), ("los", "did you mean loss")]:
        done = run("compare", f"model.py:{target}", "--at", "b=1")
        assert done.returncode == WRONG_INPUT
        assert message in done.stderr
    done = run("compare", "model.py:broken", "--at", "x=1")
    assert done.returncode == WRONG_INPUT
    assert "KeyError: 'key' (at model.py:7" in done.stderr
    for target in ("model.py", "model.py:"):
        error = one_line(run("compare", target).stderr)
        assert "as in model.py:loss; there are loss, broken" in error
    assert "there is no file absent.py" in run("compare", "absent.py").stderr


def test_compare_lists_its_cases(run: Any) -> None:
    assert "softmax-digits" in [row["name"] for row in rows_of(run("compare", "--list").stdout)]
    assert json.loads(run("compare", "--list", "--json").stdout)


# -- terminals ------------------------------------------------------------------------------


def test_a_terminal_gets_a_table_of_80_columns_and_the_next_command(root: Path) -> None:
    shown = on_a_terminal(root, "compare", *BAYDIN, NO_COLOR="1")
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert "next: diffkit" in plain
    assert max(map(len, re.split(r"[\r\n]", plain))) <= 80
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", shown), "NO_COLOR is respected"
