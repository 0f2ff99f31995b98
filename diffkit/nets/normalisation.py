"""Normalisation: layers that shift and scale numbers to mean 0 and variance 1.

    h = γ (x − μ)/√(σ² + ε) + β,    μ, σ² over …

    batch norm   the examples (and pixels) of each channel, in training; in evaluation the stored
                 mean and variance of the data
    layer norm   the features of one example at one place
    group norm   one group of channels over all pixels of one example

A net holds no state that a call changes: batch normalisation's stored statistics are parameters
with gradient zero, which a training measures in one pass after every epoch (``calibrated``).
A gain γ and shift β, per channel, are learned, starting from 1 and 0.
Reading on: Ioffe & Szegedy 2015, *Batch normalization*; Ba, Kiros & Hinton 2016, *Layer
normalization*; Wu & He 2018, *Group normalization*.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

import numpy as np

from diffkit.errors import InputError
from diffkit.nets.layers import Layer, Params, Shape, check_count

__all__ = ["BatchNorm", "GroupNorm", "LayerNorm", "batch_norm", "group_norm", "layer_norm"]

EPSILON = 1e-5  # Ioffe & Szegedy 2015 leave it open; this is what all libraries took


def standardised(x: Any, axes: tuple[int, ...], epsilon: float) -> Any:
    """(x − μ)/√(σ² + ε), mean and variance over these axes."""
    centred = x - np.mean(x, axis=axes, keepdims=True)
    variance = np.mean(centred * centred, axis=axes, keepdims=True)
    return centred / np.sqrt(variance + epsilon)


class _Norm(Layer):
    """What the normalisations share: a gain and a shift for each channel, the last axis."""

    epsilon: Any

    def check_epsilon(self) -> None:
        """Refuse a number that could not keep a division from 0/0."""
        number = isinstance(self.epsilon, (int, float, np.number))
        if not number or not 0 < self.epsilon < np.inf:
            raise InputError(
                f"{self.kind}: epsilon is {self.epsilon!r}, not a number > 0",
                hint=f"{EPSILON:g} is usual.",
            )

    def out_shape(self, in_shape: Shape) -> Shape:
        """As it came."""
        return in_shape

    def param_shapes(self, in_shape: Shape) -> dict[str, Shape]:
        """A gain and a shift per channel."""
        return {"scale": in_shape[-1:], "shift": in_shape[-1:]}

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """Gains and variances 1, shifts and means 0."""
        self.require(in_shape, self.kind, "the input")
        ones = ("scale", "variance")
        shapes = self.param_shapes(in_shape)
        made = {key: (np.ones if key in ones else np.zeros)(s) for key, s in shapes.items()}
        return made, self.out_shape(in_shape)


@dataclass(frozen=True)
class LayerNorm(_Norm):
    """Normalises the last axis, the features, of each example at each place.

    Raises InputError for an epsilon that is no number > 0.  Source: Ba, Kiros & Hinton 2016.

    >>> layer = layer_norm()
    >>> params, _ = layer.init(np.random.default_rng(0), (4,))
    >>> layer(params, np.array([[1.0, 2.0, 3.0, 4.0]])).round(2).tolist()
    [[-1.34, -0.45, 0.45, 1.34]]
    """

    kind: ClassVar[str] = "norm"
    epsilon: float = EPSILON
    name: str | None = None

    def __post_init__(self) -> None:
        self.check_epsilon()

    def __call__(self, params: Params, x: Any) -> Any:
        return params["scale"] * standardised(x, (-1,), self.epsilon) + params["shift"]

    def describe(self) -> str:
        """Over what."""
        return "layer"


@dataclass(frozen=True)
class GroupNorm(_Norm):
    """Normalises each group of channels over all pixels of an example.

    Parameters
    ----------
    groups
        The groups into which the channels are divided: 1 takes all, as many as channels takes each
        alone ("instance norm").
    epsilon, name
        Added to the variance; a name of its own.

    Raises
    ------
    InputError
        For groups that are no positive whole number, or an epsilon that is no number > 0.

    Source: Wu & He 2018, *Group normalization*, equation 7.

    >>> layer = group_norm(2)
    >>> params, _ = layer.init(np.random.default_rng(0), (4,))
    >>> layer(params, np.array([[1.0, 3.0, 0.0, 8.0]])).round(2).tolist()
    [[-1.0, 1.0, -1.0, 1.0]]
    """

    kind: ClassVar[str] = "norm"
    groups: int = 1
    epsilon: float = EPSILON
    name: str | None = None

    def __post_init__(self) -> None:
        check_count("group norm: groups", self.groups)
        self.check_epsilon()

    def expects(self, in_shape: Shape) -> str | None:
        """Channels that the groups divide."""
        if in_shape[-1] % self.groups:
            return f"channels in {self.groups} groups of one size"
        return None

    def __call__(self, params: Params, x: Any) -> Any:
        shape = tuple(x.shape)
        parts = (shape[0], prod(shape[1:-1]), self.groups, shape[-1] // self.groups)
        grouped = standardised(np.reshape(x, parts), (1, 3), self.epsilon)
        return params["scale"] * np.reshape(grouped, shape) + params["shift"]

    def describe(self) -> str:
        """Over what."""
        return f"{self.groups} groups" if self.groups > 1 else "1 group"


@dataclass(frozen=True)
class BatchNorm(_Norm):
    """Normalises each channel over the examples of the batch; in evaluation by stored statistics.

    The stored mean and variance are those of the training data behind the layers before, measured
    by ``calibrated`` (``dk.train`` does, after each epoch); the variance is that of all numbers,
    not the estimate with n − 1.  A batch of one row of features comes out as the shift alone.

    Raises InputError for an epsilon that is no number > 0.  Source: Ioffe & Szegedy 2015,
    algorithms 1 and 2; statistics by one pass instead of a moving average.

    >>> layer, x = batch_norm(), np.array([[1.0], [3.0]])
    >>> params, _ = layer.init(np.random.default_rng(0), (1,))
    >>> layer(params, x, rng=0).round(3).tolist()  # any key: training mode
    [[-1.0], [1.0]]
    >>> params = layer.calibrated(params, x)
    >>> float(params["mean"][0]), float(params["variance"][0])
    (2.0, 1.0)
    >>> layer(params, np.array([[4.0]])).round(3).tolist()
    [[2.0]]
    """

    kind: ClassVar[str] = "norm"
    has_modes: ClassVar[bool] = True
    keeps_statistics: ClassVar[bool] = True
    epsilon: float = EPSILON
    name: str | None = None

    def __post_init__(self) -> None:
        self.check_epsilon()

    def param_shapes(self, in_shape: Shape) -> dict[str, Shape]:
        """A gain, a shift, a mean and a variance per channel."""
        kept = dict.fromkeys(("mean", "variance"), in_shape[-1:])
        return super().param_shapes(in_shape) | kept

    def __call__(self, params: Params, x: Any, *, rng: Any = None) -> Any:
        if rng is not None:
            axes = tuple(range(len(x.shape) - 1))
            h = standardised(x, axes, self.epsilon)
        else:
            h = (x - params["mean"]) / np.sqrt(params["variance"] + self.epsilon)
        return params["scale"] * h + params["shift"]

    def calibrated(self, params: Params, x: Any) -> Params:
        """The parameters with mean and variance of these inputs, in the dtype they had."""
        axes = tuple(range(np.ndim(x) - 1))
        kind = np.asarray(params["mean"]).dtype
        found = {"mean": np.mean(x, axis=axes), "variance": np.var(x, axis=axes)}
        return params | {key: np.asarray(value, kind) for key, value in found.items()}

    def describe(self) -> str:
        """Over what."""
        return "batch"


batch_norm, layer_norm, group_norm = BatchNorm, LayerNorm, GroupNorm
