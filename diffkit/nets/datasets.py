"""Data sets: real digits and irises, small drawn ones, and the user's own files.

A data set is a value with inputs ``x`` (examples in rows, float64), targets ``y`` and the names of
its classes.  Drawn sets come from a seed, so the same seed gives the same numbers: two moons and
spirals, which no straight line separates, and XOR, the four corners

    y = [x₁ > 0] ≠ [x₂ > 0]

that stopped the perceptron (Minsky & Papert 1969).  Files are read by ``from_csv`` and
``from_npz`` (in ``data_files.py``); a file is never trusted.  Reading on: Alpaydin & Kaynak 1998
for the digits, Fisher 1936 for the irises.
"""

from __future__ import annotations

from collections.abc import Callable
from math import pi
from typing import Any

import numpy as np

from diffkit.errors import InputError, UnsupportedError
from diffkit.nets.data_files import from_csv, from_npz
from diffkit.nets.dataset import Dataset, Scaling, standardise
from diffkit.nets.splitting import train_test_split

__all__ = [
    "ALL_DATASETS",
    "Dataset",
    "Scaling",
    "digits",
    "from_csv",
    "from_npz",
    "iris",
    "load",
    "spirals",
    "standardise",
    "train_test_split",
    "two_moons",
    "xor",
]

GREY_LEVELS = 16.0  # scikit-learn's digits count 0 to 16 dark pixels per cell


# Real data --------------------------------------------------------------------------------------


def _bundled(name: str) -> Any:
    """A data set that scikit-learn ships, without any download."""
    try:
        from sklearn import datasets
    except ImportError:
        raise UnsupportedError(
            f"the data set {name!r} comes with scikit-learn, which is not installed",
            hint="pip install 'diffkit[gallery]'",
        ) from None
    return getattr(datasets, f"load_{name}")()


def digits() -> Dataset:
    """1,797 handwritten digits: x float64 (1797, 64), pixels from 0 to 1, in rows of 8 × 8.

    ``x.reshape(-1, 8, 8, 1)`` are the images; y are integers from 0 to 9.

    Raises
    ------
    UnsupportedError
        When scikit-learn is not installed.

    Source: E. Alpaydin & C. Kaynak 1998, UCI repository, as shipped with scikit-learn.

    >>> digits()
    Dataset(digits: 1797 × 64, 10 classes)
    """
    found = _bundled("digits")
    names = tuple(str(name) for name in found.target_names)
    source = "E. Alpaydin & C. Kaynak 1998, UCI repository, as shipped with scikit-learn"
    return Dataset("digits", found.data / GREY_LEVELS, found.target.astype(int), names, source)


def iris() -> Dataset:
    """150 irises of three species: x float64 (150, 4), sizes in cm; y integers from 0 to 2.

    Raises
    ------
    UnsupportedError
        When scikit-learn is not installed.

    Source: R. A. Fisher 1936, *The use of multiple measurements in taxonomic problems*.

    >>> iris().classes
    ('setosa', 'versicolor', 'virginica')
    """
    found = _bundled("iris")
    names = tuple(str(name) for name in found.target_names)
    source = "R. A. Fisher 1936, as shipped with scikit-learn"
    return Dataset("iris", found.data.astype(float), found.target.astype(int), names, source)


# Drawn data -------------------------------------------------------------------------------------


def _drawn(name: str, n: int, noise: float, seed: int, least: int) -> np.random.Generator:
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
    rng = _drawn("two_moons", n, noise, seed, 2)
    upper, lower = np.linspace(0, pi, n - n // 2), np.linspace(0, pi, n // 2)
    x = np.concatenate(
        [
            np.stack([np.cos(upper), np.sin(upper)], axis=1),
            np.stack([1 - np.cos(lower), 0.5 - np.sin(lower)], axis=1),
        ]
    )
    y = np.repeat([0, 1], [len(upper), len(lower)])
    return _shuffled("two_moons", rng, x, y, noise, "two half circles, drawn from the seed")


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
    rng = _drawn("spirals", n, noise, seed, int(classes))
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
    rng = _drawn("xor", n, noise, seed, 4)
    x = CORNERS[np.arange(n) % len(CORNERS)]
    y = (x[:, 0] * x[:, 1] < 0).astype(int)
    return _shuffled("xor", rng, x, y, noise, "the corners of a square, drawn from the seed")


ALL_DATASETS: dict[str, Callable[[], Dataset]] = {
    "digits": digits,
    "iris": iris,
    "two-moons": two_moons,
    "spirals": spirals,
    "xor": xor,
}
"""Every built-in data set by the name the command line uses."""


def load(name: str) -> Dataset:
    """A built-in data set by name, or a ``.csv`` or ``.npz`` file by its path.

    Raises
    ------
    InputError
        For an unknown name, or a file that cannot be used.

    >>> load("xor").name
    'xor'
    """
    word = str(name)
    made = ALL_DATASETS.get(word.replace("_", "-"))
    if made is not None:
        return made()
    if word.lower().endswith(".npz"):
        return from_npz(name)
    if word.lower().endswith(".csv"):
        return from_csv(name)
    raise InputError(
        f"there is no data set {word!r}",
        hint=f"use {', '.join(ALL_DATASETS)}, or the path of a .csv or .npz file.",
    )
