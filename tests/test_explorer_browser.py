"""The explorer in Chromium: typed at, dragged, stepped, broken, shared, and by keys alone."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest
from explorer_browser import NEEDS_BROWSER, Opened, browser, explorer, opened, when  # noqa: F401

import diffkit as dk

if TYPE_CHECKING:
    from playwright.sync_api import Page

STATIC = Path(__file__).resolve().parents[1] / "diffkit" / "explorer" / "static"
OWN_SCRIPT, EVERYTHING = 120_000, 700_000  # bytes: the scripts gzipped; all files as they are
BAYDIN = "#e=log(x1)%20+%20x1*x2%20-%20sin(x2)&at=x1:2,x2:5&over=x2&tab=graph"
SQUARE = "#e=x*x&at=x:1.5&in.x=-2:2&tab=graph"
PNG = b"\x89PNG\r\n\x1a\n"

needs_browser = NEEDS_BROWSER


def derivative(page: Page, method: str = "reverse") -> str:
    """What a method's row says, without its remarks."""
    return page.locator(f'.row[data-method="{method}"] .digits .mono').inner_text()


def reads(page: Page, method: str, text: str) -> None:
    """Wait until a method's row says this."""
    wanted = json.dumps(text)
    when(page, f"document.querySelector('[data-method={method}] .mono')?.textContent === {wanted}")


# Files --------------------------------------------------------------------------------------------


def test_the_page_is_small() -> None:
    own = [gzip.compress((STATIC / name).read_bytes(), 9) for name in ("explorer.js", "drawing.js")]
    assert sum(map(len, own)) < OWN_SCRIPT
    assert sum(path.stat().st_size for path in STATIC.rglob("*") if path.is_file()) < EVERYTHING


def test_the_page_asks_for_its_own_files_only() -> None:
    index = (STATIC / "index.html").read_text()
    named = re.findall(r'(?:src|href)="/static/([^"]+)"', index)
    fonts = re.findall(r"url\(([^)]+)\)", (STATIC / "katex.css").read_text())
    assert all((STATIC / name).is_file() for name in [*named, *fonts, "katex.js"])
    assert "style=" not in index and not re.search(r"<script(?![^>]*src=)", index)  # the policy
    for name in ("explorer.js", "explorer.css", "katex.css"):
        addresses = set(re.findall(r"https?://[^\"'`)\s]+", (STATIC / name).read_text()))
        assert addresses <= {"http://www.w3.org/2000/svg"}


# What the page shows ------------------------------------------------------------------------------


@needs_browser
def test_the_methods_are_those_of_the_library(opened: Opened) -> None:  # noqa: F811
    page = opened(BAYDIN)
    found = dk.compare(dk.parse("log(x1) + x1*x2 - sin(x2)"), 2.0, 5.0).to_dict()
    page.wait_for_selector('[data-method="symbolic"] .mono')
    for method, said in found["methods"].items():
        assert derivative(page, method) == repr(said["derivative"]["x2"])
        row = page.locator(f'.row[data-method="{method}"]')
        counts = [cell.split()[0] for cell in row.locator(".count").all_inner_texts()]
        assert counts[:2] == [str(said["operations"]), str(said["evaluations"])]
    assert page.locator('[data-method="reverse"] .wrong').count() == 0
    truth, wrong = found["truth"]["derivative"]["x2"], '[data-method="finite"] .wrong'
    right = derivative(page, "finite").removesuffix(page.locator(wrong).inner_text())
    assert repr(truth).startswith(right) and len(right) >= 9
    # the formulas, and another variable
    page.wait_for_selector("#formula .gradient .katex")
    said = page.locator("#formula .gradient annotation").all_text_contents()
    assert len(said) == 2 and "\\cos" in said[1]
    page.locator('.picks [data-name="x1"]').click()
    reads(page, "reverse", "5.5")


@needs_browser
def test_a_new_text_is_drawn_as_it_is_typed(opened: Opened) -> None:  # noqa: F811
    page = opened(SQUARE)
    box = page.locator("#text")
    box.press("Control+A")
    box.press_sequentially("x**3 + y")
    reads(page, "reverse", "6.75")
    assert page.locator(".slider").count() == 2
    page.locator(".slider .number").first.fill("-2")
    reads(page, "forward", "12")
    when(page, "location.hash.includes('at=x:-2,y:1')")
    page.get_by_role("button", name="A kink").click()
    page.wait_for_selector("text=the declared choice at a kink")
    assert "no derivative" in page.locator('[data-method="reverse"]').inner_text()
    page.get_by_role("button", name="Ten variables").click()
    when(page, "document.querySelectorAll('.slider').length === 10")


@needs_browser
def test_an_error_has_a_caret_and_the_last_picture_stays(opened: Opened) -> None:  # noqa: F811
    page = opened(SQUARE)
    curve = page.locator(".chart .curve").get_attribute("d")
    page.locator("#text").fill("x*x + foo(x)")
    page.wait_for_selector("#error:has-text('foo')")
    before = page.locator(".echo").evaluate("echo => echo.firstChild.textContent")
    assert before == "x*x + "
    caret, box = page.locator(".echo .caret").bounding_box(), page.locator("#text").bounding_box()
    assert caret and box and box["x"] < caret["x"] < box["x"] + box["width"]
    assert page.locator("body").get_attribute("class") == "wrong-text"
    assert page.locator(".chart .curve").get_attribute("d") == curve
    assert derivative(page) == "3"
    page.locator("#text").fill("x*x + 2*x")
    reads(page, "reverse", "5")
    assert page.locator("#error").inner_text() == ""
    assert page.locator(".echo .caret").count() == 0


@needs_browser
def test_what_was_meant_is_offered(opened: Opened) -> None:  # noqa: F811
    page = opened(SQUARE)
    box, offer = page.locator("#text"), page.locator(".offer")
    for typed, meant in ((r"\frac{x}{2}", "((x)/(2))"), ("SIN(x)^2", "sin(x)**2"), ("2x", "2*x")):
        box.fill(typed)
        page.locator(f'.offer[data-text="{meant}"]').wait_for()
    box.press("Enter")
    reads(page, "reverse", "2")
    assert box.input_value() == "2*x" and offer.is_hidden()
    assert page.evaluate("document.activeElement.id") == "text"
    box.fill("x = 3")  # what is left has no variable, and is no function to differentiate
    page.wait_for_selector("#error:has-text('An equation')")
    box.fill("lambda x: x^2")
    page.wait_for_selector("#error:has-text('Colons')")
    assert offer.is_hidden()


@needs_browser
def test_a_constant_keeps_picture_and_point_and_back_leads_back(opened: Opened) -> None:  # noqa: F811
    page = opened(SQUARE)
    page.locator("#text").fill("3")  # on the way to 3*x
    page.wait_for_selector("body.constant")
    assert page.locator(".chart .curve").is_visible()
    page.locator("#text").fill("3*x")
    when(page, "location.hash.includes('e=3*x&at=x:1.5')")
    page.get_by_role("button", name="A kink").click()
    when(page, "location.hash.includes('relu')")
    page.go_back()
    reads(page, "reverse", "3")
    assert page.locator("#text").input_value() == "3*x"


@needs_browser
def test_where_f_has_no_value_there_is_no_kink(opened: Opened) -> None:  # noqa: F811
    page = opened("#e=log(x)&at=x:-1&tab=steps")
    said = page.locator("#panel-steps .failure").inner_text()
    assert said.startswith("The function is nan here")
    assert page.locator("#panel-steps .chart").is_hidden()  # an empty picture shows nothing
    assert page.locator(".truth").inner_text().endswith("none here: f has no value")
    page.locator("#text").fill("x*1e-300")
    page.locator("#panel-steps .finding", has_text="digits").wait_for()
    page.locator("#panel-steps .tick", has_text=re.compile("^10⁻³⁰⁰$")).wait_for()  # a frame later
    ticks = page.locator(".chart:visible .tick").all_text_contents()
    assert not any(tick.startswith("10·") for tick in ticks)


# What the hand does -------------------------------------------------------------------------------


@needs_browser
def test_the_point_is_dragged_along_the_curve(opened: Opened) -> None:  # noqa: F811
    page = opened(SQUARE)
    handle, tangent = page.locator(".handle"), page.locator(".line.method-forward")
    before, box = tangent.get_attribute("d"), handle.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    for step in range(1, 9):
        page.mouse.move(box["x"] + box["width"] / 2 - 20 * step, box["y"] + 30)
    page.mouse.up()
    at = float(page.locator(".slider .number").input_value())
    assert -2 <= at < 1
    reads(page, "reverse", repr(2 * at).removesuffix(".0").replace("-", "−"))
    assert tangent.get_attribute("d") != before
    when(page, f"location.hash.includes('at=x:{at:g}')")
    page.keyboard.press("ArrowRight")  # the handle has kept the focus
    when(page, f"document.querySelector('.number').value === '{round(at + 0.04, 3):g}'")


@needs_browser
def test_contours_have_a_point_of_two_coordinates(opened: Opened) -> None:  # noqa: F811
    page = opened("#e=x**2+3*y**2&at=x:1,y:1&tab=graph")
    arrow = page.locator(".chart:visible .arrow")
    assert page.locator(".chart:visible .level").count() > 5
    before, handle = arrow.get_attribute("d"), page.locator(".chart:visible .handle")
    handle.focus()
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("ArrowUp")
    when(page, "[...document.querySelectorAll('.number')].every((one) => Number(one.value) > 1)")
    x = float(page.locator(".number").first.input_value())
    reads(page, "reverse", f"{2 * x!r}".removesuffix(".0"))
    assert arrow.get_attribute("d") != before
    page.get_by_role("button", name="Curve over one variable").click()
    page.wait_for_selector(".chart:visible .curve")
    when(page, "location.hash.includes('picture=curve')")


@needs_browser
def test_the_graph_is_stepped_through(opened: Opened) -> None:  # noqa: F811
    page = opened(BAYDIN + "&graph.step=adjoint:0")
    count = page.locator(".stepper .count")
    assert count.inner_text() == "1 / 9"
    page.locator(".stepper .canvas").press("ArrowRight")
    assert count.inner_text() == "2 / 9"
    assert page.locator(".stepper .formula").inner_text().startswith("c̄ = ē·1")
    when(page, "location.hash.includes('graph.step=adjoint:1')")
    page.locator("#point input[type=range]").first.press("ArrowRight")  # another point, same step
    page.wait_for_selector(".stepper .title:not(:has-text('x1 = 2,'))")
    assert count.inner_text() == "2 / 9"


@needs_browser
def test_keys_alone_go_everywhere(opened: Opened) -> None:  # noqa: F811
    page = opened(SQUARE)
    stops: list[str] = []
    says = """() => { const at = document.activeElement;
        return at.getAttribute('aria-label') ?? at.textContent.trim(); }"""
    for _ in range(40):
        page.keyboard.press("Tab")
        stops.append(page.evaluate(says))
        if stops[-1] == "Graph":
            break
    for wanted in ("Share & export", "Expression", "Two paths", "x", "x, as a number"):
        assert wanted in stops
    assert stops[0] == "Skip to the methods" and "The point on the curve, x" in stops
    for key, tab in (("ArrowRight", "steps"), ("End", "schedules"), ("Home", "graph")):
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.id") == f"tab-{tab}"
        assert page.locator(f"#panel-{tab}").is_visible()
    page.get_by_role("button", name="Share & export").press("Enter")
    assert page.locator("dialog").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("dialog").is_visible()
    assert page.evaluate(says) == "Share & export"


# What leaves the page -----------------------------------------------------------------------------


def saved(page: Page, label: str) -> bytes:
    """The file that a button of the dialog saves."""
    with page.expect_download() as waiting:
        page.get_by_role("button", name=label, exact=True).click()
    return Path(waiting.value.path()).read_bytes()


def copied(page: Page, what: str) -> str:
    page.locator(f'[data-copy="{what}"]').click()
    page.wait_for_selector(f'[data-copy="{what}"]:has-text("Copied")')
    return page.evaluate("navigator.clipboard.readText()")


@needs_browser
def test_pictures_tables_and_code_leave_the_page(opened: Opened) -> None:  # noqa: F811
    page = opened(SQUARE)
    page.wait_for_selector('[data-method="symbolic"] .mono')
    page.get_by_role("button", name="Share & export").click()
    picture = ElementTree.fromstring(saved(page, "Curve as SVG"))
    parts = list(picture.iter())
    assert not any("class" in part.attrib or "style" in part.attrib for part in parts)
    lines = [part.attrib for part in parts if part.tag.endswith("path")]
    assert any(line.get("stroke") == "rgb(31, 95, 168)" for line in lines)  # the tangent
    assert saved(page, "Curve as PNG").startswith(PNG)
    assert saved(page, "Graph as PNG").startswith(PNG)
    table = saved(page, "Methods as CSV").decode().splitlines()
    assert table[0].startswith("method,value,d/dx,") and len(table) == 1 + 5 + 1
    rows = json.loads(saved(page, "Methods as JSON"))
    assert rows["at"] == {"x": 1.5} and rows["function"] == "x*x"
    assert {row["method"]: row["d/dx"] for row in rows["rows"]}["reverse"] == 3.0
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(copied(page, "code"), "copied.py", "exec"), {})
    assert "reverse" in printed.getvalue() and "2.25" in printed.getvalue()
    assert copied(page, "command") == "diffkit explore 'x*x' --at x=1.5"


@needs_browser
def test_a_link_shows_the_same_page(opened: Opened, explorer: str) -> None:  # noqa: F811
    fragment = "#e=sin(x)*y%20+%20w&at=x:0.3,y:-2,w:4&over=y&tab=swell&in.y=-3:7"
    page = opened(fragment)
    assert page.locator("#text").input_value() == "sin(x)*y + w"
    assert page.locator("#panel-swell").is_visible()
    assert page.locator(".slider.active input[type=range]").get_attribute("max") == "7"
    assert derivative(page) == repr(math.sin(0.3))
    page.get_by_role("button", name="Share & export").click()
    link = copied(page, "link")
    assert link.startswith(explorer)
    again = opened(link.removeprefix(explorer))
    for place in (".truth", "#text", ".sliders"):
        assert again.locator(place).inner_text() == page.locator(place).inner_text()
    again.evaluate("location.hash = '#e=x*x&at=x:4'")  # a link that is pasted into an open page
    reads(again, "reverse", "8")
    # diffkit explore mine.py:f
    mine = {"text": None, "function": "mine.py:f", "at": {"x": 1.0}, "variables": ["x"]}
    page.route("**/api/subject", lambda route: route.fulfill(json=mine))
    page.evaluate("location.hash = '#e=mine.py:f&at=x:3,y:2&tab=steps&in.x=0:9'")
    page.reload()
    page.wait_for_selector("#panel-steps:visible")
    assert page.locator("#text").input_value() == "mine.py:f"
    assert page.locator(".slider .number").input_value() == "3"
    assert page.locator(".slider input[type=range]").get_attribute("max") == "9"


# For every reader ---------------------------------------------------------------------------------


@needs_browser
def test_dark_and_light_are_the_system_s_or_chosen(opened: Opened) -> None:  # noqa: F811
    page = opened(SQUARE, dark=True)
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(20, 24, 29)"
    page.get_by_role("button", name="Theme: as the system").click()
    assert page.evaluate(ground) == "rgb(251, 251, 249)"
    page.reload()
    page.wait_for_selector('.row[data-method="reverse"] .mono')
    assert page.evaluate(ground) == "rgb(251, 251, 249)"
    assert page.get_by_role("button", name="Theme: light").is_visible()


@needs_browser
def test_a_narrow_screen_has_one_column_and_no_overflow(opened: Opened) -> None:  # noqa: F811
    fragment = "#e=(1-cos(x))/x**2&at=x:0.001&in.x=-0.01:0.01&tab=schedules"
    page = opened(fragment, width=390, height=800)
    assert page.evaluate("scrollY") == 0  # the last tab is brought into its row, not the page to it
    tab, row = (
        page.locator("#tab-schedules").bounding_box(),
        page.locator(".tablist").bounding_box(),
    )
    assert tab and row and tab["x"] + tab["width"] <= row["x"] + row["width"] + 1
    boxes = [page.locator(one).bounding_box() for one in ("#text", "#picture", "#methods", "#tabs")]
    tops = [box["y"] for box in boxes if box]
    assert tops == sorted(tops) and len(tops) == len(boxes)
    for width in (390, 320):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


def violations(page: Page) -> list[Any]:
    """What axe-core finds wrong, with the places."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is missing")
    found = axe.Axe().run(page).response["violations"]
    return [(one["id"], [node["target"] for node in one["nodes"]]) for one in found]


@needs_browser
def test_axe_finds_nothing(opened: Opened) -> None:  # noqa: F811
    page = opened(BAYDIN, still=True)
    page.wait_for_selector("#formula .gradient .katex")
    for text in (None, "x1 +* x2"):  # what was right before is dimmed, and can still be read
        if text is not None:
            page.locator("#text").fill(text)
            page.wait_for_selector(".wrong-text .echo .caret")
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            page.wait_for_selector(f"html[data-theme={theme}]")
            assert violations(page) == [], (text, theme)
    page.get_by_role("button", name="Share & export").click()
    assert violations(page) == []
