"""What gradients say of each other from update to update: do they turn, do they agree?

    successive     cos(g_t, g_{t−1})
    snr            ‖G‖ / √tr Σ,      from running means  m = mean of g,  v = mean of g²

Neither is seen in one gradient, so a training carries what it needs: the last gradient, and the two
means, m ← βm + (1−β)g and v ← βv + (1−β)g².  With weights that add up to 1 and whose squares add
up to w, E Σv = ‖G‖² + tr Σ and E‖m‖² = ‖G‖² + w tr Σ for gradients of mean G and covariance Σ, so

    tr Σ ≈ (Σv − ‖m‖²) / (1 − w),      ‖G‖² ≈ ‖m‖² − w tr Σ,      w = (1−β)/(1+β) · (1+βⁿ)/(1−βⁿ)

after n updates: no bias from the noise in m itself, nor from the start.  Written in NumPy, it is
rows of the machine's loop as well as Python.
Reading on: Schaul, Zhang & LeCun 2013, *No more pesky learning rates*, who steer the rate by these
means; Kingma & Ba 2015, section 2.1, where m/√v is called the signal-to-noise ratio.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from diffkit.capture.trees import flatten

__all__ = ["TRAILED", "Trail"]

TRAILED = ("successive", "snr")
# The memory of the running means, that of Adam's first: (1+β)/(1−β) = 19 updates.
BETA = 0.9

Memory = Any
Scalars = dict[str, Any]


class Trail:
    """What of :data:`TRAILED` a training records, and what it carries along for that.

    >>> trail = Trail(("successive",))
    >>> memory = trail.init(np.zeros(2))
    >>> with np.errstate(invalid="ignore"):  # the first gradient has none before it: NaN
    ...     for gradient in (np.array([1.0, 0.0]), np.array([1.0, 1.0])):
    ...         memory, numbers = trail.step(memory, gradient, trail.scalars(0))
    >>> [round(float(cosine), 4) for cosine in numbers]  # of all, and of the one array
    [0.7071, 0.7071]
    """

    def __init__(self, asked: Sequence[str]) -> None:
        self.names = tuple(name for name in TRAILED if name in asked)

    def init(self, params: Any) -> Memory:
        """The memory before the first update: nothing is known."""
        copies = {"successive": ("last",), "snr": ("mean", "square")}
        kept = [name for asked in self.names for name in copies[asked]]
        return {name: [np.zeros_like(leaf) for leaf in flatten(params)[0]] for name in kept}

    def joined(self, state: Any, memory: Memory) -> Any:
        """An optimizer's state with the memory, as one tree; else the state alone."""
        return (state, memory) if self.names else state

    def parted(self, joined: Any) -> tuple[Any, Memory]:
        """The optimizer's state and the memory."""
        return joined if self.names else (joined, {})

    def scalars(self, t: Any) -> Scalars:
        """What depends on the number of the update (or of each of an array of updates)."""
        if "snr" not in self.names:
            return {}
        power = BETA ** (np.asarray(t) + 1.0)
        own = (1 - BETA) / (1 + BETA) * (1 + power) / (1 - power)
        return {"trail_own": np.where(np.asarray(t) > 0, own, np.nan)[()],
                "trail_whole": (1 / (1 - power))[()]}  # fmt: skip

    def step(self, memory: Memory, gradients: Any, scalars: Scalars) -> tuple[Memory, list[Any]]:
        """The memory after an update, and its numbers: for each name, of all and of every array."""
        bars, found, numbers = flatten(gradients)[0], {}, []
        if "successive" in self.names:
            found["last"] = bars
            numbers += _cosines(bars, memory["last"])
        if "snr" in self.names:
            mean = [BETA * m + (1 - BETA) * bar
                    for m, bar in zip(memory["mean"], bars, strict=True)]  # fmt: skip
            square = [BETA * v + (1 - BETA) * (bar * bar)
                      for v, bar in zip(memory["square"], bars, strict=True)]  # fmt: skip
            found |= {"mean": mean, "square": square}
            numbers += _ratios(mean, square, scalars)
        return found, numbers


def _sum(values: Any) -> Any:
    """A sum in float64, whatever the gradients are in."""
    return np.sum(values.astype(float))


def _with_all(parts: list[Any]) -> list[Any]:
    return [sum(parts[1:], parts[0]), *parts]


def _cosines(bars: list[Any], last: list[Any]) -> list[Any]:
    pairs = list(zip(bars, last, strict=True))
    products = _with_all([_sum(a.astype(float) * b) for a, b in pairs])
    squares = [_with_all([_sum(a.astype(float) * a) for a in side]) for side in (bars, last)]
    return [dot / (np.sqrt(a) * np.sqrt(b)) for dot, a, b in zip(products, *squares, strict=True)]


def _ratios(mean: list[Any], square: list[Any], scalars: Scalars) -> list[Any]:
    own, whole = scalars["trail_own"], scalars["trail_whole"]
    means = _with_all([_sum(m.astype(float) * m) * (whole * whole) for m in mean])
    squares = _with_all([_sum(v) * whole for v in square])
    found = []
    for m, v in zip(means, squares, strict=True):
        noise = np.maximum(v - m, 0.0) / (1.0 - own)
        found.append(np.sqrt(np.maximum(m - own * noise, 0.0) / noise))
    return found
