"""What the tests of checkpoints share: a training that is killed within, and one that is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trained import quiet_train, same_bits

import diffkit as dk
from diffkit.training.run import Run

RNG = np.random.default_rng(17)
X = RNG.normal(size=(23, 4))
Y = np.arange(23) % 3
NET = dk.nets.mlp([4, 6, 3], activation="tanh")
LOSS = NET.with_loss(dk.losses.cross_entropy, l2=1e-3)
EPOCHS = 5


class KilledError(Exception):
    """What ends a training in these tests, where a process would be killed."""


def kill_in(epoch: int) -> Callable[[Run], None]:
    """A callback that ends the training in this epoch (from 0), before it is saved."""

    def on_epoch(run: Run) -> None:
        if len(run.history["epoch_loss"]) == epoch + 1:
            raise KilledError

    return on_epoch


def nothing(run: Run) -> None:
    """A callback that does nothing."""


def begun(folder: Path, epoch: int = 2, *args: Any, **options: Any) -> None:
    """A training that was killed in an epoch (from 0)."""
    arguments = args or (LOSS, NET.init(0), (X, Y))
    settings = {"epochs": EPOCHS, "batch_size": 5, "on_epoch": kill_in(epoch)} | options
    with pytest.raises(KilledError):
        quiet_train(*arguments, checkpoint=folder, **settings)


def whole(*args: Any, **options: Any) -> Run:
    """The same training, uninterrupted."""
    arguments = args or (LOSS, NET.init(0), (X, Y))
    return quiet_train(*arguments, **({"epochs": EPOCHS, "batch_size": 5} | options))


def same_run(one: Run, other: Run) -> bool:
    """Whether nothing differs, in any bit."""
    return (same_bits(one.params, other.params) and one.history == other.history
            and one.signal.to_dict() == other.signal.to_dict() and one.engine == other.engine
            and repr(one.best) == repr(other.best) and one.stopped == other.stopped)  # fmt: skip
