"""``dk.explain``: the survey's tables number by number, tensors, branches, loops, and its forms."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.comparison.explain_text import filled, moving_name, with_accent
from diffkit.comparison.explain_words import ATOM, phrase_of
from diffkit.comparison.explaining import Explanation
from diffkit.comparison.rules import load_all_primitives
from diffkit.comparison.rules_sampling import draw_sample, samples_for
from diffkit.errors import DiffkitError, DtypeError, InputError, LinearAlgebraError, ShapeError
from diffkit.graph.primitive import REGISTRY

X = np.array([[1.0, 2.0], [0.0, 1.0], [3.0, -1.0]])
W = np.array([[0.5], [-0.2]])


def survey(x1, x2):
    v1 = np.log(x1)
    v2 = x1 * x2
    v3 = np.sin(x2)
    v4 = v1 + v2
    y = v4 - v3
    return y


def layer(w, x):
    z = x @ w
    return np.sum(np.tanh(z) ** 2) / 3


def three(value: float) -> float:
    return round(float(value), 3)


@pytest.fixture(scope="module")
def table() -> Explanation:
    return dk.explain(survey, 2.0, 5.0)


# The survey's tables -----------------------------------------------------------------------------


def test_the_primal_trace_is_that_of_the_survey(table):
    """Baydin et al. 2018, table 2, left: v₋₁ and v₀ are x1 and x2, v₅ is y."""
    assert [(row.name, three(row.value)) for row in table.primal] == [
        ("x1", 2.0), ("x2", 5.0), ("v1", 0.693), ("v2", 10.0), ("v3", -0.959), ("v4", 10.693),
        ("y", 11.652),
    ]  # fmt: skip
    assert [row.left for row in table.primal[2:]] == [
        "v1 = log(x1)", "v2 = x1 · x2", "v3 = sin(x2)", "v4 = v1 + v2", "y = v4 − v3",
    ]  # fmt: skip
    assert [row.arithmetic for row in table.primal[2:]] == [
        "log(2) = 0.69315", "2 · 5 = 10", "sin(5) = −0.95892", "0.69315 + 10 = 10.693",
        "10.693 − (−0.95892) = 11.652",
    ]  # fmt: skip


def test_the_tangent_trace_is_that_of_the_survey(table):
    """Baydin et al. 2018, table 2, right, with ẋ1 = 1."""
    rows = table.tangent
    assert [float(row.value) for row in rows] == [1.0, 0.0, 0.5, 5.0, 0.0, 5.5, 5.5]
    dotted = [with_accent(name, "\u0307") for name in ("v1", "v2", "v3", "v4", "y")]
    assert [row.name for row in rows[2:]] == dotted
    assert [row.arithmetic for row in rows[2:]] == [
        "1 / 2 = 0.5", "1·5 + 0·2 = 5", "0·cos(5) = 0", "0.5 + 5 = 5.5", "5.5 − 0 = 5.5",
    ]  # fmt: skip
    assert rows[0].note == "seed" and rows[1].note == "does not move"


def test_the_adjoint_trace_is_that_of_the_survey_line_by_line(table):
    """Baydin et al. 2018, table 3, right, read from the bottom up."""
    names = table.graph.names
    rows = [(names[row.node], three(row.value)) for row in table.adjoint]
    assert rows == [
        ("y", 1.0),       # v̄5 = ȳ = 1
        ("v4", 1.0),      # v̄4 = v̄5 ∂v5/∂v4 = v̄5 · 1
        ("v3", -1.0),     # v̄3 = v̄5 ∂v5/∂v3 = v̄5 · (−1)
        ("v1", 1.0),      # v̄1 = v̄4 ∂v4/∂v1 = v̄4 · 1
        ("v2", 1.0),      # v̄2 = v̄4 ∂v4/∂v2 = v̄4 · 1
        ("x2", -0.284),   # v̄0 = v̄3 ∂v3/∂v0 = v̄3 · cos v0
        ("x1", 5.0),      # v̄₋1 = v̄2 ∂v2/∂v₋1 = v̄2 · v0
        ("x2", 1.716),    # v̄0 = v̄0 + v̄2 ∂v2/∂v0 = v̄0 + v̄2 · v₋1
        ("x1", 5.5),      # v̄₋1 = v̄₋1 + v̄1 ∂v1/∂v₋1 = v̄₋1 + v̄1 / v₋1
    ]  # fmt: skip
    assert [row.arithmetic for row in table.adjoint[1:]] == [
        "1·1 = 1", "1·(−1) = −1", "1·1 = 1", "1·1 = 1", "−1·cos(5) = −0.28366", "1·5 = 5",
        "−0.28366 + 1·2 = 1.7163", "5 + 1 / 2 = 5.5",
    ]  # fmt: skip


def test_the_same_from_text_and_in_the_other_direction():
    found = dk.explain(dk.parse("log(x1)+x1*x2-sin(x2)"), x1=2.0, x2=5.0, direction="x2")
    assert float(found.tangent[-1].value) == pytest.approx(2 - np.cos(5.0), rel=1e-15)
    assert {three(row.value) for row in found.adjoint[-2:]} == {1.716, 5.5}
    assert "1·2" in found.tangent[3].arithmetic


def test_rows_carry_the_users_lines(table):
    for row in (*table.primal[2:], *table.tangent[2:], *table.adjoint):
        assert re.fullmatch(r"test_explain\.py:\d+", row.line)
    assert [row.text for row in table.primal[2:4]] == ["v1 = np.log(x1)", "v2 = x1 * x2"]
    assert table.adjoint[-1].text == "v1 = np.log(x1)"


# Numbers -----------------------------------------------------------------------------------------

CASES = {
    "loop": (lambda x: _loop(x), (0.7,)),
    "powers": (lambda x, y: x**y + x**-2 + x**2.5, (1.3, 0.4)),
    "kinks": (lambda x: np.maximum(x, 0.5) + abs(x) + np.clip(x, 0, 1) + np.hypot(x, 1), (0.6,)),
    "layer": (layer, (W, X)),
    "twice": (lambda x: x * x + np.sum(np.stack([x, x])), (3.0,)),
    "broadcast": (lambda b: np.sum(X + b) * b[0], (np.array([0.5, 2.0]),)),
    "linear algebra": (lambda a: np.sum(np.linalg.solve(a, X[:2])), (X[:2] + 2 * np.eye(2),)),
    "reductions": (lambda x: np.max(x) + np.prod(x) + np.sort(x)[0], (np.array([1.5, 2.0]),)),
    "tree": (lambda p: p["w"] @ p["w"] * p["b"], ({"w": np.array([1.0, 2.0]), "b": 0.5},)),
}


def _loop(x):
    total = 0.0
    for _ in range(4):
        total = total + np.sin(x * total + 1)
    return total


@pytest.mark.parametrize("name", CASES)
def test_adjoints_are_the_gradient_and_tangents_its_part(name):
    f, args = CASES[name]
    found = dk.explain(f, *args)
    exact = dk.grad(f, argnums=tuple(range(len(args))))(*args)
    leaves = [
        leaf for tree in exact for leaf in (tree.values() if isinstance(tree, dict) else [tree])
    ]
    totals = {row.node: row.value for row in found.adjoint}
    wanted = dict(sorted(zip(found.point.wrt, _in_order(leaves, exact), strict=True)))
    for node, gradient in wanted.items():
        np.testing.assert_allclose(totals[node], gradient, rtol=1e-14, atol=1e-15)
    forward, back = found.identity()
    assert forward == pytest.approx(back, rel=1e-12)


def _in_order(leaves, exact):
    """The leaves in the order of the inputs: of a dict, sorted by name."""
    if isinstance(exact[0], dict):
        return [exact[0][name] for name in sorted(exact[0])]
    return leaves


@pytest.mark.parametrize("name", CASES)
def test_totals_are_sums_of_amounts(name):
    f, args = CASES[name]
    found = dk.explain(f, *args)
    totals = dict(found.sweeps.seeds)
    for row in found.adjoint:
        if row.via is None:
            continue
        totals[row.node] = totals.get(row.node, 0.0) + row.amount
        np.testing.assert_array_equal(row.value, totals[row.node])


def spoken(text: str) -> float:
    """The number that written arithmetic stands for, worked out by SymPy."""
    import sympy as sp

    text = text.translate(str.maketrans("−·⁰¹²³⁴⁵⁶⁷⁸⁹", "-*0123456789"))
    found: Any = sp.sympify(text)
    return float(found)


SCALARS = {
    "sin": np.sin, "cos": np.cos, "tan": np.tan, "exp": np.exp, "log": np.log, "sqrt": np.sqrt,
    "tanh": np.tanh, "sinh": np.sinh, "arctan": np.arctan, "log1p": np.log1p, "neg": lambda x: -x,
    "div": lambda x: (x + 1) / (x - 2), "hypot": lambda x: np.hypot(x, x + 1),
    "power": lambda x: x**2.5, "cube": lambda x: -(x**3), "abs": abs,
}  # fmt: skip


@pytest.mark.parametrize("name", SCALARS)
def test_the_arithmetic_that_is_written_gives_the_number(name):
    """The right-hand sides are worked out again, from the five digits that are shown."""
    found = dk.explain(SCALARS[name], 0.75)
    checked = 0
    for row in (*found.tangent, *found.adjoint):
        if not row.arithmetic:
            continue
        left, _, right = row.arithmetic.rpartition(" = ")
        left = re.sub(r"(\d)([²³])", r"\1**\2", left).replace(")²", ")**2").replace(")³", ")**3")
        assert spoken(left) == pytest.approx(spoken(right), rel=2e-4, abs=1e-9), row
        assert spoken(right) == pytest.approx(float(row.value), rel=1e-4)
        checked += 1
    assert checked >= 1


def test_every_operation_is_explained_and_both_sweeps_agree():
    load_all_primitives()
    explained = 0
    for name, operation in REGISTRY.items():
        sample = samples_for(operation)[0]
        drawn = draw_sample(operation, sample, np.random.default_rng(0))
        operands = [np.asarray(x)[()] for x in drawn]
        try:
            found = dk.explain(lambda *x, f=operation, s=sample: f(*x, **s.params), *operands)
        except DtypeError:
            continue  # comparisons and the like have no derivative
        forward, back = found.identity()
        assert forward == pytest.approx(back, rel=1e-9, abs=1e-12, nan_ok=True), name
        assert "⟨" not in str(found), name
        explained += 1
    assert explained > 100


def test_formulas_cannot_be_read_in_two_ways():
    a, b = ("a", ATOM), ("b", ATOM)
    product = phrase_of(REGISTRY["matmul"].operation({}), [a, b])
    assert phrase_of(REGISTRY["mul"].operation({}), [a, product])[0] == "a · (a @ b)"
    scaled = phrase_of(REGISTRY["mul"].operation({}), [a, b])
    assert phrase_of(REGISTRY["matmul"].operation({}), [scaled, b])[0] == "(a · b) @ b"
    minus = phrase_of(REGISTRY["sub"].operation({}), [a, b])
    assert phrase_of(REGISTRY["sub"].operation({}), [a, minus])[0] == "a − (a − b)"


def test_numbers_are_put_into_brackets_where_they_need_some():
    words = {"b": "−2", "0": "−3", "1": "1e-05"}
    assert filled("⟨b⟩·⟨0⟩", words) == "−2·(−3)"
    assert filled("−⟨b⟩ + cos(⟨0⟩)", words) == "−(−2) + cos(−3)"
    assert filled("⟨0⟩² / ⟨1⟩²", words) == "(−3)² / (1e-05)²"


def test_names_that_accents_would_hide_get_a_suffix():
    assert moving_name("i", "\u0307") == "i_dot"
    assert moving_name("loss", "\u0304") == "loss_bar"
    assert moving_name("x", "\u0307") == "ẋ"


# Tensors, branches, loops ------------------------------------------------------------------------


def test_tensors_are_summarised_with_the_arithmetic_of_their_first_entry():
    found = dk.explain(layer, W, X)
    product = found.primal[2]
    assert product.left == "z = x @ w"
    assert product.arithmetic == "[0,0]: 1·0.5 + 2·(−0.2) = 0.1"
    assert product.summary is not None
    assert (product.summary.low, product.summary.high) == (-0.2, 1.7)
    assert str(product.summary).startswith("f64[3,1]  ‖·‖ 1.715")
    assert {"x̄ = z̄ @ wᵀ", "w̄ = xᵀ @ z̄"} <= {row.left for row in found.adjoint}
    assert found.tangent[2].formula == "ẋ @ w + x @ ẇ"


def test_what_was_broadcast_gets_a_sum_back():
    found = dk.explain(lambda b: np.sum(X + b), np.array([0.5, 2.0]))
    assert found.adjoint[-1].left == "b̄ = sum(ā)"
    np.testing.assert_array_equal(found.adjoint[-1].value, [3.0, 3.0])
    assert dk.explain(lambda x: dk.probe("here", x) * 2.0, 3.0).primal[1].right == "= 3"


def test_branches_are_shown_with_their_outcome():
    def f(x):
        if x > 0:
            return x * 2
        return x * 3

    found = dk.explain(f, 1.0)
    assert [row.note for row in found.primal if "branch" in row.note] == ["branch taken: True"]
    line, text, outcome = found.guards[0]
    assert text == "if x > 0:" and outcome is True and line.startswith("test_explain.py:")
    assert "branch taken: True" in str(found)


def test_a_selected_zero_is_not_multiplied():
    found = dk.explain(lambda x: np.where(x > 0, np.log(x), 0.0), 0.0)
    last = found.adjoint[-1]
    assert float(last.value) == 0.0
    assert last.right == "= 0" and "selected" in last.note
    assert "0 / 0" not in str(found)


def scanned(w, xs):
    def step(c, x):
        h = np.tanh(w * c + x)
        return h, h * 2

    c, ys = dk.scan(step, 0.5, xs)
    return c + np.sum(ys)


def test_the_steps_of_a_loop_sum_to_what_it_sends_back():
    xs = np.arange(3.0)
    found = dk.explain(scanned, 0.7, xs)
    (steps,) = found.loops.values()
    assert [step.number for step in steps] == [0, 1, 2]
    sent = sum(float(step.sweeps.adjoint(2)) for step in steps)  # the third input of a step is w
    assert sent == pytest.approx(float(dk.grad(scanned)(0.7, xs)), rel=1e-14)
    moving = [float(step.sweeps.tangent(step.sweeps.graph.output_nodes[0])) for step in steps]
    exact = dk.derivative(lambda w: np.tanh(w * np.tanh(w * np.tanh(w * 0.5) + 1) + 2))(0.7)
    assert moving[-1] == pytest.approx(float(exact), rel=1e-14)
    assert "3 steps of step(0.5, xs, w)" in str(found) and "step 2" in found.to_html()


def test_a_loop_backwards_and_one_too_long_to_follow_back():
    def f(x, length=4, reverse=True):
        return dk.scan(lambda c, _: (np.sin(c) * x, None), 1.0, None, length, reverse)[0]

    assert len(dk.explain(f, 0.5).loops) == 1
    long = dk.explain(lambda x: f(x, 6_000, False), 0.5)
    (steps,) = long.loops.values()
    assert not steps[0].reversible
    assert "too many steps" in str(long)
    json.loads(long.to_json())


def test_a_long_python_loop_is_folded_and_a_long_program_abridged():
    def f(x):
        for _ in range(3_000):
            x = np.sin(x) * 1.01
        return x

    assert len(dk.explain(f, 0.5).graph.columns) < 100
    found = dk.explain(lambda x: _many(x, 100), 0.5)
    lines = str(found.table(limit=10)).splitlines()
    assert sum("more rows" in line for line in lines) == 3
    assert len(lines) < 60


def _many(x, count):
    for k in range(count):
        x = np.sin(x) + k * x
    return x


# Options and bad input ---------------------------------------------------------------------------


def test_directions_and_arguments_may_be_chosen():
    f = CASES["powers"][0]
    along = dk.explain(f, 1.3, 0.4, direction=(0.5, 2.0))
    exact = dk.jvp(f, (1.3, 0.4), (0.5, 2.0))[1]
    assert float(along.tangent[-1].value) == pytest.approx(float(exact), rel=1e-14)
    one = dk.explain(f, 1.3, 0.4, wrt="y")
    assert [one.graph.names[n] for n in one.point.wrt] == ["y"]
    assert one.point.direction == "y moves at speed 1"
    entry = dk.explain(layer, W, X, direction="w[1,0]")
    assert float(entry.tangent[0].value[1, 0]) == 1.0 and np.sum(entry.tangent[0].value) == 1.0
    weighted = dk.explain(lambda x: x**2, np.ones(2), cotangent=np.array([1.0, 3.0]))
    np.testing.assert_allclose(weighted.adjoint[-1].value, [2.0, 6.0])


def test_constant_functions_and_empty_arrays_are_explained():
    constant = dk.explain(lambda x: 3.0, 2.0)
    assert constant.adjoint[-1].note == "nothing flows back"
    assert "does not depend" in str(constant)
    assert float(dk.explain(lambda x: x, 2.0).adjoint[0].value) == 1.0
    assert "f64[0]" in str(dk.explain(lambda x: np.sum(x) + 1.0, np.zeros(0)))


NOTHING: Any = 3
BAD = {
    "not a number": (lambda: dk.explain(lambda x: x > 0, 1.0), DtypeError, "no derivative"),
    "no arguments": (lambda: dk.explain(lambda: 1.0), DtypeError, "no argument"),
    "no function": (lambda: dk.explain(NOTHING, 2.0), InputError, "expected a function"),
    "direction": (lambda: dk.explain(survey, 2.0, 5.0, direction="z"), InputError, "x1, x2"),
    "entry": (lambda: dk.explain(np.sum, np.ones(2), direction="a[7]"), InputError, "no entry"),
    "tangents": (lambda: dk.explain(survey, 2.0, 5.0, direction=1.0), InputError, "1 tangents"),
    "shape": (lambda: dk.explain(layer, W, X, direction=(1.0, X)), ShapeError, "direction of w"),
    "words": (lambda: dk.explain(layer, W, X, direction=(["a"], X)), DiffkitError, "direction"),
    "wrt": (lambda: dk.explain(survey, 2.0, 5.0, wrt=7), InputError, "wrt=7"),
    "wrt name": (lambda: dk.explain(survey, 2.0, 5.0, wrt="z"), InputError, "x1, x2"),
    "wrt integer": (lambda: dk.explain(lambda x, n: x * n, 2.0, 3, wrt="n"), DtypeError, "input n"),
    "cotangent": (
        lambda: dk.explain(survey, 2.0, 5.0, cotangent=[1.0, 2.0]),
        InputError,
        "2 parts",
    ),
    "singular": (
        lambda: dk.explain(lambda a: np.sum(np.linalg.inv(a)), np.zeros((2, 2))),
        LinearAlgebraError,
        "singular",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_told_in_one_sentence(name):
    call, kind, words = BAD[name]
    with pytest.raises(kind) as caught:
        call()
    assert words in caught.value.one_line
    assert len(caught.value.message.splitlines()) == 1
