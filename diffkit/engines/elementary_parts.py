"""What the elementary functions share: reductions of the argument, polynomials, divisions.

Every function is brought to a short interval, where a polynomial is as good as exact, and back:

    eˣ = 2ᵏ·eʳ,  r = x − k·ln 2,  |r| ≤ ½ ln 2;      log x = k·ln 2 + log m,  √½ ≤ m < √2;
    sin x = ± sin r or ± cos r,  r = x − k·π/2,  |r| ≤ π/4.

What a subtraction or a sum rounds off is kept in a second number (``r_low``, ``tail``) and
added at the very end, so that the last rounding is nearly the only one.  The polynomials are
minimax in a weighted sense (Remez 1934), computed at 300 bits and rounded to binary64;
``tests/minimax.py`` computes them again and a test compares the bits.

Reading on: Cody & Waite 1980, *Software Manual for the Elementary Functions*; Tang 1989 and
1990 (exponential and logarithm); Muller 2016, *Elementary Functions*, chapters 3 and 11.
"""

from __future__ import annotations

import math
import struct

from diffkit.engines.lane_terms import (
    Real,
    Word,
    bits,
    fast_two_sum,
    fma,
    polynomial,
    real,
    select,
    two_sum,
)

__all__ = [
    "COS", "COS_SINGLE", "ERF_FAR", "ERF_FAR_SINGLE", "ERF_MIDDLE", "ERF_NEAR",
    "ERF_NEAR_SINGLE", "ERF_ONE", "EXP", "EXP_SINGLE", "LN2_HIGH", "LN2_LOW", "LOG", "LOG_SINGLE",
    "SIN", "SIN_SINGLE", "above", "below", "exp_tail", "exp_terms", "exponent_halves", "log_edges",
    "log_terms", "power_of_two", "quadrant", "quarter_turns", "quotient", "split_exp", "split_log",
]  # fmt: skip

# Minimax polynomials: (eʳ − 1 − r)/r² with weight |r| on |r| ≤ ½ ln 2 …
EXP = (0.5, 0.16666666666666677, 0.0416666666666667, 0.008333333333321626,
       0.0013888888888866848, 0.00019841269886132102, 2.4801587360535767e-05,
       2.755724421138583e-06, 2.7557242776465443e-07, 2.5109033706427805e-08,
       2.092443821116265e-09)  # fmt: skip
EXP_SINGLE = (0.5000000046386748, 0.16666666816978737, 0.04166635478562693, 0.00833327307595639,
              0.0013940998072356741, 0.00019914154483289585)  # fmt: skip
# … (2 artanh(√z)/√z − 2)/z with weight z on 0 ≤ z ≤ (3 − 2√2)² …
LOG = (0.6666666666666734, 0.39999999999414676, 0.28571428742388016, 0.2222219857313802,
       0.18183564329073038, 0.15314050461260154, 0.14795950761618631)  # fmt: skip
LOG_SINGLE = (0.6666666564544838, 0.4000033519274748, 0.28537308423165736, 0.23582153562187708)
# … (sin(√z)/√z − 1)/z with weight z and (cos √z − 1 + z/2)/z² with weight z² on 0 ≤ z ≤ (π/4)².
SIN = (-0.16666666666666632, 0.008333333333322425, -0.0001984126982981689,
       2.7557313695201103e-06, -2.5050758648718446e-08, 1.5896827639123762e-10)  # fmt: skip
SIN_SINGLE = (-0.16666666641626846, 0.008333329385926881, -0.00019839334848182136,
              2.7183116092676475e-06)  # fmt: skip
COS = (0.0416666666666666, -0.0013888888888874138, 2.4801587289491817e-05,
       -2.7557314355237e-07, 2.087572368359358e-09, -1.1359669815264886e-11)  # fmt: skip
COS_SINGLE = (0.04166666662282786, -0.001388888375339827, 2.4799520006467595e-05,
              -2.7210237616510265e-07)  # fmt: skip
# erf(√z)/√z − 1 on √z ≤ 0.8125, (erf(1 + u) − erf 1)/u with weight |u| on 0.8125 ≤ 1 + u ≤ 1.3125,
# and erfc(x)·e^(x²) with weight e^(−x²), in t = 1/(x + 2), on 1.3125 ≤ x ≤ 6; for float32 the
# first and the last meet at 1.
ERF_NEAR = (0.1283791670955126, -0.3761263890318375, 0.11283791670954946,
            -0.026866170645080022, 0.005223977624690286, -0.0008548326958296885,
            0.00012055329398885063, -1.4925520428159616e-05, 1.645896180448857e-06,
            -1.631505040330953e-07, 1.4282555746680853e-08, -9.093270562676531e-10)  # fmt: skip
ERF_NEAR_SINGLE = (0.1283791659137795, -0.37612627136102134, 0.11283600177706445,
                   -0.026854444652589637, 0.005189535456214049, -0.0008020842317213513,
                   7.889122972225729e-05)  # fmt: skip
ERF_MIDDLE = (0.4151074974205946, -0.4151074974205857, 0.13836916580691805,
              0.06918458290037381, -0.0691845829077016, 0.004612305873072272,
              0.015154717857430324, -0.004777047863707265, -0.0018851455181258124,
              0.0012266514765729886, 8.403092526889615e-05, -0.00020184118960171342,
              3.51534804052153e-05)  # fmt: skip
ERF_FAR = (9.117075882008909e-06, 0.5637792198812243, 1.1366178740432742,
           1.878361400658389, 3.533281978853609, -0.6472227755372189, 8.22523127870945,
           -8.128884777245803, -88.06198409312836, 246.18026635461723,
           -260.42024705119303, 104.51288022678192)  # fmt: skip
ERF_FAR_SINGLE = (0.0018224781957152706, 0.5194012894381725, 1.5872078641462526,
                  -0.5156835358846414, 10.186877855836878, -7.385651740053839)  # fmt: skip

ERF_ONE = (0.8427007929497149, -2.4801011789118602e-17)  # erf 1 in two pieces
# ln 2 and π/2 in pieces (Cody & Waite): k·LN2_HIGH is exact for |k| < 2¹², since its last 12
# bits are zero; π/2 has three full pieces, since the first product is rounded with the sum.
LN2_HIGH, LN2_LOW, LOG2_E = 0.693147180559663, 2.8235290563031577e-13, 1.4426950408889634
HALF_PI = (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33)
TWO_OVER_PI = 0.6366197723675814

# x + 1.5·2⁵² is rounded to an integer, which then stands in the last bits of the sum.
_SHIFT = 1.5 * 2.0**52
_BIAS, _FRACTION = 1023, 52  # of binary64's exponent, and its bits of fraction


def _bits_of(number: float) -> int:
    return struct.unpack("<q", struct.pack("<d", number))[0]


def below(x: Real, bound: float) -> Real:
    """The smaller of x and a bound; NaN stays NaN."""
    return select(x > bound, bound, x)


def above(x: Real, bound: float) -> Real:
    """The larger of x and a bound; NaN stays NaN."""
    return select(x < bound, bound, x)


def quotient(n: Real, n_low: Real, d: Real, d_low: Real) -> Real:
    """(n + n_low) / (d + d_low), with one division and one Newton correction."""
    inverse = 1.0 / d
    first = n * inverse
    rest = fma(-first, d, n) + n_low
    return fma(fma(-first, d_low, rest), inverse, first)


# Exponential -------------------------------------------------------------------------------------


def split_exp(x: Real) -> tuple[Word, Real, Real]:
    """k, r and r_low with x = k·ln 2 + r + r_low; k stands in the low bits of a word."""
    shifted = fma(x, LOG2_E, x.new(_SHIFT))
    k = shifted - _SHIFT
    r_high = fma(k, -LN2_HIGH, x)  # exact
    r = fma(k, -LN2_LOW, r_high)
    return bits(shifted), r, fma(k, -LN2_LOW, r_high - r)


def exp_tail(r: Real, r_low: Real) -> Real:
    """e^(r + r_low) − 1 − r for |r| ≤ ½ ln 2."""
    return fma(r * r, polynomial(r, EXP), fma(r, r_low, r_low))


def exp_terms(r: Real, r_low: Real) -> tuple[Real, Real]:
    """e^(r + r_low) − 1 as r + r²/2 and the rest, with errors far below an ulp of the first."""
    half = r * 0.5
    square = half * r
    square_low = fma(half, r, -square)
    head, head_low = fast_two_sum(r, square)
    cubic = fma(square * (r + r), polynomial(r, EXP[1:]), fma(r, r_low, r_low))
    return head, cubic + (head_low + square_low)


def power_of_two(k: Word, more: int = 0) -> Real:
    """2**(k + more), for exponents of normal numbers; only the low bits of k count."""
    return real((k + (_BIAS + more)) << _FRACTION)


def exponent_halves(k: Word) -> tuple[Real, Real]:
    """Two powers of two with the product 2ᵏ, each a normal number, for |k| < 2044.

    Multiplying by one after the other rounds at most once: gradual underflow comes out right.
    """
    half = k >> 1
    return power_of_two(half), power_of_two(k - half)


# Logarithm ---------------------------------------------------------------------------------------

_SQRT_HALF = _bits_of(math.sqrt(0.5))
_ONE = _bits_of(1.0)
_MASK = (1 << _FRACTION) - 1
_INTEGERS = 2.0**52  # the last bits of a number from here on are its integer


def split_log(x: Real) -> tuple[Real, Real, Real]:
    """k, m and 2⁻ᵏ with x = 2ᵏm and √½ ≤ m < √2, for normal positive x < 2¹⁰²³."""
    word = bits(x) + (_ONE - _SQRT_HALF)
    biased = word >> _FRACTION
    k = real(biased | _bits_of(_INTEGERS)) - (_INTEGERS + _BIAS)
    m = real((word & _MASK) + _SQRT_HALF)
    return k, m, real((biased ^ -1) + (2 * _BIAS + 1) << _FRACTION)


def log_terms(k: Real, f: Real, f_low: Real | None = None) -> tuple[Real, Real]:
    """k·ln 2 + log(1 + f + f_low) as a large and a small term, for √½ ≤ 1 + f < √2.

    With s = f/(2 + f) it is log(1 + f) = 2 artanh s = f − f²/2 + s(f²/2 + s²·R(s²)).
    """
    s = f / (f + 2.0)
    z = s * s
    half = f * 0.5
    square = half * f
    square_low = fma(half, f, -square)
    head, head_low = fast_two_sum(f, -square)
    small = fma(s, fma(z, polynomial(z, LOG), square), head_low - square_low)
    if f_low is not None:
        small = fma(fma(f, f - 1.0, f.new(1.0)), f_low, small)  # 1 − f + f² ≈ 1/(1 + f)
    total, total_low = fast_two_sum(k * LN2_HIGH, head)
    return total, total_low + fma(k, LN2_LOW, small)


def log_edges(x: Real, inside: Real) -> Real:
    """The logarithm of x from its value inside the domain: −∞ at 0, NaN below, x if ∞ or NaN."""
    outside = select(x < 0.0, math.nan, -math.inf)
    # x + x is infinite or NaN like x, and a NaN that signals becomes a quiet one.
    return select(x < math.inf, select(x > 0.0, inside, outside), x + x)


# Sine and cosine ---------------------------------------------------------------------------------


def quarter_turns(x: Real) -> tuple[Word, Real, Real]:
    """k, r and r_low with x = k·π/2 + r + r_low, |r| ≤ π/4, for |x| ≤ 2³⁰.

    No binary64 number is nearer to a multiple of π/2 than 2⁻⁶¹ (Muller 2016, §11.3.1); up to
    the bound the pieces of π/2 leave an error below 2⁻¹²⁸.
    """
    first, second, third = HALF_PI
    shifted = fma(x, TWO_OVER_PI, x.new(_SHIFT))
    k = shifted - _SHIFT
    product = k * second
    product_low = fma(k, second, -product)
    r, r_low = two_sum(fma(k, -first, x), -product)  # the first difference is exact
    return bits(shifted), r, fma(k, -third, r_low - product_low)


def quadrant(k: Word, sine: Real, cosine: Real) -> Real:
    """sin(r + k·π/2) from sin r and cos r: bit 0 of k exchanges them, bit 1 turns the sign."""
    chosen = select((k & 1).is_zero(), sine, cosine)
    return real(bits(chosen) ^ ((k & 2) << 62))
