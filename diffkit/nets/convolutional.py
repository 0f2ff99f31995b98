"""Convolution as a function of arrays, plain or traced: plain, with holes, in groups, turned round.

    plain        y[i, j, o] = Σ x[i·s + a, j·s + b, c] · k[a, b, c, o]
    with holes   y[i, j, o] = Σ x[i·s + a·d, j·s + b·d, c] · k[a, b, c, o]
    in groups    every group of output channels sees one group of input channels only
    transposed   x[i·s + a, j·s + b, o] += y[i, j, c] · k[a, b, c, o],  from few pixels to many

A dilated filter sees farther with as many weights: the pixels are dealt out into d × d smaller
images, on which the filter has no holes, so that no operation is spent on zeros.  Groups are
convolutions side by side.  A transposed convolution is what carries cotangents back through a
convolution of the same stride, used forwards.

Images are ``(batch, height, width, channels)``.  Padding is ``"valid"`` (none), ``"same"`` (as many
windows as pixels, divided by the stride), a number, or the pairs ((top, bottom), (left, right));
padded pixels are 0.  Pooling and softmax (``pooling.py``, ``probabilities.py``) can be had from
here too.  Reading on: Dumoulin & Visin 2016, *A guide to convolution arithmetic for deep
learning*; Yu & Koltun 2016, *Multi-scale context aggregation by dilated convolutions*.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.errors import InputError, ShapeError
from diffkit.graph.avals import Aval
from diffkit.nets.lines import users_line
from diffkit.nets.pooling import avg_pool2d, max_pool2d
from diffkit.nets.probabilities import log_softmax, softmax
from diffkit.nets.sliding import (
    NONE,
    Padding,
    Pair,
    as_array,
    described,
    image_size,
    pair_of,
    pairs_of_padding,
    reach,
)
from diffkit.primitives import convolution

__all__ = [
    "avg_pool2d",
    "conv2d",
    "conv_transpose2d",
    "log_softmax",
    "max_pool2d",
    "out_pixels",
    "pair_of",
    "pairs_of_padding",
    "softmax",
    "transposed_padding",
]


def conv2d(
    x: Any, k: Any, stride: Any = 1, padding: Any = "valid", dilation: Any = 1, groups: int = 1
) -> Any:
    """Convolution of images with filters (cross-correlation: the filter is not flipped).

    Parameters
    ----------
    x, k
        Images (batch, height, width, channels in) and filters (height, width, channels in / groups,
        channels out), plain or traced.
    stride, padding
        See the module's essay; the padding is as for a filter without holes that
        reaches as far.
    dilation, groups
        From one pixel of the filter to the next; the parts into which the channels are divided.

    Raises
    ------
    ShapeError
        When images and filters do not fit.
    InputError
        For a stride, padding, dilation or number of groups that is none.

    Source: LeCun, Bottou, Bengio & Haffner 1998; dilation: Yu & Koltun 2016; groups: Krizhevsky,
    Sutskever & Hinton 2012.

    >>> difference = np.array([1.0, -1.0]).reshape(1, 2, 1, 1)
    >>> image = np.array([1.0, 2.0, 4.0, 8.0]).reshape(1, 1, 4, 1)
    >>> conv2d(image, difference, dilation=2).reshape(-1).tolist()
    [-3.0, -6.0]
    """
    x, k = as_array(x), as_array(k)
    with users_line():
        size, steps = image_size("conv2d", x), pair_of("stride", stride)
        holes = pair_of("dilation", dilation)
        _check_filter(described(x), described(k), groups)
        window = reach((k.shape[0], k.shape[1]), holes)
        pads = pairs_of_padding(padding, size, window, steps)
        for pixels, n, step, pad in zip(size, window, steps, pads, strict=True):
            convolution.out_size("conv2d", pixels, n, step, pad)
        if holes != (1, 1):
            return _with_holes(_padded(x, pads), k, steps, holes, groups)
        return _plain(x, k, steps, pads, groups)


def _check_filter(x: Aval, k: Aval, groups: Any) -> None:
    """Refuse groups that are none, and filters for other channels than the image's."""
    if isinstance(groups, bool) or not isinstance(groups, (int, np.integer)) or groups < 1:
        raise InputError(
            f"conv2d: groups is {groups!r}, not a positive whole number",
            hint="1 is the plain convolution; as many groups as channels is depthwise.",
        )
    if k.ndim != 4 or k.shape[2] * groups != x.shape[3] or k.shape[3] % groups:
        parts, share = (f" in {groups} groups", f" / {groups}") if groups > 1 else ("", "")
        raise ShapeError(
            f"conv2d: the filter {k} does not fit the image {x}{parts}",
            hint=f"a filter is (height, width, channels in{share}, channels out); the image has "
            f"{x.shape[3]} channels, and groups divide both numbers of channels.",
        )


def _plain(x: Any, k: Any, stride: Pair, padding: Padding, groups: int) -> Any:
    if groups == 1:
        return convolution.conv2d(x, k, stride=stride, padding=padding)
    inputs, outputs = k.shape[2], k.shape[3] // groups
    parts = [
        convolution.conv2d(
            x[..., i * inputs : (i + 1) * inputs],
            k[..., i * outputs : (i + 1) * outputs],
            stride=stride,
            padding=padding,
        )
        for i in range(groups)
    ]
    return np.concatenate(parts, axis=3)


def _padded(x: Any, pads: Padding) -> Any:
    return x if pads == NONE else np.pad(x, ((0, 0), *pads, (0, 0)))


def _with_holes(x: Any, k: Any, stride: Pair, dilation: Pair, groups: int) -> Any:
    """Deal the pixels out into d × d images, convolve those, and put the results together."""
    (down, right), (batch, height, width, channels) = dilation, x.shape
    x = _padded(x, ((0, -height % down), (0, -width % right)))
    rows, columns = x.shape[1] // down, x.shape[2] // right
    x = np.transpose(np.reshape(x, (batch, rows, down, columns, right, channels)),
                     (0, 2, 4, 1, 3, 5))  # fmt: skip
    small = np.reshape(x, (batch * down * right, rows, columns, channels))
    y = _plain(small, k, (1, 1), NONE, groups)
    _, rows, columns, channels = y.shape
    y = np.transpose(np.reshape(y, (batch, down, right, rows, columns, channels)),
                     (0, 3, 1, 4, 2, 5))  # fmt: skip
    y = np.reshape(y, (batch, rows * down, columns * right, channels))
    far = reach((k.shape[0], k.shape[1]), dilation)
    return y[:, : height - far[0] + 1 : stride[0], : width - far[1] + 1 : stride[1]]


# Transposed ---------------------------------------------------------------------------------------


def conv_transpose2d(
    x: Any, k: Any, stride: Any = 1, padding: Any = "valid", extra: Any = 0
) -> Any:
    """Every pixel adds a multiple of the filter to a larger image, ``stride`` pixels apart.

    Parameters
    ----------
    x, k
        Images (batch, height, width, channels in) and filters (height, width, channels in,
        channels out), plain or traced.
    stride, padding, extra
        The step between the filters; what is cut off around (``"same"`` gives stride times as
        many pixels); rows and columns of zeros added at the bottom and right, fewer than the step.

    Raises
    ------
    ShapeError
        When images and filters do not fit.
    InputError
        For a stride or padding that is none, and for as many extra pixels as the step.

    Source: Zeiler, Krishnan, Taylor & Fergus 2010, *Deconvolutional networks*; Dumoulin & Visin
    2016, chapter 4.

    >>> image = np.array([1.0, 2.0]).reshape(1, 1, 2, 1)
    >>> conv_transpose2d(image, np.ones((1, 2, 1, 1)), stride=2).reshape(-1).tolist()
    [1.0, 1.0, 2.0, 2.0]
    """
    x, k = as_array(x), as_array(k)
    with users_line():
        size, steps = image_size("conv_transpose2d", x), pair_of("stride", stride)
        if len(k.shape) != 4 or k.shape[2] != x.shape[3]:
            raise ShapeError(
                f"conv_transpose2d: the filter {list(k.shape)} does not fit the image "
                f"{list(x.shape)}",
                hint="a filter is (height, width, channels in, channels out); its third size "
                f"must be the image's {x.shape[3]} channels.",
            )
        window = (k.shape[0], k.shape[1])
        out = out_pixels(size, window, steps, padding, extra)
        pads = transposed_padding(size, window, steps, padding)
        return convolution.conv2d_image(
            x, np.swapaxes(k, 2, 3), shape=(x.shape[0], *out, k.shape[3]),
            stride=steps, padding=pads,
        )  # fmt: skip


def transposed_padding(size: Pair, window: Pair, stride: Pair, padding: Any) -> Padding:
    """What is cut off: the padding of the convolution that leads from the large image here.

    >>> transposed_padding((4, 4), (3, 3), (2, 2), "same")
    ((0, 1), (0, 1))
    """
    large = (size[0] * stride[0], size[1] * stride[1])
    return pairs_of_padding(padding, large, window, stride)


def out_pixels(size: Pair, window: Pair, stride: Pair, padding: Any, extra: Any = 0) -> Pair:
    """Height and width after a transposed convolution, (n − 1)·s + w − p + extra.

    Raises
    ------
    InputError
        For a padding that is none, and for as many extra pixels as the stride.
    ShapeError
        When nothing is left.

    >>> out_pixels((4, 4), (3, 3), (2, 2), "valid")
    (9, 9)
    """
    more = (extra, extra) if isinstance(extra, (int, np.integer)) else tuple(extra)
    if len(more) != 2 or any(not 0 <= n < step for n, step in zip(more, stride, strict=True)):
        raise InputError(
            f"the extra pixels are {extra!r} with a stride of {stride[0]} × {stride[1]}",
            hint="extra is a number, or (rows, columns), from 0 to below the stride.",
        )
    if padding == "same":
        return size[0] * stride[0], size[1] * stride[1]
    pads = pairs_of_padding(padding, size, window, stride)
    parts = zip(size, window, stride, pads, more, strict=True)
    rows, columns = ((n - 1) * step + w - sum(pad) + add for n, w, step, pad, add in parts)
    if min(rows, columns) < 1:
        raise ShapeError(
            f"conv_transpose2d: the padding {padding} leaves nothing of the image",
            hint="use less padding.",
        )
    return rows, columns
