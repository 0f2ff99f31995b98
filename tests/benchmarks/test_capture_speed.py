"""What capture costs, per operation: run with ``pytest -m benchmark --benchmark-enable``.

The extra information of each row is in microseconds of CPU per operation.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.differentiate.reverse import gradient_graph

pytestmark = pytest.mark.benchmark

OPERATIONS = 99_999


def chain(x: Any) -> Any:
    """A logistic map: two products and a difference per step."""
    for _ in range(OPERATIONS // 3):
        x = 3.0 * x * (1.0 - x)
    return x


def test_capture_of_scalar_operations(benchmark: Any) -> None:
    graph = benchmark(dk.trace, chain, 0.3)
    assert graph.operations()["total"] == OPERATIONS
    start = time.process_time()
    dk.trace(chain, 0.3)
    benchmark.extra_info["us per operation"] = (time.process_time() - start) / OPERATIONS * 1e6


def test_reverse_sweep_over_scalar_operations(benchmark: Any) -> None:
    graph = dk.trace(chain, 0.3)

    def sweep() -> Any:
        graph.cache.clear()
        return gradient_graph(graph)

    assert benchmark(sweep).operations()["total"] > OPERATIONS


@pytest.mark.parametrize("f", [np.sin, lambda x: x**2, np.sum], ids=["sin", "x**2", "sum"])
def test_capture_of_one_function(benchmark: Any, f: Any) -> None:
    def many(x: Any) -> Any:
        for _ in range(1000):
            f(x)
        return f(x)

    benchmark(dk.trace, many, np.ones(3))
