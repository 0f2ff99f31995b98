"""The kinds of optimizers: gradient descent and its kin, adaptive ones, wrappers, and the list.

They are pure pairs (init, update), see :mod:`diffkit.optim.base`:

    state = init(params)        params, state = update(gradients, state, params, t)

:mod:`diffkit.optim.descent` has SGD and Adam, :mod:`diffkit.optim.adaptive` those that give each
weight a rate of its own in other ways, :mod:`diffkit.optim.wrappers` clipping and weight decay,
:mod:`diffkit.optim.full_batch` L-BFGS and Newton-CG.  Reading on: docs/optimizers.md.
"""

from __future__ import annotations

from typing import Any

from diffkit.optim.adaptive import Adadelta, Adagrad, AMSGrad, Lion, Nadam, RMSProp
from diffkit.optim.base import Optimizer, settings_of
from diffkit.optim.descent import SGD, Adam
from diffkit.optim.full_batch import LBFGS, FullBatch, NewtonCG
from diffkit.optim.wrappers import (
    ClippedNorm,
    ClippedValues,
    Decayed,
    adamw,
    clip_norm,
    clip_values,
    weight_decay,
)

__all__ = [
    "ALL_OPTIMIZERS",
    "FULL_BATCH_OPTIMIZERS",
    "LBFGS",
    "SGD",
    "AMSGrad",
    "Adadelta",
    "Adagrad",
    "Adam",
    "ClippedNorm",
    "ClippedValues",
    "Decayed",
    "FullBatch",
    "Lion",
    "Nadam",
    "NewtonCG",
    "Optimizer",
    "RMSProp",
    "own_settings",
]

# One of each kind; every test of optimizers runs over this list.
ALL_OPTIMIZERS: tuple[Optimizer, ...] = (
    SGD(0.1),
    SGD(0.1, 0.9),
    SGD(0.1, 0.9, True),
    Adagrad(0.1),
    RMSProp(0.01),
    RMSProp(0.01, momentum=0.9, centered=True),
    Adadelta(1.0),
    Adam(0.1),
    adamw(0.1),
    Nadam(0.1),
    AMSGrad(0.1),
    Lion(0.01),
    clip_values(SGD(0.1, 0.9), 0.5),
    clip_norm(Adam(0.1), 1.0),
    weight_decay(SGD(0.1, 0.9), 0.01, decoupled=False),
)
# These look at the loss itself, over the whole data, and not only at a gradient.
FULL_BATCH_OPTIMIZERS: tuple[FullBatch, ...] = (LBFGS(1.0), NewtonCG(1.0))

_KINDS = tuple({type(optimizer) for optimizer in ALL_OPTIMIZERS})


def own_settings(optimizer: Optimizer) -> tuple[Any, ...] | None:
    """All that a step depends on besides its scalars; None where the user's own code is in it.

    >>> own_settings(SGD(0.1)) == own_settings(SGD(0.2)) != own_settings(SGD(0.1, 0.9))
    True
    """
    return settings_of(optimizer, _KINDS)
