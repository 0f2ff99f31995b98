"""What a diagnosis looks like: tables, HTML, JSON, the command line, and errors."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.cli.main import main
from diffkit.comparison.remedies import FORMULAS
from diffkit.comparison.remedy_patterns import matches, remedied
from diffkit.comparison.remedy_words import filled_text
from diffkit.engines.interpret import run
from diffkit.errors import DtypeError, ShapeError


def broken(z: Any) -> Any:
    e = np.exp(z)
    return np.log(np.sum(e))


def test_the_table_has_eighty_columns_and_every_finding() -> None:
    found = dk.diagnose(broken, np.array([1e4, 1.0, -3.0]))
    text = str(found)
    assert max(map(len, text.splitlines())) <= 80
    for word in ("broken: 1 finding", "overflow", "e = np.exp(z)", "logsumexp(z)", "0.0 → 16.0"):
        assert word in text
    assert "nothing found" in str(dk.diagnose(np.sin, 1.0))


def test_html_escapes_the_users_text() -> None:
    found = dk.diagnose(lambda x: np.sum((x < 1) * np.log(x)), np.array([0.0, 2.0]), title="<f>")
    page = found._repr_html_()
    assert "&lt;f&gt;" in page and "<f>" not in page


def test_json_has_the_schema_and_no_nan() -> None:
    data = json.loads(dk.diagnose(broken, np.array([1e4, 1.0])).to_json())
    assert data["schema"] == 1 and data["ok"] is False
    assert data["value"] is None and "NaN" in data["note"]
    (finding,) = data["findings"]
    names = {"kind", "severity", "line", "text", "message", "digits_lost", "remedy", "digits",
             "fault"}  # fmt: skip
    assert set(finding) == names
    assert finding["digits"]["after"] == {"value": 16.0, "gradient": 16.0}
    assert json.loads(dk.diagnose(np.sin, 1.0).to_json())["note"] is None


def test_the_gradient_has_the_tree_of_the_arguments() -> None:
    found = dk.diagnose(lambda p: p["a"] * np.sum(p["b"]), {"a": 2.0, "b": np.ones(3)})
    assert found.gradient["a"] == 3.0 and found.gradient["b"].shape == (3,)
    by_first = dk.diagnose(lambda a, b: a * np.sin(b), 2.0, 1.0, argnums=1)
    assert by_first.gradient == pytest.approx(2 * np.cos(1.0))


def test_graphs_of_text_are_diagnosed() -> None:
    found = dk.diagnose(dk.parse("(exp(x)-1)/x"), x=1e-9)
    assert found.findings[0].kind == "cancellation"
    assert found.findings[0].line == "character 2"
    assert found.gradient.keys() == {"x"}


def test_wrong_arguments_are_typed_errors() -> None:
    with pytest.raises(ShapeError, match="diagnose"):
        dk.diagnose(lambda x: x * 2, np.ones(3))
    with pytest.raises(DtypeError):
        dk.diagnose(lambda x: x, True)


def test_the_same_call_gives_the_same_bits() -> None:
    first, second = (dk.diagnose(broken, np.array([1e4, 1.0])).to_json() for _ in range(2))
    assert first == second


# The table of remedies ---------------------------------------------------------------------------


@pytest.mark.parametrize("name, before, after", FORMULAS, ids=[f"{r[0]}: {r[1]}" for r in FORMULAS])
def test_every_row_of_the_table_is_an_identity(name: str, before: str, after: str) -> None:
    old, new = dk.parse(before), dk.parse(after)
    held = 0
    for seed in range(90):
        rng = np.random.default_rng(seed)
        scale = (1.0, -1.0, 4.0)[seed % 3]
        point = {n: scale * float(rng.uniform(0.2, 0.9)) for n in old.input_names}
        (a,) = run(old, [np.float64(point[n]) for n in old.input_names])
        (b,) = run(new, [np.float64(point[n]) for n in new.input_names])
        if np.isfinite(a) and np.isfinite(b):
            assert float(a) == pytest.approx(float(b), rel=1e-9, abs=1e-12)
            held += 1
    assert held >= 3


def test_patterns_match_in_either_order_and_share_variables() -> None:
    graph = dk.parse("log(exp(u*v) + 1)")
    found = matches("log(1 + x)", graph.columns, graph.output_nodes[0])
    assert found is not None and graph.columns.operations[found["x"]].name == "exp"
    graph = dk.parse("sqrt(u + 1) - sqrt(v)")
    assert matches("sqrt(x + 1) - sqrt(x)", graph.columns, graph.output_nodes[0]) is None
    graph = dk.parse("sqrt(u*u + v**2)")
    assert matches("sqrt(x**2 + y**2)", graph.columns, graph.output_nodes[0]) is not None


def test_nothing_to_replace_is_none() -> None:
    from diffkit.comparison.remedies import REMEDIES

    assert remedied(dk.parse("x*cos(x)"), list(REMEDIES)) is None


def test_texts_of_variables_are_bracketed_where_needed() -> None:
    assert filled_text("x/(y*2)", {"x": "a + b", "y": "c"}) == "(a + b)/(c*2)"
    assert filled_text("sigmoid(-x)", {"x": "u"}) == "scipy.special.expit(-u)"


# The command line --------------------------------------------------------------------------------


def test_the_command_says_by_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", "(1-cos(x))/x**2", "--at", "x=1e-5"]) == 1
    assert "np.sinc" in capsys.readouterr().out
    assert main(["diagnose", "sin(x)", "--at", "1"]) == 0
    assert main(["diagnose", "sin(x", "--at", "1"]) == 2
    assert main(["diagnose", "sin(x)"]) == 2


def test_the_command_takes_files_and_writes_json(
    tmp_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "model.py"
    file.write_text(
        "import numpy as np\n\n\ndef loss(z):\n    e = np.exp(z)\n    return np.log(np.sum(e))\n"
    )
    assert main(["diagnose", f"{file}:loss", "--at", "[900,1]", "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert data["findings"][0]["line"] == "model.py:5"
    assert data["findings"][0]["remedy"] == "dk.scipy.special.logsumexp(z)"
