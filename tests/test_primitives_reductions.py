"""The special cases of reductions and contractions.

Values against NumPy and SciPy, and the derivatives where formulas go wrong most easily: zeros
in products, ties, rows of −∞, indices that only one operand of an Einstein sum has.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from derivatives import ALL, INF, NAN, H, agree_with_differences, gradient, jvp, second, vjp

import diffkit.primitives.reductions as red
from diffkit.capture.capturing import trace
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines.interpret import run
from diffkit.engines.objects import to_objects
from diffkit.errors import UnsupportedError
from diffkit.graph.avals import aval, aval_of
from diffkit.graph.primitive import REGISTRY
from diffkit.lazy import mp, sp
from diffkit.primitives.contraction import einsum, matmul
from diffkit.primitives.indexing import getitem, scatter_add

# Reductions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("axes", [(), (0,), (1,), (0, 2), (0, 1, 2)])
@pytest.mark.parametrize("name", ["sum", "prod", "max", "min"])
def test_reductions_are_numpys(name: str, axes: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 2))
    found = REGISTRY[name](x, axes=axes)
    assert np.array_equal(found, getattr(np, name)(x, axis=axes))
    assert REGISTRY[name].infer([aval_of(x)], {"axes": axes}).shape == np.shape(found)
    agree_with_differences(lambda x: REGISTRY[name](x, axes=axes), x)


@pytest.mark.parametrize("axes", [(), (0,), (1,), (0, 1)])
def test_logsumexp_and_softmax_are_scipys(axes: tuple[int, ...]) -> None:
    from scipy.special import logsumexp, softmax

    x = np.random.default_rng(0).normal(size=(2, 3)) * 300
    np.testing.assert_allclose(
        red.logsumexp(x, axes=axes), logsumexp(x, axis=axes) if axes else x, rtol=1e-15
    )
    expected = softmax(x, axis=axes) if axes else np.ones_like(x)
    np.testing.assert_allclose(red.softmax(x, axes=axes), expected, rtol=1e-12)
    agree_with_differences(lambda x: red.logsumexp(x, axes=axes), x / 300)
    agree_with_differences(lambda x: red.softmax(x, axes=axes), x / 300)


def test_booleans_are_counted() -> None:
    graph = trace(lambda x: red.sum_(x > 0, axes=(0,)), np.array([1.0, -1.0, 2.0]))
    assert graph.outputs[0].aval == aval((), "i8")
    assert run(graph, [np.array([1.0, -1.0, 2.0])])[0] == 2


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 8, 13])
def test_product_gradient_of_every_length(n: int) -> None:
    x = np.random.default_rng(n).uniform(0.5, 2.0, size=n)
    (bar,) = gradient(lambda x: red.prod(x, axes=(0,)), x)
    np.testing.assert_allclose(bar, np.prod(x) / x, rtol=1e-14)
    graph = trace(lambda x: red.prod(x, axes=(0,)), x)
    assert gradient_graph(graph).flops() <= max(5 * graph.flops(), 1)


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        ([2.0, 0.0, 5.0], [0.0, 10.0, 0.0]),
        ([0.0, 0.0, 5.0], [0.0, 0.0, 0.0]),
        ([0.0], [1.0]),
        ([0.0, -0.0], [-0.0, 0.0]),
        ([], []),
    ],
)
def test_product_gradient_with_zeros(x: list[float], expected: list[float]) -> None:
    def product(x: Any) -> Any:
        return red.prod(x, axes=(0,))

    (bar,) = gradient(product, np.array(x))
    assert bar.tolist() == expected
    forward = [jvp(product, np.array(x), row) for row in np.eye(len(x))]
    assert forward == expected


@pytest.mark.parametrize("x", [[2.0, 0.0, 5.0], [0.0, 0.0, 5.0, 3.0], [0.0, 0.0, 0.0], [2.0, 3.0]])
def test_product_hessian_with_zeros(x: list[float]) -> None:
    rows = [second(lambda x: red.prod(x, axes=(0,)), np.array(x), e) for e in np.eye(len(x))]
    n = range(len(x))
    expected = [
        [0.0 if i == j else float(np.prod([x[k] for k in n if k not in (i, j)])) for j in n]
        for i in n
    ]
    assert np.array_equal(rows, expected)


def test_ties_share_evenly_in_both_modes() -> None:
    x = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    for extreme, expected in (
        (red.max_, [[0, 1 / 2, 1 / 2], [1 / 3, 1 / 3, 1 / 3]]),
        (red.min_, [[1, 0, 0], [1 / 3, 1 / 3, 1 / 3]]),
    ):
        (bar,) = vjp(lambda x, e=extreme: e(x, axes=(1,)), x, ct=np.ones(2))
        assert bar.tolist() == expected
        x_dot = np.array([[1.0, 2.0, 4.0], [1.0, 2.0, 6.0]])
        found = jvp(lambda x, e=extreme: e(x, axes=(1,)), x, x_dot)
        np.testing.assert_allclose(found, np.sum(np.array(expected) * x_dot, axis=1), rtol=1e-15)


def test_extremes_keep_nan() -> None:
    x = np.array([1.0, NAN])
    assert np.isnan(red.max_(x, axes=(0,)))
    graph = trace(lambda x: red.min_(x, axes=(0,)), x)
    assert mp.isnan(run(graph, [to_objects(x, "mpmath")], "mpmath")[0])


def test_argmax_is_an_integer_without_a_derivative() -> None:
    def chosen(x: Any) -> Any:
        return getitem(x, red.argmax(x, axis=0), index=(("array", 1),)) * 2.0

    x = np.array([1.0, 5.0, 3.0])
    (bar,) = gradient(chosen, x)
    assert bar.tolist() == [0.0, 2.0, 0.0]
    graph = trace(chosen, x)
    assert run(graph, [x + np.array([H, 2 * H, 0.0]) * 1j], "complex")[0].imag == 4 * H
    assert run(graph, [to_objects(x, "mpmath")], "mpmath")[0] == 10
    with pytest.raises(UnsupportedError, match="argmax"):
        run(graph, [np.array(sp.symbols("a b c"), dtype=object)], "sympy")


def test_complex_extremes_choose_by_real_part() -> None:
    x = np.array([[1.0 + 7j, 2.0 - 1j], [3.0 + 5j, -4.0 + 9j]])
    assert red.max_.analytic(x, axes=(0, 1)) == 3.0 + 5j
    assert red.min_.analytic(x, axes=(1,)).tolist() == [1.0 + 7j, -4.0 + 9j]


@pytest.mark.parametrize(
    ("x", "value", "slopes"),
    [
        ([-INF, -INF], -INF, [0.0, 0.0]),
        ([-INF, 0.0], 0.0, [0.0, 1.0]),
        ([INF, 0.0], INF, [1.0, 0.0]),
        ([INF, INF], INF, [0.5, 0.5]),
        ([1e308, -1e308], 1e308, [1.0, 0.0]),
        ([-1e4, -1e4], -1e4 + np.log(2.0), [0.5, 0.5]),
    ],
)
def test_logsumexp_at_infinity(x: list[float], value: float, slopes: list[float]) -> None:
    def f(x: Any) -> Any:
        return red.logsumexp(x, axes=(0,))

    assert red.logsumexp(np.array(x), axes=(0,)) == value
    assert gradient(f, np.array(x))[0].tolist() == slopes
    assert [jvp(f, np.array(x), row) for row in np.eye(2)] == slopes
    assert np.isfinite(second(f, np.array(x), np.array([1.0, 2.0]))).all()


def test_logsumexp_of_nothing_and_of_nan() -> None:
    assert red.logsumexp(np.zeros((2, 0)), axes=(1,)).tolist() == [-INF, -INF]
    assert np.isnan(red.logsumexp(np.array([0.0, NAN]), axes=(0,)))


def test_logsumexp_complex_step() -> None:
    x = np.array([700.0, 710.0, -20.0])
    for place, slope in enumerate(red.softmax(x, axes=(0,))):
        z = x + H * 1j * (np.arange(3) == place)
        assert red.logsumexp.analytic(z, axes=(0,)).imag / H == pytest.approx(slope, rel=1e-14)


def test_cumsum() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3))
    assert np.array_equal(red.cumsum(x, axis=1), np.cumsum(x, axis=1))
    agree_with_differences(lambda x: red.cumsum(x, axis=1), x)


# Contractions -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((2, 3), (3, 4)), ((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4)), ((5, 1, 2, 3), (4, 3, 2)),
        ((1, 2, 3), (5, 3, 1)), ((2, 0), (0, 3)), ((0, 2), (2, 3)),
    ],
)  # fmt: skip
def test_matmul_broadcasts(a: tuple[int, ...], b: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=a), rng.normal(size=b)
    assert trace(lambda x, w: matmul(x, w), x, w).outputs[0].aval.shape == (x @ w).shape
    agree_with_differences(lambda x, w: matmul(x, w), x, w)


@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [
        ("ij,jk->ik", [(2, 3), (3, 4)]),
        ("bij,bjk->bik", [(2, 2, 3), (2, 3, 1)]),
        ("ij->ji", [(2, 3)]),
        ("ij->", [(2, 3)]),
        ("ijk->j", [(2, 3, 4)]),  # i and k are in one operand only: spread back
        ("ij,kl->jk", [(2, 3), (4, 2)]),
        ("i,j->ij", [(2,), (3,)]),
        (",i->i", [(), (3,)]),
        ("ij,jk,kl->il", [(2, 3), (3, 2), (2, 4)]),
        ("ab,bc,cd->", [(2, 3), (3, 2), (2, 2)]),
        ("i,i,i,i->i", [(3,)] * 4),
    ],
)
def test_einsum(subscripts: str, shapes: list[tuple[int, ...]]) -> None:
    rng = np.random.default_rng(0)
    x = [rng.normal(size=shape) for shape in shapes]

    def f(*x: Any) -> Any:
        return einsum(*x, subscripts=subscripts)

    graph = trace(f, *x)
    expected = np.einsum(subscripts, *x)
    assert graph.outputs[0].aval.shape == np.shape(expected)
    np.testing.assert_allclose(run(graph, x)[0], expected, rtol=1e-14)
    precise = run(graph, [to_objects(np.asarray(operand), "mpmath") for operand in x], "mpmath")
    np.testing.assert_allclose(np.asarray(precise[0]).astype(float), expected, rtol=1e-14)
    agree_with_differences(f, *x)


@pytest.mark.parametrize("subscripts", ["ij,jk", "ii->i", "...i->i", "ij->ijj", "i->ik", "i2->i"])
def test_einsum_refuses_with_a_remedy(subscripts: str) -> None:
    with pytest.raises(UnsupportedError, match="einsum:") as caught:
        einsum.infer([aval((2, 2), "f8")], {"subscripts": subscripts})
    assert caught.value.hint


def test_linear_operations_work_on_objects() -> None:
    a, b, c, d = sp.symbols("a b c d", real=True)
    x = np.array([[a, b], [c, d]], dtype=object)
    assert red.sum_(x, axes=(0, 1)) == a + b + c + d
    assert matmul(x, x)[0, 0] == a**2 + b * c
    assert einsum(x, x, subscripts="ij,ij->") == a**2 + b**2 + c**2 + d**2
    assert red.cumsum(x, axis=1)[0, 1] == a + b
    assert red.max_.generic(x, axes=(0,))[0] == sp.Max(a, c)
    assert red.prod.generic(x, axes=(1,)).tolist() == [a * b, c * d]
    assert red.logsumexp.generic(x, axes=(1,))[0] == sp.log(sp.exp(a) + sp.exp(b))
    p = red.softmax.generic(x, axes=(1,))
    assert sp.simplify(p[0, 0] + p[0, 1]) == 1


def test_inputs_are_left_alone() -> None:
    x = np.arange(6.0).reshape(2, 3)
    x.flags.writeable = False
    red.softmax(x, axes=(1,))
    red.logsumexp(x, axes=(1,))
    scatter_add(x, index=(ALL, ("slice", 0, 3, None)), shape=(2, 4))
    vjp(lambda x: red.prod(x, axes=(1,)), x, ct=np.ones(2))
    vjp(lambda x: red.max_(x, axes=(1,)), x, ct=np.ones(2))
    assert np.array_equal(x, np.arange(6.0).reshape(2, 3))
