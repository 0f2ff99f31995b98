"""Results on the pages of notebooks that say how they are: in a real browser, as it paints them.

JupyterLab marks its body with ``data-jp-theme-light``; VS Code's notebooks, whose pages were looked
at in all four of its kinds of theme, with a class and ``data-vscode-theme-kind``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from explorer_browser import NEEDS_BROWSER, browser  # noqa: F401  (a fixture)

import diffkit as dk
from diffkit.explorer import widget

pytestmark = NEEDS_BROWSER

# What a body says, and whether that is dark.
BODIES = {
    "jupyterlab, light": ('data-jp-theme-light="true"', False),
    "jupyterlab, dark": ('data-jp-theme-light="false"', True),
    "vs code, light": ('class="vscode-light" data-vscode-theme-kind="vscode-light"', False),
    "vs code, dark": ('class="vscode-dark" data-vscode-theme-kind="vscode-dark"', True),
    "vs code, high contrast": (
        'class="vscode-high-contrast" data-vscode-theme-kind="vscode-high-contrast"', True,
    ),
    "vs code, high contrast, light": (
        'class="vscode-high-contrast-light vscode-high-contrast" '
        'data-vscode-theme-kind="vscode-high-contrast-light"', False,
    ),
}  # fmt: skip
WHITE_LAID = ".cell-output-ipywidget-background { background: white !important; }"
PAINTED = """(selector) => {
  const colour = getComputedStyle(document.querySelector(selector)).backgroundColor;
  return colour.match(/[0-9.]+/g).map(Number);
}"""
PAPER = """() => {
  const shown = document.querySelector(".dk-explain, .dk-graph");
  return getComputedStyle(shown).getPropertyValue("--paper");
}"""
PAPERS = {False: "#FFFFFF", True: "#14181D"}
MOUNT = """([code, data]) => {
  (0, eval)(code.replace("export default", "globalThis.module ="));
  const given = { data, mode: "auto", sweep: "primal", step: 0 };
  const model = { get: (key) => given[key], set() {}, save_changes() {}, on() {}, off() {} };
  module.render({ model, el: document.querySelector("#el") });
}"""
MODE = "document.querySelector('#el [data-mode]').dataset.mode"


@pytest.fixture(scope="module")
def explanation() -> Any:
    """The survey's example."""
    return dk.explain(dk.parse("log(x1) + x1*x2 - sin(x2)"), 2.0, 5.0)


@pytest.fixture(params=[False, True], ids=["system light", "system dark"])
def page(request: Any, browser: Any) -> Iterator[Any]:  # noqa: F811
    """A page in a browser whose system is light, or dark."""
    made = browser.new_page(color_scheme="dark" if request.param else "light")
    yield made
    made.close()


@pytest.mark.parametrize("body", BODIES)
def test_tables_and_graphs_are_as_the_page_is(body: str, page: Any, explanation: Any) -> None:
    said, dark = BODIES[body]
    for result in (explanation, explanation.graph):
        shown = result._repr_html_()
        page.set_content(f"<body {said}>{shown}</body>")
        assert page.evaluate(PAPER) == PAPERS[dark]


@pytest.mark.parametrize("body", BODIES)
def test_the_stepper_is_as_the_page_is(body: str, page: Any, explanation: Any) -> None:
    said, dark = BODIES[body]
    page.set_content(f"<body {said}><div id=el></div></body>")
    page.evaluate(MOUNT, [widget.module_source(), explanation.to_dict()])
    assert page.evaluate(MODE) == ("dark" if dark else "light")


def test_the_ground_that_vs_code_lays_under_widgets_is_taken_away(
    page: Any, explanation: Any
) -> None:
    laid = '<div class="cell-output-ipywidget-background">'
    style = f"<style>{WHITE_LAID}</style><style>{widget.GROUND}</style>"
    other = f"{laid.replace('<div', '<div id=other')}<p>another widget</p></div>"
    page.set_content(f"{style}{laid.replace('<div', '<div id=ours')}<div id=el></div></div>{other}")
    page.evaluate(MOUNT, [widget.module_source(), explanation.to_dict()])
    assert page.evaluate(PAINTED, "#ours") == [0, 0, 0, 0]
    assert page.evaluate(PAINTED, "#other") == [255, 255, 255]
