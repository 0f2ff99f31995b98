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

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from diffkit.errors import ShapeError
from diffkit.graph.avals import Aval
from diffkit.graph.primitive import Linear, primitive
from diffkit.primitives.shaping import common_dtypes

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


def _image(name: str, x: Aval) -> None:
    if x.ndim != 4:
        raise ShapeError(
            f"{name}: the image is {x}, not (batch, height, width, channels)",
            hint="add the missing axes with np.reshape; one grey image is (1, h, w, 1).",
        )


def _grid(name: str, x: Aval, window: Pair, stride: Pair, padding: Padding) -> Pair:
    rows = out_size(name, x.shape[1], window[0], stride[0], padding[0])
    return rows, out_size(name, x.shape[2], window[1], stride[1], padding[1])


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


def _fold(
    cells: np.ndarray, shape: Sequence[int], stride: Pair, padding: Padding
) -> np.ndarray:
    """Add windows back into an image, the transpose of laying them out."""
    batch, height, width, channels = shape
    (top, bottom), (left, right) = padding
    rows, columns, high, wide = cells.shape[1:5]
    y = np.zeros((batch, height + top + bottom, width + left + right, channels), cells.dtype)
    for a in range(high):
        for b in range(wide):
            last_row, last_column = a + stride[0] * rows, b + stride[1] * columns
            y[:, a : last_row : stride[0], b : last_column : stride[1]] += cells[:, :, :, a, b]
    return y[:, top : top + height, left : left + width]


@primitive
class windows(Linear):
    """All windows of an image, ``(batch, rows, columns, height, width, channels)``."""

    linear_in, joint = (0,), True

    def value(self, x: Any, window: Pair, stride: Pair, padding: Padding) -> Any:
        return np.ascontiguousarray(_lay_out(x, window, stride, padding))

    def shape(self, x: Aval, window: Pair, stride: Pair, padding: Padding) -> Any:
        _image("windows", x)
        rows, columns = _grid("windows", x, window, stride, padding)
        return (x.shape[0], rows, columns, *window, x.shape[3])

    def transpose(self, ct: Any, x: Any, window: Pair, stride: Pair, padding: Padding) -> Any:
        return (lambda: fold(ct, shape=x.shape, stride=stride, padding=padding),)


@primitive
class fold(Linear):
    """Windows added back into an image of the given shape: the transpose of ``windows``."""

    linear_in, joint = (0,), True

    def value(self, c: Any, shape: tuple[int, ...], stride: Pair, padding: Padding) -> Any:
        return _fold(np.asarray(c), shape, stride, padding)

    def shape(self, c: Aval, shape: tuple[int, ...], stride: Pair, padding: Padding) -> Any:
        return shape

    def transpose(
        self, ct: Any, c: Any, shape: tuple[int, ...], stride: Pair, padding: Padding
    ) -> Any:
        window = (c.shape[3], c.shape[4])
        return (lambda: windows(ct, window=window, stride=stride, padding=padding),)

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return avals[0].size


def _products(out: Aval, avals: Sequence[Aval], filter_shape: Sequence[int], image: Aval) -> int:
    """Two operations per product: each output pixel meets every weight of its filter once."""
    return 2 * image.shape[0] * image.shape[1] * image.shape[2] * prod(filter_shape)


@primitive
class conv2d(Linear):
    """Convolution of images with filters (cross-correlation), with stride and zero padding."""

    linear_in, joint = (0, 1), False

    def dtypes(self, avals: Sequence[Aval]) -> Any:
        return common_dtypes(avals)

    def value(self, x: Any, k: Any, stride: Pair, padding: Padding) -> Any:
        k = np.asarray(k)
        cells = _lay_out(x, k.shape[:2], stride, padding)
        rows = cells.reshape(-1, prod(k.shape[:3]))
        return (rows @ k.reshape(rows.shape[1], -1)).reshape(*cells.shape[:3], k.shape[3])

    def shape(self, x: Aval, k: Aval, stride: Pair, padding: Padding) -> Any:
        _image("conv2d", x)
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

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return _products(out, avals, avals[1].shape, out)


@primitive
class conv2d_image(Linear):
    """The transpose of convolution in the image: a map of cotangents back to the pixels."""

    linear_in, joint = (0, 1), False

    def dtypes(self, avals: Sequence[Aval]) -> Any:
        return common_dtypes(avals)

    def value(
        self, c: Any, k: Any, shape: tuple[int, ...], stride: Pair, padding: Padding
    ) -> Any:
        c, k = np.asarray(c), np.asarray(k)
        cells = c.reshape(-1, c.shape[3]) @ k.reshape(-1, k.shape[3]).T
        return _fold(cells.reshape(*c.shape[:3], *k.shape[:3]), shape, stride, padding)

    def shape(
        self, c: Aval, k: Aval, shape: tuple[int, ...], stride: Pair, padding: Padding
    ) -> Any:
        return shape

    def transpose(
        self, ct: Any, c: Any, k: Any, shape: tuple[int, ...], stride: Pair, padding: Padding
    ) -> Any:
        params = {"stride": stride, "padding": padding}
        return (
            lambda: conv2d(ct, k, **params),
            lambda: conv2d_filter(ct, c, window=k.shape[:2], **params),
        )

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return _products(out, avals, avals[1].shape, avals[0])


@primitive
class conv2d_filter(Linear):
    """The transpose of convolution in the filter: images correlated with cotangents."""

    linear_in, joint = (0, 1), False

    def dtypes(self, avals: Sequence[Aval]) -> Any:
        return common_dtypes(avals)

    def value(self, x: Any, c: Any, window: Pair, stride: Pair, padding: Padding) -> Any:
        c = np.asarray(c)
        cells = _lay_out(x, window, stride, padding)
        # a larger image than the cotangents cover: the last rows and columns take no part
        cells = cells[:, : c.shape[1], : c.shape[2]]
        rows = cells.reshape(-1, window[0] * window[1] * cells.shape[5])
        return (rows.T @ c.reshape(-1, c.shape[3])).reshape(*window, cells.shape[5], c.shape[3])

    def shape(self, x: Aval, c: Aval, window: Pair, stride: Pair, padding: Padding) -> Any:
        return (*window, x.shape[3], c.shape[3])

    def transpose(
        self, ct: Any, x: Any, c: Any, window: Pair, stride: Pair, padding: Padding
    ) -> Any:
        params = {"stride": stride, "padding": padding}
        return (
            lambda: conv2d_image(c, ct, shape=x.shape, **params),
            lambda: conv2d(x, ct, **params),
        )

    def flops(self, out: Aval, avals: Sequence[Aval], **params: Any) -> int:
        return _products(out, avals, out.shape, avals[1])
