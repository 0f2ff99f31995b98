"""Softmax and its logarithm: scores as probabilities.

    softmax x = eˣ / Σ eˣ,    log softmax x = x − log Σ eˣ

Both are computed without overflow, at any size of the scores.  Reading on: Blanchard, Higham &
Higham 2021, *Accurately computing the log-sum-exp and softmax functions*.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.errors import ShapeError
from diffkit.nets.lines import users_line
from diffkit.nets.sliding import as_array, as_float, described
from diffkit.primitives import reductions

__all__ = ["log_softmax", "softmax"]


def _last(x: Any, axis: int) -> int:
    ndim = len(x.shape)
    whole = isinstance(axis, (int, np.integer)) and not isinstance(axis, bool)
    if not whole or not -ndim <= axis < ndim:
        raise ShapeError(
            f"softmax: axis {axis!r} does not exist in {described(x)}",
            hint="the classes are on the last axis unless told otherwise.",
        )
    return axis % ndim


def softmax(x: Any, axis: int = -1) -> Any:
    """Probabilities eˣ / Σ eˣ along an axis, without overflow; floats of the shape of ``x``.

    Raises ShapeError for an axis that is not there.  Source: Bridle 1990, *Probabilistic
    interpretation of feedforward classification network outputs*.

    >>> softmax(np.array([1e4, 1e4])).tolist()
    [0.5, 0.5]
    """
    x = as_array(x)
    return reductions.softmax(as_float(x), axes=(_last(x, axis),))


def log_softmax(x: Any, axis: int = -1) -> Any:
    """The logarithm of softmax along an axis, x − log Σ eˣ, which never is log 0.

    Raises ShapeError for an axis that is not there.  Source: Blanchard, Higham & Higham 2021.

    >>> log_softmax(np.array([0.0, 800.0])).tolist()
    [-800.0, 0.0]
    """
    with users_line():
        x = as_float(as_array(x))
        axis = _last(x, axis)
        total = reductions.logsumexp(x, axes=(axis,))
        kept = tuple(1 if i == axis else n for i, n in enumerate(x.shape))
        return x - np.reshape(total, kept)
