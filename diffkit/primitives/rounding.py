"""Rounding and remainders: staircases, whose derivative is 0 wherever it exists.

The remainder is the one with a slope,

    r = a − b·⌊a/b⌋,   ∂r/∂a = 1,   ∂r/∂b = −⌊a/b⌋,

away from the jumps, where a is a multiple of b.  Each is a primitive and not a composition,
because rounding the rounded quotient differs from NumPy (1.0 // 0.1 is 9, ⌊1.0/0.1⌋ is 10).
Reading on: Note [Kinks] in ``primitives/piecewise.py``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.graph.primitive import Elementwise, Kink, primitive
from diffkit.lazy import forms, sp
from diffkit.primitives.arithmetic import neg
from diffkit.primitives.complex_forms import from_parts
from diffkit.primitives.domains import nonzero
from diffkit.primitives.piecewise import Staircase

__all__ = ["ceil", "floor_divide", "remainder", "rint", "trunc"]


@primitive
class ceil(Staircase):
    """The smallest integer not below x."""

    value, emit = np.ceil, "ceil({0})"
    kinks = (Kink(at=(1.0,), slopes=(0.0, None), declared=0.0, note="a jump"),)

    def sympy(self, x: Any) -> Any:
        return sp.ceiling(x)


@primitive
class trunc(Staircase):
    """The integer part of x, towards zero."""

    value, emit = np.trunc, "trunc({0})"
    kinks = (Kink(at=(1.0,), slopes=(None, 0.0), declared=0.0, note="a jump"),)

    def sympy(self, x: Any) -> Any:
        return sp.Piecewise((sp.floor(x), x >= 0), (sp.ceiling(x), True))


@primitive
class rint(Staircase):
    """The nearest integer; halves go to the even neighbour."""

    value, emit, floating = np.rint, "rint({0})", True
    kinks = (Kink(at=(0.5,), slopes=(0.0, None), declared=0.0, note="a jump"),)

    def sympy(self, x: Any) -> Any:
        half = sp.Rational(1, 2)
        even = 2 * sp.floor((x + half) / 2)
        return sp.Piecewise((even, sp.Eq(x - sp.floor(x), half)), (sp.floor(x + half), True))

    def stable(self, x: Any) -> Any:
        return forms.rint(x)


@primitive
class floor_divide(Elementwise):
    """The floor of the quotient, y = ⌊x₁/x₂⌋; its derivative is 0 away from the jumps."""

    value, domain, flops, floating = np.floor_divide, nonzero, 5, False
    takes_bool = False
    kinks = (Kink(at=(2.0, 1.0), slopes=(None, 0.0), declared=0.0, note="a jump"),)
    emit = "floor_divide({0}, {1})"

    def analytic(self, a: Any, b: Any) -> Any:
        """Constant around the real parts."""
        return np.floor_divide(np.real(a), np.real(b)) + 0j

    def sympy(self, a: Any, b: Any) -> Any:
        return sp.floor(a / b)

    def stable(self, a: Any, b: Any) -> Any:
        return forms.floor_divide(a, b)

    def partials(self, y: Any, a: Any, b: Any) -> Any:
        return lambda: 0, lambda: 0


@primitive
class remainder(Elementwise):
    """The remainder with the sign of the divisor, y = x₁ − x₂⌊x₁/x₂⌋."""

    value, domain, flops, floating = np.remainder, nonzero, 6, False
    takes_bool = False
    kinks = (Kink(at=(2.0, 1.0), slopes=(None, 1.0), declared=1.0, note="a jump"),)
    emit = "remainder({0}, {1})"

    def analytic(self, a: Any, b: Any) -> Any:
        """The number of steps is chosen by the real parts."""
        if np.asarray(a).dtype.kind != "c" and np.asarray(b).dtype.kind != "c":
            return np.remainder(a, b)
        real = np.real(a), np.real(b)
        moved = np.imag(a) - np.imag(b) * np.floor_divide(*real)
        return from_parts(np.remainder(*real), moved)

    def sympy(self, a: Any, b: Any) -> Any:
        return sp.Mod(a, b)

    def stable(self, a: Any, b: Any) -> Any:
        return forms.remainder(a, b)

    def partials(self, y: Any, a: Any, b: Any) -> Any:
        return lambda: 1, lambda: neg(floor_divide(a, b))
