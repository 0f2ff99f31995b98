"""Compiled code on NaN, infinities, signed zeros and short floats, for every operation."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest
from compiled import (
    ULPS_PER_OPERATION,
    agree,
)

from diffkit.capture.capturing import capture
from diffkit.capture.tracing import Tracer
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines import specialise
from diffkit.engines.interpret import run
from diffkit.engines.specialise import kernel_of, numba_runner
from diffkit.graph.arena import Arena
from diffkit.graph.avals import aval
from diffkit.graph.ir import Graph
from diffkit.graph.primitive import REGISTRY, Elementwise

SPECIAL = [0.0, -0.0, 1.0, -1.0, 0.5, -2.5, np.inf, -np.inf, np.nan, 5e-324, -750.0, 750.0, 3.7]
POWERS = [{"n": n} for n in (-2, -1, 0, 1, 2, 3, 4, 5)]
# NumPy refuses these for booleans; integers are rounded to themselves.
NO_BOOLEANS = ("alias", "floor_divide", "neg", "remainder", "rint", "sign", "sub")


def every_elementwise_operation(kinds: list[Any]) -> tuple[Graph, list[str]]:
    """One graph with an output for each operation: three operands and a condition."""
    arena = Arena()
    inputs = [arena.new_input(kind) for kind in kinds]
    *x, condition = (Tracer(arena, n, k) for n, k in zip(inputs, kinds, strict=True))
    outputs, names = [], []
    for name, primitive in sorted(REGISTRY.items()):
        if not isinstance(primitive, Elementwise) or name == "probe":  # the identity, with a name
            continue
        if getattr(primitive, "in_python", False):  # special functions have no compiled code
            continue
        if (kinds[0].dtype.kind == "b" and name in NO_BOOLEANS) or (
            kinds[0].dtype.kind == "i" and name == "rint"
        ):
            continue
        arity = len(inspect.signature(primitive.sympy).parameters) - (name == "integer_power")
        operands = [condition, *x[: arity - 1]] if primitive.inert else x[:arity]
        for params in POWERS if name == "integer_power" else [{}]:
            outputs.append(primitive(*operands, **params).node)
            names.append(f"{name} {params}")
    return arena.freeze(inputs, outputs), names


@pytest.mark.parametrize("dtype", ["f8", "f4", "i4", "bool"])
def test_every_operation_on_special_values(dtype: str) -> None:
    points = np.array(SPECIAL)
    if dtype[0] in "ib":
        points = np.nan_to_num(points, posinf=9, neginf=-9).clip(-9, 9)
    leaves: list[Any] = [
        grid.ravel().astype(dtype) for grid in np.meshgrid(points, points, points, indexing="ij")
    ]
    leaves.append(leaves[0] > 0)
    graph, names = every_elementwise_operation([aval(x.shape, x.dtype) for x in leaves])
    compiled, interpreted = numba_runner(graph)(leaves), run(graph, leaves)
    for name, got, wanted in zip(names, compiled, interpreted, strict=True):
        assert got.dtype == wanted.dtype, name
        if got.dtype.kind != "f":
            np.testing.assert_array_equal(got, wanted, name)
            continue
        np.testing.assert_array_equal(np.isnan(got), np.isnan(wanted), name)
        numbers = ~np.isnan(wanted)
        signs = np.signbit(got) == np.signbit(wanted)
        assert signs[numbers].all(), name
        np.testing.assert_array_max_ulp(
            got[numbers], wanted[numbers], ULPS_PER_OPERATION, got.dtype
        )


def test_float32_is_never_promoted_inside() -> None:
    kinds = [aval((), "f4")] * 3 + [aval((), "bool")]
    graph, _ = every_elementwise_operation(kinds)
    function: Any = specialise._compiled(kernel_of(graph))
    returned = function.nopython_signatures[0].return_type
    assert {str(kind) for kind in returned} == {"float32", "bool"}


def test_a_sum_has_numpys_order_to_the_last_bit() -> None:
    rng = np.random.default_rng(1)
    graph = capture(lambda x: np.sum(x * 3.0), [np.zeros(1001)])
    agree(graph, [rng.normal(size=1001) * 10.0 ** rng.integers(-8, 8, 1001)], 0)
    for size in (1, 7, 8, 17, 64):  # unrolled: the indexing keeps these out of the loop
        x = rng.normal(size=size)
        agree(capture(lambda x: np.sum(x[::-1][::-1] * 1.5), [x]), [x], 0)


def test_signs_of_zero_survive_unrolling() -> None:
    graph = gradient_graph(capture(lambda x: x[0] * x[1], [np.ones(2)]))
    _, bar = agree(graph, [np.array([-0.0, 3.0])], 0)
    wanted = run(graph, [np.array([-0.0, 3.0])])[1]
    assert np.signbit(bar).tolist() == np.signbit(wanted).tolist()
