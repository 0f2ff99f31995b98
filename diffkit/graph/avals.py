"""Abstract values: what is known of an array before it has numbers.

An abstract value is a shape and a dtype, written ``f64[32,3]``.  They are interned, so two
equal abstract values are one object and are compared by identity; that makes shape inference
a dictionary look-up (the idea of hash-consing, E. Goto 1974, Monocopy and associative
algorithms in an extended Lisp).

Note [Half floats].  Numbers of 16 bits have three digits, too few to compare methods on, and no
kernels.  So a float16 argument or constant becomes float64, as an integer does, and its derivative
is float64; a conversion of traced numbers to float16 is refused.
"""

from __future__ import annotations

from functools import cache
from math import prod
from typing import Any

import numpy as np

from diffkit.errors import DtypeError

__all__ = ["Aval", "aval", "aval_of", "check_dtype"]

_LETTER = {"f": "f", "i": "i", "u": "u", "b": "bool", "c": "c"}


class Aval:
    """A shape and a dtype, e.g. ``f64[32,3]``; make one with :func:`aval`.

    >>> aval((32, 3), "f4")
    f32[32,3]
    >>> aval((2,), "f8") is aval((2,), float)
    True
    """

    __slots__ = ("dtype", "is_float", "ndim", "shape", "size")

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.shape = shape
        self.dtype = dtype
        self.ndim = len(shape)
        self.size = prod(shape)
        self.is_float = dtype.kind in "fc"

    def __repr__(self) -> str:
        kind = self.dtype.kind
        name = "bool" if kind == "b" else f"{_LETTER.get(kind, kind)}{self.dtype.itemsize * 8}"
        return f"{name}[{','.join(map(str, self.shape))}]" if self.shape else name

    def __reduce__(self) -> tuple[Any, ...]:
        return aval, (self.shape, self.dtype.str)


@cache
def _intern(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Aval:
    return Aval(shape, dtype)


def aval(shape: tuple[int, ...], dtype: Any) -> Aval:
    """The interned abstract value of this shape and dtype."""
    return _intern(tuple(int(size) for size in shape), np.dtype(dtype))


def aval_of(value: Any) -> Aval:
    """The abstract value of an array or number.

    Raises
    ------
    DtypeError
        For dtypes that are not numbers or booleans.

    >>> aval_of(np.zeros((2, 3)))
    f64[2,3]
    """
    array = value if isinstance(value, (np.ndarray, np.generic)) else np.asarray(value)
    check_dtype(array.dtype)
    return _intern(array.shape, array.dtype)


def check_dtype(dtype: np.dtype[Any], name: str = "the value") -> None:
    """Refuse dtypes a graph cannot hold: objects, strings, dates and records.

    Raises
    ------
    DtypeError
        Naming the dtype and what to convert it to.
    """
    if dtype.kind in "fiubc":
        return
    raise DtypeError(
        f"{name} has dtype {dtype}, which cannot be differentiated",
        hint="convert it with np.asarray(value, dtype=float).",
    )
