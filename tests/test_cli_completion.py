"""Shell completion: what is offered, and that bash, zsh and fish take it as it is offered."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

import diffkit.cli.main as command_line
from diffkit.cli.candidates import LineComplete
from diffkit.cli.completion import SCRIPTS
from diffkit.cli.main import COMMANDS, DONE, main

MODEL = '''def loss(w, b):
    """The mean of squares."""
    return w * b

def residuals(x):
    return x

def _hidden(x):
    return x
'''


@pytest.fixture
def offered(monkeypatch: Any, tmp_path: Path) -> Any:
    """The candidates for a line, in a folder with a file of the user's."""
    (tmp_path / "model.py").write_text(MODEL)
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)

    def candidates(line: str) -> list[str]:
        monkeypatch.setenv("COMP_LINE", line)
        complete = LineComplete(command_line.diffkit, {}, "diffkit", "_DIFFKIT_COMPLETE")
        return [row.split("\t")[1] for row in complete.complete().splitlines() if "\t" in row]

    return candidates


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("diffkit comp", ["compare", "completion"]),
        ("diffkit advise --wa", ["--want"]),
        ("diffkit advise --want=gr", ["--want=gradient"]),
        ("diffkit advise --want h", ["hessian", "hvp"]),
        ("diffkit advise mod", ["model.py:"]),
        ("diffkit advise dat", ["data/"]),
        ("diffkit advise model.py:", ["model.py:loss", "model.py:residuals"]),
        ("diffkit advise model.py:r", ["model.py:residuals"]),
        ("diffkit advise absent.py:r", []),
        ("diffkit compare --methods reverse,f", ["reverse,finite", "reverse,forward"]),
        ("diffkit compare --dtype float64,", ["float64,float32"]),
        ("diffkit compare --case helm", ["helmholtz"]),
        ("diffkit explain 'sin(x*y)+z' --wrt ", ["x", "y", "z"]),
        ("diffkit explain model.py:loss --wrt w,", ["w,b"]),
        ("diffkit explain 'sin(' --wrt ", []),
        ("diffkit explain x --mode t", ["tangent"]),
        ("diffkit derive 'x*y' --wrt y,", ["y,x"]),
        ("diffkit train digits --optimizer ada", ["adam", "adadelta", "adagrad", "adamw"]),
        ("diffkit train digits --model c", ["cnn"]),
        ("diffkit train two", ["two-moons", "two"]),
        ("diffkit sweep digits --optimizer sgd,adamw,l", ["sgd,adamw,lbfgs", "sgd,adamw,lion"]),
        ("diffkit swell tanh", ["tanh-net"]),
        ("diffkit lesson kin", ["kinks"]),
        ("diffkit gallery --only ulp", ["ulps"]),
        ("diffkit gallery --chapter 1", ["1", "10"]),
        ("diffkit cache cl", ["clear"]),
        ("diffkit cache clear --st", ["--stale"]),
        ("A=1 /usr/bin/diffkit der", ["derive"]),
        ("diffkit nothing --x", []),
    ],
)
def test_what_is_offered(offered: Any, line: str, words: list[str]) -> None:
    assert offered(line) == words


def test_all_verbs_are_offered_and_none_is_imported(offered: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(command_line, "import_module", lambda name: pytest.fail(name))
    assert offered("diffkit ") == list(COMMANDS)


def test_the_script_of_a_shell(capsys: Any, monkeypatch: Any) -> None:
    for shell, script in SCRIPTS.items():
        assert main(["completion", shell]) == DONE
        assert capsys.readouterr().out == script.strip() + "\n"
    monkeypatch.setenv("SHELL", "/bin/zsh")
    assert main(["completion"]) == DONE
    assert "#compdef diffkit" in capsys.readouterr().out
    assert main(["completion", "fish", "--install"]) == DONE
    assert capsys.readouterr().out.endswith("completions/diffkit.fish\n")
    monkeypatch.setenv("SHELL", "/bin/unknown")
    assert main(["completion"]) == 2


# -- in the shells themselves ---------------------------------------------------------------------


@pytest.fixture
def home(tmp_path: Path, root: Path) -> dict[str, str]:
    """The environment of a user whose PATH has diffkit and whose folder has a file."""
    program = tmp_path / "bin" / "diffkit"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m diffkit "$@"\n')
    program.chmod(0o755)
    (tmp_path / "model.py").write_text(MODEL)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path, "PYTHONPATH": str(root), "HOME": str(tmp_path)}


def needs(name: str) -> None:
    """Skip where there is no such shell."""
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")


@pytest.fixture
def shell(home: dict[str, str]) -> Any:
    """Runs a text in a shell."""

    def run(name: str, *flags: str, text: str) -> list[str]:
        needs(name)
        done = subprocess.run([name, *flags, "-c", text], cwd=home["HOME"], env=home,
                              capture_output=True, text=True, timeout=60)  # fmt: skip
        assert done.stderr == ""
        return done.stdout.splitlines()

    return run


def test_bash_gets_words_without_what_stands_before_a_colon(shell: Any) -> None:
    presses = [
        f"COMP_LINE='{line}' COMP_POINT={len(line)}; _diffkit_completion diffkit; "
        'echo "${COMPREPLY[*]}"'
        for line in ("diffkit advise model.py:l", "diffkit advise x --want=ja", "diffkit exp")
    ]
    source = 'eval "$(diffkit completion bash)"; complete -p diffkit >/dev/null'
    shown = shell("bash", "--norc", text="; ".join([source, *presses]))
    assert shown == ["loss", "jacobian", "explain explore"]


SOURCES = {
    # shell: how it is started, and what it reads first
    "zsh": (["-f", "-i"], 'autoload -Uz compinit; compinit -D; eval "$(diffkit completion zsh)"'),
    "fish": (["--no-config", "-i"], "diffkit completion fish | source"),
}
TABS = {
    "diffkit compl": "diffkit completion",
    "diffkit advise model.py:l": "diffkit advise model.py:loss",
    "diffkit advise x --want=ja": "diffkit advise x --want=jacobian",
}
TO_THE_START, PATIENCE_SECONDS = "\x01", 60.0  # Ctrl-A; how long a loaded computer may take


@pytest.fixture
def keyboard(home: dict[str, str]) -> Iterator[Any]:
    """Types into a shell in a terminal of its own, and gives what it shows up to some words."""
    import fcntl
    import pty
    import termios

    hand, there = pty.openpty()
    started: list[subprocess.Popen[bytes]] = []

    def typed(keys: str, until: str) -> str:
        os.write(hand, keys.encode())
        shown, end = "", monotonic() + PATIENCE_SECONDS
        while until not in shown:
            if not select.select([hand], [], [], max(0.0, end - monotonic()))[0]:
                pytest.fail(f"{until!r} was not shown, but {shown!r}")
            shown += os.read(hand, 4096).decode(errors="replace")
        return shown

    def begin(name: str) -> Any:
        needs(name)
        flags, source = SOURCES[name]
        started.append(subprocess.Popen(
            [name, *flags], stdin=there, stdout=there, stderr=there, cwd=home["HOME"],
            env=home | {"TERM": "xterm"}, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # the terminal is its own
        ))  # fmt: skip
        typed(f"{source}; echo rea''dy\r", until="ready\r\n")
        return typed

    yield begin
    for process in started:
        process.kill()
        process.wait()
    os.close(there)
    os.close(hand)


@pytest.mark.parametrize("name", SOURCES)
def test_the_tab_key_completes(keyboard: Any, name: str) -> None:
    typed = keyboard(name)
    for line, completed in TABS.items():
        typed(f"{line}\t{TO_THE_START}echo was: \r", until=f"was: {completed}\r\n")


def test_fish_shows_what_a_word_means(shell: Any) -> None:
    source = "diffkit completion fish | source"
    shown = shell("fish", "--no-config", text=f"{source}; complete -C 'diffkit advise model.py:l'")
    assert shown == ["model.py:loss\tThe mean of squares."]


def test_zsh_accepts_the_script(shell: Any) -> None:
    text = 'autoload -Uz compinit; compinit -D; eval "$(diffkit completion zsh)"; '
    assert shell("zsh", "-f", text=text + "echo $_comps[diffkit]") == ["_diffkit_completion"]
