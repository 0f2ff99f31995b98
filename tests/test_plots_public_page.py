"""The page of ``dk.plots`` shows every function once, by a line that its directive can run."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

import diffkit as dk

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE = (DOCS / "plots.md").read_text(encoding="utf-8")


def drawn() -> list[ast.Call]:
    """The calls that the page draws."""
    lines = [line.removeprefix("```{drawn} ") for line in PAGE.splitlines() if "{drawn}" in line]
    return [ast.parse(line, mode="eval").body for line in lines]  # type: ignore[misc]


def test_every_function_has_a_picture() -> None:
    names = [ast.unparse(call.func).removeprefix("dk.plots.") for call in drawn()]
    assert sorted([*names, "set_theme"]) == sorted(dk.plots.__all__)


def test_a_line_of_the_page_draws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("sphinx")
    monkeypatch.syspath_prepend(DOCS)
    monkeypatch.setitem(sys.modules, "drawn", None)
    del sys.modules["drawn"]
    from drawn import lines_of, picture_of  # pyright: ignore[reportMissingImports]

    page = "```pycon\n>>> import numpy as np, diffkit as dk\n```\n"
    page += "```{drawn} dk.plots.derivative(np.sin, 0, 1, points=9)\nA sine.\n```\n"
    (line,) = lines_of(page)
    assert picture_of(page, line, True, tmp_path, draw=False) is None
    path = picture_of(page, line, True, tmp_path, draw=True)
    assert path is not None and path.stat().st_size > 1000
    assert picture_of(page, line, True, tmp_path, draw=False) == path
