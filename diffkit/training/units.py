"""What single units do: dead, saturated, alike; and what the inputs mean to a score.

    φ′(z) ≈ 0 for all examples: dead,      for this example: saturated

A unit whose slope is nothing passes no signal back.  A rectifier's slope is 0 or 1; those of tanh
and of the logistic function are 1 − a² and a(1 − a), known from the output a alone, and so are
those of elu and softplus, 1 + a below 0 and 1 − e⁻ᵃ.
Reading on: Glorot & Bengio 2010, *Understanding the difficulty of training deep feedforward neural
networks*, section 3; Simonyan, Vedaldi & Zisserman 2014, *Deep inside convolutional networks*.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from diffkit.differentiate.api import grad
from diffkit.errors import InputError
from diffkit.nets.activations import activation_name
from diffkit.nets.net import Net
from diffkit.primitives.probing import probe

__all__ = [
    "activations_of",
    "dead_units",
    "effective_rank",
    "saliency",
    "saturated_units",
    "unit_shares",
]

# A slope below this share of the largest passes almost nothing on.
SATURATED = 0.05

Slope = Callable[[np.ndarray], np.ndarray]
# The slope relative to its largest, from the output.
SLOPES: dict[str, Slope] = {
    "relu": lambda a: (a > 0).astype(float),
    "tanh": lambda a: 1.0 - a * a,
    "sigmoid": lambda a: 4.0 * a * (1.0 - a),
    "logistic": lambda a: 4.0 * a * (1.0 - a),
    "elu": lambda a: np.minimum(1.0, 1.0 + a),
    "softplus": lambda a: -np.expm1(-a),
}


def effective_rank(matrix: Any) -> float:
    """How many directions a matrix really uses: the exponential of its singular values' entropy.

    It is 1 for a matrix of rank one and n for n equal singular values; arrays of more axes are
    taken as matrices whose columns are the last axis.  A zero matrix has 0.

    Raises
    ------
    InputError
        For an array of fewer than two axes, or one that is not finite.

    Source: Roy & Vetterli 2007, *The effective rank: a measure of effective dimensionality*.

    >>> round(effective_rank(np.eye(3)), 6), round(effective_rank(np.ones((3, 3))), 6)
    (3.0, 1.0)
    """
    array = np.asarray(matrix, float)
    if array.ndim < 2 or not np.isfinite(array).all():
        raise InputError(
            f"the effective rank is of a finite matrix, not of an array of shape {array.shape}",
            hint="pass weights of two axes, or activations (examples, units).",
        )
    values = np.linalg.svd(array.reshape(-1, array.shape[-1]), compute_uv=False)
    total = float(values.sum())
    if total == 0:
        return 0.0
    shares = values[values > 0] / total
    return float(np.exp(-np.sum(shares * np.log(shares))))


def saliency(net: Net, params: Any, x: Any, classes: Any = None) -> np.ndarray:
    """How strongly every entry of every input moves the score of a class: |∂ score / ∂x|.

    The result has the shape of ``x``.  ``classes`` are one class for each example; by default the
    class that the net predicts.

    Raises
    ------
    InputError
        When there is not one class for each example.
    ShapeError
        When the inputs do not fit the net.

    Source: Simonyan, Vedaldi & Zisserman 2014, section 3.

    >>> from diffkit.nets.models import softmax_classifier
    >>> net = softmax_classifier(2, 2)
    >>> params = {"dense1": {"w": np.array([[1.0, 0.0], [0.0, -3.0]]), "b": np.zeros(2)}}
    >>> saliency(net, params, np.array([[5.0, 1.0]]), classes=[1]).tolist()
    [[0.0, 3.0]]
    """
    x = np.asarray(x, float)
    scores = np.asarray(net(params, x))
    best = np.argmax(scores, axis=-1) if classes is None else np.asarray(classes)
    whole = best.dtype.kind in "iu" and best.shape == scores.shape[:1]
    if scores.ndim != 2 or not whole or not np.all((best >= 0) & (best < scores.shape[-1])):
        raise InputError(
            f"saliency needs one class for each of the {len(scores)} examples",
            hint=f"classes count from 0 to {scores.shape[-1] - 1}; the net gives a row of scores.",
        )
    chosen = np.arange(scores.shape[-1]) == best[:, None]
    return np.abs(grad(lambda x: np.sum(net(params, x) * chosen))(x))


# Dead and saturated -----------------------------------------------------------------------------


def activations_of(loss: Any) -> dict[str, str]:
    """The activation of each layer of a net (or of a loss of one) whose slope shows in its output.

    >>> from diffkit.nets.models import mlp
    >>> activations_of(mlp([2, 3, 1]))
    {'dense1': 'tanh'}
    """
    net = loss if isinstance(loss, Net) else getattr(loss, "net", None)
    if not isinstance(net, Net):
        return {}
    pairs = zip(net.names, net.layers, strict=True)
    named = {name: _activation(layer) for name, layer in pairs}
    return {name: said for name, said in named.items() if said in SLOPES}


def _activation(layer: Any) -> str:
    given = getattr(layer, "activation", getattr(layer, "function", "identity"))
    return activation_name(given)


def unit_shares(values: Mapping[str, Any], activations: Mapping[str, str]) -> dict[str, Any]:
    """The shares of dead units and of saturated outputs in every layer that is known."""
    dead, saturated = {}, {}
    for name, activation in activations.items():
        a = np.asarray(values[name], float)
        flat_units = SLOPES[activation](a).reshape(-1, a.shape[-1]) < SATURATED
        dead[name] = float(np.mean(flat_units.all(axis=0)))
        saturated[name] = float(np.mean(flat_units))
    return {"dead": dead, "saturated": saturated}


def _shares(net: Net, params: Any, x: Any) -> dict[str, Any]:
    activations = activations_of(net)
    if not activations:
        raise InputError(
            "no layer of this net has an activation that saturates",
            hint=f"those known are {', '.join(SLOPES)}.",
        )
    return unit_shares(outputs_of_layers(net, params, x), activations)


def outputs_of_layers(net: Net, params: Any, x: Any) -> dict[str, np.ndarray]:
    """The output of every layer for these inputs."""
    outputs = {}
    h = net.batch(x)
    for name, layer in zip(net.names, net.layers, strict=True):
        h = probe(name, layer(params.get(name, {}), h))
        outputs[name] = np.asarray(h)
    return outputs


def dead_units(net: Net, params: Any, x: Any) -> dict[str, float]:
    """The share of units in each layer that pass no signal back for any of these inputs.

    A rectifier is dead when it gives 0 for all of them; a tanh or logistic unit when its slope is
    below a twentieth of the largest for all of them.  Channels of a convolution are its units.

    Raises
    ------
    InputError
        When no layer has such an activation.

    Source: Maas, Hannun & Ng 2013, section 2.1; Glorot & Bengio 2010, section 3.

    >>> from diffkit.nets.models import mlp
    >>> net = mlp([1, 2, 1], activation="relu")
    >>> params = net.init(0) | {"dense1": {"w": np.array([[1.0, 1.0]]), "b": np.array([0.0, -9.0])}}
    >>> dead_units(net, params, np.array([[1.0], [2.0]]))
    {'dense1': 0.5}
    """
    return _shares(net, params, x)["dead"]


def saturated_units(net: Net, params: Any, x: Any) -> dict[str, float]:
    """The share of outputs in each layer, over units and inputs, that pass no signal back.

    Raises
    ------
    InputError
        When no layer has an activation that saturates.

    Source: Glorot & Bengio 2010, section 3.

    >>> from diffkit.nets.models import mlp
    >>> net = mlp([1, 2, 1])
    >>> params = net.init(0) | {"dense1": {"w": np.array([[0.1, 9.0]]), "b": np.zeros(2)}}
    >>> saturated_units(net, params, np.ones((4, 1)))
    {'dense1': 0.5}
    """
    return _shares(net, params, x)["saturated"]
