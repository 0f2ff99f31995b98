"""The irrational constants of derivative rules, each with the number that it stands for.

A rule that multiplies by one of these is exact over mpmath: see ``graph/irrational.py``.  Products
and negations are entries of their own, since arithmetic would leave a plain double.
"""

from __future__ import annotations

from math import e as euler
from math import log, log2, log10, pi, sqrt

from diffkit.graph.irrational import Irrational
from diffkit.lazy import mp

__all__ = [
    "DEGREE", "EIGHTH_PI", "HALF_PI", "HALF_SQRT_PI", "LN2", "LN10", "LOG2_E", "LOG10_E",
    "MINUS_EIGHTH_PI", "MINUS_SQRT_HALF", "ONE_OVER_PI", "ONE_OVER_SQRT_PI", "PI", "SQRT_2_OVER_PI",
    "SQRT_2_PI", "SQRT_PI", "TWO_OVER_SQRT_PI",
]  # fmt: skip

LN2 = Irrational(log(2.0), "ln 2", lambda: mp.log(2))
LN10 = Irrational(log(10.0), "ln 10", lambda: mp.log(10))
LOG2_E = Irrational(log2(euler), "log₂ e", lambda: 1 / mp.log(2))
LOG10_E = Irrational(log10(euler), "log₁₀ e", lambda: 1 / mp.log(10))

PI = Irrational(pi, "π", lambda: mp.pi)
HALF_PI = Irrational(pi / 2.0, "π/2", lambda: mp.pi / 2)
EIGHTH_PI = Irrational(pi / 8.0, "π/8", lambda: mp.pi / 8)
MINUS_EIGHTH_PI = Irrational(-pi / 8.0, "−π/8", lambda: -mp.pi / 8)
ONE_OVER_PI = Irrational(1.0 / pi, "1/π", lambda: 1 / mp.pi)
DEGREE = Irrational(pi / 180.0, "π/180", lambda: mp.pi / 180)

SQRT_PI = Irrational(sqrt(pi), "√π", lambda: mp.sqrt(mp.pi))
HALF_SQRT_PI = Irrational(sqrt(pi) / 2.0, "√π/2", lambda: mp.sqrt(mp.pi) / 2)
ONE_OVER_SQRT_PI = Irrational(1.0 / sqrt(pi), "1/√π", lambda: 1 / mp.sqrt(mp.pi))
TWO_OVER_SQRT_PI = Irrational(2.0 / sqrt(pi), "2/√π", lambda: 2 / mp.sqrt(mp.pi))
SQRT_2_PI = Irrational(sqrt(2.0 * pi), "√(2π)", lambda: mp.sqrt(2 * mp.pi))
SQRT_2_OVER_PI = Irrational(sqrt(2.0 / pi), "√(2/π)", lambda: mp.sqrt(2 / mp.pi))
MINUS_SQRT_HALF = Irrational(-1.0 / sqrt(2.0), "−1/√2", lambda: -1 / mp.sqrt(2))
