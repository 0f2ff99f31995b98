"""Layers over images: convolution, its transpose, and pooling.

    conv   h = φ(conv(x, k) + b)        pool   h = the largest, or the mean, of every window

A convolution looks for the same small pattern everywhere, with few parameters; pooling keeps
what was found and forgets exactly where; a transposed convolution draws, from few pixels to many.
Reading on: LeCun et al. 1998, *Gradient-based learning applied to document recognition*;
Goodfellow, Bengio & Courville 2016, chapter 9.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

import numpy as np

from diffkit.errors import InputError, ShapeError
from diffkit.nets import convolutional
from diffkit.nets.activations import Function
from diffkit.nets.initializers import Initializer
from diffkit.nets.layers import Affine, Layer, Params, Shape, check_count, with_activation
from diffkit.nets.sliding import reach
from diffkit.primitives.convolution import out_size

__all__ = [
    "AvgPool",
    "Conv2d",
    "ConvTranspose2d",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "MaxPool",
    "avg_pool",
    "conv2d",
    "conv_transpose2d",
    "global_avg_pool",
    "global_max_pool",
    "max_pool",
]


class _OnImages(Layer):
    """What convolution and pooling share: windows sliding over images."""

    window: Any
    stride: Any
    padding: Any

    @property
    def steps(self) -> Any:
        """The stride, for which pooling has its window."""
        return self.window if self.stride is None else self.stride

    @property
    def reaches(self) -> tuple[int, int]:
        """The rows and columns from a window's first pixel to its last."""
        return convolutional.pair_of("window", self.window)

    def check_settings(self) -> None:
        """Refuse a window, stride or padding that is none."""
        window, stride = self.reaches, convolutional.pair_of("stride", self.steps)
        convolutional.pairs_of_padding(self.padding, window, window, stride)

    def grid(self, in_shape: Shape) -> Shape:
        """How many windows there are, by rows and columns."""
        window, stride = self.reaches, convolutional.pair_of("stride", self.steps)
        size = (in_shape[0], in_shape[1])
        pads = convolutional.pairs_of_padding(self.padding, size, window, stride)
        parts = zip(size, window, stride, pads, strict=True)
        return tuple(out_size(self.kind, *part) for part in parts)

    def expects(self, in_shape: Shape) -> str | None:
        """Three axes, of at least one window."""
        if len(in_shape) != 3:
            return "images [batch, height, width, channels]"
        try:
            self.grid(in_shape)
        except ShapeError:
            window = self.reaches
            pads = convolutional.pairs_of_padding(self.padding, window, window, window)
            rows, columns = (n - sum(pad) for n, pad in zip(window, pads, strict=True))
            return f"images of at least {rows} × {columns} pixels"
        return None

    def remedy(self, in_shape: Shape) -> str:
        """Reshape rows, or pad small images."""
        if len(in_shape) == 3:
            return 'use a smaller window, or padding="same".'
        return "images come before flatten() and dense layers; reshape rows of pixels."


@dataclass(frozen=True)
class Conv2d(_OnImages, Affine):
    """A convolution layer, h = φ(conv(x, k) + b), over (batch, height, width, channels).

    Parameters
    ----------
    channels, window, stride, padding
        How many filters, their size, and how they slide (``"same"`` keeps the size).
    activation, inputs, initializer, bias, name
        As for ``dense``; ``inputs`` are the channels that come.
    dilation, groups
        From one pixel of a filter to the next; the parts into which the channels are divided, as
        many as channels for a depthwise convolution.

    Raises
    ------
    InputError
        For sizes that are no positive whole numbers, unknown activations or initializers.

    Source: LeCun et al. 1998, *Gradient-based learning applied to document recognition*; Yu &
    Koltun 2016 (dilation); Krizhevsky, Sutskever & Hinton 2012 (groups).

    >>> layer = conv2d(4, window=3, activation="relu")
    >>> params, shape = layer.init(np.random.default_rng(0), (8, 8, 1))
    >>> params["w"].shape, shape
    ((3, 3, 1, 4), (8, 8, 4))
    """

    kind: ClassVar[str] = "conv"
    channels: int
    window: Any = 3
    stride: Any = 1
    padding: Any = "same"
    activation: str | Function = "identity"
    inputs: int | None = None
    initializer: str | Initializer | None = None
    bias: bool = True
    name: str | None = None
    dilation: Any = 1
    groups: int = 1

    def __post_init__(self) -> None:
        self.check_settings()
        self.check_options("conv2d", "channels")
        check_count("conv2d: groups", self.groups)
        if self.channels % self.groups:
            raise InputError(
                f"conv2d: {self.channels} channels cannot be divided into {self.groups} groups",
                hint="the number of groups divides the number of channels.",
            )

    @property
    def reaches(self) -> tuple[int, int]:
        """The rows and columns from a filter's first pixel to its last."""
        window = convolutional.pair_of("window", self.window)
        return reach(window, convolutional.pair_of("dilation", self.dilation))

    @property
    def outputs(self) -> int:
        """The channels."""
        return self.channels

    def expects(self, in_shape: Shape) -> str | None:
        """Images, of ``inputs`` channels if given."""
        if len(in_shape) == 3 and self.inputs not in (None, in_shape[2]):
            return f"{self.inputs} channels"
        if len(in_shape) == 3 and in_shape[2] % self.groups:
            return f"channels in {self.groups} groups of one size"
        return super().expects(in_shape)

    def out_shape(self, in_shape: Shape) -> Shape:
        """(rows, columns, channels)."""
        return (*self.grid(in_shape), self.channels)

    def weight_shape(self, in_shape: Shape) -> Shape:
        """(height, width, channels in / groups, channels)."""
        window = convolutional.pair_of("window", self.window)
        return (*window, in_shape[2] // self.groups, self.channels)

    def product(self, x: Any, weights: Any) -> Any:
        """The convolution."""
        return convolutional.conv2d(
            x, weights, self.stride, self.padding, self.dilation, self.groups
        )

    def describe(self) -> str:
        """Filters and activation."""
        rows, columns = convolutional.pair_of("window", self.window)
        holes = convolutional.pair_of("dilation", self.dilation)
        words = f"{self.channels} of {rows}×{columns}"
        if holes != (1, 1):
            words += f" every {holes[0] if holes[0] == holes[1] else f'{holes[0]}×{holes[1]}'}"
        if self.groups > 1:
            words += f" in {self.groups} groups"
        return with_activation(words, self.activation)


@dataclass(frozen=True)
class ConvTranspose2d(Affine):
    """A transposed convolution, h = φ(convᵀ(x, k) + b): ``stride`` times as many rows and columns.

    Parameters
    ----------
    channels, window, stride, padding, extra
        How many filters, their size, the pixels from one to the next, what is cut off around
        (nothing is left over by ``"same"``: the size grows exactly stride times), and rows and
        columns added at the bottom and right.
    activation, inputs, initializer, bias, name
        As for ``conv2d``; the weights are (height, width, channels in, channels) too.

    Raises
    ------
    InputError
        For sizes that are no positive whole numbers, unknown activations or initializers.

    Source: Zeiler, Krishnan, Taylor & Fergus 2010, *Deconvolutional networks*.

    >>> conv_transpose2d(4).out_shape((8, 8, 16))
    (16, 16, 4)
    """

    kind: ClassVar[str] = "up"
    channels: int
    window: Any = 2
    stride: Any = 2
    padding: Any = "same"
    extra: Any = 0
    activation: str | Function = "identity"
    inputs: int | None = None
    initializer: str | Initializer | None = None
    bias: bool = True
    name: str | None = None

    def __post_init__(self) -> None:
        self.check_options("conv_transpose2d", "channels")
        self.pixels((1 << 20, 1 << 20))  # of an image so large that any padding fits

    def pixels(self, size: tuple[int, int]) -> tuple[int, int]:
        """Height and width of the output."""
        window = convolutional.pair_of("window", self.window)
        stride = convolutional.pair_of("stride", self.stride)
        return convolutional.out_pixels(size, window, stride, self.padding, self.extra)

    @property
    def outputs(self) -> int:
        """The channels."""
        return self.channels

    def expects(self, in_shape: Shape) -> str | None:
        """Images, of ``inputs`` channels if given, of which the padding leaves something."""
        if len(in_shape) != 3:
            return "images [batch, height, width, channels]"
        if self.inputs not in (None, in_shape[2]):
            return f"{self.inputs} channels"
        try:
            self.pixels((in_shape[0], in_shape[1]))
        except ShapeError:
            return f"images of which the padding {self.padding} leaves something"
        return None

    def out_shape(self, in_shape: Shape) -> Shape:
        """(rows, columns, channels)."""
        return (*self.pixels((in_shape[0], in_shape[1])), self.channels)

    def weight_shape(self, in_shape: Shape) -> Shape:
        """(height, width, channels in, channels)."""
        return (*convolutional.pair_of("window", self.window), in_shape[2], self.channels)

    def product(self, x: Any, weights: Any) -> Any:
        """The transposed convolution."""
        return convolutional.conv_transpose2d(x, weights, self.stride, self.padding, self.extra)

    def describe(self) -> str:
        """Filters and activation."""
        rows, columns = convolutional.pair_of("window", self.window)
        return with_activation(f"{self.channels} of {rows}×{columns}", self.activation)


@dataclass(frozen=True)
class _Pool(_OnImages):
    kind: ClassVar[str] = "pool"
    window: Any = 2
    stride: Any = None
    padding: Any = "valid"
    name: str | None = None

    def __post_init__(self) -> None:
        self.check_settings()

    def out_shape(self, in_shape: Shape) -> Shape:
        """(rows, columns, channels)."""
        return (*self.grid(in_shape), in_shape[2])

    def describe(self) -> str:
        """The window."""
        rows, columns = convolutional.pair_of("window", self.window)
        return f"{'max' if isinstance(self, MaxPool) else 'mean'} {rows}×{columns}"


@dataclass(frozen=True)
class MaxPool(_Pool):
    """The largest pixel of every window of images; the stride is the window unless given.

    Raises InputError for a window, stride or padding that is none.

    >>> max_pool(2).out_shape((8, 8, 3))
    (4, 4, 3)
    """

    def __call__(self, params: Params, x: Any) -> Any:
        return convolutional.max_pool2d(x, self.window, self.stride, self.padding)


@dataclass(frozen=True)
class AvgPool(_Pool):
    """The mean pixel of every window of images; the stride is the window unless given.

    Raises InputError for a window, stride or padding that is none.

    >>> avg_pool(2)({}, np.ones((1, 2, 2, 1))).shape
    (1, 1, 1, 1)
    """

    def __call__(self, params: Params, x: Any) -> Any:
        return convolutional.avg_pool2d(x, self.window, self.stride, self.padding)


@dataclass(frozen=True)
class _GlobalPool(Layer):
    kind: ClassVar[str] = "pool"
    name: str | None = None

    def expects(self, in_shape: Shape) -> str | None:
        """Places (pixels, or times) of channels."""
        return None if len(in_shape) > 1 else "images, or sequences [batch, time, features]"

    def remedy(self, in_shape: Shape) -> str:
        """Leave it out."""
        return "it takes what is at many places together; features alone have none."

    def out_shape(self, in_shape: Shape) -> Shape:
        """(channels,)."""
        return in_shape[-1:]

    def rows(self, x: Any) -> Any:
        """One axis of places: (batch, places, channels)."""
        return np.reshape(x, (x.shape[0], prod(x.shape[1:-1]), x.shape[-1]))


@dataclass(frozen=True)
class GlobalAvgPool(_GlobalPool):
    """The mean of every channel over all pixels of an image, or all times of a sequence.

    Source: Lin, Chen & Yan 2014, *Network in network*, section 3.2.

    >>> global_avg_pool()({}, np.arange(8.0).reshape(1, 2, 2, 2)).tolist()
    [[3.0, 4.0]]
    """

    def __call__(self, params: Params, x: Any) -> Any:
        return np.mean(self.rows(x), axis=1)

    def describe(self) -> str:
        """Mean."""
        return "mean of all"


@dataclass(frozen=True)
class GlobalMaxPool(_GlobalPool):
    """The largest value of every channel over all pixels of an image, or all times of a sequence.

    Equal ones share the derivative evenly.  Source: Oquab, Bottou, Laptev & Sivic 2015, *Is object
    localization for free?*.

    >>> global_max_pool()({}, np.arange(8.0).reshape(1, 2, 2, 2)).tolist()
    [[6.0, 7.0]]
    """

    def __call__(self, params: Params, x: Any) -> Any:
        return np.max(self.rows(x), axis=1)

    def describe(self) -> str:
        """Maximum."""
        return "max of all"


conv2d, conv_transpose2d = Conv2d, ConvTranspose2d
max_pool, avg_pool = MaxPool, AvgPool
global_max_pool, global_avg_pool = GlobalMaxPool, GlobalAvgPool
