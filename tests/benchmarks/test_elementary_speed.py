"""The elementary functions against the C library's: ``pytest -m benchmark --benchmark-enable``.

What is asserted is a ratio of times of the same loop in the same process; each row's extra
information has nanoseconds per element, and the seconds that compiling the loop takes.
"""

from __future__ import annotations

import math
import statistics
import time
from typing import Any

import numpy as np
import pytest
from numba import njit

from diffkit.engines import elementary
from diffkit.engines.lane_terms import FLAGS

pytestmark = pytest.mark.benchmark

LANES, CALLS, ROUNDS = 4096, 50, 9


@njit(**FLAGS)
def plain_logistic(x: Any) -> Any:
    """1/(1 + e⁻ˣ) with the C library's exponential."""
    one = type(x)(1)
    return one / (one + math.exp(-x))


@njit(**FLAGS)
def plain_softplus(x: Any) -> Any:
    """log(1 + eˣ) with the C library's functions."""
    return max(x, type(x)(0)) + math.log1p(math.exp(-abs(x)))


# name: our function, the C library's way, and the least gain in float64 and float32; on an x86-64
# processor with AVX2 the gains measured are about twice these.
CASES: dict[str, tuple[Any, Any, float]] = {
    "exp": (elementary.exp, math.exp, 1.5),
    "expm1": (elementary.expm1, math.expm1, 1.5),
    "log": (elementary.log, math.log, 1.2),
    "log1p": (elementary.log1p, math.log1p, 1.2),
    "tanh": (elementary.tanh, math.tanh, 2.5),
    "erf": (elementary.erf, math.erf, 1.5),
    "logistic": (elementary.logistic, plain_logistic, 1.2),
    "softplus": (elementary.softplus, plain_softplus, 1.2),
    "near_sin": (elementary.near_sin, math.sin, 1.5),
    "near_cos": (elementary.near_cos, math.cos, 1.5),
}


def loop(function: Any) -> Any:
    @njit(**FLAGS)
    def run(x: Any, out: Any) -> None:
        for i in range(x.shape[0]):
            out[i] = function(x[i])

    return run


def nanoseconds(run: Any, x: np.ndarray, out: np.ndarray) -> float:
    """The median CPU time per element."""
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        for _ in range(CALLS):
            run(x, out)
        times.append(time.process_time() - start)
    return statistics.median(times) / (CALLS * LANES) * 1e9


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", CASES)
def test_loops_against_the_c_library(name: str, dtype: Any, benchmark: Any) -> None:
    function, library, least_gain = CASES[name]
    x = np.random.default_rng(0).uniform(-5.0, 5.0, LANES).astype(dtype)
    x = np.abs(x) if name.startswith("log") and name != "logistic" else x
    out = np.empty_like(x)
    ours, theirs, seconds = loop(function), loop(library), []
    for run in (ours, theirs):
        start = time.process_time()
        run(x, out)
        seconds.append(round(time.process_time() - start, 3))
    found = nanoseconds(ours, x, out)
    gain = nanoseconds(theirs, x, out) / found
    benchmark.extra_info |= {"ns per element": round(found, 2), "gain": round(gain, 2)}
    benchmark.extra_info |= {"compile seconds": seconds[0], "C library": seconds[1]}
    benchmark(ours, x, out)
    assert gain > least_gain
