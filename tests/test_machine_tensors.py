"""Indexing, copies, convolution and pooling on the machine, against the interpreter."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from machine_tensors import PADDINGS, RNG, ROUNDING, STRIDES, agree, both_agree, images

import diffkit as dk
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines.interpret import run
from diffkit.engines.machine.builder import Row
from diffkit.engines.machine.running import machine_runner
from diffkit.errors import InputError
from diffkit.nets.convolutional import avg_pool2d, max_pool2d
from diffkit.primitives import convolution

NAN, INF = np.nan, np.inf
WINDOWS = ((3, 3), (2, 1), (1, 1), (4, 3))
CHANNELS = ((1, 1), (1, 8), (3, 5), (2, 16), (8, 20))


# Indexing ----------------------------------------------------------------------------------------

X = RNG.normal(size=(4, 5, 3))
TABLE = np.array([[0, 2], [3, -1]])
INDICES = {
    "repeats": lambda x: x[[2, 0, 2, 2]],
    "negative": lambda x: x[:, [1, -1, -5]],
    "pairs": lambda x: x[[0, 1, 0], [1, 4, 1]],
    "apart": lambda x: x[[0, 3, 0], :, [1, 1, 1]],
    "behind a slice": lambda x: x[::-2, [0, 4]],
    "in front of a slice": lambda x: x[[3, 3], 1:4],
    "with an integer": lambda x: x[1, [0, 2, 0]],
    "new axis": lambda x: x[None, [0, 2], None, 1:],
    "two axes": lambda x: x[TABLE],
    "broadcast": lambda x: x[TABLE[:, :1], TABLE],
    "last": lambda x: x[..., [2, 0]],
    "equal steps": lambda x: x[[3, 1], :, 0:2],
    "mask": lambda x: x[np.array([True, False, True, True])],
    "flat mask": lambda x: x[X > 0.5],
    "turned": lambda x: np.transpose(x)[[2, 2, 0]],
    "backwards": lambda x: x[::-1, ::-1][[0, 2, 0]],
    "of a part": lambda x: x[1:, 1:4][:, [2, 0, 2]],
    "none": lambda x: x[np.zeros(0, int)],
    "basic": lambda x: x[::-1, 1, None, 2:0:-1],
}


@pytest.mark.parametrize("dtype", ("f8", "f4"))
@pytest.mark.parametrize("name", INDICES)
def test_constant_indices(name, dtype):
    function, x = INDICES[name], X.astype(dtype)
    graph = dk.trace(function, x)
    if name == "none":
        agree(graph, (x,), callbacks=bool(machine_runner(graph).program.callbacks))
    else:
        both_agree(function, x)


@pytest.mark.parametrize("dtype", ("i8", "i4", "bool"))
def test_gathers_of_other_kinds(dtype):
    x = (10 * X).astype(dtype)
    for name in ("repeats", "apart", "broadcast", "last"):
        agree(dk.trace(INDICES[name], x), (x,))


def test_steps_that_are_equal_give_a_view():
    graph = dk.trace(lambda x: x[[3, 1], :, 0:2] * 2.0, X)
    rows = machine_runner(graph).program.rows
    kernels = [row.items[0] for row in rows if isinstance(row, Row)]
    assert len(kernels) == len(rows)
    assert not any("gather" in kernel or "copy" in kernel for kernel in kernels)


def test_repeated_places_add_up():
    places = RNG.integers(0, 4, size=200)
    graph = gradient_graph(dk.trace(lambda x: np.sum(x[places] ** 2), X), (0,))
    agree(graph, (X,), ROUNDING["f8"])
    _, slope = machine_runner(graph)((X,))
    counts = np.bincount(places, minlength=4)
    np.testing.assert_allclose(slope, 2 * X * counts[:, None, None], rtol=1e-13)


COMPUTED = {
    "rows": (lambda x, i: x[i], np.array([3, 0, -4, 3])),
    "columns": (lambda x, i: x[:, i], np.array([[0, 4], [-5, 0]])),
    "pairs": (lambda x, i: x[np.arange(4), i], np.array([4, 0, 0, -1])),
    "both": (lambda x, i: x[i, i], np.array([3, 0, -4, 3])),
    "apart": (lambda x, i: x[i, 1:, i], np.array([2, 0, 0, -3])),
    "of a view": (lambda x, i: x[::-1, ::2][:, i], np.array([2, 0, 2])),
}


@pytest.mark.parametrize("dtype", ("f8", "f4"))
@pytest.mark.parametrize("name", COMPUTED)
def test_computed_indices(name, dtype):
    function, places = COMPUTED[name]
    both_agree(function, X.astype(dtype), places)


@pytest.mark.parametrize("name", COMPUTED)
@pytest.mark.parametrize("wrong", (5, -6, 2**40, -(2**62)))
def test_computed_indices_out_of_range_are_refused(name, wrong):
    function, places = COMPUTED[name]
    graph = dk.trace(function, X, places)
    slope = gradient_graph(dk.trace(lambda x, i: np.sum(function(x, i)), X, places), (0,))
    for each in (graph, slope):
        runner = machine_runner(each)
        bad = places.copy()
        bad.flat[-1] = wrong
        with pytest.raises(InputError, match="out of bounds") as refused:
            runner((X, bad))
        with pytest.raises(InputError) as told:
            run(each, (X, bad))
        assert str(refused.value) == str(told.value)
        agree(each, (X, places), ROUNDING["f8"])  # and the next call is served


def test_a_nan_does_not_hide_an_index_out_of_range():
    graph = dk.trace(lambda x, i: x[i], X, np.array([0, 1]))
    with pytest.raises(InputError, match="out of bounds"):
        machine_runner(graph)((np.full_like(X, NAN), np.array([0, 9])))


def test_constant_indices_out_of_range_are_refused_too():
    graph = dk.trace(lambda x: x[[0, 1]], X)
    literal = next(node for node in graph.columns.values)
    graph.columns.values[literal] = np.array([0, 7])
    with pytest.raises(InputError, match="out of bounds"):
        machine_runner(graph)((X,))


# Copies and loads --------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ("f8", "f4", "bool", "i8"))
@pytest.mark.parametrize("shape", ((2, 3, 5, 4), (1, 17, 1, 19), (40, 2, 1, 33)))
def test_permuted_copies(shape, dtype):
    x = (10 * RNG.normal(size=shape)).astype(dtype)
    for axes in permutations(range(4)):
        agree(dk.trace(lambda x, axes=axes: np.transpose(x, axes), x), (x,))
        agree(dk.trace(lambda x, axes=axes: np.transpose(x[:, ::-1, :, 1:], axes), x), (x,))


@pytest.mark.parametrize("dtype", ("f8", "f4"))
def test_loads_of_every_layout(dtype):
    shape = (3, 4, 5, 6)
    for kept in product((True, False), repeat=4):
        small = tuple(n if k else 1 for n, k in zip(shape, kept, strict=True))
        x = RNG.normal(size=small).astype(dtype)
        y = RNG.normal(size=shape).astype(dtype)
        agree(dk.trace(lambda x, y: x * y, x, y), (x, y))
        agree(dk.trace(lambda x, y: x[::-1, ..., ::-1] - y[:, ::-1], x, y), (x, y))
        turned = tuple(np.argsort(kept, kind="stable"))
        agree(dk.trace(lambda x, y, t=turned: np.transpose(y * x, t) + 1.0, x, y), (x, y))


def test_loads_that_begin_inside_a_row():
    for inner in (1, 2, 7, 8, 9, 64, 700):  # blocks of lanes end in the middle of rows
        x, y = RNG.normal(size=inner), RNG.normal(size=(5000 // inner, inner))
        agree(dk.trace(lambda x, y: x + y * y, x, y), (x, y))
        agree(dk.trace(lambda x, y: y[:, ::-1] * x, x, y), (x, y))


@pytest.mark.parametrize("shape", ((0, 3), (3, 0), (2, 0, 4)))
def test_empty_arrays(shape):
    x = np.zeros(shape)
    for function in (lambda x: np.transpose(x) * 2.0, lambda x: x[::-1], lambda x: np.sum(x, 0)):
        graph = dk.trace(function, x)
        found, wanted = machine_runner(graph)((x,)), run(graph, (x,))
        np.testing.assert_array_equal(found[0], wanted[0])


# Convolution -------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ("f8", "f4"))
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("padding", PADDINGS)
def test_convolution_and_its_transposes(window, padding, dtype):
    for stride, channels in product(STRIDES, CHANNELS):
        params = {"stride": stride, "padding": padding}
        x, k = images(window, channels, dtype)
        c = RNG.normal(size=convolution.conv2d.value(x, k, **params).shape).astype(dtype)
        to_image, to_filter = params | {"shape": x.shape}, params | {"window": window}
        for function, operands in (
            (lambda x, k, p=params: convolution.conv2d(x, k, **p), (x, k)),
            (lambda c, k, p=to_image: convolution.conv2d_image(c, k, **p), (c, k)),
            (lambda x, c, p=to_filter: convolution.conv2d_filter(x, c, **p), (x, c)),
        ):
            agree(dk.trace(function, *operands), operands, ROUNDING[dtype])


@pytest.mark.parametrize("bad", (INF, -INF, NAN))
@pytest.mark.parametrize("stride", STRIDES)
def test_numbers_that_are_not_finite_stay_where_they_are(stride, bad):
    params = {"stride": stride, "padding": ((1, 1), (1, 1))}
    for place in ((0, 0, 0, 0), (2, 1, 1, 2)):
        x, k = images((3, 3), (2, 5), "f8")
        c = RNG.normal(size=convolution.conv2d.value(x, k, **params).shape)
        k[place] = bad
        back = params | {"shape": x.shape}
        graph = dk.trace(lambda c, k, p=back: convolution.conv2d_image(c, k, **p), c, k)
        agree(graph, (c, k), ROUNDING["f8"])
        agree(dk.trace(lambda x, k: convolution.conv2d(x, k, **params), x, k), (x, k), 1e-13)
        k[place], x[1, 3, 2, 1], c[0, 0, 1, 2] = 1.0, bad, bad
        agree(dk.trace(lambda x, k: convolution.conv2d(x, k, **params), x, k), (x, k), 1e-13)
        agree(graph, (c, k), ROUNDING["f8"])


@pytest.mark.parametrize("dtype", ("f8", "f4"))
@pytest.mark.parametrize("stride", STRIDES)
def test_windows_and_fold(stride, dtype):
    for window, padding, channels in product(WINDOWS, PADDINGS, (1, 3, 8)):
        x = RNG.normal(size=(2, 6, 7, channels)).astype(dtype)
        params = {"stride": stride, "padding": padding}
        laid = convolution.windows.value(x, window=window, **params)
        graph = dk.trace(lambda x, w=window, p=params: convolution.windows(x, window=w, **p), x)
        agree(graph, (x,))
        graph = dk.trace(lambda c, p=params, s=x.shape: convolution.fold(c, shape=s, **p), laid)
        agree(graph, (laid,))


def test_convolution_of_views_and_of_results():
    x, k = images((3, 3), (2, 8), "f8", (3, 7, 7))
    same = ((1, 1), (1, 1))

    def function(x, k):
        y = convolution.conv2d(x[:, ::-1], np.flip(k, 0), stride=(1, 1), padding=same)
        return convolution.conv2d(np.tanh(y)[..., :2], k, stride=(2, 2), padding=same)

    both_agree(function, x, k, wrt=(0, 1), rounding=ROUNDING["f8"])


def test_empty_batches_ofimages():
    x, k = images((3, 3), (2, 8), "f8", (0, 7, 7))
    graph = dk.trace(
        lambda x, k: convolution.conv2d(x, k, stride=(1, 1), padding=PADDINGS[1]), x, k
    )
    assert machine_runner(graph)((x, k))[0].shape == (0, 7, 7, 8)


def test_same_bits_every_time():
    x, k = images((3, 3), (3, 16), "f8", (4, 9, 9))
    total = dk.trace(
        lambda x, k: np.sum(convolution.conv2d(x, k, stride=(1, 1), padding=PADDINGS[1]) ** 2), x, k
    )
    runner = machine_runner(gradient_graph(total, (0, 1)))
    first, second = runner((x, k)), runner((x.copy(), k.copy()))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


# Pooling -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ("f8", "f4"))
@pytest.mark.parametrize("channels", (1, 3, 8, 19))
@pytest.mark.parametrize("pool", (max_pool2d, avg_pool2d))
def test_pooling_layers(pool, channels, dtype):
    x = RNG.normal(size=(2, 8, 9, channels)).astype(dtype)
    for options in ({}, {"stride": 1}, {"window": 3, "stride": 2}, {"window": (1, 3)},
                    {"window": 3, "stride": 2, "padding": "same"}):  # fmt: skip
        graph = dk.trace(lambda x, o=options: pool(x, **o), x)
        agree(graph, (x,), ROUNDING[dtype])
        total = dk.trace(lambda x, o=options: np.sum(np.sin(pool(x, **o))), x)
        agree(gradient_graph(total, (0,)), (x,), ROUNDING[dtype])


@pytest.mark.parametrize("reduce", (np.max, np.min, np.sum))
@pytest.mark.parametrize("axes", ((2, 4), (1, 3), (0, 2), (1, 5), (0, 2, 4), (2, 5)))
def test_reductions_over_windows(reduce, axes):
    x = RNG.normal(size=(2, 3, 2, 4, 2, 9))
    x[RNG.random(x.shape) < 0.1] = NAN
    x[RNG.random(x.shape) < 0.1] = -0.0
    x[RNG.random(x.shape) < 0.1] = -INF
    rounding = ROUNDING["f8"] if reduce is np.sum else 0.0
    if not rounding:
        x[x == 0] = 0.0  # of two zeros of other signs either is the largest
    agree(dk.trace(lambda x: reduce(x, axis=axes), x), (x,), rounding)
    agree(dk.trace(lambda x: reduce(x[:, ::-1], axis=axes), x), (x,), rounding)
    agree(dk.trace(lambda x: reduce(np.swapaxes(x, 0, 3), axis=axes), x), (x,), rounding)


def test_ties_share_the_derivative():
    x = np.zeros((1, 4, 4, 2))
    x[0, 0, 1, 0] = 1.0
    x[0, 3, 3, 1] = NAN
    graph = gradient_graph(dk.trace(lambda x: np.sum(max_pool2d(x)), x), (0,))
    _, slope = agree(graph, (x,))
    assert slope[0, 0, 1, 0] == 1.0 and slope[0, 0, 0, 1] == 0.25
    assert np.isnan(slope[0, 2:, 2:, 1]).all()
