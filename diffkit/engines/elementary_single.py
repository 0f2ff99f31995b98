"""Formulas of the elementary functions for float32, in binary64 arithmetic.

Twenty-nine bits to spare make the corrections of ``engines/elementary.py`` needless: a short
polynomial, plain operations, and one rounding to float32 at the end, which is nearly the only
error.  Overflow and gradual underflow come from that rounding too.

Reading on: ``engines/elementary_parts.py``.
"""

from __future__ import annotations

import math

from diffkit.engines import elementary_parts as parts
from diffkit.engines.lane_terms import Real, absolute, copy_sign, fma, polynomial, select

__all__ = ["cos", "erf", "exp", "expm1", "log", "log1p", "logistic", "sin", "softplus", "tanh"]

# Beyond ±150 the results in float32 are 0, ±1 or infinite, or x itself.
_FAR = 150.0


def _exp_terms(x: Real) -> tuple[Real, Real]:
    """2ᵏ and eʳ − 1 with eˣ = 2ᵏ·eʳ."""
    k, r, _ = parts.split_exp(x)
    return parts.power_of_two(k), fma(r * r, polynomial(r, parts.EXP_SINGLE), r)


def _near(x: Real) -> Real:
    return parts.above(parts.below(x, _FAR), -_FAR)


def _log_terms(k: Real, f: Real) -> Real:
    """k·ln 2 + log(1 + f) for √½ ≤ 1 + f < √2."""
    s = f / (f + 2.0)
    z = s * s
    return fma(k, math.log(2.0), fma(s * z, polynomial(z, parts.LOG_SINGLE), s + s))


def exp(x: Real) -> Real:
    """eˣ."""
    scale, p = _exp_terms(_near(x))
    return fma(scale, p, scale)


def expm1(x: Real) -> Real:
    """eˣ − 1."""
    scale, p = _exp_terms(_near(x))
    return copy_sign(fma(scale, p, scale - 1.0), x)


def tanh(x: Real) -> Real:
    """Hyperbolic tangent, −E/(2 + E) with E = e^(−2|x|) − 1."""
    scale, p = _exp_terms(parts.below(absolute(x), _FAR) * -2.0)
    e = fma(scale, p, scale - 1.0)
    return copy_sign(e / (e + 2.0), x)


def logistic(x: Real) -> Real:
    """1/(1 + e⁻ˣ)."""
    e = exp(-absolute(x))
    return select(x < 0.0, e, 1.0) / (e + 1.0)


def erf(x: Real) -> Real:
    """Error function."""
    size = absolute(x)
    near = fma(size, polynomial(x * x, parts.ERF_NEAR_SINGLE), size)
    scaled = polynomial(1.0 / (size + 2.0), parts.ERF_FAR_SINGLE)
    return copy_sign(select(size < 1.0, near, fma(-exp(-(x * x)), scaled, x.new(1.0))), x)


def log(x: Real) -> Real:
    """Natural logarithm."""
    k, m, _ = parts.split_log(x)
    return parts.log_edges(x, _log_terms(k, m - 1.0))


def log1p(x: Real) -> Real:
    """log(1 + x)."""
    u = x + 1.0
    k, m, shrink = parts.split_log(u)
    return copy_sign(parts.log_edges(u, _log_terms(k, (m - 1.0) + (x - (u - 1.0)) * shrink)), x)


def softplus(x: Real) -> Real:
    """log(1 + eˣ)."""
    return select(x < 0.0, 0.0, x) + log1p(exp(-absolute(x)))


def _sine_and_cosine(r: Real) -> tuple[Real, Real]:
    z = r * r
    sine = fma(r * z, polynomial(z, parts.SIN_SINGLE), r)
    return sine, fma(z * z, polynomial(z, parts.COS_SINGLE), fma(z, -0.5, z.new(1.0)))


def sin(x: Real) -> Real:
    """Sine, for |x| up to ``elementary.FARTHEST``."""
    k, r, _ = parts.quarter_turns(x)
    return select(absolute(x) < 2.0**-20, x, parts.quadrant(k, *_sine_and_cosine(r)))


def cos(x: Real) -> Real:
    """Cosine, for |x| up to ``elementary.FARTHEST``."""
    k, r, _ = parts.quarter_turns(x)
    return parts.quadrant(k + 1, *_sine_and_cosine(r))
