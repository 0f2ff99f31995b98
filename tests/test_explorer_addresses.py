"""The explorer's page and its address: windows that cannot be drawn, odd names, what tabs keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from explorer_browser import NEEDS_BROWSER, Opened, browser, explorer, opened, when  # noqa: F401

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = NEEDS_BROWSER


def window(page: Page) -> tuple[float, float]:
    """From where to where the first slider goes."""
    slider = page.locator("#point input[type=range]").first
    return float(slider.get_attribute("min") or "nan"), float(slider.get_attribute("max") or "nan")


def zoom(page: Page, way: str) -> None:
    page.locator(".picture-tools").get_by_role("button", name=f"Zoom {way}").click()


# Windows ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "within"),
    [("12345.6", "12320:12370"), ("100000.4", "99990:100010"), ("1234567", "1234560:1234570")],
)
def test_zooming_goes_on_near_a_number_of_many_digits(x: str, within: str, opened: Opened) -> None:  # noqa: F811
    page = opened(f"#e=sin(x)&at=x:{x}&in.x={within}")
    widths = []
    for way in ("in", "in", "in", "in", "out"):
        low, high = window(page)
        widths.append(high - low)
        assert low <= float(x) <= high
        zoom(page, way)
    assert widths == sorted(widths, reverse=True) and len(set(widths)) == 5
    page.wait_for_load_state("networkidle")
    ticks = page.locator(".chart:visible .tick").all_text_contents()
    assert len(set(ticks)) == len(ticks)
    assert page.locator("#picture .failure").count() == 0


def test_one_number_too_large_does_not_break_the_picture(opened: Opened) -> None:  # noqa: F811
    page = opened("#e=x*1e-300&at=x:1")
    box = page.locator(".slider .number").first
    box.fill("1e308")
    when(page, "document.querySelector('.chart').getAttribute('aria-label').includes('1e308')")
    low, high = window(page)
    assert low <= 1e308 <= high < float("inf")
    box.fill("1")
    when(page, "document.querySelector('.chart').getAttribute('aria-label').includes('x = 1 ')")
    assert page.locator("#picture .failure").count() == 0


@pytest.mark.parametrize("wrong", ["0:1e400", "-1e308:1e308", "1:1.0000000000000002", "3:2", "a:b"])
def test_a_window_that_cannot_be_drawn_is_not_taken(wrong: str, opened: Opened) -> None:  # noqa: F811
    page = opened(f"#e=sin(x)&at=x:1&in.x={wrong}")
    assert window(page) == (-0.5, 2.5)
    assert page.locator(".chart:visible .curve").count() == 1


# Names --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["constructor", "toString", "valueOf", "hasOwnProperty"])
def test_a_variable_may_be_called_as_what_objects_have(name: str, opened: Opened) -> None:  # noqa: F811
    page = opened(f"#e={name}*x&at=x:2&over={name}")
    values = [box.input_value() for box in page.locator(".slider .number").all()]
    assert values == ["1", "2"]
    assert page.locator('[data-method="reverse"] .mono').inner_text() == "2"
    assert f"at={name}:1,x:2" in page.evaluate("location.hash")


def test_a_name_keeps_its_underscores_in_a_formula(opened: Opened) -> None:  # noqa: F811
    page = opened("#e=b_*x_1&at=b_:1,x_1:2")
    page.wait_for_selector("#formula .gradient .katex")
    said = page.locator("#formula .gradient annotation").all_text_contents()
    assert "\\partial \\mathrm{b\\_}" in said[0] and "\\partial x_{1}" in said[1]


# What tabs keep -----------------------------------------------------------------------------------


def test_the_step_of_another_function_is_its_own(opened: Opened) -> None:  # noqa: F811
    page = opened("#e=sin(x)&at=x:1&tab=steps&steps.h=1e-12")
    h = "Number(document.querySelector('[data-h]').dataset.h)"
    assert page.evaluate(h) < 1e-11
    page.get_by_role("button", name="Wiggles").click()
    when(page, f"{h} > 1e-9")
    when(page, "!location.hash.includes('steps.h')")


def test_schedules_and_training_stay_in_the_address(opened: Opened) -> None:  # noqa: F811
    page = opened("#e=sin(x)&at=x:1&tab=schedules&schedules.rate=0.5&train.optimizer=sgd")
    page.get_by_role("button", name="Wiggles").click()
    when(page, "location.hash.includes('schedules.rate=0.5')")
    assert "train.optimizer=sgd" in page.evaluate("location.hash")
    page.evaluate("location.hash = '#e=sin(x)&at=x:1&tab=schedules'")
    when(page, "document.querySelector('#panel-schedules input').value === '0.1'")


def test_a_link_is_read_by_a_form_that_is_there(opened: Opened) -> None:  # noqa: F811
    page = opened("#e=sin(x)&at=x:1&tab=training")
    page.get_by_label("Optimizer").wait_for()
    fragment = "#e=sin(x)&at=x:1&tab=training&train.optimizer=sgd&train.epochs=33"
    page.evaluate(f"location.hash = '{fragment}'")
    when(page, "[...document.querySelectorAll('.training-form select')][3].value === 'sgd'")
    assert page.get_by_label("Epochs").input_value() == "33"
    page.get_by_label("Epochs").fill("44")
    page.get_by_label("Seed").focus()
    when(page, "location.hash.includes('train.epochs=44')")
    assert page.get_by_label("Seed").evaluate("seed => seed === document.activeElement")


def test_another_step_of_the_graph_is_shown(opened: Opened) -> None:  # noqa: F811
    page = opened("#e=sin(x)*x&at=x:1&tab=graph&graph.step=tangent:1")
    count, title = page.locator(".stepper .count"), page.locator(".stepper .formula")
    assert count.inner_text().startswith("2 /")
    page.evaluate("location.hash = '#e=sin(x)*x&at=x:1&tab=graph&graph.step=primal:2'")
    when(page, "location.hash.includes('primal:2')")
    page.locator(".stepper .count", has_text="3 /").wait_for()
    assert "̇" not in title.inner_text()  # no dot of a tangent
    page.evaluate("location.hash = '#e=sin(x)*x&at=x:1&tab=graph'")
    page.locator(".stepper .count", has_text="4 / 4").wait_for()
    assert title.inner_text().startswith("x̄ =")


def test_a_training_that_is_refused_has_not_started(opened: Opened) -> None:  # noqa: F811
    page = opened("#e=sin(x)&at=x:1&tab=training")
    page.get_by_label("Epochs").fill("3000")
    page.get_by_role("button", name="Start the training").click()
    page.locator(".tab-training .finding", has_text="Nothing was trained").wait_for()
    assert "2,000" in page.locator(".tab-training .failure").inner_text()


# The number of the point --------------------------------------------------------------------------


def test_the_field_of_a_number_says_what_it_takes(opened: Opened) -> None:  # noqa: F811
    page = opened("#e=sin(x)&at=x:1")
    box = page.locator(".slider .number").first
    box.fill("1,5")
    box.press("ArrowUp")
    assert float(box.input_value()) == pytest.approx(1.53, abs=0.02)
    box.fill("")
    box.press("ArrowDown")
    assert float(box.input_value()) == pytest.approx(1.5, abs=0.02)
    box.fill("pi/2")
    box.press("Enter")
    assert box.get_attribute("aria-invalid") == "true"
    assert "such as 1.5" in (box.get_attribute("title") or "")
    page.locator("#text").focus()
    assert float(box.input_value()) == pytest.approx(1.5, abs=0.02)
    assert box.get_attribute("aria-invalid") == "false"
