"""What the tests of compiled code share: a cache of their own, functions, and a comparison."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from diffkit.engines.interpret import run
from diffkit.engines.specialise import numba_runner
from diffkit.graph.ir import Graph

ULPS_PER_OPERATION = 2
ROOT = Path(__file__).resolve().parents[1]


def agree(graph: Graph, leaves: list[Any], ulps: int = 8) -> list[Any]:
    """Run a graph on both engines; shapes, dtypes and numbers must agree."""
    before = [np.array(leaf) for leaf in leaves]
    compiled, interpreted = numba_runner(graph)(leaves), run(graph, leaves)
    for got, wanted in zip(compiled, interpreted, strict=True):
        got, wanted = np.asarray(got), np.asarray(wanted)
        assert (got.shape, got.dtype) == (wanted.shape, wanted.dtype)
        if wanted.dtype.kind == "f":
            np.testing.assert_array_max_ulp(got, wanted, ulps, wanted.dtype)
        else:
            np.testing.assert_array_equal(got, wanted)
    for leaf, copy in zip(leaves, before, strict=True):
        np.testing.assert_array_equal(leaf, copy)
    return compiled


def logistic_map(x: Any) -> Any:
    for _ in range(8):
        x = 4 * x * (1 - x)
    return x


def rosenbrock(x: Any) -> Any:
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def stacked(x: Any) -> Any:
    y = np.stack([x[0] * x[1], np.sin(x[1]), x[0]])
    return np.sum(y**2) * np.max(y)


COLUMN = np.linspace(0.1, 2, 90).reshape(30, 3)
FUNCTIONS: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    "baydin": (lambda x, y: np.log(x) + x * y - np.sin(y), [2.0, 5.0]),
    "logistic map": (logistic_map, [0.2]),
    "product of elements": (lambda x: x[0] * x[1], [np.array([2.0, 3.0])]),
    "rosenbrock": (rosenbrock, [np.array([1.2, 0.3, -0.4, 0.5])]),
    "speelpenning": (np.prod, [np.array([1.2, 0.3, -0.4, 0.5])]),
    "stacked": (stacked, [np.array([0.7, -0.2])]),
    "lanes": (lambda x: np.sum(np.tanh(x) * np.exp(x)), [COLUMN]),
    "two loops": (lambda x: np.log(np.sum(np.exp(x))), [COLUMN]),
    "scalar and lanes": (lambda a, x: np.mean((a * x - 1.0) ** 2), [0.5, COLUMN]),
    "broadcast": (lambda x, b: np.sum(np.sin(x + b)), [COLUMN, np.array([0.1, 0.2, 0.3])]),
    "constants": (lambda x: np.sum(x * np.arange(90.0).reshape(30, 3)), [COLUMN]),
}
