"""Ill-conditioned functions: right formulas that lose digits, or whose slopes nearly vanish.

The condition number of f at x is |x f′/f|; what a *derivative* loses is that of f′.  Each case here
subtracts nearly equal numbers, sums terms of very different sizes, or stands next to a
singularity, and each has its textbook.  Where a better formula is known it is named.

Reading on: N. J. Higham 2002, *Accuracy and Stability of Numerical Algorithms*, chapter 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = [
    "cancelled_cosine",
    "hilbert",
    "naive_quadratic_root",
    "naive_variance",
    "rump",
    "squire_trapp",
    "unscaled_norm",
    "wilkinson",
]

SPREAD = 1e-3  # the standard deviation of the numbers whose variance is taken
MEAN = 1e6


def cancelled_cosine(x: Any) -> Any:
    """(1 − cos x)/x² near 0, where 1 − cos x cancels (Higham 2002, section 1.7).

    >>> round(float(cancelled_cosine(0.1)), 4)
    0.4996
    """
    return (1.0 - np.cos(x)) / x**2


def hilbert(x: Any) -> Any:
    """½ xᵀ H x − Σ x with the Hilbert matrix, of condition e^{3.5 n} (Hilbert 1894).

    >>> float(hilbert(np.array([2.0])))
    0.0
    """
    places = np.arange(x.shape[0])
    h = 1.0 / (places[:, None] + places[None, :] + 1.0)
    return 0.5 * (x @ h @ x) - np.sum(x)


def naive_quadratic_root(b: Any, c: Any) -> Any:
    """The root (−b + √(b² − 4c))/2, which cancels for b ≫ c (Forsythe 1970).

    >>> float(naive_quadratic_root(-3.0, 2.0))
    2.0
    """
    return (-b + np.sqrt(b * b - 4.0 * c)) / 2.0


def naive_variance(x: Any) -> Any:
    """E x² − (E x)², which cancels for a large mean (Chan, Golub & LeVeque 1983).

    >>> float(naive_variance(np.array([1.0, 3.0])))
    1.0
    """
    return np.mean(x * x) - np.mean(x) ** 2


def rump(a: Any, b: Any) -> Any:
    """333.75 b⁶ + a²(11a²b² − b⁶ − 121b⁴ − 2) + 5.5b⁸ + a/(2b) (Rump 1988).

    >>> float(rump(0.0, 1.0))
    339.25
    """
    inner = 11.0 * a**2 * b**2 - b**6 - 121.0 * b**4 - 2.0
    return 333.75 * b**6 + a**2 * inner + 5.5 * b**8 + a / (2.0 * b)


def squire_trapp(x: Any) -> Any:
    """eˣ/√(sin³ x + cos³ x), the example of Squire & Trapp 1998.

    >>> round(float(squire_trapp(1.5)), 4)
    4.4978
    """
    return np.exp(x) / np.sqrt(np.sin(x) ** 3 + np.cos(x) ** 3)


def unscaled_norm(x: Any) -> Any:
    """√Σ x², whose squares leave the range for small and large x (Blue 1978).

    >>> float(unscaled_norm(np.array([3.0, 4.0])))
    5.0
    """
    return np.sqrt(np.sum(x * x))


def wilkinson(x: Any) -> Any:
    """∏ (x − k), k = 1 … 20, expanded into its coefficients (Wilkinson 1959).

    >>> float(wilkinson(0.0)) == float(np.prod(np.arange(1.0, 21.0)))
    True
    """
    value = 0.0
    for coefficient in np.poly(np.arange(1.0, 21.0)):
        value = value * x + float(coefficient)
    return value


def large_numbers(n: int) -> np.ndarray:
    """n numbers around a million, a thousandth apart."""
    return MEAN + SPREAD * np.linspace(-1.0, 1.0, n)
