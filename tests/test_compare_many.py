"""``dk.compare_many``: rows, files that are resumed, reports, and the built-in cases."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.comparison import many, many_rows, net_cases, truth_in_time
from diffkit.comparison.cases import CASES, Case
from diffkit.comparison.loss_cases import LOSSES, NETS, arguments_of_net, loss_of_net
from diffkit.comparison.many_store import RowFile
from diffkit.errors import InputError
from diffkit.nets.losses import bce_with_logits, cross_entropy, hinge, huber, mae, mse

TWO = ["forward", "reverse"]
EXACT_ULPS = 20  # a few roundings


def square(x: Any) -> Any:
    return np.sum(x * x)


# Rows -------------------------------------------------------------------------------------------


def test_rows_are_cases_by_sizes_by_dtypes() -> None:
    report = dk.compare_many(
        ["rosenbrock", "baydin"], TWO, sizes=(2, 3), dtypes=("float64", "float32")
    )
    found = [(row["case"], row["size"], row["dtype"], row["inputs"]) for row in report]
    sized = [("rosenbrock", n, dtype, n) for n in (2, 3) for dtype in ("float64", "float32")]
    assert found == [*sized, ("baydin", None, "float64", 2), ("baydin", None, "float32", 2)]
    for row in report:
        assert set(row["methods"]) == set(TWO) and not row["missing"]
        assert row["truth"]["certified"] and row["source"]


def test_float32_is_held_against_the_same_truth_in_its_own_ulps() -> None:
    rows = dk.compare_many(["squire-trapp"], ["reverse"], dtypes=many_rows.DTYPES).rows
    errors = [row["methods"]["reverse"]["rel_error"] for row in rows]
    assert errors[0] < 1e-14 and 1e-10 < errors[1] < 1e-5
    assert all(row["methods"]["reverse"]["max_ulp"] < EXACT_ULPS for row in rows)


def test_functions_of_ones_own_are_cases() -> None:
    report = dk.compare_many({"square": (square, np.ones(3))}, ["reverse"])
    assert report.rows[0]["case"] == "square"
    assert report.rows[0]["methods"]["reverse"]["max_ulp"] == 0.0
    assert len(dk.compare_many([(square, np.ones(2)), "baydin"], ["reverse"])) == 2
    case = Case(
        "mine", square, lambda: (np.ones(2),), (0,), "a test", sized=lambda n: (np.ones(n),)
    )
    assert [row["inputs"] for row in dk.compare_many([case], ["reverse"], sizes=[4, 5])] == [4, 5]


def test_a_function_that_fails_leaves_the_others() -> None:
    def broken(x: Any) -> Any:
        raise KeyError("data")

    report = dk.compare_many({"broken": (broken, 1.0), "square": (square, 2.0)}, ["reverse"])
    assert "data" in report.rows[0]["failed"] and not report.rows[1].get("failed")
    assert set(report.missing) == {report.rows[0]["key"]}


def test_a_row_that_is_cut_short_says_what_is_missing(monkeypatch: Any) -> None:
    def endless(*words: Any) -> Any:
        while True:
            pass

    monkeypatch.setattr(truth_in_time, "_truth", endless)  # the true one may beat the clock
    row = dk.compare_many(["rosenbrock"], ["finite", "reverse"], budget_seconds=1e-9).rows[0]
    assert "used up" in row["missing"]["finite"] and not row["methods"]
    assert "took more than" in row["missing"]["truth"]


def test_a_method_that_would_not_end_in_time_is_not_begun(monkeypatch: Any) -> None:
    assert many_rows._too_long("reverse", 1e9, 1.0) == ""
    assert "about 2e+09 s" in many_rows._too_long("finite", 1e9, 1.0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"cases": ["no-case"]}, "no case named"),
        ({"cases": [3]}, "is no case"),
        ({"cases": ["baydin"], "methods": ["magic"]}, "unknown method"),
        ({"cases": ["baydin"], "dtypes": ["float16"]}, "is not compared"),
        ({"cases": ["baydin"], "sizes": [0]}, "no number of elements"),
        ({"cases": ["baydin"], "budget_seconds": 0}, "is positive"),
    ],
)
def test_wrong_questions_are_told(words: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        dk.compare_many(**words)


# Resuming ---------------------------------------------------------------------------------------


def test_a_rerun_skips_the_rows_that_are_done(tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "rows.jsonl"
    first = dk.compare_many(["baydin", "rosenbrock"], TWO, resume=path)
    assert len(path.read_text().splitlines()) == 2

    def never(job: Any) -> Any:
        raise AssertionError(f"{job.key} was run again")

    monkeypatch.setattr(many, "run_job", never)
    again = dk.compare_many(["baydin", "rosenbrock"], TWO, resume=path)
    assert again.to_dict() == first.to_dict()
    with pytest.raises(AssertionError, match="baydin"):
        dk.compare_many(["baydin"], ["reverse"], resume=path)


def test_rows_that_were_cut_short_are_done_again_with_more_time(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    dk.compare_many(["baydin"], TWO, resume=path, budget_seconds=1e-9)
    assert dk.compare_many(["baydin"], TWO, resume=path, budget_seconds=1e-9).missing
    assert not dk.compare_many(["baydin"], TWO, resume=path).missing
    assert len(path.read_text().splitlines()) == 2
    assert not dk.compare_many(["baydin"], TWO, resume=path).missing


def test_an_interruption_keeps_what_was_done(tmp_path: Path, monkeypatch: Any) -> None:
    path, run_job = tmp_path / "rows.jsonl", many_rows.run_job

    def stopped_at_the_second(job: Any) -> Any:
        if job.name == "rosenbrock":
            raise KeyboardInterrupt
        return run_job(job)

    monkeypatch.setattr(many, "run_job", stopped_at_the_second)
    names = ["baydin", "rosenbrock", "speelpenning"]
    report = dk.compare_many(names, ["reverse"], resume=path)
    assert report.interrupted and len(report) == 1 and len(report.waiting) == 2
    assert report.missing[report.waiting[0]] == {"row": "not reached"}
    assert "not reached: rosenbrock f64, speelpenning f64" in str(report)
    monkeypatch.setattr(many, "run_job", run_job)
    assert len(dk.compare_many(names, ["reverse"], resume=path)) == 3


def test_a_line_that_a_crash_cut_short_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    dk.compare_many(["baydin", "rosenbrock"], ["reverse"], resume=path)
    whole = path.read_text()
    path.write_text(whole[:-40])
    assert len(RowFile(path).rows) == 1
    report = dk.compare_many(["baydin", "rosenbrock"], ["reverse"], resume=path)
    assert len(report) == 2 and len(RowFile(path).rows) == 2
    assert path.read_text().splitlines()[0] == whole.splitlines()[0]


def test_a_file_of_something_else_is_not_written_to(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("my notes\n")
    with pytest.raises(InputError, match=r"notes.txt:1 is no row"):
        dk.compare_many(["baydin"], ["reverse"], resume=path)
    assert path.read_text() == "my notes\n"


# Reports ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def report() -> Any:
    broken = {"broken|case": (lambda x: 1 / 0 * x, 1.0)}
    return dk.compare_many({"square": (square, np.ones(2)), **broken}, [*TWO, "finite"])


def test_every_form_has_every_row(report: Any) -> None:
    text = str(report)
    assert max(map(len, text.splitlines())) <= 80
    for shown in (text, report.to_html(), report._repr_html_()):
        assert "square" in shown and "failed" in shown
    assert "broken\\|case" in report.to_markdown()
    assert report.to_html().startswith("<!doctype html>") and "http" not in report.to_html()
    lines = list(csv.DictReader(io.StringIO(report.to_csv())))
    assert [line["method"] for line in lines] == [*TWO, "finite"] * 2
    assert float(lines[1]["max_ulp"]) == 0.0 and lines[3]["max_ulp"] == ""
    found = json.loads(report.to_json())
    assert found["schema"] == 1 and len(found["rows"]) == 2 and found["missing"]


# The built-in cases -----------------------------------------------------------------------------


def test_every_case_has_a_source_and_a_title_of_its_own() -> None:
    titles = [case.title for case in CASES.values()]
    assert len(set(titles)) == len(titles)
    assert all(case.source and case.argnums for case in CASES.values())


def test_all_losses_on_all_nets_are_there() -> None:
    names = {f"{net}-{loss}" for net in NETS for loss in LOSSES}
    assert len(names) == 18 and names <= set(CASES)


THEIRS = {
    "mse": mse, "mae": mae, "huber": huber(1.0), "cross-entropy": cross_entropy,
    "bce": bce_with_logits, "hinge": hinge,
}  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
def test_the_losses_are_their_namesakes(name: str) -> None:
    generator = np.random.default_rng(3)
    scores, labels = generator.normal(size=(5, 10)), generator.integers(0, 10, 5)
    one_hot = np.eye(10)[labels]
    target = labels if name == "hinge" else one_hot
    np.testing.assert_allclose(LOSSES[name](scores, one_hot), THEIRS[name](scores, target))


@pytest.mark.parametrize("net", NETS)
def test_gradients_of_the_nets_agree_with_the_truth(net: str) -> None:
    generator = np.random.default_rng(0)
    pixels, labels = generator.integers(0, 17, (2, 64)).astype(float), np.array([3, 7])
    args = arguments_of_net(net, pixels, labels, 2)
    argnums = tuple(range(len(NETS[net][1])))
    found = dk.compare(
        loss_of_net(net, "cross-entropy"), *args, argnums=argnums, methods=TWO, digits=40
    )
    assert found.truth.certified and pixels.shape[1] == net_cases.PIXELS
    assert all(found[method].errors.rel_error < 1e-13 for method in TWO)


HARD = ("cancelled-cosine", "quadratic-root", "naive-variance", "wilkinson", "unscaled-norm")


@pytest.mark.parametrize("name", HARD)
def test_ill_conditioned_functions_lose_digits_by_every_method(name: str) -> None:
    """The loss is the function's: no rule is wrong, and no method is spared."""
    row = dk.compare_many([name], ["finite", *TWO]).rows[0]
    for method in TWO:
        assert row["methods"][method]["max_ulp"] > 100, method
    worst = row["methods"]["finite"]["rel_error"]
    assert worst > row["methods"]["reverse"]["rel_error"]


@pytest.mark.parametrize("name", ["rump", "hilbert", "squire-trapp"])
def test_gradients_that_are_well_conditioned_are_exact(name: str) -> None:
    row = dk.compare_many([name], TWO).rows[0]
    assert all(row["methods"][method]["rel_error"] < 1e-14 for method in TWO)


# The command line --------------------------------------------------------------------------------


def test_the_command_writes_a_report_and_resumes_it(run: Any, tmp_path: Path) -> None:
    rows, page = tmp_path / "rows.jsonl", tmp_path / "report.html"
    words = ["--case", "rump,rosenbrock", "--sizes", "2,3", "--methods", "forward,reverse"]
    words += ["--dtype", "float64,float32", "--resume", str(rows)]
    done = run("compare", *words, "--out", str(page))
    assert done.returncode == 0 and page.read_text().startswith("<!doctype html>")
    assert len(rows.read_text().splitlines()) == 6
    again = json.loads(run("compare", *words, "--format", "json").stdout)
    assert len(again["rows"]) == 6 and len(rows.read_text().splitlines()) == 6
    assert run("compare", *words).stdout.startswith("case,size,dtype,")
    assert run("compare", *words, "--format", "md").stdout.startswith("| case |")
    assert "forward" in run("compare", *words, "--format", "table").stdout


@pytest.mark.parametrize(
    "words",
    [
        ["--all", "--case", "rump"],
        ["--sizes", "2"],
        ["--case", "rump,nothing"],
        ["--case", "rump", "--sizes", "many"],
        ["--case", "rump", "--dtype", "float16"],
        ["--case", "rump", "--format", "pdf"],
        ["x*y", "--at", "1,2", "--format", "html"],
        ["--case", "rump", "--format", "md", "--out", "no/such/folder/x.md"],
        ["--case", "rump,hilbert", "--digits", "50"],
    ],
)
def test_the_command_tells_wrong_input(run: Any, words: list[str]) -> None:
    done = run("compare", *words)
    assert done.returncode == 2 and done.stderr and "Traceback" not in done.stderr


def test_cases_are_listed(run: Any) -> None:
    assert run("compare", "--cases").stdout == run("compare", "--list").stdout


def test_ctrl_c_writes_what_there_is_and_ends_with_130(
    tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    from diffkit.cli.main import INTERRUPTED, main

    def stopped(job: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(many, "run_job", stopped)
    assert main(["compare", "--case", "rump,baydin", "--format", "json"]) == INTERRUPTED
    shown = capsys.readouterr()
    assert json.loads(shown.out)["interrupted"] and "stopped after 0 rows" in shown.err
