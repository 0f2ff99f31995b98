"""Balance: classes of different sizes, made to count alike.

With n examples, C classes and n_c of class c, the weight

    w_c = n / (C · n_c)

gives every class the same total, n/C, and the examples the mean weight 1.  The other way is to
draw again: each class until it is as large as the largest, or only as many as of the smallest.
Only the training part is balanced; a test part keeps the shares that the world has.
Reading on: King & Zeng 2001, *Logistic regression in rare events data*; He & Garcia 2009,
*Learning from imbalanced data*.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.errors import DtypeError, InputError, ShapeError
from diffkit.nets.drawn import drawing

__all__ = ["balanced", "class_weights"]


def class_weights(y: Any, classes: int | None = None) -> np.ndarray:
    """The weights n/(C·n_c) of the classes, float64 (classes,), for ``cross_entropy.using``.

    Parameters
    ----------
    y
        Integer labels of any shape (masks, too).
    classes
        How many classes there are; otherwise the largest label plus 1.

    Raises
    ------
    DtypeError
        For labels that are not integers.
    InputError
        For labels out of range, or a class without examples, whose weight would be infinite.

    Source: King & Zeng 2001; scikit-learn's ``class_weight="balanced"``.

    >>> class_weights(np.array([0, 0, 0, 1])).round(3).tolist()
    [0.667, 2.0]
    """
    counts = _counts(y, classes)
    if np.any(counts == 0):
        raise InputError(
            f"class {int(np.argmin(counts))} has no examples, so its weight would be infinite",
            hint="leave the class out, or add examples of it.",
        )
    return counts.sum() / (len(counts) * counts)


def balanced(x: Any, y: Any, seed: int = 0, to: str = "largest") -> tuple[np.ndarray, np.ndarray]:
    """(x, y) with as many examples of each class, drawn from the seed and shuffled.

    Parameters
    ----------
    x, y
        Examples in rows, and integer labels (n,).
    seed
        A whole number; same seed, same rows.
    to
        ``"largest"`` repeats examples of the smaller classes (each of them is kept),
        ``"smallest"`` leaves examples out.

    Raises
    ------
    ShapeError
        When the lengths differ.
    DtypeError
        For labels that are not integers.
    InputError
        For another ``to``, or a seed that is no whole number.

    Source: He & Garcia 2009, section 3.1.

    >>> x, y = balanced(np.arange(5)[:, None], np.array([0, 0, 0, 0, 1]))
    >>> np.bincount(y).tolist(), len(x)
    ([4, 4], 8)
    """
    x, y = np.asarray(x), np.asarray(y)
    if x.ndim == 0 or y.ndim != 1 or len(x) != len(y):
        raise ShapeError(
            f"balanced: x has shape {x.shape} and y has shape {y.shape}",
            hint="give one integer label per example.",
        )
    if to not in ("largest", "smallest"):
        raise InputError(f"balanced: to is {to!r}", hint='"largest" or "smallest".')
    rng = drawing("balanced", len(y), 0.0, seed, 1)
    present = _counts(y, None)
    present = present[present > 0]
    size = int(present.max() if to == "largest" else present.min())
    rows = np.concatenate([_drawn(rng, np.flatnonzero(y == label), size) for label in np.unique(y)])
    rows = rng.permutation(rows)
    return x[rows], y[rows]


def _drawn(rng: np.random.Generator, own: np.ndarray, size: int) -> np.ndarray:
    """``size`` of these rows: every one as often as any other, up to one."""
    whole, rest = divmod(size, len(own))
    return np.concatenate([np.tile(own, whole), rng.permutation(own)[:rest]])


def _counts(y: Any, classes: int | None) -> np.ndarray:
    """How many examples each class has."""
    y = np.asarray(y)
    if y.size == 0:
        raise InputError("there are no labels", hint="give one or more.")
    if y.dtype.kind not in "iu":
        raise DtypeError(
            f"class labels must be integers, not {y.dtype}",
            hint="convert whole numbers with y.astype(int).",
        )
    low, high = int(y.min()), int(y.max())
    if low < 0 or (classes is not None and high >= classes):
        wrong = low if low < 0 else high
        raise InputError(
            f"label {wrong} is out of range", hint="labels count from 0 to the classes − 1."
        )
    return np.bincount(y.ravel(), minlength=classes or 0)
