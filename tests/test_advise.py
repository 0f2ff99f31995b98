"""``dk.advise``: its choice, its reasons, and what it says about methods that will not do."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.comparison.advise import CLOSE, EVEN, _able, _least
from diffkit.comparison.advise_costs import Candidate
from diffkit.comparison.advise_problem import Problem
from diffkit.errors import BudgetError, InputError, ShapeError

RNG = np.random.default_rng(0)
VECTOR = np.linspace(-1.0, 1.0, 200)


def bowl(x: Any) -> Any:
    return np.sum(np.tanh(x) ** 2)


def curve(t: Any) -> Any:
    return np.sin(t * np.arange(1.0, 60.0))


def chain(x: Any) -> Any:
    return x[1:] * x[:-1]


def test_many_inputs_and_repeats_ask_for_reverse_mode() -> None:
    advice = dk.advise(bowl, VECTOR, repeats=10_000)
    assert (advice.method, advice.call) == ("reverse", "dk.grad(f)")
    assert advice.inputs == VECTOR.size and advice.outputs == 1
    assert advice["reverse"].total(10_000) * 5 < advice["finite"].total(10_000)
    assert any("1 sweep" in reason for reason in advice.reasons)


def test_few_inputs_and_many_outputs_ask_for_forward_mode() -> None:
    advice = dk.advise(curve, 0.3, want="jacobian", repeats=10_000, accuracy=1e-12)
    assert advice.method == "forward"
    assert advice["forward"].sweeps == 1 and advice["reverse"].sweeps == 59


def test_a_jacobian_of_two_diagonals_asks_for_colours() -> None:
    advice = dk.advise(chain, VECTOR, want="jacobian", repeats=1_000)
    assert advice.method == "sparse" and advice["sparse"].sweeps == 2
    assert advice.call == "dk.jacobian(f, sparse=True)"


def test_a_hessian_that_is_full_is_not_made_sparse() -> None:
    def full(x: Any) -> Any:
        return np.sum(x) ** 3

    advice = dk.advise(full, np.linspace(0.1, 1.0, 30), want="hessian", repeats=1_000)
    assert advice["sparse"].refused or advice["sparse"].sweeps == 30


def test_products_with_one_hessian_are_cheaper_once_it_is_formed() -> None:
    assert dk.advise(bowl, VECTOR[:20], want="hvp", repeats=100_000).method == "hessian"
    large = np.linspace(-1.0, 1.0, 3_000)
    assert dk.advise(bowl, large, want="hvp", repeats=2).method == "hvp"


def test_finite_differences_are_ruled_out_at_a_kink() -> None:
    advice = dk.advise(dk.parse("abs(x)*y"), x=0.0, y=2.0)
    assert advice.method != "finite" and "kink" in (advice["finite"].unreliable or "")
    assert any(reason.startswith("not finite differences: unreliable") for reason in advice.reasons)


def test_the_complex_step_is_refused_where_nothing_is_analytic() -> None:
    matrix = np.diag([1.0, 2.0, 4.0]) + 0.1
    advice = dk.advise(lambda a: np.sum(np.linalg.eigvalsh(a) ** 3), matrix)
    assert advice["complex"].refused and advice.method != "complex"
    assert any(reason.startswith("not the complex step: ") for reason in advice.reasons)


def test_an_exploding_formula_is_refused_by_its_size() -> None:
    def tower(x: Any) -> Any:
        for _ in range(40):
            x = np.sin(x) * x
        return x

    told = dk.advise(tower, 0.3)["symbolic"].refused or ""
    assert "80 shared" in told and "10^" in told and "50,000" in told


def test_twelve_digits_rule_finite_differences_out() -> None:
    advice = dk.advise(bowl, VECTOR[:3], accuracy=12)
    assert advice.accuracy == 1e-12 and advice.method != "finite"
    assert advice["finite"].error_measured and 1e-12 < advice["finite"].error < 1e-8
    assert any(reason.startswith("not finite differences: ") for reason in advice.reasons)


def test_no_method_is_that_accurate_in_float32() -> None:
    advice = dk.advise(bowl, VECTOR[:3].astype(np.float32), accuracy=1e-12)
    assert any("no method reaches 12.0 digits" in reason for reason in advice.reasons)
    assert advice.method != "finite"


def test_a_derivative_that_is_not_finite_is_told() -> None:
    advice = dk.advise(lambda x: np.sqrt(x) * 2.0, 0.0)
    assert any("not finite at this point" in reason for reason in advice.reasons)


def test_several_arguments_and_settings() -> None:
    def loss(w: Any, b: Any, labels: Any) -> Any:
        return np.sum(np.where(labels > 0, w["a"] * b, b))

    advice = dk.advise(loss, {"a": np.ones(3)}, 2.0, np.array([0, 1, 2]), repeats=1_000)
    assert advice.inputs == 4 and "argnums=(0, 1)" in advice.call


def test_the_function_is_captured_anew_for_each_trial() -> None:
    graph = dk.trace(bowl, VECTOR[:4])
    problem = Problem(graph, (VECTOR[:4],), {}, None, "gradient", 1, 1e-8, "interpret")
    kept = len(graph.cache)
    problem.user_call("reverse")()
    assert len(graph.cache) == kept


def candidate(method: str, first: float, again: float, error: float = 0.0) -> Candidate:
    return Candidate(method, 1, 1, first, again, error=error)


def test_the_cheapest_is_chosen_and_even_costs_go_by_preference() -> None:
    quick, even = candidate("reverse", 1.0, 0.1), candidate("finite", 1.0 / EVEN, 0.1)
    assert _least([quick, even], 1) is quick
    cheap = candidate("finite", 0.5, 0.2)
    assert _least([quick, cheap], 1) is cheap and _least([quick, cheap], 100) is quick
    assert CLOSE > EVEN


def test_methods_that_are_not_accurate_stand_back() -> None:
    rough, fine = candidate("finite", 0.1, 0.1, 1e-6), candidate("reverse", 1.0, 1.0, 1e-15)
    assert _able([fine, rough], 1e-8) == ([fine], True)
    assert _able([fine, rough], 1e-4) == ([fine, rough], True)
    assert _able([fine, rough], 1e-20) == ([fine], False)
    fine.refused = rough.refused = "no"
    with pytest.raises(BudgetError, match="every method refuses"):
        _able([fine, rough], 1e-8)


def test_advice_is_plain_data_text_and_a_page() -> None:
    advice = dk.advise(bowl, VECTOR[:3])
    found = json.loads(json.dumps(advice.to_dict(), allow_nan=False))
    assert found["schema"] == 1 and found["method"] == advice.method
    assert set(found["methods"]) == {"reverse", "forward", "complex", "symbolic", "finite"}
    assert found["methods"]["reverse"]["total"] > 0
    assert max(map(len, str(advice).splitlines())) <= 80
    assert advice.call in str(advice) and "<table>" in advice._repr_html_()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"repeats": 0}, "no number of derivatives"),
        ({"repeats": 1.5}, "no number of derivatives"),
        ({"accuracy": 0.0}, "neither a relative error nor a number of digits"),
        ({"accuracy": float("nan")}, "neither"),
        ({"want": "integral"}, "no derivative"),
    ],
)
def test_wrong_questions_are_told(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        dk.advise(bowl, VECTOR[:2], **options)


def test_a_gradient_of_a_vector_is_refused() -> None:
    with pytest.raises(ShapeError, match='want="jacobian"'):
        dk.advise(chain, VECTOR)
    with pytest.raises(InputError, match="one argument"):
        dk.advise(lambda x, y: x * y, 1.0, 2.0, want="hvp")


def test_a_function_of_100_operations_is_answered_soon() -> None:
    def steps(x: Any) -> Any:
        for _ in range(25):
            x = 0.5 * np.sin(x) + 0.1 * x * x
        return np.sum(x)

    begun = time.process_time()
    advice = dk.advise(steps, VECTOR[:3])
    assert advice.operations >= 100
    assert time.process_time() - begun < 20  # a runaway formula or truth would take minutes


# The command line --------------------------------------------------------------------------------


def test_the_command_recommends(run: Any) -> None:
    done = run("advise", "sin(x*y)+exp(x)", "--at", "x=1,y=2", "--repeats", "1000", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 0 and found["repeats"] == 1000
    assert found["method"] in found["methods"]
    header, *rows = run("advise", "x*x", "--at", "3").stdout.splitlines()
    assert header.startswith("method\trel_error") and len(rows) == 5


def test_the_command_reads_a_function_of_a_file(run: Any, tmp_path: Any) -> None:
    (tmp_path / "model.py").write_text("import numpy as np\ndef f(x):\n    return x[1:] * x[:-1]\n")
    words = ("--at", "[1,2,3]", "--want", "jacobian", "--json")
    done = run("advise", f"{tmp_path / 'model.py'}:f", *words)
    assert json.loads(done.stdout)["outputs"] == 2


def test_the_command_tells_wrong_input(run: Any) -> None:
    for words in (("sin(x)",), ("x+", "--at", "1"), ("x", "--at", "1", "--repeats", "0")):
        done = run("advise", *words)
        assert done.returncode == 2 and done.stderr
