"""Layers: the parts that nets are made of, as plain values.

A layer is a frozen dataclass: it knows its sizes, makes its first parameters and computes, for
instance,

    h = φ(x W + b)

in plain NumPy, so it runs on arrays and is traced like any other function.  Its parameters are
not inside it; they are a dict that is passed in, as data, and the gradient is such a dict too.
The layers over images are in ``image_layers.py``.
Reading on: Goodfellow, Bengio & Courville 2016, *Deep Learning*, chapter 6.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

import numpy as np

from diffkit.capture.random_numbers import fold_in
from diffkit.errors import InputError, ShapeError
from diffkit.nets.activations import ACTIVATIONS, Function, activation_name, get_activation
from diffkit.nets.initializers import Initializer, get_initializer, he, xavier

__all__ = ["Activation", "Affine", "Dense", "Flatten", "Layer", "activation", "dense", "flatten"]

Shape = tuple[int, ...]
Params = dict[str, Any]

# He et al. 2015 for these, which let about half of the signal through (so did Clevert et al. 2016
# for elu); Glorot & Bengio 2010 for all other activations
RECTIFIERS = ("relu", "leaky_relu", "elu", "gelu", "gelu_tanh", "silu")


def initializer_for(chosen: Any, function: str | Function) -> Initializer:
    if chosen is not None:
        return get_initializer(chosen)
    rectifies = any(function == name or function is ACTIVATIONS[name] for name in RECTIFIERS)
    return he if rectifies else xavier


class Layer:
    """What all layers share: sizes without the batch, first parameters, a call.

    ``name`` stands in the parameters, the summary, the probes and in errors; a net names its
    layers itself (``dense1``, ``conv2``) where it is None.
    """

    kind: ClassVar[str] = "layer"
    # whether it computes something else while it is trained; it is then called with a key, rng=…
    has_modes: ClassVar[bool] = False
    # whether its parameters hold statistics of the data, which ``calibrated`` measures
    keeps_statistics: ClassVar[bool] = False
    name: Any  # a name of its own, or None

    def expects(self, in_shape: Shape) -> str | None:
        """What the layer needs, in words, when this shape is not it; else None."""
        return None

    def out_shape(self, in_shape: Shape) -> Shape:
        """The shape of one example's output."""
        raise NotImplementedError

    def param_shapes(self, in_shape: Shape) -> dict[str, Shape]:
        """The shape of each parameter."""
        return {}

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """First parameters, and the shape of the output.

        Raises
        ------
        ShapeError
            When the layer cannot take this shape.
        """
        self.require(in_shape, self.kind, "the input")
        return {}, self.out_shape(in_shape)

    def require(self, in_shape: Shape, name: str, before: str) -> None:
        """Refuse a shape the layer cannot take, naming the layer and the one before.

        Raises
        ------
        ShapeError
            "dense2 expects 32 features, but dense1 gives [batch, 16]".
        """
        wanted = self.expects(in_shape)
        if wanted is not None:
            given = ", ".join(["batch", *map(str, in_shape)])
            raise ShapeError(
                f"{name} expects {wanted}, but {before} gives [{given}]", hint=self.remedy(in_shape)
            )

    def remedy(self, in_shape: Shape) -> str:
        """What to do about a shape that does not fit."""
        return f"change {self.kind} or what comes before it."

    def __call__(self, params: Params, x: Any) -> Any:
        raise NotImplementedError

    def calibrated(self, params: Params, x: Any) -> Params:
        """The parameters with the statistics of these inputs; for layers that keep some."""
        return params

    def describe(self) -> str:
        """The layer in a few words beside its name; empty when the name says it all."""
        return ""

    def check_values(self, name: str, x: np.ndarray) -> None:
        """Refuse numbers that are no input of the layer, of the right shape as they may be."""


def names_of(layers: Sequence[Layer]) -> tuple[str, ...]:
    """The layers' names: their own, or kind and number (``dense1``, ``conv2``).

    Raises
    ------
    InputError
        When a name is no text, or two layers have one name.

    >>> names_of([Dense(3), Dense(2, name="out")])
    ('dense1', 'out')
    """
    count: Counter[str] = Counter()
    names = []
    for layer in layers:
        count[layer.kind] += 1
        names.append(layer.name or f"{layer.kind}{count[layer.kind]}")
    if unnamed := [name for name in names if not isinstance(name, str)]:
        raise InputError(f"a layer's name is text, not {unnamed[0]!r}", hint='as name="h1".')
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if repeated:
        raise InputError(f"two layers are called {repeated[0]!r}", hint="names must differ.")
    return tuple(names)


def shapes_through(
    layers: Sequence[Layer], names: Sequence[str], in_shape: Shape, before: str
) -> tuple[Shape, ...]:
    """The shape that comes in, then that of each layer's output.

    Raises
    ------
    ShapeError
        When two layers do not fit; ``before`` is what the input is called.
    """
    shapes = [in_shape]
    for name, layer in zip(names, layers, strict=True):
        layer.require(shapes[-1], name, before)
        shapes.append(layer.out_shape(shapes[-1]))
        before = name
    return tuple(shapes)


def applied(layer: Any, params: Params, x: Any, rng: Any, place: int) -> Any:
    """What a layer gives, in training mode with a key of its place if there is a key."""
    if layer.has_modes and rng is not None:
        return layer(params, x, rng=fold_in(rng, place))
    return layer(params, x)


class Affine(Layer):
    """What dense layers and convolutions share: h = φ(x ∗ W + b), each with a product ∗ of its own.

    A subclass has the fields ``activation``, ``inputs``, ``initializer`` and ``bias``, and says how
    many ``outputs`` it has, the shape of W and the product.
    """

    activation: Any
    inputs: Any
    initializer: Any
    bias: Any

    @property
    def outputs(self) -> int:
        """The size of the last axis of the output, and of the biases."""
        raise NotImplementedError

    def weight_shape(self, in_shape: Shape) -> Shape:
        """The shape of W."""
        raise NotImplementedError

    def product(self, x: Any, weights: Any) -> Any:
        """x ∗ W."""
        raise NotImplementedError

    def check_options(self, layer: str, outputs: str) -> None:
        """Refuse sizes, activations and initializers that are none."""
        check_count(f"{layer}: {outputs}", self.outputs)
        if self.inputs is not None:
            check_count(f"{layer}: inputs", self.inputs)
        get_activation(self.activation)
        initializer_for(self.initializer, self.activation)

    def param_shapes(self, in_shape: Shape) -> dict[str, Shape]:
        """Weights, and biases (outputs,)."""
        shapes = {"w": self.weight_shape(in_shape)}
        return shapes | ({"b": (self.outputs,)} if self.bias else {})

    def init(self, rng: np.random.Generator, in_shape: Shape) -> tuple[Params, Shape]:
        """Random weights and zero biases."""
        self.require(in_shape, self.kind, "the input")
        start = initializer_for(self.initializer, self.activation)
        return first_params(start, rng, self.param_shapes(in_shape)), self.out_shape(in_shape)

    def __call__(self, params: Params, x: Any) -> Any:
        h = self.product(x, params["w"])
        return get_activation(self.activation)(h + params["b"] if self.bias else h)


def check_count(what: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise InputError(
            f"{what} is {value!r}, not a positive whole number", hint="sizes count from 1."
        )


@dataclass(frozen=True)
class Dense(Affine):
    """A fully connected layer, h = φ(x W + b): (batch, inputs) → (batch, units).

    Parameters
    ----------
    units, activation, inputs
        The outputs, φ (a name or a function), and the inputs (the size that comes, if None).
    initializer, bias, name
        Of the weights (suits φ, if None); whether there is a bias; a name of its own.

    Raises
    ------
    InputError
        For sizes that are no positive whole numbers, unknown activations or initializers.

    Source: Rosenblatt 1958; Rumelhart, Hinton & Williams 1986.

    >>> layer = dense(2, "relu")
    >>> params, shape = layer.init(np.random.default_rng(0), (3,))
    >>> params["w"].shape, params["b"].shape, shape
    ((3, 2), (2,), (2,))
    >>> layer(params, np.zeros((1, 3))).tolist()
    [[0.0, 0.0]]
    """

    kind: ClassVar[str] = "dense"
    units: int
    activation: str | Function = "identity"
    inputs: int | None = None
    initializer: str | Initializer | None = None
    bias: bool = True
    name: str | None = None

    def __post_init__(self) -> None:
        self.check_options("dense", "units")

    @property
    def outputs(self) -> int:
        """The units."""
        return self.units

    def expects(self, in_shape: Shape) -> str | None:
        """One axis of features, as many as ``inputs`` if given."""
        if len(in_shape) != 1:
            return f"{self.inputs} features" if self.inputs else "features [batch, n]"
        fits = self.inputs is None or in_shape[0] == self.inputs
        return None if fits else f"{self.inputs} features"

    def remedy(self, in_shape: Shape) -> str:
        """Flatten images; or repeat the size."""
        if len(in_shape) > 1:
            return "put flatten() between them."
        return "the outputs of one layer are the inputs of the next; inputs=None takes what comes."

    def out_shape(self, in_shape: Shape) -> Shape:
        """(units,)."""
        return (self.units,)

    def weight_shape(self, in_shape: Shape) -> Shape:
        """(inputs, units)."""
        return (in_shape[0], self.units)

    def product(self, x: Any, weights: Any) -> Any:
        """The matrix product."""
        return x @ weights

    def describe(self) -> str:
        """Units and activation."""
        return with_activation(str(self.units), self.activation)


def first_params(start: Initializer, rng: np.random.Generator, shapes: dict[str, Shape]) -> Params:
    """Weights from the initializer, biases zero.

    Raises
    ------
    ShapeError
        When an initializer of one's own gives another shape.
    """
    made = {
        key: np.zeros(shape) if key == "b" else np.asarray(start(rng, shape))
        for key, shape in shapes.items()
    }
    for key, shape in shapes.items():
        if made[key].shape != shape:
            raise ShapeError(
                f"the initializer gave {list(made[key].shape)} for {key!r} of shape {list(shape)}",
                hint="an initializer is a function of (rng, shape) that gives this shape.",
            )
    return made


def with_activation(words: str, function: str | Function) -> str:
    return words if function == "identity" else f"{words} {activation_name(function)}"


@dataclass(frozen=True)
class Flatten(Layer):
    """All numbers of an example in one row: (batch, …) → (batch, features).

    >>> flatten().out_shape((2, 2, 16))
    (64,)
    """

    kind: ClassVar[str] = "flatten"
    name: str | None = None

    def out_shape(self, in_shape: Shape) -> Shape:
        """(features,)."""
        return (prod(in_shape),)

    def __call__(self, params: Params, x: Any) -> Any:
        return np.reshape(x, (x.shape[0], prod(x.shape[1:])))


@dataclass(frozen=True)
class Activation(Layer):
    """A function of every number, as a layer of its own: any shape stays as it is.

    Raises InputError for an unknown name.

    >>> activation("relu")({}, np.array([[-1.0, 2.0]])).tolist()
    [[0.0, 2.0]]
    """

    function: str | Function = "relu"
    name: str | None = None

    @property
    def kind(self) -> str:  # type: ignore[override]
        """The function's name."""
        return activation_name(self.function)

    def __post_init__(self) -> None:
        get_activation(self.function)

    def out_shape(self, in_shape: Shape) -> Shape:
        """As it came."""
        return in_shape

    def __call__(self, params: Params, x: Any) -> Any:
        return get_activation(self.function)(x)


dense, flatten, activation = Dense, Flatten, Activation
