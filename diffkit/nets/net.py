"""Nets: layers one after another, as one plain function of parameters and inputs.

    a₀ = x,    aᵢ = layerᵢ(paramsᵢ, aᵢ₋₁),    net(params, x) = aₙ

A net is a value: it holds no numbers that training changes.  ``net.init(seed)`` makes the first
parameters, a dict of layers of arrays, and ``net(params, x)`` is plain NumPy, so that every method
of differentiation applies.  Each layer's output passes a probe under the layer's name, through
which the learning signal ∂L/∂aᵢ can be watched (``dk.value_and_grad(..., probes=True)``).

Shapes are checked when a net is made, layer by layer, and again when it is called.
Reading on: Goodfellow, Bengio & Courville 2016, *Deep Learning*, chapter 6.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from diffkit.capture.tracing import Tracer
from diffkit.errors import DtypeError, InputError, ShapeError
from diffkit.graph.notebook import html_of
from diffkit.nets.layers import (
    Layer,
    Params,
    Shape,
    applied,
    check_count,
    names_of,
    shapes_through,
)
from diffkit.nets.lines import users_line
from diffkit.nets.losses import Loss
from diffkit.nets.objective import Objective
from diffkit.nets.summary import Summary, summarise
from diffkit.primitives.probing import probe

__all__ = ["Net", "generator_of"]

CALIBRATION_ROWS = 10_000
"""Examples from which the statistics of a layer are measured after an epoch, at most."""


@dataclass(frozen=True, repr=False)
class Net:
    """Layers in a row, with the shape of one input; made by ``sequential``, ``mlp`` or ``cnn``.

    Raises
    ------
    ShapeError
        When two layers do not fit; the message names both and their shapes.
    InputError
        When there is no layer, or two have one name.

    >>> from diffkit.nets.models import mlp
    >>> net = mlp([64, 32, 10])
    >>> net
    Net([64] → dense1: 32 tanh → dense2: 10)
    >>> params = net.init(0)
    >>> params["dense1"]["w"].shape, net(params, np.zeros((5, 64))).shape
    ((64, 32), (5, 10))
    """

    layers: tuple[Layer, ...]
    input_shape: Shape

    def __post_init__(self) -> None:
        odd = [layer for layer in self.layers if not isinstance(layer, Layer)]
        if odd or not self.layers:
            found = f", not {odd[0]!r:.60}" if odd else ""
            raise InputError(
                f"a net needs one layer or more{found}",
                hint="for instance sequential([dense(10)], input_shape=(64,)).",
            )
        if not self.input_shape:
            raise InputError("the input shape is empty", hint="write (64,) for 64 features.")
        for size in self.input_shape:
            check_count("a size of the input", size)
        _ = self.shapes  # which checks that the layers fit

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The layers' names: their own, or kind and number (``dense1``, ``conv2``)."""
        return names_of(self.layers)

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """The shape of one input, then of each layer's output."""
        return shapes_through(self.layers, self.names, self.input_shape, "the input")

    @cached_property
    def param_shapes(self) -> dict[str, dict[str, Shape]]:
        """The shape of every parameter, by layer; layers without parameters are left out."""
        parts = zip(self.names, self.layers, self.shapes[:-1], strict=True)
        shapes = {name: layer.param_shapes(shape) for name, layer, shape in parts}
        return {name: found for name, found in shapes.items() if found}

    @property
    def parameter_count(self) -> int:
        """How many numbers the parameters hold, stored statistics of the data among them."""
        return sum(prod(s) for shapes in self.param_shapes.values() for s in shapes.values())

    def init(self, seed: int | np.random.Generator = 0) -> Params:
        """First parameters, ``{layer: {"w": …, "b": …}}`` in float64; same seed, same bits.

        Raises
        ------
        InputError
            When the seed is no whole number ≥ 0 (or a generator).

        >>> from diffkit.nets.models import softmax_classifier
        >>> sorted(softmax_classifier(4, 3).init(0)["dense1"])
        ['b', 'w']
        """
        rng = generator_of(seed)
        parts = zip(self.names, self.layers, self.shapes[:-1], strict=True)
        made = {name: layer.init(rng, shape)[0] for name, layer, shape in parts}
        return {name: params for name, params in made.items() if params}

    @cached_property
    def has_modes(self) -> bool:
        """Whether a layer computes something else while the net is trained (dropout, say)."""
        return any(layer.has_modes for layer in self.layers)

    def __call__(self, params: Params, x: Any, *, rng: Any = None) -> Any:
        with users_line():
            x = self.batch(x)
            self._check_params(params)
            parts = zip(self.names, self.layers, self.shapes[1:], strict=True)
            for place, (name, layer, shape) in enumerate(parts):
                h = applied(layer, params.get(name, {}), x, rng, place)
                x = probe(name, self._output(name, h, shape))
            return x

    def calibrated(self, params: Params, x: Any) -> Params:
        """The parameters with each layer's statistics of its own inputs, for these inputs x.

        Layers that keep statistics of the data (batch normalisation) measure them here in one
        pass, each behind layers that are measured already.  At most ``CALIBRATION_ROWS`` examples
        are looked at, evenly spread over x.
        """
        if not any(layer.keeps_statistics for layer in self.layers):
            return params
        x = np.asarray(self.batch(x))
        x = x[:: -(-len(x) // CALIBRATION_ROWS)]
        found = dict(params)
        for name, layer in zip(self.names, self.layers, strict=True):
            if layer.keeps_statistics:
                found[name] = layer.calibrated(found[name], x)
            x = layer(found.get(name, {}), x)
        return found

    def _output(self, name: str, h: Any, shape: Shape) -> Any:
        """What a layer gives, which an activation of one's own must not have reshaped."""
        if tuple(np.shape(h))[1:] != shape:
            raise ShapeError(
                f"{name} gives [{', '.join(map(str, np.shape(h)))}], where the next layer expects "
                f"{_batch(shape)}",
                hint="an activation maps every number to a number and keeps the shape.",
            )
        return h

    def batch(self, x: Any) -> Any:
        """A batch of inputs; rows of numbers are taken as images of as many pixels.

        Raises ShapeError or DtypeError when the net cannot take them.
        """
        x = x if isinstance(x, Tracer) else np.asarray(x)
        if x.dtype.kind not in "fiubc":
            raise DtypeError(
                f"{self.names[0]} expects numbers, but the input has dtype {x.dtype}",
                hint="convert it with np.asarray(value, dtype=float).",
            )
        if not isinstance(x, Tracer):
            self.layers[0].check_values(self.names[0], x)
        shape = tuple(x.shape)
        if shape[1:] == self.input_shape and shape:
            return x
        if len(shape) == 2 and shape[1] == prod(self.input_shape):
            return np.reshape(x, (shape[0], *self.input_shape))
        raise ShapeError(
            f"{self.names[0]} expects {_batch(self.input_shape)}, but the input is "
            f"[{', '.join(map(str, shape))}]",
            hint="one example x alone is the batch x[None]."
            if shape == self.input_shape
            else "build the net for these inputs, or reshape them.",
        )

    def _check_params(self, params: Params) -> None:
        for name, shapes in self.param_shapes.items():
            for key, shape in shapes.items():
                try:
                    found = np.shape(params[name][key])
                except (KeyError, TypeError, IndexError):
                    raise InputError(
                        f"the parameters lack {key!r} of {name}",
                        hint="make them with net.init(seed).",
                    ) from None
                if found != shape:
                    raise ShapeError(
                        f"{name}: the parameter {key!r} is {list(found)}, but {name} needs "
                        f"{list(shape)}",
                        hint="these parameters belong to another net; make them with init.",
                    )

    def predict(self, params: Params, x: Any) -> np.ndarray:
        """The class of each input: the largest score, or a single score's sign (1 if positive).

        Raises ShapeError when the input does not fit.

        >>> from diffkit.nets.models import softmax_classifier
        >>> net = softmax_classifier(2, 3)
        >>> net.predict(net.init(0), np.zeros((4, 2))).tolist()
        [0, 0, 0, 0]
        """
        scores = np.asarray(self(params, x))
        if scores.shape[-1] == 1:
            return (scores[..., 0] > 0).astype(np.intp)
        return np.argmax(scores, axis=-1)

    def accuracy(self, params: Params, x: Any, labels: Any) -> float:
        """The share of inputs whose class is predicted rightly, from 0 to 1.

        Raises ShapeError when labels and inputs differ in number.
        """
        found, labels = self.predict(params, x), np.asarray(labels)
        if found.shape != labels.shape:
            raise ShapeError(
                f"accuracy: {len(found)} predictions, but labels of shape {labels.shape}",
                hint="give one integer label per example.",
            )
        return float(np.mean(found == labels))

    def with_loss(self, loss: Loss | Any, l2: float = 0.0, l1: float = 0.0) -> Objective:
        """The function ``loss(params, x, y)`` to train: a mean loss plus (l2/2) Σ w² + l1 Σ |w|.

        ``loss`` is one of ``dk.losses`` or any function of (prediction, target); the penalties are
        on weights, not on biases.

        Raises
        ------
        InputError
            When l2 or l1 is negative or no number, or the loss no function.

        Source: weight decay, Krogh & Hertz 1992; Tibshirani 1996 for l1.

        >>> from diffkit.nets.losses import cross_entropy
        >>> from diffkit.nets.models import softmax_classifier
        >>> net = softmax_classifier(4, 3)
        >>> loss = net.with_loss(cross_entropy)
        >>> round(float(loss(net.init(0), np.ones((2, 4)), np.array([0, 2]))), 4)  # ln 3
        1.0986
        """
        return Objective(self, loss, l2, l1)

    def summary(self) -> Summary:
        """A table of the layers: output shape, parameters and operations per example.

        >>> from diffkit.nets.models import mlp
        >>> mlp([64, 32, 10]).summary().parameters  # 64·32 + 32 + 32·10 + 10
        2410
        """
        return summarise(self)

    def _repr_html_(self) -> str:
        return html_of(self.summary())

    def __repr__(self) -> str:
        parts = zip(self.names, self.layers, strict=True)
        words = [": ".join(filter(None, (name, layer.describe()))) for name, layer in parts]
        return f"Net({' → '.join([str(list(self.input_shape)), *words])})"


def _batch(shape: Shape) -> str:
    if len(shape) == 1:
        return f"{shape[0]} features [batch, {shape[0]}]"
    return f"inputs of shape [batch, {', '.join(map(str, shape))}]"


def generator_of(seed: Any) -> np.random.Generator:
    """A random generator from a whole number, or the generator itself.

    Raises
    ------
    InputError
        For anything else, None included: a result must be repeatable.

    >>> generator_of(0).integers(10)
    np.int64(8)
    """
    if isinstance(seed, np.random.Generator):
        return seed
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise InputError(
            f"the seed is {seed!r}, not a whole number ≥ 0", hint="write seed=0, for instance."
        )
    return np.random.default_rng(int(seed))
