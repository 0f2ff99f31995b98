"""The command line, through real processes: what it prints, where, and its exit codes."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import diffkit

BAYDIN = ("log(x1)+x1*x2-sin(x2)", "--at", "x1=2,x2=5")
DONE, FAILED, WRONG_INPUT = 0, 1, 2

PAGE = '''"""
A picture of {name}
===================

The lesson of {name}, with ``code`` and <angle brackets>.
"""
from diffkit.plots.pages import Claim, Page

PAGE = Page("{name}", "A chapter", "A picture of {name}", ("Derivative",), "Why?", "Try.", "Us")


def numbers():
    print("noise")
    return [Claim("{name}", "one is one", 1.0, {got}, 0.0, "arithmetic")]


def draw(dark=False):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(2, 1))
    axes.plot([0, {point}])
    return figure
'''


def one_line(text: str) -> str:
    """The text, which must be a single line."""
    assert text.count("\n") == 1, text
    return text.strip()


def rows_of(text: str) -> list[dict[str, str]]:
    """The rows of tab-separated text by column."""
    header, *rows = [line.split("\t") for line in text.splitlines()]
    return [dict(zip(header, row, strict=True)) for row in rows]


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


def on_a_terminal(root: Path, *words: str, **environment: str) -> str:
    """What a command writes to a terminal of 80 columns."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "diffkit", *words],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=os.environ
        | {"PYTHONPATH": str(root), "TERM": "xterm-256color", "COLUMNS": "80"}
        | environment,
    )
    os.close(slave)
    chunks = []
    while chunk := _read(master):
        chunks.append(chunk)
    process.wait(60)
    os.close(master)
    return b"".join(chunks).decode("utf-8").replace("\r\n", "\n")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # Linux reports the end of a pseudo-terminal as an error
        return b""


def test_a_terminal_gets_a_table_of_80_columns_and_the_next_command(root: Path) -> None:
    shown = on_a_terminal(root, "compare", *BAYDIN, NO_COLOR="1")
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert "next: diffkit" in plain
    assert max(map(len, re.split(r"[\r\n]", plain))) <= 80
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", shown), "NO_COLOR is respected"


# -- gallery --------------------------------------------------------------------------------


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """Four pages: one good, one with a wrong number, one that raises, one that dies."""
    folder = tmp_path / "pages"
    folder.mkdir()
    good = {"name": "good", "got": 1.0, "point": 1}
    variants = {
        "good": {},
        "wrong": {"got": 2.0},
        "raises": {"point": "undefined"},
        "dies": {"point": "__import__('os')._exit(3)"},
    }
    for name, changes in variants.items():
        page = PAGE.format(**(good | {"name": name} | changes))
        (folder / f"plot_{name}.py").write_text(page)
    return folder


def test_gallery_names_what_failed_and_goes_on(run: Any, pages: Path, tmp_path: Path) -> None:
    done = run("gallery", "--scripts", "pages", "--out", "out")
    assert done.returncode == FAILED
    held = {row["name"]: row["held"] for row in rows_of(done.stdout)}
    assert held == {"dies": "False", "good": "True", "raises": "False", "wrong": "False"}
    assert (
        "plot_raises.py failed: NameError: name 'undefined' is not defined (at plot_raises.py:"
        in (done.stderr)
    )
    assert "plot_dies.py failed: its process ended unexpectedly" in done.stderr
    assert "plot_wrong.py: did not hold: one is one: expected 1.0, got 2.0" in done.stderr
    for name in ("good", "good-dark", "wrong"):
        assert (tmp_path / "out" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (tmp_path / "out" / f"{name}.svg").read_text()
    index = (tmp_path / "out" / "index.html").read_text()
    assert "2 of 3 numbers held" in index
    assert "&lt;angle brackets&gt;" in index
    assert "<code>code</code>" in index


def test_the_index_asks_for_nothing_from_outside(run: Any, pages: Path, tmp_path: Path) -> None:
    done = run("gallery", "--scripts", "pages", "--out", "out", "--only", "good")
    assert done.returncode == DONE, done.stderr
    index = (tmp_path / "out" / "index.html").read_text()
    links = re.findall(r'(?:src|href)="([^"]*)"', index)
    assert [link for link in links if not link.startswith(("#", "data:"))]
    assert not [link for link in links if "//" in link]
    assert "url(" not in index
    assert "@import" not in index
    local = {link for link in links if not link.startswith(("#", "data:"))}
    assert all((tmp_path / "out" / link).is_file() for link in local)
    assert all('alt="A picture of good' in tag for tag in re.findall(r"<img[^>]*>", index))


def test_pictures_are_the_same_bytes_each_time(run: Any, pages: Path, tmp_path: Path) -> None:
    for out in ("first", "second"):
        run("gallery", "--scripts", "pages", "--out", out, "--only", "good")
    names = sorted(path.name for path in (tmp_path / "first").glob("good*"))
    assert len(names) == 4
    for name in names:
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_gallery_check_and_list_as_json(run: Any, pages: Path, tmp_path: Path) -> None:
    done = run("gallery", "--scripts", "pages", "--check", "--json", "--only", "wrong")
    assert done.returncode == FAILED
    assert json.loads(done.stdout) == [
        {
            "name": "wrong",
            "claim": "one is one",
            "expected": 1.0,
            "got": 2.0,
            "tolerance": 0.0,
            "source": "arithmetic",
            "held": False,
            "at_most": False,
        }
    ]
    done = run("gallery", "--scripts", "pages", "--list", "--json")
    assert [page["name"] for page in json.loads(done.stdout)] == ["dies", "good", "raises", "wrong"]
    assert set(json.loads(done.stdout)[0]) == {"name", "chapter", "title", "concepts", "numbers"}
    assert all(page["numbers"] == ["one is one"] for page in json.loads(done.stdout))
    assert not (tmp_path / "gallery-out").exists()


def test_a_bound_is_shown_as_a_bound(run: Any, root: Path, pages: Path) -> None:
    script = pages / "plot_good.py"
    script.write_text(script.read_text().replace('"arithmetic")', '"arithmetic", at_most=True)'))
    check = ("gallery", "--scripts", str(pages), "--check", "--only", "good")
    assert rows_of(run(*check).stdout)[0]["expected"] == "at most 1.0"
    (claim,) = json.loads(run(*check, "--json").stdout)
    assert (claim["expected"], claim["at_most"]) == (1.0, True)
    assert "one is one: 1 (at most 1.0)" in on_a_terminal(root, *check)


def test_pages_are_listed_without_running_them(run: Any, pages: Path) -> None:
    for name in ("dies", "wrong"):
        script = pages / f"plot_{name}.py"
        script.write_text(script.read_text() + "\nraise SystemExit(3)\n")
    (pages / "plot_broken.py").write_text("def")
    done = run("gallery", "--scripts", "pages", "--list")
    assert done.returncode == FAILED
    assert [row["name"] for row in rows_of(done.stdout)] == ["dies", "good", "raises", "wrong"]
    assert "plot_broken.py failed: SyntaxError" in done.stderr


def test_the_gallery_of_diffkit_is_found(run: Any) -> None:
    done = run("gallery", "--list")
    assert done.returncode == DONE, done.stderr
    assert len(rows_of(done.stdout)) >= 6
    listed = json.loads(run("gallery", "--list", "--json").stdout)
    assert len([page for page in listed if page["numbers"]]) == len(rows_of(done.stdout))


def test_an_output_folder_that_cannot_be_made(run: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("gallery", "--out", "file/inside")
    assert done.returncode == WRONG_INPUT
    assert "cannot write" in one_line(done.stderr)
