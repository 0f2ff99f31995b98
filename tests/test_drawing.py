"""The drawing module and the pages it stands in: data, bytes, and what a page holds."""

from __future__ import annotations

import gzip
import json
import math
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.cli.gallery_article import article
from diffkit.cli.gallery_run import Result
from diffkit.cli.lesson_page import lesson_page
from diffkit.cli.lesson_pictures import Script
from diffkit.cli.lessons import lesson_named
from diffkit.comparison.explain_text import number_text
from diffkit.errors import InputError
from diffkit.explorer import widget
from diffkit.explorer.static_page import drawing_source, stepper_page, stepper_part, stepper_script
from diffkit.plots.pages import load_page
from diffkit.plots.rendered import STEPPER, render

ROOT = Path(__file__).resolve().parents[1]
GALLERY = ROOT / "gallery"
SOURCES = ROOT / "diffkit" / "explorer" / "web" / "src" / "drawing"
MOST_BYTES = 120_000  # gzipped, layout included
PIXELS = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x80\x00\x00\x00\x40"
NAMESPACE = "http://www.w3.org/2000/svg"


@pytest.fixture(scope="module")
def baydin() -> dict[str, Any]:
    """The survey's example, typed."""
    return dk.explain(dk.parse("log(x1) + x1*x2 - sin(x2)"), 2.0, 5.0).to_dict()


def in_node(expression: str) -> Any:
    """What an expression about ``diffkitDrawing`` gives in Node, which needs no page for it."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed; the browser tests run the module too")
    script = f"{drawing_source()}\nprocess.stdout.write(JSON.stringify({expression}));"
    done = subprocess.run([node, "-"], input=script.encode(), capture_output=True, check=True)
    return json.loads(done.stdout)


# What the module draws ---------------------------------------------------------------------------

NODE_KEYS = {
    *("id", "name", "primitive", "parameters", "operands", "line", "shape", "dtype", "note"),
    *("primal", "tangent", "adjoint", "formula", "arithmetic", "entry"),
}


def test_an_explanation_has_what_is_drawn(baydin: dict[str, Any]) -> None:
    assert baydin["schema"] == 1
    assert all(node.keys() >= NODE_KEYS for node in baydin["nodes"])
    ids = {node["id"] for node in baydin["nodes"]}
    assert set(baydin["forward"]) == ids == {*range(7)}
    assert all({edge["from"], edge["to"]} <= ids for edge in baydin["edges"])
    named = [step["edge"] for step in baydin["reverse"] if step["edge"] is not None]
    assert sorted(named) == list(range(len(baydin["edges"])))
    for place in named:
        edge = baydin["edges"][place]
        step = next(step for step in baydin["reverse"] if step["edge"] == place)
        assert (step["node"], step["equation"]) == (edge["from"], edge["to"])


def test_the_declared_types_are_the_keys_of_an_explanation(baydin: dict[str, Any]) -> None:
    text = (SOURCES / "data.ts").read_text(encoding="utf-8")
    declared = {
        name: set(re.findall(r"^  (\w+)\??:", body, re.MULTILINE))
        for name, body in re.findall(r"interface (\w+) \{\n(.*?)\n\}", text, re.DOTALL)
    }
    assert declared["DataNode"] == NODE_KEYS == set(baydin["nodes"][0])
    assert declared["DataEdge"] == set(baydin["edges"][0])
    assert declared["ReverseStep"] - {"entry"} == set(baydin["reverse"][0])
    array = dk.explain(np.sum, np.arange(3.0)).to_dict()["nodes"][0]["primal"]
    assert declared["ArrayEntry"] == set(array)


def test_numbers_are_written_as_in_the_tables() -> None:
    numbers = [0.0, -0.28366218546322625, 11.652071455223084, 1e-4, 9.99999e-5, 123456.0, 99999.4]
    numbers += [1.5747e-23, -2.5e300, 100000.0, 3.0, 1 / 3]
    found = in_node(f"{json.dumps(numbers)}.map(diffkitDrawing.numberText)")
    assert found == [number_text(number) for number in numbers]


def test_an_edge_is_as_wide_as_its_amount() -> None:
    found = in_node("[0, 1, 5].map(diffkitDrawing.wireWidth)")
    assert found == pytest.approx([1 + 2.2 * math.log1p(amount) for amount in (0, 1, 5)])


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a + b*c", {"+": "a + b*c", "*": "b*c"}),
        ("log(x) - (a + b)/2", {"call": "log(x)", "+": "a + b", "/": "(a + b)/2"}),
        ("-x**2", {"**": "x**2", "u-": "-x**2"}),
        ("2^3^x", {"**": "2^3^x"}),
    ],
)
def test_an_operation_is_found_in_typed_text(text: str, wanted: dict[str, str]) -> None:
    spans = in_node(f"diffkitDrawing.spansOf({json.dumps(text)})")
    found = {span["kind"]: text[span["from"] : span["to"]] for span in spans}
    assert wanted.items() <= found.items()


def test_unfinished_text_ends() -> None:
    texts = ["", "(", ")", "a + ", "sin(", "1..2", "a,,b", "((("]
    assert len(in_node(f"{json.dumps(texts)}.map(diffkitDrawing.spansOf)")) == len(texts)


# The built file ----------------------------------------------------------------------------------


def test_the_module_is_small_and_asks_for_nothing() -> None:
    source = drawing_source()
    assert len(gzip.compress(source.encode(), 9)) < MOST_BYTES
    assert "</script" not in source.lower()
    assert set(re.findall(r"https?://[^\"'`\s]+", source)) <= {NAMESPACE}
    for word in ("fetch(", "XMLHttpRequest", "WebSocket", "sendBeacon", "eval(", "new Function"):
        assert word not in source


# Pages -------------------------------------------------------------------------------------------


def test_a_page_holds_module_and_data_and_no_address(baydin: dict[str, Any]) -> None:
    page = stepper_page(baydin, sweep="adjoint")
    assert page.count("<script") == 2 and "diffkitDrawing.mountAll()" in page
    assert 'data-sweep="adjoint"' in page
    assert not re.search(r"(?:src|href)=\"(?!data:,)", page)
    data = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)
    assert data and json.loads(data[1]) == baydin


def test_text_of_the_user_stays_text() -> None:
    title = "</script><script>alert(1)</script>"
    explanation = dk.explain(lambda x: x * 2, 1.0, title=title)
    page = stepper_page(explanation, title=title)
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page


def test_data_say_where_to_begin(baydin: dict[str, Any]) -> None:
    assert 'data-sweep="primal"' in stepper_part(baydin)
    assert 'data-sweep="tangent"' in stepper_part(baydin | {"start": {"sweep": "tangent"}})


@pytest.mark.parametrize(
    "wrong", [{"sweep": "sideways"}, {"mode": "grey"}, {"name": "a b"}, {"name": '"'}]
)
def test_wrong_choices_are_refused(baydin: dict[str, Any], wrong: dict[str, str]) -> None:
    with pytest.raises(InputError):
        stepper_part(baydin, **wrong)


@pytest.mark.parametrize("wrong", [3.0, {"nodes": []}])
def test_what_is_no_explanation_is_refused(wrong: Any) -> None:
    with pytest.raises(InputError, match="explanation"):
        stepper_page(wrong)


# The gallery -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "sweep"),
    [("plot_0201_forward_trace.py", "tangent"), ("plot_0202_adjoint_sweep.py", "adjoint")],
)
def test_pages_of_the_gallery_are_stepped_through(script: str, sweep: str) -> None:
    found = load_page(GALLERY / script).stepper
    assert found is not None
    data = found()
    assert data["start"] == {"sweep": sweep}
    assert data["gradient"]["x1"] == 5.5
    assert data["nodes"][2]["line"]["text"] == "v1 = np.log(x1)"


def test_an_article_holds_the_stepper_of_its_page(tmp_path: Path) -> None:
    page = render(GALLERY / "plot_0202_adjoint_sweep.py", formats=())
    assert page.write(tmp_path, "sweep") == []
    shown = Result(GALLERY / "plot_0202_adjoint_sweep.py", page.page.to_dict(), error="no picture")
    assert "Step through it" not in article(shown, tmp_path, "2 of 8", None, None)
    shown.stepper = page.stepper
    text = article(shown, tmp_path, "2 of 8", None, None)
    assert "Step through it" in text and 'data-sweep="adjoint"' in text


@pytest.mark.parametrize("stepped", [True, False])
def test_a_hand_out_is_stepped_through_where_its_pages_are(stepped: bool) -> None:
    path = GALLERY / "plot_0202_adjoint_sweep.py"
    page = render(path, formats=())
    kinds = ("light.png", "light.svg", "dark.png", "dark.svg")
    pictures = dict.fromkeys(kinds, PIXELS)
    found = replace(page, files=pictures | ({STEPPER: page.files[STEPPER]} if stepped else {}))
    text = lesson_page(lesson_named("autodiff"), [Script(path, found)])
    assert text.count('data-stepper="') == stepped
    assert text.count("diffkitDrawing.mountAll();</script>") == stepped
    assert text.count("Step through it") == stepped and text.rstrip().endswith("</html>")
    assert not re.search(r'(?:src|href)="(?!data:|#)', text), "nothing is asked for"


# Notebooks ---------------------------------------------------------------------------------------


@pytest.fixture
def without_anywidget(monkeypatch: pytest.MonkeyPatch) -> None:
    """A computer on which anywidget is not installed."""
    imported = widget.import_module
    widget._widget_class.cache_clear()

    def refuse(name: str) -> Any:
        if name == "anywidget":
            raise ModuleNotFoundError(name)
        return imported(name)

    monkeypatch.setattr(widget, "import_module", refuse)


def test_without_anywidget_a_notebook_shows_the_tables(without_anywidget: None) -> None:
    explanation = dk.explain(lambda x: x * x, 3.0)
    assert explanation._repr_mimebundle_(include=None, exclude=None) == {}
    assert explanation._display_()._repr_html_() == explanation.to_html()
    with pytest.raises(InputError, match="anywidget") as caught:
        widget.stepper(explanation)
    assert "diffkit[notebook]" in str(caught.value.hint)


class Widget:
    """What anywidget's class does here: keep the traits, and say how it is displayed."""

    def __init__(self, **traits: Any) -> None:
        self.traits = traits

    def _repr_mimebundle_(self, **choice: Any) -> Any:
        view = {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "Stepper"}
        return view, {}


@pytest.fixture
def with_anywidget(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A computer with (a stand-in for) anywidget."""
    trait = SimpleNamespace(tag=lambda sync: sync)
    traits = {name: lambda *default: trait for name in ("Dict", "Unicode", "Int")}
    modules = {
        "anywidget": SimpleNamespace(AnyWidget=Widget),
        "traitlets": SimpleNamespace(**traits),
    }
    widget._widget_class.cache_clear()
    monkeypatch.setattr(widget, "import_module", modules.__getitem__)
    yield
    widget._widget_class.cache_clear()


def test_with_anywidget_a_notebook_may_choose(with_anywidget: None) -> None:
    explanation = dk.explain(lambda x: x * x, 3.0)
    data, _ = explanation._repr_mimebundle_()
    assert set(data) == {"application/vnd.jupyter.widget-view+json"}
    shown = widget.stepper(explanation, sweep="adjoint")
    assert shown.traits == {"data": explanation.to_dict(), "sweep": "adjoint", "mode": "auto"}
    assert "export default" in shown._esm
    with pytest.raises(InputError, match="sweep"):
        widget.stepper(explanation, sweep="sideways")


def test_a_run_that_nobody_watches_keeps_the_tables(
    with_anywidget: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ``jupyter nbconvert --execute`` runs a notebook: its kernel may ask nothing."""
    kernel = SimpleNamespace(_allow_stdin=True)
    shell = SimpleNamespace(kernel=kernel)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    explanation = dk.explain(lambda x: x * x, 3.0)
    assert explanation._repr_mimebundle_() != {}
    kernel._allow_stdin = False
    assert explanation._repr_mimebundle_() == {}


def test_one_script_serves_all_steppers_of_a_page() -> None:
    assert stepper_script().count("<script") == 1
