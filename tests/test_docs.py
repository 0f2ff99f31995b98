"""The documentation is right: its examples run, its tables are current, and nothing is left out.

The fenced ``pycon`` blocks of a page run in order, in one session.  Numbers need to agree only to
the digits that the page shows, so that another computer's rounding does not matter.
"""

from __future__ import annotations

import doctest
import re
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

import diffkit
from diffkit.comparison.rules import load_all_primitives
from diffkit.engines.precise import DIGITS
from diffkit.graph.primitive import REGISTRY

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
ELSEWHERE = {"_build", "auto_gallery", "decisions"}
PAGES = sorted(
    path for path in DOCS.rglob("*.md") if path.relative_to(DOCS).parts[0] not in ELSEWHERE
)
BLOCK = re.compile(r"^```pycon\n(.*?)^```", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"-?\d+\.(\d+)(?:e([+-]?\d+))?")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
WITH_EXAMPLES = (
    "adding-a-primitive",
    "choosing",
    "compare",
    "compare-many",
    "concepts/automatic-differentiation",
    "concepts/backward-propagation",
    "concepts/cnn",
    "concepts/complex-step",
    "concepts/convolution",
    "concepts/cross-entropy",
    "concepts/derivative",
    "concepts/finite-difference",
    "concepts/forward-propagation",
    "concepts/gradient",
    "concepts/gradient-descent",
    "concepts/intuition",
    "concepts/kink",
    "concepts/learning-rate",
    "concepts/learning-rate-schedules",
    "concepts/learning-signal",
    "concepts/loss",
    "concepts/mini-batch",
    "concepts/model",
    "concepts/neural-network",
    "concepts/rounding",
    "concepts/softmax-classifier",
    "concepts/stochastic-gradient-descent",
    "concepts/symbolic-differentiation",
    "concepts/tensors",
    "data",
    "diagnose",
    "explain",
    "floor-plan",
    "formulas",
    "gradcheck",
    "graphs",
    "index",
    "kinks",
    "loops",
    "losses",
    "matrix-formulas",
    "methods",
    "nets",
    "optimizers",
    "plots",
    "products",
    "random",
    "schedules",
    "signal",
    "sparsity",
    "step-size",
    "sweeps",
    "swell",
    "taylor",
    "teaching",
    "threads",
    "training",
    "tutorials/backpropagation",
    "tutorials/choosing-a-method",
    "tutorials/finite-differences",
    "tutorials/five-ways",
    "tutorials/learning-signal",
    "tutorials/neuron-to-cnn",
    "vmap",
)


class ToTheDigitsShown(doctest.OutputChecker):
    """Numbers agree when they differ by at most one unit of the last digit that is shown."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        wanted, found = list(NUMBER.finditer(want)), list(NUMBER.finditer(got))
        if len(wanted) == len(found) and all(map(_agree, wanted, found)):
            shown = iter(wanted)
            got = NUMBER.sub(lambda _: next(shown).group(), got)
        return super().check_output(want, got, optionflags)


def _agree(wanted: re.Match[str], found: re.Match[str]) -> bool:
    unit = 10.0 ** (int(wanted[2] or 0) - len(wanted[1]))
    return abs(float(wanted[0]) - float(found[0])) <= 1.001 * unit


def name_of(page: Path) -> str:
    """The page as Sphinx names it: its path below ``docs``, without the suffix."""
    return page.relative_to(DOCS).with_suffix("").as_posix()


def failures(text: str, name: str) -> str:
    """What the examples of a page gave instead; empty when all is as the page says."""
    examples = []
    for block in BLOCK.finditer(text):
        line = text.count("\n", 0, block.start(1))
        for example in doctest.DocTestParser().get_examples(block[1], name):
            example.lineno += line
            examples.append(example)
    told: list[str] = []
    session = doctest.DocTest(examples, {}, name, name, 0, None)
    runner = doctest.DocTestRunner(ToTheDigitsShown(), verbose=False, optionflags=FLAGS)
    runner.run(session, out=told.append)
    return "".join(told)


@pytest.fixture
def registry() -> Iterator[None]:
    """Forgets the primitives that a page registers."""
    load_all_primitives()
    before = set(REGISTRY)
    yield
    for name in set(REGISTRY) - before:
        del REGISTRY[name]


def test_pages_with_examples() -> None:
    found = [name_of(page) for page in PAGES if BLOCK.search(page.read_text(encoding="utf-8"))]
    assert sorted(found) == list(WITH_EXAMPLES)


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_give_what_the_page_says(name: str, registry: None) -> None:
    text = (DOCS / f"{name}.md").read_text(encoding="utf-8")
    assert failures(text, f"{name}.md") == ""


@pytest.mark.parametrize(
    ("want", "held"),
    [("0.97", True), ("0.96", True), ("0.98", False), ("9.7e-01", True), ("0.97 x", False)],
)
def test_a_wrong_number_is_found(want: str, held: bool) -> None:
    page = f"# A page\n\n```pycon\n>>> print(0.9694)\n{want}\n```\n"
    assert (failures(page, "page.md") == "") is held


def test_an_error_is_found() -> None:
    assert "ZeroDivisionError" in failures("```pycon\n>>> x = 1 / 0\n```\n", "page.md")


def load(name: str) -> ModuleType:
    """A module of the folder ``docs``."""
    spec = spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_of_kinks_is_current() -> None:
    generate, text = load("generate"), (DOCS / "kinks.md").read_text(encoding="utf-8")
    assert generate.updated(text) == text, "run python docs/generate.py"
    assert generate.updated(text.replace("| `relu` | x = 0 |", "| `relu` | x = 1 |")) == text


def test_the_reference_has_every_public_name() -> None:
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    entries = set(re.findall(r"^\.\. auto(?:function|class):: (\w+)$", text, re.MULTILINE))
    sections = set(re.findall(r"^## dk\.(\w+)$", text, re.MULTILINE))
    modules = {name for name in diffkit.__all__ if isinstance(getattr(diffkit, name), ModuleType)}
    assert sections == modules
    assert set(diffkit.__all__) - modules <= entries


def test_every_page_is_reached_from_the_index() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    toctrees = "\n".join(re.findall(r"```{toctree}(.*?)```", index, re.DOTALL)).split()
    assert set(map(name_of, PAGES)) - {"index", "README"} <= set(toctrees)


def test_docstrings_are_made_ready_for_sphinx() -> None:
    lines = [
        *("A sentence with |x|.", "", "    y = |x|", "", "Raises", "------", "InputError"),
        *("    For NaN.", "", "Source: somebody.", "", ">>> 1 | 2", "3"),
    ]
    load("docstrings").prepare(None, "function", "f", None, None, lines)
    assert lines == [
        *(r"A sentence with \|x\|.", "", "::", "", "    y = |x|", "", "Raises", "------"),
        *("InputError", "    For NaN.", "", "", "Source: somebody.", "", ">>> 1 | 2", "3"),
    ]


def test_a_signature_gives_the_values_of_its_constants() -> None:
    sign = load("docstrings").sign
    said = "(f, *args, digits=DIGITS, title=None, seconds=<factory>, other=NOWHERE)"
    expected = f"(f, *args, digits={DIGITS}, title=None, seconds=…, other=NOWHERE)"
    assert sign(None, "function", "f", diffkit.compare, None, said, None) == (expected, None)
    assert sign(None, "property", "p", property(str), None, None, None) == (None, None)


def test_what_numpydoc_reads_otherwise_is_made_plain() -> None:
    prepare = load("docstrings").prepare
    lines = ["The numbers: η_min, γ^t, σ_w² and ``a_b`` of x_train."]
    prepare(None, "property", "f", None, None, lines)
    assert lines[:2] == ["..", ""]
    assert lines[2].replace("\\ ", "") == (
        "The numbers: η:sub:`min`, γ:sup:`t`, σ:sub:`w`² and ``a_b`` of x_train."
    )
    sentence = ["Draw.", "", "Returns", "-------", "The axes: a row", "of dots.", "", ">>> 1"]
    prepare(None, "function", "f", None, None, sentence)
    assert sentence == ["Draw.", "", ":returns: The axes: a row of dots.", "", ">>> 1"]
    typed = ["Draw.", "", "Returns", "-------", "float", "    The error."]
    prepare(None, "function", "f", None, None, typed)
    assert typed[2:] == ["Returns", "-------", "float", "    The error."]


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("error: 3.681e-09", "error: 3.681·10⁻⁹"),
        ("step: 1e-100, -0.5", "step: 10⁻¹⁰⁰, −0.5"),
        ("net 2-4-1, two-layer, n - 1", "net 2-4-1, two-layer, n - 1"),
        ("case4e5, 0x1e5", "case4e5, 0x1e5"),
    ],
)
def test_numbers_are_printed_as_in_a_book(text: str, printed: str) -> None:
    assert load("typography").typeset(text) == printed


def test_katex_is_complete_and_asks_nobody() -> None:
    folder = DOCS / "_static" / "katex"
    style = (folder / "katex.min.css").read_text(encoding="utf-8")
    fonts = set(re.findall(r"url\(([^)]*)\)", style))
    assert fonts == {f"fonts/{path.name}" for path in (folder / "fonts").iterdir()}
    assert 'content:"0.16.22"' in style
    assert "MIT License" in (folder / "LICENSE").read_text(encoding="utf-8")
