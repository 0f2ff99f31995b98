"""Which examples take part in which update.

Full batch, mini-batch and single example differ in one number, the batch size.  The order is
drawn from NumPy's generator, one permutation per epoch (sampling without replacement, as in
practice; Bottou 2012, *Stochastic gradient descent tricks*), or given by the user.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from diffkit.errors import InputError

__all__ = ["Batches", "take"]


class Batches:
    """The batches of a training: per epoch a list of index arrays.

    The last batch of an epoch is smaller when the batch size does not divide the data.

    Raises
    ------
    InputError
        For a batch larger than the data, empty data, or an order that names missing rows or has
        batches of another size than ``batch_size`` (its last one may be smaller).

    >>> batches = Batches(5, batch_size=2, epochs=1, seed=0)
    >>> [len(batch) for batch in batches.epoch(0)]
    [2, 2, 1]
    """

    def __init__(
        self,
        n: int,
        batch_size: int | None,
        epochs: int,
        seed: int,
        order: Sequence[Sequence[int]] | None = None,
    ) -> None:
        if n < 1:
            raise InputError("there is no data to train on", hint="pass at least one example.")
        size = n if batch_size is None else batch_size
        if not isinstance(size, (int, np.integer)) or isinstance(size, bool) or size < 1:
            raise InputError(
                f"batch_size must be a whole number of at least 1, not {batch_size!r}",
                hint="use None for all examples at once.",
            )
        if size > n:
            raise InputError(
                f"batch_size {size} is larger than the data ({n} examples)",
                hint=f"use a size up to {n}, or None for all examples at once.",
            )
        if not isinstance(epochs, (int, np.integer)) or isinstance(epochs, bool) or epochs < 1:
            raise InputError(
                f"epochs must be a whole number of at least 1, not {epochs!r}",
                hint="an epoch shows every example once.",
            )
        if not isinstance(seed, (int, np.integer)) or isinstance(seed, bool) or seed < 0:
            raise InputError(
                f"seed must be a whole number of at least 0, not {seed!r}", hint="try 0."
            )
        self.n, self.size, self.epochs, self.seed = n, int(size), int(epochs), int(seed)
        self.given = None if order is None else _given_order(order, n)
        if self.given is not None and batch_size is not None:
            _check_sizes(self.given, self.size)

    @property
    def per_epoch(self) -> int:
        """The number of updates per epoch."""
        return len(self.given) if self.given is not None else -(-self.n // self.size)

    @property
    def total(self) -> int:
        """The number of updates of the whole training."""
        return self.per_epoch * self.epochs

    def epoch(self, number: int) -> Iterator[np.ndarray]:
        """The index arrays of one epoch; the same seed and number give the same order."""
        if self.given is not None:
            yield from self.given
            return
        if self.size == self.n:
            yield np.arange(self.n)
            return
        order = np.random.default_rng([self.seed, number]).permutation(self.n)
        for start in range(0, self.n, self.size):
            yield order[start : start + self.size]


def _given_order(order: Sequence[Sequence[int]], n: int) -> list[np.ndarray]:
    if isinstance(order, str) or not isinstance(order, Sequence | np.ndarray) or not len(order):
        raise InputError(
            "order must be a list of batches, each a list of row numbers",
            hint="for example order=[[0, 1], [2, 3]].",
        )
    return [_indices(batch, n) for batch in order]


def _check_sizes(batches: Sequence[np.ndarray], size: int) -> None:
    """Refuse an order that says something else than the batch size beside it."""
    lengths = [len(batch) for batch in batches]
    if any(length != size for length in lengths[:-1]) or lengths[-1] > size:
        wrong = next(length for length in lengths if length != size)
        raise InputError(
            f"order has a batch of {wrong} rows, but batch_size is {size}",
            hint="leave batch_size out: the order says how large each batch is.",
        )


def _indices(batch: Sequence[int], n: int) -> np.ndarray:
    try:
        found = np.asarray(batch)
    except ValueError:  # ragged
        found = np.empty(0)
    if found.ndim != 1 or not found.size or found.dtype.kind not in "iu":
        raise InputError(
            "order must be a list of batches, each a list of row numbers",
            hint="for example order=[[0, 1], [2, 3]].",
        )
    missing = found[(found < 0) | (found >= n)]
    if missing.size:
        raise InputError(
            f"order names row {int(missing[0])}, but the data has {n} rows",
            hint=f"rows count from 0 to {n - 1}.",
        )
    return found


def take(data: Sequence[Any], rows: np.ndarray) -> list[Any]:
    """The chosen rows of every array."""
    return [array[rows] for array in data]
