"""A NumPy function against itself: its value, and its derivative by two modes and differences.

The truth is NumPy: ``f`` runs on plain arrays, and a derivative along a direction must be the
central difference of those plain values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.capture.capturing import trace
from diffkit.differentiate.forward import pushforward_graph
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines.interpret import run
from diffkit.engines.machine.running import machine_runner
from diffkit.graph.ir import Graph

__all__ = ["A", "B", "P", "S", "V", "W", "agree_with_numpy", "gradients"]

A = np.linspace(-1.3, 1.7, 12).reshape(3, 4)
B = np.cos(np.arange(12.0)).reshape(3, 4)
P = np.abs(A) + 0.3
V = np.array([0.4, -1.2, 2.0, 0.7, -0.3])
W = np.array([1.0, 2.0, -0.5])
S = np.array([0.31, 0.52, 1.13, 1.74, 2.55])  # ascending
STEP = 1e-6
DIRECTIONS = 3


def parts_of(result: Any) -> list[np.ndarray]:
    """The arrays of a result, whatever tuples and lists it is made of."""
    if isinstance(result, (tuple, list)):
        return [part for item in result for part in parts_of(item)]
    return [np.asarray(result)]


def _same_values(f: Callable[..., Any], args: Sequence[Any], rtol: float) -> list[np.ndarray]:
    with np.errstate(all="ignore"):
        wanted = parts_of(f(*(np.array(x)[()] for x in args)))
        graph = trace(f, *args).check()
        found = run(graph, list(args))
    assert len(found) == len(wanted)
    for got, want in zip(found, wanted, strict=True):
        assert np.shape(got) == want.shape
        assert np.asarray(got).dtype == want.dtype
        np.testing.assert_allclose(got, want, rtol=rtol, atol=rtol)
    return wanted


def _weighted(f: Callable[..., Any], weights: Sequence[Any]) -> Callable[..., Any]:
    """One number from all floating results: their sum with fixed weights."""

    def total(*args: Any) -> Any:
        found = f(*args)
        flat: list[Any] = []

        def collect(part: Any) -> None:
            if isinstance(part, (tuple, list)):
                for item in part:
                    collect(item)
            else:
                flat.append(part)

        collect(found)
        return sum(np.sum(part * w) for part, w in zip(flat, weights, strict=True) if w is not None)

    return total


def gradients(f: Callable[..., Any], *args: Any) -> tuple[Graph, list[Any]]:
    """The gradient graph of a scalar function, and the gradients it gives."""
    graph = gradient_graph(trace(f, *args))
    return graph, run(graph, list(args))[1:]


def agree_with_numpy(
    f: Callable[..., Any], *args: Any, rtol: float = 1e-13, smooth: bool = True,
    tolerance: float = 2e-7, machine: bool = True,
) -> None:  # fmt: skip
    """Value as NumPy's; reverse, forward and central differences of NumPy agree."""
    rng = np.random.default_rng(0)
    args = tuple(np.asarray(x)[()] for x in args)
    wanted = _same_values(f, args, rtol)
    floats = [w.dtype.kind == "f" for w in wanted]
    if not smooth or not any(floats):
        return
    weights = [
        rng.uniform(0.5, 1.5, w.shape).astype(w.dtype) if one else None
        for w, one in zip(wanted, floats, strict=True)
    ]
    total = _weighted(f, weights)
    graph, x_bar = gradients(total, *args)
    if machine:
        again = machine_runner(graph)(list(args))[1:]
        for got, want in zip(again, x_bar, strict=True):
            np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-11)
    moved = [k for k, x in enumerate(args) if np.asarray(x).dtype.kind == "f"]
    forward = pushforward_graph(trace(total, *args), tuple(moved))
    for _ in range(DIRECTIONS):
        directions = [rng.normal(size=np.shape(args[k])) for k in moved]
        slope = sum(np.sum(x_bar[k] * d) for k, d in zip(moved, directions, strict=True))
        tangents = [np.asarray(d).astype(np.asarray(args[k]).dtype)
                    for k, d in zip(moved, directions, strict=True)]  # fmt: skip
        pushed = run(forward, [*args, *tangents])[1]
        np.testing.assert_allclose(pushed, slope, rtol=1e-10, atol=1e-10)
        sides = []
        for sign in (1, -1):
            there = list(args)
            for k, d in zip(moved, directions, strict=True):
                there[k] = args[k] + sign * STEP * d
            sides.append(total(*there))
        difference = (sides[0] - sides[1]) / (2 * STEP)
        np.testing.assert_allclose(slope, difference, rtol=tolerance, atol=tolerance)
