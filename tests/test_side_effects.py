"""Side effects, leaked values and recursion: refused with a reason, or simply right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from refusals import refusal

import diffkit as dk
from diffkit.errors import EndlessRecursionError, LeakedTracerError


def test_leaked_tracer() -> None:
    kept = []

    def f(x: Any) -> Any:
        kept.append(x)
        return x * x

    dk.trace(f, 1.0)
    refusal(LeakedTracerError, lambda: kept[0] * 2.0, "after the capture")
    refusal(LeakedTracerError, lambda: np.sin(kept[0]), "after the capture")
    refusal(LeakedTracerError, lambda: dk.grad(lambda x: x * kept[0])(1.0))
    refusal(LeakedTracerError, lambda: dk.grad(f)(1.0))


def test_arguments_changed_in_place_by_the_function_stay_unchanged() -> None:
    def f(x: Any) -> Any:
        x[0] = 5.0
        return np.sum(x * x)

    x = np.array([1.0, 2.0])
    assert np.array_equal(dk.grad(f)(x), [0.0, 4.0])
    assert np.array_equal(x, [1.0, 2.0])


# Recursion and loops ------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ("symbolic", "finite", "complex", "forward", "reverse"))
def test_endless_recursion_is_told_with_its_line(method: str) -> None:
    def endless(x: Any) -> Any:
        return endless(x) + 1.0

    error = refusal(
        EndlessRecursionError, lambda: dk.grad(endless, method=method)(1.0), "calling itself"
    )
    assert "return endless(x) + 1.0" in str(error) and isinstance(error, RecursionError)


def test_recursion_that_ends_on_a_value() -> None:
    def power(x: Any, n: int) -> Any:
        return x if n == 1 else x * power(x, n - 1)

    assert dk.grad(power)(1.5, 5) == pytest.approx(5 * 1.5**4)

    def halved(x: Any) -> Any:
        return x if x < 1 else halved(x / 2)

    assert dk.grad(halved)(5.0) == 0.125


@pytest.mark.parametrize("write", [
    lambda y, v: y.__setitem__(1, v), lambda y, v: y.__setitem__(slice(None), v),
    lambda y, v: y.__setitem__(slice(0, 2), v), lambda y, v: y.__setitem__([0, 3], v),
    lambda y, v: y.__setitem__((slice(None), 0), v),
])  # fmt: skip
def test_reads_of_written_rows_are_numpys(write: Any) -> None:
    def f(x: Any) -> Any:
        y = x * 2.0
        write(y, x[3, 0] + 1.0)
        write(y[::-1], x[2, 1])
        row = y[1]
        row += 5.0
        return y[0] * x[0] + y[1] + y[2] * y[-1] + y[1, 1] * y[3, 0]

    x = np.random.default_rng(0).normal(size=(4, 2))
    np.testing.assert_array_equal(dk.trace(f, x)(x), f(x))
