"""Schedules that rise and fall: warm restarts, triangles, and one cycle.

    warm restarts   ηmin + ½(η₀ − ηmin)(1 + cos π T_cur/T_i),   T_i = T₀ · mⁱ
    cyclic          base + (max − base) · max(0, 1 − |t/s − 2c + 1|) · k,   c = ⌊1 + t/2s⌋
                    k = 1 (triangular), 2^{1−c} (triangular2), γᵗ (exp_range)
    one cycle       η/25 → η over the first 30 %, then → η/(25 · 10⁴)

While the rate is high the momentum may be low (Smith 2018, *A disciplined approach*): give
``momentum=(low, high)`` to a cycle, and an optimizer that has a momentum follows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from diffkit.errors import InputError
from diffkit.optim.decays import check_minimum, cosine_between, within_an_epoch
from diffkit.optim.schedule import (
    LONGER,
    OfLength,
    Schedule,
    check_count,
    check_rate,
    is_number,
)

__all__ = ["CosineRestarts", "Cyclic", "OneCycle", "cosine_restarts", "cyclic", "one_cycle"]

# Smith & Topin 2018, *Super-convergence*, with PyTorch's defaults: start at 1/25 of the peak,
# rise for 30 % of the training, end at 1/10⁴ of the start.
ONE_CYCLE_START, ONE_CYCLE_RISE, ONE_CYCLE_END = 25.0, 0.3, 1e4
MODES = ("triangular", "triangular2", "exp_range")

Momenta = tuple[float, float] | None


def _check_momenta(momentum: Any) -> None:
    if momentum is None:
        return
    pair = isinstance(momentum, tuple) and len(momentum) == 2 and all(map(is_number, momentum))
    if not (pair and 0 < momentum[0] <= momentum[1] < 1):
        raise InputError(
            f"the momentum of a cycle is a pair of a low and a high one, not {momentum!r}",
            hint="for example momentum=(0.85, 0.95).",
        )


@dataclass(frozen=True)
class CosineRestarts(Schedule):
    """Half a cosine again and again, each ``growth`` times as long as the one before."""

    first: int = 100
    growth: int = 1
    minimum: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count(self.first, "first")
        check_count(self.growth, "growth")
        check_minimum("cosine_restarts", self.minimum, self.rate)

    def formula(self, t: Any) -> Any:
        since, length = self._place(t)
        return cosine_between(self.rate, self.minimum, since / length)

    def _place(self, t: Any) -> tuple[Any, Any]:
        """Updates since the last restart, and updates to the next one from there."""
        if self.growth == 1:
            return t - self.first * np.floor(t / self.first), self.first
        ratio = self.growth - 1.0
        about = np.floor(np.log(t / self.first * ratio + 1) / np.log(self.growth))
        about = np.where(t < self._begin(about), about - 1, about)  # logarithms are rounded
        period = np.where(t >= self._begin(about + 1), about + 1, about)
        return t - self._begin(period), self.first * self.growth**period

    def _begin(self, period: Any) -> Any:
        """The update at which a period begins, T₀ (mⁱ − 1)/(m − 1)."""
        return self.first * (self.growth**period - 1) / (self.growth - 1.0)

    def trouble(self, total: int, per_epoch: int) -> str | None:
        if self.growth == 1 and within_an_epoch(self.first, total, per_epoch):
            return f"cosine_restarts(first={self.first}) starts again {per_epoch // self.first} " \
                   "times or more in each epoch"  # fmt: skip
        if self.first > LONGER * total:
            return f"cosine_restarts(first={self.first}) is not over once in {total} updates"
        return None


@dataclass(frozen=True)
class Cyclic(Schedule):
    """Triangles between two rates; ``rate`` is the lower one."""

    high: float = 1.0
    up: int = 2000
    down: int | None = None
    mode: str = "triangular"
    factor: float = 1.0
    momentum: Momenta = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_rate(self.high, "the high rate")
        if self.high < self.rate:
            raise InputError(
                f"cyclic rises from the low rate to the high one, but {self.rate:g} is above "
                f"{self.high:g}",
                hint=f"write cyclic({self.high:g}, {self.rate:g}, …).",
            )
        check_rate(self.factor, "the factor")
        check_count(self.up, "up")
        check_count(self.down, "down")
        _check_momenta(self.momentum)
        if self.mode not in MODES:
            raise InputError(
                f"cyclic has no mode {self.mode!r}", hint=f"choose among {', '.join(MODES)}."
            )

    def formula(self, t: Any) -> Any:
        return self.rate + (self.high - self.rate) * self._height(t)

    def _height(self, t: Any) -> Any:
        down = self.up if self.down is None else self.down
        cycle = np.floor(1 + t / (self.up + down))
        since = t - (cycle - 1) * (self.up + down)
        height = np.where(since <= self.up, since / self.up, 1 - (since - self.up) / down)
        if self.mode == "triangular2":
            return height * 0.5 ** (cycle - 1)
        return height * self.factor**t if self.mode == "exp_range" else height[()]

    @property
    def cycles_momentum(self) -> bool:
        return self.momentum is not None

    def momentum_at(self, t: Any) -> Any:
        low, high = self.momentum or (0.0, 0.0)
        return high - (high - low) * self._height(t)

    def trouble(self, total: int, per_epoch: int) -> str | None:
        period = self.up + (self.up if self.down is None else self.down)
        if within_an_epoch(period, total, per_epoch):
            return f"cyclic goes up and down {per_epoch // period} times or more in each epoch"
        if period > LONGER * total:
            return f"cyclic takes {period} updates to go up and down, and there are {total}"
        return None


@dataclass(frozen=True)
class OneCycle(OfLength):
    """Cosine rise from η/25 to the peak η over the first 30 %, then cosine fall to η/(25·10⁴).

    As in PyTorch the peak is at t = 0.3 T − 1, between two updates where that is no whole
    number, and the last of the T updates, t = T − 1, has the final rate.
    """

    rise: float = ONE_CYCLE_RISE
    start: float = ONE_CYCLE_START
    end: float = ONE_CYCLE_END
    momentum: Momenta = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (is_number(self.rise) and 0 < self.rise < 1):
            raise InputError(
                f"the rise of one_cycle is {self.rise!r}, not a share of the training",
                hint="0.3 rises for 30 % of it.",
            )
        check_rate(self.start, "the peak over the first rate")
        check_rate(self.end, "the first rate over the last")
        _check_momenta(self.momentum)

    def formula(self, t: Any) -> Any:
        start = self.rate / self.start
        return self._through(t, start, self.rate, start / self.end)

    def _through(self, t: Any, first: float, top: float, last: float) -> Any:
        """Half a cosine from the first to the top value, and one from there to the last."""
        final, peak = self.length - 1.0, self.rise * self.length - 1.0
        t = np.minimum(t, final)
        rising = cosine_between(first, top, t / peak)
        falling = cosine_between(top, last, (t - peak) / (final - peak))
        return np.where(t <= peak, rising, falling)[()]

    @property
    def cycles_momentum(self) -> bool:
        return self.momentum is not None

    def momentum_at(self, t: Any) -> Any:
        low, high = self.momentum or (0.0, 0.0)
        return self._through(t, high, low, high)


def cosine_restarts(rate: float, first: int, growth: int = 1, minimum: float = 0.0) -> Schedule:
    """Half a cosine down, then up at once, again and again (PyTorch's CosineAnnealingWarmRestarts).

    ``first`` is the length of the first period; each is ``growth`` times that before it.

    Source: Loshchilov & Hutter 2017, *SGDR: stochastic gradient descent with warm restarts*.

    >>> cosine_restarts(1.0, first=10, growth=2)(np.array([0, 5, 10, 20, 30])).round(12).tolist()
    [1.0, 0.5, 1.0, 0.5, 1.0]
    """
    return CosineRestarts(rate, first, growth, minimum)


def cyclic(
    low: float,
    high: float,
    up: int = 2000,
    down: int | None = None,
    mode: str = "triangular",
    factor: float = 1.0,
    momentum: Momenta = None,
) -> Schedule:
    """Triangles between two rates, ``up`` updates up and ``down`` down (PyTorch's CyclicLR).

    ``mode`` is triangular, triangular2 (half as high at each cycle) or exp_range (the height
    falls as ``factor**t``).  ``momentum`` is the pair (low, high) of an inverse cycle.

    Source: Smith 2017, *Cyclical learning rates for training neural networks*.

    >>> cyclic(0.1, 0.5, up=4)(np.array([0, 2, 4, 6, 8])).round(3).tolist()
    [0.1, 0.3, 0.5, 0.3, 0.1]
    """
    return Cyclic(low, high, up, down, mode, factor, momentum)


def one_cycle(
    peak: float,
    steps: int | None = None,
    rise: float = ONE_CYCLE_RISE,
    start: float = ONE_CYCLE_START,
    end: float = ONE_CYCLE_END,
    momentum: Momenta = None,
) -> Schedule:
    """A rate that rises to a peak and falls far below its start (Smith & Topin 2018).

    ``steps`` is the number of updates; ``dk.train`` fills it in.  ``rise`` is the share of them
    up to the peak, ``start`` the peak over the first rate, ``end`` the first rate over the last,
    and ``momentum`` the pair (low, high) of an inverse cycle.

    >>> one_cycle(1.0, steps=100)(29)
    1.0
    """
    return OneCycle(peak, steps, rise, start, end, momentum)
