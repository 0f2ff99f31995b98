"""The number under each picture is right: what the scripts claim, and what the sources say.

The expected numbers stand here a second time, so that a script cannot change its own claim.
"""

from __future__ import annotations

import ast
from pathlib import Path

import matplotlib.pyplot as plt
import pytest
from gallery_pages import got, page, scripts

from diffkit.plots.pages import read_title, written_claims

SCRIPTS = list(scripts().values())


def test_the_digits_draw_without_a_second_comparison():
    comparison = page("softmax-digits").module.comparison
    first = comparison()
    figure = page("softmax-digits").draw()
    assert comparison() is first
    assert any("symbolic gave up" in text.get_text() for text in figure.axes[0].texts)
    plt.close(figure)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_the_title_of_the_docstring_is_the_title_of_the_page(path):
    title, lesson = read_title(path)
    words = [
        node.value.value
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.keyword) and node.arg == "title"
        and isinstance(node.value, ast.Constant)
    ]  # fmt: skip
    assert words[0] == title
    assert len(lesson.split()) > 30
    underline = path.read_text(encoding="utf-8").split("\n")[1]
    assert set(underline) == {"="}
    assert len(underline) >= len(title)


# The numbers of the sources, once more -----------------------------------------------------------


def test_expression_swell_is_the_table_of_the_survey():
    found = got("swell")
    assert found["operations of SymPy's derivative, n = 2…8"] == [2, 21, 82, 264, 768, 2096, 5472]
    assert found["after eliminating common subexpressions"] == [2, 12, 27, 45, 67, 93, 123]
    assert found["forward mode: 8(n − 1)"] == [8, 16, 24, 32, 40, 48, 56]


def test_the_worked_example_has_the_values_of_the_survey():
    found = got("forward-trace")
    assert found["the value of each line"][-1] == 11.652
    assert found["the tangents with respect to x1"][-1] == 5.5
    assert found["the derivative with respect to x2"] == pytest.approx(1.716337814536773, abs=1e-15)
    swept = got("adjoint-sweep")
    assert round(swept["the value"], 3) == 11.652
    assert swept["the adjoint of x1"] == 5.5
    assert round(swept["the adjoint of x2"], 3) == 1.716


def test_exact_methods_are_within_one_ulp_at_the_worked_example():
    errors = [value for claim, value in got("ulps").items() if "at (2, 5), in ulps" in claim]
    assert len(errors) == 4
    assert max(errors) <= 1.0


def test_orders_and_best_steps_are_those_of_the_survey():
    found = got("steps")
    for name, order in {"forward": 1, "central": 2, "five-point": 4}.items():
        assert found[f"order of the {name} difference"] == pytest.approx(order, abs=0.05)
    best = {"forward": (7e-9, 1.5e-9), "central": (2.4e-11, 4e-7), "five-point": (2e-13, 5e-5)}
    for name, (error, step) in best.items():
        assert found[f"best error of the {name} difference"] == pytest.approx(error, rel=0.5)
        assert found[f"its step h ({name})"] == pytest.approx(step, rel=0.5)
    assert min(value for claim, value in found.items() if "complex step" in claim) <= 1.0


def test_a_gradient_of_650_parameters_costs_less_than_five_losses():
    found = got("softmax-digits")
    assert found["parameters"] == 650
    assert found["operations of reverse mode over those of the loss"] <= 5.0
    assert found["forward over reverse: operations"] > 600


def test_what_a_claim_fills_in_stays_in_braces(tmp_path: Path) -> None:
    script = tmp_path / "plot_claims.py"
    script.write_text(
        "claims = [Claim('a', f'error of {names[n]:>3} at {n + 1}', 1, n, 0, '') for n in x]\n"
        "claims.append(pages.Claim('a', claim=WORDS, got=1))\n"
    )
    assert written_claims(script) == ["error of {names[n]} at {n + 1}", "{WORDS}"]
