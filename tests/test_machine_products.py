"""Products of the machine: loops and BLAS, stacks of matrices, Einstein sums."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from machine_cases import assert_same

from diffkit.capture.capturing import capture
from diffkit.engines.machine.running import machine_runner

EPSILON = {"f8": 2.3e-16, "f4": 1.2e-7}
# Sizes on both sides of every threshold between loops and BLAS (rules/products.py).
PRODUCTS = [(1, 1, 1), (2, 2, 2), (3, 4, 5), (8, 8, 8), (9, 9, 9), (1, 70, 7), (70, 1, 7),
            (7, 70, 1), (1, 600, 500), (200, 1, 100), (300, 3, 3), (1000, 4, 1), (2, 0, 3),
            (0, 2, 3)]  # fmt: skip
STACKS: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((), ()), ((2,), (2,)), ((2, 3), (2, 3)), ((2, 1), (3,)), ((), (4,)), ((4,), ())
]  # fmt: skip


def product_bound(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """ε k |A||B|, whatever the order of the sums (Higham 2002, section 3.5)."""
    epsilon = EPSILON.get(a.dtype.str[1:], 0.0)
    return epsilon * a.shape[-1] * (np.abs(a) @ np.abs(b))


@pytest.mark.parametrize("dtype", ["f8", "f4", "i8"])
@pytest.mark.parametrize("sizes", PRODUCTS, ids=str)
def test_products_of_all_sizes_and_layouts(sizes: tuple[int, int, int], dtype: str) -> None:
    m, k, n = sizes
    rng = np.random.default_rng(0)
    a, b = (rng.integers(-9, 9, shape).astype(dtype) for shape in ((m, k), (k, n)))
    ways = {
        "plain": (lambda a, b: a @ b, a, b),
        "first transposed": (lambda a, b: a.T @ b, a.T.copy(), b),
        "second transposed": (lambda a, b: a @ b.T, a, b.T.copy()),
        "reversed": (lambda a, b: a[:, ::-1] @ b[::-1], a, b),
        "every second": (
            lambda a, b: a[:, ::2] @ b[:, ::2],
            np.repeat(a, 2, 1),
            np.repeat(b, 2, 1),
        ),
        "broadcast": (lambda a, b: np.broadcast_to(a[:1], a.shape) @ b, np.repeat(a[:1], m, 0), b),
    }
    for way, (f, x, y) in ways.items():
        graph = capture(f, [x, y])
        runner = machine_runner(graph)
        assert not runner.program.callbacks
        (got,), wanted = runner([x, y]), f(x, y)
        bound = product_bound(a if way != "broadcast" else x, b)
        assert got.dtype == wanted.dtype and np.all(np.abs(got - wanted) <= bound), way


@pytest.mark.parametrize("sizes", [(2, 2, 2), (2, 3, 1), (5, 20, 30)], ids=str)
@pytest.mark.parametrize(("first", "second"), STACKS, ids=str)
def test_stacks_of_products(first: Any, second: Any, sizes: tuple[int, int, int]) -> None:
    m, k, n = sizes
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(*first, m, k)), rng.normal(size=(*second, k, n))
    graph = capture(lambda a, b: a @ b, [a, b])
    assert np.all(np.abs(machine_runner(graph)([a, b])[0] - a @ b) <= product_bound(a, b))


@pytest.mark.parametrize("sizes", [(3, 3, 3), (4, 20, 4)], ids=str)
@pytest.mark.parametrize(("first", "second"), STACKS, ids=str)
def test_transposed_stacks_that_have_to_be_copied(first: Any, second: Any, sizes: Any) -> None:
    """A copy lies in C order, whatever suited the operand before."""
    m, k, n = sizes
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(*first, m, k)), rng.normal(size=(*second, n, k))
    graph = capture(lambda a, b: a @ np.swapaxes(b, -1, -2), [a, b])
    wanted = a @ np.swapaxes(b, -1, -2)
    bound = product_bound(a, np.swapaxes(b, -1, -2))
    assert np.all(np.abs(machine_runner(graph)([a, b])[0] - wanted) <= bound)


EINSUMS = ["ij,jk->ik", "ij,jk->ki", "ji,kj->ik", "ij->j", "ij->", "ij->ji", "ijk->ki", "i,j->ji",
           "i,i->", "i,i->i", "ij,ij->i", "ij,ij->j", "bij,bjk->bik", "bij,bk->bi", "bij,kj->bki",
           "bij,kij->bk", "ijk,jil->kl", "ijkl,jm->imkl", "ij,k->i", ",ij->ji",
           "abij,abjk->baik"]  # fmt: skip


@pytest.mark.parametrize("dtype", ["f8", "f4", "i8"])
@pytest.mark.parametrize("subscripts", EINSUMS)
def test_einstein_sums_of_one_and_two_operands(subscripts: str, dtype: str) -> None:
    sizes = dict(zip("abijklm", (2, 3, 4, 5, 2, 3, 6), strict=True))
    terms = subscripts.partition("->")[0].split(",")
    rng = np.random.default_rng(0)
    leaves = [rng.integers(-9, 9, [sizes[x] for x in term]).astype(dtype) for term in terms]
    graph = capture(lambda *x: np.einsum(subscripts, *x), leaves)
    runner = machine_runner(graph)
    assert not runner.program.callbacks
    assert_same(runner(leaves), [np.einsum(subscripts, *leaves)])
