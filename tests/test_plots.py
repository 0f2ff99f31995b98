"""Pictures: one style, the same bytes twice, labels that do not overlap, and pages that load."""

from __future__ import annotations

import itertools
import math
import warnings

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import InputError
from diffkit.plots.comparison import EXACT_AT, plot_comparison
from diffkit.plots.curves import Curve, best_step, plot_growth, plot_step_errors, slope
from diffkit.plots.graphs import edge_width, plot_graph
from diffkit.plots.pages import Claim, Page, load_page, read_title
from diffkit.plots.style import (
    METHODS_STYLE,
    colour_of,
    label_lines,
    line_of_method,
    save,
    use_style,
)
from diffkit.plots.traces import (
    DOT,
    number_text,
    plot_trace_table,
    pretty,
    tangent_formula,
    trace_rows,
    with_accent,
)

SCRIPT = '''"""A finding
=========

A lesson in two
lines.
"""
import matplotlib.pyplot as plt

from diffkit.plots.pages import Claim, Page

PAGE = Page("one", "chapter", "A finding", ("loss",), "why?", "this", "source")


def numbers():
    return [Claim("one", "two and two", 4.0, 2.0 + 2.0, 0.0, "arithmetic")]


def draw(dark=False):
    return plt.figure()
'''


@pytest.fixture(autouse=True)
def closed_figures():
    """Every test leaves no figure open."""
    yield
    plt.close("all")


def survey(x1, x2):
    v1 = np.log(x1)
    v2 = x1 * x2
    v3 = np.sin(x2)
    v4 = v1 + v2
    y = v4 - v3
    return y


def texts(figure):
    return [text for axes in figure.axes for text in axes.texts if text.get_text()]


# Style -------------------------------------------------------------------------------------------


def test_each_method_has_one_colour_marker_and_line():
    assert list(METHODS_STYLE) == ["symbolic", "forward", "reverse", "complex", "finite"]
    assert [style.light for style in METHODS_STYLE.values()] == [
        "#1A1A1A", "#1F5FA8", "#D55E00", "#009E73", "#882255",
    ]  # fmt: skip
    assert [style.dark for style in METHODS_STYLE.values()] == [
        "#F2F2F2", "#3D8BEB", "#FF8A4C", "#2FC79A", "#DDA0D8",
    ]  # fmt: skip
    assert [style.marker for style in METHODS_STYLE.values()] == ["o", "s", "D", "^", "v"]
    assert [style.line for style in METHODS_STYLE.values()] == ["-", "-", "-", "--", ":"]
    assert colour_of("Finite(accuracy=4)") == METHODS_STYLE["finite"].light
    assert line_of_method("reverse", dark=True)["color"] == "#FF8A4C"


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours (WCAG 2.1, section 1.4.3)."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("method", METHODS_STYLE)
def test_words_in_the_colour_of_a_method_can_be_read(method):
    style = METHODS_STYLE[method]
    assert contrast(style.text_colour(dark=False), "#FFFFFF") >= 4.5
    assert contrast(style.text_colour(dark=True), "#14181D") >= 4.5


def test_the_style_is_left_behind_after_the_block():
    before = dict(plt.rcParams)
    with use_style(dark=True):
        assert plt.rcParams["figure.facecolor"] in ("#14181D", "14181D")
        assert tuple(plt.rcParams["figure.figsize"]) == (7.2, 4.05)
        assert plt.rcParams["axes.spines.top"] is False
    assert dict(plt.rcParams) == before


def test_the_style_keeps_what_a_backend_chose_when_it_was_loaded() -> None:
    assert not matplotlib.is_interactive()
    try:
        with use_style():
            matplotlib.interactive(True)  # as that of a notebook does, with the first figure
        assert matplotlib.is_interactive()
    finally:
        matplotlib.interactive(False)


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_the_same_script_gives_the_same_bytes(tmp_path, suffix):
    def written(name):
        with use_style():
            axes = plot_graph(dk.trace(survey, 2.0, 5.0), (2.0, 5.0))
        figure = axes.get_figure(root=True)
        assert figure is not None
        return save(figure, tmp_path / f"{name}.{suffix}").read_bytes()

    first, second = written("one"), written("two")
    assert first == second
    assert len(first) > 5000


def test_labels_are_moved_apart():
    with use_style():
        figure, axes = plt.subplots()
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1)
        label_lines(axes, [(0.5, 0.50 + 0.001 * i, f"line {i}", "black") for i in range(6)])
        figure.canvas.draw()
    boxes = [text.get_window_extent() for text in texts(figure)]
    boxes.sort(key=lambda box: box.y0)
    assert len(boxes) == 6
    assert all(low.y1 <= high.y0 + 1 for low, high in itertools.pairwise(boxes))


# Traces ------------------------------------------------------------------------------------------


def test_the_trace_is_table_2_and_3_of_the_survey():
    rows = trace_rows(dk.trace(survey, 2.0, 5.0), (2.0, 5.0))
    assert [row.name for row in rows] == ["x1", "x2", "v1", "v2", "v3", "v4", "y"]
    assert [round(float(row.value), 3) for row in rows] == [
        2.0, 5.0, 0.693, 10.0, -0.959, 10.693, 11.652,
    ]  # fmt: skip
    assert [float(row.tangent) for row in rows] == [1.0, 0.0, 0.5, 5.0, 0.0, 5.5, 5.5]
    assert [round(float(row.adjoint), 3) for row in rows] == [
        5.5, 1.716, 1.0, 1.0, -1.0, 1.0, 1.0,
    ]  # fmt: skip


def test_adjoints_are_sums_of_what_arrives():
    graph = dk.trace(lambda x, y: np.tanh(x * y) * x + y / x, 0.7, 1.3)
    rows = trace_rows(graph, (0.7, 1.3))
    for row in rows:
        if row.node in graph.output_nodes:
            continue
        arriving = [amount for r in rows for node, amount in r.contributions if node == row.node]
        assert math.isclose(float(sum(arriving)), float(row.adjoint), rel_tol=1e-14)


def test_traces_of_arrays_keep_their_shapes():
    graph = dk.trace(lambda w: np.sum((w @ np.ones((2, 3))) ** 2), np.ones((4, 2)))
    row = trace_rows(graph, (np.full((4, 2), 0.5),))[0]
    assert np.shape(row.adjoint) == (4, 2)
    assert np.array_equal(row.adjoint, np.full((4, 2), 6.0))
    assert number_text(row.adjoint).startswith("‖")


def test_values_may_be_given_by_name_and_are_counted():
    graph = dk.trace(survey, 2.0, 5.0)
    assert float(trace_rows(graph, {"x2": 5.0, "x1": 2.0})[-1].value) == pytest.approx(
        11.652, abs=1e-3
    )
    with pytest.raises(InputError, match="2 inputs"):
        trace_rows(graph, (1.0,))


def test_rules_are_written_with_dots():
    graph = dk.parse("exp(x*y) - y")
    rules = [tangent_formula(graph, node) for node in graph.equation_nodes()]
    assert rules == ["ẋ·y + ẏ·x", "ȧ·exp(a)", "ḃ − ẏ"]
    assert pretty("v10 = log(x1) + 2.0") == "v₁₀ = log(x₁) + 2.0"
    assert pretty(with_accent("h_1", DOT)) == "ḣ₁"


def test_the_table_shows_every_number():
    axes = plot_trace_table(dk.trace(survey, 2.0, 5.0), (2.0, 5.0), seeds=(0, 1))
    shown = {text.get_text() for text in axes.texts}
    assert {"11.652", "5.5", "1.7163", "v₂ = x₁ · x₂", "v̇₂ = ẋ₁·x₂ + ẋ₂·x₁"} <= shown


# Graphs and curves -------------------------------------------------------------------------------


def test_the_drawn_graph_shows_values_and_adjoints():
    axes = plot_graph(dk.trace(survey, 2.0, 5.0), (2.0, 5.0))
    shown = {text.get_text() for text in axes.texts}
    assert {"11.652", "x̄₁ = 5.5", "x̄₂ = 1.7163", "−0.2837"} <= shown
    assert edge_width(5.5) == pytest.approx(1 + 2.2 * math.log1p(5.5))


def test_a_deep_graph_runs_downwards_and_a_large_one_is_abridged():
    def f(x):
        for _ in range(200):
            x = np.sin(x)
        return x

    axes = dk.trace(f, 1.0).plot()
    width, height = axes.figure.get_size_inches()
    assert height > width
    assert any("more nodes" in text.get_text() for text in axes.texts)


def test_drawing_warns_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = plot_graph(dk.trace(survey, 2.0, 5.0), (2.0, 5.0), dark=True).figure
        figure.canvas.draw()


def test_slopes_and_best_steps_are_read_off_curves():
    steps = np.logspace(-8, -1, 50)
    errors = 3.0 * steps**2 + 1e-16 / steps
    assert slope(steps[-10:], errors[-10:]) == pytest.approx(2.0, abs=1e-3)
    found, _ = best_step(steps, errors, window=1)
    assert found == pytest.approx((1e-16 / 6) ** (1 / 3), rel=0.4)


def test_exact_results_are_drawn_on_the_floor():
    curve = Curve("complex step", "complex", np.array([1e-9, 1e-8]), np.array([0.0, 0.0]))
    axes = plot_step_errors([curve], floor=1e-15, marks=[(1e-8, "√ε")])
    drawn = [np.asarray(line.get_ydata()) for line in axes.lines if line.get_linewidth() > 4]
    assert [heights.tolist() for heights in drawn] == [[5e-16, 5e-16]]
    assert any(text.get_text() == "√ε" for text in axes.texts)


def test_growth_curves_are_labelled_at_their_ends():
    n = np.arange(1, 5)
    axes = plot_growth(
        [Curve("formula", "symbolic", n, 10.0**n), Curve("program", "reverse", n, n)]
    )
    assert {text.get_text() for text in axes.texts} == {"formula", "program"}


# Comparison --------------------------------------------------------------------------------------


def test_a_comparison_is_drawn_with_direct_labels_that_cover_nothing():
    report = dk.compare(survey, 2.0, 5.0, methods=["finite", "complex", "forward", "reverse"])
    figure = plot_comparison(report)
    figure.canvas.draw()
    labels = {t.get_text(): t.get_window_extent() for t in texts(figure)}
    assert {"finite differences", "complex step", "forward mode", "reverse mode"} <= set(labels)
    boxes = list(labels.values())
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    heights = [
        np.asarray(line.get_ydata())[0] for line in figure.axes[0].lines if line.get_marker() == "D"
    ]
    assert heights == [max(report["reverse"].max_ulp, EXACT_AT)]


def test_a_method_that_refused_is_named():
    report = dk.compare(survey, 2.0, 5.0, methods=["forward", "reverse"])
    report.methods["forward"].refused = "gave up at 9 operations; hint: raise the budget"
    shown = [text.get_text() for text in texts(plot_comparison(report))]
    assert "forward mode: gave up at 9 operations" in shown


# Pages -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claim", "held"),
    [
        (Claim("a", "", 1.0, 1.0 + 1e-9, 1e-6, ""), True),
        (Claim("a", "", 1.0, 1.1, 1e-6, ""), False),
        (Claim("a", "", 1.0, float("nan"), 10.0, ""), False),
        (Claim("a", "", (1, 2), (1, 2), 0.0, ""), True),
        (Claim("a", "", (1, 2), (1, 2, 3), 0.0, ""), False),
        (Claim("a", "", 1.0, 0.2, 0.0, "", at_most=True), True),
        (Claim("a", "", 1.0, 1.2, 0.0, "", at_most=True), False),
        (Claim("a", "", 1.0, float("nan"), 0.0, "", at_most=True), False),
    ],
)
def test_claims(claim, held):
    assert claim.held is held
    assert claim.to_dict()["held"] is held


def test_a_page_is_loaded_by_its_path(tmp_path):
    path = tmp_path / "plot_one.py"
    path.write_text(SCRIPT, encoding="utf-8")
    assert read_title(path) == ("A finding", "A lesson in two\nlines.")
    loaded = load_page(path)
    assert loaded.page == Page("one", "chapter", "A finding", ("loss",), "why?", "this", "source")
    assert [claim.held for claim in loaded.numbers()] == [True]
    assert loaded.numbers()[0].sentence == "two and two: 4"
    assert loaded.lesson == "A lesson in two\nlines."


def test_a_script_that_is_no_page_says_what_it_lacks(tmp_path):
    path = tmp_path / "plot_two.py"
    path.write_text('"""Title"""\nPAGE = 1\n', encoding="utf-8")
    with pytest.raises(InputError, match="lacks numbers, draw"):
        load_page(path)
    with pytest.raises(InputError, match="not a Python script"):
        load_page(tmp_path / "plot_three.py")
