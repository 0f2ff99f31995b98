"""Gradient descent, with momentum or without, and Adam.

    gradient descent   w ← w − η g
    momentum           v ← μ v + g,   w ← w − η v         (Nesterov: w ← w − η (g + μ v))
    Adam               w ← w − η m̂ / (√v̂ + ε)

They are pure pairs (init, update), see :mod:`diffkit.optim.base`.  Reading on: Bottou, Curtis &
Nocedal 2018, *Optimization methods for large-scale machine learning*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from diffkit.errors import InputError
from diffkit.optim.base import Optimizer, mean_of, tree_map
from diffkit.optim.schedule import Rate, as_schedule, is_number

__all__ = ["SGD", "Adam", "adam", "gradient_descent", "nesterov", "sgd"]


@dataclass(frozen=True)
class SGD(Optimizer):
    """Gradient descent, with momentum and Nesterov's variant (PyTorch's conventions)."""

    momentum: float = 0.0
    nesterov: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (is_number(self.momentum) and 0 <= self.momentum < 1):
            raise InputError(
                f"momentum must be at least 0 and below 1, not {self.momentum!r}", hint="try 0.9."
            )
        if self.nesterov and not self.momentum:
            raise InputError("nesterov needs a momentum", hint="add momentum=0.9.")
        if as_schedule(self.rate).cycles_momentum and not self.momentum:
            raise InputError(
                "the schedule cycles the momentum, but there is none", hint="add momentum=0.9."
            )

    def init(self, params: Any) -> Any:
        return tree_map(np.zeros_like, params) if self.momentum else ()

    def scalars(self, t: Any) -> dict[str, Any]:
        return super().scalars(t) | momentum_of(self, t)

    def step(
        self, gradients: Any, state: Any, params: Any, scalars: dict[str, Any]
    ) -> tuple[Any, Any]:
        rate, share = scalars["rate"], scalars.get("momentum", self.momentum)
        if not self.momentum:
            return tree_map(lambda w, g: w - rate * g, params, gradients), state
        velocity = tree_map(lambda v, g: share * v + g, state, gradients)
        ahead = velocity
        if self.nesterov:
            ahead = tree_map(lambda v, g: g + share * v, velocity, gradients)
        return tree_map(lambda w, d: w - rate * d, params, ahead), velocity


def momentum_of(optimizer: Optimizer, t: Any) -> dict[str, Any]:
    """The momentum of update t among the scalars, where the schedule cycles it."""
    schedule = as_schedule(optimizer.rate)
    return {"momentum": schedule.momentum_at(t)} if schedule.cycles_momentum else {}


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adaptive moments: each weight's step is scaled by the history of its gradient."""

    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        numbers = all(map(is_number, (self.beta1, self.beta2, self.eps)))
        if not (numbers and 0 <= self.beta1 < 1 and 0 <= self.beta2 < 1 and self.eps > 0):
            raise InputError(
                f"adam needs 0 ≤ beta1, beta2 < 1 and eps > 0, not "
                f"{self.beta1!r}, {self.beta2!r}, {self.eps!r}",
                hint="the defaults are 0.9, 0.999 and 1e-8.",
            )

    def init(self, params: Any) -> Any:
        zeros = tree_map(np.zeros_like, params)
        return {"mean": zeros, "square": zeros}

    def scalars(self, t: Any) -> dict[str, Any]:
        """The corrections of both means for their start at zero (Kingma & Ba 2015, section 2).

        η m̂ / (√v̂ + ε) = (η √c₂ / c₁) m / (√v + ε √c₂) with cₖ = 1 − βₖᵗ⁺¹.
        """
        cycled = momentum_of(self, t)
        beta1 = cycled.get("momentum", self.beta1)
        grown1, grown2 = 1 - beta1 ** (t + 1), 1 - self.beta2 ** (t + 1)
        root = grown2**0.5
        return {"rate": self.rate_at(t) * root / grown1, "eps": self.eps * root} | cycled

    def moments(self, gradients: Any, state: Any, scalars: dict[str, Any]) -> tuple[Any, Any]:
        """The running means of g and of g²."""
        mean = mean_of(scalars.get("momentum", self.beta1), state["mean"], gradients)
        square = tree_map(
            lambda v, g: self.beta2 * v + (1 - self.beta2) * g * g, state["square"], gradients
        )
        return mean, square

    def step(
        self, gradients: Any, state: Any, params: Any, scalars: dict[str, Any]
    ) -> tuple[Any, Any]:
        rate, eps = scalars["rate"], scalars["eps"]
        mean, square = self.moments(gradients, state, scalars)
        moved = tree_map(lambda w, m, v: w - rate * m / (np.sqrt(v) + eps), params, mean, square)
        return moved, {"mean": mean, "square": square}


def gradient_descent(rate: Rate) -> Optimizer:
    """Gradient descent, w ← w − η ∇L (Cauchy 1847).

    >>> optimizer = gradient_descent(0.5)
    >>> optimizer.update(2.0, optimizer.init(1.0), 1.0, 0)[0]
    0.0
    """
    return SGD(rate)


def sgd(rate: Rate, momentum: float = 0.0, nesterov: bool = False) -> Optimizer:
    """Stochastic gradient descent with optional momentum, v ← μv + g, w ← w − ηv.

    Source: Robbins & Monro 1951; Polyak 1964 for the momentum; Sutskever et al. 2013 for
    Nesterov's variant, w ← w − η(g + μv).

    >>> optimizer = sgd(0.5, momentum=0.9)
    >>> w, v = optimizer.update(2.0, optimizer.init(np.array(1.0)), 1.0, 0)
    >>> float(w), float(v)
    (0.0, 2.0)
    """
    return SGD(rate, momentum, nesterov)


def nesterov(rate: Rate, momentum: float = 0.9) -> Optimizer:
    """Nesterov's accelerated gradient, v ← μv + g, w ← w − η(g + μv).

    Source: Nesterov 1983, in the form of Sutskever et al. 2013.

    >>> nesterov(0.1)
    SGD(rate=0.1, momentum=0.9, nesterov=True)
    """
    return SGD(rate, momentum, nesterov=True)


def adam(rate: Rate, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8) -> Optimizer:
    """Adam: w ← w − η m̂ / (√v̂ + ε) with running means m of g and v of g².

    Source: Kingma & Ba 2015, *Adam: a method for stochastic optimization*.

    >>> optimizer = adam(0.1)
    >>> w, _ = optimizer.update(3.0, optimizer.init(np.array(1.0)), np.array(1.0), 0)
    >>> round(float(w), 6)  # the first step has the length of the rate
    0.9
    """
    return Adam(rate, beta1, beta2, eps)
