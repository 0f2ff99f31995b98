"""Optimizers: pure pairs (init, update) in plain NumPy.

    state = init(params)        params, state = update(gradients, state, params, t)

An update depends on its number t through a few scalars only (the rate, Adam's corrections), so it
is written as ``update(…, t) = step(…, scalars(t))``: one graph of ``step`` serves all updates of a
training, with the scalars as data.  An optimizer of your own may define ``update`` alone.

Nothing is hidden and nothing is changed in place, so an update is a function like any other: it
can be captured as a graph, differentiated and counted (the form is that of Optax's gradient
transformations).  Trees of arrays are handled leaf by leaf.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import optree

from diffkit.errors import InputError
from diffkit.optim.schedules import Rate, as_schedule, is_number

__all__ = ["ALL_OPTIMIZERS", "SGD", "Adam", "Optimizer", "adam", "gradient_descent", "sgd"]


def tree_map(f: Callable[..., Any], tree: Any, *rest: Any) -> Any:
    """Apply a function to the leaves of trees of one structure."""
    return optree.tree_map(f, tree, *rest)


@dataclass(frozen=True)
class Optimizer:
    """The base of all optimizers: a rule, and a rate (number, schedule or function of the step)."""

    rate: Rate

    def __post_init__(self) -> None:
        schedule = as_schedule(self.rate)
        if callable(self.rate):
            object.__setattr__(self, "rate", schedule)

    def rate_at(self, t: Any) -> Any:
        """The learning rate of update t (from 0), or of an array of updates."""
        return as_schedule(self.rate)(t)

    def for_steps(self, total: int) -> Optimizer:
        """The optimizer with its schedule fitted to a training of ``total`` updates."""
        return replace(self, rate=as_schedule(self.rate).for_steps(total))

    def init(self, params: Any) -> Any:
        """The state before the first update."""
        raise NotImplementedError

    def scalars(self, t: Any) -> dict[str, Any]:
        """What the update needs of its number t (or of an array of them), by name."""
        return {"rate": self.rate_at(t)}

    def step(
        self, gradients: Any, state: Any, params: Any, scalars: dict[str, Any]
    ) -> tuple[Any, Any]:
        """The parameters and the state after the update whose scalars these are."""
        raise NotImplementedError

    def update(self, gradients: Any, state: Any, params: Any, t: Any) -> tuple[Any, Any]:
        """The parameters and the state after update t."""
        return self.step(gradients, state, params, self.scalars(t))


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

    def init(self, params: Any) -> Any:
        return tree_map(np.zeros_like, params) if self.momentum else ()

    def step(
        self, gradients: Any, state: Any, params: Any, scalars: dict[str, Any]
    ) -> tuple[Any, Any]:
        rate = scalars["rate"]
        if not self.momentum:
            return tree_map(lambda w, g: w - rate * g, params, gradients), state
        velocity = tree_map(lambda v, g: self.momentum * v + g, state, gradients)
        ahead = velocity
        if self.nesterov:
            ahead = tree_map(lambda v, g: g + self.momentum * v, velocity, gradients)
        return tree_map(lambda w, d: w - rate * d, params, ahead), velocity


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
        grown1, grown2 = 1 - self.beta1 ** (t + 1), 1 - self.beta2 ** (t + 1)
        root = grown2**0.5
        return {"rate": self.rate_at(t) * root / grown1, "eps": self.eps * root}

    def step(
        self, gradients: Any, state: Any, params: Any, scalars: dict[str, Any]
    ) -> tuple[Any, Any]:
        rate, eps = scalars["rate"], scalars["eps"]
        mean = tree_map(
            lambda m, g: self.beta1 * m + (1 - self.beta1) * g, state["mean"], gradients
        )
        square = tree_map(
            lambda v, g: self.beta2 * v + (1 - self.beta2) * g * g, state["square"], gradients
        )
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


def adam(rate: Rate, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8) -> Optimizer:
    """Adam: w ← w − η m̂ / (√v̂ + ε) with running means m of g and v of g².

    Source: Kingma & Ba 2015, *Adam: a method for stochastic optimization*.

    >>> optimizer = adam(0.1)
    >>> w, _ = optimizer.update(3.0, optimizer.init(np.array(1.0)), np.array(1.0), 0)
    >>> round(float(w), 6)  # the first step has the length of the rate
    0.9
    """
    return Adam(rate, beta1, beta2, eps)


# One of each kind; every test of optimizers runs over this list.
ALL_OPTIMIZERS: tuple[Optimizer, ...] = (
    SGD(0.1),
    SGD(0.1, 0.9),
    SGD(0.1, 0.9, True),
    Adam(0.1),
)
