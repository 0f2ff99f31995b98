"""``dk.random``: random numbers inside functions that are captured, from a key that is passed in.

    numbers = uniform(key, shape),     other numbers: uniform(fold_in(key, n), shape)

NumPy's Generators have a state that moves, so a graph cannot hold one: a function that drew from
it would give other numbers at each call than the graph that was made of it.  Here the numbers are
a function of the key alone (``primitives/counting.py``).  The same key gives the same bits on
every engine; a key that is an argument of the function makes other numbers at every call of one
graph.  This is how dropout works in a training: ``dk.train`` hands the loss a key per update.

    loss(params, x, y, *, rng):  keep = dk.random.bernoulli(rng, 0.8, x.shape)

Draw once from a key.  For several draws make keys of it with ``fold_in`` or ``split``.

Reading on: Salmon et al. 2011, *Parallel random numbers: as easy as 1, 2, 3*.
"""

from __future__ import annotations

import operator
from math import prod
from typing import Any

import numpy as np

from diffkit.capture.lines import here
from diffkit.errors import InputError, ShapeError
from diffkit.primitives.counting import WORD_BITS, random_word

__all__ = ["bernoulli", "fold_in", "key", "normal", "split", "uniform"]

_FOLDS = 2.0 ** (WORD_BITS - 1)  # counters from here on make keys, those below make numbers
_UNIT = 2.0**-WORD_BITS
MOST_SPLITS = 1 << 20
"""Keys that one call of ``split`` makes at most; ``fold_in`` makes any one of 2⁵¹."""


def key(seed: int) -> np.ndarray:
    """The key of a seed: two whole numbers below 2⁵³, as an array of floats of shape (2,).

    Raises
    ------
    InputError
        When the seed is no whole number from 0 to 2¹⁰⁶ − 1.

    >>> key(7).tolist()
    [7.0, 0.0]
    """
    try:
        whole = operator.index(seed)
    except TypeError:
        whole = -1
    if not 0 <= whole < 1 << 2 * WORD_BITS:
        raise InputError(
            f"a seed is a whole number from 0 to 2^106 - 1, not {seed!r:.40}",
            hint="as in dk.random.key(0).",
        )
    return np.array([float(whole % (1 << WORD_BITS)), float(whole >> WORD_BITS)])


def fold_in(key: Any, n: Any) -> Any:
    """A key of its own for each whole number n ≥ 0, traced or not; shape (2,).

    Raises
    ------
    InputError
        When the key is none.

    >>> first, second = fold_in(key(0), 0), fold_in(key(0), 1)
    >>> bool(np.any(first == second))
    False
    """
    k, m = _parts(key, "fold_in")
    start = 2.0 * _wide(n) + _FOLDS
    return np.stack([random_word(k, m, start), random_word(k, m, start + 1.0)])


def split(key: Any, n: int = 2) -> Any:
    """n keys of their own, shape (n, 2): row i is ``fold_in(key, i)``.

    Raises
    ------
    InputError
        When the key is none, or n no whole number from 1 to ``MOST_SPLITS``.

    >>> split(key(0), 3).shape
    (3, 2)
    """
    if not isinstance(n, (int, np.integer)) or not 1 <= n <= MOST_SPLITS:
        raise InputError(
            f"split makes 1 to {MOST_SPLITS} keys, not {n!r:.40}", where=here(),
            hint="fold_in(key, i) makes the key number i.",
        )  # fmt: skip
    k, m = _parts(key, "split")
    counters = _FOLDS + np.arange(2.0 * n).reshape(n, 2)
    return random_word(k, m, counters)


def uniform(key: Any, shape: Any = (), low: Any = 0.0, high: Any = 1.0) -> Any:
    """Numbers evenly spread over [low, high), float64; multiples of 2⁻⁵³ where that is [0, 1).

    The derivative by ``low`` and ``high`` is that of low + (high − low)·u.

    Raises
    ------
    InputError
        When the key is none.
    ShapeError
        When the shape is none.

    >>> uniform(key(3), 2).round(4).tolist()
    [0.1151, 0.579]
    """
    u = _words(key, _shape(shape, "uniform"), 0, "uniform") * _UNIT
    standard = isinstance(low, float) and isinstance(high, float) and (low, high) == (0.0, 1.0)
    return u if standard else low + (high - low) * u


def normal(key: Any, shape: Any = ()) -> Any:
    """Independent numbers of the standard normal distribution, float64.

    Raises
    ------
    InputError
        When the key is none.
    ShapeError
        When the shape is none.

    Source: Box & Muller 1958, √(−2 log u₁) cos 2πu₂.

    >>> normal(key(3), 2).round(4).tolist()
    [1.548, 0.3899]
    """
    sizes = _shape(shape, "normal")
    first = (_words(key, sizes, 0, "normal") + 1.0) * _UNIT  # in (0, 1], so that its log is finite
    second = _words(key, sizes, prod(sizes), "normal") * _UNIT
    return np.sqrt(-2.0 * np.log(first)) * np.cos(2.0 * np.pi * second)


def bernoulli(key: Any, p: Any = 0.5, shape: Any = ()) -> Any:
    """True with probability p, bool; p a number or an array that fits the shape.

    Raises
    ------
    InputError
        When the key is none, or p a number outside [0, 1].
    ShapeError
        When the shape is none.

    >>> bernoulli(key(3), 0.5, 4).tolist()
    [True, False, True, False]
    """
    if isinstance(p, (int, float)) and not 0 <= p <= 1:
        raise InputError(f"a probability is {p!r}, not from 0 to 1", where=here(), hint="try 0.5.")
    return np.less(uniform(key, shape), p)


def _words(key: Any, sizes: tuple[int, ...], start: int, name: str) -> Any:
    k, m = _parts(key, name)
    return random_word(k, m, np.arange(start, start + prod(sizes), dtype=float).reshape(sizes))


def _parts(key: Any, name: str) -> tuple[Any, Any]:
    """The two words of a key."""
    if np.shape(key) != (2,):
        raise InputError(
            f"{name}: the key has shape {list(np.shape(key))}, not [2]",
            where=here(),
            hint="make one with dk.random.key(seed).",
        )
    words = _wide(key)
    return words[0], words[1]


def _wide(numbers: Any) -> Any:
    """In float64, which alone holds all words, whatever the training's floats are."""
    return numbers.astype(float) if hasattr(numbers, "astype") else np.asarray(numbers, float)


def _shape(shape: Any, name: str) -> tuple[int, ...]:
    given = shape if isinstance(shape, (tuple, list)) else (shape,)
    try:
        sizes = tuple(map(operator.index, given))
    except TypeError:
        sizes = (-1,)
    if any(size < 0 for size in sizes) or prod(sizes) >= _FOLDS / 2:
        raise ShapeError(
            f"{name}: {shape!r:.40} is not a shape", where=here(), hint="such as (3, 2), or 5."
        )
    return sizes
