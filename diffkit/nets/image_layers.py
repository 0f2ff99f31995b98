"""Layers over images: convolution and pooling.

    conv   h = φ(conv(x, k) + b)        pool   h = the largest, or the mean, of every window

A convolution looks for the same small pattern everywhere, with few parameters; pooling keeps
what was found and forgets exactly where.  Reading on: LeCun et al. 1998, *Gradient-based learning
applied to document recognition*; Goodfellow, Bengio & Courville 2016, chapter 9.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from diffkit.errors import ShapeError
from diffkit.nets import convolutional
from diffkit.nets.activations import Function
from diffkit.nets.initializers import Initializer
from diffkit.nets.layers import Affine, Layer, Params, Shape, with_activation
from diffkit.primitives.convolution import out_size

__all__ = ["AvgPool", "Conv2d", "MaxPool", "avg_pool", "conv2d", "max_pool"]


class _OnImages(Layer):
    """What convolution and pooling share: windows sliding over images."""

    window: Any
    stride: Any
    padding: Any

    @property
    def steps(self) -> Any:
        """The stride, for which pooling has its window."""
        return self.window if self.stride is None else self.stride

    def check_settings(self) -> None:
        """Refuse a window, stride or padding that is none."""
        window = convolutional.pair_of("window", self.window)
        stride = convolutional.pair_of("stride", self.steps)
        convolutional.pairs_of_padding(self.padding, window, window, stride)

    def grid(self, in_shape: Shape) -> Shape:
        """How many windows there are, by rows and columns."""
        window = convolutional.pair_of("window", self.window)
        stride = convolutional.pair_of("stride", self.steps)
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
            window = convolutional.pair_of("window", self.window)
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

    Raises
    ------
    InputError
        For sizes that are no positive whole numbers, unknown activations or initializers.

    Source: LeCun et al. 1998, *Gradient-based learning applied to document recognition*.

    >>> import numpy as np
    >>> layer = Conv2d(4, window=3, activation="relu")
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

    def __post_init__(self) -> None:
        self.check_settings()
        self.check_options("conv2d", "channels")

    @property
    def outputs(self) -> int:
        """The channels."""
        return self.channels

    def expects(self, in_shape: Shape) -> str | None:
        """Images, of ``inputs`` channels if given."""
        if len(in_shape) == 3 and self.inputs not in (None, in_shape[2]):
            return f"{self.inputs} channels"
        return super().expects(in_shape)

    def out_shape(self, in_shape: Shape) -> Shape:
        """(rows, columns, channels)."""
        return (*self.grid(in_shape), self.channels)

    def weight_shape(self, in_shape: Shape) -> Shape:
        """(height, width, channels in, channels)."""
        return (*convolutional.pair_of("window", self.window), in_shape[2], self.channels)

    def product(self, x: Any, weights: Any) -> Any:
        """The convolution."""
        return convolutional.conv2d(x, weights, self.stride, self.padding)

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

    >>> MaxPool(2).out_shape((8, 8, 3))
    (4, 4, 3)
    """

    def __call__(self, params: Params, x: Any) -> Any:
        return convolutional.max_pool2d(x, self.window, self.stride, self.padding)


@dataclass(frozen=True)
class AvgPool(_Pool):
    """The mean pixel of every window of images; the stride is the window unless given.

    Raises InputError for a window, stride or padding that is none.

    >>> import numpy as np
    >>> AvgPool(2)({}, np.ones((1, 2, 2, 1))).shape
    (1, 1, 1, 1)
    """

    def __call__(self, params: Params, x: Any) -> Any:
        return convolutional.avg_pool2d(x, self.window, self.stride, self.padding)


conv2d, max_pool, avg_pool = Conv2d, MaxPool, AvgPool
