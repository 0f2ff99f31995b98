"""One split of a data set into a training part and a test part, the same everywhere.

A stratified split keeps the share of each class: of class c with n_c of n examples, the test part
has about

    n_test · n_c / n

(rounded so that the sum is right).  It draws the same examples as scikit-learn's function of this
name, number for number, so that results can be compared; a test holds the two side by side.
Reading on: Pedregosa et al. 2011, *Scikit-learn: Machine learning in Python*; Neyman 1934 on
stratified sampling.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np

from diffkit.errors import InputError, ShapeError

__all__ = ["train_test_split"]


def train_test_split(
    x: Any,
    y: Any,
    test_size: float = 0.2,
    random_state: int = 0,
    stratify: Any = None,
    names: Sequence[str] = (),
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(x_train, x_test, y_train, y_test), shuffled by a seed; scikit-learn draws the same.

    Parameters
    ----------
    x, y
        Arrays of one length.
    test_size
        The share of the test part, between 0 and 1 (rounded up to whole examples).
    random_state
        The seed, a whole number.
    stratify
        Labels whose shares both parts keep (usually y), or None.
    names
        What the labels 0, 1, … are called, for messages.

    Raises
    ------
    ShapeError
        When the lengths differ.
    InputError
        For a share or seed that makes no sense, or too few examples of a class.

    Source: scikit-learn's ``train_test_split`` (Pedregosa et al. 2011).

    >>> parts = train_test_split(np.arange(10), np.arange(10) % 2, stratify=np.arange(10) % 2)
    >>> [part.tolist() for part in parts[2:]]
    [[0, 1, 0, 1, 0, 1, 0, 1], [0, 1]]
    """
    x, y = np.asarray(x), np.asarray(y)
    labels = None if stratify is None else np.asarray(stratify)
    lengths = {len(array) if array.ndim else 0 for array in (x, y, labels) if array is not None}
    if len(lengths) != 1:
        raise ShapeError(
            f"train_test_split: the arrays have different lengths, {sorted(lengths)}",
            hint="give one target for each example.",
        )
    n = lengths.pop()
    test = _test_count(n, test_size)
    rng = _random_state(random_state)
    train_rows, test_rows = (
        _shuffled_parts(n, test, rng) if labels is None else _stratified(labels, test, rng, names)
    )
    return x[train_rows], x[test_rows], y[train_rows], y[test_rows]


def _random_state(seed: Any) -> np.random.RandomState:
    """NumPy's older generator, which scikit-learn draws from."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**32:
        raise InputError(
            f"train_test_split: the seed is {seed!r}, not a whole number ≥ 0",
            hint="write random_state=0, so that the split can be repeated.",
        )
    return np.random.RandomState(seed)


def _test_count(n: int, share: Any) -> int:
    if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 < share < 1:
        raise InputError(
            f"train_test_split: the share of the test part is {share!r}",
            hint="a number between 0 and 1; 0.2 is usual.",
        )
    test = ceil(share * n)
    if test < 1 or test >= n:
        raise InputError(
            f"train_test_split: {n} examples cannot be split into two parts at {share}",
            hint="both parts need an example.",
        )
    return test


def _shuffled_parts(n: int, test: int, rng: np.random.RandomState) -> tuple[np.ndarray, np.ndarray]:
    order = rng.permutation(n)
    return order[test:], order[:test]


def _stratified(
    labels: np.ndarray, test: int, rng: np.random.RandomState, names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of both parts: a share of each class, then shuffled together."""
    if labels.ndim != 1:
        raise ShapeError(
            f"train_test_split: the labels to stratify by have shape {labels.shape}",
            hint="give one label per example.",
        )
    classes, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
    words = [str(names[int(k)] if names else k) for k in classes]
    _check_counts(words, counts, test)
    train_counts = _whole_shares(counts, len(labels) - test, rng)
    test_counts = _whole_shares(counts - train_counts, test, rng)
    rows = np.split(np.argsort(places, kind="stable"), np.cumsum(counts)[:-1])
    train: list[int] = []
    tested: list[int] = []
    for own, k, m in zip(rows, train_counts, test_counts, strict=True):
        drawn = own[rng.permutation(len(own))]
        train.extend(drawn[:k])
        tested.extend(drawn[k : k + m])
    return rng.permutation(train), rng.permutation(tested)


def _check_counts(classes: list[str], counts: np.ndarray, test: int) -> None:
    if counts.min() < 2:
        raise InputError(
            f"train_test_split: class {classes[counts.argmin()]!r} has one example only, which "
            "cannot be in both parts",
            hint="leave the class out, or split without stratify.",
        )
    if min(test, counts.sum() - test) < len(classes):
        raise InputError(
            f"train_test_split: a part would have fewer examples than there are classes "
            f"({len(classes)})",
            hint="choose another test_size, or split without stratify.",
        )


def _whole_shares(counts: np.ndarray, draws: int, rng: np.random.RandomState) -> np.ndarray:
    """How many to draw of each class: proportional, rounded down, the largest remainders up.

    Ties are broken by the generator (the mode of the multivariate hypergeometric distribution).
    """
    exact = counts / counts.sum() * draws
    shares = np.floor(exact)
    missing = int(draws - shares.sum())
    remainder = exact - shares
    for value in np.sort(np.unique(remainder))[::-1]:
        if missing == 0:
            break
        (tied,) = np.where(remainder == value)
        chosen = rng.choice(tied, size=min(len(tied), missing), replace=False)
        shares[chosen] += 1
        missing -= len(chosen)
    return shares.astype(int)
