"""How fast the explorer reacts in a real browser, from the event to the frame with the picture.

Times depend on the computer, so none is asserted: each is reported at the end of the run beside its
goal.  What is asserted is that the reaction came, and that the numbers at the end are those of the
last event.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any

from explorer_browser import NEEDS_BROWSER, Opened, browser, explorer, opened  # noqa: F401

import diffkit as dk

pytestmark = NEEDS_BROWSER

NAMES = [f"x{i}" for i in range(1, 11)]
TEN = "*".join(NAMES) + "+sin(3*x5*x1)*x10"
AT = {name: 1 + i / 10 for i, name in enumerate(NAMES, 1)}
TEXTS = [
    "sin(x)*exp(y)", "log(x+2)*x", "tanh(w*x+b)**2", "x**5-3*x", "exp(-x*x)*cos(5*x)",
    "(a*x+b)/(c*x+9)", "x1*x2*x3*sin(x4)", "log(1+exp(x))",
]  # fmt: skip
SETTLING = 500  # milliseconds until a page is quiet: its formulas are set, its contours drawn
PAINT_GOAL, SLIDER_GOAL, TYPE_GOAL = 1500, 50, 150  # milliseconds

WATCH = """
const frame = () => new Promise((done) => requestAnimationFrame(done));
const drawn = () => [...document.querySelectorAll(".chart")]
  .filter((chart) => chart.getClientRects().length).map((chart) => chart.innerHTML).join();
const number = () => document.querySelector('[data-method="reverse"] .mono')?.textContent;
const reaction = async (act) => {
  const [picture, digits, began] = [drawn(), number(), performance.now()];
  act();
  let [seen, told] = [null, null];
  while ((seen === null || told === null) && performance.now() - began < 10000) {
    await frame();
    if (seen === null && drawn() !== picture) seen = performance.now() - began;
    if (told === null && number() !== digits) told = performance.now() - began;
  }
  await new Promise((done) => setTimeout(done, 150));
  return [seen, told];
};
"""
SLIDE = f"""async ([which, count]) => {{ {WATCH}
const slider = document.querySelectorAll("#point input[type=range]")[which];
const [low, high, found] = [Number(slider.min), Number(slider.max), []];
for (let k = 0; k < count; k++) found.push(await reaction(() => {{
  slider.valueAsNumber = low + (0.35 + 0.3 * ((k * 0.37) % 1)) * (high - low);
  slider.dispatchEvent(new Event("input", {{ bubbles: true }}));
}}));
return found; }}"""
TYPE = f"""async (texts) => {{ {WATCH}
const box = document.querySelector("#text"), found = [];
for (const text of texts) found.push(await reaction(() => {{
  box.value = text;
  box.dispatchEvent(new Event("input", {{ bubbles: true }}));
}}));
return found; }}"""
PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"

Record = Callable[[str, object], None]


def _reported(record: Record, what: str, milliseconds: list[Any], goal: int | None) -> None:
    """Hand a row to the summary at the end of the run (``conftest.py``)."""
    assert None not in milliseconds, f"{what}: no reaction within ten seconds"
    goals = f", goal {goal}" if goal else ""
    row = f"{what}: median {median(milliseconds):.0f} ms, most {max(milliseconds):.0f} ms{goals}"
    record("reaction", row)


def test_a_slider_of_ten_variables(opened: Opened, record_property: Record) -> None:  # noqa: F811
    point = ",".join(f"{name}:{x}" for name, x in AT.items())
    page = opened(f"#e={TEN.replace('+', '%2B')}&at={point}")
    _reported(record_property, "first paint", [page.evaluate(PAINT)], PAINT_GOAL)
    for which, whose in ((0, "the curve's own"), (4, "another")):
        pictures, numbers = zip(*page.evaluate(SLIDE, [which, 12]), strict=True)
        row = f"slider of ten variables to picture, {whose}"
        _reported(record_property, row, list(pictures), SLIDER_GOAL)
        _reported(
            record_property, f"the same, to the methods' numbers, {whose}", list(numbers), None
        )
    sliders = page.locator("#point input[type=range]")
    moved = {name: float(sliders.nth(k).input_value()) for k, name in ((0, "x1"), (4, "x5"))}
    expected = dk.grad(dk.parse(TEN))(*(AT | moved).values())
    page.wait_for_function(
        """(wanted) => {
          const shown = document.querySelector('[data-method="reverse"] .mono')?.textContent;
          return Math.abs(Number(shown.replace("−", "-")) / wanted - 1) < 1e-3;
        }""",
        arg=float(expected["x1"]),
    )


def test_contours_that_a_third_variable_moves(
    opened: Opened,  # noqa: F811
    record_property: Record,
) -> None:
    page = opened("#e=sin(x*y)*z%2By*z*z&at=x:1,y:2,z:1.5")
    page.get_by_role("button", name="contours").click()
    page.wait_for_timeout(SETTLING)
    pictures, _ = zip(*page.evaluate(SLIDE, [2, 12]), strict=True)
    _reported(record_property, "slider to contours", list(pictures), SLIDER_GOAL)


def test_a_new_expression(opened: Opened, record_property: Record) -> None:  # noqa: F811
    page = opened("#e=x*x&at=x:1")
    page.wait_for_timeout(SETTLING)
    pictures, numbers = zip(*page.evaluate(TYPE, TEXTS), strict=True)
    _reported(record_property, "new expression to picture", list(pictures), TYPE_GOAL)
    _reported(record_property, "new expression to numbers", list(numbers), TYPE_GOAL)
    assert page.locator("#text").input_value() == TEXTS[-1]
