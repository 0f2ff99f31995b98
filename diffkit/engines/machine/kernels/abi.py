"""What kernels are written with: addresses, typed memory, and calls through addresses.

Every operand of a row is one word, ``slot << 48 | offset``: the slot picks a base address from
the table (workspace, constants, an argument, …) and the offset counts bytes from there.  So rows
never change: to run on other arrays, one address in the table is exchanged.

    address = table[word >> 48] + (word & (2⁴⁸ − 1))

Memory is read through typed pointers, ``f8(address)[i]``.  The intrinsics below are the only
places that speak LLVM (https://numba.readthedocs.io/en/stable/extending/high-level.html).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from diffkit.engines.machine.words import OFFSET_BITS, OFFSET_MASK

__all__ = [
    "FLAGS",
    "KERNEL",
    "OPERATION",
    "call_kernel",
    "call_operation",
    "f4",
    "f8",
    "i4",
    "i8",
    "kernel",
    "operand",
    "row_address",
    "u1",
]

# No fastmath and no contraction: results must not depend on how a loop was vectorised.
FLAGS: dict[str, Any] = {"error_model": "numpy", "boundscheck": False, "nogil": True}
_WORDS = types.CPointer(types.int64)
# kernel(row, table), and an elementwise operation over n lanes: op(d, a, b, c, n).
KERNEL = types.void(_WORDS, _WORDS)
OPERATION = types.void(*[types.int64] * 5)


def kernel(signature: Any = KERNEL) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Mark a function as a kernel that ``machine/building.py`` compiles under its own name."""

    def mark(function: Callable[..., None]) -> Callable[..., None]:
        function.__dict__["kernel_signature"] = signature
        return function

    return mark


# Callers do not pass the typing context that Numba's own declaration of intrinsics shows.
_intrinsic: Any = intrinsic


def _pointer(scalar: Any, llvm: ir.Type) -> Any:
    """An intrinsic that turns an address into a typed pointer."""

    @intrinsic
    def pointer(typing_context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], llvm.as_pointer())

        return types.CPointer(scalar)(types.int64), generate

    return pointer


f8 = _pointer(types.float64, ir.DoubleType())
f4 = _pointer(types.float32, ir.FloatType())
i8 = _pointer(types.int64, ir.IntType(64))
i4 = _pointer(types.int32, ir.IntType(32))
u1 = _pointer(types.uint8, ir.IntType(8))


@_intrinsic
def row_address(typing_context: Any, row: Any) -> Any:
    """The address of the words that a pointer points at."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ptrtoint(arguments[0], ir.IntType(64))

    return types.int64(_WORDS), generate


@njit(**FLAGS)
def operand(table: Any, word: Any) -> Any:
    """The address that a word of a row stands for."""
    return table[word >> OFFSET_BITS] + (word & OFFSET_MASK)


def _call(builder: Any, address: Any, arguments: list[Any]) -> None:
    """Call compiled code: result and error go to memory nobody reads (Numba's own convention)."""
    byte = ir.IntType(8).as_pointer()
    with builder.goto_entry_block():
        nowhere = builder.alloca(byte), builder.alloca(byte)
    kinds = [byte.as_pointer(), byte.as_pointer(), *(a.type for a in arguments)]
    function = ir.FunctionType(ir.IntType(32), kinds).as_pointer()
    builder.call(builder.inttoptr(address, function), [*nowhere, *arguments])


@_intrinsic
def call_kernel(typing_context: Any, address: Any, row: Any, table: Any) -> Any:
    """Call the kernel at an address."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _call(builder, arguments[0], list(arguments[1:]))
        return context.get_dummy_value()

    return types.void(types.int64, _WORDS, _WORDS), generate


@_intrinsic
def call_operation(
    typing_context: Any, address: Any, d: Any, a: Any, b: Any, c: Any, n: Any
) -> Any:
    """Call the elementwise operation at an address."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _call(builder, arguments[0], list(arguments[1:]))
        return context.get_dummy_value()

    return types.void(*[types.int64] * 6), generate
