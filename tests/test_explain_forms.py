"""``dk.explain`` as JSON, tables, tab-separated text and HTML."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from test_explain import CASES, W, X, layer, scanned, survey

import diffkit as dk
from diffkit.comparison.explain_html import page_of
from diffkit.comparison.explaining import MODES, Explanation


@pytest.fixture(scope="module")
def table() -> Explanation:
    return dk.explain(survey, 2.0, 5.0)


def test_json_has_what_a_stepper_plays(table):
    found = json.loads(table.to_json())
    assert found["schema"] == 1 and found["at"] == {"x1": 2.0, "x2": 5.0}
    assert found["gradient"] == {"x1": 5.5, "x2": 1.7163378145367738}
    product = next(node for node in found["nodes"] if node["name"] == "v2")
    assert product["primitive"] == "mul" and product["line"]["text"] == "v2 = x1 * x2"
    assert [operand["name"] for operand in product["operands"]] == ["x1", "x2"]
    assert (product["primal"], product["tangent"], product["adjoint"]) == (10.0, 5.0, 1.0)
    assert product["arithmetic"] == {"primal": "2 · 5 = 10", "tangent": "1·5 + 0·2 = 5"}
    assert found["forward"] == [node["id"] for node in found["nodes"]]
    for entry in found["reverse"]:
        if entry["edge"] is not None:
            edge = found["edges"][entry["edge"]]
            assert (edge["from"], edge["to"]) == (entry["node"], entry["equation"])
    arriving = sum(edge["adjoint"] for edge in found["edges"] if edge["from"] == 0)
    assert arriving == pytest.approx(5.5, rel=1e-15)


def test_json_of_tensors_loops_and_infinities():
    found = json.loads(dk.explain(scanned, 0.7, np.arange(3.0)).to_json())
    assert found["at"]["xs"]["value"] == [0.0, 1.0, 2.0] and found["at"]["xs"]["max"] == 2.0
    (steps,) = found["loops"].values()
    assert [step["step"] for step in steps] == [0, 1, 2] and steps[0]["nodes"][0]["name"] == "c"
    big = json.loads(dk.explain(np.sum, np.ones(5_000)).to_json())
    assert next(iter(big["at"].values()))["value"] is None
    odd = json.loads(dk.explain(lambda x: np.log(x), 0.0).to_json())
    assert odd["gradient"] == {"x": None} and "null stands for" in odd["note"]


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("name", ["layer", "loop", "kinks"])
def test_tables_fit_the_terminal(width, name):
    from rich.cells import cell_len
    from rich.console import Console

    f, args = CASES[name]
    console = Console(width=width, record=True, color_system=None, file=open_null())
    console.print(dk.explain(f, *args).table())
    lines = console.export_text().splitlines()
    assert max(cell_len(line) for line in lines) <= width
    assert any("tangent (forward mode)" in line for line in lines)


def open_null():
    from io import StringIO

    return StringIO()


def test_wide_tables_have_full_precision_and_forms_may_be_chosen(table):
    from rich.console import Console

    console = Console(width=120, record=True, color_system=None, file=open_null())
    console.print(table.table("adjoint"))
    text = console.export_text()
    assert "−0.28366218546322625" in text and "primal" not in text
    assert str(table.table(["primal"])).count("v1 = log(x1)") == 1


def test_tsv_is_ascii_headed_with_full_precision(table):
    header, *rows = table.to_tsv().splitlines()
    assert header.isascii() and header.split("\t")[:3] == ["sweep", "step", "variable"]
    cells = [row.split("\t") for row in rows]
    assert len(cells) == len(table.primal) + len(table.tangent) + len(table.adjoint)
    last = cells[-2]
    assert last[:4] == ["adjoint", "7", "x2_bar", "x2_bar + v2_bar*x1"]
    assert float(last[5]) == 1.7163378145367738
    assert "x1_dot*x2 + x2_dot*x1" in {row[3] for row in cells}


def test_html_stands_alone_and_escapes(table):
    page = page_of(table, MODES)
    assert page.count("<table>") == 3 and "prefers-color-scheme: dark" in page
    assert not re.search(r"(src|href)\s*=|https?://|@import|url\(|<script", page)
    tensors = dk.explain(layer, W, X)._repr_html_()
    assert tensors.count("<details>") >= 6 and "[ 3. -1.]]" in tensors
    odd = dk.explain(survey, 2.0, 5.0, title="<b>&").to_html()
    assert "&lt;b&gt;&amp;" in odd and "<b>&" not in odd


def test_the_same_call_gives_the_same_text():
    assert dk.explain(layer, W, X).to_json() == dk.explain(layer, W, X).to_json()
