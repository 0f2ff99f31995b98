"""A training that is begun, killed and gone on with: run as a process by the tests of checkpoints.

    python killed_training.py FOLDER ENGINE

It begins the training in FOLDER, or goes on with the one whose checkpoint is there, and prints the
number of every epoch that is done.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

import diffkit as dk
from diffkit.training.run import Run

EPOCHS = 200
RNG = np.random.default_rng(5)
X = RNG.normal(size=(60, 6))
Y = np.arange(60) % 3
DATA, TEST = (X[:45], Y[:45]), (X[45:], Y[45:])
NET = dk.nets.mlp([6, 12, 3], activation="tanh")
KEEP = 0.8


def with_dropout(params: Any, x: Any, y: Any, rng: Any = None) -> Any:
    """Cross-entropy of a net whose inputs are dropped at random while it is trained."""
    if rng is not None:
        kept = dk.random.uniform(rng, x.shape) < KEEP
        x = np.where(kept, x / KEEP, 0.0)
    return dk.losses.cross_entropy(NET(params, x), y)


def begin(engine: str, checkpoint: Any = None, **options: Any) -> Run:
    """The training that is killed, from its start."""
    return dk.train(
        with_dropout, NET.init(0), DATA, batch_size=8, epochs=EPOCHS, seed=3, validation=TEST,
        optimizer=dk.optim.adam(dk.optim.schedules.one_cycle(0.02)), record=("loss", "signal"),
        signal_every=50, engine=engine, checkpoint=checkpoint, **options,
    )  # fmt: skip


def go_on(folder: Path, **options: Any) -> Run:
    """The same training from its checkpoint."""
    return dk.resume(folder, loss=with_dropout, data=DATA, validation=TEST, **options)


def say(run: Run) -> None:
    """Print the number of epochs that are done, at once."""
    os.write(1, f"{len(run.history['epoch_loss'])}\n".encode())


def main(folder: Path, engine: str) -> None:
    """Begin, or go on."""
    if (folder / "checkpoint.npz").exists():
        go_on(folder, on_epoch=say)
    else:
        begin(engine, folder, on_epoch=say)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
