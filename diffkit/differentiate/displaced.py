"""Runs of a function at displaced points, counted: what finite differences are made of.

One number of one argument moves, x + t eⱼ, or all move along a direction, x + t v; the rest of the
arguments stays as it is, in its own dtype.  The differences are in ``finite.py``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from diffkit.differentiate.method import Captured
from diffkit.engines.calling import user_level

__all__ = ["Runs", "moved", "summed"]

GOLDEN = (5**0.5 - 1) / 2  # its multiples modulo 1 are spread evenly (Knuth, TAOCP 3, 6.4)


class Runs:
    """Runs of a function at displaced points, counted."""

    def __init__(self, function: Captured, leaves: Sequence[Any], engine: str) -> None:
        self.function, self.leaves, self.engine = function, list(leaves), engine
        self.count = self.combining = 0
        self.notes: dict[type[Warning], str] = {}
        self.base = self._run(self.leaves)

    def note(self, category: type[Warning], text: str) -> None:
        """Keep the first thing of its kind that is to be told."""
        self.notes.setdefault(category, text)

    def tell(self) -> None:
        """Warn of what was noted."""
        for category, text in self.notes.items():
            warnings.warn(text, category, stacklevel=user_level())

    def _run(self, leaves: list[Any]) -> list[Any]:
        self.count += 1
        return self.function.values(leaves, self.engine)

    def displacer(self, place: int, element: int) -> Callable[[float], list[Any]]:
        """The outputs as a function of the displacement of one element of one leaf."""

        def at_displacement(t: float) -> list[Any]:
            return self.base if t == 0.0 else self._run(self.displaced(place, element, t))

        return at_displacement

    def displaced(self, place: int, element: int, t: float) -> list[Any]:
        """The arguments with one element of one leaf moved by t."""
        leaf = np.array(self.leaves[place], order="C")
        leaf.reshape(-1)[element] += leaf.dtype.type(t)
        return [*self.leaves[:place], leaf[()], *self.leaves[place + 1 :]]

    def along(self, tangents: Sequence[Any], t: float) -> list[Any]:
        """The outputs at x + t v."""
        if t == 0.0:
            return self.base
        pairs = zip(self.leaves, tangents, strict=True)
        return self._run([x if v is None else moved(x, v, t) for x, v in pairs])


def moved(x: Any, v: Any, t: float) -> Any:
    """x + t v in the dtype of x.

    >>> float(moved(np.float32(1.0), 2.0, 0.25)), moved(np.float32(1.0), 2.0, 0.25).dtype
    (1.5, dtype('float32'))
    """
    x = np.asarray(x)
    return (x + np.asarray(t * np.asarray(v), x.dtype)).astype(x.dtype, copy=False)[()]


def summed(at: Callable[[float], Sequence[Any]]) -> Callable[[float], float]:
    """All outputs as one number, with weights between ½ and 1 that have no pattern.

    >>> round(summed(lambda t: [np.array([t, 2 * t])])(1.0), 2)
    2.38
    """

    def total(t: float) -> float:
        parts = [np.asarray(y, dtype=float).reshape(-1) for y in at(t)]
        row = np.concatenate(parts) if parts else np.zeros(1)
        return float(row @ (1.0 - 0.5 * np.modf(np.arange(row.size) * GOLDEN)[0]))

    return total
