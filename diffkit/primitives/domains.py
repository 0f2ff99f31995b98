"""Where an elementwise operation is defined, and where to draw test points from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = [
    "Domain",
    "above_minus_one",
    "above_one",
    "inside_unit",
    "log_of_second",
    "nonnegative",
    "nonzero",
    "off_origin",
    "off_poles",
    "positive",
    "reals",
    "unit",
]


@dataclass(frozen=True)
class Domain:
    """A set of real numbers: its name, a membership test, and an interval to sample from."""

    name: str
    contains: Callable[..., Any]
    sample: tuple[float, float]

    def __repr__(self) -> str:
        return f"Domain({self.name})"


reals = Domain("x ∈ ℝ", lambda *x: np.isfinite(x[0]), (-2.0, 2.0))
positive = Domain("x > 0", lambda *x: np.asarray(x[0]) > 0, (0.2, 3.0))
nonnegative = Domain("x ≥ 0", lambda *x: np.asarray(x[0]) >= 0, (0.2, 3.0))
nonzero = Domain("x ≠ 0", lambda *x: np.asarray(x[-1]) != 0, (0.3, 2.0))
above_minus_one = Domain("x > −1", lambda *x: np.asarray(x[0]) > -1, (-0.8, 2.0))
above_one = Domain("x ≥ 1", lambda *x: np.asarray(x[0]) >= 1, (1.2, 3.0))
inside_unit = Domain("|x| < 1", lambda *x: np.abs(x[0]) < 1, (-0.9, 0.9))
unit = Domain("|x| ≤ 1", lambda *x: np.abs(x[0]) <= 1, (-0.9, 0.9))
off_poles = Domain("cos x ≠ 0", lambda *x: np.cos(x[0]) != 0, (-1.3, 1.3))
off_origin = Domain(
    "(x₁, x₂) ≠ (0, 0)",
    lambda *x: (np.asarray(x[0]) != 0) | (np.asarray(x[1]) != 0),
    (0.3, 2.0),
)
log_of_second = Domain(
    "x₂ > 0 or x₁ = 0",
    lambda *x: (np.asarray(x[1]) > 0) | (np.asarray(x[0]) == 0),
    (0.2, 3.0),
)
