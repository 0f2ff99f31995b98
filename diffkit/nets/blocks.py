"""Residual blocks: some layers whose result is added to what came in.

    h = φ(s(x) + F(x)),    F = the layers inside,    s = the shortcut, x itself or one layer

The derivative of x + F(x) is 1 + F′(x): whatever the layers do to it, the learning signal also
passes by them unchanged, so nets of a hundred layers and more can be trained.
Reading on: He, Zhang, Ren & Sun 2016, *Deep residual learning for image recognition*.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from diffkit.errors import InputError
from diffkit.nets.activations import Function, get_activation
from diffkit.nets.layers import (
    Layer,
    Params,
    Shape,
    applied,
    names_of,
    shapes_through,
    with_activation,
)

__all__ = ["Residual", "residual"]

SHORTCUT = "shortcut"


@dataclass(frozen=True)
class Residual(Layer):
    """Layers in a row whose output is added to their input: h = φ(s(x) + F(x)).

    Parameters
    ----------
    layers
        One layer or more; they keep the shape, or the shortcut changes it likewise.
    shortcut
        None for x itself, or a layer, such as a convolution of 1 × 1 where the channels change.
    activation, name
        φ, of the sum; a name of its own.

    Parameters of an inner layer are called ``conv1.w`` for instance, those of the shortcut
    ``shortcut.w``.

    Raises
    ------
    InputError
        When there is no layer inside, or what stands there is none.

    Source: He et al. 2016, equations 1 and 2.

    >>> from diffkit.nets.layers import dense
    >>> block = residual([dense(3, "relu"), dense(3)])
    >>> params, shape = block.init(np.random.default_rng(0), (3,))
    >>> sorted(params), shape
    (['dense1.b', 'dense1.w', 'dense2.b', 'dense2.w'], (3,))
    >>> block({key: 0.0 * value for key, value in params.items()}, np.ones((1, 3))).tolist()
    [[1.0, 1.0, 1.0]]
    """

    kind: ClassVar[str] = "residual"
    layers: Any
    shortcut: Layer | None = None
    activation: str | Function = "identity"
    name: str | None = None

    def __post_init__(self) -> None:
        one = isinstance(self.layers, Layer)
        inside = (self.layers,) if one else tuple(self.layers)
        object.__setattr__(self, "layers", inside)  # a tuple, so that nets stay values
        ends = () if self.shortcut is None else (self.shortcut,)
        odd = [layer for layer in (*inside, *ends) if not isinstance(layer, Layer)]
        if odd or not inside:
            found = f", not {odd[0]!r:.60}" if odd else ""
            raise InputError(
                f"a residual block needs one layer or more{found}",
                hint="for instance residual([dense(8, 'relu'), dense(8)]).",
            )
        get_activation(self.activation)
        _ = self.names

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The inner layers' names."""
        return names_of(self.layers)

    @property
    def has_modes(self) -> bool:  # type: ignore[override]
        """Whether a layer inside computes something else in training."""
        return any(layer.has_modes for layer in self._all)

    @property
    def keeps_statistics(self) -> bool:  # type: ignore[override]
        """Whether a layer inside does."""
        return any(layer.keeps_statistics for layer in self._all)

    @property
    def _all(self) -> tuple[Layer, ...]:
        return self.layers if self.shortcut is None else (*self.layers, self.shortcut)

    def _shapes(self, in_shape: Shape) -> tuple[Shape, ...]:
        return shapes_through(self.layers, self.names, in_shape, "the block's input")

    def _inner(self, in_shape: Shape) -> Iterator[tuple[str, Layer, Shape]]:
        """Every layer inside with its name and the shape that comes to it."""
        yield from zip(self.names, self.layers, self._shapes(in_shape)[:-1], strict=True)
        if self.shortcut is not None:
            yield SHORTCUT, self.shortcut, in_shape

    def expects(self, in_shape: Shape) -> str | None:
        """What the first layer takes, such that both ways give one shape."""
        first = self.layers[0].expects(in_shape)
        if first is not None:
            return first
        if self.shortcut is not None:
            self.shortcut.require(in_shape, SHORTCUT, "the block's input")
        short = in_shape if self.shortcut is None else self.shortcut.out_shape(in_shape)
        end = self._shapes(in_shape)[-1]
        if short == end:
            return None
        return f"a shortcut that gives {list(end)} as its layers do (it gives {list(short)})"

    def remedy(self, in_shape: Shape) -> str:
        """A projection."""
        return (
            "let the layers inside keep the shape, or add a layer as the shortcut, such as "
            "conv2d(channels, window=1)."
        )

    def out_shape(self, in_shape: Shape) -> Shape:
        """That of the last layer inside."""
        return self._shapes(in_shape)[-1]

    def param_shapes(self, in_shape: Shape) -> dict[str, Shape]:
        """Those of all layers inside, under "layer.parameter"."""
        return {
            f"{name}.{key}": shape
            for name, layer, came in self._inner(in_shape)
            for key, shape in layer.param_shapes(came).items()
        }

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """Each layer's own first parameters."""
        self.require(in_shape, self.kind, "the input")
        made = {
            f"{name}.{key}": value
            for name, layer, came in self._inner(in_shape)
            for key, value in layer.init(rng, came)[0].items()
        }
        return made, self.out_shape(in_shape)

    def __call__(self, params: Params, x: Any, *, rng: Any = None) -> Any:
        h = x
        for place, (name, layer) in enumerate(zip(self.names, self.layers, strict=True)):
            h = applied(layer, _of(params, name), h, rng, place)
        if self.shortcut is not None:
            x = applied(self.shortcut, _of(params, SHORTCUT), x, rng, len(self.layers))
        return get_activation(self.activation)(x + h)

    def calibrated(self, params: Params, x: Any) -> Params:
        """The parameters with the statistics of all layers inside that keep some."""
        found, h = dict(params), x
        for name, layer in zip(self.names, self.layers, strict=True):
            found |= _measured(layer, name, found, h)
            h = layer(_of(found, name), h)
        if self.shortcut is not None:
            found |= _measured(self.shortcut, SHORTCUT, found, x)
        return found

    def describe(self) -> str:
        """The layers inside."""
        parts = zip(self.names, self.layers, strict=True)
        inside = [" ".join(filter(None, (name, layer.describe()))) for name, layer in parts]
        return with_activation(f"x + ({', '.join(inside)})", self.activation)


def _of(params: Params, name: str) -> Params:
    """One inner layer's parameters under their own names."""
    start = f"{name}."
    return {key[len(start) :]: value for key, value in params.items() if key.startswith(start)}


def _measured(layer: Layer, name: str, params: Params, x: Any) -> Params:
    measured = layer.calibrated(_of(params, name), x)
    return {f"{name}.{key}": value for key, value in measured.items()}


residual = Residual
