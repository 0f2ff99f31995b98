"""Planted faults of every kind are told apart, each with its evidence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from planted import Planter, Tanh
from planted import plant as plant

import diffkit as dk
from diffkit.comparison.gradcheck import CAUSES
from diffkit.errors import CaptureError, DtypeError, InputError, ShapeError

X = np.array([0.5, 1.3, -0.8])


def smooth(x: Any) -> Any:
    return np.sum(np.sin(x) * x)


def slope(x: Any) -> Any:
    return np.cos(x) * x + np.sin(x)


def difference(f: Callable[..., Any], h: float, kind: str = "forward") -> Callable[..., Any]:
    def gradient(x: Any) -> Any:
        x = np.asarray(x, dtype=float)
        out = np.zeros_like(x)
        for k in np.ndindex(x.shape):
            e = np.zeros_like(x)
            e[k] = h
            ends = {"forward": (f(x + e), f(x), h), "central": (f(x + e), f(x - e), 2 * h)}[kind]
            out[k] = (ends[0] - ends[1]) / ends[2]
        return out[()]

    return gradient


def opaque(f: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, which cannot be captured."""

    def hidden(x: Any) -> float:
        return float(f(np.array(np.asarray(x).tolist())))

    return hidden


# Fine --------------------------------------------------------------------------------


@pytest.mark.parametrize("grad", [None, "forward", "complex", "finite", "symbolic", slope])
def test_a_right_gradient_is_fine(grad: Any) -> None:
    verdict = dk.gradcheck(smooth, X, grad=grad)
    assert verdict and verdict.cause == "fine" and verdict.line is None
    assert "60-digit differences" in verdict.evidence[0]
    np.testing.assert_allclose(verdict.expected, slope(X), rtol=1e-12)


def test_a_function_that_cannot_be_captured_is_checked_by_extrapolation() -> None:
    verdict = dk.gradcheck(opaque(smooth), X, grad=slope)
    assert verdict.ok and "Ridders" in verdict.evidence[0]


@pytest.mark.parametrize("h, kind", [(1e-8, "forward"), (1e-5, "central")])
def test_differences_with_a_good_step_are_fine(h: float, kind: str) -> None:
    assert dk.gradcheck(smooth, X, grad=difference(smooth, h, kind)).cause == "fine"


def test_trees_and_keywords() -> None:
    def loss(params: Any, x: Any, scale: float = 1.0) -> Any:
        return scale * np.sum(np.tanh(x @ params["w"] + params["b"]))

    params = {"w": np.ones((3, 2)), "b": np.zeros(2)}
    verdict = dk.gradcheck(loss, params, np.ones((4, 3)), argnums=0, scale=2.0)
    assert verdict.ok and set(verdict.expected) == {"w", "b"}
    assert dk.gradcheck(dk.parse("x*y + sin(x)"), x=1.0, y=2.0).ok


# Wrong rules --------------------------------------------------------------------------------


def test_a_wrong_rule_is_found_with_its_line(plant: Planter) -> None:
    class Spoiled(Tanh):
        """A tanh whose derivative has a wrong sign."""

        name = "spoiled_tanh"

        def partials(self, y: Any, x: Any) -> Any:
            return (lambda: 1 + y * y,)

    spoiled = plant(Spoiled)

    def f(x: Any) -> Any:
        h = np.sin(x)
        z = spoiled(h)
        return np.sum(z * x)

    verdict = dk.gradcheck(f, X)
    assert not verdict and verdict.cause == "wrong rule"
    assert verdict.line is not None and "z = spoiled(h)" in verdict.line
    assert "spoiled_tanh" in verdict.evidence[0]


@pytest.mark.parametrize("wrong, words", [
    (lambda x: -slope(x), "sign"),
    (lambda x: 2 * slope(x), "twice"),
    (lambda x: 3 * slope(x), "3 times"),
    (lambda x: np.cos(x) * x, "the gradient says"),
])  # fmt: skip
@pytest.mark.parametrize("f", [smooth, opaque(smooth)])
def test_a_wrong_formula(f: Any, wrong: Any, words: str) -> None:
    verdict = dk.gradcheck(f, X, grad=wrong)
    assert (verdict.ok, verdict.cause) == (False, "wrong rule")
    assert words in " ".join(verdict.evidence)


# Steps --------------------------------------------------------------------------------


@pytest.mark.parametrize("f", [smooth, opaque(smooth)])
@pytest.mark.parametrize("h, kind, cause", [
    (1e-13, "forward", "step too small"), (1e-11, "central", "step too small"),
    (1e-2, "forward", "step too large"), (0.05, "central", "step too large"),
])  # fmt: skip
def test_bad_steps(f: Any, h: float, kind: str, cause: str) -> None:
    verdict = dk.gradcheck(f, X, grad=difference(smooth, h, kind))
    assert (verdict.ok, verdict.cause) == (False, cause)
    assert f"difference with h = {h:.3g}" in verdict.evidence[0]
    assert cause == "step too small" or kind in verdict.evidence[0]


# Kinks and jumps --------------------------------------------------------------------------------


def kinked(x: Any) -> Any:
    return np.sum(np.abs(x - 0.3) + x**2)


def jumping(x: Any) -> Any:
    return np.sum(np.floor(x + 0.2) + x**2)


@pytest.mark.parametrize("f", [kinked, opaque(kinked)])
def test_a_kink_within_the_step(f: Any) -> None:
    x = np.array([0.3004, 2.0])
    verdict = dk.gradcheck(f, x, grad=difference(kinked, 1e-3, "central"))
    assert (verdict.ok, verdict.cause) == (False, "kink within the step")
    assert "kink lies 0.0004" in " ".join(verdict.evidence)


@pytest.mark.parametrize("f", [jumping, opaque(jumping)])
def test_a_jump_within_the_step(f: Any) -> None:
    x = np.array([0.7999, 1.5])
    verdict = dk.gradcheck(f, x, grad=difference(jumping, 1e-3))
    assert (verdict.ok, verdict.cause) == (False, "discontinuity")
    assert "jump lies 0.0001" in " ".join(verdict.evidence)


def test_at_a_kink_any_slope_between_the_sides_will_do() -> None:
    verdict = dk.gradcheck(np.abs, 0.0)
    assert verdict.ok and verdict.cause == "kink within the step"
    assert not dk.gradcheck(np.abs, 0.0, grad=lambda x: 1.5).ok


# Numbers --------------------------------------------------------------------------------


def test_a_dtype_that_is_too_short() -> None:
    def f(x: Any) -> Any:
        return (x + 3000.0) * (x + 3000.0) - 6000.0 * x

    verdict = dk.gradcheck(f, np.float32(0.001), grad=lambda x: (x + x.dtype.type(3000)) * 2
                           - x.dtype.type(6000))  # fmt: skip
    assert (verdict.ok, verdict.cause) == (False, "dtype too short")
    assert "float32" in verdict.evidence[0]


def test_cancellation_names_the_line_that_loses_most() -> None:
    def f(x: Any) -> Any:
        top = 1 - np.cos(x)
        return top / x**2

    for x in (1e-7, 1e-5, 1e-3):
        verdict = dk.gradcheck(f, x)
        assert (verdict.ok, verdict.cause) == (False, "cancellation")
        assert verdict.line is not None and "test_gradcheck.py" in verdict.line


def test_noise() -> None:
    def noisy(x: Any) -> float:
        exact = float(np.sum(np.asarray(x) ** 2))
        return exact + 1e-5 * float(np.sin(1e9 * exact))

    verdict = dk.gradcheck(noisy, X, grad=lambda x: 2 * x)
    assert verdict.cause == "noise" and "noise is about" in verdict.evidence[0]


def test_a_function_that_is_not_deterministic() -> None:
    rng = np.random.default_rng(0)
    verdict = dk.gradcheck(lambda x: np.sum(x * rng.normal()), X)
    assert (verdict.ok, verdict.cause) == (False, "not deterministic")


def test_a_gradient_that_is_not_deterministic() -> None:
    rng = np.random.default_rng(0)
    verdict = dk.gradcheck(smooth, X, grad=lambda x: slope(x) + 1e-3 * rng.normal())
    assert verdict.cause == "not deterministic"


# Answers and refusals ----------------------------------------------------------------------------


def test_every_cause_has_a_name_and_the_verdict_is_data() -> None:
    verdict = dk.gradcheck(smooth, X, grad=lambda x: -slope(x))
    assert verdict.cause in CAUSES
    assert verdict.to_dict()["schema"] == 1 and verdict.to_dict()["ok"] is False
    assert str(verdict).startswith("wrong: wrong rule")


def test_bad_input() -> None:
    with pytest.raises(ShapeError, match="gradient has shapes"):
        dk.gradcheck(smooth, X, grad=lambda x: slope(x)[:2])
    with pytest.raises(ShapeError, match="one number is checked"):
        dk.gradcheck(np.sin, X, grad=np.cos)
    with pytest.raises(InputError, match="not positive"):
        dk.gradcheck(smooth, X, tolerance=0)
    with pytest.raises(DtypeError):
        dk.gradcheck(lambda x: 1.0, "text")
    with pytest.raises(InputError, match="no derivative"):
        dk.gradcheck(lambda x: np.log(x), -1.0)
    with pytest.raises(DtypeError, match="gradient holds str"):
        dk.gradcheck(smooth, X, grad=lambda x: "up")
    with pytest.raises(DtypeError, match="gradient holds complex128"):
        dk.gradcheck(smooth, X, grad=lambda x: slope(x) * 1j)
    with pytest.raises(CaptureError, match=r"missing .*'y'"):
        dk.gradcheck(lambda x, y: x * y, 1.0)
    with pytest.raises(DtypeError, match=r"no argument is a number \(bool\)"):
        dk.gradcheck(lambda x: 1.0 * x, True)


@pytest.mark.parametrize("value, named", [(None, "None"), ("up", "a str"), (1j, "a complex")])
def test_a_result_that_is_no_number_is_refused(value: Any, named: str) -> None:
    with pytest.raises(DtypeError, match=f"returned {named}"):
        dk.gradcheck(lambda x: value, 1.0, grad=lambda x: 0.0)


def test_a_jump_at_the_point_has_no_derivative() -> None:
    verdict = dk.gradcheck(np.floor, 2.0)
    assert (verdict.ok, verdict.cause) == (False, "discontinuity")
    assert dk.gradcheck(lambda x: np.sqrt(np.abs(x)), 0.0).cause == "kink within the step"


@pytest.mark.parametrize("f, x", [(np.sqrt, 0.0), (lambda x: 1 / x, 1e-300)])
def test_the_same_infinity_is_fine(f: Any, x: float) -> None:
    verdict = dk.gradcheck(f, x)
    assert (verdict.ok, verdict.cause, verdict.error) == (True, "fine", 0.0)


def test_arguments_without_entries_are_fine() -> None:
    verdict = dk.gradcheck(np.sum, np.zeros(0))
    assert verdict.ok and verdict.evidence == ("the arguments have no entries",)


def test_a_graph_of_text_takes_a_gradient_by_name_or_in_order() -> None:
    g = dk.parse("y + x**3*y**2")  # y comes first in the text

    def by_name(x: Any, y: Any) -> Any:
        return {"x": 3 * x**2 * y**2, "y": 1 + 2 * x**3 * y}

    assert dk.gradcheck(g, x=1.5, y=2.0, grad=by_name).ok
    order = g.input_names
    in_order = dk.gradcheck(
        g, x=1.5, y=2.0, grad=lambda **at: tuple(by_name(**at)[name] for name in order)
    )
    assert in_order.ok
    wrong = dk.gradcheck(g, x=1.5, y=2.0, grad=lambda x, y: {"x": 1.0, "y": by_name(x, y)["y"]})
    assert wrong.cause == "wrong rule" and "at x the gradient says 1" in wrong.evidence[0]


def test_numbers_that_happen_to_be_a_quotient_are_no_step() -> None:
    # sin 1 = (sin 1 − sin 0)/1, and 1 is a quotient of x·y with a step of half a rounding unit
    assert dk.gradcheck(np.sin, 1.0, grad=np.sin).cause == "wrong rule"
    g = dk.parse("x*y")
    assert dk.gradcheck(g, x=1.0, y=2.0, grad=lambda x, y: (x, y)).cause == "wrong rule"


def test_an_estimate_by_chance_is_noise() -> None:
    for method in (dk.methods.ForwardGradient(seed=0), dk.methods.SPSA(seed=0)):
        verdict = dk.gradcheck(smooth, X, grad=method)
        assert (verdict.ok, verdict.cause) == (False, "noise")
        assert "on average only" in verdict.evidence[0]
