"""A rate that falls when the training no longer gets better.

    η ← max(γη, ηmin)   after more than ``patience`` epochs without improvement

Which rate comes next is a function of all that was measured so far, so it is computed from the
history of the training each time: there is no state beside it, and a training that is resumed
goes on as it would have.  The rules are those of PyTorch's ReduceLROnPlateau.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from diffkit.errors import InputError
from diffkit.optim.decays import check_minimum
from diffkit.optim.schedule import Constant, Schedule, check_count, check_rate, is_number

__all__ = ["ReduceOnPlateau", "reduce_on_plateau"]

# PyTorch's: a smaller change of the rate is none.
LEAST_CHANGE = 1e-8


@dataclass(frozen=True)
class ReduceOnPlateau(Schedule):
    """η falls by a factor after epochs without improvement."""

    is_formula: ClassVar[bool] = False
    watches: ClassVar[bool] = True

    factor: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    cooldown: int = 0
    minimum: float = 0.0
    monitor: str = "epoch_loss"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_rate(self.factor, "the factor")
        for name in ("patience", "cooldown"):
            count = getattr(self, name)
            check_count(count + 1 if isinstance(count, int) else count, name)
        if self.factor >= 1 or not (is_number(self.threshold) and self.threshold >= 0):
            raise InputError(
                f"reduce_on_plateau needs factor < 1 and threshold ≥ 0, not {self.factor!r}, "
                f"{self.threshold!r}",
                hint="the defaults are 0.1 and 1e-4.",
            )
        check_minimum("reduce_on_plateau", self.minimum, self.rate)

    @property
    def rises(self) -> bool:
        """Whether what is watched gets better by growing."""
        return "accuracy" in self.monitor

    def formula(self, t: Any) -> Any:
        return self.rate + 0.0 * t

    def after(self, history: Mapping[str, Any]) -> Schedule:
        """The rate of the next epoch.

        Raises
        ------
        InputError
            When what is watched is not measured.
        """
        if self.monitor not in history and history.get("epoch_loss"):
            raise InputError(
                f"reduce_on_plateau watches {self.monitor!r}, which is not measured",
                hint="there is a validation_loss with validation=…; epoch_loss is always there.",
            )
        return Constant(self.rate_after(history.get(self.monitor, ())))

    def rate_after(self, measured: Sequence[float]) -> float:
        """The rate after these measurements, one for each epoch.

        >>> ReduceOnPlateau(1.0, patience=1).rate_after([3.0, 2.0, 2.0, 2.0])
        0.1
        """
        rate, best, bad, cooling = self.rate, np.inf, 0, 0
        for value in measured:
            value = -value if self.rises else value
            bound = best - self.threshold * abs(best) if np.isfinite(best) else best
            better = value < bound
            best, bad = (value, 0) if better else (best, bad + 1)
            if cooling:
                cooling, bad = cooling - 1, 0
            if bad > self.patience:
                lower = max(rate * self.factor, self.minimum)
                rate = lower if rate - lower > LEAST_CHANGE else rate
                cooling, bad = self.cooldown, 0
        return rate


def reduce_on_plateau(
    rate: float,
    factor: float = 0.1,
    patience: int = 10,
    threshold: float = 1e-4,
    cooldown: int = 0,
    minimum: float = 0.0,
    monitor: str = "epoch_loss",
) -> Schedule:
    """A rate that falls when no epoch gets better (PyTorch's ReduceLROnPlateau).

    It waits for ``patience`` epochs.  ``monitor`` is a column of ``run.history`` with one number
    per epoch: epoch_loss, validation_loss, accuracy or validation_accuracy.  Better is lower by
    ``threshold`` of the best (higher for an accuracy); after a fall ``cooldown`` epochs do not
    count.

    >>> reduce_on_plateau(0.1, patience=2)(0)
    0.1
    """
    return ReduceOnPlateau(rate, factor, patience, threshold, cooldown, minimum, monitor)
