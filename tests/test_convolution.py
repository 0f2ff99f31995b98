"""Convolution and pooling: against naive loops, their adjoints, and the edges of every option."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from derivatives import agree_with_differences, gradient, second

import diffkit as dk
from diffkit.engines.interpret import run
from diffkit.engines.objects import to_objects
from diffkit.errors import InputError, ShapeError
from diffkit.nets.convolutional import (
    avg_pool2d,
    conv2d,
    log_softmax,
    max_pool2d,
    pairs_of_padding,
    softmax,
)
from diffkit.primitives import convolution

RNG = np.random.default_rng(0)
STRIDES = ((1, 1), (2, 1), (2, 3), (3, 3))
PADDINGS = (((0, 0), (0, 0)), ((1, 1), (1, 1)), ((0, 2), (1, 0)))
OPTIONS = list(product(STRIDES, PADDINGS))


def naive_conv(x, k, stride, padding):
    """Six loops, straight from the definition."""
    (top, bottom), (left, right) = padding
    x = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    rows = (x.shape[1] - k.shape[0]) // stride[0] + 1
    columns = (x.shape[2] - k.shape[1]) // stride[1] + 1
    y = np.zeros((x.shape[0], rows, columns, k.shape[3]))
    for n, i, j, o in np.ndindex(y.shape):
        corner = i * stride[0], j * stride[1]
        for a, b, c in np.ndindex(k.shape[:3]):
            y[n, i, j, o] += x[n, corner[0] + a, corner[1] + b, c] * k[a, b, c, o]
    return y


def naive_pool(x, window, stride, padding, reduce):
    """Every window's pixels that lie in the image, reduced."""
    (top, bottom), (left, right) = padding
    height, width = x.shape[1:3]
    rows = (height + top + bottom - window[0]) // stride[0] + 1
    columns = (width + left + right - window[1]) // stride[1] + 1
    y = np.zeros((x.shape[0], rows, columns, x.shape[3]))
    for n, i, j, c in np.ndindex(y.shape):
        first, second_ = i * stride[0] - top, j * stride[1] - left
        cells = [
            x[n, a, b, c]
            for a in range(first, first + window[0])
            for b in range(second_, second_ + window[1])
            if 0 <= a < height and 0 <= b < width
        ]
        y[n, i, j, c] = reduce(cells)
    return y


# Convolution ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("stride", "padding"), OPTIONS)
def test_convolution_is_its_definition(stride, padding) -> None:
    x, k = RNG.normal(size=(2, 6, 7, 3)), RNG.normal(size=(3, 2, 3, 4))
    expected = naive_conv(x, k, stride, padding)
    np.testing.assert_allclose(conv2d(x, k, stride, padding), expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(("stride", "padding"), OPTIONS)
def test_adjoint_identities(stride, padding) -> None:
    """⟨c, conv(x, k)⟩ = ⟨x, conv_image(c, k)⟩ = ⟨k, conv_filter(x, c)⟩, whatever is not covered."""
    x, k = RNG.normal(size=(2, 6, 7, 3)), RNG.normal(size=(3, 2, 3, 4))
    options = {"stride": stride, "padding": padding}
    y = convolution.conv2d(x, k, **options)
    c = RNG.normal(size=y.shape)
    through_image = np.sum(x * convolution.conv2d_image(c, k, shape=x.shape, **options))
    through_filter = np.sum(k * convolution.conv2d_filter(x, c, window=k.shape[:2], **options))
    assert np.isclose(np.sum(c * y), through_image, rtol=1e-12)
    assert np.isclose(np.sum(c * y), through_filter, rtol=1e-12)


@pytest.mark.parametrize(("stride", "padding"), OPTIONS)
def test_windows_and_fold_are_transposes(stride, padding) -> None:
    x = RNG.normal(size=(2, 6, 7, 3))
    cells = convolution.windows(x, window=(3, 2), stride=stride, padding=padding)
    c = RNG.normal(size=cells.shape)
    back = convolution.fold(c, shape=x.shape, stride=stride, padding=padding)
    assert np.isclose(np.sum(c * cells), np.sum(x * back), rtol=1e-12)


def test_pixels_that_no_window_covers_have_gradient_zero() -> None:
    """A stride of 2 over 6 pixels with a window of 3 leaves the last row and column out."""
    x, k = RNG.normal(size=(1, 6, 6, 1)), RNG.normal(size=(3, 3, 1, 2))
    slope = dk.grad(lambda x: np.sum(conv2d(x, k, stride=2)))(x)
    assert np.all(slope[:, 5] == 0)
    assert np.all(slope[:, :, 5] == 0)
    assert np.all(slope[:, :5, :5] != 0)


@pytest.mark.parametrize("padding", ["same", "valid", 1, (0, 1), ((1, 0), (0, 2))])
def test_gradient_of_both_operands(padding) -> None:
    x, k = RNG.normal(size=(1, 4, 5, 2)), RNG.normal(size=(2, 3, 2, 2))
    agree_with_differences(lambda x, k: conv2d(x, k, stride=(2, 1), padding=padding), x, k)


def test_the_filters_gradient_is_a_correlation() -> None:
    """∂/∂k of Σ c·conv(x, k) correlates the image with the cotangents."""
    x, c = RNG.normal(size=(1, 5, 5, 1)), RNG.normal(size=(1, 3, 3, 1))
    (k_bar,) = gradient(lambda k: np.sum(c * conv2d(x, k)), np.zeros((3, 3, 1, 1)))
    expected = conv2d(x, c[0][..., None])
    np.testing.assert_allclose(k_bar[:, :, 0, 0], expected[0, :, :, 0], rtol=1e-13)


def test_second_order() -> None:
    """Convolution is bilinear: the Hessian of ½|conv(x, k)|² in k is JᵀJ."""
    x, k, v = (RNG.normal(size=s) for s in ((1, 4, 4, 2), (2, 2, 2, 1), (2, 2, 2, 1)))
    found = second(lambda k: 0.5 * np.sum(conv2d(x, k) ** 2), k, v)
    (expected,) = gradient(lambda k: np.sum(conv2d(x, k) * conv2d(x, v)), k)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_shift_equivariance_in_the_interior() -> None:
    """Shifting the image shifts the result, exactly."""
    x, k = RNG.normal(size=(1, 8, 8, 1)), RNG.normal(size=(3, 3, 1, 2))
    moved = conv2d(np.roll(x, (1, 2), axis=(1, 2)), k)
    assert np.array_equal(moved[:, 1:, 2:], conv2d(x, k)[:, :-1, :-2])


def test_over_high_precision_numbers() -> None:
    """The same graph over mpmath numbers, forward and backward."""
    x, k = RNG.normal(size=(1, 4, 4, 1)), RNG.normal(size=(2, 2, 1, 2))
    graph = dk.trace(
        dk.value_and_grad(lambda k, x: np.sum(conv2d(x, k, stride=2, padding="same") ** 2)), k, x
    )
    exact = run(graph, [to_objects(k, "mpmath"), to_objects(x, "mpmath")], domain="mpmath")
    value, slope = run(graph, [k, x])
    assert np.isclose(float(exact[0]), value, rtol=1e-14)
    np.testing.assert_allclose(exact[1].astype(float), slope, rtol=1e-12)


def test_methods_agree_on_a_convolution() -> None:
    x, k = RNG.normal(size=(1, 3, 3, 1)), RNG.normal(size=(2, 2, 1, 1))
    slopes = [
        dk.grad(lambda k: np.sum(np.tanh(conv2d(x, k))), method=method)(k)
        for method in ("reverse", "forward", "complex", "symbolic")
    ]
    for slope in slopes[1:]:
        np.testing.assert_allclose(slope, slopes[0], rtol=1e-12)


def test_operations_are_counted() -> None:
    """A product and an addition for each weight and output, but for the first of each sum."""
    graph = dk.trace(conv2d, np.ones((2, 5, 5, 3)), np.ones((3, 3, 3, 4)))
    assert graph.flops() == 2 * 3 * 3 * 4 * (2 * 27 - 1)


# Pooling ----------------------------------------------------------------------------------------

POOLS = [(max_pool2d, np.max), (avg_pool2d, np.mean)]


@pytest.mark.parametrize(("pool", "reduce"), POOLS)
@pytest.mark.parametrize("stride", STRIDES)
@pytest.mark.parametrize("padding", PADDINGS[:2])
def test_pooling_is_its_definition(pool, reduce, stride, padding) -> None:
    x = RNG.normal(size=(2, 6, 7, 3)) - 2.0  # negative: padding must not win
    expected = naive_pool(x, (3, 3), stride, padding, reduce)
    np.testing.assert_allclose(pool(x, 3, stride, padding), expected, rtol=1e-13)


@pytest.mark.parametrize(("pool", "reduce"), POOLS)
def test_windows_side_by_side_give_the_same_as_sliding_ones(pool, reduce) -> None:
    """The quick path by a reshape, with rows left over, against the definition."""
    x = RNG.normal(size=(2, 7, 5, 3))
    expected = naive_pool(x, (2, 2), (2, 2), PADDINGS[0], reduce)
    np.testing.assert_allclose(pool(x, 2), expected, rtol=1e-14)
    assert "windows" not in dk.trace(lambda x: pool(x, 2), x).operations()


@pytest.mark.parametrize("pool", [max_pool2d, avg_pool2d])
@pytest.mark.parametrize("options", [(2,), (3, 2), (2, 1), (3, 2, "same"), ((2, 3), 2, 1)])
def test_pooling_gradient(pool, options) -> None:
    x = RNG.permutation(60).reshape(1, 5, 6, 2) / 7.0  # no ties
    agree_with_differences(lambda x: pool(x, *options), x)


def test_ties_of_max_pooling_share_evenly() -> None:
    x = np.array([[1.0, 1.0], [0.0, 1.0]]).reshape(1, 2, 2, 1)
    slope = dk.grad(lambda x: np.sum(max_pool2d(x)))(x)
    assert slope.reshape(-1).tolist() == [1 / 3, 1 / 3, 0.0, 1 / 3]
    overlapping = dk.grad(lambda x: np.sum(max_pool2d(x, 2, 1)))(np.zeros((1, 3, 3, 1)))
    shares = np.outer([1, 2, 1], [1, 2, 1]) / 4  # each pixel is in 1, 2 or 4 windows of 4
    assert np.array_equal(overlapping.reshape(3, 3), shares)


def test_padded_pixels_take_no_part() -> None:
    x = np.full((1, 3, 3, 1), -5.0)
    assert np.all(max_pool2d(x, 2, 2, "same") == -5.0)
    assert np.all(avg_pool2d(x, 2, 2, "same") == -5.0)


def test_same_padding() -> None:
    assert pairs_of_padding("same", (8, 7), (3, 2), (1, 2)) == ((1, 1), (0, 1))
    for size, stride in product((5, 6, 7), (1, 2, 3)):
        y = conv2d(np.ones((1, size, size, 1)), np.ones((3, 3, 1, 1)), stride, "same")
        assert y.shape == (1, -(-size // stride), -(-size // stride), 1)


# Softmax ----------------------------------------------------------------------------------------


def test_softmax_and_its_logarithm() -> None:
    x = RNG.normal(size=(3, 4))
    np.testing.assert_allclose(np.exp(log_softmax(x)), softmax(x), rtol=1e-14)
    np.testing.assert_allclose(softmax(x, axis=0).sum(axis=0), 1.0, rtol=1e-14)
    assert softmax(np.array([1, 1])).tolist() == [0.5, 0.5]
    np.testing.assert_allclose(log_softmax(np.array([1e4, 0.0, -1e4])), [0.0, -1e4, -2e4])


def test_softmax_jacobian() -> None:
    """Rows sum to 0, and the norm is at most ½."""
    jacobian = dk.jacobian(softmax)(RNG.normal(size=4))
    assert np.abs(jacobian.sum(axis=1)).max() < 1e-16
    assert np.linalg.norm(jacobian, 2) <= 0.5
    x = np.array([0.3, -1.0, 2.0])
    agree_with_differences(softmax, x)
    agree_with_differences(log_softmax, x)


# Bad input --------------------------------------------------------------------------------------

IMAGE, FILTER = np.ones((1, 4, 4, 2)), np.ones((3, 3, 2, 1))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: conv2d(np.ones((4, 4)), FILTER), ShapeError, "batch, height, width, channels"),
        (lambda: conv2d(IMAGE, np.ones((3, 3, 5, 1))), ShapeError, "does not fit the image"),
        (lambda: conv2d(IMAGE, np.ones(3)), ShapeError, "does not fit the image"),
        (lambda: conv2d(IMAGE, np.ones((5, 5, 2, 1))), ShapeError, "5 does not fit into 4"),
        (lambda: conv2d(IMAGE, FILTER, stride=0), InputError, "stride"),
        (lambda: conv2d(IMAGE, FILTER, stride=1.5), InputError, "stride"),
        (lambda: conv2d(IMAGE, FILTER, padding="full"), InputError, "padding"),
        (lambda: conv2d(IMAGE, FILTER, padding=-1), InputError, "padding"),
        (lambda: conv2d(IMAGE, FILTER, padding=((1, 2, 3), 4)), InputError, "padding"),
        (lambda: max_pool2d(IMAGE, 5), ShapeError, "does not fit"),
        (lambda: max_pool2d(IMAGE, 2, padding=2), ShapeError, "as wide as the window"),
        (lambda: avg_pool2d(np.ones(4)), ShapeError, "batch, height, width, channels"),
        (lambda: avg_pool2d(IMAGE, (2, 0)), InputError, "window"),
        (lambda: softmax(np.ones(3), axis=1), ShapeError, "axis 1"),
    ],
)
def test_bad_arguments(call, error, words) -> None:
    with pytest.raises(error, match=words):
        call()


def test_errors_name_the_users_line() -> None:
    with pytest.raises(ShapeError, match=r"test_convolution\.py"):
        dk.trace(lambda x: conv2d(x, np.ones((3, 3, 5, 1))), IMAGE)


SLIDING = {"stride": (1, 1), "padding": ((0, 0), (0, 0))}


@pytest.mark.parametrize(
    ("name", "operands", "params"),
    [
        ("fold", [(1, 2, 2, 2, 2, 1)], {"shape": (1, 5, 5, 1)}),
        ("fold", [(1, 2, 2, 1)], {"shape": (1, 3, 3, 1)}),
        ("conv2d_image", [(1, 2, 2, 3), (2, 2, 1, 2)], {"shape": (1, 3, 3, 1)}),
        ("conv2d_image", [(1, 2, 2, 2), (2, 2, 1, 2)], {"shape": (1, 4, 3, 1)}),
        ("conv2d_filter", [(1, 3, 3, 1), (1, 3, 2, 2)], {"window": (2, 2)}),
        ("conv2d_filter", [(1, 3, 3, 1), (1, 2)], {"window": (2, 2)}),
    ],
)
def test_the_transposes_check_their_shapes(name, operands, params) -> None:
    operation = getattr(convolution, name)
    arrays = [np.ones(shape) for shape in operands]
    with pytest.raises(ShapeError, match=name):
        dk.trace(lambda *x: operation(*x, **params, **SLIDING), *arrays)
