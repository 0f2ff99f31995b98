"""How traced complex values are recognised, before the module that holds them is imported.

An operation on real arrays that meets one raises :class:`ComplexOperand`; whoever dispatched it
tries the complex form next (``complex_functions.py``).  So real code pays for complex numbers with
one test where constants become literals, and with nothing else.

Reading on: ``docs/decisions/0014-complex-values.md``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diffkit.capture.lines import here
from diffkit.errors import DtypeError, InputError
from diffkit.graph.irrational import Irrational

__all__ = ["ComplexOperand", "ComplexValue", "has_own_rules", "real_array"]


class ComplexValue:
    """The base of traced complex values (``complex_values.py``)."""

    __slots__ = ()


class ComplexOperand(DtypeError):
    """A complex value met an operation on real ones: its complex form is tried next."""


def has_own_rules(value: Any) -> bool:
    """Whether an array is of a subclass, whose operators mean something else than NumPy's.

    >>> has_own_rules(np.ma.array([1.0], mask=[True])), has_own_rules(np.ones(2))
    (True, False)
    """
    return isinstance(value, np.ndarray) and type(value) not in (np.ndarray, np.memmap)


def real_array(value: Any, what: str) -> Any:
    """A plain value as an array, or as the NumPy scalar that it is.

    Raises
    ------
    ComplexOperand
        When it is complex.
    InputError
        When it is a matrix, a masked array or another subclass.

    >>> real_array(2.0, "sin")
    array(2.)
    """
    if not isinstance(value, ComplexValue):
        if has_own_rules(value):
            raise InputError(
                f"{what}: a {type(value).__name__} has rules of its own, which a graph would lose",
                where=here(),
                hint="pass np.asarray(x), with any mask as a separate array for np.where.",
            )
        if isinstance(value, Irrational):
            return value.in_dtype(np.float64)
        array = value if isinstance(value, (np.ndarray, np.generic)) else np.asarray(value)
        if array.dtype == np.float16:
            return array.astype(np.float64)  # Note [Half floats] in graph/avals.py
        if array.dtype.kind != "c":
            return array
    raise ComplexOperand(
        f"{what}: complex operands are not supported here",
        where=here(),
        hint="write it with real and imaginary parts: z.real, z.imag, np.abs(z).",
    )
