"""What the tests of native calls share: two arrays and two functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import diffkit as dk

RNG = np.random.default_rng(4)
SMALL, LARGE = RNG.normal(size=7), RNG.normal(size=(40, 50))  # copied; views of a pool


def quadratic(x: Any) -> Any:
    return np.sum(x * x) / 2.0


def bound_double(x: Any) -> Callable[..., Any]:
    return dk.trace(lambda v: (np.sum(v), [2.0 * v]), x).bind(engine="machine")
