"""Derivatives of small functions for tests: both modes, second order, central differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.capture.capturing import trace
from diffkit.differentiate.forward import pushforward_graph
from diffkit.differentiate.reverse import gradient_graph, pullback_graph
from diffkit.engines.interpret import run
from diffkit.graph.ir import Graph

INF, NAN = np.inf, np.nan
H = 1e-100  # the complex step of Squire & Trapp 1998
ALL = ("slice", None, None, None)  # the whole axis, in the parameters of getitem


def vjp(f: Callable[..., Any], *x: Any, ct: Any) -> list[Any]:
    """The cotangents of f at x, by reverse mode."""
    graph = trace(f, *x)
    return run(pullback_graph(graph), [*x, np.asarray(ct)])[1:]


def jvp(f: Callable[..., Any], x: Any, x_dot: Any) -> Any:
    """The tangent of f at x, by forward mode."""
    return run(pushforward_graph(trace(f, x), (0,)), [x, np.asarray(x_dot)])[1]


def gradient(f: Callable[..., Any], *x: Any) -> list[Any]:
    """The gradient of a scalar function, by reverse mode."""
    return run(gradient_graph(trace(f, *x)), list(x))[1:]


def second(f: Callable[..., Any], x: Any, direction: Any) -> Any:
    """The derivative of the gradient in a direction: forward over reverse."""
    graph: Graph = gradient_graph(trace(f, x))
    return run(pushforward_graph(graph, (0,)), [x, np.asarray(direction)])[3]


def agree_with_differences(f: Callable[..., Any], *x: Any, step: float = 1e-6) -> None:
    """Reverse mode against central differences, with a random cotangent."""
    rng = np.random.default_rng(0)
    y = np.asarray(run(trace(f, *x), list(x))[0])
    ct = rng.normal(size=y.shape)
    for place, x_bar in enumerate(vjp(f, *x, ct=ct)):
        expected = np.zeros(np.shape(x[place]))
        for cell in np.ndindex(expected.shape):
            sides = []
            for sign in (1, -1):
                moved = [np.array(operand) for operand in x]
                moved[place][cell] += sign * step
                sides.append(np.asarray(run(trace(f, *moved), moved)[0]))
            expected[cell] = np.sum(ct * (sides[0] - sides[1])) / (2 * step)
        np.testing.assert_allclose(x_bar, expected, rtol=1e-7, atol=1e-8)
