"""A bound graph takes numbers as they come, and gives back the tree that the function returned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import diffkit as dk
from diffkit.capture.trees import flatten


class Pair(NamedTuple):
    value: Any
    rest: Any


X = np.array([1.0, 2.0, 3.0])
TREES: dict[str, Callable[[Any], Any]] = {
    "a number": np.sum,
    "a tuple of one": lambda x: (np.sum(x),),
    "nested tuples": lambda x: (np.sum(x), (x * 2.0, x)),
    "lists and an empty tuple": lambda x: [np.sum(x), (x * 2.0, [x + 1.0, ()])],
    "a dict": lambda x: {"total": np.sum(x), "all": x},
    "a dict in a tuple": lambda x: (np.sum(x), {"all": x}),
    "a named tuple": lambda x: Pair(np.sum(x), [x]),
    "a gradient": dk.value_and_grad(lambda x: np.sum(x * x), argnums=(0,)),
}


@pytest.mark.parametrize("name", TREES)
def test_bound_results_have_the_tree_of_the_function(name: str) -> None:
    function = TREES[name]
    expected, structure = flatten(function(X))
    for engine in ("machine", "interpret"):
        found, tree = flatten(dk.trace(function, X).bind(engine=engine)(X))
        assert tree == structure
        for ours, theirs in zip(found, expected, strict=True):
            assert np.array_equal(ours, theirs)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_bound_graph_takes_numbers_of_every_kind(dtype: type) -> None:
    bound = dk.trace(lambda x: x * x, dtype(1.5)).bind(engine="machine")
    for number in (1.5, np.float64(1.5), np.float32(1.5), np.array(1.5), np.array(1.5, dtype)):
        assert bound(number) == 2.25
        assert bound(number).dtype == dtype
    assert bound(3) == 9.0
    with pytest.raises(dk.errors.ShapeError):
        bound(np.ones(2))
