"""The stepper in a real browser: Baydin's example stepped through, large graphs opened, no request.

Chromium opens one page from ``file://``; a script in it presses keys and buttons and writes down
what it sees, which is read from the page that Chromium prints (``--dump-dom``).
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.explorer.static_page import stepper_page
from diffkit.explorer.widget import module_source

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next(filter(None, map(shutil.which, NAMES)), None)
SECONDS = 120

pytestmark = pytest.mark.skipif(BROWSER is None, reason="Chromium is not installed")

ACTS = """
const seen = { errors: [] };
addEventListener("error", (event) => seen.errors.push(event.message));
const pause = (time) => new Promise((done) => setTimeout(done, time));
const root = () => document.querySelector("[data-stepper] > div").shadowRoot;
const find = (wanted, from = root()) => from.querySelector(wanted);
const text = (wanted, from = root()) => find(wanted, from)?.textContent;
const press = (key, from = root()) => find(".canvas", from).dispatchEvent(
  new KeyboardEvent("keydown", { key, bubbles: true, composed: true, cancelable: true }));
const boxes = (from) => [...from.querySelectorAll(".box")].map((box) => ({
  title: text(".name", box), kind: box.getAttribute("class"),
  values: [...box.querySelectorAll(".value")].map((value) => value.textContent),
}));
const look = (from = root()) => ({
  formula: text(".formula span", from), arithmetic: text(".arithmetic", from),
  spoken: text("[aria-live]", from), count: text(".count", from), boxes: boxes(from),
  lit: find("mark", from)?.textContent ?? text("li.lit > :last-child", from),
  widths: [...from.querySelectorAll(".wire .line")].map((line) => +line.style.strokeWidth),
});
const mounted = (data, options) => {
  const element = document.createElement("div");
  document.body.append(element);
  const states = [];
  const onStep = (state) => states.push(state);
  const drawn = diffkitDrawing.mount(element, data, { onStep, ...options });
  return { element, drawn, states, from: element.firstElementChild.shadowRoot };
};
const acts = async (others) => {
  seen.back = [look()];
  while (!find("button[aria-label^='Step forward']").disabled && seen.back.length < 50) {
    press("ArrowRight");
    seen.back.push(look());
  }
  press("Home");
  seen.home = look().count;
  find(".sweeps button").click();
  press("End");
  seen.values = look();
  press("ArrowLeft");
  seen.left = look().count;
  press("Home");
  press(" ");
  seen.playing = text(".play");
  await pause(12000);
  seen.played = [look().count, text(".play")];
  find("details").open = true;
  await pause(50);
  seen.rows = root().querySelectorAll("tbody tr").length;
  seen.label = find("svg").getAttribute("aria-label");

  const dark = mounted(others.file, { mode: "dark", start: { sweep: "tangent", step: 2 } });
  seen.dark = { mode: dark.element.firstElementChild.dataset.mode, ...look(dark.from) };
  const moved = structuredClone(others.file);
  moved.nodes[0].primal = 99;
  const before = [...dark.from.querySelectorAll(".camera *")];
  dark.drawn.setData(moved);
  seen.renewed = look(dark.from);
  seen.kept = before.every((one, place) => one === dark.from.querySelectorAll(".camera *")[place]);
  dark.drawn.next();
  seen.states = dark.states;
  dark.drawn.destroy();
  seen.left_over = dark.element.childElementCount;

  const chain = mounted(others.chain, { start: { sweep: "adjoint" } });
  const group = () => [...chain.from.querySelectorAll(".box.group")];
  seen.closed = { groups: group().length, boxes: boxes(chain.from).length };
  group()[0].dispatchEvent(new MouseEvent("click", { bubbles: true }));
  seen.opened = { groups: group().length, boxes: boxes(chain.from).length,
    frames: chain.from.querySelectorAll(".frame").length };
  chain.from.querySelector(".zoom button").click();
  seen.all = { groups: group().length, boxes: boxes(chain.from).length };
  const layers = mounted(others.layers, {});
  const titles = [...layers.from.querySelectorAll(".box.group .name")];
  seen.layers = titles.map((title) => title.textContent);
  layers.from.querySelector(".zoom button").click();
  seen.frames = [...layers.from.querySelectorAll(".frame")].map((frame) => {
    const x = frame.transform.baseVal[0].matrix.e;
    return [text("text", frame), x, x + Number(frame.firstElementChild.getAttribute("width"))];
  });
  const loop = mounted(others.loop, { start: { sweep: "adjoint", step: 1 } });
  const closed = loop.from.querySelector(".box.group");
  seen.loop = { title: text(".name", closed), small: text(".small", closed),
    label: closed.getAttribute("aria-label") };
  const told = loop.states.length;
  closed.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
  const named = () => ({ title: text(".title", loop.from), trail: text(".trail", loop.from) });
  seen.inside = { ...named(), ...look(loop.from) };
  loop.from.querySelectorAll(".trail button")[2].click();
  press("End", loop.from);
  seen.second = { ...named(), ...look(loop.from) };
  loop.drawn.setData(others.loop);
  seen.stays = named().title;
  press("Escape", loop.from);
  seen.outside = { hidden: find(".trail", loop.from).hidden, count: text(".count", loop.from),
    told: loop.states.slice(told).map((state) => state.step) };
  const tiny = mounted(others.odd, { start: { sweep: "adjoint", step: 99 } });
  seen.odd = look(tiny.from);

  const element = document.createElement("div");
  const values = { data: others.file, mode: "light", sweep: "adjoint", step: 3 };
  const model = { get: (name) => values[name], set: (name, value) => { values[name] = value; },
    save_changes() {}, on() {}, off() {} };
  document.body.append(element);
  const address = URL.createObjectURL(new Blob([others.module], { type: "text/javascript" }));
  const end = (await import(address)).default.render({ model, el: element });
  seen.widget = { ...look(element.firstElementChild.shadowRoot), step: values.step };
  press("ArrowRight", element.firstElementChild.shadowRoot);
  seen.widget_step = values.step;
  end();
  seen.requests = performance.getEntriesByType("resource").map((entry) => entry.name)
    .filter((name) => !name.startsWith("blob:"));
};
"""


def program(x1: Any, x2: Any) -> Any:
    """The survey's example, one operation a line."""
    v1 = np.log(x1)
    v2 = x1 * x2
    v3 = np.sin(x2)
    return v1 + v2 - v3


def chain(x: Any) -> Any:
    """Two hundred operations of one line."""
    for _ in range(100):
        x = np.sin(x) * 1.1
    return x


def layered(x: Any, w: Any) -> Any:
    """Twelve named layers."""
    for place in range(12):
        x = dk.probe(f"layer{place}", np.tanh(x @ w))
    return np.sum(x)


def looped(x: Any) -> Any:
    """Five steps of one loop."""

    def turn(c: Any, _: Any) -> Any:
        return np.sin(c * x), None

    return dk.scan(turn, 1.0, None, length=5)[0]


@pytest.fixture(scope="module")
def baydin() -> dict[str, Any]:
    """The survey's example, typed."""
    return dk.explain(dk.parse("log(x1) + x1*x2 - sin(x2)"), 2.0, 5.0).to_dict()


@pytest.fixture(scope="module")
def seen(baydin: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the page's script wrote down."""
    rng = np.random.default_rng(0)
    others = {
        "file": dk.explain(program, 2.0, 5.0).to_dict(),
        "chain": dk.explain(chain, 0.5).to_dict(),
        "layers": dk.explain(layered, rng.normal(size=(2, 3)), rng.normal(size=(3, 3))).to_dict(),
        "loop": dk.explain(looped, 0.5).to_dict(),
        "odd": dk.explain(lambda x: np.sqrt(x) * np.array([1.0, 2.0]), 0.0).to_dict(),
        "module": module_source(),
    }
    written = json.dumps(others).replace("<", "\\u003c")
    end = f"""<pre id="seen"></pre><script>{ACTS}
      acts({written}).catch((error) => seen.errors.push(String(error.stack))).finally(() => {{
        document.getElementById("seen").textContent = JSON.stringify(seen); }});</script></body>"""
    folder = tmp_path_factory.mktemp("page")
    page = folder / "page.html"
    page.write_text(stepper_page(baydin, sweep="adjoint").replace("</body>", end), encoding="utf-8")
    return _dumped(page, folder)


def _dumped(page: Path, folder: Path) -> dict[str, Any]:
    """The page opened, its script awaited (in virtual time), and what it wrote."""
    assert BROWSER is not None
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={folder / 'user'}"]
    options += ["--virtual-time-budget=30000", "--window-size=1280,900", "--dump-dom"]
    done = subprocess.run(
        [BROWSER, *options, page.as_uri()], capture_output=True, timeout=SECONDS, check=True
    )
    found = re.search(r'<pre id="seen">(.+?)</pre>', done.stdout.decode(), re.DOTALL)
    assert found, done.stderr.decode()[-2000:]
    return json.loads(unescape(found[1]))


def test_nothing_goes_wrong_and_nothing_is_requested(seen: dict[str, Any]) -> None:
    assert seen["errors"] == []
    assert seen["requests"] == []


def test_the_adjoint_sweep_is_stepped_through(seen: dict[str, Any], baydin: dict[str, Any]) -> None:
    steps = seen["back"]
    assert [step["formula"] for step in steps] == [row["formula"] for row in baydin["reverse"]]
    assert [step["arithmetic"] for step in steps] == [r["arithmetic"] for r in baydin["reverse"]]
    assert [step["count"] for step in steps] == [f"{k} / 9" for k in range(1, 10)]
    assert "x1 bar = x1 bar + " in steps[-1]["spoken"]
    assert seen["home"] == "1 / 9"


def test_adjoints_grow_as_amounts_arrive(seen: dict[str, Any]) -> None:
    def adjoint(step: int, title: str) -> str:
        boxes = {box["title"]: box["values"] for box in seen["back"][step]["boxes"]}
        return boxes[title][2]

    assert [adjoint(step, "x2") for step in (2, 3, 7)] == ["·", "−0.28366", "1.7163"]
    assert [adjoint(step, "x1") for step in (5, 6, 8)] == ["·", "5", "5.5"]
    widths = seen["back"][-1]["widths"]
    wanted = [1 + 2.2 * np.log1p(abs(v)) for v in (1, -1, -0.28366218546322625, 1, 1, 5, 2, 0.5)]
    assert sorted(widths) == pytest.approx(sorted(wanted), rel=1e-5)  # as CSS writes them


def test_the_text_at_work_is_lit(seen: dict[str, Any]) -> None:
    lit = [step["lit"] for step in seen["back"]]
    assert lit[3] == "sin(x2)" and lit[7] == "x1*x2" and lit[8] == "log(x1)"
    assert lit[4] == "log(x1) + x1*x2" and lit[1] == "log(x1) + x1*x2 - sin(x2)"
    assert seen["dark"]["lit"] == "v1 = np.log(x1)"


def test_values_keys_playing_and_table(seen: dict[str, Any]) -> None:
    boxes = {box["title"]: box["values"] for box in seen["values"]["boxes"]}
    assert boxes["e = c − d"] == ["11.652", "·", "·"]
    assert (seen["values"]["count"], seen["left"]) == ("7 / 7", "6 / 7")
    assert seen["playing"] == "Pause" and seen["played"] == ["7 / 7", "Play"]
    assert seen["rows"] == 7
    assert "x1 = 2" in seen["label"] and "11.652" in seen["label"]


def test_modes_new_data_and_the_end(seen: dict[str, Any]) -> None:
    assert seen["dark"]["mode"] == "dark" and seen["dark"]["count"] == "3 / 7"
    assert seen["renewed"]["count"] == "3 / 7"
    assert "99" in seen["renewed"]["boxes"][0]["values"]
    assert [state["step"] for state in seen["states"]][-1] == 3
    assert seen["left_over"] == 0
    assert seen["kept"], "other numbers go into the elements that are there"


def test_large_graphs_open_group_by_group(seen: dict[str, Any]) -> None:
    assert seen["closed"]["groups"] > 3 and seen["closed"]["boxes"] <= 30
    assert seen["opened"]["frames"] == 1
    assert seen["opened"]["boxes"] > seen["closed"]["boxes"]
    assert seen["all"] == {"groups": 0, "boxes": 201}
    assert seen["layers"] == [*(f"▸ layer{k}" for k in range(12))]


def test_open_layers_stand_side_by_side(seen: dict[str, Any]) -> None:
    names, begins, ends = zip(*sorted(seen["frames"], key=lambda frame: frame[1]), strict=True)
    assert names == tuple(f"▾ layer{k}" for k in range(12))
    assert all(end < begin for end, begin in zip(ends, begins[1:], strict=False))


def test_a_loop_opens_step_by_step(seen: dict[str, Any]) -> None:
    assert seen["loop"]["title"].endswith("5 steps of turn")
    assert seen["loop"]["small"] == "2 ops each"
    assert seen["loop"]["label"].startswith("open the loop")
    inside = seen["inside"]
    assert inside["title"].startswith("turn, step 1 of 5") and "of 5;" in inside["trail"]
    values = {box["title"]: box["values"][0] for box in inside["boxes"]}
    assert values["a = c · x"] == "0.5" and values["b = sin(a)"] == "0.47943"
    second = seen["second"]
    assert second["title"].startswith("turn, step 2 of 5")
    assert seen["stays"] == second["title"]
    values = {box["title"]: box["values"][0] for box in second["boxes"]}
    assert values["c"] == "0.47943", "a step begins with what the one before left"
    assert seen["outside"]["hidden"] and seen["outside"]["count"].startswith("2 / ")
    assert set(seen["outside"]["told"]) == {1}, "a notebook hears of the program's steps alone"


def test_what_is_not_finite_is_said(seen: dict[str, Any]) -> None:
    assert any("not finite" in box["values"][2] for box in seen["odd"]["boxes"])


def test_the_same_module_draws_in_a_notebook(seen: dict[str, Any]) -> None:
    assert seen["widget"]["count"] == "4 / 9" and seen["widget_step"] == 4
