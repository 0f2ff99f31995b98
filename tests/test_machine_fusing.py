"""Fused passes of tapes: fewer of them, and the same bits."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import diffkit as dk
from diffkit.engines.machine.kernels.fused import EXPRESSIONS
from diffkit.engines.machine.running import machine_runner

SPECIAL = (0.0, -0.0, 1.0, -2.5, 1e300, -1e-320, np.inf, -np.inf, np.nan, 0.1)
TRIPLES = np.array(list(itertools.product(SPECIAL, repeat=3)))
FORMS: dict[str, Callable[..., Any]] = {
    "mul_add": lambda a, b, c, s: a * b + c,
    "sub_mul": lambda a, b, c, s: c - a * b,
    "mul_sub": lambda a, b, c, s: a * b - c,
    "scale_add": lambda a, b, c, s: c + s * a,
    "sub_scale": lambda a, b, c, s: c - a * s,
    "scale_sub": lambda a, b, c, s: s * a - c,
    "scale": lambda a, b, c, s: s * (a - b),
    "shift": lambda a, b, c, s: (a - b) + s,
    "lower": lambda a, b, c, s: (a - b) - s,
    "rest": lambda a, b, c, s: s - (a - b),
    "sqrt_shift": lambda a, b, c, s: s + np.sqrt(a),
    "scale_mul": lambda a, b, c, s: c * (s * a),
    "scale_div": lambda a, b, c, s: a * s / c,
}


def kernels_of(f: Callable[..., Any], *arguments: Any) -> tuple[set[str], list[Any]]:
    """The names of the kernels that run, and the results."""
    runner = machine_runner(dk.trace(f, *arguments))
    items = (item for row in runner.program.rows for item in getattr(row, "items", ()))
    return {item for item in items if isinstance(item, str)}, runner(arguments)


def same_bits(one: np.ndarray, other: np.ndarray) -> bool:
    """Equal bits, but any NaN is as good as any other."""
    nan = np.isnan(other)
    bits = f"i{one.itemsize}"
    return bool(
        (np.isnan(one) == nan).all() and (one.view(bits)[~nan] == other.view(bits)[~nan]).all()
    )


def test_there_is_a_form_for_every_kernel() -> None:
    assert FORMS.keys() == EXPRESSIONS.keys()


@pytest.mark.parametrize("dtype", (np.float64, np.float32))
@pytest.mark.parametrize("name", FORMS)
def test_two_operations_in_one_pass_round_like_two(name: str, dtype: Any) -> None:
    form = FORMS[name]
    with np.errstate(all="ignore"):
        random = np.random.default_rng(0).normal(size=(777, 3))
        a, b, c = np.concatenate([TRIPLES, random]).astype(dtype).T.copy()
        for s in map(dtype, SPECIAL):
            kernels, (found,) = kernels_of(form, a, b, c, s)
            assert f"{name}_{np.dtype(dtype).str[1:]}" in kernels
            assert not any(kernel.startswith("splat") for kernel in kernels)
            assert found.dtype == dtype and same_bits(found, form(a, b, c, s))


def test_a_product_that_is_read_twice_or_asked_for_stays() -> None:
    a, b, c = np.random.default_rng(1).normal(size=(3, 100))

    def twice(a: Any, b: Any, c: Any) -> Any:
        t = a * b
        return (t + c) * (t - c)

    def asked_for(a: Any, b: Any, c: Any) -> Any:
        t = a * b
        return t, t + c

    for f in (twice, asked_for):
        kernels, found = kernels_of(f, a, b, c)
        assert "mul_f8" in kernels and "mul_add_f8" not in kernels
        expected = f(a, b, c)
        expected = expected if isinstance(expected, tuple) else (expected,)
        assert all(same_bits(x, y) for x, y in zip(found, expected, strict=True))


def test_square_of_a_product_and_sums_of_two_products() -> None:
    a, b, c = np.random.default_rng(2).normal(size=(3, 100))
    f = lambda a, b, c: (a * b + b * c) - c * (a * a - b)  # noqa: E731
    assert same_bits(kernels_of(f, a, b, c)[1][0], f(a, b, c))
