"""Indexing, copies, convolution and pooling on the machine, against the interpreter."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

import diffkit as dk
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines.interpret import run
from diffkit.engines.machine.passes import fitted
from diffkit.engines.machine.running import machine_runner
from diffkit.errors import InputError
from diffkit.nets.convolutional import avg_pool2d, max_pool2d
from diffkit.primitives import convolution

RNG = np.random.default_rng(0)
NAN, INF = np.nan, np.inf
# Roundings of sums of a few hundred products.
ROUNDING = {"f8": 1e-13, "f4": 2e-5}
STRIDES = ((1, 1), (2, 1), (2, 3), (3, 3))
PADDINGS = (((0, 0), (0, 0)), ((1, 1), (1, 1)), ((0, 2), (1, 0)))
WINDOWS = ((3, 3), (2, 1), (1, 1), (4, 3))
CHANNELS = ((1, 1), (1, 8), (3, 5), (2, 16), (8, 20))


def agree(graph, arguments, rounding=0.0, callbacks=False):
    """The machine's results are the interpreter's, within rounding of the largest number."""
    runner = machine_runner(graph)
    assert bool(runner.program.callbacks) == callbacks
    before = [np.array(a) for a in arguments]
    found = runner(arguments)
    for a, b in zip(arguments, before, strict=True):
        np.testing.assert_array_equal(a, b)
    for mine, theirs in zip(found, run(graph, arguments), strict=True):
        theirs = np.asarray(theirs)
        assert np.shape(mine) == theirs.shape and np.asarray(mine).dtype == theirs.dtype
        if not rounding:
            np.testing.assert_array_equal(mine, theirs)
            if theirs.dtype.kind == "f":
                signs = np.signbit(mine) == np.signbit(theirs)
                assert (signs | np.isnan(theirs)).all()
            continue
        size = np.max(np.abs(theirs[np.isfinite(theirs)]), initial=1.0)
        np.testing.assert_allclose(mine, theirs, rtol=rounding, atol=rounding * size)
    return found


def both_agree(function, *arguments, wrt=(0,), rounding=0.0):
    """The values agree, and the gradients of a weighted sum of them."""
    graph = dk.trace(function, *arguments)
    (value,) = agree(graph, arguments, rounding)
    if np.size(value) == 0 or np.asarray(value).dtype.kind != "f":
        return
    weights = RNG.normal(size=np.shape(value)).astype(np.asarray(value).dtype)
    total = dk.trace(lambda *a: np.sum(function(*a) * weights), *arguments)
    agree(gradient_graph(total, wrt), arguments, ROUNDING[np.asarray(value).dtype.str[1:]])


# Indexing ------------------------------------------------------------------------------------------

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
    kernels = [row.items[0] for row in machine_runner(graph).program.rows]
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


# Copies and loads ----------------------------------------------------------------------------------


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


# Convolution ---------------------------------------------------------------------------------------


def _images(window, channels, dtype, grid=(2, 6, 7)):
    inner, outer = channels
    x = RNG.normal(size=(*grid, inner)).astype(dtype)
    return x, RNG.normal(size=(*window, inner, outer)).astype(dtype)


@pytest.mark.parametrize("dtype", ("f8", "f4"))
@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("padding", PADDINGS)
def test_convolution_and_its_transposes(window, padding, dtype):
    for stride, channels in product(STRIDES, CHANNELS):
        params = {"stride": stride, "padding": padding}
        x, k = _images(window, channels, dtype)
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
        x, k = _images((3, 3), (2, 5), "f8")
        c = RNG.normal(size=convolution.conv2d.value(x, k, **params).shape)
        k[place] = bad
        graph = dk.trace(lambda c, k: convolution.conv2d_image(c, k, shape=x.shape, **params), c, k)
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
    x, k = _images((3, 3), (2, 8), "f8", (3, 7, 7))
    same = ((1, 1), (1, 1))

    def function(x, k):
        y = convolution.conv2d(x[:, ::-1], np.flip(k, 0), stride=(1, 1), padding=same)
        return convolution.conv2d(np.tanh(y)[..., :2], k, stride=(2, 2), padding=same)

    both_agree(function, x, k, wrt=(0, 1), rounding=ROUNDING["f8"])


def test_empty_batches_of_images():
    x, k = _images((3, 3), (2, 8), "f8", (0, 7, 7))
    graph = dk.trace(lambda x, k: convolution.conv2d(x, k, stride=(1, 1), padding=PADDINGS[1]), x, k)
    assert machine_runner(graph)((x, k))[0].shape == (0, 7, 7, 8)


def test_same_bits_every_time():
    x, k = _images((3, 3), (3, 16), "f8", (4, 9, 9))
    total = dk.trace(
        lambda x, k: np.sum(convolution.conv2d(x, k, stride=(1, 1), padding=PADDINGS[1]) ** 2), x, k
    )
    runner = machine_runner(gradient_graph(total, (0, 1)))
    first, second = runner((x, k)), runner((x.copy(), k.copy()))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


# Pooling -------------------------------------------------------------------------------------------


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


# What the machine rewrites -------------------------------------------------------------------------


def _names(graph):
    return {name for name, count in fitted(graph).operations().items() if count and name != "total"}


def _slid(x, k, bias, stride=(1, 1), padding=((1, 1), (1, 1)), first=(0, 0)):
    """A convolution as people write it in NumPy."""
    x = np.pad(x, ((0, 0), *padding, (0, 0)))
    rows = (x.shape[1] - first[0] - k.shape[0]) // stride[0] + 1
    columns = (x.shape[2] - first[1] - k.shape[1]) // stride[1] + 1
    out = bias
    for i in range(k.shape[0]):
        for j in range(k.shape[1]):
            a, b = first[0] + i, first[1] + j
            part = x[:, a : a + stride[0] * rows : stride[0], b : b + stride[1] * columns : stride[1]]
            out = out + part @ k[i, j]
    return out


@pytest.mark.parametrize("dtype", ("f8", "f4"))
@pytest.mark.parametrize("stride", STRIDES)
def test_shifted_products_are_one_convolution(stride, dtype):
    for padding, channels, first in product(PADDINGS, ((1, 8), (3, 5)), ((0, 0), (1, 2))):
        x, k = _images((3, 2), channels, dtype)
        bias = RNG.normal(size=channels[1]).astype(dtype)
        form = {"stride": stride, "padding": padding, "first": first}
        graph = dk.trace(lambda x, k, b, f=form: _slid(x, k, b, **f), x, k, bias)
        assert "matmul" not in _names(graph) and "conv2d" in _names(graph)
        agree(graph, (x, k, bias), ROUNDING[dtype])
        total = dk.trace(lambda x, k, b, f=form: np.sum(np.sin(_slid(x, k, b, **f))), x, k, bias)
        slopes = gradient_graph(total, (0, 1, 2))
        names = _names(slopes)
        assert {"conv2d", "conv2d_filter", "conv2d_image"} <= names and "matmul" not in names
        agree(slopes, (x, k, bias), ROUNDING[dtype])


def test_two_layers_with_pooling():
    def net(x, k, l, b):
        h = np.maximum(_slid(x, k, b), 0.0)
        n, height, width, channels = h.shape
        h = np.max(np.reshape(h, (n, height // 2, 2, width // 2, 2, channels)), axis=(2, 4))
        return np.sum(np.maximum(_slid(h, l, 0.0), 0.0) ** 2)

    x, k = _images((3, 3), (1, 8), "f8", (3, 8, 8))
    deep, bias = 0.1 * RNG.normal(size=(3, 3, 8, 16)), RNG.normal(size=8)
    graph = gradient_graph(dk.trace(net, x, k, deep, bias), (0, 1, 2, 3))
    names = _names(graph)
    assert not names & {"getitem", "scatter_add", "matmul"}
    agree(graph, (x, k, deep, bias), 1e-12)


MISSES = {
    "a place is missing": lambda x, k: x[:, :4, :4] @ k[0, 0] + x[:, :4, 1:5] @ k[0, 1],
    "a place twice": lambda x, k: sum(
        x[:, i : i + 4, j : j + 4] @ k[min(i, 0), j] for i in (0, 1) for j in (0, 1)
    ),
    "spread apart": lambda x, k: sum(
        x[:, 2 * i : 2 * i + 3, j : j + 4] @ k[i, j] for i in (0, 1) for j in (0, 1)
    ),
    "two images": lambda x, k: sum(
        (x if i else 2.0 * x)[:, i : i + 4, j : j + 4] @ k[i, j] for i in (0, 1) for j in (0, 1)
    ),
    "shifted backwards": lambda x, k: sum(
        x[:, 1 - i : 5 - i, j : j + 4] @ k[i, j] for i in (0, 1) for j in (0, 1)
    ),
}


@pytest.mark.parametrize("name", MISSES)
def test_other_sums_stay(name):
    x, k = _images((2, 2), (3, 5), "f8")
    graph = dk.trace(MISSES[name], x, k)
    assert "conv2d" not in _names(graph)
    both_agree(MISSES[name], x, k, wrt=(0, 1), rounding=ROUNDING["f8"])


def test_a_sum_that_is_used_on_the_way_is_kept():
    x, k = _images((2, 2), (3, 5), "f8")

    def function(x, k):
        half = x[:, :4, :4] @ k[0, 0] + x[:, :4, 1:5] @ k[0, 1]
        whole = half + x[:, 1:5, :4] @ k[1, 0] + x[:, 1:5, 1:5] @ k[1, 1]
        return half * whole

    assert {"conv2d", "matmul"} <= _names(dk.trace(function, x, k))
    both_agree(function, x, k, wrt=(0, 1), rounding=ROUNDING["f8"])


def test_zeros_around_an_array_keep_their_signs():
    x = np.array([[-0.0, 1.0], [NAN, -INF]])
    for widths in (((1, 0), (0, 2)), ((0, 0), (1, 1)), ((2, 2), (3, 0))):
        graph = dk.trace(lambda x, w=widths: np.pad(x, w), x)
        assert "where" not in _names(graph)
        agree(graph, (x,))
        cotangent = np.where(RNG.random(np.pad(x, widths).shape) < 0.5, -0.0, 1.0)
        total = dk.trace(lambda x, w=widths, c=cotangent: np.sum(np.pad(x, w) * c), x)
        agree(gradient_graph(total, (0,)), (np.ones((2, 2)),))


def test_other_numbers_around_an_array():
    for function in (
        lambda x: np.pad(x, 1, constant_values=-1.0),
        lambda x: np.pad(x, 2, mode="edge"),
        lambda x: np.pad(x, ((0, 0), (2, 1)), mode="wrap"),
        lambda x: np.where(X[:, :, 0] > 0, x, 0.0),
    ):
        both_agree(function, X[:, :, 1])


def test_a_graph_without_a_pattern_is_the_same_graph():
    graph = dk.trace(lambda x, w: np.tanh(x @ w), X[:, :, 0], X[0])
    assert fitted(graph) is graph
