"""Powers: xⁿ for a constant whole n, squares and reciprocals, and the general xʸ.

A constant whole exponent is worth knowing: xⁿ has the slope n·xⁿ⁻¹ for negative x and at 0, where
exp(n·log x) has none.  Powers of integers stay integers, as in NumPy: square and multiply.

Reading on: Knuth 1997, *The art of computer programming*, volume 2, section 4.6.3.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.capture.numpy_functions.tables import same
from diffkit.capture.tracing import Tracer, cast_to, here, lift
from diffkit.errors import DtypeError
from diffkit.primitives import arithmetic as ops
from diffkit.primitives import piecewise, rounding

__all__ = ["float_of", "power", "reciprocal", "square"]

# Integral exponents beyond this are left to the general power.
MAX_INTEGER_EXPONENT = 2**31


def float_of(x: Tracer) -> np.dtype[Any]:
    """The dtype of x as a float: its own, or float64 for integers."""
    return x.dtype if x.dtype.kind == "f" else np.dtype(np.float64)


def power(base: Any, exponent: Any) -> Any:
    """``base ** exponent``: xⁿ for a constant integral n, else the general power."""
    n = _integral_constant(exponent)
    if n is None or not isinstance(base, Tracer):
        return _general_power(base, exponent)
    if type(exponent) not in (int, float):
        base = cast_to(base, np.result_type(base.dtype, exponent))
    if base.dtype.kind != "f":
        if np.asarray(exponent).dtype.kind in "iub":
            return _integer_base(base, n)
        base = cast_to(base, np.float64)
    return same(base) if n == 1 else ops.integer_power(base, n=n)


def _general_power(base: Any, exponent: Any) -> Any:
    """xʸ by exp and log; of integers an integer again, while a guard says that y ≥ 0."""
    y = ops.power(base, exponent)
    kinds = [x.dtype if isinstance(x, Tracer) else type(x) if type(x) in (int, float)
             else np.asarray(x).dtype for x in (base, exponent)]  # fmt: skip
    try:
        dtype = np.power.resolve_dtypes((*kinds, None))[-1]
    except TypeError:  # a type that NumPy's power does not know
        return y
    if dtype.kind not in "iu" or not isinstance(y, Tracer):
        return y
    if not bool(np.all(ops.greater_equal(exponent, 0))):
        raise DtypeError(
            "power: integers cannot be raised to negative integers",
            where=here(),
            hint="convert the base to float first, as NumPy demands too.",
        )
    return cast_to(rounding.rint(y), dtype)


def _integral_constant(exponent: Any) -> int | None:
    """A plain scalar exponent as an int, or None."""
    if type(exponent) is not int:
        if isinstance(exponent, np.ndarray) and exponent.ndim == 0:
            exponent = exponent[()]
        if not isinstance(exponent, (float, np.integer, np.floating)):
            return None
        if not float(exponent).is_integer():
            return None
    return int(exponent) if abs(exponent) <= MAX_INTEGER_EXPONENT else None


def _integer_base(base: Tracer, n: int) -> Tracer:
    """Powers of integers stay integers: square and multiply."""
    if base.dtype == bool:
        base = cast_to(base, np.int8)  # as NumPy's loops for truth values begin
    if n < 0:
        raise DtypeError(
            f"power: an integer array cannot be raised to the negative integer {n}",
            where=here(),
            hint="convert it to float first, as NumPy demands too.",
        )
    result: Any = None
    while n:
        if n & 1:
            result = base if result is None else ops.mul(result, base)
        n >>= 1
        base = ops.mul(base, base) if n else base
    return lift(base.arena, np.ones(base.shape, base.dtype)) if result is None else same(result)


def square(x: Tracer) -> Any:
    """x², which stays an integer for integers."""
    return power(x, 2)


def reciprocal(x: Tracer) -> Any:
    """1/x; of integers cut to an integer, as NumPy does: 0 but for 1 and −1."""
    if x.dtype.kind == "f":
        return ops.div(1.0, x)
    x = cast_to(x, np.int8) if x.dtype == bool else x
    unit = ops.equal(piecewise.abs_(x), 1)
    return piecewise.where(unit, x, np.zeros((), x.dtype))
