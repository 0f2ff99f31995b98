"""What goes around an optimizer: clipped gradients, and weights that decay.

    by value   g ← min(max(g, −c), c)
    by norm    g ← g · min(1, c / ‖g‖)           ‖·‖ over all parameters together
    decay      w ← w − ηλw beside the step (decoupled), or g ← g + λw before it (L2)

A wrapper is an optimizer like any other, so wrappers can be wrapped: the outermost sees the
gradient first.  Adam with decoupled decay is AdamW (Loshchilov & Hutter 2019).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import optree

from diffkit.errors import InputError
from diffkit.optim.base import Optimizer, check_size, tree_map
from diffkit.optim.descent import Adam
from diffkit.optim.schedule import Rate

__all__ = [
    "ClippedNorm",
    "ClippedValues",
    "Decayed",
    "Wrapper",
    "adamw",
    "clip_norm",
    "clip_values",
    "weight_decay",
]

Scalars = dict[str, Any]
# What PyTorch's clip_grad_norm_ adds to the norm, against a division by zero.
NORM_FLOOR = 1e-6
ADAMW_DECAY = 0.01  # PyTorch's


@dataclass(frozen=True, repr=False)
class Wrapper(Optimizer):
    """An optimizer around another one, whose rate is its own."""

    inner: Optimizer

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.inner, Optimizer):
            raise InputError(
                f"there is nothing to wrap in {self.inner!r:.40}",
                hint="give an optimizer first, as in clip_norm(sgd(0.1), 1.0).",
            )
        if not hasattr(self.inner, "step") or type(self.inner).step is Optimizer.step:
            raise InputError(
                f"{type(self.inner).__name__} cannot be wrapped: it has no step of a gradient",
                hint="wrap sgd, adam or another optimizer that follows the gradient.",
            )
        if self.inner.rate != self.rate:
            object.__setattr__(self, "inner", replace(self.inner, rate=self.rate))

    def __repr__(self) -> str:
        settings = [f"{name}={value!r}" for name, value in vars(self).items()
                    if name not in ("rate", "inner")]  # fmt: skip
        return f"{type(self).__name__}({', '.join([repr(self.inner), *settings])})"

    @property
    def carries_on(self) -> bool:  # type: ignore[override]
        """Whether a gradient that is not finite makes parameters that are not."""
        return self.inner.carries_on

    def init(self, params: Any) -> Any:
        return self.inner.init(params)

    def scalars(self, t: Any) -> Scalars:
        return self.inner.scalars(t)


@dataclass(frozen=True, repr=False)
class ClippedValues(Wrapper):
    """Every element of the gradient is brought into −most…most first."""

    carries_on: ClassVar[bool] = False  # type: ignore[misc]

    most: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_size("clipping", most=self.most)

    def step(self, gradients: Any, state: Any, params: Any, scalars: Scalars) -> tuple[Any, Any]:
        clipped = tree_map(lambda g: np.clip(g, -self.most, self.most), gradients)
        return self.inner.step(clipped, state, params, scalars)


@dataclass(frozen=True, repr=False)
class ClippedNorm(Wrapper):
    """A gradient longer than ``most``, over all parameters, is shortened to it first."""

    most: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_size("clipping", most=self.most)

    def step(self, gradients: Any, state: Any, params: Any, scalars: Scalars) -> tuple[Any, Any]:
        length = norm_of(gradients)
        scale = np.minimum(1.0, self.most / (length + NORM_FLOOR))
        clipped = tree_map(lambda g: g * _as_kind(scale, g), gradients)
        return self.inner.step(clipped, state, params, scalars)


def norm_of(tree: Any) -> Any:
    """The Euclidean norm of all leaves together, in double precision."""
    leaves = [np.asarray(leaf) if isinstance(leaf, float) else leaf
              for leaf in optree.tree_leaves(tree)]  # fmt: skip
    wide = [leaf.astype(float) for leaf in leaves]
    return np.sqrt(sum(np.sum(leaf * leaf) for leaf in wide))


def _as_kind(scale: Any, g: Any) -> Any:
    """The scale in the dtype of a gradient, so that float32 stays float32."""
    return scale.astype(g.dtype) if hasattr(g, "dtype") else scale


@dataclass(frozen=True, repr=False)
class Decayed(Wrapper):
    """Weights are drawn to zero: beside the step, or by way of the gradient."""

    decay: float = ADAMW_DECAY
    decoupled: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_size("weight decay", decay=self.decay)

    @property
    def _name(self) -> str:
        """A name among the scalars that no wrapper within has taken."""
        name, inner = "decay", self.inner
        while isinstance(inner, Wrapper):
            name += "'" * isinstance(inner, Decayed)
            inner = inner.inner
        return name

    def scalars(self, t: Any) -> Scalars:
        found = self.inner.scalars(t)
        return found | {self._name: self.decay * self.rate_at(t)} if self.decoupled else found

    def step(self, gradients: Any, state: Any, params: Any, scalars: Scalars) -> tuple[Any, Any]:
        if not self.decoupled:
            pulled = tree_map(lambda g, w: g + self.decay * w, gradients, params)
            return self.inner.step(pulled, state, params, scalars)
        shrink = scalars[self._name]
        moved, after = self.inner.step(gradients, state, params, scalars)
        return tree_map(lambda new, old: new - shrink * old, moved, params), after


def clip_values(optimizer: Optimizer, most: float) -> Optimizer:
    """An optimizer that sees every element of the gradient clipped to −most…most.

    Source: Mikolov 2012, section 3.2.2.

    >>> from diffkit.optim import sgd
    >>> clipped = clip_values(sgd(0.5), 1.0)
    >>> float(clipped.update(np.array(-80.0), (), np.array(1.0), 0)[0])
    1.5
    """
    return ClippedValues(optimizer.rate, optimizer, most)


def clip_norm(optimizer: Optimizer, most: float) -> Optimizer:
    """An optimizer that sees a gradient of at most this norm, over all parameters together.

    Source: Pascanu, Mikolov & Bengio 2013, *On the difficulty of training recurrent neural
    networks*, algorithm 1.

    >>> from diffkit.optim import sgd
    >>> clipped = clip_norm(sgd(1.0), 1.0)
    >>> clipped.update(np.array([30.0, 40.0]), (), np.zeros(2), 0)[0].round(6).tolist()
    [-0.6, -0.8]
    """
    return ClippedNorm(optimizer.rate, optimizer, most)


def weight_decay(optimizer: Optimizer, decay: float, decoupled: bool = True) -> Optimizer:
    """An optimizer whose weights also shrink: by w ← w − ηλw, or by λw in the gradient.

    ``decoupled=False`` is the L2 penalty ½λ‖w‖², which adaptive optimizers then scale like the
    gradient itself.  All parameters decay; leave out what should not by a tree of its own.

    Source: Hanson & Pratt 1988; Loshchilov & Hutter 2019 for the difference.

    >>> from diffkit.optim import sgd
    >>> decayed = weight_decay(sgd(0.5), 0.1)
    >>> float(decayed.update(np.array(0.0), (), np.array(1.0), 0)[0])
    0.95
    """
    return Decayed(optimizer.rate, optimizer, decay, decoupled)


def adamw(
    rate: Rate,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    decay: float = ADAMW_DECAY,
) -> Optimizer:
    """AdamW: Adam with decoupled weight decay, w ← w − η(m̂ / (√v̂ + ε) + λw).

    Source: Loshchilov & Hutter 2019, *Decoupled weight decay regularization*.

    >>> adamw(0.1)
    Decayed(Adam(rate=0.1, beta1=0.9, beta2=0.999, eps=1e-08), decay=0.01, decoupled=True)
    """
    adam = Adam(rate, beta1, beta2, eps)
    return Decayed(adam.rate, adam, decay)
