"""Minimax polynomials at high precision, to check the coefficients of the elementary functions.

Remez's exchange (1934): of all polynomials of degree n, the best has an error that reaches its
largest size n + 2 times with alternating signs.  Solve for a polynomial with such errors at
n + 2 points, move the points to where its error is largest, and repeat.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath as mp

Function = Callable[[Any], Any]

BITS = 300
GRID = 1000  # intervals between the points at which errors are looked at
ROUNDS = 8  # of the exchange, which converges quadratically


def minimax(
    f: Function, weight: Function, low: Any, high: Any, degree: int
) -> tuple[list[float], float]:
    """The coefficients, lowest first, with the least weighted error, and that error."""
    with mp.workprec(BITS):
        count = degree + 2
        points = [chebyshev(low, high, mp.mpf(2 * i + 1) / (2 * count)) for i in range(count)]
        grid = [chebyshev(low, high, mp.mpf(i) / GRID) for i in range(GRID + 1)]
        values = [(x, f(x), weight(x)) for x in grid]
        coefficients, errors = [], []
        for _ in range(ROUNDS):
            coefficients = levelled(f, weight, points, degree)
            errors = [w * (y - mp.polyval(coefficients[::-1], x)) for x, y, w in values]
            points = [grid[i] for i in alternation(errors, count)]
        return [float(c) for c in coefficients], float(max(map(abs, errors)))


def chebyshev(low: Any, high: Any, share: Any) -> Any:
    """A point of an interval, dense near its ends."""
    return (low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * share)


def levelled(f: Function, weight: Function, points: list[Any], degree: int) -> list[Any]:
    """The polynomial whose weighted errors at the points are equal in size and alternate."""
    rows = [
        [*(x**j for j in range(degree + 1)), (-1) ** i / weight(x)] for i, x in enumerate(points)
    ]
    return list(mp.lu_solve(mp.matrix(rows), mp.matrix([f(x) for x in points])))[: degree + 1]


def alternation(errors: list[Any], count: int) -> list[int]:
    """Where the errors are largest, with alternating signs."""
    best: list[int] = []
    for i, error in enumerate(errors):
        if not error:
            continue
        if best and mp.sign(errors[best[-1]]) == mp.sign(error):
            best[-1] = max(best[-1], i, key=lambda k: abs(errors[k]))
        else:
            best.append(i)
    while len(best) > count:
        best.pop(0 if abs(errors[best[0]]) < abs(errors[best[-1]]) else -1)
    assert len(best) == count
    return best
