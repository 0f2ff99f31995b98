"""Convolution, pooling and softmax as functions, on plain arrays and on traced ones.

Images are ``(batch, height, width, channels)``.  A convolution slides a filter over them; pooling
takes the largest or the mean pixel of every window,

    conv   y[i, j, o] = Σ x[i·s + a, j·s + b, c] · k[a, b, c, o]
    pool   y[i, j, c] = max (or mean) over the window of x[i·s + a, j·s + b, c].

Padding is ``"valid"`` (none), ``"same"`` (as many windows as pixels, divided by the stride), a
number, or the pairs ((top, bottom), (left, right)).  Padded pixels are 0 for a convolution; in
pooling they take no part.  Reading on: Dumoulin & Visin 2016, *A guide to convolution
arithmetic for deep learning*; Boureau, Ponce & LeCun 2010 on pooling.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.capture.tracing import Tracer
from diffkit.errors import InputError, ShapeError
from diffkit.graph.avals import Aval, aval_of
from diffkit.nets.lines import users_line
from diffkit.primitives import convolution, reductions

__all__ = [
    "avg_pool2d",
    "conv2d",
    "log_softmax",
    "max_pool2d",
    "pair_of",
    "pairs_of_padding",
    "softmax",
]

Pair = tuple[int, int]
Padding = tuple[Pair, Pair]
NONE: Padding = ((0, 0), (0, 0))


def _as_array(x: Any) -> Any:
    return x if isinstance(x, (Tracer, np.ndarray)) else np.asarray(x)


def _aval(x: Any) -> Aval:
    return x.aval if isinstance(x, Tracer) else aval_of(x)


def pair_of(what: str, value: Any) -> Pair:
    """A window or stride as (rows, columns): a positive whole number stands for both.

    Raises
    ------
    InputError
        For anything else.

    >>> pair_of("stride", 2)
    (2, 2)
    """
    pair = tuple(value) if isinstance(value, (tuple, list)) else (value, value)
    whole = all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) for n in pair)
    if len(pair) != 2 or not whole or min(pair) < 1:
        raise InputError(
            f"the {what} is {value!r}, not one or two positive whole numbers",
            hint=f"write {what}=2 or {what}=(2, 2).",
        )
    return int(pair[0]), int(pair[1])


def pairs_of_padding(padding: Any, size: Pair, window: Pair, stride: Pair) -> Padding:
    """Padding as ((top, bottom), (left, right)) for images of this size.

    ``"same"`` gives ⌈size / stride⌉ windows, with the odd pixel at the bottom and right.

    Raises
    ------
    InputError
        For padding that is none of the forms in this module's essay.

    >>> pairs_of_padding("same", (8, 8), (3, 3), (1, 1))
    ((1, 1), (1, 1))
    """
    if padding == "valid":
        return NONE
    if padding == "same":
        rows, columns = (_same(*of) for of in zip(size, window, stride, strict=True))
        return rows, columns
    pairs = (padding, padding) if isinstance(padding, (int, np.integer)) else padding
    if isinstance(pairs, (tuple, list)) and len(pairs) == 2:
        whole = [(n, n) if isinstance(n, (int, np.integer)) else n for n in pairs]
        if all(isinstance(n, (tuple, list)) and len(n) == 2 for n in whole):
            flat = [n for pair in whole for n in pair]
            if all(isinstance(n, (int, np.integer)) and n >= 0 for n in flat):
                top, bottom, left, right = map(int, flat)
                return (top, bottom), (left, right)
    raise InputError(
        f"the padding is {padding!r}",
        hint='use "valid", "same", a number, or ((top, bottom), (left, right)).',
    )


def _same(size: int, window: int, stride: int) -> Pair:
    count = -(-size // stride)
    total = max((count - 1) * stride + window - size, 0)
    return total // 2, total - total // 2


def _image_size(name: str, x: Any) -> Pair:
    """Height and width.

    Raises
    ------
    ShapeError
        When x is no batch of images.
    """
    convolution.check_image(name, _aval(x))
    return x.shape[1], x.shape[2]


# Convolution ------------------------------------------------------------------------------------


def conv2d(x: Any, k: Any, stride: Any = 1, padding: Any = "valid") -> Any:
    """Convolution of images with filters (cross-correlation: the filter is not flipped).

    Parameters
    ----------
    x, k
        Images (batch, height, width, channels in) and filters (height, width, channels in,
        channels out), plain or traced.
    stride, padding
        See the module's essay.

    Raises
    ------
    ShapeError
        When images and filters do not fit.
    InputError
        For a stride or padding that is none.

    Source: LeCun, Bottou, Bengio & Haffner 1998, *Gradient-based learning applied to document
    recognition*.

    >>> edge = np.array([1.0, -1.0]).reshape(1, 2, 1, 1)
    >>> image = np.array([[0.0, 0.0, 5.0, 5.0]]).reshape(1, 1, 4, 1)
    >>> conv2d(image, edge).reshape(-1).tolist()
    [0.0, -5.0, 0.0]
    """
    x, k = _as_array(x), _as_array(k)
    with users_line():
        size, steps = _image_size("conv2d", x), pair_of("stride", stride)
        window = (k.shape[0], k.shape[1]) if len(k.shape) == 4 else (1, 1)
        pads = pairs_of_padding(padding, size, window, steps)
        convolution.conv2d.shape(_aval(x), _aval(k), stride=steps, padding=pads)
        return convolution.conv2d(x, k, stride=steps, padding=pads)


# Pooling ----------------------------------------------------------------------------------------


def max_pool2d(x: Any, window: Any = 2, stride: Any = None, padding: Any = "valid") -> Any:
    """The largest pixel of every window; equal ones share the derivative evenly.

    Parameters
    ----------
    x
        Images (batch, height, width, channels), plain or traced.
    window, stride, padding
        See the module's essay; the stride is the window unless given.

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
            x = np.pad(_as_float(x), ((0, 0), *pads, (0, 0)), constant_values=-np.inf)
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
    x = _as_array(x)
    size, sizes = _image_size(name, x), pair_of("window", window)
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


# Softmax ----------------------------------------------------------------------------------------


def _last(x: Any, axis: int) -> int:
    ndim = len(x.shape)
    whole = isinstance(axis, (int, np.integer)) and not isinstance(axis, bool)
    if not whole or not -ndim <= axis < ndim:
        raise ShapeError(
            f"softmax: axis {axis!r} does not exist in {_aval(x)}",
            hint="the classes are on the last axis unless told otherwise.",
        )
    return axis % ndim


def softmax(x: Any, axis: int = -1) -> Any:
    """Probabilities eˣ / Σ eˣ along an axis, without overflow; floats of the shape of ``x``.

    Raises ShapeError for an axis that is not there.  Source: Bridle 1990, *Probabilistic
    interpretation of feedforward classification network outputs*.

    >>> softmax(np.array([1e4, 1e4])).tolist()
    [0.5, 0.5]
    """
    x = _as_array(x)
    return reductions.softmax(_as_float(x), axes=(_last(x, axis),))


def log_softmax(x: Any, axis: int = -1) -> Any:
    """The logarithm of softmax along an axis, x − log Σ eˣ, which never is log 0.

    Raises ShapeError for an axis that is not there.  Source: Blanchard, Higham & Higham 2021.

    >>> log_softmax(np.array([0.0, 800.0])).tolist()
    [-800.0, 0.0]
    """
    with users_line():
        x = _as_float(_as_array(x))
        axis = _last(x, axis)
        total = reductions.logsumexp(x, axes=(axis,))
        kept = tuple(1 if i == axis else n for i, n in enumerate(x.shape))
        return x - np.reshape(total, kept)


def _as_float(x: Any) -> Any:
    return x if x.dtype.kind == "f" else x.astype(np.float64)
