"""``diffkit gallery`` through real processes: what it draws, keeps, prints, and its exit codes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from terminals import on_a_terminal, one_line, rows_of

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
MOVING = """

def frames(dark=False):
    figure = draw(dark)
    for height in (1, 2):
        figure.axes[0].lines[0].set_ydata([0, height])
        yield figure
"""
VARIANTS: dict[str, dict[str, Any]] = {
    "good": {},
    "wrong": {"got": 2.0},
    "raises": {"point": "undefined"},
    "dies": {"point": "__import__('os')._exit(3)"},
}
DONE, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130
Run = Callable[..., subprocess.CompletedProcess[str]]


def write_pages(folder: Path) -> Path:
    """Four pages: one good, which moves; one with a wrong number; two that fail."""
    folder.mkdir()
    for name, changes in VARIANTS.items():
        text = PAGE.format(**{"name": name, "got": 1.0, "point": 1} | changes)
        (folder / f"plot_{name}.py").write_text(text + (MOVING if name == "good" else ""))
    return folder


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """The four pages, in the folder where commands run."""
    return write_pages(tmp_path / "pages")


@pytest.fixture(scope="module")
def drawn(
    tmp_path_factory: pytest.TempPathFactory, root: Path
) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """All four pages drawn once: where, and what the command said."""
    folder = tmp_path_factory.mktemp("drawn")
    write_pages(folder / "pages")
    words = ("gallery", "--scripts", "pages", "--out", "out", "--formats", "png,svg,pdf")
    done = subprocess.run(
        [sys.executable, "-m", "diffkit", *words],
        **{"cwd": folder, "capture_output": True, "encoding": "utf-8", "timeout": 120},
        env=os.environ | {"PYTHONPATH": str(root), "PYTHONIOENCODING": "utf-8"},
    )
    return folder, done


# -- drawing --------------------------------------------------------------------------------------


def test_the_command_names_what_failed_and_goes_on(drawn: Any) -> None:
    folder, done = drawn
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
        assert (folder / "out" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (folder / "out" / f"{name}.pdf").read_bytes().startswith(b"%PDF")
        assert "<svg" in (folder / "out" / f"{name}.svg").read_text()
    index = (folder / "out" / "index.html").read_text()
    assert "1 of 2 numbers held" in index
    assert "2 pages failed" in index
    assert "&lt;angle brackets&gt;" in index
    assert "<code>code</code>" in index


def test_the_index_asks_for_nothing_from_outside(drawn: Any) -> None:
    folder, _ = drawn
    index = (folder / "out" / "index.html").read_text()
    links = re.findall(r'(?:src|srcset|href)="([^"]*)"', index)
    local = {link for link in links if not link.startswith(("#", "data:"))}
    assert {"good.svg", "good-dark.png", "good.gif", "good.pdf"} <= local
    assert not [link for link in links if "//" in link]
    assert "url(" not in index and "@import" not in index
    assert all((folder / "out" / link).is_file() for link in local)


def test_the_same_input_gives_the_same_bytes_in_another_process(
    drawn: Any, run: Run, tmp_path: Path
) -> None:
    first, _ = drawn
    words = ("--out", "again", "--only", "good", "--formats", "png,svg,pdf", "--fresh")
    done = run("gallery", "--scripts", str(first / "pages"), *words, PYTHONHASHSEED="7")
    assert rows_of(done.stdout)[0]["cached"] == "False"
    again = tmp_path / "again"
    names = sorted(path.name for path in again.glob("good*"))
    assert len(names) == 8  # light and dark as PNG, SVG, PDF and GIF
    for name in names:
        assert (again / name).read_bytes() == (first / "out" / name).read_bytes(), name


def test_a_second_run_draws_only_what_failed(drawn: Any, root: Path) -> None:
    folder, _ = drawn
    shown = on_a_terminal(root, "gallery", "--scripts", str(folder / "pages"), "--out",
                          str(folder / "second"), NO_COLOR="1")  # fmt: skip
    assert "2 pages drawn, 2 kept" in shown
    first, second = (folder / name / "good.png" for name in ("out", "second"))
    assert first.read_bytes() == second.read_bytes()


def test_a_run_for_one_page_keeps_the_others_in_the_index(drawn: Any, run: Run) -> None:
    folder, _ = drawn
    words = ("--scripts", str(folder / "pages"), "--out", str(folder / "third"))
    run("gallery", *words, "--only", "wrong", "--formats", "pdf")
    run("gallery", *words, "--only", "good", "--formats", "svg")
    shown = re.findall(r'<article id="([^"]+)"', (folder / "third" / "index.html").read_text())
    assert shown == ["good", "wrong"]
    run("gallery", *words, "--only", "wrong", "--formats", "svg")
    for name in ("wrong", "wrong-dark"):  # what it was drawn in before is drawn again
        for suffix in ("pdf", "png", "svg"):
            assert f'href="{name}.{suffix}"' in (folder / "third" / "index.html").read_text()
    assert not (folder / "third" / "good.pdf").exists()


LONGEST_WAIT = 300  # seconds, so that a killed test leaves nothing running for long


def test_a_run_that_is_stopped_goes_on(pages: Path, run: Run, tmp_path: Path, root: Path) -> None:
    flag = tmp_path / "go on"
    for name in ("dies", "raises", "wrong"):
        (pages / f"plot_{name}.py").unlink()
    # The page waits until the flag is there: the first run is stopped meanwhile.
    waits = f"""import pathlib, time
end = time.monotonic() + {LONGEST_WAIT}
while not pathlib.Path({str(flag)!r}).exists() and time.monotonic() < end:
    time.sleep(0.02)
"""
    slow = PAGE.format(name="slow", got=1.0, point=1) + waits
    (pages / "plot_slow.py").write_text(slow)
    words = ("gallery", "--scripts", "pages", "--out", "out", "--jobs", "1")
    process = subprocess.Popen(
        [sys.executable, "-m", "diffkit", *words],
        **{"cwd": tmp_path, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True},
        env=os.environ | {"PYTHONPATH": str(root)},
        start_new_session=True,
    )
    while not (tmp_path / "out" / "good.gif").exists() and process.poll() is None:
        time.sleep(0.05)
    time.sleep(0.5)  # for the result to arrive: it is sent when the pictures are written
    os.killpg(process.pid, signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == INTERRUPTED
    assert [row["name"] for row in rows_of(stdout)] == ["good"]
    assert "stopped: 1 of 2 pages are done; the same command goes on from there." in stderr
    assert "A picture of good" in (tmp_path / "out" / "index.html").read_text()
    flag.touch()
    done = run(*words)
    assert done.returncode == DONE, done.stderr
    assert {row["name"]: row["cached"] for row in rows_of(done.stdout)} == {
        "good": "True",
        "slow": "False",
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--out", "file/inside"), "cannot write"),
        (("--formats", "bmp"), "no format named 'bmp'"),
        (("--formats", ","), "names no format"),
        (("--chapter", "Cots"), "did you mean cost?"),
        (("--chapter", "cost", "--only", "ulps"), "no page in chapter cost named 'ulps'"),
        (("--cached",), "goes with --check"),
        (("--check", "--cached", "--fresh"), "exclude each other"),
    ],
)
def test_what_is_asked_wrongly(words: Any, message: str, tmp_path: Path, capsys: Any) -> None:
    from diffkit.cli.main import main

    (tmp_path / "file").write_text("")
    given = [word.replace("file/", f"{tmp_path}/file/") for word in words]
    assert main(["gallery", *given]) == WRONG_INPUT
    assert message in one_line(capsys.readouterr().err)


def test_a_picture_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    from diffkit.cli.gallery_output import write_pictures
    from diffkit.cli.gallery_run import Result, Work, fill
    from diffkit.errors import InputError
    from diffkit.plots.pages import Page
    from diffkit.plots.rendered import Rendered

    page = Page("a", "Cost", "A title", (), "Why?", "", "")
    for name in ("a.png", "index.html"):
        (tmp_path / name).mkdir()
    drawn = Rendered(page, "", (), {"light.png": b""}, 0.1)
    with pytest.raises(InputError, match=r"cannot write .*a\.png: Is a directory"):
        fill(Result(tmp_path), drawn, Work(pictures=tmp_path))
    with pytest.raises(InputError, match=r"cannot write .*index\.html: Is a directory"):
        write_pictures([], tmp_path, dark=False, as_json=False)


# -- numbers and lists ----------------------------------------------------------------------------


def test_check_as_json(run: Run, pages: Path, tmp_path: Path) -> None:
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
            "at_least": False,
        }
    ]
    assert not (tmp_path / "gallery-out").exists()


def test_check_on_a_terminal_is_a_table_of_80_columns(root: Path, pages: Path) -> None:
    script = pages / "plot_good.py"
    script.write_text(script.read_text().replace('"arithmetic")', '"arithmetic", at_most=True)'))
    words = ("gallery", "--scripts", str(pages), "--check", "--only", "good", "--only", "wrong")
    shown = _plain(on_a_terminal(root, *words, NO_COLOR="1"))
    assert re.search(r"✓ +one is one +1 +≤ 1 +arithmetic", shown)
    assert re.search(r"✗ +one is one +2 +1 +arithmetic", shown)
    assert "1 of 2 numbers held, on 2 pages" in shown
    table = shown[shown.index("claim") :]
    assert max(map(len, re.split(r"[\r\n]", table.split("plot_wrong.py")[0]))) <= 80


def test_pages_are_listed_without_running_them(capsys: Any, pages: Path) -> None:
    from diffkit.cli.main import main

    for name in ("dies", "wrong"):
        script = pages / f"plot_{name}.py"
        script.write_text(script.read_text() + "\nraise SystemExit(3)\n")
    assert main(["gallery", "--scripts", str(pages), "--list", "--json"]) == DONE
    listed = json.loads(capsys.readouterr().out)
    assert [page["name"] for page in listed] == ["dies", "good", "raises", "wrong"]
    assert set(listed[0]) == {"name", "chapter", "title", "concepts", "numbers"}
    assert all(page["numbers"] == ["one is one"] for page in listed)
    (pages / "plot_broken.py").write_text("def")
    assert main(["gallery", "--scripts", str(pages), "--list"]) == FAILED
    captured = capsys.readouterr()
    assert [row["name"] for row in rows_of(captured.out)] == ["dies", "good", "raises", "wrong"]
    assert "plot_broken.py failed: SyntaxError" in captured.err


def test_the_gallery_of_diffkit_is_found(capsys: Any) -> None:
    from diffkit.cli.main import main

    assert main(["gallery", "--list"]) == DONE
    rows = rows_of(capsys.readouterr().out)
    assert len(rows) >= 50
    assert main(["gallery", "--list", "--json"]) == DONE
    assert len([page for page in json.loads(capsys.readouterr().out) if page["numbers"]]) == len(
        rows
    )
    assert main(["gallery", "--list", "--chapter", "4", "--chapter", "losses"]) == DONE
    chosen = rows_of(capsys.readouterr().out)
    assert {row["chapter"] for row in chosen} == {"Cost", "Losses"}


@pytest.mark.slow
def test_every_number_of_the_gallery_holds(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "diffkit", "gallery", "--check", "--json"],
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == DONE, done.stderr
    assert len(json.loads(done.stdout)) >= 300


def _plain(shown: str) -> str:
    """What a terminal shows, without its codes."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
