"""The operators of traced arrays: ``x + y``, ``x < y``, ``x += y``.

They are the hot path of capture, about a microsecond each: an operator looks into the arena's
table and the operation's inference memo, and leaves everything unusual (plain numbers for the
first time, casts, broadcasting for the first time) to the tracer's ``bind_primitive``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from diffkit.capture.lines import here
from diffkit.errors import DataDependentError, UnsupportedError
from diffkit.graph.primitive import Primitive
from diffkit.primitives import arithmetic as ops
from diffkit.primitives import piecewise

__all__ = ["Operators"]

_getframe = sys._getframe


class Operators:
    """The operator methods of a tracer; the binary ones are installed below."""

    __slots__ = ()

    def __copy__(self) -> Any:
        return np.copy(self)  # type: ignore[call-overload]

    def __deepcopy__(self, memo: Any) -> Any:
        return np.copy(self)  # type: ignore[call-overload]

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise DataDependentError(
            "a traced array cannot be pickled: it has no numbers yet",
            where=here(),
            hint="copy it with np.copy, or pickle the result outside the function.",
        )

    def __pow__(self, other: Any, modulo: None = None) -> Any:
        if modulo is not None:
            raise UnsupportedError(
                "pow with three arguments cannot be traced", where=here(), hint="write x**n % m."
            )
        return np.power(self, other)  # type: ignore[call-overload]

    def __round__(self, digits: int | None = None) -> Any:
        return np.round(self, digits or 0)  # type: ignore[call-overload]

    def __rpow__(self, other: Any) -> Any:
        return np.power(other, self)  # type: ignore[call-overload]

    def __matmul__(self, other: Any) -> Any:
        return np.matmul(self, other)  # type: ignore[call-overload]

    def __rmatmul__(self, other: Any) -> Any:
        return np.matmul(other, self)  # type: ignore[call-overload]

    def __neg__(self) -> Any:
        return ops.neg(self)

    def __pos__(self) -> Any:
        return np.positive(self)  # type: ignore[call-overload]

    def __abs__(self) -> Any:
        return piecewise.abs_(self)

    def __invert__(self) -> Any:
        return np.invert(self)  # type: ignore[call-overload]


def _binary(primitive: Primitive, reflected: bool = False, declines: Any = ()) -> Any:
    """The operator method of a binary primitive; see the module's essay.

    Operands of the types in ``declines`` are left to Python, as in ``x == None``.
    """
    operation = primitive.bare
    memo = operation.memo

    def operator(self: Any, other: Any) -> Any:
        arena = self.arena
        if other.__class__ is self.__class__:
            other_node = other.node
            if other.arena is not arena:
                return primitive(self, other)
        else:
            other_node = arena.scalars.get((other.__class__, other, self.aval.dtype)) \
                if other.__class__ is float or other.__class__ is int else None  # fmt: skip
            if other_node is None:
                if declines and isinstance(other, declines):
                    return NotImplemented
                return primitive(other, self) if reflected else primitive(self, other)
        key = (operation, other_node, self.node) if reflected else \
            (operation, self.node, other_node)  # fmt: skip
        node = arena.table.get(key)
        avals = arena.avals
        if node is None:
            found = memo.get((avals[key[1]], avals[key[2]]))
            if found is None:
                return primitive(other, self) if reflected else primitive(self, other)
            source = arena.source
            if source is None:
                frame = _getframe(1)
                source = (frame.f_code, frame.f_lasti)
            node = len(avals)
            arena.operations.append(operation)
            arena.operands.append(key[1:])
            avals.append(found)
            arena.sources.append(source)
            arena.table[key] = node
            return self.__class__(arena, node, found)
        if arena.source is None:
            frame = _getframe(1)
            arena.note_repeat(node, (frame.f_code, frame.f_lasti))
        return self.__class__(arena, node, avals[node])

    operator.__name__ = f"{'reflected_' if reflected else ''}{primitive.name}"
    return operator


def _in_place(operator: Callable[[Any, Any], Any]) -> Any:
    """``y += x``: scalars rebind, arrays change for every alias, as in NumPy."""

    def update(self: Any, other: Any) -> Any:
        result = operator(self, other)
        if self.aval.ndim == 0 or result is NotImplemented:
            return result
        self.replace(result)
        return self

    return update


def _install() -> None:
    pairs = {
        "add": ops.add, "sub": ops.sub, "mul": ops.mul, "truediv": ops.div,
    }  # fmt: skip
    for name, primitive in pairs.items():
        method = _binary(primitive)
        setattr(Operators, f"__{name}__", method)
        setattr(Operators, f"__r{name}__", _binary(primitive, reflected=True))
        setattr(Operators, f"__i{name}__", _in_place(method))
    comparisons = {
        "lt": ops.less, "le": ops.less_equal, "gt": ops.greater, "ge": ops.greater_equal,
        "eq": ops.equal, "ne": ops.not_equal,
    }  # fmt: skip
    for name, primitive in comparisons.items():
        declines = (str, bytes, dict, set, type(None)) if name in ("eq", "ne") else ()
        setattr(Operators, f"__{name}__", _binary(primitive, declines=declines))
    # the rest goes through NumPy's ufuncs, which refuse bitwise operations on numbers
    others = {
        "floordiv": np.floor_divide, "mod": np.remainder, "divmod": np.divmod,
        "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor,
        "lshift": np.left_shift, "rshift": np.right_shift,
    }  # fmt: skip
    for name, ufunc in others.items():
        setattr(Operators, f"__{name}__", lambda self, other, u=ufunc: u(self, other))
        setattr(Operators, f"__r{name}__", lambda self, other, u=ufunc: u(other, self))
    in_place = {**others, "pow": np.power, "matmul": np.matmul}
    for name, ufunc in in_place.items():
        if name != "divmod":
            update = _in_place(lambda self, other, u=ufunc: u(self, other))
            setattr(Operators, f"__i{name}__", update)


_install()
