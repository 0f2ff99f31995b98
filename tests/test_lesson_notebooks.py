"""The notebooks of the lessons: valid, without outputs, and their cells run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import pytest

from diffkit.cli import lesson_pictures
from diffkit.cli.lesson_notebook import lesson_notebook
from diffkit.cli.lessons import LESSONS, lesson_named
from diffkit.cli.main import main

SHORT = ("autodiff", "losses")  # run at every test: the two whose cells take least
MOSTLY_SLOW = [
    name if name in SHORT else pytest.param(name, marks=pytest.mark.slow) for name in LESSONS
]


def cells(name: str) -> list[dict[str, Any]]:
    return json.loads(lesson_notebook(lesson_named(name)))["cells"]


@pytest.mark.parametrize("name", LESSONS)
def test_the_file_is_a_notebook_without_outputs(name: str) -> None:
    document = json.loads(lesson_notebook(lesson_named(name)))
    assert (document["nbformat"], document["nbformat_minor"]) == (4, 5)
    names = [cell["id"] for cell in document["cells"]]
    assert len(set(names)) == len(names)
    code = [cell for cell in document["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    nbformat = pytest.importorskip("nbformat")
    nbformat.validate(nbformat.from_dict(document))


@pytest.mark.parametrize("name", LESSONS)
def test_it_has_what_the_page_has(name: str) -> None:
    lesson = lesson_named(name)
    text = "\n".join(cell["source"] for cell in cells(name))
    for formula in lesson.formulas:
        assert f"$$ {formula.tex} $$" in text
    for each in lesson.exercises:
        assert " ".join(each.question.split("\n\n")[0].split()) in text
        assert f"{each.name}()" in text
    assert text.count('picture("') == len(lesson.scripts())
    assert text.count("<summary>Solution</summary>") == len(lesson.exercises)


@pytest.mark.parametrize("name", MOSTLY_SLOW)
def test_cells_run_one_after_the_other(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """All cells but the pictures of the gallery, which have tests of their own."""
    session: dict[str, Any] = {}
    with matplotlib.rc_context(), plt.ioff():
        for cell in cells(name):
            if cell["cell_type"] == "code" and not cell["source"].startswith("picture("):
                exec(compile(cell["source"], f"{name}.ipynb", "exec"), session)
    plt.close("all")
    assert session["dk"].__name__ == "diffkit"


def test_dark_notebooks_draw_dark_pictures() -> None:
    light, dark = (lesson_notebook(lesson_named("kinks"), dark=dark) for dark in (False, True))
    first = next(c for c in json.loads(dark)["cells"] if c["cell_type"] == "code")
    assert first["source"].endswith('\ndk.plots.set_theme("dark")')
    assert light.count("picture(") == dark.count("picture(")


def test_a_picture_follows_the_theme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lesson_pictures, "rendered", lambda path: path)
    monkeypatch.setattr("diffkit.graph.notebook._chosen", "dark")
    assert lesson_pictures.picture("broadcasting").dark
    assert not lesson_pictures.picture("broadcasting", dark=False).dark


def test_a_solution_is_hidden_with_its_numbers() -> None:
    hidden = [c for c in cells("kinks") if c["metadata"].get("jupyter")]
    assert len(hidden) == len(lesson_named("kinks").exercises)
    assert all(c["metadata"]["jupyter"]["outputs_hidden"] for c in hidden)


def test_the_command_writes_notebooks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lesson", "cost", "kinks", "--notebook", "--out", str(tmp_path)]) == 0
    written = [tmp_path / "cost.ipynb", tmp_path / "kinks.ipynb"]
    assert capsys.readouterr().out.split() == [str(path) for path in written]
    assert all(json.loads(path.read_text("utf-8"))["cells"] for path in written)
    text = written[0].read_bytes()
    main(["lesson", "cost", "--notebook", "--out", str(tmp_path)])
    assert written[0].read_bytes() == text, "the same input gives the same bytes"


@pytest.mark.slow
@pytest.mark.parametrize("name", LESSONS)
def test_notebooks_run_in_a_kernel(name: str, tmp_path: Path) -> None:
    """As ``pytest --nbmake`` runs them: every cell, pictures of the gallery too."""
    pytest.importorskip("nbmake")
    pytest.importorskip("ipykernel")
    from subprocess import run
    from sys import executable

    main(["lesson", name, "--notebook", "--out", str(tmp_path)])
    words = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "addopts=", "--nbmake")
    path = tmp_path / f"{name}.ipynb"
    done = run([executable, *words, str(path)], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-4000:]
