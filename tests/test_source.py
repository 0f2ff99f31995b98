"""Printed code: it can be read, and it gives the numbers of the graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from compiled import (
    FUNCTIONS,
)

import diffkit as dk
from diffkit.capture.capturing import capture
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines.emitting import NUMBA, NUMPY, writable
from diffkit.engines.interpret import run
from diffkit.engines.source import _WRITERS, to_source
from diffkit.errors import InputError
from diffkit.graph.primitive import REGISTRY, Elementwise, Other


def softmax_loss(w: Any, b: Any) -> Any:
    z = np.linspace(-1, 1, 20).reshape(5, 4) @ w + b
    m = z.max(axis=1, keepdims=True)
    log_sum = np.log(np.exp(z - m).sum(axis=1)) + m[:, 0]
    return np.mean(log_sum - z[np.arange(5), np.array([0, 1, 2, 1, 0])])


def many_operations(x: Any, y: Any) -> Any:
    smooth = 1 / (1 + np.exp(-x)) + np.logaddexp(x, 0) + np.hypot(x, y) + np.arctan2(x, y)
    kinked = np.where(x > 0, np.log(x), 0) * y**x + np.abs(x) ** -1 + np.clip(x, 0, 1)
    return smooth + kinked + np.maximum(x, 0) * np.sign(y) + x**3 + dk.parse("erf(x)")(x=x)


def moves(x: Any) -> Any:
    y = np.concatenate([x, x.T], axis=0).reshape(-1)[2:17:2]
    return np.sum(y) + np.prod(x[0]) + np.sum(np.cumsum(x, axis=1) * x[::-1]) + np.min(x)


PRINTED: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    **{name: FUNCTIONS[name] for name in ("rosenbrock", "two loops", "broadcast")},
    "softmax loss": (softmax_loss, [np.ones((4, 3)) * 0.1, np.zeros(3)]),
    "many operations": (many_operations, [np.float64(1.5), np.float64(0.5)]),
    "moves in float32": (moves, [np.arange(9, dtype=np.float32).reshape(3, 3)]),
    "einsum": (lambda x: np.sum(np.einsum("ij,kj->ik", x, x)), [np.arange(6.0).reshape(2, 3)]),
}


@pytest.mark.parametrize("name", PRINTED)
def test_printed_code_gives_the_numbers_of_the_graph(name: str) -> None:
    f, leaves = PRINTED[name]
    graph = gradient_graph(capture(f, leaves))
    space: dict[str, Any] = {}
    exec(to_source(graph, name="printed"), space)
    for got, wanted in zip(space["printed"](*leaves), run(graph, leaves), strict=True):
        np.testing.assert_array_equal(got, wanted)
        assert np.asarray(got).dtype == np.asarray(wanted).dtype


def test_printed_numba_code_runs_as_it_stands() -> None:
    graph = gradient_graph(dk.parse("x*y + sin(x)"))
    space: dict[str, Any] = {}
    exec(to_source(graph, name="fused", target="numba"), space)
    assert list(space["fused"](2.0, 3.0)) == run(graph, [np.float64(2.0), np.float64(3.0)])


def test_every_primitive_has_a_text_in_numpy_and_elementwise_ones_in_numba() -> None:
    for name, primitive in REGISTRY.items():
        # special functions are SciPy's; others, such as a user's own, are called by the registry
        if getattr(primitive, "in_python", False) or isinstance(primitive, Other):
            continue
        otherwise = ("scatter_add", "dft", "half_dft", "half_dft_sum", "tied_mean")
        printed = name in _WRITERS or name in otherwise or writable(primitive.bare, NUMPY)
        assert printed, name
        if isinstance(primitive, Elementwise):
            assert writable(primitive.bare, NUMBA), name


def test_names_and_lines_of_the_user_are_printed() -> None:
    def f(angle: Any) -> Any:
        sine = np.sin(angle)
        return sine * sine

    text = to_source(capture(f, [1.0]))
    assert "sine = np.sin(angle)" in text and "# test_source.py:" in text


def test_a_branch_that_was_taken_is_asserted() -> None:
    text = to_source(capture(lambda x: x * x if x > 0 else -x, [1.0]))
    assert "assert bool(" in text and "the branch taken" in text


def test_constants_keep_their_bits() -> None:
    values = np.array([0.1, -0.0, np.nan, np.inf, 1e-310, 1 / 3, 2.0])
    graph = capture(lambda x: x * values, [np.ones(7)])
    space: dict[str, Any] = {}
    exec(to_source(graph), space)
    assert space["constant"].tobytes() == values.tobytes()


def test_a_bad_name_or_target_is_refused() -> None:
    graph = dk.parse("x")
    with pytest.raises(InputError, match="import os; f"):
        to_source(graph, name="import os; f")
    with pytest.raises(InputError, match="fortran"):
        to_source(graph, target="fortran")
