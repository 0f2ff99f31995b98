"""When to stop: the best epoch so far, patience with those that are no better, a word of the user.

    stop after epoch e  if no epoch of the last p was better than the best before them

On data that are not trained on, the loss falls and later rises again: from there on the net learns
the noise of its examples.  Stopping at the best epoch is a regulariser of its own (Prechelt 1998,
*Early stopping — but when?*; Goodfellow, Bengio & Courville 2016, section 7.8).  Nothing is decided
that the history does not show, so a training that is resumed stops where it would have stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from diffkit.errors import InputError

if TYPE_CHECKING:
    from diffkit.training.run import Run

__all__ = ["MONITORS", "Best", "Stopping"]

# What can be monitored: where it stands in the history, and the sign that makes less better.
MONITORS = {
    "loss": ("epoch_loss", 1),
    "accuracy": ("accuracy", -1),
    "validation_loss": ("validation_loss", 1),
    "validation_accuracy": ("validation_accuracy", -1),
}
STOP = "stop"


@dataclass(frozen=True)
class Best:
    """The best epoch of a run (from 1), the value that says so, and the weights after it."""

    epoch: int
    value: float
    params: Any


@dataclass(frozen=True)
class Stopping:
    """What is looked at after an epoch; ``monitor`` is None where nothing is.

    Raises
    ------
    InputError
        For an unknown monitor, one that is not measured, or a patience that is no count.
    """

    monitor: str | None = None
    patience: int | None = None
    on_epoch: Callable[[Run], str | None] | None = None

    def __post_init__(self) -> None:
        patience, whole = self.patience, (int, np.integer)
        counts = isinstance(patience, whole) and not isinstance(patience, bool) and patience > 0
        if patience is not None and not counts:
            raise InputError(
                f"patience must be a whole number of at least 1, not {patience!r:.40}",
                hint="it counts the epochs that may pass without a better one.",
            )
        if self.on_epoch is not None and not callable(self.on_epoch):
            raise InputError(
                f"on_epoch is {self.on_epoch!r:.40}, not a function of the run",
                hint='for example lambda run: "stop" if run.history["accuracy"][-1] > 0.99 '
                "else None.",
            )
        if self.monitor is not None and self.monitor not in MONITORS:
            raise InputError(
                f"cannot monitor {self.monitor!r:.40}", hint=f"choose among {', '.join(MONITORS)}."
            )

    @classmethod
    def of(
        cls, run: Run, validated: bool, monitor: str | None, patience: int | None, on_epoch: Any
    ) -> Stopping:
        """The stopping of a run; by default its validation loss is monitored, where there is one.

        Raises
        ------
        InputError
            When the monitor asks for what is not measured.
        """
        if monitor is None and (validated or patience is not None):
            monitor = "validation_loss" if validated else "loss"
        found = cls(monitor, patience, on_epoch)
        if monitor is not None and monitor.startswith("validation") and not validated:
            raise InputError(
                f"there is no {monitor.replace('_', ' ')} without validation data",
                hint="pass validation=(x, y).",
            )
        if monitor is not None and monitor.endswith("accuracy") and not _classifies(run.loss):
            raise InputError(
                "there is no accuracy to monitor: the loss does not classify",
                hint='monitor="validation_loss" looks at the loss.',
            )
        return found

    @property
    def looks(self) -> bool:
        """Whether the parameters are needed after every epoch."""
        return self.monitor is not None or self.on_epoch is not None

    def after_epoch(self, run: Run) -> bool:
        """Keep the best, and say whether to stop; ``run.stopped`` says why.

        Raises
        ------
        InputError
            When ``on_epoch`` answers with anything but None or "stop".
        """
        if self.monitor is not None:
            self._keep_best(run, *MONITORS[self.monitor])
        if self.on_epoch is not None:
            answer = self.on_epoch(run)
            if answer is not None and not (isinstance(answer, str) and answer == STOP):
                raise InputError(
                    f"on_epoch gave {answer!r:.40} after epoch {len(run.history['epoch_loss'])}",
                    hint='it gives "stop" to stop, or nothing to go on.',
                )
            if answer is not None:
                run.stopped = "on_epoch said stop"
        return run.stopped is not None

    def _keep_best(self, run: Run, name: str, sign: int) -> None:
        values = run.history.get(name, [])
        if not values:
            return
        best, value = run.best, values[-1]
        if best is None or np.isnan(best.value) or sign * value < sign * best.value:
            run.best = Best(len(values), value, run.params)
        elif self.patience is not None and len(values) - best.epoch >= self.patience:
            words = name.replace("_", " ")
            run.stopped = f"no better {words} for {self.patience} epochs"


def _classifies(loss: Any) -> bool:
    return hasattr(loss, "accuracy") and getattr(loss, "classifies", True)
