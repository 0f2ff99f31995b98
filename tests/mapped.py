"""A loop over examples, which ``dk.vmap`` is held against, and how trees are compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import optree

# A sum of n terms, each rounded, in two orders: the samples and nets of the tests have n < 1000.
TOLERANCE = 1000 * np.finfo(float).eps


def stacked(examples: list[Any]) -> Any:
    """Equal trees of arrays as one tree, with the examples along axis 0."""
    return optree.tree_map(lambda *leaves: np.stack(leaves), *examples)


def assert_same(got: Any, expected: Any, tolerance: float = TOLERANCE) -> None:
    """Trees of the same shapes and dtypes, equal to so many times the largest number."""
    leaves, structure = optree.tree_flatten(got)
    wanted, same = optree.tree_flatten(expected)
    assert structure == same
    for one, other in zip(leaves, wanted, strict=True):
        one, other = np.asarray(one), np.asarray(other)
        assert (one.shape, one.dtype) == (other.shape, other.dtype)
        if not tolerance or one.dtype.kind != "f":
            np.testing.assert_array_equal(one, other)
        else:
            scale = max(1.0, float(np.max(np.abs(other), initial=0.0)))
            np.testing.assert_allclose(one, other, rtol=0, atol=tolerance * scale)


def loop(f: Callable[..., Any], operands: list[Any], axes: tuple[Any, ...]) -> Any:
    """What vmap should give, one call after another."""
    size = next(len(x) for x, axis in zip(operands, axes, strict=True) if axis == 0)
    with np.errstate(all="ignore"):
        return stacked([
            f(*(x[i] if axis == 0 else x for x, axis in zip(operands, axes, strict=True)))
            for i in range(size)
        ])  # fmt: skip
