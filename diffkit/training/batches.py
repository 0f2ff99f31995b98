"""Which examples take part in which update.

Full batch, mini-batch and single example differ in one number, the batch size.  The order is
drawn from NumPy's generator, one permutation per epoch (sampling without replacement, as in
practice; Bottou 2012, *Stochastic gradient descent tricks*), or given by the user: as batches,
the same in every epoch, or with a batch size as one order of all rows for every epoch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
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
        given = None if order is None else _given_order(order, n)
        self.orders = None if batch_size is None else _orders(given, self.size, self.epochs)
        self.given = None if self.orders is not None else given
        if self.given is not None and batch_size is not None:
            _check_sizes(self.given, self.size)

    @property
    def is_given(self) -> bool:
        """Whether the order comes from the user and not from the seed."""
        return self.given is not None or self.orders is not None

    @property
    def rows(self) -> int:
        """The number of rows that an epoch shows."""
        if self.given is not None:
            return sum(map(len, self.given))
        return self.n if self.orders is None else self.orders.shape[1]

    @property
    def per_epoch(self) -> int:
        """The number of updates per epoch."""
        return len(self.given) if self.given is not None else -(-self.rows // self.size)

    @property
    def all_in_order(self) -> bool:
        """Whether every batch is all of the data as it lies."""
        return self.given is None and self.orders is None and self.size == self.n

    @property
    def sizes(self) -> set[int]:
        """The sizes that batches have."""
        if self.given is not None:
            return {len(batch) for batch in self.given}
        return {self.size, self.rows - (self.per_epoch - 1) * self.size}

    @property
    def total(self) -> int:
        """The number of updates of the whole training."""
        return self.per_epoch * self.epochs

    def epoch(self, number: int) -> Iterator[np.ndarray]:
        """The index arrays of one epoch; the same seed and number give the same order."""
        if self.given is not None:
            yield from self.given
            return
        order = self._order(number)
        for start in range(0, len(order), self.size):
            yield order[start : start + self.size]

    def _order(self, number: int) -> np.ndarray:
        """The rows of one epoch in the order in which they are shown."""
        if self.orders is not None:
            return self.orders[number]
        if self.size == self.n:
            return np.arange(self.n)
        return np.random.default_rng([self.seed, number]).permutation(self.n)

    def blocks(self, number: int) -> Iterator[np.ndarray]:
        """The batches of one epoch as arrays (updates, rows), one per run of equal sizes."""
        if self.given is not None:
            for _, batches in groupby(self.given, len):
                yield np.stack(list(batches))
            return
        order = self._order(number)
        whole = len(order) - len(order) % self.size
        if whole:
            yield order[:whole].reshape(-1, self.size)
        if whole < len(order):
            yield order[None, whole:]


def _given_order(order: Sequence[Sequence[int]], n: int) -> list[np.ndarray]:
    if isinstance(order, str) or not isinstance(order, Sequence | np.ndarray) or not len(order):
        raise InputError(
            "order must be a list of batches, each a list of row numbers",
            hint="for example order=[[0, 1], [2, 3]].",
        )
    if isinstance(order, np.ndarray) and order.ndim == 2 and order.size:
        return list(_indices(order.ravel(), n).reshape(order.shape))
    return [_indices(batch, n) for batch in order]


def _orders(given: list[np.ndarray] | None, size: int, epochs: int) -> np.ndarray | None:
    """One order of rows for every epoch, to be cut into batches, if that is what was given."""
    if given is None or len(given) != epochs or min(map(len, given)) <= size:
        return None
    return np.stack(given) if len({len(order) for order in given}) == 1 else None


def _check_sizes(batches: Sequence[np.ndarray], size: int) -> None:
    """Refuse an order that says something else than the batch size beside it."""
    lengths = [len(batch) for batch in batches]
    if any(length != size for length in lengths[:-1]) or lengths[-1] > size:
        wrong = next(length for length in lengths if length != size)
        raise InputError(
            f"order has a batch of {wrong} rows, but batch_size is {size}",
            hint="leave batch_size out, or give the order of all rows for every epoch.",
        )


def _indices(batch: Sequence[int] | np.ndarray, n: int) -> np.ndarray:
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
