"""The methods by name: ``dk.methods.Finite(accuracy=4)``, or its short form ``"finite"``."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from diffkit.differentiate.forward import Forward
from diffkit.differentiate.method import Method
from diffkit.differentiate.reverse import Reverse
from diffkit.errors import InputError

if TYPE_CHECKING:
    from diffkit.differentiate.complex_step import ComplexStep
    from diffkit.differentiate.finite import Finite
    from diffkit.differentiate.stochastic import SPSA, ForwardGradient
    from diffkit.differentiate.symbolic import Symbolic
    from diffkit.differentiate.taylor import Taylor

__all__ = [
    "DEFAULT_METHODS",
    "SPSA",
    "ComplexStep",
    "Finite",
    "Forward",
    "ForwardGradient",
    "Method",
    "Reverse",
    "Symbolic",
    "Taylor",
    "get_method",
]

DEFAULT_METHODS = ("symbolic", "finite", "complex", "forward", "reverse")

_CLASSES = {
    "symbolic": "diffkit.differentiate.symbolic:Symbolic",
    "finite": "diffkit.differentiate.finite:Finite",
    "complex": "diffkit.differentiate.complex_step:ComplexStep",
    "forward": "diffkit.differentiate.forward:Forward",
    "reverse": "diffkit.differentiate.reverse:Reverse",
    "taylor": "diffkit.differentiate.taylor:Taylor",
    "forward-gradient": "diffkit.differentiate.stochastic:ForwardGradient",
    "spsa": "diffkit.differentiate.stochastic:SPSA",
}


def get_method(method: str | Method) -> Method:
    """A method object from its short name, or the object itself.

    Raises
    ------
    InputError
        For a name that is not known, and for one whose method needs a seed.

    >>> get_method("forward").name
    'forward'
    """
    if isinstance(method, Method):
        return method
    target = _CLASSES.get(method) if isinstance(method, str) else None
    if target is None:
        raise InputError(f"unknown method {method!r}", hint=f"use one of {', '.join(_CLASSES)}.")
    module, name = target.split(":")
    return getattr(import_module(module), name)()


def __getattr__(name: str) -> Any:
    for target in _CLASSES.values():
        module, cls = target.split(":")
        if cls == name:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'diffkit.methods' has no attribute {name!r}")
