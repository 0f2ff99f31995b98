"""The explorer's answers: every endpoint's contract, and a real server that begins and ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from explorer_server import answered, serving

import diffkit as dk
from diffkit.errors import InputError
from diffkit.explorer import page
from diffkit.explorer import serving as running
from diffkit.explorer.expressions import Own
from diffkit.explorer.latex import latex_of
from diffkit.explorer.spans import spans_of

BAYDIN = "log(x1) + x1*x2 - sin(x2)"
AT: Any = {"x1": 2.0, "x2": 5.0}
SECONDS = 30  # of patience with a process


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with serving() as (found, _):
        yield found


def test_parse_gives_variables_in_order_and_latex_as_typed(client: Any) -> None:
    found = answered(client, "parse", {"text": "y/x**2 + y"})
    assert found["variables"] == ["y", "x"]
    assert found["latex"] == r"\frac{y}{x^{2}} + y"
    assert found["operations"] == dk.parse("y/x**2 + y").operations()["total"]


def test_an_error_has_its_position_and_what_to_do(client: Any) -> None:
    found = answered(client, "parse", {"text": "  x + sinn(y)"}, 400)
    assert found["position"] == 6 and found["hint"] == "did you mean sin?"


def test_compare_is_the_librarys(client: Any) -> None:
    found = answered(client, "compare", {"text": BAYDIN, "at": AT})
    expected = dk.compare(dk.parse(BAYDIN), **AT).to_dict()
    assert set(found["methods"]) == {"finite", "complex", "forward", "reverse"}
    assert found["truth"] == expected["truth"]
    for name, method in found["methods"].items():
        same = ("value", "derivative", "max_ulp", "operations", "evaluations")
        assert {k: method[k] for k in same} == {k: expected["methods"][name][k] for k in same}


def test_a_comparison_may_be_asked_for_without_times(client: Any) -> None:
    body = {"text": "x*y", "at": {"x": 3.0, "y": 2.0}}
    timed = client.post("/api/compare", json=body).json()
    untimed = client.post("/api/compare", json={**body, "measure": False}).json()
    for report in (timed, *timed["methods"].values()):
        assert report.pop("time") > 0
    for report in (untimed, *untimed["methods"].values()):
        assert report.pop("time") is None
    for document in (timed, untimed):
        for report in document["methods"].values():
            for key in ("time_over_f", "compile_time"):
                report.pop(key)
    assert untimed == timed
    refused = answered(client, "compare", {**body, "measure": "no"}, 400)
    assert refused["error"] == "measure='no' is no truth value"


def test_the_symbolic_method_answers_apart(client: Any) -> None:
    found = answered(client, "compare", {"text": "x*y", "at": AT | {"x": 3.0, "y": 4.0},
                                         "methods": ["symbolic"]})  # fmt: skip
    assert found["methods"]["symbolic"]["derivative"] == {"x": 4.0, "y": 3.0}
    assert answered(client, "compare", {"text": "x", "at": AT, "methods": ["magic"]}, 400)


def test_explain_is_the_librarys_with_the_text(client: Any) -> None:
    found = answered(client, "explain", {"text": BAYDIN, "at": AT, "direction": "x2"})
    expected = dk.explain(dk.parse(BAYDIN), **AT, direction="x2").to_dict()
    assert found.pop("source") == [BAYDIN]
    assert found == json.loads(json.dumps(expected))


def test_derive_in_several_forms(client: Any) -> None:
    found = answered(client, "derive", {"text": "(x + 1)**2"})
    assert found == {"derivative": {"x": "2*x + 2"}, "latex": {"x": "2 x + 2"}}
    assert answered(client, "derive", {"text": "(x + 1)**2", "form": "factor"})["derivative"] == {
        "x": "2*(x + 1)"
    }
    assert "factor" in answered(client, "derive", {"text": "x", "form": "short"}, 400)["hint"]


def test_a_curve_and_its_slope_with_nulls(client: Any) -> None:
    body = {"text": "log(x)*a", "at": {"x": 1.0, "a": 2.0}, "x": "x", "window": [-1, 1]}
    found = answered(client, "curve", body | {"points": 5})
    assert found["x"] == [-1.0, -0.5, 0.0, 0.5, 1.0]
    assert found["f"][:3] == [None, None, None] and found["f"][4] == 0.0
    assert found["slope"][3:] == [4.0, 2.0]


def test_a_surface_and_its_gradient(client: Any) -> None:
    body = {"text": BAYDIN, "at": AT, "x": "x1", "y": "x2", "window": [[1, 2], [3, 5]]}
    found = answered(client, "curve", body | {"points": 3})
    graph = dk.parse(BAYDIN)
    assert found["f"][2][0] == pytest.approx(float(graph(x1=1.0, x2=5.0)), rel=1e-15)
    assert found["gradient"] == pytest.approx([5.5, 2.0 - np.cos(5.0)], rel=1e-15)


def test_a_constant_has_a_flat_curve(client: Any) -> None:
    found = answered(client, "curve", {"text": "3 + 0*x", "at": {"x": 1.0}, "x": "x",
                                       "window": [0, 1], "points": 2})  # fmt: skip
    assert found == {"x": [0.0, 1.0], "f": [3.0, 3.0], "slope": [0.0, 0.0]}


def test_steps_are_the_librarys(client: Any) -> None:
    found = answered(client, "steps", {"text": "exp(x)", "at": {"x": 1.0}, "variable": "x"})
    expected = dk.step_size(dk.parse("exp(x)"), 1.0, stencils=(1, 2, 4))
    assert found["chosen"]["h"] == expected.step and found["exact"] == np.exp(1.0)
    rows = {len(row) for part in ("error", "value") for row in found[part].values()}
    assert rows == {len(found["h"])} == {len(row) for row in found["predicted"].values()}
    assert max(found["error"]["complex"][:40]) < 1e-15 < min(found["error"]["forward"])


def test_steps_at_a_kink_say_so(client: Any) -> None:
    found = answered(client, "steps", {"text": "abs(x)", "at": {"x": 0.0}, "variable": "x"})
    assert found["kink"] == [-1.0, 1.0]


def test_steps_say_where_the_complex_step_does_not_apply(client: Any) -> None:
    found = answered(client, "steps", {"text": "erfinv(x)", "at": {"x": 0.5}})
    assert "analytic" in found["refused"]["complex"] and "complex" not in found["error"]


def test_swell_counts_as_the_library_does(client: Any) -> None:
    found = answered(client, "swell", {"text": "x*sin(x)"})
    counts = dk.swell({"f": dk.parse("x*sin(x)")})
    rows = {row["what"]: row["operations"] for row in found["rows"]}
    for form in ("tree", "cse", "symbolic", "reverse", "forward", "finite"):
        assert rows[form] == counts[form]["f"].operations
    assert found["growth"]["sizes"] == [1, 2, 3, 4, 5]
    assert answered(client, "swell", {"text": "x*y"})["growth"] is None


def test_diagnose_underlines_what_costs_digits(client: Any) -> None:
    text = "y + (1 - cos(x))/x**2"
    found = answered(client, "diagnose", {"text": text, "at": {"x": 1e-5, "y": 1e-9}})
    worst = found["lines"][0]
    assert text[worst["start"] : worst["end"]] == worst["text"] == "1 - cos(x)"
    assert worst["digits_lost"] > 10
    finding = found["findings"][0]
    assert finding["remedy"] and text[finding["start"] : finding["end"]] == "1 - cos(x)"


def test_parts_of_a_text_are_told_apart() -> None:
    text = "a - b - sin(a - b)"
    parts = [text[s.start : s.end] for s in spans_of(text, dk.parse(text)).values()]
    assert parts == ["a - b", "sin(a - b)", "a - b - sin(a - b)"]


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("-(x+1)*y", r"-\left(x + 1\right)\, y"),
        ("x - (y - 1)", r"x - \left(y - 1\right)"),
        ("(-x)**2 + 2*3", r"\left(-x\right)^{2} + 2 \cdot 3"),
        ("exp(-x**2/2)", r"\mathrm{e}^{-\frac{x^{2}}{2}}"),
        ("alpha_1*x10", r"\alpha_{1}\, x_{10}"),
        ("where(x > 0, sqrt(x), 1e-3)", r"\begin{cases} \sqrt{x} & \text{if } x > 0 \\ "
         r"0.001 & \text{otherwise} \end{cases}"),
        ("(a/b)**c", r"\left(\frac{a}{b}\right)^{c}"),
        ("sin(x)**2", r"\sin\left(x\right)^{2}"),
        ("gammaln(x)", r"\operatorname{gammaln}\left(x\right)"),
    ],
)  # fmt: skip
def test_latex_as_typed(text: str, latex: str) -> None:
    assert latex_of(text) == latex


def test_schedules_and_their_formulas(client: Any) -> None:
    body = {"names": ["cosine", "warmup-cosine"], "rate": 0.2, "steps": 50}
    found = answered(client, "schedules", body)
    expected = dk.schedules.cosine(0.2).for_steps(50)(np.arange(50))
    assert found["rates"]["cosine"] == expected.tolist()
    assert "cos" in found["formula"]["cosine"] and "cyclic" in found["available"]
    for name in found["available"]:
        rates = answered(client, "schedules", {"names": [name], "steps": 9})["rates"][name]
        assert len(rates) == 9 and min(rates) >= 0


def test_looking_around(client: Any) -> None:
    assert client.get("/api/health").json()["ok"] is True
    assert client.get("/api/subject").json() == {
        "text": None, "function": None, "at": {}, "variables": None,
    }  # fmt: skip
    assert client.get("/api/nothing").status_code == 404
    assert client.get("/api/compare").status_code == 405


def test_without_the_bundle_the_page_says_so(
    client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page, "STATIC", tmp_path)
    response = client.get("/")
    assert response.status_code == 503 and "node build.mjs" in response.text


# Functions of the command line ------------------------------------------------------------------


def quadratic(w: Any, b: float) -> Any:
    return np.sum(w * w) * b


def test_a_function_of_the_command_line_is_the_subject() -> None:
    own = Own("own.py:quadratic", quadratic, [np.array([1.0, 2.0]), 3.0], ["w", "b"], Path("own"))
    with serving(own=own) as (client, _):
        subject = client.get("/api/subject").json()
        assert subject["variables"] == ["w[0]", "w[1]", "b"]
        assert subject["at"] == {"w[0]": 1.0, "w[1]": 2.0, "b": 3.0}
        at = subject["at"] | {"w[1]": 4.0}
        found = answered(client, "compare", {"text": None, "at": at})
        expected = {"w[0]": 6.0, "w[1]": 24.0, "b": 17.0}
        assert found["methods"]["reverse"]["derivative"] == expected
        assert found["truth"]["derivative"] == expected
        body = {"at": at, "x": "w[1]", "window": [0, 2], "points": 3}
        assert answered(client, "curve", body)["slope"] == [0.0, 6.0, 12.0]
        assert answered(client, "steps", {"at": at, "variable": "b"})["exact"] == 17.0
        assert answered(client, "explain", {"at": at, "direction": "w[1]"})["nodes"]
        assert answered(client, "diagnose", {"at": at})["ok"] is True


# A server that listens --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, dict[str, Any]]]:
    """``diffkit explore`` of a function in a file, and what it prints."""
    file = tmp_path_factory.mktemp("explored") / "model.py"
    file.write_text("def loss(x, y=2.0):\n    return x * x * y\n", encoding="utf-8")
    words = ["explore", f"{file}:loss", "--at", "x=3", "--port", "0", "--no-browser", "--json"]
    environment = os.environ | {"DIFFKIT_WARMUP": "0"}
    with subprocess.Popen(
        [sys.executable, "-m", "diffkit", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env=environment,
    ) as found:  # fmt: skip
        assert found.stdout is not None
        text = ""
        while not text.endswith("}\n"):
            line = found.stdout.readline()
            assert line, found.stderr.read() if found.stderr else ""
            text += line
        yield found, json.loads(text)
        found.kill()


def test_where_a_function_of_the_command_line_raises_its_curve_has_a_gap() -> None:
    def root(x: float, y: float) -> float:
        if x < 0:
            raise ValueError("no root of a negative number")
        return y * np.sqrt(x)

    own = Own("own.py:root", root, [1.0, 2.0], ["x", "y"], Path("own"))
    body = {"at": {"x": 1.0, "y": 2.0}, "x": "x", "window": [-1, 1], "points": 5}
    with serving(own=own) as (client, _):
        found = answered(client, "curve", body)
        flat = {**body, "y": "y", "window": [[-1, 1], [0, 2]], "points": 3}
        grid = answered(client, "curve", flat)["f"]
    assert found["f"][:2] == found["slope"][:2] == [None, None]
    assert found["f"][3:] == [2 * 0.5**0.5, 2.0] and found["slope"][4] == 1.0
    assert grid == [[None, 0.0, 0.0], [None, 0.0, 1.0], [None, 0.0, 2.0]]


def test_a_real_server_answers_and_derives_the_users_own(process: Any) -> None:
    _, told = process
    client = httpx.Client(base_url=f"http://127.0.0.1:{told['port']}", timeout=SECONDS,
                          headers={"X-Diffkit-Token": told["token"]})  # fmt: skip
    with client:
        subject = client.get("/api/subject").json()
        assert subject["variables"] == ["x", "y"]
        found = answered(client, "derive", {"text": None, "at": subject["at"]})
        assert found["derivative"] == {"x": "2*x*y", "y": "x**2"}
        found = answered(client, "compare", {"at": subject["at"], "methods": ["symbolic"]})
        assert found["methods"]["symbolic"]["derivative"] == {"x": 12.0, "y": 9.0}


def test_ctrl_c_ends_it_quietly(process: Any) -> None:
    found, _ = process
    found.send_signal(signal.SIGINT)
    assert found.wait(SECONDS) == 0
    assert found.stderr.read() == ""


def test_a_port_that_is_taken() -> None:
    with running.bound(0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port} is in use") as caught:
            running.bound(port)
        assert "--port" in (caught.value.hint or "")


def test_a_taken_usual_port_gives_way_to_a_free_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with running.bound(0) as taken:
        monkeypatch.setattr(running, "USUAL_PORT", taken.getsockname()[1])
        with running.bound(None) as other:
            assert other.getsockname()[1] != taken.getsockname()[1]
            assert other.getsockname()[0] == "127.0.0.1"
