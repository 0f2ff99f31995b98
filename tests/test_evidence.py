"""Every concept and every paper has a test and a picture; evidence_rows.py says which.

A page, a claim or a test that is renamed or dropped fails here.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest
from evidence_rows import ROWS
from gallery_pages import GALLERY, scripts

from diffkit.plots.pages import written_claims

TESTS = Path(__file__).resolve().parent


@cache
def functions(file: str) -> frozenset[str]:
    """The tests of a file."""
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("row", ROWS)
def test_the_row_has_a_picture_with_its_numbers(row: str) -> None:
    evidence = ROWS[row]
    assert evidence.page in scripts()
    missing = set(evidence.claims) - set(written_claims(scripts()[evidence.page]))
    assert missing == set()


@pytest.mark.parametrize("row", ROWS)
def test_the_row_has_a_test(row: str) -> None:
    for test in ROWS[row].tests:
        file, _, name = test.partition("::")
        assert name in functions(file), test


def test_names_of_pages_are_given_once() -> None:
    assert len(scripts()) == len(list(GALLERY.glob("plot_*.py")))
    assert "" not in scripts()
