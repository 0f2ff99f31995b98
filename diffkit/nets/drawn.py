"""Classes drawn in the plane: small problems that no straight line solves.

Two moons, spirals and rings need a bent boundary; XOR, the four corners

    y = [x₁ > 0] ≠ [x₂ > 0],

stopped the perceptron.  All come from a seed, so the same seed gives the same numbers.
Reading on: Minsky & Papert 1969, *Perceptrons*; Lang & Witbrock 1988, *Learning to tell two
spirals apart*.
"""

from __future__ import annotations

from math import pi

import numpy as np

from diffkit.errors import InputError
from diffkit.nets.dataset import Dataset

__all__ = ["circles", "drawing", "spirals", "two_moons", "xor"]


def drawing(name: str, n: int, noise: float, seed: int, least: int) -> np.random.Generator:
    """The generator to draw from, once number, noise and seed make sense.

    Raises
    ------
    InputError
        For fewer than ``least`` examples, a negative noise, or a seed that is no whole number.

    >>> drawing("moons", 10, 0.1, 0, least=2).integers(10)
    np.int64(8)
    """
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < least:
        raise InputError(
            f"{name}: {n!r} examples were asked for", hint=f"a whole number of {least} or more."
        )
    if not (isinstance(noise, (int, float)) and 0 <= noise < np.inf):
        raise InputError(f"{name}: the noise is {noise!r}, not a number ≥ 0", hint="try 0.1.")
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise InputError(f"{name}: the seed is {seed!r}, not a whole number ≥ 0", hint="try 0.")
    return np.random.default_rng(seed)


def _shuffled(
    name: str, rng: np.random.Generator, x: np.ndarray, y: np.ndarray, noise: float, source: str
) -> Dataset:
    x = x + noise * rng.normal(size=x.shape)
    order = rng.permutation(len(x))
    classes = tuple(str(label) for label in range(int(y.max()) + 1))
    return Dataset(name, x[order], y[order], classes, source)


def two_moons(n: int = 200, noise: float = 0.1, seed: int = 0) -> Dataset:
    """Two half circles that reach into each other: x float64 (n, 2), y 0 or 1.

    Raises
    ------
    InputError
        For a number, noise or seed that makes no sense.

    Source: after Pedregosa et al. 2011, scikit-learn's ``make_moons``.

    >>> two_moons(10)
    Dataset(two_moons: 10 × 2, 2 classes)
    """
    rng = drawing("two_moons", n, noise, seed, 2)
    upper, lower = np.linspace(0, pi, n - n // 2), np.linspace(0, pi, n // 2)
    x = np.concatenate(
        [
            np.stack([np.cos(upper), np.sin(upper)], axis=1),
            np.stack([1 - np.cos(lower), 0.5 - np.sin(lower)], axis=1),
        ]
    )
    y = np.repeat([0, 1], [len(upper), len(lower)])
    return _shuffled("two_moons", rng, x, y, noise, "two half circles, drawn from the seed")


def circles(n: int = 200, factor: float = 0.5, noise: float = 0.05, seed: int = 0) -> Dataset:
    """A ring of radius 1 around a ring of radius ``factor``: x float64 (n, 2), y 0 (outer) or 1.

    Raises
    ------
    InputError
        For a number, factor, noise or seed that makes no sense.

    Source: after Pedregosa et al. 2011, scikit-learn's ``make_circles``.

    >>> circles(10)
    Dataset(circles: 10 × 2, 2 classes)
    """
    if isinstance(factor, bool) or not isinstance(factor, (int, float)) or not 0 <= factor < 1:
        raise InputError(
            f"circles: the inner radius is {factor!r}", hint="a number from 0 up to 1; try 0.5."
        )
    rng = drawing("circles", n, noise, seed, 2)
    y = np.repeat([0, 1], [n - n // 2, n // 2])
    turn = 2 * pi * np.concatenate([np.arange(k) / k for k in (n - n // 2, n // 2)])
    radius = np.where(y == 0, 1.0, factor)
    x = radius[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    return _shuffled("circles", rng, x, y, noise, "two rings, drawn from the seed")


def spirals(
    n: int = 300, classes: int = 2, turns: float = 1.0, noise: float = 0.02, seed: int = 0
) -> Dataset:
    """Spiral arms around the origin, one per class: x float64 (n, 2) within about ±1.

    Raises
    ------
    InputError
        For numbers, noise or a seed that make no sense.

    Source: Lang & Witbrock 1988, *Learning to tell two spirals apart*.

    >>> spirals(9, classes=3)
    Dataset(spirals: 9 × 2, 3 classes)
    """
    if isinstance(classes, bool) or not isinstance(classes, (int, np.integer)) or classes < 2:
        raise InputError(f"spirals: there are {classes!r} classes", hint="two or more.")
    if not (isinstance(turns, (int, float)) and np.isfinite(turns)):
        raise InputError(f"spirals: there are {turns!r} turns", hint="a number; 1.0 is usual.")
    rng = drawing("spirals", n, noise, seed, int(classes))
    y = np.arange(n) % classes
    counts = np.bincount(y, minlength=classes)
    radius = (np.arange(n) // classes + 1) / counts[y]
    angle = 2 * pi * (turns * radius + y / classes)
    x = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return _shuffled("spirals", rng, x, y, noise, "Archimedean spirals, drawn from the seed")


CORNERS = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])


def xor(n: int = 4, noise: float = 0.0, seed: int = 0) -> Dataset:
    """The corners (±1, ±1), class 1 where the signs differ: x float64 (n, 2), y 0 or 1.

    Raises
    ------
    InputError
        For a number, noise or seed that makes no sense.

    Source: Minsky & Papert 1969, *Perceptrons*; Rumelhart, Hinton & Williams 1986.

    >>> sorted((*map(int, x), int(y)) for x, y in zip(xor().x, xor().y))
    [(-1, -1, 0), (-1, 1, 1), (1, -1, 1), (1, 1, 0)]
    """
    rng = drawing("xor", n, noise, seed, 4)
    x = CORNERS[np.arange(n) % len(CORNERS)]
    y = (x[:, 0] * x[:, 1] < 0).astype(int)
    return _shuffled("xor", rng, x, y, noise, "the corners of a square, drawn from the seed")
