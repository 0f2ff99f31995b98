"""Functions with nothing to find: what is written well must not be complained about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from diagnose_battery import IMAGES, LABELS, ROWS

__all__ = ["CLEAN"]

RNG = np.random.default_rng(12)


def _gaussian(x: Any) -> Any:
    return np.exp(-0.5 * x * x) / np.sqrt(2 * np.pi)


def _stable_cross_entropy(w: Any) -> Any:
    scores = IMAGES @ w
    shifted = scores - np.max(scores, axis=1, keepdims=True)
    logs = shifted - np.log(np.sum(np.exp(shifted), axis=1, keepdims=True))
    return -np.mean(logs[ROWS, LABELS])


def _net(w: Any, v: Any) -> Any:
    return np.mean((np.tanh(IMAGES @ w) @ v - LABELS) ** 2)


def _selected_log(x: Any) -> Any:
    return np.sum(np.where(x > 0, np.log(np.where(x > 0, x, 1.0)), 0.0))


CLEAN: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
    (np.sin, (1.0,)),
    (lambda x: x * np.exp(-x) + np.cosh(x), (0.7,)),
    (_gaussian, (1.2,)),
    (lambda x: np.expm1(x) * np.cos(x), (1e-10,)),
    (lambda x: np.sqrt(x) + np.log(x) + 1 / x, (3.0,)),
    (lambda x: np.sum(x**3) / np.sum(x**2), (np.linspace(0.5, 2.0, 12),)),
    (lambda x: np.logaddexp(x, 2.0), (800.0,)),
    (lambda x, y: np.hypot(x, y), (1e200, 1e199)),
    (lambda x: np.var(x), (1e6 + np.arange(5.0),)),
    (lambda x: np.linalg.norm(x), (np.linspace(1, 2, 9),)),
    (lambda x: np.abs(x) + np.maximum(x, 0.0), (2.0,)),
    (lambda x: np.sinc(x), (0.25,)),
    (_stable_cross_entropy, (RNG.normal(size=(6, 3)),)),
    (_net, (0.4 * RNG.normal(size=(6, 5)), RNG.normal(size=5))),
    (_selected_log, (np.array([-1.0, 0.5, 3.0]),)),
]
