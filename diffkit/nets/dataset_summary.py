"""The summary of a data set: how large, how many of each class, and how the features lie.

    name, shape of x    classes: n_c and n_c/n    features: least, mean, deviation, largest

A class that is rare, a feature that never changes, and features whose sizes differ by thousands
are what one wants to see before training.  Reading on: Tukey 1977, *Exploratory Data Analysis*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from diffkit.graph.notebook import as_text

if TYPE_CHECKING:
    from diffkit.nets.dataset import Dataset

__all__ = ["DatasetSummary", "summarise"]

MOST_LINES = 12  # of classes that are shown one by one
BAR = 24  # characters of the longest bar


@dataclass(frozen=True, repr=False)
class DatasetSummary:
    """What a data set holds; prints as a few lines.

    ``counts`` are the labels per class (pixels, for masks), empty for a regression; ``features``
    the number of features of one example, ``constant`` how many of them never change.

    >>> from diffkit.nets.drawn import xor
    >>> xor().summary()
    xor: 4 examples of 2 features, the corners of a square, drawn from the seed
      features from -1 to 1, deviations 1 to 1
      class 0    2   50.0%  ████████████████████████
      class 1    2   50.0%  ████████████████████████
    """

    name: str
    source: str
    examples: int
    shape: tuple[int, ...]
    counts: dict[str, int]
    low: float
    high: float
    deviations: tuple[float, float]
    constant: int
    targets: tuple[float, float]

    @property
    def features(self) -> int:
        """How many numbers one example has."""
        return int(np.prod(self.shape))

    def _repr_html_(self) -> str:
        return as_text(self)

    def __repr__(self) -> str:
        sizes = " × ".join(map(str, self.shape))
        unit = "feature" if self.features == 1 else "features"
        first = f"{self.name}: {self.examples:,} examples of {sizes} {unit}, {self.source}"
        return "\n".join([first, self._features(), *self._targets()])

    def _features(self) -> str:
        still = f", {self.constant} constant" if self.constant else ""
        low, high = self.deviations
        return (
            f"  features from {self.low:.4g} to {self.high:.4g}, "
            f"deviations {low:.3g} to {high:.3g}{still}"
        )

    def _targets(self) -> list[str]:
        if not self.counts:
            return [f"  targets from {self.targets[0]:.4g} to {self.targets[1]:.4g}"]
        total, largest = sum(self.counts.values()), max(self.counts.values())
        wide = max(map(len, self.counts))
        digits = len(f"{largest:,}") + 2
        rows = [
            f"  class {name:<{wide}}  {n:>{digits},}  {n / total:6.1%}  {'█' * _bar(n, largest)}"
            for name, n in self.counts.items()
        ]
        left = len(rows) - MOST_LINES
        return [*rows[:MOST_LINES], f"  … and {left} more classes"] if left > 0 else rows


def _bar(n: int, largest: int) -> int:
    return round(BAR * n / largest)


def summarise(data: Dataset) -> DatasetSummary:
    """The summary of a data set.

    >>> from diffkit.nets.drawn import xor
    >>> summarise(xor()).examples
    4
    """
    rows = data.x.reshape(len(data), -1)
    with np.errstate(over="ignore", invalid="ignore"):
        spread = rows.std(axis=0)
    still = (rows == rows[0]).all(axis=0)
    moving = spread[~still] if not still.all() else np.zeros(1)
    counts = {name: int(n) for name, n in zip(data.classes, data.counts, strict=True)}
    return DatasetSummary(
        data.name, data.source, len(data), data.x.shape[1:], counts,
        float(rows.min()), float(rows.max()), (float(moving.min()), float(moving.max())),
        int(still.sum()), (float(data.y.min()), float(data.y.max())),
    )  # fmt: skip
