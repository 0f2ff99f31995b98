"""The gallery's ``index.html``: chapters in order, a page and words for each picture."""

from __future__ import annotations

import errno
import re
import shutil
import struct
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from diffkit.cli.gallery_folder import RECORD, all_pages
from diffkit.cli.gallery_index import write_index
from diffkit.cli.gallery_markup import TEMPLATES
from diffkit.cli.gallery_output import write_pictures
from diffkit.cli.gallery_run import Result
from diffkit.plots.chapters import CHAPTERS
from diffkit.plots.pages import Claim
from diffkit.plots.rendered import write_whole

PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 640, 360)


def result(out: Path, name: str, chapter: str, **changes: Any) -> Result:
    """A page as if it had been drawn into ``out``."""
    script = out / f"plot_{name}.py"
    script.write_text('"""A page."""\nx = "<b>"  # a comment\n')
    page = {
        **{"name": name, "chapter": chapter, "title": f"The title of {name}"},
        **{"concepts": ["kink", "Loss"], "question": f"Why {name}?", "try_this": "diffkit --help"},
        **{"source": "Us & <them> 2020", "alt": f"One sees {name}."},
    } | changes.pop("page", {})
    for suffix in ("png", "svg"):
        for tail in ("", "-dark"):
            (out / f"{name}{tail}.{suffix}").write_bytes(PNG)
    claim = Claim(name, "one is one", 1.0, 1.0, 0.0, "arithmetic")
    made = Result(script, page, "A lesson.", [claim.to_dict()], [claim.sentence], ("png", "svg"))
    for key, value in changes.items():
        setattr(made, key, value)
    return made


@pytest.fixture
def index(tmp_path: Path) -> str:
    """The page of four pictures in three chapters, of which one failed."""
    results = [
        result(tmp_path, "first", "Derivatives"),
        result(tmp_path, "second", "Derivatives", moves=True),
        result(tmp_path, "third", "Maps", page={"alt": ""}),
        result(
            tmp_path,
            "fourth",
            "",
            page={"title": ""},
            error="ValueError: <no>",
            claims=[],
            sentences=[],
        ),
    ]
    return write_index(results, tmp_path).read_text(encoding="utf-8")


def articles(index: str) -> dict[str, str]:
    """The pages by their names."""
    found = re.findall(r'<article id="([^"]+)".*?</article>', index, flags=re.DOTALL)
    parts = re.findall(r"<article .*?</article>", index, flags=re.DOTALL)
    return dict(zip(found, parts, strict=True))


def test_the_words_of_a_command_to_try_stay_whole(index: str) -> None:
    """A browser may end a line after a dash; a word in a box of its own it does not divide."""
    assert "<code>diffkit <span>--help</span></code>" in index


def test_chapters_stand_in_order_with_what_one_can_answer_after_them(index: str) -> None:
    sections = re.findall(r'<section class="chapter" id="chapter-([^"]+)"', index)
    assert sections == ["derivatives", "maps", "pages-that-failed"]
    assert '<span class="place">10</span>Maps</h2>' in index
    for chapter in (CHAPTERS[0], CHAPTERS[-1]):
        assert f'<p class="opening">{chapter.opening[:30]}' in index


def test_a_page_asks_before_it_shows_and_the_code_is_folded(index: str) -> None:
    page = articles(index)["first"]
    order = (
        "Why first?",
        "<figure>",
        "The numbers",
        "A lesson.",
        "Try this",
        "Source:",
        "<details>",
    )
    places = [page.index(word) for word in order]
    assert places == sorted(places)
    assert '<span class="c"># a comment</span>' in page and "&lt;b&gt;" in page
    assert "Us &amp; &lt;them&gt; 2020" in page


def test_pages_lead_to_their_neighbours_and_to_their_concepts(index: str) -> None:
    pages = articles(index)
    assert list(pages) == ["first", "second", "third", "fourth"]
    assert 'rel="prev"' not in pages["first"] and 'rel="next" href="#second"' in pages["first"]
    assert 'rel="prev" href="#third"' in pages["fourth"] and 'rel="next"' not in pages["fourth"]
    assert 'href="#find=kink"' in pages["second"]
    assert "2 of 2" in pages["second"]


def test_every_image_of_a_page_has_words_and_its_size(index: str) -> None:
    for name, page in articles(index).items():
        images = re.findall(r"<img[^>]*>", page)
        assert len(images) == (0 if name == "fourth" else 2)
        for image in images:
            words = "The title of third. one is one: 1." if name == "third" else f"One sees {name}."
            assert f'alt="{words}"' in image
            assert 'width="640" height="360" loading="lazy"' in image


def test_what_failed_is_said_and_nothing_else_is_lost(index: str) -> None:
    assert "1 page failed" in index and "3 of 3 numbers held" in index
    assert "plot_fourth.py failed: ValueError: &lt;no&gt;" in articles(index)["fourth"]


def test_names_are_unique_and_links_lead_somewhere(index: str) -> None:
    names = re.findall(r'\bid="([^"]+)"', index)
    assert [name for name, count in Counter(names).items() if count > 1] == []
    inside = re.findall(r'href="#([^"]+)"', index)
    assert {link for link in inside if not link.startswith("find=")} <= set(names)


def test_a_huge_svg_gives_way_to_the_png(tmp_path: Path) -> None:
    page = result(tmp_path, "huge", "Maps")
    (tmp_path / "huge.svg").write_bytes(b"x" * 1_000_000)
    text = articles(write_index([page], tmp_path).read_text(encoding="utf-8"))["huge"]
    assert 'src="huge.png"' in text and 'href="huge.svg"' in text


def test_the_same_results_give_the_same_page(tmp_path: Path) -> None:
    pages = [result(tmp_path, "first", "Maps", seconds=1.0)]
    first = write_index(pages, tmp_path).read_bytes()
    pages[0].seconds, pages[0].cached = 2.0, True
    assert write_index(pages, tmp_path).read_bytes() == first
    assert b'<html lang="en" data-theme="dark">' in write_index(pages, tmp_path, True).read_bytes()


def test_an_address_with_a_stray_percent_sign_breaks_nothing() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not there")
    lines = (TEMPLATES / "gallery.js").read_text(encoding="utf-8").splitlines()
    (plain,) = [line for line in lines if "const plain =" in line]
    code = f"{plain}\nconsole.log(plain('find=50%'), plain('find=50%25'))"
    done = subprocess.run([node, "-e", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["find=50%", "find=50%"]


def test_the_script_is_javascript() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not there")
    done = subprocess.run([node, "--check", str(TEMPLATES / "gallery.js")], capture_output=True)
    assert done.returncode == 0, done.stderr


def shown_after(run: list[Result], out: Path) -> list[str]:
    """The names of the pages in the index after a run that gave these results."""
    write_pictures(run, out, dark=False, as_json=True)
    return list(articles((out / "index.html").read_text(encoding="utf-8")))


def test_the_index_lists_what_stands_in_the_folder(tmp_path: Path, capsys: Any) -> None:
    maps, first, last = (
        result(tmp_path, *words)
        for words in (("b_map", "Maps"), ("a_first", "Derivatives"), ("c_last", "Maps"))
    )
    assert shown_after([first, maps], tmp_path) == ["a_first", "b_map"]
    assert shown_after([last], tmp_path) == ["a_first", "b_map", "c_last"]
    failed = result(tmp_path, "b_map", "Maps", error="ValueError: no", formats=())
    assert shown_after([failed], tmp_path) == ["a_first", "b_map", "c_last"]
    assert shown_after([last], tmp_path) == ["a_first", "c_last"]  # failures are told once
    (tmp_path / "a_first-dark.svg").unlink()
    assert shown_after([maps], tmp_path) == ["b_map", "c_last"]
    maps.path.unlink()
    assert shown_after([last], tmp_path) == ["c_last"]


@pytest.mark.parametrize("text", ["", "[]", '{"schema": 1}', '{"schema": 1, "pages": [{"x": 1}]}'])
def test_a_record_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / RECORD).write_text(text)
    assert all_pages([], tmp_path) == []


def test_a_file_is_written_whole_or_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "index.html"
    write_whole(path, b"whole")

    def full(self: Path, *_: Any, **__: Any) -> None:
        self.touch()
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match=r"No space left on device: .*index\.html"):
        write_whole(path, b"half")
    assert [file.name for file in tmp_path.iterdir()] == ["index.html"]
    assert path.read_text() == "whole"
