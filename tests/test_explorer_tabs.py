"""The explorer's tabs in Chromium: a step dragged, operations counted, a training steered."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from explorer_browser import NEEDS_BROWSER, Opened, browser, explorer, opened  # noqa: F401

import diffkit as dk

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

BAYDIN = "#e=log(x1)%2Bx1*x2-sin(x2)&at=x1:2,x2:5&over=x1&tab="
CANCELLING = "#e=(1-cos(x))/x**2&at=x:0.00001&tab="
KINK = "#e=relu(x)*cos(x)&at=x:0&tab="
TABS = ("steps", "swell", "lines", "training", "schedules")
# a small net that takes long enough to be paused, and starts at once
TRAINING = "training&train.net=tanh%208&train.epochs=900&train.batch=40"

pytestmark = NEEDS_BROWSER


def finding(page: Page, tab: str, words: str) -> str:
    """What a tab says it found, as soon as that holds these words (a regular expression)."""
    place = page.locator(f"#panel-{tab} .finding").first.filter(has_text=re.compile(words))
    place.wait_for()
    return place.inner_text()


def number_of(places: Locator, count: int) -> None:
    """Wait until there are so many; pictures are drawn before the next frame."""
    from playwright.sync_api import expect

    expect(places).to_have_count(count)


def changed(page: Page, line: str, before: str | None) -> None:
    """Wait until a line is another than it was."""
    page.wait_for_function(
        "([line, d]) => document.querySelector(line)?.getAttribute('d') !== d", arg=[line, before]
    )


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


# Step size -------------------------------------------------------------------------------------


def step(page: Page) -> float:
    """The h that is printed, in full precision."""
    return float(page.locator(".hand-h output").get_attribute("data-h") or "nan")


def correct_digits(page: Page, method: str) -> str:
    """The digits of a method's derivative that are not underlined."""
    code = page.locator(f'dd[data-method="{method}"] code')
    wrong = code.locator(".wrong")
    return code.inner_text().removesuffix(wrong.inner_text() if wrong.count() else "")


def test_h_is_dragged_pressed_and_kept(opened: Opened) -> None:  # noqa: F811
    page = opened(BAYDIN + "steps")
    finding(page, "steps", "keeps 12.* the complex step keeps them all")
    f = dk.parse("log(x1) + x1*x2 - sin(x2)")
    found = dk.step_size(f, 2.0, 5.0, direction="x1", stencils=(1, 2, 4))
    automatic = step(page)
    assert automatic == pytest.approx(found.step, rel=0.2)  # the next point of the curve
    many = correct_digits(page, "five-point")

    handle = page.get_by_role("slider", name="step h")
    handle.scroll_into_view_if_needed()
    box = handle.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x - 120, y, steps=4)
    page.mouse.up()
    dragged = step(page)
    assert dragged < automatic / 100
    assert len(correct_digits(page, "five-point")) < len(many)
    assert correct_digits(page, "complex") == "5.5"

    handle.press("ArrowRight")
    assert dragged < step(page) < 10 * dragged
    page.wait_for_function(
        "h => Number(new URLSearchParams(location.hash.slice(1)).get('steps.h')) === h",
        arg=step(page),
    )
    button(page, "Move h to the automatic step").click()
    assert step(page) == automatic


def test_a_kink_has_no_step(opened: Opened) -> None:  # noqa: F811
    page = opened(KINK + "steps&steps.h=0.001")
    assert "left and 1 to the right" in finding(page, "steps", "A kink")
    assert step(page) == pytest.approx(1e-3, rel=0.2)
    page.get_by_role("tab", name="Error by line").click()
    finding(page, "lines", "No derivative here: the point is exactly on a kink")
    assert page.locator(".typed-text mark").inner_text() == "relu(x)"


# Swell and errors --------------------------------------------------------------------------------


def test_swell_counts_as_the_library_does(opened: Opened) -> None:  # noqa: F811
    page = opened("#e=4*x*(1-x)&at=x:0.2&tab=swell")
    finding(page, "swell", "reverse mode")
    counts = dk.swell({"f": dk.parse("4*x*(1-x)")}, methods=("tree", "cse", "reverse", "forward"))
    label = page.locator("#panel-swell .bars").get_attribute("aria-label") or ""
    shown = {"tree": "formula, written out", "cse": "formula after sympy.cse",
             "reverse": "reverse mode", "forward": "forward mode"}  # fmt: skip
    for form, name in shown.items():
        assert f"{name}: {counts.operations(form)[0]}  " in label
    assert "once more, the written formula grows" in page.locator(".finding.small").inner_text()


def test_the_worst_line_is_that_of_the_diagnosis(opened: Opened) -> None:  # noqa: F811
    page = opened(CANCELLING + "lines")
    worst = dk.diagnose(dk.parse("(1-cos(x))/x**2"), 1e-5).findings[0]
    said = finding(page, "lines", "loses")
    assert said.startswith(f"1-cos(x) loses {worst.digits_lost:.1f} of 16 digits")
    assert page.locator(".remedy code").first.inner_text() == worst.remedy
    assert page.locator(".typed-text mark").all_inner_texts() == ["1-cos(x)"]
    page.locator("#text").fill("sin(x)*x")
    finding(page, "lines", "Every operation keeps its digits")
    assert page.locator("#panel-lines .bars").is_hidden()


# Training ----------------------------------------------------------------------------------------


def epoch(page: Page) -> int:
    found = re.search(r"epoch (\d+)", page.locator(".tab-training .finding").inner_text(), re.I)
    return int(found[1]) if found else 0


def picture(page: Page) -> str:
    return page.locator("canvas.plane").evaluate("canvas => canvas.toDataURL()")


def curve(page: Page, name: str) -> str:
    return page.locator(f"#panel-training .line.{name}").get_attribute("d") or ""


def test_a_training_is_watched_and_steered(opened: Opened) -> None:  # noqa: F811
    page = opened(BAYDIN + TRAINING)
    blank = picture(page)
    button(page, "Start the training").click()
    finding(page, "training", r"Epoch \d+: loss .* right")
    assert page.get_by_label("Data set").is_disabled()
    button(page, "Pause the training").click()
    finding(page, "training", r"Paused at epoch \d+")
    page.wait_for_timeout(200)  # an epoch that was under way is told
    paused, drawn, loss = epoch(page), picture(page), curve(page, "loss")
    assert 0 < paused < 900 and drawn != blank

    button(page, "Train one epoch, then pause").click()
    finding(page, "training", f"Paused at epoch {paused + 1}:")
    changed(page, "#panel-training .line.loss", loss)
    rates = curve(page, "rate")
    slider = page.get_by_role("slider", name="Learning rate")
    slider.press("PageUp")
    rate = page.locator(".rate-field output").inner_text()
    finding(page, "training", "Paused")
    page.locator("#announce", has_text=f"rate {rate}").wait_for(state="attached")

    page.get_by_role("tab", name="Graph").click()  # leaving the tab keeps the training
    page.get_by_role("tab", name="Training").click()
    assert epoch(page) == paused + 1
    button(page, "Go on with the training").click()
    finding(page, "training", f"^(?!.*epoch {paused + 1}:)Epoch")
    button(page, "End the training").click()
    finding(page, "training", "Ended after epoch")
    changed(page, "#panel-training .line.rate", rates)
    assert not page.get_by_label("Data set").is_disabled()
    assert button(page, "Start the training").inner_text() == "Start again"
    page.get_by_role("button", name="Share & export").click()
    assert "dk.train" in page.locator(".share").inner_text()


def test_leaving_the_page_ends_the_stream_and_wrong_numbers_are_told(opened: Opened) -> None:  # noqa: F811
    page = opened(BAYDIN + TRAINING)
    page.get_by_label("Batch size").fill("0")
    button(page, "Start the training").click()
    said = page.locator(".tab-training .failure")
    assert said.inner_text() == "Batch size is a whole number from 1."
    page.get_by_label("Batch size").fill("40")
    button(page, "Start the training").click()
    finding(page, "training", r"Epoch \d+")
    assert said.count() == 0
    closed = page.evaluate(
        """() => { let closed = 0; const close = EventSource.prototype.close;
           EventSource.prototype.close = function () { closed += 1; close.call(this); };
           dispatchEvent(new Event("pagehide")); return closed; }"""
    )
    assert closed == 1


# Schedules ---------------------------------------------------------------------------------------


def test_schedules_are_chosen_and_their_inputs_checked(opened: Opened) -> None:  # noqa: F811
    page = opened(BAYDIN + "schedules&schedules.names=cosine,step")
    finding(page, "schedules", "At the end")
    lines = page.locator("#panel-schedules .chart path.line")
    number_of(lines, 2)
    box = page.get_by_role("checkbox", name=re.compile("^one cycle"))
    box.check()
    number_of(lines, 3)
    for other in ("cosine", "step"):
        page.get_by_role("checkbox", name=re.compile(f"^{other} η")).uncheck()
    assert finding(page, "schedules", "One cycle ends").endswith("0.0004 % of its highest rate.")
    number_of(lines, 1)
    before = lines.get_attribute("d")
    page.get_by_label("Steps").fill("20")
    changed(page, "#panel-schedules path.line", before)
    page.get_by_label("Rate η₀").fill("-1")
    page.locator("#panel-schedules .failure", has_text="The rate is a number above 0").wait_for()
    page.get_by_label("Rate η₀").fill("0.5")
    page.locator("#panel-schedules .failure").wait_for(state="detached")
    page.wait_for_function("() => location.hash.includes('schedules.rate=0.5')")


@pytest.mark.parametrize(
    ("tab", "printed"),
    [("steps", "five-point"), ("schedules&schedules.names=warmup-cosine,cyclic", "cyclic [0.0")],
)
def test_the_program_of_a_tab_runs(
    opened: Opened,  # noqa: F811
    tab: str,
    printed: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = opened(BAYDIN + tab)
    finding(page, tab.partition("&")[0], r"\.$")
    page.get_by_role("button", name="Share & export").click()
    programs = page.locator(".share pre").all_inner_texts()
    program = next(text for text in programs if text.startswith("import diffkit"))
    path = tmp_path / "exported.py"
    path.write_text(program)
    runpy.run_path(str(path))
    assert printed in capsys.readouterr().out


# All of them -------------------------------------------------------------------------------------


def violations(page: Page) -> list[Any]:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is missing")
    found = axe.Axe().run(page, "#tabs").response["violations"]
    return [(one["id"], [node["target"] for node in one["nodes"]]) for one in found]


@pytest.mark.parametrize(("dark", "width"), [(False, 1440), (True, 390)])
def test_every_tab_is_accessible_and_fits(opened: Opened, dark: bool, width: int) -> None:  # noqa: F811
    page = opened(CANCELLING + "training&train.epochs=3", dark=dark, width=width, still=True)
    button(page, "Start the training").click()
    for tab in TABS:
        page.locator(f"#tab-{tab}").click()
        finding(page, tab, {"training": "Ended after epoch 3"}.get(tab, r"\.$"))
        assert violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
