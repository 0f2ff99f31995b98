"""Activations: the functions between linear layers, without which depth would add nothing.

    relu max(x, 0)    tanh    logistic 1/(1 + e⁻ˣ)    softplus log(1 + eˣ)    leaky relu

A saturated activation passes no signal back: the slope of the logistic function is at most 1/4,
so it shrinks the learning signal at every layer (Hochreiter 1991), where a rectifier's slope is
0 or 1.  Reading on: Glorot, Bordes & Bengio 2011, *Deep sparse rectifier neural networks*.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from diffkit.errors import InputError
from diffkit.primitives.piecewise import relu
from diffkit.primitives.transcendental import logistic, softplus

__all__ = ["ACTIVATIONS", "activation_name", "get_activation", "identity", "leaky_relu"]

Function = Callable[[Any], Any]

LEAK = 0.01  # Maas, Hannun & Ng 2013, section 2.1


def identity(x: Any) -> Any:
    """x itself: a linear layer.

    >>> identity(2.0)
    2.0
    """
    return x


def leaky_relu(x: Any) -> Any:
    """x where it is positive, else 0.01·x (and so its slope at 0).

    Source: Maas, Hannun & Ng 2013, *Rectifier nonlinearities improve neural network acoustic
    models*.

    >>> leaky_relu(np.array([-1.0, 2.0])).tolist()
    [-0.01, 2.0]
    """
    return np.where(x > 0, x, LEAK * x)


ACTIVATIONS: dict[str, Function] = {
    "identity": identity,
    "relu": relu,
    "leaky_relu": leaky_relu,
    "tanh": np.tanh,
    "logistic": logistic,
    "sigmoid": logistic,
    "softplus": softplus,
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
