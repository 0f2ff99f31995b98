"""Constants of derivative rules that keep their meaning: 2/√π, and not the double next to it.

    erf′ x = 2/√π · e^(−x²)

A graph holds 2/√π as a literal, a double, and so its seventeenth digit is a wrong one.  That is
right for every engine that computes with doubles; but a reverse graph that is run over mpmath with
a hundred digits would have sixteen of them.  So a constant of a rule is a Python float that knows
which number it stands for, and the literal that a graph makes of it remembers it too:

* to numbers, printers and formulas it is the double, in every bit;
* over mpmath it is the number itself (``engines/objects.py``);
* a user's own 0.6931471805599453 stays the double that it is, so the two share no node.

Arithmetic gives plain floats, which have no meaning of their own: a rule says −1/√2 with a
constant of its own, not with a product.  The constants are in ``primitives/constants.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.lazy import mp

__all__ = ["DIGITS", "Irrational", "converted", "meaning_of", "number_in", "plain"]

# The truth is asked for with at most 800 digits (engines/slopes.py), and has some as a reserve.
DIGITS = 1000


class Irrational(float):
    """A float that knows the number that it is next to.

    >>> ln2 = Irrational(0.6931471805599453, "ln 2", lambda: mp.log(2))
    >>> ln2 * 2.0, mp.nstr(ln2.exact, 20)
    (1.3862943611198906, '0.69314718055994530942')
    """

    __slots__ = ("_compute", "_exact", "name")

    name: str
    _compute: Callable[[], Any]
    _exact: Any

    def __new__(cls, value: float, name: str, compute: Callable[[], Any]) -> Irrational:
        """``compute`` gives the number in mpmath's working precision, when it is asked for."""
        made = super().__new__(cls, value)
        made.name, made._compute, made._exact = name, compute, None
        return made

    @property
    def exact(self) -> Any:
        """The number, to ``DIGITS`` digits."""
        if self._exact is None:
            with mp.workdps(DIGITS):
                self._exact = +self._compute()
        return self._exact

    def in_dtype(self, dtype: Any) -> Any:
        """The NumPy number of a dtype that a graph keeps; floats remember the meaning."""
        dtype = np.dtype(dtype)
        kind = _REMEMBERING.get(dtype)
        if kind is None:
            return dtype.type(self)
        number = kind(self)
        number.irrational = self
        return number

    def __reduce__(self) -> Any:
        return float, (float(self),)


class _Double(np.float64):
    """A double that stands for an irrational number."""

    irrational: Irrational | None = None


class _Single(np.float32):
    """The same in single precision."""

    irrational: Irrational | None = None


_REMEMBERING: dict[np.dtype[Any], Any] = {
    np.dtype(np.float64): _Double,
    np.dtype(np.float32): _Single,
}


def meaning_of(number: Any) -> Irrational | None:
    """The irrational number that a literal stands for; None for all that are what they are.

    >>> ln2 = Irrational(0.6931471805599453, "ln 2", lambda: mp.log(2))
    >>> literal = ln2.in_dtype(np.float32)
    >>> literal, meaning_of(literal) is ln2, meaning_of(np.float32(ln2))
    (np.float32(0.6931472), True, None)
    """
    return getattr(number, "irrational", None)


def number_in(dtype: np.dtype[Any], value: Any) -> Any:
    """A plain number in a dtype, with its meaning if it has one."""
    return value.in_dtype(dtype) if isinstance(value, Irrational) else dtype.type(value)


def plain(literal: Any) -> Any:
    """A literal without its meaning: the double that it is.

    >>> ln2 = Irrational(0.6931471805599453, "ln 2", lambda: mp.log(2)).in_dtype(np.float64)
    >>> plain(ln2) == ln2, meaning_of(plain(ln2))
    (np.True_, None)
    """
    return literal if meaning_of(literal) is None else literal[()]


def converted(literal: Any, dtype: np.dtype[Any]) -> Any:
    """A literal in another dtype, with its meaning where that rounds to the same number."""
    plain, irrational = np.asarray(literal).astype(dtype), meaning_of(literal)
    if irrational is None or plain != irrational.in_dtype(dtype):
        return plain
    return irrational.in_dtype(dtype)
