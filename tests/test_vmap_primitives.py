"""Every primitive, mapped by ``dk.vmap``, gives what a loop over the examples gives.

Each is tried with the checker's own operands, each operand mapped alone and all together, from
numbers and within a capture.  Elementwise operations must give the same bits; a sum over a batch
may be added up in another order.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, note
from mapped import TOLERANCE, assert_same, loop
from strategies import KINKED, SHAPED, SMOOTH, Program, programs

import diffkit as dk
from diffkit.comparison.rules import load_all_primitives
from diffkit.comparison.rules_sampling import REALS, SAMPLES, Sample, draw_sample, samples_for
from diffkit.errors import RuleError
from diffkit.graph.primitive import REGISTRY, Elementwise, Linear, Primitive

load_all_primitives()
RNG = np.random.default_rng
SIZE = 3
INDICES = {"one": np.array([2, 0, 2]), "two": np.array([1, 1, 0]), "table": np.array([[0], [2]])}
ARRAY, SECOND = ("array", 1), ("array", 2)
PART, ALL = ("slice", 0, 2, 1), ("slice", None, None, None)
# The parameter of a loop is the graph of a step: test_loops_are_mapped in test_vmap.py.
WITHOUT_SAMPLES = {"scan"}
SAMPLED = [n for n, p in sorted(REGISTRY.items()) if n in SAMPLES or isinstance(p, Elementwise)]


def test_no_primitive_is_left_out() -> None:
    assert set(REGISTRY) - set(SAMPLED) <= WITHOUT_SAMPLES


def mappings(primitive: Primitive, sample: Sample) -> Iterator[tuple[list[Any], tuple[Any, ...]]]:
    """Operands for SIZE examples, with every choice of which of them are mapped."""
    draws = [draw_sample(primitive, sample, RNG(seed)) for seed in range(SIZE)]
    for axes in product((0, None), repeat=len(draws[0])):
        if any(axis == 0 for axis in axes):
            examples = zip(*draws, strict=True)
            yield (
                [
                    np.stack(each) if axis == 0 else each[0]
                    for each, axis in zip(examples, axes, strict=True)
                ],
                axes,
            )


@pytest.mark.filterwarnings("ignore::diffkit.errors.DomainWarning")
@pytest.mark.parametrize("name", SAMPLED)
def test_a_primitive_maps_as_a_loop(name: str) -> None:
    primitive = REGISTRY[name]
    tolerance = 0.0 if isinstance(primitive, Elementwise) else TOLERANCE
    for sample in samples_for(primitive):

        def one(*x: Any, params: Any = sample.params) -> Any:
            return primitive(*x, **params)

        for operands, axes in mappings(primitive, sample):
            expected = loop(one, operands, axes)
            mapped = dk.vmap(one, axes, engine="interpret")  # bit for bit, as NumPy computes
            assert_same(mapped(*operands), expected, tolerance)
            graph = dk.trace(dk.vmap(one, axes), *operands).check()
            assert_same(graph(*operands, engine="interpret"), expected, tolerance)


@pytest.mark.parametrize(
    ("shape", "index", "names"),
    [
        ((3, 4), (PART, ARRAY), ("one",)),
        ((3, 4), (None, PART, ARRAY), ("one",)),
        ((3, 2, 4), (ARRAY, ALL, SECOND), ("one", "two")),  # a slice between: arrays come first
        ((2, 3, 4), (ALL, ARRAY, SECOND), ("one", "two")),
        ((2, 3, 4), (1, ALL, ARRAY), ("one",)),  # an integer counts as an index array
        ((2, 3, 4), (1, ARRAY), ("table",)),
        ((3, 3), (ARRAY, SECOND), ("one", "table")),
        ((3, 3), (ARRAY, None, SECOND), ("one", "one")),
        ((4, 3), (PART, ARRAY, None), ("table",)),
    ],
)
def test_index_arrays_beside_slices(shape: Any, index: Any, names: tuple[str, ...]) -> None:
    arrays = [INDICES[name] for name in names]
    selected = REGISTRY["getitem"](np.zeros(shape), *arrays, index=index)
    for primitive, of, params in (
        (REGISTRY["getitem"], shape, {"index": index}),
        (REGISTRY["scatter_add"], selected.shape, {"index": index, "shape": shape}),
    ):

        def one(*x: Any, primitive: Any = primitive, params: Any = params) -> Any:
            return primitive(*x, **params)

        for axes in list(product((0, None), repeat=1 + len(arrays)))[:-1]:
            full = [RNG(0).uniform(*REALS, of), *arrays]
            operands = [
                x if axis is None else np.stack([np.roll(x, k, axis=0) for k in range(SIZE)])
                for x, axis in zip(full, axes, strict=True)
            ]
            assert_same(dk.vmap(one, axes)(*operands), loop(one, operands, axes), 4e-16)


@pytest.mark.parametrize("shapes", [((2, 3), (3, 1)), ((2, 3), (2, 3, 1)), ((4, 1, 3), (3, 2))])
@pytest.mark.parametrize("axes", [(0, 0), (0, None), (None, 0)])
def test_matrix_products_with_vectors_and_stacks(shapes: Any, axes: Any) -> None:
    operands = [
        RNG(k).uniform(*REALS, shape if axis is None else (5, *shape))
        for k, (shape, axis) in enumerate(zip(shapes, axes, strict=True))
    ]
    assert_same(dk.vmap(np.matmul, axes)(*operands), loop(np.matmul, operands, axes))


def test_the_general_form_serves_every_primitive() -> None:
    a, b = RNG(0).normal(size=(SIZE, 2, 4)), RNG(1).normal(size=(4, 2))
    got = Primitive.batch(REGISTRY["matmul"], (True, False), a, b, size=SIZE)
    assert_same(got, a @ b)


class _Reversed(Linear):
    """An operation without a batching rule; the second one's rule is wrong."""

    name, linear_in, joint = "reversed_for_a_test", (0,), True

    def value(self, x: Any) -> Any:
        return x[::-1]

    def shape(self, *avals: Any, **params: Any) -> Any:
        return avals[0].shape


class _WronglyReversed(_Reversed):
    def batch(self, batched: Any, *x: Any, size: int, **params: Any) -> Any:
        return np.sum(x[0], axis=1)


def test_an_operation_of_the_users_own_is_mapped() -> None:
    x = np.arange(6.0).reshape(2, 3)
    assert_same(dk.vmap(_Reversed())(x), x[:, ::-1])
    with pytest.raises(RuleError, match=r"its batch gives f64\[2\], but 2 examples of f64\[3\]"):
        dk.vmap(_WronglyReversed())(x)


@given(programs((*SMOOTH, *SHAPED, *KINKED)))
def test_random_functions_map_as_a_loop(program: Program) -> None:
    shifts = np.array([0.0, 0.25, -0.5])
    operands = [np.stack([x + s for s in shifts]) for x in program.inputs]
    axes = (0,) * len(operands)
    got, expected = dk.vmap(program)(*operands), loop(program, operands, axes)
    note(f"{got} {expected}")
    assert_same(got, expected, 1e-12)
