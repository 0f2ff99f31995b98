"""What the tests of training share: data, a net, and a quiet training."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

import diffkit as dk
from diffkit.errors import DivergenceWarning, ScheduleUnitsWarning
from diffkit.training.run import Run
from diffkit.training.signal import parameter_names

EIGENVALUES = np.array([1.0, 10.0, 100.0])
RNG = np.random.default_rng(7)
X = RNG.normal(size=(11, 3))
LABELS = np.array([0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1])
NET = dk.nets.mlp([3, 5, 4, 3], activation="tanh")
LOSS = NET.with_loss(dk.losses.cross_entropy)


def bowl(w: Any, x: Any) -> Any:
    """½ Σ λ w², whatever the data are."""
    return 0.5 * np.sum(EIGENVALUES * w * w) + 0.0 * np.sum(x)


def fit(w: Any, x: Any, y: Any) -> Any:
    """The mean squared error of a linear model."""
    return np.mean((x @ w - y) ** 2)


def quiet_train(*args: Any, **options: Any) -> Run:
    with warnings.catch_warnings():
        for kind in (DivergenceWarning, ScheduleUnitsWarning):
            warnings.simplefilter("ignore", kind)
        return dk.train(*args, **options)


def same_bits(one: Any, other: Any) -> bool:
    return repr(one) == repr(other) and parameter_names(one) == parameter_names(other)


def watched(every: int = 1) -> Run:
    return dk.train(
        LOSS, NET.init(0), (X, LABELS), batch_size=4, epochs=4, record=("loss", "signal"),
        signal_every=every, optimizer=dk.optim.sgd(0.1),
    )  # fmt: skip
