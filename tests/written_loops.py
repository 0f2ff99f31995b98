"""Loops as people write them in Python, each with arguments: what folding must make small."""

from __future__ import annotations

from typing import Any

import numpy as np


def logistic(x: Any, steps: int = 400) -> Any:
    for _ in range(steps):
        x = 3.7 * x * (1.0 - x)
    return x


def rosenbrock(x: Any) -> Any:
    total = 0.0
    for i in range(len(x) - 1):
        total = total + 100.0 * (x[i + 1] - x[i] ** 2) ** 2 + (1.0 - x[i]) ** 2
    return total


def horner(c: Any, x: Any) -> Any:
    y = c[0] * 1.0
    for i in range(1, len(c)):
        y = y * x + c[i]
    return y


def backwards(c: Any, x: Any) -> Any:
    y = 0.0 * x
    for i in reversed(range(len(c))):
        y = y * x + np.sin(c[i])
    return y


def fibonacci(a: Any, b: Any) -> Any:
    for _ in range(300):
        a, b = b, np.tanh(a * 0.7 + b * 0.4)
    return a * b


def delayed(x: Any) -> Any:
    seen = [x, x * 0.9, x * 0.8, x * 0.7]
    for _ in range(300):
        seen.append(np.sin(seen[-4]) * 0.5 + seen[-1] * 0.3)
    return seen[-1]


def runge_kutta(y: Any, k: Any) -> Any:
    def slope(t: float, y: Any) -> Any:
        return np.array([y[1], -k * np.sin(y[0])]) * np.cos(t)

    h, path = 0.01, []
    for i in range(60):
        t = i * h
        k1 = slope(t, y)
        k2 = slope(t + h / 2, y + h / 2 * k1)
        k3 = slope(t + h / 2, y + h / 2 * k2)
        k4 = slope(t + h, y + h * k3)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        path.append(y)
    return np.sum(np.stack(path) ** 2)


def recurrent(w: Any, u: Any, b: Any, x: Any) -> Any:
    h, states = np.zeros(len(b)), []
    for t in range(len(x)):
        h = np.tanh(h @ w + x[t] @ u + b)
        states.append(h)
    return np.sum(np.stack(states) ** 2)


def cell_by_cell(w: Any, x: Any) -> Any:
    h, states = np.zeros(3) * w, []
    for t in range(len(x)):
        h = np.tanh(h * w + x[t])
        states.append(h)
    return np.sum(w * np.array(states))


def relaxed(w: Any, x: Any) -> Any:
    h = np.zeros(3)
    for t in range(len(x)):
        h = np.maximum(h @ w + x[t], 0.0)
    return np.sum(h)


def two_loops(x: Any) -> Any:
    values, y = [], x
    for _ in range(200):
        y = np.sin(y) + 0.1
        values.append(y)
    total = 0.0
    for value in values:
        total = total + value * value * 0.5
    return total


def stacked(x: Any) -> Any:
    values = []
    for i in range(300):
        x = np.cos(x) * (0.5 + 0.001 * i)
        values.append(x)
    return np.sum(np.array(values) * np.linspace(0.0, 1.0, 300))


def updated(x: Any) -> Any:
    y = np.zeros(300) * x
    for i in range(300):
        x = np.sin(x) * 0.9 + 0.2
        y[i] = x
    return np.sum(y * y)


def matrices(m: Any) -> Any:
    total = 0.0
    for i in range(len(m)):
        total = total + m[i, 2] * np.exp(m[i, 0]) - m[i, 1]
    return total


def rows_anyhow(x: Any) -> Any:
    y = x[0]
    for i in range(300):
        y = np.sin(y) * x[i % 16] + x[(7 * i + 3) % 16]
    return y


def alternating(x: Any) -> Any:
    for i in range(300):
        x = np.sin(x) * (0.5 if i % 2 else 0.9) + 0.1
    return x


def first_step_differs(x: Any) -> Any:
    momentum = 0.0
    for i in range(300):
        momentum = (momentum * 0.9 if i else 0.0) + np.cos(x)
        x = x - 0.01 * momentum
    return x


def whole_arrays(x: Any) -> Any:
    for _ in range(200):
        x = x + 0.01 * np.sin(x[::-1]) - 0.02 * x
    return np.sum(x)


def single_precision(x: Any) -> Any:
    for _ in range(300):
        x = np.float32(3.7) * x * (np.float32(1.0) - x)
    return x


RNG = np.random.default_rng(0)
LOOPS: dict[str, tuple[Any, ...]] = {
    "logistic": (logistic, 0.3),
    "rosenbrock": (rosenbrock, RNG.normal(size=150)),
    "horner": (horner, RNG.normal(size=300), 0.7),
    "backwards": (backwards, RNG.normal(size=300), 0.7),
    "fibonacci": (fibonacci, 0.3, 0.4),
    "delayed": (delayed, 0.3),
    "recurrent": (recurrent, *(RNG.normal(size=s) for s in ((4, 4), (3, 4), 4, (80, 3)))),
    "cell_by_cell": (cell_by_cell, RNG.normal(size=3), RNG.normal(size=(150, 3))),
    "relaxed": (relaxed, RNG.normal(size=(3, 3)) * 0.4, RNG.normal(size=(200, 3))),
    "two_loops": (two_loops, 0.3),
    "stacked": (stacked, 0.3),
    "updated": (updated, 0.3),
    "matrices": (matrices, RNG.normal(size=(150, 3))),
    "rows_anyhow": (rows_anyhow, RNG.normal(size=16)),
    "alternating": (alternating, 0.3),
    "first_step_differs": (first_step_differs, 0.3),
    "whole_arrays": (whole_arrays, RNG.normal(size=6)),
}
