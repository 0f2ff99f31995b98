"""How the machine compares, as ratios: ``pytest -m benchmark --benchmark-enable``.

The same gradients by the machine, by the interpreter, by code specialised for the graph, and by
kernels written by hand, all in one process.  What is asserted are ratios that hold with room to
spare on a busy computer; ``docs/performance.md`` has the measured ones.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from performance_counts import cpu_seconds, repeats_of

import diffkit as dk
from diffkit.engines.machine.warming import warm_up

pytestmark = pytest.mark.benchmark

ROUNDS = 15


def rosenbrock(x: Any) -> Any:
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def mlp(w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
    scores = np.tanh(IMAGES @ w1 + b1) @ w2 + b2
    shifted = scores - np.max(scores, axis=1, keepdims=True)
    sums = np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    return np.sum(TARGETS * (sums - shifted)) / len(IMAGES)


def lanes(x: Any) -> Any:
    return np.sum(np.tanh(x) * np.sin(x) + np.exp(-x * x))


def logistic_map(x: Any) -> Any:
    for _ in range(8):
        x = 4.0 * x * (1.0 - x)
    return x


RANDOM = np.random.default_rng(0)
IMAGES, TARGETS = RANDOM.normal(size=(32, 64)), np.eye(10)[RANDOM.integers(0, 10, 32)]
PARAMETERS = [RANDOM.normal(size=s) / 8 for s in ((64, 32), (32,), (32, 10), (10,))]

CASES = {
    # name: function, arguments; least gain over the interpreter; most times the hand-written
    "rosenbrock, 10": (rosenbrock, [np.linspace(-1, 1, 10)], 5.0, 15.0),
    "rosenbrock, 10000": (rosenbrock, [np.linspace(-1, 1, 10_000)], 2.0, 8.0),
    "MLP 64-32-10": (mlp, PARAMETERS, 3.0, 4.0),
}

SPECIALISED = {
    # name: function, arguments; most times the code specialised for the graph
    "logistic map": (logistic_map, [0.2], 3.0),
    "1000 lanes": (lanes, [np.linspace(0.0, 1.0, 1000)], 3.0),
}


@cache
def handwritten() -> dict[str, Callable[..., Any]]:
    """The same values and gradients, written by hand for Numba: the limit."""
    from numba import njit

    @njit(error_model="numpy")
    def rosenbrock_gradient(x: Any, x_bar: Any) -> Any:
        value = 0.0
        x_bar[:] = 0.0
        for i in range(x.size - 1):
            a, b = x[i + 1] - x[i] * x[i], 1.0 - x[i]
            value += 100.0 * a * a + b * b
            x_bar[i] += -400.0 * a * x[i] - 2.0 * b
            x_bar[i + 1] += 200.0 * a
        return value

    @njit(error_model="numpy")
    def mlp_gradient(
        w1: Any, b1: Any, w2: Any, b2: Any, x: Any, y: Any, w1_bar: Any, w2_bar: Any
    ) -> Any:
        h = np.dot(x, w1)
        for i in range(h.shape[0]):
            for j in range(h.shape[1]):
                h[i, j] = math.tanh(h[i, j] + b1[j])
        z = np.dot(h, w2)
        value = 0.0
        for i in range(z.shape[0]):
            most, total = -np.inf, 0.0
            for j in range(z.shape[1]):
                z[i, j] += b2[j]
                most = max(most, z[i, j])
            for j in range(z.shape[1]):
                value -= y[i, j] * (z[i, j] - most)
                z[i, j] = math.exp(z[i, j] - most)
                total += z[i, j]
            value += math.log(total)
            for j in range(z.shape[1]):
                z[i, j] = (z[i, j] / total - y[i, j]) / z.shape[0]
        np.dot(h.T, z, w2_bar)
        d = np.dot(z, w2.T)
        for i in range(h.shape[0]):
            for j in range(h.shape[1]):
                d[i, j] *= 1.0 - h[i, j] * h[i, j]
        np.dot(x.T, d, w1_bar)
        return value / z.shape[0], d.sum(axis=0), z.sum(axis=0)

    def of_rosenbrock(x: Any) -> Any:
        x_bar = np.empty_like(x)
        return rosenbrock_gradient(x, x_bar), x_bar

    def of_mlp(w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        w1_bar, w2_bar = np.empty_like(w1), np.empty_like(w2)
        value, b1_bar, b2_bar = mlp_gradient(w1, b1, w2, b2, IMAGES, TARGETS, w1_bar, w2_bar)
        return value, (w1_bar, b1_bar, w2_bar, b2_bar)

    both = {"rosenbrock, 10": of_rosenbrock, "rosenbrock, 10000": of_rosenbrock}
    return both | {"MLP 64-32-10": of_mlp}


def gradient(case: Any, engine: str) -> Callable[[], Any]:
    function, args, *_ = case
    call = dk.value_and_grad(function, argnums=tuple(range(len(args))), engine=engine)
    return lambda: call(*args)


def ratio(over: Callable[[], Any], under: Callable[[], Any]) -> float:
    """The median over rounds of the CPU time of one over that of the other, taking turns."""
    pairs = [(call, repeats_of(call)) for call in (over, under)]
    times = [[cpu_seconds(*pair) for pair in pairs] for _ in range(ROUNDS)]
    return statistics.median(a / b for a, b in times)


@pytest.fixture(autouse=True, scope="module")
def warm() -> None:
    """Have the kernels compiled before anything is timed."""
    warm_up()


@pytest.mark.parametrize("name", CASES)
def test_machine_against_the_interpreter(name: str, benchmark: Any) -> None:
    machine, interpreter = gradient(CASES[name], "machine"), gradient(CASES[name], "interpret")
    gain = ratio(interpreter, machine)
    benchmark.extra_info["interpreter over machine"] = round(gain, 1)
    benchmark(machine)
    assert gain > CASES[name][2]


@pytest.mark.parametrize("name", SPECIALISED)
def test_machine_against_specialised_code(name: str, benchmark: Any) -> None:
    case = SPECIALISED[name]
    machine, specialised = gradient(case, "machine"), gradient(case, "specialise")
    over = ratio(machine, specialised)
    benchmark.extra_info["machine over specialised"] = round(over, 2)
    benchmark(specialised)
    # The machine reads its instructions from memory; the loops over lanes inside are the same.
    assert over < case[2]


@pytest.mark.parametrize("name", CASES)
def test_machine_against_hand_written_code(name: str, benchmark: Any) -> None:
    _, args, _, most = CASES[name]
    machine, by_hand = gradient(CASES[name], "machine"), handwritten()[name]
    expected, found = by_hand(*args), machine()
    flat = found[1] if isinstance(expected[1], tuple) else (found[1][0],)
    wanted = expected[1] if isinstance(expected[1], tuple) else (expected[1],)
    for ours, theirs in zip(flat, wanted, strict=True):
        assert np.allclose(ours, theirs, rtol=1e-9, atol=1e-12)
    over = ratio(machine, lambda: by_hand(*args))
    benchmark.extra_info["machine over hand-written"] = round(over, 2)
    benchmark(machine)
    assert over < most
