"""What the machine rewrites before it runs a graph: convolutions spelt out, zeros around images."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from machine_tensors import PADDINGS, RNG, ROUNDING, STRIDES, agree, both_agree, images

import diffkit as dk
from diffkit.differentiate.reverse import gradient_graph
from diffkit.engines.machine.passes import fitted

NAN, INF = np.nan, np.inf
X = RNG.normal(size=(4, 5, 3))


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
            part = x[
                :, a : a + stride[0] * rows : stride[0], b : b + stride[1] * columns : stride[1]
            ]
            out = out + part @ k[i, j]
    return out


@pytest.mark.parametrize("dtype", ("f8", "f4"))
@pytest.mark.parametrize("stride", STRIDES)
def test_shifted_products_are_one_convolution(stride, dtype):
    for padding, channels, first in product(PADDINGS, ((1, 8), (3, 5)), ((0, 0), (1, 2))):
        x, k = images((3, 2), channels, dtype)
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
    def net(x, k, deep, b):
        h = np.maximum(_slid(x, k, b), 0.0)
        n, height, width, channels = h.shape
        h = np.max(np.reshape(h, (n, height // 2, 2, width // 2, 2, channels)), axis=(2, 4))
        return np.sum(np.maximum(_slid(h, deep, 0.0), 0.0) ** 2)

    x, k = images((3, 3), (1, 8), "f8", (3, 8, 8))
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
    x, k = images((2, 2), (3, 5), "f8")
    graph = dk.trace(MISSES[name], x, k)
    assert "conv2d" not in _names(graph)
    both_agree(MISSES[name], x, k, wrt=(0, 1), rounding=ROUNDING["f8"])


def test_a_sum_that_is_used_on_the_way_is_kept():
    x, k = images((2, 2), (3, 5), "f8")

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
