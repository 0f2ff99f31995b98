"""Right primitives of all three kinds, for tests that spoil one thing in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

import numpy as np
import pytest

from diffkit.comparison.rules import RuleReport
from diffkit.graph.primitive import (
    REGISTRY,
    Elementwise,
    Kink,
    Linear,
    Other,
    Primitive,
    Selected,
    primitive,
)
from diffkit.lazy import sp
from diffkit.primitives.arithmetic import greater, mul, sub
from diffkit.primitives.domains import reals

__all__ = [
    "Doubled",
    "Planter",
    "Relu",
    "SumOfSquares",
    "Tanh",
    "added_halves",
    "only_failures",
    "plant",
]


P = TypeVar("P", bound=Primitive)


class Planter(Protocol):
    """Registers a primitive for the length of one test."""

    def __call__(self, cls: type[P]) -> P:
        """The instance of the class."""
        ...


def only_failures(report: RuleReport, *beginnings: str) -> None:
    """The report fails, and only with sentences that begin in one of these ways."""
    assert not report.ok and not report
    assert all(f.startswith(beginnings) for f in report.failures), str(report)
    for beginning in beginnings:
        assert any(f.startswith(beginning) for f in report.failures), str(report)


class Tanh(Elementwise):
    """A right primitive, which each test spoils in one place."""

    value, domain, kinks, flops, emit, analytic = np.tanh, reals, (), 12, "tanh({0})", True

    def sympy(self, x: Any) -> Any:
        return sp.tanh(x)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: sub(1.0, mul(y, y)),)


class Relu(Elementwise):
    """A right primitive with a kink, to be spoiled."""

    domain, flops, emit = reals, 1, "maximum({0}, 0.0)"
    kinks = (Kink(at=(0.0,), slopes=(0.0, 1.0), declared=0.0),)

    def value(self, x: Any) -> Any:
        return np.maximum(x, np.asarray(x).dtype.type(0))

    def sympy(self, x: Any) -> Any:
        return sp.Max(x, 0)

    def partials(self, y: Any, x: Any) -> Any:
        return (lambda: Selected(greater(x, 0.0)),)


def added_halves(ct: Any) -> Any:
    """The sum of the two halves of a vector."""
    halves = REGISTRY["reshape"](ct, shape=(2, ct.shape[0] // 2))
    return REGISTRY["sum"](halves, axes=(0,))


class Doubled(Linear):
    """A vector followed by itself: a right linear primitive, to be spoiled."""

    linear_in, joint = (0,), True

    def value(self, x: Any) -> Any:
        return np.concatenate([x, x])

    def shape(self, x: Any) -> Any:
        return (2 * x.shape[0],)

    def transpose(self, ct: Any, x: Any) -> Any:
        return (lambda: added_halves(ct),)


class SumOfSquares(Other):
    """y = Σ x²: a right primitive of the third kind, to be spoiled."""

    def value(self, x: Any) -> Any:
        return np.sum(x * x)

    def shape(self, x: Any) -> Any:
        return ()

    def flops(self, out: Any, avals: Any) -> int:
        return 2 * avals[0].size

    def generic(self, x: Any) -> Any:
        return sum(item * item for item in x.reshape(-1))

    def jvp(self, y: Any, x: Any, x_dot: Any) -> Any:
        return REGISTRY["sum"](mul(mul(2.0, x[0]), x_dot[0]), axes=(0,))

    def vjp(self, ct: Any, y: Any, x: Any) -> Any:
        return (lambda: mul(ct, mul(2.0, x)),)


@pytest.fixture
def plant() -> Iterator[Callable[[type], Any]]:
    """Registers a primitive for one test only."""
    before = set(REGISTRY)
    yield primitive
    for name in set(REGISTRY) - before:
        del REGISTRY[name]
