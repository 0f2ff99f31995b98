"""The explorer in a real browser: one server and one Chromium for each module of tests.

``pytest_plugins`` is for the root ``conftest.py`` alone, so a module takes the fixtures by name::

    from explorer_browser import browser, explorer, opened  # noqa: F401  (fixtures)

``opened(fragment)`` gives a page at rest: the expression has been drawn, the methods have answered,
and nothing more is asked for.  At the end of a test every page that it opened must have kept quiet:
no error on the console, no request to another place.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

__all__ = ["NEEDS_BROWSER", "Opened", "Watch", "browser", "explorer", "opened", "when"]

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
PATIENCE_MS = 20_000


def _why_not() -> str:
    """Why these tests cannot run here; empty where they can, or have to (``.ci/run`` says so)."""
    if os.environ.get("DIFFKIT_TEST_BROWSER") == "required":
        return ""
    if CHROMIUM is None:
        return "Chromium is not installed"
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "Playwright is not installed: python -m pip install 'diffkit[test]'"
    return ""


NEEDS_BROWSER = pytest.mark.skipif(bool(_why_not()), reason=_why_not() or "it is there")

PLANNED = "the server responded with a status of 4"  # a refusal that a test asked for


@dataclass
class Watch:
    """What a page said and asked for, which must be nothing and nobody else."""

    home: str
    said: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def over(self, page: Page) -> None:
        """Listen to a page from now on."""
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(f"{error.name}: {error.message}"))
        page.on("request", lambda request: self.asked.append(request.url))

    def check(self) -> None:
        """No word on the console but refusals that were asked for; no request to another place."""
        assert [word for word in self.said if PLANNED not in word] == []
        places = {urlsplit(url).netloc for url in self.asked if urlsplit(url).scheme == "http"}
        assert places == {urlsplit(self.home).netloc}
        assert {urlsplit(url).scheme for url in self.asked} <= {"http", "data", "blob"}


class Opened(Protocol):
    """Opens a page: ``opened("#e=x*x&at=x:3", width=390, dark=True)``."""

    def __call__(
        self,
        fragment: str = "",
        *,
        width: int = 1440,
        height: int = 900,
        dark: bool = False,
        still: bool = False,
        ready: bool = True,
    ) -> Page: ...


@pytest.fixture(scope="module")
def explorer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running explorer, with its token."""
    folder: Path = tmp_path_factory.mktemp("explorer")
    command = [sys.executable, "-m", "diffkit", "explore", "--no-browser", "--json"]
    with (folder / "said").open("w") as errors:
        server = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=ROOT
        )
        assert server.stdout is not None
        text = ""
        for line in iter(server.stdout.readline, ""):  # one JSON object over several lines
            text += line
            if line.rstrip() == "}":
                break
        try:
            assert text, (folder / "said").read_text()
            yield json.loads(text)["url"]
        finally:
            server.terminate()
            server.wait(20)
            server.stdout.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the module."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        made = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield made
        made.close()


@pytest.fixture
def opened(browser: Browser, explorer: str) -> Iterator[Opened]:
    """Opens pages in a fresh context each, and checks at the end that all of them kept quiet."""
    contexts, watches = [], []

    def open_page(
        fragment: str = "",
        *,
        width: int = 1440,
        height: int = 900,
        dark: bool = False,
        still: bool = False,
        ready: bool = True,
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce" if still else "no-preference",
            accept_downloads=True,
        )
        context.set_default_timeout(PATIENCE_MS)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        page, watch = context.new_page(), Watch(explorer)
        watch.over(page)
        contexts.append(context)
        watches.append(watch)
        page.goto(explorer + fragment)
        page.wait_for_selector("html[data-ready]", state="attached")
        if ready:
            page.wait_for_selector('.row[data-method="reverse"] .digits .mono')
            page.wait_for_load_state("networkidle")  # its formula, its picture and its tab too
        return page

    yield open_page
    for context in contexts:
        context.close()
    for watch in watches:
        watch.check()


def when(page: Page, condition: str) -> None:
    """Wait until an expression of JavaScript's holds."""
    page.wait_for_function(f"() => {condition}")
