"""Convolution over images, and the windows that pooling reduces.

What deep learning calls convolution is cross-correlation: the filter is slid, not flipped,

    y[n, i, j, o] = Σ x[n, i·s + a, j·s + b, c] · k[a, b, c, o].

It is linear in the image and in the filter, so its two transposes close a family of three
operations under differentiation (Dumoulin & Visin 2016, *A guide to convolution arithmetic*):

    ⟨c, conv(x, k)⟩ = ⟨x, conv_image(c, k)⟩ = ⟨k, conv_filter(x, c)⟩.

Images are ``(batch, height, width, channels)``, filters ``(height, width, channels in, channels
out)``.  The values are computed by one matrix product with the windows laid out as rows (im2col;
Chellapilla, Puri & Simard 2006).  ``windows`` and ``fold`` are that layout and its transpose, as
operations of their own: pooling is a reduction over windows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from diffkit.errors import ShapeError
from diffkit.graph.avals import Aval, aval
from diffkit.graph.primitive import Linear, primitive
from diffkit.primitives.contraction import matmul, mT
from diffkit.primitives.shaping import common_dtypes, moved, reshape

__all__ = ["conv2d", "conv2d_filter", "conv2d_image", "fold", "windows"]

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]


def out_size(name: str, size: int, window: int, stride: int, pad: Pair) -> int:
    """How many windows fit along one axis: ⌊(size + padding − window)/stride⌋ + 1.

    Raises
    ------
    ShapeError
        When not a single window fits.
    """
    room = size + pad[0] + pad[1] - window
    if room < 0:
        raise ShapeError(
            f"{name}: a window of {window} does not fit into {size} (padding {pad[0]} + {pad[1]})",
            hint="use a smaller window or more padding.",
        )
    return room // stride + 1


def check_image(name: str, x: Aval) -> None:
    if x.ndim != 4:
        raise ShapeError(
            f"{name}: the image is {x}, not (batch, height, width, channels)",
            hint="add the missing axes with np.reshape; one grey image is (1, h, w, 1).",
        )


def _grid(name: str, x: Aval, window: Pair, stride: Pair, padding: Padding) -> Pair:
    rows = out_size(name, x.shape[1], window[0], stride[0], padding[0])
    return rows, out_size(name, x.shape[2], window[1], stride[1], padding[1])


def _check_windows(
    name: str, c: Aval, image: Aval, cell: Sequence[int], stride: Pair, padding: Padding
) -> None:
    """Refuse windows (or cotangents on their grid) that do not belong to this image."""
    grid = _grid(name, image, (cell[0], cell[1]), stride, padding)
    if c.shape[:3] != (image.shape[0], *grid) or cell[2] != image.shape[3]:
        raise ShapeError(
            f"{name}: {c} does not lie on the {grid[0]} × {grid[1]} windows of {tuple(cell)} "
            f"in the image {image}",
            hint="the stride, padding and shapes must be those of the convolution.",
        )


def _padded(x: np.ndarray, padding: Padding) -> np.ndarray:
    if padding == ((0, 0), (0, 0)):
        return x
    (top, bottom), (left, right) = padding
    batch, height, width, channels = x.shape
    shape = (batch, height + top + bottom, width + left + right, channels)
    y = np.zeros(shape, x.dtype)
    y[:, top : top + height, left : left + width] = x
    return y


def _lay_out(x: np.ndarray, window: Pair, stride: Pair, padding: Padding) -> np.ndarray:
    """All windows, ``(batch, rows, columns, height, width, channels)``, as a view."""
    y = _padded(np.asarray(x), padding)
    view = np.lib.stride_tricks.sliding_window_view(y, window, axis=(1, 2))  # type: ignore[call-overload]
    return view[:, :: stride[0], :: stride[1]].transpose(0, 1, 2, 4, 5, 3)


def _add_windows(
    cell: Callable[[int, int], np.ndarray],
    window: Sequence[int],
    grid: Sequence[int],
    shape: Sequence[int],
    dtype: Any,
    stride: Pair,
    padding: Padding,
) -> np.ndarray:
    """An image into which every place (a, b) of all windows is added: windows transposed.

    ``cell(a, b)`` has shape (batch, rows, columns, channels).  Pixels that no window covers, for
    instance the last ones under a stride, stay 0.
    """
    batch, height, width, channels = shape
    (top, bottom), (left, right) = padding
    rows, columns = grid
    y = np.zeros((batch, height + top + bottom, width + left + right, channels), dtype)
    for a in range(window[0]):
        for b in range(window[1]):
            last_row, last_column = a + stride[0] * rows, b + stride[1] * columns
            y[:, a : last_row : stride[0], b : last_column : stride[1]] += cell(a, b)
    return y[:, top : top + height, left : left + width]


# Many examples at once -------------------------------------------------------------------------


def _as_images(x: Any) -> Any:
    """An axis of examples and one of images as one axis of images."""
    return reshape(x, shape=(x.shape[0] * x.shape[1], *x.shape[2:]))


def _as_examples(x: Any, size: int) -> Any:
    """One axis of images as an axis of examples and one of images."""
    return reshape(x, shape=(size, x.shape[0] // size, *x.shape[1:]))


def _as_channels(x: Any, axis: int) -> Any:
    """An axis of examples (axis 0) joined with the channels, which are ``axis`` without it."""
    rest = tuple(range(1, x.ndim))
    x = moved(x, (*rest[:axis], 0, *rest[axis:]))
    joined = x.shape[axis] * x.shape[axis + 1]
    return reshape(x, shape=(*x.shape[:axis], joined, *x.shape[axis + 2 :]))


def _from_channels(x: Any, axis: int, size: int) -> Any:
    """Channels that belong to several examples, taken apart into an axis 0 of examples."""
    x = reshape(x, shape=(*x.shape[:axis], size, x.shape[axis] // size, *x.shape[axis + 1 :]))
    return moved(x, (axis, *(i for i in range(x.ndim) if i != axis)))


def _rows(x: Any, axes: int) -> Any:
    """For each example a matrix: its first ``axes`` axes are the rows, the others the columns."""
    shape = x.shape[1:]
    return reshape(x, shape=(x.shape[0], prod(shape[:axes]), prod(shape[axes:])))


@primitive
class windows(Linear):
    """All windows of an image, ``(batch, rows, columns, height, width, channels)``."""

    linear_in, joint = (0,), True

    def value(self, x: Any, window: Pair, stride: Pair, padding: Padding) -> Any:
        return np.ascontiguousarray(_lay_out(x, window, stride, padding))

    def shape(self, x: Aval, window: Pair, stride: Pair, padding: Padding) -> Any:
        check_image("windows", x)
        rows, columns = _grid("windows", x, window, stride, padding)
        return (x.shape[0], rows, columns, *window, x.shape[3])

    def transpose(self, ct: Any, x: Any, window: Pair, stride: Pair, padding: Padding) -> Any:
        return (lambda: fold(ct, shape=x.shape, stride=stride, padding=padding),)

    def batch(self, batched: Any, x: Any, size: int, **params: Any) -> Any:
        return _as_examples(windows(_as_images(x), **params), size)


@primitive
class fold(Linear):
    """Windows added back into an image of the given shape: the transpose of ``windows``."""

    linear_in, joint = (0,), True

    def value(self, c: Any, shape: tuple[int, ...], stride: Pair, padding: Padding) -> Any:
        c = np.asarray(c)
        return _add_windows(
            lambda a, b: c[:, :, :, a, b],
            c.shape[3:5], c.shape[1:3], shape, c.dtype, stride, padding,
        )  # fmt: skip

    def shape(self, c: Aval, shape: tuple[int, ...], stride: Pair, padding: Padding) -> Any:
        if c.ndim != 6:
            raise ShapeError(
                f"fold: {c} are no windows (batch, rows, columns, height, width, channels)",
                hint="fold takes what windows gives.",
            )
        image = aval(shape, c.dtype)
        check_image("fold", image)
        window = (c.shape[3], c.shape[4])
        _check_windows("fold", c, image, (*window, c.shape[5]), stride, padding)
        return shape

    def transpose(
        self, ct: Any, c: Any, shape: tuple[int, ...], stride: Pair, padding: Padding
    ) -> Any:
        window = (c.shape[3], c.shape[4])
        return (lambda: windows(ct, window=window, stride=stride, padding=padding),)

    def batch(self, batched: Any, c: Any, size: int, shape: Any, **params: Any) -> Any:
        images = (size * shape[0], *shape[1:])
        return _as_examples(fold(_as_images(c), shape=images, **params), size)

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return avals[0].size


@primitive
class conv2d(Linear):
    """Convolution of images with filters (cross-correlation), with stride and zero padding."""

    linear_in, joint = (0, 1), False

    def dtypes(self, avals: Sequence[Aval]) -> Any:
        return common_dtypes(avals)

    def value(self, x: Any, k: Any, stride: Pair, padding: Padding) -> Any:
        k = np.asarray(k)
        cells = _lay_out(x, k.shape[:2], stride, padding)
        rows = cells.reshape(prod(cells.shape[:3]), prod(k.shape[:3]))
        return (rows @ k.reshape(rows.shape[1], k.shape[3])).reshape(*cells.shape[:3], k.shape[3])

    def shape(self, x: Aval, k: Aval, stride: Pair, padding: Padding) -> Any:
        check_image("conv2d", x)
        if k.ndim != 4 or k.shape[2] != x.shape[3]:
            raise ShapeError(
                f"conv2d: the filter {k} does not fit the image {x}",
                hint="a filter is (height, width, channels in, channels out); its third size "
                f"must be the image's {x.shape[3]} channels.",
            )
        window = (k.shape[0], k.shape[1])
        return (x.shape[0], *_grid("conv2d", x, window, stride, padding), k.shape[3])

    def transpose(self, ct: Any, x: Any, k: Any, stride: Pair, padding: Padding) -> Any:
        params = {"stride": stride, "padding": padding}
        return (
            lambda: conv2d_image(ct, k, shape=x.shape, **params),
            lambda: conv2d_filter(x, ct, window=k.shape[:2], **params),
        )

    def batch(self, batched: Any, x: Any, k: Any, size: int, **params: Any) -> Any:
        if batched == (True, False):
            return _as_examples(conv2d(_as_images(x), k, **params), size)
        if batched == (False, True):
            return _from_channels(conv2d(x, _as_channels(k, 3), **params), 3, size)
        cells = _as_examples(windows(_as_images(x), window=k.shape[1:3], **params), size)
        return reshape(matmul(_rows(cells, 3), _rows(k, 3)), shape=(*cells.shape[:4], k.shape[4]))

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return out.size * max(2 * prod(avals[1].shape[:3]) - 1, 0)


@primitive
class conv2d_image(Linear):
    """The transpose of convolution in the image: a map of cotangents back to the pixels."""

    linear_in, joint = (0, 1), False

    def dtypes(self, avals: Sequence[Aval]) -> Any:
        return common_dtypes(avals)

    def value(self, c: Any, k: Any, shape: tuple[int, ...], stride: Pair, padding: Padding) -> Any:
        c, k = np.asarray(c), np.asarray(k)
        rows = c.reshape(-1, c.shape[3])

        def cell(a: int, b: int) -> np.ndarray:
            return (rows @ k[a, b].T).reshape(*c.shape[:3], k.shape[2])

        dtype = np.result_type(c, k)
        return _add_windows(cell, k.shape[:2], c.shape[1:3], shape, dtype, stride, padding)

    def shape(
        self, c: Aval, k: Aval, shape: tuple[int, ...], stride: Pair, padding: Padding
    ) -> Any:
        image = aval(shape, c.dtype)
        check_image("conv2d_image", image)
        if k.ndim != 4 or c.ndim != 4 or c.shape[3] != k.shape[3]:
            raise ShapeError(
                f"conv2d_image: the cotangent {c} does not fit the filter {k}",
                hint="both end in the channels that the convolution gives.",
            )
        _check_windows("conv2d_image", c, image, k.shape[:3], stride, padding)
        return shape

    def transpose(
        self, ct: Any, c: Any, k: Any, shape: tuple[int, ...], stride: Pair, padding: Padding
    ) -> Any:
        params = {"stride": stride, "padding": padding}
        return (
            lambda: conv2d(ct, k, **params),
            lambda: conv2d_filter(ct, c, window=k.shape[:2], **params),
        )

    def batch(
        self, batched: Any, c: Any, k: Any, size: int, shape: tuple[int, ...], **params: Any
    ) -> Any:
        images, wide = (size * shape[0], *shape[1:]), (*shape[:3], size * shape[3])
        if batched == (True, False):
            return _as_examples(conv2d_image(_as_images(c), k, shape=images, **params), size)
        if batched == (False, True):
            pixels = conv2d_image(c, _as_channels(k, 2), shape=wide, **params)
            return _from_channels(pixels, 3, size)
        cells = matmul(_rows(c, 3), mT(_rows(k, 3)))
        cells = reshape(cells, shape=(size * shape[0], *c.shape[2:4], *k.shape[1:4]))
        return _as_examples(fold(cells, shape=images, **params), size)

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        # a product and an addition for each cotangent and each weight of its filter
        return 2 * avals[0].size * prod(avals[1].shape[:3])


@primitive
class conv2d_filter(Linear):
    """The transpose of convolution in the filter: images correlated with cotangents."""

    linear_in, joint = (0, 1), False

    def dtypes(self, avals: Sequence[Aval]) -> Any:
        return common_dtypes(avals)

    def value(self, x: Any, c: Any, window: Pair, stride: Pair, padding: Padding) -> Any:
        c = np.asarray(c)
        cells = _lay_out(x, window, stride, padding)
        rows = cells.reshape(-1, window[0] * window[1] * cells.shape[5])
        return (rows.T @ c.reshape(-1, c.shape[3])).reshape(*window, cells.shape[5], c.shape[3])

    def shape(self, x: Aval, c: Aval, window: Pair, stride: Pair, padding: Padding) -> Any:
        check_image("conv2d_filter", x)
        if c.ndim != 4:
            raise ShapeError(
                f"conv2d_filter: the cotangent is {c}, not (batch, rows, columns, channels)",
                hint="it has the shape of the convolution's result.",
            )
        _check_windows("conv2d_filter", c, x, (*window, x.shape[3]), stride, padding)
        return (*window, x.shape[3], c.shape[3])

    def transpose(
        self, ct: Any, x: Any, c: Any, window: Pair, stride: Pair, padding: Padding
    ) -> Any:
        params = {"stride": stride, "padding": padding}
        return (
            lambda: conv2d_image(c, ct, shape=x.shape, **params),
            lambda: conv2d(x, ct, **params),
        )

    def batch(self, batched: Any, x: Any, c: Any, size: int, window: Pair, **params: Any) -> Any:
        if batched == (True, False):
            filters = conv2d_filter(_as_channels(x, 3), c, window=window, **params)
            return _from_channels(filters, 2, size)
        if batched == (False, True):
            filters = conv2d_filter(x, _as_channels(c, 3), window=window, **params)
            return _from_channels(filters, 3, size)
        cells = _as_examples(windows(_as_images(x), window=window, **params), size)
        filters = matmul(mT(_rows(cells, 3)), _rows(c, 3))
        return reshape(filters, shape=(size, *window, x.shape[4], c.shape[4]))

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return out.size * max(2 * prod(avals[1].shape[:3]) - 1, 0)
