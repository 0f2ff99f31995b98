"""Drawn curves: regressions of one variable, whose truth is known.

    sine         y = sin(πx · waves)                       smooth
    steps        y = 2⌊levels (x + 1)/2⌋/(levels − 1) − 1   flat, with jumps
    polynomial   y = x³ − x/2, or coefficients of one's own

each on −1 ≤ x ≤ 1 with normal noise, from a seed.  Reading on: Bishop 2006, *Pattern Recognition
and Machine Learning*, section 1.1, where a noisy sine shows what overfitting is.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import pi
from typing import Any

import numpy as np

from diffkit.errors import InputError
from diffkit.nets.dataset import Dataset
from diffkit.nets.drawn import drawing

__all__ = ["polynomial", "sine", "steps"]

CUBIC = (0.0, -0.5, 0.0, 1.0)  # −x/2 + x³, lowest power first


def _curve(name: str, source: str, drawn: Any, curve: Any, noise: float) -> Dataset:
    """Examples at random places, sorted, so that a line through them can be drawn."""
    rng, n = drawn
    x = np.sort(rng.uniform(-1, 1, size=n))
    return Dataset(name, x[:, None], curve(x) + noise * rng.normal(size=n), (), source)


def sine(n: int = 200, waves: float = 1.0, noise: float = 0.1, seed: int = 0) -> Dataset:
    """A noisy sine, a regression: x float64 (n, 1) from −1 to 1, y float64 (n,).

    Raises
    ------
    InputError
        For a number, noise or seed that makes no sense.

    Source: Bishop 2006, section 1.1.

    >>> sine(5, noise=0.0)
    Dataset(sine: 5 × 1, regression)
    """
    if isinstance(waves, bool) or not isinstance(waves, (int, float)) or not 0 < waves < np.inf:
        raise InputError(f"sine: there are {waves!r} waves", hint="a positive number, as 1.0.")
    drawn = drawing("sine", n, noise, seed, 1), n
    return _curve("sine", "a sine with noise, drawn from the seed", drawn,
                  lambda x: np.sin(pi * waves * x), noise)  # fmt: skip


def steps(n: int = 200, levels: int = 4, noise: float = 0.05, seed: int = 0) -> Dataset:
    """A noisy staircase from −1 to 1, a regression: x float64 (n, 1), y float64 (n,).

    Raises
    ------
    InputError
        For a number, levels, noise or seed that make no sense.

    Source: the definition at the head of this module.

    >>> sorted(set(steps(100, levels=3, noise=0.0).y.tolist()))
    [-1.0, 0.0, 1.0]
    """
    if isinstance(levels, bool) or not isinstance(levels, (int, np.integer)) or levels < 2:
        raise InputError(f"steps: there are {levels!r} levels", hint="a whole number, 2 or more.")
    drawn = drawing("steps", n, noise, seed, 1), n

    def staircase(x: np.ndarray) -> np.ndarray:
        return np.floor((x + 1) / 2 * levels) / (levels - 1) * 2 - 1

    return _curve("steps", "a staircase with noise, drawn from the seed", drawn, staircase, noise)


def polynomial(
    n: int = 200, coefficients: Sequence[float] = CUBIC, noise: float = 0.05, seed: int = 0
) -> Dataset:
    """A noisy polynomial, a regression: x float64 (n, 1) from −1 to 1, y float64 (n,).

    ``coefficients`` begin with the constant.

    Raises
    ------
    InputError
        For coefficients that are no numbers, and a number, noise or seed that makes no sense.

    Source: NumPy's *numpy.polynomial*, whose order of coefficients this is.

    >>> data = polynomial(3, [1.0, 2.0], noise=0.0)  # 1 + 2x
    >>> bool(np.allclose(data.y, 1 + 2 * data.x[:, 0]))
    True
    """
    try:
        row = np.asarray(coefficients, dtype=np.float64)
    except (TypeError, ValueError):
        row = np.zeros(0)
    if row.ndim != 1 or row.size == 0 or not np.all(np.isfinite(row)):
        raise InputError(
            f"polynomial: the coefficients are {coefficients!r:.60}",
            hint="one number per power, the constant first: [0, -0.5, 0, 1].",
        )
    drawn = drawing("polynomial", n, noise, seed, 1), n
    curve = np.polynomial.Polynomial(row)
    return _curve("polynomial", "a polynomial with noise, drawn from the seed", drawn, curve, noise)
