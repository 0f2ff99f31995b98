"""How much the compiled engine gains, as ratios: ``pytest -m benchmark --benchmark-enable``.

Absolute times belong to one computer; what is asserted is a ratio between two ways of computing
the same numbers on the same computer.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from timeit import repeat
from typing import Any

import numpy as np
import pytest

from diffkit.capture.capturing import capture
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines.cache import FOLDER_VARIABLE
from diffkit.engines.interpret import run
from diffkit.engines.specialise import specialised_runner

pytestmark = pytest.mark.benchmark

CALLS, ROUNDS = 2000, 7


def baydin(x: Any, y: Any) -> Any:
    return np.log(x) + x * y - np.sin(y)


def logistic_map(x: Any) -> Any:
    for _ in range(8):
        x = 4 * x * (1 - x)
    return x


def lanes(x: Any) -> Any:
    return np.sum(np.tanh(x) * np.sin(x) + np.exp(-x * x))


CASES = {
    # name: function, arguments, least gain over the interpreter
    "baydin": (baydin, [2.0, 5.0], 3.0),
    "logistic map": (logistic_map, [0.2], 20.0),
    "1000 lanes": (lanes, [np.linspace(0.0, 1.0, 1000)], 1.2),
}


def handwritten() -> dict[str, Callable[..., Any]]:
    """The same gradients, written by hand for Numba: the limit."""
    import math

    from numba import njit

    @njit(error_model="numpy")
    def baydin_gradient(x: Any, y: Any) -> Any:
        return math.log(x) + x * y - math.sin(y), y + 1 / x, x - math.cos(y)

    @njit(error_model="numpy")
    def logistic_gradient(x: Any) -> Any:
        slope = 1.0
        for _ in range(8):
            slope = slope * 4 * (1 - 2 * x)
            x = 4 * x * (1 - x)
        return x, slope

    return {"baydin": baydin_gradient, "logistic map": logistic_gradient}


def seconds(call: Callable[[], Any]) -> float:
    """The shortest time of one call."""
    call()
    return min(repeat(call, number=CALLS, repeat=ROUNDS)) / CALLS


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))


@pytest.mark.parametrize("name", CASES)
def test_compiled_gradient_against_the_interpreter(name: str, benchmark: Any) -> None:
    f, leaves, least_gain = CASES[name]
    graph = gradient_graph(capture(f, leaves))
    runner = specialised_runner(graph)
    ratio = seconds(lambda: run(graph, leaves)) / seconds(lambda: runner(leaves))
    benchmark.extra_info["interpreter over compiled"] = round(ratio, 1)
    benchmark(runner, leaves)
    assert ratio > least_gain


@pytest.mark.parametrize("name", ["baydin", "logistic map"])
def test_compiled_gradient_against_hand_written_code(name: str, benchmark: Any) -> None:
    f, leaves, _ = CASES[name]
    runner = specialised_runner(gradient_graph(capture(f, leaves)))
    by_hand = handwritten()[name]
    ratio = seconds(lambda: runner(leaves)) / seconds(lambda: by_hand(*leaves))
    benchmark.extra_info["compiled over hand-written"] = round(ratio, 1)
    benchmark(runner, leaves)
    # Both are a call into machine code; ours also makes a list of NumPy scalars.
    assert ratio < 20
