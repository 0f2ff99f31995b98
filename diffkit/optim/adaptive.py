"""Optimizers that give each weight a rate of its own, from the history of its gradient.

    Adagrad    s ← s + g²                 w ← w − η g / (√s + ε)
    RMSProp    s ← αs + (1 − α)g²         w ← w − η g / (√s + ε)
    Adadelta   d = g √(u + ε) / √(s + ε)  w ← w − η d,    u ← ρu + (1 − ρ)d²
    Nadam      Adam that looks one step of its momentum ahead
    AMSGrad    Adam whose √v̂ never falls
    Lion       w ← w − η sign(β₁m + (1 − β₁)g),    m ← β₂m + (1 − β₂)g

A weight whose gradient is seldom or small gets longer steps, which is what word counts, deep nets
and badly scaled inputs want.  The conventions (where ε stands, which default) are PyTorch's.
Reading on: Ruder 2016, *An overview of gradient descent optimization algorithms*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from diffkit.optim.base import Optimizer, check_share, check_size, mean_of, tree_map
from diffkit.optim.descent import Adam
from diffkit.optim.schedule import Rate

__all__ = [
    "AMSGrad",
    "Adadelta",
    "Adagrad",
    "Lion",
    "Nadam",
    "RMSProp",
    "adadelta",
    "adagrad",
    "amsgrad",
    "lion",
    "nadam",
    "rmsprop",
]

Scalars = dict[str, Any]
# Dozat 2016, section 3.2: the momentum warms up as β₁(1 − ½ · 0.96^(t ψ)).
NADAM_BASE, NADAM_SHARE = 0.96, 0.5


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """The rate of each weight falls with the sum of its squared gradients."""

    eps: float = 1e-10
    decay: float = 0.0
    start: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_size("adagrad", eps=self.eps)
        check_size("adagrad", zero=True, decay=self.decay, start=self.start)

    def init(self, params: Any) -> Any:
        return tree_map(lambda w: np.zeros_like(w) + self.start * np.ones_like(w), params)

    def scalars(self, t: Any) -> Scalars:
        return {"rate": self.rate_at(t) / (1 + t * self.decay)}

    def step(self, gradients: Any, state: Any, params: Any, scalars: Scalars) -> tuple[Any, Any]:
        rate, eps = scalars["rate"], self.eps
        total = tree_map(lambda s, g: s + g * g, state, gradients)
        return tree_map(
            lambda w, g, s: w - rate * g / (np.sqrt(s) + eps), params, gradients, total
        ), total


@dataclass(frozen=True)
class RMSProp(Optimizer):
    """Gradients over their root mean square, optionally centred and with momentum."""

    share: float = 0.99
    eps: float = 1e-8
    momentum: float = 0.0
    centered: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_share("rmsprop", share=self.share, momentum=self.momentum)
        check_size("rmsprop", eps=self.eps)

    def init(self, params: Any) -> Any:
        names = ["square", *["mean"] * self.centered, *["velocity"] * bool(self.momentum)]
        return {name: tree_map(np.zeros_like, params) for name in names}

    def step(self, gradients: Any, state: Any, params: Any, scalars: Scalars) -> tuple[Any, Any]:
        rate, eps = scalars["rate"], self.eps
        new = {"square": mean_of(self.share, state["square"], _squares(gradients))}
        spread = new["square"]
        if self.centered:
            new["mean"] = mean_of(self.share, state["mean"], gradients)
            spread = tree_map(lambda s, m: s - m * m, spread, new["mean"])
        ahead = tree_map(lambda g, s: g / (np.sqrt(s) + eps), gradients, spread)
        if self.momentum:
            ahead = tree_map(lambda v, d: self.momentum * v + d, state["velocity"], ahead)
            new["velocity"] = ahead
        return tree_map(lambda w, d: w - rate * d, params, ahead), new


@dataclass(frozen=True)
class Adadelta(Optimizer):
    """Steps in the units of the weights: their own root mean square over that of gradients."""

    share: float = 0.9
    eps: float = 1e-6

    def __post_init__(self) -> None:
        super().__post_init__()
        check_share("adadelta", share=self.share)
        check_size("adadelta", eps=self.eps)

    def init(self, params: Any) -> Any:
        zeros = tree_map(np.zeros_like, params)
        return {"square": zeros, "steps": zeros}

    def step(self, gradients: Any, state: Any, params: Any, scalars: Scalars) -> tuple[Any, Any]:
        rate, eps = scalars["rate"], self.eps
        square = mean_of(self.share, state["square"], _squares(gradients))
        ahead = tree_map(
            lambda g, s, u: g * np.sqrt(u + eps) / np.sqrt(s + eps),
            gradients, square, state["steps"],
        )  # fmt: skip
        moved = tree_map(lambda w, d: w - rate * d, params, ahead)
        steps = mean_of(self.share, state["steps"], _squares(ahead))
        return moved, {"square": square, "steps": steps}


@dataclass(frozen=True)
class Nadam(Adam):
    """Adam with Nesterov's look ahead, and a momentum that warms up."""

    warming: float = 4e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        check_size("nadam", zero=True, warming=self.warming)

    def init(self, params: Any) -> Any:
        ones = tree_map(lambda w: np.ones((), np.asarray(w).dtype), params)
        return super().init(params) | {"product": ones}

    def share_at(self, t: Any) -> Any:
        """The momentum of update t."""
        return self.beta1 * (1 - NADAM_SHARE * NADAM_BASE ** ((t + 1) * self.warming))

    def scalars(self, t: Any) -> Scalars:
        return {
            "rate": self.rate_at(t), "root": (1 - self.beta2 ** (t + 1)) ** 0.5,
            "now": self.share_at(t), "next": self.share_at(t + 1),
        }  # fmt: skip

    def step(self, gradients: Any, state: Any, params: Any, scalars: Scalars) -> tuple[Any, Any]:
        rate, root, now, after = (scalars[name] for name in ("rate", "root", "now", "next"))
        mean, square = self.moments(gradients, state, scalars)
        product = tree_map(lambda p: p * now, state["product"])

        def moved(w: Any, g: Any, m: Any, v: Any, p: Any) -> Any:
            ahead = (1 - now) / (1 - p) * g + after / (1 - p * after) * m
            return w - rate * ahead / (np.sqrt(v) / root + self.eps)

        new = tree_map(moved, params, gradients, mean, square, product)
        return new, {"mean": mean, "square": square, "product": product}


@dataclass(frozen=True)
class AMSGrad(Adam):
    """Adam whose denominator never falls, so that its rates never grow again."""

    def init(self, params: Any) -> Any:
        return super().init(params) | {"largest": tree_map(np.zeros_like, params)}

    def step(self, gradients: Any, state: Any, params: Any, scalars: Scalars) -> tuple[Any, Any]:
        rate, eps = scalars["rate"], scalars["eps"]
        mean, square = self.moments(gradients, state, scalars)
        largest = tree_map(np.maximum, state["largest"], square)
        moved = tree_map(lambda w, m, v: w - rate * m / (np.sqrt(v) + eps), params, mean, largest)
        return moved, {"mean": mean, "square": square, "largest": largest}


@dataclass(frozen=True)
class Lion(Optimizer):
    """The sign of a momentum: every weight moves by the rate, whatever its gradient's size."""

    carries_on: ClassVar[bool] = False

    beta1: float = 0.9
    beta2: float = 0.99

    def __post_init__(self) -> None:
        super().__post_init__()
        check_share("lion", beta1=self.beta1, beta2=self.beta2)

    def init(self, params: Any) -> Any:
        return tree_map(np.zeros_like, params)

    def step(self, gradients: Any, state: Any, params: Any, scalars: Scalars) -> tuple[Any, Any]:
        rate = scalars["rate"]
        ahead = mean_of(self.beta1, state, gradients)
        moved = tree_map(lambda w, c: w - rate * np.sign(c), params, ahead)
        return moved, mean_of(self.beta2, state, gradients)


def _squares(tree: Any) -> Any:
    return tree_map(lambda g: g * g, tree)


def adagrad(rate: Rate, eps: float = 1e-10, decay: float = 0.0, start: float = 0.0) -> Optimizer:
    """Adagrad: s ← s + g², w ← w − η g / (√s + ε), the rate over 1 + t · decay.

    ``start`` is the first value of s.

    Source: Duchi, Hazan & Singer 2011, *Adaptive subgradient methods*.

    >>> optimizer = adagrad(0.5)
    >>> w, s = optimizer.update(np.array(4.0), optimizer.init(np.array(1.0)), np.array(1.0), 0)
    >>> round(float(w), 6), float(s)
    (0.5, 16.0)
    """
    return Adagrad(rate, eps, decay, start)


def rmsprop(
    rate: Rate,
    share: float = 0.99,
    eps: float = 1e-8,
    momentum: float = 0.0,
    centered: bool = False,
) -> Optimizer:
    """RMSProp: s ← αs + (1 − α)g², w ← w − η g / (√s + ε), with α = ``share``.

    ``centered`` takes the variance of the gradient in place of its mean square.

    Source: Tieleman & Hinton 2012, lecture 6.5; Graves 2013 for the centred form.

    >>> optimizer = rmsprop(0.1)
    >>> w, _ = optimizer.update(np.array(4.0), optimizer.init(np.array(1.0)), np.array(1.0), 0)
    >>> round(float(w), 6)  # the first step is η/√(1 − α)
    0.0
    """
    return RMSProp(rate, share, eps, momentum, centered)


def adadelta(rate: Rate = 1.0, share: float = 0.9, eps: float = 1e-6) -> Optimizer:
    """Adadelta: steps of the size of earlier steps, so that no rate has to be chosen.

    Source: Zeiler 2012, *ADADELTA: an adaptive learning rate method*.

    >>> adadelta()
    Adadelta(rate=1.0, share=0.9, eps=1e-06)
    """
    return Adadelta(rate, share, eps)


def nadam(
    rate: Rate, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8, warming: float = 4e-3
) -> Optimizer:
    """Nadam: Adam with Nesterov's momentum, which warms up as β₁(1 − ½ · 0.96^(t ψ)).

    ``warming`` is ψ, PyTorch's ``momentum_decay``.

    Source: Dozat 2016, *Incorporating Nesterov momentum into Adam*.

    >>> nadam(0.002).share_at(0) < nadam(0.002).share_at(1000)
    True
    """
    return Nadam(rate, beta1, beta2, eps, warming)


def amsgrad(rate: Rate, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8) -> Optimizer:
    """AMSGrad: Adam with the largest v so far in the denominator.

    Source: Reddi, Kale & Kumar 2018, *On the convergence of Adam and beyond*.

    >>> amsgrad(0.1)
    AMSGrad(rate=0.1, beta1=0.9, beta2=0.999, eps=1e-08)
    """
    return AMSGrad(rate, beta1, beta2, eps)


def lion(rate: Rate, beta1: float = 0.9, beta2: float = 0.99) -> Optimizer:
    """Lion: w ← w − η sign(β₁m + (1 − β₁)g), then m ← β₂m + (1 − β₂)g.

    Source: Chen et al. 2023, *Symbolic discovery of optimization algorithms*.

    >>> optimizer = lion(0.25)
    >>> w, _ = optimizer.update(np.array(7.0), optimizer.init(np.array(1.0)), np.array(1.0), 0)
    >>> float(w)
    0.75
    """
    return Lion(rate, beta1, beta2)
