"""Reductions and normalisations of the machine: every axis, special numbers, sizes."""

from __future__ import annotations

from itertools import chain, combinations
from typing import Any

import numpy as np
import pytest
from machine_cases import assert_same

from diffkit.capture.capturing import capture
from diffkit.engines.interpret import run
from diffkit.engines.machine.running import machine_runner
from diffkit.graph.primitive import REGISTRY

SHAPE = (2, 3, 4)
AXES = list(chain.from_iterable(combinations(range(3), count) for count in range(4)))
OVER_AXES = ("sum", "prod", "max", "min", "logsumexp", "softmax")
ALONG_AXIS = ("cumsum", "argmax", "argmin")
SPECIAL = np.array([[1.0, -2.0, 3.0, 0.5], [np.nan, 1.0, 2.0, np.inf],
                    [np.inf, 1.0, -np.inf, np.inf],
                    [-np.inf] * 4, [0.0, -0.0, 0.0, -0.0], [800.0, -1e308, 710.0, -800.0],
                    [-np.inf, 2.0, 1.0, -np.inf], [5e-324, 1.0, np.nan, np.nan]])  # fmt: skip
EPSILON = {"f8": 2.3e-16, "f4": 1.2e-7}


def both(name: str, x: np.ndarray, **params: Any) -> tuple[Any, Any]:
    """One operation by machine (without Python) and by interpreter."""
    graph = capture(lambda x: REGISTRY[name](x, **params), [x])
    runner = machine_runner(graph)
    assert not runner.program.callbacks
    return runner([x])[0], run(graph, [x])[0]


def close(got: Any, wanted: Any, dtype: str) -> None:
    """NaN and infinities alike, numbers to a few roundings of numbers of size about 1."""
    assert np.asarray(got).dtype == np.asarray(wanted).dtype
    np.testing.assert_allclose(got, wanted, rtol=8 * EPSILON[dtype], atol=8 * EPSILON[dtype])


@pytest.mark.parametrize("dtype", ["f8", "f4"])
@pytest.mark.parametrize("axes", AXES, ids=str)
@pytest.mark.parametrize("name", OVER_AXES)
def test_any_axes(name: str, axes: tuple[int, ...], dtype: str) -> None:
    x = np.random.default_rng(0).uniform(-2, 2, SHAPE).astype(dtype)
    close(*both(name, x, axes=axes), dtype)
    close(*both(name, np.asfortranarray(x), axes=axes), dtype)


@pytest.mark.parametrize("name", OVER_AXES)
@pytest.mark.parametrize("axis", [0, 1])
def test_special_numbers_in_rows_and_columns(name: str, axis: int) -> None:
    x = SPECIAL if axis == 1 else SPECIAL.T.copy()
    with np.errstate(all="ignore"):
        close(*both(name, x, axes=(axis,)), "f8")


@pytest.mark.parametrize("name", ALONG_AXIS)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_along_an_axis(name: str, axis: int) -> None:
    rng = np.random.default_rng(0)
    for x in (rng.normal(size=SHAPE), rng.integers(-2, 2, SHAPE), SPECIAL.reshape(2, 4, 4)):
        with np.errstate(all="ignore"):
            assert_same(*([y] for y in both(name, x, axis=axis)))


@pytest.mark.parametrize("name", ["sum", "prod", "max", "min"])
@pytest.mark.parametrize("axes", AXES, ids=str)
def test_integers_are_exact_and_wrap_around(name: str, axes: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).integers(-(2**62), 2**62, SHAPE)
    got, wanted = both(name, x, axes=axes)
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 40, 1023, 1024, 1025, 3000])
def test_lengths_around_the_blocks(count: int) -> None:
    x = np.random.default_rng(count).normal(size=(3, count))
    for place in (0, count // 2, count - 1):  # an extreme anywhere, and a NaN anywhere
        x[0, place], x[1, place], x[2, place] = 9.0, -9.0, np.nan
        for name in ("max", "min", "logsumexp", "softmax"):
            close(*both(name, x, axes=(1,)), "f8")
            close(*both(name, x.T.copy(), axes=(0,)), "f8")


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0)])
def test_reductions_of_nothing(shape: tuple[int, ...]) -> None:
    for name in ("sum", "prod", "logsumexp", "softmax"):
        for axis in range(len(shape)):
            assert_same(*([y] for y in both(name, np.zeros(shape), axes=(axis,))))
    assert_same(*([y] for y in both("cumsum", np.zeros(shape), axis=0)))
