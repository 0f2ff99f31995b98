"""Activations: the functions between linear layers, without which depth would add nothing.

    relu max(x, 0)    leaky relu    elu    gelu x Φ(x)    silu x σ(x)    softplus log(1 + eˣ)
    tanh    logistic σ(x) = 1/(1 + e⁻ˣ)    softmax eˣ / Σ eˣ

A saturated activation passes no signal back: the slope of the logistic function is at most 1/4,
so it shrinks the learning signal at every layer (Hochreiter 1991), where a rectifier's slope is
0 or 1, and the smooth ones in between (elu, gelu, silu) let some of it through below zero.
All work on one number at a time but softmax, which works on the last axis.
Reading on: Glorot, Bordes & Bengio 2011, *Deep sparse rectifier neural networks*.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import pi, sqrt
from typing import Any

import numpy as np

from diffkit.errors import InputError
from diffkit.nets.probabilities import softmax
from diffkit.primitives.piecewise import relu
from diffkit.primitives.special import erfc
from diffkit.primitives.transcendental import logistic, softplus

__all__ = [
    "ACTIVATIONS",
    "activation_name",
    "elu",
    "gelu",
    "gelu_tanh",
    "get_activation",
    "identity",
    "leaky_relu",
    "silu",
]

Function = Callable[[Any], Any]

LEAK = 0.01  # Maas, Hannun & Ng 2013, section 2.1
CUBIC = 0.044715  # Hendrycks & Gimpel 2016, section 2


def identity(x: Any) -> Any:
    """x itself: a linear layer.

    >>> identity(2.0)
    2.0
    """
    return x


def leaky_relu(x: Any, leak: float = LEAK) -> Any:
    """x where it is positive, else 0.01·x (and so its slope at 0).

    Source: Maas, Hannun & Ng 2013, *Rectifier nonlinearities improve neural network acoustic
    models*.

    >>> leaky_relu(np.array([-1.0, 2.0])).tolist()
    [-0.01, 2.0]
    """
    return np.where(x > 0, x, leak * x)


def elu(x: Any, alpha: float = 1.0) -> Any:
    """x where it is positive, else α(eˣ − 1), which ends at −α; its slope at 0 is α.

    Source: Clevert, Unterthiner & Hochreiter 2016, *Fast and accurate deep network learning by
    exponential linear units*, equation 15.

    >>> elu(np.array([-1e4, 0.0, 2.0])).tolist()
    [-1.0, 0.0, 2.0]
    """
    below = np.where(x > 0, 0.0, x)  # whose exponential cannot overflow
    return np.where(x > 0, x, alpha * np.expm1(below))


def gelu(x: Any) -> Any:
    """x Φ(x), with the normal distribution Φ(x) = ½ erfc(−x/√2): the exact form.

    Source: Hendrycks & Gimpel 2016, *Gaussian error linear units*.

    >>> gelu(np.array([-1.0, 0.0, 1.0])).round(4).tolist()
    [-0.1587, 0.0, 0.8413]
    """
    return 0.5 * x * erfc(x * -sqrt(0.5))


def gelu_tanh(x: Any) -> Any:
    """gelu by ½ x (1 + tanh u), u = √(2/π)(x + 0.044715 x³): within 5e-4 of the exact form.

    Computed as x σ(2u), the same without cancellation.  Source: Hendrycks & Gimpel 2016,
    section 2.

    >>> gelu_tanh(np.array([-1.0, 0.0, 1.0])).round(4).tolist()
    [-0.1588, 0.0, 0.8412]
    """
    return x * logistic(2.0 * sqrt(2.0 / pi) * (x + CUBIC * x * x * x))


def silu(x: Any) -> Any:
    """x σ(x), also called swish.

    Source: Elfwing, Uchibe & Doya 2018, *Sigmoid-weighted linear units for neural network
    function approximation in reinforcement learning*.

    >>> silu(np.array([-1.0, 0.0, 1.0])).round(4).tolist()
    [-0.2689, 0.0, 0.7311]
    """
    return x * logistic(x)


ACTIVATIONS: dict[str, Function] = {
    "identity": identity,
    "relu": relu,
    "leaky_relu": leaky_relu,
    "tanh": np.tanh,
    "logistic": logistic,
    "sigmoid": logistic,
    "softplus": softplus,
    "elu": elu,
    "gelu": gelu,
    "gelu_tanh": gelu_tanh,
    "silu": silu,
    "softmax": softmax,
}
"""Every activation by name."""


def named(kind: str, given: Any, known: Mapping[str, Any], own: str) -> Any:
    """A function by its name among ``known``, or the function that was given itself.

    Raises
    ------
    InputError
        For a name that is not known, and for what is no function; ``own`` describes one.
    """
    if isinstance(given, str) and given in known:
        return known[given]
    if isinstance(given, str) or not callable(given):
        raise InputError(
            f"there is no {kind} {given!r}", hint=f"use one of {', '.join(known)}, or {own}."
        )
    return given


def get_activation(function: str | Function) -> Function:
    """An activation by its name, or the function itself.

    Raises
    ------
    InputError
        For an unknown name.

    >>> get_activation("tanh") is np.tanh
    True
    """
    return named("activation", function, ACTIVATIONS, "a function of an array")


def activation_name(function: str | Function) -> str:
    return function if isinstance(function, str) else getattr(function, "__name__", "function")
