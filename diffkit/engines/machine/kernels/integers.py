"""Which elementwise operations have a loop over 64-bit integers.

Integers wrap around modulo 2⁶⁴, as in NumPy, and truth values stand as 1 and 0.  Operations whose
result is a float (division, roots, functions) convert their operands first, so they are not here;
shorter integers are computed by NumPy, since they wrap around elsewhere.  This module names what
``kernels/elementwise.py`` writes and ``rules/elementwise.py`` may ask for, and needs no Numba.
"""

from __future__ import annotations

__all__ = ["INTEGER_OPERATIONS"]

_COMPARISONS = ("equal", "greater", "greater_equal", "less", "less_equal", "not_equal")
_LOGIC = ("logical_and", "logical_not", "logical_or")
_POWERS = tuple(f"integer_power_{n}" for n in range(5))
_ARITHMETIC = ("abs", "add", "alias", "clip", "floor_divide", "mask", "maximum", "minimum", "mul",
               "neg", "relu", "remainder", "sign", "sub", "where")  # fmt: skip

# By the names of their loops.
INTEGER_OPERATIONS = frozenset((*_COMPARISONS, *_LOGIC, *_POWERS, *_ARITHMETIC))
