"""The book as a whole: concepts, links, generated pages, and no request to another computer.

The slow tests build it, which needs the extra ``docs`` and Node, and load every page of it in
Chromium with the network cut.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from chromium import Browser, executable
from gallery_pages import scripts
from test_docs import DOCS, PAGES, ROOT

from diffkit.plots.pages import written_page

DECISIONS = sorted((DOCS / "decisions").glob("*.md"))
LINKING = [ROOT / "README.md", ROOT / "CHANGELOG.md", *PAGES, *DECISIONS]
GENERATED = {"_build", "auto_gallery"}  # below docs

# Concepts ---------------------------------------------------------------------------------------

# The words that the gallery brings to life, and the pages that explain them.
GLOSSARY = {
    "automatic differentiation": "automatic-differentiation",
    "backward propagation": "backward-propagation",
    "CNN": "cnn",
    "complex step": "complex-step",
    "convolution": "convolution",
    "cross-entropy": "cross-entropy",
    "derivative": "derivative",
    "finite differences": "finite-difference",
    "forward propagation": "forward-propagation",
    "gradient": "gradient",
    "gradient descent": "gradient-descent",
    "intuition": "intuition",
    "kink": "kink",
    "learning rate": "learning-rate",
    "learning-rate schedules": "learning-rate-schedules",
    "learning signal": "learning-signal",
    "loss": "loss",
    "mini-batch": "mini-batch",
    "model": "model",
    "neural network": "neural-network",
    "rounding": "rounding",
    "softmax classifier": "softmax-classifier",
    "stochastic gradient descent": "stochastic-gradient-descent",
    "symbolic differentiation": "symbolic-differentiation",
    "tensors": "tensors",
}
PARTS = re.compile(
    r"# [^\n]+\n\nAfter this page you can .*?\n\$\$ .*?```\{picture\} ([\w-]+)\n.*?```pycon\n.*?"
    r"\n## Said exactly\n\n- .*?\n## In the gallery\n\n```\{in-gallery\} ([^\n]+)\n```\n"
    r"\n## Go on\n\n- Learn: .*?\n- Do: .*?\n- Names: .*?\n- Source: .*",
    re.DOTALL,
)


def concept(stem: str) -> re.Match[str]:
    """The parts of a concept page; fails where one of them is missing."""
    text = (DOCS / "concepts" / f"{stem}.md").read_text(encoding="utf-8")
    found = PARTS.fullmatch(text)
    assert found is not None, f"concepts/{stem}.md lacks a part, or has them in another order"
    return found


def shown_by() -> dict[str, set[str]]:
    """Word → the pages of the gallery that have it among their concepts."""
    found: dict[str, set[str]] = {}
    for name, path in scripts().items():
        for word in written_page(path)["concepts"]:
            found.setdefault(word, set()).add(name)
    return found


@pytest.mark.parametrize(("word", "stem"), GLOSSARY.items())
def test_a_concept_has_all_its_parts(word: str, stem: str) -> None:
    picture, words = concept(stem).groups()
    listed = words.split(", ")
    assert picture in scripts()
    assert listed[0] == word
    assert set(listed) <= set(shown_by())


def test_every_picture_is_reached_from_a_concept() -> None:
    assert {path.stem for path in (DOCS / "concepts").glob("*.md")} == set(GLOSSARY.values())
    listed = {word for stem in GLOSSARY.values() for word in concept(stem)[2].split(", ")}
    reached = {name for word, names in shown_by().items() if word in listed for name in names}
    assert set(scripts()) - reached == set()


# Generated pages --------------------------------------------------------------------------------


def generator(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A module of the folder ``docs``."""
    monkeypatch.setattr(sys, "path", [str(DOCS), *sys.path])
    return import_module(name)


def test_the_tables_of_primitives_are_current(monkeypatch: pytest.MonkeyPatch) -> None:
    page = generator("generate_primitives", monkeypatch)
    text = page.PAGE.read_text(encoding="utf-8")
    assert "| x̄ = ȳ·(1 − tanh(x)²) |" in text
    assert page.updated(text.replace("ȳ·cos(x)", "ȳ·sin(x)")) == text, (
        "run python docs/generate_primitives.py"
    )


# Pages of the gallery ---------------------------------------------------------------------------


def test_what_was_made_of_a_script_that_is_gone_is_stale(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    gone = (
        *("plot_01_ulps.rst", "plot_01_ulps.py.md5", "plot_01_ulps.codeobj.json"),
        *("images/sphx_glr_plot_01_ulps_001.png", "images/thumb/sphx_glr_plot_01_ulps_thumb.png"),
        *("images/thumb/plot_01_ulps-dark.png", "pictures/plot_01_ulps-light.png"),
    )
    here = [name.replace("01_ulps", "0301_ulps") for name in gone] + ["index.rst", "drawn/a.png"]
    for name in (*gone, *here):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = generator("stale_pages", monkeypatch).stale(tmp_path, {"plot_0301_ulps"})
    assert {str(path.relative_to(tmp_path)) for path in found} == set(gone)


# Links ------------------------------------------------------------------------------------------

FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]*`")
LINK = re.compile(r"(?<!\\)\]\(([^)\s]+)\)")
LABEL = re.compile(r"^\((\S+)\)=$", re.MULTILINE)
HEADING = re.compile(r"^#{1,4} (.+)$", re.MULTILINE)
# Links that leave this repository; CI does not follow them, a person does before a release.
EXTERNAL = {
    "https://github.com/pytorch/pytorch/issues/184572",
    "https://github.com/sympy/sympy/issues/11402",
    "https://keepachangelog.com",
    "https://semver.org",
}


def links(text: str) -> list[str]:
    """The targets of the links of a page, those in code left out."""
    return LINK.findall(CODE.sub("", FENCE.sub("", text)))


def anchors(path: Path) -> set[str]:
    """The names by which the places of a page are reached: its labels, and its headings."""
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    words = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in HEADING.findall(text))
    return set(LABEL.findall(text)) | {word.strip().replace(" ", "-") for word in words}


@cache
def labels() -> set[str]:
    """What MyST reaches by its label alone, from any page."""
    return {name for page in PAGES for name in LABEL.findall(page.read_text(encoding="utf-8"))}


def dead(page: Path, text: str) -> list[str]:
    """The links of a page into this repository that lead nowhere."""
    inside = (link for link in links(text) if not link.startswith(("http:", "https:")))
    return [link for link in inside if not leads_somewhere(page, link)]


def leads_somewhere(page: Path, link: str) -> bool:
    """Whether a file of this name exists, and has the heading that is named behind the #."""
    address, _, anchor = link.partition("#")
    target = page.parent / address if address else page
    if GENERATED & set(target.parts):  # Sphinx knows what is made while it builds
        return True
    if target.suffix == ".md" and anchor:
        return target.exists() and anchor in anchors(target)
    return target.exists() or link in labels()


@pytest.mark.parametrize("page", LINKING, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    assert dead(page, page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("see [kinks](kinks.md) and [more](nowhere.md)", ["nowhere.md"]),
        ("see [the formulas](schedules.md#the-formulas)", []),
        ("see [the formulas](schedules.md#no-such-heading)", ["schedules.md#no-such-heading"]),
        ("`[a](b.md)` and\n```md\n[a](b.md)\n```\n", []),
    ],
)
def test_a_dead_link_is_found(text: str, found: list[str]) -> None:
    assert dead(DOCS / "index.md", text) == found


def test_external_links_are_known() -> None:
    texts = [FENCE.sub("", page.read_text(encoding="utf-8")) for page in LINKING]
    used = {
        link.rstrip("/.,;")
        for text in texts
        for link in re.findall(r"https?://[^\s)>\"'`|]+", text)
        if not re.match(r"https?://(localhost|127\.)", link)
    }
    assert used == EXTERNAL


# The built book ---------------------------------------------------------------------------------

REQUEST = re.compile(
    r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["'](?:https?:)?//"""
    r"""|<link\b(?=[^>]*rel=["'](?:stylesheet|preload|icon)["'])[^>]*href=["'](?:https?:)?//"""
    r"""|@import|url\(["']?(?:https?:)?//"""
)
PHONE, SCREEN = 390, 1280  # CSS pixels
BUILD_SECONDS = 1800  # it takes two to five minutes
NO_WIDER = "document.documentElement.scrollWidth <= innerWidth"


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ('<script src="https://cdn.example.org/x.js">', True),
        ('<link rel="stylesheet" type="text/css" href="https://example.org/x.css" />', True),
        ("@font-face{src:url(//example.org/x.woff2)}", True),
        ('<a href="https://example.org">words</a> <script src="_static/x.js">', False),
    ],
)
def test_a_request_to_another_computer_is_found(text: str, asks: bool) -> None:
    assert bool(REQUEST.search(text)) is asks


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built pages; draws what ``diffkit gallery`` has not drawn before.

    A copy is built, since Sphinx-Gallery writes beside the pages, and what an earlier build left
    there would be taken for pages.
    """
    folder = tmp_path_factory.mktemp("book")
    built, generated = folder / "html", shutil.ignore_patterns(*GENERATED)
    for name in ("docs", "gallery"):
        shutil.copytree(ROOT / name, folder / name, ignore=generated)
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-d", str(folder / "trees")]
    # What it says goes to a file: a pipe would stay open as long as anything that it started.
    with (folder / "said").open("w+", encoding="utf-8") as said:
        done = subprocess.run(
            [*command, "-b", "html", str(folder / "docs"), str(built)],
            stdout=subprocess.DEVNULL, stderr=said, timeout=BUILD_SECONDS,
        )  # fmt: skip
        said.seek(0)
        assert done.returncode == 0, said.read()
    return built


LATE_SERVER = """
import socket, sys, time
server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
server.bind(sys.argv[1])
time.sleep(0.3)  # the file is there, and nobody listens
server.listen()
server.accept()[0].sendall(b"here")
"""


@pytest.mark.slow
@pytest.mark.parametrize("server", [LATE_SERVER, "raise SystemExit"])
def test_the_formulas_server_is_waited_for(
    server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    katex = pytest.importorskip("sphinxcontrib.katex", reason="the extra `docs` is not there")
    connected = generator("formula_server", monkeypatch).connected
    command = [sys.executable, "-c", server, str(tmp_path / "katex.sock")]
    monkeypatch.setattr(katex.KaTeXServer, "build_command", lambda socket: command)
    if server != LATE_SERVER:
        with pytest.raises(katex.KaTeXError, match="STARTUP_TIMEOUT"):
            connected(tmp_path, 5.0)
        return
    process, link = connected(tmp_path, 30.0)
    with process, link:
        assert link.recv(4) == b"here"


@pytest.mark.slow
def test_sphinx_builds_without_a_warning(book: Path) -> None:
    formulas = (book / "tutorials" / "neuron-to-cnn.html").read_text(encoding="utf-8")
    assert 'class="katex"' in formulas
    for path in (*book.rglob("*.html"), *book.rglob("*.css")):
        text = path.read_text(encoding="utf-8")
        assert not REQUEST.search(text), path.name
        assert "katex-error" not in text, path.name


@pytest.mark.slow
@pytest.mark.skipif(executable() is None, reason="Chromium is not on the path")
def test_no_page_asks_another_computer_or_is_wider_than_a_phone(book: Path, tmp_path: Path) -> None:
    pages = sorted(book.rglob("*.html"))
    assert len(pages) > 100
    wrong = []
    with Browser(tmp_path) as browser:
        for page in pages:
            browser.resize(SCREEN, 900)
            visit = browser.visit(page.as_uri())
            away = [url for url in visit.requests if not url.startswith((book.as_uri(), "data:"))]
            browser.resize(PHONE, 800)
            fits = browser.evaluate(NO_WIDER)
            found = {"asks": away, "misses": visit.failed, "errors": visit.errors}
            told = [f"{kind} {text}" for kind, texts in found.items() for text in texts]
            told += [] if fits else ["is wider than a phone"]
            wrong += [f"{page.relative_to(book)} {text}" for text in told]
    assert wrong == []


@pytest.mark.skipif(executable() is None, reason="Chromium is not on the path")
def test_the_browser_writes_down_what_a_page_asks_for(tmp_path: Path) -> None:
    page, away = tmp_path / "page.html", "https://example.org/a.png"
    page.write_text(
        f'<img src="{away}"><img src="missing.png"><script>throw Error("no")</script>'
        '<div style="width: 600px">wide</div>',
        encoding="utf-8",
    )
    with Browser(tmp_path / "profile", width=PHONE) as browser:
        visit = browser.visit(page.as_uri())
        assert visit.requests[0] == page.as_uri()
        assert away in visit.requests
        assert (page.parent / "missing.png").as_uri() in visit.failed
        assert len(visit.errors) == 1
        assert browser.evaluate("document.images.length") == 2
        assert browser.evaluate("document.documentElement.scrollWidth") >= 600
