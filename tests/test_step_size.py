"""Steps chosen from the function alone: noise, truncation, honest errors, tableau, peers."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import diffkit as dk
from diffkit.cli.steps import steps as steps_command
from diffkit.comparison import steps_peers
from diffkit.comparison.steps_table import text_curve
from diffkit.differentiate.function import function_of
from diffkit.differentiate.noise import Line, noise_of
from diffkit.differentiate.stencils import stencil, stencil_of
from diffkit.differentiate.step_choice import choose_step, difference
from diffkit.errors import DtypeError, InputError, KinkWarning, ShapeError
from diffkit.lazy import mp
from diffkit.plots.curves import best_step

# Baydin et al. 2018: the fourth iterate of the logistic map at 0.2, in exact arithmetic.
LOGISTIC_SLOPE = Fraction(708288, 78125)


def l4(x: Any) -> Any:
    return 64 * x * (1 - x) * (1 - 2 * x) ** 2 * (1 - 8 * x + 8 * x * x) ** 2


def wobble(x: float) -> float:
    """A number in [−½, ½) that has nothing to do with its neighbours'; the same in every run."""
    return (np.float64(x).view(np.int64) * 2654435761 % 100003) / 100003 - 0.5


def line_of(f: Any, x: float) -> Line:
    return Line(lambda t: f(x + t), abs(x))


# Noise -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [1e-3, 1e-7, 1e-12])
def test_noise_of_known_size_is_found(level: float) -> None:
    found = noise_of(line_of(lambda x: np.sin(x) + level * wobble(x), 1.0))
    assert found.found
    assert level / math.sqrt(12) / 3 < found.level < level / math.sqrt(12) * 3


@pytest.mark.parametrize(
    ("f", "x", "low", "high"),
    [
        (np.exp, 1.0, 5e-17, 1e-15),
        (lambda x: float(np.float32(np.sin(x))), 1.0, 5e-9, 6e-8),
        # the noise is in a factor, and invisible from nearby
        (lambda x: float(np.float32(np.sin(x))) * x, 1.0, 5e-9, 6e-8),
        (lambda x: (1 - np.cos(x)) / x**2, 1e-4, 1e-9, 1e-8),
        (lambda x: float(np.sin(np.float32(x))), 1.0, 3e-9, 6e-8),
        (np.cos, 0.0, 2e-17, 3e-16),
    ],
)
def test_noise_of_rounded_functions(f: Any, x: float, low: float, high: float) -> None:
    assert low < noise_of(line_of(f, x)).level < high


def test_a_fast_oscillation_and_a_single_jump_are_no_noise() -> None:
    assert noise_of(line_of(lambda x: np.sin(1e8 * x), 0.1)).level < 1e-8
    assert noise_of(line_of(lambda x: np.sin(x) + (x > 0.3000001), 0.3)).level < 1e-15


def test_values_are_computed_once_and_errors_are_nan() -> None:
    line = Line(lambda t: math.log(t), 1.0)
    assert math.isnan(line(-1.0))
    assert line(1.0) == line(1.0) == 0.0
    assert line.count == 2


# Errors that can be relied on ------------------------------------------------------------------

SMOOTH = {
    "sin": (np.sin, lambda x: mp.sin(x)),
    "exp": (np.exp, lambda x: mp.exp(x)),
    "tanh": (np.tanh, lambda x: mp.tanh(x)),
    "pole": (lambda x: 1 / (x - 0.3), lambda x: 1 / (x - mp.mpf(0.3))),
    "polynomial": (lambda x: x**5 - 3 * x**2 + 1, lambda x: x**5 - 3 * x**2 + 1),
    "cancelling": (lambda x: (1 - np.cos(x)) / x**2, lambda x: (1 - mp.cos(x)) / x**2),
    "log": (np.log, lambda x: mp.log(x)),
    "sqrt": (np.sqrt, lambda x: mp.sqrt(x)),
}  # fmt: skip
SPOILED: dict[str, Any] = {
    "as it is": lambda f: f,
    "single": lambda f: lambda x: float(np.float32(f(x))),
    "noisy": lambda f: lambda x: float(f(x) * (1 + 1e-7 * wobble(x))),
}
LARGEST = {"exp": 700.0}
POINTS = (1e-8, 1e-3, 0.3001, 0.7, 1.0, 3.0, 30.0, 1e8)


def slope_of(f: Any, x: float) -> Any:
    """The derivative with 40 digits, by a five-point difference at 90."""
    with mp.workdps(90):
        at, h = mp.mpf(x), mp.mpf(x) * mp.mpf(10) ** -15
        return (8 * (f(at + h) - f(at - h)) - (f(at + 2 * h) - f(at - 2 * h))) / (12 * h)


def battery(spoil: str) -> list[tuple[str, float, float]]:
    """Name, estimate and true error of every function and point that is finite."""
    rows = []
    for name, (f, precise) in SMOOTH.items():
        for x in POINTS:
            too_large = 3e38 if spoil == "single" else 1e300
            if x > LARGEST.get(name, np.inf) or not abs(f(x)) < too_large:
                continue
            found = dk.step_size(SPOILED[spoil](f), x, exact=slope_of(precise, x))
            rows.append((f"{name} at {x}", found.error, found.error_of(found.derivative)))
    return rows


@pytest.mark.parametrize("spoil", SPOILED)
def test_true_errors_are_covered(spoil: str) -> None:
    rows = battery(spoil)
    assert len(rows) > 55
    assert [row for row in rows if row[2] > 10 * row[1]] == []
    assert np.mean([true > error for _, error, true in rows]) < 0.1
    seen = [(error, true) for _, error, true in rows if true > 0]
    assert np.mean([error > 1000 * true for error, true in seen]) < 0.1


@pytest.mark.parametrize(
    ("f", "x", "exact"),
    [
        (lambda x: abs(x - 0.3) * x, 0.3001, 2 * 0.3001 - 0.3),  # a kink nearby
        (lambda x: np.sin(x) + (x > 0.3000001), 0.3, math.cos(0.3)),  # a jump nearby
        (lambda x: np.sin(1e8 * x), 0.1, 1e8 * math.cos(1e7)),
        (lambda x: 1e200 * np.sin(x), 1.0, 1e200 * math.cos(1)),
        (lambda x: 1e-200 * np.sin(x), 1.0, 1e-200 * math.cos(1)),
        (lambda x: np.exp(-((x * 1e4) ** 2)), 1e-4, -2e4 / math.e),
        (np.sin, 1e-300, 1.0),
        (np.sqrt, 1e-12, 5e5),
        (lambda x: 2.0, 1.0, 0.0),
        (lambda x: 3 * x, 1.0, 3.0),
    ],
)
def test_hard_points(f: Any, x: float, exact: float) -> None:
    found = dk.step_size(f, x, exact=exact)
    assert found.error_of(found.derivative) <= 10 * found.error
    assert found.error <= 1e-4 * max(abs(exact), 1e-10)
    for choice in found.choices:
        assert found.error_of(choice.value) <= 10 * choice.error, choice.stencil.name


def test_kinks_and_edges_are_told() -> None:
    kinked = dk.step_size(np.abs, 0.0)
    assert kinked.kink == (-1.0, 1.0)
    assert kinked.derivative == 0.0 and kinked.error == 1.0
    assert "kink" in kinked.notes[0]
    edge = dk.step_size(lambda x: math.sqrt(x) * x, 0.0)  # its slope at 0 from the right is 0
    assert edge["central"].refused and edge.best.refused is None
    assert abs(edge.derivative) <= 10 * edge.error
    assert "no step" in str(edge)
    assert "do not settle" in " ".join(dk.step_size(np.sqrt, 0.0).notes)


# The model -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def logistic() -> Any:
    return dk.step_size(l4, 0.2, stencils=(1, 2, 4, 6, "backward"), exact=LOGISTIC_SLOPE)


@pytest.mark.parametrize(
    ("name", "step", "error"),
    [("forward", 1.5e-9, 7e-9), ("central", 4e-7, 2.4e-11), ("five-point", 5e-5, 2e-13)],
)
def test_predicted_minimum_is_that_of_the_paper(
    logistic: Any, name: str, step: float, error: float
) -> None:
    choice = logistic[name]
    assert step / 4 < choice.best < 4 * step
    assert error / 2 < choice.predicted(choice.best) < 30 * error  # the paper's is a lucky one
    assert logistic.error_of(choice.value) <= choice.error


@pytest.mark.parametrize("name", ["forward", "backward", "central", "five-point", "seven-point"])
def test_prediction_lies_on_the_measurement(logistic: Any, name: str) -> None:
    h, measured, predicted = logistic.curve(name, np.logspace(-13, -1, 300))
    choice = logistic[name]
    rounding = h < choice.best / 10
    assert 0.2 < np.median(measured[rounding] / predicted[rounding]) < 5
    truncation = (h > 4 * choice.best) & (h < 20 * choice.best)
    np.testing.assert_allclose(measured[truncation], predicted[truncation], rtol=0.2)
    assert 0.2 < choice.best / best_step(h, measured)[0] < 5


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("spec", [2, 4, 8, "forward", "backward", (-1, 0, 1, 2, 3, 4)])
def test_any_order_and_stencil(order: int, spec: Any) -> None:
    found = dk.step_size(math.exp, 1.0, order=order, stencils=(spec,), exact=math.e)
    assert found.best.stencil.derivative == order
    assert found.error_of(found.derivative) <= 10 * found.error < 0.3


def test_known_higher_derivatives_come_from_the_graph() -> None:
    found = dk.step_size(lambda x: np.sin(3 * x), 0.4, order=3)
    assert float(found.exact) == pytest.approx(-27 * math.cos(1.2), rel=1e-15)
    assert dk.step_size(lambda x: math.sin(float(x)), 0.4).exact is None


def test_custom_stencils_know_their_accuracy_and_error() -> None:
    row = stencil_of((0, 1, 2))
    assert row.weights == (Fraction(-3, 2), Fraction(2), Fraction(-1, 2))
    assert (row.accuracy, row.symmetric) == (2, False)
    line = Line(lambda t: np.exp(0.5 + t), 0.5)
    h = 2.0**-10  # the constant is that of the leading term
    leading = row.error_constant * math.exp(0.5) * h**2
    assert difference(row, line, h) - math.exp(0.5) == pytest.approx(leading, rel=0.01)
    assert stencil_of((-2, -1, 0, 1, 2)) == stencil(4)
    with pytest.raises(InputError, match="whole numbers"):
        stencil_of((0.5, 1))  # type: ignore[arg-type]


def test_choice_refuses_where_nothing_is_finite() -> None:
    line = Line(lambda t: 1.0 if t == 0 else math.nan, 1.0)
    found = choose_step(line, stencil(2), noise_of(line))
    assert found.refused and math.isnan(found.value)


# Directions and dtypes -------------------------------------------------------------------------


def test_directions() -> None:
    g = dk.parse("x*sin(y)")
    assert dk.step_size(g, x=1.0, y=2.0, direction="y").error_of(math.cos(2)) < 1e-15
    x, v = np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, -2.0])
    found = dk.step_size(lambda x: np.sum(x**3), x, direction=v)
    assert float(found.exact) == pytest.approx(3 - 54, rel=1e-15)
    assert abs(found.derivative + 51) <= 10 * found.error
    named = dk.step_size(lambda x: np.sum(x**3), x, direction="x[1]")
    assert named.derivative == pytest.approx(12, rel=1e-12)

    def untraceable(w: Any, b: Any) -> float:
        return float(np.sum(w**2)) * float(b)

    parts = [dk.step_size(untraceable, x, 3.0, direction=name) for name in ("w[2]", "b")]
    assert [part.derivative for part in parts] == pytest.approx([18.0, 14.0], rel=1e-9)


def test_float32_arguments_take_longer_steps() -> None:
    found = dk.step_size(np.sin, np.float32(1.0))
    assert found["central"].step > 1e-3
    assert found.error_of(found.derivative) <= found.error < 1e-5


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: dk.step_size(lambda x: np.sum(x), np.ones(3)), InputError, "direction"),
        (lambda: dk.step_size(np.sum, np.ones(3), direction=np.ones(2)), InputError, "shapes"),
        (lambda: dk.step_size(np.sum, np.ones(2), direction=np.zeros(2)), InputError, "zero"),
        (lambda: dk.step_size(np.sum, np.ones(2), direction="q"), InputError, "no number"),
        (lambda: dk.step_size(lambda x: np.stack([x, x]), 1.0), ShapeError, "one number"),
        (lambda: dk.step_size(np.sin, "a"), DtypeError, "argument"),
        (lambda: dk.step_size(lambda x: math.nan, 1.0), InputError, "finite|nan"),
        (lambda: dk.step_size(np.sin, 1.0, stencils=(3,)), InputError, "accuracy"),
        (lambda: dk.step_size(np.sin, 1.0, stencils=()), InputError, "stencil"),
        (lambda: dk.step_size(np.sin, 1.0, stencils=("middle",)), InputError, "no stencil"),
        (lambda: dk.step_size(np.sin, 1.0, stencils=(stencil(2),), order=2), InputError, "for der"),
        (lambda: dk.step_size(np.sin, 1.0, order=0), InputError, "derivative"),
    ],
)
def test_refusals(call: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        call()


# Richardson, peers, output ---------------------------------------------------------------------


def test_tableau_shows_its_orders_and_agrees_with_the_method() -> None:
    f = lambda x: np.exp(np.sin(x))  # noqa: E731
    tableau = dk.step_size(f, 1.1).richardson
    assert [round(tableau.observed(j)) for j in range(3)] == [2, 4, 6]
    exact = math.exp(math.sin(1.1)) * math.cos(1.1)
    assert abs(tableau.value - exact) <= 10 * tableau.error < 1e-10
    i, j = tableau.chosen
    assert tableau.columns[j][i - j] == tableau.value
    assert "[" in str(tableau) and "order" in str(tableau)
    method = dk.methods.Finite(step=tableau.steps[0], richardson=True)
    assert dk.grad(f, method=method)(1.1) == pytest.approx(tableau.value, rel=1e-14)


def test_tableau_of_a_kink_does_not_show_the_orders() -> None:
    tableau = dk.step_size(lambda x: abs(x) ** 1.5 + x, 0.0, stencils=(1,)).richardson
    assert abs(tableau.observed(0) - 0.5) < 0.2


def test_peers_count_and_say_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: Any) -> Any:
        raise ImportError("no module")

    monkeypatch.setitem(steps_peers.PEERS, "numdifftools", missing)
    rows = {row.name: row for row in dk.step_size(np.exp, 1.0).peers()}
    assert rows["numdifftools"].note == "not installed"
    assert rows["scipy.differentiate"].true_error < 1e-10
    assert rows["scipy.differentiate"].evaluations > 8
    second = {row.name: row for row in dk.step_size(np.exp, 1.0, order=2).peers()}
    assert "first derivatives" in second["scipy.differentiate"].note


def test_numdifftools_agrees_where_it_is_installed() -> None:
    pytest.importorskip("numdifftools")
    rows = {row.name: row for row in dk.step_size(l4, 0.2, exact=LOGISTIC_SLOPE).peers()}
    assert rows["numdifftools"].true_error < 1e-9
    assert rows["numdifftools"].evaluations > 4


def test_forms(logistic: Any) -> None:
    text = str(logistic)
    assert all(len(line) <= 80 for line in text.splitlines())
    assert "seven-point" in text and "noise of f" in text
    found = json.loads(logistic.to_json())
    assert found["schema"] == 1 and found["stencils"]["central"]["weights"] == ["-1/2", "0", "1/2"]
    assert found["derivative"] == logistic.derivative
    curve = logistic.to_dict(curve=True)["stencils"]["central"]["curve"]
    assert len(curve["h"]) == len(curve["measured"]) == len(curve["predicted"])
    assert "<table>" in logistic._repr_html_()
    drawn = text_curve(logistic, "central")
    assert "o" in drawn and "·" in drawn
    assert all(len(line) <= 80 for line in drawn.splitlines())


def test_command_line() -> None:
    runner = CliRunner()
    result = runner.invoke(steps_command, ["x*sin(y)", "--at", "x=1,y=2", "--wrt", "y", "--json"])
    assert result.exit_code == 0
    assert json.loads(result.output)["derivative"] == pytest.approx(math.cos(2), rel=1e-12)
    rows = runner.invoke(steps_command, ["-x**2", "--at", "3", "--accuracy", "8"]).output
    assert rows.splitlines()[0].split("\t")[:3] == ["stencil", "accuracy", "step"]
    assert rows.splitlines()[1].startswith("9-point\t8\t")


# The method ------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [
    dk.methods.Finite(2, "estimated"), dk.methods.Finite(8, "estimated"),
    dk.methods.Finite(stencil=(0, 1, 2, 3, 4), step="estimated"),
    dk.methods.Finite(stencil=(-3, -1, 0, 1, 3)), dk.methods.Finite(10),
], ids=repr)  # fmt: skip
def test_finite_with_estimated_steps_and_offsets(method: Any) -> None:
    x = np.array([1.0, 2.0, 1e-6])
    found = dk.grad(lambda x: np.sum(np.sin(x) * x), method=method)(x)
    np.testing.assert_allclose(found, np.sin(x) + x * np.cos(x), rtol=1e-5, atol=1e-9)


def test_estimated_steps_suit_noise_that_the_rule_does_not_know() -> None:
    def rounded(x: Any) -> Any:
        return np.sin(x).astype(np.float32).astype(float)

    with pytest.warns(KinkWarning):
        rule = dk.grad(rounded, method=dk.methods.Finite())(1.0)
    estimated = dk.grad(rounded, method=dk.methods.Finite(step="estimated"))(1.0)
    assert abs(estimated - math.cos(1)) < 3e-5 < 1e-4 < abs(rule - math.cos(1))


def test_estimated_steps_tell_kinks_and_errors() -> None:
    method = dk.methods.Finite(step="estimated")
    with pytest.warns(KinkWarning, match="left"):
        assert dk.grad(np.abs, method=method)(0.0) == 0.0
    bound = function_of(np.exp).bind((1.0,), {})
    for richardson in (False, True):
        method = dk.methods.Finite(step="estimated", richardson=richardson)
        result = method.jacobian(bound, bound.leaves, [0])
        error = abs(float(result.blocks[0][0]) - math.e)
        assert error <= 10 * float(result.extra["error_estimate"][0][0]) < 1e-8


@pytest.mark.parametrize("order", [2, 3, 5])
def test_derivatives_of_any_order_by_offsets(order: int) -> None:
    row = dk.methods.Finite(stencil=range(-5, 6), step="estimated")
    found = dk.derivative(np.exp, order=order, method=row)(1.0)
    assert found == pytest.approx(math.e, rel=10.0 ** (-14 + 2 * order))
    with pytest.raises(InputError, match="distinct offsets"):
        dk.derivative(np.exp, order=order, method=dk.methods.Finite(stencil=(0, 1)))(1.0)
