"""Calls of C functions through their addresses, and copying of bytes.

Python's and NumPy's C functions take pointers and integers and return one of them, so one form
serves all: every argument is a 64-bit word, the result is one.  A function that returns a C ``int``
leaves the upper half of its word undefined; :func:`as_int` cuts it off.

Reading on: System V application binary interface, AMD64, "Function Calling Sequence".
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

__all__ = ["as_int", "call", "copy_bytes"]

_intrinsic: Any = intrinsic
_WORD = ir.IntType(64)


@_intrinsic
def call(typing_context: Any, address: Any, arguments: Any) -> Any:
    """Call the C function at an address with a tuple of words."""
    count = len(arguments)

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kind = ir.FunctionType(_WORD, [_WORD] * count).as_pointer()
        words = [builder.extract_value(values[1], k) for k in range(count)]
        return builder.call(builder.inttoptr(values[0], kind), words)

    return types.int64(types.int64, types.UniTuple(types.int64, count)), generate


@_intrinsic
def as_int(typing_context: Any, word: Any) -> Any:
    """The C ``int`` in the lower half of a word."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.sext(builder.trunc(values[0], ir.IntType(32)), _WORD)

    return types.int64(types.int64), generate


@_intrinsic
def copy_bytes(typing_context: Any, to: Any, source: Any, count: Any) -> Any:
    """Copy memory that does not overlap."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        byte = ir.IntType(8).as_pointer()
        copy = builder.module.declare_intrinsic("llvm.memcpy", [byte, byte, _WORD])
        places = [builder.inttoptr(value, byte) for value in values[:2]]
        builder.call(copy, [*places, values[2], ir.Constant(ir.IntType(1), 0)])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), generate
