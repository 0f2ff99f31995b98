"""Lessons: their exercises come out, their pages are whole, and the command says what is wrong."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.cli.gallery_run import Stopped
from diffkit.cli.lesson_formulas import mathml
from diffkit.cli.lesson_page import lesson_page
from diffkit.cli.lesson_pictures import NotebookPicture, Script, draw
from diffkit.cli.lessons import KINDS, LESSONS, Exercise, Lesson, exercise, lesson_named
from diffkit.cli.main import main
from diffkit.errors import InputError
from diffkit.plots.chapters import CHAPTERS
from diffkit.plots.pages import Claim, Page
from diffkit.plots.rendered import Rendered, rendered

ADDRESS = re.compile(r"""(?:src|href)="([^"]*)"|url\(|@import|<script""")
VOID = {"meta", "link", "img", "br"}
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x80\x00\x00\x00\x40"


class Whole(HTMLParser):
    """Checks that what is opened is closed, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def drawn(name: str = "one", held: bool = True) -> Script:
    """A page as if it had been drawn."""
    page = Page(name, "Cost", f"The title of {name}", (), f"Why <{name}>?", "diffkit --help", "Us")
    claim = Claim(name, "one is one", 1.0, 1.0 if held else 2.0, 0.0, "")
    files = {f"{mode}.{suffix}": PNG for mode in ("light", "dark") for suffix in ("png", "svg")}
    return Script(Path(f"plot_0401_{name}.py"), Rendered(page, "A lesson.", (claim,), files, 0.1))


@pytest.fixture(scope="module", params=LESSONS)
def lesson(request: pytest.FixtureRequest) -> Lesson:
    return lesson_named(request.param)


def test_a_lesson_for_every_chapter_in_order() -> None:
    assert [lesson_named(name).chapter for name in LESSONS] == list(CHAPTERS)


def test_exercises_come_out(lesson: Lesson) -> None:
    assert 4 <= len(lesson.exercises) <= 6
    assert len({each.kind for each in lesson.exercises}) >= 4
    for each in lesson.exercises:
        assert each.kind in KINDS
        assert each.question and each.hint
        assert set(each.values) == set(each.expected), "every number is asserted"
        assert {type(value) for value in each.values.values()} <= {int, float}, "shown as is"
        assert [claim for claim in each.claims if not claim.held] == []


def test_solutions_show_their_numbers(lesson: Lesson) -> None:
    for each in lesson.exercises:
        fields = set(re.findall(r"\{(\w+)[:}]", each.solution))
        assert fields <= set(each.values)
        assert "{" not in each.solved and len(each.solved) > 80
        assert each.code.startswith(f"def {each.name}():")


def test_numbers_are_written_as_by_hand() -> None:
    told = "{minus:.2f}, {power:.0e}, {none:.0e} or {part:.0%}, 1e-5"

    @exercise("by hand", "How?", "Look.", told, {})
    def written() -> dict[str, float]:
        return {"minus": -0.826, "power": 5e-5, "none": 0.0, "part": 0.25}

    assert written.solved == "−0.83, 5·10⁻⁵, 0 or 25\u00a0%, 1e-5"


def test_solutions_run_as_they_are_shown(lesson: Lesson) -> None:
    """The code that the reader sees needs nothing but what the notebook has imported."""
    for each in lesson.exercises:
        names = set(each.work.__code__.co_names) & set(each.work.__globals__)
        assert names <= {"np", "dk"}


def test_formulas_are_mathml(lesson: Lesson) -> None:
    for formula in lesson.formulas:
        Whole().feed(mathml(formula.tex))


@pytest.mark.parametrize(
    ("tex", "inside"),
    [
        (r"\frac{1}{n}", "<mfrac><mrow><mn>1</mn></mrow><mrow><mi>n</mi></mrow></mfrac>"),
        ("x_i^2", "<msubsup><mi>x</mi><mi>i</mi><mn>2</mn></msubsup>"),
        ("a<b", "<mi>a</mi><mo>&lt;</mo><mi>b</mi>"),
        (r"\text{a b}", "<mtext>a b</mtext>"),
        ("f'", '<mi>f</mi><mo lspace="0" rspace="0">′</mo>'),
    ],
)
def test_small_tex(tex: str, inside: str) -> None:
    assert mathml(tex) == f'<math display="block">{inside}</math>'


@pytest.mark.parametrize("tex", (r"\frac{1", r"\nonsense", r"\text{a", "x^{2"))
def test_tex_that_is_not_small(tex: str) -> None:
    with pytest.raises(InputError):
        mathml(tex)


def test_a_wrong_number_is_found() -> None:
    @exercise("predict", "What is it?", "Look.", "It is {number:g}.", {"number": (1.0, 0.1)})
    def planted() -> dict[str, float]:
        return {"number": 2.0}

    assert isinstance(planted, Exercise)
    assert [claim.held for claim in planted.claims] == [False]


def test_the_page_is_whole_and_asks_for_nothing(lesson: Lesson) -> None:
    page = lesson_page(lesson, [drawn(), drawn("two", held=False)])
    reader = Whole()
    reader.feed(page)
    assert reader.open == []
    for found in ADDRESS.finditer(page):
        assert (found[1] or "").startswith(("data:", "#")), found[0]
    assert page.count("<summary>Solution</summary>") == len(lesson.exercises)
    assert "Why &lt;one&gt;?" in page and "did not hold" in page
    targets = set(re.findall(r' id="([^"]+)"', page))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= targets


def test_a_page_that_failed_is_named() -> None:
    page = lesson_page(lesson_named("cost"), [Script(Path("plot_0401_x.py"), None, "No: <such>")])
    assert "plot_0401_x.py failed: No: &lt;such&gt;" in page


def test_pictures_that_are_kept_are_not_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIFFKIT_CACHE_DIR", str(tmp_path))
    script = lesson_named("autodiff").scripts()[3]
    assert "broadcasting" in script.name
    kept = rendered(script)
    monkeypatch.setattr("diffkit.cli.gallery_run.run_page", None)
    told: list[int] = []
    (found,) = draw([script], told.append)
    assert found.held and found.page is not None and found.page.files == kept.files
    assert told == [1]


def test_a_picture_in_a_notebook() -> None:
    page = drawn().page
    assert page is not None
    shown = NotebookPicture(page)
    assert repr(shown) == "<Picture 'one', 1 of 1 numbers held>"
    assert 'src="data:image/png;base64,' in shown._repr_html_() and "✓" in shown._repr_html_()


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lesson", "--list"]) == 0
    rows = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["name", "chapter", "pictures", "exercises", "opening"]
    assert [row[0] for row in rows[1:]] == list(LESSONS)
    assert main(["lesson", "--list", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == 1
    assert [row["name"] for row in document["lessons"]] == list(LESSONS)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["derivative"], "did you mean derivatives?"),
        (["zebra"], "there are derivatives, autodiff"),
        ([], "which lesson?"),
        (["cost", "--json"], "--json goes with --list"),
    ],
)
def test_wrong_words(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lesson", *words]) == 2
    assert told in capsys.readouterr().err


def test_a_lesson_that_is_stopped_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*args: Any, **options: Any) -> None:
        raise Stopped([])

    monkeypatch.setattr("diffkit.cli.gallery_run.run_pages", stopped)
    assert main(["lesson", "maps", "--out", str(tmp_path)]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_lesson_is_known_by_its_chapter_too(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["kinks"], ["5"], ["05"], ["Kinks and traps"]):
        assert main(["lesson", "--list", "--json", *words]) == 0
        assert [row["name"] for row in json.loads(capsys.readouterr().out)["lessons"]] == ["kinks"]


def test_a_folder_that_cannot_be_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "taken").write_text("a file")
    assert main(["lesson", "cost", "--notebook", "--out", str(tmp_path / "taken" / "in")]) == 2
    assert "cannot write to" in capsys.readouterr().err


def test_the_command_writes_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        "diffkit.cli.lesson_pictures.draw", lambda scripts, finished: [drawn(held=False)]
    )
    assert main(["lesson", "cost", "--out", str(tmp_path), "--dark"]) == 1
    said = capsys.readouterr()
    assert said.out.split() == [str(tmp_path / "cost.html")]
    assert "a number did not hold" in said.err
    assert '<html lang="en" data-theme="dark">' in (tmp_path / "cost.html").read_text("utf-8")


def test_schedules_of_the_exercise_exist() -> None:
    """The flaw of that exercise is the caller's unit: a schedule counts what it is given."""
    rate = dk.schedules.step(0.1, every=30, factor=0.1)
    assert np.allclose([rate(29), rate(30)], [0.1, 0.01])
