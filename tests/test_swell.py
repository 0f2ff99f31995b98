"""Expression swell and the equivalence of Laue: exact counts, and what is not equal and why."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from strategies import KINKED, SMOOTH, Program, programs

import diffkit as dk
from diffkit.cli.main import main
from diffkit.comparison.cases import CASES
from diffkit.comparison.swell import METHODS, Swell
from diffkit.comparison.swell_families import FAMILIES, iterates, product
from diffkit.comparison.swell_forms import FORMS
from diffkit.differentiate.equivalence import equivalence, normal_form
from diffkit.differentiate.forward import pushforward_graph
from diffkit.differentiate.reverse import gradient_graph
from diffkit.differentiate.scalars import scalar_graph
from diffkit.differentiate.symbolic_reverse import symbolic_reverse
from diffkit.errors import BudgetError, InputError, ShapeError, UnsupportedError
from diffkit.primitives.hyperbolic import tanh

PROGRAMS = ("symbolic", "reverse")

# The tables of papers ------------------------------------------------------------------------


def test_the_table_of_the_survey() -> None:
    """Baydin et al. 2018: the logistic map, n = 2…8."""
    counts = dk.swell("logistic")
    assert counts.sizes == tuple(range(2, 9))
    assert counts.operations("tree") == [2, 21, 82, 264, 768, 2096, 5472]
    assert counts.operations("cse") == [2, 12, 27, 45, 67, 93, 123]
    assert counts.operations("forward") == [8 * (n - 1) for n in counts.sizes]
    assert counts.operations("reverse") == [8 * (n - 1) - 2 for n in counts.sizes]
    assert counts.operations("symbolic") == counts.operations("reverse")
    assert [counts.function[n] for n in counts.sizes] == [3 * (n - 1) for n in counts.sizes]


def test_speelpennings_product() -> None:
    """As a tree n products of n − 1 factors, n(n − 2) operations; backwards 3(n − 1) − 2."""
    sizes = range(2, 12)
    counts = dk.swell("speelpenning", sizes, ("tree", "symbolic", "reverse", "forward"))
    assert counts.operations("tree") == [n * (n - 2) for n in sizes]
    assert counts.operations("reverse") == [3 * (n - 1) - 2 for n in sizes]
    assert counts.operations("symbolic") == counts.operations("reverse")


def test_differentiate_then_eliminate_is_not_reverse_mode() -> None:
    """The tanh net 2-4-4-4-1: 60,463 operations as a tree, 810 after elimination, 7.9 functions."""
    counts = dk.swell("tanh-net", [3], ("tree", "joint", "symbolic", "reverse"))
    assert counts.function[3] == 102
    assert counts.inputs[3] == 57
    assert counts.operations("tree") == [60_463]
    assert counts.operations("joint") == [810]
    assert round(counts["joint"][3].over, 1) == 7.9
    assert counts.operations("symbolic") == counts.operations("reverse") == [243]


def test_helmholtz_energy_over_the_function() -> None:
    """Griewank 1989: finite differences ≈ n, forward mode ≈ 2n, reverse mode flat in 1.5…4."""
    counts = dk.swell("helmholtz", (1, 5, 20, 50), ("symbolic", "reverse", "forward", "finite"))
    assert all(1.5 <= counts["reverse"][n].over <= 4.0 for n in counts.sizes)
    assert counts["finite"][50].over == pytest.approx(50, rel=0.05)
    assert counts["forward"][50].over == pytest.approx(2 * 50, rel=0.05)
    assert counts.operations("symbolic") == counts.operations("reverse")


# The equivalence -----------------------------------------------------------------------------

TEXTBOOK = {
    "add": lambda x, y: x + y, "sub": lambda x, y: x - y, "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y, "neg": lambda x, y: -x * y, "square": lambda x, y: x**2 * y,
    "cube": lambda x, y: x**3 * y,
    "where": lambda x, y: np.where(x > y, x, y * y),
}  # fmt: skip
UNARY = (np.exp, np.expm1, np.exp2, np.log, np.log1p, np.log2, np.log10, np.sqrt, np.sin, np.cos,
         np.tan, np.arctan, np.sinh, np.cosh, np.tanh, np.arccosh)  # fmt: skip
OTHERWISE = {
    "arcsin": lambda x, y: np.arcsin(x) * y, "arctanh": lambda x, y: np.arctanh(x) * y,
    "arcsinh": lambda x, y: np.arcsinh(x) * y, "hypot": np.hypot, "maximum": np.maximum,
    "abs": lambda x, y: np.abs(x) * y, "power": lambda x, y: x**y,
    "integer_power": lambda x, y: x**-1 * y,
}  # fmt: skip


@pytest.mark.parametrize("name", TEXTBOOK)
def test_sympys_partial_and_our_rule_are_one(name: str) -> None:
    found = equivalence(dk.trace(TEXTBOOK[name], 1.3, 0.4))
    assert found.identical, found
    assert found.symbolic == found.reverse
    assert found.longer == ()


@pytest.mark.parametrize("function", UNARY, ids=lambda function: function.__name__)
def test_sympys_derivative_and_our_rule_are_one(function: Any) -> None:
    found = equivalence(dk.trace(lambda x, y: function(x) * y, 1.3, 0.4))
    assert found.identical, found
    assert found.longer == ()


@pytest.mark.parametrize("name", OTHERWISE)
def test_a_rule_that_is_written_otherwise_is_named(name: str) -> None:
    found = equivalence(dk.trace(OTHERWISE[name], 0.3, 0.4))
    assert not found.identical
    assert found.longer == (name,)


@given(programs())
def test_random_functions_have_one_backward_sweep(program: Program) -> None:
    graph = dk.trace(program, *program.inputs)
    found = equivalence(graph)
    assert found.identical
    assert found.symbolic == found.reverse
    flat = [x for leaf in program.inputs for x in np.ravel(leaf)]
    value, *slopes = symbolic_reverse(graph).run(flat)
    plain, bars = dk.value_and_grad(program, tuple(range(len(program.inputs))))(*program.inputs)
    wanted = np.concatenate([np.ravel(bar) for bar in bars])
    assert value == pytest.approx(plain, rel=1e-10, abs=1e-10)
    assert np.allclose(slopes, wanted, rtol=1e-9, atol=1e-9)


@given(programs(operations=(*SMOOTH, *KINKED)))
def test_a_difference_of_the_sweeps_has_a_named_cause(program: Program) -> None:
    found = equivalence(dk.trace(program, *program.inputs))
    assert found.identical or found.longer


def test_the_cases_of_papers_have_one_backward_sweep() -> None:
    for name in ("baydin", "rosenbrock", "helmholtz", "squire-trapp", "hilbert", "wilkinson"):
        case = CASES[name]
        assert equivalence(dk.trace(case.function, *case.args), case.argnums).identical, name


def test_a_wrong_rule_of_ours_is_no_rule_of_sympys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Symbolic reverse uses none of our derivative rules: a fault planted there does not show."""
    monkeypatch.setattr(type(tanh), "partials", lambda self, y, x: (lambda: 1 + y * y,))
    monkeypatch.setattr(tanh.bare, "templates", {})
    graph = dk.trace(lambda x: np.tanh(x) * 2.0, 0.5)
    wrong, right = gradient_graph(graph).run([0.5])[1], symbolic_reverse(graph).run([0.5])[1]
    assert right == pytest.approx(2 * (1 - np.tanh(0.5) ** 2), rel=1e-15)
    assert wrong == pytest.approx(2 * (1 + np.tanh(0.5) ** 2), rel=1e-15)


def test_a_selection_stays_a_selection() -> None:
    """0·∞ is never formed where the condition is false."""
    graph = dk.trace(lambda x: 3.0 * np.where(x > 0, np.log(x), 0.0), 1.0)
    assert symbolic_reverse(graph).run([0.0])[1] == 0.0


# Scalars -------------------------------------------------------------------------------------

M = np.linspace(-1.0, 1.5, 6).reshape(2, 3)
WRITTEN = {
    "matmul": lambda m: np.sum(np.sin(m @ m.T)),
    "einsum": lambda m: np.einsum("ij,ij->", m, np.exp(m)),
    "logsumexp": lambda m: np.sum(dk.scipy.special.logsumexp(m, axis=1) ** 2),
    "softmax": lambda m: np.sum(dk.scipy.special.softmax(m, axis=0)[0] ** 2),
    "prod": lambda m: np.sum(np.prod(m, axis=0)),
    "cumprod": lambda m: np.sum(np.cumprod(m)),
    "extrema": lambda m: np.max(m) * np.min(m, axis=1)[0],
    "moves": lambda m: np.sum(np.concatenate([m[::-1], m[:, [2, 0, 0]]]).T.reshape(3, 4)[1:] ** 3),
    "nothing": lambda m: np.sum(m[:0]) + m[0, 0],
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_graph_in_scalars_computes_the_same(name: str) -> None:
    graph = dk.trace(WRITTEN[name], M)
    scalars = scalar_graph(graph).check()
    assert len(scalars.input_nodes) == M.size
    assert {aval.shape for aval in scalars.columns.avals} == {()}
    assert scalars.run(list(M.flat))[0] == pytest.approx(WRITTEN[name](M), rel=1e-14)


def test_inputs_of_scalars_are_named_as_in_formulas() -> None:
    graph = dk.trace(lambda w, x: np.sum(w @ x), np.ones((1, 2)), np.ones(2))
    assert scalar_graph(graph).input_names == ("w_0_0", "w_0_1", "x0", "x1")


def test_what_has_no_form_in_scalars_is_refused_with_its_line() -> None:
    graph = dk.trace(lambda a: np.sum(np.linalg.inv(a)), np.eye(2))
    with pytest.raises(UnsupportedError, match=r"solve is not written out[\s\S]*test_swell\.py"):
        scalar_graph(graph)
    with pytest.raises(UnsupportedError, match="not written out"):
        scalar_graph(dk.trace(lambda x: np.sum(np.abs(np.fft.rfft(x))), np.ones(4)))


def test_a_large_graph_is_not_written_out() -> None:
    graph = dk.trace(lambda a: np.sum(a @ a), np.ones((80, 80)))
    with pytest.raises(BudgetError, match="written out"):
        scalar_graph(graph)


def test_only_one_float_can_be_swept() -> None:
    with pytest.raises(ShapeError, match="scalar output"):
        symbolic_reverse(dk.trace(np.sin, np.ones(3)))


def test_the_normal_form_is_normal() -> None:
    graph = normal_form(dk.parse("x**2 + x*y + y*x"))
    assert graph.operations() == {"add": 2, "mul": 2, "total": 4}
    assert normal_form(graph).operations() == graph.operations()
    assert float(graph.run([2.0, 3.0])[0]) == 16.0


# The verb ------------------------------------------------------------------------------------


def test_a_family_of_ones_own() -> None:
    def nested(n: int) -> Any:
        def f(x: Any) -> Any:
            for _ in range(n):
                x = np.sin(x) * x
            return x

        return f, 0.5

    counts = dk.swell(nested, (1, 2, 4))
    assert isinstance(counts, Swell)
    assert counts.title == "nested"
    assert counts.operations("symbolic") == counts.operations("reverse")
    graph = scalar_graph(dk.trace(*nested(4)))
    forward = pushforward_graph(graph).operations()["total"]
    assert counts["forward"][4].operations == forward


def test_functions_by_name_and_graphs() -> None:
    counts = dk.swell({"product": product(3), "text": dk.parse("x*y*exp(x)")}, methods=PROGRAMS)
    assert counts.sizes == ("product", "text")
    assert counts.inputs == {"product": 3, "text": 2}
    assert "text" in str(counts)


def test_by_which_arguments() -> None:
    f = {"f": (lambda a, b: np.sum(a) * b, np.ones(4), 2.0)}
    assert dk.swell(f, methods=PROGRAMS).inputs == {"f": 4}
    assert dk.swell(f, methods=PROGRAMS, argnums=1).inputs == {"f": 1}
    assert dk.swell(f, methods=PROGRAMS, argnums=(0, 1)).inputs == {"f": 5}


def test_what_is_too_much_is_given_up_and_the_rest_is_counted() -> None:
    counts = dk.swell("logistic", (3, 200, 300), ("tree", "cse", "reverse"))
    assert counts.operations("tree") == [21, None, None]
    assert counts.operations("reverse") == [14, 8 * 199 - 2, 8 * 299 - 2]
    assert "symbolic gave up" in (counts["cse"][200].refused or "")
    assert counts.notes == [
        note for note in counts.notes if note.startswith("tree, cse at n = 200")
    ]
    assert "–" in str(counts)
    assert "gave up" in counts.to_dict()["note"]
    assert not counts.interrupted


def test_ctrl_c_keeps_what_was_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(subject: Any, budget: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setitem(FORMS, "cse", interrupted)
    counts = dk.swell("logistic", (2, 3), ("tree", "cse", "reverse"))
    assert counts.interrupted
    assert counts.operations("tree") == [2, 21]
    assert counts.operations("cse") == counts.operations("reverse") == [None, None]
    code, out, _ = run(capsys, "logistic", "--upto", "3")
    assert code == 130
    assert out.splitlines()[1].startswith("2\t1\t3\t2\t")


def test_a_form_that_does_not_apply_says_so_and_the_others_count() -> None:
    def remainder(a: Any) -> Any:
        return a * np.remainder(3.0, a)

    counts = dk.swell({"remainder": (remainder, 1.5)}, methods=PROGRAMS)["symbolic"]["remainder"]
    assert counts.operations is None
    assert "no counterpart" in (counts.refused or "")
    reverse = dk.swell({"remainder": (remainder, 1.5)}, methods=PROGRAMS)["reverse"]
    assert reverse["remainder"].operations is not None


def test_the_document() -> None:
    counts = dk.swell("tanh-net", [1], title=None)
    document = json.loads(counts.to_json())
    assert document["schema"] == 1
    assert tuple(document["methods"]) == METHODS
    assert document["methods"]["tree"]["1"] == {"operations": 655, "over_function": 655 / 30}
    assert document["inputs"] == {"1": 17}
    assert repr(counts).startswith("<Swell of tanh net")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("logistics",), "no family 'logistics'"),
        (("logistic", [0]), "not positive whole numbers"),
        (("logistic", []), "not positive whole numbers"),
        (("logistic", [True]), "not positive whole numbers"),
        (("logistic", [2], ["tree", "bush"]), "unknown form 'bush'"),
        ((lambda n: (np.sin, 1.0),), "needs sizes"),
        ((lambda n: np.sin, [1]), "no function and arguments"),
        (({"a": (np.sin, 1.0)}, [1]), "its own sizes"),
        ((3,), "a int is no family"),
        ((dk.parse("x*x"),), "a Graph is no family"),
    ],
)
def test_wrong_words(arguments: tuple[Any, ...], told: str) -> None:
    with pytest.raises(InputError, match=told):
        dk.swell(*arguments)


def test_a_family_returns_one_float() -> None:
    with pytest.raises(ShapeError):
        dk.swell(lambda n: (np.sin, np.ones(n)), [2])


def test_iterates_of_a_formula() -> None:
    family = iterates(dk.parse("4*x*(1-x)"))
    counts = dk.swell(family, range(1, 8), ("tree", "reverse"))
    assert counts.operations("tree") == dk.swell("logistic", methods=["tree"]).operations("tree")
    with pytest.raises(InputError, match="one variable"):
        iterates(dk.parse("x*y"))


def test_the_plot_has_a_line_for_each_form() -> None:
    import matplotlib.pyplot as plt

    axes = dk.swell("logistic", [2, 3, 4]).plot()
    labels = [text.get_text() for text in axes.texts]
    assert "formula, written out: 82" in labels
    assert "reverse mode and\nsymbolic on the graph: 22" in labels
    plt.close("all")


@pytest.mark.parametrize("name", FAMILIES)
def test_the_points_of_a_family_are_in_its_domain(name: str) -> None:
    f, *args = FAMILIES[name].of(FAMILIES[name].sizes[-1])
    assert np.isfinite(f(*args))


# The command ---------------------------------------------------------------------------------


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(["swell", *words])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_the_command_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "logistic", "--upto", "4")
    rows = [line.split("\t") for line in out.splitlines()]
    assert code == 0
    assert rows[0] == ["size", "inputs", "function", *METHODS]
    assert [row[3] for row in rows[1:]] == ["2", "21", "82"]


def test_the_command_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "speelpenning", "--sizes", "2,5", "--methods", "reverse", "--json")
    assert code == 0
    document = json.loads(out)
    assert document["sizes"] == [2, 5]
    assert document["methods"]["reverse"]["5"]["operations"] == 10


def test_the_command_iterates_an_expression(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "-x**2", "--upto", "3", "--methods", "symbolic,reverse", "--json")
    assert code == 0
    methods = json.loads(out)["methods"]
    assert methods["symbolic"] == methods["reverse"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("logistc",), "did you mean logistic"),
        (("logistic", "--methods", "revers"), "did you mean reverse"),
        (("logistic", "--sizes", "two"), "no whole numbers"),
        (("logistic", "--sizes", "0"), "not positive"),
        (("logistic", "--sizes", "2", "--upto", "3"), "give one of them"),
        (("x*y",), "one variable"),
        (("x**",), "ParseError"),
        (("--upto", "3"), "FAMILY"),
    ],
)
def test_wrong_words_of_the_command(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told: str
) -> None:
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert told in err
    assert len(err.splitlines()) == 1
