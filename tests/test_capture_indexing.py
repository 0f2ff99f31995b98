"""Indexing, assignment, views and object arrays of traced numbers behave as in NumPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from captured import A, C, K, V, W, agree
from derivatives import agree_with_differences

from diffkit.capture.capturing import trace
from diffkit.engines.interpret import run
from diffkit.errors import (
    CaptureError,
    DataDependentError,
    DtypeError,
    GuardError,
    MutationError,
    ShapeError,
    UnsupportedError,
)
from diffkit.graph.ir import Literal
from diffkit.primitives.indexing import getitem, scatter_add

# Indexing ---------------------------------------------------------------------------------------

INDICES: list[Any] = [
    0, -1, np.int64(1), (0, 1), (1, -1, 2), slice(None), slice(None, None, -1), slice(1, None, -1),
    slice(None, 0, -1), slice(5, 1), (slice(None), slice(None, None, 2)), (Ellipsis, 0), Ellipsis,
    (0, Ellipsis, -1), None, (None, 0, None), (slice(None), None, 1), (),
    [0, 1, 1], (slice(None), [2, 0]), ([0, 1], [2, -1]), ([0, 1], slice(None), [2, -1]),
    (0, slice(None), [2, -1]), (np.array([[0], [1]]), np.array([0, 2])), (None, [0, 1], 1),
    C > 0, np.array([True, False]), (slice(None), np.array([True, False, True])),
    (0, C[0] > 0), (slice(None, None, -1), slice(2, None, -2), slice(-2, None)), (slice(0, 0),),
    np.ix_([0, 1], [2, 0], [1]), [],
]  # fmt: skip


@pytest.mark.parametrize("index", INDICES, ids=repr)
def test_reading(index):
    agree(lambda x: x[index], C)


@pytest.mark.parametrize("index", INDICES, ids=repr)
def test_writing(index):
    selected = C[index].shape

    def fill(x, v):
        y = x * 1.0
        y[index] = v
        return y

    agree(fill, C, 7.5)
    agree(fill, C, np.sin(np.arange(np.prod(selected))).reshape(selected))
    if len(selected):
        agree(fill, C, np.sin(np.arange(selected[-1])).reshape(selected[-1:]))


@pytest.mark.parametrize(
    "index",
    [5, -3, (0, 3), (0, 0, 0, 0), [0, 2], ([0, 1], [0, 1, 2]), np.array([True]), (..., ...)],
    ids=repr,
)  # fmt: skip
def test_indices_out_of_bounds(index):
    with pytest.raises(ShapeError) as caught:
        trace(lambda x: x[index], C)
    assert "test_capture_indexing.py" in str(caught.value.where)


def test_equal_reads_are_one_equation():
    graph = trace(lambda x: (x[0], x[-2], x[0, :], x[0, ...], x[0:1, :, :], x[:1], x[:-1]), C)
    assert graph.operations() == {"getitem": 2, "total": 2}


def test_traced_indices():
    agree(lambda x, i: x[i], C, np.array([1, 0, 1]))
    agree(lambda x, i: x[:, i, i], C, np.array([1, 0, 1]))
    agree(lambda x: x[np.argmax(x[:, 0, 0])], C)
    agree(lambda x, i: np.take(x, i, axis=1), C, np.array([[1, 0], [2, 1]]))
    agree(lambda x, i: np.take_along_axis(x, i, 1), A, np.array([[1], [0], [3]]))

    def write(x, i):
        y = x * 1.0
        y[i] = 9.0
        y[i[0], 1] = W[0] * x[0, 1]
        return y

    agree(write, C, np.array([1, 1]))

    def last_one_wins(x, i):
        y = x * 1.0
        y[i] = x[i]
        return y

    with pytest.raises(DataDependentError, match="written last"):
        trace(last_one_wins, V, np.array([0, 0]))


def test_conditions_as_indices():
    # a condition that decides a shape becomes a guard of the graph
    for f in (lambda x: x[x > 0], lambda x: np.where(x > 0), lambda x: x[x[:, 0] < 0]):
        graph = agree(f, A)
        assert len(graph.guards) == 1
        with pytest.raises(GuardError):
            graph(-A)

    def relu(x):
        y = x.copy()
        y[y < 0] = 0.0
        y[x[:, 0] < 0] = V
        return y

    agree(relu, A)

    def rewritten(x):
        y = x.copy()
        y[x < 0] = np.zeros(5)
        return y

    agree(rewritten, A)


def test_repeated_places_keep_the_last_value():
    def f(x):
        y = np.zeros_like(x)
        y[[0, 1, 0]] = x[1:]
        return y

    agree(f, V)


def test_writing_casts_to_the_array():
    def f(k, x):
        k[0] = x
        return k

    assert run(trace(f, K, 1.75), [K, 1.75])[0][0].tolist() == [1, 1, 1]


def test_values_that_do_not_fit():
    def f(x):
        y = np.zeros_like(x)
        y[:2] = x
        return y

    with pytest.raises(ShapeError, match=r"assignment: f64\[4\] does not fit") as caught:
        trace(f, V)
    assert "y[:2] = x" in str(caught.value.where)


# In-place operations and views ------------------------------------------------------------------


def through_views(x):
    y = x.copy()
    row = y[1]
    row[0] = 10.0
    y.T[2] = -1.0
    y.reshape(-1)[5] = 3.0
    flat = y.ravel()
    y[0, 0] = 8.0
    flat[1] += 5.0
    corner = y[1:][:, 2:]
    y *= 2.0
    corner[...] = corner + row[0]
    np.swapaxes(y, 0, 1)[0] += 1.0
    first, second = np.split(y, 2, axis=1)
    first[-1] = second[-1]
    return y, row, flat, corner, first


def test_views_write_through():
    agree(through_views, A)


def test_reshaping_copies_where_numpy_does():
    """A transposed array has no flat view: NumPy copies, so writing must not reach it."""

    def f(x):
        y, z, u = x.copy(), x.copy(), x.copy()
        y.T.reshape(-1)[0] = 9.0
        z[:, ::2].reshape(-1)[0] = 9.0
        u.ravel(order="F")[1] = 9.0
        w, v = x.copy(), x.copy()
        w[1:].reshape(-1)[0] = 9.0
        np.rot90(v)[0] = 9.0
        v[np.int64(2)][0] = 8.0
        return y, z, u, w, v

    agree(f, A)


def test_copies_do_not():
    def f(x):
        y, z, u = x.copy(), x.flatten(), x[[0, 1]]
        w = +x
        y[0], z[0], u[0] = 1.0, 2.0, 3.0
        w += 1.0
        return x, y, z, u, w

    agree(f, A)


def test_aliases_see_in_place_changes():
    def f(x):
        y = x * 2
        z = y
        y += 1
        z[0] = 5.0
        return y, z

    agree(f, A)


def test_every_in_place_operator_reaches_aliases():
    def f(x):
        y = x.copy()
        z = y
        y += 1.0
        y -= 0.5
        y *= 2.0
        y /= 3.0
        y **= 2
        y //= 0.3
        y %= 0.7
        condition = x > 0
        other = condition
        condition &= x < 1
        condition |= x < -1
        condition ^= x < 0
        return z, other

    agree(f, A)

    def halve(k):
        k /= 2
        return k

    with pytest.raises(DtypeError, match=r"would store f64\[2,3\] into i64\[2,3\]"):
        trace(halve, K)


def test_fill_copyto_and_fill_diagonal():
    def f(x):
        y, z = np.empty_like(x), np.zeros_like(x)
        y.fill(3.0)
        np.copyto(z, x, where=x > 0)
        np.fill_diagonal(y, x[0, 0])
        return y, z

    agree(f, A)


def test_numpys_own_complaints_are_explained():
    def store(x):
        y = np.zeros(3)
        y[0] = x[0]
        return y

    with pytest.raises(MutationError, match="plain array y") as caught:
        trace(store, V)
    assert "np.zeros_like" in str(caught.value.hint)
    assert "y[0] = x[0]" in str(caught.value.where)

    def call(x):
        y = np.zeros(3)
        y[0] = math.sin(x[0])
        return y

    with pytest.raises(DataDependentError, match=r"plain float"):
        trace(call, V)
    with pytest.raises(CaptureError, match="mixes traced and plain") as caught:
        trace(lambda x: np.sin(np.array([x[0], 2.0])), V)
    assert "test_capture_indexing.py" in str(caught.value.where)
    with pytest.raises(CaptureError, match="indexed by a traced array") as caught:
        trace(lambda x: V[x > 0], V)
    assert "np.take" in str(caught.value.hint)
    with pytest.raises(UnsupportedError, match="byteswap"):
        trace(lambda x: x.byteswap(), V)


def test_adding_at_repeated_places():
    def f(x):
        y = np.zeros_like(x)
        np.add.at(y, [0, 0, 2], x[1:])
        return y

    agree(f, V)


def test_plain_arrays_cannot_hold_traced_values():
    def add(t):
        total = np.zeros(4)
        total += t
        return total

    with pytest.raises(MutationError) as caught:
        trace(add, V)
    assert "total = total + t" in str(caught.value.hint)
    assert "total += t" in str(caught.value.where)

    for store in (
        lambda y, t: np.sin(t, out=y),
        lambda y, t: np.sum(t, axis=0, out=y[:1]),
        lambda y, t: np.add.at(y, [0], t[0]),
        lambda y, t: np.copyto(y, t),
    ):
        with pytest.raises(MutationError) as caught:
            trace(lambda t, store=store: store(np.zeros(4), t), V)
        assert caught.value.hint


# Derivatives ----------------------------------------------------------------------------------


def test_derivatives_pass_through_updates():
    """Overwritten elements get no derivative, values and views get theirs."""

    def f(x):
        y = np.zeros_like(x)
        y[0] = x[1]
        y[:, 1] = x[:, 0] * 2
        y[1, [0, 2, 0]] = x[0, 1:]
        y[x > 0.5] = x[0, 0]
        y.T[0] += x[1, 1]
        y[2, 3] = x[0, 0] ** 2
        y[..., -1] *= x[..., 0]
        row = y[2]
        row[1:3] = np.sin(x[0, :2])
        np.add.at(y, ([0, 0], [1, 1]), x[1, :2])
        return y * y

    agree_with_differences(f, A)


def test_derivatives_pass_through_reads_and_stacks():
    agree_with_differences(lambda x: np.sin(x[[0, 2, 0], ::-1]), A)
    agree_with_differences(lambda x: np.array([x[0], 2.0, x[1] * x[2]]) * V[:3], V)
    agree_with_differences(lambda x: x[np.argmax(x)] * x, V)


# Object arrays ----------------------------------------------------------------------------------


def test_bits_of_conditions():
    agree(lambda x: ((x > 0) & (x < 1)) | ~(x > -1) ^ (x == 0), A)
    agree(lambda x: divmod(x, 0.5), A)


def test_arrays_of_traced_numbers():
    agree(lambda x, y: np.sum(np.array([x, y, 2.0]) * V[:3]), 0.5, 1.5)
    agree(lambda x, y: np.sum(np.sin(np.array([x, y, x * y]))), 0.5, 1.5)
    agree(lambda x: np.array([[x[0], 1.0], [x[1], x[2]]]) @ np.ones(2), V)
    agree(lambda x: np.dot([x[0], x[1]], x[2:]), V)
    agree(lambda x: np.concatenate([x, [x[0], 1.0]]), V)
    agree(lambda x: x * [x[0], 1.0, 2.0, x[3]], V)
    agree(lambda x: x + np.array([x[:2], [1.0, 2.0]]).ravel(), V)


def test_asarray_gives_the_array_back():
    graph = trace(lambda x: x.T @ np.asarray(x), A).check()
    assert graph.operations() == {"matmul": 1, "transpose": 1, "total": 2}


def test_ragged_lists():
    with pytest.raises(ShapeError, match="parts with shapes"):
        trace(lambda x: x[0] * [x[0], x[:2]], V)


# Transposes of what indexing builds -------------------------------------------------------------


@pytest.mark.parametrize("index", [i for i in INDICES if C[i].size], ids=repr)
def test_reading_and_scattering_are_transposes(index):
    """⟨ȳ, x[i]⟩ = ⟨scatter ȳ, x⟩ for the very indices that capture makes."""
    graph = trace(lambda x: x[index] * 2.0, C)
    spec = next((e for e in graph.equations if e.primitive.name == "getitem"), None)
    if spec is None:
        return
    arrays = [operand.value for operand in spec.operands[1:] if isinstance(operand, Literal)]
    y = getitem.value(C, *arrays, **spec.parameters)
    y_bar = np.sin(1.0 + np.arange(y.size)).reshape(y.shape)
    x_bar = scatter_add.value(y_bar, *arrays, index=spec.parameters["index"], shape=C.shape)
    assert np.sum(y_bar * y) == pytest.approx(np.sum(x_bar * C), rel=1e-13)
