"""Workloads that every tool runs: one text each, written for any library that speaks NumPy.

A function takes its arrays and, last, the module whose ``sum`` and ``tanh`` it calls, so that
JAX, PyTorch and the others run the very text that diffkit traces.  ``by_hand`` is value and
gradient as one writes them in NumPy, the reference that a tool's time is compared with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["WORKLOADS", "Workload", "rosenbrock"]


@dataclass(frozen=True)
class Workload:
    """A function of arrays and a module, where to differentiate it, and its gradient by hand."""

    name: str
    function: Callable[..., Any]
    arrays: Sequence[np.ndarray]
    by_hand: Callable[..., tuple[Any, tuple[Any, ...]]]


def rosenbrock(x: Any, xp: Any = np) -> Any:
    """Rosenbrock's function."""
    return xp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def rosenbrock_by_hand(x: np.ndarray) -> tuple[Any, tuple[np.ndarray]]:
    """Its value and gradient."""
    gap, rest = x[1:] - x[:-1] ** 2, 1.0 - x[:-1]
    x_bar = np.zeros_like(x)
    x_bar[1:] += 200.0 * gap
    x_bar[:-1] -= 400.0 * x[:-1] * gap + 2.0 * rest
    return np.sum(100.0 * gap**2 + rest**2), (x_bar,)


_RANDOM = np.random.default_rng(0)
INPUTS = _RANDOM.normal(size=(32, 64))
TARGETS = np.eye(10)[_RANDOM.integers(0, 10, 32)]


def mlp(w1: Any, b1: Any, w2: Any, b2: Any, inputs: Any, targets: Any, xp: Any = np) -> Any:
    """The cross-entropy of a net of two layers; scores are small, so no maximum is taken off."""
    scores = xp.tanh(inputs @ w1 + b1) @ w2 + b2
    totals = xp.log(xp.sum(xp.exp(scores), 1))
    return (xp.sum(totals) - xp.sum(targets * scores)) / 32.0


def mlp_by_hand(
    w1: np.ndarray,
    b1: np.ndarray,
    w2: np.ndarray,
    b2: np.ndarray,
    inputs: np.ndarray,
    targets: np.ndarray,
) -> tuple[Any, tuple[np.ndarray, ...]]:
    """Its value and gradient."""
    hidden = np.tanh(inputs @ w1 + b1)
    scores = hidden @ w2 + b2
    weights = np.exp(scores)
    sums = weights.sum(1, keepdims=True)
    scores_bar = (weights / sums - targets) / 32.0
    hidden_bar = (scores_bar @ w2.T) * (1.0 - hidden * hidden)
    bars = inputs.T @ hidden_bar, hidden_bar.sum(0), hidden.T @ scores_bar, scores_bar.sum(0)
    return (np.sum(np.log(sums)) - np.sum(targets * scores)) / 32.0, bars


def waves(x: Any, xp: Any = np) -> Any:
    """Elementwise work, wide and without structure."""
    return xp.sum(xp.tanh(x) * xp.sin(x) + xp.exp(-x * x))


def waves_by_hand(x: np.ndarray) -> tuple[Any, tuple[np.ndarray]]:
    """Its value and gradient."""
    t, s, bell = np.tanh(x), np.sin(x), np.exp(-x * x)
    return np.sum(t * s + bell), ((1.0 - t * t) * s + t * np.cos(x) - 2.0 * x * bell,)


def _net() -> tuple[np.ndarray, ...]:
    draw = _RANDOM.normal
    first, second = 0.1 * draw(size=(64, 32)), 0.1 * draw(size=(32, 10))
    return first, np.zeros(32), second, np.zeros(10), INPUTS, TARGETS


WORKLOADS = (
    *(
        Workload(f"rosenbrock {n}", rosenbrock, (np.linspace(-1.0, 1.0, n),), rosenbrock_by_hand)
        for n in (10, 1000)
    ),
    Workload("waves 10000", waves, (np.linspace(-3.0, 3.0, 10_000),), waves_by_hand),
    Workload("mlp 64-32-10, batch 32", mlp, _net(), mlp_by_hand),
)
