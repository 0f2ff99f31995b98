"""The coefficients of the elementary functions are those that Remez's exchange finds.

Each polynomial is computed anew, at 300 bits, over the interval where it is used.
"""

from __future__ import annotations

from typing import Any

import mpmath as mp
import pytest
from minimax import minimax

from diffkit.engines import elementary_parts as parts

# Below it, the functions to be approximated are quotients of zeros, and their series are used.
# Intervals are a little longer than needed, for the rounding of k.
_NONE, _MARGIN = mp.mpf(10) ** -15, 1 + mp.mpf(2) ** -20


def _exp_rest(r: Any) -> Any:
    return (mp.exp(r) - 1 - r) / r**2 if abs(r) > _NONE else mp.mpf(1) / 2 + r / 6


def _log_rest(z: Any) -> Any:
    s = mp.sqrt(z)
    return (2 * mp.atanh(s) / s - 2) / z if z > _NONE else mp.mpf(2) / 3 + 2 * z / 5


def _sin_rest(z: Any) -> Any:
    s = mp.sqrt(z)
    return (mp.sin(s) / s - 1) / z if z > _NONE else -mp.mpf(1) / 6 + z / 120


def _erf_near(z: Any) -> Any:
    s = mp.sqrt(z)
    return (mp.erf(s) / s if z > _NONE**2 else 2 / mp.sqrt(mp.pi) * (1 - z / 3)) - 1


def _erf_far(t: Any) -> Any:
    x = 1 / t - 2
    return mp.erfc(x) * mp.exp(x * x)


def _cos_rest(z: Any) -> Any:
    return (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2 if z > _NONE else mp.mpf(1) / 24 - z / 720


def _erf_middle(u: Any) -> Any:
    slope = 2 / mp.sqrt(mp.pi) / mp.e
    return (mp.erf(1 + u) - mp.erf(1)) / u if abs(u) > _NONE else slope * (1 - u)


def _interval(name: str) -> tuple[Any, Any]:
    """Where a polynomial is used."""
    half_ln2, eighth_turn = mp.log(2) / 2 * _MARGIN, mp.pi / 4 * _MARGIN
    first, second = mp.mpf("0.8125"), mp.mpf("1.3125")
    return {
        "EXP": (-half_ln2, half_ln2),
        "LOG": (mp.mpf(0), (3 - 2 * mp.sqrt(2)) ** 2 * _MARGIN),
        "SIN": (mp.mpf(0), eighth_turn**2),
        "COS": (mp.mpf(0), eighth_turn**2),
        "ERF_NEAR": (mp.mpf(0), first**2),
        "ERF_NEAR_SINGLE": (mp.mpf(0), mp.mpf(1)),
        "ERF_MIDDLE": (first - 1, second - 1),
        "ERF_FAR": (mp.mpf(1) / 8, 1 / (second + 2)),
        "ERF_FAR_SINGLE": (mp.mpf(1) / 8, mp.mpf(1) / 3),
    }[name]


POLYNOMIALS: dict[str, tuple[Any, Any]] = {
    "EXP": (_exp_rest, lambda r: abs(r) + mp.mpf(10) ** -9),
    "LOG": (_log_rest, lambda z: z + mp.mpf(10) ** -12),
    "SIN": (_sin_rest, lambda z: z + mp.mpf(10) ** -12),
    "COS": (_cos_rest, lambda z: z * z + mp.mpf(10) ** -12),
    "ERF_NEAR": (_erf_near, lambda z: mp.mpf(1)),
    "ERF_MIDDLE": (_erf_middle, lambda u: abs(u) + mp.mpf(10) ** -9),
    "ERF_FAR": (_erf_far, lambda t: mp.exp(-((1 / t - 2) ** 2))),
}


@pytest.mark.parametrize("suffix, most", [("", 2.0**-56), ("_SINGLE", 2.0**-29)])
@pytest.mark.parametrize("name", POLYNOMIALS)
def test_the_coefficients_are_minimax(name: str, suffix: str, most: float) -> None:
    written = getattr(parts, name + suffix, None)
    if written is None:
        assert name + suffix == "ERF_MIDDLE_SINGLE"  # float32 does without
        return
    f, weight = POLYNOMIALS[name]
    with mp.workprec(300):
        low, high = _interval(name + suffix if name.startswith("ERF") else name)
        found, error = minimax(f, weight, low, high, len(written) - 1)
    assert tuple(found) == written
    assert error < most
