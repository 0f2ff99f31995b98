"""Finite-difference stencils as data.

A stencil is a row of offsets kᵢ and weights wᵢ:

    f⁽ᵐ⁾(x) = h⁻ᵐ Σᵢ wᵢ f(x + kᵢ h) + O(hᵖ).

The common rows stand in :data:`STENCILS`, as exact fractions; any other row is computed by
SymPy with Fornberg's recurrence (B. Fornberg 1988, *Generation of finite difference formulas
on arbitrarily spaced grids*, Mathematics of Computation 51).  A test holds the table against
SymPy.  The use of the rows, and the choice of h, is in ``differentiate/finite.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

from diffkit.errors import InputError
from diffkit.lazy import sp

__all__ = ["STENCILS", "Stencil", "fornberg", "stencil"]

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
    def active(self) -> tuple[tuple[int, float], ...]:
        """The offsets whose weight is not zero, with the weight as a float."""
        rows = zip(self.offsets, self.weights, strict=True)
        return tuple((offset, float(weight)) for offset, weight in rows if weight)


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
    name = f"{len(offsets)}-point"
    return Stencil(name, offsets, fornberg(offsets, derivative), derivative, accuracy)
