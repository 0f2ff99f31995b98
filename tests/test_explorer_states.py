"""The explorer's page between two states: a picture that comes late, a link that cannot be read.

What is shown always belongs together: a point lies on its own curve, and the point, the variable
and the tab of an address come with its text or not at all.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
from explorer_browser import NEEDS_BROWSER, Opened, browser, explorer, opened, when  # noqa: F401

if TYPE_CHECKING:
    from playwright.sync_api import Page, Request

pytestmark = NEEDS_BROWSER

SLOW_SECONDS = 0.8
PICTURE = "document.querySelector('.chart').getAttribute('aria-label')"


def slowed(page: Page, path: str, seconds: float = SLOW_SECONDS) -> None:
    """Let the answers of a path come late, in the page itself, which is not held up."""
    page.evaluate(
        """([path, time]) => {
          const own = window.fetch.bind(window), wait = window.setTimeout.bind(window);
          window.fetch = async (address, ...rest) => {
            const answer = await own(address, ...rest);
            if (String(address).endsWith(path)) await new Promise((done) => wait(done, time));
            return answer;
          };
        }""",
        [path, 1000 * seconds],
    )


def slide(page: Page, place: int, value: float) -> None:
    """Move a slider as a finger does."""
    page.evaluate(
        """([place, value]) => {
          const slider = document.querySelectorAll("#point input[type=range]")[place];
          slider.valueAsNumber = value;
          slider.dispatchEvent(new Event("input", { bubbles: true }));
        }""",
        [place, value],
    )


# The picture's own point --------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["exp(x*x)", "x**9", "1/x**3", "exp(exp(x))"])
def test_a_tangent_is_seen_on_a_steep_curve(text: str, opened: Opened) -> None:  # noqa: F811
    page = opened(f"#e={text}&at=x:1")
    rises = page.evaluate(
        """() => [".line.method-forward", ".chart .curve"].map((one) => {
          const path = document.querySelector(one), whole = path.getTotalLength();
          const heights = [0, 1].map((part) => path.getPointAtLength(part * whole).y);
          return Math.abs(heights[0] - heights[1]);
        })"""
    )
    height = page.locator(".chart:visible").first.bounding_box()
    assert height and rises[0] > 0.15 * height["height"]  # it was 0.02 and less


def test_a_plateau_is_not_cut_away(opened: Opened) -> None:  # noqa: F811
    page = opened("#e=logistic(40*(x-1.5))&at=x:1")
    ticks = page.locator(".chart:visible text").all_text_contents()
    assert {"0", "0.5", "1"} <= set(ticks)


def test_contours_stay_under_the_finger(opened: Opened) -> None:  # noqa: F811
    page = opened("#e=x**2*y%2Bsin(y)&at=x:1,y:2")
    handle = page.locator(".handle:visible")
    handle.wait_for()
    box, frame = handle.bounding_box(), page.locator(".chart:visible").bounding_box()
    assert box and frame
    across, along = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(across, along)
    page.mouse.down()
    edge = frame["x"] + 90
    while across > edge:  # beyond the slider's range, within the picture
        across -= 12
        page.mouse.move(across, along)
    page.wait_for_function(
        """(across) => [...document.querySelectorAll(".handle")].some((handle) => {
          const box = handle.getBoundingClientRect();
          return box.width > 0 && Math.abs(box.x + box.width / 2 - across) < 3;
        })""",
        arg=across,
    )
    page.mouse.up()
    page.wait_for_timeout(400)
    at = float(page.locator(".slider .number").first.input_value())
    assert -3.5 < at < -0.5  # it ran away beyond any bound
    assert handle.bounding_box()


def test_a_point_is_never_on_the_curve_of_another_variable(opened: Opened) -> None:  # noqa: F811
    page = opened("#e=sin(x)*y%2Bz&at=x:1,y:2,z:1&over=x")
    when(page, f"{PICTURE}.startsWith('f over x')")
    slowed(page, "/api/curve", 4 * SLOW_SECONDS)
    page.locator('.picks [data-name="y"]').click()
    when(page, "document.querySelector('.drawn').classList.contains('late')")
    assert page.evaluate(PICTURE).startswith("f over x")
    when(page, f"{PICTURE}.startsWith('f over y') && {PICTURE}.includes('slope 0.84')")
    assert "late" not in (page.locator(".drawn").first.get_attribute("class") or "")


@pytest.mark.parametrize("fragment", ["#e=x**2%2B3*y**2&at=x:1,y:1", "#e=x**2&at=x:1"])
def test_no_key_is_lost_while_a_picture_is_late(fragment: str, opened: Opened) -> None:  # noqa: F811
    page = opened(fragment)
    handle = page.locator(".chart:visible .handle")
    handle.focus()
    slowed(page, "/api/curve")
    page.locator(".picture-tools").get_by_role("button", name="Zoom out").press("Enter")
    handle.focus()
    handle.evaluate(
        """(handle) => {
          for (const key of ["ArrowRight", "ArrowUp", "ArrowRight"]) {
            handle.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
          }
        }"""
    )
    fields = page.locator(".slider .number").all()
    x, *others = (float(box.input_value()) for box in fields)
    scale = "getAttribute('aria-valuemax') - document.activeElement.getAttribute('aria-valuemin')"
    step = page.evaluate(f"(document.activeElement.{scale}) / 100")
    right = 2 if others else 3  # on a curve, up is to the right
    assert x == pytest.approx(1 + right * step, abs=0.01)
    assert all(y > 1 for y in others)


def test_no_key_is_lost_between_two_frames(opened: Opened) -> None:  # noqa: F811
    page = opened("#e=sin(x)&at=x:1&tab=steps")
    when(page, "document.querySelector('.tab-steps .handle')")
    said = page.evaluate(
        """() => {
          const handle = document.querySelector(".tab-steps .handle"), said = [];
          for (let press = 0; press < 3; press += 1) {
            handle.dispatchEvent(new KeyboardEvent("keydown", { key: "PageDown", bubbles: true }));
            said.push(Number(document.querySelector("[data-h]").dataset.h));
          }
          return said;
        }"""
    )
    assert said[0] > said[1] > said[2]


def test_numbers_do_not_wait_for_a_late_picture(opened: Opened) -> None:  # noqa: F811
    page = opened("#e=sin(x)*y%2Bz&at=x:1,y:2,z:1&over=x")
    slowed(page, "/api/curve", 5 * SLOW_SECONDS)
    began = time.monotonic()
    slide(page, 1, 3.0)
    when(page, "document.querySelector('[data-method=reverse] .mono').textContent[0] === '1'")
    assert time.monotonic() - began < 5 * SLOW_SECONDS  # cos(1)·3 = 1.62, before the picture


# Addresses ----------------------------------------------------------------------------------------


def test_a_link_that_cannot_be_read_changes_nothing(opened: Opened) -> None:  # noqa: F811
    page = opened("#e=sin(x*y)%2Bz&at=x:1.5,y:0.5,z:3&over=y&tab=steps")
    page.evaluate("location.hash = '#e=x^2*q&at=x:3,q:2&over=q&tab=graph'")
    page.wait_for_selector("body.wrong-text")
    slide(page, 1, 0.75)
    when(page, "document.querySelectorAll('.slider .number')[1].value === '0.75'")
    values = [box.input_value() for box in page.locator(".slider .number").all()]
    assert values == ["1.5", "0.75", "3"]
    assert page.locator("#tab-steps").get_attribute("aria-selected") == "true"
    assert page.locator(".failure:visible").count() == 0
    page.get_by_role("button", name="x**2*q").click()  # what was meant, with the link's point
    when(page, "document.querySelector('#tab-graph').getAttribute('aria-selected') === 'true'")
    values = [box.input_value() for box in page.locator(".slider .number").all()]
    assert values == ["3", "2"]


# Slow timers --------------------------------------------------------------------------------------


SLOW_TIMERS = """() => {
  const own = window.setTimeout.bind(window);
  window.setTimeout = (act, time, ...rest) => own(act, Math.max(time ?? 0, 1000), ...rest);
  window.requestAnimationFrame = () => 0;
}"""


def test_times_come_in_a_page_whose_timers_are_slow(opened: Opened) -> None:  # noqa: F811
    page = opened("#e=x*x&at=x:1")
    asked: list[Any] = []

    def heard(request: Request) -> None:
        if request.url.endswith("/api/compare"):
            asked.append(request.post_data_json)

    page.on("request", heard)
    slowed(page, "/api/compare", 1.3)
    page.evaluate(SLOW_TIMERS)  # as those of a page in the background
    page.evaluate("location.hash = '#e=x*x*y&at=x:2,y:1'")
    page.wait_for_timeout(300)
    page.evaluate("location.hash = '#e=x*x*y&at=x:3,y:1'")
    when(page, "document.querySelector('[data-method=reverse] .mono').textContent === '6'")
    cells = "[...document.querySelectorAll('.row[data-method=reverse] .time')]"
    when(page, f"{cells}.some((cell) => /[µmn]?s$/.test(cell.textContent))")
    assert any(body.get("measure") for body in asked)
