"""Results in a notebook: each has HTML that is whole, escaped, and asks for nothing outside."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from functools import cache
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.comparison.rendering import METHOD_MARKS
from diffkit.graph.notebook import curve_svg, facts_html, html_of, table_html, text_html
from diffkit.nets.dataset import Dataset

HOSTILE = "<script>alert('x')</script>&\"<img src=//e.vil/i>"
VOID = {"br", "img", "hr", "meta", "link", "input", "col"}
DATA = (np.array([[0.0, 1.0], [1.0, 0.0]]), np.arange(2))
ADDRESSES = {"src", "href", "xlink:href", "srcset", "data", "action"}
FETCHES = re.compile(r"url\(|@import")


def wave(x: float, y: float) -> Any:
    return np.sin(x * y) + x


@cache
def run() -> Any:
    net = dk.nets.mlp([2, 3, 2])
    return dk.train(
        net.with_loss(dk.losses.cross_entropy), net.init(0), DATA, epochs=2, engine="interpret",
        optimizer=dk.optim.sgd(dk.schedules.cosine(0.1)), record=("loss", "signal"),
    )  # fmt: skip


def squared(w: Any, x: Any) -> Any:
    return np.mean((w - x) ** 2)


RESULTS: dict[str, Callable[[], Any]] = {
    "advice": lambda: dk.advise(wave, 1.0, 2.0),
    "comparison": lambda: dk.compare(wave, 1.0, 2.0),
    "dataset": lambda: dk.datasets.two_moons(6, seed=0),
    "dataset summary": lambda: dk.datasets.two_moons(6, seed=0).summary(),
    "diagnosis": lambda: dk.diagnose(lambda x: np.log(x - x), 1.0),
    "explanation": lambda: dk.explain(wave, 1.0, 2.0),
    "finding": lambda: dk.diagnose(lambda x: np.log(x - x), 1.0).findings[0],
    "forms": lambda: dk.compare_forms(dk.parse("4*x*(1-x)"), x=0.3),
    "gradcheck": lambda: dk.gradcheck(wave, 1.0, 2.0),
    "graph": lambda: dk.trace(wave, 1.0, 2.0),
    "loss": lambda: dk.losses.huber(2.0),
    "matrix formula": lambda: dk.matrix_formula(lambda x: np.sum(x**2), np.ones(3)),
    "mean field": lambda: dk.signal.mean_field("tanh", 1.5),
    "method": lambda: dk.compare(wave, 1.0, 2.0)["reverse"],
    "net": lambda: dk.nets.mlp([2, 3, 2]),
    "noise scale": lambda: dk.signal.noise_scale(squared, 0.0, (np.arange(3.0),)),
    "objective": lambda: dk.nets.mlp([2, 3]).with_loss(dk.losses.cross_entropy),
    "optimizer": lambda: dk.optim.clip_norm(dk.optim.adam(0.1), 1.0),
    "orders": lambda: dk.compare_orders(np.exp, 1.0, (1, 2)),
    "range test": lambda: dk.lr_range_test(squared, 0.0, (np.ones(3),), steps=12),
    "rule report": lambda: dk.check_rule("tanh"),
    "run": run,
    "schedule": lambda: dk.schedules.one_cycle(0.1),
    "signal": lambda: run().signal,
    "empty signal": lambda: type(run().signal)(),
    "sparsity": lambda: dk.sparsity(lambda x: x[1:] - x[:-1], np.ones(4)),
    "step size": lambda: dk.step_size(np.exp, 1.0),
    "summary": lambda: dk.nets.mlp([2, 3, 2]).summary(),
    "sweep": lambda: dk.sweep(lambda rate, seed: {"loss": rate}, {"rate": [1, 2]}),
    "swell": lambda: dk.swell("logistic", [2, 3], ["tree", "reverse"]),
    "trainability": lambda: dk.trainability(
        lambda p, x: np.mean((p["a"] * p["b"] * x) ** 2),
        {"a": np.array(0.5), "b": np.array(0.5)}, (np.ones(2),), shape=2, steps=3,
    ),
}  # fmt: skip


class Reader(HTMLParser):
    """Notes which elements are open, and fails where they are not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen.append(tag)
        for name, value in attrs:
            assert name not in ADDRESSES or str(value).startswith(("#", "data:"))
            assert not name.startswith("on") and not FETCHES.search(str(value))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        assert "style" not in self.open or not FETCHES.search(data)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag


def read(html: str) -> list[str]:
    """The elements of a piece of HTML, which must be whole and harmless."""
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    assert "script" not in reader.seen
    return reader.seen


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_shows_itself(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = RESULTS[name]()
        html = found._repr_html_()
    assert {"table", "pre", "svg", "ul", "div"} & set(read(html))
    plain = repr(found)
    assert "object at 0x" not in plain
    assert max(map(len, plain.splitlines())) < 400


def test_a_reader_finds_what_is_not_whole() -> None:
    for wrong in (
        "<b><i></b></i>", "<table>", "<script></script>", "<img src='http://e.vil'>",
        "<p onclick=''></p>", "<style>@import 'x'</style>", "<p style='background:url(x)'></p>",
    ):  # fmt: skip
        with pytest.raises(AssertionError):
            read(wrong)


def test_what_users_name_is_escaped() -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=HOSTILE)
    table.add_column(HOSTILE)
    table.add_row(Text(HOSTILE))
    for html in (
        table_html(HOSTILE, [HOSTILE], [[HOSTILE]], notes=[HOSTILE]),
        facts_html(HOSTILE, {HOSTILE: HOSTILE}, notes=[HOSTILE]),
        text_html(HOSTILE), html_of(table), html_of(Text(HOSTILE)), curve_svg([1, 2], HOSTILE),
    ):  # fmt: skip
        assert not {"script", "img"} & set(read(html))
        assert "&lt;script&gt;" in html


def test_hostile_names_of_users_reach_no_result_unescaped() -> None:
    def named(x: Any) -> Any:
        return np.log(x)

    named.__name__ = named.__qualname__ = HOSTILE
    results = [
        dk.compare(named, 2.0), dk.step_size(named, 2.0), dk.explain(named, 2.0),
        dk.compare_orders(named, 2.0, (1, 2)), dk.diagnose(named, 2.0), dk.advise(named, 2.0),
        dk.swell({HOSTILE: (named, 2.0)}, methods=["reverse"]), dk.trace(named, 2.0),
        Dataset(HOSTILE, np.zeros((4, 1)), np.arange(4) % 2, (HOSTILE, "b"), HOSTILE),
        dk.sweep(lambda seed, **settings: {HOSTILE: 1.0}, {HOSTILE: [HOSTILE, "b"]}),
        dk.nets.sequential([dk.nets.dense(2, name="a<b>")], input_shape=(2,)),
    ]  # fmt: skip
    for result in results:
        assert not {"script", "img", "b>"} & set(read(result._repr_html_()))


def test_a_curve_needs_two_finite_numbers_and_thins_out_many() -> None:
    assert curve_svg([1.0, np.nan], "one") == ""
    assert curve_svg(np.arange(10_000.0), "many").count(",") <= 200
    assert "nan" not in curve_svg([1.0, np.inf, 2.0, np.nan], "some")


def test_a_table_of_rich_keeps_sides_footer_and_bold_cells() -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(show_footer=True)
    table.add_column("name", "all")
    table.add_column("n", "3", justify="right")
    table.add_row("a", Text("1", style="bold"))
    html = html_of(table)
    assert "<b>1</b>" in html and html.count("text-align:right") == 3 and "all" in html
    assert html.count('scope="col"') == 2


def luminance(colour: str) -> float:
    parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("method", METHOD_MARKS)
def test_marks_are_read_on_light_and_on_dark_themes(method: str) -> None:
    """WCAG 2.2, success criterion 1.4.11: 3 : 1 for marks; #111111 is JupyterLab's dark paper."""
    colour = METHOD_MARKS[method][3]
    if colour == "inherit":
        return
    for paper in ("#FFFFFF", "#111111"):
        low, high = sorted((luminance(colour), luminance(paper)))
        assert (high + 0.05) / (low + 0.05) >= 3


def test_text_is_text_in_a_notebook_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """There rich would show a picture of its own, for light pages, and leave the text empty."""
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    assert "reverse" in str(dk.compare(lambda x: x * x, 2.0, methods=["reverse"]))
    assert "dense1" in str(dk.nets.mlp([2, 3, 2]).summary())


def test_a_cell_is_no_file_with_a_number_for_a_name() -> None:
    text, names = "def f(x):\n    return x * x\n", {}
    exec(compile(text, "ipykernel_7/1189021024.py", "exec"), names)
    assert "# cell:2" in str(dk.trace(names["f"], 3.0))
