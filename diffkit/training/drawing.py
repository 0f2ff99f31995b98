"""Random numbers within a training: a key of its own for every update.

    key of update t = fold_in(key(seed), t),    loss(params, *batch, rng=key)

A loss with a keyword ``rng`` (dropout, noise, augmentation) is given a new key at each update and
none (``rng=None``) when it is only measured, so that one captured graph draws anew at every step,
and a resumed training draws what an uninterrupted one would have drawn
(``capture/random_numbers.py``).
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

from diffkit.capture.random_numbers import fold_in, key
from diffkit.errors import InputError

__all__ = ["draws", "key_of_update", "keyed"]

KEYWORD = "rng"


def draws(loss: Callable[..., Any]) -> bool:
    """Whether a loss wants a key while it is trained.

    It says so by a keyword ``rng``, or by an attribute ``draws`` (as the losses of nets do).

    Raises
    ------
    InputError
        When ``rng`` has no default; the measured loss is called without it.

    >>> draws(lambda w, x, rng=None: w * x), draws(lambda w, x: w * x)
    (True, False)
    """
    said = getattr(loss, "draws", None)
    if isinstance(said, bool):
        return said
    try:
        parameter = signature(loss).parameters.get(KEYWORD)
    except (TypeError, ValueError):  # a graph, or a function of C that does not say
        return False
    if parameter is None:
        return False
    if parameter.default is parameter.empty:
        raise InputError(
            "the loss needs rng, but after an epoch it is measured without one",
            hint="write rng=None, and leave the drawing out where it is None.",
        )
    return True


def keyed(loss: Callable[..., Any]) -> Callable[..., Any]:
    """The loss as a function of parameters, key and batch."""

    def drawing_loss(params: Any, key: Any, *batch: Any) -> Any:
        return loss(params, *batch, rng=key)

    return drawing_loss


def key_of_update(seed: int, t: Any) -> Any:
    """The key of update t, which counts from 0 and may be traced; shape (2,).

    >>> import numpy as np
    >>> np.array_equal(key_of_update(0, 3), fold_in(key(0), 3))
    True
    """
    return fold_in(key(seed), t)
