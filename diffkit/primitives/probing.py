"""Probes: identities with a name, through which the learning signal is watched.

    h ↦ h,   with   h̄ = ∂L/∂h   on record.

A probe changes no value and no derivative.  It gives a node of the graph a name, so that the
gradient graph can also yield the value there and its cotangent (Baydin et al. 2018, section 3.2,
call the cotangent the adjoint).
"""

from __future__ import annotations

from typing import Any

from diffkit.errors import InputError
from diffkit.graph.primitive import Elementwise, primitive
from diffkit.primitives.domains import reals

__all__ = ["probe", "probe_point"]


@primitive
class probe_point(Elementwise):
    """Identity with a name, whose value and cotangent a gradient graph can yield."""

    name = "probe"
    domain, kinks, flops = reals, (), 0
    floating, analytic, emit = False, True, "{0}"

    def value(self, x: Any, name: str) -> Any:
        return x

    def sympy(self, x: Any, name: str) -> Any:
        return x

    def partials(self, y: Any, x: Any, name: str) -> Any:
        return (lambda: 1,)


def probe(name: str, x: Any) -> Any:
    """The value itself, under a name by which its cotangent can be asked for.

    ``x`` is an array or number of any shape; outside a capture it is returned as it is.

    Raises
    ------
    InputError
        When the name is not text.

    Source: the adjoint of an intermediate variable, Griewank & Walther 2008, section 3.2.

    >>> import numpy as np, diffkit as dk
    >>> def loss(w):
    ...     h = dk.probe("hidden", w * 2.0)
    ...     return h**2
    >>> value, slope, probes = dk.value_and_grad(loss, probes=True)(3.0)
    >>> float(slope), float(probes["hidden"].value), float(probes["hidden"].cotangent)
    (24.0, 6.0, 12.0)
    """
    if not isinstance(name, str) or not name:
        raise InputError(f"a probe's name is text, not {name!r}", hint='write dk.probe("h1", h).')
    return probe_point(x, name=name) if hasattr(x, "bind_primitive") else x
