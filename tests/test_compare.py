"""The truth and the comparison: independence, accuracy, contracts of the output, refusals."""

from __future__ import annotations

import json
import time
from io import StringIO

import mpmath as mp
import numpy as np
import pytest

import diffkit as dk
from diffkit.capture.capturing import capture
from diffkit.comparison.accuracy import correct_digits, summarize, ulps
from diffkit.comparison.cases import CASES, baydin, logistic_map, softmax_loss
from diffkit.comparison.cost import measure, peak_memory
from diffkit.comparison.rendering import number_parts
from diffkit.comparison.report import compare
from diffkit.differentiate.finite import Finite
from diffkit.differentiate.method import JacobianResult, Method
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines.precise import Truth, true_derivatives
from diffkit.errors import (
    BudgetError,
    DiffkitError,
    DtypeError,
    InputError,
    ShapeError,
)

EXACT_METHODS = ("complex", "forward", "reverse")
SMALL_CASES = ("baydin", "logistic-map", "rosenbrock", "speelpenning", "helmholtz")


def truth_of(f, *args, digits=100) -> Truth:
    """The truth of a plain function with respect to all its arguments."""
    args = [np.float64(a) if np.ndim(a) == 0 else np.asarray(a) for a in args]
    graph = capture(f, args)
    return true_derivatives(graph, args, range(len(args)), digits)


# Accuracy --------------------------------------------------------------------------------------


def test_ulps_count_neighbours():
    one = mp.mpf(1)
    assert ulps(np.nextafter(1.0, 2.0), one) == 1.0
    assert ulps(np.float32(1) + np.spacing(np.float32(1)), one) == 1.0
    assert ulps(0.0, mp.mpf(0)) == 0.0


def test_ulps_see_below_rounding():
    with mp.workdps(50):
        third = mp.mpf(1) / 3
    error = float(ulps(1.0 / 3.0, third))
    assert 0.0 < error <= 0.5


@pytest.mark.parametrize(
    ("value", "truth", "expected"),
    [
        (np.nan, "nan", np.nan),
        (np.inf, "inf", 0.0),
        (np.inf, "1e400", 0.0),
        (np.inf, "-inf", np.inf),
        (np.nan, "1", np.inf),
        (1.0, "nan", np.nan),
    ],
)
def test_ulps_of_special_values(value, truth, expected):
    np.testing.assert_equal(ulps(value, mp.mpf(truth)), np.array(expected))


def test_summary_is_over_all_blocks():
    summary = summarize([np.array([1.0, 2.0 + 2**-50]), 3.0], [[mp.mpf(1), mp.mpf(2)], mp.mpf(3)])
    assert summary.max_ulp == 2.0 and summary.median_ulp == 0.0
    assert summary.abs_error == 2**-50 and summary.rel_error == 2**-50 / 3


def test_correct_digits_and_printed_digits_agree():
    truth = mp.mpf("1.7163378145367738")
    assert correct_digits(1.71634, truth) == pytest.approx(5.9, abs=0.1)
    assert number_parts(1.71634, truth) == ("1.71634", "", "")
    assert number_parts(1.71644, truth) == ("1.716", "44", "")
    assert number_parts(float(truth), truth) == (repr(float(truth)), "", "")
    assert number_parts(float("nan"), truth) == ("", "nan", "")


# Cost ------------------------------------------------------------------------------------------


def test_peak_memory_follows_liveness():
    x = np.zeros(1000)
    short = capture(lambda x: np.sum(np.sin(np.sin(np.sin(x)))), (x,))
    # the input, one sine that is read and one that is written; the final sum is a scalar
    assert 3 * 8000 <= peak_memory(short) <= 3 * 8000 + 100
    assert peak_memory(short, complex_numbers=True) >= 2 * 3 * 8000
    assert peak_memory(gradient_graph(short)) > peak_memory(short)


def test_measure_keeps_the_budget():
    start = time.perf_counter()
    timing = measure(lambda: 1, budget=0.05)
    assert timing.result == 1 and time.perf_counter() - start < 0.5


# Comparison ------------------------------------------------------------------------------------


def test_baydin_by_every_method():
    report = compare(baydin, 2.0, 5.0)
    assert report.true_value == pytest.approx(11.652, abs=5e-4)
    assert tuple(report.true_derivative) == (5.5, 1.7163378145367738)
    for name in ("symbolic", *EXACT_METHODS):
        assert report[name].max_ulp <= 1.0, name
    assert 1e3 < report["finite"].max_ulp < 1e7
    assert report["reverse"].operations <= 5 * report.f_operations


@pytest.mark.parametrize("name", SMALL_CASES)
def test_cases_agree_with_the_truth(name):
    case = CASES[name]
    report = compare(
        case.function, *case.arguments(), argnums=case.argnums, methods=[*EXACT_METHODS, "finite"]
    )
    assert report.truth.certified
    for method in EXACT_METHODS:
        assert report[method].errors.rel_error < 1e-14, method
    assert report["finite"].errors.rel_error < 1e-6


def test_text_gives_variable_to_number():
    report = compare(dk.parse("log(x1)+x1*x2-sin(x2)"), x1=2, x2=5, methods=["reverse"])
    assert set(report["reverse"].derivative) == {"x1", "x2"}
    assert report["reverse"].derivative["x1"] == 5.5
    positional = compare(dk.parse("a - b"), 1.0, 2.0, methods=["reverse"])
    assert positional["reverse"].derivative == {"a": 1.0, "b": -1.0}


def test_derivative_has_the_tree_of_the_arguments():
    def loss(params, x, labels):
        return np.sum((params["w"] @ x + params["b"][0]) * labels)

    params = {"w": np.ones((2, 3)), "b": [np.array([0.5, 1.5])]}
    labels = np.array([0, 1])
    report = compare(loss, params, np.arange(3.0), labels, methods=["reverse"])
    by_params, by_x = report["reverse"].derivative
    assert by_params["w"].shape == (2, 3) and by_params["b"][0].shape == (2,)
    assert by_x.shape == (3,)
    only = compare(loss, params, np.arange(3.0), labels, argnums=1, methods=["reverse"])
    np.testing.assert_array_equal(only["reverse"].derivative, by_x)
    assert report.arguments.names == ["b_0", "w", "x"]


def test_integer_leaves_get_none():
    report = compare(lambda p: p["x"] * p["n"], {"x": 2.0, "n": 3}, methods=["forward"])
    assert report["forward"].derivative == {"x": 3.0, "n": None}


class Refusing(Method):
    """A method that gives up."""

    name = "refusing"

    def jacobian(self, function, leaves, wrt, engine="auto"):
        raise BudgetError("gave up at 10 operations", hint="ask for less.")


class Guessing(Method):
    """A method whose derivative is always NaN."""

    name = "guessing"

    def jacobian(self, function, leaves, wrt, engine="auto"):
        blocks = [np.full(np.shape(leaves[j]), np.nan) for j in wrt]
        return JacobianResult(function.values(leaves), [blocks], 1, 0)


def test_a_refusal_is_recorded_and_the_others_go_on():
    report = compare(logistic_map, 0.2, methods=[Refusing(), "reverse"])
    assert "gave up at 10 operations" in str(report["refusing"].refused)
    assert report.to_dict()["methods"]["refusing"] == {"refused": report["refusing"].refused}
    assert report["reverse"].max_ulp <= 4.0
    assert "gave up" in str(report) and "gave up" in report._repr_html_()


def test_json_follows_the_contract():
    found = json.loads(compare(baydin, 2.0, 5.0).to_json())
    assert found["schema"] == 1 and found["at"] == {"x1": 2.0, "x2": 5.0}
    assert found["function"] == "baydin"
    assert set(found["truth"]) >= {"value", "derivative", "digits"}
    assert found["truth"]["derivative"] == [5.5, 1.7163378145367738]
    assert set(found["methods"]) == {"symbolic", "finite", "complex", "forward", "reverse"}
    wanted = {
        "value", "derivative", "max_ulp", "median_ulp", "rel_error", "abs_error", "operations",
        "evaluations", "time", "time_over_f", "compile_time", "memory",
    }  # fmt: skip
    for entry in found["methods"].values():
        assert wanted <= set(entry)
    assert {"tree", "shared", "cse"} <= set(found["methods"]["symbolic"]["formula"])


def test_nan_becomes_null_with_a_note():
    entry = compare(logistic_map, 0.2, methods=[Guessing()]).to_dict()["methods"]["guessing"]
    assert entry["derivative"] is None and entry["max_ulp"] is None
    assert "null stands for NaN" in entry["note"] and "derivative" in entry["note"]


def test_warnings_of_a_method_become_its_notes():
    report = compare(np.sqrt, 0.0, methods=["finite", "forward"])
    assert "left the domain" in "; ".join(report["finite"].notes)
    assert report.true_derivative == np.inf == report["forward"].derivative
    assert report["forward"].max_ulp == 0.0 and report["finite"].max_ulp == np.inf


def test_two_methods_of_one_name_are_told_apart():
    report = compare(logistic_map, 0.2, methods=[Finite(2), Finite(4), Finite(4)])
    assert len(report.methods) == 3
    assert all(name.startswith("Finite(accuracy=") for name in report)


def test_a_name_keeps_its_text_beside_an_object_of_the_same_name():
    given = ["finite", Finite(accuracy=4), "finite"]
    report = compare(logistic_map, 0.2, methods=given)
    assert list(report) == ["finite", "Finite(accuracy=4, step='auto')", "finite (2)"]
    assert report["finite"].evaluations < report["Finite(accuracy=4, step='auto')"].evaluations
    assert list(report.to_dict()["methods"]) == list(report)
    assert list(compare(logistic_map, 0.2, methods=[Finite(accuracy=4)])) == ["finite"]
    with pytest.raises(InputError, match="unknown method 3"):
        compare(logistic_map, 0.2, methods=["finite", 3])


def test_tables_fit_eighty_columns_and_mark_wrong_digits():
    from rich.console import Console

    report = compare(baydin, 2.0, 5.0)
    lines = str(report.table()).splitlines()
    assert max(map(len, lines)) <= 80
    assert "1.7163378145367738" in str(report) and "\x1b" not in str(report)
    console = Console(width=80, force_terminal=True, record=True, file=StringIO())
    console.print(report.table())
    html = console.export_html()
    assert "underline" in html
    assert "text-decoration:underline" in report._repr_html_()


def test_narrow_tables_drop_columns_instead_of_digits():
    from rich.console import Console

    def long_names(first_parameter, second_parameter):
        return np.sin(first_parameter * second_parameter) + np.exp(first_parameter)

    report = compare(long_names, 1.0, 2.0, methods=["reverse", "finite"])

    def shown(width):
        console = Console(width=width, file=StringIO(), record=True)
        console.print(report.table())
        return console.export_text()

    for width, dropped in [(80, []), (60, ["time", "× f"]), (50, ["time", "× f", "runs"])]:
        text = shown(width)
        heading = text.splitlines()[1]
        assert max(map(len, text.splitlines())) <= width
        assert "-0.4161468365471424" in text
        assert "max ulp" in heading and "ops" in heading
        assert [h for h in ("time", "× f", "runs") if h not in heading] == dropped
    assert "∂/∂first_paramete" in shown(80) and "second_parameter" in shown(120)


def test_large_derivatives_are_bars():
    x = np.linspace(1.0, 2.0, 30)
    text = str(compare(lambda x: np.sum(np.exp(x)), x, methods=["reverse", "finite"]))
    assert "█" in text and "30 partial derivatives" in text
    assert max(map(len, text.splitlines())) <= 80


def test_tsv_is_ascii_headed_and_full_precision():
    lines = compare(baydin, 2.0, 5.0, methods=["reverse"]).to_tsv().splitlines()
    header = lines[0].split("\t")
    assert lines[0].isascii() and header[0] == "method"
    row = dict(zip(header, lines[2].split("\t"), strict=True))
    assert row["method"] == "reverse" and json.loads(row["derivative"])[0] == 5.5


# Bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "args", "error", "words"),
    [
        (lambda x: x * 2.0, (np.ones(3),), ShapeError, "one number"),
        (lambda x: (x, x), (1.0,), ShapeError, "one number"),
        (lambda x: np.sum(x[None]), (np.ones((0,)),), DiffkitError, None),
        (lambda n: n * 2.0, (np.bool_(True),), DtypeError, "is a number"),
        (lambda: 1.0, (), DtypeError, "nothing to differentiate"),
        (lambda x: None, (1.0,), DiffkitError, "None"),
        (lambda x: x, ("text",), DiffkitError, None),
        (lambda x: x > 0.0, (1.0,), DtypeError, "no derivative"),
        (7, (1.0,), InputError, "function"),
    ],
    ids=["array", "tuple", "empty", "truth value", "nothing", "none", "text", "bool", "number"],
)
def test_bad_functions_are_typed_errors(f, args, error, words):
    if words is None and args and np.size(args[0]) == 0:
        # the derivative of a constant by nothing is nothing, and says so in numbers
        report = compare(f, *args, methods=["reverse"])
        assert report["reverse"].derivative.shape == (0,)
        assert np.isnan(report["reverse"].max_ulp)
        return
    with pytest.raises(error, match=words):
        compare(f, *args)


def test_endless_work_is_refused():
    def loss(x):
        return np.sum(np.sin(x) * x)

    x = np.linspace(0.0, 1.0, 1_000_000)
    compare(loss, x[:10], methods=["reverse"])
    start = time.process_time()
    report = compare(loss, x, methods=["finite", "reverse"])
    assert time.process_time() - start < 20.0
    assert "1,000,000 inputs" in str(report["finite"].refused)
    assert "no truth" in report.truth.notes[0]
    assert np.isnan(report["reverse"].max_ulp)
    np.testing.assert_allclose(report["reverse"].derivative, np.cos(x) * x + np.sin(x))
    assert report.to_dict()["methods"]["reverse"]["max_ulp"] is None


@pytest.mark.parametrize("argnums", [5, -3, (), ("x",)])
def test_bad_argnums_are_refused(argnums):
    with pytest.raises(InputError, match="argnums"):
        compare(baydin, 2.0, 5.0, argnums=argnums)


def test_unknown_methods_are_refused():
    with pytest.raises(InputError, match="unknown method"):
        compare(baydin, 2.0, 5.0, methods=["magic"])


# Real data -------------------------------------------------------------------------------------


def test_softmax_at_zero_is_the_log_of_ten():
    pytest.importorskip("sklearn")
    weights, bias, pixels, labels = CASES["softmax-digits"].arguments()
    assert pixels.shape == (1797, 64) and weights.shape == (64, 10)
    assert softmax_loss(0.0 * weights, bias, pixels, labels) == pytest.approx(np.log(10.0))


def test_softmax_over_digits():
    pytest.importorskip("sklearn")
    case = CASES["softmax-digits-small"]
    report = compare(
        case.function, *case.arguments(), argnums=case.argnums, methods=["forward", "reverse"]
    )
    assert report.truth.certified
    for method in ("forward", "reverse"):
        assert report[method].errors.rel_error < 1e-14
    assert report["reverse"].operations <= 5 * report.f_operations
    assert report["forward"].operations > 100 * report.f_operations


def test_missing_data_names_the_extra(monkeypatch):
    import sys

    from diffkit.comparison import cases

    cases._digits.cache_clear()
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(DiffkitError, match=r"diffkit\[gallery\]"):
        CASES["softmax-digits"].arguments()


def test_derivatives_are_held_to_the_dtype_of_their_argument() -> None:
    """Constants in double precision must not count the errors of single ones in its ulps."""
    matrix = np.eye(3) + 0.1
    found = dk.compare(lambda x: np.sum(matrix @ x * x), np.full(3, 0.3, np.float32))
    assert {report.blocks[0].dtype for report in found.methods.values()} == {np.dtype(np.float32)}
    assert max(found[name].max_ulp for name in ("forward", "reverse", "symbolic")) < 2
