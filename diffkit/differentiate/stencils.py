"""Finite-difference stencils as data.

A stencil is a row of offsets kᵢ and weights wᵢ:

    f⁽ᵐ⁾(x) = h⁻ᵐ Σᵢ wᵢ f(x + kᵢ h) + O(hᵖ).

The common rows stand in :data:`STENCILS`, as exact fractions; any other row is computed by
SymPy with Fornberg's recurrence (B. Fornberg 1988, *Generation of finite difference formulas
on arbitrarily spaced grids*, Mathematics of Computation 51).  A test holds the table against
SymPy.  The use of the rows, and the choice of h, is in ``differentiate/finite.py``.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import factorial
from typing import Any

from diffkit.errors import InputError
from diffkit.lazy import sp

__all__ = ["STENCILS", "Stencil", "fornberg", "stencil", "stencil_of"]

# A stencil with more points than this says more about rounding than about the function.
MAX_POINTS = 25


@dataclass(frozen=True)
class Stencil:
    """One finite-difference formula: offsets in steps, exact weights, orders.

    ``derivative`` is m and ``accuracy`` is p in h⁻ᵐ Σ wᵢ f(x + kᵢ h) = f⁽ᵐ⁾(x) + O(hᵖ).
    """

    name: str
    offsets: tuple[int, ...]
    weights: tuple[Fraction, ...]
    derivative: int
    accuracy: int

    @property
    def symmetric(self) -> bool:
        """Whether the offsets mirror, so that only even powers of h are in the error."""
        return set(self.offsets) == {-offset for offset in self.offsets}

    @property
    def noise_gain(self) -> float:
        """√Σwᵢ²: the deviation of Σ wᵢ f(x + kᵢ h) over that of the noise of f."""
        return float(sum(weight**2 for weight in self.weights)) ** 0.5

    @property
    def error_constant(self) -> float:
        """C of the truncation error C f⁽ᵐ⁺ᵖ⁾(x) hᵖ: Σ wᵢ kᵢᵐ⁺ᵖ / (m + p)!."""
        n = self.derivative + self.accuracy
        return float(_moment(self.offsets, self.weights, n) / factorial(n))

    @property
    def active(self) -> tuple[tuple[int, float], ...]:
        """The offsets whose weight is not zero, with the weight as a float."""
        rows = zip(self.offsets, self.weights, strict=True)
        return tuple((offset, float(weight)) for offset, weight in rows if weight)


def _moment(offsets: Sequence[int], weights: Sequence[Fraction], power: int) -> Fraction:
    pairs = zip(offsets, weights, strict=True)
    return sum((weight * offset**power for offset, weight in pairs), Fraction(0))


def _row(
    name: str, offsets: Sequence[int], numerators: Sequence[int], over: int, p: int
) -> Stencil:
    weights = tuple(Fraction(numerator, over) for numerator in numerators)
    return Stencil(name, tuple(offsets), weights, 1, p)


# First derivatives, by their accuracy p (Fornberg 1988, tables 1 and 3).
STENCILS: dict[int, Stencil] = {
    1: _row("forward", (0, 1), (-1, 1), 1, 1),
    2: _row("central", (-1, 0, 1), (-1, 0, 1), 2, 2),
    4: _row("five-point", (-2, -1, 0, 1, 2), (1, -8, 0, 8, -1), 12, 4),
    6: _row("seven-point", (-3, -2, -1, 0, 1, 2, 3), (-1, 9, -45, 0, 45, -9, 1), 60, 6),
}


@cache
def fornberg(offsets: tuple[int, ...], derivative: int = 1) -> tuple[Fraction, ...]:
    """The exact weights for these offsets, by Fornberg's recurrence (SymPy).

    Parameters
    ----------
    offsets
        Distinct integers, in steps; at least ``derivative + 1`` of them.
    derivative
        The order m of the derivative, at least 0.

    Raises
    ------
    InputError
        When the offsets repeat, are too few or too many.

    >>> fornberg((-2, -1, 0, 1, 2))
    (Fraction(1, 12), Fraction(-2, 3), Fraction(0, 1), Fraction(2, 3), Fraction(-1, 12))
    """
    if len(set(offsets)) != len(offsets) or not derivative < len(offsets) <= MAX_POINTS:
        raise InputError(
            f"a stencil for derivative {derivative} needs {derivative + 1} to {MAX_POINTS} "
            f"distinct offsets, not {offsets}",
            hint="for example (-2, -1, 0, 1, 2).",
        )
    points: list[Any] = [sp.Integer(k) for k in offsets]
    weights = sp.finite_diff_weights(derivative, points, sp.Integer(0))[derivative][-1]
    return tuple(Fraction(int(weight.p), int(weight.q)) for weight in weights)


def stencil(accuracy: int, derivative: int = 1) -> Stencil:
    """The usual stencil of this accuracy: forward for 1, central for even numbers.

    Raises
    ------
    InputError
        When the accuracy is neither 1 nor even and positive, or the derivative not positive.

    >>> stencil(2).offsets
    (-1, 0, 1)
    >>> [str(weight) for weight in stencil(2, derivative=2).weights]
    ['1', '-2', '1']
    """
    if derivative == 1 and accuracy in STENCILS:
        return STENCILS[accuracy]
    even = accuracy > 0 and accuracy % 2 == 0
    if derivative < 1 or not (even or accuracy == 1):
        raise InputError(
            f"no stencil has accuracy {accuracy!r} for derivative {derivative!r}",
            hint="accuracy is 1 (forward) or an even number (central): 2, 4, 6, ...",
        )
    if accuracy == 1:
        offsets = tuple(range(derivative + 1))
    else:
        half = (derivative + 1) // 2 + accuracy // 2 - 1
        offsets = tuple(range(-half, half + 1))
    return stencil_of(offsets, derivative)


# What a row is called by its offsets; others are counted.
NAMES = {
    (0, 1): "forward",
    (-1, 0): "backward",
    (-1, 0, 1): "central",
    (-2, -1, 0, 1, 2): "five-point",
    (-3, -2, -1, 0, 1, 2, 3): "seven-point",
}


def stencil_of(offsets: Sequence[int], derivative: int = 1) -> Stencil:
    """The most accurate stencil on these offsets, with the accuracy that it turns out to have.

    Raises
    ------
    InputError
        When the offsets are no distinct whole numbers, too few or too many.

    Source: Fornberg 1988.

    >>> row = stencil_of((0, 1, 2))
    >>> [str(weight) for weight in row.weights], row.accuracy, round(row.error_constant, 4)
    (['-3/2', '2', '-1/2'], 2, -0.3333)
    >>> stencil_of((-1, 0, 1)).accuracy, stencil_of((-1, 0)).name
    (2, 'backward')
    """
    try:
        points = tuple(operator.index(offset) for offset in offsets)
    except TypeError:
        raise InputError(
            f"the offsets of a stencil are whole numbers of steps, not {offsets!r}",
            hint="for example (-2, -1, 0, 1, 2).",
        ) from None
    weights = fornberg(points, derivative)
    power = len(points)  # all moments below vanish, but for that of the derivative
    while _moment(points, weights, power) == 0:
        power += 1
    name = NAMES.get(points, _counted(points))
    return Stencil(name, points, weights, derivative, power - derivative)


def _counted(offsets: tuple[int, ...]) -> str:
    """The name of an uncommon row: ``9-point``, ``3-point forward``, ``4-point (-3, 0, 1, 2)``."""
    sides = {(False, True): " forward", (True, False): " backward"}
    side = sides.get((min(offsets) < 0, max(offsets) > 0))
    if set(offsets) == {-offset for offset in offsets}:
        side = ""
    return f"{len(offsets)}-point{f' {offsets}' if side is None else side}"
