"""Random numbers that are a function of a key and a counter, and so part of a graph.

    word(k₁, k₂, i) = the upper 53 bits of the first half of Threefry-2x64-20 at counter (i, 0)

A generator with a hidden state cannot be captured: its next number depends on what was drawn
before.  A counter-based one is a hash, a pure function like any other.  Its words are whole
numbers below 2⁵³ held in floats, so a key is an array of floats, an operand like any other, and
one captured graph draws other numbers at every step of a training.

Threefry is Threefish without its tweak: additions, rotations and exclusive-ors of two words of
64 bits, a new part of the key every four rounds.  It passes TestU01's BigCrush.  As a function
of real numbers it is a staircase, so its derivative is 0.

Source: Salmon, Moraes, Dror & Shaw 2011, *Parallel random numbers: as easy as 1, 2, 3*, whose
published test vectors are among the tests.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.graph.primitive import Kink, primitive
from diffkit.lazy import mp
from diffkit.primitives.domains import Domain
from diffkit.primitives.piecewise import Staircase

__all__ = ["GROUPS", "KEY_PARITY", "ROTATIONS", "WORD_BITS", "random_word", "threefry"]

WORD_BITS = 53
"""Bits of a word: all whole numbers below 2⁵³ are floats."""
KEY_PARITY = 0x1BD11BDAA9FC1A22  # makes the third part of the key; Salmon et al. 2011
ROTATIONS = (16, 42, 12, 31, 16, 32, 24, 21)  # of the eight rounds that repeat; the same
GROUPS = 5  # of four rounds each
_ALL_BITS = (1 << 64) - 1


def _are_words(*x: Any) -> Any:
    return np.logical_and.reduce([(part >= 0) & (part < 2.0**WORD_BITS) for part in x])


words = Domain("0 ≤ x < 2⁵³", _are_words, (0.2, 3.0))


def threefry(key: tuple[Any, Any], counter: tuple[Any, Any]) -> tuple[Any, Any]:
    """The two words of 64 bits of Threefry-2x64-20; Python integers, or arrays of uint64.

    >>> [hex(word) for word in threefry((0, 0), (0, 0))]
    ['0xc2b6e3a8c2c69865', '0x6f81ed42f350084d']
    """
    parts = (*key, key[0] ^ key[1] ^ _like(key[0], KEY_PARITY))
    x, y = _wrapped(counter[0] + parts[0]), _wrapped(counter[1] + parts[1])
    for group in range(GROUPS):
        for turn in ROTATIONS[4 * (group % 2) :][:4]:
            x = _wrapped(x + y)
            y = _wrapped(y << _like(y, turn)) | (y >> _like(y, 64 - turn))
            y = y ^ x
        x = _wrapped(x + parts[(group + 1) % 3])
        y = _wrapped(y + parts[(group + 2) % 3] + _like(y, group + 1))
    return x, y


def _like(x: Any, number: int) -> Any:
    return number if isinstance(x, int) else np.uint64(number)


def _wrapped(x: Any) -> Any:
    return x & _ALL_BITS if isinstance(x, int) else x


@primitive
class random_word(Staircase):
    """A whole number below 2⁵³, drawn by a key of two numbers and a counter."""

    # 20 rounds of an addition, a rotation (three operations) and an exclusive-or, six additions
    # of the key, and the conversions
    domain, flops, floating, takes_bool = words, 112, True, False
    emit = "random_word({0}, {1}, {2})"
    kinks = (Kink(at=(1.0, 2.0, 3.0), slopes=(None, 0.0), declared=0.0, note="a jump"),)

    def analytic(self, *x: Any) -> Any:
        """Constant around the real parts."""
        return self.value(*map(np.real, x)) + 0j

    def value(self, k: Any, m: Any, i: Any) -> Any:
        """Whole parts, hashed; NaN for what is negative, 2⁵³ or more, or not a number."""
        numbers = [np.asarray(x) for x in np.broadcast_arrays(k, m, i)]
        dtype = np.result_type(*numbers)
        inside = _are_words(*numbers)
        a, b, c = (np.where(inside, x, 0).astype(np.uint64) for x in numbers)
        with np.errstate(over="ignore"):
            first, _ = threefry((a, b), (c, np.zeros_like(c)))
        drawn = (first >> np.uint64(64 - WORD_BITS)).astype(dtype)
        return np.where(inside, drawn, np.asarray(np.nan, dtype))[()]

    def sympy(self, k: Any, m: Any, i: Any) -> Any:
        from diffkit.primitives.counting_forms import random_word as formula

        return formula(k, m, i)

    def mpmath(self, k: Any, m: Any, i: Any) -> Any:
        """The same in Python's integers."""
        if not _are_words(k, m, i):
            return mp.nan
        first, _ = threefry((int(k), int(m)), (int(i), 0))
        return mp.mpf(first >> (64 - WORD_BITS))

    def partials(self, y: Any, k: Any, m: Any, i: Any) -> Any:
        return lambda: 0, lambda: 0, lambda: 0
