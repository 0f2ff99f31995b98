"""What was drawn is kept while nothing that it was made from changes, and drawn again otherwise."""

from __future__ import annotations

import importlib
import math
import os
import time
from pathlib import Path
from typing import Any

import pytest

from diffkit.errors import InputError
from diffkit.plots import render_cache
from diffkit.plots.rendered import render, rendered

SCRIPT = '''"""
A point
=======

One point, at a height that a file gives.
"""
from pathlib import Path

from diffkit.plots.pages import Claim, Page

PAGE = Page("point", "Cost", "A point", ("point", "file"), "Where?", "Try.", "Us", alt="A point.")
HEIGHT = float((Path(__file__).parent / "height.txt").read_text())


def numbers():
    with open(Path(__file__).parent / "runs.txt", "a") as runs:
        runs.write("x")
    return [
        Claim("point", "its height", (1.0, 2), [HEIGHT, 2], 0.0, "a file"),
        Claim("point", "nothing", 0.0, float("nan"), 0.0, ""),
    ]


def draw(dark=False):
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(1, 1))
    axes.plot([0], [HEIGHT], "o")
    return figure
'''


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """A page that reads a file, and writes down each time that it runs."""
    (tmp_path / "height.txt").write_text("1.0")
    path = tmp_path / "plot_point.py"
    path.write_text(SCRIPT)
    _age(tmp_path)
    return path


def _age(folder: Path) -> None:
    """Files of an hour ago: one that changes while a page runs lets nothing be kept."""
    hour_ago = time.time() - 3600
    for path in folder.iterdir():
        if path.is_file():
            os.utime(path, (hour_ago, hour_ago))


def runs(script: Path) -> int:
    """How often the page has run."""
    path = script.with_name("runs.txt")
    return len(path.read_text()) if path.exists() else 0


def entry_of(cache: Path) -> Path:
    """The only entry."""
    (place,) = cache.iterdir()
    return place


def test_a_second_time_nothing_runs_and_everything_is_the_same(script: Path) -> None:
    cache = script.parent / "cache"
    first, second = (rendered(script, cache=cache) for _ in range(2))
    assert runs(script) == 1
    assert (first.cached, second.cached) == (False, True)
    assert second.files == first.files
    assert set(first.files) == {"light.png", "light.svg", "dark.png", "dark.svg"}
    assert (second.page, second.lesson, second.seconds) == (first.page, first.lesson, first.seconds)
    assert [claim.sentence for claim in second.claims] == [claim.sentence for claim in first.claims]
    assert second.claims[0].held and not second.held
    assert math.isnan(second.claims[1].got)  # type: ignore[arg-type]


def test_a_format_more_is_drawn_and_joins_the_others(script: Path) -> None:
    cache = script.parent / "cache"
    assert rendered(script, (), cache).files == {}
    still = rendered(script, ("png",), cache)
    assert not still.cached and still.has(("png", "svg")) and not still.has(("pdf",))
    more = rendered(script, ("pdf",), cache)
    assert more.has(("png", "svg", "pdf")) and runs(script) == 3
    assert {name: more.files[name] for name in still.files} == dict(still.files)
    assert rendered(script, ("svg", "pdf"), cache).cached
    assert not rendered(script, ("svg",), cache, fresh=True).cached


def change_script(script: Path) -> None:
    script.write_text(script.read_text() + "\n# another line\n")


def change_data(script: Path) -> None:
    script.with_name("height.txt").write_text("1.50")


def remove_data(script: Path) -> None:
    entry = entry_of(script.parent / "cache") / render_cache.ENTRY
    entry.write_text(entry.read_text().replace("height.txt", "gone.txt"))


def damage_picture(script: Path) -> None:
    picture = entry_of(script.parent / "cache") / "dark.png"
    picture.write_bytes(picture.read_bytes()[:-1] + b"?")


def lose_picture(script: Path) -> None:
    (entry_of(script.parent / "cache") / "light.svg").unlink()


def damage_entry(script: Path) -> None:
    (entry_of(script.parent / "cache") / render_cache.ENTRY).write_text('{"used": {}, "files"')


def empty_entry(script: Path) -> None:
    (entry_of(script.parent / "cache") / render_cache.ENTRY).write_text("[]")


@pytest.mark.parametrize(
    "change",
    [
        *(change_script, change_data, remove_data),
        *(damage_picture, lose_picture, damage_entry, empty_entry),
    ],
)
def test_what_changed_or_is_damaged_is_drawn_again(script: Path, change: Any) -> None:
    cache = script.parent / "cache"
    rendered(script, cache=cache)
    change(script)
    _age(script.parent)
    assert not rendered(script, cache=cache).cached
    assert rendered(script, cache=cache).cached
    assert runs(script) == 2


def test_the_library_counts_wherever_it_is_installed(script: Path, tmp_path: Path) -> None:
    """An entry names diffkit's modules and style, so that a change of one is seen."""
    import json

    cache = tmp_path / "cache"
    rendered(script, cache=cache)
    path = entry_of(cache) / render_cache.ENTRY
    entry = json.loads(path.read_text())
    assert {"diffkit/plots/pages.py", "diffkit/plots/style.py", "diffkit/errors.py"} <= set(
        entry["used"]
    )
    assert "diffkit/plots/diffkit-dark.mplstyle" in entry["used"]
    assert str(script.with_name("height.txt")) in entry["used"]
    assert not [name for name in entry["used"] if "matplotlib/" in name or "runs.txt" in name]
    entry["used"]["diffkit/plots/style.py"] = "0" * 64  # as if it had been another
    path.write_text(json.dumps(entry))
    assert render_cache.load(cache, script) is None


def test_what_is_edited_while_a_page_runs_is_not_kept(script: Path, tmp_path: Path) -> None:
    soon = time.time() + 60
    os.utime(script.with_name("height.txt"), (soon, soon))
    assert not rendered(script, cache=tmp_path / "cache").cached
    assert not rendered(script, cache=tmp_path / "cache").cached


def test_versions_and_the_state_of_the_machine_count(script: Path, monkeypatch: Any) -> None:
    before = render_cache._entry_folder(script.parent, script)
    monkeypatch.setattr(render_cache, "_versions", lambda: ("another matplotlib",))
    assert render_cache._entry_folder(script.parent, script) != before


def test_a_folder_that_cannot_be_written_keeps_nothing(script: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    _age(tmp_path)
    page = rendered(script, cache=tmp_path / "file")
    assert page.has(("png",)) and not page.cached


def test_old_entries_go(script: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    for number in range(render_cache.MOST_PER_SCRIPT + 2):
        script.write_text(SCRIPT + f"# {number}\n")
        _age(tmp_path)
        rendered(script, (), cache)
    pages, size = render_cache.sizes(cache)
    assert pages == render_cache.MOST_PER_SCRIPT and size > 0
    assert render_cache.known_seconds(cache, script)
    assert render_cache.prune(cache) == 0
    for entry in cache.glob(f"*/{render_cache.ENTRY}"):
        os.utime(entry, (0, 0))
    assert render_cache.prune(cache) == pages
    assert render_cache.clear(cache) == (0, 0)


def test_pictures_are_written_under_the_name_of_the_page(script: Path, tmp_path: Path) -> None:
    page = render(script, ("png",))
    out = tmp_path / "out"
    out.mkdir()
    written = page.write(out, "point", ("svg",))
    assert sorted(path.name for path in written) == ["point-dark.svg", "point.svg"]
    assert (out / "point.svg").read_bytes() == page.files["light.svg"]


def test_a_format_that_is_none(script: Path) -> None:
    with pytest.raises(InputError, match="'bmp' is no format"):
        rendered(script, ("bmp",))
    with pytest.raises(InputError, match="'jpg' is no format"):
        render(script, ("jpg",))


def test_nothing_is_noted_outside_a_run(tmp_path: Path) -> None:
    module = importlib.import_module("diffkit.plots.render_cache")
    assert module._opened is None
    with render_cache.watching() as used:
        (tmp_path / "made").write_text("1")
        (tmp_path / "made").read_text()
    assert module._opened is None
    assert str(tmp_path / "made") not in used
