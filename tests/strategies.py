"""Random functions for hypothesis: straight-line programs of NumPy calls, with sharing.

A program is a list of steps, each naming an operation and the earlier values it reads, so
values are shared as often as not.  It is an ordinary Python callable that a reader can print:

    v2 = sin(v0)
    v3 = v2 * v1

Values are kept below ``LARGEST`` while the program is drawn (a large one goes through tanh),
so that tolerances can be stated in units of rounding.

Profiles: ``dev`` (the default), ``ci`` and ``intense``, chosen by HYPOTHESIS_PROFILE.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

PROFILES = {"dev": 15, "ci": 50, "intense": 1000}
for profile, examples in PROFILES.items():
    settings.register_profile(
        profile,
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
        derandomize=profile == "ci",
    )
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))

LARGEST = 20.0
MIX = np.array([[0.5, -0.25, 0.1], [0.2, 0.4, -0.3], [-0.1, 0.3, 0.6]])

# Smooth everywhere, so that finite differences and the complex step apply.
SMOOTH: dict[str, tuple[int, Callable[..., Any]]] = {
    "sin": (1, np.sin),
    "cos": (1, np.cos),
    "tanh": (1, np.tanh),
    "arctan": (1, np.arctan),
    "exp(-x²)": (1, lambda x: np.exp(-x * x)),
    "log1p(x²)": (1, lambda x: np.log1p(x**2)),
    "√(1+x²)": (1, lambda x: np.sqrt(1 + x**2)),
    "-x": (1, lambda x: -x),
    "x³/4": (1, lambda x: 0.25 * x**3),
    "x+y": (2, lambda x, y: x + y),
    "x-y": (2, lambda x, y: x - y),
    "x*y": (2, lambda x, y: x * y),
    "x/(2+sin y)": (2, lambda x, y: x / (2 + np.sin(y))),
}
SHAPED: dict[str, tuple[int, Callable[..., Any]]] = {
    "sum": (1, np.sum),
    "mean over rows": (1, lambda x: np.mean(x, axis=0) if np.ndim(x) == 2 else x),
    "reversed": (1, lambda x: x[..., ::-1] if np.ndim(x) else x),
    "x @ MIX": (1, lambda x: x @ MIX if np.shape(x)[-1:] == (3,) else x),
    "last": (1, lambda x: x[..., -1:] if np.ndim(x) else x),
    "xᵀx": (1, lambda x: np.sum(x.T @ x, axis=0) if np.ndim(x) == 2 else x),
}
# Kinks: fine for methods that see the graph, almost never met exactly by random numbers.
KINKED: dict[str, tuple[int, Callable[..., Any]]] = {
    "maximum": (2, np.maximum),
    "abs": (1, np.abs),
    "where(x>y)": (2, lambda x, y: np.where(x > y, x * y, np.sin(x))),
    "relu": (1, lambda x: np.maximum(x, 0.0)),
    "clip": (1, lambda x: np.clip(x, -0.755, 1.215)),
}
SQUASH = "tanh"
SPECIAL = (np.nan, np.inf, -np.inf, 0.0, -0.0, 1e308, -1e308, 5e-324, 1e-200, 1.0, 710.0)


@dataclass(frozen=True)
class Program:
    """A random function: called on its inputs, it returns one number."""

    steps: tuple[tuple[str, tuple[int, ...]], ...]
    inputs: tuple[Any, ...]

    def __call__(self, *inputs: Any) -> Any:
        values = list(inputs)
        for name, operands in self.steps:
            values.append(OPERATIONS[name][1](*[values[i] for i in operands]))
        # the last values and every input count, so that no derivative is trivially zero
        return sum(np.sum(value) * (k + 1) for k, value in enumerate(values[-3:])) + sum(
            0.1 * np.sum(x * x) for x in inputs
        )

    def __repr__(self) -> str:
        lines = [f"v{i} = {x!r}" for i, x in enumerate(self.inputs)]
        for place, (name, operands) in enumerate(self.steps, start=len(self.inputs)):
            lines.append(f"v{place} = {name}({', '.join(f'v{i}' for i in operands)})")
        return "\n" + "\n".join(lines)


OPERATIONS = {**SMOOTH, **SHAPED, **KINKED}


def short_numbers() -> st.SearchStrategy[float]:
    """Numbers with two decimals, so that a failing example can be read aloud."""
    return st.integers(-150, 150).map(lambda k: k / 100)


def special_numbers() -> st.SearchStrategy[float]:
    """Where rounding, overflow, signed zeros and NaN live, and ordinary numbers."""
    return st.sampled_from(SPECIAL) | short_numbers()


def arrays(
    shape: tuple[int, ...], numbers: st.SearchStrategy[float] | None = None
) -> st.SearchStrategy[np.ndarray]:
    """Arrays of short numbers (a scalar for the empty shape)."""
    size = int(np.prod(shape))
    numbers = short_numbers() if numbers is None else numbers
    cells = st.lists(numbers, min_size=size, max_size=size)
    return cells.map(lambda flat: np.array(flat).reshape(shape)[()])


@st.composite
def programs(
    draw: Any,
    operations: Sequence[str] = (*SMOOTH, *SHAPED),
    shapes: Sequence[tuple[int, ...]] = ((), (3,), (2, 3)),
    inputs: int = 3,
    steps: int = 10,
    numbers: st.SearchStrategy[float] | None = None,
) -> Program:
    """A program of up to ``steps`` operations on up to ``inputs`` inputs of these shapes."""
    count = draw(st.integers(1, inputs))
    values = [draw(arrays(draw(st.sampled_from(list(shapes))), numbers)) for _ in range(count)]
    given, made = tuple(values), []
    for _ in range(draw(st.integers(1, steps))):
        name = draw(st.sampled_from(list(operations)))
        operands = tuple(draw(st.integers(0, len(values) - 1)) for _ in range(OPERATIONS[name][0]))
        with np.errstate(all="ignore"):
            value = OPERATIONS[name][1](*[values[i] for i in operands])
        if numbers is None and np.max(np.abs(value)) > LARGEST:
            name, operands = SQUASH, operands[:1]
            value = np.tanh(values[operands[0]])
        made.append((name, operands))
        values.append(value)
    return Program(tuple(made), given)
