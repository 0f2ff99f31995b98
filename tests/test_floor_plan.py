"""The floor plan holds: imports go one way, files keep their size, public names are explained."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import diffkit

FLOORS = (
    *("errors", "lazy", "graph", "primitives", "capture", "engines", "differentiate"),
    *("comparison", "nets", "optim", "training", "plots", "explorer", "cli"),
)
"""From the top floor down; a floor imports only from itself and from floors above it."""

MOST_LINES = 400
ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "diffkit"
MODULES = sorted(PACKAGE.rglob("*.py"))
TEXTS = sorted(
    path
    for pattern in ("diffkit/**/*", "tests/**/*", "docs/**/*", "gallery/**/*", ".ci/*", "*")
    for path in ROOT.glob(pattern)
    if path.suffix in {".py", ".md", ".toml", ".html", ".css", ".js", ".ts", ".mjs", ""}
    and "node_modules" not in path.parts
    and path.is_file()
)


def floor_of(path: Path) -> str:
    """The floor of a file: its folder in the package, or its own name."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The line and the floor of each diffkit import, those for type checkers left out."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module == "diffkit":
            names = [f"diffkit.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        else:
            yield from imported(node)
            continue
        for name in names:
            if name.startswith("diffkit."):
                yield node.lineno, name.split(".")[1]


def wrong_imports(source: str, floor: str) -> list[tuple[int, str]]:
    """The imports that go up the floor plan's arrow, from a floor below."""
    rank = FLOORS.index(floor)
    return [
        (line, name)
        for line, name in imported(ast.parse(source))
        if name in FLOORS and FLOORS.index(name) > rank
    ]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path: Path) -> None:
    if path.parent == PACKAGE and path.name in ("__init__.py", "__main__.py"):
        return  # the public face and the entry point stand outside the floors
    assert floor_of(path) in FLOORS
    assert wrong_imports(path.read_text(encoding="utf-8"), floor_of(path)) == []


def test_an_import_the_wrong_way_is_found() -> None:
    source = "def late():\n    from diffkit.cli.main import main\n"
    assert wrong_imports(source, "graph") == [(2, "cli")]
    assert wrong_imports("from diffkit.graph.ir import Graph", "cli") == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_keep_their_size_and_open_with_a_docstring(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    lines = text.count("\n")
    assert lines <= MOST_LINES
    if text.strip():
        assert ast.get_docstring(ast.parse(text)), "a module opens with what it is about"


@pytest.mark.parametrize("name", sorted(diffkit.__all__))
def test_public_names_have_a_sentence_and_an_example(name: str) -> None:
    assert name in dir(diffkit)
    value = getattr(diffkit, name)
    text = inspect.getdoc(value) or ""
    first = text.split("\n\n")[0]
    assert first.rstrip().endswith((".", ":")), f"{name} opens with a sentence"
    if callable(value):
        assert ">>>" in text, f"{name} has an example"


MACHINE_PATH = re.compile(
    r"(?<![\w.<~}])/(?:home|root|Users|work|opt|mnt)/[\w.]|[A-Z]:\\\\?Users", re.ASCII
)


def test_a_machine_path_is_found() -> None:
    assert MACHINE_PATH.search("cd /" + "home/someone/diffkit")
    assert MACHINE_PATH.search("C:" + "\\Users\\someone")
    assert not MACHINE_PATH.search("https://example.org/home/page and #!/usr/bin/env bash")


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_path_of_a_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8", errors="replace")
    assert not MACHINE_PATH.search(text)
