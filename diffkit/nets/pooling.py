"""Pooling: the largest or the mean pixel of every window of images.

    y[i, j, c] = max (or mean) over the window of x[i·s + a, j·s + b, c]

Padded pixels take no part.  Windows that do not overlap are found by a reshape.
Images are ``(batch, height, width, channels)``; for windows, strides and padding see
``sliding.py``.  Reading on: Boureau, Ponce & LeCun 2010, *A theoretical analysis of feature
pooling in visual recognition*.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.errors import ShapeError
from diffkit.nets.lines import users_line
from diffkit.nets.sliding import (
    NONE,
    Padding,
    Pair,
    as_array,
    as_float,
    image_size,
    pair_of,
    pairs_of_padding,
)
from diffkit.primitives import convolution

__all__ = ["avg_pool2d", "max_pool2d"]


def max_pool2d(x: Any, window: Any = 2, stride: Any = None, padding: Any = "valid") -> Any:
    """The largest pixel of every window; equal ones share the derivative evenly.

    Parameters
    ----------
    x
        Images (batch, height, width, channels), plain or traced.
    window, stride, padding
        As in ``convolutional``; the stride is the window unless given.

    Raises
    ------
    ShapeError
        When no window fits, or a window could lie in the padding alone.
    InputError
        For a window, stride or padding that is none.

    Source: Riesenhuber & Poggio 1999, *Hierarchical models of object recognition in cortex*.

    >>> max_pool2d(np.arange(16.0).reshape(1, 4, 4, 1)).reshape(2, 2).tolist()
    [[5.0, 7.0], [13.0, 15.0]]
    """
    with users_line():
        x, sizes, steps, pads = _pooling("max_pool2d", x, window, stride, padding)
        if pads != NONE:
            x = np.pad(as_float(x), ((0, 0), *pads, (0, 0)), constant_values=-np.inf)
        cells, axes = _cells(x, sizes, steps, NONE)
        return np.max(cells, axis=axes)


def avg_pool2d(x: Any, window: Any = 2, stride: Any = None, padding: Any = "valid") -> Any:
    """The mean pixel of every window, over the pixels that are there (padding does not count).

    Images, windows and the errors for those that do not fit are as for :func:`max_pool2d`: shape
    (batch, height, width, channels), the stride is the window unless given, ShapeError where no
    window fits and InputError for a window, stride or padding that is none.

    Source: LeCun et al. 1990, *Handwritten digit recognition with a back-propagation network*.

    >>> avg_pool2d(np.arange(16.0).reshape(1, 4, 4, 1)).reshape(2, 2).tolist()
    [[2.5, 4.5], [10.5, 12.5]]
    """
    with users_line():
        x, sizes, steps, pads = _pooling("avg_pool2d", x, window, stride, padding)
        cells, axes = _cells(x, sizes, steps, pads)
        if pads == NONE:
            return np.mean(cells, axis=axes)
        ones = np.ones((1, *x.shape[1:3], 1), x.dtype)
        there, _ = _cells(ones, sizes, steps, pads)
        return np.sum(cells, axis=axes) / np.sum(there, axis=axes)


def _pooling(
    name: str, x: Any, window: Any, stride: Any, padding: Any
) -> tuple[Any, Pair, Pair, Padding]:
    """The arguments of a pooling, checked and in their full form."""
    x = as_array(x)
    size, sizes = image_size(name, x), pair_of("window", window)
    steps = sizes if stride is None else pair_of("stride", stride)
    pads = pairs_of_padding(padding, size, sizes, steps)
    if any(max(pad) >= n for pad, n in zip(pads, sizes, strict=True)):
        raise ShapeError(
            f"{name}: padding {pads} is as wide as the window {sizes}, which could see no pixel",
            hint="pad by less than the window.",
        )
    for pixels, n, step, pad in zip(size, sizes, steps, pads, strict=True):
        convolution.out_size(name, pixels, n, step, pad)
    return x, sizes, steps, pads


def _cells(x: Any, window: Pair, stride: Pair, padding: Padding) -> tuple[Any, Pair]:
    """The windows of an image and the axes they lie on; those that do not overlap by a reshape."""
    if window != stride or padding != NONE:
        cells = convolution.windows(x, window=window, stride=stride, padding=padding)
        return cells, (3, 4)
    rows, columns = x.shape[1] // window[0], x.shape[2] // window[1]
    covered = (rows * window[0], columns * window[1])
    if covered != tuple(x.shape[1:3]):
        x = x[:, : covered[0], : covered[1]]
    return np.reshape(x, (x.shape[0], rows, window[0], columns, window[1], x.shape[3])), (2, 4)
