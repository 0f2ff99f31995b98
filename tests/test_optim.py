"""Optimizers against their recurrences and closed forms, schedules against PyTorch's formulas.

The recurrences are written out here a second time, as scalar loops; PyTorch's schedules are
written as the chained recurrences that its documentation gives, and must agree with the closed
forms to 1e-12.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import InputError
from diffkit.optim import ALL_OPTIMIZERS, Optimizer
from diffkit.optim.schedules import ALL_SCHEDULES, Schedule

EIGENVALUES = np.array([1.0, 10.0, 100.0])
WRONG_RATES = (0, 0.0, -0.1, math.nan, math.inf, "0.1", None, True, [0.1])
CLOSE = 1e-12


def descend(optimizer: Optimizer, start: Any, gradient: Any, steps: int) -> list[Any]:
    """The parameters before and after every update."""
    path, state = [start], optimizer.init(start)
    for t in range(steps):
        after, state = optimizer.update(gradient(path[-1]), state, path[-1], t)
        path.append(after)
    return path


# Optimizers ------------------------------------------------------------------------------------


def by_hand(kind: str, slope: Any, w: float, steps: int) -> Iterator[float]:
    """PyTorch's update rules for one number, as its documentation states them."""
    buffer, m, v = None, 0.0, 0.0
    for t in range(1, steps + 1):
        g = slope(w)
        if kind == "adam":
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
            w -= 0.1 * (m / (1 - 0.9**t)) / (math.sqrt(v / (1 - 0.999**t)) + 1e-8)
        elif kind == "plain":
            w -= 0.1 * g
        else:  # the first buffer is the gradient itself
            buffer = g if buffer is None else 0.9 * buffer + g
            w -= 0.1 * (g + 0.9 * buffer if kind == "nesterov" else buffer)
        yield w


RULES = {
    "plain": dk.optim.sgd(0.1),
    "momentum": dk.optim.sgd(0.1, momentum=0.9),
    "nesterov": dk.optim.sgd(0.1, momentum=0.9, nesterov=True),
    "adam": dk.optim.adam(0.1),
}


@pytest.mark.parametrize("kind", RULES)
def test_optimizers_follow_their_rules(kind: str) -> None:
    slope = math.sin  # L = −cos w, not quadratic, so that no term drops out
    expected = list(by_hand(kind, slope, 2.0, 60))
    found = descend(RULES[kind], np.array(2.0), np.sin, 60)[1:]
    assert np.allclose(found, expected, rtol=CLOSE, atol=CLOSE)


def test_one_of_each_kind_is_in_the_list() -> None:
    assert set(ALL_OPTIMIZERS) == set(RULES.values())
    assert dk.optim.gradient_descent(0.1) == RULES["plain"]


def test_gradient_descent_has_a_closed_form_on_a_quadratic() -> None:
    """wₜ = (1 − ηλ)ᵗ w₀ for L = ½ Σ λ w²."""
    path = descend(dk.optim.sgd(0.015), np.ones(3), lambda w: EIGENVALUES * w, 40)
    for t, w in enumerate(path):
        assert np.allclose(w, (1 - 0.015 * EIGENVALUES) ** t, rtol=1e-11, atol=0)


def test_momentum_has_a_closed_form_on_a_quadratic() -> None:
    """(w, v) is multiplied by one matrix per update (Polyak 1964)."""
    rate, momentum, curvature = 0.02, 0.9, 10.0
    matrix = np.array([[1 - rate * curvature, -rate * momentum], [curvature, momentum]])
    path = descend(dk.optim.sgd(rate, momentum), np.array(1.0), lambda w: curvature * w, 50)
    for t, w in enumerate(path):
        assert abs(w - (np.linalg.matrix_power(matrix, t) @ [1.0, 0.0])[0]) < CLOSE


def test_best_rate_contracts_by_the_condition_number() -> None:
    """With η = 2/(λmin + λmax) every step contracts by (κ − 1)/(κ + 1) = 0.98020 for κ = 100."""
    rate = 2 / (EIGENVALUES[0] + EIGENVALUES[-1])
    path = descend(dk.optim.sgd(rate), np.array([1.0, 0.0, 1.0]), lambda w: EIGENVALUES * w, 30)
    ratios = [float(np.linalg.norm(b) / np.linalg.norm(a)) for a, b in itertools.pairwise(path)]
    assert np.allclose(ratios, 99 / 101, rtol=1e-10)
    assert round(ratios[0], 5) == 0.98020


def test_first_step_of_adam_has_the_length_of_the_rate() -> None:
    for slope in (1e-4, 1.0, -1e6):
        w = descend(dk.optim.adam(0.01), np.array(0.0), lambda w, s=slope: np.array(s), 1)[1]
        assert abs(abs(float(w)) - 0.01) < 1e-5 and np.sign(w) == -np.sign(slope)


def test_adam_with_a_constant_gradient_walks_in_a_straight_line() -> None:
    """m̂ = g and v̂ = g² exactly, so that every step is η g / (|g| + ε)."""
    path = descend(dk.optim.adam(0.1), np.array(0.0), lambda w: np.array(3.0), 200)
    assert np.allclose(np.diff(np.array(path, float)), -0.1 * 3 / (3 + 1e-8), rtol=1e-9)


@pytest.mark.parametrize("optimizer", ALL_OPTIMIZERS, ids=repr)
def test_optimizers_are_pure_and_keep_tree_shapes_and_dtypes(optimizer: Optimizer) -> None:
    params = {"a": {"w": np.ones((2, 3), np.float32)}, "b": [np.zeros(4), np.array(1.0)]}
    bars = {"a": {"w": np.full((2, 3), 0.5, np.float32)}, "b": [np.ones(4), np.array(-1.0)]}
    before = repr((params, bars))
    after, state = optimizer.update(bars, optimizer.init(params), params, 0)
    again, _ = optimizer.update(bars, state, after, 1)
    assert repr((params, bars)) == before
    for tree in (after, again):
        assert tree["a"]["w"].dtype == np.float32 and tree["a"]["w"].shape == (2, 3)
        assert tree["b"][0].shape == (4,) and np.shape(tree["b"][1]) == ()
    assert (after["a"]["w"] < 1).all() and (after["b"][1] > 1)


@pytest.mark.parametrize("optimizer", ALL_OPTIMIZERS, ids=repr)
def test_an_update_is_a_graph_too(optimizer: Optimizer) -> None:
    rng = np.random.default_rng(0)
    params = {"w": rng.normal(size=(3, 2)), "b": rng.normal(size=2)}
    bars = {"w": rng.normal(size=(3, 2)), "b": rng.normal(size=2)}
    state = optimizer.update(bars, optimizer.init(params), params, 0)[1]
    fitted = replace(optimizer, rate=dk.schedules.cosine(0.1, steps=20))
    graph = dk.trace(fitted.update, bars, state, params, 3.0)  # the step t is an input as well
    assert graph.operations()["total"] > 0
    for t in (1.0, 7.0):
        found, expected = graph(bars, state, params, t), fitted.update(bars, state, params, int(t))
        assert np.allclose(found[0]["w"], expected[0]["w"], rtol=1e-14, atol=0)
        assert np.allclose(found[0]["b"], expected[0]["b"], rtol=1e-14, atol=0)


def test_an_update_can_be_differentiated() -> None:
    """∂(w − η g)/∂η = −g: the rate itself has a gradient (Baydin et al. 2018, hypergradients)."""
    one_step = lambda w, g: dk.optim.sgd(0.25).update(g, (), w, 0)[0]  # noqa: E731
    assert dk.grad(one_step, argnums=1)(1.0, 3.0) == -0.25
    assert dk.grad(one_step, argnums=0)(1.0, 3.0) == 1.0


@pytest.mark.parametrize("rate", WRONG_RATES, ids=repr)
@pytest.mark.parametrize("make", (dk.optim.sgd, dk.optim.adam, dk.optim.gradient_descent))
def test_wrong_rates_are_refused(make: Any, rate: Any) -> None:
    with pytest.raises(InputError, match="learning rate") as caught:
        make(rate)
    assert "0.1" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: dk.optim.sgd(0.1, momentum=1.0), "momentum"),
        (lambda: dk.optim.sgd(0.1, momentum=-0.1), "momentum"),
        (lambda: dk.optim.sgd(0.1, nesterov=True), "nesterov needs a momentum"),
        (lambda: dk.optim.adam(0.1, beta1=1.0), "beta1"),
        (lambda: dk.optim.adam(0.1, beta2=-0.1), "beta1"),
        (lambda: dk.optim.adam(0.1, eps=0.0), "eps"),
    ],
)
def test_wrong_settings_are_refused(make: Any, match: str) -> None:
    with pytest.raises(InputError, match=match):
        make()


# Schedules -------------------------------------------------------------------------------------


def stepwise(kind: str, total: int) -> Iterator[float]:
    """PyTorch's schedulers in their chained form: each rate from the one before."""
    rate = 0.1
    for t in range(total):
        if kind == "Step" and t and t % 30 == 0:
            rate *= 0.5
        if kind == "Exponential" and t:
            rate *= 0.97
        if kind == "Cosine" and t:  # CosineAnnealingLR, η_min = 0.001, T = 100
            up, low = 1 + math.cos(math.pi * t / 100), 0.001
            rate = low + (rate - low) * up / (1 + math.cos(math.pi * (t - 1) / 100))
        if kind == "OneCycle":
            rate = torch_one_cycle(t, 0.1, total)
        if kind == "OfStep" and t:  # LambdaLR with 1 / (1 + t)
            rate *= t / (t + 1)
        yield rate


def torch_one_cycle(t: int, peak: float, total: int) -> float:
    """OneCycleLR with cosine annealing and its defaults, phase by phase."""
    start = peak / 25
    phases = [(0.3 * total - 1, start, peak), (total - 1, peak, start / 1e4)]
    begin = 0.0
    for place, (end, first, last) in enumerate(phases):
        if t <= end or place == 1:
            share = (t - begin) / (end - begin)
            return last + (first - last) / 2 * (math.cos(math.pi * share) + 1)
        begin = end
    raise AssertionError


@pytest.mark.parametrize("schedule", ALL_SCHEDULES, ids=lambda s: type(s).__name__)
def test_closed_form_is_the_recurrence(schedule: Schedule) -> None:
    expected = np.array(list(stepwise(type(schedule).__name__, 100)))
    assert np.abs(schedule(np.arange(100)) - expected).max() < CLOSE


@pytest.mark.parametrize("schedule", ALL_SCHEDULES, ids=lambda s: type(s).__name__)
def test_a_schedule_takes_a_step_an_array_or_a_tracer(schedule: Schedule) -> None:
    rates = schedule(np.arange(12).reshape(3, 4))
    assert rates.shape == (3, 4) and isinstance(schedule(5), float)
    assert schedule(5) == rates[1, 1]
    assert abs(dk.trace(schedule, 5.0)(7.0) - schedule(7)) < 1e-15


@pytest.mark.parametrize("total", (1, 2, 3, 4, 10, 37))
def test_one_cycle_of_any_length_is_that_of_pytorch(total: int) -> None:
    schedule = dk.schedules.one_cycle(0.5, steps=total)
    for t in range(total):
        assert abs(schedule(t) - torch_one_cycle(t, 0.5, total)) < CLOSE
    assert schedule(total - 1) == pytest.approx(0.5 / 25 / 1e4, rel=1e-9)


def test_landmarks_of_one_cycle() -> None:
    schedule = dk.schedules.one_cycle(1.0, steps=100)
    assert schedule(0) == pytest.approx(1 / 25)
    assert schedule(29) == 1.0 and schedule(30) < 1.0
    assert schedule(99) == pytest.approx(4e-6) and schedule(500) == schedule(99)


def test_landmarks_of_the_cosine() -> None:
    schedule = dk.schedules.cosine(0.2, steps=50, minimum=0.1)
    assert schedule(0) == 0.2 and schedule(25) == pytest.approx(0.15)
    assert schedule(50) == schedule(80) == pytest.approx(0.1)


def test_schedules_take_their_length_from_the_training() -> None:
    optimizer = dk.optim.sgd(dk.schedules.cosine(0.2))
    assert optimizer.for_steps(50).rate_at(25) == pytest.approx(0.1)
    given = dk.optim.sgd(dk.schedules.cosine(0.2, steps=10))
    assert given.for_steps(50) == given
    with pytest.raises(InputError, match="how many updates"):
        optimizer.rate_at(0)


@pytest.mark.parametrize("rate", WRONG_RATES, ids=repr)
@pytest.mark.parametrize("name", ("constant", "step", "exponential", "cosine", "one_cycle"))
def test_schedules_refuse_wrong_rates(name: str, rate: Any) -> None:
    rest = {"step": (10,), "exponential": (0.9,)}.get(name, ())
    with pytest.raises(InputError, match="rate"):
        getattr(dk.schedules, name)(rate, *rest)


@pytest.mark.parametrize(
    "make",
    [
        lambda: dk.schedules.step(0.1, every=0),
        lambda: dk.schedules.step(0.1, every=2.5),  # type: ignore[arg-type]
        lambda: dk.schedules.step(0.1, every=5, factor=-1.0),
        lambda: dk.schedules.exponential(0.1, 0.0),
        lambda: dk.schedules.cosine(0.1, steps=0),
        lambda: dk.schedules.one_cycle(0.1, steps=-3),
    ],
)
def test_schedules_refuse_wrong_settings(make: Any) -> None:
    with pytest.raises(InputError):
        make()


# A function of the step ------------------------------------------------------------------------


def test_a_function_of_the_step_is_a_schedule() -> None:
    optimizer = dk.optim.adam(lambda t: 0.1 / (1 + t))
    assert [optimizer.rate_at(t) for t in range(3)] == [0.1, 0.05, 0.1 / 3]
    rates = [0.5, 0.25, 0.125]
    x = np.ones(2)
    run = dk.train(lambda w, x: np.mean((w - x) ** 2), 0.0, (x,), epochs=3,
                   optimizer=dk.optim.sgd(lambda t: rates[t]))  # fmt: skip
    assert run.history["rate"] == rates
    assert "0x" not in repr(run.optimizer)  # it is saved, and the same every time


@pytest.mark.parametrize(
    ("rate", "words"),
    [
        (lambda t: 0.1 * t, "step 0 must be a positive number, not 0"),
        (lambda t: -0.1, "step 0 must be a positive number, not -0.1"),
        (lambda t: 1 / t, "fails at step 0: division by zero"),
        (lambda: 0.1, "fails at step 0: .*positional argument"),
        (lambda t: "fast", "step 0 is a str, not a number"),
        (dk.schedules.step, "fails at step 0: .*every"),
    ],
)
def test_a_function_that_gives_no_rate_is_refused_at_once(rate: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        dk.optim.sgd(rate)


@pytest.mark.parametrize("bad", (0.0, math.nan, math.inf))
def test_a_function_is_checked_at_every_step(bad: float) -> None:
    optimizer = dk.optim.sgd(lambda t: 0.1 if t < 4 else bad)
    with pytest.raises(InputError, match=f"at step 4 must be a positive number, not {bad}"):
        dk.train(lambda w, x: np.mean((w - x) ** 2), 0.0, (np.ones(2),), optimizer=optimizer,
                 epochs=9)  # fmt: skip
