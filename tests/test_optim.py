"""Optimizers against their recurrences and closed forms.

The recurrences are written out here a second time, as scalar loops; ``test_torch_optim.py`` has
PyTorch's own trajectories beside them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.errors import DivergenceWarning, InputError
from diffkit.optim import ALL_OPTIMIZERS, FULL_BATCH_OPTIMIZERS, Optimizer
from diffkit.optim.optimizers import Adam
from diffkit.training.programs import Programs
from diffkit.training.stepping import Stepper

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
    """The rules of the papers for one number, with PyTorch's places of ε."""
    buffer, m, v, u, product, rate = None, 0.0, 0.0, 0.0, 1.0, 0.1
    for t in range(1, steps + 1):
        g = slope(w)
        if kind == "clipped values":
            g = min(max(g, -0.5), 0.5)
        if kind == "clipped norm":
            g *= min(1.0, 0.5 / (abs(g) + 1e-6))
        if kind == "L2":
            g += 0.2 * w
        match kind:
            case "adam" | "adamw" | "amsgrad":
                m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
                u = max(u, v)
                square = u if kind == "amsgrad" else v
                pull = 0.2 * w if kind == "adamw" else 0.0
                w -= rate * (m / (1 - 0.9**t)) / (math.sqrt(square / (1 - 0.999**t)) + 1e-8)
                w -= rate * pull
            case "nadam":  # Dozat 2016, algorithm 2
                now = 0.9 * (1 - 0.5 * 0.96 ** (t * 0.004))
                after = 0.9 * (1 - 0.5 * 0.96 ** ((t + 1) * 0.004))
                product *= now
                m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
                ahead = after * m / (1 - product * after) + (1 - now) * g / (1 - product)
                w -= rate * ahead / (math.sqrt(v / (1 - 0.999**t)) + 1e-8)
            case "adagrad":
                v += g * g
                w -= rate * g / (math.sqrt(v) + 1e-10)
            case "rmsprop" | "rmsprop centered":
                m, v = 0.99 * m + 0.01 * g, 0.99 * v + 0.01 * g * g
                spread = v - m * m if kind == "rmsprop centered" else v
                u = 0.5 * u + g / (math.sqrt(spread) + 1e-8)
                w -= 0.01 * (u if kind == "rmsprop centered" else g / (math.sqrt(v) + 1e-8))
            case "adadelta":
                v = 0.9 * v + 0.1 * g * g
                ahead = g * math.sqrt(u + 1e-6) / math.sqrt(v + 1e-6)
                u = 0.9 * u + 0.1 * ahead * ahead
                w -= ahead
            case "lion":
                w -= 0.01 * math.copysign(1.0, 0.9 * m + 0.1 * g)
                m = 0.99 * m + 0.01 * g
            case "plain" | "clipped values" | "clipped norm" | "L2":
                w -= rate * g
            case _:  # the first buffer is the gradient itself
                buffer = g if buffer is None else 0.9 * buffer + g
                w -= rate * (g + 0.9 * buffer if kind == "nesterov" else buffer)
        yield w


RULES = {
    "plain": dk.optim.sgd(0.1),
    "momentum": dk.optim.sgd(0.1, momentum=0.9),
    "nesterov": dk.optim.nesterov(0.1),
    "adagrad": dk.optim.adagrad(0.1),
    "rmsprop": dk.optim.rmsprop(0.01),
    "rmsprop centered": dk.optim.rmsprop(0.01, momentum=0.5, centered=True),
    "adadelta": dk.optim.adadelta(),
    "adam": dk.optim.adam(0.1),
    "adamw": dk.optim.adamw(0.1, decay=0.2),
    "nadam": dk.optim.nadam(0.1),
    "amsgrad": dk.optim.amsgrad(0.1),
    "lion": dk.optim.lion(0.01),
    "clipped values": dk.optim.clip_values(dk.optim.sgd(0.1), 0.5),
    "clipped norm": dk.optim.clip_norm(dk.optim.sgd(0.1), 0.5),
    "L2": dk.optim.weight_decay(dk.optim.sgd(0.1), 0.2, decoupled=False),
}


@pytest.mark.parametrize("kind", RULES)
def test_optimizers_follow_their_rules(kind: str) -> None:
    slope = math.sin  # L = −cos w, not quadratic, so that no term drops out
    expected = list(by_hand(kind, slope, 2.0, 60))
    found = descend(RULES[kind], np.array(2.0), np.sin, 60)[1:]
    assert np.allclose(found, expected, rtol=CLOSE, atol=CLOSE)


def test_one_of_each_kind_is_in_the_list() -> None:
    assert {type(o) for o in ALL_OPTIMIZERS} == {type(o) for o in RULES.values()}
    assert dk.optim.gradient_descent(0.1) == RULES["plain"]


@pytest.mark.parametrize("optimizer", ALL_OPTIMIZERS, ids=repr)
def test_a_quadratic_is_minimised(optimizer: Optimizer) -> None:
    """L = ½ Σ λ w² with λ = 1 and 4, the rate on a cosine: what only jitters must come to rest."""
    slopes, slow = np.array([1.0, 4.0]), type(optimizer).__name__.startswith("Ada")
    rate = optimizer.rate_at(0) * (4 if slow and not isinstance(optimizer, Adam) else 0.5)
    gentle = replace(optimizer, rate=dk.schedules.cosine(rate, steps=600))
    start = np.array([1.0, -1.5])
    *_, end = descend(gentle, start, lambda w: slopes * w, 600)
    assert np.sum(slopes * end * end) < 0.01 * np.sum(slopes * start * start)


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
        (lambda: dk.optim.adagrad(0.1, decay=-1.0), "decay"),
        (lambda: dk.optim.adagrad(0.1, eps=0.0), "eps"),
        (lambda: dk.optim.rmsprop(0.1, share=1.0), "share"),
        (lambda: dk.optim.rmsprop(0.1, momentum=1.5), "momentum"),
        (lambda: dk.optim.adadelta(share=math.nan), "share"),
        (lambda: dk.optim.nadam(0.1, warming=-1.0), "warming"),
        (lambda: dk.optim.lion(0.1, beta2=1.0), "beta2"),
        (lambda: dk.optim.clip_norm(dk.optim.sgd(0.1), 0.0), "most"),
        (lambda: dk.optim.clip_values(dk.optim.sgd(0.1), -1.0), "most"),
        (lambda: dk.optim.weight_decay(dk.optim.sgd(0.1), 0.0), "decay"),
        (lambda: dk.optim.lbfgs(memory=0), "memory"),
        (lambda: dk.optim.newton_cg(iterations=0), "iterations"),
    ],
)
def test_wrong_settings_are_refused(make: Any, match: str) -> None:
    with pytest.raises(InputError, match=match):
        make()


# Wrappers --------------------------------------------------------------------------------------


def test_wrappers_share_one_rate() -> None:
    inner = dk.optim.adam(0.1)
    wrapped = dk.optim.clip_norm(dk.optim.weight_decay(inner, 0.1), 1.0)
    slower: Any = replace(wrapped, rate=0.01)
    assert slower.inner.inner == dk.optim.adam(0.01) and slower.rate_at(0) == 0.01
    fitted: Any = replace(wrapped, rate=dk.schedules.cosine(0.1)).for_steps(10)
    assert fitted.inner.inner.rate.steps == 10
    assert repr(slower).startswith("ClippedNorm(Decayed(Adam(rate=0.01")


def test_two_decays_add_up() -> None:
    twice = dk.optim.weight_decay(dk.optim.weight_decay(dk.optim.sgd(0.1), 0.2), 0.3)
    once = dk.optim.weight_decay(dk.optim.sgd(0.1), 0.5)
    w = np.array([1.0, -2.0])
    found, expected = [o.update(w * 0, (), w, 0)[0] for o in (twice, once)]
    assert np.allclose(found, expected, rtol=1e-15)


def test_the_norm_is_that_of_all_parameters_and_float32_stays() -> None:
    bars = {"a": np.full(4, 3e30, np.float32), "b": np.array(8e30)}
    params = {"a": np.zeros(4, np.float32), "b": np.array(0.0)}
    after, _ = dk.optim.clip_norm(dk.optim.sgd(1.0), 1.0).update(bars, (), params, 0)
    assert after["a"].dtype == np.float32
    assert after["a"] == pytest.approx(np.full(4, -0.3), rel=1e-6)
    assert float(after["b"]) == pytest.approx(-0.8)


def test_only_optimizers_that_follow_a_gradient_are_wrapped() -> None:
    for make in (dk.optim.lbfgs(), dk.optim.newton_cg()):
        with pytest.raises(InputError, match="cannot be wrapped"):
            dk.optim.clip_norm(make, 1.0)
        with pytest.raises(InputError, match="needs the loss"):
            make.update(1.0, (), 1.0, 0)


# Full batches ----------------------------------------------------------------------------------


def rosenbrock(w: Any, x: Any) -> Any:
    return 100 * (w[1] - w[0] ** 2) ** 2 + (1 - w[0]) ** 2 + 0.0 * np.sum(x)


@pytest.mark.parametrize("engine", ("machine", "interpret"))
@pytest.mark.parametrize("optimizer", FULL_BATCH_OPTIMIZERS, ids=repr)
def test_full_batch_methods_end_in_the_valley(optimizer: Any, engine: str) -> None:
    """From (−1.2, 1), Rosenbrock's start; the loss falls at every update."""
    run = dk.train(rosenbrock, np.array([-1.2, 1.0]), (np.zeros(1),), optimizer=optimizer,
                   epochs=60, engine=engine)  # fmt: skip
    assert run.engine == engine and len(run.history["loss"]) == 60
    assert np.allclose(run.params, 1.0, atol=1e-6)
    assert max(np.diff(run.history["loss"])) <= 0


def test_newton_cg_needs_one_update_on_a_quadratic() -> None:
    slopes = np.array([1.0, 10.0, 100.0])
    bowl = lambda w, x: 0.5 * np.sum(slopes * w * w) + 0.0 * np.sum(x)  # noqa: E731
    run = dk.train(bowl, np.full(3, 1e-3), (np.zeros(1),), optimizer=dk.optim.newton_cg(),
                   epochs=2)  # fmt: skip
    assert run.history["loss"][1] < 0.01 * run.history["loss"][0]


def test_full_batch_methods_train_a_net_and_keep_float32() -> None:
    data = dk.datasets.load("iris")
    net = dk.nets.mlp([4, 6, 3], activation="tanh")
    loss = net.with_loss(dk.losses.cross_entropy, l2=1e-3)
    x = (data.x - data.x.mean(0)) / data.x.std(0)
    for optimizer in (dk.optim.lbfgs(), dk.optim.newton_cg(iterations=10)):
        run = dk.train(loss, net.init(0), (x, data.y), optimizer=optimizer, epochs=25)
        assert run.history["accuracy"][-1] > 0.96
    small = dk.train(lambda w, x: np.mean((w - x) ** 2), np.zeros(2, np.float32),
                     (np.ones((3, 2), np.float32),), optimizer=dk.optim.lbfgs(),
                     epochs=3)  # fmt: skip
    assert small.params.dtype == np.float32 and np.allclose(small.params, 1)


def test_full_batch_methods_refuse_batches_and_noise() -> None:
    fit = lambda w, x: np.mean((w - x) ** 2)  # noqa: E731
    with pytest.raises(InputError, match="all rows at once"):
        dk.train(fit, 0.0, (np.ones(6),), optimizer=dk.optim.lbfgs(), batch_size=2)
    noisy = lambda w, x, rng=None: np.mean((w - x) ** 2)  # noqa: E731
    with pytest.raises(InputError, match="draws random numbers"):
        dk.train(noisy, 0.0, (np.ones(6),), optimizer=dk.optim.newton_cg())


@pytest.mark.parametrize("optimizer", FULL_BATCH_OPTIMIZERS, ids=repr)
def test_what_a_search_asks_is_counted(optimizer: Any, tmp_path: Path) -> None:
    """Losses with gradients, products with the Hessian, and the same sum when it is resumed."""
    asked = {"gradient": 0, "product": 0}
    gradient, product = Stepper.__call__, Programs.product

    def counted(self: Any, *args: Any, **given: Any) -> Any:
        asked["gradient"] += 1
        return gradient(self, *args, **given)

    def multiplied(self: Any, *args: Any) -> Any:
        asked["product"] += 1
        return product(self, *args)

    start, nothing = np.array([-1.2, 1.0]), (np.zeros(1),)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stepper, "__call__", counted)
        patch.setattr(Programs, "product", multiplied)
        run = dk.train(rosenbrock, start, nothing, optimizer=optimizer, epochs=8,
                       engine="interpret", checkpoint=tmp_path)  # fmt: skip
    assert sum(run.history["evaluations"]) == asked["gradient"] > 8
    each = dk.train(rosenbrock, start, nothing, epochs=1).cost["gradient"]
    products = run.cost["gradient"] - each * asked["gradient"]
    assert products == sum(run.history["operations"]) - each * asked["gradient"]
    assert (products > 0) == (asked["product"] > 0)
    again = dk.resume(tmp_path, loss=rosenbrock, data=nothing)
    assert again.cost == run.cost and again.history == run.history


# Not a number ----------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ("machine", "interpret"))
@pytest.mark.parametrize("optimizer", ALL_OPTIMIZERS, ids=repr)
def test_a_gradient_that_is_not_finite_stops_every_training(
    optimizer: Optimizer, engine: str
) -> None:
    """√w has an infinite slope at 0: clipping and signs must not hide it."""
    sloped = lambda w, x: np.sum(np.sqrt(w)) + 0.0 * np.sum(x)  # noqa: E731
    with pytest.warns(DivergenceWarning):
        run = dk.train(sloped, np.zeros(2), (np.ones(3),), optimizer=optimizer, epochs=3,
                       engine=engine)  # fmt: skip
    assert run.engine == engine and run.diverged is not None
    assert run.history["loss"] == [] and run.params.tolist() == [0.0, 0.0]
