"""The gallery as a whole: chapters in order, words for every picture, and things to try that run.

Colours of methods are told apart by every eye, in light and dark, and stand out from the page.
"""

from __future__ import annotations

import ast
import itertools
import shlex
from operator import attrgetter
from pathlib import Path

import click
import numpy as np
import pytest
from gallery_pages import page, scripts
from seen_colours import EYES, contrast, distance, lab

import diffkit as dk
from diffkit.cli.main import diffkit as command_line
from diffkit.errors import InputError
from diffkit.plots.chapters import CHAPTERS, SCRIPT_NAME, chapter_named, chapter_of
from diffkit.plots.pages import written_page
from diffkit.plots.style import METHODS_STYLE

BACKGROUND = {False: "#FFFFFF", True: "#14181D"}
SEEN_AT_A_GLANCE = 10.0  # CIEDE2000
LINES_STAND_OUT = 3.0  # WCAG 2.1, section 1.4.11
PAGES = {name: written_page(path) for name, path in scripts().items()}
COMMANDS = {name: p["try_this"] for name, p in PAGES.items() if p["try_this"][:8] == "diffkit "}
LINES = {name: p["try_this"] for name, p in PAGES.items() if name not in COMMANDS}


# Chapters ----------------------------------------------------------------------------------------


def test_there_are_ten_chapters_in_order() -> None:
    assert [chapter.number for chapter in CHAPTERS] == list(range(1, 11))
    assert len({chapter.slug for chapter in CHAPTERS}) == 10
    for chapter in CHAPTERS:
        assert chapter_named(chapter.name) is chapter
        assert "?" in chapter.opening and chapter.opening.endswith(".")
        assert len(chapter.opening.split()) <= 60


def test_every_chapter_has_pages_numbered_from_one() -> None:
    numbers = [SCRIPT_NAME.fullmatch(path.name) for path in scripts().values()]
    found = [(int(number[1]), int(number[2])) for number in numbers if number]
    assert len(found) == len(PAGES)
    for chapter in CHAPTERS:
        pages = [page for number, page in found if number == chapter.number]
        assert pages == list(range(1, len(pages) + 1)) and pages, chapter.name


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_in_the_chapter_of_its_file_name(name: str) -> None:
    assert chapter_of(scripts()[name]).name == PAGES[name]["chapter"]


def test_wrong_chapters_are_refused() -> None:
    with pytest.raises(InputError, match="'Loss' is no chapter"):
        chapter_named("Loss")
    for name in ("plot_1101_more.py", "plot_0001_none.py", "plot_secants.py"):
        with pytest.raises(InputError, match="does not say its chapter"):
            chapter_of(Path(name))


# Words -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
def test_a_picture_has_words_for_those_who_do_not_see_it(name: str) -> None:
    alt = PAGES[name]["alt"]
    assert 15 <= len(alt.split()) <= 70
    assert alt.endswith(".")
    assert alt != PAGES[name]["title"]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_a_question(name: str) -> None:
    assert PAGES[name]["question"].endswith("?")
    assert not PAGES[name]["title"].endswith(".")


# Try this ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_to_try_is_understood(name: str) -> None:
    word, *rest = shlex.split(COMMANDS[name])[1:]
    with click.Context(command_line) as context:
        command = command_line.get_command(context, word)
        assert command is not None
        if "--help" not in rest:
            command.make_context(word, rest, parent=context)


@pytest.mark.parametrize("name", LINES)
def test_a_line_to_try_is_python_with_names_that_exist(name: str) -> None:
    for node in ast.walk(ast.parse(LINES[name])):
        path = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
        if path.startswith("dk.") and not set(path) & set("()[]"):
            attrgetter(path.removeprefix("dk."))(dk)


@pytest.mark.parametrize("name", LINES)
def test_a_line_to_try_runs_with_the_names_of_its_page(name: str) -> None:
    names = {"np": np, "dk": dk, **vars(page(name).module)}
    exec(compile(LINES[name], scripts()[name].name, "exec"), names)


# Colours -----------------------------------------------------------------------------------------


def test_distances_are_those_of_the_reference() -> None:
    """Rows of table 1 of Sharma et al. 2005."""
    for one, other, expected in (
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
        ((22.7233, 20.0904, -46.694), (23.0331, 14.973, -42.5619), 2.0373),
        ((50, -1, 2), (50, 0, 0), 2.3669),
    ):
        assert distance(np.array(one), np.array(other)) == pytest.approx(expected, abs=5e-5)


def test_red_and_green_of_one_lightness_are_alike_without_red_cones() -> None:
    red, green = "#C00000", "#504A00"
    assert distance(*(lab(c, "protanopia") for c in (red, green))) < SEEN_AT_A_GLANCE
    assert distance(*(lab(c, "all cones") for c in (red, green))) > 2 * SEEN_AT_A_GLANCE


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("dark", (False, True))
def test_methods_are_told_apart_by_every_eye(dark: bool, eye: str) -> None:
    seen = {name: lab(style.colour(dark), eye) for name, style in METHODS_STYLE.items()}
    apart = {
        pair: distance(*(seen[name] for name in pair)) for pair in itertools.combinations(seen, 2)
    }
    assert min(apart.values()) > SEEN_AT_A_GLANCE, min(apart.items(), key=lambda item: item[1])


@pytest.mark.parametrize("method", METHODS_STYLE)
@pytest.mark.parametrize("dark", (False, True))
def test_lines_stand_out_from_the_page(dark: bool, method: str) -> None:
    assert contrast(METHODS_STYLE[method].colour(dark), BACKGROUND[dark]) >= LINES_STAND_OUT
