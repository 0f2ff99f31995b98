"""Complex forms of real functions, for the complex step.

Note [Complex forms].  The complex step reads f′(x) off Im f(x + ih)/h with h = 10⁻¹⁰⁰ (Squire
& Trapp 1998), so a complex form must keep an imaginary part of that size, agree with the real
function on the real line, and must not wander onto a branch that the real function does not
have.  NumPy's complex functions keep it; where they have a cut on the real line, ``continued``
keeps to the real domain.  Outside it (and where f is not differentiable) an imaginary part
becomes NaN.  Reading on: Kahan 1987, *Branch cuts for complex elementary functions*.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.lazy import special

__all__ = [
    "complex_arctan2",
    "complex_cbrt",
    "complex_gamma",
    "complex_hypot",
    "complex_integer_power",
    "complex_log1p",
    "complex_power",
    "complex_rgamma",
    "continued",
    "from_parts",
]

# NumPy multiplies out complex powers with smaller integer exponents; the others go through the
# logarithm, whose angle π of a negative base drowns an imaginary part of 1e-100.
MULTIPLIED_OUT = 100


def continued(
    real: Callable[..., Any], form: Callable[..., Any], inside: Callable[..., Any]
) -> Callable[..., Any]:
    """The complex form of a real function, used where ``inside`` holds for the real parts.

    Elsewhere the value is the real one, and an imaginary part, if there is one, becomes NaN.
    """

    def analytic(self: Any, *z: Any) -> Any:
        z = tuple(np.asarray(operand) for operand in z)
        if not any(operand.dtype.kind == "c" for operand in z):
            return real(*z)
        parts = [operand.real for operand in z]
        with np.errstate(all="ignore"):
            moved = sum(np.abs(operand.imag) for operand in z) != 0
            here = real(*parts)
            edge = from_parts(here, np.where(moved, np.nan, 0.0))
            return np.where(inside(*parts), form(*z), edge)[()]

    return analytic


def complex_log1p(z: Any) -> Any:
    """log(1 + z) for Re z > −1, as log(1 + a) + log(1 + ib/(1 + a)) in polar form."""
    a, b = np.real(z), np.imag(z)
    return from_parts(np.log1p(a) + 0.5 * np.log1p(np.square(b / (1 + a))), np.arctan2(b, 1 + a))


def complex_cbrt(z: Any) -> Any:
    """∛a · (1 + ib/a)^⅓, so that negative real parts keep their real root."""
    a, b = np.real(z), np.imag(z)
    return np.cbrt(a) * np.exp(complex_log1p(1j * (b / a)) / 3)


def complex_integer_power(z: Any, n: Any) -> Any:
    """zⁿ for whole n, also over negative real parts: aⁿ · (1 + ib/a)ⁿ where n is large."""
    if np.asarray(z).dtype.kind != "c":
        return np.power(z, n)
    a, b = np.real(z), np.imag(z)
    with np.errstate(all="ignore"):
        polar = np.power(a, n) * np.exp(n * complex_log1p(1j * (b / a)))
        large = (np.abs(n) >= MULTIPLIED_OUT) & (np.abs(a) > np.abs(b))
        return np.where(large, polar, np.power(z, n))[()]


def complex_power(z: Any, w: Any) -> Any:
    """z^w; over a negative real part, where the exponent is whole, moving it has no meaning.

    Over 0 it has one for positive exponents: 0 to a power a little larger is still 0.
    """
    if np.asarray(z).dtype.kind != "c" and np.asarray(w).dtype.kind != "c":
        return np.power(z, w)
    below, whole = np.real(z) <= 0, np.real(w)
    with np.errstate(all="ignore"):
        there = complex_integer_power(np.asarray(z) + 0j, np.where(below, whole, 1.0))
        flat = (np.imag(w) == 0) | ((np.real(z) == 0) & (whole > 0))
        moved = from_parts(there.real, np.where(flat, there.imag, np.nan))
        return np.where(below, moved, np.power(z, w))[()]


def from_parts(real: Any, imag: Any) -> Any:
    """The complex number with these parts; ``real + 1j * imag`` would turn 0·∞ into NaN."""
    out = np.empty(np.broadcast_shapes(np.shape(real), np.shape(imag)), dtype=complex)
    out.real, out.imag = real, imag
    return out[()]


def complex_hypot(x: Any, y: Any) -> Any:
    """r √((x/r)² + (y/r)²) with r the length of the real parts."""
    r = np.hypot(np.real(x), np.real(y))
    return r * np.sqrt((x / r) ** 2 + (y / r) ** 2)


def complex_arctan2(y: Any, x: Any) -> Any:
    """The angle of the real parts plus the small angle between, by the addition theorem."""
    c, s = np.real(x), np.real(y)
    r = np.hypot(c, s)
    c, s = c / r, s / r
    return np.arctan2(s, c) + np.arctan((y * c - x * s) / (x * c + y * s))


# Γ by reflection --------------------------------------------------------------------------------


def complex_gamma(z: Any) -> Any:
    """Γ(z), left of 0 as π / (Γ(1 − z) sin πz), since SciPy drops small imaginary parts there."""
    with np.errstate(all="ignore"):  # the poles, and the branch that is not taken
        reflected = np.pi * special.rgamma(1.0 - z) / _sine_of_pi(z)
        return np.where(np.real(z) > 0, special.gamma(z), reflected)


def complex_rgamma(z: Any) -> Any:
    """1/Γ(z), left of 0 as Γ(1 − z) sin πz / π."""
    with np.errstate(all="ignore"):  # the branch that is not taken
        reflected = special.gamma(1.0 - z) * _sine_of_pi(z) / np.pi
        return np.where(np.real(z) > 0, special.rgamma(z), reflected)


def _sine_of_pi(z: Any) -> Any:
    """sin πz, from the distance to the nearest whole number, which has no rounding error."""
    whole = np.round(np.real(z))
    return np.where(whole % 2, -1.0, 1.0) * np.sin(np.pi * (z - whole))
