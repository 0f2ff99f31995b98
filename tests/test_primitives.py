"""The special cases of single primitives: elementwise functions, shaping and indexing.

Complex forms and tiny imaginary parts, edges of domains, repeated indices, and every shape
error; the generic checks of every rule are in test_rules.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from derivatives import ALL, INF, H, gradient, vjp

import diffkit.primitives.reductions as red
from diffkit.capture.capturing import trace
from diffkit.comparison.rules_sampling import operand_count
from diffkit.differentiate.reverse import gradient_graph, pullback_graph
from diffkit.engines.interpret import run
from diffkit.engines.objects import mpmath_function, to_objects
from diffkit.errors import DtypeError, InputError, ShapeError, UnsupportedError
from diffkit.graph.avals import aval
from diffkit.graph.primitive import REGISTRY, Elementwise
from diffkit.lazy import mp
from diffkit.primitives import special
from diffkit.primitives import transcendental as tr
from diffkit.primitives.contraction import einsum, matmul
from diffkit.primitives.indexing import getitem, scatter_add
from diffkit.primitives.shaping import concatenate, flip, reshape, spread, transpose

SMOOTH = [
    name
    for module in (tr, special)
    for name in module.__all__
    if isinstance(getattr(module, name), Elementwise)
]


# Elementwise ------------------------------------------------------------------------------------


def points(primitive: Elementwise) -> list[np.ndarray]:
    low, high = primitive.domain.sample
    if primitive.domain.name == "x ∈ ℝ":
        low, high = -3.0, 3.0
    count = operand_count(primitive, {})
    return list(np.random.default_rng(3).uniform(low, high, size=(count, 40)))


@pytest.mark.parametrize("name", SMOOTH)
def test_complex_step_keeps_all_digits(name: str) -> None:
    primitive = REGISTRY[name]
    assert isinstance(primitive, Elementwise)
    x = points(primitive)
    function = mpmath_function(primitive.bare, len(x))
    for place in range(len(x)):
        z = [row + (H * 1j if i == place else 0j) for i, row in enumerate(x)]
        form = primitive.value if primitive.analytic is True else primitive.analytic
        got = form(*z)
        with mp.workdps(40):
            for column, found in zip(np.array(x).T, got, strict=True):
                at = [mp.mpf(float(number)) for number in column]
                slope = mp.diff(function, tuple(at), tuple(int(i == place) for i in range(len(x))))
                assert abs(mp.mpf(found.imag) / mp.mpf(H) / slope - 1) < 1e-14
                assert abs(found.real - function(*at)) <= 4e-15 * abs(function(*at))


@pytest.mark.parametrize("name", SMOOTH)
def test_float32_stays_float32(name: str) -> None:
    primitive = REGISTRY[name]
    assert isinstance(primitive, Elementwise)
    x = [row.astype(np.float32) for row in points(primitive)]
    graph = trace(lambda *x: primitive(*x), *x)
    assert np.asarray(run(graph, x)[0]).dtype == np.float32
    bars = run(pullback_graph(graph), [*x, np.ones(40, np.float32)])[1:]
    assert all(np.asarray(bar).dtype == np.float32 for bar in bars)


@pytest.mark.parametrize("name", SMOOTH)
def test_gradient_costs_at_most_five_functions(name: str) -> None:
    primitive = REGISTRY[name]
    x = [np.float64(0.5)] * operand_count(primitive, {})  # type: ignore[arg-type]
    graph = trace(lambda *x: primitive(*x), *x)
    assert gradient_graph(graph).flops() <= 5 * graph.flops()


@pytest.mark.parametrize("name", ["log", "log2", "log10", "sqrt", "arcsin", "arctanh", "arccosh"])
def test_complex_forms_keep_to_the_real_domain(name: str) -> None:
    found = REGISTRY[name].analytic(np.array([-3.0 + H * 1j]))
    assert np.isnan(found.real).all() and np.isnan(found.imag).all()


def test_complex_form_at_an_edge_has_the_real_value_and_no_slope() -> None:
    found = tr.log.analytic(np.array([0.0 + H * 1j, 0.0 + 0j]))
    assert np.array_equal(found.real, [-INF, -INF])
    assert np.isnan(found[0].imag) and found[1].imag == 0


@pytest.mark.parametrize(
    ("primitive", "at", "slope"),
    [
        (tr.sqrt, 0.0, INF), (tr.cbrt, 0.0, INF), (tr.log, 0.0, INF), (tr.log1p, -1.0, INF),
        (tr.arcsin, 1.0, INF), (tr.arccos, 1.0, -INF), (tr.arccosh, 1.0, INF),
        (tr.arctanh, -1.0, INF), (tr.expm1, -800.0, 0.0), (tr.softplus, 800.0, 1.0),
        (tr.logistic, -800.0, 0.0), (tr.arcsinh, 1e200, 1e-200), (tr.arccosh, 1e200, 1e-200),
    ],
)  # fmt: skip
def test_slopes_at_edges_and_far_away(primitive: Any, at: float, slope: float) -> None:
    (found,) = gradient(lambda x: primitive(x), at)
    assert found == pytest.approx(slope, rel=1e-15)


def test_hypot_and_arctan2_have_gradient_0_at_the_origin() -> None:
    assert gradient(lambda a, b: tr.hypot(a, b), 0.0, 0.0) == [0.0, 0.0]
    assert gradient(lambda a, b: tr.arctan2(a, b), 0.0, 0.0) == [0.0, 0.0]


def test_arctan2_does_not_overflow() -> None:
    by_y, by_x = gradient(lambda a, b: tr.arctan2(a, b), 3e200, 4e200)
    assert by_y == pytest.approx(0.16e-200, rel=1e-15)
    assert by_x == pytest.approx(-0.12e-200, rel=1e-15)


def test_xlogy_is_0_where_the_first_is_0() -> None:
    assert special.xlogy(0.0, 0.0) == 0.0
    by_x, by_y = gradient(lambda a, b: special.xlogy(a, b), 0.0, 0.0)
    assert by_x == -INF and by_y == 0.0


@pytest.mark.parametrize("x", [-800.0, -40.0, -1e-3, 0.0, 1e-3, 40.0, 800.0])
def test_logistic_and_softplus_are_stable(x: float) -> None:
    with mp.workdps(400):
        assert tr.logistic(x) == pytest.approx(float(1 / (1 + mp.exp(-x))), rel=1e-15)
        assert tr.softplus(x) == pytest.approx(float(mp.log(1 + mp.exp(x))), rel=1e-15)


# Shaping ----------------------------------------------------------------------------------------


def test_shaping_values() -> None:
    x = np.arange(6.0).reshape(2, 3)
    assert np.array_equal(transpose(x, axes=(1, 0)), x.T)
    assert np.array_equal(flip(x, axes=(0,)), x[::-1])
    assert np.array_equal(concatenate(x, x[:1], axis=0), np.concatenate([x, x[:1]]))
    assert spread(x, axes=(0, 2), sizes=(4, 5)).shape == (4, 2, 5, 3)
    assert np.array_equal(spread(x, axes=(0, 2), sizes=(4, 5))[3, :, 2, :], x)


def test_spread_and_sum_are_exact_transposes() -> None:
    ct = np.random.default_rng(0).normal(size=(4, 2, 3))
    (bar,) = vjp(lambda x: spread(x, axes=(0, 2), sizes=(4, 3)), np.ones(2), ct=ct)
    assert np.array_equal(bar, ct.sum(axis=(0, 2)))
    (bar,) = vjp(lambda x: red.sum_(x, axes=(0, 2)), ct, ct=np.array([1.0, 2.0]))
    assert np.array_equal(bar, np.broadcast_to(np.array([1.0, 2.0])[:, None], (4, 2, 3)))


def test_concatenate_joins_dtypes_and_slices_cotangents() -> None:
    x, y = np.ones((1, 2)), np.arange(4).reshape(2, 2)
    assert trace(lambda x, y: concatenate(x, y, axis=0), x, y).outputs[0].aval == aval((3, 2), "f8")
    ct = np.arange(6.0).reshape(3, 2)
    bars = vjp(lambda x, y: concatenate(x, y, axis=0), x, y * 1.0, ct=ct)
    assert np.array_equal(bars[0], ct[:1]) and np.array_equal(bars[1], ct[1:])


SHAPE_ERRORS = [
    (reshape, [(2, 3)], {"shape": (4,)}, "does not fit the shape (4,)"),
    (transpose, [(2, 3)], {"axes": (0, 0)}, "repeat"),
    (transpose, [(2, 3)], {"axes": (0,)}, "1 axes (0,)"),
    (spread, [(2,)], {"axes": (3,), "sizes": (2,)}, "no increasing positions"),
    (spread, [(2,)], {"axes": (0,), "sizes": (2, 3)}, "do not fit the new axes"),
    (concatenate, [(2, 3), (2, 4)], {"axis": 0}, "differ in more than axis 0"),
    (flip, [(2,)], {"axes": (1,)}, "flip: axis 1 does not exist in f64[2]"),
    (getitem, [(2, 3)], {"index": (2,)}, "index 2 is out of bounds"),
    (scatter_add, [(3,)], {"index": (0,), "shape": (2, 4)}, "does not fit the indexed part"),
    (red.sum_, [(2, 3)], {"axes": (2,)}, "sum: axis 2 does not exist in f64[2,3]"),
    (red.max_, [(0, 3)], {"axes": (0,)}, "has no elements along the axes (0,)"),
    (red.argmin, [(0,)], {"axis": 0}, "argmin: f64[0] has no elements"),
    (matmul, [(32, 3), (2, 8)], {}, "inner sizes differ: f64[32,3] and f64[2,8] (3 ≠ 2)"),
    (matmul, [(3,), (3, 2)], {}, "are not both matrices"),
    (matmul, [(2, 1, 3), (3, 3, 1)], {}, "do not broadcast"),
    (einsum, [(2, 3), (2, 4)], {"subscripts": "ij,jk->ik"}, "index 'j' of 'ij,jk->ik'"),
    (einsum, [(2, 3)], {"subscripts": "i->i"}, "'i' names 1 axes"),
    (einsum, [(2, 3)], {"subscripts": "ij,jk->ik"}, "names 2 operands, but there are 1"),
]


@pytest.mark.parametrize(("primitive", "shapes", "params", "message"), SHAPE_ERRORS)
def test_shape_errors_name_operation_and_shapes(
    primitive: Any, shapes: list[tuple[int, ...]], params: dict[str, Any], message: str
) -> None:
    with pytest.raises(ShapeError) as caught:
        primitive.infer([aval(shape, "f8") for shape in shapes], params)
    assert str(caught.value).startswith(f"{primitive.name}:")
    assert message in caught.value.message
    assert caught.value.hint


# Indexing ---------------------------------------------------------------------------------------

K = np.array([2, 0, 2])
X = np.arange(12.0).reshape(3, 4)
READS = [
    ((1,), (), X[1]),
    ((-1, ("slice", None, None, -2)), (), X[-1, ::-2]),
    ((ALL, None, ("slice", 1, 3, None)), (), X[:, None, 1:3]),
    ((("array", 1),), (K,), X[K]),
    ((ALL, ("array", 1)), (K,), X[:, K]),
    ((("array", 1), ("array", 2)), (K, np.array([[0], [3]])), X[K, [[0], [3]]]),
]


@pytest.mark.parametrize(("index", "arrays", "expected"), READS)
def test_reading_and_scattering(index: Any, arrays: Any, expected: np.ndarray) -> None:
    def read(x: Any) -> Any:
        return getitem(x, *arrays, index=index)

    assert np.array_equal(read(X), expected)
    assert trace(read, X).outputs[0].aval.shape == np.shape(expected)
    ct = np.random.default_rng(0).normal(size=expected.shape)
    (bar,) = vjp(read, X, ct=ct)
    added = np.zeros_like(X)
    plain: Any = tuple(
        slice(*part[1:]) if isinstance(part, tuple) and part[0] == "slice"
        else arrays[part[1] - 1] if isinstance(part, tuple) else part
        for part in index
    )  # fmt: skip
    np.add.at(added, plain, ct)
    assert np.array_equal(bar, added)
    (back,) = vjp(lambda v: scatter_add(v, *arrays, index=index, shape=X.shape), expected, ct=X)
    assert np.array_equal(back, expected)


def test_repeated_indices_add_up() -> None:
    (bar,) = vjp(lambda x: getitem(x, K, index=(("array", 1),)), np.ones(3), ct=[1.0, 2.0, 4.0])
    assert bar.tolist() == [2.0, 0.0, 5.0]


@pytest.mark.parametrize("domain", ["mpmath", "sympy", "complex"])
def test_indices_stay_integers_in_every_domain(domain: str) -> None:
    graph = trace(lambda x: getitem(x, K, index=(("array", 1),)), np.arange(3.0))
    x = np.arange(3.0)
    values = [x + 0j if domain == "complex" else to_objects(x, domain)]
    assert [float(np.real(item)) for item in run(graph, values, domain)[0]] == [2.0, 0.0, 2.0]
    back = trace(lambda x: scatter_add(x, K, index=(("array", 1),), shape=(3,)), x)
    assert [float(np.real(item)) for item in run(back, values, domain)[0]] == [1.0, 0.0, 2.0]


def test_unusable_indices_have_typed_errors() -> None:
    index = (("array", 1),)
    with pytest.raises(UnsupportedError, match="boolean index"):
        getitem.infer([aval((3,), "f8"), aval((3,), "?")], {"index": index})
    with pytest.raises(DtypeError, match="must be integers"):
        getitem.infer([aval((3,), "f8"), aval((3,), "f8")], {"index": index})
    with pytest.raises(InputError, match="out of bounds"):
        getitem(np.ones(3), np.array([7]), index=index)
    with pytest.raises(InputError, match="out of bounds"):
        scatter_add(np.ones(1), np.array([7]), index=index, shape=(3,))
